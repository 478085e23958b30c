"""Public endpoints: system state, symbols and market data (protocol reference 4)."""

from __future__ import annotations

import msgspec

from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rest_messages import (
    AccountCurrencies,
    AccountCurrency,
    BookData,
    ServerTime,
    Service,
    Services,
    SpotCurrencies,
    SpotCurrency,
    SymbolDetails,
    SymbolNames,
    SymbolRow,
    TickerData,
    TickerRow,
    TradeRow,
)
from paper_bitmart.feed.events import FeedState
from paper_bitmart.server import market_wire
from paper_bitmart.server.endpoint import Call, Endpoint

BOOK_LEVELS_DEFAULT, BOOK_LEVELS_MAX = 35, 50
TRADES_MAX = 50
CURRENCIES_MAX = 20
NS_PER_MS = 1_000_000
HOUR_MS = 3_600_000

WORKING, COMPLETED = "1", "2"
"""States of a maintenance (protocol reference 4.2): under way, and over: the service is fine."""


def system_time(call: Call) -> ServerTime:
    """GET /system/time."""
    return ServerTime(server_time=call.context.market_ns() // NS_PER_MS)


def system_service(call: Call) -> Services:
    """GET /system/service: spot is fine while every tradable symbol's feed is live, else in maintenance."""
    venue = call.context.venue
    tradable = [symbol for symbol, rules in venue.rules.items() if rules.is_tradable]
    is_live = all(venue.feed_state(symbol) is FeedState.LIVE for symbol in tradable)
    now_ms = call.context.market_ns() // NS_PER_MS
    # Nobody knows when a feed comes back; an hour from now keeps a client's eta in the future.
    start_ms, end_ms = (now_ms - HOUR_MS, now_ms) if is_live else (now_ms, now_ms + HOUR_MS)
    spot = Service(
        title="Spot API",
        service_type="spot",
        status=COMPLETED if is_live else WORKING,
        start_time=start_ms,
        end_time=end_ms,
    )
    return Services(service=[spot])


def spot_currencies(call: Call) -> SpotCurrencies:
    """GET /spot/v1/currencies."""
    rows = [
        SpotCurrency(id=asset, name=asset, withdraw_enabled=True, deposit_enabled=True)
        for asset in call.context.venue.assets()
    ]
    return SpotCurrencies(currencies=rows)


def account_currencies(call: Call) -> AccountCurrencies:
    """GET /account/v1/currencies: paper coins, so the network is their own name and fees are 0."""
    known = call.context.venue.assets()
    text = call.params.text("currencies")
    wanted = text.split(",") if text is not None else known
    if len(wanted) > CURRENCIES_MAX and text is not None:
        raise refusal(60009, field="currencies", limit=CURRENCIES_MAX, value=len(wanted))
    rows = [
        AccountCurrency(
            currency=asset,
            name=asset,
            contract_address=None,
            network=asset,
            withdraw_enabled=True,
            deposit_enabled=True,
            withdraw_minsize="0",
            withdraw_minfee=None,
            withdraw_fee="0",
            withdraw_fee_estimate="0",
        )
        for asset in known
        if asset in wanted
    ]
    return AccountCurrencies(currencies=rows)


def symbols(call: Call) -> SymbolNames:
    """GET /spot/v1/symbols."""
    return SymbolNames(symbols=list(call.context.venue.rules))


def symbol_details(call: Call) -> SymbolDetails:
    """GET /spot/v1/symbols/details."""
    rows = [msgspec.convert(rules.to_wire(), SymbolRow) for rules in call.context.venue.rules.values()]
    return SymbolDetails(symbols=rows)


def contract_details(call: Call) -> SymbolDetails:
    """GET /contract/public/details: no futures here, but ccxt asks before anything else (reference 4.12)."""
    return SymbolDetails(symbols=[])


def ticker(call: Call) -> TickerData:
    """GET /spot/quotation/v3/ticker."""
    symbol = market_symbol(call)
    row = market_wire.ticker(call.context.session.views[symbol], call.context.books)
    if row is None:
        raise refusal(70000, field="symbol", value=symbol)
    return row


def tickers(call: Call) -> list[TickerRow]:
    """GET /spot/quotation/v3/tickers: symbols that traded within 24 hours, as arrays."""
    views = call.context.session.views.values()
    rows = (market_wire.ticker(view, call.context.books) for view in views if view.ticker().volume_lots)
    return [row.row() for row in rows if row is not None]


def books(call: Call) -> BookData:
    """GET /spot/quotation/v3/books."""
    symbol = market_symbol(call)
    count = _count(call, BOOK_LEVELS_DEFAULT, BOOK_LEVELS_MAX)
    rules = call.context.rules(symbol)
    bids, asks = call.context.books.depth(symbol, count)
    at_ms = call.context.session.views[symbol].exch_ns // NS_PER_MS
    return BookData(
        ts=str(at_ms),
        symbol=symbol,
        asks=market_wire.levels(asks, rules),
        bids=market_wire.levels(bids, rules),
    )


def trades(call: Call) -> list[TradeRow]:
    """GET /spot/quotation/v3/trades, newest first."""
    symbol = market_symbol(call)
    count = _count(call, TRADES_MAX, TRADES_MAX)
    view = call.context.session.views[symbol]
    return [market_wire.trade(trade, view.rules) for trade in list(view.trades)[: -count - 1 : -1]]


def market_symbol(call: Call) -> str:
    """The symbol of a market data call; 70001 when missing, 70002 when unknown."""
    symbol = call.params.required("symbol", 70001)
    if not call.context.has_symbol(symbol):
        raise refusal(70002, field="symbol", value=symbol)
    return symbol


def _count(call: Call, default: int, most: int) -> int:
    """The parameter `limit`, clamped above (protocol reference 10, question 20); 50021 or 50015 otherwise."""
    count = call.params.integer("limit")
    if count is not None and count < 1:
        raise refusal(50015, field="limit", limit=1, value=count)
    return min(count or default, most)


ENDPOINTS = (
    Endpoint("GET", "/system/time", system_time),
    Endpoint("GET", "/system/service", system_service),
    Endpoint("GET", "/spot/v1/currencies", spot_currencies),
    Endpoint("GET", "/account/v1/currencies", account_currencies),
    Endpoint("GET", "/spot/v1/symbols", symbols),
    Endpoint("GET", "/spot/v1/symbols/details", symbol_details),
    Endpoint("GET", "/contract/public/details", contract_details),
    Endpoint("GET", "/spot/quotation/v3/ticker", ticker),
    Endpoint("GET", "/spot/quotation/v3/tickers", tickers),
    Endpoint("GET", "/spot/quotation/v3/books", books),
    Endpoint("GET", "/spot/quotation/v3/trades", trades),
)

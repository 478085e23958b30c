"""Binance's trading rules as BitMart's: BTCUSDT becomes BTC_USDT, filters become tick, lot and minimums."""

from decimal import Decimal

import msgspec

from paper_bitmart.bitmart.decimals import BadNumber, decimals_of, parse_decimal
from paper_bitmart.bitmart.rules import TRADING, RulesError, SymbolRules
from paper_bitmart.feed.live.binance_messages import (
    LotSize,
    PriceFilter,
    SymbolInfo,
    decode_exchange_info,
    filters_of,
)

NOT_TRADING = "pre-trade"
"""BitMart's other `trade_status`."""


def binance_name(symbol: str) -> str:
    """BitMart's form to Binance's: "BTC_USDT" -> "BTCUSDT"."""
    return symbol.replace("_", "")


def parse_exchange_info(body: bytes, place: str) -> dict[str, SymbolRules]:
    """Rules by BitMart's symbol.

    Raises:
        RulesError: not an exchangeInfo reply, or a symbol without its filters.
    """
    try:
        info = decode_exchange_info(body)
    except msgspec.DecodeError as error:
        raise RulesError(place, "exchangeInfo", f"cannot be read: {error}") from error
    rules: dict[str, SymbolRules] = {}
    for index, row in enumerate(info.symbols):
        one = _rules_of(row, index + 1, f"{place}: symbols[{index}] ({row.symbol})")
        rules[one.symbol] = one
    return rules


def _rules_of(row: SymbolInfo, symbol_id: int, place: str) -> SymbolRules:
    try:
        filters = filters_of(row)
    except msgspec.DecodeError as error:
        raise RulesError(place, "filters", f"cannot be read: {error}") from error
    price = next((one for one in filters if isinstance(one, PriceFilter)), None)
    size = next((one for one in filters if isinstance(one, LotSize)), None)
    if price is None or size is None:
        raise RulesError(place, "filters", "lack PRICE_FILTER or LOT_SIZE")
    notionals = [one.minNotional for one in filters if not isinstance(one, PriceFilter | LotSize)]
    try:
        tick, lot = _plain(price.tickSize), _plain(size.stepSize)
        min_size, max_size = _plain(size.minQty), _plain(size.maxQty)
        min_notional = max((_plain(text) for text in notionals), default=Decimal(0))
    except BadNumber as error:
        raise RulesError(place, "filters", f"hold a bad number: {error}") from error
    return SymbolRules(
        symbol=f"{row.baseAsset}_{row.quoteAsset}",
        symbol_id=symbol_id,
        base=row.baseAsset,
        quote=row.quoteAsset,
        price_decimals=decimals_of(tick),
        size_decimals=decimals_of(lot),
        tick=tick,
        lot=lot,
        min_size=min_size,
        max_size=max_size or None,
        min_buy_notional=min_notional,
        min_sell_notional=min_notional,
        trade_status=TRADING if row.status == "TRADING" else NOT_TRADING,
    )


def _plain(text: str) -> Decimal:
    """Without trailing zeros: Binance writes every number with eight decimals."""
    value = parse_decimal(text)
    return value.quantize(Decimal(1).scaleb(-decimals_of(value)))

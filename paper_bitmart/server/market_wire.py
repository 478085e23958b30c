"""Market figures in BitMart's text form (protocol reference 4.7 to 4.11)."""

from __future__ import annotations

from paper_bitmart.bitmart.decimals import format_atoms, place_point
from paper_bitmart.bitmart.rest_messages import KlineRow, TickerData, TradeRow
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.klines import Candle
from paper_bitmart.feed.market_view import MarketView, ViewTrade
from paper_bitmart.server.book_view import BookView, Level

NS_PER_MS = 1_000_000
RATIO_DECIMALS = 5
SIDES = ("buy", "sell")


def ticker(view: MarketView, books: BookView) -> TickerData | None:
    """The 24 h figures of a symbol; None before its first trade. An empty side of the book reads "0"."""
    figures = view.ticker()
    if figures.last_ticks is None:
        return None
    # A last trade older than the window leaves no minutes: the day then opened and stayed at the last price.
    open_ticks = figures.last_ticks if figures.open_ticks is None else figures.open_ticks
    high_ticks = figures.last_ticks if figures.high_ticks is None else figures.high_ticks
    low_ticks = figures.last_ticks if figures.low_ticks is None else figures.low_ticks
    rules = view.rules
    bid, ask = books.best(rules.symbol)
    bid_px, bid_sz = _level(bid, rules)
    ask_px, ask_sz = _level(ask, rules)
    return TickerData(
        symbol=rules.symbol,
        last=rules.format_price(figures.last_ticks),
        v_24h=rules.format_size(figures.volume_lots),
        qv_24h=_quote_volume(figures.quote_volume, rules),
        open_24h=rules.format_price(open_ticks),
        high_24h=rules.format_price(high_ticks),
        low_24h=rules.format_price(low_ticks),
        fluctuation=fluctuation(figures.last_ticks, open_ticks),
        bid_px=bid_px,
        bid_sz=bid_sz,
        ask_px=ask_px,
        ask_sz=ask_sz,
        ts=str(figures.at_ns // NS_PER_MS),
    )


def fluctuation(last_ticks: int, open_ticks: int) -> str:
    """The 24 h change as a signed ratio of the open, cut to five decimals toward zero.

    >>> fluctuation(250137, 248810), fluctuation(99, 100)
    ('0.00533', '-0.01000')
    """
    scale = 10**RATIO_DECIMALS
    size = abs(last_ticks - open_ticks) * scale // open_ticks
    text = place_point(size, RATIO_DECIMALS)
    return f"-{text}" if size and last_ticks < open_ticks else text


def levels(side: list[Level], rules: SymbolRules) -> list[tuple[str, str]]:
    """Book levels as [price, size]."""
    return [(rules.format_price(ticks), rules.format_size(lots)) for ticks, lots in side]


def trade(print_: ViewTrade, rules: SymbolRules) -> TradeRow:
    """[symbol, time in ms, price, size, taker's side]."""
    return (
        rules.symbol,
        str(print_.exch_ns // NS_PER_MS),
        rules.format_price(print_.price_ticks),
        rules.format_size(print_.size_lots),
        SIDES[print_.side],
    )


def candle(row: Candle, rules: SymbolRules) -> KlineRow:
    """[open time in s, open, high, low, close, base volume, quote volume]."""
    return (
        str(row.open_s),
        rules.format_price(row.open_ticks),
        rules.format_price(row.high_ticks),
        rules.format_price(row.low_ticks),
        rules.format_price(row.close_ticks),
        rules.format_size(row.volume_lots),
        _quote_volume(row.quote_volume, rules),
    )


def _quote_volume(tick_lots: int, rules: SymbolRules) -> str:
    return format_atoms(rules.notional_atoms(1, tick_lots))


def _level(level: Level | None, rules: SymbolRules) -> tuple[str, str]:
    ticks, lots = level or (0, 0)
    return rules.format_price(ticks), rules.format_size(lots)

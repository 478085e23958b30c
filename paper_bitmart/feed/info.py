"""What is in a capture: `paper-bitmart info FILE`."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table

from paper_bitmart.bitmart.decimals import plain
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.public_messages import Depth, DepthChange, Trade
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.capture import CaptureError, CaptureReader
from paper_bitmart.feed.convert import CapturedMarket, CaptureReport, RulesOrPath, load_capture
from paper_bitmart.feed.events import BID, Flag, Kind
from paper_bitmart.feed.playback import book_after
from paper_bitmart.feed.pushes import Item, decode_push

SYMBOLS_MAX = 10_000
_PLAIN_NUMBER = re.compile(r"\d+(?:\.(\d*?)0*)?")


@dataclass(frozen=True, slots=True)
class SymbolInfo:
    """One symbol of a capture. Prices are decimal text; None where the capture has no such thing.

    Attributes:
        tick, lot: steps as decimal text; `inferred` if they come from the decimals seen, not from rules.
        clock_offset_ms_*: receive time minus the venue's `ms_t` over depth, trades and best prices:
            network delay plus the difference of two clocks; negative when the recorder's clock is behind.
        levels_bid, levels_ask: levels of the book at the end.
    """

    symbol: str
    tick: str
    lot: str
    inferred: bool
    events: int
    depth_messages: int
    snapshots: int
    trades: int
    traded_base: str
    gaps: int
    duplicates: int
    crossed: int
    keepalives: int
    unsynced_ns: int
    low: str | None
    high: str | None
    levels_bid: int
    levels_ask: int
    clock_offset_ms_min: float | None
    clock_offset_ms_median: float | None
    clock_offset_ms_max: float | None


@dataclass(frozen=True, slots=True)
class CaptureInfo:
    """A capture in figures; `as_dict` for programs, `rich` for people.

    Attributes:
        first_ns, last_ns: receive times of the first and last line, ns since 1970.
        messages: lines per channel.
        truncated: what is missing at the end, "" if nothing.
    """

    path: Path
    compression: str
    bytes: int
    lines: int
    first_ns: int
    last_ns: int
    messages: dict[str, int]
    venue_errors: dict[str, int]
    truncated: str
    symbols: list[SymbolInfo]

    @property
    def span_s(self) -> float:
        return (self.last_ns - self.first_ns) / 1e9

    def as_dict(self) -> dict[str, object]:
        """Plain JSON types only."""
        plain_fields = {
            name: getattr(self, name) for name in self.__slots__ if name not in ("path", "symbols")
        }
        symbols = [{name: getattr(one, name) for name in one.__slots__} for one in self.symbols]
        return {"path": str(self.path), **plain_fields, "span_s": self.span_s, "symbols": symbols}

    def rich(self) -> RenderableType:
        """Tables for a terminal."""
        return Group(self._file_table(), self._symbol_table())

    def _file_table(self) -> Table:
        table = Table(title=self.path.name, show_header=False)
        table.add_row("file", f"{self.compression}, {self.bytes:,} bytes, {self.lines:,} messages")
        table.add_row("received", f"{_utc(self.first_ns)} to {_utc(self.last_ns)} ({self.span_s:.1f} s)")
        for name, count in sorted(self.messages.items()):
            table.add_row(name, f"{count:,}")
        for text, count in self.venue_errors.items():
            table.add_row("venue error", f"{text} ({count} times)")
        table.add_row("truncated", self.truncated or "no")
        return table

    def _symbol_table(self) -> Table:
        table = Table(title="symbols")
        for column in ("symbol", "tick", "lot", "depth", "trades", "traded", "low", "high", "levels"):
            table.add_column(column, justify="left" if column == "symbol" else "right")
        for column in ("gaps", "crossed", "out of sync s", "clock offset ms"):
            table.add_column(column, justify="right")
        for one in self.symbols:
            mark = "?" if one.inferred else ""
            offset = one.clock_offset_ms_median
            table.add_row(
                one.symbol, one.tick + mark, one.lot + mark, f"{one.depth_messages:,}", f"{one.trades:,}",
                one.traded_base, one.low or "-", one.high or "-", f"{one.levels_bid}/{one.levels_ask}",
                str(one.gaps), str(one.crossed), f"{one.unsynced_ns / 1e9:.1f}",
                "-" if offset is None else f"{offset:.0f}",
            )  # fmt: skip
        return table


def describe(path: Path | str, rules: RulesOrPath | None = None) -> CaptureInfo:
    """Read a whole capture and say what is in it.

    Args:
        rules: as `load_capture`. None: tick and lot are inferred from the decimals that appear, which
            can only be too coarse for what did not appear.

    Raises:
        CaptureError, RulesError, OSError: as `load_capture`.
    """
    market = load_capture(path, infer_rules(path) if rules is None else rules)
    report = market.report
    symbols = [
        _symbol_info(market, symbol, report, inferred=rules is None) for symbol in sorted(market.events)
    ]
    return CaptureInfo(
        path=Path(path),
        compression=CaptureReader(path).compression,
        bytes=Path(path).stat().st_size,
        lines=report.lines,
        first_ns=report.first_ns,
        last_ns=report.last_ns,
        messages=dict(report.messages),
        venue_errors=dict(report.venue_errors),
        truncated=report.truncated,
        symbols=symbols,
    )


def infer_rules(path: Path | str) -> dict[str, SymbolRules]:
    """Rules whose tick and lot are the finest decimals that a capture shows, per symbol.

    Raises:
        CaptureError: a line is no BitMart message or a number is not plain decimal text.
    """
    price_decimals: Counter[str] = Counter()
    size_decimals: Counter[str] = Counter()
    for raw in CaptureReader(path):
        try:
            for item in decode_push(raw.payload).items:
                prices, sizes = _texts(item)
                symbol = item.symbol
                price_decimals[symbol] = max(price_decimals[symbol], *map(_decimals, prices), 0)
                size_decimals[symbol] = max(size_decimals[symbol], *map(_decimals, sizes), 0)
        except MessageError as error:
            raise CaptureError(path, raw.line, error.why, error.field) from error
        if len(price_decimals) > SYMBOLS_MAX:
            raise CaptureError(path, raw.line, f"more than {SYMBOLS_MAX} symbols", "data.symbol")
    return {
        symbol: _rules_of(symbol, price_decimals[symbol], size_decimals[symbol]) for symbol in price_decimals
    }


def _rules_of(symbol: str, price_decimals: int, size_decimals: int) -> SymbolRules:
    base, _, quote = symbol.partition("_")
    lot = Decimal(1).scaleb(-size_decimals)
    return SymbolRules(
        symbol=symbol,
        symbol_id=0,
        base=base,
        quote=quote,
        price_decimals=price_decimals,
        size_decimals=size_decimals,
        tick=Decimal(1).scaleb(-price_decimals),
        lot=lot,
        min_size=lot,
    )


def _texts(item: Item) -> tuple[list[str], list[str]]:
    """Price and size texts of one item."""
    if isinstance(item, Depth | DepthChange):
        pairs = list(chain(item.bids, item.asks))
        return [price for price, _ in pairs], [size for _, size in pairs]
    if isinstance(item, Trade):
        return [item.price], [item.size]
    return [item.bid_px, item.ask_px], [item.bid_sz, item.ask_sz]


def _decimals(text: str) -> int:
    found = _PLAIN_NUMBER.fullmatch(text)
    if found is None:
        raise MessageError("data", f"{text[:40]!r} is not a plain decimal number")
    return len(found.group(1) or "")


def _symbol_info(market: CapturedMarket, symbol: str, report: CaptureReport, *, inferred: bool) -> SymbolInfo:
    rules, events, counters = market.rules[symbol], market.events[symbol], report.counters[symbol]
    trades = events[events["kind"] == Kind.TRADE]
    levels = book_after(events)
    offsets = _clock_offsets_ms(events)
    return SymbolInfo(
        symbol=symbol,
        tick=plain(rules.tick),
        lot=plain(rules.lot),
        inferred=inferred,
        events=len(events),
        depth_messages=counters.snapshots + counters.updates + counters.keepalives + counters.duplicates,
        snapshots=counters.snapshots,
        trades=counters.trades + counters.trades_dropped,
        traded_base=rules.format_size(int(trades["size_lots"].sum())),
        gaps=counters.gaps,
        duplicates=counters.duplicates,
        crossed=counters.crossed,
        keepalives=counters.keepalives,
        unsynced_ns=report.unsynced_ns.get(symbol, 0),
        low=rules.format_price(int(trades["price_ticks"].min())) if len(trades) else None,
        high=rules.format_price(int(trades["price_ticks"].max())) if len(trades) else None,
        levels_bid=int(np.count_nonzero(levels["side"] == BID)),
        levels_ask=int(np.count_nonzero(levels["side"] != BID)),
        **offsets,
    )


def _clock_offsets_ms(events: np.ndarray) -> Mapping[str, float | None]:
    # One figure per message, however many levels it had.
    is_last = (events["flags"] & Flag.LAST) != 0
    stamped = events[is_last & (events["kind"] != Kind.FEED_STATE)]
    names = ("clock_offset_ms_min", "clock_offset_ms_median", "clock_offset_ms_max")
    if not len(stamped):
        return dict.fromkeys(names)
    offsets_ms = (stamped["recv_ns"] - stamped["exch_ns"]) / 1e6
    return dict(zip(names, (float(f(offsets_ms)) for f in (np.min, np.median, np.max)), strict=True))


def _utc(at_ns: int) -> str:
    # datetime64 keeps all nine decimals and needs no time zone.
    return str(np.datetime64(at_ns, "ns"))[:23] + "Z"

"""Binance raw recordings: `<receive_ns> <json>` lines of one symbol with a REST book among them.

Depth diffs follow each other by their update ids (spot: first id = last + 1; futures: `pu` = last). What
came before the REST book is dropped, what a gap broke waits for the next REST book.
Source: Binance, "How to manage a local order book correctly".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.foreign import (
    CHUNK_EVENTS,
    ForeignDataError,
    MessageBuffer,
    Units,
    numbers_named,
    text_lines,
)
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import FeedState, Kind

NS_PER_MS = 10**6
HELD_MAX = 100_000
"""Diffs kept while no book is there yet."""


@dataclass(slots=True)
class BinanceReport:
    """What a recording held: `ignored` messages are of streams that are not converted."""

    lines: int = 0
    depth: int = 0
    trades: int = 0
    snapshots: int = 0
    old_depth: int = 0
    gaps: int = 0
    ignored: int = 0

    def lines_for_people(self) -> list[str]:
        return [
            f"{self.lines:,} lines: {self.snapshots:,} books, {self.depth:,} diffs ({self.old_depth:,} older "
            f"than the book, {self.gaps:,} gaps), {self.trades:,} trades, {self.ignored:,} others ignored"
        ]


class BinanceRecording:
    """Reads one recording; `chunks()` once, then `report` is complete.

    Raises (while reading):
        ForeignDataError: a line that is not of this form, or a number off tick or lot.
    """

    def __init__(self, path: Path | str, rules: SymbolRules) -> None:
        self.path = Path(path)
        self.report = BinanceReport()
        self._units = Units(rules)
        self._out = MessageBuffer()
        self._last_id = -1
        self._is_first = True
        self._held: list[tuple[int, dict[str, Any]]] = []
        self._depth_ns = 0
        self._line = 0

    def chunks(self) -> Iterator[np.ndarray]:
        """(n,) EVENT_DTYPE in order."""
        for number, text in text_lines(self.path):
            self._line = number
            if text.strip():
                self._read(text)
            if len(self._out) >= CHUNK_EVENTS:
                yield self._out.take()
        if len(self._out):
            yield self._out.take()

    def _read(self, text: str) -> None:
        stamp, _, body = text.partition(" ")
        try:
            recv_ns, message = int(stamp), json.loads(body)
        except ValueError as error:
            why = f"must read <receive_ns> <json>: {error}"
            raise ForeignDataError(self.path, self._line, "", why) from error
        if not isinstance(message, dict):
            raise ForeignDataError(self.path, self._line, "", "must be a JSON object")
        if not self.report.lines:
            self._out.feed_state(recv_ns, 0, FeedState.SYNCING)
        self.report.lines += 1
        data = message.get("data", message)
        try:
            self._take(recv_ns, data)
        except KeyError as error:
            raise ForeignDataError(self.path, self._line, str(error.args[0]), "is missing") from error

    def _take(self, recv_ns: int, data: dict[str, Any]) -> None:
        if "lastUpdateId" in data and "bids" in data:
            self._snapshot(recv_ns, data)
        elif data.get("e") == "depthUpdate":
            self._diff(recv_ns, data)
        elif data.get("e") in ("trade", "aggTrade"):
            self._trade(recv_ns, data)
        else:
            self.report.ignored += 1

    def _snapshot(self, recv_ns: int, data: dict[str, Any]) -> None:
        self.report.snapshots += 1
        self._last_id, self._is_first = int(data["lastUpdateId"]), True
        held, self._held = self._held, []
        # A spot book carries no time: that of the newest diff that it includes comes nearest.
        included = [diff["E"] for _, diff in held if diff["u"] <= self._last_id]
        exch_ns = max(included, default=0) * NS_PER_MS or self._depth_ns or recv_ns
        levels = [*self._levels(0, data["bids"], "bids"), *self._levels(1, data["asks"], "asks")]
        self._out.snapshot(recv_ns, exch_ns, levels)
        for _, diff in held:
            self._diff(recv_ns, diff)

    def _diff(self, recv_ns: int, data: dict[str, Any]) -> None:
        if self._last_id < 0:
            if len(self._held) >= HELD_MAX:
                why = f"no REST book (lastUpdateId) within {HELD_MAX:,} diffs"
                raise ForeignDataError(self.path, self._line, "", why)
            self._held.append((recv_ns, data))
            return
        first, last = int(data["U"]), int(data["u"])
        if last <= self._last_id:
            self.report.old_depth += 1
            return
        if not self._follows(first, data):
            self.report.gaps += 1
            self._last_id, self._held = -1, [(recv_ns, data)]
            self._out.feed_state(recv_ns, int(data["E"]) * NS_PER_MS, FeedState.SYNCING)
            return
        self._last_id, self._is_first = last, False
        self.report.depth += 1
        self._depth_ns = exch_ns = int(data.get("T", data["E"])) * NS_PER_MS
        levels = [*self._levels(0, data["b"], "b"), *self._levels(1, data["a"], "a")]
        for side, ticks, lots in levels:
            self._out.add(recv_ns, exch_ns, Kind.LEVEL, side, ticks, lots)
        if not levels:
            self._out.add(recv_ns, exch_ns, Kind.DEPTH_MARK, 0, 0, 0)
        self._out.close()

    def _follows(self, first: int, data: dict[str, Any]) -> bool:
        if self._is_first:
            return first <= self._last_id + 1
        return int(data["pu"]) == self._last_id if "pu" in data else first == self._last_id + 1

    def _trade(self, recv_ns: int, data: dict[str, Any]) -> None:
        self.report.trades += 1
        with numbers_named(self.path, self._line, "p, q"):
            ticks, lots = self._units.ticks(data["p"]), self._units.lots(data["q"])
        if lots == 0:
            return
        # m: the buyer was the maker, so the seller was the aggressor.
        side = 1 if data["m"] else 0
        self._out.add(recv_ns, int(data["T"]) * NS_PER_MS, Kind.TRADE, side, ticks, lots)
        self._out.close()

    def _levels(self, side: int, rows: list[list[str]], field: str) -> list[tuple[int, int, int]]:
        with numbers_named(self.path, self._line, field):
            return [(side, self._units.ticks(price), self._units.lots(size)) for price, size in rows]

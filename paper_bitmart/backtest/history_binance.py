"""Binance raw recordings: `<receive_ns> <json>` lines with REST books of the symbol among them.

A line is a frame of the websocket, a REST book, or what `record` made of one, `{"rest":PATH,"body":BOOK}`.
Frames and books of other symbols are passed over. Depth diffs follow each other by their update ids (spot:
first id = last + 1; futures: `pu` = last). What came before the REST book is dropped, what a gap or a lost
connection broke waits for the next REST book; a book that is older than the diffs is dropped.
Source: Binance, "How to manage a local order book correctly".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

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
from paper_bitmart.feed.pushes import DISCONNECTED

NS_PER_MS = 10**6
HELD_MAX = 100_000
"""Diffs kept while no book is there yet."""


@dataclass(slots=True)
class BinanceReport:
    """What a recording held: `ignored` lines are of streams that are not converted, or no frames."""

    lines: int = 0
    depth: int = 0
    trades: int = 0
    snapshots: int = 0
    old_depth: int = 0
    gaps: int = 0
    old_snapshots: int = 0
    disconnects: int = 0
    others: int = 0
    ignored: int = 0

    def lines_for_people(self) -> list[str]:
        return [
            f"{self.lines:,} lines: {self.snapshots:,} books ({self.old_snapshots:,} more were older than "
            f"the diffs), {self.depth:,} diffs ({self.old_depth:,} more were older than the book, "
            f"{self.gaps:,} gaps, {self.disconnects:,} lost connections), {self.trades:,} trades, "
            f"{self.others:,} lines of other symbols, {self.ignored:,} of other kinds"
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
        self._name = rules.base + rules.quote
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
        try:
            self._take(recv_ns, message)
        except KeyError as error:
            raise ForeignDataError(self.path, self._line, str(error.args[0]), "is missing") from error

    def _take(self, recv_ns: int, message: dict[str, Any]) -> None:
        data = message["body"] if "rest" in message else message.get("data", message)
        if message.get("event") == DISCONNECTED:
            self._disconnected(recv_ns)
        elif not isinstance(data, dict):
            self.report.ignored += 1
        elif self._is_of_another(message, data):
            self.report.others += 1
        elif "lastUpdateId" in data and "bids" in data:
            self._snapshot(recv_ns, data)
        elif data.get("e") == "depthUpdate":
            self._diff(recv_ns, data)
        elif data.get("e") in ("trade", "aggTrade"):
            self._trade(recv_ns, data)
        else:
            self.report.ignored += 1

    def _is_of_another(self, message: dict[str, Any], data: dict[str, Any]) -> bool:
        """As far as a line tells its symbol: by the frame, its stream, or the path of a REST book."""
        if "s" in data:
            return bool(data["s"] != self._name)
        if "stream" in message:
            return str(message["stream"]).partition("@")[0].upper() != self._name
        if "rest" in message:
            return parse_qs(urlsplit(str(message["rest"])).query).get("symbol", [self._name]) != [self._name]
        return False

    def _disconnected(self, recv_ns: int) -> None:
        """The recorder lost its connection: nobody knows what was missed."""
        self.report.disconnects += 1
        if self._last_id >= 0:
            self._out.feed_state(recv_ns, self._depth_ns, FeedState.SYNCING)
        self._last_id, self._held = -1, []

    def _snapshot(self, recv_ns: int, data: dict[str, Any]) -> None:
        if int(data["lastUpdateId"]) <= self._last_id:
            # A check of the recorder, or a slow answer: the diffs know better.
            self.report.old_snapshots += 1
            return
        self.report.snapshots += 1
        self._last_id, self._is_first = int(data["lastUpdateId"]), True
        held, self._held = self._held, []
        # A spot book carries no time: that of the newest diff that it includes comes nearest, then that of
        # the next diff after it.
        included = [diff["E"] for _, diff in held if diff["u"] <= self._last_id]
        later = [diff["E"] for _, diff in held]
        exch_ms = max(included, default=0) or min(later, default=0)
        exch_ns = exch_ms * NS_PER_MS or self._depth_ns or recv_ns
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

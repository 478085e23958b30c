"""Tardis CSV files: `incremental_book_L2` and `trades` of one symbol, merged by their local time.

Times are microseconds. Rows of one local and venue time are one message. `is_snapshot` rows are a whole
book; a new run of them starts the book anew. Source: Tardis documentation, downloadable CSV files.
"""

import csv
import heapq
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

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

NS_PER_US = 1_000
BOOK_FIELDS = ("timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount")
TRADE_FIELDS = ("timestamp", "local_timestamp", "side", "price", "amount")
SIDES = {"bid": 0, "ask": 1, "buy": 0, "sell": 1}
BOOLEANS = {"true": True, "false": False}


class _Row(NamedTuple):
    """Sorts by receive time; depth before trades of the same time, lines of a file as they stand."""

    recv_ns: int
    is_trade: bool
    line: int
    exch_ns: int
    is_snapshot: bool
    side: int
    ticks: int
    lots: int

    def message(self) -> tuple[int, bool, bool, int]:
        """Rows of equal answers in a row are one message; a snapshot may come in several pieces."""
        if self.is_snapshot:
            return 0, False, True, 0
        return self.recv_ns, self.is_trade, False, self.exch_ns


class TardisFiles:
    """A depth file and, if there is one, a trades file.

    Raises (while reading):
        ForeignDataError: a missing column, a number off tick or lot, times that go back.
    """

    def __init__(self, book: Path | str, trades: Path | str | None, rules: SymbolRules) -> None:
        self.book, self.trades = Path(book), None if trades is None else Path(trades)
        self._units = Units(rules)

    def chunks(self) -> Iterator[np.ndarray]:
        """(n,) EVENT_DTYPE in order."""
        sources = [self._rows(self.book, BOOK_FIELDS, is_trade=False)]
        if self.trades is not None:
            sources.append(self._rows(self.trades, TRADE_FIELDS, is_trade=True))
        out, is_started = MessageBuffer(), False
        for _, message in groupby(heapq.merge(*sources), _Row.message):
            rows = list(message)
            if not is_started:
                out.feed_state(rows[0].recv_ns, rows[0].exch_ns, FeedState.SYNCING)
                is_started = True
            _add(out, rows)
            if len(out) >= CHUNK_EVENTS:
                yield out.take()
        if len(out):
            yield out.take()

    def _rows(self, path: Path, fields: tuple[str, ...], *, is_trade: bool) -> Iterator[_Row]:
        lines = text_lines(path)
        _, header = next(lines, (1, ""))
        names = next(csv.reader([header]), [])
        for field in fields:
            if field not in names:
                raise ForeignDataError(path, 1, field, "is not among the columns")
        at = {field: names.index(field) for field in fields}
        latest_ns = 0
        for number, text in lines:
            if not text.strip():
                continue
            cells = next(csv.reader([text]))
            if len(cells) < len(names):
                raise ForeignDataError(path, number, "", f"{len(cells)} cells under {len(names)} columns")
            row = self._row(path, number, {field: cells[i] for field, i in at.items()}, is_trade)
            if row.recv_ns < latest_ns:
                raise ForeignDataError(path, number, "local_timestamp", "goes back")
            latest_ns = row.recv_ns
            if row.lots or not row.is_trade:
                yield row

    def _row(self, path: Path, line: int, cells: dict[str, str], is_trade: bool) -> _Row:
        side = SIDES.get(cells["side"], 0 if cells["side"] == "unknown" else -1)
        if side < 0:
            raise ForeignDataError(path, line, "side", f"must be one of {', '.join(SIDES)}")
        is_snapshot = False if is_trade else BOOLEANS.get(cells["is_snapshot"])
        if is_snapshot is None:
            raise ForeignDataError(path, line, "is_snapshot", "must be true or false")
        with numbers_named(path, line, "price, amount, timestamp"):
            return _Row(
                int(cells["local_timestamp"]) * NS_PER_US,
                is_trade,
                line,
                int(cells["timestamp"]) * NS_PER_US,
                is_snapshot,
                side,
                self._units.ticks(cells["price"]),
                self._units.lots(cells["amount"]),
            )


def _add(out: MessageBuffer, rows: list[_Row]) -> None:
    if rows[0].is_snapshot:
        out.snapshot(rows[-1].recv_ns, rows[-1].exch_ns, [(row.side, row.ticks, row.lots) for row in rows])
        return
    kind = Kind.TRADE if rows[0].is_trade else Kind.LEVEL
    for row in rows:
        out.add(row.recv_ns, row.exch_ns, kind, row.side, row.ticks, row.lots)
    out.close()

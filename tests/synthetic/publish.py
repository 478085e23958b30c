"""Publishes an order-by-order log as BitMart would: depth and trades in the three feeds of the sets.

`100ms`: an update per 100 ms in which something changed, prints at once. `rt`: an update per change.
`jitter`: the 100 ms feed with a delay of its own on each channel; only `ms_t` tells which prints an update
includes.
"""

import gzip
import heapq
import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from random import Random
from typing import NamedTuple

from l3_book import ASK, BID, Book
from sortedcontainers import SortedDict

MS = 1_000_000
INTERVAL_NS = 100 * MS
PUBLISHED_LEVELS = 100


class Scale(NamedTuple):
    """How ticks and lots are written."""

    symbol: str
    tick_digits: int
    lot_digits: int

    def price(self, ticks: int) -> str:
        return f"{ticks / 10**self.tick_digits:.{self.tick_digits}f}"

    def size(self, lots: int) -> str:
        return f"{lots / 10**self.lot_digits:.{self.lot_digits}f}" if lots else "0"


class Line(NamedTuple):
    """A captured frame."""

    recv_ns: int
    text: str


class Window:
    """The best levels of both sides, and what has changed of them since the last look."""

    def __init__(self, levels: Sequence[dict[int, int]]) -> None:
        self.books = tuple(SortedDict(side) for side in levels)
        self.shown = tuple(dict(self._best(side)) for side in (BID, ASK))
        self._worst = [self._edge(side) for side in (BID, ASK)]

    def _best(self, side: int) -> Iterator[tuple[int, int]]:
        book = self.books[side]
        keys = book.keys()
        chosen = keys[-PUBLISHED_LEVELS:] if side == BID else keys[:PUBLISHED_LEVELS]
        return ((price, book[price]) for price in chosen)

    def _edge(self, side: int) -> int | None:
        keys = self.books[side].keys()
        if len(keys) < PUBLISHED_LEVELS:
            return None
        return keys[-PUBLISHED_LEVELS if side == BID else PUBLISHED_LEVELS - 1]

    def set(self, side: int, price: int, lots: int) -> None:
        if lots:
            self.books[side][price] = lots
        else:
            self.books[side].pop(price, None)

    def news(self, side: int) -> list[tuple[int, int]]:
        """Levels as (price, lots) that differ from what was shown; 0: gone or out of the window."""
        now, before = dict(self._best(side)), self.shown[side]
        news = [(price, lots) for price, lots in now.items() if before.get(price) != lots]
        news += [(price, 0) for price in before if price not in now]
        before.clear()
        before.update(now)
        return sorted(news, reverse=side == BID)


def captures(book: Book, opening: Sequence[dict[int, int]], scale: Scale, start_ns: int, seed: int):
    """Lines of the three feeds by name. `opening`: sizes by price of each side at `start_ns`."""
    trades = list(_trades(book, scale))
    depth = list(_depth(book, opening, scale, start_ns, every_change=False))
    random = Random(f"jitter/{seed}")
    late_trades = _delayed(trades, 10 * MS, random)
    late_depth = depth[:1] + list(_delayed(depth[1:], 30 * MS, random))
    every_change = _depth(book, opening, scale, start_ns, every_change=True)
    return {
        "100ms": list(heapq.merge(trades, depth, key=lambda line: line.recv_ns)),
        "rt": list(heapq.merge(trades, every_change, key=lambda line: line.recv_ns)),
        "jitter": list(heapq.merge(late_trades, late_depth, key=lambda line: line.recv_ns)),
    }


def _delayed(lines: Sequence[Line], mean_ns: int, random: Random) -> Iterator[Line]:
    """5 ms and an exponential delay; a channel keeps its order."""
    last = 0
    for line in lines:
        last = max(last, line.recv_ns + 5 * MS + int(random.expovariate(1 / mean_ns)))
        yield Line(last, line.text)


def _trades(book: Book, scale: Scale) -> Iterator[Line]:
    for _, group in groupby(book.executions, key=lambda e: e.aggressor_id):
        executions = list(group)
        at_ns = executions[0].at_ns
        data = [
            {
                "symbol": scale.symbol, "price": scale.price(e.price),
                "side": "buy" if e.side == ASK else "sell", "size": scale.size(e.lots),
                "s_t": at_ns // 1_000_000_000, "ms_t": at_ns // MS,
            }
            for e in executions
        ]  # fmt: skip
        yield Line(at_ns, json.dumps({"table": "spot/trade", "data": data}, separators=(",", ":")))


def _depth(book, opening, scale: Scale, start_ns: int, *, every_change: bool) -> Iterator[Line]:
    window = Window(opening)
    version = 1
    sides = [sorted(window.shown[side].items(), reverse=side == BID) for side in (BID, ASK)]
    yield _update(scale, start_ns, version, "snapshot", sides)

    def boundary(change):
        return change.at_ns if every_change else (change.at_ns // INTERVAL_NS + 1) * INTERVAL_NS

    for at_ns, group in groupby(book.changes, key=boundary):
        touched = set()
        for change in group:
            window.set(change.side, change.price, change.lots)
            touched.add(change.side)
        sides = [window.news(side) if side in touched else [] for side in (BID, ASK)]
        if any(sides):
            version += 1
            yield _update(scale, at_ns, version, "update", sides)


def _update(scale: Scale, at_ns: int, version: int, kind: str, sides) -> Line:
    bids, asks = ([[scale.price(p), scale.size(lots)] for p, lots in levels] for levels in sides)
    data = {
        "symbol": scale.symbol, "asks": asks, "bids": bids, "ms_t": at_ns // MS, "type": kind,
        "version": version,
    }  # fmt: skip
    text = json.dumps({"table": "spot/depth/increase100", "data": [data]}, separators=(",", ":"))
    return Line(at_ns, text)


def write_capture(path: Path, lines: Sequence[Line]) -> None:
    with gzip.GzipFile(path, "wb", mtime=0, compresslevel=1) as file:
        file.writelines(f"{line.recv_ns} {line.text}\n".encode() for line in lines)

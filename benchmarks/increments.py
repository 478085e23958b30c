"""The load of `capacity.py`: increase100 pushes of many symbols, ten changed levels each, deflated.

Sizes are those of the demo recording in their order, so that texts repeat as they really do. Books have 100
levels a side. An update changes five levels a side: three sizes, one level that goes and one that comes,
mostly near the best; now and then the best itself. One round is an update of every symbol: 100 ms.
"""

import gzip
import json
import random
from collections.abc import Iterator
from decimal import Decimal
from itertools import cycle
from typing import Literal, NamedTuple

from benchmarks.market import DEMO
from paper_bitmart.bitmart.frames import deflate
from paper_bitmart.bitmart.public_messages import Depth, Depth50Push, DepthChange, DepthChangePush, encode
from paper_bitmart.bitmart.rules import SymbolRules

Texts = list[tuple[str, str]]
MS_PER_ROUND = 100
START_MS = 1_763_800_000_000
LEVELS = 100
MID_TICKS = 6_000_000
SPREAD_TICKS = 40
"""From the mid to the nearest price that a level may have."""
GRID_TICKS = 7
"""Between two prices that a level may have."""
PLACES = 160
"""Prices a side that a level may have: LEVELS of them are taken at a time."""


def rules_of(symbol: str) -> SymbolRules:
    """Two decimals of price, four of size."""
    base, _, quote = symbol.partition("_")
    return SymbolRules(
        symbol=symbol, symbol_id=1, base=base, quote=quote, price_decimals=2, size_decimals=4,
        tick=Decimal("0.01"), lot=Decimal("0.0001"), min_size=Decimal("0.0001"),
    )  # fmt: skip


def symbol_names(count: int) -> list[str]:
    return [f"C{number}_USDT" for number in range(count)]


def real_sizes() -> list[str]:
    """Sizes of ETH's levels in the demo recording, in order, without the zeros; at most four decimals."""
    sizes: list[str] = []
    with gzip.open(DEMO, "rt") as lines:
        for line in lines:
            push = json.loads(line.partition(" ")[2])
            if push.get("table") != "spot/depth/increase100" or push["data"][0]["symbol"] != "ETH_USDT":
                continue
            sizes += [size for _, size in push["data"][0]["asks"] + push["data"][0]["bids"] if float(size)]
    return sizes


class _Side:
    """Occupied places of a side (0 is nearest to the mid) -> size text."""

    def __init__(self, rng: random.Random, sizes: Iterator[str], direction: int) -> None:
        self._rng, self._sizes, self._direction = rng, sizes, direction
        self.book = {place: next(sizes) for place in rng.sample(range(PLACES), LEVELS)}

    def texts(self) -> list[tuple[str, str]]:
        """The whole side, best first."""
        return [(self._price(place), self.book[place]) for place in sorted(self.book)]

    def change(self) -> list[tuple[str, str]]:
        """Five changed levels."""
        taken = sorted(self.book)
        near = [taken[min(int(self._rng.expovariate(1 / 15)), LEVELS - 1)] for _ in range(40)]
        *resized, gone = list(dict.fromkeys(near))[:4]
        for place in resized:
            self.book[place] = next(self._sizes)
        del self.book[gone]
        free = [place for place in range(PLACES) if place not in self.book]
        # What comes is as near as what went: the book neither drifts away nor thins out.
        come = min(free, key=lambda place: abs(place - gone) + self._rng.randrange(1, 12))
        self.book[come] = next(self._sizes)
        changed = [(place, self.book[place]) for place in (*resized, come)]
        levels = sorted([*changed, *([(gone, "0")] if gone != come else [])])
        return [(self._price(place), size) for place, size in levels]

    def _price(self, place: int) -> str:
        ticks = MID_TICKS + self._direction * (SPREAD_TICKS + place * GRID_TICKS)
        return f"{ticks // 100}.{ticks % 100:02d}"

    def changes_to(self, book: dict[int, str]) -> list[tuple[str, str]]:
        """The levels that turn this side into `book`, which it then is."""
        changed = [(place, book.get(place, "0")) for place in sorted(self.book.keys() | book.keys())
                   if self.book.get(place) != book.get(place)]  # fmt: skip
        self.book = dict(book)
        return [(self._price(place), size) for place, size in changed]


class SymbolFeed:
    """What BitMart would push for one symbol: `snapshot()`, then `update()` again and again."""

    def __init__(self, symbol: str, seed: int, sizes: list[str]) -> None:
        rng = random.Random(f"{symbol} {seed}")
        start = rng.randrange(len(sizes))
        stream = cycle(sizes[start:] + sizes[:start])
        self.symbol, self.version, self._ms = symbol, rng.randrange(10**6), START_MS
        self._bids, self._asks = _Side(rng, stream, -1), _Side(rng, stream, 1)
        self._first = dict(self._bids.book), dict(self._asks.book)

    def snapshot(self) -> bytes:
        return self._push("snapshot", self._bids.texts(), self._asks.texts())

    def update(self) -> bytes:
        """JSON of ten changed levels (eight or nine when a level goes and comes back)."""
        self._step()
        return self._push("update", self._bids.change(), self._asks.change())

    def joint(self) -> bytes:
        """The update that leads back to the first book."""
        self._step()
        bids, asks = self._first
        return self._push("update", self._bids.changes_to(bids), self._asks.changes_to(asks))

    def depth50(self) -> bytes:
        """The book of now as the channel of whole books has it."""
        bids, asks = (side.texts()[:50] for side in (self._bids, self._asks))
        return encode(Depth50Push(data=[Depth(symbol=self.symbol, asks=asks, bids=bids, ms_t=self._ms)]))

    def _step(self) -> None:
        self.version += 1
        self._ms += MS_PER_ROUND

    def _push(self, kind: Literal["snapshot", "update"], bids: Texts, asks: Texts) -> bytes:
        item = DepthChange(
            symbol=self.symbol, asks=asks, bids=bids, ms_t=self._ms, type=kind, version=self.version
        )
        return encode(DepthChangePush(data=[item]))


class Load(NamedTuple):
    """Deflated frames: snapshots, then updates round by round; depth50 is the book after each update."""

    symbols: list[str]
    snapshots: list[bytes]
    updates: list[bytes]
    depth50: list[bytes]


def make_load(symbols: list[str], rounds: int, seed: int = 1) -> Load:
    sizes = real_sizes()
    feeds = [SymbolFeed(symbol, seed, sizes) for symbol in symbols]
    load = Load(symbols, [deflate(feed.snapshot()) for feed in feeds], [], [])
    for _ in range(rounds):
        for feed in feeds:
            load.updates.append(deflate(feed.update()))
            load.depth50.append(deflate(feed.depth50()))
    return load


class EndlessFeed:
    """A symbol's updates without end: some rounds and the joint, again and again, under rising versions."""

    def __init__(self, symbol: str, seed: int, sizes: list[str], rounds: int) -> None:
        feed = SymbolFeed(symbol, seed, sizes)
        self._snapshot = _head(feed.snapshot())
        self._lap = [_head(feed.update()) for _ in range(rounds)] + [_head(feed.joint())]
        self._version, self._ms = feed.version, START_MS

    def next(self) -> bytes:
        self._version += 1
        self._ms += MS_PER_ROUND
        head = self._lap[(self._ms - START_MS) // MS_PER_ROUND % len(self._lap) - 1]
        return self._frame(head, b"update")

    @property
    def is_at_first_book(self) -> bool:
        return (self._ms - START_MS) // MS_PER_ROUND % len(self._lap) == 0

    def snapshot(self) -> bytes:
        """Only when `is_at_first_book`."""
        return self._frame(self._snapshot, b"snapshot")

    def _frame(self, head: bytes, kind: bytes) -> bytes:
        tail = b'"ms_t":%d,"type":"%b","version":%d}]}' % (self._ms, kind, self._version)
        return deflate(head + tail, level=1)


def _head(push: bytes) -> bytes:
    return push[: push.index(b'"ms_t"')]

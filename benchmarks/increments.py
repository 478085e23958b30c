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

from benchmarks.market import DEMO
from paper_bitmart.bitmart.frames import deflate
from paper_bitmart.bitmart.public_messages import DepthChange, DepthChangePush, encode
from paper_bitmart.bitmart.rules import SymbolRules

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


class SymbolFeed:
    """What BitMart would push for one symbol: `snapshot()`, then `update()` again and again."""

    def __init__(self, symbol: str, seed: int, sizes: list[str]) -> None:
        rng = random.Random(f"{symbol} {seed}")
        start = rng.randrange(len(sizes))
        stream = cycle(sizes[start:] + sizes[:start])
        self.symbol, self.version, self._ms = symbol, rng.randrange(10**6), START_MS
        self._bids, self._asks = _Side(rng, stream, -1), _Side(rng, stream, 1)

    def snapshot(self) -> bytes:
        return self._push("snapshot", self._bids.texts(), self._asks.texts())

    def update(self) -> bytes:
        """JSON of ten changed levels (nine when a level goes and comes back)."""
        self.version += 1
        self._ms += MS_PER_ROUND
        return self._push("update", self._bids.change(), self._asks.change())

    def _push(self, kind, bids, asks) -> bytes:  # type: ignore[no-untyped-def]
        item = DepthChange(
            symbol=self.symbol, asks=asks, bids=bids, ms_t=self._ms, type=kind, version=self.version
        )
        return encode(DepthChangePush(data=[item]))


def frames(symbols: list[str], rounds: int, seed: int = 1) -> tuple[list[bytes], list[bytes]]:
    """(snapshots, updates) deflated; updates round by round."""
    sizes = real_sizes()
    feeds = [SymbolFeed(symbol, seed, sizes) for symbol in symbols]
    snapshots = [deflate(feed.snapshot()) for feed in feeds]
    return snapshots, [deflate(feed.update()) for _ in range(rounds) for feed in feeds]

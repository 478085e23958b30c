"""Websocket subscribers that count what they are pushed and how late it came.

Two times that must not be mixed up. A depth push shows the market at `ms_t`, and the channel's interval
(100 ms) may keep it waiting although nothing is late. So the age of what is shown and the lateness of the
push are told apart: a push is due when the market's first message since the previous push was received, but
not before the previous push was due plus 100 ms; trades are due at once. When messages were received is in
the capture. Both figures are above the least one seen: the start of the replay's clock is not known.
"""

import asyncio
import gzip
import json
import time
import zlib
from bisect import bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp

from benchmarks.common import percentile
from benchmarks.many_symbols import original_of, symbol_names
from benchmarks.market import DEMO

SAMPLED = 10
"""Every tenth connection also reads what it gets: reading all would measure the client."""
INTERVAL_MS = 100.0
"""Shortest time between two increase100 pushes (protocol reference 6.5)."""


class Played(NamedTuple):
    """When the messages of one channel and symbol were received, both rising: `ms_t` and receive time, ms."""

    ms_t: list[int]
    received_ms: list[float]

    def first_after(self, ms_t: int) -> float:
        """Receive time of the first message newer than `ms_t`."""
        return self.received_ms[min(bisect_right(self.ms_t, ms_t), len(self.ms_t) - 1)]


def played() -> dict[tuple[str, str], Played]:
    """The demo capture's messages by (table, symbol)."""
    messages: dict[tuple[str, str], Played] = {}
    with gzip.open(DEMO, "rt") as lines:
        for line in lines:
            received_ns, _, text = line.partition(" ")
            push = json.loads(text)
            if "table" in push:
                row = push["data"][0]
                found = messages.setdefault((push["table"], row["symbol"]), Played([], []))
                found.ms_t.append(row["ms_t"])
                found.received_ms.append(int(received_ns) / 1e6)
    return messages


class Lags(NamedTuple):
    """What a list of pushes came to: p50 and p99 in ms, above the least seen. Depth by thirds of the time."""

    depth_age: str
    depth_late_first: str
    depth_late_last: str
    trade_late: str


class Pushes:
    """What all subscribers received between `begin` and `end`."""

    def __init__(self, symbols: int) -> None:
        self.topics = [
            [f"spot/depth/increase100:{name}", f"spot/trade:{name}"] for name in symbol_names(symbols)
        ]
        self.count = self.bytes = self.closed = 0
        self._sampled: dict[int, list[tuple[float, dict[str, object]]]] = {}
        self._counting = False

    def begin(self) -> None:
        self._counting = True

    def end(self) -> None:
        self._counting = False

    def add(self, data: bytes | str, reader: int) -> None:
        if not self._counting:
            return
        self.count += 1
        self.bytes += len(data)
        if reader % SAMPLED == 0:
            arrived_ms = time.time_ns() / 1e6
            text = zlib.decompress(data, -zlib.MAX_WBITS) if isinstance(data, bytes) else data
            message = json.loads(text)
            if "table" in message:
                self._sampled.setdefault(reader, []).append((arrived_ms, message))

    def lags(self) -> Lags:
        """Age and lateness of the sampled pushes."""
        by_message = played()
        ages: list[float] = []
        depths: list[tuple[float, float]] = []
        trades: list[tuple[float, float]] = []
        for pushes in self._sampled.values():
            due_ms = None
            shown_ms_t = 0
            for arrived_ms, push in pushes:
                table, row = push["table"], push["data"][0]  # type: ignore[index]
                of = by_message[str(table), original_of(row["symbol"])]
                ms_t = row["ms_t"]
                if table == "spot/trade":
                    trades.append((arrived_ms, arrived_ms - of.first_after(ms_t - 1)))
                    continue
                ages.append(arrived_ms - ms_t)
                if due_ms is None:
                    due_ms = of.first_after(ms_t - 1)
                else:
                    due_ms = max(of.first_after(shown_ms_t), due_ms + INTERVAL_MS)
                    depths.append((arrived_ms, arrived_ms - due_ms))
                shown_ms_t = ms_t
        # The clock's start is one and the same for all: the least late push of either kind.
        least = min(late for _, late in (*depths, *trades))
        late_ms = [late - least for _, late in sorted(depths)]
        third = max(1, len(late_ms) // 3)
        return Lags(
            _spread([age - min(ages) for age in ages]),
            _spread(late_ms[:third]),
            _spread(late_ms[-third:]),
            _spread([late - least for _, late in trades]),
        )


def _spread(values_ms: list[float]) -> str:
    return f"{percentile(values_ms, 0.5):.0f} / {percentile(values_ms, 0.99):.0f}"


@asynccontextmanager
async def subscribe(port: int, subscribers: int, pushes: Pushes) -> AsyncIterator[None]:
    """`subscribers` connections, spread evenly over the symbols; all closed at the end."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        readers = []
        for number in range(subscribers):
            socket = await session.ws_connect(f"ws://127.0.0.1:{port}/api?protocol=1.1")
            topics = pushes.topics[number % len(pushes.topics)]
            await socket.send_str(json.dumps({"op": "subscribe", "args": topics}))
            readers.append(asyncio.create_task(_read(socket, pushes, number)))
        try:
            yield
        finally:
            pushes.closed = sum(reader.done() for reader in readers)
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


async def _read(socket: aiohttp.ClientWebSocketResponse, pushes: Pushes, number: int) -> None:
    async for message in socket:
        if message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            pushes.add(message.data, number)

"""Websocket subscribers that count what they are pushed and how late it came."""

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from benchmarks.common import percentile
from benchmarks.many_symbols import symbol_names

SAMPLED = 10
"""Every tenth connection also reads what it gets: reading all would measure the client."""


class Pushes:
    """What all subscribers received between `begin` and `end`."""

    def __init__(self, symbols: int) -> None:
        self.topics = [
            [f"spot/depth/increase100:{name}", f"spot/trade:{name}"] for name in symbol_names(symbols)
        ]
        self.count = self.bytes = self.closed = 0
        self._lags_ms: list[float] = []
        self._counting = False

    def begin(self) -> None:
        self._counting = True

    def end(self) -> None:
        self._counting = False

    def add(self, data: bytes | str, *, sampled: bool) -> None:
        if not self._counting:
            return
        self.count += 1
        self.bytes += len(data)
        if sampled:
            text = zlib.decompress(data, -zlib.MAX_WBITS) if isinstance(data, bytes) else data
            message = json.loads(text)
            if "depth" in message.get("table", ""):
                self._lags_ms.append(time.time_ns() / 1e6 - float(message["data"][0]["ms_t"]))

    def lag_of_thirds_ms(self) -> tuple[float, float]:
        """p99 lag above the least one, in the first and in the last third of the time."""
        if not self._lags_ms:
            return 0.0, 0.0
        least = min(self._lags_ms)
        late_ms = [lag - least for lag in self._lags_ms]
        third = max(1, len(late_ms) // 3)
        return percentile(late_ms[:third], 0.99), percentile(late_ms[-third:], 0.99)


@asynccontextmanager
async def subscribe(port: int, subscribers: int, pushes: Pushes) -> AsyncIterator[None]:
    """`subscribers` connections, spread evenly over the symbols; all closed at the end."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        readers = []
        for number in range(subscribers):
            socket = await session.ws_connect(f"ws://127.0.0.1:{port}/api?protocol=1.1")
            topics = pushes.topics[number % len(pushes.topics)]
            await socket.send_str(json.dumps({"op": "subscribe", "args": topics}))
            readers.append(asyncio.create_task(_read(socket, pushes, sampled=number % SAMPLED == 0)))
        try:
            yield
        finally:
            pushes.closed = sum(reader.done() for reader in readers)
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)


async def _read(socket: aiohttp.ClientWebSocketResponse, pushes: Pushes, *, sampled: bool) -> None:
    async for message in socket:
        if message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            pushes.add(message.data, sampled=sampled)

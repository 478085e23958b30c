"""A lean keep-alive HTTP client over bare asyncio, so that the server is what is measured."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.processes import KEY, MEMO, SECRET
from paper_bitmart.bitmart.signing import sign

SUBMIT, CANCEL = "/spot/v2/submit_order", "/spot/v3/cancel_order"
ORDER = {
    "symbol": "BTC_USDT", "side": "buy", "type": "limit_maker", "size": "0.001", "price": "50000.00",
}  # fmt: skip
"""Rests far below the market."""
MARKET_UNKNOWN = 50022
REST_S = 0.02


@dataclass(slots=True)
class Load:
    """What one slice of load measured. `latencies_ns`: of every call, a submit and a cancel each."""

    elapsed_s: float = 0.0
    round_trips: int = 0
    latencies_ns: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Submit + cancel round trips per second."""
        return self.round_trips / self.elapsed_s


class Client(asyncio.Protocol):
    """One keep-alive connection, one call at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = bytes(self._buffer[:head_end]).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._buffer) < head_end + 4 + length:
            return
        body = bytes(self._buffer[head_end + 4 : head_end + 4 + length])
        del self._buffer[: head_end + 4 + length]
        assert self._answer is not None
        self._answer.set_result(body)

    async def post(self, path: str, message: dict[str, str]) -> bytes:
        """The body of the reply to a signed POST."""
        assert self._transport is not None
        body = json.dumps(message).encode()
        stamp = str(time.time_ns() // 1_000_000)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-BM-KEY: {KEY}\r\nX-BM-TIMESTAMP: {stamp}\r\nX-BM-SIGN: {sign(SECRET, MEMO, stamp, body)}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        return await self._answer

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def connect(port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    return client


def order_id_of(reply: bytes) -> str | None:
    """The id of an accepted order; None while the demo market begins anew, a tenth of a second each minute.

    Raises:
        RuntimeError: the exchange refused it.
    """
    message = json.loads(reply)
    if message.get("code") == MARKET_UNKNOWN:
        return None
    if message.get("code") != 1000:
        raise RuntimeError(f"refused: {reply.decode()}")
    return str(message["data"]["order_id"])


def echoed_id(reply: bytes) -> str | None:
    """For the echo: parse as much, and send as much back."""
    json.loads(reply)
    return "1000000000000"


async def submit_and_cancel(
    port: int, connections: int, seconds: float, read_id: Callable[[bytes], str | None] = order_id_of
) -> Load:
    """Submit and cancel over `connections` at once, for `seconds`."""
    clients = [await connect(port) for _ in range(connections)]
    load = Load()
    start_ns = time.perf_counter_ns()
    end_ns = start_ns + int(seconds * 1e9)
    try:
        await asyncio.gather(*(_drive(client, end_ns, load, read_id) for client in clients))
    finally:
        for client in clients:
            client.close()
    load.elapsed_s = (time.perf_counter_ns() - start_ns) / 1e9
    return load


async def _drive(client: Client, end_ns: int, load: Load, read_id: Callable[[bytes], str | None]) -> None:
    now_ns = time.perf_counter_ns()
    while now_ns < end_ns:
        order_id = read_id(await client.post(SUBMIT, ORDER))
        sent_ns, now_ns = now_ns, time.perf_counter_ns()
        load.latencies_ns.append(now_ns - sent_ns)
        if order_id is None:
            await asyncio.sleep(REST_S)
            now_ns = time.perf_counter_ns()
            continue
        reply = await client.post(CANCEL, {"symbol": ORDER["symbol"], "order_id": order_id})
        sent_ns, now_ns = now_ns, time.perf_counter_ns()
        load.latencies_ns.append(now_ns - sent_ns)
        if b'"code":1000' not in reply and read_id is order_id_of:
            raise RuntimeError(f"cancel refused: {reply.decode()}")
        load.round_trips += 1

"""Plain calls are read by the front, all others by aiohttp; a client cannot tell which."""

import asyncio
import contextlib
import json
import logging
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_support import ALICE, serving

from paper_bitmart.server.app import Server
from paper_bitmart.server.faults import Fault, FaultPlan, FaultRule
from paper_bitmart.server.settings import ServerSettings

SETTINGS = ServerSettings(port=0, rate_limits="off", body_bytes_max=4_096)
TIME = b"GET /system/time HTTP/1.1\r\nHost: x\r\n\r\n"
ODD = b"X_Odd: 1\r\n"
"""A header that changes nothing, but is not plain."""


class Wire:
    """One raw connection to a server, and what the server's front knows."""

    def __init__(self, exchange, server, reader, writer):
        self.exchange, self.front = exchange, server._front
        self.reader, self.writer = reader, writer

    @property
    def is_plain(self):
        """Whether the front still reads the connection."""
        return len(self.front.connections) == 1

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self):
        """Status, headers by lower-case name, body of the next answer."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        lines = head.strip().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        return (
            int(lines[0].split()[1]),
            headers,
            await self.reader.readexactly(int(headers["content-length"])),
        )

    async def call(self, data):
        await self.send(data)
        return await self.answer()


@contextlib.asynccontextmanager
async def connected(settings=SETTINGS, **options):
    async with serving(settings, **options) as exchange, Server(exchange.app, settings) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            yield Wire(exchange, server, reader, writer)
        finally:
            writer.close()


def signed(exchange, path, body, more=b"", method=b"POST"):
    headers = exchange.signed(body, ALICE) | {"Host": "x", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    return method + b" " + path + b" HTTP/1.1\r\n" + lines + more + b"\r\n" + body


def code(answer):
    return json.loads(answer[2])["code"]


# --- which road ---


async def test_plain_calls_of_a_connection_are_answered_by_the_front():
    async with connected() as wire:
        for _ in range(3):
            assert code(await wire.call(TIME)) == 1000
            assert code(await wire.call(signed(wire.exchange, b"/spot/v4/cancel_all", b"{}"))) == 1000
        assert wire.is_plain


@pytest.mark.parametrize(
    "call",
    [
        b"PUT /system/time HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /system/time HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
        b"GET http://x/system/time HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /system/%74ime HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /spot/../system/time HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /system/time?a=%20 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\nX-A: caf\xc3\xa9\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; a=b; c=d\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        TIME.replace(b"x\r\n", b"x\r\nX-Long: " + b"a" * 5_000 + b"\r\nX-More: " + b"a" * 4_000 + b"\r\n"),
        b"GET /paper/v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_is_not_plain_is_aiohttps_from_then_on(call):
    async with connected() as wire:
        assert code(await wire.call(TIME)) == 1000
        await wire.send(call)
        status, _, _ = await (wire.answer() if b"Expect" not in call else _after_continue(wire))
        assert status in (200, 401, 403, 404, 405)
        assert not wire.is_plain
        assert code(await wire.call(TIME)) == 1000


async def _after_continue(wire):
    assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    return await wire.answer()


@pytest.mark.parametrize(
    "call",
    [
        b"junk\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost x\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /system/time HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET /" + b"a" * 9_000,
    ],
)
async def test_bad_http_is_refused_by_aiohttp(call):
    async with connected() as wire:
        status, _, _ = await wire.call(call)
        assert status == 400
        assert not wire.is_plain


async def test_a_body_above_the_limit_is_50000():
    async with connected() as wire:
        answer = await wire.call(signed(wire.exchange, b"/spot/v4/cancel_all", b" " * 4_097))
        assert (answer[0], code(answer)) == (413 if answer[0] == 413 else 400, 50000)
        assert b"body exceeds 4096 bytes" in answer[2]


async def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_failure_of_ours(caplog):
    async with connected() as wire:
        head = signed(wire.exchange, b"/spot/v4/cancel_all", b"{}", b"Transfer-Encoding: chunked\r\n")
        await wire.send(head.replace(b"Content-Length: 2\r\n", b"").removesuffix(b"{}") + b"2\r\n{")
        await asyncio.sleep(0.05)
        wire.writer.close()
        await asyncio.sleep(0.05)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_front_runs_on_an_event_loop_with_transports_of_its_own():
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")

    async def call_on_both_roads():
        async with connected() as wire:
            assert code(await wire.call(signed(wire.exchange, b"/spot/v4/cancel_all", b"{}"))) == 1000
            assert wire.is_plain
            assert code(await wire.call(TIME.replace(b"GET", b"PUT"))) == 57001
            assert code(await wire.call(TIME)) == 1000
            assert not wire.is_plain

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(call_on_both_roads())


# --- bytes come as they like ---


@pytest.mark.parametrize("more", [b"", ODD])
async def test_a_call_may_come_byte_by_byte(more):
    async with connected() as wire:
        call = signed(wire.exchange, b"/spot/v4/cancel_all", b'{"symbol": "ETH_USDT"}', more)
        for at in range(len(call)):
            await wire.send(call[at : at + 1])
        assert code(await wire.answer()) == 1000


async def test_calls_that_come_together_are_answered_in_their_order():
    async with connected() as wire:
        calls = [TIME, signed(wire.exchange, b"/spot/v4/cancel_all", b"{"), TIME, TIME]
        await wire.send(b"".join(calls) + TIME.replace(b"GET", b"PUT") + TIME)
        codes = [code(await wire.answer()) for _ in range(6)]
        assert codes == [1000, 30018, 1000, 1000, 57001, 1000]


async def test_a_client_that_does_not_read_is_held_back_and_gets_every_answer():
    async with connected() as wire:
        count = 20_000
        sending = asyncio.create_task(wire.send(TIME * count))
        await asyncio.sleep(0.5)
        (connection,) = wire.front.connections
        assert connection._transport.get_write_buffer_size() < 200_000
        assert len(connection._buffer) < 1_000_000
        for _ in range(count):
            assert code(await wire.answer()) == 1000
        await sending


async def test_stopping_lets_a_call_that_is_under_way_end():
    plan = FaultPlan(rules=(FaultRule(fault=Fault.DELAY, where="/system/time", delay_ms=200),))
    async with serving(SETTINGS, plan=plan) as exchange:
        async with Server(exchange.app, SETTINGS) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(TIME)
            await asyncio.sleep(0.05)
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()


# --- the same answers ---

HEADERS = ["X-BM-KEY", "X-BM-SIGN", "X-BM-TIMESTAMP", "Accept", "User-Agent"]
VALUES = ["", "alice-key", "0" * 64, "1763800000000", "*/*", "a b  c"]
TYPES = ["application/json", "Application/JSON; charset=utf-8", "text/plain;charset=utf-8"]
PATHS = ["/system/time", "/spot/v1/symbols", "/spot/quotation/v3/books", "/spot/v1/wallet", "/nothing", "/"]
PATHS += ["/spot/v4/cancel_all", "/spot/v2/submit_order", "/account/v1/wallet", "/system/time/", "/a.b"]
QUERIES = ["", "?", "?symbol=BTC_USDT", "?symbol=&symbol=ETH_USDT", "?symbol", "?limit=5&symbol=ETH_USDT"]
QUERIES += ["?a=b=c&&"]


def test_both_roads_give_the_same_answer():
    """Of everything that the front takes for plain, one by one and with arbitrary cuts between the bytes."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        wire = runner.run(stack.enter_async_context(connected()))
        other = runner.run(_second(wire, stack))

        @given(
            method=st.sampled_from(["GET", "POST"]),
            path=st.sampled_from(PATHS),
            query=st.sampled_from(QUERIES),
            headers=st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(VALUES)),
            media_type=st.sampled_from(TYPES) | st.none(),
            body=st.sampled_from([b"", b"{}", b"{", b'{"symbol": "ETH_USDT"}']),
            is_signed=st.booleans(),
            cut=st.integers(0, 400),
        )
        def same(method, path, query, headers, media_type, body, is_signed, cut):
            if media_type is not None:
                headers["Content-Type"] = media_type
            if is_signed:
                headers |= wire.exchange.signed(body, ALICE)
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            head = f"{method} {path}{query} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n"
            call = head.encode() + b"\r\n" + body
            plain = runner.run(_in_two(wire, call, cut))
            assert wire.is_plain
            assert _seen(plain) == _seen(runner.run(other.call(head.encode() + ODD + b"\r\n" + body)))

        same()
        runner.run(stack.aclose())


async def _second(wire, stack):
    """Another connection to the same server, handed to aiohttp."""
    reader, writer = await asyncio.open_connection(*wire.writer.get_extra_info("peername"))
    stack.callback(writer.close)
    other = Wire(wire.exchange, type("Known", (), {"_front": wire.front}), reader, writer)
    await other.call(TIME.replace(b"\r\n\r\n", b"\r\n" + ODD + b"\r\n"))
    return other


async def _in_two(wire, call, cut):
    await wire.send(call[:cut])
    await asyncio.sleep(0)
    return await wire.call(call[cut:])


def _seen(answer):
    """An answer without what differs from call to call."""
    status, headers, body = answer
    left = {
        name: value for name, value in headers.items() if name not in ("date", "server", "content-length")
    }
    return status, left, re.sub(rb'"trace":"[^"]*"', b"", body)

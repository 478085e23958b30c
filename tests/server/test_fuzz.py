"""Whatever a client sends: an envelope comes back, no 5xx of our making, and a refusal changes nothing."""

import asyncio
import contextlib
import json
import logging

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_support import ALICE, KEYS, START_MS, serving

from paper_bitmart.bitmart.codes import CODES
from paper_bitmart.bitmart.signing import login_args
from paper_bitmart.server.app import ENDPOINTS
from paper_bitmart.server.auth import Level

GETS = [endpoint.path for endpoint in ENDPOINTS if endpoint.method == "GET"]
POSTS = [endpoint.path for endpoint in ENDPOINTS if endpoint.level is Level.SIGNED]
ADMIN_POSTS = [
    "/accounts",
    "/accounts/alice/deposit",
    "/accounts/alice/reset",
    "/accounts/alice/fees",
    "/clock/seek",
]

WORDS = [
    "ETH_USDT",
    "NEW_USDT",
    "buy",
    "sell",
    "limit",
    "market",
    "limit_maker",
    "ioc",
    "open",
    "spot",
    "none",
    "USDT",
]
NUMBERS = [
    "0",
    "-1",
    "1",
    "0.00001",
    "2500.10",
    "1e3",
    "1e-30",
    "9" * 40,
    "NaN",
    "Infinity",
    "0x10",
    "1_0",
    "٣",
    "",
]
NAMES = [
    "symbol",
    "side",
    "type",
    "size",
    "price",
    "notional",
    "client_order_id",
    "clientOrderId",
    "stpMode",
    "order_id",
    "orderId",
    "orderIds",
    "clientOrderIds",
    "orderParams",
    "recvWindow",
    "queryState",
    "orderMode",
    "startTime",
    "endTime",
    "limit",
    "before",
    "after",
    "step",
    "currency",
    "needUsdValuation",
]

scalars = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(NUMBERS),
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(START_MS - 10**6, START_MS + 10**6),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=8,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=8)
plausible = st.fixed_dictionaries(
    {
        "symbol": st.just("ETH_USDT"),
        "side": st.sampled_from(["buy", "sell"]),
        "type": st.sampled_from(["limit", "market", "limit_maker", "ioc"]),
    },
    optional={
        "size": st.sampled_from([*NUMBERS, "0.5"]),
        "price": st.sampled_from([*NUMBERS, "2499.999"]),
        "notional": st.sampled_from([*NUMBERS, "50"]),
        "client_order_id": st.text(max_size=34),
    },
)
header_text = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)


@pytest.fixture(autouse=True)
def no_traceback(caplog):
    """A failure of ours is logged, also where the client is told something harmless."""
    yield
    logged = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert not [record.getMessage() for record in logged if record.levelno >= logging.ERROR]


@contextlib.contextmanager
def running():
    """An exchange, and a function that waits for a coroutine on its loop."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        exchange = runner.run(stack.enter_async_context(serving()))
        try:
            yield exchange, runner.run
        finally:
            runner.run(stack.aclose())


def check(exchange, run, call, codes=CODES):
    exchange.pass_ms(1)  # else a refused command that moved the venue's time would not be seen
    before = exchange.state()
    reply = run(call(exchange))
    assert reply.json.keys() == {"code", "message", "trace", "data"}
    assert reply.status < 500 or reply.code == 30018, reply.json
    if reply.code != 1000:
        assert reply.code in codes
        assert exchange.state() == before
    exchange.venue.check()
    return reply


@pytest.mark.parametrize("path", POSTS)
def test_signed_calls_with_any_body(path):
    with running() as (exchange, run):

        @given(fields=bodies | plausible)
        def fuzz(fields):
            check(exchange, run, lambda exchange: exchange.post(path, **fields))

        fuzz()


def test_signed_calls_with_any_bytes():
    with running() as (exchange, run):

        @given(path=st.sampled_from(POSTS), body=st.binary(max_size=200), key=st.sampled_from(KEYS))
        def fuzz(path, body, key):
            reply = check(exchange, run, lambda exchange: exchange.post(path, body, key=key))
            assert reply.code != 1000

        fuzz()


def test_any_headers():
    with running() as (exchange, run):
        names = st.sampled_from(
            ["X-BM-KEY", "X-BM-SIGN", "X-BM-TIMESTAMP", "Content-Type", "Origin", "Cookie"]
        )

        @given(path=st.sampled_from(POSTS), changed=st.dictionaries(names, header_text, min_size=1))
        def fuzz(path, changed):
            body = json.dumps({"symbol": "ETH_USDT"}).encode()

            def call(exchange):
                headers = exchange.signed(body, ALICE) | changed
                return exchange.request("POST", path, headers=headers, data=body)

            check(exchange, run, call)

        fuzz()


def test_any_query():
    with running() as (exchange, run):
        texts = st.sampled_from(WORDS + NUMBERS) | st.text(max_size=20)
        queries = st.dictionaries(st.sampled_from(NAMES), texts, max_size=5)

        @given(path=st.sampled_from(GETS), query=queries)
        def fuzz(path, query):
            check(exchange, run, lambda exchange: exchange.get(path, ALICE, **query))

        fuzz()


def test_any_admin_body():
    with running() as (exchange, run):
        names = ["name", "balances", "memo", "asset", "amount", "symbol", "maker_ppm", "taker_ppm", "to_ms"]
        documents = st.dictionaries(st.sampled_from(names), values, max_size=4)
        codes = CODES.keys() | {10_000 + status for status in (400, 404, 409, 413, 415)}

        @given(path=st.sampled_from(ADMIN_POSTS), body=documents)
        def fuzz(path, body):
            check(exchange, run, lambda exchange: exchange.admin("POST", path, body), codes)

        fuzz()


TOPICS = [
    *(f"spot/{name}:ETH_USDT" for name in ("ticker", "trade", "depth5", "bookTicker", "kline1m", "kline1M")),
    "spot/depth/increase100:ETH_USDT",
    "spot/depth/increase100:NEW_USDT",
    "spot/user/order:ETH_USDT",
    "spot/user/orders:ALL_SYMBOLS",
    "spot/user/balance:BALANCE_UPDATE",
    "spot/ticker:",
    "spot/nothing:ETH_USDT",
    ":",
]
ops = st.sampled_from(["subscribe", "unsubscribe", "request", "login", "ping", ""])
arguments = st.lists(st.sampled_from(TOPICS) | scalars, max_size=4)
ws_texts = st.one_of(
    st.builds(lambda op, args: json.dumps({"op": op, "args": args}), ops, arguments),
    values.map(json.dumps),
    st.text(max_size=60),
    st.sampled_from(["ping", '{"op":"subscribe","args":["\\ud800"]}', "[" * 5_000, '{"op":NaN}']),
)
ws_frames = st.one_of(
    st.tuples(st.just("text"), ws_texts),
    st.tuples(st.just("binary"), st.binary(max_size=60)),
    st.tuples(st.just("ping"), st.binary(max_size=125)),
    st.tuples(st.just("pong"), st.binary(max_size=125)),
)


async def talk(exchange, path, frames, is_logged_in):
    """Say all that, then ask for a sign of life; returns the text frames heard and the close code, if any."""
    heard = []
    async with exchange.client.ws_connect(path, autoping=False) as socket:
        if is_logged_in:
            stamp = str(exchange.wall.now_ns() // 1_000_000)
            args = login_args(ALICE.access_key, ALICE.secret, ALICE.memo, stamp)
            await socket.send_json({"op": "login", "args": args})
        for kind, payload in [*frames, ("text", "ping")]:
            send = {
                "text": socket.send_str,
                "binary": socket.send_bytes,
                "ping": socket.ping,
                "pong": socket.pong,
            }[kind]
            with contextlib.suppress(ConnectionError):  # closed, for a login that failed
                await send(payload)
        # As many pongs as pings in the text, the last one after everything else.
        wanted = 1 + sum(frame == ("text", "ping") for frame in frames)
        while wanted:
            message = await socket.receive(timeout=10)
            if message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
                return heard, socket.close_code
            if message.type is aiohttp.WSMsgType.TEXT:
                wanted -= message.data == "pong"
                heard.append(message.data)
    return heard, None


@pytest.mark.parametrize("path", ["/api", "/user"])
def test_any_websocket_frames(path):
    with running() as (exchange, run):

        @given(frames=st.lists(ws_frames, max_size=8), is_logged_in=st.booleans())
        def fuzz(frames, is_logged_in):
            exchange.pass_ms(1)
            before = exchange.state()
            heard, close_code = run(talk(exchange, path, frames, is_logged_in))
            for text in heard:
                if text != "pong":
                    reply = json.loads(text)
                    assert reply.keys() <= {"event", "topic", "errorCode", "errorMessage"}
                    assert reply.get("errorCode") != "95000"
            assert close_code in (None, 1008)
            assert exchange.state() == before

        fuzz()

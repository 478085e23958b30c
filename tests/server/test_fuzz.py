"""Whatever a client sends: an envelope comes back, no 5xx of our making, and a refusal changes nothing."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_support import ALICE, KEYS, START_MS, serving

from paper_bitmart.bitmart.codes import CODES
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
    before = exchange.state()
    reply = run(call)
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
            check(exchange, run, exchange.post(path, **fields))

        fuzz()


def test_signed_calls_with_any_bytes():
    with running() as (exchange, run):

        @given(path=st.sampled_from(POSTS), body=st.binary(max_size=200), key=st.sampled_from(KEYS))
        def fuzz(path, body, key):
            assert check(exchange, run, exchange.post(path, body, key=key)).code != 1000

        fuzz()


def test_any_headers():
    with running() as (exchange, run):
        names = st.sampled_from(
            ["X-BM-KEY", "X-BM-SIGN", "X-BM-TIMESTAMP", "Content-Type", "Origin", "Cookie"]
        )

        @given(path=st.sampled_from(POSTS), changed=st.dictionaries(names, header_text, min_size=1))
        def fuzz(path, changed):
            body = json.dumps({"symbol": "ETH_USDT"}).encode()
            headers = exchange.signed(body, ALICE) | changed
            check(exchange, run, exchange.request("POST", path, headers=headers, data=body))

        fuzz()


def test_any_query():
    with running() as (exchange, run):
        texts = st.sampled_from(WORDS + NUMBERS) | st.text(max_size=20)
        queries = st.dictionaries(st.sampled_from(NAMES), texts, max_size=5)

        @given(path=st.sampled_from(GETS), query=queries)
        def fuzz(path, query):
            check(exchange, run, exchange.get(path, ALICE, **query))

        fuzz()


def test_any_admin_body():
    with running() as (exchange, run):
        names = ["name", "balances", "memo", "asset", "amount", "symbol", "maker_ppm", "taker_ppm", "to_ms"]
        documents = st.dictionaries(st.sampled_from(names), values, max_size=4)
        codes = CODES.keys() | {10_000 + status for status in (400, 404, 409, 413, 415)}

        @given(path=st.sampled_from(ADMIN_POSTS), body=documents)
        def fuzz(path, body):
            check(exchange, run, exchange.admin("POST", path, body), codes)

        fuzz()

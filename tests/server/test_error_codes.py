"""Every REST error: the call that provokes it, its status, code and text, and that nothing changed."""

import ast
from pathlib import Path

import pytest
from rest_support import (
    ALICE,
    ELSEWHERE,
    EXPIRED,
    FROZEN,
    NOBODY,
    READER,
    START_MS,
    START_NS,
    serving,
    snapshot,
    trades,
)

import paper_bitmart
from paper_bitmart.bitmart.codes import CODES
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.server.faults import Fault, FaultPlan, FaultRule
from paper_bitmart.server.settings import ServerSettings

SUBMIT = "/spot/v2/submit_order"
BATCH = "/spot/v4/batch_orders"
CANCEL = "/spot/v3/cancel_order"
CANCEL_ORDERS = "/spot/v4/cancel_orders"
CANCEL_ALL = "/spot/v4/cancel_all"
ORDER = "/spot/v4/query/order"
OPEN = "/spot/v4/query/open-orders"
KLINES = "/spot/quotation/v3/klines"
LIMIT = {"symbol": "ETH_USDT", "side": "buy", "type": "limit", "size": "1", "price": "2000"}
MARKET = {"symbol": "ETH_USDT", "side": "buy", "type": "market", "notional": "100"}
DAY_MS = 24 * 3600 * 1000
OUTSIDE = "Header X-BM-TIMESTAMP range. Timestamp for this request is outside of the recvWindow."
RANGE = "Param recvWindow must be less than 60000 and greater than 0"


def get(path, key=None, **params):
    return lambda exchange: exchange.get(path, key, **params)


def post(path, key=ALICE, timestamp=None, **fields):
    return lambda exchange: exchange.post(path, key=key, timestamp=timestamp, **fields)


def raw(path, body, content_type="application/json"):
    def call(exchange):
        headers = exchange.signed(body) | {"Content-Type": content_type}
        return exchange.request("POST", path, headers=headers, data=body)

    return call


def without(path, header, **replaced):
    """A signed call that lacks a header, or has another value in it."""

    def call(exchange):
        headers = exchange.signed(b"{}")
        del headers[header]
        return exchange.request("POST", path, headers=headers | replaced, data=b"{}")

    return call


def method(name, path):
    return lambda exchange: exchange.request(name, path)


def order(**changed):
    return post(SUBMIT, **{name: value for name, value in (LIMIT | changed).items() if value is not None})


def market(**changed):
    return post(SUBMIT, **{name: value for name, value in (MARKET | changed).items() if value is not None})


GATEWAY = [
    (30000, 404, "Not found", get("/spot/v9/nothing")),
    (30000, 404, "Not found", method("POST", "/")),
    (57001, 405, "Method Not Allowed", method("POST", "/spot/v1/symbols")),
    (57001, 405, "Method Not Allowed", method("DELETE", SUBMIT)),
    (60030, 405, "Method Not Allowed", method("POST", "/account/v1/wallet")),
    (58001, 415, "Unsupported Media Type", raw(SUBMIT, b"{}", "text/plain")),
    (30001, 401, "Header X-BM-KEY is empty", get("/spot/v1/wallet")),
    (30001, 401, "Header X-BM-KEY is empty", without(SUBMIT, "X-BM-KEY")),
    (30002, 401, "Header X-BM-KEY not found", without(SUBMIT, "X-BM-KEY", **{"X-BM-KEY": "nobody"})),
    (30003, 401, "Header X-BM-KEY has frozen", get("/spot/v1/wallet", FROZEN)),
    (30011, 403, "Header X-BM-KEY over expire time", get("/spot/v1/wallet", EXPIRED)),
    (30010, 403, CODES[30010].message, get("/spot/v1/wallet", ELSEWHERE)),
    (30012, 403, "Header X-BM-KEY is forbidden to request it", post(SUBMIT, READER, **LIMIT)),
    (59001, 400, "User account not found", get("/spot/v1/wallet", NOBODY)),
    (30004, 401, "Header X-BM-SIGN is empty", without(SUBMIT, "X-BM-SIGN")),
    (30005, 401, "Header X-BM-SIGN is wrong", without(SUBMIT, "X-BM-SIGN", **{"X-BM-SIGN": "00"})),
    (30006, 401, "Header X-BM-TIMESTAMP is empty", without(SUBMIT, "X-BM-TIMESTAMP")),
    (30006, 401, "Header X-BM-TIMESTAMP must be long type", post(SUBMIT, timestamp="12.5")),
    (30008, 401, "Header X-BM-TIMESTAMP invalid format", post(SUBMIT, timestamp=START_MS // 1000)),
    (30007, 401, "Header X-BM-TIMESTAMP range. Within a minute", post(SUBMIT, timestamp=START_MS - 60_001)),
    (30007, 401, "Header X-BM-TIMESTAMP range. Within a minute", post(CANCEL, timestamp=START_MS + 60_001)),
    (30007, 401, OUTSIDE, post(ORDER, timestamp=START_MS - 5_001)),
    (30007, 401, OUTSIDE, post(ORDER, timestamp=START_MS + 1_000)),
    (30007, 401, OUTSIDE, post(ORDER, timestamp=START_MS - 101, recvWindow=100)),
    (30007, 401, "Param recvWindow must be long type", post(ORDER, recvWindow="soon")),
    (30007, 401, RANGE, post(ORDER, recvWindow=0)),
    (30007, 401, RANGE, post(CANCEL_ALL, recvWindow=60_001)),
    (30018, 503, "Request Body requires JSON format", raw(SUBMIT, b"symbol=ETH_USDT")),
    (30018, 503, "Request Body requires JSON format", raw(ORDER, b"")),
    (30018, 503, "Request Body requires JSON format", raw(ORDER, b'{"recvWindow": NaN}')),
    (50000, 400, "Bad Request [body is not a JSON object]", raw(SUBMIT, b"[1]")),
    (50000, 400, "Bad Request [body exceeds 65536 bytes]", raw(SUBMIT, b" " * 65_537)),
    (30031, 200, CODES[30031].message, get("/spot/v3/orders")),
    (30031, 200, CODES[30031].message, method("POST", "/spot/v1/submit_order")),
    (53005, 403, CODES[53005].message, method("POST", "/spot/v4/algo/submit_order")),
    (60061, 403, "Unsupported operation", get("/account/v1/deposit/address")),
]

MARKET_DATA = [
    (70001, 200, "request param can not be null", get("/spot/quotation/v3/ticker")),
    (70002, 200, "symbol is invalid", get("/spot/quotation/v3/books", symbol="NIX_USDT")),
    (70000, 200, "no data", get("/spot/quotation/v3/ticker", symbol="NEW_USDT")),
    (71001, 200, "after is invalid", get(KLINES, symbol="ETH_USDT", after="then")),
    (71001, 200, "after is invalid", get(KLINES, symbol="ETH_USDT", after="-1")),
    (71002, 200, "before is invalid", get(KLINES, symbol="ETH_USDT", before="now")),
    (71003, 200, "request after or before is invalid", get(KLINES, symbol="ETH_USDT", after="9", before="9")),
    (71004, 200, "request kline count limit", get(KLINES, symbol="ETH_USDT", limit="0")),
    (71005, 200, "request step error", get(KLINES, symbol="ETH_USDT", step="7")),
    (50021, 400, "Invalid limit", get("/spot/quotation/v3/books", symbol="ETH_USDT", limit="all")),
    (50015, 400, "Minimum limit is 1", get("/spot/quotation/v3/trades", symbol="ETH_USDT", limit="0")),
    (60009, 400, "Beyond the limit", get("/account/v1/currencies", currencies=",".join("A" * 21))),
]

ACCOUNT = [
    (60002, 400, "currency does not exist", get("/account/v1/wallet", ALICE, currency="NIX")),
    (50028, 400, "Missing parameters", get("/spot/v1/trade_fee", ALICE)),
    (50001, 400, "Symbol not found", get("/spot/v1/trade_fee", ALICE, symbol="NIX_USDT")),
]

ORDERS = [
    (50028, 400, "Missing parameters", order(symbol=None)),
    (50001, 400, "Symbol not found", order(symbol="NIX_USDT")),
    (50021, 400, "Invalid symbol", order(symbol=["ETH_USDT"])),
    (50040, 400, "Symbol Not Available", order(symbol="NEW_USDT")),
    (52001, 400, "Unsupported Trade Type", order(type="stop")),
    (52001, 400, "Unsupported Trade Type", order(type=None)),
    (52002, 400, "Unsupported Side Type", order(side="hold")),
    (50021, 400, "Invalid stpMode", order(stpMode="never")),
    (50021, 400, "Invalid stpMode", order(stpMode=0)),
    (50021, 400, "Invalid stpMode", order(stpMode=[])),
    (50010, 400, "RequestParam size is required", order(size=None)),
    (50011, 400, "RequestParam price is required", order(price=None)),
    (50012, 400, "RequestParam notional is required", market(notional=None)),
    (50021, 400, "Invalid notional", market(notional=None, size="1")),
    (50021, 400, "Invalid price", order(price="NaN")),
    (50021, 400, "Invalid size", order(size="a lot")),
    (50021, 400, "Invalid client_order_id", order(client_order_id={"a": 1})),
    (50037, 400, CODES[50037].message, order(client_order_id="a" * 33)),
    (50038, 400, CODES[50038].message, order(client_order_id="no-dash")),
    (50008, 400, "Minimum price is 0.01", order(price="0.001")),
    (50025, 400, "Maximum price is", order(price="1" + "0" * 30)),
    (51015, 400, "Quantity is too small", order(size="-1")),
    (50006, 400, "Minimum size is 0.0001", order(size="0.00001")),
    (50007, 400, "Maximum size is 1000", order(size="1000.5")),
    (51011, 400, "param not match : size * price >=5", order(size="0.001")),
    (51012, 400, CODES[51012].message, market(notional="4.99")),
    (50020, 400, "Balance not enough", order(size="10")),
    (50028, 400, "Missing parameters", post(BATCH, symbol="ETH_USDT")),
    (50033, 400, CODES[50033].message, post(BATCH, symbol="ETH_USDT", orderParams=[])),
    (50033, 400, CODES[50033].message, post(BATCH, symbol="ETH_USDT", orderParams=[LIMIT] * 11)),
    (50021, 400, "Invalid orderParams", post(BATCH, symbol="ETH_USDT", orderParams="all")),
    (
        52002,
        400,
        "Unsupported Side Type",
        post(BATCH, symbol="ETH_USDT", orderParams=[LIMIT, {**LIMIT, "side": 1}]),
    ),
    (
        50020,
        400,
        "Balance not enough",
        post(BATCH, symbol="ETH_USDT", orderParams=[LIMIT | {"size": "2"}] * 3),
    ),
    (50028, 400, "Missing parameters", post(CANCEL, order_id="1")),
    (50001, 400, "Symbol not found", post(CANCEL, symbol="NIX_USDT", order_id="1")),
    (50039, 400, CODES[50039].message, post(CANCEL, symbol="ETH_USDT")),
    (50005, 400, "Order Id not found", post(CANCEL, symbol="ETH_USDT", order_id="12")),
    (50005, 400, "Order Id not found", post(CANCEL, symbol="ETH_USDT", order_id="not a number")),
    (50005, 400, "Order Id not found", post(CANCEL, symbol="ETH_USDT", client_order_id="mine")),
    (50039, 400, CODES[50039].message, post(CANCEL_ORDERS, symbol="ETH_USDT", orderIds=[])),
    (50033, 400, CODES[50033].message, post(CANCEL_ORDERS, symbol="ETH_USDT", orderIds=["1"] * 11)),
    (50021, 400, "Invalid orderIds", post(CANCEL_ORDERS, symbol="ETH_USDT", orderIds=[None])),
    (50001, 400, "Symbol not found", post(CANCEL_ALL, symbol="NIX_USDT")),
    (52002, 400, "Unsupported Side Type", post(CANCEL_ALL, side="both")),
]

QUERIES = [
    (50028, 400, "Missing parameters", post(ORDER)),
    (50005, 400, "Order Id not found", post(ORDER, orderId="100000000000000009")),
    (52003, 400, "Unsupported Query State Type", post(ORDER, orderId="1", queryState="all")),
    (50005, 400, "Order Id not found", post("/spot/v4/query/client-order", clientOrderId="mine")),
    (50005, 400, "Order Id not found", post("/spot/v4/query/order-trades", orderId="1")),
    (50001, 400, "Symbol not found", post(OPEN, symbol="NIX_USDT")),
    (52000, 400, "Unsupported OrderMode Type", post(OPEN, orderMode="cross")),
    (50021, 400, "Invalid startTime", post(OPEN, startTime="yesterday")),
    (52004, 400, CODES[52004].message, post(OPEN, startTime=START_MS, endTime=START_MS)),
    (50041, 400, "Out of query time range", post(OPEN, startTime=START_MS - 91 * DAY_MS)),
    (50015, 400, "Minimum limit is 1", post("/spot/v4/query/history-orders", limit=0)),
    (50016, 400, "Maximum limit is 200", post("/spot/v4/query/trades", limit=201)),
]


async def check(exchange, code, status, text, call):
    before = exchange.state()
    reply = await call(exchange)
    assert (reply.code, reply.status) == (code, status), reply.json
    assert reply.message.startswith(text)
    assert reply.data == (None if 70000 <= code < 80000 else {})
    assert reply.json.keys() == {"code", "message", "trace", "data"}
    assert exchange.state() == before


@pytest.mark.parametrize(
    "rows",
    [GATEWAY, MARKET_DATA, ACCOUNT, ORDERS, QUERIES],
    ids=["gateway", "market", "account", "orders", "queries"],
)
async def test_each_wrong_call_gets_its_code_and_changes_nothing(rows):
    async with serving() as exchange:
        for row in rows:
            await check(exchange, *row)


async def test_dead_orders_are_refused_by_what_became_of_them():
    async with serving() as exchange:
        canceled = await exchange.buy("2000", "1", client_order_id="twice")
        await exchange.post(CANCEL, symbol="ETH_USDT", order_id=canceled)
        filled = await exchange.buy("2501", "0.1")
        for row in (
            (50030, 400, "Order is already canceled", post(CANCEL, symbol="ETH_USDT", order_id=canceled)),
            (50031, 400, "Order is already completed", post(CANCEL, symbol="ETH_USDT", order_id=filled)),
            (50042, 400, "clientOrderId is duplicate", order(client_order_id="twice")),
        ):
            await check(exchange, *row)


async def test_a_market_sell_below_the_minimum_amount_is_51014():
    async with serving() as exchange:
        await exchange.buy("2501", "0.1")
        await exchange.market(trades(START_NS, (0, 250010, 10)))
        call = post(SUBMIT, symbol="ETH_USDT", side="sell", type="market", size="0.001")
        await check(exchange, 51014, 400, CODES[51014].message, call)


async def test_orders_are_refused_while_the_market_is_not_known_but_cancels_work():
    async with serving() as exchange:
        resting = await exchange.buy("2000", "1")
        closed = snapshot(START_NS, {1: 1}, {2: 1})[-1:]
        closed["size_lots"] = 2
        await exchange.market(closed)
        await check(exchange, 50022, 400, "Service unavailable", order())
        assert (await exchange.post(CANCEL, symbol="ETH_USDT", order_id=resting)).data == {"result": True}


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [(Fault.SERVER_ERROR, 59002, 500), (Fault.RATE_LIMITED, 30013, 429), (Fault.MAINTENANCE, 30016, 200)],
)
async def test_a_planned_fault_refuses_with_its_code(fault, code, status):
    plan = FaultPlan(rules=(FaultRule(fault=fault, where=SUBMIT),))
    async with serving(plan=plan) as exchange:
        await check(exchange, code, status, CODES[code].message, order())
        assert [record.fault for record in exchange.faults.records] == [fault]


async def test_too_many_calls_are_30013_with_the_headers():
    async with serving(ServerSettings()) as exchange:
        for used in (1, 2):
            reply = await exchange.get("/spot/v1/trade_fee", ALICE, symbol="ETH_USDT")
            assert reply.headers["X-BM-RateLimit-Remaining"] == str(used)
        reply = await exchange.get("/spot/v1/trade_fee", ALICE, symbol="ETH_USDT")
        assert (reply.status, reply.code, reply.message) == (429, 30013, "Request too many requests")
        headers = {
            name: reply.headers[f"X-BM-RateLimit-{name}"] for name in ("Remaining", "Limit", "Reset", "Mode")
        }
        assert headers == {"Remaining": "3", "Limit": "2", "Reset": "2", "Mode": "KEY"}
        exchange.pass_ms(2_000)
        assert (await exchange.get("/spot/v1/trade_fee", ALICE, symbol="ETH_USDT")).code == 1000


async def test_repeated_violation_is_30017_when_the_file_asks_for_bans(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text("[ban]\nviolations = 2\nwithin_s = 60\nban_s = 60\n")
    async with serving(ServerSettings(rate_limits=str(path))) as exchange:
        codes = [(await exchange.get("/account/v1/currencies")).code for _ in range(5)]
        assert codes == [1000, 1000, 30013, 30017, 30017]
        reply = await exchange.get("/spot/v1/symbols")
        assert (reply.status, reply.code) == (418, 30017)


async def test_an_open_order_too_many_is_51008():
    async with serving(venue_settings=VenueSettings(open_orders_per_account_max=1)) as exchange:
        await exchange.buy("2000", "1")
        await check(exchange, 51008, 400, CODES[51008].message, order())


async def test_an_asset_that_nothing_trades_is_51000_to_the_operator():
    async with serving() as exchange:
        body = {"asset": "NIX", "amount": "1"}
        call = lambda exchange: exchange.admin("POST", "/accounts/alice/deposit", body)  # noqa: E731
        await check(exchange, 51000, 400, "Currency not found; this market has BTC, ETH, NEW, USDT", call)


ROOMS = Path(paper_bitmart.__file__).parent


def codes_in(path):
    """The literals of a module that are REST codes."""
    numbers = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
    return {number for number in numbers if type(number) is int and number in CODES}


def test_every_code_that_server_and_exchange_name_is_provoked_here():
    named = set().union(
        *(codes_in(path) for room in ("server", "exchange") for path in (ROOMS / room).glob("*.py"))
    )
    assert len(named) > 50
    not_meant = {60_000}  # a minute in ms
    assert named - codes_in(Path(__file__)) - not_meant == set()

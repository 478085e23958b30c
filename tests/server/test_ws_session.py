"""The websocket over the real session, venue and REST: pushes tell what queries can see."""

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import WSMsgType
from test_ws_publisher import BlindClient
from ws_support import START_NS, rules_of, snapshot, trades

from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.bitmart.frames import inflate
from paper_bitmart.bitmart.signing import login_args, sign
from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.sources import CaptureSource
from paper_bitmart.server.app import Server, create_app
from paper_bitmart.server.keys import ApiKey, KeyStore
from paper_bitmart.server.settings import BookMode, ServerSettings

MS = 1_000_000
KEY = ApiKey(access_key="k1", secret="s1", memo="m1", account="alice")
DEMO = Path(__file__).parents[2] / "fixtures" / "demo"
SELL = 1


class ScriptedSource:
    """A market that the test makes: `say` emits at once."""

    name = "script"
    start_ns = START_NS

    def __init__(self):
        self.rules = {"ETH_USDT": rules_of("ETH_USDT")}
        self._emit = None

    def say(self, batch):
        self._emit("ETH_USDT", batch)

    async def run(self, emit):
        self._emit = emit
        await asyncio.get_running_loop().create_future()


class Client:
    """A websocket client that can ask REST as well."""

    def __init__(self, http, server, socket, clock):
        self.http, self.server, self.socket, self.clock = http, server, socket, clock

    async def subscribe(self, *topics):
        await self.say("subscribe", *topics)
        for topic in topics:
            assert await self.hear_control() == {"event": "subscribe", "topic": topic}

    async def say(self, op, *args):
        await self.socket.send_str(msgspec.json.encode({"op": op, "args": args}).decode())

    async def hear_control(self):
        message = await asyncio.wait_for(self.socket.receive(), 5)
        assert message.type is WSMsgType.TEXT
        return msgspec.json.decode(message.data)

    async def push(self):
        message = await asyncio.wait_for(self.socket.receive(), 5)
        assert message.type is WSMsgType.BINARY, message
        return msgspec.json.decode(inflate(message.data))

    async def pushes_so_far(self):
        """All that is on its way: the queue keeps order, so a pong says that all before it has come."""
        await self.socket.send_str("ping")
        heard = []
        while (message := await asyncio.wait_for(self.socket.receive(), 5)).data != "pong":
            if message.type is WSMsgType.BINARY:
                heard.append(msgspec.json.decode(inflate(message.data)))
        return heard

    async def query(self, path, **params):
        body = msgspec.json.encode(params)
        stamp = str(self.clock.now_ns() // MS)
        headers = {
            "X-BM-KEY": KEY.access_key,
            "X-BM-TIMESTAMP": stamp,
            "X-BM-SIGN": sign(KEY.secret, KEY.memo, stamp, body),
            "Content-Type": "application/json",
        }
        async with self.http.post(self.server.url + path, data=body, headers=headers) as reply:
            answer = await reply.json()
            assert answer["code"] == 1000, answer
            return answer["data"]

    async def wallet(self):
        """Rows by currency."""
        headers = {"X-BM-KEY": KEY.access_key}
        async with self.http.get(f"{self.server.url}/spot/v1/wallet", headers=headers) as reply:
            return {row["id"]: row for row in (await reply.json())["data"]["wallet"]}

    async def books(self, symbol):
        async with self.http.get(f"{self.server.url}/spot/quotation/v3/books?symbol={symbol}") as reply:
            return (await reply.json())["data"]


@contextlib.asynccontextmanager
async def running(source, clock, **settings):
    keys = KeyStore()
    keys.put(KEY)
    session = Session(source, Venue(source.rules), clock)
    server_settings = ServerSettings(port=0, rate_limits="off", **settings)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(session)
        await session.open_account("alice")
        app = create_app(session, server_settings, keys=keys, wall=clock)
        server = await stack.enter_async_context(Server(app, server_settings))
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def connect(path):
            return Client(http, server, await http.ws_connect(server.ws_url + path), clock)

        yield session, connect


@contextlib.asynccontextmanager
async def scripted(**settings):
    source, clock = ScriptedSource(), SimulatedClock(START_NS)
    async with running(source, clock, **settings) as (session, connect):
        source.say(snapshot(START_NS, {250136: 32110, 250130: 74400}, {250138: 9050, 250140: 20000}))
        yield source, session, connect


async def settle():
    """Let session and hub run until they wait for the clock."""
    for _ in range(30):
        await asyncio.sleep(0)


def limit(side, price, size):
    return NewOrder(
        symbol="ETH_USDT", side=side, type=OrderType.LIMIT, price=Decimal(price), size=Decimal(size)
    )


async def login(connect):
    client = await connect("/user?protocol=1.1")
    await client.say("login", *login_args(KEY.access_key, KEY.secret, KEY.memo, str(START_NS // MS)))
    assert await client.hear_control() == {"event": "login"}
    return client


async def test_when_a_push_arrives_its_state_can_be_queried():
    async with scripted() as (source, session, connect):
        client = await login(connect)
        await client.subscribe("spot/user/order:ETH_USDT")
        await session.submit("alice", limit(Side.BUY, "2501.38", "1.0000"))
        order_id, states = None, []
        for _ in range(2):
            row = (await client.push())["data"][0]
            order_id = row["order_id"]
            states.append(row["order_state"])
            known = await client.query("/spot/v4/query/order", orderId=order_id)
            assert known["filledSize"] == "0.9050"
        assert states == ["new", "partially_filled"]
        fills = await client.query("/spot/v4/query/order-trades", orderId=order_id)
        assert [(fill["size"], fill["tradeRole"]) for fill in fills] == [("0.9050", "taker")]
        source.say(trades(START_NS, (SELL, 250138, 10000)))
        row = (await client.push())["data"][0]
        assert (row["order_state"], row["exec_type"], row["last_fill_count"]) == ("filled", "M", "0.0950")
        assert len(await client.query("/spot/v4/query/order-trades", orderId=order_id)) == 2


async def test_private_pushes_let_the_answer_go_first_and_none_is_lost_when_the_server_stops():
    async with scripted(private_push_delay_ms=10_000) as (_, _, connect):
        client = await login(connect)
        await client.subscribe("spot/user/order:ETH_USDT")
        order = {"symbol": "ETH_USDT", "side": "buy", "type": "limit", "size": "1", "price": "2501.38"}
        placed = await client.query("/spot/v2/submit_order", **order)
        assert await client.pushes_so_far() == []
        stopping = asyncio.create_task(client.server.stop())
        rows = [(await client.push())["data"][0] for _ in range(2)]
        assert [row["order_state"] for row in rows] == ["new", "partially_filled"]
        assert {row["order_id"] for row in rows} == {placed["order_id"]}
        await client.socket.close()
        await stopping


async def test_the_balance_pushes_of_an_order_end_at_the_balance_of_the_ledger():
    async with scripted() as (_, session, connect):
        client = await login(connect)
        await client.subscribe("spot/user/balance:BALANCE_UPDATE", "spot/user/orders:ALL_SYMBOLS")
        await session.submit("alice", limit(Side.BUY, "2500.00", "1.0000"))
        pushes = [await client.push() for _ in range(2)]
        await session.cancel_all("alice")
        pushes += [await client.push() for _ in range(2)]
        states = [push["data"][0]["order_state"] for push in pushes if push["table"] == "spot/user/orders"]
        frozen = [
            push["data"][0]["balance_details"][0]["fz_bal"]
            for push in pushes
            if push["table"] == "spot/user/balance"
        ]
        assert states == ["new", "canceled"]
        assert Decimal(frozen[0]) >= 2500
        assert Decimal(frozen[1]) == 0


async def test_a_fill_pushes_both_currencies_each_once_and_as_the_wallet_shows_them():
    async with scripted() as (_, session, connect):
        client = await login(connect)
        await client.subscribe("spot/user/balance:BALANCE_UPDATE")
        await session.submit("alice", limit(Side.BUY, "2501.38", "0.5000"))
        pushed = [row for push in await client.pushes_so_far() for row in push["data"]]
        pushed = [detail for row in pushed for detail in row["balance_details"]]
        while len(pushed) < 3:
            pushed += (await client.push())["data"][0]["balance_details"]
        assert [detail["ccy"] for detail in pushed] == ["USDT", "USDT", "ETH"]
        wallet = await client.wallet()
        for detail in pushed[1:]:
            row = wallet[detail["ccy"]]
            assert (row["available"], row["frozen"]) == (detail["av_bal"], detail["fz_bal"])


async def test_a_merged_book_shows_the_own_order_to_rest_and_websocket_alike():
    async with scripted(book=BookMode.MERGED, book_account="alice") as (_, session, connect):
        client = await connect("/api")
        await client.subscribe("spot/depth/increase100:ETH_USDT")
        await client.push()
        await session.submit("alice", limit(Side.BUY, "2501.37", "0.5000"))
        session.clock.advance(100 * MS)
        update = (await client.push())["data"][0]
        assert update["bids"] == [["2501.37", "0.5000"]]
        assert (await client.books("ETH_USDT"))["bids"][0] == ["2501.37", "0.5000"]
        await session.cancel_all("alice")
        session.clock.advance(100 * MS)
        assert (await client.push())["data"][0]["bids"] == [["2501.37", "0"]]


@pytest.mark.parametrize("lost_every", [2, 3, 7])
async def test_a_book_that_lost_pushes_sees_it_by_the_version_and_is_true_after_a_snapshot(lost_every):
    """Two clients of one topic, the second of which loses pushes: equal at every version that both know."""
    topic = "spot/depth/increase100:BTC_USDT"
    clock = SimulatedClock(START_NS)
    source = CaptureSource(DEMO / "demo_btc_eth_60s.jsonl.gz", DEMO / "symbols_details.json", clock=clock)
    async with running(source, clock) as (_, connect):
        whole, lossy = await connect("/api"), await connect("/api")
        for client in (whole, lossy):
            await client.subscribe(topic)
        book, books_at = BlindClient(), {}
        other, is_whole, arrived, lost, resyncs, compared = BlindClient(), False, 0, 0, 0, 0
        for _ in range(60):
            clock.advance(100 * MS)
            await settle()
            for push in await whole.pushes_so_far():
                book.apply(push["data"][0])
                books_at[book.version] = book.best("bids", 100), book.best("asks", 100)
            for push in await lossy.pushes_so_far():
                row = push["data"][0]
                arrived += 1
                if arrived % lost_every == 0:
                    lost += 1
                    continue
                if row["type"] != "snapshot" and is_whole and row["version"] > other.version + 1:
                    is_whole = False
                if row["type"] != "snapshot" and not is_whole:
                    resyncs += 1
                    await lossy.say("request", topic)
                    continue
                other.apply(row)
                is_whole = True
                assert (other.best("bids", 100), other.best("asks", 100)) == books_at[other.version]
                compared += 1
        assert min(lost, resyncs, compared) >= 3
        full = await connect("/api")
        await full.subscribe("spot/depth50:BTC_USDT")
        (shown,) = await full.pushes_so_far()
        for name in ("bids", "asks"):
            assert book.best(name, 50) == shown["data"][0][name]
            assert book.best(name, 35) == (await whole.books("BTC_USDT"))[name]


@pytest.mark.parametrize("step_ms", [50, 700])
async def test_a_recorded_market_is_followed_without_a_gap_at_any_speed(step_ms):
    clock = SimulatedClock(START_NS)
    source = CaptureSource(DEMO / "demo_btc_eth_60s.jsonl.gz", DEMO / "symbols_details.json", clock=clock)
    async with running(source, clock) as (_, connect):
        client = await connect("/api")
        await client.subscribe("spot/depth/increase100:BTC_USDT")
        book, heard = BlindClient(), []
        full = await connect("/api")
        await full.subscribe("spot/depth50:BTC_USDT", "spot/trade:BTC_USDT")
        for _ in range(5000 // step_ms):
            clock.advance(step_ms * MS)
            await settle()
        clock.advance(500 * MS)
        await settle()
        for push in await client.pushes_so_far():
            book.apply(push["data"][0])
            heard.append(push["data"][0]["version"])
        assert len(heard) > 5
        tables = [push["table"] for push in await full.pushes_so_far()]
        assert tables.count("spot/trade") > 0
        await client.say("request", "spot/depth/increase100:BTC_USDT")
        fresh = (await client.push())["data"][0]
        assert fresh["type"] == "snapshot"
        for name in ("bids", "asks"):
            assert book.best(name, 100) == fresh[name]
            assert (await client.books("BTC_USDT"))[name] == fresh[name][:35]

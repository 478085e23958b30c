"""End to end over real sockets: aiohttp's own client against the hub's handlers."""

import asyncio
import contextlib
import socket

import aiohttp
import msgspec
import pytest
import websockets
from aiohttp import WSMsgType, web
from test_ws_private import accepted, balance, filled
from test_ws_publisher import BlindClient, ticks_of
from ws_support import MS, START_NS, SessionFake, depth, snapshot, trades

from paper_bitmart.bitmart.frames import inflate
from paper_bitmart.bitmart.signing import login_args
from paper_bitmart.exchange.clock import PlaybackClock, SimulatedClock
from paper_bitmart.server.keys import ApiKey, KeyStore
from paper_bitmart.server.settings import ClockMode, ServerSettings
from paper_bitmart.server.ws_hub import WsHub
from paper_bitmart.server.ws_limits import PRIVATE_LIMITS, PUBLIC_LIMITS, WsLimits

KEY = ApiKey(access_key="k1", secret="paper-secret-0001", memo="papermemo", account="alice")
DEPTH = "spot/depth/increase100:ETH_USDT"
TRADE = "spot/trade:ETH_USDT"
BUY = 0


class Client:
    """An aiohttp websocket that speaks BitMart."""

    def __init__(self, socket):
        self.socket = socket

    async def say(self, op, *args):
        await self.socket.send_str(msgspec.json.encode({"op": op, "args": args}).decode())

    async def hear(self):
        """The next frame: a push or a control frame as JSON, with the kind of frame it came in."""
        message = await asyncio.wait_for(self.socket.receive(), 5)
        if message.type is WSMsgType.BINARY:
            return "binary", msgspec.json.decode(inflate(message.data))
        if message.type is WSMsgType.TEXT:
            return "text", message.data if message.data == "pong" else msgspec.json.decode(message.data)
        return message.type, message.data

    async def pushes(self, count):
        return [(await self.hear())[1] for _ in range(count)]


class Server:
    """A hub on port 0 with a market by hand."""

    def __init__(self, session, hub, base, http):
        self.session, self.hub, self.base, self.http = session, hub, base, http

    async def connect(self, path="/api", **options):
        return Client(await self.http.ws_connect(f"{self.base}{path}?protocol=1.1", **options))

    async def logged_in(self):
        client = await self.connect("/user")
        await client.say("login", *login_args(KEY.access_key, KEY.secret, KEY.memo, str(START_NS // MS)))
        assert await client.hear() == ("text", {"event": "login"})
        return client

    def pass_ms(self, ms):
        """Market time goes on."""
        self.session.clock.advance(ms * MS)

    async def until(self, condition):
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(limits=None, settings=None, clock=None):
    session, keys = SessionFake("ETH_USDT", clock=clock), KeyStore()
    keys.put(KEY)
    wall = SimulatedClock(START_NS)
    hub = WsHub(session, keys, settings or ServerSettings(), wall=wall, limits=limits)
    app = web.Application()
    app.router.add_get("/api", hub.public)
    app.router.add_get("/user", hub.private)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    session.emit(snapshot(START_NS, {250136: 32110}, {250138: 9050}))
    async with aiohttp.ClientSession() as http:
        server = Server(session, hub, f"http://{host}:{port}", http)
        server.wall = wall
        try:
            yield server
        finally:
            await hub.close()
            await runner.cleanup()


@pytest.fixture
async def server():
    async with serving() as server:
        yield server


async def test_a_book_is_followed_over_the_wire(server):
    client = await server.connect()
    await client.say("subscribe", DEPTH)
    assert await client.hear() == ("text", {"event": "subscribe", "topic": DEPTH})
    kind, first = await client.hear()
    assert (kind, first["data"][0]["type"]) == ("binary", "snapshot")
    server.session.emit(depth(START_NS + 50 * MS, {250136: 1}))
    server.pass_ms(100)
    kind, update = await client.hear()
    assert kind == "binary"
    assert update["data"][0]["bids"] == [["2501.36", "0.0001"]]
    assert update["data"][0]["version"] == first["data"][0]["version"] + 1


async def test_the_market_clock_alone_makes_pushes_due(server):
    client = await server.connect()
    await client.say("subscribe", DEPTH)
    version = (await client.pushes(2))[1]["data"][0]["version"]
    server.pass_ms(10_000)
    assert (await client.hear())[1]["data"][0]["version"] == version


async def test_intervals_follow_the_market_at_ten_times_the_speed_and_rest_while_it_is_paused():
    real = SimulatedClock(START_NS)
    clock = PlaybackClock(START_NS, 10, base=real)
    async with serving(clock=clock) as server:
        client = await server.connect()
        await client.say("subscribe", DEPTH)
        version = (await client.pushes(2))[1]["data"][0]["version"]
        for step in (1, 2):
            server.session.emit(depth(START_NS, {250136: step}))
        real.advance(10 * MS)
        heard = [(await client.hear())[1]["data"][0]["version"] for _ in range(2)]
        assert heard == [version + 1, version + 2]
        clock.pause()
        server.session.emit(depth(START_NS + 100 * MS, {250136: 3}))
        real.advance(1000 * MS)
        await client.socket.send_str("ping")
        assert await client.hear() == ("text", "pong")
        clock.resume()
        real.advance(10 * MS)
        assert (await client.hear())[1]["data"][0]["version"] == version + 3


@pytest.mark.parametrize(("late_ms", "code"), [(0, None), (-60_000, None), (-60_001, "91022")])
@pytest.mark.parametrize("mode", ClockMode)
async def test_a_login_may_be_signed_by_the_exchanges_time(mode, late_ms, code):
    async with serving(settings=ServerSettings(clock=mode)) as server:
        server.wall.advance(86_400_000 * MS)
        client = await server.connect("/user")
        signed_ms = str(START_NS // MS + late_ms)
        await client.say("login", *login_args(KEY.access_key, KEY.secret, KEY.memo, signed_ms))
        assert (await client.hear())[1].get("errorCode") == code


async def test_lenient_topics_let_one_connection_do_everything():
    async with serving(settings=ServerSettings(lenient_topics=True)) as server:
        client = await server.connect("/api")
        await client.say("login", *login_args(KEY.access_key, KEY.secret, KEY.memo, str(START_NS // MS)))
        await client.say("subscribe", TRADE, "spot/user/orders:ALL_SYMBOLS")
        assert [reply["event"] for reply in await client.pushes(3)] == ["login", "subscribe", "subscribe"]
        server.session.emit(trades(START_NS, (BUY, 250138, 1)))
        server.session.tell(accepted())
        tables = [push["table"] for push in await client.pushes(2)]
        assert tables == ["spot/trade", "spot/user/orders"]


async def test_text_pings_get_a_text_pong_and_ping_frames_a_pong_frame(server):
    client = await server.connect(autoping=False)
    await client.socket.send_str("ping")
    assert await client.hear() == ("text", "pong")
    await client.socket.ping(b"heart")
    assert await client.hear() == (WSMsgType.PONG, b"heart")


async def test_pushes_are_not_compressed_twice(server):
    client = await server.connect(compress=15)
    assert client.socket.compress == 0
    await client.say("subscribe", TRADE)
    server_heard = await client.hear()
    assert server_heard[0] == "text"


async def test_pushes_are_text_when_the_settings_say_so():
    async with serving(settings=ServerSettings(compress_pushes=False)) as server:
        client = await server.connect()
        await client.say("subscribe", "spot/depth5:ETH_USDT")
        assert [kind for kind, _ in [await client.hear(), await client.hear()]] == ["text", "text"]


async def test_the_login_reply_is_the_first_frame_and_own_events_follow(server):
    client = await server.logged_in()
    topics = ["spot/user/order:ETH_USDT", "spot/user/balance:BALANCE_UPDATE"]
    await client.say("subscribe", *topics)
    assert [ack["topic"] for ack in await client.pushes(2)] == topics
    server.session.tell(accepted(), balance(), filled())
    tables = [push["table"] for push in await client.pushes(3)]
    assert tables == ["spot/user/order", "spot/user/balance", "spot/user/order"]


async def test_a_failed_login_is_answered_and_then_disconnected(server):
    client = await server.connect("/user")
    await client.say("login", "k1", str(START_NS // MS), "0" * 64)
    _, reply = await client.hear()
    assert (reply["event"], reply["errorCode"]) == ("login", "91011")
    assert (await client.hear())[0] is WSMsgType.CLOSE
    assert client.socket.close_code == 1008


async def test_too_many_messages_disconnect(server):
    client = await server.connect()
    for _ in range(101):
        await client.socket.send_str("ping")
    frames = [await client.hear() for _ in range(101)]
    assert frames[:100] == [("text", "pong")] * 100
    assert frames[100][1]["errorCode"] == "90007"
    assert (await client.hear())[0] is WSMsgType.CLOSE


async def test_a_message_beyond_the_size_limit_closes_the_connection(server):
    client = await server.connect()
    await client.socket.send_str("x" * (PUBLIC_LIMITS.frame_bytes_in + 1))
    assert (await client.hear())[0] is WSMsgType.CLOSE
    assert client.socket.close_code == 1009


async def test_a_connection_too_many_is_told_why_and_closed():
    async with serving((WsLimits(connections_per_address=1), PRIVATE_LIMITS)) as server:
        first, second = await server.connect(), await server.connect()
        assert (await second.hear())[1]["errorCode"] == "94002"
        assert (await second.hear())[0] is WSMsgType.CLOSE
        await first.socket.close()
        await server.until(lambda: not server.hub.connections)
        third = await server.connect()
        await third.socket.send_str("ping")
        assert await third.hear() == ("text", "pong")


async def test_connecting_too_often_is_refused():
    async with serving((WsLimits(attempts_per_minute=1), PRIVATE_LIMITS)) as server:
        await server.connect()
        assert (await (await server.connect()).hear())[1]["errorCode"] == "94001"


async def test_an_idle_connection_is_closed_after_twenty_seconds(server):
    client = await server.connect()
    await client.socket.send_str("ping")
    await client.hear()
    server.wall.advance(20_000 * MS)
    assert (await client.hear())[0] is WSMsgType.CLOSE
    assert client.socket.close_code == 1000


async def test_a_client_that_vanishes_is_forgotten(server):
    client = await server.connect()
    await client.say("subscribe", TRADE)
    await client.hear()
    await client.socket.close()
    await server.until(lambda: not server.hub.connections)
    server.session.emit(trades(START_NS, (BUY, 250138, 1)))


async def test_closing_the_hub_sends_what_is_queued_and_says_going_away():
    async with serving() as server:
        client = await server.connect()
        await client.say("subscribe", TRADE)
        await client.hear()
        server.session.emit(trades(START_NS, (BUY, 250138, 1)))
        closing = asyncio.create_task(server.hub.close())
        assert (await client.hear())[1]["table"] == "spot/trade"
        assert (await client.hear())[0] is WSMsgType.CLOSE
        assert client.socket.close_code == 1001
        await closing


async def connect_without_reading(server, topic):
    """A peer that subscribes and reads no more: its stream stops at 1 KiB, then the buffers below fill."""
    host, port = server.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        b"GET /api HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert b"101 Switching" in await reader.readuntil(b"\r\n\r\n")
    body = msgspec.json.encode({"op": "subscribe", "args": [topic]})
    writer.write(bytes([0x81, 0x80 | len(body), 0, 0, 0, 0]) + body)  # one text frame, masked with zeros
    await reader.readexactly(2)
    return writer


async def test_a_stuck_client_is_closed_and_the_others_hear_everything():
    limits = WsLimits(queued_frames=50, send_timeout_ns=200 * MS)
    async with serving((limits, PRIVATE_LIMITS), ServerSettings(compress_pushes=False)) as server:
        stuck, healthy = await connect_without_reading(server, TRADE), await server.connect()
        await healthy.say("subscribe", TRADE)
        await healthy.hear()
        rounds = 0
        while len(server.hub.connections) == 2:
            server.session.emit(trades(START_NS, *((BUY, 250138, n + 1) for n in range(100))))
            rounds += 1
            assert (await healthy.hear())[1]["table"] == "spot/trade"
        assert rounds > limits.queued_frames
        server.session.emit(trades(START_NS, (BUY, 250139, 7)))
        assert (await healthy.hear())[1]["data"][0]["price"] == "2501.39"
        stuck.close()


def socket_with_little_room(server):
    """A connected socket whose receive buffer fills after a few pushes."""
    host, port = server.base.removeprefix("http://").split(":")
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect((host, int(port)))
    return sock


async def test_a_slow_client_of_increase100_is_resynced_and_its_book_is_true_again():
    limits = WsLimits(queued_frames=20)
    async with serving((limits, PRIVATE_LIMITS), ServerSettings(compress_pushes=False)) as server:
        room = socket_with_little_room(server)
        async with websockets.connect("ws://test/api", sock=room, max_queue=1, compression=None) as slow:
            await slow.send(msgspec.json.encode({"op": "subscribe", "args": [DEPTH]}).decode())
            assert "subscribe" in await slow.recv()
            (connection,) = server.hub.connections
            lots = 0
            while not connection.resyncs:
                lots += 1
                bids = dict.fromkeys(range(250_000, 250_090), lots)
                asks = dict.fromkeys(range(250_139, 250_229), lots)
                server.session.emit(depth(server.session.clock.now_ns(), bids, asks))
                server.pass_ms(100)
                await asyncio.sleep(0)
            book, snapshots = BlindClient(), 0
            newest = ["2500.00", f"0.{lots:04}"]
            while book.sides["bids"].get(250_000) != newest:
                (row,) = msgspec.json.decode(await asyncio.wait_for(slow.recv(), 5))["data"]
                book.apply(row)
                snapshots += row["type"] == "snapshot"
            assert snapshots == 2
            bids, asks = server.session.views["ETH_USDT"].depth(100)
            assert [ticks_of(price) for price, _ in book.best("bids", 100)] == [ticks for ticks, _ in bids]
            assert [ticks_of(price) for price, _ in book.best("asks", 100)] == [ticks for ticks, _ in asks]


async def test_a_failure_while_publishing_closes_all_rather_than_leaving_a_gap(server, monkeypatch):
    client = await server.connect()
    await client.say("subscribe", TRADE)
    await client.hear()

    def fail(*_):
        raise RuntimeError("broken on purpose")

    monkeypatch.setattr(server.hub._publisher, "market", fail)
    server.session.emit(trades(START_NS, (BUY, 250138, 1)))
    assert (await client.hear())[0] is WSMsgType.CLOSE
    assert client.socket.close_code == 1011


async def test_a_plain_http_call_is_no_websocket(server):
    async with server.http.get(f"{server.base}/api") as reply:
        assert reply.status == 400

"""One client's shell: order of frames, slow consumers, faults, against a socket that can be held up."""

import asyncio

import msgspec
import pytest
from aiohttp import WSMessage, WSMsgType

from paper_bitmart.server.faults import Fault, FaultPlan, FaultRule, Faults
from paper_bitmart.server.ws_connection import WsConnection
from paper_bitmart.server.ws_limits import PUBLIC_LIMITS, WsLimits
from paper_bitmart.server.ws_outbox import Frame, FrameKind
from paper_bitmart.server.ws_protocol import WsProtocol

DEPTH = "spot/depth/increase100:ETH_USDT"
TRADE = "spot/trade:ETH_USDT"
SMALL = WsLimits(queued_frames=4)


class SocketFake:
    """Records what is sent; while `held`, a send does not return, as with a peer that does not read."""

    def __init__(self):
        self.sent = []
        self.closed = None
        self._inbox = asyncio.Queue()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def hold(self):
        self._flowing.clear()

    def flow(self):
        self._flowing.set()

    def client_sends(self, kind, data=""):
        self._inbox.put_nowait(WSMessage(kind, data, None))

    def client_closes(self):
        self._inbox.put_nowait(None)

    def exception(self):
        return None

    async def send_bytes(self, data):
        self.sent.append(data)
        await self._flowing.wait()

    async def send_str(self, text):
        self.sent.append(text)
        await self._flowing.wait()

    async def pong(self, data):
        self.sent.append(("pong", data))
        await self._flowing.wait()

    async def close(self, *, code, message):
        await self._flowing.wait()
        self.closed = (code, message)
        self.client_closes()

    def __aiter__(self):
        return self

    async def __anext__(self):
        message = await self._inbox.get()
        if message is None:
            raise StopAsyncIteration
        return message


class SwitchboardFake:
    """Says what was subscribed; snapshots are numbered in the order in which they are made."""

    def __init__(self):
        self.log = []
        self.snapshots = 0

    def subscribe(self, connection, topic):
        self.log.append(("subscribe", str(topic)))
        if str(topic) == DEPTH:
            connection.push(self.snapshot(topic))

    def unsubscribe(self, connection, topic):
        self.log.append(("unsubscribe", str(topic)))

    def snapshot(self, topic):
        self.snapshots += 1
        return Frame(FrameKind.BINARY, b"snapshot %d" % self.snapshots, str(topic))


class Client:
    """A connection under test, running in the background."""

    def __init__(self, limits=PUBLIC_LIMITS, faults=None):
        self.socket, self.switchboard = SocketFake(), SwitchboardFake()
        self.cuts = 0
        self.connection = WsConnection(
            1,
            self.socket,
            WsProtocol(private=False, symbols={"ETH_USDT"}, limits=limits, opened_ns=0, login=None),
            limits,
            self.switchboard,
            now_ns=lambda: 0,
            cut_transport=self._cut,
            faults=faults,
        )
        self._task = asyncio.create_task(self.connection.run())

    def _cut(self):
        self.cuts += 1
        self.socket.client_closes()

    def push(self, data, topic=TRADE):
        self.connection.push(Frame(FrameKind.BINARY, data, topic))

    async def says(self, op, *topics):
        body = msgspec.json.encode({"op": op, "args": topics}).decode()
        self.socket.client_sends(WSMsgType.TEXT, body)
        await settle()

    async def ended(self):
        await asyncio.wait_for(self._task, 5)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
async def client():
    client = Client(SMALL)
    yield client
    client.socket.flow()
    client.socket.client_closes()
    await client.ended()


async def test_ack_then_snapshot_then_updates_leave_in_this_order(client):
    await client.says("subscribe", DEPTH)
    client.push(b"update", DEPTH)
    await settle()
    assert client.socket.sent == [f'{{"event":"subscribe","topic":"{DEPTH}"}}', b"snapshot 1", b"update"]


async def test_a_requested_snapshot_takes_its_place_in_the_queue(client):
    client.push(b"before", DEPTH)
    await client.says("request", DEPTH)
    client.push(b"after", DEPTH)
    await settle()
    assert client.socket.sent == [b"before", b"snapshot 1", b"after"]


async def test_pings_are_answered_text_by_text_and_frame_by_frame(client):
    client.socket.client_sends(WSMsgType.TEXT, "ping")
    client.socket.client_sends(WSMsgType.PING, bytearray(b"hb"))
    client.socket.client_sends(WSMsgType.PONG, bytearray(b""))
    client.socket.client_sends(WSMsgType.BINARY, b"\x00")
    await settle()
    assert client.socket.sent[:2] == ["pong", ("pong", b"hb")]
    assert '"90001"' in client.socket.sent[2]


async def test_a_slow_consumer_of_increase100_is_resynced_with_one_fresh_snapshot(client):
    await client.says("subscribe", DEPTH)
    client.socket.hold()
    client.push(b"in flight", DEPTH)
    await settle()
    for n in range(5):
        client.push(b"update %d" % n, DEPTH)
    client.push(b"next", DEPTH)
    client.socket.flow()
    await settle()
    assert client.socket.sent[1:] == [b"snapshot 1", b"in flight", b"snapshot 2", b"next"]
    assert client.connection.resyncs == 1
    assert client.socket.closed is None


async def test_a_resync_leaves_the_other_topics_whole_and_in_order(client):
    await client.says("subscribe", DEPTH, TRADE)
    client.socket.hold()
    client.push(b"in flight")
    await settle()
    for data, topic in ((b"t1", TRADE), (b"d1", DEPTH), (b"t2", TRADE), (b"d2", DEPTH), (b"t3", TRADE)):
        client.push(data, topic)
    client.socket.flow()
    await settle()
    assert client.socket.sent[3:] == [b"in flight", b"t1", b"t2", b"snapshot 2", b"t3"]


async def test_an_unsubscribed_increase100_topic_is_not_resynced_and_not_thinned(client):
    await client.says("subscribe", DEPTH)
    client.socket.hold()
    client.push(b"in flight", DEPTH)
    await settle()
    client.push(b"d1", DEPTH)
    await client.says("unsubscribe", DEPTH)
    for n in range(3):
        client.push(b"t%d" % n)
    client.socket.flow()
    await client.ended()
    assert client.socket.closed == (1013, b"slow consumer")


async def test_a_slow_consumer_of_anything_else_is_closed_and_never_thinned():
    client = Client(SMALL)
    client.socket.hold()
    for n in range(6):
        client.push(b"trade %d" % n)
        await settle()
    assert len(client.connection.outbox) == 1  # the close, all else is given up
    client.push(b"later")
    client.socket.flow()
    await client.ended()
    assert client.socket.sent == [b"trade 0"]
    assert client.socket.closed == (1013, b"slow consumer")


async def test_pushing_to_a_peer_that_takes_nothing_returns_at_once(client):
    client.socket.hold()
    client.push(b"stuck")
    await settle()
    client.push(b"queued")
    assert len(client.connection.outbox) == 1


async def test_a_peer_that_takes_nothing_for_too_long_is_cut():
    client = Client(WsLimits(send_timeout_ns=1_000_000))
    client.socket.hold()
    client.push(b"stuck")
    await client.ended()
    assert client.cuts == 1


async def test_what_was_queued_before_a_close_is_still_sent():
    client = Client()
    client.push(b"last words")
    client.connection.close(1001, "server stops")
    client.push(b"too late")
    await client.ended()
    assert client.socket.sent == [b"last words"]
    assert client.socket.closed == (1001, b"server stops")


async def test_an_idle_connection_is_closed_by_the_clock():
    client = Client()
    client.connection.tick(PUBLIC_LIMITS.idle_ns)
    await client.ended()
    assert client.socket.closed == (1000, b"idle")


async def test_an_error_of_our_own_is_told_and_the_connection_closed():
    client = Client()

    def fail(connection, topic):
        raise RuntimeError("broken on purpose")

    client.switchboard.subscribe = fail
    await client.says("subscribe", TRADE)
    await client.ended()
    assert '"95000"' in client.socket.sent[-1]
    assert client.socket.closed == (1011, b"internal error")


def faults(fault, **options):
    return Faults(FaultPlan(rules=(FaultRule(fault=fault, where="spot/trade", **options),)))


async def test_planned_faults_strike_pushes_of_the_table_named_only():
    client = Client(faults=faults(Fault.WS_DROP, count=1))
    for data, topic in ((b"lost", TRADE), (b"depth", DEPTH), (b"kept", TRADE)):
        client.push(data, topic)
    await settle()
    assert client.socket.sent == [b"depth", b"kept"]
    client.socket.client_closes()
    await client.ended()


async def test_a_duplicated_frame_is_sent_twice():
    client = Client(faults=faults(Fault.WS_DUPLICATE))
    client.push(b"trade")
    await settle()
    assert client.socket.sent == [b"trade", b"trade"]
    client.socket.client_closes()
    await client.ended()


async def test_a_late_frame_is_overtaken_by_those_behind_it():
    client = Client(faults=faults(Fault.WS_LATE, count=1, delay_ms=1))
    client.push(b"late")
    client.push(b"on time")
    while len(client.socket.sent) < 2:
        await asyncio.sleep(0.001)
    assert client.socket.sent == [b"on time", b"late"]
    client.socket.client_closes()
    await client.ended()


async def test_a_planned_disconnect_cuts_the_connection():
    client = Client(faults=faults(Fault.WS_DISCONNECT))
    client.push(b"trade")
    await client.ended()
    assert client.cuts == 1
    assert client.socket.sent == []

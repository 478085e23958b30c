"""One client's websocket: the thin shell between a socket, its protocol and its outgoing queue.

Whoever publishes calls `push`, which never waits: a slow client costs the others nothing. When its
queue is full, the increase100 topics in it are replaced by fresh snapshots; if that makes no room, or
there are none, the connection is closed. Nothing is ever left out of a stream that goes on.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from aiohttp import WSMessage, WSMsgType, web

from paper_bitmart.bitmart.control_messages import error_frame
from paper_bitmart.bitmart.errors import WsRefused
from paper_bitmart.bitmart.topics import DEPTH_INCREMENT, Topic
from paper_bitmart.server.faults import SEND_ONCE, Faults, FrameAction
from paper_bitmart.server.ws_limits import WsLimits
from paper_bitmart.server.ws_outbox import Frame, FrameKind, Outbox
from paper_bitmart.server.ws_protocol import (
    CLOSE_INTERNAL,
    CLOSE_TRY_LATER,
    Action,
    Close,
    Pong,
    Reply,
    Request,
    Subscribe,
    Unsubscribe,
    WsProtocol,
)

logger = logging.getLogger(__name__)

CLOSE_WAIT_S = 2.0
"""How long the peer may take to answer a close frame before the transport is cut."""


class Switchboard(Protocol):
    """What a connection asks of the hub."""

    def subscribe(self, connection: "WsConnection", topic: Topic) -> None: ...
    def unsubscribe(self, connection: "WsConnection", topic: Topic) -> None: ...
    def snapshot(self, topic: Topic) -> Frame: ...


class WsConnection:
    """A connected client.

    Args:
        number: names the connection in logs and fault records.
        now_ns: real time, by which idleness and rates are judged.
        cut_transport: cuts the connection at once, whatever is still in it.
    """

    def __init__(
        self,
        number: int,
        socket: web.WebSocketResponse,
        protocol: WsProtocol,
        limits: WsLimits,
        switchboard: Switchboard,
        *,
        now_ns: Callable[[], int],
        cut_transport: Callable[[], None],
        faults: Faults | None = None,
    ) -> None:
        self.number = number
        self.protocol = protocol
        self.resyncs = 0
        self.outbox = Outbox(limits.queued_frames, limits.queued_bytes)
        self._socket = socket
        self._limits = limits
        self._switchboard = switchboard
        self._now_ns = now_ns
        self._cut_transport = cut_transport
        self._faults = faults
        self._late: set[asyncio.TimerHandle] = set()
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def run(self) -> None:
        """Serve the client until either side has closed."""
        self._writer = asyncio.create_task(self._write())
        try:
            async for message in self._socket:
                self._receive(message)
        finally:
            self._closing = True
            for handle in self._late:
                handle.cancel()
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)

    def push(self, frame: Frame) -> None:
        """Queue one push, subject to the fault plan; returns at once."""
        steps = SEND_ONCE
        if self._faults is not None:
            table = frame.topic.partition(":")[0]
            steps = self._faults.on_ws_frame(self.number, table, self._now_ns())
        for delay_ns, action in steps:
            if action is FrameAction.DISCONNECT:
                self.cut()
            elif delay_ns:
                self._send_later(frame, delay_ns)
            else:
                self.send(frame)

    def send(self, frame: Frame) -> None:
        """Queue one frame; a full queue is resynced or ends the connection."""
        if self._closing:
            return
        if self.outbox.put(frame):
            self._wake.set()
            return
        resynced = self._resync()
        self._wake.set()
        # The snapshot just queued already holds what this frame would have told.
        if frame.topic not in resynced and not self.outbox.put(frame):
            self._overflow()

    def act(self, actions: list[Action]) -> None:
        """Carry out what the protocol decided, in order."""
        for action in actions:
            match action:
                case Reply(text):
                    self.send(Frame(FrameKind.TEXT, text))
                case Subscribe(topic):
                    self._switchboard.subscribe(self, topic)
                case Unsubscribe(topic):
                    self._switchboard.unsubscribe(self, topic)
                case Request(topic):
                    self.push(self._switchboard.snapshot(topic))
                case Pong(payload):
                    self.send(Frame(FrameKind.PONG, payload))
                case Close(code, reason):
                    self.close(code, reason)

    def tick(self, at_ns: int) -> None:
        """Let real time pass: idle rules."""
        self.act(self.protocol.tick(at_ns))

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued; later frames are not sent."""
        self.protocol.closed = True
        self.send(Frame(FrameKind.CLOSE, reason.encode(), code=code))
        self._closing = True

    def _receive(self, message: WSMessage) -> None:
        try:
            self._take(message)
        except Exception:
            logger.exception("websocket %d: cannot answer", self.number)
            self.send(Frame(FrameKind.TEXT, error_frame(WsRefused(95000))))
            self.close(CLOSE_INTERNAL, "internal error")

    def _take(self, message: WSMessage) -> None:
        at_ns = self._now_ns()
        match message.type:
            case WSMsgType.TEXT:
                self.act(self.protocol.receive_text(message.data, at_ns))
            case WSMsgType.BINARY:
                self.act(self.protocol.receive_binary(at_ns))
            case WSMsgType.PING:
                self.act(self.protocol.receive_ping(bytes(message.data), at_ns))
            case WSMsgType.PONG:
                self.act(self.protocol.receive_pong(at_ns))
            case WSMsgType.ERROR:
                logger.debug("websocket %d: %s", self.number, self._socket.exception())

    def _resync(self) -> list[str]:
        """Replace what is queued of each increase100 topic by one snapshot; the topics that were."""
        streams = {
            name: topic for name, topic in self.protocol.topics.items() if topic.channel == DEPTH_INCREMENT
        }
        dropped = self.outbox.drop_topics(streams)
        for name in dropped:
            if not self.outbox.put(self._switchboard.snapshot(streams[name])):
                self._overflow()
                break
        if dropped:
            self.resyncs += 1
            logger.info("websocket %d is slow: resynced %s", self.number, ", ".join(dropped))
        return dropped

    def _overflow(self) -> None:
        if self._closing:
            return
        logger.warning("websocket %d is too slow: %d bytes queued", self.number, self.outbox.queued_bytes)
        self.outbox.clear()
        self.close(CLOSE_TRY_LATER, "slow consumer")

    def _send_later(self, frame: Frame, delay_ns: int) -> None:
        if len(self._late) >= self._limits.queued_frames:
            self._overflow()
            return

        def arrive() -> None:
            self._late.discard(handle)
            self.send(frame)

        handle = asyncio.get_running_loop().call_later(delay_ns / 1e9, arrive)
        self._late.add(handle)

    def cut(self) -> None:
        """Cut the connection at once, without a close frame."""
        self._closing = True
        self._cut_transport()

    async def _write(self) -> None:
        """Send what is queued, one frame after the other; a peer that takes nothing is cut off."""
        while True:
            frame = self.outbox.pop()
            if frame is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                async with asyncio.timeout(self._limits.send_timeout_ns / 1e9):
                    await self._send_frame(frame)
            except (TimeoutError, ConnectionError) as error:
                logger.info("websocket %d: peer takes nothing more (%r)", self.number, error)
                self.cut()
                return
            except Exception:
                logger.exception("websocket %d: cannot send", self.number)
                self.cut()
                return
            if frame.kind is FrameKind.CLOSE:
                return
            self.protocol.sent(self._now_ns())

    async def _send_frame(self, frame: Frame) -> None:
        match frame.kind:
            case FrameKind.BINARY:
                await self._socket.send_bytes(frame.data)
            case FrameKind.TEXT:
                await self._socket.send_str(frame.data.decode())
            case FrameKind.PONG:
                await self._socket.pong(frame.data)
            case FrameKind.CLOSE:
                async with asyncio.timeout(CLOSE_WAIT_S):
                    await self._socket.close(code=frame.code, message=frame.data)

"""All websocket connections of a server: the asyncio shell around protocol, queue and publisher.

Public intervals run on the market's clock, so a replay at ten times the speed pushes ten times as
often; idle rules and rates run on real time.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np
from aiohttp import web

from paper_bitmart.bitmart.control_messages import error_frame
from paper_bitmart.bitmart.errors import WsRefused
from paper_bitmart.bitmart.topics import Topic
from paper_bitmart.exchange.clock import Clock, RealClock
from paper_bitmart.exchange.events import Event
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.faults import Faults
from paper_bitmart.server.keys import KeyStore
from paper_bitmart.server.now import Now
from paper_bitmart.server.settings import ServerSettings
from paper_bitmart.server.ws_connection import CLOSE_WAIT_S, WsConnection
from paper_bitmart.server.ws_limits import PRIVATE_LIMITS, PUBLIC_LIMITS, AddressGate, WsLimits
from paper_bitmart.server.ws_login import check_login
from paper_bitmart.server.ws_outbox import Frame
from paper_bitmart.server.ws_protocol import CLOSE_GOING_AWAY, CLOSE_INTERNAL, CLOSE_POLICY, WsProtocol
from paper_bitmart.server.ws_publisher import Publisher
from paper_bitmart.server.ws_push import PushEncoder

if TYPE_CHECKING:
    from paper_bitmart.exchange.session import Session

logger = logging.getLogger(__name__)

TICK_S = 0.25
"""How often idle rules are looked at."""
PUMP_MIN_S = 0.005
"""The pump sleeps at least so long: symbols that are due shortly after each other go out together."""


class WsHub:
    """aiohttp handlers `public` (`/api`) and `private` (`/user`), and what keeps them supplied.

    Args:
        session: the session; its views, clock and events are what is published.
        keys: API keys for the login.
        settings: see ServerSettings.
        faults: faults that strike outgoing pushes.
        books: the visible book; pass the one that REST uses, so that both show the same.
        wall: real time.
        limits: of the public and the private endpoint; None: by `settings.rate_limits`.
    """

    def __init__(
        self,
        session: "Session",
        keys: KeyStore,
        settings: ServerSettings,
        faults: Faults | None = None,
        *,
        books: BookView | None = None,
        wall: Clock | None = None,
        limits: tuple[WsLimits, WsLimits] | None = None,
    ) -> None:
        self._session = session
        self._keys = keys
        self._settings = settings
        self._faults = faults
        self._wall: Clock = RealClock() if wall is None else wall
        self._limits = _limits_of(settings) if limits is None else limits
        self._gates = tuple(AddressGate(endpoint) for endpoint in self._limits)
        books = BookView(session, settings.book, settings.book_account) if books is None else books
        encoder = PushEncoder(compress=settings.compress_pushes)
        self._publisher = Publisher(session.views, books, encoder)
        self._connections: dict[WsConnection, asyncio.Task[None]] = {}
        self._opened_total = 0
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()
        self._planned_ns: int | None = None
        self._late_events: deque[tuple[float, Sequence[Event]]] = deque()
        self._late_wake = asyncio.Event()
        books.on_change(self._on_own_book)
        self._stops: list[Callable[[], None]] = [
            session.on_market(self._on_market),
            session.subscribe(self._on_events),
            session.clock.on_change(self._wake.set),
        ]

    @property
    def connections(self) -> tuple[WsConnection, ...]:
        """The clients connected now, oldest first."""
        return tuple(self._connections)

    async def public(self, request: web.Request) -> web.StreamResponse:
        """Serve one client of `/api`."""
        return await self._serve(request, private=False)

    async def private(self, request: web.Request) -> web.StreamResponse:
        """Serve one client of `/user`."""
        return await self._serve(request, private=True)

    async def close(self) -> None:
        """Send what is queued, close every connection (1001) and stop publishing; once is enough."""
        self._closing = True
        while self._stops:
            self._stops.pop()()
        await self._stop_tasks()
        self._publish_late(None)
        running = dict(self._connections)
        for connection in running:
            connection.close(CLOSE_GOING_AWAY, "server stops")
        if running:
            await asyncio.wait(running.values(), timeout=2 * CLOSE_WAIT_S)
        for connection in self.connections:
            connection.cut()

    def subscribe(self, connection: WsConnection, topic: Topic) -> None:
        """Carry out an accepted subscription."""
        account = connection.protocol.account or ""
        self._publisher.subscribe(connection, topic, account, self._session.clock.now_ns())
        self._wake.set()

    def unsubscribe(self, connection: WsConnection, topic: Topic) -> None:
        """Carry out an accepted unsubscription."""
        self._publisher.unsubscribe(connection, topic, connection.protocol.account or "")

    def snapshot(self, topic: Topic) -> Frame:
        """A snapshot of an increase100 topic at the version of its last update."""
        return self._publisher.snapshot(topic)

    async def _serve(self, request: web.Request, *, private: bool) -> web.StreamResponse:
        limits, gate = self._limits[private], self._gates[private]
        # permessage-deflate is declined: pushes are deflated already (protocol reference 6.1).
        socket = web.WebSocketResponse(
            timeout=CLOSE_WAIT_S, autoping=False, compress=False, max_msg_size=limits.frame_bytes_in
        )
        await socket.prepare(request)
        address = request.remote or ""
        refused = gate.admit(address, self._wall.now_ns())
        if refused is not None:
            await socket.send_str(error_frame(WsRefused(refused)).decode())
            await socket.close(code=CLOSE_POLICY)
            return socket
        try:
            await self._run(self._connect(request, socket, limits, private))
        finally:
            gate.leave(address)
        return socket

    def _connect(
        self, request: web.Request, socket: web.WebSocketResponse, limits: WsLimits, private: bool
    ) -> WsConnection:
        address, transport = request.remote or "", request.transport
        protocol = WsProtocol(
            private=private,
            symbols=self._session.views,
            limits=limits,
            opened_ns=self._wall.now_ns(),
            login=lambda args, _: check_login(args, self._keys.find, self._now(), address),
            any_topic=self._settings.lenient_topics,
        )
        self._opened_total += 1
        return WsConnection(
            self._opened_total,
            socket,
            protocol,
            limits,
            self,
            now_ns=self._wall.now_ns,
            cut_transport=transport.abort if transport is not None else lambda: None,
            faults=self._faults,
        )

    async def _run(self, connection: WsConnection) -> None:
        if self._closing:
            connection.close(CLOSE_GOING_AWAY, "server stops")
        self._start_tasks()
        task = asyncio.create_task(connection.run())
        self._connections[connection] = task
        try:
            await task
        finally:
            del self._connections[connection]
            for topic in connection.protocol.topics.values():
                self.unsubscribe(connection, topic)

    def _now(self) -> Now:
        """The moment that a login's timestamp is judged by."""
        return Now(self._wall.now_ns(), self._session.clock.now_ns(), self._settings.clock)

    def _on_market(self, symbol: str, events: np.ndarray) -> None:
        with self._closing_all_on_error():
            self._plan(self._publisher.market(symbol, events, self._session.clock.now_ns()))

    def _on_own_book(self, symbol: str, side: int, price_ticks: int) -> None:
        at_ns = self._session.clock.now_ns()
        self._plan(self._publisher.own_book(symbol, side, price_ticks, at_ns))

    def _plan(self, next_ns: int | None) -> None:
        """Wake the pump if something is due before the time it sleeps until."""
        if next_ns is not None and (self._planned_ns is None or next_ns < self._planned_ns):
            self._wake.set()

    def _on_events(self, events: Sequence[Event]) -> None:
        """Publish what the venue committed, once those who caused it have their answers."""
        if not self._connections:
            return  # nobody can hear
        delay_ms = self._settings.private_push_delay_ms
        if not delay_ms:
            self._publish_events(events)
            return
        self._late_events.append((asyncio.get_running_loop().time() + delay_ms / 1000, events))
        self._late_wake.set()

    def _publish_events(self, events: Iterable[Event]) -> None:
        with self._closing_all_on_error():
            self._publisher.events(events)

    def _publish_late(self, until_s: float | None) -> None:
        """Publish the events whose time has come by the loop's clock; None: all."""
        while self._late_events and (until_s is None or self._late_events[0][0] <= until_s):
            self._publish_events(self._late_events.popleft()[1])

    async def _publish_late_events(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._late_wake.clear()
            self._publish_late(loop.time())
            if self._late_events:
                await asyncio.sleep(self._late_events[0][0] - loop.time())
            else:
                await self._late_wake.wait()

    @contextmanager
    def _closing_all_on_error(self) -> Iterator[None]:
        """After a failure half of the listeners may have missed a push: all have to begin anew."""
        try:
            yield
        except Exception:
            logger.exception("publishing failed, closing %d connections", len(self._connections))
            for connection in self.connections:
                connection.close(CLOSE_INTERNAL, "internal error")

    def _start_tasks(self) -> None:
        """With the first connection: only then is a loop running for sure."""
        if not self._tasks and not self._closing:
            jobs = (self._pump(), self._watch(), self._publish_late_events())
            self._tasks = [asyncio.create_task(job) for job in jobs]

    async def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pump(self) -> None:
        """Publish by the market's clock."""
        clock = self._session.clock
        while True:
            self._wake.clear()
            self._planned_ns = None
            with self._closing_all_on_error():
                self._planned_ns = self._publisher.advance(clock.now_ns())
            wait_ns = None if self._planned_ns is None else clock.wait_ns(self._planned_ns)
            wait_s = None if wait_ns is None else max(wait_ns / 1e9, PUMP_MIN_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)

    async def _watch(self) -> None:
        """Apply the idle rules by real time."""
        while True:
            at_ns = self._wall.now_ns()
            for connection in self.connections:
                connection.tick(at_ns)
            await asyncio.sleep(TICK_S)


def _limits_of(settings: ServerSettings) -> tuple[WsLimits, WsLimits]:
    if settings.rate_limits == "off":
        return PUBLIC_LIMITS.unlimited(), PRIVATE_LIMITS.unlimited()
    return PUBLIC_LIMITS, PRIVATE_LIMITS

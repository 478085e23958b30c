"""The websocket shell of a venue session: connects, carries frames and times, comes back after losses."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from paper_bitmart.bitmart.frames import INFLATED_BYTES_MAX
from paper_bitmart.feed.live.backoff import Backoff
from paper_bitmart.feed.live.rest import RestError
from paper_bitmart.feed.live.venue_session import VenueSession

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
WAIT_MAX_NS = 10**9
"""While waiting to connect, a shell looks up at least this often: a clock may be moved under it."""
STEPS_APART_NS_MAX = 100_000_000
STEP_NS = 1_000_000
"""Between two looks at the session's timers; frames can make them earlier meanwhile."""

UNREACHABLE = (OSError, TimeoutError, WebSocketException)
"""Everything that a connection which cannot be made, or breaks, may raise."""


class Wire(Protocol):
    """An open websocket."""

    async def recv(self) -> bytes | str: ...
    async def send(self, message: str) -> None: ...
    async def close(self) -> None: ...


Connect = Callable[[str], Awaitable[Wire]]
Fetch = Callable[[str], Awaitable[bytes]]


async def open_wire(url: str) -> Wire:
    """Connect a websocket; no compression of its own, because BitMart compresses payloads.

    Raises:
        OSError, TimeoutError, WebSocketException: the venue cannot be reached or refuses.
    """
    return await ws_connect(
        url,
        compression=None,
        open_timeout=CONNECT_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        # The session has its own watchdog; BitMart announces that ping frames may go away.
        ping_interval=None,
        max_size=INFLATED_BYTES_MAX,
    )


class Connection:
    """Runs one session over sockets, for as long as the task lives.

    Args:
        session: what to say and what to make of the answers.
        url: of the websocket.
        now_ns: the time that events are stamped with, never falling.
        backoff: when to try again.
        flush: called after every step; takes events and problems out of the session.
        connect, fetch: the outside world; tests give their own.
    """

    def __init__(
        self,
        session: VenueSession,
        url: str,
        now_ns: Callable[[], int],
        backoff: Backoff,
        flush: Callable[[VenueSession], None],
        *,
        connect: Connect = open_wire,
        fetch: Fetch | None = None,
    ) -> None:
        self.session = session
        self.url = url
        self.backoff = backoff
        self.connects = 0
        self.last_failure = ""
        self._now_ns = now_ns
        self._flush = flush
        self._connect = connect
        self._fetch = fetch
        self._fetching: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Connect and reconnect until cancelled."""
        try:
            while True:
                await self._wait_for_attempt()
                await self._attempt()
        finally:
            for task in self._fetching:
                task.cancel()
            self._lost("the source was stopped")

    async def _wait_for_attempt(self) -> None:
        while not self.backoff.attempt(now_ns := self._now_ns()):
            wait_ns = self.backoff.next_ns(now_ns) - now_ns
            await asyncio.sleep(max(0, min(wait_ns, WAIT_MAX_NS)) / 1e9)

    async def _attempt(self) -> None:
        try:
            wire = await self._connect(self.url)
        except UNREACHABLE as error:
            self._failed(f"{self.url} cannot be reached: {_told(error)}")
            return
        self.connects += 1
        self.session.opened(self._now_ns())
        try:
            why = await self._serve(wire)
        except UNREACHABLE as error:
            why = f"connection lost: {_told(error)}"
        finally:
            await _close(wire)
        self._failed(why)

    def _failed(self, why: str) -> None:
        self.last_failure = why
        self._lost(why)
        self.backoff.failed(self._now_ns())

    def _lost(self, why: str) -> None:
        logger.info("%s: %s", self.url, why)
        self.session.closed(self._now_ns(), why)
        self._flush(self.session)

    async def _serve(self, wire: Wire) -> str:
        """Carry frames until the connection ends; returns why the session wanted that."""
        tasks = {asyncio.ensure_future(self._read(wire)), asyncio.ensure_future(self._keep_time(wire))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.session.close_reason

    async def _read(self, wire: Wire) -> None:
        session = self.session
        while not session.close_reason:
            frame = await wire.recv()
            session.receive(frame, self._now_ns())
            await self._step(wire)

    async def _keep_time(self, wire: Wire) -> None:
        session = self.session
        while not session.close_reason:
            now_ns = self._now_ns()
            if session.next_ns(now_ns) <= now_ns:
                session.tick(now_ns)
            await self._step(wire)
            wait_ns = session.next_ns(now_ns) - now_ns
            await asyncio.sleep(max(STEP_NS, min(wait_ns, STEPS_APART_NS_MAX)) / 1e9)

    async def _step(self, wire: Wire) -> None:
        if self.session.live:
            self.backoff.worked()
        self._flush(self.session)
        await self._do_wishes(wire)

    async def _do_wishes(self, wire: Wire) -> None:
        for frame in self.session.take_frames(self._now_ns()):
            await wire.send(frame)
        for path in self.session.take_fetches():
            task = asyncio.ensure_future(self._get(path))
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)

    async def _get(self, path: str) -> None:
        if self._fetch is None:
            raise TypeError(f"{self.url}: the session wants {path}, but the connection has no REST")
        try:
            body: bytes | None = await self._fetch(path)
        except RestError as error:
            logger.info("%s", error)
            body = None
        self.session.fetched(path, body, self._now_ns())
        self._flush(self.session)


async def _close(wire: Wire) -> None:
    try:
        await asyncio.wait_for(wire.close(), CLOSE_TIMEOUT_S + 1)
    except UNREACHABLE as error:
        logger.debug("closing: %s", error)


def _told(error: BaseException) -> str:
    if isinstance(error, ConnectionClosed):
        return f"closed by the venue ({error})"
    return str(error) or type(error).__name__

"""How market time passes in a shell: by itself, or only when the shell lets it.

RunningTime    a clock that runs: waiting is sleeping
SteppedTime    a simulated clock: waiting plays the market at once, and nothing depends on the machine
"""

import asyncio
import heapq
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.exchange.session import Session

T = TypeVar("T")

STEP_NS = 100_000_000
"""Market time per step; one depth interval, so that laps of a looped recording are all played."""
OUTCOME_STEP_NS = 1_000_000
NEVER_NS = 2**63 - 1
QUIET_ROUNDS = 5
"""Rounds of the event loop without a turn of the session after which nothing is under way any more: waking
the source, its waking the session and the session's turn take one round each."""


class MarketTime(Protocol):
    """What the shell needs of time."""

    async def wait(self, duration_ns: int) -> None:
        """Return when `duration_ns` of market time have passed and what happened meanwhile was told."""
        ...

    async def outcome(self, command: Coroutine[Any, Any, T]) -> T:
        """The outcome of a command to the session, however long it travels."""
        ...


class RunningTime:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def wait(self, duration_ns: int) -> None:
        await self._session.sleep_until(self._session.clock.now_ns() + duration_ns)

    async def outcome(self, command: Coroutine[Any, Any, T]) -> T:
        return await command


class SteppedTime:
    """Moves the session's simulated clock; equal inputs give equal outputs.

    The source emits a step ahead, so that a command which arrives within a step meets the market of its own
    moment: the session does market and commands by their times.
    """

    def __init__(self, session: Session, clock: SimulatedClock) -> None:
        self._session, self._clock = session, clock
        self._sleepers = Sleepers()

    async def wait(self, duration_ns: int) -> None:
        until_ns = self._clock.now_ns() + duration_ns
        while self._sleepers.has_driver:
            await self._sleepers.sleep(until_ns)
            if self._clock.now_ns() >= until_ns:
                self._sleepers.pass_on()
                return
        self._sleepers.has_driver = True
        try:
            await self._drive(until_ns)
        finally:
            self._sleepers.has_driver = False
            self._sleepers.pass_on()

    async def _drive(self, until_ns: int) -> None:
        """Move time for everybody who waits."""
        # What was asked for before the wait is sent before time moves on.
        await self._settle()
        while (now_ns := self._clock.now_ns()) < until_ns:
            self._clock.advance_to(min(until_ns, now_ns + STEP_NS, self._sleepers.next_ns))
            await self._settle()
            if self._sleepers.wake(self._clock.now_ns()):
                # They wake in one round and may ask for something in the next.
                await self._settle()
                await self._settle()

    async def outcome(self, command: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(command)
        await self.wait(0)
        while not task.done() and self._session.failure is None:
            await self.wait(OUTCOME_STEP_NS)
        return await task

    async def _settle(self) -> None:
        quiet, turns = 0, self._session.stats.turns
        while quiet < QUIET_ROUNDS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._session.stats.turns == turns else 0
            turns = self._session.stats.turns


class Sleepers:
    """Tasks that wait for market time while another one, the driver, moves it: all wake when they wanted to.

    Attributes:
        has_driver: somebody moves time; set by who does.
    """

    def __init__(self) -> None:
        self.has_driver = False
        self._heap: list[tuple[int, int, asyncio.Future[None]]] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def next_ns(self) -> int:
        """When the next one wants to be woken."""
        while self._heap and self._heap[0][2].done():
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER_NS

    async def sleep(self, until_ns: int) -> None:
        """Return at `until_ns`, or earlier when nobody moves time any more."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._heap, (until_ns, self._number, future))
        await future

    def wake(self, now_ns: int) -> bool:
        """Wake who wanted to be woken by now; was there any?"""
        has_woken = False
        while self.next_ns <= now_ns and self._heap:
            heapq.heappop(self._heap)[2].set_result(None)
            has_woken = True
        return has_woken

    def pass_on(self) -> None:
        """Nobody moves time now: the next one who waits has to."""
        if not self.has_driver and self._heap:
            self.wake(self.next_ns)

"""How market time passes in a shell: by itself, or only when the shell lets it.

RunningTime    a clock that runs: waiting is sleeping
SteppedTime    a simulated clock: waiting plays the market at once, and nothing depends on the machine
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.exchange.session import Session

T = TypeVar("T")

STEP_NS = 100_000_000
"""Market time per step; one depth interval, so that laps of a looped recording are all played."""
OUTCOME_STEP_NS = 1_000_000
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

    async def wait(self, duration_ns: int) -> None:
        until_ns = self._clock.now_ns() + duration_ns
        # What was asked for before the wait is sent before time moves on.
        await self._settle()
        while (now_ns := self._clock.now_ns()) < until_ns:
            self._clock.advance_to(min(until_ns, now_ns + STEP_NS))
            await self._settle()

    async def outcome(self, command: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(command)
        await self._settle()
        while not task.done() and self._session.failure is None:
            await self.wait(OUTCOME_STEP_NS)
        return await task

    async def _settle(self) -> None:
        quiet, turns = 0, self._session.stats.turns
        while quiet < QUIET_ROUNDS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._session.stats.turns == turns else 0
            turns = self._session.stats.turns

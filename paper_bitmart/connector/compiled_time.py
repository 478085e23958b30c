"""Market time of a program in the compiled loop: a wait plays the market at once, without a task switch."""

import asyncio
from collections.abc import Callable, Sized
from typing import Protocol

from paper_bitmart.connector.market_time import OUTCOME_STEP_NS, QUIET_ROUNDS, STEP_NS, Sleepers

_NOBODY_KNOWS = (0, 0)
STEPS_PER_ROUND = 256
"""After so many steps the event loop is entered anyway: for what comes from outside, such as Ctrl-C."""


class Market(Protocol):
    """What time needs of the connector; `asked`: what was asked for and not sent."""

    now_ns: int
    end_ns: int
    is_flush_due: bool

    @property
    def asked(self) -> Sized: ...
    def advance(self, to_ns: int) -> None: ...
    def send(self) -> bool: ...
    def act(self) -> bool: ...


class CompiledTime:
    """Steps as `SteppedTime`'s, and what is told at their ends.

    Attributes:
        finished: set once everything recorded has been played; whoever waits then waits for ever, until
            `goes_on` is set.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._sleepers = Sleepers()
        self.finished = asyncio.Event()
        self.goes_on = False
        self._steps = 0
        self._ready: Sized | None = None

    async def wait(self, duration_ns: int) -> None:
        """Return when `duration_ns` of market time have passed and what happened meanwhile was told."""
        market, sleepers = self._market, self._sleepers
        until_ns = market.now_ns + duration_ns
        while sleepers.has_driver:
            await sleepers.sleep(until_ns)
            if market.now_ns >= until_ns:
                sleepers.pass_on()
                return
        sleepers.has_driver = True
        ready = self._ready if self._ready is not None else self._look_at_loop()
        try:
            # What was asked for before the wait is sent before time moves on.
            if len(ready) > market.is_flush_due or (market.asked and not self._act()):
                await self._settle()
            if market.now_ns >= market.end_ns:
                await self._end()
            while (now_ns := market.now_ns) < until_ns:
                to_ns = now_ns + STEP_NS if now_ns + STEP_NS < until_ns else until_ns
                if sleepers:
                    to_ns = min(to_ns, sleepers.next_ns)
                market.advance(to_ns)
                self._steps += 1
                if (
                    len(ready) > market.is_flush_due
                    or not self._steps % STEPS_PER_ROUND
                    or (market.asked and not self._act())
                ):
                    await self._settle()
                if to_ns >= market.end_ns:
                    await self._end()
                if sleepers and sleepers.wake(market.now_ns):
                    await self._settle()
        finally:
            sleepers.has_driver = False
            if sleepers:
                sleepers.pass_on()

    async def until(self, is_done: Callable[[], bool]) -> None:
        """Return once `is_done()`, as time passes in small steps."""
        await self.wait(0)
        while not is_done():
            await self.wait(OUTCOME_STEP_NS)

    async def _settle(self) -> None:
        """Let everybody ask who wants to, and have done and told what comes of it at this moment."""
        if self._has_others() or not self._steps % STEPS_PER_ROUND:
            await self._let_others_run()
        while not self._act():
            await self._let_others_run()

    def _act(self) -> bool:
        """Have done and told what was asked for; False: only up to where somebody else wants to run."""
        while self._market.send() or self._market.act():
            if self._has_others():
                return False
        return True

    async def _end(self) -> None:
        """Everything recorded has been played: the program is stopped where it waits."""
        if not self.goes_on:
            self.finished.set()
            await asyncio.get_running_loop().create_future()

    async def _let_others_run(self) -> None:
        """They go first, so that what all of them ask for at a moment is sent together, as by a session."""
        quiet = 0
        while quiet < QUIET_ROUNDS:
            await asyncio.sleep(0)
            quiet += 1
            if self._market.send():
                quiet = 0
            if self._has_others():
                continue
            if not self._market.act():
                return
            quiet = 0

    def _has_others(self) -> bool:
        """Does anybody else want to run now?"""
        return len(self._look_at_loop()) > self._market.is_flush_due

    def _look_at_loop(self) -> Sized:
        """Who wants to run; a loop that does not tell may always have somebody."""
        if self._ready is None:
            self._ready = getattr(asyncio.get_running_loop(), "_ready", _NOBODY_KNOWS)
        return self._ready

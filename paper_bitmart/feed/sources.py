"""Where a session's market comes from: the `Source` protocol, and captures played in market time."""

import asyncio
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.convert import CapturedMarket, RulesOrPath, load_capture
from paper_bitmart.feed.pace import MarketClock, Pace
from paper_bitmart.feed.playback import Batch, Playback

Emit = Callable[[str, np.ndarray], None]
"""Takes a symbol and its next (n,) EVENT_DTYPE."""

STEP_NS = 100_000_000
"""Market time per step at full speed: symbols are never further apart than this."""
SLEEP_MIN_NS = 1_000_000
"""Events closer together than this go out together."""

DEMO_CAPTURE = "demo_btc_eth_60s.jsonl.gz"
DEMO_RULES = "symbols_details.json"


class Source(Protocol):
    """A market: symbols with their rules, and events as they come.

    Attributes:
        name: for people, e.g. `capture demo.jsonl.gz`.
        rules: of every symbol that may be emitted.
        start_ns: market time from which on events come, ns since 1970.
    """

    @property
    def name(self) -> str: ...
    @property
    def rules(self) -> Mapping[str, SymbolRules]: ...
    @property
    def start_ns(self) -> int: ...

    async def run(self, emit: Emit) -> None:
        """Call `emit` with each batch until the market ends or the task is cancelled."""
        ...


class CaptureSource:
    """A capture as a live market.

    Args:
        path, rules: as `load_capture`; the capture is converted here and held in memory.
        speed: of the source's own clock, 1 is real time; None is as fast as `emit` takes it, in 100 ms steps.
            A given `clock` has its own speed, and this one is not used.
        loop: play it again and again, see `Playback`.
        rebase: shift times so that the recording starts now; otherwise it keeps its recorded times.
        clock: market time; its pause, speed and jumps forward are followed.
        ahead_ns: events are emitted so long before the given clock reaches them, for a consumer that keeps
            them until their time: with a clock that moves in steps, at least a step, so that nothing of a
            step is missing when what arrives within it is done. Not with jumps.

    Raises:
        CaptureError, RulesError, OSError: as `load_capture`.
        ValueError: no market in the capture, or a bad speed.
    """

    def __init__(
        self,
        path: Path | str,
        rules: RulesOrPath,
        *,
        speed: float | None = 1.0,
        loop: bool = False,
        rebase: bool = True,
        clock: MarketClock | None = None,
        ahead_ns: int = 0,
    ) -> None:
        self.name = f"capture {Path(path).name}"
        self.market: CapturedMarket = load_capture(path, rules)
        self.rules: Mapping[str, SymbolRules] = self.market.rules
        # The one place that reads the machine's time, and only when nobody gave a clock.
        now_ns = clock.now_ns() if clock is not None else time.time_ns()
        self.playback = Playback(self.market.events, start_ns=now_ns if rebase else None, loop=loop)
        self.start_ns = self.playback.start_ns
        self.pace: Pace | None = None
        if clock is None and speed is not None:
            self.pace = Pace(self.start_ns, speed)
        self._begins_with = clock if rebase else None
        self._clock: MarketClock | None = clock if clock is not None else self.pace
        self._ahead_ns = ahead_ns
        self._played_ns = self.start_ns
        self._skipped: list[Batch] = []
        self._wake = asyncio.Event()

    def now_ns(self) -> int:
        """Market time: the clock's, or at full speed how far the recording was played."""
        return self._clock.now_ns() if self._clock is not None else self._played_ns

    def begin(self) -> None:
        """Before `run`: a re-based recording starts at its clock's time of now, not of when it was read."""
        if self._begins_with is not None:
            self.start_ns = self._begins_with.now_ns()
            self.playback.begin(self.start_ns)

    async def run(self, emit: Emit) -> None:
        """Play; ends after FEED_STATE CLOSED, or never when looping."""
        if self._clock is None:
            await self._run_at_full_speed(emit)
        else:
            await self._run_by_clock(emit, self._clock)

    def skip_to(self, at_ns: int) -> None:
        """Leave out what lies before market time `at_ns` (within the lap); announced as a resync.

        With its own clock the source moves it there; a clock that was given is its owner's to move.

        Raises:
            ValueError: not ahead within the lap.
        """
        self._skipped.extend(self.playback.skip_to(at_ns))
        self._played_ns = at_ns
        if self.pace is not None:
            self.pace.skip_to(at_ns)
        self._wake.set()

    async def _run_at_full_speed(self, emit: Emit) -> None:
        while (next_ns := self.playback.next_ns) is not None:
            self._played_ns = next_ns + STEP_NS
            self._emit_due(emit, self._played_ns)
            await asyncio.sleep(0)

    async def _run_by_clock(self, emit: Emit, clock: MarketClock) -> None:
        stop_listening = clock.on_change(self._wake.set)
        try:
            while True:
                self._wake.clear()
                self._emit_due(emit, clock.now_ns() + self._ahead_ns)
                next_ns = self.playback.next_ns
                if next_ns is None:
                    return
                await self._sleep(clock.wait_ns(next_ns - self._ahead_ns))
        finally:
            stop_listening()

    def _emit_due(self, emit: Emit, until_ns: int) -> None:
        skipped, self._skipped = self._skipped, []
        for symbol, events in skipped:
            emit(symbol, events)
        for symbol, events in self.playback.due(until_ns):
            emit(symbol, events)

    async def _sleep(self, wait_ns: int | None) -> None:
        """Until the time is over or the clock changed; None waits for a change only."""
        timeout_s = None if wait_ns is None else max(wait_ns, SLEEP_MIN_NS) / 1e9
        try:
            await asyncio.wait_for(self._wake.wait(), timeout_s)
        except TimeoutError:
            return


def demo_folder() -> Path:
    """Folder of the bundled recording: inside the installed package, or `fixtures/demo` of a checkout.

    Raises:
        FileNotFoundError: neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "demo", package.parent / "fixtures" / "demo"):
        if (folder / DEMO_CAPTURE).is_file():
            return folder
    raise FileNotFoundError(f"the demo market {DEMO_CAPTURE} was not installed beside {package}")


def demo_source(
    *,
    speed: float | None = 1.0,
    loop: bool = True,
    rebase: bool = True,
    clock: MarketClock | None = None,
    ahead_ns: int = 0,
) -> CaptureSource:
    """The bundled minute of BTC_USDT and ETH_USDT; arguments as `CaptureSource`."""
    folder = demo_folder()
    return CaptureSource(
        folder / DEMO_CAPTURE, folder / DEMO_RULES, speed=speed, loop=loop, rebase=rebase, clock=clock,
        ahead_ns=ahead_ns,
    )  # fmt: skip

"""The body of `paper-bitmart record`: follow a live market and keep everything that it says."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from paper_bitmart.feed.live.capture_stream import Clocks, StreamSettings
from paper_bitmart.feed.live.ccxt_source import CcxtSource
from paper_bitmart.feed.live.errors import UnknownSource
from paper_bitmart.feed.live.live_source import LiveSource
from paper_bitmart.feed.live.recorder import Recorder
from paper_bitmart.feed.live.registry import DEFAULT_PAIRS, is_live, open_source

EXIT_OK, EXIT_FAILED = 0, 1
LOOK_S = 0.1
"""Between two looks at what is to be flushed; well below the second that may be lost."""
PROGRESS_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What `record` does.

    Attributes:
        source: bitmart, binance or ccxt:NAME. pairs: symbols, BitMart's form.
        out: folder of the recording.
        stream: flushing, rotation, fsync.
        duration_s: stop after so long; None: when told to.
        progress: a line each second on standard error.
        urls: `rest_url`, `ws_url` of the venue.
    """

    source: str
    pairs: Sequence[str] = DEFAULT_PAIRS
    out: Path
    stream: StreamSettings = field(default_factory=StreamSettings)
    duration_s: float | None = None
    progress: bool = True
    urls: dict[str, str] = field(default_factory=dict)


class RecorderClock:
    """Receive times: recv_ns = monotonic clock + offset, the offset taken from the wall clock once."""

    def __init__(self) -> None:
        self.offset_ns = time.time_ns() - time.monotonic_ns()

    def now_ns(self) -> int:
        """ns since 1970."""
        return time.monotonic_ns() + self.offset_ns

    def wait_ns(self, until_ns: int) -> int:
        """Real ns until then."""
        return max(0, until_ns - self.now_ns())

    def on_change(self, fn: Callable[[], None]) -> Callable[[], None]:
        """Nobody changes this clock."""
        return lambda: None

    def clocks(self) -> Clocks:
        """Both clocks of the machine, for marks in the recording."""
        return Clocks(self.offset_ns, time.time_ns, time.monotonic_ns)


def record(options: RecordOptions, echo: Callable[[str], None] | None = None) -> int:
    """Record until SIGINT, SIGTERM or `duration_s`; returns the exit code.

    Returns:
        0 stopped and complete; 1 the disk would not take any more (what was flushed is readable).

    Raises:
        SourceError: the market cannot be opened. RecordingError, RulesError: the folder cannot be used.
        OSError: it cannot be written to begin with.
    """
    if not is_live(options.source):
        raise UnknownSource(f"{options.source} is a recording already; record bitmart, binance or ccxt:NAME")
    echo = echo or _tell
    clock = RecorderClock()
    source: Any = open_source(
        options.source,
        options.pairs,
        None,
        clock,
        notify=lambda text: echo(f"notice: {text}"),
        **options.urls,
    )
    recorder = Recorder(
        options.out, source.name, source.rules, source.sessions, source.outages, clock.clocks(),
        clock.now_ns(), options.stream,
    )  # fmt: skip
    for name, cut in recorder.torn.items():
        echo(f"notice: {name} was cut by a kill; {cut} torn bytes at its end were taken away")
    echo(f"recording {source.name}: {', '.join(source.rules)} to {options.out}")
    return asyncio.run(_Recording(options, source, recorder, clock, echo).run())


class _Recording:
    def __init__(
        self,
        options: RecordOptions,
        source: LiveSource | CcxtSource,
        recorder: Recorder,
        clock: RecorderClock,
        echo: Callable[[str], None],
    ) -> None:
        self._options, self._source, self._recorder = options, source, recorder
        self._clock, self._echo = clock, echo

    async def run(self) -> int:
        stop = asyncio.Event()
        _on_signals(stop)
        market = asyncio.ensure_future(self._source.run(lambda symbol, events: None))
        try:
            return await self._until(stop, market)
        except OSError as error:
            self._echo(f"error: the recording cannot go on: {error}")
            return EXIT_FAILED
        finally:
            market.cancel()
            await asyncio.gather(market, return_exceptions=True)
            self._finish()

    async def _until(self, stop: asyncio.Event, market: "asyncio.Task[None]") -> int:
        started_ns = told_ns = self._clock.now_ns()
        duration_s = self._options.duration_s
        while not stop.is_set():
            now_ns = self._clock.now_ns()
            if duration_s is not None and now_ns - started_ns >= duration_s * 1e9:
                break
            if market.done():
                market.result()
            self._recorder.tick(now_ns)
            if self._options.progress and now_ns - told_ns >= PROGRESS_S * 1e9:
                told_ns = now_ns
                self._echo(str(self._recorder.progress(now_ns, self._reconnects())))
            await asyncio.sleep(LOOK_S)
        return EXIT_OK

    def _finish(self) -> None:
        now_ns = self._clock.now_ns()
        try:
            self._recorder.close(now_ns)
        except OSError as error:
            self._echo(f"error: the last second could not be written: {error}")
        progress = self._recorder.progress(now_ns, self._reconnects())
        files = sum(len(stream.files) for stream in self._recorder.streams)
        self._echo(f"stopped: {progress.lines:,} lines, {progress.size / 1e6:,.1f} MB in {files} files")

    def _reconnects(self) -> int:
        connections = getattr(self._source, "connections", [])
        return sum(max(0, connection.connects - 1) for connection in connections)


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows has no signal handlers in its event loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()

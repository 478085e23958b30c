"""The body of `paper-bitmart record`: follow a live market and keep everything that it says."""

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from paper_bitmart.feed.live.capture_stream import Clocks, StreamSettings
from paper_bitmart.feed.live.ccxt_source import CcxtSource
from paper_bitmart.feed.live.errors import UnknownSource
from paper_bitmart.feed.live.live_source import LiveSource
from paper_bitmart.feed.live.recorder import Recorder, size_text
from paper_bitmart.feed.live.registry import DEFAULT_PAIRS, is_live, open_source
from paper_bitmart.feed.status_line import say, show

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


class KeeperClock(Protocol):
    """now_ns() = the monotonic clock + `offset_ns`."""

    @property
    def offset_ns(self) -> int: ...
    def now_ns(self) -> int: ...


def record(options: RecordOptions, echo: Callable[[str], None] | None = None) -> int:
    """Record until SIGINT, SIGTERM or `duration_s`; returns the exit code.

    Returns:
        0 stopped and complete; 1 the disk would not take any more (what was flushed is readable).

    Raises:
        SourceError: the market cannot be opened. RecordingError, RulesError: the folder cannot be used.
        OSError: it cannot be written to begin with.
    """
    check_recordable(options.source)
    echo = echo or say
    clock = RecorderClock()
    source: Any = open_source(
        options.source,
        options.pairs,
        None,
        clock,
        notify=lambda text: echo(f"notice: {text}"),
        **options.urls,
    )
    keeper = MarketKeeper(
        source, options.out, clock, options.stream, echo=echo, progress=show if options.progress else None
    )
    return asyncio.run(_record(source, keeper, options.duration_s, echo))


def check_recordable(source: str) -> None:
    """Raises UnknownSource unless the source is a live market."""
    if not is_live(source):
        raise UnknownSource(f"{source} is a recording already; record bitmart, binance or ccxt:NAME")


async def _record(
    source: LiveSource | CcxtSource,
    keeper: "MarketKeeper",
    duration_s: float | None,
    echo: Callable[[str], None],
) -> int:
    stop = asyncio.Event()
    _on_signals(stop)
    market = asyncio.ensure_future(source.run(lambda symbol, events: None))
    tasks = [market, asyncio.ensure_future(keeper.run()), asyncio.ensure_future(stop.wait())]
    try:
        done, _ = await asyncio.wait(tasks, timeout=duration_s, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except OSError as error:
        if not keeper.failure:
            echo(f"error: the recording cannot go on: {error}")
            return EXIT_FAILED
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        keeper.finish()
    return EXIT_FAILED if keeper.failure else EXIT_OK


class MarketKeeper:
    """Keeps everything that a live source's sessions see, while somebody else runs the source.

    Args:
        source: its sessions are tapped from now on.
        folder: see `Recorder`.
        clock: stamps the source's events.
        echo: takes lines for people. progress: one a second; None: none.

    Attributes:
        failure: why nothing more could be kept, told already; "" while all is well.

    Raises:
        RecordingError, RulesError: the folder cannot be used. OSError: it cannot be written to.
    """

    def __init__(
        self,
        source: LiveSource | CcxtSource,
        folder: Path,
        clock: "KeeperClock",
        stream: StreamSettings,
        *,
        echo: Callable[[str], None],
        progress: Callable[[str], None] | None,
    ) -> None:
        clocks = Clocks(clock.offset_ns, time.time_ns, time.monotonic_ns)
        self._recorder = Recorder(
            folder, source.name, source.rules, source.sessions, source.outages, clocks, clock.now_ns(), stream
        )
        self._source, self._clock, self._echo, self._show = source, clock, echo, progress
        self.failure = ""
        for name, cut in self._recorder.torn.items():
            echo(f"notice: {name} was cut by a kill; {cut} torn bytes at its end were taken away")
        echo(f"recording {source.name}: {', '.join(source.rules)} to {folder}")

    async def run(self) -> None:
        """Flush and rotate what is due until cancelled. Raises OSError: the disk takes no more."""
        told_ns = self._clock.now_ns()
        while True:
            now_ns = self._clock.now_ns()
            try:
                self._recorder.tick(now_ns)
            except OSError as error:
                self._fail(error)
                raise
            if self._show is not None and now_ns - told_ns >= PROGRESS_S * 1e9:
                told_ns = now_ns
                self._show(str(self._recorder.progress(now_ns, self._reconnects())))
            await asyncio.sleep(LOOK_S)

    def finish(self) -> None:
        """Complete the files once the source has stopped, and say what they are."""
        now_ns = self._clock.now_ns()
        try:
            self._recorder.close(now_ns)
        except OSError as error:
            self._fail(error)
        progress = self._recorder.progress(now_ns, self._reconnects())
        files = sum(len(stream.files) for stream in self._recorder.streams)
        outages = self._source.outages
        lost = f"{progress.trades_lost:,} trades lost, " if progress.trades_lost else ""
        self._echo(
            f"stopped: {progress.lines:,} lines, {size_text(progress.size)} in {files} files; {lost}{outages}"
        )

    def _fail(self, error: OSError) -> None:
        if not self.failure:
            self.failure = error.strerror or str(error)
            self._echo(
                f"error: the recording cannot go on: {self.failure}. "
                f"What was written to {self._recorder.folder} until now is readable"
            )

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

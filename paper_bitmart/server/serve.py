"""The body of `paper-bitmart serve`: put an exchange together, run it until told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from paper_bitmart.backtest.session_writer import SessionWriter
from paper_bitmart.bitmart.rate_limits import RateConfigError
from paper_bitmart.bitmart.rules import RulesError
from paper_bitmart.exchange.clock import ClockError, PlaybackClock, RealClock
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalError
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.restart import recover
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.capture import CaptureError
from paper_bitmart.feed.live.capture_stream import StreamSettings
from paper_bitmart.feed.live.ccxt_source import CcxtSource
from paper_bitmart.feed.live.errors import SourceError
from paper_bitmart.feed.live.live_source import LiveSource
from paper_bitmart.feed.live.registry import is_live, open_source
from paper_bitmart.feed.pairs_only import PairsOnly
from paper_bitmart.feed.recording import MarketKeeper
from paper_bitmart.feed.sources import CaptureSource, Source, demo_source
from paper_bitmart.feed.status_line import say, show
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel
from paper_bitmart.matching.warmup import warm_up
from paper_bitmart.server.app import Server, create_app
from paper_bitmart.server.fault_source import FaultySource
from paper_bitmart.server.faults import FaultPlan, FaultPlanError, Faults
from paper_bitmart.server.keys import FILE_NAME, ApiKey, KeysError, KeyStore
from paper_bitmart.server.settings import ClockMode, ServerSettings, SettingsError, is_loopback

logger = logging.getLogger(__name__)

DEMO = "demo"
STATE_CHECK_S = 0.5
"""How often a running session is looked at for a failure."""
COLLECT_AFTER = 50_000
"""Objects made between two collections; Python's 700 cost a busy server 5 % of its time."""
MarketTime = PlaybackClock | RealClock
"""The market's clock: of a recording, or the wall's of a live market."""
EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2

START_ERRORS = (
    SettingsError,
    KeysError,
    FaultPlanError,
    RateConfigError,
    RulesError,
    CaptureError,
    SourceError,
    JournalError,
    ClockError,
    OSError,
    ValueError,
)
"""What a user can cause before the exchange runs; told as one line, without a traceback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `serve` runs.

    Attributes:
        source: "demo", the path of a capture file, or a live market: bitmart, binance, ccxt:NAME.
        symbols: symbols/details file of a capture; None looks for `symbols_details.json` beside it. Of a live
            market: rules in place of the venue's.
        pairs: symbols to offer; None offers all of a recording, BTC_USDT and ETH_USDT of a live market.
        venue_urls: `rest_url` and `ws_url` of a live market in place of the venue's own.
        speed: market seconds per real second; 1 for a live market.
        loop: begin the recording anew at its end.
        account: opened on first start, with one key set.
        balances: its first deposit; None: ample of everything.
        api_key: access key, secret and memo to use for the account; None makes a key set on first start.
        keys_file: where made key sets are kept when there is no state directory; None: in memory only. Their
            accounts are opened anew on each start.
        queue_model: how the queue ahead is estimated.
        fees: maker and taker rates; None: the venue's default.
        latency: the clients' delays; None: none.
        faults: a fault plan file.
        record: folder to record the session into (docs/sessions.md); None records nothing.
        keep_market: with `record` and a live market: its messages are kept there too, as `paper-bitmart
            record` keeps them; `progress` says each second how that goes.
        duration_s: stop after so long; None: when told to.
        settings: of the server; its `state_dir` also holds the journal.
    """

    source: str = DEMO
    symbols: Path | None = None
    pairs: Sequence[str] | None = None
    venue_urls: Mapping[str, str] = field(default_factory=dict)
    speed: float = 1.0
    loop: bool = True
    account: str = "default"
    balances: Mapping[str, Decimal] | None = None
    api_key: tuple[str, str, str] | None = None
    keys_file: Path | None = None
    queue_model: QueueModel = DEFAULT_MODEL
    fees: FeeRates | None = None
    latency: LatencyProfile | None = None
    faults: Path | None = None
    record: Path | None = None
    keep_market: StreamSettings | None = None
    progress: bool = False
    duration_s: float | None = None
    settings: ServerSettings = field(default_factory=ServerSettings)


def serve(options: ServeOptions, echo: Callable[[str], None] | None = None) -> int:
    """Run an exchange until SIGINT or SIGTERM; returns the exit code.

    Prints the addresses, a key set when one was made, and `ready` once clients may come.

    Args:
        echo: prints one line; standard output by default.

    Returns:
        0 stopped cleanly, 1 failed while running, 2 could not start; the reason goes to standard error.
    """
    return asyncio.run(_serve(options, echo or _print))


@dataclass(slots=True)
class _Exchange:
    """Everything that runs."""

    session: Session
    keys: KeyStore
    faults: Faults
    clock: MarketTime
    tape: SessionWriter | None
    keeper: MarketKeeper | None = None


async def _serve(options: ServeOptions, echo: Callable[[str], None]) -> int:
    stop = asyncio.Event()
    _on_signals(stop)
    async with AsyncExitStack() as running:
        try:
            exchange = await _start(options, running, echo)
        except START_ERRORS as error:
            logger.debug("could not start", exc_info=True)
            say(f"error: {error}")
            return EXIT_USAGE
        await _wait_for_end(exchange, stop, options.duration_s)
    if exchange.tape is not None and exchange.tape.failure:
        say(f"warning: {exchange.tape.path} is not whole: {exchange.tape.failure}")
    if exchange.session.failure is not None:
        say(f"error: the exchange stopped: {exchange.session.failure}")
        return EXIT_FAILED
    echo("stopped")
    return EXIT_FAILED if exchange.keeper is not None and exchange.keeper.failure else EXIT_OK


async def _start(options: ServeOptions, running: AsyncExitStack, echo: Callable[[str], None]) -> _Exchange:
    """Start everything; what was started is stopped by `running`, the server before the session."""
    settings = options.settings
    if not is_loopback(settings.host):
        echo(f"warning: {settings.host} is open to other machines, and keys travel unencrypted")
    clock = _clock(options)
    # A thread, because a venue that does not answer would keep Ctrl-C waiting.
    source = await asyncio.to_thread(_open_market, options, clock)
    exchange = _build(options, source, clock)
    if options.keep_market is not None:
        exchange.keeper = _keep_market(options, source, clock)
        # Last of all: what the source says when it stops belongs to the market.
        running.callback(exchange.keeper.finish)
    running.push_async_callback(exchange.session.close)
    warm_up(say)
    _catch_up(clock, settings)
    if isinstance(source, CaptureSource | PairsOnly):
        source.begin()
    await exchange.session.start()
    new_key = await _open_account(options, exchange)
    app = create_app(exchange.session, settings, keys=exchange.keys, faults=exchange.faults)
    server = await running.enter_async_context(Server(app, settings))
    # Once more, or `/system/time` would be behind by what the server took to start.
    _catch_up(clock, settings)
    if isinstance(clock, PlaybackClock):
        clock.resume()
    _spare_the_collector()
    _announce(options, server, exchange.keys, new_key, echo)
    return exchange


def _spare_the_collector() -> None:
    """What was built to start lives as long as the server, and hardly anything later is in a cycle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)


def _build(options: ServeOptions, source: Source, clock: MarketTime) -> _Exchange:
    settings = options.settings
    wall = RealClock()
    plan = FaultPlan() if options.faults is None else FaultPlan.from_toml(options.faults)
    faults = Faults(plan, at_ns=wall.now_ns())
    keys = KeyStore.open(options.keys_file if settings.state_dir is None else settings.state_dir / FILE_NAME)
    if isinstance(clock, PlaybackClock) and settings.clock is ClockMode.RECORDED:
        clock.seek(source.start_ns)
    venue_settings = VenueSettings() if options.fees is None else VenueSettings(fees=options.fees)
    journal = None if settings.state_dir is None else Journal(settings.state_dir)
    matchers = CoreMatchers(options.queue_model)
    try:
        if journal is None:
            venue = Venue(source.rules, settings=venue_settings, matchers=matchers)
        else:
            venue = recover(journal, source.rules, settings=venue_settings, matchers=matchers)
            _follow(clock, venue, settings)
        tape = None
        if options.record is not None:
            tape = SessionWriter(
                options.record, venue, source=source.name, matchers=matchers, latency=options.latency
            )
    except BaseException:
        if journal is not None:
            journal.close()
        raise
    played = FaultySource(source, faults, wall)
    session = Session(played, venue, clock, latency=options.latency, journal=journal, tape=tape)
    return _Exchange(session, keys, faults, clock, tape)


def _keep_market(options: ServeOptions, source: Source, clock: MarketTime) -> MarketKeeper:
    if not isinstance(source, LiveSource | CcxtSource) or not isinstance(clock, RealClock):
        raise SettingsError("keep_market", "a live market", options.source)
    if options.keep_market is None or options.record is None:
        raise SettingsError("record", "a folder, to keep the market in", options.record)
    progress = show if options.progress else None
    return MarketKeeper(source, options.record, clock, options.keep_market, echo=say, progress=progress)


def _clock(options: ServeOptions) -> MarketTime:
    wall = RealClock()
    if not is_live(options.source):
        return PlaybackClock(wall.now_ns(), options.speed, paused=True)
    if options.speed != 1:
        raise SettingsError("speed", "1 for a live market", options.speed)
    if options.settings.clock is ClockMode.RECORDED:
        raise SettingsError("clock", "wall for a live market", options.settings.clock.value)
    return wall


def _catch_up(clock: MarketTime, settings: ServerSettings) -> None:
    """A re-based recording begins now: what the start took so far is no time of its market."""
    if isinstance(clock, PlaybackClock) and settings.clock is ClockMode.WALL:
        clock.seek(max(clock.now_ns(), RealClock().now_ns()))


def _open_market(options: ServeOptions, clock: MarketTime) -> Source:
    """The source; blocks for file and venue."""
    if is_live(options.source):
        return open_source(
            options.source, options.pairs, options.symbols, clock, notify=say, **options.venue_urls
        )
    capture = _capture(options, clock)
    return capture if options.pairs is None else PairsOnly(capture, options.pairs)


def _capture(options: ServeOptions, clock: MarketTime) -> CaptureSource:
    rebase = options.settings.clock is ClockMode.WALL
    if options.source == DEMO:
        return demo_source(loop=options.loop, rebase=rebase, clock=clock)
    path = Path(options.source)
    symbols = options.symbols or path.with_name("symbols_details.json")
    if not symbols.is_file():
        raise SettingsError("symbols", "a symbols/details file", str(symbols))
    return CaptureSource(path, symbols, loop=options.loop, rebase=rebase, clock=clock)


def _follow(clock: MarketTime, venue: Venue, settings: ServerSettings) -> None:
    """Never start before the journal's last moment: a venue's time does not go back."""
    if clock.now_ns() >= venue.now_ns:
        return
    if isinstance(clock, PlaybackClock) and settings.clock is ClockMode.WALL:
        clock.seek(venue.now_ns)
        return
    start = "the recording's start" if settings.clock is ClockMode.RECORDED else "now"
    raise SettingsError(
        "state_dir", f"one whose journal does not reach beyond {start}", str(settings.state_dir)
    )


async def _open_account(options: ServeOptions, exchange: _Exchange) -> ApiKey | None:
    """Make sure that the account exists, like those of kept keys, and has a key set; returns one made now."""
    there = {account.name for account in exchange.session.venue.accounts()}
    if options.balances is not None and options.account in there:
        say(f"--balance is a first deposit: account {options.account} is there and keeps what it has")
    for name in sorted({options.account, *(key.account for key in exchange.keys)} - there):
        await exchange.session.open_account(name, options.balances)
    if options.api_key is not None:
        access_key, secret, memo = options.api_key
        exchange.keys.put(ApiKey(access_key=access_key, secret=secret, memo=memo, account=options.account))
        return None
    if exchange.keys.of_account(options.account):
        return None
    return exchange.keys.create(options.account)


def _announce(
    options: ServeOptions, server: Server, keys: KeyStore, new_key: ApiKey | None, echo: Callable[[str], None]
) -> None:
    echo(f"REST       {server.url}")
    echo(f"websocket  {server.ws_url}/api?protocol=1.1 and {server.ws_url}/user?protocol=1.1")
    echo(f"admin      {server.url}/paper/v1/status")
    if options.record is not None:
        echo(f"recording  {options.record}")
    if options.api_key is not None:
        echo(f"token      {keys.admin_token} (header X-Paper-Token of the admin API)")
    if new_key is not None:
        echo(f"account    {new_key.account}")
        echo(f"key        {new_key.access_key}")
        echo(f"secret     {new_key.secret}")
        echo(f"memo       {new_key.memo}")
        echo(f"token      {keys.admin_token} (header X-Paper-Token of the admin API)")
        place = "memory only" if keys.path is None else str(keys.path)
        echo(f"These are shown once; kept in {place}.")
    elif options.api_key is None:
        echo(f"account    {options.account}, its key set and the admin token are in {keys.path}")
    echo(f"ready: {options.source} market, port {server.port}")


async def _wait_for_end(exchange: _Exchange, stop: asyncio.Event, duration_s: float | None) -> None:
    """Until told to stop, or something failed: the exchange, or the keeping of its market."""
    keeping = None if exchange.keeper is None else asyncio.ensure_future(exchange.keeper.run())
    ends_s = None if duration_s is None else time.monotonic() + duration_s
    try:
        while not stop.is_set() and exchange.session.failure is None:
            if keeping is not None and keeping.done():
                break
            left_s = STATE_CHECK_S if ends_s is None else min(STATE_CHECK_S, ends_s - time.monotonic())
            if left_s <= 0:
                break
            try:
                await asyncio.wait_for(stop.wait(), left_s)
            except TimeoutError:
                continue
    finally:
        if keeping is not None:
            keeping.cancel()
            [ended] = await asyncio.gather(keeping, return_exceptions=True)
            # A disk that takes no more was told by the keeper; anything else is a defect.
            if isinstance(ended, Exception) and not isinstance(ended, OSError):
                raise ended


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows has no signal handlers in its event loop
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

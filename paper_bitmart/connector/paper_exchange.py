"""`bitmart_paper_trade` in one process: a source, a session, one account, and how its time passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from paper_bitmart.backtest.session_writer import SessionWriter
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.connector.market_time import STEP_NS, MarketTime, RunningTime, SteppedTime
from paper_bitmart.exchange.clock import PlaybackClock, RealClock, SimulatedClock
from paper_bitmart.exchange.fees import DEFAULT_FEES, FeeRates
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.restart import recover
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.pairs_only import PairsOnly, UnknownPair
from paper_bitmart.feed.sources import CaptureSource, Source, demo_source
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

ACCOUNT = "default"
QUOTE_AMOUNT, BASE_AMOUNT = Decimal(10_000), Decimal(1)
"""What a new account gets of every quote and every base currency unless told otherwise."""
READY_NS_MAX = 10 * 10**9
"""Longest market time to wait for the first books."""
READY_STEP_NS = 20_000_000

OpenSource = Callable[[PlaybackClock | SimulatedClock], Source]
"""Makes a source whose events are stamped by the given clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOptions:
    """What `connect` puts together.

    Attributes:
        capture: None plays the bundled demo market, looped; else a capture file, once.
        symbols: the capture's symbols/details file.
        source: makes the market instead of demo and capture. With `speed=None` it should emit
            `market_time.STEP_NS` ahead of its clock (`CaptureSource(ahead_ns=...)`).
        loop: play a capture again and again.
        speed: market seconds per real second; None: time passes only when waited for, at full speed.
        pairs: symbols to offer; None offers all of the market.
        balances: first deposit of a new account; None: QUOTE_AMOUNT and BASE_AMOUNT.
        state: the journal's directory; None keeps nothing.
        latency: of the client.
        fees: maker and taker rates of everybody.
        record: folder to record the session into (docs/sessions.md); None records nothing.
    """

    capture: Path | None = None
    symbols: Path | None = None
    source: OpenSource | None = None
    loop: bool = False
    speed: float | None = 1.0
    pairs: list[str] | None = None
    balances: Mapping[str, Decimal] | None = None
    state: Path | None = None
    queue_model: QueueModel = DEFAULT_MODEL
    latency: LatencyChoice | LatencyProfile | None = None
    fees: FeeRates = DEFAULT_FEES
    record: Path | None = None


class PaperExchange:
    """The parts of a running paper exchange; use `open_exchange`.

    Attributes:
        time: how market time passes.
    """

    def __init__(
        self, session: Session, options: PaperOptions, clock: PlaybackClock | SimulatedClock
    ) -> None:
        self.session, self.options = session, options
        self.account = ACCOUNT
        self.time: MarketTime
        if isinstance(clock, SimulatedClock):
            self.time = SteppedTime(session, clock)
        else:
            self.time = RunningTime(session)

    @property
    def venue(self) -> Venue:
        return self.session.venue

    @property
    def rules(self) -> Mapping[str, SymbolRules]:
        return self.session.rules

    def now_ns(self) -> int:
        """Market time."""
        return self.session.clock.now_ns()

    def symbol(self, symbol: str) -> str:
        """The symbol itself. Raises UnknownPair when the market does not have it."""
        if symbol not in self.rules:
            raise UnknownPair(symbol, list(self.rules))
        return symbol

    def fee_rates(self, symbol: str) -> FeeRates:
        """Of the account. Raises BitmartError (50001) when there is no such symbol."""
        return self.venue.fee_rates(self.account, symbol)

    async def start(self) -> None:
        """Run; returns once the account is open and the books are there (or READY_NS_MAX have passed)."""
        if isinstance(self.session.source, CaptureSource | PairsOnly):
            self.session.source.begin()
        await self.session.start()
        if all(account.name != self.account for account in self.venue.accounts()):
            balances = self.options.balances
            amounts = default_balances(self.rules) if balances is None else balances
            await self.time.outcome(self.session.open_account(self.account, amounts))
        deadline_ns = self.now_ns() + READY_NS_MAX
        while not self._is_live() and self.now_ns() < deadline_ns and self.session.failure is None:
            await self.time.wait(READY_STEP_NS)

    def _is_live(self) -> bool:
        return all(self.venue.feed_state(symbol) is FeedState.LIVE for symbol in self.rules)


def default_balances(rules: Mapping[str, SymbolRules]) -> dict[str, Decimal]:
    """What a new account is given unless told otherwise."""
    amounts = {one.base: BASE_AMOUNT for one in rules.values()}
    return amounts | {one.quote: QUOTE_AMOUNT for one in rules.values()}


def open_exchange(options: PaperOptions) -> PaperExchange:
    """Put an exchange together; nothing runs yet. Close its session in the end.

    Raises:
        RulesError, CaptureError, OSError: the market's files.
        UnknownPair: a pair that the market does not have.
        SourceError: a live market cannot be opened.
        JournalError: the state directory cannot be used.
        SessionError: the folder to record into is not empty.
    """
    clock: PlaybackClock | SimulatedClock
    if options.speed is None:
        clock = simulated = SimulatedClock()
        source = _source(options, clock, rebase=False)
        simulated.advance_to(source.start_ns)
    else:
        clock = PlaybackClock(RealClock().now_ns(), options.speed)
        source = _source(options, clock, rebase=True)
    journal = None if options.state is None else Journal(options.state)
    try:
        matchers = CoreMatchers(options.queue_model)
        settings = VenueSettings(fees=options.fees)
        if journal is None:
            venue = Venue(source.rules, settings=settings, matchers=matchers)
        else:
            venue = recover(journal, source.rules, settings=settings, matchers=matchers)
            source = _not_before(venue.now_ns, options, clock, source)
        latency, tape = latency_profile(options.latency), None
        if options.record is not None:
            tape = SessionWriter(
                options.record, venue, source=source.name, matchers=matchers, latency=latency
            )
        session = Session(source, venue, clock, latency=latency, journal=journal, tape=tape)
        return PaperExchange(session, options, clock)
    except BaseException:
        if journal is not None:
            journal.close()
        raise


def latency_profile(latency: LatencyChoice | LatencyProfile | None) -> LatencyProfile | None:
    """The delays, with their random streams at the beginning if a choice was given; None for none."""
    if not isinstance(latency, LatencyChoice):
        return latency
    return None if latency.is_none else latency.profile()


def _source(options: PaperOptions, clock: PlaybackClock | SimulatedClock, *, rebase: bool) -> Source:
    source: Source
    # A clock that moves in steps must not move past events that were not emitted.
    ahead_ns = STEP_NS if isinstance(clock, SimulatedClock) else 0
    if options.source is not None:
        source = options.source(clock)
    elif options.capture is None:
        source = demo_source(loop=True, rebase=rebase, clock=clock, ahead_ns=ahead_ns)
    else:
        assert options.symbols is not None
        source = CaptureSource(
            options.capture, options.symbols, loop=options.loop, rebase=rebase, clock=clock, ahead_ns=ahead_ns
        )
    return source if options.pairs is None else PairsOnly(source, options.pairs)


def _not_before(
    at_ns: int, options: PaperOptions, clock: PlaybackClock | SimulatedClock, source: Source
) -> Source:
    """A source that starts after the journal's last moment, because a venue's time does not go back."""
    if clock.now_ns() > at_ns:
        return source
    if isinstance(clock, SimulatedClock):
        clock.advance_to(at_ns + 1)
    else:
        clock.seek(at_ns + 1)
    return _source(options, clock, rebase=True)

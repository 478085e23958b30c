"""Replay: a recorded market and a list of orders in, what became of each order out; the same every time.

    CAPTURE ──> ReplayMarket ─────────┐
    ORDERS ──> latency ──> schedule ──┴──> Venue ──> OUT, journal

The market is played up to each command's arrival, then the command is done: of equal times the market goes
first. No wall clock and no sleeping; one compiled loop per symbol runs between two commands.
"""

import gc
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from paper_bitmart.backtest.oversized import oversized_commands
from paper_bitmart.backtest.replay_market import ReplayMarket, load_market
from paper_bitmart.backtest.replay_orders import OrdersFile, ReplayCommand, load_orders
from paper_bitmart.backtest.replay_out import ReplayOut, Tally
from paper_bitmart.backtest.replay_position import (
    Position,
    ReplayState,
    ResumeError,
    load_position,
    save_position,
)
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules, load_rules
from paper_bitmart.exchange.checks import amount_in_atoms
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.fees import DEFAULT_FEES, FeeRates
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.exchange.line import Arrival, CommandLine
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.convert import CaptureReport
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.latency_load import RecordedLoad
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

TIME_MAX_NS = 2**63 - 1
STRETCH_NS = 60 * 10**9
"""Most market time played at once: bounds the events in memory and paces the progress display."""
COLLECTION_THRESHOLDS = (500_000, 50, 50)
"""Of the garbage collector while a replay runs; the defaults cost a third of its time."""
CHECKPOINT_EVENTS = 200_000
"""Journaled events between two checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What a replay plays, and how.

    Attributes:
        capture: raw capture, or events converted from one (`.npz`). symbols: its symbols/details file.
        orders: see `replay_orders`. out: see `replay_out`.
        balances: first deposit of every account that appears; None: ample of everything.
        latency: of commands on their way.
        state: directory of the journal; None keeps none.
        until_ns: play no further than this; None plays everything.
        resume: go on from the checkpoint in `state`.
    """

    capture: Path
    symbols: Path
    orders: Path
    out: Path
    balances: Mapping[str, Decimal] | None = None
    fees: FeeRates = DEFAULT_FEES
    queue_model: QueueModel = DEFAULT_MODEL
    latency: LatencyChoice = field(default_factory=LatencyChoice)
    state: Path | None = None
    until_ns: int | None = None
    resume: bool = False


class Progress(NamedTuple):
    """Market time played so far, and where the run starts and ends; ns since 1970."""

    at_ns: int
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class ReplaySummary:
    """What a replay did.

    Attributes:
        tally: lines of OUT by event, from the run's very start.
        commands, market_events: done now (of a resumed run: since then).
        elapsed_s: real time of the playing, without loading.
        orders_sorted: ORDERS was in time order.
        report: of the capture's conversion; None for converted files.
        warnings: orders too large for their market, a sentence per symbol.
    """

    tally: Tally
    commands: int
    market_events: int
    elapsed_s: float
    orders_sorted: bool
    report: CaptureReport | None
    warnings: tuple[str, ...] = ()

    @property
    def events_per_s(self) -> float:
        return self.market_events / self.elapsed_s if self.elapsed_s else 0.0


class Run:
    """One replay in progress.

    Args:
        schedule: the commands by arrival.
        balances: as in ReplayOptions.
        journal: the venue's, or None; committed by `save` only.
    """

    def __init__(
        self,
        market: ReplayMarket,
        schedule: Sequence[Arrival[ReplayCommand]],
        venue: Venue,
        out: ReplayOut,
        *,
        balances: Mapping[str, Decimal] | None = None,
        journal: Journal | None = None,
        fingerprint: str = "",
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.market, self.venue, self.out = market, venue, out
        self.commands_done = 0
        self._schedule, self._balances = schedule, balances
        self._journal, self._fingerprint = journal, fingerprint
        self._progress = progress
        self._accounts: set[str] = set()
        self._is_closed = False

    @property
    def arrived(self) -> Sequence[Arrival[ReplayCommand]]:
        """Commands done so far, of a resumed run from its start."""
        return self._schedule[: self.commands_done]

    def go_on_from(self, state: ReplayState) -> None:
        """Be where the run was when `state` was saved; the venue must be new."""
        self.venue.import_state(state)
        self.market.advance(state.replay.events_done)
        self.commands_done = state.replay.commands_done
        self._is_closed = state.replay.is_closed
        self._accounts = {account.name for account in self.venue.accounts()}

    def play(self, until_ns: int) -> None:
        """Do everything up to and including `until_ns`.

        Raises:
            JournalWriteFailed: a checkpoint could not be written.
        """
        while self.commands_done < len(self._schedule):
            arrival = self._schedule[self.commands_done]
            if arrival.arrival_ns > until_ns:
                break
            self._play_market(arrival.arrival_ns)
            self._execute(arrival.item, arrival.arrival_ns)
            self.commands_done += 1
            self._save_if_due()
        self._play_market(until_ns)

    def save(self) -> None:
        """Checkpoint; without a journal only OUT is brought to the disk."""
        out_bytes = self.out.sync()
        if self._journal is None:
            return
        position = Position(
            fingerprint=self._fingerprint,
            commands_done=self.commands_done,
            events_done=self.market.done,
            is_closed=self._is_closed,
            out_bytes=out_bytes,
            tally=self.out.tally,
        )
        save_position(self._journal, self.venue, position)

    def _play_market(self, until_ns: int) -> None:
        while (next_ns := self.market.next_ns) <= until_ns:
            stretch_ns = min(until_ns, next_ns + STRETCH_NS)
            ends, events = self.venue.market_all(self.market.due(stretch_ns), stretch_ns)
            self.market.advance(ends)
            self.out.events(events)
            self._save_if_due()
            if self._progress is not None:
                self._progress(Progress(stretch_ns, self.market.first_ns, self.market.last_ns))
        end_ns = self.market.last_ns
        if not self._is_closed and until_ns > end_ns:
            # What is past the recording is not known, so no order may be taken on its last book.
            self._is_closed = True
            self.out.events(self.venue.close_feeds(end_ns + 1))

    def _save_if_due(self) -> None:
        if self._journal is not None and self._journal.pending >= CHECKPOINT_EVENTS:
            self.save()

    def _execute(self, command: ReplayCommand, at_ns: int) -> None:
        try:
            self.out.events(self._do(command, at_ns))
        except BitmartError as error:
            event = "cancel_reject" if command.order is None else "reject"
            self.out.refused(event, at_ns, command.account, command.client_order_id, error)

    def _do(self, command: ReplayCommand, at_ns: int) -> list[Event]:
        account = command.account
        if account not in self._accounts:
            self.venue.open_account(account, self._balances, at_ns)
            self._accounts.add(account)
        if command.order is not None:
            return self.venue.submit(account, command.order, at_ns)
        return self.venue.cancel(
            account, client_order_id=command.client_order_id, symbol=command.symbol, at_ns=at_ns
        )


def replay(options: ReplayOptions, *, progress: Callable[[Progress], None] | None = None) -> ReplaySummary:
    """Play a capture with its orders and write OUT.

    Everything is read and checked before OUT or the state directory is touched.

    Args:
        progress: called now and then while playing.

    Raises:
        RulesError, CaptureError, EventFileError, OrdersError: an input file, by name, line and field.
        BitmartError: an impossible balance.
        ResumeError, OutMismatch, JournalError: the state directory, or OUT, does not fit.
        OSError: a file cannot be read or written.
    """
    if options.resume and options.state is None:
        raise ValueError("resume needs state: the directory that the run was started with")
    with _few_collections():
        return _replay(options, progress)


def _replay(options: ReplayOptions, progress: Callable[[Progress], None] | None) -> ReplaySummary:
    rules = load_rules(options.symbols)
    orders = load_orders(options.orders)
    market = load_market(options.capture, rules, str(options.symbols))
    listed = _listed(rules, market, orders.commands)
    _check_balances(listed, options.balances)
    schedule = _schedule(orders.commands, _latency(options.latency, market))
    settings = VenueSettings(fees=options.fees, accounts_max=max(100_000, len(orders.commands)))
    matchers = CoreMatchers(options.queue_model)
    if options.state is None:
        venue = Venue(listed, settings=settings, matchers=matchers)
        with ReplayOut(options.out, listed) as out:
            run = Run(market, schedule, venue, out, balances=options.balances, progress=progress)
            return _finish(run, options, orders)
    fingerprint = _fingerprint(options, market)
    with Journal(options.state) as journal:
        state = _resume_state(journal, fingerprint, options)
        journal.bind_rules(listed)
        venue = Venue(listed, settings=settings, matchers=matchers, journal=journal)
        with _open_out(options.out, listed, state) as out:
            run = Run(
                market, schedule, venue, out,
                balances=options.balances, journal=journal, fingerprint=fingerprint, progress=progress,
            )  # fmt: skip
            if state is not None and options.state is not None:
                try:
                    run.go_on_from(state)
                except ValueError as error:  # a state of another version of the program
                    raise ResumeError(options.state, f"cannot be resumed: {error}") from error
            return _finish(run, options, orders)


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage cycles rarely: orders, fills and events form none, and there are very many of them."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _finish(run: Run, options: ReplayOptions, orders: OrdersFile) -> ReplaySummary:
    commands_before, events_before = run.commands_done, sum(run.market.done.values())
    started_s = time.perf_counter()
    run.play(TIME_MAX_NS - 1 if options.until_ns is None else options.until_ns)
    run.venue.check()
    run.save()
    return ReplaySummary(
        tally=run.out.tally,
        commands=run.commands_done - commands_before,
        market_events=sum(run.market.done.values()) - events_before,
        elapsed_s=time.perf_counter() - started_s,
        orders_sorted=orders.is_sorted,
        report=run.market.report,
        warnings=tuple(oversized_commands(run.market.tapes(run.venue.rules), run.arrived)),
    )


def _listed(
    rules: Mapping[str, SymbolRules], market: ReplayMarket, commands: Sequence[ReplayCommand]
) -> dict[str, SymbolRules]:
    """Rules of what is captured or ordered: a whole BitMart listing would cost a matcher per symbol."""
    named = set(market.symbols) | {command.symbol for command in commands}
    return {symbol: rule for symbol, rule in rules.items() if symbol in named}


def _check_balances(rules: Mapping[str, SymbolRules], balances: Mapping[str, Decimal] | None) -> None:
    assets = {asset for rule in rules.values() for asset in (rule.base, rule.quote)}
    for asset, amount in (balances or {}).items():
        if amount:
            amount_in_atoms(assets, asset, amount)


def _latency(choice: LatencyChoice, market: ReplayMarket) -> LatencyProfile:
    return choice.profile(RecordedLoad(market.message_times()) if choice.load_ns else None)


def _schedule(commands: Sequence[ReplayCommand], latency: LatencyProfile) -> list[Arrival[ReplayCommand]]:
    """All commands by their arrival at the venue; an account's own never overtake each other."""
    line: CommandLine[ReplayCommand] = CommandLine(latency, limit=max(1, len(commands)))
    for command in commands:
        line.send(command, command.account, command.ts_ns, cancels=command.order is None)
    return line.due(TIME_MAX_NS)


def _resume_state(journal: Journal, fingerprint: str, options: ReplayOptions) -> ReplayState | None:
    if options.resume:
        return load_position(journal, fingerprint)
    if journal.last_seq is not None or next(journal.checkpoints(), None) is not None:
        raise ResumeError(journal.directory, "holds a run already; add --resume, or choose another --state")
    return None


def _open_out(path: Path, rules: Mapping[str, SymbolRules], state: ReplayState | None) -> ReplayOut:
    if state is None:
        return ReplayOut(path, rules)
    return ReplayOut(path, rules, resume_bytes=state.replay.out_bytes, tally=state.replay.tally)


def _fingerprint(options: ReplayOptions, market: ReplayMarket) -> str:
    """A hash of all that decides the bytes of OUT."""
    settings = (
        sorted((options.balances or {}).items()), options.balances is None, options.fees, options.queue_model,
        options.latency,
    )  # fmt: skip
    digest = hashlib.sha256(market.fingerprint().encode())
    digest.update(options.symbols.read_bytes())
    digest.update(options.orders.read_bytes())
    digest.update(repr(settings).encode())
    if isinstance(options.latency.base, Path):
        digest.update(options.latency.base.read_bytes())
    return digest.hexdigest()

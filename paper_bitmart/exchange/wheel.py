"""One turn of a running exchange: do what has arrived, make it durable, tell it. No asyncio, no clock.

     inbox (market) ──┐                        ┌──> views, market listeners   (+ market-data latency)
                      ├──> venue ──> journal ──┤
     command line ────┘    (by time)  commit   └──> replies, event listeners  (+ response latency)

Market events and commands are done in the order of their times; of equal times the market goes first.
Nothing is told before the journal has it. A turn is bounded, so whoever turns the wheel is never held long.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.exchange.calls import Run
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.inbox import MarketInbox
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalWriteFailed
from paper_bitmart.exchange.line import CommandLine, Item, Line
from paper_bitmart.exchange.listeners import Listeners
from paper_bitmart.exchange.markets import MarketBatch
from paper_bitmart.exchange.recording import SessionTape
from paper_bitmart.exchange.restart import roll_back, save, snapshot_events
from paper_bitmart.exchange.venue import CancelResult, Venue
from paper_bitmart.feed.events import message_times
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.matching.latency import LatencyProfile

LOG = logging.getLogger(__name__)

STORAGE_FAILED = 59002
"""Internal server error (protocol reference 8.2): the command was not journaled, so it did not happen."""
TOLD_LATER_MAX = 1_000_000
"""Most deliveries that wait for their latency to pass."""
HOUSE = ""
"""Stands for the account of what belongs to none, such as a feed's state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """Limits of a session.

    Attributes:
        events_per_turn: market events per turn; 20,000 take a few ms.
        commands_per_turn: commands per turn.
        checkpoint_every_events: journaled events between checkpoints: what a restart may have to replay. At
            least half as many as the orders and fills that a checkpoint holds: then events are replayed as
            fast as the checkpoint is read, and what checkpoints cost does not grow with what is remembered.
        probe_every_ns: how often a journal that cannot be written is tried again.
    """

    events_per_turn: int = 20_000
    commands_per_turn: int = 500
    checkpoint_every_events: int = 50_000
    probe_every_ns: int = 10**9

    def __post_init__(self) -> None:
        for name in ("events_per_turn", "commands_per_turn", "checkpoint_every_events", "probe_every_ns"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be >= 1, got {getattr(self, name)}")


@dataclass(slots=True)
class SessionStats:
    """Counts since the start."""

    turns: int = 0
    commands: int = 0
    refusals: int = 0
    market_events: int = 0
    commits: int = 0
    checkpoints: int = 0
    journal_failures: int = 0


Reply = Callable[[Any, BitmartError | ValueError | None], None]
"""Told the outcome of a command: its result, or its refusal."""


@dataclass(slots=True, eq=False)
class Command:
    """Something for the venue to do at its arrival, and who is told the outcome."""

    run: Run
    reply: Reply


@dataclass(slots=True)
class Delivery:
    """What one account is told at once: events, and the outcome of a command if one caused them."""

    account: str
    at_ns: int
    events: list[Event]
    command: Command | None = None
    result: Any = None
    refused: BitmartError | ValueError | None = None


@dataclass(slots=True)
class _Turn:
    """What a turn has done and not told yet."""

    deliveries: list[Delivery] = field(default_factory=list)
    batches: list[tuple[str, np.ndarray]] = field(default_factory=list)


class Wheel:
    """Venue, journal, what waits for them, and what waits to be told.

    Args:
        venue: built with the same `journal`.
        latency: None tells everything in the turn in which it happened.
        journal: None keeps nothing.
        tape: hears of everything that the venue is given; None records nothing.

    Attributes:
        venue: the present one; replaced when a failed write is rolled back.
        storage_failed: the journal cannot be written; commands are refused with 59002, the market is only
            viewed, and for the venue that time is a gap of every feed.
    """

    def __init__(
        self,
        venue: Venue,
        *,
        latency: LatencyProfile | None = None,
        journal: Journal | None = None,
        settings: SessionSettings | None = None,
        tape: SessionTape | None = None,
    ) -> None:
        self.venue, self.journal = venue, journal
        self._tape = tape
        self.settings = settings or SessionSettings()
        self.stats = SessionStats()
        self.views = {symbol: MarketView(rules) for symbol, rules in venue.rules.items()}
        self.inbox = MarketInbox()
        self.line: CommandLine[Command] = CommandLine(latency)
        self.event_listeners = Listeners("events")
        self.market_listeners = Listeners("the market")
        self.storage_failed = False
        self._latency = latency
        # The book as it is now: with market-data latency the views show an older one.
        self._books = self.views if latency is None else {s: MarketView(r) for s, r in venue.rules.items()}
        self._responses: Line[Delivery] = Line(TOLD_LATER_MAX)
        self._market_data: Line[tuple[str, np.ndarray]] = Line(TOLD_LATER_MAX)
        self._unanswered: dict[Command, None] = {}
        self._gap_events: list[Event] = []
        self._probe_ns = 0
        self._next_checkpoint_seq = self._after_a_checkpoint()

    @property
    def next_ns(self) -> int | None:
        """When the next turn has something to do; None until something new arrives."""
        times = [self.inbox.next_ns, self.line.next_ns, self._responses.next_ns, self._market_data.next_ns]
        if self.storage_failed:
            times.append(self._probe_ns)
        return min((time_ns for time_ns in times if time_ns is not None), default=None)

    def send(self, command: Command, account: str, sent_ns: int, *, cancels: bool = False) -> None:
        """Put an account's command on the line. Raises LineFull."""
        self.line.send(command, account, sent_ns, cancels=cancels)
        self._unanswered[command] = None

    def send_at_once(self, command: Command, sent_ns: int) -> None:
        """Put a command on the line that takes no time, the house's. Raises LineFull."""
        self.line.put(command, HOUSE, sent_ns, 0)
        self._unanswered[command] = None

    def take_unanswered(self) -> list[Command]:
        """The commands without an answer, in the order of sending, for whoever knows that none will come."""
        taken, self._unanswered = list(self._unanswered), {}
        return taken

    def turn(self, now_ns: int) -> bool:
        """Do, commit and tell what has arrived by `now_ns`; returns whether there is more of it.

        Raises:
            JournalError: a failed write could not be rolled back, because the journal cannot be read.
        """
        self.stats.turns += 1
        turn = _Turn()
        if self.storage_failed and now_ns >= self._probe_ns:
            self._probe(now_ns, turn)
        more = self._advance(now_ns, turn)
        self._make_durable(now_ns, turn)
        if self._tape is not None:
            self._tape.commit()
        self._send_out(turn, now_ns)
        self._deliver(now_ns)
        return more

    def finish(self, now_ns: int) -> None:
        """The end: do what has arrived, close the feeds, tell everything, write a checkpoint.

        Raises:
            JournalError: as `turn`. A checkpoint that cannot be written is only logged: the events are there.
        """
        while self.turn(now_ns):
            pass
        if not self.storage_failed:
            turn = _Turn()
            self._close_feeds(max(now_ns, self.venue.now_ns), turn)
            self._make_durable(now_ns, turn)
            if self._tape is not None:
                self._tape.commit()
            self._send_out(turn, now_ns)
        self._deliver(None)
        if not self.storage_failed:
            self._checkpoint()

    # --- do ---

    def _advance(self, now_ns: int, turn: _Turn) -> bool:
        event_budget, command_budget = self.settings.events_per_turn, self.settings.commands_per_turn
        while True:
            command_ns = self.line.next_ns
            is_command_due = command_ns is not None and command_ns <= now_ns
            until_ns = command_ns if command_ns is not None and is_command_due else now_ns
            everything = True
            if self.inbox:
                batches, everything = self.inbox.take(until_ns, event_budget)
                event_budget -= sum(len(batch.events) for batch in batches.values())
                self._match(batches, turn)
            if not is_command_due and everything:
                return False
            if not everything or event_budget < 1 or command_budget < 1:
                return True
            command_budget -= 1
            self._execute(now_ns, turn)

    def _match(self, batches: Mapping[str, MarketBatch], turn: _Turn) -> None:
        if not batches:
            return
        turn.batches += [(symbol, batch.events) for symbol, batch in batches.items()]
        self.stats.market_events += sum(len(batch.events) for batch in batches.values())
        if self._latency is not None:
            self._count(self._latency, batches)
            for symbol, batch in batches.items():
                self._books[symbol].apply(batch.events)
        if not self.storage_failed:
            self._give_market(batches, turn)

    @staticmethod
    def _count(latency: LatencyProfile, batches: Mapping[str, MarketBatch]) -> None:
        """Tell a latency that depends on the load what was received."""
        if latency.load is not None:
            latency.load.seen(message_times([batch.events for batch in batches.values()]))

    def _give_market(self, batches: Mapping[str, MarketBatch], turn: _Turn) -> None:
        events = self.venue.market_all(batches)[1]
        if self._tape is not None:
            self._tape.market(batches, events)
        self._happened(events, turn)

    def _close_feeds(self, at_ns: int, turn: _Turn) -> None:
        events = self.venue.close_feeds(at_ns)
        if self._tape is not None:
            self._tape.feeds_closed(at_ns, events)
        self._happened(events, turn)

    def _execute(self, now_ns: int, turn: _Turn) -> None:
        """Do the next command at its arrival, or at the venue's present time if that is later."""
        arrival = self.line.pop(now_ns)
        assert arrival is not None
        command, at_ns = arrival.item, max(arrival.arrival_ns, self.venue.now_ns)
        delivery = Delivery(arrival.account, at_ns, [], command)
        self.stats.commands += 1
        try:
            if self.storage_failed:
                raise refusal(STORAGE_FAILED)
            delivery.result = command.run(self.venue, at_ns)
        except (BitmartError, ValueError) as error:
            self.stats.refusals += 1
            delivery.refused = error
        else:
            delivery.events = _events_of(delivery.result)
        if self._tape is not None and not self.storage_failed:
            self._tape.called(command.run, arrival.sent_ns, at_ns, delivery.result, delivery.refused)
        if arrival.account == HOUSE:
            # The house does not wait for its reply, but the accounts hear of it in their own time.
            self._happened(delivery.events, turn)
            delivery.events = []
        turn.deliveries.append(delivery)

    def _happened(self, events: list[Event], turn: _Turn) -> None:
        """Events without a command: one delivery per account, or one for all if no response is late."""
        if not events:
            return
        if self._latency is None:
            turn.deliveries.append(Delivery(HOUSE, events[-1].at_ns, events))
            return
        by_account: dict[str, list[Event]] = {}
        for event in events:
            by_account.setdefault(_account_of(event), []).append(event)
        turn.deliveries += [Delivery(name, own[-1].at_ns, own) for name, own in by_account.items()]

    # --- make durable ---

    def _make_durable(self, now_ns: int, turn: _Turn) -> None:
        if self.journal is None or self.storage_failed:
            return
        try:
            self.stats.commits += bool(self.journal.commit())
        except JournalWriteFailed as error:
            self._write_failed(self.journal, error, now_ns, turn)
            return
        if self._journaled_seq() >= self._next_checkpoint_seq:
            self._checkpoint()

    def _write_failed(self, journal: Journal, error: JournalWriteFailed, now_ns: int, turn: _Turn) -> None:
        """Nothing of this turn happened: the venue goes back to what the journal holds."""
        LOG.error("commands are refused until the journal can be written: %s", error)
        self.stats.journal_failures += 1
        self.storage_failed = True
        self._probe_ns = now_ns + self.settings.probe_every_ns
        self.venue, self._gap_events = roll_back(journal, self.venue)
        if self._tape is not None:
            self._tape.restarted(self.venue, self._gap_events)
        turn.deliveries = [delivery for delivery in turn.deliveries if delivery.command is not None]
        for delivery in turn.deliveries:
            delivery.events, delivery.result = [], None
            delivery.refused = delivery.refused or refusal(STORAGE_FAILED)

    def _probe(self, now_ns: int, turn: _Turn) -> None:
        """Try the journal; if it can be written again, end the gap with the books of now."""
        self._probe_ns = now_ns + self.settings.probe_every_ns
        if self.journal is None or not self.journal.probe():
            return
        LOG.warning("the journal can be written again")
        self.storage_failed = False
        self._happened(self._gap_events, turn)
        at_ns = max(now_ns, self.venue.now_ns)
        books = {symbol: MarketBatch(snapshot_events(book, at_ns)) for symbol, book in self._books.items()}
        self._give_market(books, turn)

    def _checkpoint(self) -> None:
        if self.journal is None:
            return
        try:
            save(self.journal, self.venue)
        except JournalWriteFailed as error:
            # Everything is in the events already; the next commit tells whether the disk is really full.
            LOG.error("no checkpoint was written: %s", error)
            return
        finally:
            self._next_checkpoint_seq = self._after_a_checkpoint()
        self.stats.checkpoints += 1

    def _after_a_checkpoint(self) -> int:
        """The event that makes the next one due, if one was made now."""
        every = max(self.settings.checkpoint_every_events, self.venue.remembered // 2)
        return self._journaled_seq() + every

    def _journaled_seq(self) -> int:
        return 0 if self.journal is None else self.journal.last_seq or 0

    # --- tell ---

    def _send_out(self, turn: _Turn, now_ns: int) -> None:
        """Tell, or with latency put on the way. The market first: who hears of a fill then sees its book."""
        if self._latency is None:
            for batch in turn.batches:
                self._tell_market(batch)
            for delivery in turn.deliveries:
                self._tell_events(delivery)
            return
        for symbol, events in turn.batches:
            sent_ns = int(events["recv_ns"][-1])
            self._market_data.put(
                (symbol, events), symbol, sent_ns, self._latency.market_data.sample(sent_ns)
            )
        for delivery in turn.deliveries:
            if delivery.command is not None and delivery.account == HOUSE:
                self._tell_events(delivery)
                continue
            sent_ns = min(delivery.at_ns, now_ns)
            self._responses.put(delivery, delivery.account, sent_ns, self._latency.response.sample(sent_ns))

    def _deliver(self, now_ns: int | None) -> None:
        """Tell what has been on its way long enough; None tells everything."""
        _tell_due(self._market_data, now_ns, self._tell_market)
        _tell_due(self._responses, now_ns, self._tell_events)

    def _tell_market(self, item: tuple[str, np.ndarray]) -> None:
        symbol, events = item
        self.views[symbol].apply(events)
        self.market_listeners.tell(symbol, events)

    def _tell_events(self, delivery: Delivery) -> None:
        if delivery.events:
            self.event_listeners.tell(delivery.events)
        command = delivery.command
        if command is None:
            return
        self._unanswered.pop(command, None)
        try:
            command.reply(delivery.result, delivery.refused)
        except Exception:
            # As with listeners: a mistake of those outside must not stop the exchange.
            LOG.exception("the reply to a command failed")


def _tell_due(line: Line[Item], now_ns: int | None, tell: Callable[[Item], None]) -> None:
    while (next_ns := line.next_ns) is not None and (now_ns is None or next_ns <= now_ns):
        for arrival in line.due(next_ns):
            tell(arrival.item)


def _events_of(result: list[Event] | CancelResult) -> list[Event]:
    return result.events if isinstance(result, CancelResult) else result


def _account_of(event: Event) -> str:
    order = getattr(event, "order", None)
    return order.account if order is not None else getattr(event, "account", HOUSE)

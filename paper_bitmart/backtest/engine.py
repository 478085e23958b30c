"""The event loop of a backtest: market, commands, answers and strategies by time, the same every time.

    tapes ──> Player ──> Venue ──> events ──> answers in flight ──> Desk, Strategy
                           ▲                                             │
                           └───────── commands in flight <───────────────┘

At equal times: market, commands, answers, timers, wake-ups; within each the order of sending.
"""

import heapq
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from paper_bitmart.backtest.desk import Desk, Ticket, TicketState
from paper_bitmart.backtest.player import Player
from paper_bitmart.backtest.recorder import Recorder
from paper_bitmart.backtest.sight import DelayedSight, Sight, has_delay
from paper_bitmart.backtest.step_matcher import StepMatcher, StepMatchers
from paper_bitmart.backtest.strategy import Strategy, Trade, trades_of
from paper_bitmart.backtest.tape import NEVER_NS, Tape, TapeReader
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.events import Event, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.ledger import Balance
from paper_bitmart.exchange.line import CommandLine, Line
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import QueueModel

PROGRESS_STEPS = 4_096
"""Turns of the loop between two reports of progress."""


class Cancel(NamedTuple):
    """A cancel on its way."""

    client_order_id: str
    symbol: str


class Refusal(NamedTuple):
    """A refused command on its way back."""

    client_order_id: str
    is_cancel: bool
    error: BitmartError


class Timer(NamedTuple):
    """Sorts by time, then by the order in which timers were set."""

    at_ns: int
    number: int
    seat: int
    tag: Any


class Seat:
    """One account: its strategy, its desk, and when it wakes next."""

    def __init__(self, number: int, strategy: Strategy, desk: Desk) -> None:
        self.number, self.strategy, self.desk = number, strategy, desk
        self.wake_ns = NEVER_NS
        self.seen = dict.fromkeys(desk.symbols, 0)
        self.trades: list[Trade] = []
        self.wants_trades = overrides(strategy, "on_trade")
        self.wants_books = overrides(strategy, "on_book")


class Engine:
    """One run. Arguments as `Backtest`; strategies and balances by account."""

    def __init__(
        self,
        tapes: Mapping[str, Tape],
        strategies: Mapping[str, Strategy],
        balances: Mapping[str, Mapping[str, Decimal] | None],
        *,
        latency: LatencyProfile,
        settings: VenueSettings,
        queue_model: QueueModel,
    ) -> None:
        self.rules: dict[str, SymbolRules] = {symbol: tape.rules for symbol, tape in tapes.items()}
        self.latency = latency
        self.start_ns = min(tape.first_ns for tape in tapes.values())
        self.end_ns = max(tape.last_ns for tape in tapes.values())
        self.now_ns = self.start_ns
        self.steps = 0
        made: list[StepMatcher] = []
        self.venue = Venue(self.rules, settings=settings, matchers=_Keeping(StepMatchers(queue_model), made))
        matchers = dict(zip(self.rules, made, strict=True))
        self.recorder = Recorder(strategies, tapes)
        self.seats = [
            Seat(number, strategy, Desk(self, name, self.rules))
            for number, (name, strategy) in enumerate(strategies.items())
        ]
        self._seat_of = {seat.desk.account: seat for seat in self.seats}
        wants_trades = any(seat.wants_trades for seat in self.seats)
        delayed = has_delay(latency.market_data)
        see = self._see if wants_trades else None
        readers = {symbol: TapeReader(tape) for symbol, tape in tapes.items()}
        self.player = Player(self.venue, readers, matchers, self._tell, None if delayed else see)
        if delayed:
            own = {symbol: TapeReader(tape) for symbol, tape in tapes.items()}
            self.sight: Sight = DelayedSight(own, latency.market_data, see)
        else:
            self.sight = Sight(self.player.readers, matchers)
        self._commands: CommandLine[NewOrder | Cancel] = CommandLine(latency)
        self._answers: Line[Event | Refusal] = Line()
        self._timers: list[Timer] = []
        self._timer_number = 0
        self._is_started = self._is_stopped = False
        for name in strategies:
            self.venue.open_account(name, balances[name], self.start_ns)

    def reopen(self, tapes: Mapping[str, Tape]) -> None:
        """After a checkpoint was loaded: attach the tapes again."""
        for symbol, reader in self.player.readers.items():
            reader.reopen(tapes[symbol])
        if self.sight.readers is not self.player.readers:
            for symbol, reader in self.sight.readers.items():
                reader.reopen(tapes[symbol])

    # --- what has happened ---

    @property
    def accounts(self) -> list[str]:
        """Their names."""
        return [seat.desk.account for seat in self.seats]

    @property
    def strategies(self) -> dict[str, Strategy]:
        """By account."""
        return {seat.desk.account: seat.strategy for seat in self.seats}

    @property
    def done(self) -> int:
        """Market events played."""
        return self.player.done

    @property
    def refused(self) -> int:
        """Commands that were refused."""
        return self.recorder.refused

    def orders(self) -> np.ndarray:
        """(n,) ORDERS_DTYPE in order of acceptance."""
        return self.recorder.orders()

    def fills(self) -> np.ndarray:
        """(n,) FILLS_DTYPE in order of time."""
        return self.recorder.fills()

    def all_balances(self) -> dict[str, dict[str, Balance]]:
        """By account and asset."""
        return {account: self.venue.balances(account) for account in self.accounts}

    def check(self) -> None:
        """See `Venue.check`."""
        self.venue.check()

    # --- the loop ---

    def run(self, until_ns: int, progress: Callable[[], None] | None = None) -> None:
        """Do everything up to and including `until_ns`; beyond the last market event nothing happens."""
        end_ns = min(until_ns, self.end_ns)
        if not self._is_started:
            self._is_started = True
            for seat in self.seats:
                seat.strategy.on_start(seat.desk)
                seat.wake_ns = self._next_wake(seat)
        while self._step(end_ns):
            self.steps += 1
            if progress is not None and self.steps % PROGRESS_STEPS == 0:
                progress()
        if end_ns == self.end_ns and not self._is_stopped:
            self._is_stopped = True
            for seat in self.seats:
                seat.strategy.on_stop(seat.desk)

    def _step(self, end_ns: int) -> bool:
        """Play the market up to whatever comes next, and do that; False when nothing is left to do."""
        at_ns = min(end_ns, self._next_ns())
        reached_ns = self.player.play(at_ns)
        self.now_ns = max(self.now_ns, reached_ns)
        if reached_ns < at_ns:
            return True
        did_something = False
        while self._do_next(at_ns):
            did_something = True
        return did_something

    def _next_ns(self) -> int:
        """When a command or an answer arrives, a timer is due, or a strategy wakes."""
        next_ns = min(seat.wake_ns for seat in self.seats)
        if self._timers:
            next_ns = min(next_ns, self._timers[0].at_ns)
        for line in (self._commands, self._answers):
            arrival_ns = line.next_ns
            if arrival_ns is not None and arrival_ns < next_ns:
                next_ns = arrival_ns
        return next_ns

    def _do_next(self, at_ns: int) -> bool:
        """Do the first of what is due by `at_ns`, which the market has reached; False if nothing is."""
        arrival_ns = self._commands.next_ns
        if arrival_ns is not None and arrival_ns <= at_ns:
            self._execute()
            return True
        answer_ns = self._answers.next_ns
        if answer_ns is not None and answer_ns <= at_ns:
            self._answer()
            return True
        if self._timers and self._timers[0].at_ns <= at_ns:
            timer = heapq.heappop(self._timers)
            seat = self.seats[timer.seat]
            self.sight.advance(self.now_ns)
            seat.strategy.on_timer(seat.desk, timer.tag)
            return True
        sleeper = min(self.seats, key=_wake_of)
        if sleeper.wake_ns <= at_ns:
            self._wake(sleeper)
            return True
        return False

    # --- what desks ask for ---

    def send_order(self, desk: Desk, order: NewOrder) -> None:
        """Put an order on its way to the venue."""
        self._commands.send(order, desk.account, self.now_ns)

    def send_cancel(self, desk: Desk, ticket: Ticket) -> None:
        """Put a cancel on its way to the venue."""
        cancel = Cancel(ticket.client_order_id, ticket.symbol)
        self._commands.send(cancel, desk.account, self.now_ns, cancels=True)

    def call_at(self, desk: Desk, at_ns: int, tag: Any) -> None:
        """Set a timer."""
        self._timer_number += 1
        timer = Timer(at_ns, self._timer_number, self._seat_of[desk.account].number, tag)
        heapq.heappush(self._timers, timer)

    # --- inside ---

    def _execute(self) -> None:
        arrival = self._commands.pop(self.now_ns)
        assert arrival is not None
        account, command = arrival.account, arrival.item
        try:
            if isinstance(command, Cancel):
                events = self.venue.cancel(
                    account,
                    client_order_id=command.client_order_id,
                    symbol=command.symbol,
                    at_ns=arrival.arrival_ns,
                )
            else:
                events = self.venue.submit(account, command, arrival.arrival_ns)
        except BitmartError as error:
            self.recorder.refused += 1
            is_cancel = isinstance(command, Cancel)
            self._send_back(Refusal(command.client_order_id or "", is_cancel, error), account, self.now_ns)
        else:
            self._tell(events)

    def _tell(self, events: list[Event]) -> None:
        """What the venue says is recorded, and sets out to the clients."""
        self.recorder.note(events)
        for event in events:
            if isinstance(event, OrderAccepted | OrderFilled | OrderCanceled):
                self._send_back(event, event.order.account, event.at_ns)

    def _send_back(self, news: Event | Refusal, account: str, at_ns: int) -> None:
        self._answers.put(news, account, at_ns, self.latency.response.sample(at_ns))

    def _answer(self) -> None:
        arrival = self._answers.pop(self.now_ns)
        assert arrival is not None
        seat, news = self._seat_of[arrival.account], arrival.item
        desk, strategy = seat.desk, seat.strategy
        self.sight.advance(self.now_ns)
        if isinstance(news, Refusal):
            self._refuse(seat, news)
        elif isinstance(news, OrderFilled):
            ticket, fill = desk.tickets[news.order.client_order_id], news.fill
            ticket.filled_lots += fill.size_lots
            desk.positions[fill.symbol] += fill.size_lots if fill.side.code == 0 else -fill.size_lots
            if not news.order.is_open:
                self._close(desk, ticket)
            strategy.on_fill(desk, ticket, fill)
        elif isinstance(news, OrderAccepted | OrderCanceled):
            ticket = desk.tickets[news.order.client_order_id]
            ticket.order_id, ticket.state = news.order.order_id, TicketState.OPEN
            if isinstance(news, OrderCanceled):
                self._close(desk, ticket)
            strategy.on_order(desk, ticket)

    def _refuse(self, seat: Seat, refusal: Refusal) -> None:
        ticket = seat.desk.tickets.get(refusal.client_order_id)
        if ticket is None:
            # A cancel that lost its race: the order's end was heard of before.
            return
        if refusal.is_cancel:
            ticket.is_canceling = False
        else:
            self._close(seat.desk, ticket)
        seat.strategy.on_refused(seat.desk, ticket, refusal.error)

    def _close(self, desk: Desk, ticket: Ticket) -> None:
        ticket.state, ticket.is_canceling = TicketState.CLOSED, False
        del desk.tickets[ticket.client_order_id]

    def _wake(self, seat: Seat) -> None:
        self.sight.advance(self.now_ns)
        if seat.wants_trades:
            trades, seat.trades = seat.trades, []
            for trade in trades:
                seat.strategy.on_trade(seat.desk, trade)
        if seat.wants_books:
            for symbol, reader in self.sight.readers.items():
                if reader.done != seat.seen[symbol]:
                    seat.seen[symbol] = reader.done
                    seat.strategy.on_book(seat.desk, symbol)
        seat.wake_ns = self._next_wake(seat)

    def _next_wake(self, seat: Seat) -> int:
        every_ns = seat.strategy.wake_every_ns
        if every_ns:
            return self.now_ns + every_ns
        # What was drawn for the next message may be shorter than what was drawn for this look.
        has_looked = self.player.done > 0
        return max(self.now_ns + has_looked, self.sight.next_message_ns())

    def _see(self, symbol: str, rows: np.ndarray) -> None:
        """Keep the prints of a stretch for the strategies that want them."""
        trades = trades_of(symbol, rows)
        for seat in self.seats:
            if seat.wants_trades:
                seat.trades += trades


def _wake_of(seat: Seat) -> int:
    return seat.wake_ns


class _Keeping:
    """Makes matchers and keeps them: the venue does not show its own."""

    def __init__(self, matchers: StepMatchers, made: list[StepMatcher]) -> None:
        self._matchers, self._made = matchers, made

    def __call__(self) -> StepMatcher:
        self._made.append(self._matchers())
        return self._made[-1]

    def load(self, blob: bytes) -> StepMatcher:
        self._made.append(self._matchers.load(blob))
        return self._made[-1]


def overrides(strategy: Strategy, name: str) -> bool:
    """Does the strategy have its own version of a method?"""
    return getattr(type(strategy), name) is not getattr(Strategy, name)

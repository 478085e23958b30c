"""Plays a recorded session with something changed: another queue model, other fees, another latency.

With the same latency the venue is given the same calls in the same order. With another one every command
sets out when it did and arrives when the changed latency lets it, an account's own ones never overtaking each
other; the market is then played up to each arrival, of equal times the market first.

What the clients would have done differently is not known and not guessed: they send what they sent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from paper_bitmart.backtest.replay_market import NEVER_NS, ReplayMarket
from paper_bitmart.backtest.session_reader import SessionReader, Step
from paper_bitmart.backtest.session_records import (
    OUTCOMES,
    AnyOutcome,
    Called,
    FeedsClosed,
    Market,
    Refused,
    Restarted,
)
from paper_bitmart.backtest.session_replay import batches, outcome_of
from paper_bitmart.backtest.session_stories import Stories
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.calls import Call, Cancel, CancelOrders, SetFees
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.line import Line
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.state import VenueState
from paper_bitmart.exchange.venue import CancelResult, Venue
from paper_bitmart.exchange.wheel import HOUSE
from paper_bitmart.feed.events import Kind
from paper_bitmart.matching.core.state import UNKNOWN_AHEAD
from paper_bitmart.matching.models import QueueModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is otherwise than in the recording; None leaves it as it was.

    Attributes:
        maker_ppm, taker_ppm: of everybody; rates that accounts have of their own do not count then.
        entry_latency_ns, cancel_latency_ns: constant.
    """

    queue_model: QueueModel | None = None
    maker_ppm: int | None = None
    taker_ppm: int | None = None
    entry_latency_ns: int | None = None
    cancel_latency_ns: int | None = None

    @property
    def changes_fees(self) -> bool:
        return self.maker_ppm is not None or self.taker_ppm is not None

    @property
    def changes_latency(self) -> bool:
        return self.entry_latency_ns is not None or self.cancel_latency_ns is not None


@dataclass(slots=True)
class TwoRuns:
    """The recorded run and the changed one.

    Attributes:
        last_prints: price_ticks of every symbol's last print. ending: as `SessionReader.ending`.
    """

    recorded: Stories
    changed: Stories
    last_prints: dict[str, int]
    ending: str = ""


def play_changed(reader: SessionReader, change: Change) -> TwoRuns:
    """Play the session with the change, beside what was recorded.

    Raises:
        SessionError, CaptureError, OSError: as `SessionReader.steps`.

    Cost: as the replay; with a changed latency the whole market is held in memory, 40 bytes per event.
    """
    runs = TwoRuns(Stories(reader.state(1)), Stories(reader.state(1)), {})
    run = _Run(_changed_venue(reader, change), runs, change)
    if change.changes_latency:
        run.play_retimed([_seen(step, runs) for step in reader.steps()])
    else:
        for step in reader.steps():
            run.play(_seen(step, runs))
    runs.ending = reader.ending
    return runs


class _Run:
    """The changed run in progress."""

    def __init__(self, venue: Venue, runs: TwoRuns, change: Change) -> None:
        self._venue, self._runs, self._change = venue, runs, change

    def play(self, step: Step) -> None:
        match step.record:
            case Market():
                self._happened(self._venue.market_all(batches(step.market))[1])
            case Called(at_ns=at_ns, call=call):
                self._call(step.line, call, at_ns)
            case FeedsClosed() | Restarted():
                self._close_feeds(self._venue.now_ns)

    def play_retimed(self, steps: Sequence[Step]) -> None:
        market = _whole_market(steps)
        for step, at_ns in self._arrivals(steps):
            self._market_until(market, at_ns)
            at_ns = max(at_ns, self._venue.now_ns)
            if isinstance(step.record, Called):
                self._call(step.line, step.record.call, at_ns)
            else:
                self._close_feeds(at_ns)
        self._market_until(market, NEVER_NS - 1)

    def _arrivals(self, steps: Sequence[Step]) -> Iterator[tuple[Step, int]]:
        """Everything but the market, in the order in which it arrives under the changed latency."""
        line: Line[Step] = Line(limit=max(1, len(steps)))
        calls = [(step.record.sent_ns, step) for step in steps if isinstance(step.record, Called)]
        for sent_ns, step in sorted(calls, key=lambda call: call[0]):
            assert isinstance(step.record, Called)
            account = step.record.call.account if step.record.call.travels else HOUSE
            line.put(step, account, sent_ns, self._delay_ns(step.record))
        now_ns = 0
        for step in steps:
            if isinstance(step.record, Market):
                now_ns = max(now_ns, *(int(rows["recv_ns"][-1]) for rows in step.market.values()))
            elif isinstance(step.record, FeedsClosed | Restarted):
                at_ns = step.record.at_ns if isinstance(step.record, FeedsClosed) else now_ns
                line.put(step, HOUSE, at_ns, 0)
        for arrival in line.due(NEVER_NS):
            yield arrival.item, arrival.arrival_ns

    def _delay_ns(self, record: Called) -> int:
        """As recorded where the change does not say otherwise."""
        changed = self._change.cancel_latency_ns if record.call.cancels else self._change.entry_latency_ns
        if changed is None or not record.call.travels:
            return max(0, record.at_ns - record.sent_ns)
        return changed

    def _market_until(self, market: ReplayMarket, until_ns: int) -> None:
        while market.next_ns <= until_ns:
            ends, events = self._venue.market_all(market.due(until_ns), until_ns)
            market.advance(ends)
            self._happened(events)

    def _close_feeds(self, at_ns: int) -> None:
        self._happened(self._venue.close_feeds(at_ns))

    def _happened(self, events: list[Event]) -> None:
        self._runs.changed.happened(events)

    def _call(self, line: int, call: Call, at_ns: int) -> None:
        if isinstance(call, SetFees) and self._change.changes_fees:
            return
        call = self._renamed(call)
        result, refused = outcome_of(call, self._venue, at_ns)
        outcomes: list[AnyOutcome | Event]
        if refused is not None:
            code = refused.code if isinstance(refused, BitmartError) else 0
            outcomes = [Refused(at_ns=at_ns, account=call.account, code=code, why=str(refused))]
        else:
            outcomes = list(result.events if isinstance(result, CancelResult) else result)
        self._runs.changed.called(line, call, outcomes)

    def _renamed(self, call: Call) -> Call:
        """A cancel names orders by the ids of the recorded run; here they have others."""
        if isinstance(call, Cancel) and call.order_id is not None:
            return replace(call, order_id=self._renamed_id(call.order_id))
        if isinstance(call, CancelOrders):
            ids = tuple(str(self._renamed_id(_number(text))) for text in call.order_ids)
            return replace(call, order_ids=ids)
        return call

    def _renamed_id(self, recorded_id: int) -> int:
        return self._runs.changed.order_id_of(self._runs.recorded.key_of(recorded_id))


def _seen(step: Step, runs: TwoRuns) -> Step:
    """Note what a step came to in the recording."""
    outcomes = [OUTCOMES.decode(raw.payload) for raw in step.outcomes]
    if isinstance(step.record, Called):
        runs.recorded.called(step.line, step.record.call, outcomes)
    else:
        runs.recorded.happened(outcomes)
    for symbol, rows in step.market.items():
        prints = rows["price_ticks"][rows["kind"] == Kind.TRADE]
        if len(prints):
            runs.last_prints[symbol] = int(prints[-1])
    return step


def _changed_venue(reader: SessionReader, change: Change) -> Venue:
    recorded, facts, state = reader.facts.venue_settings(), reader.facts.matchers, reader.state(1)
    fees = recorded.fees
    if change.changes_fees:
        state = replace(state, fee_rates=[])
        fees = FeeRates(
            fees.maker_ppm if change.maker_ppm is None else change.maker_ppm,
            fees.taker_ppm if change.taker_ppm is None else change.taker_ppm,
        )
    matchers = reader.facts.core_matchers()
    if change.queue_model is not None:
        other = CoreMatchers(change.queue_model, facts.window_ticks, facts.published_levels)
        state, matchers = _with_model(state, matchers, other), other
    settings = VenueSettings(fees=fees, **reader.facts.limits)
    venue = Venue(reader.rules, settings=settings, matchers=matchers)
    venue.import_state(state)
    return venue


def _with_model(state: VenueState, recorded: CoreMatchers, other: CoreMatchers) -> VenueState:
    """The state with matchers of another model, whose orders stand in their queues where they stood.

    No feed is live when a recording begins, so the first whole book re-bases all positions anyway.
    """
    indexes = {account.name: account.index for account in state.accounts}
    markets = {}
    for symbol, market in state.markets.items():
        known, matcher = recorded.load(market.matcher), other()
        # Ids rise with time, so this is also the order of time priority.
        for order in sorted(state.orders, key=lambda one: one.order_id):
            if not order.is_open or order.symbol != symbol:
                continue
            ahead = known.queue_ahead(order.order_id)
            matcher.restore_order(
                order.order_id, indexes[order.account], order.side.code, order.price_ticks,
                order.leaves_lots, ahead if ahead >= 0 else UNKNOWN_AHEAD, state.now_ns,
            )  # fmt: skip
        markets[symbol] = replace(market, matcher=matcher.dump())
    return replace(state, markets=markets)


def _whole_market(steps: Sequence[Step]) -> ReplayMarket:
    pieces: dict[str, list[np.ndarray]] = {}
    for step in steps:
        for symbol, rows in step.market.items():
            pieces.setdefault(symbol, []).append(rows)
    return ReplayMarket({symbol: np.concatenate(arrays) for symbol, arrays in pieces.items()})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0

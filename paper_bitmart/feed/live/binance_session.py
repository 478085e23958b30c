"""One connection to Binance's market streams, spoken on as BitMart's messages.

Every symbol's whole book is kept (`BinanceBook`) and its best 100 levels a side are published as BitMart
would (`BookPublisher`) to the mirror, so that everything behind it, recordings included, is BitMart's.

A snapshot is got by REST when a book is not whole; also as an audit, from time to time, after a silence
(Binance sends nothing while nothing changes) and when the market has moved beyond what the last one
covered.

Trades are numbered without holes. One that is missing on a whole connection is an outage like any gap, which
the book, whole all the while, ends at once.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from paper_bitmart.bitmart.decimals import BadNumber, NotAMultiple
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import BUY, SELL, FeedState
from paper_bitmart.feed.live.binance_book import BinanceBook, Joined
from paper_bitmart.feed.live.binance_messages import (
    DepthUpdate,
    TradeEvent,
    decode_envelope,
    decode_event,
    decode_snapshot,
)
from paper_bitmart.feed.live.binance_rules import binance_name
from paper_bitmart.feed.live.book_publisher import (
    BookPublisher,
    Print,
    Published,
    best_asks,
    best_bids,
    publish_trades,
)
from paper_bitmart.feed.live.trade_ids import TradeSequence
from paper_bitmart.feed.live.venue_limits import BINANCE_WS, NS_PER_S, VenueLimits
from paper_bitmart.feed.live.venue_session import FOREVER_NS, VenueSession

NS_PER_MS: Final = 10**6
DEPTH_PATH: Final = "/api/v3/depth?limit=1000&symbol="
STREAMS: Final = ("depth@100ms", "trade")


@dataclass(frozen=True, slots=True, kw_only=True)
class BinanceTiming:
    """All waits of a session, in ns.

    Attributes:
        probe_after_ns, answer_within_ns: silence on the connection, and for the answer to a message then.
        fetch_apart_ns, fetch_apart_most_ns: between two snapshots of a symbol; doubled while they are no use.
        fetch_within_ns: for the answer.
        audit_every_ns: a snapshot to compare with; quiet_ns: the same after so long without a change.
        max_age_ns: see `Mirror`.
    """

    probe_after_ns: int = 15 * NS_PER_S
    answer_within_ns: int = 10 * NS_PER_S
    fetch_apart_ns: int = 2 * NS_PER_S
    fetch_apart_most_ns: int = 60 * NS_PER_S
    fetch_within_ns: int = 20 * NS_PER_S
    audit_every_ns: int = 300 * NS_PER_S
    quiet_ns: int = 12 * NS_PER_S
    max_age_ns: int = 30 * NS_PER_S


@dataclass(slots=True)
class BinanceCounters:
    """What happened to one symbol.

    Attributes:
        gaps: in U/u. snapshots: joined. too_old: snapshots of no use. audits: compared;
            audit_differences: levels of the published book that differed. trades_repeated: trades whose id
            had come before.
    """

    gaps: int = 0
    snapshots: int = 0
    too_old: int = 0
    audits: int = 0
    audit_differences: int = 0
    trades_repeated: int = 0


@dataclass(slots=True)
class _Symbol:
    book: BinanceBook
    publisher: BookPublisher
    fetching_until_ns: int = FOREVER_NS
    fetch_ns: int = FOREVER_NS
    fetch_apart_ns: int = 0
    last_fetch_ns: int = 0
    audit_ns: int = FOREVER_NS
    pending_audit: bytes = b""
    trades: TradeSequence = field(default_factory=TradeSequence)
    is_first_trade: bool = True
    """Of this connection: what is missing before it belongs to the outage."""
    told_lost_trades: bool = False
    counters: BinanceCounters = field(default_factory=BinanceCounters)


class BinanceSession(VenueSession):
    """See the module. Arguments as `VenueSession`, and `timing`, `rng` (spreads snapshots and audits)."""

    def __init__(
        self,
        rules: Mapping[str, SymbolRules],
        *,
        rng: random.Random,
        timing: BinanceTiming | None = None,
        limits: VenueLimits = BINANCE_WS,
        **common: Any,
    ) -> None:
        self.timing = timing or BinanceTiming()
        super().__init__(rules, limits, max_age_ns=self.timing.max_age_ns, **common)
        self._rng = rng
        self._names = {binance_name(symbol): symbol for symbol in self.mirrors}
        self._symbols = {
            symbol: _Symbol(BinanceBook(one), BookPublisher(one)) for symbol, one in self.rules.items()
        }
        self._message_id = 0
        self._answer_by_ns = FOREVER_NS

    @property
    def counters(self) -> dict[str, BinanceCounters]:
        """By symbol."""
        return {symbol: state.counters for symbol, state in self._symbols.items()}

    # Connection

    def _opened(self, at_ns: int) -> None:
        self._answer_by_ns = FOREVER_NS
        streams = []
        for symbol in self.followed():
            state = self._symbols[symbol]
            state.book.forget()
            state.pending_audit = b""
            state.is_first_trade = True
            state.fetch_apart_ns = self.timing.fetch_apart_ns
            # Differences must come first, or the snapshot is too old.
            state.fetch_ns = at_ns + int(self.timing.fetch_apart_ns * (0.25 + self._rng.random() / 4))
            state.fetching_until_ns = state.audit_ns = FOREVER_NS
            streams += [f"{binance_name(symbol).lower()}@{stream}" for stream in STREAMS]
        for start in range(0, len(streams), self._limits.topics_per_message):
            self._ask("SUBSCRIBE", streams[start : start + self._limits.topics_per_message])

    def _ask(self, method: str, params: list[str] | None = None) -> None:
        self._message_id += 1
        message: dict[str, object] = {"method": method, "id": self._message_id}
        if params is not None:
            message["params"] = params
        self._outgoing.append(msgspec.json.encode(message).decode())

    def _halted(self, symbol: str, at_ns: int) -> None:
        if self.is_open:
            name = binance_name(symbol).lower()
            self._ask("UNSUBSCRIBE", [f"{name}@{stream}" for stream in STREAMS])

    # Frames

    def _receive(self, frame: bytes | str, at_ns: int) -> None:
        self._answer_by_ns = FOREVER_NS
        try:
            envelope = decode_envelope(frame)
            # A raw stream's message comes without the envelope of combined streams.
            event = (
                decode_event(envelope.data if bytes(envelope.data) else frame)
                if _is_event(envelope)
                else None
            )
        except msgspec.DecodeError as error:
            self._drop_all(f"not Binance's: {error}", frame, at_ns)
            return
        if event is None:
            self._answer(envelope)
            return
        symbol = self._names.get(event.symbol)
        if symbol is None or symbol in self.halted:
            return
        try:
            if isinstance(event, DepthUpdate):
                self._depth(symbol, event, at_ns)
            else:
                self._trade(symbol, event, at_ns)
        except (BadNumber, NotAMultiple) as error:
            self.rules_doubted = True
            self._lose(symbol, str(error), frame, at_ns)

    def _answer(self, envelope: Any) -> None:
        refused = envelope.msg or (bytes(envelope.error).decode() if bytes(envelope.error) else "")
        if refused:
            self._problems.append(f"Binance answered {refused}")
            self.rules_doubted = True

    def _depth(self, symbol: str, update: DepthUpdate, at_ns: int) -> None:
        state = self._symbols[symbol]
        was_whole, last_id = state.book.is_whole, state.book.last_id
        if not state.book.update(update):
            state.counters.gaps += 1
            self._lose(symbol, f"update {update.first_id} follows {last_id}", b"", at_ns)
        elif was_whole and state.book.last_id > last_id:
            published = state.publisher.update(state.book.bids, state.book.asks, update.event_ms)
            self._publish(symbol, published, at_ns)
            if state.pending_audit:
                self._audit(symbol, at_ns)
            self._watch_coverage(symbol, at_ns)

    def _trade(self, symbol: str, trade: TradeEvent, at_ns: int) -> None:
        rules = self.rules[symbol]
        side = SELL if trade.buyer_is_maker else BUY
        state = self._symbols[symbol]
        missing = state.trades.see(trade.trade_id)
        if missing is None:
            state.counters.trades_repeated += 1
            return
        self.outages.of(symbol).trades_lost = state.trades.lost
        if missing and not state.is_first_trade and self.mirrors[symbol].state is FeedState.LIVE:
            self._trades_lost(symbol, trade.trade_id - missing, trade.trade_id - 1, at_ns)
        state.is_first_trade = False
        one = Print(rules.price_ticks(trade.price), rules.size_lots(trade.size), side, trade.trade_ms)
        self._publish(symbol, publish_trades(rules, [one]), at_ns)

    def _trades_lost(self, symbol: str, first: int, last: int, at_ns: int) -> None:
        """Prints that would have filled orders are unknown: the market begins anew, its book as it is."""
        state = self._symbols[symbol]
        why = f"trades {first} to {last} did not come"
        if not state.told_lost_trades:
            state.told_lost_trades = True
            self._problems.append(f"{symbol}: {why}; others like them are only counted from now on")
        self._refuse(why, b"", at_ns, symbol)
        book = state.book
        ms = book.event_ms or at_ns // NS_PER_MS
        self._publish(symbol, state.publisher.snapshot(book.bids, book.asks, ms), at_ns)

    def _publish(self, symbol: str, published: Published, at_ns: int) -> None:
        self._believe(symbol, published.line, published.push, at_ns)
        if self.mirrors[symbol].wants_snapshot and not self._symbols[symbol].pending_audit:
            # A crossed or stale book: only Binance's own snapshot can help.
            self._plan_fetch(symbol, at_ns)

    def _lose(self, symbol: str, why: str, frame: bytes | str, at_ns: int) -> None:
        state = self._symbols[symbol]
        state.book.drop()
        if state.pending_audit:
            state.pending_audit, state.fetching_until_ns = b"", FOREVER_NS
        self._refuse(why, frame, at_ns, symbol)
        self._plan_fetch(symbol, at_ns)

    def _drop_all(self, why: str, frame: bytes | str, at_ns: int) -> None:
        """An unreadable message may have been any symbol's."""
        self._refuse(why, frame, at_ns)
        for symbol in self.followed():
            self._symbols[symbol].book.drop()
            self._plan_fetch(symbol, at_ns)

    # Snapshots

    def fetched(self, path: str, body: bytes | None, at_ns: int) -> None:
        """A snapshot came, or did not (None)."""
        symbol = self._names.get(path.removeprefix(DEPTH_PATH))
        if symbol is None or symbol in self.halted or not self.is_open:
            return
        state = self._symbols[symbol]
        state.fetching_until_ns = FOREVER_NS
        if body is None:
            self._plan_fetch(symbol, at_ns, again=True)
            return
        self.raw(at_ns, b'{"rest":"%b","body":%b}' % (path.encode(), body.replace(b"\n", b" ")))
        if state.book.is_whole:
            state.pending_audit = body
            state.fetching_until_ns = at_ns + self.timing.fetch_within_ns
            self._audit(symbol, at_ns)
        else:
            self._join(symbol, body, at_ns)

    def _join(self, symbol: str, body: bytes, at_ns: int) -> None:
        state = self._symbols[symbol]
        try:
            snapshot = decode_snapshot(body)
            joined = state.book.join(snapshot)
        except (msgspec.DecodeError, BadNumber, NotAMultiple) as error:
            state.book.drop()
            self.rules_doubted = True
            self._problems.append(f"{symbol}: its snapshot cannot be read: {error}")
            self._plan_fetch(symbol, at_ns, again=True)
            return
        if joined is not Joined.WHOLE or not (state.book.bids or state.book.asks):
            state.book.drop()
            state.counters.too_old += 1
            self._plan_fetch(symbol, at_ns, again=True)
            return
        state.counters.snapshots += 1
        state.fetch_apart_ns = self.timing.fetch_apart_ns
        state.audit_ns = at_ns + int(self.timing.audit_every_ns * (0.5 + self._rng.random() / 2))
        ms = state.book.event_ms or at_ns // NS_PER_MS
        self._publish(symbol, state.publisher.snapshot(state.book.bids, state.book.asks, ms), at_ns)

    def _audit(self, symbol: str, at_ns: int) -> None:
        """Build a second book from a fresh snapshot and the held differences; both must publish the same."""
        state = self._symbols[symbol]
        try:
            snapshot = decode_snapshot(state.pending_audit)
            if snapshot.last_id > max(state.book.newest_held_id, state.book.last_id):
                # The snapshot is ahead of the stream: the next differences bring them together.
                return
            second = BinanceBook(self.rules[symbol])
            second.copy_held(state.book)
            joined = second.join(snapshot)
        except (msgspec.DecodeError, BadNumber, NotAMultiple) as error:
            self._lose(symbol, f"an audit's snapshot cannot be read: {error}", b"", at_ns)
            return
        state.pending_audit, state.fetching_until_ns = b"", FOREVER_NS
        state.audit_ns = at_ns + self.timing.audit_every_ns
        if joined is not Joined.WHOLE:
            state.counters.too_old += 1
            return
        self._compare(symbol, second, at_ns)

    def _compare(self, symbol: str, second: BinanceBook, at_ns: int) -> None:
        state = self._symbols[symbol]
        first = state.book
        state.counters.audits += 1
        differing = _differing(best_bids(first.bids), best_bids(second.bids)) + _differing(
            best_asks(first.asks), best_asks(second.asks)
        )
        second.event_ms = max(second.event_ms, first.event_ms)
        state.book = second
        ms = second.event_ms or at_ns // NS_PER_MS
        mirror = self.mirrors[symbol]
        if differing:
            state.counters.audit_differences += differing
            self._problems.append(f"{symbol}: {differing} levels differed in an audit; resynced")
        if differing or mirror.wants_snapshot or mirror.state is FeedState.SYNCING:
            self._publish(symbol, state.publisher.snapshot(second.bids, second.asks, ms), at_ns)
        else:
            self._publish(symbol, state.publisher.sign_of_life(ms), at_ns)

    def _watch_coverage(self, symbol: str, at_ns: int) -> None:
        """Beyond the last snapshot's range only levels that changed since are known."""
        book = self._symbols[symbol].book
        if not book.bids or not book.asks:
            return
        worst_bid, worst_ask = next(reversed(best_bids(book.bids))), next(reversed(best_asks(book.asks)))
        if worst_bid < book.covered_bid or worst_ask > book.covered_ask:
            self._plan_fetch(symbol, at_ns)

    def _plan_fetch(self, symbol: str, at_ns: int, *, again: bool = False) -> None:
        state = self._symbols[symbol]
        if state.fetching_until_ns != FOREVER_NS or (state.fetch_ns != FOREVER_NS and not again):
            return
        state.fetch_ns = max(at_ns, state.last_fetch_ns + self.timing.fetch_apart_ns)
        if again:
            state.fetch_ns = at_ns + state.fetch_apart_ns
            state.fetch_apart_ns = min(2 * state.fetch_apart_ns, self.timing.fetch_apart_most_ns)

    # Time

    def _tick(self, at_ns: int) -> None:
        self._probe(at_ns)
        for symbol in self.followed():
            state, mirror = self._symbols[symbol], self.mirrors[symbol]
            quiet = mirror.state is FeedState.LIVE and mirror.content_ns + self.timing.quiet_ns <= at_ns
            if mirror.state is FeedState.STALE or quiet or state.audit_ns <= at_ns:
                state.audit_ns = at_ns + self.timing.audit_every_ns
                self._plan_fetch(symbol, at_ns)
            if state.fetching_until_ns <= at_ns:
                state.fetching_until_ns = FOREVER_NS
                self._give_up_waiting(symbol, at_ns)
            if state.fetch_ns <= at_ns:
                state.fetch_ns = FOREVER_NS
                state.last_fetch_ns = at_ns
                state.fetching_until_ns = at_ns + self.timing.fetch_within_ns
                self._fetches.append(DEPTH_PATH + binance_name(symbol))

    def _give_up_waiting(self, symbol: str, at_ns: int) -> None:
        state = self._symbols[symbol]
        if state.pending_audit:
            self._lose(symbol, "the differences up to a snapshot did not come", b"", at_ns)
        else:
            self._plan_fetch(symbol, at_ns, again=True)

    def _probe(self, at_ns: int) -> None:
        """Binance's pings are answered below this layer, so a silent connection is asked a question."""
        if self._answer_by_ns <= at_ns:
            self.close_reason = self.close_reason or "no answer from Binance"
        elif self._answer_by_ns == FOREVER_NS and at_ns - self.last_frame_ns >= self.timing.probe_after_ns:
            self._answer_by_ns = at_ns + self.timing.answer_within_ns
            self._ask("LIST_SUBSCRIPTIONS")

    def _next_ns(self, at_ns: int) -> int:
        due = self._answer_by_ns
        if due == FOREVER_NS:
            due = self.last_frame_ns + self.timing.probe_after_ns
        for symbol in self.followed():
            state, mirror = self._symbols[symbol], self.mirrors[symbol]
            due = min(due, state.fetch_ns, state.fetching_until_ns, state.audit_ns)
            waiting = min(state.fetching_until_ns, state.fetch_ns) != FOREVER_NS
            if mirror.state is FeedState.LIVE and not waiting:
                due = min(due, mirror.content_ns + self.timing.quiet_ns)
        return due


def _is_event(envelope: Any) -> bool:
    return envelope.id is None and envelope.code is None


def _differing(first: dict[int, int], second: dict[int, int]) -> int:
    return sum(first.get(price) != second.get(price) for price in first.keys() | second.keys())

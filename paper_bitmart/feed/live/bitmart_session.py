"""One connection to BitMart's public websocket: subscriptions, heartbeat, resync, audit, fallback.

How a symbol gets its book back, each rung after 5 s without a good snapshot (protocol reference 7.2):

    REQUEST      op request for the depth topic
    RESUBSCRIBE  unsubscribe and subscribe
    RECONNECT    close the connection; the next time the symbol is asked for as depth50

A symbol that two reconnections did not help is asked for every 30 s without closing the connection
again, because the other symbols may be well.

Beyond the mirror's own checks a frame is refused (the book is out of sync, a snapshot asked for) when

- it cannot be inflated or is not BitMart's;
- a snapshot has no levels: a closed or broken venue, not an empty market;
- its version is not new but its time is: the venue counts from the start again;
- it is an empty update of the next version after a silence: either a change outside the published window
  or a sign of life after the loss of that version; only a snapshot can tell.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeGuard

from paper_bitmart.bitmart.control_messages import PING, PONG, client_message
from paper_bitmart.bitmart.decimals import BadNumber, NotAMultiple
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.frames import FrameError, decode_frame
from paper_bitmart.bitmart.public_messages import Depth, DepthChange
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.bitmart.topics import BOOK_TICKER, DEPTH50, DEPTH_INCREMENT, TRADE, TopicError, parse_topic
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.book_audit import differing_levels
from paper_bitmart.feed.live.venue_limits import BITMART_WS, NS_PER_S, VenueLimits, message_chunks
from paper_bitmart.feed.live.venue_session import FOREVER_NS, VenueSession
from paper_bitmart.feed.pushes import Item, Push, PushKind, decode_push, first_symbol

INVALID_CHANNEL, DUPLICATE, UNKNOWN_SYMBOL = "90004", "90008", "92001"
UNSUBSCRIBED = "90009"
NS_PER_MS = 10**6
EMPTY_BOOK = "the venue's book is empty"


class Rung(IntEnum):
    """What was last tried to get a snapshot."""

    SUBSCRIBED = 0
    REQUEST = 1
    RESUBSCRIBE = 2
    RECONNECT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BitmartTiming:
    """All waits of a session, in ns.

    Attributes:
        ping_after_ns: silence after which a text ping goes out. pong_within_ns: for the answer.
        answer_within_ns: for a snapshot, on each rung.
        audit_every_ns: a snapshot to compare with a LIVE book; the first one at a random part of it.
        gap_window_ns, gaps_max: more gaps of a symbol in this time mean a bad connection.
        retry_every_ns: for a symbol that reconnecting did not help.
        quiet_ns: silence after which an empty next update is not believed; shorter than the venue's
            interval of signs of life (about 10 s).
        max_age_ns: see `Mirror`.
    """

    ping_after_ns: int = 10 * NS_PER_S
    pong_within_ns: int = 5 * NS_PER_S
    answer_within_ns: int = 5 * NS_PER_S
    audit_every_ns: int = 180 * NS_PER_S
    gap_window_ns: int = 10 * NS_PER_S
    gaps_max: int = 3
    retry_every_ns: int = 30 * NS_PER_S
    quiet_ns: int = 5 * NS_PER_S
    max_age_ns: int = 30 * NS_PER_S


@dataclass(slots=True)
class SymbolCounters:
    """What happened to one symbol; the mirror's counters have the rest.

    Attributes:
        audits: snapshots compared. audit_differences: levels that differed in them.
        requests, resubscribes, reconnects: rungs taken. refused: frames not believed. empty: snapshots
            without levels.
    """

    audits: int = 0
    audit_differences: int = 0
    requests: int = 0
    resubscribes: int = 0
    reconnects: int = 0
    refused: int = 0
    empty: int = 0


@dataclass(slots=True)
class _Symbol:
    """How far the session is with one symbol."""

    channel: str = DEPTH_INCREMENT
    rung: Rung = Rung.SUBSCRIBED
    deadline_ns: int = FOREVER_NS
    audit_ns: int = FOREVER_NS
    auditing: bool = False
    asked: int = 0
    vain_reconnects: int = 0
    gaps_ns: list[int] = field(default_factory=list)
    counters: SymbolCounters = field(default_factory=SymbolCounters)


class BitmartSession(VenueSession):
    """See the module. Arguments as `VenueSession`, and:

    Args:
        timing: all waits.
        rng: spreads the audits.
        book_ticker: also subscribe `spot/bookTicker`; left out from then on when the venue refuses it.
    """

    speaks_bitmart = True

    def __init__(
        self,
        rules: Mapping[str, SymbolRules],
        *,
        rng: random.Random,
        timing: BitmartTiming | None = None,
        limits: VenueLimits = BITMART_WS,
        book_ticker: bool = True,
        **common: Any,
    ) -> None:
        self.timing = timing or BitmartTiming()
        super().__init__(rules, limits, max_age_ns=self.timing.max_age_ns, **common)
        self.book_ticker = book_ticker
        self._rng = rng
        self._symbols = {symbol: _Symbol() for symbol in self.mirrors}
        self._by_name = {symbol.encode(): mirror for symbol, mirror in self.mirrors.items()}
        self._pong_by_ns = FOREVER_NS

    @property
    def counters(self) -> dict[str, SymbolCounters]:
        """By symbol."""
        return {symbol: state.counters for symbol, state in self._symbols.items()}

    def channel(self, symbol: str) -> str:
        """The depth channel that the symbol is asked for."""
        return self._symbols[symbol].channel

    # Connection

    def _opened(self, at_ns: int) -> None:
        self._pong_by_ns = FOREVER_NS
        topics: list[str] = []
        for symbol in self.followed():
            state = self._symbols[symbol]
            if not state.vain_reconnects:
                state.channel = DEPTH_INCREMENT
            state.rung, state.gaps_ns = Rung.SUBSCRIBED, []
            state.asked = self.mirrors[symbol].requests
            state.auditing, state.audit_ns = False, FOREVER_NS
            state.deadline_ns = at_ns + self.timing.answer_within_ns
            topics += [f"{state.channel}:{symbol}", f"{TRADE}:{symbol}"]
        self._op("subscribe", topics)
        if self.book_ticker:
            # Apart: not every form of the venue has it, and an error may not say which topic it means.
            self._op("subscribe", [f"{BOOK_TICKER}:{symbol}" for symbol in self.followed()])

    def _op(self, op: str, topics: list[str]) -> None:
        for chunk in message_chunks(topics, self._limits):
            self._outgoing.append(client_message(op, chunk).decode())

    def _halted(self, symbol: str, at_ns: int) -> None:
        state = self._symbols[symbol]
        state.deadline_ns = state.audit_ns = FOREVER_NS
        del self._by_name[symbol.encode()]
        if self.is_open:
            self._op("unsubscribe", [f"{state.channel}:{symbol}", f"{TRADE}:{symbol}"])

    # Frames

    def _receive(self, frame: bytes | str, at_ns: int) -> None:
        self._pong_by_ns = FOREVER_NS
        if frame == PONG:
            return
        try:
            line = decode_frame(frame)
            if self._follow(line, at_ns):
                return
            push = decode_push(line)
        except (FrameError, MessageError) as error:
            # It may have been any symbol's depth.
            self._refuse(str(error), frame, at_ns)
            self._after_all(at_ns)
            return
        if push.kind is PushKind.CONTROL:
            self._control(push, at_ns)
        elif push.items:
            self._push(line, push, at_ns)

    def _follow(self, line: bytes, at_ns: int) -> bool:
        """The common case, an update that continues a LIVE book: none of the doubts below can be about it."""
        mirror = self._by_name.get(first_symbol(line))
        if mirror is None or not mirror.follow(line, at_ns, self.seq + 1):
            return False
        self.seq += 1
        self._keep(mirror.symbol, mirror.take())
        self.tap(at_ns, line)
        if mirror.wants_snapshot:
            self._after(mirror.symbol, at_ns)
        return True

    def _push(self, line: bytes, push: Push, at_ns: int) -> None:
        for symbol in dict.fromkeys(item.symbol for item in push.items):
            if symbol not in self.mirrors or symbol in self.halted:
                continue
            why = self._unbelievable(symbol, push, at_ns)
            state = self._symbols[symbol]
            if why:
                state.counters.refused += 1
                self._refuse(why, line, at_ns, symbol)
            else:
                self._audit(symbol, push, at_ns)
                if not self._believe(symbol, line, push, at_ns):
                    state.counters.refused += 1
            self._after(symbol, at_ns)

    def _unbelievable(self, symbol: str, push: Push, at_ns: int) -> str:
        """Why a push must not reach the mirror, which would take it at its word; "" if it may."""
        for item in push.items:
            if _is_whole(item) and not item.bids and not item.asks:
                self._symbols[symbol].counters.empty += 1
                return EMPTY_BOOK
            if isinstance(item, DepthChange) and item.type == "update":
                why = self._doubtful_update(symbol, item, at_ns)
                if why:
                    return why
        return ""

    def _doubtful_update(self, symbol: str, item: DepthChange, at_ns: int) -> str:
        mirror = self.mirrors[symbol]
        if mirror.state not in (FeedState.LIVE, FeedState.STALE):
            return ""
        empty = not item.bids and not item.asks
        if empty and item.version == mirror.version + 1:
            silent_ns = at_ns - mirror.content_ns
            return f"an empty update after {silent_ns} ns" if silent_ns >= self.timing.quiet_ns else ""
        restarted = item.version < mirror.version or (item.version == mirror.version and not empty)
        if restarted and item.ms_t * NS_PER_MS > mirror.exch_ns:
            return f"version {item.version} after {mirror.version} at a later time"
        return ""

    def _audit(self, symbol: str, push: Push, at_ns: int) -> None:
        state, mirror = self._symbols[symbol], self.mirrors[symbol]
        for item in push.items:
            if not state.auditing or not isinstance(item, DepthChange) or item.type != "snapshot":
                continue
            state.auditing = False
            if mirror.state is FeedState.LIVE and item.version == mirror.version:
                try:
                    differing = differing_levels(mirror, item)
                except (BadNumber, NotAMultiple):
                    return  # the mirror is about to refuse it
                state.counters.audits += 1
                state.counters.audit_differences += differing
                if differing:
                    self._problems.append(f"{symbol}: {differing} levels differed in an audit; resynced")

    def _control(self, push: Push, at_ns: int) -> None:
        if not push.error:
            return
        code = push.error.partition(" ")[0]
        if code in (DUPLICATE, UNSUBSCRIBED):
            return
        symbol, channel = _topic_of(push)
        if code == INVALID_CHANNEL and channel in ("", BOOK_TICKER):
            self.book_ticker = False
        elif code == INVALID_CHANNEL and channel == DEPTH_INCREMENT and symbol in self.mirrors:
            self._fall_back(symbol)
            self._resubscribe(symbol, at_ns)
        elif code == UNKNOWN_SYMBOL and symbol in self.mirrors:
            self.halt(symbol, "the venue does not know it any more (92001)", at_ns)
        else:
            self._problems.append(f"the venue answered {push.name}: {push.error}")
            self.rules_doubted = True

    # Getting a book back

    def _after_all(self, at_ns: int) -> None:
        for symbol in self.followed():
            self._after(symbol, at_ns)

    def _after(self, symbol: str, at_ns: int) -> None:
        """Look at a mirror's wishes after it was given something."""
        state, mirror = self._symbols[symbol], self.mirrors[symbol]
        if mirror.state is FeedState.LIVE and not mirror.wants_snapshot:
            if state.deadline_ns != FOREVER_NS and not state.auditing:
                state.rung, state.deadline_ns, state.vain_reconnects = Rung.SUBSCRIBED, FOREVER_NS, 0
            if state.audit_ns == FOREVER_NS:
                state.audit_ns = at_ns + int(self.timing.audit_every_ns * (0.5 + self._rng.random() / 2))
        elif mirror.requests > state.asked and mirror.wants_snapshot:
            state.asked = mirror.requests
            self._count_gap(symbol, at_ns)
            if state.rung < Rung.REQUEST:
                self._request(symbol, at_ns)

    def _count_gap(self, symbol: str, at_ns: int) -> None:
        state = self._symbols[symbol]
        since_ns = at_ns - self.timing.gap_window_ns
        state.gaps_ns = [gap_ns for gap_ns in state.gaps_ns if gap_ns > since_ns] + [at_ns]
        if len(state.gaps_ns) > self.timing.gaps_max:
            state.gaps_ns = []
            self._reconnect(symbol, at_ns, "gaps follow each other")
        elif state.rung is Rung.REQUEST:
            # The snapshot that came was of no use.
            self._request(symbol, at_ns)

    def _request(self, symbol: str, at_ns: int) -> None:
        state = self._symbols[symbol]
        if state.channel != DEPTH_INCREMENT:
            # depth50 has no request; its next push is a whole book anyway.
            state.rung, state.deadline_ns = Rung.REQUEST, at_ns + self.timing.answer_within_ns
            return
        state.rung = Rung.REQUEST
        state.deadline_ns = at_ns + self.timing.answer_within_ns
        state.counters.requests += 1
        self._op("request", [f"{state.channel}:{symbol}"])

    def _resubscribe(self, symbol: str, at_ns: int) -> None:
        state = self._symbols[symbol]
        state.rung = Rung.RESUBSCRIBE
        state.deadline_ns = at_ns + self.timing.answer_within_ns
        state.counters.resubscribes += 1
        self._op("unsubscribe", [f"{state.channel}:{symbol}"])
        self._op("subscribe", [f"{state.channel}:{symbol}"])

    def _reconnect(self, symbol: str, at_ns: int, why: str) -> None:
        state = self._symbols[symbol]
        state.vain_reconnects += 1
        if state.vain_reconnects > 2 and any(other != symbol for other in self.live):
            state.rung = Rung.SUBSCRIBED
            state.deadline_ns = at_ns + self.timing.retry_every_ns
            return
        state.counters.reconnects += 1
        if state.vain_reconnects == 2:
            self._fall_back(symbol)
        elif state.channel == DEPTH50:
            state.channel = DEPTH_INCREMENT
        self.close_reason = f"{symbol}: {why}"

    def _fall_back(self, symbol: str) -> None:
        self._symbols[symbol].channel = DEPTH50
        self._problems.append(f"{symbol}: no book on increase100, trying depth50")

    # Time

    def _tick(self, at_ns: int) -> None:
        self._heartbeat(at_ns)
        for symbol in self.followed():
            self._after(symbol, at_ns)
            state = self._symbols[symbol]
            if state.deadline_ns == FOREVER_NS and self.mirrors[symbol].state is not FeedState.LIVE:
                state.deadline_ns = at_ns + self.timing.answer_within_ns
            if state.deadline_ns <= at_ns:
                self._next_rung(symbol, at_ns)
            elif state.audit_ns <= at_ns:
                self._begin_audit(symbol, at_ns)

    def _heartbeat(self, at_ns: int) -> None:
        if self._pong_by_ns <= at_ns:
            self.close_reason = self.close_reason or "no answer to a ping"
        elif self._pong_by_ns == FOREVER_NS and at_ns - self.last_frame_ns >= self.timing.ping_after_ns:
            self._urgent.append(PING)
            self._pong_by_ns = at_ns + self.timing.pong_within_ns

    def _next_rung(self, symbol: str, at_ns: int) -> None:
        state = self._symbols[symbol]
        if state.auditing:
            # Not answered, but the book is LIVE: that is a wish like any other now.
            state.auditing = False
        if state.rung is Rung.SUBSCRIBED:
            self._request(symbol, at_ns)
        elif state.rung is Rung.REQUEST:
            self._resubscribe(symbol, at_ns)
        else:
            self._reconnect(symbol, at_ns, "no snapshot was to be had")

    def _begin_audit(self, symbol: str, at_ns: int) -> None:
        state = self._symbols[symbol]
        state.audit_ns = at_ns + self.timing.audit_every_ns
        if self.mirrors[symbol].state is FeedState.LIVE and state.channel == DEPTH_INCREMENT:
            state.auditing = True
            self._request(symbol, at_ns)

    def _next_ns(self, at_ns: int) -> int:
        due = self._pong_by_ns
        if due == FOREVER_NS:
            due = self.last_frame_ns + self.timing.ping_after_ns
        for symbol in self.followed():
            state = self._symbols[symbol]
            due = min(due, state.deadline_ns, state.audit_ns)
        return due


def _is_whole(item: Item) -> TypeGuard[Depth | DepthChange]:
    """A snapshot, or a full depth."""
    return isinstance(item, Depth) or (isinstance(item, DepthChange) and item.type == "snapshot")


def _topic_of(push: Push) -> tuple[str, str]:
    """(symbol, channel) that an error is about; "" where it does not say."""
    try:
        topic = parse_topic(push.topic)
    except TopicError:
        return "", ""
    return topic.symbol or "", topic.channel

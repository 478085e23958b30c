"""The mirror of one symbol: BitMart's messages in, clean market events and an honest feed state out.

Sans-I/O: no clock, no socket, no callback. Whoever holds the connection passes messages in with their
receive time and does what `wants_snapshot` asks for.

States, and what leads to them:

    SYNCING  start, reconnect, gap, crossed book, bad depth message
    LIVE     a snapshot, joined by the updates that were held; or an update that continues a STALE book
    STALE    no depth content for `max_age_ns`
    CLOSED   disconnected

Outside LIVE no LEVEL, TRADE or BBO event leaves the mirror. Entering LIVE writes the whole book as
SNAPSHOT_BEGIN, LEVEL..., SNAPSHOT_END, then FEED_STATE LIVE.

One thing BitMart's protocol cannot tell: an empty update of version + 1 is a change outside the published
window; if the update of that version was lost, a sign of life looks just the same. TCP does not lose
single messages, so the former is assumed.

Source: protocol reference 7.1 (BitMart's rules) and 7.2 (what a careful mirror adds).
"""

from typing import Literal

import numpy as np

from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.public_messages import BookTicker, Depth, DepthChange, Trade
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.book import Book
from paper_bitmart.feed.book_core import LOOK, NOT_MINE, ROWS_MAX, SIDE_LEVELS_MAX, follow_update
from paper_bitmart.feed.event_buffer import PACK_EVENT, EventBuffer
from paper_bitmart.feed.events import ASK, BID, EVENT_DTYPE, FeedState, Flag, Kind, joined
from paper_bitmart.feed.level_reader import LevelReader, RepeatedPrice
from paper_bitmart.feed.levels import Level
from paper_bitmart.feed.mirror_counters import MirrorCounters
from paper_bitmart.feed.pushes import DISCONNECTED, REFUSED, Push, PushKind, decode_push
from paper_bitmart.feed.updates import HeldUpdates, Update

DepthSource = Literal["increase100", "depth50", "auto"]

MAX_AGE_NS = 30_000_000_000
"""BitMart sends a sign of life about every 10 s (reference 7.3); three missing ones are silence."""
BOOK_LEVELS_MAX = 10_000
TRADES_PER_MESSAGE_MAX = 100_000
THIN_LEVELS = 20
THIN_REQUEST_EVERY_NS = 30_000_000_000
INCREMENT_WINDOW, FULL_DEPTH_WINDOW = 100, 50
_TRADE, _BBO, _LAST = int(Kind.TRADE), int(Kind.BBO), np.uint16(Flag.LAST)


class Mirror:
    """Follows one symbol's market.

    Args:
        rules: tick and lot of the symbol.
        source: `increase100` mirrors the incremental channel; `depth50` mirrors the full top 50, whose
            differences become LEVEL events; `auto` takes increase100 as soon as it appears, else depth50.
        max_age_ns: content older than this is STALE (see `tick`); None never is.
        strict: raise MessageError instead of counting it and treating it as a gap: for recordings, where
            a bad message means a wrong rules file or a damaged file.

    Attributes:
        book: both sides; trust them only while `state` is LIVE.
        version: of the book, -1 if none (depth50 has no versions).
        wants_snapshot: ask the venue for one (`op: request`) and go on passing messages in.
        requests: rises with each new wish; a second wish while the first is open needs a second request.
        counters, last_problem: for reports and logs. exch_ns: the venue's time of the newest depth content.
    """

    def __init__(
        self,
        rules: SymbolRules,
        source: DepthSource = "increase100",
        *,
        max_age_ns: int | None = MAX_AGE_NS,
        strict: bool = False,
    ) -> None:
        self.rules = rules
        self.symbol = rules.symbol
        self.state = FeedState.SYNCING
        self.book = Book()
        self.version = -1
        self.wants_snapshot = False
        self.requests = 0
        self.counters = MirrorCounters()
        self.last_problem = ""
        self.content_ns = -1
        """Receive time of the newest depth content in the book; -1 if none."""
        self._depth = PushKind.FULL_DEPTH if source == "depth50" else PushKind.INCREMENT
        self._auto = self._undecided = source == "auto"
        self._max_age_ns = max_age_ns
        self._strict = strict
        self._reader = LevelReader(rules)
        self._held = HeldUpdates()
        self._out = EventBuffer()
        self._name = rules.symbol.encode()
        self._scales = np.array([*rules.price_scale, *rules.size_scale], np.int64)
        self._changes = np.empty((2, SIDE_LEVELS_MAX, 2), np.int64)
        self._rows = np.empty(ROWS_MAX, EVENT_DTYPE)
        self.exch_ns = 0
        self._covered: tuple[int, int] | None = None
        self._thin_asked_ns: int | None = None
        self._recv_ns = 0
        self._seq = 0

    # Input

    def receive(self, message: bytes | Push, recv_ns: int, seq: int = 0) -> np.ndarray:
        """Take one message from the wire.

        Args:
            message: JSON text, or already decoded; items of other symbols are passed over.
            recv_ns: receive time, never earlier than the last call.
            seq: ordinal of the message in its capture or session.

        Returns:
            (n,) EVENT_DTYPE, all with this `recv_ns`; n may be 0.

        Raises:
            MessageError: only when `strict`; the book did not change.
            ValueError: `recv_ns` went back.
        """
        self.accept(message, recv_ns, seq)
        return self.take()

    def accept(self, message: bytes | Push, recv_ns: int, seq: int = 0) -> None:
        """As `receive`, but the events wait for `take`: cheaper when many messages are converted."""
        if isinstance(message, bytes) and self.follow(message, recv_ns, seq):
            return
        self._advance(recv_ns, seq)
        try:
            push = decode_push(message) if isinstance(message, bytes) else message
        except MessageError as error:
            # It may have been a depth message, and nobody can tell now.
            self._bad(error, breaks_book=True)
            return
        if push.kind is PushKind.CONTROL:
            self._control(push)
            return
        events_before = len(self._out)
        for i, item in enumerate(push.items):
            if item.symbol == self.symbol:
                self._accept_item(push.kind, item, i)
        if len(self._out) > events_before:
            self._out.mark_last()

    def follow(self, payload: bytes, recv_ns: int, seq: int) -> bool:
        """As `accept`, for the update that continues a LIVE book: about 3 us in place of 30.

        Returns:
            False when the message is, or may be, anything else: nothing happened, it is for `accept`.

        Raises:
            ValueError: as `receive`.
        """
        self._advance(recv_ns, seq)
        if self.state is not FeedState.LIVE or self._depth is not PushKind.INCREMENT:
            return False
        book, rows = self.book, self._rows
        verdict, count, exch_ns = follow_update(
            payload, self._name, self.version + 1, self._scales, self._changes, book.levels, book.counts,
            self.window, BOOK_LEVELS_MAX, rows, recv_ns, self._seq,
        )  # fmt: skip
        if verdict == NOT_MINE:
            return False
        self.version += 1
        self.counters.updates += 1
        self._fresh(exch_ns)
        if verdict == LOOK and not self._is_sound():
            return True
        self._emit_changes(rows[:count])
        if verdict == LOOK:
            self._watch_thinning()
        return True

    def take(self) -> np.ndarray:
        """Events of the `accept` calls since the last `take`: (n,) EVENT_DTYPE."""
        return self._out.take()

    def connected(self, at_ns: int) -> np.ndarray:
        """A new connection is up and the topics are subscribed; nothing carries over from the old one."""
        self._advance(at_ns, self._seq)
        self._reset_book()
        self._enter(FeedState.SYNCING)
        return self.take()

    def disconnected(self, at_ns: int) -> np.ndarray:
        """The connection is lost."""
        self._advance(at_ns, self._seq)
        self._disconnect()
        return self.take()

    def tick(self, at_ns: int) -> np.ndarray:
        """Let time pass: a LIVE book whose content is older than `max_age_ns` becomes STALE."""
        self.pass_time(at_ns)
        return self.take()

    def pass_time(self, at_ns: int) -> None:
        """As `tick`, but the event waits for `take`."""
        self._advance(at_ns, self._seq)
        deadline = self.stale_at_ns
        if deadline is not None and at_ns >= deadline:
            self.counters.stale += 1
            self._enter(FeedState.STALE)
            self._wish_snapshot(f"no content since {self.content_ns}")

    @property
    def stale_at_ns(self) -> int | None:
        """When `tick` would call the book STALE; None while that cannot happen."""
        if self.state is not FeedState.LIVE or self._max_age_ns is None:
            return None
        return self.content_ns + self._max_age_ns

    @property
    def window(self) -> int:
        """Levels a side that the source publishes at most."""
        return INCREMENT_WINDOW if self._depth is PushKind.INCREMENT else FULL_DEPTH_WINDOW

    def _advance(self, recv_ns: int, seq: int) -> None:
        if recv_ns < self._recv_ns:
            raise ValueError(f"{self.symbol}: receive time went back from {self._recv_ns} to {recv_ns}")
        self._recv_ns = recv_ns
        self._seq = seq & 0xFFFF_FFFF

    def _control(self, push: Push) -> None:
        if push.name == DISCONNECTED:
            self._disconnect()
        elif push.name == REFUSED and push.topic in ("", self.symbol):
            self._bad(MessageError("", push.error), breaks_book=True, strict=False)

    def _accept_item(self, kind: PushKind, item: object, i: int) -> None:
        try:
            if isinstance(item, Trade):
                self._trade(item, i)
            elif isinstance(item, BookTicker):
                self._bbo(item, i)
            elif isinstance(item, Depth | DepthChange) and self._is_mirrored(kind):
                self._depth_item(item, i)
            else:
                self.counters.ignored += 1
        except RepeatedPrice as error:
            self._bad(error, breaks_book=True, strict=False)
        except MessageError as error:
            self._bad(error, breaks_book=isinstance(item, Depth | DepthChange))

    def _is_mirrored(self, kind: PushKind) -> bool:
        if self._undecided:
            if kind is not self._depth and self._depth is PushKind.FULL_DEPTH:
                self._lose_sync("increase100 replaces depth50")
                self._reset_book()
            self._depth = kind
            self._undecided = kind is PushKind.FULL_DEPTH
        return kind is self._depth

    # Depth

    def _depth_item(self, item: Depth | DepthChange, i: int) -> None:
        where = f"data[{i}]"
        update = self._reader.update(item, where)
        if isinstance(item, Depth):
            self._full_depth(update)
        elif item.version < 0:
            raise MessageError(f"{where}.version", f"expected a version from 0 on, got {item.version}")
        elif item.type == "snapshot":
            self._snapshot(update)
        else:
            self._update(update)

    def _update(self, update: Update) -> None:
        if self.state is FeedState.CLOSED:
            self._enter(FeedState.SYNCING)
        if self.state is FeedState.SYNCING:
            self._hold(update)
        elif update.version <= self.version:
            self._repeated(update)
        elif update.version > self.version + 1:
            self.counters.gaps += 1
            self._lose_sync(f"version {update.version} follows {self.version}")
            self._hold(update)
        else:
            self._follow(update)

    def _follow(self, update: Update) -> None:
        """Version + 1 onto a whole book."""
        self.version = update.version
        self.counters.updates += 1
        self._fresh(update.exch_ns)
        changed = self._apply(update.bids, update.asks)
        if not self._is_sound():
            return
        if self.state is FeedState.LIVE:
            self._emit_changes(changed)
        else:
            self._go_live()
        self._watch_thinning()

    def _repeated(self, update: Update) -> None:
        empty = not update.bids and not update.asks
        if not empty or update.version != self.version or update.exch_ns < self.exch_ns:
            self.counters.duplicates += 1
            return
        self.counters.keepalives += 1
        self._fresh(update.exch_ns)
        if self.state is FeedState.STALE:
            self._go_live()
        else:
            self._emit(Kind.DEPTH_MARK, flags=Flag.LAST)

    def _hold(self, update: Update) -> None:
        """Keep an update until a snapshot tells what it continues."""
        if not self._held.hold(update):
            # An unanswered wish: the join will find the hole and ask again.
            self.counters.overflows += 1
            self.wants_snapshot = False
        if not self.wants_snapshot:
            self._wish_snapshot(self.last_problem or "update before the first snapshot")

    def _snapshot(self, snapshot: Update) -> None:
        """Replace the book, whatever its version was: a lower one means the server started anew."""
        self.counters.snapshots += 1
        self._replace(snapshot)
        if not self._join_held() or not self._is_sound():
            return
        self._go_live()

    def _join_held(self) -> bool:
        """Apply the held updates that continue the snapshot; False if the next one is missing."""
        for update in self._held.take():
            if update.version <= self.version:
                continue
            if update.version > self.version + 1:
                self.counters.gaps += 1
                self._lose_sync(f"held version {update.version} follows snapshot {self.version}", again=True)
                return False
            self.version = update.version
            self.counters.updates += 1
            self.exch_ns = update.exch_ns
            self._apply(update.bids, update.asks)
        return True

    def _full_depth(self, full: Update) -> None:
        self.counters.snapshots += 1
        if self.state is not FeedState.LIVE:
            self._replace(full)
            if self._is_sound():
                self._go_live()
            return
        self._fresh(full.exch_ns)
        changed = self._apply(self.book.difference(BID, full.bids), self.book.difference(ASK, full.asks))
        if self._is_sound():
            self._emit_changes(changed)

    def _replace(self, snapshot: Update) -> None:
        self._fresh(snapshot.exch_ns)
        self.version = snapshot.version
        self.book.replace(BID, snapshot.bids)
        self.book.replace(ASK, snapshot.asks)

    def _apply(self, bids: list[Level], asks: list[Level]) -> np.ndarray:
        """Change the book; returns what really changed as the LEVEL events of a message."""
        stamp = self.window, self._recv_ns, self.exch_ns, self._seq
        changed = joined([self.book.apply(BID, bids, *stamp), self.book.apply(ASK, asks, *stamp)])
        changed["flags"][-1:] |= _LAST
        return changed

    def _fresh(self, exch_ns: int) -> None:
        self.exch_ns = exch_ns
        self.content_ns = self._recv_ns

    def _is_sound(self) -> bool:
        """Check the book after a message; if it is crossed or too large, drop out of sync."""
        if self.book.is_crossed:
            self.counters.crossed += 1
            self._lose_sync(f"crossed at version {self.version}", again=True)
            return False
        if max(self.book.count(BID), self.book.count(ASK)) > BOOK_LEVELS_MAX:
            self.counters.overflows += 1
            self._lose_sync(f"more than {BOOK_LEVELS_MAX} levels on a side", again=True)
            return False
        return True

    def _watch_thinning(self) -> None:
        """A book that has run out of what its snapshot covered wants a new one, and stays LIVE meanwhile."""
        if self.wants_snapshot or not self._is_thin():
            return
        asked = self._thin_asked_ns
        # A market that really is this thin must not be asked about every 100 ms.
        if asked is not None and self._recv_ns < asked + THIN_REQUEST_EVERY_NS:
            return
        self._thin_asked_ns = self._recv_ns
        self.counters.thinned += 1
        self._wish_snapshot("the book ran thin")

    def _is_thin(self) -> bool:
        fewest = min(self.book.count(BID), self.book.count(ASK))
        if fewest >= self.window:
            return False
        if fewest < THIN_LEVELS or self._covered is None:
            return True
        bid, ask = self.book.best(BID), self.book.best(ASK)
        return not bid or not ask or bid[0] < self._covered[BID] or ask[0] > self._covered[ASK]

    # Trades and best prices

    def _trade(self, item: Trade, i: int) -> None:
        where = f"data[{i}]"
        if i >= TRADES_PER_MESSAGE_MAX:
            raise MessageError(where, f"more than {TRADES_PER_MESSAGE_MAX} trades in a message")
        price, size, exch_ns = self._reader.trade(item, where)
        if self.state is not FeedState.LIVE:
            self.counters.trades_dropped += 1
            return
        self.counters.trades += 1
        self._out.data += PACK_EVENT(
            self._recv_ns, exch_ns, price, size, self._seq, 0, _TRADE, item.side.code
        )

    def _bbo(self, item: BookTicker, i: int) -> None:
        bid, ask, exch_ns = self._reader.best(item, f"data[{i}]")
        if self.state is not FeedState.LIVE:
            return
        self.counters.bbos += 1
        for side, (price, size) in ((BID, bid), (ASK, ask)):
            self._out.data += PACK_EVENT(self._recv_ns, exch_ns, price, size, self._seq, 0, _BBO, side)

    # States

    def _lose_sync(self, why: str, *, again: bool = False) -> None:
        """The book is not the venue's any more. `again`: an open wish was answered in vain."""
        self._enter(FeedState.SYNCING)
        if again or not self.wants_snapshot:
            self._wish_snapshot(why)

    def _wish_snapshot(self, why: str) -> None:
        self.last_problem = why
        self.wants_snapshot = True
        self.requests += 1

    def _bad(self, error: MessageError, *, breaks_book: bool, strict: bool = True) -> None:
        if strict and self._strict:
            raise error
        self.counters.bad += 1
        self.last_problem = str(error)
        if breaks_book and self.state is not FeedState.CLOSED:
            # It may have been the snapshot that was asked for.
            self._lose_sync(str(error), again=True)

    def _disconnect(self) -> None:
        self.counters.disconnects += 1
        self._reset_book()
        self._enter(FeedState.CLOSED)

    def _reset_book(self) -> None:
        self.book.clear()
        self._held.clear()
        self.version = -1
        self.wants_snapshot = False
        self.content_ns = -1
        self._covered = None
        self._undecided = self._auto

    def _go_live(self) -> None:
        """Write the whole book and, unless it already was, become LIVE."""
        self.wants_snapshot = False
        bid, ask = self.book.worst(BID), self.book.worst(ASK)
        if bid and ask:
            self._covered = bid[0], ask[0]
        self._emit(Kind.SNAPSHOT_BEGIN, flags=Flag.SNAPSHOT)
        self._out.extend(self.book.rows(self._recv_ns, self.exch_ns, self._seq))
        self._emit(Kind.SNAPSHOT_END, flags=Flag.SNAPSHOT | Flag.LAST)
        self._enter(FeedState.LIVE)

    def _enter(self, state: FeedState) -> None:
        if state is self.state:
            return
        self.state = state
        self._emit(Kind.FEED_STATE, size_lots=state, flags=Flag.LAST)

    # Output

    def _emit(self, kind: Kind, *, flags: int, size_lots: int = 0) -> None:
        self._out.data += PACK_EVENT(self._recv_ns, self.exch_ns, 0, size_lots, self._seq, flags, kind, 0)

    def _emit_changes(self, changed: np.ndarray) -> None:
        """LEVEL events of one message; the last carries Flag.LAST."""
        if len(changed):
            self._out.extend(changed)
        else:
            self._emit(Kind.DEPTH_MARK, flags=Flag.LAST)

    @property
    def bids(self) -> dict[int, int]:
        """A copy: price_ticks -> size_lots, ascending. Trust it only while `state` is LIVE."""
        return self.book.side(BID)

    @property
    def asks(self) -> dict[int, int]:
        """As `bids`."""
        return self.book.side(ASK)

"""What every venue's session has in common: frames in, market events and frames to send out, no I/O.

A session is one connection's worth of symbols. Its shell (`connection.py`, or a test's simulated network)
reports what happens and then does what the session wants:

    opened, receive, fetched, tick, closed    what happened, each with its time
    take_events()                             market events, by symbol, for the consumer
    take_frames(at_ns)                        text frames to send now, within the venue's rate
    take_fetches(at_ns)                       REST paths to get; answered by `fetched`
    close_reason                              not "": close the connection, say why
    next_ns(at_ns)                            call `tick` then at the latest

A session outlives its connections: after `closed` comes the next `opened`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping

import msgspec
import numpy as np

from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import FeedState, joined
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.rules_watch import RuleChange
from paper_bitmart.feed.live.venue_limits import RateWindow, VenueLimits
from paper_bitmart.feed.mirror import MAX_AGE_NS, Mirror
from paper_bitmart.feed.pushes import DISCONNECTED, Push, decode_push, refused_line

FOREVER_NS = 2**63 - 1

Tap = Callable[[int, bytes], None]
"""Takes (recv_ns, line): every message as the mirrors saw it, in BitMart's form, for a recording."""

_DISCONNECTED_LINE = msgspec.json.encode({"event": DISCONNECTED})


def no_tap(recv_ns: int, line: bytes) -> None:
    """Records nothing."""


class VenueSession:
    """Base of the venues' sessions.

    Args:
        rules: of this connection's symbols.
        limits: of the venue.
        outages: shared by a source's sessions.
        max_age_ns: age of content from which on a book is STALE.

    Attributes:
        mirrors: one per symbol; a symbol that is `halted` keeps its mirror CLOSED.
        halted: symbol -> why it is not followed any more.
        close_reason: the shell closes the connection when this is not "".
        problems: texts for people, newest last, taken by `take_problems`.
        rules_doubted: content did not fit the rules: have they changed?
        rule_changes: of the symbols, in order.
        frames, bytes_in: received so far.
        tap: for a recording, see `Tap`; called when the mirrors have seen the line.
        raw: likewise for frames as they came, where the venue does not speak BitMart's language.
    """

    speaks_bitmart = False
    """Whether frames are BitMart's already, so that a recording of `tap` alone keeps all of them."""

    def __init__(
        self,
        rules: Mapping[str, SymbolRules],
        limits: VenueLimits,
        *,
        outages: OutageLog | None = None,
        max_age_ns: int = MAX_AGE_NS,
    ) -> None:
        self.rules = dict(rules)
        self.outages = OutageLog() if outages is None else outages
        self.mirrors: dict[str, Mirror] = {
            # Strict: a message that a mirror cannot read is refused here, so that a recording can tell it.
            symbol: Mirror(one, "auto", max_age_ns=max_age_ns, strict=True)
            for symbol, one in self.rules.items()
        }
        self._states = dict.fromkeys(self.mirrors, FeedState.SYNCING)
        self.halted: dict[str, str] = {}
        self.is_open = False
        self.close_reason = ""
        self.rules_doubted = False
        self.rule_changes: list[RuleChange] = []
        self.frames = 0
        self.bytes_in = 0
        self.seq = 0
        self.last_frame_ns = 0
        self.tap: Tap = no_tap
        self.raw: Tap = no_tap
        self._limits = limits
        self._problems: list[str] = []
        self._urgent: deque[str] = deque()
        self._outgoing: deque[str] = deque()
        self._rate = _rate(limits)
        self._fetches: list[str] = []
        self._events: dict[str, list[np.ndarray]] = {}

    # What happened

    def opened(self, at_ns: int) -> None:
        """A new connection is up; nothing carries over from the last one."""
        self.is_open = True
        self.close_reason = ""
        self.last_frame_ns = at_ns
        self._rate = _rate(self._limits)
        for symbol in self.followed():
            self._keep(symbol, self.mirrors[symbol].connected(at_ns))
        self._opened(at_ns)

    def receive(self, frame: bytes | str, at_ns: int) -> None:
        """A message came off the wire."""
        self.frames += 1
        self.bytes_in += len(frame)
        self.last_frame_ns = at_ns
        if self.raw is not no_tap:
            self.raw(at_ns, frame.encode() if isinstance(frame, str) else frame)
        self._receive(frame, at_ns)

    def fetched(self, path: str, body: bytes | None, at_ns: int) -> None:
        """A REST path was got; None: it could not be."""

    def tick(self, at_ns: int) -> None:
        """Time passed."""
        for symbol in self.followed():
            deadline = self.mirrors[symbol].stale_at_ns
            if deadline is not None and deadline <= at_ns:
                self._keep(symbol, self.mirrors[symbol].tick(at_ns))
        if self.is_open:
            self._tick(at_ns)

    def closed(self, at_ns: int, why: str) -> None:
        """The connection is lost, or could not be made."""
        was_open, self.is_open = self.is_open, False
        self.close_reason = ""
        self._urgent.clear()
        self._outgoing.clear()
        self._fetches.clear()
        for symbol in self.followed():
            mirror = self.mirrors[symbol]
            if mirror.state is not FeedState.CLOSED:
                mirror.last_problem = why
                self._keep(symbol, mirror.disconnected(at_ns))
        if was_open:
            self.tap(at_ns, _DISCONNECTED_LINE)
        self._closed(at_ns)

    def halt(self, symbol: str, why: str, at_ns: int, rules: SymbolRules | None = None) -> None:
        """Follow a symbol no longer: delisted, or its rules (the new ones are given) changed too much."""
        if symbol in self.halted:
            return
        self.halted[symbol] = why
        self.rule_changes.append(RuleChange(at_ns, symbol, why, rules))
        self._problems.append(f"{symbol}: {why}")
        mirror = self.mirrors[symbol]
        if mirror.state is not FeedState.CLOSED:
            mirror.last_problem = why
            self._keep(symbol, mirror.disconnected(at_ns))
        self._halted(symbol, at_ns)

    # What is wanted

    def next_ns(self, at_ns: int) -> int:
        """When `tick` or `take_frames` is due; FOREVER_NS if never."""
        stale = (self.mirrors[symbol].stale_at_ns for symbol in self.followed())
        due = min((ns for ns in stale if ns is not None), default=FOREVER_NS)
        if self._urgent or self._outgoing:
            due = min(due, self._rate.free_ns(at_ns))
        return min(due, self._next_ns(at_ns)) if self.is_open else due

    def take_frames(self, at_ns: int) -> list[str]:
        """Text frames to send now."""
        frames: list[str] = []
        while self._urgent and self._rate.take(at_ns):
            frames.append(self._urgent.popleft())
        while self._outgoing and self._rate.take(at_ns):
            frames.append(self._outgoing.popleft())
        return frames

    def take_fetches(self) -> list[str]:
        """REST paths to get now."""
        fetches, self._fetches = self._fetches, []
        return fetches

    def take_events(self) -> list[tuple[str, np.ndarray]]:
        """Market events since the last call: per symbol (n,) EVENT_DTYPE, n > 0."""
        events, self._events = self._events, {}
        return [(symbol, joined(parts)) for symbol, parts in events.items()]

    def take_problems(self) -> list[str]:
        """Texts for people since the last call."""
        problems, self._problems = self._problems, []
        return problems

    def followed(self) -> Iterable[str]:
        """Symbols that are not halted."""
        return [symbol for symbol in self.mirrors if symbol not in self.halted]

    @property
    def live(self) -> list[str]:
        """Symbols whose book is LIVE."""
        return [symbol for symbol, mirror in self.mirrors.items() if mirror.state is FeedState.LIVE]

    # For the venues

    def _opened(self, at_ns: int) -> None: ...
    def _receive(self, frame: bytes | str, at_ns: int) -> None: ...
    def _tick(self, at_ns: int) -> None: ...
    def _closed(self, at_ns: int) -> None: ...
    def _halted(self, symbol: str, at_ns: int) -> None: ...

    def _next_ns(self, at_ns: int) -> int:
        return FOREVER_NS

    def _believe(self, symbol: str, line: bytes, push: Push, at_ns: int) -> bool:
        """Pass a message of one symbol on to its mirror and the recording; False when it was refused."""
        mirror = self.mirrors[symbol]
        self.seq += 1
        try:
            mirror.accept(push, at_ns, self.seq)
        except MessageError as error:
            self._keep(symbol, mirror.take())
            self.rules_doubted = True
            self._refuse(str(error), line, at_ns, symbol)
            return False
        self._keep(symbol, mirror.take())
        self.tap(at_ns, line)
        return True

    def _refuse(self, why: str, frame: bytes | str, at_ns: int, symbol: str = "") -> None:
        """A frame is not believed: the book of its symbol, or of all, is out of sync."""
        line = refused_line(why, frame, symbol)
        push = decode_push(line)
        self.seq += 1
        for name in [symbol] if symbol else self.followed():
            mirror = self.mirrors[name]
            mirror.accept(push, at_ns, self.seq)
            self._keep(name, mirror.take())
        self.tap(at_ns, line)

    def _keep(self, symbol: str, events: np.ndarray) -> None:
        if len(events):
            mirror = self.mirrors[symbol]
            if mirror.state is not self._states[symbol]:
                self._states[symbol] = mirror.state
                self.outages.enter(symbol, mirror.state, int(events["recv_ns"][-1]), mirror.last_problem)
            self._events.setdefault(symbol, []).append(events)


def _rate(limits: VenueLimits) -> RateWindow:
    # A twentieth is kept back: the venue's window need not begin when ours does.
    count = limits.messages_per_window
    return RateWindow(count - count // 20, limits.window_ns)

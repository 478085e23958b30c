"""Raw captures to event arrays: every message goes through the very mirror that runs live.

capture lines -> decode_push -> one Mirror per symbol -> (n,) EVENT_DTYPE per symbol
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.rules import SymbolRules, load_rules
from paper_bitmart.feed.capture import CaptureError, CaptureReader, RawMessage
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.mirror import DepthSource, Mirror
from paper_bitmart.feed.mirror_counters import MirrorCounters
from paper_bitmart.feed.pushes import DISCONNECTED, REFUSED, Push, PushKind, decode_push, first_symbol

RulesOrPath = Mapping[str, SymbolRules] | Path | str

MOMENTS_MAX = 100


class FeedMoment(NamedTuple):
    """The feed of a symbol left LIVE: when, where in the file, and why."""

    symbol: str
    recv_ns: int
    line: int
    state: FeedState
    why: str


@dataclass(slots=True)
class CaptureReport:
    """What a conversion met. Nothing that was passed over is missing here.

    Attributes:
        path: the capture. first_ns, last_ns: receive times of its first and last line; 0 if it is empty.
        messages: lines per table (or per `event`, for lines that are no pushes).
        counters: per symbol, what its mirror counted.
        skipped: messages of symbols that were not asked for.
        unsynced_ns: per symbol, time after its first LIVE moment in which the book was not LIVE.
        moments: the first `MOMENTS_MAX` times a symbol left LIVE; `moments_left_out` counts the others.
        venue_errors: error frames the venue sent, by text.
        truncated: as `CaptureReader.truncated`.
    """

    path: Path
    lines: int = 0
    first_ns: int = 0
    last_ns: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    counters: dict[str, MirrorCounters] = field(default_factory=dict)
    skipped: Counter[str] = field(default_factory=Counter)
    unsynced_ns: dict[str, int] = field(default_factory=dict)
    moments: list[FeedMoment] = field(default_factory=list)
    moments_left_out: int = 0
    venue_errors: Counter[str] = field(default_factory=Counter)
    truncated: str = ""

    @property
    def span_ns(self) -> int:
        return self.last_ns - self.first_ns

    @property
    def gaps(self) -> int:
        return sum(counters.gaps for counters in self.counters.values())

    @property
    def crossed(self) -> int:
        return sum(counters.crossed for counters in self.counters.values())

    def lines_for_people(self) -> list[str]:
        """What was passed over or looks wrong; usually nothing."""
        lines = [f"{symbol}: {count:,} messages skipped" for symbol, count in self.skipped.items()]
        for symbol, counters in self.counters.items():
            counts = {
                "gaps": counters.gaps, "crossed books": counters.crossed, "duplicates": counters.duplicates,
                "messages not understood": counters.bad,
                "prints out of sync dropped": counters.trades_dropped,
                "messages of other channels ignored": counters.ignored,
            }  # fmt: skip
            met = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
            if met:
                lines.append(f"{symbol}: {met}")
        lines += [f"venue: {count:,} x {text}" for text, count in self.venue_errors.items()]
        if self.truncated:
            lines.append(f"capture: {self.truncated}")
        return lines


@dataclass(slots=True)
class CapturedMarket:
    """`events`: per symbol (n,) EVENT_DTYPE ordered by recv_ns; `rules` of the same symbols."""

    events: dict[str, np.ndarray]
    rules: dict[str, SymbolRules]
    report: CaptureReport


class CaptureConverter:
    """Converts a capture message by message: `feed` each line, `take` events whenever you like.

    Args:
        path: names the capture in errors.
        rules: by symbol, or a symbols/details file.
        symbols: convert only these; None converts all that appear.
        source: which depth channel to mirror, see `Mirror`.
        max_age_ns: content older than this makes a symbol STALE; None (the default) never does, because
            a recording without signs of life says nothing about the venue's silence.

    Raises:
        RulesError, OSError: the rules file cannot be used.
    """

    def __init__(
        self,
        path: Path | str,
        rules: RulesOrPath,
        symbols: Collection[str] | None = None,
        *,
        source: DepthSource = "auto",
        max_age_ns: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.rules, self._rules_name = _resolve(rules)
        self._wanted = None if symbols is None else frozenset(symbols)
        self._source = source
        self._max_age_ns = max_age_ns
        self._live_until: dict[str, int] = {}
        self.mirrors: dict[str, Mirror] = {}
        self._by_name: dict[bytes, Mirror] = {}
        self.report = CaptureReport(self.path)
        for symbol in sorted(self._wanted or ()):
            if symbol not in self.rules:
                raise CaptureError(self.path, 0, f"{symbol} is not in {self._rules_name}", "symbols")

    def feed(self, raw: RawMessage) -> None:
        """Convert one line.

        Raises:
            CaptureError: not a BitMart message, a symbol that the rules do not have, or a price or size
                off its tick or lot.
        """
        if self._follow(raw):
            return
        try:
            push = decode_push(raw.payload)
            self._count(raw, push.name, push.error)
            if push.kind is PushKind.CONTROL and push.name in (DISCONNECTED, REFUSED):
                for mirror in self.mirrors.values():
                    self._accept(mirror, raw, push)
                return
            # In the order of the message: that of a set would differ between runs.
            for symbol in dict.fromkeys(item.symbol for item in push.items):
                found = self.mirrors.get(symbol) or self._mirror(symbol, raw.line)
                if found is not None:
                    self._accept(found, raw, push)
        except MessageError as error:
            raise CaptureError(self.path, raw.line, error.why, error.field) from error

    def take(self) -> dict[str, np.ndarray]:
        """Events per symbol since the last `take`."""
        return {symbol: mirror.take() for symbol, mirror in self.mirrors.items()}

    def finish(self, truncated: str = "") -> CaptureReport:
        """Complete the report after the last line; `truncated` as the reader says."""
        report = self.report
        report.truncated = truncated
        for symbol, since in self._live_until.items():
            report.unsynced_ns[symbol] = report.unsynced_ns.get(symbol, 0) + report.last_ns - since
        self._live_until.clear()
        return report

    def _follow(self, raw: RawMessage) -> bool:
        """The common case, without decoding the line: an update that continues a live book."""
        mirror = self._by_name.get(first_symbol(raw.payload))
        # A book that has grown old before this line goes the long way.
        if mirror is None or self._is_stale(mirror, raw):
            return False
        if not mirror.follow(raw.payload, raw.recv_ns, raw.line - 1):
            return False
        self._count(raw, PushKind.INCREMENT.value)
        if mirror.state is not FeedState.LIVE:
            self._note(mirror, FeedState.LIVE, raw.recv_ns, raw.line)
        return True

    def _count(self, raw: RawMessage, name: str, error: str = "") -> None:
        report = self.report
        if not report.lines:
            report.first_ns = raw.recv_ns
        report.lines += 1
        report.last_ns = raw.recv_ns
        report.messages[name] += 1
        if error:
            report.venue_errors[error] += 1

    def _accept(self, mirror: Mirror, raw: RawMessage, push: Push) -> None:
        before = mirror.state
        if self._is_stale(mirror, raw):
            mirror.pass_time(mirror.content_ns + (self._max_age_ns or 0))
            before = self._note(mirror, before, mirror.content_ns + (self._max_age_ns or 0), raw.line)
        mirror.accept(push, raw.recv_ns, raw.line - 1)
        if mirror.state is not before:
            self._note(mirror, before, raw.recv_ns, raw.line)

    @staticmethod
    def _is_stale(mirror: Mirror, raw: RawMessage) -> bool:
        return mirror.stale_at_ns is not None and mirror.stale_at_ns <= raw.recv_ns

    def _note(self, mirror: Mirror, before: FeedState, at_ns: int, line: int) -> FeedState:
        """Book-keep a change of state."""
        symbol, report = mirror.symbol, self.report
        if mirror.state is FeedState.LIVE:
            since = self._live_until.pop(symbol, at_ns)
            report.unsynced_ns[symbol] = report.unsynced_ns.get(symbol, 0) + at_ns - since
        elif before is FeedState.LIVE:
            self._live_until[symbol] = at_ns
            if len(report.moments) < MOMENTS_MAX:
                report.moments.append(FeedMoment(symbol, at_ns, line, mirror.state, mirror.last_problem))
            else:
                report.moments_left_out += 1
        return mirror.state

    def _mirror(self, symbol: str, line: int) -> Mirror | None:
        if self._wanted is not None and symbol not in self._wanted:
            self.report.skipped[symbol] += 1
            return None
        if symbol not in self.rules:
            raise CaptureError(self.path, line, f"{symbol[:60]} is not in {self._rules_name}", "data.symbol")
        mirror = Mirror(self.rules[symbol], self._source, max_age_ns=self._max_age_ns, strict=True)
        self.mirrors[symbol] = self._by_name[symbol.encode()] = mirror
        self.report.counters[symbol] = mirror.counters
        return mirror


def load_capture(
    path: Path | str,
    rules: RulesOrPath,
    symbols: Collection[str] | None = None,
    *,
    source: DepthSource = "auto",
    max_age_ns: int | None = None,
) -> CapturedMarket:
    """Convert a whole capture into arrays; arguments as `CaptureConverter`.

    Returns:
        Events of every symbol that has depth or trades in the capture. Gaps, crossed books, duplicates
        and everything passed over are in the report.

    Raises:
        CaptureError: the file, or a message in it, cannot be read; names file, line and field.

    Cost: 40 bytes of memory per event; about 10 us per message.
    """
    converter = CaptureConverter(path, rules, symbols, source=source, max_age_ns=max_age_ns)
    reader = CaptureReader(path)
    for raw in reader:
        converter.feed(raw)
    report = converter.finish(reader.truncated)
    known = {symbol: converter.rules[symbol] for symbol in converter.mirrors}
    return CapturedMarket(converter.take(), known, report)


def _resolve(rules: RulesOrPath) -> tuple[Mapping[str, SymbolRules], str]:
    if isinstance(rules, Mapping):
        return rules, f"the rules given ({', '.join(rules) or 'none'})"
    loaded = load_rules(rules)
    return loaded, f"the rules file {rules} ({', '.join(loaded) or 'empty'})"

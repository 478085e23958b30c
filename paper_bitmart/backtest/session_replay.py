"""Replays a recorded session through the same venue calls, and compares what comes of each of them.

Compared byte by byte are all outcome lines (accepted, filled, cancelled, balances, feed states, refusals)
and, of a session that was closed in order, the venue's whole state at its end, queue positions included.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np

from paper_bitmart import __version__
from paper_bitmart.backtest.session_reader import SessionReader, Step
from paper_bitmart.backtest.session_records import (
    OUTCOMES_NAME,
    Called,
    Ended,
    FeedsClosed,
    Market,
    Restarted,
    call_lines,
    event_lines,
)
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.calls import Call
from paper_bitmart.exchange.markets import MarketBatch
from paper_bitmart.exchange.recording_json import RecordDecoder
from paper_bitmart.exchange.state import state_hash
from paper_bitmart.exchange.venue import Venue

NOTHING = "nothing"


class _Kind(msgspec.Struct):
    """The tag of an outcome line."""

    type: str


_TYPE: RecordDecoder[_Kind] = RecordDecoder(_Kind)


class Difference(NamedTuple):
    """Where replay and recording part. `line`: in outcomes.zst; 0 for the state at the end."""

    line: int
    recorded: str
    replayed: str


@dataclass(slots=True)
class Verdict:
    """What a replay came to.

    Attributes:
        counts: recorded outcome lines by kind, e.g. OrderAccepted.
        calls, market_events: what the venue was given.
        difference: None if everything is identical.
        is_state_compared: the venue's state at the end was, too.
        ending: "" or how a recording ends that was not closed in order; it was compared up to there.
        version: of the program that recorded.
    """

    counts: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    market_events: int = 0
    difference: Difference | None = None
    is_state_compared: bool = False
    ending: str = ""
    version: str = __version__

    @property
    def is_identical(self) -> bool:
        return self.difference is None

    def lines(self) -> list[str]:
        """For people; the first line is the verdict."""
        count = self.counts.get
        numbers = (
            f"{count('OrderAccepted', 0):,} orders, {count('OrderFilled', 0):,} fills, "
            f"{count('OrderCanceled', 0):,} cancels, {count('Refused', 0):,} refusals; "
            f"{self.market_events:,} market events, {self.calls:,} calls"
        )
        if self.difference is None:
            state = "; same state at the end" if self.is_state_compared else ""
            told = [f"identical: {numbers}{state}"]
        else:
            place = f"{OUTCOMES_NAME}:{self.difference.line}" if self.difference.line else "state at the end"
            told = [
                f"different from {place} on ({numbers})",
                f"  recorded: {self.difference.recorded}",
                f"  replayed: {self.difference.replayed}",
            ]
            if self.version != __version__:
                told.append(f"  recorded by version {self.version}, replayed by {__version__}")
        return [*told, f"the recording is not whole: {self.ending}"] if self.ending else told


def replay_session(path: Path | str, *, out: Path | None = None) -> Verdict:
    """Replay a session and compare it with its recording.

    Args:
        path: the session's folder.
        out: gets the replay's outcome lines, one JSON object per line.

    Raises:
        SessionError, CaptureError: the folder is no session, or damaged. OSError: a file.
    """
    reader = SessionReader(path)
    verdict = Verdict(version=reader.facts.version)
    venue = reader.venue()
    line = 1
    with _lines_to(out) as write:
        for step in reader.steps():
            if isinstance(step.record, Ended):
                _compare_states(venue, step.record.state_sha256, verdict)
                continue
            if isinstance(step.record, Restarted):
                venue = reader.venue(reader.state(step.record.number))
            replayed = [raw.payload for raw in step.outcomes]
            if not isinstance(step.record, Restarted):
                replayed = outcome_lines(venue, step)
            write(replayed)
            _count(step, verdict)
            _compare(step, replayed, line, verdict)
            line += len(step.outcomes)
    verdict.ending = reader.ending
    return verdict


def outcome_lines(venue: Venue, step: Step) -> list[bytes]:
    """Give the venue what it was given; returns what comes of it now."""
    match step.record:
        case Market():
            return event_lines(venue.market_all(batches(step.market))[1])
        case FeedsClosed(at_ns=at_ns):
            return event_lines(venue.close_feeds(at_ns))
        case Called(call=call, at_ns=at_ns):
            return call_lines(call.account, at_ns, *outcome_of(call, venue, at_ns))
    raise TypeError(f"{type(step.record).__name__} is nothing that a venue is given")


def outcome_of(call: Call, venue: Venue, at_ns: int) -> tuple[Any, Exception | None]:
    """(result, None) or (None, refusal), as the wheel sees it."""
    try:
        return call(venue, at_ns), None
    except (BitmartError, ValueError) as error:
        return None, error


def batches(market: Mapping[str, np.ndarray]) -> dict[str, MarketBatch]:
    return {symbol: MarketBatch(events) for symbol, events in market.items()}


def _compare(step: Step, replayed: list[bytes], first_line: int, verdict: Verdict) -> None:
    if verdict.difference is not None:
        return
    recorded = [raw.payload for raw in step.outcomes]
    if recorded == replayed:
        return
    at = next(
        (i for i, pair in enumerate(zip(recorded, replayed, strict=False)) if pair[0] != pair[1]),
        min(len(recorded), len(replayed)),
    )
    verdict.difference = Difference(first_line + at, _shown(recorded, at), _shown(replayed, at))


def _shown(lines: list[bytes], at: int) -> str:
    return lines[at].decode() if at < len(lines) else NOTHING


def _compare_states(venue: Venue, recorded_sha256: str, verdict: Verdict) -> None:
    if not recorded_sha256:
        return
    verdict.is_state_compared = True
    replayed_sha256 = state_hash(venue.export_state())
    if verdict.difference is None and replayed_sha256 != recorded_sha256:
        verdict.difference = Difference(0, f"sha256 {recorded_sha256}", f"sha256 {replayed_sha256}")


def _count(step: Step, verdict: Verdict) -> None:
    verdict.calls += isinstance(step.record, Called)
    verdict.market_events += sum(map(len, step.market.values()))
    for raw in step.outcomes:
        kind = _TYPE.decode(raw.payload).type
        verdict.counts[kind] = verdict.counts.get(kind, 0) + 1


@contextmanager
def _lines_to(path: Path | None) -> Iterator[Callable[[list[bytes]], None]]:
    if path is None:
        yield lambda lines: None
        return
    with path.open("wb") as file:

        def write(lines: list[bytes]) -> None:
            _write(file, lines)

        yield write


def _write(file: BinaryIO, lines: list[bytes]) -> None:
    for line in lines:
        file.write(line + b"\n")

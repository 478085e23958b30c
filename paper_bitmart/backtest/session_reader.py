"""Reads a recorded session step by step, with bounded memory, up to where it is whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import zstandard

from paper_bitmart.backtest.session_facts import SessionError, read_facts, rules_of
from paper_bitmart.backtest.session_records import (
    CALLS_NAME,
    FACTS_NAME,
    MARKET_NAME,
    OUTCOMES_NAME,
    RECORDS,
    AnyRecord,
    Ended,
    Market,
    state_name,
)
from paper_bitmart.backtest.session_rows import RowReader
from paper_bitmart.exchange.state import VenueState, decode_state
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.capture import CaptureError, CaptureReader, RawMessage
from paper_bitmart.feed.compression import DAMAGED

STATE_BYTES_MAX = 1 << 32


class Step(NamedTuple):
    """One thing that the venue was given. `line`: in calls.zst; `market`: by symbol, of a Market record."""

    line: int
    record: AnyRecord
    market: dict[str, np.ndarray]
    outcomes: list[RawMessage]


class SessionReader:
    """A recorded session.

    Attributes:
        facts: what it was run with. rules: by symbol.
        ending: how it ends, known once `steps` was exhausted: "" closed in order, else what is missing.

    Raises:
        SessionError: no session, or damaged facts.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.facts = read_facts(self.path / FACTS_NAME)
        self.rules = rules_of(self.path / FACTS_NAME, self.facts)
        self.ending = ""

    def state(self, number: int) -> VenueState:
        """The venue at the start (1) or after a roll-back. Raises SessionError: missing or damaged."""
        path = self.path / state_name(number)
        try:
            packed = path.read_bytes()
            data = zstandard.ZstdDecompressor().decompress(packed, max_output_size=STATE_BYTES_MAX)
            return decode_state(data)
        except FileNotFoundError:
            raise SessionError(path, "is missing") from None
        except (*DAMAGED, msgspec.DecodeError) as error:
            raise SessionError(path, str(error)) from error

    def venue(self, state: VenueState | None = None) -> Venue:
        """A new venue with the session's rules and settings, at its start or at `state`."""
        venue = Venue(self.rules, settings=self.facts.venue_settings(), matchers=self.facts.core_matchers())
        venue.import_state(self.state(1) if state is None else state)
        return venue

    def steps(self) -> Iterator[Step]:
        """All steps in order, until the end or the first one that is not whole.

        Raises:
            SessionError, CaptureError: a file is damaged, not merely cut. OSError: as `open`.
        """
        calls = CaptureReader(self.path / CALLS_NAME)
        outcomes = iter(CaptureReader(self.path / OUTCOMES_NAME))
        rows = {symbol: RowReader(self.path / MARKET_NAME / f"{symbol}.zst") for symbol in self.rules}
        self.ending = "it was not closed: the program was killed"
        for raw in calls:
            record = self._record(raw)
            told = [line for _, line in zip(range(record.outcomes), outcomes, strict=False)]
            market = _market(record, rows)
            if market is None or len(told) < record.outcomes:
                self.ending = f"it was cut off: {CALLS_NAME}:{raw.line} has lost what belongs to it"
                return
            yield Step(raw.line, record, market, told)
            if isinstance(record, Ended):
                self.ending = "" if record.state_sha256 else "the session had failed"
                return

    def _record(self, raw: RawMessage) -> AnyRecord:
        try:
            return RECORDS.decode(raw.payload)
        except msgspec.DecodeError as error:
            raise CaptureError(self.path / CALLS_NAME, raw.line, str(error)) from error


def _market(record: AnyRecord, rows: dict[str, RowReader]) -> dict[str, np.ndarray] | None:
    """What a Market record took of each symbol, nothing for other records; None if some of it is lost."""
    market = {}
    for symbol, count in record.rows.items() if isinstance(record, Market) else ():
        taken = rows[symbol].take(count)
        if taken is None:
            return None
        market[symbol] = taken
    return market

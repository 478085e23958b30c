"""The lines of a recorded session: what the venue was given, in order, and what came of each.

A session is a folder:

    session.json           what it was run with (`session_facts`)
    state-1.json.zst       the venue when the recording began; state-2... after a failed write was rolled back
    calls.zst              lines `<ns> <record>`: everything the venue was given, in the order of giving
    outcomes.zst           lines `<ns> <event, refusal or told ids>`: what came of it, in the same order
    market/SYMBOL.zst      the market events of a symbol, EVENT_DTYPE rows, in the order of giving

Every record says how many outcome lines are its own, and a `Market` record how many rows it took of each
symbol, so a folder whose files end at different places is whole up to the last record that has all its parts.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.calls import AnyCall
from paper_bitmart.exchange.events import AnyEvent, Event
from paper_bitmart.exchange.recording_json import RecordDecoder, encode_record
from paper_bitmart.exchange.venue import CancelResult

FACTS_NAME, CALLS_NAME, OUTCOMES_NAME, MARKET_NAME = "session.json", "calls.zst", "outcomes.zst", "market"


class Record(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """`outcomes`: how many outcome lines belong to it."""

    outcomes: int = 0


class Market(Record, frozen=True, kw_only=True):
    """`venue.market_all`; `rows`: how many events of each symbol."""

    rows: dict[str, int]


class Called(Record, frozen=True, kw_only=True):
    """A client's call; `sent_ns`: when it set out, `at_ns`: when it arrived."""

    sent_ns: int
    at_ns: int
    call: AnyCall


class FeedsClosed(Record, frozen=True, kw_only=True):
    """`venue.close_feeds`."""

    at_ns: int


class Restarted(Record, frozen=True, kw_only=True):
    """The venue was replaced by the one in state file `number`."""

    number: int


class Ended(Record, frozen=True, kw_only=True):
    """The session was closed in order; `state_sha256`: of the venue as it was left, "" if it had failed."""

    state_sha256: str


AnyRecord = Market | Called | FeedsClosed | Restarted | Ended
RECORDS: RecordDecoder[AnyRecord] = RecordDecoder(AnyRecord)


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A call that changed nothing. `code`: BitMart's, 0 for what no client of the API can cause."""

    at_ns: int
    account: str
    code: int
    why: str


class CancelTold(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a cancel of several orders answered, besides its events."""

    at_ns: int
    account: str
    success_ids: list[str]
    fail_ids: list[str]


AnyOutcome = AnyEvent | Refused | CancelTold
OUTCOMES: RecordDecoder[AnyOutcome] = RecordDecoder(AnyOutcome)


def state_name(number: int) -> str:
    return f"state-{number}.json.zst"


def event_lines(events: Sequence[Event]) -> list[bytes]:
    """One line per event, as in the journal."""
    return [encode_record(event) for event in events]


def call_lines(account: str, at_ns: int, result: Any, refused: Exception | None) -> list[bytes]:
    """What came of a call: its events, and what is told beside them."""
    if refused is not None:
        code = refused.code if isinstance(refused, BitmartError) else 0
        return [encode_record(Refused(at_ns=at_ns, account=account, code=code, why=str(refused)))]
    if isinstance(result, CancelResult):
        told = CancelTold(
            at_ns=at_ns, account=account, success_ids=result.success_ids, fail_ids=result.fail_ids
        )
        return [*event_lines(result.events), encode_record(told)]
    return event_lines(result)

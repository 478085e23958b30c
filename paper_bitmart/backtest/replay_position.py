"""How far a replay has come: stored with the venue's state in one checkpoint, so that it can be resumed.

A replay commits its journal only together with a checkpoint. After a kill -9 the journal therefore ends
exactly where the newest checkpoint stands, OUT is cut to the length noted there, and what follows is played
again, the same.
"""

from pathlib import Path

import msgspec

from paper_bitmart.backtest.replay_out import Tally
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalForeign
from paper_bitmart.exchange.state import VenueState
from paper_bitmart.exchange.venue import Venue


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands.

    Attributes:
        fingerprint: of the run's inputs and settings; another run cannot go on from here.
        commands_done: commands of the schedule that have arrived.
        events_done: by symbol, market events applied.
        is_closed: the market's end was announced to the venue.
        out_bytes: length of OUT. tally: its lines.
    """

    fingerprint: str
    commands_done: int
    events_done: dict[str, int]
    is_closed: bool
    out_bytes: int
    tally: Tally


class ReplayState(VenueState, frozen=True, kw_only=True):
    """A venue's state with the position of the replay that drove it there."""

    replay: Position


class ResumeError(ValueError):
    """A run cannot be resumed from this state directory. Carries `directory` and `why`."""

    def __init__(self, directory: Path, why: str) -> None:
        super().__init__(f"{directory}: {why}")
        self.directory, self.why = directory, why


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(ReplayState)


def save_position(journal: Journal, venue: Venue, position: Position) -> None:
    """Commit everything journaled together with the state after it.

    Raises:
        JournalWriteFailed: nothing was written.
    """
    state = venue.export_state()
    fields = {name: getattr(state, name) for name in state.__struct_fields__}
    journal.checkpoint(_ENCODER.encode(ReplayState(**fields, replay=position)), venue.now_ns)


def load_position(journal: Journal, fingerprint: str) -> ReplayState:
    """The state to go on from.

    Raises:
        ResumeError: there is no checkpoint, or it belongs to other inputs or settings.
        JournalForeign: the journal was not written by a replay.
    """
    checkpoint = next(journal.checkpoints(), None)
    if checkpoint is None or checkpoint.seq != (journal.last_seq or 0):
        raise ResumeError(journal.directory, "holds no run to resume; start it without --resume")
    try:
        state = _DECODER.decode(checkpoint.state)
    except msgspec.DecodeError as error:
        raise JournalForeign(journal.path, f"was not written by a replay: {error}") from error
    if state.replay.fingerprint != fingerprint:
        raise ResumeError(
            journal.directory,
            "the run there had another capture, orders, rules or settings; use those, or another --state",
        )
    return state

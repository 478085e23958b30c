"""Checkpoints: a stopped run as a file, tied to its data and to the version that wrote it.

CheckpointError    a file is no checkpoint, or one that this run cannot go on from
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paper_bitmart import __version__
from paper_bitmart.backtest.tape import Tape, TapeError

MARK = f"paper_bitmart checkpoint 3, version {__version__}"


class CheckpointError(TapeError):
    """A run cannot go on from a file. The text names the file and says why."""


def write_checkpoint(path: Path | str, kind: str, tapes: Mapping[str, Tape], state: Any) -> None:
    """Write `state` so that it appears under its name only once it is whole.

    Args:
        kind: of run; a checkpoint of another kind is refused.
        tapes: what is played; not written, only recognised.

    Raises:
        pickle.PicklingError, TypeError, AttributeError: something in it cannot be pickled. OSError.
    """
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    # The state is a pickle of its own: whether it may be read is known before its classes are needed.
    body = pickle.dumps(state, pickle.HIGHEST_PROTOCOL)
    partial.write_bytes(pickle.dumps((MARK, kind, _extents(tapes), body), pickle.HIGHEST_PROTOCOL))
    partial.replace(target)


def read_checkpoint(path: Path | str, kind: str, tapes: Mapping[str, Tape]) -> Any:
    """The state that `write_checkpoint` wrote. It is a pickle: read only your own.

    Raises:
        CheckpointError: no checkpoint, one of another kind, version or data, or its classes are unknown here.
        OSError: as `open`.
    """
    found = _unpickled(path)
    if not isinstance(found, tuple) or len(found) != 4 or not str(found[0]).startswith("paper_bitmart"):
        raise CheckpointError(f"{path}: is no checkpoint")
    *written_by, extents, body = found
    if written_by != [MARK, kind]:
        raise CheckpointError(f"{path}: is a {', '.join(map(str, written_by))}; needed is a {MARK}, {kind}")
    if extents != _extents(tapes):
        raise CheckpointError(f"{path}: was made with other data")
    try:
        return pickle.loads(body)
    except (AttributeError, ImportError) as error:
        why = f"{path}: load the strategy's file first, as the run did that wrote it: {error}"
        raise CheckpointError(why) from error


def _unpickled(path: Path | str) -> Any:
    try:
        return pickle.loads(Path(path).read_bytes())
    except (pickle.UnpicklingError, ValueError, TypeError, EOFError, LookupError, ImportError, AttributeError,
            MemoryError, OverflowError) as error:  # fmt: skip
        # What a pickle of something else may raise; our own frame holds plain values only.
        raise CheckpointError(f"{path}: is no checkpoint: {error}") from error


def _extents(tapes: Mapping[str, Tape]) -> list[tuple[str, int, int, int]]:
    return [(symbol, tape.size, tape.first_ns, tape.last_ns) for symbol, tape in tapes.items()]

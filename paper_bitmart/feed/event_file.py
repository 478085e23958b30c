"""Converted captures on disk: the events of each symbol in one .npz, so that a replay skips conversion."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE

FORMAT = "paper_bitmart events 1"
_FORMAT_KEY = "format"


class EventFileError(ValueError):
    """The file does not hold events as `save_events` writes them. Carries `path` and `why`."""

    def __init__(self, path: Path | str, why: str) -> None:
        self.path = Path(path)
        self.why = why
        super().__init__(f"{self.path}: {why}")


def save_events(path: Path | str, events: Mapping[str, np.ndarray]) -> None:
    """Write per symbol (n,) EVENT_DTYPE; an existing file is replaced once the new one is whole.

    Raises:
        EventFileError: an array is not EVENT_DTYPE. OSError: as `open`.
    """
    target = Path(path)
    arrays = {_FORMAT_KEY: np.array(FORMAT)}
    for symbol, array in events.items():
        if array.dtype != EVENT_DTYPE:
            raise EventFileError(target, f"{symbol}: expected EVENT_DTYPE, got {array.dtype}")
        arrays[f"events/{symbol}"] = array
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    partial.replace(target)


def load_events(path: Path | str) -> dict[str, np.ndarray]:
    """Read what `save_events` wrote: the same arrays, bit for bit.

    Raises:
        EventFileError: another format, a damaged file, or events out of time order. OSError: as `open`.
    """
    source = Path(path)
    try:
        with np.load(source, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise EventFileError(source, f"not a readable .npz: {error}") from error
    if str(arrays.pop(_FORMAT_KEY, "")) != FORMAT:
        raise EventFileError(source, f"expected format {FORMAT!r}")
    return {name.removeprefix("events/"): _checked(source, name, array) for name, array in arrays.items()}


def _checked(path: Path, name: str, events: np.ndarray) -> np.ndarray:
    if events.dtype != EVENT_DTYPE or events.ndim != 1:
        raise EventFileError(path, f"{name}: expected (n,) EVENT_DTYPE, got {events.shape} {events.dtype}")
    if np.any(np.diff(events["recv_ns"]) < 0):
        raise EventFileError(path, f"{name}: receive times go back")
    return events

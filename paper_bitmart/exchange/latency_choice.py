"""What latency a user asked for, in one place for every command, and the recorded series as a file.

at_ns,entry_ns,cancel_ns,response_ns        CSV; at least one of the last three columns
1723161721155668794,23000000,21000000,22500000
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paper_bitmart.matching.latency import (
    Constant,
    Exponential,
    LatencyError,
    LatencyModel,
    LatencyProfile,
    Recorded,
)
from paper_bitmart.matching.latency_load import Load, LoadDependent, RunningLoad
from paper_bitmart.matching.latency_presets import PRESETS

ROLES = ("entry", "cancel", "response")


class LatencyFileError(ValueError):
    """A file of recorded latencies cannot be read. Carries `path`, `line` (0: the whole) and `why`."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}{f':{line}' if line else ''}: {why}")
        self.path, self.line, self.why = path, line, why


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyChoice:
    """A latency by its settings; it makes new models for every run, so that runs do not share random streams.

    Attributes:
        base: a name of PRESETS, or the file of a recorded series.
        entry_ns, cancel_ns, response_ns, market_data_ns: constants in place of the base's; cancels take
            `entry_ns` when only that is given.
        jitter_ns: mean of an exponential delay on top of constant entry and cancel delays; 0 for none.
        seed: of everything random.
        load_ns: added for each market message of the last 100 ms to entry and cancel; 0 for none.
    """

    base: str | Path = "none"
    entry_ns: int | None = None
    cancel_ns: int | None = None
    response_ns: int | None = None
    market_data_ns: int | None = None
    jitter_ns: int = 0
    seed: int = 0
    load_ns: int = 0

    @property
    def is_none(self) -> bool:
        """It delays nothing."""
        constants = (self.entry_ns, self.cancel_ns, self.response_ns, self.market_data_ns)
        return self.base == "none" and not (any(constants) or self.jitter_ns or self.load_ns)

    def profile(self, load: Load | None = None) -> LatencyProfile:
        """New models.

        Args:
            load: where market messages are counted; None with `load_ns` counts them as the session sees them.

        Raises:
            LatencyFileError: the recorded series cannot be read.
        """
        base = PRESETS[self.base].profile(self.seed) if isinstance(self.base, str) else read_series(self.base)
        entry: LatencyModel = self._delay(self.entry_ns, base.entry, 0)
        cancel = self._delay(self.entry_ns if self.cancel_ns is None else self.cancel_ns, base.cancel, 1)
        running = None
        if self.load_ns:
            if load is None:
                load = running = RunningLoad()
            entry = LoadDependent(entry, load, self.load_ns)
            cancel = LoadDependent(cancel, load, self.load_ns)
        return LatencyProfile(
            entry,
            cancel,
            base.response if self.response_ns is None else Constant(self.response_ns),
            base.market_data if self.market_data_ns is None else Constant(self.market_data_ns),
            running,
        )

    def __str__(self) -> str:
        """What it is, for people: `assumed_near`, `entry 5 ms, jitter 2 ms`."""
        named = {
            "entry": self.entry_ns, "cancel": self.cancel_ns, "response": self.response_ns,
            "market data": self.market_data_ns, "jitter": self.jitter_ns or None,
        }  # fmt: skip
        parts = [str(self.base)] if self.base != "none" else []
        parts += [f"{name} {value / 10**6:g} ms" for name, value in named.items() if value is not None]
        if self.load_ns:
            parts.append(f"{self.load_ns / 10**3:g} us a message")
        return ", ".join(parts) or "none"

    def _delay(self, constant_ns: int | None, base: LatencyModel, stream: int) -> LatencyModel:
        if self.jitter_ns:
            return Exponential(constant_ns or 0, self.jitter_ns, 2 * self.seed + stream)
        return base if constant_ns is None else Constant(constant_ns)


def read_series(path: Path) -> LatencyProfile:
    """A recorded series: the delay of the last row at or before a time, by market time; no interpolation.

    A role without a column takes no time, but cancels take the entry's.

    Raises:
        LatencyFileError: not a series; names file, line and rule. OSError: as `open`.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        columns = {role: f"{role}_ns" for role in ROLES if f"{role}_ns" in (rows.fieldnames or ())}
        if "at_ns" not in (rows.fieldnames or ()) or not columns:
            names = ", ".join(f"{role}_ns" for role in ROLES)
            raise LatencyFileError(path, 1, f"must have the columns at_ns and one or more of {names}")
        times: list[int] = []
        delays: dict[str, list[int]] = {role: [] for role in columns}
        for number, row in enumerate(rows, 2):
            times.append(_whole(path, number, row, "at_ns"))
            for role, column in columns.items():
                delays[role].append(_whole(path, number, row, column))
    try:
        models = {
            role: Recorded(np.array(times, np.int64), np.array(own, np.int64)) for role, own in delays.items()
        }
    except LatencyError as error:
        raise LatencyFileError(path, 0, str(error)) from error
    none = Constant(0)
    entry: LatencyModel = models.get("entry", none)
    return LatencyProfile(entry, models.get("cancel", entry), models.get("response", none), none)


def _whole(path: Path, line: int, row: Mapping[str, str | None], column: str) -> int:
    text = row[column]
    if text is None or not text.strip().isdigit():
        raise LatencyFileError(path, line, f"{column} must be a whole number of ns, not {text!r}")
    return int(text)

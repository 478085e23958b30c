"""Cells of a sweep: one combination of parameters, what became of it, and the file that remembers it.

SweepError    a directory belongs to another sweep, or is damaged
"""

import hashlib
import json
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.statistics import statistics

CELLS_FILE = "cells.jsonl"
Parameters = dict[str, Any]
Row = dict[str, Any]


class SweepError(ValueError):
    """A sweep cannot go on in a directory. The text names it and says why."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one combination: statistics by account and symbol, or the traceback that ended it."""

    parameters: Parameters
    rows: list[Row]
    error: str = ""

    @property
    def key(self) -> str:
        return key_of(self.parameters)


def run_cell(run: Callable[..., Results], parameters: Parameters) -> Cell:
    """Run one cell; whatever it raises is its result."""
    try:
        rows = [row.as_dict() for row in statistics(run(**parameters))]
    except Exception:  # noqa: BLE001 - a failed cell is told in the table, with its traceback
        return Cell(parameters, [], traceback.format_exc())
    return Cell(parameters, rows)


def key_of(parameters: Mapping[str, Any]) -> str:
    """The same for equal parameters, in any process."""
    text = json.dumps(parameters, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def kept_cells(
    directory: Path | str | None, fingerprint: str
) -> Iterator[tuple[dict[str, Cell], Callable[[Cell], None]]]:
    """Cells done before, and what keeps a new one; failed ones are tried again."""
    if directory is None:
        yield {}, lambda cell: None
        return
    path = Path(directory) / CELLS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    done = _read_cells(path, fingerprint) if path.exists() else {}
    with path.open("a", encoding="utf-8") as file:
        if file.tell() == 0:
            _write_line(file, {"fingerprint": fingerprint})
        yield done, lambda cell: _write_cell(file, cell)


def _read_cells(path: Path, fingerprint: str) -> dict[str, Cell]:
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    if lines[-1]:
        # A line that was being written when the process died: that cell is run again.
        path.write_text(text[: len(text) - len(lines[-1])], encoding="utf-8")
    try:
        rows = [json.loads(line) for line in lines[:-1]]
        found = rows[0]["fingerprint"] if rows else fingerprint
        cells = {row["key"]: Cell(row["parameters"], row["rows"]) for row in rows[1:] if not row["error"]}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise SweepError(f"{path}: is damaged: {error}") from error
    if found != fingerprint:
        raise SweepError(
            f"{path}: holds another sweep (strategy, data or settings); choose another directory"
        )
    return cells


def _write_cell(file: IO[str], cell: Cell) -> None:
    parameters = {name: _plain(value) for name, value in cell.parameters.items()}
    _write_line(file, {"key": cell.key, "parameters": parameters, "rows": cell.rows, "error": cell.error})


def _write_line(file: IO[str], row: Row) -> None:
    file.write(json.dumps(row) + "\n")
    file.flush()


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | None) else repr(value)

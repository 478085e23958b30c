"""Parameter sweeps over any `concurrent.futures.Executor`: a process pool, one's own, or a cluster's.

    sweep("maker.py:Maker", {"gamma": [0.001, 0.002], "lots": [100, 1000]}, "market/", rules=None)

Every cell is a backtest of its own, with its own copy of every setting, so the table does not depend on the
executor or on the order in which cells finish. A cell that fails tells its parameters and traceback; the
others go on. With `directory`, a sweep that was interrupted goes on with what is not done.

SweepError    the directory belongs to another sweep
"""

import hashlib
import itertools
import json
import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.statistics import statistics
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.strategy_file import load_strategy
from paper_bitmart.backtest.tape import Data

CELLS_FILE = "cells.jsonl"
Parameters = dict[str, Any]
Row = dict[str, Any]


class SweepError(ValueError):
    """A sweep cannot go on in a directory. The text names it and says why."""


class InProcess(Executor):
    """Runs each cell at once in this process: for debugging, and for compiled strategies."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of one combination: statistics by account and symbol, or the traceback that ended it."""

    parameters: Parameters
    rows: list[Row]
    error: str = ""

    @property
    def key(self) -> str:
        return key_of(self.parameters)


@dataclass(slots=True)
class SweepTable:
    """Results of a sweep, in the order of the grid. `resumed`: cells that an earlier run had done."""

    cells: list[Cell]
    resumed: int = 0

    @property
    def failed(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.error]

    def rows(self) -> list[Row]:
        """One row per cell, account and symbol: parameters, then statistics; the former of failed cells."""
        return [cell.parameters | row for cell in self.cells for row in cell.rows or [{}]]

    def to_pandas(self) -> Any:
        """`rows` as a pandas.DataFrame. Raises ImportError without pandas."""
        import pandas

        return pandas.DataFrame(self.rows())


@dataclass(frozen=True, slots=True)
class BacktestCell:
    """Runs one cell as a `Backtest`; can be sent to another process.

    Attributes:
        strategy: FILE.py:NAME, or a class or function that other processes can import.
        settings: keyword arguments of `Backtest`.
    """

    strategy: str | Callable[..., Strategy]
    data: Data
    settings: dict[str, Any] = field(default_factory=dict)

    def __call__(self, **parameters: Any) -> Results:
        if isinstance(self.strategy, str):
            strategy = load_strategy(self.strategy, parameters)
        else:
            strategy = self.strategy(**parameters)
        # Copied: latency models draw from their own random streams, which cells must not share.
        return Backtest(self.data, strategy, **deepcopy(self.settings)).run()


def sweep(
    strategy: str | Callable[..., Strategy],
    grid: Mapping[str, Sequence[Any]],
    data: Data,
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    directory: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> SweepTable:
    """Backtest a strategy for every combination of the grid's values.

    Args:
        strategy: FILE.py:NAME, or a class or function, called with a combination's values by name.
        grid: values by parameter name; the last name varies fastest.
        data: see `open_data`; paths, unless the executor works in this process.
        executor: None is a pool of `workers` processes (default: one per core), closed afterwards.
        directory: keeps finished cells; a sweep that is started there again goes on.
        progress: called with (cells done, cells in all) after each cell.
        settings: keyword arguments of `Backtest`.

    Raises:
        SweepError: `directory` belongs to another sweep. What fails inside a cell is in the table.
    """
    run = BacktestCell(strategy, data, settings)
    name = strategy if isinstance(strategy, str) else f"{strategy.__module__}.{strategy.__qualname__}"
    fingerprint = key_of({"strategy": name, "data": repr(data), "settings": repr(sorted(settings.items()))})
    return sweep_runs(
        run, grid, executor=executor, workers=workers, directory=directory, progress=progress,
        fingerprint=fingerprint,
    )  # fmt: skip


def sweep_runs(
    run: Callable[..., Results],
    grid: Mapping[str, Sequence[Any]],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    directory: Path | str | None = None,
    progress: Callable[[int, int], None] | None = None,
    fingerprint: str = "",
) -> SweepTable:
    """As `sweep`, for any function of the parameters that gives Results, e.g. of a `FastBacktest`.

    `fingerprint`: text that is another for another sweep; guards `directory`.
    """
    combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    with _kept(directory, fingerprint) as (done, keep), _executor(executor, workers) as pool:
        waiting = [one for one in combinations if key_of(one) not in done]
        resumed = len(combinations) - len(waiting)
        futures = {pool.submit(run_cell, run, one): one for one in waiting}
        for number, future in enumerate(as_completed(futures), 1):
            cell = _cell_of(future, futures[future])
            done[cell.key] = cell
            keep(cell)
            if progress is not None:
                progress(resumed + number, len(combinations))
        return SweepTable([done[key_of(one)] for one in combinations], resumed)


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


def _cell_of(future: "Future[Cell]", parameters: Parameters) -> Cell:
    """The cell, also when the worker itself was lost."""
    error = future.exception()
    if error is None:
        return future.result()
    return Cell(parameters, [], "".join(traceback.format_exception(error)))


@contextmanager
def _executor(executor: Executor | None, workers: int | None) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    # Not forked: a copy of a process that has threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield pool


@contextmanager
def _kept(
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

"""Parameter sweeps over any `concurrent.futures.Executor`: a process pool, one's own, or a cluster's.

    sweep("maker.py:Maker", {"gamma": [0.001, 0.002], "lots": [100, 1000]}, "market/", rules=None)

Every cell is a backtest of its own, with its own copy of every setting, so the table does not depend on the
executor or on the order in which cells finish. A cell that fails tells its parameters and traceback; the
others go on. With `directory`, a sweep that was interrupted goes on with what is not done.
"""

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.strategy_file import load_strategy
from paper_bitmart.backtest.sweep_cells import Cell, Row, kept_cells, key_of
from paper_bitmart.backtest.sweep_data import data_name, opened
from paper_bitmart.backtest.sweep_pool import cells_on, cells_on_own_pool
from paper_bitmart.backtest.tape import Data


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
        settings = deepcopy(self.settings)
        tapes = opened(self.data, settings.pop("rules", None), settings.pop("symbols", None))
        return Backtest(tapes, strategy, **settings).run()


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
    fingerprint = key_of(
        {
            "strategy": _source_of(strategy),
            "data": data_name(data),
            "settings": repr(sorted(settings.items())),
        }
    )
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
    combinations = [
        dict(zip(grid, map(_python_value, values), strict=True))
        for values in itertools.product(*grid.values())
    ]
    with kept_cells(directory, fingerprint) as (done, keep):
        waiting = [one for one in combinations if key_of(one) not in done]
        resumed = len(combinations) - len(waiting)
        cells = (
            cells_on_own_pool(run, waiting, workers) if executor is None else cells_on(executor, run, waiting)
        )
        for number, cell in enumerate(cells, 1):
            done[cell.key] = cell
            keep(cell)
            if progress is not None:
                progress(resumed + number, len(combinations))
        return SweepTable([done[key_of(one)] for one in combinations], resumed)


def _source_of(strategy: str | Callable[..., Strategy]) -> str:
    """Another for another strategy, and for the same one after its source has changed."""
    if isinstance(strategy, str):
        file = Path(strategy.rpartition(":")[0])
        # A file that is not there is told by each cell.
        source = file.read_text(encoding="utf-8") if file.is_file() else ""
        return f"{strategy} {source}"
    try:
        source = inspect.getsource(strategy)
    except (OSError, TypeError):
        source = ""
    return f"{strategy.__module__}.{strategy.__qualname__} {source}"


def _python_value(value: Any) -> Any:
    """numpy's numbers as Python's, which survive being written and read."""
    return value.item() if isinstance(value, np.generic) else value

"""Where the cells of a sweep run: an executor that is given, or a pool of processes of our own."""

import multiprocessing
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import Any

from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.sweep_cells import Cell, Parameters, key_of, run_cell

Run = Callable[..., Results]


class InProcess(Executor):
    """Runs each cell at once in this process: for debugging, and for compiled strategies."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def cells_on(executor: Executor, run: Run, waiting: Sequence[Parameters]) -> Iterator[Cell]:
    """Cells as they finish. When the caller gives up, those that have not begun are called off."""
    if isinstance(executor, InProcess):
        # It runs a cell when it gets it: one by one, so that each is kept before the next.
        yield from (_cell_of(executor.submit(run_cell, run, one), one) for one in waiting)
        return
    futures = {executor.submit(run_cell, run, one): one for one in waiting}
    try:
        for future in as_completed(futures):
            yield _cell_of(future, futures[future])
    finally:
        for future in futures:
            future.cancel()


def cells_on_own_pool(run: Run, waiting: Sequence[Parameters], workers: int | None) -> Iterator[Cell]:
    """Cells as they finish on processes of our own, whatever happens to one of these.

    A process that dies takes its pool along, and nobody can tell which cell killed it. So what is left runs
    one by one until the culprit is found, and then all together again.
    """
    left = {key_of(one): one for one in waiting}
    is_hunting = False
    while left:
        batch = list(left.values())[:1] if is_hunting else list(left.values())
        is_broken = False
        with _pool(1 if is_hunting else workers) as pool:
            for future, one in _finished(pool, run, batch):
                if isinstance(future.exception(), BrokenExecutor):
                    is_broken = True
                    if not is_hunting:
                        continue
                del left[key_of(one)]
                yield _cell_of(future, one)
        is_hunting = is_broken != is_hunting


def _finished(
    pool: Executor, run: Run, batch: Sequence[Parameters]
) -> "Iterator[tuple[Future[Cell], Parameters]]":
    """Futures as they finish; a pool that breaks while it is filled breaks those it did not take, too."""
    futures: dict[Future[Cell], Parameters] = {}
    for one in batch:
        try:
            future = pool.submit(run_cell, run, one)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        futures[future] = one
    for future in as_completed(futures):
        yield future, futures[future]


def _cell_of(future: "Future[Cell]", parameters: Parameters) -> Cell:
    """The cell, also when the worker itself was lost."""
    error = future.exception()
    if error is None:
        return future.result()
    return Cell(parameters, [], "".join(traceback.format_exception(error)))


@contextmanager
def _pool(workers: int | None) -> Iterator[ProcessPoolExecutor]:
    """A pool of new processes, not forked ones: a copy of a process that has threads may hang.

    When the caller gives up, cells that have not begun are called off, and those that run are waited for.
    """
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)

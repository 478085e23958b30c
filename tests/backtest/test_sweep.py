import json
import math
import os
import shutil
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.history_convert import convert
from paper_bitmart.backtest.sweep import sweep, sweep_runs
from paper_bitmart.backtest.sweep_cells import CELLS_FILE, SweepError, key_of
from paper_bitmart.backtest.sweep_data import opened
from paper_bitmart.backtest.sweep_pool import InProcess
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.matching.latency import Exponential, LatencyProfile
from tests.backtest.backtest_market import MS, Quoter, demo
from tests.backtest.run_digests import quote
from tests.small_market import DEMO, DEMO_RULES

GRID = {"lots": [100, 300]}


class Picky(Quoter):
    """Fails on one value."""

    def __init__(self, lots, most=0):
        super().__init__(lots)
        if lots == 300:
            raise ZeroDivisionError("three hundred")


class Deadly(Quoter):
    """Kills its process on one value."""

    def __init__(self, lots):
        super().__init__(lots)
        if lots == 200:
            os._exit(3)


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("market")
    convert([DEMO], folder, load_rules(DEMO_RULES), symbol="ETH_USDT")
    return folder


def run(market, strategy=Quoter, grid=GRID, **settings):
    settings = {"executor": InProcess()} | settings
    return sweep(strategy, grid, market, **settings)


def same(a, b):
    return json.dumps(a.rows()) == json.dumps(b.rows())


def test_the_table_has_a_row_per_combination_in_the_order_of_the_grid(market):
    table = run(market, Picky, {"most": [1, 2], "lots": [100, 200]})
    assert [(row["most"], row["lots"], row["symbol"]) for row in table.rows()] == [
        (1, 100, "ETH_USDT"), (1, 200, "ETH_USDT"), (2, 100, "ETH_USDT"), (2, 200, "ETH_USDT"),
    ]  # fmt: skip
    assert all(row["fills"] > 100 for row in table.rows())
    assert table.failed == []


@pytest.mark.parametrize("kind", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_the_table_does_not_depend_on_the_executor(market, kind):
    models = [Exponential(5 * MS, 3 * MS, seed=role) for role in range(4)]
    settings = {"latency": LatencyProfile(*models)}
    alone = run(market, **settings)
    with kind(2) as executor:
        assert same(run(market, executor=executor, **settings), alone)
    # Running changed none of the settings given.
    assert same(run(market, **settings), alone)


def test_a_cluster_of_two_workers_gives_the_same_table(market, tmp_path):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        local_directory=str(tmp_path),
    )  # fmt: skip
    grid = {"lots": [100, 200, 300, 400]}
    with cluster, distributed.Client(cluster) as client:
        client.wait_for_workers(2)
        assert same(run(market, grid=grid, executor=client.get_executor()), run(market, grid=grid))
        failed = run(market, Picky, {"lots": [100, 300]}, executor=client.get_executor()).failed
    assert [(one.parameters, "three hundred" in one.error) for one in failed] == [({"lots": 300}, True)]


def test_a_failed_cell_tells_its_traceback_and_the_others_go_on(market):
    table = run(market, Picky, {"lots": [100, 300, 200]})
    (failed,) = table.failed
    assert failed.parameters == {"lots": 300}
    assert "ZeroDivisionError: three hundred" in failed.error
    assert [row.get("symbol") for row in table.rows()] == ["ETH_USDT", None, "ETH_USDT"]


def test_a_process_that_dies_costs_its_own_cell_only(market):
    table = run(market, Deadly, {"lots": [100, 200, 300, 400]}, executor=None, workers=2)
    (failed,) = table.failed
    assert failed.parameters == {"lots": 200}
    assert "terminated abruptly" in failed.error
    assert [row.get("symbol") for row in table.rows()] == ["ETH_USDT", None, "ETH_USDT", "ETH_USDT"]


def test_an_interrupted_sweep_goes_on_with_what_is_not_done(market, tmp_path, monkeypatch):
    def stop_after_two(done, of):
        assert len(ran) == done
        if done == 2:
            raise KeyboardInterrupt

    ran = []
    monkeypatch.setattr(Quoter, "on_stop", lambda self, desk: ran.append(self.lots))

    grid = {"lots": [100, 200, 300, 400]}
    with pytest.raises(KeyboardInterrupt):
        run(market, grid=grid, directory=tmp_path, progress=stop_after_two)
    with (tmp_path / CELLS_FILE).open("a") as file:
        file.write('{"key": "cut of')
    seen = []
    table = run(market, grid=grid, directory=tmp_path, progress=lambda *counts: seen.append(counts))
    assert (table.resumed, seen) == (2, [(3, 4), (4, 4)])
    assert same(table, run(market, grid=grid))


@pytest.mark.parametrize("executor", [None, "threads"])
def test_giving_up_calls_off_what_has_not_begun(market, tmp_path, executor):
    def stop(done, of):
        raise KeyboardInterrupt

    grid = {"lots": list(range(100, 130))}
    with ThreadPoolExecutor(2) as threads:
        chosen = threads if executor else None
        with pytest.raises(KeyboardInterrupt):
            run(market, grid=grid, directory=tmp_path, progress=stop, executor=chosen, workers=2)
    kept = (tmp_path / CELLS_FILE).read_text().splitlines()
    assert len(kept) == 2, "the fingerprint and the one cell that was told"


def run_compiled(lots, data):
    return FastBacktest(opened(data), quote, np.array([lots]), response_ns=MS).run()


def test_compiled_strategies_are_swept_too_and_resume(market, tmp_path):
    run = partial(run_compiled, data=market)
    table = sweep_runs(run, GRID, executor=InProcess(), directory=tmp_path)
    assert [(row["lots"], row["fills"] > 100) for row in table.rows()] == [(100, True), (300, True)]
    again = sweep_runs(run, {"lots": [100, 200]}, executor=InProcess(), directory=tmp_path)
    assert (again.resumed, again.failed) == (1, [])
    assert again.cells[0] == table.cells[0]


def test_failed_cells_are_tried_again(market, tmp_path):
    grid = {"lots": [300]}
    assert run(market, Picky, grid, directory=tmp_path).failed
    assert run(market, Picky, grid, directory=tmp_path).resumed == 0


def test_a_directory_of_another_sweep_is_refused(market, tmp_path):
    run(market, directory=tmp_path)
    with pytest.raises(SweepError, match="holds another sweep"):
        run(market, Picky, directory=tmp_path)
    (tmp_path / CELLS_FILE).write_text("{\n")
    with pytest.raises(SweepError, match="is damaged"):
        run(market, directory=tmp_path)


FILE = """
from paper_bitmart import Strategy

class Mine(Strategy):
    def __init__(self, lots):
        self.lots = lots

    def on_book(self, desk, symbol):
        if not desk.tickets:
            desk.buy(symbol, desk.best_ask(symbol), self.lots)
"""


def test_a_strategy_or_data_that_have_changed_are_another_sweep(market, tmp_path):
    file, folder = tmp_path / "mine.py", tmp_path / "sweep"
    file.write_text(FILE)
    assert run(market, f"{file}:Mine", directory=folder).resumed == 0
    assert run(market, f"{file}:Mine", directory=folder).resumed == 2
    with pytest.raises(SweepError, match="holds another sweep"):
        run([market, DEMO], f"{file}:Mine", directory=folder, rules=DEMO_RULES)
    file.write_text(FILE.replace("best_ask", "best_bid"))
    with pytest.raises(SweepError, match="holds another sweep"):
        run(market, f"{file}:Mine", directory=folder)


def test_data_in_memory_resume_too_and_numpy_values_stay_numbers(tmp_path):
    grid = {"lots": np.array([100, 200])}
    first = run(demo(), grid=grid, directory=tmp_path, symbols=["ETH_USDT"])
    again = run(demo(), grid=grid, directory=tmp_path, symbols=["ETH_USDT"])
    assert (again.resumed, again.cells) == (2, first.cells)
    assert [type(row["lots"]) for row in again.rows()] == [int, int]


def test_files_are_opened_once_in_a_process_until_they_change(market, tmp_path):
    copy = tmp_path / "market"
    shutil.copytree(market, copy)
    tapes = opened(copy, symbols=["ETH_USDT"])
    assert opened(str(copy), symbols=["ETH_USDT"]) is tapes
    assert opened(copy) is not tapes
    (meta,) = copy.rglob("meta.json")
    os.utime(meta, ns=(1, meta.stat().st_mtime_ns + 10**9))
    assert opened(copy, symbols=["ETH_USDT"]) is not tapes


def test_frames_hold_the_same_rows(market):
    pytest.importorskip("pandas")
    table = run(market, Picky)
    frame = table.to_pandas()
    assert frame["lots"].tolist() == [100, 300]
    assert math.isnan(frame["pnl_net"][1])


def test_equal_parameters_have_equal_keys():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})

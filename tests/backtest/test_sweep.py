import json
import math
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from paper_bitmart.backtest.history_convert import convert
from paper_bitmart.backtest.sweep import CELLS_FILE, InProcess, SweepError, key_of, sweep
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.matching.latency import Exponential, LatencyProfile
from tests.backtest.backtest_market import MS, Quoter
from tests.small_market import DEMO, DEMO_RULES

GRID = {"lots": [100, 300]}


class Picky(Quoter):
    """Fails on one value."""

    def __init__(self, lots, most=0):
        super().__init__(lots)
        if lots == 300:
            raise ZeroDivisionError("three hundred")


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
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None,
        local_directory=str(tmp_path),
    )  # fmt: skip
    with cluster, distributed.Client(cluster) as client:
        assert same(run(market, executor=client.get_executor()), run(market))


def test_a_failed_cell_tells_its_traceback_and_the_others_go_on(market):
    table = run(market, Picky, {"lots": [100, 300, 200]})
    (failed,) = table.failed
    assert failed.parameters == {"lots": 300}
    assert "ZeroDivisionError: three hundred" in failed.error
    assert [row.get("symbol") for row in table.rows()] == ["ETH_USDT", None, "ETH_USDT"]


def test_an_interrupted_sweep_goes_on_with_what_is_not_done(market, tmp_path):
    def stop_after_two(done, of):
        if done == 2:
            raise KeyboardInterrupt

    grid = {"lots": [100, 200, 300, 400]}
    with pytest.raises(KeyboardInterrupt):
        run(market, grid=grid, directory=tmp_path, progress=stop_after_two)
    with (tmp_path / CELLS_FILE).open("a") as file:
        file.write('{"key": "cut of')
    seen = []
    table = run(market, grid=grid, directory=tmp_path, progress=lambda *counts: seen.append(counts))
    assert (table.resumed, seen) == (2, [(3, 4), (4, 4)])
    assert same(table, run(market, grid=grid))


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


def test_frames_hold_the_same_rows(market):
    pytest.importorskip("pandas")
    table = run(market, Picky)
    frame = table.to_pandas()
    assert frame["lots"].tolist() == [100, 300]
    assert math.isnan(frame["pnl_net"][1])


def test_equal_parameters_have_equal_keys():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})

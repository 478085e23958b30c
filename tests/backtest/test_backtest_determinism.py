"""The same run in other processes, under other hash seeds, interpreted and compiled, in other chunks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.history import History
from paper_bitmart.backtest.history_convert import convert
from paper_bitmart.backtest.tape import ArrayTape, HistoryTape
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.connector.connector_backtest import ConnectorBacktest
from tests.backtest import run_digests
from tests.backtest.backtest_market import Quoter, demo, same
from tests.small_market import DEMO, DEMO_RULES

ROOT = Path(__file__).parents[2]


HASH_SEEDS = ("0", "4321")


@pytest.fixture(scope="module")
def elsewhere():
    """By hash seed, what an interpreted process prints; they run beside this one."""
    processes = {
        hash_seed: subprocess.Popen(
            [sys.executable, "-m", "tests.backtest.run_digests"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "NUMBA_DISABLE_JIT": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in HASH_SEEDS
    }
    yield processes
    for process in processes.values():
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def here(elsewhere):
    return {name: [len(one.fills), run_digests.digest(one)] for name, one in run_digests.runs().items()}


@pytest.mark.parametrize("hash_seed", HASH_SEEDS)
def test_another_process_with_another_hash_seed_gets_the_same_even_interpreted(elsewhere, here, hash_seed):
    printed, _ = elsewhere[hash_seed].communicate(timeout=300)
    assert elsewhere[hash_seed].returncode == 0
    assert json.loads(printed) == here
    assert all(fills > 40 for fills, _ in here.values())


def test_the_digest_notices_a_difference():
    one, other = (Backtest(run_digests.tapes(), Quoter(lots)).run() for lots in (100, 101))
    assert run_digests.digest(one) != run_digests.digest(other)


@pytest.mark.parametrize("rows", [1, 97, 5_000])
def test_the_size_of_the_chunks_changes_nothing_in_any_of_the_three_ways(rows):
    market = demo()
    few = {name: events[:2_000] for name, events in market.events.items()}

    def runs(chunk_rows):
        data = {name: ArrayTape(market.rules[name], few[name], chunk_rows=chunk_rows) for name in few}
        yield Backtest(data, Quoter(), latency=run_digests.delays()).run()
        yield ConnectorBacktest(data, run_digests.program, latency=run_digests.delays()).run()
        one = {"BTC_USDT": data["BTC_USDT"]}
        yield FastBacktest(one, run_digests.quote, np.array([100]), response_ns=10**7).run()

    for whole, chunked in zip(runs(0), runs(rows), strict=True):
        assert len(whole.fills) > 5
        assert same(whole, chunked)


@pytest.mark.parametrize("packed", [False, True])
def test_a_history_gives_what_its_capture_gives_whatever_is_read_at_once(tmp_path, packed):
    convert([DEMO], tmp_path, load_rules(DEMO_RULES), symbol="ETH_USDT", packed=packed)
    (folder,) = tmp_path.glob("ETH_USDT/*")
    whole = Backtest(demo(), Quoter(), symbols=["ETH_USDT"]).run()
    for rows in (333, 100_000):
        data = {"ETH_USDT": HistoryTape([History(folder)], chunk_rows=rows)}
        assert same(Backtest(data, Quoter()).run(), whole)

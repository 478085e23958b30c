"""A run that is stopped, saved and loaded again - anywhere - ends as one that never stopped."""

import pickle
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.checkpoint import CheckpointError
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.matching.latency import Constant, Exponential, LatencyProfile
from tests.backtest.backtest_market import MS, Quoter, demo, same
from tests.backtest.run_digests import delays, quote, tapes

ROOT = Path(__file__).parents[2]
DELAY_NS = 10 * MS


@pytest.fixture(scope="module")
def market():
    return tapes()


def awkward_cuts(results):
    """Times at which something happens, the nanosecond before and after, and some at random; rising."""
    start, end = results.start_ns, results.end_ns
    chance = random.Random(3)
    wake = start + 1_700 * MS
    moments = [
        start, wake, wake + DELAY_NS, int(results.fills["at_ns"][5]), int(results.fills["at_ns"][-1]),
        int(results.orders["created_ns"][20]), int(results.orders["closed_ns"].max()), end,
    ]  # fmt: skip
    around = [at + by for at in moments for by in (-1, 0, 1)]
    return sorted({*around, *(chance.randrange(start, end) for _ in range(8))})


@pytest.mark.parametrize("jitter", [False, True])
@pytest.mark.parametrize("engine", ["compiled", "venue"])
def test_one_account_on_one_symbol_cut_anywhere_ends_the_same(market, tmp_path, engine, jitter):
    def begin():
        entry, cancel = (Exponential(DELAY_NS, MS, seed) if jitter else Constant(0) for seed in (1, 2))
        latency = LatencyProfile(entry, cancel, Constant(DELAY_NS))
        return Backtest(market, Quoter(70), symbols=["BTC_USDT"], latency=latency, engine=engine)

    whole, run = begin().run(), begin()
    assert run.engine == engine
    assert len(whole.fills) > 30
    for at_ns in awkward_cuts(whole):
        run.run(at_ns)
        run.save(tmp_path / "checkpoint")
        run = Backtest.load(tmp_path / "checkpoint", market, symbols=["BTC_USDT"])
    assert (run.engine, run.is_finished) == (engine, True)
    assert same(run.run(), whole)


@pytest.mark.parametrize("delayed", [False, True])
def test_a_plain_run_cut_anywhere_ends_the_same(market, tmp_path, delayed):
    def begin():
        strategies = {"alice": Quoter(70), "bob": Quoter(300)}
        return Backtest(market, strategies, latency=delays() if delayed else None)

    whole = begin().run()
    assert len(whole.fills) > 200
    run = begin()
    for at_ns in awkward_cuts(whole):
        run.run(at_ns)
        assert run.now_ns == min(max(at_ns, whole.start_ns), whole.end_ns)
        run.save(tmp_path / "checkpoint")
        run = Backtest.load(tmp_path / "checkpoint", market)
    assert run.is_finished
    assert same(run.run(), whole)


@pytest.mark.parametrize("chunk_rows", [0, 7])
def test_a_compiled_run_cut_anywhere_ends_the_same(market, tmp_path, chunk_rows):
    tape = market["BTC_USDT"]
    data = {"BTC_USDT": ArrayTape(tape.rules, next(tape.chunks()), chunk_rows=chunk_rows)}

    def begin():
        return FastBacktest(data, quote, np.array([100]), entry_ns=DELAY_NS, response_ns=DELAY_NS)

    whole = begin().run()
    assert len(whole.fills) > 40
    run = begin()
    for at_ns in awkward_cuts(whole):
        run.run(at_ns)
        assert run.now_ns == min(max(at_ns, whole.start_ns), whole.end_ns)
        run.save(tmp_path / "checkpoint")
        run = FastBacktest.load(tmp_path / "checkpoint", data, quote)
    assert run.is_finished
    assert same(run.run(), whole)
    assert run.run().elapsed_s >= 0


def test_the_saved_run_itself_goes_on_too_and_the_memory_goes_along(market, tmp_path):
    whole = FastBacktest(market, quote, np.array([100]), symbol="BTC_USDT").run()
    run = FastBacktest(market, quote, np.array([100]), symbol="BTC_USDT")
    middle_ns = (whole.start_ns + whole.end_ns) // 2
    part = run.run(middle_ns)
    assert 0 < len(part.fills) < len(whole.fills)
    assert (part.end_ns, run.is_finished) == (middle_ns, False)
    run.save(tmp_path / "c")
    run.memory[0] = 5
    loaded = FastBacktest.load(tmp_path / "c", market, quote, symbol="BTC_USDT")
    assert loaded.memory.tolist() == [100]
    assert same(loaded.run(), whole)


def test_a_checkpoint_goes_on_in_another_process(market, tmp_path):
    whole = Backtest(market, Quoter(70), latency=delays()).run()
    run = Backtest(market, Quoter(70), latency=delays())
    run.run((whole.start_ns + whole.end_ns) // 2)
    run.save(tmp_path / "c")
    program = f"""
from paper_bitmart.backtest.backtest import Backtest
from tests.backtest.run_digests import digest, tapes
print(digest(Backtest.load({str(tmp_path / "c")!r}, tapes()).run()))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    from tests.backtest.run_digests import digest

    assert done.stdout.strip() == digest(whole)


def damaged(data):
    return {
        "of text": b"hello",
        "empty": b"",
        "cut": data[: len(data) // 2],
        "of something else": pickle.dumps({"a": 1}),
        "of a class nobody has": b"\x80\x04\x8c\x07nowhere\x8c\x05Thing\x93.",
    }


def test_what_is_no_checkpoint_of_this_run_is_refused(market, tmp_path):
    path = tmp_path / "c"
    Backtest(market, Quoter(), symbols=["BTC_USDT"]).save(path)
    for name, content in damaged(path.read_bytes()).items():
        (tmp_path / "d").write_bytes(content)
        with pytest.raises(CheckpointError, match="is no checkpoint"):
            pytest.fail(f"{name}: {Backtest.load(tmp_path / 'd', market)}")
    with pytest.raises(CheckpointError, match="other data"):
        Backtest.load(path, market)
    with pytest.raises(CheckpointError, match=r", Backtest; needed is .*, FastBacktest"):
        FastBacktest.load(path, market, quote, symbol="BTC_USDT")
    with pytest.raises(FileNotFoundError):
        Backtest.load(tmp_path / "nothing", market)


def test_a_checkpoint_of_another_version_is_refused(market, tmp_path, monkeypatch):
    Backtest(market, Quoter()).save(tmp_path / "c")
    monkeypatch.setattr("paper_bitmart.backtest.checkpoint.MARK", "paper_bitmart checkpoint 2, version 9.9")
    with pytest.raises(CheckpointError, match=r"needed is .*9\.9"):
        Backtest.load(tmp_path / "c", market)


def test_other_functions_than_those_that_ran_are_refused(market, tmp_path):
    FastBacktest(market, quote, np.array([100]), symbol="BTC_USDT").save(tmp_path / "c")

    def another(desk, book, memory):
        raise AssertionError

    with pytest.raises(CheckpointError, match="is of quote, hear_nothing, not of another, hear_nothing"):
        FastBacktest.load(tmp_path / "c", market, another, symbol="BTC_USDT")


def test_a_strategy_whose_file_was_not_loaded_is_named(market, tmp_path, monkeypatch):
    from paper_bitmart.backtest.strategy_file import load_strategy

    file = tmp_path / "mine.py"
    file.write_text("from paper_bitmart import Strategy\nclass Mine(Strategy):\n    pass\n")
    Backtest(demo(), load_strategy(f"{file}:Mine")).save(tmp_path / "c")
    Backtest.load(tmp_path / "c", demo())
    monkeypatch.delitem(sys.modules, "strategy_mine")
    with pytest.raises(CheckpointError, match="load the strategy's file first"):
        Backtest.load(tmp_path / "c", demo())

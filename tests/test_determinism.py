"""Same capture and orders, same OUT bytes: in any process, compiled or not, raw or converted, whole or cut.

Scope: one version of the program, machines of one kind. Fees, latencies and seeds are part of the inputs.
"""

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_market import DEMO, DEMO_ORDERS, DEMO_RULES, ES, ES_ORDERS, ES_RULES

from paper_bitmart.backtest.replay import ReplayOptions, replay
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.event_file import save_events

LATENCY_MS, JITTER_MS, SEED = 15, 4, 3
CUTS = 6


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo market converted once, and what its orders come to."""
    folder = tmp_path_factory.mktemp("demo")
    events = folder / "demo.npz"
    save_events(events, load_capture(DEMO, load_rules(DEMO_RULES)).events)
    options = ReplayOptions(
        capture=events, symbols=DEMO_RULES, orders=DEMO_ORDERS, out=folder / "whole.jsonl",
        latency=LatencyChoice(entry_ns=LATENCY_MS * 10**6, jitter_ns=JITTER_MS * 10**6, seed=SEED),
    )  # fmt: skip
    replay(options)
    return options


def in_a_process(capture, rules, orders, out, *more, **environment):
    arguments = ("replay", capture, "--symbols", rules, "--orders", orders, "--out", out, *more)
    subprocess.run(
        [sys.executable, "-m", "paper_bitmart", *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        check=True,
    )
    return out.read_bytes()


def test_a_replay_has_something_to_compare(demo):
    lines = demo.out.read_text().splitlines()
    for event in ("accept", "reject", "fill", "cancel", "cancel_reject"):
        assert any(f'"event":"{event}"' in line for line in lines)
    for evidence in ("took_level", "print_at_price", "opposite_quote"):
        assert any(f'"evidence":"{evidence}"' in line for line in lines)


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_other_processes_with_other_hash_seeds_give_the_same_bytes(demo, tmp_path, hash_seed):
    """From the raw capture, while the fixture ran on converted events: those are the same market."""
    latency = ("--entry-latency-ms", LATENCY_MS, "--jitter-ms", JITTER_MS, "--seed", SEED)
    out = in_a_process(
        DEMO, DEMO_RULES, DEMO_ORDERS, tmp_path / "out.jsonl", *latency, PYTHONHASHSEED=hash_seed
    )
    assert out == demo.out.read_bytes()


def test_interpreted_code_gives_the_same_bytes_as_compiled_code(tmp_path):
    compiled, interpreted = (
        in_a_process(ES, ES_RULES, ES_ORDERS, tmp_path / f"{flag}.jsonl", NUMBA_DISABLE_JIT=flag)
        for flag in ("0", "1")
    )
    assert compiled == interpreted
    assert compiled.count(b'"event":"fill"') > 10


@settings(max_examples=CUTS)
@given(st.data())
def test_a_run_cut_in_two_anywhere_gives_the_same_bytes(demo, tmp_path_factory, data):
    lines = DEMO_ORDERS.read_bytes().splitlines()
    first_ns, last_ns = (int(line.split(b",")[0].split(b":")[1]) for line in (lines[0], lines[-1]))
    until_ns = data.draw(st.integers(first_ns - 10**9, last_ns + 10**9), label="until_ns")
    folder = tmp_path_factory.mktemp("cut")
    options = replace(demo, out=folder / "out.jsonl", state=folder / "state")
    replay(replace(options, until_ns=until_ns))
    replay(replace(options, resume=True))
    assert options.out.read_bytes() == demo.out.read_bytes()


def test_a_run_cut_in_many_gives_the_same_bytes(demo, tmp_path):
    first_ns = int(DEMO_ORDERS.read_bytes().split(b",")[0].split(b":")[1])
    options = replace(demo, out=tmp_path / "out.jsonl", state=tmp_path / "state")
    for second in range(0, 60, 10):
        replay(replace(options, until_ns=first_ns + second * 10**9, resume=second > 0))
    replay(replace(options, resume=True))
    assert options.out.read_bytes() == demo.out.read_bytes()

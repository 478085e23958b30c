"""The compiled core against the naive model: the same market and orders, the same reports, queues and books.

Invariants:
    1. Both report the same, in the same order: every field.
    2. After each step both estimate the same queue ahead of every resting order, to a few 2^-20 lots.
    3. Both display the same book.
    4. The core's structures are sound after each step (state_checks).
    5. The window's width, a dump in the middle, the cutting of the event stream, and interpreting instead of
       compiling change nothing.
    6. What an account fills by one print, quote or displayed level never exceeds its lots.

PAPER_BITMART_EXAMPLES=10 tries ten times as many markets.
"""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from markets import STEP_BYTES, Decoder, Market, Place
from naive import NaiveMatcher
from naive_records import as_report
from replay_digest import digest, random_steps
from state_checks import best_price, displayed_levels, validate_state

from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import MODELS
from paper_bitmart.matching.reports import REPORT_DTYPE, Evidence, ReportKind

EXAMPLES = settings.default.max_examples
CASES = 60 * EXAMPLES
STABLE_MODELS = ("places", "proportional", "conservative", "power", "log")
AHEAD_TOLERANCE_LOTS = 2.0**-16

chunks = st.lists(st.binary(min_size=STEP_BYTES, max_size=STEP_BYTES), max_size=60)
models = st.sampled_from(sorted(MODELS))
mids = st.sampled_from([6, 40, 10_000, 10**14])
published = st.sampled_from([100, 3, 0])


def assert_same_reports(fast, naive):
    fast = [as_report(row) for row in fast]
    assert [r[:-2] for r in fast] == [r[:-2] for r in naive]
    for ours, theirs in zip(fast, naive, strict=True):
        expected = [-1.0 if lots is None else float(lots) for lots in theirs[-2:]]
        got = [-1.0 if lots is None else lots for lots in ours[-2:]]
        assert got == pytest.approx(expected, abs=AHEAD_TOLERANCE_LOTS)


def assert_same_queues(fast, naive):
    for order in naive.orders:
        found = fast.explain(order.order_id)
        assert found is not None, f"the core lost order {order.order_id}"
        expected = [-1.0 if lots is None else float(lots) for lots in (order.ahead, order.ahead_at_entry)]
        expected += [float(order.traded_ahead), float(order.cancelled_ahead), order.leaves]
        got = [
            found.ahead,
            found.ahead_at_entry,
            found.traded_ahead,
            found.cancelled_ahead,
            found.leaves_lots,
        ]
        assert got == pytest.approx(expected, abs=AHEAD_TOLERANCE_LOTS), order
        assert fast.queue_ahead(order.order_id) == found.ahead


def assert_same_books(fast, naive):
    for side in (0, 1):
        assert displayed_levels(fast, side) == dict(naive.displayed[side])
        book = naive.displayed[side]
        best = None if not book else book.keys()[-1 if side == 0 else 0]
        assert best_price(fast, side) == best


def run_both(steps, fast, naive, *, note_steps=False):
    """Every step through both; returns all reports of the core."""
    reports = []
    for step in steps:
        if note_steps:
            note(str(step))
        assert step.apply(fast) == step.apply(naive)
        fresh = fast.drain()
        assert_same_reports(fresh, naive.drain())
        reports.extend(as_report(row) for row in fresh)
        assert_same_queues(fast, naive)
        assert_same_books(fast, naive)
        validate_state(fast)
    return reports


@settings(max_examples=CASES)
@given(chunks, mids, published, st.sampled_from(STABLE_MODELS))
def test_core_and_naive_model_agree_after_every_step(chunks, mid, published, model):
    fast = Matcher(queue_model=MODELS[model], window_ticks=64, published_levels=published)
    naive = NaiveMatcher(queue_model=model, published_levels=published)
    run_both(Decoder(mid).steps(chunks), fast, naive, note_steps=True)


def run_core(steps, matcher):
    """All reports of a run, as bytes: equal means equal to the last bit."""
    reports = [np.zeros(0, REPORT_DTYPE)]
    for step in steps:
        step.apply(matcher)
        reports.append(matcher.drain())
    return np.concatenate(reports).tobytes()


@settings(max_examples=4 * EXAMPLES)
@given(chunks, mids, published, models)
def test_the_width_of_the_window_never_changes_a_report(chunks, mid, published, model):
    steps = list(Decoder(mid).steps(chunks))
    narrow, wide = (
        run_core(steps, Matcher(queue_model=MODELS[model], window_ticks=width, published_levels=published))
        for width in (64, 8192)
    )
    assert narrow == wide


@settings(max_examples=2 * EXAMPLES)
@given(chunks, mids, published, models, st.integers(0, 60))
def test_a_dump_at_any_point_has_the_same_future(chunks, mid, published, model, cut):
    steps = list(Decoder(mid).steps(chunks))
    cut = min(cut, len(steps))
    matcher = Matcher(queue_model=MODELS[model], window_ticks=64, published_levels=published)
    run_core(steps[:cut], matcher)
    copy = Matcher.load(matcher.dump(), queue_model=MODELS[model])
    assert run_core(steps[cut:], copy) == run_core(steps[cut:], matcher)
    assert copy.dump() == matcher.dump()
    validate_state(copy)


@settings(max_examples=2 * EXAMPLES)
@given(chunks, mids, published, models, st.integers(1, 7))
def test_cutting_the_event_stream_differently_changes_nothing(chunks, mid, published, model, pieces):
    steps = list(Decoder(mid).steps(chunks))
    whole, cut = (
        Matcher(queue_model=MODELS[model], window_ticks=64, published_levels=published) for _ in range(2)
    )
    for step in steps:
        step.apply(whole)
        if not isinstance(step, Market):
            step.apply(cut)
            continue
        for part in np.array_split(step.events, pieces):
            assert cut.process(part) == len(part)
    assert cut.drain().tobytes() == whole.drain().tobytes()


@settings(max_examples=4 * EXAMPLES)
@given(chunks, mids, published, models)
def test_no_lot_of_a_print_a_quote_or_a_level_is_spent_twice_by_an_account(chunks, mid, published, model):
    matcher = Matcher(queue_model=MODELS[model], published_levels=published)
    accounts, spent, limit = {}, defaultdict(int), defaultdict(int)
    for step in Decoder(mid).steps(chunks):
        if isinstance(step, Place):
            accounts[step.order_id] = step.account
        step.apply(matcher)
        validate_state(matcher)
        for row in map(as_report, matcher.drain()):
            cause = _cause_of(row)
            if row.kind == ReportKind.FILL and cause is not None:
                key = (accounts[row.order_id], *cause)
                spent[key] += row.size
                limit[key] = max(limit[key], row.evidence_lots)
    assert {key: (lots, limit[key]) for key, lots in spent.items() if lots > limit[key]} == {}


def _cause_of(row):
    """What a fill spent: one print, one quote of one message, one level met by one order."""
    if row.reason in (Evidence.PRINT_AT_PRICE, Evidence.PRINT_THROUGH, Evidence.OPPOSITE_PRINT):
        return ("print", row.seq)
    if row.reason == Evidence.OPPOSITE_QUOTE:
        return ("quote", row.seq, row.evidence_price)
    if row.reason == Evidence.TOOK_LEVEL:
        return ("level", row.order_id, row.price)
    return None


@pytest.mark.parametrize("levels", [5, 300, 5000])
@pytest.mark.parametrize("mid", [6000, 10**14])
def test_core_and_naive_model_agree_on_deep_books(levels, mid):
    steps = random_steps(seed=levels, count=30, mid=mid)
    fast, naive = Matcher(queue_model=MODELS["log"], window_ticks=64), NaiveMatcher(queue_model="log")
    run_both([Decoder(mid).deep_book(levels), *steps[1:]], fast, naive)
    assert len(displayed_levels(fast, 0)) > 0


def test_orders_that_sweep_thousands_of_levels_agree_too():
    mid = 10_000
    decoder = Decoder(mid)
    book = decoder.deep_book(3000)
    at_ns = decoder.now_ns
    sweep = [
        Place(1, 0, 0, 0, mid + 2900, 10**6, 0, 0, at_ns),
        Place(2, 0, 1, 3, 0, 10**6, 0, 0, at_ns),
        Place(3, 1, 0, 3, 0, 0, 10**8, 0, at_ns),
        Place(4, 1, 1, 2, 1, 5000, 0, 0, at_ns),
    ]
    fast, naive = Matcher(queue_model=MODELS["log"], window_ticks=64), NaiveMatcher(queue_model="log")
    reports = run_both([book, *sweep], fast, naive)
    assert len(reports) > 5000


@pytest.mark.parametrize("model", ["places", "order_list", "log"])
def test_interpreting_the_core_gives_the_compiled_reports(model):
    here = Path(__file__)
    run = subprocess.run(
        [sys.executable, str(here.with_name("replay_digest.py")), model],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(here.parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.stderr == ""
    assert run.stdout.split() == ["interpreted", digest(model)]


@pytest.mark.parametrize("model", STABLE_MODELS)
@pytest.mark.parametrize("published", [100, 4])
def test_core_and_naive_model_agree_over_long_runs(model, published):
    steps = random_steps(seed=71, count=600, mid=5000)
    fast = Matcher(queue_model=MODELS[model], window_ticks=64, published_levels=published)
    run_both(steps, fast, NaiveMatcher(queue_model=model, published_levels=published))

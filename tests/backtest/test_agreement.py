"""Every difference to hftbacktest's fills has a known cause, and the documented tables are true."""

import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from benchmarks import agreement
from benchmarks.agreement_queue import RivalQueue

ROOT = Path(__file__).parents[2]
ROWS = ROOT / "fixtures" / "agreement" / "hftbacktest_rows.npz"
PAGE = (ROOT / "docs" / "backtest_agreement.md").read_text()


@pytest.fixture(scope="module")
def printed():
    out = io.StringIO()
    before, sys.argv = sys.argv, ["agreement", "--rows", str(ROWS)]
    try:
        with redirect_stdout(out):
            agreement.main()
    finally:
        sys.argv = before
    return out.getvalue()


def cells(text):
    """Rows of Markdown tables, without the space that aligns them."""
    lines = [
        line for line in text.splitlines() if line.startswith("|") and not line.startswith(("|-", "| -"))
    ]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_documented_tables_are_what_a_run_prints(printed):
    shown = cells(PAGE)
    for row in cells(printed):
        assert row in shown
    assert len(shown) == len(cells(printed))


def test_nothing_is_left_unexplained_and_the_rivals_rules_are_reproduced_for_every_order(printed):
    assert agreement.UNKNOWN not in printed
    tables = cells(printed)
    loads = [row for row in tables if len(row) == 7][1:]
    assert len(loads) == len(agreement.LOADS)
    assert all(row[1] == row[-1] for row in loads)
    differ = sum(int(row[3]) for row in loads)
    by_cause = sum(int(row[1]) for row in tables if len(row) == 3 and row[1] != "orders")
    assert by_cause == differ > 100


def test_every_cause_that_was_met_has_an_example(printed):
    causes = {row[0] for row in cells(printed) if len(row) == 3 and row[1].isdigit()}
    assert causes == set(re.findall(r"^- ([^:]+): \w+_USDT", printed, re.MULTILINE))


def test_the_rivals_queue_as_published():
    queue = RivalQueue(100)
    queue.trade(30)
    assert queue.front == 70
    queue.depth(70)
    assert queue.front == 70, "a change that a print explains moves nobody"
    queue.depth(200)
    assert (queue.front, queue.displayed) == (70, 200), "what comes stands behind"
    queue.depth(190)
    assert 60 < queue.front < 70
    queue.depth(10)
    assert queue.front < -1, "the share of a cancel that is taken from ahead may be more than is there"
    queue.depth(200)
    queue.depth(190)
    assert queue.front == 190, "a logarithm below zero is not a number: to the back"

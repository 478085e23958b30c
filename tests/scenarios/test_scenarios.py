"""Every scenario, on the compiled core and on the naive model: one suite, two books."""

import re
import sys
from pathlib import Path

import pytest
from runner import Runner, ScenarioError

from paper_bitmart.matching.matcher import Matcher, QueueReport
from paper_bitmart.matching.models import MODELS
from paper_bitmart.matching.reports import CancelReason, Evidence

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "matching"))

import state_checks  # noqa: E402
from naive import NaiveMatcher  # noqa: E402
from naive_records import as_report  # noqa: E402

SCENARIOS = sorted(HERE.glob("*.txt"))


class Core:
    """The compiled core, checked for soundness after every line."""

    @staticmethod
    def make(queue_model, published_levels):
        return Matcher(queue_model=MODELS[queue_model], published_levels=published_levels, window_ticks=64)

    @staticmethod
    def drain(matcher):
        state_checks.validate_state(matcher)
        return [as_report(row) for row in matcher.drain()]

    best_price = staticmethod(state_checks.best_price)


class ExplainedNaive(NaiveMatcher):
    """The naive model with the core's `explain`."""

    def explain(self, order_id):
        for o in self.orders:
            if o.order_id == order_id:
                ahead, entry = (-1 if lots is None else lots for lots in (o.ahead, o.ahead_at_entry))
                return QueueReport(
                    ahead=ahead, fills_after_lots=float("nan"), ahead_at_entry=entry,
                    traded_ahead=o.traded_ahead, cancelled_ahead=o.cancelled_ahead,
                    displayed_lots=0, leaves_lots=o.leaves, arrived_ns=0,
                )  # fmt: skip
        return None


class Naive:
    @staticmethod
    def make(queue_model, published_levels):
        return ExplainedNaive(queue_model=queue_model, published_levels=published_levels)

    @staticmethod
    def drain(matcher):
        return matcher.drain()

    @staticmethod
    def best_price(matcher, side):
        book = matcher.displayed[side]
        return book.keys()[-1 if side == 0 else 0] if book else None


def run(text, kind, name="scenario"):
    Runner(name, kind.make, kind).run(text)


@pytest.mark.parametrize("kind", [Core, Naive])
@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path, kind):
    run(path.read_text(), kind, path.name)


def test_the_written_rules_cite_every_scenario_reason_and_model():
    spec = (HERE.parents[1] / "docs" / "matching.md").read_text()
    cited = {number for group in re.findall(r"\[([\d, ]+)\]", spec) for number in group.split(", ")}
    assert cited == {path.stem[:2] for path in SCENARIOS}
    rows = [f"| {reason.value} | {reason.name} |" for reason in Evidence if reason]
    rows += [f"{reason.value} {reason.name}" for reason in CancelReason if reason]
    rows += [f"| `{model}`" for model in MODELS]
    assert [row for row in rows if row not in spec] == []


@pytest.mark.parametrize(
    "line",
    [
        "place A1 buy limit 100.0 x5",
        "place A1 buy limit 100.0 x5 -> A1 rests x5, ahead 8",
        "place A1 buy limit 100.0 x5 -> A1 rests x5, ahead 7 -> A1 canceled x5, stp",
        "trade sell 100.0 x9 -> A1 fills x2 at 100.0 maker, print at price, leaves 3",
    ],
)
def test_a_wrong_table_fails_and_names_its_line(line):
    with pytest.raises(AssertionError, match="scenario:2: "):
        run(f"book bid 100.0x7 ask 100.2x3\n{line}", Core)


@pytest.mark.parametrize(
    "line",
    [
        "dance A1",
        "place A1 buy limit 100.05 x5",
        "place A1 buy limit 100.0 5",
        "place A1 buy sometimes 100.0 x5",
        "depth 100.0x5",
        "depth bid 100,0x5",
        "trade sell 100.0",
        "cancel Z9",
        "model log",
    ],
)
def test_a_line_that_cannot_be_read_is_named(line):
    with pytest.raises(ScenarioError, match="scenario:2: "):
        run(f"book bid 100.0x7 ask 100.2x3\n{line}", Core)

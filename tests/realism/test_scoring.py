"""Our figures are those of the sets' own scorer, to the last digit; intervals up to the drawing of blocks."""

import json

import numpy as np
import pytest

from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.realism.figures import intervals, mcc, quantile
from paper_bitmart.realism.mids import FileMids
from paper_bitmart.realism.outcomes import OneFill, Simulated, TrueOrder, load_out, load_truth
from paper_bitmart.realism.scoring import compare, score
from tests.realism import score_set
from tests.small_market import FIXTURES

EXPECTED = json.loads((FIXTURES / "score" / "expected.json").read_text())


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    score_set.write(folder)
    rules = load_rules(folder / "symbols.json")
    truth = load_truth(folder / "truth.jsonl", rules)
    mids = FileMids(folder / "bbo.csv.gz", [rules["BTC_USDT"]])
    return score(truth, load_out(folder / "out.jsonl", truth, rules), mids)


@pytest.mark.parametrize("part", ["maker", "contested", "taker"])
def test_figures_are_those_of_the_reference_scorer(scored, part):
    figures, expected = getattr(scored, part), EXPECTED[part]
    assert {name: pytest.approx(expected[name], abs=1e-9) for name in figures} == figures


def test_each_class_is_scored_as_the_reference_does(scored):
    for name, figures in scored.by.items():
        expected = EXPECTED["by"][name.replace("stale_view", "stale")]
        assert {key: pytest.approx(expected[key], abs=1e-9) for key in expected} == {
            key: figures[key] for key in expected
        }, name


def test_checks_and_episodes_are_those_of_the_reference(scored):
    assert scored.checks == EXPECTED["checks"]
    assert scored.episodes == EXPECTED["contested"]["episodes"]
    assert scored.episode_accuracy == pytest.approx(EXPECTED["contested"]["episode_accuracy"], abs=1e-9)


def test_intervals_agree_with_the_reference_up_to_the_drawing_of_blocks(scored):
    for name, key in (("mcc", "mcc_95"), ("markout_bias_ticks", "markout_bias_95")):
        low, high = EXPECTED["maker"][key]
        width = high - low
        assert scored.maker_95[name] == (
            pytest.approx(low, abs=0.2 * width),
            pytest.approx(high, abs=0.2 * width),
        )


def test_intervals_hold_their_figure_and_are_the_same_each_time(scored):
    again = intervals(scored.orders)
    assert again == scored.maker_95
    for name, interval in again.items():
        low, high = interval
        assert low <= scored.maker[name] <= high, name


def test_mcc_of_a_constant_answer_is_0():
    assert mcc(5, 5, 0, 0) == 0
    assert mcc(5, 0, 0, 5) == 1


def test_a_quantile_is_a_value_that_was_there():
    assert quantile(np.array([3.0, 1.0, 2.0]), 0.5) == 2
    assert quantile(np.array([]), 0.5) is None


class FlatMids:
    name = "flat"

    def at(self, symbol, times_ns):
        return np.full(len(times_ns), 102.0)


def true_order(name, fills=(), sign=1, lots=10, price=100):
    return TrueOrder(name, "BTC_USDT", 0, None, sign, price, lots, True, tuple(fills), {})


def test_markouts_are_weighted_by_size_and_signed_by_side():
    fills = [OneFill(1, 100, 3, "maker"), OneFill(2, 104, 1, "maker")]
    true = [true_order("a", fills), true_order("b", fills, sign=-1)]
    orders = compare(true, Simulated({"a": fills[:1]}, frozenset(), frozenset(), {}, 0), FlatMids())
    assert orders.t_markout.tolist() == [(3 * 2 - 1 * 2) / 4, -(3 * 2 - 1 * 2) / 4]
    assert orders.s_markout[0] == 2
    assert orders.t_share.tolist() == [0.4, 0.4]
    assert orders.s_share.tolist() == [0.3, 0.0]
    assert orders.s.tolist() == [True, False]

"""Markets whose cancels are known: what a capture alone says of them."""

import pytest

from paper_bitmart.backtest.tape import open_data
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.matching.models import CONSERVATIVE, LOG, MODELS, PROPORTIONAL
from paper_bitmart.realism.capture_fit import fit_capture
from paper_bitmart.realism.probes import make_probes
from tests.realism.queue_market import QueueMarket, uniform, youngest


def fit(folder, cancels, only=None, seconds=240, **settings):
    capture, symbols = QueueMarket(seconds, cancels, **settings).write(folder)
    return fit_capture(capture, symbols, only).symbols["BTC_USDT"]


@pytest.fixture(scope="module")
def evenly(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("uniform"), uniform)


@pytest.fixture(scope="module")
def from_the_back(tmp_path_factory):
    return fit(tmp_path_factory.mktemp("youngest"), youngest)


def error_of(fit, model):
    return fit.errors[fit.models.index(model)]


def test_where_only_the_youngest_leave_the_conservative_model_is_exact(from_the_back):
    assert from_the_back.recommended == CONSERVATIVE
    assert from_the_back.choice.loss[from_the_back.models.index(CONSERVATIVE)] < 1e-9
    assert from_the_back.cancelled_last == 1.0
    # The others take lots from ahead that are still there: they fill too early.
    assert error_of(from_the_back, PROPORTIONAL) < -0.03


def test_where_everybody_leaves_alike_models_that_split_evenly_are_recommended(evenly):
    assert evenly.choice.is_enough
    assert evenly.recommended.name not in ("conservative", "backweighted")
    assert evenly.recommended != evenly.models[0]
    loss = dict(zip((model.setting for model in evenly.models), evenly.choice.loss, strict=True))
    assert loss["proportional"] < loss["places"] < loss["conservative"]
    assert error_of(evenly, CONSERVATIVE) > 0.1
    assert evenly.cancelled_within[1] > 0.2


def test_the_probes_say_what_the_choice_changes(evenly):
    waits = {result.model.name: result.wait_ms for result in evenly.probed.results[: len(MODELS)]}
    assert waits["conservative"] > waits["proportional"]
    assert evenly.probed.orders == 400


def test_few_orders_to_follow_recommend_nothing(tmp_path):
    few = fit(tmp_path, uniform, only=LOG, seconds=60)
    assert 0 < few.choice.observations < 100
    assert not few.choice.is_enough
    assert few.recommended == few.models[0]


def test_sizes_that_are_all_alike_leave_few_traces(tmp_path):
    alike = fit(tmp_path, uniform, only=LOG, seconds=60, sizes=(1_000, 1_000))
    # What is left of an order that traded in part is the only unusual size.
    assert alike.choice.observations < 20
    assert alike.recommended == alike.models[0]


def test_the_channels_are_measured(evenly):
    channels = evenly.channels
    assert (channels.interval_ms, channels.phase_ms, channels.shift_ms) == (100, 0, 0)
    assert channels.late_prints == 0


def test_a_channel_that_is_late_is_told(tmp_path):
    channels = fit(tmp_path, uniform, only=LOG, seconds=60, depth_delay_ms=10, trade_delay_ms=45).channels
    assert channels.skew_ms == pytest.approx(-35)
    assert channels.late_prints > 0.2
    # The stamps still say which prints a message includes.
    assert channels.shift_ms == 0


def test_most_of_what_leaves_a_level_is_told_as_cancelled_or_traded(from_the_back):
    best = from_the_back.flow[0]
    assert 0 < best.traded_share < 1
    low, high = best.traded_share_95
    assert low < best.traded_share < high
    assert best.added_per_min == pytest.approx(best.traded_per_min + best.cancelled_per_min, rel=0.1)


def test_probes_respect_the_least_order_of_the_symbol(tmp_path):
    capture, symbols = QueueMarket(30, uniform).write(tmp_path)
    [tape] = open_data(capture, load_rules(symbols)).values()
    assert {order.size_lots for order in make_probes(tape, usual_lots=1)} <= {49, 50}  # 5 USDT at 100.0x

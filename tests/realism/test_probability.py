import numpy as np
import pytest

from paper_bitmart.realism.probability import brier, by_queue_ahead, calibration, ensemble, wilson


def test_the_probability_is_the_share_of_models_that_fill():
    members = [np.array([True, True, False]), np.array([True, False, False])]
    assert ensemble(members).tolist() == [1.0, 0.5, 0.0]


def test_bins_hold_every_order_once_and_the_share_that_filled():
    predicted = np.array([0.0, 0.5, 0.5, 0.5, 1.0])
    filled = np.array([False, True, False, True, True])
    bins = calibration(predicted, filled, np.arange(5))
    assert [(one.predicted, one.orders, one.filled) for one in bins] == [(0, 1, 0), (0.5, 3, 2), (1, 1, 1)]
    assert bins[1].realised == pytest.approx(2 / 3)
    assert all(one.low <= one.realised <= one.high for one in bins)


def test_orders_of_one_episode_do_not_narrow_the_interval():
    predicted, filled = np.full(40, 0.5), np.arange(40) % 2 == 0
    [apart] = calibration(predicted, filled, np.arange(40))
    [together] = calibration(predicted, filled, np.arange(40) // 10)
    assert (apart.orders, apart.episodes, together.episodes) == (40, 40, 4)
    assert (together.low, together.high) == wilson(2, 4)
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_wilson_intervals_are_those_of_the_textbook():
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


def test_the_brier_score_of_a_coin_is_a_quarter_and_of_the_truth_0():
    filled = np.array([True, False])
    assert brier(np.array([0.5, 0.5]), filled) == 0.25
    assert brier(filled, filled) == 0


def test_orders_are_binned_by_queue_ahead_and_unknown_ones_left_out():
    ahead = np.array([1.0, 1.0, 9.0, 9.0, np.nan])
    true, sim = np.array([1, 1, 0, 1, 1], bool), np.array([1, 0, 0, 0, 1], bool)
    low, high = by_queue_ahead(ahead, true, sim, bins=2)
    assert (low.orders, low.true_share, low.sim_share) == (2, 1.0, 0.5)
    assert (high.low, high.orders, high.true_share) == (9.0, 2, 0.5)
    assert by_queue_ahead(np.array([np.nan]), true[:1], sim[:1]) == []

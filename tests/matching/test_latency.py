"""Latency models: ranges, determinism, saved state, refused parameters."""

import doctest
import statistics

import numpy as np
import pytest

from paper_bitmart.matching import latency
from paper_bitmart.matching.latency import (
    DELAY_NS_MAX,
    Constant,
    Exponential,
    LatencyError,
    LatencyProfile,
    LogNormal,
    Recorded,
)

MS = 1_000_000
SEEDED = [
    pytest.param(lambda seed: Exponential(10 * MS, 5 * MS, seed), id="exponential"),
    pytest.param(lambda seed: LogNormal(10 * MS, 5 * MS, 1.0, seed), id="lognormal"),
]


def draw(model, count=200):
    return [model.sample(at_ns) for at_ns in range(count)]


def test_docstring_examples_are_true():
    assert doctest.testmod(latency).failed == 0


def test_constant_is_the_same_at_any_time():
    assert {Constant(7).sample(at_ns) for at_ns in (0, 1, 10**18)} == {7}


@pytest.mark.parametrize("make", SEEDED)
def test_the_same_seed_gives_the_same_delays(make):
    assert draw(make(3)) == draw(make(3))


@pytest.mark.parametrize("make", SEEDED)
def test_another_seed_gives_other_delays(make):
    assert draw(make(3)) != draw(make(4))


@pytest.mark.parametrize("make", SEEDED)
def test_no_delay_is_below_the_shift_or_a_float(make):
    delays = draw(make(1))
    assert min(delays) >= 10 * MS
    assert {type(delay) for delay in delays} == {int}


@pytest.mark.parametrize("make", SEEDED)
def test_a_saved_state_continues_the_stream(make):
    model, other = make(5), make(6)
    draw(model, 17)
    other.import_state(model.export_state())
    assert draw(other) == draw(model)


@pytest.mark.parametrize("make", SEEDED)
@pytest.mark.parametrize("state", ["", "{}", "[]", "no json", '{"bit_generator": "MT19937"}'])
def test_a_bad_state_is_refused_and_changes_nothing(make, state):
    model = make(5)
    with pytest.raises(LatencyError) as caught:
        model.import_state(state)
    assert caught.value.field == "state"
    assert draw(model) == draw(make(5))


def test_exponential_has_the_mean_it_was_given():
    delays = draw(Exponential(10 * MS, 5 * MS, seed=1), 4000)
    assert statistics.fmean(delays) == pytest.approx(15 * MS, rel=0.03)


def test_lognormal_has_the_median_and_tail_it_was_given():
    delays = draw(LogNormal(20 * MS, 5 * MS, 1.0, seed=1), 4000)
    assert statistics.median(delays) == pytest.approx(25 * MS, rel=0.02)
    assert np.percentile(delays, 99) == pytest.approx(71 * MS, rel=0.1)


def test_a_long_tail_is_cut_at_the_limit():
    assert max(draw(Exponential(DELAY_NS_MAX, MS, seed=1))) == DELAY_NS_MAX


@pytest.mark.parametrize(
    ("at_ns", "delay_ns"),
    [(0, 7), (99, 7), (100, 7), (199, 7), (200, 8), (201, 8), (299, 8), (300, 9), (10**18, 9)],
)
def test_recorded_answers_with_the_last_measurement_at_or_before(at_ns, delay_ns):
    assert Recorded([100, 200, 300], [7, 8, 9]).sample(at_ns) == delay_ns


def test_recorded_takes_the_last_of_two_measurements_at_one_time():
    assert Recorded([100, 100], [7, 8]).sample(100) == 8


def test_recorded_offset_moves_the_series():
    model = Recorded([100, 200], [7, 8], offset_ns=1000)
    assert [model.sample(t) for t in (1100, 1199, 1200)] == [7, 7, 8]


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Constant(-1), "delay_ns"),
        (lambda: Constant(1.5), "delay_ns"),
        (lambda: Constant(True), "delay_ns"),
        (lambda: Constant(DELAY_NS_MAX + 1), "delay_ns"),
        (lambda: Exponential(-1, 1, 0), "shift_ns"),
        (lambda: Exponential(0, 0, 0), "mean_ns"),
        (lambda: Exponential(0, 1, -1), "seed"),
        (lambda: LogNormal(0, 0, 1.0, 0), "median_ns"),
        (lambda: LogNormal(0, 1, 0.0, 0), "sigma"),
        (lambda: LogNormal(0, 1, float("nan"), 0), "sigma"),
        (lambda: Recorded([], []), "times_ns"),
        (lambda: Recorded([1.5], [1]), "times_ns"),
        (lambda: Recorded([2, 1], [1, 1]), "times_ns"),
        (lambda: Recorded([1, 2], [1]), "delays_ns"),
        (lambda: Recorded([1], [-1]), "delays_ns"),
        (lambda: Constant(1).import_state("x"), "state"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(make, field):
    with pytest.raises(LatencyError) as caught:
        make()
    assert caught.value.field == field
    assert field in str(caught.value)


def test_a_profile_without_arguments_has_no_delay():
    profile = LatencyProfile()
    assert [m.sample(0) for m in (profile.entry, profile.cancel, profile.response, profile.market_data)] == [
        0
    ] * 4


def test_a_constant_profile_cancels_as_fast_as_it_enters_unless_told():
    assert LatencyProfile.constant(entry_ns=5).cancel.sample(0) == 5
    assert LatencyProfile.constant(entry_ns=5, cancel_ns=2).cancel.sample(0) == 2


def test_a_profile_saves_and_restores_each_role():
    def make():
        return LatencyProfile(
            Exponential(0, MS, 1), Exponential(0, MS, 2), LogNormal(0, MS, 1.0, 3), Recorded([0], [4])
        )

    used, fresh = make(), make()
    draw(used.entry, 3)
    draw(used.response, 5)
    fresh.import_state(used.export_state())
    assert draw(fresh.entry) == draw(used.entry)
    assert draw(fresh.cancel) == draw(used.cancel)
    assert draw(fresh.response) == draw(used.response)


def test_a_profile_state_without_a_role_is_refused():
    with pytest.raises(LatencyError, match="cancel"):
        LatencyProfile().import_state({"entry": ""})

"""Latency that grows with load: causal, windowed, the same live as in a replay."""

import doctest

import numpy as np
import pytest

from paper_bitmart.matching import latency_presets
from paper_bitmart.matching.latency import DELAY_NS_MAX, Constant, Exponential, LatencyError, LatencyProfile
from paper_bitmart.matching.latency_load import WINDOW_NS, LoadDependent, RecordedLoad, RunningLoad
from paper_bitmart.matching.latency_presets import PRESETS, TAIL_NS, TAIL_SHARES, Quantiles

MS = 10**6
TIMES = np.array([0, 10, 10, 20, 150, 151]) * MS


def test_load_counts_the_window_and_nothing_after_the_question():
    load = RecordedLoad(TIMES)
    assert [load.messages(at * MS) for at in (-1, 0, 10, 100, 110, 119, 120, 150, 250, 251)] == [
        0, 1, 3, 3, 1, 1, 0, 1, 1, 0,
    ]  # fmt: skip


def test_what_comes_later_changes_no_earlier_answer():
    whole = [RecordedLoad(TIMES).messages(at * MS) for at in range(30)]
    assert whole == [RecordedLoad(TIMES[:4]).messages(at * MS) for at in range(30)]


def test_a_running_market_is_counted_as_its_recording():
    random = np.random.Generator(np.random.PCG64(3))
    times = np.cumsum(random.integers(1, 8, 500)) * MS
    recorded, running = RecordedLoad(times), RunningLoad()
    for start in range(0, 500, 7):
        chunk = times[start : start + 7]
        running.seen(chunk)
        until = times[start + 7] - 1 if start + 7 < 500 else chunk[-1] + WINDOW_NS
        at_ns = max(int(chunk[-1]), int(until))
        assert running.messages(at_ns) == recorded.messages(at_ns)


def test_the_delay_is_the_base_and_so_much_per_message():
    model = LoadDependent(Constant(5), RecordedLoad(TIMES), 100)
    assert [model.sample(at * MS) for at in (10, 200)] == [305, 205]
    assert LoadDependent(Constant(5), RecordedLoad(TIMES), DELAY_NS_MAX).sample(10 * MS) == DELAY_NS_MAX


def test_its_state_is_that_of_the_base():
    model = LoadDependent(Exponential(0, 1000, 1), RecordedLoad(TIMES), 1)
    model.sample(0)
    other = LoadDependent(Exponential(0, 1000, 2), RecordedLoad(TIMES), 1)
    other.import_state(model.export_state())
    assert [other.sample(0) for _ in range(5)] == [model.sample(0) for _ in range(5)]


@pytest.mark.parametrize("bad", [-1, DELAY_NS_MAX + 1, 1.5, True])
def test_a_bad_slope_is_refused(bad):
    with pytest.raises(LatencyError, match="ns_per_message"):
        LoadDependent(Constant(0), RecordedLoad(TIMES), bad)


def test_times_that_go_back_are_refused():
    with pytest.raises(LatencyError, match="row 1"):
        RecordedLoad(np.array([5, 4]))


# --- presets ---


def test_the_example_of_a_measured_distribution_is_true():
    assert doctest.testmod(latency_presets).failed == 0


def test_a_measured_distribution_gives_its_quantiles_back():
    model = Quantiles(1_000, TAIL_SHARES, TAIL_NS, seed=1)
    drawn = np.sort([model.sample(0) for _ in range(20_000)]) - 1_000
    for share, delay_ns in zip(TAIL_SHARES[3:9], TAIL_NS[3:9], strict=True):
        assert np.quantile(drawn, share) == pytest.approx(delay_ns, rel=0.1)
    assert drawn.min() >= TAIL_NS[0]
    assert drawn.max() <= TAIL_NS[-1]


@pytest.mark.parametrize(
    ("shares", "delays"),
    [((0.0, 0.5), (1, 2)), ((0.0, 1.0), (2, 1)), ((0.0, 1.0), (1,)), ((0.5, 1.0), (1, 2))],
)
def test_a_distribution_that_is_none_is_refused(shares, delays):
    with pytest.raises(LatencyError):
        Quantiles(0, shares, delays, 1)


def test_every_preset_says_where_it_comes_from_and_names_what_is_assumed():
    for preset in PRESETS.values():
        assert ("assumed" in preset.origin) == preset.name.startswith("assumed_") == (preset.floor_ns > 0)


def test_a_preset_delays_commands_and_answers_from_streams_of_their_own_and_no_market_data():
    profile = PRESETS["assumed_near"].profile(seed=4)
    again = PRESETS["assumed_near"].profile(seed=4)
    roles = ("entry", "cancel", "response")
    drawn = [[getattr(profile, role).sample(0) for _ in range(50)] for role in roles]
    assert drawn == [[getattr(again, role).sample(0) for _ in range(50)] for role in roles]
    assert len({tuple(one) for one in drawn}) == 3
    assert min(map(min, drawn)) >= 5 * MS
    assert profile.market_data.sample(0) == 0
    assert LatencyProfile().load is None

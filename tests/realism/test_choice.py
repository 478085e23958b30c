import numpy as np
import pytest

from paper_bitmart.realism.choice import Rule, block_length_ns, choose, mean_95, median_95

S = 10**9
TIMES = np.arange(400) * S
RULE = Rule(observations=100, blocks=10)


def random():
    return np.random.Generator(np.random.PCG64(5))


def chosen(losses, times=TIMES, **settings):
    return choose(np.array(losses, float), times, times, block_ns=20 * S, rule=RULE, **settings)


def test_a_setting_that_is_better_throughout_is_recommended():
    noise = random().normal(0, 0.1, 400)
    choice = chosen([0.5 + noise, 0.4 + noise + random().normal(0, 0.05, 400)])
    assert (choice.best, choice.recommended) == (1, 1)
    assert choice.gain == pytest.approx(-0.1, abs=0.01)
    assert choice.gain_95[0] < choice.gain < choice.gain_95[1] < 0
    assert choice.alike == [1]


def test_the_best_of_many_that_are_all_alike_is_not_believed():
    losses = random().normal(0.5, 0.2, (40, 400))
    choice = chosen(losses)
    assert choice.fit_loss[choice.best] < choice.fit_loss[0]
    assert choice.recommended == 0
    assert choice.fails_held_out
    assert len(choice.alike) > 20


def test_what_only_fits_the_first_part_is_not_recommended():
    better_first = np.where(np.arange(400) < 240, 0.3, 0.6)
    choice = chosen([np.full(400, 0.5), better_first])
    assert choice.best == 1
    assert choice.gain == pytest.approx(0.1)
    assert choice.recommended == 0


def test_a_gain_too_small_to_matter_is_left():
    choice = chosen([np.full(400, 0.5), np.full(400, 0.499)], gain_min=0.002)
    assert (choice.best, choice.recommended) == (1, 0)
    assert not choice.fails_held_out


@pytest.mark.parametrize(
    ("count", "seconds"), [(99, 400), (100, 150)], ids=["observations", "blocks of time"]
)
def test_too_few_data_say_nothing(count, seconds):
    times = np.linspace(0, seconds * S, count).astype(np.int64)
    choice = chosen([np.full(count, 0.5), np.full(count, 0.1)], times)
    assert choice.best == 1
    assert not choice.is_enough
    assert choice.recommended == 0


def test_no_data_at_all_are_too_few():
    choice = chosen(np.zeros((3, 0)), TIMES[:0])
    assert (choice.observations, choice.is_enough, choice.recommended) == (0, False, 0)
    assert choice.range_of([0, 1], [1.0, 2.0]) is None


def test_observations_that_some_setting_cannot_judge_count_for_none():
    losses = np.full((2, 400), 0.5)
    losses[1, :50] = np.nan
    assert chosen(losses).observations == 350


def test_what_crosses_the_split_is_in_neither_part():
    # Setting 1 is good only where it began before the split and ended after it.
    ends = TIMES + 30 * S
    crossing = (TIMES < 240 * S) & (ends >= 240 * S)
    losses = np.array([np.full(400, 0.5), np.where(crossing, 0.0, 0.5)])
    choice = choose(losses, TIMES, ends, block_ns=20 * S, rule=RULE)
    assert choice.fit_loss[1] == choice.held_loss[1] == 0.5


def test_a_range_reaches_to_the_next_values_that_were_tried():
    losses = [np.full(400, 0.1 * abs(value - 20)) for value in (10, 20, 40, 80)]
    assert chosen(losses).range_of([0, 1, 2, 3], [10, 20, 40, 80]) == (10, 40)


def test_an_interval_of_a_mean_widens_when_blocks_hang_together():
    alone = random().normal(0, 1, 400)
    together = np.repeat(random().normal(0, 1, 20), 20)
    widths = [np.diff(mean_95(values[None, :], TIMES, 20 * S)[1][0])[0] for values in (alone, together)]
    assert widths[1] > 3 * widths[0]


def test_the_interval_of_a_median_holds_it():
    values = random().normal(7, 1, 400)
    low, high = median_95(values, TIMES, 20 * S)
    assert low < 7 < high
    assert high - low < 0.5
    assert median_95(values[:0], TIMES[:0], 20 * S) is None


def test_blocks_are_a_minute_or_a_twentieth():
    assert [block_length_ns(span * S) // S for span in (3_600, 1_200, 600, 20)] == [60, 60, 30, 5]

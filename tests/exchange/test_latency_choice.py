"""A latency by its settings, and the file of a recorded series."""

import pytest

from paper_bitmart.exchange.latency_choice import LatencyChoice, LatencyFileError, read_series
from paper_bitmart.matching.latency_load import RecordedLoad, RunningLoad

MS = 10**6


def samples(profile, at_ns=0):
    return tuple(
        getattr(profile, role).sample(at_ns) for role in ("entry", "cancel", "response", "market_data")
    )


def test_constants_replace_those_of_the_preset_and_cancels_follow_the_entry():
    assert samples(LatencyChoice().profile()) == (0, 0, 0, 0)
    assert samples(LatencyChoice(entry_ns=5, market_data_ns=2).profile()) == (5, 5, 0, 2)
    entry, cancel, response, _ = samples(LatencyChoice(base="assumed_near", cancel_ns=7).profile())
    assert entry >= 5 * MS
    assert cancel == 7
    assert response >= 5 * MS


def test_each_run_has_new_models_with_the_same_delays():
    choice = LatencyChoice(base="measured_tail", seed=3)
    first, again = choice.profile(), choice.profile()
    assert [samples(first) for _ in range(5)] == [samples(again) for _ in range(5)]
    assert samples(LatencyChoice(base="measured_tail", seed=4).profile()) != samples(choice.profile())


def test_without_a_recording_the_load_is_counted_by_who_runs_the_market():
    import numpy as np

    running = LatencyChoice(entry_ns=1, load_ns=10).profile()
    assert isinstance(running.load, RunningLoad)
    running.load.seen(np.array([5, 6]))
    assert samples(running, at_ns=6) == (21, 21, 0, 0)
    recorded = LatencyChoice(entry_ns=1, load_ns=10).profile(RecordedLoad(np.array([5, 6])))
    assert recorded.load is None
    assert samples(recorded, at_ns=6) == (21, 21, 0, 0)


def test_only_a_choice_without_any_delay_is_none():
    assert LatencyChoice().is_none
    assert LatencyChoice(entry_ns=0).is_none
    assert not LatencyChoice(base="measured_tail").is_none
    assert not LatencyChoice(load_ns=1).is_none
    assert not LatencyChoice(jitter_ns=1).is_none


def test_it_is_told_in_words():
    assert str(LatencyChoice()) == "none"
    assert str(LatencyChoice(base="assumed_far", cancel_ns=5 * MS)) == "assumed_far, cancel 5 ms"
    assert str(LatencyChoice(entry_ns=5 * MS, load_ns=500)) == "entry 5 ms, 0.5 us a message"


def test_a_series_is_looked_up_by_time(tmp_path):
    path = tmp_path / "series.csv"
    path.write_text("at_ns,entry_ns,response_ns\n100,7,1\n200,9,2\n")
    profile = read_series(path)
    assert samples(profile, at_ns=50) == (7, 7, 1, 0)
    assert samples(profile, at_ns=200) == (9, 9, 2, 0)
    assert samples(LatencyChoice(base=path).profile(), at_ns=150) == (7, 7, 1, 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at_ns,delay\n1,2\n", "series.csv:1: must have the columns at_ns and one or more of entry_ns"),
        ("entry_ns\n1\n", "series.csv:1: must have the columns"),
        ("at_ns,entry_ns\n1,2\n2,x\n", "series.csv:3: entry_ns must be a whole number of ns, not 'x'"),
        ("at_ns,entry_ns\n1,-2\n", "series.csv:2: entry_ns must be a whole number"),
        ("at_ns,entry_ns\n2,2\n1,2\n", "series.csv: times_ns must be rising"),
        ("at_ns,entry_ns\n", "series.csv: times_ns must be a series of at least one"),
        ("at_ns,entry_ns\n1,99000000000000\n", "series.csv: delays_ns must be 0 to"),
    ],
)
def test_a_file_that_is_no_series_is_refused_with_its_place(tmp_path, text, told):
    path = tmp_path / "series.csv"
    path.write_text(text)
    with pytest.raises(LatencyFileError) as error:
        read_series(path)
    assert told in str(error.value)

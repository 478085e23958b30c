import pytest

from paper_bitmart.feed.pace import Pace


class Real:
    ns = 0

    def __call__(self):
        return self.ns


@pytest.fixture
def real():
    return Real()


def test_market_time_runs_at_its_speed(real):
    pace = Pace(1_000, 2.5, monotonic_ns=real)
    real.ns = 100
    assert (pace.now_ns(), pace.wait_ns(1_255), pace.wait_ns(1_000)) == (1_250, 2, 0)


def test_a_pause_stops_time_and_waits_have_no_end(real):
    pace = Pace(1_000, monotonic_ns=real)
    real.ns = 10
    pace.pause()
    real.ns = 500
    assert (pace.now_ns(), pace.wait_ns(2_000), pace.paused) == (1_010, None, True)
    pace.resume()
    real.ns = 510
    assert pace.now_ns() == 1_020


def test_a_new_speed_goes_on_from_the_present_time(real):
    pace = Pace(0, monotonic_ns=real)
    real.ns = 100
    pace.set_speed(10)
    real.ns = 110
    assert pace.now_ns() == 200


def test_a_jump_goes_forward_only_and_is_told(real):
    pace = Pace(0, monotonic_ns=real)
    told = []
    stop = pace.on_change(lambda: told.append(pace.now_ns()))
    pace.skip_to(50)
    with pytest.raises(ValueError, match="cannot go back to 49"):
        pace.skip_to(49)
    stop()
    pace.skip_to(60)
    assert told == [50]


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_must_be_above_zero(real, speed):
    with pytest.raises(ValueError, match="speed must be above 0"):
        Pace(0, speed, monotonic_ns=real)

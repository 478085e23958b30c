"""Clocks: never back, exact playback, told waits."""

from fractions import Fraction

import pytest

from paper_bitmart.exchange.clock import ClockError, ClockWentBack, PlaybackClock, RealClock, SimulatedClock


class FakeMachine:
    """A wall clock that may be set back and a monotonic clock that may not."""

    def __init__(self):
        self.wall_ns, self.monotonic_ns = 1_000_000, 50

    def clock(self):
        return RealClock(lambda: self.wall_ns, lambda: self.monotonic_ns)


def test_real_clock_starts_at_the_wall_time():
    assert FakeMachine().clock().now_ns() == 1_000_000


def test_real_clock_does_not_follow_the_wall_clock_back():
    machine = FakeMachine()
    clock = machine.clock()
    machine.wall_ns, machine.monotonic_ns = 0, 57
    assert clock.now_ns() == 1_000_007


def test_real_clock_of_this_machine_never_goes_back():
    clock = RealClock()
    readings = [clock.now_ns() for _ in range(100)]
    assert readings == sorted(readings)


def test_real_clock_waits_the_difference_and_never_less_than_zero():
    clock = FakeMachine().clock()
    assert (clock.wait_ns(1_000_300), clock.wait_ns(5)) == (300, 0)


def test_simulated_clock_stands_still_until_moved():
    clock = SimulatedClock(10)
    assert (clock.now_ns(), clock.wait_ns(10), clock.wait_ns(11)) == (10, 0, None)
    clock.advance(5)
    assert clock.now_ns() == 15


def test_simulated_clock_refuses_to_go_back_and_stays():
    clock = SimulatedClock(10)
    with pytest.raises(ClockWentBack) as caught:
        clock.advance_to(9)
    assert (caught.value.now_ns, caught.value.asked_ns, clock.now_ns()) == (10, 9, 10)


@pytest.mark.parametrize("speed", [1, 2, 10, 0.5, Fraction(1, 3)])
def test_playback_runs_at_its_speed(speed):
    base = SimulatedClock(1_000)
    clock = PlaybackClock(500, speed, base=base)
    base.advance(600)
    assert clock.now_ns() == 500 + 600 * Fraction(speed)


def test_a_paused_playback_stands_still_and_resumes_where_it_was():
    base = SimulatedClock()
    clock = PlaybackClock(100, base=base)
    base.advance(10)
    clock.pause()
    base.advance(1_000)
    assert (clock.now_ns(), clock.paused, clock.wait_ns(111)) == (110, True, None)
    clock.resume()
    base.advance(5)
    assert clock.now_ns() == 115


def test_pausing_twice_and_resuming_twice_change_nothing():
    base = SimulatedClock()
    clock = PlaybackClock(100, base=base)
    clock.resume()
    base.advance(3)
    clock.pause()
    clock.pause()
    base.advance(3)
    assert clock.now_ns() == 103


def test_a_new_speed_counts_from_now_on():
    base = SimulatedClock()
    clock = PlaybackClock(0, base=base)
    base.advance(100)
    clock.set_speed(3)
    base.advance(10)
    assert (clock.now_ns(), clock.speed) == (130, 3)


def test_a_new_speed_while_paused_stays_paused():
    base = SimulatedClock()
    clock = PlaybackClock(7, base=base, paused=True)
    clock.set_speed(3)
    base.advance(10)
    assert (clock.now_ns(), clock.paused) == (7, True)


@pytest.mark.parametrize("target_ns", [0, 5, 10_000])
def test_seek_jumps_either_way(target_ns):
    base = SimulatedClock()
    clock = PlaybackClock(100, base=base)
    base.advance(50)
    clock.seek(target_ns)
    base.advance(2)
    assert clock.now_ns() == target_ns + 2


def test_many_speed_changes_never_go_back():
    base = SimulatedClock()
    clock = PlaybackClock(0, base=base)
    seen = []
    for step in range(500):
        base.advance(step % 3)
        clock.set_speed(Fraction(1 + step % 7, 3))
        seen.append(clock.now_ns())
    assert seen == sorted(seen)


@pytest.mark.parametrize("speed", [1, 3, 0.25, 7])
def test_waiting_what_playback_says_reaches_the_time(speed):
    machine = FakeMachine()
    clock = PlaybackClock(0, speed, base=machine.clock())
    wait_ns = clock.wait_ns(1_001)
    machine.monotonic_ns += wait_ns
    assert clock.now_ns() >= 1_001
    machine.monotonic_ns -= 1
    assert clock.now_ns() < 1_001


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), PlaybackClock.SPEED_MAX + 1])
def test_a_bad_speed_is_refused_and_the_clock_keeps_its_own(speed):
    clock = PlaybackClock(0, 2, base=SimulatedClock())
    with pytest.raises(ClockError, match="speed"):
        clock.set_speed(speed)
    assert clock.speed == 2


def test_a_negative_time_is_refused():
    with pytest.raises(ClockError):
        SimulatedClock(-1)
    with pytest.raises(ClockError):
        PlaybackClock(0, base=SimulatedClock()).seek(-1)


def test_listeners_hear_every_change_until_they_stop():
    base = SimulatedClock()
    clock = PlaybackClock(0, base=base)
    heard = []
    stop = clock.on_change(lambda: heard.append(clock.now_ns()))
    base.advance(4)
    clock.pause()
    clock.seek(9)
    clock.set_speed(2)
    clock.resume()
    stop()
    stop()
    clock.pause()
    assert heard == [4, 4, 9, 9, 9]

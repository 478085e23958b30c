"""The line: arrival order, FIFO per account, limits, determinism."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.exchange import line as line_module
from paper_bitmart.exchange.line import CommandLine, Line, LineFull
from paper_bitmart.matching.latency import Exponential, LatencyProfile, Recorded


def items(arrivals):
    return [arrival.item for arrival in arrivals]


def test_docstring_examples_are_true():
    assert doctest.testmod(line_module).failed == 0


def test_an_empty_line_has_nothing_due():
    line = CommandLine()
    assert (len(line), line.next_ns, line.due(10**18)) == (0, None, [])


def test_a_command_arrives_after_the_entry_delay_and_not_before():
    line = CommandLine(LatencyProfile.constant(entry_ns=50))
    assert line.send("buy", "a", 100) == 150
    assert (line.next_ns, line.due(149), items(line.due(150)), line.next_ns) == (150, [], ["buy"], None)


def test_a_cancel_takes_the_cancel_delay():
    line = CommandLine(LatencyProfile.constant(entry_ns=50, cancel_ns=7))
    assert line.send("cancel", "a", 100, cancels=True) == 107


def test_a_cancel_never_overtakes_the_order_it_names():
    line = CommandLine(LatencyProfile.constant(entry_ns=50, cancel_ns=7))
    line.send("buy", "a", 100)
    assert line.send("cancel", "a", 101, cancels=True) == 150
    assert items(line.due(150)) == ["buy", "cancel"]


def test_accounts_do_not_wait_for_each_other():
    line = CommandLine(LatencyProfile.constant(entry_ns=50, cancel_ns=7))
    line.send("slow", "a", 100)
    line.send("fast", "b", 101, cancels=True)
    assert items(line.due(200)) == ["fast", "slow"]


def test_equal_arrivals_keep_the_order_of_sending():
    line = CommandLine()
    for name in "zyxw":
        line.send(name, name, 5)
    assert items(line.due(5)) == list("zyxw")


def test_an_account_that_has_nothing_in_flight_starts_afresh():
    line = Line()
    line.put("late", "a", 0, 1_000)
    line.due(1_000)
    assert line.put("next", "a", 10, 5) == 15


def test_a_full_line_refuses_by_name_and_draws_no_delay():
    line = CommandLine(LatencyProfile(entry=Exponential(0, 100, seed=1)), limit=2)
    line.send("one", "a", 0)
    line.send("two", "a", 0)
    before = line.latency.export_state()
    with pytest.raises(LineFull, match="2 commands") as caught:
        line.send("three", "bob", 0)
    assert (caught.value.limit, caught.value.account, len(line)) == (2, "bob", 2)
    assert line.latency.export_state() == before


def test_room_is_made_by_arrivals():
    line = CommandLine(limit=1)
    line.send("one", "a", 0)
    line.due(0)
    line.send("two", "a", 0)
    assert len(line) == 1


@pytest.mark.parametrize("bad", [lambda: Line(0), lambda: Line().put("x", "a", 0, -1)])
def test_bad_limits_and_delays_are_refused(bad):
    with pytest.raises(ValueError):
        bad()


def test_a_recorded_delay_is_looked_up_at_the_time_of_sending():
    line = CommandLine(LatencyProfile(entry=Recorded([0, 100], [5, 9])))
    assert [line.send("x", account, t) for account, t in (("a", 10), ("b", 150))] == [15, 159]


SENDS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.integers(0, 50)), max_size=60)


@given(SENDS)
def test_everything_arrives_once_in_time_order_and_fifo_per_account(sends):
    line, now_ns = Line(), 0
    for number, (account, gap_ns, delay_ns) in enumerate(sends):
        now_ns += gap_ns
        assert line.put(number, account, now_ns, delay_ns) >= now_ns + delay_ns
    arrivals = line.due(10**9)
    assert sorted(items(arrivals)) == list(range(len(sends)))
    assert [a.arrival_ns for a in arrivals] == sorted(a.arrival_ns for a in arrivals)
    for account in "abc":
        own = [a.item for a in arrivals if a.account == account]
        assert own == sorted(own)


@given(SENDS)
def test_taking_in_steps_equals_taking_at_once(sends):
    def filled():
        line = Line()
        for number, (account, gap_ns, delay_ns) in enumerate(sends):
            line.put(number, account, gap_ns, delay_ns)
        return line

    stepped = filled()
    taken = [arrival for at_ns in range(0, 80, 7) for arrival in stepped.due(at_ns)]
    assert taken == filled().due(77)

"""Listeners: order, ending, and one that fails."""

from paper_bitmart.exchange.listeners import Listeners


def test_listeners_are_told_in_the_order_of_subscription():
    listeners, heard = Listeners("news"), []
    listeners.add(lambda fact: heard.append(("first", fact)))
    listeners.add(lambda fact: heard.append(("second", fact)))
    listeners.tell(1)
    assert heard == [("first", 1), ("second", 1)]


def test_a_listener_that_fails_is_logged_and_the_others_still_hear(caplog):
    listeners, heard = Listeners("news"), []
    listeners.add(lambda: 1 / 0)
    listeners.add(lambda: heard.append("told"))
    listeners.tell()
    assert (heard, listeners.errors) == (["told"], 1)
    assert "a listener to news failed" in caplog.text


def test_ending_a_subscription_twice_is_allowed():
    listeners, heard = Listeners("news"), []
    stop = listeners.add(heard.append)
    stop()
    stop()
    listeners.tell(1)
    assert heard == []


def test_a_listener_that_ends_itself_does_not_skip_the_next():
    listeners, heard = Listeners("news"), []
    stop = listeners.add(lambda: stop())
    listeners.add(lambda: heard.append("told"))
    listeners.tell()
    assert heard == ["told"]

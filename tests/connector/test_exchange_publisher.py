"""Who is told what, and what a listener's mistake does."""

from enum import Enum

from paper_bitmart.connector.exchange.publisher import Publisher
from paper_bitmart.connector.exchange.vocabulary import MarketEvent


class Theirs(Enum):
    """Stands for Hummingbot's own enum."""

    OrderFilled = 107


def test_listeners_hear_their_tag_only():
    publisher, heard = Publisher(), []
    publisher.add_listener(MarketEvent.OrderFilled, heard.append)
    publisher.trigger_event(MarketEvent.OrderFilled, 1)
    publisher.trigger_event(MarketEvent.OrderCancelled, 2)
    assert heard == [1]


def test_a_tag_is_known_by_its_value():
    publisher, heard = Publisher(), []
    publisher.add_listener(Theirs.OrderFilled, heard.append)
    publisher.trigger_event(MarketEvent.OrderFilled, 1)
    assert heard == [1]
    assert publisher.get_listeners(MarketEvent.OrderFilled) == [heard.append]


def test_added_twice_is_told_once_and_removed_is_not_told():
    publisher, heard = Publisher(), []
    for _ in range(2):
        publisher.add_listener(MarketEvent.OrderFilled, heard.append)
    publisher.trigger_event(MarketEvent.OrderFilled, 1)
    publisher.remove_listener(MarketEvent.OrderFilled, heard.append)
    publisher.remove_listener(MarketEvent.OrderFilled, heard.append)
    publisher.trigger_event(MarketEvent.OrderFilled, 2)
    assert heard == [1]
    assert not publisher.has_listeners


def test_a_listener_that_raises_is_logged_and_the_next_hears(caplog):
    publisher, heard = Publisher(), []
    publisher.add_listener(MarketEvent.OrderFilled, lambda event: 1 / 0)
    publisher.add_listener(MarketEvent.OrderFilled, heard.append)
    publisher.trigger_event(MarketEvent.OrderFilled, 1)
    assert heard == [1]
    assert "a listener to OrderFilled failed" in caplog.text

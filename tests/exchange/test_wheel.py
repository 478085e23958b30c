"""The wheel by itself: when it has something to do, what it leaves for later, and its last turn."""

import itertools

import pytest
from market_script import MS, RULES, START_NS, SYMBOL, book, limit, trade

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.events import FeedChanged, OrderAccepted, OrderFilled
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.restart import recover
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.exchange.wheel import HOUSE, Command, SessionSettings, Wheel
from paper_bitmart.feed.events import FeedState
from paper_bitmart.matching.latency import LatencyProfile


class Client:
    """Sends commands and keeps the outcomes."""

    def __init__(self, wheel):
        self.wheel, self.outcomes, self.events = wheel, [], []
        wheel.event_listeners.add(self.events.extend)

    def submit(self, order, sent_ns, account="alice"):
        command = Command(
            lambda venue, at_ns: venue.submit(account, order, at_ns),
            lambda result, refused: self.outcomes.append(refused or result),
        )
        return self.wheel.line.send(command, account, sent_ns)

    def open_account(self, name, sent_ns):
        command = Command(
            lambda venue, at_ns: venue.open_account(name, None, at_ns),
            lambda result, refused: self.outcomes.append(refused or result),
        )
        self.wheel.line.put(command, HOUSE, sent_ns, 0)


def live(latency=None, journal=None, **settings):
    """A wheel with a live market and the account alice, at START."""
    venue = Venue(RULES) if journal is None else recover(journal, RULES)
    wheel = Wheel(venue, latency=latency, journal=journal, settings=SessionSettings(**settings))
    client = Client(wheel)
    wheel.inbox.put(SYMBOL, book(START_NS, {9990: 100}, {10010: 100}))
    client.open_account("alice", START_NS)
    while wheel.turn(START_NS):
        pass
    while (next_ns := wheel.next_ns) is not None:
        wheel.turn(next_ns)
    client.events.clear()
    client.outcomes.clear()
    return wheel, client


def test_an_idle_wheel_waits_for_nothing():
    wheel, _ = live()
    assert (wheel.next_ns, wheel.turn(START_NS)) == (None, False)


def test_next_ns_follows_a_command_there_and_its_response_back():
    wheel, client = live(LatencyProfile.constant(entry_ns=10, response_ns=5))
    client.submit(limit("buy", 9995, 5), START_NS + 100)
    seen = []
    while (next_ns := wheel.next_ns) is not None:
        seen.append(next_ns - START_NS)
        wheel.turn(next_ns)
    assert seen == [110, 115]
    assert isinstance(client.outcomes[0][0], OrderAccepted)


def test_next_ns_is_the_earliest_of_market_and_commands():
    wheel, client = live(LatencyProfile.constant(entry_ns=10))
    client.submit(limit("buy", 9995, 5), START_NS)
    wheel.inbox.put(SYMBOL, trade(START_NS + 7, Side.SELL, 9995, 1))
    assert wheel.next_ns == START_NS + 7


@pytest.mark.parametrize("settings", [{"events_per_turn": 1}, {"commands_per_turn": 1}])
def test_small_turns_give_the_same_events_as_one_big_turn(settings):
    def events(**its_settings):
        wheel, client = live(**its_settings)
        for number in range(10):
            client.submit(limit("buy", 9995 - number % 2, 3), START_NS + number * MS)
            wheel.inbox.put(SYMBOL, trade(START_NS + number * MS, Side.SELL, 9994, 1))
        while wheel.turn(START_NS + 100 * MS):
            pass
        return client.events

    assert events(**settings) == events()
    assert any(isinstance(event, OrderFilled) for event in events())


def test_a_turn_says_that_there_is_more():
    wheel, client = live(commands_per_turn=1)
    client.submit(limit("buy", 9995, 1), START_NS)
    client.submit(limit("buy", 9995, 1), START_NS)
    assert [wheel.turn(START_NS), wheel.turn(START_NS)] == [True, False]


def test_finishing_tells_what_was_still_on_its_way_and_closes_the_feeds():
    wheel, client = live(LatencyProfile.constant(response_ns=10**9))
    client.submit(limit("buy", 9995, 5), START_NS)
    wheel.finish(START_NS)
    assert isinstance(client.outcomes[0][0], OrderAccepted)
    assert [event.state for event in client.events if isinstance(event, FeedChanged)] == [FeedState.CLOSED]


def test_checkpoints_are_taken_every_so_many_events(tmp_path):
    with Journal(tmp_path) as journal:
        wheel, client = live(journal=journal, checkpoint_every_events=10)
        for number in range(20):
            client.submit(limit("buy", 9900, 1), START_NS + number)
            wheel.turn(START_NS + number)
        # Two events per order (accepted, held), so about one checkpoint per five orders.
        assert wheel.stats.checkpoints == (journal.last_seq or 0) // 10
        newest, _ = journal.checkpoints()
        assert (journal.last_seq or 0) - newest.seq < 10


def test_checkpoints_come_seldom_when_there_is_much_to_write(tmp_path):
    with Journal(tmp_path) as journal:
        wheel, client = live(journal=journal, checkpoint_every_events=1)
        at_seqs = []
        for number in range(60):
            client.submit(limit("buy", 9900, 1), START_NS + number)
            before = wheel.stats.checkpoints
            wheel.turn(START_NS + number)
            at_seqs += [journal.last_seq] * (wheel.stats.checkpoints - before)
        # 60 orders of two events: half as many events as orders at the checkpoint before, but at least one.
        gaps = [later - earlier for earlier, later in itertools.pairwise(at_seqs)]
        assert gaps == sorted(gaps)
        assert (gaps[0], gaps[-1]) == (2, 20)


def test_a_command_is_never_earlier_than_what_the_venue_has_seen():
    wheel, client = live()
    wheel.inbox.put(SYMBOL, trade(START_NS + 50, Side.SELL, 9990, 1))
    wheel.turn(START_NS + 50)
    client.submit(limit("buy", 9995, 5), START_NS + 10)
    wheel.turn(START_NS + 50)
    assert client.outcomes[0][0].at_ns == START_NS + 50

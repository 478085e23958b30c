"""The recorder's hook: a wheel tells its tape all that it gives to the venue, before anyone else is told."""

from market_script import MS, RULES, START_NS, SYMBOL, book, limit, trade

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.calls import OpenAccount, Submit
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.restart import recover
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.exchange.wheel import HOUSE, Command, SessionSettings, Wheel
from paper_bitmart.matching.latency import LatencyProfile


class Told:
    """A tape that keeps the names of what it is told."""

    def __init__(self):
        self.names, self.calls = [], []

    def market(self, batches, events):
        self.names.append(f"market {sum(len(batch.events) for batch in batches.values())}")

    def called(self, run, sent_ns, at_ns, result, refused):
        self.names.append(f"{type(run).__name__} {'refused' if refused else 'done'}")
        self.calls.append((sent_ns - START_NS, at_ns - START_NS))

    def feeds_closed(self, at_ns, events):
        self.names.append("feeds closed")

    def commit(self):
        self.names.append("commit")

    def restarted(self, venue, events):
        self.names.append("restarted")


def wheel_with_tape(journal=None, latency=None):
    venue = Venue(RULES) if journal is None else recover(journal, RULES)
    told = Told()
    wheel = Wheel(
        venue, journal=journal, latency=latency, tape=told, settings=SessionSettings(probe_every_ns=MS)
    )
    wheel.line.put(Command(OpenAccount(account="alice"), lambda *_: None), HOUSE, START_NS, 0)
    wheel.inbox.put(SYMBOL, book(START_NS, {9990: 100}, {10010: 100}))
    wheel.turn(START_NS)
    assert told.names == ["market 6", "OpenAccount done", "commit"]
    told.names.clear()
    told.calls.clear()
    return wheel, told


def send(wheel, sent_ns, **order):
    call = Submit(account="alice", order=limit("buy", **{"price_ticks": 9990, "size_lots": 5} | order))
    wheel.line.send(Command(call, lambda *_: None), "alice", sent_ns)


def test_market_and_calls_are_told_in_the_order_of_their_times():
    wheel, told = wheel_with_tape()
    send(wheel, START_NS + 2)
    wheel.inbox.put(SYMBOL, trade(START_NS + 1, Side.SELL, 9990, 1))
    wheel.inbox.put(SYMBOL, trade(START_NS + 3, Side.SELL, 9990, 1))
    wheel.turn(START_NS + 3)
    assert told.names == ["market 1", "Submit done", "market 1", "commit"]


def test_a_call_is_told_with_its_sending_and_its_arrival_also_when_it_was_refused():
    wheel, told = wheel_with_tape(latency=LatencyProfile.constant(entry_ns=10))
    send(wheel, START_NS + 5, size_lots=0)
    wheel.turn(START_NS + 20)
    assert (told.names, told.calls) == (["Submit refused", "commit"], [(5, 15)])


def test_the_tape_has_a_turn_before_the_listeners_hear_of_it():
    wheel, told = wheel_with_tape()
    wheel.event_listeners.add(lambda events: told.names.append("told"))
    send(wheel, START_NS)
    wheel.turn(START_NS)
    assert told.names == ["Submit done", "commit", "told"]


def test_the_end_closes_the_feeds_on_the_tape_too():
    wheel, told = wheel_with_tape()
    wheel.finish(START_NS)
    assert told.names[-2:] == ["feeds closed", "commit"]


def test_a_failed_write_is_told_as_a_restart_and_nothing_is_given_until_the_journal_is_back(tmp_path):
    with Journal(tmp_path) as journal:
        wheel, told = wheel_with_tape(journal)
        ((pages,),) = journal._connection.execute("PRAGMA page_count")
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        while not wheel.storage_failed:
            send(wheel, START_NS)
            wheel.turn(START_NS)
        assert told.names[-3:] == ["Submit done", "restarted", "commit"]
        told.names.clear()
        send(wheel, START_NS)
        wheel.turn(START_NS)
        assert told.names == ["commit"]
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        wheel.turn(START_NS + 10 * MS)
        assert told.names[1].startswith("market ")

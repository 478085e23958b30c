"""The session: time order, acknowledgement after commit, latency, outages, and nobody who can stop it."""

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal

import numpy as np
import pytest
from market_script import (
    MS,
    RULES,
    START_NS,
    SYMBOL,
    ScriptedSource,
    book,
    feed_state,
    level,
    limit,
    rules,
    trade,
)

from paper_bitmart.bitmart.enums import Role, Side
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.calls import Call, Cancel, Submit
from paper_bitmart.exchange.clock import PlaybackClock, SimulatedClock
from paper_bitmart.exchange.events import FeedChanged, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.inbox import InboxFull
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalCorrupt
from paper_bitmart.exchange.restart import recover
from paper_bitmart.exchange.session import Session, SessionSettings
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState
from paper_bitmart.matching.latency import Constant, LatencyProfile, Recorded

BIDS, ASKS = {9990: 100, 9980: 100}, {10010: 100, 10020: 100}


async def settle():
    """Let the session's tasks run until they wait."""
    for _ in range(20):
        await asyncio.sleep(0)


class Exchange:
    """A session on a clock that the test moves, and what its listeners heard."""

    def __init__(self, session, source, clock, journal):
        self.session, self.source, self.clock, self.journal = session, source, clock, journal
        self.events, self.batches = [], []
        session.subscribe(self.events.append)
        session.on_market(lambda symbol, events: self.batches.append((symbol, events)))

    def heard(self, kind):
        return [event for batch in self.events for event in batch if isinstance(event, kind)]

    async def say(self, *batches, symbol=SYMBOL):
        self.source.say(*batches, symbol=symbol)
        await settle()

    async def at(self, offset_ms):
        """Move to START + offset."""
        self.clock.advance_to(START_NS + offset_ms * MS)
        await settle()

    def send(self, awaitable):
        return asyncio.ensure_future(awaitable)


@asynccontextmanager
async def exchange(directory=None, *, latency=None, symbols=(SYMBOL,), settings=None, live=True):
    clock = SimulatedClock(START_NS)
    source = ScriptedSource(symbols)
    journal = None if directory is None else Journal(directory)
    venue = Venue(source.rules) if journal is None else recover(journal, source.rules)
    session = Session(source, venue, clock, latency=latency, journal=journal, settings=settings)
    async with session:
        await settle()
        running = Exchange(session, source, clock, journal)
        if live:
            for symbol in symbols:
                await running.say(book(START_NS, BIDS, ASKS), symbol=symbol)
            await session.open_account("alice")
        yield running


async def refused(awaitable, code):
    with pytest.raises(BitmartError) as caught:
        await awaitable
    assert caught.value.code == code


# --- commands and the market, by time ---


async def test_a_crossing_order_is_accepted_and_filled_in_one_reply():
    async with exchange() as x:
        events = await x.session.submit("alice", limit("buy", 10010, 5))
        assert isinstance(events[0], OrderAccepted)
        (fill,) = [event.fill for event in events if isinstance(event, OrderFilled)]
        assert (fill.role, fill.price_ticks, fill.size_lots) == (Role.TAKER, 10010, 5)


async def test_a_resting_order_is_filled_by_the_market_and_the_listener_hears_it():
    async with exchange() as x:
        await x.session.submit("alice", limit("buy", 9995, 5))
        await x.at(10)
        await x.say(trade(START_NS + 10 * MS, Side.SELL, 9995, 3))
        (filled,) = x.heard(OrderFilled)
        assert (filled.fill.role, filled.fill.size_lots, filled.at_ns) == (Role.MAKER, 3, START_NS + 10 * MS)


async def test_market_events_of_the_future_wait_for_the_clock():
    async with exchange() as x:
        await x.session.submit("alice", limit("buy", 9995, 5))
        await x.say(trade(START_NS + 10 * MS, Side.SELL, 9995, 3))
        assert x.heard(OrderFilled) == []
        await x.at(9)
        assert x.heard(OrderFilled) == []
        await x.at(10)
        assert len(x.heard(OrderFilled)) == 1


@pytest.mark.parametrize(("arrival_ms", "filled"), [(9, 0), (11, 3)])
async def test_a_command_meets_the_market_of_its_arrival_time(arrival_ms, filled):
    """A print at 10 ms fills an order that had arrived by then, and no other."""
    async with exchange(latency=LatencyProfile.constant(entry_ns=(20 - arrival_ms) * MS)) as x:
        await x.say(trade(START_NS + 10 * MS, Side.SELL, 9995, 3))
        sent = x.send(x.session.submit("alice", limit("buy", 9995, 5)))
        await settle()
        await x.at(30)
        await sent
        assert sum(event.fill.size_lots for event in x.heard(OrderFilled)) == filled


async def test_of_equal_times_the_market_goes_first():
    async with exchange(latency=LatencyProfile.constant(entry_ns=10 * MS)) as x:
        sent = x.send(x.session.submit("alice", limit("buy", 10010, 5)))
        await settle()
        await x.say(level(START_NS + 10 * MS, Side.SELL, 10010, 0))
        await x.at(10)
        assert not any(isinstance(event, OrderFilled) for event in await sent)


async def test_symbols_are_merged_by_time():
    async with exchange(symbols=("BTC_USDT", "ETH_USDT")) as x:
        for symbol in x.session.rules:
            await x.session.submit("alice", limit("buy", 9995, 5, symbol=symbol))
        await x.say(trade(START_NS + 2 * MS, Side.SELL, 9995, 1), symbol="ETH_USDT")
        await x.say(trade(START_NS + 1 * MS, Side.SELL, 9995, 1), symbol="BTC_USDT")
        await x.at(5)
        assert [event.fill.symbol for event in x.heard(OrderFilled)] == ["BTC_USDT", "ETH_USDT"]


async def test_every_command_reaches_the_venue():
    async with exchange() as x:
        (first,) = [
            e.order for e in await x.session.submit("alice", limit("buy", 9900, 5)) if hasattr(e, "order")
        ]
        await x.session.submit_batch("alice", [limit("buy", 9901, 5, "b1"), limit("buy", 9902, 5, "b2")])
        await x.session.cancel("alice", order_id=first.order_id)
        result = await x.session.cancel_orders("alice", client_order_ids=["b1", "nobody"])
        await x.session.cancel_all("alice", side=Side.BUY)
        assert (result.success_ids, result.fail_ids) == (["b1"], ["nobody"])
        assert [e.order.client_order_id for e in x.heard(OrderCanceled)] == [str(first.order_id), "b1", "b2"]
        assert x.session.venue.open_orders("alice") == []


async def test_money_and_fees_are_administered_without_latency():
    async with exchange(latency=LatencyProfile.constant(entry_ns=10**9)) as x:
        await x.session.open_account("bob", {"USDT": Decimal(100)})
        await x.session.deposit("bob", "USDT", Decimal(7))
        await x.session.withdraw("bob", "USDT", Decimal(3))
        await x.session.set_fees("bob", None, 0, 10)
        assert x.session.venue.balances("bob")["USDT"].available_atoms == 104 * 10**18
        assert x.session.venue.fee_rates("bob", SYMBOL) == (0, 10)


async def test_a_refusal_comes_back_as_bitmarts_error_and_changes_nothing():
    async with exchange() as x:
        before = x.session.venue.export_state()
        await refused(x.session.submit("nobody", limit("buy", 9995, 5)), 59001)
        await refused(x.session.submit("alice", limit("buy", 9995, 0)), 51015)
        await refused(x.session.cancel("alice", order_id=1), 50005)
        assert x.session.venue.export_state().orders == before.orders
        assert x.session.stats.refusals == 3


# --- turns ---


async def test_a_long_stretch_of_market_is_matched_in_bounded_turns():
    async with exchange(settings=SessionSettings(events_per_turn=10)) as x:
        x.source.say(*(trade(START_NS + n, Side.SELL, 9995, 1) for n in range(100)))
        x.clock.advance_to(START_NS + 200)
        await settle()
        assert max(len(events) for _, events in x.batches[1:]) == 10
        assert sum(len(events) for _, events in x.batches[1:]) == 100


async def test_commands_sent_together_share_a_commit(tmp_path):
    async with exchange(tmp_path) as x:
        commits = x.session.stats.commits
        await asyncio.gather(*(x.session.submit("alice", limit("buy", 9900, 1)) for _ in range(50)))
        assert x.session.stats.commits == commits + 1


async def test_more_commands_than_a_turn_takes_are_all_done():
    async with exchange(settings=SessionSettings(commands_per_turn=3)) as x:
        await asyncio.gather(*(x.session.submit("alice", limit("buy", 9900, 1)) for _ in range(10)))
        assert len(x.session.venue.open_orders("alice")) == 10


@pytest.mark.parametrize("name", ["events_per_turn", "commands_per_turn", "checkpoint_every_events"])
def test_a_limit_below_one_is_refused_by_name(name):
    with pytest.raises(ValueError, match=name):
        SessionSettings(**{name: 0})


# --- told once durable ---


async def test_whoever_is_told_finds_it_in_the_journal_already(tmp_path):
    async with exchange(tmp_path) as x:
        seen = []
        x.session.subscribe(lambda events: seen.append((events[-1].seq, x.journal.pending)))
        events = await x.session.submit("alice", limit("buy", 9995, 5))
        assert seen == [(events[-1].seq, 0)]
        assert list(x.journal.events_after(events[0].seq - 1)) == events


async def test_views_show_the_market_before_its_fills_are_told():
    async with exchange() as x:
        seen = []
        await x.session.submit("alice", limit("buy", 9995, 5))
        x.session.subscribe(lambda events: seen.append(len(x.session.views[SYMBOL].trades)))
        await x.say(trade(START_NS, Side.SELL, 9995, 3))
        assert seen == [1]


async def test_a_listener_that_fails_stops_nobody(caplog):
    async with exchange() as x:
        x.session.subscribe(lambda events: 1 / 0)
        x.session.on_market(lambda symbol, events: 1 / 0)
        await x.session.submit("alice", limit("buy", 9995, 5))
        await x.say(trade(START_NS, Side.SELL, 9995, 3))
        assert (x.session.is_open, x.session.listener_errors) == (True, 3)
        assert len(x.heard(OrderFilled)) == 1


async def test_a_cancelled_wait_does_not_cancel_the_order():
    async with exchange(latency=LatencyProfile.constant(entry_ns=10 * MS)) as x:
        sent = x.send(x.session.submit("alice", limit("buy", 9995, 5)))
        await settle()
        sent.cancel()
        await x.at(20)
        assert len(x.session.venue.open_orders("alice")) == 1


# --- latency ---


async def test_entry_and_response_latency_add_up():
    async with exchange(latency=LatencyProfile.constant(entry_ns=10 * MS, response_ns=5 * MS)) as x:
        sent = x.send(x.session.submit("alice", limit("buy", 9995, 5)))
        await settle()
        await x.at(9)
        assert x.session.venue.open_orders("alice") == []
        await x.at(10)
        assert len(x.session.venue.open_orders("alice")) == 1
        assert not sent.done()
        await x.at(14)
        assert not sent.done()
        await x.at(15)
        assert (await sent)[0].at_ns == START_NS + 10 * MS


async def test_a_refusal_takes_as_long_as_an_acceptance():
    async with exchange(latency=LatencyProfile.constant(entry_ns=10 * MS, response_ns=5 * MS)) as x:
        sent = x.send(x.session.submit("nobody", limit("buy", 9995, 5)))
        await settle()
        await x.at(14)
        assert not sent.done()
        await x.at(15)
        await refused(sent, 59001)


async def test_a_cancel_loses_the_race_that_it_loses_outside():
    async with exchange(latency=LatencyProfile.constant(entry_ns=0, cancel_ns=10 * MS)) as x:
        await x.session.submit("alice", limit("buy", 9995, 5, "mine"))
        sent = x.send(x.session.cancel("alice", client_order_id="mine"))
        await settle()
        await x.say(trade(START_NS + 5 * MS, Side.SELL, 9995, 50))
        await x.at(10)
        await refused(sent, 50031)


async def test_market_data_latency_delays_views_but_not_matching():
    profile = LatencyProfile(market_data=Constant(20 * MS))
    async with exchange(latency=profile, live=False) as x:
        await x.say(book(START_NS, BIDS, ASKS))
        assert (x.session.views[SYMBOL].best_bid(), x.session.venue.feed_state(SYMBOL)) == (
            None,
            FeedState.LIVE,
        )
        await x.at(20)
        assert x.session.views[SYMBOL].best_bid() == (9990, 100)


async def test_one_accounts_slow_response_does_not_delay_another():
    slow_then_fast = Recorded([START_NS, START_NS + MS], [50 * MS, 0])
    async with exchange(latency=LatencyProfile(response=slow_then_fast), live=False) as x:
        slow = x.send(x.session.submit("alice", limit("buy", 9995, 5)))
        await settle()
        await x.at(1)
        fast = x.send(x.session.submit("bob", limit("buy", 9995, 5)))
        await settle()
        await refused(fast, 59001)
        assert not slow.done()
        await x.at(50)
        await refused(slow, 59001)


# --- the clock ---


async def test_sleep_until_returns_when_the_clock_shows_it():
    async with exchange() as x:
        woken = x.send(x.session.sleep_until(START_NS + 10 * MS))
        await x.at(9)
        assert not woken.done()
        await x.at(10)
        assert woken.done()


async def test_sleep_until_follows_a_playback_that_is_paused_and_moved():
    base = SimulatedClock()
    clock = PlaybackClock(START_NS, 1, base=base)
    session = Session(ScriptedSource(), Venue(RULES), clock)
    woken = asyncio.ensure_future(session.sleep_until(START_NS + 100))
    await settle()
    clock.pause()
    base.advance(1000)
    await settle()
    assert not woken.done()
    clock.seek(START_NS + 100)
    await settle()
    assert woken.done()


# --- ends and outages ---


async def test_a_closed_session_refuses_and_closing_twice_is_allowed(tmp_path):
    async with exchange(tmp_path) as x:
        pass
    await x.session.close()
    await refused(x.session.submit("alice", limit("buy", 9995, 5)), 50022)


async def test_closing_refuses_what_is_still_on_its_way():
    async with exchange(latency=LatencyProfile.constant(entry_ns=10 * MS)) as x:
        sent = x.send(x.session.submit("alice", limit("buy", 9995, 5)))
        await settle()
        await x.session.close()
        await refused(sent, 50022)
        assert x.session.venue.open_orders("alice") == []


async def test_closing_closes_the_feeds_and_says_so():
    async with exchange() as x:
        await x.session.close()
        assert x.heard(FeedChanged)[-1].state is FeedState.CLOSED


async def test_a_session_starts_once():
    async with exchange() as x:
        with pytest.raises(RuntimeError, match="once"):
            await x.session.start()


async def test_a_source_that_fails_closes_the_feeds_and_cancels_still_work(caplog):
    async with exchange() as x:
        await x.session.submit("alice", limit("buy", 9995, 5, "mine"))
        x.source.fail(ConnectionError("no route to the market"))
        await settle()
        assert isinstance(x.session.source_failure, ConnectionError)
        assert x.session.venue.feed_state(SYMBOL) is FeedState.CLOSED
        await refused(x.session.submit("alice", limit("buy", 9995, 5)), 50022)
        await x.session.cancel("alice", client_order_id="mine")
        assert "source script failed" in caplog.text


async def test_a_source_that_floods_the_session_is_cut_off_and_the_session_lives(caplog):
    async with exchange() as x:
        x.session._wheel.inbox.limit = 10
        flood = np.concatenate([trade(START_NS + n, Side.SELL, 9995, 1) for n in range(11)])
        with pytest.raises(InboxFull) as caught:
            x.source.say(flood)
        x.source.fail(caught.value)
        await settle()
        assert x.session.venue.feed_state(SYMBOL) is FeedState.CLOSED
        assert (x.session.is_open, x.session.source_failure) == (True, caught.value)


async def test_a_session_that_never_started_still_releases_the_journal(tmp_path):
    journal = Journal(tmp_path)
    session = Session(ScriptedSource(), recover(journal, RULES), SimulatedClock(), journal=journal)
    await session.close()
    with Journal(tmp_path) as again:
        assert again.last_seq is None
    with pytest.raises(RuntimeError):
        await session.start()


async def test_a_feed_that_is_stale_refuses_orders_until_it_is_live_again():
    async with exchange() as x:
        await x.say(feed_state(START_NS, FeedState.STALE))
        await refused(x.session.submit("alice", limit("buy", 9995, 5)), 50022)
        await x.say(book(START_NS, BIDS, ASKS))
        await x.session.submit("alice", limit("buy", 9995, 5))


class Defect(Call, frozen=True, kw_only=True):
    def __call__(self, venue, at_ns):
        return [][0]


async def test_a_defect_stops_the_session_and_answers_everybody(caplog):
    async with exchange() as x:
        outcome = asyncio.get_running_loop().create_future()
        x.session.send(Defect(account="alice"), lambda result, refused: outcome.set_exception(refused))
        await refused(outcome, 59002)
        assert isinstance(x.session.failure, IndexError)
        await refused(x.session.submit("alice", limit("buy", 9995, 5)), 50022)


# --- replies without a task ---


async def test_a_reply_gets_the_durable_result_or_the_refusal_once(tmp_path):
    told = []
    async with exchange(tmp_path) as x:

        def reply(result, refused):
            told.append((result, refused, x.session.journal.pending))

        x.session.send(Submit(account="alice", order=limit("buy", 9995, 5)), reply)
        x.session.send(Cancel(account="alice", order_id=1), reply)
        assert told == []
        await settle()
        (accepted, no_refusal, pending), (no_result, refused, _) = told
        assert (type(accepted[0]), no_refusal, pending) == (OrderAccepted, None, 0)
        assert (no_result, refused.code) == (None, 50005)


async def test_a_reply_that_fails_keeps_nobody_else_from_theirs(caplog):
    told = []
    async with exchange() as x:
        order = Submit(account="alice", order=limit("buy", 9995, 5))
        x.session.send(order, lambda *_: 1 / 0)
        x.session.send(order, lambda result, refused: told.append(result))
        await settle()
        assert len(told) == 1
        assert x.session.is_open
    assert "ZeroDivisionError" in caplog.text


async def test_a_command_on_its_way_at_the_close_is_refused_and_one_after_it_not_sent():
    told = []
    async with exchange(latency=LatencyProfile.constant(entry_ns=10**9)) as x:
        order = Submit(account="alice", order=limit("buy", 9995, 5))
        x.session.send(order, lambda result, refused: told.append((result, refused.code)))
        await x.session.close()
        assert told == [(None, 50022)]
        with pytest.raises(BitmartError) as closed:
            x.session.send(order, lambda *_: told.append("never"))
        assert (closed.value.code, len(told)) == (50022, 1)


# --- a full disk ---


def fill_disk(journal):
    """Let the database grow no more: SQLite then answers as on a full disk."""
    ((pages,),) = journal._connection.execute("PRAGMA page_count")
    journal._connection.execute(f"PRAGMA max_page_count = {pages}")


def make_space(journal):
    journal._connection.execute("PRAGMA max_page_count = 1000000")


async def submit_until_full(x):
    """Submit until the disk is full; returns the client ids that were acknowledged, and the refusal."""
    acknowledged = []
    for number in range(1000):
        try:
            await x.session.submit("alice", limit("buy", 9900, 1, f"order{number}"))
        except BitmartError as error:
            return acknowledged, error
        acknowledged.append(f"order{number}")
    raise AssertionError("the disk never filled up")


async def test_a_full_disk_refuses_with_59002_and_exactly_what_was_acknowledged_is_there(tmp_path, caplog):
    async with exchange(tmp_path) as x:
        fill_disk(x.journal)
        acknowledged, error = await submit_until_full(x)
        assert (error.code, error.http_status, x.session.storage_failed) == (59002, 500, True)
        assert sorted(o.client_order_id for o in x.session.venue.open_orders("alice")) == sorted(acknowledged)
        x.session.venue.check()
        await refused(x.session.cancel_all("alice"), 59002)
        assert len(x.heard(OrderAccepted)) == len(acknowledged)
        make_space(x.journal)


async def test_once_there_is_space_the_session_goes_on_and_the_outage_is_a_gap(tmp_path, caplog):
    async with exchange(tmp_path) as x:
        await x.session.submit("alice", limit("buy", 9995, 5, "resting"))
        fill_disk(x.journal)
        acknowledged, _ = await submit_until_full(x)
        await x.at(100)
        await x.say(level(START_NS + 100 * MS, Side.SELL, 10010, 0))
        make_space(x.journal)
        await x.at(2000)
        assert not x.session.storage_failed
        (gap,) = x.journal.feed_gaps()
        assert gap == (SYMBOL, START_NS, START_NS + 2000 * MS)
        assert x.heard(FeedChanged)[-1].state is FeedState.LIVE
        events = await x.session.submit("alice", limit("buy", 10020, 1))
        # The book is the one of now: the level that left during the outage is gone.
        (fill,) = [event.fill for event in events if isinstance(event, OrderFilled)]
        assert fill.price_ticks == 10020
    with Journal(tmp_path) as journal:
        venue = recover(journal, RULES)
        assert len(venue.open_orders("alice")) == len(acknowledged) + 1


async def test_a_journal_that_cannot_be_read_back_either_stops_the_session(tmp_path, caplog):
    async with exchange(tmp_path) as x:
        x.journal._connection.execute("DELETE FROM commits")
        fill_disk(x.journal)
        _, error = await submit_until_full(x)
        assert (error.code, type(x.session.failure)) == (59002, JournalCorrupt)


def test_scripted_rules_are_what_the_tests_say():
    assert (rules().tick, rules().lot) == (Decimal("0.01"), Decimal("0.001"))
    assert np.array_equal(book(1, BIDS, ASKS)["recv_ns"], np.ones(8, np.int64))

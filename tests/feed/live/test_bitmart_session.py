"""The session's own decisions, message by message: what it asks for, when, and what it does not believe."""

import random
from dataclasses import replace

import msgspec
import pytest
from feed.feed_messages import RULES, SYMBOL, best, depth50, snapshot, trade, trades, update

from paper_bitmart.bitmart.frames import deflate
from paper_bitmart.feed.events import BID, FeedState
from paper_bitmart.feed.live.bitmart_session import BitmartSession
from paper_bitmart.feed.live.venue_limits import BITMART_WS

SECOND = 10**9
START = 1_763_800_000 * SECOND
BIDS, ASKS = [(100, 5), (99, 4)], [(102, 1), (103, 3)]
DEPTH, FULL, PRINTS = f"spot/depth/increase100:{SYMBOL}", f"spot/depth50:{SYMBOL}", f"spot/trade:{SYMBOL}"


class Client:
    """A session by hand; `sent` are the messages it wants sent, as (op, args) or text."""

    def __init__(self, *, rules=None, **options):
        self.session = BitmartSession(rules or {SYMBOL: RULES}, rng=random.Random(2), **options)
        self.now_ns = START
        self.frames = []
        self.session.opened(self.now_ns)

    @property
    def state(self):
        return self.session.mirrors[SYMBOL].state

    @property
    def counters(self):
        return self.session.counters[SYMBOL]

    def see(self, *frames):
        for frame in frames:
            self.now_ns += SECOND // 10
            self.session.receive(frame if isinstance(frame, str) else deflate(frame), self.now_ns)

    def wait(self, seconds):
        """Tick by tick, as a shell does."""
        until_ns = self.now_ns + int(seconds * SECOND)
        while self.now_ns < until_ns:
            self.now_ns = max(self.now_ns + 1, min(until_ns, self.session.next_ns(self.now_ns)))
            self.session.tick(self.now_ns)
            self.frames += self.session.take_frames(self.now_ns)
            if self.session.close_reason:
                return

    def sent(self):
        frames, self.frames = self.frames + self.session.take_frames(self.now_ns), []
        return [
            frame
            if frame == "ping"
            else (one := msgspec.json.decode(frame))["op"] and (one["op"], *one["args"])
            for frame in frames
        ]

    def error(self, code, topic, event="subscribe"):
        fields = {"event": event, "topic": topic, "errorCode": code, "errorMessage": "no"}
        self.see(msgspec.json.encode(fields).decode())


@pytest.fixture
def client():
    return Client()


@pytest.fixture
def live(client):
    client.see(snapshot(10, BIDS, ASKS))
    client.sent()
    assert client.state is FeedState.LIVE
    return client


def test_it_subscribes_depth_trades_and_apart_the_book_ticker(client):
    assert client.sent() == [("subscribe", DEPTH, PRINTS), ("subscribe", f"spot/bookTicker:{SYMBOL}")]


def test_a_gap_is_answered_by_a_request_and_its_snapshot_joins_what_was_held(live):
    live.see(update(12, [(100, 6)]))
    assert live.state is FeedState.SYNCING
    assert live.sent() == [("request", DEPTH)]
    live.see(snapshot(11, BIDS, ASKS))
    assert live.state is FeedState.LIVE
    assert dict(live.session.mirrors[SYMBOL].bids) == {100: 6, 99: 4}


@pytest.mark.parametrize("is_compact", [True, False], ids=["as venues write", "with blanks"])
@pytest.mark.parametrize(
    ("change", "state"), [((99, 0), FeedState.LIVE), ((102, 5), FeedState.SYNCING)], ids=["thin", "crossed"]
)
def test_a_book_that_an_update_leaves_thin_or_crossed_is_asked_for_at_once(live, change, state, is_compact):
    # The compiled road takes only what has no blanks.
    message = update(11, [change])
    live.see(msgspec.json.format(message, indent=-1) if is_compact else message)
    assert live.state is state
    assert live.sent() == [("request", DEPTH)]


def test_a_snapshot_that_the_held_updates_do_not_continue_is_asked_for_again_at_once(live):
    live.see(update(12), update(14))
    assert live.sent() == [("request", DEPTH)]
    live.see(snapshot(11, BIDS, ASKS))
    assert live.state is FeedState.SYNCING
    assert live.sent() == [("request", DEPTH)]


def test_an_unanswered_request_climbs_to_a_new_subscription_and_a_new_connection(live):
    live.see(update(12))
    live.sent()
    live.wait(4.9)
    live.see("pong")
    assert live.sent() == []
    live.wait(0.2)
    assert live.sent() == [("unsubscribe", DEPTH), ("subscribe", DEPTH)]
    assert live.session.close_reason == ""
    live.see("pong")
    live.wait(5)
    assert "no snapshot" in live.session.close_reason
    assert (live.counters.requests, live.counters.resubscribes, live.counters.reconnects) == (1, 1, 1)


def in_vain(client):
    """A connection that answers pings and gives nothing, until the session ends it; then the next one."""
    while not client.session.close_reason:
        client.see("pong")
        client.wait(5)
    client.sent()
    client.session.closed(client.now_ns, client.session.close_reason)
    client.session.opened(client.now_ns)


def test_the_second_connection_in_vain_is_followed_by_depth50(client):
    for connection in (1, 2):
        assert client.sent()[0] == ("subscribe", DEPTH, PRINTS)
        in_vain(client)
        assert client.counters.reconnects == connection
    assert client.sent()[0] == ("subscribe", FULL, PRINTS)
    client.see(depth50(BIDS, ASKS))
    assert client.state is FeedState.LIVE
    assert dict(client.session.mirrors[SYMBOL].asks) == dict(ASKS)
    client.session.closed(client.now_ns, "lost")
    client.session.opened(client.now_ns)
    assert client.sent()[0] == ("subscribe", DEPTH, PRINTS)
    client.see(snapshot(10, BIDS, ASKS), update(11, [(100, 9)]))
    assert client.state is FeedState.LIVE
    assert client.session.mirrors[SYMBOL].version == 11


def test_depth50_in_vain_is_followed_by_increase100_again(client):
    for channel in (DEPTH, DEPTH, FULL, DEPTH):
        assert client.sent()[0] == ("subscribe", channel, PRINTS)
        in_vain(client)


def test_one_symbol_in_vain_does_not_cost_the_others_their_connection():
    other = replace(RULES, symbol="BBB_USDT")
    client = Client(rules={SYMBOL: RULES, "BBB_USDT": other})
    version = 10
    for number in range(60):
        version += 1
        good = snapshot(version, BIDS, ASKS) if number == 0 or not client.session.live else update(version)
        client.see(good.replace(SYMBOL.encode(), b"BBB_USDT"))
        client.wait(4)
        if client.session.close_reason:
            client.session.closed(client.now_ns, client.session.close_reason)
            client.session.opened(client.now_ns)
    assert client.session.live == ["BBB_USDT"]
    assert client.counters.reconnects == 2
    # It is asked for all the same.
    assert client.counters.resubscribes > 5


def test_more_than_three_gaps_in_ten_seconds_end_the_connection(live):
    for version in (20, 30, 40):
        live.see(update(version), snapshot(version, BIDS, ASKS))
    assert live.session.close_reason == ""
    live.see(update(50))
    assert "gaps follow each other" in live.session.close_reason


def test_silence_is_pinged_and_no_pong_ends_the_connection(live):
    live.wait(9.9)
    assert live.sent() == []
    live.wait(0.2)
    assert live.sent() == ["ping"]
    live.see("pong")
    live.wait(10.1)
    assert live.sent() == ["ping"]
    live.wait(5)
    assert live.session.close_reason == "no answer to a ping"


def test_pongs_do_not_keep_a_book_fresh(live):
    for _ in range(4):
        live.wait(8)
        live.see("pong")
    assert live.state is FeedState.STALE
    assert ("request", DEPTH) in live.sent()
    live.see(snapshot(10, BIDS, ASKS))
    assert live.state is FeedState.LIVE


def test_an_empty_snapshot_is_not_a_market(client):
    client.see(snapshot(10))
    assert client.state is FeedState.SYNCING
    assert client.counters.empty == 1
    assert "empty" in client.session.mirrors[SYMBOL].last_problem


@pytest.mark.parametrize("version", [3, 10])
def test_an_update_that_is_newer_by_its_time_and_older_by_its_version_is_a_restart(live, version):
    live.see(update(version, [(100, 7)], ms=2_000))
    assert live.state is FeedState.SYNCING
    assert ("request", DEPTH) in live.sent()


def test_a_repeated_update_is_only_a_repetition(live):
    live.see(update(11, [(100, 7)]), update(11, [(100, 7)]), update(11, [(100, 7)]))
    assert live.state is FeedState.LIVE


def test_an_empty_update_is_believed_at_once_but_not_after_a_silence(live):
    live.see(update(11))
    assert live.state is FeedState.LIVE
    live.wait(6)
    live.see(update(12))
    assert live.state is FeedState.SYNCING


@pytest.mark.parametrize(
    "frame", [b"\xff\xfe", "<html>busy</html>", '{"table":"spot/nothing","data":[]}', "[]", ""], ids=repr
)
def test_a_frame_that_is_none_puts_every_book_out_of_sync(live, frame):
    live.session.receive(frame, live.now_ns)
    assert live.state is FeedState.SYNCING
    assert ("request", DEPTH) in live.sent()


def test_content_off_the_tick_asks_whether_the_rules_changed(live):
    off_tick = update(11, [(100, 7)]).replace(b'"1.00"', b'"1.005"')
    live.see(off_tick)
    assert live.state is FeedState.SYNCING
    assert live.session.rules_doubted


def test_an_audit_finds_a_wrong_level_and_mends_it(live):
    live.session.mirrors[SYMBOL].book.replace(BID, [(100, 5), (99, 40)])
    for _ in range(60):
        live.wait(4)
        live.see(update(10, ms=1_000 + live.counters.audits))
        if ("request", DEPTH) in live.sent():
            live.see(snapshot(10, BIDS, ASKS))
            break
    assert (live.counters.audits, live.counters.audit_differences) == (1, 1)
    assert live.state is FeedState.LIVE
    assert dict(live.session.mirrors[SYMBOL].bids) == dict(BIDS)
    assert "1 levels differed in an audit" in live.session.take_problems()[0]


def test_a_snapshot_of_another_version_says_nothing_about_the_book(live):
    for _ in range(60):
        live.wait(4)
        live.see(update(10, ms=1_000))
        if ("request", DEPTH) in live.sent():
            live.see(snapshot(12, [(100, 50)], ASKS))
            break
    assert (live.counters.audits, live.counters.audit_differences) == (0, 0)
    assert dict(live.session.mirrors[SYMBOL].bids) == {100: 50}
    assert (live.state, live.session.take_problems()) == (FeedState.LIVE, [])


def test_a_book_ticker_that_is_not_offered_is_left_out_from_then_on(client):
    client.sent()
    client.error("90004", f"spot/bookTicker:{SYMBOL}")
    client.session.closed(client.now_ns, "lost")
    client.session.opened(client.now_ns)
    assert client.sent() == [("subscribe", DEPTH, PRINTS)]


def test_an_unknown_symbol_is_closed_and_said_so(live):
    live.error("92001", DEPTH)
    assert live.state is FeedState.CLOSED
    assert SYMBOL in live.session.halted
    live.see(snapshot(11, BIDS, ASKS))
    assert live.state is FeedState.CLOSED
    live.session.closed(live.now_ns, "lost")
    live.session.opened(live.now_ns)
    assert live.sent() == []


@pytest.mark.parametrize("code", ["90008", "90009"])
def test_errors_that_change_nothing_are_passed_over(live, code):
    live.error(code, DEPTH)
    assert live.session.take_problems() == []
    assert live.state is FeedState.LIVE


def test_another_error_is_told(live):
    live.error("90003", DEPTH)
    assert live.session.take_problems() == ["the venue answered subscribe: 90003 no"]


def test_trades_and_best_prices_go_through_while_live_only(client):
    client.see(trades(trade(101, 1)), best((100, 5), (102, 1)))
    assert client.session.take_events() == []
    client.see(snapshot(10, BIDS, ASKS), trades(trade(101, 1)), best((100, 5), (102, 1)))
    [(_, events)] = client.session.take_events()
    assert events["kind"].tolist()[-3:] == [4, 5, 5]


def test_many_symbols_keep_to_the_venues_limits():
    rules = {f"A{number}_USDT": RULES for number in range(38)}
    session = BitmartSession(rules, rng=random.Random(1))
    session.opened(START)
    messages = [msgspec.json.decode(frame) for frame in session.take_frames(START)]
    assert sum(len(message["args"]) for message in messages) == 3 * 38 <= BITMART_WS.topics_per_connection
    assert all(len(message["args"]) <= BITMART_WS.topics_per_message for message in messages)


def test_messages_beyond_the_rate_wait_their_turn(live):
    for _ in range(150):
        live.session._op("request", [DEPTH])
    first = live.session.take_frames(live.now_ns)
    assert 90 <= len(first) <= BITMART_WS.messages_per_window
    due_ns = live.session.next_ns(live.now_ns)
    assert live.session.take_frames(due_ns - 1) == []
    assert live.session.take_frames(due_ns + SECOND)

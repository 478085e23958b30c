import numpy as np
import pytest
from feed_messages import RULES, SYMBOL, best, depth, depth50, kinds, push, snapshot, trade, trades, update

from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.feed import mirror as mirror_module
from paper_bitmart.feed.events import ASK, BID, BUY, SELL, FeedState, Flag
from paper_bitmart.feed.mirror import THIN_REQUEST_EVERY_NS, Mirror
from paper_bitmart.feed.updates import HELD_UPDATES_MAX

BIDS = [(100, 7), (99, 5)]
ASKS = [(102, 3), (103, 9)]
RESYNC = ["SNAPSHOT_BEGIN", "LEVEL", "LEVEL", "LEVEL", "LEVEL", "SNAPSHOT_END", "LIVE"]


class Feeder:
    """A mirror whose messages arrive 1 us apart."""

    def __init__(self, source="increase100", **options):
        self.mirror = Mirror(RULES, source, **options)
        self.now_ns = 0

    def __call__(self, message, *, after_ns=1_000) -> np.ndarray:
        self.now_ns += after_ns
        return self.mirror.receive(message, self.now_ns, 7)


@pytest.fixture
def feed() -> Feeder:
    return Feeder()


@pytest.fixture
def live(feed) -> Feeder:
    feed(snapshot(5, BIDS, ASKS))
    return feed


def rows(events, *fields):
    return [tuple(int(event[field]) for field in fields) for event in events]


def test_a_snapshot_makes_the_book_whole_and_live(feed):
    events = feed(snapshot(5, BIDS, ASKS, ms=42))
    assert kinds(events) == RESYNC
    assert rows(events[1:5], "side", "price_ticks", "size_lots") == [
        (BID, 100, 7), (BID, 99, 5), (ASK, 102, 3), (ASK, 103, 9)]  # fmt: skip
    assert set(rows(events, "recv_ns", "exch_ns", "seq")) == {(1_000, 42_000_000, 7)}
    assert [bool(flags & Flag.SNAPSHOT) for flags in events["flags"]] == [True] * 6 + [False]
    assert [bool(flags & Flag.LAST) for flags in events["flags"]] == [False] * 5 + [True, True]
    assert feed.mirror.state is FeedState.LIVE
    assert (feed.mirror.book.best(BID), feed.mirror.book.best(ASK), feed.mirror.version) == (
        (100, 7),
        (102, 3),
        5,
    )


def test_the_next_version_is_applied_as_level_events(live):
    events = live(update(6, [(99, 0), (98, 4)], [(102, 8)]))
    assert kinds(events) == ["LEVEL"] * 3
    assert rows(events, "side", "price_ticks", "size_lots", "flags") == [
        (BID, 99, 0, 0), (BID, 98, 4, 0), (ASK, 102, 8, Flag.LAST)]  # fmt: skip
    assert dict(live.mirror.bids) == {98: 4, 100: 7}


def test_price_spellings_of_one_tick_are_one_level(live):
    item = {"symbol": SYMBOL, "bids": [["1", "2"]], "asks": [["1.020", "0.80"]], "ms_t": 1}
    live(push("spot/depth/increase100", item | {"type": "update", "version": 6}))
    assert (live.mirror.bids[100], live.mirror.asks[102]) == (20, 8)


@pytest.mark.parametrize("version", [5, 4, 0])
def test_an_update_the_book_already_has_is_discarded(live, version):
    assert len(live(update(version, [(100, 1)]))) == 0
    assert live.mirror.bids[100] == 7
    assert live.mirror.counters.duplicates == 1


def test_an_empty_update_of_the_same_version_is_a_sign_of_life(live):
    events = live(update(5, ms=1_200))
    assert kinds(events) == ["DEPTH_MARK"]
    assert rows(events, "exch_ns", "flags") == [(1_200_000_000, Flag.LAST)]
    assert (live.mirror.counters.keepalives, live.mirror.content_ns) == (1, live.now_ns)


def test_an_empty_next_version_marks_time_and_counts_on(live):
    assert kinds(live(update(6, ms=1_100))) == ["DEPTH_MARK"]
    assert live.mirror.version == 6


def test_a_gap_leaves_live_asks_once_and_joins_at_the_snapshot(live):
    assert kinds(live(update(8, [(97, 1)]))) == ["SYNCING"]
    assert live.mirror.wants_snapshot
    assert len(live(update(9, [(96, 2)]))) == 0
    assert live.mirror.requests == 1
    events = live(snapshot(7, BIDS, ASKS))
    assert kinds(events) == ["SNAPSHOT_BEGIN", *["LEVEL"] * 6, "SNAPSHOT_END", "LIVE"]
    assert (live.mirror.version, live.mirror.bids[97], live.mirror.bids[96]) == (9, 1, 2)
    assert (live.mirror.wants_snapshot, live.mirror.counters.gaps) == (False, 1)


def test_held_updates_up_to_the_snapshot_are_dropped(live):
    live(update(8, [(97, 1)]))
    live(update(9, [(97, 3)]))
    live(snapshot(9, BIDS, ASKS))
    assert (live.mirror.state, live.mirror.version) == (FeedState.LIVE, 9)
    assert 97 not in live.mirror.bids


def test_a_snapshot_older_than_the_held_updates_is_asked_for_again(live):
    live(update(9, [(97, 1)]))
    assert len(live(snapshot(6, BIDS, ASKS))) == 0
    assert (live.mirror.state, live.mirror.wants_snapshot, live.mirror.requests) == (
        FeedState.SYNCING,
        True,
        2,
    )
    assert kinds(live(snapshot(10, BIDS, ASKS))) == RESYNC


def test_updates_before_the_first_snapshot_are_held_and_joined(feed):
    assert len(feed(update(6, [(98, 4)]))) == 0
    assert feed.mirror.wants_snapshot
    feed(snapshot(5, BIDS, ASKS))
    assert (feed.mirror.version, feed.mirror.bids[98]) == (6, 4)


def test_a_lower_version_snapshot_is_a_server_that_started_anew(live):
    events = live(snapshot(1, [(50, 1), (49, 1)], [(51, 1), (52, 1)]))
    assert kinds(events) == RESYNC[:-1]
    assert live.mirror.version == 1
    assert kinds(live(update(2, [(50, 3)]))) == ["LEVEL"]


def test_exchange_time_may_go_back_because_versions_decide(live):
    assert kinds(live(update(6, [(100, 1)], ms=10))) == ["LEVEL"]


@pytest.mark.parametrize("best_ask", [100, 99])
def test_a_crossed_book_is_a_gap(live, best_ask):
    assert kinds(live(update(6, asks=[(best_ask, 1)]))) == ["SYNCING"]
    assert (live.mirror.counters.crossed, live.mirror.wants_snapshot) == (1, True)
    assert kinds(live(snapshot(7, BIDS, ASKS))) == RESYNC


def test_a_crossed_snapshot_is_asked_for_again(feed):
    assert len(feed(snapshot(5, [(100, 1)], [(100, 1)]))) == 0
    assert (feed.mirror.state, feed.mirror.wants_snapshot) == (FeedState.SYNCING, True)


def update_of_bid(price, size):
    item = {"symbol": SYMBOL, "bids": [[price, size]], "asks": [], "ms_t": 1, "type": "update", "version": 6}
    return push("spot/depth/increase100", item)


BAD_DEPTH = [
    ("repeated price", depth("update", 6, [(100, 1), (100, 2)])),
    ("not even its kind", trades(trade(102, 2) | {"side": "hold"})),
    ("not json", b'{"table":"spot/depth/increase100","data":[{'),
    ("off tick", update_of_bid("1.005", "1")),
    ("off lot", update_of_bid("1", "0.05")),
    ("negative size", update_of_bid("1", "-1")),
    ("a word", update_of_bid("one", "1")),
    ("price 0", depth("update", 6, [(0, 1)])),
    ("unknown type", depth("patch", 6, [(100, 1)])),
    ("no version", depth("update", -1, [(100, 1)])),
    ("time out of range", depth("update", 6, [(100, 1)], ms=10**17)),
    ("too many levels", depth("update", 6, [(price, 1) for price in range(1, 5_002)])),
]  # fmt: skip


@pytest.mark.parametrize("message", [case[1] for case in BAD_DEPTH], ids=[case[0] for case in BAD_DEPTH])
def test_a_bad_depth_message_is_a_gap_and_changes_nothing(live, message):
    assert kinds(live(message)) == ["SYNCING"]
    assert (dict(live.mirror.bids), live.mirror.version) == (dict(BIDS), 5)
    assert (live.mirror.wants_snapshot, live.mirror.counters.bad) == (True, 1)
    assert live.mirror.last_problem


def test_a_strict_mirror_raises_what_a_wrong_rules_file_would_cause():
    feed = Feeder(strict=True)
    feed(snapshot(5, BIDS, ASKS))
    with pytest.raises(MessageError) as caught:
        feed(push("spot/trade", trade(1, 1) | {"price": "0.015"}))
    assert (caught.value.field, caught.value.why) == ("data[0].price", "0.015 is not a multiple of 0.01")
    assert kinds(feed(depth("update", 6, [(100, 1), (100, 2)]))) == ["SYNCING"]


def test_trades_pass_while_live_the_last_of_a_message_marked(live):
    events = live(trades(trade(102, 2, "buy", 5), trade(100, 4, "sell", 6)))
    assert kinds(events) == ["TRADE", "TRADE"]
    assert rows(events, "side", "price_ticks", "size_lots", "exch_ns", "flags") == [
        (BUY, 102, 2, 5_000_000, 0), (SELL, 100, 4, 6_000_000, Flag.LAST)]  # fmt: skip


def test_best_prices_pass_as_two_events(live):
    events = live(best((101, 4), (102, 3), ms=9))
    assert rows(events, "side", "price_ticks", "size_lots", "flags") == [
        (BID, 101, 4, 0), (ASK, 102, 3, Flag.LAST)]  # fmt: skip
    assert 101 not in live.mirror.bids


@pytest.mark.parametrize("message", [trades(trade(102, 2)), best((100, 1), (102, 1))])
def test_nothing_but_states_leaves_a_mirror_that_is_not_live(live, message):
    live(update(9))
    assert len(live(message)) == 0


@pytest.mark.parametrize(
    "wrong",
    [{"size": "0"}, {"size": "0.05"}, {"price": "0"}, {"ms_t": -1}, {"price": "1e99"}],
)
def test_a_bad_trade_is_dropped_and_counted_but_the_book_stays(live, wrong):
    events = live(trades(trade(102, 2) | wrong, trade(103, 1)))
    assert rows(events, "price_ticks", "flags") == [(103, Flag.LAST)]
    assert (live.mirror.state, live.mirror.counters.bad) == (FeedState.LIVE, 1)


def test_messages_of_other_symbols_are_passed_over(live):
    assert len(live(trades(trade(102, 2) | {"symbol": "BBB_USDT"}))) == 0


def test_old_content_is_stale_and_the_next_version_revives_the_whole_book(live):
    deadline = live.mirror.stale_at_ns
    assert len(live.mirror.tick(deadline - 1)) == 0
    assert kinds(live.mirror.tick(deadline)) == ["STALE"]
    assert len(live.mirror.tick(deadline + 1)) == 0
    assert len(live(trades(trade(102, 2)), after_ns=deadline)) == 0
    assert live.mirror.wants_snapshot
    assert kinds(live(update(6, [(100, 1)]))) == RESYNC
    assert live.mirror.bids[100] == 1


def test_a_sign_of_life_revives_a_stale_book(live):
    live.mirror.tick(live.mirror.stale_at_ns)
    assert kinds(live(update(5), after_ns=10**11)) == RESYNC


def test_duplicates_and_trades_do_not_keep_content_fresh(live):
    before = live.mirror.stale_at_ns
    live(update(4, [(100, 1)]))
    live(trades(trade(102, 1)))
    assert live.mirror.stale_at_ns == before


def test_no_age_limit_means_never_stale():
    feed = Feeder(max_age_ns=None)
    feed(snapshot(5, BIDS, ASKS))
    assert len(feed.mirror.tick(10**18)) == 0


def test_nothing_carries_over_a_reconnect(live):
    live(update(8))
    assert kinds(live.mirror.disconnected(live.now_ns)) == ["CLOSED"]
    assert (len(live.mirror.bids), live.mirror.wants_snapshot) == (0, False)
    assert kinds(live.mirror.connected(live.now_ns)) == ["SYNCING"]
    live(snapshot(7, BIDS, ASKS))
    assert live.mirror.version == 7, "the update held on the old connection must not be joined"


def test_the_recorders_mark_of_a_lost_connection_closes_the_feed(live):
    assert kinds(live(b'{"event":"paper/disconnected"}')) == ["CLOSED"]
    assert kinds(live(update(9))) == ["SYNCING"]


def test_receive_time_may_not_go_back(live):
    with pytest.raises(ValueError, match="went back"):
        live.mirror.receive(update(6), live.now_ns - 1)


def test_a_book_that_runs_thin_asks_for_a_snapshot_but_stays_live_and_is_patient(live):
    live(update(6, [(99, 0)]))
    assert (live.mirror.wants_snapshot, live.mirror.state) == (True, FeedState.LIVE)
    live(snapshot(7, BIDS, ASKS))
    live(update(8, [(99, 0)]))
    assert not live.mirror.wants_snapshot
    live(update(9, [(100, 1)]), after_ns=THIN_REQUEST_EVERY_NS)
    assert (live.mirror.wants_snapshot, live.mirror.counters.thinned) == (True, 2)


def test_held_updates_are_limited(feed):
    for version in range(1, 2 * HELD_UPDATES_MAX):
        feed(update(version))
    assert feed.mirror.counters.overflows == 1
    assert feed.mirror.requests == 2
    feed(snapshot(2 * HELD_UPDATES_MAX - 1, BIDS, ASKS))
    assert feed.mirror.state is FeedState.LIVE


def test_levels_are_limited(live, monkeypatch):
    monkeypatch.setattr(mirror_module, "BOOK_LEVELS_MAX", 10)
    assert kinds(live(update(6, [(price, 1) for price in range(1, 12)]))) == ["SYNCING"]
    assert live.mirror.counters.overflows == 1


# depth50


def test_full_pushes_become_differences():
    feed = Feeder("depth50")
    assert kinds(feed(depth50(BIDS, ASKS))) == RESYNC
    events = feed(depth50([(101, 1), (100, 7)], [(102, 3), (103, 4)]))
    assert sorted(rows(events, "side", "price_ticks", "size_lots")) == [
        (BID, 99, 0),
        (BID, 101, 1),
        (ASK, 103, 4),
    ]
    assert kinds(feed(depth50([(101, 1), (100, 7)], [(102, 3), (103, 4)]))) == ["DEPTH_MARK"]


def test_the_window_of_full_pushes_is_50_levels():
    feed = Feeder("depth50")
    asks = [(1_000 + n, 1) for n in range(60)]
    feed(depth50([(900, 1)], asks[1:51]))
    events = feed(depth50([(900, 1)], asks[:50]))
    assert rows(events, "price_ticks", "flags") == [(1_050, Flag.LEFT_WINDOW), (1_000, Flag.LAST)]
    events = feed(depth50([(900, 1)], asks[1:51]))
    assert rows(events, "price_ticks", "flags") == [(1_000, 0), (1_050, Flag.ENTERED_WINDOW | Flag.LAST)]


def test_a_crossed_full_push_is_out_of_sync_until_the_next_good_one():
    feed = Feeder("depth50")
    feed(depth50(BIDS, ASKS))
    assert kinds(feed(depth50([(102, 1)], ASKS))) == ["SYNCING"]
    assert kinds(feed(depth50(BIDS, ASKS))) == RESYNC


@pytest.mark.parametrize(
    ("source", "message"), [("increase100", depth50(BIDS, ASKS)), ("depth50", snapshot(1, BIDS, ASKS))]
)
def test_the_channel_that_is_not_the_source_is_ignored(source, message):
    feed = Feeder(source)
    assert len(feed(message)) == 0
    assert feed.mirror.counters.ignored == 1


def test_auto_takes_the_incremental_channel_as_soon_as_it_appears():
    feed = Feeder("auto")
    assert kinds(feed(depth50(BIDS, ASKS))) == RESYNC
    assert kinds(feed(snapshot(5, BIDS, ASKS))) == ["SYNCING", *RESYNC]
    assert len(feed(depth50([(98, 1)], ASKS))) == 0
    assert kinds(feed(update(6, [(100, 1)]))) == ["LEVEL"]

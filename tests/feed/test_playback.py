import numpy as np
import pytest
from feed_messages import RULES, SYMBOL, kinds, snapshot, trade, trades, update

from paper_bitmart.feed.events import FeedState, Flag, Kind
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.feed.mirror import Mirror
from paper_bitmart.feed.playback import SEAM_NS, Playback, book_after

BIDS, ASKS = [(100, 7), (99, 5)], [(102, 3)]
MESSAGES = [
    (1_000, snapshot(1, BIDS, ASKS)),
    (1_100, update(2, [(98, 1)])),
    (1_150, trades(trade(102, 1))),
    (1_200, update(3, [(99, 0)], [(102, 2)])),
    (1_300, update(4, [(101, 6)])),
]
LAP_NS = 300 + SEAM_NS
START_NS = 10**18


def recording() -> np.ndarray:
    mirror = Mirror(RULES)
    for seq, (recv_ns, message) in enumerate(MESSAGES):
        mirror.accept(message, recv_ns, seq)
    return mirror.take()


def play(playback, until_ns):
    batches = [events for _, events in playback.due(until_ns)]
    return np.concatenate(batches) if batches else recording()[:0]


def test_times_are_shifted_so_that_the_recording_starts_at_the_start():
    events = play(Playback({SYMBOL: recording()}, start_ns=START_NS), START_NS + 200)
    expected = recording()[: len(events)]
    assert events["recv_ns"].tolist() == [START_NS + ns - 1_000 for ns in expected["recv_ns"].tolist()]
    assert len(set((events["exch_ns"] - expected["exch_ns"]).tolist())) == 1
    for name in ("price_ticks", "size_lots", "seq", "flags", "kind", "side"):
        assert (events[name] == expected[name]).all()


def test_rebased_venue_times_never_come_from_the_future_however_far_ahead_the_venue_clock_ran():
    ahead = recording()
    ahead["exch_ns"] += 1_271_000_000
    events = play(Playback({SYMBOL: ahead}, start_ns=START_NS), START_NS + 200)
    assert (events["recv_ns"] - events["exch_ns"]).min() == 0


def test_without_a_start_the_recorded_times_are_kept():
    events = play(Playback({SYMBOL: recording()}), 1_300)
    assert events[:-1].tobytes() == recording().tobytes()


def test_everything_due_comes_once_and_nothing_early():
    playback = Playback({SYMBOL: recording()})
    assert playback.next_ns == 1_000
    assert len(play(playback, 999)) == 0
    assert kinds(play(playback, 1_149))[-1] == "LEVEL"
    assert playback.next_ns == 1_150
    assert kinds(play(playback, 1_150)) == ["TRADE"]
    assert len(play(playback, 1_199)) == 0


def test_the_end_of_a_recording_is_announced_as_closed():
    playback = Playback({SYMBOL: recording()})
    events = play(playback, 10**9)
    assert kinds(events[-1:]) == ["CLOSED"]
    assert (int(events["recv_ns"][-1]), bool(events["flags"][-1] & Flag.LAST)) == (1_300, True)
    assert (playback.finished, playback.next_ns, len(play(playback, 10**10))) == (True, None, 0)


def test_a_loop_s_joint_is_a_resync_and_times_go_on():
    playback = Playback({SYMBOL: recording()}, loop=True)
    first = play(playback, 1_300)
    assert kinds(first[-1:]) == ["SYNCING"]
    assert playback.next_ns == 1_000 + LAP_NS
    second = play(playback, playback.next_ns)
    assert kinds(second) == ["SNAPSHOT_BEGIN", "LEVEL", "LEVEL", "LEVEL", "SNAPSHOT_END", "LIVE"]
    both = np.concatenate([first, second])
    assert (np.diff(both["recv_ns"]) >= 0).all()
    assert (np.diff(both["seq"].astype(np.int64)) >= 0).all()


def test_every_lap_shows_the_same_market():
    playback = Playback({SYMBOL: recording()}, loop=True)
    views = []
    for lap in range(3):
        view = MarketView(RULES)
        view.apply(play(playback, 1_299 + lap * LAP_NS))
        views.append((dict(view.bids), dict(view.asks), len(view.trades)))
        play(playback, 1_300 + lap * LAP_NS)
    assert views[0] == views[1] == views[2]


def test_a_clock_that_jumps_many_laps_ahead_skips_whole_laps():
    playback = Playback({SYMBOL: recording()}, loop=True)
    events = play(playback, 1_150 + 1_000_000 * LAP_NS)
    assert kinds(events).count("SNAPSHOT_BEGIN") == 2
    assert kinds(events)[-1] == "TRADE"
    assert (playback.lap, playback.laps_skipped) == (1_000_000, 999_999)
    assert int(events["recv_ns"][-1]) == 1_150 + 1_000_000 * LAP_NS


@pytest.mark.parametrize("at_ns", [1_000, 1_149, 1_200, 1_300])
def test_skipping_ahead_gives_the_book_of_that_moment_as_a_resync(at_ns):
    skipped, played = MarketView(RULES), MarketView(RULES)
    playback = Playback({SYMBOL: recording()})
    events = np.concatenate([events for _, events in playback.skip_to(at_ns)])
    skipped.apply(events)
    played.apply(play(Playback({SYMBOL: recording()}, loop=True), min(at_ns, 1_299)))
    if at_ns == 1_300:
        played.apply(recording()[-1:])
    assert (skipped.bids, skipped.asks, skipped.state) == (played.bids, played.asks, FeedState.LIVE)
    assert (kinds(events)[0], kinds(events)[-1]) == ("SYNCING", "LIVE")
    assert set(events["recv_ns"].tolist()) == {at_ns}
    assert len(skipped.trades) == 0


def test_skipping_goes_forward_inside_the_lap_only():
    playback = Playback({SYMBOL: recording()})
    play(playback, 1_200)
    for at_ns in (1_150, 999, 1_301):
        with pytest.raises(ValueError, match=str(at_ns)):
            list(playback.skip_to(at_ns))


def test_two_symbols_end_and_loop_together():
    other = recording()[:-1]
    playback = Playback({"B": other, "A": recording()}, loop=True)
    batches = list(playback.due(1_300))
    assert [(symbol, kinds(events)[-1]) for symbol, events in batches][-2:] == [
        ("B", "SYNCING"),
        ("A", "SYNCING"),
    ]
    assert {symbol: int(events["recv_ns"][0]) for symbol, events in playback.due(1_000 + LAP_NS)} == {
        "A": 1_000 + LAP_NS,
        "B": 1_000 + LAP_NS,
    }


def test_a_recording_without_market_is_refused():
    with pytest.raises(ValueError, match="no market events"):
        Playback({SYMBOL: recording()[:0]})


def test_the_book_after_events_is_best_first_and_without_what_is_gone():
    levels = book_after(recording())
    assert [(int(e["side"]), int(e["price_ticks"]), int(e["size_lots"])) for e in levels] == [
        (0, 101, 6), (0, 100, 7), (0, 98, 1), (1, 102, 2)]  # fmt: skip
    assert (levels["kind"] == Kind.LEVEL).all()

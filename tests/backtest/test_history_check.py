import numpy as np
import pytest

from paper_bitmart.backtest.history import HistoryWriter
from paper_bitmart.backtest.history_check import FINDINGS, check_events, check_history
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from tests.small_market import DEMO, DEMO_RULES

LAST = Flag.LAST


def events(*rows):
    """(ms, kind, side, price, size, flags) as events; the venue's time is the receive time."""
    array = np.zeros(len(rows), EVENT_DTYPE)
    for row, (at_ms, kind, side, price, size, flags) in zip(array, rows, strict=True):
        row["recv_ns"] = row["exch_ns"] = at_ms * 10**6
        row["kind"], row["side"], row["price_ticks"], row["size_lots"] = kind, side, price, size
        row["flags"] = flags
    return array


BOOK = (
    (1, Kind.SNAPSHOT_BEGIN, 0, 0, 0, Flag.SNAPSHOT),
    (1, Kind.LEVEL, 0, 100, 5, Flag.SNAPSHOT),
    (1, Kind.LEVEL, 1, 102, 5, Flag.SNAPSHOT),
    (1, Kind.SNAPSHOT_END, 0, 0, 0, Flag.SNAPSHOT),
    (1, Kind.FEED_STATE, 0, 0, FeedState.LIVE, LAST),
)
QUIET = (2, Kind.LEVEL, 0, 99, 1, LAST)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([*BOOK, QUIET], {}),
        ([*BOOK, (2, Kind.LEVEL, 0, 102, 1, LAST)], {"crossed book": 1}),
        ([*BOOK, (3, Kind.TRADE, 1, 100, 1, LAST), QUIET], {"receive time goes back": 1}),
        ([(0, Kind.LEVEL, 0, 99, 1, LAST), *BOOK], {"no snapshot": 1}),
        ([*BOOK, (2, Kind.FEED_STATE, 0, 0, FeedState.STALE, LAST)], {"not live": 1}),
        ([*BOOK, (2, Kind.LEVEL, 0, 99, 1, 0), (3, Kind.LEVEL, 0, 98, 1, LAST)], {"message not closed": 1}),
        ([*BOOK, (2, Kind.TRADE, 0, 100, 0, LAST)], {"bad value": 1}),
        ([*BOOK, (2, Kind.LEVEL, 0, -1, 1, LAST)], {"bad value": 1}),
        ([*BOOK, (2, Kind.LEVEL, 2, 99, 1, LAST)], {"bad value": 1}),
        ([*BOOK, (2, 9, 0, 99, 1, LAST)], {"bad value": 1}),
    ],
)
def test_each_fault_is_found_and_nothing_else(rows, found):
    counts = check_events([events(*rows)], "x").counts
    counts.pop("venue time goes back", None)
    assert counts == found
    assert counts.keys() <= FINDINGS.keys()


def test_depth_older_than_the_depth_before_it_is_found():
    market = events(*BOOK, QUIET, (3, Kind.LEVEL, 0, 98, 1, LAST))
    market["exch_ns"][-1] = 1_500_000
    report = check_events([market], "x")
    assert report.counts == {"venue time goes back": 1}
    assert report.examples["venue time goes back"] == [(6, 3_000_000)]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_report_does_not_depend_on_how_the_events_come(size):
    market = events(
        *BOOK, QUIET, (3, Kind.LEVEL, 0, 98, 1, 0), (4, Kind.LEVEL, 0, 103, 1, LAST),
        (9, Kind.FEED_STATE, 0, 0, FeedState.SYNCING, LAST), (12, Kind.TRADE, 0, 102, 1, LAST),
    )  # fmt: skip
    whole = check_events([market], "x")
    pieces = check_events([market[i : i + size] for i in range(0, len(market), size)], "x")
    assert pieces == whole
    assert whole.counts == {"crossed book": 1, "not live": 1, "message not closed": 1}
    assert whole.unsynced_ns == 3_000_000


def test_only_faults_that_spoil_a_replay_make_a_history_unusable():
    assert check_events([events(*BOOK, (2, Kind.LEVEL, 0, 102, 1, LAST))], "x").is_usable
    assert not check_events([events(*BOOK, (0, Kind.LEVEL, 0, 99, 1, LAST))], "x").is_usable


def test_the_demo_market_is_clean(tmp_path):
    demo = load_capture(DEMO, DEMO_RULES, ["ETH_USDT"])
    with HistoryWriter(tmp_path / "eth", demo.rules["ETH_USDT"]) as writer:
        writer.write(demo.events["ETH_USDT"])
    report = check_history(tmp_path / "eth")
    assert report.counts == {}
    assert (report.events, report.trades, report.unsynced_ns) == (23_835, 1_835, 0)
    assert report.lines() == [
        "ETH_USDT: 23,835 events in 1,184 messages, 1,835 trades, 59.9 s, 0.0 s of it not live"
    ]

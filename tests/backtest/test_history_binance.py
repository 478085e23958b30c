import json

import numpy as np
import pytest

from paper_bitmart.backtest.foreign import ForeignDataError
from paper_bitmart.backtest.history_binance import BinanceRecording
from paper_bitmart.backtest.history_check import check_events
from paper_bitmart.backtest.history_convert import Form, form_of
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.feed.events import FeedState, Kind
from tests.small_market import DEMO_RULES

RULES = load_rules(DEMO_RULES)["BTC_USDT"]


def diff(first, last, bids=(), asks=(), at_ms=1, **more):
    data = {"e": "depthUpdate", "E": at_ms, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return {"stream": "btcusdt@depth@100ms", "data": data | more}


def book(last, bids=(("100.01", "2"),), asks=(("100.03", "1"),)):
    return {"lastUpdateId": last, "bids": bids, "asks": asks}


def trade(price, size, is_buyer_maker, at_ms=1):
    data = {"e": "trade", "E": at_ms, "T": at_ms, "p": price, "q": size, "m": is_buyer_maker}
    return {"stream": "btcusdt@trade", "data": data}


def read(folder, *messages):
    path = folder / "raw.jsonl"
    lines = [f"{(i + 1) * 10**6} {json.dumps(message)}\n" for i, message in enumerate(messages)]
    path.write_text("".join(lines))
    recording = BinanceRecording(path, RULES)
    chunks = list(recording.chunks())
    return np.concatenate(chunks), recording.report


def test_books_of_a_check_are_dropped_unless_they_are_ahead(tmp_path):
    events, report = read(
        tmp_path,
        book(7),
        diff(8, 9, [["100.01", "3"]]),
        book(8, bids=[["100.01", "7"]]),
        diff(10, 10, [["100.01", "4"]]),
        book(12, bids=[["100.01", "8"]], asks=[["100.03", "1"]]),
        diff(11, 12, [["100.01", "5"]]),
        diff(13, 13, [["100.01", "6"]]),
    )
    bids = [row for row in told(events, Kind.LEVEL) if row[1] == 0]
    assert [(at, lots // 100_000) for at, _, _, lots in bids] == [(1, 2), (2, 3), (4, 4), (5, 8), (7, 6)]
    assert (report.snapshots, report.old_snapshots, report.old_depth, report.gaps) == (2, 1, 1, 0)


def test_other_symbols_of_a_recording_are_passed_over_and_a_lost_connection_loses_the_book(tmp_path):
    other = diff(8, 9, [["2000", "1"]])
    other["stream"], other["data"]["s"] = "ethusdt@depth@100ms", "ETHUSDT"
    print_of_other = trade("2000", "1", True) | {"stream": "ethusdt@trade"}

    def rest(symbol, last):
        return {"rest": f"/api/v3/depth?symbol={symbol}&limit=5000", "body": book(last)}

    events, report = read(
        tmp_path,
        {"event": "paper/recording", "source": "binance"}, {"result": None, "id": 1},
        rest("ETHUSDT", 3), rest("BTCUSDT", 7), other, print_of_other,
        diff(8, 8, [["100.00", "1"]], at_ms=7), trade("100.01", "1", True, at_ms=8),
        {"event": "paper/disconnected"}, diff(9, 9, [["100.00", "2"]], at_ms=10),
        rest("BTCUSDT", 9), diff(10, 10, [["100.00", "3"]], at_ms=12),
    )  # fmt: skip
    assert form_of(tmp_path / "raw.jsonl") is Form.BINANCE
    assert (report.others, report.disconnects, report.snapshots, report.trades) == (3, 1, 2, 1)
    states = [(at, FeedState(lots).name) for at, _, _, lots in told(events, Kind.FEED_STATE)]
    assert states == [(1, "SYNCING"), (4, "LIVE"), (9, "SYNCING"), (11, "LIVE")]
    assert check_events([events], "x").counts == {"not live": 1}


def told(events, *kinds):
    return [
        (int(e["recv_ns"]) // 10**6, int(e["side"]), int(e["price_ticks"]), int(e["size_lots"]))
        for e in events
        if e["kind"] in kinds
    ]


def test_diffs_before_the_book_wait_for_it_and_those_it_includes_are_dropped(tmp_path):
    events, report = read(
        tmp_path,
        diff(1, 5, [["100.01", "9"]]),
        diff(6, 9, [["100.00", "1"]]),
        book(7),
        diff(10, 11, asks=[["100.02", "3"]]),
    )
    assert told(events, Kind.LEVEL) == [
        (3, 0, 10_001, 200_000), (3, 1, 10_003, 100_000), (3, 0, 10_000, 100_000), (4, 1, 10_002, 300_000),
    ]  # fmt: skip
    assert (report.snapshots, report.depth, report.old_depth, report.gaps) == (1, 2, 1, 0)
    assert check_events([events], "x").counts == {}


@pytest.mark.parametrize(
    "broken",
    [diff(10, 10, [["100.00", "1"]]), diff(3, 9, [["100.00", "1"]], pu=5)],
    ids=["spot: first id is not the next", "futures: pu is not the last"],
)
def test_a_gap_puts_the_book_out_of_sync_until_the_next_book(tmp_path, broken):
    events, report = read(tmp_path, book(7), diff(7, 8), broken, book(10))
    assert report.gaps == 1
    states = [FeedState(int(lots)) for at, _, _, lots in told(events, Kind.FEED_STATE)]
    assert states == [FeedState.SYNCING, FeedState.LIVE, FeedState.SYNCING, FeedState.LIVE]


def test_the_aggressor_is_the_seller_when_the_buyer_was_maker(tmp_path):
    events, report = read(tmp_path, book(7), trade("100.01", "0.5", True), trade("100.03", "0.25", False))
    assert told(events, Kind.TRADE) == [(2, 1, 10_001, 50_000), (3, 0, 10_003, 25_000)]
    assert report.trades == 2


def test_other_streams_are_counted_and_ignored(tmp_path):
    _, report = read(tmp_path, book(7), {"stream": "btcusdt@bookTicker", "data": {"u": 1}})
    assert report.ignored == 1


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ([], ":2: must be a JSON object"),
        ({"e": "depthUpdate", "E": 1}, ":2: U: is missing"),
        (trade("100.001", "1", True), ":2: p, q"),
        (book(9, bids=(("abc", "1"),)), ":2: bids"),
    ],
)
def test_a_bad_line_is_named(tmp_path, message, why):
    with pytest.raises(ForeignDataError, match=why):
        read(tmp_path, book(7), message)

"""One level, told line by line: which orders of others are followed, and where cancelled ones stood."""

import json

import numpy as np
import pytest

from paper_bitmart.feed.convert import load_capture
from paper_bitmart.matching.models import CONSERVATIVE, PROPORTIONAL
from paper_bitmart.realism.order_traces import ADDED, CANCELLED, TRADED, read_traces
from paper_bitmart.realism.shadows import queue_errors
from tests.small_market import MS, RULES_ROW, START_NS, depth, trade

MINUTE_NS = 60 * 10**9


def bid(at_ms, size, version, *, arrives_ms=None, kind="update"):
    asks = [("101.00", "5")] if kind == "snapshot" else ()
    line = depth(at_ms, bids=[("100.00", size)], asks=asks, version=version, kind=kind)
    return (at_ms if arrives_ms is None else arrives_ms, line[1])


def sold(at_ms, size, *, arrives_ms=None):
    line = trade(at_ms, "sell", "100.00", size)
    return (at_ms if arrives_ms is None else arrives_ms, line[1])


@pytest.fixture
def events(tmp_path):
    def convert(*lines):
        capture, symbols = tmp_path / "c.jsonl", tmp_path / "s.json"
        capture.write_text("".join(f"{START_NS + at * MS} {json.dumps(row)}\n" for at, row in lines))
        symbols.write_text(json.dumps({"code": 1000, "data": {"symbols": [RULES_ROW]}}))
        return load_capture(capture, symbols).events["BTC_USDT"]

    return convert


def test_an_order_is_followed_from_its_joining_to_the_print_of_its_size(events):
    market = events(
        bid(0, "10", 1, kind="snapshot"),
        bid(100, "13.721", 2),
        bid(200, "9.721", 3),
        sold(250, "6"),
        sold(260, "3.721"),
    )
    [one] = read_traces(market, MINUTE_NS).traded
    assert (one.side, one.price_ticks, one.lots, one.chance) == (0, 10_000, 3_721, 0.0)
    assert one.joined_ns == START_NS + 100 * MS
    assert market[one.joined_row - 1]["exch_ns"] == one.joined_ns
    assert market[one.traded_row]["size_lots"] == 3_721


def test_the_shadow_of_a_followed_order_knows_what_each_model_gets_wrong(events):
    # 4 of the 10 in front were cancelled: of 13.721, all in front or, evenly, 2.915 of them.
    market = events(
        bid(0, "10", 1, kind="snapshot"),
        bid(100, "13.721", 2),
        bid(200, "14.721", 3),
        bid(300, "10.721", 4),
        sold(350, "6"),
        sold(360, "3.721"),
    )
    traced = read_traces(market, MINUTE_NS).traded
    # Ahead of the shadow: 13.721. Conservative takes 1 (all there is behind) from behind, so 3 from ahead.
    assert queue_errors(market, traced, CONSERVATIVE) == pytest.approx([(10.721 - 6 - 3.721) / 13.721])
    evenly = 4 * 13.721 / 14.721
    assert queue_errors(market, traced, PROPORTIONAL) == pytest.approx(
        [(13.721 - evenly - 6 - 3.721) / 13.721], abs=1e-6
    )


def test_a_size_that_is_common_in_the_prints_is_no_trace(events):
    market = events(
        bid(0, "10", 1, kind="snapshot"),
        bid(100, "11", 2),
        *(sold(150 + k, "1") for k in range(5)),
        bid(200, "6", 3),
    )
    assert read_traces(market, MINUTE_NS).traded == []


def test_a_size_that_stands_there_twice_is_no_trace(events):
    market = events(
        bid(0, "10", 1, kind="snapshot"),
        bid(100, "13.721", 2),
        bid(200, "17.442", 3),
        sold(250, "3.721"),
    )
    assert read_traces(market, MINUTE_NS).traded == []


def test_a_cancel_is_found_with_what_stood_before_and_behind(events):
    market = events(
        bid(0, "10", 1, kind="snapshot"),
        bid(100, "13.721", 2),
        bid(200, "15.721", 3),
        bid(300, "12", 4),
        sold(900, "0.5"),
    )
    [one] = read_traces(market, MINUTE_NS).cancelled
    assert (one.lots, one.ahead_lots, one.behind_lots) == (3_721, 10_000, 2_000)


def test_a_late_print_turns_the_cancel_back_into_a_trade(events):
    market = events(
        bid(0, "10", 1, kind="snapshot"),
        bid(100, "13.721", 2),
        bid(200, "10", 3),
        sold(150, "3.721", arrives_ms=260),
    )
    traces = read_traces(market, MINUTE_NS)
    assert traces.late_prints == 1
    assert traces.cancelled == []
    assert traces.flow.sum(axis=(0, 1)).tolist() == [3_721, 0, 3_721]


def test_what_left_is_split_into_trades_and_cancels_by_level_and_time(events):
    market = events(
        bid(0, "10", 1, kind="snapshot"),
        sold(150, "4"),
        bid(200, "5", 2),
        depth(300, bids=[("99.99", "7")], version=3),
        depth(70_000, bids=[("99.99", "2")], version=4),
    )
    flow = read_traces(market, MINUTE_NS).flow
    assert flow.shape[0] == 2
    assert flow[0, 0].tolist() == [4_000, 1_000, 0]
    assert flow[0, 1, ADDED] == 7_000
    assert (flow[1, 1, TRADED], flow[1, 1, CANCELLED]) == (0, 5_000)


def test_a_level_that_traded_and_shows_no_change_was_refilled(events):
    market = events(bid(0, "10", 1, kind="snapshot"), sold(150, "4"), depth(200, version=2))
    assert read_traces(market, MINUTE_NS).flow[0, 0].tolist() == [4_000, 0, 4_000]


def test_an_empty_market_shows_nothing():
    from paper_bitmart.feed.events import EVENT_DTYPE

    traces = read_traces(np.zeros(0, EVENT_DTYPE), MINUTE_NS)
    assert (traces.traded, traces.cancelled, len(traces.flow), len(traces.prints)) == ([], [], 0, 0)

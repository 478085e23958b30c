import json
from dataclasses import replace

import numpy as np
import pytest
from feed_messages import FIXTURES, RULES, SYMBOL, best, depth50, kinds, push, snapshot, trade, trades, update

from paper_bitmart.feed import convert
from paper_bitmart.feed.capture import CaptureError, CaptureReader, CaptureWriter
from paper_bitmart.feed.convert import CaptureConverter, load_capture
from paper_bitmart.feed.events import FeedState, Kind
from paper_bitmart.feed.mirror import Mirror

BIDS, ASKS = [(100, 7)], [(102, 3)]
GOOD = [
    snapshot(1, BIDS, ASKS),
    trades(trade(102, 1)),
    update(2, [(99, 4)]),
    best((100, 7), (102, 2)),
    update(3, asks=[(102, 0), (103, 1)]),
]
DEMO = FIXTURES / "demo" / "demo_btc_eth_60s.jsonl.gz"
DEMO_RULES = FIXTURES / "demo" / "symbols_details.json"


def write(path, messages, step_ns=100):
    with CaptureWriter(path) as writer:
        for i, message in enumerate(messages, 1):
            writer.write(i * step_ns, message)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.jsonl.gz"


def load(path, messages, **options):
    return load_capture(write(path, messages), {SYMBOL: RULES}, **options)


def test_a_capture_gives_what_the_live_mirror_gives(path):
    market = load(path, GOOD)
    mirror = Mirror(RULES)
    live = [mirror.receive(message, i * 100, i - 1) for i, message in enumerate(GOOD, 1)]
    assert market.events[SYMBOL].tobytes() == np.concatenate(live).tobytes()
    assert market.rules == {SYMBOL: RULES}


def test_converting_line_by_line_gives_the_same_as_at_once(path):
    whole = load(path, GOOD).events[SYMBOL]
    converter = CaptureConverter(path, {SYMBOL: RULES})
    parts = []
    for raw in CaptureReader(path):
        converter.feed(raw)
        parts.append(converter.take()[SYMBOL])
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_the_sequence_number_is_the_line_s_ordinal(path):
    events = load(path, GOOD).events[SYMBOL]
    assert sorted(set(events["seq"].tolist())) == [0, 1, 2, 3, 4]


def test_acknowledgements_and_other_channels_are_counted_not_converted(path):
    ack = b'{"event":"subscribe","topic":"spot/trade:AAA_USDT"}'
    error = b'{"event":"subscribe","errorCode":"92001","errorMessage":"Invalid symbol param"}'
    ticker = push("spot/kline1m", {"symbol": SYMBOL, "candle": [60, "1", "1", "1", "1", "1"]})
    report = load(path, [ack, error, ticker, *GOOD]).report
    assert report.messages == {
        "subscribe": 2,
        "spot/kline1m": 1,
        "spot/depth/increase100": 3,
        "spot/trade": 1,
        "spot/bookTicker": 1,
    }
    assert report.venue_errors == {"92001 Invalid symbol param": 1}
    assert "venue: 1 x 92001 Invalid symbol param" in report.lines_for_people()
    assert (report.lines, report.first_ns, report.last_ns, report.span_ns) == (8, 100, 800, 700)


def test_symbols_come_in_the_order_of_a_message_whatever_the_hash_seed(path):
    names = ["D_USDT", "B_USDT", "F_USDT", "A_USDT", "E_USDT", "C_USDT"]
    row = {"price": "1.00", "size": "1", "side": "buy", "s_t": 1, "ms_t": 1_000}
    both = push("spot/trade", *(row | {"symbol": name} for name in names))
    rules = {name: replace(RULES, symbol=name) for name in sorted(names)}
    assert list(load_capture(write(path, [both]), rules).events) == names


def test_a_gap_is_counted_with_its_place_and_the_time_out_of_sync(path):
    market = load(path, [snapshot(1, BIDS, ASKS), update(4), update(5), snapshot(5, BIDS, ASKS), update(7)])
    report = market.report
    assert (report.gaps, report.counters[SYMBOL].snapshots) == (2, 2)
    assert [(moment.recv_ns, moment.line, moment.state) for moment in report.moments] == [
        (200, 2, FeedState.SYNCING),
        (500, 5, FeedState.SYNCING),
    ]
    assert report.moments[0].why == "version 4 follows 1"
    assert report.unsynced_ns == {SYMBOL: 200}
    assert kinds(market.events[SYMBOL])[-1] == "SYNCING"


def test_moments_are_limited_and_the_rest_is_counted(path, monkeypatch):
    monkeypatch.setattr(convert, "MOMENTS_MAX", 2)
    messages = [m for n in range(0, 50, 10) for m in (snapshot(n, BIDS, ASKS), update(n + 9))]
    report = load(path, messages).report
    assert (len(report.moments), report.moments_left_out, report.gaps) == (2, 3, 5)


def test_an_age_limit_makes_silence_stale_at_the_moment_it_is_reached(path):
    messages = [snapshot(1, BIDS, ASKS), trades(trade(102, 1)), trades(trade(102, 1)), update(2)]
    market = load(path, messages, max_age_ns=150)
    events = market.events[SYMBOL]
    stale = events[(events["kind"] == Kind.FEED_STATE) & (events["size_lots"] == FeedState.STALE)]
    assert stale["recv_ns"].tolist() == [250]
    assert market.report.unsynced_ns == {SYMBOL: 150}
    assert (np.diff(events["recv_ns"]) >= 0).all()


def test_a_lost_connection_closes_every_symbol(path):
    market = load(path, [*GOOD, b'{"event":"paper/disconnected"}', snapshot(1, BIDS, ASKS)])
    assert [kind for kind in kinds(market.events[SYMBOL]) if kind in FeedState.__members__] == [
        "LIVE",
        "CLOSED",
        "LIVE",
    ]


def test_symbols_can_be_chosen_and_the_others_are_counted():
    market = load_capture(DEMO, DEMO_RULES, ["ETH_USDT"])
    assert list(market.events) == ["ETH_USDT"]
    assert market.report.skipped["BTC_USDT"] > 1_000


def test_a_capture_of_full_pushes_only_is_converted_too(path):
    market = load(path, [depth50(BIDS, ASKS), depth50(BIDS, [(103, 1)])])
    assert kinds(market.events[SYMBOL])[-2:] == ["LEVEL", "LEVEL"]


def bad_update(**changed):
    item = {"symbol": SYMBOL, "bids": [["1", "1"]], "asks": [], "ms_t": 1, "type": "update", "version": 2}
    return push("spot/depth/increase100", item | changed)


BAD_LINES = [
    ("price off tick", bad_update(bids=[["1", "1"], ["1.005", "1"]]), "data[0].bids[1][0]",
     "1.005 is not a multiple of 0.01"),
    ("size off lot", bad_update(asks=[["2", "0.05"]]), "data[0].asks[0][1]", "0.05 is not a multiple of 0.1"),
    ("not a number", bad_update(bids=[["x", "1"]]), "data[0].bids[0][0]",
     "'x' is not a number: expected decimal text"),
    ("json number", bad_update(bids=[[1, "1"]]), "data[0].bids[0][0]", "Expected `str`, got `int`"),
    ("no version", bad_update(version=-1), "data[0].version", "expected a version from 0 on, got -1"),
    ("unknown type", bad_update(type="x"), "data[0].type", "Invalid enum value 'x'"),
    ("trade off tick", trades(trade(1, 1) | {"price": "1.001"}), "data[0].price",
     "1.001 is not a multiple of 0.01"),
    ("second trade", trades(trade(1, 1), trade(1, 1) | {"side": "up"}), "data[1].side",
     "Invalid enum value 'up'"),
    ("unknown table", push("spot/depth7"), "table", "BitMart has no public channel 'spot/depth7'"),
    ("no table", b'{"a":1}', "", "neither a push (table) nor a control frame (event)"),
    ("no json", b'{"table":}', "", "JSON is malformed: invalid character (byte 9)"),
    ("missing field", push("spot/trade", {"symbol": SYMBOL}), "data[0]",
     "Object missing required field `price`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("message", "field", "why"), [case[1:] for case in BAD_LINES], ids=[case[0] for case in BAD_LINES]
)
def test_a_bad_line_names_file_line_and_field(path, message, field, why):
    with pytest.raises(CaptureError) as caught:
        load(path, [snapshot(1, BIDS, ASKS), message])
    assert (caught.value.path, caught.value.line) == (path, 2)
    assert (caught.value.field, caught.value.why) == (field, why)


def test_a_rules_file_of_other_symbols_is_named(tmp_path, path):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"data": {"symbols": [RULES.to_wire() | {"symbol": "BBB_USDT"}]}}))
    with pytest.raises(CaptureError) as caught:
        load_capture(write(path, GOOD), rules)
    assert str(caught.value) == f"{path}:1:data.symbol: {SYMBOL} is not in the rules file {rules} (BBB_USDT)"


def test_a_symbol_asked_for_that_has_no_rules_is_refused(path):
    with pytest.raises(CaptureError, match="NOPE_USDT is not in the rules given"):
        load(path, GOOD, symbols=["NOPE_USDT"])


def test_a_cut_capture_is_converted_up_to_the_cut_and_reported(tmp_path):
    whole = load_capture(DEMO, DEMO_RULES)
    path = tmp_path / "cut.gz"
    path.write_bytes(DEMO.read_bytes()[:150_000])
    cut = load_capture(path, DEMO_RULES)
    assert 0 < cut.report.lines < whole.report.lines
    assert "stream ends early" in cut.report.truncated
    for symbol, events in cut.events.items():
        assert events.tobytes() == whole.events[symbol][: len(events)].tobytes()


def test_an_empty_capture_has_no_market(path):
    market = load(path, [])
    assert (market.events, market.report.lines, market.report.truncated) == ({}, 0, "")

"""The market of a replay: by time, from either kind of file."""

import json

import pytest
from small_market import MARKET, START_NS, Files, submit

from paper_bitmart.backtest.replay_market import NEVER_NS, load_market
from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.feed.capture import CaptureError
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.event_file import save_events


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path, orders=[submit(10, "x")])


def load(files, path=None):
    return load_market(path or files.capture, load_rules(files.symbols), str(files.symbols))


def test_events_are_handed_out_up_to_a_time(files):
    market = load(files)
    (batch,) = market.due(START_NS).values()
    assert market.next_ns == START_NS
    assert not market.due(START_NS - 1)
    market.advance({"BTC_USDT": len(batch.events)})
    assert market.next_ns == NEVER_NS


def test_a_converted_capture_is_the_same_market(files, tmp_path):
    converted = tmp_path / "events.npz"
    save_events(converted, load_capture(files.capture, files.symbols).events)
    raw = files.run()
    market = load(files, converted)
    assert market.fingerprint() == load(files).fingerprint()
    files.capture = converted
    assert files.run() == raw


def test_the_market_lasts_to_the_captures_last_line(tmp_path):
    beat = (9_000, {"event": "pong"})
    market = load(Files(tmp_path, market=[*MARKET, beat]))
    assert market.last_ns == START_NS + 9_000 * 10**6


def test_rules_that_lack_the_symbol_are_named(files):
    files.symbols.write_text(json.dumps({"code": 1000, "data": {"symbols": []}}))
    with pytest.raises(CaptureError, match=r"BTC_USDT is not in .*"):
        load(files)


def test_rules_that_lack_a_converted_symbol_are_named(files, tmp_path):
    converted = tmp_path / "events.npz"
    save_events(converted, load_capture(files.capture, files.symbols).events)
    files.symbols.write_text(json.dumps({"code": 1000, "data": {"symbols": []}}))
    with pytest.raises(CaptureError, match=r"BTC_USDT is not in the rules file .*symbols\.json"):
        load(files, converted)


def test_a_capture_without_a_market_is_refused(tmp_path):
    with pytest.raises(CaptureError, match="no market events"):
        load(Files(tmp_path, market=[(0, {"event": "pong"})]))

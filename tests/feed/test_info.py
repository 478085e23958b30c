import json
from decimal import Decimal

import pytest
from feed_messages import FIXTURES, RULES, SYMBOL, push, snapshot, trade, trades, update
from rich.console import Console

from paper_bitmart.feed.capture import CaptureError, CaptureWriter
from paper_bitmart.feed.info import describe, infer_rules

DEMO = FIXTURES / "demo" / "demo_btc_eth_60s.jsonl.gz"
DEMO_RULES = FIXTURES / "demo" / "symbols_details.json"


def write(path, *messages):
    with CaptureWriter(path) as writer:
        for i, message in enumerate(messages, 1):
            writer.write(i * 1_000_000, message)
    return path


def test_the_demo_market_is_described():
    info = describe(DEMO, DEMO_RULES)
    assert (info.lines, info.compression, round(info.span_s)) == (2_586, "gzip", 60)
    assert info.messages == {"spot/depth/increase100": 1_200, "spot/trade": 1_386}
    btc, eth = info.symbols
    assert (btc.symbol, btc.tick, btc.lot, btc.inferred) == ("BTC_USDT", "0.01", "0.00001", False)
    assert btc.trades + eth.trades == 3_920
    assert (btc.depth_messages, btc.snapshots, btc.gaps, btc.crossed) == (600, 1, 0, 0)
    assert (btc.levels_bid, btc.levels_ask) == (100, 100)
    assert (
        -1_276 <= btc.clock_offset_ms_min <= btc.clock_offset_ms_median <= btc.clock_offset_ms_max <= -1_054
    )
    assert Decimal(btc.low) < Decimal(btc.high)


def test_without_rules_tick_and_lot_come_from_the_decimals_seen():
    rules = infer_rules(DEMO)
    assert {symbol: (str(r.tick), str(r.lot)) for symbol, r in rules.items()} == {
        "BTC_USDT": ("0.01", "0.00001"),
        "ETH_USDT": ("0.01", "0.0001"),
    }
    inferred = describe(DEMO)
    assert all(one.inferred for one in inferred.symbols)
    assert [one.traded_base for one in inferred.symbols] == [
        one.traded_base for one in describe(DEMO, DEMO_RULES).symbols
    ]


def test_trailing_zeros_are_no_decimals(tmp_path):
    item = {"symbol": SYMBOL, "bids": [["46813.500", "0.00500"]], "asks": [], "ms_t": 1}
    path = write(tmp_path / "a.jsonl", push("spot/depth50", item))
    rules = infer_rules(path)[SYMBOL]
    assert (rules.tick, rules.lot) == (Decimal("0.1"), Decimal("0.001"))


def test_gaps_errors_and_a_cut_end_are_told(tmp_path):
    error = b'{"event":"subscribe","errorCode":"92001","errorMessage":"Invalid symbol param"}'
    path = write(
        tmp_path / "a.jsonl",
        error,
        snapshot(1, [(100, 1)], [(101, 1)]),
        trades(trade(101, 2)),
        update(5),
        trades(trade(101, 3)),
        snapshot(5, [(100, 1)], [(101, 1)]),
    )
    with path.open("ab") as file:
        file.write(b"7000000 {")
    info = describe(path, {SYMBOL: RULES})
    one = info.symbols[0]
    assert (one.gaps, one.snapshots, one.trades, one.unsynced_ns) == (1, 2, 2, 2_000_000)
    assert info.venue_errors == {"92001 Invalid symbol param": 1}
    assert info.truncated.startswith("the file ends inside a line; line 7")


def test_it_can_be_printed_and_written_as_json(tmp_path):
    info = describe(FIXTURES / "golden" / "es_20s.jsonl.gz", FIXTURES / "golden" / "es_symbols.json")
    console = Console(width=200, record=True, file=(tmp_path / "out").open("w"))
    console.print(info.rich())
    text = console.export_text()
    assert "ES_USDT" in text
    assert "0.25" in text
    plain = json.loads(json.dumps(info.as_dict()))
    assert plain["symbols"][0]["trades"] == info.symbols[0].trades
    assert plain["span_s"] == info.span_s


def test_a_symbol_without_trades_or_times_has_no_such_figures(tmp_path):
    info = describe(write(tmp_path / "a.jsonl", update(5)), {SYMBOL: RULES})
    one = info.symbols[0]
    assert (one.low, one.high, one.levels_bid, one.clock_offset_ms_median) == (None, None, 0, None)


@pytest.mark.parametrize("price", ["1e5", "-1", "", "x"])
def test_inferring_needs_plain_numbers(tmp_path, price):
    path = write(tmp_path / "a.jsonl", trades(trade(1, 1) | {"price": price}))
    with pytest.raises(CaptureError) as caught:
        describe(path)
    assert (caught.value.line, caught.value.field) == (1, "data")

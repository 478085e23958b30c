"""TRUTH and OUT files: what they may hold, and the place of what they may not."""

import gzip
import json

import pytest

from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.realism.mids import FileMids
from paper_bitmart.realism.outcomes import OutcomesError, load_out, load_truth
from tests.small_market import RULES_ROW

ROW = {
    "client_order_id": "x1", "symbol": "BTC_USDT", "ts": 5, "side": "buy", "price": "100.00", "size": "0.5",
    "fills": [[9, "100.00", "0.2", "maker"], [7, "100.00", "0.3", "maker"]],
}  # fmt: skip


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "symbols.json"
    path.write_text(json.dumps({"code": 1000, "data": {"symbols": [RULES_ROW]}}))
    return load_rules(path)


def written(tmp_path, *rows, name="truth.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_true_order_is_read_in_ticks_and_lots_with_its_fills_by_time(tmp_path, rules):
    order = load_truth(written(tmp_path, ROW), rules)["x1"]
    assert (order.sign, order.price_ticks, order.size_lots, order.accepted) == (1, 10_000, 500, True)
    assert [(fill.at_ns, fill.size_lots) for fill in order.fills] == [(7, 300), (9, 200)]
    assert not order.is_taker
    assert not order.is_contested


def test_gzip_is_read_too(tmp_path, rules):
    path = tmp_path / "truth.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(ROW).encode()))
    assert list(load_truth(path, rules)) == ["x1"]


@pytest.mark.parametrize(
    ("change", "field", "why"),
    [
        ({"symbol": "ETH_USDT"}, "symbol", "not in the rules"),
        ({"side": "hold"}, "side", '"buy" or "sell"'),
        ({"ts": -1}, "ts", "ns since 1970"),
        ({"price": "100.001"}, "price", "multiple"),
        ({"size": "0"}, "size", "positive"),
        ({"size": "abc"}, "size", "abc"),
        ({"fills": [[1, "100.00"]]}, "fills", "[ts, price, size, role]"),
        ({"fills": [[1, "100.00", "0.0001", "maker"]]}, "fills", "multiple"),
    ],
)
def test_a_fault_names_file_line_field_and_rule(tmp_path, rules, change, field, why):
    path = written(tmp_path, ROW | {"client_order_id": "x0"}, ROW | change)
    with pytest.raises(OutcomesError) as error:
        load_truth(path, rules)
    assert (error.value.path, error.value.line, error.value.field) == (path, 2, field)
    assert why in error.value.why


def test_an_order_that_appears_twice_and_an_empty_file_are_refused(tmp_path, rules):
    with pytest.raises(OutcomesError, match="2:client_order_id: x1 appears twice"):
        load_truth(written(tmp_path, ROW, ROW), rules)
    with pytest.raises(OutcomesError, match="holds no orders"):
        load_truth(written(tmp_path), rules)


def test_fills_of_another_simulator_may_be_json_numbers_and_of_unknown_orders(tmp_path, rules):
    truth = load_truth(written(tmp_path, ROW), rules)
    out = written(
        tmp_path,
        {"ts": "8", "client_order_id": "x1", "event": "fill", "price": 100, "size": 0.25, "role": "maker"},
        {"ts": 6, "client_order_id": "x1", "event": "accept", "queue_ahead": 4.5},
        {"ts": 6, "client_order_id": "other", "event": "accept"},
        name="out.jsonl",
    )
    found = load_out(out, truth, rules)
    assert [fill.size_lots for fill in found.fills["x1"]] == [250]
    assert (found.queue_ahead, found.unknown, found.accepted) == ({"x1": 4.5}, 1, {"x1"})


def test_best_prices_of_a_file_serve_one_symbol_and_the_last_row_at_or_before(tmp_path, rules):
    import numpy as np

    path = tmp_path / "bbo.csv"
    path.write_text("ts_ns,bid,ask\n10,100.00,100.02\n20,100.01,100.02\n")
    mids = FileMids(path, [rules["BTC_USDT"]])
    assert mids.at("BTC_USDT", np.array([5, 10, 19, 25])).tolist() == [10_001, 10_001, 10_001, 10_001.5]
    with pytest.raises(OutcomesError, match="one symbol"):
        FileMids(path, [])
    path.write_text("ts_ns,bid,ask\n10,100.00,x\n")
    with pytest.raises(OutcomesError, match=r"bbo\.csv:2"):
        FileMids(path, [rules["BTC_USDT"]])
    path.write_text("ts_ns,bid,ask\n10,100,101\n9,100,101\n")
    with pytest.raises(OutcomesError, match="must not go back"):
        FileMids(path, [rules["BTC_USDT"]])

"""Reading ORDERS: what a line may say, and how a line that says something else is refused."""

import gzip
import json
from decimal import Decimal

import pytest
from small_market import cancel, submit

from paper_bitmart.backtest.replay_orders import OrdersError, load_orders


def write(folder, *lines):
    path = folder / "orders.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def test_a_submit_and_a_cancel_are_read(tmp_path):
    orders = load_orders(write(tmp_path, submit(1, "x", stpMode="cancel_maker"), cancel(2, "x")))
    first, second = orders.commands
    assert (first.order.price, first.order.size, first.order.stp_mode) == (
        Decimal(100),
        Decimal(1),
        "cancel_maker",
    )
    assert (second.order, second.client_order_id, second.line) == (None, "x", 2)
    assert orders.is_sorted


@pytest.mark.parametrize("price", ['"61000.10"', "61000.10", "6.100010e4"])
def test_a_number_is_exact_as_text_and_as_json_number(tmp_path, price):
    line = json.dumps(submit(1, "x", price="@")).replace('"@"', price)
    assert load_orders(write(tmp_path, line)).commands[0].order.price == Decimal("61000.10")


def test_empty_lines_and_unknown_fields_are_passed_over(tmp_path):
    path = write(tmp_path, "", submit(1, "x", note="mine"), "   ")
    assert [command.line for command in load_orders(path).commands] == [2]


def test_a_gzip_file_is_read_as_well(tmp_path):
    path = tmp_path / "orders.jsonl.gz"
    path.write_bytes(gzip.compress(write(tmp_path, submit(1, "x")).read_bytes()))
    assert len(load_orders(path).commands) == 1


def test_a_cut_gzip_file_is_refused(tmp_path):
    path = tmp_path / "orders.jsonl.gz"
    path.write_bytes(gzip.compress(write(tmp_path, *[submit(1, "x")] * 50).read_bytes())[:-20])
    with pytest.raises(OrdersError, match="damaged"):
        load_orders(path)


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        ("{", "", "not a JSON object"),
        ("[1]", "", "not a JSON object"),
        ({"account": "a"}, "ts", "is missing"),
        (submit(1, "x") | {"ts": "1"}, "ts", "Expected `int`"),
        (submit(1, "x") | {"ts": -1}, "ts", "must be 0.."),
        (submit(1, "x") | {"account": ""}, "account", "must not be empty"),
        (submit(1, "x") | {"action": "amend"}, "action", '"submit" or "cancel"'),
        (submit(1, "x", symbol=None), "symbol", "is missing"),
        (submit(1, "x", price="abc"), "price", "is not a number"),
        (submit(1, "x", price="NaN"), "price", "is not a number"),
        (submit(1, "x", size=True), "size", "is not a number"),
        (submit(1, "x", notional={}), "notional", "is not a number"),
        (submit(1, 7), "client_order_id", "Expected `str | null`"),
        ({"ts": 1, "account": "a", "action": "cancel"}, "client_order_id", "is missing"),
        ("x" * 70_000, "", "longer than"),
    ],
)
def test_a_bad_line_is_named_with_its_field_and_rule(tmp_path, line, field, why):
    path = write(tmp_path, submit(1, "ok"), line)
    with pytest.raises(OrdersError) as caught:
        load_orders(path)
    assert (caught.value.line, caught.value.field) == (2, field)
    assert why in caught.value.why
    assert str(caught.value).startswith(f"{path}:2:")

"""Both forms of real orders: what is read, what is left out and told, and what is refused with its place."""

import json

import pytest

from paper_bitmart.bitmart.rules import load_rules
from paper_bitmart.realism.outcomes import OneFill
from paper_bitmart.realism.real_bitmart import read_bitmart
from paper_bitmart.realism.real_csv import read_csv
from paper_bitmart.realism.real_orders import RealOrders, RealOrdersError, as_truth, within, write_commands
from tests.small_market import RULES_ROW

MS = 10**6
OFFSET_NS = {"BTC_USDT": -5 * MS}
"""The recorder's clock is 5 ms behind the venue's."""
HEAD = "order_id,symbol,side,type,price,size,sent_ns,cancel_ns,fill_venue_ms,fill_price,fill_size,fill_role"
CSV = {
    "order_id": "a1", "symbol": "BTC_USDT", "side": "buy", "type": "limit", "price": "100.01", "size": "2",
    "sent_ns": "1000000000", "cancel_ns": "", "fill_venue_ms": "1045", "fill_price": "100.00",
    "fill_size": "1.5", "fill_role": "taker",
}  # fmt: skip
ORDER = {
    "orderId": "7", "clientOrderId": "c7", "symbol": "BTC_USDT", "side": "buy", "orderMode": "spot",
    "type": "limit", "state": "partially_canceled", "cancelSource": "user", "stpMode": "", "price": "100.01",
    "priceAvg": "100.00", "size": "2.000", "filledSize": "1.500", "notional": "200.02000000",
    "filledNotional": "150.00000000", "createTime": 1005, "updateTime": 3005,
}  # fmt: skip
TRADE = {
    "tradeId": "t1", "orderId": "7", "clientOrderId": "c7", "symbol": "BTC_USDT", "side": "buy",
    "orderMode": "spot", "type": "limit", "price": "100.00", "size": "1.500", "notional": "150.00000000",
    "fee": "0.1", "feeCoinName": "USDT", "tradeRole": "taker", "createTime": 1045, "updateTime": 1045,
}  # fmt: skip


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "symbols.json"
    path.write_text(json.dumps({"code": 1000, "data": {"symbols": [RULES_ROW]}}))
    return load_rules(path)


@pytest.fixture
def csv_of(tmp_path, rules):
    def read(*rows, head=HEAD):
        path = tmp_path / "real.csv"
        lines = [",".join((CSV | row)[name] for name in HEAD.split(",")) for row in rows]
        path.write_text("\n".join([head, *lines]) + "\n")
        return read_csv([path], rules, OFFSET_NS)

    return read


@pytest.fixture
def bitmart_of(tmp_path, rules):
    def read(*documents):
        paths = []
        for number, document in enumerate(documents):
            path = tmp_path / f"real{number}.json"
            path.write_text(document if isinstance(document, str) else json.dumps(document))
            paths.append(path)
        return read_bitmart(paths, rules, OFFSET_NS)

    return read


def test_times_of_both_clocks_come_to_the_axis_of_the_capture(csv_of):
    [order] = csv_of({}).orders
    assert (order.sent_ns, order.price_ticks, order.size_lots) == (1000 * MS, 10_001, 2_000)
    assert order.fills == [OneFill(1040 * MS, 10_000, 1_500, "taker")]


def test_rows_of_one_order_are_its_fills(csv_of):
    found = csv_of({"fill_size": "1"}, {"fill_size": "0.5", "fill_venue_ms": "1050"}, {"order_id": "a2"})
    assert [len(order.fills) for order in found.orders] == [2, 1]
    assert not found.sent_on_venue_clock


def test_an_order_without_fills_leaves_them_empty(csv_of):
    empty = dict.fromkeys(("fill_venue_ms", "fill_price", "fill_size", "fill_role"), "")
    [order] = csv_of({**empty, "cancel_ns": "9000000000"}).orders
    assert (order.fills, order.cancel_ns, order.end_ns) == ([], 9 * 10**9, 9 * 10**9)


def test_bitmarts_rows_are_orders_and_their_trades(bitmart_of):
    found = bitmart_of({"code": 1000, "data": [ORDER]}, {"code": 1000, "data": [TRADE]})
    [order] = found.orders
    assert (order.sent_ns, order.cancel_ns) == (1000 * MS, 3000 * MS)
    assert order.fills == [OneFill(1040 * MS, 10_000, 1_500, "taker")]
    assert found.sent_on_venue_clock
    assert found.left_out.total() == 0


@pytest.mark.parametrize(
    "document",
    [
        [ORDER, TRADE],
        f"{json.dumps(ORDER)}\n\n{json.dumps(TRADE)}\n",
        f"{json.dumps({'data': [ORDER]})}\n{json.dumps({'data': [TRADE, TRADE]})}\n",
        json.dumps({"code": 1000, "data": [ORDER, TRADE]}, indent=2),
    ],
    ids=["an array", "a row per line", "a reply per line, pages that overlap", "indented"],
)
def test_an_export_may_have_any_shape_of_the_replies(bitmart_of, document):
    assert bitmart_of(document).orders == bitmart_of([ORDER], [TRADE]).orders


def test_what_the_venue_cancelled_gets_no_cancel(bitmart_of):
    [order] = bitmart_of([{**ORDER, "cancelSource": "system"}, TRADE]).orders
    assert order.cancel_ns is None


def test_an_open_order_is_watched_as_long_as_the_export(bitmart_of):
    open_order = {**ORDER, "orderId": "8", "state": "new", "filledSize": "0.000", "updateTime": 1005}
    found = bitmart_of([ORDER, open_order, TRADE])
    assert found.orders[1].cancel_ns == 3000 * MS


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([ORDER], "whose trades are not all in the files"),
        ([{**ORDER, "filledSize": "1.600"}, TRADE], "whose trades are not all in the files"),
        ([{**ORDER, "symbol": "ETH_USDT"}], "of symbols that are not in the capture"),
        ([{**ORDER, "state": "failed"}], "that the venue failed to take"),
        ([TRADE], "that are known by their trades only"),
    ],
)
def test_what_cannot_be_used_is_counted(bitmart_of, rows, reason):
    found = bitmart_of(rows)
    assert found.orders == []
    assert found.left_out == {reason: 1}


def test_a_market_buy_has_an_amount_and_no_size(csv_of, bitmart_of, tmp_path, rules):
    amount = {
        **ORDER, "type": "market", "price": "0.00", "size": "0.00", "notional": "150.00000000",
    }  # fmt: skip
    found = bitmart_of([amount, TRADE])
    [order] = found.orders
    assert (order.size_lots, order.notional) == (0, 150)
    write_commands(found.orders, rules, tmp_path / "o.jsonl")
    submit = json.loads((tmp_path / "o.jsonl").read_text().splitlines()[0])
    assert submit["notional"] == "150"
    assert "size" not in submit
    assert "price" not in submit
    [true] = as_truth(found.orders).values()
    assert (true.size_lots, true.is_taker) == (1_500, True)


def test_only_orders_within_the_capture_count(csv_of):
    found = csv_of({}, {"order_id": "a2", "sent_ns": "2000000000", "fill_venue_ms": "2100"})
    kept = within(found, {"BTC_USDT": (0, 2_050 * MS)})
    assert [order.order_id for order in kept.orders] == ["a1"]
    assert kept.left_out == {"not wholly within the capture's time": 1}
    assert isinstance(within(found, {}), RealOrders)
    assert within(found, {}).left_out == {"of symbols that are not in the capture": 2}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"side": "bid"}, ":2:side: must be buy or sell, not 'bid'"),
        ({"type": "fok"}, ":2:type: must be limit, limit_maker, ioc or market, not 'fok'"),
        ({"price": "100.005"}, ":2:price: "),
        ({"price": ""}, ":2:price: is missing"),
        ({"size": "-1"}, ":2:size: must be positive"),
        ({"size": "0.0005"}, ":2:size: "),
        ({"sent_ns": "yesterday"}, ":2:sent_ns: must be a whole number of ns or ms since 1970"),
        ({"cancel_ns": "999999999"}, ":2:cancel_ns: is before the order was sent"),
        (
            {"fill_venue_ms": "4"},
            ":2:fill_venue_ms: is 1.0 s before the order was sent: is it of another clock?",
        ),
        ({"fill_venue_ms": ""}, ":2:fill_venue_ms: is missing, though fill_price is given"),
        ({"fill_role": "Taker"}, ":2:fill_role: must be maker or taker, not 'Taker'"),
        ({"fill_size": "2.5"}, ":2:fill_size: the fills of this order add up to more than its size"),
        ({"order_id": ""}, ":2:order_id: is missing"),
    ],
)
def test_a_bad_row_is_refused_with_line_field_and_rule(csv_of, row, told):
    with pytest.raises(RealOrdersError) as refused:
        csv_of(row)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (HEAD.replace("sent_ns", "sent"), ":1:sent: is missing in the header; it must have exactly one of "),
        (HEAD + ",sent_ms", ":1:sent: is there as sent_ns and sent_ms"),
        (HEAD.replace("fill_role", "role"), ":1:fill_role: is missing in the header"),
        (HEAD + ",colour", ":1:colour: is no column of this form"),
    ],
)
def test_a_bad_header_is_refused(csv_of, head, told):
    with pytest.raises(RealOrdersError) as refused:
        csv_of(head=head)
    assert told in str(refused.value)


def test_rows_of_one_order_that_disagree_are_refused(csv_of):
    with pytest.raises(RealOrdersError, match=":3:order_id: a1 was told otherwise before"):
        csv_of({}, {"price": "100.02", "fill_size": "0.5"})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{**ORDER, "state": "done"}], "real0.json:[0]:state: must be new, "),
        ([ORDER, ORDER], "real0.json:[1]:orderId: 7 appears twice"),
        ([{**ORDER, "createTime": "x"}], "real0.json:[0]:createTime: must be a whole number"),
        ([{**ORDER, "price": 100.5}], "real0.json:[0]:price: must be a decimal number as text"),
        ([ORDER, {**TRADE, "tradeRole": "M"}], "real0.json:[1]:tradeRole: must be maker or taker"),
        (
            [ORDER, {**TRADE, "symbol": "ETH_USDT"}],
            "real0.json:[1]:symbol: must be that of its order, BTC_USDT",
        ),
        ([{k: v for k, v in ORDER.items() if k != "size"}], "real0.json:[0]:size: is missing"),
        ([5], "real0.json:[0]: must be an order or a trade, not 5"),
        (f"{json.dumps(ORDER)}\n{{", "real0.json:2: is no JSON"),
        ("", "real0.json: holds no orders"),
    ],
)
def test_a_bad_export_is_refused_with_its_place(bitmart_of, rows, told):
    with pytest.raises(RealOrdersError) as refused:
        bitmart_of(rows)
    assert told in str(refused.value)

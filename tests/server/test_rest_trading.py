import asyncio
import json

import pytest
from rest_support import ALICE, BOB, START_MS, serving

from paper_bitmart.bitmart.envelope import decode_reply
from paper_bitmart.bitmart.rest_messages import BatchResult, CancelOrdersResult, CancelResult, OrderId
from paper_bitmart.server.faults import Fault, FaultPlan, FaultRule

SUBMIT = "/spot/v2/submit_order"
BATCH = "/spot/v4/batch_orders"
CANCEL = "/spot/v3/cancel_order"
CANCEL_ORDERS = "/spot/v4/cancel_orders"
CANCEL_ALL = "/spot/v4/cancel_all"
LIMIT = {"side": "buy", "type": "limit", "size": "0.1", "price": "2000"}


async def state_of(exchange, order_id):
    return (await exchange.post("/spot/v4/query/order", orderId=order_id)).data


async def test_an_order_id_is_text_and_the_order_can_be_seen_at_once():
    async with serving() as exchange:
        reply = await exchange.post(SUBMIT, symbol="ETH_USDT", client_order_id="pb1", **LIMIT)
        assert (reply.status, reply.message) == (200, "OK")
        order_id = decode_reply(reply.body, OrderId).order_id
        order = await state_of(exchange, order_id)
        assert (order["state"], order["clientOrderId"]) == ("new", "pb1")


async def test_spaces_in_the_body_are_signed_as_they_are():
    async with serving() as exchange:
        spaced = json.dumps({"symbol": "ETH_USDT", **LIMIT}).encode()
        compact = json.dumps({"symbol": "ETH_USDT", **LIMIT}, separators=(",", ":")).encode()
        for body in (spaced, compact):
            assert (await exchange.post(SUBMIT, body)).code == 1000
        headers = exchange.signed(spaced)
        reply = await exchange.request("POST", SUBMIT, headers=headers, data=compact)
        assert reply.code == 30005


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "market", "side": "buy", "notional": "100", "size": "9", "price": "NaN"},
        {"type": "market", "side": "sell", "size": "1", "notional": "", "price": None},
        {"type": "limit", "side": "buy", "size": 1, "price": 2000.5, "notional": "junk", "recvWindow": "x"},
        {"type": "limit_maker", "side": "buy", "size": "1e0", "price": "2000.123456"},
        {"type": "ioc", "side": "sell", "size": "0.5", "price": "2499", "stpMode": "cancel_both"},
    ],
)
async def test_what_a_type_does_not_use_is_not_even_read(fields):
    async with serving() as exchange:
        reply = await exchange.post(SUBMIT, symbol="ETH_USDT", **fields)
        assert reply.code == 1000, reply.json


async def test_json_numbers_are_taken_exactly():
    async with serving() as exchange:
        body = b'{"symbol":"ETH_USDT","side":"buy","type":"limit","size":0.1,"price":2000.10}'
        order = await state_of(exchange, (await exchange.post(SUBMIT, body)).data["order_id"])
        assert (order["price"], order["size"], order["notional"]) == ("2000.10", "0.1000", "200.01000000")


async def test_a_batch_is_all_or_nothing():
    async with serving() as exchange:
        rows = [LIMIT | {"clientOrderId": f"b{n}"} for n in range(10)]
        reply = await exchange.post(BATCH, symbol="ETH_USDT", orderParams=rows)
        result = decode_reply(reply.body, BatchResult)
        assert (result.code, result.msg, len(result.data.orderIds)) == (0, "success", 10)
        before = exchange.state()
        rows = [LIMIT, LIMIT | {"clientOrderId": "b3"}]
        assert (await exchange.post(BATCH, symbol="ETH_USDT", orderParams=rows)).code == 50042
        assert exchange.state() == before


async def test_a_mis_cased_client_id_inside_a_batch_is_ignored():
    async with serving() as exchange:
        reply = await exchange.post(BATCH, symbol="ETH_USDT", orderParams=[LIMIT | {"client_order_id": "x"}])
        [order_id] = reply.data["data"]["orderIds"]
        assert (await state_of(exchange, order_id))["clientOrderId"] == order_id


@pytest.mark.parametrize("by", ["order_id", "client_order_id", "both"])
async def test_an_order_is_cancelled_by_either_id_and_the_order_id_wins(by):
    async with serving() as exchange:
        order_id = await exchange.buy("2000", "1", client_order_id="mine")
        other = await exchange.buy("2000", "1", client_order_id="other")
        ids = {"order_id": {"order_id": order_id}, "client_order_id": {"client_order_id": "mine"}}
        fields = ids.get(by, {"order_id": order_id, "client_order_id": "other"})
        reply = await exchange.post(CANCEL, symbol="ETH_USDT", **fields)
        assert decode_reply(reply.body, CancelResult).result is True
        order = await state_of(exchange, order_id)
        assert (order["state"], order["cancelSource"]) == ("canceled", "user")
        assert (await state_of(exchange, other))["state"] == "new"


async def test_an_order_cannot_be_cancelled_by_another_account_or_under_another_symbol():
    async with serving() as exchange:
        order_id = await exchange.buy("2000", "1")
        reply = await exchange.post(CANCEL, key=BOB, symbol="ETH_USDT", order_id=order_id)
        assert reply.code == 50005
        assert (await exchange.post(CANCEL, symbol="BTC_USDT", order_id=order_id)).code == 50005
        assert (await state_of(exchange, order_id))["state"] == "new"


async def test_cancel_orders_tells_which_ids_worked():
    async with serving() as exchange:
        first = await exchange.buy("2000", "1")
        await exchange.buy("2000", "1", client_order_id="mine")
        reply = await exchange.post(CANCEL_ORDERS, symbol="ETH_USDT", orderIds=[first, first, "12", "junk"])
        assert decode_reply(reply.body, CancelOrdersResult) == CancelOrdersResult(
            successIds=[first], failIds=[first, "12", "junk"], totalCount=4, successCount=1, failedCount=3
        )
        reply = await exchange.post(CANCEL_ORDERS, symbol="ETH_USDT", clientOrderIds=["mine", "not mine"])
        assert (reply.data["successIds"], reply.data["failIds"]) == (["mine"], ["not mine"])


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({}, []),
        ({"recvWindow": 5000}, []),
        ({"symbol": "ETH_USDT"}, ["BTC_USDT buy"]),
        ({"side": "buy"}, ["ETH_USDT sell"]),
        ({"symbol": "ETH_USDT", "side": "sell"}, ["BTC_USDT buy", "ETH_USDT buy"]),
    ],
)
async def test_cancel_all_is_narrowed_by_symbol_and_side(fields, left):
    async with serving() as exchange:
        await exchange.buy("2000", "1")
        await exchange.buy("2000", "1", symbol="BTC_USDT")
        await exchange.buy("3000", "1", side="sell")
        reply = await exchange.post(CANCEL_ALL, **fields)
        assert (reply.code, reply.data) == (1000, {})
        orders = (await exchange.post("/spot/v4/query/open-orders")).data
        assert sorted(f"{order['symbol']} {order['side']}" for order in orders) == left


async def test_a_crossing_post_only_order_is_accepted_and_cancelled_by_the_system():
    async with serving() as exchange:
        order_id = await exchange.buy("2500.10", "1", type="limit_maker")
        order = await state_of(exchange, order_id)
        assert (order["state"], order["cancelSource"], order["filledSize"]) == (
            "canceled",
            "system",
            "0.0000",
        )


async def test_a_market_buy_takes_the_book_and_ends_partially_canceled():
    async with serving() as exchange:
        fields = {"type": "market", "side": "buy", "notional": "1000"}
        reply = await exchange.post(SUBMIT, symbol="ETH_USDT", **fields)
        order = await state_of(exchange, reply.data["order_id"])
        assert (order["state"], order["cancelSource"]) == ("partially_canceled", "system")
        assert order["notional"] == "997.50000000", "the fee is reserved inside the amount"
        assert (order["filledSize"], order["priceAvg"]) == ("0.3989", "2500.10")
        assert order["createTime"] == START_MS


async def test_a_lost_acknowledgement_leaves_the_order_in_place():
    plan = FaultPlan(rules=(FaultRule(fault=Fault.LOST_ACK, where=SUBMIT, count=1),))
    async with serving(plan=plan) as exchange:
        with pytest.raises(Exception, match=r"[Dd]isconnected|reset"):
            await exchange.post(SUBMIT, symbol="ETH_USDT", client_order_id="lost", **LIMIT)
        reply = await exchange.post("/spot/v4/query/client-order", clientOrderId="lost")
        assert reply.data["state"] == "new"
        assert [record.fault for record in exchange.faults.records] == [Fault.LOST_ACK]


async def test_many_orders_at_once_all_get_their_own_id():
    async with serving() as exchange:
        replies = await asyncio.gather(
            *(exchange.post(SUBMIT, key=key, symbol="ETH_USDT", **LIMIT) for key in (ALICE, BOB) * 20)
        )
        assert len({reply.data["order_id"] for reply in replies}) == 40


async def test_an_id_that_utf8_cannot_carry_is_refused_before_any_other_is_cancelled():
    async with serving() as exchange:
        order_id = await exchange.buy("2000", "1")
        body = b'{"symbol":"ETH_USDT","orderIds":["%s","\\ud800"]}' % order_id.encode()
        reply = await exchange.post(CANCEL_ORDERS, body)
        assert (reply.status, reply.code, reply.message) == (400, 50021, "Invalid orderIds")
        assert (await state_of(exchange, order_id))["state"] == "new"


async def test_a_displayed_size_that_an_order_took_is_not_there_for_the_next_but_for_other_accounts():
    """The best ask shows 0.9050."""
    async with serving() as exchange:
        filled = []
        for key in (ALICE, ALICE, BOB):
            order_id = await exchange.buy("2500.10", "0.6", key=key)
            reply = await exchange.post("/spot/v4/query/order", key=key, orderId=order_id)
            filled.append(reply.data["filledSize"])
        assert filled == ["0.6000", "0.3050", "0.6000"]

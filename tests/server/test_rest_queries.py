import msgspec
import pytest
from rest_support import ALICE, BOB, SELL, START_MS, START_NS, serving, trades

from paper_bitmart.bitmart.envelope import decode_reply
from paper_bitmart.bitmart.rest_messages import OrderData, TradeData

QUERY = "/spot/v4/query"


async def test_an_order_object_reads_as_the_venue_writes_it():
    async with serving() as exchange:
        order_id = await exchange.buy("2500.1", "1", client_order_id="pb20261122a1")
        reply = await exchange.post(f"{QUERY}/order", orderId=order_id)
        assert reply.message == "success"
        assert reply.data == {
            "orderId": order_id,
            "clientOrderId": "pb20261122a1",
            "symbol": "ETH_USDT",
            "side": "buy",
            "orderMode": "spot",
            "type": "limit",
            "state": "partially_filled",
            "cancelSource": "",
            "stpMode": "none",
            "price": "2500.10",
            "priceAvg": "2500.10",
            "size": "1.0000",
            "filledSize": "0.9050",
            "notional": "2500.10000000",
            "filledNotional": "2262.59050000",
            "createTime": START_MS,
            "updateTime": START_MS,
        }
        assert msgspec.to_builtins(decode_reply(reply.body, OrderData)) == reply.data


async def test_a_trade_object_reads_as_the_venue_writes_it():
    async with serving() as exchange:
        order_id = await exchange.buy("2500.1", "0.5")
        reply = await exchange.post(f"{QUERY}/order-trades", orderId=order_id)
        [trade] = reply.data
        assert trade == {
            "tradeId": trade["tradeId"],
            "orderId": order_id,
            "clientOrderId": order_id,
            "symbol": "ETH_USDT",
            "side": "buy",
            "orderMode": "spot",
            "type": "limit",
            "stpMode": "none",
            "price": "2500.10",
            "size": "0.5000",
            "notional": "1250.05000000",
            "fee": "3.12512500",
            "feeCoinName": "USDT",
            "tradeRole": "taker",
            "createTime": START_MS,
            "updateTime": START_MS,
        }
        assert trade["tradeId"].isdigit()
        assert msgspec.to_builtins(decode_reply(reply.body, list[TradeData])) == reply.data
        assert (await exchange.post(f"{QUERY}/trades")).data == reply.data


@pytest.mark.parametrize(
    ("wanted", "is_open", "found"),
    [(None, True, True), ("open", True, True), ("history", True, False), ("", False, True)],
)
async def test_the_query_state_narrows_single_order_queries(wanted, is_open, found):
    async with serving() as exchange:
        price = "2000" if is_open else "2501"
        order_id = await exchange.buy(price, "0.1", client_order_id="mine")
        state = {} if wanted is None else {"queryState": wanted}
        by_id = await exchange.post(f"{QUERY}/order", orderId=order_id, **state)
        by_client_id = await exchange.post(f"{QUERY}/client-order", clientOrderId="mine", **state)
        assert [by_id.code, by_client_id.code] == [1000 if found else 50005] * 2


async def test_an_order_of_another_account_is_not_found():
    async with serving() as exchange:
        order_id = await exchange.buy("2000", "0.1", client_order_id="mine")
        for path, ids in (
            ("order", {"orderId": order_id}),
            ("client-order", {"clientOrderId": "mine"}),
            ("order-trades", {"orderId": order_id}),
        ):
            assert (await exchange.post(f"{QUERY}/{path}", key=BOB, **ids)).code == 50005
        assert (await exchange.post(f"{QUERY}/open-orders", key=BOB)).data == []


async def test_lists_are_newest_first_and_bounded():
    async with serving() as exchange:
        ids = []
        for _ in range(3):
            ids.append(await exchange.buy("2000", "0.1"))
            exchange.pass_ms(1_000)
        rows = (await exchange.post(f"{QUERY}/open-orders")).data
        assert [row["orderId"] for row in rows] == ids[::-1]
        rows = (await exchange.post(f"{QUERY}/open-orders", limit=2)).data
        assert [row["orderId"] for row in rows] == [ids[2], ids[1]]
        rows = (await exchange.post(f"{QUERY}/open-orders", limit="1")).data
        assert [row["orderId"] for row in rows] == [ids[2]]


@pytest.mark.parametrize(
    ("times", "found"),
    [
        ({}, [2, 1, 0]),
        ({"startTime": START_MS + 1_000}, [2, 1]),
        ({"endTime": START_MS + 1_000}, [1, 0]),
        ({"startTime": START_MS + 500, "endTime": START_MS + 1_500}, [1]),
        ({"startTime": str(START_MS + 2_000)}, [2]),
        ({"startTime": START_MS + 3_000}, []),
    ],
)
@pytest.mark.parametrize("path", ["open-orders", "history-orders", "trades"])
async def test_time_ranges_include_both_ends(path, times, found):
    """Three orders, a second apart: resting ones, or filled ones with a trade each."""
    async with serving() as exchange:
        price = "2000" if path == "open-orders" else "2501"
        ids = []
        for _ in range(3):
            ids.append(await exchange.buy(price, "0.1"))
            exchange.pass_ms(1_000)
        rows = (await exchange.post(f"{QUERY}/{path}", **times)).data
        assert [row["orderId"] for row in rows] == [ids[n] for n in found]


async def test_without_times_only_the_last_seven_days_are_shown():
    async with serving() as exchange:
        await exchange.buy("2000", "0.1")
        exchange.pass_ms(8 * 24 * 3600 * 1000)
        assert (await exchange.post(f"{QUERY}/open-orders")).data == []
        rows = (await exchange.post(f"{QUERY}/open-orders", startTime=START_MS)).data
        assert len(rows) == 1
        rows = (await exchange.post(f"{QUERY}/open-orders", endTime=START_MS + 1)).data
        assert len(rows) == 1


async def test_symbol_and_order_mode_narrow_lists():
    async with serving() as exchange:
        await exchange.buy("2000", "0.1")
        assert (
            len((await exchange.post(f"{QUERY}/open-orders", symbol="ETH_USDT", orderMode="spot")).data) == 1
        )
        assert (await exchange.post(f"{QUERY}/open-orders", symbol="BTC_USDT")).data == []
        assert (await exchange.post(f"{QUERY}/open-orders", orderMode="iso_margin")).data == []


async def test_an_order_cancelled_without_a_fill_is_shown_for_twenty_minutes():
    async with serving() as exchange:
        order_id = await exchange.buy("2000", "0.1")
        await exchange.post("/spot/v4/cancel_all")
        exchange.pass_ms(20 * 60_000)
        assert (await exchange.post(f"{QUERY}/order", orderId=order_id)).data["state"] == "canceled"
        exchange.pass_ms(1)
        assert (await exchange.post(f"{QUERY}/order", orderId=order_id)).code == 50005


async def test_a_resting_order_that_a_print_reaches_is_filled_as_maker():
    async with serving() as exchange:
        order_id = await exchange.buy("2500.00", "0.1", type="limit_maker")
        exchange.pass_ms(1)
        await exchange.market(trades(START_NS + 1_000_000, (SELL, 249990, 5000)))
        [trade] = (await exchange.post(f"{QUERY}/order-trades", orderId=order_id)).data
        assert (trade["tradeRole"], trade["price"], trade["size"]) == ("maker", "2500.00", "0.1000")


async def test_a_recv_window_of_the_client_is_honoured():
    async with serving() as exchange:
        late = START_MS - 30_000
        assert (await exchange.post(f"{QUERY}/trades", timestamp=late)).code == 30007
        assert (await exchange.post(f"{QUERY}/trades", timestamp=late, recvWindow=60_000)).code == 1000
        assert (await exchange.post(f"{QUERY}/trades", timestamp=late, recvWindow="60000")).code == 1000
        body = b'{"symbol": "ETH_USDT", "recvWindow": 1}'
        assert (await exchange.post("/spot/v2/submit_order", body, key=ALICE, timestamp=late)).code != 30007

"""The operator hears of orders that are too large: in the log once a minute, in status and `why` always."""

import logging

from rest_support import serving


async def test_a_large_order_is_logged_counted_and_explained(caplog):
    with caplog.at_level(logging.WARNING, logger="paper_bitmart.server.size_log"):
        async with serving() as exchange:
            await exchange.buy("100", "1")
            small = (await exchange.admin("GET", "/status")).data["orders_too_large"]
            order_id = await exchange.buy("100", "10")
            await exchange.buy("100", "10")
            await exchange.settle()
            status = (await exchange.admin("GET", "/status")).data
            why = (await exchange.admin("GET", f"/orders/{order_id}/why")).data
    assert small == {}
    assert status["orders_too_large"] == {"ETH_USDT": 2}
    assert len(why["warnings"]) == 1
    assert why["warnings"][0].startswith("10 ETH is 48 % of the 20.651 ETH that the best 10 levels show")
    assert [record.getMessage() for record in caplog.records] == [
        f"account alice, ETH_USDT order {order_id}: {why['warnings'][0]}"
    ]


async def test_after_a_minute_it_is_logged_again_and_a_closed_order_has_no_warning(caplog):
    with caplog.at_level(logging.WARNING, logger="paper_bitmart.server.size_log"):
        async with serving() as exchange:
            order_id = await exchange.buy("100", "10")
            exchange.pass_ms(60_000)
            await exchange.buy("100", "10")
            await exchange.settle()
            await exchange.post("/spot/v4/cancel_all")
            why = (await exchange.admin("GET", f"/orders/{order_id}/why")).data
    assert len(caplog.records) == 2
    assert (why["order"]["state"], why["warnings"]) == ("canceled", [])

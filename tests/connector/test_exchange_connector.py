"""The asyncio connector: events in Hummingbot's order, balances, cancels, restarts, bad networks."""

import os
from decimal import Decimal

import pytest
from exchange_bench import PAIR, D, Heard, running
from small_market import BOOK, START_NS, depth, trade

from paper_bitmart import connect
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.enums import OrderType as VenueType
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.connector.exchange.connector import CancellationResult
from paper_bitmart.connector.exchange.market_methods import NotConnected, UnknownTradingPair
from paper_bitmart.connector.exchange.trade_fee import (
    AddedToCostTradeFee,
    DeductedFromReturnsTradeFee,
    TokenAmount,
)
from paper_bitmart.connector.exchange.vocabulary import MarketEvent, NetworkStatus, OrderState, OrderType
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.matching.latency import LatencyProfile

LIMIT, LIMIT_MAKER, MARKET = OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.MARKET
PRINTED = (BOOK, trade(50, "sell", "100.00", "0.001"))
"""The book, and a print so that there is a last price."""


class TestEventOrder:
    @pytest.mark.parametrize(
        ("side", "amount", "order_type", "price", "expected"),
        [
            ("buy", "1", LIMIT, "100.02", ["BuyOrderCreated", "OrderFilled", "BuyOrderCompleted"]),
            ("sell", "1", LIMIT, "100.00", ["SellOrderCreated", "OrderFilled", "SellOrderCompleted"]),
            (
                "buy", "5", LIMIT, "100.03",
                ["BuyOrderCreated", "OrderFilled", "OrderFilled", "BuyOrderCompleted"],
            ),
            ("buy", "2", LIMIT, "100.02", ["BuyOrderCreated", "OrderFilled"]),
            ("buy", "1", LIMIT, "99.00", ["BuyOrderCreated"]),
            ("buy", "1", LIMIT_MAKER, "99.00", ["BuyOrderCreated"]),
            ("buy", "1", LIMIT_MAKER, "100.02", ["BuyOrderCreated", "OrderCancelled"]),
            ("sell", "1", LIMIT_MAKER, "100.00", ["SellOrderCreated", "OrderCancelled"]),
            ("buy", "0.5", MARKET, "NaN", ["BuyOrderCreated", "OrderFilled", "BuyOrderCompleted"]),
            ("sell", "0.5", MARKET, "NaN", ["SellOrderCreated", "OrderFilled", "SellOrderCompleted"]),
            ("buy", "0.0001", LIMIT, "100.00", ["OrderFailure"]),
            ("buy", "0.01", LIMIT, "100.00", ["OrderFailure"]),
            ("buy", "1000", LIMIT, "100.00", ["OrderFailure"]),
            ("sell", "10.001", LIMIT, "100.00", ["OrderFailure"]),
        ],
    )  # fmt: skip
    async def test_an_order_is_told_from_creation_to_its_end(
        self, tmp_path, side, amount, order_type, price, expected
    ):
        async with running(tmp_path, market=PRINTED) as exchange:
            await exchange.sleep(0.2)
            order_id = getattr(exchange, side)(PAIR, D(amount), order_type, D(price))
            await exchange.sleep(0.1)
            assert exchange.heard.of(order_id) == expected
            assert len(exchange.heard) == len(expected)

    async def test_fills_of_a_resting_order_come_as_the_market_trades(self, tmp_path):
        market = (BOOK, *(trade(at, "sell", "100.00", "1") for at in (500, 600, 700, 800)))
        async with running(tmp_path, market=market) as exchange:
            order_id = exchange.buy(PAIR, D("1.5"), LIMIT_MAKER, D("100.00"))
            await exchange.sleep(0.75)
            order = exchange.in_flight_orders[order_id]
            assert (order.current_state, order.executed_amount_base) == (OrderState.PARTIALLY_FILLED, 1)
            await exchange.sleep(1)
            assert exchange.heard.names == [
                "BuyOrderCreated", "OrderFilled", "OrderFilled", "BuyOrderCompleted",
            ]  # fmt: skip
            assert exchange.in_flight_orders == {}

    async def test_a_cancelled_rest_is_cancelled_whatever_was_filled(self, tmp_path):
        async with running(tmp_path) as exchange:
            order_id = exchange.buy(PAIR, D(2), LIMIT, D("100.02"))
            await exchange.sleep(0.1)
            assert exchange.cancel(PAIR, order_id) == order_id
            await exchange.sleep(0.1)
            assert exchange.heard.of(order_id) == ["BuyOrderCreated", "OrderFilled", "OrderCancelled"]

    async def test_a_cancel_right_behind_its_order_finds_it(self, tmp_path):
        async with running(tmp_path) as exchange:
            exchange.cancel(PAIR, exchange.buy(PAIR, D(1), LIMIT, D("99.00")))
            await exchange.sleep(0.1)
            assert exchange.heard.names == ["BuyOrderCreated", "OrderCancelled"]

    async def test_with_latency_nothing_is_told_before_the_answer_is_back(self, tmp_path):
        async with running(tmp_path, latency=LatencyProfile.constant(200_000_000)) as exchange:
            order_id = exchange.buy(PAIR, D(1), LIMIT, D("99.00"))
            await exchange.sleep(0.1)
            assert exchange.heard == []
            assert exchange.in_flight_orders[order_id].is_pending_create
            await exchange.sleep(0.4)
            assert exchange.heard.names == ["BuyOrderCreated"]


class TestEventFields:
    async def test_created_names_the_order_as_it_was_sent(self, tmp_path):
        async with running(tmp_path) as exchange:
            sent_s = exchange.current_timestamp
            order_id = exchange.buy(PAIR, D("1.23456"), LIMIT, D("99.009"))
            await exchange.sleep(0.1)
            event = exchange.heard.last("BuyOrderCreated")
        assert (event.type, event.trading_pair, event.order_id) == (LIMIT, PAIR, order_id)
        assert (event.amount, event.price) == (D("1.234"), D("99.00"))
        assert event.creation_timestamp == sent_s
        assert event.exchange_order_id.isdigit()

    @pytest.mark.parametrize(
        ("side", "price", "fee"),
        [("buy", "100.02", AddedToCostTradeFee), ("sell", "100.00", DeductedFromReturnsTradeFee)],
    )
    async def test_filled_carries_price_amount_and_the_fee_in_quote(self, tmp_path, side, price, fee):
        async with running(tmp_path, fees=FeeRates(1000, 2000)) as exchange:
            getattr(exchange, side)(PAIR, D(1), LIMIT, D(price))
            await exchange.sleep(0.1)
            event = exchange.heard.last("OrderFilled")
        assert (event.price, event.amount) == (D(price), 1)
        amount = D(price) * D("0.002")
        assert event.trade_fee == fee(D(0), "USDT", (TokenAmount("USDT", amount),))
        assert event.exchange_trade_id.isdigit()

    async def test_completed_sums_the_fills(self, tmp_path):
        async with running(tmp_path) as exchange:
            exchange.buy(PAIR, D(3), LIMIT, D("100.03"))
            await exchange.sleep(0.1)
            event = exchange.heard.last("BuyOrderCompleted")
        assert (event.base_asset, event.quote_asset) == ("BTC", "USDT")
        assert (event.base_asset_amount, event.quote_asset_amount) == (3, D("100.02") + 2 * D("100.03"))

    async def test_a_refusal_says_why(self, tmp_path):
        async with running(tmp_path) as exchange:
            exchange.sell(PAIR, D(11), LIMIT, D("100.00"))
            await exchange.sleep(0.1)
            event = exchange.heard.last("OrderFailure")
        assert event.error_type == "InsufficientBalance"
        assert event.error_message.startswith("needed 11 BTC, available 10 BTC")

    async def test_a_market_buy_spends_amount_times_last_price(self, tmp_path):
        async with running(tmp_path, market=PRINTED, fees=FeeRates(0, 0)) as exchange:
            await exchange.sleep(0.2)
            exchange.buy(PAIR, D("0.5"), MARKET)
            await exchange.sleep(0.1)
            event = exchange.heard.last("BuyOrderCompleted")
        assert D("49.9") < event.quote_asset_amount <= D("0.5") * D("100.00")

    async def test_a_market_order_needs_a_last_price(self, tmp_path):
        async with running(tmp_path, market=(BOOK,)) as exchange:
            exchange.buy(PAIR, D("0.5"), MARKET)
            await exchange.sleep(0.1)
            assert "no last price" in exchange.heard.last("OrderFailure").error_message


class TestBadInput:
    async def test_an_unknown_pair_is_named_with_the_known_ones_and_nothing_is_sent(self, tmp_path):
        async with running(tmp_path) as exchange:
            with pytest.raises(UnknownTradingPair, match="'DOGE-USDT' is not among BTC-USDT"):
                exchange.buy("DOGE-USDT", D(1), LIMIT, D(1))
            assert exchange.in_flight_orders == {}

    @pytest.mark.parametrize(("amount", "price", "field"), [(1.0, D(1), "amount"), (D(1), 100.5, "price")])
    async def test_floats_are_refused(self, tmp_path, amount, price, field):
        async with running(tmp_path) as exchange:
            with pytest.raises(TypeError, match=f"{field}: must be a Decimal"):
                exchange.sell(PAIR, amount, LIMIT, price)
            assert exchange.in_flight_orders == {}

    async def test_other_wrong_types_are_named(self, tmp_path):
        async with running(tmp_path) as exchange:
            with pytest.raises(TypeError, match="order_type: must be an OrderType, not 'limit'"):
                exchange.buy(PAIR, D(1), "limit", D(1))
            with pytest.raises(
                TypeError, match=r"event_tag: must be such as MarketEvent\.OrderFilled, not 'fill'"
            ):
                exchange.add_listener("fill", print)
            with pytest.raises(TypeError, match="listener: must be a function of the event, not None"):
                exchange.add_listener(MarketEvent.OrderFilled, None)
            with pytest.raises(TypeError, match="seconds: must be a number, not str '5'"):
                await exchange.sleep("5")
            assert exchange.in_flight_orders == {}

    def test_an_order_before_connecting_says_how_to_connect(self):
        exchange = connect(speed=None)
        with pytest.raises(NotConnected, match=r"not connected: use `async with connect\(...\) as exchange`"):
            exchange.buy("BTC-USDT", D(1), LIMIT, D(1))
        assert exchange.in_flight_orders == {}

    async def test_a_limit_order_without_a_price_fails(self, tmp_path):
        async with running(tmp_path) as exchange:
            exchange.buy(PAIR, D(1), LIMIT)
            await exchange.sleep(0.1)
            assert exchange.heard.names == ["OrderFailure"]

    async def test_cancelling_an_unknown_order_changes_nothing(self, tmp_path):
        async with running(tmp_path) as exchange:
            assert exchange.cancel(PAIR, "nobody") == "nobody"
            await exchange.sleep(0.1)
            assert exchange.heard == []


class TestBalances:
    async def test_a_resting_order_freezes_its_money(self, tmp_path):
        async with running(tmp_path, fees=FeeRates(0, 0)) as exchange:
            exchange.buy(PAIR, D(2), LIMIT, D("99.00"))
            await exchange.sleep(0.1)
            assert exchange.get_balance("USDT") == 10_000
            assert exchange.get_available_balance("USDT") == 9_802
            assert exchange.available_balances == {"USDT": 9_802, "BTC": 10}

    async def test_a_listener_to_a_fill_sees_the_money_that_it_moved(self, tmp_path):
        async with running(tmp_path, fees=FeeRates(0, 0)) as exchange:
            seen = []
            exchange.add_listener(
                MarketEvent.OrderFilled, lambda event: seen.append(exchange.get_all_balances())
            )
            exchange.buy(PAIR, D(1), LIMIT, D("100.02"))
            await exchange.sleep(0.1)
            assert seen == [{"USDT": D("9899.98"), "BTC": 11}]

    @pytest.mark.parametrize("amount", ["5", "10", "12.5"])
    async def test_set_balance_deposits_or_withdraws_the_difference(self, tmp_path, amount):
        async with running(tmp_path) as exchange:
            await exchange.set_balance("BTC", D(amount))
            assert exchange.get_balance("BTC") == D(amount)

    async def test_an_unknown_currency_is_zero(self, tmp_path):
        async with running(tmp_path) as exchange:
            assert (exchange.get_balance("XYZ"), exchange.get_available_balance("XYZ")) == (0, 0)

    async def test_fees_are_the_accounts_rates(self, tmp_path):
        async with running(tmp_path, fees=FeeRates(1000, 2500)) as exchange:
            maker = exchange.get_fee("BTC", "USDT", LIMIT_MAKER, None, D(1))
            taker = exchange.get_fee("BTC", "USDT", LIMIT, None, D(1))
        assert (maker.percent, taker.percent) == (D("0.001"), D("0.0025"))


class TestCancelAll:
    async def test_every_open_order_is_cancelled_and_named(self, tmp_path):
        async with running(tmp_path) as exchange:
            ids = [exchange.buy(PAIR, D(1), LIMIT, D(price)) for price in ("97", "98", "99")]
            await exchange.sleep(0.1)
            assert await exchange.cancel_all(5) == [CancellationResult(order_id, True) for order_id in ids]
            assert exchange.in_flight_orders == {}

    async def test_it_waits_for_answers_that_travel(self, tmp_path):
        async with running(tmp_path, latency=LatencyProfile.constant(50_000_000)) as exchange:
            order_id = exchange.buy(PAIR, D(1), LIMIT, D("99"))
            await exchange.sleep(0.2)
            assert await exchange.cancel_all(5) == [CancellationResult(order_id, True)]

    async def test_with_nothing_open_there_is_nothing_to_report(self, tmp_path):
        async with running(tmp_path) as exchange:
            assert await exchange.cancel_all(5) == []

    async def test_an_order_that_is_gone_is_no_success(self, tmp_path):
        async with running(tmp_path) as exchange:
            order_id = exchange.buy(PAIR, D(1), LIMIT, D("99"))
            await exchange.sleep(0.1)
            await exchange.session.cancel_all("default")
            order = exchange.order_tracker.cached_orders[order_id]
            exchange.order_tracker.start_tracking_order(order)
            order.current_state = OrderState.OPEN
            assert await exchange.cancel_all(5) == [CancellationResult(order_id, False)]


class TestRestart:
    async def first_run(self, folder, market):
        async with running(folder, market=market, state=folder / "state") as exchange:
            exchange.buy(PAIR, D(3), LIMIT_MAKER, D("100.00"))
            await exchange.sleep(1.05)
            return exchange.tracking_states

    async def test_what_happened_meanwhile_is_told_after_the_restore(self, tmp_path):
        market = (BOOK, trade(1_000, "sell", "100.00", "2.5"))
        saved = await self.first_run(tmp_path, market)
        [order_id] = saved
        assert saved[order_id]["executed_amount_base"] == "0.500"
        later = (BOOK, trade(100, "sell", "99.98", "9"))
        async with running(tmp_path, market=later, state=tmp_path / "state") as between:
            await between.sleep(0.5)
            assert between.heard == []
        async with running(tmp_path, market=(BOOK,), state=tmp_path / "state") as exchange:
            exchange.restore_tracking_states(saved)
            assert exchange.heard.names == ["OrderFilled", "BuyOrderCompleted"]
            assert exchange.heard.last("OrderFilled").amount == D("2.5")
            assert exchange.get_balance("BTC") == 13

    async def test_an_open_order_is_followed_on(self, tmp_path):
        saved = await self.first_run(tmp_path, (BOOK,))
        async with running(tmp_path, market=(BOOK,), state=tmp_path / "state") as exchange:
            exchange.restore_tracking_states(saved)
            [order_id] = exchange.in_flight_orders
            assert exchange.heard == []
            assert await exchange.cancel_all(5) == [CancellationResult(order_id, True)]
            assert exchange.heard.names == ["OrderCancelled"]

    async def test_states_may_be_restored_before_the_start(self, tmp_path):
        saved = await self.first_run(tmp_path, (BOOK,))
        async with running(
            tmp_path, market=(BOOK, trade(100, "sell", "99.98", "9")), state=tmp_path / "state"
        ):
            pass
        async with running(tmp_path, market=(BOOK,), state=tmp_path / "state", restore=saved) as exchange:
            assert set(exchange.in_flight_orders) == set(saved)
            await exchange.cancel_all(5)
            assert exchange.heard.names == ["OrderCancelled"]

    async def test_an_order_that_the_exchange_does_not_know_is_lost(self, tmp_path):
        saved = await self.first_run(tmp_path, (BOOK,))
        async with running(tmp_path, market=(BOOK,)) as exchange:
            exchange.restore_tracking_states(saved)
            assert exchange.heard.names == ["OrderFailure"]
            assert set(exchange.order_tracker.lost_orders) == set(saved)
            assert set(exchange.tracking_states) == set(saved)

    async def test_a_state_without_a_field_restores_nothing(self, tmp_path):
        async with running(tmp_path) as exchange:
            with pytest.raises(KeyError, match="client_order_id"):
                exchange.restore_tracking_states({"x": {}})
            assert exchange.in_flight_orders == {}


class TestNetwork:
    async def test_it_is_connected_and_ready_while_it_runs(self, tmp_path):
        async with running(tmp_path) as exchange:
            assert exchange.ready
            assert all(exchange.status_dict.values())
            assert await exchange.check_network() is NetworkStatus.CONNECTED
        assert not exchange.ready
        assert await exchange.check_network() is NetworkStatus.NOT_CONNECTED

    async def test_a_market_that_goes_away_and_comes_back(self, tmp_path):
        gone = (500, {"event": "paper/disconnected"})
        back = depth(1_500, bids=[("100.00", "2")], asks=[("100.02", "1")], version=9, kind="snapshot")
        async with running(tmp_path, market=(BOOK, gone, back)) as exchange:
            resting = exchange.buy(PAIR, D(1), LIMIT, D("99.00"))
            await exchange.sleep(1)
            assert not exchange.ready
            refused = exchange.buy(PAIR, D(1), LIMIT, D("99.00"))
            await exchange.sleep(0.3)
            assert exchange.heard.of(refused) == ["OrderFailure"]
            exchange.cancel(PAIR, resting)
            await exchange.sleep(0.3)
            assert exchange.ready
            accepted = exchange.buy(PAIR, D(1), LIMIT, D("99.00"))
            await exchange.sleep(0.1)
            assert exchange.heard.of(accepted) == ["BuyOrderCreated"]
            assert exchange.heard.of(resting) == ["BuyOrderCreated", "OrderCancelled"]

    async def test_an_order_after_the_end_fails(self, tmp_path):
        async with running(tmp_path) as exchange:
            await exchange.session.close()
            exchange.buy(PAIR, D(1), LIMIT, D("99.00"))
        assert exchange.heard.names == ["OrderFailure"]

    async def test_it_starts_once(self, tmp_path):
        async with running(tmp_path) as exchange:
            with pytest.raises(RuntimeError, match="starts once"):
                await exchange.start_network()


async def test_other_clients_orders_of_the_account_move_its_money_only(tmp_path):
    async with running(tmp_path, fees=FeeRates(0, 0)) as exchange:
        order = NewOrder(symbol="BTC_USDT", side=Side.BUY, type=VenueType.LIMIT, price=D("100.02"), size=D(1))
        await exchange.session.submit("default", order)
        assert exchange.heard == []
        assert exchange.get_balance("BTC") == 11


async def test_client_order_ids_rise_and_tell_side_and_pair(tmp_path):
    async with running(tmp_path) as exchange:
        ids = [exchange.buy(PAIR, D(1), LIMIT, D(1)) for _ in range(3)]
        assert sorted(set(ids)) == ids
        assert all(order_id.startswith("BBCUT") and len(order_id) <= 32 for order_id in ids)
        assert exchange.sell(PAIR, D(1), LIMIT, D(1)).startswith("SBCUT")


async def test_timestamps_are_market_time(tmp_path):
    async with running(tmp_path) as exchange:
        before_s = exchange.current_timestamp
        await exchange.sleep(1)
        assert exchange.current_timestamp == pytest.approx(before_s + 1)
        assert exchange.current_timestamp == pytest.approx(START_NS / 1e9, abs=2)


async def test_equal_programs_have_equal_outcomes(tmp_path):
    async def program():
        async with running(tmp_path) as exchange:
            for _ in range(3):
                exchange.buy(PAIR, D("0.4"), LIMIT_MAKER, D("100.00"))
                await exchange.sleep(0.7)
            return exchange.heard

    assert await program() == await program()


async def test_after_ten_minutes_of_market_making_all_books_agree_to_the_last_digit():
    """Ledger, connector balances and the sum of the fills; PAPER_BITMART_EXAMPLES=6 makes it an hour."""
    minutes = int(10 * float(os.environ.get("PAPER_BITMART_EXAMPLES", "1")))
    money = {"USDT": Decimal(10_000), "BTC": Decimal(1)}
    heard = Heard()
    async with connect(trading_pairs=[PAIR], balances=money, speed=None) as exchange:
        heard.listen(exchange)
        for _ in range(minutes * 12):
            await exchange.cancel_all(10)
            mid = exchange.get_mid_price(PAIR)
            exchange.buy(PAIR, D("0.01"), LIMIT_MAKER, mid - D("0.02"))
            exchange.sell(PAIR, D("0.01"), LIMIT_MAKER, mid + D("0.02"))
            await exchange.sleep(5)
        await exchange.cancel_all(10)
        await exchange.sleep(0.1)
        fills = [event for name, event in heard if name == "OrderFilled"]
        assert len(fills) > minutes
        for fill in fills:
            sign = 1 if fill.trade_type.name == "BUY" else -1
            money["BTC"] += sign * fill.amount
            money["USDT"] -= sign * fill.amount * fill.price + fill.trade_fee.flat_fees[0].amount
        venue = exchange.session.venue
        venue.check()
        ledger = {asset: from_atoms(one.total_atoms) for asset, one in venue.balances("default").items()}
        assert exchange.get_all_balances() == ledger == money
        assert exchange.available_balances == money

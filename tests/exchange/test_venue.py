"""The life of orders, in the events that a client sees and the money behind them."""

from decimal import Decimal

import pytest
from venue_bench import (
    ALICE,
    COIN,
    RATES,
    START_NS,
    SYMBOL,
    Bench,
    feed,
    names,
    new_order,
    print_at,
    rows,
    rules_of,
    whole_book,
)

from paper_bitmart.bitmart.enums import CancelSource, OrderState, Role, Side, StpMode
from paper_bitmart.bitmart.errors import BitmartError, InsufficientBalance
from paper_bitmart.exchange.fees import NO_FEES
from paper_bitmart.exchange.lifecycle import VenueInconsistent
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import ClockWentBack, MarketBatch, Venue
from paper_bitmart.feed.events import FeedState, Flag, Kind
from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.reports import Evidence

RICH = 100_000 * COIN


@pytest.fixture
def bench():
    return Bench()


def refused_code(call, *args, **kwargs):
    with pytest.raises(BitmartError) as refused:
        call(*args, **kwargs)
    return refused.value.code


# --- holds ---


def test_a_limit_buy_freezes_its_notional_and_the_higher_fee(bench):
    bench.place("buy", "limit", price="99", size="10")
    assert bench.frozen("USDT") == 990 * COIN + 990 * COIN * 2000 // 10**6
    assert bench.available("USDT") == RICH - bench.frozen("USDT")


def test_a_sell_freezes_its_size(bench):
    bench.place("sell", "limit", price="101", size="10")
    assert bench.frozen("BTC") == 10 * COIN


def test_a_cancel_frees_everything(bench):
    order = bench.order(bench.place("buy", "limit", price="99", size="10"))
    events = bench.venue.cancel(ALICE, order_id=order.order_id, at_ns=bench.tick())
    assert names(events) == ["OrderCanceled", "USDT release"]
    assert (bench.available("USDT"), bench.frozen("USDT")) == (RICH, 0)
    assert events[0].order.state is OrderState.CANCELED
    assert events[0].order.cancel_source is CancelSource.USER


# --- fills ---


def test_a_crossing_buy_takes_level_by_level_and_pays_the_taker_fee(bench):
    events = bench.place("buy", "limit", price="100.02", size="5")
    assert names(events) == [
        "OrderAccepted",
        "USDT hold",
        *["OrderFilled", "USDT trade", "BTC trade"],
        *["OrderFilled", "USDT trade", "BTC trade"],
    ]
    fills = bench.venue.fills(ALICE)
    assert [(fill.price_ticks, fill.size_lots) for fill in fills] == [(10002, 2000), (10001, 3000)]
    assert {fill.role for fill in fills} == {Role.TAKER}
    spent = (300_03 + 200_04) * COIN // 100
    assert bench.venue.order(ALICE, order_id=fills[0].order_id).filled_notional_atoms == spent
    assert bench.available("USDT") == RICH - spent - spent * 2000 // 10**6
    assert bench.frozen("USDT") == 0
    assert bench.available("BTC") == RICH + 5 * COIN


def test_states_of_the_order_follow_each_event(bench):
    events = bench.place("buy", "limit", price="100.02", size="5")
    states = [event.order.state for event in events if hasattr(event, "order")]
    assert states == [OrderState.NEW, OrderState.PARTIALLY_FILLED, OrderState.FILLED]


def test_the_rest_of_a_crossing_order_rests_and_fills_as_maker(bench):
    order = bench.order(bench.place("buy", "limit", price="100.01", size="5"))
    assert order.state is OrderState.PARTIALLY_FILLED
    assert order.hold_atoms == bench.frozen("USDT") == 20002 * COIN // 100 * 1002 // 1000
    # Sellers print through the price: we were reached first.
    events = bench.trade(Side.SELL, 10000, 50_000)
    assert names(events) == ["OrderFilled", "USDT trade", "BTC trade"]
    fill = events[0].fill
    assert (fill.role, fill.price_ticks, fill.size_lots) == (Role.MAKER, 10001, 2000)
    assert fill.evidence is Evidence.PRINT_THROUGH
    assert fill.fee_atoms == 20002 * COIN // 100 // 1000
    assert bench.frozen("USDT") == 0
    bench.venue.check()


def test_a_sell_receives_notional_less_fee(bench):
    bench.place("sell", "ioc", price="99.99", size="1")
    assert bench.available("USDT") == RICH + 9999 * COIN // 100 * 998 // 1000
    assert bench.available("BTC") == RICH - COIN


def test_queue_ahead_at_entry_is_told_with_the_acceptance(bench):
    events = bench.place("buy", "limit", price="99.99", size="1")
    assert events[0].queue_ahead == 5000.0
    assert bench.venue.queue_ahead(events[0].order.order_id) == 5000.0
    assert bench.venue.explain(events[0].order.order_id).leaves_lots == 1000


def test_no_fees_means_no_fees():
    bench = Bench(settings=VenueSettings(fees=NO_FEES))
    bench.place("buy", "ioc", price="100.01", size="1")
    assert bench.available("USDT") == RICH - 10001 * COIN // 100
    assert bench.venue.fees_collected() == {"USDT": 0}


def test_open_orders_keep_the_fee_rates_of_their_acceptance(bench):
    order = bench.order(bench.place("buy", "limit", price="100.01", size="4"))
    bench.venue.set_fees(ALICE, SYMBOL, 900_000, 900_000, bench.tick())
    fill = bench.trade(Side.SELL, 9980, 50_000)[0].fill
    assert fill.order_id == order.order_id
    assert fill.fee_atoms == fill.notional_atoms * RATES.maker_ppm // 10**6
    assert bench.venue.fee_rates(ALICE, SYMBOL) == (900_000, 900_000)


# --- types ---


def test_a_crossing_post_only_order_is_accepted_and_cancelled_by_the_system(bench):
    events = bench.place("sell", "limit_maker", price="99.99", size="1")
    assert names(events) == ["OrderAccepted", "BTC hold", "OrderCanceled", "BTC release"]
    order = bench.order(events)
    assert (order.state, order.cancel_source) == (OrderState.CANCELED, CancelSource.SYSTEM)


def test_an_ioc_takes_what_it_can_and_cancels_the_rest(bench):
    order = bench.order(bench.place("buy", "ioc", price="100.01", size="5"))
    assert (order.state, order.filled_lots) == (OrderState.PARTIALLY_CANCELED, 3000)
    assert order.cancel_source is CancelSource.SYSTEM
    assert bench.frozen("USDT") == 0


def test_an_ioc_without_a_match_is_cancelled_without_a_fill(bench):
    order = bench.order(bench.place("buy", "ioc", price="99.99", size="5"))
    assert (order.state, order.filled_lots) == (OrderState.CANCELED, 0)


def test_a_market_buy_reserves_its_fee_and_ends_partially_canceled(bench):
    events = bench.place("buy", "market", notional="100")
    order = bench.order(events)
    assert order.notional_atoms == 99_800 * COIN // 1000
    assert order.state is OrderState.PARTIALLY_CANCELED
    assert order.filled_lots == 997  # 998 lots would cost 99.80998
    assert names(events)[-2:] == ["OrderCanceled", "USDT release"]
    spent = order.filled_notional_atoms + order.fee_atoms
    assert bench.available("USDT") == RICH - spent
    bench.venue.check()


def test_a_market_buy_that_spends_everything_is_filled():
    bench = Bench(settings=VenueSettings(fees=NO_FEES))
    order = bench.order(bench.place("buy", "market", notional="100.01"))
    assert (order.state, order.filled_lots) == (OrderState.FILLED, 1000)
    assert order.cancel_source is CancelSource.NONE
    assert bench.frozen("USDT") == 0


def test_a_market_order_larger_than_the_book_is_cancelled_for_the_rest(bench):
    order = bench.order(bench.place("sell", "market", size="100"))
    assert (order.state, order.filled_lots) == (OrderState.PARTIALLY_CANCELED, 25_000)
    assert bench.frozen("BTC") == 0


def test_a_giant_market_buy_fits_the_cores_integers():
    bench = Bench()
    bench.venue.open_account("whale", None, bench.tick())
    order = bench.order(bench.place("buy", "market", account="whale", notional="999999999999999"))
    assert order.filled_lots == 12_000


# --- self-trade prevention ---


@pytest.mark.parametrize(
    ("mode", "resting_state", "incoming_state", "source"),
    [
        (StpMode.CANCEL_MAKER, OrderState.CANCELED, OrderState.NEW, CancelSource.STP),
        (StpMode.CANCEL_TAKER, OrderState.NEW, OrderState.CANCELED, CancelSource.STP),
        (StpMode.CANCEL_BOTH, OrderState.CANCELED, OrderState.CANCELED, CancelSource.STP),
        (StpMode.NONE, OrderState.FILLED, OrderState.FILLED, CancelSource.NONE),
    ],
)
def test_the_incoming_orders_mode_decides_a_self_trade(bench, mode, resting_state, incoming_state, source):
    resting = bench.order(bench.place("sell", "limit", price="100", size="1"))
    incoming = bench.order(bench.place("buy", "limit", price="100", size="1", stp_mode=mode))
    resting = bench.venue.order(ALICE, order_id=resting.order_id)
    assert (resting.state, incoming.state) == (resting_state, incoming_state)
    assert source in (resting.cancel_source, incoming.cancel_source)
    bench.venue.check()


# --- cancels ---


def test_cancel_refusals(bench):
    filled = bench.order(bench.place("buy", "ioc", price="100.01", size="1"))
    dead = bench.order(bench.place("buy", "ioc", price="99", size="1", client_order_id="dead"))
    cancel, at_ns = bench.venue.cancel, bench.tick()
    before = bench.fingerprint()
    assert refused_code(cancel, ALICE, at_ns=at_ns) == 50039
    assert refused_code(cancel, ALICE, client_order_id="", at_ns=at_ns) == 50039
    assert refused_code(cancel, ALICE, order_id=1, symbol="NO_PE", at_ns=at_ns) == 50001
    assert refused_code(cancel, ALICE, order_id=1, at_ns=at_ns) == 50005
    assert refused_code(cancel, ALICE, client_order_id="none", at_ns=at_ns) == 50005
    assert refused_code(cancel, ALICE, order_id=dead.order_id, at_ns=at_ns) == 50030
    assert refused_code(cancel, ALICE, client_order_id="dead", at_ns=at_ns) == 50030
    assert refused_code(cancel, ALICE, order_id=filled.order_id, at_ns=at_ns) == 50031
    assert refused_code(cancel, "nobody", order_id=filled.order_id, at_ns=at_ns) == 59001
    assert bench.fingerprint() == before


def test_an_account_cannot_see_or_cancel_anothers_order(bench):
    order = bench.order(bench.place("buy", "limit", price="99", size="1", client_order_id="mine"))
    bench.venue.open_account("bob", {}, bench.tick())
    assert refused_code(bench.venue.cancel, "bob", order_id=order.order_id, at_ns=bench.tick()) == 50005
    assert refused_code(bench.venue.cancel, "bob", client_order_id="mine", at_ns=bench.at_ns) == 50005
    assert refused_code(bench.venue.order, "bob", order_id=order.order_id) == 50005
    assert refused_code(bench.venue.fills, "bob", order_id=order.order_id) == 50005


def test_the_order_id_wins_over_the_client_order_id(bench):
    one = bench.order(bench.place("buy", "limit", price="99", size="1", client_order_id="one"))
    bench.place("buy", "limit", price="99", size="1", client_order_id="two")
    bench.venue.cancel(ALICE, order_id=one.order_id, client_order_id="two", at_ns=bench.tick())
    assert [order.client_order_id for order in bench.venue.open_orders(ALICE)] == ["two"]


def test_a_partly_filled_order_becomes_partially_canceled(bench):
    order = bench.order(bench.place("buy", "limit", price="100.01", size="5"))
    events = bench.venue.cancel(ALICE, client_order_id=str(order.order_id), at_ns=bench.tick())
    assert events[0].order.state is OrderState.PARTIALLY_CANCELED
    assert refused_code(bench.venue.cancel, ALICE, order_id=order.order_id, at_ns=bench.tick()) == 50030


def test_cancel_orders_tells_which_succeeded(bench):
    alive = [
        bench.order(bench.place("buy", "limit", price="99", size="1", client_order_id=f"c{i}"))
        for i in (1, 2)
    ]
    first = str(alive[0].order_id)
    result = bench.venue.cancel_orders(
        ALICE,
        order_ids=[first, first, "7", "x"],
        client_order_ids=["c2", "c9"],
        symbol=SYMBOL,
        at_ns=bench.tick(),
    )
    assert result.success_ids == [first, "c2"]
    assert result.fail_ids == [first, "7", "x", "c9"]
    assert names(result.events) == ["OrderCanceled", "USDT release"] * 2


@pytest.mark.parametrize(("ids", "code"), [([], 50039), (["1"] * 11, 50033)])
def test_cancel_orders_takes_one_to_ten_ids(bench, ids, code):
    assert refused_code(bench.venue.cancel_orders, ALICE, order_ids=ids, at_ns=bench.tick()) == code


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({}, []),
        ({"symbol": SYMBOL}, ["eb", "es"]),
        ({"side": Side.BUY}, ["bs", "es"]),
        ({"symbol": "ETH_USDT", "side": Side.SELL}, ["bb", "bs", "eb"]),
    ],
)
def test_cancel_all_by_symbol_and_side(filters, left):
    bench = Bench(rules_of(), rules_of("ETH_USDT"))
    for symbol in (SYMBOL, "ETH_USDT"):
        bench.place(
            "buy", "limit", price="99", size="1", symbol=symbol, client_order_id=f"{symbol[0].lower()}b"
        )
        bench.place(
            "sell", "limit", price="101", size="1", symbol=symbol, client_order_id=f"{symbol[0].lower()}s"
        )
    bench.venue.cancel_all(ALICE, at_ns=bench.tick(), **filters)
    assert sorted(order.client_order_id for order in bench.venue.open_orders(ALICE)) == left
    assert bench.venue.cancel_all(ALICE, symbol=SYMBOL, at_ns=bench.tick()) is not None


# --- batches ---


def test_a_batch_is_placed_whole(bench):
    orders = [
        new_order("buy", "limit", price="99", size="1"),
        new_order("sell", "limit", price="101", size="1"),
    ]
    events = bench.venue.submit_batch(ALICE, orders, bench.tick())
    assert names(events) == ["OrderAccepted", "USDT hold", "OrderAccepted", "BTC hold"]


@pytest.mark.parametrize("count", [0, 11])
def test_a_batch_has_one_to_ten_orders(bench, count):
    order = new_order("buy", "limit", price="99", size="1")
    assert refused_code(bench.venue.submit_batch, ALICE, [order] * count, bench.tick()) == 50033


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"price": "99", "size": "0.0001"}, 50006),
        ({"price": "99", "size": "1", "client_order_id": "same"}, 50042),
        ({"price": "99", "size": "999"}, 50020),  # alone it would be covered
    ],
)
def test_one_bad_order_refuses_the_whole_batch(bench, bad, code):
    good = new_order("buy", "limit", price="99", size="999", client_order_id="same")
    before = bench.fingerprint()
    assert (
        refused_code(bench.venue.submit_batch, ALICE, [good, new_order("buy", "limit", **bad)], bench.at_ns)
        == code
    )
    assert bench.fingerprint() == before


# --- accounts ---


def test_an_ample_account_has_plenty_of_every_asset_even_of_later_ones(bench):
    bench.venue.open_account("ample", None, bench.tick())
    assert set(bench.venue.balances("ample")) == {"BTC", "USDT"}
    bench.venue.add_symbol(rules_of("ETH_USDT"), bench.tick())
    balances = bench.venue.balances("ample")
    assert balances["ETH"].available_atoms == balances["USDT"].available_atoms == 10**33
    assert "ETH" not in bench.venue.balances(ALICE)
    bench.venue.check()


def test_deposits_and_withdrawals_are_events(bench):
    assert names(bench.venue.deposit(ALICE, "BTC", Decimal("0.5"), bench.tick())) == ["BTC deposit"]
    assert names(bench.venue.withdraw(ALICE, "BTC", Decimal("100000.5"), bench.tick())) == ["BTC withdraw"]
    assert bench.available("BTC") == 0


def test_money_refusals_change_nothing(bench):
    before = bench.fingerprint()
    at_ns = bench.tick()
    assert refused_code(bench.venue.deposit, ALICE, "DOGE", Decimal(1), at_ns) == 51000
    assert refused_code(bench.venue.deposit, ALICE, "BTC", Decimal(0), at_ns) == 50021
    assert refused_code(bench.venue.deposit, ALICE, "BTC", Decimal("1E-19"), at_ns) == 50021
    assert refused_code(bench.venue.deposit, "nobody", "BTC", Decimal(1), at_ns) == 59001
    assert refused_code(bench.venue.open_account, ALICE, {}, at_ns) == 50021
    assert refused_code(bench.venue.open_account, "", {}, at_ns) == 50021
    assert refused_code(bench.venue.open_account, "bob", {"DOGE": Decimal(1)}, at_ns) == 51000
    assert refused_code(bench.venue.set_fees, ALICE, "NO_PE", 1, 1, at_ns) == 50001
    with pytest.raises(InsufficientBalance, match="needed 100001 BTC, available 100000 BTC, frozen 0 BTC"):
        bench.venue.withdraw(ALICE, "BTC", Decimal(100_001), at_ns)
    with pytest.raises(ValueError, match="taker_ppm"):
        bench.venue.set_fees(ALICE, None, 0, -1, at_ns)
    assert bench.fingerprint() == before


def test_the_number_of_accounts_is_limited():
    bench = Bench(settings=VenueSettings(accounts_max=1))
    assert refused_code(bench.venue.open_account, "bob", {}, bench.tick()) == 51008


# --- time, feed, several symbols ---


def test_commands_must_not_go_back_in_time(bench):
    bench.place("buy", "limit", price="99", size="1")
    with pytest.raises(ClockWentBack, match=str(START_NS)):
        bench.venue.cancel_all(ALICE, at_ns=START_NS)


def test_feed_changes_are_events_and_nothing_fills_meanwhile(bench):
    bench.place("buy", "limit", price="99.99", size="1")
    events = bench.venue.market(SYMBOL, feed(bench.tick(), FeedState.STALE))[1]
    assert names(events) == ["feed STALE"]
    assert bench.venue.feed_state(SYMBOL) is FeedState.STALE
    assert bench.venue.market(SYMBOL, feed(bench.tick(), FeedState.STALE))[1] == []
    later = whole_book(bench.tick(), bids={9990: 100}, asks={9995: 100})
    # The market passed our bid while it was out of sight: filled at our own price.
    events = bench.venue.market(SYMBOL, later)[1]
    assert "feed LIVE" in names(events)
    assert [event.fill.price_ticks for event in events if hasattr(event, "fill")] == [9999]


def test_close_feeds_takes_every_symbol_out_of_service(bench):
    assert names(bench.venue.close_feeds(bench.tick())) == ["feed CLOSED"]
    assert bench.venue.close_feeds(bench.tick()) == []
    assert refused_code(bench.place, "buy", "limit", price="99", size="1") == 50022


def test_events_after_the_limit_wait_for_the_next_call(bench):
    bench.place("buy", "limit", price="99", size="1")
    late = rows(
        (bench.at_ns + 5, Kind.TRADE, 1, 9800, 9, Flag.LAST),
        (bench.at_ns + 9, Kind.TRADE, 1, 9800, 9, Flag.LAST),
    )
    end, first = bench.venue.market(SYMBOL, late, 0, bench.at_ns + 5)
    assert end == 1
    end, second = bench.venue.market(SYMBOL, late, end)
    assert end == 2
    assert [event.at_ns - bench.at_ns for event in first + second if hasattr(event, "fill")] == [5, 9]


def test_a_late_market_event_fills_at_the_command_that_overtook_it_not_before(bench):
    event_ns = bench.tick()
    order = bench.order(bench.place("buy", "limit", price="99", size="1"))
    assert order.created_ns > event_ns
    late = whole_book(event_ns, bids={9800: 100}, asks={9895: 100})
    events = bench.venue.market(SYMBOL, late)[1]
    [filled] = [event for event in events if hasattr(event, "fill")]
    assert (filled.fill.at_ns, filled.order.updated_ns) == (order.created_ns, order.created_ns)
    assert {event.at_ns for event in events} == {order.created_ns}


def test_an_unknown_symbol_has_no_market(bench):
    assert refused_code(bench.venue.market, "NO_PE", print_at(1, Side.BUY, 1, 1)) == 50001


def test_several_symbols_merge_into_one_stream_by_time():
    bench = Bench(rules_of(), rules_of("ETH_USDT"))
    for symbol in (SYMBOL, "ETH_USDT"):
        for _ in range(2):
            bench.place("buy", "limit", price="99", size="1", symbol=symbol)
    t = bench.at_ns
    sells = {
        SYMBOL: rows(
            (t + 2, Kind.TRADE, 1, 9800, 1000, Flag.LAST), (t + 4, Kind.TRADE, 1, 9800, 1000, Flag.LAST)
        ),
        "ETH_USDT": rows(
            (t + 1, Kind.TRADE, 1, 9800, 1000, Flag.LAST), (t + 4, Kind.TRADE, 1, 9800, 1000, Flag.LAST)
        ),
    }
    ends, events = bench.venue.market_all(
        {symbol: MarketBatch(one) for symbol, one in reversed(sells.items())}
    )
    assert ends == {SYMBOL: 2, "ETH_USDT": 2}
    fills = [event.fill for event in events if hasattr(event, "fill")]
    # Equal times and message numbers: the order of the rules decides.
    assert [(fill.at_ns - t, fill.symbol) for fill in fills] == [
        (1, "ETH_USDT"),
        (2, SYMBOL),
        (4, SYMBOL),
        (4, "ETH_USDT"),
    ]
    assert [event.seq for event in events] == list(range(events[0].seq, events[0].seq + len(events)))


def test_the_journal_has_every_event_before_the_caller(bench):
    before = len(bench.journal.events)
    events = bench.place("buy", "limit", price="100.01", size="5")
    assert bench.journal.events[before:] == events
    assert [event.seq for event in bench.journal.events] == list(range(1, len(bench.journal.events) + 1))


# --- defects ---


class ForgetfulMatcher(Matcher):
    """Loses every order."""

    def cancel(self, order_id, at_ns):
        return -1


def test_a_core_that_disagrees_about_an_order_is_found_out():
    bench = Bench(matchers=ForgetfulMatcher)
    bench.place("buy", "limit", price="99", size="1")
    with pytest.raises(VenueInconsistent, match="1000 lots left, the core says -1"):
        bench.venue.cancel_all(ALICE, at_ns=bench.tick())


def test_a_symbol_is_listed_once(bench):
    with pytest.raises(ValueError, match="BTC_USDT is listed already"):
        bench.venue.add_symbol(rules_of(), bench.tick())


def test_a_venue_without_a_journal_works_alike():
    venue = Venue({SYMBOL: rules_of()})
    assert names(venue.open_account(ALICE, {"USDT": Decimal(1)}, 1)) == ["AccountOpened", "USDT deposit"]

"""What is remembered, for how long, and in which order it comes back."""

from decimal import Decimal

import pytest
from venue_bench import ALICE, RATES, SYMBOL, Bench, new_order, rules_of

from paper_bitmart.bitmart.enums import OrderState, Side
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.settings import NS_PER_MINUTE, VenueSettings


@pytest.fixture
def bench():
    return Bench(rules_of(), rules_of("ETH_USDT"))


def missing(bench, **ids):
    with pytest.raises(BitmartError) as refused:
        bench.venue.order(ALICE, **ids)
    return refused.value.code


def client_ids(orders):
    return [order.client_order_id for order in orders]


def test_an_order_is_found_by_either_id(bench):
    named = bench.order(bench.place("buy", "limit", price="99", size="1", client_order_id="Named1"))
    bare = bench.order(bench.place("buy", "limit", price="99", size="1"))
    assert bench.venue.order(ALICE, client_order_id="Named1") == named
    assert bench.venue.order(ALICE, client_order_id=str(bare.order_id)) == bare
    assert missing(bench, client_order_id="named1") == 50005
    assert missing(bench, client_order_id=str(named.order_id)) == 50005
    assert missing(bench, order_id=1) == 50005


@pytest.mark.parametrize("text", ["9" * 18, "9" * 5000, "٣" * 18, "-1"])
def test_a_number_of_any_length_that_names_no_order_is_told_as_such(bench, text):
    assert missing(bench, client_order_id=text) == 50005
    assert bench.venue.cancel_orders(ALICE, order_ids=[text], at_ns=bench.tick()).fail_ids == [text]


def test_query_state_restricts_to_open_or_finished(bench):
    alive = bench.order(bench.place("buy", "limit", price="99", size="1"))
    done = bench.order(bench.place("buy", "ioc", price="100.01", size="1"))
    assert bench.venue.order(ALICE, order_id=alive.order_id, query_state="open") == alive
    assert bench.venue.order(ALICE, order_id=done.order_id, query_state="history") == done
    assert missing(bench, order_id=alive.order_id, query_state="history") == 50005
    assert missing(bench, order_id=done.order_id, query_state="open") == 50005
    assert missing(bench, order_id=done.order_id, query_state="closed") == 52003


def test_an_order_cancelled_unfilled_is_gone_from_single_queries_after_20_minutes(bench):
    unfilled = bench.order(bench.place("buy", "ioc", price="99", size="1", client_order_id="gone"))
    partly = bench.order(bench.place("buy", "ioc", price="100.01", size="5"))
    limit_ns = unfilled.updated_ns + 20 * NS_PER_MINUTE
    assert bench.venue.order(ALICE, order_id=unfilled.order_id, at_ns=limit_ns) == unfilled
    assert missing(bench, order_id=unfilled.order_id, at_ns=limit_ns + 1) == 50005
    assert missing(bench, client_order_id="gone", at_ns=limit_ns + 1) == 50005
    assert bench.venue.order(ALICE, order_id=partly.order_id, at_ns=10 * limit_ns) == partly
    assert unfilled in bench.venue.order_history(ALICE)


def test_lists_come_newest_first_by_update(bench):
    first = bench.order(bench.place("buy", "limit", price="100.01", size="5", client_order_id="first"))
    bench.place("buy", "limit", price="99", size="1", client_order_id="second")
    assert client_ids(bench.venue.open_orders(ALICE)) == ["second", "first"]
    bench.trade(Side.SELL, 10000, 500)
    assert bench.venue.order(ALICE, order_id=first.order_id).state is OrderState.PARTIALLY_FILLED
    assert client_ids(bench.venue.open_orders(ALICE)) == ["first", "second"]
    bench.venue.cancel(ALICE, client_order_id="first", at_ns=bench.tick())
    bench.venue.cancel(ALICE, client_order_id="second", at_ns=bench.tick())
    assert client_ids(bench.venue.order_history(ALICE)) == ["second", "first"]
    assert bench.venue.open_orders(ALICE) == []


def test_lists_filter_by_symbol_time_and_limit(bench):
    for number in range(4):
        symbol = SYMBOL if number % 2 else "ETH_USDT"
        bench.place("buy", "ioc", price="100.02", size="1", symbol=symbol, client_order_id=f"n{number}")
    done = bench.venue.order_history(ALICE)
    times_ms = [order.updated_ns // 10**6 for order in reversed(done)]
    assert client_ids(done) == ["n3", "n2", "n1", "n0"]
    for query in (bench.venue.order_history, bench.venue.fills):
        assert client_ids(query(ALICE, SYMBOL)) == ["n3", "n1"]
        assert client_ids(query(ALICE, limit=1)) == ["n3"]
        assert client_ids(query(ALICE, start_ms=times_ms[1], end_ms=times_ms[2])) == ["n2", "n1"]
        assert client_ids(query(ALICE, end_ms=times_ms[0])) == ["n0"]
        assert query(ALICE, start_ms=times_ms[3] + 1) == []


def test_fills_of_one_order(bench):
    swept = bench.order(bench.place("buy", "ioc", price="100.02", size="4"))
    untouched = bench.order(bench.place("buy", "limit", price="99", size="4"))
    fills = bench.venue.fills(ALICE, order_id=swept.order_id)
    assert [fill.price_ticks for fill in fills] == [10002, 10001]
    assert bench.venue.fills(ALICE, order_id=swept.order_id, limit=1) == fills[:1]
    assert bench.venue.fills(ALICE, order_id=untouched.order_id) == []


def test_the_oldest_closed_order_is_forgotten_and_its_client_id_free_again():
    bench = Bench(settings=VenueSettings(fees=RATES, closed_orders_max=2))
    for name in ("a", "b", "c"):
        bench.place("buy", "ioc", price="99", size="1", client_order_id=name)
    assert client_ids(bench.venue.order_history(ALICE)) == ["c", "b"]
    assert missing(bench, client_order_id="a") == 50005
    again = new_order("buy", "limit", price="99", size="1", client_order_id="a")
    assert bench.venue.submit(ALICE, again, bench.tick())
    assert bench.venue.order(ALICE, client_order_id="a").is_open


def test_an_open_order_is_never_forgotten():
    bench = Bench(settings=VenueSettings(fees=RATES, closed_orders_max=0))
    bench.place("buy", "limit", price="99", size="1", client_order_id="open")
    for _ in range(3):
        bench.place("buy", "ioc", price="100.01", size="0.1")
    assert bench.venue.order_history(ALICE) == []
    assert client_ids(bench.venue.open_orders(ALICE)) == ["open"]


def test_the_oldest_fills_are_forgotten():
    bench = Bench(settings=VenueSettings(fees=RATES, fills_max=2))
    bench.venue.open_account("bob", {"USDT": Decimal(1000)}, bench.tick())
    first = bench.order(bench.place("buy", "ioc", account="bob", price="100.01", size="0.1"))
    for _ in range(2):
        bench.place("buy", "ioc", price="100.01", size="0.1")
    assert bench.venue.fills("bob") == []
    assert bench.venue.fills("bob", order_id=first.order_id) == []
    assert len(bench.venue.fills(ALICE)) == 2


def test_limits_cannot_be_negative():
    with pytest.raises(ValueError, match="fills_max: -1"):
        VenueSettings(fills_max=-1)

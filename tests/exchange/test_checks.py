"""Refusals of new orders: which wins, what it says, and that it changes nothing."""

from decimal import Decimal

import pytest
from venue_bench import ALICE, Bench, feed, new_order, print_at, rules_of, whole_book

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.errors import BitmartError, InsufficientBalance
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.feed.events import FeedState

LIVE, DARK, HALTED = "BTC_USDT", "ETH_USDT", "XRP_USDT"


@pytest.fixture
def bench():
    """LIVE trades, DARK has no market yet, HALTED may not; `bob` has 6 USDT, `full` may open no more."""
    bench = Bench(
        rules_of(LIVE),
        rules_of(DARK),
        rules_of(HALTED, trade_status="pre-trade"),
        settings=VenueSettings(open_orders_per_account_max=1),
        live=False,
    )
    bench.venue.market(LIVE, whole_book(bench.at_ns))
    bench.venue.open_account("bob", {"USDT": Decimal(6)}, bench.tick())
    bench.venue.open_account("full", {"USDT": Decimal(1000)}, bench.tick())
    bench.place("buy", "limit", account="full", price="99", size="1", client_order_id="taken")
    return bench


def refusal_of(bench, account, order):
    """The refusal of `order`, after proving that it changed nothing."""
    before = bench.fingerprint()
    with pytest.raises(BitmartError) as refused:
        bench.venue.submit(account, order, bench.at_ns)
    assert bench.fingerprint() == before
    return refused.value


# Each row repairs the fault that the row before was refused for; all later faults are still there.
LADDER = [
    (59001, {}),
    (50028, {"account": "full"}),
    (50001, {"symbol": "NO_PE"}),
    (50040, {"symbol": HALTED}),
    (52001, {"symbol": DARK}),
    (52002, {"type": "limit"}),
    (50021, {"side": "buy"}),
    (50010, {"stp_mode": "cancel_maker"}),
    (50011, {"size": Decimal(-1)}),
    (50037, {"price": Decimal("0.009")}),
    (50038, {"client_order_id": "my-order"}),
    (50042, {"client_order_id": "taken"}),
    (50008, {"client_order_id": "fresh"}),
    (50025, {"price": Decimal(10) ** 20}),
    (51015, {"price": Decimal("0.019")}),
    (50006, {"size": Decimal("0.0019")}),
    (50007, {"size": Decimal("1000.001")}),
    (51011, {"size": Decimal(300)}),  # cut to 0.01 * 300 = 3
    (50022, {"price": Decimal(100)}),
    (51008, {"symbol": LIVE}),
    (50020, {"account": "bob"}),
]


@pytest.mark.parametrize("rung", range(len(LADDER)), ids=[str(code) for code, _ in LADDER])
def test_refusals_win_in_this_order(bench, rung):
    fields = {
        "account": "nobody",
        "symbol": "",
        "type": "fok",
        "side": "hold",
        "stp_mode": "maybe",
        "client_order_id": "x" * 33,
    }
    for _, repair in LADDER[: rung + 1]:
        fields |= repair
    account, side, order_type = fields.pop("account"), fields.pop("side"), fields.pop("type")
    assert refusal_of(bench, account, new_order(side, order_type, **fields)).code == LADDER[rung][0]


def test_the_top_of_the_ladder_is_an_accepted_order(bench):
    assert bench.place("buy", "limit", account="bob", price="100", size="0.05", client_order_id="fresh")


# (code, field, message, order) for what the ladder cannot reach
OTHERS = [
    (50012, "notional", "RequestParam notional is required", ("buy", "market", {})),
    (50021, "notional", "Invalid notional", ("buy", "market", {"size": "1"})),
    (50010, "size", "RequestParam size is required", ("sell", "market", {"notional": "10"})),
    (50010, "size", "RequestParam size is required", ("sell", "ioc", {"price": "1"})),
    (50011, "price", "RequestParam price is required", ("buy", "limit_maker", {"size": "1"})),
    (50008, "price", "Minimum price is 0.01", ("buy", "limit", {"size": "1", "price": "-5"})),
    (50006, "size", "Minimum size is 0.002", ("sell", "market", {"size": "0.001"})),
    (50007, "size", "Maximum size is 1000.000", ("sell", "market", {"size": "1001"})),
    (50007, "size", "Maximum size is 1000.000", ("sell", "market", {"size": "1E+40"})),
    (51015, "size", "Quantity is too small", ("sell", "market", {"size": "0"})),
    (
        51011,
        "size",
        "param not match : size * price >=5",
        ("sell", "limit", {"size": "0.049", "price": "100"}),
    ),
    (
        51011,
        "size",
        "param not match : size * price >=5",
        ("buy", "limit_maker", {"size": "0.002", "price": "9"}),
    ),
    (51012, "notional", None, ("buy", "market", {"notional": "4.99999999"})),
    (51012, "notional", None, ("buy", "market", {"notional": "-10"})),
    (50021, "notional", "Invalid notional", ("buy", "market", {"notional": "NaN"})),
    (50021, "notional", "Invalid notional", ("buy", "market", {"notional": "1E+61"})),
    (50021, "size", "Invalid size", ("sell", "market", {"size": "Infinity"})),
    (50021, "size", "Invalid size", ("sell", "limit", {"size": 1.5, "price": "1"})),
    (50021, "price", "Invalid price", ("buy", "ioc", {"size": "1", "price": "1E-999999"})),
    (50020, "", "Balance not enough", ("buy", "market", {"notional": "6.00000001"})),
    (50020, "", "Balance not enough", ("sell", "limit", {"size": "1", "price": "100"})),
]


@pytest.mark.parametrize(("code", "field", "message", "order"), OTHERS)
def test_a_refusal_names_field_and_rule(bench, code, field, message, order):
    side, order_type, fields = order
    refused = refusal_of(bench, "bob", new_order(side, order_type, **fields))
    assert (refused.code, refused.field) == (code, field)
    assert message in (None, refused.message)


def test_a_market_sell_is_valued_at_the_last_print(bench):
    bench.venue.open_account("carol", {"BTC": Decimal(1)}, bench.tick())
    small = new_order("sell", "market", size="0.049")
    bench.venue.market(LIVE, print_at(bench.tick(), Side.BUY, 10001, 1))
    assert refusal_of(bench, "carol", small).code == 51014
    assert bench.place("sell", "market", account="carol", size="0.050")


def test_without_any_print_a_market_sell_cannot_be_valued_and_passes(bench):
    bench.venue.open_account("carol", {"BTC": Decimal(1)}, bench.tick())
    assert bench.place("sell", "market", account="carol", size="0.049")


def test_excess_decimals_are_cut_not_refused(bench):
    order = bench.order(bench.place("buy", "limit", account="bob", price="99.9999", size="0.0519"))
    assert (order.price_ticks, order.size_lots) == (9999, 51)


def test_what_the_type_does_not_use_is_ignored(bench):
    order = bench.order(bench.place("buy", "market", account="bob", notional="5.5", size="-1", price="-1"))
    assert (order.price_ticks, order.size_lots) == (0, 0)


def test_an_empty_client_order_id_is_none_at_all(bench):
    order = bench.order(
        bench.place("buy", "limit", account="bob", price="99", size="0.06", client_order_id="")
    )
    assert order.client_order_id == str(order.order_id)


def test_an_order_id_is_taken_as_client_order_id_too(bench):
    order = bench.venue.open_orders("full")[0]
    assert order.client_order_id == "taken"
    bench.venue.cancel("full", order_id=order.order_id, at_ns=bench.tick())
    own = bench.order(bench.place("buy", "limit", account="full", price="99", size="1"))
    bench.venue.cancel("full", order_id=own.order_id, at_ns=bench.tick())
    doubled = new_order("buy", "limit", price="99", size="1", client_order_id=str(own.order_id))
    assert refusal_of(bench, "full", doubled).code == 50042


def test_insufficient_balance_says_what_is_needed_and_what_is_there(bench):
    bench.place("buy", "limit", account="bob", price="50", size="0.1")
    refused = refusal_of(bench, "full", new_order("sell", "limit", price="100", size="1"))
    assert refused.code == 51008  # the account's limit of open orders comes first
    bench.venue.cancel_all("full", at_ns=bench.tick())
    refused = refusal_of(bench, "full", new_order("buy", "limit", price="100", size="10"))
    assert isinstance(refused, InsufficientBalance)
    assert str(refused) == "needed 1002.5 USDT, available 1000 USDT, frozen 0 USDT"


@pytest.mark.parametrize("state", [FeedState.SYNCING, FeedState.STALE, FeedState.CLOSED])
def test_no_new_order_while_the_market_is_not_known_but_cancels_work(state):
    bench = Bench()
    resting = bench.order(bench.place("buy", "limit", price="99", size="1"))
    bench.venue.market(LIVE, feed(bench.tick(), state))
    assert refusal_of(bench, ALICE, new_order("buy", "limit", price="99", size="1")).code == 50022
    assert bench.venue.cancel(ALICE, order_id=resting.order_id, at_ns=bench.tick())

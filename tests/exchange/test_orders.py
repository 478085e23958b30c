import pytest
from venue_bench import Bench, new_order

from paper_bitmart.bitmart.enums import CancelSource, OrderState


@pytest.fixture
def bench():
    return Bench()


def test_orders_are_snapshots_that_later_events_do_not_touch(bench):
    events = bench.place("buy", "limit", price="100.02", size="4")
    accepted = events[0].order
    assert (accepted.state, accepted.filled_lots, accepted.leaves_lots) == (OrderState.NEW, 0, 4000)
    assert accepted.hold_atoms > 0
    assert bench.order(events).state is OrderState.FILLED
    with pytest.raises(AttributeError):
        accepted.state = OrderState.FILLED


def test_leaves_and_filled_add_up_to_the_size_at_every_step(bench):
    events = bench.place("buy", "limit", price="100.02", size="4")
    steps = [event.order for event in events if hasattr(event, "order")]
    assert [(order.filled_lots, order.leaves_lots) for order in steps] == [(0, 4000), (3000, 1000), (4000, 0)]


def test_a_market_buy_counts_in_money_and_has_no_lots_left(bench):
    order = bench.order(bench.place("buy", "market", notional="100"))
    assert order.is_market_buy
    assert (order.size_lots, order.leaves_lots) == (0, 0)


def test_the_last_fill_is_on_the_order(bench):
    order = bench.order(bench.place("buy", "ioc", price="100.02", size="4"))
    assert order.last_fill == bench.venue.fills("alice")[0]
    assert order.fee_atoms == sum(fill.fee_atoms for fill in bench.venue.fills("alice"))


@pytest.mark.parametrize(
    ("filled", "state"), [("3", OrderState.PARTIALLY_CANCELED), ("0", OrderState.CANCELED)]
)
def test_a_cancelled_order_says_whether_it_was_filled_in_part(bench, filled, state):
    price = "100.01" if filled == "3" else "99"
    order = bench.order(bench.place("buy", "limit", price=price, size="4"))
    canceled = order.canceled(CancelSource.USER, order.updated_ns + 1)
    assert (canceled.state, canceled.hold_atoms, canceled.is_open) == (state, 0, False)
    assert canceled.updated_ns == order.updated_ns + 1


def test_what_a_client_sends_is_kept_as_it_is():
    order = new_order("hold", "fok", size="0.10")
    assert (order.side, order.type, str(order.size), order.price) == ("hold", "fok", "0.10", None)

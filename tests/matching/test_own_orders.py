"""Own orders: one FIFO per price, slots that are used again, arrays that grow."""

import random

from by_hand import ASK, BID, BUY, SELL, Desk, level, ns, trade
from state_checks import validate_state


def test_orders_at_a_price_fill_in_order_of_arrival():
    desk = Desk({100: 2}, {102: 3})
    for order_id in (1, 2, 3):
        desk.place(order_id, BUY, 100, 4)
    desk.reports()
    desk.send(trade(2, SELL, 100, 9))
    assert desk.fills() == [(1, 4), (2, 3)]


def test_an_order_cancelled_in_the_middle_leaves_the_fifo_whole():
    desk = Desk({100: 2}, {102: 3})
    for order_id in (1, 2, 3, 4):
        desk.place(order_id, BUY, 100, 4)
    assert desk.matcher.cancel(2, ns(2)) == 4
    assert desk.matcher.cancel(1, ns(2)) == 4
    validate_state(desk.matcher)
    desk.reports()
    desk.send(trade(3, SELL, 100, 7))
    assert desk.fills() == [(3, 4), (4, 1)]


def test_better_prices_fill_before_earlier_orders():
    desk = Desk({99: 1}, {105: 3})
    desk.place(1, BUY, 100, 2)
    desk.place(2, BUY, 102, 2)
    desk.place(3, BUY, 101, 2)
    desk.reports()
    desk.send(trade(2, SELL, 99, 5))
    assert desk.fills() == [(2, 2), (3, 2), (1, 1)]


def test_an_idle_level_is_forgotten_and_a_used_one_kept():
    desk = Desk({100: 2}, {102: 3})
    desk.place(1, BUY, 100, 4)
    desk.matcher.cancel(1, ns(2))
    validate_state(desk.matcher)
    assert desk.matcher._state.n_own.tolist() == [0, 0]
    desk.place(2, BUY, 102, 1)
    assert desk.matcher._state.n_own.tolist() == [0, 1]
    desk.send(level(3, ASK, 102, 0))
    assert desk.matcher._state.n_own.tolist() == [0, 0]


def test_thousands_of_orders_of_many_accounts_come_and_go():
    rng = random.Random(5)
    desk = Desk({1000: 5}, {3000: 5}, window_ticks=64)
    resting = {}
    for order_id in range(1, 3001):
        side, size = rng.randrange(2), rng.randrange(1, 9)
        price = rng.randrange(1000, 1900) if side == BID else rng.randrange(2100, 3000)
        desk.place(order_id, side, price, size, account=rng.randrange(200))
        resting[order_id] = size
        if rng.random() < 0.6:
            gone = rng.choice(list(resting))
            assert desk.matcher.cancel(gone, ns(2)) == resting.pop(gone)
    validate_state(desk.matcher)
    assert len(desk.reports()) == 3000
    desk.send(trade(3, SELL, 1, 10**9))
    desk.send(trade(4, BUY, 10**6, 10**9))
    assert dict(desk.fills()) == resting
    validate_state(desk.matcher)
    assert desk.matcher._state.n_own.tolist() == [0, 0]

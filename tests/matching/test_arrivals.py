"""Arrivals: what an order takes, whom it meets, what becomes of the rest."""

import pytest
from by_hand import BUY, IOC, LIMIT, LIMIT_MAKER, MARKET, SELL, Desk, level
from state_checks import validate_state

from paper_bitmart.matching.reports import CancelReason, Evidence, ReportKind

FILL, CANCEL, REST = ReportKind.FILL, ReportKind.CANCEL, ReportKind.REST


@pytest.mark.parametrize(
    ("order_type", "price", "size", "expected"),
    [
        (LIMIT, 101, 2, [(FILL, 101, 2)]),
        (LIMIT, 102, 9, [(FILL, 101, 3), (FILL, 102, 4), (REST, 102, 2)]),
        (LIMIT, 100, 9, [(REST, 100, 9)]),
        (LIMIT_MAKER, 100, 9, [(REST, 100, 9)]),
        (LIMIT_MAKER, 101, 9, [(CANCEL, 101, 9)]),
        (IOC, 101, 9, [(FILL, 101, 3), (CANCEL, 101, 6)]),
        (IOC, 100, 9, [(CANCEL, 100, 9)]),
        (IOC, 103, 7, [(FILL, 101, 3), (FILL, 102, 4)]),
        (MARKET, 0, 8, [(FILL, 101, 3), (FILL, 102, 4), (FILL, 105, 1)]),
        (MARKET, 0, 99, [(FILL, 101, 3), (FILL, 102, 4), (FILL, 105, 5), (CANCEL, 0, 87)]),
    ],
)
@pytest.mark.parametrize("side", [BUY, SELL])
def test_order_types(side, order_type, price, size, expected):
    """The same table for both sides: a sell meets the mirrored book, prices 200 - p."""
    bids, asks = {100: 7}, {101: 3, 102: 4, 105: 5}
    mirrored = [{200 - p: size for p, size in levels.items()} for levels in (asks, bids)]
    desk = Desk(*((bids, asks) if side == BUY else mirrored))

    def mirror(p):
        return p if side == BUY or p == 0 else 200 - p

    desk.place(1, side, mirror(price), size, order_type=order_type)
    assert [(r.kind, r.price, r.size) for r in desk.reports()] == [
        (kind, mirror(p), lots) for kind, p, lots in expected
    ]


@pytest.mark.parametrize(
    ("budget", "bought"),
    [
        (100, []),
        (101, [(101, 1)]),
        (303, [(101, 3)]),
        (404, [(101, 3)]),
        (405, [(101, 3), (102, 1)]),
        (10**6, [(101, 3), (102, 4), (105, 5)]),
    ],
)
def test_a_market_buy_spends_no_more_than_its_budget(budget, bought):
    desk = Desk({100: 7}, {101: 3, 102: 4, 105: 5})
    desk.place(1, BUY, 0, 0, order_type=MARKET, budget=budget)
    reports = desk.reports()
    assert [(r.price, r.size) for r in reports if r.kind == FILL] == bought
    assert reports[-1][:5] == (reports[-1].at_ns, 1, CANCEL, CancelReason.MARKET_REST, 0)


def test_prices_of_tiny_ticks_and_budgets_near_the_end_of_int64():
    price = 10**14
    desk = Desk({price - 1: 7}, {price: 90_000})
    desk.place(10**18, BUY, 0, 0, order_type=MARKET, budget=9 * 10**18)
    assert desk.fills() == [(10**18, 90_000)]


@pytest.mark.parametrize("count", [40, 120, 300])
def test_many_own_orders_between_others_lots_are_all_met_in_turn(count):
    """Three reports for each own order met: others ahead, both sides of the self-trade."""
    desk = Desk({99: 1}, {100: 1})
    for i in range(count):
        desk.send(level(2 * i, SELL, 100, i + 1))
        desk.place(i + 1, SELL, 100, 1, at_ms=2 * i + 1)
        desk.reports()  # so that the buffer has grown no further than this order needed
    desk.send(level(2 * count, SELL, 100, count))
    desk.place(count + 1, BUY, 100, 10 * count, order_type=IOC, at_ms=2 * count + 1)
    reports = desk.reports()
    validate_state(desk.matcher)
    taken = sum(r.size for r in reports if r.reason == Evidence.TOOK_LEVEL and r.kind == FILL)
    met = [r.counter_id for r in reports if r.reason == Evidence.SELF_TRADE and r.order_id == count + 1]
    assert (taken, met) == (count, list(range(1, count + 1)))


def test_what_the_account_used_is_not_ahead_of_its_own_order_any_more():
    desk = Desk({99: 1}, {100: 10})
    desk.place(1, SELL, 100, 2)
    desk.send(level(2, SELL, 100, 10), level(3, SELL, 100, 20))
    desk.place(2, BUY, 100, 4, order_type=IOC, at_ms=4)
    desk.place(3, BUY, 100, 10, order_type=IOC, at_ms=5)
    assert [(r.order_id, r.size, r.reason) for r in desk.reports() if r.kind == FILL] == [
        (2, 4, Evidence.TOOK_LEVEL),
        (3, 6, Evidence.TOOK_LEVEL),
        (3, 2, Evidence.SELF_TRADE),
        (1, 2, Evidence.SELF_TRADE),
        (3, 2, Evidence.TOOK_LEVEL),
    ]


def test_accounts_take_the_same_lots_and_do_not_meet():
    desk = Desk({99: 1}, {100: 3})
    desk.place(1, SELL, 100, 5, account=7)
    for account in range(5):
        desk.place(10 + account, BUY, 100, 9, order_type=IOC, account=account)
    assert desk.fills() == [(10 + account, 3) for account in range(5)]

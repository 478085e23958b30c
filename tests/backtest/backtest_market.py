"""Small markets and strategies for the tests of the backtest."""

import json
from decimal import Decimal

import numpy as np

from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.bitmart.rules import parse_rules
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from tests.small_market import DEMO, DEMO_RULES, RULES_ROW

MS = 10**6
START_NS = 1_700_000_000 * 10**9
RULES = parse_rules(json.dumps([RULES_ROW | {"min_buy_amount": "0.01", "min_sell_amount": "0.01"}]))[
    "BTC_USDT"
]
FUNDS = {"BTC": Decimal(100), "USDT": Decimal(100_000)}
LAST = Flag.LAST


def tape(*rows, rules=RULES, **settings):
    """(ms, kind, side, ticks, lots) after a book of 10000 x 5 | 10002 x 5, one message each."""
    book = [
        (0, Kind.SNAPSHOT_BEGIN, 0, 0, 0, Flag.SNAPSHOT),
        (0, Kind.LEVEL, 0, 10_000, 5, Flag.SNAPSHOT),
        (0, Kind.LEVEL, 1, 10_002, 5, Flag.SNAPSHOT),
        (0, Kind.SNAPSHOT_END, 0, 0, 0, Flag.SNAPSHOT),
        (0, Kind.FEED_STATE, 0, 0, FeedState.LIVE, LAST),
    ]
    rows = [*book, *((*row, LAST) for row in rows)]
    events = np.zeros(len(rows), EVENT_DTYPE)
    for i, (event, (at_ms, kind, side, ticks, lots, flags)) in enumerate(zip(events, rows, strict=True)):
        event["recv_ns"] = event["exch_ns"] = START_NS + round(at_ms * MS)
        event["kind"], event["side"], event["price_ticks"], event["size_lots"] = kind, side, ticks, lots
        event["flags"], event["seq"] = flags, i
    return ArrayTape(rules, events, **settings)


def trade(at_ms, side, ticks, lots):
    return at_ms, Kind.TRADE, side, ticks, lots


def level(at_ms, side, ticks, lots):
    return at_ms, Kind.LEVEL, side, ticks, lots


def quiet(at_ms):
    return at_ms, Kind.DEPTH_MARK, 0, 0, 0


def demo():
    return load_capture(DEMO, DEMO_RULES)


def ms(at_ns):
    """Market time since the start."""
    return (at_ns - START_NS) / MS


class Diary(Strategy):
    """Writes down every call as (ms, what, ...)."""

    def __init__(self):
        self.lines = []

    def note(self, desk, *what):
        self.lines.append((ms(desk.now_ns), *what))

    def on_fill(self, desk, ticket, fill):
        self.note(desk, "fill", ticket.client_order_id, fill.price_ticks, fill.size_lots)

    def on_order(self, desk, ticket):
        self.note(desk, "order", ticket.client_order_id, str(ticket.state))

    def on_refused(self, desk, ticket, error):
        self.note(desk, "refused", ticket.client_order_id, error.code)


class Quoter(Strategy):
    """Each 100 ms cancels and replaces a bid and an ask at the touch."""

    def __init__(self, lots=100):
        self.lots = lots

    def on_book(self, desk, symbol):
        desk.cancel_all(symbol)
        desk.buy(symbol, desk.best_bid(symbol), self.lots, OrderType.LIMIT_MAKER)
        desk.sell(symbol, desk.best_ask(symbol), self.lots, OrderType.LIMIT_MAKER)


def same(a, b):
    """Equal orders, fills, balances and counts."""
    return (
        np.array_equal(a.orders, b.orders)
        and np.array_equal(a.fills, b.fills)
        and (a.balances, a.refused, a.events) == (b.balances, b.refused, b.events)
    )

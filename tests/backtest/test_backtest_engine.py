import pytest

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.exchange.fees import NO_FEES
from paper_bitmart.matching.latency import LatencyProfile
from tests.backtest.backtest_market import (
    FUNDS,
    MS,
    START_NS,
    Diary,
    level,
    ms,
    quiet,
    tape,
    trade,
)

SYMBOL = "BTC_USDT"


class AtOnce(Diary):
    """Sends what it is given at the first wake-up."""

    def __init__(self, *orders):
        super().__init__()
        self.orders, self.is_done = orders, False

    def on_book(self, desk, symbol):
        if not self.is_done:
            self.is_done = True
            for order in self.orders:
                getattr(desk, order[0])(symbol, *order[1:])


def run(strategy, *rows, latency=None, **settings):
    data = {SYMBOL: tape(*rows, quiet(1_000))}
    return Backtest(data, strategy, latency=latency, balances=FUNDS, fees=NO_FEES, **settings).run()


def test_a_taker_hears_of_its_acceptance_and_then_of_its_fill():
    strategy = AtOnce(("buy", 10_002, 3))
    run(strategy)
    assert strategy.lines == [(100, "order", "s1", "open"), (100, "fill", "s1", 10_002, 3)]


def test_every_delay_is_felt_where_it_belongs():
    strategy = AtOnce(("buy", 10_002, 3))
    latency = LatencyProfile.constant(entry_ns=7 * MS, response_ns=11 * MS)
    results = run(strategy, latency=latency)
    assert [ms(at) for at in results.fills["at_ns"]] == [107]
    assert [line[0] for line in strategy.lines] == [118, 118]


def test_market_data_come_late_but_the_venue_matches_on_the_newest_book():
    class Look(Diary):
        def on_book(self, desk, symbol):
            self.note(desk, desk.best_ask(symbol))

    strategy = Look()
    data = {SYMBOL: tape(level(150, 1, 10_001, 2), quiet(400))}
    Backtest(data, strategy, latency=LatencyProfile.constant(market_data_ns=100 * MS)).run()
    assert strategy.lines == [(100, 10_002), (300, 10_001)]


def test_news_of_a_fill_wake_the_strategy_between_its_wake_ups():
    class Hedge(AtOnce):
        def on_fill(self, desk, ticket, fill):
            super().on_fill(desk, ticket, fill)
            if ticket.client_order_id == "s1":
                desk.market_sell(fill.symbol, fill.size_lots)

    strategy = Hedge(("buy", 10_000, 2))
    run(strategy, level(50, 0, 9_999, 9), trade(130, 1, 10_000, 7), trade(140, 1, 9_999, 9))
    assert strategy.lines == [
        (100, "order", "s1", "open"),
        (130, "fill", "s1", 10_000, 2),
        (130, "order", "s2", "open"),
        (130, "fill", "s2", 9_999, 2),
    ]


def test_a_cancel_that_loses_the_race_is_refused_and_the_fill_is_told_first():
    class TooLate(AtOnce):
        def on_order(self, desk, ticket):
            super().on_order(desk, ticket)
            desk.cancel(ticket)

    strategy = TooLate(("buy", 10_000, 2))
    latency = LatencyProfile.constant(entry_ns=MS, cancel_ns=50 * MS, response_ns=5 * MS)
    results = run(strategy, trade(140, 1, 10_000, 9), latency=latency)
    assert strategy.lines == [(106, "order", "s1", "open"), (145, "fill", "s1", 10_000, 2)]
    assert results.refused == 1


def test_what_the_venue_refuses_is_told_with_bitmarts_code():
    strategy = AtOnce(("buy", 10_000, 10**9))
    assert len(run(strategy).orders) == 0
    assert strategy.lines == [(100, "refused", "s1", 50020)]


def test_a_post_only_order_that_would_take_is_cancelled():
    strategy = AtOnce(("buy", 10_002, 1, OrderType.LIMIT_MAKER))
    run(strategy)
    assert strategy.lines == [(100, "order", "s1", "open"), (100, "order", "s1", "closed")]


def test_prints_are_told_once_and_before_the_book():
    class Watch(Diary):
        def on_trade(self, desk, one):
            self.note(desk, "trade", ms(one.at_ns), one.side, one.price_ticks, one.size_lots)

        def on_book(self, desk, symbol):
            self.note(desk, "book")

    strategy = Watch()
    run(strategy, trade(30, 0, 10_002, 1), trade(130, 1, 10_000, 2))
    assert strategy.lines == [
        (100, "trade", 30, 0, 10_002, 1), (100, "book"),
        (200, "trade", 130, 1, 10_000, 2), (200, "book"), (1000, "book"),
    ]  # fmt: skip


def test_timers_fire_in_the_order_in_which_they_were_set():
    class Timers(Diary):
        def on_start(self, desk):
            for at_ms, tag in ((50, "a"), (20, "b"), (50, "c")):
                desk.call_at(START_NS + at_ms * MS, tag)

        def on_timer(self, desk, tag):
            self.note(desk, tag)

        def on_stop(self, desk):
            self.note(desk, "stop")

    strategy = Timers()
    run(strategy)
    assert strategy.lines == [(20, "b"), (50, "a"), (50, "c"), (1000, "stop")]


def test_wake_every_0_wakes_at_every_message():
    class Every(Diary):
        wake_every_ns = 0

        def on_book(self, desk, symbol):
            self.note(desk, "book")

    strategy = Every()
    run(strategy, quiet(3), quiet(8))
    assert strategy.lines == [(0, "book"), (3, "book"), (8, "book"), (1000, "book")]


def test_positions_follow_the_news_and_balances_are_exact():
    strategy = AtOnce(("buy", 10_002, 3), ("sell", 10_000, 1))
    results = run(strategy)
    assert results.balances["main"] == {
        "BTC": (FUNDS["BTC"] + lots(2), 0),
        "USDT": (FUNDS["USDT"] - lots(3) * price(10_002) + lots(1) * price(10_000), 0),
    }


@pytest.mark.parametrize("first", ["alice", "bob"])
def test_accounts_do_not_see_each_other(first):
    names = {"alice": AtOnce(("buy", 10_002, 4)), "bob": AtOnce(("buy", 10_002, 4))}
    ordered = {name: names[name] for name in sorted(names, key=lambda name: name != first)}
    results = run(ordered)
    assert sorted(results.fills["size_lots"].tolist()) == [4, 4]


def lots(count):
    return tape().rules.size(count)


def price(ticks):
    return tape().rules.price(ticks)

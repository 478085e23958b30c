from pathlib import Path

import pytest
from feed_messages import FIXTURES, RULES, best, snapshot, trade, trades, update
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.feed import market_view
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.feed.mirror import Mirror

BIDS, ASKS = [(100, 7), (99, 5), (98, 1)], [(102, 3), (103, 9)]
DAY_MS = 86_400_000


class Viewer:
    def __init__(self):
        self.mirror = Mirror(RULES)
        self.view = MarketView(RULES)
        self.now_ns = 0

    def __call__(self, *messages) -> MarketView:
        for message in messages:
            self.now_ns += 1
            self.view.apply(self.mirror.receive(message, self.now_ns))
        return self.view


@pytest.fixture
def see():
    return Viewer()


def test_the_book_is_seen_best_first(see):
    view = see(snapshot(1, BIDS, ASKS), update(2, [(99, 0)], [(102, 8)]))
    assert view.depth(2) == ([(100, 7), (98, 1)], [(102, 8), (103, 9)])
    assert view.depth(9) == ([(100, 7), (98, 1)], [(102, 8), (103, 9)])
    assert view.depth(0) == ([], [])
    assert (view.best_bid(), view.best_ask(), view.state) == ((100, 7), (102, 8), FeedState.LIVE)


def test_the_version_rises_by_one_per_message_that_changed_the_book(see):
    assert see(snapshot(1, BIDS, ASKS)).version == 1
    assert see(update(2, [(99, 1), (98, 2)], [(102, 4)])).version == 2
    assert see(update(3), trades(trade(102, 1)), best((100, 1), (102, 1))).version == 2
    assert see(update(4, [(99, 3)])).version == 3


def test_best_prices_between_depth_messages_are_newer_than_the_book(see):
    view = see(snapshot(1, BIDS, ASKS), best((101, 2), (102, 1)))
    assert view.bbo == ((101, 2), (102, 1))
    assert view.best_bid() == (100, 7)
    assert see(update(2, [(100, 4)])).bbo == ((100, 4), (102, 3))


def test_trades_are_kept_newest_last_and_limited(see, monkeypatch):
    view = see(snapshot(1, BIDS, ASKS), trades(trade(102, 1, ms=5), trade(100, 2, "sell", ms=6)))
    assert [(t.exch_ns, t.side, t.price_ticks, t.size_lots) for t in view.trades] == [
        (5_000_000, 0, 102, 1), (6_000_000, 1, 100, 2)]  # fmt: skip
    see(*[trades(trade(102, 1))] * market_view.TRADES_MAX)
    assert len(view.trades) == market_view.TRADES_MAX


def test_a_resync_replaces_the_book_but_keeps_the_trades(see):
    view = see(snapshot(1, BIDS, ASKS), trades(trade(102, 1)), update(9))
    assert view.state is FeedState.SYNCING
    see(snapshot(9, [(50, 1)], [(51, 1)]))
    assert (view.state, view.depth(5), len(view.trades)) == (FeedState.LIVE, ([(50, 1)], [(51, 1)]), 1)


def test_before_the_first_event_there_is_nothing_to_see():
    view = MarketView(RULES)
    assert view.ticker() == (0, None, None, None, None, 0, 0, None, None)
    assert (view.depth(5), view.klines(60), view.state) == (([], []), [], FeedState.SYNCING)


def test_the_ticker_forgets_what_is_older_than_a_day(see):
    view = see(
        snapshot(1, BIDS, ASKS),
        trades(trade(500, 9, ms=1_000)),
        trades(trade(102, 1, ms=70_000)),
        trades(trade(104, 2, ms=DAY_MS + 65_000)),
    )
    assert view.ticker()[:7] == ((DAY_MS + 65_000) * 10**6, 104, 102, 104, 102, 3, 102 + 208)


PRINTS = st.lists(st.tuples(st.integers(0, 3 * 1_440), st.integers(1, 999), st.integers(1, 99)), max_size=40)


@given(PRINTS)
def test_the_ticker_is_what_the_prints_of_the_day_add_up_to(prints):
    see = Viewer()
    see(snapshot(1, BIDS, ASKS))
    prints.sort(key=lambda p: p[0])
    see(*[trades(trade(price, size, ms=minute * 60_000)) for minute, price, size in prints])
    # A minute counts as long as any part of it lies within the day.
    day = [p for p in prints if p[0] + 1 > prints[-1][0] - 1_440]
    ticker = see.view.ticker()
    assert (ticker.volume_lots, ticker.quote_volume) == (
        sum(s for _, _, s in day),
        sum(p * s for _, p, s in day),
    )
    assert ticker.open_ticks == (day[0][1] if day else None)
    assert ticker.high_ticks == max((p for _, p, _ in day), default=None)
    assert ticker.low_ticks == min((p for _, p, _ in day), default=None)
    assert ticker.last_ticks == (day[-1][1] if day else None)


def test_a_recording_s_view_ends_with_the_mirror_s_book():
    folder: Path = FIXTURES / "golden"
    market = load_capture(folder / "es_20s.jsonl.gz", folder / "es_symbols.json")
    view = MarketView(market.rules["ES_USDT"])
    view.apply(market.events["ES_USDT"])
    assert (len(view.bids), len(view.asks)) == (100, 100)
    assert view.best_bid() < view.best_ask()
    assert len(view.trades) == market.report.counters["ES_USDT"].trades
    assert sum(candle.volume_lots for candle in view.klines(1)) == view.ticker().volume_lots

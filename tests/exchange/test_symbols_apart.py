"""Matching symbols apart between two commands equals handing over every event in its turn."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from venue_bench import ALICE, START_NS, Bench, rows, rules_of

from paper_bitmart.exchange.venue import MarketBatch
from paper_bitmart.feed.events import Flag, Kind

SYMBOLS = ("BTC_USDT", "ETH_USDT", "XRP_USDT")
QUOTES = [("buy", "99.99"), ("buy", "99.95"), ("sell", "100.01"), ("sell", "100.04")]

prints = st.tuples(
    st.sampled_from(SYMBOLS),
    st.integers(0, 3),
    st.integers(0, 1),
    st.integers(9990, 10010),
    st.integers(1, 9000),
)


def resting_bench():
    """Four quotes on each symbol, the dearer ones second in the queue."""
    bench = Bench(*map(rules_of, SYMBOLS))
    for symbol in SYMBOLS:
        for side, price in QUOTES:
            bench.place(side, "limit", symbol=symbol, price=price, size="3")
    return bench


def one_by_one(bench, streams):
    turns = [
        (int(row["recv_ns"]), int(row["seq"]), SYMBOLS.index(symbol), place, symbol)
        for symbol, events in streams.items()
        for place, row in enumerate(events)
    ]
    events = []
    for *_, place, symbol in sorted(turns):
        events += bench.venue.market(symbol, streams[symbol][place : place + 1])[1]
    return events


@given(st.lists(prints, min_size=1, max_size=30))
def test_merged_reports_are_the_reports_of_one_stream(stories):
    at_ns = 10 * START_NS
    streams = {}
    for symbol in SYMBOLS:
        now_ns, own = at_ns, []
        for _, pause, side, price, lots in (story for story in stories if story[0] == symbol):
            now_ns += pause
            own.append((now_ns, Kind.TRADE, side, price, lots, Flag.LAST))
        if own:
            streams[symbol] = rows(*own)
    apart, together = resting_bench(), resting_bench()
    expected = one_by_one(together, streams)
    ends, events = apart.venue.market_all({symbol: MarketBatch(one) for symbol, one in streams.items()})
    assert events == expected
    assert ends == {symbol: len(one) for symbol, one in streams.items()}
    assert apart.venue.balances(ALICE) == together.venue.balances(ALICE)
    assert np.all(np.diff([event.at_ns for event in events]) >= 0)

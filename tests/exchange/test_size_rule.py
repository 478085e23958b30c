"""When an order is too large for its market: the thresholds, exactly."""

import pytest

from paper_bitmart.exchange.size_rule import (
    DISPLAYED_PERCENT_MAX,
    OBSERVED_NS_MIN,
    TRADED_PERCENT_MAX,
    TRADED_WINDOW_NS,
    MarketSize,
    too_large,
)

DEEP = 10**9


def test_the_thresholds_are_the_documented_ones():
    assert (DISPLAYED_PERCENT_MAX, TRADED_PERCENT_MAX) == (25, 10)
    assert (TRADED_WINDOW_NS, OBSERVED_NS_MIN) == (300 * 10**9, 60 * 10**9)


@pytest.mark.parametrize(("size", "measures"), [(250, []), (251, ["displayed"])])
def test_a_quarter_of_the_displayed_size_is_the_limit(size, measures):
    assert [one.measure for one in too_large(size, MarketSize(1_000, DEEP, TRADED_WINDOW_NS))] == measures


@pytest.mark.parametrize(("size", "measures"), [(100, []), (101, ["traded"])])
def test_a_tenth_of_five_minutes_of_trades_is_the_limit(size, measures):
    assert [one.measure for one in too_large(size, MarketSize(DEEP, 1_000, TRADED_WINDOW_NS))] == measures


def test_a_shorter_observation_is_scaled_and_less_than_a_minute_says_nothing():
    assert too_large(100, MarketSize(DEEP, 200, OBSERVED_NS_MIN)) == []
    assert [one.market_lots for one in too_large(101, MarketSize(DEEP, 200, OBSERVED_NS_MIN))] == [1_000]
    assert too_large(10**6, MarketSize(DEEP, 200, OBSERVED_NS_MIN - 1)) == []


def test_where_nothing_is_displayed_or_traded_any_size_is_too_large():
    faults = too_large(1, MarketSize(0, 0, TRADED_WINDOW_NS))
    assert [(one.measure, one.percent) for one in faults] == [
        ("displayed", float("inf")),
        ("traded", float("inf")),
    ]


def test_it_is_said_with_sizes_share_and_limit():
    displayed, traded = too_large(500, MarketSize(1_000, 1_000, TRADED_WINDOW_NS))
    assert displayed.sentence("0.5 BTC", "1 BTC").startswith(
        "0.5 BTC is 50 % of the 1 BTC that the best 10 levels show (limit 25 %): "
    )
    assert "50 % of the 1 BTC that trade in 5 minutes (limit 10 %)" in traded.sentence("0.5 BTC", "1 BTC")
    nothing = too_large(1, MarketSize(0, DEEP, TRADED_WINDOW_NS))[0]
    assert nothing.sentence("1 BTC", "0 BTC").startswith("1 BTC is beyond all of the 0 BTC that ")

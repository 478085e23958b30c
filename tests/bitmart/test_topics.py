"""Topics and symbol spellings, one text for one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart import topics
from paper_bitmart.bitmart.topics import (
    Topic,
    TopicError,
    kline_channel,
    parse_topic,
    symbol_of,
    trading_pair_of,
)


@pytest.mark.parametrize(
    ("text", "topic", "is_private", "symbol"),
    [
        ("spot/ticker:ETH_USDT", Topic("spot/ticker", "ETH_USDT"), False, "ETH_USDT"),
        ("spot/trade:ETH_USDT", Topic("spot/trade", "ETH_USDT"), False, "ETH_USDT"),
        ("spot/bookTicker:ETH_USDT", Topic("spot/bookTicker", "ETH_USDT"), False, "ETH_USDT"),
        ("spot/depth5:ETH_USDT", Topic("spot/depth5", "ETH_USDT"), False, "ETH_USDT"),
        ("spot/depth/increase100:BTC_USDT", Topic("spot/depth/increase100", "BTC_USDT"), False, "BTC_USDT"),
        ("spot/kline1M:BTC_USDT", Topic("spot/kline1M", "BTC_USDT"), False, "BTC_USDT"),
        ("spot/user/order:BTC_USDT", Topic("spot/user/order", "BTC_USDT"), True, "BTC_USDT"),
        ("spot/user/orders:ALL_SYMBOLS", Topic("spot/user/orders", "ALL_SYMBOLS"), True, None),
        ("spot/user/balance:BALANCE_UPDATE", Topic("spot/user/balance", "BALANCE_UPDATE"), True, None),
    ],
)
def test_a_topic_is_read_and_written_back(
    text: str, topic: Topic, is_private: bool, symbol: str | None
) -> None:
    parsed = parse_topic(text)
    assert parsed == topic
    assert str(parsed) == text
    assert (parsed.is_private, parsed.symbol) == (is_private, symbol)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 90004),
        ("ticker:BTC_USDT", 90004),
        ("spot/Ticker:BTC_USDT", 90004),
        ("spot/depth10:BTC_USDT", 90004),
        ("spot/kline7m:BTC_USDT", 90004),
        ("spot/user/orders:BTC_USDT", 90004),
        ("spot/user/balance", 90004),
        ("spot/ticker", 92001),
        ("spot/ticker:", 92001),
        ("spot/user/order:", 92001),
    ],
)
def test_a_topic_that_bitmart_does_not_have_is_refused_with_its_code(text: str, code: int) -> None:
    with pytest.raises(TopicError) as caught:
        parse_topic(text)
    assert caught.value.code == code


def test_a_refused_topic_is_shown_cut() -> None:
    with pytest.raises(TopicError) as caught:
        parse_topic("x" * 5000)
    assert len(str(caught.value)) < 200


@given(
    st.sampled_from(sorted(topics.PUBLIC_CHANNELS | {topics.USER_ORDER})), st.text(min_size=1, max_size=20)
)
def test_every_channel_takes_any_filter_and_keeps_it(channel: str, filter_text: str) -> None:
    assert parse_topic(f"{channel}:{filter_text}") == Topic(channel, filter_text)


def test_each_kline_interval_has_one_channel() -> None:
    for name, minutes in (topics.KLINE_STEPS | topics.LEGACY_KLINE_STEPS).items():
        assert kline_channel(minutes) == f"spot/kline{name}"
        assert Topic(f"spot/kline{name}", "BTC_USDT").kline_step_min == minutes
    assert Topic("spot/ticker", "BTC_USDT").kline_step_min is None
    with pytest.raises(ValueError, match="no candles of 7 minutes"):
        kline_channel(7)


def test_a_symbol_and_a_trading_pair_are_two_spellings_of_one_thing() -> None:
    assert symbol_of("BTC-USDT") == "BTC_USDT"
    assert trading_pair_of("BTC_USDT") == "BTC-USDT"


@pytest.mark.parametrize("bad", ["", "BTCUSDT", "BTC_", "_USDT", "A_B_C"])
def test_what_is_no_symbol_is_not_respelled(bad: str) -> None:
    with pytest.raises(ValueError, match="does not read"):
        trading_pair_of(bad)
    with pytest.raises(ValueError, match="does not read"):
        symbol_of(bad.replace("_", "-"))

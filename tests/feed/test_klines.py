from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.feed.klines import CANDLES_MAX, MINUTES_MAX, STEPS_MIN, Candle, Klines, open_of

AT = int(datetime(2024, 8, 9, 13, 47, 31, tzinfo=UTC).timestamp())  # a Friday


@pytest.mark.parametrize(
    ("step_min", "opens"),
    [
        (1, "2024-08-09 13:47"),
        (3, "2024-08-09 13:45"),
        (5, "2024-08-09 13:45"),
        (15, "2024-08-09 13:45"),
        (30, "2024-08-09 13:30"),
        (60, "2024-08-09 13:00"),
        (120, "2024-08-09 12:00"),
        (240, "2024-08-09 12:00"),
        (1440, "2024-08-09 00:00"),
        (10_080, "2024-08-05 00:00"),
        (43_200, "2024-08-01 00:00"),
    ],
)
def test_candles_open_on_their_step(step_min, opens):
    assert f"{datetime.fromtimestamp(open_of(AT, step_min), UTC):%Y-%m-%d %H:%M}" == opens


TRADES = st.lists(
    st.tuples(st.integers(0, 400_000), st.integers(1, 1_000), st.integers(1, 50)), min_size=1, max_size=60
)


@given(TRADES, st.sampled_from([step for step in STEPS_MIN if step != 43_200]))
def test_every_step_is_what_its_trades_add_up_to(trades, step_min):
    trades.sort(key=lambda trade: trade[0])
    klines = Klines()
    expected: dict[int, list[tuple[int, int]]] = {}
    for at_s, price, size in trades:
        klines.trade(at_s * 10**9, price, size)
        expected.setdefault(open_of(at_s, step_min), []).append((price, size))
    assert klines.last(step_min) == [
        Candle(
            open_s,
            prints[0][0],
            max(price for price, _ in prints),
            min(price for price, _ in prints),
            prints[-1][0],
            sum(size for _, size in prints),
            sum(price * size for price, size in prints),
        )
        for open_s, prints in sorted(expected.items())
    ]


def test_a_late_print_counts_into_the_running_minute():
    klines = Klines()
    for at_s, price in [(59, 10), (61, 11), (58, 5)]:
        klines.trade(at_s * 10**9, price, 1)
    assert [(candle.open_s, candle.low_ticks, candle.volume_lots) for candle in klines.last(1)] == [
        (0, 10, 1), (60, 5, 2)]  # fmt: skip


def test_candles_are_limited_and_the_newest_stay():
    klines = Klines()
    for minute in range(MINUTES_MAX + 100):
        klines.trade(minute * 60 * 10**9, 1, 1)
    assert len(klines.last(1, 10**6)) == MINUTES_MAX + 1
    assert klines.last(1)[-1].open_s == (MINUTES_MAX + 99) * 60
    assert len(klines.last(1)) == CANDLES_MAX
    assert klines.last(1, 0) == []


def test_what_was_handed_out_does_not_change_later():
    klines = Klines()
    klines.trade(0, 5, 1)
    before = klines.last(60)
    klines.trade(1, 9, 1)
    assert before[0].high_ticks == 5


def test_a_step_that_bitmart_lacks_is_refused():
    with pytest.raises(ValueError, match="no kline step of 7 minutes"):
        Klines().last(7)

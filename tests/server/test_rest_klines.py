import pytest
from rest_support import BUY, START_NS, serving, trades

MINUTE_NS = 60 * 10**9
FIRST_S = START_NS // MINUTE_NS * 60
PATHS = ["/spot/quotation/v3/klines", "/spot/quotation/v3/lite-klines"]


async def five_minutes(exchange):
    """One print a minute: candles at FIRST_S, +60, ... +240."""
    for minute in range(5):
        await exchange.market(trades(START_NS + minute * MINUTE_NS, (BUY, 250000 + minute, 10)))
        exchange.session.clock.advance(MINUTE_NS)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("params", "minutes"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"limit": 2}, [4, 3]),
        ({"limit": 500}, [4, 3, 2, 1, 0]),
        ({"before": 2}, [1, 0]),
        ({"before": 3, "limit": 1}, [2]),
        ({"after": 2}, [4, 3]),
        ({"after": 0, "limit": 2}, [2, 1]),
        ({"after": 0, "before": 4}, [3, 2, 1]),
        ({"after": 0, "before": 4, "limit": 2}, [3, 2]),
        ({"after": 4}, []),
    ],
)
async def test_the_modes_pick_candles_newest_first(path, params, minutes):
    """`before` and `after` are given in minutes here, and are exclusive."""
    async with serving() as exchange:
        await five_minutes(exchange)
        times = {name: FIRST_S + 60 * params[name] for name in ("before", "after") if name in params}
        query = {name: str(value) for name, value in (params | times).items()}
        rows = (await exchange.get(path, symbol="ETH_USDT", **query)).data
        assert [int(row[0]) for row in rows] == [FIRST_S + 60 * minute for minute in minutes]


async def test_a_candle_has_seven_texts_and_a_step_folds_minutes():
    async with serving() as exchange:
        await five_minutes(exchange)
        rows = (await exchange.get(PATHS[0], symbol="ETH_USDT", step="1440")).data
        assert len(rows) == 1
        day_s = FIRST_S // 86_400 * 86_400
        assert rows[0] == [str(day_s), "2500.00", "2500.04", "2500.00", "2500.04", "0.0050", "12.50010000"]


@pytest.mark.parametrize("step", [1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1440, 10080, 43200])
async def test_every_step_of_the_venue_is_answered(step):
    async with serving() as exchange:
        assert (await exchange.get(PATHS[0], symbol="ETH_USDT", step=str(step))).data == []

"""Markets of very different kinds, as settings of one order flow (flow.py). None is fitted to a record.

Rates are per second, for both sides together; prices in ticks, sizes in lots.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Regime:
    """How people trade in one market.

    Attributes:
        tick_digits: the tick is 10^-tick_digits of the quote currency.
        lot_digits: the lot is 10^-lot_digits of the base currency.
        mid: first mid price. spread: width that quoters aim at. volatility: of fair value, ticks / sqrt(s).
        limit_rate: new orders. depth: mean distance of a new order behind the aimed-at best price.
        levels, level_orders: the book before anybody came: levels a side, mean orders on each.
        sizes, weights: order sizes. noise: a size is multiplied by a log-normal number of this sigma.
        life_s, life_shape: an order's life is Lomax, hazard shape / (life_s + age): young orders leave first.
        stay: share of orders that wait far longer (twenty times).
        flee_rate: hazard of orders beyond fair value, and of thin touches (all of it when one order is left).
        shrink: share of cancels that take off only a part.
        market_rate: aggressors. informed: aggressors per second and tick of a quote beyond fair value.
        market_sizes, market_weights: aggressor sizes; exact: share that takes just the best level.
        sweep: share that takes several levels. follow: an aggressor brings so many more within 0.1 s.
        hidden_rate: new hidden orders, inside the spread or at the touch.
        flood_rate: floods; flood_orders: orders of one lot in each, gone within about flood_life_s.
    """

    name: str
    tick_digits: int = 2
    lot_digits: int = 0
    mid: int = 10_000
    spread: float = 1.0
    volatility: float = 0.3
    limit_rate: float = 20.0
    depth: float = 3.0
    levels: int = 110
    level_orders: float = 6.0
    sizes: tuple = (1, 2, 3, 5, 10)
    weights: tuple = (0.6, 0.15, 0.1, 0.1, 0.05)
    noise: float = 0.0
    life_s: float = 1.0
    life_shape: float = 0.9
    stay: float = 0.15
    flee_rate: float = 1.5
    shrink: float = 0.03
    market_rate: float = 0.8
    informed: float = 2.0
    market_sizes: tuple = (1, 2, 4, 8)
    market_weights: tuple = (0.65, 0.2, 0.1, 0.05)
    exact: float = 0.1
    sweep: float = 0.03
    follow: float = 0.6
    hidden_rate: float = 0.0
    flood_rate: float = 0.0
    flood_orders: int = 150
    flood_life_s: float = 0.15


FUTURE = Regime("future", limit_rate=30.0, depth=2.5, life_s=1.5, volatility=0.25, market_rate=0.7)
SHARE = Regime(
    "share", mid=58_000, spread=14.0, volatility=4.0, limit_rate=24.0, depth=7.0, level_orders=1.3,
    sizes=(100, 200, 50, 300, 25, 500), weights=(0.6, 0.1, 0.1, 0.06, 0.1, 0.04), life_s=0.6,
    flee_rate=0.4, market_rate=0.7, informed=0.15, market_sizes=(100, 50, 200, 300),
    market_weights=(0.5, 0.25, 0.15, 0.1),
    exact=0.3, sweep=0.05, hidden_rate=1.0,
)  # fmt: skip
CRYPTO = Regime(
    "crypto", mid=6_000_000, lot_digits=5, spread=2.0, volatility=60.0, limit_rate=40.0, depth=120.0,
    level_orders=1.2, sizes=(20, 200, 2_000, 20_000), weights=(0.4, 0.3, 0.2, 0.1), noise=1.0, life_s=0.5,
    life_shape=1.1, market_rate=1.5, informed=0.02, market_sizes=(20, 200, 2_000, 40_000),
    market_weights=(0.5, 0.3, 0.15, 0.05), exact=0.05, sweep=0.1, follow=1.0,
)  # fmt: skip
THIN = Regime(
    "thin", mid=2_500, spread=12.0, volatility=0.6, limit_rate=1.2, depth=12.0, levels=40, level_orders=0.7,
    sizes=(1, 3, 10, 40), weights=(0.3, 0.3, 0.3, 0.1), life_s=15.0, flee_rate=0.02, market_rate=0.017,
    informed=0.004, market_sizes=(1, 3, 12), market_weights=(0.5, 0.3, 0.2), follow=0.2,
)  # fmt: skip
COARSE = Regime(
    "coarse_tick", mid=1_000, tick_digits=5, spread=1.0, volatility=0.04, limit_rate=25.0, depth=1.5,
    levels=60, level_orders=30.0, sizes=(10, 100, 500, 1_000, 5_000), weights=(0.3, 0.3, 0.2, 0.15, 0.05),
    noise=0.3, life_s=4.0, stay=0.3, flee_rate=0.5, market_rate=1.0, market_sizes=(50, 500, 3_000),
    market_weights=(0.5, 0.35, 0.15), exact=0.02, sweep=0.01, follow=0.8,
)  # fmt: skip
FLOOD = replace(FUTURE, name="flood", limit_rate=12.0, flood_rate=0.1)
ONE_LOT = replace(
    FUTURE, name="one_lot", sizes=(1,), weights=(1.0,), market_sizes=(1,), market_weights=(1.0,)
)

REGIMES = {r.name: r for r in (SHARE, FUTURE, CRYPTO, THIN, COARSE, FLOOD, ONE_LOT)}

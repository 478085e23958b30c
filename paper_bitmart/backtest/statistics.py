"""Statistics of a backtest, each by its formula. Money in quote currency, sizes in base.

sign: +1 buy, -1 sell. notional = price * size. mid: (best bid + best ask) / 2 as displayed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from paper_bitmart.backtest.results import E8, NS_PER_S, SAMPLE_NS, Results

MARKOUTS_S = (1, 5, 30)
YEAR_NS = 365 * 24 * 3600 * NS_PER_S
BPS = 1e4
FORMULAS = {
    "orders": "orders that the venue accepted",
    "fills": "fills; an order may have several",
    "pnl_gross": "cash + position * mid at the end; cash: what sales brought less what buys cost",
    "fees": "fees paid",
    "pnl_net": "pnl_gross - fees",
    "turnover": "sum of price * size",
    "maker_share": "notional filled as maker / turnover",
    "fill_ratio": "sizes filled / sizes sent, of accepted orders; market buys, which have no size, left out",
    "spread_captured_bps": "10^4 * sum(sign * (mid just before the fill - price) * size) / turnover",
    "markout_1s_bps": "10^4 * sum(sign * (mid 1 s later - price) * size) / notional, of fills that have one",
    "markout_5s_bps": "the same after 5 s",
    "markout_30s_bps": "the same after 30 s",
    "inventory_mean": "mean of the absolute position over the samples",
    "inventory_max": "maximum of the absolute position over the samples",
    "position": "bought less sold, at the end",
    "drawdown": "largest fall of equity from its highest value so far, over the samples",
    "sharpe": "mean / standard deviation of equity changes per sample, times sqrt(samples in 365 days)",
    "sample_s": "seconds between two samples of equity and position",
}
"""What each figure of `Statistics` is. equity = cash + position * mid - fees."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one account in one symbol; FORMULAS says what each is. NaN: not defined for this run."""

    account: str
    symbol: str
    orders: int
    fills: int
    pnl_gross: float
    fees: float
    pnl_net: float
    turnover: float
    maker_share: float
    fill_ratio: float
    spread_captured_bps: float
    markout_1s_bps: float
    markout_5s_bps: float
    markout_30s_bps: float
    inventory_mean: float
    inventory_max: float
    position: float
    drawdown: float
    sharpe: float
    sample_s: float

    def as_dict(self) -> dict[str, float | int | str]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def statistics(results: Results, sample_ns: int = SAMPLE_NS) -> list[Statistics]:
    """One row per account and symbol that sent orders, in their order."""
    return [_of_pair(results, account, symbol, sample_ns) for account, symbol in results.pairs]


def markout_bps(results: Results, account: str, symbol: str, delay_ns: int) -> float:
    """Mean move of the mid in our favour `delay_ns` after a fill, weighted by size; see the table."""
    return markout_curve(results, account, symbol, [delay_ns])[0]


def markout_curve(results: Results, account: str, symbol: str, delays_ns: Sequence[int]) -> list[float]:
    """`markout_bps` after each delay, by one look through the market."""
    fills = results.fills_of(account, symbol)
    later_ns = fills["at_ns"][None, :] + np.array(delays_ns, np.int64)[:, None]
    known = later_ns <= results.end_ns
    mids = np.full(later_ns.shape, np.nan)
    mids[known] = results.mids_at(symbol, later_ns[known])
    return [_favour_bps(fills, row) for row in mids]


def _of_pair(results: Results, account: str, symbol: str, sample_ns: int) -> Statistics:
    rules = results.rules[symbol]
    orders, fills = results.orders_of(account, symbol), results.fills_of(account, symbol)
    equity = results.equity(account, symbol, sample_ns)
    tick_lot = float(rules.tick) * float(rules.lot)
    notional = fills["price_ticks"] * fills["size_lots"]
    sized = orders["size_lots"] > 0
    fees = float(fills["fee_e8"].sum()) * E8
    end = equity[-1]
    markouts = markout_curve(results, account, symbol, [seconds * NS_PER_S for seconds in MARKOUTS_S])
    return Statistics(
        account=account,
        symbol=symbol,
        orders=len(orders),
        fills=len(fills),
        pnl_gross=float(end["equity"] + end["fees"]),
        fees=fees,
        pnl_net=float(end["equity"]),
        turnover=float(notional.sum()) * tick_lot,
        maker_share=_ratio(notional[fills["role"] == 0].sum(), notional.sum()),
        fill_ratio=_ratio(orders["filled_lots"][sized].sum(), orders["size_lots"][sized].sum()),
        spread_captured_bps=_favour_bps(fills, results.mids_at(symbol, fills["at_ns"] - 1)),
        markout_1s_bps=markouts[0],
        markout_5s_bps=markouts[1],
        markout_30s_bps=markouts[2],
        inventory_mean=float(np.abs(equity["position"]).mean()),
        inventory_max=float(np.abs(equity["position"]).max()),
        position=float(end["position"]),
        drawdown=drawdown(equity["equity"]),
        sharpe=sharpe(equity["equity"], sample_ns),
        sample_s=sample_ns / NS_PER_S,
    )


def drawdown(equity: np.ndarray) -> float:
    """Largest fall from the highest value so far; 0 or more.

    >>> drawdown(np.array([0.0, 3.0, 1.0, 4.0, 2.5]))
    2.0
    """
    return float((np.maximum.accumulate(equity) - equity).max())


def sharpe(equity: np.ndarray, sample_ns: int) -> float:
    """Annualised ratio of mean to standard deviation of equity changes; NaN when equity never moves.

    Changes in money, not returns: a paper account has no natural capital to divide by.
    """
    changes = np.diff(equity)
    deviation = float(changes.std(ddof=1)) if len(changes) > 1 else 0.0
    return float(changes.mean()) / deviation * (YEAR_NS / sample_ns) ** 0.5 if deviation else float("nan")


def _favour_bps(fills: np.ndarray, mids: np.ndarray) -> float:
    """Of fills whose mid (ticks) is known, how far it lies in our favour, weighted by size."""
    known = ~np.isnan(mids)
    fills, mids = fills[known], mids[known]
    sign = np.where(fills["side"] == 0, 1, -1)
    gain = (sign * (mids - fills["price_ticks"]) * fills["size_lots"]).sum()
    return BPS * _ratio(gain, (fills["price_ticks"] * fills["size_lots"]).sum())


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")

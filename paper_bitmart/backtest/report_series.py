"""The curves of a report: computed once, drawn as HTML or as PNG."""

from dataclasses import dataclass

import numpy as np

from paper_bitmart.backtest.results import E8, NS_PER_S, Results
from paper_bitmart.backtest.statistics import markout_bps

POINTS_MAX = 4_000
"""Samples of a curve; a longer run is sampled more coarsely."""
STEP_NS_MIN = NS_PER_S // 10
QUOTES_MAX = 4_000
MARKOUT_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True)
class PairSeries:
    """One account in one symbol. Times are numpy datetime64[ns], UTC; prices and money in quote currency.

    Attributes:
        equity: EQUITY_DTYPE sampled every `step_ns`, `times` its times.
        quotes: orders with a price (at most QUOTES_MAX, `quotes_left_out` more): sides, prices, from, to.
        fills: columns of the fills. queue_ahead: base, just before each maker's fill.
        markout_s, markout_bps: the markout curve.
    """

    account: str
    symbol: str
    quote: str
    base: str
    step_ns: int
    times: np.ndarray
    equity: np.ndarray
    quote_sides: np.ndarray
    quote_prices: np.ndarray
    quotes_from: np.ndarray
    quotes_to: np.ndarray
    quotes_left_out: int
    fill_times: np.ndarray
    fill_sides: np.ndarray
    fill_prices: np.ndarray
    fill_sizes: np.ndarray
    fill_roles: np.ndarray
    fill_fees: np.ndarray
    fill_evidence: np.ndarray
    queue_ahead: np.ndarray
    markout_s: tuple[float, ...]
    markout_bps: tuple[float, ...]


def pair_series(results: Results, account: str, symbol: str) -> PairSeries:
    """Everything that a report draws of one account in one symbol."""
    rules = results.rules[symbol]
    tick, lot = float(rules.tick), float(rules.lot)
    step_ns = max(STEP_NS_MIN, (results.end_ns - results.start_ns) // POINTS_MAX)
    equity = results.equity(account, symbol, step_ns)
    orders, fills = results.orders_of(account, symbol), results.fills_of(account, symbol)
    rested = orders[orders["price_ticks"] > 0]
    shown = rested[:QUOTES_MAX]
    until_ns = np.where(shown["closed_ns"] > 0, shown["closed_ns"], results.end_ns)
    columns = results.columns("fills")
    mask = np.isin(columns["account"], account) & np.isin(columns["symbol"], symbol)
    return PairSeries(
        account=account,
        symbol=symbol,
        quote=rules.quote,
        base=rules.base,
        step_ns=step_ns,
        times=_datetimes(equity["at_ns"]),
        equity=equity,
        quote_sides=shown["side"],
        quote_prices=shown["price_ticks"] * tick,
        quotes_from=_datetimes(shown["created_ns"]),
        quotes_to=_datetimes(until_ns),
        quotes_left_out=len(rested) - len(shown),
        fill_times=_datetimes(fills["at_ns"]),
        fill_sides=fills["side"],
        fill_prices=fills["price_ticks"] * tick,
        fill_sizes=fills["size_lots"] * lot,
        fill_roles=fills["role"],
        fill_fees=fills["fee_e8"] * E8,
        fill_evidence=columns["evidence"][mask],
        queue_ahead=columns["ahead_before"][mask],
        markout_s=MARKOUT_S,
        markout_bps=tuple(
            markout_bps(results, account, symbol, round(seconds * NS_PER_S)) for seconds in MARKOUT_S
        ),
    )


def _datetimes(times_ns: np.ndarray) -> np.ndarray:
    return times_ns.astype("datetime64[ns]")

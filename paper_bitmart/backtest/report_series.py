"""The curves of a report: computed once, drawn as HTML or as PNG."""

from dataclasses import dataclass

import numpy as np

from paper_bitmart.backtest.results import NS_PER_S, Results
from paper_bitmart.backtest.statistics import markout_curve

POINTS_MAX = 4_000
"""Samples of a curve; a longer run is sampled more coarsely."""
STEP_NS_MIN = NS_PER_S // 10
MARKS_MAX = 4_000
"""Quotes, and fills, that are drawn; of more than that every n-th is."""
MARKOUT_S = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True, slots=True)
class PairSeries:
    """One account in one symbol. Times are numpy datetime64[ns], UTC; prices and money in quote currency.

    Attributes:
        price_decimals: of the symbol's prices.
        equity: EQUITY_DTYPE sampled every `step_ns`, `times` its times.
        quotes, fills: columns of the orders with a price, and of the fills, named as in `Results.columns`; at
            most MARKS_MAX rows each. quotes_from, quotes_to: when the orders were open.
        quotes_in_all, fills_in_all: how many there are.
        markout_s, markout_bps: the markout curve; NaN where no fill has a mid so much later.
    """

    account: str
    symbol: str
    quote: str
    base: str
    price_decimals: int
    step_ns: int
    times: np.ndarray
    equity: np.ndarray
    quotes: dict[str, np.ndarray]
    quotes_from: np.ndarray
    quotes_to: np.ndarray
    quotes_in_all: int
    fills: dict[str, np.ndarray]
    fill_times: np.ndarray
    fills_in_all: int
    markout_s: tuple[float, ...]
    markout_bps: tuple[float, ...]


def pair_series(results: Results, account: str, symbol: str) -> PairSeries:
    """Everything that a report draws of one account in one symbol."""
    rules = results.rules[symbol]
    step_ns = max(STEP_NS_MIN, (results.end_ns - results.start_ns) // POINTS_MAX)
    equity = results.equity(account, symbol, step_ns)
    orders, fills = results.columns("orders"), results.columns("fills")
    quotes = _of(orders, account, symbol, orders["price"] > 0)
    own_fills = _of(fills, account, symbol, fills["price"] > 0)
    shown, shown_fills = _thinned(quotes), _thinned(own_fills)
    markouts = markout_curve(results, account, symbol, [round(delay * NS_PER_S) for delay in MARKOUT_S])
    return PairSeries(
        account=account,
        symbol=symbol,
        quote=rules.quote,
        base=rules.base,
        price_decimals=rules.price_decimals,
        step_ns=step_ns,
        times=_datetimes(equity["at_ns"]),
        equity=equity,
        quotes=shown,
        quotes_from=_datetimes(shown["created_ns"]),
        quotes_to=_datetimes(np.where(shown["closed_ns"] > 0, shown["closed_ns"], results.end_ns)),
        quotes_in_all=len(quotes["price"]),
        fills=shown_fills,
        fill_times=_datetimes(shown_fills["at_ns"]),
        fills_in_all=len(own_fills["price"]),
        markout_s=MARKOUT_S,
        markout_bps=tuple(markouts),
    )


def _of(columns: dict[str, np.ndarray], account: str, symbol: str, also: np.ndarray) -> dict[str, np.ndarray]:
    mask = np.isin(columns["account"], account) & np.isin(columns["symbol"], symbol) & also
    return {name: column[mask] for name, column in columns.items()}


def _thinned(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every n-th row, n as small as MARKS_MAX allows: the whole run is seen, not its beginning."""
    step = max(1, -(-len(columns["price"]) // MARKS_MAX))
    return {name: column[::step] for name, column in columns.items()}


def _datetimes(times_ns: np.ndarray) -> np.ndarray:
    return times_ns.astype("datetime64[ns]")

"""The report's picture as PNG, for a README or a paper. Needs matplotlib (extra `report`)."""

from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.report import ASK, BID, HEIGHTS, OURS, ReportError, panel_titles
from paper_bitmart.backtest.report_series import PairSeries, pair_series
from paper_bitmart.backtest.results import Results

INCHES = (11.0, 8.0)
DOTS_PER_INCH = 110


def write_png(results: Results, path: Path | str, account: str, symbol: str) -> None:
    """Draw price, quotes, fills, queue ahead, inventory and equity of one account in one symbol.

    Raises:
        ReportError: matplotlib is not installed. ValueError: unknown account or symbol. OSError.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError("a PNG needs matplotlib: pip install 'paper-bitmart[report]'") from error
    series = pair_series(results, account, symbol)
    figure: Any = Figure(figsize=INCHES, layout="constrained")
    price, queue, inventory, equity = figure.subplots(4, 1, sharex=True, height_ratios=HEIGHTS)
    for axes, title in zip((price, queue, inventory, equity), panel_titles(series), strict=True):
        axes.set_title(title, fontsize=9, loc="left")
        axes.grid(alpha=0.25)
    _draw_price(price, series)
    maker = series.fill_roles == 0
    queue.plot(series.fill_times[maker], series.queue_ahead[maker], ".", color=OURS, markersize=3)
    inventory.step(series.times, series.equity["position"], where="post", color=OURS, linewidth=1)
    equity.plot(series.times, series.equity["equity"], color=OURS, linewidth=1)
    figure.suptitle(f"{results.name}: {symbol}, account {account}", fontsize=11)
    figure.savefig(path, dpi=DOTS_PER_INCH, format="png")


def _draw_price(axes: Any, series: PairSeries) -> None:
    for name, color in (("bid", BID), ("ask", ASK)):
        prices = series.equity[name]
        axes.step(
            series.times,
            np.where(prices > 0, prices, np.nan),
            where="post",
            color=color,
            linewidth=0.8,
            label=name,
        )
    for side, color, mark, name in ((0, BID, "^", "buys"), (1, ASK, "v", "sells")):
        mine = series.quote_sides == side
        axes.hlines(
            series.quote_prices[mine], series.quotes_from[mine], series.quotes_to[mine],
            color=color, alpha=0.4, linewidth=2,
        )  # fmt: skip
        filled = series.fill_sides == side
        axes.plot(
            series.fill_times[filled], series.fill_prices[filled], mark, color=color, markeredgecolor="black",
            markeredgewidth=0.4, markersize=5, label=name,
        )  # fmt: skip
    axes.legend(fontsize=8, ncols=4)

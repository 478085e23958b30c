"""The report's picture as PNG, for a README or a paper. Needs matplotlib (extra `report`)."""

from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.report_figures import HEIGHTS, panel_titles
from paper_bitmart.backtest.report_page import ASK, BID, OURS, ReportError
from paper_bitmart.backtest.report_series import MARKOUT_S, PairSeries, pair_series
from paper_bitmart.backtest.results import Results

INCHES = (11.0, 9.5)
DOTS_PER_INCH = 110
MARKOUT_HEIGHT = 0.2


def write_png(results: Results, path: Path | str, account: str, symbol: str) -> None:
    """Draw price, quotes, fills, queue ahead, inventory, equity and markouts of one account in one symbol.

    Raises:
        ReportError: matplotlib is not installed. ValueError: unknown account or symbol. OSError.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError("a PNG needs matplotlib: pip install 'paper-bitmart[report]'") from error
    series = pair_series(results, account, symbol)
    figure: Any = Figure(figsize=INCHES, layout="constrained")
    grid = figure.add_gridspec(5, 1, height_ratios=(*HEIGHTS, MARKOUT_HEIGHT))
    price = figure.add_subplot(grid[0])
    queue, inventory, equity = (figure.add_subplot(grid[row], sharex=price) for row in (1, 2, 3))
    markout = figure.add_subplot(grid[4])
    titles = [*panel_titles(series), "markout, bps, by seconds after the fill"]
    for axes, title in zip((price, queue, inventory, equity, markout), titles, strict=True):
        axes.set_title(title, fontsize=9, loc="left")
        axes.grid(alpha=0.25)
        axes.tick_params(labelbottom=axes in (equity, markout))
    _draw_price(price, series)
    maker, known = series.fills["role"] == "maker", ~np.isnan(series.quotes["queue_ahead"])
    queue.plot(
        series.quotes_from[known], series.quotes["queue_ahead"][known], ".", color="#999", markersize=2,
        alpha=0.5, label="at entry",
    )  # fmt: skip
    queue.plot(
        series.fill_times[maker], series.fills["ahead_before"][maker], ".", color=OURS, markersize=4,
        label="at fills",
    )  # fmt: skip
    queue.set_ylim(bottom=0)
    queue.legend(fontsize=8, ncols=2)
    inventory.step(series.times, series.equity["position"], where="post", color=OURS, linewidth=1)
    equity.plot(series.times, series.equity["equity"], color=OURS, linewidth=1)
    markout.axhline(0, color="#999", linewidth=0.8)
    markout.semilogx(series.markout_s, series.markout_bps, "o-", color=OURS, markersize=3, linewidth=1)
    markout.set_xticks(MARKOUT_S, [f"{delay:g}" for delay in MARKOUT_S])
    markout.minorticks_off()
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
    for side, color, mark, name in (("buy", BID, "^", "buys"), ("sell", ASK, "v", "sells")):
        mine = series.quotes["side"] == side
        axes.hlines(
            series.quotes["price"][mine], series.quotes_from[mine], series.quotes_to[mine],
            color=color, alpha=0.4, linewidth=2,
        )  # fmt: skip
        filled = series.fills["side"] == side
        axes.plot(
            series.fill_times[filled], series.fills["price"][filled], mark, color=color,
            markeredgecolor="black", markeredgewidth=0.4, markersize=5, label=name,
        )  # fmt: skip
    axes.yaxis.set_major_formatter(f"{{x:,.{series.price_decimals}f}}")
    axes.legend(fontsize=8, ncols=4)

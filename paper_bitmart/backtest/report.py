"""`report.html`: one file with everything in it, opened by any browser without a network.

Needs plotly (extra `report`).

ReportError    a report cannot be written, and why
"""

import html
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.oversized import oversized_orders
from paper_bitmart.backtest.report_series import PairSeries, pair_series
from paper_bitmart.backtest.results import NS_PER_S, Results
from paper_bitmart.backtest.statistics import Statistics, statistics

BID, ASK, OURS = "#2f9e6e", "#d1495b", "#3d5a80"
ROWS = ("price, own quotes and fills", "queue ahead at fills", "inventory", "equity, net of fees")
HEIGHTS = (0.46, 0.16, 0.16, 0.22)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; color: #222; }}
h1 {{ font-size: 1.5rem; margin-bottom: .2rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.2rem; }}
p.warning {{ border-left: 4px solid #d1495b; padding-left: .8rem; }}
p.run {{ color: #666; margin-top: 0; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
td, th {{ padding: .15rem .9rem .15rem 0; text-align: right; }} th {{ font-weight: 600; }}
td:first-child, th:first-child {{ text-align: left; }} tr + tr td {{ border-top: 1px solid #eee; }}
</style></head><body>
<h1>{title}</h1><p class="run">{run}</p>
{table}
{charts}
<p class="run">{formulas}</p>
</body></html>
"""
FORMULAS = (
    "Money in quote currency. Equity = cash + position x mid - fees. Spread captured: mid just before the "
    "fill against its price. Markouts: mid 1, 5 and 30 s later against it; both weighted by size, "
    "positive is in our favour. Sharpe: of equity changes per {sample_s:g} s, for 365 days. Drawdown: "
    "largest fall of equity. What is modelled and what is not: docs/realism.md."
)
SHOWN = (
    ("orders", ",.0f"), ("fills", ",.0f"), ("pnl_net", ",.4f"), ("pnl_gross", ",.4f"), ("fees", ",.4f"),
    ("turnover", ",.2f"), ("maker_share", ".1%"), ("fill_ratio", ".1%"), ("spread_captured_bps", ".3f"),
    ("markout_1s_bps", ".3f"), ("markout_5s_bps", ".3f"), ("markout_30s_bps", ".3f"),
    ("inventory_mean", ".6g"), ("inventory_max", ".6g"), ("position", ".6g"), ("drawdown", ",.4f"),
    ("sharpe", ",.1f"),
)  # fmt: skip


class ReportError(RuntimeError):
    """A report cannot be written; the text says why."""


def write_report(results: Results, path: Path | str) -> None:
    """Write the report; an existing file is replaced.

    Raises:
        ReportError: plotly is not installed. OSError: as `open`.
    """
    figures = plotly_modules()
    rows = statistics(results)
    charts = []
    for number, row in enumerate(rows):
        series = pair_series(results, row.account, row.symbol)
        charts.append(f"<h2>{html.escape(row.symbol)}, account {html.escape(row.account)}</h2>")
        # The library is in the page once, whole: nothing is loaded from anywhere.
        charts.append(figure_html(_main_figure(figures, series), with_library=number == 0))
        charts.append(figure_html(_markout_figure(figures, series)))
    page = PAGE.format(
        title=html.escape(f"Backtest: {results.name}"),
        run=html.escape(run_line(results)),
        table=_warnings(results) + (_table(rows) if rows else "<p>No order was sent.</p>"),
        charts="\n".join(charts),
        formulas=FORMULAS.format(sample_s=rows[0].sample_s) if rows else "",
    )
    Path(path).write_text(page, encoding="utf-8")


def _warnings(results: Results) -> str:
    """Orders too large for their market, first of all."""
    return "".join(f'<p class="warning">{html.escape(one)}</p>' for one in oversized_orders(results))


def run_line(results: Results) -> str:
    """What was played, in one line."""
    start = datetime.fromtimestamp(results.start_ns // NS_PER_S, UTC)
    return (
        f"{start:%Y-%m-%d %H:%M:%S} UTC, {(results.end_ns - results.start_ns) / NS_PER_S:,.1f} s of market, "
        f"{results.events:,} events, {len(results.orders):,} orders, {len(results.fills):,} fills, "
        f"{results.refused:,} commands refused"
    )


def plotly_modules() -> Any:
    """plotly with graph_objects and subplots. Raises ReportError: it is not installed."""
    try:
        import plotly.graph_objects
        import plotly.subplots
    except ImportError as error:
        raise ReportError("a report needs plotly: pip install 'paper-bitmart[report]'") from error
    return plotly


def _main_figure(plotly: Any, series: PairSeries) -> Any:
    figure = plotly.subplots.make_subplots(
        rows=len(ROWS), cols=1, shared_xaxes=True, vertical_spacing=0.035, row_heights=HEIGHTS,
        subplot_titles=panel_titles(series),
    )  # fmt: skip
    lines = plotly.graph_objects.Scattergl
    for name, color in (("bid", BID), ("ask", ASK)):
        line = {"color": color, "width": 1, "shape": "hv"}
        figure.add_trace(
            lines(x=series.times, y=_gaps(series.equity[name]), name=f"best {name}", line=line), row=1, col=1
        )
    for side, color in ((0, BID), (1, ASK)):
        x, y = _segments(series, side)
        line = {"color": color, "width": 3}
        name = "own bids" if side == 0 else "own asks"
        figure.add_trace(lines(x=x, y=y, name=name, line=line, opacity=0.45, mode="lines"), row=1, col=1)
        figure.add_trace(_fill_marks(lines, series, side, color), row=1, col=1)
    maker = series.fill_roles == 0
    figure.add_trace(
        lines(
            x=series.fill_times[maker], y=series.queue_ahead[maker], mode="markers", name="queue ahead",
            marker={"color": OURS, "size": 4}, showlegend=False,
        ),
        row=2, col=1,
    )  # fmt: skip
    for row, column in ((3, "position"), (4, "equity")):
        line = {"color": OURS, "width": 1.5, "shape": "hv" if column == "position" else "linear"}
        figure.add_trace(
            lines(x=series.times, y=series.equity[column], name=column, line=line, showlegend=False),
            row=row,
            col=1,
        )
    figure.update_layout(height=900, margin={"l": 70, "r": 20, "t": 30, "b": 30}, template="plotly_white")
    figure.update_layout(legend={"orientation": "h", "y": 1.06}, hovermode="closest")
    return figure


def _markout_figure(plotly: Any, series: PairSeries) -> Any:
    figure = plotly.graph_objects.Figure(
        plotly.graph_objects.Scatter(
            x=series.markout_s, y=series.markout_bps, mode="lines+markers", line={"color": OURS}
        )
    )
    figure.add_hline(y=0, line={"color": "#999", "width": 1})
    figure.update_xaxes(type="log", title="seconds after the fill")
    figure.update_yaxes(title="markout, bps of notional")
    figure.update_layout(height=320, margin={"l": 70, "r": 20, "t": 30, "b": 40}, template="plotly_white")
    return figure


def panel_titles(series: PairSeries) -> list[str]:
    left_out = f" (first {len(series.quote_sides):,} quotes)" if series.quotes_left_out else ""
    units = (f"{series.quote}{left_out}", series.base, series.base, series.quote)
    return [f"{title}, {unit}" for title, unit in zip(ROWS, units, strict=True)]


def _fill_marks(lines: Any, series: PairSeries, side: int, color: str) -> Any:
    mine = series.fill_sides == side
    role = np.array(["maker", "taker"])[series.fill_roles[mine]]
    texts = [
        f"{size:g} {series.base}, {kind}, {evidence}, fee {fee:.8f}"
        for size, kind, evidence, fee in zip(
            series.fill_sizes[mine], role, series.fill_evidence[mine], series.fill_fees[mine], strict=True
        )
    ]
    marker = {
        "symbol": "triangle-up" if side == 0 else "triangle-down", "size": 9, "color": color,
        "line": {"color": "#222", "width": 0.7},
    }  # fmt: skip
    name = "buys" if side == 0 else "sells"
    return lines(
        x=series.fill_times[mine],
        y=series.fill_prices[mine],
        mode="markers",
        name=name,
        marker=marker,
        text=texts,
    )


def _segments(series: PairSeries, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Quotes as one line with breaks: from, to, nothing, from, to, nothing."""
    mine = series.quote_sides == side
    count = int(mine.sum())
    x = np.full((count, 3), np.datetime64("NaT"), "datetime64[ns]")
    y = np.full((count, 3), np.nan)
    x[:, 0], x[:, 1] = series.quotes_from[mine], series.quotes_to[mine]
    y[:, 0] = y[:, 1] = series.quote_prices[mine]
    return x.ravel(), y.ravel()


def _gaps(prices: np.ndarray) -> np.ndarray:
    return np.where(prices > 0, prices, np.nan)


def figure_html(figure: Any, *, with_library: bool = False) -> str:
    """A figure as a part of a page; the first of a page brings the library."""
    text: str = figure.to_html(full_html=False, include_plotlyjs=with_library)
    return text


def _table(rows: Sequence[Statistics]) -> str:
    heads = "".join(f"<th>{html.escape(f'{row.symbol} {row.account}')}</th>" for row in rows)
    lines = [f"<tr><th></th>{heads}</tr>"]
    for name, form in SHOWN:
        cells = "".join(f"<td>{_number(getattr(row, name), form)}</td>" for row in rows)
        lines.append(f"<tr><td>{name.replace('_', ' ')}</td>{cells}</tr>")
    return f"<table>{''.join(lines)}</table>"


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)

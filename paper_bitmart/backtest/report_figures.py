"""The interactive charts of a report."""

from typing import Any

import numpy as np

from paper_bitmart.backtest.report_page import ASK, BID, OURS
from paper_bitmart.backtest.report_series import PairSeries
from paper_bitmart.backtest.results import SIDES

ROWS = ("price, own quotes and fills", "queue ahead of own orders", "inventory", "equity, net of fees")
HEIGHTS = (0.46, 0.16, 0.16, 0.22)
TIME_FORM = "%Y-%m-%d %H:%M:%S.%L"
AT = "<br>%{x|%H:%M:%S.%L}<extra></extra>"
"""End of what is shown under the pointer."""
COLORS = dict(zip(SIDES, (BID, ASK), strict=True))


def main_figure(plotly: Any, series: PairSeries) -> Any:
    """Price with own quotes and fills, queue ahead, inventory and equity over one time axis, UTC.

    Drawn as SVG: browsers give a page only some sixteen WebGL canvases, which five pairs would use up.
    """
    figure = plotly.subplots.make_subplots(
        rows=len(ROWS), cols=1, shared_xaxes=True, vertical_spacing=0.045, row_heights=HEIGHTS,
        subplot_titles=panel_titles(series),
    )  # fmt: skip
    scatter = plotly.graph_objects.Scatter
    price_form = f"%{{y:,.{series.price_decimals}f}} {series.quote}"
    times = _ms(series.times)
    for name, side in (("bid", "buy"), ("ask", "sell")):
        line = {"color": COLORS[side], "width": 1, "shape": "hv"}
        figure.add_trace(
            scatter(
                x=times, y=_gaps(series.equity[name]), name=f"best {name}", line=line, mode="lines",
                hovertemplate=f"best {name} {price_form}{AT}",
            ),
            row=1, col=1,
        )  # fmt: skip
    for side in SIDES:
        figure.add_trace(_quote_lines(scatter, series, side, price_form), row=1, col=1)
    for side in SIDES:
        figure.add_trace(_fill_marks(scatter, series, side, price_form), row=1, col=1)
    for trace in _queue_marks(scatter, series):
        figure.add_trace(trace, row=2, col=1)
    for row, column, unit, form in (
        (3, "position", series.base, ",.8~g"),
        (4, "equity", series.quote, ",.4f"),
    ):
        line = {"color": OURS, "width": 1.5, "shape": "hv" if column == "position" else "linear"}
        figure.add_trace(
            scatter(
                x=times, y=series.equity[column], name=column, line=line, mode="lines", showlegend=False,
                hovertemplate=f"{column} %{{y:{form}}} {unit}{AT}",
            ),
            row=row, col=1,
        )  # fmt: skip
    figure.update_xaxes(
        type="date", hoverformat=TIME_FORM, showspikes=True, spikemode="across", spikethickness=1
    )
    figure.update_xaxes(title="UTC", row=len(ROWS), col=1)
    figure.update_yaxes(tickformat=f",.{series.price_decimals}~f", range=_price_range(series), row=1, col=1)
    figure.update_yaxes(rangemode="tozero", row=2, col=1)
    # Beside the panels, not above their middle: the eye follows the left edge.
    figure.update_annotations(x=0, xanchor="left", font_size=12)
    figure.update_layout(
        height=900, margin={"l": 80, "r": 20, "t": 60, "b": 45}, hovermode="closest",
        legend={"orientation": "h", "y": 1.04, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return figure


def markout_figure(plotly: Any, series: PairSeries) -> Any:
    """Mean move of the mid in favour of the fills over the seconds after them."""
    figure = plotly.graph_objects.Figure(
        plotly.graph_objects.Scatter(
            x=series.markout_s, y=series.markout_bps, mode="lines+markers", line={"color": OURS},
            hovertemplate="%{x} s after the fill: %{y:.3f} bps<extra></extra>",
        )
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": "#999", "width": 1})
    figure.update_xaxes(
        type="log", title="seconds after the fill", tickvals=series.markout_s,
        ticktext=[f"{delay:g}" for delay in series.markout_s],
    )  # fmt: skip
    figure.update_yaxes(title="markout, bps")
    title = {
        "text": "markout: above 0 the market went our way",
        "font": {"size": 12},
        "x": 0,
        "xref": "paper",
    }
    figure.update_layout(height=320, margin={"l": 80, "r": 20, "t": 40, "b": 45}, title=title)
    return figure


def panel_titles(series: PairSeries) -> list[str]:
    """Titles with units, and with what was left out."""
    left_out = "".join(
        f"; {len(shown):,} of {in_all:,} {name} drawn"
        for name, shown, in_all in (
            ("quotes", series.quotes_from, series.quotes_in_all),
            ("fills", series.fill_times, series.fills_in_all),
        )
        if len(shown) < in_all
    )
    units = (f"{series.quote}{left_out}", series.base, series.base, series.quote)
    return [f"{title}, {unit}" for title, unit in zip(ROWS, units, strict=True)]


def _quote_lines(scatter: Any, series: PairSeries, side: str, price_form: str) -> Any:
    """Quotes as one line with breaks: from, to, nothing, from, to, nothing."""
    quotes, mine = series.quotes, series.quotes["side"] == side
    count = int(mine.sum())
    x, y = np.full((2, count, 3), np.nan)
    x[:, 0], x[:, 1] = _ms(series.quotes_from[mine]), _ms(series.quotes_to[mine])
    y[:, 0] = y[:, 1] = quotes["price"][mine]
    texts = [
        f"{side} {size:g} {series.base}, {kind}, {state}, order {order}"
        for size, kind, state, order in zip(
            *(quotes[name][mine] for name in ("size", "type", "state", "order_id")), strict=True
        )
    ]
    return scatter(
        x=x.ravel(), y=y.ravel(), text=np.repeat(texts, 3) if texts else [], mode="lines",
        name="own bids" if side == "buy" else "own asks", opacity=0.45,
        line={"color": COLORS[side], "width": 3}, hovertemplate=f"%{{text}}<br>{price_form}{AT}",
    )  # fmt: skip


def _fill_marks(scatter: Any, series: PairSeries, side: str, price_form: str) -> Any:
    fills, mine = series.fills, series.fills["side"] == side
    texts = [
        f"{side} {size:g} {series.base}, {role}: {evidence.replace('_', ' ')}<br>fee {fee:.8f} {series.quote}"
        f"{'' if np.isnan(ahead) else f', {ahead:g} ahead before'}, order {order}"
        for size, role, evidence, fee, ahead, order in zip(
            *(fills[name][mine] for name in ("size", "role", "evidence", "fee", "ahead_before", "order_id")),
            strict=True,
        )
    ]
    marker = {
        "symbol": "triangle-up" if side == "buy" else "triangle-down", "size": 9, "color": COLORS[side],
        "line": {"color": "#222", "width": 0.7},
    }  # fmt: skip
    return scatter(
        x=_ms(series.fill_times[mine]), y=fills["price"][mine], text=texts, marker=marker, mode="markers",
        name="buys" if side == "buy" else "sells", hovertemplate=f"%{{text}}<br>{price_form}{AT}",
    )  # fmt: skip


def _queue_marks(scatter: Any, series: PairSeries) -> list[Any]:
    """Where orders joined their queue, and what was ahead of them when they filled as makers."""
    known, maker = ~np.isnan(series.quotes["queue_ahead"]), series.fills["role"] == "maker"
    parts = (
        ("at entry", _ms(series.quotes_from[known]), series.quotes["queue_ahead"][known], 0.35, 4),
        ("at fills", _ms(series.fill_times[maker]), series.fills["ahead_before"][maker], 1.0, 5),
    )
    return [
        scatter(
            x=x, y=y, mode="markers", name=f"queue {name}", opacity=opacity,
            marker={"color": "#888" if opacity < 1 else OURS, "size": size},
            hovertemplate=f"%{{y:,.8~g}} {series.base} ahead {name}{AT}",
        )
        for name, x, y, opacity, size in parts
    ]  # fmt: skip


def _price_range(series: PairSeries) -> list[float] | None:
    """The market's prices, and quotes no further off than it moved: a stray order shall not flatten it."""
    equity = series.equity
    market = np.concatenate([equity["bid"], equity["ask"], series.fills["price"]])
    market = market[market > 0]
    if not len(market):
        return None
    low, high = float(market.min()), float(market.max())
    reach = high - low
    quotes = series.quotes["price"]
    near = quotes[(quotes >= low - reach) & (quotes <= high + reach)]
    low, high = min([low, *near.tolist()]), max([high, *near.tolist()])
    margin = 0.05 * (high - low) or 10.0**-series.price_decimals
    return [low - margin, high + margin]


def _ms(times: np.ndarray) -> np.ndarray:
    """datetime64[ns] as the numbers that plotly takes for dates: milliseconds since 1970, UTC."""
    return times.astype(np.int64) / 1e6


def _gaps(prices: np.ndarray) -> np.ndarray:
    return np.where(prices > 0, prices, np.nan)

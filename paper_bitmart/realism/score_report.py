"""A score as text, as an HTML page with everything in it, and as a PNG (both: extra `report`)."""

import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.report_page import (
    ASK,
    BID,
    OURS,
    PAGE,
    ReportError,
    figure_html,
    plotly_modules,
)
from paper_bitmart.backtest.report_png import DOTS_PER_INCH
from paper_bitmart.realism.figures import Number
from paper_bitmart.realism.score_run import Curves, Scored
from paper_bitmart.realism.scoring import Score
from paper_bitmart.realism.sections import text_table

TRUE, SIMULATED = BID, ASK
PNG_INCHES = (11.0, 8.0)
LATE_EDGES_MS = (-60_000.0, -10_000.0, -1_000.0, -250.0, -100.0, -10.0, -1.0)
LATE_EDGES = (*LATE_EDGES_MS, *(-edge for edge in reversed(LATE_EDGES_MS)))
"""Bins of fill-time errors: exact ones are in the middle, what is early on the left, late on the right."""
SHOWN = (
    ("orders", "orders", ",.0f"), ("wrong_per_1000", "wrong per 1000", ".1f"), ("mcc", "MCC", ".4f"),
    ("f1", "F1", ".4f"), ("f1_within_250ms", "F1 in 250 ms", ".3f"), ("fill_rate_bias", "rate bias", "+.3f"),
    ("filled_size_bias", "size bias", "+.3f"), ("fill_time_err_ms_median", "|dt| ms", ".0f"),
    ("fill_time_err_ms_p90", "p90", ".0f"), ("markout_truth_ticks", "mo true", "+.3f"),
    ("markout_sim_ticks", "mo sim", "+.3f"), ("markout_bias_ticks", "mo bias", "+.3f"),
)  # fmt: skip
NOTES = (
    "Filled: any size of the order. Contested: the market traded at the price, never through; only the queue "
    "decides. mo: mean 5 s markout per filled order in ticks, mid prices from {mids}. Intervals: one-minute "
    "blocks resampled. Calibration: the predicted probability is the share of the queue models under which "
    "an order fills; bars are 95 % Wilson intervals. Every figure is explained in docs/score.md."
)


def lines(scored: Scored) -> list[str]:
    """The score for a terminal."""
    score = scored.score
    rows = _rows(score)
    names = ["", *(head for _, head, _ in SHOWN)]
    table = [names, *([name, *_cells(figures)] for name, figures in rows)]
    text = [*text_table(table), "", *_interval_lines(score)]
    accuracy = _number(score.episode_accuracy, ".4f")
    text.append(f"contested episodes {score.episodes}, accuracy with one vote each {accuracy}")
    taker = ", ".join(f"{name} {_number(value, '.4g')}" for name, value in score.taker.items())
    text += [f"taker: {taker}", "checks: " + ", ".join(f"{k} {v}" for k, v in score.checks.items())]
    text.append(f"mid prices: {score.mids}")
    return text


def write_score_report(scored: Scored, path: Path) -> None:
    """Write the page; an existing file is replaced.

    Raises:
        ReportError: plotly is not installed. OSError: as `open`.
    """
    plotly = plotly_modules()
    score, curves = scored.score, scored.curves
    charts = [figure_html(_figure(plotly, curves), with_library=True)]
    charts += ["<h2>Intervals</h2><ul>", *(f"<li>{html.escape(one)}</li>" for one in _interval_lines(score))]
    charts += ["</ul><h2>By class of order</h2>", _table(list(score.by.items()))]
    charts += ["<h2>Taker orders and checks</h2>", _pairs({**score.taker, **score.checks})]
    if curves.bins:
        charts += ["<h2>Fill probability</h2>", _bins_table(curves)]
    page = PAGE.format(
        title=html.escape(f"Realism: {scored.title}"),
        run=html.escape(
            f"{score.maker['orders']:,} resting orders, {score.contested['orders']:,} of them contested, "
            f"{score.taker['orders']:,} taker orders"
        ),
        table=_table(_rows(score)),
        charts="\n".join(charts),
        formulas=html.escape(NOTES.format(mids=score.mids)),
    )
    path.write_text(page, encoding="utf-8")


def write_score_png(scored: Scored, path: Path) -> None:
    """Draw the page's four charts.

    Raises:
        ReportError: matplotlib is not installed. OSError: as `open`.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError("a PNG needs matplotlib: pip install 'paper-bitmart[report]'") from error
    curves = scored.curves
    figure: Any = Figure(figsize=PNG_INCHES, layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    for one, title in zip(axes, _titles(curves), strict=True):
        one.set_title(title, fontsize=9, loc="left")
        one.grid(alpha=0.25)
    if curves.bins:
        x, y, low, high = _calibration_points(curves)
        axes[0].plot([0, 1], [0, 1], color="#999", linewidth=1)
        axes[0].errorbar(x, y, yerr=(low, high), fmt="o", color=OURS, capsize=3)
    names, true, sim = _ahead_bars(curves)
    places = np.arange(len(names))
    axes[1].bar(places - 0.2, true, 0.4, color=TRUE, label="true")
    axes[1].bar(places + 0.2, sim, 0.4, color=SIMULATED, label="simulated")
    axes[1].set_xticks(places, names, fontsize=7)
    late_names, shares = _late_bars(curves.late_ms)
    axes[2].bar(range(len(shares)), shares, color=OURS)
    axes[2].set_xticks(
        range(len(shares)), late_names, fontsize=7, rotation=45, ha="right", rotation_mode="anchor"
    )
    axes[2].set_yscale("log")
    axes[3].semilogx(curves.markout_s, curves.true_markout, "o-", color=TRUE, label="true")
    axes[3].semilogx(curves.markout_s, curves.sim_markout, "o--", color=SIMULATED, label="simulated")
    axes[3].xaxis.set_major_formatter("{x:g}")
    for one in (axes[1], axes[3]):
        one.legend(fontsize=8)
    figure.suptitle(scored.title, fontsize=11)
    figure.savefig(path, dpi=DOTS_PER_INCH, format="png")


def _titles(curves: Curves) -> tuple[str, str, str, str]:
    probability = (
        f"share filled by predicted probability; Brier {curves.brier:.4f}, yes/no {curves.brier_decision:.4f}"
        if curves.bins
        else "share filled by predicted probability: not run"
    )
    return (
        probability,
        "share filled by estimated queue ahead at entry, lots",
        "first fill, simulated less true: % of orders (log scale)",
        "markout of filled orders, ticks, by seconds after the fill",
    )


def _figure(plotly: Any, curves: Curves) -> Any:
    go = plotly.graph_objects
    figure = plotly.subplots.make_subplots(
        rows=2, cols=2, subplot_titles=_titles(curves), vertical_spacing=0.17, horizontal_spacing=0.08
    )
    if curves.bins:
        x, y, low, high = _calibration_points(curves)
        figure.add_trace(
            go.Scatter(
                x=[0, 1], y=[0, 1], mode="lines", line={"color": "#999", "width": 1}, showlegend=False,
                hoverinfo="skip",
            ),
            row=1, col=1,
        )  # fmt: skip
        error = {"type": "data", "array": high, "arrayminus": low, "color": OURS, "thickness": 1}
        texts = [f"{one.filled:,} of {one.orders:,} filled" for one in curves.bins]
        figure.add_trace(
            go.Scatter(
                x=x, y=y, error_y=error, mode="markers", marker={"color": OURS, "size": 8}, text=texts,
                showlegend=False,
            ),
            row=1, col=1,
        )  # fmt: skip
    names, true, sim = _ahead_bars(curves)
    for label, values, color in (("true", true, TRUE), ("simulated", sim, SIMULATED)):
        figure.add_trace(
            go.Bar(x=names, y=values, name=label, marker={"color": color}, legendgroup=label), row=1, col=2
        )
    late_names, shares = _late_bars(curves.late_ms)
    figure.add_trace(go.Bar(x=late_names, y=shares, marker={"color": OURS}, showlegend=False), row=2, col=1)
    for label, markout, color, dash in (
        ("true", curves.true_markout, TRUE, "solid"), ("simulated", curves.sim_markout, SIMULATED, "dot")
    ):  # fmt: skip
        figure.add_trace(
            go.Scatter(
                x=curves.markout_s, y=markout, name=label, mode="lines+markers", showlegend=False,
                line={"color": color, "dash": dash},
            ),
            row=2, col=2,
        )  # fmt: skip
    figure.update_xaxes(range=[-0.03, 1.03], row=1, col=1)
    figure.update_yaxes(range=[-0.03, 1.03], row=1, col=1)
    figure.update_xaxes(type="category", row=1, col=2)
    figure.update_xaxes(type="category", tickangle=-40, row=2, col=1)
    figure.update_yaxes(type="log", row=2, col=1)
    figure.update_xaxes(type="log", row=2, col=2)
    figure.update_layout(
        height=820, margin={"l": 60, "r": 20, "t": 60, "b": 40}, template="plotly_white",
        legend={"orientation": "h", "y": 1.11, "x": 0}, barmode="group",
    )  # fmt: skip
    figure.update_annotations(font_size=12)
    return figure


def _calibration_points(curves: Curves) -> tuple[list[float], list[float], list[float], list[float]]:
    """x, y, and how far the interval reaches below and above."""
    x = [one.predicted for one in curves.bins]
    y = [one.realised for one in curves.bins]
    low = [max(0.0, one.realised - one.low) for one in curves.bins]
    high = [max(0.0, one.high - one.realised) for one in curves.bins]
    return x, y, low, high


def _ahead_bars(curves: Curves) -> tuple[list[str], list[float], list[float]]:
    names = [
        f"{one.low:,.6g}" if one.low == one.high else f"{one.low:,.6g} to {one.high:,.6g}"
        for one in curves.by_ahead
    ]
    return names, [one.true_share for one in curves.by_ahead], [one.sim_share for one in curves.by_ahead]


def _late_bars(late_ms: np.ndarray) -> tuple[list[str], list[float]]:
    """Names of the bins and their share of the orders in percent."""
    edges = np.array([-math.inf, *LATE_EDGES, math.inf])
    counted, _ = np.histogram(late_ms, edges)
    names = [f"< {_span(LATE_EDGES[0])}"]
    names += ["within 1 ms" if a == -1 else f"{_span(a)} to {_span(b)}" for a, b in pairwise(LATE_EDGES)]
    names.append(f"> {_span(LATE_EDGES[-1])}")
    total = max(1, len(late_ms))
    return names, (100 * counted / total).tolist()


def _span(ms: float) -> str:
    return f"{ms / 1000:g} s" if abs(ms) >= 1000 else f"{ms:g} ms"


def _rows(score: Score) -> list[tuple[str, Mapping[str, Number]]]:
    return [("resting orders", score.maker), ("contested", score.contested)]


def _interval_lines(score: Score) -> list[str]:
    found = []
    for part, values in (("resting orders", score.maker_95), ("contested", score.contested_95)):
        told = ", ".join(
            f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in _known(values) if math.isfinite(low)
        )
        found.append(f"95 % {part}: {told or 'none'}")
    return found


def _known(values: Mapping[str, tuple[float, float] | None]) -> list[tuple[str, tuple[float, float]]]:
    return [(name, value) for name, value in values.items() if value is not None]


def _cells(figures: Mapping[str, Number]) -> list[str]:
    return [_number(figures[key], form) for key, _, form in SHOWN]


def _number(value: Number, form: str) -> str:
    return "-" if value is None else format(value, form)


def _table(rows: Sequence[tuple[str, Mapping[str, Number]]]) -> str:
    heads = "".join(f"<th>{html.escape(head)}</th>" for _, head, _ in SHOWN)
    body = "".join(
        f"<tr><td>{html.escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in _cells(figures))}</tr>"
        for name, figures in rows
    )
    return f"<table><tr><th></th>{heads}</tr>{body}</table>"


def _pairs(values: Mapping[str, Number]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td><td>{_number(value, ',.4g')}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"


def _bins_table(curves: Curves) -> str:
    rows = "".join(
        f"<tr><td>{one.predicted:.2f}</td><td>{one.orders:,}</td><td>{one.realised:.3f}</td>"
        f"<td>{one.low:.3f} to {one.high:.3f}</td></tr>"
        for one in curves.bins
    )
    heads = "<tr><th>predicted</th><th>orders</th><th>filled</th><th>95 %</th></tr>"
    return f"<table>{heads}{rows}</table>"

"""What a score draws, six panels: on a page (plotly) and in a picture (matplotlib); both: extra `report`."""

import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.report_page import OURS, ReportError
from paper_bitmart.backtest.report_png import DOTS_PER_INCH
from paper_bitmart.realism.score_run import Curves, Scored

TRUE, SIMULATED, GREY = "#8a8a8a", OURS, "#999"
"""Truth is grey, what is simulated has the colour of what is ours: green and red are the sides of a book."""
PNG_INCHES = (11.0, 11.5)
LATE_EDGES_MS = (-60_000.0, -10_000.0, -1_000.0, -250.0, -100.0, -10.0, -1.0)
LATE_EDGES = (*LATE_EDGES_MS, *(-edge for edge in reversed(LATE_EDGES_MS)))
"""Bins of fill-time errors: exact ones are in the middle, what is early on the left, late on the right."""
WITHIN_MS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0, 60_000.0)
AXES = (
    ("share of the queue models under which it fills", "share that really filled"),
    ("queue ahead at entry, lots", "share filled"),
    ("first fill, simulated less true", "% of orders, log scale"),
    ("distance from the true first fill, at most", "% of orders"),
    ("seconds after the fill", "markout, ticks"),
    ("seconds after the fill", "bias, ticks"),
)
"""What the panels' axes show, in the order of `titles`."""


def titles(curves: Curves) -> tuple[str, ...]:
    """Of the six panels, row by row."""
    probability = (
        f"fill probability: Brier {curves.brier:.4f}, of yes or no {curves.brier_decision:.4f}"
        if curves.bins
        else "fill probability: not run, the fills were given"
    )
    return (
        probability, "filled orders by queue ahead", "errors of the first fill",
        "errors of the first fill, summed up", "markout of filled orders",
        "markout bias, simulated less true, with 95 % interval",
    )  # fmt: skip


def figure(plotly: Any, curves: Curves) -> Any:
    """The panels for a page."""
    go = plotly.graph_objects
    chart = plotly.subplots.make_subplots(
        rows=3, cols=2, subplot_titles=titles(curves), vertical_spacing=0.13, horizontal_spacing=0.09
    )

    def add(trace: Any, panel: int) -> None:
        chart.add_trace(trace, row=panel // 2 + 1, col=panel % 2 + 1)

    grey = {"color": GREY, "width": 1}
    if curves.bins:
        add(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=grey, showlegend=False, hoverinfo="skip"), 0)
        x, y, low, high = calibration_points(curves)
        error = {"type": "data", "array": high, "arrayminus": low, "color": OURS, "thickness": 1}
        counts = [f"{one.orders:,}" for one in curves.bins]
        hints = [f"{one.filled:,} of {one.orders:,} filled, {one.episodes:,} episodes" for one in curves.bins]
        add(
            go.Scatter(
                x=x, y=y, error_y=error, mode="markers+text", marker={"color": OURS, "size": 8}, text=counts,
                textposition="middle right", customdata=hints, showlegend=False,
                hovertemplate="%{customdata}<extra></extra>",
            ),
            0,
        )  # fmt: skip
    names, true, sim = ahead_bars(curves)
    for label, values, color in (("true", true, TRUE), ("simulated", sim, SIMULATED)):
        add(go.Bar(x=names, y=values, name=label, marker={"color": color}), 1)
    late_names, shares = late_bars(curves.late_ms)
    add(go.Bar(x=late_names, y=shares, marker={"color": OURS}, showlegend=False), 2)
    spans, within = within_line(curves.late_ms)
    add(go.Scatter(x=spans, y=within, mode="lines+markers", line={"color": OURS}, showlegend=False), 3)
    for label, markout, color in (
        ("true", curves.true_markout, TRUE), ("simulated", curves.sim_markout, SIMULATED)
    ):  # fmt: skip
        add(
            go.Scatter(
                x=curves.markout_s, y=markout, name=label, mode="lines+markers", showlegend=False,
                line={"color": color},
            ),
            4,
        )  # fmt: skip
    bias, below, above = bias_points(curves)
    error = {"type": "data", "array": above, "arrayminus": below, "color": OURS, "thickness": 1}
    add(
        go.Scatter(
            x=curves.markout_s, y=bias, error_y=error, mode="lines+markers", line={"color": OURS},
            showlegend=False,
        ),
        5,
    )  # fmt: skip
    for panel, (across, up) in enumerate(AXES):
        place = {"row": panel // 2 + 1, "col": panel % 2 + 1}
        chart.update_xaxes(title={"text": across, "standoff": 4}, **place)
        chart.update_yaxes(title={"text": up, "standoff": 4}, **place)
        if panel >= 4:
            ticks = [f"{seconds:g}" for seconds in curves.markout_s]
            chart.update_xaxes(type="log", tickvals=curves.markout_s, ticktext=ticks, **place)
            chart.add_hline(y=0, line=grey, **place)
    chart.update_xaxes(range=[-0.04, 1.1], row=1, col=1)
    chart.update_yaxes(range=[-0.04, 1.08], row=1, col=1)
    chart.update_xaxes(type="category", row=1, col=2)
    chart.update_yaxes(rangemode="tozero", row=1, col=2)
    chart.update_xaxes(type="category", tickangle=-40, row=2, col=1)
    chart.update_yaxes(type="log", dtick=1, row=2, col=1)
    chart.update_xaxes(type="category", tickangle=-40, row=2, col=2)
    chart.update_yaxes(rangemode="tozero", row=2, col=2)
    # Titles stand at the left edge of their panel, where the eye begins.
    for panel, title in enumerate(chart.layout.annotations[: len(AXES)]):
        left = chart.layout["xaxis" + (str(panel + 1) if panel else "")].domain[0]
        title.update(x=left, xanchor="left", font_size=13)
    chart.update_layout(
        height=1150, margin={"l": 60, "r": 20, "t": 70, "b": 50}, barmode="group",
        legend={"orientation": "h", "y": 1.04, "yanchor": "bottom", "x": 0},
    )  # fmt: skip
    return chart


def write_score_png(scored: Scored, path: Path) -> None:
    """Draw the panels.

    Raises:
        ReportError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError("a PNG needs matplotlib: pip install 'paper-bitmart[report]'") from error
    curves = scored.curves
    chart: Any = Figure(figsize=PNG_INCHES, layout="constrained")
    panels = chart.subplots(3, 2).ravel()
    for one, title, (across, up) in zip(panels, titles(curves), AXES, strict=True):
        one.set_title(title, fontsize=9, loc="left")
        one.set_xlabel(across, fontsize=8)
        one.set_ylabel(up, fontsize=8)
        one.tick_params(labelsize=7)
        one.grid(alpha=0.25)
    if curves.bins:
        x, y, low, high = calibration_points(curves)
        panels[0].plot([0, 1], [0, 1], color=GREY, linewidth=1)
        panels[0].errorbar(x, y, yerr=(low, high), fmt="o", color=OURS, capsize=3)
        for place, height, one in zip(x, y, curves.bins, strict=True):
            panels[0].annotate(
                f"{one.orders:,}", (place, height), (6, 0), textcoords="offset points", fontsize=7,
                va="center",
            )  # fmt: skip
        panels[0].set_xlim(-0.05, 1.12)
    names, true, sim = ahead_bars(curves)
    places = np.arange(len(names))
    panels[1].bar(places - 0.2, true, 0.4, color=TRUE, label="true")
    panels[1].bar(places + 0.2, sim, 0.4, color=SIMULATED, label="simulated")
    panels[1].set_xticks(places, names)
    late_names, shares = late_bars(curves.late_ms)
    panels[2].bar(range(len(shares)), shares, color=OURS)
    panels[2].set_yscale("log")
    panels[2].yaxis.set_major_formatter("{x:g}")
    spans, within = within_line(curves.late_ms)
    panels[3].plot(range(len(spans)), within, "o-", color=OURS, markersize=3)
    panels[3].set_ylim(bottom=0)
    for panel, labels in ((panels[2], late_names), (panels[3], spans)):
        panel.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    panels[4].semilogx(curves.markout_s, curves.true_markout, "o-", color=TRUE, markersize=3, label="true")
    panels[4].semilogx(
        curves.markout_s, curves.sim_markout, "o-", color=SIMULATED, markersize=3, label="simulated"
    )
    bias, below, above = bias_points(curves)
    panels[5].set_xscale("log")
    panels[5].errorbar(
        curves.markout_s, bias, yerr=(below, above), fmt="o-", color=OURS, capsize=3, markersize=3
    )
    for panel in panels[4:]:
        panel.axhline(0, color=GREY, linewidth=0.8)
        panel.set_xticks(curves.markout_s, [f"{seconds:g}" for seconds in curves.markout_s])
        panel.minorticks_off()
    for panel in (panels[1], panels[4]):
        panel.legend(fontsize=8)
    chart.suptitle(scored.title, fontsize=11)
    chart.savefig(path, dpi=DOTS_PER_INCH, format="png")


def calibration_points(curves: Curves) -> tuple[list[float], list[float], list[float], list[float]]:
    """x, y, and how far the interval reaches below and above."""
    x = [one.predicted for one in curves.bins]
    y = [one.realised for one in curves.bins]
    low = [max(0.0, one.realised - one.low) for one in curves.bins]
    high = [max(0.0, one.high - one.realised) for one in curves.bins]
    return x, y, low, high


def ahead_bars(curves: Curves) -> tuple[list[str], list[float], list[float]]:
    names = [
        f"{one.low:,.6g}" if one.low == one.high else f"{one.low:,.6g} to {one.high:,.6g}"
        for one in curves.by_ahead
    ]
    return names, [one.true_share for one in curves.by_ahead], [one.sim_share for one in curves.by_ahead]


def late_bars(late_ms: np.ndarray) -> tuple[list[str], list[float]]:
    """Names of the bins and their share of the orders in percent."""
    edges = np.array([-math.inf, *LATE_EDGES, math.inf])
    counted, _ = np.histogram(late_ms, edges)
    names = [f"< {_span(LATE_EDGES[0])}"]
    names += ["within 1 ms" if a == -1 else f"{_span(a)} to {_span(b)}" for a, b in pairwise(LATE_EDGES)]
    names.append(f"> {_span(LATE_EDGES[-1])}")
    total = max(1, len(late_ms))
    return names, (100 * counted / total).tolist()


def within_line(late_ms: np.ndarray) -> tuple[list[str], list[float]]:
    """Names of the spans and the share of the orders, in percent, whose error is no longer."""
    total = max(1, len(late_ms))
    return [_span(edge) for edge in WITHIN_MS], [
        100 * float((np.abs(late_ms) <= edge).sum()) / total for edge in WITHIN_MS
    ]


def bias_points(curves: Curves) -> tuple[list[float], list[float], list[float]]:
    """Simulated less true markout by horizon, and how far its interval reaches below and above."""
    bias = [sim - true for sim, true in zip(curves.sim_markout, curves.true_markout, strict=True)]
    bounds: Sequence[tuple[float, float]] = [
        (value, value) if bound is None else bound
        for value, bound in zip(bias, curves.markout_bias_95, strict=True)
    ]
    below = [max(0.0, value - low) for value, (low, _) in zip(bias, bounds, strict=True)]
    return bias, below, [max(0.0, high - value) for value, (_, high) in zip(bias, bounds, strict=True)]


def _span(ms: float) -> str:
    return f"{ms / 1000:g} s" if abs(ms) >= 1000 else f"{ms:g} ms"

"""A score as text, and as an HTML page with everything in it (extra `report`)."""

import html
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from paper_bitmart.backtest.report_page import PAGE, figure_html, plotly_modules
from paper_bitmart.realism.figures import Number
from paper_bitmart.realism.score_figures import figure
from paper_bitmart.realism.score_run import Curves, Scored
from paper_bitmart.realism.scoring import Score
from paper_bitmart.realism.sections import Section, as_html, html_table, span, text_table, told

SHOWN = (
    ("orders", "orders", ",.0f"), ("wrong_per_1000", "wrong per 1000", ".1f"), ("mcc", "MCC", ".4f"),
    ("f1", "F1", ".4f"), ("f1_within_250ms", "F1 in 250 ms", ".3f"), ("fill_rate_bias", "rate bias", "+.3f"),
    ("filled_size_bias", "size bias", "+.3f"), ("fill_time_err_ms_median", "|dt| ms", ".0f"),
    ("fill_time_err_ms_p90", "p90", ".0f"), ("markout_truth_ticks", "mo true", "+.3f"),
    ("markout_sim_ticks", "mo sim", "+.3f"), ("markout_bias_ticks", "mo bias", "+.3f"),
)  # fmt: skip
HEADS = (
    "orders", "wrong per 1,000", "MCC", "F1", "F1 within 250 ms", "fill-rate bias", "filled-size bias",
    "|dt| median, ms", "|dt| 90 %, ms", "markout true, ticks", "markout simulated", "markout bias",
)  # fmt: skip
"""The heads of SHOWN where there is room."""
NOTES = (
    "Filled: any size of the order. Contested: the market traded at the price, never through; only the queue "
    "decides. |dt|: distance of the first fills of orders filled in both. Markout: mean over filled orders "
    "of side x (mid 5 s after the fill - its price), mid prices from {mids}. Intervals: one-minute blocks "
    "resampled. Fill probability: the share of the queue models under which an order fills; numbers are "
    "orders, bars 95 % Wilson intervals of as many cases as there are episodes (one side, price and minute). "
    "Every figure is explained in docs/score.md."
)


def lines(scored: Scored) -> list[str]:
    """The score for a terminal."""
    score = scored.score
    rows = _rows(score)
    names = ["", *(head for _, head, _ in SHOWN)]
    table = [names, *([name, *_cells(figures)] for name, figures in rows)]
    text = [*text_table(table), "", *_interval_lines(score)]
    accuracy = told(score.episode_accuracy, ".4f")
    text.append(f"contested episodes {score.episodes}, accuracy with one vote each {accuracy}")
    taker = ", ".join(f"{name} {told(value, '.4g')}" for name, value in score.taker.items())
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
    charts = [figure_html(figure(plotly, curves), with_library=True)]
    sections = [
        Section("By class of order", (), _table([(_label(name), one) for name, one in score.by.items()])),
        Section("Markout by horizon, ticks", (), _markouts(curves)),
        Section("Taker orders", (), _pairs(score.taker)),
        Section("Checks: what should be 0", (), _pairs(score.checks)),
    ]
    if curves.bins:
        sections.insert(1, Section("Fill probability", (), _bins(curves)))
    page = PAGE.format(
        title=html.escape(f"Realism: {scored.title}"),
        run=html.escape(
            f"{score.maker['orders']:,} resting orders, {score.contested['orders']:,} of them contested, "
            f"{score.taker['orders']:,} taker orders"
        ),
        table=html_table(_summary(score)),
        charts="\n".join([*charts, *map(as_html, sections)]),
        formulas=html.escape(NOTES.format(mids=score.mids)),
    )
    path.write_text(page, encoding="utf-8")


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
    return [told(figures[key], form) for key, _, form in SHOWN]


def _summary(score: Score) -> list[list[str]]:
    """The main figures, a row each, with their intervals."""
    rows = [["", "resting orders", "95 %", "contested", "95 %"]]
    for head, (key, _, form) in zip(HEADS, SHOWN, strict=True):
        row = [head]
        for figures, bounds in ((score.maker, score.maker_95), (score.contested, score.contested_95)):
            row += [told(figures[key], form), span(bounds[key], form) if key in bounds else ""]
        rows.append(row)
    return rows


def _table(rows: Sequence[tuple[str, Mapping[str, Number]]]) -> list[list[str]]:
    return [["", *HEADS], *([name, *_cells(figures)] for name, figures in rows)]


def _label(name: str) -> str:
    """`stale_view=False` for people."""
    label, _, value = name.partition("=")
    return f"{label.replace('_', ' ')}: { {'True': 'yes', 'False': 'no'}.get(value, value) }"


def _pairs(values: Mapping[str, Number]) -> list[list[str]]:
    return [["", ""], *([name.replace("_", " "), told(value, ",.4g")] for name, value in values.items())]


def _bins(curves: Curves) -> list[list[str]]:
    rows = [["predicted", "orders", "episodes", "really filled", "95 %"]]
    rows += [
        [
            f"{one.predicted:.2f}", f"{one.orders:,}", f"{one.episodes:,}", f"{one.realised:.3f}",
            span((one.low, one.high), ".3f"),
        ]
        for one in curves.bins
    ]  # fmt: skip
    return rows


def _markouts(curves: Curves) -> list[list[str]]:
    rows = [["seconds after the fill", "true", "simulated", "bias", "95 %"]]
    columns = (curves.markout_s, curves.true_markout, curves.sim_markout, curves.markout_bias_95)
    for seconds, true, sim, bounds in zip(*columns, strict=True):
        means = (told(value, "+.3f") for value in (true, sim, sim - true))
        rows.append([f"{seconds:g}", *means, span(bounds, "+.3f")])
    return rows

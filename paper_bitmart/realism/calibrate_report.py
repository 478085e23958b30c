"""A calibration as text, as JSON, and as an HTML page with everything in it (extra `report`)."""

import dataclasses
import html
import json
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.report_page import ASK, BID, OURS, PAGE, figure_html, plotly_modules
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.matching.models import QueueModel
from paper_bitmart.realism.calibrate_text import capture_sections, real_sections, shown
from paper_bitmart.realism.capture_fit import CaptureFit, SymbolFit
from paper_bitmart.realism.choice import Choice
from paper_bitmart.realism.real_fit import MS, Fitted, RealFit
from paper_bitmart.realism.real_replay import Setting
from paper_bitmart.realism.sections import Section, as_html, as_lines

NOTES = (
    "Intervals: 95 %, blocks of time resampled. Those of single settings overlap because all of them met the "
    "same orders; which is better is judged by paired differences. Every figure, and the rules by which "
    "nothing is said, are explained in docs/calibrate.md."
)


def lines(fit: CaptureFit | RealFit) -> list[str]:
    """The findings for a terminal."""
    return as_lines(_sections(fit))


def as_json(fit: CaptureFit | RealFit) -> str:
    """The findings for programs: the fields of CaptureFit or RealFit by name, settings as text."""
    found = _plain(fit)
    if isinstance(fit, RealFit):
        found["recommended_setting"] = str(fit.setting)
        found["is_enough"] = fit.is_enough
    else:
        for symbol, one in fit.symbols.items():
            found["symbols"][symbol]["recommended_setting"] = f"--queue-model {one.recommended.setting}"
            found["symbols"][symbol]["is_enough"] = one.choice.is_enough
    return json.dumps(found, indent=1, allow_nan=False)


def write_calibrate_report(fit: CaptureFit | RealFit, title: str, path: Path) -> None:
    """Write the page; an existing file is replaced.

    Raises:
        ReportError: plotly is not installed. OSError: as `open`.
    """
    plotly = plotly_modules()
    sections = _sections(fit)
    figures = _real_figures(plotly, fit) if isinstance(fit, RealFit) else _capture_figures(plotly, fit)
    charts = []
    for section in sections[:-1]:
        charts.append(as_html(section))
        if section.title in figures:
            charts.append(
                figure_html(figures[section.title], with_library=not any("newPlot" in c for c in charts))
            )
    page = PAGE.format(
        title=html.escape(f"Calibration: {title}"),
        run="",
        table=as_html(sections[-1]),
        charts="\n".join(charts),
        formulas=html.escape(NOTES),
    )
    path.write_text(page, encoding="utf-8")


def _sections(fit: CaptureFit | RealFit) -> list[Section]:
    return real_sections(fit) if isinstance(fit, RealFit) else capture_sections(fit)


def _capture_figures(plotly: Any, fit: CaptureFit) -> dict[str, Any]:
    """Charts by the title of the section that they belong to."""
    figures = {}
    for symbol, one in fit.symbols.items():
        figures[f"{symbol}: levels"] = _flow_figure(plotly, one)
        if one.choice.observations:
            names = [model.setting for model in one.models]
            figures[f"{symbol}: queue ahead, estimated against known"] = _loss_figure(
                plotly, one.choice, names, "mean error of the queue ahead, % of the queue at entry", 100
            )
    return figures


def _real_figures(plotly: Any, fit: RealFit) -> dict[str, Any]:
    figures = {"entry delay": _delay_figure(plotly, fit.delay)}
    names = [one.model.setting for one in fit.models.settings]
    figures["queue model"] = _loss_figure(plotly, fit.models.choice, names, "mean loss of an order", 1)
    return figures


def _flow_figure(plotly: Any, fit: SymbolFit) -> Any:
    """Traded share of what left, by level."""
    names = ["best", *(f"{rank + 1}" for rank in range(1, len(fit.flow) - 1)), "deeper"]
    shares = [100 * (flow.traded_share or 0.0) for flow in fit.flow]
    bounds = [flow.traded_share_95 or (0.0, 0.0) for flow in fit.flow]
    error = _error(shares, [(100 * low, 100 * high) for low, high in bounds])
    figure = plotly.graph_objects.Figure(
        plotly.graph_objects.Bar(x=names, y=shares, error_y=error, marker={"color": OURS})
    )
    figure.update_xaxes(type="category", title="level, from the best price")
    figure.update_yaxes(title="traded, % of what left")
    return _laid_out(figure, 300)


def _loss_figure(plotly: Any, choice: Choice, names: Sequence[str], axis: str, scale: float) -> Any:
    """Settings by their loss, the recommended one in its own colour."""
    places = shown(choice)[::-1]
    losses = [scale * float(choice.loss[k]) for k in places]
    bounds = [choice.loss_95[k] or (float(choice.loss[k]),) * 2 for k in places]
    error = _error(losses, [(scale * low, scale * high) for low, high in bounds])
    colors = [BID if k == choice.recommended and choice.is_enough else OURS for k in places]
    figure = plotly.graph_objects.Figure(
        plotly.graph_objects.Scatter(
            x=losses, y=[names[k] for k in places], error_x=error, mode="markers",
            marker={"color": colors, "size": 9}, showlegend=False,
        )
    )  # fmt: skip
    figure.update_xaxes(title=axis, rangemode="tozero")
    figure.update_yaxes(type="category", automargin=True)
    return _laid_out(figure, 120 + 28 * len(places))


def _delay_figure(plotly: Any, fitted: Fitted) -> Any:
    """Loss by entry delay, of the part that was fitted on and of the rest."""
    order = sorted(range(len(fitted.settings)), key=lambda k: fitted.settings[k].delay_ns)
    delays = [fitted.settings[k].delay_ns / MS for k in order]
    figure = plotly.graph_objects.Figure()
    for name, losses, color in (
        ("fitted part", fitted.choice.fit_loss, OURS), ("held out", fitted.choice.held_loss, ASK)
    ):  # fmt: skip
        figure.add_trace(
            plotly.graph_objects.Scatter(
                x=delays, y=[float(losses[k]) for k in order], name=name, mode="lines+markers",
                line={"color": color}, marker={"size": 5},
            )
        )  # fmt: skip
    # A log axis has no 0: the square root spreads the short delays, where the choice is made.
    ticks = [0, 1, 5, 10, 20, 50, 100, 200, 500, 1_000]
    figure.for_each_trace(lambda trace: trace.update(x=[math.sqrt(x) for x in trace.x], customdata=trace.x))
    figure.update_traces(hovertemplate="%{customdata} ms: %{y:.4f}")
    figure.update_xaxes(title="entry delay, ms", tickvals=[math.sqrt(t) for t in ticks], ticktext=ticks)
    figure.update_yaxes(title="mean loss of an order", rangemode="tozero")
    return _laid_out(figure, 340)


def _error(values: Sequence[float], bounds: Sequence[tuple[float, float]]) -> dict[str, Any]:
    above = [max(0.0, high - value) for value, (_, high) in zip(values, bounds, strict=True)]
    below = [max(0.0, value - low) for value, (low, _) in zip(values, bounds, strict=True)]
    return {"type": "data", "array": above, "arrayminus": below, "thickness": 1, "color": "#888"}


def _laid_out(figure: Any, height: int) -> Any:
    figure.update_layout(
        height=height, margin={"l": 60, "r": 20, "t": 30, "b": 50},
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )  # fmt: skip
    return figure


def _plain(value: Any) -> Any:
    """Data classes and arrays as JSON has them; a number that is none as null."""
    if isinstance(value, QueueModel):
        return value.setting
    if isinstance(value, Setting):
        return str(value)
    if isinstance(value, SymbolRules):
        return value.symbol
    if isinstance(value, Choice):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name != "resampled"}
        return {name: _plain(one) for name, one in fields.items()}
    if dataclasses.is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path | Enum):
        return str(value)
    return value

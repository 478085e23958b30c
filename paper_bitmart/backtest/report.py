"""`report.html`: what a backtest did, as one page; opened by any browser without a network.

Needs plotly (extra `report`).
"""

import html
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from paper_bitmart.backtest.oversized import oversized_orders
from paper_bitmart.backtest.report_figures import main_figure, markout_figure
from paper_bitmart.backtest.report_page import PAGE, card, figure_html, plotly_modules
from paper_bitmart.backtest.report_series import pair_series
from paper_bitmart.backtest.results import NS_PER_S, Results
from paper_bitmart.backtest.statistics import FORMULAS, Statistics, statistics

QUOTE, BASE, BPS, COUNT = "quote", "base", "bps", ""
SHOWN = (
    ("pnl_net", ",.4f", QUOTE), ("pnl_gross", ",.4f", QUOTE), ("fees", ",.4f", QUOTE),
    ("turnover", ",.2f", QUOTE), ("orders", ",.0f", COUNT), ("fills", ",.0f", COUNT),
    ("fill_ratio", ".1%", COUNT), ("maker_share", ".1%", COUNT), ("spread_captured_bps", ".3f", BPS),
    ("markout_1s_bps", ".3f", BPS), ("markout_5s_bps", ".3f", BPS), ("markout_30s_bps", ".3f", BPS),
    ("inventory_mean", ".6g", BASE), ("inventory_max", ".6g", BASE), ("position", ".6g", BASE),
    ("drawdown", ",.4f", QUOTE), ("sharpe", ",.1f", COUNT),
)  # fmt: skip
"""Name, form and unit of the figures, in the order in which they are shown."""
OVERVIEW = ("pnl_net", "fees", "turnover", "fills", "maker_share", "markout_5s_bps", "position", "drawdown")
"""Compared in one table when there are several accounts or symbols."""


def write_report(results: Results, path: Path | str) -> None:
    """Write the report; an existing file is replaced.

    Raises:
        ReportError: plotly is not installed. OSError: as `open`.
    """
    plotly = plotly_modules()
    rows = statistics(results)
    parts = []
    for number, row in enumerate(rows):
        series = pair_series(results, row.account, row.symbol)
        parts.append(f"<h2>{html.escape(row.symbol)}, account {html.escape(row.account)}</h2>")
        parts.append(_cards(row, {QUOTE: series.quote, BASE: series.base}))
        # The library is in the page once, whole: nothing is loaded from anywhere.
        parts.append(figure_html(main_figure(plotly, series), with_library=number == 0))
        if row.fills:
            parts.append(figure_html(markout_figure(plotly, series)))
    if rows:
        parts.append(_formulas(rows[0]))
    page = PAGE.format(
        title=html.escape(f"Backtest: {results.name}"),
        run=html.escape(run_line(results)),
        table=_warnings(results) + (_overview(rows) if rows else "<p>No order was sent.</p>"),
        charts="\n".join(parts),
        formulas="What is modelled and what is not: docs/realism.md of paper_bitmart.",
    )
    Path(path).write_text(page, encoding="utf-8")


def run_line(results: Results) -> str:
    """What was played, in one line."""
    start = datetime.fromtimestamp(results.start_ns // NS_PER_S, UTC)
    return (
        f"{start:%Y-%m-%d %H:%M:%S} UTC, {(results.end_ns - results.start_ns) / NS_PER_S:,.1f} s of market, "
        f"{results.events:,} events, {len(results.orders):,} orders, {len(results.fills):,} fills, "
        f"{results.refused:,} commands refused"
    )


def _warnings(results: Results) -> str:
    """Orders too large for their market, first of all."""
    return "".join(f'<p class="warning">{html.escape(one)}</p>' for one in oversized_orders(results))


def _overview(rows: Sequence[Statistics]) -> str:
    """Accounts and symbols below each other; one alone has its cards."""
    if len(rows) < 2:
        return ""
    forms = {name: form for name, form, _ in SHOWN}
    units = {name: unit for name, _, unit in SHOWN}
    names = [f"{_label(name)}{', bps' if units[name] == BPS else ''}" for name in OVERVIEW]
    hints = [html.escape(FORMULAS[name], quote=True) for name in OVERVIEW]
    heads = "".join(f'<th title="{hint}">{name}</th>' for name, hint in zip(names, hints, strict=True))
    lines = [
        f"<tr><td>{html.escape(f'{row.symbol} {row.account}')}</td>"
        + "".join(f"<td>{_number(getattr(row, name), forms[name])}</td>" for name in OVERVIEW)
        + "</tr>"
        for row in rows
    ]
    return f'<div class="wide"><table><tr><th></th>{heads}</tr>{"".join(lines)}</table></div>'


def _cards(row: Statistics, units: dict[str, str]) -> str:
    cells = [
        card(_label(name), _number(getattr(row, name), form), units.get(unit, unit), FORMULAS[name])
        for name, form, unit in SHOWN
    ]
    return f'<dl class="cards">{"".join(cells)}</dl>'


def _formulas(row: Statistics) -> str:
    """Every figure with its formula."""
    lines = "".join(
        f"<tr><td>{_label(name)}</td><td>{html.escape(FORMULAS[name])}</td></tr>" for name, _, _ in SHOWN
    )
    return (
        f'<h2>What the figures are</h2><table class="text">{lines}</table>'
        "<p>Money in quote currency, sizes in base. sign: +1 of a buy, -1 of a sell; a markout above 0 is in "
        "our favour. mid = (best bid + best ask) / 2 as displayed; equity = cash + position * mid - fees. "
        f"Equity and position are sampled every {row.sample_s:g} s. Sharpe is of money, not of returns: of a "
        "short recording it means little.</p>"
    )


def _label(name: str) -> str:
    return name.removesuffix("_bps").replace("_", " ")


def _number(value: float, form: str) -> str:
    return "-" if math.isnan(value) else format(value, form)

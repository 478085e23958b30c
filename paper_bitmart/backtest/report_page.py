"""The page of a report: one HTML file with its style, its scripts and its charts, readable without a network.

Needs plotly (extra `report`).

ReportError    a report cannot be written, and why
"""

import html
from typing import Any

BID, ASK, OURS = "#2f9e6e", "#d1495b", "#4a7fb5"
"""Colours of the bid side, the ask side, and what is our own; legible on white and on black."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark;
--ink: #222; --soft: #666; --line: #e4e4e4; --card: #f6f7f8; --page: #fff; }}
@media (prefers-color-scheme: dark) {{
:root {{ --ink: #ddd; --soft: #999; --line: #383838; --card: #222428; --page: #17181b; }}
}}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1280px; padding: 0 1rem;
color: var(--ink); background: var(--page); }}
h1 {{ font-size: 1.5rem; margin-bottom: .2rem; }} h2 {{ font-size: 1.15rem; margin: 2.2rem 0 .6rem; }}
p.warning {{ border-left: 4px solid #d1495b; padding-left: .8rem; }}
p.run {{ color: var(--soft); margin-top: 0; }}
div.wide {{ overflow-x: auto; }} div.wide td {{ white-space: nowrap; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
td, th {{ padding: .15rem .9rem .15rem 0; text-align: right; }} th {{ font-weight: 600; }}
td:first-child, th:first-child, table.text td {{ text-align: left; vertical-align: top; }}
tr + tr td {{ border-top: 1px solid var(--line); }}
dl.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr)); gap: .5rem;
margin: 0; }}
dl.cards div {{ background: var(--card); border-radius: 6px; padding: .45rem .7rem; }}
dl.cards dt {{ color: var(--soft); font-size: .8rem; }}
dl.cards dd {{ margin: 0; font-variant-numeric: tabular-nums; white-space: nowrap; }}
dl.cards small {{ color: var(--soft); }}
</style></head><body>
<h1>{title}</h1><p class="run">{run}</p>
{table}
{charts}
<p class="run">{formulas}</p>
<script>
// Charts in the page's own colours, which the reader's system chooses and may change.
const dark = matchMedia("(prefers-color-scheme: dark)");
function paint() {{
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line");
  for (const chart of document.querySelectorAll(".plotly-graph-div")) {{
    const change = {{"font.color": ink, "legend.font.color": ink}};
    for (const axis of Object.keys(chart._fullLayout).filter(name => /^[xy]axis[0-9]*$/.test(name)))
      Object.assign(change, {{[axis + ".gridcolor"]: line, [axis + ".zerolinecolor"]: line}});
    Plotly.relayout(chart, change);
  }}
}}
addEventListener("load", paint);
dark.addEventListener("change", paint);
</script>
</body></html>
"""
"""Placeholders: title, run, table, charts, formulas; all of them HTML."""


class ReportError(RuntimeError):
    """A report cannot be written; the text says why."""


def plotly_modules() -> Any:
    """plotly with graph_objects and subplots. Raises ReportError: it is not installed."""
    try:
        import plotly.graph_objects
        import plotly.subplots
    except ImportError as error:
        raise ReportError("a report needs plotly: pip install 'paper-bitmart[report]'") from error
    return plotly


def figure_html(figure: Any, *, with_library: bool = False) -> str:
    """A figure as a part of a page; the first of a page brings the library, so that nothing is loaded."""
    figure.update_layout(
        template="plotly_white", paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": "#999", "activecolor": OURS},
    )  # fmt: skip
    config = {"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]}
    text: str = figure.to_html(full_html=False, include_plotlyjs=with_library, config=config)
    return text


def card(label: str, value: str, unit: str, hint: str) -> str:
    """One number of a `dl.cards`; `hint` is shown under the pointer."""
    small = f" <small>{html.escape(unit)}</small>" if unit and value != "-" else ""
    texts = html.escape(hint, quote=True), html.escape(label), html.escape(value)
    return '<div title="{}"><dt>{}</dt><dd>{}{}</dd></div>'.format(*texts, small)

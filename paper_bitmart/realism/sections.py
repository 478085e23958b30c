"""Reports as sections: sentences and tables, once for the terminal and once for a page."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from paper_bitmart.realism.choice import Interval
from paper_bitmart.realism.figures import Number

CODE = "background: var(--card); padding: .4rem .8rem; font-size: 1.05rem"


@dataclass(frozen=True, slots=True)
class Section:
    """`table`: rows of cells, the heads first, after the sentences. `heavy`: what to type, last."""

    title: str
    sentences: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()
    heavy: Sequence[str] = field(default=())


def text_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    return [
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def as_lines(sections: Sequence[Section]) -> list[str]:
    """For a terminal."""
    lines: list[str] = []
    for section in sections:
        lines += ["", section.title] if lines else [section.title]
        lines += [f"  {one}" for one in section.sentences]
        lines += [f"  {one}" for one in text_table(section.table)]
        lines += [f"  {one}" for one in section.heavy]
    return lines


def as_html(section: Section) -> str:
    """For a page."""
    text = "".join(f"<p>{html.escape(one)}</p>" for one in section.sentences)
    heavy = "".join(f'<p><code style="{CODE}">{html.escape(one)}</code></p>' for one in section.heavy)
    return f"<h2>{html.escape(section.title)}</h2>{text}{html_table(section.table)}{heavy}"


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """The heads first; nothing of no rows."""
    if not rows:
        return ""
    parts = []
    for number, row in enumerate(rows):
        tag = "td" if number else "th"
        parts.append("<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>")
    return f'<div class="wide"><table>{"".join(parts)}</table></div>'


def told(value: Number, form: str) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None or value != value else format(value, form)


def span(bounds: Interval | None, form: str, to: str = " to ") -> str:
    """An interval, or a dash."""
    return "-" if bounds is None else f"{bounds[0]:{form}}{to}{bounds[1]:{form}}"

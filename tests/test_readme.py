"""The README is true: its tour is real output, its test command is CI's, its links lead somewhere.

PAPER_BITMART_REGEN=1 writes the tour's output anew instead of comparing it.
"""

import io
import json
import os
import re
from pathlib import Path

import pytest
from small_market import DEMO, DEMO_ORDERS, DEMO_RULES

from paper_bitmart.backtest.replay import ReplayOptions, replay
from paper_bitmart.connector.paper_exchange import PaperOptions
from paper_bitmart.connector.shell_run import run_shell

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TOUR = re.compile(r"(<!-- output of examples/first_fill.txt;[^\n]*\n```console\n)(.*?)(```)", re.DOTALL)
COUNTS = re.compile(r"[0-9,]+ orders accepted, .* commands(?= in )")
LINK = re.compile(r"\]\(([^)#:]*)(?:#([^)]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
DOCUMENTS = [README, TUTORIAL, *sorted((ROOT / "docs").rglob("*.md"))]


def tour():
    out = io.StringIO()
    with (ROOT / "examples" / "first_fill.txt").open() as lines:
        code = run_shell(PaperOptions(speed=None), "bitmart_paper_trade", stdin=lines, stdout=out)
    assert code == 0
    return out.getvalue()


def test_the_tour_is_what_the_program_prints():
    output, text = tour(), README.read_text()
    if os.environ.get("PAPER_BITMART_REGEN") == "1":
        README.write_text(TOUR.sub(lambda found: found[1] + output + found[3], text))
        return
    shown = TOUR.search(text)
    assert shown is not None
    assert shown[2] == output, (
        "run PAPER_BITMART_REGEN=1 pytest tests/test_readme.py, and read the difference"
    )


def test_the_replay_comes_to_what_the_readme_says(tmp_path):
    summary = replay(
        ReplayOptions(capture=DEMO, symbols=DEMO_RULES, orders=DEMO_ORDERS, out=tmp_path / "out.jsonl")
    )
    tally = summary.tally
    counts = (
        f"{tally.accept:,} orders accepted, {tally.reject:,} rejected, {tally.fill:,} fills, "
        f"{tally.cancel:,} canceled; "
        f"{summary.market_events:,} market events and {summary.commands:,} commands"
    )
    if os.environ.get("PAPER_BITMART_REGEN") == "1":
        README.write_text(COUNTS.sub(counts, README.read_text()))
        return
    assert COUNTS.search(README.read_text())[0] == counts


def test_ci_runs_the_readmes_test_command():
    install, run = re.search(
        r"pip install -q (.*) && \.venv/bin/(python -m pytest.*)", README.read_text()
    ).groups()
    ci = (ROOT / ".ci" / "run").read_text()
    assert f" {install}\n" in ci
    assert f".ci-venv/bin/{run} " in ci


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path):
    for target, anchor in LINK.findall(written(path)):
        there = path.parent / target if target else path
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


def written(path):
    """A document's text; of a notebook its written cells."""
    if path.suffix != ".ipynb":
        return path.read_text()
    cells = json.loads(path.read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(path):
    """What a heading is called in a link: small letters, hyphens for blanks, no other signs."""
    headings = HEADING.findall(CODE.sub("", written(path)))
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}

"""The programs in docs/backtest.md run as they stand."""

import re
from pathlib import Path

import pytest

import paper_bitmart
from paper_bitmart.backtest.history_convert import convert
from paper_bitmart.backtest.statistics import FORMULAS
from paper_bitmart.bitmart.rules import load_rules
from tests.small_market import DEMO, DEMO_RULES

PAGE = (Path(__file__).parents[2] / "docs" / "backtest.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("number", "fills"), [(0, 250), (1, 250), (2, 5)])
def test_a_program_of_the_page_trades(number, fills, tmp_path, monkeypatch):
    convert([DEMO], tmp_path / "market", load_rules(DEMO_RULES))
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(PROGRAMS[number], "docs/backtest.md", "exec"), names)
    assert len(names["results"].fills) > fills


def test_the_page_has_the_formula_of_every_statistic():
    rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", PAGE[PAGE.index("| name | formula |") :], re.MULTILINE))
    assert {name: rows.get(name) for name in FORMULAS} == FORMULAS


def test_the_public_names_are_the_packages():
    from paper_bitmart.backtest.backtest import Backtest
    from paper_bitmart.backtest.strategy import Strategy

    assert (paper_bitmart.Backtest, paper_bitmart.Strategy) == (Backtest, Strategy)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = paper_bitmart.Nothing

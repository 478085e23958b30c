"""A user's own queue model: the same formula gives the same fills, its answer is kept within bounds."""

import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from numba import njit
from own_formulas import five, half_power, nothing, three_powers
from replay_digest import random_steps

from paper_bitmart.backtest.session_facts import facts_of
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import CONSERVATIVE, POWER, ParameterError, custom_model

STEPS = [step for seed in range(6) for step in random_steps(seed, 300, 40)]


def played(model, cut=None):
    """Every report of random markets and orders; `cut`: through a checkpoint after that step."""
    matcher, rows = Matcher(queue_model=model), []
    for number, step in enumerate(STEPS[:300]):
        step.apply(matcher)
        rows += matcher.drain().tolist()
        if number == cut:
            matcher = Matcher.load(matcher.dump(), queue_model=model)
    return rows, matcher.dump()


def test_the_formula_of_a_named_model_gives_its_reports():
    own, named = played(custom_model("own", three_powers)), played(POWER)
    assert own[0] == named[0]
    assert len(own[0]) > 50
    assert played(custom_model("other", half_power))[0] != own[0]


def test_a_plain_function_and_an_njit_one_are_the_same_model():
    assert played(custom_model("a", three_powers)) == played(custom_model("b", njit(three_powers)))


@pytest.mark.parametrize("formula", [nothing, five])
def test_an_answer_that_is_no_share_is_cut_to_one(formula):
    rows, _ = played(custom_model("odd", formula))
    assert all(row[9] >= 0.0 or row[9] == -1.0 for row in rows)
    if formula is nothing:
        assert rows == played(CONSERVATIVE)[0]


def test_a_checkpoint_holds_no_address_and_goes_on():
    model = custom_model("own", three_powers)
    assert played(model, cut=120) == played(model)
    with pytest.raises(ValueError, match="another queue model"):
        Matcher.load(Matcher(queue_model=model).dump(), queue_model=POWER)


def test_a_name_that_is_taken_and_a_function_that_cannot_be_compiled_are_refused():
    with pytest.raises(ParameterError, match="power is a model already"):
        custom_model("power", three_powers)
    with pytest.raises(Exception, match="Failed in nopython mode"):
        custom_model("own", lambda ahead, behind, cancelled: open(str(ahead)))  # noqa: SIM115


def test_another_process_compiles_the_function_for_itself():
    program = (
        "import pickle, sys\n"
        "from paper_bitmart.matching.matcher import Matcher\n"
        "model = pickle.loads(bytes.fromhex(sys.argv[1]))\n"
        "assert model.address\n"
        "Matcher(queue_model=model)\n"
        "print(model.name)\n"
    )
    model = pickle.dumps(custom_model("own", three_powers)).hex()
    here = str(Path(__file__).parent)
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {here!r})\n{program}", model],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert run.stdout == "own\n"


def test_the_interpreted_core_asks_the_same_function():
    program = (
        "from test_custom_model import played, three_powers, custom_model, POWER\n"
        "assert played(custom_model('own', three_powers))[0][:40] == played(POWER)[0][:40]\n"
    )
    here = str(Path(__file__).parent)
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {here!r})\n{program}"],
        env={"NUMBA_DISABLE_JIT": "1", "PATH": "", "PYTHONPATH": ":".join(sys.path)}, timeout=120, check=True,
    )  # fmt: skip


def test_a_session_under_it_is_not_recorded():
    matchers = CoreMatchers(custom_model("own", three_powers))
    with pytest.raises(ValueError, match="cannot be recorded"):
        facts_of("demo", {}, VenueSettings(), matchers, None)

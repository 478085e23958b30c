"""What a session was run with, written and read: nothing is lost, and damage is told with its place."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from exchange.market_script import rules

from paper_bitmart.backtest.session_facts import SessionError, facts_of, read_facts, rules_of, write_facts
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.matching.latency import Exponential, LatencyProfile
from paper_bitmart.matching.models import POWER

RULES = {
    "BTC_USDT": rules(),
    "ES_USD": replace(rules("ES_USD"), tick=Decimal("0.25"), lot=Decimal(1), size_decimals=2),
    "NEW_USDT": replace(rules("NEW_USDT"), max_size=Decimal("1e3"), trade_status="pre-trade"),
}
SETTINGS = VenueSettings(fees=FeeRates(100, 200), fills_max=7)
MATCHERS = CoreMatchers(POWER, 4096, 50)
LATENCY = LatencyProfile(entry=Exponential(5, 7, seed=3))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "session.json"
    write_facts(path, facts_of("by hand", RULES, SETTINGS, MATCHERS, LATENCY))
    return path


def test_rules_settings_and_matchers_come_back_as_they_were(path):
    facts = read_facts(path)
    assert list(rules_of(path, facts).items()) == list(RULES.items())
    assert facts.venue_settings() == SETTINGS
    assert facts.core_matchers() == MATCHERS


def test_latency_is_noted_with_parameters_and_seed(path):
    assert read_facts(path).latency == {
        "entry": "Exponential(shift_ns=5, mean_ns=7, seed=3)",
        "cancel": "Constant(delay_ns=0)",
        "response": "Constant(delay_ns=0)",
        "market_data": "Constant(delay_ns=0)",
    }


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("format", "paper_bitmart session 9", "format must be"),
        ("fees", "none", r"Expected `array`"),
        ("rules", [{"symbol": "A_B"}], "rules: .*missing"),
        ("rules", [None], r"Expected `object`"),
    ],
)
def test_a_damaged_file_is_told_with_its_place(path, field, value, why):
    facts = json.loads(path.read_text())
    facts[field] = value
    path.write_text(json.dumps(facts))
    with pytest.raises(SessionError, match=f"session.json: .*{why}"):
        rules_of(path, read_facts(path))

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venue_bench import COIN, rules_of

from paper_bitmart.exchange.fees import FeeRates, fee_atoms
from paper_bitmart.exchange.holds import BUDGET_MAX, limit_buy_hold, market_buy_budget, market_buy_spendable

RULES = rules_of()
rates = st.builds(FeeRates, st.integers(0, 1_000_000), st.integers(0, 1_000_000))


@given(
    rates=rates,
    price_ticks=st.integers(1, 10**7),
    parts=st.lists(
        st.tuples(st.integers(1, 10**6), st.integers(0, 10**6), st.booleans()), min_size=1, max_size=12
    ),
)
def test_a_limit_buy_never_spends_more_than_it_froze(rates, price_ticks, parts):
    """Any sequence of fills at the price or better, as maker or taker."""
    leaves = sum(lots for lots, _, _ in parts)
    held = limit_buy_hold(RULES, price_ticks, leaves, rates)
    for lots, improvement, is_maker in parts:
        notional = RULES.notional_atoms(max(1, price_ticks - improvement), lots)
        leaves -= lots
        still_held = limit_buy_hold(RULES, price_ticks, leaves, rates)
        paid = notional + fee_atoms(notional, rates.maker_ppm if is_maker else rates.taker_ppm)
        assert held >= paid + still_held
        held = still_held
    assert held == 0


@given(given_atoms=st.integers(1, 10**30), taker_ppm=st.integers(0, 1_000_000))
def test_a_market_buy_with_its_fee_never_costs_more_than_was_given(given_atoms, taker_ppm):
    spendable = market_buy_spendable(given_atoms, FeeRates(0, taker_ppm))
    assert spendable + fee_atoms(spendable, taker_ppm) <= given_atoms


def test_the_captured_market_buy():
    assert market_buy_spendable(51 * COIN // 10, FeeRates(1000, 1000)) == 50949 * COIN // 10**4


@pytest.mark.parametrize(
    ("spendable", "budget"),
    [("1", 100_000), ("0.00001", 1), ("0.000009", 0), ("1E+15", BUDGET_MAX)],
)
def test_the_budget_counts_whole_tick_lots_and_fits_int64(spendable, budget):
    atoms = int(Decimal(spendable) * COIN)
    assert market_buy_budget(RULES, atoms) == budget

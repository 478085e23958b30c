import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.exchange.fees import FEE_STEP_ATOMS, FeeRates, FeeSchedule, fee_atoms

COIN = 10**18


@pytest.mark.parametrize(
    ("notional_atoms", "rate_ppm", "expected_atoms"),
    [
        (5_093_583_080_000_000_000, 1000, 5_093_580_000_000_000),  # captured live: 0.00509358308 cut
        (100 * COIN, 2500, 25 * COIN // 100),
        (100 * COIN, 0, 0),
        (100 * COIN, 1_000_000, 100 * COIN),
        (FEE_STEP_ATOMS, 999_999, 0),
    ],
)
def test_fee_is_notional_times_rate_cut_at_eight_decimals(notional_atoms, rate_ppm, expected_atoms):
    assert fee_atoms(notional_atoms, rate_ppm) == expected_atoms


@given(
    parts=st.lists(st.integers(0, 10**30), min_size=1, max_size=20),
    rate_ppm=st.integers(0, 1_000_000),
)
def test_fees_of_parts_never_exceed_the_fee_of_the_whole(parts, rate_ppm):
    assert sum(fee_atoms(part, rate_ppm) for part in parts) <= fee_atoms(sum(parts), rate_ppm)


def test_the_most_particular_rate_wins():
    fees = FeeSchedule(FeeRates(1, 2))
    fees.set("alice", None, FeeRates(3, 4))
    fees.set("alice", "BTC_USDT", FeeRates(5, 6))
    assert fees.rates("alice", "BTC_USDT") == (5, 6)
    assert fees.rates("alice", "ETH_USDT") == (3, 4)
    assert fees.rates("bob", "BTC_USDT") == (1, 2)


def test_default_is_a_quarter_percent_on_both_sides():
    assert FeeSchedule().rates("anyone", "BTC_USDT") == (2500, 2500)


@pytest.mark.parametrize(("rates", "field"), [((-1, 0), "maker_ppm"), ((0, 1_000_001), "taker_ppm")])
def test_a_rate_outside_zero_to_one_is_refused_by_name(rates, field):
    fees = FeeSchedule()
    with pytest.raises(ValueError, match=field):
        fees.set("alice", None, FeeRates(*rates))
    assert fees.overrides() == []

"""Decimal text and units: exact, or an error that says why.

Invariants of the property tests:
1. `to_units(n * unit, unit) == n` for every integer n and positive unit.
2. `text_to_units` and `parse_decimal` + `to_units` agree on every text, in value and in error.
3. `format_units` and `format_atoms` are read back to the same number.
"""

from decimal import Context, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart.decimals import (
    ATOMS,
    BadNumber,
    NotAMultiple,
    _canonical,
    _decimal_of_text,
    decimals_of,
    format_atoms,
    format_units,
    from_atoms,
    parse_decimal,
    place_point,
    text_to_units,
    to_atoms,
    to_units,
    truncate_to_units,
)

EXACT = Context(prec=400)
units = st.sampled_from([Decimal(t) for t in ("0.01", "0.25", "0.00001", "1", "10", "0.00000001", "0.3")])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2500.10", "2500.1"),
        ("5.000000000000000000000000000000", "5"),
        ("0.000010000000000000000000000000", "0.00001"),
        ("46813.500000000000000000000000000000000000000000000000", "46813.5"),
        ("+0.00533", "0.00533"),
        ("-0.5", "-0.5"),
        ("1e-8", "0.00000001"),
        ("1.5E3", "1500"),
        ("1E+2", "100"),
        (".5", "0.5"),
        ("5.", "5"),
        ("007", "7"),
        ("-0.00", "0"),
        (42, "42"),
        (Decimal("1.2300"), "1.23"),
        (Decimal("1E+5"), "100000"),
        (
            "123456789012345678901234567890.123456789012345678901",
            "123456789012345678901234567890.123456789012345678901",
        ),
    ],
)
def test_a_number_is_read_exactly_and_in_canonical_form(text: object, expected: str) -> None:
    assert format(parse_decimal(text), "f") == expected


@pytest.mark.parametrize(
    "bad",
    [
        "", " ", "NaN", "nan", "sNaN", "Infinity", "-inf", "1_000", " 1", "1 ", "1\n", "1,5", "0x10", "1.2.3",
        ".", "+", "e5", "1e", "--1", "\u0661", "\uff11", "\u00b2", "1" * 61, "1e999", "1e-61", "1e1000",
    ],
)  # fmt: skip
def test_text_that_is_no_number_is_refused(bad: str) -> None:
    with pytest.raises(BadNumber):
        parse_decimal(bad)
    with pytest.raises(BadNumber):
        text_to_units(bad, 2)


@pytest.mark.parametrize(
    "bad", [1.5, True, None, b"1", [], Decimal("NaN"), Decimal("Infinity"), 10**60, Decimal("1E+99")]
)
def test_a_value_that_is_not_exact_is_refused(bad: object) -> None:
    with pytest.raises(BadNumber):
        parse_decimal(bad)


def test_a_refused_number_is_shown_cut_in_the_error() -> None:
    with pytest.raises(BadNumber) as caught:
        parse_decimal("9" * 10_000)
    assert len(str(caught.value)) < 200
    assert caught.value.why == "more than 60 characters"


@pytest.mark.parametrize(
    ("text", "decimals", "expected"),
    [
        ("61837.64", 2, 6183764),
        ("61837.6", 2, 6183760),
        ("61837", 2, 6183700),
        ("46813.50000000000000", 2, 4681350),
        ("0", 5, 0),
        ("0.00005", 5, 5),
        ("0.1", 0, None),
        ("0.001", 2, None),
        ("7.000", 0, 7),
        ("1e-2", 2, 1),
        ("-3.5", 1, -35),
        ("+3.5", 1, 35),
    ],
)
def test_text_becomes_units_or_does_not_fit(text: str, decimals: int, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(NotAMultiple):
            text_to_units(text, decimals)
    else:
        assert text_to_units(text, decimals) == expected


@given(st.integers(-(10**25), 10**25), units)
def test_a_multiple_of_any_unit_is_counted_exactly(count: int, unit: Decimal) -> None:
    assert to_units(EXACT.multiply(Decimal(count), unit), unit) == count


@given(st.text(alphabet="0123456789.-+eE_ \u0663", max_size=12), st.integers(0, 8))
def test_the_fast_path_and_the_slow_path_agree(text: str, decimals: int) -> None:
    def slow() -> int:
        return to_units(parse_decimal(text), Decimal(1).scaleb(-decimals))

    try:
        expected = slow()
    except (BadNumber, NotAMultiple) as error:
        with pytest.raises(type(error)):
            text_to_units(text, decimals)
    else:
        assert text_to_units(text, decimals) == expected


@given(st.integers(-(10**30), 10**30), st.integers(0, 18))
def test_placing_the_point_is_the_inverse_of_reading(scaled: int, decimals: int) -> None:
    assert text_to_units(place_point(scaled, decimals), decimals) == scaled


@given(st.integers(-(10**40), 10**40))
def test_atoms_survive_the_way_through_decimal(atoms: int) -> None:
    assert to_atoms(from_atoms(atoms)) == atoms


@given(st.integers(-(10**30), 10**30), st.integers(0, 18))
def test_formatted_atoms_are_cut_toward_zero(atoms: int, decimals: int) -> None:
    shown = to_atoms(parse_decimal(format_atoms(atoms, decimals)))
    assert abs(shown) <= abs(atoms)
    assert abs(atoms) - abs(shown) < 10 ** (18 - decimals)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9), units
)
def test_truncation_loses_less_than_one_unit_toward_zero(value: Decimal, unit: Decimal) -> None:
    kept = EXACT.multiply(Decimal(truncate_to_units(value, unit)), unit)
    assert abs(kept) <= abs(value)
    assert EXACT.subtract(abs(value), abs(kept)) < unit


def test_more_digits_than_the_default_context_survive() -> None:
    assert (
        to_units(Decimal("1234567890123456789012345678901234.5"), Decimal("0.5"))
        == 2469135780246913578024691357802469
    )
    assert (
        to_atoms(Decimal("98765432109876543210.123456789012345678")) == 98765432109876543210123456789012345678
    )


def test_nothing_depends_on_the_callers_decimal_context() -> None:
    long = "1234567890.12345678"
    with localcontext(prec=2):
        value = parse_decimal(long + "0000000000")
        assert format(value, "f") == long
        assert from_atoms(to_atoms(value)) == value
        assert text_to_units(long, 8) == to_units(value, Decimal("0.00000001")) == 123456789012345678
        assert format_units(123456789012345678, Decimal("0.00000001"), 8) == long


@pytest.mark.parametrize("value", [Decimal("0.3"), Decimal("100.26"), Decimal("0.0000001")])
def test_a_value_between_two_units_is_refused_with_both_numbers(value: Decimal) -> None:
    with pytest.raises(NotAMultiple) as caught:
        to_units(value, Decimal("0.25"))
    assert (caught.value.value, caught.value.unit) == (value, Decimal("0.25"))
    assert str(caught.value) == f"{value:f} is not a multiple of 0.25"


@pytest.mark.parametrize("unit", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity")])
def test_a_unit_must_be_positive_and_finite(unit: Decimal) -> None:
    with pytest.raises(BadNumber):
        to_units(Decimal(1), unit)
    with pytest.raises(BadNumber):
        format_units(1, unit, 2)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity")])
def test_a_value_must_be_finite(value: Decimal) -> None:
    with pytest.raises(BadNumber):
        truncate_to_units(value, Decimal(1))


@pytest.mark.parametrize(
    ("count", "unit", "decimals", "expected"),
    [(10001, "0.25", 2, "2500.25"), (3, "10", 0, "30"), (-5, "0.01", 4, "-0.0500"), (0, "0.1", 1, "0.0")],
)
def test_units_are_written_with_the_asked_decimals(
    count: int, unit: str, decimals: int, expected: str
) -> None:
    assert format_units(count, Decimal(unit), decimals) == expected


def test_units_that_need_more_decimals_are_not_rounded() -> None:
    with pytest.raises(NotAMultiple):
        format_units(1, Decimal("0.25"), 1)


@pytest.mark.parametrize(
    ("atoms", "decimals", "expected"),
    [
        (5093583080000000, 8, "0.00509358"),
        (-5093583089999999, 8, "-0.00509358"),
        (ATOMS, 0, "1"),
        (7, 18, "0." + "0" * 17 + "7"),
    ],
)
def test_atoms_are_written_as_bitmart_writes_fees(atoms: int, decimals: int, expected: str) -> None:
    assert format_atoms(atoms, decimals) == expected


def test_an_amount_with_more_than_18_decimals_has_no_atoms() -> None:
    with pytest.raises(NotAMultiple):
        to_atoms(Decimal("0.0000000000000000001"))


@pytest.mark.parametrize(("unit", "expected"), [("0.25", 2), ("1", 0), ("1E+1", 0), ("0.0100", 2)])
def test_decimals_of_a_unit(unit: str, expected: int) -> None:
    assert decimals_of(Decimal(unit)) == expected


@given(st.from_regex(r"\A[0-9.]{1,62}\Z") | st.decimals(allow_nan=False, allow_infinity=False).map(str))
def test_the_fast_road_of_plain_numbers_gives_what_the_slow_one_gives(text):
    assert _outcome(parse_decimal, text) == _outcome(lambda text: _canonical(_decimal_of_text(text)), text)


def _outcome(read, text):
    try:
        return str(read(text))
    except BadNumber as error:
        return repr(error)

"""Exact decimal text <-> whole units. No float and no rounding context ever touches a number here.

BitMart writes every price, size and amount as decimal text, live ones with up to 30 decimals
("5.000000000000000000000000000000", protocol reference 4.6 and 6.12). The default context of `decimal` would
silently cut a product of such numbers to 28 digits, so all arithmetic below is integer arithmetic.

    BadNumber       the text is not a number that BitMart could mean
    NotAMultiple    the number is fine but does not lie on the tick, the lot or the atom
"""

import re
from decimal import Context, Decimal

ATOM_DECIMALS = 18
ATOMS = 10**ATOM_DECIMALS
"""Ledger units (atoms) in one whole coin of any asset."""

MAX_LENGTH = 60
"""Longest number text accepted; live BitMart sends up to 53 characters (protocol reference, question 45)."""

_ATOM = Decimal(1).scaleb(-ATOM_DECIMALS)
_POWERS_OF_TEN = tuple(10**n for n in range(MAX_LENGTH + 1))
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_PLAIN_NUMBER = re.compile(r"((?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?)(?:\.?0*)")
"""Nearly every number of a client; group 1 is its canonical form."""
_EXACT = Context(prec=1000)  # for error texts only; wide enough for any product here
_SHOWN = 80


class BadNumber(ValueError):
    """The value is not a finite decimal number of sane length.

    Attributes:
        value: what was given, cut for display when very long.
        why: the broken rule.
    """

    def __init__(self, value: object, why: str) -> None:
        super().__init__(value, why)
        shown = repr(value)
        self.value = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
        self.why = why

    def __str__(self) -> str:
        return f"{self.value} is not a number: {self.why}"


class NotAMultiple(ValueError):
    """The number is not a whole multiple of its unit.

    Attributes:
        value: the number, exact.
        unit: the tick, lot or atom it should be a multiple of.
    """

    def __init__(self, value: Decimal, unit: Decimal) -> None:
        super().__init__(value, unit)
        self.value = value
        self.unit = unit

    def __str__(self) -> str:
        return f"{plain(self.value)} is not a multiple of {plain(self.unit)}"


def parse_decimal(text: str | int | Decimal) -> Decimal:
    """Read a decimal number exactly.

    Args:
        text: plain or exponent notation ("2500.10", "+0.005", "1e-8"), an int, or a Decimal.

    Returns:
        The number in canonical form: no trailing zeros after the point, no positive exponent, no negative
        zero, so that equal numbers also have equal text.

    Raises:
        BadNumber: empty, not a number, NaN, infinite, a float or bool, or more than 60 characters or digits.
    """
    if isinstance(text, str):
        plain = _PLAIN_NUMBER.fullmatch(text)
        if plain is not None and len(text) <= MAX_LENGTH:
            return Decimal(plain[1])
        return _canonical(_decimal_of_text(text))
    if isinstance(text, bool | float):
        raise BadNumber(text, f"a {type(text).__name__} is not exact decimal text")
    if isinstance(text, int):
        if abs(text) >= _POWERS_OF_TEN[MAX_LENGTH]:
            raise BadNumber("a long integer", f"more than {MAX_LENGTH} digits")
        return Decimal(text)
    if isinstance(text, Decimal):
        return _canonical(text)
    raise BadNumber(text, "expected decimal text")


def text_to_units(text: str, decimals: int) -> int:
    """Read decimal text as a whole number of 10^-decimals; the mirror's hot path.

    Args:
        text: decimal text; plain digits with at most one point are fast, any other form takes the slow road.
        decimals: 0 to 60; the unit is 10^-decimals.

    Returns:
        The exact number of units ("61837.640", 2 -> 6183764).

    Raises:
        BadNumber: as `parse_decimal`.
        NotAMultiple: more than `decimals` decimals, other than trailing zeros.

    Cost: string slices and one int(), about 0.3 us for a price.
    """
    whole, _, fraction = text.partition(".")
    missing = decimals - len(fraction)
    if missing < 0:
        if fraction[decimals:].strip("0"):
            return to_units(parse_decimal(text), Decimal(1).scaleb(-decimals))
        fraction = fraction[:decimals]
        missing = 0
    digits = whole + fraction
    # int() alone would also take "1_000", " 1" and digits of other scripts.
    if digits.isdigit() and digits.isascii() and len(text) <= MAX_LENGTH:
        return int(digits) * _POWERS_OF_TEN[missing]
    return to_units(parse_decimal(text), Decimal(1).scaleb(-decimals))


def to_units(value: Decimal, unit: Decimal) -> int:
    """How many whole units the value is.

    Args:
        value: any finite number.
        unit: positive.

    Raises:
        NotAMultiple: the value lies between two multiples.
        BadNumber: the value is NaN or infinite, or the unit is not positive.
    """
    units, rest = _divmod(value, unit)
    if rest:
        raise NotAMultiple(value, unit)
    return units


def truncate_to_units(value: Decimal, unit: Decimal) -> int:
    """Whole units in the value, cut toward zero, as BitMart cuts prices (protocol reference 5.1).

    Raises:
        BadNumber: the value is NaN or infinite, or the unit is not positive.
    """
    units, rest = _divmod(value, unit)
    return units + 1 if rest and units < 0 else units


def format_units(units: int, unit: Decimal, decimals: int) -> str:
    """Write a whole number of units with exactly `decimals` decimals.

    Raises:
        NotAMultiple: `decimals` are too few to write the number exactly.
        BadNumber: the unit is not positive.
    """
    numerator, denominator = _ratio(unit)
    scaled, rest = divmod(units * numerator * 10**decimals, denominator)
    if rest:
        raise NotAMultiple(_EXACT.multiply(Decimal(units), unit), Decimal(1).scaleb(-decimals))
    return place_point(scaled, decimals)


def to_atoms(value: Decimal) -> int:
    """Amount of an asset in atoms (10^-18).

    Raises:
        NotAMultiple: more than 18 decimals.
        BadNumber: NaN or infinite.
    """
    return to_units(value, _ATOM)


def from_atoms(atoms: int) -> Decimal:
    """The exact amount, in canonical form (see `parse_decimal`)."""
    if atoms >= 0:
        digits = str(atoms).zfill(ATOM_DECIMALS + 1)
        return Decimal(f"{digits[:-ATOM_DECIMALS]}.{digits[-ATOM_DECIMALS:].rstrip('0')}")
    text = place_point(atoms, ATOM_DECIMALS)
    return Decimal(text.rstrip("0").rstrip("."))


def format_atoms(atoms: int, decimals: int = 8) -> str:
    """Write an amount with exactly `decimals` (0 to 18) decimals, cut toward zero like BitMart's fees.

    Source: protocol reference 5.1.
    """
    size = 10 ** (ATOM_DECIMALS - decimals)
    cut = atoms // size if atoms >= 0 else -(-atoms // size)
    return place_point(cut, decimals)


def place_point(scaled: int, decimals: int) -> str:
    """`scaled` times 10^-decimals as plain text: (12345, 2) -> "123.45"."""
    if decimals == 0:
        return str(scaled)
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled)).rjust(decimals + 1, "0")
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def plain(value: Decimal) -> str:
    """The number in plain notation, never with an exponent; trailing zeros are kept."""
    return format(value, "f")


def decimals_of(unit: Decimal) -> int:
    """Decimals needed to write the number exactly: 0.25 -> 2, 10 -> 0.

    Raises:
        BadNumber: NaN or infinite.
    """
    exponent = _canonical(unit).as_tuple().exponent
    assert isinstance(exponent, int)  # canonical numbers are finite
    return -exponent


def _decimal_of_text(text: str) -> Decimal:
    if len(text) > MAX_LENGTH:
        raise BadNumber(text, f"more than {MAX_LENGTH} characters")
    if not text:
        raise BadNumber(text, "empty")
    if _NUMBER.fullmatch(text) is None:
        raise BadNumber(text, "expected decimal text")
    return Decimal(text)


def _canonical(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise BadNumber(value, "not finite")
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)  # only NaN and infinity have a letter here
    if not value:
        return Decimal(0)
    if len(digits) > MAX_LENGTH or abs(exponent) > MAX_LENGTH:
        raise BadNumber(value, f"more than {MAX_LENGTH} digits")
    if exponent == 0:
        return value
    if exponent > 0:
        return Decimal((sign, digits + (0,) * exponent, 0))
    if digits[-1] != 0:
        return value
    text = format(value, "f")
    return Decimal(text.rstrip("0").rstrip("."))


def _ratio(value: Decimal) -> tuple[int, int]:
    if not value.is_finite():
        raise BadNumber(value, "not finite")
    if value <= 0:
        raise BadNumber(value, "a unit must be positive")
    return value.as_integer_ratio()


def _divmod(value: Decimal, unit: Decimal) -> tuple[int, int]:
    """Floor division in exact integers; the rest is non-zero iff the value is not a multiple."""
    if not value.is_finite():
        raise BadNumber(value, "not finite")
    numerator, denominator = value.as_integer_ratio()
    unit_numerator, unit_denominator = _ratio(unit)
    return divmod(numerator * unit_denominator, denominator * unit_numerator)

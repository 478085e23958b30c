"""Fees: maker and taker rates per account and symbol, charged in the quote currency.

Source: protocol reference 5.1 (quote currency on both sides) and 10, question 10 (cut at 8 decimals).
"""

from typing import NamedTuple

PPM = 1_000_000
FEE_STEP_ATOMS = 10**10
"""8 decimals of an asset counted in atoms of 10^-18."""


class FeeRates(NamedTuple):
    """Rates in parts per million of the notional: 2500 is 0.25 %."""

    maker_ppm: int
    taker_ppm: int

    @property
    def higher_ppm(self) -> int:
        """The rate that a limit buy reserves for: it does not know its role yet."""
        return max(self)


NO_FEES = FeeRates(0, 0)
DEFAULT_FEES = FeeRates(2500, 2500)


def cut(amount_atoms: int) -> int:
    """`amount_atoms` (>= 0) cut to 8 decimals of its asset, toward zero."""
    return amount_atoms - amount_atoms % FEE_STEP_ATOMS


def fee_atoms(notional_atoms: int, rate_ppm: int) -> int:
    """Fee of a notional, in atoms of the quote currency.

    >>> fee_atoms(5_093583080000000000, 1000)  # 5.09358308 at 0.1 % is 0.00509358308, cut to 0.00509358
    5093580000000000
    """
    return cut(notional_atoms * rate_ppm // PPM)


class FeeSchedule:
    """Rates by account and symbol: the most particular setting wins.

    Order of precedence: account and symbol, account, default of the venue.
    """

    def __init__(self, default: FeeRates = DEFAULT_FEES) -> None:
        self.default = _checked(default)
        self._overrides: dict[tuple[str, str], FeeRates] = {}

    def set(self, account: str, symbol: str | None, rates: FeeRates) -> None:
        """Set the rates of an account, for one symbol or (None) for all symbols without an own setting.

        Raises:
            ValueError: a rate is outside 0..1,000,000 ppm.
        """
        self._overrides[account, symbol or ""] = _checked(rates)

    def rates(self, account: str, symbol: str) -> FeeRates:
        """What the account pays on the symbol now."""
        own = self._overrides.get((account, symbol))
        if own is None:
            own = self._overrides.get((account, ""))
        return self.default if own is None else own

    def overrides(self) -> list[tuple[str, str, int, int]]:
        """Rows (account, symbol or "", maker_ppm, taker_ppm) in the order in which they were first set."""
        return [(account, symbol, *rates) for (account, symbol), rates in self._overrides.items()]


def _checked(rates: FeeRates) -> FeeRates:
    for name, value in zip(FeeRates._fields, rates, strict=True):
        if not 0 <= value <= PPM:
            raise ValueError(f"{name}: {value} is outside 0..{PPM} ppm")
    return rates

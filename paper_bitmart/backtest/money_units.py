"""In which units a compiled desk counts money, and whether that fits 64 bits."""

from math import gcd
from typing import NamedTuple

from paper_bitmart.backtest.fast_arrays import MONEY_MAX
from paper_bitmart.bitmart.decimals import ATOMS
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import FEE_STEP_ATOMS

FEE_STEP_MAX = 1_000_000
"""Most money units in 10^-8 of the quote currency: up to here a fee is reckoned without overflow."""


class MoneyUnits(NamedTuple):
    """How a symbol's money is counted; `unit_atoms` is the largest amount that divides both of the others."""

    unit_atoms: int
    per_tick_lot: int
    per_fee_step: int

    @classmethod
    def of(cls, rules: SymbolRules) -> "MoneyUnits":
        tick_lot_atoms = rules.tick_atoms * rules.lot_atoms // ATOMS
        unit = gcd(tick_lot_atoms, FEE_STEP_ATOMS)
        return cls(unit, tick_lot_atoms // unit, FEE_STEP_ATOMS // unit)

    @property
    def fits(self) -> bool:
        """Can fees be reckoned in 64 bits?"""
        return self.per_fee_step <= FEE_STEP_MAX


class Funds(NamedTuple):
    """What the account starts with; with `is_ample` no order is refused for want of it."""

    quote_atoms: int = 0
    base_atoms: int = 0
    is_ample: bool = True

    def fits(self, rules: SymbolRules) -> bool:
        """Can they be counted in 64 bits, with room to earn a thousand times as much?"""
        unit = MoneyUnits.of(rules).unit_atoms
        most = MONEY_MAX // 1_000
        return self.is_ample or (
            self.quote_atoms // unit <= most and self.base_atoms // rules.lot_atoms <= most
        )

"""How much an order freezes, at acceptance and after each of its fills.

    limit buy      price * size + fee at the higher of the two rates     quote
    market buy     the notional given                                    quote
    any sell       size                                                  base

A limit buy can never spend more than it froze: fills happen at its price or better, and the cut fees of
parts never sum to more than the cut fee of the whole. Source: protocol reference 10, questions 8 and 9.
"""

from paper_bitmart.bitmart.decimals import ATOMS
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import PPM, FeeRates, cut, fee_atoms
from paper_bitmart.exchange.orders import Order

BUDGET_MAX = 2**63 - 1
"""The matching core counts a market buy's money in int64 tick*lots."""


def limit_buy_hold(rules: SymbolRules, price_ticks: int, lots: int, rates: FeeRates) -> int:
    """Quote atoms that a limit buy of `lots` freezes."""
    notional = rules.notional_atoms(price_ticks, lots)
    return notional + fee_atoms(notional, rates.higher_ppm)


def market_buy_spendable(notional_atoms: int, rates: FeeRates) -> int:
    """What a market buy may spend of the amount given: the fee is reserved inside it.

    >>> market_buy_spendable(5_100000000000000000, FeeRates(1000, 1000))  # 5.1 gives 5.0949
    5094900000000000000
    """
    return cut(notional_atoms * (PPM - rates.taker_ppm) // PPM)


def market_buy_budget(rules: SymbolRules, spendable_atoms: int) -> int:
    """The same in tick*lots, the matching core's unit; never more than int64 holds."""
    return min(spendable_atoms * ATOMS // (rules.tick_atoms * rules.lot_atoms), BUDGET_MAX)


def hold_after_fill(order: Order, rules: SymbolRules, lots: int, notional_atoms: int, fee: int) -> int:
    """Atoms that stay frozen once `lots` of `order` filled for `notional_atoms` and `fee`."""
    if order.side is Side.SELL:
        return order.hold_atoms - lots * rules.lot_atoms
    if order.is_market_buy:
        complete = order.filled_notional_atoms + notional_atoms == order.notional_atoms
        return 0 if complete else order.hold_atoms - notional_atoms - fee
    rates = FeeRates(order.maker_ppm, order.taker_ppm)
    return limit_buy_hold(rules, order.price_ticks, order.leaves_lots - lots, rates)

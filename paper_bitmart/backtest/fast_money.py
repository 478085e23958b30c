"""Holds, settlement and fees of a compiled desk, exactly as the ledger reckons them, in 64-bit integers.

One unit of money is the largest amount of which both a tick * lot and 10^-8 of the quote currency are whole
multiples (money_units.py); base currency is counted in lots. The rules are those of exchange/holds.py and
exchange/fees.py; a run ends by comparing with the sum of its fills.
"""

from paper_bitmart.backtest.fast_arrays import (
    BASE_FREE,
    BASE_HELD,
    FEE_STEP,
    IS_AMPLE,
    MAKER_PPM,
    MONEY_MAX,
    QUOTE_FREE,
    QUOTE_HELD,
    STOP,
    TAKER_PPM,
    TOO_LARGE,
    UNITS,
)
from paper_bitmart.backtest.step_matcher import lean_inlined

PPM = 1_000_000
NOTHING_FITS = -1


@lean_inlined
def notional_units(s, price, lots):  # type: ignore[no-untyped-def]
    """Units that `lots` cost at a price, NOTHING_FITS when that is more than MONEY_MAX."""
    if lots > 0 and price > MONEY_MAX // lots // s[UNITS]:
        return NOTHING_FITS
    return price * lots * s[UNITS]


@lean_inlined
def fee_of(s, units, ppm):  # type: ignore[no-untyped-def]
    """Fee of a notional, cut to 10^-8: FEE_STEP * floor(units * ppm / (10^6 * FEE_STEP)) without overflow."""
    step = PPM * s[FEE_STEP]
    whole, rest = units // step, units % step
    return s[FEE_STEP] * (whole * ppm + rest * ppm // step)


@lean_inlined
def limit_buy_hold(s, price, lots):  # type: ignore[no-untyped-def]
    """Units that a limit buy freezes: its notional and the higher fee; NOTHING_FITS as above."""
    units = notional_units(s, price, lots)
    if units < 0:
        return units
    return units + fee_of(s, units, max(s[MAKER_PPM], s[TAKER_PPM]))


@lean_inlined
def covers(s, side, amount):  # type: ignore[no-untyped-def]
    """Is there enough to freeze? Ample funds always are, but beyond what fits 64 bits the run must stop."""
    if s[IS_AMPLE] and (amount == NOTHING_FITS or amount > s[QUOTE_FREE if side == 0 else BASE_FREE]):
        s[STOP] = TOO_LARGE
        return False
    return amount != NOTHING_FITS and amount <= s[QUOTE_FREE if side == 0 else BASE_FREE]


@lean_inlined
def freeze(s, row, amount):  # type: ignore[no-untyped-def]
    """Hold `amount` for an accepted order."""
    row["hold"] = amount
    if row["side"] == 0:
        s[QUOTE_FREE] -= amount
        s[QUOTE_HELD] += amount
    else:
        s[BASE_FREE] -= amount
        s[BASE_HELD] += amount


@lean_inlined
def release(s, row):  # type: ignore[no-untyped-def]
    """Free what is still frozen for an order that has ended."""
    freeze(s, row, -row["hold"])
    row["hold"] = 0


@lean_inlined
def settle(s, row, price, lots, is_taker, leaves, is_market):  # type: ignore[no-untyped-def]
    """Pay for a fill. Returns (fee in units, whether the order is complete)."""
    units = price * lots * s[UNITS]
    fee = fee_of(s, units, s[TAKER_PPM] if is_taker else s[MAKER_PPM])
    before = row["hold"]
    if row["side"] == 1:
        s[BASE_HELD] -= lots
        s[QUOTE_FREE] += units - fee
        row["hold"] = before - lots
        if s[QUOTE_FREE] > 2 * MONEY_MAX:
            s[STOP] = TOO_LARGE
        return fee, leaves == 0
    if is_market:
        row["spent"] += units
        is_complete = row["spent"] == row["spendable"]
        after = 0 if is_complete else before - units - fee
    else:
        is_complete = leaves == 0
        after = limit_buy_hold(s, row["price"], leaves)
    s[QUOTE_HELD] += after - before
    s[QUOTE_FREE] += before - after - units - fee
    s[BASE_FREE] += lots
    row["hold"] = after
    return fee, is_complete

"""What balances must be after a list of fills: the sum that every client's user does in the end."""

from decimal import Decimal
from typing import NamedTuple


class ClientFill(NamedTuple):
    """A fill as the client told it; the fee is in the quote currency (protocol reference 5.1)."""

    side: str
    price: Decimal
    size: Decimal
    fee: Decimal

    @classmethod
    def of(cls, side, price, size, fee):
        return cls(side, Decimal(price), Decimal(size), Decimal(fee))


def after_fills(before, fills, base="BTC", quote="USDT"):
    """Total of base and quote after `fills`, from the totals `before`; exact."""
    totals = {base: before[base].total, quote: before[quote].total}
    for fill in fills:
        sign = 1 if fill.side == "buy" else -1
        totals[base] += sign * fill.size
        totals[quote] -= sign * fill.size * fill.price + fill.fee
    return totals


def assert_money(exchange, key, before, fills, *, frozen=None):
    """The ledger holds exactly what the client's fills say, and nothing stays frozen but `frozen`."""
    after = exchange.money(key)
    expected = after_fills(before, fills)
    assert {asset: after[asset].total for asset in expected} == expected
    held = {asset: Decimal(amount) for asset, amount in (frozen or {}).items()}
    assert {asset: after[asset].frozen for asset in expected if after[asset].frozen} == held
    exchange.check()

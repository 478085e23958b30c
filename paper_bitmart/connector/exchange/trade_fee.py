"""What a fill cost, in Hummingbot's form: BitMart charges the quote currency on both sides.

TradeFee
├── AddedToCostTradeFee           a buyer pays it on top
└── DeductedFromReturnsTradeFee   a seller receives that much less
"""

from decimal import Decimal
from typing import Any, ClassVar, NamedTuple

from paper_bitmart.connector.exchange.vocabulary import TradeType

ZERO = Decimal(0)


class TokenAmount(NamedTuple):
    token: str
    amount: Decimal


class TradeFee:
    """A percentage of the notional (0.0025 is 0.25 %), amounts in named tokens, or both.

    Attributes:
        percent_token: the token that the fee is paid in.
    """

    __slots__ = ("flat_fees", "percent", "percent_token")
    fee_type: ClassVar[str]

    def __init__(
        self,
        percent: Decimal = ZERO,
        percent_token: str | None = None,
        flat_fees: tuple[TokenAmount, ...] = (),
    ) -> None:
        self.percent, self.percent_token, self.flat_fees = percent, percent_token, flat_fees

    @property
    def fee_asset(self) -> str | None:
        """The token of the fee; None for a fee of nothing."""
        return self.percent_token or (self.flat_fees[0].token if self.flat_fees else None)

    def to_json(self) -> dict[str, Any]:
        """As Hummingbot stores it: amounts as text."""
        return {
            "fee_type": self.fee_type,
            "percent": str(self.percent),
            "percent_token": self.percent_token,
            "flat_fees": [{"token": token, "amount": str(amount)} for token, amount in self.flat_fees],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "TradeFee":
        """The fee that `to_json` wrote. Raises KeyError for an unknown `fee_type` or a missing field."""
        flat_fees = tuple(TokenAmount(one["token"], Decimal(one["amount"])) for one in data["flat_fees"])
        kind = _KINDS[data["fee_type"]]
        return kind(Decimal(data["percent"]), data["percent_token"], flat_fees)

    @classmethod
    def of_fill(cls, side: TradeType, token: str, amount: Decimal) -> "TradeFee":
        """The fee of one BitMart fill."""
        kind = AddedToCostTradeFee if side is TradeType.BUY else DeductedFromReturnsTradeFee
        return kind(ZERO, token, (TokenAmount(token, amount),))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, TradeFee) and self._parts == other._parts

    def __hash__(self) -> int:
        return hash((self.fee_type, self._parts))

    @property
    def _parts(self) -> tuple[Decimal, str | None, tuple[TokenAmount, ...]]:
        return self.percent, self.percent_token, self.flat_fees

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.percent}, {self.percent_token!r}, {self.flat_fees})"


class AddedToCostTradeFee(TradeFee):
    __slots__ = ()
    fee_type = "AddedToCost"


class DeductedFromReturnsTradeFee(TradeFee):
    __slots__ = ()
    fee_type = "DeductedFromReturns"


_KINDS: dict[str, type[TradeFee]] = {
    kind.fee_type: kind for kind in (AddedToCostTradeFee, DeductedFromReturnsTradeFee)
}

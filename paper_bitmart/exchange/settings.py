"""What a user of the venue may choose; every default is BitMart's behaviour or a documented limit."""

from dataclasses import dataclass

from paper_bitmart.exchange.fees import DEFAULT_FEES, NO_FEES, FeeRates

NS_PER_MINUTE = 60 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueSettings:
    """Settings of one venue.

    Memory is bounded by the `*_max` limits: about 0.6 kB per remembered order and 0.9 kB per fill. What is
    forgotten here is still in the journal.
    """

    fees: FeeRates = DEFAULT_FEES
    """Rates of accounts without own ones; `NO_FEES` for fidelity runs."""
    unfilled_visible_ns: int = 20 * NS_PER_MINUTE
    """How long an order cancelled without any fill answers single-order queries (protocol reference 5.12)."""
    accounts_max: int = 100_000
    open_orders_per_account_max: int = 100_000
    """Further orders are refused with 51008."""
    closed_orders_max: int = 1_000_000
    """Over all accounts; the one closed longest ago is forgotten first, its client order id is free again."""
    fills_max: int = 2_000_000
    """Over all accounts; the oldest is forgotten first."""

    def __post_init__(self) -> None:
        for name in (
            "unfilled_visible_ns",
            "accounts_max",
            "open_orders_per_account_max",
            "closed_orders_max",
            "fills_max",
        ):
            value = getattr(self, name)
            if value < 0:
                raise ValueError(f"{name}: {value} is negative")


__all__ = ["NO_FEES", "VenueSettings"]

"""A symbol's limits, in Hummingbot's form."""

from dataclasses import dataclass
from decimal import Decimal

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.bitmart.topics import trading_pair_of

LARGEST = Decimal("1e56")
"""Hummingbot's "no limit"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRule:
    """Limits of one trading pair; sizes in base, `min_order_value` in quote currency.

    `min_base_amount_increment` is BitMart's smallest size, not its lot, because the real connector reads it
    so: what a strategy quantizes here, it quantizes there.
    """

    trading_pair: str
    min_order_size: Decimal
    max_order_size: Decimal
    min_price_increment: Decimal
    min_base_amount_increment: Decimal
    min_order_value: Decimal
    min_notional_size: Decimal = Decimal(0)
    supports_limit_orders: bool = True
    supports_market_orders: bool = True

    @classmethod
    def of(cls, rules: SymbolRules) -> "TradingRule":
        """As `BitmartExchange._format_trading_rules` reads the same symbol."""
        return cls(
            trading_pair=trading_pair_of(rules.symbol),
            min_order_size=rules.min_size,
            max_order_size=LARGEST,
            min_price_increment=rules.tick,
            min_base_amount_increment=rules.min_size or rules.lot,
            min_order_value=rules.min_buy_notional,
        )

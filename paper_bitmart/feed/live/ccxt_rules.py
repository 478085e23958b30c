"""A ccxt market's precision and limits as BitMart's trading rules."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from paper_bitmart.bitmart.decimals import BadNumber, decimals_of, parse_decimal
from paper_bitmart.bitmart.rules import TRADING, RulesError, SymbolRules

DECIMAL_PLACES: Final = 2
TICK_SIZE: Final = 4
"""ccxt's precision modes; the third, significant digits, has no fixed tick."""
NOT_TRADING = "pre-trade"


def ccxt_name(symbol: str) -> str:
    """BitMart's form to ccxt's: "BTC_USDT" -> "BTC/USDT"."""
    return symbol.replace("_", "/")


def number(value: Any) -> Decimal:
    """A number of ccxt, usually a float, by its shortest text: 0.1 is a tenth.

    Raises:
        BadNumber: None, not finite, or no number.
    """
    if value is None:
        raise BadNumber("None", "is missing")
    return parse_decimal(value if isinstance(value, str) else str(value))


def rules_of_market(symbol: str, market: Mapping[str, Any], mode: int, symbol_id: int) -> SymbolRules:
    """Rules of one row of `load_markets`.

    Raises:
        RulesError: without a fixed tick and lot, or with bad numbers.
    """
    place = f"ccxt market {market.get('symbol', symbol)}"
    if mode not in (DECIMAL_PLACES, TICK_SIZE):
        raise RulesError(place, "precisionMode", f"must be decimal places or tick size, not {mode}")
    precision = market.get("precision") or {}
    limits = market.get("limits") or {}
    tick = _step(precision, "price", mode, place)
    lot = _step(precision, "amount", mode, place)
    amount, cost = limits.get("amount") or {}, limits.get("cost") or {}
    min_notional = _limit(cost, "min", place) or Decimal(0)
    base, _, quote = symbol.partition("_")
    max_size = _limit(amount, "max", place)
    return SymbolRules(
        symbol=symbol,
        symbol_id=symbol_id,
        base=base,
        quote=quote,
        price_decimals=decimals_of(tick),
        size_decimals=decimals_of(lot),
        tick=tick,
        lot=lot,
        min_size=_limit(amount, "min", place) or lot,
        max_size=max_size if max_size and max_size > lot else None,
        min_buy_notional=min_notional,
        min_sell_notional=min_notional,
        trade_status=TRADING if market.get("active", True) is not False else NOT_TRADING,
    )


def _step(precision: Mapping[str, Any], name: str, mode: int, place: str) -> Decimal:
    try:
        value = number(precision.get(name))
    except BadNumber as error:
        raise RulesError(place, f"precision.{name}", str(error)) from error
    if mode == DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(value))
    return value.quantize(Decimal(1).scaleb(-decimals_of(value)), rounding=ROUND_DOWN)


def _limit(limits: Mapping[str, Any], name: str, place: str) -> Decimal | None:
    if limits.get(name) is None:
        return None
    try:
        return number(limits[name])
    except BadNumber as error:
        raise RulesError(place, f"limits.{name}", str(error)) from error

"""The checks that every new order passes, in the order in which their refusals win.

    1  symbol        50028 missing   50001 unknown   50040 not trading
    2  type          52001
    3  side          52002
    4  stpMode       50021
    5  parameters    50010 size   50011 price   50012 notional   50021 no number, or market buy by size
    6  client id     50037 too long   50038 not letters and digits   50042 in use
    7  price         cut to the tick, then 50008 not positive   50025 too large
    8  size          51015 not positive; cut to the lot, then 50006 too small   50007 too large
    9  notional      51011 limit types   51012 market buy   51014 market sell
    10 feed          50022 the symbol's market is not known now
    11 open orders   51008 the account has too many
    12 balance       50020

1 to 9 need the order only; 10 to 12 need the venue's state. Sources: protocol reference 5.1, 5.6, 8.2
and 10 (questions 2, 8, 9, 23); the order itself is not documented by BitMart and is our reading.
"""

from collections.abc import Callable, Collection
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple, TypeVar

from paper_bitmart.bitmart.decimals import (
    ATOMS,
    MAX_LENGTH,
    BadNumber,
    NotAMultiple,
    from_atoms,
    to_atoms,
    to_units,
    truncate_to_units,
)
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.bitmart.errors import InsufficientBalance, refusal
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import FEE_STEP_ATOMS, FeeRates
from paper_bitmart.exchange.holds import limit_buy_hold, market_buy_spendable
from paper_bitmart.exchange.identifiers import client_order_id_fault
from paper_bitmart.exchange.ledger import Ledger
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.feed.events import FeedState

UNITS_MAX = 2**53 - 1
"""Most ticks or lots of one order: the core estimates queues in float64, which is exact up to here."""
E = TypeVar("E", bound=StrEnum)
_FEE_STEP = Decimal(FEE_STEP_ATOMS) / ATOMS


class CheckedOrder(NamedTuple):
    """A new order that passed checks 1 to 9, in ticks, lots and atoms; `hold_*` is what it will freeze."""

    symbol: str
    side: Side
    type: OrderType
    stp_mode: StpMode
    client_order_id: str
    price_ticks: int
    size_lots: int
    notional_atoms: int
    hold_asset: str
    hold_atoms: int


class SymbolLimits:
    """The smallest and largest order of a symbol in lots and atoms, so that checks compare ints."""

    __slots__ = ("max_lots", "min_buy_atoms", "min_lots", "min_sell_atoms", "rules")

    def __init__(self, rules: SymbolRules) -> None:
        self.rules = rules
        self.min_lots = _ceil_units(rules.min_size, rules.lot)
        largest = UNITS_MAX if rules.max_size is None else rules.truncate_size(rules.max_size)
        self.max_lots = min(largest, UNITS_MAX)
        atom = Decimal(1) / ATOMS
        self.min_buy_atoms = _ceil_units(rules.min_buy_notional, atom)
        self.min_sell_atoms = _ceil_units(rules.min_sell_notional, atom)


def check_order(
    order: NewOrder,
    limits: SymbolLimits,
    rates: FeeRates,
    *,
    is_client_id_used: Callable[[str], bool],
    last_price_ticks: int,
) -> CheckedOrder:
    """Checks 1 (trading) to 9.

    Args:
        limits: of the order's symbol.
        rates: that the account pays on this symbol.
        is_client_id_used: whether the account's client order id is taken.
        last_price_ticks: of the latest print, to value a market sell; 0 = none known, 51014 is not checked.

    Raises:
        BitmartError: the first check that fails.
    """
    rules = limits.rules
    if not rules.is_tradable:
        raise refusal(50040, field="symbol", value=order.symbol)
    order_type = _member(OrderType, order.type, 52001, "type")
    side = _member(Side, order.side, 52002, "side")
    stp_mode = _member(StpMode, order.stp_mode, 50021, "stpMode")
    is_market_buy = order_type is OrderType.MARKET and side is Side.BUY
    _check_parameters(order, order_type, is_market_buy)
    client_order_id = _check_client_order_id(order.client_order_id or "", is_client_id_used)
    price_ticks = 0 if order_type is OrderType.MARKET else _price_ticks(order.price, rules)
    if is_market_buy:
        given_atoms = _market_buy_notional(order.notional, limits)
        size_lots, notional_atoms = 0, market_buy_spendable(given_atoms, rates)
        hold_asset, hold_atoms = rules.quote, given_atoms
    else:
        size_lots, notional_atoms = _size_lots(order.size, limits), 0
        _check_notional(limits, order_type, side, price_ticks or last_price_ticks, size_lots)
        if side is Side.BUY:
            hold_asset, hold_atoms = rules.quote, limit_buy_hold(rules, price_ticks, size_lots, rates)
        else:
            hold_asset, hold_atoms = rules.base, size_lots * rules.lot_atoms
    return CheckedOrder(
        order.symbol,
        side,
        order_type,
        stp_mode,
        client_order_id,
        price_ticks,
        size_lots,
        notional_atoms,
        hold_asset,
        hold_atoms,
    )


def check_feed(symbol: str, state: FeedState) -> None:
    """Check 10. Raises BitmartError (50022)."""
    if state is not FeedState.LIVE:
        raise refusal(50022, field="symbol", value=f"{symbol} feed {state.name.lower()}")


def check_open_orders(count: int, limit: int) -> None:
    """Check 11, of an account that has `count` open orders. Raises BitmartError (51008)."""
    if count >= limit:
        raise refusal(51008, field="account", limit=limit)


def check_available(ledger: Ledger, account: str, asset: str, needed_atoms: int) -> None:
    """Check 12. Raises InsufficientBalance (50020)."""
    balance = ledger.balance(account, asset)
    if balance.available_atoms < needed_atoms:
        raise InsufficientBalance(
            asset,
            from_atoms(needed_atoms),
            from_atoms(balance.available_atoms),
            from_atoms(balance.frozen_atoms),
        )


def amount_in_atoms(assets: Collection[str], asset: str, amount: Decimal) -> int:
    """The amount of a deposit or withdrawal.

    Raises:
        BitmartError: 51000 an asset that is not among `assets`; 50021 not a positive number of at most
            18 decimals.
    """
    if asset not in assets:
        known = ", ".join(sorted(assets))
        raise refusal(
            51000, field="asset", value=asset, message=f"Currency not found; this market has {known}"
        )
    try:
        amount_atoms = to_atoms(amount)
    except (BadNumber, NotAMultiple):
        amount_atoms = 0
    if amount_atoms <= 0:
        raise refusal(50021, field="amount", value=amount)
    return amount_atoms


def _member(vocabulary: type[E], value: str, code: int, field: str) -> E:
    """The enum member, also for the bare text that an edge may pass on unread."""
    try:
        return vocabulary(value)
    except ValueError:
        raise refusal(code, field=field, value=value) from None


def _check_parameters(order: NewOrder, order_type: OrderType, is_market_buy: bool) -> None:
    if is_market_buy:
        if order.notional is None and order.size is not None:
            raise refusal(50021, field="notional")
        if order.notional is None:
            raise refusal(50012, field="notional")
        _check_number(order.notional, "notional")
        return
    if order.size is None:
        raise refusal(50010, field="size")
    if order.price is None and order_type is not OrderType.MARKET:
        raise refusal(50011, field="price")
    _check_number(order.size, "size")
    if order.price is not None and order_type is not OrderType.MARKET:
        _check_number(order.price, "price")


def _check_number(value: Decimal, field: str) -> None:
    """A finite Decimal of sane length; a float is no exact number."""
    is_number = isinstance(value, Decimal) and value.is_finite()
    if not is_number or abs(value.adjusted()) > MAX_LENGTH:
        raise refusal(50021, field=field, value=value)


def _check_client_order_id(text: str, is_used: Callable[[str], bool]) -> str:
    """Empty text is no id: the order id will double as one."""
    if text:
        fault = client_order_id_fault(text)
        if not fault and is_used(text):
            fault = 50042
        if fault:
            raise refusal(fault, field="client_order_id", value=text)
    return text


def _price_ticks(price: Decimal | None, rules: SymbolRules) -> int:
    assert price is not None  # check 5
    try:
        ticks = rules.truncate_price(price)
    except BadNumber:
        ticks = UNITS_MAX + 1
    if ticks > UNITS_MAX:
        raise refusal(50025, field="price", limit=rules.price(UNITS_MAX), value=price)
    if ticks <= 0:
        raise refusal(50008, field="price", limit=rules.tick, value=price)
    return ticks


def _size_lots(size: Decimal | None, limits: SymbolLimits) -> int:
    assert size is not None  # check 5
    rules = limits.rules
    if size <= 0:
        raise refusal(51015, field="size", limit=rules.min_size, value=size)
    try:
        lots = rules.truncate_size(size)
    except BadNumber:
        lots = limits.max_lots + 1
    if lots < max(limits.min_lots, 1):
        raise refusal(50006, field="size", limit=max(rules.min_size, rules.lot), value=size)
    if lots > limits.max_lots:
        raise refusal(50007, field="size", limit=rules.size(limits.max_lots), value=size)
    return lots


def _market_buy_notional(notional: Decimal | None, limits: SymbolLimits) -> int:
    """The given amount in atoms, cut to BitMart's 8 decimals."""
    assert notional is not None  # check 5
    given_atoms = truncate_to_units(notional, _FEE_STEP) * FEE_STEP_ATOMS
    if given_atoms < max(limits.min_buy_atoms, 1):
        raise refusal(51012, field="notional", limit=limits.rules.min_buy_notional, value=notional)
    return given_atoms


def _check_notional(
    limits: SymbolLimits, order_type: OrderType, side: Side, price_ticks: int, size_lots: int
) -> None:
    rules = limits.rules
    if side is Side.BUY:
        smallest, smallest_atoms = rules.min_buy_notional, limits.min_buy_atoms
    else:
        smallest, smallest_atoms = rules.min_sell_notional, limits.min_sell_atoms
    if not price_ticks or rules.notional_atoms(price_ticks, size_lots) >= smallest_atoms:
        return
    if order_type is OrderType.MARKET:
        raise refusal(51014, field="size", limit=smallest, value=rules.size(size_lots))
    raise refusal(51011, field="size", limit=smallest, value=rules.size(size_lots))


def _ceil_units(value: Decimal, unit: Decimal) -> int:
    """The smallest whole number of units that is not below `value` (>= 0)."""
    try:
        return to_units(value, unit)
    except NotAMultiple:
        return truncate_to_units(value, unit) + 1

"""A user's own real orders and fills, on the receive-time axis of the capture they are held against.

Two forms are read (docs/calibrate.md): what BitMart's order and trade queries answer (`real_bitmart`), and a
CSV file (`real_csv`). Both become `RealOrder`; what cannot be used is counted, never dropped silently.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from paper_bitmart.bitmart.decimals import BadNumber, NotAMultiple, parse_decimal
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.realism.outcomes import TAKER, OneFill, TrueOrder

ACCOUNT = "real"
"""All real orders are one account's: they stood in one queue and knew of each other."""
EARLY_NS = 10**9
"""A fill that much before its order means that two clocks were mixed up."""
SIDES, TYPES, ROLES = ("buy", "sell"), ("limit", "limit_maker", "ioc", "market"), ("maker", "taker")


class RealOrdersError(ValueError):
    """A file of real orders cannot be used.

    Carries `path`, `place` (a line or row; "": the file as a whole), `field` and `why`.
    """

    def __init__(self, path: Path, place: str, field: str, why: str) -> None:
        at = f"{path}" + (f":{place}" if place else "") + (f":{field}" if field else "")
        super().__init__(f"{at}: {why}")
        self.path, self.place, self.field, self.why = path, place, field, why


@dataclass(slots=True)
class RealOrder:
    """One real order.

    sent_ns, cancel_ns: on the receive-time axis; cancel_ns None: nobody cancelled it. notional: of a market
    buy, which has no size.
    """

    order_id: str
    symbol: str
    side: str
    type: str
    price_ticks: int
    size_lots: int
    notional: Decimal | None
    sent_ns: int
    cancel_ns: int | None = None
    fills: list[OneFill] = field(default_factory=list)

    @property
    def end_ns(self) -> int:
        """The last that is known of it."""
        return max([self.sent_ns, self.cancel_ns or 0, *(fill.at_ns for fill in self.fills)])


class RealOrders(NamedTuple):
    """`orders` by time of sending; `left_out`: how many could not be used, by reason.

    sent_on_venue_clock: sending times are the venue's, so the way to it is not in them.
    cancelled_on_venue_clock: times of cancels are when the venue did them, not when they were sent.
    """

    orders: list[RealOrder]
    left_out: Counter[str]
    sent_on_venue_clock: bool
    cancelled_on_venue_clock: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file, read field by field; every fault names its place."""

    path: Path
    place: str
    values: Mapping[str, object]
    rules: Mapping[str, SymbolRules]

    def has(self, name: str) -> bool:
        return self.values.get(name) not in (None, "")

    def text(self, name: str, among: Sequence[str] = ()) -> str:
        value = self.values.get(name)
        if value is None or value == "":
            raise self.fault(name, "is missing")
        if not isinstance(value, str):
            raise self.fault(name, f"must be text, not {value!r}")
        if among and value not in among:
            raise self.fault(name, f"must be {', '.join(among[:-1])} or {among[-1]}, not {value!r}")
        return value

    def whole(self, name: str) -> int:
        value = self.values.get(name)
        if value is None or value == "":
            raise self.fault(name, "is missing")
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 2**62:
            raise self.fault(name, f"must be a whole number of ns or ms since 1970, not {value!r}")
        return number

    def number(self, name: str) -> Decimal:
        value = self.values.get(name)
        if value is None or value == "":
            raise self.fault(name, "is missing")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise self.fault(name, f"must be a decimal number as text, not {value!r}")
        try:
            return parse_decimal(str(value))
        except BadNumber as error:
            raise self.fault(name, str(error)) from error

    def ticks(self, name: str, symbol: str) -> int:
        value = self.number(name)
        if value <= 0:
            raise self.fault(name, "must be positive")
        try:
            return self.rules[symbol].price_ticks(value)
        except (BitmartError, NotAMultiple) as error:
            raise self.fault(name, str(error)) from error

    def lots(self, name: str, symbol: str) -> int:
        value = self.number(name)
        if value <= 0:
            raise self.fault(name, "must be positive")
        try:
            return self.rules[symbol].size_lots(value)
        except (BitmartError, NotAMultiple) as error:
            raise self.fault(name, str(error)) from error

    def order(self, order_id: str, symbol: str, sent_ns: int) -> RealOrder:
        """What was asked for: the fields `type`, `side`, `price`, `size` and, of a market buy, `notional`."""
        kind, side = self.text("type", TYPES), self.text("side", SIDES)
        by_amount = kind == "market" and side == "buy"
        return RealOrder(
            order_id=order_id,
            symbol=symbol,
            side=side,
            type=kind,
            price_ticks=0 if kind == "market" else self.ticks("price", symbol),
            size_lots=0 if by_amount else self.lots("size", symbol),
            notional=self.number("notional") if by_amount else None,
            sent_ns=sent_ns,
        )

    def fault(self, name: str, why: str) -> RealOrdersError:
        return RealOrdersError(self.path, self.place, name, why)


def within(found: RealOrders, spans: Mapping[str, tuple[int, int]]) -> RealOrders:
    """Those that a capture can say something of: sent, and ended, while it recorded their symbol.

    Args:
        spans: first and last receive time by symbol.
    """
    left_out, kept = found.left_out.copy(), []
    for order in found.orders:
        span = spans.get(order.symbol)
        if span is None:
            left_out["of symbols that are not in the capture"] += 1
        elif not span[0] <= order.sent_ns <= order.end_ns <= span[1]:
            left_out["not wholly within the capture's time"] += 1
        else:
            kept.append(order)
    kept.sort(key=lambda order: order.sent_ns)
    return found._replace(orders=kept, left_out=left_out)


def name_of(number: int) -> str:
    """Client order id of the order of that number; the venue takes letters and digits only."""
    return f"r{number:07}"


def as_truth(orders: Sequence[RealOrder]) -> dict[str, TrueOrder]:
    """The orders as a truth; those that took first, or could only take, are of the class taker."""
    found = {}
    for number, order in enumerate(orders):
        fills = tuple(sorted(order.fills))
        takes = order.type in ("market", "ioc") or (fills and fills[0].role == TAKER)
        found[name_of(number)] = TrueOrder(
            name_of(number), order.symbol, order.sent_ns, order.cancel_ns, 1 if order.side == "buy" else -1,
            order.price_ticks, _lots(order), True, fills, {"class": TAKER if takes else order.type},
        )  # fmt: skip
    return found


def write_commands(orders: Sequence[RealOrder], rules: Mapping[str, SymbolRules], path: Path) -> None:
    """An ORDERS file that sends and cancels them as they really were."""
    rows: list[tuple[int, dict[str, object]]] = []
    for number, order in enumerate(orders):
        rule = rules[order.symbol]
        head = {"account": ACCOUNT, "client_order_id": name_of(number), "symbol": order.symbol}
        submit: dict[str, object] = {"action": "submit", "side": order.side, "type": order.type, **head}
        if order.price_ticks:
            submit["price"] = rule.format_price(order.price_ticks)
        if order.size_lots:
            submit["size"] = rule.format_size(order.size_lots)
        if order.notional is not None:
            submit["notional"] = f"{order.notional:f}"
        rows.append((order.sent_ns, submit))
        if order.cancel_ns is not None:
            rows.append((order.cancel_ns, {"action": "cancel", **head}))
    rows.sort(key=lambda row: row[0])
    lines = (json.dumps({"ts": at_ns, **row}) + "\n" for at_ns, row in rows)
    path.write_text("".join(lines), encoding="utf-8")


def _lots(order: RealOrder) -> int:
    """A market buy has no size; what it really bought is the measure of what it should have."""
    return order.size_lots or max(1, sum(fill.size_lots for fill in order.fills))

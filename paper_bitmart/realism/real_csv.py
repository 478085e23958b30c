"""Real orders as a CSV file: a row per fill, and one row for an order without fills.

    order_id,symbol,side,type,price,size,sent_ns,cancel_ns,fill_venue_ms,fill_price,fill_size,fill_role
    a1,BTC_USDT,buy,limit,61000.10,0.02,1723161721155668794,,1723161722431,61000.10,0.02,maker

Times are whole numbers since 1970. The name of their column says which clock and unit: `sent_ns`, `sent_ms`
are the clock of the machine that recorded the capture, `sent_venue_ns`, `sent_venue_ms` the venue's; `cancel`
and `fill` likewise. An order with several fills repeats its own fields in each row.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.realism.outcomes import OneFill
from paper_bitmart.realism.real_orders import (
    EARLY_NS,
    ROLES,
    RealOrder,
    RealOrders,
    RealOrdersError,
    Row,
)

CLOCKS = {"ns": (1, False), "ms": (10**6, False), "venue_ns": (1, True), "venue_ms": (10**6, True)}
"""Unit in ns, and whether it is the venue's clock, by the end of a column's name."""
NEEDED = ("order_id", "symbol", "side", "type", "price", "size", "fill_price", "fill_size", "fill_role")
OPTIONAL = ("notional",)


def read_csv(
    paths: Sequence[Path], rules: Mapping[str, SymbolRules], offset_ns: Mapping[str, int]
) -> RealOrders:
    """Read one or several files; arguments and errors as `read_bitmart`."""
    orders: dict[str, tuple[RealOrder, tuple[object, ...]]] = {}
    left_out: Counter[str] = Counter()
    is_venues = {"sent": False, "cancel": False}
    for path in paths:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            times = _time_columns(path, reader.fieldnames)
            for what in is_venues:
                is_venues[what] |= CLOCKS[times[what].removeprefix(f"{what}_")][1]
            for values in reader:
                if None in values or None in values.values():
                    raise RealOrdersError(
                        path, f"{reader.line_num}", "", "has not as many fields as the header"
                    )
                row = Row(path, f"{reader.line_num}", values, rules)
                if row.text("symbol") not in offset_ns:
                    left_out["of symbols that are not in the capture"] += 1
                    continue
                _take(row, orders, times, offset_ns[row.text("symbol")])
    if not orders and not left_out:
        raise RealOrdersError(paths[0], "", "", "holds no orders")
    return RealOrders(
        [order for order, _ in orders.values()], left_out, is_venues["sent"], is_venues["cancel"]
    )


def _time_columns(path: Path, names: Sequence[str] | None) -> dict[str, str]:
    """The column of each time, by what it is a time of."""
    known = set(names or ())
    for name in NEEDED:
        if name not in known:
            raise RealOrdersError(path, "1", name, "is missing in the header")
    times = {}
    for what in ("sent", "cancel", "fill"):
        found = [f"{what}_{clock}" for clock in CLOCKS if f"{what}_{clock}" in known]
        if len(found) != 1:
            wanted = ", ".join(f"{what}_{clock}" for clock in CLOCKS)
            why = "is missing in the header" if not found else f"is there as {' and '.join(found)}"
            raise RealOrdersError(path, "1", what, f"{why}; it must have exactly one of {wanted}")
        times[what] = found[0]
    unknown = known - {*NEEDED, *OPTIONAL, *times.values()}
    if unknown:
        raise RealOrdersError(path, "1", min(unknown), "is no column of this form (docs/calibrate.md)")
    return times


def _take(
    row: Row,
    orders: dict[str, tuple[RealOrder, tuple[object, ...]]],
    times: Mapping[str, str],
    offset_ns: int,
) -> None:
    order_id = row.text("order_id")
    own = tuple(v for k, v in row.values.items() if not k.startswith("fill_"))
    if order_id not in orders:
        orders[order_id] = _order(row, order_id, times, offset_ns), own
    order, first = orders[order_id]
    if own != first:
        raise row.fault(
            "order_id", f"{order_id} was told otherwise before: rows of one order differ in fill_* only"
        )
    if not row.has(times["fill"]):
        for name in ("fill_price", "fill_size", "fill_role"):
            if row.has(name):
                raise row.fault(times["fill"], f"is missing, though {name} is given")
        return
    fill = OneFill(
        _time(row, times["fill"], offset_ns), row.ticks("fill_price", order.symbol),
        row.lots("fill_size", order.symbol), row.text("fill_role", ROLES),
    )  # fmt: skip
    if fill.at_ns < order.sent_ns - EARLY_NS:
        early_s = (order.sent_ns - fill.at_ns) / 1e9
        raise row.fault(
            times["fill"], f"is {early_s:.1f} s before the order was sent: is it of another clock?"
        )
    order.fills.append(fill)
    filled = sum(one.size_lots for one in order.fills)
    if order.size_lots and filled > order.size_lots:
        raise row.fault("fill_size", "the fills of this order add up to more than its size")


def _order(row: Row, order_id: str, times: Mapping[str, str], offset_ns: int) -> RealOrder:
    order = row.order(order_id, row.text("symbol"), _time(row, times["sent"], offset_ns))
    if row.has(times["cancel"]):
        order.cancel_ns = _time(row, times["cancel"], offset_ns)
        if order.cancel_ns < order.sent_ns:
            raise row.fault(times["cancel"], "is before the order was sent")
    return order


def _time(row: Row, column: str, offset_ns: int) -> int:
    unit_ns, is_venue = CLOCKS[column.split("_", 1)[1]]
    return row.whole(column) * unit_ns + (offset_ns if is_venue else 0)

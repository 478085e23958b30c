"""Real orders as BitMart's order and trade queries answer them (protocol reference 5.11 and 5.16).

A file holds whole replies `{"code":1000,"data":[...]}`, arrays of rows, or single rows: one JSON document, or
one per line. Rows with `tradeId` are fills, the others orders. Both kinds are needed: fills alone do not say
what was asked for, nor which orders never filled. Times are the venue's, in ms.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.realism.outcomes import OneFill
from paper_bitmart.realism.real_orders import ROLES, RealOrder, RealOrders, RealOrdersError, Row

MS = 10**6
OPEN = ("new", "partially_filled")
CANCELLED = ("canceled", "partially_canceled")
STATES = (*OPEN, "filled", *CANCELLED, "failed")
TRADES_MISSING = "whose trades are not all in the files"


def read_bitmart(
    paths: Sequence[Path], rules: Mapping[str, SymbolRules], offset_ns: Mapping[str, int]
) -> RealOrders:
    """Read exports of orders and of trades.

    Args:
        offset_ns: by symbol, least receive less venue time of the capture: brings venue times to its axis.

    Raises:
        RealOrdersError: a row is no such row; names file, place, field and rule. OSError: as `open`.
    """
    orders: dict[str, RealOrder] = {}
    told_lots: dict[str, tuple[Row, str]] = {}
    left_out: Counter[str] = Counter()
    trades: dict[str, Row] = {}
    still_open: list[RealOrder] = []
    last_ns = 0
    for path in paths:
        for row in _rows(path, rules):
            symbol = row.text("symbol")
            if "tradeId" in row.values:
                trades.setdefault(row.text("tradeId"), row)  # pages of an export may overlap
                continue
            order_id = row.text("orderId")
            if order_id in orders:
                raise row.fault("orderId", f"{order_id} appears twice")
            state = row.text("state", STATES)
            if symbol not in offset_ns:
                left_out["of symbols that are not in the capture"] += 1
            elif state == "failed":
                left_out["that the venue failed to take"] += 1
            else:
                sent_ns = row.whole("createTime") * MS + offset_ns[symbol]
                order = row.order(order_id, symbol, sent_ns)
                ended_ns = row.whole("updateTime") * MS + offset_ns[symbol]
                last_ns = max(last_ns, ended_ns)
                if state in CANCELLED and row.values.get("cancelSource", "user") == "user":
                    order.cancel_ns = ended_ns
                if state in OPEN:
                    still_open.append(order)
                orders[order_id] = order
                told_lots[order_id] = row, symbol
    for row in trades.values():
        order_id = row.text("orderId")
        if order_id in orders:
            symbol = orders[order_id].symbol
            orders[order_id].fills.append(_fill(row, symbol, offset_ns[symbol]))
            last_ns = max(last_ns, orders[order_id].end_ns)
        elif row.text("symbol") in offset_ns:
            left_out["that are known by their trades only"] += 1
    for order in still_open:  # what becomes of it later is not known: it is watched no longer than the export
        order.cancel_ns = last_ns
    kept = []
    for order_id, order in orders.items():
        if sum(fill.size_lots for fill in order.fills) == _filled_lots(*told_lots[order_id]):
            kept.append(order)
        else:
            left_out[TRADES_MISSING] += 1
    return RealOrders(kept, left_out, sent_on_venue_clock=True, cancelled_on_venue_clock=True)


def _fill(row: Row, symbol: str, offset_ns: int) -> OneFill:
    if row.text("symbol") != symbol:
        raise row.fault("symbol", f"must be that of its order, {symbol}")
    return OneFill(
        row.whole("createTime") * MS + offset_ns, row.ticks("price", symbol), row.lots("size", symbol),
        row.text("tradeRole", ROLES),
    )  # fmt: skip


def _filled_lots(row: Row, symbol: str) -> int:
    if row.number("filledSize") == 0:
        return 0
    return row.lots("filledSize", symbol)


def _rows(path: Path, rules: Mapping[str, SymbolRules]) -> Iterator[Row]:
    text = path.read_bytes()
    if not text.strip():
        raise RealOrdersError(path, "", "", "holds no orders")
    documents: list[tuple[str, Any]] = []
    try:
        documents = [("", msgspec.json.decode(text))]
    except (msgspec.DecodeError, UnicodeDecodeError) as whole:
        for number, line in enumerate(text.splitlines(), 1):
            try:
                documents += [(f"{number}", msgspec.json.decode(line))] if line.strip() else []
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                why = f"is no JSON: {error}" if number > 1 else f"is no JSON, nor is the file: {whole}"
                raise RealOrdersError(path, f"{number}", "", why) from error
    for place, document in documents:
        data = document.get("data") if isinstance(document, dict) and "data" in document else document
        rows = data if isinstance(data, list) else [data]
        for number, values in enumerate(rows):
            at = place if len(rows) == 1 and place else f"{place}[{number}]"
            if not isinstance(values, dict):
                raise RealOrdersError(path, at, "", f"must be an order or a trade, not {values!r:.60}")
            yield Row(path, at, values, rules)

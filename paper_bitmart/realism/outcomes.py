"""What became of orders: by the truth (TRUTH files) and by a simulation (OUT files), in ticks and lots.

    {"client_order_id":"x1","symbol":"BTC_USDT","ts":ns,"cancel_ts":ns,"side":"buy","price":"61000.1",
     "size":"0.01","accepted":true,"fills":[[ns,"61000.1","0.01","maker"]],"class":"touch","contested":false}

`cancel_ts`, `accepted` (true), `class` ("maker"; "taker" sets an order apart), `contested` and the labels
`size_class`, `life_s` and `stale_view` are optional. Times are on the capture's receive-time axis.
"""

import gzip
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from paper_bitmart.bitmart.decimals import BadNumber, NotAMultiple, parse_decimal
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.rules import SymbolRules

GZIP_MAGIC = b"\x1f\x8b"
MAKER, TAKER = "maker", "taker"
LABELS = ("class", "size_class", "life_s", "stale_view", "contested")
"""Fields of a truth by which orders are told apart in a breakdown."""


class OutcomesError(ValueError):
    """A TRUTH or OUT file cannot be read.

    Carries `path`, `line` (1-based; 0: the file as a whole), `field` ("": the line) and `why`.
    """

    def __init__(self, path: Path | str, line: int, field: str, why: str) -> None:
        place = f"{path}" + (f":{line}" if line else "") + (f":{field}" if field else "")
        super().__init__(f"{place}: {why}")
        self.path, self.line, self.field, self.why = Path(path), line, field, why


class OneFill(NamedTuple):
    """`at_ns` on the receive-time axis; `role` maker or taker."""

    at_ns: int
    price_ticks: int
    size_lots: int
    role: str


class TrueOrder(NamedTuple):
    """An order and what really became of it. `sign`: 1 buy, -1 sell. `labels`: what it has of LABELS."""

    client_order_id: str
    symbol: str
    at_ns: int
    cancel_ns: int | None
    sign: int
    price_ticks: int
    size_lots: int
    accepted: bool
    fills: tuple[OneFill, ...]
    labels: dict[str, Any]

    @property
    def is_taker(self) -> bool:
        return bool(self.labels.get("class") == TAKER)

    @property
    def is_contested(self) -> bool:
        return bool(self.labels.get("contested"))


class Simulated(NamedTuple):
    """What an OUT file says, by client order id; `queue_ahead` (lots) of orders that came to rest."""

    fills: dict[str, list[OneFill]]
    accepted: frozenset[str]
    rejected: frozenset[str]
    queue_ahead: dict[str, float]
    unknown: int


def load_truth(path: Path, rules: Mapping[str, SymbolRules]) -> dict[str, TrueOrder]:
    """A TRUTH file, plain or gzip, by client order id, in its order.

    Raises:
        OutcomesError: a line is no such order; names file, line, field and rule. OSError: as `open`.
    """
    orders: dict[str, TrueOrder] = {}
    for number, row in _rows(path):
        order = _Reader(path, number, row, rules).true_order()
        if order.client_order_id in orders:
            raise OutcomesError(path, number, "client_order_id", f"{order.client_order_id} appears twice")
        orders[order.client_order_id] = order
    if not orders:
        raise OutcomesError(path, 0, "", "holds no orders")
    return orders


def load_out(path: Path, truth: Mapping[str, TrueOrder], rules: Mapping[str, SymbolRules]) -> Simulated:
    """An OUT file of `replay`, or of another simulator that writes its events of the same names.

    A fill without `symbol` is of the true order's. Orders that the truth does not know are counted.

    Raises:
        OutcomesError, OSError: as `load_truth`.
    """
    fills: dict[str, list[OneFill]] = {}
    told: dict[str, set[str]] = {"accept": set(), "reject": set()}
    ahead: dict[str, float] = {}
    unknown = 0
    for number, row in _rows(path):
        reader = _Reader(path, number, row, rules)
        order = truth.get(reader.text("client_order_id"))
        if order is None:
            unknown += 1
            continue
        name, event = order.client_order_id, reader.text("event")
        if event == "fill":
            fill = reader.fill(order.symbol)
            if fill.size_lots > 0:
                fills.setdefault(name, []).append(fill)
        elif event in told:
            told[event].add(name)
            if isinstance(lots := row.get("queue_ahead"), int | float):
                ahead[name] = float(lots)
    for one in fills.values():
        one.sort()
    return Simulated(fills, frozenset(told["accept"]), frozenset(told["reject"]), ahead, unknown)


class _Reader:
    """One line, field by field; every fault names its place."""

    def __init__(
        self, path: Path, line: int, row: Mapping[str, Any], rules: Mapping[str, SymbolRules]
    ) -> None:
        self._path, self._line, self._row, self._rules = path, line, row, rules

    def true_order(self) -> TrueOrder:
        symbol = self.text("symbol")
        if symbol not in self._rules:
            raise self._fault("symbol", f"{symbol} is not in the rules ({', '.join(self._rules)})")
        side = self.text("side")
        if side not in ("buy", "sell"):
            raise self._fault("side", f'must be "buy" or "sell", not {side!r}')
        return TrueOrder(
            client_order_id=self.text("client_order_id"),
            symbol=symbol,
            at_ns=self.whole("ts"),
            cancel_ns=self.whole("cancel_ts") if self._row.get("cancel_ts") is not None else None,
            sign=1 if side == "buy" else -1,
            price_ticks=self._ticks(symbol, "price", self._field("price")),
            size_lots=self._size("size"),
            accepted=self._row.get("accepted", True) is True,
            fills=tuple(sorted(self._true_fills(symbol))),
            labels={name: self._row[name] for name in LABELS if self._row.get(name) is not None},
        )

    def fill(self, symbol: str) -> OneFill:
        """An OUT fill."""
        role = str(self._row.get("role", ""))
        return OneFill(
            self.whole("ts"), self._ticks(symbol, "price", self._field("price")),
            self._lots(symbol, "size", self._field("size")), role,
        )  # fmt: skip

    def text(self, field: str) -> str:
        value = self._field(field)
        if not isinstance(value, str):
            raise self._fault(field, f"must be text, not {value!r}")
        return value

    def whole(self, field: str) -> int:
        value = self._field(field)
        if isinstance(value, str) and value.isdigit():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self._fault(field, f"must be ns since 1970, not {value!r}")
        return value

    def _true_fills(self, symbol: str) -> Iterator[OneFill]:
        rows = self._field("fills")
        if not isinstance(rows, list):
            raise self._fault("fills", f"must be a list of [ts, price, size, role], not {rows!r}")
        for row in rows:
            if not isinstance(row, list) or len(row) != 4 or not isinstance(row[0], int):
                raise self._fault("fills", f"must be a list of [ts, price, size, role], not {row!r}")
            price, size = self._ticks(symbol, "fills", row[1]), self._lots(symbol, "fills", row[2])
            yield OneFill(row[0], price, size, str(row[3]))

    def _size(self, field: str) -> int:
        lots = self._lots(self.text("symbol"), field, self._field(field))
        if lots <= 0:
            raise self._fault(field, "must be positive")
        return lots

    def _ticks(self, symbol: str, field: str, value: object) -> int:
        try:
            return self._rules[symbol].price_ticks(self._number(field, value))
        except (BitmartError, NotAMultiple) as error:
            raise self._fault(field, str(error)) from error

    def _lots(self, symbol: str, field: str, value: object) -> int:
        try:
            return self._rules[symbol].size_lots(self._number(field, value))
        except (BitmartError, NotAMultiple) as error:
            raise self._fault(field, str(error)) from error

    def _number(self, field: str, value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise self._fault(field, f"must be a number, not {value!r}")
        try:
            # repr of a JSON number is the shortest text that reads back the same: the digits in the file.
            return parse_decimal(value if isinstance(value, str) else repr(value))
        except BadNumber as error:
            raise self._fault(field, str(error)) from error

    def _field(self, name: str) -> Any:
        if name not in self._row:
            raise self._fault(name, "is missing")
        return self._row[name]

    def _fault(self, field: str, why: str) -> OutcomesError:
        return OutcomesError(self._path, self._line, field, why)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP_MAGIC
    with gzip.open(path, "rb") if is_gzip else path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise OutcomesError(path, number, "", f"is no JSON: {error}") from error
            if not isinstance(row, dict):
                raise OutcomesError(path, number, "", "is no JSON object")
            yield number, row

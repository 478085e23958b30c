"""What a backtest remembers of its orders and fills: integer rows, exact, in order of time."""

from collections.abc import Iterable, Sequence

import numpy as np

from paper_bitmart.bitmart.enums import CancelSource, OrderState, OrderType, Role
from paper_bitmart.exchange.events import Event, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.fees import FEE_STEP_ATOMS

ORDERS_DTYPE = np.dtype(
    [
        ("order_id", np.int64),
        ("account", np.int32),
        ("symbol", np.int32),
        ("side", np.int8),
        ("type", np.int8),
        ("state", np.int8),
        ("price_ticks", np.int64),
        ("size_lots", np.int64),
        ("filled_lots", np.int64),
        ("created_ns", np.int64),
        ("closed_ns", np.int64),
        ("queue_ahead", np.float64),
    ]
)
"""One row per accepted order. `account`, `symbol`: index into the result's names. `type`: position in
OrderType. `state`: see STATES. `closed_ns`: 0 while open. `queue_ahead`: lots ahead where it came to rest,
-1.0 if it did not or nobody knows. A market buy has size 0."""

FILLS_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("exch_ns", np.int64),
        ("order_id", np.int64),
        ("account", np.int32),
        ("symbol", np.int32),
        ("side", np.int8),
        ("role", np.int8),
        ("evidence", np.int8),
        ("price_ticks", np.int64),
        ("size_lots", np.int64),
        ("fee_e8", np.int64),
        ("evidence_price_ticks", np.int64),
        ("evidence_lots", np.int64),
        ("ahead_before", np.float64),
        ("ahead_after", np.float64),
    ]
)
"""One row per fill. `role`: 0 maker, 1 taker. `fee_e8`: 10^-8 of the quote currency, exact."""

STATES = ("open", "filled", "canceled", "canceled by system")
OPEN, FILLED, CANCELED, BY_SYSTEM = range(4)
_STATE, _FILLED_LOTS, _CLOSED_NS = (
    (ORDERS_DTYPE.names or ()).index(name) for name in ("state", "filled_lots", "closed_ns")
)
_TYPES = {kind: code for code, kind in enumerate(OrderType)}


class Recorder:
    """Collects rows from the venue's events.

    Args:
        accounts, symbols: their order gives the numbers in the rows.
    """

    def __init__(self, accounts: Iterable[str], symbols: Iterable[str]) -> None:
        self._accounts = {name: i for i, name in enumerate(accounts)}
        self._symbols = {name: i for i, name in enumerate(symbols)}
        self._orders: list[list[float]] = []
        self._open: dict[int, list[float]] = {}
        self._fills: list[tuple[float, ...]] = []
        self.refused = 0

    def note(self, events: Sequence[Event]) -> None:
        """Remember what happened to orders."""
        for event in events:
            if isinstance(event, OrderFilled):
                self._fill(event)
            elif isinstance(event, OrderAccepted):
                self._accept(event)
            elif isinstance(event, OrderCanceled):
                row = self._open.pop(event.order.order_id)
                by_user = event.order.cancel_source is CancelSource.USER
                row[_STATE], row[_CLOSED_NS] = CANCELED if by_user else BY_SYSTEM, event.at_ns

    def orders(self) -> np.ndarray:
        """(n,) ORDERS_DTYPE in order of acceptance."""
        return np.array([tuple(row) for row in self._orders], ORDERS_DTYPE)

    def fills(self) -> np.ndarray:
        """(n,) FILLS_DTYPE in order of time."""
        return np.array(self._fills, FILLS_DTYPE)

    def _accept(self, event: OrderAccepted) -> None:
        order = event.order
        row: list[float] = [
            order.order_id, self._accounts[order.account], self._symbols[order.symbol], order.side.code,
            _TYPES[order.type], OPEN, order.price_ticks, order.size_lots, 0, event.at_ns, 0,
            event.queue_ahead,
        ]  # fmt: skip
        self._orders.append(row)
        self._open[order.order_id] = row

    def _fill(self, event: OrderFilled) -> None:
        fill, order = event.fill, event.order
        self._fills.append(
            (
                fill.at_ns,
                fill.exch_ns,
                fill.order_id,
                self._accounts[fill.account],
                self._symbols[fill.symbol],
                fill.side.code,
                0 if fill.role is Role.MAKER else 1,
                int(fill.evidence),
                fill.price_ticks,
                fill.size_lots,
                fill.fee_atoms // FEE_STEP_ATOMS,
                fill.evidence_price_ticks,
                fill.evidence_lots,
                fill.ahead_before,
                fill.ahead_after,
            )
        )
        row = self._open[fill.order_id]
        row[_FILLED_LOTS] += fill.size_lots
        if order.state is OrderState.FILLED:
            row[_STATE], row[_CLOSED_NS] = FILLED, event.at_ns
            del self._open[fill.order_id]

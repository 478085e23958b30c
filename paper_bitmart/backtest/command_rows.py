"""Commands of a Python client as rows of a compiled desk's arrays: orders, cancels, and when they arrive."""

import struct

from paper_bitmart.backtest.desk import whole
from paper_bitmart.backtest.fast_arrays import (
    CANCEL,
    FREE_TICKET,
    MONEY_MAX,
    NEXT_NUMBER,
    NOW_NS,
    ORDER,
    OUT_HEAD,
    OUT_LATEST_NS,
    OUT_TAIL,
    SENT,
    TICKETS_USED,
    FastDesk,
)
from paper_bitmart.backtest.record_rows import RecordRows
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.exchange.line import IN_FLIGHT_MAX, LineFull
from paper_bitmart.matching.latency import Constant, LatencyModel

_MARKET = list(OrderType).index(OrderType.MARKET)


class CommandRows:
    """Writes commands of `account`; `bind` must follow, and again whenever the arrays are others."""

    def __init__(self, account: str, entry: LatencyModel, cancel: LatencyModel) -> None:
        self.account = account
        self._entry, self._cancel = entry, cancel

    def bind(self, desk: FastDesk) -> None:
        """Use these arrays from now on."""
        self._s = memoryview(desk.scalars)  # type: ignore[arg-type]
        self._put_ticket, self._put_command = RecordRows(desk.tickets).put, RecordRows(desk.outbox).put
        self._next = memoryview(desk.tickets["next"])  # type: ignore[arg-type]
        self._rows = len(desk.tickets)
        self._roomy = min(self._rows, IN_FLIGHT_MAX)
        # A constant delay need not be asked for at each command.
        self._entry_ns = self._entry.delay_ns if isinstance(self._entry, Constant) else None
        self._cancel_ns = self._cancel.delay_ns if isinstance(self._cancel, Constant) else None

    def grow(self) -> None:
        """Make room for more rows, and `bind` them."""
        raise NotImplementedError

    def put_order(
        self,
        side: int,
        kind: int,
        stp: int,
        price_ticks: int,
        size_lots: int,
        market_buy: tuple[int, int, int] = (0, 0, 0),
    ) -> tuple[int, int]:
        """Send an order; codes as in the core, a kind below 0 is refused. Returns (row, number).

        `market_buy`: what `market_buy_amounts` says.

        Raises:
            LineFull: far too many commands in flight. TypeError: price or size is no integer.
        """
        s = self._s
        tail = s[OUT_TAIL]
        if tail - s[OUT_HEAD] >= self._roomy:
            self._make_room(tail)
        row = s[FREE_TICKET]
        is_new = row < 0
        if is_new:
            row = s[TICKETS_USED]
            if row == self._rows:
                self.grow()
        number = s[NEXT_NUMBER] + 1
        following = -1 if is_new else self._next[row]
        if kind == _MARKET:
            price_ticks = 0
        given, budget, spendable = market_buy
        try:
            self._put_ticket(
                row, number, 0, price_ticks, size_lots, 0,
                given, budget, spendable, 0, -1, -1, side, kind, stp, SENT, 0, 0,
            )  # fmt: skip
        except struct.error:
            price_ticks = _clamped(whole("price_ticks", price_ticks))
            size_lots = _clamped(whole("size_lots", size_lots))
            self._put_ticket(
                row, number, 0, price_ticks, size_lots, 0,
                given, budget, spendable, 0, -1, -1, side, kind, stp, SENT, 0, 0,
            )  # fmt: skip
        if is_new:
            s[TICKETS_USED] = row + 1
        else:
            s[FREE_TICKET] = following
        s[NEXT_NUMBER] = number
        delay_ns = self._entry_ns
        self._put_on_its_way(
            self._entry.sample(s[NOW_NS]) if delay_ns is None else delay_ns, number, row, ORDER
        )
        return row, number

    def put_cancel(self, row: int, number: int) -> None:
        """Send a cancel of the order that `put_order` gave these numbers. Raises LineFull."""
        s, delay_ns = self._s, self._cancel_ns
        tail = s[OUT_TAIL]
        if tail - s[OUT_HEAD] >= self._roomy:
            self._make_room(tail)
        self._put_on_its_way(
            self._cancel.sample(s[NOW_NS]) if delay_ns is None else delay_ns, number, row, CANCEL
        )

    def _put_on_its_way(self, delay_ns: int, number: int, row: int, what: int) -> None:
        """First in, first out: a later command arrives at the same instant at the earliest."""
        s = self._s
        tail, arrival_ns, latest_ns = s[OUT_TAIL], s[NOW_NS] + delay_ns, s[OUT_LATEST_NS]
        if arrival_ns < latest_ns:
            arrival_ns = latest_ns
        else:
            s[OUT_LATEST_NS] = arrival_ns
        self._put_command(tail % self._rows, arrival_ns, number, row, what)
        s[OUT_TAIL] = tail + 1

    def _make_room(self, tail: int) -> None:
        """For the command with the running number `tail`. Raises LineFull."""
        in_flight = tail - self._s[OUT_HEAD]
        if in_flight >= IN_FLIGHT_MAX:
            raise LineFull(IN_FLIGHT_MAX, self.account)
        if in_flight == self._rows:
            self.grow()


def _clamped(units: int) -> int:
    """A number of ticks or lots that does not fit a row, as one that the venue refuses as well."""
    return max(-1, min(units, MONEY_MAX))

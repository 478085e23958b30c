"""The desk of a plain-Python strategy over the compiled loop: `Desk` with its orders in arrays."""

import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from paper_bitmart.backtest.desk import Desk, Ticket, TicketState, UnknownSymbol, whole
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
from paper_bitmart.bitmart.decimals import MAX_LENGTH, truncate_to_units
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.exchange.checks import SymbolLimits
from paper_bitmart.exchange.fees import FEE_STEP_ATOMS, FeeRates
from paper_bitmart.exchange.holds import market_buy_budget, market_buy_spendable
from paper_bitmart.exchange.ledger import Balance
from paper_bitmart.exchange.line import IN_FLIGHT_MAX, LineFull
from paper_bitmart.matching.core.state import NO_KEY
from paper_bitmart.matching.latency import Constant, LatencyModel

if TYPE_CHECKING:
    from paper_bitmart.backtest.compiled_engine import CompiledEngine

_TYPE_CODES: dict[str, int] = {kind: code for code, kind in enumerate(OrderType)}
_SIDE_CODES: dict[str, int] = {side: side.code for side in Side}
_STP_CODES: dict[str, int] = {mode: code for code, mode in enumerate(StpMode)}
_MARKET = _TYPE_CODES[OrderType.MARKET]
_NO_KIND = -1
"""Kind of an order whose words the venue does not know: it is refused there."""
_FEE_STEP = Decimal(1).scaleb(-8)


class CompiledDesk(Desk):
    """See `Desk`; one symbol."""

    def __init__(
        self,
        engine: "CompiledEngine",
        account: str,
        symbol: str,
        *,
        entry: LatencyModel,
        cancel: LatencyModel,
    ) -> None:
        super().__init__(engine, account, [symbol])
        self._symbol = symbol
        self._entry, self._cancel = entry, cancel
        self.by_row: dict[int, Ticket] = {}
        """Open tickets by their row in the arrays."""

    def attach(self, desk: FastDesk, best: Any) -> None:
        """Use these arrays from now on; `best`: the core's best keys."""
        self._s, self._best = memoryview(desk.scalars), memoryview(best)  # type: ignore[arg-type]
        self._tickets, self._outbox = RecordRows(desk.tickets), RecordRows(desk.outbox)
        self._next = memoryview(desk.tickets["next"])  # type: ignore[arg-type]
        self._rows = len(desk.tickets)
        # A constant delay need not be asked for at each command.
        self._entry_ns = self._entry.delay_ns if isinstance(self._entry, Constant) else None
        self._cancel_ns = self._cancel.delay_ns if isinstance(self._cancel, Constant) else None

    def __getstate__(self) -> dict[str, Any]:
        views = ("_s", "_best", "_tickets", "_outbox", "_next")
        return {name: value for name, value in self.__dict__.items() if name not in views}

    # --- the market ---

    def best_bid(self, symbol: str) -> int:
        key = self._best[0] if symbol == self._symbol else self._unknown(symbol)
        return 0 if key == NO_KEY else key

    def best_ask(self, symbol: str) -> int:
        key = self._best[1] if symbol == self._symbol else self._unknown(symbol)
        return 0 if key == NO_KEY else -key

    # --- the account ---

    def balance(self, asset: str) -> Balance:
        return self._engine.balance(asset)

    def balances(self) -> dict[str, Balance]:
        return self._engine.balances()

    def queue_ahead(self, ticket: Ticket) -> float:
        return self._engine.queue_ahead(ticket)

    # --- commands ---

    def buy(self, symbol: str, price_ticks: int, size_lots: int, kind: OrderType = OrderType.LIMIT) -> Ticket:
        return self._put(symbol, Side.BUY, price_ticks, size_lots, kind)

    def sell(
        self, symbol: str, price_ticks: int, size_lots: int, kind: OrderType = OrderType.LIMIT
    ) -> Ticket:
        return self._put(symbol, Side.SELL, price_ticks, size_lots, kind)

    def send(
        self,
        symbol: str,
        side: Side,
        price_ticks: int,
        size_lots: int,
        kind: OrderType = OrderType.LIMIT,
        stp_mode: StpMode = StpMode.NONE,
    ) -> Ticket:
        return self._put(symbol, side, price_ticks, size_lots, kind, stp_mode)

    def market_buy(self, symbol: str, notional: Decimal) -> Ticket:
        return self._put(symbol, Side.BUY, 0, 0, OrderType.MARKET, StpMode.NONE, notional)

    def cancel(self, ticket: Ticket) -> None:
        if ticket.state is TicketState.CLOSED or ticket.is_canceling:
            return
        ticket.is_canceling = True
        s = self._s
        delay_ns = self._cancel_ns
        tail = self._room_for_command()
        if delay_ns is None:
            delay_ns = self._cancel.sample(s[NOW_NS])
        self._to_outbox(tail, delay_ns, ticket, CANCEL)

    # --- inside ---

    def _put(
        self,
        symbol: str,
        side: Side,
        price_ticks: int,
        size_lots: int,
        kind: OrderType,
        stp_mode: StpMode = StpMode.NONE,
        notional: Decimal | None = None,
    ) -> Ticket:
        """Write an order into a row and send it."""
        if symbol != self._symbol:
            self._unknown(symbol)
        s = self._s
        tail = self._room_for_command()
        row = s[FREE_TICKET]
        is_new = row < 0
        if is_new:
            row = s[TICKETS_USED]
            if row == self._rows:
                self._engine.grow()
        number = s[NEXT_NUMBER] + 1
        ticket = Ticket(f"s{number}", symbol, side, kind, price_ticks, size_lots, stp_mode, notional)
        ticket.row, ticket.number = row, number
        following = -1 if is_new else self._next[row]
        code, side_code, stp = _TYPE_CODES.get(kind), _SIDE_CODES.get(side), _STP_CODES.get(stp_mode)
        if code is None or side_code is None or stp is None:
            code, side_code, stp = _NO_KIND, 0, 0
        if code == _MARKET:
            price_ticks = 0
        given, budget, spendable = (0, 0, 0) if notional is None else self._engine.market_buy(notional)
        fields = given, budget, spendable, 0, -1, -1, side_code, code, stp, SENT, 0, 0
        try:
            self._tickets.put(row, number, 0, price_ticks, size_lots, 0, *fields)
        except struct.error:
            price_ticks = _clamped(whole("price_ticks", price_ticks))
            size_lots = _clamped(whole("size_lots", size_lots))
            self._tickets.put(row, number, 0, price_ticks, size_lots, 0, *fields)
        if is_new:
            s[TICKETS_USED] = row + 1
        else:
            s[FREE_TICKET] = following
        s[NEXT_NUMBER] = number
        self.tickets[ticket.client_order_id] = self.by_row[row] = ticket
        delay_ns = self._entry_ns
        if delay_ns is None:
            delay_ns = self._entry.sample(s[NOW_NS])
        self._to_outbox(tail, delay_ns, ticket, ORDER)
        return ticket

    def _room_for_command(self) -> int:
        """The running number of the next command."""
        s = self._s
        tail: int = s[OUT_TAIL]
        in_flight = tail - s[OUT_HEAD]
        if in_flight >= IN_FLIGHT_MAX:
            raise LineFull(IN_FLIGHT_MAX, self.account)
        if in_flight == self._rows:
            self._engine.grow()
        return tail

    def _to_outbox(self, tail: int, delay_ns: int, ticket: Ticket, what: int) -> None:
        """First in, first out: a later command arrives at the same instant at the earliest."""
        s = self._s
        arrival_ns = max(s[NOW_NS] + delay_ns, s[OUT_LATEST_NS])
        s[OUT_LATEST_NS] = arrival_ns
        self._outbox.put(tail % self._rows, arrival_ns, ticket.number, ticket.row, what)
        s[OUT_TAIL] = tail + 1

    def _unknown(self, symbol: str) -> Any:
        raise UnknownSymbol(symbol, self.symbols)


def market_buy_amounts(
    notional: Decimal, limits: SymbolLimits, rates: FeeRates, unit_atoms: int
) -> tuple[int, int, int]:
    """(given in units, budget in tick*lots, spendable in units) of a market buy; zeros if it is refused."""
    is_number = isinstance(notional, Decimal) and notional.is_finite()
    if not is_number or abs(notional.adjusted()) > MAX_LENGTH:
        return 0, 0, 0
    given_atoms = truncate_to_units(notional, _FEE_STEP) * FEE_STEP_ATOMS
    if given_atoms < max(limits.min_buy_atoms, 1):
        return 0, 0, 0
    spendable_atoms = market_buy_spendable(given_atoms, rates)
    budget = market_buy_budget(limits.rules, spendable_atoms)
    given, spendable = given_atoms // unit_atoms, spendable_atoms // unit_atoms
    return min(given, 2 * MONEY_MAX), budget, min(spendable, 2 * MONEY_MAX)


def _clamped(units: int) -> int:
    """A number of ticks or lots that does not fit a row, as one that the venue refuses as well."""
    return max(-1, min(units, MONEY_MAX))

"""The desk of a plain-Python strategy over the compiled loop: `Desk` with its orders in arrays."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from paper_bitmart.backtest.command_rows import CommandRows
from paper_bitmart.backtest.desk import Desk, Ticket, TicketState, UnknownSymbol
from paper_bitmart.backtest.fast_arrays import MONEY_MAX, FastDesk
from paper_bitmart.bitmart.decimals import MAX_LENGTH, truncate_to_units
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.exchange.checks import SymbolLimits
from paper_bitmart.exchange.fees import FEE_STEP_ATOMS, FeeRates
from paper_bitmart.exchange.holds import market_buy_budget, market_buy_spendable
from paper_bitmart.exchange.ledger import Balance
from paper_bitmart.matching.core.state import NO_KEY
from paper_bitmart.matching.latency import LatencyModel

if TYPE_CHECKING:
    from paper_bitmart.backtest.compiled_engine import CompiledEngine

_TYPE_CODES: dict[str, int] = {kind: code for code, kind in enumerate(OrderType)}
_SIDE_CODES: dict[str, int] = {side: side.code for side in Side}
_STP_CODES: dict[str, int] = {mode: code for code, mode in enumerate(StpMode)}
_NO_KIND = -1
"""Kind of an order whose words the venue does not know: it is refused there."""
_FEE_STEP = Decimal(1).scaleb(-8)


class CompiledDesk(Desk, CommandRows):
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
        Desk.__init__(self, engine, account, [symbol])
        CommandRows.__init__(self, account, entry, cancel)
        self._symbol = symbol
        self.by_row: dict[int, Ticket] = {}
        """Open tickets by their row in the arrays."""

    def attach(self, desk: FastDesk, best: Any) -> None:
        """Use these arrays from now on; `best`: the core's best keys."""
        self.bind(desk)
        self._best = memoryview(best)

    def grow(self) -> None:
        self._engine.grow()

    def __getstate__(self) -> dict[str, Any]:
        views = ("_s", "_best", "_put_ticket", "_put_command", "_next")
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
        self.put_cancel(ticket.row, ticket.number)

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
        code, side_code, stp = _TYPE_CODES.get(kind), _SIDE_CODES.get(side), _STP_CODES.get(stp_mode)
        if code is None or side_code is None or stp is None:
            code, side_code, stp = _NO_KIND, 0, 0
        amounts = (0, 0, 0) if notional is None else self._engine.market_buy(notional)
        row, number = self.put_order(side_code, code, stp, price_ticks, size_lots, amounts)
        ticket = Ticket(f"s{number}", symbol, side, kind, price_ticks, size_lots, stp_mode, notional)
        ticket.row, ticket.number = row, number
        self.tickets[ticket.client_order_id] = self.by_row[row] = ticket
        return ticket

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

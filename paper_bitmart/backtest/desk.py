"""The desk of one account: what a strategy sees, and how it sends orders."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from operator import index
from typing import Any

from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.ledger import Balance
from paper_bitmart.exchange.orders import NewOrder


class TicketState(StrEnum):
    SENT = "sent"
    OPEN = "open"
    CLOSED = "closed"
    """Filled, cancelled or refused."""


class Ticket:
    """An order as its sender knows it: news take the response latency to get here.

    Attributes:
        client_order_id, symbol, side, type, price_ticks, size_lots: as sent; a market buy has size 0.
        state: see TicketState. order_id: 0 until accepted. filled_lots: so far.
        notional: what a market buy spends, else None. stp_mode: as sent.
        is_canceling: a cancel was sent and not answered yet.
        row, number: its place in a compiled desk.
    """

    __slots__ = (
        "client_order_id", "filled_lots", "is_canceling", "notional", "number", "order_id", "price_ticks",
        "row", "side", "size_lots", "state", "stp_mode", "symbol", "type",
    )  # fmt: skip

    def __init__(
        self,
        client_order_id: str,
        symbol: str,
        side: Side,
        kind: OrderType,
        price_ticks: int,
        size_lots: int,
        stp_mode: StpMode = StpMode.NONE,
        notional: Decimal | None = None,
    ) -> None:
        self.client_order_id, self.symbol, self.side, self.type = client_order_id, symbol, side, kind
        self.price_ticks, self.size_lots = price_ticks, size_lots
        self.stp_mode, self.notional = stp_mode, notional
        self.state = TicketState.SENT
        self.order_id = self.filled_lots = self.row = self.number = 0
        self.is_canceling = False

    @property
    def is_open(self) -> bool:
        """It rests, or may soon."""
        return self.state is not TicketState.CLOSED

    def __repr__(self) -> str:
        return (
            f"Ticket({self.client_order_id} {self.symbol} {self.side} {self.size_lots} @ {self.price_ticks} "
            f"{self.state}, {self.filled_lots} filled)"
        )


class UnknownSymbol(KeyError):
    """A symbol that the backtest does not trade. Carries `symbol` and the `known` ones."""

    def __init__(self, symbol: object, known: Iterable[str]) -> None:
        super().__init__(symbol)
        self.symbol, self.known = symbol, tuple(known)

    def __str__(self) -> str:
        return f"{self.symbol!r} is not traded in this backtest, which has {', '.join(self.known)}"


def whole(field: str, units: object) -> int:
    """A number of ticks or lots. Raises TypeError, naming `field`, for anything but a whole number."""
    try:
        return index(units)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{field}: must be a whole number, not the {type(units).__name__} {units!r}; "
            "desk.rules(symbol) has price_ticks and size_lots"
        ) from None


def new_order(ticket: Ticket, rules: SymbolRules) -> NewOrder:
    """The order as it is sent to the venue."""
    return NewOrder(
        symbol=ticket.symbol,
        side=ticket.side,
        type=ticket.type,
        price=rules.price(whole("price_ticks", ticket.price_ticks)) if ticket.price_ticks else None,
        size=rules.size(whole("size_lots", ticket.size_lots)) if ticket.notional is None else None,
        notional=ticket.notional,
        client_order_id=ticket.client_order_id,
        stp_mode=ticket.stp_mode,
    )


class Desk:
    """One account's view and hands. Prices in ticks, sizes in lots; `rules` converts from and to Decimal.

    Attributes:
        account: its name. symbols: what is traded here. tickets: open ones by client order id, oldest first.
        positions: lots bought less lots sold by symbol, as far as the client has heard.
    """

    # `engine` is an Engine; CompiledDesk, over a CompiledEngine, overrides what differs.
    def __init__(self, engine: Any, account: str, symbols: Iterable[str]) -> None:
        self._engine = engine
        self.account = account
        self.symbols = tuple(symbols)
        self.tickets: dict[str, Ticket] = {}
        self.positions = dict.fromkeys(self.symbols, 0)
        self._sent = 0

    @property
    def now_ns(self) -> int:
        """The client's time, ns since 1970."""
        return self._engine.now_ns

    def rules(self, symbol: str) -> SymbolRules:
        """Tick, lot and minimums of a symbol. Raises UnknownSymbol, a KeyError."""
        rules: SymbolRules | None = self._engine.rules.get(symbol)
        if rules is None:
            raise UnknownSymbol(symbol, self.symbols)
        return rules

    # --- the market, as old as the market data latency ---

    def best_bid(self, symbol: str) -> int:
        """Ticks; 0 when there is none."""
        return self._engine.sight[symbol].best_bid_ticks

    def best_ask(self, symbol: str) -> int:
        """Ticks; 0 when there is none."""
        return self._engine.sight[symbol].best_ask_ticks

    def lots_at(self, symbol: str, side: Side, price_ticks: int) -> int:
        """Displayed lots of a level."""
        return self._engine.sight[symbol].level_lots(side.code, price_ticks)

    def depth(self, symbol: str, side: Side, levels: int) -> list[tuple[int, int]]:
        """The best levels of a side as (ticks, lots), best first; BUY is the bids."""
        return self._engine.sight[symbol].depth(side.code, levels)

    # --- the account ---

    def balance(self, asset: str) -> Balance:
        """Available and frozen atoms at the venue now (not delayed)."""
        return self._engine.venue.balance(self.account, asset)

    def balances(self) -> Mapping[str, Balance]:
        """By asset; as `balance`."""
        return self._engine.venue.balances(self.account)

    def queue_ahead(self, ticket: Ticket) -> float:
        """The venue's estimate of the lots ahead of a resting order; -1.0 if nobody knows."""
        return self._engine.venue.queue_ahead(ticket.order_id)

    # --- commands; they arrive after the entry or cancel latency ---

    def buy(self, symbol: str, price_ticks: int, size_lots: int, kind: OrderType = OrderType.LIMIT) -> Ticket:
        """Send a limit, limit_maker or ioc buy."""
        return self.send(symbol, Side.BUY, price_ticks, size_lots, kind)

    def sell(
        self, symbol: str, price_ticks: int, size_lots: int, kind: OrderType = OrderType.LIMIT
    ) -> Ticket:
        """Send a limit, limit_maker or ioc sell."""
        return self.send(symbol, Side.SELL, price_ticks, size_lots, kind)

    def market_buy(self, symbol: str, notional: Decimal) -> Ticket:
        """Spend up to `notional` of the quote currency at once."""
        return self._send(Ticket("", symbol, Side.BUY, OrderType.MARKET, 0, 0, notional=notional))

    def market_sell(self, symbol: str, size_lots: int) -> Ticket:
        """Sell at once, whatever the price."""
        return self.send(symbol, Side.SELL, 0, size_lots, OrderType.MARKET)

    def send(
        self,
        symbol: str,
        side: Side,
        price_ticks: int,
        size_lots: int,
        kind: OrderType = OrderType.LIMIT,
        stp_mode: StpMode = StpMode.NONE,
    ) -> Ticket:
        """Send any order but a market buy.

        Raises:
            UnknownSymbol: a KeyError. TypeError: ticks or lots that are no whole numbers.
            LineFull: far too many commands in flight.
        """
        return self._send(Ticket("", symbol, side, kind, price_ticks, size_lots, stp_mode))

    def cancel(self, ticket: Ticket) -> None:
        """Ask for a cancel; nothing is sent for a closed ticket or one that is being cancelled."""
        if ticket.is_open and not ticket.is_canceling:
            ticket.is_canceling = True
            self._engine.send_cancel(self, ticket)

    def cancel_all(self, symbol: str | None = None) -> None:
        """`cancel` for every open ticket (of a symbol)."""
        for ticket in list(self.tickets.values()):
            if symbol in (None, ticket.symbol):
                self.cancel(ticket)

    def call_at(self, at_ns: int, tag: Any = None) -> None:
        """Have `on_timer` called at `at_ns`, or at once if that is past."""
        self._engine.call_at(self, max(at_ns, self.now_ns), tag)

    def _send(self, ticket: Ticket) -> Ticket:
        ticket.client_order_id = f"s{self._sent + 1}"
        order = new_order(ticket, self.rules(ticket.symbol))
        self._sent += 1
        self.tickets[ticket.client_order_id] = ticket
        self._engine.send_order(self, order)
        return ticket

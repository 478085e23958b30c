"""`bitmart_paper_trade` for asyncio programs: Hummingbot's connector, with a paper exchange inside."""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np

from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.enums import OrderType as VenueType
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.bitmart.topics import symbol_of, trading_pair_of
from paper_bitmart.connector.exchange.in_flight_order import InFlightOrder, LimitOrder
from paper_bitmart.connector.exchange.market_methods import MarketMethods, NotConnected, cut
from paper_bitmart.connector.exchange.order_book import OrderBook
from paper_bitmart.connector.exchange.order_tracker import OrderTracker
from paper_bitmart.connector.exchange.trade_fee import AddedToCostTradeFee
from paper_bitmart.connector.exchange.trading_rule import TradingRule
from paper_bitmart.connector.exchange.vocabulary import NetworkStatus, OrderType, TradeType
from paper_bitmart.connector.paper_exchange import PaperExchange
from paper_bitmart.exchange.events import BalanceChanged, Event, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.fees import PPM
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.session import Session
from paper_bitmart.feed.events import FeedState

LOG = logging.getLogger(__name__)

NAN, ZERO = Decimal("NaN"), Decimal(0)
NAME = "bitmart_paper_trade"
ORDER_NOT_FOUND = 50005
"""Order id does not exist (protocol reference 8.2)."""

_LIMIT, _LIMIT_MAKER = OrderType.LIMIT, OrderType.LIMIT_MAKER
_VENUE_TYPES = {
    OrderType.LIMIT: VenueType.LIMIT,
    OrderType.LIMIT_MAKER: VenueType.LIMIT_MAKER,
    OrderType.MARKET: VenueType.MARKET,
}


class CancellationResult(NamedTuple):
    order_id: str
    success: bool


class BitmartPaperTrade(MarketMethods):
    """One account on a paper exchange, with the methods and events of Hummingbot's BitMart connector.

    `buy`, `sell` and `cancel` return at once and report by events; balances and open orders are what the
    exchange has told so far. All prices, amounts and balances are Decimals; timestamps are market time in
    seconds. Use `paper_bitmart.connect`, then `async with`, or `start_network` and `stop_network`.

    Not thread-safe: it belongs to one event loop.
    """

    def __init__(self, paper: PaperExchange) -> None:
        super().__init__()
        self._paper = paper
        self._balances: dict[str, tuple[Decimal, Decimal]] = {}
        self._tracker = OrderTracker(paper.rules, self, lambda: self.current_timestamp)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stops: list[Any] = []
        self._restored: list[InFlightOrder] = []
        self._is_running = False
        self._last_nonce = 0
        self._last_amount = self._last_cut = ZERO
        self._last_rule: TradingRule | None = None
        self._id_letters: dict[str, str] = {}
        for symbol, rules in paper.rules.items():
            pair = trading_pair_of(symbol)
            self._trading_rules[pair] = TradingRule.of(rules)
            self._order_books[pair] = self._open_book(symbol)
            base, quote = self.split_trading_pair(pair)
            self._id_letters[pair] = f"{base[0]}{base[-1]}{quote[0]}{quote[-1]}"

    def _open_book(self, symbol: str) -> OrderBook:
        return OrderBook(self.session.views[symbol])

    # --- life ---

    async def start_network(self) -> None:
        """Start the exchange inside; returns once the account is open and the books are there.

        Raises:
            RuntimeError: it was started before.
        """
        session = self.session
        self._stops = [session.subscribe(self._on_events), session.on_market(self._on_market)]
        await self._paper.start()
        for asset, balance in self._paper.venue.balances(self._paper.account).items():
            self._balances[asset] = from_atoms(balance.total_atoms), from_atoms(balance.available_atoms)
        self._is_running = True
        restored, self._restored = self._restored, []
        for order in restored:
            self._catch_up(order)

    async def stop_network(self) -> None:
        """Stop the exchange inside: what has arrived is done and told, then its files are closed."""
        self._is_running = False
        await self.session.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for stop in self._stops:
            stop()

    async def __aenter__(self) -> Self:
        try:
            await self.start_network()
        except BaseException:
            await self.stop_network()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop_network()

    async def check_network(self) -> NetworkStatus:
        """CONNECTED while orders are taken."""
        session = self.session
        is_up = self._is_running and session.is_open and not session.storage_failed
        return NetworkStatus.CONNECTED if is_up else NetworkStatus.NOT_CONNECTED

    async def sleep(self, seconds: float) -> None:
        """Wait for market time to pass; with `speed=None` the market is played meanwhile, at full speed.

        Raises:
            TypeError: seconds is no number.
        """
        if not isinstance(seconds, int | float | Decimal):
            raise TypeError(f"seconds: must be a number, not {type(seconds).__name__} {seconds!r}")
        await self._paper.time.wait(round(float(seconds) * 1e9))

    # --- what it is ---

    @property
    def session(self) -> Session:
        """The exchange inside, for what Hummingbot's interface has no word for."""
        return self._paper.session

    @property
    def name(self) -> str:
        return NAME

    @property
    def display_name(self) -> str:
        return NAME

    @property
    def current_timestamp(self) -> float:
        """Market time, seconds since 1970."""
        return self._paper.now_ns() / 1e9

    @property
    def status_dict(self) -> dict[str, bool]:
        """The real connector's five conditions. `order_books_initialized`: every market is known *now*."""
        views = self.session.views.values()
        return {
            "symbols_mapping_initialized": bool(self._trading_rules),
            "order_books_initialized": all(view.state is FeedState.LIVE for view in views),
            "account_balance": bool(self._balances),
            "trading_rule_initialized": bool(self._trading_rules),
            "user_stream_initialized": self._is_running and self.session.is_open,
        }

    @property
    def ready(self) -> bool:
        """Whether all of `status_dict` holds."""
        return all(self.status_dict.values())

    # --- money ---

    def get_balance(self, currency: str) -> Decimal:
        """Total, what orders have frozen included; 0 for a currency never owned."""
        return self._balances.get(currency, (ZERO, ZERO))[0]

    def get_available_balance(self, currency: str) -> Decimal:
        """What a new order may use; 0 for a currency never owned."""
        return self._balances.get(currency, (ZERO, ZERO))[1]

    def get_all_balances(self) -> dict[str, Decimal]:
        """Totals by currency."""
        return {currency: total for currency, (total, _) in self._balances.items()}

    @property
    def available_balances(self) -> dict[str, Decimal]:
        """What new orders may use, by currency."""
        return {currency: available for currency, (_, available) in self._balances.items()}

    async def set_balance(self, currency: str, balance: Decimal) -> None:
        """Deposit or withdraw until `balance` is available, as Hummingbot's paper exchange lets one set it.

        Raises:
            BitmartError: a negative amount, or the exchange is closed.
        """
        missing = Decimal(balance) - self.get_available_balance(currency)
        account = self._paper.account
        if missing > 0:
            await self._paper.time.outcome(self.session.deposit(account, currency, missing))
        elif missing < 0:
            await self._paper.time.outcome(self.session.withdraw(account, currency, -missing))

    def get_fee(
        self,
        base_currency: str,
        quote_currency: str,
        order_type: OrderType,
        order_side: TradeType,
        amount: Decimal,
        price: Decimal = NAN,
        is_maker: bool | None = None,
    ) -> AddedToCostTradeFee:
        """The account's rate of that market: the maker's for LIMIT_MAKER, else the taker's.

        Raises:
            BitmartError: 50001, there is no such market.
        """
        rates = self._paper.fee_rates(f"{base_currency}_{quote_currency}")
        rate_ppm = rates.maker_ppm if order_type is OrderType.LIMIT_MAKER else rates.taker_ppm
        return AddedToCostTradeFee(Decimal(rate_ppm) / PPM)

    # --- orders ---

    @property
    def in_flight_orders(self) -> dict[str, InFlightOrder]:
        """Orders that have not come to their end, by client order id."""
        return self._tracker.active_orders

    @property
    def limit_orders(self) -> list[LimitOrder]:
        return [order.to_limit_order() for order in self.in_flight_orders.values()]

    @property
    def order_tracker(self) -> OrderTracker:
        """Also knows finished and lost orders."""
        return self._tracker

    @property
    def tracking_states(self) -> dict[str, Any]:
        """What `restore_tracking_states` of a later run needs; plain JSON, by client order id."""
        return self._tracker.tracking_states

    def restore_tracking_states(self, saved_states: Mapping[str, Any]) -> None:
        """Follow the orders of an earlier run on; what happened to them meanwhile is told as events.

        An order that the exchange does not know ends as OrderFailure and is kept among the lost orders.

        Raises:
            KeyError, ValueError: a state that `tracking_states` cannot have written; nothing is restored.
        """
        orders = [InFlightOrder.from_json(state) for state in saved_states.values()]
        for order in orders:
            if order.is_failure:
                self._tracker.lost_orders[order.client_order_id] = order
            elif order.is_open:
                self._tracker.start_tracking_order(order)
                if self._is_running:
                    self._catch_up(order)
                else:
                    self._restored.append(order)

    def buy(
        self,
        trading_pair: str,
        amount: Decimal,
        order_type: OrderType = OrderType.LIMIT,
        price: Decimal = NAN,
        **kwargs: object,
    ) -> str:
        """Send a buy order; what becomes of it comes as events.

        Args:
            amount: base currency, cut to its step. A market order spends `amount` times the last price.
            price: cut to its step; not used by market orders.
            kwargs: what Hummingbot's strategies pass to derivatives, such as `position_action`; not used.

        Returns:
            The order's client id, by which all events name it.

        Raises:
            UnknownTradingPair: not on this exchange.
            TypeError: amount or price is no Decimal, or order_type no OrderType.
            NotConnected: not started, or stopped.
        """
        return self._send(TradeType.BUY, trading_pair, amount, order_type, price)

    def sell(
        self,
        trading_pair: str,
        amount: Decimal,
        order_type: OrderType = OrderType.LIMIT,
        price: Decimal = NAN,
        **kwargs: object,
    ) -> str:
        """Send a sell order; see `buy`."""
        return self._send(TradeType.SELL, trading_pair, amount, order_type, price)

    def cancel(self, trading_pair: str, client_order_id: str) -> str:
        """Ask for an order's cancellation; OrderCancelled tells that it is done.

        An order that is not in flight (any more) is left alone; a refusal is logged, as there.

        Returns:
            The client order id.
        """
        order = self.in_flight_orders.get(client_order_id)
        if order is not None:
            self._ask_for_cancel(order)
        return client_order_id

    async def cancel_all(self, timeout_seconds: float) -> list[CancellationResult]:
        """Cancel every order in flight and wait for the answers, `timeout_seconds` of real time at most."""
        orders = [order for order in self.in_flight_orders.values() if not order.is_done]
        if not orders:
            return []
        tasks = [self._later(self._execute_cancel(order)) for order in orders]
        await self._paper.time.outcome(asyncio.wait(tasks, timeout=timeout_seconds))
        return [
            CancellationResult(order.client_order_id, task.done() and task.result())
            for order, task in zip(orders, tasks, strict=True)
        ]

    # --- inside: to the exchange ---

    def _send(
        self, side: TradeType, trading_pair: str, amount: Decimal, order_type: OrderType, price: Decimal
    ) -> str:
        rule = self._rule(trading_pair)
        if not (isinstance(amount, Decimal) and isinstance(price, Decimal)):
            field, value = ("price", price) if isinstance(amount, Decimal) else ("amount", amount)
            raise TypeError(f"{field}: must be a Decimal, not {type(value).__name__} {value!r}")
        is_limit = order_type is _LIMIT_MAKER or order_type is _LIMIT
        if not is_limit:
            # Hummingbot's own enum will do, too.
            if not hasattr(order_type, "is_limit_type"):
                raise TypeError(f"order_type: must be an OrderType, not {order_type!r}")
            is_limit = order_type.is_limit_type()
        if not self._is_running:
            raise NotConnected
        if amount is not self._last_amount or rule is not self._last_rule:
            # Mostly it is the very amount of the last order.
            self._last_amount, self._last_rule = amount, rule
            self._last_cut = cut(amount, rule.min_base_amount_increment)
        steps = price // rule.min_price_increment if is_limit else NAN
        now_ns = self._paper.now_ns()
        order = InFlightOrder(
            self._new_client_order_id(side, trading_pair, now_ns),
            trading_pair,
            order_type,
            side,
            self._last_cut,
            now_ns / 1e9,
            steps * rule.min_price_increment if is_limit else price,
        )
        self._tracker.active_orders[order.client_order_id] = order
        self._ask_for_order(order, steps)
        return order.client_order_id

    def _ask_for_order(self, order: InFlightOrder, steps: Decimal) -> None:
        """Have it sent once the program lets others run; `steps`: its price in steps, NaN at the market."""
        self._later(self._create_order(order))

    def _ask_for_cancel(self, order: InFlightOrder) -> None:
        self._later(self._execute_cancel(order))

    async def _create_order(self, order: InFlightOrder) -> None:
        fault = self._fault(order)
        if fault:
            self._tracker.fail(order, "ValueError", fault)
            return
        try:
            await self.session.submit(self._paper.account, self._new_order(order))
        except (BitmartError, ValueError) as refused:
            # What was accepted is told by its events, whatever became of the reply.
            if order.is_pending_create:
                self._tracker.fail(order, type(refused).__name__, str(refused))

    def _fault(self, order: InFlightOrder) -> str:
        """Why the real connector would not even send the order; empty if it would."""
        rule = self._trading_rules[order.trading_pair]
        if order.amount < rule.min_order_size:
            return (
                f"Order amount {order.amount} is lower than minimum order size {rule.min_order_size} "
                f"for the pair {order.trading_pair}. The order will not be created."
            )
        if order.order_type is OrderType.MARKET and self._last_price(order).is_nan():
            return f"There is no last price of {order.trading_pair} yet. The order will not be created."
        return ""

    def _new_order(self, order: InFlightOrder) -> NewOrder:
        """As the real connector fills its request: a market order's notional is amount times last price."""
        is_market = order.order_type is OrderType.MARKET
        return NewOrder(
            symbol=symbol_of(order.trading_pair),
            side=Side.BUY if order.trade_type is TradeType.BUY else Side.SELL,
            type=_VENUE_TYPES[order.order_type],
            price=None if is_market else order.price,
            size=order.amount,
            notional=order.amount * self._last_price(order) if is_market else None,
            client_order_id=order.client_order_id,
        )

    def _last_price(self, order: InFlightOrder) -> Decimal:
        return self._order_books[order.trading_pair].last_trade_price

    async def _execute_cancel(self, order: InFlightOrder) -> bool:
        try:
            await self.session.cancel(
                self._paper.account,
                client_order_id=order.client_order_id,
                symbol=symbol_of(order.trading_pair),
            )
        except BitmartError as refused:
            LOG.error("Failed to cancel order %s: %s", order.client_order_id, refused)
            return False
        return True

    def _later(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _new_client_order_id(self, side: TradeType, trading_pair: str, now_ns: int) -> str:
        """Hummingbot's form: side, letters of both currencies, and a number that rises with time."""
        self._last_nonce = max(self._last_nonce + 1, now_ns // 1_000)
        letter = "B" if side is TradeType.BUY else "S"
        return f"{letter}{self._id_letters[trading_pair]}{self._last_nonce:x}"

    # --- inside: from the exchange ---

    def _on_events(self, events: list[Event]) -> None:
        """Balances first, so that a listener to a fill sees the money that it moved."""
        account = self._paper.account
        told: list[Event] = []
        for event in events:
            if isinstance(event, BalanceChanged):
                if event.account == account:
                    total_atoms = event.available_atoms + event.frozen_atoms
                    self._balances[event.asset] = from_atoms(total_atoms), from_atoms(event.available_atoms)
            elif (
                isinstance(event, OrderAccepted | OrderFilled | OrderCanceled)
                and event.order.account == account
            ):
                told.append(event)
        self._tracker.hear(told)

    def _on_market(self, symbol: str, events: np.ndarray) -> None:
        self._order_books[trading_pair_of(symbol)].publish(events)

    def _catch_up(self, order: InFlightOrder) -> None:
        """Ask the exchange about an order of an earlier run."""
        venue, account = self._paper.venue, self._paper.account
        try:
            truth = venue.order(account, client_order_id=order.client_order_id)
        except BitmartError as refused:
            if refused.code != ORDER_NOT_FOUND:
                raise
            self._tracker.lose(order)
            return
        fills = venue.fills(account, order_id=truth.order_id)
        self._tracker.catch_up(order, truth, reversed(fills))

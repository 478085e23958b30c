"""The connector of a program that is backtested in the compiled loop: the live one, which asks otherwise.

    live        buy() ── task ──> Session ── tasks, turns ──> events ──> OrderTracker
    here        buy() ── list ──> CompiledExchange ── arrays ──> deliveries ──> OrderTracker

No task is made and the event loop is not entered while nobody but the program wants to run.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Never

from paper_bitmart.backtest.fast_arrays import ACCEPTED, ENDED, FILLED
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector.compiled_book import CompiledBook
from paper_bitmart.connector.compiled_exchange import (
    ANSWER,
    AT_NS,
    ENDS,
    IS_CANCEL,
    LOTS,
    ORDER,
    ORDER_ID,
    WHAT,
    CompiledExchange,
    Delivery,
    Money,
    News,
)
from paper_bitmart.connector.compiled_time import CompiledTime
from paper_bitmart.connector.exchange.connector import BitmartPaperTrade, CancellationResult
from paper_bitmart.connector.exchange.in_flight_order import InFlightOrder
from paper_bitmart.connector.exchange.order_book import NAN, OrderBook
from paper_bitmart.connector.exchange.vocabulary import NetworkStatus, OrderState, OrderType, TradeType
from paper_bitmart.connector.paper_exchange import READY_NS_MAX, READY_STEP_NS
from paper_bitmart.exchange.line import LineFull
from paper_bitmart.exchange.session import SESSION_CLOSED, TOO_MANY_IN_FLIGHT, Session
from paper_bitmart.feed.events import FeedState

LOG = logging.getLogger(__name__)
_OPEN, _CANCELED, _MARKET = OrderState.OPEN, OrderState.CANCELED, OrderType.MARKET


class CompiledPaperTrade(BitmartPaperTrade):
    """`BitmartPaperTrade` over a `CompiledExchange`; starts and stops as that does.

    Attributes:
        time: how market time passes.
        now_ns, end_ns: market time, and when the recording ends.
        asked: orders with their price in ticks, cancels with a place for their answer, as they were asked.
    """

    def __init__(self, exchange: CompiledExchange) -> None:
        self._exchange = exchange
        self._book = CompiledBook(exchange)
        self._book_listeners = self._book._listeners
        super().__init__(exchange)  # type: ignore[arg-type]  # what is used of a PaperExchange, it has too
        exchange.describe = self._new_order
        self.time = CompiledTime(self)
        self.asked: list[tuple[InFlightOrder, bool, list[bool] | None, Decimal]] = []
        self.is_flush_due = False
        """The event loop will send what was asked for, should the program not wait for market time first."""
        self.now_ns, self.end_ns = exchange.at_ns, exchange.end_ns
        self._money: Money = exchange.money
        self._is_money_new = self._has_filled = False
        (rules,) = exchange.rules.values()
        self._currencies = rules.quote, rules.base
        self._pair = trading_pair_of(rules.symbol)

    def _open_book(self, symbol: str) -> OrderBook:
        return self._book

    # --- life ---

    async def start_network(self) -> None:
        exchange = self._exchange
        for asset, balance in exchange.balances().items():
            self._balances[asset] = from_atoms(balance.total_atoms), from_atoms(balance.available_atoms)
        deadline_ns = exchange.at_ns + READY_NS_MAX
        exchange.play(exchange.at_ns)
        while not exchange.is_live and exchange.at_ns < deadline_ns:
            exchange.play(exchange.at_ns + READY_STEP_NS)
        self.now_ns = exchange.at_ns
        self._is_running = True

    async def stop_network(self) -> None:
        """Tell what is on its way to the program, and refuse what is on its way to the exchange."""
        if not self._is_running:
            return
        self._is_running = False
        told, lost = self._exchange.close()
        self._tell_all(told)
        for order, is_cancel, _, _ in self.asked:
            self._refuse(order, refusal(SESSION_CLOSED, field="session", value="closed"), is_cancel)
        for command in lost:
            self._refuse(command[ORDER], refusal(SESSION_CLOSED), command[IS_CANCEL])

    async def check_network(self) -> NetworkStatus:
        return NetworkStatus.CONNECTED if self._is_running else NetworkStatus.NOT_CONNECTED

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait for market time to pass; the market is played meanwhile."""
        return self.time.wait(round(seconds * 1e9))

    @property
    def session(self) -> Session:
        self._needs_venue("session", "there is none under the compiled loop")

    @property
    def current_timestamp(self) -> float:
        return self._exchange.at_ns / 1e9

    @property
    def status_dict(self) -> dict[str, bool]:
        return {
            "symbols_mapping_initialized": True,
            "order_books_initialized": self._book.state is FeedState.LIVE,
            "account_balance": bool(self._balances),
            "trading_rule_initialized": True,
            "user_stream_initialized": self._is_running,
        }

    # --- money ---

    def get_balance(self, currency: str) -> Decimal:
        self._count_money()
        return super().get_balance(currency)

    def get_available_balance(self, currency: str) -> Decimal:
        self._count_money()
        return super().get_available_balance(currency)

    def get_all_balances(self) -> dict[str, Decimal]:
        self._count_money()
        return super().get_all_balances()

    @property
    def available_balances(self) -> dict[str, Decimal]:
        self._count_money()
        return super().available_balances

    async def set_balance(self, currency: str, balance: Decimal) -> None:
        missing = Decimal(balance) - self.get_available_balance(currency)
        await self.time.wait(0)
        if missing:
            if not self._is_running:
                raise refusal(SESSION_CLOSED, field="session", value="closed")
            self._exchange.transfer(currency, missing)
            self._tell_all(self._exchange.deliveries())

    # --- orders ---

    def restore_tracking_states(self, saved_states: Mapping[str, Any]) -> None:
        if saved_states:
            self._needs_venue("restore_tracking_states", "earlier orders are asked for at the venue")

    async def cancel_all(self, timeout_seconds: float) -> list[CancellationResult]:
        orders = [order for order in self.in_flight_orders.values() if not order.is_done]
        if not orders:
            return []
        answers: list[list[bool]] = [[] for _ in orders]
        for order, answer in zip(orders, answers, strict=True):
            self._ask(order, True, answer)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + timeout_seconds
        await self.time.until(lambda: all(answers) or loop.time() > deadline_s)
        return [
            CancellationResult(order.client_order_id, bool(answer and answer[0]))
            for order, answer in zip(orders, answers, strict=True)
        ]

    def cancel(self, trading_pair: str, client_order_id: str) -> str:
        order = self._tracker.active_orders.get(client_order_id)
        if order is not None:
            self._ask(order, True, None)
        return client_order_id

    def get_price(self, trading_pair: str, is_buy: bool) -> Decimal:
        if trading_pair != self._pair:
            return super().get_price(trading_pair, is_buy)
        price = self._book.get_price(is_buy)
        return price if price is not NAN else super().get_price(trading_pair, is_buy)

    def _ask_for_order(self, order: InFlightOrder, steps: Decimal) -> None:
        self.asked.append((order, False, None, steps))
        if not self.is_flush_due:
            self._flush_soon()

    def _ask_for_cancel(self, order: InFlightOrder) -> None:
        self._ask(order, True, None)

    def _ask(self, order: InFlightOrder, is_cancel: bool, answer: list[bool] | None) -> None:
        self.asked.append((order, is_cancel, answer, NAN))
        if not self.is_flush_due:
            self._flush_soon()

    def _flush_soon(self) -> None:
        self.is_flush_due = True
        asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send first, and do what arrives a round later, when all who wanted to have asked."""
        if self.send():
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self.is_flush_due = False
            self.act()

    # --- time ---

    def let_go(self) -> None:
        """The program has been told that the recording is over: if it goes on, so does time."""
        self.time.goes_on = True

    def advance(self, to_ns: int) -> None:
        """Let the market go on, and tell what happened."""
        self._exchange.play(to_ns)
        self.now_ns = to_ns
        if self._book_listeners:
            self._book.tell()
        self._tell_due()

    def send(self) -> bool:
        """Send what was asked for; was there anything?"""
        if not self.asked:
            return False
        exchange, least = self._exchange, self._rule(self._pair).min_order_size
        # The list may grow meanwhile: a listener to a failure asks for more.
        for order, is_cancel, answer, steps in self.asked:
            try:
                if is_cancel:
                    exchange.cancel(order, answer)
                elif order.amount >= least and order.order_type is not _MARKET:
                    exchange.send(order, steps)
                elif fault := self._fault(order):
                    self._tracker.fail(order, "ValueError", fault)
                else:
                    exchange.send(order, steps)
            except LineFull as error:
                self._refuse_full(order, error.limit, is_cancel, answer)
        self.asked.clear()
        return True

    def act(self) -> bool:
        """Do and tell what arrives at this very moment; was there anything?"""
        exchange = self._exchange
        if exchange.next_arrival_ns > exchange.at_ns:
            return False
        exchange.play(exchange.at_ns)
        self._tell_due()
        return True

    # --- inside ---

    def _refuse_full(
        self, order: InFlightOrder, limit: int, is_cancel: bool, answer: list[bool] | None
    ) -> None:
        refused = refusal(TOO_MANY_IN_FLIGHT, field="account", limit=limit, value=self._exchange.account)
        self._refuse(order, refused, is_cancel)
        if answer is not None:
            answer.append(False)

    def _refuse(self, order: InFlightOrder, error: BitmartError, is_cancel: bool) -> None:
        if is_cancel:
            _log_lost(order, error)
        elif order.is_pending_create:
            self._tracker.fail(order, type(error).__name__, str(error))

    def _tell_due(self) -> None:
        exchange, news = self._exchange, None
        if not self._listeners:
            news, is_smooth = exchange.news()
            if is_smooth:
                if news:
                    self._money, self._is_money_new = exchange.money_after(news[-1]), True
                    self._tell_news(news)
                return
        self._tell_all(exchange.deliveries(news))

    def _tell_all(self, deliveries: list[Delivery]) -> None:
        refused: list[Delivery] = []
        for delivery in deliveries:
            self._tell(delivery)
            if delivery.command is None:
                continue
            if delivery.error is not None or delivery.is_lost:
                refused.append(delivery)
        # Who sent a command learns of its refusal when all the news of the moment have been told.
        for delivery in refused:
            command, error = delivery.command, delivery.error
            assert command is not None
            if error is None:
                _log_lost(command[ORDER], None)
            else:
                self._refuse(command[ORDER], error, False)

    def _tell(self, delivery: Delivery) -> None:
        """Balances first, so that a listener to a fill sees the money that it moved."""
        if delivery.money is not None:
            self._money, self._is_money_new = delivery.money, True
        if delivery.command is not None:
            answer = delivery.command[ANSWER]
            if answer is not None:
                answer.append(not delivery.is_lost)
        self._tell_news(delivery.news)

    def _tell_news(self, told: list[News]) -> None:
        active, reached = self._tracker.active_orders, self._tracker.reached
        for news in told:
            order = active.get(news[0].client_order_id)
            if order is None:
                continue
            row = news[1]
            what = row[WHAT]
            if what == ACCEPTED:
                reached(order, _OPEN, row[AT_NS], row[ORDER_ID])
            elif what == ENDED:
                state = _CANCELED if order.order_type is not _MARKET else _end_of(order)
                reached(order, state, row[AT_NS], row[ORDER_ID])
            elif what == FILLED:
                self._tell_fill(order, news)

    def _tell_fill(self, order: InFlightOrder, news: News) -> None:
        row = news[1]
        if not self._has_filled:
            self._has_filled = True
            for asset in self._currencies:
                self._balances.setdefault(asset, (Decimal(0), Decimal(0)))
        exchange = self._exchange
        make = partial(exchange.trade_update, news)
        self._tracker.filled_by(order, exchange.sizes[row[LOTS]], row[AT_NS], make)
        state = OrderState.FILLED if row[ENDS] else OrderState.PARTIALLY_FILLED
        self._tracker.reached(order, state, row[AT_NS], row[ORDER_ID])

    def _count_money(self) -> None:
        """Put what the exchange has told of the account into Decimals."""
        if not self._is_money_new:
            return
        self._is_money_new = False
        money = self._money
        for asset in {**money[0], **self._balances}:
            available_atoms, frozen_atoms = self._exchange.atoms(money, asset)
            self._balances[asset] = from_atoms(available_atoms + frozen_atoms), from_atoms(available_atoms)

    def _needs_venue(self, name: str, why: str) -> Never:
        raise RuntimeError(f"{name}: {why}; ConnectorBacktest(..., engine='venue') has it")


def _end_of(order: InFlightOrder) -> OrderState:
    """Of a market order. A buy spends money: what is left when it ends is less than one lot costs."""
    is_filled = order.trade_type is TradeType.BUY and order.executed_amount_base
    return OrderState.FILLED if is_filled else OrderState.CANCELED


def _log_lost(order: InFlightOrder, refused: BitmartError | None) -> None:
    if not LOG.isEnabledFor(logging.ERROR):
        return
    if refused is None and order.exchange_order_id is None:
        refused = refusal(50005, field="order_id", value=order.client_order_id)
    if refused is None:
        refused = refusal(50031 if order.is_filled else 50030, value=order.exchange_order_id)
    LOG.error("Failed to cancel order %s: %s", order.client_order_id, refused)

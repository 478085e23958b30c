"""The connector of a program that is backtested in the compiled loop: the live one, which asks otherwise.

    live        buy() ── task ──> Session ── tasks, turns ──> events ──> OrderTracker
    here        buy() ── list ──> CompiledExchange ── arrays ──> deliveries ──> OrderTracker

No task is made and the event loop is not entered while nobody but the program wants to run.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from decimal import Decimal
from typing import Any, Never

from paper_bitmart.backtest import fast_arrays as at
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.connector.compiled_book import CompiledBook
from paper_bitmart.connector.compiled_exchange import (
    AT_NS,
    ENDS,
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
from paper_bitmart.connector.exchange.order_book import OrderBook
from paper_bitmart.connector.exchange.vocabulary import NetworkStatus, OrderState, OrderType, TradeType
from paper_bitmart.connector.paper_exchange import READY_NS_MAX, READY_STEP_NS
from paper_bitmart.exchange.line import LineFull
from paper_bitmart.exchange.session import SESSION_CLOSED, TOO_MANY_IN_FLIGHT, Session
from paper_bitmart.feed.events import FeedState

LOG = logging.getLogger(__name__)


class CompiledPaperTrade(BitmartPaperTrade):
    """`BitmartPaperTrade` over a `CompiledExchange`; starts and stops as that does.

    Attributes:
        time: how market time passes.
    """

    def __init__(self, exchange: CompiledExchange) -> None:
        self._exchange = exchange
        self._book = CompiledBook(exchange)
        super().__init__(exchange)  # type: ignore[arg-type]  # what is used of a PaperExchange, it has too
        exchange.describe = self._new_order
        self.time = CompiledTime(self)
        self._asked: list[tuple[InFlightOrder, bool, list[bool] | None]] = []
        """Orders, and cancels with the place for their answer, in the order of asking."""
        self.is_flush_due = False
        """The event loop will send what was asked for, should the program not wait for market time first."""
        self._money = exchange.money
        self._is_money_new = False
        (rules,) = exchange.rules.values()
        self._currencies = rules.quote, rules.base

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
        self._is_running = True

    async def stop_network(self) -> None:
        """Tell what is on its way to the program, and refuse what is on its way to the exchange."""
        if not self._is_running:
            return
        self._is_running = False
        told, lost = self._exchange.close()
        self._tell_all(told)
        asked, self._asked = self._asked, []
        for order, is_cancel, _ in asked:
            self._refuse(order, refusal(SESSION_CLOSED, field="session", value="closed"), is_cancel)
        for command in lost:
            self._refuse(command.order, refusal(SESSION_CLOSED), command.is_cancel)

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
            self._tell_due()

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

    def _ask_for_order(self, order: InFlightOrder) -> None:
        self._ask(order, False, None)

    def _ask_for_cancel(self, order: InFlightOrder) -> None:
        self._ask(order, True, None)

    def _ask(self, order: InFlightOrder, is_cancel: bool, answer: list[bool] | None) -> None:
        self._asked.append((order, is_cancel, answer))
        if not self.is_flush_due:
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

    @property
    def now_ns(self) -> int:
        """Market time."""
        return self._exchange.at_ns

    @property
    def is_over(self) -> bool:
        """Everything recorded has been played."""
        return self._exchange.at_ns >= self._exchange.end_ns

    def let_go(self) -> None:
        """The program has been told that the recording is over: if it goes on, so does time."""
        self.time.goes_on = True

    def advance(self, to_ns: int) -> None:
        """Let the market go on, and tell what happened."""
        self._exchange.play(to_ns)
        if self._book.has_listeners:
            self._book.tell()
        self._tell_due()

    def send(self) -> bool:
        """Send what was asked for; was there anything?"""
        if not self._asked:
            return False
        # The list may grow meanwhile: a listener to a failure asks for more.
        for order, is_cancel, answer in self._asked:
            self._put(order, is_cancel, answer)
        self._asked.clear()
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

    def _put(self, order: InFlightOrder, is_cancel: bool, answer: list[bool] | None) -> None:
        try:
            if is_cancel:
                self._exchange.cancel(order, answer)
            elif fault := self._fault(order):
                self._tracker.fail(order, "ValueError", fault)
            else:
                self._exchange.send(order)
        except LineFull as error:
            refused = refusal(
                TOO_MANY_IN_FLIGHT, field="account", limit=error.limit, value=self._exchange.account
            )
            self._refuse(order, refused, is_cancel)
            if answer is not None:
                answer.append(False)

    def _refuse(self, order: InFlightOrder, error: BitmartError, is_cancel: bool) -> None:
        if is_cancel:
            _log_lost(order, error)
        elif order.is_pending_create:
            self._tracker.fail(order, type(error).__name__, str(error))

    def _tell_due(self) -> None:
        self._tell_all(self._exchange.deliveries(one_by_one=self.has_listeners))

    def _tell_all(self, deliveries: list[Delivery]) -> None:
        refused: list[Delivery] = []
        for delivery in deliveries:
            self._tell(delivery)
            if delivery.error is not None or delivery.is_lost:
                refused.append(delivery)
        # Who sent a command learns of its refusal when all the news of the moment have been told.
        for delivery in refused:
            command, error = delivery.command, delivery.error
            assert command is not None
            if error is None:
                _log_lost(command.order, None)
            else:
                self._refuse(command.order, error, False)

    def _tell(self, delivery: Delivery) -> None:
        """Balances first, so that a listener to a fill sees the money that it moved."""
        if delivery.money is not None:
            self._money, self._is_money_new = delivery.money, True
        if delivery.command is not None and delivery.command.answer is not None:
            delivery.command.answer.append(not delivery.is_lost)
        active, reached = self._tracker.active_orders, self._tracker.reached
        for news in delivery.news:
            order = active.get(news[0].client_order_id)
            if order is None:
                continue
            row = news[1]
            what = row[WHAT]
            if what == at.ACCEPTED:
                reached(order, OrderState.OPEN, row[AT_NS], row[ORDER_ID])
            elif what == at.ENDED:
                reached(order, _end_of(order), row[AT_NS], row[ORDER_ID])
            elif what == at.FILLED:
                self._tell_fill(order, news)

    def _tell_fill(self, order: InFlightOrder, news: News) -> None:
        row = news[1]
        for asset in self._currencies:
            self._balances.setdefault(asset, (Decimal(0), Decimal(0)))
        self._tracker.filled(order, self._exchange.trade_update(news))
        state = OrderState.FILLED if row[ENDS] else OrderState.PARTIALLY_FILLED
        self._tracker.reached(order, state, row[AT_NS], row[ORDER_ID])

    def _count_money(self) -> None:
        """Put what the exchange has told of the account into Decimals."""
        if not self._is_money_new:
            return
        self._is_money_new = False
        money: Money = self._money
        for asset in {**money.opening, **self._balances}:
            available_atoms, frozen_atoms = self._exchange.atoms(money, asset)
            self._balances[asset] = from_atoms(available_atoms + frozen_atoms), from_atoms(available_atoms)

    def _needs_venue(self, name: str, why: str) -> Never:
        raise RuntimeError(f"{name}: {why}; ConnectorBacktest(..., engine='venue') has it")


def _end_of(order: InFlightOrder) -> OrderState:
    """A market buy spends money, not lots: what is left when it ends is less than one lot costs."""
    is_market_buy = order.order_type is OrderType.MARKET and order.trade_type is TradeType.BUY
    return OrderState.FILLED if is_market_buy and order.executed_amount_base else OrderState.CANCELED


def _log_lost(order: InFlightOrder, refused: BitmartError | None) -> None:
    if not LOG.isEnabledFor(logging.ERROR):
        return
    if refused is None and order.exchange_order_id is None:
        refused = refusal(50005, field="order_id", value=order.client_order_id)
    if refused is None:
        refused = refusal(50031 if order.is_filled else 50030, value=order.exchange_order_id)
    LOG.error("Failed to cancel order %s: %s", order.client_order_id, refused)

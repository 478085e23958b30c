"""The loads of `benchmarks.backtest`, each in our three ways: compiled, in plain Python, for the connector.

- quoting: each 100 ms cancel everything, and one post-only bid and ask at the touch.
- grid: each 100 ms five post-only bids and five asks at round prices from the touch on; orders that are still
  right stay. An order that is being cancelled counts as there until its end is heard of.
"""

from decimal import ROUND_CEILING, Decimal

from numba import njit

from paper_bitmart.backtest import fast_desk
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.connector.exchange.vocabulary import OrderType as ConnectorType

STEP_NS = 100_000_000
SIZE_LOTS, LEVELS, GRID_TICKS = 100, 5, 100


@njit
def look(desk, book, memory):
    if fast_desk.best_bid(book) >= fast_desk.best_ask(book):
        memory[0] += 1


@njit
def quote(desk, book, memory):
    fast_desk.cancel_all(desk)
    fast_desk.send(desk, fast_desk.BUY, fast_desk.best_bid(book), SIZE_LOTS, fast_desk.LIMIT_MAKER)
    fast_desk.send(desk, fast_desk.SELL, fast_desk.best_ask(book), SIZE_LOTS, fast_desk.LIMIT_MAKER)


@njit
def grid(desk, book, memory):
    top = fast_desk.best_bid(book) // GRID_TICKS * GRID_TICKS
    bottom = -(-fast_desk.best_ask(book) // GRID_TICKS) * GRID_TICKS
    bids = asks = 0
    for k in range(fast_desk.open_orders(desk)):
        ticket = fast_desk.open_order(desk, k)
        order = desk.tickets[ticket]
        away = top - order["price"] if order["side"] == fast_desk.BUY else order["price"] - bottom
        if away < 0 or away >= LEVELS * GRID_TICKS:
            fast_desk.cancel(desk, ticket)
        elif order["side"] == fast_desk.BUY:
            bids |= 1 << away // GRID_TICKS
        else:
            asks |= 1 << away // GRID_TICKS
    for j in range(LEVELS):
        if not bids >> j & 1:
            fast_desk.send(desk, fast_desk.BUY, top - j * GRID_TICKS, SIZE_LOTS, fast_desk.LIMIT_MAKER)
        if not asks >> j & 1:
            fast_desk.send(desk, fast_desk.SELL, bottom + j * GRID_TICKS, SIZE_LOTS, fast_desk.LIMIT_MAKER)


class Look(Strategy):
    wake_every_ns = STEP_NS

    def on_book(self, desk, symbol):
        if desk.best_bid(symbol) >= desk.best_ask(symbol):
            raise RuntimeError("the book is crossed")


class Quote(Strategy):
    wake_every_ns = STEP_NS

    def on_book(self, desk, symbol):
        desk.cancel_all(symbol)
        desk.buy(symbol, desk.best_bid(symbol), SIZE_LOTS, OrderType.LIMIT_MAKER)
        desk.sell(symbol, desk.best_ask(symbol), SIZE_LOTS, OrderType.LIMIT_MAKER)


class Grid(Strategy):
    wake_every_ns = STEP_NS

    def on_book(self, desk, symbol):
        top = desk.best_bid(symbol) // GRID_TICKS * GRID_TICKS
        bottom = -(-desk.best_ask(symbol) // GRID_TICKS) * GRID_TICKS
        bids, asks = set(), set()
        for ticket in list(desk.tickets.values()):
            is_bid = ticket.side is Side.BUY
            away = top - ticket.price_ticks if is_bid else ticket.price_ticks - bottom
            if away < 0 or away >= LEVELS * GRID_TICKS:
                desk.cancel(ticket)
            else:
                (bids if is_bid else asks).add(ticket.price_ticks)
        for j in range(LEVELS):
            if (price := top - j * GRID_TICKS) not in bids:
                desk.buy(symbol, price, SIZE_LOTS, OrderType.LIMIT_MAKER)
            if (price := bottom + j * GRID_TICKS) not in asks:
                desk.sell(symbol, price, SIZE_LOTS, OrderType.LIMIT_MAKER)


class Program:
    """The loads as asyncio programs; `pair` and the size in base currency."""

    def __init__(self, pair: str, amount: Decimal, tick: Decimal) -> None:
        self.pair, self.amount, self.tick = pair, amount, tick

    async def look(self, exchange):
        while True:
            await exchange.sleep(STEP_NS / 1e9)
            if exchange.get_price(self.pair, False) >= exchange.get_price(self.pair, True):
                raise RuntimeError("the book is crossed")

    async def quote(self, exchange):
        while True:
            await exchange.sleep(STEP_NS / 1e9)
            for order in exchange.limit_orders:
                exchange.cancel(self.pair, order.client_order_id)
            for send, is_ask in ((exchange.buy, False), (exchange.sell, True)):
                send(self.pair, self.amount, ConnectorType.LIMIT_MAKER, exchange.get_price(self.pair, is_ask))

    async def grid(self, exchange):
        step = GRID_TICKS * self.tick
        while True:
            await exchange.sleep(STEP_NS / 1e9)
            top = exchange.get_price(self.pair, False) // step * step
            # Not by `//`, which cuts Decimals toward zero.
            bottom = (exchange.get_price(self.pair, True) / step).to_integral_value(ROUND_CEILING) * step
            bids, asks = set(), set()
            for order in exchange.limit_orders:
                away = top - order.price if order.is_buy else order.price - bottom
                if away < 0 or away >= LEVELS * step:
                    exchange.cancel(self.pair, order.client_order_id)
                else:
                    (bids if order.is_buy else asks).add(order.price)
            for j in range(LEVELS):
                if (price := top - j * step) not in bids:
                    exchange.buy(self.pair, self.amount, ConnectorType.LIMIT_MAKER, price)
                if (price := bottom + j * step) not in asks:
                    exchange.sell(self.pair, self.amount, ConnectorType.LIMIT_MAKER, price)

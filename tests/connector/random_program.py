"""A connector program that does, by a seed, everything that one can do, and writes down all that it hears."""

import asyncio
import random
from decimal import Decimal

from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.connector.exchange.vocabulary import (
    MarketEvent,
    OrderBookEvent,
    OrderType,
    PriceType,
)

TYPES = [OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.LIMIT_MAKER, OrderType.MARKET]
WAITS_S = [0, 0.001, 0.03, 0.1, 0.1, 0.25, 0.73]
ODD = [Decimal(0), Decimal("-1"), Decimal("NaN"), Decimal("1e-30"), Decimal("1e15"), Decimal("1e20")]


class RandomProgram:
    """`hears`: names of the events that it listens to; `looks`: whether it listens to the book, too."""

    def __init__(self, seed, pair, amount, *, hears=tuple(MarketEvent), looks=False, odd=0.05):
        self.chance, self.pair, self.amount = random.Random(seed), pair, amount
        self.hears, self.looks, self.odd = hears, looks, odd
        self.diary = []

    def note(self, *what):
        self.diary.append((self.exchange.current_timestamp, *what))

    async def __call__(self, exchange):
        self.exchange = exchange
        for tag in self.hears:
            exchange.add_listener(tag, self.hear)
        if self.looks:
            book = exchange.get_order_book(self.pair)
            for tag in OrderBookEvent:
                book.add_listener(tag, self.look)
        self.note("start", exchange.ready, exchange.get_all_balances(), await exchange.check_network())
        while True:
            await self.act()
            await exchange.sleep(self.chance.choice(WAITS_S))
            self.note_all()

    def note_all(self):
        exchange = self.exchange
        self.note(
            exchange.get_all_balances(),
            exchange.available_balances,
            exchange.limit_orders,
            exchange.tracking_states,
            list(exchange.order_tracker.cached_orders)[-3:],
            exchange.get_price(self.pair, is_buy=True),
            exchange.get_price(self.pair, is_buy=False),
        )
        if self.chance.random() < 0.2:
            book = exchange.get_order_book(self.pair)
            self.note(
                exchange.get_price_by_type(self.pair, PriceType.LastTrade),
                list(book.bid_entries())[:5],
                list(book.ask_entries())[:5],
                book.snapshot_uid,
                exchange.get_vwap_for_volume(self.pair, is_buy=True, volume=self.amount * 100),
            )

    def hear(self, event):
        self.note(event, self.exchange.get_all_balances(), self.exchange.available_balances)
        if not self.exchange.ready:
            # It is being closed: how often a listener is still told of its own refusals is not laid down.
            return
        if self.chance.random() < 0.2:
            self.send()
        if self.chance.random() < 0.1 and self.exchange.in_flight_orders:
            self.exchange.cancel(self.pair, self.chance.choice(list(self.exchange.in_flight_orders)))

    def look(self, event):
        is_trade = hasattr(event, "amount")
        self.note(
            "book", event if is_trade else event.get_price(is_buy=True), self.exchange.get_balance("USDT")
        )
        if self.chance.random() < 0.01:
            self.send()

    async def act(self):
        chance, exchange = self.chance, self.exchange
        if chance.random() < 0.1:
            self.note("all", await exchange.cancel_all(10))
        if chance.random() < 0.05:
            await self.set_balance()
        for order_id in list(exchange.in_flight_orders):
            if chance.random() < 0.2:
                exchange.cancel(self.pair, order_id)
            if chance.random() < 0.02:
                exchange.cancel(self.pair, order_id)
        for _ in range(chance.randrange(4)):
            order_id = self.send()
            if chance.random() < 0.05:
                exchange.cancel(self.pair, order_id)

    async def set_balance(self):
        exchange, currency = self.exchange, self.chance.choice(self.pair.split("-"))
        balance = exchange.get_available_balance(currency) * self.chance.choice(
            [Decimal("0.9"), Decimal("1.3")]
        )
        try:
            await exchange.set_balance(currency, balance.quantize(Decimal("1e-9")))
        except BitmartError as error:
            self.note("refused", str(error))

    def send(self):
        chance, exchange = self.chance, self.exchange
        send, is_buy = chance.choice([(exchange.buy, True), (exchange.sell, False)])
        best = exchange.get_price(self.pair, is_buy=not is_buy)
        price = best + chance.randrange(-30, 30) * exchange.trading_rules[self.pair].min_price_increment
        price *= Decimal("1.00000003")
        amount = self.amount * chance.randrange(1, 200) / 100
        if chance.random() < self.odd:
            price, amount = chance.choice([price, *ODD]), chance.choice([amount, *ODD[:2], *ODD[3:5]])
        return send(self.pair, amount, chance.choice(TYPES), price)


class Several(RandomProgram):
    """Three tasks that wait, one that reacts to fills, and one that waits for its own orders."""

    async def __call__(self, exchange):
        self.exchange = exchange
        self.filled = asyncio.Event()
        exchange.add_listener(MarketEvent.OrderFilled, lambda _: self.filled.set())
        for tag in self.hears:
            exchange.add_listener(tag, self.note)
        waits = [0.07, 0.25, 0.31]
        await asyncio.gather(
            *(self.quote(number, wait) for number, wait in enumerate(waits)), self.react(), self.order()
        )

    async def quote(self, number, wait_s):
        while True:
            self.note("quote", number)
            if self.chance.random() < 0.3:
                await self.exchange.cancel_all(10)
            self.send()
            await self.exchange.sleep(wait_s)

    async def react(self):
        while True:
            await self.filled.wait()
            self.filled.clear()
            self.note("reacts")
            if self.chance.random() < 0.5:
                await self.exchange.sleep(0.1)
            self.send()

    async def order(self):
        while True:
            order_id = self.send()
            order = self.exchange.in_flight_orders[order_id]
            await order.wait_until_processed_by_exchange()
            self.note("processed", order.current_state)
            await self.exchange.sleep(0.2)

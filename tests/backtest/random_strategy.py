"""A strategy that does, by a seed, everything that a desk can do, and writes down all that it is told."""

import random
from decimal import Decimal

from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from tests.backtest.backtest_market import MS

KINDS = [OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.LIMIT_MAKER, OrderType.IOC]
ODD_LOTS = [0, -1, 1, 3, 10**9, 2**53, 2**62, 2**70]
ODD_TICKS = [0, -7, 1, 2**53, 2**70]


class RandomStrategy(Strategy):
    """`odd`: share of orders that make little sense; `lots`: typical size of an order."""

    def __init__(self, seed, lots, *, odd=0.05, wake_every_ns=100 * MS):
        self.wake_every_ns = wake_every_ns
        self.chance, self.lots, self.odd = random.Random(seed), lots, odd
        self.diary, self.kept = [], []

    def note(self, desk, *what):
        self.diary.append((desk.now_ns, *what))

    def on_start(self, desk):
        self.note(desk, "start")
        desk.call_at(desk.now_ns + 1_500 * MS, "first")
        self.act(desk)

    def on_book(self, desk, symbol):
        self.note(desk, desk.best_bid(symbol), desk.best_ask(symbol), dict(desk.positions))
        if self.chance.random() < 0.1:
            price = desk.best_bid(symbol) - self.chance.randrange(20)
            self.note(desk, desk.lots_at(symbol, Side.BUY, price), desk.depth(symbol, Side.SELL, 5))
            self.note(desk, desk.balances(), [desk.balance(asset) for asset in ("BTC", "ETH", "USDT")])
        for ticket in self.kept:
            self.note(desk, repr(ticket), ticket.is_canceling, ticket.order_id, desk.queue_ahead(ticket))
        self.kept = self.kept[-5:]
        self.act(desk)

    def on_trade(self, desk, trade):
        self.note(desk, trade)

    def on_timer(self, desk, tag):
        self.note(desk, "timer", tag)
        if self.chance.random() < 0.7:
            desk.call_at(desk.now_ns + self.chance.randrange(900 * MS), self.chance.randrange(9))
        self.act(desk)

    def on_fill(self, desk, ticket, fill):
        self.note(desk, "fill", repr(ticket), fill)
        if self.chance.random() < 0.2:
            self.act(desk)

    def on_order(self, desk, ticket):
        self.note(desk, "order", repr(ticket))
        if self.chance.random() < 0.05:
            desk.cancel(ticket)

    def on_refused(self, desk, ticket, error):
        self.note(desk, "refused", repr(ticket), error.code, str(error))

    def on_stop(self, desk):
        self.note(desk, "stop", [repr(ticket) for ticket in desk.tickets.values()])

    def act(self, desk):
        (symbol,) = desk.symbols
        chance = self.chance
        if chance.random() < 0.2:
            desk.cancel_all(chance.choice([None, symbol]))
        for ticket in list(desk.tickets.values()):
            if chance.random() < 0.1:
                desk.cancel(ticket)
        for _ in range(chance.randrange(4)):
            self.kept.append(self.send(desk, symbol))
        if chance.random() < 0.05:
            self.wake_every_ns = chance.choice([30 * MS, 100 * MS, 250 * MS])

    def send(self, desk, symbol):
        chance = self.chance
        side, lots = chance.choice([Side.BUY, Side.SELL]), chance.randrange(1, 2 * self.lots)
        if chance.random() < 0.1:
            if chance.random() < 0.5:
                return desk.market_sell(symbol, lots)
            return desk.market_buy(symbol, Decimal(chance.randrange(1, 10**9)).scaleb(-6))
        best = desk.best_bid(symbol) if side is Side.BUY else desk.best_ask(symbol)
        price = best + chance.randrange(-30, 30)
        if chance.random() < self.odd:
            price, lots = chance.choice([price, *ODD_TICKS]), chance.choice([lots, *ODD_LOTS])
        kind, stp = chance.choice(KINDS), chance.choice([StpMode.NONE, *StpMode])
        if chance.random() < self.odd / 5:
            kind = chance.choice(["stop", "market"])
        return desk.send(symbol, side, price, lots, kind, stp)

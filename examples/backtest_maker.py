"""A market maker after Avellaneda and Stoikov: quotes around a price that leans against the inventory.

    reservation price  r = mid - q * gamma * sigma^2 * T
    half spread        h = gamma * sigma^2 * T / 2 + ln(1 + gamma / kappa) / gamma

q: inventory in order sizes; sigma: of the mid, ticks per sqrt(second), from an average of its squared moves;
gamma: risk aversion per tick; kappa: how fast fills thin out with distance, per tick; T: horizon, seconds,
kept constant. Source: Avellaneda and Stoikov, High-frequency trading in a limit order book (2008).

    paper-bitmart backtest examples/backtest_maker.py:Maker --report maker.html --set gamma=0.002
"""

import math

from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.bitmart.enums import OrderType, Side


class Maker(Strategy):
    def __init__(self, lots=1_000, gamma=0.002, kappa=0.05, horizon_s=1.0, most=10, half_life_s=10.0):
        self.lots, self.gamma, self.kappa, self.horizon_s, self.most = lots, gamma, kappa, horizon_s, most
        self.keep = 0.5 ** (self.wake_every_ns / 1e9 / half_life_s)
        self.mids, self.variances = {}, {}

    def on_book(self, desk, symbol):
        bid, ask = desk.best_bid(symbol), desk.best_ask(symbol)
        if not bid or not ask:
            return
        mid = (bid + ask) / 2
        risk = self.gamma * self.variance(symbol, mid) * self.horizon_s
        held = desk.positions[symbol] / self.lots
        half = risk / 2 + math.log(1 + self.gamma / self.kappa) / self.gamma
        price = mid - held * risk
        self.quote(desk, symbol, Side.BUY, min(math.floor(price - half), ask - 1), held < self.most)
        self.quote(desk, symbol, Side.SELL, max(math.ceil(price + half), bid + 1), held > -self.most)

    def variance(self, symbol, mid):
        """Of the mid, ticks squared per second, exponentially weighted."""
        move = mid - self.mids.get(symbol, mid)
        self.mids[symbol] = mid
        per_second = move * move / (self.wake_every_ns / 1e9)
        self.variances[symbol] = self.keep * self.variances.get(symbol, 0.0) + (1 - self.keep) * per_second
        return self.variances[symbol]

    def quote(self, desk, symbol, side, price, wanted):
        """One order a side: left alone where it is right, so that it keeps its place in the queue."""
        mine = [t for t in desk.tickets.values() if t.symbol == symbol and t.side is side]
        for ticket in mine:
            if not wanted or ticket.price_ticks != price:
                desk.cancel(ticket)
        if wanted and not any(t.price_ticks == price and not t.is_canceling for t in mine):
            desk.send(symbol, side, price, self.lots, OrderType.LIMIT_MAKER)

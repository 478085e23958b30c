"""A taker on order book imbalance: buys when the bids outweigh the asks by far, sells the other way.

imbalance = (bid lots - ask lots) / (bid lots + ask lots) over the best levels, -1 to 1.

    paper-bitmart backtest examples/backtest_imbalance.py:Taker --set threshold=0.8 --entry-latency-ms 20
"""

from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.bitmart.enums import OrderType, Side


class Taker(Strategy):
    def __init__(self, lots=1_000, levels=5, threshold=0.7, most=5):
        self.lots, self.levels, self.threshold, self.most = lots, levels, threshold, most

    def on_book(self, desk, symbol):
        bids = sum(lots for _, lots in desk.depth(symbol, Side.BUY, self.levels))
        asks = sum(lots for _, lots in desk.depth(symbol, Side.SELL, self.levels))
        if not bids or not asks or desk.tickets:
            return
        imbalance, held = (bids - asks) / (bids + asks), desk.positions[symbol] / self.lots
        if imbalance > self.threshold and held < self.most:
            desk.buy(symbol, desk.best_ask(symbol), self.lots, OrderType.IOC)
        elif imbalance < -self.threshold and held > -self.most:
            desk.sell(symbol, desk.best_bid(symbol), self.lots, OrderType.IOC)

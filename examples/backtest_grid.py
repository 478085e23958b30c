"""A grid: bids below and asks above the first mid; what one of them fills is offered again a step further.

paper-bitmart backtest examples/backtest_grid.py:Grid --pairs BTC-USDT --set step_ticks=200
"""

from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.bitmart.enums import OrderType, Side


class Grid(Strategy):
    def __init__(self, lots=1_000, levels=5, step_ticks=300):
        self.lots, self.levels, self.step_ticks = lots, levels, step_ticks
        self.is_built = set()

    def on_book(self, desk, symbol):
        if symbol in self.is_built or not desk.best_bid(symbol):
            return
        self.is_built.add(symbol)
        mid = (desk.best_bid(symbol) + desk.best_ask(symbol)) // 2
        for level in range(1, self.levels + 1):
            desk.buy(symbol, mid - level * self.step_ticks, self.lots, OrderType.LIMIT_MAKER)
            desk.sell(symbol, mid + level * self.step_ticks, self.lots, OrderType.LIMIT_MAKER)

    def on_fill(self, desk, ticket, fill):
        if ticket.is_open:
            return
        if ticket.side is Side.BUY:
            desk.sell(ticket.symbol, ticket.price_ticks + self.step_ticks, ticket.filled_lots)
        else:
            desk.buy(ticket.symbol, ticket.price_ticks - self.step_ticks, ticket.filled_lots)

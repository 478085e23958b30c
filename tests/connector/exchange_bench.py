"""The asyncio connector over a tiny recorded market with stepped time, and what its listeners heard."""

from contextlib import asynccontextmanager
from decimal import Decimal

from small_market import MARKET, Files, trade

from paper_bitmart import connect
from paper_bitmart.connector.exchange.vocabulary import MarketEvent

PAIR = "BTC-USDT"
OPEN_UNTIL = trade(25_000, "buy", "100.02", "0.001")
"""A recording's market is closed at its end; this one ends after the tests."""
BALANCES = {"USDT": "10000", "BTC": "10"}


class Heard(list):
    """(event name, event) in the order in which they were told."""

    def listen(self, exchange):
        for tag in MarketEvent:
            exchange.add_listener(tag, lambda event, name=tag.name: self.append((name, event)))

    @property
    def names(self):
        return [name for name, _ in self]

    def of(self, order_id):
        return [name for name, event in self if event.order_id == order_id]

    def last(self, name):
        return next(event for told, event in reversed(self) if told == name)


@asynccontextmanager
async def running(folder, market=MARKET, restore=None, **settings):
    """A connector that has started, and its `heard`; `restore`: tracking states to restore before."""
    files = Files(folder, market=(*market, OPEN_UNTIL))
    settings = {"balances": BALANCES, "speed": None} | settings
    exchange = connect(source=files.capture, symbols=files.symbols, **settings)
    exchange.heard = Heard()
    exchange.heard.listen(exchange)
    if restore is not None:
        exchange.restore_tracking_states(restore)
    async with exchange:
        yield exchange


def D(text):
    return Decimal(text)

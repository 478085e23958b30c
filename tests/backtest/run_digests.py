"""Digests of one small run of each kind, printed as JSON: what other processes must get too.

python -m tests.backtest.run_digests
"""

import hashlib
import json
from decimal import Decimal

import numpy as np
from numba import njit

from paper_bitmart.backtest import fast_desk
from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast import FastBacktest
from paper_bitmart.backtest.statistics import statistics
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.connector.connector_backtest import ConnectorBacktest
from paper_bitmart.connector.exchange.vocabulary import OrderType
from paper_bitmart.matching.latency import Exponential, LatencyProfile
from tests.backtest.backtest_market import MS, Quoter, demo

ROWS = 6_000
"""Of each symbol: some seconds of market, so that an interpreted run is short too."""


@njit
def quote(desk, book, memory):
    fast_desk.cancel_all(desk)
    fast_desk.send(desk, fast_desk.BUY, fast_desk.best_bid(book), memory[0], fast_desk.LIMIT_MAKER)
    fast_desk.send(desk, fast_desk.SELL, fast_desk.best_ask(book), memory[0], fast_desk.LIMIT_MAKER)


async def program(exchange):
    while True:
        await exchange.sleep(0.1)
        for order in exchange.limit_orders:
            exchange.cancel(order.trading_pair, order.client_order_id)
        for pair in ("BTC-USDT", "ETH-USDT"):
            bid, ask = exchange.get_price(pair, is_buy=False), exchange.get_price(pair, is_buy=True)
            exchange.buy(pair, Decimal("0.01"), OrderType.LIMIT_MAKER, bid)
            exchange.sell(pair, Decimal("0.01"), OrderType.LIMIT_MAKER, ask)


def delays(seed=1):
    """All four random, from their seeds."""
    return LatencyProfile(*(Exponential(5 * MS, 3 * MS, seed=10 * seed + role) for role in range(4)))


def tapes(symbols=("BTC_USDT", "ETH_USDT")):
    market = demo()
    return {name: ArrayTape(market.rules[name], market.events[name][:ROWS]) for name in symbols}


def runs():
    """Name -> Results."""
    constant = 10 * MS
    return {
        "plain": Backtest(tapes(), {"alice": Quoter(70), "bob": Quoter(300)}, latency=delays()).run(),
        "plain, compiled loop": Backtest(tapes(["ETH_USDT"]), Quoter(70)).run(),
        "compiled": FastBacktest(
            tapes(["BTC_USDT"]), quote, np.array([100]), entry_ns=constant, response_ns=constant
        ).run(),
        "connector": ConnectorBacktest(tapes(), program, latency=delays()).run(),
    }


def digest(results):
    """Over every order, every fill and every statistic."""
    text = json.dumps([row.as_dict() for row in statistics(results)])
    return hashlib.sha256(results.orders.tobytes() + results.fills.tobytes() + text.encode()).hexdigest()


if __name__ == "__main__":
    print(json.dumps({name: [len(one.fills), digest(one)] for name, one in runs().items()}))

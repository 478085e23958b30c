"""Orders per second of the asyncio connector: for bots that quote many levels, and for tests of strategies.

    python -m tests.connector.exchange_speed [ORDERS]

Resting orders far from the market, in memory and without latency, told to one listener each; the market
itself stands still meanwhile, and its matching is not part of the figure.
"""

import asyncio
import sys
import time
from decimal import Decimal

from paper_bitmart import connect
from paper_bitmart.connector.exchange.vocabulary import MarketEvent, OrderType

PAIR, BATCH = "BTC-USDT", 100


async def main(orders):
    told = []
    async with connect(trading_pairs=[PAIR], balances={"USDT": 10**9}, speed=None) as exchange:
        exchange.add_listener(MarketEvent.BuyOrderCreated, told.append)
        exchange.add_listener(MarketEvent.OrderCancelled, told.append)
        price = exchange.get_price(PAIR, is_buy=False) - 500
        begin = time.perf_counter()
        for number in range(orders):
            exchange.buy(PAIR, Decimal("0.0002"), OrderType.LIMIT, price - number % 50)
            if number % BATCH == BATCH - 1:
                await asyncio.sleep(0)
        while len(told) < orders:
            await asyncio.sleep(0)
        placed = time.perf_counter()
        assert all(result.success for result in await exchange.cancel_all(60))
        cancelled = time.perf_counter()
        assert len(told) == 2 * orders
    print(f"{orders / (placed - begin):,.0f} orders/s, {orders / (cancelled - placed):,.0f} cancels/s")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))

"""A market maker on the asyncio connector: quotes both sides of the mid, anew every few seconds.

    python examples/market_maker_asyncio.py [SECONDS of market time, default 60]

The same function on a recorded market, with a report:

    paper-bitmart backtest examples/market_maker_asyncio.py:make_market --pairs BTC-USDT --report maker.html
"""

import asyncio
import sys
from decimal import Decimal

from paper_bitmart import connect
from paper_bitmart.connector.exchange.vocabulary import MarketEvent, OrderType

PAIR, AMOUNT, SPREAD, REFRESH_S = "BTC-USDT", Decimal("0.01"), Decimal("0.0001"), 5


async def make_market(exchange, seconds=60):
    """Runs on `connect(...)` and in a backtest alike."""
    owned = exchange.get_all_balances()
    exchange.add_listener(MarketEvent.OrderFilled, show)
    for _ in range(seconds // REFRESH_S):
        await exchange.cancel_all(10)
        mid = exchange.get_mid_price(PAIR)
        exchange.buy(PAIR, AMOUNT, OrderType.LIMIT_MAKER, mid * (1 - SPREAD))
        exchange.sell(PAIR, AMOUNT, OrderType.LIMIT_MAKER, mid * (1 + SPREAD))
        await exchange.sleep(REFRESH_S)
    await exchange.cancel_all(10)
    print(f"made {earned(exchange, owned):.4f} USDT, fees included")


def show(fill):
    print(f"{fill.trade_type.name:4} {fill.amount} at {fill.price}, fee {fill.trade_fee.flat_fees[0].amount}")


def earned(exchange, owned):
    """What trading changed, at the present price: not what the coins held before rose or fell by."""
    now = exchange.get_all_balances()
    return now["USDT"] - owned["USDT"] + (now["BTC"] - owned["BTC"]) * exchange.get_mid_price(PAIR)


async def main(seconds):
    balances = {"USDT": 10_000, "BTC": 1}
    # speed=None plays the recorded market as fast as it can; speed=1 is real time.
    async with connect(
        "bitmart_paper_trade", trading_pairs=[PAIR], balances=balances, speed=None
    ) as exchange:
        await make_market(exchange, seconds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))

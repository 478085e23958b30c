"""A market maker on BitMart's REST API, with ccxt 4.5.70: only the base URL says that it is on paper.

paper-bitmart serve --port 8080 --api-key KEY --api-secret SECRET --api-memo MEMO
python examples/market_maker_ccxt.py http://127.0.0.1:8080 KEY SECRET MEMO [SECONDS, default 60]
"""

import sys
import time

import ccxt

SYMBOL, AMOUNT, SPREAD, REFRESH_S = "BTC/USDT", 0.01, 0.0001, 5


def main(url, key, secret, memo, seconds):
    exchange = ccxt.bitmart({"apiKey": key, "secret": secret, "uid": memo})
    exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], url)
    owned = exchange.fetch_balance()["total"]
    for _ in range(int(seconds) // REFRESH_S):
        exchange.cancel_all_orders(SYMBOL)
        book = exchange.fetch_order_book(SYMBOL, 5)
        mid = (book["bids"][0][0] + book["asks"][0][0]) / 2
        for side, price in (("buy", mid * (1 - SPREAD)), ("sell", mid * (1 + SPREAD))):
            exchange.create_order(SYMBOL, "limit", side, AMOUNT, price, {"postOnly": True})
        time.sleep(REFRESH_S)
    exchange.cancel_all_orders(SYMBOL)
    for fill in exchange.fetch_my_trades(SYMBOL):
        print(f"{fill['side']:4} {fill['amount']} at {fill['price']}, fee {fill['fee']['cost']}")
    print(f"made {earned(exchange, owned):.4f} USDT, fees included")


def earned(exchange, owned):
    """What trading changed, at the present price: not what the coins held before rose or fell by."""
    now, ticker = exchange.fetch_balance()["total"], exchange.fetch_ticker(SYMBOL)
    bought = now["BTC"] - owned["BTC"]
    return now["USDT"] - owned["USDT"] + bought * (ticker["bid"] + ticker["ask"]) / 2


if __name__ == "__main__":
    main(*sys.argv[1:5], sys.argv[5] if len(sys.argv) > 5 else 60)

"""Hummingbot's PaperTradeExchange beside bitmart_paper_trade: one recorded market, one strategy, one clock.

    .clients/hummingbot/bin/python tests/connector/hummingbot_side_by_side.py FOLDER [SECONDS]

Both get the market from the same paper exchange: Hummingbot's simulation through the real connector's public
streams, pointed to it. Both run pure market making with equal settings. Prints docs/hummingbot.md's table.
"""

import asyncio
import logging
import os
import sys
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
PAIR, BASE, QUOTE = "BTC-USDT", "BTC", "USDT"
BALANCES = {BASE: Decimal(1), QUOTE: Decimal(100_000)}
SPREAD, AMOUNT, REFRESH_S, TICK_S = Decimal("0.00005"), Decimal("0.05"), 5.0, 1.0


class Side:
    """One exchange with its strategy, and what was filled there."""

    def __init__(self, name, market):
        from hummingbot.core.event.event_forwarder import EventForwarder
        from hummingbot.core.event.events import MarketEvent

        self.name, self.market, self.fills, self.counts = name, market, [], {}
        self._listeners = []
        for tag in MarketEvent:
            listener = EventForwarder(lambda event, tag=tag: self._hear(tag.name, event))
            self._listeners.append(listener)
            market.add_listener(tag, listener)

    def _hear(self, name, event):
        self.counts[name] = self.counts.get(name, 0) + 1
        if name == "OrderFilled":
            self.fills.append(event)

    def strategy(self):
        from hummingbot.strategy.market_trading_pair_tuple import MarketTradingPairTuple
        from hummingbot.strategy.pure_market_making.pure_market_making import PureMarketMakingStrategy

        strategy = PureMarketMakingStrategy()
        strategy.init_params(
            market_info=MarketTradingPairTuple(self.market, PAIR, BASE, QUOTE),
            bid_spread=SPREAD,
            ask_spread=SPREAD,
            order_amount=AMOUNT,
            order_refresh_time=REFRESH_S,
            filled_order_delay=REFRESH_S,
            hb_app_notification=False,
        )
        return strategy

    def report(self, mid):
        cash = coins = fees = Decimal(0)
        for fill in self.fills:
            sign = 1 if fill.trade_type.name == "BUY" else -1
            coins += sign * fill.amount
            cash -= sign * fill.amount * fill.price
            fees += fill.trade_fee.fee_amount_in_token(PAIR, fill.price, fill.amount, QUOTE)
        sizes = {
            side: sum(f.amount for f in self.fills if f.trade_type.name == side) for side in ("BUY", "SELL")
        }
        return {
            "orders": self.counts.get("BuyOrderCreated", 0) + self.counts.get("SellOrderCreated", 0),
            "completed": self.counts.get("BuyOrderCompleted", 0) + self.counts.get("SellOrderCompleted", 0),
            "fills": len(self.fills),
            "bought": sizes["BUY"],
            "sold": sizes["SELL"],
            "buy price": self._mean("BUY"),
            "sell price": self._mean("SELL"),
            "trade PnL": round(cash + coins * mid, 4),
            "fees": round(fees, 4),
        }

    def _mean(self, side):
        fills = [fill for fill in self.fills if fill.trade_type.name == side]
        size = sum(fill.amount for fill in fills)
        return round(sum(fill.amount * fill.price for fill in fills) / size, 2) if size else None


async def run(folder, seconds):
    from paper_bitmart.connector.hummingbot import client, hook, versions

    hook.install()
    client.keep_in(Path(folder), versions.check().folder)
    from hummingbot.client.config.config_helpers import load_client_config_map_from_file
    from hummingbot.connector.exchange.bitmart import bitmart_constants
    from hummingbot.core.clock import Clock
    from hummingbot.core.clock_mode import ClockMode
    from hummingbot.core.connector_manager import ConnectorManager

    config = load_client_config_map_from_file()
    config.paper_trade.paper_trade_account_balance = {asset: float(n) for asset, n in BALANCES.items()}
    ours = ConnectorManager(config).create_connector("bitmart_paper_trade", [PAIR])
    paper = ours.paper_exchange
    await paper.ready()
    bitmart_constants.REST_URL = paper.url
    bitmart_constants.WSS_PUBLIC_URL = f"{paper.ws_url}/api?protocol=1.1"
    from hummingbot.connector.exchange.paper_trade import create_paper_trade_market

    theirs = create_paper_trade_market("bitmart", [PAIR])
    for asset, amount in BALANCES.items():
        theirs.set_balance(asset, float(amount))
    sides = [Side("PaperTradeExchange", theirs), Side("bitmart_paper_trade", ours)]
    clock = Clock(ClockMode.REALTIME, tick_size=TICK_S)
    for side in sides:
        clock.add_iterator(side.market)
    with clock:
        running = asyncio.ensure_future(clock.run())
        while not all(side.market.ready for side in sides):
            await asyncio.sleep(0.1)
        strategies = [side.strategy() for side in sides]
        for strategy in strategies:
            clock.add_iterator(strategy)
        await asyncio.sleep(seconds)
        mid = ours.get_mid_price(PAIR)
        running.cancel()
    return {side.name: side.report(mid) for side in sides}, sides


def main(folder, seconds=120):
    logging.disable(logging.CRITICAL)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    reports, sides = asyncio.run(run(folder, float(seconds)))
    names = list(reports)
    out.write(f"| {seconds} s of market | {' | '.join(names)} |\n| --- | ---: | ---: |\n")
    for row in reports[names[0]]:
        out.write(f"| {row} | {' | '.join(str(reports[name][row]) for name in names)} |\n")
    for side in sides:
        out.write(f"\n{side.name}\n")
        for fill in side.fills[:40]:
            out.write(
                f"{fill.timestamp} {fill.trade_type.name} {fill.amount} {fill.price} {fill.order_id[:14]}\n"
            )
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Runs Hummingbot's own BitMart connector in Hummingbot's own environment (protocol: line_bridge.py).

Only the three URL constants are changed. The connector is driven as a strategy drives it: by Hummingbot's
real-time clock, its `buy`, `sell`, `cancel` and its market events.
"""

import asyncio
import json
import logging
import sys
from decimal import Decimal

from hummingbot.connector.exchange.bitmart import bitmart_constants
from hummingbot.core.clock import Clock
from hummingbot.core.clock_mode import ClockMode
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.event.event_forwarder import EventForwarder
from hummingbot.core.event.events import MarketEvent

EVENTS = (
    MarketEvent.BuyOrderCreated,
    MarketEvent.SellOrderCreated,
    MarketEvent.OrderFilled,
    MarketEvent.BuyOrderCompleted,
    MarketEvent.SellOrderCompleted,
    MarketEvent.OrderCancelled,
    MarketEvent.OrderFailure,
)
RULE_FIELDS = ("min_order_size", "min_base_amount_increment", "min_price_increment", "min_order_value")
TICK_S = 0.2


def say(**message):
    # Hummingbot prints things itself, so ours have a file of their own: the real standard output.
    OUT.write(json.dumps(message, default=str) + "\n")
    OUT.flush()


class Errors(logging.Handler):
    """Tells every error that a connector logs, since Hummingbot swallows most of them."""

    def emit(self, record):
        if record.name.startswith("hummingbot.connector"):
            say(stream="log", event="error", data=self.format(record))


class Connector:
    """One connector on a real-time clock."""

    def __init__(self, name, urls, key):
        bitmart_constants.REST_URL = urls["rest"]
        bitmart_constants.WSS_PUBLIC_URL = urls["public"]
        bitmart_constants.WSS_PRIVATE_URL = urls["private"]
        from hummingbot.connector.exchange.bitmart.bitmart_exchange import BitmartExchange

        self.name = name
        self.exchange = BitmartExchange(*key, trading_pairs=["BTC-USDT"])
        self._forwarders = []
        for event in EVENTS:
            forwarder = EventForwarder(lambda data, event=event: self._tell(event, data))
            self._forwarders.append(forwarder)
            self.exchange.add_listener(event, forwarder)
        self._clock = Clock(ClockMode.REALTIME, tick_size=TICK_S)
        self._clock.add_iterator(self.exchange)
        self._clock.__enter__()
        self._running = asyncio.ensure_future(self._clock.run())

    async def stop(self):
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._clock.__exit__(None, None, None)
        await self.exchange.stop_network()

    def _tell(self, event, data):
        fields = data._asdict() if hasattr(data, "_asdict") else vars(data)
        fields = {name: plain(value) for name, value in fields.items()}
        say(stream=self.name, event=event.name, data=fields)


def plain(value):
    if isinstance(value, OrderType | TradeType):
        return value.name
    if hasattr(value, "flat_fees"):
        return [{"token": fee.token, "amount": str(fee.amount)} for fee in value.flat_fees]
    return value


class Commands:
    """What the tests can ask; each returns something that JSON can carry."""

    def __init__(self):
        self._connectors = {}

    async def connect(self, name, urls, key):
        self._connectors[name] = Connector(name, urls, key)

    async def disconnect(self, name):
        await self._connectors.pop(name).stop()

    async def status(self, name):
        exchange = self._connectors[name].exchange
        return {"ready": exchange.ready} | exchange.status_dict

    async def rules(self, name):
        rules = self._connectors[name].exchange.trading_rules
        return {pair: {field: getattr(rule, field) for field in RULE_FIELDS} for pair, rule in rules.items()}

    async def book(self, name):
        exchange = self._connectors[name].exchange
        book = exchange.get_order_book("BTC-USDT")
        return {
            "bid": exchange.get_price("BTC-USDT", False),
            "ask": exchange.get_price("BTC-USDT", True),
            "levels": [len(list(side)) for side in (book.bid_entries(), book.ask_entries())],
            "last_trade_price": book.last_trade_price,
        }

    async def last_price(self, name):
        return await self._connectors[name].exchange.get_last_traded_prices(["BTC-USDT"])

    async def balances(self, name):
        exchange = self._connectors[name].exchange
        await exchange._update_balances()
        return {
            asset: {"total": total, "available": exchange.available_balances[asset]}
            for asset, total in exchange.get_all_balances().items()
        }

    async def place(self, name, side, type, amount, price):
        exchange = self._connectors[name].exchange
        call = exchange.buy if side == "buy" else exchange.sell
        price = Decimal("NaN") if price is None else Decimal(price)
        return call("BTC-USDT", Decimal(amount), OrderType[type], price)

    async def cancel(self, name, order_id):
        return self._connectors[name].exchange.cancel("BTC-USDT", order_id)

    async def cancel_all(self, name):
        results = await self._connectors[name].exchange.cancel_all(10)
        return {result.order_id: result.success for result in results}

    async def open_orders(self, name):
        return sorted(self._connectors[name].exchange.in_flight_orders)


async def answer(commands, message):
    number, command = message.pop("id"), message.pop("command")
    try:
        say(id=number, result=await getattr(commands, command)(**message))
    except Exception as error:  # noqa: BLE001  whatever it is, the test is told
        say(id=number, error={"type": type(error).__name__, "message": str(error)})


async def main():
    logging.getLogger().addHandler(Errors(logging.ERROR))
    commands = Commands()
    loop = asyncio.get_running_loop()
    running = set()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        task = asyncio.ensure_future(answer(commands, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


OUT, sys.stdout = sys.stdout, sys.stderr
if __name__ == "__main__":
    asyncio.run(main())

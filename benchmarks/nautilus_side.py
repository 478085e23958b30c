"""nautilus_trader's half of `benchmarks.backtest`; runs in an environment of its own.

    python nautilus_side.py EVENTS.npy PRICE_DECIMALS SIZE_DECIMALS SIZE_LOTS STEP_NS LATENCY_NS

Answers each line `LOAD` on stdin (book, quoting or grid) with one JSON line of seconds and fills.
nautilus_trader 1.231.0 as its documentation sets it up for level 2 data: one OrderBookDeltas per message,
trades, a cash account, constant latency, strategies in Python; without logs and without the risk engine's
checks, which is faster.
"""

import json
import sys
import time
from datetime import timedelta
from decimal import Decimal

import numpy as np
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.book import OrderBook  # noqa: F401  (loads the extension before the clock starts)
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    BookAction,
    BookType,
    OmsType,
    OrderSide,
    RecordFlag,
    TimeInForce,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

TRADE, SELL_FLAG = 2, 1 << 28
"""Of hftbacktest's event format, in which the market comes."""
LEVELS, GRID_TICKS = 5, 100
VENUE = Venue("SIM")


class Quote(Strategy):
    """Each step cancel everything, and one post-only bid and ask at the touch."""

    def __init__(self, instrument, step_ns, size):
        super().__init__()
        self.instrument, self.step_ns, self.size = instrument, step_ns, size

    def on_start(self):
        self.subscribe_order_book_deltas(self.instrument.id, book_type=BookType.L2_MBP)
        self.clock.set_timer("step", timedelta(microseconds=self.step_ns // 1000), callback=self.on_step)

    def on_step(self, event):
        book = self.cache.order_book(self.instrument.id)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None:
            return
        self.cancel_all_orders(self.instrument.id)
        self.send(OrderSide.BUY, bid)
        self.send(OrderSide.SELL, ask)

    def send(self, side, price):
        self.submit_order(
            self.order_factory.limit(
                self.instrument.id, side, self.size, price, time_in_force=TimeInForce.GTC, post_only=True
            )
        )


class Grid(Quote):
    """Each step five bids and five asks at round prices from the touch on; what is right stays."""

    def on_step(self, event):
        book = self.cache.order_book(self.instrument.id)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is None or ask is None:
            return
        tick = float(self.instrument.price_increment)
        top = round(float(bid) / tick) // GRID_TICKS * GRID_TICKS
        bottom = -(-round(float(ask) / tick) // GRID_TICKS) * GRID_TICKS
        bids, asks = set(), set()
        open_orders = self.cache.orders_open(instrument_id=self.instrument.id)
        for order in open_orders + self.cache.orders_inflight(instrument_id=self.instrument.id):
            price, is_bid = round(float(order.price) / tick), order.side == OrderSide.BUY
            away = top - price if is_bid else price - bottom
            if away < 0 or away >= LEVELS * GRID_TICKS:
                if not order.is_pending_cancel and order.is_open:
                    self.cancel_order(order)
            else:
                (bids if is_bid else asks).add(price)
        for j in range(LEVELS):
            for side, price, there in (
                (OrderSide.BUY, top - j * GRID_TICKS, bids),
                (OrderSide.SELL, bottom + j * GRID_TICKS, asks),
            ):
                if price not in there:
                    self.send(side, self.instrument.make_price(price * tick))


class Market:
    """The events as objects, made once."""

    def __init__(self, path, price_decimals, size_decimals, size_lots, step_ns, latency_ns):
        self.instrument = CurrencyPair(
            instrument_id=InstrumentId(Symbol("BTCUSDT"), VENUE), raw_symbol=Symbol("BTCUSDT"),
            base_currency=BTC, quote_currency=USDT, price_precision=price_decimals,
            size_precision=size_decimals, price_increment=Price(10.0**-price_decimals, price_decimals),
            size_increment=Quantity(10.0**-size_decimals, size_decimals), ts_event=0, ts_init=0,
            maker_fee=Decimal("0.0025"), taker_fee=Decimal("0.0025"),
        )  # fmt: skip
        self.size = Quantity(size_lots * 10.0**-size_decimals, size_decimals)
        self.step_ns, self.latency_ns = step_ns, latency_ns
        rows = np.load(path)
        self.data, self.events = self._objects(rows, price_decimals, size_decimals), len(rows)

    def _objects(self, rows, price_decimals, size_decimals):
        objects, deltas, last_ns = [], [], None
        for number, (ev, _, at_ns, px, qty, *_) in enumerate(rows.tolist()):
            is_sell, is_trade = bool(ev & SELL_FLAG), ev & 0xFF == TRADE
            if deltas and (is_trade or at_ns != last_ns):
                objects.append(self._message(deltas))
                deltas = []
            price, size = Price(px, price_decimals), Quantity(qty, size_decimals)
            if is_trade:
                side = AggressorSide.SELLER if is_sell else AggressorSide.BUYER
                trade_id = TradeId(str(number))
                objects.append(TradeTick(self.instrument.id, price, size, side, trade_id, at_ns, at_ns))
            else:
                side = OrderSide.SELL if is_sell else OrderSide.BUY
                action = BookAction.UPDATE if qty else BookAction.DELETE
                deltas.append((action, BookOrder(side, price, size, 0), at_ns))
            last_ns = at_ns
        if deltas:
            objects.append(self._message(deltas))
        return objects

    def _message(self, deltas):
        last = len(deltas) - 1
        return OrderBookDeltas(
            self.instrument.id,
            [
                OrderBookDelta(
                    self.instrument.id, action, order, RecordFlag.F_LAST if k == last else 0, 0, at_ns, at_ns
                )
                for k, (action, order, at_ns) in enumerate(deltas)
            ],
        )

    def run(self, load):
        """Build, run, dispose; only the run is timed."""
        engine = BacktestEngine(
            BacktestEngineConfig(
                logging=LoggingConfig(bypass_logging=True),
                risk_engine=RiskEngineConfig(bypass=True),
                run_analysis=False,
            )
        )
        engine.add_venue(
            VENUE, OmsType.NETTING, AccountType.CASH, [Money(10**9, USDT), Money(10**6, BTC)],
            book_type=BookType.L2_MBP, latency_model=LatencyModel(base_latency_nanos=self.latency_ns),
            frozen_account=False,
        )  # fmt: skip
        engine.add_instrument(self.instrument)
        engine.add_data(self.data)
        if load != "book":
            engine.add_strategy(
                (Quote if load == "quoting" else Grid)(self.instrument, self.step_ns, self.size)
            )
        start, cpu_start = time.perf_counter(), time.process_time()
        engine.run()
        taken, cpu_taken = time.perf_counter() - start, time.process_time() - cpu_start
        fills = sum(len(order.trade_ids) for order in engine.cache.orders())
        engine.dispose()
        return {"seconds": taken, "cpu_seconds": cpu_taken, "fills": fills, "events": self.events}


def main():
    path, *numbers = sys.argv[1:]
    market = Market(path, *map(int, numbers))
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(market.run(line.strip())), flush=True)


if __name__ == "__main__":
    main()

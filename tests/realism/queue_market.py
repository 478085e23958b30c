"""A small order-by-order market at two prices that never move: only the queue decides what fills.

Orders of unusual sizes join both sides, are cancelled, and trade first come, first served. Published as
BitMart would: depth every 100 ms, every trade at once, an entry per order traded.
"""

import json
from random import Random

from tests.small_market import MS, RULES_ROW, START_NS

BID, ASK = "100.00", "100.01"
INTERVAL_MS = 100
LOT = "0.001"


def uniform(random, queue):
    """Every order is as likely to be cancelled."""
    return random.randrange(len(queue))


def youngest(random, queue):
    """Only the last of the queue is cancelled."""
    return len(queue) - 1


class QueueMarket:
    """Plays `seconds` of market.

    Args:
        cancels: which order of a queue leaves.
        trade_delay_ms, depth_delay_ms: from the venue's stamp to the receiver, by channel.
        sizes: least and largest order, lots.
    """

    def __init__(
        self,
        seconds,
        cancels,
        *,
        seed=1,
        trade_delay_ms=0,
        depth_delay_ms=0,
        sizes=(1_000, 90_000),
        orders=15,
    ):
        self.random, self.cancels, self.sizes, self.orders = Random(seed), cancels, sizes, orders
        self.queues = {"bid": [], "ask": []}
        self.lines, self.version = [], 0
        self.trade_delay_ms, self.depth_delay_ms = trade_delay_ms, depth_delay_ms
        for side in self.queues:
            for _ in range(orders):
                self.join(side)
        self.depth(0, "snapshot")
        shown = self.shown()
        for at_ms in range(1, seconds * 1000 + 1):
            for side in self.queues:
                self.step(at_ms, side)
            if at_ms % INTERVAL_MS == 0 and self.shown() != shown:
                shown = self.shown()
                self.depth(at_ms, "update")
        self.lines.sort(key=lambda line: line[0])

    def step(self, at_ms, side):
        queue, draw = self.queues[side], self.random.random()
        if draw < 0.006 * 2 * self.orders / (self.orders + len(queue)):
            self.join(side)
        elif draw > 0.9955 and len(queue) > 1:
            queue.pop(self.cancels(self.random, queue))
        elif 0.5 < draw < 0.5015:
            self.trade(at_ms, side)

    def join(self, side):
        self.queues[side].append(self.random.randint(*self.sizes))

    def trade(self, at_ms, side):
        queue, left, entries = self.queues[side], self.random.randint(1, 2 * self.sizes[1]), []
        while left > 0 and len(queue) > 1:
            took = min(left, queue[0])
            entries.append(took)
            left -= took
            queue[0] -= took
            if not queue[0]:
                queue.pop(0)
        stamp = START_NS // MS + at_ms
        price, aggressor = (BID, "sell") if side == "bid" else (ASK, "buy")
        data = [
            {"symbol": "BTC_USDT", "price": price, "size": lots(took), "side": aggressor,
             "s_t": stamp // 1000, "ms_t": stamp}
            for took in entries
        ]  # fmt: skip
        if data:
            self.lines.append((at_ms + self.trade_delay_ms, {"table": "spot/trade", "data": data}))

    def shown(self):
        return {side: sum(queue) for side, queue in self.queues.items()}

    def depth(self, at_ms, kind):
        self.version += 1
        shown = self.shown()
        item = {
            "symbol": "BTC_USDT", "bids": [[BID, lots(shown["bid"])]], "asks": [[ASK, lots(shown["ask"])]],
            "ms_t": START_NS // MS + at_ms, "type": kind, "version": self.version,
        }  # fmt: skip
        self.lines.append((at_ms + self.depth_delay_ms, {"table": "spot/depth/increase100", "data": [item]}))

    def write(self, folder):
        """capture.jsonl and symbols.json; returns both paths."""
        capture, symbols = folder / "capture.jsonl", folder / "symbols.json"
        capture.write_text("".join(f"{START_NS + at * MS} {json.dumps(row)}\n" for at, row in self.lines))
        symbols.write_text(json.dumps({"code": 1000, "data": {"symbols": [RULES_ROW]}}))
        return capture, symbols


def lots(size):
    return f"{size / 1000:.3f}"

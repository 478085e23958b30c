"""Hummingbot's half of `benchmarks.capacity`; runs in its environment, imports nothing of this project.

    python hummingbot_books.py SNAPSHOTS UPDATES DEPTH50        files of length-prefixed deflated frames

Answers each line `increments` or `depth50` on stdin with one JSON line: messages, seconds of processor time.

- depth50: what its BitMart connector does. The frame through BitmartAPIOrderBookDataSource's inflating, JSON
  and parsing to an OrderBookMessage, then OrderBook.restore_from_snapshot_and_diffs as its tracker calls it.
- increments: its BitMart connector knows none, so here the same steps end in a message of type DIFF and
  OrderBook.apply_diffs, as its tracker does for venues that send differences.

Its tasks and queues between these steps are left out, in its favour.
"""

import asyncio
import json
import sys
import time

from hummingbot.connector.exchange.bitmart import bitmart_utils
from hummingbot.connector.exchange.bitmart.bitmart_api_order_book_data_source import (
    BitmartAPIOrderBookDataSource,
)
from hummingbot.core.data_type.order_book import OrderBook
from hummingbot.core.data_type.order_book_message import OrderBookMessage, OrderBookMessageType


class Names:
    """What the data source asks of its connector."""

    async def trading_pair_associated_to_exchange_symbol(self, symbol):
        return symbol.replace("_", "-")


def read_frames(path):
    frames = []
    with open(path, "rb") as file:
        while size := file.read(4):
            frames.append(file.read(int.from_bytes(size, "big")))
    return frames


def decoded(source, frame):
    """As `_process_websocket_messages`."""
    message = json.loads(bitmart_utils.decompress_ws_message(frame))
    if "errorCode" in message or "errorMessage" in message:
        raise ValueError(message)
    source._channel_originating_message(event_message=message)
    return message


async def take_depth50(source, books, frame, queue):
    await source._parse_order_book_snapshot_message(raw_message=decoded(source, frame), message_queue=queue)
    message = queue.get_nowait()
    books[message.trading_pair].restore_from_snapshot_and_diffs(message, [])


async def take_increments(source, books, frame):
    for data in decoded(source, frame)["data"]:
        pair = await source._connector.trading_pair_associated_to_exchange_symbol(symbol=data["symbol"])
        content = {
            "trading_pair": pair,
            "update_id": int(data["version"]),
            "bids": [(bid[0], bid[1]) for bid in data["bids"]],
            "asks": [(ask[0], ask[1]) for ask in data["asks"]],
        }
        is_snapshot = data["type"] == "snapshot"
        kind = OrderBookMessageType.SNAPSHOT if is_snapshot else OrderBookMessageType.DIFF
        message = OrderBookMessage(kind, content, int(data["ms_t"]) * 1e-3)
        if is_snapshot:
            books[pair].restore_from_snapshot_and_diffs(message, [])
        else:
            books[pair].apply_diffs(message.bids, message.asks, message.update_id)


async def run(load, snapshots, updates, depth50):
    pairs = [json.loads(bitmart_utils.decompress_ws_message(f))["data"][0]["symbol"].replace("_", "-")
             for f in snapshots]  # fmt: skip
    source = BitmartAPIOrderBookDataSource(pairs, Names(), None)
    books = {pair: OrderBook() for pair in pairs}
    queue = asyncio.Queue()
    for frame in snapshots:
        await take_increments(source, books, frame)
    start_s = time.process_time()
    if load == "depth50":
        for frame in depth50:
            await take_depth50(source, books, frame, queue)
    else:
        for frame in updates:
            await take_increments(source, books, frame)
    seconds = time.process_time() - start_s
    assert all(next(book.bid_entries()).price < next(book.ask_entries()).price for book in books.values())
    return {"messages": len(depth50 if load == "depth50" else updates), "seconds": seconds}


def main():
    files = [read_frames(path) for path in sys.argv[1:4]]
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(asyncio.run(run(line.strip(), *files))), flush=True)


if __name__ == "__main__":
    main()

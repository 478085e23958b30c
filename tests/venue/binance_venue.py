"""A venue that speaks Binance's market data protocol: diff streams with U/u, trades, REST snapshots.

The forms are those of real recordings (`{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate",...}}`).
"""

import asyncio
import json
import random
from contextlib import asynccontextmanager
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from venue.true_market import TrueMarket, _difference
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

MS = 10**6
FIRST_ID = 50_000_000_000


class BinanceMarket:
    """One symbol. Each move covers several update ids, and sometimes says a level twice over.

    `book_at[last_id]`: (bids, asks) after that id, in ticks and lots.
    """

    def __init__(self, symbol, seed):
        self._rng = random.Random(f"{symbol} {seed}")
        self.symbol = symbol
        self.name = symbol.replace("_", "")
        self.truth = TrueMarket(symbol, self._rng, 1)
        self.last_id = FIRST_ID
        self.book_at = {self.last_id: self._whole()}
        self.trade_id = 7_000

    def _whole(self):
        return tuple(dict(side) for side in self.truth.full)

    def move(self, at_ns):
        """The next depthUpdate."""
        before = self._whole()
        self.truth.move()
        after = self._whole()
        first_id, self.last_id = self.last_id + 1, self.last_id + self._rng.randint(1, 9)
        self.book_at[self.last_id] = after
        bids, asks = (_difference(*sides) for sides in zip(before, after, strict=True))
        return {
            "stream": f"{self.name.lower()}@depth@100ms",
            "data": {
                "e": "depthUpdate", "E": at_ns // MS, "s": self.name, "U": first_id, "u": self.last_id,
                "b": levels(bids), "a": levels(asks),
            },
        }  # fmt: skip

    def trade(self, at_ns):
        self.trade_id += 1
        return {
            "stream": f"{self.name.lower()}@trade",
            "data": {
                "e": "trade", "E": at_ns // MS + 1, "s": self.name, "t": self.trade_id,
                "p": price_text(self.truth.mid), "q": "0.30000000", "T": at_ns // MS,
                "m": self._rng.random() < 0.5, "M": True,
            },
        }  # fmt: skip

    def snapshot(self):
        """The REST answer."""
        bids, asks = self.book_at[self.last_id]
        return {
            "lastUpdateId": self.last_id,
            "bids": levels(sorted(bids.items(), reverse=True)),
            "asks": levels(sorted(asks.items())),
        }

    def info(self):
        """The exchangeInfo row, with the filters that do not matter here among those that do."""
        base, _, quote = self.symbol.partition("_")
        return {
            "symbol": self.name, "status": "TRADING", "baseAsset": base, "quoteAsset": quote,
            "baseAssetPrecision": 8, "orderTypes": ["LIMIT", "MARKET"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "1000000.00000000",
                 "tickSize": "0.01000000"},
                {"filterType": "LOT_SIZE", "minQty": "0.10000000", "maxQty": "9000.00000000",
                 "stepSize": "0.10000000"},
                {"filterType": "ICEBERG_PARTS", "limit": 10},
                {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True,
                 "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5},
            ],
        }  # fmt: skip


def price_text(ticks):
    return f"{ticks // 100}.{ticks % 100:02d}000000"


def levels(side):
    return [[price_text(price), f"{size // 10}.{size % 10}0000000"] for price, size in side]


class BinanceVenue:
    """Serves the markets on one port. `lose_share`: of depth messages; `fetches`: REST snapshots served."""

    def __init__(self, symbols, seed, now_ns):
        self.markets = {symbol.replace("_", ""): BinanceMarket(symbol, seed) for symbol in symbols}
        self.lose_share = 0.0
        self.fetches = 0
        self.subscriptions = []
        self.port = 0
        self._rng = random.Random(f"binance {seed}")
        self._now_ns = now_ns
        self._wires = set()

    @property
    def rest_url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}/stream"

    @asynccontextmanager
    async def serving(self):
        async with serve(self._handle, "127.0.0.1", 0, process_request=self._http) as server:
            self.port = server.sockets[0].getsockname()[1]
            task = asyncio.ensure_future(self._run())
            try:
                yield self
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _http(self, connection, request):
        url = urlsplit(request.path)
        query = parse_qs(url.query)
        if url.path == "/api/v3/exchangeInfo":
            names = json.loads(query["symbols"][0])
            if any(name not in self.markets for name in names):
                return connection.respond(HTTPStatus.BAD_REQUEST, '{"code":-1121,"msg":"Invalid symbol."}')
            rows = [self.markets[name].info() for name in names]
            return connection.respond(HTTPStatus.OK, json.dumps({"timezone": "UTC", "symbols": rows}))
        if url.path == "/api/v3/depth":
            self.fetches += 1
            return connection.respond(HTTPStatus.OK, json.dumps(self.markets[query["symbol"][0]].snapshot()))
        return None

    async def _handle(self, wire):
        self._wires.add(wire)
        try:
            async for text in wire:
                message = json.loads(text)
                self.subscriptions += message.get("params", [])
                await wire.send(json.dumps({"result": None, "id": message["id"]}))
        finally:
            self._wires.discard(wire)

    async def cut(self):
        for wire in list(self._wires):
            await wire.close()

    async def _run(self):
        while True:
            await asyncio.sleep(0.01)
            for market in self.markets.values():
                now_ns = self._now_ns()
                update, trade = market.move(now_ns), market.trade(now_ns)
                if self._rng.random() >= self.lose_share:
                    await self._send(update)
                await self._send(trade)

    async def _send(self, message):
        for wire in list(self._wires):
            if message["stream"] in self.subscriptions:
                try:
                    await wire.send(json.dumps(message))
                except ConnectionClosed:
                    self._wires.discard(wire)

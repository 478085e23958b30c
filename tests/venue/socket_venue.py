"""The faulty venue behind a real socket, in real time: websocket, symbols table and books on one port."""

import asyncio
import json
from contextlib import asynccontextmanager
from http import HTTPStatus

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

LOOK_S = 0.002


class SocketVenue:
    """`venue`: the FaultyVenue behind it. `port`: where it listens."""

    def __init__(self, venue, now_ns):
        self.venue = venue
        self.port = 0
        self.books_are_empty = False
        self._now_ns = now_ns
        self._wire = None
        self._due = []

    @property
    def rest_url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self):
        return f"ws://127.0.0.1:{self.port}/api?protocol=1.1"

    @asynccontextmanager
    async def serving(self):
        async with serve(
            self._handle, "127.0.0.1", 0, process_request=self._http, compression=None, ping_interval=None
        ) as server:
            self.port = server.sockets[0].getsockname()[1]
            market = asyncio.ensure_future(self._market())
            try:
                yield self
            finally:
                market.cancel()
                await asyncio.gather(market, return_exceptions=True)

    def _http(self, connection, request):
        if request.path.startswith("/spot/v1/symbols/details"):
            rows = [rules.to_wire() for rules in self.venue.table.values()]
            return connection.respond(HTTPStatus.OK, json.dumps({"code": 1000, "data": {"symbols": rows}}))
        if request.path.startswith("/spot/quotation/v3/books"):
            side = [] if self.books_are_empty else [["1", "1"]]
            return connection.respond(
                HTTPStatus.OK, json.dumps({"code": 1000, "data": {"asks": side, "bids": side}})
            )
        if not self.venue.connect(self._now_ns()):
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        return None

    async def _handle(self, wire):
        self._wire, self._due = wire, []
        try:
            async for text in wire:
                self._due += self.venue.receive(text, self._now_ns())
        except ConnectionClosed:
            pass
        finally:
            if self._wire is wire:
                self.venue.disconnect()

    async def _market(self):
        while True:
            now_ns = self._now_ns()
            if self.venue.next_ns <= now_ns:
                self._due += self.venue.step(now_ns)
            self._due.sort(key=lambda entry: entry[0])
            while self._due and self._due[0][0] <= now_ns:
                await self._send(self._due.pop(0)[1])
            await asyncio.sleep(LOOK_S)

    async def _send(self, frame):
        if self._wire is None or not self.venue.is_connected:
            return
        try:
            if frame is None:
                await self._wire.close()
            else:
                await self._wire.send(frame)
        except ConnectionClosed:
            self.venue.disconnect()

"""A whole exchange behind a real socket, with a market and clocks that the test moves by hand."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import aiohttp
from ws_support import MS, START_NS, depth, rules_of, snapshot, trades

from paper_bitmart.bitmart import signing
from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.server.app import CONTEXT, Server, create_app
from paper_bitmart.server.fault_source import FaultySource
from paper_bitmart.server.faults import Faults
from paper_bitmart.server.keys import ApiKey, KeyStore, Permission
from paper_bitmart.server.settings import ServerSettings

__all__ = [
    "MS",
    "START_MS",
    "START_NS",
    "Exchange",
    "Reply",
    "depth",
    "listening",
    "serving",
    "snapshot",
    "trades",
]

START_MS = START_NS // MS
BUY, SELL = 0, 1

ALICE = ApiKey(access_key="alice-key", secret="paper-secret-0001", memo="papermemo", account="alice")
BOB = ApiKey(access_key="bob-key", secret="paper-secret-0002", memo="m", account="bob")
READER = ApiKey(
    access_key="reader-key", secret="s3", memo="m", account="alice", permissions=frozenset({Permission.READ})
)
FROZEN = ApiKey(access_key="frozen-key", secret="s4", memo="m", account="alice", frozen=True)
EXPIRED = ApiKey(access_key="expired-key", secret="s5", memo="m", account="alice", expires_ns=START_NS)
ELSEWHERE = ApiKey(access_key="elsewhere-key", secret="s6", memo="m", account="alice", ips=("10.9.8.7",))
NOBODY = ApiKey(access_key="nobody-key", secret="s7", memo="m", account="nobody")
KEYS = (ALICE, BOB, READER, FROZEN, EXPIRED, ELSEWHERE, NOBODY)

RULES = {
    "ETH_USDT": replace(
        rules_of("ETH_USDT"),
        min_buy_notional=Decimal(5),
        min_sell_notional=Decimal(5),
        max_size=Decimal(1000),
    ),
    "BTC_USDT": rules_of("BTC_USDT"),
    "NEW_USDT": replace(rules_of("NEW_USDT"), trade_status="pre-trade"),
}
BIDS = {249990: 32110, 249980: 74400, 249900: 100000}
ASKS = {250010: 9050, 250020: 20000, 250100: 100000}


class HandSource:
    """A market that moves when the test says so."""

    name = "by hand"
    start_ns = START_NS

    def __init__(self, rules):
        self.rules = rules
        self._emit = None
        self._ended = asyncio.Event()

    async def run(self, emit):
        self._emit = emit
        await self._ended.wait()

    def send(self, symbol, events):
        self._emit(symbol, events)


@dataclass
class Reply:
    """An answer: status, headers, body; code, message and data of its envelope."""

    status: int
    headers: Any
    body: bytes
    json: dict = field(default_factory=dict)

    @property
    def code(self):
        return self.json["code"]

    @property
    def message(self):
        return self.json["message"]

    @property
    def data(self):
        return self.json["data"]


class Exchange:
    """The running exchange and a client that speaks BitMart to it."""

    def __init__(self, session, source, keys, faults, wall, app, client):
        self.session, self.venue = session, session.venue
        self.source, self.keys, self.faults, self.wall, self.client = source, keys, faults, wall, client
        self.app, self.books = app, app[CONTEXT].books

    async def market(self, events, symbol="ETH_USDT"):
        """The market moves, and everybody has seen it."""
        self.source.send(symbol, events)
        await self.settle()

    async def settle(self):
        for _ in range(10):
            await asyncio.sleep(0)

    def pass_ms(self, ms):
        """Both clocks go on."""
        self.wall.advance(ms * MS)
        self.session.clock.advance(ms * MS)

    async def get(self, path, key: ApiKey | None = None, **params):
        headers = {} if key is None else {"X-BM-KEY": key.access_key}
        return await self.request("GET", path, headers=headers, params=params)

    async def post(self, path, body=None, key: ApiKey = ALICE, timestamp=None, **fields):
        """A signed call; `fields` are the body unless `body` (bytes) is given."""
        raw = json.dumps(fields).encode() if body is None else body
        headers = self.signed(raw, key, timestamp)
        return await self.request("POST", path, headers=headers, data=raw)

    def signed(self, raw: bytes, key: ApiKey = ALICE, timestamp=None):
        text = str(self.wall.now_ns() // MS if timestamp is None else timestamp)
        return {
            "X-BM-KEY": key.access_key,
            "X-BM-TIMESTAMP": text,
            "X-BM-SIGN": signing.sign(key.secret, key.memo, text, raw),
            "Content-Type": "application/json",
        }

    async def admin(self, method, path, body=None, **headers):
        headers = {"X-Paper-Token": self.keys.admin_token} | headers
        data = None if body is None else json.dumps(body)
        if data is not None:
            headers["Content-Type"] = "application/json"
        return await self.request(method, f"/paper/v1{path}", headers=headers, data=data)

    async def request(self, method, path, **options):
        async with self.client.request(method, path, **options) as response:
            body = await response.read()
            is_json = response.content_type == "application/json"
            return Reply(response.status, response.headers, body, json.loads(body) if is_json else {})

    async def buy(self, price, size, key=ALICE, **fields):
        """A resting or crossing limit buy; returns its order id."""
        reply = await self.post(
            "/spot/v2/submit_order",
            key=key,
            **{"symbol": "ETH_USDT", "side": "buy", "type": "limit", "price": price, "size": size} | fields,
        )
        assert reply.code == 1000, reply.json
        return reply.data["order_id"]

    def state(self):
        """Everything that a refused request must not change."""
        return (
            self.venue.export_state(),
            list(self.keys),
            self.faults.plan,
            self.faults.started_ns,
            len(self.session.venue.accounts()),
        )


@contextlib.asynccontextmanager
async def listening(app, settings):
    """The application on a port of its own, and a client of it."""
    async with (
        Server(app, replace(settings, port=0)) as server,
        aiohttp.ClientSession(base_url=server.url) as client,
    ):
        yield client


@contextlib.asynccontextmanager
async def serving(
    settings=None, *, plan=None, is_live=True, balances=None, journal=None, venue_settings=None
):
    """An exchange with alice and bob, quotes in ETH_USDT and BTC_USDT, rate limits off by default."""
    clock, wall = SimulatedClock(START_NS), SimulatedClock(START_NS)
    settings = settings or ServerSettings(rate_limits="off")
    faults = Faults(plan, at_ns=START_NS)
    source, keys = HandSource(RULES), KeyStore()
    for key in KEYS:
        keys.put(key)
    session = Session(
        FaultySource(source, faults, wall),
        Venue(RULES, journal=journal, settings=venue_settings),
        clock,
        journal=journal,
    )
    async with session:
        amounts = {"USDT": Decimal(10_000), "ETH": Decimal(10)} if balances is None else balances
        for name in ("alice", "bob"):
            await session.open_account(name, amounts)
        app = create_app(session, settings, keys=keys, faults=faults, wall=wall)
        async with listening(app, settings) as client:
            exchange = Exchange(session, source, keys, faults, wall, app, client)
            await exchange.settle()
            if is_live:
                for symbol in ("ETH_USDT", "BTC_USDT"):
                    await exchange.market(snapshot(START_NS, BIDS, ASKS), symbol)
            yield exchange

"""A paper exchange in a thread of its own, so that clients of any kind reach it over real sockets.

The market is the bundled recording and stands still: a test moves it by `skip`, or lets it run for a
while with `moving`. What the exchange itself knows (balances, quotes) is read past the API, so that a
client's view is compared with the truth and not with another answer of the same server.
"""

import asyncio
import contextlib
import itertools
import threading
import time
from decimal import Decimal
from typing import NamedTuple

from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.exchange.clock import PlaybackClock, RealClock
from paper_bitmart.exchange.session import Session
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.sources import demo_source
from paper_bitmart.matching.warmup import warm_up
from paper_bitmart.server.app import HUB, Server, create_app
from paper_bitmart.server.keys import KeyStore
from paper_bitmart.server.settings import ServerSettings

S = 1_000_000_000
PATIENCE_S = 20
WARM_UP_S = 3
"""Market time after which both books of the recording are complete and have traded."""


class Money(NamedTuple):
    """One currency of an account."""

    available: Decimal
    frozen: Decimal

    @property
    def total(self):
        return self.available + self.frozen


class Quote(NamedTuple):
    bid: Decimal
    ask: Decimal


class ExchangeThread:
    """Start and stop it with `with`; all methods are called from the test's thread."""

    def __init__(self, **settings):
        self._settings = ServerSettings(port=0, **{"rate_limits": "off"} | settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="exchange", daemon=True)
        self._running = contextlib.AsyncExitStack()
        self._numbers = itertools.count(1)
        self.keys = KeyStore()

    def __enter__(self):
        warm_up(print)  # here, because a first compilation outlasts the patience with a call
        self._thread.start()
        self.call(self._start())
        return self

    def __exit__(self, *exc_info):
        self.call(self._running.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()

    def call(self, coroutine):
        """Run `coroutine` where the exchange lives; its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)

    def read(self, fn, *args, **kwargs):
        """Call `fn` where the exchange lives, between two of its turns; its result."""

        async def run():
            return fn(*args, **kwargs)

        return self.call(run())

    @property
    def url(self):
        return self._server.url

    @property
    def ws_url(self):
        return self._server.ws_url

    @property
    def now_ms(self):
        """The exchange's clock; it stands still like the market."""
        return self.read(self._clock.now_ns) // 1_000_000

    @property
    def venue(self):
        return self.session.venue

    def new_account(self, **balances):
        """Open an account with these amounts (USDT="1000"); a key set for it."""
        account = f"user{next(self._numbers)}"
        amounts = {asset: Decimal(amount) for asset, amount in balances.items()}
        self.call(self.session.open_account(account, amounts))
        return self.keys.create(account, memo="paper memo")

    def money(self, key):
        """All currencies of the key's account as the ledger has them."""
        balances = self.read(lambda: self.venue.balances(key.account))
        return {
            asset: Money(from_atoms(balance.available_atoms), from_atoms(balance.frozen_atoms))
            for asset, balance in balances.items()
        }

    def quote(self, symbol="BTC_USDT"):
        """Best bid and ask of the market, without own orders."""
        (bid, _), (ask, _) = (side[0] for side in self.levels(symbol, 1))
        return Quote(bid, ask)

    def levels(self, symbol, depth):
        """The market's best bids and asks, each (price, size)."""
        rules = self.session.rules[symbol]
        bids, asks = self.read(lambda: self.session.views[symbol].depth(depth))
        return tuple(
            [(rules.price(ticks), rules.size(lots)) for ticks, lots in side] for side in (bids, asks)
        )

    def skip(self, seconds):
        """The market goes on by so much at once, and everybody has seen it."""
        target_ns = self.read(self._clock.now_ns) + round(seconds * S)
        self.read(self._clock.seek, target_ns)
        self.until(lambda: self.venue.now_ns >= target_ns - S)

    @contextlib.contextmanager
    def moving(self, speed=1):
        """The market runs at `speed` while the block does."""
        self.read(self._clock.set_speed, speed)
        self.read(self._clock.resume)
        try:
            yield
        finally:
            self.read(self._clock.pause)

    def until(self, condition):
        """Wait until `condition()`, asked where the exchange lives, is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.read(condition):
            assert time.monotonic() < deadline, "the exchange did not come to the expected state"
            time.sleep(0.01)

    def until_subscribed(self, key, topic):
        """Wait until a connection of the key's account gets the pushes of `topic`."""
        self.until(
            lambda: any(
                connection.protocol.account == key.account and topic in connection.protocol.topics
                for connection in self._hub.connections
            )
        )

    def cut_connections(self):
        """Break every websocket without a goodbye, and see them gone."""
        broken = set(self._hub.connections)

        def cut():
            for connection in broken:
                connection.cut()

        self.read(cut)
        self.until(lambda: broken.isdisjoint(self._hub.connections))

    def check(self):
        """Money is conserved: accounts, fees and market sum up to the deposits."""
        self.read(lambda: self.venue.check())

    async def _start(self):
        wall = RealClock()
        self._clock = PlaybackClock(wall.now_ns(), paused=True)
        source = demo_source(clock=self._clock)
        self.session = Session(source, Venue(source.rules), self._clock)
        await self._running.enter_async_context(self.session)
        self._clock.seek(self._clock.now_ns() + WARM_UP_S * S)
        while any(self.venue.feed_state(symbol) is not FeedState.LIVE for symbol in source.rules):
            await asyncio.sleep(0.01)
        app = create_app(self.session, self._settings, keys=self.keys, wall=wall)
        self._hub = app[HUB]
        self._server = await self._running.enter_async_context(Server(app, self._settings))

"""Runs a source beside a test and adds up what it emits."""

import asyncio

from venue.consumer import Consumer

from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.live.backoff import BackoffSettings

MS = 10**6
HASTE = BackoffSettings(first_ns=20 * MS, most_ns=200 * MS)


class Follower:
    """Runs a source and holds its books to what the venue published."""

    def __init__(self, source, venue=None):
        self.source, self.venue = source, venue
        self.consumers = {symbol: Consumer() for symbol in source.rules}
        self.batches = []
        self.task = asyncio.ensure_future(source.run(self._emit))

    def _emit(self, symbol, events):
        consumer = self.consumers[symbol]
        self.batches.append((symbol, events))
        consumer.take(events)
        if self.venue is not None and consumer.state is FeedState.LIVE:
            assert consumer.book in self.venue.markets[symbol].published.values()

    async def until(self, what, limit_s=20):
        async with asyncio.timeout(limit_s):
            while not what():
                if self.task.done():
                    self.task.result()
                await asyncio.sleep(0.01)

    def all_live(self):
        return all(consumer.state is FeedState.LIVE for consumer in self.consumers.values())

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

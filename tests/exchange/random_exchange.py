"""A seeded market and seeded clients on a session: the load of the crash tests.

Run as a program it is the process that gets killed: every line of its output is an acknowledgement.

    A order_id       accepted
    C order_id       cancelled
    F trade_id       filled
"""

import asyncio
import os
import random
import sys

from market_script import MS, START_NS, SYMBOL, ScriptedSource, book, limit, trade

from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.clock import SimulatedClock
from paper_bitmart.exchange.events import OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.restart import recover
from paper_bitmart.exchange.session import Session, SessionSettings

ACCOUNTS = ("alice", "bob")
CLOSED_ORDER_CODES = (50005, 50030, 50031)


def acknowledgement(event):
    """The line that an event is acknowledged by; None for events that nobody waits for."""
    match event:
        case OrderAccepted():
            return f"A {event.order.order_id}"
        case OrderCanceled():
            return f"C {event.order.order_id}"
        case OrderFilled():
            return f"F {event.fill.trade_id}"
    return None


class RandomExchange:
    """Steps of market and orders, drawn from `seed`, on a session over `journal`.

    Args:
        tell: gets the acknowledgement lines in the order of the events.
    """

    def __init__(self, journal, seed, tell, *, checkpoint_every_events=300):
        self.random = random.Random(seed)
        self.source = ScriptedSource()
        venue = recover(journal, self.source.rules)
        self.clock = SimulatedClock(max(START_NS, venue.now_ns + MS))
        settings = SessionSettings(checkpoint_every_events=checkpoint_every_events)
        self.session = Session(self.source, venue, self.clock, journal=journal, settings=settings)
        self.tell = tell
        self.mid_ticks = 10_000

    async def start(self):
        self.session.subscribe(self._heard)
        await self.session.start()
        await asyncio.sleep(0)
        self.source.say(self._book())
        for name in ACCOUNTS:
            if name not in [account.name for account in self.session.venue.accounts()]:
                await self.session.open_account(name)

    async def step(self):
        """A little market, a few orders at once, and sometimes a cancel."""
        self.clock.advance(self.random.randrange(1, 20) * MS)
        self.mid_ticks += self.random.randrange(-3, 4)
        side = self.random.choice(list(Side))
        self.source.say(
            self._book(), trade(self.clock.now_ns(), side, self.mid_ticks, self.random.randrange(1, 50))
        )
        await asyncio.gather(*(self._submit() for _ in range(self.random.randrange(1, 4))))
        if self.random.random() < 0.4:
            await self._cancel()

    def _heard(self, events):
        for event in events:
            if (line := acknowledgement(event)) is not None:
                self.tell(line)

    def _book(self):
        bids = {self.mid_ticks - n: self.random.randrange(1, 30) for n in range(1, 6)}
        asks = {self.mid_ticks + n: self.random.randrange(1, 30) for n in range(1, 6)}
        return book(self.clock.now_ns(), bids, asks)

    async def _submit(self):
        side = self.random.choice(list(Side))
        kind = self.random.choice([OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.IOC])
        price_ticks = self.mid_ticks + self.random.randrange(-8, 9)
        order = limit(side, price_ticks, self.random.randrange(1, 40), type=kind)
        await self.session.submit(self.random.choice(ACCOUNTS), order)

    async def _cancel(self):
        account = self.random.choice(ACCOUNTS)
        if not (orders := self.session.venue.open_orders(account, SYMBOL)):
            return
        try:
            await self.session.cancel(account, order_id=self.random.choice(orders).order_id)
        except BitmartError as error:
            if error.code not in CLOSED_ORDER_CODES:
                raise


async def main(directory, seed):
    """Until killed."""
    running = RandomExchange(
        Journal(directory), seed, lambda line: os.write(sys.stdout.fileno(), f"{line}\n".encode())
    )
    await running.start()
    while True:
        await running.step()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))

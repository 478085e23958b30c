"""Memory per open order, account and connection, and a long replay that must not grow.

Whom it stands for: somebody who leaves the exchange running, with many bots on it.

- each: resident memory of the process, before and after making many of one thing, divided by their number.
- day: market time through the very path that runs live (wheel, venue, journal, views) as fast as it goes.
  Each market second an order is placed at the touch and the one before it cancelled. What is kept by
  intention (closed orders, fills) is bounded by settings, set low here so that the bound is reached early.

Left out: the clients' own memory, the journal's growth on disk (it keeps everything).

    python -m benchmarks.memory [--quick] [--only each|day] [--hours 24]
"""

import argparse
import asyncio
import gc
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from benchmarks.common import print_machine, print_table
from benchmarks.http_load import ORDER, SUBMIT, Client, connect, order_id_of
from benchmarks.many_symbols import many_symbols
from benchmarks.market import DEMO, DEMO_RULES
from benchmarks.processes import Server, paper_server, resident_bytes
from benchmarks.subscribers import Pushes, subscribe
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.events import Event, OrderAccepted
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.exchange.wheel import Command, SessionSettings, Wheel
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import FeedState
from paper_bitmart.feed.playback import Playback

SECOND_NS, HOUR_NS = 10**9, 3_600 * 10**9
ACCOUNT = "bot"
SYMBOL = "BTC_USDT"
PER_PAGE = 1_000


def limit_maker(price: Decimal) -> NewOrder:
    return NewOrder(
        symbol=SYMBOL, side=Side.BUY, type=OrderType.LIMIT_MAKER, price=price, size=Decimal("0.001"),
        notional=None, client_order_id=None, stp_mode=StpMode.NONE,
    )  # fmt: skip


def grown_bytes(since: int) -> int:
    gc.collect()
    return resident_bytes() - since


def measure_each(accounts: int, orders: int, connections: int) -> None:
    """One table: what one more of each thing costs."""
    rows = [*_in_process(accounts, orders), *_in_server(connections)]
    print_table(
        "Memory of one more",
        ("of what", "made", "kB each"),
        [(what, f"{count:,}", f"{size / count / 1e3:.2f}") for what, count, size in rows],
    )


def _in_process(accounts: int, orders: int) -> list[tuple[str, int, int]]:
    captured = load_capture(DEMO, DEMO_RULES)
    venue = Venue(captured.rules)
    events = captured.events[SYMBOL][:5_000]
    venue.market(SYMBOL, events)
    now_ns = int(events["recv_ns"][-1])
    venue.open_account(ACCOUNT, None, now_ns)
    gc.collect()
    before = resident_bytes()
    for number in range(accounts):
        venue.open_account(f"account{number}", {"USDT": Decimal(1000), "BTC": Decimal(1)}, now_ns)
    rows = [("account with two assets", accounts, grown_bytes(before))]
    before = resident_bytes()
    for number in range(orders):
        venue.submit(ACCOUNT, limit_maker(Decimal(50_000) + number % PER_PAGE), now_ns)
    rows.append((f"open order, at {PER_PAGE:,} prices", orders, grown_bytes(before)))
    return rows


def _in_server(connections: int) -> list[tuple[str, int, int]]:
    with paper_server(None) as server:
        rest = asyncio.run(_rest_connections(server, connections))
    capture, rules = many_symbols(20)
    with paper_server(None, "--source", str(capture), "--symbols", str(rules)) as server:
        sockets = asyncio.run(_sockets(server, connections))
    return [
        ("REST connection, idle, and its one order", connections, rest),
        ("websocket with depth and trades", connections, sockets),
    ]


async def _rest_connections(server: Server, connections: int) -> int:
    clients: list[Client] = [await connect(server.port)]
    order_id_of(await clients[0].post(SUBMIT, ORDER))
    before = server.resident_bytes()
    for _ in range(connections):
        clients.append(await connect(server.port))
        order_id_of(await clients[-1].post(SUBMIT, ORDER))
    grown = server.resident_bytes() - before
    for client in clients:
        client.close()
    return grown


async def _sockets(server: Server, connections: int) -> int:
    async with subscribe(server.port, 20, Pushes(20)):
        await asyncio.sleep(2)  # every symbol has its first subscriber
        before = server.resident_bytes()
        async with subscribe(server.port, connections, Pushes(20)):
            await asyncio.sleep(2)
            return server.resident_bytes() - before


class Day:
    """A running exchange, driven at full speed by a looped market and one quoting account."""

    def __init__(self, state: Path) -> None:
        captured = load_capture(DEMO, DEMO_RULES)
        self.playback = Playback(captured.events, loop=True)
        journal = Journal(state)
        settings = VenueSettings(closed_orders_max=2_000, fills_max=2_000)
        venue = Venue(captured.rules, settings=settings, journal=journal)
        self.wheel = Wheel(venue, journal=journal, settings=SessionSettings(events_per_turn=100_000))
        self.journal = journal
        self.now_ns = self.playback.start_ns
        self.order_id: int | None = None
        venue.open_account(ACCOUNT, None, self.now_ns)

    @property
    def events(self) -> int:
        return self.wheel.stats.market_events

    def play(self, duration_ns: int) -> None:
        """One market second at a time: the market, then the account's next order."""
        end_ns = self.now_ns + duration_ns
        while self.now_ns < end_ns:
            self.now_ns += SECOND_NS
            for symbol, events in self.playback.due(self.now_ns):
                self.wheel.inbox.put(symbol, events)
            while self.wheel.turn(self.now_ns):
                pass
            self.wheel.line.send(Command(self._requote, self._told), ACCOUNT, self.now_ns)
            self.wheel.turn(self.now_ns)

    def _requote(self, venue: Venue, at_ns: int) -> list[Event]:
        events: list[Event] = []
        if self.order_id is not None and venue.order(ACCOUNT, order_id=self.order_id).is_open:
            events += venue.cancel(ACCOUNT, order_id=self.order_id, at_ns=at_ns)
            self.order_id = None
        if venue.feed_state(SYMBOL) == FeedState.LIVE:  # at the recording's joint it is not
            best_bid = venue.rules[SYMBOL].price(max(self.wheel.views[SYMBOL].bids))
            placed = venue.submit(ACCOUNT, limit_maker(best_bid), at_ns)
            self.order_id = next(event.order.order_id for event in placed if isinstance(event, OrderAccepted))
            events += placed
        return events

    def _told(self, result: object, refused: BitmartError | ValueError | None) -> None:
        if refused is not None:
            raise refused


def measure_day(hours: float, marks: int) -> None:
    """Play `hours` of market time and note memory at `marks` points on the way."""
    rows = []
    with tempfile.TemporaryDirectory() as state:
        day = Day(Path(state))
        start = time.perf_counter()
        for number in range(marks):
            day.play(int(hours * HOUR_NS / marks))
            gc.collect()
            elapsed = time.perf_counter() - start
            rows.append(
                (
                    f"{hours * (number + 1) / marks:.2f}",
                    f"{day.events:,}",
                    f"{resident_bytes() / 1e6:.1f}",
                    f"{elapsed:.0f}",
                    f"{hours * 3600 * (number + 1) / marks / elapsed:,.0f}",
                )
            )
        day.wheel.finish(day.now_ns)
        day.journal.close()
    columns = ("market hours", "events", "resident MB", "real s", "times real time")
    print_table("A long replay through the live path", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few of each, minutes: does it run?")
    parser.add_argument("--only", choices=("each", "day"))
    parser.add_argument("--hours", type=float, default=24.0, help="market time of the long replay")
    options = parser.parse_args()
    print_machine()
    if options.only != "day":
        measure_each(*((100, 100, 20) if options.quick else (20_000, 50_000, 400)))
    if options.only != "each":
        measure_day(*((0.05, 3) if options.quick else (options.hours, 12)))


if __name__ == "__main__":
    main()

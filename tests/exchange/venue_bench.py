"""A venue on a bench: rules, market events and orders in few words, for the tests of this room.

Prices are around 100.00 with a tick of 0.01, sizes in lots of 0.001. The standard book:

    bid  99.99 x 5.000   99.90 x 20.000      ask  100.01 x 3.000   100.02 x 9.000
"""

from decimal import Decimal

import numpy as np

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.orders import NewOrder, Order
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.state import state_hash
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind

SYMBOL = "BTC_USDT"
ALICE = "alice"
START_NS = 1_000_000_000
RATES = FeeRates(maker_ppm=1000, taker_ppm=2000)
COIN = 10**18
BIDS = {9999: 5000, 9990: 20000}
ASKS = {10001: 3000, 10002: 9000}


def rules_of(symbol: str = SYMBOL, **changes: object) -> SymbolRules:
    base, quote = symbol.split("_")
    fields: dict[str, object] = {
        "symbol": symbol,
        "symbol_id": 1,
        "base": base,
        "quote": quote,
        "price_decimals": 2,
        "size_decimals": 3,
        "tick": Decimal("0.01"),
        "lot": Decimal("0.001"),
        "min_size": Decimal("0.002"),
        "max_size": Decimal("1000"),
        "min_buy_notional": Decimal(5),
        "min_sell_notional": Decimal(5),
    }
    return SymbolRules(**{**fields, **changes})  # type: ignore[arg-type]


def rows(*events: tuple[int, Kind, int, int, int, int]) -> np.ndarray:
    """(at_ns, kind, side, price_ticks, size_lots, flags) each."""
    out = np.zeros(len(events), EVENT_DTYPE)
    for seq, (at_ns, kind, side, price_ticks, size_lots, flags) in enumerate(events):
        out[seq] = (at_ns, at_ns, price_ticks, size_lots, seq, flags, kind, side)
    return out


def whole_book(at_ns: int, bids: dict[int, int] = BIDS, asks: dict[int, int] = ASKS) -> np.ndarray:
    """A snapshot, then LIVE."""
    levels = [(at_ns, Kind.LEVEL, 0, price, lots, Flag.SNAPSHOT) for price, lots in bids.items()]
    levels += [(at_ns, Kind.LEVEL, 1, price, lots, Flag.SNAPSHOT) for price, lots in asks.items()]
    return rows(
        (at_ns, Kind.SNAPSHOT_BEGIN, 0, 0, 0, Flag.SNAPSHOT),
        *levels,
        (at_ns, Kind.SNAPSHOT_END, 0, 0, 0, Flag.SNAPSHOT | Flag.LAST),
        (at_ns, Kind.FEED_STATE, 0, 0, FeedState.LIVE, Flag.LAST),
    )


def feed(at_ns: int, state: FeedState) -> np.ndarray:
    return rows((at_ns, Kind.FEED_STATE, 0, 0, state, Flag.LAST))


def print_at(at_ns: int, aggressor: Side, price_ticks: int, size_lots: int) -> np.ndarray:
    return rows((at_ns, Kind.TRADE, aggressor.code, price_ticks, size_lots, Flag.LAST))


class Recorder:
    """A journal that keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, events: list[Event]) -> None:
        self.events += events


class Bench:
    """A venue with a LIVE standard book and one rich account."""

    def __init__(
        self,
        *rules: SymbolRules,
        settings: VenueSettings | None = None,
        live: bool = True,
        **venue_arguments: object,
    ) -> None:
        listed = rules or (rules_of(),)
        self.journal = Recorder()
        self.venue = Venue(
            {one.symbol: one for one in listed},
            settings=settings or VenueSettings(fees=RATES),
            journal=self.journal,
            **venue_arguments,  # type: ignore[arg-type]
        )
        self.at_ns = START_NS
        money = {asset: Decimal(100_000) for asset in self.venue.assets()}
        self.venue.open_account(ALICE, money, self.at_ns)
        if live:
            for one in listed:
                self.venue.market(one.symbol, whole_book(self.at_ns))

    def tick(self) -> int:
        self.at_ns += 1_000_000
        return self.at_ns

    def place(self, side: str, order_type: str, /, account: str = ALICE, **fields: object) -> list[Event]:
        return self.venue.submit(account, new_order(side, order_type, **fields), self.tick())

    def order(self, events: list[Event]) -> Order:
        """The newest state of the order that the first event is about."""
        first = events[0]
        return self.venue.order(first.order.account, order_id=first.order.order_id)  # type: ignore[attr-defined]

    def trade(self, aggressor: Side, price_ticks: int, size_lots: int) -> list[Event]:
        at_ns = self.tick()
        return self.venue.market(SYMBOL, print_at(at_ns, aggressor, price_ticks, size_lots))[1]

    def available(self, asset: str, account: str = ALICE) -> int:
        return self.venue.balance(account, asset).available_atoms

    def frozen(self, asset: str, account: str = ALICE) -> int:
        return self.venue.balance(account, asset).frozen_atoms

    def fingerprint(self) -> str:
        return state_hash(self.venue.export_state())


def new_order(side: str, order_type: str, **fields: object) -> NewOrder:
    """An order whose numbers may be text: `new_order("buy", "limit", price="99.99", size="1")`."""
    for name in ("price", "size", "notional"):
        if isinstance(fields.get(name), str):
            fields[name] = Decimal(fields[name])  # type: ignore[arg-type]
    wanted = {"symbol": SYMBOL, **fields}
    return NewOrder(side=side, type=order_type, **wanted)  # type: ignore[arg-type]


def names(events: list[Event]) -> list[str]:
    """Event kinds with what tells them apart, as a trader would read them aloud."""
    return [_name(event) for event in events]


def _name(event: Event) -> str:
    kind = type(event).__name__
    if kind == "BalanceChanged":
        return f"{event.asset} {event.reason}"  # type: ignore[attr-defined]
    if kind == "FeedChanged":
        return f"feed {event.state.name}"  # type: ignore[attr-defined]
    return kind

"""Event strategies in plain Python: subclass `Strategy` and override what you need."""

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple
from warnings import warn

import numpy as np

from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.orders import Fill
from paper_bitmart.feed.events import Kind

if TYPE_CHECKING:
    from paper_bitmart.backtest.desk import Desk, Ticket

WAKE_EVERY_NS = 100_000_000


class Trade(NamedTuple):
    """A print of the market. `side`: the aggressor's, 0 buy, 1 sell. `at_ns`: receive time."""

    symbol: str
    at_ns: int
    side: int
    price_ticks: int
    size_lots: int


def trades_of(symbol: str, rows: np.ndarray) -> list[Trade]:
    """The prints among a stretch of market events, (n,) EVENT_DTYPE."""
    # As bytes, because searching them costs a tenth of the same question to an array this small.
    if Kind.TRADE not in rows["kind"].tobytes():
        return []
    prints = rows[rows["kind"] == Kind.TRADE]
    columns = (prints[name].tolist() for name in ("recv_ns", "side", "price_ticks", "size_lots"))
    return [Trade(symbol, *values) for values in zip(*columns, strict=True)]


class Strategy:
    """What one account does. Every method gets the account's `Desk`; none of them must be overridden.

    At equal times the order is: market, commands that arrive, answers that come back, wake-ups and timers.

    Attributes:
        wake_every_ns: time between wake-ups, ns; 0 wakes at every market message.
    """

    wake_every_ns: int = WAKE_EVERY_NS

    def __init_subclass__(cls, **settings: Any) -> None:
        """Warn of a method that nothing calls because its name is misspelt."""
        super().__init_subclass__(**settings)
        known = [name for name in vars(Strategy) if name.startswith("on_")]
        for name in vars(cls):
            meant = get_close_matches(name, known, n=1, cutoff=0.8)
            if name.startswith("on_") and name not in known and meant:
                warn(f"{cls.__name__}.{name} is never called; did you mean {meant[0]}?", stacklevel=2)

    def on_start(self, desk: "Desk") -> None:
        """Once, at the time of the first market event, which has not been played yet."""

    def on_book(self, desk: "Desk", symbol: str) -> None:
        """At a wake-up, for each symbol whose market moved since the last one."""

    def on_trade(self, desk: "Desk", trade: Trade) -> None:
        """At a wake-up, before `on_book`, for each print since the last one."""

    def on_timer(self, desk: "Desk", tag: Any) -> None:
        """At a time asked for with `desk.call_at`."""

    def on_fill(self, desk: "Desk", ticket: "Ticket", fill: Fill) -> None:
        """When the news of a fill reaches the client; `ticket` says it already."""

    def on_order(self, desk: "Desk", ticket: "Ticket") -> None:
        """When the news that an order was accepted, or is closed without a fill, reaches the client."""

    def on_refused(self, desk: "Desk", ticket: "Ticket", error: BitmartError) -> None:
        """When the refusal of an order (then the ticket is closed) or of a cancel reaches the client."""

    def on_stop(self, desk: "Desk") -> None:
        """Once, after the last market event; orders sent now never arrive."""

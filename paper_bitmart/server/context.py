"""What every part of the server stands on: the session below it, and the server's own state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.clock import Clock
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.faults import Faults
from paper_bitmart.server.keys import KeyStore
from paper_bitmart.server.now import Now
from paper_bitmart.server.settings import ServerSettings
from paper_bitmart.server.size_log import SizeLog
from paper_bitmart.server.traces import Traces

if TYPE_CHECKING:
    from paper_bitmart.exchange.session import Session
    from paper_bitmart.exchange.venue import Venue


@dataclass(slots=True)
class ServerContext:
    """One server's parts.

    Attributes:
        session: source, venue and market views; its clock is the market's.
        sizes: what orders were too large for their market.
        wall: the clock by which keys expire and requests are limited.
    """

    session: Session
    settings: ServerSettings
    keys: KeyStore
    faults: Faults
    books: BookView
    wall: Clock
    sizes: SizeLog
    traces: Traces = field(default_factory=Traces)

    @property
    def venue(self) -> Venue:
        return self.session.venue

    def rules(self, symbol: str) -> SymbolRules:
        """Rules of a symbol that `has_symbol`; O(1)."""
        return self.session.views[symbol].rules

    def has_symbol(self, symbol: str) -> bool:
        return symbol in self.session.views

    def market_ns(self) -> int:
        """Now by the exchange's clock, which every outgoing time is on; ns since 1970."""
        return self.session.clock.now_ns()

    def now(self) -> Now:
        """The moment that a client's timestamp is judged by."""
        return Now(self.wall.now_ns(), self.market_ns(), self.settings.clock)

"""What can go wrong with a live source before it runs.

SourceError               a source that cannot be opened
+- VenueUnavailable       nobody answers, or there is no market there: says what to do instead
+- UnknownSource          no such source, or its library is not installed
+- UnknownSymbol          the venue does not have a symbol that was asked for
+- TooManySymbols         more than all connections that the venue allows can carry
"""

from collections.abc import Iterable

INSTEAD = (
    "Use --source demo (the bundled recorded market), --source FILE (a capture of your own), or a venue "
    "that trades: --source binance or --source ccxt:NAME."
)
BITMART_CLOSED = "BitMart stopped trading on 26 August 2026. " + INSTEAD


class SourceError(Exception):
    """A market source cannot be opened."""


class VenueUnavailable(SourceError):
    """A venue does not answer, or has no market.

    Attributes:
        venue: its name or URL.
        why: what was seen.
        instead: what the user can do.
    """

    def __init__(self, venue: str, why: str, instead: str = INSTEAD) -> None:
        super().__init__(f"{venue}: {why}. {instead}")
        self.venue, self.why, self.instead = venue, why, instead


class UnknownSource(SourceError):
    """There is no source of that name, or what it needs is not installed."""


class TooManySymbols(SourceError):
    """A venue's limits on connections and topics do not carry so many symbols."""


class UnknownSymbol(SourceError):
    """The venue does not trade a symbol.

    Attributes:
        venue: its name.
        symbols: those it does not have, or not any more.
    """

    def __init__(self, venue: str, symbols: Iterable[str]) -> None:
        self.venue, self.symbols = venue, tuple(symbols)
        super().__init__(f"{venue} does not trade {', '.join(self.symbols)}")

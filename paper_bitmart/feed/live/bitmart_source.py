"""BitMart's market, from BitMart or from anything that speaks its protocol."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from paper_bitmart.bitmart.rules import RulesError, SymbolRules, parse_rules
from paper_bitmart.feed.live.bitmart_session import BitmartSession, BitmartTiming
from paper_bitmart.feed.live.errors import BITMART_CLOSED, UnknownSymbol, VenueUnavailable
from paper_bitmart.feed.live.live_source import LiveSource
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.rest import RestError, fetch, get
from paper_bitmart.feed.live.venue_limits import BITMART_WS, VenueLimits, spread

REST_URL: Final = "https://api-cloud.bitmart.com"
WS_URL: Final = "wss://ws-manager-compress.bitmart.com/api?protocol=1.1"
"""Source: protocol reference 1.1."""

DETAILS_PATH: Final = "/spot/v1/symbols/details"
BOOKS_PATH: Final = "/spot/quotation/v3/books?limit=5&symbol="
SYMBOLS_LOOKED_AT: Final = 3
TOPICS_PER_SYMBOL: Final = 3
"""increase100 or depth50, trade, bookTicker."""


class _BooksData(msgspec.Struct):
    asks: list[Any]
    bids: list[Any]


class _Books(msgspec.Struct):
    data: _BooksData


def bitmart_source(
    symbols: Sequence[str],
    *,
    rules: Mapping[str, SymbolRules] | None = None,
    rest_url: str = REST_URL,
    ws_url: str = WS_URL,
    rng: random.Random | None = None,
    timing: BitmartTiming | None = None,
    limits: VenueLimits = BITMART_WS,
    **options: Any,
) -> LiveSource:
    """Open BitMart's market; blocks for two REST calls.

    Args:
        symbols: to follow, BitMart's form.
        rules: instead of the venue's own table.
        rest_url, ws_url: any server that speaks BitMart's protocol.
        rng: of jitter and audits; seeded by the symbols when None.
        options: as `LiveSource`: clock, notify, backoff, watch, connect, fetch.

    Raises:
        VenueUnavailable: no answer, not BitMart's answer, or only empty books.
        UnknownSymbol: a symbol is not traded there. TooManySymbols: more than its limits allow.
    """
    rest_url = rest_url.rstrip("/")
    table = _load_table(rest_url) if rules is None else rules
    unknown = [symbol for symbol in symbols if symbol not in table or not table[symbol].is_tradable]
    if unknown:
        raise UnknownSymbol(f"BitMart at {rest_url}", unknown)
    _check_books(rest_url, symbols)
    rng = rng or random.Random(",".join(symbols))
    outages = OutageLog()
    sessions = [
        (
            BitmartSession(
                {symbol: table[symbol] for symbol in part},
                rng=rng,
                timing=timing,
                limits=limits,
                outages=outages,
            ),
            ws_url,
        )
        for part in spread(symbols, TOPICS_PER_SYMBOL, limits, "BitMart")
    ]

    async def load_rules() -> Mapping[str, SymbolRules]:
        return parse_rules(await fetch(rest_url + DETAILS_PATH), rest_url)

    return LiveSource(
        f"BitMart at {ws_url}", sessions, limits=limits, rng=rng, outages=outages, rest_url=rest_url,
        load_rules=load_rules if rules is None else None, instead=BITMART_CLOSED, **options,
    )  # fmt: skip


def _load_table(rest_url: str) -> dict[str, SymbolRules]:
    try:
        table = parse_rules(get(rest_url + DETAILS_PATH), rest_url + DETAILS_PATH)
    except (RestError, RulesError) as error:
        raise VenueUnavailable(
            "BitMart", f"the symbols table cannot be read ({error})", BITMART_CLOSED
        ) from error
    if not table:
        raise VenueUnavailable(f"BitMart at {rest_url}", "it lists no symbols", BITMART_CLOSED)
    return table


def _check_books(rest_url: str, symbols: Sequence[str]) -> None:
    """A venue that has closed may well go on answering, with nothing in its books."""
    for symbol in symbols[:SYMBOLS_LOOKED_AT]:
        try:
            books = msgspec.json.decode(get(rest_url + BOOKS_PATH + symbol), type=_Books).data
        except (RestError, msgspec.DecodeError) as error:
            raise VenueUnavailable(
                "BitMart", f"its books cannot be read ({error})", BITMART_CLOSED
            ) from error
        if books.asks or books.bids:
            return
    raise VenueUnavailable(f"BitMart at {rest_url}", "its books are empty", BITMART_CLOSED)

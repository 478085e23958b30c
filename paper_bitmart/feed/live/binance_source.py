"""Binance's spot market, presented as BitMart's."""

import random
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from paper_bitmart.bitmart.rules import RulesError, SymbolRules
from paper_bitmart.feed.live.binance_rules import binance_name, parse_exchange_info
from paper_bitmart.feed.live.binance_session import STREAMS, BinanceSession, BinanceTiming
from paper_bitmart.feed.live.errors import UnknownSymbol, VenueUnavailable
from paper_bitmart.feed.live.live_source import LiveSource
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.rest import RestError, fetch, get
from paper_bitmart.feed.live.venue_limits import BINANCE_WS, VenueLimits, spread

REST_URL: Final = "https://data-api.binance.vision"
WS_URL: Final = "wss://data-stream.binance.vision/stream"
"""Binance's hosts for market data alone; they need no account (Binance: "Market data only URLs")."""

INFO_PATH: Final = "/api/v3/exchangeInfo?symbols="
BAD_REQUEST: Final = 400
INSTEAD: Final = (
    "Binance may be closed to your country or network: other hosts can be given as URLs. Or use "
    "--source demo, --source FILE, or --source ccxt:NAME with another exchange."
)


def binance_source(
    symbols: Sequence[str],
    *,
    rules: Mapping[str, SymbolRules] | None = None,
    rest_url: str = REST_URL,
    ws_url: str = WS_URL,
    rng: random.Random | None = None,
    timing: BinanceTiming | None = None,
    limits: VenueLimits = BINANCE_WS,
    **options: Any,
) -> LiveSource:
    """Open Binance's market; blocks for one REST call.

    Args:
        symbols: BitMart's form; BTC_USDT is Binance's BTCUSDT.
        rules: instead of Binance's own; must fit its ticks and lots.
        rest_url, ws_url: hosts; the websocket's is the endpoint of combined streams.
        options: as `LiveSource`.

    Raises:
        VenueUnavailable: no answer, or not Binance's.
        UnknownSymbol: a symbol is not traded there. TooManySymbols: more than its limits allow.
    """
    rest_url = rest_url.rstrip("/")
    table = _load_table(rest_url, symbols) if rules is None else dict(rules)
    unknown = [symbol for symbol in symbols if symbol not in table or not table[symbol].is_tradable]
    if unknown:
        raise UnknownSymbol("Binance", unknown)
    rng = rng or random.Random(",".join(symbols))
    outages = OutageLog()
    sessions = [
        (
            BinanceSession(
                {symbol: table[symbol] for symbol in part},
                rng=rng,
                timing=timing,
                limits=limits,
                outages=outages,
            ),
            ws_url,
        )
        for part in spread(symbols, len(STREAMS), limits, "Binance")
    ]

    async def load_rules() -> Mapping[str, SymbolRules]:
        path = _info_path(symbols)
        try:
            return parse_exchange_info(await fetch(rest_url + path), rest_url)
        except RestError as error:
            if error.status != BAD_REQUEST:
                raise
            return await _known_rules(rest_url, symbols)

    return LiveSource(
        f"Binance at {ws_url}", sessions, limits=limits, rng=rng, outages=outages, rest_url=rest_url,
        load_rules=load_rules if rules is None else None, instead=INSTEAD, **options,
    )  # fmt: skip


def _info_path(symbols: Sequence[str]) -> str:
    names = msgspec.json.encode([binance_name(symbol) for symbol in symbols]).decode()
    return INFO_PATH + quote(names)


def _load_table(rest_url: str, symbols: Sequence[str]) -> dict[str, SymbolRules]:
    try:
        return parse_exchange_info(get(rest_url + _info_path(symbols)), rest_url)
    except RestError as error:
        if error.status == BAD_REQUEST:
            # One unknown symbol spoils the whole question.
            raise UnknownSymbol("Binance", _unknown(rest_url, symbols)) from error
        raise VenueUnavailable("Binance", f"its symbols cannot be read ({error})", INSTEAD) from error
    except RulesError as error:
        raise VenueUnavailable("Binance", f"its symbols cannot be read ({error})", INSTEAD) from error


def _unknown(rest_url: str, symbols: Sequence[str]) -> list[str]:
    unknown = []
    for symbol in symbols:
        try:
            get(rest_url + _info_path([symbol]))
        except RestError:
            unknown.append(symbol)
    return unknown


async def _known_rules(rest_url: str, symbols: Sequence[str]) -> dict[str, SymbolRules]:
    rules: dict[str, SymbolRules] = {}
    for symbol in symbols:
        try:
            rules |= parse_exchange_info(await fetch(rest_url + _info_path([symbol])), rest_url)
        except RestError as error:
            if error.status != BAD_REQUEST:
                raise
    return rules

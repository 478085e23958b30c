"""Market sources by name, as `--source` gives them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from paper_bitmart.bitmart.rules import SymbolRules, load_rules, rules_beside
from paper_bitmart.feed.live.errors import UnknownSource
from paper_bitmart.feed.pace import MarketClock
from paper_bitmart.feed.sources import CaptureSource, Source, demo_source

DEMO: Final = "demo"
BITMART: Final = "bitmart"
BINANCE: Final = "binance"
CCXT: Final = "ccxt"
DEFAULT_PAIRS: Final = ("BTC_USDT", "ETH_USDT")


def is_live(name: str) -> bool:
    """Whether a source is a venue's market as it happens."""
    return name in (BITMART, BINANCE) or name.partition(":")[0] == CCXT


def open_source(
    name: str,
    pairs: Sequence[str] | None = None,
    rules: Mapping[str, SymbolRules] | Path | None = None,
    clock: MarketClock | None = None,
    **options: Any,
) -> Source:
    """Open a market; blocks for a few REST calls when it is live.

    Args:
        name: demo | FILE | bitmart | binance | ccxt:NAME.
        pairs: symbols to follow in BitMart's form; None: all of a recording, BTC_USDT and ETH_USDT live.
        rules: of a FILE (default: symbols_details.json beside it); of a live venue in place of its own.
        clock: market time; a live source's events are stamped with it.
        options: of the source: `rest_url`, `ws_url`, `notify` of live ones; `loop`, `rebase`, `speed` of
            recordings.

    Raises:
        UnknownSource, UnknownSymbol, VenueUnavailable: all `SourceError`.
        CaptureError, RulesError, OSError: a FILE or its rules cannot be read.
    """
    if not is_live(name):
        return _recording(name, rules, clock, options)
    symbols = list(dict.fromkeys(pairs or DEFAULT_PAIRS))
    if name.startswith(CCXT):
        return _ccxt(name, symbols, rules, clock, options)
    table = load_rules(rules) if isinstance(rules, Path) else rules
    if name == BITMART:
        from paper_bitmart.feed.live.bitmart_source import bitmart_source

        return bitmart_source(symbols, rules=table, clock=clock, **options)
    from paper_bitmart.feed.live.binance_source import binance_source

    return binance_source(symbols, rules=table, clock=clock, **options)


def _ccxt(name: str, symbols: list[str], rules: object, clock: MarketClock | None, options: Any) -> Source:
    exchange = name.partition(":")[2]
    if not exchange:
        raise UnknownSource("source ccxt needs the name of an exchange, e.g. ccxt:kraken")
    if rules is not None:
        raise UnknownSource(f"source {name} brings its own rules: leave out the symbols file")
    from paper_bitmart.feed.live.ccxt_source import ccxt_source

    return ccxt_source(exchange, symbols, clock=clock, **options)


def _recording(name: str, rules: Any, clock: MarketClock | None, options: Any) -> Source:
    if name == DEMO:
        return demo_source(clock=clock, **options)
    path = Path(name)
    if not path.is_file():
        raise UnknownSource(
            f"there is no source {name!r}: it is demo, bitmart, binance, ccxt:NAME, or a capture file"
        )
    rules = rules or rules_beside(path)
    if rules is None:
        raise UnknownSource(f"{name} needs the symbols/details file of its market")
    return CaptureSource(path, rules, clock=clock, **options)

"""Any exchange that ccxt pro knows, presented as BitMart.

Needs the extra: pip install 'paper-bitmart[ccxt]'.
"""

import asyncio
import importlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.live.backoff import Backoff, BackoffSettings
from paper_bitmart.feed.live.ccxt_rules import ccxt_name, rules_of_market
from paper_bitmart.feed.live.ccxt_session import NO_LIMITS, CcxtSession
from paper_bitmart.feed.live.errors import UnknownSource, UnknownSymbol, VenueUnavailable
from paper_bitmart.feed.live.live_source import (
    LOOK_EVERY_S,
    MINUTE_NS,
    MarketWatch,
    Notify,
    SystemClock,
    WatchSettings,
    log_notice,
)
from paper_bitmart.feed.live.outages import OutageLog
from paper_bitmart.feed.live.venue_limits import RateWindow
from paper_bitmart.feed.live.venue_session import VenueSession
from paper_bitmart.feed.pace import MarketClock
from paper_bitmart.feed.sources import Emit

logger = logging.getLogger(__name__)

ANSWER_S = 90.0
"""A stream that hands out nothing for so long is begun anew."""


class ProExchange(Protocol):
    """What is used of a ccxt pro exchange."""

    async def watch_order_book(self, symbol: str) -> Mapping[str, Any]: ...
    async def watch_trades(self, symbol: str) -> Sequence[Mapping[str, Any]]: ...
    async def close(self) -> None: ...


class CcxtSource:
    """Follows order books and trades through a ccxt pro exchange.

    Args:
        exchange_id: ccxt's name, for people.
        make_exchange: a new ccxt pro instance; made when the source runs.
        rules: of the symbols to follow.
        failures: what the library raises when the venue or the network fails.
        clock, notify, backoff, watch: as `LiveSource`.

    Attributes:
        session: counts. outages: of all symbols.
    """

    def __init__(
        self,
        exchange_id: str,
        make_exchange: Callable[[], ProExchange],
        rules: Mapping[str, SymbolRules],
        *,
        failures: tuple[type[BaseException], ...],
        clock: MarketClock | SystemClock | None = None,
        notify: Notify = log_notice,
        backoff: BackoffSettings | None = None,
        watch: WatchSettings | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.name = f"ccxt {exchange_id}"
        self.rules: Mapping[str, SymbolRules] = dict(rules)
        self.notify = notify
        self.outages = OutageLog()
        self.session = CcxtSession(self.rules, outages=self.outages)
        self.sessions: list[VenueSession] = [self.session]
        self._make_exchange = make_exchange
        self._failures: tuple[type[BaseException], ...] = (*failures, OSError, TimeoutError)
        self._clock = clock or SystemClock()
        self.start_ns = self._clock.now_ns()
        self._backoff_settings = backoff
        self._watch = MarketWatch(self.name, watch or WatchSettings(), self.start_ns)
        self._rng = rng or random.Random(",".join(rules))
        self._attempts = RateWindow(NO_LIMITS.connects_per_minute * len(rules), MINUTE_NS)
        self._last_failure = ""
        self._emit: Emit = lambda symbol, events: None

    async def run(self, emit: Emit) -> None:
        """Follow the market until cancelled."""
        self._emit = emit
        exchange = self._make_exchange()
        self.session.opened(self._clock.now_ns())
        loops = [self._look_after()]
        for symbol in self.rules:
            loops.append(self._repeat(symbol, exchange.watch_order_book, self.session.book, True))
            loops.append(self._repeat(symbol, exchange.watch_trades, self.session.trades, False))
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            self.outages.end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await exchange.close()
            self.session.closed(self._clock.now_ns(), "the source was stopped")
            self._flush()

    async def _repeat(
        self,
        symbol: str,
        watch: Callable[[str], Awaitable[Any]],
        take: Callable[[str, Any, int], None],
        is_book: bool,
    ) -> None:
        """One stream of one symbol: hand on what it gives, begin anew after failures."""
        backoff = Backoff(self._attempts, self._rng, self._backoff_settings)
        while True:
            now_ns = self._clock.now_ns()
            if backoff.failures and not backoff.attempt(now_ns):
                await asyncio.sleep(max(1, min(backoff.next_ns(now_ns) - now_ns, 10**9)) / 1e9)
                continue
            try:
                given = await asyncio.wait_for(watch(ccxt_name(symbol)), ANSWER_S if is_book else None)
            except self._failures as error:
                now_ns = self._clock.now_ns()
                self._last_failure = f"{symbol}: {str(error) or type(error).__name__}"
                logger.info("%s: %s", self.name, self._last_failure)
                # Lost trades are a gap of the market too: both streams share the book's state.
                self.session.lost(symbol, self._last_failure, now_ns)
                backoff.failed(now_ns)
            else:
                backoff.worked()
                take(symbol, given, self._clock.now_ns())
            self._flush()

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            now_ns = self._clock.now_ns()
            self.session.tick(now_ns)
            self._flush()
            text = self._watch.look(bool(self.outages.live), self._last_failure, now_ns)
            if text:
                self.notify(text)

    def _flush(self) -> None:
        for symbol, events in self.session.take_events():
            self._emit(symbol, events)
        for problem in self.session.take_problems():
            self.notify(f"{self.name}: {problem}")


def ccxt_source(exchange_id: str, symbols: Sequence[str], **options: Any) -> CcxtSource:
    """Open an exchange by its ccxt name; blocks while its markets are loaded.

    Args:
        symbols: BitMart's form; BTC_USDT is ccxt's BTC/USDT.
        options: as `CcxtSource`.

    Raises:
        UnknownSource: ccxt is not installed, or has no such exchange with both streams.
        VenueUnavailable: its markets cannot be loaded.
        UnknownSymbol, RulesError: a symbol is not there, or has no fixed tick and lot.
    """
    library, pro = _library()
    if exchange_id not in pro.exchanges:
        raise UnknownSource(f"ccxt pro has no exchange {exchange_id!r}; it has {', '.join(pro.exchanges)}")
    has = getattr(pro, exchange_id)({}).has
    if not (has.get("watchOrderBook") and has.get("watchTrades") and has.get("spot", True)):
        raise UnknownSource(f"ccxt pro streams no spot order book and trades of {exchange_id}")
    exchange = getattr(library, exchange_id)({"enableRateLimit": True})
    try:
        markets = exchange.load_markets()
    except library.BaseError as error:
        raise VenueUnavailable(f"ccxt {exchange_id}", f"its markets cannot be loaded ({error})") from error
    rules = rules_of_markets(exchange_id, symbols, markets, exchange.precisionMode)
    return CcxtSource(
        exchange_id,
        lambda: getattr(pro, exchange_id)({"enableRateLimit": True, "newUpdates": True}),
        rules,
        failures=(library.BaseError,),
        **options,
    )


def rules_of_markets(
    exchange_id: str, symbols: Sequence[str], markets: Mapping[str, Mapping[str, Any]], mode: int
) -> dict[str, SymbolRules]:
    """Rules of the symbols from a `load_markets` reply; raises UnknownSymbol, RulesError."""
    unknown = [symbol for symbol in symbols if ccxt_name(symbol) not in markets]
    if unknown:
        raise UnknownSymbol(f"ccxt {exchange_id}", unknown)
    return {
        symbol: rules_of_market(symbol, markets[ccxt_name(symbol)], mode, index + 1)
        for index, symbol in enumerate(symbols)
    }


def _library() -> tuple[Any, Any]:
    try:
        return importlib.import_module("ccxt"), importlib.import_module("ccxt.pro")
    except ImportError as error:
        raise UnknownSource(
            f"source ccxt needs the ccxt library: pip install 'paper-bitmart[ccxt]' ({error})"
        ) from error

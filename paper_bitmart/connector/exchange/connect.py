"""`connect`: one call from a name to a running paper exchange."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from paper_bitmart.backtest.arguments import (
    Amount,
    ArgumentError,
    check_fees,
    check_latency,
    check_queue_model,
    exact_amounts,
)
from paper_bitmart.bitmart.rules import rules_beside
from paper_bitmart.bitmart.topics import symbol_of
from paper_bitmart.connector.exchange.connector import NAME, BitmartPaperTrade
from paper_bitmart.connector.paper_exchange import OpenSource, PaperOptions, open_exchange
from paper_bitmart.exchange.fees import DEFAULT_FEES, FeeRates
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.feed.live.registry import DEMO, is_live, open_source
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel


class ConnectError(ArgumentError):
    """An argument of `connect` breaks its rule. Carries `field` and `why`."""


def connect(
    connector: str = NAME,
    *,
    trading_pairs: Sequence[str] | None = None,
    balances: Mapping[str, Amount] | None = None,
    source: str | Path | OpenSource = DEMO,
    symbols: Path | str | None = None,
    speed: float | None = 1.0,
    loop: bool = False,
    state: Path | str | None = None,
    fees: FeeRates = DEFAULT_FEES,
    latency: LatencyProfile | LatencyChoice | None = None,
    queue_model: QueueModel | str = DEFAULT_MODEL,
    record: Path | str | None = None,
) -> BitmartPaperTrade:
    """A paper exchange in this process; `async with` starts and stops it.

    Args:
        connector: "bitmart_paper_trade", the only one.
        trading_pairs: such as ["BTC-USDT"]; None offers all of the market.
        balances: first deposit of a new account, by currency; None: 10,000 of every quote and 1 of every
            base currency. An account that `state` already has keeps what it owns.
        source: "demo", the bundled recording of BTC-USDT and ETH-USDT, looped; the path of a capture; a live
            market (bitmart, binance, ccxt:NAME; docs/live.md), asked for its rules before this returns; or
            a function that takes the clock and returns a `feed.sources.Source`.
        symbols: the capture's symbols/details file; None looks for one beside it.
        speed: market seconds per real second; None: a simulated clock that moves only while the connector
            waits (`sleep`, `cancel_all`, ...), at full speed, and equal programs have equal outcomes.
        loop: play a capture again and again.
        state: directory of the journal, which makes accounts and orders outlive the process; None: memory.
        fees: maker and taker rates.
        latency: of orders, cancels, answers and market data; None: none.
        queue_model: how the queue ahead of an order is estimated: a model, or its setting ("power:n=2").
        record: folder to record market and orders into, for a replay of the session (docs/sessions.md).

    Raises:
        ConnectError: an argument breaks its rule.
        UnknownPair: a trading pair that the market does not have.
        CaptureError, RulesError, OSError: the market's files.
        SourceError: a live market that does not answer, or lacks a pair.
        JournalError: the state directory cannot be used.
        SessionError: the folder to record into is not empty.

    >>> async def main():
    ...     async with connect(trading_pairs=["BTC-USDT"], balances={"USDT": 10_000}, speed=None) as exchange:
    ...         return exchange.get_balance("USDT")
    >>> import asyncio
    >>> asyncio.run(main())
    Decimal('10000')
    """
    if connector != NAME:
        raise ConnectError("connector", f"must be {NAME}, not {connector!r}")
    if speed is not None and not (isinstance(speed, int | float) and speed > 0):
        raise ConnectError("speed", f"must be above 0, or None for a simulated clock, not {speed!r}")
    if isinstance(trading_pairs, str):
        raise ConnectError("trading_pairs", f"must be a list such as [{trading_pairs!r}], not a text")
    try:
        amounts = exact_amounts(balances)
        check_fees(fees)
        check_latency(latency)
        queue_model = check_queue_model(queue_model)
    except ArgumentError as error:
        raise ConnectError(error.field, error.why) from error
    wanted = None if trading_pairs is None else [_symbol(pair) for pair in trading_pairs]
    market = find_market(source, symbols, wanted)
    if speed != 1 and isinstance(source, str) and is_live(source):
        raise ConnectError("speed", f"{source} is live and runs at speed 1, not {speed}")
    options = PaperOptions(
        capture=market.capture,
        symbols=market.symbols,
        source=market.opener,
        loop=loop,
        speed=speed,
        pairs=wanted,
        balances=amounts,
        state=None if state is None else Path(state),
        queue_model=queue_model,
        latency=latency,
        fees=fees,
        record=None if record is None else Path(record),
    )
    return BitmartPaperTrade(open_exchange(options))


class Market(NamedTuple):
    """Where a market comes from, as `PaperOptions` takes it: a capture and its rules, an opener, or demo."""

    capture: Path | None = None
    symbols: Path | None = None
    opener: OpenSource | None = None


def find_market(
    source: str | Path | OpenSource, symbols: Path | str | None, pairs: Sequence[str] | None = None
) -> Market:
    """What `connect` calls `source` and `symbols`; a live venue is not asked yet.

    Raises:
        ConnectError: no such source or file, or rules for a source that brings its own.
    """
    if symbols is not None and (callable(source) or source == DEMO):
        raise ConnectError("symbols", "this source brings its own rules")
    if callable(source):
        return Market(opener=source)
    if source == DEMO:
        return Market()
    if is_live(str(source)):
        rules = None if symbols is None else Path(symbols)
        return Market(opener=lambda clock: open_source(str(source), pairs, rules, clock))
    capture = Path(source)
    if not capture.is_file():
        raise ConnectError(
            "source",
            f"there is no capture file {str(source)!r}; else it is demo, bitmart, binance or ccxt:NAME",
        )
    rules = rules_beside(capture) if symbols is None else Path(symbols)
    if rules is not None:
        return Market(capture, rules)
    raise ConnectError("symbols", f"is needed for {source}: the symbols/details file of its market")


def _symbol(trading_pair: str) -> str:
    try:
        return symbol_of(trading_pair)
    except ValueError as error:
        raise ConnectError("trading_pairs", f"{error}, such as BTC-USDT") from error

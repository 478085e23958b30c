"""Connector programs on recorded markets: the file that trades live is the file that is backtested.

    live        async with connect(...) as exchange: await main(exchange)
    backtest    ConnectorBacktest("market/", main).run()

Here market time moves only while the program waits. Two engines play it, with the same results:

    venue       the session, venue and connector that also run live, by a simulated clock
    compiled    the loop that `Backtest` uses, under the same connector; `why_venue` says what it leaves out
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from paper_bitmart.backtest.arguments import (
    Amount,
    ArgumentError,
    check_fees,
    check_latency,
    check_queue_model,
    exact_amounts,
)
from paper_bitmart.backtest.backtest import few_collections
from paper_bitmart.backtest.recorder import Recorder
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.tape import Data, Tape, TapeReader, open_data
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.connector.compiled_connector import CompiledPaperTrade
from paper_bitmart.connector.compiled_exchange import CompiledExchange, why_venue
from paper_bitmart.connector.exchange.connector import BitmartPaperTrade
from paper_bitmart.connector.market_time import STEP_NS
from paper_bitmart.connector.paper_exchange import PaperOptions, latency_profile, open_exchange
from paper_bitmart.exchange.fees import DEFAULT_FEES, FeeRates
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.exchange.ledger import Balance
from paper_bitmart.feed.pace import MarketClock
from paper_bitmart.feed.sources import Emit
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

Program = Callable[[BitmartPaperTrade], Awaitable[None]]


class TapeSource:
    """Tapes as a market by a clock; `finished` is set once everything was emitted.

    Events are handed over one step of the clock ahead; the session keeps them until their time. So whatever
    arrives within a step meets the market of its own moment, not the one before the step.

    Args:
        tapes: by symbol. clock: market time; its jumps forward are followed.
    """

    name = "backtest data"

    def __init__(self, tapes: Mapping[str, Tape], clock: MarketClock) -> None:
        self.rules: Mapping[str, SymbolRules] = {symbol: tape.rules for symbol, tape in tapes.items()}
        self.start_ns = min(tape.first_ns for tape in tapes.values())
        self._end_ns = max(tape.last_ns for tape in tapes.values())
        self.readers = {symbol: TapeReader(tape) for symbol, tape in tapes.items()}
        self.finished = asyncio.Event()
        self._clock = clock
        self._changed = asyncio.Event()

    async def run(self, emit: Emit) -> None:
        """Emit what is due whenever the clock moves; ends with the tapes, when the clock has passed them."""
        stop_listening = self._clock.on_change(self._changed.set)
        try:
            while (now_ns := self._clock.now_ns()) < self._end_ns:
                self._changed.clear()
                self._emit_due(emit, now_ns + STEP_NS)
                await self._changed.wait()
            self.finished.set()
            # A source that ends closes its feeds; the program is stopped before that matters.
            await asyncio.Event().wait()
        finally:
            stop_listening()

    def _emit_due(self, emit: Emit, until_ns: int) -> None:
        for symbol, reader in self.readers.items():
            while reader.next_ns <= until_ns:
                batch = reader.batch()
                times = batch.events["recv_ns"]
                end = int(times.searchsorted(until_ns, side="right"))
                emit(symbol, batch.events[batch.start : end])
                reader.advance(end)


class ConnectorBacktest:
    """Runs `program(exchange)` on recorded data until it returns or the data end.

    The clock moves in steps of 100 ms, at whose ends listeners are told; the last one may go past the data.

    Args:
        data, rules, symbols: see `open_data`.
        balances: first deposit by currency; None: 10,000 of every quote and 1 of every base currency.
        fees, latency, queue_model: as `connect`.
        engine: `compiled` is several times as fast, `venue` goes through the session that also runs live; the
            results are the same. `auto` takes `compiled` where it does what is asked for: one symbol, market
            data without delay, a constant response latency.

    Raises:
        ArgumentError: an argument breaks its rule. BitmartError: a currency that is not traded.
        TapeError and the readers' errors: data that cannot be used.
    """

    def __init__(
        self,
        data: Data,
        program: Program,
        *,
        rules: Path | str | Mapping[str, SymbolRules] | None = None,
        symbols: Sequence[str] | None = None,
        balances: Mapping[str, Amount] | None = None,
        fees: FeeRates = DEFAULT_FEES,
        latency: LatencyProfile | LatencyChoice | None = None,
        queue_model: QueueModel | str = DEFAULT_MODEL,
        engine: Literal["auto", "compiled", "venue"] = "auto",
        name: str = "",
    ) -> None:
        if not callable(program):
            raise ArgumentError("program", f"must be an async function of the exchange, not {program!r}")
        self._settings: dict[str, Any] = {
            "balances": exact_amounts(balances),
            "fees": check_fees(fees),
            "latency": check_latency(latency),
            "queue_model": check_queue_model(queue_model),
        }
        self._tapes = open_data(data, rules, symbols)
        if engine not in ("auto", "compiled", "venue"):
            raise ValueError(f"engine: must be auto, compiled or venue, not {engine!r}")
        why = (
            "that"
            if engine == "venue"
            else why_venue(self._tapes, self._settings["balances"], latency_profile(latency))
        )
        if engine == "compiled" and why:
            raise ValueError(f"engine: the compiled one does not do {why}")
        self._is_compiled = not why
        self._program = program
        self.name = name or getattr(program, "__name__", "program")

    @property
    def engine(self) -> str:
        """What plays this run: compiled or venue."""
        return "compiled" if self._is_compiled else "venue"

    def run(self) -> Results:
        """Play everything; for programs without a running event loop."""
        with few_collections():
            return asyncio.run(self.play())

    async def play(self) -> Results:
        """As `run`, inside an event loop.

        Raises:
            What the program raises, or the defect that stopped the exchange.
        """
        return await (self._play_compiled() if self._is_compiled else self._play_venue())

    async def _play_compiled(self) -> Results:
        (tape,) = self._tapes.values()
        settings = self._settings | {"latency": latency_profile(self._settings["latency"])}
        exchange = CompiledExchange(tape, **settings)
        connector = CompiledPaperTrade(exchange)
        started_s = time.perf_counter()
        async with connector:
            if connector.now_ns >= connector.end_ns:
                connector.time.finished.set()
            await self._until_finished(connector, connector.time.finished, connector.let_go)
        exchange.run.check_money()
        return Results(
            orders=exchange.run.orders(),
            fills=exchange.run.fills(),
            events=exchange.run.reader.done,
            refused=exchange.run.refused,
            balances={exchange.account: _balances(exchange.balances())},
            **self._common(exchange.account, started_s),
        )

    async def _play_venue(self) -> Results:
        sources: list[TapeSource] = []

        def open_source(clock: MarketClock) -> TapeSource:
            sources.append(TapeSource(self._tapes, clock))
            return sources[-1]

        options = PaperOptions(source=open_source, speed=None, **self._settings)
        paper = open_exchange(options)
        recorder = Recorder([paper.account], self._tapes)
        started_s = time.perf_counter()
        async with BitmartPaperTrade(paper) as connector:
            # Until the session is closed: what was on its way to the program has happened, too.
            session = connector.session
            session.subscribe(recorder.note)
            await self._until_finished(connector, sources[-1].finished, lambda: None)
            stats = replace(session.stats)
        if session.failure is not None:
            raise session.failure
        return Results(
            orders=recorder.orders(),
            fills=recorder.fills(),
            events=stats.market_events,
            refused=stats.refusals,
            balances={paper.account: _balances(paper.venue.balances(paper.account))},
            **self._common(paper.account, started_s),
        )

    def _common(self, account: str, started_s: float) -> dict[str, Any]:
        return {
            "accounts": [account],
            "tapes": self._tapes,
            "start_ns": min(tape.first_ns for tape in self._tapes.values()),
            "end_ns": max(tape.last_ns for tape in self._tapes.values()),
            "elapsed_s": time.perf_counter() - started_s,
            "name": self.name,
        }

    async def _until_finished(
        self, exchange: BitmartPaperTrade, finished: asyncio.Event, let_go: Callable[[], None]
    ) -> None:
        """Run the program until it returns, or until the data end and it is stopped where it waits."""
        program = asyncio.ensure_future(self._program(exchange))
        end = asyncio.ensure_future(finished.wait())
        await asyncio.wait({program, end}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        program.cancel()
        let_go()
        for result in await asyncio.gather(program, end, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        # What the last market events changed is told before the books are closed.
        await exchange.sleep(0)


def _balances(balances: Mapping[str, Balance]) -> dict[str, tuple[Decimal, Decimal]]:
    return {
        asset: (from_atoms(balance.available_atoms), from_atoms(balance.frozen_atoms))
        for asset, balance in balances.items()
    }

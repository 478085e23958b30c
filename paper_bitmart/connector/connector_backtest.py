"""Connector programs on recorded markets: the file that trades live is the file that is backtested.

    live        async with connect(...) as exchange: await main(exchange)
    backtest    ConnectorBacktest("market/", main).run()

Both run the same session, venue and connector; here a simulated clock moves only while the program waits.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from paper_bitmart.backtest.arguments import (
    Amount,
    ArgumentError,
    check_fees,
    check_latency,
    check_queue_model,
    exact_amounts,
)
from paper_bitmart.backtest.recorder import Recorder
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.tape import Data, Tape, TapeReader, open_data
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.connector.exchange.connector import BitmartPaperTrade
from paper_bitmart.connector.market_time import STEP_NS
from paper_bitmart.connector.paper_exchange import PaperOptions, open_exchange
from paper_bitmart.exchange.fees import DEFAULT_FEES, FeeRates
from paper_bitmart.exchange.latency_choice import LatencyChoice
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

    Raises:
        ArgumentError: an argument breaks its rule.
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
        name: str = "",
    ) -> None:
        if not callable(program):
            raise ArgumentError("program", f"must be an async function of the exchange, not {program!r}")
        self._settings = {
            "balances": exact_amounts(balances),
            "fees": check_fees(fees),
            "latency": check_latency(latency),
            "queue_model": check_queue_model(queue_model),
        }
        self._tapes = open_data(data, rules, symbols)
        self._program = program
        self.name = name or getattr(program, "__name__", "program")

    def run(self) -> Results:
        """Play everything; for programs without a running event loop."""
        return asyncio.run(self.play())

    async def play(self) -> Results:
        """As `run`, inside an event loop.

        Raises:
            What the program raises, or the defect that stopped the session.
        """
        sources: list[TapeSource] = []

        def open_source(clock: MarketClock) -> TapeSource:
            sources.append(TapeSource(self._tapes, clock))
            return sources[-1]

        options = PaperOptions(source=open_source, speed=None, **self._settings)  # type: ignore[arg-type]
        paper = open_exchange(options)
        recorder = Recorder([paper.account], self._tapes)
        source = sources[-1]
        started_s = time.perf_counter()
        async with BitmartPaperTrade(paper) as exchange:
            stop_recording = exchange.session.subscribe(recorder.note)
            await self._until_finished(exchange, source)
            stop_recording()
            exchange_failure = exchange.session.failure
        if exchange_failure is not None:
            raise exchange_failure
        balances = {
            asset: (from_atoms(balance.available_atoms), from_atoms(balance.frozen_atoms))
            for asset, balance in paper.venue.balances(paper.account).items()
        }
        return Results(
            orders=recorder.orders(),
            fills=recorder.fills(),
            accounts=[paper.account],
            tapes=self._tapes,
            start_ns=source.start_ns,
            end_ns=max(tape.last_ns for tape in self._tapes.values()),
            events=sum(reader.done for reader in source.readers.values()),
            elapsed_s=time.perf_counter() - started_s,
            balances={paper.account: balances},
            name=self.name,
        )

    async def _until_finished(self, exchange: BitmartPaperTrade, source: TapeSource) -> None:
        """Run the program until it returns, or until the data end and it is stopped where it waits."""
        program = asyncio.ensure_future(self._program(exchange))
        end = asyncio.ensure_future(source.finished.wait())
        await asyncio.wait({program, end}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        program.cancel()
        for result in await asyncio.gather(program, end, return_exceptions=True):
            if isinstance(result, Exception):
                raise result
        # What the last market events changed is told before the books are closed.
        await exchange.sleep(0)

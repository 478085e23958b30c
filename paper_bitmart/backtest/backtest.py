"""Backtest: recorded markets, a strategy per account, latency and fees in; orders and fills out."""

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple, Self

from paper_bitmart.backtest.arguments import (
    Amount,
    check_fees,
    check_latency,
    check_queue_model,
    exact_amounts,
    strategies_by_account,
)
from paper_bitmart.backtest.checkpoint import read_checkpoint, write_checkpoint
from paper_bitmart.backtest.compiled_engine import CompiledEngine, why_not
from paper_bitmart.backtest.engine import Engine
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import NEVER_NS, Data, open_data
from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import DEFAULT_FEES, FeeRates
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

COLLECTION_THRESHOLDS = (500_000, 50, 50)
"""Of the garbage collector during a run; the defaults cost a third of its time."""
CHECKPOINT_KIND = "Backtest"
DEFAULT_ACCOUNT = "main"

Balances = Mapping[str, Amount]


class Progress(NamedTuple):
    """How far a run is: market time, its ends (ns since 1970), market events played, real seconds spent."""

    at_ns: int
    start_ns: int
    end_ns: int
    events: int
    elapsed_s: float


class Backtest:
    """A market, strategies, and the venue between them.

    Args:
        data, rules, symbols: see `open_data`.
        strategy: one strategy, or several by account name.
        balances: first deposit, of all accounts or by account name; None: ample of everything.
        fees: rates of all accounts. latency: of all accounts, with its seeds; None is no delay.
        queue_model: the model, or its setting such as "power:n=2"; see docs/matching.md.
        engine: `compiled` is up to ten times as fast, `venue` goes through the venue that also runs live; the
            results are the same. `auto` takes `compiled` where it does what is asked for: one symbol, one
            account, market data without delay, a constant response latency.

    The same arguments give the same results, in any process; randomness is in the latency's seeds only.

    Example:
        >>> results = Backtest("history/", MyStrategy()).run()  # doctest: +SKIP

    Raises:
        ArgumentError: an argument breaks its rule. BitmartError: a currency that is not traded.
        TapeError and the readers' errors: data that cannot be used.
    """

    def __init__(
        self,
        data: Data,
        strategy: Strategy | Mapping[str, Strategy],
        *,
        rules: Path | str | Mapping[str, SymbolRules] | None = None,
        symbols: Sequence[str] | None = None,
        balances: Balances | Mapping[str, Balances | None] | None = None,
        fees: FeeRates = DEFAULT_FEES,
        latency: LatencyProfile | LatencyChoice | None = None,
        queue_model: QueueModel | str = DEFAULT_MODEL,
        engine: Literal["auto", "compiled", "venue"] = "auto",
        name: str = "",
    ) -> None:
        queue_model, fees = check_queue_model(queue_model), check_fees(fees)
        latency = check_latency(latency)
        if isinstance(latency, LatencyChoice):
            latency = latency.profile()
        self._tapes = open_data(data, rules, symbols)
        strategies = strategies_by_account(strategy, DEFAULT_ACCOUNT)
        self.name = name or "+".join(type(one).__name__ for one in strategies.values())
        self._elapsed_s = 0.0
        by_account, latency = _by_account(balances, list(strategies)), latency or LatencyProfile()
        if engine not in ("auto", "compiled", "venue"):
            raise ValueError(f"engine: must be auto, compiled or venue, not {engine!r}")
        why = "that" if engine == "venue" else why_not(self._tapes, strategies, by_account, latency)
        if engine == "compiled" and why:
            raise ValueError(f"engine: the compiled one does not do {why}")
        self._engine: Engine | CompiledEngine = (Engine if why else CompiledEngine)(
            self._tapes,
            strategies,
            by_account,
            latency=latency,
            settings=VenueSettings(fees=fees),
            queue_model=queue_model,
        )

    @property
    def engine(self) -> Literal["compiled", "venue"]:
        """Which loop plays this run: compiled or venue."""
        return "compiled" if isinstance(self._engine, CompiledEngine) else "venue"

    @property
    def strategies(self) -> dict[str, Strategy]:
        """By account; after `load` they are those that were saved."""
        return self._engine.strategies

    @property
    def now_ns(self) -> int:
        """Market time reached."""
        return self._engine.now_ns

    @property
    def is_finished(self) -> bool:
        """The end of the data is reached."""
        return self._engine.now_ns >= self._engine.end_ns

    def run(self, until_ns: int = NEVER_NS, progress: Callable[[Progress], None] | None = None) -> Results:
        """Play on, up to `until_ns` or the end of the data; may be called again to go on.

        Whatever the stops on the way, the results at the end are the same.

        Raises:
            What a strategy raises. AssertionError-like venue errors mean a defect of the exchange.
        """
        engine, started_s = self._engine, time.perf_counter() - self._elapsed_s

        def show() -> None:
            if progress is not None:
                now_s = time.perf_counter() - started_s
                at_ns = engine.now_ns
                progress(Progress(at_ns, engine.start_ns, engine.end_ns, engine.done, now_s))

        with few_collections():
            engine.run(until_ns, show if progress is not None else None)
        self._elapsed_s = time.perf_counter() - started_s
        show()
        engine.check()
        return self.results()

    def results(self) -> Results:
        """What has happened so far."""
        engine = self._engine
        return Results(
            orders=engine.orders(),
            fills=engine.fills(),
            accounts=engine.accounts,
            tapes=self._tapes,
            start_ns=engine.start_ns,
            end_ns=engine.now_ns,
            events=engine.done,
            elapsed_s=self._elapsed_s,
            refused=engine.refused,
            balances=_balances(engine),
            name=self.name,
        )

    def save(self, path: Path | str) -> None:
        """Write a checkpoint: venue, strategies, everything in flight, but not the data.

        Raises:
            pickle.PicklingError, TypeError, AttributeError: a strategy holds what cannot be pickled. OSError.
        """
        write_checkpoint(path, CHECKPOINT_KIND, self._tapes, (self.name, self._elapsed_s, self._engine))

    @classmethod
    def load(
        cls,
        path: Path | str,
        data: Data,
        *,
        rules: Path | str | Mapping[str, SymbolRules] | None = None,
        symbols: Sequence[str] | None = None,
    ) -> Self:
        """Go on from `save` with the same data. A checkpoint is a pickle: load only your own.

        Raises:
            CheckpointError: not a checkpoint of such a run, of other data, or its strategy's class is unknown
                here: in another process a strategy of FILE.py:NAME must have been loaded first.
        """
        loaded = cls.__new__(cls)
        loaded._tapes = open_data(data, rules, symbols)
        loaded.name, loaded._elapsed_s, loaded._engine = read_checkpoint(path, CHECKPOINT_KIND, loaded._tapes)
        loaded._engine.reopen(loaded._tapes)
        return loaded


def _by_account(
    balances: Balances | Mapping[str, Balances | None] | None, accounts: Sequence[str]
) -> dict[str, dict[str, Decimal] | None]:
    """A first deposit for each account, given for all of them or by account."""
    if isinstance(balances, Mapping) and set(balances) == set(accounts):
        given = {name: balances[name] for name in accounts}
        if all(one is None or isinstance(one, Mapping) for one in given.values()):
            return {name: exact_amounts(one, f"balances[{name!r}]") for name, one in given.items()}  # type: ignore[arg-type]
    return dict.fromkeys(accounts, exact_amounts(balances))  # type: ignore[arg-type]


def _balances(engine: Engine | CompiledEngine) -> dict[str, dict[str, tuple[Decimal, Decimal]]]:
    return {
        account: {
            asset: (from_atoms(balance.available_atoms), from_atoms(balance.frozen_atoms))
            for asset, balance in balances.items()
        }
        for account, balances in engine.all_balances().items()
    }


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for garbage cycles rarely: orders, fills and events form none, and there are very many of them."""
    before = gc.get_threshold()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)

"""Compiled strategies: njit functions inside the event loop, on the core that also runs live.

The market is matched by the same core and in the same order as in `Backtest`, so the same strategy has the
same orders and fills. Left to the plain way: several symbols or accounts, market orders, random latency,
delayed market data, and checks of funds, which are ample here.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np

from paper_bitmart.backtest import fast_arrays as at
from paper_bitmart.backtest.arguments import check_fees, check_queue_model
from paper_bitmart.backtest.backtest import DEFAULT_ACCOUNT, Progress
from paper_bitmart.backtest.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from paper_bitmart.backtest.fast_actions import IS_COMPILED, actions_of
from paper_bitmart.backtest.fast_loop import advance
from paper_bitmart.backtest.fast_run import CompiledRun, TooManyOrders
from paper_bitmart.backtest.money_units import Funds, MoneyUnits
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.step_matcher import lean
from paper_bitmart.backtest.strategy import WAKE_EVERY_NS
from paper_bitmart.backtest.tape import NEVER_NS, Data, TapeError, open_data
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import DEFAULT_FEES, FeeRates
from paper_bitmart.feed.events import EVENT_DTYPE
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

__all__ = ["FastBacktest", "StrategyFailed", "TooManyOrders", "hear_nothing"]

CHECKPOINT_KIND = "FastBacktest"
ALL_NEWS = 0b1111
"""The loop tells the strategy of every kind of news."""
NO_EVENTS = np.zeros(0, EVENT_DTYPE)
OnRows = Callable[[np.ndarray], None]


@lean
def hear_nothing(desk, book, memory, ticket, what, price, lots):  # type: ignore[no-untyped-def]
    """`on_news` of a strategy that reads what it needs from its desk."""


class StrategyFailed(RuntimeError):
    """An error ended a run amid the loop, so the market is past what the run has counted."""


class FastBacktest:
    """One symbol, one compiled strategy.

    Args:
        data, rules: see `open_data`; `symbol` chooses one of several.
        on_book: njit function (desk, book, memory), called at each wake-up after which the market moved.
        on_news: njit function (desk, book, memory, ticket, what, price, lots), called when news of an order
            arrive; `what` is one of fast_desk.ACCEPTED, FILLED, ENDED, REFUSED.
        memory: array of the strategy's own: parameters and state, changed in place; also an attribute.
        wake_every_ns: time between wake-ups, > 0.
        entry_ns, cancel_ns, response_ns: constant delays; cancel_ns is entry_ns if not given.

    Raises:
        TapeError: not exactly one symbol. ValueError: a negative delay, or no time between wake-ups.

    Cost: compiling a new pair of functions takes about half a second, once per process.
    """

    def __init__(
        self,
        data: Data,
        on_book: Callable[..., None],
        memory: np.ndarray,
        *,
        on_news: Callable[..., None] = hear_nothing,
        rules: Path | str | dict[str, SymbolRules] | None = None,
        symbol: str | None = None,
        wake_every_ns: int = WAKE_EVERY_NS,
        entry_ns: int = 0,
        cancel_ns: int | None = None,
        response_ns: int = 0,
        fees: FeeRates = DEFAULT_FEES,
        queue_model: QueueModel | str = DEFAULT_MODEL,
        name: str = "",
    ) -> None:
        queue_model, fees = check_queue_model(queue_model), check_fees(fees)
        tapes = open_data(data, rules, None if symbol is None else [symbol])
        if len(tapes) != 1:
            raise TapeError(f"a compiled strategy plays one symbol; choose one of {', '.join(tapes)}")
        cancel_ns = entry_ns if cancel_ns is None else cancel_ns
        if min(entry_ns, cancel_ns, response_ns) < 0 or wake_every_ns <= 0:
            raise ValueError("delays must be >= 0 and wake_every_ns > 0")
        self.name = name or getattr(on_book, "__name__", "compiled")
        self._tapes = tapes
        self._functions = on_book, on_news
        self.memory = memory
        self._elapsed_s = 0.0
        self._is_broken = False
        (tape,) = tapes.values()
        if not MoneyUnits.of(tape.rules).fits:
            raise TapeError(
                f"{tape.rules.symbol}: tick and lot are too fine for compiled money; use Backtest"
            )
        self._run = CompiledRun(
            tape,
            queue_model,
            delays=(entry_ns, cancel_ns, response_ns),
            wake_every_ns=wake_every_ns,
            rates=fees,
            funds=Funds(),
        )
        self._run.desk.scalars[at.WANTED] = 0 if on_news is hear_nothing else ALL_NEWS

    @property
    def now_ns(self) -> int:
        """Market time reached."""
        return self._run.now_ns

    @property
    def is_finished(self) -> bool:
        """The end of the data is reached."""
        (tape,) = self._tapes.values()
        return self._run.now_ns >= tape.last_ns

    def run(self, until_ns: int = NEVER_NS, progress: Callable[[Progress], None] | None = None) -> Results:
        """Play on, up to `until_ns` or the end of the data; may be called again to go on.

        Whatever the stops on the way, the results at the end are the same. `progress` is told after each
        chunk of the data and at the end.

        Raises:
            TooManyOrders, MoneyTooLarge: see there. VenueInconsistent: a defect of the exchange.
            TypeError: a strategy that is not njit, or a memory that is no array. What the strategy raises;
            StrategyFailed: an error has ended the run before.
        """
        self._check_whole()
        (tape,) = self._tapes.values()
        run, started_s = self._run, time.perf_counter() - self._elapsed_s

        def show(played: np.ndarray) -> None:
            if progress is not None:
                now_s = time.perf_counter() - started_s
                progress(Progress(run.now_ns, tape.first_ns, tape.last_ns, run.reader.done, now_s))

        end_ns = min(until_ns, tape.last_ns)
        if IS_COMPILED:
            self._play(end_ns, show)
        else:
            self._play_interpreted(end_ns, show)
        self._elapsed_s = time.perf_counter() - started_s
        show(NO_EVENTS)
        self._run.check_money()
        return self.results()

    def _play(self, end_ns: int, on_rows: OnRows) -> None:
        on_book, on_news = self._functions
        actions = actions_of(on_book, None if on_news is hear_nothing else on_news, self.memory)
        s, places = self._run.desk.scalars, [at.ON_BOOK, at.ON_NEWS, at.MEMORY]
        s[places] = actions.on_book, actions.on_news, actions.memory
        try:
            self._run.play(end_ns, advance, on_rows)
        except BaseException:
            self._is_broken = True
            raise
        finally:
            s[places] = 0

    def _check_whole(self) -> None:
        if self._is_broken:
            raise StrategyFailed(f"{self.name}: an error ended this run, it cannot go on; make a new one")

    def _play_interpreted(self, end_ns: int, on_rows: OnRows) -> None:
        """The same without compiled code: the loop returns where the strategy acts."""
        run, (on_book, on_news) = self._run, self._functions
        while (why := run.play(end_ns, advance, on_rows)) != at.DONE:
            desk, core, s = run.desk, run.core, run.desk.scalars
            s[at.IN_READ] = s[at.IN_HEAD]
            if why == at.WAKE:
                on_book(desk, core, self.memory)
            elif why == at.NEWS:
                news = desk.inbox[(s[at.IN_HEAD] - 1) % len(desk.inbox)]
                on_news(desk, core, self.memory, news["ticket"], news["what"], news["price"], news["lots"])

    def results(self) -> Results:
        """What has happened so far."""
        (tape,) = self._tapes.values()
        return Results(
            orders=self._run.orders(),
            fills=self._run.fills(),
            accounts=[DEFAULT_ACCOUNT],
            tapes=self._tapes,
            start_ns=tape.first_ns,
            end_ns=self._run.now_ns,
            events=self._run.reader.done,
            elapsed_s=self._elapsed_s,
            refused=self._run.refused,
            name=self.name,
        )

    def save(self, path: Path | str) -> None:
        """Write a checkpoint: book, orders, everything in flight, `memory`; not the data, nor the functions.

        Raises:
            OSError. StrategyFailed: as `run`.
        """
        self._check_whole()
        names = [_name_of(function) for function in self._functions]
        state = (names, self.name, self.memory, self._elapsed_s, self._run)
        write_checkpoint(path, CHECKPOINT_KIND, self._tapes, state)

    @classmethod
    def load(
        cls,
        path: Path | str,
        data: Data,
        on_book: Callable[..., None],
        *,
        on_news: Callable[..., None] = hear_nothing,
        rules: Path | str | dict[str, SymbolRules] | None = None,
        symbol: str | None = None,
    ) -> Self:
        """Go on from `save` with the same data and functions; `memory` is a new array with what was saved.

        Raises:
            CheckpointError: not a checkpoint of such a run, one of other data, or functions of other names.
        """
        loaded = cls.__new__(cls)
        loaded._tapes = open_data(data, rules, None if symbol is None else [symbol])
        state = read_checkpoint(path, CHECKPOINT_KIND, loaded._tapes)
        names, loaded.name, loaded.memory, loaded._elapsed_s, loaded._run = state
        (tape,) = loaded._tapes.values()
        loaded._run.reopen(tape)
        loaded._functions = on_book, on_news
        loaded._is_broken = False
        given = [_name_of(function) for function in loaded._functions]
        if given != names:
            raise CheckpointError(f"{path}: is of {', '.join(names)}, not of {', '.join(given)}")
        return loaded


def _name_of(function: Callable[..., None]) -> str:
    """Of an njit function, or of a plain one when nothing is compiled."""
    return str(getattr(function, "__name__", repr(function)))

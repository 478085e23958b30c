"""Compiled strategies: njit functions inside the event loop, on the core that also runs live.

The market is matched by the same core and in the same order as in `Backtest`, so the same strategy has the
same orders and fills. Left to the plain way: several symbols or accounts, market orders, random latency,
delayed market data, and checks of funds, which are ample here.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from paper_bitmart.backtest import fast_desk, fast_loop
from paper_bitmart.backtest.backtest import DEFAULT_ACCOUNT
from paper_bitmart.backtest.checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from paper_bitmart.backtest.fast_desk import LOG_DTYPE, new_desk, with_aligned_rows
from paper_bitmart.backtest.recorder import (
    BY_SYSTEM,
    CANCELED,
    FILLED,
    FILLS_DTYPE,
    OPEN,
    ORDERS_DTYPE,
)
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.step_matcher import StepMatcher, lean
from paper_bitmart.backtest.strategy import WAKE_EVERY_NS
from paper_bitmart.backtest.tape import NEVER_NS, Data, Tape, TapeError, open_data
from paper_bitmart.bitmart.decimals import ATOMS
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import DEFAULT_FEES, FEE_STEP_ATOMS, FeeRates, fee_atoms
from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST
from paper_bitmart.matching.core.book import count_levels
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel

LOTS_MAX = 2**62
CHECKPOINT_KIND = "FastBacktest"


class TooManyOrders(RuntimeError):
    """A compiled strategy has more orders open, or commands in flight, than its desk holds."""


@lean
def hear_nothing(desk, book, memory, ticket, what, price, lots):  # type: ignore[no-untyped-def]
    """`on_news` of a strategy that reads what it needs from its desk."""


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

    Cost: compiling the loop for a new pair of functions takes some ten seconds, once per process.
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
        queue_model: QueueModel = DEFAULT_MODEL,
        name: str = "",
    ) -> None:
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
        self._fees, self._elapsed_s = fees, 0.0
        (tape,) = tapes.values()
        self._runner = _Runner(queue_model, tape, (entry_ns, cancel_ns, response_ns), wake_every_ns)

    @property
    def now_ns(self) -> int:
        """Market time reached."""
        return self._runner.now_ns

    @property
    def is_finished(self) -> bool:
        """The end of the data is reached."""
        (tape,) = self._tapes.values()
        return self._runner.now_ns >= tape.last_ns

    def run(self, until_ns: int = NEVER_NS) -> Results:
        """Play on, up to `until_ns` or the end of the data; may be called again to go on.

        Whatever the stops on the way, the results at the end are the same.

        Raises:
            TooManyOrders: see there.
        """
        (tape,) = self._tapes.values()
        started_s = time.perf_counter()
        self._runner.play(tape, min(until_ns, tape.last_ns), *self._functions, self.memory)
        self._elapsed_s += time.perf_counter() - started_s
        return self.results()

    def results(self) -> Results:
        """What has happened so far."""
        (tape,) = self._tapes.values()
        log = np.concatenate([*self._runner.logs, np.zeros(0, LOG_DTYPE)])
        return Results(
            orders=_orders(log),
            fills=_fills(log, tape.rules, self._fees),
            accounts=[DEFAULT_ACCOUNT],
            tapes=self._tapes,
            start_ns=tape.first_ns,
            end_ns=self._runner.now_ns,
            events=self._runner.rows_done,
            elapsed_s=self._elapsed_s,
            refused=self._runner.refused,
            name=self.name,
        )

    def save(self, path: Path | str) -> None:
        """Write a checkpoint: book, orders, everything in flight, `memory`; not the data, nor the functions.

        Raises:
            OSError.
        """
        names = [_name_of(function) for function in self._functions]
        state = (names, self.name, self.memory, self._fees, self._elapsed_s, self._runner)
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
        names, loaded.name, loaded.memory, loaded._fees, loaded._elapsed_s, loaded._runner = state
        loaded._functions = on_book, on_news
        given = [_name_of(function) for function in loaded._functions]
        if given != names:
            raise CheckpointError(f"{path}: is of {', '.join(names)}, not of {', '.join(given)}")
        return loaded


class _Runner(StepMatcher):
    """Feeds chunks to the compiled loop, and gives it room when it asks."""

    def __init__(
        self, queue_model: QueueModel, tape: Tape, delays: tuple[int, int, int], wake_every_ns: int
    ) -> None:
        super().__init__(queue_model=queue_model)
        self._desk = new_desk()
        self.logs: list[np.ndarray] = []
        rules, scalars = tape.rules, self._desk.scalars
        scalars[[fast_desk.ENTRY_NS, fast_desk.CANCEL_NS, fast_desk.RESPONSE_NS]] = delays
        scalars[fast_desk.NOW_NS] = tape.first_ns
        scalars[fast_desk.WAKE_EVERY_NS] = wake_every_ns
        scalars[fast_desk.WAKE_NS] = tape.first_ns + wake_every_ns
        scalars[fast_desk.NEXT_ORDER_ID] = ORDER_ID_FIRST
        scalars[fast_desk.MIN_LOTS] = max(1, -(-rules.min_size // rules.lot))
        scalars[fast_desk.MAX_LOTS] = LOTS_MAX if rules.max_size is None else rules.max_size // rules.lot
        for place, least in (
            (fast_desk.MIN_BUY, rules.min_buy_notional),
            (fast_desk.MIN_SELL, rules.min_sell_notional),
        ):
            scalars[place] = -(-least // (rules.tick * rules.lot))

    def __setstate__(self, fields: dict[str, Any]) -> None:
        super().__setstate__(fields)
        self._desk = with_aligned_rows(self._desk)

    @property
    def now_ns(self) -> int:
        return int(self._desk.scalars[fast_desk.NOW_NS])

    @property
    def rows_done(self) -> int:
        return int(self._desk.scalars[fast_desk.ROWS_DONE])

    @property
    def refused(self) -> int:
        return int(self._desk.scalars[fast_desk.N_REFUSED])

    def play(
        self, tape: Tape, end_ns: int, on_book: Callable[..., None], on_news: Callable[..., None], memory: Any
    ) -> None:
        done = self.rows_done
        if done == tape.size:
            # Nothing is left but what may still be in flight at the very end, which `drive` has done.
            return
        for events in tape.chunks(done):
            done += len(events)
            start, why = 0, fast_loop.NEED_ROOM
            while why not in (fast_loop.NEED_CHUNK, fast_loop.DONE):
                start, why = fast_loop.drive(
                    self._state,
                    self._desk,
                    events,
                    start,
                    end_ns,
                    done == tape.size,
                    on_book,
                    on_news,
                    memory,
                )
                self._make_room(why)
            if why == fast_loop.DONE:
                break
        self._take_log()

    def _make_room(self, why: int) -> None:
        if why == fast_loop.TOO_MUCH:
            raise TooManyOrders(
                f"more than {fast_desk.TICKETS_MAX:,} open orders or {fast_desk.FLIGHT_MAX:,} in flight"
            )
        if why == fast_loop.NEED_ROOM:
            levels = max(int(count_levels(self._state, side)) for side in (0, 1)) + 1
            self._grow(levels=levels, account=0)
        if why == fast_loop.NEED_LOG:
            self._take_log()
            need = 2 * self._state.reports.shape[0]
            if need > len(self._desk.log):
                self._desk = self._desk._replace(log=np.zeros(2 * need, LOG_DTYPE))

    def _take_log(self) -> None:
        count = int(self._desk.scalars[fast_desk.N_LOG])
        self.logs.append(self._desk.log[:count].copy())
        self._desk.scalars[fast_desk.N_LOG] = 0


def _name_of(function: Callable[..., None]) -> str:
    """Of an njit function, or of a plain one when nothing is compiled."""
    return str(getattr(function, "__name__", repr(function)))


def _orders(log: np.ndarray) -> np.ndarray:
    """(n,) ORDERS_DTYPE from the log; order ids rise by one, so an id is a row."""
    accepted = log[log["what"] == fast_desk.ACCEPTED]
    orders = np.zeros(len(accepted), ORDERS_DTYPE)
    for ours, theirs in (
        ("order_id", "order_id"), ("side", "side"), ("type", "kind"), ("price_ticks", "price"),
        ("size_lots", "lots"), ("created_ns", "at_ns"), ("queue_ahead", "ahead_after"),
    ):  # fmt: skip
        orders[ours] = accepted[theirs]
    fills = log[log["what"] == fast_desk.FILLED]
    np.add.at(orders["filled_lots"], fills["order_id"] - ORDER_ID_FIRST, fills["lots"])
    orders["state"] = OPEN
    for ended, state in (
        (fills[fills["ends"] == 1], FILLED),
        (log[(log["what"] == fast_desk.ENDED) & (log["by_user"] == 1)], CANCELED),
        (log[(log["what"] == fast_desk.ENDED) & (log["by_user"] == 0)], BY_SYSTEM),
    ):
        rows = ended["order_id"] - ORDER_ID_FIRST
        orders["state"][rows], orders["closed_ns"][rows] = state, ended["at_ns"]
    return orders


def _fills(log: np.ndarray, rules: SymbolRules, rates: FeeRates) -> np.ndarray:
    """(n,) FILLS_DTYPE from the log; fees in exact integers as the venue reckons them."""
    rows = log[log["what"] == fast_desk.FILLED]
    fills = np.zeros(len(rows), FILLS_DTYPE)
    for ours, theirs in (
        ("at_ns", "at_ns"), ("exch_ns", "exch_ns"), ("order_id", "order_id"), ("side", "side"),
        ("role", "role"), ("evidence", "reason"), ("price_ticks", "price"), ("size_lots", "lots"),
        ("evidence_price_ticks", "evidence_price"), ("evidence_lots", "evidence_lots"),
        ("ahead_before", "ahead_before"), ("ahead_after", "ahead_after"),
    ):  # fmt: skip
        fills[ours] = rows[theirs]
    unit = rules.tick_atoms * rules.lot_atoms // ATOMS
    fills["fee_e8"] = [
        fee_atoms(ticks * lots * unit, rates[role]) // FEE_STEP_ATOMS
        for ticks, lots, role in zip(
            rows["price"].tolist(), rows["lots"].tolist(), rows["role"].tolist(), strict=True
        )
    ]
    return fills

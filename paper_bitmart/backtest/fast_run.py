"""One symbol's tape, core and desk, played by the compiled loop, which is given chunks and room as it asks.

TooManyOrders    more orders open, or commands in flight, than a compiled strategy's desk holds
MoneyTooLarge    an order, or what was earned, is beyond 64-bit money; plain strategies can run on the venue
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from paper_bitmart.backtest import fast_arrays as at
from paper_bitmart.backtest.fast_arrays import (
    copied_rows,
    grow_desk,
    grow_results,
    new_desk,
    with_aligned_rows,
)
from paper_bitmart.backtest.money_units import Funds, MoneyUnits
from paper_bitmart.backtest.step_matcher import StepMatcher
from paper_bitmart.backtest.tape import Tape, TapeReader
from paper_bitmart.exchange.checks import SymbolLimits
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.lifecycle import VenueInconsistent
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.feed.events import FeedState, Kind
from paper_bitmart.matching.core.book import count_levels
from paper_bitmart.matching.core.state import State, grow_pool, grow_rows
from paper_bitmart.matching.models import QueueModel

SOON_ROWS, ROOM = 4_096, 512
RETURNS = frozenset({at.DONE, at.WAKE, at.NEWS, at.TIMER, at.REFUSAL})

Step = Callable[..., tuple[int, int]]
"""(core state, desk, events, start, end_ns, is_last) -> (next event, why it stopped)."""


class TooManyOrders(RuntimeError):
    """A compiled strategy has more orders open, or commands in flight, than its desk holds."""


class MoneyTooLarge(OverflowError):
    """An amount of money does not fit the compiled desk."""


class CompiledRun(StepMatcher):
    """See the module.

    Args:
        delays: entry, cancel and response, ns.
        rates, funds: of the account; the rules must fit (`MoneyUnits.fits`, `Funds.fits`).
    """

    def __init__(
        self,
        tape: Tape,
        queue_model: QueueModel,
        *,
        delays: tuple[int, int, int],
        wake_every_ns: int,
        rates: FeeRates,
        funds: Funds,
    ) -> None:
        super().__init__(queue_model=queue_model)
        self.rules, self.funds, self.money = tape.rules, funds, MoneyUnits.of(tape.rules)
        self.limits = SymbolLimits(tape.rules)
        self._make_roomy()
        self.reader = TapeReader(tape)
        self.size = tape.size
        self.desk = new_desk()
        self._feed_state = FeedState.SYNCING
        s = self.desk.scalars
        s[[at.ENTRY_NS, at.CANCEL_NS, at.RESPONSE_NS]] = delays
        s[at.NOW_NS] = tape.first_ns
        s[at.WAKE_EVERY_NS], s[at.WAKE_NS] = wake_every_ns, tape.first_ns + wake_every_ns
        s[at.LIVE_MAX] = VenueSettings().open_orders_per_account_max
        s[[at.MAKER_PPM, at.TAKER_PPM]] = rates
        s[at.FEED_ROW] = at.FOREVER_NS
        self._set_limits(s)
        self._set_funds(s)
        self._look_for_feed()

    def _make_roomy(self) -> None:
        """Room for a few dozen orders from the start, so that the core is asked for room rarely."""
        grown = grow_rows(
            self._core, ROOM, "far_keys", "far_sizes", "scratch_keys", "scratch_sizes", "pending"
        )
        grown = grow_rows(grown, ROOM, "touched", "own_keys", "own_slots", "reports")
        for pool in ("orders", "own_levels", "taken"):
            grown = grow_pool(grown, pool, ROOM)
        self._core = grow_pool(grown, "guesses", 8 * ROOM)

    def _set_limits(self, s: np.ndarray) -> None:
        limits, tick_lot_atoms = self.limits, self.money.unit_atoms * self.money.per_tick_lot
        s[at.IS_TRADABLE] = self.rules.is_tradable
        s[at.MIN_LOTS], s[at.MAX_LOTS] = max(1, limits.min_lots), limits.max_lots
        for place, least_atoms in ((at.MIN_BUY, limits.min_buy_atoms), (at.MIN_SELL, limits.min_sell_atoms)):
            s[place] = min(-(-least_atoms // tick_lot_atoms), at.FOREVER_NS)

    def _set_funds(self, s: np.ndarray) -> None:
        s[[at.UNITS, at.FEE_STEP]] = self.money.per_tick_lot, self.money.per_fee_step
        s[at.IS_AMPLE] = self.funds.is_ample
        if self.funds.is_ample:
            s[[at.QUOTE_FREE, at.BASE_FREE]] = at.MONEY_MAX
        else:
            # What is less than a unit, or than a lot, cannot be frozen; it stays where it is.
            s[at.QUOTE_FREE] = self.funds.quote_atoms // self.money.unit_atoms
            s[at.BASE_FREE] = self.funds.base_atoms // self.rules.lot_atoms
        self._start = s[at.QUOTE_FREE].item(), s[at.BASE_FREE].item()

    @property
    def start(self) -> tuple[int, int]:
        """Money units and lots that the account was given."""
        return self._start

    def refund(self, funds: Funds) -> None:
        """The account was given `funds` in all: it has that much more, or less, than before.

        Raises:
            MoneyTooLarge: they do not fit; nothing has changed.
        """
        if not funds.fits(self.rules):
            raise MoneyTooLarge(f"{self.rules.symbol}: such a balance is too large for the compiled loop")
        quote, base = self._start
        self._start = funds.quote_atoms // self.money.unit_atoms, funds.base_atoms // self.rules.lot_atoms
        self.desk.scalars[at.QUOTE_FREE] += self._start[0] - quote
        self.desk.scalars[at.BASE_FREE] += self._start[1] - base

    def __getstate__(self) -> dict[str, Any]:
        self._leave(self.reader.chunk[: self.reader.start])
        return self.__dict__

    def __setstate__(self, fields: dict[str, Any]) -> None:
        super().__setstate__(fields)
        self.desk = with_aligned_rows(self.desk)

    # --- where it stands ---

    @property
    def now_ns(self) -> int:
        return int(self.desk.scalars[at.NOW_NS])

    @property
    def refused(self) -> int:
        return int(self.desk.scalars[at.N_REFUSED])

    @property
    def feed_state(self) -> FeedState:
        """As the venue would know it now."""
        reader = self.reader
        changes = np.flatnonzero(reader.chunk["kind"][: reader.start] == Kind.FEED_STATE)
        return FeedState(int(reader.chunk["size_lots"][changes[-1]])) if len(changes) else self._feed_state

    @property
    def last_price_ticks(self) -> int:
        """Of the latest print; 0 before the first."""
        reader = self.reader
        prints = np.flatnonzero(reader.chunk["kind"][: reader.start] == Kind.TRADE)
        if len(prints):
            return int(reader.chunk["price_ticks"][prints[-1]])
        return int(self.desk.scalars[at.LAST_PRICE])

    @property
    def best_keys(self) -> np.ndarray:
        """(2,) int64, the core's keys of the best bid and ask; stays in place."""
        return self._core.best

    @property
    def core(self) -> State:
        """The core's arrays, which are others after growth."""
        return self._core

    def resting(self, slot: int) -> np.void:
        """What the core knows of a resting order."""
        order: np.void = self._core.orders[slot]
        return order

    def has_filled(self, side: int) -> bool:
        """Was there any fill of a buy (0), of a sell (1)?"""
        return bool(np.any(self.desk.fills["side"][: self.desk.scalars[at.N_FILLS]] == side))

    def earned(self) -> tuple[int, int, int, int]:
        """Atoms of (quote available, quote frozen, base available, base frozen) above what there was."""
        s, unit, lot = self.desk.scalars.tolist(), self.money.unit_atoms, self.rules.lot_atoms
        quote, base = s[at.QUOTE_FREE] - self._start[0], s[at.BASE_FREE] - self._start[1]
        return quote * unit, s[at.QUOTE_HELD] * unit, base * lot, s[at.BASE_HELD] * lot

    # --- playing ---

    def play(self, end_ns: int, step: Step, on_rows: Callable[[np.ndarray], None] | None = None) -> int:
        """Go on up to `end_ns` or until somebody has to act; returns why, one of RETURNS.

        `on_rows` gets each stretch of played market events.

        Raises:
            TooManyOrders, MoneyTooLarge.
        """
        reader = self.reader
        while True:
            chunk, start = reader.chunk, reader.start
            is_last = reader.done + len(chunk) - start >= self.size
            end, why = step(self._core, self.desk, chunk, start, end_ns, is_last)
            reader.advance(end)
            if on_rows is not None and end > start:
                on_rows(chunk[start:end])
            if reader.chunk is not chunk:
                self._leave(chunk)
                self._look_for_feed()
            if why in RETURNS:
                return why
            self._make_room(why)

    def reopen(self, tape: Tape) -> None:
        """After a checkpoint was loaded: attach the tape again."""
        self.reader.reopen(tape)
        self._look_for_feed()

    def _leave(self, played: np.ndarray) -> None:
        """Keep what orders are checked against of rows that will not be at hand any more."""
        prints = np.flatnonzero(played["kind"] == Kind.TRADE)
        if len(prints):
            self.desk.scalars[at.LAST_PRICE] = played["price_ticks"][prints[-1]]
        changes = np.flatnonzero(played["kind"] == Kind.FEED_STATE)
        if len(changes):
            self._feed_state = FeedState(int(played["size_lots"][changes[-1]]))

    def _look_for_feed(self) -> None:
        """Until the source has said that its feed lives, the venue takes no orders."""
        s, reader = self.desk.scalars, self.reader
        if s[at.FEED_ROW] == at.FOREVER_NS:
            # Mostly among the first rows: the whole chunk is looked at only if it is not.
            for end in (reader.start + SOON_ROWS, len(reader.chunk)):
                changes = np.flatnonzero(reader.chunk["kind"][reader.start : end] == Kind.FEED_STATE)
                if len(changes):
                    s[at.FEED_ROW] = reader.done + changes[0]
                    return

    def _make_room(self, why: int) -> None:
        if why == at.TOO_MUCH:
            raise TooManyOrders(f"more than {len(self.desk.tickets):,} open orders, or commands in flight")
        if why == at.TOO_LARGE:
            raise MoneyTooLarge(
                f"{self.rules.symbol}: an order or the balance of {self.rules.quote} or {self.rules.base} is "
                "too large for the compiled loop; Backtest(..., engine='venue') has no such bound"
            )
        if why == at.NEED_ROOM:
            levels = max(int(count_levels(self._core, side)) for side in (0, 1)) + 1
            self._grow(levels=levels, account=0)
        if why == at.NEED_READER and not self._has_news_room():
            self.grow_desk()
        if why == at.NEED_RESULTS:
            self.desk = grow_results(self.desk, self._core.reports.shape[0])

    def grow_desk(self) -> None:
        """Make room for twice as many tickets, commands and news."""
        self.desk = grow_desk(self.desk)

    def _has_news_room(self) -> bool:
        s, desk = self.desk.scalars, self.desk
        return bool(s[at.IN_TAIL] - s[at.IN_READ] + self._core.reports.shape[0] + 2 <= len(desk.inbox))

    def check_money(self) -> None:
        """Compare the balances with the sum of the fills, and what is frozen with the open orders.

        Raises:
            VenueInconsistent: a defect of the compiled desk.
        """
        fills = self.desk.fills[: self.desk.scalars[at.N_FILLS]]
        bought = np.where(fills["side"] == 0, fills["size_lots"], -fills["size_lots"])
        base = exact_sum(bought)
        quote = -exact_sum(bought * fills["price_ticks"]) * self.money.per_tick_lot
        quote -= exact_sum(fills["fee_e8"]) * self.money.per_fee_step
        live = self.desk.tickets[self.desk.tickets["live"] == 1]
        frozen = [sum(live["hold"][live["side"] == side].tolist()) for side in (0, 1)]
        s = self.desk.scalars.tolist()
        expected = [
            self._start[0] + quote - frozen[0],
            frozen[0],
            self._start[1] + base - frozen[1],
            frozen[1],
        ]
        found = [s[at.QUOTE_FREE], s[at.QUOTE_HELD], s[at.BASE_FREE], s[at.BASE_HELD]]
        if found != expected or min(found) < 0:
            raise VenueInconsistent(f"balances are {found}, fills and open orders make {expected}")

    # --- what happened ---

    def orders(self) -> np.ndarray:
        """(n,) ORDERS_DTYPE in order of acceptance."""
        count = int(self.desk.scalars[at.N_ORDERS])
        return copied_rows(self.desk.orders[:count], count)

    def fills(self) -> np.ndarray:
        """(n,) FILLS_DTYPE in order of time."""
        count = int(self.desk.scalars[at.N_FILLS])
        return copied_rows(self.desk.fills[:count], count)


def exact_sum(values: np.ndarray) -> int:
    """Sum of (n,) int64 that may not fit 64 bits: the halves are summed apart. n < 2^31."""
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())

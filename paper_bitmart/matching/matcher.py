"""Matcher: the Python face of the compiled core, one per symbol."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass

import numpy as np

from paper_bitmart.feed.events import joined
from paper_bitmart.matching.core import arrivals, loop, own_orders, queue, state
from paper_bitmart.matching.core.book import count_levels
from paper_bitmart.matching.core.places import HALF
from paper_bitmart.matching.models import DEFAULT_MODEL, QueueModel
from paper_bitmart.matching.reports import REPORT_DTYPE

MAX_INT64 = MAX_NS = (1 << 63) - 1
WINDOW_TICKS = 16_384
"""Default width of the indexed window: BTC's 100 levels at a tick of 0.01 fit, at 290 kB a symbol."""
WAITING_MAX = 512
"""Events that are put off at most while no own order rests (20 kB a symbol)."""
NO_REPORTS = np.zeros(0, REPORT_DTYPE)


@dataclass(frozen=True, slots=True)
class QueueReport:
    """Where a resting order stands, in lots.

    `ahead` and `ahead_at_entry` are -1 when the source does not, or did not, publish that price.
    `fills_after_lots`: what must print at the price before the order fills: `ahead`, but for `places`, whose
    `ahead` is the mean of its places, the median place.
    """

    ahead: float
    fills_after_lots: float
    ahead_at_entry: float
    traded_ahead: float
    cancelled_ahead: float
    displayed_lots: int
    leaves_lots: int
    arrived_ns: int


class Matcher:
    """Matches one symbol's own orders against its market. Integers in, reports out; no clock, no names.

    Args:
        queue_model: how unexplained drops of a level are split between ahead and behind.
        window_ticks: width of the tick-indexed part of the book, a multiple of 64; speed only, never results.
        published_levels: levels a side that the source publishes (BitMart's increase100: 100); 0 = all.
    """

    def __init__(
        self,
        *,
        queue_model: QueueModel = DEFAULT_MODEL,
        window_ticks: int = WINDOW_TICKS,
        published_levels: int = 100,
    ) -> None:
        self.queue_model = queue_model
        self._slots: dict[int, int] = {}
        self._waiting: list[np.ndarray] = []
        self._waiting_events = 0
        self._is_quiet = True
        self._core = state.new_state(
            window_ticks=window_ticks,
            published_levels=published_levels,
            queue_model=queue_model.number,
            params=np.array(queue_model.params, np.float64),
        )
        self._core.scalars[state.CUSTOM_SHARE] = queue_model.address

    def process(self, events: np.ndarray, start: int = 0, until_ns: int = MAX_NS) -> int:
        """Apply events[start:] with recv_ns <= until_ns; returns the index of the first event not applied.

        `events`: (n,) EVENT_DTYPE of this symbol, ordered by recv_ns, not changed afterwards. Reports wait
        for drain().

        While no own order rests nothing can come of an event, so some are put off until somebody looks at the
        state: of a thousand symbols that are followed, few are traded (docs/decisions/0031).
        """
        if until_ns == MAX_NS and not self._slots:
            self._put_off(events[start:] if start else events)
            return len(events)
        return self._apply(self._state, events, start, until_ns)

    @property
    def _state(self) -> state.State:
        """The core's arrays, with everything applied that was put off."""
        self._is_quiet = False
        if self._waiting:
            waiting, self._waiting, self._waiting_events = self._waiting, [], 0
            self._apply(self._core, joined(waiting), 0, MAX_NS)
        return self._core

    def _put_off(self, events: np.ndarray) -> None:
        self._waiting.append(events)
        self._waiting_events += len(events)
        if self._waiting_events > WAITING_MAX:
            # To look is to catch up.
            _ = self._state

    def _apply(self, st: state.State, events: np.ndarray, start: int, until_ns: int) -> int:
        n = len(events)
        while True:
            start = loop.apply_events(st, events, start, until_ns)
            if start >= n or events[start]["recv_ns"] > until_ns:
                return start
            self._grow()
            st = self._core

    def place(
        self,
        order_id: int,
        account: int,
        side: int,
        order_type: int,
        price_ticks: int,
        size_lots: int,
        budget: int,
        stp: int,
        at_ns: int,
    ) -> None:
        """An order, already checked, arrives at `at_ns`; what becomes of it waits in drain().

        order_type: 0 limit, 1 limit_maker, 2 ioc, 3 market. budget: for a market buy (size_lots = 0) the most
        tick*lots to spend, else 0. stp: 0 none, 1 cancel_maker, 2 cancel_taker, 3 cancel_both. Ids must be
        unique; accounts are small non-negative ints.

        Raises:
            OverflowError: a number does not fit int64; nothing was done.
        """
        # A first call of the core would be compiled for such a number instead of refusing it.
        numbers = (order_id, price_ticks, size_lots, budget)
        if max(numbers) > MAX_INT64 or min(numbers) < -MAX_INT64:
            raise OverflowError(f"order {order_id}: id, price, size and budget must fit int64")
        order = (order_id, account, side, order_type, price_ticks, size_lots, budget, stp, at_ns)
        slot = arrivals.arrive_if_room(self._state, *order)
        while slot == arrivals.NO_ROOM:
            self._grow(levels=int(count_levels(self._state, 1 - side)) + 1, account=account)
            slot = arrivals.arrive_if_room(self._state, *order)
        if slot >= 0:
            self._slots[order_id] = slot

    def cancel(self, order_id: int, at_ns: int) -> int:
        """Take a resting order off; returns its leaves in lots, -1 if it does not rest."""
        slot = self._slot(order_id)
        if slot < 0:
            return -1
        leaves = self._state.orders["leaves"].item(slot)
        own_orders.remove_order(self._state, slot)
        del self._slots[order_id]
        return leaves

    def restore_order(
        self,
        order_id: int,
        account: int,
        side: int,
        price_ticks: int,
        leaves_lots: int,
        queue_ahead: float,
        at_ns: int,
    ) -> None:
        """Put back an order that rested before a crash, with the queue position last known; no report."""
        self._grow(levels=1, account=account)
        exch_ns = at_ns - int(self._state.scalars[state.CLOCK_OFFSET_NS])
        self._slots[order_id] = own_orders.put_back(
            self._state, side, price_ticks, order_id, account, leaves_lots, queue_ahead, at_ns, exch_ns
        )

    def drain(self) -> np.ndarray:
        """Reports since the last call, (n,) REPORT_DTYPE in time order; empties the buffer."""
        if self._is_quiet:
            # Nobody has touched the core since the last time: of many symbols its memory is cold.
            return NO_REPORTS
        self._is_quiet = True
        # Not `_state`: what was put off has no reports.
        n = int(self._core.scalars[state.N_REPORTS])
        if n == 0:
            return NO_REPORTS
        # Through bytes, because numpy's own copy of a few records costs ten times as much.
        buffer = self._core.reports
        reports = np.frombuffer(buffer[:n].tobytes(), buffer.dtype)
        self._core.scalars[state.N_REPORTS] = 0
        for order_id, leaves in zip(
            reports["order_id"].tolist(), reports["leaves_lots"].tolist(), strict=True
        ):
            if not leaves:
                self._slots.pop(order_id, None)
        return reports

    def queue_ahead(self, order_id: int) -> float:
        """Estimated lots of others ahead of a resting order; -1.0 if it does not rest or nobody can know."""
        slot = self._slot(order_id)
        if slot < 0:
            return -1.0
        return _known(self._state.orders[slot]["ahead"])

    def explain(self, order_id: int) -> QueueReport | None:
        """What the core knows of a resting order's queue; None if it does not rest."""
        slot = self._slot(order_id)
        if slot < 0:
            return None
        order = self._state.orders[slot]
        level = self._state.own_levels[order["own_level"]]
        return QueueReport(
            ahead=_known(order["ahead"]),
            fills_after_lots=self._fills_after_lots(slot),
            ahead_at_entry=_known(order["ahead_at_entry"]),
            traded_ahead=float(order["traded_ahead"]),
            cancelled_ahead=float(order["cancelled_ahead"]),
            displayed_lots=int(level["known_lots"]),
            leaves_lots=int(order["leaves"]),
            arrived_ns=int(order["arrived_ns"]),
        )

    def _fills_after_lots(self, slot: int) -> float:
        order = self._state.orders[slot]
        if self.queue_model.number != queue.PLACES_MODEL or order["ahead"] >= state.UNKNOWN_AHEAD:
            return _known(order["ahead"])
        places = slice(int(order["n_places"]))
        by_lots = np.argsort(self._state.place_lots[places, slot], kind="stable")
        weights = np.cumsum(self._state.place_weight[places, slot][by_lots])
        median = by_lots[np.searchsorted(weights, HALF * weights[-1])]
        return max(0.0, float(self._state.place_lots[median, slot] - order["window_lots"]))

    def dump(self) -> bytes:
        """The whole state, bit exact, for a checkpoint; equal states give equal bytes."""
        slots = np.array(sorted(self._slots.items()), np.int64).reshape(-1, 2)
        buffer = io.BytesIO()
        scalars = self._state.scalars.copy()
        scalars[state.CUSTOM_SHARE] = 0
        kept = state.with_packed_log(self._state)._replace(scalars=scalars)
        for array in (*kept, slots):
            np.lib.format.write_array(buffer, _without_padding(array), allow_pickle=False)
        return zlib.compress(buffer.getvalue(), 1)

    @classmethod
    def load(cls, blob: bytes, *, queue_model: QueueModel = DEFAULT_MODEL) -> Matcher:
        """A matcher as dump() left it.

        Raises:
            ValueError: another version of the program dumped it, or `queue_model` is not the one of then.
        """
        buffer = io.BytesIO(zlib.decompress(blob))
        try:
            arrays = [np.lib.format.read_array(buffer) for _ in range(len(state.State._fields) + 1)]
        except ValueError as error:
            raise ValueError("its matchers are of another version of this program") from error
        matcher = cls.__new__(cls)
        matcher._core = state.with_unpacked_log(state.with_aligned_records(state.State(*arrays[:-1])))
        matcher._waiting, matcher._waiting_events, matcher._is_quiet = [], 0, False
        matcher._slots = {int(order_id): int(slot) for order_id, slot in arrays[-1]}
        scalars, params = matcher._state.scalars, matcher._state.params
        if int(scalars[state.QUEUE_MODEL]) != queue_model.number or tuple(params) != queue_model.params:
            raise ValueError(f"checkpoint was made with another queue model than {queue_model.name}")
        scalars[state.CUSTOM_SHARE] = queue_model.address
        matcher.queue_model = queue_model
        return matcher

    def _slot(self, order_id: int) -> int:
        slot = self._slots.get(order_id, -1)
        if slot >= 0:
            orders = self._state.orders
            if orders["active"].item(slot) and orders["order_id"].item(slot) == order_id:
                return slot
        return -1

    def _grow(self, *, levels: int = 1, account: int = -1) -> None:
        """Make room for whatever one event, or one order that crosses `levels` levels, may need.

        At least what has_room() and has_room_for_order() ask for.
        """
        st = self._core
        scalars = st.scalars
        active = int(scalars[state.N_ACTIVE]) + 1
        own = int(st.n_own.sum()) + levels + 1
        need = {
            "pending": int(scalars[state.N_PENDING]) + 1,
            "reports": int(scalars[state.N_REPORTS]) + 3 * active + levels,
            "own_keys": own,
            "own_slots": own,
            "touched": own,
            "far_keys": int(max(count_levels(st, 0), count_levels(st, 1))) + 1,
            "account_stamp": account + 1,
            "account_spent": account + 1,
        }
        need["far_sizes"] = need["scratch_keys"] = need["scratch_sizes"] = need["far_keys"]
        pools = {
            "orders": active,
            "own_levels": own,
            "taken": int(scalars[state.N_TAKEN]) + active + levels,
            "guesses": int(scalars[state.N_GUESSES]) + own + levels + state.LOG_ROWS + 1,
        }
        for name, size in need.items():
            if getattr(st, name).shape[-1] <= size:
                st = state.grow_rows(st, 2 * size, name)
        for name, size in pools.items():
            if len(getattr(st, name)) <= size:
                st = state.grow_pool(st, name, 2 * size)
        self._core = st


def _known(ahead: float) -> float:
    """A queue position for the outside: -1.0 when nobody can know it."""
    return -1.0 if ahead >= state.UNKNOWN_AHEAD else float(ahead)


def _without_padding(array: np.ndarray) -> np.ndarray:
    """The same records field beside field: the bytes between aligned fields mean nothing."""
    if array.dtype.names is None:
        return array
    return state.copied_by_field(array, np.dtype([(name, array.dtype[name]) for name in array.dtype.names]))

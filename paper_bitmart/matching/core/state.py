"""State of one symbol: a NamedTuple of arrays, so that compiled code caches on disk.

Prices are compared as **keys**: key = price for bids, -price for asks. A larger key is a better price on
either side, and an order of side s with key k crosses the opposite best key b exactly when k + b >= 0.
"""

from typing import NamedTuple

import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE
from paper_bitmart.matching.core.compiled import inlined
from paper_bitmart.matching.reports import REPORT_DTYPE

NO_KEY = -(1 << 62)
"""Key of 'no price': worse than any."""
BLOCK_BITS = 6
BLOCK = 1 << BLOCK_BITS
"""Ticks per block of the window's occupancy counts."""
UNKNOWN_AHEAD = float(1 << 52)
"""Queue ahead of an order at a price that the source does not publish."""
GRAIN = float(1 << 20)
"""Queue positions are multiples of 1/GRAIN lot, so that the last bit of a logarithm never decides a fill."""

# Indices into State.scalars.
BASE_TICK = 0  # price of window index 0
LAST_DEPTH_NS = 1  # exchange time of the last depth message
PREV_DEPTH_NS = 2  # and of the one before it
CLOCK_OFFSET_NS = 3  # least (receive - exchange) seen: clock difference plus least delay
IN_MESSAGE = 4  # 1 while inside a depth message
FEED_LIVE = 5  # 1 while the source says the book is whole
N_PENDING = 6  # prints that no depth message includes yet
FREE_ORDER = 7  # head of the free list of order slots, -1 = none
FREE_OWN_LEVEL = 8
FREE_TAKEN = 9
N_REPORTS = 10
N_TOUCHED = 11
N_ACTIVE = 12  # resting own orders
PRINT_STAMP = 13  # numbers prints, to reset the accounts' budgets lazily
PUBLISHED_LEVELS = 14  # levels a side that the source publishes, 0 = all
QUEUE_MODEL = 15
LAST_RECV_NS = 16
IN_SNAPSHOT = 17
N_TAKEN = 18
FREE_GUESS = 19
N_GUESSES = 20
PUBLISH_NS = 21  # least time between two depth messages: how long changes may wait to be published
CUSTOM_SHARE = 22  # address of a user's own queue model, 0 = none; means nothing in another process
N_SCALARS = 24
WATCHED = 64
"""Watched prices a side, by the last bits of the price (watched.py); a power of 2."""
NO_PRICE = -1
"""Price of a slot in which no level is watched."""
SECOND_NS = 1_000_000_000
LOG_FULL, LOG_ROWS = 32, 40
"""Rows of a watched level's log at which it is played; rows that there are, since prints may come after."""
PLACES_MAX = 12
"""Places in the queue that an order may have, at most (places.py)."""

ORDER_DTYPE = np.dtype(
    [
        ("order_id", np.int64),
        ("price", np.int64),
        ("leaves", np.int64),
        ("arrived_ns", np.int64),
        ("arrived_exch_ns", np.int64),
        ("ahead", np.float64),
        ("ahead_at_entry", np.float64),
        ("traded_ahead", np.float64),
        ("cancelled_ahead", np.float64),
        ("last_cancelled_ahead", np.float64),
        ("joined_stamp", np.int64),
        ("joined_ns", np.int64),
        ("window_lots", np.int64),
        ("window_early_lots", np.int64),
        ("window_filled", np.int64),
        ("account", np.int32),
        ("next", np.int32),
        ("prev", np.int32),
        ("own_level", np.int32),
        ("n_places", np.int32),
        ("side", np.int8),
        ("active", np.int8),
    ],
    align=True,
)
"""A resting order. joined_ns: venue time of the depth message that it found. Of the prints at its price that
no message includes yet: window_lots, of which window_early_lots happened before it arrived, and window_filled
what they filled of it (model `places`)."""
OWN_LEVEL_DTYPE = np.dtype(
    [
        ("key", np.int64),
        ("known_lots", np.int64),
        ("included_lots", np.int64),
        ("unexplained_lots", np.int64),
        ("next_stamp", np.int64),
        ("oldest", np.int32),
        ("newest", np.int32),
        ("n_guesses", np.int32),
        ("head", np.int32),
        ("tail", np.int32),
        ("taken_head", np.int32),
        ("side", np.int8),
        ("left_window", np.int8),
        ("touched", np.int8),
    ],
    align=True,
)
"""A price at which an account rests or has used displayed size.

known_lots: displayed size as last published. included_lots: prints that the depth message being applied
includes. unexplained_lots: drop of the last message that no print explained (yet)."""
GUESS_DTYPE = np.dtype(
    [
        ("lots", np.int64),
        ("stamp", np.int64),
        ("born_ns", np.int64),
        ("alive", np.float64),
        ("next", np.int32),
        ("prev", np.int32),
    ],
    align=True,
)
"""A guessed order of somebody else at an own level, in queue order (`next` is younger, stamps rise).

Stamp 0: what stood there when the level was first looked at. born_ns: venue time of the message that showed
it. alive: probability that it still stands (model `places`; 1 otherwise)."""
WATCHED_DTYPE = np.dtype(
    [
        ("price", np.int64),
        ("known_lots", np.int64),
        ("included_lots", np.int64),
        ("included_ns", np.int64),
        ("next_stamp", np.int64),
        ("oldest", np.int32),
        ("newest", np.int32),
        ("n_guesses", np.int32),
        ("n_rows", np.int32),
    ],
    align=True,
)
"""A watched level. Its list of guessed orders is of the time when it showed known_lots, before the n_rows of
log that came since; prints of included_ns that the list has not traded yet: included_lots."""
LOG_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("lots", np.int64),
        ("publish_ns", np.int32),
        ("is_print", np.int8),
        ("is_touch", np.int8),
    ],
    align=True,
)
"""What the depth message of at_ns says of a watched level: its size, or the prints there that it includes.
publish_ns: State.scalars[PUBLISH_NS] then, at most a second."""
TAKEN_DTYPE = np.dtype([("lots", np.int64), ("account", np.int32), ("next", np.int32)], align=True)
"""Displayed lots of one own level that one account has used up."""
PENDING_DTYPE = np.dtype(
    [("exch_ns", np.int64), ("key", np.int64), ("lots", np.int64), ("side", np.int8)], align=True
)
"""A print that hit `side` and is not yet in any depth message."""


class State(NamedTuple):
    """All arrays of one symbol. W = window width in ticks; side is the first axis where there is one.

    sizes (2, W) int64, occupied (2, W / 64) int32, own_here (2, W) uint8: the tick-indexed window.
    far_keys, far_sizes (2, F), n_far (2,): levels outside the window, keys ascending (best last).
    best (2,): best key of each side, window and far together.
    place_lots, place_weight (PLACES_MAX, O): the places that each order slot may have (places.py).
    watched (2 * WATCHED,), watch_log (2 * WATCHED, LOG_ROWS): levels near the market (watched.py).
    own_keys (2, L), own_slots (2, L), n_own (2,): prices with own interest, keys ascending (best last).
    """

    scalars: np.ndarray
    params: np.ndarray
    best: np.ndarray
    sizes: np.ndarray
    occupied: np.ndarray
    own_here: np.ndarray
    n_far: np.ndarray
    far_keys: np.ndarray
    far_sizes: np.ndarray
    n_own: np.ndarray
    own_keys: np.ndarray
    own_slots: np.ndarray
    own_levels: np.ndarray
    orders: np.ndarray
    taken: np.ndarray
    guesses: np.ndarray
    pending: np.ndarray
    touched: np.ndarray
    account_stamp: np.ndarray
    account_spent: np.ndarray
    reports: np.ndarray
    watched: np.ndarray
    watch_log: np.ndarray
    scratch_event: np.ndarray
    scratch_keys: np.ndarray
    scratch_sizes: np.ndarray
    scratch_places: np.ndarray
    scratch_hazards: np.ndarray
    place_lots: np.ndarray
    place_weight: np.ndarray


def new_state(*, window_ticks: int, published_levels: int, queue_model: int, params: np.ndarray) -> State:
    """An empty book. `window_ticks` must be a multiple of 64."""
    if window_ticks <= 0 or window_ticks % BLOCK:
        raise ValueError(f"window_ticks must be a positive multiple of {BLOCK}, not {window_ticks}")
    scalars = np.zeros(N_SCALARS, np.int64)
    for head, _ in POOLS.values():
        scalars[head] = -1
    scalars[LAST_DEPTH_NS] = scalars[PREV_DEPTH_NS] = NO_KEY
    scalars[CLOCK_OFFSET_NS] = scalars[PUBLISH_NS] = -NO_KEY
    scalars[PUBLISHED_LEVELS] = published_levels
    scalars[QUEUE_MODEL] = queue_model
    scalars[FEED_LIVE] = 1
    state = State(
        scalars=scalars,
        params=np.array(params, np.float64),
        best=np.full(2, NO_KEY, np.int64),
        sizes=np.zeros((2, window_ticks), np.int64),
        occupied=np.zeros((2, window_ticks // BLOCK), np.int32),
        own_here=np.zeros((2, window_ticks), np.uint8),
        n_far=np.zeros(2, np.int64),
        far_keys=np.zeros((2, 128), np.int64),
        far_sizes=np.zeros((2, 128), np.int64),
        n_own=np.zeros(2, np.int64),
        own_keys=np.zeros((2, 16), np.int64),
        own_slots=np.zeros((2, 16), np.int32),
        own_levels=np.zeros(0, OWN_LEVEL_DTYPE),
        orders=np.zeros(0, ORDER_DTYPE),
        taken=np.zeros(0, TAKEN_DTYPE),
        guesses=np.zeros(0, GUESS_DTYPE),
        pending=np.zeros(64, PENDING_DTYPE),
        touched=np.zeros(64, np.int32),
        account_stamp=np.zeros(8, np.int64),
        account_spent=np.zeros(8, np.int64),
        reports=np.zeros(256, REPORT_DTYPE),
        watched=unwatched(),
        watch_log=np.zeros((2 * WATCHED, LOG_ROWS), LOG_DTYPE),
        scratch_event=np.zeros(1, EVENT_DTYPE),
        scratch_keys=np.zeros(128, np.int64),
        scratch_sizes=np.zeros(128, np.int64),
        scratch_places=np.zeros((2, 2 * PLACES_MAX + 2), np.float64),
        scratch_hazards=np.zeros(6, np.float64),
        place_lots=np.zeros((PLACES_MAX, 0), np.float64),
        place_weight=np.zeros((PLACES_MAX, 0), np.float64),
    )
    for name in POOLS:
        state = grow_pool(state, name, 16)
    return state


def unwatched() -> np.ndarray:
    """Slots of watched levels, none in use."""
    watched = np.zeros(2 * WATCHED, WATCHED_DTYPE)
    watched["price"] = NO_PRICE
    watched["oldest"] = watched["newest"] = -1
    watched["next_stamp"] = 1
    return watched


POOLS = {
    "orders": (FREE_ORDER, "next"),
    "own_levels": (FREE_OWN_LEVEL, "head"),
    "taken": (FREE_TAKEN, "next"),
    "guesses": (FREE_GUESS, "next"),
}
"""Arrays of slots with a free list: the scalar that holds its head, the field that links it."""


def grow_pool(state: State, name: str, size: int) -> State:
    """The same state with pool `name` enlarged to `size` slots, the new ones on its free list."""
    head, link = POOLS[name]
    old = getattr(state, name)
    new = np.zeros(size, old.dtype)
    new[: len(old)] = old
    new[link][len(old) :] = np.arange(len(old) + 1, size + 1)
    new[link][size - 1] = state.scalars[head]
    state.scalars[head] = len(old)
    if name == "orders":
        state = grow_rows(state, size, "place_lots", "place_weight")
    return state._replace(**{name: new})


RECORDS = {
    "own_levels": OWN_LEVEL_DTYPE,
    "orders": ORDER_DTYPE,
    "taken": TAKEN_DTYPE,
    "guesses": GUESS_DTYPE,
    "pending": PENDING_DTYPE,
    "reports": REPORT_DTYPE,
    "watched": WATCHED_DTYPE,
    "watch_log": LOG_DTYPE,
    "scratch_event": EVENT_DTYPE,
}
"""Arrays of records and their layouts, as the compiled core knows them."""


def with_aligned_records(state: State) -> State:
    """The same state with its records laid out as the core expects, however they were stored."""
    return state._replace(
        **{name: copied_by_field(getattr(state, name), dtype) for name, dtype in RECORDS.items()}
    )


def copied_by_field(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """A copy of an array of records in another layout of the same fields; bytes between fields are 0."""
    copy = np.zeros(array.shape, dtype)
    for name in dtype.names or ():
        copy[name] = array[name]
    return copy


def with_packed_log(state: State) -> State:
    """The same state with watch_log as one row after the other, of those in use only: for a checkpoint."""
    return state._replace(watch_log=state.watch_log[_in_use(state)])


def with_unpacked_log(state: State) -> State:
    """The reverse of `with_packed_log`."""
    log = np.zeros((2 * WATCHED, LOG_ROWS), LOG_DTYPE)
    log[_in_use(state)] = state.watch_log
    return state._replace(watch_log=log)


def _in_use(state: State) -> np.ndarray:
    used: np.ndarray = np.arange(LOG_ROWS) < state.watched["n_rows"][:, np.newaxis]
    return used


def grow_rows(state: State, size: int, *names: str) -> State:
    """The same state with the last axis of the named arrays enlarged to `size`."""
    grown = {}
    for name in names:
        old = getattr(state, name)
        new = np.zeros((*old.shape[:-1], size), old.dtype)
        new[..., : old.shape[-1]] = old
        grown[name] = new
    return state._replace(**grown)


@inlined
def key_of(side, price):
    """Key of a price: larger is better."""
    return price if side == 0 else -price


@inlined
def snap(lots):
    """Round a queue position to the grain."""
    return np.rint(lots * GRAIN) / GRAIN

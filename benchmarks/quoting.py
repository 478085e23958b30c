"""The two-sided quoting load as a compiled strategy inside the core's own event loop."""

from pathlib import Path

import numpy as np
from numba import njit

from paper_bitmart.backtest.step_matcher import lean_inlined
from paper_bitmart.matching.core import arrivals, loop, own_orders
from paper_bitmart.matching.core.compiled import SOURCES_STAMP
from paper_bitmart.matching.core.state import N_REPORTS, State, grow_pool, grow_rows, new_state
from paper_bitmart.matching.models import QueueModel

LIMIT_MAKER, FILL = 1, 1

play = lean_inlined(getattr(loop.apply_events, "py_func", loop.apply_events))
"""Inlined, as in the loop of compiled backtests: a call would hand over the State by value."""


def roomy_state(model: QueueModel, window_ticks: int) -> State:
    """A state with room for this strategy's two orders, so that its loop never stops for growth."""
    state = new_state(
        window_ticks=window_ticks,
        published_levels=100,
        queue_model=model.number,
        params=np.array(model.params),
    )
    state = grow_rows(state, 4096, "far_keys", "far_sizes", "scratch_keys", "scratch_sizes", "reports")
    state = grow_rows(state, 4096, "pending", "touched", "own_keys", "own_slots")
    for pool in ("orders", "own_levels", "taken", "guesses"):
        state = grow_pool(state, pool, 16_384)
    return state


def quote(st, events, step_ns, latency_ns, size_lots):
    """Each step cancel and replace one bid and one ask at the touch, post-only.

    The touch is read at the step's time, the cancels and orders meet the book `latency_ns` later.
    Returns (events applied, fills, lots bought - lots sold, tick*lots earned by that); the first is
    less than len(events) only if an array was too small.
    """
    n = len(events)
    i, now_ns, order_id = 0, events[0]["recv_ns"] + step_ns, 0
    bid_slot = ask_slot = -1
    fills = position = cash = 0
    while i < n:
        i = play(st, events, i, now_ns)
        bid_ticks, ask_ticks = st.best[0], -st.best[1]
        i = play(st, events, i, now_ns + latency_ns)
        if i < n and events[i]["recv_ns"] <= now_ns + latency_ns:
            break
        for side in range(2):
            slot = ask_slot if side else bid_slot
            if slot >= 0 and st.orders[slot]["active"] and st.orders[slot]["order_id"] == order_id - 1 + side:
                own_orders.remove_order(st, slot)
        order_id += 2
        at_ns = now_ns + latency_ns
        bid_slot = arrivals.arrive(st, order_id - 1, 0, 0, LIMIT_MAKER, bid_ticks, size_lots, 0, 0, at_ns)
        ask_slot = arrivals.arrive(st, order_id, 0, 1, LIMIT_MAKER, ask_ticks, size_lots, 0, 0, at_ns)
        for k in range(st.scalars[N_REPORTS]):
            report = st.reports[k]
            if report["kind"] == FILL:
                # Odd ids buy, even ids sell.
                sign = 1 if report["order_id"] % 2 else -1
                fills += 1
                position += sign * report["size_lots"]
                cash -= sign * report["size_lots"] * report["price_ticks"]
        st.scalars[N_REPORTS] = 0
        now_ns += step_ns
    return i, fills, position, cash


def _compiled(function):
    """As the core's own @entry_point, with a cache that also notices a change in this file.

    _nrt=False: nothing is allocated, so numba need not count references to the State's arrays at every call.
    """
    dispatcher = njit(cache=True, _nrt=False)(function)
    if dispatcher is not function:  # it is when not compiling at all
        dispatcher._cache._cache_file._source_stamp = SOURCES_STAMP + Path(__file__).read_text()
    return dispatcher


quote = _compiled(quote)

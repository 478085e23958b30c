"""The event loop: market events in, book and own orders up to date, reports out."""

from paper_bitmart.matching.core.book import clear_book, count_levels, recenter, set_level, wants_recenter
from paper_bitmart.matching.core.compiled import compiled, entry_point, inlined
from paper_bitmart.matching.core.depth import apply_level, begin_message, end_message, end_snapshot
from paper_bitmart.matching.core.fills import fill_by_quote
from paper_bitmart.matching.core.prints import apply_trade
from paper_bitmart.matching.core.state import (
    CLOCK_OFFSET_NS,
    FEED_LIVE,
    IN_MESSAGE,
    IN_SNAPSHOT,
    LAST_DEPTH_NS,
    LAST_RECV_NS,
    LOG_ROWS,
    N_ACTIVE,
    N_GUESSES,
    N_PENDING,
    N_REPORTS,
    N_TAKEN,
    PREV_DEPTH_NS,
    key_of,
)
from paper_bitmart.matching.reports import Evidence

LEVEL, DEPTH_MARK, SNAPSHOT_BEGIN, SNAPSHOT_END, TRADE, BBO, FEED_STATE = 0, 1, 2, 3, 4, 5, 6
LAST = 1
LIVE = 1
DRIFT = 50_000
"""The least delay may grow by 1 ns in 50,000 (20 ppm): clocks drift."""
OPPOSITE_QUOTE = int(Evidence.OPPOSITE_QUOTE)
SPARE_ROWS = 32
"""Rows of the far arrays that a recentering leaves free: room may be looked for once for so many events."""


@entry_point
def apply_events(st, events, start, until_ns):
    """Apply events[start:] received up to `until_ns`.

    Returns the index of the first event not applied: the end, the first later event, or, when has_room() is
    then false, one for which an array must grow first.
    """
    n = len(events)
    for i in range(start, n):
        event = events[i]
        if event["recv_ns"] > until_ns or not has_room(st):
            return i
        apply_event(st, event)
    return n


@inlined
def has_room(st):
    """Is there room in every array for whatever the next event may need?"""
    active = st.scalars[N_ACTIVE]
    own = st.n_own[0] + st.n_own[1]
    return (
        st.far_keys.shape[1] > max(st.n_far[0], st.n_far[1])
        and st.pending.shape[0] > st.scalars[N_PENDING]
        and st.reports.shape[0] > st.scalars[N_REPORTS] + active
        and st.guesses.shape[0] > st.scalars[N_GUESSES] + own + LOG_ROWS + 1
        and (
            own == 0
            or (
                st.own_levels.shape[0] > own + 1
                and st.own_keys.shape[1] > own + 1
                and st.touched.shape[0] > own + 1
                and st.taken.shape[0] > st.scalars[N_TAKEN] + active
            )
        )
    )


@inlined
def apply_event(st, event):
    """Apply one event. Order at equal times: as the array has them."""
    kind = event["kind"]
    if kind == LEVEL:
        apply_level_event(st, event)
        return
    note_clock(st, event)
    if kind == TRADE:
        if st.scalars[FEED_LIVE]:
            apply_trade(st, event)
    elif kind == BBO:
        apply_best(st, event)
    elif kind == DEPTH_MARK:
        begin_message(st, event["exch_ns"])
        close_message(st, event)
    elif kind == SNAPSHOT_BEGIN:
        clear_book(st)
        st.scalars[IN_SNAPSHOT] = 1
    elif kind == SNAPSHOT_END:
        st.scalars[IN_SNAPSHOT] = 0
        st.scalars[PREV_DEPTH_NS] = st.scalars[LAST_DEPTH_NS] = event["exch_ns"]
        end_snapshot(st, event)
        recenter_if_roomy(st)
    elif kind == FEED_STATE:
        st.scalars[FEED_LIVE] = 1 if event["size_lots"] == LIVE else 0


@inlined
def apply_level_event(st, event):
    """A level of a snapshot or of a depth message; the first of a message opens it, the last closes it."""
    if st.scalars[IN_SNAPSHOT]:
        set_level(st, event["side"], event["price_ticks"], event["size_lots"])
        return
    if st.scalars[IN_MESSAGE] == 0:
        # All levels of a message carry its times: noting them once is enough.
        note_clock(st, event)
        begin_message(st, event["exch_ns"])
        st.scalars[IN_MESSAGE] = 1
    apply_level(st, event)
    if event["flags"] & LAST:
        close_message(st, event)


@inlined
def note_clock(st, event):
    """Track the least receive minus exchange time, the best guess of the clocks' difference."""
    recv_ns, exch_ns = event["recv_ns"], event["exch_ns"]
    if exch_ns > 0:
        drifted = st.scalars[CLOCK_OFFSET_NS] + (recv_ns - st.scalars[LAST_RECV_NS]) // DRIFT
        st.scalars[CLOCK_OFFSET_NS] = min(drifted, recv_ns - exch_ns)
        st.scalars[LAST_RECV_NS] = recv_ns


@inlined
def close_message(st, event):
    """The book is whole again."""
    st.scalars[IN_MESSAGE] = 0
    end_message(st, event)
    recenter_if_roomy(st)


@inlined
def recenter_if_roomy(st):
    """Follow the market with the window; put off while the far arrays cannot hold a side and SPARE_ROWS."""
    if wants_recenter(st):
        room = min(st.far_keys.shape[1], st.scratch_keys.shape[0]) - SPARE_ROWS
        if max(count_levels(st, 0), count_levels(st, 1)) < room:
            recenter(st)


@compiled
def apply_best(st, event):
    """Best bid or ask between depth messages: a quote across an own order fills it."""
    if st.scalars[FEED_LIVE] == 0 or event["size_lots"] == 0:
        return
    side = 1 - event["side"]
    key = key_of(side, event["price_ticks"])
    n = st.n_own[side]
    if n > 0 and st.own_keys[side, n - 1] >= key:
        fill_by_quote(st, event, side, key, event["size_lots"], OPPOSITE_QUOTE)

"""Watched levels: what became of each price near the market, for whoever may come to rest there.

Who stands ahead of an order, how large and since when, is known of those that came while somebody looked.
So every level within REACH ticks of its side's best price is watched from its first change on, whether an
own order rests there or not: what is known of an order's queue does not depend on other orders of ours. That
costs a row in a log per change. The log becomes a list of guessed orders (guessed_orders.py, standing.py)
only when a queue must be judged, or when it is full; the list is the same either way. Model `places` only.
"""

from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.guessed_orders import forget, join_at, join_settled_at
from paper_bitmart.matching.core.standing import fade, trade_front
from paper_bitmart.matching.core.state import (
    LAST_DEPTH_NS,
    LOG_FULL,
    LOG_ROWS,
    NO_PRICE,
    PREV_DEPTH_NS,
    PUBLISH_NS,
    SECOND_NS,
    WATCHED,
    key_of,
)

REACH = WATCHED // 2
"""Ticks from a side's best price within which a level's watch begins."""
LEFT_WINDOW, ENTERED_WINDOW = 2, 4
"""Flags of a depth message's level: it left the published window, or came into it."""


@inlined
def slot_of(side, price):
    """Slot of a price. Prices WATCHED ticks apart share one, and the later one takes it."""
    return side * WATCHED + (price & (WATCHED - 1))


@inlined
def watch(st, side, price, before, lots, flags):
    """Slot of the watched level at a price that changes from `before` to `lots`; -1 if it is not watched."""
    slot = slot_of(side, price)
    is_on = st.watched[slot]["price"] == price
    if flags & (LEFT_WINDOW | ENTERED_WINDOW) == 0:
        if is_on:
            return slot
        if lots == 0 or abs(price - abs(st.best[side])) >= REACH:
            return -1
    return begin(st, slot, side, price, before, lots, flags, is_on)


@compiled
def begin(st, slot, side, price, before, lots, flags, is_on):
    """Begin a watch, or end one whose level left the published window; returns as watch()."""
    level = st.watched[slot]
    if is_on:
        stop(st, level)
    if lots == 0 or abs(price - abs(st.best[side])) >= REACH:
        return -1
    stop(st, level)
    level["price"] = price
    level["included_lots"] = 0
    if flags & ENTERED_WINDOW:
        # Nobody saw who came when.
        level["known_lots"] = lots
        join_settled_at(st, level, lots, st.scalars[LAST_DEPTH_NS])
        return -1
    level["known_lots"] = before
    join_settled_at(st, level, before, st.scalars[PREV_DEPTH_NS])
    return slot


@inlined
def stop(st, level):
    """Forget all about a level."""
    forget(st, level)
    level["price"] = NO_PRICE
    level["n_rows"] = 0


@compiled
def stop_all(st):
    """After a gap nobody knows who stands where."""
    for slot in range(len(st.watched)):
        stop(st, st.watched[slot])


@inlined
def note_size(st, slot, side, lots):
    """A depth message shows a watched level with `lots`."""
    level = st.watched[slot]
    if level["n_rows"] >= LOG_FULL:
        catch_up(st, slot)
    row = st.watch_log[slot, level["n_rows"]]
    level["n_rows"] += 1
    row["at_ns"] = st.scalars[LAST_DEPTH_NS]
    row["publish_ns"] = min(st.scalars[PUBLISH_NS], SECOND_NS)
    row["lots"] = lots
    row["is_print"] = 0
    row["is_touch"] = 1 if key_of(side, level["price"]) >= st.best[side] else 0


@inlined
def note_print(st, side, price, lots):
    """The depth message that begins includes a print at this price. Prints of one message are one row."""
    slot = slot_of(side, price)
    level = st.watched[slot]
    if level["price"] != price:
        return
    n, now_ns = level["n_rows"], st.scalars[LAST_DEPTH_NS]
    if n > 0:
        last = st.watch_log[slot, n - 1]
        if last["is_print"] and (last["at_ns"] == now_ns or n >= LOG_ROWS):
            last["lots"] += lots
            return
    row = st.watch_log[slot, n]
    level["n_rows"] = n + 1
    row["at_ns"] = now_ns
    row["publish_ns"] = 0
    row["lots"] = lots
    row["is_print"] = 1
    row["is_touch"] = 0


@compiled
def catch_up(st, slot):
    """Play a level's log into its list of guessed orders."""
    level = st.watched[slot]
    for i in range(level["n_rows"]):
        row = st.watch_log[slot, i]
        if level["included_lots"] > 0 and row["at_ns"] != level["included_ns"]:
            # A message that included prints and did not show the level: it was refilled to the same size.
            change(st, level, level["known_lots"], level["included_ns"], 0, 0)
        if row["is_print"]:
            level["included_lots"] += row["lots"]
            level["included_ns"] = row["at_ns"]
        else:
            change(st, level, row["lots"], row["at_ns"], row["publish_ns"], row["is_touch"])
    level["n_rows"] = 0


@inlined
def change(st, level, lots, at_ns, publish_ns, is_touch):
    """The level shows `lots`: its prints took the front, what is gone besides may have been anybody."""
    printed = level["included_lots"]
    expected = max(0, level["known_lots"] - printed)
    level["included_lots"] = 0
    level["known_lots"] = lots
    if lots == 0:
        forget(st, level)
        return
    trade_front(st, level, printed)
    if lots > expected:
        join_at(st, level, lots - expected, at_ns)
    elif lots < expected:
        fade(st, level, expected - lots, at_ns, publish_ns, is_touch)

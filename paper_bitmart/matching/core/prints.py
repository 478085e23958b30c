"""Trades: what a print means for the orders resting at, better than, or across its price.

A print hits the side opposite to its aggressor. `event["side"]` is the aggressor's.
"""

import math

from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.fills import fill_resting
from paper_bitmart.matching.core.own_orders import find_own_level, taken_by
from paper_bitmart.matching.core.places import late_print_reaches, print_reaches, stand_at
from paper_bitmart.matching.core.queue import PLACES_MODEL
from paper_bitmart.matching.core.state import (
    LAST_DEPTH_NS,
    N_PENDING,
    PRINT_STAMP,
    QUEUE_MODEL,
    UNKNOWN_AHEAD,
    key_of,
    snap,
)
from paper_bitmart.matching.reports import Evidence

MS = 1_000_000
WHOLE_LEVEL = 1 << 60
PRINT_AT_PRICE = int(Evidence.PRINT_AT_PRICE)
PRINT_THROUGH = int(Evidence.PRINT_THROUGH)
OPPOSITE_PRINT = int(Evidence.OPPOSITE_PRINT)


@inlined
def apply_trade(st, event):
    """Match one print against own orders; remember it until a depth message includes it."""
    hit_side = 1 - event["side"]
    price = event["price_ticks"]
    if event["exch_ns"] >= st.scalars[LAST_DEPTH_NS]:
        pending = st.pending[st.scalars[N_PENDING]]
        pending["exch_ns"] = event["exch_ns"]
        pending["key"] = key_of(hit_side, price)
        pending["lots"] = event["size_lots"]
        pending["side"] = hit_side
        st.scalars[N_PENDING] += 1
    if st.n_own[0] + st.n_own[1] == 0:
        return
    st.scalars[PRINT_STAMP] += 1
    print_through(st, event, hit_side, key_of(hit_side, price))
    own_level = find_own_level(st, hit_side, price)
    if own_level >= 0:
        print_at(st, event, own_level)
    meet_opposite_print(st, event, hit_side)


@inlined
def happened_before(event, order):
    """Did the print happen before the order arrived? By the venue's clock, in whole milliseconds."""
    return event["exch_ns"] // MS < order["arrived_exch_ns"] // MS


@inlined
def budget_left(st, account, lots):
    """Lots of the current print that an account's orders have not used yet."""
    if st.account_stamp[account] != st.scalars[PRINT_STAMP]:
        st.account_stamp[account] = st.scalars[PRINT_STAMP]
        st.account_spent[account] = 0
    return lots - st.account_spent[account]


@compiled
def print_through(st, event, side, key):
    """Own orders of `side` with a key better than `key` were reached: nobody is ahead of them any more."""
    j = st.n_own[side] - 1
    while j >= 0 and st.own_keys[side, j] > key:
        slot = st.own_levels[st.own_slots[side, j]]["head"]
        while slot >= 0:
            after = st.orders[slot]["next"]
            if not happened_before(event, st.orders[slot]):
                fill_from_budget(st, slot, event, PRINT_THROUGH)
            slot = after
        j -= 1


@compiled
def meet_opposite_print(st, event, hit_side):
    """The quote that this aggressor hit stood at or through our price, across the spread: it meets us first.

    Lots of that quote that an account had used up already cannot fill it again. A late print fills nothing:
    the depth message that includes it has shown that quote, or its absence, to our orders already.
    """
    if event["exch_ns"] < st.scalars[LAST_DEPTH_NS]:
        return
    side, price = 1 - hit_side, event["price_ticks"]
    key = key_of(side, price)
    j = st.n_own[side] - 1
    if j < 0 or st.own_keys[side, j] < key:
        return
    quote_level = find_own_level(st, hit_side, price)
    printed_before = pending_lots(st, hit_side, -key) - event["size_lots"]
    while j >= 0 and st.own_keys[side, j] >= key:
        slot = st.own_levels[st.own_slots[side, j]]["head"]
        while slot >= 0:
            order = st.orders[slot]
            after = order["next"]
            if not happened_before(event, order):
                account = order["account"]
                if st.account_stamp[account] != st.scalars[PRINT_STAMP]:
                    st.account_stamp[account] = st.scalars[PRINT_STAMP]
                    st.account_spent[account] = max(0, taken_by(st, quote_level, account) - printed_before)
                fill_from_budget(st, slot, event, OPPOSITE_PRINT)
            slot = after
        j -= 1


@compiled
def fill_from_budget(st, slot, event, reason):
    """Fill an order that a print reached from what its account has left of that print."""
    order = st.orders[slot]
    account = order["account"]
    ahead = order["ahead"]
    order["ahead"] = 0.0
    stand_at(st, slot, 0.0)
    take = min(order["leaves"], budget_left(st, account, event["size_lots"]))
    if take > 0:
        st.account_spent[account] += take
        fill_resting(st, slot, take, reason, event, ahead)


@inlined
def pending_lots(st, side, key):
    """Lots printed at a level since the last depth message; WHOLE_LEVEL when the market traded through it."""
    lots = 0
    for i in range(st.scalars[N_PENDING]):
        pending = st.pending[i]
        if pending["side"] == side:
            if pending["key"] == key:
                lots += pending["lots"]
            elif pending["key"] < key:
                return WHOLE_LEVEL
    return lots


@inlined
def print_at(st, event, own_level):
    """A print at our price eats the queue ahead first, then us; spent once per account, in FIFO order."""
    level = st.own_levels[own_level]
    late = event["exch_ns"] < st.scalars[LAST_DEPTH_NS]
    restored = 0.0
    if late and level["unexplained_lots"] > 0:
        lots = min(event["size_lots"], level["unexplained_lots"])
        restored = lots / level["unexplained_lots"]
        level["unexplained_lots"] -= lots
    slot = level["head"]
    while slot >= 0:
        order = st.orders[slot]
        after = order["next"]
        back = 0.0
        skip = late and happened_before(event, order)
        if restored > 0.0 and not skip:
            # The drop was taken for a cancel; now we know that it traded, from the front.
            back = snap(order["last_cancelled_ahead"] * restored)
            order["last_cancelled_ahead"] -= back
            order["cancelled_ahead"] -= back
            if st.scalars[QUEUE_MODEL] != PLACES_MODEL:
                order["ahead"] += back
        if not skip:
            eat(st, event, slot, back)
        slot = after


@inlined
def eat(st, event, slot, back):
    """One order's part of a print at its price; `back`: lots of it that were taken for cancels ahead."""
    order = st.orders[slot]
    account = order["account"]
    ahead = order["ahead"]
    if ahead >= UNKNOWN_AHEAD:
        return
    left = budget_left(st, account, event["size_lots"])
    is_early = happened_before(event, order)
    if st.scalars[QUEUE_MODEL] == PLACES_MODEL:
        if event["exch_ns"] < st.scalars[LAST_DEPTH_NS]:
            ahead += back
            due = late_print_reaches(st, slot, left, back)
        else:
            due = print_reaches(st, slot, left, is_early)
        order["traded_ahead"] += ahead - order["ahead"]
    else:
        order["ahead"] = max(0.0, ahead - left)
        order["traded_ahead"] += ahead - order["ahead"]
        due = math.floor(left - ahead + 0.5)
    if is_early:
        return
    take = min(order["leaves"], min(due, left))
    if take > 0:
        if event["exch_ns"] >= st.scalars[LAST_DEPTH_NS]:
            order["window_filled"] += take
        st.account_spent[account] += take
        fill_resting(st, slot, take, PRINT_AT_PRICE, event, ahead)

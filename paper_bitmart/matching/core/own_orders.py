"""Own orders: one FIFO per price and side, shared by all accounts, and the displayed size each has used."""

from paper_bitmart.matching.core.book import level_size, lower_bound
from paper_bitmart.matching.core.compiled import compiled, entry_point, inlined
from paper_bitmart.matching.core.guessed_orders import forget, join
from paper_bitmart.matching.core.places import stand_at
from paper_bitmart.matching.core.queue import ORDER_LIST
from paper_bitmart.matching.core.state import (
    BASE_TICK,
    FREE_ORDER,
    FREE_OWN_LEVEL,
    FREE_TAKEN,
    LAST_DEPTH_NS,
    N_ACTIVE,
    N_TAKEN,
    QUEUE_MODEL,
    UNKNOWN_AHEAD,
    key_of,
)


@inlined
def find_own_level(st, side, price):
    """Slot of the own level at a price, -1 if none. O(1) when the window says there is none."""
    i = price - st.scalars[BASE_TICK]
    if 0 <= i < st.own_here.shape[1] and st.own_here[side, i] == 0:
        return -1
    n = st.n_own[side]
    key = key_of(side, price)
    j = lower_bound(st.own_keys[side], n, key)
    if j < n and st.own_keys[side, j] == key:
        return st.own_slots[side, j]
    return -1


@inlined
def ensure_own_level(st, side, price):
    """Slot of the own level at a price, made if need be. The caller has made sure of room."""
    slot = find_own_level(st, side, price)
    if slot >= 0:
        return slot
    key = key_of(side, price)
    keys, slots, n = st.own_keys[side], st.own_slots[side], st.n_own[side]
    j = lower_bound(keys, n, key)
    for k in range(n, j, -1):
        keys[k] = keys[k - 1]
        slots[k] = slots[k - 1]
    slot = st.scalars[FREE_OWN_LEVEL]
    level = st.own_levels[slot]
    st.scalars[FREE_OWN_LEVEL] = level["head"]
    level["key"] = key
    level["side"] = side
    level["known_lots"] = level_size(st, side, price)
    level["included_lots"] = 0
    level["unexplained_lots"] = 0
    level["head"] = level["tail"] = level["taken_head"] = -1
    level["left_window"] = 0
    level["touched"] = 0
    level["oldest"] = level["newest"] = -1
    level["n_guesses"] = 0
    level["next_stamp"] = 0
    if st.scalars[QUEUE_MODEL] == ORDER_LIST:
        join(st, level, level["known_lots"])
        level["next_stamp"] = 1
    keys[j] = key
    slots[j] = slot
    st.n_own[side] = n + 1
    i = price - st.scalars[BASE_TICK]
    if 0 <= i < st.own_here.shape[1]:
        st.own_here[side, i] = 1
    return slot


@inlined
def drop_own_level_if_idle(st, slot):
    """Free an own level without orders and without used size. Never while it is in the touched list."""
    level = st.own_levels[slot]
    if level["head"] >= 0 or level["taken_head"] >= 0 or level["touched"]:
        return
    side = level["side"]
    keys, slots, n = st.own_keys[side], st.own_slots[side], st.n_own[side]
    j = lower_bound(keys, n, level["key"])
    for k in range(j, n - 1):
        keys[k] = keys[k + 1]
        slots[k] = slots[k + 1]
    st.n_own[side] = n - 1
    i = abs(level["key"]) - st.scalars[BASE_TICK]
    if 0 <= i < st.own_here.shape[1]:
        st.own_here[side, i] = 0
    forget(st, level)
    level["head"] = st.scalars[FREE_OWN_LEVEL]
    st.scalars[FREE_OWN_LEVEL] = slot


@inlined
def append_order(st, own_level, order_id, account, leaves, ahead, at_ns, exch_ns):
    """Put a new resting order at the tail of an own level's FIFO; returns its slot."""
    slot = st.scalars[FREE_ORDER]
    order = st.orders[slot]
    st.scalars[FREE_ORDER] = order["next"]
    level = st.own_levels[own_level]
    order["order_id"] = order_id
    order["account"] = account
    order["side"] = level["side"]
    order["price"] = abs(level["key"])
    order["leaves"] = leaves
    order["arrived_ns"] = at_ns
    order["arrived_exch_ns"] = exch_ns
    order["ahead"] = ahead
    order["ahead_at_entry"] = ahead
    stand_at(st, slot, ahead)
    order["joined_stamp"] = level["next_stamp"]
    order["joined_ns"] = st.scalars[LAST_DEPTH_NS]
    order["traded_ahead"] = 0.0
    order["cancelled_ahead"] = 0.0
    order["last_cancelled_ahead"] = 0.0
    order["own_level"] = own_level
    order["active"] = 1
    order["next"] = -1
    order["prev"] = level["tail"]
    if level["tail"] >= 0:
        st.orders[level["tail"]]["next"] = slot
    else:
        level["head"] = slot
    level["tail"] = slot
    st.scalars[N_ACTIVE] += 1
    return slot


@entry_point
def put_back(st, side, price, order_id, account, leaves, ahead, at_ns, exch_ns):
    """Rest an order again at the tail of its price's FIFO; returns its slot."""
    own_level = ensure_own_level(st, side, price)
    if ahead >= UNKNOWN_AHEAD:
        st.own_levels[own_level]["left_window"] = 1
    return append_order(st, own_level, order_id, account, leaves, ahead, at_ns, exch_ns)


@entry_point
def remove_order(st, slot):
    """Unlink an order and free its slot (its level too when nothing is left there)."""
    order = st.orders[slot]
    own_level = order["own_level"]
    level = st.own_levels[own_level]
    if order["prev"] >= 0:
        st.orders[order["prev"]]["next"] = order["next"]
    else:
        level["head"] = order["next"]
    if order["next"] >= 0:
        st.orders[order["next"]]["prev"] = order["prev"]
    else:
        level["tail"] = order["prev"]
    order["active"] = 0
    order["next"] = st.scalars[FREE_ORDER]
    st.scalars[FREE_ORDER] = slot
    st.scalars[N_ACTIVE] -= 1
    drop_own_level_if_idle(st, own_level)


@inlined
def taken_by(st, own_level, account):
    """Displayed lots that an account has used up at an own level."""
    if own_level < 0:
        return 0
    i = st.own_levels[own_level]["taken_head"]
    while i >= 0:
        if st.taken[i]["account"] == account:
            return st.taken[i]["lots"]
        i = st.taken[i]["next"]
    return 0


@compiled
def use_up(st, side, price, account, total_lots):
    """Note that an account has now used `total_lots` of a displayed level.

    Needs one free own level and one free taken slot.
    """
    own_level = ensure_own_level(st, side, price)
    level = st.own_levels[own_level]
    i = level["taken_head"]
    while i >= 0:
        if st.taken[i]["account"] == account:
            st.taken[i]["lots"] = total_lots
            return
        i = st.taken[i]["next"]
    i = st.scalars[FREE_TAKEN]
    record = st.taken[i]
    st.scalars[FREE_TAKEN] = record["next"]
    st.scalars[N_TAKEN] += 1
    record["account"] = account
    record["lots"] = total_lots
    record["next"] = level["taken_head"]
    level["taken_head"] = i


@inlined
def refresh_taken(st, own_level, printed_lots, displayed_lots):
    """The refresh rule: what accounts have used of a level after a new depth message.

    An account used the front of the displayed queue. Printed lots leave from the front, so they take used
    lots with them; what is left can never exceed what is displayed; lots that joined are new.
    """
    level = st.own_levels[own_level]
    before = -1
    i = level["taken_head"]
    while i >= 0:
        record = st.taken[i]
        after = record["next"]
        left = min(max(0, record["lots"] - printed_lots), displayed_lots)
        record["lots"] = left
        if left == 0:
            if before >= 0:
                st.taken[before]["next"] = after
            else:
                level["taken_head"] = after
            record["next"] = st.scalars[FREE_TAKEN]
            st.scalars[FREE_TAKEN] = i
            st.scalars[N_TAKEN] -= 1
        else:
            before = i
        i = after

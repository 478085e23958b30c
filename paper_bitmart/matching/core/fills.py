"""Filling own orders and writing reports."""

from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.own_orders import find_own_level, remove_order, taken_by, use_up
from paper_bitmart.matching.core.places import stand_at
from paper_bitmart.matching.core.state import N_REPORTS


@inlined
def report(st, kind, reason, role, order_id, price, size, leaves, at_ns):
    """Append a report and return its row; the caller has made sure of room and fills in the evidence."""
    n = st.scalars[N_REPORTS]
    st.scalars[N_REPORTS] = n + 1
    row = st.reports[n]
    row["at_ns"] = at_ns
    row["order_id"] = order_id
    row["counter_id"] = 0
    row["price_ticks"] = price
    row["size_lots"] = size
    row["leaves_lots"] = leaves
    row["evidence_price_ticks"] = 0
    row["evidence_lots"] = 0
    row["exch_ns"] = 0
    row["ahead_before"] = 0.0
    row["ahead_after"] = 0.0
    row["seq"] = 0
    row["kind"] = kind
    row["reason"] = reason
    row["role"] = role
    return row


@compiled
def fill_resting(st, slot, lots, reason, event, ahead_before):
    """Fill `lots` of a resting order at its own price, as maker; frees it when nothing is left.

    `event`: the market event that is the evidence.
    """
    order = st.orders[slot]
    order["leaves"] -= lots
    row = report(st, 1, reason, 0, order["order_id"], order["price"], lots, order["leaves"], event["recv_ns"])
    row["evidence_price_ticks"] = event["price_ticks"]
    row["evidence_lots"] = event["size_lots"]
    row["exch_ns"] = event["exch_ns"]
    row["seq"] = event["seq"]
    row["ahead_before"] = ahead_before
    row["ahead_after"] = order["ahead"]
    if order["leaves"] == 0:
        remove_order(st, slot)


@compiled
def fill_by_quote(st, event, side, key, lots, reason):
    """An opposite quote of `lots` at the event's price meets own orders of `side` with key >= `key`.

    Best price first, FIFO at a price; every account may use the displayed lots once. The quote stands on
    side 1 - side at event["price_ticks"].
    """
    price = event["price_ticks"]
    j = st.n_own[side] - 1
    while j >= 0 and st.own_keys[side, j] >= key:
        slot = st.own_levels[st.own_slots[side, j]]["head"]
        while slot >= 0:
            order = st.orders[slot]
            after = order["next"]
            account = order["account"]
            used = taken_by(st, find_own_level(st, 1 - side, price), account)
            take = min(order["leaves"], lots - used)
            if take > 0:
                ahead = order["ahead"]
                order["ahead"] = 0.0
                stand_at(st, slot, 0.0)
                use_up(st, 1 - side, price, account, used + take)
                fill_resting(st, slot, take, reason, event, ahead)
            slot = after
        j -= 1  # filling may have removed level j, never one below it

"""A new order meets the book: what it takes, whom of its own account it meets, where it comes to rest."""

from paper_bitmart.matching.core.book import count_levels, is_unpublished, level_size, next_key
from paper_bitmart.matching.core.compiled import compiled, entry_point, inlined
from paper_bitmart.matching.core.fills import report
from paper_bitmart.matching.core.own_orders import (
    append_order,
    ensure_own_level,
    find_own_level,
    remove_order,
    taken_by,
    use_up,
)
from paper_bitmart.matching.core.prints import pending_lots
from paper_bitmart.matching.core.state import (
    CLOCK_OFFSET_NS,
    N_ACTIVE,
    N_GUESSES,
    N_REPORTS,
    N_TAKEN,
    NO_KEY,
    UNKNOWN_AHEAD,
    key_of,
)
from paper_bitmart.matching.reports import CancelReason, Evidence, MakerTaker, ReportKind

LIMIT, LIMIT_MAKER, IOC, MARKET = 0, 1, 2, 3
NO_ROOM = -2
STP_NONE, STP_CANCEL_MAKER, STP_CANCEL_TAKER, STP_CANCEL_BOTH = 0, 1, 2, 3
FILL, CANCEL, REST = int(ReportKind.FILL), int(ReportKind.CANCEL), int(ReportKind.REST)
MAKER, TAKER = int(MakerTaker.MAKER), int(MakerTaker.TAKER)
TOOK_LEVEL, SELF_TRADE = int(Evidence.TOOK_LEVEL), int(Evidence.SELF_TRADE)
POST_ONLY, IOC_REST, MARKET_REST, STP = (
    int(CancelReason.POST_ONLY),
    int(CancelReason.IOC_REST),
    int(CancelReason.MARKET_REST),
    int(CancelReason.STP),
)


@entry_point
def arrive_if_room(st, order_id, account, side, order_type, price, size, budget, stp, at_ns):
    """As arrive(); NO_ROOM, with nothing done, when an array must grow first."""
    if not has_room_for_order(st, account, count_levels(st, 1 - side) + 1):
        return NO_ROOM
    return arrive(st, order_id, account, side, order_type, price, size, budget, stp, at_ns)


@compiled
def has_room_for_order(st, account, levels):
    """Is there room for whatever an order of `account` that crosses up to `levels` levels may need?"""
    active = st.scalars[N_ACTIVE] + 1
    own = st.n_own[0] + st.n_own[1] + levels + 1
    return (
        st.reports.shape[0] > st.scalars[N_REPORTS] + 3 * active + levels
        and min(st.own_keys.shape[1], st.own_slots.shape[1], st.touched.shape[0]) > own
        and min(st.account_stamp.shape[0], st.account_spent.shape[0]) > account + 1
        and st.orders.shape[0] > active
        and st.own_levels.shape[0] > own
        and st.taken.shape[0] > st.scalars[N_TAKEN] + active + levels
        and st.guesses.shape[0] > st.scalars[N_GUESSES] + own + levels
    )


@entry_point
def arrive(st, order_id, account, side, order_type, price, size, budget, stp, at_ns):
    """Match a new order and let the rest of it stand or fall. Returns its slot when it rests, else -1.

    size: lots; 0 for a market buy, which spends at most `budget` tick*lots instead.
    """
    limit_key = NO_KEY if order_type == MARKET else -key_of(side, price)
    if order_type == LIMIT_MAKER:
        if would_take(st, account, side, limit_key):
            report(st, CANCEL, POST_ONLY, 0, order_id, price, size, 0, at_ns)
            return -1
        leaves, stopped = size, False
    else:
        leaves, stopped = take(st, order_id, account, side, limit_key, size, budget, stp, at_ns)
    if stopped:
        report(st, CANCEL, STP, 0, order_id, price, leaves, 0, at_ns)
        return -1
    if order_type in (IOC, MARKET):
        if leaves > 0 or size == 0:
            reason = IOC_REST if order_type == IOC else MARKET_REST
            report(st, CANCEL, reason, 0, order_id, price, leaves, 0, at_ns)
        return -1
    return rest(st, order_id, account, side, price, leaves, at_ns) if leaves > 0 else -1


@inlined
def available(st, account, side, key):
    """Displayed lots of a level that an account may still take: less what printed since, or what it used."""
    price = abs(key)
    lots = level_size(st, side, price)
    if lots == 0:
        return 0
    used = taken_by(st, find_own_level(st, side, price), account)
    return max(0, lots - max(used, pending_lots(st, side, key)))


@inlined
def next_own_key(st, side, key):
    """Best own price of a side strictly worse than `key`, NO_KEY if none."""
    for j in range(st.n_own[side] - 1, -1, -1):
        if st.own_keys[side, j] < key:
            return st.own_keys[side, j]
    return NO_KEY


@inlined
def first_own_order(st, side, key, account):
    """First resting order of an account at a price, -1 if none."""
    own_level = find_own_level(st, side, abs(key))
    if own_level < 0:
        return -1
    slot = st.own_levels[own_level]["head"]
    while slot >= 0 and st.orders[slot]["account"] != account:
        slot = st.orders[slot]["next"]
    return slot


@inlined
def would_take(st, account, side, limit_key):
    """Would an order of `side` limited to opposite keys >= limit_key find anything to take?"""
    other = 1 - side
    shown, own = st.best[other], next_own_key(st, other, -NO_KEY)
    while True:
        key = max(shown, own)
        if key == NO_KEY or key < limit_key:
            return False
        if available(st, account, other, key) > 0 or first_own_order(st, other, key, account) >= 0:
            return True
        if shown == key:
            shown = next_key(st, other, key)
        if own == key:
            own = next_own_key(st, other, key)


@compiled
def take(st, order_id, account, side, limit_key, size, budget, stp, at_ns):
    """Walk the opposite side best first. Returns (leaves, stopped by self-trade prevention)."""
    other = 1 - side
    leaves = size
    shown, own = st.best[other], next_own_key(st, other, -NO_KEY)
    while True:
        key = max(shown, own)
        if key == NO_KEY or key < limit_key:
            return leaves, False
        if shown != key and first_own_order(st, other, key, account) < 0:
            own = next_own_key(st, other, key)  # only other accounts rest there
            continue
        price = abs(key)
        if size == 0:
            leaves = budget // price
        if leaves == 0:
            return 0, False
        # Found before anything at this price is taken or freed, since that may drop the own level.
        next_shown = next_key(st, other, key) if shown == key else shown
        next_own = next_own_key(st, other, key) if own == key else own
        before = leaves
        leaves, stopped = take_level(st, order_id, account, side, key, leaves, stp, at_ns)
        if size == 0:
            budget -= (before - leaves) * price
        if stopped or (leaves == 0 and size > 0):
            return leaves, stopped
        shown, own = next_shown, next_own


@compiled
def take_level(st, order_id, account, side, key, leaves, stp, at_ns):
    """Take what one price offers in FIFO order: others' lots ahead of an own order, that order, the rest."""
    other = 1 - side
    slot = first_own_order(st, other, key, account)
    while slot >= 0 and leaves > 0:
        order = st.orders[slot]
        after = order["next"]
        while after >= 0 and st.orders[after]["account"] != account:
            after = st.orders[after]["next"]
        # The account used the front of the queue; what printed is off `ahead` already.
        used = taken_by(st, order["own_level"], account)
        ahead = int(order["ahead"]) - max(0, used - pending_lots(st, other, key))
        lots = min(leaves, ahead)
        if lots > 0:
            leaves -= take_displayed(st, order_id, account, other, key, lots, leaves, at_ns)
        if leaves > 0:
            leaves, stopped = meet_own_order(st, order_id, slot, leaves, stp, at_ns)
            if stopped:
                return leaves, True
        slot = after
    if leaves > 0:
        leaves -= take_displayed(st, order_id, account, other, key, leaves, leaves, at_ns)
    return leaves, False


@compiled
def take_displayed(st, order_id, account, side, key, lots, leaves, at_ns):
    """Take up to `lots` of a displayed level and use them up; returns how many there were."""
    free = available(st, account, side, key)
    lots = min(lots, free)
    if lots > 0:
        price = abs(key)
        shown = level_size(st, side, price)
        use_up(st, side, price, account, shown - free + lots)
        row = report(st, FILL, TOOK_LEVEL, TAKER, order_id, price, lots, leaves - lots, at_ns)
        row["evidence_price_ticks"] = price
        row["evidence_lots"] = shown
    return lots


@compiled
def meet_own_order(st, order_id, slot, leaves, stp, at_ns):
    """The incoming order meets a resting one of its own account. Returns (leaves, incoming is stopped)."""
    order = st.orders[slot]
    if stp == STP_NONE:
        lots = min(leaves, order["leaves"])
        order["leaves"] -= lots
        row = report(st, FILL, SELF_TRADE, TAKER, order_id, order["price"], lots, leaves - lots, at_ns)
        row["counter_id"] = order["order_id"]
        row = report(
            st, FILL, SELF_TRADE, MAKER, order["order_id"], order["price"], lots, order["leaves"], at_ns
        )
        row["counter_id"] = order_id
        if order["leaves"] == 0:
            remove_order(st, slot)
        return leaves - lots, False
    if stp in (STP_CANCEL_MAKER, STP_CANCEL_BOTH):
        report(st, CANCEL, STP, 0, order["order_id"], order["price"], order["leaves"], 0, at_ns)
        remove_order(st, slot)
    return leaves, stp != STP_CANCEL_MAKER


@inlined
def rest(st, order_id, account, side, price, leaves, at_ns):
    """Put an order at the back of the queue at its price; returns its slot."""
    key = key_of(side, price)
    own_level = ensure_own_level(st, side, price)
    ahead = queue_at_arrival(st, side, key)
    if ahead == UNKNOWN_AHEAD:
        st.own_levels[own_level]["left_window"] = 1
    exch_ns = at_ns - st.scalars[CLOCK_OFFSET_NS]
    slot = append_order(st, own_level, order_id, account, leaves, ahead, at_ns, exch_ns)
    row = report(st, REST, 0, 0, order_id, price, leaves, leaves, at_ns)
    row["ahead_after"] = ahead
    row["ahead_before"] = ahead
    return slot


@inlined
def queue_at_arrival(st, side, key):
    """Lots of others ahead of an order that joins a price now; UNKNOWN_AHEAD where nothing is published."""
    if is_unpublished(st, side, key):
        return UNKNOWN_AHEAD
    return float(max(0, level_size(st, side, abs(key)) - pending_lots(st, side, key)))

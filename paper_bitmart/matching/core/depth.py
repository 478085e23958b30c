"""Depth messages: joining them with the prints they include, and what they say about our queues.

Trades and depth come on two channels. A message with venue time T includes every print with a time before
T; those prints have moved our queues already, so only the rest of a level's change is news: a drop that no
print explains is a cancel, which the queue model splits; a rise stands behind us.
"""

from paper_bitmart.matching.core.book import is_unpublished, level_size, set_level
from paper_bitmart.matching.core.cancels import know_no_guesses, weigh_guesses
from paper_bitmart.matching.core.compiled import compiled, inlined
from paper_bitmart.matching.core.fills import fill_by_quote, fill_resting
from paper_bitmart.matching.core.guessed_orders import (
    count_twins,
    eat_front,
    forget,
    join,
    join_settled,
    leave,
    shrink_back,
    youngest_of_size,
)
from paper_bitmart.matching.core.own_orders import drop_own_level_if_idle, find_own_level, refresh_taken
from paper_bitmart.matching.core.places import (
    cap_places,
    is_contested,
    message_moves,
    some_joined_first,
    stand_at,
)
from paper_bitmart.matching.core.prints import budget_left, pending_lots
from paper_bitmart.matching.core.queue import ORDER_LIST, PLACES_MODEL, cancelled_ahead
from paper_bitmart.matching.core.state import (
    CUSTOM_SHARE,
    LAST_DEPTH_NS,
    N_PENDING,
    N_TOUCHED,
    NO_KEY,
    PREV_DEPTH_NS,
    PRINT_STAMP,
    PUBLISH_NS,
    QUEUE_MODEL,
    UNKNOWN_AHEAD,
    key_of,
    snap,
)
from paper_bitmart.matching.core.watched import (
    ENTERED_WINDOW,
    LEFT_WINDOW,
    catch_up,
    note_print,
    note_size,
    stop_all,
    watch,
)
from paper_bitmart.matching.reports import Evidence

OPPOSITE_QUOTE = int(Evidence.OPPOSITE_QUOTE)
MARKET_PASSED = int(Evidence.MARKET_PASSED)
PRINT_REACHED = int(Evidence.PRINT_REACHED)


@inlined
def begin_message(st, exch_ns):
    """Move the prints that this message includes from pending to their own levels."""
    st.scalars[PREV_DEPTH_NS] = st.scalars[LAST_DEPTH_NS]
    st.scalars[LAST_DEPTH_NS] = exch_ns
    if exch_ns > st.scalars[PREV_DEPTH_NS] > NO_KEY:
        st.scalars[PUBLISH_NS] = min(st.scalars[PUBLISH_NS], exch_ns - st.scalars[PREV_DEPTH_NS])
    kept = 0
    is_places = st.scalars[QUEUE_MODEL] == PLACES_MODEL
    for i in range(st.scalars[N_PENDING]):
        pending = st.pending[i]
        if pending["exch_ns"] <= exch_ns:
            if is_places:
                note_print(st, pending["side"], abs(pending["key"]), pending["lots"])
            own_level = find_own_level(st, pending["side"], abs(pending["key"]))
            if own_level >= 0:
                st.own_levels[own_level]["included_lots"] += pending["lots"]
                touch(st, own_level)
        else:
            target = st.pending[kept]
            target["exch_ns"] = pending["exch_ns"]
            target["key"] = pending["key"]
            target["lots"] = pending["lots"]
            target["side"] = pending["side"]
            kept += 1
    st.scalars[N_PENDING] = kept


@inlined
def touch(st, own_level):
    """Remember an own level until the message is whole."""
    level = st.own_levels[own_level]
    if level["touched"] == 0:
        level["touched"] = 1
        st.touched[st.scalars[N_TOUCHED]] = own_level
        st.scalars[N_TOUCHED] += 1


@inlined
def end_message(st, event):
    """Levels with included prints but no published change were refilled; then forget what was touched."""
    for i in range(st.scalars[N_TOUCHED]):
        own_level = st.touched[i]
        level = st.own_levels[own_level]
        level["touched"] = 0
        if level["included_lots"] > 0:
            own_level_changed(st, event, own_level, level["known_lots"], 0, -1)
        drop_own_level_if_idle(st, own_level)
    st.scalars[N_TOUCHED] = 0


@inlined
def apply_level(st, event):
    """One level of a depth message."""
    side, price, lots = event["side"], event["price_ticks"], event["size_lots"]
    before = set_level(st, side, price, lots)
    watched = -1
    if st.scalars[QUEUE_MODEL] == PLACES_MODEL:
        watched = watch(st, side, price, before, lots, event["flags"])
    own_level = find_own_level(st, side, price)
    if own_level >= 0:
        touch(st, own_level)
        own_level_changed(st, event, own_level, lots, event["flags"], watched)
    if watched >= 0:
        note_size(st, watched, side, lots)
    if lots > 0:
        other = 1 - side
        n = st.n_own[other]
        if n > 0 and st.own_keys[other, n - 1] >= key_of(other, price):
            fill_by_quote(st, event, other, key_of(other, price), lots, OPPOSITE_QUOTE)


@inlined
def own_level_changed(st, event, own_level, lots, flags, watched):
    """Re-estimate the queues at an own level whose published size is now `lots`. watched: its slot or -1."""
    level = st.own_levels[own_level]
    printed = level["included_lots"]
    level["included_lots"] = 0
    if flags & LEFT_WINDOW:
        # It is no longer published; that says nothing about who is still there.
        level["left_window"] = 1
        return
    expected = max(0, level["known_lots"] - printed)
    came_back = level["left_window"] == 1 or flags & ENTERED_WINDOW
    level["left_window"] = 0
    level["known_lots"] = lots
    level["unexplained_lots"] = 0 if came_back else max(0, expected - lots)
    refresh_taken(st, own_level, printed, lots)
    if st.scalars[QUEUE_MODEL] == PLACES_MODEL:
        move_places(st, event, own_level, printed, expected, lots, came_back, watched)
        return
    slot = level["head"]
    while slot >= 0:
        order = st.orders[slot]
        order["last_cancelled_ahead"] = 0.0
        if st.scalars[LAST_DEPTH_NS] <= order["arrived_exch_ns"]:
            settle_on_arrival_book(st, slot, lots)
        else:
            if not came_back:
                if lots < expected:
                    split_cancel(st, slot, expected, expected - lots)
                elif st.scalars[PREV_DEPTH_NS] <= order["arrived_exch_ns"]:
                    joined_amid_additions(st, slot, lots - expected)
            cap_ahead(st, slot, lots)
        slot = order["next"]
    if st.scalars[QUEUE_MODEL] == ORDER_LIST:
        update_guesses(st, level, printed, expected, lots)


@compiled
def move_places(st, event, own_level, printed, expected, lots, came_back, watched):
    """Model `places`: what a message says of the places of a level's orders, and whom its prints reached.

    event: the message's level, or what ended it; the evidence of a fill. watched: slot, -1 if none.
    """
    level = st.own_levels[own_level]
    pending = pending_lots(st, level["side"], level["key"])
    cancelled = 0 if came_back else max(0, expected - lots)
    is_touch = level["key"] >= st.best[level["side"]]
    st.scalars[PRINT_STAMP] += 1  # the level's prints are spent once per account, like one print
    slot = level["head"]
    while slot >= 0:
        order = st.orders[slot]
        after = order["next"]
        order["last_cancelled_ahead"] = 0.0
        if st.scalars[LAST_DEPTH_NS] <= order["arrived_exch_ns"]:
            settle_on_arrival_book(st, slot, lots)
        elif order["ahead"] >= UNKNOWN_AHEAD:
            cap_ahead(st, slot, lots)
        else:
            was = order["ahead"]
            included = order["window_lots"] - min(order["window_lots"], pending)
            if cancelled > 0:
                weigh_queue(st, slot, watched, expected + printed, cancelled, is_touch)
            due = message_moves(st, slot, expected + printed, included, cancelled, lots == 0, is_touch)
            gone = was - order["ahead"]
            order["cancelled_ahead"] += gone
            if not came_back and lots > expected and st.scalars[PREV_DEPTH_NS] <= order["arrived_exch_ns"]:
                joined_amid_additions(st, slot, lots - expected)
            before_cap = order["ahead"]
            cap_ahead(st, slot, lots)
            order["last_cancelled_ahead"] = gone + before_cap - order["ahead"]
            take = min(order["leaves"], budget_left(st, order["account"], due))
            if take > 0:
                st.account_spent[order["account"]] += take
                fill_by_message(st, event, slot, take, printed, was)
        slot = after


@inlined
def weigh_queue(st, slot, watched, known, cancelled, is_touch):
    """Weigh the guesses ahead of and behind an order, if it matters who of them left and any are known."""
    if watched < 0 or not is_contested(st, slot, known):
        know_no_guesses(st)
        return
    catch_up(st, watched)
    weigh_guesses(st, st.watched[watched], cancelled, st.orders[slot]["joined_ns"], is_touch)


@inlined
def fill_by_message(st, event, slot, lots, printed, ahead_before):
    """The message shows that its prints, `printed` at this price, had reached the order."""
    evidence = st.scratch_event[0]
    evidence["recv_ns"] = event["recv_ns"]
    evidence["exch_ns"] = event["exch_ns"]
    evidence["seq"] = event["seq"]
    evidence["price_ticks"] = st.orders[slot]["price"]
    evidence["size_lots"] = printed
    fill_resting(st, slot, lots, PRINT_REACHED, evidence, ahead_before)


@inlined
def update_guesses(st, level, printed, expected, lots):
    """Bring the guessed order list up to date with a level's new size."""
    if lots == 0:
        forget(st, level)
        return
    eat_front(st, level, printed)
    if lots >= expected:
        join(st, level, lots - expected)
        return
    slot = youngest_of_size(st, level, expected - lots)
    if slot < 0:
        shrink_back(st, level, expected - lots)
    else:
        leave(st, level, slot)


@inlined
def split_cancel(st, slot, expected, cancelled):
    """Let the queue model say how much of a cancel stood ahead of an order."""
    order = st.orders[slot]
    twins_ahead, twins_behind = 0, 0
    if st.scalars[QUEUE_MODEL] == ORDER_LIST:
        level = st.own_levels[order["own_level"]]
        twins_ahead, twins_behind = count_twins(st, level, cancelled, order["joined_stamp"])
    lots = cancelled_ahead(
        st.scalars[QUEUE_MODEL],
        st.params,
        st.scalars[CUSTOM_SHARE],
        order["ahead"],
        expected - order["ahead"],
        float(cancelled),
        float(twins_ahead),
        float(twins_behind),
    )
    order["ahead"] -= lots
    order["cancelled_ahead"] += lots
    order["last_cancelled_ahead"] = lots


@inlined
def joined_amid_additions(st, slot, added):
    """The first message after an order's arrival: part of the additions came before it, by time.

    They happened within one publishing interval before the message, evenly as far as anybody knows.
    """
    order = st.orders[slot]
    interval = min(st.scalars[PUBLISH_NS], st.scalars[LAST_DEPTH_NS] - st.scalars[PREV_DEPTH_NS])
    before = order["arrived_exch_ns"] - (st.scalars[LAST_DEPTH_NS] - interval)
    if before > 0 and st.scalars[QUEUE_MODEL] == PLACES_MODEL:
        some_joined_first(st, slot, added, before / interval)
    elif before > 0:
        order["ahead"] = snap(order["ahead"] + added * (before / interval))


@inlined
def settle_on_arrival_book(st, slot, lots):
    """A late message that still describes the book before the order's arrival: all it shows is ahead."""
    order = st.orders[slot]
    key = key_of(order["side"], order["price"])
    order["ahead"] = float(max(0, lots - pending_lots(st, order["side"], key)))
    order["ahead_at_entry"] = order["ahead"]
    stand_at(st, slot, order["ahead"])


@inlined
def cap_ahead(st, slot, lots):
    """Queue ahead never exceeds the displayed size."""
    order = st.orders[slot]
    if st.scalars[QUEUE_MODEL] == PLACES_MODEL and order["ahead"] < UNKNOWN_AHEAD:
        was = order["ahead"]
        cap_places(st, slot, lots)
        order["cancelled_ahead"] += was - order["ahead"]
        return
    if order["ahead"] > lots:
        if order["ahead"] >= UNKNOWN_AHEAD:
            order["ahead_at_entry"] = float(lots)
        else:
            order["cancelled_ahead"] += order["ahead"] - lots
        order["ahead"] = float(lots)
        stand_at(st, slot, order["ahead"])


@compiled
def end_snapshot(st, event):
    """Re-base every own order on a fresh book after a gap."""
    st.scalars[N_PENDING] = 0
    stop_all(st)
    for side in range(2):
        fill_passed_orders(st, event, side)
        j = st.n_own[side] - 1
        while j >= 0:
            own_level = st.own_slots[side, j]
            level = st.own_levels[own_level]
            lots = level_size(st, side, abs(level["key"]))
            level["included_lots"] = 0
            level["unexplained_lots"] = 0
            unpublished = is_unpublished(st, side, level["key"])
            level["left_window"] = 1 if unpublished else 0
            if not unpublished:
                level["known_lots"] = lots
                if st.scalars[QUEUE_MODEL] == ORDER_LIST:
                    forget(st, level)
                    join_settled(st, level, lots)
                slot = level["head"]
                while slot >= 0:
                    order = st.orders[slot]
                    order["last_cancelled_ahead"] = 0.0
                    if st.scalars[QUEUE_MODEL] == PLACES_MODEL and order["ahead"] < UNKNOWN_AHEAD:
                        message_moves(st, slot, 0, order["window_lots"], 0, False, False)
                    cap_ahead(st, slot, lots)
                    slot = st.orders[slot]["next"]
                refresh_taken(st, own_level, 0, lots)
                drop_own_level_if_idle(st, own_level)
            j -= 1


@compiled
def fill_passed_orders(st, event, side):
    """After a gap: orders that the market passed fill whole, at their own price.

    A quote at an order's very price fills it up to the quote's size.
    """
    other = 1 - side
    if st.best[other] == NO_KEY:
        return
    quote = -st.best[other]
    evidence = st.scratch_event[0]
    evidence["recv_ns"] = event["recv_ns"]
    evidence["exch_ns"] = event["exch_ns"]
    evidence["seq"] = event["seq"]
    evidence["price_ticks"] = abs(quote)
    evidence["size_lots"] = level_size(st, other, abs(quote))
    j = st.n_own[side] - 1
    while j >= 0 and st.own_keys[side, j] > quote:
        slot = st.own_levels[st.own_slots[side, j]]["head"]
        while slot >= 0:
            order = st.orders[slot]
            after = order["next"]
            ahead = order["ahead"]
            order["ahead"] = 0.0
            stand_at(st, slot, 0.0)
            fill_resting(st, slot, order["leaves"], MARKET_PASSED, evidence, ahead)
            slot = after
        j -= 1
    if st.n_own[side] > 0 and st.own_keys[side, st.n_own[side] - 1] >= quote:
        fill_by_quote(st, evidence, side, quote, evidence["size_lots"], OPPOSITE_QUOTE)

"""The event loop around a compiled strategy: the same order of things as `Engine`, on the same core.

At equal times: market, commands, news, wake-ups. Returns to Python only for the next chunk, or for room.
"""

import numpy as np

from paper_bitmart.backtest.fast_desk import (
    ACCEPTED,
    CLOSED,
    ENDED,
    FILLED,
    FLIGHT_MAX,
    FREE_TICKET,
    IN_HEAD,
    IN_LATEST_NS,
    IN_TAIL,
    MAX_LOTS,
    MIN_BUY,
    MIN_LOTS,
    MIN_SELL,
    N_LOG,
    N_OPEN,
    N_REFUSED,
    NEXT_ORDER_ID,
    NOW_NS,
    OPEN,
    ORDER,
    OUT_HEAD,
    OUT_TAIL,
    OVERFLOW,
    POSITION,
    REFUSED,
    RESPONSE_NS,
    ROWS_DONE,
    ROWS_SEEN,
    WAKE_EVERY_NS,
    WAKE_NS,
)
from paper_bitmart.backtest.step_matcher import apply_until_report, lean, lean_inlined
from paper_bitmart.matching.core import arrivals, own_orders
from paper_bitmart.matching.core.book import count_levels
from paper_bitmart.matching.core.state import (
    FEED_LIVE,
    N_ACTIVE,
    N_GUESSES,
    N_REPORTS,
    N_TAKEN,
    NO_KEY,
    UNKNOWN_AHEAD,
    key_of,
)

FOREVER_NS = (1 << 63) - 1
DONE, NEED_CHUNK, NEED_ROOM, NEED_LOG, TOO_MUCH = 0, 1, 2, 3, 4
FILL, CANCEL_BY_SYSTEM, REST = 1, 2, 3


@lean
def drive(st, desk, events, start, end_ns, is_last, on_book, on_news, memory):  # type: ignore[no-untyped-def]
    """Play `events[start:]` with the strategy up to `end_ns`; returns (next event, why it stopped).

    `is_last`: no chunk follows. Called again with the same state it goes on as if it had not stopped.
    """
    s = desk.scalars
    n, i = len(events), start
    while True:
        if s[OVERFLOW]:
            return i, TOO_MUCH
        if s[N_LOG] + st.reports.shape[0] + 8 > len(desk.log):
            return i, NEED_LOG
        arrival_ns = (
            desk.outbox[s[OUT_HEAD] % FLIGHT_MAX]["arrival_ns"] if s[OUT_HEAD] < s[OUT_TAIL] else FOREVER_NS
        )
        news_ns = desk.inbox[s[IN_HEAD] % FLIGHT_MAX]["at_ns"] if s[IN_HEAD] < s[IN_TAIL] else FOREVER_NS
        due_ns = at_ns = min(min(end_ns, s[WAKE_NS]), min(arrival_ns, news_ns))
        if st.scalars[N_REPORTS] > 0:
            # A chunk ended amid a moment that changed an order.
            at_ns = min(at_ns, st.reports[0]["at_ns"])
        first = i
        i = apply_until_report(st, events, i, at_ns)
        s[ROWS_DONE] += i - first
        has_report = st.scalars[N_REPORTS] > 0
        until_ns = st.reports[0]["at_ns"] if has_report else at_ns
        if i == n and not is_last:
            return i, NEED_CHUNK
        if i < n and events[i]["recv_ns"] <= until_ns:
            return i, NEED_ROOM
        if has_report:
            s[NOW_NS] = max(s[NOW_NS], until_ns)
            read_reports(st, desk)
            if until_ns < due_ns:
                continue
            # What was reported may be heard of at this very moment.
            news_ns = desk.inbox[s[IN_HEAD] % FLIGHT_MAX]["at_ns"] if s[IN_HEAD] < s[IN_TAIL] else FOREVER_NS
        s[NOW_NS] = max(s[NOW_NS], at_ns)
        if arrival_ns <= at_ns:
            if not has_place_room(st, desk):
                return i, NEED_ROOM
            execute(st, desk)
        elif news_ns <= at_ns:
            ticket, what, price, lots = take_news(desk)
            if ticket >= 0:
                on_news(desk, st, memory, ticket, what, price, lots)
                if desk.tickets[ticket]["state"] == CLOSED:
                    free_ticket(desk, ticket)
        elif s[WAKE_NS] <= at_ns:
            s[WAKE_NS] += s[WAKE_EVERY_NS]
            if s[ROWS_SEEN] != s[ROWS_DONE]:
                s[ROWS_SEEN] = s[ROWS_DONE]
                on_book(desk, st, memory)
        else:
            return i, DONE


@lean_inlined
def has_place_room(st, desk):  # type: ignore[no-untyped-def]
    """Is there room in the core for the next command, should it be an order?"""
    s = desk.scalars
    command = desk.outbox[s[OUT_HEAD] % FLIGHT_MAX]
    if command["what"] != ORDER:
        return True
    order = desk.tickets[command["ticket"]]
    other = 1 - order["side"]
    best = st.best[other]
    if st.n_own[other] > 0:
        best = max(best, st.own_keys[other, st.n_own[other] - 1])
    crosses = best != NO_KEY and key_of(order["side"], order["price"]) + best >= 0
    levels = count_levels(st, other) + 1 if crosses else 1
    active = st.scalars[N_ACTIVE] + 1
    own = st.n_own[0] + st.n_own[1] + levels + 1
    return (
        st.orders.shape[0] > active
        and st.own_levels.shape[0] > own
        and st.own_keys.shape[1] > own
        and st.touched.shape[0] > own
        and st.taken.shape[0] > st.scalars[N_TAKEN] + active + levels
        and st.guesses.shape[0] > st.scalars[N_GUESSES] + own + levels
        and st.reports.shape[0] > st.scalars[N_REPORTS] + 3 * active + levels
    )


@lean_inlined
def execute(st, desk):  # type: ignore[no-untyped-def]
    """The next command meets the venue."""
    s = desk.scalars
    command = desk.outbox[s[OUT_HEAD] % FLIGHT_MAX]
    s[OUT_HEAD] += 1
    ticket = command["ticket"]
    row = desk.tickets[ticket]
    is_same = row["number"] == command["number"]
    if command["what"] == ORDER:
        place(st, desk, ticket, command["arrival_ns"])
    elif is_same and row["live"]:
        order_id = row["order_id"]
        own_orders.remove_order(st, row["slot"])
        row["live"] = 0
        log = add_log(desk, ENDED, command["arrival_ns"], order_id)
        log["by_user"] = 1
        tell(desk, ENDED, ticket, command["arrival_ns"], 0, 0, 1)
    else:
        s[N_REFUSED] += 1


@lean
def place(st, desk, ticket, at_ns):  # type: ignore[no-untyped-def]
    """Check an order as the venue does (funds are ample here), match it, and tell what became of it."""
    s = desk.scalars
    row = desk.tickets[ticket]
    notional = row["price"] * row["size"]
    least = MIN_BUY if row["side"] == 0 else MIN_SELL
    is_known = st.scalars[FEED_LIVE] and (st.best[0] != NO_KEY or st.best[1] != NO_KEY)
    if (
        row["price"] <= 0
        or row["size"] < s[MIN_LOTS]
        or row["size"] > s[MAX_LOTS]
        or notional < s[least]
        or not is_known
    ):
        s[N_REFUSED] += 1
        tell(desk, REFUSED, ticket, at_ns, 0, 0, 1)
        return
    order_id = s[NEXT_ORDER_ID]
    s[NEXT_ORDER_ID] += 1
    row["order_id"], row["live"] = order_id, 1
    log = add_log(desk, ACCEPTED, at_ns, order_id)
    log["side"], log["kind"], log["price"], log["lots"] = row["side"], row["kind"], row["price"], row["size"]
    log["ahead_after"] = -1.0
    tell(desk, ACCEPTED, ticket, at_ns, 0, 0, 0)
    kind = np.int64(row["kind"])
    row["slot"] = arrivals.arrive(
        st, order_id, 0, np.int64(row["side"]), kind, row["price"], row["size"], 0, 0, at_ns
    )
    for k in range(st.scalars[N_REPORTS]):
        report = st.reports[k]
        if report["kind"] == REST and report["order_id"] == order_id:
            log["ahead_after"] = -1.0 if report["ahead_after"] >= UNKNOWN_AHEAD else report["ahead_after"]
    read_reports(st, desk)


@lean_inlined
def read_reports(st, desk):  # type: ignore[no-untyped-def]
    """Log what the core did to orders, and send word of it."""
    for k in range(st.scalars[N_REPORTS]):
        report = st.reports[k]
        if report["kind"] == REST:
            continue
        ticket = find_ticket(desk, report["order_id"])
        row = desk.tickets[ticket]
        at_ns = report["at_ns"]
        if report["kind"] == CANCEL_BY_SYSTEM:
            row["live"] = 0
            add_log(desk, ENDED, at_ns, report["order_id"])
            tell(desk, ENDED, ticket, at_ns, 0, 0, 1)
            continue
        ends = 1 if report["leaves_lots"] == 0 else 0
        log = add_log(desk, FILLED, at_ns, report["order_id"])
        log["exch_ns"], log["price"], log["lots"] = (
            report["exch_ns"],
            report["price_ticks"],
            report["size_lots"],
        )
        log["evidence_price"], log["evidence_lots"] = report["evidence_price_ticks"], report["evidence_lots"]
        log["ahead_before"] = -1.0 if report["ahead_before"] >= UNKNOWN_AHEAD else report["ahead_before"]
        log["ahead_after"] = -1.0 if report["ahead_after"] >= UNKNOWN_AHEAD else report["ahead_after"]
        log["side"], log["role"], log["reason"], log["ends"] = (
            row["side"],
            report["role"],
            report["reason"],
            ends,
        )
        if ends:
            row["live"] = 0
        tell(desk, FILLED, ticket, at_ns, report["price_ticks"], report["size_lots"], ends)
    st.scalars[N_REPORTS] = 0


@lean_inlined
def find_ticket(desk, order_id):  # type: ignore[no-untyped-def]
    """The ticket of an order that lives at the venue: it is open for the client too, who hears later."""
    for k in range(desk.scalars[N_OPEN]):
        ticket = desk.open[k]
        if desk.tickets[ticket]["order_id"] == order_id:
            return ticket
    return -1


@lean_inlined
def add_log(desk, what, at_ns, order_id):  # type: ignore[no-untyped-def]
    """A new line of the log; the caller fills in what its kind needs."""
    s = desk.scalars
    row = desk.log[s[N_LOG]]
    s[N_LOG] += 1
    row["what"], row["at_ns"], row["order_id"] = what, at_ns, order_id
    row["exch_ns"] = row["price"] = row["lots"] = row["evidence_price"] = row["evidence_lots"] = 0
    row["ahead_before"] = row["ahead_after"] = 0.0
    row["side"] = row["kind"] = row["role"] = row["reason"] = row["by_user"] = row["ends"] = 0
    return row


@lean_inlined
def tell(desk, what, ticket, at_ns, price, lots, ends):  # type: ignore[no-untyped-def]
    """Send news to the client; they arrive in the order in which they were sent."""
    s = desk.scalars
    if s[IN_TAIL] - s[IN_HEAD] >= FLIGHT_MAX:
        s[OVERFLOW] = 1
        return
    arrival_ns = max(at_ns + s[RESPONSE_NS], s[IN_LATEST_NS])
    s[IN_LATEST_NS] = arrival_ns
    row = desk.inbox[s[IN_TAIL] % FLIGHT_MAX]
    row["at_ns"], row["number"], row["ticket"] = arrival_ns, desk.tickets[ticket]["number"], ticket
    row["what"], row["price"], row["lots"], row["ends"] = what, price, lots, ends
    s[IN_TAIL] += 1


@lean_inlined
def take_news(desk):  # type: ignore[no-untyped-def]
    """The next news reach the client. Returns (ticket or -1, what, ticks, lots)."""
    s = desk.scalars
    news = desk.inbox[s[IN_HEAD] % FLIGHT_MAX]
    s[IN_HEAD] += 1
    ticket = np.int64(news["ticket"])
    row = desk.tickets[ticket]
    if row["number"] != news["number"]:
        return np.int64(-1), np.int64(0), np.int64(0), np.int64(0)
    if news["what"] == FILLED:
        row["filled"] += news["lots"]
        s[POSITION] += news["lots"] if row["side"] == 0 else -news["lots"]
    elif news["what"] == ACCEPTED:
        row["state"] = OPEN
    if news["ends"]:
        row["state"], row["canceling"] = CLOSED, 0
        drop_open(desk, ticket)
    return ticket, np.int64(news["what"]), news["price"], news["lots"]


@lean_inlined
def drop_open(desk, ticket):  # type: ignore[no-untyped-def]
    """Take a ticket off the open ones, keeping their order."""
    s = desk.scalars
    found = False
    for k in range(s[N_OPEN]):
        found = found or desk.open[k] == ticket
        if found and k + 1 < s[N_OPEN]:
            desk.open[k] = desk.open[k + 1]
    if found:
        s[N_OPEN] -= 1


@lean_inlined
def free_ticket(desk, ticket):  # type: ignore[no-untyped-def]
    """A closed ticket may be used again once its last news were heard."""
    row = desk.tickets[ticket]
    row["number"] = -1
    row["next"] = desk.scalars[FREE_TICKET]
    desk.scalars[FREE_TICKET] = ticket

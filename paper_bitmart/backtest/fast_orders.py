"""What an order goes through at a compiled desk: arrival, checks, reports of the core, news to the client."""

import numpy as np

from paper_bitmart.backtest.fast_arrays import (
    ACCEPTED,
    BASE_FREE,
    BASE_HELD,
    CLOSED,
    CLOSING_TICKET,
    ENDED,
    FEE_STEP,
    FEED_ROW,
    FILLED,
    FREE_TICKET,
    GO,
    IN_HEAD,
    IN_LATEST_NS,
    IN_TAIL,
    IS_TRADABLE,
    LAST_PRICE,
    LIVE_MAX,
    MAX_LOTS,
    MIN_BUY,
    MIN_LOTS,
    MIN_SELL,
    N_FILLS,
    N_LIVE,
    N_OPEN,
    N_ORDERS,
    N_REFUSED,
    OPEN,
    ORDER,
    OUT_HEAD,
    POSITION,
    QUOTE_FREE,
    QUOTE_HELD,
    REFUSAL,
    REFUSED,
    RESPONSE_NS,
    ROWS_DONE,
    STOP,
    TELLS_REFUSAL,
    WANTED,
)
from paper_bitmart.backtest.fast_money import covers, freeze, limit_buy_hold, release, settle
from paper_bitmart.backtest.recorder import BY_SYSTEM, CANCELED
from paper_bitmart.backtest.recorder import FILLED as DONE_FILLING
from paper_bitmart.backtest.step_matcher import lean, lean_inlined
from paper_bitmart.exchange.checks import UNITS_MAX
from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST
from paper_bitmart.feed.events import Kind
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
from paper_bitmart.matching.reports import Evidence, MakerTaker, ReportKind

CANCEL_BY_SYSTEM, REST = int(ReportKind.CANCEL), int(ReportKind.REST)
TAKER, SELF_TRADE = int(MakerTaker.TAKER), int(Evidence.SELF_TRADE)
TRADE = int(Kind.TRADE)
MARKET = arrivals.MARKET


@lean_inlined
def has_place_room(st, desk):  # type: ignore[no-untyped-def]
    """Is there room in the core for the next command, should it be an order?"""
    s = desk.scalars
    command = desk.outbox[s[OUT_HEAD] & (len(desk.outbox) - 1)]
    if command["what"] != ORDER:
        return True
    order = desk.tickets[command["ticket"]]
    other = 1 - order["side"]
    best = st.best[other]
    if st.n_own[other] > 0:
        best = max(best, st.own_keys[other, st.n_own[other] - 1])
    crosses = order["kind"] == MARKET or (
        best != NO_KEY and key_of(order["side"], order["price"]) + best >= 0
    )
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
def execute(st, desk, events, i):  # type: ignore[no-untyped-def]
    """The next command meets the venue; `events[:i]` of the chunk have been played."""
    s = desk.scalars
    command = desk.outbox[s[OUT_HEAD] & (len(desk.outbox) - 1)]
    s[OUT_HEAD] += 1
    ticket, at_ns = command["ticket"], command["arrival_ns"]
    row = desk.tickets[ticket]
    if command["what"] == ORDER:
        hold = checked_hold(st, s, row, events, i)
        if hold >= 0:
            place(st, desk, ticket, hold, at_ns)
        else:
            s[N_REFUSED] += 1
            tell(desk, REFUSED, ticket, at_ns, 0, 0, 1)
            if s[TELLS_REFUSAL] and s[STOP] == GO:
                s[STOP] = REFUSAL
    elif row["number"] == command["number"] and row["live"]:
        own_orders.remove_order(st, row["slot"])
        end_order(desk, row, CANCELED, at_ns)
        tell(desk, ENDED, ticket, at_ns, 0, 0, 1)
    else:
        # A cancel that lost its race: its sender hears of the order's end first, and of nothing else.
        s[N_REFUSED] += 1


@lean_inlined
def checked_hold(st, s, row, events, i):  # type: ignore[no-untyped-def]
    """What an order freezes, -1 if the venue refuses it (exchange/checks.py has rules and reasons)."""
    is_known = st.scalars[FEED_LIVE] and s[ROWS_DONE] > s[FEED_ROW]
    if not (s[IS_TRADABLE] and is_known and s[N_LIVE] < s[LIVE_MAX]):
        return -1
    if row["kind"] < 0:
        return -1
    side, price, lots = row["side"], row["price"], row["size"]
    if row["kind"] == MARKET and side == 0:
        hold = row["hold"]
        row["hold"] = 0
        # 0: the amount is below the least, or none.
        return hold if hold > 0 and covers(s, side, hold) else -1
    if lots < s[MIN_LOTS] or lots > s[MAX_LOTS]:
        return -1
    if row["kind"] == MARKET:
        price = last_price(s, events, i)
    elif price <= 0 or price > UNITS_MAX:
        return -1
    least = s[MIN_BUY] if side == 0 else s[MIN_SELL]
    # Divided, because the product of price and size may not fit.
    if price > 0 and price < least and lots < -(-least // price):
        return -1
    hold = lots if side == 1 else limit_buy_hold(s, price, lots)
    return hold if covers(s, side, hold) else -1


@lean_inlined
def last_price(s, events, i):  # type: ignore[no-untyped-def]
    """Price of the last print before `events[i]`; 0 if there was none."""
    k = i - 1
    while k >= 0:
        if events[k]["kind"] == TRADE:
            return events[k]["price_ticks"]
        k -= 1
    return s[LAST_PRICE]


@lean
def place(st, desk, ticket, hold, at_ns):  # type: ignore[no-untyped-def]
    """Accept a checked order, match it, and tell what became of it."""
    s = desk.scalars
    row = desk.tickets[ticket]
    order = desk.orders[s[N_ORDERS]]
    row["order_id"], row["live"] = ORDER_ID_FIRST + s[N_ORDERS], 1
    s[N_ORDERS] += 1
    s[N_LIVE] += 1
    freeze(s, row, hold)
    order["order_id"], order["created_ns"], order["queue_ahead"] = row["order_id"], at_ns, -1.0
    order["side"], order["type"] = row["side"], row["kind"]
    order["price_ticks"], order["size_lots"] = row["price"], row["size"]
    tell(desk, ACCEPTED, ticket, at_ns, 0, 0, 0)
    # The core knows an order by its ticket's row, so that a report leads back to it at once.
    # All as int64: one compiled version of `arrive` serves this and the venue.
    core_id, side, kind, stp = (
        np.int64(ticket),
        np.int64(row["side"]),
        np.int64(row["kind"]),
        np.int64(row["stp"]),
    )
    row["slot"] = arrivals.arrive(
        st, core_id, 0, side, kind, row["price"], row["size"], row["budget"], stp, at_ns
    )
    for k in range(st.scalars[N_REPORTS]):
        report = st.reports[k]
        if report["kind"] == REST and report["order_id"] == ticket:
            order["queue_ahead"] = known(report["ahead_after"])
    read_reports(st, desk)


@lean_inlined
def known(ahead):  # type: ignore[no-untyped-def]
    """-1.0 for a queue at a price that the source does not publish."""
    return -1.0 if ahead >= UNKNOWN_AHEAD else ahead


@lean_inlined
def end_order(desk, row, state, at_ns):  # type: ignore[no-untyped-def]
    """An order is over at the venue; `state` as in the results."""
    s = desk.scalars
    order = desk.orders[row["order_id"] - ORDER_ID_FIRST]
    order["state"], order["closed_ns"] = state, at_ns
    row["live"] = 0
    s[N_LIVE] -= 1
    release(s, row)


@lean_inlined
def read_reports(st, desk):  # type: ignore[no-untyped-def]
    """Write down what the core did to orders, settle it, and send word of it."""
    s = desk.scalars
    for k in range(st.scalars[N_REPORTS]):
        report = st.reports[k]
        if report["kind"] == REST:
            continue
        ticket = report["order_id"]
        row = desk.tickets[ticket]
        at_ns = report["at_ns"]
        if report["kind"] == CANCEL_BY_SYSTEM:
            # A market buy that spent its last unit is filled, though the core saw a rest too small to name.
            if row["live"]:
                end_order(desk, row, BY_SYSTEM, at_ns)
                tell(desk, ENDED, ticket, at_ns, 0, 0, 1)
            continue
        price, lots, role = report["price_ticks"], report["size_lots"], report["role"]
        is_market = row["kind"] == MARKET
        fee, is_complete = settle(s, row, price, lots, role == TAKER, report["leaves_lots"], is_market)
        desk.orders[row["order_id"] - ORDER_ID_FIRST]["filled_lots"] += lots
        if is_complete:
            end_order(desk, row, DONE_FILLING, at_ns)
        fill = desk.fills[s[N_FILLS]]
        desk.counters[s[N_FILLS]] = 0
        if report["reason"] == SELF_TRADE:
            desk.counters[s[N_FILLS]] = desk.tickets[report["counter_id"]]["order_id"]
        s[N_FILLS] += 1
        fill["at_ns"], fill["exch_ns"], fill["order_id"] = at_ns, report["exch_ns"], row["order_id"]
        fill["side"], fill["role"], fill["evidence"] = row["side"], role, report["reason"]
        fill["price_ticks"], fill["size_lots"], fill["fee_e8"] = price, lots, fee // s[FEE_STEP]
        fill["evidence_price_ticks"] = report["evidence_price_ticks"]
        fill["evidence_lots"] = report["evidence_lots"]
        fill["ahead_before"], fill["ahead_after"] = (
            known(report["ahead_before"]),
            known(report["ahead_after"]),
        )
        tell(desk, FILLED, ticket, at_ns, price, lots, is_complete)
    st.scalars[N_REPORTS] = 0


@lean_inlined
def tell(desk, what, ticket, at_ns, price, lots, ends):  # type: ignore[no-untyped-def]
    """Send news to the client; they arrive in the order in which they were sent."""
    s = desk.scalars
    arrival_ns = max(at_ns + s[RESPONSE_NS], s[IN_LATEST_NS])
    s[IN_LATEST_NS] = arrival_ns
    row = desk.inbox[s[IN_TAIL] & (len(desk.inbox) - 1)]
    row["at_ns"], row["ticket"], row["order_id"] = arrival_ns, ticket, desk.tickets[ticket]["order_id"]
    row["what"], row["price"], row["lots"], row["ends"] = what, price, lots, ends
    row["fill_row"] = s[N_FILLS] - 1
    row["quote_free"], row["quote_held"] = s[QUOTE_FREE], s[QUOTE_HELD]
    row["base_free"], row["base_held"] = s[BASE_FREE], s[BASE_HELD]
    s[IN_TAIL] += 1


@lean_inlined
def hear(desk):  # type: ignore[no-untyped-def]
    """The next news reach the client; returns whether the strategy wants to be told."""
    s = desk.scalars
    news = desk.inbox[s[IN_HEAD] & (len(desk.inbox) - 1)]
    s[IN_HEAD] += 1
    ticket, what = news["ticket"], news["what"]
    row = desk.tickets[ticket]
    if what == FILLED:
        row["filled"] += news["lots"]
        s[POSITION] += news["lots"] if row["side"] == 0 else -news["lots"]
    elif what == ACCEPTED:
        row["state"] = OPEN
    if news["ends"]:
        row["state"], row["canceling"] = CLOSED, 0
        drop_open(desk, ticket)
        # Its row is free once whoever is told of it has seen it.
        s[CLOSING_TICKET] = ticket
    return s[WANTED] >> what & 1 == 1


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

"""The desk of a compiled strategy: functions to call from njit code, state in arrays.

    best_bid(book) best_ask(book) lots_at(book, side, ticks)      ticks, ticks, lots; 0 where there is none
    now_ns(desk) position(desk) open_orders(desk) open_order(desk, k)
    send(desk, side, ticks, lots, kind) -> ticket                 side 0 buy, 1 sell; LIMIT, LIMIT_MAKER, IOC
    cancel(desk, ticket) cancel_all(desk)

A ticket is a row of `desk.tickets`: price, size, filled, side, state, as far as the client has heard.
The arrays are `fast_arrays.py`'s.
"""

from paper_bitmart.backtest.fast_arrays import (
    ACCEPTED,
    CANCEL,
    CANCEL_NS,
    CLOSED,
    ENDED,
    ENTRY_NS,
    FILLED,
    FREE_TICKET,
    N_OPEN,
    NEXT_NUMBER,
    NOW_NS,
    OPEN,
    ORDER,
    OUT_HEAD,
    OUT_LATEST_NS,
    OUT_TAIL,
    POSITION,
    REFUSED,
    SENT,
    STOP,
    TICKETS_USED,
    TOO_MUCH,
)
from paper_bitmart.backtest.step_matcher import lean, read_level
from paper_bitmart.matching.core.state import NO_KEY

__all__ = ["ACCEPTED", "BUY", "CLOSED", "ENDED", "FILLED", "IOC", "LIMIT", "LIMIT_MAKER", "OPEN", "REFUSED"]

LIMIT, LIMIT_MAKER, IOC, MARKET = 0, 1, 2, 3
BUY, SELL = 0, 1


@lean
def best_bid(book):  # type: ignore[no-untyped-def]
    """Ticks; 0 when there is none."""
    return 0 if book.best[0] == NO_KEY else book.best[0]


@lean
def best_ask(book):  # type: ignore[no-untyped-def]
    """Ticks; 0 when there is none."""
    return 0 if book.best[1] == NO_KEY else -book.best[1]


@lean
def lots_at(book, side, price):  # type: ignore[no-untyped-def]
    """Displayed lots of a level."""
    return read_level(book, side, price)


@lean
def now_ns(desk):  # type: ignore[no-untyped-def]
    """The client's time, ns since 1970."""
    return desk.scalars[NOW_NS]


@lean
def position(desk):  # type: ignore[no-untyped-def]
    """Lots bought less lots sold, as far as the client has heard."""
    return desk.scalars[POSITION]


@lean
def open_orders(desk):  # type: ignore[no-untyped-def]
    """How many tickets are not closed."""
    return desk.scalars[N_OPEN]


@lean
def open_order(desk, k):  # type: ignore[no-untyped-def]
    """The k-th open ticket, oldest first; 0 <= k < open_orders(desk)."""
    return desk.open[k]


@lean
def send(desk, side, price, lots, kind):  # type: ignore[no-untyped-def]
    """Send an order; returns its ticket, or -1 when there are too many, which ends the run with an error."""
    s = desk.scalars
    ticket = take_row(desk)
    if ticket < 0 or s[OUT_TAIL] - s[OUT_HEAD] >= len(desk.outbox):
        s[STOP] = TOO_MUCH
        return -1
    row = desk.tickets[ticket]
    s[NEXT_NUMBER] += 1
    row["number"] = s[NEXT_NUMBER]
    row["order_id"] = row["filled"] = row["hold"] = row["budget"] = row["spendable"] = row["spent"] = 0
    row["price"], row["size"] = price, lots
    row["slot"], row["side"], row["kind"], row["state"] = -1, side, kind, SENT
    row["canceling"] = row["live"] = row["stp"] = 0
    desk.open[s[N_OPEN]] = ticket
    s[N_OPEN] += 1
    _put(desk, ORDER, ticket, s[ENTRY_NS])
    return ticket


@lean
def take_row(desk):  # type: ignore[no-untyped-def]
    """A free row of the tickets, -1 if there is none: one that was freed, else the next one never used."""
    s = desk.scalars
    ticket = s[FREE_TICKET]
    if ticket >= 0:
        s[FREE_TICKET] = desk.tickets[ticket]["next"]
    elif s[TICKETS_USED] < len(desk.open):
        ticket = s[TICKETS_USED]
        s[TICKETS_USED] += 1
    return ticket


@lean
def cancel(desk, ticket):  # type: ignore[no-untyped-def]
    """Ask for a cancel; nothing is sent for a closed ticket or one that is being cancelled."""
    s = desk.scalars
    row = desk.tickets[ticket]
    if row["state"] == CLOSED or row["canceling"]:
        return
    if s[OUT_TAIL] - s[OUT_HEAD] >= len(desk.outbox):
        s[STOP] = TOO_MUCH
        return
    row["canceling"] = 1
    _put(desk, CANCEL, ticket, s[CANCEL_NS])


@lean
def cancel_all(desk):  # type: ignore[no-untyped-def]
    """`cancel` for every open ticket."""
    for k in range(desk.scalars[N_OPEN]):
        cancel(desk, desk.open[k])


@lean
def _put(desk, what, ticket, delay_ns):  # type: ignore[no-untyped-def]
    """First in, first out: a later command arrives at the same instant at the earliest."""
    s = desk.scalars
    arrival_ns = max(s[NOW_NS] + delay_ns, s[OUT_LATEST_NS])
    s[OUT_LATEST_NS] = arrival_ns
    row = desk.outbox[s[OUT_TAIL] & (len(desk.outbox) - 1)]
    row["arrival_ns"], row["number"] = arrival_ns, desk.tickets[ticket]["number"]
    row["ticket"], row["what"] = ticket, what
    s[OUT_TAIL] += 1

"""The desk of a compiled strategy: functions to call from njit code, state in arrays.

    best_bid(book) best_ask(book) lots_at(book, side, ticks)      ticks, ticks, lots; 0 where there is none
    now_ns(desk) position(desk) open_orders(desk) open_order(desk, k)
    send(desk, side, ticks, lots, kind) -> ticket                 side 0 buy, 1 sell; LIMIT, LIMIT_MAKER, IOC
    cancel(desk, ticket) cancel_all(desk)

A ticket is a row of `desk.tickets`: price, size, filled, side, state, as far as the client has heard.
"""

from typing import NamedTuple

import numpy as np

from paper_bitmart.backtest.step_matcher import lean, read_level
from paper_bitmart.matching.core.state import NO_KEY, copied_by_field

LIMIT, LIMIT_MAKER, IOC = 0, 1, 2
BUY, SELL = 0, 1
SENT, OPEN, CLOSED = 0, 1, 2
ORDER, CANCEL = 0, 1
ACCEPTED, FILLED, ENDED, REFUSED = 0, 1, 2, 3
"""Kinds of news."""

TICKETS_MAX = 4_096
FLIGHT_MAX = 16_384
"""Commands, and news, on their way at once."""
LOG_ROWS = 65_536

# Indices into FastDesk.scalars.
NOW_NS = 0
POSITION = 1
N_OPEN = 2  # tickets not closed
FREE_TICKET = 3
NEXT_NUMBER = 4
OUT_HEAD, OUT_TAIL, OUT_LATEST_NS = 5, 6, 7
IN_HEAD, IN_TAIL, IN_LATEST_NS = 8, 9, 10
N_LOG = 11
OVERFLOW = 12  # too many tickets or commands
WAKE_NS, WAKE_EVERY_NS = 13, 14
ROWS_DONE, ROWS_SEEN = 15, 16
ENTRY_NS, CANCEL_NS, RESPONSE_NS = 17, 18, 19
NEXT_ORDER_ID = 20
N_REFUSED = 21
MIN_LOTS, MAX_LOTS, MIN_BUY, MIN_SELL = 22, 23, 24, 25  # the latter in tick*lots
N_SCALARS = 26

TICKET_DTYPE = np.dtype(
    [
        ("number", np.int64),
        ("order_id", np.int64),
        ("price", np.int64),
        ("size", np.int64),
        ("filled", np.int64),
        ("slot", np.int32),
        ("next", np.int32),
        ("side", np.int8),
        ("kind", np.int8),
        ("state", np.int8),
        ("canceling", np.int8),
        ("live", np.int8),
    ],
    align=True,
)
"""`filled`, `state`: as the client knows them. `slot`, `live`: the venue's side. `number`: unique, rising."""
COMMAND_DTYPE = np.dtype(
    [("arrival_ns", np.int64), ("number", np.int64), ("ticket", np.int32), ("what", np.int32)], align=True
)
NEWS_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("number", np.int64),
        ("price", np.int64),
        ("lots", np.int64),
        ("ticket", np.int32),
        ("what", np.int8),
        ("ends", np.int8),
    ],
    align=True,
)
LOG_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("exch_ns", np.int64),
        ("order_id", np.int64),
        ("price", np.int64),
        ("lots", np.int64),
        ("evidence_price", np.int64),
        ("evidence_lots", np.int64),
        ("ahead_before", np.float64),
        ("ahead_after", np.float64),
        ("what", np.int8),
        ("side", np.int8),
        ("kind", np.int8),
        ("role", np.int8),
        ("reason", np.int8),
        ("by_user", np.int8),
        ("ends", np.int8),
    ],
    align=True,
)


class FastDesk(NamedTuple):
    """State of one compiled strategy's desk."""

    scalars: np.ndarray
    tickets: np.ndarray
    open: np.ndarray
    outbox: np.ndarray
    inbox: np.ndarray
    log: np.ndarray


def new_desk() -> FastDesk:
    """A desk without orders."""
    tickets = np.zeros(TICKETS_MAX, TICKET_DTYPE)
    tickets["next"] = np.arange(1, TICKETS_MAX + 1)
    tickets["next"][-1] = -1
    return FastDesk(
        np.zeros(N_SCALARS, np.int64),
        tickets,
        np.zeros(TICKETS_MAX, np.int32),
        np.zeros(FLIGHT_MAX, COMMAND_DTYPE),
        np.zeros(FLIGHT_MAX, NEWS_DTYPE),
        np.zeros(LOG_ROWS, LOG_DTYPE),
    )


def with_aligned_rows(desk: FastDesk) -> FastDesk:
    """The same desk with its rows laid out as compiled code expects: a pickle loses their alignment."""
    return desk._replace(
        tickets=copied_by_field(desk.tickets, TICKET_DTYPE),
        outbox=copied_by_field(desk.outbox, COMMAND_DTYPE),
        inbox=copied_by_field(desk.inbox, NEWS_DTYPE),
        log=copied_by_field(desk.log, LOG_DTYPE),
    )


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
    ticket = s[FREE_TICKET]
    if ticket < 0 or s[OUT_TAIL] - s[OUT_HEAD] >= FLIGHT_MAX:
        s[OVERFLOW] = 1
        return -1
    row = desk.tickets[ticket]
    s[FREE_TICKET] = row["next"]
    s[NEXT_NUMBER] += 1
    row["number"] = s[NEXT_NUMBER]
    row["order_id"] = 0
    row["price"], row["size"], row["filled"] = price, lots, 0
    row["slot"], row["side"], row["kind"], row["state"] = -1, side, kind, SENT
    row["canceling"], row["live"] = 0, 0
    desk.open[s[N_OPEN]] = ticket
    s[N_OPEN] += 1
    _put(desk, ORDER, ticket, s[ENTRY_NS])
    return ticket


@lean
def cancel(desk, ticket):  # type: ignore[no-untyped-def]
    """Ask for a cancel; nothing is sent for a closed ticket or one that is being cancelled."""
    s = desk.scalars
    row = desk.tickets[ticket]
    if row["state"] == CLOSED or row["canceling"]:
        return
    if s[OUT_TAIL] - s[OUT_HEAD] >= FLIGHT_MAX:
        s[OVERFLOW] = 1
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
    row = desk.outbox[s[OUT_TAIL] % FLIGHT_MAX]
    row["arrival_ns"], row["number"] = arrival_ns, desk.tickets[ticket]["number"]
    row["ticket"], row["what"] = ticket, what
    s[OUT_TAIL] += 1

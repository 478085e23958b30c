"""The arrays of a compiled desk: tickets, commands and news on their way, money, orders and fills."""

from typing import NamedTuple

import numpy as np

from paper_bitmart.backtest.recorder import FILLS_DTYPE, ORDERS_DTYPE
from paper_bitmart.matching.core.state import copied_by_field

SENT, OPEN, CLOSED = 0, 1, 2
"""What the client knows of a ticket."""
ORDER, CANCEL = 0, 1
"""Kinds of commands."""
ACCEPTED, FILLED, ENDED, REFUSED = 0, 1, 2, 3
"""Kinds of news. ENDED: cancelled, by the user or the system."""

DONE, NEED_CHUNK, NEED_ROOM, NEED_RESULTS, NEED_READER, WAKE, NEWS, TIMER, REFUSAL = range(9)
TOO_MUCH, TOO_LARGE = 9, 10
"""Why the loop returned. NEED_READER: the news that nobody read fill their box. REFUSAL: an order was refused
just now. TOO_MUCH: more tickets or commands than there are rows. TOO_LARGE: money beyond 64 bits."""
GO = -1

FOREVER_NS = (1 << 63) - 1
ROWS = 1 << 14
"""Tickets, commands in flight and news in flight that a new desk has room for."""
RESULT_ROWS = 1 << 12
MONEY_MAX = 1 << 60
"""Most that the desk reckons with, in its own units; what an account with ample funds starts with."""

# Indices into FastDesk.scalars.
NOW_NS = 0
POSITION = 1
N_OPEN = 2  # tickets not closed, in desk.open
FREE_TICKET, TICKETS_USED, CLOSING_TICKET = 3, 4, 5
NEXT_NUMBER = 6
OUT_HEAD, OUT_TAIL, OUT_LATEST_NS = 7, 8, 9
IN_HEAD, IN_TAIL, IN_LATEST_NS = 10, 11, 12
IN_READ = 13  # news up to here may be overwritten
N_ORDERS, N_FILLS = 14, 15  # accepted, and fills, so far
STOP = 16  # why the loop must return, or GO
WAKE_NS, WAKE_EVERY_NS, TIMER_NS = 17, 18, 19
ROWS_DONE, ROWS_SEEN = 20, 21
ENTRY_NS, CANCEL_NS, RESPONSE_NS = 22, 23, 24
N_REFUSED = 26
N_LIVE, LIVE_MAX = 27, 28  # orders open at the venue
MIN_LOTS, MAX_LOTS, MIN_BUY, MIN_SELL = 29, 30, 31, 32  # the latter in tick*lots
IS_TRADABLE = 33
FEED_ROW = 34  # rows that must be played before the state of the feed is known
LAST_PRICE = 35  # of the last print before the chunk at hand
WANTED = 36  # bit 1 << kind: news at which the loop returns
TELLS_REFUSAL = 37  # 1: the loop returns when an order was refused
UNITS = 38  # money units per tick*lot
FEE_STEP = 39  # units per 10^-8 of the quote currency
MAKER_PPM, TAKER_PPM = 40, 41
QUOTE_FREE, QUOTE_HELD, BASE_FREE, BASE_HELD = 42, 43, 44, 45  # units, units, lots, lots
IS_AMPLE = 46  # 1: no order is refused for want of funds
ON_BOOK, ON_NEWS, MEMORY = 47, 48, 49  # addresses of a compiled strategy (fast_actions.py), 0 if Python acts
N_SCALARS = 50

TICKET_DTYPE = np.dtype(
    [
        ("number", np.int64),
        ("order_id", np.int64),
        ("price", np.int64),
        ("size", np.int64),
        ("filled", np.int64),
        ("hold", np.int64),
        ("budget", np.int64),
        ("spendable", np.int64),
        ("spent", np.int64),
        ("slot", np.int32),
        ("next", np.int32),
        ("side", np.int8),
        ("kind", np.int8),
        ("stp", np.int8),
        ("state", np.int8),
        ("canceling", np.int8),
        ("live", np.int8),
    ],
    align=True,
)
"""One order. `filled`, `state`: as the client knows them. The venue's side: `slot` in the core, `live`,
`hold` (frozen: units for a buy, lots for a sell). Of a market buy: `spendable` and `spent` in units, `budget`
in tick*lots, and until it arrives `hold` is the amount given. `number`: unique, rising. `next`: free list."""

COMMAND_DTYPE = np.dtype(
    [("arrival_ns", np.int64), ("number", np.int64), ("ticket", np.int32), ("what", np.int32)], align=True
)
NEWS_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("order_id", np.int64),
        ("price", np.int64),
        ("lots", np.int64),
        ("fill_row", np.int64),
        ("ticket", np.int32),
        ("what", np.int8),
        ("ends", np.int8),
        ("quote_free", np.int64),
        ("quote_held", np.int64),
        ("base_free", np.int64),
        ("base_held", np.int64),
    ],
    align=True,
)
"""`at_ns`: when it reaches the client. `fill_row`: of a fill, its place among all. The last four: the
account's money once it had happened, in the desk's units."""


class FastDesk(NamedTuple):
    """State of one desk.

    orders, fills: (n,) ORDERS_DTYPE and FILLS_DTYPE, what results hold; counters (n,) int64: of a fill by
    self-trade the other order's id, else 0. They are written as things happen.
    """

    scalars: np.ndarray
    tickets: np.ndarray
    open: np.ndarray
    outbox: np.ndarray
    inbox: np.ndarray
    orders: np.ndarray
    fills: np.ndarray
    counters: np.ndarray


def new_desk(rows: int = ROWS) -> FastDesk:
    """A desk without orders, with room for `rows` tickets, commands in flight and news in flight."""
    scalars = np.zeros(N_SCALARS, np.int64)
    scalars[[FREE_TICKET, CLOSING_TICKET, STOP]] = -1
    scalars[TIMER_NS] = FOREVER_NS
    return FastDesk(
        scalars,
        np.zeros(rows, TICKET_DTYPE),
        np.zeros(rows, np.int32),
        np.zeros(rows, COMMAND_DTYPE),
        np.zeros(rows, NEWS_DTYPE),
        np.zeros(RESULT_ROWS, ORDERS_DTYPE),
        np.zeros(RESULT_ROWS, FILLS_DTYPE),
        np.zeros(RESULT_ROWS, np.int64),
    )


def grow_desk(desk: FastDesk) -> FastDesk:
    """The same desk with room for twice as many tickets, commands and news; the scalars stay in place."""
    rows, s = 2 * len(desk.tickets), desk.scalars
    grown = new_desk(rows)._replace(scalars=s, orders=desk.orders, fills=desk.fills, counters=desk.counters)
    grown.tickets[: len(desk.tickets)] = desk.tickets
    grown.open[: len(desk.open)] = desk.open
    for new, old, head, tail in (
        (grown.outbox, desk.outbox, s[OUT_HEAD], s[OUT_TAIL]),
        (grown.inbox, desk.inbox, s[IN_READ], s[IN_TAIL]),
    ):
        # Both are rings: what has the running number k is in row k modulo the number of rows.
        numbers = np.arange(head, tail)
        new[numbers % rows] = old[numbers % len(old)]
    return grown


def grow_results(desk: FastDesk, rows: int) -> FastDesk:
    """The same desk with room for at least `rows` more orders and fills."""

    def longer(array: np.ndarray, used: int) -> np.ndarray:
        if used + rows <= len(array):
            return array
        return copied_rows(array[:used], 2 * (used + rows))

    orders, fills = desk.scalars[[N_ORDERS, N_FILLS]].tolist()
    return desk._replace(
        orders=longer(desk.orders, orders),
        fills=longer(desk.fills, fills),
        counters=longer(desk.counters, fills),
    )


def copied_rows(array: np.ndarray, size: int) -> np.ndarray:
    """A copy of (n,) rows without gaps, `size` >= n long, as bytes: numpy copies records field by field."""
    copy = np.zeros(size, array.dtype)
    copy.view(np.uint8)[: array.nbytes] = array.view(np.uint8)
    return copy


def with_aligned_rows(desk: FastDesk) -> FastDesk:
    """The same desk with its rows laid out as compiled code expects: a pickle loses their alignment."""
    return desk._replace(
        tickets=copied_by_field(desk.tickets, TICKET_DTYPE),
        outbox=copied_by_field(desk.outbox, COMMAND_DTYPE),
        inbox=copied_by_field(desk.inbox, NEWS_DTYPE),
    )

"""What the core reports: fills, cancels by the system, and orders that come to rest."""

from enum import IntEnum

import numpy as np


class ReportKind(IntEnum):
    """What happened to an own order."""

    FILL = 1
    CANCEL = 2
    """By the system; `reason` is a CancelReason."""
    REST = 3
    """It came to rest with `ahead_after` lots of others before it."""


class MakerTaker(IntEnum):
    """Role of a fill, as the number that reports hold."""

    MAKER = 0
    TAKER = 1


class Evidence(IntEnum):
    """Why an order filled. Every fill carries one."""

    NONE = 0
    TOOK_LEVEL = 1
    """It crossed and took displayed size at `evidence_price_ticks`."""
    PRINT_AT_PRICE = 2
    """A print at our price was larger than what was left ahead of us."""
    PRINT_THROUGH = 3
    """A print at a worse price than ours: we were reached first."""
    OPPOSITE_QUOTE = 4
    """An opposite quote stood at or through our price."""
    OPPOSITE_PRINT = 5
    """A print by an aggressor of our own side at or through our price: the quote it hit met us first."""
    MARKET_PASSED = 6
    """After a feed gap the market stood beyond our price."""
    SELF_TRADE = 7
    """It met another order of the same account (stpMode none)."""
    PRINT_REACHED = 8
    """A depth message showed that those ahead had cancelled before its prints: these had reached us."""


class CancelReason(IntEnum):
    """Why the system cancelled an order."""

    NONE = 0
    POST_ONLY = 1
    """A limit_maker that would have taken."""
    IOC_REST = 2
    """What an ioc order could not take at once."""
    MARKET_REST = 3
    """What a market order found nothing for; also the end of every market buy."""
    STP = 4
    """It met an order of its own account (stpMode)."""


REPORT_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("order_id", np.int64),
        ("counter_id", np.int64),
        ("price_ticks", np.int64),
        ("size_lots", np.int64),
        ("leaves_lots", np.int64),
        ("evidence_price_ticks", np.int64),
        ("evidence_lots", np.int64),
        ("exch_ns", np.int64),
        ("ahead_before", np.float64),
        ("ahead_after", np.float64),
        ("seq", np.uint32),
        ("kind", np.uint8),
        ("reason", np.uint8),
        ("role", np.uint8),
        ("_pad", np.uint8),
    ]
)
"""One row per report, in time order.

`at_ns`: receive time of the market event, or arrival time of the command, that caused it.
`exch_ns`, `seq`: the causing event's venue time and message ordinal (0 when a command caused it).
`size_lots`: filled, cancelled or resting size. `leaves_lots`: what is left of the order afterwards.
`ahead_before`/`ahead_after`: queue ahead in lots around the event (fills of makers, rests).
`counter_id`: the other own order of a self-trade, else 0.
"""

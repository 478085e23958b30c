"""What the naive model is made of: events, reports, resting orders, own levels, prints, queue models."""

import math
from collections import namedtuple
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from paper_bitmart.feed.events import EVENT_DTYPE

UNKNOWN_AHEAD = 1 << 52
GRAIN = 1 << 20

Event = namedtuple("Event", EVENT_DTYPE.names)


class Report(NamedTuple):
    """A row of REPORT_DTYPE; the queue positions may be exact fractions, None: unknown."""

    at_ns: int
    order_id: int
    kind: int
    reason: int
    role: int
    price: int
    size: int
    leaves: int
    counter_id: int = 0
    evidence_price: int = 0
    evidence_lots: int = 0
    exch_ns: int = 0
    seq: int = 0
    ahead_before: Fraction | float | None = 0
    ahead_after: Fraction | float | None = 0


def as_report(row):
    """A REPORT_DTYPE row as a Report."""
    return Report(
        *(int(row[name]) for name in ("at_ns", "order_id", "kind", "reason", "role")),
        *(int(row[name]) for name in ("price_ticks", "size_lots", "leaves_lots", "counter_id")),
        *(int(row[name]) for name in ("evidence_price_ticks", "evidence_lots", "exch_ns", "seq")),
        *(_known(float(row[name])) for name in ("ahead_before", "ahead_after")),
    )


def _known(ahead):
    return None if ahead >= UNKNOWN_AHEAD else ahead


@dataclass
class RestingOrder:
    """`ahead` is None where the source publishes nothing."""

    order_id: int
    account: int
    side: int
    price: int
    leaves: int
    arrived_exch_ns: int
    ahead: Fraction | None
    ahead_at_entry: Fraction | None
    traded_ahead: Fraction = Fraction(0)
    cancelled_ahead: Fraction = Fraction(0)
    last_cancelled_ahead: Fraction = Fraction(0)
    places: object = None


@dataclass
class OwnLevel:
    """A price at which an account rests or has used displayed size, and what the source last said of it."""

    known: int
    included: int = 0
    unexplained: int = 0
    left_window: bool = False


@dataclass
class WatchedLevel:
    """A price near the market: what it showed, who stands; prints that the current message includes."""

    price: int
    known: int
    guesses: object
    included: int = 0


@dataclass
class PendingPrint:
    """A print that no depth message includes yet; it hit `side`."""

    exch_ns: int
    side: int
    price: int
    lots: int


def snap(lots):
    """To the nearest multiple of 2^-20 lot, half to even."""
    return Fraction(round(lots * GRAIN), GRAIN)


def share_ahead(model, ahead, behind):
    """Share of a cancel that stood ahead; both sides are positive."""
    if model == "conservative":
        return Fraction(0)
    if model == "proportional":
        return ahead / (ahead + behind)
    if model == "power":
        return ahead**3 / (ahead**3 + behind**3)
    if model == "log":
        a, b = math.log(1 + float(ahead)), math.log(1 + float(behind))
        return Fraction(a / (a + b))
    raise ValueError(f"the oracle does not know the queue model {model}")

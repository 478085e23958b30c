"""hftbacktest's LogProb queue in a few lines, held beside our matcher event by event: where do they part?

Source: hftbacktest 2.4, `ProbQueueModel` with `LogProbQueueFunc`; sizes in lots.
"""

import math
from typing import NamedTuple

import numpy as np

from paper_bitmart.feed.events import Kind
from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import LOG

AT_ARRIVAL = "prints that depth does not show yet, at arrival"
FIRST_MESSAGE = "what joined before the order in its first interval"
BELOW_ZERO = "a queue that cancels took below zero"
BY_VENUE_TIME = "which prints a depth message includes"
OLD_PRINT = "a print older than the order"
SAME_LOTS = 1.0
"""Estimates that differ by no more than this have not parted."""
LIMIT_MAKER = 1
LEVEL, TRADE = int(Kind.LEVEL), int(Kind.TRADE)


class Resting(NamedTuple):
    """An order that came to rest. side: 0 buy. arrived_ns: at the venue."""

    side: int
    price_ticks: int
    size_lots: int
    arrived_ns: int


class RivalQueue:
    """Lots ahead of one order as hftbacktest reckons them; may become negative or NaN, as there."""

    def __init__(self, displayed: int) -> None:
        self.front, self.displayed, self._traded = float(displayed), displayed, 0.0

    def trade(self, lots: int) -> None:
        self.front -= lots
        self._traded += lots

    def depth(self, lots: int) -> None:
        change = self.displayed - lots - self._traded
        previous, self.displayed, self._traded = self.displayed, lots, 0.0
        if change < 0:
            self.front = _least(self.front, lots)
            return
        back = previous - self.front
        behind = _share_behind(self.front, back)
        self.front = _least(self.front - (1 - behind) * change + min(back - behind * change, 0.0), lots)


def first_difference(events: np.ndarray, order: Resting, until_ns: int) -> str | None:
    """Why the two queues part, up to and including `until_ns`; None if they do not.

    events: (n,) EVENT_DTYPE from the first snapshot on.
    """
    matcher = Matcher(queue_model=LOG)
    row = matcher.process(events, 0, order.arrived_ns)
    matcher.place(1, 0, order.side, LIMIT_MAKER, order.price_ticks, order.size_lots, 0, 0, order.arrived_ns)
    rival = RivalQueue(_displayed(events[:row], order))
    if _parted(matcher, rival):
        return AT_ARRIVAL
    messages = 0
    while row < len(events) and events["recv_ns"][row] <= until_ns:
        end = int(np.searchsorted(events["recv_ns"], events["recv_ns"][row], side="right"))
        moment = events[row:end]
        matcher.process(moment)
        before = rival.front
        _apply(rival, moment, order)
        has_depth = bool(np.isin(moment["kind"], (LEVEL, Kind.DEPTH_MARK)).any())
        messages += has_depth
        if has_depth and rival.front < -SAME_LOTS and before >= -SAME_LOTS:
            return BELOW_ZERO
        if matcher.queue_ahead(1) < 0:
            return None
        if _parted(matcher, rival):
            if not has_depth:
                return OLD_PRINT
            return FIRST_MESSAGE if messages == 1 else BY_VENUE_TIME
        row = end
    return None


def first_fill_there(events: np.ndarray, order: Resting, until_ns: int) -> int | None:
    """When the rival fills an order for the first time by the rules above, or None: they are held to it.

    Source of the other two rules: `PartialFillExchange`, a print or an opposite price beyond the order.
    """
    row = int(np.searchsorted(events["recv_ns"], order.arrived_ns, side="right"))
    end = int(np.searchsorted(events["recv_ns"], until_ns, side="right"))
    rival = RivalQueue(_displayed(events[:row], order))
    sign = 1 if order.side == 0 else -1
    life = events[row:end]
    is_own, beyond = life["side"] == order.side, sign * (order.price_ticks - life["price_ticks"])
    is_print, is_level = life["kind"] == TRADE, life["kind"] == LEVEL
    fills = (is_print & ~is_own & (beyond > 0)) | (
        is_level & ~is_own & (beyond >= 0) & (life["size_lots"] > 0)
    )
    for at in np.flatnonzero(fills | ((is_print | is_level) & (beyond == 0))):
        event = life[at]
        if fills[at]:
            return int(event["recv_ns"])
        _apply(rival, event.reshape(1), order)
        if is_print[at] and not is_own[at] and round(rival.front) < 0:
            return int(event["recv_ns"])
    return None


def _parted(matcher: Matcher, rival: RivalQueue) -> bool:
    front = max(0.0, rival.front)
    return math.isnan(front) or abs(matcher.queue_ahead(1) - front) > SAME_LOTS


def _apply(rival: RivalQueue, moment: np.ndarray, order: Resting) -> None:
    for event in moment[moment["price_ticks"] == order.price_ticks]:
        if event["kind"] == TRADE and event["side"] != order.side:
            rival.trade(int(event["size_lots"]))
        elif event["kind"] == LEVEL and event["side"] == order.side:
            rival.depth(int(event["size_lots"]))


def _displayed(events: np.ndarray, order: Resting) -> int:
    own = events[
        (events["kind"] == LEVEL)
        & (events["side"] == order.side)
        & (events["price_ticks"] == order.price_ticks)
    ]
    return int(own["size_lots"][-1]) if len(own) else 0


def _share_behind(front: float, back: float) -> float:
    """LogProbQueueFunc; a logarithm of a negative number is NaN there."""
    ahead, behind = (math.log(1 + lots) if lots > -1 else math.nan for lots in (front, back))
    total = ahead + behind
    return behind / total if total else 1.0


def _least(a: float, b: float) -> float:
    """As Rust's f64::min: NaN loses."""
    return b if math.isnan(a) else min(a, b)

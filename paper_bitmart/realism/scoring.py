"""A simulation held against the truth: TRUTH and OUT in, figures with intervals out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paper_bitmart.realism.figures import (
    BLOCK_NS,
    Number,
    Orders,
    intervals,
    maker_figures,
    taker_figures,
)
from paper_bitmart.realism.mids import Mids
from paper_bitmart.realism.outcomes import LABELS, OneFill, Simulated, TrueOrder

NS_PER_S = 10**9
MARKOUT_NS = 5 * NS_PER_S


@dataclass(frozen=True, slots=True)
class Score:
    """What a simulation is worth.

    Attributes:
        maker, contested: `maker_figures` of the orders that rest, and of those at whose price the market
            traded but never through. taker: `taker_figures` of the class "taker".
        maker_95, contested_95: intervals by name.
        episodes: contested orders of one side, price and minute are one; episode_accuracy: one vote each.
        by: `maker_figures` per label and value.
        checks: counts of what should not be.
        orders, contested_rows, names, queue_ahead: the maker orders behind it, for plots.
        mids: where mid prices came from.
    """

    maker: dict[str, Number]
    contested: dict[str, Number]
    taker: dict[str, Number]
    maker_95: dict[str, tuple[float, float] | None]
    contested_95: dict[str, tuple[float, float] | None]
    episodes: int
    episode_accuracy: Number
    by: dict[str, dict[str, Number]]
    checks: dict[str, int]
    orders: Orders
    contested_rows: np.ndarray
    names: tuple[str, ...]
    queue_ahead: np.ndarray
    mids: str

    def as_dict(self) -> dict[str, Any]:
        """Everything but the orders, for JSON."""
        return {
            "maker": {**self.maker, "interval_95": self.maker_95},
            "contested": {
                **self.contested, "interval_95": self.contested_95,
                "episodes": self.episodes, "episode_accuracy": self.episode_accuracy,
            },
            "taker": self.taker, "by": self.by, "checks": self.checks, "mid_prices": self.mids,
        }  # fmt: skip


def score(truth: Mapping[str, TrueOrder], simulated: Simulated, mids: Mids) -> Score:
    """Hold a simulation against the truth.

    Orders that the truth did not accept count in `checks` only.
    """
    accepted = [order for order in truth.values() if order.accepted]
    orders = compare(accepted, simulated, mids)
    is_taker = np.array([order.is_taker for order in accepted], bool)
    rows = [order for order in accepted if not order.is_taker]
    maker = orders.where(~is_taker)
    contested = np.array([order.is_contested for order in rows], bool)
    accuracies = _accuracies(episodes(rows)[contested], maker.where(contested))
    ahead = np.array([simulated.queue_ahead.get(order.client_order_id, np.nan) for order in rows])
    return Score(
        maker=maker_figures(maker),
        contested=maker_figures(maker.where(contested)),
        taker=taker_figures(orders.where(is_taker)),
        maker_95=intervals(maker),
        contested_95=intervals(maker.where(contested)),
        episodes=len(accuracies),
        episode_accuracy=float(np.mean(accuracies)) if accuracies else None,
        by=_breakdown(rows, maker),
        checks=_checks(truth, simulated),
        orders=maker,
        contested_rows=contested,
        names=tuple(order.client_order_id for order in rows),
        queue_ahead=ahead,
        mids=mids.name,
    )


def compare(
    true: Sequence[TrueOrder], simulated: Simulated, mids: Mids, markout_ns: int = MARKOUT_NS
) -> Orders:
    """The orders with both outcomes side by side; markouts after `markout_ns`."""
    ours = [simulated.fills.get(order.client_order_id, []) for order in true]
    t, s = _Side(true, [order.fills for order in true]), _Side(true, ours)
    at_ns = np.array([order.at_ns for order in true], np.int64)
    return Orders(
        at_ns, t.filled, s.filled, t.first_ns, s.first_ns, t.average, s.average, t.share, s.share,
        t.markouts(mids, markout_ns), s.markouts(mids, markout_ns),
    )  # fmt: skip


class _Side:
    """One side of the comparison: the fills of each order, flat, and their sums by order."""

    def __init__(self, orders: Sequence[TrueOrder], fills: Sequence[Sequence[OneFill]]) -> None:
        self._orders, n = orders, len(orders)
        flat: list[tuple[int, OneFill]] = [(row, fill) for row, own in enumerate(fills) for fill in own]
        self._row = np.array([row for row, _ in flat], np.int64)
        self._at_ns = np.array([fill.at_ns for _, fill in flat], np.int64)
        self._price = np.array([fill.price_ticks for _, fill in flat], np.float64)
        self._lots = np.array([fill.size_lots for _, fill in flat], np.float64)
        self.lots = np.bincount(self._row, self._lots, n)
        self.filled = self.lots > 0
        self.share = self.lots / np.array([order.size_lots for order in orders], np.float64)
        self.average = self._average(self._price)
        self.first_ns = np.array([own[0].at_ns if own else 0 for own in fills], np.int64)

    def markouts(self, mids: Mids, after_ns: int) -> np.ndarray:
        """Per order: mean over its fills, by size, of sign * (mid `after_ns` later - price), in ticks."""
        later = np.full(len(self._row), np.nan)
        symbols = np.array([self._orders[row].symbol for row in self._row.tolist()])
        for symbol in dict.fromkeys(symbols.tolist()):
            own = symbols == symbol
            later[own] = mids.at(symbol, self._at_ns[own] + after_ns)
        sign = np.array([order.sign for order in self._orders], np.float64)
        return sign * self._average(later - self._price)

    def _average(self, values: np.ndarray) -> np.ndarray:
        sums = np.bincount(self._row, values * self._lots, len(self.lots))
        return np.where(self.filled, sums / np.where(self.filled, self.lots, 1), np.nan)


def episodes(rows: Sequence[TrueOrder]) -> np.ndarray:
    """(n,) int64: orders of one side, price and minute have the same number."""
    numbers: dict[tuple[str, int, int, int], int] = {}
    keys = ((order.symbol, order.sign, order.price_ticks, order.at_ns // BLOCK_NS) for order in rows)
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def _accuracies(episode_of: np.ndarray, orders: Orders) -> list[float]:
    """Of each episode, the share of its orders that are decided rightly."""
    _, number = np.unique(episode_of, return_inverse=True)
    right = np.bincount(number, (orders.t == orders.s).astype(float))
    return np.asarray(right / np.bincount(number)).tolist()


def _breakdown(rows: Sequence[TrueOrder], maker: Orders) -> dict[str, dict[str, Number]]:
    found = {}
    for label in LABELS:
        values = [order.labels.get(label) for order in rows]
        for value in sorted({one for one in values if one is not None}, key=str):
            chosen = np.array([one == value for one in values], bool)
            found[f"{label}={value}"] = maker_figures(maker.where(chosen))
    return found


def _checks(truth: Mapping[str, TrueOrder], simulated: Simulated) -> dict[str, int]:
    def count(faults: Iterable[bool]) -> int:
        return sum(faults)

    accepted = [order for order in truth.values() if order.accepted]
    fills = {name: simulated.fills.get(name, []) for name in truth}
    return {
        "truth_rejected": len(truth) - len(accepted),
        "accept_reject_disagree": count(
            order.accepted == (name in simulated.rejected and not fills[name])
            for name, order in truth.items()
        ),
        "filled_after_cancel": count(
            order.cancel_ns is not None and any(one.at_ns > order.cancel_ns for one in fills[name])
            for name, order in truth.items()
            if order.accepted
        ),
        "overfilled": count(
            sum(one.size_lots for one in fills[order.client_order_id]) > order.size_lots for order in accepted
        ),
        "maker_fill_off_price": count(
            not order.is_taker
            and any(
                one.role != "taker" and one.price_ticks != order.price_ticks
                for one in fills[order.client_order_id]
            )
            for order in accepted
        ),
        "unknown_order_ids": simulated.unknown,
    }

"""Fill probabilities and their calibration: do orders that are said to fill in 7 of 10 cases do so?

One engine gives one answer per order, yes or no. A probability comes of an ensemble: the same orders are
replayed under every queue model, each a different opinion on which cancels were ahead, and the share of the
models under which an order fills is its predicted probability. Orders that the price path decides get 0 or 1;
what lies between is decided by the queue.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Z_95 = 1.959964
"""Quantile of the normal distribution for a 95 % interval."""


class Bin(NamedTuple):
    """Orders of one predicted probability: how many, how many of them really filled, a 95 % interval.

    `episodes`: how many of them do not hang together; the interval is as wide as for so few.
    """

    predicted: float
    orders: int
    filled: int
    episodes: int
    low: float
    high: float

    @property
    def realised(self) -> float:
        return self.filled / self.orders


def ensemble(decisions: Sequence[np.ndarray]) -> np.ndarray:
    """(n,) share of the members, each (n,) bool, under which an order fills."""
    return np.asarray(np.mean(np.stack(decisions), axis=0))


def calibration(predicted: np.ndarray, filled: np.ndarray, episodes: np.ndarray) -> list[Bin]:
    """Bins by distinct predicted value, rising.

    Args:
        predicted: (n,) in 0..1. filled: (n,) bool, the truth.
        episodes: (n,) numbers; orders of one episode fill or do not fill for the same reason.
    """
    bins = []
    for value in np.unique(predicted).tolist():
        own = predicted == value
        orders, share = int(own.sum()), float(filled[own].mean())
        apart = len(np.unique(episodes[own]))
        bins.append(Bin(value, orders, int(filled[own].sum()), apart, *wilson(share * apart, apart)))
    return bins


def brier(predicted: np.ndarray, filled: np.ndarray) -> float:
    """Mean squared error of the probabilities; 0 is perfect, 0.25 is a coin. G. W. Brier (1950)."""
    errors = predicted.astype(np.float64) - filled
    return float(np.mean(errors**2)) if len(filled) else math.nan


def wilson(successes: float, n: int) -> tuple[float, float]:
    """95 % interval of a share, also near 0 and 1. E. B. Wilson, JASA 22 (1927)."""
    share, z2 = successes / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


class AheadBin(NamedTuple):
    """Orders by estimated queue ahead at entry, from `low` to `high` lots: shares that filled."""

    low: float
    high: float
    orders: int
    true_share: float
    sim_share: float


def by_queue_ahead(ahead: np.ndarray, true: np.ndarray, sim: np.ndarray, bins: int = 8) -> list[AheadBin]:
    """Shares filled, true and simulated, by quantiles of the queue ahead at entry.

    ahead: (n,) lots, NaN where unknown; those orders are left out.
    """
    known = np.flatnonzero(~np.isnan(ahead) & (ahead >= 0))
    if not len(known):
        return []
    edges = np.unique(np.quantile(ahead[known], np.linspace(0, 1, bins + 1)))
    place = np.clip(np.searchsorted(edges, ahead[known], side="right") - 1, 0, max(0, len(edges) - 2))
    found = []
    for number in np.unique(place).tolist():
        own = known[place == number]
        found.append(
            AheadBin(
                float(ahead[own].min()), float(ahead[own].max()), len(own),
                float(true[own].mean()), float(sim[own].mean()),
            )
        )  # fmt: skip
    return found

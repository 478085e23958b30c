"""The figures by which simulated fills are held against the truth, and their intervals.

An order counts as filled when any size of it was. Quantiles are order statistics: x[floor(q n)] of n sorted.
Means of nothing are None.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

NEAR_MS = 250
"""A fill this near the true one counts for `f1_within_250ms`."""
BLOCK_NS = 60 * 10**9
"""Orders of one minute stand or fall together: intervals resample whole minutes."""
REPEATS = 1_000
Number = float | None


class Orders(NamedTuple):
    """Orders with their true (t) and simulated (s) outcome, as columns of one length.

    at_ns int64; t, s bool: filled; t_ns, s_ns int64: first fill; t_avg, s_avg: average price in ticks;
    t_share, s_share: part of the size filled; t_markout, s_markout in ticks. Where not filled: 0 or NaN.
    """

    at_ns: np.ndarray
    t: np.ndarray
    s: np.ndarray
    t_ns: np.ndarray
    s_ns: np.ndarray
    t_avg: np.ndarray
    s_avg: np.ndarray
    t_share: np.ndarray
    s_share: np.ndarray
    t_markout: np.ndarray
    s_markout: np.ndarray

    def where(self, chosen: np.ndarray) -> "Orders":
        """The orders of a mask or an index array."""
        return Orders(*(column[chosen] for column in self))

    def late_ms(self) -> np.ndarray:
        """Simulated less true first fill in ms, of the orders filled in both."""
        both = self.t & self.s
        return np.asarray((self.s_ns[both] - self.t_ns[both]) / 1e6)


class Counts(NamedTuple):
    """Decisions: true and false positives and negatives."""

    tp: int
    fp: int
    fn: int
    tn: int


def counts(orders: Orders) -> Counts:
    t, s = orders.t, orders.s
    return Counts(int((t & s).sum()), int((s & ~t).sum()), int((t & ~s).sum()), int((~t & ~s).sum()))


def mcc(tp: float, fp: float, fn: float, tn: float) -> float:
    """Matthews correlation of decisions with the truth, 0 where a row or column is empty.

    Source: B. W. Matthews, Biochimica et Biophysica Acta 405 (1975), 442-451.
    """
    scale = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / scale if scale else 0.0


def maker_figures(orders: Orders) -> dict[str, Number]:
    """Figures of orders that rest; the names are explained in docs/score.md."""
    tp, fp, fn, tn = counts(orders)
    n, wrong = len(orders.t), fp + fn
    late = orders.late_ms()
    markout_true, markout_sim = _mean(orders.t_markout[orders.t]), _mean(orders.s_markout[orders.s])
    size_true = float(orders.t_share.sum())
    return {
        "orders": n, "truth_filled": tp + fn, "sim_filled": tp + fp, "tp": tp, "fp": fp, "fn": fn, "tn": tn,
        "wrong_per_1000": _ratio(1000 * wrong, n), "accuracy": _ratio(tp + tn, n), "mcc": mcc(tp, fp, fn, tn),
        "precision": _ratio(tp, tp + fp), "recall": _ratio(tp, tp + fn), "f1": _ratio(2 * tp, 2 * tp + wrong),
        "f1_within_250ms": _ratio(2 * int((np.abs(late) <= NEAR_MS).sum()), 2 * tp + wrong),
        "fill_rate_bias": _bias(tp + fp, tp + fn),
        "filled_size_bias": _bias(float(orders.s_share.sum()), size_true),
        "filled_fraction_mae": _mean(np.abs(orders.s_share - orders.t_share)),
        "fill_time_err_ms_median": quantile(np.abs(late), 0.5),
        "fill_time_err_ms_p90": quantile(np.abs(late), 0.9),
        "fill_time_signed_ms_median": quantile(late, 0.5),
        "markout_truth_ticks": markout_true, "markout_sim_ticks": markout_sim,
        "markout_bias_ticks": _difference(markout_sim, markout_true),
        "edge_per_order_truth_ticks": _mean(np.where(orders.t, orders.t_markout * orders.t_share, 0.0)),
        "edge_per_order_sim_ticks": _mean(np.where(orders.s, orders.s_markout * orders.s_share, 0.0)),
    }  # fmt: skip


def taker_figures(orders: Orders) -> dict[str, Number]:
    """Figures of orders that cross: what they paid, against what they would have paid."""
    both = orders.t & orders.s
    off = np.abs(orders.s_avg[both] - orders.t_avg[both])
    return {
        "orders": len(orders.t), "truth_filled": int(orders.t.sum()), "sim_filled": int(orders.s.sum()),
        "price_err_ticks_mean_abs": _mean(off),
        "filled_fraction_mae": _mean(np.abs(orders.s_share - orders.t_share)),
        "same_price_share": _mean(off < 1e-6),
    }  # fmt: skip


INTERVALS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mcc": lambda sums: _mcc_of_sums(sums),
    "wrong_per_1000": lambda sums: _over(1000 * (sums[:, 1] + sums[:, 2]), sums[:, :4].sum(axis=1)),
    "f1_within_250ms": lambda sums: _over(2 * sums[:, 4], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2]),
    "fill_rate_bias": lambda sums: _over(sums[:, 0] + sums[:, 1], sums[:, 0] + sums[:, 2]) - 1,
    "markout_bias_ticks": lambda sums: (
        _over(sums[:, 6], sums[:, 0] + sums[:, 1]) - _over(sums[:, 5], sums[:, 0] + sums[:, 2])
    ),
}
"""Figures with an interval, from sums over orders: tp, fp, fn, tn, near, true and simulated markouts."""


def intervals(
    orders: Orders, *, seed: int = 1, repeats: int = REPEATS
) -> dict[str, tuple[float, float] | None]:
    """95 % intervals by resampling blocks of BLOCK_NS of submission time; None where there is nothing.

    Only orders that are in a block together are taken to depend on each other. Seeded: equal orders give
    equal intervals.
    """
    if not len(orders.at_ns):
        return dict.fromkeys(INTERVALS)
    picks = block_resamples(orders.at_ns, seed=seed, repeats=repeats)
    sums = picks.weights @ np.stack(
        [np.bincount(picks.block_of, column) for column in _columns(orders)], axis=1
    )
    found: dict[str, tuple[float, float] | None] = {}
    for name, figure in INTERVALS.items():
        values = figure(sums)
        values = values[np.isfinite(values)]
        low, high = quantile(values, 0.025), quantile(values, 0.975)
        found[name] = None if low is None or high is None else (low, high)
    return found


class Resamples(NamedTuple):
    """`block_of`: (n,) block of each order, from 0. `weights`: (repeats, blocks), how often each is drawn."""

    block_of: np.ndarray
    weights: np.ndarray


def block_resamples(at_ns: np.ndarray, *, seed: int, repeats: int, block_ns: int = BLOCK_NS) -> Resamples:
    """Draw as many blocks as there are, with replacement, `repeats` times."""
    blocks, block_of = np.unique(at_ns // block_ns, return_inverse=True)
    random = np.random.Generator(np.random.PCG64(seed))
    drawn = random.multinomial(len(blocks), np.full(len(blocks), 1 / len(blocks)), size=repeats)
    return Resamples(block_of, drawn.astype(np.float64))


def quantile(values: np.ndarray, q: float) -> Number:
    """x[floor(q n)] of the sorted values; None of nothing."""
    n = len(values)
    return float(np.sort(values)[min(n - 1, int(q * n))]) if n else None


def _columns(orders: Orders) -> list[np.ndarray]:
    t, s = orders.t, orders.s
    near = t & s & (np.abs(orders.s_ns - orders.t_ns) <= NEAR_MS * 10**6)
    masks = [t & s, s & ~t, t & ~s, ~t & ~s, near]
    markouts = [
        np.nan_to_num(np.where(has, column, 0.0))
        for has, column in ((t, orders.t_markout), (s, orders.s_markout))
    ]
    return [mask.astype(np.float64) for mask in masks] + markouts


def _mcc_of_sums(sums: np.ndarray) -> np.ndarray:
    tp, fp, fn, tn = sums[:, :4].T
    scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return np.where(scale > 0, (tp * tn - fp * fn) / np.where(scale > 0, scale, 1), 0.0)


def _over(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


def _ratio(part: float, whole: float) -> Number:
    return part / whole if whole else None


def _bias(simulated: float, true: float) -> Number:
    return simulated / true - 1 if true else None


def _difference(a: Number, b: Number) -> Number:
    return None if a is None or b is None else a - b


def _mean(values: np.ndarray) -> Number:
    """Of the values that are known."""
    known = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    return float(np.mean(known)) if len(known) else None

"""Simulated fills beside real ones, a row per question, with intervals by blocks of time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paper_bitmart.realism.choice import RESAMPLES, Interval, interval, median_95
from paper_bitmart.realism.figures import Number, Orders, block_resamples, quantile
from paper_bitmart.realism.outcomes import TAKER, OneFill, Simulated, TrueOrder


class Figure(NamedTuple):
    """A row: what is compared, its unit, the real and the simulated value, and the difference's interval.

    Rows that are about the difference alone have no `real`.
    """

    name: str
    unit: str
    real: Number
    simulated: Number
    difference_95: Interval | None


def compare_with_real(
    rows: Sequence[TrueOrder], orders: Orders, simulated: Simulated, part: np.ndarray, block_ns: int
) -> list[Figure]:
    """The figures of the orders in `part`, a mask.

    Shares are of all orders; of times and prices only orders count that filled in both. A price difference is
    positive where the simulation was kinder: bought lower or sold higher.
    """
    sign = np.array([row.sign for row in rows], float)[part]
    real_taken = _taken([row.fills for row in rows])[part]
    sim_taken = _taken([simulated.fills.get(row.client_order_id, ()) for row in rows])[part]
    lots = np.array([row.size_lots for row in rows], float)[part]
    orders = orders.where(part)
    both = orders.t & orders.s
    late_ms = orders.late_ms()
    kinder = (sign * (orders.t_avg - orders.s_avg))[both]
    ones = np.ones(len(lots))
    at_ns = orders.at_ns
    wrong = (orders.t != orders.s).astype(float)
    sides = _roles(real_taken, orders.t_share * lots) != _roles(sim_taken, orders.s_share * lots)
    return [
        Figure("orders", "", float(len(lots)), float(len(lots)), None),
        _ratio("filled orders", "share", orders.t, ones, orders.s, ones, at_ns, block_ns),
        _ratio("filled size", "share", orders.t_share, ones, orders.s_share, ones, at_ns, block_ns),
        _ratio(
            "taker share of filled size", "share", real_taken, orders.t_share * lots, sim_taken,
            orders.s_share * lots, at_ns, block_ns,
        ),
        _ratio(
            "markout of filled orders, 5 s", "ticks", np.nan_to_num(orders.t_markout), orders.t,
            np.nan_to_num(orders.s_markout), orders.s, at_ns, block_ns,
        ),
        _mean("wrongly filled or not", "share", wrong, at_ns, block_ns),
        _mean("other role than the real one", "share", sides[both].astype(float), at_ns[both], block_ns),
        Figure(
            "first fill, simulated less real", "ms, median", None, quantile(late_ms, 0.5),
            median_95(late_ms, at_ns[both], block_ns),
        ),
        Figure(
            "first fill, distance", "ms, 90 %", None, quantile(np.abs(late_ms), 0.9), None,
        ),
        _mean("average price, better than real by", "ticks", kinder, at_ns[both], block_ns),
        _mean("average price, distance", "ticks", np.abs(kinder), at_ns[both], block_ns),
    ]  # fmt: skip


def _taken(fills: Sequence[Sequence[OneFill]]) -> np.ndarray:
    """(n,) lots filled as taker."""
    return np.array([sum(one.size_lots for one in own if one.role == TAKER) for own in fills], float)


def _roles(taken: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """(n,) 0 maker, 1 taker, 2 some of both."""
    return np.where(taken == 0, 0, np.where(taken >= filled - 0.5, 1, 2))


def _ratio(
    name: str,
    unit: str,
    real: np.ndarray,
    real_of: np.ndarray,
    simulated: np.ndarray,
    simulated_of: np.ndarray,
    at_ns: np.ndarray,
    block_ns: int,
) -> Figure:
    """Two ratios of sums, and the interval of their difference over the same resampled blocks."""
    columns = [column.astype(float) for column in (real, real_of, simulated, simulated_of)]
    totals = [float(column.sum()) for column in columns]
    picks = block_resamples(at_ns, seed=1, repeats=RESAMPLES, block_ns=block_ns)
    sums = [picks.weights @ np.bincount(picks.block_of, column) for column in columns]
    known = (sums[1] > 0) & (sums[3] > 0)
    difference = sums[2][known] / sums[3][known] - sums[0][known] / sums[1][known]
    return Figure(
        name, unit, totals[0] / totals[1] if totals[1] else None,
        totals[2] / totals[3] if totals[3] else None, interval(difference),
    )  # fmt: skip


def _mean(name: str, unit: str, values: np.ndarray, at_ns: np.ndarray, block_ns: int) -> Figure:
    if not len(values):
        return Figure(name, unit, None, None, None)
    picks = block_resamples(at_ns, seed=1, repeats=RESAMPLES, block_ns=block_ns)
    sums = picks.weights @ np.bincount(picks.block_of, values)
    counts = picks.weights @ np.bincount(picks.block_of).astype(float)
    return Figure(name, unit, None, float(values.mean()), interval(sums / counts))

"""Choosing among settings by their losses, without believing a difference that may be chance.

Three guards. Too few data: nothing is said. Overfit: the choice is made on the first part of the time and
must prove itself on the rest, which it has not seen. Chance: intervals resample blocks of time, since what
happens in one minute hangs together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from paper_bitmart.realism.figures import BLOCK_NS, block_resamples, quantile

FIT_SHARE = 0.6
"""Of the observations, by time: the setting is chosen on them; the rest is held out."""
BLOCKS_MIN = 10
BLOCK_NS_MIN = 5 * 10**9
RESAMPLES = 1_000
Interval = tuple[float, float]


class Rule(NamedTuple):
    """How many observations, in how many blocks, there must be before anything is said."""

    observations: int
    blocks: int = BLOCKS_MIN


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found; settings are numbered as given, 0 is the default.

    Attributes:
        observations, blocks: what it rests on.
        is_enough: the rule is met; else `recommended` is 0 and means nothing.
        loss, loss_95: (k,) mean loss of each setting over everything, and its interval.
        fit_loss, held_loss: (k,) the same of the part it was chosen on, and of the rest.
        split_ns: when the rest begins.
        best: the setting of least `fit_loss`.
        gain, gain_95: held-out loss of `best` less that of the default; below 0: it is better there too.
        recommended: `best` if `gain_95` is below 0 and the gain is worth it, else the default.
        alike: settings whose loss cannot be told from that of `recommended`, itself included.
        resampled: (RESAMPLES, k) mean losses of the resamples.
    """

    observations: int
    blocks: int
    is_enough: bool
    loss: np.ndarray
    loss_95: list[Interval | None]
    fit_loss: np.ndarray
    held_loss: np.ndarray
    split_ns: int
    best: int
    gain: float | None
    gain_95: Interval | None
    recommended: int
    alike: list[int]
    resampled: np.ndarray

    @property
    def fails_held_out(self) -> bool:
        """Something fitted better than the default, but not surely so where it was not fitted."""
        return self.is_enough and self.gain_95 is not None and self.best != 0 and self.gain_95[1] >= 0

    def range_of(self, members: Sequence[int], values: Sequence[float]) -> Interval | None:
        """95 % of the resamples have their least loss among `members` between these values.

        The truth may lie between two values that were tried, so the range reaches to the next ones.

        Args:
            members: settings that differ in one number only. values: that number, rising.
        """
        if not len(self.resampled):
            return None
        places = interval(np.argmin(self.resampled[:, list(members)], axis=1).astype(float))
        if places is None:
            return None
        return values[max(0, int(places[0]) - 1)], values[min(len(values) - 1, int(places[1]) + 1)]


def block_length_ns(span_ns: int) -> int:
    """A minute, or in a short capture a twentieth of its length, at least 5 s."""
    return max(BLOCK_NS_MIN, min(BLOCK_NS, span_ns // 20))


def choose(
    losses: np.ndarray,
    start_ns: np.ndarray,
    end_ns: np.ndarray,
    *,
    block_ns: int,
    rule: Rule,
    gain_min: float = 0.0,
    seed: int = 1,
) -> Choice:
    """Choose a setting.

    Args:
        losses: (k, n), k settings on n observations, 0 the default; a column with a NaN does not count.
        start_ns, end_ns: (n,) when an observation began and ended. One that begins before the split and ends
            after it counts for neither part: it would carry the future into the fit.
        gain_min: a smaller gain over the default is not worth a setting of its own.
    """
    known = ~np.isnan(losses).any(axis=0)
    losses, start_ns, end_ns = losses[:, known], start_ns[known], end_ns[known]
    n, blocks = losses.shape[1], len(np.unique(start_ns // block_ns))
    if not n:
        nothing = np.full(len(losses), np.nan)
        return Choice(
            0, 0, False, nothing, [None] * len(losses), nothing, nothing, 0, 0, None, None, 0, [0],
            np.zeros((0, len(losses))),
        )  # fmt: skip
    split_ns = int(np.sort(start_ns)[min(n - 1, int(FIT_SHARE * n))])
    fit, held = end_ns < split_ns, start_ns >= split_ns
    fit_loss, held_loss = _mean(losses[:, fit]), _mean(losses[:, held])
    best = int(np.nanargmin(fit_loss)) if fit.any() else 0
    gain, gain_95 = None, None
    if held.any():
        difference = losses[best, held] - losses[0, held]
        gain = float(difference.mean())
        gain_95 = mean_95(difference[None, :], start_ns[held], block_ns, seed)[1][0]
    is_enough = n >= rule.observations and blocks >= rule.blocks and bool(fit.any())
    proven = is_enough and gain is not None and gain_95 is not None and gain_95[1] < 0 and -gain >= gain_min
    recommended = best if proven else 0
    resampled, loss_95 = mean_95(losses, start_ns, block_ns, seed)
    differences = resampled - resampled[:, [recommended]]
    bounds = [interval(column) for column in differences.T]
    alike = [k for k, bound in enumerate(bounds) if bound is not None and bound[0] <= 0 <= bound[1]]
    return Choice(
        n, blocks, is_enough, _mean(losses), loss_95, fit_loss, held_loss, split_ns, best, gain, gain_95,
        recommended, alike, resampled,
    )  # fmt: skip


def mean_95(
    values: np.ndarray, at_ns: np.ndarray, block_ns: int, seed: int = 1
) -> tuple[np.ndarray, list[Interval | None]]:
    """Means of (k, n) rows with blocks of time resampled: (RESAMPLES, k), and each row's interval."""
    picks = block_resamples(at_ns, seed=seed, repeats=RESAMPLES, block_ns=block_ns)
    sums = np.stack([np.bincount(picks.block_of, row) for row in values])
    counts = picks.weights @ np.bincount(picks.block_of).astype(float)
    means = (picks.weights @ sums.T) / counts[:, None]
    return means, [interval(column) for column in means.T]


def median_95(values: np.ndarray, at_ns: np.ndarray, block_ns: int, seed: int = 1) -> Interval | None:
    """Interval of the median of (n,) values, blocks of time resampled."""
    if not len(values):
        return None
    picks = block_resamples(at_ns, seed=seed, repeats=RESAMPLES // 4, block_ns=block_ns)
    order = np.argsort(values, kind="stable")
    ranked, block_of = values[order], picks.block_of[order]
    medians = []
    for weights in picks.weights:
        reached = np.cumsum(weights[block_of])
        medians.append(ranked[min(len(ranked) - 1, int(np.searchsorted(reached, reached[-1] / 2)))])
    return interval(np.array(medians, float))


def interval(values: np.ndarray) -> Interval | None:
    """The middle 95 % of resampled values; None of nothing."""
    low, high = quantile(values, 0.025), quantile(values, 0.975)
    return None if low is None or high is None else (low, high)


def _mean(losses: np.ndarray) -> np.ndarray:
    return losses.mean(axis=1) if losses.shape[1] else np.full(len(losses), np.nan)

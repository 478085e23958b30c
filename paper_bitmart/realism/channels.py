"""What a capture says of its two channels: when depth is published, and how trades and depth are shifted."""

from dataclasses import dataclass

import numpy as np

from paper_bitmart.feed.events import Flag, Kind
from paper_bitmart.realism.choice import Interval, interval, median_95
from paper_bitmart.realism.figures import Number, block_resamples, quantile
from paper_bitmart.realism.order_traces import Traces

MS = 10**6
NOMINAL_MS = (20, 50, 100, 200, 250, 500, 1_000)
NEAR = 0.1
"""An interval this near to a nominal one is taken for it when the phase is sought."""
STEADY, SHORT_SHARE, INTERVAL_MS_MIN = 0.2, 0.3, 5.0
"""Messages come in intervals when the middle half of the short gaps is within this share of their median,
that many of the gaps are short, and they are no shorter than that."""
IN_PHASE = 0.9
"""Length of the mean of unit vectors from which on messages are on the clock."""
SHIFTS_MS = tuple(range(-200, 201, 10))
SHIFT_RESAMPLES = 250


@dataclass(frozen=True, slots=True)
class Channels:
    """Times in ms; `_95` are intervals.

    Attributes:
        interval_ms: between depth messages that follow each other at once; None: no steady interval.
        gap_ms_median: between depth messages, pauses included.
        phase_ms: where in the interval they are stamped; None: on no fixed place. phase_strength: 0 to 1.
        trade_delay_ms, depth_delay_ms: receive less venue time, less the least such difference of the
            capture: median, 90 %, 99 %. The least is the clocks' difference and the wire, and stays unknown.
        skew_ms: median delay of depth less that of trades.
        late_prints: share of prints that came after a depth message of a later venue time.
        explained: share of prints whose lots the depth message that includes them by venue time shows gone.
        shift_ms: which shift of the depth stamps explains most; 0 is what the engine takes.
    """

    messages: int
    prints: int
    interval_ms: Number
    interval_ms_95: Interval | None
    gap_ms_median: Number
    phase_ms: Number
    phase_strength: Number
    trade_delay_ms: tuple[Number, Number, Number]
    depth_delay_ms: tuple[Number, Number, Number]
    skew_ms: Number
    skew_ms_95: Interval | None
    late_prints: Number
    explained: Number
    shift_ms: Number
    shift_ms_95: Interval | None


def read_channels(events: np.ndarray, traces: Traces, block_ns: int) -> Channels:
    """Describe the channels of one symbol; arguments as `read_traces`."""
    is_last = (events["flags"] & Flag.LAST) != 0
    is_snapshot = (events["flags"] & Flag.SNAPSHOT) != 0
    is_depth = np.isin(events["kind"], (Kind.LEVEL, Kind.DEPTH_MARK)) & is_last & ~is_snapshot
    depth, trades = events[is_depth], events[(events["kind"] == Kind.TRADE) & is_last]
    least_ns = min(
        (int((part["recv_ns"] - part["exch_ns"]).min()) for part in (depth, trades) if len(part)), default=0
    )
    delays = [(part["recv_ns"] - part["exch_ns"] - least_ns) / MS for part in (trades, depth)]
    gaps = np.diff(depth["exch_ns"]) / MS
    short = _short(gaps)
    at_ns = depth["recv_ns"][1:]
    interval_ms = quantile(gaps[short], 0.5) if short.any() else None
    phase, strength = _phase(depth["exch_ns"], interval_ms)
    medians = [quantile(delay, 0.5) for delay in delays]
    skew_95 = _skew_95(delays, [trades["recv_ns"], depth["recv_ns"]], block_ns)
    explained, shift, shift_95 = _shift(traces, block_ns)
    return Channels(
        messages=len(depth),
        prints=len(traces.prints),
        interval_ms=interval_ms,
        interval_ms_95=median_95(gaps[short], at_ns[short], block_ns) if interval_ms is not None else None,
        gap_ms_median=quantile(gaps, 0.5),
        phase_ms=phase,
        phase_strength=strength,
        trade_delay_ms=_quantiles(delays[0]),
        depth_delay_ms=_quantiles(delays[1]),
        skew_ms=None if medians[0] is None or medians[1] is None else medians[1] - medians[0],
        skew_ms_95=skew_95,
        late_prints=traces.late_prints / len(traces.prints) if len(traces.prints) else None,
        explained=explained,
        shift_ms=shift,
        shift_ms_95=shift_95,
    )


def _short(gaps: np.ndarray) -> np.ndarray:
    """The gaps that are one interval long; none when they are not alike."""
    positive = gaps[gaps > 0]
    tenth = quantile(positive, 0.1)
    if tenth is None:
        return np.zeros(len(gaps), bool)
    short = (gaps > 0) & (gaps <= 1.5 * tenth)
    low, middle, high = (quantile(gaps[short], q) or 0.0 for q in (0.25, 0.5, 0.75))
    steady = high - low <= STEADY * middle and middle >= INTERVAL_MS_MIN
    return short if steady and short.mean() >= SHORT_SHARE else np.zeros(len(gaps), bool)


def _phase(stamps_ns: np.ndarray, interval_ms: Number) -> tuple[Number, Number]:
    """Mean place of the stamps in the interval, and how far they agree on it (circular statistics)."""
    if interval_ms is None:
        return None, None
    near = [nominal for nominal in NOMINAL_MS if abs(interval_ms - nominal) <= NEAR * nominal]
    period_ns = (near[0] if near else interval_ms) * MS
    angles = 2 * np.pi * (stamps_ns % period_ns) / period_ns
    mean = complex(np.exp(1j * angles).mean())
    strength = abs(mean)
    place_ms = float(np.angle(mean)) % (2 * np.pi) / (2 * np.pi) * period_ns / MS
    return (round(place_ms, 1) % (period_ns / MS) if strength >= IN_PHASE else None), strength


def _quantiles(delays: np.ndarray) -> tuple[Number, Number, Number]:
    return quantile(delays, 0.5), quantile(delays, 0.9), quantile(delays, 0.99)


def _skew_95(delays: list[np.ndarray], times: list[np.ndarray], block_ns: int) -> Interval | None:
    """The two medians' intervals, as if independent: their half widths add in squares."""
    bounds = [median_95(delay, at_ns, block_ns) for delay, at_ns in zip(delays, times, strict=True)]
    middles = [quantile(delay, 0.5) for delay in delays]
    if bounds[0] is None or bounds[1] is None or middles[0] is None or middles[1] is None:
        return None
    below = np.hypot(middles[1] - bounds[1][0], bounds[0][1] - middles[0])
    above = np.hypot(bounds[1][1] - middles[1], middles[0] - bounds[0][0])
    skew = middles[1] - middles[0]
    return float(skew - below), float(skew + above)


def _shift(traces: Traces, block_ns: int) -> tuple[Number, Number, Interval | None]:
    """Share explained without a shift, the best shift in ms, and its interval.

    A print of a level is explained as far as the message that includes it shows the level's lots gone.
    Prints are one vote each, so that a few large ones do not decide.
    """
    if not len(traces.prints) or not len(traces.message_ns):
        return None, None, None
    level, at_ns, lots = traces.prints.T
    picks = block_resamples(at_ns, seed=1, repeats=SHIFT_RESAMPLES, block_ns=block_ns)
    votes = np.bincount(picks.block_of).astype(float)
    rows = np.stack(
        [np.bincount(picks.block_of, _explained(traces, level, at_ns - ms * MS, lots)) for ms in SHIFTS_MS]
    )
    whole = rows.sum(axis=1) / votes.sum()
    resampled = (picks.weights @ rows.T) / (picks.weights @ votes)[:, None]
    # Of equal shares the least shift counts.
    order = np.argsort(np.abs(SHIFTS_MS), kind="stable")
    shifts = np.array(SHIFTS_MS, float)[order]
    best = float(shifts[np.argmax(whole[order])])
    found = shifts[np.argmax(resampled[:, order], axis=1)]
    return float(whole[SHIFTS_MS.index(0)]), best, interval(found)


def _explained(traces: Traces, level: np.ndarray, at_ns: np.ndarray, lots: np.ndarray) -> np.ndarray:
    """(n,) 0 to 1 of each print, when it is in the first message of its time or later."""
    messages = len(traces.message_ns)
    key = level * (messages + 1) + np.searchsorted(traces.message_ns, at_ns, side="left")
    groups, group_of = np.unique(key, return_inverse=True)
    printed = np.bincount(group_of, lots)
    drop_key = traces.drops[:, 0] * (messages + 1) + traces.drops[:, 1]
    order = np.argsort(drop_key, kind="stable")
    drop_key, gone = drop_key[order], traces.drops[order, 2]
    place = np.minimum(np.searchsorted(drop_key, groups), max(0, len(drop_key) - 1))
    found = len(drop_key) > 0 and drop_key[place] == groups
    dropped = np.where(found, gone[place] if len(gone) else 0, 0)
    return np.asarray(np.minimum(1.0, dropped / printed)[group_of])

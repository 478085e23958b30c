"""Candles of one symbol in exact integers: one running minute, folded into every step BitMart has."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

STEPS_MIN = (1, 3, 5, 15, 30, 45, 60, 120, 180, 240, 1440, 10_080, 43_200)
"""Steps in minutes that BitMart answers to (protocol reference 4.11), old ones included."""

CANDLES_MAX = 1_000
MINUTES_MAX = 1_441
"""A day and the running minute: what the 24 h figures are made of."""

MINUTE_S = 60
WEEK_MIN = 10_080
MONTH_MIN = 43_200
# 1970-01-01 was a Thursday; weeks open on Monday.
_MONDAY_OFFSET_S = 4 * 86_400


@dataclass(slots=True)
class Candle:
    """Prices in ticks, base volume in lots, quote volume in tick * lots; `open_s` s since 1970."""

    open_s: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    close_ticks: int
    volume_lots: int
    quote_volume: int

    def add(self, later: "Candle") -> None:
        """Take in a candle that follows this one in time."""
        self.high_ticks = max(self.high_ticks, later.high_ticks)
        self.low_ticks = min(self.low_ticks, later.low_ticks)
        self.close_ticks = later.close_ticks
        self.volume_lots += later.volume_lots
        self.quote_volume += later.quote_volume


def open_of(at_s: int, step_min: int) -> int:
    """Open time in s of the candle that `at_s` falls into.

    Steps up to a day are aligned to 1970, weeks open on Monday and months (43200) on their first day, UTC.
    """
    if step_min == MONTH_MIN:
        first = datetime.fromtimestamp(at_s, UTC).replace(day=1, hour=0, minute=0, second=0)
        return int(first.timestamp())
    offset = _MONDAY_OFFSET_S if step_min == WEEK_MIN else 0
    return (at_s - offset) // (step_min * MINUTE_S) * (step_min * MINUTE_S) + offset


class Klines:
    """Candles of all steps; minutes without a trade have none.

    Cost: O(1) per trade; one fold of 12 steps per minute with trades.
    """

    def __init__(self) -> None:
        self._minute: Candle | None = None
        self._series: dict[int, deque[Candle]] = {
            step: deque(maxlen=MINUTES_MAX if step == 1 else CANDLES_MAX) for step in STEPS_MIN
        }

    def trade(self, at_ns: int, price_ticks: int, size_lots: int) -> None:
        """Count a print. One that is stamped before the running minute counts into the running minute."""
        open_s = at_ns // (MINUTE_S * 10**9) * MINUTE_S
        candle = Candle(
            open_s, price_ticks, price_ticks, price_ticks, price_ticks, size_lots, price_ticks * size_lots
        )
        if self._minute is None:
            self._minute = candle
        elif open_s <= self._minute.open_s:
            self._minute.add(candle)
        else:
            self._close_minute(self._minute)
            self._minute = candle

    def last(self, step_min: int, limit: int = CANDLES_MAX) -> list[Candle]:
        """The newest `limit` candles of a step, oldest first, the running one included.

        Raises:
            ValueError: BitMart has no such step.
        """
        if step_min not in self._series:
            raise ValueError(f"no kline step of {step_min} minutes; there are {STEPS_MIN}")
        candles = [replace(candle) for candle in self._series[step_min]]
        if self._minute is not None:
            _fold(candles, self._minute, step_min)
        return candles[-limit:] if limit > 0 else []

    def minutes(self) -> Iterable[Candle]:
        """Closed minutes, oldest first, then the running one; to read only."""
        yield from self._series[1]
        if self._minute is not None:
            yield self._minute

    def _close_minute(self, minute: Candle) -> None:
        for step, series in self._series.items():
            _fold(series, minute, step)


def _fold(series: "deque[Candle] | list[Candle]", minute: Candle, step_min: int) -> None:
    open_s = open_of(minute.open_s, step_min)
    if series and series[-1].open_s == open_s:
        series[-1].add(minute)
    else:
        series.append(replace(minute, open_s=open_s))

"""Mid prices at any time, from the capture's own book or from a file of exact best prices."""

import csv
import gzip
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol

import numpy as np

from paper_bitmart.backtest.best_prices import best_prices
from paper_bitmart.backtest.tape import Tape
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.realism.outcomes import GZIP_MAGIC, OutcomesError


class Mids(Protocol):
    """Where mid prices come from; `name` says it in a report."""

    name: str

    def at(self, symbol: str, times_ns: np.ndarray) -> np.ndarray:
        """(n,) float64, in ticks (halves possible), at (n,) int64 times in any order; NaN where unknown."""
        ...


class CaptureMids:
    """The mid of the published book, as late as the feed publishes it (100 ms on BitMart)."""

    name = "the capture's own book"

    def __init__(self, tapes: Mapping[str, Tape]) -> None:
        self._tapes = tapes

    def at(self, symbol: str, times_ns: np.ndarray) -> np.ndarray:
        order = np.argsort(times_ns, kind="stable")
        bids, asks = best_prices(self._tapes[symbol], times_ns[order])
        mids = np.empty(len(times_ns))
        mids[order] = np.where(bids > 0, (bids + asks) / 2, np.nan)
        return mids


class FileMids:
    """A CSV file with the columns ts_ns, bid, ask, by time, plain or gzip: of one symbol.

    Before the first row the first one counts, after the last the last one.

    Raises:
        OutcomesError: several symbols, or a row is not three numbers in order of time. OSError: as `open`.
    """

    def __init__(self, path: Path, rules: Sequence[SymbolRules]) -> None:
        if len(rules) != 1:
            names = ", ".join(one.symbol for one in rules)
            raise OutcomesError(
                path, 0, "", f"holds the best prices of one symbol; the orders are of {names}"
            )
        self.name, self._symbol = path.name, rules[0].symbol
        times, mids = [], []
        with path.open("rb") as file:
            is_gzip = file.read(2) == GZIP_MAGIC
        with gzip.open(path, "rt") if is_gzip else path.open(encoding="utf-8") as lines:
            rows = csv.DictReader(lines)
            for number, row in enumerate(rows, 2):
                try:
                    times.append(int(row["ts_ns"]))
                    mid = (Decimal(row["bid"]) + Decimal(row["ask"])) / 2
                except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                    raise OutcomesError(path, number, "", "must have ts_ns, bid and ask") from error
                mids.append(float(mid / rules[0].tick))
                if len(times) > 1 and times[-1] < times[-2]:
                    raise OutcomesError(path, number, "ts_ns", "must not go back")
        if not times:
            raise OutcomesError(path, 0, "", "holds no prices")
        self._times, self._mids = np.array(times, np.int64), np.array(mids)

    def at(self, symbol: str, times_ns: np.ndarray) -> np.ndarray:
        if symbol != self._symbol:
            raise ValueError(f"prices are of {self._symbol}, not {symbol}")
        rows = np.searchsorted(self._times, times_ns, side="right") - 1
        return self._mids[np.maximum(rows, 0)]

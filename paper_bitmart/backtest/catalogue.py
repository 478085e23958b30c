"""A catalogue: histories by symbol and day in one directory, `DIRECTORY/BTC_USDT/2024-08-09`.

The day is the UTC day of the first event. A recording is never split: a part would begin without a book.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from paper_bitmart.backtest.history import META, History, HistoryError, HistoryWriter
from paper_bitmart.bitmart.rules import SymbolRules

NS_PER_S = 10**9


class Catalogue:
    """A directory of histories. It holds no index: the folders are the index.

    Args:
        directory: need not exist before the first `add`.
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)

    def symbols(self) -> list[str]:
        """Symbols that have a history, sorted."""
        return sorted({path.parent.parent.name for path in self.directory.glob(f"*/*/{META}")})

    def days(self, symbol: str) -> list[str]:
        """Days of a symbol as YYYY-MM-DD, sorted."""
        return sorted(path.parent.name for path in self.directory.glob(f"{symbol}/*/{META}"))

    def histories(self, symbol: str, first_day: str = "", last_day: str = "9999") -> list[History]:
        """Histories of a symbol, days from `first_day` to `last_day` inclusive, in order of time.

        Raises:
            HistoryError: there are none, or two of them overlap in time.
        """
        days = [day for day in self.days(symbol) if first_day <= day <= last_day]
        if not days:
            raise HistoryError(self.directory, f"has no history of {symbol} from {first_day} to {last_day}")
        found = [History(self.directory / symbol / day) for day in days]
        for before, after in pairwise(found):
            if before.size and after.size and after.first_ns < before.last_ns:
                raise HistoryError(after.path, f"begins before {before.path} ends")
        return found

    def add(
        self, rules: SymbolRules, chunks: Iterable[np.ndarray], *, packed: bool = False, source: str = ""
    ) -> History | None:
        """Write a new history from (n,) EVENT_DTYPE chunks; None if they hold no event.

        Raises:
            HistoryError: that day of the symbol exists already.
        """
        filled = (chunk for chunk in chunks if len(chunk))
        first = next(filled, None)
        if first is None:
            return None
        with self.writer(rules, int(first["recv_ns"][0]), packed=packed, source=source) as writer:
            for chunk in _chain(first, filled):
                writer.write(chunk)
        return History(writer.path)

    def writer(
        self, rules: SymbolRules, first_ns: int, *, packed: bool = False, source: str = ""
    ) -> HistoryWriter:
        """What writes the history that begins at `first_ns`. Raises HistoryError: that day exists already."""
        path = self.directory / rules.symbol / day_of(first_ns)
        return HistoryWriter(path, rules, packed=packed, source=source)


def day_of(at_ns: int) -> str:
    """UTC day of a time in ns since 1970, as YYYY-MM-DD."""
    return datetime.fromtimestamp(at_ns // NS_PER_S, UTC).strftime("%Y-%m-%d")


def _chain(first: np.ndarray, rest: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    yield first
    yield from rest

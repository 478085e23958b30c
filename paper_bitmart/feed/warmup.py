"""The mirror's compiled half is compiled on first use, which takes some seconds: say so before it starts."""

from collections.abc import Callable

import numpy as np

from paper_bitmart.feed.book import Book
from paper_bitmart.feed.book_core import ROWS_MAX, SIDE_LEVELS_MAX, follow_update
from paper_bitmart.feed.events import BID, EVENT_DTYPE

COMPILING = "Compiling the market mirror, once (some seconds) ..."


def warm_up(say: Callable[[str], None]) -> None:
    """Load what is compiled from its cache, or say what is going on and compile it."""
    if not is_compiled():
        say(COMPILING)
    # Each entry point once, so that no message waits for the compiler.
    book, rows = Book(), np.empty(ROWS_MAX, EVENT_DTYPE)
    scales, changes = np.zeros(4, np.int64), np.empty((2, SIDE_LEVELS_MAX, 2), np.int64)
    follow_update(b"", b"", 0, scales, changes, book.levels, book.counts, 1, 1, rows, 0, 0)
    book.fold(book.apply(BID, [(1, 1)], 1, 0, 0, 0), False)
    _ = book.is_crossed


def is_compiled() -> bool:
    """Whether the disk cache has it as it stands in the sources (always when not compiling at all)."""
    cache = getattr(follow_update, "_cache", None)
    # Interpreted functions (NUMBA_DISABLE_JIT=1) have no cache and need none.
    return cache is None or bool(cache._cache_file._load_index())

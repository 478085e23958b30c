"""The matching core is compiled on first use, which takes about half a minute: say so before it starts."""

from collections.abc import Callable

import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE
from paper_bitmart.matching.core import arrivals, loop
from paper_bitmart.matching.matcher import Matcher

COMPILING = "Compiling the matching core, once (about half a minute) ..."


def warm_up(say: Callable[[str], None]) -> None:
    """Load the compiled core from its cache, or say what is going on and compile it."""
    if not is_compiled():
        say(COMPILING)
    # Each entry point once, so that no later call waits for the compiler.
    matcher = Matcher()
    matcher.process(np.zeros(0, EVENT_DTYPE))
    matcher.place(1, 0, 0, 0, 1, 1, 0, 0, 0)
    matcher.restore_order(2, 0, 0, 1, 1, 0.0, 0)
    matcher.cancel(1, 0)
    matcher.drain()


def is_compiled() -> bool:
    """Whether the disk cache has the core as it stands in the sources (always when not compiling at all)."""
    return all(_is_cached(function) for function in (loop.apply_events, arrivals.arrive_if_room))


def _is_cached(function: object) -> bool:
    cache = getattr(function, "_cache", None)
    # Interpreted functions (NUMBA_DISABLE_JIT=1) have no cache and need none.
    return cache is None or bool(cache._cache_file._load_index())

"""The loop of a backtest is compiled on first use: say so before it starts."""

from collections.abc import Callable

import numpy as np

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.fast_loop import advance
from paper_bitmart.backtest.step_matcher import apply_until_report
from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import EVENT_DTYPE, Kind

COMPILING = "Compiling the loop of backtests, once (about half a minute) ..."
_ENTRY_POINTS = {"compiled": advance, "venue": apply_until_report}


def warm_up_loop(engine: str, rules: SymbolRules, say: Callable[[str], None]) -> None:
    """Compile what `Backtest.engine` runs by, unless the disk cache has it; its time is no run's then.

    Args:
        engine: compiled or venue. rules: of any symbol.
    """
    cache = getattr(_ENTRY_POINTS[engine], "_cache", None)
    # Interpreted functions (NUMBA_DISABLE_JIT=1) have no cache and need none.
    if cache is None or cache._cache_file._load_index():
        return
    say(COMPILING)
    nothing = np.zeros(1, EVENT_DTYPE)
    nothing["kind"] = Kind.DEPTH_MARK
    tape = ArrayTape(rules, nothing)
    Backtest({rules.symbol: tape}, Strategy(), engine=engine).run()  # type: ignore[arg-type]

"""The loop of a backtest is compiled on first use: say so before it starts."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal

import numpy as np

from paper_bitmart.backtest.backtest import Backtest
from paper_bitmart.backtest.desk import Desk
from paper_bitmart.backtest.fast_loop import advance
from paper_bitmart.backtest.step_matcher import apply_until_report
from paper_bitmart.backtest.strategy import WAKE_EVERY_NS, Strategy
from paper_bitmart.backtest.tape import ArrayTape
from paper_bitmart.bitmart.enums import OrderType
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind

COMPILING = "Compiling the loop of backtests, once (about half a minute) ..."
RULES = SymbolRules(
    symbol="A_B", symbol_id=1, base="A", quote="B", price_decimals=0, size_decimals=0, tick=Decimal(1),
    lot=Decimal(1), min_size=Decimal(1),
)  # fmt: skip
_ENTRY_POINTS = {"compiled": advance, "venue": apply_until_report}


class Once(Strategy):
    """Sends an order: as long as none rests, nothing is matched."""

    def on_book(self, desk: Desk, symbol: str) -> None:
        if not desk.tickets:
            desk.buy(symbol, 100, 1, OrderType.LIMIT_MAKER)


def warm_up_loop(engine: Literal["compiled", "venue"], say: Callable[[str], None]) -> None:
    """Compile what `Backtest.engine` runs by, unless the disk cache has it; its time is no run's then."""
    cache = getattr(_ENTRY_POINTS[engine], "_cache", None)
    # Interpreted functions (NUMBA_DISABLE_JIT=1) have no cache and need none.
    if cache is None or cache._cache_file._load_index():
        return
    say(COMPILING)
    Backtest({RULES.symbol: ArrayTape(RULES, _market())}, Once(), engine=engine).run()


def _market() -> np.ndarray:
    """(n,) EVENT_DTYPE: a book of 100 | 102, then a message at each of some wake-ups."""
    rows = [
        (0, Kind.SNAPSHOT_BEGIN, 0, 0, 0),
        (0, Kind.LEVEL, 0, 100, 5),
        (0, Kind.LEVEL, 1, 102, 5),
        (0, Kind.SNAPSHOT_END, 0, 0, 0),
        (0, Kind.FEED_STATE, 0, 0, FeedState.LIVE),
        *((wake, Kind.LEVEL, 0, 100, 5 + wake) for wake in range(1, 5)),
    ]
    events = np.zeros(len(rows), EVENT_DTYPE)
    for event, (wake, *fields) in zip(events, rows, strict=True):
        event["recv_ns"] = event["exch_ns"] = (wake + 1) * WAKE_EVERY_NS
        event["kind"], event["side"], event["price_ticks"], event["size_lots"] = fields
        event["flags"] = Flag.LAST if wake or fields[0] == Kind.FEED_STATE else Flag.SNAPSHOT
    return events

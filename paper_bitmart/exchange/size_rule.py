"""When an order is too large for its market to say anything about its fills. One rule for every door.

Others would see a large order and react, and a large fill would have moved the price; neither is modelled. So
whoever tries an order is told when

    it is more than DISPLAYED_PERCENT_MAX of what the DISPLAYED_LEVELS best levels show, of the side that it
    takes from (an order that crosses) or joins (one that rests), or
    it is more than TRADED_PERCENT_MAX of what traded in the last TRADED_WINDOW_NS.

The percentages are conventions, not fits: a tenth of the volume is where practice begins to call an order
large, and a quarter of the near book is more than its usual refresh hides. An order is never refused for it.
"""

from typing import NamedTuple

DISPLAYED_LEVELS = 10
DISPLAYED_PERCENT_MAX = 25
TRADED_WINDOW_NS = 300 * 10**9
TRADED_PERCENT_MAX = 10
OBSERVED_NS_MIN = 60 * 10**9
"""Shorter than this nobody knows what trades here; only the displayed size is judged."""


class MarketSize(NamedTuple):
    """What a market offers an order. `displayed_lots`: of the best levels of the side it meets or joins.

    `traded_lots`: printed in the last `observed_ns`, at most TRADED_WINDOW_NS.
    """

    displayed_lots: int
    traded_lots: int
    observed_ns: int


class TooLarge(NamedTuple):
    """An order breaks the rule: `size_lots` against `market_lots`, which were displayed or are traded."""

    measure: str
    size_lots: int
    market_lots: int

    @property
    def percent(self) -> float:
        """Size in percent of the market's; infinite where the market has nothing."""
        return 100 * self.size_lots / self.market_lots if self.market_lots else float("inf")

    def sentence(self, size: str, market: str) -> str:
        """In words; both sizes as they are shown to this reader."""
        if self.measure == "displayed":
            limit, what = DISPLAYED_PERCENT_MAX, f"the {market} that the best {DISPLAYED_LEVELS} levels show"
        else:
            minutes = TRADED_WINDOW_NS // (60 * 10**9)
            limit, what = TRADED_PERCENT_MAX, f"the {market} that trade in {minutes} minutes"
        share = "beyond all of" if not self.market_lots else f"{self.percent:.0f} % of"
        return (
            f"{size} is {share} {what} (limit {limit} %): a real order of this size would move the market, "
            "so its fills here say little"
        )


def too_large(size_lots: int, market: MarketSize) -> list[TooLarge]:
    """How an order breaks the rule; usually not at all. Integers only."""
    found = []
    if 100 * size_lots > DISPLAYED_PERCENT_MAX * market.displayed_lots:
        found.append(TooLarge("displayed", size_lots, market.displayed_lots))
    if market.observed_ns >= OBSERVED_NS_MIN:
        observed_ns = min(market.observed_ns, TRADED_WINDOW_NS)
        traded_lots = market.traded_lots * TRADED_WINDOW_NS // observed_ns
        if 100 * size_lots > TRADED_PERCENT_MAX * traded_lots:
            found.append(TooLarge("traded", size_lots, traded_lots))
    return found

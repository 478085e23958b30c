"""Does a mirrored book equal a fresh snapshot of the same version?"""

from collections.abc import Mapping

from paper_bitmart.bitmart.public_messages import DepthChange, Levels
from paper_bitmart.feed.events import ASK, BID
from paper_bitmart.feed.mirror import Mirror


def differing_levels(mirror: Mirror, snapshot: DepthChange) -> int:
    """Levels that differ, within the range that both books cover.

    Deeper levels that never changed are never sent, so a mirror may rightly lack them (protocol
    reference 7.1, step 8).

    Raises:
        BadNumber, NotAMultiple: as `SymbolRules.price_ticks`.
    """
    rules = mirror.rules

    def read(levels: Levels) -> dict[int, int]:
        units = [(rules.price_ticks(price), rules.size_lots(size)) for price, size in levels]
        return {price: size for price, size in units if size}

    return _differing(mirror.bids, read(snapshot.bids), BID) + _differing(
        mirror.asks, read(snapshot.asks), ASK
    )


def _differing(ours: Mapping[int, int], theirs: Mapping[int, int], side: int) -> int:
    if not ours or not theirs:
        return len(ours) + len(theirs)
    if side == BID:
        edge = max(min(ours), min(theirs))
        prices = {price for book in (ours, theirs) for price in book if price >= edge}
    else:
        edge = min(max(ours), max(theirs))
        prices = {price for book in (ours, theirs) for price in book if price <= edge}
    return sum(ours.get(price, 0) != theirs.get(price, 0) for price in prices)

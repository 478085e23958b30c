"""Depth messages in ticks and lots, and those that wait for the snapshot which they continue."""

from typing import NamedTuple

from paper_bitmart.feed.levels import Level

HELD_UPDATES_MAX = 1024


class Update(NamedTuple):
    """Levels of a depth message; whether they are changes or a whole book says the message's type.

    Attributes:
        version: -1 for channels that have none.
        exch_ns: the venue's time. bids, asks: no price twice; size 0 means gone.
    """

    version: int
    exch_ns: int
    bids: list[Level]
    asks: list[Level]


class HeldUpdates:
    """Updates that came before the book was whole; of two with one version the later."""

    def __init__(self) -> None:
        self._by_version: dict[int, Update] = {}

    def hold(self, update: Update) -> bool:
        """Keep one; False when HELD_UPDATES_MAX waited already, which are forgotten then."""
        has_room = len(self._by_version) < HELD_UPDATES_MAX
        if not has_room:
            self._by_version.clear()
        self._by_version[update.version] = update
        return has_room

    def take(self) -> list[Update]:
        """All that wait, by version; none waits afterwards."""
        held = sorted(self._by_version.values())
        self._by_version.clear()
        return held

    def clear(self) -> None:
        self._by_version.clear()

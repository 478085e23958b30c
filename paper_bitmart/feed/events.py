"""The market event format: one numpy record per event, the same everywhere behind `feed/`.

Arrays hold events of one symbol, ordered by `recv_ns`. A depth message becomes one LEVEL event per
changed level (all with the message's times); the last event of any message carries Flag.LAST, so a
reader knows when the book is whole again. A depth message without levels (keep-alive, or a change
outside the published window) becomes one DEPTH_MARK: its time still says which trades are included.
"""

from collections.abc import Sequence
from enum import IntEnum, IntFlag

import numpy as np


class Kind(IntEnum):
    """What an event says."""

    LEVEL = 0
    """A level's absolute size is now `size_lots` (0 = gone). `side`: 0 bid, 1 ask."""
    DEPTH_MARK = 1
    """A depth message that changes no published level."""
    SNAPSHOT_BEGIN = 2
    """Forget the book; LEVEL events with Flag.SNAPSHOT follow."""
    SNAPSHOT_END = 3
    """The book is whole; carries Flag.LAST."""
    TRADE = 4
    """A print. `side` is the aggressor's: 0 buy, 1 sell."""
    BBO = 5
    """Best price and size of one side (`side`: 0 bid, 1 ask), between depth messages."""
    FEED_STATE = 6
    """`size_lots` holds a FeedState; the book may only be trusted while it is LIVE."""


class FeedState(IntEnum):
    """How far a symbol's book can be trusted."""

    SYNCING = 0
    """Connected, no whole book yet (or a gap is being mended)."""
    LIVE = 1
    """The book is the venue's; only now do orders fill."""
    STALE = 2
    """Content is too old to trust, though the connection may be up."""
    CLOSED = 3
    """No connection, end of recording, or the venue is closed."""


class Flag(IntFlag):
    """What an event is within its source message."""

    LAST = 1
    """Last event of its source message."""
    LEFT_WINDOW = 2
    """Size 0 because the level left the published window: it did not empty."""
    ENTERED_WINDOW = 4
    """The level came into the published window from beyond its edge: its size is not new."""
    SNAPSHOT = 8
    """Part of a snapshot."""


EVENT_DTYPE = np.dtype(
    [
        ("recv_ns", np.int64),
        ("exch_ns", np.int64),
        ("price_ticks", np.int64),
        ("size_lots", np.int64),
        ("seq", np.uint32),
        ("flags", np.uint16),
        ("kind", np.uint8),
        ("side", np.uint8),
    ]
)
"""40 bytes. `recv_ns`: receive time, the order of events. `exch_ns`: the venue's time stamp of the
message (`ms_t` * 10^6). `seq`: ordinal of the source message in its capture or session (wraps at
2^32), the tie-break between symbols. Unused fields are 0."""

BID, ASK = 0, 1
BUY, SELL = 0, 1


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of events as one, (n,) EVENT_DTYPE; a single one is given back as it is.

    As bytes, because numpy's concatenate compares the fields of the records anew for every array: 160 times
    as long for fifty arrays of ten events.
    """
    if len(parts) == 1:
        return parts[0]
    data = bytearray().join(parts)  # type: ignore[arg-type]  # arrays are buffers, which 3.11 cannot say
    return np.frombuffer(data, EVENT_DTYPE)


def message_times(markets: Sequence[np.ndarray]) -> np.ndarray:
    """Receive times of all messages of several symbols' events, rising; (n,) int64."""
    times = [events["recv_ns"][(events["flags"] & Flag.LAST) != 0] for events in markets]
    return np.sort(np.concatenate(times)) if times else np.zeros(0, np.int64)

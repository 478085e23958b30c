"""Collects events one by one and hands them out as one EVENT_DTYPE array."""

import struct

import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE, Flag

PACK_EVENT = struct.Struct("=qqqqIHBB").pack
"""(recv_ns, exch_ns, price_ticks, size_lots, seq, flags, kind, side) as one EVENT_DTYPE record."""

_FLAGS_FROM_END = 4
_SHORT = struct.Struct("=H")

assert struct.calcsize("=qqqqIHBB") == EVENT_DTYPE.itemsize


class EventBuffer:
    """Append with `data += PACK_EVENT(...)`: five times faster than building records of numpy."""

    def __init__(self) -> None:
        self.data = bytearray()

    def __len__(self) -> int:
        return len(self.data) // EVENT_DTYPE.itemsize

    def extend(self, rows: np.ndarray) -> None:
        """Append (n,) EVENT_DTYPE."""
        self.data += rows.tobytes()

    def mark_last(self) -> None:
        """Set Flag.LAST on the newest event."""
        at = len(self.data) - _FLAGS_FROM_END
        _SHORT.pack_into(self.data, at, _SHORT.unpack_from(self.data, at)[0] | Flag.LAST)

    def take(self) -> np.ndarray:
        """All events since the last `take`, in order; the buffer is empty afterwards."""
        events = np.frombuffer(self.data, dtype=EVENT_DTYPE)
        # The array keeps the bytes; the buffer starts anew.
        self.data = bytearray()
        return events

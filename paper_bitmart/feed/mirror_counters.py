"""What a mirror counts."""

from dataclasses import dataclass


@dataclass(slots=True)
class MirrorCounters:
    """What happened so far; messages unless said otherwise."""

    snapshots: int = 0
    updates: int = 0
    keepalives: int = 0
    duplicates: int = 0
    """Depth messages that the book already includes."""
    gaps: int = 0
    """Times an update was missing."""
    crossed: int = 0
    """Times best bid >= best ask."""
    bad: int = 0
    """Messages that could not be understood."""
    overflows: int = 0
    """Times a limit on held updates or on levels was reached."""
    thinned: int = 0
    """Snapshots asked for because a side ran out of levels."""
    stale: int = 0
    disconnects: int = 0
    trades: int = 0
    """Prints that were passed on."""
    trades_dropped: int = 0
    """Prints that came while the book was not LIVE."""
    bbos: int = 0
    ignored: int = 0
    """Messages of channels or sources that are not mirrored."""

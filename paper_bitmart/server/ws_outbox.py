"""The ordered, bounded queue of frames that wait for one client."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto


class FrameKind(Enum):
    TEXT = auto()
    BINARY = auto()
    PONG = auto()
    CLOSE = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame as it goes out; pushes of one message share one Frame over all their subscribers.

    Attributes:
        data: the payload. Of a CLOSE: the reason.
        topic: `channel:filter` of a push, "" of control frames.
        code: the close code, of a CLOSE only.
    """

    kind: FrameKind
    data: bytes
    topic: str = ""
    code: int = 0


class Outbox:
    """Frames of one connection, first in first out, never more than the bounds.

    Invariant: `queued_bytes` is the sum of the queued frames' data. A refused `put` changes nothing,
    so whoever overflows decides: resync or close, but never a silent gap.
    """

    def __init__(self, frames_max: int, bytes_max: int) -> None:
        self._frames: deque[Frame] = deque()
        self._frames_max, self._bytes_max = frames_max, bytes_max
        self.queued_bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: Frame) -> bool:
        """Append; False, and nothing done, if that would break a bound."""
        over = self.queued_bytes + len(frame.data) > self._bytes_max or len(self._frames) >= self._frames_max
        # A frame larger than the bound itself may pass alone, else it could never be sent at all.
        if over and self._frames:
            return False
        self._frames.append(frame)
        self.queued_bytes += len(frame.data)
        return True

    def pop(self) -> Frame | None:
        """The oldest frame, or None."""
        if not self._frames:
            return None
        frame = self._frames.popleft()
        self.queued_bytes -= len(frame.data)
        return frame

    def drop_topics(self, topics: Iterable[str]) -> list[str]:
        """Remove all queued pushes of these topics; returns the topics that had any, in queue order."""
        wanted = set(topics)
        dropped = dict.fromkeys(frame.topic for frame in self._frames if frame.topic in wanted)
        if dropped:
            self._frames = deque(frame for frame in self._frames if frame.topic not in wanted)
            self.queued_bytes = sum(len(frame.data) for frame in self._frames)
        return list(dropped)

    def clear(self) -> None:
        self._frames.clear()
        self.queued_bytes = 0

"""How much a client may ask of a venue, and how a client keeps to it."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from paper_bitmart.feed.live.errors import TooManySymbols

NS_PER_S: Final = 10**9


@dataclass(frozen=True, slots=True)
class VenueLimits:
    """Limits of a venue's public websocket.

    Attributes:
        connections: at a time from one address.
        topics_per_connection, topics_per_message, topic_bytes_per_message: of subscriptions.
        messages_per_window, window_ns: what a client may send on one connection.
        connects_per_minute: attempts, failed ones included.
    """

    connections: int
    topics_per_connection: int
    topics_per_message: int
    topic_bytes_per_message: int
    messages_per_window: int
    window_ns: int
    connects_per_minute: int


BITMART_WS: Final = VenueLimits(20, 115, 20, 4096, 100, 10 * NS_PER_S, 30)
"""Source: protocol reference 6.2."""

BINANCE_WS: Final = VenueLimits(20, 1024, 100, 1 << 20, 5, NS_PER_S, 60)
"""Source: Binance's websocket documentation: 5 messages/s, 1024 streams, 300 attempts in 5 minutes."""


class RateWindow:
    """At most `count` events in any `window_ns`, by the caller's clock.

    >>> window = RateWindow(2, 10)
    >>> window.take(0), window.take(1), window.take(2), window.free_ns(2)
    (True, True, False, 10)
    """

    def __init__(self, count: int, window_ns: int) -> None:
        self._count, self._window_ns = count, window_ns
        self._taken: deque[int] = deque()

    def free_ns(self, at_ns: int) -> int:
        """When the next event is allowed: `at_ns` or later."""
        while self._taken and self._taken[0] + self._window_ns <= at_ns:
            self._taken.popleft()
        if len(self._taken) < self._count:
            return at_ns
        return self._taken[0] + self._window_ns

    def take(self, at_ns: int) -> bool:
        """Count an event now, if it is allowed."""
        if self.free_ns(at_ns) > at_ns:
            return False
        self._taken.append(at_ns)
        return True


def message_chunks(topics: Sequence[str], limits: VenueLimits) -> Iterator[list[str]]:
    """Topics in as few messages as the limits allow, in order."""
    chunk: list[str] = []
    chunk_bytes = 0
    for topic in topics:
        size = len(topic.encode())
        full = len(chunk) == limits.topics_per_message
        if chunk and (full or chunk_bytes + size > limits.topic_bytes_per_message):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(topic)
        chunk_bytes += size
    if chunk:
        yield chunk


def spread(
    symbols: Sequence[str], topics_per_symbol: int, limits: VenueLimits, venue: str
) -> list[tuple[str, ...]]:
    """Symbols by connection: as few connections as possible, evenly filled.

    Raises:
        TooManySymbols: more than all allowed connections carry.
    """
    per_connection = limits.topics_per_connection // topics_per_symbol
    wanted = -(-len(symbols) // per_connection)
    if wanted > limits.connections:
        most = per_connection * limits.connections
        raise TooManySymbols(f"{venue} carries at most {most} symbols, not {len(symbols)}")
    return [tuple(symbols[i::wanted]) for i in range(wanted)]

"""The websocket limits of protocol reference 6.1 and 6.2, as data, and the gate that counts connections.

Every queue, rate and wait of a websocket connection is bounded by a figure in `WsLimits`; `None` means
that the limit is switched off. Times are nanoseconds of real time (a client's patience is real even
when the market is replayed at another speed).
"""

from collections import Counter, deque
from dataclasses import dataclass, replace

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


@dataclass(frozen=True, slots=True)
class WsLimits:
    """What one connection, and one address, may do. Defaults: the public endpoint of reference 6.2."""

    connections_per_address: int | None = 20
    attempts_per_minute: int | None = 30
    topics_per_connection: int | None = 115
    topics_per_message: int | None = 20
    topic_bytes_per_message: int = 4096
    messages_per_window: int | None = 100
    window_ns: int = 10 * SECOND_NS
    counts_ping_frames: bool = False
    """Whether ping and pong frames count as messages: on the private endpoint they do."""
    idle_ns: int | None = 20 * SECOND_NS
    """No frame in either direction for so long closes the connection (reference 10 #30)."""
    unsubscribed_ns: int | None = 5 * MINUTE_NS
    """A connection that never subscribed to anything is closed after so long."""
    frame_bytes_in: int = 64 * 1024
    """A longer client message closes the connection (1009); 20 topics need less than 5 KiB."""
    queued_frames: int = 2_000
    queued_bytes: int = 4 * 1024 * 1024
    """Bounds of the outgoing queue: what a slow consumer may be behind before it is resynced or closed."""
    send_timeout_ns: int = 20 * SECOND_NS
    """A single frame that the peer does not take for so long ends the connection."""

    def unlimited(self) -> "WsLimits":
        """The same without BitMart's rate, topic and connection limits; the queue bounds stay."""
        return replace(
            self,
            connections_per_address=None,
            attempts_per_minute=None,
            topics_per_connection=None,
            topics_per_message=None,
            topic_bytes_per_message=self.frame_bytes_in,
            messages_per_window=None,
        )


PUBLIC_LIMITS = WsLimits()
PRIVATE_LIMITS = WsLimits(connections_per_address=10, topics_per_connection=100, counts_ping_frames=True)


class AddressGate:
    """Counts open connections and connection attempts per client address, for one endpoint."""

    def __init__(self, limits: WsLimits, *, remembered_addresses: int = 10_000) -> None:
        """`remembered_addresses` bounds the memory: the address longest without an attempt goes first."""
        self._limits = limits
        self._remembered = remembered_addresses
        self._open: Counter[str] = Counter()
        self._attempts: dict[str, deque[int]] = {}

    def admit(self, address: str, at_ns: int) -> int | None:
        """Count one attempt; None lets it in (pair it with `leave`), else the code that refuses it."""
        if self._too_frequent(address, at_ns):
            return 94001
        limit = self._limits.connections_per_address
        if limit is not None and self._open[address] >= limit:
            return 94002
        self._open[address] += 1
        return None

    def leave(self, address: str) -> None:
        """One admitted connection of this address has ended."""
        self._open[address] -= 1
        if self._open[address] <= 0:
            del self._open[address]

    def open_connections(self, address: str) -> int:
        return self._open.get(address, 0)

    def _too_frequent(self, address: str, at_ns: int) -> bool:
        limit = self._limits.attempts_per_minute
        if limit is None:
            return False
        attempts = self._attempts.pop(address, None) or deque(maxlen=limit)
        self._attempts[address] = attempts  # moved to the end: the dict is ordered by last attempt
        if len(self._attempts) > self._remembered:
            del self._attempts[next(iter(self._attempts))]
        if len(attempts) == limit and at_ns - attempts[0] < MINUTE_NS:
            return True
        attempts.append(at_ns)
        return False

"""When to try again: exponential waiting with jitter, under the venue's limit of attempts."""

import random
from dataclasses import dataclass

from paper_bitmart.feed.live.venue_limits import NS_PER_S, RateWindow


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """Attributes:
    first_ns: mean wait after one failure; doubled by each further one up to `most_ns`.
    jitter: a wait is random within this part of itself around the mean, so that clients do not
        come back in step.
    """

    first_ns: int = NS_PER_S // 2
    most_ns: int = 30 * NS_PER_S
    jitter: float = 0.5


class Backoff:
    """Times of connection attempts.

    Args:
        attempts: shared by all connections from this address.
        rng: seeded by the caller.
    """

    def __init__(
        self, attempts: RateWindow, rng: random.Random, settings: BackoffSettings | None = None
    ) -> None:
        self._attempts, self._rng = attempts, rng
        self._settings = settings or BackoffSettings()
        self._failures = 0
        self._not_before_ns = 0

    @property
    def failures(self) -> int:
        """In a row since the last success."""
        return self._failures

    def next_ns(self, at_ns: int) -> int:
        """When the next attempt may begin: `at_ns` or later."""
        return self._attempts.free_ns(max(at_ns, self._not_before_ns))

    def attempt(self, at_ns: int) -> bool:
        """Count an attempt that begins now; False when it has to wait."""
        return at_ns >= self._not_before_ns and self._attempts.take(at_ns)

    def failed(self, at_ns: int) -> None:
        """The attempt failed, or the connection it made was of no use."""
        settings = self._settings
        # 2^30 of anything is beyond `most_ns`; the bound keeps the shift small.
        mean_ns = min(settings.most_ns, settings.first_ns << min(self._failures, 30))
        self._failures += 1
        self._not_before_ns = at_ns + int(mean_ns * (1 + settings.jitter * (2 * self._rng.random() - 1)))

    def worked(self) -> None:
        """The connection delivered a market: the next failure is a first one."""
        self._failures = 0

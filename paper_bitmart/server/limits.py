"""How the gate counts calls: BitMart's limiter, or the same headers without any counting."""

from __future__ import annotations

from paper_bitmart.bitmart.rate_limits import (
    BITMART_LIMITS,
    KeyKind,
    RateConfig,
    RateLimiter,
    RateState,
    load_rate_config,
)
from paper_bitmart.server.keys import ApiKey

OFF = "off"
BITMART = "bitmart"


class CallLimits:
    """Rate limits of a server, by the setting `rate_limits`: "bitmart", "off", or the path of a TOML file.

    Off still tells clients the documented limits, with none of them used up, so that clients which
    steer by the headers keep working.

    Raises:
        RateConfigError, OSError: the file is wrong or cannot be read.
    """

    def __init__(self, setting: str = BITMART) -> None:
        config = RateConfig(BITMART_LIMITS, None) if setting in (OFF, BITMART) else load_rate_config(setting)
        self._limits = config.limits
        self._limiter: RateLimiter | None = None if setting == OFF else config.limiter()
        self._unused = {
            endpoint: RateState(True, 0, limit.count, limit.seconds, limit.key)
            for endpoint, limit in config.limits.items()
        }

    def hit(self, endpoint: str, address: str, key: ApiKey | None, at_ns: int) -> RateState | None:
        """Count one call; None for an endpoint without a limit.

        Args:
            endpoint: "METHOD /path".
            address: the caller's IP, counted where the limit is per IP.
            key: the caller's key set, counted per key or account elsewhere.
            at_ns: wall clock, ns since 1970.
        """
        limit = self._limits.get(endpoint)
        if limit is None:
            return None
        if self._limiter is None:
            return self.unused(endpoint)
        if limit.key is KeyKind.IP or key is None:
            caller = address
        else:
            caller = key.access_key if limit.key is KeyKind.KEY else key.account
        return self._limiter.hit(endpoint, caller, at_ns)

    def unused(self, endpoint: str) -> RateState | None:
        """What the headers say on a call that was refused before it was counted."""
        return self._unused.get(endpoint)

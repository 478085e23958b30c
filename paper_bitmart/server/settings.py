"""What a user may set about the server, checked once at the start.

SettingsError    a field, the rule it breaks, the value given
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

PUSH_DELAY_MS_MAX = 10_000
_LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain"})


class SettingsError(ValueError):
    """A server setting is out of its rule. Carries `field`, `rule` and `value`."""

    def __init__(self, field: str, rule: str, value: object) -> None:
        super().__init__(f"{field}: {rule}, got {value!r}")
        self.field, self.rule, self.value = field, rule, value


class BookMode(StrEnum):
    """What public book data shows."""

    MARKET = "market"
    """The source's book as it is; own orders are virtual and stay invisible."""
    MERGED = "merged"
    """The source's book plus the resting orders of `ServerSettings.book_account`, as on the venue itself."""


class ClockMode(StrEnum):
    """Which times a replay tells; a client's timestamps are judged by Now."""

    WALL = "wall"
    """The recording starts now; its clock goes on from there at the replay's speed, also when it loops."""
    RECORDED = "recorded"
    """The recording keeps its own times."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Settings of one server.

    Attributes:
        host: address to listen on; other than loopback needs `allow_remote`.
        port: TCP port, 0 lets the system choose a free one.
        allow_remote: also serve other machines. Paper money only, but keys travel in clear text.
        book: see BookMode.
        book_account: whose orders a merged book shows; None: the account of the first key.
        rate_limits: "bitmart" (protocol reference 3.1), "off", or the path of a TOML file.
        state_dir: where keys are kept; None keeps them in memory only.
        clock: see ClockMode.
        allowed_hosts: further Host names, beside loopback and `host`, that may reach the admin API.
        body_bytes_max: longest request body accepted.
        history_days_max: how far back startTime of the v4 queries may reach before 50041
            (protocol reference 10, question 18).
        compress_pushes: websocket pushes as raw-deflate binary frames (protocol reference 6.1), else text.
        private_push_delay_ms: real time that private pushes wait. On one machine they would else overtake the
            answer that tells the order's id, and Hummingbot would ask for the fills of an order without one.
        lenient_topics: accept private topics on /api and public ones on /user (reference 10, question 46).

    Raises:
        SettingsError: a field breaks its rule.
    """

    host: str = "127.0.0.1"
    port: int = 8380
    allow_remote: bool = False
    book: BookMode = BookMode.MARKET
    book_account: str | None = None
    rate_limits: str = "bitmart"
    state_dir: Path | None = None
    clock: ClockMode = ClockMode.WALL
    allowed_hosts: frozenset[str] = field(default_factory=frozenset)
    body_bytes_max: int = 64 * 1024
    history_days_max: int = 90
    compress_pushes: bool = True
    private_push_delay_ms: int = 20
    lenient_topics: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise SettingsError("port", "0..65535", self.port)
        if not self.host:
            raise SettingsError("host", "an address or name", self.host)
        if not self.allow_remote and not is_loopback(self.host):
            raise SettingsError("host", "loopback, or --allow-remote to serve other machines", self.host)
        if self.body_bytes_max < 1024:
            raise SettingsError("body_bytes_max", "at least 1024", self.body_bytes_max)
        if self.history_days_max < 1:
            raise SettingsError("history_days_max", "at least 1", self.history_days_max)
        if not 0 <= self.private_push_delay_ms <= PUSH_DELAY_MS_MAX:
            raise SettingsError(
                "private_push_delay_ms", f"0..{PUSH_DELAY_MS_MAX}", self.private_push_delay_ms
            )
        if self.rate_limits not in ("bitmart", "off") and not Path(self.rate_limits).is_file():
            raise SettingsError("rate_limits", "bitmart, off or an existing TOML file", self.rate_limits)


def is_loopback(host: str) -> bool:
    """Whether a host name or address (no port, IPv6 without brackets) can only mean this machine."""
    if host.lower().rstrip(".") in _LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

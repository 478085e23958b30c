"""Who may use the admin API: holders of the token, from a page or program that really meant this server.

A web page anywhere can make a browser send requests to loopback, and by DNS rebinding even under a host
name of its own. So, before the token: the Host must be a name that we know, and an Origin, which only
browsers send, must be our own.

    AdminError    what an admin call did wrong: HTTP status, text; code = 10000 + status
"""

from __future__ import annotations

from aiohttp import web

from paper_bitmart.server.keys import KeyStore
from paper_bitmart.server.settings import ServerSettings, is_loopback

TOKEN_HEADER = "X-Paper-Token"
CODE_OFFSET = 10_000


class AdminError(Exception):
    """An admin call that is refused; nothing has changed. Carries `status` and `message`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    @property
    def code(self) -> int:
        """`code` of the envelope; BitMart has no codes below 30000 but 1000."""
        return CODE_OFFSET + self.status


def check_caller(request: web.Request, keys: KeyStore, settings: ServerSettings) -> None:
    """Let the call in.

    Raises:
        AdminError: 403 foreign Host or Origin, 401 token missing or wrong.
    """
    host = request.headers.get("Host", "")
    if not is_own_host(host, settings):
        raise AdminError(403, f"Host {host[:100]!r} is not a name of this server")
    origin = request.headers.get("Origin")
    if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
        raise AdminError(403, "calls from another origin are refused")
    if not keys.is_admin(request.headers.get(TOKEN_HEADER, "")):
        raise AdminError(401, f"header {TOKEN_HEADER} is missing or wrong")


def is_own_host(host: str, settings: ServerSettings) -> bool:
    """Whether a Host header names this server: loopback, the address it listens on, or a configured name."""
    name = _without_port(host).lower()
    if not name:
        return False
    return is_loopback(name) or name == settings.host.lower() or name in settings.allowed_hosts


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]

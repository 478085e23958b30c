"""The login of a private websocket connection (protocol reference 6.4), without any I/O."""

from collections.abc import Callable, Sequence

from paper_bitmart.bitmart.errors import WsRefused
from paper_bitmart.bitmart.signing import WS_LOGIN_PAYLOAD, verify
from paper_bitmart.server.keys import ApiKey
from paper_bitmart.server.now import Now

LOGIN_WINDOW_MS = 60_000
"""A login is valid for a minute either way: some clients sign several seconds ahead (reference 2.3)."""


def check_login(
    args: Sequence[str], find: Callable[[str], ApiKey | None], now: Now, address: str = ""
) -> str:
    """Check `[key, timestamp, sign]` and return the account that the key belongs to.

    Args:
        args: the three strings of the login message; the timestamp is text, ms since 1970.
        find: finds a key by its access key, or returns None.
        now: the server's clocks.
        address: the client's, for keys that are bound to addresses.

    Raises:
        WsRefused: with the code of the first rule that fails, in the order of reference 2.4.
    """
    access_key, timestamp, sign = args
    key = _usable_key(access_key, find, now.wall_ns, address)
    if not timestamp:
        raise WsRefused(91021)
    if not sign:
        raise WsRefused(91010)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) == 13):
        raise WsRefused(91023)
    if not verify(key.secret, key.memo, timestamp, WS_LOGIN_PAYLOAD, sign):
        raise WsRefused(91011)
    if not now.is_recent(int(timestamp), past_ms=LOGIN_WINDOW_MS, future_ms=LOGIN_WINDOW_MS):
        raise WsRefused(91022)
    return key.account


def _usable_key(access_key: str, find: Callable[[str], ApiKey | None], wall_ns: int, address: str) -> ApiKey:
    if not access_key:
        raise WsRefused(91001)
    key = find(access_key)
    # The websocket table has no code for a foreign address, so the key does not exist for it.
    if key is None or (key.ips and address not in key.ips):
        raise WsRefused(91002)
    if key.frozen:
        raise WsRefused(91003)
    if key.expires_ns is not None and wall_ns >= key.expires_ns:
        raise WsRefused(91004)
    return key

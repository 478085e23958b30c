"""Who is calling, and may they: keys, signatures and timestamps of REST calls (protocol reference 2).

The checks come apart in three functions because BitMart counts a call against its rate limit between
them: `find_key`, then the limiter, then `check_signature`, then (the body is parsed) `check_window`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from paper_bitmart.bitmart import signing
from paper_bitmart.bitmart.codes import (
    OUTSIDE_RECV_WINDOW,
    RECV_WINDOW_NOT_LONG,
    RECV_WINDOW_OUT_OF_RANGE,
    TIMESTAMP_NOT_LONG,
)
from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.server.keys import ApiKey, KeyStore, Permission
from paper_bitmart.server.now import Now

KEY_HEADER = "X-BM-KEY"
SIGN_HEADER = "X-BM-SIGN"
TIMESTAMP_HEADER = "X-BM-TIMESTAMP"

MINUTE_MS = 60_000
FUTURE_MS_MAX = 1_000
RECV_WINDOW_MS_MAX = 60_000
RECV_WINDOW_MS_DEFAULT = 5_000

# Headers are looked up by lower-case name.
_KEY, _SIGN, _TIMESTAMP = KEY_HEADER.lower(), SIGN_HEADER.lower(), TIMESTAMP_HEADER.lower()
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_TIMESTAMP_DIGITS = 13


class Level(Enum):
    """What an endpoint asks of its caller (protocol reference 2.1)."""

    NONE = "none"
    KEYED = "keyed"
    """A known key is enough: a signature or timestamp that is sent as well is not looked at."""
    SIGNED = "signed"


class Window(Enum):
    """How old a signed call may be (protocol reference 2.3)."""

    MINUTE = "minute"
    RECV_WINDOW = "recvWindow"


def find_key(
    keys: KeyStore, headers: Mapping[str, str], needs: Permission, address: str, now_ns: int
) -> ApiKey:
    """The key set that the call names, if it may be used for it.

    Args:
        needs: the permission that the endpoint asks for.
        address: the caller's IP address.
        now_ns: ns since 1970, against which expiry is judged.

    Raises:
        BitmartError: 30001 none, 30002 unknown, 30003 frozen, 30011 expired, 30010 address, 30012 permission;
            in this order (protocol reference 2.4).
    """
    access_key = headers.get(_KEY, "")
    if not access_key:
        raise refusal(30001, field=KEY_HEADER)
    key = keys.find(access_key)
    if key is None:
        raise refusal(30002, field=KEY_HEADER)
    if key.frozen:
        raise refusal(30003, field=KEY_HEADER)
    if key.expires_ns is not None and now_ns >= key.expires_ns:
        raise refusal(30011, field=KEY_HEADER)
    if key.ips and address not in key.ips:
        raise refusal(30010, field=KEY_HEADER)
    if needs not in key.permissions:
        raise refusal(30012, field=KEY_HEADER)
    return key


def check_signature(key: ApiKey, headers: Mapping[str, str], body: bytes) -> int:
    """Check the signature over the raw body; returns the call's timestamp in ms.

    Raises:
        BitmartError: 30004 no sign, 30006 timestamp missing or no integer, 30008 not 13 digits,
            30005 wrong sign; in this order.
    """
    sign = headers.get(_SIGN, "")
    if not sign:
        raise refusal(30004, field=SIGN_HEADER)
    timestamp = headers.get(_TIMESTAMP, "")
    if not (len(timestamp) == _TIMESTAMP_DIGITS and timestamp.isascii() and timestamp.isdigit()):
        raise _timestamp_refusal(timestamp)
    if not signing.verify(key.secret, key.memo, timestamp, body, sign):
        raise refusal(30005, field=SIGN_HEADER)
    return int(timestamp)


def _timestamp_refusal(timestamp: str) -> BitmartError:
    if not timestamp:
        return refusal(30006, field=TIMESTAMP_HEADER)
    if not _INTEGER.fullmatch(timestamp):
        return refusal(30006, field=TIMESTAMP_HEADER, message=TIMESTAMP_NOT_LONG)
    return refusal(30008, field=TIMESTAMP_HEADER)


def check_window(timestamp_ms: int, now: Now, window: Window, recv_window: object = None) -> None:
    """Check that the call is recent.

    Args:
        now: the server's clocks.
        recv_window: the body's `recvWindow`, None when absent; only looked at under Window.RECV_WINDOW.

    Raises:
        BitmartError: 30007 in the wording of the rule that is broken.
    """
    if window is Window.MINUTE:
        if not now.is_recent(timestamp_ms, past_ms=MINUTE_MS, future_ms=MINUTE_MS):
            raise refusal(30007, field=TIMESTAMP_HEADER, value=timestamp_ms)
        return
    width_ms = _read_recv_window(recv_window)
    usable_ms = width_ms if width_ms and 0 < width_ms <= RECV_WINDOW_MS_MAX else RECV_WINDOW_MS_DEFAULT
    if not now.is_recent(timestamp_ms, past_ms=usable_ms, future_ms=FUTURE_MS_MAX - 1):
        raise refusal(30007, field=TIMESTAMP_HEADER, value=timestamp_ms, message=OUTSIDE_RECV_WINDOW)
    if width_ms is None:
        raise _recv_window_refusal(RECV_WINDOW_NOT_LONG, recv_window)
    if usable_ms != width_ms:
        raise _recv_window_refusal(RECV_WINDOW_OUT_OF_RANGE, recv_window)


def _read_recv_window(value: object) -> int | None:
    """The window in ms; None when it is no integer."""
    if value is None:
        return RECV_WINDOW_MS_DEFAULT
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 19 and _INTEGER.fullmatch(value):
        return int(value)
    return None


def _recv_window_refusal(message: str, value: object) -> BitmartError:
    return refusal(30007, field="recvWindow", value=value, message=message)

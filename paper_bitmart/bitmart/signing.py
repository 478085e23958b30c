"""Signatures of requests and websocket logins (protocol reference 2.2).

    sign = hex( HMAC_SHA256( key = secret, message = timestamp + "#" + memo + "#" + payload ) )

The payload of a POST is the body as sent, byte for byte: some clients put spaces into their JSON, others do
not, so a signature is never checked over re-serialised JSON. The payload of a login is a constant.
"""

import hmac
from functools import lru_cache
from typing import Final

WS_LOGIN_PAYLOAD: Final = b"bitmart.WebSocket"
"""What a websocket login signs in place of a body."""


def sign(secret: str, memo: str, timestamp: str, payload: bytes) -> str:
    """The signature, 64 lower-case hex digits.

    Args:
        secret: the key's secret.
        memo: the key's memo, free text.
        timestamp: ms since 1970, exactly the text that is sent along.
        payload: the raw body, or `WS_LOGIN_PAYLOAD`.
    """
    mac = _keyed(secret).copy()
    mac.update(b"#".join((_bytes(timestamp), _bytes(memo), payload)))
    return mac.hexdigest()


def verify(secret: str, memo: str, timestamp: str, payload: bytes, signature: str) -> bool:
    """Whether the signature is right; arguments as `sign`. Takes the same time wherever the two differ."""
    expected = sign(secret, memo, timestamp, payload)
    # As bytes: compare_digest refuses text beyond ASCII.
    return hmac.compare_digest(expected.encode(), _bytes(signature))


def login_args(access_key: str, secret: str, memo: str, timestamp: str) -> list[str]:
    """`args` of a websocket login: key, timestamp, signature (protocol reference 6.4)."""
    return [access_key, timestamp, sign(secret, memo, timestamp, WS_LOGIN_PAYLOAD)]


@lru_cache(maxsize=1_024)
def _keyed(secret: str) -> hmac.HMAC:
    """The key's part of the work, done once."""
    return hmac.new(_bytes(secret), digestmod="sha256")


def _bytes(text: str) -> bytes:
    # Timestamp and signature are the client's own text and may hold half a surrogate pair.
    return text.encode(errors="surrogatepass")

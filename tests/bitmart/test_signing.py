"""Signatures: the vectors of protocol reference 2.2, and nothing but the exact bytes verifies."""

import pytest

from paper_bitmart.bitmart.signing import WS_LOGIN_PAYLOAD, login_args, sign, verify

SECRET, MEMO, TIMESTAMP = "paper-secret-0001", "papermemo", "1763800000000"
COMPACT = b'{"symbol":"ETH_USDT","side":"buy","type":"limit","size":"0.25","price":"2500.10"}'
SPACED = b'{"symbol": "ETH_USDT", "side": "buy", "type": "limit", "size": "0.25", "price": "2500.10"}'
LOGIN_SIGN = "04e0703c69a536af8ea6aa9009fe91a2768ed2f4bd45bd141716d82eaacf8e9b"
VECTORS = [
    (COMPACT, "fc64cf57cd6bfa6d3963fbdf5b50fdd9f18765b245345994af4cdbe79b58d307"),
    (SPACED, "d015d5a06416575671e0a25517eed11bde67e91377a69206c206f7f001ef8b2c"),
    (b"", "7cb5ffdf1baacc55cd880f6f622df669b55dd601d11b151fa45561644e07b05e"),
    (WS_LOGIN_PAYLOAD, LOGIN_SIGN),
]


@pytest.mark.parametrize(("payload", "signature"), VECTORS, ids=["compact", "spaced", "empty", "login"])
def test_the_reference_vectors_are_met(payload: bytes, signature: str) -> None:
    assert sign(SECRET, MEMO, TIMESTAMP, payload) == signature
    assert verify(SECRET, MEMO, TIMESTAMP, payload, signature)


def test_the_official_vector_is_met() -> None:
    secret = "6c6c98544461bbe71db2bca4c6d7fd0021e0ba9efc215f9c6ad41852df9d9df9"
    expected = "3ceeb7e1b8cb165a975e28a2e2dfaca4d30b358873c0351c1a071d8c83314556"
    assert sign(secret, "test001", "1589267764859", WS_LOGIN_PAYLOAD) == expected


@pytest.mark.parametrize(
    ("secret", "memo", "timestamp", "payload"),
    [
        ("other", MEMO, TIMESTAMP, COMPACT),
        (SECRET, "other", TIMESTAMP, COMPACT),
        (SECRET, MEMO, "1763800000001", COMPACT),
        (SECRET, MEMO, TIMESTAMP, SPACED),
    ],
    ids=["secret", "memo", "timestamp", "body"],
)
def test_any_difference_makes_the_signature_wrong(
    secret: str, memo: str, timestamp: str, payload: bytes
) -> None:
    assert not verify(secret, memo, timestamp, payload, VECTORS[0][1])


@pytest.mark.parametrize(
    "signature", ["", VECTORS[0][1].upper(), VECTORS[0][1][:-1], "ü" * 64, "\udc80\ud800"]
)
def test_a_malformed_signature_is_wrong_and_no_crash(signature: str) -> None:
    assert not verify(SECRET, MEMO, TIMESTAMP, COMPACT, signature)


def test_a_login_carries_key_time_and_signature() -> None:
    assert login_args("pbkey01", SECRET, MEMO, TIMESTAMP) == ["pbkey01", TIMESTAMP, LOGIN_SIGN]

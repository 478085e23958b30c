import pytest
from rest_support import ALICE, ELSEWHERE, EXPIRED, FROZEN, READER, START_MS, START_NS

from paper_bitmart.bitmart import signing
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.server.auth import Window, check_signature, check_window, find_key
from paper_bitmart.server.keys import ApiKey, KeyStore, Permission
from paper_bitmart.server.now import Now

BODY = b'{"symbol": "ETH_USDT"}'
NOW = Now(START_NS, START_NS)
MINUTE, RECV = Window.MINUTE, Window.RECV_WINDOW


def headers_of(key=ALICE, timestamp=str(START_MS), body=BODY, **changed):
    sign = signing.sign(key.secret, key.memo, timestamp, body)
    headers = {"X-BM-KEY": key.access_key, "X-BM-TIMESTAMP": timestamp, "X-BM-SIGN": sign} | changed
    return {name.lower(): value for name, value in headers.items() if value is not None}


@pytest.fixture
def keys():
    store = KeyStore()
    for key in (ALICE, READER, FROZEN, EXPIRED, ELSEWHERE):
        store.put(key)
    return store


def test_a_good_key_is_found(keys):
    assert find_key(keys, headers_of(), Permission.TRADE, "127.0.0.1", START_NS) is ALICE
    assert find_key(keys, headers_of(ELSEWHERE), Permission.TRADE, "10.9.8.7", START_NS) is ELSEWHERE
    assert find_key(keys, headers_of(EXPIRED), Permission.TRADE, "127.0.0.1", START_NS - 1) is EXPIRED
    assert find_key(keys, headers_of(READER), Permission.READ, "127.0.0.1", START_NS) is READER


def test_of_several_faults_of_a_key_the_first_in_the_venues_order_wins(keys):
    """Frozen, then expired, then address, then permission (protocol reference 2.4)."""
    bad = {"access_key": "k", "secret": "s", "memo": "m", "account": "alice"}
    faults = [
        (30003, {"frozen": True}),
        (30011, {"expires_ns": 1}),
        (30010, {"ips": ("10.0.0.1",)}),
        (30012, {"permissions": frozenset({Permission.READ})}),
    ]
    for first, (code, _) in enumerate(faults):
        fields = bad.copy()
        for _, fault in faults[first:]:
            fields |= fault
        keys.put(ApiKey(**fields))
        with pytest.raises(BitmartError) as error:
            find_key(keys, {"x-bm-key": "k"}, Permission.TRADE, "127.0.0.1", START_NS)
        assert error.value.code == code


def test_a_signature_over_the_raw_body_is_accepted():
    assert check_signature(ALICE, headers_of(), BODY) == START_MS
    assert check_signature(ALICE, headers_of(body=b""), b"") == START_MS


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        (headers_of(**{"X-BM-SIGN": None, "X-BM-TIMESTAMP": None}), BODY, 30004),
        (headers_of(**{"X-BM-TIMESTAMP": None}), BODY, 30006),
        (headers_of(timestamp="1e12"), BODY, 30006),
        (headers_of(timestamp=" 1763800000000"), BODY, 30006),
        (headers_of(timestamp="١٢٣٤٥٦٧٨٩٠١٢٣"), BODY, 30006),
        (headers_of(timestamp="1763800000"), BODY, 30008),
        (headers_of(timestamp="-1763800000000"), BODY, 30008),
        (headers_of(), BODY + b" ", 30005),
        (headers_of(ApiKey(access_key="alice-key", secret="x", memo="papermemo", account="a")), BODY, 30005),
        (headers_of(ApiKey(access_key="a", secret=ALICE.secret, memo="x", account="a")), BODY, 30005),
        (headers_of(**{"X-BM-SIGN": "é"}), BODY, 30005),
        (headers_of(**{"X-BM-SIGN": headers_of()["x-bm-sign"].upper()}), BODY, 30005),
        (headers_of(**{"X-BM-SIGN": "0", "X-BM-TIMESTAMP": "1"}), BODY, 30008),
    ],
)
def test_a_wrong_signature_or_timestamp_is_refused(headers, body, code):
    with pytest.raises(BitmartError) as error:
        check_signature(ALICE, headers, body)
    assert error.value.code == code


@pytest.mark.parametrize(
    ("window", "recv_window", "first_ms", "last_ms"),
    [
        (MINUTE, None, -60_000, 60_000),
        (MINUTE, 1, -60_000, 60_000),
        (RECV, None, -5_000, 999),
        (RECV, 60_000, -60_000, 999),
        (RECV, "250", -250, 999),
        (RECV, 1, -1, 999),
    ],
)
def test_the_window_accepts_up_to_its_edges_and_no_further(window, recv_window, first_ms, last_ms):
    for offset_ms in (first_ms, 0, last_ms):
        check_window(START_MS + offset_ms, NOW, window, recv_window)
    for offset_ms in (first_ms - 1, last_ms + 1):
        with pytest.raises(BitmartError) as error:
            check_window(START_MS + offset_ms, NOW, window, recv_window)
        assert error.value.code == 30007


@pytest.mark.parametrize("recv_window", [0, -1, 60_001, "x", "5000.5", 5000.0, True, [], "9" * 30])
def test_a_wrong_recv_window_is_refused_after_the_timestamp_was_judged_by_the_default(recv_window):
    with pytest.raises(BitmartError, match="recvWindow"):
        check_window(START_MS, NOW, RECV, recv_window)
    with pytest.raises(BitmartError, match="outside of the recvWindow"):
        check_window(START_MS - 5_001, NOW, RECV, recv_window)
    check_window(START_MS, NOW, MINUTE, recv_window)

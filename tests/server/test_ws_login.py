"""The websocket login: every refusal with its code, in the order in which they win."""

import pytest

from paper_bitmart.bitmart.errors import WsRefused
from paper_bitmart.bitmart.signing import login_args
from paper_bitmart.server.keys import ApiKey, KeyStore
from paper_bitmart.server.now import Now
from paper_bitmart.server.ws_login import check_login

NOW_MS = 1_763_800_000_000
NOW_NS = NOW_MS * 1_000_000
NOW = Now(NOW_NS, NOW_NS)
KEY = ApiKey(access_key="k1", secret="paper-secret-0001", memo="papermemo", account="alice")


@pytest.fixture
def keys():
    store = KeyStore()
    for key in (
        KEY,
        ApiKey(access_key="frozen", secret="s", memo="m", account="alice", frozen=True),
        ApiKey(access_key="expired", secret="s", memo="m", account="alice", expires_ns=NOW_NS),
        ApiKey(access_key="bound", secret="s", memo="m", account="alice", ips=("10.0.0.7",)),
    ):
        store.put(key)
    return store


def args(timestamp_ms=NOW_MS, *, memo="papermemo"):
    return login_args("k1", "paper-secret-0001", memo, str(timestamp_ms))


def test_the_reference_vector_logs_in(keys):
    sign = "04e0703c69a536af8ea6aa9009fe91a2768ed2f4bd45bd141716d82eaacf8e9b"
    assert check_login(["k1", "1763800000000", sign], keys.find, NOW) == "alice"


@pytest.mark.parametrize("offset_ms", [-60_000, -1, 0, 5_000, 60_000])
def test_a_timestamp_within_a_minute_either_way_is_taken(keys, offset_ms):
    assert check_login(args(NOW_MS + offset_ms), keys.find, NOW) == "alice"


def test_a_timestamp_near_the_replayed_market_is_taken_too(keys):
    market_ms = NOW_MS - 86_400_000
    assert check_login(args(market_ms), keys.find, Now(NOW_NS, market_ms * 1_000_000)) == "alice"


REFUSALS = [
    (["", "", ""], 91001),
    (["nobody", "", ""], 91002),
    (["bound", "", ""], 91002),
    (["frozen", "", ""], 91003),
    (["expired", "", ""], 91004),
    (["k1", "", ""], 91021),
    (["k1", "later", ""], 91010),
    (["k1", "later", "wrong"], 91023),
    (["k1", "1763800000", "wrong"], 91023),
    (["k1", "１763800000000", "wrong"], 91023),
    (["k1", "-763800000000", "wrong"], 91023),
    (["k1", str(NOW_MS - 99_999), "wrong"], 91011),
    (args(memo="other"), 91011),
    (args(NOW_MS - 60_001), 91022),
    (args(NOW_MS + 60_001), 91022),
]


@pytest.mark.parametrize(("arguments", "code"), REFUSALS)
def test_the_first_broken_rule_names_the_refusal(keys, arguments, code):
    with pytest.raises(WsRefused) as refused:
        check_login(arguments, keys.find, NOW)
    assert refused.value.code == code
    assert refused.value.closes

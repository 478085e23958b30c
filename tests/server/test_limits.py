import pytest
from rest_support import ALICE, BOB, READER, START_NS

from paper_bitmart.bitmart.rate_limits import RateConfigError
from paper_bitmart.server.app import ENDPOINTS
from paper_bitmart.server.limits import BITMART_LIMITS, CallLimits

SUBMIT = "POST /spot/v2/submit_order"
WALLET = "GET /spot/v1/wallet"
TIME = "GET /system/time"


def used(limits, endpoint, address, key, times):
    for _ in range(times):
        state = limits.hit(endpoint, address, key, START_NS)
    return state.used


def test_calls_are_counted_per_address_key_or_account():
    limits = CallLimits()
    assert used(limits, TIME, "1.1.1.1", None, 3) == 3
    assert used(limits, TIME, "2.2.2.2", None, 1) == 1
    assert used(limits, WALLET, "1.1.1.1", ALICE, 3) == 3
    assert used(limits, WALLET, "1.1.1.1", READER, 1) == 1, "two keys of one account count apart here"
    assert used(limits, SUBMIT, "1.1.1.1", ALICE, 3) == 3
    assert used(limits, SUBMIT, "2.2.2.2", READER, 1) == 4, "and together here"
    assert used(limits, SUBMIT, "1.1.1.1", BOB, 1) == 1


def test_switched_off_nothing_is_counted_but_the_limit_is_told():
    limits = CallLimits("off")
    assert used(limits, SUBMIT, "1.1.1.1", ALICE, 500) == 0
    state = limits.hit(SUBMIT, "1.1.1.1", ALICE, START_NS)
    assert (state.allowed, state.limit, state.reset_s, state.mode) == (True, 40, 2, "UID")


def test_an_endpoint_without_a_limit_has_no_state():
    limits = CallLimits()
    assert limits.hit("GET /contract/public/details", "1.1.1.1", None, START_NS) is None
    assert limits.unused("GET /contract/public/details") is None


def test_a_file_changes_single_limits(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text(f'[limits]\n"{TIME}" = {{ count = 1, seconds = 60 }}\n"{WALLET}" = "off"\n')
    limits = CallLimits(str(path))
    assert [limits.hit(TIME, "1.1.1.1", None, START_NS).allowed for _ in range(2)] == [True, False]
    assert limits.hit(WALLET, "1.1.1.1", ALICE, START_NS) is None
    path.write_text("[limits]\n'GET /nothing' = 'off'\n")
    with pytest.raises(RateConfigError, match="nothing"):
        CallLimits(str(path))


def test_every_limit_of_the_table_belongs_to_an_endpoint():
    assert set(BITMART_LIMITS) <= {endpoint.name for endpoint in ENDPOINTS}

import pytest

from paper_bitmart.server.admin_guard import AdminError, is_own_host
from paper_bitmart.server.settings import ServerSettings

SETTINGS = ServerSettings(host="192.168.1.5", allow_remote=True, allowed_hosts=frozenset({"paper.lan"}))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8380",
        "localhost:80",
        "LOCALHOST",
        "[::1]",
        "[::1]:8380",
        "192.168.1.5:1",
        "paper.lan",
    ],
)
def test_loopback_the_own_address_and_configured_names_are_ours(host):
    assert is_own_host(host, SETTINGS)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":80",
        "[]",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "192.168.1.6",
        "paper.lan.x",
    ],
)
def test_any_other_name_may_be_a_rebound_one(host):
    assert not is_own_host(host, SETTINGS)


def test_an_admin_error_is_told_apart_from_bitmarts_codes():
    assert (AdminError(409, "no").code, AdminError(409, "no").status) == (10_409, 409)

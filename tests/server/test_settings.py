import pytest

from paper_bitmart.server.settings import ServerSettings, SettingsError, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST", "localhost."])
def test_loopback_forms_are_recognised(host):
    assert is_loopback(host)
    assert ServerSettings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", "127.0.0.1.evil.com"])
def test_any_other_host_needs_explicit_permission(host):
    with pytest.raises(SettingsError) as error:
        ServerSettings(host=host)
    assert error.value.field == "host"
    assert ServerSettings(host=host, allow_remote=True).host == host


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", ""),
        ("port", -1),
        ("port", 65536),
        ("body_bytes_max", 10),
        ("history_days_max", 0),
        ("private_push_delay_ms", -1),
        ("private_push_delay_ms", 10_001),
        ("rate_limits", "no-such-file.toml"),
    ],
)
def test_a_bad_value_names_its_field(field, value):
    with pytest.raises(SettingsError) as error:
        ServerSettings(**{field: value})
    assert error.value.field == field
    assert repr(value) in str(error.value)

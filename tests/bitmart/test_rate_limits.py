"""Rate limits: BitMart's figures, fixed windows, bans, bounded memory, and a file's mistakes named."""

from pathlib import Path

import pytest

from paper_bitmart.bitmart.rate_limits import (
    BITMART_LIMITS,
    BanRule,
    KeyKind,
    Limit,
    RateConfigError,
    RateLimiter,
    RateState,
    load_rate_config,
)

SUBMIT = "POST /spot/v2/submit_order"
CANCEL_ALL = "POST /spot/v4/cancel_all"
S = 10**9


def hits(
    limiter: RateLimiter, count: int, endpoint: str = SUBMIT, key: str = "A", at_ns: int = 0
) -> RateState:
    for _ in range(count):
        state = limiter.hit(endpoint, key, at_ns)
    return state


def test_the_last_call_of_a_window_passes_and_the_next_does_not() -> None:
    limiter = RateLimiter()
    assert hits(limiter, 40) == RateState(True, 40, 40, 2, "UID", 0)
    assert hits(limiter, 1) == RateState(False, 41, 40, 2, "UID", 30013)


@pytest.mark.parametrize(("at_ns", "allowed"), [(3 * S - 1, False), (3 * S, True), (-1, False)])
def test_a_window_lasts_its_seconds_from_the_first_call(at_ns: int, allowed: bool) -> None:
    limiter = RateLimiter()
    hits(limiter, 1, CANCEL_ALL)
    assert limiter.hit(CANCEL_ALL, "A", at_ns).allowed is allowed


def test_keys_and_endpoints_are_counted_apart() -> None:
    limiter = RateLimiter()
    hits(limiter, 41)
    assert limiter.hit(SUBMIT, "B", 0).used == 1
    assert limiter.hit("POST /spot/v3/cancel_order", "A", 0).used == 1


def test_an_endpoint_without_limit_always_passes() -> None:
    limiter = RateLimiter({})
    assert hits(limiter, 1000) == RateState(True, 0, 0, 0, "", 0)
    assert limiter.key_kind(SUBMIT) is None
    assert RateLimiter().key_kind(SUBMIT) is KeyKind.UID


def test_repeated_violation_bans_the_key_on_every_endpoint_of_its_kind_until_it_ends() -> None:
    limiter = RateLimiter(ban=BanRule(violations=3, within_s=10, ban_s=60))
    assert hits(limiter, 42).code == 30013
    assert hits(limiter, 1).code == 30017
    assert limiter.hit("POST /spot/v3/cancel_order", "A", 59 * S).code == 30017
    assert limiter.hit("POST /spot/v4/query/order", "A", 59 * S).allowed
    assert limiter.hit(SUBMIT, "B", 59 * S).allowed
    assert limiter.hit(SUBMIT, "A", 60 * S).allowed


def test_violations_far_apart_do_not_ban() -> None:
    limiter = RateLimiter(ban=BanRule(violations=2, within_s=10, ban_s=60))
    assert [hits(limiter, 2, CANCEL_ALL, at_ns=n * 10 * S).code for n in range(5)] == [30013] * 5


def test_without_a_rule_nobody_is_banned() -> None:
    assert hits(RateLimiter(), 500).code == 30013


def test_memory_is_bounded_and_the_oldest_window_goes_first() -> None:
    limiter = RateLimiter(keys_max=100, ban=BanRule(2, 10, 60))
    for n in range(1000):
        hits(limiter, 2, CANCEL_ALL, key=str(n), at_ns=n)
    assert len(limiter._windows) == len(limiter._records) == 100
    assert limiter.hit(CANCEL_ALL, "999", 1000).used == 3
    assert limiter.hit(CANCEL_ALL, "0", 1000).used == 1


@pytest.mark.parametrize(
    ("endpoint", "limit"),
    [
        ("GET /system/time", Limit(10, 1, KeyKind.IP)),
        ("GET /spot/quotation/v3/books", Limit(15, 2, KeyKind.IP)),
        ("GET /spot/v1/wallet", Limit(12, 2, KeyKind.KEY)),
        (SUBMIT, Limit(40, 2, KeyKind.UID)),
        (CANCEL_ALL, Limit(1, 3, KeyKind.UID)),
        ("POST /spot/v4/query/order", Limit(50, 2, KeyKind.KEY)),
    ],
)
def test_bitmarts_own_figures(endpoint: str, limit: Limit) -> None:
    assert BITMART_LIMITS[endpoint] == limit
    assert len(BITMART_LIMITS) == 27


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(
        f'[limits]\n"{SUBMIT}" = {{ count = 60, key = "IP" }}\n"GET /system/time" = "off"\n'
        "[ban]\nviolations = 20\nwithin_s = 60\nban_s = 300\n"
    )
    config = load_rate_config(path)
    expected = BITMART_LIMITS | {SUBMIT: Limit(60, 2, KeyKind.IP)}
    del expected["GET /system/time"]
    assert config == (expected, BanRule(20, 60, 300))
    assert hits(config.limiter(), 60).allowed


def test_an_empty_file_is_bitmarts_table(tmp_path: Path) -> None:
    path = tmp_path / "limits.toml"
    path.write_text("")
    assert load_rate_config(path) == (BITMART_LIMITS, None)


@pytest.mark.parametrize(
    ("text", "field", "rule"),
    [
        ("[limits", "file", "is not TOML"),
        ("[limit]", "file: limit", "is unknown"),
        ("limits = 5", "limits", "must be a table"),
        ('[limits]\n"GET /nope" = "off"', "limits.'GET /nope'", "not an endpoint"),
        ('[limits]\n"GET /system/time" = 5', "limits.'GET /system/time'", "must be a table"),
        ('[limits]\n"GET /system/time" = {count=0}', "limits.'GET /system/time'.count", "above 0"),
        ('[limits]\n"GET /system/time" = {count=1.5}', "limits.'GET /system/time'.count", "above 0"),
        ('[limits]\n"GET /system/time" = {seconds=true}', "limits.'GET /system/time'.seconds", "above 0"),
        ('[limits]\n"GET /system/time" = {key="ip"}', "limits.'GET /system/time'.key", "IP, KEY or UID"),
        ('[limits]\n"GET /system/time" = {per=1}', "limits.'GET /system/time': per", "is unknown"),
        ("[ban]\nviolations = 1", "ban.within_s", "above 0"),
        ("[ban]\nlength = 1", "ban: length", "is unknown"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, text: str, field: str, rule: str) -> None:
    path = tmp_path / "limits.toml"
    path.write_text(text)
    with pytest.raises(RateConfigError) as caught:
        load_rate_config(path)
    assert (caught.value.path, caught.value.field) == (str(path), field)
    assert rule in caught.value.rule


def test_a_limiter_needs_room_for_one_key() -> None:
    with pytest.raises(ValueError, match="keys_max"):
        RateLimiter(keys_max=0)

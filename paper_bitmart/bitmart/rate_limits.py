"""Rate limits: BitMart's table, a file that changes it, and a limiter that needs no clock of its own.

Windows are fixed and start with a key's first call; refused calls count too (protocol reference 10,
question 26).
"""

import tomllib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NamedTuple

_NS = 10**9


class KeyKind(StrEnum):
    """Whose calls are counted together; also the value of the header X-BM-RateLimit-Mode."""

    IP = "IP"
    """The client's address."""
    KEY = "KEY"
    """One access key."""
    UID = "UID"
    """One account, all of its keys together."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` calls in a window of `seconds`."""

    count: int
    seconds: int
    key: KeyKind


BITMART_LIMITS: Final[dict[str, Limit]] = {
    "GET /system/time": Limit(10, 1, KeyKind.IP),
    "GET /system/service": Limit(10, 1, KeyKind.IP),
    "GET /spot/v1/currencies": Limit(8, 2, KeyKind.IP),
    "GET /spot/v1/symbols": Limit(8, 2, KeyKind.IP),
    "GET /spot/v1/symbols/details": Limit(12, 2, KeyKind.IP),
    "GET /spot/quotation/v3/tickers": Limit(10, 2, KeyKind.IP),
    "GET /spot/quotation/v3/ticker": Limit(15, 2, KeyKind.IP),
    "GET /spot/quotation/v3/lite-klines": Limit(15, 2, KeyKind.IP),
    "GET /spot/quotation/v3/klines": Limit(10, 2, KeyKind.IP),
    "GET /spot/quotation/v3/books": Limit(15, 2, KeyKind.IP),
    "GET /spot/quotation/v3/trades": Limit(15, 2, KeyKind.IP),
    "GET /account/v1/currencies": Limit(2, 2, KeyKind.IP),
    "GET /account/v1/wallet": Limit(12, 2, KeyKind.KEY),
    "GET /spot/v1/wallet": Limit(12, 2, KeyKind.KEY),
    "GET /spot/v1/user_fee": Limit(2, 2, KeyKind.KEY),
    "GET /spot/v1/trade_fee": Limit(2, 2, KeyKind.KEY),
    "POST /spot/v2/submit_order": Limit(40, 2, KeyKind.UID),
    "POST /spot/v4/batch_orders": Limit(40, 2, KeyKind.UID),
    "POST /spot/v3/cancel_order": Limit(40, 2, KeyKind.UID),
    "POST /spot/v4/cancel_orders": Limit(40, 2, KeyKind.UID),
    "POST /spot/v4/cancel_all": Limit(1, 3, KeyKind.UID),
    "POST /spot/v4/query/order": Limit(50, 2, KeyKind.KEY),
    "POST /spot/v4/query/client-order": Limit(50, 2, KeyKind.KEY),
    "POST /spot/v4/query/open-orders": Limit(12, 2, KeyKind.KEY),
    "POST /spot/v4/query/history-orders": Limit(12, 2, KeyKind.KEY),
    "POST /spot/v4/query/trades": Limit(12, 2, KeyKind.KEY),
    "POST /spot/v4/query/order-trades": Limit(12, 2, KeyKind.KEY),
}
"""Method and path -> limit (protocol reference 3.1)."""


class BanRule(NamedTuple):
    """A key refused `violations` times within `within_s` is banned for `ban_s` (30017).

    BitMart bans, but documents neither the threshold nor the length (protocol reference 3.3), so this is
    an option and off by default.
    """

    violations: int
    within_s: int
    ban_s: int


class RateState(NamedTuple):
    """Outcome of one call, with what the reply's X-BM-RateLimit headers say (protocol reference 3.2).

    Attributes:
        allowed: let the call through.
        used: calls in this window, this one included (header "Remaining", whose name misleads).
        limit: calls that a window allows; 0: the endpoint has no limit, send no headers.
        reset_s: length of the window in seconds, not the time left.
        mode: the kind of key, "" without a limit.
        code: 0, 30013 (too many requests) or 30017 (banned).
    """

    allowed: bool
    used: int
    limit: int
    reset_s: int
    mode: str
    code: int = 0


_UNLIMITED = RateState(True, 0, 0, 0, "")


@dataclass(slots=True)
class _Window:
    start_ns: int
    used: int = 0


@dataclass(slots=True)
class _Record:
    """Violations of one key, and the end of its ban."""

    start_ns: int
    violations: int = 0
    banned_until_ns: int = 0


class RateLimiter:
    """Counts calls per endpoint and key; sans-I/O.

    Memory is bounded: beyond `keys_max` windows the one that started first is forgotten, so a flood of
    made-up keys can at most give an old key a new window early.

    Args:
        limits: method and path -> limit; endpoints that are not in it have none.
        ban: when to ban a key; None never does.
        keys_max: windows, and violation records, kept at most.
    """

    def __init__(
        self,
        limits: Mapping[str, Limit] = BITMART_LIMITS,
        *,
        ban: BanRule | None = None,
        keys_max: int = 10_000,
    ) -> None:
        if keys_max < 1:
            raise ValueError(f"keys_max must be at least 1, not {keys_max}")
        self._limits = dict(limits)
        self._ban = ban
        self._keys_max = keys_max
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()
        self._records: OrderedDict[tuple[KeyKind, str], _Record] = OrderedDict()

    def key_kind(self, endpoint: str) -> KeyKind | None:
        """Which key `hit` wants for this endpoint; None when it has no limit."""
        limit = self._limits.get(endpoint)
        return None if limit is None else limit.key

    def hit(self, endpoint: str, key: str, at_ns: int) -> RateState:
        """Count one call and say whether it may pass.

        Args:
            endpoint: method and path, "POST /spot/v2/submit_order".
            key: address, access key or account, as `key_kind` says.
            at_ns: time of the call; a time before the window's start counts into that window.

        Cost: O(1).
        """
        limit = self._limits.get(endpoint)
        if limit is None:
            return _UNLIMITED
        window = self._window(endpoint, key, limit, at_ns)
        window.used += 1
        state = RateState(True, window.used, limit.count, limit.seconds, limit.key)
        if self._is_banned(limit.key, key, at_ns):
            return state._replace(allowed=False, code=30017)
        if window.used <= limit.count:
            return state
        code = 30017 if self._violation_bans(limit.key, key, at_ns) else 30013
        return state._replace(allowed=False, code=code)

    def _window(self, endpoint: str, key: str, limit: Limit, at_ns: int) -> _Window:
        window = self._windows.get((endpoint, key))
        if window is None or at_ns - window.start_ns >= limit.seconds * _NS:
            window = self._windows[endpoint, key] = _Window(at_ns)
            _keep_newest(self._windows, (endpoint, key), self._keys_max)
        return window

    def _is_banned(self, kind: KeyKind, key: str, at_ns: int) -> bool:
        record = self._records.get((kind, key))
        return record is not None and at_ns < record.banned_until_ns

    def _violation_bans(self, kind: KeyKind, key: str, at_ns: int) -> bool:
        if self._ban is None:
            return False
        record = self._records.get((kind, key))
        if record is None or at_ns - record.start_ns >= self._ban.within_s * _NS:
            record = self._records[kind, key] = _Record(at_ns)
            _keep_newest(self._records, (kind, key), self._keys_max)
        record.violations += 1
        if record.violations < self._ban.violations:
            return False
        record.banned_until_ns = at_ns + self._ban.ban_s * _NS
        return True


class RateConfigError(ValueError):
    """A rate-limit file breaks a rule.

    Attributes:
        path: the file.
        field: table and key in it.
        rule: what it must be, and what it was.
    """

    def __init__(self, path: str, field: str, rule: str) -> None:
        super().__init__(path, field, rule)
        self.path = path
        self.field = field
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.path}: {self.field} {self.rule}"


class RateConfig(NamedTuple):
    """What a file sets: arguments for `RateLimiter`."""

    limits: dict[str, Limit]
    ban: BanRule | None

    def limiter(self) -> RateLimiter:
        return RateLimiter(self.limits, ban=self.ban)


def load_rate_config(path: str | Path) -> RateConfig:
    """Read a TOML file that changes BitMart's table; what it does not name stays as it is.

        [limits]
        "POST /spot/v2/submit_order" = { count = 60, seconds = 2 }
        "GET /system/time" = "off"

        [ban]
        violations = 20
        within_s = 60
        ban_s = 300

    Raises:
        RateConfigError: not TOML, an unknown key, or a value out of its rule.
        OSError: the file cannot be read.
    """
    name = str(path)
    try:
        config = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RateConfigError(name, "file", f"is not TOML: {error}") from error
    _known(name, "file", config, {"limits", "ban"})
    limits = dict(BITMART_LIMITS)
    for endpoint, value in _table(name, "limits", config.get("limits", {})).items():
        place = f"limits.{endpoint!r}"
        if endpoint not in BITMART_LIMITS:
            raise RateConfigError(name, place, "is not an endpoint with a limit")
        if value == "off":
            del limits[endpoint]
        else:
            limits[endpoint] = _parse_limit(name, place, value, BITMART_LIMITS[endpoint])
    return RateConfig(limits, _parse_ban(name, config["ban"]) if "ban" in config else None)


def _parse_limit(path: str, place: str, value: object, default: Limit) -> Limit:
    table = _table(path, place, value)
    _known(path, place, table, {"count", "seconds", "key"})
    try:
        key = KeyKind(table.get("key", default.key))
    except ValueError:
        raise RateConfigError(path, f"{place}.key", f"must be IP, KEY or UID, not {table['key']!r}") from None
    count = _positive(path, f"{place}.count", table.get("count", default.count))
    return Limit(count, _positive(path, f"{place}.seconds", table.get("seconds", default.seconds)), key)


def _parse_ban(path: str, value: object) -> BanRule:
    table = _table(path, "ban", value)
    _known(path, "ban", table, set(BanRule._fields))
    return BanRule(*(_positive(path, f"ban.{name}", table.get(name)) for name in BanRule._fields))


def _table(path: str, place: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RateConfigError(path, place, f"must be a table, not {value!r}")
    return value


def _known(path: str, place: str, table: Mapping[str, object], names: set[str]) -> None:
    unknown = sorted(table.keys() - names)
    if unknown:
        raise RateConfigError(
            path, f"{place}: {unknown[0]}", f"is unknown; known: {', '.join(sorted(names))}"
        )


def _positive(path: str, place: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise RateConfigError(path, place, f"must be a whole number above 0, not {value!r}")
    return value


def _keep_newest(kept: OrderedDict[Any, Any], newest: object, size_max: int) -> None:
    kept.move_to_end(newest)
    if len(kept) > size_max:
        kept.popitem(last=False)

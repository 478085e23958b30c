"""API key sets: access key, secret and memo of each account, and the admin token; kept in one 0600 file.

KeysError    the key file cannot be used: path and why
"""

from __future__ import annotations

import hmac
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from paper_bitmart.exchange.state_lock import try_lock

FILE_NAME = "keys.json"
LOCK_SUFFIX = ".lock"
_VERSION = 1
_LOCK_WAIT_S, _LOCK_RETRY_S = 5.0, 0.01


class KeysError(Exception):
    """The key file cannot be used. Carries `path` and `why`."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class Permission(StrEnum):
    """What a key may do (protocol reference 2.1); a key without the needed one gets 30012."""

    READ = "read"
    TRADE = "trade"


ALL_PERMISSIONS = frozenset(Permission)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """One key set.

    Attributes:
        access_key: public part, sent as X-BM-KEY.
        secret: HMAC key; never printed after creation.
        memo: free text that is part of every signature.
        account: the paper account that the key trades for.
        frozen: a frozen key is refused with 30003.
        expires_ns: after this time (ns since 1970) 30011; None: never.
        ips: addresses that may use the key, empty: any; others get 30010.
    """

    access_key: str
    secret: str
    memo: str
    account: str
    permissions: frozenset[Permission] = ALL_PERMISSIONS
    frozen: bool = False
    expires_ns: int | None = None
    ips: tuple[str, ...] = ()

    @property
    def expires_ms(self) -> int | None:
        """`expires_ns` in ms, rounded down."""
        return None if self.expires_ns is None else self.expires_ns // 1_000_000

    def __repr__(self) -> str:
        return f"ApiKey({self.access_key[:6]}..., account={self.account!r})"


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    # An empty token would let in everybody who sends none.
    admin_token: Annotated[str, msgspec.Meta(min_length=1)]
    keys: list[ApiKey]


def _new_token() -> str:
    return secrets.token_urlsafe(24)


@dataclass(slots=True)
class KeyStore:
    """All key sets of a server, found by access key in O(1).

    With a `path` each change is written at once, atomically and readable by the owner only. Servers without a
    state directory share one file: what others wrote into it meanwhile stays there, but is not taken over.
    The admin token is made with the file and never changed in it, so all that share it have the same one.
    """

    path: Path | None = None
    admin_token: str = field(default_factory=_new_token, repr=False)
    _keys: dict[str, ApiKey] = field(default_factory=dict, repr=False)

    @classmethod
    def open(cls, path: Path | None) -> KeyStore:
        """Load the store at `path`; a missing file is made. None gives an empty store in memory.

        Raises:
            KeysError: unreadable, open to other users, not a key file, holding a key twice, cannot be made.
        """
        if path is None:
            return cls(path)
        with _alone(path):
            if not path.exists():
                _write(path, _Stored(_VERSION, _new_token(), []))
            stored = _read(path)
        store = cls(path, stored.admin_token)
        for key in stored.keys:
            if key.access_key in store._keys:
                raise KeysError(path, f"access key {key.access_key} appears twice")
            store._keys[key.access_key] = key
        return store

    def create(
        self,
        account: str,
        *,
        memo: str = "paper",
        permissions: Iterable[Permission] = ALL_PERMISSIONS,
        expires_ns: int | None = None,
        ips: Iterable[str] = (),
    ) -> ApiKey:
        """Make, store and return a new random key set for `account`."""
        key = ApiKey(
            access_key=secrets.token_hex(20),
            secret=secrets.token_hex(32),
            memo=memo,
            account=account,
            permissions=frozenset(permissions),
            expires_ns=expires_ns,
            ips=tuple(ips),
        )
        self.put(key)
        return key

    def put(self, key: ApiKey) -> None:
        """Add a key set, or replace the one with the same access key."""
        self._keys[key.access_key] = key
        self.save()

    def find(self, access_key: str) -> ApiKey | None:
        return self._keys.get(access_key)

    def of_account(self, account: str) -> list[ApiKey]:
        return [key for key in self if key.account == account]

    def is_admin(self, token: str) -> bool:
        """Whether `token` is the admin token; constant time."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self.admin_token.encode())

    def save(self) -> None:
        """Write the file, if the store has one.

        Raises:
            KeysError: the file cannot be written, or is no longer a key file.
        """
        if self.path is None:
            return
        with _alone(self.path):
            written = _read(self.path) if self.path.exists() else _Stored(_VERSION, self.admin_token, [])
            keys = {key.access_key: key for key in written.keys} | self._keys
            _write(self.path, _Stored(_VERSION, written.admin_token, list(keys.values())))

    def __iter__(self) -> Iterator[ApiKey]:
        return iter(list(self._keys.values()))

    def __len__(self) -> int:
        return len(self._keys)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """No other process, nor another store of this one, reads or replaces the file meanwhile."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + LOCK_SUFFIX), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise KeysError(path, f"cannot be locked: {error.strerror}") from error
    try:
        give_up_s = time.monotonic() + _LOCK_WAIT_S
        while not try_lock(lock):
            if time.monotonic() > give_up_s:
                raise KeysError(path, f"locked by another process for {_LOCK_WAIT_S:g} s")
            time.sleep(_LOCK_RETRY_S)
        yield
    finally:
        os.close(lock)


def _read(path: Path) -> _Stored:
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise KeysError(path, "readable by other users; run chmod 600 on it")
        stored = msgspec.json.decode(path.read_bytes(), type=_Stored)
    except OSError as error:
        raise KeysError(path, f"cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise KeysError(path, f"not a key file: {error}") from error
    if stored.version != _VERSION:
        raise KeysError(path, f"version {stored.version}, this program reads version {_VERSION}")
    return stored


def _write(path: Path, stored: _Stored) -> None:
    """Replace `path` in one step, so that a crash leaves the old file or the new one."""
    fresh = path.with_name(f"{path.name}.new")
    data = msgspec.json.format(msgspec.json.encode(stored), indent=2)
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise KeysError(path, f"cannot be written: {error.strerror}") from error

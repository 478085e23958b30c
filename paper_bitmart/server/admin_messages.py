"""Request bodies of the admin API. Amounts are decimal text; a field that is not listed is refused."""

from __future__ import annotations

from typing import Annotated

import msgspec

from paper_bitmart.server.keys import ALL_PERMISSIONS, Permission

_Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}\Z")]
_Memo = Annotated[str, msgspec.Meta(max_length=64)]
_Asset = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
_Ppm = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class NewKey(_Body, frozen=True, kw_only=True):
    """A further key set of an account."""

    memo: _Memo = "paper"
    permissions: frozenset[Permission] = ALL_PERMISSIONS
    expires_ms: _Milliseconds | None = None
    ips: tuple[str, ...] = ()


class NewAccount(_Body, frozen=True, kw_only=True):
    """A new account with one key set; `balances` null gives it ample of everything."""

    name: _Name
    balances: dict[_Asset, str] | None = None
    memo: _Memo = "paper"


class Transfer(_Body, frozen=True, kw_only=True):
    """A deposit or a withdrawal."""

    asset: _Asset
    amount: str


class Reset(_Body, frozen=True, kw_only=True):
    """Start an account anew: orders cancelled, money taken out, `balances` put in."""

    balances: dict[_Asset, str]


class Fees(_Body, frozen=True, kw_only=True):
    """Fee rates of an account, for one symbol or (null) for all."""

    symbol: str | None = None
    maker_ppm: _Ppm
    taker_ppm: _Ppm


class Speed(_Body, frozen=True, kw_only=True):
    """Market seconds per real second."""

    speed: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]


class Seek(_Body, frozen=True, kw_only=True):
    """Where a replay jumps to, by its own clock; only forward."""

    to_ms: _Milliseconds


class Empty(_Body, frozen=True, kw_only=True):
    pass

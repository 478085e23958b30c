"""Accounts from the operator's side: open, fund, reset, keys, fees."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paper_bitmart.bitmart.decimals import (
    BadNumber,
    NotAMultiple,
    format_atoms,
    from_atoms,
    parse_decimal,
    to_atoms,
)
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.server import admin_messages as messages
from paper_bitmart.server.admin_guard import AdminError
from paper_bitmart.server.context import ServerContext
from paper_bitmart.server.keys import ApiKey

AMOUNT_DECIMALS = 18


class AccountAdmin:
    """Every change goes through the session, so it is journaled and announced like any other."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context

    def list(self) -> Any:
        """Names and access keys of all accounts."""
        by_account: dict[str, list[str]] = {account.name: [] for account in self._context.venue.accounts()}
        for key in self._context.keys:
            if key.account in by_account:
                by_account[key.account].append(key.access_key)
        return {"accounts": [{"name": name, "access_keys": keys} for name, keys in by_account.items()]}

    def show(self, account: str) -> Any:
        """One account with its balances."""
        self._known(account)
        balances = {
            asset: {
                "available": format_atoms(balance.available_atoms, AMOUNT_DECIMALS),
                "frozen": format_atoms(balance.frozen_atoms, AMOUNT_DECIMALS),
            }
            for asset, balance in self._context.venue.balances(account).items()
        }
        return {**self._summary(account), "balances": balances}

    async def create(self, body: messages.NewAccount) -> Any:
        """Open an account and make its first key set, whose secret is shown this once."""
        if any(account.name == body.name for account in self._context.venue.accounts()):
            raise AdminError(409, f"account {body.name} exists already")
        balances = None if body.balances is None else _amounts(body.balances)
        await self._context.session.open_account(body.name, balances)
        key = self._context.keys.create(body.name, memo=body.memo)
        return {**self.show(body.name), "key": _key_row(key)}

    def add_key(self, account: str, body: messages.NewKey) -> Any:
        """One more key set, whose secret is shown this once."""
        self._known(account)
        expires_ns = None if body.expires_ms is None else body.expires_ms * 1_000_000
        key = self._context.keys.create(
            account, memo=body.memo, permissions=body.permissions, expires_ns=expires_ns, ips=body.ips
        )
        return {"key": _key_row(key)}

    async def deposit(self, account: str, body: messages.Transfer) -> Any:
        self._known(account)
        await self._context.session.deposit(account, body.asset, _amount("amount", body.amount))
        return self.show(account)

    async def withdraw(self, account: str, body: messages.Transfer) -> Any:
        self._known(account)
        await self._context.session.withdraw(account, body.asset, _amount("amount", body.amount))
        return self.show(account)

    async def reset(self, account: str, body: messages.Reset) -> Any:
        """Cancel all orders, take out all money, put in `balances`; old orders and fills stay known."""
        self._known(account)
        wanted = _amounts(body.balances)
        unknown = wanted.keys() - set(self._context.venue.assets())
        if unknown:
            raise AdminError(400, f"balances: no asset {min(unknown)}")
        session = self._context.session
        await session.cancel_all(account)
        for asset, balance in self._context.venue.balances(account).items():
            if balance.available_atoms:
                await session.withdraw(account, asset, from_atoms(balance.available_atoms))
        for asset, amount in wanted.items():
            if amount:
                await session.deposit(account, asset, amount)
        return self.show(account)

    async def set_fees(self, account: str, body: messages.Fees) -> Any:
        self._known(account)
        await self._context.session.set_fees(account, body.symbol, body.maker_ppm, body.taker_ppm)
        return {
            "account": account,
            "symbol": body.symbol,
            "maker_ppm": body.maker_ppm,
            "taker_ppm": body.taker_ppm,
        }

    def _known(self, account: str) -> None:
        try:
            self._context.venue.account(account)
        except BitmartError as error:
            raise AdminError(404, f"no account {account[:64]!r}") from error

    def _summary(self, account: str) -> dict[str, Any]:
        keys = [key.access_key for key in self._context.keys.of_account(account)]
        return {"name": account, "access_keys": keys}


def _key_row(key: ApiKey) -> dict[str, Any]:
    return {
        "access_key": key.access_key,
        "secret": key.secret,
        "memo": key.memo,
        "permissions": sorted(key.permissions),
    }


def _amounts(balances: Mapping[str, str]) -> dict[str, Decimal]:
    return {asset: _amount(f"balances.{asset}", text) for asset, text in balances.items()}


def _amount(field: str, text: str) -> Decimal:
    try:
        amount = parse_decimal(text)
    except BadNumber as error:
        raise AdminError(400, f"{field}: {error}") from error
    if amount < 0:
        raise AdminError(400, f"{field}: {text} is negative")
    try:
        to_atoms(amount)
    except NotAMultiple as error:
        raise AdminError(400, f"{field}: {text} has more than {AMOUNT_DECIMALS} decimals") from error
    return amount

"""The ledger: who owns how much of what, to the last atom.

Every change is double entry. Own orders trade with a market outside, so the ledger keeps two accounts of its
own: `fees` gets what the accounts pay, `market` is the counterparty of every fill (negative where it gave).
Per asset, at every instant:

    sum over accounts (available + frozen) + fees + market == deposits - withdrawals
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


class LedgerError(Exception):
    """The ledger was asked for something that would break its promises; nothing was changed.

    LedgerError
    +-- UnknownAccount(account)
    +-- AccountExists(account)
    +-- NotEnough(account, asset, kind, needed_atoms, present_atoms)
    +-- Unbalanced(asset, owned_atoms, deposited_atoms)
    """


class UnknownAccount(LedgerError):
    """No account has that name."""

    def __init__(self, account: str) -> None:
        super().__init__(f"no account named {account!r}")
        self.account = account


class AccountExists(LedgerError):
    """The name is taken."""

    def __init__(self, account: str) -> None:
        super().__init__(f"an account named {account!r} exists already")
        self.account = account


class NotEnough(LedgerError):
    """`kind` says which part of the balance is short: available or frozen."""

    def __init__(self, account: str, asset: str, kind: str, needed_atoms: int, present_atoms: int) -> None:
        super().__init__(f"{account}: needed {needed_atoms} atoms of {asset} {kind}, present {present_atoms}")
        self.account, self.asset, self.kind = account, asset, kind
        self.needed_atoms, self.present_atoms = needed_atoms, present_atoms


class Unbalanced(LedgerError):
    """Money appeared or vanished: a defect, never a user's mistake."""

    def __init__(self, asset: str, owned_atoms: int, deposited_atoms: int) -> None:
        super().__init__(f"{asset}: {owned_atoms} atoms owned, {deposited_atoms} deposited less withdrawn")
        self.asset, self.owned_atoms, self.deposited_atoms = asset, owned_atoms, deposited_atoms


@dataclass(slots=True)
class Balance:
    """One asset of one account, in atoms; neither part is ever negative."""

    available_atoms: int = 0
    frozen_atoms: int = 0

    @property
    def total_atoms(self) -> int:
        """Available and frozen together."""
        return self.available_atoms + self.frozen_atoms


class Ledger:
    """Accounts x assets. All amounts are positive or zero atoms; an account has an asset once it had some.

    Cost: every operation is O(1); `check` is O(accounts x assets).
    """

    def __init__(self) -> None:
        self._accounts: dict[str, dict[str, Balance]] = {}
        self.fee_atoms: dict[str, int] = {}
        """The fee account: per asset, the sum of all fees."""
        self.market_atoms: dict[str, int] = {}
        """The market's account: per asset, received less given; negative is normal."""
        self.net_deposit_atoms: dict[str, int] = {}

    # --- accounts ---

    def open(self, account: str) -> None:
        """Add an account without assets. Raises AccountExists."""
        if account in self._accounts:
            raise AccountExists(account)
        self._accounts[account] = {}

    def __contains__(self, account: str) -> bool:
        return account in self._accounts

    def balance(self, account: str, asset: str) -> Balance:
        """A copy of one balance; zero for an asset that the account never had."""
        balance = self._assets(account).get(asset)
        return Balance() if balance is None else Balance(balance.available_atoms, balance.frozen_atoms)

    def balances(self, account: str) -> dict[str, Balance]:
        """Copies of all balances of an account, by asset, in the order in which it got them."""
        return {asset: self.balance(account, asset) for asset in self._assets(account)}

    def accounts(self) -> Iterator[str]:
        """Names, in the order in which they were opened."""
        return iter(self._accounts)

    # --- money from and to the outside ---

    def deposit(self, account: str, asset: str, amount_atoms: int) -> None:
        """Credit available funds from outside. Raises UnknownAccount."""
        _require_not_negative(amount_atoms)
        self._balance(account, asset).available_atoms += amount_atoms
        _add(self.net_deposit_atoms, asset, amount_atoms)

    def withdraw(self, account: str, asset: str, amount_atoms: int) -> None:
        """Debit available funds to the outside. Raises UnknownAccount, NotEnough."""
        self._take_available(account, asset, amount_atoms)
        _add(self.net_deposit_atoms, asset, -amount_atoms)

    # --- orders ---

    def hold(self, account: str, asset: str, amount_atoms: int) -> None:
        """Freeze available funds for an order. Raises UnknownAccount, NotEnough."""
        self._take_available(account, asset, amount_atoms).frozen_atoms += amount_atoms

    def release(self, account: str, asset: str, amount_atoms: int) -> None:
        """Free frozen funds again. Raises UnknownAccount, NotEnough."""
        self._take_frozen(account, asset, amount_atoms).available_atoms += amount_atoms

    def settle_buy(
        self, account: str, base: str, quote: str, base_atoms: int, notional_atoms: int, fee: int
    ) -> None:
        """A fill of a buy: frozen quote pays notional and fee, base arrives. Raises as `release`."""
        _require_not_negative(base_atoms, notional_atoms, fee)
        self._take_frozen(account, quote, notional_atoms + fee)
        self._balance(account, base).available_atoms += base_atoms
        self._book_fill(base, quote, -base_atoms, notional_atoms, fee)

    def settle_sell(
        self, account: str, base: str, quote: str, base_atoms: int, notional_atoms: int, fee: int
    ) -> None:
        """A fill of a sell: frozen base is given, notional less the fee arrives. Raises as `release`."""
        _require_not_negative(base_atoms, notional_atoms, fee, notional_atoms - fee)
        self._take_frozen(account, base, base_atoms)
        self._balance(account, quote).available_atoms += notional_atoms - fee
        self._book_fill(base, quote, base_atoms, -notional_atoms, fee)

    # --- proof and recovery ---

    def check(self) -> None:
        """Prove conservation and that nothing is negative.

        Raises:
            Unbalanced, NotEnough: the first asset or balance found wrong.
        """
        owned = dict.fromkeys(self.net_deposit_atoms, 0)
        for account, assets in self._accounts.items():
            for asset, balance in assets.items():
                for kind in ("available", "frozen"):
                    present = getattr(balance, f"{kind}_atoms")
                    if present < 0:
                        raise NotEnough(account, asset, kind, 0, present)
                _add(owned, asset, balance.total_atoms)
        for own_account in (self.fee_atoms, self.market_atoms):
            for asset, amount in own_account.items():
                _add(owned, asset, amount)
        for asset, amount in owned.items():
            deposited = self.net_deposit_atoms.get(asset, 0)
            if amount != deposited:
                raise Unbalanced(asset, amount, deposited)

    def restore_balance(self, account: str, asset: str, available_atoms: int, frozen_atoms: int) -> int:
        """Set a balance as a journal recorded it; returns the change of its total in atoms."""
        _require_not_negative(available_atoms, frozen_atoms)
        balance = self._balance(account, asset)
        before = balance.total_atoms
        balance.available_atoms, balance.frozen_atoms = available_atoms, frozen_atoms
        return balance.total_atoms - before

    def restore_deposit(self, asset: str, amount_atoms: int) -> None:
        """Book the outside part of a journaled deposit, or with a negative amount of a withdrawal."""
        _add(self.net_deposit_atoms, asset, amount_atoms)

    def restore_fill(self, base: str, quote: str, base_atoms: int, notional_atoms: int, fee: int) -> None:
        """Book the market's part of a journaled fill; the arguments are what the market received."""
        self._book_fill(base, quote, base_atoms, notional_atoms, fee)

    def restore_totals(
        self, fees: Mapping[str, int], market: Mapping[str, int], net_deposits: Mapping[str, int]
    ) -> None:
        """Set the ledger's own accounts as a checkpoint recorded them."""
        self.fee_atoms, self.market_atoms = dict(fees), dict(market)
        self.net_deposit_atoms = dict(net_deposits)

    # --- inside ---

    def _assets(self, account: str) -> dict[str, Balance]:
        try:
            return self._accounts[account]
        except KeyError:
            raise UnknownAccount(account) from None

    def _balance(self, account: str, asset: str) -> Balance:
        assets = self._assets(account)
        balance = assets.get(asset)
        if balance is None:
            balance = assets[asset] = Balance()
        return balance

    def _take_available(self, account: str, asset: str, amount_atoms: int) -> Balance:
        _require_not_negative(amount_atoms)
        balance = self._assets(account).get(asset)
        present = 0 if balance is None else balance.available_atoms
        if present < amount_atoms:
            raise NotEnough(account, asset, "available", amount_atoms, present)
        balance = self._balance(account, asset)
        balance.available_atoms -= amount_atoms
        return balance

    def _take_frozen(self, account: str, asset: str, amount_atoms: int) -> Balance:
        _require_not_negative(amount_atoms)
        balance = self._assets(account).get(asset)
        present = 0 if balance is None else balance.frozen_atoms
        if present < amount_atoms:
            raise NotEnough(account, asset, "frozen", amount_atoms, present)
        balance = self._balance(account, asset)
        balance.frozen_atoms -= amount_atoms
        return balance

    def _book_fill(self, base: str, quote: str, base_atoms: int, notional_atoms: int, fee: int) -> None:
        _add(self.market_atoms, base, base_atoms)
        _add(self.market_atoms, quote, notional_atoms)
        _add(self.fee_atoms, quote, fee)


def _add(amounts: dict[str, int], asset: str, amount_atoms: int) -> None:
    amounts[asset] = amounts.get(asset, 0) + amount_atoms


def _require_not_negative(*amounts_atoms: int) -> None:
    for amount in amounts_atoms:
        if amount < 0:
            raise ValueError(f"amount of {amount} atoms is negative")

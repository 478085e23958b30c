"""Invariants of the ledger:

1. accounts + fees + market == deposits - withdrawals, per asset, after every step.
2. No part of a balance is ever negative.
3. A refused step changes nothing.
"""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from paper_bitmart.exchange.ledger import (
    AccountExists,
    Balance,
    Ledger,
    NotEnough,
    Unbalanced,
    UnknownAccount,
)


@pytest.fixture
def ledger():
    ledger = Ledger()
    ledger.open("alice")
    ledger.deposit("alice", "USDT", 1000)
    ledger.deposit("alice", "BTC", 10)
    return ledger


def test_a_hold_freezes_and_a_release_frees(ledger):
    ledger.hold("alice", "USDT", 300)
    assert ledger.balance("alice", "USDT") == Balance(700, 300)
    ledger.release("alice", "USDT", 100)
    assert ledger.balance("alice", "USDT") == Balance(800, 200)


def test_a_buy_pays_from_frozen_and_the_market_is_its_counterparty(ledger):
    ledger.hold("alice", "USDT", 300)
    ledger.settle_buy("alice", "BTC", "USDT", 2, 250, 5)
    assert ledger.balance("alice", "USDT") == Balance(700, 45)
    assert ledger.balance("alice", "BTC") == Balance(12, 0)
    assert ledger.market_atoms == {"BTC": -2, "USDT": 250}
    assert ledger.fee_atoms == {"USDT": 5}
    ledger.check()


def test_a_sell_receives_the_notional_less_the_fee(ledger):
    ledger.hold("alice", "BTC", 4)
    ledger.settle_sell("alice", "BTC", "USDT", 4, 500, 5)
    assert ledger.balance("alice", "USDT") == Balance(1495, 0)
    assert ledger.balance("alice", "BTC") == Balance(6, 0)
    assert ledger.market_atoms == {"BTC": 4, "USDT": -500}
    ledger.check()


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (lambda ledger: ledger.withdraw("alice", "USDT", 1001), "available"),
        (lambda ledger: ledger.hold("alice", "USDT", 1001), "available"),
        (lambda ledger: ledger.hold("alice", "ETH", 1), "available"),
        (lambda ledger: ledger.release("alice", "USDT", 1), "frozen"),
        (lambda ledger: ledger.settle_buy("alice", "BTC", "USDT", 1, 1, 0), "frozen"),
        (lambda ledger: ledger.settle_sell("alice", "BTC", "USDT", 1, 1, 0), "frozen"),
    ],
)
def test_what_is_not_there_cannot_be_moved(ledger, step, kind):
    before = ledger.balances("alice")
    with pytest.raises(NotEnough) as refused:
        step(ledger)
    assert refused.value.kind == kind
    assert ledger.balances("alice") == before
    assert ledger.market_atoms == {}


def test_negative_amounts_are_refused(ledger):
    with pytest.raises(ValueError, match="negative"):
        ledger.deposit("alice", "USDT", -1)
    with pytest.raises(ValueError, match="negative"):
        ledger.settle_sell("alice", "BTC", "USDT", 0, 1, 2)


def test_accounts_are_opened_once_and_named_right(ledger):
    with pytest.raises(AccountExists, match="alice"):
        ledger.open("alice")
    with pytest.raises(UnknownAccount, match="bob"):
        ledger.deposit("bob", "USDT", 1)


def test_check_names_the_asset_that_does_not_add_up(ledger):
    ledger.restore_balance("alice", "USDT", 999, 0)
    with pytest.raises(Unbalanced) as found:
        ledger.check()
    assert (found.value.asset, found.value.owned_atoms, found.value.deposited_atoms) == ("USDT", 999, 1000)


ACCOUNTS = ("alice", "bob")
ASSETS = ("BTC", "USDT")
AMOUNTS = st.integers(0, 50) | st.integers(0, 10**30)


class LedgerMachine(RuleBasedStateMachine):
    """Random steps, possible or not, against totals kept apart."""

    @initialize()
    def start(self):
        self.ledger = Ledger()
        self.totals = {}
        for account in ACCOUNTS:
            self.ledger.open(account)
            for asset in ASSETS:
                self.ledger.deposit(account, asset, 100)
                self.totals[account, asset] = 100

    def attempt(self, step):
        """Run `step`; a refusal must leave everything as it was."""
        before = self.snapshot()
        try:
            step()
        except NotEnough:
            assert self.snapshot() == before
            return False
        return True

    def snapshot(self):
        return [self.ledger.balances(account) for account in ACCOUNTS], dict(self.ledger.market_atoms)

    @rule(account=st.sampled_from(ACCOUNTS), asset=st.sampled_from(ASSETS), amount=AMOUNTS)
    def deposit(self, account, asset, amount):
        self.ledger.deposit(account, asset, amount)
        self.totals[account, asset] += amount

    @rule(account=st.sampled_from(ACCOUNTS), asset=st.sampled_from(ASSETS), amount=AMOUNTS)
    def withdraw(self, account, asset, amount):
        if self.attempt(lambda: self.ledger.withdraw(account, asset, amount)):
            self.totals[account, asset] -= amount

    @rule(account=st.sampled_from(ACCOUNTS), asset=st.sampled_from(ASSETS), amount=AMOUNTS)
    def hold(self, account, asset, amount):
        self.attempt(lambda: self.ledger.hold(account, asset, amount))

    @rule(account=st.sampled_from(ACCOUNTS), asset=st.sampled_from(ASSETS), amount=AMOUNTS)
    def release(self, account, asset, amount):
        self.attempt(lambda: self.ledger.release(account, asset, amount))

    @rule(account=st.sampled_from(ACCOUNTS), base=AMOUNTS, notional=AMOUNTS, fee=st.integers(0, 9))
    def buy(self, account, base, notional, fee):
        if self.attempt(lambda: self.ledger.settle_buy(account, "BTC", "USDT", base, notional, fee)):
            self.totals[account, "BTC"] += base
            self.totals[account, "USDT"] -= notional + fee

    @rule(account=st.sampled_from(ACCOUNTS), base=AMOUNTS, notional=AMOUNTS, fee=st.integers(0, 9))
    def sell(self, account, base, notional, fee):
        fee = min(fee, notional)
        if self.attempt(lambda: self.ledger.settle_sell(account, "BTC", "USDT", base, notional, fee)):
            self.totals[account, "BTC"] -= base
            self.totals[account, "USDT"] += notional - fee

    @invariant()
    def money_is_conserved(self):
        self.ledger.check()

    @invariant()
    def totals_are_what_was_moved(self):
        for (account, asset), total in self.totals.items():
            assert self.ledger.balance(account, asset).total_atoms == total


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(stateful_step_count=30)

"""What a venue is made of, in one place, for its commands, its queries and its recovery alike."""

from collections.abc import Iterable
from dataclasses import dataclass

from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import FeeSchedule
from paper_bitmart.exchange.ledger import Ledger
from paper_bitmart.exchange.lifecycle import Lifecycle
from paper_bitmart.exchange.markets import Market, MatcherFactory
from paper_bitmart.exchange.order_store import OrderStore
from paper_bitmart.exchange.settings import VenueSettings


@dataclass(frozen=True, slots=True)
class Account:
    """`index` is the account's number in the matching core; `ample`: see `Venue.open_account`."""

    name: str
    index: int
    ample: bool


class ClockWentBack(ValueError):
    """A command's time is earlier than that of the command before it."""

    def __init__(self, at_ns: int, previous_ns: int) -> None:
        super().__init__(f"command at {at_ns} ns after one at {previous_ns} ns")
        self.at_ns, self.previous_ns = at_ns, previous_ns


class Parts:
    """Accounts, money, orders and markets of one venue, and its two clock readings."""

    def __init__(
        self, rules: Iterable[SymbolRules], settings: VenueSettings, matchers: MatcherFactory
    ) -> None:
        self.settings = settings
        self.matchers = matchers
        self.ledger = Ledger()
        self.fees = FeeSchedule(settings.fees)
        self.store = OrderStore(settings)
        self.life = Lifecycle(self.ledger, self.store)
        self.accounts: dict[str, Account] = {}
        self.rules: dict[str, SymbolRules] = {}
        self.markets: dict[str, Market] = {}
        self.command_ns = 0
        """Time of the latest command; the next one may not be earlier."""
        self.now_ns = 0
        """Latest time of any command or market event."""
        for symbol_rules in rules:
            self.add_market(symbol_rules)

    def add_market(self, rules: SymbolRules) -> None:
        self.rules[rules.symbol] = rules
        self.markets[rules.symbol] = Market(rules, len(self.markets), self.matchers())

    def add_account(self, account: Account) -> None:
        self.accounts[account.name] = account
        self.ledger.open(account.name)
        self.store.open_account(account.name)

    def market(self, symbol: str) -> Market:
        """Raises BitmartError 50001 for an unknown symbol, 50028 for none."""
        if not symbol:
            raise refusal(50028, field="symbol")
        market = self.markets.get(symbol)
        if market is None:
            raise refusal(50001, field="symbol", value=symbol)
        return market

    def account(self, name: str) -> Account:
        """Raises BitmartError 59001 for an unknown account."""
        account = self.accounts.get(name)
        if account is None:
            raise refusal(59001, field="account", value=name)
        return account

    def assets(self) -> list[str]:
        """Every base and quote currency, in the order of the rules."""
        return list(dict.fromkeys(asset for one in self.rules.values() for asset in (one.base, one.quote)))

    def check_time(self, at_ns: int) -> None:
        """Raises ClockWentBack when `at_ns` is earlier than the previous command."""
        if at_ns < self.command_ns:
            raise ClockWentBack(at_ns, self.command_ns)

    def advance_command_time(self, at_ns: int) -> None:
        """Only once nothing can refuse the command any more."""
        self.command_ns = at_ns
        self.now_ns = max(self.now_ns, at_ns)

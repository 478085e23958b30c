"""The venue: commands and market events in, events out. No I/O, no clock, no latency.

Every change of an order, a balance or a feed is an event, returned in the order in which a BitMart client
sees it and given to the journal before it is returned. A refused command raises and changes nothing.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from paper_bitmart.bitmart.decimals import ATOMS
from paper_bitmart.bitmart.enums import CancelSource, OrderState, OrderType, Side, StpMode
from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.checks import (
    CheckedOrder,
    amount_in_atoms,
    check_available,
    check_feed,
    check_open_orders,
    check_order,
)
from paper_bitmart.exchange.events import (
    AccountOpened,
    BalanceReason,
    Event,
    FeedChanged,
    FeesChanged,
    Journal,
)
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.holds import market_buy_budget
from paper_bitmart.exchange.identifiers import order_number
from paper_bitmart.exchange.lifecycle import VenueInconsistent
from paper_bitmart.exchange.markets import CoreMatchers, MarketBatch, MatcherFactory, Occurrence
from paper_bitmart.exchange.orders import NewOrder, Order
from paper_bitmart.exchange.parts import Account, ClockWentBack, Parts
from paper_bitmart.exchange.queries import Queries
from paper_bitmart.exchange.recovery import Replay, import_state
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.state import VenueState
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind

__all__ = ["CancelResult", "ClockWentBack", "MarketBatch", "Venue"]

TIME_MAX = 2**63 - 1
AMPLE_ATOMS = 10**15 * ATOMS
"""What an ample account gets of each asset: 10^15 whole coins."""
BATCH_MAX = 10
DEFAULT_MATCHERS = CoreMatchers()

_TYPE_CODES = {kind: code for code, kind in enumerate(OrderType)}
_STP_CODES = {mode: code for code, mode in enumerate(StpMode)}


@dataclass(frozen=True, slots=True)
class CancelResult:
    """Outcome of a cancel of several orders: the ids as they were sent (protocol reference 5.9)."""

    success_ids: list[str]
    fail_ids: list[str]
    events: list[Event]


class Venue(Queries):
    """A paper exchange for the symbols of `rules`; its questions are in `Queries`.

    Args:
        rules: by symbol; the order of the mapping breaks ties between symbols.
        settings: fees and limits.
        journal: gets every event; None keeps nothing.
        matchers: makes one matcher per symbol.
    """

    def __init__(
        self,
        rules: Mapping[str, SymbolRules],
        *,
        settings: VenueSettings | None = None,
        journal: Journal | None = None,
        matchers: MatcherFactory = DEFAULT_MATCHERS,
    ) -> None:
        super().__init__(Parts(rules.values(), settings or VenueSettings(), matchers))
        self._journal = journal
        self._replay = Replay(self._parts)

    # --- accounts ---

    def open_account(self, name: str, balances: Mapping[str, Decimal] | None, at_ns: int) -> list[Event]:
        """Open an account with a first deposit; None gives it ample of everything.

        Raises:
            BitmartError: 50021 the name is empty or taken, or an amount is no positive number of at most 18
                decimals; 51000 an asset that no symbol trades; 51008 too many accounts.
        """
        self._parts.check_time(at_ns)
        if not name or name in self._parts.accounts:
            raise refusal(50021, field="account", value=name)
        if len(self._parts.accounts) >= self._parts.settings.accounts_max:
            raise refusal(51008, field="account", limit=self._parts.settings.accounts_max)
        if balances is None:
            deposits = dict.fromkeys(self._parts.assets(), AMPLE_ATOMS)
        else:
            deposits = {
                asset: amount_in_atoms(self._parts.assets(), asset, amount)
                for asset, amount in balances.items()
                if amount
            }
        self._parts.advance_command_time(at_ns)
        account = Account(name, len(self._parts.accounts), balances is None)
        self._parts.add_account(account)
        seq = self._parts.life.event_seqs.take()
        self._parts.life.out.append(
            AccountOpened(seq=seq, at_ns=at_ns, account=name, index=account.index, ample=account.ample)
        )
        for asset, amount_atoms in deposits.items():
            self._deposit(name, asset, amount_atoms, at_ns)
        return self._finish()

    def deposit(self, account: str, asset: str, amount: Decimal, at_ns: int) -> list[Event]:
        """Credit an account from outside.

        Raises:
            BitmartError: 59001 unknown account, 51000 unknown asset, 50021 bad amount.
        """
        self._check_sender(account, at_ns)
        amount_atoms = amount_in_atoms(self._parts.assets(), asset, amount)
        self._parts.advance_command_time(at_ns)
        self._deposit(account, asset, amount_atoms, at_ns)
        return self._finish()

    def withdraw(self, account: str, asset: str, amount: Decimal, at_ns: int) -> list[Event]:
        """Debit available funds to the outside.

        Raises:
            BitmartError: as `deposit`; InsufficientBalance (50020).
        """
        self._check_sender(account, at_ns)
        amount_atoms = amount_in_atoms(self._parts.assets(), asset, amount)
        check_available(self._parts.ledger, account, asset, amount_atoms)
        self._parts.advance_command_time(at_ns)
        self._parts.ledger.withdraw(account, asset, amount_atoms)
        self._parts.life.balance_changed(account, asset, BalanceReason.WITHDRAW, at_ns)
        return self._finish()

    def set_fees(
        self, account: str, symbol: str | None, maker_ppm: int, taker_ppm: int, at_ns: int
    ) -> list[Event]:
        """Set an account's rates for one symbol, or (None) for all without an own setting.

        Open orders keep the rates that they were accepted with.

        Raises:
            BitmartError: 59001 unknown account, 50001 unknown symbol.
            ValueError: a rate is outside 0..1,000,000 ppm.
        """
        self._check_sender(account, at_ns)
        if symbol is not None:
            self._parts.market(symbol)
        self._parts.fees.set(account, symbol, FeeRates(maker_ppm, taker_ppm))
        self._parts.advance_command_time(at_ns)
        self._parts.life.out.append(
            FeesChanged(
                seq=self._parts.life.event_seqs.take(),
                at_ns=at_ns,
                account=account,
                symbol=symbol or "",
                maker_ppm=maker_ppm,
                taker_ppm=taker_ppm,
            )
        )
        return self._finish()

    def add_symbol(self, rules: SymbolRules, at_ns: int) -> list[Event]:
        """List one more symbol; ample accounts get what they lack of its assets.

        Raises:
            ValueError: the symbol is listed already.
        """
        self._parts.check_time(at_ns)
        if rules.symbol in self._parts.markets:
            raise ValueError(f"{rules.symbol} is listed already")
        known = set(self._parts.assets())
        self._parts.advance_command_time(at_ns)
        self._parts.add_market(rules)
        new_assets = [asset for asset in (rules.base, rules.quote) if asset not in known]
        for account in self._parts.accounts.values():
            for asset in new_assets if account.ample else ():
                self._deposit(account.name, asset, AMPLE_ATOMS, at_ns)
        return self._finish()

    # --- orders ---

    def submit(self, account: str, order: NewOrder, at_ns: int) -> list[Event]:
        """Accept and match one new order; its id is in the first event.

        Returns:
            OrderAccepted, then what happened to it (and by self-trade to others) at once.

        Raises:
            BitmartError: the first failing check of `checks`; nothing has changed.
            ClockWentBack: `at_ns` is earlier than the previous command.

        Source: protocol reference 5.6. Cost: O(levels crossed + own orders met).
        """
        self._check_sender(account, at_ns)
        checked = self._check(account, order)
        check_available(self._parts.ledger, account, checked.hold_asset, checked.hold_atoms)
        self._parts.advance_command_time(at_ns)
        self._place(account, checked, at_ns)
        return self._finish()

    def submit_batch(self, account: str, orders: Sequence[NewOrder], at_ns: int) -> list[Event]:
        """Accept 1 to 10 orders, or none of them.

        The balance must cover all of their holds together before the first is matched.

        Raises:
            BitmartError: 50033 for a wrong number, else the refusal of the first order that fails.

        Source: protocol reference 5.7 and 10, question 15.
        """
        self._check_sender(account, at_ns)
        if not 1 <= len(orders) <= BATCH_MAX:
            raise refusal(50033, field="orderParams", limit=BATCH_MAX, value=len(orders))
        needed: dict[str, int] = {}
        client_ids: set[str] = set()
        batch: list[CheckedOrder] = []
        for order in orders:
            checked = self._check(account, order, others=len(batch), taken_ids=client_ids)
            needed[checked.hold_asset] = needed.get(checked.hold_asset, 0) + checked.hold_atoms
            check_available(self._parts.ledger, account, checked.hold_asset, needed[checked.hold_asset])
            client_ids.add(checked.client_order_id)
            batch.append(checked)
        self._parts.advance_command_time(at_ns)
        for checked in batch:
            self._place(account, checked, at_ns)
        return self._finish()

    def cancel(
        self,
        account: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        symbol: str | None = None,
        at_ns: int,
    ) -> list[Event]:
        """Cancel one open order; the order id wins over the client's. Works whatever the feed's state.

        Raises:
            BitmartError: 50001 unknown symbol, 50039 no id, 50005 no such order (of that symbol), 50030
                already cancelled, 50031 already filled.

        Source: protocol reference 5.8.
        """
        self._check_sender(account, at_ns)
        order = self._cancelable(account, order_id, client_order_id, symbol)
        self._parts.advance_command_time(at_ns)
        self._cancel(order, at_ns)
        return self._finish()

    def cancel_orders(
        self,
        account: str,
        *,
        order_ids: Sequence[str] = (),
        client_order_ids: Sequence[str] = (),
        symbol: str | None = None,
        at_ns: int,
    ) -> CancelResult:
        """Cancel up to 10 orders by either kind of id; unknown and dead ones are told, not refused.

        Raises:
            BitmartError: 50001 unknown symbol, 50039 no id at all, 50033 more than 10.

        Source: protocol reference 5.9.
        """
        self._check_sender(account, at_ns)
        if symbol is not None:
            self._parts.market(symbol)
        count = len(order_ids) + len(client_order_ids)
        if not count:
            raise refusal(50039, field="orderIds")
        if count > BATCH_MAX:
            raise refusal(50033, field="orderIds", limit=BATCH_MAX, value=count)
        self._parts.advance_command_time(at_ns)
        wanted = [(text, self._parts.store.find(account, order_number(text), None)) for text in order_ids]
        wanted += [(text, self._parts.store.find(account, None, text)) for text in client_order_ids]
        result = CancelResult([], [], [])
        for text, found in wanted:
            # Looked up again: the same order may be named twice.
            order = None if found is None else self._parts.store.get(found.order_id)
            if order is None or not order.is_open or symbol not in (None, order.symbol):
                result.fail_ids.append(text)
                continue
            self._cancel(order, at_ns)
            result.success_ids.append(text)
        result.events.extend(self._finish())
        return result

    def cancel_all(
        self, account: str, *, symbol: str | None = None, side: Side | None = None, at_ns: int
    ) -> list[Event]:
        """Cancel the account's open orders, oldest first; none is fine.

        Raises:
            BitmartError: 50001 unknown symbol.

        Source: protocol reference 5.10.
        """
        self._check_sender(account, at_ns)
        if symbol is not None:
            self._parts.market(symbol)
        self._parts.advance_command_time(at_ns)
        for order_id in self._parts.store.open_ids(account):
            order = self._parts.store.get(order_id)
            if order is not None and symbol in (None, order.symbol) and side in (None, order.side):
                self._cancel(order, at_ns)
        return self._finish()

    # --- the market ---

    def market(
        self, symbol: str, events: np.ndarray, start: int = 0, until_ns: int = TIME_MAX
    ) -> tuple[int, list[Event]]:
        """Let one symbol's market go on: `events[start:]` with recv_ns <= until_ns.

        An event that is handed over after a later command still counts; its fills get the command's time.

        Returns:
            Index of the first event not applied, and what happened to orders and feed; mostly nothing.

        Raises:
            BitmartError: 50001 unknown symbol.
        """
        market = self._parts.market(symbol)
        end, found = market.advance(events, start, until_ns)
        self._parts.now_ns = max(self._parts.now_ns, market.last_recv_ns)
        return end, self._apply(found) if found else []

    def market_all(
        self, batches: Mapping[str, MarketBatch], until_ns: int = TIME_MAX
    ) -> tuple[dict[str, int], list[Event]]:
        """Let several symbols' markets go on, and merge what came of it by time, message and symbol.

        Equal to handing over every event by itself in that order, because symbols cannot change each other's
        matching between two commands.

        Returns:
            By symbol the index of the first event not applied, and the events in time order.
        """
        ends: dict[str, int] = {}
        found: list[Occurrence] = []
        for symbol, batch in batches.items():
            market = self._parts.market(symbol)
            ends[symbol], of_symbol = market.advance(batch.events, batch.start, until_ns)
            self._parts.now_ns = max(self._parts.now_ns, market.last_recv_ns)
            found += of_symbol
        return ends, self._apply(sorted(found, key=Occurrence.rank)) if found else []

    def close_feeds(self, at_ns: int) -> list[Event]:
        """No feed is trusted any more (shutdown, or a restart before the sources are back)."""
        row = np.zeros(1, EVENT_DTYPE)
        row["recv_ns"] = row["exch_ns"] = at_ns
        row["kind"], row["size_lots"], row["flags"] = Kind.FEED_STATE, FeedState.CLOSED, Flag.LAST
        return self.market_all({symbol: MarketBatch(row) for symbol in self._parts.markets})[1]

    # --- recovery ---

    def import_state(self, state: VenueState) -> None:
        """Bring this new venue to a checkpoint's state.

        Raises:
            StateMismatch: see `recovery.import_state`.
        """
        import_state(self._parts, state)

    def restore(self, event: Event) -> None:
        """Apply the next journaled event; nothing is journaled again.

        Raises:
            StateMismatch: it is not the next one.
        """
        self._replay.apply(event)

    def finish_restore(self) -> list[Event]:
        """After the last `restore`: make the matchers agree with the orders.

        Returns:
            FeedChanged for the feeds that this put out of sync.
        """
        for symbol, state in self._replay.finish():
            self._feed_changed(symbol, state, self._parts.now_ns)
        return self._finish()

    # --- inside ---

    def _check_sender(self, account: str, at_ns: int) -> None:
        self._parts.account(account)
        self._parts.check_time(at_ns)

    def _check(
        self,
        account: str,
        order: NewOrder,
        *,
        others: int = 0,
        taken_ids: Container[str] = (),
    ) -> CheckedOrder:
        """Checks 1 to 11 of `checks`; `others` and `taken_ids` are of the same batch."""
        market = self._parts.market(order.symbol)
        checked = check_order(
            order,
            market.limits,
            self._parts.fees.rates(account, order.symbol),
            is_client_id_used=lambda text: (
                text in taken_ids or self._parts.store.is_client_id_used(account, text)
            ),
            last_price_ticks=market.last_price_ticks,
        )
        check_feed(order.symbol, market.feed_state)
        limit = self._parts.settings.open_orders_per_account_max
        check_open_orders(self._parts.store.open_count(account) + others, limit)
        return checked

    def _place(self, account: str, checked: CheckedOrder, at_ns: int) -> None:
        market, life = self._parts.market(checked.symbol), self._parts.life
        order = life.accept(account, checked, self._parts.fees.rates(account, checked.symbol), at_ns)
        budget = market_buy_budget(market.rules, order.notional_atoms) if order.is_market_buy else 0
        market.matcher.place(
            order.order_id,
            self._parts.account(account).index,
            order.side.code,
            _TYPE_CODES[order.type],
            order.price_ticks,
            order.size_lots,
            budget,
            _STP_CODES[order.stp_mode],
            at_ns,
        )
        for report in market.drain():
            life.apply(report, market.rules)
        life.end_of_placement(order.order_id, at_ns)

    def _cancelable(
        self, account: str, order_id: int | None, client_order_id: str | None, symbol: str | None
    ) -> Order:
        if symbol is not None:
            self._parts.market(symbol)
        if order_id is None and not client_order_id:
            raise refusal(50039, field="order_id")
        order = self._parts.store.find(account, order_id, client_order_id)
        if order is None or symbol not in (None, order.symbol):
            raise refusal(50005, field="order_id", value=order_id or client_order_id)
        if not order.is_open:
            raise refusal(50031 if order.state is OrderState.FILLED else 50030, value=order.order_id)
        return order

    def _cancel(self, order: Order, at_ns: int) -> None:
        leaves_lots = self._parts.market(order.symbol).matcher.cancel(order.order_id, at_ns)
        if leaves_lots != order.leaves_lots:
            raise VenueInconsistent(
                f"order {order.order_id} has {order.leaves_lots} lots left, the core says {leaves_lots}"
            )
        self._parts.life.cancel(order, CancelSource.USER, at_ns)

    def _apply(self, found: Iterable[Occurrence]) -> list[Event]:
        command_ns = self._parts.command_ns
        for one in found:
            if isinstance(one.what, FeedState):
                self._feed_changed(one.symbol, one.what, one.at_ns)
                continue
            report = one.what
            if report.at_ns < command_ns:
                # The source handed its message over after the command, and an order's time never goes back.
                report = report._replace(at_ns=command_ns)
            self._parts.life.apply(report, self._parts.market(one.symbol).rules)
        return self._finish()

    def _feed_changed(self, symbol: str, state: FeedState, at_ns: int) -> None:
        seq = self._parts.life.event_seqs.take()
        self._parts.life.out.append(FeedChanged(seq=seq, at_ns=at_ns, symbol=symbol, state=state))

    def _finish(self) -> list[Event]:
        events = self._parts.life.take_events()
        if events and self._journal is not None:
            self._journal.record(events)
        return events

    def _deposit(self, account: str, asset: str, amount_atoms: int, at_ns: int) -> None:
        self._parts.ledger.deposit(account, asset, amount_atoms)
        self._parts.life.balance_changed(account, asset, BalanceReason.DEPOSIT, at_ns)

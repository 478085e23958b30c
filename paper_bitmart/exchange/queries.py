"""What may be asked of a venue; no question changes anything."""

from collections.abc import Mapping

from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.ledger import Balance, Unbalanced
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.exchange.parts import Account, Parts
from paper_bitmart.exchange.recovery import export_state
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.state import VenueState
from paper_bitmart.feed.events import FeedState


class Queries:
    """The reading half of `Venue`. Lists are newest first; limits and time ranges are optional.

    An unknown account raises BitmartError 59001, an unknown symbol 50001.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    @property
    def settings(self) -> VenueSettings:
        return self._parts.settings

    @property
    def rules(self) -> Mapping[str, SymbolRules]:
        """By symbol, in the order in which they were listed; grows with `Venue.add_symbol`."""
        return self._parts.rules

    @property
    def now_ns(self) -> int:
        """The latest time of any command or market event."""
        return self._parts.now_ns

    def assets(self) -> list[str]:
        """Every base and quote currency, in the order of the rules."""
        return self._parts.assets()

    def accounts(self) -> list[Account]:
        return list(self._parts.accounts.values())

    def account(self, name: str) -> Account:
        """Raises BitmartError 59001 for an unknown account."""
        return self._parts.account(name)

    def order(
        self,
        account: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        query_state: str | None = None,
        at_ns: int | None = None,
    ) -> Order:
        """One order, as protocol reference 5.12 and 5.13 show it.

        Args:
            query_state: "open" or "history" looks among open or finished orders only.
            at_ns: the time of the question, `now_ns` by default; an order cancelled without a fill is gone
                `unfilled_visible_ns` later.

        Raises:
            BitmartError: 52003 bad query state, 50005 nothing found.
        """
        self._parts.account(account)
        if query_state not in (None, "", "open", "history"):
            raise refusal(52003, field="queryState", value=query_state)
        now_ns = self._parts.now_ns if at_ns is None else at_ns
        order = self._parts.store.find_visible(account, order_id, client_order_id, now_ns)
        if order is None or (query_state and order.is_open is not (query_state == "open")):
            raise refusal(50005, field="orderId", value=order_id or client_order_id)
        return order

    def open_orders(
        self,
        account: str,
        symbol: str | None = None,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int | None = None,
    ) -> list[Order]:
        """Open orders, newest update first; the range is of update times, both ends included."""
        self._parts.account(account)
        return self._parts.store.open_orders(account, symbol, start_ms, end_ms, limit)

    def order_history(
        self,
        account: str,
        symbol: str | None = None,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int | None = None,
    ) -> list[Order]:
        """Finished orders, the last finished first; the range is of update times, both ends included."""
        self._parts.account(account)
        return self._parts.store.closed_orders(account, symbol, start_ms, end_ms, limit)

    def fills(
        self,
        account: str,
        symbol: str | None = None,
        *,
        order_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int | None = None,
    ) -> list[Fill]:
        """Fills, newest first; with `order_id` those of one order, whatever else is asked.

        Raises:
            BitmartError: 50005 the account has no such order.
        """
        self._parts.account(account)
        if order_id is None:
            return self._parts.store.fills(account, symbol, start_ms, end_ms, limit)
        if self._parts.store.find(account, order_id, None) is None:
            raise refusal(50005, field="orderId", value=order_id)
        return self._parts.store.fills_of_order(order_id)[:limit]

    def balances(self, account: str) -> dict[str, Balance]:
        """Balances by asset."""
        self._parts.account(account)
        return self._parts.ledger.balances(account)

    def balance(self, account: str, asset: str) -> Balance:
        """One balance; zero for an asset that the account never had."""
        self._parts.account(account)
        return self._parts.ledger.balance(account, asset)

    def fees_collected(self) -> dict[str, int]:
        """By asset, the atoms that all fills of all accounts paid in fees."""
        return dict(self._parts.ledger.fee_atoms)

    def fee_rates(self, account: str, symbol: str) -> FeeRates:
        """Raises BitmartError 59001 unknown account, 50001 unknown symbol."""
        self._parts.account(account)
        self._parts.market(symbol)
        return self._parts.fees.rates(account, symbol)

    def feed_state(self, symbol: str) -> FeedState:
        return self._parts.market(symbol).feed_state

    def queue_ahead(self, order_id: int) -> float:
        """Lots estimated ahead of a resting order; -1.0 for one that does not rest."""
        order = self._parts.store.get(order_id)
        return -1.0 if order is None else self._parts.market(order.symbol).matcher.queue_ahead(order_id)

    def explain(self, order_id: int) -> object | None:
        """What the matching core knows of a resting order's queue; None for one that does not rest."""
        order = self._parts.store.get(order_id)
        return None if order is None else self._parts.market(order.symbol).matcher.explain(order_id)

    def check(self) -> None:
        """Prove that no money came or went, and that what is frozen is what open orders hold.

        Raises:
            LedgerError: conservation is broken, naming account or asset.
        """
        self._parts.ledger.check()
        held: dict[tuple[str, str], int] = {}
        for order in self._parts.store.open_orders_of_all():
            place = order.account, order.hold_asset
            held[place] = held.get(place, 0) + order.hold_atoms
        for account in self._parts.accounts:
            for asset, balance in self._parts.ledger.balances(account).items():
                if balance.frozen_atoms != held.get((account, asset), 0):
                    raise Unbalanced(asset, balance.frozen_atoms, held.get((account, asset), 0))

    @property
    def remembered(self) -> int:
        """How many orders and fills queries can still see; O(1)."""
        return len(self._parts.store)

    def export_state(self) -> VenueState:
        """The whole state, for a checkpoint or to compare two runs by `state_hash`."""
        return export_state(self._parts)

"""The orders and fills that a venue remembers, indexed for every question that a client may ask.

Nothing here scans all accounts: an account's open orders, closed orders and fills have their own index.
Lists come newest first (protocol reference 10, question 16). What is forgotten, and when, is set by
`VenueSettings`; open orders are never forgotten.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from paper_bitmart.bitmart.enums import OrderState
from paper_bitmart.exchange.identifiers import order_number
from paper_bitmart.exchange.orders import Fill, Order
from paper_bitmart.exchange.settings import VenueSettings

NS_PER_MS = 1_000_000


class _AccountIndex:
    """Ids of one account. Dicts serve as ordered sets: removal from the middle is O(1)."""

    __slots__ = ("closed", "fills", "ids_by_client_id", "open")

    def __init__(self) -> None:
        self.open: dict[int, None] = {}
        self.closed: dict[int, None] = {}
        self.ids_by_client_id: dict[str, int] = {}
        self.fills: deque[Fill] = deque()


class OrderStore:
    """All remembered orders by id, and per account the open ones, the closed ones and the fills."""

    def __init__(self, settings: VenueSettings) -> None:
        self._settings = settings
        self._orders: dict[int, Order] = {}
        self._accounts: dict[str, _AccountIndex] = {}
        self._fills_by_order: dict[int, list[Fill]] = {}
        self._closed: deque[int] = deque()
        self._fills: deque[Fill] = deque()

    # --- changes ---

    def open_account(self, account: str) -> None:
        self._accounts[account] = _AccountIndex()

    def put(self, order: Order) -> None:
        """Remember a new order, or the next state of a known one."""
        index = self._accounts[order.account]
        is_new = order.order_id not in self._orders
        self._orders[order.order_id] = order
        if is_new and order.client_order_id != str(order.order_id):
            index.ids_by_client_id[order.client_order_id] = order.order_id
        if order.is_open:
            index.open[order.order_id] = None
            return
        index.open.pop(order.order_id, None)
        if order.order_id not in index.closed:
            index.closed[order.order_id] = None
            self._closed.append(order.order_id)
            if len(self._closed) > self._settings.closed_orders_max:
                self._forget_order(self._closed.popleft())

    def add_fill(self, fill: Fill) -> None:
        self._fills.append(fill)
        self._accounts[fill.account].fills.append(fill)
        self._fills_by_order.setdefault(fill.order_id, []).append(fill)
        if len(self._fills) > self._settings.fills_max:
            self._forget_fill(self._fills.popleft())

    def _forget_order(self, order_id: int) -> None:
        order = self._orders.pop(order_id)
        index = self._accounts[order.account]
        del index.closed[order_id]
        if index.ids_by_client_id.get(order.client_order_id) == order_id:
            del index.ids_by_client_id[order.client_order_id]

    def _forget_fill(self, fill: Fill) -> None:
        # The oldest of all is also the oldest of its account and of its order.
        self._accounts[fill.account].fills.popleft()
        of_order = self._fills_by_order[fill.order_id]
        of_order.pop(0)
        if not of_order:
            del self._fills_by_order[fill.order_id]

    # --- single orders ---

    def get(self, order_id: int) -> Order | None:
        return self._orders.get(order_id)

    def find(self, account: str, order_id: int | None, client_order_id: str | None) -> Order | None:
        """The account's order by its id or else by its client order id; None when there is none."""
        if order_id is None:
            order_id = self._id_of_client_id(account, client_order_id or "")
        order = self._orders.get(order_id) if order_id is not None else None
        return order if order is not None and order.account == account else None

    def find_visible(
        self, account: str, order_id: int | None, client_order_id: str | None, at_ns: int
    ) -> Order | None:
        """As `find`, without what single-order queries no longer show at `at_ns`."""
        order = self.find(account, order_id, client_order_id)
        if order is None or order.state is not OrderState.CANCELED:
            return order
        return order if at_ns - order.updated_ns <= self._settings.unfilled_visible_ns else None

    def is_client_id_used(self, account: str, client_order_id: str) -> bool:
        """Whether a remembered order of the account has this client order id, given or by default."""
        return self.find(account, None, client_order_id) is not None

    def _id_of_client_id(self, account: str, client_order_id: str) -> int | None:
        own = self._accounts[account].ids_by_client_id.get(client_order_id)
        # An order without a client id answers to its order id.
        if own is None:
            order = self._orders.get(order_number(client_order_id))
            if order is not None and order.client_order_id == client_order_id:
                return order.order_id
        return own

    # --- lists ---

    def open_count(self, account: str) -> int:
        return len(self._accounts[account].open)

    def open_ids(self, account: str) -> list[int]:
        """Ids of the account's open orders, oldest first."""
        return list(self._accounts[account].open)

    def open_orders(
        self,
        account: str,
        symbol: str | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int | None,
    ) -> list[Order]:
        """Open orders, newest update first. Cost: O(n log n) in the account's open orders."""
        wanted = _in_range(self._pick(self._accounts[account].open), symbol, start_ms, end_ms)
        newest_first = sorted(wanted, key=lambda order: (order.updated_ns, order.order_id), reverse=True)
        return newest_first[:limit]

    def closed_orders(
        self,
        account: str,
        symbol: str | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int | None,
    ) -> list[Order]:
        """Filled and cancelled orders, the one closed last first."""
        newest_first = self._pick(reversed(self._accounts[account].closed))
        return list(islice(_in_range(newest_first, symbol, start_ms, end_ms), limit))

    def fills(
        self,
        account: str,
        symbol: str | None,
        start_ms: int | None,
        end_ms: int | None,
        limit: int | None,
    ) -> list[Fill]:
        """Fills of an account, newest first."""
        wanted = (
            fill
            for fill in reversed(self._accounts[account].fills)
            if (symbol is None or fill.symbol == symbol) and _is_within(fill.at_ns, start_ms, end_ms)
        )
        return list(islice(wanted, limit))

    def fills_of_order(self, order_id: int) -> list[Fill]:
        """Fills of an order, newest first."""
        return list(reversed(self._fills_by_order.get(order_id, ())))

    # --- the whole state ---

    def __len__(self) -> int:
        """Orders and fills remembered."""
        return len(self._orders) + len(self._fills)

    def all_orders(self) -> list[Order]:
        """Closed ones as they closed, then the open ones by id: `put` in this order restores the store."""
        open_ids = sorted(order_id for index in self._accounts.values() for order_id in index.open)
        return [self._orders[order_id] for ids in (self._closed, open_ids) for order_id in ids]

    def open_orders_of_all(self) -> Iterator[Order]:
        return (order for index in self._accounts.values() for order in self._pick(index.open))

    def all_fills(self) -> list[Fill]:
        return list(self._fills)

    def _pick(self, order_ids: Iterable[int]) -> Iterator[Order]:
        return (self._orders[order_id] for order_id in order_ids)


def _in_range(
    orders: Iterable[Order], symbol: str | None, start_ms: int | None, end_ms: int | None
) -> Iterator[Order]:
    return (
        order
        for order in orders
        if (symbol is None or order.symbol == symbol) and _is_within(order.updated_ns, start_ms, end_ms)
    )


def _is_within(at_ns: int, start_ms: int | None, end_ms: int | None) -> bool:
    """Both bounds count, in whole milliseconds as a client sees the time."""
    at_ms = at_ns // NS_PER_MS
    return (start_ms is None or start_ms <= at_ms) and (end_ms is None or at_ms <= end_ms)

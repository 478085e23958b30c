"""What became of every order of a session, under keys that stay when the session is played otherwise.

Order ids are given at arrival, so another latency or fee gives other ids; the call that sent an order, and
its place in that call, are the same in both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from paper_bitmart.backtest.session_records import AnyOutcome, Refused
from paper_bitmart.exchange.calls import Call, Submit, SubmitBatch
from paper_bitmart.exchange.events import Event, OrderAccepted, OrderCanceled, OrderFilled
from paper_bitmart.exchange.orders import Fill, NewOrder, Order
from paper_bitmart.exchange.state import VenueState

Key = tuple[int, int]
"""(line of the call, place of the order in it); (0, order id) for orders open when the session began."""


@dataclass(slots=True)
class Story:
    """One order.

    Attributes:
        order_id: 0 if it was never accepted. refused: BitMart's code, if it was refused.
        state: the order's last one; "" if it was not accepted.
    """

    key: Key
    account: str
    symbol: str
    side: str
    type: str
    client_order_id: str
    order_id: int = 0
    refused: int | None = None
    state: str = ""
    fills: list[Fill] = field(default_factory=list)


class Stories:
    """Orders of one run; `start` has those that were open before."""

    def __init__(self, start: VenueState) -> None:
        self.by_key: dict[Key, Story] = {}
        self._by_id: dict[int, Story] = {}
        for order in start.orders:
            if order.is_open:
                self._begin((0, order.order_id), order.account, _as_sent(order))
                self._accepted(self.by_key[0, order.order_id], order)

    def called(self, line: int, call: Call, outcomes: Sequence[AnyOutcome | Event]) -> None:
        """A call and what came of it."""
        accepted = iter([outcome for outcome in outcomes if isinstance(outcome, OrderAccepted)])
        refused = next((outcome.code for outcome in outcomes if isinstance(outcome, Refused)), None)
        for place, order in enumerate(orders_of(call)):
            story = self._begin((line, place), call.account, order)
            story.refused = refused
            event = next(accepted, None)
            if event is not None:
                self._accepted(story, event.order)
        self.happened(outcomes)

    def happened(self, outcomes: Iterable[AnyOutcome | Event]) -> None:
        """What came of the market, or of a call."""
        for outcome in outcomes:
            if isinstance(outcome, OrderFilled):
                story = self._by_id[outcome.fill.order_id]
                story.fills.append(outcome.fill)
                story.state = outcome.order.state.value
            elif isinstance(outcome, OrderCanceled):
                self._by_id[outcome.order.order_id].state = outcome.order.state.value

    def key_of(self, order_id: int) -> Key | None:
        """The key of an accepted order; None for an id that no order of this run has."""
        story = self._by_id.get(order_id)
        return None if story is None else story.key

    def order_id_of(self, key: Key | None) -> int:
        """The order's id in this run; 0, which no order has, if it was not accepted (yet)."""
        story = None if key is None else self.by_key.get(key)
        return 0 if story is None else story.order_id

    def _begin(self, key: Key, account: str, order: NewOrder) -> Story:
        story = self.by_key[key] = Story(
            key, account, order.symbol, str(order.side), str(order.type), order.client_order_id or ""
        )
        return story

    def _accepted(self, story: Story, order: Order) -> None:
        story.order_id, story.state = order.order_id, order.state.value
        self._by_id[order.order_id] = story


def orders_of(call: Call) -> tuple[NewOrder, ...]:
    """The orders that a call sends."""
    if isinstance(call, Submit):
        return (call.order,)
    return call.orders if isinstance(call, SubmitBatch) else ()


def _as_sent(order: Order) -> NewOrder:
    return NewOrder(
        symbol=order.symbol, side=order.side, type=order.type, client_order_id=order.client_order_id
    )

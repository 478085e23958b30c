"""An exchange behind a feed, and somebody who trades at random: nothing fills on a book that is not live."""

import random
from decimal import Decimal

from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.exchange.calls import Cancel, OpenAccount, Submit
from paper_bitmart.exchange.events import FeedChanged, OrderAccepted, OrderFilled
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.exchange.wheel import HOUSE, Command, Wheel
from paper_bitmart.feed.events import FeedState

ACCOUNT = "alice"
OPEN_MAX = 6


class Traders:
    """`fills`: how many; `refused`: orders that were, for want of a market or of money."""

    def __init__(self, rules, seed, consumers, start_ns):
        self._rng = random.Random(f"traders {seed}")
        self._consumers = consumers
        self._states = {}
        self._wheel = Wheel(Venue(rules))
        self._wheel.event_listeners.add(self._told)
        self.fills = self.refused = 0
        balances = {asset: Decimal(10**6) for one in rules.values() for asset in (one.base, one.quote)}
        self._send(OpenAccount(account=ACCOUNT, balances=balances), start_ns)
        self._wheel.turn(start_ns)

    def heard(self, symbol, events):
        """The feed said something."""
        self._wheel.inbox.put(symbol, events)

    def step(self, now_ns, mids):
        """Let the exchange do what has come, and now and then trade around `mids`, in ticks by symbol."""
        if self._rng.random() < 0.1:
            self._trade(now_ns, mids)
        self._wheel.turn(now_ns)

    def _trade(self, now_ns, mids):
        rng = self._rng
        orders = self._wheel.venue.open_orders(ACCOUNT)
        if len(orders) >= OPEN_MAX:
            self._send(Cancel(account=ACCOUNT, order_id=rng.choice(orders).order_id), now_ns)
        symbol = rng.choice(sorted(mids))
        order = NewOrder(
            symbol=symbol, side=rng.choice(list(Side)), type=rng.choice([OrderType.LIMIT, OrderType.IOC]),
            price=Decimal(mids[symbol] + rng.randrange(-4, 5)) / 100, size=Decimal(rng.randrange(1, 20)) / 10,
            notional=None, client_order_id=None, stp_mode=StpMode.NONE,
        )  # fmt: skip
        self._send(Submit(account=ACCOUNT, order=order), now_ns)

    def _send(self, call, now_ns):
        command = Command(call, self._answered)
        if call.travels:
            self._wheel.line.send(command, call.account, now_ns, cancels=call.cancels)
        else:
            self._wheel.line.put(command, HOUSE, now_ns, 0)

    def _answered(self, result, refused):
        self.refused += refused is not None

    def _told(self, events):
        for event in events:
            if isinstance(event, FeedChanged):
                self._states[event.symbol] = event.state
            elif isinstance(event, OrderAccepted | OrderFilled):
                symbol = event.order.symbol
                assert self._states[symbol] is FeedState.LIVE, event
                assert FeedState.LIVE in _states_at(self._consumers[symbol].states, event.at_ns), event
                self.fills += isinstance(event, OrderFilled)


def _states_at(states, at_ns):
    """What a feed was at a moment: its last state before it, and all that it changed to in it."""
    before = [state for since_ns, state in states if since_ns < at_ns]
    return {*before[-1:], *(state for since_ns, state in states if since_ns == at_ns)}

"""A live session without sockets or waiting: the faulty venue's market in, seeded random traders, a tape.

The market comes through a mirror with outages, resyncs and reconnects; what reaches the wheel is what a live
session gets.
"""

import random
from decimal import Decimal

from venue.fault_plan import FOR_GOOD, Fault, FaultPlan, Span
from venue.simulation import START_NS, SYMBOLS, Simulation

from paper_bitmart.backtest.session_writer import SessionWriter
from paper_bitmart.bitmart.enums import OrderType, Side, StpMode
from paper_bitmart.exchange.calls import (
    Cancel,
    CancelAll,
    CancelOrders,
    Deposit,
    OpenAccount,
    SetFees,
    Submit,
    SubmitBatch,
)
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.orders import NewOrder
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.exchange.wheel import HOUSE, Command, Wheel
from paper_bitmart.matching.latency import LatencyProfile, LogNormal

SECOND_NS = 10**9
MS = 10**6
ACCOUNTS = ("alice", "bob")
RESTARTS = (Fault.RESTART_CUT, Fault.RESTART_SILENT, Fault.RESTART_SNAPSHOT)
RESTARTS_MAX = 15
KINDS = [OrderType.LIMIT, OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.IOC, OrderType.MARKET]


def long_plan(seed, minutes):
    """A few faults a minute, none for good, and not more restarts than the venue has versions for."""
    drawn = [
        span
        for minute in range(minutes)
        for span in FaultPlan.drawn(1000 * seed + minute, START_NS + minute * 60 * SECOND_NS).spans
        if span.fault not in FOR_GOOD
    ]
    restarts = [span for span in drawn if span.fault in RESTARTS]
    spans = [span for span in drawn if span.fault not in RESTARTS] + restarts[:RESTARTS_MAX]
    end_ns = START_NS + minutes * 60 * SECOND_NS
    return FaultPlan([*spans, Span(Fault.LOSE, end_ns - 1, end_ns, 0.0)], refused_share=0.0)


def real_latency(seed):
    return LatencyProfile(
        entry=LogNormal(5 * MS, 10 * MS, 1.0, seed), cancel=LogNormal(5 * MS, 10 * MS, 1.0, seed + 1)
    )


class TradedMarket(Simulation):
    """A simulation with a wheel behind it and traders in front of that; `events`: what the venue told."""

    def __init__(self, seed, minutes, folder, *, latency=None, matchers=None):
        super().__init__(seed, long_plan(seed, minutes))
        matchers = matchers or CoreMatchers()
        self.venue_of_orders = venue = Venue(self.venue.table, matchers=matchers)
        self.tape = SessionWriter(folder, venue, source="faulty venue", matchers=matchers, latency=latency)
        self.wheel = Wheel(venue, latency=latency, tape=self.tape)
        self.events = []
        self.refusals = []
        self.wheel.event_listeners.add(self.events.extend)
        self._trader = random.Random(f"trader {seed}")
        self._names = 0
        for symbol, consumer in self.consumers.items():
            consumer.take = self._heard(symbol, consumer.take)
        for account in ACCOUNTS:
            balances = {"USDT": Decimal(100_000), "AAA": Decimal(1_000), "BBB": Decimal(1_000)}
            self.send(OpenAccount(account=account, balances=balances))
        self.wheel.turn(self.now_ns)

    def record(self):
        """Run to the end of the plan and close the recording; returns self."""
        self.run()
        self.wheel.finish(self.now_ns)
        self.tape.close(self.wheel.venue)
        return self

    def send(self, call):
        command = Command(call, lambda result, refused: refused and self.refusals.append(refused))
        if call.travels:
            self.wheel.line.send(command, call.account, self.now_ns, cancels=call.cancels)
        else:
            self.wheel.line.put(command, HOUSE, self.now_ns, 0)

    def _step(self):
        super()._step()
        for _ in range(self._trader.randrange(4)):
            self._trade()
        while self.wheel.turn(self.now_ns):
            pass

    def _heard(self, symbol, take):
        def heard(events):
            take(events)
            self.wheel.inbox.put(symbol, events)

        return heard

    def _trade(self):
        rng = self._trader
        account = rng.choice(ACCOUNTS)
        orders = self.wheel.venue.open_orders(account)
        what = rng.random()
        if what < 0.6 or not orders:
            self.send(Submit(account=account, order=self._new_order()))
        elif what < 0.7:
            self.send(SubmitBatch(account=account, orders=(self._new_order(), self._new_order())))
        elif what < 0.85:
            self.send(Cancel(account=account, order_id=rng.choice(orders).order_id))
        elif what < 0.93:
            named = rng.choice(orders)
            self.send(
                CancelOrders(account=account, order_ids=(str(named.order_id), "7"), symbol=named.symbol)
            )
        elif what < 0.97:
            self.send(CancelAll(account=account, side=rng.choice(list(Side))))
        elif what < 0.985:
            self.send(Deposit(account=account, asset="USDT", amount=Decimal(rng.randrange(1, 100))))
        else:
            self.send(SetFees(account=account, symbol=None, maker_ppm=rng.randrange(3000), taker_ppm=2500))

    def _new_order(self):
        rng = self._trader
        symbol, side, kind = rng.choice(SYMBOLS), rng.choice(list(Side)), rng.choice(KINDS)
        mid = self.venue.markets[symbol].mid
        self._names += 1
        fields = {
            "symbol": symbol, "side": side, "type": kind, "client_order_id": f"o{self._names}",
            "stp_mode": rng.choice(list(StpMode)),
        }  # fmt: skip
        if kind is OrderType.MARKET and side is Side.BUY:
            return NewOrder(notional=Decimal(rng.randrange(5, 500)), **fields)
        # Now and then a size between two lots, which is refused.
        size = Decimal(rng.randrange(1, 40)) / (10 if rng.random() < 0.95 else 100)
        price = Decimal(mid + rng.randrange(-6, 7)) / 100
        return NewOrder(price=price, size=size, **fields)

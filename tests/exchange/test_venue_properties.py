"""Invariants of the venue, after every random command and market event, with the real matching core:

1. Money is conserved, nothing is negative, what is frozen is what open orders hold.
2. filled + leaves == ordered, and a market buy never spends more than it was given.
3. A refused command changes nothing.
4. The last BalanceChanged of every balance is that balance.
5. Replaying all events into a new venue gives the same accounts, orders, fills and ledger.
"""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from venue_bench import RATES, Recorder, feed, new_order, rows, rules_of, whole_book

from paper_bitmart.bitmart.enums import Side, StpMode
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.exchange.events import BalanceChanged
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.exchange.venue import MarketBatch, Venue
from paper_bitmart.feed.events import FeedState, Flag, Kind

SYMBOLS = ("BTC_USDT", "ETH_USDT")
ACCOUNTS = ("alice", "bob")
BIDS = dict.fromkeys(range(9990, 10000), 2000)
ASKS = dict.fromkeys(range(10001, 10011), 2000)

symbols = st.sampled_from(SYMBOLS)
accounts = st.sampled_from(ACCOUNTS)
sides = st.sampled_from(list(Side))
prices = st.integers(9985, 10015).map(lambda ticks: Decimal(ticks) / 100)
sizes = st.integers(1, 9000).map(lambda lots: Decimal(lots) / 1000)


class VenueMachine(RuleBasedStateMachine):
    @initialize()
    def start(self):
        self.journal = Recorder()
        self.venue = self.new_venue(self.journal)
        self.at_ns = 0
        for account in ACCOUNTS:
            funds = {"USDT": Decimal(2000), "BTC": Decimal(20), "ETH": Decimal(20)}
            self.venue.open_account(account, funds, self.tick())
        for symbol in SYMBOLS:
            self.venue.market(symbol, whole_book(self.tick(), BIDS, ASKS))

    @staticmethod
    def new_venue(journal=None):
        rules = {symbol: rules_of(symbol) for symbol in SYMBOLS}
        return Venue(rules, settings=VenueSettings(fees=RATES), journal=journal)

    def tick(self):
        self.at_ns += 1_000_000
        return self.at_ns

    def attempt(self, command):
        before = self.picture()
        try:
            return command(self.tick())
        except BitmartError:
            assert self.picture() == before
            return []

    def picture(self):
        """What a command may change, but for the matchers, whose dumps are too slow to take every time."""
        seen = [
            (self.venue.balances(account), self.venue.open_orders(account), self.venue.order_history(account))
            for account in ACCOUNTS
        ]
        return seen, len(self.journal.events), self.venue.now_ns

    @rule(
        account=accounts,
        symbol=symbols,
        side=sides,
        order_type=st.sampled_from(["limit", "limit", "limit_maker", "ioc", "market"]),
        price=prices,
        size=sizes,
        notional=st.integers(1, 90_000).map(lambda cents: Decimal(cents) / 100),
        stp_mode=st.sampled_from(list(StpMode)),
    )
    def submit(self, account, side, order_type, **fields):
        order = new_order(side, order_type, **fields)
        self.attempt(lambda at_ns: self.venue.submit(account, order, at_ns))

    @rule(
        account=accounts,
        symbol=symbols,
        parts=st.lists(st.tuples(sides, prices, sizes), min_size=1, max_size=4),
    )
    def submit_batch(self, account, symbol, parts):
        orders = [
            new_order(side, "limit", price=price, size=size, symbol=symbol) for side, price, size in parts
        ]
        self.attempt(lambda at_ns: self.venue.submit_batch(account, orders, at_ns))

    @rule(account=accounts, pick=st.integers(0, 10))
    def cancel(self, account, pick):
        open_orders = self.venue.open_orders(account)
        order_id = open_orders[pick % len(open_orders)].order_id if open_orders else pick
        self.attempt(lambda at_ns: self.venue.cancel(account, order_id=order_id, at_ns=at_ns))

    @rule(account=accounts, side=st.none() | sides)
    def cancel_all(self, account, side):
        self.attempt(lambda at_ns: self.venue.cancel_all(account, side=side, at_ns=at_ns))

    @rule(account=accounts, asset=st.sampled_from(["USDT", "BTC"]), amount=st.integers(0, 3000))
    def withdraw(self, account, asset, amount):
        self.attempt(lambda at_ns: self.venue.withdraw(account, asset, Decimal(amount), at_ns))

    @rule(account=accounts, maker_ppm=st.integers(0, 5000), taker_ppm=st.integers(0, 5000))
    def set_fees(self, account, maker_ppm, taker_ppm):
        self.venue.set_fees(account, None, maker_ppm, taker_ppm, self.tick())

    @rule(symbol=symbols, side=sides, price=st.integers(9988, 10012), lots=st.integers(1, 9000))
    def trade(self, symbol, side, price, lots):
        self.venue.market(symbol, rows((self.tick(), Kind.TRADE, side.code, price, lots, Flag.LAST)))

    @rule(
        changes=st.lists(
            st.tuples(symbols, sides, st.integers(1, 10), st.integers(0, 3000)), min_size=1, max_size=6
        )
    )
    def depth(self, changes):
        """Bids stay at 99.99 and below, asks at 100.01 and above: the book never crosses."""
        at_ns = self.tick()
        of_symbol = {symbol: [] for symbol in SYMBOLS}
        for symbol, side, distance, lots in changes:
            price = 10000 - distance if side is Side.BUY else 10000 + distance
            of_symbol[symbol].append((at_ns, Kind.LEVEL, side.code, price, lots, Flag.LAST))
        self.venue.market_all(
            {symbol: MarketBatch(rows(*some)) for symbol, some in of_symbol.items() if some}
        )

    @rule(symbol=symbols, shift=st.integers(-8, 8))
    def gap(self, symbol, shift):
        self.venue.market(symbol, feed(self.tick(), FeedState.SYNCING))
        bids = {price + shift: lots for price, lots in BIDS.items()}
        asks = {price + shift: lots for price, lots in ASKS.items()}
        self.venue.market(symbol, whole_book(self.tick(), bids, asks))
        # Back to the standard book, so that depth changes do not cross it.
        self.venue.market(symbol, feed(self.tick(), FeedState.SYNCING))
        self.venue.market(symbol, whole_book(self.tick(), BIDS, ASKS))

    @invariant()
    def money_is_conserved_and_holds_add_up(self):
        self.venue.check()

    @invariant()
    def every_lot_is_filled_or_left(self):
        for account in ACCOUNTS:
            for order in self.venue.open_orders(account) + self.venue.order_history(account):
                fills = self.venue.fills(account, order_id=order.order_id)
                assert sum(fill.size_lots for fill in fills) == order.filled_lots
                assert sum(fill.notional_atoms for fill in fills) == order.filled_notional_atoms
                assert sum(fill.fee_atoms for fill in fills) == order.fee_atoms
                if order.is_market_buy:
                    assert order.filled_notional_atoms <= order.notional_atoms
                else:
                    assert 0 <= order.leaves_lots == order.size_lots - order.filled_lots

    def teardown(self):
        if not hasattr(self, "venue"):
            return
        last = {(e.account, e.asset): e for e in self.journal.events if isinstance(e, BalanceChanged)}
        for (account, asset), event in last.items():
            balance = self.venue.balance(account, asset)
            assert (balance.available_atoms, balance.frozen_atoms) == (
                event.available_atoms,
                event.frozen_atoms,
            )
        copy = self.new_venue()
        for event in self.journal.events:
            copy.restore(event)
        copy.finish_restore()
        copy.check()
        ours, theirs = copy.export_state(), self.venue.export_state()
        for field in (
            "accounts",
            "orders",
            "fills",
            "fee_rates",
            "fee_atoms",
            "market_atoms",
            "next_order_id",
        ):
            assert getattr(ours, field) == getattr(theirs, field), field


TestVenueMachine = VenueMachine.TestCase
TestVenueMachine.settings = settings(stateful_step_count=25)

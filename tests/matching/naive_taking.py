"""How an arriving order takes, in plain Python: the naive model's walk through the other side's prices."""

import math

from paper_bitmart.matching.reports import CancelReason, Evidence, MakerTaker, ReportKind

LIMIT, LIMIT_MAKER, IOC, MARKET = range(4)
STP_NONE, STP_CANCEL_MAKER, STP_CANCEL_TAKER, STP_CANCEL_BOTH = range(4)
BID, ASK = 0, 1
EVERYTHING = math.inf


def better(side, price, other):
    """Is `price` strictly better than `other` for an order of `side`?"""
    return price > other if side == BID else price < other


def at_or_better(side, price, other):
    return price == other or better(side, price, other)


class Taking:
    """The rules of arrival; state, reports and bookkeeping are NaiveMatcher's."""

    def _prices_to_take(self, side, limit):
        """Prices of `side` with displayed or own size, best first, no worse for the taker than `limit`."""
        prices = set(self.displayed[side]) | {o.price for o in self.orders if o.side == side}
        prices = sorted(prices, reverse=side == BID)
        return [p for p in prices if limit is None or at_or_better(side, p, limit)]

    def _would_take(self, account, side, limit):
        return any(
            self._available(account, side, price) > 0 or self._own(side, price, account)
            for price in self._prices_to_take(side, limit)
        )

    def _own(self, side, price, account=None):
        return [o for o in self.orders if (o.side, o.price) == (side, price) and account in (None, o.account)]

    def _available(self, account, side, price):
        """Displayed lots that neither a print nor this account has taken from the front."""
        shown = self.displayed[side].get(price, 0)
        return max(0, shown - max(self.used[side, price, account], self._printed(side, price)))

    def _printed(self, side, price):
        """Lots printed at a level since depth last spoke; everything once a worse price has printed."""
        prints = [p for p in self.pending if p.side == side]
        if any(better(side, price, p.price) for p in prints):
            return EVERYTHING
        return sum(p.lots for p in prints if p.price == price)

    def _take(self, order_id, account, side, limit, size, budget, stp, at_ns):
        leaves = size
        for price in self._prices_to_take(side, limit):
            if price not in self.displayed[side] and not self._own(side, price, account):
                continue  # only other accounts rest there
            if size == 0:
                leaves = budget // price
            if leaves == 0:
                return 0, False
            before = leaves
            leaves, stopped = self._take_level(order_id, account, side, price, leaves, stp, at_ns)
            budget -= (before - leaves) * price
            if stopped or (leaves == 0 and size > 0):
                return leaves, stopped
        return leaves, False

    def _take_level(self, order_id, account, side, price, leaves, stp, at_ns):
        """One queue: others' lots ahead of the account's first order, that order, and so on, the rest."""
        for resting in self._own(side, price, account):
            ahead = self._untaken_ahead(resting)
            leaves -= self._take_displayed(order_id, account, side, price, min(leaves, ahead), leaves, at_ns)
            if leaves == 0:
                return 0, False
            if stp == STP_NONE:
                leaves = self._self_trade(order_id, resting, leaves, at_ns)
            if stp in (STP_CANCEL_MAKER, STP_CANCEL_BOTH):
                self._cancelled(at_ns, resting.order_id, CancelReason.STP, price, resting.leaves)
                self.orders.remove(resting)
            if stp in (STP_CANCEL_TAKER, STP_CANCEL_BOTH):
                return leaves, True
        leaves -= self._take_displayed(order_id, account, side, price, leaves, leaves, at_ns)
        return leaves, False

    def _untaken_ahead(self, order):
        """Others' whole lots ahead that the account has not used up; what printed is off `ahead` already."""
        if order.ahead is None:
            return EVERYTHING
        used = self.used[order.side, order.price, order.account]
        return math.floor(order.ahead) - max(0, used - self._printed(order.side, order.price))

    def _take_displayed(self, order_id, account, side, price, wanted, leaves, at_ns):
        free = self._available(account, side, price)
        lots = min(wanted, free)
        if lots <= 0:
            return 0
        shown = self.displayed[side][price]
        self._use_up(side, price, account, shown - free + lots)
        self._report(
            at_ns, order_id, ReportKind.FILL, Evidence.TOOK_LEVEL, MakerTaker.TAKER, price, lots,
            leaves - lots, evidence_price=price, evidence_lots=shown,
        )  # fmt: skip
        return lots

    def _self_trade(self, order_id, resting, leaves, at_ns):
        lots = min(leaves, resting.leaves)
        resting.leaves -= lots
        for own_id, other_id, role, left in (
            (order_id, resting.order_id, MakerTaker.TAKER, leaves - lots),
            (resting.order_id, order_id, MakerTaker.MAKER, resting.leaves),
        ):
            self._report(
                at_ns, own_id, ReportKind.FILL, Evidence.SELF_TRADE, role, resting.price, lots, left,
                counter_id=other_id,
            )  # fmt: skip
        if resting.leaves == 0:
            self.orders.remove(resting)
        return leaves - lots

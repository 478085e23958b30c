"""The matching rules in plain Python: slow, and as obviously right as we can write them.

The oracle of the compiled core. One class, one method per rule of docs/matching.md, dicts and lists, exact
fractions for queue positions; no window, no slots, no free lists. Where the core keeps a structure for speed,
this model searches.
"""

import math
from collections import defaultdict
from fractions import Fraction

from naive_places import WATCHED, Guesses, Places, chance_ahead
from naive_records import (
    Event,
    OwnLevel,
    PendingPrint,
    Report,
    RestingOrder,
    WatchedLevel,
    share_ahead,
    snap,
)
from naive_taking import ASK, BID, IOC, LIMIT_MAKER, MARKET, Taking, at_or_better, better
from sortedcontainers import SortedDict

from paper_bitmart.feed.events import FeedState, Flag, Kind
from paper_bitmart.matching.reports import CancelReason, Evidence, MakerTaker, ReportKind

MS = 1_000_000
DRIFT = 50_000


class NaiveMatcher(Taking):
    """The same calls as `Matcher`; reports are `Report` tuples."""

    def __init__(self, *, queue_model="proportional", published_levels=100):
        self.queue_model = queue_model
        self.published_levels = published_levels
        self.displayed = (SortedDict(), SortedDict())
        self.orders = []  # in order of arrival, so that any selection of them is a FIFO
        self.used = defaultdict(int)  # (side, price, account) -> displayed lots used up
        self.levels = {}  # (side, price) -> OwnLevel
        self.watched = {}  # (side, price modulo WATCHED) -> WatchedLevel
        self.pending = []
        self.reports = []
        self.live = True
        self.in_snapshot = self.in_message = False
        self.depth_ns = self.previous_depth_ns = None
        self.publish_ns = math.inf  # least time between two depth messages
        self.clock_offset_ns = None
        self.last_recv_ns = 0

    # Commands

    def place(self, order_id, account, side, order_type, price, size, budget, stp, at_ns):
        if order_type == LIMIT_MAKER and self._would_take(account, 1 - side, price):
            self._cancelled(at_ns, order_id, CancelReason.POST_ONLY, price, size)
            return
        leaves, stopped = size, False
        if order_type != LIMIT_MAKER:
            limit = None if order_type == MARKET else price
            leaves, stopped = self._take(order_id, account, 1 - side, limit, size, budget, stp, at_ns)
        by_notional = size == 0
        if stopped:
            self._cancelled(at_ns, order_id, CancelReason.STP, price, leaves)
        elif order_type in (IOC, MARKET):
            if leaves > 0 or by_notional:
                reason = CancelReason.IOC_REST if order_type == IOC else CancelReason.MARKET_REST
                self._cancelled(at_ns, order_id, reason, price, leaves)
        elif leaves > 0:
            self._rest(order_id, account, side, price, leaves, at_ns)
        self._forget_idle_levels()

    def cancel(self, order_id, at_ns):
        for order in self.orders:
            if order.order_id == order_id:
                self.orders.remove(order)
                self._forget_idle_levels()
                return order.leaves
        return -1

    def drain(self):
        reports, self.reports = self.reports, []
        return reports

    # Coming to rest; taking is in naive_taking

    def _rest(self, order_id, account, side, price, leaves, at_ns):
        if self._unpublished(side, price):
            ahead = None
        else:
            ahead = Fraction(max(0, self.displayed[side].get(price, 0) - self._printed(side, price)))
        level = self._own_level(side, price)
        level.left_window = ahead is None
        places = None if ahead is None else Places.at(ahead, self.depth_ns)
        self.orders.append(
            RestingOrder(
                order_id,
                account,
                side,
                price,
                leaves,
                at_ns - self.clock_offset_ns,
                ahead,
                ahead_at_entry=ahead,
                places=places or Places([], self.depth_ns),
            )
        )
        self._report(
            at_ns,
            order_id,
            ReportKind.REST,
            0,
            0,
            price,
            leaves,
            leaves,
            ahead_before=ahead,
            ahead_after=ahead,
        )

    def _unpublished(self, side, price):
        """Beyond the worst of a full window the source says nothing."""
        book = self.displayed[side]
        if price in book or not self.published_levels or len(book) < self.published_levels:
            return False
        worst = book.keys()[0 if side == BID else -1]
        return better(side, worst, price)

    # Market events

    def process(self, events):
        for row in events:
            event = Event(*row.tolist())
            self._note_clock(event)
            self._apply(event)
            self._forget_idle_levels()

    def _note_clock(self, event):
        if event.exch_ns <= 0:
            return
        delay = event.recv_ns - event.exch_ns
        if self.clock_offset_ns is None:
            self.clock_offset_ns = delay
        drift = (event.recv_ns - self.last_recv_ns) // DRIFT
        self.clock_offset_ns = min(self.clock_offset_ns + drift, delay)
        self.last_recv_ns = event.recv_ns

    def _apply(self, event):
        if event.kind == Kind.SNAPSHOT_BEGIN:
            self.in_snapshot = True
            for book in self.displayed:
                book.clear()
        elif event.kind == Kind.LEVEL and self.in_snapshot:
            self._set_level(event.side, event.price_ticks, event.size_lots)
        elif event.kind == Kind.SNAPSHOT_END:
            self.in_snapshot = False
            self._rebase(event)
        elif event.kind == Kind.LEVEL:
            if not self.in_message:
                self._begin_message(event.exch_ns)
            self._change_level(event)
            if event.flags & Flag.LAST:
                self._end_message(event)
        elif event.kind == Kind.DEPTH_MARK:
            self._begin_message(event.exch_ns)
            self._end_message(event)
        elif event.kind == Kind.FEED_STATE:
            self.live = event.size_lots == FeedState.LIVE
        elif event.kind == Kind.TRADE and self.live:
            self._trade(event)
        elif event.kind == Kind.BBO and self.live and event.size_lots > 0:
            self._fill_by_quote(event, 1 - event.side)

    def _set_level(self, side, price, lots):
        if lots > 0:
            self.displayed[side][price] = lots
        else:
            self.displayed[side].pop(price, None)

    # Prints

    def _trade(self, event):
        hit = 1 - event.side
        price = event.price_ticks
        printed_before = self._printed(hit, price)
        late = event.exch_ns < self.depth_ns
        if not late:
            self.pending.append(PendingPrint(event.exch_ns, hit, price, event.size_lots))
        spent = defaultdict(int)
        for order in self._best_first(hit):
            if better(hit, order.price, price) and not self._happened_before(event, order):
                self._fill_reached(order, event, spent, Evidence.PRINT_THROUGH)
        self._print_at(event, hit, price, late, spent)
        if late:
            return
        for order in self._best_first(event.side):
            if at_or_better(event.side, order.price, price) and not self._happened_before(event, order):
                used = self.used[hit, price, order.account]
                spent.setdefault(order.account, max(0, used - printed_before))
                self._fill_reached(order, event, spent, Evidence.OPPOSITE_PRINT)

    def _best_first(self, side):
        own = [o for o in self.orders if o.side == side]
        return sorted(own, key=lambda o: o.price, reverse=side == BID)

    @staticmethod
    def _happened_before(event, order):
        return event.exch_ns // MS < order.arrived_exch_ns // MS

    def _fill_reached(self, order, event, spent, reason):
        """Nobody is ahead of an order that the print reached."""
        before = self._stand_at(order, Fraction(0))
        lots = min(order.leaves, event.size_lots - spent[order.account])
        if lots > 0:
            spent[order.account] += lots
            self._fill(order, lots, reason, event, before)

    def _print_at(self, event, side, price, late, spent):
        level = self.levels.get((side, price))
        if level is None:
            return
        restored = Fraction(0)
        if late and level.unexplained > 0:
            lots = min(event.size_lots, level.unexplained)
            restored = Fraction(lots, level.unexplained)
            level.unexplained -= lots
        for order in self._own(side, price):
            before_us = self._happened_before(event, order)
            if order.ahead is None or (late and before_us):
                continue
            back = snap(order.last_cancelled_ahead * restored)
            order.last_cancelled_ahead -= back
            order.cancelled_ahead -= back
            before = order.ahead + back
            left = event.size_lots - spent[order.account]
            if self.queue_model == "places":
                if late:
                    due = order.places.late_print_reaches(left, float(back))
                else:
                    due = order.places.print_reaches(left, before_us)
                order.ahead = order.places.mean
            else:
                order.ahead = max(Fraction(0), before - left)
                due = math.floor(left - before + Fraction(1, 2))
            order.traded_ahead += before - order.ahead
            lots = min(order.leaves, due, left)
            if not before_us and lots > 0:
                order.places.filled += 0 if late else lots
                spent[order.account] += lots
                self._fill(order, lots, Evidence.PRINT_AT_PRICE, event, before)

    # Depth

    def _begin_message(self, exch_ns):
        self.in_message = True
        self.previous_depth_ns, self.depth_ns = self.depth_ns, exch_ns
        if exch_ns > self.previous_depth_ns:
            self.publish_ns = min(self.publish_ns, exch_ns - self.previous_depth_ns)
        for p in self.pending:
            if p.exch_ns <= exch_ns and (p.side, p.price) in self.levels:
                self.levels[p.side, p.price].included += p.lots
            watched = self._watched(p.side, p.price)
            if p.exch_ns <= exch_ns and watched is not None:
                watched.included += p.lots
        self.pending = [p for p in self.pending if p.exch_ns > exch_ns]

    def _end_message(self, event):
        self.in_message = False
        for (side, price), level in self.levels.items():
            if level.included > 0:  # printed and refilled: what is published did not change
                self._own_level_changed(event, side, price, level.known, 0, None)
        for level in self.watched.values():
            if level.included > 0:
                self._note(level, level.known, False)

    def _change_level(self, event):
        side, price, lots = event.side, event.price_ticks, event.size_lots
        before = self.displayed[side].get(price, 0)
        self._set_level(side, price, lots)
        watched = self._watch(side, price, before, lots, event.flags)
        if (side, price) in self.levels:
            self._own_level_changed(event, side, price, lots, event.flags, watched)
        if watched is not None:
            self._note(watched, lots, self._is_touch(side, price))
        if lots > 0:
            self._fill_by_quote(event, 1 - side)

    # Levels near the market are watched, whether we rest there or not

    def _watched(self, side, price):
        level = self.watched.get((side, price % WATCHED))
        return level if level is not None and level.price == price else None

    def _watch(self, side, price, before, lots, flags):
        """The watched level of a price that changes; its watch may begin or end with that."""
        level, slot = self._watched(side, price), (side, price % WATCHED)
        if level is not None:
            if not flags & (Flag.LEFT_WINDOW | Flag.ENTERED_WINDOW):
                return level
            del self.watched[slot]
        if lots == 0 or abs(price - self._best(side)) >= WATCHED // 2:
            return None
        self.watched[slot] = level = WatchedLevel(price, before, Guesses())
        if flags & Flag.ENTERED_WINDOW:
            level.known = lots
            level.guesses.settle(lots, self.depth_ns)
            return None
        level.guesses.settle(before, -math.inf if self.previous_depth_ns is None else self.previous_depth_ns)
        return level

    def _best(self, side):
        return self.displayed[side].keys()[-1 if side == BID else 0]

    def _is_touch(self, side, price):
        return not self.displayed[side] or at_or_better(side, price, self._best(side))

    def _note(self, level, lots, is_touch):
        printed, level.included = level.included, 0
        expected, level.known = max(0, level.known - printed), lots
        level.guesses.update(printed, expected, lots, self.depth_ns, self.publish_ns / 1e9, is_touch)

    def _own_level_changed(self, event, side, price, lots, flags, watched):
        level = self.levels[side, price]
        printed, level.included = level.included, 0
        if flags & Flag.LEFT_WINDOW:
            level.left_window = True
            return
        expected = max(0, level.known - printed)
        came_back = level.left_window or bool(flags & Flag.ENTERED_WINDOW)
        level.left_window = False
        level.known = lots
        level.unexplained = 0 if came_back else max(0, expected - lots)
        self._refresh_used(side, price, printed, lots)
        spent = defaultdict(int)
        for order in self._own(side, price):
            order.last_cancelled_ahead = Fraction(0)
            if self.depth_ns <= order.arrived_exch_ns:
                self._stand_at(order, Fraction(max(0, lots - self._printed(side, price))))
                order.ahead_at_entry = order.ahead
                continue
            if self.queue_model == "places" and order.ahead is not None:
                self._move_places(event, watched, order, printed, expected, lots, came_back, spent)
                continue
            if not came_back and order.ahead is not None:
                if lots < expected:
                    self._split_cancel(order, expected, expected - lots)
                elif self.previous_depth_ns <= order.arrived_exch_ns:
                    self._joined_amid_additions(order, lots - expected)
            self._cap(order, lots)

    def _move_places(self, event, watched, order, printed, expected, lots, came_back, spent):
        """Model `places`: where the order may stand now, and whether the message's prints had reached it."""
        places, was = order.places, order.ahead
        cancelled = 0 if came_back else max(0, expected - lots)
        included = places.window - min(places.window, self._printed(order.side, order.price))
        guesses = watched.guesses if watched is not None else Guesses()
        is_touch = self._is_touch(order.side, order.price)
        publish_s = self.publish_ns / 1e9
        chance = chance_ahead(guesses, places.joined_ns, cancelled, self.depth_ns, publish_s, is_touch)
        due = places.message(expected + printed, included, cancelled, lots == 0, chance)
        order.ahead = places.mean
        gone = was - order.ahead
        order.cancelled_ahead += gone
        if not came_back and lots > expected and self.previous_depth_ns <= order.arrived_exch_ns:
            self._joined_amid_additions(order, lots - expected)
        before_cap = order.ahead
        self._cap(order, lots)
        order.last_cancelled_ahead = gone + before_cap - order.ahead
        take = min(order.leaves, due - spent[order.account])
        if take > 0:
            spent[order.account] += take
            evidence = event._replace(price_ticks=order.price, size_lots=printed)
            self._fill(order, take, Evidence.PRINT_REACHED, evidence, was)

    def _split_cancel(self, order, expected, cancelled):
        ahead, behind = order.ahead, max(Fraction(0), expected - order.ahead)
        if ahead == 0:
            moved = Fraction(0)
        elif behind == 0:
            moved = Fraction(cancelled)
        else:
            moved = cancelled * share_ahead(self.queue_model, ahead, behind)
        moved = snap(min(max(moved, cancelled - behind), ahead, cancelled))
        order.ahead -= moved
        order.cancelled_ahead += moved
        order.last_cancelled_ahead = moved

    def _joined_amid_additions(self, order, added):
        interval = min(self.publish_ns, self.depth_ns - self.previous_depth_ns)
        before = order.arrived_exch_ns - (self.depth_ns - interval)
        if self.queue_model == "places":
            if before > 0:
                order.places.some_joined_first(added, before / interval)
                order.ahead = order.places.mean
            return
        order.ahead = snap(order.ahead + added * Fraction(max(0, before), interval))

    def _cap(self, order, lots):
        if order.ahead is None:
            self._stand_at(order, Fraction(lots))
            order.ahead_at_entry = Fraction(lots)
        elif self.queue_model == "places":
            before = order.ahead
            order.places.cap(lots)
            order.ahead = order.places.mean
            order.cancelled_ahead += before - order.ahead
        elif order.ahead > lots:
            order.cancelled_ahead += order.ahead - lots
            order.ahead = Fraction(lots)

    def _refresh_used(self, side, price, printed, lots):
        for used_side, used_price, account in list(self.used):
            if (used_side, used_price) == (side, price):
                used = self.used[side, price, account]
                self.used[side, price, account] = min(max(0, used - printed), lots)

    def _fill_by_quote(self, event, side):
        """A quote of the other side at the event's price meets own orders at or through it."""
        price = event.price_ticks
        for order in self._best_first(side):
            used = self.used[1 - side, price, order.account]
            lots = min(order.leaves, event.size_lots - used)
            if at_or_better(side, order.price, price) and lots > 0:
                before = self._stand_at(order, Fraction(0))
                self._use_up(1 - side, price, order.account, used + lots)
                self._fill(order, lots, Evidence.OPPOSITE_QUOTE, event, before)

    # A fresh book after a gap

    def _rebase(self, event):
        self.depth_ns = self.previous_depth_ns = event.exch_ns
        self.pending = []
        self.watched.clear()
        for side in (BID, ASK):
            self._fill_passed(event, side)
            for (level_side, price), level in self.levels.items():
                if level_side == side:
                    self._rebase_level(side, price, level)

    def _fill_passed(self, event, side):
        quotes = self.displayed[1 - side]
        if not quotes:
            return
        quote, lots = quotes.peekitem(0 if side == BID else -1)
        evidence = event._replace(price_ticks=quote, size_lots=lots)
        for order in self._best_first(side):
            if better(side, order.price, quote):
                before = self._stand_at(order, Fraction(0))
                self._fill(order, order.leaves, Evidence.MARKET_PASSED, evidence, before)
        self._fill_by_quote(evidence, side)

    def _rebase_level(self, side, price, level):
        level.included = level.unexplained = 0
        level.left_window = self._unpublished(side, price)
        if level.left_window:
            return
        level.known = self.displayed[side].get(price, 0)
        for order in self._own(side, price):
            order.last_cancelled_ahead = Fraction(0)
            if self.queue_model == "places" and order.ahead is not None:
                order.places.message(0, order.places.window, 0, False, None)
                order.ahead = order.places.mean
            self._cap(order, level.known)
        self._refresh_used(side, price, 0, level.known)

    # Bookkeeping

    def _own_level(self, side, price):
        known = self.displayed[side].get(price, 0)
        if (side, price) not in self.levels:
            self.levels[side, price] = OwnLevel(known)
        return self.levels[side, price]

    @staticmethod
    def _stand_at(order, lots):
        """The order's place is known now; returns where it was thought to be."""
        before, order.ahead = order.ahead, lots
        order.places.stand_at(lots)
        return before

    def _use_up(self, side, price, account, lots):
        self._own_level(side, price)
        self.used[side, price, account] = lots

    def _forget_idle_levels(self):
        wanted = {(o.side, o.price) for o in self.orders}
        wanted |= {(side, price) for (side, price, _), lots in self.used.items() if lots > 0}
        self.levels = {key: level for key, level in self.levels.items() if key in wanted}

    def _fill(self, order, lots, reason, event, before):
        order.leaves -= lots
        self._report(
            event.recv_ns, order.order_id, ReportKind.FILL, reason, MakerTaker.MAKER, order.price, lots,
            order.leaves, evidence_price=event.price_ticks, evidence_lots=event.size_lots,
            exch_ns=event.exch_ns, seq=event.seq, ahead_before=before, ahead_after=order.ahead,
        )  # fmt: skip
        if order.leaves == 0:
            self.orders.remove(order)

    def _cancelled(self, at_ns, order_id, reason, price, lots):
        self._report(at_ns, order_id, ReportKind.CANCEL, reason, 0, price, lots, 0)

    def _report(self, *facts, **more):
        self.reports.append(Report(*facts, **more))

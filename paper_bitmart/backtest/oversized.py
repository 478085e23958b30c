"""Orders of a replay or a backtest that are too large for their market, by the rule of `exchange/size_rule`.

What an order met is read from the tape afterwards, in one compiled pass, so that a run need not look.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paper_bitmart.backtest.replay_orders import ReplayCommand
from paper_bitmart.backtest.results import Results
from paper_bitmart.backtest.step_matcher import StepMatcher, cached, read_depth
from paper_bitmart.backtest.tape import Tape
from paper_bitmart.bitmart.decimals import BadNumber
from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.line import Arrival
from paper_bitmart.exchange.size_rule import (
    DISPLAYED_LEVELS,
    TRADED_WINDOW_NS,
    MarketSize,
    TooLarge,
    too_large,
)
from paper_bitmart.feed.events import Kind
from paper_bitmart.matching.core import loop
from paper_bitmart.matching.core.state import FEED_LIVE, IN_MESSAGE, IN_SNAPSHOT, N_REPORTS

SIDES, TYPES = [*Side], [*OrderType]
TAKERS = tuple(TYPES.index(kind) for kind in (OrderType.MARKET, OrderType.IOC))

SENT_DTYPE = np.dtype(
    [
        ("at_ns", np.int64),
        ("price_ticks", np.int64),
        ("size_lots", np.int64),
        ("side", np.int8),
        ("type", np.int8),
    ]
)
"""Orders as the rule needs them. `type`: position in OrderType; a size of 0 (market buy) is not judged."""


@dataclass(frozen=True, slots=True)
class Oversized:
    """Of one symbol: orders judged, how many break the rule, and the one that breaks it most."""

    symbol: str
    judged: int
    orders: int
    worst: TooLarge

    def sentence(self, rules: SymbolRules) -> str:
        """For a summary or a report."""

        def shown(lots: int) -> str:
            return f"{rules.size(lots).normalize():f} {rules.base}"

        worst = self.worst.sentence(shown(self.worst.size_lots), shown(self.worst.market_lots))
        return (
            f"{self.symbol}: {self.orders:,} of {self.judged:,} orders are too large for this market; {worst}"
        )


def oversized(tapes: Mapping[str, Tape], orders: Mapping[str, np.ndarray]) -> list[Oversized]:
    """By symbol, orders (n,) SENT_DTYPE that break the size rule; symbols without one are left out.

    Cost: one pass over the tapes of the symbols that have orders.
    """
    found = []
    for symbol, sent in orders.items():
        rows = np.sort(sent[sent["size_lots"] > 0], order="at_ns")
        if not len(rows):
            continue
        met = market_sizes(tapes[symbol], rows)
        faults = [too_large(int(size), one) for size, one in zip(rows["size_lots"], met, strict=True) if one]
        worst = [max(fault, key=lambda one: one.percent) for fault in faults if fault]
        if worst:
            found.append(Oversized(symbol, len(rows), len(worst), max(worst, key=lambda one: one.percent)))
    return found


def market_sizes(tape: Tape, rows: np.ndarray) -> list[MarketSize | None]:
    """What each order met, rows (n,) SENT_DTYPE rising in time; None before the first whole book."""
    times = np.ascontiguousarray(rows["at_ns"])
    shown, prices = _DepthMatcher().at(tape, times)
    printed_ns, lots = _prints(tape)
    total = np.concatenate([[0], np.cumsum(lots)])
    from_ns = times - TRADED_WINDOW_NS
    until = np.searchsorted(printed_ns, times, side="right")
    traded = total[until] - total[np.searchsorted(printed_ns, from_ns, side="right")]
    observed = times - np.maximum(from_ns, tape.first_ns)
    is_buy = rows["side"] == 0
    touches = np.where(
        is_buy, (prices[1] > 0) & (rows["price_ticks"] >= prices[1]), rows["price_ticks"] <= prices[0]
    )
    takes = np.isin(rows["type"], TAKERS) | touches
    asks = is_buy == takes
    displayed = np.where(asks, shown[1], shown[0])
    known = shown.sum(axis=0) > 0
    columns = (displayed.tolist(), traded.tolist(), observed.tolist())
    return [MarketSize(*one) if ok else None for ok, *one in zip(known.tolist(), *columns, strict=True)]


def _prints(tape: Tape) -> tuple[np.ndarray, np.ndarray]:
    """Receive times and lots of all prints."""
    parts = [events[events["kind"] == Kind.TRADE] for events in tape.chunks()]
    prints = np.concatenate(parts)
    return np.ascontiguousarray(prints["recv_ns"]), np.ascontiguousarray(prints["size_lots"])


class _DepthMatcher(StepMatcher):
    def at(self, tape: Tape, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(2, n) lots of the best levels of bids and asks at rising times, and (2, n) best prices."""
        lots, best = np.zeros((2, len(times)), np.int64), np.zeros((2, len(times)), np.int64)
        scratch = np.zeros((2, DISPLAYED_LEVELS), np.int64)
        known = 0
        for events in tape.chunks():
            start = 0
            while start < len(events) and known < len(times):
                start, known = note_depth(self._state, events, start, times, known, lots, best, scratch)
                if start < len(events):
                    self._grow()
        if known < len(times):
            # After the tape's end: its last book.
            note_now(self._state, known, lots, best, scratch)
            lots[:, known:], best[:, known:] = lots[:, known : known + 1], best[:, known : known + 1]
        return lots, best


@cached
def note_now(st, k, lots, best, scratch):  # type: ignore[no-untyped-def]
    """Write the present book's sizes and best prices to column k, or what stood in the column before."""
    if not st.scalars[FEED_LIVE] or st.scalars[IN_MESSAGE] or st.scalars[IN_SNAPSHOT]:
        if k > 0:
            for side in range(2):
                lots[side, k], best[side, k] = lots[side, k - 1], best[side, k - 1]
        return
    for side in range(2):
        count = read_depth(st, side, scratch[0], scratch[1])
        total = 0
        for i in range(count):
            total += scratch[1, i]
        lots[side, k] = total
        best[side, k] = scratch[0, 0] if count > 0 else 0


@cached
def note_depth(st, events, start, times, known, lots, best, scratch):  # type: ignore[no-untyped-def]
    """Apply events[start:], noting the book at each time that is passed.

    Returns (first event not applied, times passed).
    """
    n, m = len(events), len(times)
    for i in range(start, n):
        if not loop.has_room(st):
            return i, known
        event = events[i]
        while known < m and times[known] < event["recv_ns"]:
            note_now(st, known, lots, best, scratch)
            known += 1
        loop.apply_event(st, event)
        st.scalars[N_REPORTS] = 0
    return n, known


def oversized_orders(results: Results) -> list[str]:
    """Of a backtest: a sentence per symbol with orders that are too large for it."""
    rows = results.orders
    sent = {}
    for number, symbol in enumerate(results.symbols):
        own = rows[rows["symbol"] == number]
        sent[symbol] = np.zeros(len(own), SENT_DTYPE)
        for name in ("price_ticks", "size_lots", "side", "type"):
            sent[symbol][name] = own[name]
        sent[symbol]["at_ns"] = own["created_ns"]
    return [one.sentence(results.rules[one.symbol]) for one in oversized(results.tapes, sent)]


def oversized_commands(tapes: Mapping[str, Tape], arrivals: Sequence[Arrival[ReplayCommand]]) -> list[str]:
    """Of a replay: as `oversized_orders`. Market buys, and what no exchange could read, are not judged."""
    rows: dict[str, list[tuple[int, int, int, int, int]]] = {}
    for arrival in arrivals:
        order = arrival.item.order
        if order is None or order.symbol not in tapes or order.size is None:
            continue
        if order.side not in SIDES or order.type not in TYPES:
            continue
        rules = tapes[order.symbol].rules
        try:
            price_ticks = 0 if order.price is None else rules.truncate_price(order.price)
            size_lots = rules.truncate_size(order.size)
        except BadNumber:
            continue  # beyond what can be counted: refused, and in OUT as such
        code = SIDES.index(order.side), TYPES.index(order.type)
        rows.setdefault(order.symbol, []).append((arrival.arrival_ns, price_ticks, size_lots, *code))
    sent = {symbol: np.array(own, SENT_DTYPE) for symbol, own in rows.items()}
    return [one.sentence(tapes[one.symbol].rules) for one in oversized(tapes, sent)]

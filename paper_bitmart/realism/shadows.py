"""How wrong a queue model is where the queue is known: own orders set right behind orders of others.

An order of others that was seen to join and to trade (`order_traces`) tells its queue twice: all that its
level displayed stood before it when it joined, nobody when it traded. An own order that joins right behind it
- its shadow - must therefore have exactly that order's lots ahead when its print comes. What must
print there by the model, before the shadow fills, less those lots is the model's error, in lots of queue,
whatever the price does afterwards.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np

from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import QueueModel
from paper_bitmart.realism.order_traces import Traded

SHADOW_LOTS = 1 << 40
"""So large that no print fills it whole: its queue can be asked for to the end."""
LIMIT_MAKER, NO_STP = 1, 0
JOINS, TRADES = 0, 1


def queue_errors(events: np.ndarray, traced: Sequence[Traded], model: QueueModel) -> np.ndarray:
    """What a model gets wrong, an order each.

    Args:
        events: (n,) EVENT_DTYPE, the market that `traced` was read from.

    Returns:
        (len(traced),) float64: (estimated - real lots ahead) / lots ahead at entry, when the order in front
        traded. Below 0: the model fills too early. NaN: the shadow could not rest, or its queue was unknown.

    Cost: one replay of the market, and about 10 us an order.
    """
    offset_ns = np.minimum.accumulate(
        np.where(events["exch_ns"] > 0, events["recv_ns"] - events["exch_ns"], 1 << 62)
    )
    errors, entries = np.full(len(traced), np.nan), np.full(len(traced), np.nan)
    stops = [(one.joined_row, JOINS, number) for number, one in enumerate(traced)]
    stops += [(one.traded_row, TRADES, number) for number, one in enumerate(traced)]
    matcher, done = Matcher(queue_model=model), 0
    free_accounts: list[int] = []
    accounts: dict[int, int] = {}
    for row, what, number in sorted(stops):
        done = matcher.process(events[:row], done)
        one = traced[number]
        if what == JOINS:
            account = heappop(free_accounts) if free_accounts else len(accounts)
            accounts[number] = account
            # By the venue's clock it joins with the very message, however late that came.
            at_ns = one.joined_ns + int(offset_ns[row - 1])
            matcher.place(
                number, account, one.side, LIMIT_MAKER, one.price_ticks, SHADOW_LOTS, 0, NO_STP, at_ns
            )
            entries[number] = matcher.queue_ahead(number)
        else:
            report = matcher.explain(number)
            if report is not None and report.ahead >= 0 and entries[number] > 0:
                errors[number] = (report.fills_after_lots - one.lots) / entries[number]
            matcher.cancel(number, int(events["recv_ns"][row]))
            heappush(free_accounts, accounts.pop(number))
        matcher.drain()
    return errors

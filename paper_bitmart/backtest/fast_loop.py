"""The event loop around a compiled desk: the same order of things as `Engine`, on the same core.

At equal times: market, commands, news, timers, wake-ups. `advance` goes on until somebody has to act: it
returns to Python for that, or calls a compiled strategy; what an order goes through is in fast_orders.py.
"""

from paper_bitmart.backtest.fast_actions import call_book, call_news, frame_of
from paper_bitmart.backtest.fast_arrays import (
    CLOSING_TICKET,
    DONE,
    FOREVER_NS,
    GO,
    IN_HEAD,
    IN_READ,
    IN_TAIL,
    MEMORY,
    N_FILLS,
    N_ORDERS,
    NEED_CHUNK,
    NEED_READER,
    NEED_RESULTS,
    NEED_ROOM,
    NEWS,
    NOW_NS,
    ON_BOOK,
    ON_NEWS,
    OUT_HEAD,
    OUT_TAIL,
    ROWS_DONE,
    ROWS_SEEN,
    STOP,
    TIMER,
    TIMER_NS,
    WAKE,
    WAKE_EVERY_NS,
    WAKE_NS,
)
from paper_bitmart.backtest.fast_orders import execute, free_ticket, has_place_room, hear, read_reports
from paper_bitmart.backtest.step_matcher import apply_until_report, cached, lean_inlined
from paper_bitmart.matching.core.state import N_REPORTS

play = lean_inlined(getattr(apply_until_report, "py_func", apply_until_report))
"""Inlined, because a call hands over the State by value and there are several between two wake-ups."""


@cached
def advance(st, desk, events, start, end_ns, is_last):  # type: ignore[no-untyped-def]
    """Play `events[start:]` and everything in flight up to `end_ns`, or until somebody has to act.

    `is_last`: no chunk follows. Returns (next event, why it stopped). Called again with the same state it
    goes on as if it had not stopped; STOP is for what happened amid a command. Where a compiled strategy is
    given (ON_BOOK) it acts in here.
    """
    s = desk.scalars
    n, i = len(events), start
    frame = frame_of(desk, st) if s[ON_BOOK] else 0
    while True:
        if s[CLOSING_TICKET] >= 0:
            free_ticket(desk, s[CLOSING_TICKET])
            s[CLOSING_TICKET] = -1
        if s[STOP] != GO:
            why = s[STOP]
            s[STOP] = GO
            return i, why
        # A ring that is empty begins again at its first rows, which are in the processor's cache.
        if s[OUT_HEAD] == s[OUT_TAIL]:
            s[OUT_HEAD] = s[OUT_TAIL] = 0
        if s[IN_READ] == s[IN_TAIL]:
            s[IN_READ] = s[IN_HEAD] = s[IN_TAIL] = 0
        # One turn reports at most as much as the core's own buffer holds, and accepts or cancels one order.
        if s[N_ORDERS] == len(desk.orders) or s[N_FILLS] + st.reports.shape[0] > len(desk.fills):
            return i, NEED_RESULTS
        if s[IN_TAIL] - s[IN_READ] + st.reports.shape[0] + 2 > len(desk.inbox):
            return i, NEED_READER
        if i == n and not is_last:
            return i, NEED_CHUNK
        arrival_ns = (
            desk.outbox[s[OUT_HEAD] & (len(desk.outbox) - 1)]["arrival_ns"]
            if s[OUT_HEAD] < s[OUT_TAIL]
            else FOREVER_NS
        )
        news_ns = (
            desk.inbox[s[IN_HEAD] & (len(desk.inbox) - 1)]["at_ns"] if s[IN_HEAD] < s[IN_TAIL] else FOREVER_NS
        )
        at_ns = min(min(end_ns, s[TIMER_NS]), min(min(arrival_ns, news_ns), s[WAKE_NS]))
        if st.scalars[N_REPORTS] > 0 or (i < n and events[i]["recv_ns"] <= at_ns):
            if st.scalars[N_REPORTS] > 0:
                # A chunk ended, or room was made, amid a moment that changed an order.
                at_ns = min(at_ns, st.reports[0]["at_ns"])
            first = i
            i = play(st, events, i, at_ns)
            s[ROWS_DONE] += i - first
            has_report = st.scalars[N_REPORTS] > 0
            until_ns = st.reports[0]["at_ns"] if has_report else at_ns
            if i == n and not is_last:
                return i, NEED_CHUNK
            if i < n and events[i]["recv_ns"] <= until_ns:
                return i, NEED_ROOM
            s[NOW_NS] = max(s[NOW_NS], until_ns)
            if has_report:
                # What was reported may be heard of at this very moment: look again what comes next.
                read_reports(st, desk)
                continue
        s[NOW_NS] = max(s[NOW_NS], at_ns)
        if arrival_ns <= at_ns:
            if not has_place_room(st, desk):
                return i, NEED_ROOM
            execute(st, desk, events, i)
        elif news_ns <= at_ns:
            is_wanted = hear(desk)
            if s[ON_BOOK]:
                s[IN_READ] = s[IN_HEAD]
                if is_wanted:
                    news = desk.inbox[(s[IN_HEAD] - 1) & (len(desk.inbox) - 1)]
                    call_news(
                        s[ON_NEWS],
                        frame,
                        s[MEMORY],
                        news["ticket"],
                        news["what"],
                        news["price"],
                        news["lots"],
                    )
            elif is_wanted:
                return i, NEWS
        elif s[TIMER_NS] <= at_ns:
            return i, TIMER
        elif s[WAKE_NS] <= at_ns:
            s[WAKE_NS] = s[WAKE_NS] + s[WAKE_EVERY_NS] if s[WAKE_EVERY_NS] > 0 else FOREVER_NS
            if s[ROWS_SEEN] != s[ROWS_DONE] or s[WAKE_EVERY_NS] <= 0:
                s[ROWS_SEEN] = s[ROWS_DONE]
                if not s[ON_BOOK]:
                    return i, WAKE
                call_book(s[ON_BOOK], frame, s[MEMORY])
        else:
            return i, DONE

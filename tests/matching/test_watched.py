"""Watched levels: what is known of a queue comes from the market, not from who else of ours rests there.

Invariants:
    1. An account's reports are the same whether other accounts trade or not (`order_list` is no part of that:
       its lists begin with the first own order at a price).
    2. An order that joins later knows of those ahead as much as one that was there before.
    3. When a level's log is played - at every look, when it is full - changes nothing.
"""

from by_hand import ASK, BID, BUY, SELL, Desk, level, trade
from hypothesis import given, settings
from hypothesis import strategies as st
from markets import STEP_BYTES, Cancel, Decoder, Place
from naive_records import as_report
from state_checks import validate_state

from paper_bitmart.matching.core import state
from paper_bitmart.matching.matcher import Matcher
from paper_bitmart.matching.models import MODELS, PLACES

EXAMPLES = settings.default.max_examples
LIMIT_MAKER = 1
chunks = st.lists(st.binary(min_size=STEP_BYTES, max_size=STEP_BYTES), max_size=60)


def reports_by_account(steps, model, accounts):
    """Reports of each account when only `accounts` trade."""
    matcher = Matcher(queue_model=MODELS[model])
    owner, reports = {}, {account: [] for account in accounts}
    for step in steps:
        if isinstance(step, Place):
            if step.account not in accounts:
                continue
            owner[step.order_id] = step.account
        if isinstance(step, Cancel) and step.order_id not in owner:
            continue
        step.apply(matcher)
        for row in map(as_report, matcher.drain()):
            reports[owner[row.order_id]].append(row)
    return reports


@settings(max_examples=30 * EXAMPLES)
@given(chunks, st.sampled_from([6, 40, 10_000]), st.sampled_from(sorted({*MODELS} - {"order_list"})))
def test_an_account_fares_the_same_whether_others_trade_or_not(chunks, mid, model):
    steps = list(Decoder(mid).steps(chunks))
    accounts = sorted({step.account for step in steps if isinstance(step, Place)})
    together = reports_by_account(steps, model, accounts)
    for account in accounts:
        assert reports_by_account(steps, model, [account])[account] == together[account]


def old_and_young(desk):
    """A level at 100 with 5 lots a minute old and 7 that are new."""
    desk.send(level(100, BID, 100, 5), level(60_000, BID, 100, 12))


def test_who_joins_later_knows_those_ahead_as_well_as_who_was_there():
    ahead = []
    for joined_ms in (50, 60_050):
        desk = Desk({99: 3}, {102: 3}, queue_model=PLACES)
        if joined_ms == 50:
            desk.place(1, BUY, 100, 1, order_type=LIMIT_MAKER, at_ms=joined_ms)
        old_and_young(desk)
        desk.place(2, BUY, 100, 1, order_type=LIMIT_MAKER, account=1, at_ms=60_050)
        desk.send(level(60_100, ASK, 103, 1), level(60_200, BID, 100, 18), level(60_300, BID, 100, 11))
        ahead.append(desk.ahead(2))
    assert ahead[0] == ahead[1]
    # Seven left: more likely the order of 7 that came a moment before us than the older 5 or the 6 behind.
    assert 5.0 < ahead[0] < 7.0


def test_a_lone_order_is_not_told_that_all_ahead_are_settled():
    desk = Desk({99: 3}, {102: 3}, queue_model=PLACES)
    old_and_young(desk)
    desk.place(1, BUY, 100, 1, order_type=LIMIT_MAKER, at_ms=60_050)
    desk.send(level(60_200, BID, 100, 14), level(120_000, BID, 100, 7))
    sent_at_once = Desk({99: 3}, {102: 3}, queue_model=PLACES)
    sent_at_once.send(level(100, BID, 100, 12))
    sent_at_once.place(1, BUY, 100, 1, order_type=LIMIT_MAKER, at_ms=60_050)
    sent_at_once.send(level(60_200, BID, 100, 14), level(120_000, BID, 100, 7))
    # The 7 are known as one order only where they came as one.
    assert desk.ahead(1) < sent_at_once.ahead(1)


def test_a_full_log_is_played_and_nothing_changes():
    sizes = [5 + (n * 7) % 11 for n in range(3 * state.LOG_FULL)]
    looked_often, looked_late = (Desk({99: 3}, {102: 3}, queue_model=PLACES) for _ in range(2))
    looked_often.place(9, BUY, 100, 1, order_type=LIMIT_MAKER, account=1)
    for n, lots in enumerate(sizes):
        at_ms = 100 * (n + 1)
        for desk in (looked_often, looked_late):
            desk.send(trade(at_ms - 50, SELL, 100, 1), level(at_ms, BID, 100, lots))
            validate_state(desk.matcher)
    end_ms = 100 * len(sizes)
    for desk in (looked_often, looked_late):
        desk.place(1, BUY, 100, 1, order_type=LIMIT_MAKER, at_ms=end_ms + 10)
        desk.send(level(end_ms + 100, BID, 100, sizes[-1] + 4), level(end_ms + 200, BID, 100, sizes[-1] + 1))
    assert looked_often.ahead(1) == looked_late.ahead(1)
    assert looked_late.ahead(1) < sizes[-1]


def test_prints_of_many_messages_that_never_change_a_level_are_kept_to_the_end():
    desk = Desk({100: 6}, {102: 3}, queue_model=PLACES)
    desk.send(level(100, BID, 100, 5))
    for n in range(2 * state.LOG_ROWS):
        # The level shows 5 lots before and after each: it was refilled.
        desk.send(trade(200 + 100 * n - 50, SELL, 100, 2), level(200 + 100 * n, ASK, 103, 1 + n))
        validate_state(desk.matcher)
    assert desk.matcher._state.watched["n_rows"].max() <= state.LOG_ROWS


def test_a_level_far_from_the_best_price_is_not_watched_and_one_that_came_near_is():
    desk = Desk({1000: 3}, {1002: 3}, queue_model=PLACES)

    def watched():
        st = desk.matcher._state
        return sorted(int(row["price"]) for row in st.watched if row["price"] != state.NO_PRICE)

    reach = state.WATCHED // 2
    desk.send(level(100, BID, 1000 - reach, 4), level(200, BID, 1001 - reach, 4))
    assert watched() == [1001 - reach]
    desk.send(level(300, BID, 1001, 4), level(400, BID, 1001 + reach, 1))
    assert watched() == [1001, 1001 + reach], "of two prices that share a slot the later one has it"

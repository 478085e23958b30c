"""What a changed setting would have come to, on markets small enough to reckon by hand."""

from decimal import Decimal

import pytest
from exchange.market_script import MS, START_NS, level, limit, trade
from session_bench import TradedMarket, real_latency
from session_script import ScriptedSession

from paper_bitmart.backtest.session_changed import Change, play_changed
from paper_bitmart.backtest.session_diff import KINDS, diff_session
from paper_bitmart.backtest.session_reader import SessionReader
from paper_bitmart.bitmart.enums import Side
from paper_bitmart.exchange.calls import Cancel, SetFees, SubmitBatch
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import CONSERVATIVE, ORDER_LIST, PROPORTIONAL


def queued(folder):
    """Own buy of 30 behind 100 lots; 100 more join behind it, 100 leave, then 80 are sold at the price.

    Who left decides: if half of it stood ahead of us, 50 are ahead of us when the 80 come.
    """
    session = ScriptedSession(folder)
    session.submit("buy", 9990, 30, "queued")
    for ms, lots in ((10, 200), (20, 100)):
        session.at(ms).say(level(session.now_ns, Side.BUY, 9990, lots))
    session.at(30).say(trade(session.now_ns, Side.SELL, 9990, 80))
    return session.close()


def only(diff):
    (difference,) = diff.orders
    return difference


def test_nothing_changed_is_nothing_different(tmp_path):
    queued(tmp_path)
    diff = diff_session(tmp_path, Change(queue_model=ORDER_LIST))
    assert (diff.orders_compared, diff.orders) == (1, [])
    assert "nothing would have been different" in diff.lines()[0]


def test_another_queue_model_gains_or_loses_the_fill(tmp_path):
    queued(tmp_path)
    filled = {}
    for model in (CONSERVATIVE, PROPORTIONAL):
        diff = diff_session(tmp_path, Change(queue_model=model))
        filled[model.name] = only(diff).changed.size if diff.orders else None
    # The default model gave the recorded size; these two bracket it.
    recorded = only(diff_session(tmp_path, Change(queue_model=PROPORTIONAL))).recorded.size
    assert filled["proportional"] == Decimal("0.030")
    assert recorded < Decimal("0.030")
    assert filled["conservative"] in (None, Decimal(0))


def test_a_slower_order_comes_too_late_for_the_level(tmp_path):
    session = ScriptedSession(tmp_path)
    session.submit("buy", 10010, 10, "taker").at(5)
    session.say(level(session.now_ns, Side.SELL, 10010, 0)).at(50).close()
    difference = only(diff_session(tmp_path, Change(entry_latency_ns=10 * MS)))
    assert (difference.kind, difference.recorded.size, difference.changed.size) == (
        "lost",
        Decimal("0.010"),
        0,
    )
    assert difference.changed.state == "new"


def test_a_slower_cancel_loses_the_race_that_it_won(tmp_path):
    session = ScriptedSession(tmp_path)
    session.submit("buy", 9995, 10, "a").at(5).cancel("a")
    session.at(8).say(trade(session.now_ns, Side.SELL, 9990, 4)).at(50).close()
    difference = only(diff_session(tmp_path, Change(cancel_latency_ns=10 * MS)))
    assert (difference.kind, difference.recorded.state, difference.changed.state) == (
        "gained", "canceled", "partially_canceled",
    )  # fmt: skip
    assert difference.changed.size == Decimal("0.004")


def test_an_order_that_only_arrives_later_is_moved_by_that_much(tmp_path):
    session = ScriptedSession(tmp_path)
    session.submit("buy", 10010, 10, "taker").at(50).close()
    difference = only(diff_session(tmp_path, Change(entry_latency_ns=10 * MS)))
    assert (difference.kind, difference.later_ns) == ("moved", 10 * MS)


def test_an_order_that_arrives_after_the_end_is_refused(tmp_path):
    session = ScriptedSession(tmp_path)
    session.at(50).submit("buy", 10010, 10, "last").close()
    difference = only(diff_session(tmp_path, Change(entry_latency_ns=10 * MS)))
    assert (difference.kind, difference.changed.refused) == ("refused", 50022)


def test_cancels_find_their_order_under_its_other_id(tmp_path):
    """Without fees the first order is affordable, so all later order ids move by one."""
    session = ScriptedSession(tmp_path)
    session.send(SetFees(account="alice", symbol=None, maker_ppm=10**6, taker_ppm=10**6))
    session.submit("buy", 9990, 6 * 10**15, "dear").submit("buy", 9980, 1, "cheap")
    (cheap,) = session.wheel.venue.open_orders("alice")
    session.send(Cancel(account="alice", order_id=cheap.order_id)).close()
    runs = play_changed(SessionReader(tmp_path), Change(maker_ppm=0, taker_ppm=0))
    recorded, changed = (
        {story.client_order_id: story for story in stories.by_key.values()}
        for stories in (runs.recorded, runs.changed)
    )
    assert (recorded["dear"].refused, changed["dear"].refused) == (50020, None)
    assert changed["cheap"].order_id == recorded["cheap"].order_id + 1
    assert (recorded["cheap"].state, changed["cheap"].state) == ("canceled", "canceled")


def test_orders_of_a_batch_are_compared_one_by_one(tmp_path):
    session = ScriptedSession(tmp_path)
    orders = (limit("buy", 10010, 10, "taker"), limit("buy", 9980, 10, "maker"))
    session.send(SubmitBatch(account="alice", orders=orders)).close()
    diff = diff_session(tmp_path, Change(taker_ppm=0))
    assert diff.orders_compared == 2
    assert (only(diff).client_order_id, only(diff).kind) == ("taker", "cost")


def test_profit_is_cash_and_position_at_the_last_print_less_fees(tmp_path):
    """Buys 0.010 at 100.10, the last print is 100.50: 0.004 won, 0.25 % of 1.001 paid unless free."""
    session = ScriptedSession(tmp_path)
    session.submit("buy", 10010, 10, "taker").at(5)
    session.say(trade(session.now_ns, Side.BUY, 10050, 1)).close()
    (profit,) = diff_session(tmp_path, Change(maker_ppm=0, taker_ppm=0)).profits
    assert (profit.account, profit.asset) == ("alice", "USDT")
    assert (profit.recorded, profit.changed) == (Decimal("0.0014975"), Decimal("0.004"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return TradedMarket(9, 1, tmp_path_factory.mktemp("d") / "session", latency=real_latency(9)).record()


def test_a_random_session_played_again_in_its_own_way_differs_in_nothing(recorded):
    assert diff_session(recorded.tape.path, Change(queue_model=ORDER_LIST)).orders == []


def test_every_difference_of_a_random_session_is_of_a_known_kind_and_sums_up(recorded):
    diff = diff_session(recorded.tape.path, Change(entry_latency_ns=300 * MS, cancel_latency_ns=300 * MS))
    told = diff.as_dict()
    assert sum(told["counts"].values()) == len(diff.orders) > 10
    assert {order.kind for order in diff.orders} <= set(KINDS)
    assert diff.rich(5).row_count == 5


def test_the_recorded_latency_given_again_differs_in_nothing(tmp_path):
    session = ScriptedSession(tmp_path, latency=LatencyProfile.constant(entry_ns=7 * MS))
    session.submit("buy", 10010, 10, "a").at(7).submit("sell", 9990, 5, "b").cancel("a").at(30)
    session.say(trade(START_NS + 30 * MS, Side.SELL, 9989, 5)).at(40).close()
    change = Change(entry_latency_ns=7 * MS, cancel_latency_ns=7 * MS)
    assert diff_session(tmp_path, change).orders == []

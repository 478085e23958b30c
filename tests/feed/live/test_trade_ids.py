import doctest

from paper_bitmart.feed.live import trade_ids
from paper_bitmart.feed.live.trade_ids import TradeIds, TradeSequence


def test_the_example_of_the_docstring():
    assert doctest.testmod(trade_ids).failed == 0


def test_only_so_many_are_remembered():
    ids = TradeIds(3)
    for trade_id in range(100):
        assert ids.is_new(trade_id)
        assert not ids.is_new(trade_id)
    assert [ids.is_new(trade_id) for trade_id in (97, 98, 99, 96)] == [False, False, False, True]
    assert len(ids._known) == 3


def test_a_sequence_counts_what_never_came_and_takes_back_what_came_late():
    trades = TradeSequence()
    assert [trades.see(trade_id) for trade_id in (100, 101, 105)] == [0, 0, 3]
    assert trades.lost == 3
    assert trades.see(103) == 0
    assert trades.lost == 2
    assert trades.see(103) is None
    assert trades.see(106) == 0
    assert trades.lost == 2


def test_trades_before_the_first_one_are_no_part_of_the_sequence():
    trades = TradeSequence()
    assert [trades.see(trade_id) for trade_id in (100, 99, 101)] == [0, 0, 0]
    assert trades.lost == 0

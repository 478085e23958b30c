import doctest

from paper_bitmart.feed.live import trade_ids
from paper_bitmart.feed.live.trade_ids import TradeIds


def test_the_example_of_the_docstring():
    assert doctest.testmod(trade_ids).failed == 0


def test_only_so_many_are_remembered():
    ids = TradeIds(3)
    for trade_id in range(100):
        assert ids.is_new(trade_id)
        assert not ids.is_new(trade_id)
    assert [ids.is_new(trade_id) for trade_id in (97, 98, 99, 96)] == [False, False, False, True]
    assert len(ids._known) == 3

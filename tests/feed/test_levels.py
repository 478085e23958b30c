import pytest
from sortedcontainers import SortedDict

from paper_bitmart.feed.events import ASK, BID, Flag
from paper_bitmart.feed.levels import apply_levels, best_of, worst_of

LEFT, ENTERED = Flag.LEFT_WINDOW, Flag.ENTERED_WINDOW

# name, bids before (window of 3), levels of the message, changes expected
BID_CASES = [
    ("a size changes", {9: 1, 8: 1, 7: 1}, [(8, 5)], [(8, 5, 0)]),
    ("nothing changes", {9: 1, 8: 1, 7: 1}, [(8, 1), (5, 0)], []),
    ("best empties, deep one moves in", {9: 1, 8: 1, 7: 1}, [(9, 0), (6, 4)], [(9, 0, 0), (6, 4, ENTERED)]),
    ("a new best pushes the worst out", {9: 1, 8: 1, 7: 1}, [(10, 2), (7, 0)], [(10, 2, 0), (7, 0, LEFT)]),
    ("worst empties, next moves in", {9: 1, 8: 1, 7: 1}, [(7, 0), (6, 4)], [(7, 0, 0), (6, 4, ENTERED)]),
    ("a level empties and none is behind", {9: 1, 8: 1, 7: 1}, [(7, 0)], [(7, 0, 0)]),
    ("a side not full grows at its end", {9: 1, 8: 1}, [(7, 3)], [(7, 3, 0)]),
    ("an inner level is new", {9: 1, 7: 1, 6: 1}, [(8, 3), (6, 0)], [(8, 3, 0), (6, 0, LEFT)]),
    ("two leave", {9: 1, 8: 1, 7: 1}, [(11, 1), (10, 1), (8, 0), (7, 0)],
     [(11, 1, 0), (10, 1, 0), (8, 0, LEFT), (7, 0, LEFT)]),
    ("an empty side fills", {}, [(9, 1), (8, 1)], [(9, 1, 0), (8, 1, 0)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "levels", "expected"), [case[1:] for case in BID_CASES], ids=[c[0] for c in BID_CASES]
)
@pytest.mark.parametrize("side", [BID, ASK])
def test_changes_say_whether_a_level_emptied_or_only_crossed_the_window_s_edge(
    side, before, levels, expected
):
    # Asks are the mirror image: prices counted down from 100.
    turn = (lambda price: price) if side == BID else (lambda price: 100 - price)
    book = SortedDict({turn(price): size for price, size in before.items()})
    changes = apply_levels(book, side, [(turn(price), size) for price, size in levels], window=3)
    assert changes == [(turn(price), size, flags) for price, size, flags in expected]
    after = before | dict(levels)
    assert dict(book) == {turn(price): size for price, size in after.items() if size}


def test_best_and_worst_of_a_side():
    book = SortedDict({5: 1, 9: 1})
    assert (best_of(book, BID), worst_of(book, BID)) == (9, 5)
    assert (best_of(book, ASK), worst_of(book, ASK)) == (5, 9)
    assert best_of(SortedDict(), BID) is None
    assert worst_of(SortedDict(), ASK) is None

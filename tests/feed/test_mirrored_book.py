import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.feed.book import CAPACITY, Book
from paper_bitmart.feed.events import ASK, BID, EVENT_DTYPE, Flag, Kind

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


def apply(book, side, levels, window=3):
    rows = book.apply(side, levels, window, 5, 6, 7)
    assert [tuple(row) for row in rows[["recv_ns", "exch_ns", "seq", "kind", "side"]].tolist()] == [
        (5, 6, 7, Kind.LEVEL, side)
    ] * len(rows)
    return [tuple(row) for row in rows[["price_ticks", "size_lots", "flags"]].tolist()]


@pytest.mark.parametrize(
    ("before", "levels", "expected"), [case[1:] for case in BID_CASES], ids=[c[0] for c in BID_CASES]
)
@pytest.mark.parametrize("side", [BID, ASK])
def test_changes_say_whether_a_level_emptied_or_only_crossed_the_window_s_edge(
    side, before, levels, expected
):
    # Asks are the mirror image: prices counted down from 100.
    turn = (lambda price: price) if side == BID else (lambda price: 100 - price)
    book = Book()
    book.replace(side, [(turn(price), size) for price, size in before.items()])
    changes = apply(book, side, [(turn(price), size) for price, size in levels])
    assert changes == [(turn(price), size, flags) for price, size, flags in expected]
    after = before | dict(levels)
    assert book.side(side) == {turn(price): size for price, size in after.items() if size}


def test_best_and_worst_of_a_side():
    book = Book()
    assert (book.best(BID), book.worst(ASK)) == (None, None)
    for side in (BID, ASK):
        book.replace(side, [(9, 2), (5, 1)])
    assert (book.best(BID), book.worst(BID)) == ((9, 2), (5, 1))
    assert (book.best(ASK), book.worst(ASK)) == ((5, 1), (9, 2))


@pytest.mark.parametrize(("bid", "ask", "crossed"), [(5, 6, False), (5, 5, True), (6, 5, True)])
def test_a_book_is_crossed_from_equal_prices_on(bid, ask, crossed):
    book = Book()
    book.replace(BID, [(bid, 1)])
    assert not book.is_crossed
    book.replace(ASK, [(ask, 1)])
    assert book.is_crossed is crossed


LEVELS = st.dictionaries(st.integers(1, 60), st.integers(0, 3), max_size=20)


@given(st.lists(LEVELS, max_size=12), st.sampled_from([BID, ASK]), st.integers(1, 20))
def test_a_side_is_a_sorted_dictionary_and_its_events_add_up_to_it(messages, side, window):
    book, truth, follower = Book(), {}, Book()
    for message in messages:
        rows = book.apply(side, list(message.items()), window, 1, 1, 1)
        assert {price for price in message if truth.get(price, 0) != message[price]} == set(
            rows["price_ticks"].tolist()
        )
        truth = {price: size for price, size in (truth | message).items() if size}
        assert list(book.side(side).items()) == sorted(truth.items())
        assert book.count(side) == len(truth)
        follower.fold(rows, False)
        assert follower.side(side) == book.side(side)


def test_a_book_grows_beyond_its_first_capacity_by_changes_snapshots_and_events():
    levels = [(price, price) for price in range(1, 3 * CAPACITY)]
    by_changes, by_snapshot, by_events = Book(), Book(), Book()
    rows = by_changes.apply(ASK, levels, 100, 1, 1, 1)
    by_snapshot.replace(ASK, levels)
    assert by_events.fold(rows, False) == (0, -1, 0, True)
    assert by_changes.side(ASK) == by_snapshot.side(ASK) == by_events.side(ASK) == dict(levels)


def test_the_rows_of_a_snapshot_are_best_first_bids_first():
    book = Book()
    book.replace(BID, [(8, 1), (9, 2)])
    book.replace(ASK, [(11, 4), (10, 3)])
    rows = book.rows(5, 6, 7)
    assert rows.dtype == EVENT_DTYPE
    assert rows.tolist() == [
        (5, 6, price, size, 7, Flag.SNAPSHOT, Kind.LEVEL, side)
        for side, price, size in ((BID, 9, 2), (BID, 8, 1), (ASK, 10, 3), (ASK, 11, 4))
    ]

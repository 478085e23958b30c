"""The increase100 stream: whoever replays it holds the published book's best 100 levels, always."""

from hypothesis import given
from hypothesis import strategies as st
from sortedcontainers import SortedDict

from paper_bitmart.feed.events import ASK, BID
from paper_bitmart.server.ws_depth import WINDOW, DepthStream, best_levels


class Client:
    """Applies the stream blindly, as ccxt does."""

    def __init__(self, snapshot):
        self.books = (SortedDict(snapshot.bids), SortedDict(snapshot.asks))
        self.version = snapshot.version

    def apply(self, update):
        assert update.version == self.version + 1
        self.version = update.version
        for book, levels in zip(self.books, (update.bids, update.asks), strict=True):
            for ticks, lots in levels:
                if lots:
                    book[ticks] = lots
                else:
                    book.pop(ticks, None)

    def best(self, side):
        return best_levels(side, self.books[side], WINDOW)


def book_of(bids, asks):
    return SortedDict(bids), SortedDict(asks)


def test_an_update_holds_exactly_what_changed():
    book = book_of({100: 5, 99: 2}, {101: 3})
    stream = DepthStream(lambda: book)
    version = stream.version
    book[BID][100] = 7
    del book[BID][99]
    book[ASK][102] = 1
    for side, ticks in ((BID, 100), (BID, 99), (ASK, 102), (ASK, 101)):
        stream.touch(side, ticks)
    assert stream.advance() == ([(100, 7), (99, 0)], [(102, 1)], version + 1)


def test_nothing_changed_means_no_new_version():
    book = book_of({100: 5}, {})
    stream = DepthStream(lambda: book)
    stream.touch(BID, 100)
    stream.touch(BID, 90)
    update = stream.advance()
    assert not update
    assert update.version == stream.version == stream.snapshot().version


def test_a_change_and_its_reversal_between_two_updates_is_no_change():
    book = book_of({100: 5}, {})
    stream = DepthStream(lambda: book)
    book[BID][100] = 6
    stream.touch(BID, 100)
    book[BID][100] = 5
    assert not stream.advance()


def test_a_snapshot_shows_the_book_of_the_last_update_and_not_a_newer_one():
    book = book_of({100: 5}, {})
    stream = DepthStream(lambda: book)
    book[BID][100] = 9
    stream.touch(BID, 100)
    assert stream.snapshot().bids == [(100, 5)]
    stream.advance()
    assert stream.snapshot().bids == [(100, 9)]


def test_a_snapshot_has_at_most_a_hundred_levels_a_side_best_first():
    book = book_of(dict.fromkeys(range(1, 151), 1), dict.fromkeys(range(200, 350), 1))
    snapshot = DepthStream(lambda: book).snapshot()
    assert [ticks for ticks, _ in snapshot.bids] == list(range(150, 50, -1))
    assert [ticks for ticks, _ in snapshot.asks] == list(range(200, 300))


def test_a_level_that_moves_up_into_the_window_is_sent_though_it_did_not_change():
    book = book_of({ticks: ticks for ticks in range(1, 151)}, {})
    stream = DepthStream(lambda: book)
    client = Client(stream.snapshot())
    del book[BID][150]
    stream.touch(BID, 150)
    update = stream.advance()
    assert update.bids == [(150, 0), (50, 50)]
    client.apply(update)
    assert client.best(BID) == best_levels(BID, book[BID], WINDOW)


def test_a_new_book_of_the_source_becomes_one_ordinary_update():
    book = book_of({100: 5, 99: 5}, {101: 5})
    stream = DepthStream(lambda: book)
    client = Client(stream.snapshot())
    book[BID].clear()
    book[ASK].clear()
    book[BID][98] = 1
    book[ASK][99] = 1
    stream.touch_all()
    client.apply(stream.advance())
    assert [dict(side) for side in client.books] == [{98: 1}, {99: 1}]


changes = st.lists(
    st.tuples(st.sampled_from([BID, ASK]), st.integers(1, 260), st.integers(0, 3)), min_size=1, max_size=60
)


@given(st.lists(changes, min_size=1, max_size=12), st.data())
def test_replaying_from_any_snapshot_gives_the_published_window_at_every_version(rounds, data):
    book = book_of(dict.fromkeys(range(1, 200, 2), 1), dict.fromkeys(range(1, 260), 1))
    stream = DepthStream(lambda: book)
    clients = [Client(stream.snapshot())]
    for levels in rounds:
        for side, ticks, lots in levels:
            if lots:
                book[side][ticks] = lots
            else:
                book[side].pop(ticks, None)
            stream.touch(side, ticks)
        if data.draw(st.booleans()):
            clients.append(Client(stream.snapshot()))
        update = stream.advance()
        for client in clients:
            if update:
                client.apply(update)
            assert client.version == stream.version
            for side in (BID, ASK):
                assert client.best(side) == best_levels(side, book[side], WINDOW)

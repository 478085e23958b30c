import json

import numpy as np
import pytest

from paper_bitmart.backtest.history import History, HistoryError, HistoryWriter
from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.events import EVENT_DTYPE
from tests.small_market import DEMO, DEMO_RULES

KINDS = pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])


@pytest.fixture(scope="module")
def demo():
    return load_capture(DEMO, DEMO_RULES)


def written(demo, path, packed, pieces=3):
    events = demo.events["BTC_USDT"]
    with HistoryWriter(path, demo.rules["BTC_USDT"], packed=packed, source="demo") as writer:
        for piece in np.array_split(events, pieces):
            writer.write(piece)
    return events


@KINDS
def test_a_history_gives_back_the_same_events_and_rules(demo, tmp_path, packed):
    events = written(demo, tmp_path / "h", packed)
    history = History(tmp_path / "h")
    assert np.array_equal(history.read(), events)
    assert history.rules == demo.rules["BTC_USDT"]
    assert (len(history), history.source, history.is_packed) == (len(events), "demo", packed)
    assert (history.first_ns, history.last_ns) == (events["recv_ns"][0], events["recv_ns"][-1])


@KINDS
@pytest.mark.parametrize("rows", [1_000, 7_777, 10**6])
def test_chunks_joined_are_the_whole_whatever_their_size(demo, tmp_path, packed, rows):
    events = written(demo, tmp_path / "h", packed)
    chunks = list(History(tmp_path / "h").chunks(rows))
    assert max(map(len, chunks)) <= rows
    assert np.array_equal(np.concatenate(chunks), events)


def test_a_plain_column_is_mapped_and_not_read(demo, tmp_path):
    events = written(demo, tmp_path / "h", packed=False)
    column = History(tmp_path / "h").column("recv_ns")
    assert isinstance(column, np.memmap)
    assert np.array_equal(column, events["recv_ns"])


def test_packed_takes_less_than_a_third_of_the_bytes(demo, tmp_path):
    events = written(demo, tmp_path / "h", packed=True, pieces=1)
    stored = sum(path.stat().st_size for path in (tmp_path / "h").glob("*.zst"))
    assert stored < events.nbytes / 3


def test_a_history_that_was_given_up_leaves_nothing(demo, tmp_path):
    def give_up():
        with HistoryWriter(tmp_path / "h", demo.rules["BTC_USDT"]) as writer:
            writer.write(demo.events["BTC_USDT"])
            raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        give_up()
    assert list(tmp_path.iterdir()) == []


def test_times_that_go_back_are_refused_by_row_across_chunks(demo, tmp_path):
    events = np.zeros(3, EVENT_DTYPE)
    events["recv_ns"] = 10, 20, 30
    with HistoryWriter(tmp_path / "h", demo.rules["BTC_USDT"]) as writer:
        writer.write(events)
        with pytest.raises(HistoryError, match="goes back at row 3"):
            writer.write(events)
    assert len(History(tmp_path / "h")) == 3


def test_an_empty_history_is_one_too(demo, tmp_path):
    HistoryWriter(tmp_path / "h", demo.rules["BTC_USDT"]).close()
    assert len(History(tmp_path / "h").read()) == 0


def test_a_history_is_never_overwritten(demo, tmp_path):
    written(demo, tmp_path / "h", packed=False)
    with pytest.raises(HistoryError, match="exists already"):
        HistoryWriter(tmp_path / "h", demo.rules["BTC_USDT"])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda folder: (folder / "meta.json").unlink(), "no meta.json"),
        (lambda folder: (folder / "meta.json").write_text("{"), "line 1"),
        (lambda folder: (folder / "meta.json").write_text('{"format": "other"}'), "format must be"),
        (lambda folder: drop_field(folder, "events"), "events is missing"),
        (lambda folder: (folder / "side.npy").unlink(), "side.npy"),
        (lambda folder: cut(folder / "recv_ns.npy"), "recv_ns.npy"),
    ],
)
def test_damage_is_named(demo, tmp_path, damage, why):
    written(demo, tmp_path / "h", packed=False)
    damage(tmp_path / "h")
    with pytest.raises(HistoryError, match=why):
        History(tmp_path / "h")


def test_damaged_packed_rows_are_named(demo, tmp_path):
    written(demo, tmp_path / "h", packed=True, pieces=1)
    path = tmp_path / "h" / "size_lots.zst"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(HistoryError, match=r"size_lots\.zst: rows from 0 are damaged"):
        History(tmp_path / "h").read()


def drop_field(folder, name):
    meta = json.loads((folder / "meta.json").read_text())
    del meta[name]
    (folder / "meta.json").write_text(json.dumps(meta))


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])

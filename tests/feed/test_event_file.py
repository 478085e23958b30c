import numpy as np
import pytest
from feed_messages import FIXTURES

from paper_bitmart.feed.convert import load_capture
from paper_bitmart.feed.event_file import EventFileError, load_events, save_events
from paper_bitmart.feed.events import EVENT_DTYPE


def test_saved_events_come_back_bit_for_bit(tmp_path):
    golden = FIXTURES / "golden"
    events = load_capture(golden / "aapl_20s.jsonl.gz", golden / "aapl_symbols.json").events
    save_events(tmp_path / "a.npz", events)
    loaded = load_events(tmp_path / "a.npz")
    assert {name: array.tobytes() for name, array in loaded.items()} == {
        name: array.tobytes() for name, array in events.items()
    }
    assert [file.name for file in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no zip", b"1 {}\n"])
def test_another_kind_of_file_is_named(tmp_path, content):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(EventFileError) as caught:
        load_events(path)
    assert caught.value.path == path


def test_an_npz_of_something_else_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, prices=np.arange(3))
    with pytest.raises(EventFileError, match="expected format"):
        load_events(path)


def test_events_out_of_order_are_refused(tmp_path):
    events = np.zeros(2, EVENT_DTYPE)
    events["recv_ns"] = 2, 1
    save_events(tmp_path / "a.npz", {"AAA_USDT": events})
    with pytest.raises(EventFileError, match="receive times go back"):
        load_events(tmp_path / "a.npz")


def test_only_events_can_be_saved(tmp_path):
    with pytest.raises(EventFileError, match="AAA_USDT: expected EVENT_DTYPE"):
        save_events(tmp_path / "a.npz", {"AAA_USDT": np.arange(3)})
    assert not list(tmp_path.iterdir())

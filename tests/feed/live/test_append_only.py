"""Rows and frames that are whole or not there: after a kill, and when a disk fills within one."""

import errno
import io
import json

import pytest

from paper_bitmart.feed.live.append_only import LineFile, append_whole


class SmallDisk(io.FileIO):
    """Takes `room` bytes more, the last of them in the middle of a piece, as a disk that fills does."""

    room = 10**9

    def write(self, data):
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = super().write(bytes(data)[: self.room])
        self.room -= taken
        return taken


@pytest.mark.parametrize("room", range(11))
def test_a_piece_that_does_not_fit_leaves_nothing_behind_and_can_be_tried_again(tmp_path, room):
    path = tmp_path / "file"
    path.write_bytes(b"before|")
    with SmallDisk(path, "a") as file:
        file.room = room
        if room >= 6:
            append_whole(file, b"piece|", 7)
            assert path.read_bytes() == b"before|piece|"
            return
        with pytest.raises(OSError, match="No space left"):
            append_whole(file, b"piece|", 7)
        assert path.read_bytes() == b"before|"
        file.room = 100
        append_whole(file, b"piece|", 7)
    assert path.read_bytes() == b"before|piece|"


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_rows_are_there_at_once_and_are_gone_on_with(tmp_path):
    path = tmp_path / "rows.jsonl"
    first = LineFile(path)
    first.write({"n": 1})
    assert rows_of(path) == [{"n": 1}]
    first.close()
    second = LineFile(path)
    second.write({"n": 2})
    assert rows_of(path) == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("torn", [b"{", b'{"n":2', b'{"n":2}', b"x" * 200])
def test_a_row_that_a_kill_cut_is_taken_away(tmp_path, torn):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n":1}\n' + torn)
    LineFile(path).write({"n": 3})
    assert rows_of(path) == [{"n": 1}, {"n": 3}]


def test_a_file_of_nothing_but_a_torn_row_begins_anew(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n":')
    LineFile(path).write({"n": 1})
    assert rows_of(path) == [{"n": 1}]

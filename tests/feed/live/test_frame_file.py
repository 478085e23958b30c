"""Independent zstd frames: what was flushed is readable however the file ends."""

import pytest
import zstandard

from paper_bitmart.feed.capture import CaptureReader
from paper_bitmart.feed.live import frame_file
from paper_bitmart.feed.live.frame_file import FrameFile, cut_torn_frame


def lines_of(path):
    return [(raw.recv_ns, raw.payload) for raw in CaptureReader(path)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "market.jsonl.zst"


def written(path, frames=3):
    file = FrameFile(path)
    ends = []
    for frame in range(frames):
        for number in range(5):
            file.write(frame * 10 + number, b'{"frame":%d,"number":%d}' % (frame, number))
        file.flush()
        ends.append(file.size)
    return file, ends


def test_flushed_lines_are_readable_while_the_file_is_open(path):
    file, _ = written(path)
    file.write(99, b'{"gathered":1}')
    assert [recv_ns for recv_ns, _ in lines_of(path)] == [
        0,
        1,
        2,
        3,
        4,
        10,
        11,
        12,
        13,
        14,
        20,
        21,
        22,
        23,
        24,
    ]
    file.close()
    assert lines_of(path)[-1] == (99, b'{"gathered":1}')


def test_a_file_is_never_overwritten(path):
    written(path)[0].close()
    with pytest.raises(FileExistsError):
        FrameFile(path)


def test_at_every_cut_the_whole_frames_before_it_stay_and_only_they(path):
    file, ends = written(path)
    file.close()
    content = path.read_bytes()
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        kept = max((end for end in [0, *ends] if end <= cut), default=0)
        assert cut_torn_frame(path) == cut - kept
        assert path.read_bytes() == content[:kept]
        assert len(lines_of(path)) == 5 * sum(end <= cut for end in ends)


def test_garbage_after_the_frames_is_cut_too(path):
    file, ends = written(path)
    file.close()
    path.write_bytes(path.read_bytes() + b"\0" * 70)
    assert cut_torn_frame(path) == 70
    assert path.stat().st_size == ends[-1]


def test_a_frame_that_the_disk_did_not_take_waits_and_the_file_stays_readable(path, monkeypatch):
    file, ends = written(path)

    def half(raw, piece, size):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(frame_file, "append_whole", half)
        file.write(99, b'{"late":1}')
        with pytest.raises(OSError, match="No space left"):
            file.flush()
        assert (file.is_flushed, file.size) == (False, ends[-1])
        assert len(lines_of(path)) == 15
    file.close()
    assert lines_of(path)[-1] == (99, b'{"late":1}')
    assert cut_torn_frame(path) == 0


def test_closing_twice_is_closing_once(path):
    file, ends = written(path)
    file.close()
    file.close()
    assert path.stat().st_size == ends[-1]


def test_frames_carry_checksums(path):
    written(path)[0].close()
    assert zstandard.get_frame_parameters(path.read_bytes()).has_checksum

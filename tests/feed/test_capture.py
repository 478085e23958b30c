import gzip
from pathlib import Path

import pytest
import zstandard

from paper_bitmart.feed import capture
from paper_bitmart.feed.capture import CaptureError, CaptureReader, CaptureWriter, RawMessage, TimeIndex

LINES = [(1_000 + 10 * n, b'{"n":%d,"pad":"%d"}' % (n, n * 7_919)) for n in range(9_000)]
SUFFIXES = pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])


def write(path: Path, lines=LINES) -> Path:
    with CaptureWriter(path) as writer:
        for recv_ns, payload in lines:
            writer.write(recv_ns, payload)
    return path


def text(lines=LINES) -> bytes:
    return b"".join(b"%d %b\n" % line for line in lines)


@SUFFIXES
def test_what_was_written_is_read_back_line_by_line(tmp_path, suffix):
    reader = CaptureReader(write(tmp_path / f"a.{suffix}"))
    assert list(reader) == [RawMessage(ns, payload, i) for i, (ns, payload) in enumerate(LINES, 1)]
    assert reader.truncated == ""


@pytest.mark.parametrize(
    ("packed", "compression"),
    [
        (text(), "plain"),
        (gzip.compress(text()), "gzip"),
        (zstandard.compress(text()), "zstd"),
        (gzip.compress(text(LINES[:9])) + gzip.compress(text(LINES[9:])), "gzip"),
        (zstandard.compress(text(LINES[:9])) + zstandard.compress(text(LINES[9:])), "zstd"),
    ],
)
def test_compression_is_told_by_content_and_appended_members_are_read(tmp_path, packed, compression):
    path = tmp_path / "no-suffix"
    path.write_bytes(packed)
    reader = CaptureReader(path)
    assert reader.compression == compression
    assert [(raw.recv_ns, raw.payload) for raw in reader] == LINES


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_cut_compressed_stream_gives_its_whole_lines_and_says_so(tmp_path, pack):
    packed = pack(text())
    path = tmp_path / "cut"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    reader = CaptureReader(path)
    read = [(raw.recv_ns, raw.payload) for raw in reader]
    assert 0 < len(read) < len(LINES)
    assert read == LINES[: len(read)]
    assert "stream ends early" in reader.truncated


def test_a_cut_last_line_is_left_out_and_named(tmp_path):
    path = tmp_path / "cut.jsonl"
    path.write_bytes(text()[:-5])
    reader = CaptureReader(path)
    assert len(list(reader)) == len(LINES) - 1
    assert reader.truncated == f"the file ends inside a line; line {len(LINES)} is incomplete and left out"


@pytest.mark.parametrize(
    "rest",
    [
        b"",
        b"12",
        b"1700",
        b"1700 ",
        b'1700 {"a":',
        b'1700 {"a":"\xff',
        b'1700 {"a":"\xff"}',
        b"1 " + b'{"a":' * 9_999,
    ],
)
def test_any_piece_of_a_last_line_is_tolerated(tmp_path, rest):
    path = tmp_path / "cut.jsonl"
    path.write_bytes(b'5 {"a":1}\n' + rest)
    reader = CaptureReader(path)
    assert [raw.recv_ns for raw in reader] == [5]
    assert bool(reader.truncated) == bool(rest)


def test_a_whole_last_line_without_line_end_is_read(tmp_path):
    path = tmp_path / "whole.jsonl"
    path.write_bytes(b'5 {"a":1}\r\n6 {"a":2}')
    reader = CaptureReader(path)
    assert [(raw.recv_ns, raw.payload) for raw in reader] == [(5, b'{"a":1}'), (6, b'{"a":2}')]
    assert reader.truncated == ""


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        (b"", "receive_ns", "got nothing"),
        (b'{"a":1}', "receive_ns", "nanoseconds since 1970"),
        (b'-5 {"a":1}', "receive_ns", "got '-5'"),
        (b'5.5 {"a":1}', "receive_ns", "got '5.5'"),
        (b'99999999999999999999 {"a":1}', "receive_ns", "nanoseconds"),
        (b'9999999999999999999 {"a":1}', "receive_ns", "nanoseconds"),
        (b"2000", "", "expected a JSON object after the time, got nothing"),
        (b"2000 pong", "", "got 'pong'"),
        (b'2000 {"a":', "", "expected a JSON object"),
        (b'999 {"a":1}', "receive_ns", "999 is 1 ns before the line above"),
    ],
)
def test_a_malformed_line_names_file_line_and_field(tmp_path, line, field, why):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'1000 {"a":1}\n' + line + b'\n3000 {"a":1}\n')
    with pytest.raises(CaptureError) as caught:
        list(CaptureReader(path))
    assert (caught.value.path, caught.value.line, caught.value.field) == (path, 2, field)
    assert why in caught.value.why
    assert str(caught.value).startswith(f"{path}:2:")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_damaged_compressed_data_is_an_error_not_an_end(tmp_path, pack):
    packed = bytearray(pack(text()))
    packed[len(packed) // 2] ^= 0xFF
    packed[len(packed) // 2 + 1] ^= 0xFF
    path = tmp_path / "damaged"
    path.write_bytes(packed)
    with pytest.raises(CaptureError):
        list(CaptureReader(path))


def test_an_endless_line_is_refused_before_it_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(capture, "LINE_BYTES_MAX", 1_000)
    path = tmp_path / "long.jsonl.gz"
    path.write_bytes(gzip.compress(b'1 {"a":"' + b"x" * 5_000_000))
    with pytest.raises(CaptureError, match="longer than 1000 bytes"):
        list(CaptureReader(path))


@SUFFIXES
@pytest.mark.parametrize("at_ns", [0, 1_000, 1_001, 15_000, 90_990, 90_991])
def test_reading_from_a_time_starts_at_the_first_line_at_or_after_it(tmp_path, suffix, at_ns):
    reader = CaptureReader(write(tmp_path / f"a.{suffix}"))
    assert [(raw.recv_ns, raw.payload) for raw in reader.from_time(at_ns)] == [
        line for line in LINES if line[0] >= at_ns
    ]


def test_lines_of_one_time_across_an_index_mark_are_all_found(tmp_path):
    lines = [(7 if 500 <= n < 2_500 else n // 1_000 * 9, b"{}") for n in range(9_000)]
    lines.sort()
    reader = CaptureReader(write(tmp_path / "same.jsonl", lines))
    assert len(list(reader.from_time(7))) == sum(ns >= 7 for ns, _ in lines)


def test_the_time_index_thins_out_instead_of_growing(monkeypatch):
    monkeypatch.setattr(capture, "INDEX_MARKS_MAX", 8)
    index = TimeIndex(stride=1)
    for line in range(1, 1_001):
        index.add(line * 10, line * 100, line)
    assert len(index.marks) <= 8
    assert all(mark.recv_ns == mark.line * 10 for mark in index.marks)


@SUFFIXES
def test_flushed_lines_are_readable_before_the_file_is_closed(tmp_path, suffix):
    path = tmp_path / f"open.{suffix}"
    writer = CaptureWriter(path)
    writer.write(1, b'{"a":1}')
    writer.flush()
    assert [raw.recv_ns for raw in CaptureReader(path)] == [1]
    writer.close()


def test_the_writer_refuses_what_could_not_be_read_back(tmp_path):
    with CaptureWriter(tmp_path / "a.jsonl") as writer:
        writer.write(10, b"{}")
        for recv_ns, payload in [(9, b"{}"), (2**63, b"{}"), (11, b"{\n}"), (11, b"pong"), (11, b"")]:
            with pytest.raises(CaptureError):
                writer.write(recv_ns, payload)
        assert writer.lines == 1
    assert (tmp_path / "a.jsonl").read_bytes() == b"10 {}\n"


def test_the_writer_does_not_overwrite_a_recording_unless_told(tmp_path):
    path = write(tmp_path / "a.jsonl")
    with pytest.raises(FileExistsError):
        CaptureWriter(path)
    CaptureWriter(path, mode="w").close()
    assert path.read_bytes() == b""

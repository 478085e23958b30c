"""Market rows on disk: taken in any portions, bit for bit, up to a cut."""

import os

import numpy as np
import pytest
from exchange.market_script import START_NS, book

from paper_bitmart.backtest.session_rows import RowReader, RowWriter

ROWS = book(START_NS, {9990 - n: 5 + n for n in range(300)}, {10010 + n: 7 for n in range(300)})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rows.zst"
    writer = RowWriter(path)
    for half in (ROWS[:250], ROWS[250:]):
        writer.write(half)
        writer.flush()
    writer.close()
    return path


@pytest.mark.parametrize("portion", [1, 7, 250, len(ROWS)])
def test_rows_come_back_in_any_portions(path, portion):
    reader = RowReader(path)
    sizes = [min(portion, len(ROWS) - start) for start in range(0, len(ROWS), portion)]
    taken = np.concatenate([reader.take(size) for size in sizes])
    assert taken.tobytes() == ROWS.tobytes()
    assert reader.take(1) is None
    assert len(reader.take(0)) == 0


def test_a_cut_file_gives_what_was_flushed_before_the_cut(tmp_path):
    path = tmp_path / "rows.zst"
    writer = RowWriter(path)
    writer.write(ROWS[:250])
    writer.flush()
    flushed = path.stat().st_size
    writer.write(ROWS[250:])
    writer.close()
    os.truncate(path, flushed)
    reader = RowReader(path)
    assert reader.take(250).tobytes() == ROWS[:250].tobytes()
    assert reader.take(1) is None

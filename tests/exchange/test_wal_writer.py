"""The log is moved into the database beside the commits, and nothing is lost by it."""

import sqlite3
import time

import pytest

from paper_bitmart.exchange.wal_writer import WalWriter


@pytest.fixture
def database(tmp_path):
    """A database in WAL mode whose own connection never checkpoints."""
    path = tmp_path / "a.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("CREATE TABLE rows (n INTEGER)")
    yield path, connection
    connection.close()


def wait_for(condition):
    for _ in range(2_000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it never came true")


def test_after_so_many_commits_the_pages_are_in_the_database(database):
    path, connection = database
    size = path.stat().st_size
    writer = WalWriter(path, commits_per_checkpoint=50)
    for number in range(49):
        connection.execute("INSERT INTO rows VALUES (?)", (number,))
        writer.committed()
    assert (writer.checkpoints, path.stat().st_size) == (0, size)
    connection.execute("INSERT INTO rows VALUES (49)")
    writer.committed()
    wait_for(lambda: writer.checkpoints == 1)
    writer.close()
    assert path.stat().st_size > size
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (50,)


def test_commits_go_on_while_checkpoints_run(database):
    path, connection = database
    writer = WalWriter(path, commits_per_checkpoint=3)
    for number in range(3_000):
        connection.execute("INSERT INTO rows VALUES (?)", (number,))
        writer.committed()
    wait_for(lambda: writer.checkpoints > 0)
    writer.close()
    writer.close()
    assert connection.execute("SELECT count(*), sum(n) FROM rows").fetchone() == (3_000, 2_999 * 1_500)


def test_a_checkpoint_that_fails_is_logged_and_the_next_is_tried(database, tmp_path, caplog):
    path, _ = database
    path.with_name("b.sqlite").write_bytes(b"this is no database at all, dear reader" * 40)
    writer = WalWriter(path.with_name("b.sqlite"), commits_per_checkpoint=1)
    for _ in range(2):
        caplog.clear()
        writer.committed()
        wait_for(lambda: "was not moved into the database" in caplog.text)
    writer.close()
    assert writer.checkpoints == 0

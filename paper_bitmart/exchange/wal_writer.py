"""Moves committed pages from SQLite's write-ahead log into the database, away from the thread that commits.

A commit appends to the log and never waits for the disk; sooner or later somebody has to write the pages to
their places and wait. SQLite does that inside a commit by default, which held the exchange for some
milliseconds every thousand pages. PASSIVE checkpoints of a second connection do not disturb the writer:
https://www.sqlite.org/c3ref/wal_checkpoint_v2.html
"""

import logging
import sqlite3
import threading
from pathlib import Path

LOG = logging.getLogger(__name__)

COMMITS_PER_CHECKPOINT = 1_000
BACKSTOP_PAGES = 16_384
"""The committing thread checkpoints by itself when the log has grown to this (64 MB): the writer is stuck."""


class WalWriter:
    """A thread that checkpoints the log of one database.

    Args:
        path: the database, in WAL mode.
        commits_per_checkpoint: how often.
    """

    def __init__(self, path: Path, commits_per_checkpoint: int = COMMITS_PER_CHECKPOINT) -> None:
        self._path = path
        self._every = commits_per_checkpoint
        self._commits = 0
        self._due = threading.Event()
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self.checkpoints = 0
        """How many were done."""

    def committed(self) -> None:
        """Count one commit; begins a checkpoint when it is time."""
        self._commits += 1
        if self._commits >= self._every:
            self._commits = 0
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="journal checkpoints", daemon=True)
                self._thread.start()
            self._due.set()

    def close(self) -> None:
        """End the thread, after the checkpoint that it is at. May be called twice."""
        self._is_closed = True
        if self._thread is not None:
            self._due.set()
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            while True:
                self._due.wait()
                self._due.clear()
                if self._is_closed:
                    return
                self._checkpoint(connection)
        finally:
            connection.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        except sqlite3.Error as error:
            # Nothing is lost, the log only grows; a disk that is really full fails the next commit.
            LOG.warning("%s: the log was not moved into the database: %s", self._path, error)
        else:
            self.checkpoints += 1

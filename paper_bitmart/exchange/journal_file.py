"""The journal's file: its schema, and how events lie in it. SQLite, one row per commit.

A commit's events are one JSON array, because a commit costs by the pages that it touches: one row at the end
of one table touches one or two. Whoever wants columns gets them from `journal_tables`, made from the same
events.
`last_seq` is the number of the commit's last event; rows together are one gapless sequence of events.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from paper_bitmart.exchange.events import AnyEvent, Event, decode_events, encode_events
from paper_bitmart.exchange.journal_error import JournalCorrupt, JournalForeign

JOURNAL_NAME = "journal.sqlite"
APPLICATION_ID = 0x70424D54
"""In the file's header: "pBMT"; tells our files from other SQLite files."""
SCHEMA_VERSION = 2
EVENTS_PER_ROW = 10_000
"""A commit of more events takes several rows: no row grows beyond some megabytes."""

SCHEMA: tuple[str, ...] = (
    "CREATE TABLE commits (last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, crc32 INTEGER NOT NULL, "
    "events BLOB NOT NULL)",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # What a symbol's ticks and lots mean; a journal cannot be read with other rules.
    "CREATE TABLE symbols (symbol TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID",
    # `seq`: the last event that the state includes.
    "CREATE TABLE checkpoints (seq INTEGER PRIMARY KEY, at_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, "
    "state BLOB NOT NULL)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)
LAST_SEQ_SQL = (
    "SELECT max(ifnull((SELECT max(last_seq) FROM commits), 0), "
    "ifnull((SELECT max(seq) FROM checkpoints), 0))"
)
_INSERT_SQL = "INSERT INTO commits VALUES (?, ?, ?, ?)"
_AFTER_SQL = "SELECT last_seq, first_seq, crc32, events FROM commits WHERE last_seq > ? ORDER BY last_seq"


def insert_events(connection: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Add the next events, inside the caller's transaction."""
    for start in range(0, len(events), EVENTS_PER_ROW):
        batch = events[start : start + EVENTS_PER_ROW]
        data = encode_events(batch)
        connection.execute(_INSERT_SQL, (batch[-1].seq, batch[0].seq, zlib.crc32(data), data))


def read_events(connection: sqlite3.Connection, path: Path, seq: int) -> Iterator[AnyEvent]:
    """All committed events with a greater number than `seq`, in order.

    Raises:
        JournalCorrupt: a number is missing, or a row is not what was written.
    """
    expected = seq + 1
    for last, first, crc32, data in connection.execute(_AFTER_SQL, (seq,)):
        if first > expected:
            raise JournalCorrupt(path, f"events {expected} to {first - 1} are missing")
        # The first row may begin before what is asked for.
        yield from _decode(path, first, last, crc32, data)[expected - first :]
        expected = last + 1


def _decode(path: Path, first: int, last: int, crc32: int, data: bytes) -> list[AnyEvent]:
    if not isinstance(data, bytes) or zlib.crc32(data) != crc32:
        raise JournalCorrupt(path, f"events {first} to {last} are damaged")
    try:
        events = decode_events(data)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(path, f"events {first} to {last} cannot be read: {error}") from error
    if [event.seq for event in events] != list(range(first, last + 1)):
        raise JournalCorrupt(path, f"the row of events {first} to {last} holds others")
    return events


def check_or_create(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables in an empty file; in any other, make sure that it is a whole journal.

    Raises:
        JournalForeign, JournalCorrupt: it is not.
    """
    ((tables,),) = connection.execute("SELECT count(*) FROM sqlite_master")
    ((application_id,),) = connection.execute("PRAGMA application_id")
    ((version,),) = connection.execute("PRAGMA user_version")
    if not tables and not application_id:
        # A commit writes the whole pages that it touches, at two calls of the system each; its row is mostly
        # 1 kB (one command) to 10 kB (a turn of ten).
        connection.execute("PRAGMA page_size = 4096")
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
        connection.execute("COMMIT")
        return
    if application_id != APPLICATION_ID:
        raise JournalForeign(path, "is an SQLite file of another program, not a journal")
    if version != SCHEMA_VERSION:
        raise JournalForeign(path, f"has schema version {version}, this program reads {SCHEMA_VERSION}")
    ((verdict,),) = connection.execute("PRAGMA quick_check(1)")
    if verdict != "ok":
        raise JournalCorrupt(path, f"is damaged: {verdict}")

"""The journal: what is acknowledged is on disk first.

A state directory holds `journal.sqlite` (SQLite in WAL mode) and a lock; one process owns it. The venue hands
every event to `record()` as it happens; `commit()` makes all recorded events durable in one transaction, and
only then may anyone be told. `checkpoint()` adds the venue's whole state, so that recovery reads the
newest checkpoint and the events after it instead of the whole history.

What `synchronous` buys (SQLite's own setting):

    setting   kill -9 of the process    power cut                     price of a commit
    FULL      nothing is lost           nothing is lost               one fsync
    NORMAL    nothing is lost           the last commits may be lost  one write to the page cache
    OFF       nothing is lost           the file may be damaged       one write to the page cache

NORMAL is the default: a paper exchange must survive its own crashes without waiting for the disk in the event
loop; whoever fears the power cut chooses FULL.
"""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.events import AnyEvent, Event, FeedChanged
from paper_bitmart.exchange.journal_error import (
    JournalCorrupt,
    JournalError,
    JournalForeign,
    JournalWriteFailed,
)
from paper_bitmart.exchange.journal_file import (
    EVENTS_PER_ROW,
    JOURNAL_NAME,
    LAST_SEQ_SQL,
    check_or_create,
    insert_events,
    read_events,
)
from paper_bitmart.exchange.journal_tables import FEED_GAPS_SQL, tables_of
from paper_bitmart.exchange.state_lock import StateLock
from paper_bitmart.exchange.wal_writer import BACKSTOP_PAGES, WalWriter

LOG = logging.getLogger(__name__)

PENDING_MAX = 1_000_000
"""Most events recorded and not committed; more means that nobody commits."""
CHECKPOINTS_KEPT = 2
"""The newest, and one to fall back on if it is damaged."""
STATE_BYTES_MAX = 2**31
"""No checkpoint unpacks to more."""


class Synchronous(StrEnum):
    """How hard a commit pushes to the disk; see the module's table."""

    FULL = "FULL"
    NORMAL = "NORMAL"
    OFF = "OFF"


class Checkpoint(NamedTuple):
    """A venue's state after event `seq`, taken at `at_ns`."""

    seq: int
    at_ns: int
    state: bytes


class FeedGap(NamedTuple):
    """From a symbol's first state that is not LIVE to its next LIVE; `end_ns` is None while it lasts."""

    symbol: str
    start_ns: int
    end_ns: int | None


class Journal:
    """One open journal.

    Args:
        directory: the state directory; created when missing.
        synchronous: durability of a commit.

    Raises:
        JournalLocked: another process owns the directory.
        JournalForeign: the file there is no journal, or of another schema version.
        JournalCorrupt: it is a journal, but damaged.
        JournalError: the directory cannot be created or the file not opened.

    Cost: opening reads the whole file once, to find damage before it is relied upon.
    """

    def __init__(self, directory: Path | str, *, synchronous: Synchronous = Synchronous.NORMAL) -> None:
        self.directory = Path(directory)
        self.path = self.directory / JOURNAL_NAME
        self.synchronous = Synchronous(synchronous)
        self._pending: list[Event] = []
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise JournalError(self.directory, f"cannot be created: {error.strerror}") from error
        self._lock = StateLock(self.directory)
        try:
            self._connection = self._open()
            self._last_seq = self._read_last_seq()
        except BaseException:
            self._lock.release()
            raise
        self._wal = WalWriter(self.path)

    # --- writing ---

    @property
    def last_seq(self) -> int | None:
        """Number of the last event recorded, committed or not; None in a new journal."""
        return self._pending[-1].seq if self._pending else self._last_seq

    @property
    def pending(self) -> int:
        """Events recorded and not committed yet."""
        return len(self._pending)

    def record(self, events: Sequence[Event]) -> None:
        """Take events in, in their order. Nothing is durable before `commit`.

        Raises:
            JournalError: an event does not follow the last one, or PENDING_MAX is reached; none is taken in.
        """
        last = self.last_seq
        for event in events:
            if last is not None and event.seq != last + 1:
                raise JournalError(self.path, f"event {event.seq} does not follow event {last}")
            last = event.seq
        if len(self._pending) + len(events) > PENDING_MAX:
            raise JournalError(self.path, f"more than {PENDING_MAX} events wait for a commit")
        self._pending.extend(events)

    def commit(self) -> int:
        """Make every recorded event durable, all or none.

        Returns:
            How many events were written.

        Raises:
            JournalWriteFailed: nothing was written (disk full, I/O error); the events stay recorded, so that
                the caller either commits again or gives them up by `discard`.
        """
        if not self._pending:
            return 0
        if len(self._pending) <= EVENTS_PER_ROW:
            self._insert_one_row()
        else:
            with self._transaction():
                insert_events(self._connection, self._pending)
        return self._committed()

    def discard(self) -> int:
        """Give up what was recorded and not committed; returns how many events that were."""
        count = len(self._pending)
        self._pending.clear()
        return count

    def checkpoint(self, state: bytes, at_ns: int) -> int:
        """Commit what is recorded and store the venue's state after it, in one transaction.

        Args:
            state: the venue's exported state, which includes every recorded event.
            at_ns: when it was taken.

        Returns:
            The stored size in bytes.

        Raises:
            JournalWriteFailed: nothing was written.
        """
        packed = zstandard.ZstdCompressor(level=1).compress(state)
        row = (self.last_seq or 0, at_ns, hashlib.sha256(packed).hexdigest(), packed)
        with self._transaction():
            insert_events(self._connection, self._pending)
            self._connection.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)", row)
            self._connection.execute(
                "DELETE FROM checkpoints WHERE seq NOT IN "
                "(SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT ?)",
                (CHECKPOINTS_KEPT,),
            )
        self._committed()
        return len(packed)

    def probe(self) -> bool:
        """Whether the journal can be written now; tries it with one small transaction."""
        try:
            self.set_meta("probe", "written")
        except JournalWriteFailed:
            return False
        return True

    # --- reading ---

    def checkpoints(self) -> Iterator[Checkpoint]:
        """Whole checkpoints, newest first; a damaged one is logged and left out."""
        rows = self._read("SELECT seq, at_ns, sha256, state FROM checkpoints ORDER BY seq DESC")
        for seq, at_ns, sha256, packed in rows:
            if hashlib.sha256(packed).hexdigest() != sha256:
                LOG.warning(
                    "%s: the checkpoint after event %d is damaged, an older one is used", self.path, seq
                )
            else:
                state = zstandard.ZstdDecompressor().decompress(packed, max_output_size=STATE_BYTES_MAX)
                yield Checkpoint(seq, at_ns, state)

    def events_after(self, seq: int) -> Iterator[AnyEvent]:
        """All committed events with a greater number than `seq`, in order.

        Raises:
            JournalCorrupt: a number is missing, or a row is not what was written.
        """
        try:
            yield from read_events(self._connection, self.path, seq)
        except sqlite3.Error as error:
            raise _as_journal_error(self.path, error) from error

    def feed_gaps(self) -> list[FeedGap]:
        """Stretches in which a symbol's market was not known, committed ones, by start. Reads all events."""
        changes = (event for event in self.events_after(0) if isinstance(event, FeedChanged))
        with closing(tables_of(changes)) as tables:
            return [FeedGap(*row) for row in tables.execute(FEED_GAPS_SQL)]

    def meta(self, key: str) -> str | None:
        """A setting stored by `set_meta`; None when there is none."""
        rows = list(self._read("SELECT value FROM meta WHERE key = ?", (key,)))
        return rows[0][0] if rows else None

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting beside the events, durable at once.

        Raises:
            JournalWriteFailed: it was not stored.
        """
        with self._transaction():
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def symbols(self) -> set[str]:
        """Symbols that `bind_rules` has stored."""
        return {symbol for (symbol,) in self._read("SELECT symbol FROM symbols")}

    def bind_rules(self, rules: Mapping[str, SymbolRules]) -> None:
        """Make sure that the journal's ticks and lots mean what these rules say; store those of new symbols.

        Raises:
            JournalForeign: a symbol was journaled with another tick, lot, base or quote.
        """
        known = dict(self._read("SELECT symbol, fingerprint FROM symbols"))
        fresh = []
        for symbol, rule in rules.items():
            fingerprint = json.dumps([rule.base, rule.quote, f"{rule.tick:f}", f"{rule.lot:f}"])
            if known.setdefault(symbol, fingerprint) != fingerprint:
                raise JournalForeign(
                    self.path,
                    f"{symbol} was journaled as base, quote, tick, lot {known[symbol]}, the rules say "
                    f"{fingerprint}; use the old rules or a new state directory",
                )
            fresh.append((symbol, fingerprint))
        with self._transaction():
            self._connection.executemany("INSERT OR IGNORE INTO symbols VALUES (?, ?)", fresh)

    def close(self) -> None:
        """Release file and lock; what was recorded and not committed is lost. May be called twice."""
        self._wal.close()
        self._connection.close()
        self._lock.release()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # --- inside ---

    def _open(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None)
        except sqlite3.Error as error:
            raise JournalError(self.path, f"cannot be opened: {error}") from error
        try:
            check_or_create(connection, self.path)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self.synchronous.value}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {BACKSTOP_PAGES}")
        except sqlite3.Error as error:
            connection.close()
            raise _as_journal_error(self.path, error) from error
        except JournalError:
            connection.close()
            raise
        return connection

    def _read_last_seq(self) -> int | None:
        ((last,),) = self._read(LAST_SEQ_SQL)
        return last or None

    def _insert_one_row(self) -> None:
        # One statement is a transaction of its own, without the price of two more.
        try:
            insert_events(self._connection, self._pending)
        except sqlite3.Error as error:
            self._roll_back()
            raise JournalWriteFailed(self.path, f"cannot be written: {error}") from error

    def _committed(self) -> int:
        self._last_seq = self.last_seq
        self._wal.committed()
        return self.discard()

    def _read(self, sql: str, parameters: Any = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise _as_journal_error(self.path, error) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise JournalWriteFailed(self.path, f"cannot be written: {error}") from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        # SQLite has rolled back by itself after some errors (disk full among them).
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _as_journal_error(path: Path, error: sqlite3.Error) -> JournalError:
    if isinstance(error, sqlite3.OperationalError):
        return JournalError(path, f"cannot be used: {error}")
    if "not a database" in str(error):
        return JournalForeign(path, "is not a journal (not an SQLite file)")
    return JournalCorrupt(path, f"is damaged: {error}")

"""Records a session while it runs: a tape for the wheel, a thread that writes it down.

The session's own thread only hands records over; encoding, compression and the disk belong to the writer's.
If the disk cannot follow or fails, the recording stops and says so; trading goes on.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import zstandard

from paper_bitmart.backtest.session_facts import SessionError, facts_of, write_facts
from paper_bitmart.backtest.session_records import (
    CALLS_NAME,
    FACTS_NAME,
    MARKET_NAME,
    OUTCOMES_NAME,
    AnyRecord,
    Called,
    Ended,
    FeedsClosed,
    Market,
    Restarted,
    call_lines,
    event_lines,
    state_name,
)
from paper_bitmart.backtest.session_rows import RowWriter
from paper_bitmart.exchange.calls import Call, Run
from paper_bitmart.exchange.events import Event
from paper_bitmart.exchange.markets import CoreMatchers, MarketBatch
from paper_bitmart.exchange.recording_json import encode_record
from paper_bitmart.exchange.state import encode_state, state_hash
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.capture import CaptureWriter
from paper_bitmart.matching.latency import LatencyProfile

LOG = logging.getLogger(__name__)

FLUSH_S = 1.0
"""What a kill -9 may cost at most."""
LOOK_S = 0.02
WAITING_MAX = 5_000_000
"""Most market events and records that may wait for the disk: 200 MB."""

Job = Callable[["_Files"], None]


class SessionWriter:
    """Writes a session's folder; a `SessionTape`.

    Args:
        path: the folder; made if need be, must be empty.
        venue: as it is before the session gives it anything.
        source: the market's name.
        matchers: what the venue was made with.
        latency: the client's delays, as a note.

    Attributes:
        failure: why the recording stopped early, or "".

    Raises:
        SessionError: the folder is not empty. OSError: it cannot be written.

    Cost: 60 us of processor time per order with a market message, most of it in the writer's thread (measured
    on 2 shared cores); 40 bytes of memory per market event until it is written.
    """

    def __init__(
        self,
        path: Path | str,
        venue: Venue,
        *,
        source: str,
        matchers: CoreMatchers,
        latency: LatencyProfile | None = None,
        flush_s: float = FLUSH_S,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self.path = Path(path)
        self.failure = ""
        self._flush_s, self._waiting_max = flush_s, waiting_max
        self._turn: list[tuple[Job, int]] = []
        self._jobs: queue.SimpleQueue[tuple[Job, int] | None] = queue.SimpleQueue()
        self._handed_over = self._written = 0
        self._states = 1
        _make_folder(self.path)
        facts = facts_of(source, venue.rules, venue.settings, matchers, latency)
        _write_state(self.path / state_name(1), encode_state(venue.export_state()))
        self._files = _Files(self.path)
        # Last, because it is what makes the folder a session.
        write_facts(self.path / FACTS_NAME, facts)
        self._thread = threading.Thread(target=self._run, name="session recorder", daemon=True)
        self._thread.start()

    # --- the session's side ---

    def market(self, batches: Mapping[str, MarketBatch], events: list[Event]) -> None:
        arrays = {symbol: batch.events[batch.start :] for symbol, batch in batches.items()}
        self._turn.append((lambda files: files.market(arrays, events), sum(map(len, arrays.values()))))

    def called(self, run: Run, sent_ns: int, at_ns: int, result: Any, refused: Exception | None) -> None:
        if not isinstance(run, Call):
            self._stop(f"a command is no recordable call: {run!r}")
            return
        self._turn.append((lambda files: files.called(run, sent_ns, at_ns, result, refused), 1))

    def feeds_closed(self, at_ns: int, events: list[Event]) -> None:
        self._turn.append((lambda files: files.feeds_closed(at_ns, events), 1))

    def commit(self) -> None:
        turn, self._turn = self._turn, []
        for job, size in turn:
            self._hand_over(job, size)

    def restarted(self, venue: Venue, events: list[Event]) -> None:
        self._states += 1
        number, state = self._states, encode_state(venue.export_state())
        self._turn = [(lambda files: files.restarted(number, state, events), 1)]

    def flush(self) -> None:
        """Return once everything committed so far can be read (or the recording has stopped)."""
        done = threading.Event()

        def tell(files: "_Files") -> None:
            files.flush()
            done.set()

        self._jobs.put((tell, 0))
        while not done.wait(LOOK_S) and self._thread.is_alive():
            pass

    def close(self, venue: Venue | None) -> None:
        # A turn that was not committed belongs to a session that failed in it: it has not happened.
        self._turn = []
        if not self._thread.is_alive():
            return
        ending = Ended(state_sha256="" if venue is None else state_hash(venue.export_state()))
        self._hand_over(lambda files: files.record(ending, []), 1)
        self._jobs.put(None)
        self._thread.join()

    def _hand_over(self, job: Job, size: int) -> None:
        if self.failure:
            return
        # Two counters with one writer each need no lock.
        if self._handed_over - self._written + size > self._waiting_max:
            self._stop(f"the disk is too slow: {self._waiting_max:,} market events wait to be written")
            return
        self._handed_over += size
        self._jobs.put((job, size))

    def _stop(self, why: str) -> None:
        if not self.failure:
            self.failure = why
            LOG.error("%s: the recording stops, the session goes on: %s", self.path, why)

    # --- the writer's thread ---

    def _run(self) -> None:
        try:
            self._write_until_closed()
        except OSError as error:
            self._stop(f"{error.filename or self.path}: {error.strerror}")
        except Exception as error:
            LOG.exception("the recorder has a defect")
            self._stop(f"{type(error).__name__}: {error}")
        try:
            self._files.close()
        except OSError as error:
            self._stop(f"{error.filename or self.path}: {error.strerror}")

    def _write_until_closed(self) -> None:
        flush_at_s = time.monotonic() + self._flush_s
        while True:
            try:
                entry = self._jobs.get(timeout=max(0.0, flush_at_s - time.monotonic()))
            except queue.Empty:
                self._files.flush()
                flush_at_s = time.monotonic() + self._flush_s
                continue
            if entry is None:
                return
            job, size = entry
            if not self.failure or not size:
                job(self._files)
            self._written += size
            if time.monotonic() >= flush_at_s:
                self._files.flush()
                flush_at_s = time.monotonic() + self._flush_s


class _Files:
    """The open files of a session. A record's parts are flushed before the record itself."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._calls = CaptureWriter(path / CALLS_NAME)
        self._outcomes = CaptureWriter(path / OUTCOMES_NAME)
        self._rows: dict[str, RowWriter] = {}
        self._now_ns = 0
        self._is_clean = True

    def market(self, arrays: Mapping[str, Any], events: list[Event]) -> None:
        for symbol, rows in arrays.items():
            if symbol not in self._rows:
                self._rows[symbol] = RowWriter(self._path / MARKET_NAME / f"{symbol}.zst")
            self._rows[symbol].write(rows)
            self._saw(int(rows["recv_ns"][-1]))
        lines = event_lines(events)
        counts = {symbol: len(rows) for symbol, rows in arrays.items()}
        self.record(Market(rows=counts, outcomes=len(lines)), lines)

    def called(self, call: Call, sent_ns: int, at_ns: int, result: Any, refused: Exception | None) -> None:
        self._saw(at_ns)
        lines = call_lines(call.account, at_ns, result, refused)
        self.record(Called(sent_ns=sent_ns, at_ns=at_ns, call=call, outcomes=len(lines)), lines)  # type: ignore[arg-type]

    def feeds_closed(self, at_ns: int, events: list[Event]) -> None:
        self._saw(at_ns)
        lines = event_lines(events)
        self.record(FeedsClosed(at_ns=at_ns, outcomes=len(lines)), lines)

    def restarted(self, number: int, state: bytes, events: list[Event]) -> None:
        _write_state(self._path / state_name(number), state)
        lines = event_lines(events)
        self.record(Restarted(number=number, outcomes=len(lines)), lines)

    def record(self, record: AnyRecord, lines: list[bytes]) -> None:
        for line in lines:
            self._outcomes.write(self._now_ns, line)
        self._calls.write(self._now_ns, encode_record(record))
        self._is_clean = False

    def flush(self) -> None:
        if self._is_clean:
            return
        for rows in self._rows.values():
            rows.flush()
        self._outcomes.flush()
        self._calls.flush()
        self._is_clean = True

    def close(self) -> None:
        for rows in self._rows.values():
            rows.close()
        self._outcomes.close()
        self._calls.close()

    def _saw(self, at_ns: int) -> None:
        # The lines' times never fall, even where a rolled back session goes on from an earlier one.
        self._now_ns = max(self._now_ns, at_ns)


def _make_folder(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        raise SessionError(path, "is not empty; a session is recorded into a folder of its own")
    (path / MARKET_NAME).mkdir()


def _write_state(path: Path, state: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(zstandard.ZstdCompressor().compress(state))
    partial.replace(path)

"""What the importers of other projects' market data share.

ForeignDataError    file, line or row, field, and the rule that is broken
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

from paper_bitmart.bitmart.decimals import BadNumber, NotAMultiple
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.compression import DAMAGED, StreamCut, compression_of, read_pieces
from paper_bitmart.feed.event_buffer import PACK_EVENT, EventBuffer
from paper_bitmart.feed.events import FeedState, Flag, Kind

CHUNK_EVENTS = 262_144
UNITS_CACHED = 65_536


class ForeignDataError(ValueError):
    """A file of another project cannot be understood.

    Carries `path`, `line` (or row; 0: of none), `field`, `why`.
    """

    def __init__(self, path: Path | str, line: int, field: str, why: str) -> None:
        place = f"{path}:{line}" if line else str(path)
        super().__init__(f"{place}: {field}: {why}" if field else f"{place}: {why}")
        self.path, self.line, self.field, self.why = Path(path), line, field, why


class Units:
    """Price and size texts as ticks and lots of a symbol; texts repeat, so answers are kept."""

    def __init__(self, rules: SymbolRules) -> None:
        self.ticks: Callable[[str], int] = lru_cache(UNITS_CACHED)(rules.price_ticks)
        self.lots: Callable[[str], int] = lru_cache(UNITS_CACHED)(rules.size_lots)


class MessageBuffer:
    """Events message by message: numbers them, closes them with Flag.LAST, hands out chunks."""

    def __init__(self) -> None:
        self._buffer = EventBuffer()
        self.messages = 0

    def __len__(self) -> int:
        return len(self._buffer)

    def add(
        self, recv_ns: int, exch_ns: int, kind: Kind, side: int, ticks: int, lots: int, flags: int = 0
    ) -> None:
        """One event of the message at hand."""
        seq = self.messages & 0xFFFF_FFFF
        self._buffer.data += PACK_EVENT(recv_ns, exch_ns, ticks, lots, seq, flags, kind, side)

    def snapshot(
        self, recv_ns: int, exch_ns: int, levels: list[tuple[int, int, int]], *, live: bool = True
    ) -> None:
        """A whole book as one message; levels are (side, ticks, lots). `live`: it may be trusted now."""
        self.add(recv_ns, exch_ns, Kind.SNAPSHOT_BEGIN, 0, 0, 0, Flag.SNAPSHOT)
        for side, ticks, lots in levels:
            self.add(recv_ns, exch_ns, Kind.LEVEL, side, ticks, lots, Flag.SNAPSHOT)
        self.add(recv_ns, exch_ns, Kind.SNAPSHOT_END, 0, 0, 0, Flag.SNAPSHOT)
        if live:
            self.add(recv_ns, exch_ns, Kind.FEED_STATE, 0, 0, FeedState.LIVE)
        self.close()

    def feed_state(self, recv_ns: int, exch_ns: int, state: FeedState) -> None:
        """A change of the feed as one message."""
        self.add(recv_ns, exch_ns, Kind.FEED_STATE, 0, 0, state)
        self.close()

    def close(self) -> None:
        """The message at hand is complete."""
        self._buffer.mark_last()
        self.messages += 1

    def take(self) -> np.ndarray:
        """(n,) EVENT_DTYPE since the last call; only between messages."""
        return self._buffer.take()


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of every line of a plain, gzip or zstd file.

    Raises:
        ForeignDataError: the file is cut off, damaged or not UTF-8. OSError: as `open`.
    """
    number, rest = 0, b""
    with path.open("rb") as file:
        try:
            for piece in read_pieces(file, compression_of(file)):
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    number += 1
                    yield number, line.decode()
            if rest:
                yield number + 1, rest.decode()
        except (StreamCut, UnicodeDecodeError, *DAMAGED) as error:
            raise ForeignDataError(path, number + 1, "", f"damaged or cut off: {error!r}") from error


@contextmanager
def numbers_named(path: Path, line: int, field: str) -> Iterator[None]:
    """Errors of a number's text get the place where it stands."""
    try:
        yield
    except (BadNumber, NotAMultiple, ValueError) as error:
        raise ForeignDataError(path, line, field, str(error)) from error

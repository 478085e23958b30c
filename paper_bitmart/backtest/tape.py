"""Tapes: the market data of a backtest, one per symbol, read in chunks as it is played.

TapeError    the data of a backtest cannot be used
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from paper_bitmart.backtest.catalogue import Catalogue
from paper_bitmart.backtest.foreign import ForeignDataError
from paper_bitmart.backtest.history import ROWS_PER_FRAME, History
from paper_bitmart.backtest.history_convert import Form, form_of
from paper_bitmart.backtest.history_hftbacktest import read_hftbacktest
from paper_bitmart.bitmart.rules import RULES_NAMES, SymbolRules, load_rules, rules_beside
from paper_bitmart.exchange.markets import MarketBatch
from paper_bitmart.feed.convert import CapturedMarket, load_capture
from paper_bitmart.feed.event_file import load_events
from paper_bitmart.feed.events import EVENT_DTYPE
from paper_bitmart.feed.sources import DEMO_CAPTURE, DEMO_RULES, demo_folder

DEMO = "demo"
NEVER_NS = 2**63 - 1
_NO_EVENTS = np.zeros(0, EVENT_DTYPE)


class TapeError(ValueError):
    """The data of a backtest cannot be used; the text names what is wrong."""


class Tape(Protocol):
    """One symbol's market: rules, extent, and events from any row on."""

    @property
    def rules(self) -> SymbolRules: ...
    @property
    def size(self) -> int: ...
    @property
    def first_ns(self) -> int: ...
    @property
    def last_ns(self) -> int: ...

    def chunks(self, start: int = 0) -> Iterator[np.ndarray]:
        """(n,) EVENT_DTYPE, n > 0, in order, from row `start` of the whole."""
        ...


class ArrayTape:
    """A tape in memory: (n,) EVENT_DTYPE ordered by recv_ns."""

    def __init__(self, rules: SymbolRules, events: np.ndarray, *, chunk_rows: int = 0) -> None:
        if not len(events):
            raise TapeError(f"{rules.symbol}: holds no events")
        back = np.flatnonzero(np.diff(events["recv_ns"]) < 0)
        if len(back):
            raise TapeError(f"{rules.symbol}: receive time goes back at row {back[0] + 1}")
        self.rules, self._events = rules, events
        self._chunk_rows = chunk_rows or len(events)

    @property
    def size(self) -> int:
        return len(self._events)

    @property
    def first_ns(self) -> int:
        return int(self._events["recv_ns"][0])

    @property
    def last_ns(self) -> int:
        return int(self._events["recv_ns"][-1])

    def chunks(self, start: int = 0) -> Iterator[np.ndarray]:
        for first in range(start, self.size, self._chunk_rows):
            yield self._events[first : first + self._chunk_rows]


class HistoryTape:
    """Histories of one symbol, one after the other; only a chunk of one of them is in memory."""

    def __init__(self, histories: Sequence[History], *, chunk_rows: int = ROWS_PER_FRAME) -> None:
        self._histories = [history for history in histories if history.size]
        if not self._histories:
            raise TapeError("holds no events")
        for before, after in pairwise(self._histories):
            if after.first_ns < before.last_ns or after.symbol != before.symbol:
                raise TapeError(f"{after.path} does not follow {before.path}")
        self.rules = self._histories[0].rules
        self._chunk_rows = chunk_rows

    @property
    def size(self) -> int:
        return sum(history.size for history in self._histories)

    @property
    def first_ns(self) -> int:
        return self._histories[0].first_ns

    @property
    def last_ns(self) -> int:
        return self._histories[-1].last_ns

    def chunks(self, start: int = 0) -> Iterator[np.ndarray]:
        for history in self._histories:
            if start < history.size:
                yield from history.chunks(self._chunk_rows, start)
            start = max(0, start - history.size)


class TapeReader:
    """Where one player of a tape stands: the chunk at hand and the next row in it."""

    def __init__(self, tape: Tape) -> None:
        self.done = 0
        """Rows of the whole tape that were played."""
        self.next_ns = NEVER_NS
        """Receive time of the next event; NEVER_NS at the end."""
        self.start = 0
        """The next row in the chunk at hand."""
        self.chunk = _NO_EVENTS
        """The chunk at hand, (n,) EVENT_DTYPE."""
        self._times = _NO_EVENTS["recv_ns"]
        self._attach(tape)

    def batch(self) -> MarketBatch:
        """The chunk at hand, from the next event on."""
        return MarketBatch(self.chunk, self.start)

    def advance(self, end: int) -> None:
        """Rows of the chunk up to `end` (exclusive) were played."""
        self.done += end - self.start
        self.start = end
        if end >= len(self.chunk):
            self._next_chunk()
        else:
            self.next_ns = int(self._times[end])

    def __getstate__(self) -> dict[str, int]:
        return {"done": self.done}

    def __setstate__(self, state: dict[str, int]) -> None:
        """Only the position is kept; `reopen` must follow."""
        self.done, self.start, self.next_ns = state["done"], 0, NEVER_NS
        self.chunk, self._times = _NO_EVENTS, _NO_EVENTS["recv_ns"]

    def reopen(self, tape: Tape) -> None:
        """Go on at the same row of the same tape."""
        self._attach(tape)

    def _attach(self, tape: Tape) -> None:
        self._chunks = tape.chunks(self.done)
        self._next_chunk()

    def _next_chunk(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is None:
            self.next_ns = NEVER_NS
            return
        self.chunk, self.start = chunk, 0
        self._times = chunk["recv_ns"]
        self.next_ns = int(self._times[0])


Data = str | Path | Sequence[str | Path] | CapturedMarket | Mapping[str, Tape]


def open_data(
    data: Data,
    rules: Path | str | Mapping[str, SymbolRules] | None = None,
    symbols: Sequence[str] | None = None,
) -> dict[str, Tape]:
    """Tapes by symbol, in the order of the data.

    Args:
        data: history folders, a catalogue, captures, `.npz` files of events or of hftbacktest (one path or
            several), a converted capture, or tapes; "demo" is the bundled market.
        rules: of data that do not carry them, a file or a mapping; None looks for `symbols_details.json`
            beside the data.
        symbols: play only these; `BTC_USDT` and `BTC-USDT` are the same.

    Raises:
        TapeError: a symbol is missing or given twice, or there is nothing to play. Else as the readers.
    """
    if isinstance(symbols, str):
        raise TapeError(f"symbols: must be a list such as [{symbols!r}], not a text")
    if symbols is not None:
        symbols = [symbol.upper().replace("-", "_") for symbol in symbols]
    tapes: dict[str, Tape] = {}
    if data == DEMO and not Path(DEMO).exists():
        data, rules = demo_folder() / DEMO_CAPTURE, demo_folder() / DEMO_RULES
    if isinstance(data, CapturedMarket):
        tapes.update(
            {s: ArrayTape(data.rules[s], events) for s, events in data.events.items() if len(events)}
        )
    elif isinstance(data, Mapping):
        tapes.update(data)
    else:
        paths = [data] if isinstance(data, str | Path) else list(data)
        _open_paths([Path(path) for path in paths], rules, symbols, tapes)
    for symbol in symbols or ():
        if symbol not in tapes:
            raise TapeError(f"{symbol} is not in the data ({', '.join(tapes) or 'nothing'})")
    chosen = {symbol: tape for symbol, tape in tapes.items() if symbols is None or symbol in symbols}
    if not chosen:
        raise TapeError("there is nothing to play")
    return chosen


def _open_paths(
    paths: Sequence[Path],
    rules: Path | str | Mapping[str, SymbolRules] | None,
    symbols: Sequence[str] | None,
    tapes: dict[str, Tape],
) -> None:
    histories: dict[str, list[History]] = {}
    known = load_rules(rules) if isinstance(rules, str | Path) else rules
    for path in paths:
        if path.is_dir() and (names := Catalogue(path).symbols()):
            for name in names:
                histories.setdefault(name, []).extend(Catalogue(path).histories(name))
            continue
        form = form_of(path)
        if form is Form.HISTORY:
            history = History(path)
            histories.setdefault(history.symbol, []).append(history)
            continue
        for symbol, tape in _open_file(path, form, known, symbols):
            if symbol in tapes:
                raise TapeError(f"{path}: {symbol} is in another file too; convert them to a catalogue first")
            tapes[symbol] = tape
    for symbol, found in histories.items():
        if symbol in tapes:
            raise TapeError(f"{symbol} is in a history and in another file")
        tapes[symbol] = HistoryTape(sorted(found, key=lambda history: history.first_ns))


def _open_file(
    path: Path, form: Form, rules: Mapping[str, SymbolRules] | None, symbols: Sequence[str] | None
) -> Iterator[tuple[str, Tape]]:
    if rules is None and (beside := rules_beside(path)) is not None:
        rules = load_rules(beside)
    if rules is None:
        raise TapeError(
            f"{path}: {form} files carry no rules; give a symbols/details file, "
            f"or put it beside them as {RULES_NAMES[0]}"
        )
    if form is Form.CAPTURE:
        market = load_capture(path, rules)
        yield from ((s, ArrayTape(rules[s], events)) for s, events in market.events.items() if len(events))
    elif form is Form.EVENTS:
        for symbol, events in load_events(path).items():
            if symbol not in rules:
                raise TapeError(f"{path}: {symbol} is not in the rules")
            yield symbol, ArrayTape(rules[symbol], events)
    elif form is Form.HFTBACKTEST:
        chosen = list(symbols or rules)
        if len(chosen) != 1:
            raise TapeError(f"{path}: name the one symbol that it holds")
        yield chosen[0], ArrayTape(rules[chosen[0]], read_hftbacktest(path, rules[chosen[0]]))
    else:
        raise ForeignDataError(path, 0, "", f"{form} files must be converted to a history first")

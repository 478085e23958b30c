"""Market data of any known form to histories: the form is told by the content, not by the name.

capture        BitMart websocket messages, `<receive_ns> <json>`
events         what `save_events` wrote (.npz)
hftbacktest    .npz
tardis         incremental_book_L2 CSV, with a trades CSV beside it
binance        raw recording of one symbol, `<receive_ns> <json>`
history        a history folder
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from paper_bitmart.backtest.catalogue import Catalogue
from paper_bitmart.backtest.foreign import ForeignDataError, text_lines
from paper_bitmart.backtest.history import META, History, HistoryWriter
from paper_bitmart.backtest.history_binance import BinanceRecording
from paper_bitmart.backtest.history_check import HistoryReport, check_history
from paper_bitmart.backtest.history_hftbacktest import read_hftbacktest
from paper_bitmart.backtest.history_tardis import TardisFiles
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.capture import CaptureReader
from paper_bitmart.feed.convert import CaptureConverter, CaptureReport
from paper_bitmart.feed.event_file import load_events

REMARK = "paper/"
"""Begins the names of the events that our own recorder writes among the venue's."""
LINES_AT_ONCE = 4_096
"""Of a capture: some 100,000 events, so that memory does not grow with its length."""


class Form(StrEnum):
    CAPTURE = "capture"
    EVENTS = "events"
    HFTBACKTEST = "hftbacktest"
    TARDIS = "tardis"
    TARDIS_TRADES = "tardis trades"
    BINANCE = "binance"
    HISTORY = "history"


@dataclass(slots=True)
class Converted:
    """Histories written, what their check found, and what the readers have to say."""

    histories: list[History] = field(default_factory=list)
    reports: list[HistoryReport] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    captures: list[CaptureReport] = field(default_factory=list)


def form_of(path: Path) -> Form:
    """Tell the form of a file or folder.

    Raises:
        ForeignDataError: none of the known ones. OSError: as `open`.
    """
    if path.is_dir():
        if (path / META).is_file():
            return Form.HISTORY
        captures = ", ".join(found.name for found in sorted(path.glob("market-*.jsonl*"))[:3])
        hint = f"; name the captures in it: {captures}" if captures else ""
        raise ForeignDataError(path, 0, "", f"is a folder, but no history{hint}")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if "format.npy" in names:
            return Form.EVENTS
        if "data.npy" in names:
            return Form.HFTBACKTEST
        raise ForeignDataError(path, 0, "", f"an archive of unknown content: {', '.join(names)[:100]}")
    return _form_of_text(path)


def convert(
    sources: Sequence[Path],
    directory: Path,
    rules: Mapping[str, SymbolRules],
    *,
    symbol: str | None = None,
    packed: bool = False,
) -> Converted:
    """Read market data and add it to the catalogue in `directory`; every new history is checked.

    Args:
        sources: files of any form; Tardis trades are merged into the depth file given with them.
        symbol: of forms that do not name it in our way; may be left out when `rules` has only one.

    Raises:
        ForeignDataError, CaptureError, EventFileError, HistoryError: a source, by place; RulesError.
    """
    catalogue, done = Catalogue(directory), Converted()
    forms = {path: form_of(path) for path in sources}
    trades = [path for path, form in forms.items() if form is Form.TARDIS_TRADES]
    books = [path for path, form in forms.items() if form is Form.TARDIS]
    if trades and (len(trades), len(books)) != (1, 1):
        raise ForeignDataError(trades[0], 0, "", "goes with exactly one incremental_book_L2 file")
    for path, form in forms.items():
        if form is Form.TARDIS_TRADES:
            continue
        if form is Form.CAPTURE:
            _add_capture(path, rules, symbol, catalogue, packed, done)
            continue
        for one, chunks in _read(path, form, rules, symbol, trades, done):
            added = catalogue.add(one, chunks, packed=packed, source=f"{form} {path.name}")
            if added is None:
                done.notes.append(f"{path}: no events of {one.symbol}")
                continue
            done.histories.append(added)
            done.reports.append(check_history(added))
    return done


def _add_capture(
    path: Path,
    rules: Mapping[str, SymbolRules],
    symbol: str | None,
    catalogue: Catalogue,
    packed: bool,
    done: Converted,
) -> None:
    """All symbols of a capture in one pass, a stretch at a time; on an error none of them stays."""
    converter = CaptureConverter(path, rules, None if symbol is None else [symbol])
    reader = CaptureReader(path)
    writers: dict[str, HistoryWriter] = {}
    with ExitStack() as opened:

        def write() -> None:
            for name, events in converter.take().items():
                if not len(events):
                    continue
                if name not in writers:
                    first_ns = int(events["recv_ns"][0])
                    writer = catalogue.writer(
                        converter.rules[name], first_ns, packed=packed, source=f"{Form.CAPTURE} {path.name}"
                    )
                    writers[name] = opened.enter_context(writer)
                writers[name].write(events)

        for number, raw in enumerate(reader, 1):
            converter.feed(raw)
            if number % LINES_AT_ONCE == 0:
                write()
        write()
    done.captures.append(converter.finish(reader.truncated))
    for name in converter.mirrors:
        if name not in writers:
            done.notes.append(f"{path}: no events of {name}")
            continue
        done.histories.append(History(writers[name].path))
        done.reports.append(check_history(done.histories[-1]))


def _read(
    path: Path,
    form: Form,
    rules: Mapping[str, SymbolRules],
    symbol: str | None,
    trades: list[Path],
    done: Converted,
) -> Iterator[tuple[SymbolRules, Iterator[np.ndarray]]]:
    """Symbols of a source with their events."""
    if form is Form.HISTORY:
        history = History(path)
        yield history.rules, history.chunks()
    elif form is Form.EVENTS:
        for name, events in load_events(path).items():
            yield _rules_of(path, rules, name), iter([events])
    else:
        one = _rules_of(path, rules, symbol)
        if form is Form.HFTBACKTEST:
            yield one, iter([read_hftbacktest(path, one)])
        elif form is Form.TARDIS:
            yield one, TardisFiles(path, trades[0] if trades else None, one).chunks()
        else:
            recording = BinanceRecording(path, one)
            yield one, recording.chunks()
            done.notes.extend(f"{path}: {line}" for line in recording.report.lines_for_people())


def _rules_of(path: Path, rules: Mapping[str, SymbolRules], symbol: str | None) -> SymbolRules:
    if symbol is None and len(rules) == 1:
        return next(iter(rules.values()))
    if symbol is None:
        raise ForeignDataError(path, 0, "symbol", f"must be chosen: one of {', '.join(rules)}")
    if symbol not in rules:
        raise ForeignDataError(path, 0, "symbol", f"{symbol} is not in the rules ({', '.join(rules)})")
    return rules[symbol]


def _form_of_text(path: Path) -> Form:
    """By the first line that is no remark of our own recorder."""
    first, has_remarks = "", False
    for _, first in text_lines(path):
        if not _is_remark(first):
            break
        has_remarks = True
    if first.startswith("exchange,symbol"):
        return Form.TARDIS if "is_snapshot" in first else Form.TARDIS_TRADES
    message = _message(first)
    # {"result":null,"id":1} is Binance's answer to a subscription.
    if message.keys() & {"stream", "lastUpdateId", "e", "rest"} or message.keys() == {"result", "id"}:
        return Form.BINANCE
    if has_remarks or message.keys() & {"table", "event"}:
        return Form.CAPTURE
    raise ForeignDataError(path, 1, "", f"market data of no known form ({', '.join(Form)})")


def _is_remark(line: str) -> bool:
    return str(_message(line).get("event", "")).startswith(REMARK)


def _message(line: str) -> dict[str, Any]:
    """The JSON object of a line `<receive_ns> <json>`; empty if it is none."""
    stamp, _, body = line.partition(" ")
    try:
        message = json.loads(body) if stamp.isdigit() else None
    except json.JSONDecodeError:
        return {}
    return message if isinstance(message, dict) else {}

"""The market of a replay: a raw capture or a converted one, and how far it was played."""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from paper_bitmart.backtest.tape import ArrayTape, Tape
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.exchange.markets import MarketBatch
from paper_bitmart.feed.capture import CaptureError
from paper_bitmart.feed.convert import CaptureReport, load_capture
from paper_bitmart.feed.event_file import load_events
from paper_bitmart.feed.events import message_times

NEVER_NS = 2**63 - 1


class ReplayMarket:
    """Events of every symbol, handed out by time.

    Args:
        events: per symbol (n,) EVENT_DTYPE ordered by recv_ns.
        report: of the conversion; None for converted files, which were reported on when they were made.
    """

    def __init__(self, events: Mapping[str, np.ndarray], report: CaptureReport | None = None) -> None:
        self.report = report
        self._events = dict(events)
        self._recv_ns = {symbol: np.ascontiguousarray(array["recv_ns"]) for symbol, array in events.items()}
        self.done = dict.fromkeys(self._events, 0)
        self._next_ns = {symbol: self._time_at(symbol, 0) for symbol in self._events}
        self.next_ns = min(self._next_ns.values(), default=NEVER_NS)

    @property
    def symbols(self) -> Collection[str]:
        return self._events.keys()

    @property
    def size(self) -> int:
        """Events of all symbols."""
        return sum(map(len, self._events.values()))

    @property
    def first_ns(self) -> int:
        """Receive time of the first event; 0 if there is none."""
        return min((int(times[0]) for times in self._recv_ns.values() if len(times)), default=0)

    @property
    def last_ns(self) -> int:
        """Receive time of the last event, or of the capture's last line if that is later."""
        events_ns = max((int(times[-1]) for times in self._recv_ns.values() if len(times)), default=0)
        return max(events_ns, self.report.last_ns if self.report is not None else 0)

    def due(self, until_ns: int) -> dict[str, MarketBatch]:
        """Where the symbols go on that have events up to `until_ns`."""
        return {
            symbol: MarketBatch(self._events[symbol], self.done[symbol])
            for symbol, next_ns in self._next_ns.items()
            if next_ns <= until_ns
        }

    def advance(self, ends: Mapping[str, int]) -> None:
        """The venue took the events up to these indexes (exclusive)."""
        for symbol, end in ends.items():
            self.done[symbol] = end
            self._next_ns[symbol] = self._time_at(symbol, end)
        self.next_ns = min(self._next_ns.values(), default=NEVER_NS)

    def tapes(self, rules: Mapping[str, SymbolRules]) -> dict[str, Tape]:
        """The symbols that have events, from the start, however far they were played."""
        return {s: ArrayTape(rules[s], events) for s, events in self._events.items() if len(events)}

    def message_times(self) -> np.ndarray:
        """Receive times of all messages, rising; (n,) int64."""
        return message_times([*self._events.values()])

    def fingerprint(self) -> str:
        """A hash of all events: a raw capture and its converted form have the same."""
        digest = hashlib.sha256()
        for symbol, array in sorted(self._events.items()):
            digest.update(symbol.encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def _time_at(self, symbol: str, index: int) -> int:
        times = self._recv_ns[symbol]
        return int(times[index]) if index < len(times) else NEVER_NS


def load_market(path: Path, rules: Mapping[str, SymbolRules], rules_name: str) -> ReplayMarket:
    """A raw capture, or (`.npz`) the events that `save_events` wrote of one.

    Args:
        rules_name: what the rules file is called in errors.

    Raises:
        CaptureError: the capture cannot be read, holds no market, or has a symbol that the rules lack.
        EventFileError: the converted file cannot be read. OSError: as `open`.
    """
    if path.suffix != ".npz":
        captured = load_capture(path, rules)
        market = ReplayMarket(captured.events, captured.report)
    else:
        market = ReplayMarket(load_events(path))
        for symbol in market.symbols:
            if symbol not in rules:
                known = ", ".join(rules) or "nothing"
                raise CaptureError(path, 0, f"{symbol} is not in the rules file {rules_name} ({known})")
    if not market.size:
        raise CaptureError(path, 0, "holds no market events")
    return market

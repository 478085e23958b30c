"""Data of a sweep: opened once in each process, and recognised again."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from paper_bitmart.backtest.sweep_cells import key_of
from paper_bitmart.backtest.tape import Data, Tape, open_data
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.convert import CapturedMarket

OPENED_MAX = 4
"""Data that a process keeps open."""
_OPENED: dict[tuple[str, tuple[tuple[int, int], ...]], Mapping[str, Tape]] = {}


def opened(
    data: Data,
    rules: Path | str | Mapping[str, SymbolRules] | None = None,
    symbols: Sequence[str] | None = None,
) -> Mapping[str, Tape]:
    """As `open_data`, but files that this process has opened before, and that are as they were, are shared.

    So a process parses a capture once and not for every cell; histories are mapped, and all processes of a
    machine share their pages. Raises what `open_data` does.
    """
    if isinstance(data, str | Path):
        paths = [Path(data)]
    elif isinstance(data, Mapping | CapturedMarket):
        return open_data(data, rules, symbols)
    else:
        paths = [Path(one) for one in data]
    known = [Path(rules)] if isinstance(rules, str | Path) else []
    stamps = tuple(_stamp(path) for path in (*paths, *known))
    key = key_of({"paths": list(map(str, paths)), "rules": repr(rules), "symbols": symbols}), stamps
    if key not in _OPENED:
        if len(_OPENED) >= OPENED_MAX:
            del _OPENED[next(iter(_OPENED))]
        _OPENED[key] = open_data(data, rules, symbols)
    return _OPENED[key]


def _stamp(path: Path) -> tuple[int, int]:
    """Another for other content: newest change and sum of sizes, of a folder's files all together."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    stats = [file.stat() for file in files if file.exists()]
    return max((one.st_mtime_ns for one in stats), default=0), sum(one.st_size for one in stats)


def data_name(data: Data) -> str:
    """Another for other data. Files count by name and size, so that a copied sweep goes on."""
    if isinstance(data, Mapping | CapturedMarket):
        tapes = open_data(data)
        return repr([(name, tape.size, tape.first_ns, tape.last_ns) for name, tape in tapes.items()])
    paths = [Path(data)] if isinstance(data, str | Path) else [Path(one) for one in data]
    return repr([(str(path), _stamp(path)[1]) for path in paths])

"""hftbacktest `.npz` files, in and out.

Its rows carry float prices and sizes, and flags that say whether a row is for the exchange's book, the local
one, or both. We read the local rows (they are in order of receipt); we write rows for both wherever the two
orders agree. Source: hftbacktest 2.4 documentation, "Data".
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from paper_bitmart.backtest.foreign import ForeignDataError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind

FOREIGN_DTYPE = np.dtype(
    [
        ("ev", np.uint64),
        ("exch_ts", np.int64),
        ("local_ts", np.int64),
        ("px", np.float64),
        ("qty", np.float64),
        ("order_id", np.uint64),
        ("ival", np.int64),
        ("fval", np.float64),
    ],
    align=True,
)
"""hftbacktest's `event_dtype`."""
EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
DEPTH, TRADE, CLEAR, SNAPSHOT, BBO = 1, 2, 3, 4, 5
KINDS = {DEPTH: Kind.LEVEL, TRADE: Kind.TRADE, SNAPSHOT: Kind.LEVEL, BBO: Kind.BBO}
OFF_GRID = 1e-3
"""How far from a whole tick or lot, in ticks or lots, a float may lie: they come from decimal texts."""


def read_hftbacktest(path: Path | str, rules: SymbolRules) -> np.ndarray:
    """The local rows of a file as (n,) EVENT_DTYPE.

    Depth rows of one local and venue time become one message. A clear that a snapshot follows is part of it.

    Raises:
        ForeignDataError: not such a file, rows of an unknown kind, a clear without a snapshot, a price or
            size off tick or lot, local times that go back; with the row.
    """
    source = Path(path)
    rows = _load(source)
    where = np.flatnonzero(rows["ev"] & np.uint64(LOCAL))
    rows = rows[where]
    kinds = (rows["ev"] & np.uint64(0xFF)).astype(np.int64)
    _check(source, where, ~np.isin(kinds, (*KINDS, CLEAR)), "ev", "unknown kind of event")
    _check(source, where, np.diff(rows["local_ts"], prepend=0) < 0, "local_ts", "goes back")
    _check(source, where, _lone_clears(rows, kinds), "ev", "a cleared range without a snapshot after it")
    kept = kinds != CLEAR
    rows, kinds, where = rows[kept], kinds[kept], where[kept]
    events = np.zeros(len(rows), EVENT_DTYPE)
    events["recv_ns"], events["exch_ns"] = rows["local_ts"], rows["exch_ts"]
    events["price_ticks"] = _whole(source, where, "px", rows["px"], float(rules.tick))
    events["size_lots"] = _whole(source, where, "qty", rows["qty"], float(rules.lot))
    events["side"] = (rows["ev"] & np.uint64(BUY)) == 0
    for foreign, ours in KINDS.items():
        events["kind"][kinds == foreign] = ours
    events["flags"][kinds == SNAPSHOT] = Flag.SNAPSHOT
    return _into_messages(events[(kinds != TRADE) | (events["size_lots"] > 0)])


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote: rows, and by how much venue times were moved so that none is after its receipt.

    `left_out`: events that hftbacktest has no row for (feed states, empty updates).
    """

    rows: int
    exch_shift_ns: int
    left_out: int

    def lines_for_people(self) -> list[str]:
        lines = [f"{self.rows:,} rows"]
        if self.exch_shift_ns:
            lines.append(f"venue times moved by {self.exch_shift_ns / 1e6:,.3f} ms: they were after receipt")
        if self.left_out:
            lines.append(
                f"{self.left_out:,} feed states and empty updates, which hftbacktest does not know, left out"
            )
        return lines


def write_hftbacktest(path: Path | str, events: np.ndarray, rules: SymbolRules) -> Exported:
    """Write (n,) EVENT_DTYPE of one symbol as an hftbacktest `.npz`; an existing file is replaced.

    Raises:
        OSError: as `open`.
    """
    rows, left_out = _foreign_rows(events, rules)
    delay_ns = rows["local_ts"] - rows["exch_ts"]
    shift_ns = min(0, int(delay_ns.min())) if len(rows) else 0
    rows["exch_ts"] += shift_ns
    rows = _in_both_orders(rows)
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, data=rows)
    partial.replace(target)
    return Exported(len(rows), shift_ns, left_out)


def _load(path: Path) -> np.ndarray:
    try:
        loaded = np.load(path, allow_pickle=False)
        rows = loaded["data"] if isinstance(loaded, np.lib.npyio.NpzFile) else loaded
    except (zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise ForeignDataError(path, 0, "data", f"is not readable: {error}") from error
    names = rows.dtype.names or ()
    missing = [name for name in ("ev", "exch_ts", "local_ts", "px", "qty") if name not in names]
    if missing:
        raise ForeignDataError(path, 0, "data", f"has no column {', '.join(missing)}")
    return rows


def _check(path: Path, where: np.ndarray, bad: np.ndarray, field: str, why: str) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        raise ForeignDataError(path, int(where[rows[0]]), field, why)


def _lone_clears(rows: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Clears that no snapshot row of the same receive time follows."""
    clears = np.flatnonzero(kinds == CLEAR)
    bad = np.zeros(len(kinds), bool)
    snapshots = np.flatnonzero(kinds == SNAPSHOT)
    after = np.searchsorted(snapshots, clears)
    for clear, place in zip(clears.tolist(), after.tolist(), strict=True):
        is_part = place < len(snapshots) and rows["local_ts"][snapshots[place]] == rows["local_ts"][clear]
        bad[clear] = not is_part
    return bad


def _whole(path: Path, where: np.ndarray, field: str, values: np.ndarray, unit: float) -> np.ndarray:
    """Floats as counts of `unit`; the only place where money is a float, since theirs is one."""
    counts = values / unit
    whole = np.rint(counts)
    _check(path, where, ~(np.abs(counts - whole) < OFF_GRID), field, f"is no multiple of {unit}")
    return whole.astype(np.int64)


def _into_messages(events: np.ndarray) -> np.ndarray:
    """Put the marks of snapshots and the ends of messages between plain rows."""
    if not len(events):
        return events
    is_snapshot = (events["flags"] & Flag.SNAPSHOT) != 0
    differs = np.zeros(len(events), bool)
    differs[0] = True
    for column in (events["recv_ns"], events["kind"], is_snapshot):
        differs[1:] |= column[1:] != column[:-1]
    # A snapshot is one message, however many venue times its levels have.
    differs[1:] |= (events["exch_ns"][1:] != events["exch_ns"][:-1]) & ~is_snapshot[1:]
    starts = np.flatnonzero(differs)
    ends = np.append(starts[1:], len(events)) - 1
    events["seq"] = np.cumsum(differs)
    events["flags"][ends[~is_snapshot[ends]]] |= np.uint16(Flag.LAST)
    begins, closes = starts[is_snapshot[starts]], ends[is_snapshot[ends]]
    marks = [_marks(events[begins], Kind.SNAPSHOT_BEGIN, Flag.SNAPSHOT)]
    marks += [_marks(events[closes], Kind.SNAPSHOT_END, Flag.SNAPSHOT)]
    live = _marks(events[closes], Kind.FEED_STATE, Flag.LAST)
    start = _marks(events[:1], Kind.FEED_STATE, Flag.LAST)
    live["size_lots"] = FeedState.LIVE
    start["size_lots"] = FeedState.SYNCING if len(begins) else FeedState.LIVE
    start["seq"] = 0
    where = np.concatenate([[0], begins, closes + 1, closes + 1])
    return np.insert(events, where, np.concatenate([start, *marks, live]))


def _marks(like: np.ndarray, kind: Kind, flags: Flag) -> np.ndarray:
    marks = np.zeros(len(like), EVENT_DTYPE)
    for name in ("recv_ns", "exch_ns", "seq"):
        marks[name] = like[name]
    marks["kind"], marks["flags"] = kind, flags
    return marks


def _foreign_rows(events: np.ndarray, rules: SymbolRules) -> tuple[np.ndarray, int]:
    """The same events as rows, flags EXCH and LOCAL unset; and how many have no such row."""
    kinds = events["kind"]
    is_begin = kinds == Kind.SNAPSHOT_BEGIN
    kept = is_begin | np.isin(kinds, (Kind.LEVEL, Kind.TRADE, Kind.BBO))
    left_out = int(np.count_nonzero(np.isin(kinds, (Kind.FEED_STATE, Kind.DEPTH_MARK))))
    events, kinds, is_begin = events[kept], kinds[kept], is_begin[kept]
    foreign = np.full(len(events), DEPTH, np.uint64)
    foreign[(events["flags"] & Flag.SNAPSHOT) != 0] = SNAPSHOT
    foreign[kinds == Kind.TRADE] = TRADE
    foreign[kinds == Kind.BBO] = BBO
    # Without a side: the whole book.
    foreign[is_begin] = CLEAR
    foreign[~is_begin] |= np.where(events["side"] == 0, BUY, SELL).astype(np.uint64)[~is_begin]
    rows = np.zeros(len(events), FOREIGN_DTYPE)
    rows["ev"], rows["exch_ts"], rows["local_ts"] = foreign, events["exch_ns"], events["recv_ns"]
    rows["px"] = _floats(events["price_ticks"], float(rules.tick))
    rows["qty"] = _floats(events["size_lots"], float(rules.lot))
    first_clear = int(is_begin[:1].sum())
    return rows[first_clear:], left_out


def _floats(counts: np.ndarray, unit: float) -> np.ndarray:
    """Counts as the float nearest to the decimal: dividing by a whole number rounds once, unlike unit * n."""
    per_one = round(1 / unit)
    return counts / per_one if per_one * unit == 1 else counts * unit


def _in_both_orders(rows: np.ndarray) -> np.ndarray:
    """Rows with EXCH and LOCAL set: both where venue and receive order agree, else one row for each."""
    venue_ns = rows["exch_ts"]
    if not len(rows):
        return rows
    latest = np.maximum.accumulate(venue_ns)
    earliest = np.minimum.accumulate(venue_ns[::-1])[::-1]
    is_both = (venue_ns == latest) & (venue_ns == earliest)
    both, single = np.uint64(EXCH | LOCAL), np.flatnonzero(~is_both)
    # A run of rows out of order keeps its place; inside, the exchange's rows come first, by venue time.
    run = np.arange(len(rows))
    run[single] = np.maximum.accumulate(np.where(is_both, np.arange(len(rows)) + 1, 0))[single]
    venue_rows, local_rows = rows[single], rows[single]
    venue_rows["ev"] |= np.uint64(EXCH)
    local_rows["ev"] |= np.uint64(LOCAL)
    whole = rows[is_both]
    whole["ev"] |= both
    parts = np.concatenate([whole, venue_rows, local_rows])
    runs = np.concatenate([run[is_both], run[single], run[single]])
    halves = np.repeat([0, 0, 1], [len(whole), len(single), len(single)])
    inner = np.concatenate([np.zeros(len(whole), np.int64), venue_ns[single], single])
    return parts[np.lexsort((inner, halves, runs))]

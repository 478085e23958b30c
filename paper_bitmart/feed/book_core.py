"""The compiled half of the mirror: levels in sorted arrays, and the update that continues a live book.

    levels  (2, 2, capacity) int64: side (0 bid, 1 ask), price_ticks | size_lots, level; prices ascend
    counts  (2,) int64: levels of each side

Nearly every message of a live market is such an update, in one form: no blanks, no fields but BitMart's,
plain decimal text. `follow_update` reads that form straight into ticks and lots. Whatever else it may be
(a wrong version, an exponent, a price twice, not JSON at all): NOT_MINE comes back, nothing has changed, and
the mirror takes the message to msgspec, which alone decides what is refused and why.

One file, because numba's cache does not notice a change in another file that a function calls.
Under NUMBA_DISABLE_JIT=1 the same functions run as plain Python.
"""

from typing import Any

import numpy as np
from numba import njit

from paper_bitmart.bitmart.decimals import MAX_LENGTH
from paper_bitmart.bitmart.topics import DEPTH_INCREMENT
from paper_bitmart.feed.events import ASK, BID, Flag, Kind

_SETTINGS: dict[str, Any] = {"cache": True, "_nrt": False}
# _nrt=False: nothing is allocated here, so numba need not count references.
compiled = njit(**_SETTINGS)

PRICE, SIZE = 0, 1
_LEVEL, _SNAPSHOT_BEGIN, _TRADE = int(Kind.LEVEL), int(Kind.SNAPSHOT_BEGIN), int(Kind.TRADE)
_LAST, _LEFT, _ENTERED = int(Flag.LAST), int(Flag.LEFT_WINDOW), int(Flag.ENTERED_WINDOW)

NOT_MINE, DONE, LOOK = 0, 1, 2
"""Verdicts: another form; applied; applied, and the book is crossed, too large or lacks levels."""
SIDE_LEVELS_MAX = 64
"""Changed levels of a side; a message with more is worth the other road."""
ROWS_MAX = 2 * SIDE_LEVELS_MAX
MS_MAX = (2**63 - 1) // 10**6
DIGITS_MAX = 18
"""Decimal digits that an int64 always holds."""


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


_TABLE = _bytes(f'"table":"{DEPTH_INCREMENT}"')
_DATA, _DATA_END = _bytes('"data":[{'), _bytes("}]")
_SYMBOL, _ASKS, _BIDS = _bytes('"symbol":"'), _bytes('"asks":'), _bytes('"bids":')
_MS, _VERSION, _TYPE = _bytes('"ms_t":'), _bytes('"version":'), _bytes('"type":"update"')
_QUOTE, _COMMA, _POINT, _ZERO, _NINE = ord('"'), ord(","), ord("."), ord("0"), ord("9")
_OPEN, _CLOSE, _BRACE, _BRACE_END = ord("["), ord("]"), ord("{"), ord("}")
_ALL = 0b111111
"""The six fields of an item, each once."""


# The book


@compiled
def apply_levels(levels, counts, side, changes, m, window, rows, n, recv_ns, exch_ns, seq):
    """Write absolute sizes into a side, and every real change as a LEVEL event into rows[n:], in that order.

    A venue that publishes only the best `window` levels pushes "0" for a level that merely left them, and
    sends a level that moved in as if it were new. Both are told by the window's edge:

    - LEFT_WINDOW: size 0, the side still has `window` levels after the message, and the price is worse
      than the worst of them;
    - ENTERED_WINDOW: a new price, worse than the side's worst before the message, and the side was full.

    Args:
        changes: (at least m, 2) int64, price_ticks and size_lots (0 = gone); no price twice.
        rows: EVENT_DTYPE with room for m more; levels: with room for m more on this side.

    Returns:
        The index after the last event.

    Cost: O(changes * (log(levels) + levels moved)).
    """
    first = n
    is_edge_before, edge_before = _edge(levels, counts, side, window)
    for i in range(m):
        price, size = changes[i, 0], changes[i, 1]
        old = _put(levels, counts, side, price, size)
        if size == old:
            continue
        row = rows[n]
        row["recv_ns"], row["exch_ns"], row["price_ticks"], row["size_lots"] = recv_ns, exch_ns, price, size
        row["seq"], row["kind"], row["side"] = seq, _LEVEL, side
        is_beyond = is_edge_before and (price < edge_before if side == BID else price > edge_before)
        row["flags"] = _ENTERED if old == 0 and is_beyond else 0
        n += 1
    is_edge, edge = _edge(levels, counts, side, window)
    if is_edge:
        for i in range(first, n):
            price = rows[i]["price_ticks"]
            if rows[i]["size_lots"] == 0 and (price < edge if side == BID else price > edge):
                rows[i]["flags"] = _LEFT
    return n


@compiled
def fold_events(levels, counts, events, start, is_open):
    """Follow a book by its events, from `start` on, until one finds no room.

    Args:
        is_open: the message before `start` has changed the book and goes on.

    Returns:
        (index of the first event not applied, messages that changed the book and were ended, index of the
        last end of such a message or -1, events that are not about levels, is_open).
    """
    messages, end, others = 0, -1, 0
    for i in range(start, len(events)):
        kind = events[i]["kind"]
        if kind == _LEVEL:
            if max(counts[0], counts[1]) == levels.shape[2]:
                return i, messages, end, others, is_open
            _put(levels, counts, events[i]["side"], events[i]["price_ticks"], events[i]["size_lots"])
            is_open = True
        elif kind == _SNAPSHOT_BEGIN:
            counts[0] = counts[1] = 0
            is_open = True
        elif kind >= _TRADE:
            others += 1
        if is_open and events[i]["flags"] & _LAST:
            messages, end, is_open = messages + 1, i, False
    return len(events), messages, end, others, is_open


@compiled
def is_crossed(levels, counts):
    """Best bid at or above best ask."""
    if counts[0] == 0 or counts[1] == 0:
        return False
    return levels[0, PRICE, counts[0] - 1] >= levels[1, PRICE, 0]


@compiled
def _edge(levels, counts, side, window):
    """(whether the side is full, its worst price)."""
    n = counts[side]
    if n < window or n == 0:
        return False, 0
    return True, levels[side, PRICE, 0 if side == BID else n - 1]


@compiled
def _put(levels, counts, side, price, size):
    """Set one level (0 removes it); returns the size that it had."""
    prices, sizes = levels[side, PRICE], levels[side, SIZE]
    n = counts[side]
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if prices[middle] < price:
            low = middle + 1
        else:
            high = middle
    if low < n and prices[low] == price:
        old = sizes[low]
        if size == 0:
            for i in range(low, n - 1):
                prices[i], sizes[i] = prices[i + 1], sizes[i + 1]
            counts[side] = n - 1
        else:
            sizes[low] = size
        return old
    if size != 0:
        for i in range(n, low, -1):
            prices[i], sizes[i] = prices[i - 1], sizes[i - 1]
        prices[low], sizes[low] = price, size
        counts[side] = n + 1
    return 0


# The update


@compiled
def follow_update(
    payload, symbol, version, scales, changes, levels, counts, window, levels_max, rows, recv_ns, seq
):
    """Apply an update of `symbol` and `version` to a whole book.

    Args:
        payload, symbol: bytes.
        scales: (4,) int64: decimals and step of a price, of a size; see `SymbolRules`.
        changes: (2, SIDE_LEVELS_MAX, 2) int64, for scratch.
        levels_max: a side with more is too large.
        rows: EVENT_DTYPE, at least ROWS_MAX long; the update's LEVEL events are written to it, bids first,
            the last with Flag.LAST.

    Returns:
        (verdict, events written, exch_ns).
    """
    n_bids, n_asks, ms = read_update(payload, symbol, version, scales, changes)
    room = levels.shape[2] - max(counts[0] + n_bids, counts[1] + n_asks)
    if n_bids + n_asks <= 0 or room < 0:
        return NOT_MINE, 0, 0
    exch_ns = ms * 1_000_000
    n = apply_levels(levels, counts, BID, changes[BID], n_bids, window, rows, 0, recv_ns, exch_ns, seq)
    n = apply_levels(levels, counts, ASK, changes[ASK], n_asks, window, rows, n, recv_ns, exch_ns, seq)
    if n > 0:
        rows[n - 1]["flags"] |= _LAST
    is_odd = min(counts[0], counts[1]) < window or max(counts[0], counts[1]) > levels_max
    return LOOK if is_odd or is_crossed(levels, counts) else DONE, n, exch_ns


@compiled
def read_update(payload, symbol, version, scales, changes):
    """The levels of an update into changes[side]: (bids, asks, ms_t); (-1, -1, 0) if it is anything else."""
    n_bids, n_asks, ms = -1, -1, 0
    at = 1 if len(payload) > 2 and payload[0] == _BRACE else -1
    table = _after(payload, at, _TABLE)
    if table > 0:
        at = table + 1 if _is(payload, table, _COMMA) else -1
    at = _after(payload, at, _DATA)
    seen = 0
    while at > 0:
        if _after(payload, at, _ASKS) > 0:
            field = 1
            n_asks, at = _levels(payload, at + len(_ASKS), scales, changes[ASK])
        elif _after(payload, at, _BIDS) > 0:
            field = 2
            n_bids, at = _levels(payload, at + len(_BIDS), scales, changes[BID])
        elif _after(payload, at, _SYMBOL) > 0:
            field = 4
            at = _after(payload, at + len(_SYMBOL), symbol)
            at = at + 1 if _is(payload, at, _QUOTE) else -1
        elif _after(payload, at, _MS) > 0:
            field = 8
            ms, at = _whole(payload, at + len(_MS))
        elif _after(payload, at, _VERSION) > 0:
            field = 16
            found, at = _whole(payload, at + len(_VERSION))
            at = at if found == version else -1
        else:
            field = 32
            at = _after(payload, at, _TYPE)
        if at < 0 or seen & field:
            return -1, -1, 0
        seen |= field
        if not _is(payload, at, _COMMA):
            break
        at += 1
    at = _after(payload, at, _DATA_END)
    if at > 0 and table < 0:
        at = _after(payload, at + 1, _TABLE) if _is(payload, at, _COMMA) else -1
    if seen != _ALL or ms > MS_MAX or not _is(payload, at, _BRACE_END) or at + 1 != len(payload):
        return -1, -1, 0
    return n_bids, n_asks, ms


@compiled
def _levels(payload, at, scales, changes):
    """`[["price","size"],...]`: (levels, index after it)."""
    if not _is(payload, at, _OPEN):
        return -1, -1
    if _is(payload, at + 1, _CLOSE):
        return 0, at + 2
    n = 0
    while n < SIDE_LEVELS_MAX and _is(payload, at + 1, _OPEN) and _is(payload, at + 2, _QUOTE):
        price, at = _units(payload, at + 3, scales[0], scales[1])
        if price <= 0 or not (_is(payload, at, _COMMA) and _is(payload, at + 1, _QUOTE)):
            return -1, -1
        size, at = _units(payload, at + 2, scales[2], scales[3])
        if not _is(payload, at, _CLOSE):
            return -1, -1
        for i in range(n):
            if changes[i, 0] == price:
                return -1, -1
        changes[n, 0], changes[n, 1] = price, size
        n += 1
        at += 1
        if _is(payload, at, _CLOSE):
            return n, at + 1
        if not _is(payload, at, _COMMA):
            return -1, -1
    return -1, -1


@compiled
def _units(payload, at, places, step):
    """Plain decimal text up to its closing quote in units of `step` * 10^-places: (units, index after it)."""
    begin, units, digits, decimals = at, 0, 0, -1
    while _is_inside(payload, at) and payload[at] != _QUOTE:
        byte = payload[at]
        if byte == _POINT and decimals < 0 and digits > 0:
            decimals = 0
        elif byte < _ZERO or byte > _NINE or (decimals == places and byte != _ZERO):
            return 0, -1
        elif decimals < places:
            units = units * 10 + (byte - _ZERO)
            digits += 1
            decimals += decimals >= 0
        if digits > DIGITS_MAX:
            return 0, -1
        at += 1
    missing = places - max(decimals, 0)
    if digits == 0 or digits + missing > DIGITS_MAX or at - begin > MAX_LENGTH or not _is_inside(payload, at):
        return 0, -1
    for _ in range(missing):
        units *= 10
    if step != 1 and units % step != 0:
        return 0, -1
    return units // step, at + 1


@compiled
def _whole(payload, at):
    """A JSON integer from 0 on: (value, index after it)."""
    begin, value = at, 0
    while _is_inside(payload, at) and _ZERO <= payload[at] <= _NINE:
        value = value * 10 + (payload[at] - _ZERO)
        at += 1
        if at - begin > DIGITS_MAX:
            return 0, -1
    is_padded = at - begin > 1 and payload[begin] == _ZERO
    return (0, -1) if at == begin or is_padded else (value, at)


@compiled
def _after(payload, at, text):
    """Index after `text` if it stands at `at`, else -1."""
    if at < 0 or at + len(text) > len(payload):
        return -1
    for i in range(len(text)):
        if payload[at + i] != text[i]:
            return -1
    return at + len(text)


@compiled
def _is(payload, at, byte):
    return 0 <= at < len(payload) and payload[at] == byte


@compiled
def _is_inside(payload, at):
    return 0 <= at < len(payload)

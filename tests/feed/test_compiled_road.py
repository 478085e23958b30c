"""The compiled road of the mirror against the other one, msgspec's, which is the oracle.

1. What `read_update` takes, msgspec and the level reader understand in the same way.
2. A mirror does and tells the same whether or not its updates take the compiled road, whatever comes.
3. The plain form of an update takes it.
"""

import json
import random

import numpy as np
import pytest
from feed_messages import RULES, SYMBOL, snapshot, update
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.rules import SymbolRules
from paper_bitmart.feed.book_core import SIDE_LEVELS_MAX, read_update
from paper_bitmart.feed.events import ASK, BID, FeedState
from paper_bitmart.feed.level_reader import LevelReader
from paper_bitmart.feed.mirror import BOOK_LEVELS_MAX, Mirror
from paper_bitmart.feed.pushes import PushKind, decode_push

VERSION = 6
# Ticks of 0.25: two decimals in steps of 25.
QUARTERS = SymbolRules(**{
    name: getattr(RULES, name)
    for name in ("symbol", "symbol_id", "base", "quote", "price_decimals", "size_decimals", "lot", "min_size")
} | {"tick": RULES.tick * 25})  # fmt: skip


def read(payload, rules=RULES, version=VERSION):
    """(bids, asks, ms_t) by the compiled road; None: not its form."""
    scales = np.array([*rules.price_scale, *rules.size_scale], np.int64)
    changes = np.empty((2, SIDE_LEVELS_MAX, 2), np.int64)
    n_bids, n_asks, ms = read_update(payload, rules.symbol.encode(), version, scales, changes)
    if n_bids < 0:
        return None
    sides = [[tuple(level) for level in changes[s, :n].tolist()] for s, n in ((BID, n_bids), (ASK, n_asks))]
    return *sides, ms


def read_slowly(payload, rules=RULES, version=VERSION):
    """The same by msgspec; None: refused, or another message."""
    try:
        push = decode_push(payload)
        if push.kind is not PushKind.INCREMENT or len(push.items) != 1:
            return None
        [item] = push.items
        found = LevelReader(rules).update(item, "")
    except MessageError:
        return None
    if (item.symbol, item.type, item.version) != (rules.symbol, "update", version):
        return None
    return found.bids, found.asks, item.ms_t


# --- forms ---

FIELDS = {
    "symbol": f'"{SYMBOL}"', "asks": '[["1.02","0.8"],["1.03","0"]]', "bids": '[["1.00","2"]]',
    "ms_t": "1763800001300", "type": '"update"', "version": str(VERSION),
}  # fmt: skip
TABLE = '"table":"spot/depth/increase100"'


def text(fields=FIELDS, order=None, table_first=True, more=""):
    item = "{" + ",".join(f'"{name}":{fields[name]}' for name in order or fields) + more + "}"
    parts = [TABLE, f'"data":[{item}]'] if table_first else [f'"data":[{item}]', TABLE]
    return ("{" + ",".join(parts) + "}").encode()


@given(st.permutations(list(FIELDS)), st.booleans())
def test_the_plain_form_takes_the_compiled_road_in_any_order_of_its_fields(order, table_first):
    assert read(text(order=order, table_first=table_first)) == (
        [(100, 20)], [(102, 8), (103, 0)], 1763800001300)  # fmt: skip


def test_what_the_tests_and_the_publisher_send_takes_it_too():
    compact = json.dumps(json.loads(update(VERSION, [(100, 7)], [(102, 0)])), separators=(",", ":")).encode()
    assert read(compact) == ([(100, 7)], [(102, 0)], 1_000)


OTHER_FORMS = {
    "another symbol": text(FIELDS | {"symbol": '"AAA_USDC"'}),
    "a longer symbol": text(FIELDS | {"symbol": f'"{SYMBOL}X"'}),
    "a snapshot": text(FIELDS | {"type": '"snapshot"'}),
    "another version": text(FIELDS | {"version": "7"}),
    "a version with a zero before it": text(FIELDS | {"version": "06"}),
    "a negative version": text(FIELDS | {"version": "-6"}),
    "a version as text": text(FIELDS | {"version": '"6"'}),
    "a number too long": text(FIELDS | {"ms_t": "1" * 19}),
    "a time beyond int64 ns": text(FIELDS | {"ms_t": "9" * 18}),
    "a field missing": text(order=list(FIELDS)[:-1]),
    "a field twice": text(more=',"version":6'),
    "another field": text(more=',"more":1'),
    "a blank": text().replace(b",", b", ", 1),
    "another table": text().replace(b"increase100", b"increase200"),
    "no table": text().replace(TABLE.encode() + b",", b""),
    "two tables": b"{" + TABLE.encode() + b"," + text(table_first=False)[1:],
    "two items": text().replace(b"}]", b"},{}]"),
    "bytes after the end": text() + b" ",
    "cut short": text()[:-1],
    "an escape": text(FIELDS | {"symbol": '"AAA\\u005fUSDT"'}),
    "a price of 0": text(FIELDS | {"bids": '[["0.00","1"]]'}),
    "a price twice": text(FIELDS | {"bids": '[["1.00","1"],["1.0","2"]]'}),
    "a price off its tick": text(FIELDS | {"bids": '[["1.005","1"]]'}),
    "a size off its lot": text(FIELDS | {"bids": '[["1.00","0.15"]]'}),
    "an exponent": text(FIELDS | {"bids": '[["1e0","1"]]'}),
    "a sign": text(FIELDS | {"bids": '[["+1.00","1"]]'}),
    "a negative size": text(FIELDS | {"bids": '[["1.00","-1"]]'}),
    "an underscore": text(FIELDS | {"bids": '[["1_0.00","1"]]'}),
    "no digits": text(FIELDS | {"bids": '[["","1"]]'}),
    "two points": text(FIELDS | {"bids": '[["1.0.0","1"]]'}),
    "no digit before the point": text(FIELDS | {"bids": '[[".5","1"]]'}),
    "digits of another script": text(FIELDS | {"bids": '[["\u0661.00","1"]]'}),
    "a number too large": text(FIELDS | {"bids": '[["10000000000000000.00","1"]]'}),
    "a number of 61 characters": text(FIELDS | {"bids": f'[["1.{"0" * 59}","1"]]'}),
    "numbers not as text": text(FIELDS | {"bids": "[[1.00,1]]"}),
    "a level of three": text(FIELDS | {"bids": '[["1.00","1","1"]]'}),
    "a level of one": text(FIELDS | {"bids": '[["1.00"]]'}),
    "a comma too many": text(FIELDS | {"bids": '[["1.00","1"],]'}),
    "a comma too few": text(FIELDS | {"bids": '[["1.00","1"]["0.99","1"]]'}),
    "levels without end": text(FIELDS | {"bids": '[["1.00","1"]'}),
    "too many levels": text(
        FIELDS | {"bids": "[" + ",".join(f'["{n}.00","1"]' for n in range(1, SIDE_LEVELS_MAX + 2)) + "]"}
    ),
    "nothing": b"",
    "a brace": b"{",
    "an empty object": b"{}",
}


@pytest.mark.parametrize("payload", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_every_other_form_is_left_to_the_other_road(payload):
    assert read(payload) is None


NUMBERS = {
    "1": 100, "1.": 100, "1.5": 150, "0001.50": 150, "1.500000000": 150, "0.01": 1,
    "5.000000000000000000000000000000": 500, "1234567890123456.78": 123_456_789_012_345_678,
}  # fmt: skip


@pytest.mark.parametrize(("price", "ticks"), NUMBERS.items())
def test_plain_decimal_text_is_read_exactly(price, ticks):
    payload = text(FIELDS | {"asks": "[]", "bids": f'[["{price}","1"]]'})
    assert read(payload) == read_slowly(payload) == ([(ticks, 10)], [], 1763800001300)


@pytest.mark.parametrize(("price", "ticks"), [("1.25", 5), ("1.5", 6), ("2", 8), ("1.20", None)])
def test_a_tick_that_is_no_power_of_ten_is_read_in_steps(price, ticks):
    payload = text(FIELDS | {"asks": "[]", "bids": f'[["{price}","1"]]'})
    expected = None if ticks is None else ([(ticks, 10)], [], 1763800001300)
    assert read(payload, QUARTERS) == read_slowly(payload, QUARTERS) == expected


# --- 1: nothing is understood differently ---

ALPHABET = st.sampled_from([*b'{}[]",:.0123456789eE+-_ \\utdpsa\xd9\xff'])


@given(
    st.permutations(list(FIELDS)),
    st.lists(st.tuples(st.sampled_from(["replace", "insert", "delete"]), st.integers(0, 400), ALPHABET),
             max_size=4),
)  # fmt: skip
def test_a_damaged_message_is_never_understood_differently(order, damages):
    payload = bytearray(text(order=order))
    for kind, at, byte in damages:
        at %= len(payload)
        if kind == "insert":
            payload.insert(at, byte)
        elif kind == "delete":
            del payload[at]
        else:
            payload[at] = byte
    quickly = read(bytes(payload))
    assert quickly is None or quickly == read_slowly(bytes(payload))


DECIMAL = st.from_regex(r"[0-9]{0,4}(\.[0-9]{0,4})?", fullmatch=True)
LEVELS = st.lists(st.tuples(DECIMAL, DECIMAL).map(list), max_size=4)


@given(LEVELS, LEVELS)
def test_levels_are_read_as_the_other_road_reads_them(bids, asks):
    compact = {
        "bids": json.dumps(bids, separators=(",", ":")),
        "asks": json.dumps(asks, separators=(",", ":")),
    }
    payload = text(FIELDS | compact)
    quickly, slowly = read(payload), read_slowly(payload)
    assert quickly is None or quickly == slowly
    plain = all(number[:1].isdigit() for levels in (bids, asks) for level in levels for number in level)
    assert quickly == slowly or not plain


# --- 2: two mirrors, one with the compiled road closed ---


class SlowMirror(Mirror):
    def follow(self, payload, recv_ns, seq):
        return False


class SmallWindow(Mirror):
    window = 3


class SlowSmallWindow(SlowMirror):
    window = 3


PRICES, SIZES = st.integers(90, 110), st.sampled_from([0, 0, 1, 2, 30])
SIDE = st.dictionaries(PRICES, SIZES, max_size=6)
MESSAGES = st.lists(
    st.tuples(st.sampled_from(["update"] * 6 + ["snapshot", "gap", "again"]), SIDE, SIDE, st.integers(0, 3)),
    max_size=20,
)


def compact(payload):
    return json.dumps(json.loads(payload), separators=(",", ":")).encode()


@given(MESSAGES)
def test_both_roads_lead_to_the_same_book_events_and_counters(messages):
    mirrors = SmallWindow(RULES), SlowSmallWindow(RULES)
    version = 10
    start = compact(snapshot(version, [(99, 5), (98, 1), (97, 2)], [(101, 5), (102, 1), (103, 2)]))
    same(mirrors, start, 1)
    for now_ns, (kind, bids, asks, ms) in enumerate(messages, start=2):
        version += {"update": 1, "gap": 2}.get(kind, 0)
        make = snapshot if kind == "snapshot" else update
        same(mirrors, compact(make(version, bids.items(), asks.items(), ms)), now_ns)


def same(mirrors, payload, now_ns):
    told = [mirror.receive(payload, now_ns, 7).tolist() for mirror in mirrors]
    assert told[0] == told[1]
    first, second = (
        (m.state, m.version, m.exch_ns, m.content_ns, m.requests, m.last_problem, m.counters, m.bids, m.asks)
        for m in mirrors
    )
    assert first == second


def test_a_long_market_takes_the_compiled_road_and_ends_at_the_same_book():
    rng = random.Random(5)
    mirrors = Mirror(RULES), SlowMirror(RULES)
    taken = 0
    levels = [(price, 5) for price in range(1, 101)]
    same(mirrors, compact(snapshot(1, levels, [(price + 200, size) for price, size in levels])), 1)
    for version in range(2, 400):
        changes = {rng.randrange(20, 150): rng.choice([0, 0, 3, 4, 5]) for _ in range(5)}
        asks = {price + 200: size for price, size in changes.items()}
        payload = compact(update(version, changes.items(), asks.items()))
        taken += mirrors[0].state is FeedState.LIVE and read(payload, version=version) is not None
        same(mirrors, payload, version)
    assert taken == 398


# --- limits ---


def test_a_book_without_room_takes_the_other_road_and_has_room_again():
    mirror = Mirror(RULES)
    mirror.receive(compact(snapshot(1, [(1, 1)], [(100_000, 1)])), 1)
    for version in range(2, 20):
        fresh = [(100 * version + n, 1) for n in range(SIDE_LEVELS_MAX)]
        mirror.receive(compact(update(version, fresh)), version)
    assert len(mirror.bids) == 1 + 18 * SIDE_LEVELS_MAX
    assert mirror.version == 19


def test_a_side_that_grows_without_end_is_given_up_on_either_road():
    mirrors = Mirror(RULES), SlowMirror(RULES)
    same(mirrors, compact(snapshot(1, [(1, 1)], [(10**9, 1)])), 1)
    for version in range(2, BOOK_LEVELS_MAX // SIDE_LEVELS_MAX + 4):
        fresh = [(100 * version + n, 1) for n in range(SIDE_LEVELS_MAX)]
        same(mirrors, compact(update(version, fresh)), version)
    assert mirrors[0].counters.overflows == 1
    assert mirrors[0].state is FeedState.SYNCING

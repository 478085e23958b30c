"""Runs scenarios: text tables that a trader can read, one line per thing that happens.

    book    bid 100.0x7 99.9x5 ask 100.2x3      a whole fresh book; the feed is live from here on
    depth   bid 100.0x4 ask 100.2x0             a depth message; 100.2x0(left): it left the published window,
                                                100.2x4(entered): it came into it; `depth nothing`: keep-alive
    trade   sell 100.0 x9                       a print, with its aggressor's side
    quote   ask 100.0x2                         best ask (or bid) between depth messages
    feed    stale                               syncing, live, stale or closed
    place   A1 buy limit 100.0 x5 [stp MODE]    A1: account A. limit, limit_maker, ioc; `A1 sell market x5`,
                                                `A1 buy market for 200.4`: the notional to spend
    cancel  A1                                  answers `-> A1 had 5 left` or `-> A1 does not rest`
    expect  A1 ahead 7                          or `unknown`, `gone`, `traded 2 cancelled 1`; `best bid 100.0`
    wait    90ms
    model   conservative                        before the first book; also `published 3` (levels a side)

A tick is 0.1 and a lot is 1. Every line takes 10 ms; `... 30ms ago` at its end means that the venue's stamp
is so much older than its receipt. What a line must report stands after `->`, one report each, all of them,
in order; no arrow means that nothing may be reported. `#` begins a comment.
"""

import re
from decimal import Decimal

import numpy as np

from paper_bitmart.feed.events import EVENT_DTYPE, FeedState, Flag, Kind
from paper_bitmart.matching.reports import CancelReason, Evidence, MakerTaker, ReportKind

MS = 1_000_000
START_NS = 1_700_000_000_000 * MS
LINE_NS = 10 * MS
SIDES = {"buy": 0, "sell": 1, "bid": 0, "ask": 1}
ORDER_TYPES = {"limit": 0, "limit_maker": 1, "ioc": 2, "market": 3}
STP_MODES = {"none": 0, "cancel_maker": 1, "cancel_taker": 2, "cancel_both": 3}
LEVEL = re.compile(r"(\d+(?:\.\d)?)x(\d+)(?:\((left|entered)\))?$")
EDGES = {None: 0, "left": int(Flag.LEFT_WINDOW), "entered": int(Flag.ENTERED_WINDOW)}


class ScenarioError(Exception):
    """A line that cannot be read."""


def read_scenario(text):
    """Lines as (number, command words, expected reports)."""
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        command, *reports = (part.strip() for part in line.split("#")[0].split("->"))
        if command:
            lines.append((number, command.split(), reports))
        elif reports:
            if not lines:
                raise ScenarioError(f"line {number}: a report before the first command")
            lines[-1][2].extend(reports)
    return lines


class Runner:
    """One scenario on one matcher.

    `make_matcher(queue_model, published_levels)` makes it; `as_rows` has `drain(matcher)` and
    `best_price(matcher, side)`.
    """

    def __init__(self, name, make_matcher, as_rows):
        self.name = name
        self._make_matcher, self._as_rows = make_matcher, as_rows
        self._model, self._published = "conservative", 100
        self._matcher = None
        self._now_ns = START_NS
        self._seq = 0
        self._names = []

    def run(self, text):
        """Raises AssertionError naming file and line where a report differs from what the table says."""
        for number, words, expected in read_scenario(text):
            place = f"{self.name}:{number}: {' '.join(words)}"
            try:
                answer = self._do(words)
            except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
                raise ScenarioError(f"{place}: cannot be read ({error!r})") from error
            got = answer if isinstance(answer, list) else self._reports()
            assert got == expected, f"{place}\nexpected {expected}\n     got {got}"

    def _do(self, words):
        command, *rest = words
        if command in ("model", "published"):
            return self._configure(command, *rest)
        if self._matcher is None:
            self._matcher = self._make_matcher(self._model, self._published)
        self._now_ns += LINE_NS
        return getattr(self, f"_{command}")(rest)

    def _configure(self, setting, value):
        if self._matcher is not None:
            raise ValueError(f"{setting} after the first command")
        if setting == "model":
            self._model = value
        else:
            self._published = int(value)
        return []

    # The market

    def _process(self, kind, rows, ago_ns=0):
        """One message of rows (side, price, size, flags)."""
        self._seq += 1
        exch_ns = self._now_ns - ago_ns
        rows = [
            (self._now_ns, exch_ns, price, size, self._seq, flags, int(kind), side)
            for side, price, size, flags in rows
        ]
        rows[-1] = (*rows[-1][:5], rows[-1][5] | int(Flag.LAST), *rows[-1][6:])
        self._matcher.process(np.array(rows, EVENT_DTYPE))

    def _book(self, words):
        words, ago_ns = _ago(words)
        snapshot = int(Flag.SNAPSHOT)
        self._process(Kind.SNAPSHOT_BEGIN, [(0, 0, 0, snapshot)], ago_ns)
        for side, price, size, _ in _levels(words):
            self._process(Kind.LEVEL, [(side, price, size, snapshot)], ago_ns)
        self._process(Kind.SNAPSHOT_END, [(0, 0, 0, snapshot)], ago_ns)
        self._process(Kind.FEED_STATE, [(0, 0, int(FeedState.LIVE), 0)], ago_ns)

    def _depth(self, words):
        words, ago_ns = _ago(words)
        if words == ["nothing"]:
            self._process(Kind.DEPTH_MARK, [(0, 0, 0, 0)], ago_ns)
        else:
            self._process(Kind.LEVEL, list(_levels(words)), ago_ns)

    def _trade(self, words):
        (side, price, size), ago_ns = _ago(words)
        self._process(Kind.TRADE, [(SIDES[side], _ticks(price), _lots(size), 0)], ago_ns)

    def _quote(self, words):
        words, ago_ns = _ago(words)
        self._process(Kind.BBO, list(_levels(words)), ago_ns)

    def _feed(self, words):
        (state,) = words
        self._process(Kind.FEED_STATE, [(0, 0, int(FeedState[state.upper()]), 0)])

    def _wait(self, words):
        (time,) = words
        self._now_ns += int(time.removesuffix("ms")) * MS
        return []

    # Orders

    def _place(self, words):
        name, side, order_type, *rest = words
        if name in self._names:
            raise ValueError(f"{name} was placed before")
        self._names.append(name)
        stp = 0
        if "stp" in rest:
            *rest, _, mode = rest
            stp = STP_MODES[mode]
        price = size = budget = 0
        if rest[0] == "for":
            budget = _ticks(rest[1])
        elif order_type == "market":
            size = _lots(rest[0])
        else:
            price, size = _ticks(rest[0]), _lots(rest[1])
        account, order_id = ord(name[0]) - ord("A"), len(self._names)
        self._matcher.place(
            order_id, account, SIDES[side], ORDER_TYPES[order_type], price, size, budget, stp, self._now_ns
        )

    def _cancel(self, words):
        (name,) = words
        leaves = self._matcher.cancel(self._id(name), self._now_ns)
        return [f"{name} does not rest" if leaves < 0 else f"{name} had {leaves} left"]

    def _expect(self, words):
        self._now_ns -= LINE_NS
        if words[0] == "best":
            side, price = words[1:]
            assert self._as_rows.best_price(self._matcher, SIDES[side]) == _ticks(price), " ".join(words)
            return []
        name, *facts = words
        report = self._matcher.explain(self._id(name))
        if facts == ["gone"]:
            assert report is None, f"{name} still rests"
            return []
        assert report is not None, f"{name} does not rest"
        known = {
            "ahead": "unknown" if report.ahead < 0 else f"{float(report.ahead):g}",
            "entry": "unknown" if report.ahead_at_entry < 0 else f"{float(report.ahead_at_entry):g}",
            "traded": f"{float(report.traded_ahead):g}",
            "cancelled": f"{float(report.cancelled_ahead):g}",
            "leaves": str(report.leaves_lots),
        }
        for fact, value in zip(facts[::2], facts[1::2], strict=True):
            assert known[fact] == value, f"{name}: {fact} is {known[fact]}, expected {value}"
        return []

    def _id(self, name):
        return self._names.index(name) + 1

    # Reports

    def _reports(self):
        return [self._text(report) for report in self._as_rows.drain(self._matcher)]

    def _text(self, r):
        name = self._names[r.order_id - 1]
        if r.kind == ReportKind.REST:
            ahead = "unknown" if r.ahead_after is None else f"{float(r.ahead_after):g}"
            return f"{name} rests x{r.size}, ahead {ahead}"
        if r.kind == ReportKind.CANCEL:
            return f"{name} canceled x{r.size}, {_words(CancelReason(r.reason))}"
        role = MakerTaker(r.role).name.lower()
        why = _words(Evidence(r.reason))
        if r.counter_id:
            why += f" with {self._names[r.counter_id - 1]}"
        return f"{name} fills x{r.size} at {r.price / 10:.1f} {role}, {why}, leaves {r.leaves}"


def _words(member):
    return member.name.lower().replace("_", " ")


def _ticks(text):
    ticks = Decimal(text) * 10
    if ticks != int(ticks):
        raise ValueError(f"{text} is not on a tick of 0.1")
    return int(ticks)


def _lots(text):
    if not text.startswith("x"):
        raise ValueError(f"a size looks like x5, not {text}")
    return int(text[1:])


def _ago(words):
    """The words without `30ms ago`, and that time in ns."""
    if words[-1] != "ago":
        return words, 0
    return words[:-2], int(words[-2].removesuffix("ms")) * MS


def _levels(words):
    side = None
    for word in words:
        if word in ("bid", "ask"):
            side = SIDES[word]
            continue
        match = LEVEL.match(word)
        if match is None or side is None:
            raise ValueError(f"a level looks like `bid 100.0x7`, not {word}")
        price, size, edge = match.groups()
        yield side, _ticks(price), int(size), EDGES[edge]

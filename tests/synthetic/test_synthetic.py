"""The simulator's own invariants, and the default model on markets unlike those of the fidelity sets.

Invariants:
    1. FIFO: among displayed orders of a price the earlier place trades first, all of it before the next.
    2. Conservation: what came to rest is what traded, left, or still rests; levels add up to their orders.
    3. The book is never crossed, and every published level is the exact one at the boundary.
    4. The same seed gives the same files.
"""

import gzip
import json
from collections import defaultdict

import pytest
from fidelity_set import make_set
from flow import Flow
from l3_book import ASK, BID, Book
from publish import INTERVAL_NS, Scale, captures
from regimes import FUTURE, REGIMES, SHARE
from true_fills import Life, Log

from paper_bitmart.realism.score_run import ScoreOptions, run_score

MS = 1_000_000


def played(regime, seconds=20.0, seed=5, **more):
    flow = Flow(regime, seed, seconds, **more)
    return flow.play()


@pytest.mark.parametrize("name", sorted(REGIMES))
def test_displayed_orders_of_a_price_trade_in_the_order_in_which_they_joined(name):
    book = played(REGIMES[name])
    last, left_of = {}, {}
    for e in book.executions:
        if e.is_hidden:
            continue
        key = (e.side, e.price)
        assert e.place >= last.get(key, 0)
        last[key] = e.place
    for order in book.orders.values():
        left_of.setdefault((order.side, order.price), []).append(order.place)
    assert all(places == sorted(places) for places in left_of.values())


@pytest.mark.parametrize("name", sorted(REGIMES))
def test_levels_add_up_to_their_orders_and_never_cross(name):
    book = played(REGIMES[name])
    total = defaultdict(int)
    for order in book.orders.values():
        assert order.lots > 0
        if not order.is_hidden:
            total[order.side, order.price] += order.lots
    assert dict(total) == {(s, p): n for s in (BID, ASK) for p, n in book.totals[s].items()}
    assert book.best(BID) < book.best(ASK)


def test_what_came_to_rest_traded_left_or_rests_still():
    book = Book()
    ids = [book.add(BID, 100, lots, 1).order_id for lots in (5, 3, 2)]
    book.add(BID, 100, 4, 1, is_hidden=True)
    assert book.cancel(ids[1], 2, lots=1) == 1
    assert book.aggress(ASK, 8, 3) == 0
    assert [(e.lots, e.is_hidden) for e in book.executions] == [(5, False), (2, False), (1, False)]
    assert book.size_at(BID, 100) == 1
    assert book.aggress(ASK, 9, 4) == 4  # 1 displayed, 4 hidden; nothing is left to trade with
    assert book.best(BID) is None
    assert [c.lots for c in book.changes] == [5, 8, 10, 9, 4, 2, 1, 0]


def test_the_100ms_feed_shows_the_exact_levels_at_each_boundary():
    opening = {}
    book = played(FUTURE, on_start=lambda b: opening.update(levels=tuple(dict(t) for t in b.totals)))
    scale = Scale("X_USDT", 0, 0)
    lines = captures(book, opening["levels"], scale, 0, seed=1)["100ms"]
    shown = ({}, {})
    frames = [
        json.loads(line.text)["data"][0] | {"at": line.recv_ns} for line in lines if "depth" in line.text
    ]
    changes, exact = iter([*book.changes, None]), tuple(dict(t) for t in opening["levels"])
    change = next(changes)
    for frame in frames:
        while frame["type"] == "update" and change is not None and change.at_ns < frame["at"]:
            exact[change.side][change.price] = change.lots
            change = next(changes)
        for side, name in ((BID, "bids"), (ASK, "asks")):
            shown[side].update({int(p): int(n) for p, n in frame[name]})
            held = {p: n for p, n in exact[side].items() if n}
            window = sorted(held, reverse=side == BID)[:100]
            assert {p: n for p, n in shown[side].items() if n} == {p: held[p] for p in window}
    assert len(frames) > 100
    assert all(f["at"] % INTERVAL_NS == 0 for f in frames[1:])


def life(book, *, side=BID, price=100, lots=5, end_ns=1000):
    return Life(side, price, lots, book.next_id - 1, 10, end_ns)


@pytest.mark.parametrize(
    ("rule", "happens", "fills", "contested"),
    [
        ("those before us first", lambda b: b.aggress(ASK, 2, 20), [], True),
        ("one behind us is executed", lambda b: b.aggress(ASK, 4, 20), [(20, 1)], True),
        ("below us", lambda b: (b.cancel(1, 15), b.cancel(2, 15), b.aggress(ASK, 1, 20)), [(20, 1)], False),
        ("a hidden one at our price", lambda b: b.aggress(ASK, 7, 20), [(20, 3), (20, 1)], False),
        ("across", lambda b: (b.cancel(1, 15), b.cancel(2, 15), b.add(ASK, 100, 2, 30)), [(30, 2)], False),
    ],
)  # fmt: skip
def test_a_hypothetical_order_fills_by_the_four_rules(rule, happens, fills, contested):
    book = Book()
    book.add(BID, 100, 3, 1)  # before us
    behind = life(book)
    book.add(BID, 100, 3, 12)
    book.add(BID, 99, 9, 13)
    book.add(BID, 100, 1, 14, is_hidden=True)
    happens(book)
    fate = Log(book).fate(behind)
    assert (fate.fills, fate.contested) == (fills, contested), rule


def test_the_same_seed_gives_the_same_files(tmp_path):
    for name in ("a", "b"):
        make_set(tmp_path / name, SHARE, seed=3, seconds=15, orders=40)
    for path in sorted((tmp_path / "a").iterdir()):
        other = tmp_path / "b" / path.name
        if path.name != "meta.json":
            assert path.read_bytes() == other.read_bytes(), path.name


def test_jitter_only_delays(tmp_path):
    make_set(tmp_path / "x", SHARE, seed=3, seconds=15, orders=10)

    def texts(feed):
        with gzip.open(tmp_path / "x" / f"capture_{feed}.jsonl.gz", "rt") as file:
            return sorted(line.split(" ", 1)[1] for line in file)

    assert texts("jitter") == texts("100ms")


@pytest.mark.parametrize("name", sorted(REGIMES))
@pytest.mark.parametrize("feed", ["100ms", "jitter"])
def test_the_default_model_is_sane_on_every_market(tmp_path, name, feed):
    """Far better than a constant, not biased by much, fills on both sides; a run raises nothing."""
    regime = REGIMES[name]
    seconds = 900.0 if name == "thin" else 60.0
    folder = tmp_path / name
    make_set(folder, regime, seed=11, seconds=seconds, orders=400)
    scored = run_score(
        ScoreOptions(
            capture=folder / f"capture_{feed}.jsonl.gz", symbols=folder / "symbols.json",
            orders=folder / "orders.jsonl", truth=folder / "truth.jsonl", bbo=folder / "bbo.csv.gz",
        )
    )  # fmt: skip
    figures = scored.score.maker
    assert figures["mcc"] > 0.85
    assert abs(figures["fill_rate_bias"]) < 0.1
    assert figures["tp"] > 20
    assert figures["tn"] > 20

"""benchmarks/cancels.py finds the hazards that a market was made with, and the cancels that 100 ms hide."""

import json
from random import Random

import numpy as np
import pytest
from small_market import RULES_ROW, START_NS, depth, trade

from benchmarks.cancels import BEHIND, TOUCH, census, fit, hidden, main
from paper_bitmart.backtest.tape import open_data
from paper_bitmart.feed.events import ASK, BID, EVENT_DTYPE, Flag, Kind

STEP_NS = 10_000_000
STEP_S = 0.01
LEVELS = 10
SIZES = (1, 1, 2, 3, 5, 8)


class Market:
    """Orders come to ten levels a side and leave by a known hazard, told of every 10 ms; nothing trades.

    hazard(age_s, is_touch): cancels per second. arrivals: per second and side. lone: an order a level.
    """

    def __init__(self, hazard, *, arrivals, lone=False, seed=1):
        self.hazard, self.arrivals, self.lone, self.random = hazard, arrivals, lone, Random(seed)
        self.queues = {(side, rank): [] for side in (BID, ASK) for rank in range(LEVELS)}
        self.shown = dict.fromkeys(self.queues, 0)
        self.rows = []

    def events(self, seconds):
        self._row(0, Kind.SNAPSHOT_BEGIN, flags=Flag.SNAPSHOT)
        self._row(0, Kind.SNAPSHOT_END, flags=Flag.SNAPSHOT | Flag.LAST)
        for step in range(1, round(seconds / STEP_S)):
            for side in (BID, ASK):
                self._cancel(side, step)
                self._arrive(side, step)
            self._publish(step)
        return np.array(self.rows, EVENT_DTYPE)

    def _cancel(self, side, step):
        best = next((rank for rank in range(LEVELS) if self.queues[side, rank]), None)
        for rank in range(LEVELS):
            self.queues[side, rank] = [
                (lots, born)
                for lots, born in self.queues[side, rank]
                if self.random.random() > self.hazard((step - born) * STEP_S, rank == best) * STEP_S
            ]

    def _arrive(self, side, step):
        if self.random.random() < self.arrivals * STEP_S:
            queue = self.queues[side, self.random.randrange(LEVELS)]
            if not (queue and self.lone):
                queue.append((self.random.choice(SIZES), step))

    def _publish(self, step):
        sizes = {place: sum(lots for lots, _ in queue) for place, queue in self.queues.items()}
        news = [place for place, lots in sizes.items() if self.shown[place] != lots]
        for side, rank in news:
            ticks = 1000 + rank if side == ASK else 999 - rank
            flags = Flag.LAST if (side, rank) == news[-1] else 0
            self._row(step, Kind.LEVEL, side, ticks, sizes[side, rank], flags)
        self.shown = sizes

    def _row(self, step, kind, side=0, ticks=0, lots=0, flags=0):
        at_ns = START_NS + step * STEP_NS
        self.rows.append((at_ns, at_ns, ticks, lots, 0, flags, kind, side))


def test_constant_hazards_of_lone_orders_are_found_at_every_age():
    events = Market(lambda _, is_touch: 0.8 if is_touch else 0.25, arrivals=6, lone=True).events(300)
    found = census(events, every_change=True)
    means = found.cancels.sum(1) / found.exposure_s.sum(1)
    assert means == pytest.approx([0.8, 0.25], rel=0.1)
    many = found.cancels > 50
    assert many.sum() > 8
    truth = np.array([[0.8], [0.25]]) * np.ones_like(found.cancels)
    errors = (found.cancels / np.maximum(found.exposure_s, 1e-9) - truth) / truth * np.sqrt(found.cancels)
    assert np.abs(errors[many]).max() < 3.5


def test_the_law_of_orders_in_queues_is_found():
    c, young_s, steady = 0.6, 0.4, 0.1
    market = Market(lambda age_s, is_touch: c * (1 / (age_s + young_s) + steady * is_touch), arrivals=6)
    best = fit(census(market.events(250), every_change=True))
    assert best.c == pytest.approx(c, rel=0.15)
    assert best.young_s == pytest.approx(young_s, rel=0.3)
    assert best.steady == pytest.approx(steady, rel=0.5)
    assert min(best.drops) > 2


BIDS = [("100.00", "5"), ("99.99", "7")]
LINES = (
    depth(0, bids=BIDS, asks=[("100.02", "1")], version=1, kind="snapshot"),
    # An order of 2 leaves and one of 2 comes: 100 ms show nothing of it.
    depth(110, bids=[("100.00", "3")], version=2),
    depth(120, bids=[("100.00", "5")], version=3),
    # One of 4 comes and goes: no order that stood has left.
    depth(210, bids=[("100.00", "9")], version=4),
    depth(220, bids=[("100.00", "5")], version=5),
    # 1 trades, 2 are cancelled and 1 comes: 1 of the 2 is seen.
    trade(310, "sell", "100.00", "1"),
    depth(311, bids=[("100.00", "4")], version=6),
    depth(320, bids=[("100.00", "2")], version=7),
    depth(330, bids=[("100.00", "3")], version=8),
    # Behind, a cancel that everybody sees.
    depth(410, bids=[("99.99", "4")], version=9),
    depth(510, bids=[("100.00", "4")], version=10),
)


@pytest.fixture
def capture(tmp_path):
    rules = {"code": 1000, "data": {"symbols": [RULES_ROW | {"quote_increment": "1", "base_min_size": "1"}]}}
    (tmp_path / "symbols.json").write_text(json.dumps(rules))
    path = tmp_path / "capture.jsonl"
    path.write_text("".join(f"{START_NS + ms * 10**6} {json.dumps(message)}\n" for ms, message in LINES))
    return path


def test_cancels_within_a_window_are_unseen_and_said_to_be(capture):
    (tape,) = open_data(capture).values()
    found = {key: row.tolist() for key, row in hidden(np.concatenate(list(tape.chunks()))).items()}
    # Windows, with a change, hiding a cancel; lots cancelled, unseen. Four windows: the snapshot's own has no
    # begin, the last message's no end. The ask stands still in all, the bid in one.
    assert found[TOUCH, "same", False] == [4 + 1 + 2, 2, 1, 2, 2]
    assert found[TOUCH, "smaller", True] == [1, 1, 1, 2, 1]
    assert found[BEHIND, "smaller", False] == [1, 1, 0, 3, 0]
    assert found[BEHIND, "same", False] == [3, 0, 0, 0, 0]
    assert len(found) == 4


def test_the_command_prints_its_tables(capture, capsys):
    main([str(capture), "--every-change"])
    out = capsys.readouterr().out
    titles = [line for line in out.splitlines() if line.startswith("### ")]
    assert [title.split(": ", 1)[1].split(" (")[0] for title in titles] == [
        "cancels by age", "c *", "cancels that 100 ms hide",
    ]  # fmt: skip
    assert "Geometric means of 1" in out

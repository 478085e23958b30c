"""A thousand seeded runs of a live session against a misbehaving venue; PAPER_BITMART_RUNS=10000 for more.

What is checked in each of them stands in `simulation.py`. A failure names its seed:
`python -m venue.simulation SEED` in `tests/` repeats it.
"""

import os
from collections import Counter

import pytest
from venue.fault_plan import FOR_GOOD, SECOND_NS, Fault, FaultPlan, Span
from venue.simulation import START_NS, Simulation

RUNS = int(os.environ.get("PAPER_BITMART_RUNS", "1000"))
BATCHES = 20


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_live_book_is_the_venues_book_whatever_happens(batch, record_property):
    runs = [Simulation(seed, trades=True).run() for seed in range(batch, RUNS, BATCHES)]
    # The summary of the test run says the longest and the median of all batches.
    record_property("recovery_s", sorted(run.recovered_ns / 1e9 for run in runs))
    # A batch in which nothing went wrong would show nothing.
    assert sum(run.outages.count for run in runs) > len(runs)
    assert sum(run.traders.fills for run in runs) > len(runs)
    assert sum(run.traders.refused for run in runs) > 0
    assert sum(consumer.trades for run in runs for consumer in run.consumers.values()) > 10 * len(runs)


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_alone_is_survived(fault):
    start_ns = START_NS + 10 * SECOND_NS
    for seed in range(3):
        plan = FaultPlan([Span(fault, start_ns, start_ns + 40 * SECOND_NS, 1.0)])
        run = Simulation(seed, plan).run()
        assert len(run.session.halted) == (fault in FOR_GOOD)


EXPECTED = {
    Fault.LOSE: {"resubscribes", "stale"},
    Fault.CORRUPT: {"bad", "reconnects"},
    Fault.HALF_OPEN: {"disconnects"},
    Fault.SILENT: {"stale", "resubscribes", "reconnects"},
    Fault.MUTE: {"disconnects"},
    Fault.VERSION_JUMP: {"gaps", "requests"},
    Fault.RESTART_SILENT: {"refused", "requests"},
    Fault.CROSSED: {"crossed", "requests"},
    Fault.FINER_TICK: {"bad", "refused"},
}


@pytest.mark.parametrize(("fault", "counters"), EXPECTED.items(), ids=[fault.name for fault in EXPECTED])
def test_a_fault_is_noticed_by_what_watches_for_it(fault, counters):
    start_ns = START_NS + 10 * SECOND_NS
    plan = FaultPlan([Span(fault, start_ns, start_ns + 60 * SECOND_NS, 1.0)], refused_share=0)
    session = Simulation(1, plan).run().session
    counted = Counter()
    for record in [*session.counters.values(), *(mirror.counters for mirror in session.mirrors.values())]:
        counted.update({name: getattr(record, name) for name in record.__slots__})
    assert {name for name in counters if not counted[name]} == set()


def test_a_symbol_without_increase100_falls_back_to_depth50():
    start_ns = START_NS
    plan = FaultPlan([Span(Fault.NO_INCREASE100, start_ns, start_ns + 90 * SECOND_NS, 1.0)], refused_share=0)
    run = Simulation(2, plan)
    while run.now_ns < START_NS + 80 * SECOND_NS:
        run._step()
    assert {run.session.channel(symbol) for symbol in run.session.mirrors} == {"spot/depth50"}
    assert run._is_well()


def test_one_run_is_the_same_run_every_time():
    first, second = (Simulation(71).run() for _ in range(2))
    assert first.session.frames == second.session.frames
    assert first.outages.finished == second.outages.finished

"""What goes wrong and when: a list of fault spans drawn from a seed."""

import random
from dataclasses import dataclass
from enum import Enum

SECOND_NS = 10**9


class Fault(Enum):
    LOSE = "frames are lost"
    REPEAT = "frames come twice"
    DELAY = "frames come up to 3 s late, so that others pass them"
    CORRUPT = "frames are cut short, or garbage, or a gateway's error page"
    HALF_OPEN = "nothing passes in either direction until the client gives up the connection"
    SILENT = "no market data, but pongs"
    MUTE = "neither market data nor pongs"
    CUT = "the venue closes the connection"
    REFUSE = "connections are refused"
    VERSION_JUMP = "a version is skipped without a change"
    RESTART_CUT = "the venue starts anew: connections lost, other versions"
    RESTART_SILENT = "the venue starts anew behind an open connection and just goes on with updates"
    RESTART_SNAPSHOT = "the venue starts anew behind an open connection and sends a snapshot"
    CROSSED = "the venue publishes a crossed book"
    EMPTY_SNAPSHOT = "snapshots have no levels"
    NO_ANSWER = "requests are not answered"
    NO_INCREASE100 = "increase100 gives nothing at all"
    FINER_TICK = "the rules change: a finer tick"
    DELISTED = "a symbol is delisted"


ONCE = frozenset(
    {
        Fault.HALF_OPEN, Fault.CUT, Fault.VERSION_JUMP, Fault.RESTART_CUT, Fault.RESTART_SILENT,
        Fault.RESTART_SNAPSHOT, Fault.FINER_TICK, Fault.DELISTED,
    }
)  # fmt: skip
"""Faults that happen at the start of their span only."""

FOR_GOOD = frozenset({Fault.FINER_TICK, Fault.DELISTED})
"""Faults after which their symbol does not come back."""


@dataclass(frozen=True)
class Span:
    """One fault: `share` of the frames or symbols are hit, while it lasts."""

    fault: Fault
    start_ns: int
    end_ns: int
    share: float


class FaultPlan:
    """`spans` by their start; after `ends_ns` everything works, but for one connection in 20."""

    def __init__(self, spans, refused_share=0.05):
        self.spans = sorted(spans, key=lambda span: span.start_ns)
        self.refused_share = refused_share
        self.ends_ns = max((span.end_ns for span in spans), default=0)

    @classmethod
    def drawn(cls, seed, start_ns, length_ns=25 * SECOND_NS):
        rng = random.Random(f"plan {seed}")
        # Most runs keep their symbols, so that recovery is what is mostly tested.
        faults = [fault for fault in Fault if fault not in FOR_GOOD or rng.random() < 0.15]
        spans = []
        for _ in range(rng.randint(2, 5)):
            begin_ns = start_ns + rng.randrange(length_ns)
            last_ns = rng.choice([1, 5, 10, 40]) * SECOND_NS
            spans.append(Span(rng.choice(faults), begin_ns, begin_ns + last_ns, rng.choice([0.1, 0.4, 1.0])))
        return cls(spans)

    def share(self, fault, at_ns):
        """How much of the traffic `fault` hits now; 0 when it does not hold."""
        holding = (s for s in self.spans if s.fault is fault and s.start_ns <= at_ns < s.end_ns)
        return max((span.share for span in holding), default=0.0)

    def __str__(self):
        return ", ".join(
            f"{s.fault.name}*{s.share} {s.start_ns / 1e9:.3f}-{s.end_ns / 1e9:.3f}" for s in self.spans
        )

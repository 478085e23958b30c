"""Hypothesis repeats exactly, on any machine; PAPER_BITMART_EXAMPLES=10 tries ten times as much."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = 50

settings.register_profile(
    "ci",
    max_examples=int(EXAMPLES * float(os.environ.get("PAPER_BITMART_EXAMPLES", "1"))),
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci")

"""Hypothesis repeats exactly, on any machine; PAPER_BITMART_EXAMPLES=10 tries ten times as much.

After a test run with faulty venues its summary says how long the feed took to recover.
"""

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


def pytest_terminal_summary(terminalreporter):
    recovered_s = sorted(
        seconds
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == "recovery_s"
        for seconds in value
    )
    if recovered_s:
        terminalreporter.write_line(
            f"{len(recovered_s):,} runs against a faulty venue: recovered within {recovered_s[-1]:.1f} s, "
            f"{recovered_s[len(recovered_s) // 2]:.1f} s in the median"
        )

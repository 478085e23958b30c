"""Recorded markets give the very events they gave before.

Covered: real BTC/ETH depth, trades and best prices; a share and a future with a tick of 0.25. Not covered:
gaps, restarts, keep-alives (recordings have none; see test_mirror*.py). PAPER_BITMART_REGEN=1 rewrites the
hashes.
"""

import hashlib
import json
import os

import pytest
from feed_messages import FIXTURES

from paper_bitmart.feed.convert import load_capture

GOLDEN = FIXTURES / "golden"
HASHES = GOLDEN / "events.json"
CAPTURES = {
    "demo": (FIXTURES / "demo" / "demo_btc_eth_60s.jsonl.gz", FIXTURES / "demo" / "symbols_details.json"),
    "bookticker": (GOLDEN / "btc_eth_bookticker_4s.jsonl.gz", FIXTURES / "demo" / "symbols_details.json"),
    "share": (GOLDEN / "aapl_20s.jsonl.gz", GOLDEN / "aapl_symbols.json"),
    "future": (GOLDEN / "es_20s.jsonl.gz", GOLDEN / "es_symbols.json"),
}


def fingerprint(name: str) -> dict[str, dict[str, object]]:
    events = load_capture(*CAPTURES[name]).events
    return {
        symbol: {"events": len(array), "sha256": hashlib.sha256(array.tobytes()).hexdigest()}
        for symbol, array in sorted(events.items())
    }


@pytest.mark.parametrize("name", CAPTURES)
def test_a_recording_gives_the_same_events_as_ever(name):
    known = json.loads(HASHES.read_text()) if HASHES.exists() else {}
    found = fingerprint(name)
    if os.environ.get("PAPER_BITMART_REGEN"):
        if known.get(name) != found:
            print(f"{name}: {known.get(name)} -> {found}")
        HASHES.write_text(json.dumps(known | {name: found}, indent=1, sort_keys=True) + "\n")
        return
    assert found == known[name]

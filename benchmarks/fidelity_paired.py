"""Is one queue model nearer to order-by-order truth than another? Paired intervals.

Stands for: the small orders of benchmarks/fidelity.py; both models meet the same ones, so what they share
cancels.
Left out: everything that benchmarks/fidelity.py leaves out.

    python -m benchmarks.fidelity_paired SETS_DIR MODEL OTHER [--feeds 100ms,jitter,rt]

Prints MODEL less OTHER, for each set: wrong decisions per 1000, F1 within 250 ms, fills missed or more than
250 ms late, fills false or more than 250 ms early; with 95 % intervals, one-minute blocks of submission time
resampled 1,000 times, seeded.
"""

import argparse
import json
from collections import defaultdict
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.fidelity import FEEDS, replay

BLOCK_NS = 60_000_000_000
NEAR_NS = 250_000_000
RESAMPLES = 1_000


class Fate(NamedTuple):
    """What became of an order under one model: each 0 or 1."""

    wrong: int
    hit: int
    positives: int
    late: int
    early: int


def fate(true_ns: int | None, simulated_ns: int | None) -> Fate:
    """First fills: true and simulated, None where there was none. `positives` is 2 tp + fp + fn."""
    if true_ns is None or simulated_ns is None:
        missed, false = true_ns is not None, simulated_ns is not None
        return Fate(missed or false, 0, missed or false, missed, false)
    error_ns = simulated_ns - true_ns
    return Fate(0, 2 * (abs(error_ns) <= NEAR_NS), 2, error_ns > NEAR_NS, error_ns < -NEAR_NS)


def fates(folder: Path, feed: str, model: str) -> dict[int, list[Fate]]:
    """Fates of the resting orders by block, in the order of the truth."""
    with TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.jsonl"
        replay(folder, feed, model, out)
        first: dict[str, int] = {}
        for text in out.read_text().splitlines():
            row = json.loads(text)
            if row["event"] == "fill":
                first.setdefault(row["client_order_id"], int(row["ts"]))
    blocks = defaultdict(list)
    for text in (folder / "truth.jsonl").read_text().splitlines():
        row = json.loads(text)
        if row["class"] != "taker" and row["accepted"]:
            blocks[row["ts"] // BLOCK_NS].append(
                fate(row["first_fill_ts"], first.get(row["client_order_id"]))
            )
    return dict(blocks)


def figures(some: list[Fate]) -> tuple[float, float, float, float]:
    """Wrong per 1000, F1 within 250 ms, late and early fills."""
    sums = [sum(column) for column in zip(*some, strict=True)]
    return 1000 * sums[0] / len(some), sums[1] / sums[2] if sums[2] else 0.0, sums[3], sums[4]


def differences(ours: dict[int, list[Fate]], theirs: dict[int, list[Fate]]) -> list[str]:
    """Our figures less theirs, as text with intervals."""

    def difference(blocks: list[int]) -> list[float]:
        sides = [figures([one for block in blocks for one in side[block]]) for side in (ours, theirs)]
        return [a - b for a, b in zip(*sides, strict=True)]

    random, blocks = Random(1), sorted(ours)
    resampled = [difference(random.choices(blocks, k=len(blocks))) for _ in range(RESAMPLES)]
    low, high = int(0.025 * RESAMPLES), int(0.975 * RESAMPLES) - 1
    texts = []
    columns = zip(*resampled, strict=True)
    for form, value, column in zip(
        ("+.2f", "+.4f", "+.0f", "+.0f"), difference(blocks), columns, strict=True
    ):
        ordered = sorted(column)
        texts.append(f"{value:{form}} ({ordered[low]:{form}} to {ordered[high]:{form}})")
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", type=Path)
    parser.add_argument("model")
    parser.add_argument("other")
    parser.add_argument("--feeds", default=",".join(FEEDS))
    options = parser.parse_args()
    pair = f"{options.model} less {options.other}"
    print(f"| {pair} | wrong per 1000 | F1 .25s | missed or late | false or early |")
    print("| --- | --- | --- | --- | --- |")
    for feed in options.feeds.split(","):
        for folder in sorted(path.parent for path in options.sets.glob("*/truth.jsonl")):
            sides = [fates(folder, feed, model) for model in (options.model, options.other)]
            print(f"| {folder.name}, {feed} | {' | '.join(differences(*sides))} |", flush=True)


if __name__ == "__main__":
    main()

"""What of the shortfall is not in a 100 ms feed: the default model with parts of the truth handed to it.

Stands for: the small orders of benchmarks/fidelity.py, on feeds that are made of the feed of every change.
Left out: nothing else is changed; the estimator takes each feed as it comes, and learns from it how often
depth is published.

    python -m benchmarks.partial_truth SETS_DIR [--models places]

Feeds, each with all prints at their time:

    100ms     as published
    join      and the depth just before each order arrives: the size ahead at joining is exact
    prints    as join, and the depth just before and just after prints: which cancels came before them
    churn     every change, told in order at the 100 ms boundary, prints first: additions and cancels
              inside a window no longer net out, but their times stay unknown
    rt        every change at its time

SETS_DIR is laid out as for benchmarks/fidelity.py. Prints Markdown.
"""

import argparse
import gzip
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from benchmarks.fidelity import COLUMNS, cells, load_scorer, replay

WINDOW_NS = 100_000_000
MS = 1_000_000
SIDES = ("asks", "bids")
FEEDS = ("100ms", "join", "prints", "churn", "rt")


class Line(NamedTuple):
    """A line of a capture: receive time, message."""

    at_ns: int
    message: dict[str, Any]

    @property
    def is_depth(self) -> bool:
        return "depth" in self.message["table"]


def read(path: Path) -> Iterator[Line]:
    with gzip.open(path, "rt") as file:
        for text in file:
            at_ns, _, message = text.partition(" ")
            yield Line(int(at_ns), json.loads(message))


class Publisher:
    """Writes depth messages of a capture, numbered anew."""

    def __init__(self, path: Path) -> None:
        self._file = gzip.open(path, "wt", compresslevel=1)  # noqa: SIM115 - closed by close()
        self._symbol, self._version = "", 0

    def close(self) -> None:
        self._file.close()

    def line(self, line: Line) -> None:
        """As it is; a snapshot starts the numbers."""
        if line.is_depth:
            (depth,) = line.message["data"]
            self._symbol, self._version = depth["symbol"], depth["version"]
        self._file.write(f"{line.at_ns} {json.dumps(line.message, separators=(',', ':'))}\n")

    def update(self, at_ns: int, levels: dict[str, list[list[str]]]) -> None:
        """A message of these levels, stamped in whole milliseconds like the prints: ties go by receipt."""
        self._version += 1
        stamp = {"ms_t": at_ns // MS, "type": "update", "version": self._version}
        data = [{"symbol": self._symbol, **levels, **stamp}]
        self._file.write(f"{at_ns} {json.dumps({'table': 'spot/depth/increase100', 'data': data})}\n")


def netted(source: Path, out: Path, moments: list[int], *, around_prints: bool) -> None:
    """Net changes at the boundaries, at `moments` and, if asked for, before and after prints."""
    publisher = Publisher(out)
    shown: dict[str, dict[str, str]] = {side: {} for side in SIDES}
    changed: dict[str, dict[str, str]] = {side: {} for side in SIDES}

    def publish(at_ns: int) -> None:
        news = {
            side: [[p, q] for p, q in changed[side].items() if shown[side].get(p, "0") != q] for side in SIDES
        }
        for side in SIDES:
            shown[side].update(changed[side])
            changed[side].clear()
        if any(news.values()):
            publisher.update(at_ns, news)

    boundary_ns, next_moment, printed_ns = 0, 0, 0
    for line in read(source):
        while boundary_ns:
            moment_ns = moments[next_moment] if next_moment < len(moments) else boundary_ns
            due_ns = min(boundary_ns, moment_ns)
            if due_ns > line.at_ns:
                break
            publish(due_ns)
            boundary_ns += WINDOW_NS * (due_ns == boundary_ns)
            next_moment += due_ns == moment_ns and next_moment < len(moments)
        if not line.is_depth:
            if around_prints and printed_ns != line.at_ns:
                publish(line.at_ns)
            printed_ns = line.at_ns
            publisher.line(line)
            continue
        (depth,) = line.message["data"]
        if depth["type"] == "snapshot":
            publisher.line(line)
            boundary_ns = (line.at_ns // WINDOW_NS + 1) * WINDOW_NS
        for side in SIDES:
            target = shown if depth["type"] == "snapshot" else changed
            target[side].update(dict(depth[side]))
        if around_prints and printed_ns == line.at_ns:
            publish(line.at_ns)
    publisher.close()


def churned(source: Path, out: Path) -> None:
    """Every change at the boundary, in order; what prints took is taken from all of them at once."""
    publisher = Publisher(out)
    held: list[dict[str, Any]] = []
    unprinted: Counter[tuple[str, str]] = Counter()

    def publish(at_ns: int) -> None:
        for item in held:
            if "price" in item:
                unprinted[_hit(item)] -= float(item["size"])
                continue
            levels = {
                side: [[p, _less(q, unprinted[side, p])] for p, q in item.get(side, [])] for side in SIDES
            }
            publisher.update(at_ns, levels)
        held.clear()
        unprinted.clear()

    boundary_ns = 0
    for line in read(source):
        while boundary_ns and boundary_ns <= line.at_ns:
            publish(boundary_ns)
            boundary_ns += WINDOW_NS
        if line.is_depth and line.message["data"][0]["type"] == "update":
            held += line.message["data"]
            continue
        publisher.line(line)
        if line.is_depth:
            boundary_ns = (line.at_ns // WINDOW_NS + 1) * WINDOW_NS
            continue
        for trade in line.message["data"]:
            unprinted[_hit(trade)] += float(trade["size"])
            held.append(trade)
    publisher.close()


def _hit(trade: dict[str, str]) -> tuple[str, str]:
    return "asks" if trade["side"] == "buy" else "bids", trade["price"]


def _less(size: str, lots: float) -> str:
    left = round(float(size) - lots, 8)
    return f"{left:f}".rstrip("0").rstrip(".") if left > 0 else "0"


def make(folder: Path, feed: str, out: Path) -> None:
    """Write a feed of a set."""
    source = folder / "capture_rt.jsonl.gz"
    if feed in ("100ms", "rt"):
        shutil.copyfile(folder / f"capture_{feed}.jsonl.gz", out)
    elif feed == "churn":
        churned(source, out)
    else:
        rows = map(json.loads, (folder / "orders.jsonl").read_text().splitlines())
        arrivals = sorted({row["ts"] for row in rows if row["action"] == "submit"})
        netted(source, out, arrivals, around_prints=feed == "prints")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", type=Path)
    parser.add_argument("--models", default="places")
    options = parser.parse_args()
    scorer = load_scorer(options.sets)
    folders = sorted(path.parent for path in options.sets.glob("*/truth.jsonl"))
    columns = (*COLUMNS[:-1], "missed", "false")
    print(f"| feed ({' / '.join(folder.name for folder in folders)}) | " + " | ".join(columns) + " |")
    print("| --- |" + " --- |" * len(columns))
    with TemporaryDirectory() as scratch:
        made, out = Path(scratch) / "made", Path(scratch) / "out.jsonl"
        for model in options.models.split(","):
            for feed in FEEDS:
                rows = []
                for folder in folders:
                    made.mkdir(exist_ok=True)
                    for name in ("symbols.json", "orders.jsonl"):
                        shutil.copyfile(folder / name, made / name)
                    make(folder, feed, made / f"capture_{feed}.jsonl.gz")
                    replay(made, feed, model, out)
                    result = scorer.score(str(folder), str(out), boot=False)
                    counts = (str(result["maker"][key]) for key in ("fn", "fp"))
                    rows.append((*cells(result)[:-1], *counts))
                print(
                    f"| {model}, {feed} | {' | '.join(' / '.join(c) for c in zip(*rows, strict=True))} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

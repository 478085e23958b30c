"""What a queue model costs: the time to play a fidelity set, by model.

Stands for: thousands of small resting orders on one market, several at a level, which is where models differ.
Left out: reading the files, which costs the same under every model.

    python -m benchmarks.queue_models SET_DIR [--rounds 5]

SET_DIR is a folder in the layout of the fidelity sets. The models take turns, so that ratios are of one run.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.common import interleave, median_ratio, medians, print_machine, print_table
from paper_bitmart.backtest.replay import ReplayOptions, replay
from paper_bitmart.matching.models import MODELS, QueueModel


def player(folder: Path, model: QueueModel, out: Path) -> Callable[[], float]:
    """A function that plays the set once and returns the seconds of the playing."""
    options = ReplayOptions(
        capture=folder / "capture_100ms.jsonl.gz", symbols=folder / "symbols.json",
        orders=folder / "orders.jsonl", out=out, queue_model=model,
    )  # fmt: skip
    return lambda: replay(options).elapsed_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print_machine()
    with TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.jsonl"
        sides = {name: player(options.folder, model, out) for name, model in MODELS.items()}
        figures = interleave(sides, options.rounds)
    middle = medians(figures)
    cheapest = min(middle, key=lambda name: middle[name])
    ratios = {name: median_ratio(figures[name], figures[cheapest]) for name in sides}
    rows = [(name, f"{middle[name]:.2f}", f"{ratios[name]:.2f}") for name in sides]
    print_table(f"Playing {options.folder.name}", ("queue model", "seconds", "ratio to the cheapest"), rows)


if __name__ == "__main__":
    main()

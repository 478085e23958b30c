"""How near the simulated fills of each queue model come to order-by-order truth.

Stands for: a market maker's small resting orders on a share with short queues and on an index future with
long ones, seen through BitMart's 100 ms feed, the same feed with jitter, and a feed of every change.
Left out: impact, hidden demand, latency (zero here), the 100 ms phase of the real venue.

    python benchmarks/fidelity.py SETS_DIR [--models places,order_list] [--feeds 100ms,rt,jitter] [--classes]

SETS_DIR holds `score.py` and set folders with capture_<feed>.jsonl.gz, symbols.json, orders.jsonl and the
truth that only the scorer reads. Every run is `paper-bitmart replay` in its own process. Prints Markdown.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

FEEDS = ("100ms", "jitter", "rt")
PARTS = ("maker", "contested")
CLASSES = ("touch", "behind1", "behind2", "behind5", "level2", "inside")
COLUMNS = (
    "MCC",
    "wrong per 1000",
    "F1 .25s",
    "contested MCC",
    "rate bias",
    "mo bias, ticks",
    "taker price error, ticks",
)


def load_scorer(sets: Path) -> ModuleType:
    """The scorer that comes with the sets."""
    spec = importlib.util.spec_from_file_location("fidelity_score", sets / "score.py")
    if spec is None or spec.loader is None:
        raise SystemExit(f"{sets / 'score.py'}: cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def replay(folder: Path, feed: str, model: str, out: Path) -> None:
    """One run of the command, as a user types it."""
    command = [sys.executable, "-m", "paper_bitmart", "replay", str(folder / f"capture_{feed}.jsonl.gz")]
    command += ["--symbols", str(folder / "symbols.json"), "--orders", str(folder / "orders.jsonl")]
    subprocess.run(
        [*command, "--out", str(out), "--queue-model", model], check=True, stderr=subprocess.DEVNULL
    )


def cells(result: dict[str, Any]) -> tuple[str, ...]:
    """One set's figures in the order of COLUMNS."""
    maker, contested, taker = result["maker"], result["contested"], result["taker"]
    return (
        f"{maker['mcc']:.4f}",
        f"{maker['wrong_per_1000']:.1f}",
        f"{maker['f1_within_250ms']:.3f}",
        f"{contested['mcc']:.3f}",
        f"{maker['fill_rate_bias']:+.4f}",
        f"{maker['markout_bias_ticks']:+.3f}",
        f"{taker['price_err_ticks_mean_abs']:.3f}",
    )


def class_table(title: str, key: str, form: str, by_model: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: a figure of the scorer by class of order and model, sets parted by a slash."""
    lines = [
        f"\n#### {title}\n",
        "| class | " + " | ".join(by_model) + " |",
        "| --- |" + " --- |" * len(by_model),
    ]
    names = [f"class={name}" for name in CLASSES] + ["contested=True"]
    for name in names:
        row = [
            " / ".join(
                f"{result['by'][name][key]:{form}}" if name in result["by"] else "-" for result in results
            )
            for results in by_model.values()
        ]
        lines.append(f"| {name.split('=')[1].replace('True', 'contested')} | {' | '.join(row)} |")
    return "\n".join(lines)


def main() -> None:
    from paper_bitmart.matching.models import MODELS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", type=Path)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--feeds", default=",".join(FEEDS))
    parser.add_argument("--classes", action="store_true", help="figures by class of order, too")
    options = parser.parse_args()
    scorer = load_scorer(options.sets)
    folders = sorted(path.parent for path in options.sets.glob("*/truth.jsonl"))
    for feed in options.feeds.split(","):
        print(f"\n### {feed} feed ({' / '.join(folder.name for folder in folders)})\n")
        print("| model | " + " | ".join(COLUMNS) + " | mean MCC | mean contested |")
        print("| --- |" + " --- |" * (len(COLUMNS) + 2))
        by_model = {}
        for model in options.models.split(","):
            with tempfile.TemporaryDirectory() as scratch:
                results = []
                for folder in folders:
                    out = Path(scratch) / f"{folder.name}.jsonl"
                    replay(folder, feed, model, out)
                    results.append(scorer.score(str(folder), str(out), boot=False))
            row = [" / ".join(column) for column in zip(*map(cells, results), strict=True)]
            row += [f"{sum(r[part]['mcc'] for r in results) / len(results):.4f}" for part in PARTS]
            print(f"| {model} | {' | '.join(row)} |", flush=True)
            by_model[model] = results
        if options.classes:
            print(class_table("wrong per 1000", "wrong_per_1000", ".1f", by_model))
            print(class_table("F1 within 250 ms", "f1_within_250ms", ".3f", by_model))


if __name__ == "__main__":
    main()

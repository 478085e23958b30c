"""A market of many symbols, made of the demo capture: BTC and ETH under further names."""

import gzip
import json
from pathlib import Path

from benchmarks.common import cache_folder
from benchmarks.market import DEMO, DEMO_RULES


def many_symbols(count: int) -> tuple[Path, Path]:
    """Capture and rules of `count` symbols, BTC and ETH by turns; built once into the cache folder."""
    capture = cache_folder() / f"demo_{count}_symbols.jsonl.gz"
    rules = cache_folder() / f"demo_{count}_symbols.json"
    if not (capture.exists() and rules.exists()):
        _write_rules(rules, count)
        _write_capture(capture, count)
    return capture, rules


def symbol_names(count: int) -> list[str]:
    return [f"{('BTC', 'ETH')[number % 2]}{number // 2}_USDT" for number in range(count)]


def original_of(name: str) -> str:
    """The demo's symbol whose market a symbol has."""
    return f"{name[:3]}_USDT"


def _write_rules(path: Path, count: int) -> None:
    reply = json.loads(DEMO_RULES.read_text())
    by_symbol = {row["symbol"]: row for row in reply["data"]["symbols"]}
    rows = []
    for number, symbol in enumerate(symbol_names(count)):
        base = symbol.partition("_")[0]
        original = by_symbol[original_of(symbol)]
        rows.append(original | {"symbol": symbol, "base_currency": base, "symbol_id": number + 1})
    reply["data"]["symbols"] = rows
    path.write_text(json.dumps(reply))


def _write_capture(path: Path, count: int) -> None:
    names = symbol_names(count)
    partial = path.with_suffix(".partial")
    with gzip.open(DEMO, "rt") as demo, gzip.open(partial, "wt", compresslevel=1) as out:
        for line in demo:
            original = "BTC" if '"BTC_USDT"' in line else "ETH"
            for name in names:
                if name.startswith(original):
                    out.write(line.replace(f'"{original}_USDT"', f'"{name}"'))
    partial.rename(path)

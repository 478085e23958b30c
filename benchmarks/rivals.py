"""Other backtesters in processes of their own environments: one line asks for one run, one line answers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from benchmarks.common import ROOT, cache_folder
from benchmarks.market import Market, rival_events

HFTBACKTEST, NAUTILUS = "2.4.4", "1.231.0"
BACKENDS = ("hashmap", "roivec")


class Rival:
    """A process that answers; `fills` has the number of fills of the last run of each request.

    Args:
        command: a Python, a script of this folder, its arguments.
    """

    def __init__(self, python: Path, script: str, *arguments: object) -> None:
        self.fills: dict[str, int] = {}
        self._process = subprocess.Popen(
            [python, "-P", "-W", "ignore", ROOT / "benchmarks" / script, *map(str, arguments)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._answer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(timeout=60)

    def run(self, *words: str, figure: str = "seconds") -> float:
        """One run; `figure`: seconds (real time) or cpu_seconds."""
        print(*words, file=self._process.stdin, flush=True)
        answer = self._answer()
        self.fills[words[0]] = int(answer["fills"])
        return float(answer[figure])

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"the rival stopped with exit code {self._process.wait()}")
        return json.loads(line)


def hftbacktest(market: Market, size_lots: int, step_ns: int, latency_ns: int) -> Rival:
    """hftbacktest on the same events; asked by `BACKEND LOAD`."""
    low, high = market.price_range()
    rules = market.rules
    return Rival(
        rival_python(), "hftbacktest_side.py", _saved(market, "rival_events.npy"), rules.tick, rules.lot,
        size_lots, step_ns, latency_ns, low - 1000, high + 1000,
    )  # fmt: skip


def nautilus(market: Market, size_lots: int, step_ns: int, latency_ns: int) -> Rival:
    """nautilus_trader on the same events; asked by `LOAD`. It keeps the market as objects."""
    rules = market.rules
    return Rival(
        nautilus_python(), "nautilus_side.py", _saved(market, "nautilus_events.npy"), rules.price_decimals,
        rules.size_decimals, size_lots, step_ns, latency_ns,
    )  # fmt: skip


def _saved(market: Market, name: str) -> Path:
    path = cache_folder() / name
    np.save(path, rival_events(market))
    return path


def rival_python() -> Path:
    """The Python of hftbacktest's environment, built on first use (needs a package index)."""
    return _environment(f"hftbacktest=={HFTBACKTEST}", Path(sys.executable))


def nautilus_python() -> Path:
    """The same for nautilus_trader, which needs Python 3.12 or later.

    Raises:
        RuntimeError: there is none.
    """
    for name in ("python3.12", "python3.13"):
        python = shutil.which(name)
        # A launcher of several versions may be there and refuse.
        if python and subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return _environment(f"nautilus_trader=={NAUTILUS}", Path(python))
    raise RuntimeError("nautilus_trader needs a python3.12 or python3.13 on the path; or use --no-nautilus")


def _environment(requirement: str, python: Path) -> Path:
    """The Python of an environment that holds one package, made with `python`."""
    folder = cache_folder() / requirement.replace("==", "-")
    made = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not (folder / "complete").exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([made, "-m", "pip", "install", "-q", requirement], check=True)
        (folder / "complete").touch()
    return made

"""Time to the first sign of life: cold, with nothing compiled yet, and warm.

Whom it stands for: a newcomer's first minute, and everybody who types a command after that. Cold: a fresh
copy of the package without numba's cache, as after an installation or an update; only commands that need
the core compile it, and say so on stderr at once. Warm: the same copy again.

- --version, info: until the process ends. connect: a piped shell, until its first line of output.

Left out: installing, and the disk cache of the operating system (files were just copied: they are in
memory).

    python -m benchmarks.startup [--quick]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import ROOT, print_machine, print_table
from benchmarks.market import DEMO, DEMO_RULES

CONNECT = ("connect", "bitmart_paper_trade", "--speed", "max")
COMMANDS: dict[str, tuple[str, ...]] = {
    "--version": ("--version",),
    "info": ("info", str(DEMO), "--symbols", str(DEMO_RULES)),
    "connect": CONNECT,
}
SHELL_INPUT = "balance\nexit\n"


def copy_package(folder: Path) -> None:
    """The package and its demo market, without anything compiled."""
    for name in ("paper_bitmart", "fixtures/demo"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def first_output_s(folder: Path, arguments: tuple[str, ...]) -> float:
    """Seconds from the start of the command to its first line on stdout; then it is left to end."""
    # An own cache folder, and bytecode as Python writes it: cold means cold for both.
    environment = os.environ | {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "numba")}
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "paper_bitmart", *arguments],
        cwd=folder, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(SHELL_INPUT)
    process.stdin.flush()
    line = process.stdout.readline()
    taken = time.perf_counter() - start
    process.communicate(timeout=120)
    if not line or process.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)} ended with exit code {process.returncode}")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="warm starts of this checkout only")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_package(folder)
        commands = {"--version": COMMANDS["--version"]} if options.quick else COMMANDS
        rounds = 1 if options.quick else options.rounds
        cold = {command: first_output_s(folder, arguments) for command, arguments in commands.items()}
        warm: dict[str, list[float]] = {command: [] for command in commands}
        for _ in range(rounds):
            for command, arguments in commands.items():
                warm[command].append(first_output_s(folder, arguments))
    rows = [(name, f"{cold[name]:.2f}", f"{statistics.median(warm[name]):.2f}") for name in commands]
    print_table(f"Seconds to the first output; warm: median of {rounds}", ("command", "cold", "warm"), rows)


if __name__ == "__main__":
    main()

"""Servers as processes of their own: started on a free loopback port, measured, always ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.common import ROOT

KEY, SECRET, MEMO = "benchmark-key", "benchmark-secret", "benchmark"
READY = "ready"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Server:
    """A server process that prints a line beginning with `ready` and ending with its port."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        self.port = self._await_ready()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it as Ctrl-C would."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def cpu_s(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def resident_bytes(self) -> int:
        return resident_bytes(self._process.pid)

    def _await_ready(self) -> int:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(READY):
                return int(line.rsplit(None, 1)[-1])
        raise RuntimeError(f"server ended with exit code {self._process.wait()} before it was ready")


def resident_bytes(pid: int | str = "self") -> int:
    """Memory of a process that is in RAM now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES


def paper_server(state: Path | None, *further: str) -> Server:
    """`paper-bitmart serve` on a free port, without rate limits, with the benchmark's key set.

    `state`: directory of the journal; None runs without one.
    """
    arguments = ["-m", "paper_bitmart", "serve", "--port", "0", "--rate-limits", "off",
                 "--api-key", KEY, "--api-secret", SECRET, "--api-memo", MEMO]  # fmt: skip
    if state is not None:
        arguments += ["--state", str(state)]
    return Server(*arguments, *further)


def echo_server() -> Server:
    return Server("-m", "benchmarks.echo")

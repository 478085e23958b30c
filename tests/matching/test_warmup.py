"""The first start says that it compiles; later ones do not."""

import os
import subprocess
import sys

from paper_bitmart.matching import warmup


def test_nothing_is_said_once_the_core_is_compiled(monkeypatch):
    said = []
    warmup.warm_up(said.append)
    said.clear()
    warmup.warm_up(said.append)
    assert said == []


def test_it_is_said_before_compiling(monkeypatch):
    monkeypatch.setattr(warmup, "is_compiled", lambda: False)
    said = []
    warmup.warm_up(said.append)
    assert said == [warmup.COMPILING]


def test_an_empty_cache_is_noticed(tmp_path):
    """In a process of its own: the cache's place is read when the core is imported."""
    code = "from paper_bitmart.matching import warmup; print(warmup.is_compiled())"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"

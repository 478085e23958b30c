"""The first start says that it compiles; later ones do not, and nothing is compiled after it."""

import os
import subprocess
import sys

from feed_messages import RULES, snapshot, update

from paper_bitmart.feed import book_core, warmup
from paper_bitmart.feed.market_view import MarketView
from paper_bitmart.feed.mirror import Mirror


def test_nothing_is_said_once_it_is_compiled(monkeypatch):
    warmup.warm_up(lambda text: None)
    said = []
    warmup.warm_up(said.append)
    assert said == []
    monkeypatch.setattr(warmup, "is_compiled", lambda: False)
    warmup.warm_up(said.append)
    assert said == [warmup.COMPILING]


def test_after_it_no_message_waits_for_the_compiler():
    """Each entry point has met the types that it will meet."""
    warmup.warm_up(lambda text: None)
    entry_points = [
        book_core.follow_update, book_core.apply_levels, book_core.fold_events, book_core.is_crossed,
    ]  # fmt: skip
    before = [len(getattr(one, "signatures", ())) for one in entry_points]
    mirror, view = Mirror(RULES), MarketView(RULES)
    compact = update(2, [(99, 1)]).replace(b" ", b"")
    for now_ns, message in enumerate((snapshot(1, [(100, 1)], [(102, 1)]), compact, update(3, [(98, 2)]))):
        view.apply(mirror.receive(message, now_ns))
    assert (mirror.version, view.version) == (3, 3)
    assert [len(getattr(one, "signatures", ())) for one in entry_points] == before


def test_an_empty_cache_is_noticed(tmp_path):
    """In a process of its own: the cache's place is read when the module is imported."""
    code = "from paper_bitmart.feed import warmup; print(warmup.is_compiled())"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DISABLE_JIT": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"

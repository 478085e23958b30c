"""What the shell says while a symbol's market is not known: status, orders, cancels."""

from shell_bench import options, speak
from small_market import BOOK

GAP = (*[BOOK], (2_000, {"event": "paper/disconnected"}))
"""The book, and two seconds later the connection is lost."""


async def test_status_shows_live_before_and_the_state_after_the_feed_was_lost(tmp_path):
    spoken = await speak(options(tmp_path, market=GAP), "status", "wait 3", "status")
    before, *_, after = (text for text in spoken.said if "open orders" in text)
    assert "BTC-USDT: live, 0 open orders" in before
    assert "BTC-USDT: live" not in after
    assert any(f"BTC-USDT: {state}, 0 open orders" in after for state in ("syncing", "stale", "closed"))


async def test_an_order_is_refused_and_a_cancel_works_without_a_market(tmp_path):
    lines = ("buy BTC-USDT limit 1 100.00", "wait 3", "buy BTC-USDT limit 1 100.00", "cancel 1")
    spoken = await speak(options(tmp_path, market=GAP), *lines)
    assert spoken.said[0].startswith("#1 accepted")
    assert any(text.startswith("refused: 50022 ") for text in spoken.said)
    assert any(text.startswith("#1 canceled") for text in spoken.said)

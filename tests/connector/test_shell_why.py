"""`why`: the queue, the evidence and the last reason, in words."""

import pytest
from shell_bench import options, speak
from small_market import BOOK, MARKET, depth, trade


async def why(tmp_path, *lines, market=MARKET):
    return (await speak(options(tmp_path, market=market), *lines, "why 1")).said[-1].splitlines()


async def test_a_waiting_order_tells_its_queue_then_and_now(tmp_path):
    market = [BOOK, trade(500, "sell", "100.00", "0.5"), depth(600, bids=[("100.00", "1")], version=2)]
    lines = await why(tmp_path, "buy BTC-USDT limit 1 100", "wait 550ms", market=market)
    assert lines[0] == "#1 buy limit 1 BTC-USDT at 100.00: new"
    assert lines[2:] == [
        "  queue ahead: 2 BTC at entry, 1.5 BTC now; 2 BTC displayed there",
        "  since then 0.5 BTC traded and 0 BTC cancelled ahead of it in 550 ms",
        "  not filled: 1.5 BTC are still ahead of it at the best price",
    ]


async def test_a_filled_order_tells_the_evidence_of_each_fill(tmp_path):
    lines = await why(tmp_path, "buy BTC-USDT limit 0.5 100", "wait 2s")
    assert lines[2:] == [
        "  2023-11-14 22:13:21.000 UTC filled 0.5 BTC at 100.00 as maker: "
        "2.5 BTC were traded at its price, more than the 2 BTC ahead of it",
        "  it is filled completely",
    ]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["buy BTC-USDT limit 1 99.99"], "not filled: the best bid is 100.00, 0.01 better than its price"),
        (["sell BTC-USDT limit 1 100.03"], "not filled: the best ask is 100.02, 0.01 better than its price"),
        (["buy BTC-USDT limit 1 100.01"], "not filled: it is at the front of the best price"),
        (["buy BTC-USDT limit 1 99.99", "cancel 1"], "1 BTC not filled: canceled, as you asked"),
        (
            ["sell BTC-USDT limit_maker 1 99"],
            "1 BTC not filled: canceled, post-only, and it would have taken",
        ),
        (["buy BTC-USDT limit 1 99.99", "wait 3s"], "not filled: the market is not known now (feed closed)"),
    ],
)
async def test_the_last_reason(tmp_path, lines, reason):
    assert (await why(tmp_path, *lines))[-1].strip().startswith(reason)


async def test_a_price_outside_of_the_published_book_has_no_known_queue(tmp_path):
    deep = [(f"{100 - i / 100:.2f}", "1") for i in range(100)]
    market = [depth(0, bids=deep, asks=[("100.02", "1")], version=1, kind="snapshot"), *MARKET[2:]]
    lines = await why(tmp_path, "buy BTC-USDT limit 1 50", market=market)
    assert lines[2] == "  queue: unknown, the market does not publish its price level now"

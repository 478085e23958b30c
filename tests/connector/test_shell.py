"""What each command of the shell does and says."""

from decimal import Decimal

import pytest
from shell_bench import options, speak
from small_market import MARKET, depth

from paper_bitmart.exchange.latency_choice import LatencyChoice

BALANCES = {"USDT": Decimal(1000), "BTC": Decimal(2)}


@pytest.fixture
def paper(tmp_path):
    return options(tmp_path, balances=BALANCES)


async def test_a_taking_order_is_accepted_and_filled_at_once(paper):
    spoken = await speak(paper, "buy BTC-USDT limit 0.5 100.02", "balance")
    assert spoken.said == [
        "#1 accepted: buy limit 0.5 BTC-USDT at 100.02",
        "#1 bought 0.5 BTC at 100.02 as taker, fee 0.125025 USDT; filled",
        "asset       total   available  frozen\n"
        "USDT   949.864975  949.864975       0\n"
        "BTC           2.5         2.5       0",
    ]


async def test_a_resting_order_says_its_queue_and_fills_while_waiting(paper):
    spoken = await speak(paper, "buy BTC-USDT limit_maker 1 100", "wait 500ms", "orders", "wait 1s")
    assert spoken.said[0] == "#1 accepted: buy limit_maker 1 BTC-USDT at 100.00, 2 BTC ahead in the queue"
    assert spoken.said[1].splitlines()[1].split() == [
        "#1", "BTC-USDT", "buy", "limit_maker", "100.00", "1", "0", "2", "new",
    ]  # fmt: skip
    assert spoken.said[2] == "#1 bought 0.5 BTC at 100.00 as maker, fee 0.125 USDT; 0.5 BTC to go"


async def test_the_order_book_shows_levels_best_in_the_middle_and_own_orders(paper):
    spoken = await speak(paper, "sell BTC-USDT limit 0.5 100.03", "order_book btc-usdt 2")
    rows = [line.split() for line in spoken.said[1].splitlines()]
    assert rows[0] == ["BTC-USDT", "price", "USDT", "size", "BTC", "yours"]
    assert rows[1:] == [
        ["ask", "100.03", "4", "#1"], ["ask", "100.02", "1"], ["bid", "100.00", "2"], ["bid", "99.99", "5"],
    ]  # fmt: skip


async def test_a_pair_in_another_spelling_is_answered_in_ours(paper):
    spoken = await speak(paper, "order_book btc_usdt 1", "wait 1 s")
    assert spoken.said[0].startswith("BTC-USDT ")
    assert not spoken.errors


@pytest.mark.parametrize(
    ("lines", "last"),
    [
        (
            ["buy BTC-USDT market 50"],
            "#1 canceled after 0.498 BTC were filled: the 0.06504 USDT left buy no lot",
        ),
        (
            ["buy BTC-USDT market 900"],
            "#1 canceled after 5 BTC were filled: the book had nothing more for it",
        ),
        (["buy BTC-USDT ioc 0.1 99"], "#1 canceled: immediate-or-cancel, and nothing more was there to take"),
        (["sell BTC-USDT limit_maker 1 99"], "#1 canceled: post-only, and it would have taken"),
        (["buy BTC-USDT limit 1 99", "cancel 1"], "#1 canceled: as you asked"),
        (["buy BTC-USDT limit 1 99", "cancel_all BTC-USDT"], "#1 canceled: as you asked"),
        (["buy BTC-USDT limit 1 99 id=mine", "cancel mine"], "#1 canceled: as you asked"),
        (["cancel_all"], "no open orders"),
        (["orders"], "no open orders"),
        (["orders all"], "no orders"),
        (["trades"], "no trades yet"),
        (["help wait"], "wait DURATION\nlet market time pass"),
        (["buy BTC-USDT limit 100 100"], "refused: 50020 Balance not enough: needed 10025 USDT, "),
        (["buy BTC-USDT limit 0.01 100"], "refused: 51011 "),
        (["buy BTC-USDT limit 1 99 stp=sometimes"], "refused: 50021 "),
        (["cancel 7"], "refused: 50005 Order Id not found (order, was 7)"),
        (["why nothing"], "refused: 50005 Order Id not found (order, was nothing)"),
    ],
)
async def test_what_a_session_ends_with(paper, lines, last):
    spoken = await speak(paper, *lines)
    assert spoken.said[-1].startswith(last)
    assert spoken.shell.bad_lines == 0


async def test_a_size_given_to_a_market_buy_is_told_what_it_takes(paper):
    spoken = await speak(paper, "buy BTC-USDT market 0.01")
    assert spoken.said[-1].startswith("refused: 51012 ")
    assert spoken.said[-1].endswith("buy PAIR market AMOUNT_IN_QUOTE")


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("sing", "there is no command 'sing'"),
        ("buy BTC-USDT", "usage: buy PAIR"),
        ("buy DOGE-USDT limit 1 1", "DOGE-USDT is not in this market, which has BTC-USDT"),
        ("order_book BTC-USDT 2.5", "LEVELS: 1 to 50, not 2.5"),
        ("order_book BTC-USDT 1000", "LEVELS: 1 to 50, not 1000"),
        ("ticker nothing", "'nothing' is no trading pair"),
        ("wait forever", "'forever' is no duration"),
    ],
)
async def test_a_line_that_makes_no_sense_is_complained_about_and_counted(paper, line, error):
    spoken = await speak(paper, line, "balance")
    assert spoken.errors[0].startswith(f"error: {error}")
    assert (spoken.shell.bad_lines, len(spoken.said)) == (1, 1)


async def test_trades_ticker_status_and_config_answer(paper):
    spoken = await speak(
        paper, "buy BTC-USDT limit 0.5 100.02", "wait 1500ms", "trades btc-usdt", "ticker", "status", "config"
    )
    trades, ticker, status, config = spoken.said[2:]
    assert trades.splitlines()[1].split()[3:] == [
        "#1", "BTC-USDT", "buy", "0.5", "100.02", "taker", "0.125025", "USDT",
    ]  # fmt: skip
    assert ticker.splitlines()[1].split() == [
        "BTC-USDT", "100.00", "99.99", "100.02", "100.00", "100.00", "2.5", "BTC",
    ]  # fmt: skip
    assert "BTC-USDT: live, 0 open orders" in status
    assert "queue model    places" in config
    assert "maker 0.25 %, taker 0.25 %" in config


async def test_the_end_of_the_market_is_said_and_orders_are_refused_after_it(paper):
    spoken = await speak(paper, "wait 3s", "buy BTC-USDT limit 1 99")
    assert spoken.said[0] == "BTC-USDT: the market is closed; nothing fills until it is back"
    assert spoken.said[1].startswith("refused: 50022 ")


async def test_latency_passes_between_sending_and_arriving(tmp_path):
    paper = options(tmp_path, latency=LatencyChoice(entry_ns=250 * 10**6))
    spoken = await speak(paper, "buy BTC-USDT limit 1 99.99", "why 1")
    assert "arrived 2023-11-14 22:13:20.250 UTC, 250 ms after it was sent" in spoken.said[1]


async def test_equal_lines_give_equal_answers(paper):
    lines = ["buy BTC-USDT limit 1 100", "wait 1s", "why 1", "status", "wait 5s", "orders all"]
    assert (await speak(paper, *lines)).said == (await speak(paper, *lines)).said


async def test_orders_and_money_survive_in_the_state_directory(tmp_path):
    paper = options(tmp_path, state=tmp_path / "state", balances=BALANCES)
    await speak(paper, "buy BTC-USDT limit 1 99.99", "buy BTC-USDT limit 0.5 100.02")
    spoken = await speak(paper, "orders", "balance", "why 1")
    assert spoken.said[0].splitlines()[1].split()[:7] == ["#1", "BTC-USDT", "buy", "limit", "99.99", "1", "0"]
    assert spoken.said[1].splitlines()[2].split() == ["BTC", "2.5", "2.5", "0"]
    assert "sent by an earlier session" in spoken.said[2]


async def test_a_resync_is_not_worth_a_line(tmp_path):
    gap = depth(1_500, bids=[("99.98", "1")], version=9)
    back = depth(1_600, bids=[("99.98", "1")], asks=[("100.05", "1")], version=10, kind="snapshot")
    spoken = await speak(
        options(tmp_path, market=[*MARKET[:3], gap, back]), "wait 1590ms", "status", "wait 5ms"
    )
    assert len(spoken.said) == 1
    assert "syncing" in spoken.said[0]


async def test_an_order_too_large_for_its_market_is_warned_of_when_sent_and_by_why(paper):
    spoken = await speak(paper, "buy BTC-USDT limit 2 100", "why 1")
    warning = "warning: 2 BTC is 29 % of the 7 BTC that the best 10 levels show (limit 25 %)"
    assert spoken.said[1].startswith(warning)
    assert f"\n  {warning}" in spoken.said[2]


async def test_an_order_of_usual_size_is_not_warned_of(paper):
    assert "warning" not in (await speak(paper, "buy BTC-USDT limit 1 100", "why 1")).text

"""Tab: what is offered behind what was typed."""

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from shell_bench import options

from paper_bitmart.connector.paper_exchange import open_exchange
from paper_bitmart.connector.shell import Shell
from paper_bitmart.connector.shell_completion import LineCompleter, next_words


@pytest.fixture
async def exchange(tmp_path):
    exchange = open_exchange(options(tmp_path))
    await exchange.start()
    yield exchange
    await exchange.session.close()


def offered(exchange, typed):
    completer = LineCompleter(lambda: next_words(exchange))
    return [
        typed[: len(typed) + one.start_position] + one.text
        for one in completer.get_completions(Document(typed), CompleteEvent())
    ]


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("trad", ["trades "]),
        ("  TRAD", ["  trades "]),
        ("buy ", ["buy BTC-USDT "]),
        ("buy btc-u", ["buy BTC-USDT "]),
        ("sell  BTC-USDT limit", ["sell  BTC-USDT limit ", "sell  BTC-USDT limit_maker "]),
        ("orders ", ["orders BTC-USDT ", "orders all "]),
        ("buy BTC-USDT limit ", []),
        ("sing ", []),
        ("why ", []),
    ],
)
async def test_the_word_under_the_cursor_is_completed_with_a_blank_behind_it(exchange, typed, lines):
    assert offered(exchange, typed) == lines


async def test_cancel_offers_the_orders_that_are_open_now_and_why_the_latest_closed_ones_too(exchange):
    shell = Shell(exchange, [].append, [].append)
    await shell.execute("buy BTC-USDT limit 1 99")
    assert offered(exchange, "cancel #") == ["cancel #1 "]
    assert offered(exchange, "why ") == ["why #1 "]
    await shell.execute("cancel #1")
    assert offered(exchange, "cancel #") == []
    assert offered(exchange, "why ") == ["why #1 "]

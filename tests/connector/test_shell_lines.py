"""Reading a line of the shell."""

from decimal import Decimal

import pytest

from paper_bitmart.bitmart.enums import OrderType, Side
from paper_bitmart.connector.shell_lines import (
    USAGES,
    Line,
    LineError,
    help_text,
    read_duration_ns,
    read_line,
    read_order,
    read_pair,
)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("balance", Line("balance", ())),
        ("  BALANCE  ", Line("balance", ())),
        ("cancel #3", Line("cancel", ("#3",))),
        ("help 'order_book'", Line("help", ("order_book",))),
        ("quit", Line("exit", ())),
        ("order_book BTC-USDT 3", Line("order_book", ("BTC-USDT", "3"))),
        ("history", Line("trades", ())),
        ("open_orders", Line("orders", ())),
    ],
)
def test_words_become_a_command(text, line):
    assert read_line(text) == line


@pytest.mark.parametrize("text", ["cancel", "cancel 1 2", "order_book", "wait", "balance now"])
def test_too_few_or_too_many_words_are_told_the_usage(text):
    with pytest.raises(LineError, match="usage: "):
        read_line(text)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("balanc", "there is no command 'balanc'; did you mean balance\\?"),
        ("orderbok BTC-USDT", "did you mean order_book\\?"),
        ("sing", "there is no command 'sing'; help lists them all"),
        ("cancel all", "cancel_all cancels all of them"),
    ],
)
def test_a_command_that_is_not_there_names_the_one_that_was_meant(text, error):
    with pytest.raises(LineError, match=error):
        read_line(text)


@pytest.mark.parametrize("text", ["", "   ", "# nothing"])
def test_an_empty_line_or_comment_is_nothing(text):
    assert read_line(text) is None


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("buy BTC-USDT limit 0.01 61000", (Side.BUY, OrderType.LIMIT, Decimal(61000), Decimal("0.01"), None)),
        ("sell btc_usdt IOC 1 2", (Side.SELL, OrderType.IOC, Decimal(2), Decimal(1), None)),
        ("buy BTC-USDT market 100", (Side.BUY, OrderType.MARKET, None, None, Decimal(100))),
        ("sell BTC-USDT market 0.5", (Side.SELL, OrderType.MARKET, None, Decimal("0.5"), None)),
    ],
)
def test_an_order_line_becomes_an_order(text, fields):
    order = read_order(read_line(text))
    assert (order.side, order.type, order.price, order.size, order.notional) == fields
    assert order.symbol == "BTC_USDT"


def test_options_of_an_order_may_stand_anywhere():
    order = read_order(read_line("buy BTC-USDT limit id=a1 0.01 stp=cancel_both 5"))
    assert (order.client_order_id, order.stp_mode) == ("a1", "cancel_both")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("buy BTC-USDT fok 1 1", "'fok' is no order type"),
        ("buy BTC-USDT limit 1", "usage: buy PAIR limit SIZE PRICE"),
        ("buy BTC-USDT market 1 2", "usage: buy PAIR market AMOUNT_IN_QUOTE"),
        ("sell BTC-USDT market", "usage: sell PAIR market SIZE"),
        ("buy BTC-USDT limit one 2", "SIZE: 'one' is not a number"),
        ("buy BTC-USDT limit 1 nan", "PRICE: 'nan' is not a number"),
        ("buy BTC-USDT limit 1 2 colour=red", "options are id="),
        ("buy BTC limit 1 2", "'BTC' is no trading pair"),
        ("buy 'BTC", "No closing quotation"),
    ],
)
def test_an_order_line_that_cannot_be_read_says_why(text, error):
    with pytest.raises(LineError, match=error):
        read_order(read_line(text))


@pytest.mark.parametrize(
    ("text", "duration_ns"),
    [
        ("5s", 5 * 10**9),
        ("5", 5 * 10**9),
        ("200ms", 2 * 10**8),
        ("1.5m", 90 * 10**9),
        ("1us", 1000),
        ("5 s", 5 * 10**9),
    ],
)
def test_durations(text, duration_ns):
    assert read_duration_ns(text) == duration_ns


@pytest.mark.parametrize("text", ["", "s", "5 days", "0s", "25h", "-1s", "1..5s"])
def test_bad_durations(text):
    with pytest.raises(LineError):
        read_duration_ns(text)


def test_a_pair_is_known_in_any_spelling():
    assert {read_pair(text) for text in ("BTC-USDT", "btc-usdt", "BTC_USDT", "BTC/USDT")} == {"BTC_USDT"}


def test_a_wait_may_have_a_blank_before_its_unit():
    assert read_line("wait 1 s") == Line("wait", ("1", "s"))


def test_help_lists_every_command_with_its_words_and_explains_each():
    text = help_text()
    assert all(form in text for usage in USAGES.values() for form in usage.forms)
    assert max(map(len, text.splitlines())) <= 110
    assert help_text("?").startswith("help [COMMAND]")
    with pytest.raises(LineError):
        help_text("sing")

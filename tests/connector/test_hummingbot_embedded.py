"""The exchange behind the connector, without Hummingbot: its life, its balances, and who shares it."""

import asyncio
import urllib.request
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.connector.exchange.connect import ConnectError
from paper_bitmart.connector.hummingbot.embedded import (
    BALANCES_FILE,
    BalancesDamaged,
    EmbeddedExchange,
    RemoteExchange,
    exchange_of,
)
from paper_bitmart.connector.hummingbot.settings import PaperSettings
from paper_bitmart.exchange.journal_error import JournalLocked


@pytest.fixture
def start():
    """Start exchanges that are stopped in the end."""
    started = []

    def start(state=None, settings=PaperSettings(), **balances):  # noqa: B008
        exchange = EmbeddedExchange(settings, state)
        for asset, amount in balances.items():
            exchange.set_balance(asset, Decimal(amount))
        started.append(exchange)
        exchange.start()
        return exchange

    yield start
    for exchange in started:
        exchange.stop()


def owned(exchange):
    """Totals of the account, without the currencies it has nothing of."""

    async def look():
        return exchange.paper.venue.balances("default")

    balances = exchange.call(look())
    return {asset: from_atoms(one.total_atoms) for asset, one in balances.items() if one.total_atoms}


def buy_one_coin(exchange):
    async def buy():
        await exchange.paper.session.withdraw("default", "USDT", Decimal(60_000))
        await exchange.paper.session.deposit("default", "BTC", Decimal(1))

    exchange.call(buy())


def test_it_answers_on_loopback_while_it_runs(start):
    exchange = start()
    with urllib.request.urlopen(f"{exchange.url}/system/time") as reply:
        assert msgspec.json.decode(reply.read())["code"] == 1000
    assert exchange.url.startswith("http://127.0.0.1:")
    exchange.stop()
    assert exchange.url == ""


def test_stopping_twice_and_starting_again_is_no_harm(start, tmp_path):
    exchange = start(tmp_path / "state", USDT="5")
    exchange.start()
    exchange.stop()
    exchange.stop()
    exchange.start()
    assert owned(exchange) == {"USDT": 5}


async def test_the_first_that_needs_it_starts_it(start):
    exchange = EmbeddedExchange(PaperSettings(), None)
    try:
        await asyncio.gather(*(exchange.ready() for _ in range(3)))
        assert exchange.url
    finally:
        exchange.stop()


def test_paper_balances_of_currencies_that_are_traded_are_set(start):
    assert owned(start(BTC="1", USDT="100000", DOGE="7")) == {"BTC": 1, "USDT": 100_000}


def test_what_was_traded_is_kept_until_a_setting_changes(start, tmp_path):
    state = tmp_path / "state"
    first = start(state, BTC="1", USDT="100000")
    buy_one_coin(first)
    first.stop()
    second = start(state, BTC="1", USDT="100000")
    assert owned(second) == {"BTC": 2, "USDT": 40_000}
    second.stop()
    third = start(state, BTC="1", USDT="70000")
    assert owned(third) == {"BTC": 2, "USDT": 70_000}


def test_a_balance_can_be_set_while_it_runs(start):
    exchange = start(USDT="10")
    exchange.set_balance("USDT", Decimal(4))

    async def settled():
        while exchange.paper.venue.balance("default", "USDT").available_atoms != 4 * 10**18:
            await asyncio.sleep(0.01)

    exchange.call(asyncio.wait_for(settled(), 20))
    assert owned(exchange) == {"USDT": 4}


def test_a_damaged_balances_file_is_named(tmp_path):
    (tmp_path / BALANCES_FILE).write_text("{")
    with pytest.raises(BalancesDamaged, match=f"{BALANCES_FILE}: .*; remove it"):
        EmbeddedExchange(PaperSettings(), tmp_path)


def test_what_keeps_it_from_starting_is_told_to_the_one_who_asked():
    with pytest.raises(ConnectError, match="there is no capture file 'nowhere'"):
        EmbeddedExchange(PaperSettings(source="nowhere"), None).start()


def test_a_state_directory_in_use_is_refused(start, tmp_path):
    start(tmp_path / "state")
    with pytest.raises(JournalLocked):
        EmbeddedExchange(PaperSettings(), tmp_path / "state").start()


def test_equal_settings_share_one_exchange():
    data = Path("never written")
    shared = exchange_of(PaperSettings(state="memory"), data)
    assert exchange_of(PaperSettings(state="memory"), data) is shared
    assert exchange_of(PaperSettings(source="other", state="memory"), data) is not shared


@pytest.mark.parametrize(
    ("server", "ws_url"),
    [("http://127.0.0.1:8080/", "ws://127.0.0.1:8080"), ("https://paper.example", "wss://paper.example")],
)
async def test_a_servers_address_is_taken_as_it_is(server, ws_url):
    settings = PaperSettings(server=server, server_key="k", server_secret="s", server_memo="m")
    exchange = exchange_of(settings, Path())
    assert isinstance(exchange, RemoteExchange)
    await exchange.ready()
    exchange.set_balance("USDT", Decimal(1))
    assert (exchange.url, exchange.ws_url) == (server.rstrip("/"), ws_url)
    assert (exchange.key.access_key, exchange.key.secret, exchange.key.memo) == ("k", "s", "m")

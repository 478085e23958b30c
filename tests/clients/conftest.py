"""One exchange per test module, one account per test."""

import pytest
from exchange_thread import ExchangeThread


def pytest_collection_modifyitems(items):
    """Everything in this folder runs a third-party client."""
    for item in items:
        if item.path.parent.name == "clients":
            item.add_marker(pytest.mark.clients)


@pytest.fixture(scope="module")
def exchange():
    with ExchangeThread() as running:
        yield running


@pytest.fixture
def key(exchange):
    """A key set of a fresh account with 100,000 USDT and 2 BTC."""
    return exchange.new_account(USDT="100000", BTC="2")

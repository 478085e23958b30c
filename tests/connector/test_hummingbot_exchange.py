"""bitmart_paper_trade inside the real Hummingbot 20260922: listed, connected, traded on, closed to others."""

import subprocess
from decimal import Decimal

import pytest
from hummingbot_env import ROOT, hummingbot_python, probe

pytestmark = pytest.mark.clients
LOOPBACK = ["127.0.0.1"]


def test_it_is_listed_beside_the_others(tmp_path):
    assert probe("listing", tmp_path) == {
        "class": "BitmartPaperTradeExchange",
        "is_real_connectors_subclass": True,
        "is_connectable": True,
        "fees": ["0.0025"],
        "pairs_before_connect": [],
        "binance": True,
    }


def test_enabling_reaches_a_hummingbot_that_knows_nothing_of_us(tmp_path):
    """As Python processes the `.pth` file of an environment at its start."""
    site = tmp_path / "site"
    site.mkdir()
    python = [hummingbot_python(), "-c"]
    ours = f"import sys; sys.path.append({str(ROOT)!r})\n"
    enable = "from pathlib import Path\nfrom paper_bitmart.connector.hummingbot.enabling import enable\n"
    listing = (
        "from hummingbot.client.settings import connectable_exchange_names as names\nprint(sorted(names()))"
    )
    subprocess.run([*python, f"{ours}{enable}enable(site=Path({str(site)!r}))"], check=True)
    start = f"import site; site.addsitedir({str(site)!r})\n"
    enabled = subprocess.run([*python, ours + start + listing], capture_output=True, text=True, check=True)
    assert "'bitmart_paper_trade'" in enabled.stdout
    without = subprocess.run([*python, ours + listing], capture_output=True, text=True, check=True)
    assert "'bitmart_paper_trade'" not in without.stdout
    assert "'bitmart'" in without.stdout


def test_connect_asks_nothing_also_the_second_time(tmp_path):
    told = probe("connect", tmp_path)
    assert told["said"] == ["You are now connected to bitmart_paper_trade."] * 2
    assert (told["asked"], told["errors"], told["file"]) == ([], [], True)
    balances = {asset: Decimal(amount) for asset, amount in told["balances"].items()}
    assert balances == {"BTC": 1, "ETH": 20, "USDT": 100_000}
    assert told["reached"] == LOOPBACK


@pytest.fixture(scope="module")
def orders(tmp_path_factory):
    return probe("orders", tmp_path_factory.mktemp("orders"))


class TestOrders:
    @pytest.mark.parametrize(
        ("order", "events"),
        [
            ("filled", ["BuyOrderCreated", "OrderFilled", "BuyOrderCompleted"]),
            ("market_sell", ["SellOrderCreated", "OrderFilled", "SellOrderCompleted"]),
            ("refused", ["OrderFailure"]),
        ],
    )
    def test_events_come_in_hummingbots_order(self, orders, order, events):
        assert orders[order] == events

    def test_a_crossing_limit_maker_is_cancelled_by_the_exchange(self, orders):
        """When the push overtakes the reply, Hummingbot's tracker tells no creation, there as here."""
        assert orders["crossing_maker"] in (["SellOrderCreated", "OrderCancelled"], ["OrderCancelled"])

    def test_cancel_all_and_tracking_states_name_the_resting_order(self, orders):
        assert (orders["tracking"], orders["cancel_all"]) == (True, [True])

    def test_it_says_what_it_is(self, orders):
        assert orders["names"] == ["bitmart_paper_trade"] * 2
        assert orders["types"] == ["LIMIT", "LIMIT_MAKER", "MARKET"]
        assert all(orders["status"].values())

    def test_balances_are_the_ledgers(self, orders):
        ledger = {asset: Decimal(amount) for asset, amount in orders["ledger"].items()}
        assert {asset: Decimal(amount) for asset, amount in orders["balances"].items()} == ledger

    def test_nothing_but_loopback_was_reached(self, orders):
        assert orders["reached"] == LOOPBACK


def test_there_is_no_path_to_a_real_order_endpoint(tmp_path):
    told = probe("guard", tmp_path)
    assert told["refused"] == [
        "https://api-cloud.bitmart.com/spot/v2/submit_order",
        "http://127.0.0.1:1/spot/v2/submit_order",
        "wss://ws-manager-compress.bitmart.com/api?protocol=1.1",
        "wss://ws-manager-compress.bitmart.com/user?protocol=1.1",
    ]
    assert told["elsewhere"] == []
    assert told["key_is_our_own"]
    assert told["reached"] == LOOPBACK


def test_balances_and_open_orders_outlive_the_process(tmp_path):
    first = probe("restart_first", tmp_path)
    assert first["btc"] == "1.50000000"
    second = probe("restart_second", tmp_path, given=first["states"])
    assert second["open"] == list(first["states"])
    assert Decimal(second["btc"]) == Decimal(first["btc"])
    assert second["cancelled"] == [True]
    assert second["heard"] == [["OrderCancelled", *first["states"]]]


def test_an_exchange_that_went_down_is_up_again_with_its_orders(tmp_path):
    told = probe("network", tmp_path)
    assert told["cancelled"] == [True]
    assert told["resting"] == ["BuyOrderCreated", "OrderCancelled"]
    assert told["bought"] == ["BuyOrderCreated", "OrderFilled", "BuyOrderCompleted"]


def test_a_running_server_can_be_the_venue(tmp_path):
    told = probe("server", tmp_path)
    assert told["bought"] == ["BuyOrderCreated", "OrderFilled", "BuyOrderCompleted"]
    assert (told["fills"], told["is_remote"]) == (True, True)


def test_the_example_script_runs_in_the_whole_client_for_a_minute_of_market_time(tmp_path):
    told = probe("script", tmp_path)
    assert told["started"]
    counts = told["counts"]
    assert min(counts["BuyOrderCreated"], counts["SellOrderCreated"]) >= 3
    assert counts["OrderFilled"] > 0
    assert counts["OrderFailure"] == 0
    assert told["reached"] == LOOPBACK

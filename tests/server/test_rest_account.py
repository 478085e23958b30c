from decimal import Decimal

import msgspec
import pytest
from rest_support import ALICE, BUY, READER, START_NS, serving, trades

from paper_bitmart.bitmart.envelope import decode_reply
from paper_bitmart.bitmart.rest_messages import AccountWallet, SpotWallet, TradeFee, UserFee
from paper_bitmart.server.rest_account import rate_text


@pytest.mark.parametrize(
    ("path", "params", "kind"),
    [
        ("/account/v1/wallet", {}, AccountWallet),
        ("/account/v1/wallet", {"needUsdValuation": "true"}, AccountWallet),
        ("/spot/v1/wallet", {}, SpotWallet),
        ("/spot/v1/trade_fee", {"symbol": "ETH_USDT"}, TradeFee),
        ("/spot/v1/user_fee", {}, UserFee),
    ],
)
async def test_each_keyed_endpoint_answers_in_its_declared_form(path, params, kind):
    async with serving() as exchange:
        reply = await exchange.get(path, READER, **params)
        assert (reply.status, reply.message) == (200, "OK")
        assert msgspec.to_builtins(decode_reply(reply.body, kind)) == reply.data


async def test_a_key_is_enough_and_a_wrong_signature_is_not_looked_at():
    async with serving() as exchange:
        headers = {"X-BM-KEY": ALICE.access_key, "X-BM-SIGN": "wrong", "X-BM-TIMESTAMP": "yesterday"}
        assert (await exchange.request("GET", "/spot/v1/wallet", headers=headers)).code == 1000


async def test_spot_wallet_shows_what_is_frozen():
    async with serving() as exchange:
        await exchange.buy("2000", "1")
        rows = {row["id"]: row for row in (await exchange.get("/spot/v1/wallet", ALICE)).data["wallet"]}
        assert rows["USDT"] == {
            "id": "USDT",
            "available": "7995.00000000",
            "name": "USDT",
            "frozen": "2005.00000000",
        }
        assert (rows["ETH"]["available"], rows["ETH"]["frozen"]) == ("10.00000000", "0.00000000")


async def test_account_wallet_leaves_out_zero_balances_and_can_be_narrowed():
    async with serving(balances={"USDT": Decimal(100), "ETH": Decimal(0)}) as exchange:
        rows = (await exchange.get("/account/v1/wallet", ALICE)).data["wallet"]
        assert rows == [
            {
                "currency": "USDT",
                "name": "USDT",
                "available": "100.00000000",
                "available_usd_valuation": None,
                "frozen": "0.00000000",
                "unAvailable": "0.00000000",
            }
        ]
        assert (await exchange.get("/account/v1/wallet", ALICE, currency="ETH")).data == {"wallet": []}


async def test_valuation_uses_the_last_price_and_is_null_without_one():
    async with serving() as exchange:
        rows = (await exchange.get("/account/v1/wallet", ALICE, needUsdValuation="true")).data["wallet"]
        assert {row["currency"]: row["available_usd_valuation"] for row in rows} == {
            "USDT": "10000.00000000",
            "ETH": None,
        }
        await exchange.market(trades(START_NS, (BUY, 250010, 1)))
        rows = (await exchange.get("/account/v1/wallet", ALICE, needUsdValuation="true", currency="ETH")).data
        assert [row["available_usd_valuation"] for row in rows["wallet"]] == ["25001.00000000"]


async def test_fees_are_those_that_the_account_pays():
    async with serving() as exchange:
        await exchange.session.set_fees("alice", "ETH_USDT", 800, 1000)
        fees = (await exchange.get("/spot/v1/trade_fee", ALICE, symbol="ETH_USDT")).data
        assert (fees["buy_maker_fee_rate"], fees["sell_taker_fee_rate"]) == ("0.0008", "0.0010")
        assert (fees["maker_fee_rate"], fees["taker_fee_rate"]) == ("0.0008", "0.0010")
        assert (await exchange.get("/spot/v1/trade_fee", ALICE, symbol="BTC_USDT")).data[
            "maker_fee_rate"
        ] == "0.0025"


@pytest.mark.parametrize(
    ("rate_ppm", "text"),
    [(0, "0.0000"), (1, "0.000001"), (2500, "0.0025"), (125, "0.000125"), (1_000_000, "1.0000")],
)
def test_a_rate_has_at_least_four_decimals(rate_ppm, text):
    assert rate_text(rate_ppm) == text

import json
import re
from decimal import Decimal

import msgspec
import pytest
from rest_support import ALICE, SELL, START_MS, START_NS, serving, trades

from paper_bitmart.server import admin_messages
from paper_bitmart.server.admin import OPENAPI_FILE, PREFIX, Admin
from paper_bitmart.server.faults import Fault, FaultPlan, FaultRule

DOCUMENT = json.loads(OPENAPI_FILE.read_text())


def resolve(node):
    """Follow one $ref of the document."""
    while "$ref" in node:
        place = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            place = place[name]
        node = place
    return node


async def test_the_openapi_document_has_exactly_the_routes():
    documented = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    routes = {(method, PREFIX + path) for method, path in Admin.routes(_unbound_admin())}
    assert documented == routes


def _unbound_admin():
    return Admin.__new__(Admin)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (admin_messages.NewAccount, "NewAccount"),
        (admin_messages.NewKey, "NewKey"),
        (admin_messages.Transfer, "Transfer"),
        (admin_messages.Reset, "Reset"),
        (admin_messages.Fees, "Fees"),
        (admin_messages.Speed, "Speed"),
        (admin_messages.Seek, "Seek"),
        (FaultPlan, "FaultPlan"),
        (FaultRule, "FaultRule"),
    ],
)
def test_the_document_describes_each_body_as_the_code_reads_it(kind, name):
    schema = DOCUMENT["components"]["schemas"][name]
    fields = msgspec.structs.fields(kind)
    assert set(schema["properties"]) == {field.encode_name for field in fields}
    assert set(schema.get("required", [])) == {field.encode_name for field in fields if field.required}
    assert schema["additionalProperties"] is False


def test_every_reference_of_the_document_leads_somewhere():
    references = re.findall(r'"\$ref": "([^"]+)"', OPENAPI_FILE.read_text())
    assert references
    for reference in references:
        assert resolve({"$ref": reference})


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({"X-Paper-Token": ""}, 401, "X-Paper-Token"),
        ({"X-Paper-Token": "guess"}, 401, "X-Paper-Token"),
        ({"Host": "evil.example"}, 403, "Host"),
        ({"Host": "127.0.0.1.evil.example:80"}, 403, "Host"),
        ({"Origin": "http://evil.example"}, 403, "origin"),
        ({"Origin": "null"}, 403, "origin"),
        ({"Host": "localhost:1", "Origin": "http://localhost:2"}, 403, "origin"),
    ],
)
async def test_strangers_are_refused(headers, status, text):
    async with serving() as exchange:
        before = exchange.state()
        reply = await exchange.admin("POST", "/accounts", {"name": "carol"}, **headers)
        assert (reply.status, reply.code) == (status, 10_000 + status)
        assert text in reply.message
        assert exchange.state() == before


@pytest.mark.parametrize(
    "headers", [{}, {"Host": "localhost:9"}, {"Host": "[::1]:9", "Origin": "http://[::1]:9"}]
)
async def test_the_holder_of_the_token_is_let_in_under_every_own_name(headers):
    async with serving() as exchange:
        reply = await exchange.admin("GET", "/status", **headers)
        assert (reply.status, reply.code, reply.message) == (200, 1000, "OK")


async def test_an_account_is_opened_with_a_key_that_works():
    async with serving() as exchange:
        reply = await exchange.admin("POST", "/accounts", {"name": "carol", "balances": {"USDT": "12.5"}})
        assert reply.data["balances"]["USDT"] == {
            "available": "12.500000000000000000",
            "frozen": "0.000000000000000000",
        }
        key = exchange.keys.find(reply.data["key"]["access_key"])
        assert (key.account, key.secret) == ("carol", reply.data["key"]["secret"])
        assert reply.data["access_keys"] == [key.access_key]
        wallet = (await exchange.get("/spot/v1/wallet", key)).data["wallet"]
        assert wallet == [{"id": "USDT", "available": "12.50000000", "name": "USDT", "frozen": "0.00000000"}]
        listed = (await exchange.admin("GET", "/accounts")).data["accounts"]
        assert {"name": "carol", "access_keys": [key.access_key]} in listed
        assert key.secret not in json.dumps(listed)


async def test_further_keys_can_be_narrowed():
    async with serving() as exchange:
        reply = await exchange.admin(
            "POST", "/accounts/bob/keys", {"permissions": ["read"], "expires_ms": START_MS + 5}
        )
        key = exchange.keys.find(reply.data["key"]["access_key"])
        assert (await exchange.get("/spot/v1/wallet", key)).code == 1000
        assert (await exchange.post("/spot/v4/cancel_all", key=key)).code == 30012
        exchange.pass_ms(5)
        assert (await exchange.get("/spot/v1/wallet", key)).code == 30011


async def test_deposits_and_withdrawals_move_money():
    async with serving() as exchange:
        reply = await exchange.admin("POST", "/accounts/alice/deposit", {"asset": "ETH", "amount": "1.5"})
        assert Decimal(reply.data["balances"]["ETH"]["available"]) == Decimal("11.5")
        reply = await exchange.admin("POST", "/accounts/alice/withdraw", {"asset": "ETH", "amount": "11"})
        assert Decimal(reply.data["balances"]["ETH"]["available"]) == Decimal("0.5")
        exchange.venue.check()


async def test_a_reset_starts_an_account_anew():
    async with serving() as exchange:
        await exchange.buy("2000", "1")
        reply = await exchange.admin("POST", "/accounts/alice/reset", {"balances": {"USDT": "7"}})
        totals = {asset: Decimal(row["available"]) for asset, row in reply.data["balances"].items()}
        assert totals == {"USDT": 7, "ETH": 0}
        assert exchange.venue.open_orders("alice") == []
        exchange.venue.check()


async def test_fees_can_be_set_per_symbol():
    async with serving() as exchange:
        await exchange.admin(
            "POST", "/accounts/alice/fees", {"symbol": "ETH_USDT", "maker_ppm": 0, "taker_ppm": 100}
        )
        assert exchange.venue.fee_rates("alice", "ETH_USDT") == (0, 100)
        assert exchange.venue.fee_rates("alice", "BTC_USDT") == (2500, 2500)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "/nothing", None, 404, "no GET"),
        ("DELETE", "/accounts", None, 404, "no DELETE"),
        ("GET", "/accounts/nobody", None, 404, "no account 'nobody'"),
        ("POST", "/accounts", {"name": "alice"}, 409, "exists already"),
        ("POST", "/accounts", {"name": "a b"}, 400, "name"),
        ("POST", "/accounts", {"name": "carol", "balances": {"USDT": "-1"}}, 400, "balances.USDT"),
        ("POST", "/accounts", {"name": "carol", "balances": {"USDT": "1e400"}}, 400, "balances.USDT"),
        ("POST", "/accounts", {"name": "carol", "rich": True}, 400, "rich"),
        ("POST", "/accounts/alice/deposit", {"asset": "ETH"}, 400, "amount"),
        ("POST", "/accounts/alice/deposit", {"asset": "ETH", "amount": "lots"}, 400, "amount"),
        ("POST", "/accounts/nobody/deposit", {"asset": "ETH", "amount": "1"}, 404, "no account"),
        ("POST", "/accounts/alice/reset", {"balances": {"NIX": "1"}}, 400, "NIX"),
        ("POST", "/accounts/alice/reset", {"balances": {"ETH": "1", "USDT": "1e-19"}}, 400, "balances.USDT"),
        ("POST", "/accounts/alice/deposit", {"asset": "ETH", "amount": "1e-19"}, 400, "18 decimals"),
        ("POST", "/accounts/alice/fees", {"maker_ppm": -1, "taker_ppm": 0}, 400, "maker_ppm"),
        ("GET", "/orders?account=nobody", None, 404, "no account"),
        ("GET", "/orders/77/why", None, 404, "no such order"),
        ("POST", "/clock/pause", None, 409, "live"),
        ("POST", "/clock/speed", {"speed": 0}, 400, "speed"),
        ("POST", "/clock/seek", {"to_ms": "soon"}, 400, "to_ms"),
        ("PUT", "/faults", {"rules": [{"fault": "flood"}]}, 400, "fault"),
        ("PUT", "/faults", {"rules": [{"fault": "delay", "probability": 2}]}, 400, "probability"),
    ],
)
async def test_a_wrong_call_is_refused_with_place_and_reason(method, path, body, status, text):
    async with serving() as exchange:
        before, plan = exchange.state(), exchange.faults.plan
        reply = await exchange.admin(method, path, body)
        assert (reply.status, reply.code) == (status, 10_000 + status), reply.json
        assert text in reply.message
        assert (exchange.state(), exchange.faults.plan) == (before, plan)


@pytest.mark.parametrize(
    ("path", "body", "code", "status"),
    [
        ("/accounts/alice/deposit", {"asset": "NIX", "amount": "1"}, 51000, 400),
        ("/accounts/alice/withdraw", {"asset": "ETH", "amount": "11"}, 50020, 400),
        ("/accounts/alice/fees", {"symbol": "NIX_USDT", "maker_ppm": 0, "taker_ppm": 0}, 50001, 400),
    ],
)
async def test_what_the_venue_refuses_keeps_its_code(path, body, code, status):
    async with serving() as exchange:
        before = exchange.state()
        reply = await exchange.admin("POST", path, body)
        assert (reply.code, reply.status) == (code, status)
        assert exchange.state() == before


async def test_bodies_that_are_no_json_are_refused():
    async with serving() as exchange:
        headers = {"X-Paper-Token": exchange.keys.admin_token}
        for data, content_type, status in (
            (b"{", "application/json", 400),
            (b"{}", "text/plain", 415),
            (b" " * 65_537, "application/json", 413),
        ):
            reply = await exchange.request(
                "POST", f"{PREFIX}/accounts", data=data, headers=headers | {"Content-Type": content_type}
            )
            assert (reply.status, reply.code) == (status, 10_000 + status)


async def test_orders_are_listed_with_the_queue_ahead():
    async with serving() as exchange:
        order_id = await exchange.buy("2499.90", "1")
        [row] = (await exchange.admin("GET", "/orders?account=alice&symbol=ETH_USDT")).data["orders"]
        assert (row["orderId"], row["account"], row["queueAheadLots"]) == (order_id, "alice", 32110)
        assert (await exchange.admin("GET", "/orders?account=bob")).data == {"orders": []}


async def test_why_explains_a_fill_by_its_evidence():
    async with serving() as exchange:
        order_id = await exchange.buy("2499.90", "1")
        why = (await exchange.admin("GET", f"/orders/{order_id}/why")).data
        assert (why["order"]["state"], why["feed_state"], why["fills"]) == ("new", "live", [])
        assert why["queue"]["ahead"] == 32110
        exchange.pass_ms(1)
        await exchange.market(trades(START_NS + 1_000_000, (SELL, 249990, 50_000)))
        why = (await exchange.admin("GET", f"/orders/{order_id}/why")).data
        [fill] = why["fills"]
        assert (fill["evidence"], fill["evidencePrice"], fill["evidenceSize"]) == (
            "print_at_price",
            "2499.90",
            "5.0000",
        )
        assert why["queue"] is None


async def test_status_tells_what_is_going_on_and_no_secret():
    plan = FaultPlan(seed=3, rules=(FaultRule(fault=Fault.MAINTENANCE, where="/spot/v1/wallet"),))
    async with serving(plan=plan) as exchange:
        await exchange.get("/spot/v1/wallet", ALICE)
        reply = await exchange.admin("GET", "/status")
        status = reply.data
        assert (status["source"], status["is_open"], status["accounts"]) == ("by hand", True, 2)
        assert status["feed"]["ETH_USDT"]["state"] == "live"
        assert status["faults"]["struck_total"] == 1
        assert status["faults"]["records"][0]["fault"] == "maintenance"
        assert (await exchange.admin("GET", "/feed")).data["symbols"] == status["feed"]
        assert ALICE.secret.encode() not in reply.body
        assert exchange.keys.admin_token.encode() not in reply.body


async def test_a_fault_plan_set_at_run_time_strikes():
    async with serving() as exchange:
        plan = {"seed": 1, "rules": [{"fault": "maintenance", "where": "/system/time"}]}
        assert (await exchange.admin("PUT", "/faults", plan)).code == 1000
        assert (await exchange.get("/system/time")).code == 30016
        assert (await exchange.admin("GET", "/faults")).data == plan
        await exchange.admin("PUT", "/faults", {})
        assert (await exchange.get("/system/time")).code == 1000


async def test_the_document_is_served():
    async with serving() as exchange:
        assert (await exchange.admin("GET", "/openapi.json")).data == DOCUMENT

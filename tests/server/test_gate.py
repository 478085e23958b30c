"""The gate's order of checks, and that nothing gets past it as anything but BitMart's envelope."""

import json
import logging

import pytest
from rest_support import ALICE, FROZEN, READER, START_MS, serving

from paper_bitmart.bitmart import signing
from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.journal_error import JournalWriteFailed
from paper_bitmart.server import app
from paper_bitmart.server.auth import Level
from paper_bitmart.server.faults import Fault, FaultPlan, FaultRule
from paper_bitmart.server.settings import ClockMode, ServerSettings

SUBMIT = "/spot/v2/submit_order"
CANCEL_ALL = "/spot/v4/cancel_all"


def faulty_call(**wrong):
    """A call to cancel_all with several things wrong: what is not named in `wrong` is right."""
    key = wrong.get("key", ALICE)
    body = wrong.get("body", b"{}")
    timestamp = str(wrong.get("timestamp", START_MS))
    headers = {
        "X-BM-KEY": key.access_key if key is not None else "",
        "X-BM-SIGN": wrong.get("sign", signing.sign(key.secret, key.memo, timestamp, body) if key else ""),
        "X-BM-TIMESTAMP": timestamp,
        "Content-Type": wrong.get("content_type", "application/json"),
    }
    return {
        "method": wrong.get("method", "POST"),
        "path": wrong.get("path", CANCEL_ALL),
        "headers": headers,
        "data": body,
    }


LADDER = [
    (30000, {"path": "/spot/v4/cancel_everything"}),
    (57001, {"method": "PUT"}),
    (58001, {"content_type": "text/plain"}),
    (30001, {"key": None}),
    (30003, {"key": FROZEN}),
    (30012, {"key": READER}),
    (30004, {"sign": ""}),
    (30006, {"timestamp": "now"}),
    (30005, {"sign": "0" * 64}),
    (30007, {"timestamp": START_MS - 6_000}),
    (30018, {"body": b"{"}),
]


async def test_of_several_faults_the_first_in_the_venues_order_wins():
    """Each rung has its own fault and those of all later rungs (protocol reference 2.4)."""
    async with serving() as exchange:
        for first, (code, _) in enumerate(LADDER):
            wrong = {}
            for _, fault in reversed(LADDER[first:]):
                wrong |= fault
            call = faulty_call(**wrong)
            reply = await exchange.request(call.pop("method"), call.pop("path"), **call)
            assert reply.code == code, (code, reply.json)


async def test_the_rate_limit_counts_before_the_signature_is_looked_at():
    async with serving(ServerSettings()) as exchange:
        for expected in (30005, 30013):
            call = faulty_call(sign="0")
            reply = await exchange.request(call.pop("method"), call.pop("path"), **call)
            assert reply.code == expected
        assert reply.headers["X-BM-RateLimit-Remaining"] == "2"


async def test_a_call_without_a_key_is_not_counted():
    async with serving(ServerSettings()) as exchange:
        for _ in range(5):
            assert (await exchange.get("/spot/v1/user_fee")).code == 30001
        assert (await exchange.get("/spot/v1/user_fee", ALICE)).code == 1000


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]
)
async def test_json_content_types_are_taken(content_type):
    async with serving() as exchange:
        headers = exchange.signed(b"{}") | {"Content-Type": content_type}
        assert (await exchange.request("POST", CANCEL_ALL, headers=headers, data=b"{}")).code == 1000


@pytest.mark.parametrize(("mode", "between"), [(ClockMode.RECORDED, 30007), (ClockMode.WALL, 1000)])
async def test_a_call_may_be_signed_by_the_walls_time_or_the_exchanges(mode, between):
    async with serving(ServerSettings(clock=mode, rate_limits="off")) as exchange:
        exchange.wall.advance(10**18)
        wall_ms = exchange.wall.now_ns() // 10**6
        for timestamp in (START_MS, wall_ms):
            assert (await exchange.post(CANCEL_ALL, timestamp=timestamp)).code == 1000
        assert (await exchange.post(CANCEL_ALL, timestamp=(START_MS + wall_ms) // 2)).code == between
        for timestamp in (START_MS - 5_001, wall_ms + 1_000):
            assert (await exchange.post(CANCEL_ALL, timestamp=timestamp)).code == 30007


async def test_an_unexpected_failure_is_59002_and_logged_without_secrets(monkeypatch, caplog):
    async with serving() as exchange:

        def fail(*_args, **_fields):
            raise RuntimeError("wires crossed")

        monkeypatch.setattr(exchange.session, "send", fail)
        fields = {"symbol": "ETH_USDT", "side": "buy", "type": "limit", "size": "1", "price": "2000"}
        with caplog.at_level(logging.DEBUG, logger="paper_bitmart"):
            reply = await exchange.post(SUBMIT, **fields)
        assert (reply.status, reply.code, reply.message) == (500, 59002, "Internal Server Error")
        assert "wires crossed" in caplog.text
        assert reply.json["trace"] in caplog.text
        assert ALICE.secret not in caplog.text
        assert ALICE.access_key not in caplog.text


async def test_an_order_that_cannot_be_journaled_is_59002_and_leaves_nothing(tmp_path, monkeypatch):
    journal = Journal(tmp_path)

    def disk_full():
        raise JournalWriteFailed(tmp_path, "disk full")

    async with serving(journal=journal) as exchange:
        wallet = (await exchange.get("/spot/v1/wallet", ALICE)).data
        with monkeypatch.context() as broken:
            broken.setattr(journal, "commit", disk_full)
            fields = {"symbol": "ETH_USDT", "side": "buy", "type": "limit", "size": "1", "price": "2000"}
            reply = await exchange.post(SUBMIT, **fields)
            assert (reply.status, reply.code) == (500, 59002)
        assert (await exchange.post("/spot/v4/query/open-orders")).data == []
        assert (await exchange.get("/spot/v1/wallet", ALICE)).data == wallet


async def test_every_answer_has_its_own_trace():
    async with serving() as exchange:
        traces = {
            (await exchange.get(path)).json["trace"] for path in ("/system/time", "/system/time", "/nix")
        }
        assert len(traces) == 3


async def test_a_delay_holds_the_call_back_without_refusing_it():
    plan = FaultPlan(rules=(FaultRule(fault=Fault.DELAY, delay_ms=1, count=1),))
    async with serving(plan=plan) as exchange:
        assert (await exchange.get("/system/time")).code == 1000
        assert [record.fault for record in exchange.faults.records] == [Fault.DELAY]


async def test_no_path_is_listed_twice_and_every_signed_endpoint_is_a_post():
    names = [endpoint.name for endpoint in app.ENDPOINTS]
    assert len(names) == len(set(names))
    assert {endpoint.method for endpoint in app.ENDPOINTS if endpoint.level is Level.SIGNED} == {"POST"}


async def test_every_removed_or_absent_path_answers_alike_for_any_method():
    async with serving() as exchange:
        closed = [endpoint for endpoint in app.ENDPOINTS if endpoint.method == "*"]
        assert len(closed) > 40
        for endpoint in closed:
            codes = {(await exchange.request(method, endpoint.path)).code for method in ("GET", "POST")}
            assert codes < {30031, 53005, 60061}
            assert len(codes) == 1


async def test_errors_can_be_searched_as_compact_text():
    async with serving() as exchange:
        reply = await exchange.post("/spot/v4/query/order", orderId="1")
        assert b'"code":50005' in reply.body
        assert json.loads(reply.body)["data"] == {}

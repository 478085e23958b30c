"""The admin API is what its OpenAPI document says: bodies, answers, refusals, by generated calls."""

import asyncio
import contextlib
import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rest_support import serving

from paper_bitmart.server import admin_messages
from paper_bitmart.server.admin import OPENAPI_FILE, PREFIX
from paper_bitmart.server.faults import FaultPlan

jsonschema = pytest.importorskip("jsonschema", reason="comes with the dev extra")

DOCUMENT = json.loads(OPENAPI_FILE.read_text())
OPERATIONS = [
    (method.upper(), path, item[method]) for path, item in DOCUMENT["paths"].items() for method in item
]
KINDS = {
    kind.__name__: kind
    for kind in (
        admin_messages.NewAccount,
        admin_messages.NewKey,
        admin_messages.Transfer,
        admin_messages.Reset,
        admin_messages.Fees,
        admin_messages.Speed,
        admin_messages.Seek,
        FaultPlan,
    )
}
PLACES = {
    "account": st.sampled_from(["alice", "bob", "nobody", "ä", "a%2Fb"]),
    "order_id": st.sampled_from(["100000000000000001", "1", "0"]),
    "symbol": st.sampled_from(["ETH_USDT", "NIX_USDT", ""]),
}
FIRST = {"account": "alice", "order_id": "100000000000000001", "symbol": "ETH_USDT"}
RIGHT = {
    "Transfer": {"asset": "ETH", "amount": "0.5"},
    "Reset": {"balances": {"ETH": "1", "USDT": "2.5"}},
    "NewAccount": {"name": "carol", "balances": {"USDT": "1"}},
}
"""Bodies that are carried out; generated ones seldom name an asset that exists."""
LIKELY = st.sampled_from(
    ["USDT", "ETH", "1", "0.5", "-1", "1e-30", "ETH_USDT", 0, -1, 2**53, 2**53 + 1, 0.5, None]
)


def is_valid(part, value):
    whole = part | {"components": DOCUMENT["components"]}
    return jsonschema.Draft202012Validator(whole).is_valid(value)


def resolved(part):
    if "$ref" in part:
        return DOCUMENT["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]]
    return part


def fitting(part):
    """Values that fit a schema of the document; only the words that it uses are known."""
    part = resolved(part)
    if "oneOf" in part:
        return st.one_of(*(fitting(choice) for choice in part["oneOf"]))
    if "enum" in part:
        return st.sampled_from(part["enum"])
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    return st.one_of(*(_of_kind(kind, part) for kind in kinds))


def _of_kind(kind, part):
    if kind == "null":
        return st.none()
    if kind == "integer":
        return st.integers(part["minimum"], part.get("maximum", 2**70))
    if kind == "number":
        low = part.get("minimum", part.get("exclusiveMinimum"))
        is_open = "exclusiveMinimum" in part
        return st.floats(low, part["maximum"], exclude_min=is_open, allow_subnormal=False)
    if kind == "string":
        if "pattern" in part:
            return st.from_regex(part["pattern"], fullmatch=True)
        free = st.text(min_size=part.get("minLength", 0), max_size=part.get("maxLength", 80))
        words = [
            word
            for word in ("USDT", "ETH", "1", "0.5", "1e-19", "1e50")
            if len(word) <= part.get("maxLength", 80)
        ]
        return free | st.sampled_from(words)
    if kind == "array":
        return st.lists(fitting(part["items"]), max_size=4)
    assert kind == "object", part
    if "properties" not in part:
        names = fitting(part.get("propertyNames", {"type": "string"}))
        return st.dictionaries(names, fitting(part["additionalProperties"]), max_size=3)
    values = {name: fitting(value) for name, value in part["properties"].items()}
    required = {name: values.pop(name) for name in part.get("required", ())}
    return st.fixed_dictionaries(required, optional=values)


def near(part):
    """Values that fit a schema, and such that miss it in one place."""
    names = [*resolved(part)["properties"], "nonsense"]
    right = fitting(part)
    return right | st.builds(_changed, right, st.sampled_from(names), LIKELY | st.lists(LIKELY, max_size=2))


def _changed(body, name, value):
    return body | {name: value}


@pytest.mark.parametrize("name", KINDS)
def test_the_document_allows_exactly_the_bodies_that_the_code_reads(name):
    part = DOCUMENT["components"]["schemas"][name]

    @given(body=near(part))
    def same(body):
        try:
            msgspec.json.decode(json.dumps(body), type=KINDS[name])
            is_read = True
        except msgspec.MsgspecError:
            is_read = False
        assert is_read is is_valid(part, body), body

    same()


@contextlib.contextmanager
def running():
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        exchange = runner.run(stack.enter_async_context(serving()))
        runner.run(exchange.buy("2000", "1"))
        try:
            yield exchange, runner.run
        finally:
            runner.run(stack.aclose())


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS, ids=lambda part: str(part)[:40])
def test_every_operation_answers_as_documented_and_a_refusal_changes_nothing(method, path, operation):
    content = operation.get("requestBody", {}).get("content", {})
    bodies = near(content["application/json"]["schema"]) if content else st.none()
    parameters = {item["name"]: PLACES[item["name"]] for item in operation.get("parameters", ())}
    where = {item["name"]: item["in"] for item in operation.get("parameters", ())}
    answer = _strict(operation["responses"]["200"]["content"]["application/json"]["schema"])
    seen = set()
    with running() as (exchange, run):
        name = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[1] if content else None
        first = {place: FIRST[place] for place in parameters}

        @given(body=bodies, values=st.fixed_dictionaries(parameters))
        @example(body=RIGHT.get(name, {} if content else None), values=first)
        def call(body, values):
            exchange.pass_ms(1)
            url = path.removeprefix(PREFIX)
            for name, value in values.items():
                url = url.replace(f"{{{name}}}", value)
            query = "&".join(f"{name}={value}" for name, value in values.items() if where[name] == "query")
            before = exchange.state()
            reply = run(exchange.admin(method, f"{url}?{query}" if query else url, body))
            seen.add(reply.status)
            assert reply.status < 500, reply.json
            if reply.status == 200:
                assert is_valid(answer, reply.json), reply.json
            else:
                assert reply.code in {10_000 + reply.status, 50001, 50020, 50021, 51000}
                assert is_valid(DOCUMENT["components"]["schemas"]["Envelope"], reply.json)
                assert exchange.state() == before
            if content and not is_valid(content["application/json"]["schema"], body):
                assert reply.status == 400
            exchange.venue.check()

        call()
    # A replay's clock is not this exchange's, so there all is refused.
    assert seen & ({409} if method == "POST" and "/clock/" in path else {200})


def _strict(part):
    """The same schema, with every property that it names required."""
    if isinstance(part, list):
        return [_strict(item) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        return _strict(DOCUMENT["components"]["schemas"][name])
    strict = {name: _strict(value) for name, value in part.items()}
    # Fault rules are sent without what is at its default.
    if isinstance(part.get("properties"), dict) and "fault" not in part["properties"]:
        strict["required"] = list(part["properties"])
    return strict

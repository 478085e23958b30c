"""Symbol rules: read from BitMart's reply, exact in both directions, and named when broken."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart.decimals import BadNumber
from paper_bitmart.bitmart.rules import (
    PriceNotOnTick,
    RulesError,
    SizeNotOnLot,
    SymbolRules,
    load_rules,
    parse_rules,
)

BTC: dict[str, Any] = {
    "symbol": "BTC_USDT",
    "symbol_id": 53,
    "base_currency": "BTC",
    "quote_currency": "USDT",
    "quote_increment": "0.00001",
    "base_min_size": "0.000010000000000000000000000000",
    "price_min_precision": -1,
    "price_max_precision": 2,
    "expiration": "NA",
    "min_buy_amount": "5.000000000000000000000000000000",
    "min_sell_amount": "5.000000000000000000000000000000",
    "trade_status": "trading",
}
ES = BTC | {
    "symbol": "ES_USDT",
    "base_currency": "ES",
    "quote_increment": "1",
    "base_min_size": "1",
    "price_tick": "0.25",
}


def reply(*rows: object) -> bytes:
    return json.dumps({"message": "OK", "code": 1000, "trace": "t", "data": {"symbols": rows}}).encode()


def one(row: dict[str, Any]) -> SymbolRules:
    (rules,) = parse_rules(reply(row)).values()
    return rules


@pytest.fixture
def btc() -> SymbolRules:
    return one(BTC)


@pytest.fixture
def es() -> SymbolRules:
    return one(ES)


def test_a_live_row_is_read(btc: SymbolRules) -> None:
    assert btc == SymbolRules(
        symbol="BTC_USDT",
        symbol_id=53,
        base="BTC",
        quote="USDT",
        price_decimals=2,
        size_decimals=5,
        tick=Decimal("0.01"),
        lot=Decimal("0.00001"),
        min_size=Decimal("0.00001"),
        min_buy_notional=Decimal(5),
        min_sell_notional=Decimal(5),
        price_min_precision=-1,
    )
    assert btc.is_tradable
    assert (btc.tick_atoms, btc.lot_atoms) == (10**16, 10**13)


@pytest.mark.parametrize(
    "text",
    [json.dumps([BTC, ES]), reply(BTC, ES), json.dumps({"symbols": [BTC, ES]})],
    ids=["bare list", "whole reply", "data object"],
)
def test_reply_data_and_bare_rows_are_the_same(text: str | bytes) -> None:
    assert list(parse_rules(text)) == ["BTC_USDT", "ES_USDT"]


@pytest.mark.parametrize("row", [BTC, ES, BTC | {"base_max_size": "9000", "expiration": ""}])
def test_a_row_survives_the_way_to_the_wire_and_back(row: dict[str, Any]) -> None:
    rules = one(row)
    wire = rules.to_wire()
    assert one(wire) == rules
    assert list(wire) == [
        name for name in (*list(BTC)[:6], "base_max_size", *list(BTC)[6:], "price_tick") if name in row
    ]


def test_numbers_on_the_wire_never_become_floats() -> None:
    rules = one(ES | {"price_tick": 0.25, "quote_increment": 1, "min_buy_amount": 0.1})
    assert (rules.tick, rules.min_buy_notional) == (Decimal("0.25"), Decimal("0.1"))


def test_a_file_is_read_and_named_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "symbols.json"
    path.write_bytes(reply(BTC))
    assert list(load_rules(path)) == ["BTC_USDT"]
    path.write_text('{\n "data": oops}')
    with pytest.raises(RulesError, match=r"symbols\.json:2: reply is not JSON"):
        load_rules(path)


def test_a_tick_that_is_no_power_of_ten_counts_in_quarters(es: SymbolRules) -> None:
    assert es.price_ticks("5000.25") == 20001
    assert es.format_price(20001) == "5000.25"
    assert es.price(20001) == Decimal("5000.25")
    with pytest.raises(PriceNotOnTick, match=r"^5000\.3 is not a multiple of 0\.25$"):
        es.price_ticks("5000.30")


@pytest.mark.parametrize(
    ("text", "ticks"), [("61837.64", 6183764), ("61842", 6184200), ("46813.5000", 4681350)]
)
def test_prices_in_any_spelling_become_ticks(btc: SymbolRules, text: str, ticks: int) -> None:
    assert btc.price_ticks(text) == ticks
    assert btc.price_ticks(Decimal(text)) == ticks


@pytest.mark.parametrize("bad", ["", "NaN", "-1", "1e40", Decimal(-1)])
def test_a_price_or_size_that_is_no_count_is_refused(btc: SymbolRules, bad: str | Decimal) -> None:
    with pytest.raises(BadNumber):
        btc.price_ticks(bad)
    with pytest.raises(BadNumber):
        btc.size_lots(bad)


def test_off_tick_and_off_lot_name_value_and_unit(btc: SymbolRules) -> None:
    with pytest.raises(PriceNotOnTick) as price:
        btc.price_ticks("1.005")
    assert (price.value.value, price.value.unit) == (Decimal("1.005"), Decimal("0.01"))
    with pytest.raises(SizeNotOnLot) as size:
        btc.size_lots(Decimal("0.000001"))
    assert (size.value.value, size.value.unit) == (Decimal("0.000001"), Decimal("0.00001"))


def test_excess_decimals_are_cut_on_request(btc: SymbolRules, es: SymbolRules) -> None:
    assert btc.truncate_price(Decimal("100.019")) == 10001
    assert es.truncate_price(Decimal("5000.49")) == 20001
    assert btc.truncate_size(Decimal("0.000019999")) == 1
    with pytest.raises(BadNumber):
        btc.truncate_price(Decimal("1e30"))


@pytest.mark.parametrize(
    ("decimals", "price"), [(8, "0.00000001"), (8, "1000000"), (0, "1000000"), (2, "1000000.01")]
)
def test_every_price_from_1e_minus_8_to_a_million_fits(decimals: int, price: str) -> None:
    rules = one(BTC | {"price_max_precision": decimals})
    ticks = rules.price_ticks(price)
    assert 0 < ticks < 2**63
    assert rules.price(ticks) == Decimal(price)


@given(st.integers(1, 10**14), st.integers(1, 10**14))
def test_a_notional_is_exact(ticks: int, lots: int) -> None:
    rules = one(BTC)
    numerator, denominator = (rules.tick * rules.lot).as_integer_ratio()
    assert rules.notional_atoms(ticks, lots) * denominator == ticks * lots * numerator * 10**18


@given(st.integers(0, 2**63 - 1))
def test_ticks_and_lots_survive_their_text(count: int) -> None:
    for rules in (one(BTC), one(ES)):
        assert rules.price_ticks(rules.format_price(count)) == count
        assert rules.size_lots(rules.format_size(count)) == count
        assert rules.size(count) == Decimal(rules.format_size(count))


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("symbol", "BTCUSDT", "must read BASE_QUOTE"),
        ("symbol", None, "is missing"),
        ("symbol_id", "53", "must be an integer"),
        ("symbol_id", True, "must be an integer"),
        ("base_currency", "", "must be text"),
        ("quote_increment", "0", "must be positive"),
        ("quote_increment", "NaN", "must be a number"),
        ("quote_increment", None, "is missing"),
        ("quote_increment", "0.00000000000000001", "more than 18 decimals together"),
        ("base_min_size", "-1", "must not be negative"),
        ("base_max_size", "0.000001", "below the smallest order"),
        ("price_max_precision", 19, "must be 0 to 18"),
        ("price_max_precision", -1, "must be 0 to 18"),
        ("price_max_precision", 2.5, "must be an integer"),
        ("min_buy_amount", "five", "must be a number"),
        ("min_sell_amount", "-5", "must not be negative"),
        ("trade_status", "", "must be text"),
        ("expiration", 7, "must be text"),
        ("price_tick", "0.001", "needs more than 2 decimals"),
        ("price_tick", "0", "must be positive"),
    ],
)
def test_a_broken_row_is_named_with_its_field_and_rule(field: str, value: object, rule: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(reply(ES, BTC | {field: value}), "symbols.json")
    assert caught.value.place.startswith("symbols.json: symbols[1]")
    assert caught.value.field == field
    assert rule in caught.value.rule


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"[]x", "reply"),
        (b'[{"quote_increment": NaN}]', "reply"),
        (b"\xff\xfe", "reply"),
        (b"7", "data.symbols"),
        (b'{"data": {}}', "data.symbols"),
        (b'{"code": 30014, "message": "Service unavailable"}', "code"),
        (b"[5]", "row"),
    ],
)
def test_a_reply_that_is_no_list_of_rows_is_refused(text: bytes, field: str) -> None:
    with pytest.raises(RulesError) as caught:
        parse_rules(text)
    assert caught.value.field == field


def test_a_symbol_may_appear_once_only() -> None:
    with pytest.raises(RulesError, match=r"symbols\[1\]: symbol BTC_USDT appears twice"):
        parse_rules(reply(BTC, BTC))


def test_a_symbol_in_pre_trade_is_not_tradable() -> None:
    assert not one(BTC | {"trade_status": "pre-trade"}).is_tradable


def test_rules_built_by_hand_are_checked_too() -> None:
    with pytest.raises(RulesError, match="X_Y: quote_increment must be positive"):
        SymbolRules(
            symbol="X_Y", symbol_id=1, base="X", quote="Y", price_decimals=2, size_decimals=0,
            tick=Decimal("0.01"), lot=Decimal(0), min_size=Decimal(1),
        )  # fmt: skip


@pytest.mark.parametrize("read", ["price_ticks", "size_lots"])
def test_a_float_is_no_price_and_no_size(read: str) -> None:
    with pytest.raises(TypeError, match=r"must be text or a Decimal, not the float 0\.1"):
        getattr(one(BTC), read)(0.1)

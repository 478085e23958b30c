"""Sentences of the shell that no short session comes across."""

import pytest
from msgspec.structs import replace
from small_market import RULES_ROW

from paper_bitmart.bitmart.enums import OrderType, Role, Side, StpMode
from paper_bitmart.bitmart.rules import parse_rules
from paper_bitmart.connector import shell_words as words
from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST
from paper_bitmart.exchange.orders import Fill
from paper_bitmart.matching.reports import Evidence


@pytest.fixture
def rules():
    import json

    return parse_rules(json.dumps([RULES_ROW]))["BTC_USDT"]


def fill_by(evidence):
    return Fill(
        trade_id=1, order_id=ORDER_ID_FIRST, client_order_id="x", account="a", symbol="BTC_USDT",
        side=Side.BUY, order_type=OrderType.LIMIT, stp_mode=StpMode.NONE, role=Role.MAKER, price_ticks=10_000,
        size_lots=500, notional_atoms=0, fee_atoms=0, fee_asset="USDT", at_ns=0, exch_ns=0, evidence=evidence,
        evidence_price_ticks=9_999, evidence_lots=1_500, ahead_before=-1.0, ahead_after=0.0,
        counter_order_id=ORDER_ID_FIRST + 4,
    )  # fmt: skip


@pytest.mark.parametrize("evidence", list(Evidence))
def test_every_kind_of_evidence_has_words_of_its_own(evidence, rules):
    texts = {words.evidence(fill_by(one), rules) for one in Evidence}
    assert len(texts) == len(Evidence)
    assert words.evidence(fill_by(evidence), rules)


def test_a_self_trade_names_the_other_order(rules):
    assert words.evidence(fill_by(Evidence.SELF_TRADE), rules) == "it met your own order #5"


def test_a_print_that_was_smaller_than_the_mean_queue_is_not_called_more_than_it(rules):
    fill = fill_by(Evidence.PRINT_AT_PRICE)
    assert "more than the 1 BTC ahead of it" in words.evidence(replace(fill, ahead_before=1_000.0), rules)
    text = words.evidence(replace(fill, ahead_before=2_000.0), rules)
    assert text == "1.5 BTC were traded at its price and most likely reached it; 2 BTC ahead was the mean"


def test_an_order_number_and_its_id_belong_together():
    assert words.number_of(words.order_id_of(12)) == "#12"


def test_numbers_lose_only_trailing_zeros():
    assert [words.short(text) for text in ("100", "0.100", "5.000", "0.05")] == ["100", "0.1", "5", "0.05"]


def test_a_size_estimated_in_parts_of_a_lot_is_cut(rules):
    assert words.lots(rules, 1_500.75) == "1.5 BTC"


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [(0, "0 ms"), (15_754, "0.016 ms"), (1_500_000, "1.5 ms"), (2 * 10**9, "2.000 s")],
)
def test_spans(duration_ns, text):
    assert words.span(duration_ns) == text


def test_a_table_aligns_names_left_and_numbers_right():
    assert words.table(("a", "bb"), [("xx", "1")]) == "a   bb\nxx   1"

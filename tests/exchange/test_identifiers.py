import pytest

from paper_bitmart.exchange.identifiers import ORDER_ID_FIRST, TRADE_ID_FIRST, Counter, client_order_id_fault


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a", 0),
        ("12345", 0),
        ("A" * 32, 0),
        ("A" * 33, 50037),
        ("-" * 33, 50037),  # both wrong: length wins
        ("my_order", 50038),
        ("my-order", 50038),
        ("ordre№1", 50038),
        ("١٢", 50038),  # digits, but not ASCII
        ("a\n", 50038),
    ],
)
def test_client_order_ids_are_up_to_32_ascii_letters_and_digits(text, code):
    assert client_order_id_fault(text) == code


def test_ids_have_bitmarts_18_digits():
    assert len(str(ORDER_ID_FIRST)) == len(str(TRADE_ID_FIRST)) == 18


def test_a_counter_continues_from_its_state():
    counter = Counter(7)
    assert [counter.take(), counter.take()] == [7, 8]
    assert Counter(counter.next_id).take() == 9

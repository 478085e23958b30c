import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper_bitmart.bitmart.enums import Side
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.server.params import Params, _read_slowly, order_id, read_body


@pytest.mark.parametrize(
    "body", [b"", b"a=1", b"{", b"\xff", b'{"a":NaN}', b"[" * 100_000, b'{"a":Infinity}']
)
def test_a_body_that_is_no_json_is_30018(body):
    with pytest.raises(BitmartError) as error:
        read_body(body)
    assert error.value.code == 30018


@pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"null"])
def test_json_that_is_no_object_is_50000(body):
    with pytest.raises(BitmartError) as error:
        read_body(body)
    assert error.value.code == 50000


def test_numbers_with_a_point_stay_exact():
    params = Params(read_body(b'{"price": 0.1000000000000000055511151231257827, "size": 1e-8, "n": 3}'))
    assert params.decimal("price") == Decimal("0.1000000000000000055511151231257827")
    assert params.decimal("size") == Decimal("0.00000001")
    assert params.decimal("n") == 3


@pytest.mark.parametrize("value", [None, ""])
def test_null_and_empty_text_are_not_given(value):
    params = Params({"a": value})
    assert params.text("a") is None
    assert params.decimal("a") is None
    assert params.integer("a") is None
    assert params.texts("a") is None
    assert params.objects("a") is None
    assert params.choice("a", Side) is None
    assert params.flag("a") is False
    with pytest.raises(BitmartError) as error:
        params.required("a", 50039)
    assert (error.value.code, error.value.field) == (50039, "a")


@pytest.mark.parametrize(
    ("method", "value", "read"),
    [
        ("text", 17, "17"),
        ("decimal", "2500.10", Decimal("2500.1")),
        ("integer", "5000", 5000),
        ("integer", -3, -3),
        ("texts", ["1", 2], ["1", "2"]),
        ("flag", "true", True),
        ("flag", True, True),
        ("flag", "1", False),
    ],
)
def test_values_are_read_as_clients_send_them(method, value, read):
    assert getattr(Params({"a": value}), method)("a") == read


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("text", True),
        ("text", []),
        ("decimal", "one"),
        ("decimal", "1" * 61),
        ("decimal", {}),
        ("integer", "1.0"),
        ("integer", "1" * 19),
        ("integer", True),
        ("integer", "١"),
        ("texts", "1"),
        ("texts", [None]),
        ("texts", [["1"]]),
        ("objects", {}),
        ("objects", [1]),
    ],
)
def test_other_values_are_50021_and_name_the_field(method, value):
    with pytest.raises(BitmartError) as error:
        getattr(Params({"amount": value}), method)("amount")
    assert (error.value.code, error.value.message) == (50021, "Invalid amount")


@pytest.mark.parametrize("value", ["Buy", 1, [], {}])
def test_a_word_outside_the_vocabulary_is_refused_with_the_given_code(value):
    with pytest.raises(BitmartError) as error:
        Params({"side": value}).choice("side", Side, 52002)
    assert error.value.code == 52002


@pytest.mark.parametrize(("text", "number"), [("17", 17), ("x", -1), ("-1", -1), ("9" * 19, -1), ("١", -1)])
def test_an_order_id_that_is_no_number_belongs_to_no_order(text, number):
    assert order_id(text) == number


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)
documents = st.dictionaries(st.text(max_size=8), json_values, max_size=5)


@given(document=documents, is_ascii=st.booleans(), indent=st.sampled_from([None, 1]))
def test_the_fast_reader_and_the_slow_one_agree_on_json(document, is_ascii, indent):
    text = json.dumps(document, ensure_ascii=is_ascii, indent=indent)
    body = text.encode(errors="surrogatepass")
    try:
        slow = _read_slowly(body)
    except BitmartError:
        slow = None  # half a surrogate pair, unescaped
    if slow is not None:
        assert repr(read_body(body)) == repr(slow)


@given(
    body=st.binary(max_size=60) | st.text('{}[]":,0123456789.eE+-tfn\\u dDxX', max_size=60).map(str.encode)
)
def test_what_the_slow_reader_refuses_is_refused(body):
    try:
        slow = _read_slowly(body)
    except BitmartError:
        with pytest.raises(BitmartError) as refused:
            read_body(body)
        assert refused.value.code == 30018
    else:
        if isinstance(slow, dict):
            assert repr(read_body(body)) == repr(slow)


@pytest.mark.parametrize(
    "text", ['{"a": 1e400}', '{"a": 123456789012345678901234567890}', '{"a": "\\ud800"}', '{"a": 1, "a": 2}',
             '{"a": -0}', '{"a": -0.0}', '{"a": 1E5}', '{"a": 1.10}']
)  # fmt: skip
def test_numbers_and_text_at_the_edge_are_read_as_json_says(text):
    assert repr(read_body(text.encode())) == repr(_read_slowly(text.encode()))

"""The envelope: compact, complete, and a venue's refusal comes out as an exception of its class."""

import pytest

from paper_bitmart.bitmart import errors
from paper_bitmart.bitmart.decoding import MessageError
from paper_bitmart.bitmart.envelope import decode_reply, encode_failure, encode_success, success_text
from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.bitmart.rest_messages import CancelResult, Empty, ServerTime, SpotWallet


def test_a_success_is_compact_json_with_all_four_keys() -> None:
    reply = encode_success(ServerTime(server_time=1763800001234), "t1")
    assert reply == b'{"code":1000,"message":"OK","trace":"t1","data":{"server_time":1763800001234}}'
    assert encode_success(Empty(), "t") == b'{"code":1000,"message":"OK","trace":"t","data":{}}'
    assert encode_success([], "t", "success") == b'{"code":1000,"message":"success","trace":"t","data":[]}'


@pytest.mark.parametrize(
    ("code", "reply"),
    [
        (50020, b'{"code":50020,"message":"Balance not enough","trace":"t","data":{}}'),
        (50005, b'{"code":50005,"message":"Order Id not found","trace":"t","data":{}}'),
        (70002, b'{"code":70002,"message":"symbol is invalid","trace":"t","data":null}'),
    ],
)
def test_a_refusal_is_bitmarts_text_with_empty_data(code: int, reply: bytes) -> None:
    assert encode_failure(refusal(code), "t") == reply


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/system/time", "OK"),
        ("/account/v1/wallet", "OK"),
        ("/spot/v1/symbols/details", "OK"),
        ("/spot/v2/submit_order", "OK"),
        ("/spot/v4/cancel_all", "OK"),
        ("/spot/quotation/v3/ticker", "success"),
        ("/spot/v4/query/order", "success"),
    ],
)
def test_each_endpoint_has_its_success_text(path: str, text: str) -> None:
    assert success_text(path) == text


def test_an_answer_is_read_back() -> None:
    assert decode_reply(encode_success(CancelResult(result=True), "t"), CancelResult) == CancelResult(
        result=True
    )
    assert decode_reply(b'{"message":"OK","code":1000,"data":["1"]}', list[str]) == ["1"]


@pytest.mark.parametrize("code", sorted(errors.CODES))
def test_every_refusal_sent_is_received_as_the_same_exception(code: int) -> None:
    sent = refusal(code, field="size", limit=5)
    with pytest.raises(type(sent)) as caught:
        decode_reply(encode_failure(sent, "t"), Empty)
    assert (caught.value.code, caught.value.message, caught.value.http_status) == (
        code,
        sent.message,
        sent.http_status,
    )


def test_a_code_that_nobody_documented_is_still_a_refusal() -> None:
    with pytest.raises(errors.UnlistedCode) as caught:
        decode_reply(b'{"code":59999,"message":"new","trace":"t"}', Empty, http_status=400)
    assert isinstance(caught.value, BitmartError)
    assert (caught.value.code, caught.value.message, caught.value.http_status) == (59999, "new", 400)
    assert str(caught.value) == "59999 new"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (b"<html>403</html>", ""),
        (b'{"message":"OK"}', ""),
        (b'{"code":"1000","message":"OK","data":{}}', "code"),
        (b'{"code":1000,"message":"OK"}', "data"),
        (b'{"code":1000,"message":"OK","data":{"wallet":[{"id":1}]}}', "data.wallet[0].id"),
    ],
)
def test_an_answer_of_another_form_is_refused_with_its_place(payload: bytes, field: str) -> None:
    with pytest.raises(MessageError) as caught:
        decode_reply(payload, SpotWallet)
    assert caught.value.field == field

"""Refusals: BitMart's code, status and text on the wire, data and plain words for a person."""

import pickle
from decimal import Decimal

import pytest

from paper_bitmart.bitmart import errors
from paper_bitmart.bitmart.codes import OUTSIDE_RECV_WINDOW
from paper_bitmart.bitmart.errors import (
    CODES,
    WS_CODES,
    BitmartError,
    InsufficientBalance,
    WsRefused,
    refusal,
)


@pytest.mark.parametrize(
    ("codes", "http_status"),
    [
        ((30016, 30019, 30030, 30031, *range(70000, 70004), *range(71001, 71006)), 200),
        (
            (
                *range(50000, 50043),
                51000,
                *range(51008, 51016),
                *range(52000, 52005),
                59001,
                60000,
                60002,
                60052,
            ),
            400,
        ),
        (range(30001, 30009), 401),
        ((30010, 30011, 30012, *range(53000, 53012), 60028, 60060), 403),
        ((30000,), 404),
        ((57001, 60030), 405),
        ((58001, 60031), 415),
        ((30017,), 418),
        ((30013,), 429),
        ((*range(59002, 59012), 60050, 60051), 500),
        ((30014, 30018), 503),
    ],
)
def test_each_group_of_codes_has_its_http_status(codes: range | tuple[int, ...], http_status: int) -> None:
    assert {CODES[code].http_status for code in codes} == {http_status}


def test_tables_are_keyed_by_their_own_codes() -> None:
    assert all(code == row.code and row.message for code, row in CODES.items())
    assert all(code == row.code and row.message for code, row in WS_CODES.items())


@pytest.mark.parametrize(
    ("code", "kind", "fill", "message"),
    [
        (30005, errors.NotAuthenticated, {}, "Header X-BM-SIGN is wrong"),
        (30007, errors.NotAuthenticated, {}, "Header X-BM-TIMESTAMP range. Within a minute"),
        (30012, errors.PermissionRefused, {}, "Header X-BM-KEY is forbidden to request it"),
        (30013, errors.TooManyRequests, {}, "Request too many requests"),
        (50000, errors.BadParameter, {}, "Bad Request"),
        (50001, errors.SymbolNotFound, {}, "Symbol not found"),
        (50005, errors.OrderNotFound, {}, "Order Id not found"),
        (50006, errors.SizeTooSmall, {"limit": Decimal("0.00001")}, "Minimum size is 0.00001"),
        (50007, errors.SizeTooLarge, {"limit": "9000"}, "Maximum size is 9000"),
        (50008, errors.PriceTooLow, {"limit": Decimal("1E-8")}, "Minimum price is 0.00000001"),
        (50016, BitmartError, {"limit": 200}, "Maximum limit is 200"),
        (50020, errors.OrderRefused, {}, "Balance not enough"),
        (50021, errors.BadParameter, {"field": "notional"}, "Invalid notional"),
        (50022, errors.MarketUnavailable, {}, "Service unavailable"),
        (50025, errors.PriceTooHigh, {"limit": 7}, "Maximum price is 7"),
        (50030, errors.OrderNotCancelable, {}, "Order is already canceled"),
        (50032, errors.OrderNotFound, {}, "Order does not exist"),
        (50034, errors.WouldNotMatch, {}, "The price is high and there is no matching depth"),
        (50037, errors.BadClientOrderId, {}, "The maximum length of clientOrderId cannot exceed 32"),
        (50040, errors.SymbolNotTradable, {}, "Symbol Not Available"),
        (50042, errors.DuplicateClientOrderId, {}, "clientOrderId is duplicate"),
        (51011, errors.BelowMinNotional, {"limit": Decimal(5)}, "param not match : size * price >=5"),
        (70002, errors.MarketDataRefused, {}, "symbol is invalid"),
    ],
)
def test_a_refusal_is_of_its_class_with_bitmarts_text(
    code: int, kind: type[BitmartError], fill: dict[str, object], message: str
) -> None:
    error = refusal(code, **fill)
    assert type(error) is kind
    assert (error.code, error.http_status, error.message) == (code, CODES[code].http_status, message)


def test_every_code_in_the_table_can_be_raised() -> None:
    for code in CODES:
        error = refusal(code, field="size", limit=1, value=2)
        assert error.code == code
        assert "%" not in error.message


def test_a_refusal_tells_a_person_field_value_and_limit() -> None:
    error = refusal(50006, field="size", limit=Decimal("0.01"), value=Decimal("0.001"))
    assert str(error) == "50006 Minimum size is 0.01 (size, was 0.001, limit 0.01)"
    assert str(refusal(50001)) == "50001 Symbol not found"


def test_an_insufficient_balance_names_the_amounts_but_not_on_the_wire() -> None:
    error = InsufficientBalance("USDT", Decimal("6.27"), Decimal("4.10"), Decimal("2.17"))
    assert str(error) == "needed 6.27 USDT, available 4.10 USDT, frozen 2.17 USDT"
    assert (error.code, error.http_status, error.message) == (50020, 400, "Balance not enough")
    assert isinstance(error, errors.OrderRefused)


def test_another_text_replaces_the_tables() -> None:
    error = refusal(30007, message=OUTSIDE_RECV_WINDOW)
    assert (
        error.message
        == "Header X-BM-TIMESTAMP range. Timestamp for this request is outside of the recvWindow."
    )


def test_a_placeholder_is_never_sent_unfilled() -> None:
    with pytest.raises(ValueError, match="placeholder"):
        refusal(50006)
    with pytest.raises(KeyError):
        refusal(12345)


@pytest.mark.parametrize(
    "error",
    [
        refusal(50006, field="size", limit=Decimal(1), value=Decimal("0.5")),
        InsufficientBalance("USDT", Decimal(2), Decimal(1), Decimal(0)),
        WsRefused(92001, event="subscribe", topic="spot/ticker:NOPE_USDT"),
    ],
)
def test_errors_survive_a_process_boundary(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.__dict__) == (str(error), error.__dict__)


def test_a_websocket_refusal_knows_whether_it_disconnects() -> None:
    assert not WsRefused(91005).closes
    assert WsRefused(91011, event="login").closes
    assert str(WsRefused(92001, topic="spot/ticker:X_Y")) == "92001 Invalid symbol param (spot/ticker:X_Y)"


def test_a_failed_login_always_disconnects() -> None:
    assert all(
        WS_CODES[code].closes for code in WS_CODES if 91001 <= code <= 91023 and code not in (91005, 91006)
    )

"""REST bodies and answers: golden messages in the reference's form survive decode and encode as they are."""

import json
from typing import Any

import msgspec
import pytest

from paper_bitmart.bitmart import rest_messages as rm
from paper_bitmart.bitmart.decoding import JsonDecoder, MessageError
from paper_bitmart.bitmart.rules import parse_rules

ORDER = (
    '{"orderId":"512340000000000101","clientOrderId":"pb20261122a1","symbol":"ETH_USDT","side":"buy",'
    '"orderMode":"spot","type":"limit","state":"partially_filled","cancelSource":"","stpMode":"",'
    '"price":"2500.10","priceAvg":"2500.05","size":"0.2500","filledSize":"0.1000","notional":"625.02500000",'
    '"filledNotional":"250.00500000","createTime":1763800002000,"updateTime":1763800003417}'
)
TRADE = (
    '{"tradeId":"512340000000009001","orderId":"512340000000000101","clientOrderId":"pb20261122a1",'
    '"symbol":"ETH_USDT","side":"buy","orderMode":"spot","type":"limit","stpMode":"","price":"2500.05",'
    '"size":"0.1000","notional":"250.00500000","fee":"0.25000500","feeCoinName":"USDT","tradeRole":"taker",'
    '"createTime":1763800003417,"updateTime":1763800003417}'
)
SYMBOL = (
    '{"symbol":"ETH_USDT","symbol_id":54,"base_currency":"ETH","quote_currency":"USDT",'
    '"quote_increment":"0.0001","base_min_size":"0.0001","base_max_size":"100000","price_min_precision":0,'
    '"price_max_precision":2,"expiration":"NA","min_buy_amount":"5","min_sell_amount":"5",'
    '"trade_status":"trading"}'
)
TICKER = (
    '{"symbol":"ETH_USDT","last":"2501.37","v_24h":"18230.4412","qv_24h":"45511230.77","open_24h":"2488.10",'
    '"high_24h":"2519.95","low_24h":"2470.02","fluctuation":"0.00533","bid_px":"2501.36","bid_sz":"3.2110",'
    '"ask_px":"2501.38","ask_sz":"0.9050","ts":"1763800001200"}'
)
TICKER_ROW = (
    '["ETH_USDT","2501.37","18230.4412","45511230.77","2488.10","2519.95","2470.02","0.00533","2501.36",'
    '"3.2110","2501.38","0.9050","1763800001200"]'
)
GOLDEN: list[tuple[Any, str]] = [
    (rm.ServerTime, '{"server_time":1763800001234}'),
    (
        rm.Services,
        '{"service":[{"title":"Spot API","service_type":"spot","status":"2","start_time":1763790000000,'
        '"end_time":1763793600000}]}',
    ),
    (
        rm.SpotCurrencies,
        '{"currencies":[{"id":"ETH","name":"Ethereum","withdraw_enabled":true,"deposit_enabled":true}]}',
    ),
    (
        rm.AccountCurrencies,
        '{"currencies":[{"currency":"USDT-TRC20","name":"USDT-TRC20","contract_address":null,"network":"TRC20",'
        '"withdraw_enabled":true,"deposit_enabled":true,"withdraw_minsize":"5","withdraw_minfee":null,'
        '"withdraw_fee":"1.5","withdraw_fee_estimate":"1.5","recharge_minsize":"0.01"}]}',
    ),
    (rm.SymbolNames, '{"symbols":["BTC_USDT","ETH_USDT"]}'),
    (rm.SymbolDetails, f'{{"symbols":[{SYMBOL}]}}'),
    (rm.TickerData, TICKER),
    (list[rm.TickerRow], f"[{TICKER_ROW}]"),
    (
        rm.BookData,
        '{"ts":"1763800001200","symbol":"ETH_USDT","asks":[["2501.38","0.9050"],["2501.40","2.0000"]],'
        '"bids":[["2501.36","3.2110"],["2501.30","7.4400"]]}',
    ),
    (list[rm.TradeRow], '[["ETH_USDT","1763800000998","2501.37","0.0420","sell"]]'),
    (
        list[rm.KlineRow],
        '[["1763799960","2500.90","2501.60","2500.70","2501.37","41.2030","103058.11"]]',
    ),
    (
        rm.AccountWallet,
        '{"wallet":[{"currency":"USDT","name":"Tether USD","available":"8750.25000000",'
        '"available_usd_valuation":null,"frozen":"625.00000000","unAvailable":"625.00000000"}]}',
    ),
    (
        rm.SpotWallet,
        '{"wallet":[{"id":"ETH","available":"3.50000000","name":"Ethereum","frozen":"0.25000000"}]}',
    ),
    (
        rm.TradeFee,
        '{"symbol":"ETH_USDT","buy_taker_fee_rate":"0.0010","sell_taker_fee_rate":"0.0010",'
        '"buy_maker_fee_rate":"0.0008","sell_maker_fee_rate":"0.0008"}',
    ),
    (
        rm.UserFee,
        '{"user_rate_type":0,"level":"LV1","taker_fee_rate_A":"0.0010","maker_fee_rate_A":"0.0010",'
        '"taker_fee_rate_B":"0.0025","maker_fee_rate_B":"0.0025","taker_fee_rate_C":"0.0040",'
        '"maker_fee_rate_C":"0.0040","taker_fee_rate_D":"0.0060","maker_fee_rate_D":"0.0060"}',
    ),
    (
        rm.SubmitOrderRequest,
        '{"symbol":"ETH_USDT","side":"buy","type":"limit","size":"0.25","price":"2500.10",'
        '"client_order_id":"pb20261122a1"}',
    ),
    (rm.OrderId, '{"order_id":"512340000000000101"}'),
    (
        rm.BatchOrdersRequest,
        '{"symbol":"ETH_USDT","orderParams":[{"side":"buy","type":"limit","size":"0.1","price":"2490.00",'
        '"clientOrderId":"pbB1"},{"side":"sell","type":"limit_maker","size":"0.1","price":"2515.00"}],'
        '"recvWindow":5000}',
    ),
    (
        rm.BatchResult,
        '{"code":0,"msg":"success","data":{"orderIds":["512340000000000102","512340000000000103"]}}',
    ),
    (rm.CancelOrderRequest, '{"symbol":"ETH_USDT","client_order_id":"pb20261122a1"}'),
    (rm.CancelResult, '{"result":true}'),
    (rm.CancelOrdersRequest, '{"symbol":"ETH_USDT","orderIds":["1","2"]}'),
    (
        rm.CancelOrdersResult,
        '{"successIds":["512340000000000102"],"failIds":["512340000000000999"],"totalCount":2,'
        '"successCount":1,"failedCount":1}',
    ),
    (rm.CancelAllRequest, "{}"),
    (rm.CancelAllRequest, '{"recvWindow":5000}'),
    (rm.Empty, "{}"),
    (rm.OrderRequest, '{"orderId":"1","queryState":"open","recvWindow":5000}'),
    (rm.ClientOrderRequest, '{"clientOrderId":"a"}'),
    (rm.OrdersRequest, '{"symbol":"ETH_USDT","orderMode":"spot","startTime":1,"endTime":2,"limit":200}'),
    (rm.OrderTradesRequest, '{"orderId":"1"}'),
    (rm.OrderData, ORDER),
    (list[rm.OrderData], f"[{ORDER}]"),
    (list[rm.TradeData], f"[{TRADE}]"),
]


@pytest.mark.parametrize(("kind", "text"), GOLDEN)
def test_a_golden_message_is_read_and_written_byte_for_byte(kind: Any, text: str) -> None:
    assert msgspec.json.encode(JsonDecoder[Any](kind).decode(text)).decode() == text


@pytest.mark.parametrize(("kind", "text"), [row for row in GOLDEN if row[1].startswith("{")])
def test_unknown_fields_are_ignored(kind: Any, text: str) -> None:
    more = json.dumps(json.loads(text) | {"unheardOf": [1, {"a": None}]})
    assert msgspec.json.encode(JsonDecoder[Any](kind).decode(more)).decode() == text


def test_every_message_has_a_golden_one() -> None:
    covered = {getattr(kind, "__args__", (kind,))[0] for kind, _ in GOLDEN}
    parts = {rm.Service, rm.SpotCurrency, rm.AccountCurrency, rm.SymbolRow, rm.OrderParam, rm.OrderIds}
    rows = {rm.AccountWalletRow, rm.SpotWalletRow}
    assert set(rm.Message.__subclasses__()) <= covered | parts | rows


def test_a_ticker_is_a_row_of_tickers_in_the_same_order() -> None:
    ticker = JsonDecoder[rm.TickerData](rm.TickerData).decode(TICKER)
    assert msgspec.json.encode(ticker.row()).decode() == TICKER_ROW


def test_the_rules_write_the_row_that_this_message_reads() -> None:
    (rules,) = parse_rules(f"[{SYMBOL}]").values()
    wire = json.dumps(rules.to_wire(), separators=(",", ":"))
    assert wire == SYMBOL
    assert JsonDecoder[rm.SymbolRow](rm.SymbolRow).decode(wire).quote_increment == "0.0001"


@pytest.mark.parametrize("missing", ["stpMode"])
def test_an_order_object_of_before_self_trade_prevention_is_read(missing: str) -> None:
    older = {name: value for name, value in json.loads(ORDER).items() if name != missing}
    order = JsonDecoder[rm.OrderData](rm.OrderData).decode(json.dumps(older))
    assert json.loads(msgspec.json.encode(order)) == older


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ('"partially_filled"', '"done"', "state"),
        ('"buy"', '"long"', "side"),
        ("1763800002000", '"1763800002000"', "createTime"),
        ('"0.2500"', "0.25", "size"),
    ],
)
def test_an_order_object_of_wrong_types_is_refused_with_the_field(old: str, new: str, field: str) -> None:
    with pytest.raises(MessageError) as caught:
        JsonDecoder[rm.OrderData](rm.OrderData).decode(ORDER.replace(old, new))
    assert caught.value.field == field

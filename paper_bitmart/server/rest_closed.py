"""Paths of BitMart's API that are refused here: removed by BitMart, or not offered by a paper spot venue.

Source: protocol reference, appendix A. No key is asked for, and any method is answered alike.
"""

from __future__ import annotations

from typing import Any

from paper_bitmart.bitmart.errors import refusal
from paper_bitmart.server.endpoint import Call, Endpoint

REMOVED = (
    "/spot/v1/submit_order",
    "/spot/v1/batch_orders",
    "/spot/v2/batch_orders",
    "/spot/v1/cancel_order",
    "/spot/v2/cancel_order",
    "/spot/v1/cancel_orders",
    "/spot/v1/order_detail",
    "/spot/v2/order_detail",
    "/spot/v1/orders",
    "/spot/v2/orders",
    "/spot/v3/orders",
    "/spot/v1/trades",
    "/spot/v2/trades",
    "/spot/v1/ticker",
    "/spot/v2/ticker",
    "/spot/v1/ticker_detail",
    "/spot/v1/steps",
    "/spot/v1/symbols/kline",
    "/spot/v1/symbols/book",
    "/spot/v1/symbols/trades",
)
"""BitMart itself answers these with 30031."""

ABSENT_SPOT = (
    "/spot/v4/algo/submit_order",
    "/spot/v4/algo/cancel_order",
    "/spot/v4/algo/cancel_all",
    "/spot/v4/query/algo/order",
    "/spot/v4/query/algo/client-order",
    "/spot/v4/query/algo/open-orders",
    "/spot/v4/query/algo/history-orders",
    "/spot/v1/margin/submit_order",
    "/spot/v1/margin/isolated/account",
    "/spot/v1/margin/isolated/transfer",
    "/spot/v1/margin/isolated/borrow",
    "/spot/v1/margin/isolated/repay",
    "/spot/v1/margin/isolated/borrow_record",
    "/spot/v1/margin/isolated/repay_record",
    "/spot/v1/margin/isolated/pairs",
    "/spot/v1/broker/rebate",
)
"""Algo orders, margin and broker: 53005, which clients take for a missing permission."""

ABSENT_ACCOUNT = (
    "/account/v1/deposit/address",
    "/account/v1/withdraw/charge",
    "/account/v1/withdraw/apply",
    "/account/v1/withdraw/address/list",
    "/account/v2/deposit-withdraw/history",
    "/account/v1/deposit-withdraw/detail",
    "/account/sub-account/main/v1/sub-to-main",
    "/account/sub-account/sub/v1/sub-to-main",
    "/account/sub-account/main/v1/main-to-sub",
    "/account/sub-account/sub/v1/sub-to-sub",
    "/account/sub-account/main/v1/sub-to-sub",
    "/account/sub-account/main/v1/transfer-list",
    "/account/sub-account/v1/transfer-history",
    "/account/sub-account/main/v1/wallet",
    "/account/sub-account/main/v1/subaccount-list",
)
"""Funding and sub-accounts: 60061. Paper money moves through the admin API."""

ANY_METHOD = "*"


def _removed(call: Call) -> Any:
    raise refusal(30031)


def _absent_spot(call: Call) -> Any:
    raise refusal(53005)


def _absent_account(call: Call) -> Any:
    raise refusal(60061)


ENDPOINTS = (
    *(Endpoint(ANY_METHOD, path, _removed) for path in REMOVED),
    *(Endpoint(ANY_METHOD, path, _absent_spot) for path in ABSENT_SPOT),
    *(Endpoint(ANY_METHOD, path, _absent_account) for path in ABSENT_ACCOUNT),
)

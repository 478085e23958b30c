"""Bodies and answers of the REST API; encode and decode are the same definition (protocol reference 4 and 5).

Field names and order are BitMart's. A type named `...Request` is a POST body; the others are the `data` of an
answer, or a row of it. Prices, sizes and amounts are decimal text. A field of type `UnsetType` is left
out when it is not set. The envelope around an answer is in `envelope`.
"""

import msgspec
from msgspec import UNSET, UnsetType

from paper_bitmart.bitmart.enums import CancelSource, OrderState, OrderType, Role, Side
from paper_bitmart.bitmart.public_messages import Levels

TickerRow = tuple[str, str, str, str, str, str, str, str, str, str, str, str, str]
"""quotation/v3/tickers: the fields of `TickerData` in its order."""

TradeRow = tuple[str, str, str, str, str]
"""quotation/v3/trades: symbol, ms, price, size, taker's side; newest first, no id."""

KlineRow = tuple[str, str, str, str, str, str, str]
"""quotation/v3/klines: open time in seconds, open, high, low, close, base volume, quote volume."""


class Message(msgspec.Struct):
    """A JSON object whose keys keep their order."""


# --- system (4.1, 4.2) ---


class ServerTime(Message, kw_only=True):
    """GET /system/time."""

    server_time: int
    """ms."""


class Service(Message, kw_only=True):
    """One maintenance window."""

    title: str
    service_type: str
    """spot, contract, account."""
    status: str | int
    """0 waiting, 1 under maintenance, 2 completed, which is fine. Text in samples, a number in the table."""
    start_time: int
    end_time: int
    """ms."""


class Services(Message, kw_only=True):
    """GET /system/service."""

    service: list[Service]


# --- public market (4.3 - 4.9) ---


class SpotCurrency(Message, kw_only=True):
    id: str
    name: str
    withdraw_enabled: bool
    deposit_enabled: bool


class SpotCurrencies(Message, kw_only=True):
    """GET /spot/v1/currencies."""

    currencies: list[SpotCurrency]


class AccountCurrency(Message, kw_only=True):
    """One coin on one chain."""

    currency: str
    """May carry the chain: USDT-TRC20."""
    name: str
    contract_address: str | None
    network: str
    withdraw_enabled: bool
    deposit_enabled: bool
    withdraw_minsize: str | None
    withdraw_minfee: str | UnsetType | None = UNSET
    withdraw_fee: str
    withdraw_fee_estimate: str | UnsetType = UNSET
    """In US dollars."""
    recharge_minsize: str | UnsetType = UNSET


class AccountCurrencies(Message, kw_only=True):
    """GET /account/v1/currencies."""

    currencies: list[AccountCurrency]


class SymbolNames(Message, kw_only=True):
    """GET /spot/v1/symbols."""

    symbols: list[str]


class SymbolRow(Message, kw_only=True):
    """A symbol's rules as text; `rules.parse_rules` gives them as numbers."""

    symbol: str
    symbol_id: int
    base_currency: str
    quote_currency: str
    quote_increment: str
    """The SIZE step."""
    base_min_size: str
    base_max_size: str | UnsetType = UNSET
    price_min_precision: int
    price_max_precision: int
    expiration: str
    min_buy_amount: str
    min_sell_amount: str
    trade_status: str
    planned_down_time: str | int | UnsetType | None = UNSET
    price_tick: str | UnsetType = UNSET
    """Not BitMart's: a tick that is no power of ten."""


class SymbolDetails(Message, kw_only=True):
    """GET /spot/v1/symbols/details."""

    symbols: list[SymbolRow]


class TickerData(Message, kw_only=True):
    """GET /spot/quotation/v3/ticker."""

    symbol: str
    last: str
    v_24h: str
    qv_24h: str
    open_24h: str
    high_24h: str
    low_24h: str
    fluctuation: str
    bid_px: str
    bid_sz: str
    ask_px: str
    ask_sz: str
    ts: str
    """ms."""

    def row(self) -> TickerRow:
        """The same values in the column order of quotation/v3/tickers."""
        row: TickerRow = msgspec.structs.astuple(self)
        return row


class BookData(Message, kw_only=True):
    """GET /spot/quotation/v3/books; it has no version, so it cannot be joined with websocket updates."""

    ts: str
    """ms."""
    symbol: str
    asks: Levels
    bids: Levels


# --- wallets and fees (5.2 - 5.5) ---


class AccountWalletRow(Message, kw_only=True):
    currency: str
    name: str
    available: str
    available_usd_valuation: str | None
    """Null when not asked for."""
    frozen: str
    unAvailable: str
    """ccxt takes it for the used amount: keep it equal to `frozen`."""
    fundAvailable: str | UnsetType = UNSET
    fundFrozen: str | UnsetType = UNSET


class AccountWallet(Message, kw_only=True):
    """GET /account/v1/wallet: balances above zero."""

    wallet: list[AccountWalletRow]


class SpotWalletRow(Message, kw_only=True):
    id: str
    available: str
    name: str
    frozen: str
    total: str | UnsetType = UNSET


class SpotWallet(Message, kw_only=True):
    """GET /spot/v1/wallet: all currencies; Hummingbot drops those that are missing."""

    wallet: list[SpotWalletRow]


class TradeFee(Message, kw_only=True):
    """GET /spot/v1/trade_fee: rates as fractions, 0.001 is 0.1 %."""

    symbol: str
    buy_taker_fee_rate: str
    sell_taker_fee_rate: str
    buy_maker_fee_rate: str
    sell_maker_fee_rate: str
    taker_fee_rate: str | UnsetType = UNSET
    """Not BitMart's, as is the next one: what ccxt reads."""
    maker_fee_rate: str | UnsetType = UNSET


class UserFee(Message, kw_only=True):
    """GET /spot/v1/user_fee: rates by class of pair."""

    user_rate_type: int
    """0 normal, 1 VIP, 2 special VIP."""
    level: str
    taker_fee_rate_A: str
    maker_fee_rate_A: str
    taker_fee_rate_B: str
    maker_fee_rate_B: str
    taker_fee_rate_C: str
    maker_fee_rate_C: str
    taker_fee_rate_D: str
    maker_fee_rate_D: str


# --- commands (5.6 - 5.10) ---


class SubmitOrderRequest(Message, kw_only=True):
    """POST /spot/v2/submit_order; which amounts count depends on type and side (5.1)."""

    symbol: str
    side: str
    type: str
    size: str | UnsetType = UNSET
    price: str | UnsetType = UNSET
    notional: str | UnsetType = UNSET
    client_order_id: str | UnsetType = UNSET
    stpMode: str | UnsetType = UNSET


class OrderId(Message, kw_only=True):
    """Answer to submit_order."""

    order_id: str


class OrderParam(Message, kw_only=True):
    """One order of a batch."""

    side: str
    type: str
    size: str | UnsetType = UNSET
    price: str | UnsetType = UNSET
    notional: str | UnsetType = UNSET
    clientOrderId: str | UnsetType = UNSET
    stpMode: str | UnsetType = UNSET


class BatchOrdersRequest(Message, kw_only=True):
    """POST /spot/v4/batch_orders: 1 to 10 orders of one symbol."""

    symbol: str
    orderParams: list[OrderParam]
    recvWindow: int | UnsetType = UNSET


class OrderIds(Message, kw_only=True):
    orderIds: list[str]


class BatchResult(Message, kw_only=True):
    """Answer to batch_orders, an envelope within the envelope."""

    code: int = 0
    msg: str = "success"
    data: OrderIds


class CancelOrderRequest(Message, kw_only=True):
    """POST /spot/v3/cancel_order; one of the two ids, `order_id` wins."""

    symbol: str
    order_id: str | UnsetType = UNSET
    client_order_id: str | UnsetType = UNSET


class CancelResult(Message, kw_only=True):
    """Answer to cancel_order."""

    result: bool


class CancelOrdersRequest(Message, kw_only=True):
    """POST /spot/v4/cancel_orders: at most 10 ids of one kind."""

    symbol: str
    orderIds: list[str] | UnsetType = UNSET
    clientOrderIds: list[str] | UnsetType = UNSET
    recvWindow: int | UnsetType = UNSET


class CancelOrdersResult(Message, kw_only=True):
    """Answer to cancel_orders; the ids are of the kind that was sent."""

    successIds: list[str]
    failIds: list[str]
    totalCount: int
    successCount: int
    failedCount: int


class CancelAllRequest(Message, kw_only=True):
    """POST /spot/v4/cancel_all: nothing set means everything."""

    symbol: str | UnsetType = UNSET
    side: str | UnsetType = UNSET
    recvWindow: int | UnsetType = UNSET


class Empty(Message, kw_only=True):
    """`{}`: answer to cancel_all."""


# --- queries (5.11 - 5.17) ---


class OrderRequest(Message, kw_only=True):
    """POST /spot/v4/query/order."""

    orderId: str
    queryState: str | UnsetType = UNSET
    """open or history; both when not set."""
    recvWindow: int | UnsetType = UNSET


class ClientOrderRequest(Message, kw_only=True):
    """POST /spot/v4/query/client-order."""

    clientOrderId: str
    queryState: str | UnsetType = UNSET
    recvWindow: int | UnsetType = UNSET


class OrdersRequest(Message, kw_only=True):
    """POST /spot/v4/query/open-orders, history-orders and trades."""

    symbol: str | UnsetType = UNSET
    orderMode: str | UnsetType = UNSET
    startTime: int | UnsetType = UNSET
    endTime: int | UnsetType = UNSET
    """ms; the last 7 days when neither is set."""
    limit: int | UnsetType = UNSET
    """1 to 200."""
    recvWindow: int | UnsetType = UNSET


class OrderTradesRequest(Message, kw_only=True):
    """POST /spot/v4/query/order-trades."""

    orderId: str
    recvWindow: int | UnsetType = UNSET


class OrderData(Message, kw_only=True):
    """The v4 order object (5.11): price, size and amounts in the symbol's decimals, amounts in 8."""

    orderId: str
    clientOrderId: str
    """The order id when the client gave none."""
    symbol: str
    side: Side
    orderMode: str = "spot"
    type: OrderType
    state: OrderState
    cancelSource: CancelSource
    stpMode: str | UnsetType = UNSET
    """Newer; "" or a mode."""
    price: str
    priceAvg: str
    size: str
    filledSize: str
    notional: str
    filledNotional: str
    createTime: int
    updateTime: int
    """ms."""


class TradeData(Message, kw_only=True):
    """The v4 trade object (5.16): one fill of an own order."""

    tradeId: str
    orderId: str
    clientOrderId: str
    symbol: str
    side: Side
    """Of the own order, as is `type`."""
    orderMode: str = "spot"
    type: OrderType
    stpMode: str | UnsetType = UNSET
    price: str
    size: str
    notional: str
    fee: str
    feeCoinName: str
    tradeRole: Role
    createTime: int
    updateTime: int
    """ms."""

"""Binance's spot market data, as far as a mirror needs it. Unknown fields are passed over.

Source: Binance spot API documentation, "Web Socket Streams", "Market data endpoints", "Filters".
"""

import msgspec


class DepthUpdate(msgspec.Struct, tag_field="e", tag="depthUpdate", gc=False):
    """`<symbol>@depth@100ms`: absolute sizes; "0.00" says gone. Covers update ids first_id..last_id."""

    event_ms: int = msgspec.field(name="E")
    symbol: str = msgspec.field(name="s")
    first_id: int = msgspec.field(name="U")
    last_id: int = msgspec.field(name="u")
    bids: list[tuple[str, str]] = msgspec.field(name="b")
    asks: list[tuple[str, str]] = msgspec.field(name="a")


class TradeEvent(msgspec.Struct, tag_field="e", tag="trade", gc=False):
    """`<symbol>@trade`: one fill."""

    symbol: str = msgspec.field(name="s")
    trade_id: int = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    size: str = msgspec.field(name="q")
    trade_ms: int = msgspec.field(name="T")
    buyer_is_maker: bool = msgspec.field(name="m")


StreamEvent = DepthUpdate | TradeEvent


class Envelope(msgspec.Struct):
    """A combined stream's message, or (without `stream`) the answer to one of ours.

    `code` and `msg`, or `error`, say that a request was refused.
    """

    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    id: int | str | None = None
    code: int | None = None
    msg: str = ""
    error: msgspec.Raw = msgspec.Raw()


class DepthSnapshot(msgspec.Struct):
    """GET /api/v3/depth: the book including update `last_id`."""

    last_id: int = msgspec.field(name="lastUpdateId")
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class PriceFilter(msgspec.Struct, tag_field="filterType", tag="PRICE_FILTER"):
    tickSize: str


class LotSize(msgspec.Struct, tag_field="filterType", tag="LOT_SIZE"):
    minQty: str
    maxQty: str
    stepSize: str


class Notional(msgspec.Struct, tag_field="filterType", tag="NOTIONAL"):
    minNotional: str


class MinNotional(msgspec.Struct, tag_field="filterType", tag="MIN_NOTIONAL"):
    minNotional: str


class SymbolInfo(msgspec.Struct):
    """A row of exchangeInfo; `filters` are read one by one, because most kinds do not matter here."""

    symbol: str
    status: str
    baseAsset: str
    quoteAsset: str
    filters: list[msgspec.Raw]


class ExchangeInfo(msgspec.Struct):
    """GET /api/v3/exchangeInfo."""

    symbols: list[SymbolInfo]


Filter = PriceFilter | LotSize | Notional | MinNotional


class _FilterHead(msgspec.Struct):
    filterType: str


_KNOWN = frozenset({"PRICE_FILTER", "LOT_SIZE", "NOTIONAL", "MIN_NOTIONAL"})
_decode_head = msgspec.json.Decoder(_FilterHead).decode
_decode_filter = msgspec.json.Decoder(Filter).decode

decode_envelope = msgspec.json.Decoder(Envelope).decode
decode_event = msgspec.json.Decoder(StreamEvent).decode
decode_snapshot = msgspec.json.Decoder(DepthSnapshot).decode
decode_exchange_info = msgspec.json.Decoder(ExchangeInfo).decode


def filters_of(info: SymbolInfo) -> list[Filter]:
    """The filters that make rules.

    Raises:
        msgspec.ValidationError: a filter lacks a field.
    """
    return [_decode_filter(raw) for raw in info.filters if _decode_head(raw).filterType in _KNOWN]

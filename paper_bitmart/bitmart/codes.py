"""BitMart's error codes: code, HTTP status, text (protocol reference 8).

`%s` and `%d` in a text are filled by `errors.refusal`. Where the reference quotes a live text beside the
documented one, the live one is in the table, because clients match on what the venue really sends. Left out
are the codes of features that a spot client here cannot meet: borrowing, withdrawals, sub-accounts, futures.
"""

from typing import Final, NamedTuple

SUCCESS: Final = 1000


class Code(NamedTuple):
    """One row of the table: the code, the HTTP status of the reply that carries it, its text."""

    code: int
    http_status: int
    message: str


class WsCode(NamedTuple):
    """One websocket error; `closes` says that the server disconnects after the error frame."""

    code: int
    message: str
    closes: bool = False


# A code with several texts: the table holds the first, these are the others (protocol reference 2.4).
TIMESTAMP_NOT_LONG: Final = "Header X-BM-TIMESTAMP must be long type"
OUTSIDE_RECV_WINDOW: Final = (
    "Header X-BM-TIMESTAMP range. Timestamp for this request is outside of the recvWindow."
)
RECV_WINDOW_NOT_LONG: Final = "Param recvWindow must be long type"
RECV_WINDOW_OUT_OF_RANGE: Final = "Param recvWindow must be less than 60000 and greater than 0"
PAIR_WITHOUT_API: Final = "This trading pair does not support API trading"

_CONTACT: Final = "Please contact customer service"

_GATEWAY = (
    Code(30000, 404, "Not found"),
    Code(30001, 401, "Header X-BM-KEY is empty"),
    Code(30002, 401, "Header X-BM-KEY not found"),
    Code(30003, 401, "Header X-BM-KEY has frozen"),
    Code(30004, 401, "Header X-BM-SIGN is empty"),
    Code(30005, 401, "Header X-BM-SIGN is wrong"),
    Code(30006, 401, "Header X-BM-TIMESTAMP is empty"),
    Code(30007, 401, "Header X-BM-TIMESTAMP range. Within a minute"),
    Code(30008, 401, "Header X-BM-TIMESTAMP invalid format"),
    Code(
        30010,
        403,
        "IP is forbidden. We recommend enabling IP whitelist for API trading. After that reauth your account",
    ),
    Code(30011, 403, "Header X-BM-KEY over expire time"),
    Code(30012, 403, "Header X-BM-KEY is forbidden to request it"),
    Code(30013, 429, "Request too many requests"),
    Code(30014, 503, "Service unavailable"),
    Code(30016, 200, "Service maintenance, the function is temporarily unavailable"),
    Code(
        30017,
        418,
        "Your account request is temporarily rejected due to violation of current limiting rules,"
        " please contact customer service",
    ),
    Code(30018, 503, "Request Body requires JSON format"),
    Code(
        30019,
        200,
        f"You do not have the permissions to perform this operation. {_CONTACT} or BD for assistance",
    ),
    Code(30030, 200, "Futures V1 API has been deprecated"),
    Code(30031, 200, "This endpoint has been deprecated. You can view the change logs for upgrade"),
)

_SPOT = (
    Code(40044, 400, "order range invalid"),
    Code(50000, 400, "Bad Request"),
    Code(50001, 400, "Symbol not found"),
    Code(50002, 400, "From Or To format error"),
    Code(50003, 400, "Step format error"),
    Code(50004, 400, "Kline size over 500"),
    Code(50005, 400, "Order Id not found"),
    Code(50006, 400, "Minimum size is %s"),
    Code(50007, 400, "Maximum size is %s"),
    Code(50008, 400, "Minimum price is %s"),
    Code(50009, 400, "Minimum count*price is %s"),
    Code(50010, 400, "RequestParam size is required"),
    Code(50011, 400, "RequestParam price is required"),
    Code(50012, 400, "RequestParam notional is required"),
    Code(50013, 400, "Maximum limit*offset is %d"),
    Code(50014, 400, "RequestParam limit is required"),
    Code(50015, 400, "Minimum limit is 1"),
    Code(50016, 400, "Maximum limit is %d"),
    Code(50017, 400, "RequestParam offset is required"),
    Code(50018, 400, "Minimum offset is 1"),
    Code(
        50019,
        400,
        "Invalid status. 1=Failed 2=Success 3=Frozen Failed 4=Frozen Success 5=Partially Filled"
        " 6=Fully Fulled 7=Canceling 8=Canceled",
    ),
    Code(50020, 400, "Balance not enough"),
    Code(50021, 400, "Invalid %s"),
    Code(50022, 400, "Service unavailable"),
    Code(50023, 400, "This Symbol can't place order by api"),
    Code(50024, 400, "Order book size over 200"),
    Code(50025, 400, "Maximum price is %s"),
    Code(50026, 400, "The buy order price cannot be higher than the open price"),
    Code(50027, 400, "The sell order price cannot be lower than the open price"),
    Code(50028, 400, "Missing parameters"),
    Code(50029, 400, "The parameters do not match"),
    Code(50030, 400, "Order is already canceled"),
    Code(50031, 400, "Order is already completed"),
    Code(50032, 400, "Order does not exist"),
    Code(50033, 400, "The order quantity should be greater than 0 and less than or equal to 10"),
    Code(50034, 400, "The price is high and there is no matching depth"),
    Code(50035, 400, "The price is low and there is no matching depth"),
    Code(50036, 400, "Cancel failed, order is not revocable status"),
    Code(50037, 400, "The maximum length of clientOrderId cannot exceed 32"),
    Code(50038, 400, "ClientOrderId only allows a combination of numbers and letters"),
    Code(50039, 400, "Order_id and clientOrderId cannot be empty at the same time"),
    Code(50040, 400, "Symbol Not Available"),
    Code(50041, 400, "Out of query time range"),
    Code(50042, 400, "clientOrderId is duplicate"),
    Code(51000, 400, "Currency not found"),
    Code(51001, 400, "Margin Account not Opened"),
    Code(51002, 400, "Margin Account Not Available"),
    Code(51003, 400, "Account Limit"),
    Code(51007, 400, "order_mode not found"),
    Code(51008, 400, "Operation is limited, please try again later"),
    Code(
        51009,
        400,
        "Parameter mismatch: limit order/market order quantity should be greater than the minimum number of"
        " should buy/sell",
    ),
    Code(51010, 400, "Parameter mismatch: limit order price should be greater than the minimum buy price"),
    Code(51011, 400, "param not match : size * price >=%s"),
    Code(
        51012,
        400,
        "Participation mismatch: the number of market order buy orders should be greater than the minimum"
        " buyable amount",
    ),
    Code(51013, 400, "Parameter mismatch: the price of market order buy order placed is too small"),
    Code(51014, 400, "Parameter mismatch: the amount of market order sell orders placed is too small"),
    Code(51015, 400, "Quantity is too small"),
    Code(51024, 400, "There is no Margin Borrowing"),
    Code(52000, 400, "Unsupported OrderMode Type"),
    Code(52001, 400, "Unsupported Trade Type"),
    Code(52002, 400, "Unsupported Side Type"),
    Code(52003, 400, "Unsupported Query State Type"),
    Code(52004, 400, "End time must be greater than or equal to Start time"),
)

_SPOT_ACCESS = (
    Code(53000, 403, f"Your account is frozen due to security policies. {_CONTACT}"),
    Code(53001, 403, f"Your kyc country is restricted. {_CONTACT}."),
    Code(
        53002,
        403,
        "Your account has not yet completed the kyc advanced certification, please complete first",
    ),
    Code(53003, 403, "No permission, please contact the main account"),
    Code(53004, 403, "This trading pair is not available to trade in your region"),
    Code(53005, 403, "Don't have permission to access the interface"),
    Code(53006, 403, "Please complete your personal verification(Starter)"),
    Code(53007, 403, "Please complete your personal verification(Advanced)"),
    Code(53008, 403, "Services is not available in your countries and areas"),
    Code(53009, 403, "Your account has not yet completed the qr code certification, please complete first"),
    Code(53010, 403, "This account is restricted from borrowing"),
    Code(53011, 403, "Your account type is prohibited from using this feature"),
    Code(57001, 405, "Method Not Allowed"),
    Code(58001, 415, "Unsupported Media Type"),
    Code(59001, 400, "User account not found"),
    Code(59002, 500, "Internal Server Error"),
    Code(59003, 500, "Spot wallet call fail"),
    Code(59004, 500, "Margin wallet service call exception"),
    Code(59005, 500, "Margin wallet service call restricted"),
    Code(59006, 500, "Transfer fail"),
    Code(59007, 500, "Get symbol risk data fail"),
    Code(59008, 500, "Trading order failure"),
    Code(59009, 500, "Loan success,but trading order failure"),
    Code(59010, 500, "Insufficient loan amount."),
    Code(59011, 500, "The Get Wallet Balance service call fail, please try again later"),
)

_MARKET = (
    Code(70000, 200, "no data"),
    Code(70001, 200, "request param can not be null"),
    Code(70002, 200, "symbol is invalid"),
    Code(70003, 200, "net error, please try later"),
    Code(71001, 200, "after is invalid"),
    Code(71002, 200, "before is invalid"),
    Code(71003, 200, "request after or before is invalid"),
    Code(71004, 200, "request kline count limit"),
    Code(71005, 200, "request step error"),
)

_ACCOUNT = (
    Code(60000, 400, "Invalid request (maybe the body is empty, or the int parameter passes string data)"),
    Code(60001, 400, "Asset account type does not exist"),
    Code(60002, 400, "currency does not exist"),
    Code(60008, 400, "Balance not enough"),
    Code(60009, 400, "Beyond the limit"),
    Code(60028, 403, "account unavailable"),
    Code(60030, 405, "Method Not Allowed"),
    Code(60031, 415, "Unsupported Media Type"),
    Code(60050, 500, "User account not found"),
    Code(60051, 500, "Internal Server Error"),
    Code(60052, 400, "Exception"),
    Code(60057, 403, "user status not available"),
    Code(60060, 403, "Invalid request"),
    Code(60061, 403, "Unsupported operation"),
    Code(60062, 403, "Forbidden"),
    Code(60063, 403, "Your account is frozen by security policy"),
    Code(61001, 400, "Insufficient balance"),
)

CODES: Final[dict[int, Code]] = {
    row.code: row for row in (*_GATEWAY, *_SPOT, *_SPOT_ACCESS, *_MARKET, *_ACCOUNT)
}
"""Every REST error of the reference's sections 8.1 to 8.4 that a spot client can meet, by code."""

_WEBSOCKET = (
    WsCode(90001, "Invalid message format"),
    WsCode(90002, "Invalid op param"),
    WsCode(90003, "Invalid args param"),
    WsCode(90004, "Invalid channel param"),
    WsCode(90005, "Topic quantity in single subscription exceeds limit"),
    WsCode(90006, "Subscribed total topic quantity exceeds limit"),
    WsCode(90007, "Subscribed message frequency exceeds limit, please try later", closes=True),
    WsCode(90008, "Duplicate subscription"),
    WsCode(90009, "Invalid subscription"),
    # A failed login is answered and then disconnected (reference 6.4); "already logged in" is not.
    WsCode(91001, "API KEY is empty", closes=True),
    WsCode(91002, "API KEY not found", closes=True),
    WsCode(91003, "API KEY has frozen", closes=True),
    WsCode(91004, "API KEY over expire time", closes=True),
    WsCode(91005, "Already logged in"),
    WsCode(91006, "User not logged in / User must be logged in"),
    WsCode(91010, "Param sign is empty", closes=True),
    WsCode(91011, "Param sign is wrong", closes=True),
    WsCode(91021, "Param timestamp is empty", closes=True),
    WsCode(91022, "Param timestamp range. Within a minute", closes=True),
    WsCode(91023, "Param timestamp invalid format", closes=True),
    WsCode(92001, "Invalid symbol param"),
    WsCode(94001, "Frequently reestablishing connections in a short period of time", closes=True),
    WsCode(
        94002,
        "The number of connections established between a single IP and the server exceeds the upper limit",
        closes=True,
    ),
    WsCode(95000, "Internal system error"),
)

WS_CODES: Final[dict[int, WsCode]] = {row.code: row for row in _WEBSOCKET}
"""Every websocket error of the reference's section 8.5, by code."""

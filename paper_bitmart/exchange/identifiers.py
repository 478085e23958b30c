"""Order ids, trade ids and client order ids.

BitMart's ids are decimal texts of 18 digits. Here they are rising counters with the same number of
digits: equal inputs give equal ids, and a later order always has the larger id.
"""

import re

ORDER_ID_FIRST = 100_000_000_000_000_001
"""Room for 4 * 10^17 orders before the trade ids begin."""
TRADE_ID_FIRST = 500_000_000_000_000_001

ORDER_ID_DIGITS = 18
NO_ORDER_ID = -1
CLIENT_ORDER_ID_LENGTH_MAX = 32
_LETTERS_AND_DIGITS = re.compile(r"[0-9A-Za-z]+")


class Counter:
    """Gives `next_id`, `next_id + 1`, ... ; its whole state is the next number to be given."""

    __slots__ = ("next_id",)

    def __init__(self, next_id: int) -> None:
        self.next_id = next_id

    def take(self) -> int:
        """The next number; each is given once."""
        taken = self.next_id
        self.next_id += 1
        return taken


def order_number(text: str) -> int:
    """The order id in a client's text, of any length; `NO_ORDER_ID`, which no order has, when it is none."""
    is_number = text.isascii() and text.isdigit() and len(text) <= ORDER_ID_DIGITS
    return int(text) if is_number else NO_ORDER_ID


def client_order_id_fault(text: str) -> int:
    """BitMart's code for a malformed client order id, 0 when it is well formed.

    Source: protocol reference 5.1 (at most 32 characters: 50037; ASCII letters and digits only: 50038).
    """
    if len(text) > CLIENT_ORDER_ID_LENGTH_MAX:
        return 50037
    return 0 if _LETTERS_AND_DIGITS.fullmatch(text) else 50038

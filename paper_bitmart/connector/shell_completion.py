"""Tab in the shell: which words may come next, from commands, pairs and the account's open orders.

A word is what stands between blanks (a pair's hyphen is part of it), and a completed word brings the blank
that follows it.
"""

from collections.abc import Callable, Iterator, Mapping

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector import shell_words as words
from paper_bitmart.connector.paper_exchange import PaperExchange
from paper_bitmart.connector.shell_lines import USAGES

CLOSED_OFFERED_MAX = 10
"""Closed orders that `why` offers, the latest first."""

Words = Mapping[str, "Words | None"]
"""A word, and what may follow it; None: nothing that could be guessed."""


def next_words(exchange: PaperExchange) -> Words:
    """What may be typed now, word behind word."""
    pairs = [trading_pair_of(symbol) for symbol in exchange.rules]
    order_types = dict.fromkeys(("limit", "limit_maker", "ioc", "market"))
    one_pair = dict.fromkeys(pairs)
    venue, account = exchange.venue, exchange.account
    orders = dict.fromkeys(words.number_of(order.order_id) for order in venue.open_orders(account))
    closed = venue.order_history(account, limit=CLOSED_OFFERED_MAX)
    explained = orders | dict.fromkeys(words.number_of(order.order_id) for order in closed)
    special: dict[str, Words] = {
        "buy": dict.fromkeys(pairs, order_types),
        "sell": dict.fromkeys(pairs, order_types),
        "orders": {**one_pair, "all": None},
        "cancel": orders,
        "why": explained,
        "help": dict.fromkeys(USAGES),
        **dict.fromkeys(("order_book", "ticker", "trades", "cancel_all"), one_pair),
    }
    return {name: special.get(name) for name in USAGES}


class LineCompleter(Completer):
    """Completes the last word of a line; upper and lower case are the same.

    Args:
        offered: asked at every Tab, because orders come and go.
    """

    def __init__(self, offered: Callable[[], Words]) -> None:
        self._offered = offered

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        """The words that begin like the one before the cursor, each with a blank behind it."""
        *before, begun = document.text_before_cursor.lstrip().split(" ")
        offered: Words | None = self._offered()
        for word in filter(None, before):
            offered = _below(offered, word)
        for word in offered or ():
            if word.lower().startswith(begun.lower()):
                yield Completion(f"{word} ", start_position=-len(begun), display=word)


def _below(offered: Words | None, word: str) -> Words | None:
    """What may follow `word`; None when it is none of those offered."""
    for known, following in (offered or {}).items():
        if known.lower() == word.lower():
            return following
    return None

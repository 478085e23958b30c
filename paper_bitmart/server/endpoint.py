"""One endpoint of the REST API, and one call of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from paper_bitmart.bitmart.envelope import success_text
from paper_bitmart.exchange import calls
from paper_bitmart.server.auth import Level, Window
from paper_bitmart.server.keys import Permission
from paper_bitmart.server.params import Params

if TYPE_CHECKING:
    from paper_bitmart.server.context import ServerContext


class Call(NamedTuple):
    """A call that passed the gate: who called, with what.

    Attributes:
        context: everything that the server stands on.
        params: query or body.
        account: the key's account, "" on public endpoints.
        at_ns: arrival by the wall clock, ns since 1970.
    """

    context: ServerContext
    params: Params
    account: str
    at_ns: int


class Sending(NamedTuple):
    """An answer that needs the exchange: the command for it, and how the outcome reads as `data`."""

    command: calls.Call
    data_of: Callable[[Any], Any]


Handler = Callable[[Call], Any]
"""Returns what goes into `data`, or a `Sending` that leads to it; raises BitmartError to refuse."""


@dataclass(frozen=True)
class Endpoint:
    """What the gate must know of an endpoint.

    Attributes:
        needs: the permission of a key; without meaning at Level.NONE.
    """

    method: str
    path: str
    handler: Handler
    level: Level = Level.NONE
    window: Window = Window.MINUTE
    needs: Permission = Permission.READ

    @cached_property
    def name(self) -> str:
        """ "METHOD /path", its row in the rate limit table."""
        return f"{self.method} {self.path}"

    @cached_property
    def success_text(self) -> str:
        """`message` of its answers."""
        return success_text(self.path)

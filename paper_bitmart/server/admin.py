"""The admin API under `/paper/v1`: what only a paper exchange can do. `openapi.json` describes it.

Answers come in BitMart's envelope. Refusals by the venue keep BitMart's code; those of the API itself have
code 10000 + HTTP status.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from paper_bitmart.bitmart.decimals import BadNumber
from paper_bitmart.bitmart.envelope import Envelope, encode_failure, encode_success
from paper_bitmart.bitmart.errors import BitmartError
from paper_bitmart.server import admin_messages as messages
from paper_bitmart.server.admin_accounts import AccountAdmin
from paper_bitmart.server.admin_clock import ClockAdmin
from paper_bitmart.server.admin_guard import AdminError, check_caller
from paper_bitmart.server.admin_orders import OrderAdmin
from paper_bitmart.server.admin_status import StatusAdmin
from paper_bitmart.server.context import ServerContext
from paper_bitmart.server.faults import FaultPlan
from paper_bitmart.server.gate import CONTENT_TYPE

logger = logging.getLogger(__name__)

PREFIX = "/paper/v1"
OPENAPI_FILE = Path(__file__).with_name("openapi.json")

Work = Callable[[web.Request], Awaitable[Any]]
Body = TypeVar("Body", bound=msgspec.Struct)


class Admin:
    """Routes of the admin API over one server."""

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._status = StatusAdmin(context)
        self._accounts = AccountAdmin(context)
        self._orders = OrderAdmin(context)
        self._clock = ClockAdmin(context)

    def routes(self) -> dict[tuple[str, str], Work]:
        """(method, path below PREFIX) -> what it does."""
        return {
            ("GET", "/status"): self._get_status,
            ("GET", "/feed"): self._get_feed,
            ("GET", "/accounts"): self._get_accounts,
            ("POST", "/accounts"): self._post_account,
            ("GET", "/accounts/{account}"): self._get_account,
            ("POST", "/accounts/{account}/keys"): self._post_key,
            ("POST", "/accounts/{account}/deposit"): self._post_deposit,
            ("POST", "/accounts/{account}/withdraw"): self._post_withdraw,
            ("POST", "/accounts/{account}/reset"): self._post_reset,
            ("POST", "/accounts/{account}/fees"): self._post_fees,
            ("GET", "/orders"): self._get_orders,
            ("GET", "/orders/{order_id}/why"): self._get_why,
            ("GET", "/clock"): self._get_clock,
            ("POST", "/clock/pause"): self._post_pause,
            ("POST", "/clock/resume"): self._post_resume,
            ("POST", "/clock/speed"): self._post_speed,
            ("POST", "/clock/seek"): self._post_seek,
            ("GET", "/faults"): self._get_faults,
            ("PUT", "/faults"): self._put_faults,
            ("GET", "/openapi.json"): self._get_openapi,
        }

    def add_routes(self, router: web.UrlDispatcher) -> None:
        for (method, path), work in self.routes().items():
            router.add_route(method, PREFIX + path, self._handler(work))
        router.add_route("*", PREFIX + "/{path:.*}", self._handler(_unknown_path))

    def _handler(self, work: Work) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            trace = self._context.traces.next(self._context.wall.now_ns())
            try:
                check_caller(request, self._context.keys, self._context.settings)
                status, body = 200, encode_success(await work(request), trace)
            except AdminError as error:
                status, body = error.status, _encode(error, trace)
            except BitmartError as error:
                status, body = max(error.http_status, 400), encode_failure(error, trace)
            except Exception:
                logger.exception("%s %s failed (trace %s)", request.method, request.path, trace)
                status, body = 500, _encode(AdminError(500, "internal error, see the log"), trace)
            return web.Response(body=body, status=status, content_type=CONTENT_TYPE)

        return handle

    # --- status ---

    async def _get_status(self, request: web.Request) -> Any:
        return self._status.status()

    async def _get_feed(self, request: web.Request) -> Any:
        return self._status.feed()

    async def _get_openapi(self, request: web.Request) -> Any:
        return msgspec.Raw(OPENAPI_FILE.read_bytes())

    # --- accounts ---

    async def _get_accounts(self, request: web.Request) -> Any:
        return self._accounts.list()

    async def _post_account(self, request: web.Request) -> Any:
        return await self._accounts.create(await read(request, messages.NewAccount))

    async def _get_account(self, request: web.Request) -> Any:
        return self._accounts.show(request.match_info["account"])

    async def _post_key(self, request: web.Request) -> Any:
        return self._accounts.add_key(request.match_info["account"], await read(request, messages.NewKey))

    async def _post_deposit(self, request: web.Request) -> Any:
        return await self._accounts.deposit(
            request.match_info["account"], await read(request, messages.Transfer)
        )

    async def _post_withdraw(self, request: web.Request) -> Any:
        return await self._accounts.withdraw(
            request.match_info["account"], await read(request, messages.Transfer)
        )

    async def _post_reset(self, request: web.Request) -> Any:
        return await self._accounts.reset(request.match_info["account"], await read(request, messages.Reset))

    async def _post_fees(self, request: web.Request) -> Any:
        return await self._accounts.set_fees(
            request.match_info["account"], await read(request, messages.Fees)
        )

    # --- orders ---

    async def _get_orders(self, request: web.Request) -> Any:
        return self._orders.open_orders(request.query.get("account"), request.query.get("symbol"))

    async def _get_why(self, request: web.Request) -> Any:
        return self._orders.why(request.match_info["order_id"])

    # --- clock ---

    async def _get_clock(self, request: web.Request) -> Any:
        return self._clock.show()

    async def _post_pause(self, request: web.Request) -> Any:
        await read(request, messages.Empty)
        return self._clock.pause()

    async def _post_resume(self, request: web.Request) -> Any:
        await read(request, messages.Empty)
        return self._clock.resume()

    async def _post_speed(self, request: web.Request) -> Any:
        return self._clock.set_speed((await read(request, messages.Speed)).speed)

    async def _post_seek(self, request: web.Request) -> Any:
        return self._clock.seek((await read(request, messages.Seek)).to_ms * 1_000_000)

    # --- faults ---

    async def _get_faults(self, request: web.Request) -> Any:
        return self._context.faults.plan

    async def _put_faults(self, request: web.Request) -> Any:
        plan = await read(request, FaultPlan)
        self._context.faults.set_plan(plan, self._context.wall.now_ns())
        return plan


async def _unknown_path(request: web.Request) -> Any:
    raise AdminError(404, f"no {request.method} {request.path}")


def _encode(error: AdminError, trace: str) -> bytes:
    return msgspec.json.encode(Envelope(code=error.code, message=error.message, trace=trace, data={}))


async def read(request: web.Request, kind: type[Body]) -> Body:
    """The JSON body as `kind`; no body at all counts as `{}`.

    Raises:
        AdminError: 415 another content type, 413 too long, 400 no JSON or a field that breaks its rule.
    """
    try:
        body = await request.read()
    except HTTPRequestEntityTooLarge as error:
        raise AdminError(413, "body is too long") from error
    if body and request.content_type != CONTENT_TYPE:
        raise AdminError(415, f"Content-Type must be {CONTENT_TYPE}")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, BadNumber, UnicodeDecodeError, RecursionError) as error:
        raise AdminError(400, str(error)) from error

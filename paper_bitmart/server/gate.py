"""The gate: every BitMart REST call passes it, in the order of checks of protocol reference 2.4.

    path 30000 -> method 57001 -> content type 58001 -> key 30001-30012 -> rate limit 30013
    -> sign and timestamp 30004-30008, 30005 -> window 30007 -> JSON 30018 -> the endpoint's own rules

Whatever goes wrong, a client gets BitMart's envelope.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from paper_bitmart.bitmart.envelope import encode_failure, encode_success
from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.bitmart.rate_limits import RateState
from paper_bitmart.server import auth
from paper_bitmart.server.auth import Level, Window
from paper_bitmart.server.context import ServerContext
from paper_bitmart.server.endpoint import Call, Endpoint
from paper_bitmart.server.faults import Fault
from paper_bitmart.server.keys import ApiKey
from paper_bitmart.server.limits import CallLimits
from paper_bitmart.server.params import Params, read_body
from paper_bitmart.server.request import AiohttpRequest, Request

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/json"

_FAULT_CODES = {Fault.SERVER_ERROR: 59002, Fault.RATE_LIMITED: 30013, Fault.MAINTENANCE: 30016}


@dataclass(slots=True)
class Answer:
    """What goes back; `lost` drops the connection instead. `at_ns`: when the call came, by the wall clock."""

    at_ns: int
    body: bytes = b""
    status: int = 200
    rate: RateState | None = None
    lost: bool = False


class Gate:
    """Dispatches calls to endpoints by path, after all checks that endpoints have in common."""

    def __init__(self, context: ServerContext, endpoints: Iterable[Endpoint], limits: CallLimits) -> None:
        self._context = context
        self._limits = limits
        self._by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            self._by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The aiohttp handler of every path that no other part of the server has."""
        answer = await self.answer(AiohttpRequest(request, self._context.settings.body_bytes_max))
        if answer.lost and request.transport is not None:
            request.transport.abort()
        response = web.Response(body=answer.body, status=answer.status, content_type=CONTENT_TYPE)
        if answer.rate is not None:
            response.headers.update(rate_headers(answer.rate))
        return response

    async def answer(self, request: Request) -> Answer:
        """The answer to one call; never raises, whatever the call is."""
        at_ns = self._context.wall.now_ns()
        trace = self._context.traces.next(at_ns)
        answer = Answer(at_ns)
        try:
            endpoint = self._endpoint(request)
            data = await self._call(request, endpoint, answer, at_ns)
            answer.body = encode_success(data, trace, endpoint.success_text)
            answer.lost = self._context.faults.on_accepted(endpoint.path, at_ns)
        except BitmartError as error:
            self._refuse(answer, error, trace)
        except Exception:
            logger.exception("%s %s failed (trace %s)", request.method, request.path, trace)
            self._refuse(answer, refusal(59002), trace)
        return answer

    @staticmethod
    def _refuse(answer: Answer, error: BitmartError, trace: str) -> None:
        logger.debug("refused: %s (trace %s)", error, trace)
        answer.body, answer.status = encode_failure(error, trace), error.http_status

    def _endpoint(self, request: Request) -> Endpoint:
        by_method = self._by_path.get(request.path)
        if by_method is None:
            raise refusal(30000, field="path", value=request.path)
        endpoint = by_method.get(request.method) or by_method.get("*")
        if endpoint is None:
            # The funding account's endpoints have a code of their own for it; none of them is a POST.
            code = 60030 if request.path.startswith("/account/") else 57001
            raise refusal(code, field="method", value=request.method)
        if endpoint.method == "POST" and request.content_type != CONTENT_TYPE:
            raise refusal(58001, field="Content-Type", value=request.content_type)
        return endpoint

    async def _call(self, request: Request, endpoint: Endpoint, answer: Answer, at_ns: int) -> Any:
        address, key = request.remote, None
        try:
            await self._apply_faults(endpoint, at_ns)
            if endpoint.level is not Level.NONE:
                key = auth.find_key(self._context.keys, request.headers, endpoint.needs, address, at_ns)
        except BitmartError:
            answer.rate = self._limits.unused(endpoint.name)
            raise
        self._limit(endpoint, key, address, answer, at_ns)
        if endpoint.level is Level.SIGNED:
            assert key is not None  # every level above NONE has one
            params = await self._signed_params(request, endpoint, key)
        else:
            params = Params(request.query)
        account = self._context.venue.account(key.account).name if key is not None else ""
        return await endpoint.handler(Call(self._context, params, account, at_ns))

    async def _apply_faults(self, endpoint: Endpoint, at_ns: int) -> None:
        planned = self._context.faults.on_request(endpoint.path, at_ns)
        if planned.delay_ns:
            await asyncio.sleep(planned.delay_ns / 1e9)
        if planned.refuse is not None:
            raise refusal(_FAULT_CODES[planned.refuse])

    def _limit(
        self, endpoint: Endpoint, key: ApiKey | None, address: str, answer: Answer, at_ns: int
    ) -> None:
        answer.rate = self._limits.hit(endpoint.name, address, key, at_ns)
        if answer.rate is not None and not answer.rate.allowed:
            raise refusal(answer.rate.code)

    async def _signed_params(self, request: Request, endpoint: Endpoint, key: ApiKey) -> Params:
        body = await request.body()
        timestamp_ms = auth.check_signature(key, request.headers, body)
        values: dict[str, Any] | None = None
        unreadable: BitmartError | None = None
        try:
            values = read_body(body)
        except BitmartError as error:
            # The window check comes first, and recvWindow is inside the body (protocol reference 2.4).
            unreadable = error
        recv_window = (values or {}).get("recvWindow") if endpoint.window is Window.RECV_WINDOW else None
        auth.check_window(timestamp_ms, self._context.now(), endpoint.window, recv_window)
        if unreadable is not None:
            raise unreadable
        return Params(values or {})


def rate_headers(rate: RateState) -> dict[str, str]:
    """Headers of protocol reference 3.2; `Remaining` is the number already used, as on the venue."""
    return {
        "X-BM-RateLimit-Remaining": str(rate.used),
        "X-BM-RateLimit-Limit": str(rate.limit),
        "X-BM-RateLimit-Reset": str(rate.reset_s),
        "X-BM-RateLimit-Mode": rate.mode,
    }

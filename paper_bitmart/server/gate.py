"""The gate: every BitMart REST call passes it, in the order of checks of protocol reference 2.4.

    path 30000 -> method 57001 -> content type 58001 -> key 30001-30012 -> rate limit 30013
    -> sign and timestamp 30004-30008, 30005 -> window 30007 -> JSON 30018 -> the endpoint's own rules

Whatever goes wrong, a client gets BitMart's envelope.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from paper_bitmart.bitmart.envelope import encode_failure, encode_success
from paper_bitmart.bitmart.errors import BitmartError, refusal
from paper_bitmart.bitmart.rate_limits import RateState
from paper_bitmart.server import auth
from paper_bitmart.server.auth import Level, Window
from paper_bitmart.server.context import ServerContext
from paper_bitmart.server.endpoint import Call, Endpoint, Sending
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


Tell = Callable[[Answer], None]


@dataclass(slots=True, eq=False)
class _Asked:
    """A call on its way through the gate, with the answer that it will get."""

    request: Request
    trace: str
    answer: Answer
    tell: Tell
    success_text: str = ""
    path: str = ""


class Gate:
    """Dispatches calls to endpoints by path, after all checks that endpoints have in common.

    Nothing here waits: a call is answered at once, or in the session's turn that carries out its command. So
    a call costs no task, and no switch between tasks (docs/decisions/0007).
    """

    def __init__(self, context: ServerContext, endpoints: Iterable[Endpoint], limits: CallLimits) -> None:
        self._context = context
        self._limits = limits
        self._by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            self._by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The aiohttp handler of every path that no other part of the server has."""
        read = AiohttpRequest(request, self._context.settings.body_bytes_max)
        await read.read()
        told: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        # Whoever waits for it may have been cancelled.
        answer = self.begin(read, lambda answer: None if told.done() else told.set_result(answer))
        if answer is None:
            answer = await told
        if answer.lost and request.transport is not None:
            request.transport.abort()
        response = web.Response(body=answer.body, status=answer.status, content_type=CONTENT_TYPE)
        if answer.rate is not None:
            response.headers.update(rate_headers(answer.rate))
        return response

    def begin(self, request: Request, tell: Tell) -> Answer | None:
        """The answer to one call, or None if `tell` gets it later; never raises, whatever the call is."""
        at_ns = self._context.wall.now_ns()
        asked = _Asked(request, self._context.traces.next(at_ns), Answer(at_ns), tell)
        return asked.answer if self._is_answered(asked, self._dispatch) else None

    def _is_answered(self, asked: _Asked, step: Callable[..., bool], *arguments: Any) -> bool:
        """Do one step of a call; true if it ended in an answer, which whatever goes wrong in it is too."""
        try:
            return step(asked, *arguments)
        except BitmartError as error:
            self._refuse(asked, error)
        except Exception:
            logger.exception("%s %s failed (trace %s)", asked.request.method, asked.request.path, asked.trace)
            self._refuse(asked, refusal(59002))
        return True

    @staticmethod
    def _refuse(asked: _Asked, error: BitmartError) -> None:
        logger.debug("refused: %s (trace %s)", error, asked.trace)
        asked.answer.body, asked.answer.status = encode_failure(error, asked.trace), error.http_status

    def _dispatch(self, asked: _Asked) -> bool:
        endpoint = self._endpoint(asked.request)
        asked.path, asked.success_text = endpoint.path, endpoint.success_text
        planned = self._context.faults.on_request(endpoint.path, asked.answer.at_ns)
        if not planned.delay_ns:
            return self._call(asked, endpoint, planned.refuse)
        loop = asyncio.get_running_loop()
        loop.call_later(planned.delay_ns / 1e9, self._go_on, asked, self._call, endpoint, planned.refuse)
        return False

    def _go_on(self, asked: _Asked, step: Callable[..., bool], *arguments: Any) -> None:
        """A later step of a call that has not been answered at once."""
        if self._is_answered(asked, step, *arguments):
            asked.tell(asked.answer)

    def _call(self, asked: _Asked, endpoint: Endpoint, fault: Fault | None) -> bool:
        request, answer = asked.request, asked.answer
        address, key = request.remote, None
        try:
            if fault is not None:
                raise refusal(_FAULT_CODES[fault])
            if endpoint.level is not Level.NONE:
                key = auth.find_key(
                    self._context.keys, request.headers, endpoint.needs, address, answer.at_ns
                )
        except BitmartError:
            answer.rate = self._limits.unused(endpoint.name)
            raise
        self._limit(endpoint, key, address, answer)
        if endpoint.level is Level.SIGNED:
            assert key is not None  # every level above NONE has one
            params = self._signed_params(request, endpoint, key)
        else:
            params = Params(request.query)
        account = self._context.venue.account(key.account).name if key is not None else ""
        data = endpoint.handler(Call(self._context, params, account, answer.at_ns))
        if not isinstance(data, Sending):
            return self._succeed(asked, data)
        self._context.session.send(data.command, partial(self._outcome, asked, data.data_of))
        return False

    def _outcome(
        self, asked: _Asked, data_of: Callable[[Any], Any], result: Any, refused: Exception | None
    ) -> None:
        """The exchange has carried out or refused the command of a call."""
        self._go_on(asked, self._read_outcome, data_of, result, refused)

    def _read_outcome(
        self, asked: _Asked, data_of: Callable[[Any], Any], result: Any, refused: Exception | None
    ) -> bool:
        if refused is not None:
            raise refused
        return self._succeed(asked, data_of(result))

    def _succeed(self, asked: _Asked, data: Any) -> bool:
        asked.answer.body = encode_success(data, asked.trace, asked.success_text)
        asked.answer.lost = self._context.faults.on_accepted(asked.path, asked.answer.at_ns)
        return True

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

    def _limit(self, endpoint: Endpoint, key: ApiKey | None, address: str, answer: Answer) -> None:
        answer.rate = self._limits.hit(endpoint.name, address, key, answer.at_ns)
        if answer.rate is not None and not answer.rate.allowed:
            raise refusal(answer.rate.code)

    def _signed_params(self, request: Request, endpoint: Endpoint, key: ApiKey) -> Params:
        body = request.body()
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

"""A REST call as the gate sees it, whoever read it off the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from aiohttp import web
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge

from paper_bitmart.bitmart.errors import BitmartError, refusal


class Request(Protocol):
    """One call.

    Attributes:
        method: GET, POST, ...
        path: decoded, without the query.
        query: the first value of each name.
        headers: looked up by lower-case name.
        content_type: media type without parameters, lower case.
        remote: the caller's IP address, "" when unknown.
    """

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> Mapping[str, str]: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def content_type(self) -> str: ...
    @property
    def remote(self) -> str: ...

    def body(self) -> bytes:
        """The raw body.

        Raises:
            BitmartError: 50000 too large, or it cannot be read.
        """
        ...


class PlainRequest:
    """A call that was read whole, body included."""

    __slots__ = ("_body", "content_type", "headers", "method", "path", "query", "remote")

    def __init__(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content_type: str,
        remote: str,
        body: bytes,
    ) -> None:
        self.method, self.path, self.query, self.headers = method, path, query, headers
        self.content_type, self.remote, self._body = content_type, remote, body

    def body(self) -> bytes:
        return self._body


class AiohttpRequest:
    """A call that aiohttp reads; its body is there after `read`."""

    __slots__ = ("_body", "_body_bytes_max", "_request")

    def __init__(self, request: web.Request, body_bytes_max: int) -> None:
        self._request, self._body_bytes_max = request, body_bytes_max
        self._body: bytes | BitmartError = b""

    async def read(self) -> None:
        """Take the body in; what is wrong with it is told by `body`."""
        try:
            self._body = await self._request.read()
        except HTTPRequestEntityTooLarge:
            text = f"Bad Request [body exceeds {self._body_bytes_max} bytes]"
            self._body = refusal(50000, field="body", message=text)
        except (web.RequestPayloadError, ConnectionError):
            # Broken encoding, or the client left in the middle of it.
            self._body = refusal(50000, field="body", message="Bad Request [body cannot be read]")

    @property
    def method(self) -> str:
        return self._request.method

    @property
    def path(self) -> str:
        return self._request.path

    @property
    def query(self) -> Mapping[str, str]:
        return self._request.query

    @property
    def headers(self) -> Mapping[str, str]:
        return self._request.headers

    @property
    def content_type(self) -> str:
        return self._request.content_type

    @property
    def remote(self) -> str:
        return self._request.remote or ""

    def body(self) -> bytes:
        if isinstance(self._body, BitmartError):
            raise self._body
        return self._body

"""The server's HTTP connections: plain calls are read here, everything else is aiohttp's.

A bot's signed POST or GET is nearly always the same few lines. Those this reads, and answers through the
gate, at a fraction of what a call through aiohttp costs (docs/decisions/0006). It understands nothing beyond
them: a call with anything out of the ordinary in it - websocket, admin path, chunked or large body, percent
sign, repeated or unusual header, another method or version, a mistake - hands its connection, from that
call's first byte on, to aiohttp, which knows all of HTTP. So bad HTTP is refused by aiohttp, and what is not
plain is only slower.

    connection -> HttpConnection -- plain call --> Gate -> answer
                       '-- anything else --> aiohttp's protocol, for good
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import cast

from paper_bitmart.bitmart.rate_limits import RateState
from paper_bitmart.server.gate import CONTENT_TYPE, Answer, Gate, rate_headers
from paper_bitmart.server.request import PlainRequest

HEAD_BYTES_MAX = 8_190
"""aiohttp's own limit of a line; a longer head is handed to it."""

_REQUEST_LINE = re.compile(r"(GET|POST) (/[A-Za-z0-9/_.-]*)(?:\?([A-Za-z0-9=&_.-]*))? HTTP/1\.1")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]+")
_MEDIA_TYPE = re.compile(r"([a-z]+/[a-z0-9.+-]+)(?:; ?charset=[A-Za-z0-9-]+)?")
_LENGTH = re.compile(r"[0-9]{1,9}")
_OTHER_ROADS = ("/api", "/user", "/paper")
"""Where paths begin that are not BitMart's REST API."""
_NOT_PLAIN = frozenset({"transfer-encoding", "upgrade", "expect", "te", "trailer"})
NO_MEDIA_TYPE = "application/octet-stream"
"""A call without Content-Type (RFC 9110, 8.3)."""


class HttpFront:
    """Makes and ends the connections of one server.

    Args:
        gate: answers the plain calls.
        fallback: makes aiohttp's protocol for one connection.
        body_bytes_max: larger bodies are not plain.
    """

    def __init__(self, gate: Gate, fallback: Callable[[], asyncio.Protocol], body_bytes_max: int) -> None:
        self.gate, self.fallback, self.body_bytes_max = gate, fallback, body_bytes_max
        self.connections: set[HttpConnection] = set()

    def __call__(self) -> HttpConnection:
        return HttpConnection(self)

    async def close(self, timeout_s: float) -> None:
        """Let calls that are under way end, for `timeout_s` at most, and close all connections."""
        ends = [end for connection in self.connections if (end := connection.stop()) is not None]
        if ends:
            await asyncio.wait(ends, timeout=timeout_s)
        for connection in tuple(self.connections):
            connection.close()


class HttpConnection(asyncio.Protocol):
    """One client's keep-alive connection; its calls are answered one after the other, in their order."""

    def __init__(self, front: HttpFront) -> None:
        self._front = front
        self._transport: asyncio.Transport | None = None
        self._remote = ""
        self._buffer = b""
        self._is_busy = False
        """A call is at the gate, or its answer waits for the client to read."""
        self._is_full = False
        """The client does not read what was written."""
        self._is_held_back = False
        """The client sends so much ahead of its answers that nothing is read from it."""
        self._held: Answer | None = None
        self._end: asyncio.Future[None] | None = None
        """Of the call that a stop waits for."""
        self._stopping = False

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # By its methods; other event loops' transports are not of asyncio's class.
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self._remote = str(peer[0]) if isinstance(peer, tuple) else ""
        tcp = transport.get_extra_info("socket")
        if tcp is not None:
            # A client that vanished without a word is noticed.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._front.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.connections.discard(self)
        self._stopping = True
        self._held = None
        self._call_ended()

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        if self._held is not None:
            answer, self._held = self._held, None
            self._answered(answer)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._is_busy:
            self._advance()
        elif len(self._buffer) > self._front.body_bytes_max + HEAD_BYTES_MAX:
            # So much ahead of its answers: let TCP hold the client back.
            assert self._transport is not None
            self._transport.pause_reading()
            self._is_held_back = True

    # --- inside ---

    def _advance(self) -> None:
        """Begin calls until one has to wait for its answer; hand over at the first that is not plain."""
        transport = self._transport
        assert transport is not None
        while not self._is_busy and not self._stopping:
            try:
                request = self._take()
            except _NotPlain:
                self._hand_over(transport)
                return
            if request is None:
                if self._is_held_back:
                    self._is_held_back = False
                    transport.resume_reading()
                return
            self._is_busy = True
            answer = self._front.gate.begin(request, self._answered)
            if answer is not None:
                self._send(answer, transport)

    def _answered(self, answer: Answer) -> None:
        """The answer that a call waited for is there."""
        assert self._transport is not None
        self._send(answer, self._transport)
        if self._buffer or self._is_held_back:
            self._advance()

    def _send(self, answer: Answer, transport: asyncio.Transport) -> None:
        if answer.lost:
            transport.abort()
            self._stopping = True
        elif not transport.is_closing():
            if self._is_full:
                self._held = answer
                return
            transport.write(_head(answer) + answer.body)
        self._call_ended()

    def _call_ended(self) -> None:
        self._is_busy = False
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    def _take(self) -> PlainRequest | None:
        """Take the first call off the buffer; None while some of it is missing.

        Raises:
            _NotPlain: it is not one for this reader; the buffer is as it was.
        """
        buffer = self._buffer
        head_end = buffer.find(b"\r\n\r\n")
        if head_end < 0:
            if len(buffer) > HEAD_BYTES_MAX:
                raise _NotPlain
            return None
        method, path, query, headers = _read_head(buffer[:head_end])
        length = headers.get("content-length", "0")
        if _LENGTH.fullmatch(length) is None or int(length) > self._front.body_bytes_max:
            raise _NotPlain
        body_end = head_end + 4 + int(length)
        if len(buffer) < body_end:
            return None
        media_type = _media_type(headers.get("content-type", NO_MEDIA_TYPE))
        self._buffer = buffer[body_end:]
        body = buffer[head_end + 4 : body_end]
        return PlainRequest(method, path, query, headers, media_type, self._remote, body)

    def _hand_over(self, transport: asyncio.Transport) -> None:
        self._front.connections.discard(self)
        transport.resume_reading()
        protocol = self._front.fallback()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(self._buffer)

    def stop(self) -> asyncio.Future[None] | None:
        """Take no further call; returns what is done once the present one is answered, None without one."""
        self._stopping = True
        if self._is_busy:
            self._end = asyncio.get_running_loop().create_future()
        return self._end

    def close(self) -> None:
        """Close the connection once what was written is out."""
        if self._transport is not None:
            self._transport.close()


class _NotPlain(Exception):
    """The call is aiohttp's."""


def _read_head(head: bytes) -> tuple[str, str, dict[str, str], dict[str, str]]:
    """Method, path, query, headers by lower-case name.

    Raises:
        _NotPlain: something out of the ordinary.
    """
    if len(head) > HEAD_BYTES_MAX or not head.isascii():
        raise _NotPlain
    lines = head.decode().split("\r\n")
    method, path, query = _read_request_line(lines[0])
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or not value.isprintable():
            raise _NotPlain
        headers[_lower(name)] = value
    if len(headers) != len(lines) - 1 or "host" not in headers:
        raise _NotPlain  # a repeated name, or no HTTP/1.1
    if headers.get("connection", "keep-alive").lower() != "keep-alive":
        raise _NotPlain
    if not _NOT_PLAIN.isdisjoint(headers):
        raise _NotPlain
    return method, path, _read_query(query), headers


# What lines say that come with nearly every call is remembered.


@lru_cache(maxsize=1_024)
def _read_request_line(line: str) -> tuple[str, str, str | None]:
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        raise _NotPlain
    path = found[2]
    if path.startswith(_OTHER_ROADS) or "//" in path or "/." in path:
        raise _NotPlain
    return found[1], path, found[3]


@lru_cache(maxsize=1_024)
def _lower(name: str) -> str:
    if _HEADER_NAME.fullmatch(name) is None:
        raise _NotPlain
    return name.lower()


def _read_query(text: str | None) -> dict[str, str]:
    query: dict[str, str] = {}
    if text:
        for part in text.split("&"):
            name, _, value = part.partition("=")
            if part:
                query.setdefault(name, value)
    return query


@lru_cache(maxsize=64)
def _media_type(text: str) -> str:
    found = _MEDIA_TYPE.fullmatch(text.lower())
    if found is None:
        raise _NotPlain
    return found[1]


@lru_cache(maxsize=1_024)
def _fixed_head(status: int, rate: RateState | None) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"Content-Type: {CONTENT_TYPE}"]
    lines += [f"{name}: {value}" for name, value in rate_headers(rate).items()] if rate is not None else []
    return "".join(f"{line}\r\n" for line in lines).encode()


@lru_cache(maxsize=2)
def _date(second: int) -> bytes:
    return f"Date: {formatdate(second, usegmt=True)}\r\n".encode()


def _head(answer: Answer) -> bytes:
    date = _date(answer.at_ns // 1_000_000_000)
    return b"%b%bContent-Length: %d\r\n\r\n" % (
        _fixed_head(answer.status, answer.rate),
        date,
        len(answer.body),
    )

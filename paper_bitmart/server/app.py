"""The aiohttp application, and a server that runs it.

/api, /user      websocket (ws_hub)
/paper/v1/...    admin API (admin)
anything else    BitMart's REST API (gate; plain calls get there by http_front, all others by aiohttp)
"""

from __future__ import annotations

import asyncio
from errno import EADDRINUSE
from typing import TYPE_CHECKING

from aiohttp import web

from paper_bitmart.exchange.clock import Clock, RealClock
from paper_bitmart.server import (
    rest_account,
    rest_closed,
    rest_klines,
    rest_public,
    rest_queries,
    rest_trading,
)
from paper_bitmart.server.admin import Admin
from paper_bitmart.server.book_view import BookView
from paper_bitmart.server.context import ServerContext
from paper_bitmart.server.endpoint import Endpoint
from paper_bitmart.server.faults import Faults
from paper_bitmart.server.gate import Gate
from paper_bitmart.server.http_front import HttpFront
from paper_bitmart.server.keys import KeyStore
from paper_bitmart.server.limits import CallLimits
from paper_bitmart.server.settings import ServerSettings, SettingsError
from paper_bitmart.server.size_log import SizeLog
from paper_bitmart.server.ws_hub import WsHub

if TYPE_CHECKING:
    from paper_bitmart.exchange.session import Session

ENDPOINTS: tuple[Endpoint, ...] = (
    *rest_public.ENDPOINTS,
    *rest_klines.ENDPOINTS,
    *rest_account.ENDPOINTS,
    *rest_trading.ENDPOINTS,
    *rest_queries.ENDPOINTS,
    *rest_closed.ENDPOINTS,
)
"""Every path of BitMart's REST API that is answered; all others are 30000."""

CONTEXT = web.AppKey("context", ServerContext)
HUB = web.AppKey("hub", WsHub)
GATE = web.AppKey("gate", Gate)

SHUTDOWN_S = 5.0
"""How long calls that are under way may take after a stop was asked for."""


def create_app(
    session: Session,
    settings: ServerSettings | None = None,
    *,
    keys: KeyStore | None = None,
    faults: Faults | None = None,
    wall: Clock | None = None,
) -> web.Application:
    """The application for a session that its owner starts and closes.

    Args:
        keys: key sets and admin token; None: none yet, in memory.
        faults: shared with a FaultySource, so that feed faults work too.
        wall: real time.

    Raises:
        RateConfigError, OSError: the rate limit file is wrong.
    """
    settings = settings or ServerSettings()
    keys = keys if keys is not None else KeyStore()
    faults = faults or Faults()
    wall = wall or RealClock()
    books = BookView(session, settings.book, settings.book_account or _first_account(keys))
    context = ServerContext(session, settings, keys, faults, books, wall, SizeLog(session))
    hub = WsHub(session, keys, settings, faults, books=books, wall=wall)
    gate = Gate(context, ENDPOINTS, CallLimits(settings.rate_limits))
    app = web.Application(client_max_size=settings.body_bytes_max)
    app[CONTEXT], app[HUB], app[GATE] = context, hub, gate
    app.router.add_get("/api", hub.public)
    app.router.add_get("/user", hub.private)
    Admin(context).add_routes(app.router)
    app.router.add_route("*", "/{path:.*}", gate.handle)
    app.on_shutdown.append(_close_hub)
    return app


def _first_account(keys: KeyStore) -> str | None:
    return next((key.account for key in keys), None)


async def _close_hub(app: web.Application) -> None:
    await app[HUB].close()


class Server:
    """Runs an application on a TCP port; `async with Server(app, settings)` starts and stops it."""

    def __init__(self, app: web.Application, settings: ServerSettings) -> None:
        self._app, self._settings = app, settings
        self._runner = web.AppRunner(
            app,
            # What happened is in the journal; a log of addresses and query strings helps nobody.
            access_log=None,
            # A signature covers the bytes as they were sent.
            auto_decompress=False,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_S,
        )
        self._front: HttpFront | None = None
        self._listener: asyncio.Server | None = None
        self.port = 0
        """The port in use once started; the chosen one when the setting is 0."""

    @property
    def url(self) -> str:
        """Base URL of REST."""
        return f"http://{self._authority}"

    @property
    def ws_url(self) -> str:
        """Base URL of the websocket endpoints."""
        return f"ws://{self._authority}"

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: the port is in use. OSError: the address is not this machine's.
        """
        await self._runner.setup()
        assert self._runner.server is not None
        self._front = HttpFront(self._app[GATE], self._runner.server, self._settings.body_bytes_max)
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._front, self._settings.host, self._settings.port
            )
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == EADDRINUSE:
                rule = f"must be free on {self._settings.host} (0 picks a free one)"
                raise SettingsError("port", rule, self._settings.port) from error
            raise
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, flush and close websockets, let running calls end."""
        if self._listener is not None:
            self._listener.close()
        if self._front is not None:
            await self._front.close(SHUTDOWN_S)
        await self._runner.cleanup()

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    @property
    def _authority(self) -> str:
        host = self._settings.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

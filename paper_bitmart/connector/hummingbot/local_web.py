"""Hummingbot's web layer, closed to every address but the paper exchange's.

The guard sits in the transport: a request that names another host or port is refused before a socket is
opened, whoever built its URL.
"""

from typing import Any
from urllib.parse import urlsplit

import aiohttp
from hummingbot.connector.exchange.bitmart import bitmart_constants as CONSTANTS
from hummingbot.connector.time_synchronizer import TimeSynchronizer
from hummingbot.connector.utils import TimeSynchronizerRESTPreProcessor
from hummingbot.core.api_throttler.async_throttler import AsyncThrottler
from hummingbot.core.web_assistant.auth import AuthBase
from hummingbot.core.web_assistant.connections.data_types import RESTMethod
from hummingbot.core.web_assistant.connections.rest_connection import RESTConnection
from hummingbot.core.web_assistant.connections.ws_connection import WSConnection
from hummingbot.core.web_assistant.web_assistants_factory import WebAssistantsFactory

from paper_bitmart.connector.hummingbot.embedded import Exchange


class NotThePaperExchange(aiohttp.ClientConnectionError):
    """A request was about to leave for another address. Carries `host` and `port`."""

    def __init__(self, host: str | None, port: int | None) -> None:
        super().__init__(f"bitmart_paper_trade does not connect to {host}:{port}, only to its paper exchange")
        self.host, self.port = host, port


class GuardedConnector(aiohttp.TCPConnector):
    """Opens connections to the paper exchange and to nobody else."""

    def __init__(self, exchange: Exchange) -> None:
        super().__init__()
        self._exchange = exchange

    async def connect(self, req: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises NotThePaperExchange for any other host or port."""
        allowed = urlsplit(self._exchange.url)
        if (req.url.host, req.url.port) != (allowed.hostname, allowed.port or _PORTS.get(allowed.scheme)):
            raise NotThePaperExchange(req.url.host, req.url.port)
        return await super().connect(req, *args, **kwargs)


_PORTS = {"http": 80, "https": 443}


class GuardedConnections:
    """In place of Hummingbot's ConnectionsFactory, which shares one unguarded session."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._session: aiohttp.ClientSession | None = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(connector=GuardedConnector(self._exchange), trust_env=False)
        return self._session

    async def get_rest_connection(self) -> RESTConnection:
        return RESTConnection(aiohttp_client_session=self._client())

    async def get_ws_connection(self) -> WSConnection:
        return WSConnection(aiohttp_client_session=self._client())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class LocalWeb:
    """The connector's `web_utils`: the real one's functions, with the paper exchange's addresses."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.connections = GuardedConnections(exchange)

    def public_rest_url(self, path_url: str, **kwargs: Any) -> str:
        return f"{self.exchange.url}/{path_url}"

    private_rest_url = public_rest_url

    @property
    def public_ws_url(self) -> str:
        return f"{self.exchange.ws_url}/api?protocol=1.1"

    @property
    def private_ws_url(self) -> str:
        return f"{self.exchange.ws_url}/user?protocol=1.1"

    def build_api_factory(
        self, throttler: AsyncThrottler, time_synchronizer: TimeSynchronizer, auth: AuthBase
    ) -> WebAssistantsFactory:
        """Requests are signed by the exchange's time, as the real connector signs them."""
        preprocessor = TimeSynchronizerRESTPreProcessor(
            synchronizer=time_synchronizer, time_provider=lambda: self.get_current_server_time(throttler)
        )
        return WebAssistantsFactory(
            throttler=throttler,
            auth=auth,
            rest_pre_processors=[preprocessor],
            connections_factory=self.connections,
        )

    async def get_current_server_time(self, throttler: AsyncThrottler, domain: str = "") -> float:
        """The exchange's time, ms since 1970."""
        await self.exchange.ready()
        factory = WebAssistantsFactory(throttler=throttler, connections_factory=self.connections)
        assistant = await factory.get_rest_assistant()
        response = await assistant.execute_request(
            url=self.public_rest_url(CONSTANTS.SERVER_TIME_PATH),
            method=RESTMethod.GET,
            throttler_limit_id=CONSTANTS.SERVER_TIME_PATH,
        )
        return float(response["data"]["server_time"])

"""The real connector's two data sources, with the paper exchange's addresses."""

from typing import Any

from hummingbot.connector.exchange.bitmart import bitmart_constants as CONSTANTS
from hummingbot.connector.exchange.bitmart.bitmart_api_order_book_data_source import (
    BitmartAPIOrderBookDataSource,
)
from hummingbot.connector.exchange.bitmart.bitmart_api_user_stream_data_source import (
    BitmartAPIUserStreamDataSource,
)
from hummingbot.core.web_assistant.connections.data_types import RESTMethod
from hummingbot.core.web_assistant.ws_assistant import WSAssistant

from paper_bitmart.connector.hummingbot.local_web import LocalWeb


class PaperOrderBookDataSource(BitmartAPIOrderBookDataSource):
    def __init__(self, *args: Any, web: LocalWeb, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._web = web

    async def _request_order_book_snapshot(self, trading_pair: str) -> dict[str, Any]:
        await self._web.exchange.ready()
        symbol = await self._connector.exchange_symbol_associated_to_pair(trading_pair=trading_pair)
        assistant = await self._api_factory.get_rest_assistant()
        snapshot: dict[str, Any] = await assistant.execute_request(
            url=self._web.public_rest_url(CONSTANTS.GET_ORDER_BOOK_PATH_URL),
            params={"symbol": symbol, "size": 200},
            method=RESTMethod.GET,
            throttler_limit_id=CONSTANTS.GET_ORDER_BOOK_PATH_URL,
        )
        return snapshot

    async def _connected_websocket_assistant(self) -> WSAssistant:
        await self._web.exchange.ready()
        ws: WSAssistant = await self._api_factory.get_ws_assistant()
        async with self._api_factory.throttler.execute_task(limit_id=CONSTANTS.WS_CONNECT):
            await ws.connect(ws_url=self._web.public_ws_url, ping_timeout=CONSTANTS.WS_PING_TIMEOUT)
        return ws


class _Redirected:
    """A websocket assistant that connects to one address, whatever it is asked for."""

    def __init__(self, ws: WSAssistant, url: str) -> None:
        self._ws, self._url = ws, url

    async def connect(self, ws_url: str, **kwargs: Any) -> None:
        await self._ws.connect(ws_url=self._url, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ws, name)


class PaperUserStreamDataSource(BitmartAPIUserStreamDataSource):
    def __init__(self, *args: Any, web: LocalWeb, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._web = web

    async def _connected_websocket_assistant(self) -> WSAssistant:
        await self._web.exchange.ready()
        return await super()._connected_websocket_assistant()

    async def _get_ws_assistant(self) -> Any:
        # The login that follows the connect is the real connector's own.
        ws = await super()._get_ws_assistant()
        return ws if isinstance(ws, _Redirected) else self._redirect(ws)

    def _redirect(self, ws: WSAssistant) -> _Redirected:
        self._ws_assistant: Any = _Redirected(ws, self._web.private_ws_url)
        redirected: _Redirected = self._ws_assistant
        return redirected

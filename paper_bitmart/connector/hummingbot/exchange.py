"""`bitmart_paper_trade` in Hummingbot: its own BitMart connector, with a paper exchange at the other end."""

from decimal import Decimal
from pathlib import Path
from typing import Any

from hummingbot import data_path
from hummingbot.client.config.security import Security
from hummingbot.connector.exchange.bitmart.bitmart_exchange import BitmartExchange
from hummingbot.core.data_type.order_book_tracker_data_source import OrderBookTrackerDataSource
from hummingbot.core.data_type.user_stream_tracker_data_source import UserStreamTrackerDataSource
from hummingbot.core.web_assistant.web_assistants_factory import WebAssistantsFactory

from paper_bitmart.connector.hummingbot.data_sources import (
    PaperOrderBookDataSource,
    PaperUserStreamDataSource,
)
from paper_bitmart.connector.hummingbot.embedded import Exchange, exchange_of
from paper_bitmart.connector.hummingbot.local_web import LocalWeb
from paper_bitmart.connector.hummingbot.settings import PaperSettings

NAME = "bitmart_paper_trade"


class BitmartPaperTradeExchange(BitmartExchange):
    """Everything is the real connector's - order tracker, trading rules, streams, signing, rate limits -
    but the addresses and the key set, which are the paper exchange's own.

    Args:
        balance_asset_limit, rate_limits_share_pct, trading_pairs, trading_required: as the real connector.
        settings: the fields of `PaperSettings`, each with the prefix bitmart_paper_trade_.

    Raises:
        PaperSettingsError: a setting breaks its rule.
    """

    def __init__(
        self,
        balance_asset_limit: dict[str, dict[str, Decimal]] | None = None,
        rate_limits_share_pct: Decimal = Decimal(100),
        trading_pairs: list[str] | None = None,
        trading_required: bool = True,
        **settings: Any,
    ) -> None:
        self._exchange: Exchange = exchange_of(PaperSettings.of(settings), Path(data_path()))
        self.web_utils = LocalWeb(self._exchange)
        key = self._exchange.key
        super().__init__(
            key.access_key,
            key.secret,
            key.memo,
            balance_asset_limit=balance_asset_limit,
            rate_limits_share_pct=rate_limits_share_pct,
            trading_pairs=trading_pairs,
            trading_required=trading_required,
        )

    @property
    def name(self) -> str:
        return NAME

    @property
    def paper_exchange(self) -> Exchange:
        """What is at the other end."""
        return self._exchange

    def set_balance(self, currency: str, balance: Decimal | float) -> None:
        """As Hummingbot's paper exchange: what is available of a currency.

        Done once per change of the setting; see `EmbeddedExchange.set_balance`.
        """
        self._exchange.set_balance(currency, Decimal(str(balance)))

    async def all_trading_pairs(self) -> list[str]:
        """The exchange's pairs; none before `connect`, so that a start of the client starts nothing."""
        if not self._trading_pairs and not Security.connector_config_file_exists(NAME):
            return []
        pairs: list[str] = await super().all_trading_pairs()
        return pairs

    async def stop_network(self) -> None:
        await super().stop_network()
        await self.web_utils.connections.close()

    # --- the real connector's parts, with other addresses ---

    async def _api_request(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        await self._exchange.ready()
        reply: dict[str, Any] = await super()._api_request(*args, **kwargs)
        return reply

    def _create_web_assistants_factory(self) -> WebAssistantsFactory:
        return self.web_utils.build_api_factory(
            throttler=self._throttler, time_synchronizer=self._time_synchronizer, auth=self._auth
        )

    def _create_order_book_data_source(self) -> OrderBookTrackerDataSource:
        return PaperOrderBookDataSource(
            trading_pairs=self._trading_pairs,
            connector=self,
            api_factory=self._web_assistants_factory,
            web=self.web_utils,
        )

    def _create_user_stream_data_source(self) -> UserStreamTrackerDataSource:
        return PaperUserStreamDataSource(
            auth=self._auth,
            trading_pairs=self._trading_pairs,
            connector=self,
            api_factory=self._web_assistants_factory,
            web=self.web_utils,
        )

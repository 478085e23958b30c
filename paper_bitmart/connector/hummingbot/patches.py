"""What is changed in Hummingbot's modules, each right after it was imported.

client.settings           lists `bitmart_paper_trade` among the connectors
client.config.security    its settings stand where other connectors have keys
connector_manager         constructs it (every other `*_paper_trade` is Hummingbot's own simulation)
user_balances             `balance` and `connect` include it
connect_command           connects without a question, also the second time

Source: the modules of the same names in Hummingbot 20260922. Other versions are refused by `versions`.
"""

import functools
import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from paper_bitmart.connector.hummingbot import versions

LOG = logging.getLogger(__name__)
NAME = "bitmart_paper_trade"

_told: set[str] = set()


def apply(module: ModuleType) -> None:
    """Patch one of Hummingbot's modules; an unknown version is left as it is, and the user told once."""
    try:
        versions.check()
    except (versions.UnknownHummingbot, versions.HummingbotNotFound) as error:
        if str(error) not in _told:
            _told.add(str(error))
            sys.stderr.write(f"paper-bitmart: {NAME} is not available: {error}\n")
        return
    _PATCHES[module.__name__](module)


def _patch_settings(module: ModuleType) -> None:
    settings = module.AllConnectorSettings
    create = settings.create_connector_settings.__func__
    initialize = settings.initialize_paper_trade_settings.__func__

    def create_connector_settings(cls: Any) -> dict[str, Any]:
        found: dict[str, Any] = create(cls)
        found[NAME] = connector_setting(module)
        cls.all_connector_settings = found
        return found

    def initialize_paper_trade_settings(cls: Any, paper_trade_exchanges: list[str]) -> None:
        # A user who lists bitmart there still gets this connector, not Hummingbot's simulation.
        initialize(cls, [name for name in paper_trade_exchanges if name != "bitmart"])
        cls.get_connector_settings().setdefault(NAME, connector_setting(module))

    settings.create_connector_settings = classmethod(functools.wraps(create)(create_connector_settings))
    settings.initialize_paper_trade_settings = classmethod(
        functools.wraps(initialize)(initialize_paper_trade_settings)
    )


def connector_setting(module: ModuleType) -> Any:
    """The `ConnectorSetting` of bitmart_paper_trade.

    Its own parent, because Hummingbot asks a paper connector's parent for the trading pairs.
    """
    from paper_bitmart.connector.hummingbot import config_map

    return module.ConnectorSetting(
        name=NAME,
        type=module.ConnectorType.Exchange,
        example_pair=config_map.EXAMPLE_PAIR,
        centralised=True,
        use_ethereum_wallet=False,
        trade_fee_schema=config_map.DEFAULT_FEES,
        config_keys=config_map.KEYS,
        is_sub_domain=False,
        parent_name=NAME,
        domain_parameter=None,
        use_eth_gas_lookup=False,
    )


def _patch_security(module: ModuleType) -> None:
    original = module.Security.api_keys.__func__

    def api_keys(cls: Any, connector_name: str) -> dict[str, Any]:
        if connector_name != NAME:
            keys: dict[str, Any] = original(cls, connector_name)
            return keys
        config = cls.decrypted_value(NAME)
        return {} if config is None else settings_of(config.hb_config)

    module.Security.api_keys = classmethod(functools.wraps(original)(api_keys))


def settings_of(config: Any) -> dict[str, Any]:
    """The connector's keyword arguments: every field of its configuration but its name."""
    fields = type(config).model_fields
    return {field: getattr(config, field) for field in fields if field != "connector"}


def _patch_connector_manager(module: ModuleType) -> None:
    original = module.ConnectorManager.create_connector

    @functools.wraps(original)
    def create_connector(
        self: Any,
        connector_name: str,
        trading_pairs: list[str],
        trading_required: bool = True,
        api_keys: dict[str, str] | None = None,
    ) -> Any:
        if connector_name != NAME or NAME in self.connectors:
            return original(self, connector_name, trading_pairs, trading_required, api_keys)
        connector = build(self.client_config_map, trading_pairs, trading_required, api_keys)
        self.connectors[NAME] = connector
        module.RateOracle.get_instance().register_connector(connector)
        LOG.info("Created connector: %s", NAME)
        return connector

    module.ConnectorManager.create_connector = create_connector


def build(
    client_config: Any,
    trading_pairs: list[str],
    trading_required: bool,
    settings: dict[str, Any] | None = None,
) -> Any:
    """A connector with the user's settings and paper balances."""
    from hummingbot.client.config.security import Security
    from hummingbot.client.settings import AllConnectorSettings

    from paper_bitmart.connector.hummingbot.exchange import BitmartPaperTradeExchange

    setting = AllConnectorSettings.get_connector_settings()[NAME]
    parameters = setting.conn_init_parameters(
        trading_pairs=trading_pairs,
        trading_required=trading_required,
        api_keys=settings or Security.api_keys(NAME),
        balance_asset_limit=client_config.hb_config.balance_asset_limit,
    )
    connector = BitmartPaperTradeExchange(**parameters)
    set_balances(connector, client_config)
    return connector


def set_balances(connector: Any, client_config: Any) -> None:
    """Hand over what `balance paper` has set, as Hummingbot does for its own paper exchanges."""
    for asset, amount in (client_config.paper_trade.paper_trade_account_balance or {}).items():
        connector.set_balance(asset, amount)


def _patch_user_balances(module: ModuleType) -> None:
    balances = module.UserBalances
    connect_market, update_exchanges = balances.connect_market, balances.update_exchanges

    @functools.wraps(connect_market)
    def connect_paper(exchange: str, client_config_map: Any, **api_details: Any) -> Any:
        if exchange != NAME:
            return connect_market(exchange, client_config_map, **api_details)
        return build(client_config_map, [], True, api_details)

    @functools.wraps(update_exchanges)
    async def update_with_paper(
        self: Any, client_config_map: Any, reconnect: bool = False, exchanges: list[str] | None = None
    ) -> dict[str, str | None]:
        errors: dict[str, str | None] = await update_exchanges(self, client_config_map, reconnect, exchanges)
        is_connected = module.Security.decrypted_value(NAME) is not None
        if is_connected and (not exchanges or NAME in exchanges):
            errors[NAME] = await self.update_exchange_balance(NAME, client_config_map)
        return errors

    balances.connect_market = staticmethod(connect_paper)
    balances.update_exchanges = update_with_paper


def _patch_connect_command(module: ModuleType) -> None:
    original = module.ConnectCommand.connect_exchange

    @functools.wraps(original)
    async def connect_exchange(self: Any, connector_name: str) -> None:
        if connector_name != NAME:
            await original(self, connector_name)
            return
        self.app.clear_input()
        known = module.Security.decrypted_value(NAME)
        keys = module.AllConnectorSettings.get_connector_config_keys(NAME)
        await self._perform_connect(known or module.ClientConfigAdapter(keys))

    module.ConnectCommand.connect_exchange = connect_exchange


_PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "hummingbot.client.settings": _patch_settings,
    "hummingbot.client.config.security": _patch_security,
    "hummingbot.core.connector_manager": _patch_connector_manager,
    "hummingbot.user.user_balances": _patch_user_balances,
    "hummingbot.client.command.connect_command": _patch_connect_command,
}

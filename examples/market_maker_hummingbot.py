"""A market maker as a Hummingbot V2 script: put it into Hummingbot's `scripts` folder.

In Hummingbot: connect bitmart_paper_trade, create --v2-config market_maker_hummingbot, start --v2 CONFIG
"""

from decimal import Decimal

from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.data_type.common import MarketDict, OrderType
from hummingbot.core.event.events import OrderFilledEvent
from hummingbot.strategy.strategy_v2_base import StrategyV2Base, StrategyV2ConfigBase
from pydantic import Field


class MarketMakerConfig(StrategyV2ConfigBase):
    script_file_name: str = "market_maker_hummingbot.py"
    controllers_config: list[str] = Field([])
    exchange: str = Field("bitmart_paper_trade")
    trading_pair: str = Field("BTC-USDT")
    amount: Decimal = Field(Decimal("0.01"))
    spread: Decimal = Field(Decimal("0.0001"))
    refresh_s: int = Field(5)

    def update_markets(self, markets: MarketDict) -> MarketDict:
        markets[self.exchange] = markets.get(self.exchange, set()) | {self.trading_pair}
        return markets


class MarketMaker(StrategyV2Base):
    next_refresh = 0

    def __init__(self, connectors: dict[str, ConnectorBase], config: MarketMakerConfig):
        super().__init__(connectors, config)
        self.config = config

    def on_tick(self):
        if self.current_timestamp < self.next_refresh:
            return
        config, connector = self.config, self.connectors[self.config.exchange]
        for order in self.get_active_orders(config.exchange):
            self.cancel(config.exchange, order.trading_pair, order.client_order_id)
        mid = connector.get_mid_price(config.trading_pair)
        for place, factor in ((self.buy, 1 - config.spread), (self.sell, 1 + config.spread)):
            place(config.exchange, config.trading_pair, config.amount, OrderType.LIMIT_MAKER, mid * factor)
        self.next_refresh = self.current_timestamp + config.refresh_s

    def did_fill_order(self, event: OrderFilledEvent):
        self.logger().info(f"{event.trade_type.name} {event.amount} at {event.price}")

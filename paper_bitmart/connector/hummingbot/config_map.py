"""What Hummingbot asks of a connector's `_utils` module: fees, an example pair, and its configuration.

The configuration is kept by Hummingbot in conf/connectors/bitmart_paper_trade.yml; no field is ever asked
for, and there is none for a real key.
"""

from decimal import Decimal

from hummingbot.client.config.config_data_types import BaseConnectorConfigMap
from hummingbot.core.data_type.trade_fee import TradeFeeSchema
from pydantic import ConfigDict, Field

CENTRALIZED = True
EXAMPLE_PAIR = "BTC-USDT"
DEFAULT_FEES = TradeFeeSchema(
    maker_percent_fee_decimal=Decimal("0.0025"), taker_percent_fee_decimal=Decimal("0.0025")
)
"""As the real connector; the same rates that the paper exchange charges unless told otherwise."""


class BitmartPaperTradeConfigMap(BaseConnectorConfigMap):
    """See `settings.PaperSettings` for what each field means."""

    connector: str = "bitmart_paper_trade"
    bitmart_paper_trade_source: str = Field(default="demo")
    bitmart_paper_trade_symbols: str = Field(default="")
    bitmart_paper_trade_state: str = Field(default="")
    bitmart_paper_trade_server: str = Field(default="")
    bitmart_paper_trade_server_key: str = Field(default="")
    bitmart_paper_trade_server_secret: str = Field(default="")
    bitmart_paper_trade_server_memo: str = Field(default="")
    model_config = ConfigDict(title="bitmart_paper_trade")


KEYS = BitmartPaperTradeConfigMap.model_construct()

"""Runs in Hummingbot's environment, one probe per process: `hummingbot_probe.py NAME FOLDER`; prints JSON.

Hummingbot prints things itself, so ours go to a file of their own: the real standard output.
"""

import asyncio
import inspect
import json
import logging
import os
import sys
import time
from decimal import Decimal
from pathlib import Path

OUT = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
sys.path.insert(0, str(Path(__file__).parents[2]))
NAME = "bitmart_paper_trade"
PAIR = "BTC-USDT"
PATIENCE_S = 30
reached = set()
"""Every network address that any code of this process connected to."""


def watch_sockets():
    def note(event, arguments):
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            reached.add(arguments[1][0])

    sys.addaudithook(note)


def hooked(folder):
    """The client's modules with our hook, keeping their files in `folder`."""
    from paper_bitmart.connector.hummingbot import client, hook, versions

    hook.install()
    client.keep_in(Path(folder), versions.check().folder)
    from hummingbot.client.config.config_helpers import load_client_config_map_from_file

    return load_client_config_map_from_file()


async def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.02)


class Running:
    """A connector from the connector manager on Hummingbot's real-time clock; `heard`: (name, order id)."""

    def __init__(self, client_config, api_keys=None):
        from hummingbot.core.connector_manager import ConnectorManager
        from hummingbot.core.event.event_forwarder import EventForwarder
        from hummingbot.core.event.events import MarketEvent

        self.connector = ConnectorManager(client_config).create_connector(NAME, [PAIR], True, api_keys)
        self.heard, self._forwarders = [], []
        for tag in MarketEvent:
            forwarder = EventForwarder(lambda event, tag=tag: self._hear(tag.name, event))
            self._forwarders.append(forwarder)
            self.connector.add_listener(tag, forwarder)

    def _hear(self, name, event):
        self.heard.append((name, event.order_id))

    def of(self, order_id):
        return [name for name, told in self.heard if told == order_id]

    async def __aenter__(self):
        from hummingbot.core.clock import Clock
        from hummingbot.core.clock_mode import ClockMode

        self._clock = Clock(ClockMode.REALTIME, tick_size=0.2)
        self._clock.add_iterator(self.connector)
        self._clock.__enter__()
        self._running = asyncio.ensure_future(self._clock.run())
        await until(lambda: self.connector.ready)
        return self

    async def __aexit__(self, *_):
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        self._clock.__exit__(None, None, None)
        await self.connector.stop_network()
        if hasattr(self.connector.paper_exchange, "stop"):
            self.connector.paper_exchange.stop()


async def probe_listing(client_config):
    from hummingbot.client.config.config_helpers import get_connector_class
    from hummingbot.client.settings import AllConnectorSettings, connectable_exchange_names
    from hummingbot.connector.exchange.bitmart.bitmart_exchange import BitmartExchange

    AllConnectorSettings.initialize_paper_trade_settings(["binance", "bitmart"])
    setting = AllConnectorSettings.get_connector_settings()[NAME]
    return {
        "class": get_connector_class(NAME).__name__,
        "is_real_connectors_subclass": issubclass(get_connector_class(NAME), BitmartExchange),
        "is_connectable": NAME in connectable_exchange_names(),
        "fees": [str(setting.trade_fee_schema.maker_percent_fee_decimal)],
        "pairs_before_connect": await get_connector_class(NAME)().all_trading_pairs(),
        "binance": "binance_paper_trade" in AllConnectorSettings.get_connector_settings(),
    }


async def probe_orders(client_config):
    from hummingbot.core.data_type.common import OrderType

    result = {}
    async with Running(client_config) as running:
        connector, heard = running.connector, running.heard
        price = connector.get_price(PAIR, True)

        async def end_of(side, order_type, price, amount="0.001", end=None):
            order_id = getattr(connector, side)(PAIR, Decimal(amount), order_type, price)
            await until(lambda: end in running.of(order_id))
            return running.of(order_id)

        result["filled"] = await end_of("buy", OrderType.LIMIT, price + 50, end="BuyOrderCompleted")
        result["market_sell"] = await end_of(
            "sell", OrderType.MARKET, Decimal("NaN"), end="SellOrderCompleted"
        )
        result["crossing_maker"] = await end_of(
            "sell", OrderType.LIMIT_MAKER, price - 500, end="OrderCancelled"
        )
        result["refused"] = await end_of("buy", OrderType.LIMIT, price, "1000", end="OrderFailure")
        resting = connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT_MAKER, price - 5000)
        await until(lambda: running.of(resting))
        result["tracking"] = sorted(connector.tracking_states) == [resting]
        result["cancel_all"] = [one.success for one in await connector.cancel_all(10)]
        await until(lambda: "OrderCancelled" in running.of(resting))
        result["status"] = connector.status_dict
        result["names"] = [connector.name, connector.display_name]
        result["types"] = sorted(kind.name for kind in connector.supported_order_types())
        await connector._update_balances()
        paper = connector.paper_exchange.paper
        result["balances"] = {asset: str(total) for asset, total in connector.get_all_balances().items()}
        result["ledger"] = {
            asset: str(Decimal(one.total_atoms) / 10**18)
            for asset, one in paper.venue.balances("default").items()
        }
        result["events"] = len(heard)
    result["reached"] = sorted(reached)
    return result


async def probe_guard(client_config):
    """Whatever URL is asked for, no other address is connected to."""
    from hummingbot.connector.exchange.bitmart import bitmart_constants as real

    from paper_bitmart.connector.hummingbot.local_web import NotThePaperExchange

    result = {"refused": []}
    async with Running(client_config) as running:
        connector = running.connector
        urls = [real.REST_URL + "/" + real.CREATE_ORDER_PATH_URL, "http://127.0.0.1:1/spot/v2/submit_order"]
        for url in urls:
            try:
                await connector._api_post(
                    path_url=real.CREATE_ORDER_PATH_URL, overwrite_url=url, data={}, is_auth_required=True
                )
            except NotThePaperExchange:
                result["refused"].append(url)
        for url in (real.WSS_PUBLIC_URL, real.WSS_PRIVATE_URL):
            assistant = await connector._web_assistants_factory.get_ws_assistant()
            try:
                await assistant.connect(ws_url=url)
            except NotThePaperExchange:
                result["refused"].append(url)
        paths = {value for name, value in vars(real).items() if name.endswith(("_URL", "_PATH"))}
        made = [await connector._api_request_url(path, auth) for path in sorted(paths) for auth in (0, 1)]
        result["elsewhere"] = [url for url in made if not url.startswith(connector.paper_exchange.url)]
        result["key_is_our_own"] = len(connector.paper_exchange.key.access_key) == 40
    result["reached"] = sorted(reached)
    return result


async def probe_connect(client_config):
    """The `connect`, `balance` path of the client, twice, with a screen that only remembers."""
    from types import SimpleNamespace

    from hummingbot.client.command.connect_command import ConnectCommand
    from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger, store_password_verification
    from hummingbot.client.config.security import Security
    from hummingbot.core.utils.trading_pair_fetcher import TradingPairFetcher
    from hummingbot.user.user_balances import UserBalances

    class Client(ConnectCommand):
        def __init__(self):
            self.said, self.asked = [], []
            self.client_config_map = client_config
            self.app = SimpleNamespace(
                clear_input=lambda: None, change_prompt=lambda prompt: None, to_stop_config=False
            )

        def notify(self, text):
            self.said.append(text.strip())

        async def prompt_for_model_config(self, config):
            self.asked += [k for k in config.keys() if config.get_client_data(k).prompt_on_new]  # noqa: SIM118

    TradingPairFetcher.get_instance = lambda **_: SimpleNamespace(fetch_all=lambda **_: asyncio.sleep(0))
    secrets = ETHKeyFileSecretManger("secret")
    store_password_verification(secrets)
    Security.login(secrets)
    client = Client()
    for _ in range(2):
        await client.connect_exchange(NAME)
    balances = await UserBalances.instance().all_balances_all_exchanges(client_config)
    return {
        "said": client.said,
        "asked": client.asked,
        "balances": {asset: str(total) for asset, total in balances[NAME].items()},
        "errors": [str(error) for error in (await client.connection_df())[1].values()],
        "file": Security.connector_config_file_exists(NAME),
        "reached": sorted(reached),
    }


async def probe_restart_first(client_config):
    from hummingbot.core.data_type.common import OrderType

    async with Running(client_config) as running:
        connector = running.connector
        bought = connector.buy(PAIR, Decimal("0.5"), OrderType.LIMIT, connector.get_price(PAIR, True) + 500)
        await until(lambda: "BuyOrderCompleted" in running.of(bought))
        resting = connector.sell(PAIR, Decimal("0.25"), OrderType.LIMIT_MAKER, Decimal(90_000))
        await until(lambda: running.of(resting))
        await connector._update_balances()
        return {"states": connector.tracking_states, "btc": str(connector.get_balance("BTC"))}


async def probe_restart_second(client_config):
    """States come on standard input."""
    states = json.load(sys.stdin)
    running = Running(client_config)
    running.connector.restore_tracking_states(states)
    async with running:
        connector = running.connector
        open_before = sorted(connector.in_flight_orders)
        btc = str(connector.get_balance("BTC"))
        cancelled = [one.success for one in await connector.cancel_all(10)]
        await until(lambda: running.heard)
        return {"open": open_before, "btc": btc, "cancelled": cancelled, "heard": running.heard}


async def probe_network(client_config):
    """The exchange goes down under a resting order, and comes up again at another port."""
    from hummingbot.core.data_type.common import OrderType

    async with Running(client_config) as running:
        connector, exchange = running.connector, running.connector.paper_exchange
        resting = connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT_MAKER, Decimal(50_000))
        await until(lambda: running.of(resting))
        before = exchange.url
        await asyncio.to_thread(exchange.stop)
        await until(lambda: exchange.url not in ("", before))
        cancelled = [one.success for one in await connector.cancel_all(10)]
        await until(lambda: "OrderCancelled" in running.of(resting))
        # The recording begins anew, so a book of before is no measure of its price.
        bought = connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT, Decimal(65_000))
        await until(lambda: "BuyOrderCompleted" in running.of(bought))
        return {"cancelled": cancelled, "resting": running.of(resting), "bought": running.of(bought)}


async def probe_server(client_config):
    """A connector on a server that somebody else runs."""
    from hummingbot.core.data_type.common import OrderType

    from paper_bitmart.connector.hummingbot.embedded import EmbeddedExchange, RemoteExchange
    from paper_bitmart.connector.hummingbot.settings import PaperSettings

    server = EmbeddedExchange(PaperSettings(), None)
    server.set_balance("USDT", Decimal(500))
    server.start()
    key = server.key
    fields = {"": server.url, "_key": key.access_key, "_secret": key.secret, "_memo": key.memo}
    settings = {f"{NAME}_server{name}": value for name, value in fields.items()}
    running = Running(client_config, api_keys=settings)
    async with running:
        connector = running.connector
        bought = connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT, connector.get_price(PAIR, True) + 50)
        await until(lambda: "BuyOrderCompleted" in running.of(bought))
        fills = len(server.paper.venue.fills("default"))
        is_remote = isinstance(connector.paper_exchange, RemoteExchange)
    server.stop()
    return {"bought": running.of(bought), "fills": fills > 0, "is_remote": is_remote}


async def probe_interface(client_config):
    """What the installed real connector offers, for the documents' table and our copies of its words."""
    from hummingbot.connector.exchange.bitmart.bitmart_exchange import BitmartExchange
    from hummingbot.core.data_type import common, in_flight_order
    from hummingbot.core.event import events
    from hummingbot.core.network_iterator import NetworkStatus

    def members(enum):
        return {member.name: member.value for member in enum}

    def fields(record):
        return list(getattr(record, "_fields", None) or record.__dataclass_fields__)

    public = [n for n in dir(BitmartExchange) if not n.startswith(("_", "c_")) and not n.isupper()]
    records = [
        "BuyOrderCreatedEvent", "SellOrderCreatedEvent", "OrderFilledEvent", "BuyOrderCompletedEvent",
        "SellOrderCompletedEvent", "OrderCancelledEvent", "MarketOrderFailureEvent", "OrderBookTradeEvent",
    ]  # fmt: skip
    parameters = {}
    for name in public:
        attribute = getattr(BitmartExchange, name)
        if callable(attribute):
            parameters[name] = [p for p in inspect.signature(attribute).parameters if p != "self"]
    return {
        "public": public,
        "parameters": parameters,
        "fields": {name: fields(getattr(events, name)) for name in records},
        "trade_update": list(in_flight_order.TradeUpdate._fields),
        "enums": {
            "OrderType": members(common.OrderType),
            "TradeType": members(common.TradeType),
            "PriceType": members(common.PriceType),
            "PositionAction": members(common.PositionAction),
            "OrderState": members(in_flight_order.OrderState),
            "MarketEvent": members(events.MarketEvent),
            "OrderBookEvent": members(events.OrderBookEvent),
            "NetworkStatus": members(NetworkStatus),
        },
    }


async def probe_book(client_config):
    """Hummingbot's order book asked the same questions; book and questions come on standard input."""
    import numpy as np
    from hummingbot.core.data_type.order_book import OrderBook

    given = json.load(sys.stdin)
    book = OrderBook()
    sides = [np.array([[float(p), float(s), 1.0] for p, s in given[side]]) for side in ("bids", "asks")]
    book.apply_numpy_snapshot(*sides)
    answers = []
    for query, is_buy, asked in given["questions"]:
        result = getattr(book, query)(is_buy, float(asked))
        answers.append([str(getattr(result, field)) for field in given["fields"]])
    return answers


async def probe_json(client_config):
    """An order of ours through Hummingbot's JSON and back; ours come on standard input."""
    from hummingbot.core.data_type.in_flight_order import InFlightOrder

    order = InFlightOrder.from_json(json.load(sys.stdin))
    return json.loads(json.dumps(order.to_json()))


async def application(client_config):
    """The whole client without its screen, logged in."""
    from hummingbot.client.config.config_crypt import ETHKeyFileSecretManger, store_password_verification
    from hummingbot.client.runner import bootstrap_application

    secrets = ETHKeyFileSecretManger("secret")
    store_password_verification(secrets)
    return await bootstrap_application(client_config, secrets, headless=True, silence_console=True)


def speed_up(connector, speed):
    """Let the recorded market run faster; the venue's clock belongs to its own thread."""

    async def set_speed():
        paper.session.clock.set_speed(speed)

    paper = connector.paper_exchange.paper
    connector.paper_exchange.call(set_speed())


async def probe_script(client_config):
    """The example script, started as `start --v2` does it, for a minute of market time."""
    import shutil

    from hummingbot.client.runner import load_and_start_strategy
    from hummingbot.client.settings import CONF_DIR_PATH, SCRIPT_STRATEGIES_PATH

    name = "market_maker_hummingbot"
    shutil.copy(Path(__file__).parents[2] / "examples" / f"{name}.py", SCRIPT_STRATEGIES_PATH)
    conf = "conf_market_maker.yml"
    (CONF_DIR_PATH / "scripts" / conf).write_text(f"script_file_name: {name}.py\nrefresh_s: 1\n")
    app = await application(client_config)
    started = await load_and_start_strategy(app, v2_conf=conf, headless=True)
    connector = app.trading_core.connector_manager.connectors[NAME]
    heard = []
    forwarder = _forwarder(heard)
    for tag in ("BuyOrderCreated", "SellOrderCreated", "OrderFilled", "OrderCancelled", "OrderFailure"):
        from hummingbot.core.event.events import MarketEvent

        connector.add_listener(MarketEvent[tag], forwarder[tag])
    await until(lambda: connector.ready)
    speed_up(connector, 10)
    await asyncio.sleep(7)
    await app.trading_core.stop_strategy()
    counts = {tag: sum(1 for one in heard if one == tag) for tag in forwarder}
    return {"started": started, "counts": counts, "reached": sorted(reached)}


def _forwarder(heard):
    from hummingbot.core.event.event_forwarder import EventForwarder

    tags = ("BuyOrderCreated", "SellOrderCreated", "OrderFilled", "OrderCancelled", "OrderFailure")
    return {tag: EventForwarder(lambda event, tag=tag: heard.append(tag)) for tag in tags}


async def main(name, folder):
    watch_sockets()
    if name != "script":
        logging.disable(logging.CRITICAL)
    result = await globals()[f"probe_{name}"](hooked(folder))
    OUT.write(json.dumps(result, default=str))
    OUT.flush()


asyncio.run(main(*sys.argv[1:]))
# Hummingbot leaves threads and sessions behind that a probe need not wait for.
from paper_bitmart.connector.hummingbot import embedded  # noqa: E402

for exchange in embedded._exchanges.values():
    exchange.stop()
os._exit(0)

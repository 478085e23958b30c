"""The paper exchange behind the connector: one in this process with BitMart's API on a loopback port, or a
running `paper-bitmart serve`.

EmbeddedExchange   an own thread and event loop, so that Hummingbot's loop never waits for it
RemoteExchange     an address and a key set
"""

import asyncio
import atexit
import logging
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AsyncExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import msgspec

from paper_bitmart.bitmart.decimals import from_atoms
from paper_bitmart.connector.exchange.connect import find_market
from paper_bitmart.connector.hummingbot.settings import PaperSettings
from paper_bitmart.connector.paper_exchange import ACCOUNT, PaperExchange, PaperOptions, open_exchange
from paper_bitmart.server.app import Server, create_app
from paper_bitmart.server.keys import ApiKey, KeyStore
from paper_bitmart.server.settings import ServerSettings

LOG = logging.getLogger(__name__)

START_S_MAX = 120
"""Compiling the matching core on its first run ever is most of it."""
STOP_S_MAX = 30
BALANCES_FILE = "paper_balances.json"


class BalancesDamaged(ValueError):
    """The file of the paper balances last set cannot be read. Carries `path` and `why`."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}; remove it to set all paper balances anew")
        self.path, self.why = path, why


class Exchange(Protocol):
    """What the connector needs to know of an exchange, wherever it runs."""

    @property
    def url(self) -> str:
        """Base URL of REST."""
        ...

    @property
    def ws_url(self) -> str:
        """Base URL of the websockets."""
        ...

    @property
    def key(self) -> ApiKey: ...

    async def ready(self) -> None:
        """Return once it answers; starts it where that is ours to do."""
        ...

    def set_balance(self, asset: str, amount: Decimal) -> None: ...


class RemoteExchange:
    """A running `paper-bitmart serve`; its balances are its own."""

    def __init__(self, settings: PaperSettings) -> None:
        self.url = settings.server.rstrip("/")
        self.ws_url = "ws" + self.url.removeprefix("http")
        self.key = ApiKey(
            access_key=settings.server_key,
            secret=settings.server_secret,
            memo=settings.server_memo,
            account="",
        )

    async def ready(self) -> None:
        """At once: a server that does not answer shows as any exchange that does not."""

    def set_balance(self, asset: str, amount: Decimal) -> None:
        """Nothing: the server was told its balances when it was started."""


class EmbeddedExchange:
    """A paper exchange in this process, for any number of connectors; started by the first that needs it.

    Args:
        settings: see `PaperSettings`.
        state: directory of the journal; None keeps nothing.

    Raises:
        BalancesDamaged: the state directory's file of paper balances cannot be read.
    """

    def __init__(self, settings: PaperSettings, state: Path | None) -> None:
        self._settings, self._state = settings, state
        self._keys = KeyStore()
        self.key = self._keys.create(ACCOUNT)
        self.url = self.ws_url = ""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._paper: PaperExchange | None = None
        self._applied = _read_balances(state)
        self._wanted: dict[str, Decimal] = {}

    # --- from any thread ---

    def start(self) -> None:
        """Run; returns once the API answers. A second call changes nothing.

        Raises:
            CaptureError, RulesError, ConnectError, SourceError, OSError: the market.
            JournalError: the state directory.
        """
        with self._lock:
            if self.url:
                return
            if self._thread is not None:
                # One that is closing has the journal until its end.
                self._thread.join(STOP_S_MAX)
            started: Future[None] = Future()
            self._thread = threading.Thread(
                target=lambda: asyncio.run(self._run(started)), name="bitmart_paper_trade", daemon=True
            )
            self._thread.start()
            started.result(START_S_MAX)
            atexit.register(self.stop)

    def stop(self) -> None:
        """Close the exchange and its journal; a second call changes nothing."""
        atexit.unregister(self.stop)
        thread, loop, stop = self._thread, self._loop, self._stop
        if thread is None or loop is None or stop is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(stop.set)
        thread.join(STOP_S_MAX)

    async def ready(self) -> None:
        """Start it if need be, without holding the caller's event loop."""
        if not self.url:
            await asyncio.to_thread(self.start)

    def set_balance(self, asset: str, amount: Decimal) -> None:
        """What Hummingbot's paper balance of an asset is set to.

        Done once for each change of that setting, so what was traded since is not undone at every start.
        """
        if self._applied.get(asset) == amount:
            return
        self._wanted[asset] = amount
        loop = self._loop
        if self.url and loop is not None:
            asyncio.run_coroutine_threadsafe(self._apply_balances(), loop)

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """The outcome of `work` on the exchange's own loop; waits for it."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S_MAX)

    @property
    def paper(self) -> PaperExchange:
        """The exchange itself; touch it on its own loop only, see `call`."""
        assert self._paper is not None
        return self._paper

    # --- on the own loop ---

    async def _run(self, started: "Future[None]") -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as running:
            try:
                await self._open(running)
            except Exception as error:  # noqa: BLE001
                # Raised to the one who asked for the start, in the other thread.
                started.set_exception(error)
                return
            started.set_result(None)
            await self._stop.wait()
            self.url = self.ws_url = ""

    async def _open(self, running: AsyncExitStack) -> None:
        market = find_market(self._settings.source, self._settings.symbols or None)
        self._paper = paper = open_exchange(
            PaperOptions(
                capture=market.capture,
                symbols=market.symbols,
                source=market.opener,
                loop=True,
                state=self._state,
                balances={},
            )
        )
        running.push_async_callback(paper.session.close)
        await paper.start()
        await self._apply_balances()
        settings = ServerSettings(port=0)
        server = await running.enter_async_context(
            Server(create_app(paper.session, settings, keys=self._keys), settings)
        )
        self.url, self.ws_url = server.url, server.ws_url
        LOG.info("the paper exchange answers at %s", server.url)

    async def _apply_balances(self) -> None:
        wanted, self._wanted = self._wanted, {}
        session = self.paper.session
        for asset in sorted(set(wanted) & set(session.venue.assets())):
            available = from_atoms(session.venue.balance(ACCOUNT, asset).available_atoms)
            missing = wanted[asset] - available
            if missing > 0:
                await session.deposit(ACCOUNT, asset, missing)
            elif missing < 0:
                await session.withdraw(ACCOUNT, asset, -missing)
        self._applied |= wanted
        if self._state is not None:
            _write_balances(self._state, self._applied)


def _read_balances(state: Path | None) -> dict[str, Decimal]:
    """What the paper balances were last set to; nothing when there is no file."""
    if state is None or not (state / BALANCES_FILE).is_file():
        return {}
    path = state / BALANCES_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Decimal])
    except msgspec.DecodeError as error:
        raise BalancesDamaged(path, str(error)) from error


def _write_balances(state: Path, balances: dict[str, Decimal]) -> None:
    """In one step, so that a crash leaves the old file or the new one."""
    fresh = state / f"{BALANCES_FILE}.new"
    fresh.write_bytes(msgspec.json.encode(balances))
    fresh.replace(state / BALANCES_FILE)


_exchanges: dict[tuple[PaperSettings, Path | None], EmbeddedExchange] = {}


def exchange_of(settings: PaperSettings, data: Path) -> Exchange:
    """The exchange of these settings; equal settings share one within a process.

    Args:
        data: folder for the journal when the settings name none.
    """
    if settings.server:
        return RemoteExchange(settings)
    state = settings.state_dir(data)
    return _exchanges.setdefault((settings, state), EmbeddedExchange(settings, state))

"""The Node client: installed once, from its lock file, into `.clients/node` of the checkout."""

import shutil
from pathlib import Path

import pytest
from install import CACHE, alone, run_or_skip
from line_bridge import LineBridge

SOURCES = Path(__file__).with_name("node")
FOLDER = CACHE / "node"
FILES = ("package.json", "package-lock.json", "bridge.mjs")
INSTALL_S = 300


def installed_folder():
    """The folder of the installed client; skips the test when there is no Node or no registry."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    with alone("node"):
        FOLDER.mkdir(exist_ok=True)
        marker = FOLDER / "installed-lock.json"
        if not all(map(_is_copied, FILES)):
            for name in FILES:
                shutil.copyfile(SOURCES / name, FOLDER / name)
        lock = (SOURCES / "package-lock.json").read_bytes()
        if not marker.exists() or marker.read_bytes() != lock:
            command = ["npm", "ci", "--no-audit", "--no-fund"]
            run_or_skip(command, "npm cannot install bitmart-api", timeout_s=INSTALL_S, cwd=FOLDER)
            marker.write_bytes(lock)
    return FOLDER


def _is_copied(name):
    copy = FOLDER / name
    return copy.exists() and copy.read_bytes() == (SOURCES / name).read_bytes()


class NodeBridge(LineBridge):
    """A running Node process with any number of REST and websocket clients, by name."""

    def __init__(self, folder):
        super().__init__(["node", "bridge.mjs"], folder)

    def rest(self, name, url, key):
        """A RestClient; call its methods as `rest.method_name(params)`."""
        self.ask("rest", name=name, options={"baseUrl": url} | _credentials(key))
        return NodeRest(self, name)

    def stream(self, name, url, key=None, **options):
        """A WebsocketClient for one of the two paths: its `wsUrl` replaces both."""
        self.ask("stream", name=name, options={"wsUrl": url} | _credentials(key) | options)
        return NodeStream(self, name)


class NodeRest:
    """Methods of the Node RestClient, by their own names."""

    def __init__(self, bridge, name):
        self._bridge, self._name = bridge, name

    def __getattr__(self, method):
        return lambda *args: self._bridge.ask("call", name=self._name, method=method, args=args)


class NodeStream:
    """A Node WebsocketClient: what it emitted is in `heard`, as (event, data)."""

    def __init__(self, bridge, name):
        self._bridge, self._name, self.heard = bridge, name, bridge.heard(name)

    def subscribe(self, *topics):
        self._bridge.ask("subscribe", name=self._name, topics=topics)

    def unsubscribe(self, *topics):
        self._bridge.ask("unsubscribe", name=self._name, topics=topics)

    def close(self):
        self._bridge.ask("close", name=self._name)

    def until(self, event, condition=lambda data: True):
        """Wait for an event of that name which fulfils `condition`; its data."""
        return self._bridge.until(self._name, event, condition)

    def push(self, table, condition=lambda row: True):
        """The first row of `table` that fulfils `condition`."""
        return self.until("update", lambda d: d.get("table") == table and condition(d["data"][0]))["data"][0]


def _credentials(key):
    if key is None:
        return {}
    return {"apiKey": key.access_key, "apiSecret": key.secret, "apiMemo": key.memo}

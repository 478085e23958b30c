"""The Node client, driven from Python: a process that takes commands and tells answers and events.

The client is installed once, from the lock file, into `.clients/node` of the checkout.
"""

import itertools
import json
import queue
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

SOURCES = Path(__file__).with_name("node")
FOLDER = Path(__file__).parents[2] / ".clients" / "node"
FILES = ("package.json", "package-lock.json", "bridge.mjs")
INSTALL_S, PATIENCE_S = 300, 20


class NodeError(Exception):
    """What the client threw; `code` is the HTTP status, `body` BitMart's envelope."""

    def __init__(self, error):
        super().__init__(json.dumps(error)[:300])
        self.code, self.body = error.get("code"), error.get("body")


def installed_folder():
    """The folder of the installed client; skips the test when there is no Node or no registry."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    lock = SOURCES.joinpath("package-lock.json").read_bytes()
    marker = FOLDER / "installed-lock.json"
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(SOURCES / name, FOLDER / name)
    if not marker.exists() or marker.read_bytes() != lock:
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=INSTALL_S)
        if done.returncode:
            pytest.skip(f"npm cannot install bitmart-api: {done.stderr.strip()[-300:]}")
        marker.write_bytes(lock)
    return FOLDER


class NodeBridge:
    """A running Node process with any number of REST and websocket clients, by name."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            ["node", "bridge.mjs"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ids = itertools.count(1)
        self._answers = {}
        self._events = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self):
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self._process.stdout.close()

    def ask(self, command, **fields):
        """Run one command; its result.

        Raises:
            NodeError: the client threw.
        """
        number = next(self._ids)
        answers = self._answers[number] = queue.Queue()
        self._process.stdin.write(json.dumps({"id": number, "command": command} | fields) + "\n")
        self._process.stdin.flush()
        answer = answers.get(timeout=PATIENCE_S)
        if "error" in answer:
            raise NodeError(answer["error"])
        return answer["result"]

    def rest(self, name, url, key):
        """A RestClient; call its methods as `rest.method_name(params)`."""
        credentials = {"apiKey": key.access_key, "apiSecret": key.secret, "apiMemo": key.memo}
        self.ask("rest", name=name, options={"baseUrl": url} | credentials)
        return NodeRest(self, name)

    def stream(self, name, url, key=None, **options):
        """A WebsocketClient for one of the two paths: its `wsUrl` replaces both."""
        credentials = {}
        if key is not None:
            credentials = {"apiKey": key.access_key, "apiSecret": key.secret, "apiMemo": key.memo}
        self._events[name] = []
        self.ask("stream", name=name, options={"wsUrl": url} | credentials | options)
        return NodeStream(self, name, self._events[name])

    def _read(self):
        for line in self._process.stdout:
            message = json.loads(line)
            if "stream" in message:
                self._events[message["stream"]].append((message["event"], message["data"]))
            else:
                self._answers.pop(message["id"]).put(message)


class NodeRest:
    """Methods of the Node RestClient, by their own names."""

    def __init__(self, bridge, name):
        self._bridge, self._name = bridge, name

    def __getattr__(self, method):
        return lambda *args: self._bridge.ask("call", name=self._name, method=method, args=args)


class NodeStream:
    """A Node WebsocketClient: what it emitted is in `heard`, as (event, data)."""

    def __init__(self, bridge, name, heard):
        self._bridge, self._name, self.heard = bridge, name, heard

    def subscribe(self, *topics):
        self._bridge.ask("subscribe", name=self._name, topics=topics)

    def unsubscribe(self, *topics):
        self._bridge.ask("unsubscribe", name=self._name, topics=topics)

    def close(self):
        self._bridge.ask("close", name=self._name)

    def until(self, event, condition=lambda data: True):
        """Wait for an event of that name which fulfils `condition`; its data."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for name, data in list(self.heard):
                if name == event and condition(data):
                    return data
            time.sleep(0.01)
        raise AssertionError(f"no {event}; heard {self.heard[-5:]}")

    def push(self, table, condition=lambda row: True):
        """The first row of `table` that fulfils `condition`."""
        return self.until("update", lambda d: d.get("table") == table and condition(d["data"][0]))["data"][0]

"""A client in a process of its own: commands go in and answers and events come out, a JSON line each.

In:  {"id": 1, "command": "...", ...}
Out: {"id": 1, "result": ...}, {"id": 1, "error": {...}} or {"stream": "...", "event": "...", "data": ...}
"""

import itertools
import json
import queue
import subprocess
import threading
import time

PATIENCE_S = 30


class BridgeError(Exception):
    """What the client threw: `error` as told by the process."""

    def __init__(self, error):
        super().__init__(json.dumps(error)[:500])
        self.error = error


class LineBridge:
    """Runs `command` until `close`."""

    def __init__(self, command, folder):
        self._process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ids = itertools.count(1)
        self._answers = {}
        self._heard = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._process.kill()
            self._reader.join(PATIENCE_S)
            self._process.stdout.close()

    def ask(self, command, **fields):
        """Run one command; its result.

        Raises:
            BridgeError: the client threw.
        """
        number = next(self._ids)
        answers = self._answers[number] = queue.Queue()
        self._process.stdin.write(json.dumps({"id": number, "command": command} | fields) + "\n")
        self._process.stdin.flush()
        answer = answers.get(timeout=PATIENCE_S)
        if "error" in answer:
            raise BridgeError(answer["error"])
        return answer["result"]

    def heard(self, stream):
        """The list that grows by (event, data) as the stream tells them."""
        return self._heard.setdefault(stream, [])

    def until(self, stream, event, condition=lambda data: True):
        """Wait for an event of that name which fulfils `condition`; its data."""
        deadline = time.monotonic() + PATIENCE_S
        heard = self.heard(stream)
        while time.monotonic() < deadline:
            for name, data in list(heard):
                if name == event and condition(data):
                    return data
            time.sleep(0.01)
        raise AssertionError(f"no {event}; heard {heard[-5:]}")

    def _read(self):
        for line in self._process.stdout:
            message = json.loads(line)
            if "stream" in message:
                self.heard(message["stream"]).append((message["event"], message["data"]))
            else:
                self._answers.pop(message["id"]).put(message)

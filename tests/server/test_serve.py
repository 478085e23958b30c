"""`serve` as a process of its own, and what it refuses to start with."""

import asyncio
import json
import re
import signal
import socket
import sys
import time
import urllib.request
from decimal import Decimal

import pytest

from paper_bitmart.exchange.journal import Journal
from paper_bitmart.exchange.venue import Venue
from paper_bitmart.feed.sources import demo_source
from paper_bitmart.server.keys import FILE_NAME, KeyStore
from paper_bitmart.server.serve import ServeOptions, serve
from paper_bitmart.server.settings import ClockMode, ServerSettings

SCRIPT = """
import sys
from pathlib import Path
from paper_bitmart.server.serve import ServeOptions, serve
from paper_bitmart.server.settings import ServerSettings
sys.exit(serve(ServeOptions(settings=ServerSettings(port=0, state_dir=Path(sys.argv[1])))))
"""
STATELESS_SCRIPT = """
import sys
from pathlib import Path
from paper_bitmart.server.serve import ServeOptions, serve
from paper_bitmart.server.settings import ServerSettings
sys.exit(serve(ServeOptions(keys_file=Path(sys.argv[1]), settings=ServerSettings(port=0))))
"""
SLOW_SCRIPT = """
import sys, time
from pathlib import Path
from paper_bitmart.server import serve
from paper_bitmart.server.settings import ServerSettings
warm_up = serve.warm_up
def slowly(say):
    warm_up(say)
    time.sleep(1)
serve.warm_up = slowly
sys.exit(serve.serve(serve.ServeOptions(settings=ServerSettings(port=0, state_dir=Path(sys.argv[1])))))
"""
RECORDED_SCRIPT = """
import sys
from pathlib import Path
from paper_bitmart.server.serve import ServeOptions, serve
from paper_bitmart.server.settings import ClockMode, ServerSettings
settings = ServerSettings(port=0, state_dir=Path(sys.argv[1]), clock=ClockMode.RECORDED)
sys.exit(serve(ServeOptions(settings=settings)))
"""
READY_S = 240
"""The matching core may have to be compiled first."""


class Process:
    """A running server and what it printed."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    async def until_ready(self):
        async with asyncio.timeout(READY_S):
            while not (self.lines and self.lines[-1].startswith("ready")):
                line = await self.process.stdout.readline()
                assert line, (await self.process.stderr.read()).decode()
                self.lines.append(line.decode().rstrip())

    def said(self, name):
        [found] = [line.split()[1] for line in self.lines if line.startswith(name + " ")]
        return found

    async def stop(self, number):
        self.process.send_signal(number)
        output, errors = await self.process.communicate()
        return self.process.returncode, output.decode(), errors.decode()


async def start(place, script=SCRIPT):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        str(place),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = Process(process)
    await running.until_ready()
    return running


def fetch(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:
        return json.loads(response.read())


async def test_it_prints_what_a_client_needs_serves_and_stops_cleanly_twice(tmp_path):
    """First start with SIGTERM, second with SIGINT: the same key works, and is not shown again."""
    first = await start(tmp_path)
    url, key = first.said("REST"), first.said("key")
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", url)
    assert (await asyncio.to_thread(fetch, f"{url}/system/time"))["code"] == 1000
    wallet = await asyncio.to_thread(fetch, f"{url}/spot/v1/wallet", **{"X-BM-KEY": key})
    assert {row["id"] for row in wallet["data"]["wallet"]} == {"BTC", "ETH", "USDT"}
    # A recording of the past, told as now, and nothing of it from the future (docs/decisions/0004).
    book = await asyncio.to_thread(fetch, f"{url}/spot/quotation/v3/books?symbol=BTC_USDT")
    now = await asyncio.to_thread(fetch, f"{url}/system/time")
    assert int(book["data"]["ts"]) <= now["data"]["server_time"] <= time.time() * 1000
    assert time.time() - int(book["data"]["ts"]) / 1000 < READY_S
    code, output, errors = await first.stop(signal.SIGTERM)
    assert (code, output, errors) == (0, "stopped\n", "")

    stored = KeyStore.open(tmp_path / FILE_NAME)
    assert stored.find(key).secret == first.said("secret")
    assert stored.admin_token == first.said("token")

    second = await start(tmp_path)
    assert not any(line.startswith(("key", "secret", "token")) for line in second.lines)
    again = await asyncio.to_thread(fetch, f"{second.said('REST')}/spot/v1/wallet", **{"X-BM-KEY": key})
    assert again["data"] == wallet["data"]
    code, output, errors = await second.stop(signal.SIGINT)
    assert (code, output, errors) == (0, "stopped\n", "")


async def test_without_a_state_directory_the_key_set_outlives_the_server_and_nothing_else_does(tmp_path):
    file = tmp_path / "home" / "keys.json"
    first = await start(file, STATELESS_SCRIPT)
    key = first.said("key")
    await first.stop(signal.SIGTERM)
    assert file.stat().st_mode & 0o777 == 0o600
    KeyStore.open(file).create("made-by-admin")

    second = await start(file, STATELESS_SCRIPT)
    for access_key in (key, KeyStore.open(file).of_account("made-by-admin")[0].access_key):
        url = f"{second.said('REST')}/spot/v1/wallet"
        wallet = await asyncio.to_thread(fetch, url, **{"X-BM-KEY": access_key})
        assert {row["id"] for row in wallet["data"]["wallet"]} == {"BTC", "ETH", "USDT"}
    await second.stop(signal.SIGTERM)
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["keys.json", "keys.json.lock"]


async def test_the_clock_of_a_recording_is_the_walls_however_long_the_start_took(tmp_path):
    for _ in range(2):
        server = await start(tmp_path, SLOW_SCRIPT)
        url = server.said("REST")
        before_ms = time.time() * 1000
        now_ms = (await asyncio.to_thread(fetch, f"{url}/system/time"))["data"]["server_time"]
        await server.stop(signal.SIGTERM)
        assert before_ms - 100 <= now_ms <= time.time() * 1000


async def test_a_recorded_clock_keeps_the_recordings_times(tmp_path):
    recording = demo_source(rebase=False).playback
    first_ms, last_ms = recording.start_ns // 10**6, recording.end_ns // 10**6
    server = await start(tmp_path, RECORDED_SCRIPT)
    started_s, url = time.monotonic(), server.said("REST")
    book = await asyncio.to_thread(fetch, f"{url}/spot/quotation/v3/books?symbol=BTC_USDT")
    candles = await asyncio.to_thread(fetch, f"{url}/spot/quotation/v3/lite-klines?symbol=BTC_USDT")
    now_ms = (await asyncio.to_thread(fetch, f"{url}/system/time"))["data"]["server_time"]
    await server.stop(signal.SIGTERM)
    assert first_ms <= now_ms <= first_ms + (time.monotonic() - started_s) * 1000 + 5_000
    # The recorder ran behind the venue's clock (docs/decisions/0004).
    assert first_ms <= int(book["data"]["ts"]) <= last_ms + 5_000
    assert candles["data"] == [] or int(candles["data"][0][0]) <= now_ms // 1000


def settings(tmp_path, **changed):
    return ServerSettings(port=0, state_dir=tmp_path, **changed)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"source": "no-such-capture.jsonl"}, "symbols"),
        ({"faults": "no-such-plan.toml"}, "no-such-plan.toml"),
        ({"speed": 0.0}, "speed"),
    ],
)
def test_what_cannot_be_served_is_said_in_one_line(tmp_path, capsys, options, text):
    if "faults" in options:
        options = {"faults": tmp_path / options["faults"]}
    lines = []
    assert serve(ServeOptions(settings=settings(tmp_path), **options), lines.append) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert text in errors
    assert lines == []


def test_a_capture_that_is_none_is_named_with_its_line(tmp_path, capsys):
    capture, symbols = tmp_path / "bad.jsonl", tmp_path / "symbols_details.json"
    capture.write_text("not a capture\nnor this\n")
    symbols.write_text('{"symbols":[]}')
    assert (
        serve(ServeOptions(source=str(capture), settings=settings(tmp_path / "state")), lambda _: None) == 2
    )
    assert "bad.jsonl:1" in capsys.readouterr().err


def test_a_port_in_use_is_named(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = ServeOptions(settings=ServerSettings(port=port, state_dir=tmp_path))
        assert serve(busy, lambda _: None) == 2
    said = f"error: port: must be free on 127.0.0.1 (0 picks a free one), got {port}\n"
    assert capsys.readouterr().err.endswith(said)


def test_a_first_deposit_for_an_account_that_is_there_is_said_to_change_nothing(tmp_path, capsys):
    options = ServeOptions(settings=settings(tmp_path), balances={"USDT": Decimal(5)}, duration_s=0.01)
    assert serve(options, lambda _: None) == 0
    assert "--balance" not in capsys.readouterr().err
    assert serve(options, lambda _: None) == 0
    assert "--balance is a first deposit: account default is there" in capsys.readouterr().err


def test_a_state_directory_in_use_is_left_alone(tmp_path, capsys):
    journal = Journal(tmp_path)
    try:
        assert serve(ServeOptions(settings=settings(tmp_path)), lambda _: None) == 2
        assert "in use" in capsys.readouterr().err
    finally:
        journal.close()


def test_a_recorded_clock_refuses_a_journal_from_its_future(tmp_path, capsys):
    journal = Journal(tmp_path)
    rules = demo_source(rebase=False).rules
    journal.bind_rules(rules)
    Venue(rules, journal=journal).open_account("default", None, 2 * 10**18)
    journal.commit()
    journal.close()
    options = ServeOptions(settings=settings(tmp_path, clock=ClockMode.RECORDED))
    assert serve(options, lambda _: None) == 2
    assert "state_dir" in capsys.readouterr().err


def test_a_port_in_use_is_said_and_everything_is_released(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ServeOptions(settings=ServerSettings(port=port, state_dir=tmp_path))
        assert serve(options, lambda _: None) == 2
        assert str(port) in capsys.readouterr().err
    Journal(tmp_path).close()


def test_an_address_for_all_is_warned_of(tmp_path, capsys):
    lines = []
    open_to_all = settings(tmp_path, host="0.0.0.0", allow_remote=True)
    assert serve(ServeOptions(source="no-such-capture", settings=open_to_all), lines.append) == 2
    assert lines[0].startswith("warning: 0.0.0.0")
    assert "error" in capsys.readouterr().err

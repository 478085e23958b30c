"""The shell at a terminal: keys in, through the real line editor."""

import asyncio
import os
import signal

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from shell_bench import options

from paper_bitmart.connector.paper_exchange import open_exchange
from paper_bitmart.connector.shell import Shell
from paper_bitmart.connector.shell_run import interact, until_interrupted

CTRL_C, CTRL_D = "\x03", "\x04"


async def typed(paper, keys):
    """What was said when these keys were typed."""
    said = []
    exchange = open_exchange(paper)
    with create_pipe_input() as terminal, create_app_session(input=terminal, output=DummyOutput()):
        try:
            await exchange.start()
            terminal.send_text(keys)
            await interact(Shell(exchange, said.append, said.append), exchange)
        finally:
            await exchange.session.close()
    return said


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (f"orders\n{CTRL_D}", ["no open orders"]),
        ("orders\nexit\ntrades\n", ["no open orders"]),
        (f"ord{CTRL_C}trades\nexit\n", ["no trades yet"]),
    ],
    ids=["Ctrl-D leaves", "exit leaves", "Ctrl-C drops the line"],
)
async def test_keys(tmp_path, keys, said):
    assert await typed(options(tmp_path), keys) == said


async def test_the_history_is_kept_in_the_state_directory(tmp_path):
    paper = options(tmp_path, state=tmp_path / "state")
    await typed(paper, "trades\nexit\n")
    assert "+trades" in (tmp_path / "state" / "shell_history").read_text()


async def test_ctrl_c_ends_a_long_command_and_not_the_shell():
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGINT)
    assert await until_interrupted(asyncio.sleep(3600)) is False


async def test_a_defect_in_a_command_is_not_swallowed():
    async def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await until_interrupted(broken())

"""Runs a shell: at a terminal with completion and a live toolbar, or over lines from a pipe.

A piped session prints each line behind a prompt and what came of it as plain text. Its exit code is 0, or 2
when a line could not be understood (the other lines are done all the same); a refusal by the exchange is an
answer, not a mistake.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TextIO

from paper_bitmart.bitmart.topics import trading_pair_of
from paper_bitmart.connector import shell_words as words
from paper_bitmart.connector.paper_exchange import PaperExchange, PaperOptions, open_exchange
from paper_bitmart.connector.shell import Shell
from paper_bitmart.exchange.events import Event
from paper_bitmart.feed.events import FeedState

EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
PROMPT = ">>> "
TOOLBAR_REFRESH_S = 0.25
TOOLBAR_ORDERS_MAX = 4
HISTORY_NAME = "shell_history"


def run_shell(
    options: PaperOptions, connector: str, *, stdin: TextIO | None = None, stdout: TextIO | None = None
) -> int:
    """Connect and work through the user's lines until `exit` or the end of input.

    Returns:
        0; 1 if the exchange stopped by itself; 2 if a piped line could not be understood.

    Raises:
        RulesError, CaptureError, SourceError, JournalError, UnknownPair, OSError: see `open_exchange`.
    """
    # Before there is a loop, whose Ctrl-C would wait until a silent venue's answer is given up.
    exchange = open_exchange(options)
    return asyncio.run(_run(exchange, connector, stdin or sys.stdin, stdout or sys.stdout))


async def _run(exchange: PaperExchange, connector: str, stdin: TextIO, stdout: TextIO) -> int:
    def leave() -> None:
        shell.is_done = True

    say = _printer(stdout, leave)
    shell = Shell(exchange, say, _printer(sys.stderr))
    missed: list[Event] = []
    stop_noting = exchange.session.subscribe(missed.extend)
    is_known = any(account.name == exchange.account for account in exchange.venue.accounts())
    try:
        await exchange.start()
        stop_noting()
        say(f"You are now connected to {connector}")
        say(_welcome(exchange))
        if is_known and exchange.options.balances is not None:
            say("--balance is a first deposit: this account is there already and keeps what it has")
        shell.catch_up(missed)
        stop_listening = shell.listen()
        if stdin.isatty() and stdout.isatty():
            await interact(shell, exchange)
        else:
            await _piped(shell, stdin, say)
        # What closing does to the feeds is nobody's news.
        stop_listening()
    finally:
        await exchange.session.close()
    if exchange.session.failure is not None:
        sys.stderr.write(f"error: the exchange stopped: {exchange.session.failure}\n")
        return EXIT_FAILED
    return EXIT_USAGE if shell.bad_lines and not stdin.isatty() else EXIT_OK


def announce(text: str) -> None:
    """Say a line that no command asked for; at a terminal it appears above the prompt."""
    _printer(sys.stdout)(text)


def _welcome(exchange: PaperExchange) -> str:
    pairs = " and ".join(map(trading_pair_of, exchange.rules))
    return f"{pairs} from {exchange.session.source.name}; paper money only. Type help for the commands."


def _printer(stream: TextIO, leave: Callable[[], None] = lambda: None) -> Callable[[str], None]:
    """Prints a text at once; `leave` is called when nobody reads any more (`| head`)."""

    def say(text: str) -> None:
        # Looked up each time at the terminal: patch_stdout replaces sys.stdout while a prompt is shown.
        target = sys.stdout if stream is sys.__stdout__ else stream
        try:
            target.write(text + "\n")
            target.flush()
        except BrokenPipeError:
            # What is still told, and what Python flushes at its exit, goes nowhere.
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), target.fileno())
            leave()

    return say


# --- a pipe ---


async def _piped(shell: Shell, stdin: TextIO, say: Callable[[str], None]) -> None:
    async for text in _lines(stdin):
        if text.strip():
            say(f"{PROMPT}{text.strip()}")
        if shell.is_done:
            return
        await shell.execute(text)
        if shell.is_done or shell.exchange.session.failure is not None:
            return


async def _lines(stdin: TextIO) -> AsyncIterator[str]:
    """Lines as they come, without holding the event loop."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str] = asyncio.Queue()
    wanted = threading.Semaphore(0)

    def read() -> None:
        while wanted.acquire():
            loop.call_soon_threadsafe(queue.put_nowait, stdin.readline())

    # A daemon, because nothing else ends a thread that waits for a line.
    threading.Thread(target=read, daemon=True, name="stdin").start()
    wanted.release()
    while text := await queue.get():
        yield text
        wanted.release()


# --- a terminal ---


async def interact(shell: Shell, exchange: PaperExchange) -> None:
    """Prompt, complete and execute lines until exit or Ctrl-D; Ctrl-C drops the line or ends a wait."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.patch_stdout import patch_stdout

    from paper_bitmart.connector.shell_completion import LineCompleter, next_words

    state = exchange.options.state
    history: History = InMemoryHistory() if state is None else FileHistory(str(state / HISTORY_NAME))
    session: PromptSession[str] = PromptSession(
        history=history,
        completer=LineCompleter(lambda: next_words(exchange)),
        complete_while_typing=False,
        bottom_toolbar=lambda: toolbar(exchange),
        refresh_interval=TOOLBAR_REFRESH_S,
    )
    with patch_stdout():
        while not shell.is_done and exchange.session.failure is None:
            try:
                text = await session.prompt_async(PROMPT)
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if not await until_interrupted(shell.execute(text)):
                sys.stdout.write("interrupted\n")


async def until_interrupted(command: Coroutine[Any, Any, None]) -> bool:
    """Ctrl-C ends what is going on (a long wait), not the shell; returns whether it came to its end."""
    task = asyncio.ensure_future(command)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        await asyncio.wait({task})
    finally:
        loop.remove_signal_handler(signal.SIGINT)
    if task.cancelled():
        return False
    task.result()
    return True


def toolbar(exchange: PaperExchange) -> str:
    """Best prices of every symbol, and the account's open orders with their queues."""
    parts = []
    for symbol, rules in exchange.rules.items():
        view = exchange.session.views[symbol]
        bid, ask = view.best_bid(), view.best_ask()
        prices = "/".join("-" if level is None else rules.format_price(level[0]) for level in (bid, ask))
        state = "" if view.state is FeedState.LIVE else f" ({view.state.name.lower()})"
        parts.append(f"{trading_pair_of(symbol)} {prices}{state}")
    orders = exchange.venue.open_orders(exchange.account)
    parts.append(f"{len(orders)} open")
    for order in orders[:TOOLBAR_ORDERS_MAX]:
        rules = exchange.rules[order.symbol]
        ahead = words.queue(rules, exchange.venue.queue_ahead(order.order_id))
        number, price = words.number_of(order.order_id), rules.format_price(order.price_ticks)
        parts.append(f"{number} {order.side} {price} ahead {ahead}")
    return " | ".join(parts)

"""A strategy named on a command line: `FILE.py:NAME`, with arguments `name=value`.

StrategyFileError    the text, the file or the name, and why it cannot be used
"""

import ast
import importlib.util
import inspect
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from paper_bitmart.backtest.strategy import Strategy


class StrategyFileError(ValueError):
    """A strategy cannot be loaded; the text names the place."""


def load_strategy(spec: str, arguments: Mapping[str, Any] | None = None) -> Strategy:
    """Run FILE.py and make the strategy NAME: a class, or a function that returns one.

    Raises:
        StrategyFileError: not FILE.py:NAME, no such file or name, something else than a strategy, or
            `arguments` that it does not take. Else whatever the file raises.
    """
    made = load_strategy_or_program(spec, arguments)
    if not isinstance(made, Strategy):
        raise StrategyFileError(f"{spec}: is no Strategy but an async function")
    return made


def load_strategy_or_program(
    spec: str, arguments: Mapping[str, Any] | None = None
) -> Strategy | Callable[[Any], Awaitable[None]]:
    """As `load_strategy`; NAME may also be an async function of the asyncio connector.

    Returns:
        A strategy, or the function, which takes the exchange and has `arguments` already.

    Raises:
        As `load_strategy`.
    """
    file, colon, name = spec.rpartition(":")
    path = Path(file)
    if not colon or path.suffix != ".py" or not name.isidentifier():
        raise StrategyFileError(f"{spec}: must read FILE.py:NAME")
    if not path.is_file():
        raise StrategyFileError(f"{file}: there is no such file")
    module = _module(path)
    make = getattr(module, name, None)
    if not callable(make):
        raise StrategyFileError(f"{file}: defines no {name}{_there(module)}")
    try:
        if inspect.iscoroutinefunction(make):
            inspect.signature(make).bind(None, **(arguments or {}))
            return partial(make, **(arguments or {}))
        made = make(**(arguments or {}))
    except TypeError as error:
        what = (
            ""
            if isinstance(make, type) or inspect.iscoroutinefunction(make)
            else "is not async, and makes no strategy: "
        )
        raise StrategyFileError(f"{spec}: {what}{error}") from error
    if not isinstance(made, Strategy):
        raise StrategyFileError(f"{spec}: is no Strategy but {type(made).__name__}")
    return made


def parse_arguments(texts: Sequence[str]) -> dict[str, Any]:
    """`lots=100` ... by name; values are Python literals, or else text.

    Raises:
        StrategyFileError: not NAME=VALUE, or a name twice.
    """
    arguments: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise StrategyFileError(f"--set: {text!r} must read NAME=VALUE")
        if name in arguments:
            raise StrategyFileError(f"--set: {name} is given twice")
        try:
            arguments[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[name] = value
    return arguments


def _there(module: Any) -> str:
    """What could have been meant: the strategies and async functions of a file."""
    names = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", "") == module.__name__
        and (inspect.iscoroutinefunction(value) or (isinstance(value, type) and issubclass(value, Strategy)))
    ]
    return f"; it has {', '.join(names)}" if names else ""


def _module(path: Path) -> Any:
    """The file as a module; known to pickle, so that a checkpoint finds its classes again."""
    name = f"strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

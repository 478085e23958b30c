"""Queue models by name, with their parameters; formulas in core/queue.py, scores in docs/realism.md.

| name | cancels leave | source |
| --- | --- | --- |
| conservative | from behind as long as anybody is there | hftbacktest RiskAdverseQueueModel |
| proportional | evenly | the classic assumption |
| power | by A^n : B^n | hftbacktest PowerProbQueueFunc |
| log | by ln(1 + A) : ln(1 + B) | hftbacktest LogProbQueueFunc |
| backweighted | mostly from the back, by the logarithm of the position | young orders are cancelled most |
| order_list | as a guessed order of that size; 16 times as likely from behind | ours |
| places | as whole orders: by size and age, over all places the order may have | ours, the default |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from numba import cfunc

from paper_bitmart.matching.core import queue
from paper_bitmart.matching.core.custom import SHARE_TYPE
from paper_bitmart.matching.core.state import PLACES_MAX

ShareAhead = Callable[[float, float, float], float]
"""(ahead, behind, cancelled) in lots -> share of the cancel that stood ahead."""


class ParameterError(ValueError):
    """A parameter of a queue model does not exist or is out of its range."""


class Parameter(NamedTuple):
    """A parameter of a queue model: 0 < value <= `most`. Its default stands in the model.

    `is_lots`: it is a size, so that sensible values depend on the market's orders. `choices`: the values that
    differ in what they do, of a parameter that is no measure; () of all others.
    """

    name: str
    most: float
    is_lots: bool = False
    choices: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueModel:
    """A way to split unexplained drops of a level. `number` is the core's code for it.

    `function`: the formula of a `custom_model`, None of all others.
    """

    name: str
    number: int
    params: tuple[float, ...] = (0.0, 0.0)
    function: ShareAhead | None = None

    @property
    def address(self) -> int:
        """Where the compiled `function` is in this process; 0 without one."""
        return 0 if self.function is None else int(_compiled_share(self.function).address)

    @property
    def parameters(self) -> dict[str, float]:
        """Its parameters by name."""
        return {one.name: self.params[at] for at, one in enumerate(PARAMETERS.get(self.name, ()))}

    def with_parameters(self, values: Mapping[str, float]) -> QueueModel:
        """The same model with some parameters changed.

        Raises:
            ParameterError: no such parameter, or out of its range.
        """
        params, known = list(self.params), PARAMETERS.get(self.name, ())
        for name, value in values.items():
            places = [at for at, one in enumerate(known) if one.name == name]
            if not places:
                has = ", ".join(one.name for one in known) or "no parameters"
                raise ParameterError(f"{self.name} has {has}, not {name!r}")
            if not 0 < value <= known[places[0]].most:
                raise ParameterError(f"{name} must be above 0 and at most {known[places[0]].most:g}")
            params[places[0]] = float(value)
        return replace(self, params=tuple(params))

    @property
    def setting(self) -> str:
        """What `--queue-model` takes for it: its name, and the parameters that are not the defaults."""
        usual = MODELS[self.name].parameters if self.name in MODELS else {}
        changed = [f"{k}={v!r}".removesuffix(".0") for k, v in self.parameters.items() if usual.get(k) != v]
        return f"{self.name}:{','.join(changed)}" if changed else self.name


def custom_model(name: str, function: ShareAhead) -> QueueModel:
    """A queue model of your own, for every `queue_model=` of the Python API.

    Args:
        name: for reports; not one of MODELS.
        function: njit or plain, (ahead, behind, cancelled) -> share of the cancel that is taken from ahead.
            All are lots > 0; the share is cut to 0..1 and to what stands ahead and behind. It must not
            raise, and depend on nothing but its arguments and constants.

    Raises:
        ParameterError: the name is taken.
        numba.core.errors.NumbaError: the function cannot be compiled.

    To be sent to other processes (sweeps) the function must stand in a module. A recorded session cannot
    hold it.

    Example:
        >>> @njit
        ... def square_root(ahead, behind, cancelled):
        ...     return ahead**0.5 / (ahead**0.5 + behind**0.5)
        >>> Backtest(data, strategy, queue_model=custom_model("square_root", square_root))
    """
    if name in MODELS:
        raise ParameterError(f"{name} is a model already")
    _compiled_share(function)
    return QueueModel(name, queue.CUSTOM, function=function)


@cache
def _compiled_share(function: ShareAhead) -> Any:
    """The function as C code, kept for as long as anybody may call it."""
    return cfunc(SHARE_TYPE)(getattr(function, "py_func", function))


PARAMETERS: dict[str, tuple[Parameter, ...]] = {
    "power": (Parameter("n", 20.0),),
    "backweighted": (Parameter("unit", 1e12, is_lots=True),),
    "order_list": (Parameter("weight", 1e9), Parameter("share", 1.0)),
    "places": (
        Parameter("young_s", 1e9),
        Parameter("settled_s", 1e9),
        Parameter("mixed", 1e9),
        Parameter("places", PLACES_MAX, choices=(1.0, 2.0, 4.0, 8.0, float(PLACES_MAX))),
        Parameter("emptied", 1.0, choices=(0.25, 1.0)),
        Parameter("steady", 1e9),
    ),
}
"""By model, in the order of `params`; core/queue.py says what they mean."""

CONSERVATIVE = QueueModel("conservative", queue.CONSERVATIVE)
PROPORTIONAL = QueueModel("proportional", queue.PROPORTIONAL)
POWER = QueueModel("power", queue.POWER, (3.0, 0.0))
LOG = QueueModel("log", queue.LOG)
BACKWEIGHTED = QueueModel("backweighted", queue.BACKWEIGHTED, (1.0, 0.0))
ORDER_LIST = QueueModel("order_list", queue.ORDER_LIST, (16.0, 0.02))
PLACES = QueueModel("places", queue.PLACES_MODEL, (0.2, 5.0, 0.5, float(PLACES_MAX), 1.0, 0.02))

MODELS = {m.name: m for m in (CONSERVATIVE, PROPORTIONAL, POWER, LOG, BACKWEIGHTED, ORDER_LIST, PLACES)}
DEFAULT_MODEL = PLACES


def model_named(text: str) -> QueueModel:
    """The queue model of a setting: `NAME` or `NAME:PARAMETER=NUMBER,...`; see `QueueModel.setting`.

    Raises:
        ParameterError: no such model or parameter, or a number out of range.
    """
    name, _, rest = text.partition(":")
    if name not in MODELS:
        raise ParameterError(f"must be one of {', '.join(MODELS)}, not {name!r}")
    values = {}
    for part in rest.split(",") if rest else ():
        key, _, value = part.partition("=")
        try:
            values[key] = float(value)
        except ValueError:
            raise ParameterError(f"{part!r} is not PARAMETER=NUMBER") from None
    return MODELS[name].with_parameters(values)

"""Queue models by name: formula, source and parameters of each."""

from __future__ import annotations

from dataclasses import dataclass

from paper_bitmart.matching.core import queue


@dataclass(frozen=True, slots=True)
class QueueModel:
    """A way to split unexplained drops of a level; `number` is the core's name for it."""

    name: str
    number: int
    params: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)


CONSERVATIVE = QueueModel("conservative", queue.CONSERVATIVE)
PROPORTIONAL = QueueModel("proportional", queue.PROPORTIONAL)
POWER = QueueModel("power", queue.POWER, (3.0, 0.0, 0.0, 0.0))
LOG = QueueModel("log", queue.LOG)
BACKWEIGHTED = QueueModel("backweighted", queue.BACKWEIGHTED, (1.0, 0.0, 0.0, 0.0))
ORDER_LIST = QueueModel("order_list", queue.ORDER_LIST, (8.0, 50.0, 0.0, 0.0))

MODELS = {m.name: m for m in (CONSERVATIVE, PROPORTIONAL, POWER, LOG, BACKWEIGHTED, ORDER_LIST)}
DEFAULT_MODEL = ORDER_LIST

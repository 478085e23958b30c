"""Queue models by name, with their parameters; formulas in core/queue.py, scores in docs/realism.md.

| name | cancels leave | source |
| --- | --- | --- |
| conservative | from behind as long as anybody is there | hftbacktest RiskAdverseQueueModel |
| proportional | evenly | the classic assumption |
| power | by A^n : B^n | hftbacktest PowerProbQueueFunc |
| log | by ln(1 + A) : ln(1 + B) | hftbacktest LogProbQueueFunc |
| backweighted | mostly from the back, by the logarithm of the position | young orders are cancelled most |
| order_list | as a guessed order of that size; 16 times as likely from behind | ours, the default |
"""

from __future__ import annotations

from dataclasses import dataclass

from paper_bitmart.matching.core import queue


@dataclass(frozen=True, slots=True)
class QueueModel:
    """A way to split unexplained drops of a level. `number` is the core's code for it."""

    name: str
    number: int
    params: tuple[float, float] = (0.0, 0.0)


CONSERVATIVE = QueueModel("conservative", queue.CONSERVATIVE)
PROPORTIONAL = QueueModel("proportional", queue.PROPORTIONAL)
POWER = QueueModel("power", queue.POWER, (3.0, 0.0))
LOG = QueueModel("log", queue.LOG)
BACKWEIGHTED = QueueModel("backweighted", queue.BACKWEIGHTED, (1.0, 0.0))
ORDER_LIST = QueueModel("order_list", queue.ORDER_LIST, (16.0, 0.02))

MODELS = {m.name: m for m in (CONSERVATIVE, PROPORTIONAL, POWER, LOG, BACKWEIGHTED, ORDER_LIST)}
DEFAULT_MODEL = ORDER_LIST

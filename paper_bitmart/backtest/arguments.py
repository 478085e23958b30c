"""Arguments of the Python API, checked before anything runs.

ArgumentError    an argument, the rule that it breaks
"""

import inspect
from collections.abc import Mapping
from decimal import Decimal

from paper_bitmart.backtest.strategy import Strategy
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.latency_choice import LatencyChoice
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import ParameterError, QueueModel, model_named

Amount = Decimal | int | str


class ArgumentError(ValueError):
    """An argument breaks its rule. Carries `field` and `why`."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


def strategies_by_account(
    strategy: Strategy | Mapping[str, Strategy], default_account: str
) -> dict[str, Strategy]:
    """One strategy or several as a dict by account. Raises ArgumentError for anything else."""
    several = dict(strategy) if isinstance(strategy, Mapping) else {default_account: strategy}
    if not several:
        raise ArgumentError("strategy", "at least one is needed")
    for one in several.values():
        if isinstance(one, type) and issubclass(one, Strategy):
            raise ArgumentError("strategy", f"must be an object, not the class: write {one.__name__}()")
        if inspect.iscoroutinefunction(one):
            raise ArgumentError("strategy", "an async program of the connector runs in ConnectorBacktest")
        if not isinstance(one, Strategy):
            raise ArgumentError("strategy", f"must be a Strategy, not {_shown(one)}")
    return several


def exact_amount(field: str, amount: object) -> Decimal:
    """An amount of money as a Decimal. Raises ArgumentError for a float, no number, or one below 0."""
    if isinstance(amount, float):
        raise ArgumentError(field, f"must be a Decimal, int or text, not the float {amount}")
    try:
        exact = Decimal(amount)  # type: ignore[arg-type]
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ArgumentError(field, f"must be a number, not {amount!r}") from error
    if not exact.is_finite() or exact < 0:
        raise ArgumentError(field, f"must be 0 or more, not {amount}")
    return exact


def exact_amounts(
    balances: Mapping[str, Amount] | None, field: str = "balances"
) -> dict[str, Decimal] | None:
    """A first deposit by asset. Raises ArgumentError naming the asset."""
    if balances is None:
        return None
    if not isinstance(balances, Mapping):
        raise ArgumentError(field, f"must be a dict such as {{'USDT': 1000}}, not {_shown(balances)}")
    return {asset: exact_amount(f"{field}[{asset!r}]", amount) for asset, amount in balances.items()}


def check_fees(fees: object) -> FeeRates:
    """Raises ArgumentError for what are no fee rates; a float would be a share, rates are in ppm."""
    if isinstance(fees, FeeRates):
        return fees
    raise ArgumentError("fees", f"must be FeeRates(maker_ppm=..., taker_ppm=...), not {_shown(fees)}")


def check_latency(latency: object) -> LatencyProfile | LatencyChoice | None:
    """Raises ArgumentError for what is no latency; a number alone does not say of what."""
    if latency is None or isinstance(latency, LatencyProfile | LatencyChoice):
        return latency
    raise ArgumentError(
        "latency", f"must be a LatencyProfile, e.g. .constant(entry_ns=10_000_000), not {_shown(latency)}"
    )


def check_queue_model(model: object) -> QueueModel:
    """A queue model, also by its setting such as "power:n=2". Raises ArgumentError."""
    if isinstance(model, QueueModel):
        return model
    if not isinstance(model, str):
        raise ArgumentError("queue_model", f"must be a QueueModel or its name, not {_shown(model)}")
    try:
        return model_named(model)
    except ParameterError as error:
        raise ArgumentError("queue_model", str(error)) from error


def _shown(value: object) -> str:
    return f"the {type(value).__name__} {value!r}"

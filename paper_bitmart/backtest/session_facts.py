"""What a recorded session was run with: rules, settings, queue model, latency; and the errors of its folder.

SessionError    a folder cannot be written or read as a session, and why
"""

import dataclasses
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import msgspec

from paper_bitmart import __version__
from paper_bitmart.bitmart.rules import RulesError, SymbolRules
from paper_bitmart.exchange.fees import FeeRates
from paper_bitmart.exchange.markets import CoreMatchers
from paper_bitmart.exchange.settings import VenueSettings
from paper_bitmart.matching.latency import LatencyProfile
from paper_bitmart.matching.models import QueueModel

FORMAT = "paper_bitmart session 2"
"""Another number whenever the core's state has another form: a session holds states of it."""
RULE_FIELDS = tuple(field.name for field in dataclasses.fields(SymbolRules) if field.init)
DECIMAL_FIELDS = frozenset({"tick", "lot", "min_size", "max_size", "min_buy_notional", "min_sell_notional"})
SETTING_NAMES = tuple(field.name for field in dataclasses.fields(VenueSettings) if field.name != "fees")


class SessionError(ValueError):
    """A session's folder cannot be used. Carries `path` and `why`."""

    def __init__(self, path: Path | str, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = Path(path), why


class MatcherFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a `QueueModel` and of the `CoreMatchers` that used it."""

    queue_model: str
    number: int
    params: tuple[float, ...]
    window_ticks: int
    published_levels: int


class SessionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The file `session.json`.

    `version`: of the program that recorded. `fees`: (maker_ppm, taker_ppm) of accounts without own rates.
    `limits`: the other fields of `VenueSettings`. `latency`: the client's models with parameters and seeds,
    for people: arrivals are recorded, so a replay does not draw them again. `rules`: fields of `SymbolRules`.
    """

    format: str
    version: str
    source: str
    fees: tuple[int, int]
    limits: dict[str, int]
    matchers: MatcherFacts
    latency: dict[str, str]
    rules: list[dict[str, str | int | None]]

    def venue_settings(self) -> VenueSettings:
        return VenueSettings(fees=FeeRates(*self.fees), **self.limits)

    def core_matchers(self) -> CoreMatchers:
        facts = self.matchers
        model = QueueModel(facts.queue_model, facts.number, facts.params)
        return CoreMatchers(model, facts.window_ticks, facts.published_levels)


def facts_of(
    source: str,
    rules: Mapping[str, SymbolRules],
    settings: VenueSettings,
    matchers: CoreMatchers,
    latency: LatencyProfile | None,
) -> SessionFacts:
    """What a session about to run is run with.

    Raises:
        ValueError: a queue model of the user's own, which no file can hold.
    """
    model = matchers.queue_model
    if model.function is not None:
        raise ValueError(f"a session under the queue model {model.name} cannot be recorded: it is code")
    profile = latency or LatencyProfile()
    return SessionFacts(
        format=FORMAT,
        version=__version__,
        source=source,
        fees=(settings.fees.maker_ppm, settings.fees.taker_ppm),
        limits={name: getattr(settings, name) for name in SETTING_NAMES},
        matchers=MatcherFacts(
            queue_model=model.name,
            number=model.number,
            params=model.params,
            window_ticks=matchers.window_ticks,
            published_levels=matchers.published_levels,
        ),
        latency={
            role: repr(getattr(profile, role)) for role in ("entry", "cancel", "response", "market_data")
        },
        rules=[_row(one) for one in rules.values()],
    )


def write_facts(path: Path, facts: SessionFacts) -> None:
    """Raises OSError: as `open`."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=1) + b"\n")


def read_facts(path: Path) -> SessionFacts:
    """Raises SessionError: not the facts of a session that this program can read."""
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=SessionFacts)
    except (FileNotFoundError, NotADirectoryError):
        raise SessionError(path.parent, f"is no recorded session: it has no {path.name}") from None
    except msgspec.DecodeError as error:
        raise SessionError(path, str(error)) from error
    if facts.format != FORMAT:
        raise SessionError(path, f"format must be {FORMAT!r}, not {facts.format!r} (of another version)")
    return facts


def rules_of(path: Path, facts: SessionFacts) -> dict[str, SymbolRules]:
    """The rules by symbol, in their order. Raises SessionError: a row is no rules."""
    rules = {}
    for row in facts.rules:
        fields = {
            name: Decimal(str(value)) if name in DECIMAL_FIELDS and value is not None else value
            for name, value in row.items()
        }
        try:
            one = SymbolRules(**fields)  # type: ignore[arg-type]
        except (RulesError, TypeError, ArithmeticError) as error:
            raise SessionError(path, f"rules: {error}") from error
        rules[one.symbol] = one
    return rules


def _row(rules: SymbolRules) -> dict[str, str | int | None]:
    values = {name: getattr(rules, name) for name in RULE_FIELDS}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}

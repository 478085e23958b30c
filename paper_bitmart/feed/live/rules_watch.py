"""What a changed symbols table means for a market that is open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paper_bitmart.bitmart.rules import SymbolRules


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Attributes:
    at_ns: when it was noticed. what: for people.
    rules: the venue's new ones; None when it has none any more.
    """

    at_ns: int
    symbol: str
    what: str
    rules: SymbolRules | None


def halting_changes(
    followed: Iterable[str], old: Mapping[str, SymbolRules], new: Mapping[str, SymbolRules]
) -> dict[str, str]:
    """Symbols that can no longer be followed -> why.

    A symbol that is gone is delisted. A new tick or lot cannot be followed either: resting orders, books and
    journal count in the old ones.
    """
    halting: dict[str, str] = {}
    for symbol in followed:
        before, after = old[symbol], new.get(symbol)
        if after is None:
            halting[symbol] = "was delisted by the venue"
        elif after.tick != before.tick:
            halting[symbol] = f"its tick changed from {before.tick} to {after.tick}; start anew to follow it"
        elif after.lot != before.lot:
            halting[symbol] = f"its lot changed from {before.lot} to {after.lot}; start anew to follow it"
    return halting


def softer_changes(
    followed: Iterable[str], old: Mapping[str, SymbolRules], new: Mapping[str, SymbolRules]
) -> dict[str, str]:
    """Symbols whose minimums or status changed -> what; they take effect at the next start."""
    changes: dict[str, str] = {}
    for symbol in followed:
        after = new.get(symbol)
        if after is None or (after.tick, after.lot) != (old[symbol].tick, old[symbol].lot):
            continue
        before_row, after_row = old[symbol].to_wire(), after.to_wire()
        changed = [name for name in after_row if after_row[name] != before_row.get(name)]
        if changed:
            changes[symbol] = f"the venue changed {', '.join(changed)}; takes effect at the next start"
    return changes

"""Some symbols of a market: the others are neither listed nor passed on."""

import pytest

from paper_bitmart.feed.pairs_only import PairsOnly, UnknownPair


class Both:
    name, start_ns, rules = "both", 0, {"A_B": object(), "C_D": object()}

    async def run(self, emit):
        emit("A_B", 1)
        emit("C_D", 2)


class Recorded(Both):
    skipped_to = None

    def skip_to(self, at_ns):
        self.skipped_to = at_ns


async def test_batches_of_other_symbols_are_not_passed_on():
    seen = []
    source = PairsOnly(Both(), ["C_D"])
    await source.run(lambda symbol, events: seen.append((symbol, events)))
    assert seen == [("C_D", 2)]
    assert list(source.rules) == ["C_D"]


def test_a_symbol_that_the_market_lacks_is_named_with_those_it_has():
    with pytest.raises(UnknownPair, match=r"^X-Y is not in this market, which has A-B, C-D$"):
        PairsOnly(Both(), ["A_B", "X_Y"])


def test_a_recording_can_still_be_skipped_and_a_live_market_not():
    recorded = Recorded()
    PairsOnly(recorded, ["A_B"]).skip_to(7)
    assert recorded.skipped_to == 7
    with pytest.raises(ValueError, match="both cannot be skipped"):
        PairsOnly(Both(), ["A_B"]).skip_to(7)

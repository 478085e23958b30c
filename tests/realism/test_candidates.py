import pytest

from paper_bitmart.matching.models import DEFAULT_MODEL, LOG, MODELS, ORDER_LIST, PLACES, POWER
from paper_bitmart.realism.candidates import candidates, family, variants


def test_the_default_comes_first_and_nothing_twice():
    found = candidates(usual_lots=500.0)
    assert found[0] == DEFAULT_MODEL
    assert len(found) == len(set(found))
    assert set(MODELS.values()) <= set(found)


def test_every_parameter_of_every_model_is_moved():
    found = candidates(usual_lots=500.0)
    for model in MODELS.values():
        for name, value in model.parameters.items():
            values = [found[place].parameters[name] for place in family(model, name, found)]
            assert values == sorted(values)
            assert value in values
            assert values[0] < values[-1]


def test_no_variant_leaves_its_range():
    assert max(one.parameters["n"] for one in variants(POWER, "n", 1.0)) <= 20
    assert [one.parameters["share"] for one in variants(ORDER_LIST, "share", 1.0)][-1] <= 1


def test_a_number_of_places_is_whole_and_a_switch_is_off():
    assert [one.parameters["places"] for one in variants(PLACES, "places", 1.0)] == [1, 2, 4, 8]
    assert [one.parameters["emptied"] for one in variants(PLACES, "emptied", 1.0)] == [0.25]


def test_a_size_is_tried_around_an_orders_usual_size():
    values = [one.parameters["unit"] for one in variants(MODELS["backweighted"], "unit", 20_000.0)]
    assert values[0] == pytest.approx(1 / 16, rel=0.01)
    assert {20_000.0, 320_000.0} <= set(values)


def test_one_model_alone_is_tried_beside_the_default():
    assert candidates(1.0, (LOG,)) == [DEFAULT_MODEL, LOG]

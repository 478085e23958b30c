"""Queue models to choose from: every named one, and each with one parameter moved away from its default."""

from collections.abc import Sequence

from paper_bitmart.matching.models import DEFAULT_MODEL, MODELS, PARAMETERS, ParameterError, QueueModel

FACTORS = (1 / 16, 1 / 4, 1 / 2, 2.0, 4.0, 16.0)
"""What a default is multiplied by; for a size also one order's usual size, and that times these."""


def candidates(usual_lots: float, models: Sequence[QueueModel] = tuple(MODELS.values())) -> list[QueueModel]:
    """The default first, then the named models, then what `variants` makes of each; none twice.

    Args:
        usual_lots: an order's usual size in the market, for parameters that are sizes.
    """
    found = [DEFAULT_MODEL, *models]
    for model in models:
        for parameter in model.parameters:
            found += variants(model, parameter, usual_lots)
    return list(dict.fromkeys(found))


def variants(model: QueueModel, parameter: str, usual_lots: float) -> list[QueueModel]:
    """The model with one parameter moved, as far as its range allows; the parameter rises."""
    default = model.parameters[parameter]
    (known,) = (one for one in PARAMETERS[model.name] if one.name == parameter)
    values = set(known.choices) - {default} or {default * factor for factor in FACTORS}
    if known.is_lots:
        values |= {usual_lots * factor for factor in (1.0, *FACTORS)}
    found = []
    for value in sorted(values):
        try:
            found.append(model.with_parameters({parameter: float(f"{value:.3g}")}))
        except ParameterError:
            continue  # beyond its range: there is no such variant
    return found


def family(model: QueueModel, parameter: str, among: Sequence[QueueModel]) -> list[int]:
    """Places of the candidates that differ from `model` in this parameter at most; the parameter rises."""
    others = {name: value for name, value in model.parameters.items() if name != parameter}
    places = [
        place
        for place, one in enumerate(among)
        if one.name == model.name and all(one.parameters[name] == value for name, value in others.items())
    ]
    return sorted(places, key=lambda place: among[place].parameters[parameter])

"""Transforms of a resistance surface, whose weighted sum of 1 to 5 hardly deters a path by itself."""

import math

from ..errors import InputError
from .factors import MINE

# the order is that of the choice TRANSFORM
NO_TRANSFORM, POWER, ONE_TO_100 = range(3)
TRANSFORMS = ("none", "power", "1 to 100")

_LOWEST, _HIGHEST = 1.0, 5.0
DECIMALS = 30  # of a float32's 38: costs along corridors are sums


def transformed(values, choices):
    """The values of a surface by `surface.Choices`; a copy."""
    if choices.transform == POWER:
        return values**choices.exponent
    if choices.transform == ONE_TO_100:
        return 1 + 99 * (values - _LOWEST) / (_HIGHEST - _LOWEST)
    return values.copy()


def check_exponent(exponent, rules, rings, weights):
    """Refuse an exponent by which float32 would turn resistance into infinity, or into 0, a barrier."""
    if not (exponent is not None and exponent > 0):
        raise InputError(
            f"The exponent of the transform 'power' (TRANSFORM_POWER) is "
            f"{'not given' if exponent is None else f'{exponent:g}'}: choose one above 0, such as 2."
        )
    values = [value for factor in weights for value in scores_of(factor, rules, rings)]
    widest = max(values, key=lambda value: abs(math.log10(value)))
    decimals = abs(math.log10(widest))
    if exponent * decimals > DECIMALS:
        raise InputError(
            f"The exponent of the transform 'power' (TRANSFORM_POWER) is {exponent:g}, and {widest:g} to "
            f"that power is a number that maps cannot hold: choose one up to "
            f"{math.floor(10 * DECIMALS / decimals) / 10:g}; 1 to 4 are usual."
        )


def require_one_to_five(rules, rings, weights, name):
    """Refuse scores outside the range that '1 to 100' starts from."""
    for factor in weights:
        wrong = [value for value in scores_of(factor, rules, rings) if not _LOWEST <= value <= _HIGHEST]
        if wrong:
            table = rings.table if factor == MINE else name
            raise InputError(
                f"Table '{table}', factor '{factor}': resistance {wrong[0]:g} lies outside 1 to 5, which "
                f"the transform '1 to 100' starts from; correct it or choose another transform."
            )


def scores_of(factor, rules, rings):
    """The resistances that a factor can have; 1 and 5 where it has no rule, as a map that is scored already."""
    if factor == MINE:
        return [resistance for kind in rings.by_kind.values() for resistance in kind.resistance]
    if factor not in rules:
        return [_LOWEST, _HIGHEST]
    rule = rules[factor]
    return list(rule.intervals.resistance if rule.intervals else rule.codes.values())

"""Transforms of a resistance surface, whose weighted sum of 1 to 5 hardly deters a path by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from ..arrays import AnyFloats
from ..errors import InputError
from .choices import Transform
from .factors import MINE, Rule
from .mine_rings import Rings

_LOWEST, _HIGHEST = 1.0, 5.0
DECIMALS = 30  # powers of ten; float32 reaches 38, and the rest is room for sums of costs along corridors


def transformed(values: AnyFloats, transform: Transform, *, exponent: float = 1.0) -> AnyFloats:
    """The values of a surface by a transform; a copy.

    Parameters
    ----------
    values : float ndarray
    transform : Transform
        ``POWER``: to the power of ``exponent``; ``ONE_TO_100``: 1 to 5 spread evenly over 1 to 100.
    exponent : float
    """
    if transform is Transform.POWER:
        return values**exponent
    if transform is Transform.ONE_TO_100:
        return 1 + 99 * (values - _LOWEST) / (_HIGHEST - _LOWEST)
    return values.copy()


def check_exponent(exponent: float, scores: Iterable[float]) -> None:
    """Refuse an exponent by which float32 would turn a score into infinity, or into 0, a barrier.

    Parameters
    ----------
    exponent : float
        Above 0.
    scores : iterable of float
        All resistances that factors can have.

    Raises
    ------
    InputError
        Of ``exponent``, with the largest that can be used.
    """
    extreme = max(scores, key=lambda value: abs(math.log10(value)))
    decimals = abs(math.log10(extreme))
    if exponent * decimals > DECIMALS:
        raise InputError(
            f"The exponent is {exponent:g}, and {extreme:g} to that power is a number that maps cannot hold: choose "
            f"one up to {math.floor(10 * DECIMALS / decimals) / 10:g}; 1 to 4 are usual.",
            parameter="exponent",
            value=exponent,
        )


def require_one_to_five(factors: Iterable[str], rules: Mapping[str, Rule], rings: Rings, *, table: str) -> None:
    """Refuse scores outside the range that ``ONE_TO_100`` starts from.

    Parameters
    ----------
    factors : iterable of str
        Those that are used.
    rules : dict of str to Rule
    rings : Rings
    table : str
        Name of the factor table.
    """
    for factor in factors:
        invalid = [value for value in scores_of(factor, rules, rings) if not _LOWEST <= value <= _HIGHEST]
        if invalid:
            raise InputError(
                f"Table '{rings.table if factor == MINE else table}', factor '{factor}': resistance {invalid[0]:g} "
                f"lies outside 1 to 5, which the transform '1 to 100' starts from; correct it or choose another "
                f"transform.",
                layer=rings.table if factor == MINE else table,
                value=invalid[0],
            )


def scores_of(factor: str, rules: Mapping[str, Rule], rings: Rings) -> list[float]:
    """The resistances that a factor can have; 1 and 5 where it has no rule, as for a map that is scored already."""
    if factor == MINE:
        return [resistance for kind in rings.by_kind.values() for resistance in kind.resistance]
    return list(rules[factor].scores) if factor in rules else [_LOWEST, _HIGHEST]

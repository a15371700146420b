"""Which judgements fit the others worst, and what the others say in their place."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from .matrix import (
    SCALE,
    RandomIndex,
    connected_parts,
    consistency_of,
    fit_to,
    judged_pairs,
    principal_eigenvector,
    value_at,
    with_judgement,
)


@dataclass(frozen=True)
class Suspect:
    """A judgement, and what all others say about the same pair.

    Parameters
    ----------
    row, column : int
    given : float
    misfit : float
        ``given * w[column] / w[row]`` or its inverse, whichever is above 1.
    implied : float
        The ratio of weights that all other judgements give.
    on_scale : float
        The value on Saaty's scale with the lowest consistency ratio; ``given`` where none lowers it.
    cr_on_scale : float
        Consistency ratio with that in place of the judgement.
    """

    row: int
    column: int
    given: float
    misfit: float
    implied: float
    on_scale: float
    cr_on_scale: float


def suspects(matrix: Floats, name: RandomIndex, *, at_most: int = 5) -> list[Suspect]:
    """The judgements that fit the weights worst, the worst first.

    Saaty (2003, European Journal of Operational Research 145: 85-91): the largest ``a_ij w_j / w_i``
    harms consistency most; its best replacement is the ratio of the weights computed without this judgement
    (Harker 1987). Judgements that alone connect two groups of factors are skipped: the other judgements
    cannot check them.

    Returns
    -------
    list of Suspect
        Empty where judgements fit to 1e-9.
    """
    fit = fit_to(matrix, principal_eigenvector(matrix))
    ranked = []
    for row, column in judged_pairs(matrix):
        misfit = max(fit[row, column], 1.0 / fit[row, column])
        # rounded to nine digits, so that equally bad judgements keep the planner's order
        ranked.append((-float(f"{misfit:.9g}"), row, column))
    found: list[Suspect] = []
    for misfit, row, column in sorted(ranked):
        if len(found) == at_most or -misfit - 1.0 < 1e-9:
            break
        without = with_judgement(matrix, row, column, value=np.nan)
        if len(connected_parts(without)) > 1:
            continue
        weights = principal_eigenvector(without)
        implied = float(weights[row] / weights[column])
        scaled, ratio = _best_on_scale(matrix, row, column, implied=implied, name=name)
        found.append(
            Suspect(
                row,
                column,
                float(matrix[row, column]),
                -misfit,
                implied,
                scaled,
                ratio,
            )
        )
    return found


def _best_on_scale(matrix: Floats, row: int, column: int, *, implied: float, name: RandomIndex) -> tuple[float, float]:
    """The value on Saaty's scale that lowers the consistency ratio most, and that ratio.

    All 17 values are tried, because the scale value nearest to ``implied`` does not always have the lowest
    ratio. Of equal ratios the value nearest to ``implied`` (by quotient) is taken. If no value lowers the ratio,
    the judgement is returned as given.
    """
    now = consistency_of(matrix, name).cr
    best, lowest = float(matrix[row, column]), now
    for value in sorted((value_at(float(place)) for place in SCALE), key=lambda value: abs(math.log(value / implied))):
        ratio = consistency_of(with_judgement(matrix, row, column, value=value), name).cr
        if ratio < lowest - 1e-9:
            best, lowest = value, ratio
    return best, lowest

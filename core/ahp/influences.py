"""Sensitivity: how the weights change when one judgement moves by one step of Saaty's scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from ..progress import Progress
from .combination import Combination
from .judged import JudgedMatrix
from .matrix import TOP_OF_SCALE, WeightsMethod, judged_pairs, position, value_at, weights_of, with_judgement

_RANK_TIE = 1e-9


@dataclass
class Influence:
    """The effect of moving one judgement by one step: the share of weight that moves, and the ranks that swap."""

    judged: JudgedMatrix
    row: int
    column: int
    value: float
    moved: float
    factor: str
    swaps: list[tuple[str, str]]


@dataclass
class _Range:
    """The lowest and the highest weight of each factor so far."""

    low: Floats
    high: Floats

    def widen(self, weights: Floats) -> None:
        self.low, self.high = np.minimum(self.low, weights), np.maximum(self.high, weights)


def influences_of(
    combination: Combination, judged: list[JudgedMatrix], base: Floats, *, method: WeightsMethod, progress: Progress
) -> tuple[list[Influence], Floats, Floats]:
    """Move each judgement by one step of Saaty's scale, up and down, and measure how the weights change.

    Returns
    -------
    list of Influence, float64 ndarray, float64 ndarray
        The strongest first; lowest and highest weight of each factor over all steps.
    """
    widest = _Range(base.copy(), base.copy())
    found = []
    for number, one in enumerate(judged):
        progress(number / len(judged))
        for pair in judged_pairs(one.matrix):
            progress.check()
            found.append(_influence(combination, one, pair, base, method, widest))
    return sorted(found, key=lambda influence: -influence.moved), widest.low, widest.high


def _influence(
    combination: Combination,
    one: JudgedMatrix,
    pair: tuple[int, int],
    base: Floats,
    method: WeightsMethod,
    widest: _Range,
) -> Influence:
    row, column = pair
    factors = combination.hierarchy.factors
    moved, factor = 0.0, ""
    swaps: list[tuple[int, int]] = []
    for step in (1.0, -1.0):
        place = position(one.matrix[row, column]) + step
        if abs(place) > TOP_OF_SCALE - 1:
            continue
        trial = weights_of(with_judgement(one.matrix, row, column, value=value_at(place)), method)
        weights, _ = combination.weights(one, trial)
        widest.widen(weights)
        shift = np.abs(weights - base)
        if 0.5 * shift.sum() > moved:
            moved, factor = 0.5 * float(shift.sum()), factors[int(shift.argmax())]
        swaps += [swap for swap in _swaps(base, weights) if swap not in swaps]
    value = float(one.matrix[row, column])
    return Influence(one, row, column, value, moved, factor, [(factors[a], factors[b]) for a, b in swaps])


def _swaps(base: Floats, weights: Floats) -> list[tuple[int, int]]:
    """Pairs (a, b) where a weighed more than b before and weighs less now."""
    before, after = base[:, None] - base[None, :], weights[:, None] - weights[None, :]
    return [(int(a), int(b)) for a, b in zip(*np.nonzero((before > _RANK_TIE) & (after < -_RANK_TIE)))]

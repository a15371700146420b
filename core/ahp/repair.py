"""Repair contradicting judgements: the smallest changes that bring the consistency ratio (CR) below 0.1."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from ..errors import InputError
from ..progress import SILENT, Progress
from .matrix import (
    ACCEPTED,
    SCALE,
    RandomIndex,
    consistency_of,
    harker_matrix,
    judged_pairs,
    position,
    value_at,
    with_judgement,
)

_TRIED_AT_MOST = 200_000  # two changes among 9 factors, three among 4; some seconds
_MATRICES_AT_ONCE = 256
_BELOW = ACCEPTED * (1.0 - 1e-9)
_Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class Change:
    """A judgement that a repair replaced; ``steps`` counts steps on Saaty's scale."""

    row: int
    column: int
    old: float
    new: float
    steps: float


def repair(matrix: Floats, name: RandomIndex, *, progress: Progress = SILENT) -> tuple[Floats, list[Change]]:
    """Bring CR below 0.1 with the fewest changed judgements, and the fewest steps of Saaty's scale.

    The search tries all changes of one judgement, then of two and so on, as long as there are at most
    200 000 (two judgements of a matrix of 9, three of a matrix of 4); its first success has the fewest changes
    and the fewest steps. If it fails, the search makes the change that lowers CR most and repeats this from the
    new matrix; at the end each changed judgement is moved back towards its original value as far as CR stays
    below 0.1. New values lie on Saaty's scale. The measure (number, then steps) is ours.

    Returns
    -------
    float64 ndarray, list of Change
        The repaired matrix, and the changes, the largest first.

    Raises
    ------
    InputError
        No change of a single judgement lowers CR any further, and it is not below 0.1.
    """
    pairs = judged_pairs(matrix)
    if consistency_of(matrix, name).cr < ACCEPTED:
        return matrix, []
    ri = consistency_of(matrix, name).ri
    for count in range(1, len(pairs) + 1):
        if math.comb(len(pairs), count) * len(SCALE) ** count > _TRIED_AT_MOST:
            break
        least = _with_fewest_steps(matrix, pairs, count, ri=ri, progress=progress)
        if least is not None:
            return least, _changes(matrix, least, pairs)
    current = _step_by_step(matrix, pairs, name, ri=ri, progress=progress)
    current = _as_near_as_possible(matrix, current, name, progress)
    return current, _changes(matrix, current, pairs)


def _step_by_step(matrix: Floats, pairs: _Pairs, name: RandomIndex, *, ri: float, progress: Progress) -> Floats:
    """Make the change that lowers CR most, and repeat, until CR is below 0.1."""
    current = matrix
    while (now := consistency_of(current, name).cr) >= ACCEPTED:
        progress.check()
        stack, steps = [], []
        for row, column in pairs:
            for place in SCALE:
                stack.append(with_judgement(current, row, column, value=value_at(float(place))))
                steps.append(abs(float(place) - position(matrix[row, column])))
        ratios = _ratios(stack, ri, progress)
        good = np.flatnonzero(ratios < _BELOW).tolist()
        best = min(good, key=lambda k: (steps[k], ratios[k])) if good else int(ratios.argmin())
        if ratios[best] >= now * (1.0 - 1e-9):
            raise InputError(
                f"No change of a judgement on Saaty's scale brings the consistency ratio from {now:.3g} "
                f"below {ACCEPTED:g}: the judgements contradict each other throughout, so ask again."
            )
        current = stack[best]
    return current


def _changes(matrix: Floats, current: Floats, pairs: _Pairs) -> list[Change]:
    changes = [
        Change(
            row,
            column,
            float(matrix[row, column]),
            float(current[row, column]),
            abs(position(current[row, column]) - position(matrix[row, column])),
        )
        for row, column in pairs
        if current[row, column] != matrix[row, column]
    ]
    return sorted(changes, key=lambda change: -change.steps)


def _with_fewest_steps(matrix: Floats, pairs: _Pairs, count: int, *, ri: float, progress: Progress) -> Floats | None:
    """The matrix with so many changed judgements and the fewest steps that has a CR below 0.1, or None."""
    values = np.array([value_at(float(place)) for place in SCALE])
    chosen = np.array(list(itertools.combinations(range(len(pairs)), count)))
    places = np.array(list(itertools.product(range(len(SCALE)), repeat=count)))
    judged = np.array([position(matrix[pair]) for pair in pairs])
    steps = np.zeros((len(chosen), len(places)))
    for nth in range(count):
        steps += np.abs(SCALE[places[:, nth]] - judged[chosen[:, nth], None])
    order = np.argsort(steps, axis=None, kind="stable")
    best, fewest, lowest = None, math.inf, math.inf
    filled = harker_matrix(matrix)
    rows, columns = np.array(pairs).T
    for start in range(0, len(order), _MATRICES_AT_ONCE):
        progress.check()
        which, what = np.unravel_index(order[start : start + _MATRICES_AT_ONCE], steps.shape)
        if steps[which[0], what[0]] > fewest + 1e-9:
            break
        stack = np.repeat(filled[None], len(which), axis=0)
        for nth in range(count):
            row, column, value = rows[chosen[which, nth]], columns[chosen[which, nth]], values[places[what, nth]]
            stack[np.arange(len(which)), row, column], stack[np.arange(len(which)), column, row] = value, 1.0 / value
        ratios = (np.linalg.eigvals(stack).real.max(axis=1) - len(matrix)) / (len(matrix) - 1) / ri
        for good in np.flatnonzero(ratios < _BELOW):
            here = steps[which[good], what[good]]
            if here < fewest - 1e-9 or (here <= fewest + 1e-9 and ratios[good] < lowest):
                fewest, lowest, best = here, ratios[good], (chosen[which[good]], values[places[what[good]]])
    if best is None:
        return None
    current = matrix
    for number, value in zip(*best):
        row, column = pairs[number]
        current = with_judgement(current, row, column, value=value)
    return current


def _ratios(stack: list[Floats], ri: float, progress: Progress) -> Floats:
    """CR of many matrices."""
    result = []
    n = len(stack[0])
    for start in range(0, len(stack), _MATRICES_AT_ONCE):
        progress.check()
        filled = np.stack([harker_matrix(matrix) for matrix in stack[start : start + _MATRICES_AT_ONCE]])
        result.append(np.linalg.eigvals(filled).real.max(axis=1))
    ratios: Floats = (np.concatenate(result) - n) / (n - 1) / ri
    return ratios


def _as_near_as_possible(matrix: Floats, current: Floats, name: RandomIndex, progress: Progress) -> Floats:
    """Move each changed judgement back towards its original value as far as CR stays below 0.1."""
    moved = True
    while moved:
        moved = False
        changed = [pair for pair in judged_pairs(matrix) if current[pair] != matrix[pair]]
        distance = {pair: abs(position(current[pair]) - position(matrix[pair])) for pair in changed}
        for pair in sorted(changed, key=lambda pair: -distance[pair]):
            progress.check()
            nearer = _nearer_values(matrix, current, pair)
            for value in nearer:
                trial = with_judgement(current, pair[0], pair[1], value=value)
                if value == matrix[pair]:
                    trial[pair[1], pair[0]] = matrix[pair[1], pair[0]]
                if consistency_of(trial, name).cr < ACCEPTED:
                    current, moved = trial, True
                    break
    return current


def _nearer_values(matrix: Floats, current: Floats, pair: tuple[int, int]) -> list[float]:
    """The original judgement, then the scale values between it and the repaired value, nearest to it first."""
    judged = position(matrix[pair])
    far = abs(position(current[pair]) - judged)
    between = sorted(
        (abs(float(place) - judged), value_at(float(place)))
        for place in SCALE
        if abs(float(place) - judged) < far - 1e-9
    )
    return [float(matrix[pair]), *(value for _, value in between)]

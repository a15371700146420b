"""One matrix of pairwise judgements: its weights, its consistency and how to mend it.

A judgement matrix is a float64 array of shape (n, n): ones on the diagonal, ``a[j, i] = 1 / a[i, j]``,
``a[i, j]`` saying how many times as important row i is as column j, and NaN where a pair was not
judged. Saaty (1980), The Analytic Hierarchy Process.
"""

import functools
import itertools
import math
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..errors import InputError
from ..progress import SILENT

METHODS = ("Principal eigenvector", "Geometric mean of the rows")
EIGENVECTOR, GEOMETRIC_MEAN = range(2)
RANDOM_INDICES = ("Saaty 1980", "Saaty 2005", "Alonso & Lamata 2006", "Donegan & Dodd 1991")
ACCEPTED = 0.1
TOP_OF_SCALE = 9

_POLISHING_STEPS = 5
_SCALE = np.arange(1 - TOP_OF_SCALE, TOP_OF_SCALE)
_TRIED_AT_MOST = 200_000  # two changes among 9 factors, three among 4; some seconds
_RANDOM_INDEX_COLUMNS = [
    tables.Column("table", "text"),
    tables.Column("n", "integer", minimum=1),
    tables.Column("random_index", minimum=0),
]


@dataclass(frozen=True)
class Consistency:
    """How well the judgements of a matrix agree with each other.

    Parameters
    ----------
    n, missing : int
        Things compared, and pairs of them that were not judged.
    lambda_max : float
        Principal eigenvalue, n where no judgement contradicts another.
    ci, ri, cr : float
        Consistency index ``(lambda_max - n) / (n - 1)``, random index, and their ratio.
    """

    n: int
    missing: int
    lambda_max: float
    ci: float
    ri: float
    cr: float


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
    cr_implied, cr_on_scale : float
        Consistency ratio with either in place of the judgement.
    """

    row: int
    column: int
    given: float
    misfit: float
    implied: float
    on_scale: float
    cr_implied: float
    cr_on_scale: float


@dataclass(frozen=True)
class Change:
    """A judgement that a repair replaced; ``steps`` counts steps on Saaty's scale."""

    row: int
    column: int
    old: float
    new: float
    steps: float


def empty_matrix(n):
    """A matrix without any judgement."""
    matrix = np.full((n, n), np.nan)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def put(matrix, row, column, value):
    """A copy of the matrix with another value for one pair (NaN: not judged)."""
    result = matrix.copy()
    result[row, column], result[column, row] = value, 1.0 / value
    return result


def judged_pairs(matrix):
    """The pairs (row, column) with row < column that were judged."""
    return [(int(row), int(column)) for row, column in zip(*np.nonzero(np.triu(~np.isnan(matrix), 1)))]


def components(matrix):
    """Lists of rows that judgements join, directly or through others."""
    known, left, result = ~np.isnan(matrix), set(range(len(matrix))), []
    while left:
        found, border = set(), [min(left)]
        while border:
            row = border.pop()
            if row not in found:
                found.add(row)
                border += np.flatnonzero(known[row]).tolist()
        left -= found
        result.append(sorted(found))
    return result


# weights ----------------------------------------------------------------------------------------------


def weights_of(matrix, method=EIGENVECTOR):
    """The weights of a connected matrix, which add to 1.

    Parameters
    ----------
    matrix : float64 ndarray, shape (n, n)
    method : int
        Index into ``METHODS``. An incomplete matrix gets Harker's (1987, Mathematical Modelling
        9: 353-360) eigenvector, or the logarithmic least squares of Bozoki, Fulop & Ronyai (2010,
        Mathematical and Computer Modelling 52: 318-333), which for a complete matrix is the
        geometric mean of each row.
    """
    return principal_eigenvector(matrix) if method == EIGENVECTOR else geometric_means(matrix)


def geometric_means(matrix):
    """Weights by the geometric mean of each row, or their least squares fit where pairs were not judged."""
    judged = ~np.isnan(matrix)
    sums = np.where(judged, np.log(np.where(judged, matrix, 1.0)), 0.0).sum(axis=1)
    laplacian = np.diag(judged.sum(axis=1).astype(float)) - judged
    # the mean of the logarithms is free: adding 1/n everywhere sets it to 0
    logarithms = np.linalg.solve(laplacian + 1.0 / len(matrix), sums)
    weights = np.exp(logarithms - logarithms.max())
    return weights / weights.sum()


def principal_eigenvector(matrix):
    """Saaty's weights; a pair that was not judged counts as the ratio of the weights (Harker 1987)."""
    near = geometric_means(matrix)
    balanced = _filled(_fit(matrix, near))  # close to ones, so that small weights are as exact as large ones
    values, vectors = np.linalg.eig(balanced)
    factors = np.abs(vectors[:, values.real.argmax()].real)
    for _ in range(_POLISHING_STEPS):
        factors = balanced @ (factors / factors.sum())
    weights = factors * near
    return weights / weights.sum()


def _filled(matrix):
    """Harker's matrix: 0 where a pair was not judged, 1 + their number on the diagonal."""
    unknown = np.isnan(matrix)
    filled = np.where(unknown, 0.0, matrix)
    filled[np.diag_indices(len(matrix))] = 1.0 + unknown.sum(axis=1)
    return filled


# consistency ------------------------------------------------------------------------------------------


@functools.cache
def read_random_indices():
    """The shipped tables of random indices: by name a dict of size to index."""
    result = {}
    for row in tables.parse(tables.shipped("ahp", "random_index.csv"), _RANDOM_INDEX_COLUMNS):
        result.setdefault(row["table"], {})[row["n"]] = row["random_index"]
    return result


def random_index(name, n, missing=0):
    """The random index of a matrix.

    Parameters
    ----------
    name : str
        One of ``RANDOM_INDICES``.
    n, missing : int
        Size, and pairs that were not judged. An incomplete matrix has fewer judgements that can
        contradict each other: its index falls in proportion, from ``(n - 1)(n - 2) / 2`` such
        judgements to none (Agoston & Csato 2022, Omega 108: 102576).

    Raises
    ------
    InputError
        The table has no matrix of this size.
    """
    if n <= 2:
        return 0.0
    table = read_random_indices()[name]
    if n not in table:
        largest = {other: max(sizes) for other, sizes in read_random_indices().items()}
        raise InputError(
            f"The random index '{name}' goes to {largest[name]} and {n} are compared in one matrix: sort "
            f"them into groups of at most {largest[name]} (GROUPS)"
            + (
                f", or choose '{max(largest, key=largest.get)}', which goes to {max(largest.values())}."
                if n <= max(largest.values())
                else "."
            )
        )
    return table[n] * (1.0 - 2.0 * missing / ((n - 1) * (n - 2)))


def consistency_of(matrix, name):
    """Consistency of a connected matrix against a table of random indices.

    ``lambda_max - n`` is summed as ``(e - 1)^2 / e`` over the judged pairs, with
    ``e = a_ij w_j / w_i``: the same number without the cancellation, so that consistent judgements
    give 0 and not a rounding error.
    """
    n = len(matrix)
    fit = _fit(matrix, principal_eigenvector(matrix))
    excess = float(np.nansum(np.triu((fit - 1.0) ** 2 / fit, 1))) / n
    missing = n * (n - 1) // 2 - len(judged_pairs(matrix))
    ri = random_index(name, n, missing)
    ci = excess / (n - 1) if n > 2 else 0.0
    return Consistency(n, missing, n + (excess if n > 2 else 0.0), ci, ri, ci / ri if ri > 1e-12 else 0.0)


def _fit(matrix, weights):
    """1 where a judgement is the ratio of the weights."""
    return matrix * weights[None, :] / weights[:, None]


def suspects(matrix, name, at_most=5):
    """The judgements that fit the weights worst, the worst first.

    Saaty (2003, European Journal of Operational Research 145: 85-91): the largest ``a_ij w_j / w_i``
    hurts consistency most; what would mend it is the ratio of the weights that come out when this
    judgement alone is left out (Harker 1987). Judgements without which nothing would join two
    factors are passed over: nothing else says what they should be.

    Returns
    -------
    list of Suspect
        Empty where judgements fit to 1e-9.
    """
    fit = _fit(matrix, principal_eigenvector(matrix))
    ranked = []
    for row, column in judged_pairs(matrix):
        misfit = max(fit[row, column], 1.0 / fit[row, column])
        # nine digits, so that judgements that hurt alike keep the planner's order
        ranked.append((-float(f"{misfit:.9g}"), row, column))
    found = []
    for misfit, row, column in sorted(ranked):
        if len(found) == at_most or -misfit - 1.0 < 1e-9:
            break
        without = put(matrix, row, column, np.nan)
        if len(components(without)) > 1:
            continue
        weights = principal_eigenvector(without)
        implied = float(weights[row] / weights[column])
        scaled, ratio = _best_on_scale(matrix, row, column, implied, name)
        found.append(
            Suspect(
                row,
                column,
                float(matrix[row, column]),
                -misfit,
                implied,
                scaled,
                consistency_of(put(matrix, row, column, implied), name).cr,
                ratio,
            )
        )
    return found


def _best_on_scale(matrix, row, column, implied, name):
    """The value on Saaty's scale that lowers the consistency ratio most, and that ratio.

    All 17 values are tried: the one nearest to what the others say need not lower the ratio, which is the
    least near that value and not always at it. Of equal ratios the value counts that is nearest to what
    the others say, by ratio. Where none lowers the ratio it is the judgement as it was given.
    """
    now = consistency_of(matrix, name).cr
    best, lowest = float(matrix[row, column]), now
    for value in sorted(
        (at_position(float(place)) for place in _SCALE), key=lambda value: abs(math.log(value / implied))
    ):
        ratio = consistency_of(put(matrix, row, column, value), name).cr
        if ratio < lowest - 1e-9:
            best, lowest = value, ratio
    return best, lowest


# Saaty's scale ----------------------------------------------------------------------------------------


def position(value):
    """Place on Saaty's scale in steps: 9 is 8, 1 is 0, 1/9 is -8; values between are between."""
    return value - 1.0 if value >= 1.0 else 1.0 - 1.0 / value


def at_position(place):
    """The value at a place on Saaty's scale, the inverse of :func:`position`."""
    return 1.0 + place if place >= 0 else 1.0 / (1.0 - place)


def as_text(value):
    """A judgement as people write it: 3, 1/3, 2.5, 1/2.5."""
    if value >= 1.0 - 1e-12:
        return f"{float(f'{value:.3g}'):g}"
    inverse = f"{float(f'{1.0 / value:.3g}'):g}"
    return "1" if inverse == "1" else f"1/{inverse}"


# repair -----------------------------------------------------------------------------------------------


def repair(matrix, name, progress=SILENT):
    """Change as few judgements, by as few steps of Saaty's scale, as make CR fall below 0.1.

    All changes of one judgement are tried, then all of two, up to 200 000 (two judgements of a
    matrix of 9, three of one of 4): the first number that is enough is the least, and so are the
    steps. Beyond that the change that lowers CR most is made and the search goes on from there; at
    the end every changed judgement is taken back towards what was said as far as CR stays below
    0.1. New values lie on Saaty's scale. The measure (number, then steps) is ours.

    Returns
    -------
    float64 ndarray, list of Change
        The mended matrix, and what was changed in it, the largest change first.

    Raises
    ------
    InputError
        No change of a single judgement lowers CR any further, and it is not below 0.1.
    """
    n, pairs = len(matrix), judged_pairs(matrix)
    ri = consistency_of(matrix, name).ri
    if consistency_of(matrix, name).cr < ACCEPTED:
        return matrix, []
    for count in range(1, len(pairs) + 1):
        if math.comb(len(pairs), count) * len(_SCALE) ** count > _TRIED_AT_MOST:
            break
        current = _least_changes(matrix, pairs, count, ri, progress)
        if current is not None:
            return current, _changes(matrix, current, pairs)
    current = matrix
    while (now := consistency_of(current, name).cr) >= ACCEPTED:
        progress.check()
        stack, tried = [], []
        for row, column in pairs:
            for place in _SCALE:
                value = at_position(float(place))
                stack.append(put(current, row, column, value))
                tried.append((abs(place - position(matrix[row, column])), row, column, value))
        ratios = _ratios(stack, n, ri, progress)
        good = np.flatnonzero(ratios < ACCEPTED * (1.0 - 1e-9))
        best = min(good, key=lambda k: (tried[k][0], ratios[k])) if len(good) else int(ratios.argmin())
        if ratios[best] >= now * (1.0 - 1e-9):
            raise InputError(
                f"No change of a judgement on Saaty's scale brings the consistency ratio from {now:.3g} "
                f"below {ACCEPTED:g}: the judgements contradict each other throughout, so ask again."
            )
        current = stack[best]
    current = _taken_back(matrix, current, name, progress)
    return current, _changes(matrix, current, pairs)


def _changes(matrix, current, pairs):
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


def _least_changes(matrix, pairs, count, ri, progress):
    """The matrix with so many changed judgements and the fewest steps that has a CR below 0.1, or None."""
    values = np.array([at_position(float(place)) for place in _SCALE])
    chosen = np.array(list(itertools.combinations(range(len(pairs)), count)))
    places = np.array(list(itertools.product(range(len(_SCALE)), repeat=count)))
    said = np.array([position(matrix[pair]) for pair in pairs])
    steps = np.zeros((len(chosen), len(places)))
    for nth in range(count):
        steps += np.abs(_SCALE[places[:, nth]] - said[chosen[:, nth], None])
    order = np.argsort(steps, axis=None, kind="stable")
    best, fewest, lowest = None, math.inf, math.inf
    filled = _filled(matrix)
    rows, columns = np.array(pairs).T
    for start in range(0, len(order), 256):
        progress.check()
        which, what = np.unravel_index(order[start : start + 256], steps.shape)
        if steps[which[0], what[0]] > fewest + 1e-9:
            break
        stack = np.repeat(filled[None], len(which), axis=0)
        for nth in range(count):
            row, column, value = rows[chosen[which, nth]], columns[chosen[which, nth]], values[places[what, nth]]
            stack[np.arange(len(which)), row, column], stack[np.arange(len(which)), column, row] = value, 1.0 / value
        ratios = (np.linalg.eigvals(stack).real.max(axis=1) - len(matrix)) / (len(matrix) - 1) / ri
        for good in np.flatnonzero(ratios < ACCEPTED * (1.0 - 1e-9)):
            here = steps[which[good], what[good]]
            if here < fewest - 1e-9 or (here <= fewest + 1e-9 and ratios[good] < lowest):
                fewest, lowest, best = here, ratios[good], (chosen[which[good]], values[places[what[good]]])
    if best is None:
        return None
    current = matrix
    for number, value in zip(*best):
        current = put(current, *pairs[number], value)
    return current


def _ratios(stack, n, ri, progress):
    """CR of many matrices."""
    result = []
    for start in range(0, len(stack), 256):
        progress.check()
        filled = np.stack([_filled(matrix) for matrix in stack[start : start + 256]])
        result.append(np.linalg.eigvals(filled).real.max(axis=1))
    return (np.concatenate(result) - n) / (n - 1) / ri


def _taken_back(matrix, current, name, progress):
    """Each changed judgement as near to what was said as CR below 0.1 allows."""
    moved = True
    while moved:
        moved = False
        changed = [pair for pair in judged_pairs(matrix) if current[pair] != matrix[pair]]
        for row, column in sorted(changed, key=lambda pair: -abs(position(current[pair]) - position(matrix[pair]))):
            progress.check()
            said, far = (
                position(matrix[row, column]),
                abs(position(current[row, column]) - position(matrix[row, column])),
            )
            nearer = sorted(
                (abs(place - said), at_position(float(place))) for place in _SCALE if abs(place - said) < far - 1e-9
            )
            for value in (float(matrix[row, column]), *(value for _, value in nearer)):
                trial = put(current, row, column, value)
                trial[column, row] = matrix[column, row] if value == matrix[row, column] else trial[column, row]
                if consistency_of(trial, name).cr < ACCEPTED:
                    current, moved = trial, True
                    break
    return current

"""One matrix of pairwise judgements: its weights and its consistency.

A judgement matrix is a float64 array of shape (n, n): ones on the diagonal, ``a[j, i] = 1 / a[i, j]``,
``a[i, j]`` saying how many times as important row i is as column j, and NaN where a pair was not
judged. Saaty (1980), The Analytic Hierarchy Process.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..arrays import Floats
from ..errors import InputError
from ..options import Option

ACCEPTED = 0.1
TOP_OF_SCALE = 9
SCALE = np.arange(1 - TOP_OF_SCALE, TOP_OF_SCALE)
"""Places on Saaty's scale, see `position`."""

_POLISHING_STEPS = 5
_RANDOM_INDEX_COLUMNS = [
    tables.Column("table", "text"),
    tables.Column("n", "integer", minimum=1),
    tables.Column("random_index", minimum=0),
]


class WeightsMethod(Option):
    """How weights follow from a matrix."""

    EIGENVECTOR = "Principal eigenvector"
    GEOMETRIC_MEAN = "Geometric mean of the rows"


class RandomIndex(Option):
    """The table of random indices behind the consistency ratio."""

    SAATY_1980 = "Saaty 1980"
    SAATY_2005 = "Saaty 2005"
    ALONSO_LAMATA_2006 = "Alonso & Lamata 2006"
    DONEGAN_DODD_1991 = "Donegan & Dodd 1991"


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


def empty_matrix(n: int) -> Floats:
    """A matrix without any judgement."""
    matrix = np.full((n, n), np.nan)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def with_judgement(matrix: Floats, row: int, column: int, *, value: float) -> Floats:
    """A copy of the matrix with another value for one pair (NaN: not judged)."""
    result = matrix.copy()
    result[row, column], result[column, row] = value, 1.0 / value
    return result


def judged_pairs(matrix: Floats) -> list[tuple[int, int]]:
    """The pairs (row, column) with row < column that were judged."""
    return [(int(row), int(column)) for row, column in zip(*np.nonzero(np.triu(~np.isnan(matrix), 1)))]


def connected_parts(matrix: Floats) -> list[list[int]]:
    """Lists of rows that judgements join, directly or through others, in the order of their first rows."""
    known, left, result = ~np.isnan(matrix), set(range(len(matrix))), []
    while left:
        found: set[int] = set()
        border = [min(left)]
        while border:
            row = border.pop()
            if row not in found:
                found.add(row)
                border += np.flatnonzero(known[row]).tolist()
        left -= found
        result.append(sorted(found))
    return result


# weights ----------------------------------------------------------------------------------------------


def weights_of(matrix: Floats, method: WeightsMethod = WeightsMethod.EIGENVECTOR) -> Floats:
    """The weights of a connected matrix, which add to 1.

    Parameters
    ----------
    matrix : float64 ndarray, shape (n, n)
    method : WeightsMethod
        An incomplete matrix gets Harker's (1987, Mathematical Modelling
        9: 353-360) eigenvector, or the logarithmic least squares of Bozoki, Fulop & Ronyai (2010,
        Mathematical and Computer Modelling 52: 318-333), which for a complete matrix is the
        geometric mean of each row.
    """
    return principal_eigenvector(matrix) if method is WeightsMethod.EIGENVECTOR else geometric_means(matrix)


def geometric_means(matrix: Floats) -> Floats:
    """Weights by the geometric mean of each row, or their least squares fit where pairs were not judged."""
    judged = ~np.isnan(matrix)
    sums = np.where(judged, np.log(np.where(judged, matrix, 1.0)), 0.0).sum(axis=1)
    laplacian = np.diag(judged.sum(axis=1).astype(float)) - judged
    # the mean of the logarithms is free: adding 1/n everywhere sets it to 0
    logarithms = np.linalg.solve(laplacian + 1.0 / len(matrix), sums)
    weights = np.exp(logarithms - logarithms.max())
    return np.asarray(weights / weights.sum())


def principal_eigenvector(matrix: Floats) -> Floats:
    """Saaty's weights; a pair that was not judged counts as the ratio of the weights (Harker 1987)."""
    near = geometric_means(matrix)
    balanced = harker_matrix(fit_to(matrix, near))  # close to ones, so that small weights are as exact as large ones
    values, vectors = np.linalg.eig(balanced)
    factors = np.abs(vectors[:, values.real.argmax()].real)
    for _ in range(_POLISHING_STEPS):
        factors = balanced @ (factors / factors.sum())
    weights = factors * near
    return np.asarray(weights / weights.sum())


def harker_matrix(matrix: Floats) -> Floats:
    """Harker's matrix: 0 where a pair was not judged, 1 + their number on the diagonal."""
    unknown = np.isnan(matrix)
    filled = np.where(unknown, 0.0, matrix)
    filled[np.diag_indices(len(matrix))] = 1.0 + unknown.sum(axis=1)
    return filled


# consistency ------------------------------------------------------------------------------------------


@functools.cache
def read_random_indices() -> dict[str, dict[int, float]]:
    """The shipped tables of random indices: ``{table: {matrix size: index}}``."""
    result: dict[str, dict[int, float]] = {}
    for row in tables.parse(tables.shipped("ahp", "random_index.csv"), _RANDOM_INDEX_COLUMNS):
        result.setdefault(row["table"], {})[row["n"]] = row["random_index"]
    return result


def random_index(name: RandomIndex, n: int, *, missing: int = 0) -> float:
    """The random index of a matrix.

    Parameters
    ----------
    name : RandomIndex
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
        advice = "."
        if n <= max(largest.values()):
            best = max(largest, key=lambda other: largest[other])
            advice = f", or choose '{best}', which goes to {max(largest.values())}."
        raise InputError(
            f"'{name}' goes to {largest[name]} and {n} are compared in one matrix: sort "
            f"them into groups of at most {largest[name]}{advice}",
            parameter="random_index",
            value=n,
        )
    return table[n] * (1.0 - 2.0 * missing / ((n - 1) * (n - 2)))


def consistency_of(matrix: Floats, name: RandomIndex) -> Consistency:
    """Consistency of a connected matrix against a table of random indices.

    ``lambda_max - n`` is summed as ``(e - 1)^2 / e`` over the judged pairs, with
    ``e = a_ij w_j / w_i``: the same number without the cancellation, so that consistent judgements
    give 0 and not a rounding error.
    """
    n = len(matrix)
    fit = fit_to(matrix, principal_eigenvector(matrix))
    excess = float(np.nansum(np.triu((fit - 1.0) ** 2 / fit, 1))) / n
    missing = n * (n - 1) // 2 - len(judged_pairs(matrix))
    ri = random_index(name, n, missing=missing)
    ci = excess / (n - 1) if n > 2 else 0.0
    return Consistency(n, missing, n + (excess if n > 2 else 0.0), ci, ri, ci / ri if ri > 1e-12 else 0.0)


def fit_to(matrix: Floats, weights: Floats) -> Floats:
    """1 where a judgement is the ratio of the weights."""
    return matrix * weights[None, :] / weights[:, None]


# Saaty's scale ----------------------------------------------------------------------------------------


def position(value: float) -> float:
    """Place on Saaty's scale in steps: 9 is 8, 1 is 0, 1/9 is -8; interpolated between whole steps."""
    return value - 1.0 if value >= 1.0 else 1.0 - 1.0 / value


def value_at(place: float) -> float:
    """The value at a place on Saaty's scale, the inverse of :func:`position`."""
    return 1.0 + place if place >= 0 else 1.0 / (1.0 - place)


def as_text(value: float) -> str:
    """A judgement as people write it: 3, 1/3, 2.5, 1/2.5."""
    if value >= 1.0 - 1e-12:
        return f"{float(f'{value:.3g}'):g}"
    inverse = f"{float(f'{1.0 / value:.3g}'):g}"
    return "1" if inverse == "1" else f"1/{inverse}"

"""How far experts agree: on single judgements, on weights and on ranks."""

from dataclasses import dataclass

import numpy as np


@dataclass
class Spread:
    """How far experts differ on one pair: geometric mean, geometric standard deviation, extremes."""

    comparison: object
    row: int
    column: int
    count: int
    mean: float
    deviation: float
    lowest: float
    lowest_by: str
    highest: float
    highest_by: str


def compatibility_index(one, other):
    """Saaty's (1994) compatibility of two sets of weights: the mean of ``(w_i / w_j)(v_j / v_i)``, 1 if they agree."""
    ratio = one / other
    return float((ratio[:, None] / ratio[None, :]).mean())


def concordance(weights):
    """Kendall's W of the ranks that experts give, corrected for ties; None where nothing can be ranked."""
    m = len(weights)
    if m < 2 or len(weights[0]) < 2:
        return None
    n = len(weights[0])
    ranks, ties = np.zeros((m, n)), 0.0
    for row, values in enumerate(weights):
        # weights that differ by rounding alone share their mean rank
        _, place, counts = np.unique(np.round(values, 9), return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        ranks[row] = (ends - (counts - 1) / 2.0)[place]
        ties += float((counts**3 - counts).sum())
    sums = ranks.sum(axis=0)
    most = m**2 * (n**3 - n) - m * ties
    return float(12.0 * ((sums - sums.mean()) ** 2).sum() / most) if most > 0 else None


def spreads(comparisons):
    """Pairs that more than one expert judged, the most contested first."""
    found = []
    for comparison in comparisons:
        n = len(comparison.members)
        for row, column in ((i, j) for i in range(n) for j in range(i + 1, n)):
            given = [
                (float(matrix[row, column]), expert)
                for expert, matrix in comparison.matrices.items()
                if not np.isnan(matrix[row, column])
            ]
            if len(given) < 2:
                continue
            logarithms = np.log([value for value, _ in given])
            (lowest, low_by), (highest, high_by) = min(given), max(given)
            found.append(
                Spread(
                    comparison,
                    row,
                    column,
                    len(given),
                    float(np.exp(logarithms.mean())),
                    float(np.exp(logarithms.std(ddof=1))),
                    lowest,
                    low_by,
                    highest,
                    high_by,
                )
            )
    return sorted(found, key=lambda spread: -spread.deviation)

"""How far experts agree: on single judgements, on weights and on ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Floats
from ..progress import Progress
from .combination import Combination
from .hierarchy import Comparison, Hierarchy
from .judged import Aggregation, AhpChoices, JudgedMatrix, judge
from .matrix import connected_parts, empty_matrix


@dataclass
class Spread:
    """How far experts differ on one pair: geometric mean, geometric standard deviation, extremes."""

    comparison: Comparison
    row: int
    column: int
    count: int
    mean: float
    deviation: float
    lowest: float
    lowest_by: str
    highest: float
    highest_by: str


def compatibility_index(one: Floats, other: Floats) -> float:
    """Saaty's (1994) compatibility of two sets of weights: the mean of ``(w_i / w_j)(v_j / v_i)``, 1 if they agree."""
    ratio = one / other
    return float((ratio[:, None] / ratio[None, :]).mean())


def concordance(weights: Sequence[Floats]) -> float | None:
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


def spreads(comparisons: Sequence[Comparison]) -> list[Spread]:
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


@dataclass
class Experts:
    """Agreement of experts.

    Parameters
    ----------
    shares : dict of str to float
    weights : dict of str to ndarray
        Each expert's own weights of all factors; experts who judged only a part are left out.
    ratios : dict of str to float
        Their own overall consistency ratios.
    judged : list of JudgedMatrix
        Each one's own matrices, as judged; those that do not join all members are left out.
    spreads : list of Spread
        Pairs that more than one judged, the most contested first.
    concordance : float
        Kendall's W of the ranks, 0 to 1; None where fewer than two experts or factors can be ranked.
    compatibility : ndarray
        Saaty's (1994) index between pairs in the order of ``weights``: 1 is the same weights.
    apart : str
        The expert least compatible with the others; empty for fewer than three experts.
    """

    shares: Mapping[str, float]
    weights: dict[str, Floats]
    ratios: dict[str, float]
    judged: list[JudgedMatrix]
    spreads: list[Spread]
    concordance: float | None
    compatibility: Floats
    apart: str


def agreement_of(
    hierarchy: Hierarchy, shares: Mapping[str, float], *, choices: AhpChoices, progress: Progress
) -> Experts:
    """Evaluate each expert alone and how far the experts agree; no judgement is repaired."""
    choices = replace(choices, repair=False)
    weights: dict[str, Floats] = {}
    ratios: dict[str, float] = {}
    judged: list[JudgedMatrix] = []
    for expert in hierarchy.experts:
        progress.check()
        own = []
        for comparison in hierarchy.comparisons:
            matrix = comparison.matrices.get(expert, empty_matrix(len(comparison.members)))
            if len(connected_parts(matrix)) == 1:
                own.append(judge(comparison, expert, matrix, choices=choices, progress=progress))
        judged += own
        if len(own) == len(hierarchy.comparisons):
            combination = Combination(hierarchy, Aggregation.OF_WEIGHTS, {expert: 1.0}, own)
            weights[expert], _ = combination.weights()
            ratios[expert] = combination.ratios(expert)[0]
    compatibility = np.array(
        [[compatibility_index(one, other) for other in weights.values()] for one in weights.values()]
    )
    apart = ""
    if len(weights) > 2:
        means = (compatibility.sum(axis=1) - 1.0) / (len(weights) - 1)
        apart = list(weights)[int(means.argmax())]
    return Experts(
        shares,
        weights,
        ratios,
        [one for one in judged if len(one.matrix) > 1],
        spreads(hierarchy.comparisons),
        concordance(list(weights.values())),
        compatibility,
        apart,
    )

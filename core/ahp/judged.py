"""One matrix judged: its weights, its consistency, and what a repair changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from ..options import Option
from ..progress import Progress
from .hierarchy import Comparison, Hierarchy
from .matrix import ACCEPTED, Consistency, RandomIndex, WeightsMethod, consistency_of, empty_matrix, weights_of
from .repair import Change, repair
from .suspects import Suspect, suspects

ALL_EXPERTS = "all experts"


class Aggregation(Option):
    """How several experts become one set of weights."""

    OF_JUDGEMENTS = "Judgements, geometric mean (AIJ)"
    OF_WEIGHTS = "Weights, geometric mean (AIP)"
    OF_WEIGHTS_ARITHMETIC = "Weights, arithmetic mean (AIP)"


@dataclass(frozen=True)
class AhpChoices:
    """How weights follow from judgements.

    Parameters
    ----------
    aggregation : Aggregation
        Experts' judgements are combined by their geometric mean, pair by pair over those who judged it, or the
        weights that each expert ends with are averaged.
    method : WeightsMethod
    random_index : RandomIndex
    repair : bool
        Change as little as makes every matrix reach a consistency ratio below 0.1.
    """

    aggregation: Aggregation = Aggregation.OF_JUDGEMENTS
    method: WeightsMethod = WeightsMethod.EIGENVECTOR
    random_index: RandomIndex = RandomIndex.SAATY_1980
    repair: bool = False


@dataclass
class JudgedMatrix:
    """One matrix that weights come from: a comparison, and whose judgements it holds.

    Parameters
    ----------
    comparison : Comparison
    voice : str
        An expert, or ``ALL_EXPERTS`` for their joint matrix.
    matrix : float64 ndarray
        As it was used, after a repair.
    weights : float64 ndarray
        Local weights, adding to 1.
    before, consistency : Consistency
        Before and after a repair.
    suspects : list of Suspect
        Of the matrix before a repair, the worst first.
    changes : list of Change
    """

    comparison: Comparison
    voice: str
    matrix: Floats
    weights: Floats
    before: Consistency
    consistency: Consistency
    suspects: list[Suspect]
    changes: list[Change]

    @property
    def title(self) -> str:
        """What is compared, and by whom."""
        return self.comparison.title if self.voice == ALL_EXPERTS else f"{self.comparison.title}, {self.voice}"

    @property
    def subject(self) -> str:
        """The judgements, for sentences."""
        who = "" if self.voice == ALL_EXPERTS else f" of {self.voice}"
        return f"judgements{who} {self.comparison.where}"

    @property
    def checked(self) -> bool:
        """Whether there are more judgements than weights need, so that one can contradict another."""
        n = self.consistency.n
        return 2 * self.consistency.missing < (n - 1) * (n - 2)

    def pair(self, row: int, column: int) -> str:
        """The names of a pair."""
        return f"{self.comparison.members[row]} against {self.comparison.members[column]}"


def matrices_by_voice(
    comparison: Comparison, hierarchy: Hierarchy, *, aggregation: Aggregation, shares: Mapping[str, float] | None
) -> dict[str, Floats]:
    """Matrices to take weights from, by whose they are; without ``shares`` all experts count alike.

    Experts whose share is 0 do not count.
    """
    blank = empty_matrix(len(comparison.members))
    if len(hierarchy.experts) == 1:
        return {ALL_EXPERTS: comparison.matrices.get(hierarchy.experts[0], blank)}
    if aggregation is Aggregation.OF_JUDGEMENTS:
        shares = shares or dict.fromkeys(hierarchy.experts, 1.0)
        return {ALL_EXPERTS: joint_judgements(comparison.matrices, shares, n=len(comparison.members))}
    return {
        expert: comparison.matrices.get(expert, blank)
        for expert in hierarchy.experts
        if shares is None or shares[expert] > 0
    }


def joint_judgements(matrices: Mapping[str, Floats], shares: Mapping[str, float], *, n: int) -> Floats:
    """Weighted geometric mean of judgements (AIJ); each pair averages the experts who judged it.

    Experts whose share is 0 do not count. Shape (n, n), NaN where nobody judged.
    """
    total, share = np.zeros((n, n)), np.zeros((n, n))
    for expert, matrix in matrices.items():
        judged = ~np.isnan(matrix)
        total[judged] += shares[expert] * np.log(matrix[judged])
        share[judged] += shares[expert]
    heard = share > 0
    joint: Floats = np.where(heard, np.exp(total / np.where(heard, share, 1.0)), np.nan)
    np.fill_diagonal(joint, 1.0)
    return joint


def judge(
    comparison: Comparison, voice: str, matrix: Floats, *, choices: AhpChoices, progress: Progress
) -> JudgedMatrix:
    """Weights and consistency of one matrix; repair it first if the choices ask for it and CR is 0.1 or more."""
    before = consistency_of(matrix, choices.random_index)
    used: Floats = matrix
    changes: list[Change] = []
    if choices.repair and before.cr >= ACCEPTED:
        used, changes = repair(matrix, choices.random_index, progress=progress)
    return JudgedMatrix(
        comparison,
        voice,
        used,
        weights_of(used, choices.method),
        before,
        consistency_of(used, choices.random_index) if changes else before,
        suspects(matrix, choices.random_index),
        changes,
    )

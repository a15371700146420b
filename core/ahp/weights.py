"""Weights of resistance factors by the analytic hierarchy process (AHP).

Feng, Bai & Wang (2024) print the weights of Table 1 but not the judgements behind them; with this module a
planner derives such weights from judgements. Saaty (1980), The Analytic Hierarchy Process; several experts: Aczel &
Saaty (1983), Journal of Mathematical Psychology 27: 93-102, and Forman & Peniwati (1998), European
Journal of Operational Research 108: 165-169.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError
from ..progress import SILENT, Progress
from .agreement import Experts, agreement_of
from .combination import Combination
from .hierarchy import GOAL, Hierarchy
from .influences import Influence, influences_of
from .judged import ALL_EXPERTS, AhpChoices, JudgedMatrix, judge, matrices_by_voice
from .matrix import ACCEPTED, as_text, connected_parts, random_index


@dataclass
class Weight:
    """A factor's weight; ``weight_low`` and ``weight_high`` are its range under a step of any one judgement."""

    factor: str
    weight: float
    group: str
    group_weight: float
    local_weight: float
    weight_low: float
    weight_high: float


@dataclass
class AhpResult:
    """All that the report says; ``weights`` is the table for ``resistancesurface``."""

    hierarchy: Hierarchy
    choices: AhpChoices
    weights: list[Weight]
    judged: list[JudgedMatrix]
    consistency_ratio: float
    lowest_level_ratio: float
    least_consistent: str
    lambda_max: float
    influences: list[Influence]
    experts: Experts
    warnings: list[str] = field(default_factory=list)


def check_hierarchy(hierarchy: Hierarchy, *, choices: AhpChoices, shares: Mapping[str, float] | None = None) -> None:
    """Refuse judgements that give no weights, before the work starts.

    Raises
    ------
    InputError
        Factors that no judgement joins to the others, more of them than the table of random
        indices knows, or an expert who judged only a part where weights are to be averaged.
    """
    for comparison in hierarchy.comparisons:
        random_index(choices.random_index, len(comparison.members))
        for voice, matrix in matrices_by_voice(
            comparison, hierarchy, aggregation=choices.aggregation, shares=shares
        ).items():
            parts = connected_parts(matrix)
            if len(parts) == 1:
                continue
            named = [", ".join(f"'{comparison.members[row]}'" for row in part) for part in parts]
            who = "" if voice == ALL_EXPERTS else f" of {voice}"
            advice = ", or combine the experts' judgements (AIJ), which does not need all of each" if who else ""
            raise InputError(
                f"No judgement{who} {comparison.where} joins {named[0]} to {'; '.join(named[1:])}: judge at "
                f"least one pair between them{advice}."
            )


def ahp_weights(
    hierarchy: Hierarchy,
    *,
    choices: AhpChoices,
    shares: Mapping[str, float] | None = None,
    progress: Progress = SILENT,
) -> AhpResult:
    """Weights of all factors, and how far they can be trusted.

    Parameters
    ----------
    hierarchy : Hierarchy
    choices : AhpChoices
    shares : mapping of str to float, optional
        Each expert's share, adding to 1; default all alike.

    Returns
    -------
    AhpResult
        ``consistency_ratio`` of a hierarchy is Saaty's: the consistency indices of all matrices,
        weighted by the weight of their group, divided by their random indices weighted the same way.
        If weights are averaged (AIP), ``consistency_ratio`` and ``lambda_max`` (of the goal's matrix) are those
        of the least consistent expert.

    Raises
    ------
    InputError
        As :func:`check_hierarchy`; also if a repair cannot bring CR below 0.1.
    """
    shares = shares or {expert: 1.0 / len(hierarchy.experts) for expert in hierarchy.experts}
    check_hierarchy(hierarchy, choices=choices, shares=shares)
    judged = []
    for number, comparison in enumerate(hierarchy.comparisons):
        progress(0.4 * number / len(hierarchy.comparisons))
        for voice, matrix in matrices_by_voice(
            comparison, hierarchy, aggregation=choices.aggregation, shares=shares
        ).items():
            judged.append(judge(comparison, voice, matrix, choices=choices, progress=progress))
    combination = Combination(hierarchy, choices.aggregation, shares, judged)
    weights, nodes = combination.weights()
    influences, low, high = influences_of(
        combination, judged, weights, method=choices.method, progress=progress.part(0.4, 0.9)
    )
    ratios = {voice: combination.ratios(voice) for voice in combination.voices}
    least = max(ratios, key=lambda voice: ratios[voice][0])
    top = next(one for one in judged if one.comparison.name == GOAL and one.voice == least)
    rows = [
        _row(hierarchy, factor, nodes, lowest, highest)
        for factor, lowest, highest in zip(hierarchy.factors, low.tolist(), high.tolist())
    ]
    result = AhpResult(
        hierarchy,
        choices,
        rows,
        judged,
        *ratios[least],
        least,
        top.consistency.lambda_max,
        influences,
        agreement_of(hierarchy, shares, choices=choices, progress=progress),
    )
    result.warnings = _warnings_of(result)
    for text in hierarchy.notes:
        progress.log(text)
    progress.log(
        f"Consistency ratio {result.consistency_ratio:.4g} (random index: {choices.random_index}); below {ACCEPTED:g} "
        f"is accepted."
    )
    for text in result.warnings:
        progress.warn(text)
    return result


def _row(hierarchy: Hierarchy, factor: str, nodes: Mapping[str, float], low: float, high: float) -> Weight:
    group = hierarchy.parent[factor]
    above = nodes[group] if group else 1.0
    return Weight(factor, nodes[factor], group, above, nodes[factor] / above, low, high)


def _warnings_of(result: AhpResult) -> list[str]:
    found = []
    for one in result.judged:
        if one.changes:
            found.append(_repaired_text(one))
        elif one.consistency.cr >= ACCEPTED:
            found.append(_contradiction_text(one))
        if one.consistency.n > 2 and not one.checked:
            found.append(
                f"The {one.subject} are just enough for weights, so none checks another: the consistency ratio "
                f"of 0 says nothing."
            )
    if {one.consistency.n for one in result.judged} in ({2}, {1, 2}):
        found.append(
            "No judgement checks another, because nowhere are more than two things compared: the consistency "
            "ratio of 0 says nothing. Three or more factors in one group, or none in groups, would check each "
            "other."
        )
    if ALL_EXPERTS in {one.voice for one in result.judged} and len(result.hierarchy.experts) > 1:
        poor = [
            f"{one.voice} {one.comparison.where} {one.before.cr:.3g}"
            for one in result.experts.judged
            if one.before.cr >= ACCEPTED
        ]
        if poor:
            found.append(
                f"Judgements of single experts contradict each other, which the joint ones do not show "
                f"(consistency ratio of {'; '.join(poor)}). The report names what to ask them again."
            )
    return found


def _repaired_text(one: JudgedMatrix) -> str:
    changes = "; ".join(f"{one.pair(c.row, c.column)} from {as_text(c.old)} to {as_text(c.new)}" for c in one.changes)
    return (
        f"The {one.subject} contradicted each other (consistency ratio {one.before.cr:.3g}). The repair "
        f"changed {changes}; the ratio is now {one.consistency.cr:.3g}."
    )


def _contradiction_text(one: JudgedMatrix) -> str:
    worst_text = ""
    if one.suspects:
        worst = one.suspects[0]
        then = (
            "no value on Saaty's scale lowers the ratio"
            if worst.on_scale == worst.given
            else f"with {as_text(worst.on_scale)} the ratio would be {worst.cr_on_scale:.3g}"
        )
        worst_text = (
            f" The one that fits worst is {one.pair(worst.row, worst.column)}, {as_text(worst.given)}; all "
            f"others say {as_text(worst.implied)}; {then}."
        )
    return (
        f"The {one.subject} contradict each other: consistency ratio {one.consistency.cr:.3g}, and it "
        f"should be below {ACCEPTED:g}.{worst_text}"
    )

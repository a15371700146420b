"""Weights of resistance factors by the analytic hierarchy process (AHP).

Feng, Bai & Wang (2024) print the weights of Table 1 and not the judgements behind them; this is how
a planner makes such weights. Saaty (1980), The Analytic Hierarchy Process; several experts: Aczel &
Saaty (1983), Journal of Mathematical Psychology 27: 93-102, and Forman & Peniwati (1998), European
Journal of Operational Research 108: 165-169.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from ..errors import InputError
from ..progress import SILENT
from .agreement import compatibility_index, concordance, spreads
from .judgements import GOAL
from .matrix import (
    ACCEPTED,
    EIGENVECTOR,
    RANDOM_INDICES,
    TOP_OF_SCALE,
    as_text,
    at_position,
    components,
    consistency_of,
    empty_matrix,
    judged_pairs,
    position,
    put,
    random_index,
    repair,
    suspects,
    weights_of,
)

AGGREGATIONS = ("Judgements, geometric mean (AIJ)", "Weights, geometric mean (AIP)", "Weights, arithmetic mean (AIP)")
OF_JUDGEMENTS, OF_WEIGHTS, OF_WEIGHTS_ARITHMETIC = range(3)
ALL_EXPERTS = "all experts"


@dataclass
class Judged:
    """One matrix that weights come from: a comparison, and whose judgements it holds.

    Parameters
    ----------
    comparison : ahp_tables.Comparison
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

    comparison: object
    voice: str
    matrix: object
    weights: object
    before: object
    consistency: object
    suspects: list
    changes: list

    @property
    def title(self):
        return self.comparison.title if self.voice == ALL_EXPERTS else f"{self.comparison.title}, {self.voice}"

    @property
    def subject(self):
        """The judgements, for sentences."""
        who = "" if self.voice == ALL_EXPERTS else f" of {self.voice}"
        return f"judgements{who} {self.comparison.where}"

    @property
    def checked(self):
        """Whether there are more judgements than weights need, so that one can contradict another."""
        n = self.consistency.n
        return 2 * self.consistency.missing < (n - 1) * (n - 2)

    def pair(self, row, column):
        return f"{self.comparison.members[row]} against {self.comparison.members[column]}"


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
class Influence:
    """What one step of one judgement does: the share of weight that moves, and the ranks that swap."""

    judged: object
    row: int
    column: int
    value: float
    moved: float
    factor: str
    swaps: list


@dataclass
class Experts:
    """Agreement of experts.

    Parameters
    ----------
    say : dict of str to float
    weights : dict of str to ndarray
        Each expert's own weights of all factors; experts who judged only a part are left out.
    ratios : dict of str to float
        Their own overall consistency ratios.
    judged : list of Judged
        Each one's own matrices, as judged; those that do not join all members are left out.
    spreads : list of Spread
        Pairs that more than one judged, the most contested first.
    concordance : float
        Kendall's W of the ranks, 0 to 1; None where fewer than two experts or factors can be ranked.
    compatibility : ndarray
        Saaty's (1994) index between pairs in the order of ``weights``: 1 is the same weights.
    apart : str
        Who is least compatible with the others; empty for fewer than three.
    """

    say: dict
    weights: dict
    ratios: dict
    judged: list
    spreads: list
    concordance: float
    compatibility: object
    apart: str


@dataclass
class Result:
    """All that the report says; ``weights`` is the table for ``resistancesurface``."""

    hierarchy: object
    aggregation: int
    method: int
    random_index: str
    weights: list
    judged: list
    consistency_ratio: float
    lowest_level_ratio: float
    least_consistent: str
    lambda_max: float
    influences: list
    experts: Experts
    warnings: list = field(default_factory=list)


def check_hierarchy(hierarchy, aggregation, table, say=None):
    """Refuse judgements that give no weights, before the work starts.

    Raises
    ------
    InputError
        Factors that no judgement joins to the others, more of them than the table of random
        indices knows, or an expert who judged only a part where weights are to be averaged.
    """
    for comparison in hierarchy.comparisons:
        random_index(table, len(comparison.members))
        for voice, matrix in _voices(comparison, hierarchy, aggregation, say).items():
            parts = components(matrix)
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
    hierarchy,
    aggregation=OF_JUDGEMENTS,
    method=EIGENVECTOR,
    table=RANDOM_INDICES[0],
    say=None,
    mend=False,
    progress=SILENT,
):
    """Weights of all factors, and how far they can be trusted.

    Parameters
    ----------
    hierarchy : ahp_tables.Hierarchy
    aggregation : int
        Index into ``AGGREGATIONS``: experts' judgements are combined by their geometric mean, pair
        by pair over those who judged it, or the weights that each expert ends with are averaged.
    method : int
        Index into ``ahp_matrix.METHODS``.
    table : str
        One of ``RANDOM_INDICES``.
    say : dict of str to float, optional
        Each expert's share, adding to 1; default all alike.
    mend : bool
        Change as little as makes every matrix reach a consistency ratio below 0.1.

    Returns
    -------
    Result
        ``consistency_ratio`` of a hierarchy is Saaty's: the consistency indices of all matrices,
        weighted by the weight of what they are under, over their random indices weighted likewise.
        Where weights are averaged it is that of the least consistent expert, as is ``lambda_max``
        of the goal's matrix.

    Raises
    ------
    InputError
        As :func:`check_hierarchy`; a repair that finds no way.
    """
    say = say or {expert: 1.0 / len(hierarchy.experts) for expert in hierarchy.experts}
    check_hierarchy(hierarchy, aggregation, table, say)
    judged = []
    for number, comparison in enumerate(hierarchy.comparisons):
        progress(0.4 * number / len(hierarchy.comparisons))
        for voice, matrix in _voices(comparison, hierarchy, aggregation, say).items():
            judged.append(_judge(comparison, voice, matrix, method, table, mend, progress))
    combine = _Combination(hierarchy, aggregation, say, judged)
    weights, nodes = combine.weights()
    influences, low, high = _influences(combine, judged, weights, method, progress.part(0.4, 0.9))
    ratios = {voice: combine.ratios(voice) for voice in combine.voices}
    least = max(ratios, key=lambda voice: ratios[voice][0])
    top = next(one for one in judged if one.comparison.name == GOAL and one.voice == least)
    rows = [
        _row(hierarchy, factor, nodes, lowest, highest) for factor, lowest, highest in zip(hierarchy.factors, low, high)
    ]
    result = Result(
        hierarchy,
        aggregation,
        method,
        table,
        rows,
        judged,
        *ratios[least],
        least,
        top.consistency.lambda_max,
        influences,
        _experts(hierarchy, say, method, table, progress),
    )
    result.warnings = _warnings(result)
    for text in hierarchy.notes:
        progress.log(text)
    progress.log(
        f"Consistency ratio {result.consistency_ratio:.4g} (random index: {table}); below {ACCEPTED:g} is accepted."
    )
    for text in result.warnings:
        progress.warn(text)
    return result


def _row(hierarchy, factor, nodes, low, high):
    group = hierarchy.parent[factor]
    above = nodes[group] if group else 1.0
    return Weight(factor, nodes[factor], group, above, nodes[factor] / above, low, high)


def _voices(comparison, hierarchy, aggregation, say):
    """Matrices to take weights from, by whose they are; without ``say`` all experts are heard alike.

    Experts whose say is 0 do not count.
    """
    blank = empty_matrix(len(comparison.members))
    if len(hierarchy.experts) == 1:
        return {ALL_EXPERTS: comparison.matrices.get(hierarchy.experts[0], blank)}
    if aggregation == OF_JUDGEMENTS:
        return {ALL_EXPERTS: joint_judgements(comparison.matrices, say or dict.fromkeys(hierarchy.experts, 1.0), blank)}
    return {
        expert: comparison.matrices.get(expert, blank) for expert in hierarchy.experts if say is None or say[expert] > 0
    }


def joint_judgements(matrices, say, blank):
    """Geometric mean of judgements (AIJ), weighted; a pair counts those who judged it.

    Experts whose say is 0 do not count.
    """
    total, share = np.zeros_like(blank), np.zeros_like(blank)
    for expert, matrix in matrices.items():
        judged = ~np.isnan(matrix)
        total[judged] += say[expert] * np.log(matrix[judged])
        share[judged] += say[expert]
    heard = share > 0
    joint = np.where(heard, np.exp(total / np.where(heard, share, 1.0)), np.nan)
    np.fill_diagonal(joint, 1.0)
    return joint


def _judge(comparison, voice, matrix, method, table, mend, progress):
    before = consistency_of(matrix, table)
    used, changes = matrix, []
    if mend and before.cr >= ACCEPTED:
        used, changes = repair(matrix, table, progress)
    return Judged(
        comparison,
        voice,
        used,
        weights_of(used, method),
        before,
        consistency_of(used, table) if changes else before,
        suspects(matrix, table),
        changes,
    )


class _Combination:
    """From local weights of all matrices to weights of the factors."""

    def __init__(self, hierarchy, aggregation, say, judged):
        self.hierarchy, self.aggregation = hierarchy, aggregation
        self.voices = {}
        for one in judged:
            self.voices.setdefault(one.voice, {})[one.comparison.name] = one
        self.say = {voice: say.get(voice, 1.0) for voice in self.voices}

    def local(self, changed=None, weights=None):
        return {
            voice: {name: weights if one is changed else one.weights for name, one in matrices.items()}
            for voice, matrices in self.voices.items()
        }

    def weights(self, changed=None, weights=None):
        """Weights of the factors as an array, and of factors and groups as a dict."""
        local = self.local(changed, weights)
        single = {voice: node_weights(self.hierarchy, local[voice]) for voice in local}
        if len(single) == 1:
            nodes = next(iter(single.values()))
            return np.array([nodes[factor] for factor in self.hierarchy.factors]), nodes
        factors = self.hierarchy.factors
        table = np.array([[single[voice][factor] for factor in factors] for voice in single])
        share = np.array([self.say[voice] for voice in single])[:, None]
        if self.aggregation == OF_WEIGHTS_ARITHMETIC:
            final = (share * table).sum(axis=0)
        else:
            final = np.exp((share * np.log(table)).sum(axis=0))
        final = final / final.sum()
        nodes = dict(zip(factors, final.tolist()))
        for comparison in reversed(self.hierarchy.comparisons):  # a group weighs what its members do
            if comparison.name:
                nodes[comparison.name] = math.fsum(nodes[member] for member in comparison.members)
        return final, nodes

    def ratios(self, voice):
        """Overall consistency ratio, and that of the comparisons of factors alone."""
        nodes = node_weights(self.hierarchy, {name: one.weights for name, one in self.voices[voice].items()})
        nodes[GOAL] = 1.0
        matrices = [(nodes[name], one) for name, one in self.voices[voice].items()]
        groups = {above for above in self.hierarchy.parent.values() if above}
        lowest = [(share, one) for share, one in matrices if not set(one.comparison.members) <= groups]
        return _overall(matrices), _overall(lowest)


def _overall(matrices):
    random = math.fsum(share * one.consistency.ri for share, one in matrices)
    return math.fsum(share * one.consistency.ci for share, one in matrices) / random if random > 1e-12 else 0.0


def node_weights(hierarchy, local):
    """Weights of factors and groups: local weights times the weight of the group, down from the goal.

    Parameters
    ----------
    hierarchy : ahp_tables.Hierarchy
    local : dict of str to ndarray
        Local weights by the comparison's name.
    """
    nodes = {}
    for comparison in hierarchy.comparisons:
        above = nodes[comparison.name] if comparison.name else 1.0
        for member, weight in zip(comparison.members, local[comparison.name]):
            nodes[member] = above * float(weight)
    return nodes


# sensitivity ------------------------------------------------------------------------------------------


def _influences(combine, judged, base, method, progress):
    """What one step of Saaty's scale, up and down, in each single judgement does to the weights."""
    low, high, found = base.copy(), base.copy(), []
    factors = combine.hierarchy.factors
    for number, one in enumerate(judged):
        progress(number / len(judged))
        for row, column in judged_pairs(one.matrix):
            progress.check()
            moved, factor, swaps = 0.0, "", []
            for step in (1.0, -1.0):
                place = position(one.matrix[row, column]) + step
                if abs(place) > TOP_OF_SCALE - 1:
                    continue
                trial = weights_of(put(one.matrix, row, column, at_position(place)), method)
                weights, _ = combine.weights(one, trial)
                low, high = np.minimum(low, weights), np.maximum(high, weights)
                shift = np.abs(weights - base)
                if 0.5 * shift.sum() > moved:
                    moved, factor = 0.5 * float(shift.sum()), factors[int(shift.argmax())]
                swaps += [pair for pair in _swaps(base, weights) if pair not in swaps]
            found.append(
                Influence(
                    one,
                    row,
                    column,
                    float(one.matrix[row, column]),
                    moved,
                    factor,
                    [(factors[a], factors[b]) for a, b in swaps],
                )
            )
    return sorted(found, key=lambda influence: -influence.moved), low, high


def _swaps(base, weights):
    """Pairs (a, b) of which a weighed more than b and now weighs less."""
    before, after = base[:, None] - base[None, :], weights[:, None] - weights[None, :]
    return [(int(a), int(b)) for a, b in zip(*np.nonzero((before > 1e-9) & (after < -1e-9)))]


# experts ----------------------------------------------------------------------------------------------


def _experts(hierarchy, say, method, table, progress):
    weights, ratios, judged = {}, {}, []
    for expert in hierarchy.experts:
        progress.check()
        own = []
        for comparison in hierarchy.comparisons:
            matrix = comparison.matrices.get(expert, empty_matrix(len(comparison.members)))
            if len(components(matrix)) == 1:
                own.append(_judge(comparison, expert, matrix, method, table, False, progress))
        judged += own
        if len(own) == len(hierarchy.comparisons):
            combination = _Combination(hierarchy, OF_WEIGHTS, {expert: 1.0}, own)
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
        say,
        weights,
        ratios,
        [one for one in judged if len(one.matrix) > 1],
        spreads(hierarchy.comparisons),
        concordance(list(weights.values())),
        compatibility,
        apart,
    )


# what to look at --------------------------------------------------------------------------------------


def _warnings(result):
    found = []
    for one in result.judged:
        if one.changes:
            told = "; ".join(
                f"{one.pair(c.row, c.column)} from {as_text(c.old)} to {as_text(c.new)}" for c in one.changes
            )
            found.append(
                f"The {one.subject} contradicted each other (consistency ratio {one.before.cr:.3g}). The repair "
                f"changed {told}; the ratio is now {one.consistency.cr:.3g}."
            )
        elif one.consistency.cr >= ACCEPTED:
            told = ""
            if one.suspects:
                worst = one.suspects[0]
                then = (
                    "no value on Saaty's scale lowers the ratio"
                    if worst.on_scale == worst.given
                    else f"with {as_text(worst.on_scale)} the ratio would be {worst.cr_on_scale:.3g}"
                )
                told = (
                    f" The one that fits worst is {one.pair(worst.row, worst.column)}, {as_text(worst.given)}; all "
                    f"others say {as_text(worst.implied)}; {then}."
                )
            found.append(
                f"The {one.subject} contradict each other: consistency ratio {one.consistency.cr:.3g}, and it "
                f"should be below {ACCEPTED:g}.{told}"
            )
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

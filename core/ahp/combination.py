"""From local weights of all matrices to weights of the factors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ..arrays import Floats
from .hierarchy import GOAL, Hierarchy
from .judged import Aggregation, JudgedMatrix


class Combination:
    """Weights of the factors, and the overall consistency ratio, from judged matrices.

    Parameters
    ----------
    hierarchy : Hierarchy
    aggregation : Aggregation
    shares : mapping of str to float
        Of each expert.
    judged : sequence of JudgedMatrix
    """

    def __init__(
        self,
        hierarchy: Hierarchy,
        aggregation: Aggregation,
        shares: Mapping[str, float],
        judged: Sequence[JudgedMatrix],
    ) -> None:
        self.hierarchy, self.aggregation = hierarchy, aggregation
        self.voices: dict[str, dict[str, JudgedMatrix]] = {}
        for one in judged:
            self.voices.setdefault(one.voice, {})[one.comparison.name] = one
        self._shares = {voice: shares.get(voice, 1.0) for voice in self.voices}

    def _local(self, changed: JudgedMatrix | None, weights: Floats | None) -> dict[str, dict[str, Floats]]:
        return {
            voice: {
                name: weights if one is changed and weights is not None else one.weights
                for name, one in matrices.items()
            }
            for voice, matrices in self.voices.items()
        }

    def weights(
        self, changed: JudgedMatrix | None = None, weights: Floats | None = None
    ) -> tuple[Floats, dict[str, float]]:
        """Weights of the factors as an array, and of factors and groups as a dict.

        Parameters
        ----------
        changed, weights : JudgedMatrix and float64 ndarray, optional
            A matrix, and local weights in place of its own.
        """
        local = self._local(changed, weights)
        single = {voice: node_weights(self.hierarchy, local[voice]) for voice in local}
        if len(single) == 1:
            nodes = next(iter(single.values()))
            return np.array([nodes[factor] for factor in self.hierarchy.factors]), nodes
        factors = self.hierarchy.factors
        table = np.array([[single[voice][factor] for factor in factors] for voice in single])
        share = np.array([self._shares[voice] for voice in single])[:, None]
        if self.aggregation is Aggregation.OF_WEIGHTS_ARITHMETIC:
            final = (share * table).sum(axis=0)
        else:
            final = np.exp((share * np.log(table)).sum(axis=0))
        final = final / final.sum()
        nodes = dict(zip(factors, final.tolist()))
        for comparison in reversed(self.hierarchy.comparisons):  # its members' weights add to the group's
            if comparison.name:
                nodes[comparison.name] = math.fsum(nodes[member] for member in comparison.members)
        return final, nodes

    def ratios(self, voice: str) -> tuple[float, float]:
        """Overall consistency ratio, and that of the comparisons of factors alone."""
        nodes = node_weights(self.hierarchy, {name: one.weights for name, one in self.voices[voice].items()})
        nodes[GOAL] = 1.0
        matrices = [(nodes[name], one) for name, one in self.voices[voice].items()]
        groups = {above for above in self.hierarchy.parent.values() if above}
        lowest = [(share, one) for share, one in matrices if not set(one.comparison.members) <= groups]
        return _overall(matrices), _overall(lowest)


def _overall(matrices: Sequence[tuple[float, JudgedMatrix]]) -> float:
    random = math.fsum(share * one.consistency.ri for share, one in matrices)
    return math.fsum(share * one.consistency.ci for share, one in matrices) / random if random > 1e-12 else 0.0


def node_weights(hierarchy: Hierarchy, local: Mapping[str, Floats]) -> dict[str, float]:
    """Weights of factors and groups: local weights times the weight of the group, down from the goal.

    Parameters
    ----------
    hierarchy : Hierarchy
    local : dict of str to ndarray
        Local weights by the comparison's name.
    """
    nodes: dict[str, float] = {}
    for comparison in hierarchy.comparisons:
        above = nodes[comparison.name] if comparison.name else 1.0
        for member, weight in zip(comparison.members, local[comparison.name]):
            nodes[member] = above * float(weight)
    return nodes

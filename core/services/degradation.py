"""Degradation of habitat by threats, and the share of its suitability that is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Float32s, Floats, Int16s
from ..grid.grid import Grid
from ..grid.row_blocks import row_blocks
from ..options import Option
from ..progress import SILENT, Progress
from .habitat_tables import Threat
from .threat_impact import DistanceRule, impact_of

Z = 2.5


class HalfSaturationTerm(Option):
    """The term of the half-saturation constant in ``Q = H (1 - D^z / (D^z + term))``."""

    TO_THE_Z = "k^z", "k^z"
    AS_PRINTED = "k^2 as printed", "k^2 as printed"


@dataclass(frozen=True)
class Saturation:
    """How quality falls with degradation.

    Parameters
    ----------
    k : float
        The half-saturation constant; 0 where nothing is degraded.
    term : HalfSaturationTerm
    """

    k: float
    term: HalfSaturationTerm

    def share_left(self, degradation: Floats) -> Floats:
        """The share of the suitability that is left at a degradation D."""
        harm = degradation**Z
        if not self.k > 0:
            return np.ones_like(harm)
        power = 2.0 if self.term is HalfSaturationTerm.AS_PRINTED else Z
        left: Floats = 1 - harm / (harm + self.k**power)
        return left


@dataclass(frozen=True)
class ThreatEffects:
    """How threats act on the cells of a map.

    Parameters
    ----------
    threats : sequence of Threat
        With their features read.
    factors : float64 array, shape (threat, class)
        Share of all weights times sensitivity.
    access : float32 array, optional
        beta in 0 to 1 on each cell.
    rule : DistanceRule
    """

    threats: Sequence[Threat]
    factors: Floats
    access: Float32s | None
    rule: DistanceRule


@dataclass(frozen=True)
class Degradation:
    """D of each cell, 0 where the map has no value.

    Parameters
    ----------
    total : float64 array
    parts : list of float32 array or None
        Of each threat, None for one that does not occur; empty unless kept.
    """

    total: Floats
    parts: list[Float32s | None]


def degradation_of(
    land_cover: Grid,
    rows: Int16s,
    effects: ThreatEffects,
    *,
    keep_parts: bool = False,
    progress: Progress = SILENT,
) -> Degradation:
    """Degradation ``D = sum_r (w_r / sum w) S_jr i_r beta`` of a land-cover map.

    Parameters
    ----------
    land_cover : grid.Grid
    rows : int16 array
        The class of each cell, as of `land_cover.class_rows`.
    effects : ThreatEffects
    keep_parts : bool
        Also the part of each threat.
    progress : Progress
    """
    total: Floats = np.zeros(land_cover.values.shape, dtype=np.float64)
    parts: list[Float32s | None] = []
    count, access = len(effects.threats), effects.access
    for number, threat in enumerate(effects.threats):
        part_progress = progress.part(number / count, (number + 1) / count)
        share = impact_of(threat, land_cover, effects.rule, progress=part_progress)
        part: Float32s | None = None
        if share is not None:
            factor = np.append(effects.factors[number], 0.0)  # the last serves cells without a class
            if keep_parts:
                part = np.empty(total.shape, dtype=np.float32)
            for block in row_blocks(total.shape[0], total.shape[1], part_progress):
                harm = factor[rows[block]] * share[block]
                total[block] += harm
                if part is not None:
                    part[block] = harm if access is None else harm * access[block]
        if keep_parts:
            parts.append(part)
    if access is not None:
        total *= access
    return Degradation(total, parts)

"""What each threat costs in habitat quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..arrays import Float32s
from ..grid.grid import Grid, float_grid
from ..grid.row_blocks import row_blocks
from ..progress import SILENT, Progress
from .degradation import Degradation, Saturation
from .habitat_tables import Threat, weight_shares

ALL_THREATS = "all threats"


@dataclass
class ThreatCost:
    """What one threat costs; areas are of quality 1, so 1 km2 lost is 2 km2 that fall from 1 to 0.5.

    Parameters
    ----------
    threat : str
    weight_share : float
        Its weight over the sum of all weights.
    degradation_share : float
        Its part of the sum of D over all cells; these add to 1.
    quality_lost_km2 : float
        Sum over the cells of (quality without this threat - quality with all) x cell area. Without a
        threat its term of D is left out; k and the weights of the others stay.
    loss_share : float or None
        ``quality_lost_km2`` over what all threats together cost, sum of (suitability - quality). These
        do not add to 1: quality is not linear in D, and where two threats would each be enough neither
        is missed alone. None where nothing is lost.
    """

    threat: str
    weight_share: float
    degradation_share: float
    quality_lost_km2: float
    loss_share: float | None


def threat_costs(
    threats: Sequence[Threat],
    degradation: Degradation,
    *,
    saturation: Saturation,
    suitability: Float32s,
    quality: Grid,
    progress: Progress = SILENT,
) -> tuple[list[ThreatCost], dict[str, Grid]]:
    """The cost of each threat, and of all together last; and maps of the quality lost, by threat.

    Parameters
    ----------
    threats : sequence of Threat
    degradation : Degradation
        With its parts kept.
    saturation : Saturation
    suitability : float32 array
        H of each cell.
    quality : grid.Grid
    progress : Progress
    """
    template, total = quality.template, degradation.total
    all_lost = all_harm = 0.0
    for block in row_blocks(*template.shape):
        all_lost += float(np.nansum(suitability[block].astype(np.float64) - quality.values[block]))
        all_harm += float(total[block].sum())
    area_km2 = template.cell_area_m2 / 1e6
    costs, maps = [], {}
    for number, (threat, part, weight) in enumerate(zip(threats, degradation.parts, weight_shares(threats))):
        cost: Float32s = np.where(np.isnan(quality.values), np.float32(np.nan), np.float32(0))
        lost = harm = 0.0
        part_progress = progress.part(number / len(threats), (number + 1) / len(threats))
        for block in row_blocks(*template.shape, part_progress):
            if part is None:
                continue
            without = np.maximum(total[block] - part[block], 0.0)
            change = suitability[block] * (saturation.share_left(without) - saturation.share_left(total[block]))
            cost[block] = np.where(part[block] > 0, change, cost[block])
            lost += float(np.nansum(cost[block], dtype=np.float64))
            harm += float(part[block].sum(dtype=np.float64))
        maps[threat.name] = float_grid(cost, template, f"quality lost to {threat.name}")
        costs.append(
            ThreatCost(
                threat.name,
                float(weight),
                harm / all_harm if all_harm else 0.0,
                lost * area_km2,
                lost / all_lost if all_lost else None,
            )
        )
    costs.append(ThreatCost(ALL_THREATS, 1.0, 1.0 if all_harm else 0.0, all_lost * area_km2, 1.0 if all_lost else None))
    return costs, maps

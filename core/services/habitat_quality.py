"""Habitat quality and degradation (Eq 1 of Feng, Bai & Wang 2024; InVEST guide, Habitat Quality).

A cell of class j is degraded by every threat r within its reach,
``D = sum_r (w_r / sum w) * S_jr * i_r * beta``, and keeps the quality
``Q = H_j * (1 - D^z / (D^z + k^z))`` with z = 2.5. ``i_r`` is what the distance rule makes of the
threat's decay: linear ``1 - d / d_max`` or exponential ``exp(-2.99 d / d_max)``, 0 beyond ``d_max``.
What one threat costs is the quality without its term of D, less the quality with all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Float32s, Floats, Int16s
from ..errors import InputError
from ..grid.grid import Grid, float_grid
from ..grid.row_blocks import row_blocks
from ..presets import Preset, conventions_text, settled
from ..progress import SILENT, Progress
from .accessibility import access_values
from .degradation import HalfSaturationTerm, Saturation, ThreatEffects, degradation_of
from .habitat_tables import HabitatTables, read_tables, weight_shares
from .land_cover import class_rows, values_by_class
from .rarity import rarity
from .threat_costs import ThreatCost, threat_costs
from .threat_impact import DistanceRule, require_in_reach


@dataclass(frozen=True)
class HabitatConventions:
    """What a preset settles.

    Parameters
    ----------
    distance_rule : DistanceRule
    exponent : HalfSaturationTerm
    half_saturation : float, optional
        k above 0; None: half of the highest degradation. That is the baseline's where one is given and all
        threats come from codes, else that of the map itself.

    Raises
    ------
    InputError
        A half-saturation constant that is not above 0.
    """

    distance_rule: DistanceRule = DistanceRule.NEAREST
    exponent: HalfSaturationTerm = HalfSaturationTerm.TO_THE_Z
    half_saturation: float | None = None

    def __post_init__(self) -> None:
        if self.half_saturation is not None and not self.half_saturation > 0:
            raise InputError(
                f"{self.half_saturation:g} is not above 0: give a number above 0, or leave it empty.",
                parameter="half_saturation",
                value=self.half_saturation,
            )


PRESETS = {
    Preset.RECOMMENDED: HabitatConventions(),
    Preset.AS_PUBLISHED: HabitatConventions(exponent=HalfSaturationTerm.AS_PRINTED),
    Preset.AS_INVEST: HabitatConventions(half_saturation=0.05),
}


@dataclass(frozen=True)
class HabitatChoices:
    """What a planner chooses beside maps and tables.

    Parameters
    ----------
    preset : Preset
        As published: k^2 in Eq 1 as printed; as InVEST 3.20: k = 0.05.
    distance_rule, exponent, half_saturation
        Take the place of the preset's where they are given; see `HabitatConventions`.
    with_costs : bool
        Whether to find also what each threat costs.

    Raises
    ------
    InputError
        A half-saturation constant that is not above 0.
    """

    preset: Preset = Preset.RECOMMENDED
    distance_rule: DistanceRule | None = None
    exponent: HalfSaturationTerm | None = None
    half_saturation: float | None = None
    with_costs: bool = False

    def __post_init__(self) -> None:
        settled(PRESETS, self.preset, **self._by_hand())

    @property
    def conventions(self) -> HabitatConventions:
        """The preset's, with those that were chosen by hand in their place."""
        return settled(PRESETS, self.preset, **self._by_hand())

    def _by_hand(self) -> dict[str, Any]:
        return {
            "distance_rule": self.distance_rule,
            "exponent": self.exponent,
            "half_saturation": self.half_saturation,
        }

    def text(self, k: float, origin: str) -> str:
        """The conventions in words, for the log, with the half-saturation constant that was used."""
        chosen = self.conventions
        phrases = {
            "distance_rule": f"distance rule '{chosen.distance_rule}'",
            "exponent": f"half-saturation term '{chosen.exponent}'",
            "half_saturation": f"half-saturation constant {k:.6g}{origin}",
        }
        return conventions_text(self.preset, phrases, self._by_hand())


@dataclass
class HabitatQuality:
    """The maps, and the half-saturation constant they were made with.

    ``rarity`` is None without a baseline; ``costs`` (a `ThreatCost` each, and a last one for all threats)
    and ``cost_maps`` (quality lost by threat) are None unless asked for.
    """

    quality: Grid
    degradation: Grid
    half_saturation: float
    rarity: Grid | None = None
    costs: list[ThreatCost] | None = None
    cost_maps: dict[str, Grid] | None = None


def habitat_quality(
    land_cover: Grid,
    *,
    tables: HabitatTables | None = None,
    choices: HabitatChoices | None = None,
    access: Grid | None = None,
    baseline: Grid | None = None,
    progress: Progress = SILENT,
) -> HabitatQuality:
    """Habitat quality and degradation of a land-cover map.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes; NaN or nodata outside the map.
    tables : HabitatTables, optional
        Of `habitat_tables.read_tables`; default the shipped ones for CLCD.
    choices : HabitatChoices, optional
    access : grid.Grid, optional
        beta in 0 to 1 on the cells of the land cover; 1 where it has no value. See
        `accessibility.access_of_areas`.
    baseline : grid.Grid, optional
        Land cover before, on the same cells: gives rarity, and k.
    progress : Progress

    Returns
    -------
    HabitatQuality
        float32 maps in 0 to 1; NaN where the land cover has no value.

    Notes
    -----
    About 30 bytes per cell of the map grown by the longest reach; with costs 8 more per cell and threat.
    """
    tables, choices, template = tables or read_tables(), choices or HabitatChoices(), land_cover.template
    conventions = choices.conventions
    threats = [threat.with_features(progress) for threat in tables.threats]
    require_in_reach(threats, template, progress=progress)
    rows = class_rows(land_cover, tables.codes, progress=progress.part(0, 0.05))
    factors: Floats = weight_shares(threats)[:, None] * tables.sensitivity.T
    effects = ThreatEffects(threats, factors, access_values(access, template), conventions.distance_rule)

    end = 0.9 if baseline is None else 0.5
    found = degradation_of(land_cover, rows, effects, keep_parts=choices.with_costs, progress=progress.part(0.05, end))
    k, origin = conventions.half_saturation, ""
    if k is None:
        k, origin = 0.5 * float(found.total.max()), " (half of the highest degradation)"
        if baseline is not None and _comes_from_codes(effects, progress):
            before = class_rows(baseline, tables.codes)
            highest = degradation_of(baseline, before, effects, progress=progress.part(end, 0.9)).total.max()
            k, origin = 0.5 * float(highest), " (half of the highest degradation of the baseline)"
    progress.log(
        f"Habitat quality, {choices.text(k, origin)}. Give this constant to every scenario "
        f"that is to be compared with this map."
    )
    saturation = Saturation(k, conventions.exponent)
    suitability = values_by_class(rows, tables.suitability)
    quality = suitability.copy() if choices.with_costs else suitability
    for block in row_blocks(*template.shape, progress.part(0.9, 0.97)):
        quality[block] *= saturation.share_left(found.total[block])
    result = HabitatQuality(
        float_grid(quality, template, "habitat quality"), _degradation_map(found.total, rows, land_cover), k
    )
    if baseline is not None:
        result.rarity = rarity(land_cover, baseline, progress=progress)
    if choices.with_costs:
        result.costs, result.cost_maps = threat_costs(
            threats,
            found,
            saturation=saturation,
            suitability=suitability,
            quality=result.quality,
            progress=progress.part(0.97, 1.0),
        )
    return result


def _comes_from_codes(effects: ThreatEffects, progress: Progress) -> bool:
    """Whether all threats come from codes, so that those of the baseline are known; logs if not."""
    if all(isinstance(threat.place, list) for threat in effects.threats):
        return True
    progress.log(
        "The half-saturation constant is that of this map, not of the baseline: its threat layers are "
        "those of today. Give the constant of the baseline's own run to compare the two."
    )
    return False


def _degradation_map(total: Floats, rows: Int16s, land_cover: Grid) -> Grid:
    values: Float32s = total.astype(np.float32)
    values[rows < 0] = np.nan
    return float_grid(values, land_cover.template, "habitat degradation")

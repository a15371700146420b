"""Soil erodibility K and plant-available water from texture and organic carbon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..arrays import Float32s, Floats, Ints
from ..errors import InputError
from ..grid.blocks import ArrayOutput, BlockInput, BlockOutput, GridInput, InvalidCells, require_same_cells, run
from ..grid.grid import Grid, Window, float_grid
from ..options import Option
from ..progress import SILENT, Progress


class ShareUnit(Option):
    """Unit of a share of the soil's mass."""

    PERCENT = "%", "%"
    G_PER_KG = "g/kg", "g/kg"
    DG_PER_KG = "dg/kg", "dg/kg"
    FRACTION = "fraction", "fraction"


class CarbonKind(Option):
    """What a map of organic carbon holds; organic matter is divided by 1.724."""

    ORGANIC_CARBON = "organic carbon", "organic carbon"
    ORGANIC_MATTER = "organic matter", "organic matter"


class Correction(Option):
    """What is made of EPIC's erodibility.

    The regression on plots in China (Zhang K. et al. 2008, J. Arid Environ. 72: 1002) is printed for K in SI and
    for K in US units; which of the two is meant could not be settled (a printed example without unit: ChinaXiv
    202006.00113).
    """

    NONE = "none: EPIC", "none: EPIC"
    CHINA_SI = "China: -0.01383 + 0.51575 K, K in SI units", "China: -0.01383 + 0.51575 K, K in SI units"
    CHINA_US = (
        "China: (-0.01383 + 0.51575 K) x 0.1317, K in US units",
        "China: (-0.01383 + 0.51575 K) x 0.1317, K in US units",
    )


_PERCENT_PER = {
    ShareUnit.PERCENT: 1.0,
    ShareUnit.G_PER_KG: 0.1,
    ShareUnit.DG_PER_KG: 0.01,
    ShareUnit.FRACTION: 100.0,
}

MATTER_PER_CARBON = 1.724

_SI_PER_US = 0.1317

_HIGHEST_CARBON = 60.0


@dataclass(frozen=True)
class SoilUnits:
    """What the soil maps are in.

    Parameters
    ----------
    texture : ShareUnit
        Of sand, silt and clay; SoilGrids gives g/kg.
    carbon : ShareUnit
        Of organic carbon; SoilGrids gives dg/kg.
    carbon_kind : CarbonKind
    """

    texture: ShareUnit = ShareUnit.PERCENT
    carbon: ShareUnit = ShareUnit.PERCENT
    carbon_kind: CarbonKind = CarbonKind.ORGANIC_CARBON


@dataclass(frozen=True)
class SoilInputs:
    """The soil maps as inputs of `blocks.run`, all on the same cells.

    Parameters
    ----------
    sand, silt, clay, organic_carbon : BlockInput
        Such as `warping.AlignedRaster`.
    """

    sand: BlockInput
    silt: BlockInput
    clay: BlockInput
    organic_carbon: BlockInput

    @classmethod
    def of_grids(cls, *, sand: Grid, silt: Grid, clay: Grid, organic_carbon: Grid) -> SoilInputs:
        """Of maps in memory."""
        return cls(GridInput(sand), GridInput(silt), GridInput(clay), GridInput(organic_carbon))

    @property
    def maps(self) -> list[BlockInput]:
        """All four, organic carbon last."""
        return [self.sand, self.silt, self.clay, self.organic_carbon]


class SoilProperty(Protocol):
    """What is computed from soil maps: `Erodibility` or `AvailableWater`; made anew for each map."""

    name: str

    def of_part(self, percent: Sequence[Float32s]) -> Float32s:
        """The property from sand, silt, clay and organic carbon in %; NaN where one has no value."""

    def check(self) -> None:
        """Refuse, once all parts are computed, what the formula is not defined for."""

    def log(self, progress: Progress) -> None:
        """Log the formula, and warn of values outside its range."""


def soil_erodibility(
    soil: SoilInputs,
    *,
    units: SoilUnits | None = None,
    correction: Correction = Correction.NONE,
    progress: Progress = SILENT,
) -> Grid:
    """Soil erodibility K by EPIC (Williams 1995), in t ha h / (ha MJ mm), whole in memory.

    With sand, silt, clay and organic carbon C in %, SN = 1 - sand / 100::

        K = (0.2 + 0.3 exp(-0.0256 sand (1 - silt / 100))) (silt / (clay + silt))^0.3
            (1 - 0.25 C / (C + exp(3.72 - 2.95 C))) (1 - 0.7 SN / (SN + exp(-5.51 + 22.9 SN)))

    in US units, times 0.1317 to SI. Formula and factor as reprinted in Authorea 435222 (after Yang et al. 2003).

    Parameters
    ----------
    soil : SoilInputs
    units : SoilUnits, optional
        Default per cent.
    correction : Correction
    progress : Progress

    Returns
    -------
    grid.Grid
        float32; NaN where an input has no value.

    Raises
    ------
    InputError
        As `soil_blocks`; clay + silt = 0 somewhere, where EPIC is not defined.
    """
    return _whole_map(soil, Erodibility(correction), units=units, progress=progress)


def plant_available_water(soil: SoilInputs, *, units: SoilUnits | None = None, progress: Progress = SILENT) -> Grid:
    """Plant-available water content as a share of the soil's volume (Zhou et al. 2005, a regression).

    With sand, silt, clay and organic matter OM = 1.724 C in %::

        54.509 - 0.132 sand - 0.003 sand^2 - 0.055 silt - 0.006 silt^2 - 0.738 clay + 0.007 clay^2
        - 2.688 OM + 0.501 OM^2

    in %, as reprinted by Wu et al. (2022), J. Arid Land 14 (ChinaXiv 202205.00019). Whole in memory.

    Parameters
    ----------
    soil : SoilInputs
    units : SoilUnits, optional
        Default per cent.
    progress : Progress

    Returns
    -------
    grid.Grid
        float32, 0 to 1. Where the regression leaves 0 to 100 % (it is a parabola in organic matter) the value
        is set to the nearer end and the log counts the cells. NaN where an input has no value.
    """
    return _whole_map(soil, AvailableWater(), units=units, progress=progress)


def _whole_map(soil: SoilInputs, kind: SoilProperty, *, units: SoilUnits | None, progress: Progress) -> Grid:
    template = soil.sand.template
    output = ArrayOutput(template)
    soil_blocks(soil, kind, units=units, output=output, progress=progress)
    return float_grid(output.values, template, kind.name)


def soil_blocks(
    soil: SoilInputs,
    kind: SoilProperty,
    *,
    units: SoilUnits | None = None,
    output: BlockOutput | None,
    progress: Progress = SILENT,
) -> None:
    """A map from soil maps of any size.

    Parameters
    ----------
    soil : SoilInputs
    kind : Erodibility or AvailableWater
    units : SoilUnits, optional
        Default per cent.
    output : writing.RasterWriter, blocks.ArrayOutput or None
    progress : Progress

    Raises
    ------
    InputError
        A share outside 0 to 100 %, organic carbon above 60 %, or texture that does not add to about 100 %
        on most cells; what ``kind`` refuses.
    """
    require_same_cells(soil.maps)
    percent = _PercentMaps([each.name for each in soil.maps], units or SoilUnits())

    def step(part: Window, *grids: Grid) -> tuple[Float32s] | None:
        maps = percent.of_part(part, grids, progress)
        return None if maps is None else (kind.of_part(maps),)

    def check() -> None:
        percent.check(progress)
        kind.check()

    run(soil.maps, step, [output], check=check, progress=progress)
    kind.log(progress)


class _PercentMaps:
    """Turns soil maps into per cent of mass, and gathers what only the whole map shows of their units."""

    def __init__(self, names: Sequence[str], units: SoilUnits) -> None:
        self._names, self._kind = names, units.carbon_kind
        self._units = [units.texture] * 3 + [units.carbon]
        self._highest = [100.0] * 3 + [_HIGHEST_CARBON]
        self._invalid = [InvalidCells() for _ in names]
        self._off = 0
        self._cells_by_sum: Ints = np.zeros(0, dtype=np.int64)  # of the texture, in hundredths of a per cent

    def of_part(self, window: Window, grids: Sequence[Grid], progress: Progress) -> list[Float32s] | None:
        """The maps in per cent; None once an impossible value was found."""
        maps = []
        for number, grid in enumerate(grids):
            percent: Float32s = grid.floats() * np.float32(_PERCENT_PER[self._units[number]])
            if number == 3 and self._kind is CarbonKind.ORGANIC_MATTER:
                percent /= np.float32(MATTER_PER_CARBON)
            invalid = (percent < 0) | (percent > self._highest[number] * 1.0001)
            self._invalid[number].add(window, grid.values, invalid)
            maps.append(percent)
            progress.check()
        if any(found.count for found in self._invalid):
            return None
        total = maps[0] + maps[1] + maps[2]
        known = np.isfinite(total)
        counts = np.bincount(np.rint(total[known] * 100).astype(np.int64), minlength=self._cells_by_sum.size)
        counts[: self._cells_by_sum.size] += self._cells_by_sum
        self._cells_by_sum = counts
        self._off += int(np.count_nonzero(known & (np.abs(total - 100) > 5)))
        return maps

    def check(self, progress: Progress) -> None:
        """Refuse impossible shares and units that cannot be right; warn of texture that does not add to 100 %."""
        for name, unit, highest, found in zip(self._names, self._units, self._highest, self._invalid):
            if found.count:
                raise InputError(
                    f"Raster '{name}' holds {found.first:g} {unit} on {found.count} cell(s), outside 0 to "
                    f"{highest:g} % of the soil: choose the unit that it is in, or correct its nodata "
                    f"value.",
                    layer=name,
                    value=found.first,
                )
        sand, silt, clay, _ = self._names
        below = np.cumsum(self._cells_by_sum)
        if not below.size:
            raise InputError(
                f"No cell has a value in all of {sand}, {silt} and {clay}: choose maps of one area, or "
                f"correct their nodata values."
            )
        median = np.searchsorted(below, [(below[-1] + 1) // 2, below[-1] // 2 + 1]).mean() / 100
        if not 80 <= median <= 120:
            raise InputError(
                f"Sand, silt and clay ({sand}, {silt}, {clay}) add to {median:.3g} % in the middle where "
                f"100 % is expected: choose another unit than {self._units[0]}, or check that the three "
                f"maps belong together."
            )
        if self._off:
            progress.warn(
                f"Sand, silt and clay add to less than 95 or more than 105 % on {self._off} cell(s); they "
                f"are used as they are."
            )


class Erodibility:
    """`soil_erodibility` of parts of a map.

    Parameters
    ----------
    correction : Correction
    """

    name = "soil erodibility"

    def __init__(self, correction: Correction = Correction.NONE) -> None:
        self._correction = correction
        self._undefined = self._raised = 0

    def of_part(self, percent: Sequence[Float32s]) -> Float32s:
        """K from sand, silt, clay and organic carbon in %."""
        sand, silt, clay, carbon = _doubles(percent)
        undefined = silt + clay == 0
        self._undefined += int(np.count_nonzero(undefined))
        rest = 1 - sand / 100
        k = (
            (0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100)))
            * (silt / np.where(undefined, 1, clay + silt)) ** 0.3
            * (1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon)))
            * (1 - 0.7 * rest / (rest + np.exp(-5.51 + 22.9 * rest)))
        )
        if self._correction is Correction.CHINA_US:
            k = -0.01383 + 0.51575 * k
        k *= _SI_PER_US
        if self._correction is Correction.CHINA_SI:
            k = -0.01383 + 0.51575 * k
        with np.errstate(invalid="ignore"):
            self._raised += int(np.count_nonzero(k < 0))
        erodibility: Float32s = np.maximum(k, 0).astype(np.float32)
        return erodibility

    def check(self) -> None:
        """Refuse cells without silt and clay."""
        if self._undefined:
            raise InputError(
                f"Silt and clay are both 0 on {self._undefined} cell(s), where EPIC's erodibility is not "
                f"defined: give such cells (water, rock, towns) no value in the soil maps."
            )

    def log(self, progress: Progress) -> None:
        """Log formula, source and correction; warn of cells that were raised to 0."""
        correction = self._correction
        progress.log(
            f"Soil erodibility: EPIC (Williams 1995) x {_SI_PER_US} to SI, t ha h / (ha MJ mm), as reprinted "
            f"in Authorea 435222; correction: {correction}"
            + (
                "."
                if correction is Correction.NONE
                else " (Zhang K. et al. 2008, J. Arid Environ. 72: 1002; the paper was not opened)."
            )
        )
        if self._raised:
            progress.warn(
                f"The correction for China gives an erodibility below 0 on {self._raised} cell(s); it was "
                f"raised to 0 there."
            )


class AvailableWater:
    """`plant_available_water` of parts of a map."""

    name = "plant-available water"

    def __init__(self) -> None:
        self._beyond = self._high = 0

    def of_part(self, percent: Sequence[Float32s]) -> Float32s:
        """A share, 0 to 1, from sand, silt, clay and organic carbon in %."""
        sand, silt, clay, carbon = _doubles(percent)
        matter = MATTER_PER_CARBON * carbon
        water = (
            54.509
            - 0.132 * sand
            - 0.003 * sand**2
            - 0.055 * silt
            - 0.006 * silt**2
            - 0.738 * clay
            + 0.007 * clay**2
            - 2.688 * matter
            + 0.501 * matter**2
        )
        with np.errstate(invalid="ignore"):
            self._beyond += int(np.count_nonzero((water < 0) | (water > 100)))
            self._high += int(np.count_nonzero(water > 40))
        share: Float32s = np.clip(water / 100, 0, 1).astype(np.float32)
        return share

    def check(self) -> None:
        """Any soil has a value."""

    def log(self, progress: Progress) -> None:
        """Log the source; warn of values outside what the regression is made for."""
        progress.log(
            "Plant-available water: regression of Zhou et al. (2005), as reprinted by Wu et al. (2022), J. "
            "Arid Land 14."
        )
        if self._beyond:
            progress.warn(
                f"The regression leaves 0 to 100 % on {self._beyond} cell(s); the nearer end was taken there."
            )
        if self._high:
            progress.warn(
                f"Plant-available water is above 40 % on {self._high} cell(s), more than soils hold: the "
                f"regression is not made for so much organic matter; check its unit."
            )


def _doubles(percent: Sequence[Float32s]) -> tuple[Floats, ...]:
    return tuple(values.astype(np.float64) for values in percent)

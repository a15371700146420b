"""Soil erodibility K and plant-available water from texture."""

import numpy as np

from ..errors import InputError
from ..grid.blocks import InvalidCells, require_same_cells, run
from ..grid.grid import Window, float_grid
from ..grid.row_blocks import row_blocks
from ..progress import SILENT

UNITS = ("%", "g/kg", "dg/kg", "fraction")

_PERCENT_PER = {"%": 1.0, "g/kg": 0.1, "dg/kg": 0.01, "fraction": 100.0}

ORGANIC_CARBON, ORGANIC_MATTER = CARBON_KINDS = ("organic carbon", "organic matter")

MATTER_PER_CARBON = 1.724

EPIC, CHINA_SI, CHINA_US = CORRECTIONS = (
    "none: EPIC",
    "China: -0.01383 + 0.51575 K, K in SI units",
    "China: (-0.01383 + 0.51575 K) x 0.1317, K in US units",
)

_SI_PER_US = 0.1317

_HIGHEST_CARBON = 60.0


class Soil:
    """Texture and organic carbon in per cent of mass, checked; see `soil`."""

    def __init__(self, template, sand, silt, clay, carbon):
        self.template, self.sand, self.silt, self.clay, self.carbon = template, sand, silt, clay, carbon


def soil(
    sand, silt, clay, organic_carbon, texture_unit="%", carbon_unit="%", carbon_kind=ORGANIC_CARBON, progress=SILENT
):
    """Soil maps in one unit.

    Parameters
    ----------
    sand, silt, clay : grid.Grid
        In ``texture_unit``, on the same cells; SoilGrids gives g/kg.
    organic_carbon : grid.Grid
        In ``carbon_unit``; SoilGrids gives dg/kg.
    texture_unit, carbon_unit : str
        One of ``UNITS``.
    carbon_kind : str
        ``organic matter`` is divided by 1.724.

    Returns
    -------
    Soil

    Raises
    ------
    InputError
        A share outside 0 to 100 %, organic carbon above 60 %, or texture that does not add to about 100 %
        on most cells.

    Notes
    -----
    16 bytes per cell.
    """
    grids = (sand, silt, clay, organic_carbon)
    require_same_cells(grids)
    found = _SoilCheck([grid.name for grid in grids], texture_unit, carbon_unit, carbon_kind)
    maps = found.add(Window(0, 0, *sand.values.shape), grids, progress)
    found.check(progress)
    return Soil(sand.template, *maps)


class _SoilCheck:
    """Soil maps turned into per cent, and what only the whole map shows of their units."""

    def __init__(self, names, texture_unit, carbon_unit, carbon_kind):
        self._names, self._kind = names, carbon_kind
        self._units = [texture_unit] * 3 + [carbon_unit]
        self._highest = [100.0] * 3 + [_HIGHEST_CARBON]
        self._wrong = [InvalidCells() for _ in names]
        self._off, self._hundredths = 0, np.zeros(0, dtype=np.int64)  # cells by the sum of the texture

    def add(self, window, grids, progress=SILENT):
        """The maps in per cent, float32; None once a value that cannot be was found."""
        maps = []
        for number, (grid, unit, highest, found) in enumerate(zip(grids, self._units, self._highest, self._wrong)):
            percent = grid.floats() * np.float32(_PERCENT_PER[unit])
            if number == 3 and self._kind == ORGANIC_MATTER:
                percent /= np.float32(MATTER_PER_CARBON)
            found.add(window, grid.values, (percent < 0) | (percent > highest * 1.0001))
            maps.append(percent)
            progress.check()
        if any(found.count for found in self._wrong):
            return None
        total = maps[0] + maps[1] + maps[2]
        known = np.isfinite(total)
        counts = np.bincount(np.rint(total[known] * 100).astype(np.int64), minlength=self._hundredths.size)
        counts[: self._hundredths.size] += self._hundredths
        self._hundredths = counts
        self._off += np.count_nonzero(known & (np.abs(total - 100) > 5))
        return maps

    def check(self, progress):
        sand, silt, clay, _ = self._names
        for name, unit, highest, found in zip(self._names, self._units, self._highest, self._wrong):
            if found.count:
                raise InputError(
                    f"Raster '{name}' holds {found.first:g} {unit} on {found.count} cell(s), outside 0 to "
                    f"{highest:g} % of the soil: choose the unit that it is in, or correct its nodata "
                    f"value."
                )
        below = np.cumsum(self._hundredths)
        if not below.size:
            raise InputError(
                f"No cell has a value in all of {sand}, {silt} and {clay}: choose maps of one area, or "
                f"correct their nodata values."
            )
        middle = np.searchsorted(below, [(below[-1] + 1) // 2, below[-1] // 2 + 1]).mean() / 100
        if not 80 <= middle <= 120:
            raise InputError(
                f"Sand, silt and clay ({sand}, {silt}, {clay}) add to {middle:.3g} % in the middle where "
                f"100 % is expected: choose another unit than {self._units[0]}, or check that the three "
                f"maps belong together."
            )
        if self._off:
            progress.warn(
                f"Sand, silt and clay add to less than 95 or more than 105 % on {self._off} cell(s); they "
                f"are used as they are."
            )


def soil_blocks(inputs, units, kind_of_map, output, progress=SILENT):
    """A map from soil maps of any size: `soil` and what is computed from it in one.

    Parameters
    ----------
    inputs : sequence of 4
        Sand, silt, clay and organic carbon as inputs of `blocks.run`.
    units : (texture_unit, carbon_unit, carbon_kind)
        As for `soil`.
    kind_of_map : Erodibility or AvailableWater
    output : writing.RasterWriter, blocks.ArrayOutput or None
    """
    require_same_cells(inputs)
    found = _SoilCheck([each.name for each in inputs], *units)

    def step(part, *grids):
        maps = found.add(part, grids)
        return None if maps is None else (kind_of_map.of(*maps),)

    def check():
        found.check(progress)
        kind_of_map.refuse()

    run(inputs, step, [output], check=check, progress=progress)
    kind_of_map.tell(progress)


def _whole(soil, kind_of_map, name, progress):
    result = np.empty(soil.template.shape, dtype=np.float32)
    for block in row_blocks(*result.shape, progress):
        result[block] = kind_of_map.of(*(values[block] for values in (soil.sand, soil.silt, soil.clay, soil.carbon)))
    kind_of_map.refuse()
    kind_of_map.tell(progress)
    return float_grid(result, soil.template, name)


def soil_erodibility(soil, correction=EPIC, progress=SILENT):
    """Soil erodibility K by EPIC (Williams 1995), in t ha h / (ha MJ mm).

    With sand, silt, clay and organic carbon C in %, SN = 1 - sand / 100::

        K = (0.2 + 0.3 exp(-0.0256 sand (1 - silt / 100))) (silt / (clay + silt))^0.3
            (1 - 0.25 C / (C + exp(3.72 - 2.95 C))) (1 - 0.7 SN / (SN + exp(-5.51 + 22.9 SN)))

    in US units, times 0.1317 to SI. Formula and factor as reprinted in Authorea 435222 (after Yang et al. 2003).

    Parameters
    ----------
    soil : Soil
    correction : str
        One of ``CORRECTIONS``: none, or the regression on plots in China (Zhang K. et al. 2008, J. Arid
        Environ. 72: 1002), which is printed for K in SI and for K in US units; which of the two is meant could
        not be settled (a printed example without unit: ChinaXiv 202006.00113).

    Returns
    -------
    grid.Grid
        float32; NaN where an input has no value.

    Raises
    ------
    InputError
        Clay + silt = 0 somewhere, where EPIC is not defined.
    """
    return _whole(soil, Erodibility(correction), "soil erodibility", progress)


class Erodibility:
    """`soil_erodibility` of parts of a map, and what is told of the whole."""

    def __init__(self, correction=EPIC):
        self._correction, self._neither, self._raised = correction, 0, 0

    def of(self, *maps):
        """float32, from sand, silt, clay and carbon in %."""
        sand, silt, clay, carbon = (values.astype(np.float64) for values in maps)
        neither = silt + clay == 0
        self._neither += np.count_nonzero(neither)
        rest = 1 - sand / 100
        k = (
            (0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100)))
            * (silt / np.where(neither, 1, clay + silt)) ** 0.3
            * (1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon)))
            * (1 - 0.7 * rest / (rest + np.exp(-5.51 + 22.9 * rest)))
        )
        if self._correction == CHINA_US:
            k = -0.01383 + 0.51575 * k
        k *= _SI_PER_US
        if self._correction == CHINA_SI:
            k = -0.01383 + 0.51575 * k
        with np.errstate(invalid="ignore"):
            self._raised += np.count_nonzero(k < 0)
        return np.maximum(k, 0).astype(np.float32)

    def refuse(self):
        if self._neither:
            raise InputError(
                f"Silt and clay are both 0 on {self._neither} cell(s), where EPIC's erodibility is not "
                f"defined: give such cells (water, rock, towns) no value in the soil maps."
            )

    def tell(self, progress):
        correction = self._correction
        progress.log(
            f"Soil erodibility: EPIC (Williams 1995) x {_SI_PER_US} to SI, t ha h / (ha MJ mm), as reprinted "
            f"in Authorea 435222; correction: {correction}"
            + (
                "."
                if correction == EPIC
                else " (Zhang K. et al. 2008, J. Arid Environ. 72: 1002; the paper was not opened)."
            )
        )
        if self._raised:
            progress.warn(
                f"The correction for China gives an erodibility below 0 on {self._raised} cell(s); it was "
                f"raised to 0 there."
            )


def plant_available_water(soil, progress=SILENT):
    """Plant-available water content as a share of the soil's volume (Zhou et al. 2005, a regression).

    With sand, silt, clay and organic matter OM = 1.724 C in %::

        54.509 - 0.132 sand - 0.003 sand^2 - 0.055 silt - 0.006 silt^2 - 0.738 clay + 0.007 clay^2
        - 2.688 OM + 0.501 OM^2

    in %, as reprinted by Wu et al. (2022), J. Arid Land 14 (ChinaXiv 202205.00019).

    Parameters
    ----------
    soil : Soil

    Returns
    -------
    grid.Grid
        float32, 0 to 1. Where the regression leaves 0 to 100 % (it is a parabola in organic matter) the value
        is set to the nearer end and the log counts the cells. NaN where an input has no value.
    """
    return _whole(soil, AvailableWater(), "plant-available water", progress)


class AvailableWater:
    """`plant_available_water` of parts of a map, and what is told of the whole."""

    def __init__(self):
        self._beyond = self._high = 0

    def of(self, *maps):
        """float32, from sand, silt, clay and carbon in %."""
        sand, silt, clay, carbon = (values.astype(np.float64) for values in maps)
        matter = MATTER_PER_CARBON * carbon
        percent = (
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
            self._beyond += np.count_nonzero((percent < 0) | (percent > 100))
            self._high += np.count_nonzero(percent > 40)
        return np.clip(percent / 100, 0, 1).astype(np.float32)

    def refuse(self):
        """Any soil has a value."""

    def tell(self, progress):
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

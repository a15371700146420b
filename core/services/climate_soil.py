"""Climate and soil maps that the services need, from the maps that planners hold.

- rainfall erosivity R from monthly or annual rain,
- soil erodibility K from texture and organic carbon (EPIC; Williams 1995),
- plant-available water from the same (Zhou et al. 2005).
"""

import numpy as np
from osgeo import gdal

from .. import blocks, raster
from ..crs import gdal_exceptions
from ..errors import InputError
from ..progress import SILENT
from ..raster import float_grid
from .land_cover import row_blocks

# rainfall erosivity -------------------------------------------------------------------------------

ZHANG_FU, ZHANG_FU_ANNUAL, WISCHMEIER, WISCHMEIER_SI, WISCHMEIER_SMALL = EROSIVITY_METHODS = (
    "Zhang & Fu 2003, monthly rain",
    "Zhang & Fu 2003, annual rain",
    "Wischmeier form, 0.8188, as printed",
    "Wischmeier form, 0.8188, x 9.81 to SI",
    "Wischmeier form, 0.08188, as printed",
)

_SI = "MJ mm / (ha h a)"
# formula, unit, where it comes from
_EROSIVITY_SOURCES = {
    ZHANG_FU: (
        "0.3589 F^1.9462, F = sum of p^2 / P over the months",
        _SI,
        "Zhang & Fu (2003), Resources Science 25(1): 35; coefficients as this literature quotes them, the paper "
        "itself was not opened",
    ),
    ZHANG_FU_ANNUAL: (
        "0.0534 P^1.6548",
        _SI,
        "Zhang & Fu (2003), Resources Science 25(1): 35; coefficients as this literature quotes them, "
        "the paper itself was not opened",
    ),
    WISCHMEIER: (
        "sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188) over the months",
        "of doubt: in use beside SI values of R, though the factor 1.735 = 17.02 / 9.81 turns US units into "
        "hundreds of metric tonne-metres x cm / (ha h a)",
        "Wischmeier & Smith, as Ma, Jia & Hua print it (ChinaXiv 201811.00038)",
    ),
    WISCHMEIER_SI: (
        "9.81 x sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188) over the months",
        _SI,
        "Wischmeier & Smith, as Ma, Jia & Hua print it (ChinaXiv 201811.00038); 9.81 turns metric tonnes "
        "into SI, because 1.735 x 9.81 = 17.02, the factor from US units to SI",
    ),
    WISCHMEIER_SMALL: (
        "sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.08188) over the months",
        "of doubt: given as MJ mm / (ha h a); 0.08188 is probably a slip for 0.8188, which makes R 5.46 times larger",
        "as He, Dai & Chen print the constant (ChinaXiv 202011.00127), after Wischmeier & Smith",
    ),
}
_HUMID_MM, _LOW_R = 600.0, 500.0
_TOO_HIGH_MM = 15000.0


def read_rain(sources, template, method=ZHANG_FU, progress=SILENT):
    """Rain on a template's cells, month by month.

    Parameters
    ----------
    sources : list of raster.RasterSource
        Twelve rasters, one raster of twelve bands, or, for the annual form, one of one band.
    template : raster.Template
    method : str

    Yields
    ------
    raster.Grid
        mm, twelve times, or once for annual rain.

    Raises
    ------
    InputError
        Another number of rasters or bands, or negative rain, naming the raster and its band.
    """
    months = _months(sources, method)
    for number, source in enumerate(months):
        part = progress.part(number / len(months), (number + 1) / len(months))
        grid = raster.align(source, template, raster.QUANTITY, part if number == 0 else part.quiet())
        rain = _RainCheck(source, len(sources) == 1)
        rain.add(raster.Window(0, 0, *template.shape), grid)
        rain.refuse()
        yield grid
        progress((number + 1) / len(months))


def _months(sources, method):
    months = [
        raster.RasterSource(source.path, source.name, source.crs, band + 1)
        for source in sources
        for band in range(_bands(source))
    ]
    if len(months) != 12 and not (len(months) == 1 and method == ZHANG_FU_ANNUAL):
        named = ", ".join(source.name for source in sources[:5])
        once = " (or one band of annual rain)" if method == ZHANG_FU_ANNUAL else ""
        raise InputError(
            f"Rain is given as {len(sources)} raster(s) with {len(months)} band(s) in all ({named}): "
            f"'{method}' needs the twelve months, as twelve rasters or as one of twelve bands{once}."
        )
    return months


class _RainCheck:
    """Rain of a month that cannot be, over the whole map."""

    def __init__(self, source, name_band):
        self._name = f"Raster '{source.name}'" + (f", band {source.band}," if name_band else "")
        self.below, self.above = blocks.Wrong(), blocks.Wrong()

    def add(self, window, grid):
        valid = grid.valid
        self.below.add(window, grid.values, valid & (grid.values < 0))
        self.above.add(window, grid.values, valid & (grid.values > _TOO_HIGH_MM))
        return self.below.count or self.above.count

    def refuse(self):
        for wrong, mend in (
            (self.below, "and rain cannot be negative: correct the raster or its nodata value."),
            (self.above, "more rain than falls anywhere in a year: give mm, or correct its nodata value."),
        ):
            if wrong.count:
                raise InputError(f"{self._name} holds {wrong.first:g} on {wrong.count} cell(s), {mend}")


def _bands(source):
    with gdal_exceptions():
        try:
            return gdal.Open(source.path).RasterCount
        except RuntimeError:
            return 1  # align says what is wrong


def rainfall_erosivity(months, method=ZHANG_FU, progress=SILENT):
    """Rainfall erosivity R of an average year.

    Parameters
    ----------
    months : iterable of raster.Grid
        mm, twelve months on the same cells in any order; for the annual form also one map of the year.
    method : str
        One of ``EROSIVITY_METHODS``; p is a month's rain and P the year's:

        - Zhang & Fu (2003), monthly: ``0.3589 F^1.9462``, ``F = sum(p^2) / P``; default.
        - Zhang & Fu (2003), annual: ``0.0534 P^1.6548``.
        - the Wischmeier form of Chinese studies: ``sum 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188)``, as printed;
          times 9.81 (1.735 x 9.81 = 17.02, the factor from US units to SI); or with 0.08188.

    Returns
    -------
    erosivity, annual : raster.Grid
        float32, R in MJ mm / (ha h a) but for the forms as printed, whose unit is in doubt, and P in mm. NaN
        where any month has no value; 0 where it never rains.

    Notes
    -----
    24 bytes per cell beyond the results.
    """
    total, power, template = _rain_sums(months, method, progress)
    erosivity = _erosivity(total, power, method)
    found = _ErosivityTold(method)
    found.add(erosivity, total)
    found.refuse()
    found.tell(progress)
    return float_grid(erosivity, template, "rainfall erosivity"), float_grid(total, template, "annual rain")


def rainfall_erosivity_blocks(sources, template, output, output_annual, method=ZHANG_FU, progress=SILENT):
    """Rainfall erosivity and annual rain for maps of any size: `read_rain` and `rainfall_erosivity` in one.

    Parameters
    ----------
    sources, template, method
        As for `read_rain`.
    output, output_annual : raster.RasterWriter, blocks.Array or None
        None where the map is not wanted.
    """
    months = _months(sources, method)
    checks = [_RainCheck(source, len(sources) == 1) for source in months]
    inputs = [raster.AlignedRaster(source, template) for source in months]
    inputs[1:] = [blocks.Quiet(month) for month in inputs[1:]]
    found = _ErosivityTold(method)

    def step(part, *grids):
        if any([each.add(part, grid) for each, grid in zip(checks, grids)]):
            return None
        total, power, _ = _rain_sums(grids, method)
        erosivity = _erosivity(total, power, method)
        found.add(erosivity, total)
        return erosivity, total

    def check():
        for each in checks:
            each.refuse()
        found.refuse()

    blocks.run(inputs, step, [output, output_annual], check, progress)
    found.tell(progress)


def _rain_sums(months, method, progress=SILENT):
    """The year's rain, the sum over months of its power, float64, and the template."""
    total = power = None
    exponent = 2 if method == ZHANG_FU else 3
    for grid in months:
        values = grid.floats(np.float64)
        if total is None:
            template, total, power = grid.template, np.zeros_like(values), np.zeros_like(values)
        total += values
        if method != ZHANG_FU_ANNUAL:
            power += values**exponent
        progress.check()
    return total, power, template


def _erosivity(total, power, method):
    wet = np.where(total > 0, total, 1.0)
    if method == ZHANG_FU:
        return 0.3589 * (power / wet) ** 1.9462
    if method == ZHANG_FU_ANNUAL:
        return 0.0534 * total**1.6548
    # 10^(1.5 log10(p^2 / P)) = p^3 / P^1.5
    constant = 0.08188 if method == WISCHMEIER_SMALL else 0.8188
    erosivity = 1.735 * 10**-constant * power / wet**1.5
    return 9.81 * erosivity if method == WISCHMEIER_SI else erosivity


class _ErosivityTold:
    """What the log says of a whole map of erosivity, gathered part by part."""

    def __init__(self, method):
        self._method, self._count, self._low, self._sums = method, 0, 0, np.zeros(2)

    def add(self, erosivity, total):
        known = np.isfinite(erosivity)
        self._count += np.count_nonzero(known)
        self._sums += erosivity[known].sum(), total[known].sum()
        self._low += np.count_nonzero(known & (total >= _HUMID_MM) & (erosivity < _LOW_R))

    def refuse(self):
        if not self._count:
            raise InputError(
                "No cell has rain in every month: choose rasters of one area, or correct their nodata values."
            )

    def tell(self, progress):
        formula, unit, source = _EROSIVITY_SOURCES[self._method]
        mean_r, mean_mm = self._sums / self._count
        progress.log(
            f"Rainfall erosivity: {formula}; unit {unit}; source: {source}. Mean R {mean_r:.4g}, mean rain "
            f"{mean_mm:.4g} mm a year."
        )
        if self._low:
            progress.warn(
                f"R is below {_LOW_R:g} on {self._low} cell(s) with at least {_HUMID_MM:g} mm of rain a "
                f"year, which is less than such a climate gives in MJ mm / (ha h a): '{self._method}' may "
                f"be in another unit; choose another method unless K is in the matching unit."
            )


# soil ----------------------------------------------------------------------------------------------

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
    sand, silt, clay : raster.Grid
        In ``texture_unit``, on the same cells; SoilGrids gives g/kg.
    organic_carbon : raster.Grid
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
    blocks.require_same_cells(grids)
    found = _SoilCheck([grid.name for grid in grids], texture_unit, carbon_unit, carbon_kind)
    maps = found.add(raster.Window(0, 0, *sand.values.shape), grids, progress)
    found.check(progress)
    return Soil(sand.template, *maps)


class _SoilCheck:
    """Soil maps turned into per cent, and what only the whole map shows of their units."""

    def __init__(self, names, texture_unit, carbon_unit, carbon_kind):
        self._names, self._kind = names, carbon_kind
        self._units = [texture_unit] * 3 + [carbon_unit]
        self._highest = [100.0] * 3 + [_HIGHEST_CARBON]
        self._wrong = [blocks.Wrong() for _ in names]
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
    output : raster.RasterWriter, blocks.Array or None
    """
    blocks.require_same_cells(inputs)
    found = _SoilCheck([each.name for each in inputs], *units)

    def step(part, *grids):
        maps = found.add(part, grids)
        return None if maps is None else (kind_of_map.of(*maps),)

    def check():
        found.check(progress)
        kind_of_map.refuse()

    blocks.run(inputs, step, [output], check, progress)
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
    raster.Grid
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
    raster.Grid
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

"""Climate and soil maps that the services need, from the maps that planners hold.

- rainfall erosivity R from monthly or annual rain,
- soil erodibility K from texture and organic carbon (EPIC; Williams 1995),
- plant-available water from the same (Zhou et al. 2005).
"""

import numpy as np
from osgeo import gdal

from .. import raster
from ..crs import gdal_exceptions
from ..errors import InputError
from ..progress import SILENT
from ..raster import float_grid
from .land_cover import row_blocks

# rainfall erosivity -------------------------------------------------------------------------------

ZHANG_FU, ZHANG_FU_ANNUAL, WISCHMEIER, WISCHMEIER_SI, WISCHMEIER_SMALL = EROSIVITY_METHODS = (
    "Zhang & Fu 2003, monthly rain", "Zhang & Fu 2003, annual rain", "Wischmeier form, 0.8188, as printed",
    "Wischmeier form, 0.8188, x 9.81 to SI", "Wischmeier form, 0.08188, as printed")

_SI = "MJ mm / (ha h a)"
# formula, unit, where it comes from
_EROSIVITY_SOURCES = {
    ZHANG_FU: ("0.3589 F^1.9462, F = sum of p^2 / P over the months", _SI,
               "Zhang & Fu (2003), Resources Science 25(1): 35; coefficients as this literature quotes them, the paper "
               "itself was not opened"),
    ZHANG_FU_ANNUAL: ("0.0534 P^1.6548", _SI,
                      "Zhang & Fu (2003), Resources Science 25(1): 35; coefficients as this literature quotes them, "
                      "the paper itself was not opened"),
    WISCHMEIER: ("sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188) over the months",
                 "of doubt: in use beside SI values of R, though the factor 1.735 = 17.02 / 9.81 turns US units into "
                 "hundreds of metric tonne-metres x cm / (ha h a)",
                 "Wischmeier & Smith, as Ma, Jia & Hua print it (ChinaXiv 201811.00038)"),
    WISCHMEIER_SI: ("9.81 x sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188) over the months", _SI,
                    "Wischmeier & Smith, as Ma, Jia & Hua print it (ChinaXiv 201811.00038); 9.81 turns metric tonnes "
                    "into SI, because 1.735 x 9.81 = 17.02, the factor from US units to SI"),
    WISCHMEIER_SMALL: ("sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.08188) over the months",
                       "of doubt: given as MJ mm / (ha h a); 0.08188 is probably a slip for 0.8188, which makes R "
                       "5.46 times larger",
                       "as He, Dai & Chen print the constant (ChinaXiv 202011.00127), after Wischmeier & Smith"),
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
    months = [raster.RasterSource(source.path, source.name, source.crs, band + 1)
              for source in sources for band in range(_bands(source))]
    if len(months) != 12 and not (len(months) == 1 and method == ZHANG_FU_ANNUAL):
        named = ", ".join(source.name for source in sources[:5])
        once = " (or one band of annual rain)" if method == ZHANG_FU_ANNUAL else ""
        raise InputError(f"Rain is given as {len(sources)} raster(s) with {len(months)} band(s) in all ({named}): "
                         f"'{method}' needs the twelve months, as twelve rasters or as one of twelve bands{once}.")
    for number, source in enumerate(months):
        part = progress.part(number / len(months), (number + 1) / len(months))
        grid = raster.align(source, template, raster.QUANTITY, part if number == 0 else part.quiet())
        month = f"Raster '{source.name}'" + (f", band {source.band}," if len(sources) == 1 else "")
        valid = grid.valid
        for wrong, mend in ((valid & (grid.values < 0), "and rain cannot be negative: correct the raster or its nodata "
                                                        "value."),
                            (valid & (grid.values > _TOO_HIGH_MM), "more rain than falls anywhere in a year: give mm, "
                                                                   "or correct its nodata value.")):
            if wrong.any():
                raise InputError(f"{month} holds {grid.values[wrong].flat[0]:g} on {np.count_nonzero(wrong)} cell(s), "
                                 f"{mend}")
        yield grid
        progress((number + 1) / len(months))


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
    total = power = None
    exponent = 2 if method == ZHANG_FU else 3
    for grid in months:
        values = grid.floats(np.float64)
        if total is None:
            template, total, power = grid.template, np.zeros_like(values), np.zeros_like(values)
        total += values
        if method != ZHANG_FU_ANNUAL:
            power += values ** exponent
        progress.check()
    wet = np.where(total > 0, total, 1.0)
    if method == ZHANG_FU:
        erosivity = 0.3589 * (power / wet) ** 1.9462
    elif method == ZHANG_FU_ANNUAL:
        erosivity = 0.0534 * total ** 1.6548
    else:
        # 10^(1.5 log10(p^2 / P)) = p^3 / P^1.5
        constant = 0.08188 if method == WISCHMEIER_SMALL else 0.8188
        erosivity = 1.735 * 10 ** -constant * power / wet ** 1.5
        if method == WISCHMEIER_SI:
            erosivity *= 9.81
    formula, unit, source = _EROSIVITY_SOURCES[method]
    known = np.isfinite(erosivity)
    if not known.any():
        raise InputError("No cell has rain in every month: choose rasters of one area, or correct their nodata values.")
    progress.log(f"Rainfall erosivity: {formula}; unit {unit}; source: {source}. Mean R {erosivity[known].mean():.4g}, "
                 f"mean rain {total[known].mean():.4g} mm a year.")
    low = np.count_nonzero(known & (total >= _HUMID_MM) & (erosivity < _LOW_R))
    if low:
        progress.warn(f"R is below {_LOW_R:g} on {low} cell(s) with at least {_HUMID_MM:g} mm of rain a year, which is "
                      f"less than such a climate gives in MJ mm / (ha h a): '{method}' may be in another unit; choose "
                      f"another method unless K is in the matching unit.")
    return float_grid(erosivity, template, "rainfall erosivity"), float_grid(total, template, "annual rain")


# soil ----------------------------------------------------------------------------------------------

UNITS = ("%", "g/kg", "dg/kg", "fraction")
_PERCENT_PER = {"%": 1.0, "g/kg": 0.1, "dg/kg": 0.01, "fraction": 100.0}
ORGANIC_CARBON, ORGANIC_MATTER = CARBON_KINDS = ("organic carbon", "organic matter")
MATTER_PER_CARBON = 1.724

EPIC, CHINA_SI, CHINA_US = CORRECTIONS = (
    "none: EPIC", "China: -0.01383 + 0.51575 K, K in SI units", "China: (-0.01383 + 0.51575 K) x 0.1317, K in US units")
_SI_PER_US = 0.1317
_HIGHEST_CARBON = 60.0


class Soil:
    """Texture and organic carbon in per cent of mass, checked; see `soil`."""

    def __init__(self, template, sand, silt, clay, carbon):
        self.template, self.sand, self.silt, self.clay, self.carbon = template, sand, silt, clay, carbon


def soil(sand, silt, clay, organic_carbon, texture_unit="%", carbon_unit="%", carbon_kind=ORGANIC_CARBON,
         progress=SILENT):
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
    maps = []
    for grid, unit, highest in ((sand, texture_unit, 100.0), (silt, texture_unit, 100.0), (clay, texture_unit, 100.0),
                                (organic_carbon, carbon_unit, _HIGHEST_CARBON)):
        if grid.values.shape != sand.values.shape:
            raise InputError(f"Raster '{grid.name}' is not on the cells of '{sand.name}': align it first.")
        percent = grid.floats() * np.float32(_PERCENT_PER[unit])
        if grid is organic_carbon and carbon_kind == ORGANIC_MATTER:
            percent /= np.float32(MATTER_PER_CARBON)
        wrong = (percent < 0) | (percent > highest * 1.0001)
        if wrong.any():
            raise InputError(f"Raster '{grid.name}' holds {grid.values[wrong].flat[0]:g} {unit} on "
                             f"{np.count_nonzero(wrong)} cell(s), outside 0 to {highest:g} % of the soil: choose the "
                             f"unit that it is in, or correct its nodata value.")
        maps.append(percent)
        progress.check()
    total = maps[0] + maps[1] + maps[2]
    known = np.isfinite(total)
    if not known.any():
        raise InputError(f"No cell has a value in all of {sand.name}, {silt.name} and {clay.name}: choose maps of one "
                         f"area, or correct their nodata values.")
    middle = float(np.median(total[known]))
    if not 80 <= middle <= 120:
        raise InputError(f"Sand, silt and clay ({sand.name}, {silt.name}, {clay.name}) add to {middle:.3g} % in the "
                         f"middle where 100 % is expected: choose another unit than {texture_unit}, or check that the "
                         f"three maps belong together.")
    off = np.count_nonzero(known & (np.abs(total - 100) > 5))
    if off:
        progress.warn(f"Sand, silt and clay add to less than 95 or more than 105 % on {off} cell(s); they are used as "
                      f"they are.")
    return Soil(sand.template, *maps)


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
    result = np.empty(soil.template.shape, dtype=np.float32)
    neither = np.count_nonzero(soil.silt + soil.clay == 0)
    if neither:
        raise InputError(f"Silt and clay are both 0 on {neither} cell(s), where EPIC's erodibility is not defined: "
                         f"give such cells (water, rock, towns) no value in the soil maps.")
    raised = 0
    for block in row_blocks(*result.shape, progress):
        sand, silt, clay, carbon = (values[block].astype(np.float64)
                                    for values in (soil.sand, soil.silt, soil.clay, soil.carbon))
        rest = 1 - sand / 100
        k = ((0.2 + 0.3 * np.exp(-0.0256 * sand * (1 - silt / 100))) * (silt / (clay + silt)) ** 0.3
             * (1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon)))
             * (1 - 0.7 * rest / (rest + np.exp(-5.51 + 22.9 * rest))))
        if correction == CHINA_US:
            k = -0.01383 + 0.51575 * k
        k *= _SI_PER_US
        if correction == CHINA_SI:
            k = -0.01383 + 0.51575 * k
        with np.errstate(invalid="ignore"):
            raised += np.count_nonzero(k < 0)
        result[block] = np.maximum(k, 0)
    grid = float_grid(result, soil.template, "soil erodibility")
    progress.log(f"Soil erodibility: EPIC (Williams 1995) x {_SI_PER_US} to SI, t ha h / (ha MJ mm), as reprinted in "
                 f"Authorea 435222; correction: {correction}"
                 + ("." if correction == EPIC else " (Zhang K. et al. 2008, J. Arid Environ. 72: 1002; the paper was "
                                                   "not opened)."))
    if raised:
        progress.warn(f"The correction for China gives an erodibility below 0 on {raised} cell(s); it was raised to 0 "
                      f"there.")
    return grid


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
    result = np.empty(soil.template.shape, dtype=np.float32)
    beyond = high = 0
    for block in row_blocks(*result.shape, progress):
        sand, silt, clay, carbon = (values[block].astype(np.float64)
                                    for values in (soil.sand, soil.silt, soil.clay, soil.carbon))
        matter = MATTER_PER_CARBON * carbon
        percent = (54.509 - 0.132 * sand - 0.003 * sand ** 2 - 0.055 * silt - 0.006 * silt ** 2 - 0.738 * clay
                   + 0.007 * clay ** 2 - 2.688 * matter + 0.501 * matter ** 2)
        with np.errstate(invalid="ignore"):
            beyond += np.count_nonzero((percent < 0) | (percent > 100))
            high += np.count_nonzero(percent > 40)
        result[block] = np.clip(percent / 100, 0, 1)
    progress.log("Plant-available water: regression of Zhou et al. (2005), as reprinted by Wu et al. (2022), J. Arid "
                 "Land 14.")
    if beyond:
        progress.warn(f"The regression leaves 0 to 100 % on {beyond} cell(s); the nearer end was taken there.")
    if high:
        progress.warn(f"Plant-available water is above 40 % on {high} cell(s), more than soils hold: the regression is "
                      f"not made for so much organic matter; check its unit.")
    return float_grid(result, soil.template, "plant-available water")

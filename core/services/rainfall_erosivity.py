"""Rainfall erosivity R from monthly or annual rain."""

import numpy as np
from osgeo import gdal

from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..grid.blocks import InvalidCells, WithoutMessages, run
from ..grid.grid import QUANTITY, Window, float_grid
from ..grid.warping import AlignedRaster, align
from ..progress import SILENT

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
    sources : list of reading.RasterSource
        Twelve rasters, one raster of twelve bands, or, for the annual form, one of one band.
    template : grid.Template
    method : str

    Yields
    ------
    grid.Grid
        mm, twelve times, or once for annual rain.

    Raises
    ------
    InputError
        Another number of rasters or bands, or negative rain, naming the raster and its band.
    """
    months = _months(sources, method)
    for number, source in enumerate(months):
        part = progress.part(number / len(months), (number + 1) / len(months))
        grid = align(source, template, QUANTITY, part if number == 0 else part.quiet())
        rain = _RainCheck(source, len(sources) == 1)
        rain.add(Window(0, 0, *template.shape), grid)
        rain.refuse()
        yield grid
        progress((number + 1) / len(months))


def _months(sources, method):
    months = [source.of_band(band + 1) for source in sources for band in range(_bands(source))]
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
        self.below, self.above = InvalidCells(), InvalidCells()

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
    months : iterable of grid.Grid
        mm, twelve months on the same cells in any order; for the annual form also one map of the year.
    method : str
        One of ``EROSIVITY_METHODS``; p is a month's rain and P the year's:

        - Zhang & Fu (2003), monthly: ``0.3589 F^1.9462``, ``F = sum(p^2) / P``; default.
        - Zhang & Fu (2003), annual: ``0.0534 P^1.6548``.
        - the Wischmeier form of Chinese studies: ``sum 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188)``, as printed;
          times 9.81 (1.735 x 9.81 = 17.02, the factor from US units to SI); or with 0.08188.

    Returns
    -------
    erosivity, annual : grid.Grid
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
    output, output_annual : writing.RasterWriter, blocks.ArrayOutput or None
        None where the map is not wanted.
    """
    months = _months(sources, method)
    checks = [_RainCheck(source, len(sources) == 1) for source in months]
    inputs = [AlignedRaster(source, template) for source in months]
    inputs[1:] = [WithoutMessages(month) for month in inputs[1:]]
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

    run(inputs, step, [output, output_annual], check=check, progress=progress)
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

"""Rainfall erosivity R from monthly or annual rain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Bools, Floats
from ..errors import InputError
from ..grid.blocks import ArrayOutput, BlockInput, BlockOutput, GridInput, InvalidCells, WithoutMessages, run
from ..grid.grid import Grid, Template, Window, float_grid
from ..grid.reading import RasterSource
from ..grid.warping import AlignedRaster
from ..options import Option
from ..progress import SILENT, Progress


class ErosivityMethod(Option):
    """How erosivity follows from rain; p is a month's rain and P the year's.

    - Zhang & Fu (2003), monthly: ``0.3589 F^1.9462``, ``F = sum(p^2) / P``.
    - Zhang & Fu (2003), annual: ``0.0534 P^1.6548``.
    - the Wischmeier form of Chinese studies: ``sum 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188)``, as printed;
      times 9.81 (1.735 x 9.81 = 17.02, the factor from US units to SI); or with 0.08188.
    """

    ZHANG_FU = "Zhang & Fu 2003, monthly rain"
    ZHANG_FU_ANNUAL = "Zhang & Fu 2003, annual rain"
    WISCHMEIER = "Wischmeier form, 0.8188, as printed"
    WISCHMEIER_SI = "Wischmeier form, 0.8188, x 9.81 to SI"
    WISCHMEIER_SMALL = "Wischmeier form, 0.08188, as printed"


_SI_UNIT = "MJ mm / (ha h a)"

# formula, unit, where it comes from
_SOURCES = {
    ErosivityMethod.ZHANG_FU: (
        "0.3589 F^1.9462, F = sum of p^2 / P over the months",
        _SI_UNIT,
        "Zhang & Fu (2003), Resources Science 25(1): 35; coefficients as this literature quotes them, the paper "
        "itself was not opened",
    ),
    ErosivityMethod.ZHANG_FU_ANNUAL: (
        "0.0534 P^1.6548",
        _SI_UNIT,
        "Zhang & Fu (2003), Resources Science 25(1): 35; coefficients as this literature quotes them, "
        "the paper itself was not opened",
    ),
    ErosivityMethod.WISCHMEIER: (
        "sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188) over the months",
        "of doubt: in use beside SI values of R, though the factor 1.735 = 17.02 / 9.81 turns US units into "
        "hundreds of metric tonne-metres x cm / (ha h a)",
        "Wischmeier & Smith, as Ma, Jia & Hua print it (ChinaXiv 201811.00038)",
    ),
    ErosivityMethod.WISCHMEIER_SI: (
        "9.81 x sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.8188) over the months",
        _SI_UNIT,
        "Wischmeier & Smith, as Ma, Jia & Hua print it (ChinaXiv 201811.00038); 9.81 turns metric tonnes "
        "into SI, because 1.735 x 9.81 = 17.02, the factor from US units to SI",
    ),
    ErosivityMethod.WISCHMEIER_SMALL: (
        "sum of 1.735 x 10^(1.5 log10(p^2 / P) - 0.08188) over the months",
        "of doubt: given as MJ mm / (ha h a); 0.08188 is probably a slip for 0.8188, which makes R 5.46 times larger",
        "as He, Dai & Chen print the constant (ChinaXiv 202011.00127), after Wischmeier & Smith",
    ),
}

_HUMID_MM, _LOW_R = 600.0, 500.0

_TOO_HIGH_MM = 15000.0


def rainfall_erosivity(
    months: Sequence[Grid], *, method: ErosivityMethod = ErosivityMethod.ZHANG_FU, progress: Progress = SILENT
) -> tuple[Grid, Grid]:
    """Rainfall erosivity R of an average year, whole in memory.

    Parameters
    ----------
    months : sequence of grid.Grid
        mm, twelve months on the same cells in any order; for the annual form also one map of the year.
    method : ErosivityMethod
    progress : Progress

    Returns
    -------
    erosivity, annual : grid.Grid
        float32, R in MJ mm / (ha h a) but for the forms as printed, whose unit is in doubt, and P in mm. NaN
        where any month has no value; 0 where it never rains.

    Raises
    ------
    InputError
        Negative rain, or more than falls anywhere; no cell with rain in every month.
    """
    template = months[0].template
    erosivity, annual = ArrayOutput(template), ArrayOutput(template)
    checks = [_InvalidRain(f"Raster '{month.name}'") for month in months]
    _compute([GridInput(month) for month in months], checks, (erosivity, annual), method=method, progress=progress)
    return (
        float_grid(erosivity.values, template, "rainfall erosivity"),
        float_grid(annual.values, template, "annual rain"),
    )


def rainfall_erosivity_blocks(
    sources: Sequence[RasterSource],
    template: Template,
    *,
    output: BlockOutput | None,
    output_annual: BlockOutput | None,
    method: ErosivityMethod = ErosivityMethod.ZHANG_FU,
    progress: Progress = SILENT,
) -> None:
    """As `rainfall_erosivity`, for rasters of any size and on any cells.

    Parameters
    ----------
    sources : sequence of reading.RasterSource
        Twelve rasters, one raster of twelve bands, or, for the annual form, one of one band.
    template : grid.Template
        The cells of the results.
    output, output_annual : writing.RasterWriter, blocks.ArrayOutput or None
        None where the map is not wanted.
    method : ErosivityMethod
    progress : Progress

    Raises
    ------
    InputError
        Another number of rasters or bands; what `rainfall_erosivity` refuses, naming raster and band.
    """
    months = _months(sources, method)
    several_bands = len(sources) == 1
    checks = [
        _InvalidRain(f"Raster '{month.name}'" + (f", band {month.band}," if several_bands else "")) for month in months
    ]
    first, *others = (AlignedRaster(month, template) for month in months)
    inputs: list[BlockInput] = [first, *(WithoutMessages(month) for month in others)]
    _compute(inputs, checks, (output, output_annual), method=method, progress=progress)


def _months(sources: Sequence[RasterSource], method: ErosivityMethod) -> list[RasterSource]:
    months = [source.of_band(band + 1) for source in sources for band in range(source.dataset.RasterCount)]
    annual = method is ErosivityMethod.ZHANG_FU_ANNUAL
    if len(months) != 12 and not (len(months) == 1 and annual):
        named = ", ".join(source.name for source in sources[:5])
        or_annual = " (or one band of annual rain)" if annual else ""
        raise InputError(
            f"Rain is given as {len(sources)} raster(s) with {len(months)} band(s) in all ({named}): "
            f"'{method}' needs the twelve months, as twelve rasters or as one of twelve bands{or_annual}."
        )
    return months


def _compute(
    months: Sequence[BlockInput],
    checks: Sequence[_InvalidRain],
    outputs: Sequence[BlockOutput | None],
    *,
    method: ErosivityMethod,
    progress: Progress,
) -> None:
    summary = _ErosivitySummary(method)

    def step(part: Window, *grids: Grid) -> tuple[Floats, Floats] | None:
        for check, grid in zip(checks, grids):
            check.add(part, grid)
        if any(check.found for check in checks):
            return None
        total, power = _rain_sums(grids, method)
        progress.check()
        erosivity = _erosivity(total, power, method)
        summary.add(erosivity, total)
        return erosivity, total

    def check_whole() -> None:
        for check in checks:
            check.refuse()
        summary.refuse()

    run(months, step, outputs, check=check_whole, progress=progress)
    summary.log(progress)


class _InvalidRain:
    """Rain of a month that is negative or more than falls anywhere, over the whole map.

    Parameters
    ----------
    name : str
        The month's raster, as the subject of a sentence.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._below, self._above = InvalidCells(), InvalidCells()

    def add(self, window: Window, grid: Grid) -> None:
        """Count the invalid cells of a part of the map."""
        valid: Bools = grid.valid
        self._below.add(window, grid.values, valid & (grid.values < 0))
        self._above.add(window, grid.values, valid & (grid.values > _TOO_HIGH_MM))

    @property
    def found(self) -> bool:
        """Whether there are such cells."""
        return bool(self._below.count or self._above.count)

    def refuse(self) -> None:
        """Raise where there are such cells."""
        for invalid, correction in (
            (self._below, "and rain cannot be negative: correct the raster or its nodata value."),
            (self._above, "more rain than falls anywhere in a year: give mm, or correct its nodata value."),
        ):
            if invalid.count:
                raise InputError(
                    f"{self._name} holds {invalid.first:g} on {invalid.count} cell(s), {correction}",
                    value=invalid.first,
                )


def _rain_sums(months: Sequence[Grid], method: ErosivityMethod) -> tuple[Floats, Floats]:
    """The year's rain, and the sum over months of its power."""
    total = np.zeros(months[0].values.shape, dtype=np.float64)
    power = np.zeros_like(total)
    exponent = 2 if method is ErosivityMethod.ZHANG_FU else 3
    for month in months:
        values = month.floats(np.float64)
        total += values
        if method is not ErosivityMethod.ZHANG_FU_ANNUAL:
            power += values**exponent
    return total, power


def _erosivity(total: Floats, power: Floats, method: ErosivityMethod) -> Floats:
    wet = np.where(total > 0, total, 1.0)
    erosivity: Floats
    if method is ErosivityMethod.ZHANG_FU:
        erosivity = 0.3589 * (power / wet) ** 1.9462
    elif method is ErosivityMethod.ZHANG_FU_ANNUAL:
        erosivity = 0.0534 * total**1.6548
    else:  # 10^(1.5 log10(p^2 / P)) = p^3 / P^1.5
        constant = 0.08188 if method is ErosivityMethod.WISCHMEIER_SMALL else 0.8188
        erosivity = 1.735 * 10**-constant * power / wet**1.5
        if method is ErosivityMethod.WISCHMEIER_SI:
            erosivity = 9.81 * erosivity
    return erosivity


class _ErosivitySummary:
    """Means and low values of a whole map of erosivity, for the log; gathered part by part."""

    def __init__(self, method: ErosivityMethod) -> None:
        self._method, self._count, self._low, self._sums = method, 0, 0, np.zeros(2)

    def add(self, erosivity: Floats, total: Floats) -> None:
        """Add a part of the map."""
        known = np.isfinite(erosivity)
        self._count += int(np.count_nonzero(known))
        self._sums += erosivity[known].sum(), total[known].sum()
        self._low += int(np.count_nonzero(known & (total >= _HUMID_MM) & (erosivity < _LOW_R)))

    def refuse(self) -> None:
        """Refuse a map without any value."""
        if not self._count:
            raise InputError(
                "No cell has rain in every month: choose rasters of one area, or correct their nodata values."
            )

    def log(self, progress: Progress) -> None:
        """Log formula, unit, source and means; warn of an R that is low for a humid climate."""
        formula, unit, source = _SOURCES[self._method]
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

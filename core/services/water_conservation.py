"""Water conservation: the part of the water yield that a place holds back.

Water yield is highest on concrete; the index of Chinese studies built on InVEST lowers it where water
runs off fast, on steep thin ground near the divide, and where soil lets little in::

    WR = Y min(1, 249 / V) min(1, 0.9 TI / 3) min(1, Ksat / 300)
    TI = log10(drainage area / (soil depth x slope in %))

with the velocity coefficient V of the land cover and the saturated conductivity Ksat in mm a day.
Ding et al. (2017), Acta Ecologica Sinica 37: 3733 (ChinaXiv 201706.00455) and Wang, Zhao & Zhong (2019)
(ChinaXiv 201909.00031) print it so, but Ksat in cm a day, the drainage area as a number of cells and
the soil depth in mm; then TI is below 0 on nearly every slope. See `TOPOGRAPHIC_INDEX`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import tables
from ..arrays import Bools, Float32s, Floats
from ..errors import InputError
from ..grid.grid import Grid, Template, float_grid
from ..grid.row_blocks import row_blocks
from ..grid.slope import slope_degrees
from ..land_cover_products import LandCoverProduct, table_for_product
from ..options import Option
from ..progress import SILENT, Progress
from ..routing.depressions import fill_depressions
from ..routing.flow import Unfilled, route
from ..routing.ways import Routing
from .land_cover import CODE, class_rows, codes_of, values_by_class
from .water_yield import DepthUnit

VELOCITY = 249.0
_LEAST_SLOPE_PERCENT = 0.1  # level ground has no finite index; gentler slopes count as this
_LEAST_DEPTH_M = 0.01

_COLUMNS = [CODE, tables.Column("velocity", aliases=("velocity_coefficient", "vel_coef"))]


class IndexForm(Option):
    """The units of the topographic index."""

    SQUARE_METRES = "area in m2, soil depth in m", "area in m2, soil depth in m"
    AS_PRINTED = "as printed: cells, soil depth in mm", "as printed: cells, soil depth in mm"


class ConductivityUnit(Option):
    """Unit of a map of saturated hydraulic conductivity."""

    MM_PER_DAY = "mm/d", "mm/d"
    CM_PER_DAY = "cm/d", "cm/d"
    MM_PER_HOUR = "mm/h", "mm/h"
    UM_PER_SECOND = "um/s", "um/s"

    @property
    def mm_per_day(self) -> float:
        """How many mm a day one of it is."""
        return {"mm/d": 1.0, "cm/d": 10.0, "mm/h": 24.0, "um/s": 86.4}[self.value]


_M_PER = {DepthUnit.MM: 0.001, DepthUnit.CM: 0.01, DepthUnit.M: 1.0}


@dataclass(frozen=True)
class ConservationChoices:
    """How water conservation is reckoned.

    Parameters
    ----------
    form : IndexForm
    routing : Routing
        Of the drainage area.
    depth_unit : DepthUnit
    conductivity_unit : ConductivityUnit
    conductivity_threshold : float
        Conductivity from which soil takes all water in, mm a day; above 0.

    Raises
    ------
    InputError
        A threshold that is not above 0.
    """

    form: IndexForm = IndexForm.SQUARE_METRES
    routing: Routing = Routing.D8
    depth_unit: DepthUnit = DepthUnit.MM
    conductivity_unit: ConductivityUnit = ConductivityUnit.MM_PER_DAY
    conductivity_threshold: float = 300.0

    def __post_init__(self) -> None:
        if not self.conductivity_threshold > 0:
            raise InputError(
                f"{self.conductivity_threshold:g} mm a day takes no water in: it must be above 0 (300 is usual).",
                parameter="conductivity_threshold",
                value=self.conductivity_threshold,
            )


@dataclass(frozen=True)
class ConservationMaps:
    """What water conservation is reckoned from, all on the cells of the water yield.

    Parameters
    ----------
    water_yield : Grid
        mm a year, at least 0, by `water_yield.water_yield`.
    dem : Grid
        Elevation in metres.
    soil_depth, conductivity : Grid
        In the units of `ConservationChoices`, at least 0.
    land_cover : Grid
        Whole-number codes.

    Raises
    ------
    InputError
        Maps on other cells, or with values below 0.
    """

    water_yield: Grid
    dem: Grid
    soil_depth: Grid
    conductivity: Grid
    land_cover: Grid

    def __post_init__(self) -> None:
        for grid in (self.dem, self.soil_depth, self.conductivity, self.land_cover):
            if grid.values.shape != self.water_yield.template.shape:
                raise InputError(
                    f"Raster '{grid.name}' is not on the cells of '{self.water_yield.name}': align it first.",
                    layer=grid.name,
                )
        for grid in (self.water_yield, self.soil_depth, self.conductivity):
            wrong = grid.valid & (grid.values < 0)
            if wrong.any():
                found = grid.values[wrong].flat[0]
                raise InputError(
                    f"Raster '{grid.name}' holds {found:g} on {np.count_nonzero(wrong)} cell(s), and cannot be "
                    f"negative: correct the raster or its nodata value.",
                    layer=grid.name,
                    value=float(found),
                )


@dataclass
class WaterConservation:
    """Water conservation in mm a year, and the topographic index it was made with."""

    conservation: Grid
    index: Grid


def default_table(product: LandCoverProduct | str = LandCoverProduct.CLCD) -> tables.RawTable:
    """The shipped velocity coefficients for a product's codes; HEC-22's, the choice of class is ours."""
    return table_for_product(tables.shipped("services", "velocity.csv"), product)


def read_table(table: tables.RawTable | None = None) -> tables.Table:
    """A table of velocity coefficients with every cell checked, as `tables.Table`."""
    parsed = tables.parse(table or default_table(), _COLUMNS)
    codes_of(parsed)
    for index, row in enumerate(parsed.rows):
        if not row["velocity"] > 0:
            raise parsed.error(index, "velocity", "must be above 0; 249 is forest with heavy litter.")
    return parsed


def constant_depth(depth_mm: float, template: Template, *, progress: Progress = SILENT) -> Grid:
    """One soil depth everywhere, as a grid in mm, for a study without a map of it; the log says so."""
    progress.log(f"No soil depth map is given: {depth_mm:g} mm are taken everywhere.")
    return float_grid(np.full(template.shape, depth_mm, dtype=np.float32), template, "soil depth")


def topographic_index(
    dem: Grid, soil_depth_m: Floats, *, choices: ConservationChoices, progress: Progress = SILENT
) -> Grid:
    """TI = log10(drainage area / (soil depth x slope in %)), the cell itself counted in its drainage area.

    Parameters
    ----------
    dem : grid.Grid
        Elevation in metres; depressions are filled first.
    soil_depth_m : float ndarray, shape (rows, cols)
    choices : ConservationChoices
        Its form and routing.

    Returns
    -------
    grid.Grid
        float32; NaN where an input has no value. Slopes (Horn, of the filled DEM) below 0.1 % count as
        0.1 %, soils thinner than 1 cm as 1 cm.

    Notes
    -----
    Peak about 130 bytes per cell with D8.
    """
    is_metric = choices.form is IndexForm.SQUARE_METRES
    template, elevation = dem.template, dem.floats(np.float64)
    filled = fill_depressions(elevation, progress=progress.part(0.0, 0.3))
    flow = route(
        filled,
        template,
        routing=choices.routing,
        unfilled=Unfilled(elevation),
        progress=progress.part(0.3, 0.7),
    )
    area = flow.accumulate(progress=progress.part(0.7, 0.9))
    if is_metric:
        area *= template.cell_area_m2
    slope = slope_degrees(filled, template, progress=progress.part(0.9, 1.0))
    depth = soil_depth_m if is_metric else 1000.0 * soil_depth_m
    least = _LEAST_DEPTH_M if is_metric else 1000.0 * _LEAST_DEPTH_M
    index = np.empty(template.shape, dtype=np.float32)
    for block in row_blocks(*template.shape):
        percent = 100 * np.tan(np.radians(slope[block].astype(np.float64)))
        with np.errstate(divide="ignore"):
            index[block] = np.log10(
                area[block] / (np.maximum(depth[block], least) * np.maximum(percent, _LEAST_SLOPE_PERCENT))
            )
    index[~flow.valid] = np.nan
    return float_grid(index, template, "topographic index")


def water_conservation(
    maps: ConservationMaps,
    table: tables.RawTable | None = None,
    *,
    choices: ConservationChoices,
    progress: Progress = SILENT,
) -> WaterConservation:
    """Water conservation of an average year.

    Parameters
    ----------
    maps : ConservationMaps
    table : tables.RawTable, optional
        ``land_cover, velocity``; default the shipped one.
    choices : ConservationChoices

    Returns
    -------
    WaterConservation
        float32, between 0 and the water yield; an index below 0 holds nothing back. NaN where an input
        has no value.

    Raises
    ------
    InputError
        Codes that the table lacks, or no cell with a value in all maps.

    Notes
    -----
    As `topographic_index`, and 16 bytes per cell.
    """
    parsed = read_table(table)
    rows = class_rows(maps.land_cover, codes_of(parsed), progress=progress.part(0, 0.05))
    velocity = values_by_class(rows, [min(1.0, VELOCITY / row["velocity"]) for row in parsed.rows])
    depth_m = maps.soil_depth.floats(np.float64) * _M_PER[choices.depth_unit]
    index = topographic_index(maps.dem, depth_m, choices=choices, progress=progress.part(0.05, 0.95))
    per_threshold = choices.conductivity_unit.mm_per_day / choices.conductivity_threshold
    soaking = np.minimum(1.0, maps.conductivity.floats() * per_threshold)
    terrain = np.clip(0.3 * index.values, 0, 1)
    result = maps.water_yield.floats() * velocity * terrain * soaking
    known = np.isfinite(result)
    if not known.any():
        raise InputError(
            f"No cell of '{maps.water_yield.name}' has a value in all of {maps.dem.name}, {maps.soil_depth.name}, "
            f"{maps.conductivity.name} and {maps.land_cover.name}: choose maps of one area, or correct their nodata "
            f"values."
        )
    means = tuple(float(factor[known].mean()) for factor in (velocity, terrain, soaking))
    _log_factors(choices, means, progress)
    _log_below_zero(index.values, known, maps.soil_depth.name, progress)
    progress(1.0)
    return WaterConservation(float_grid(result, maps.water_yield.template, "water conservation"), index)


def _log_factors(choices: ConservationChoices, means: tuple[float, ...], progress: Progress) -> None:
    velocity, terrain, soaking = means
    progress.log(
        f"Water conservation: yield x min(1, 249 / velocity) x min(1, 0.9 TI / 3) x min(1, Ksat / "
        f"{choices.conductivity_threshold:g} mm a day), topographic index with {choices.form}, {choices.routing}; "
        f"mean factors {velocity:.3f}, {terrain:.3f} and {soaking:.3f}."
    )


def _log_below_zero(index: Float32s, known: Bools, soil_depth: str, progress: Progress) -> None:
    below = np.count_nonzero(known & (index < 0))
    if below:
        progress.log(
            f"The topographic index is below 0 on {100 * below / known.sum():.1f} % of the cells; nothing is "
            f"held back there."
        )
    if 2 * below > known.sum():
        progress.warn(
            f"The topographic index is below 0 on more than half of the cells, which leaves no water "
            f"conservation there: check the unit of '{soil_depth}', or choose '{IndexForm.SQUARE_METRES}'."
        )

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

from dataclasses import dataclass

import numpy as np

from .. import tables
from ..errors import InputError
from ..grid.grid import Grid, float_grid
from ..grid.row_blocks import row_blocks
from ..grid.slope import slope_degrees
from ..land_cover_products import CLCD, table_for_product
from ..progress import SILENT
from ..routing.depressions import fill_depressions
from ..routing.flow import Unfilled, route
from ..routing.ways import Routing
from .land_cover import CODE, class_rows, codes_of, values_by_class

SQUARE_METRES, AS_PRINTED = TOPOGRAPHIC_INDEX = ("area in m2, soil depth in m", "as printed: cells, soil depth in mm")
ROUTING = tuple(Routing)
CONDUCTIVITY_UNITS = ("mm/d", "cm/d", "mm/h", "um/s")
_MM_PER_DAY = {"mm/d": 1.0, "cm/d": 10.0, "mm/h": 24.0, "um/s": 86.4}
DEPTH_UNITS = ("mm", "cm", "m")
_M_PER = {"mm": 0.001, "cm": 0.01, "m": 1.0}
VELOCITY = 249.0
_LEAST_SLOPE_PERCENT = 0.1  # level ground has no finite index; gentler slopes count as this
_LEAST_DEPTH_M = 0.01

_COLUMNS = [CODE, tables.Column("velocity", aliases=("velocity_coefficient", "vel_coef"))]


@dataclass
class WaterConservation:
    """Water conservation in mm a year, and the topographic index it was made with."""

    conservation: Grid
    index: Grid


def default_table(product=CLCD):
    """The shipped velocity coefficients for a product's codes; HEC-22's, the choice of class is ours."""
    return table_for_product(tables.shipped("services", "velocity.csv"), product)


def read_table(table=None):
    """A table of velocity coefficients with every cell checked, as `tables.Table`."""
    parsed = tables.parse(table or default_table(), _COLUMNS)
    codes_of(parsed)
    for index, row in enumerate(parsed.rows):
        if not row["velocity"] > 0:
            raise parsed.error(index, "velocity", "must be above 0; 249 is forest with heavy litter.")
    return parsed


def constant_depth(depth_mm, template, progress=SILENT):
    """One soil depth everywhere, as a grid in mm, for a study without a map of it; the log says so."""
    progress.log(f"No soil depth map is given: {depth_mm:g} mm are taken everywhere.")
    return float_grid(np.full(template.shape, depth_mm, dtype=np.float32), template, "soil depth")


def topographic_index(dem, soil_depth_m, form=SQUARE_METRES, routing=Routing.D8, progress=SILENT):
    """TI = log10(drainage area / (soil depth x slope in %)), the cell itself counted in its drainage area.

    Parameters
    ----------
    dem : grid.Grid
        Elevation in metres; depressions are filled first.
    soil_depth_m : float ndarray, shape (rows, cols)
    form : str
        One of ``TOPOGRAPHIC_INDEX``.
    routing : str
        D8 or MFD.

    Returns
    -------
    grid.Grid
        float32; NaN where an input has no value. Slopes (Horn, of the filled DEM) below 0.1 % count as
        0.1 %, soils thinner than 1 cm as 1 cm.

    Notes
    -----
    Peak about 130 bytes per cell with D8.
    """
    template, elevation = dem.template, dem.floats(np.float64)
    filled = fill_depressions(elevation, progress=progress.part(0.0, 0.3))
    flow = route(
        filled,
        template,
        routing=Routing(routing),
        unfilled=Unfilled(elevation),
        progress=progress.part(0.3, 0.7),
    )
    area = flow.accumulate(progress=progress.part(0.7, 0.9))
    if form == SQUARE_METRES:
        area *= template.cell_area_m2
    slope = slope_degrees(filled, template, progress.part(0.9, 1.0))
    depth = soil_depth_m if form == SQUARE_METRES else 1000.0 * soil_depth_m
    least = _LEAST_DEPTH_M if form == SQUARE_METRES else 1000.0 * _LEAST_DEPTH_M
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
    water_yield,
    dem,
    soil_depth,
    conductivity,
    land_cover,
    table=None,
    depth_unit="mm",
    conductivity_unit="mm/d",
    threshold_mm_per_day=300.0,
    form=SQUARE_METRES,
    routing=Routing.D8,
    progress=SILENT,
):
    """Water conservation of an average year.

    Parameters
    ----------
    water_yield : grid.Grid
        mm a year, at least 0, by `water_yield.water_yield`. All other grids lie on its cells.
    dem : grid.Grid
        Elevation in metres.
    soil_depth : grid.Grid
        In ``depth_unit``, at least 0.
    conductivity : grid.Grid
        Saturated hydraulic conductivity in ``conductivity_unit``, at least 0.
    land_cover : grid.Grid
        Whole-number codes.
    table : tables.RawTable, optional
        ``land_cover, velocity``; default the shipped one.
    threshold_mm_per_day : float
        Conductivity from which soil takes all water in.
    form, routing : str
        See `topographic_index`.

    Returns
    -------
    WaterConservation
        float32, between 0 and the water yield; an index below 0 holds nothing back. NaN where an input
        has no value.

    Notes
    -----
    As `topographic_index`, and 16 bytes per cell.
    """
    template = water_yield.template
    for grid in (dem, soil_depth, conductivity, land_cover):
        if grid.values.shape != template.shape:
            raise InputError(f"Raster '{grid.name}' is not on the cells of '{water_yield.name}': align it first.")
    for grid in (water_yield, soil_depth, conductivity):
        wrong = grid.valid & (grid.values < 0)
        if wrong.any():
            raise InputError(
                f"Raster '{grid.name}' holds {grid.values[wrong].flat[0]:g} on "
                f"{np.count_nonzero(wrong)} cell(s), and cannot be negative: correct the raster or its "
                f"nodata value."
            )
    if not threshold_mm_per_day > 0:
        raise InputError(
            f"The conductivity that takes all water in is {threshold_mm_per_day:g} mm a day: it must be "
            f"above 0 (300 is usual)."
        )
    parsed = read_table(table)
    rows = class_rows(land_cover, codes_of(parsed), progress=progress.part(0, 0.05))
    velocity = values_by_class(rows, [min(1.0, VELOCITY / row["velocity"]) for row in parsed.rows])
    depth_m = soil_depth.floats(np.float64) * _M_PER[depth_unit]
    index = topographic_index(dem, depth_m, form, routing, progress.part(0.05, 0.95))
    soaking = np.minimum(1.0, conductivity.floats() * (_MM_PER_DAY[conductivity_unit] / threshold_mm_per_day))
    terrain = np.clip(0.3 * index.values, 0, 1)
    result = water_yield.floats() * velocity * terrain * soaking
    known = np.isfinite(result)
    if not known.any():
        raise InputError(
            f"No cell of '{water_yield.name}' has a value in all of {dem.name}, {soil_depth.name}, "
            f"{conductivity.name} and {land_cover.name}: choose maps of one area, or correct their nodata "
            f"values."
        )
    progress.log(
        f"Water conservation: yield x min(1, 249 / velocity) x min(1, 0.9 TI / 3) x min(1, Ksat / "
        f"{threshold_mm_per_day:g} mm a day), topographic index with {form}, {routing}; mean factors "
        f"{velocity[known].mean():.3f}, {terrain[known].mean():.3f} and {soaking[known].mean():.3f}."
    )
    below = np.count_nonzero(known & (index.values < 0))
    if below:
        progress.log(
            f"The topographic index is below 0 on {100 * below / known.sum():.1f} % of the cells; nothing is "
            f"held back there."
        )
    if 2 * below > known.sum():
        progress.warn(
            f"The topographic index is below 0 on more than half of the cells, which leaves no water "
            f"conservation there: check the unit of '{soil_depth.name}', or choose '{SQUARE_METRES}'."
        )
    progress(1.0)
    return WaterConservation(float_grid(result, template, "water conservation"), index)

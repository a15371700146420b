"""Annual water yield (Eqs 3 and 4 of Feng, Bai & Wang 2024; InVEST guide, Annual Water Yield).

``Y = (1 - AET / P) P``, with the evaporated share AET / P from a Budyko curve of the dryness index
``phi = Kc ET0 / P`` and the plant-available water ``AWC = min(soil depth, root depth) * PAWC``:

- Fu (Zhang et al. 2004; InVEST 3.x): ``1 + phi - (1 + phi^w)^(1/w)``, ``w = min(5, Z AWC / P + 1.25)``;
- Zhang et al. 2001 (Eq 4 of the paper): ``(1 + w phi) / (1 + w phi + 1 / phi)``, ``w = Z AWC / P``.

Neither may pass phi: no more than Kc ET0 evaporates. Where nothing grows AET = min(Kc ET0, P).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr

from .. import raster, tables, vector
from ..crs import gdal_exceptions
from ..errors import InputError
from ..land_cover_products import CLCD, table_for_product
from ..progress import SILENT
from ..raster import Grid, float_grid
from .land_cover import CODE, class_rows, codes_of, row_blocks, cells_under
from .presets import conventions_told, settle

FU, ZHANG_2001 = BUDYKO = ("Fu, as InVEST 3.x", "Zhang 2001, Eq 4")
DEPTH_UNITS = ("mm", "cm", "m")
KEPT, AS_INVEST = MASKINGS = ("values everywhere", "as InVEST")
OVER_CELLS, OVER_POLYGON = VOLUMES = ("mean x area of the cells", "mean x area of the polygon")
PRESETS = (
    {"budyko": FU, "masking": KEPT, "volumes": OVER_CELLS},
    {"budyko": ZHANG_2001, "masking": KEPT, "volumes": OVER_CELLS},
    {"budyko": FU, "masking": AS_INVEST, "volumes": OVER_POLYGON},
)
_MM_PER = {"mm": 1.0, "cm": 10.0, "m": 1000.0}

_COLUMNS = [CODE, tables.Column("kc", minimum=0), tables.Column("vegetated", "flag", aliases=("lulc_veg",)),
            tables.Column("root_depth_mm", required=False, aliases=("root_depth",))]


@dataclass
class Watershed:
    """Means in mm a year over the cells whose centres lie in a polygon; None where it has none."""

    geometry: object
    attributes: dict
    area_km2: float
    covered_km2: float
    precipitation_mm: float = None
    pet_mm: float = None
    aet_mm: float = None
    yield_mm: float = None
    yield_m3: float = None


@dataclass
class WaterYield:
    """Maps in mm a year, and the watersheds' sums."""

    water_yield: Grid
    evapotranspiration: Grid
    watersheds: list


def default_table(product=CLCD):
    """The shipped crop coefficients and root depths for a product's codes; ours, not the paper's."""
    path = Path(__file__).parent / "defaults" / "biophysical.csv"
    return table_for_product(tables.read_csv(path, "biophysical.csv (shipped)"), product)


def read_table(table=None):
    """A biophysical table with every cell checked, as `tables.Table`; see `water_yield`."""
    parsed = tables.parse(table or default_table(), _COLUMNS)
    codes_of(parsed)
    for index, row in enumerate(parsed.rows):
        depth = row["root_depth_mm"]
        if row["vegetated"] and (depth is None or depth < 0):
            raise parsed.error(index, "root_depth_mm", "cannot be the root depth of a vegetated class; write mm.")
    return parsed


def fu(phi, w):
    """AET / P after Fu; arrays or numbers, phi >= 0, w > 1.

    Written so that a very dry or very wet cell loses no digits: with m = max(1, phi) and
    t = min(phi, 1/phi), ``(1 + phi^w)^(1/w) = m (1 + t^w)^(1/w)``.
    """
    more = np.maximum(1.0, phi)
    turned = np.minimum(phi, 1.0) / more
    return np.minimum(1.0, phi) - more * np.expm1(np.log1p(turned ** w) / w)


def zhang_2001(phi, w):
    """AET / P after Zhang et al. (2001); arrays or numbers, phi >= 0, w >= 0. It may pass phi."""
    return 1.0 - 1.0 / (1.0 + phi * (1.0 + w * phi))


def read_annual(source, template, progress=SILENT):
    """An annual sum on a template's cells: a raster of one band, or of twelve that are added.

    Raises
    ------
    InputError
        Another number of bands, or a raster that `raster.align` refuses.
    """
    with gdal_exceptions():
        try:
            bands = gdal.Open(source.path).RasterCount
        except RuntimeError:
            bands = 1  # align says what is wrong
    if bands not in (1, 12):
        raise InputError(f"Raster '{source.name}' has {bands} bands: give the annual sum in one band, or the "
                         f"twelve months in twelve.")
    if bands == 1:
        return raster.align(source, template, raster.QUANTITY, progress)
    total = 0
    for band in range(1, 13):
        month = raster.RasterSource(source.path, source.name, source.crs, band)
        total = total + raster.align(month, template, raster.QUANTITY,
                                     progress if band == 1 else SILENT).floats()
        progress.check()
    progress.log(f"Raster '{source.name}': its twelve months were added to a year.")
    return float_grid(total, template, source.name)


def water_yield(land_cover, precipitation, evapotranspiration, soil_depth, plant_available_water, table=None,
                seasonality=12.0, budyko=None, preset=0, depth_unit="mm", watersheds=None, progress=SILENT,
                masking=None, volumes=None):
    """Water yield and actual evapotranspiration of an average year.

    Parameters
    ----------
    land_cover : raster.Grid
        Whole-number codes.
    precipitation, evapotranspiration : raster.Grid
        P and reference ET0, mm a year, at least 0, on the cells of the land cover.
    soil_depth : raster.Grid
        Depth to the layer that stops roots, in ``depth_unit``, at least 0.
    plant_available_water : raster.Grid
        PAWC, a share 0 to 1 of the soil's depth.
    table : tables.RawTable, optional
        ``land_cover, kc, root_depth_mm, vegetated`` (1 or 0; without plants the root depth may be
        empty). InVEST's ``root_depth`` and ``lulc_veg`` serve too. Default the shipped one.
    seasonality : float
        Z, 1 to 30: about 0.2 times the number of rain events a year (Donohue et al. 2012).
    budyko : str, optional
        One of ``BUDYKO``; default as the preset.
    preset : int
        0 recommended (Fu), 1 as published (Zhang 2001), 2 as InVEST 3.20 (Fu; its masking, and volumes
        over the polygon's area).
    depth_unit : str
        ``mm``, ``cm`` or ``m``.
    watersheds : vector.Features, optional
        Polygons to report means and volumes for; they may overlap.
    masking : str, optional
        One of ``MASKINGS``; ``as InVEST``: no value where P = 0, nor where the soil of a class without
        plants is unknown. Default as the preset.
    volumes : str, optional
        One of ``VOLUMES``: what a watershed's mean is multiplied by. Default as the preset.

    Returns
    -------
    WaterYield
        float32 maps, mm a year; NaN where an input that matters has no value. Where P = 0, both
        are 0.

    Notes
    -----
    About 14 bytes per cell beyond the inputs.
    """
    if not 1 <= seasonality <= 30:
        raise InputError(f"Seasonality Z = {seasonality:g} is outside 1 to 30: correct it (0.2 times the number "
                         f"of rain events a year).")
    given = {"budyko": budyko, "masking": masking, "volumes": volumes}
    chosen = settle(PRESETS, preset, given, {"budyko": BUDYKO, "masking": MASKINGS, "volumes": VOLUMES})
    curve, held = chosen["budyko"], 0
    template = land_cover.template
    for grid in (precipitation, evapotranspiration, soil_depth, plant_available_water):
        if grid.values.shape != template.shape:
            raise InputError(f"Raster '{grid.name}' is not on the cells of '{land_cover.name}': align it first.")
        _require(grid, grid is plant_available_water)
    parsed = read_table(table)
    rows = class_rows(land_cover, codes_of(parsed), parsed.name, progress.part(0, 0.1))
    kc = np.array([row["kc"] for row in parsed.rows])
    root_mm = np.array([row["root_depth_mm"] if row["vegetated"] else 0.0 for row in parsed.rows])
    plants = np.array([row["vegetated"] for row in parsed.rows] + [False])

    yields, actual, potential = (np.empty(template.shape, dtype=np.float32) for _ in range(3))
    for block in row_blocks(*template.shape, progress.part(0.1, 0.9)):
        here = rows[block]
        rain = _floats(precipitation, block)
        demand = np.append(kc, np.nan)[here] * _floats(evapotranspiration, block)
        depth_mm = np.minimum(_floats(soil_depth, block) * _MM_PER[depth_unit], np.append(root_mm, np.nan)[here])
        water = depth_mm * _floats(plant_available_water, block)
        wet = np.where(rain > 0, rain, 1.0)
        phi, w = demand / wet, seasonality * water / wet
        share = fu(phi, np.minimum(5.0, w + 1.25)) if curve == FU else zhang_2001(phi, w)
        held += np.count_nonzero(plants[here] & (share > phi * (1 + 1e-9)) & (rain > 0))
        evaporated = np.where(plants[here], np.minimum(share, phi), np.minimum(phi, 1.0)) * wet
        evaporated = np.where(rain > 0, evaporated, rain * demand)  # 0, or NaN where one is unknown
        if chosen["masking"] == AS_INVEST:
            evaporated[(rain == 0) | np.isnan(water)] = np.nan
        actual[block] = evaporated
        yields[block] = rain - evaporated
        potential[block] = demand
    if not np.isfinite(yields).any():
        raise InputError(f"No cell of '{land_cover.name}' has a value in all of {precipitation.name}, "
                         f"{evapotranspiration.name}, {soil_depth.name} and {plant_available_water.name}: choose maps "
                         f"of one area, or correct their nodata values.")
    phrases = {"budyko": f"Budyko curve {curve}", "masking": f"cells with {chosen['masking']}"}
    if watersheds is not None:
        phrases["volumes"] = f"volumes as {chosen['volumes']}"
    progress.log(f"Water yield, {conventions_told(preset, phrases, given)}; Z = {seasonality:g}.")
    if held:
        progress.log(f"On {held} cell(s) the curve gave more evapotranspiration than the demand Kc ET0: the demand "
                     f"was taken.")
    result = WaterYield(float_grid(yields, template, "water yield"),
                        float_grid(actual, template, "actual evapotranspiration"), [])
    if watersheds is not None:
        result.watersheds = _watersheds(watersheds, template, (precipitation.floats(), potential, actual, yields),
                                        chosen["volumes"], progress.part(0.9, 1.0))
    return result


def _floats(grid, block):
    return grid.like(grid.values[block], grid.nodata).floats(np.float64)


def _require(grid, is_share):
    valid = grid.valid
    wrong = valid & ((grid.values < 0) | (grid.values > 1)) if is_share else valid & (grid.values < 0)
    if wrong.any():
        mend = ("and a share must be 0 to 1: divide per cent by 100, or correct its nodata value." if is_share
                else "and cannot be negative: correct the raster or its nodata value.")
        raise InputError(f"Raster '{grid.name}' holds {grid.values[wrong].flat[0]:g} on "
                         f"{np.count_nonzero(wrong)} cell(s), {mend}")


def _watersheds(features, template, maps, volumes, progress):
    features.require_some("watershed")
    features = features.to_crs(template.crs, progress).valid_polygons(progress)
    result = []
    for number, (geometry, attributes) in enumerate(zip(features.geometries, features.attributes)):
        block, part = cells_under(geometry, template)
        known = np.zeros((0, 0), dtype=bool)
        if part is not None:
            known = (vector.rasterize([geometry], part, dtype=np.uint8) > 0) & np.isfinite(maps[-1][block])
        count, area_m2 = np.count_nonzero(known), geometry.GetArea()
        watershed = Watershed(ogr.ForceToMultiPolygon(geometry.Clone()), attributes, area_m2 / 1e6,
                              count * template.cell_area_m2 / 1e6)
        if count:
            means = [float(values[block][known].mean(dtype=np.float64)) for values in maps]
            watershed.precipitation_mm, watershed.pet_mm, watershed.aet_mm, watershed.yield_mm = means
            over_m2 = area_m2 if volumes == OVER_POLYGON else count * template.cell_area_m2
            watershed.yield_m3 = means[-1] / 1000 * over_m2
        else:
            progress.warn(f"Watershed {number + 1} of layer '{features.name}' holds no cell with a water yield: "
                          f"its figures stay empty.")
        result.append(watershed)
        progress((number + 1) / len(features))
    if all(watershed.yield_mm is None for watershed in result):
        raise InputError(f"No watershed of layer '{features.name}' holds the centre of a cell with a water yield: "
                         f"choose watersheds of this area, or correct the layer's CRS.")
    return result

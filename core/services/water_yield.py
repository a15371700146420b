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

from .. import tables
from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..geometry.cells import cells_under, rasterize
from ..grid.blocks import ArrayOutput, GridInput, InvalidCells, require_same_cells, run
from ..grid.grid import QUANTITY, Grid, float_grid
from ..grid.reading import RasterSource
from ..grid.warping import AlignedRaster, align
from ..land_cover_products import CLCD, table_for_product
from ..presets import conventions_told, settle
from ..progress import SILENT
from .land_cover import CODE, class_rows, codes_of, require_codes

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

_COLUMNS = [
    CODE,
    tables.Column("kc", minimum=0),
    tables.Column("vegetated", "flag", aliases=("lulc_veg",)),
    tables.Column("root_depth_mm", required=False, aliases=("root_depth",)),
]


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
    return np.minimum(1.0, phi) - more * np.expm1(np.log1p(turned**w) / w)


def zhang_2001(phi, w):
    """AET / P after Zhang et al. (2001); arrays or numbers, phi >= 0, w >= 0. It may pass phi."""
    return 1.0 - 1.0 / (1.0 + phi * (1.0 + w * phi))


def read_annual(source, template, progress=SILENT):
    """An annual sum on a template's cells: a raster of one band, or of twelve that are added.

    Raises
    ------
    InputError
        Another number of bands, or a raster that `grid.align` refuses.
    """
    annual = Annual(source, template)
    if annual.bands == 1:
        return align(source, template, QUANTITY, progress)
    total = ArrayOutput(template)
    run([annual], lambda _, part: (part.values,), [total], progress=progress)
    return float_grid(total.values, template, source.name)


class Annual:
    """An annual sum as an input of `blocks.run`, with the values of `read_annual`."""

    def __init__(self, source, template):
        with gdal_exceptions():
            try:
                self.bands = gdal.Open(source.path).RasterCount
            except RuntimeError:
                self.bands = 1  # align says what is wrong
        if self.bands not in (1, 12):
            raise InputError(
                f"Raster '{source.name}' has {self.bands} bands: give the annual sum in one band, or the "
                f"twelve months in twelve."
            )
        self.name, self.template = source.name, template
        sources = (
            [source]
            if self.bands == 1
            else [RasterSource(source.path, source.name, source.crs, band) for band in range(1, 13)]
        )
        self._months = [AlignedRaster(month, template) for month in sources]

    def read(self, window, progress=SILENT):
        if self.bands == 1:
            return self._months[0].read(window, progress)
        total = 0
        for month in self._months:
            total = total + month.read(window, progress).floats()
        return float_grid(total, self.template.part(window), self.name)

    def finish(self, progress=SILENT):
        for number, month in enumerate(self._months):
            month.finish(SILENT if number else progress)
        if self.bands == 12:
            progress.log(f"Raster '{self.name}': its twelve months were added to a year.")


def water_yield(
    land_cover,
    precipitation,
    evapotranspiration,
    soil_depth,
    plant_available_water,
    table=None,
    seasonality=12.0,
    budyko=None,
    preset=0,
    depth_unit="mm",
    watersheds=None,
    progress=SILENT,
    masking=None,
    volumes=None,
):
    """Water yield and actual evapotranspiration of an average year.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes.
    precipitation, evapotranspiration : grid.Grid
        P and reference ET0, mm a year, at least 0, on the cells of the land cover.
    soil_depth : grid.Grid
        Depth to the layer that stops roots, in ``depth_unit``, at least 0.
    plant_available_water : grid.Grid
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
    watersheds : layers.Layer, optional
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
    8 bytes per cell beyond the inputs.
    """
    template = land_cover.template
    inputs = [
        GridInput(grid) for grid in (land_cover, precipitation, evapotranspiration, soil_depth, plant_available_water)
    ]
    yields, actual = ArrayOutput(template), ArrayOutput(template)
    sheds = water_yield_blocks(
        *inputs, yields, actual, table, seasonality, budyko, preset, depth_unit, watersheds, progress, masking, volumes
    )
    return WaterYield(
        float_grid(yields.values, template, "water yield"),
        float_grid(actual.values, template, "actual evapotranspiration"),
        sheds,
    )


def water_yield_blocks(
    land_cover,
    precipitation,
    evapotranspiration,
    soil_depth,
    plant_available_water,
    output_yield,
    output_evapotranspiration,
    table=None,
    seasonality=12.0,
    budyko=None,
    preset=0,
    depth_unit="mm",
    watersheds=None,
    progress=SILENT,
    masking=None,
    volumes=None,
):
    """As `water_yield`, for maps of any size.

    Parameters
    ----------
    land_cover, precipitation, evapotranspiration, soil_depth, plant_available_water
        Inputs of `blocks.run`: `blocks.Classes`, `Annual` twice, and `grid.AlignedRaster` twice.
    output_yield, output_evapotranspiration : writing.RasterWriter, blocks.ArrayOutput or None
        None where the map is not wanted.

    Returns
    -------
    list of Watershed
        Sums are taken part by part.
    """
    if not 1 <= seasonality <= 30:
        raise InputError(
            f"Seasonality Z = {seasonality:g} is outside 1 to 30: correct it (0.2 times the number "
            f"of rain events a year)."
        )
    given = {"budyko": budyko, "masking": masking, "volumes": volumes}
    chosen = settle(PRESETS, preset, given, {"budyko": BUDYKO, "masking": MASKINGS, "volumes": VOLUMES})
    curve = chosen["budyko"]
    inputs = [land_cover, precipitation, evapotranspiration, soil_depth, plant_available_water]
    require_same_cells(inputs)
    parsed = read_table(table)
    codes = codes_of(parsed)
    sheds = None if watersheds is None else _Watersheds(watersheds, land_cover.template, progress)
    require_codes(land_cover, codes, parsed.name, progress.part(0, 0.1))
    kc = np.array([row["kc"] for row in parsed.rows])
    root_mm = np.array([row["root_depth_mm"] if row["vegetated"] else 0.0 for row in parsed.rows])
    plants = np.array([row["vegetated"] for row in parsed.rows] + [False])
    wrong = [InvalidCells() for _ in inputs[1:]]
    held = known = 0

    def step(part, cover, *grids):
        nonlocal held, known
        for found, grid in zip(wrong, grids):
            too_much = grid.values > 1 if grid is grids[-1] else False
            found.add(part, grid.values, grid.valid & ((grid.values < 0) | too_much))
        if any(found.count for found in wrong):
            return None
        here = class_rows(cover, codes, parsed.name)
        rain, potential, soil, share_of_soil = (grid.floats(np.float64) for grid in grids)
        demand = np.append(kc, np.nan)[here] * potential
        depth_mm = np.minimum(soil * _MM_PER[depth_unit], np.append(root_mm, np.nan)[here])
        water = depth_mm * share_of_soil
        wet = np.where(rain > 0, rain, 1.0)
        phi, w = demand / wet, seasonality * water / wet
        share = fu(phi, np.minimum(5.0, w + 1.25)) if curve == FU else zhang_2001(phi, w)
        held += np.count_nonzero(plants[here] & (share > phi * (1 + 1e-9)) & (rain > 0))
        evaporated = np.where(plants[here], np.minimum(share, phi), np.minimum(phi, 1.0)) * wet
        evaporated = np.where(rain > 0, evaporated, rain * demand)  # 0, or NaN where one is unknown
        if chosen["masking"] == AS_INVEST:
            evaporated[(rain == 0) | np.isnan(water)] = np.nan
        yields, actual = (values.astype(np.float32) for values in (rain - evaporated, evaporated))
        known += np.count_nonzero(np.isfinite(yields))
        if sheds is not None:
            sheds.add(part, (grids[0].floats(), demand.astype(np.float32), actual, yields))
        return yields, actual

    def check():
        for found, grid in zip(wrong, inputs[1:]):
            if found.count:
                mend = (
                    "and a share must be 0 to 1: divide per cent by 100, or correct its nodata value."
                    if grid is inputs[-1]
                    else "and cannot be negative: correct the raster or its nodata value."
                )
                raise InputError(f"Raster '{grid.name}' holds {found.first:g} on {found.count} cell(s), {mend}")
        if not known:
            raise InputError(
                f"No cell of '{land_cover.name}' has a value in all of {precipitation.name}, "
                f"{evapotranspiration.name}, {soil_depth.name} and {plant_available_water.name}: choose "
                f"maps of one area, or correct their nodata values."
            )

    run(inputs, step, [output_yield, output_evapotranspiration], check=check, progress=progress.part(0.1, 1.0))
    phrases = {"budyko": f"Budyko curve {curve}", "masking": f"cells with {chosen['masking']}"}
    if watersheds is not None:
        phrases["volumes"] = f"volumes as {chosen['volumes']}"
    progress.log(f"Water yield, {conventions_told(preset, phrases, given)}; Z = {seasonality:g}.")
    if held:
        progress.log(
            f"On {held} cell(s) the curve gave more evapotranspiration than the demand Kc ET0: the demand was taken."
        )
    return [] if sheds is None else sheds.watersheds(chosen["volumes"], progress)


class _Watersheds:
    """Sums of maps over polygons, added part by part of the map."""

    def __init__(self, features, template, progress):
        features.require_some("watershed")
        self._features = features.to_crs(template.crs, progress).valid_polygons(progress)
        self._template, self._count = template, np.zeros(len(self._features.geometries), dtype=np.int64)
        self._sums = np.zeros((self._count.size, 4))
        self._places = [cells_under(geometry, template)[0] for geometry in self._features.geometries]

    def add(self, window, maps):
        """The last of ``maps`` says where there is a value."""
        known = np.isfinite(maps[-1])
        if not known.any():
            return
        for number, place in enumerate(self._places):
            here = None if place is None else window.meet(place)
            if here is None:
                continue
            inside = rasterize([self._features.geometries[number]], self._template.part(here), dtype=np.uint8)
            block = here.within(window)
            inside = (inside > 0) & known[block]
            self._count[number] += np.count_nonzero(inside)
            self._sums[number] += [values[block][inside].sum(dtype=np.float64) for values in maps]

    def watersheds(self, volumes, progress):
        """Means and volumes; refused where no polygon holds a cell with a value."""
        features, template, result = self._features, self._template, []
        for number, (geometry, attributes) in enumerate(zip(features.geometries, features.attributes)):
            count, area_m2 = int(self._count[number]), geometry.GetArea()
            watershed = Watershed(
                ogr.ForceToMultiPolygon(geometry.Clone()),
                attributes,
                area_m2 / 1e6,
                count * template.cell_area_m2 / 1e6,
            )
            if count:
                means = (self._sums[number] / count).tolist()
                watershed.precipitation_mm, watershed.pet_mm, watershed.aet_mm, watershed.yield_mm = means
                over_m2 = area_m2 if volumes == OVER_POLYGON else count * template.cell_area_m2
                watershed.yield_m3 = means[-1] / 1000 * over_m2
            else:
                progress.warn(
                    f"Watershed {number + 1} of layer '{features.name}' holds no cell with a water yield: "
                    f"its figures stay empty."
                )
            result.append(watershed)
        if all(watershed.yield_mm is None for watershed in result):
            raise InputError(
                f"No watershed of layer '{features.name}' holds the centre of a cell with a water yield: "
                f"choose watersheds of this area, or correct the layer's CRS."
            )
        return result

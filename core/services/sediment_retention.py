"""Sediment retention (Eq 2 of Feng, Bai & Wang 2024; InVEST guide, Sediment Delivery Ratio).

- Soil loss (RUSLE): ``RKLS = R K LS`` on bare ground, ``USLE = R K LS C P`` under its cover.
- Sediment delivery ratio (Vigiak et al. 2012, J. Hydrol. 450-451: 210-223) from the index of
  connectivity ``IC = log10(D_up / D_dn)`` (Borselli et al. 2008, Catena 75: 268-277; Cavalli et al. 2013,
  Geomorphology 188: 31-41): ``SDR = SDR_max / (1 + exp((IC_0 - IC) / k_b))``.
- Retention index (Eq 2) ``(RKLS - USLE) SDR / SDR_max``; avoided erosion ``RKLS - USLE``; export
  ``USLE SDR``; avoided export ``(RKLS - USLE) SDR + T`` with T the sediment from upslope that is
  deposited in a cell.

On streams SDR is 1 (and SDR / SDR_max counts as 1 in Eq 2, its limit towards a stream). Cells that
drain into a pit without outlet have SDR 0. Ways that leave the map before a stream end at its edge.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from .. import tables
from ..errors import InputError
from ..geometry.cells import rasterize
from ..geometry.layers import Layer
from ..grid.grid import CLASSES, Grid, float_grid
from ..grid.row_blocks import row_blocks
from ..grid.slope import SlopeEdges, rises
from ..grid.warping import align
from ..land_cover_products import CLCD, table_for_product
from ..presets import check_preset, conventions_told
from ..progress import SILENT
from ..routing.depressions import fill_depressions, internal_drains
from ..routing.flow import Unfilled, WayEnds, route
from ..routing.streams import streams as stream_cells
from ..routing.ways import FlowConvention, Routing
from .land_cover import CODE, class_rows, codes_of, values_by_class

DESMET_GOVERS, INVEST_LS = LS_METHODS = ("Desmet-Govers", "InVEST from 3.14 on")
SLOPE_LENGTH, L_FACTOR = CAPPED = ("slope length in metres", "L factor")
METRES, PIXELS = IC_LENGTHS = ("metres", "InVEST pixels")
PER_HECTARE, PER_PIXEL = UNITS = ("t/ha", "t per pixel")
KEPT, AS_INVEST = MASKINGS = ("values everywhere", "as InVEST")
COVER_FACTOR, VAN_DER_KNIJFF, CAI = COVER_KINDS = (
    "cover factor",
    "NDVI (van der Knijff 1999)",
    "vegetation cover in % (Cai 2000)",
)

_LOWEST_C, _LOWEST_SLOPE, _HIGHEST_SLOPE = 0.001, 0.005, 1.0
_FLATTEST_OF_STEEP = 9.0  # per cent
_M_UPTO, _M = (1.0, 3.5, 5.0, 9.0), (0.2, 0.3, 0.4, 0.5)
_UNIT_LENGTH_M = 22.13
_M2_PER_HA = 1e4
_CAI_FULL_COVER = 78.3


@dataclass(frozen=True)
class Conventions:
    """What a preset sets; each can be replaced alone.

    Parameters
    ----------
    routing : str
        A `routing.ways.Routing`.
    flow : str
        A `routing.ways.FlowConvention`: ties, flats, MFD shares, threshold, slope at the map's edge.
    ls_method : str
        One of ``LS_METHODS``.
    cap : float
        Upper bound in LS, of what ``capped`` says; infinite: none.
    capped : str
        One of ``CAPPED``.
    ic_length : str
        Whether D_dn is in ``metres`` or in ``InVEST pixels``.
    masking : str
        ``as InVEST``: no value on streams, nor (SDR, IC, exports) where no way leads to a stream, nor
        (anywhere) where any input has none.
    unit : str
        One of ``UNITS``.
    """

    routing: str = Routing.MFD
    flow: str = FlowConvention.RECOMMENDED
    ls_method: str = DESMET_GOVERS
    cap: float = 333.0
    capped: str = SLOPE_LENGTH
    ic_length: str = METRES
    masking: str = KEPT
    unit: str = PER_HECTARE


PRESETS = (
    Conventions(),
    Conventions(unit=PER_PIXEL),
    Conventions(Routing.MFD, FlowConvention.AS_INVEST, INVEST_LS, 122.0, L_FACTOR, PIXELS, AS_INVEST, PER_HECTARE),
)
_CHOICES = {
    "routing": tuple(Routing),
    "flow": tuple(FlowConvention),
    "ls_method": LS_METHODS,
    "capped": CAPPED,
    "ic_length": IC_LENGTHS,
    "masking": MASKINGS,
    "unit": UNITS,
}


@dataclass
class SedimentRetention:
    """Maps per year in the unit chosen, and sums in t a year.

    ``totals``: ``soil_loss`` (USLE), ``export`` (of it, to streams or off the map at once), ``deposition``
    (on the way, and in pits), ``leaves_map`` (on its way when it passed the edge); soil_loss is the sum
    of the other three. ``avoided_erosion``, ``avoided_export`` and ``retention`` too.
    """

    retention: Grid
    soil_loss: Grid
    bare_soil_loss: Grid
    export: Grid
    avoided_erosion: Grid
    avoided_export: Grid
    deposition: Grid
    sdr: Grid
    connectivity: Grid
    ls: Grid
    accumulation: Grid
    streams: Grid
    conventions: Conventions
    totals: dict


def conventions(preset=0, **chosen):
    """The conventions of a preset, with those that are given and not None in their place.

    Raises
    ------
    InputError
        An unknown preset or choice, or a cap that is not above 0.
    """
    check_preset(preset)
    taken = {name: value for name, value in chosen.items() if value is not None}
    for name, value in taken.items():
        if name in _CHOICES and value not in _CHOICES[name]:
            raise InputError(f"'{value}' is no choice for {name}: choose one of {', '.join(_CHOICES[name])}.")
    if not taken.get("cap", 1.0) > 0:
        raise InputError(f"The cap in LS is {taken['cap']:g}: it must be above 0 (122 to 333 are usual).")
    return replace(PRESETS[preset], **taken)


def default_table(product=CLCD):
    """The shipped cover and practice factors for a product's codes; ours, not the paper's."""
    return table_for_product(tables.shipped("services", "biophysical.csv"), product)


def read_table(table=None, with_cover=True):
    """A biophysical table with ``usle_c`` (unless a raster gives it) and ``usle_p`` checked, as `tables.Table`."""
    columns = [
        CODE,
        tables.Column("usle_c", minimum=0, maximum=1, required=with_cover),
        tables.Column("usle_p", minimum=0, maximum=1),
    ]
    parsed = tables.parse(table or default_table(), columns)
    codes_of(parsed)
    return parsed


def drainage_cells(layers, template, progress=SILENT):
    """Rivers and canals as a map of 1 for what is drained to, and 0.

    Parameters
    ----------
    layers : list of reading.RasterSource and layers.Layer
        Rasters drain where they hold 1; lines wherever they touch a cell, so that no flow slips through
        between two cells; polygons where they hold a cell's centre.
    template : grid.Template

    Returns
    -------
    grid.Grid
        uint8, 2 bytes per cell at most at once.
    """
    found = np.zeros(template.shape, dtype=np.uint8)
    for layer in layers:
        progress.check()
        if isinstance(layer, Layer):
            layer.require_some("line or polygon")
            geometries = layer.to_crs(template.crs, progress).geometries
            for by_line in (True, False):
                some = [geometry for geometry in geometries if (geometry.GetDimension() < 2) == by_line]
                if some:
                    found |= rasterize(some, template, all_touched=by_line, dtype=np.uint8)
        else:
            grid = align(layer, template, CLASSES, progress)
            found |= grid.valid & (grid.values == 1)
    return Grid(found, template, None, "drainage")


def cover_factor(grid, kind=VAN_DER_KNIJFF, progress=SILENT):
    """USLE's cover factor C from a map of vegetation.

    Parameters
    ----------
    grid : grid.Grid
        NDVI, -1 to 1, for ``exp(-2 NDVI / (1 - NDVI))`` (van der Knijff, Jones & Montanarella 1999, EUR
        19022); or vegetation cover, 0 to 100 %, for ``0.6508 - 0.3436 log10 f`` (Cai et al. 2000,
        J. Soil Water Conserv. 14(2): 19-24; no cover 1, above 78.3 % 0).
    kind : str
        What the grid holds, one of ``COVER_KINDS``; a cover factor is returned as it is.

    Returns
    -------
    grid.Grid
        float32, 0 to 1; cells that the formula puts outside are set to 0 or 1, and their number logged.
    """
    if kind == COVER_FACTOR:
        return grid
    valid = grid.valid
    low, high, what = (-1, 1, "NDVI") if kind == VAN_DER_KNIJFF else (0, 100, "vegetation cover in %")
    wrong = valid & ((grid.values < low) | (grid.values > high))
    if wrong.any():
        raise InputError(
            f"Raster '{grid.name}' holds {grid.values[wrong].flat[0]:g} on {np.count_nonzero(wrong)} "
            f"cell(s), and {what} is {low} to {high}: rescale it, or correct its nodata value."
        )
    cover, beyond = np.full(grid.values.shape, np.nan, dtype=np.float32), 0
    for block in row_blocks(*cover.shape, progress):
        values = grid.like(grid.values[block], grid.nodata).floats(np.float64)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if kind == VAN_DER_KNIJFF:
                factor = np.where(values < 1, np.exp(-2 * values / (1 - values)), 0 * values)
            else:
                factor = np.where(values > 0, 0.6508 - 0.3436 * np.log10(values), 1 + 0 * values)
                factor = np.where(values > _CAI_FULL_COVER, 0, factor)
            beyond += np.count_nonzero((factor < 0) | (factor > 1))
        cover[block] = np.clip(factor, 0, 1)
    progress.log(f"Cover factor from '{grid.name}', {kind}: {beyond} cell(s) beyond 0 to 1 were set to its ends.")
    return float_grid(cover, grid.template, "cover factor")


def ls_factor(
    east_rise, south_rise, accumulation, cell_area_m2, method=DESMET_GOVERS, cap=math.inf, capped=SLOPE_LENGTH
):
    """Slope length and steepness factor.

    Parameters
    ----------
    east_rise, south_rise : float ndarray
        By `slope.rises`.
    accumulation : float ndarray
        Cells that flow through each cell, itself among them.
    cell_area_m2 : float
        D is its root.
    method : str
        ``Desmet-Govers`` (1996, J. Soil Water Conserv. 51: 427-433): A the inflow area in m2, x = |sin a| +
        |cos a| of the aspect a. ``InVEST from 3.14 on``: A the root of that area, x from the slope's angle.
    cap, capped
        As in `Conventions`. The slope length is (A + D^2) / (D x) with A in m2.

    Returns
    -------
    float64 ndarray
        ``S ((A + D^2)^(m+1) - A^(m+1)) / (D^(m+2) x^m 22.13^m)``, S after McCool et al. (1987, Trans.
        ASAE 30: 1387-1396), m by slope.
    """
    tangent = np.sqrt(np.square(east_rise, dtype=np.float64) + np.square(south_rise, dtype=np.float64))
    percent = (100 * tangent).astype(np.float32)  # as InVEST keeps it; a slope of 3.5 % is not steeper than 3.5
    sine = np.sin(np.arctan(tangent))
    steep = np.where(percent < _FLATTEST_OF_STEEP, 10.8 * sine + 0.03, 16.8 * sine - 0.5)
    ratio = (sine / 0.0896) / (3 * sine**0.8 + 0.56)
    m = np.where(percent > _M_UPTO[-1], ratio / (1 + ratio), np.array((*_M, _M[-1]))[np.searchsorted(_M_UPTO, percent)])
    aspect = np.divide(np.abs(east_rise) + np.abs(south_rise), tangent, out=np.ones_like(tangent), where=tangent > 0)
    size = math.sqrt(cell_area_m2)
    area = np.maximum(accumulation - 1, 0) * cell_area_m2
    if capped == SLOPE_LENGTH and cap < math.inf:
        area = np.minimum(area, np.maximum(0, cap * size * aspect - cell_area_m2))
    if method == INVEST_LS:
        area = np.sqrt(area)
        cosine = np.cos(np.arctan(tangent))
        aspect = sine + cosine
    length = ((area + cell_area_m2) ** (m + 1) - area ** (m + 1)) / (size ** (m + 2) * (aspect * _UNIT_LENGTH_M) ** m)
    if capped == L_FACTOR:
        length = np.minimum(length, cap)
    return length * steep


def delivery_ratio(connectivity, sdr_max=0.8, ic0=0.5, kb=2.0):
    """SDR of an index of connectivity; numbers or arrays."""
    return sdr_max / (1 + np.exp((ic0 - connectivity) / kb))


def sediment_retention(
    dem,
    land_cover,
    erosivity,
    erodibility,
    table=None,
    cover=None,
    drainage=None,
    mine_geometries=(),
    threshold=1000.0,
    kb=2.0,
    ic0=0.5,
    sdr_max=0.8,
    preset=0,
    progress=SILENT,
    **chosen,
):
    """Soil loss, its delivery to streams, and what vegetation keeps back.

    Parameters
    ----------
    dem : grid.Grid
        Elevation in metres, on cells in metres. All other grids lie on its cells.
    land_cover : grid.Grid
        Whole-number codes.
    erosivity : grid.Grid
        R, MJ mm / (ha h a), at least 0.
    erodibility : grid.Grid
        K, t ha h / (ha MJ mm), at least 0.
    table : tables.RawTable, optional
        ``land_cover, usle_c, usle_p``, 0 to 1; default the shipped one.
    cover : grid.Grid, optional
        C, 0 to 1, in place of ``usle_c``; see `cover_factor`.
    drainage : grid.Grid, optional
        Cells that hold 1 are streams too.
    mine_geometries : list of ogr.Geometry
        In the CRS of the DEM: depressions with their lowest cell under one drain inside, and are neither
        filled nor lost.
    threshold : float
        Cells that flow through a stream, at least; 0: only ``drainage``.
    kb, ic0, sdr_max : float
        Of `delivery_ratio`; kb above 0, sdr_max above 0 and at most 1.
    preset : int
        0 recommended, 1 as published (t per pixel), 2 as InVEST 3.20; with ``chosen`` conventions in place
        of its own (`Conventions`).

    Returns
    -------
    SedimentRetention

    Raises
    ------
    InputError
        Grids on other cells, values out of range, codes that the table lacks, no stream in preset 2.

    Notes
    -----
    Peak 145 bytes per cell with D8 and 195 with MFD, of which 50 are the results; with ties and flats as
    InVEST up to 260 where a third of the map is flat.
    """
    how = conventions(preset, **chosen)
    _check(kb, sdr_max, threshold, drainage)
    template = dem.template
    for grid in (land_cover, erosivity, erodibility, cover, drainage):
        if grid is not None and grid.values.shape != template.shape:
            raise InputError(f"Raster '{grid.name}' is not on the cells of '{dem.name}': align it first.")
    _require_range(erosivity, math.inf, "cannot be negative: correct the raster or its nodata value.")
    _require_range(erodibility, math.inf, "cannot be negative: correct the raster or its nodata value.")
    factors = _cover_and_practice(land_cover, table, cover, progress.part(0, 0.05))
    progress.check()
    rainfall, soil = erosivity.floats(), erodibility.floats()
    progress.check()
    elevation = dem.floats(np.float64)
    progress.check()
    if how.masking == AS_INVEST:
        known = np.isfinite(rainfall) & np.isfinite(soil) & np.isfinite(factors[0]) & np.isfinite(factors[1])
        elevation[~known] = np.nan
    if np.isnan(elevation).all():
        raise InputError(
            f"No cell of '{dem.name}' has a value in all inputs: choose maps of one area, or correct "
            f"their nodata values."
        )
    filled, drains = _filled(dem, elevation, mine_geometries, progress.part(0.05, 0.25))
    flow = route(
        filled,
        template,
        routing=Routing(how.routing),
        convention=FlowConvention(how.flow),
        unfilled=Unfilled(elevation, drains),
        progress=progress.part(0.25, 0.5),
    )
    accumulation = flow.accumulate(progress=progress.part(0.5, 0.55))
    stream = _streams(flow, accumulation, threshold, drainage, how, progress.part(0.55, 0.6))
    ls, gentle = (np.full(template.shape, np.nan, dtype=np.float32) for _ in range(2))
    edges = SlopeEdges.AS_INVEST if how.flow == FlowConvention.AS_INVEST else SlopeEdges.STRAIGHT
    for rows, east, south in rises(filled, template, edges=edges, progress=progress.part(0.6, 0.7)):
        ls[rows] = ls_factor(east, south, accumulation[rows], template.cell_area_m2, how.ls_method, how.cap, how.capped)
        percent = (100 * np.sqrt(east**2 + south**2)).astype(np.float32)  # as InVEST keeps it
        gentle[rows] = np.clip(percent / 100, _LOWEST_SLOPE, _HIGHEST_SLOPE)
    del filled, elevation
    progress.check()
    bare = ls * rainfall * soil
    progress.check()
    loss = bare * (factors[0] * factors[1])
    del rainfall, soil
    index, sdr = _delivery(
        flow, accumulation, stream, factors[0], gentle, template, how, (sdr_max, ic0, kb), progress.part(0.7, 0.88)
    )
    del gentle
    if how.masking == AS_INVEST:
        bare[stream] = loss[stream] = np.nan
    result = _maps(flow, stream, bare, loss, sdr, sdr_max, template, how, progress.part(0.88, 1.0))
    progress.check()
    result.connectivity = float_grid(index, template, "connectivity index")
    result.ls = float_grid(ls, template, "LS factor")
    result.accumulation = float_grid(np.where(flow.valid, accumulation, np.nan), template, "flow accumulation")
    result.streams = Grid(np.where(flow.valid, stream, 255).astype(np.uint8), template, 255, "streams")
    _tell(how, preset, chosen, result.totals, threshold, drains, progress)
    return result


def _check(kb, sdr_max, threshold, drainage):
    if not kb > 0:
        raise InputError(f"k_b is {kb:g}: it must be above 0 (2 is usual).")
    if not 0 < sdr_max <= 1:
        raise InputError(f"SDR_max is {sdr_max:g}: it must be above 0 and at most 1 (0.8 is usual).")
    if threshold < 0 or (threshold == 0 and drainage is None):
        raise InputError(
            f"The accumulation threshold is {threshold:g}: give the number of cells above 0 from which "
            f"a stream begins, or 0 and a drainage layer."
        )


def _require_range(grid, highest, mend):
    wrong = grid.valid & ((grid.values < 0) | (grid.values > highest))
    if wrong.any():
        raise InputError(
            f"Raster '{grid.name}' holds {grid.values[wrong].flat[0]:g} on {np.count_nonzero(wrong)} "
            f"cell(s), and {mend}"
        )


def _cover_and_practice(land_cover, table, cover, progress):
    """Maps of C and P."""
    parsed = read_table(table, cover is None)
    rows = class_rows(land_cover, codes_of(parsed), progress=progress)
    practice = values_by_class(rows, [row["usle_p"] for row in parsed.rows])
    if cover is None:
        return values_by_class(rows, [row["usle_c"] for row in parsed.rows]), practice
    _require_range(cover, 1, "a cover factor is 0 to 1: rescale it, or correct its nodata value.")
    return cover.floats(), practice


def _filled(dem, elevation, mine_geometries, progress):
    """The DEM without depressions, and the internal drains or None."""
    filled = fill_depressions(elevation, progress=progress.part(0.0, 0.5))
    if not len(mine_geometries):
        return filled, None
    under = rasterize(mine_geometries, dem.template, dtype=np.uint8) > 0
    drains = internal_drains(elevation, filled, under=under)
    if not drains.any():
        progress.warn(
            f"No depression of '{dem.name}' has its lowest cell under a mine, so none drains inside: check "
            f"that the DEM is younger than the pits, or leave the mines out."
        )
        return filled, None
    return fill_depressions(elevation, drains=drains, progress=progress.part(0.5, 1.0)), drains


def _streams(flow, accumulation, threshold, drainage, how, progress):
    stream = np.zeros(flow.shape, dtype=bool)
    if threshold > 0:
        stream = stream_cells(
            flow, accumulation, threshold=threshold, convention=FlowConvention(how.flow), progress=progress
        )
    if flow.drains.any():  # what gathers in a pit is no stream
        _, leaving = flow.path_to(False, 1.0, progress=progress)
        stream &= leaving > 0
    if drainage is not None:
        stream |= drainage.valid & (drainage.values == 1) & flow.valid
    if not stream.any():
        mend = "lower the accumulation threshold, or give a drainage layer."
        if how.masking == AS_INVEST:
            raise InputError(
                f"No cell is a stream, since no more than {accumulation.max():.0f} cell(s) flow through any: {mend}"
            )
        progress.warn(
            f"No cell is a stream, since no more than {accumulation.max():.0f} cell(s) flow through any; all "
            f"ways were followed to the map's edge: {mend}"
        )
    return stream


def _delivery(flow, accumulation, stream, cover, gentle, template, how, parameters, progress):
    """Index of connectivity and sediment delivery ratio, float32; see the module."""
    known = np.isfinite(cover) & flow.valid
    floor = np.maximum(cover, np.float32(_LOWEST_C))
    mean_cover = flow.accumulate(np.where(known, floor, 0), progress=progress.part(0.0, 0.2))
    if known.sum() < flow.valid.sum():  # on its way sediment passes cells without a cover as through the mean one
        floor = np.where(known, floor, floor[known].mean() if known.any() else 1)
        with_cover = flow.accumulate(known, progress=progress.part(0.2, 0.3))
        mean_cover = np.where(with_cover > 0, mean_cover / np.maximum(with_cover, 1e-300), floor)
    else:
        mean_cover /= accumulation.clip(1)
    mean_slope = flow.accumulate(np.where(flow.valid, gentle, 0), progress=progress.part(0.3, 0.5))
    cost = np.where(flow.valid, 1 / (floor * gentle), np.float32(0))
    progress.check()
    downslope, reach = flow.path_to(
        stream,
        cost,
        how=WayEnds(in_cells=how.ic_length == PIXELS, at_edge=how.masking != AS_INVEST),
        progress=progress.part(0.5, 0.9),
    )
    index, sdr = (np.full(flow.shape, np.nan, dtype=np.float32) for _ in range(2))
    for block in row_blocks(*flow.shape, progress.part(0.9, 1.0)):
        number = accumulation[block].clip(1)
        upslope = mean_cover[block] * (mean_slope[block] / number) * np.sqrt(number * template.cell_area_m2)
        with np.errstate(divide="ignore", invalid="ignore"):
            # in float32, as InVEST keeps it: small differences of SDR decide what is deposited
            index[block] = np.where(flow.valid[block] & ~stream[block], np.log10(upslope / downslope[block]), np.nan)
        ratio = delivery_ratio(index[block], *parameters)
        if how.masking != AS_INVEST:
            ratio = np.where(reach[block] > 0, ratio * reach[block], 0.0)
        ratio[stream[block]] = 1.0
        sdr[block] = np.where(flow.valid[block], ratio, np.nan)
    return index, sdr


def _maps(flow, stream, bare, loss, sdr, sdr_max, template, how, progress):
    """The maps that follow from soil loss and delivery, and the balance of sediment."""
    below = flow.mean_below(np.nan_to_num(sdr), progress=progress.part(0.0, 0.4))
    own, kept = (np.zeros(flow.shape) for _ in range(2))
    sinks = flow.drains & ~stream
    for block in row_blocks(*flow.shape, progress.part(0.4, 0.5)):
        ratio, unknown = np.nan_to_num(sdr[block]).astype(np.float64), np.isnan(sdr[block])
        with np.errstate(divide="ignore", invalid="ignore"):
            kept[block] = np.where(ratio < 1, np.maximum(below[block] - ratio, 0) / (1 - ratio), 1.0)
        own[block] = np.where(unknown, 0, np.nan_to_num(loss[block]) * (1 - ratio))
        kept[block][unknown] = 1
        kept[block][sinks[block]] = 0  # and all that goes on from there stays there
    del below
    arrived = flow.inflow(own, kept=kept, progress=progress.part(0.5, 0.9))

    hectares = template.cell_area_m2 / _M2_PER_HA
    factor = np.float32(hectares if how.unit == PER_PIXEL else 1)
    names = ("retention", "soil_loss", "bare_soil_loss", "export", "avoided_erosion", "avoided_export", "deposition")
    maps = {name: np.empty(flow.shape, dtype=np.float32) for name in names}
    totals = dict.fromkeys((*names, "leaves_map"), 0.0)
    for block in row_blocks(*flow.shape, progress.part(0.9, 1.0)):
        ratio, on_stream = sdr[block], stream[block]
        out = own[block] + (1 - kept[block]) * arrived[block]
        known = flow.valid[block] & np.isfinite(ratio)
        trapped = np.where(sinks[block], out, kept[block] * arrived[block])
        totals["leaves_map"] += out[flow.leaves[block]].sum()
        totals["deposition"] += trapped[known].sum()
        totals["soil_loss"] += np.nansum(np.where(known, loss[block], 0), dtype=np.float64)
        trapped[~known | (on_stream & (how.masking == AS_INVEST))] = np.nan
        avoided = bare[block] - loss[block]
        for name, values in (
            ("retention", avoided * np.where(on_stream, np.float32(sdr_max), ratio) / np.float32(sdr_max)),
            ("soil_loss", loss[block]),
            ("bare_soil_loss", bare[block]),
            ("export", loss[block] * ratio),
            ("avoided_erosion", avoided),
            ("avoided_export", avoided * ratio + trapped),
            ("deposition", trapped),
        ):
            if name not in ("soil_loss", "deposition"):
                totals[name] += np.nansum(values, dtype=np.float64)
            maps[name][block] = values * factor
    totals = {name: float(total) * hectares for name, total in totals.items()}

    named = {name: float_grid(values, template, name.replace("_", " ")) for name, values in maps.items()}
    return SedimentRetention(
        **named,
        sdr=float_grid(sdr, template, "sediment delivery ratio"),
        connectivity=None,
        ls=None,
        accumulation=None,
        streams=None,
        conventions=how,
        totals=totals,
    )


def _tell(how, preset, given, totals, threshold, drains, progress):
    cap = "no cap in LS" if how.cap == math.inf else f"LS capped at {how.cap:g}"
    phrases = {
        "routing": f"{how.routing} routing",
        "flow": f"ties and flats {how.flow}",
        "ls_method": f"LS {how.ls_method}",
        "cap": cap,
        "capped": f"a cap holds the {how.capped}",
        "ic_length": f"connectivity in {how.ic_length}",
        "masking": f"cells with {how.masking}",
        "unit": f"maps in {how.unit} a year",
    }
    progress.log(f"Sediment retention, {conventions_told(preset, phrases, given)}; streams from {threshold:g} cells.")
    if drains is not None:
        progress.log(
            f"{np.count_nonzero(drains)} cell(s) at the bottom of pits drain inside: SDR is 0 where all "
            f"water runs to them."
        )
    progress.log(
        "Of {soil_loss:.4g} t of soil lost in a year {export:.4g} t reach a stream or leave the map at once, "
        "{deposition:.4g} t are deposited and {leaves_map:.4g} t leave the map on their way.".format(**totals)
    )

"""The resistance of one factor, for maps of any size.

From a raster by intervals or codes, or by the distance to the features of a layer or the cells of a raster.
"""

import math
from dataclasses import replace

import numpy as np
from osgeo import ogr

from .. import tables
from ..errors import InputError
from ..gdal_cache import small_cache
from ..gdal_session import gdal_exceptions
from ..geometry.distance_classes import Distances, border_of, each_window
from ..geometry.layers import require_near
from ..geometry.segment_distance import Edges
from ..grid.blocks import Classes, run
from ..grid.grid import CLASSES, QUANTITY, Window
from ..grid.reading import bounds_in, open_cells
from ..grid.slope import SlopeDegrees
from ..grid.warping import AlignedRaster
from ..progress import SILENT
from .factors import FACTORS
from .scoring import Scoring, log_shares

_NAMED_AT_MOST = 8
_COUNTED_AT_MOST = 1000  # a raster with more values holds no codes


def check_choices(rule, datum_m, slope):
    """Refuse a datum or a slope for a factor that has none."""
    if slope and (rule.codes or (rule.factor in FACTORS and rule.factor != "slope")):
        raise InputError(
            f"The slope of an elevation is asked for (SLOPE_FROM_DEM), and the factor is '{rule.factor}': "
            f"choose the factor slope, or leave the slope off."
        )
    if datum_m and (slope or rule.codes or (rule.factor in FACTORS and rule.factor != "elevation")):
        what = "slope" if slope else rule.factor
        raise InputError(
            f"The elevation that counts as 0 (DATUM) is {datum_m:g} m, and the factor is '{what}': leave it at 0."
        )


def factor_resistance(source, template, rule, output, offset=0.0, slope=False, progress=SILENT):
    """Resistance of a raster, for maps of any size; the log says each resistance's share of the area.

    Parameters
    ----------
    source : reading.RasterSource
    template : grid.Template
        Cells of the result.
    rule : Rule
        With intervals or codes.
    output : writing.RasterWriter or blocks.ArrayOutput
    offset : float
        As for `classify`.
    slope : bool
        The raster is an elevation in metres, and its slope in degrees is scored.

    Returns
    -------
    dict of float to int
        Cells by resistance.

    Raises
    ------
    InputError
        A value or code that no row scores; NDVI that is not between -1 and 1.
    """
    if slope:
        layer = SlopeDegrees(source, template)
    elif rule.codes:
        layer = Classes(source, template)
    else:
        layer = AlignedRaster(source, template, QUANTITY)
    scoring, extremes = Scoring(rule, offset, source.name, "BREAKS_TABLE", counted=True), []

    def step(_, grid):
        values, valid = grid.values, grid.valid
        if valid.any():
            held = values[valid]
            extremes.append((float(held.min()), float(held.max())))
        return (scoring.score(values, valid),)

    def check():
        low, high = min(low for low, _ in extremes), max(high for _, high in extremes)
        _check_range(rule, source.name, low, high, slope, progress)
        scoring.check()

    run([layer], step, [output], check=check, progress=progress)
    log_shares(scoring.cells, template.rows * template.cols, source.name, progress)
    return scoring.cells


def _check_range(rule, name, low, high, slope, progress):
    """Values in a unit that the factor's bounds are not in."""
    bounds = rule.intervals.bounds if rule.intervals else ()
    highest = max(abs(low), abs(high))
    if rule.factor == "ndvi" and bounds and highest > 1.5 and all(abs(bound) <= 1 for bound in bounds):
        raise InputError(
            f"Layer '{name}' holds values up to {highest:g} and NDVI lies between -1 and 1: divide it by "
            f"its scale factor (often 10000) with the raster calculator."
        )
    if rule.factor == "slope" and not slope and bounds and (high > 90 or low < 0):
        progress.warn(
            f"Layer '{name}' holds values from {low:g} to {high:g}, and slopes in degrees lie between 0 and "
            f"90: if it is an elevation, tick 'The raster is an elevation: compute its slope'."
        )
    if rule.factor.startswith("distance_") and low < 0:
        progress.warn(
            f"Layer '{name}' holds values down to {low:g}, and distances are not negative: they are scored as "
            f"0 m. If they mean no value, declare them as the raster's nodata value."
        )


def read_mask_codes(text):
    """Codes from a text such as ``5, 9``; empty where there is none.

    Raises
    ------
    InputError
        A code that is not a whole number.
    """
    codes = []
    for part in tables.split_list(text):
        value = tables.number_of(part)
        if value is None or value != math.floor(value):
            raise InputError(
                f"Codes of the mask (MASK_CODES): '{part}' in '{text}' is not a whole number; write codes "
                f"such as 5 or 5,9."
            )
        codes.append(int(value))
    return tuple(codes)


def distances_to_features(features, template, breaks_m, exact=False, progress=SILENT):
    """Distances to the points, lines and polygons of a layer, brought to the template's CRS.

    Parameters
    ----------
    features : layers.Layer
    template : grid.Template
    breaks_m : sequence of floats
    exact : bool
        Metres will be asked for, not classes by the breaks alone.

    Raises
    ------
    InputError
        An empty layer, one in which nothing has a place or area, or that lies in another region.
    """
    features.require_some()
    features = _mended(features.to_crs(template.crs, progress), progress)
    _require_near(features.geometries, features, template, breaks_m)
    return Distances.to_geometries(features.geometries, template, None if exact else breaks_m)


def _mended(features, progress):
    """Self-crossing polygons are mended, and features without any place left out."""
    geometries = list(features.geometries)
    areas = [index for index, geometry in enumerate(geometries) if geometry.GetDimension() == 2]
    polygons = replace(
        features,
        geometries=[geometries[index] for index in areas],
        attributes=[features.attributes[index] for index in areas],
    ).valid_polygons(progress)
    for index, geometry in zip(areas, polygons.geometries):
        geometries[index] = geometry
    kept = [geometry for geometry in geometries if not geometry.IsEmpty()]
    if not kept:
        raise InputError(
            f"Layer '{features.name}' has no feature with a place on the map: its polygons enclose no "
            f"area; correct them or choose another layer."
        )
    return replace(features, geometries=kept, attributes=[{} for _ in kept])


def check_place(layer, template, breaks_m):
    """Refuse, before work starts, an empty layer and what lies in another region than the template.

    Parameters
    ----------
    layer : layers.Layer or reading.RasterSource
        Features may be an outline; their place is looked at where they are in the template's CRS.
    """
    if hasattr(layer, "path"):
        own = open_cells(layer)
        _require_near([_box(bounds_in(own, template.crs))], replace(layer, crs=own.crs), template, breaks_m)
        return
    layer.require_some()
    if layer.crs.same_as(template.crs):
        _require_near(layer.geometries, layer, template, breaks_m)


def _require_near(geometries, layer, template, breaks_m):
    """Refuse what lies further off than the map is wide or high: it belongs to another region."""
    west, south, east, north = template.bounds
    reach = max(east - west, north - south, *breaks_m, 0.0)
    require_near(geometries, template.bounds, name=layer.name, crs=layer.crs, other=template.name, reach_m=reach)


def _box(bounds):
    """A polygon around ``(west, south, east, north)``."""
    west, south, east, north = bounds
    ring = ogr.Geometry(ogr.wkbLinearRing)
    for x, y in ((west, south), (east, south), (east, north), (west, north), (west, south)):
        ring.AddPoint_2D(x, y)
    polygon = ogr.Geometry(ogr.wkbPolygon)
    polygon.AddGeometry(ring)
    return polygon


def distances_to_mask(source, codes, template, breaks_m, exact=False, progress=SILENT):
    """Distances to the cells of a raster: from cell centre to cell centre, 0 m in a cell of the mask.

    Parameters
    ----------
    source : reading.RasterSource
        In any known CRS, on cells of any size, also larger than the template: cells beyond the
        template's edge count.
    codes : sequence of int
        Which cells make up the mask; empty: all that have a value other than 0.
    template, breaks_m, exact
        As for `distances_to_features`.

    Raises
    ------
    InputError
        No cell holds one of the codes, or the raster lies in another region.

    Notes
    -----
    About 60 bytes per cell on the mask's border that is in reach.
    """
    check_place(source, template, breaks_m)
    own = open_cells(source)
    layer, codes = AlignedRaster(source, own, CLASSES), np.array(codes)

    def masked(grid):
        chosen = np.isin(grid.values, codes) if len(codes) else grid.values != 0
        return chosen & grid.valid

    reach = math.inf if exact else max((*breaks_m, 0.0))
    reached = _window_within(own, template, reach)
    found, total, absent = [], 0, set(codes.tolist())
    for window, part in each_window(own, progress.part(0, 0.5)):
        part(0.0)
        around = window.grown(1, own)
        grid = layer.read(around, part)
        mask = masked(grid)
        total += int(np.count_nonzero(mask))
        absent -= {code for code in absent if (mask & (grid.values == code)).any()}
        # cells further away than the reach change no class
        here = None if reached is None else window.meet(reached.slices)
        if here is not None:
            rows, cols = np.nonzero(border_of(mask)[here.within(around)])
            found.append(np.column_stack(own.xy(rows + here.row, cols + here.col)))
    if not total:
        what = f"one of the codes {', '.join(map(str, codes))} (MASK_CODES)" if len(codes) else "a value other than 0"
        raise InputError(
            f"No cell of raster '{source.name}' holds {what}; it holds "
            f"{_codes_held(layer, own, progress.part(0.5, 1))}: correct the codes, or "
            f"choose another raster."
        )
    if absent:
        progress.warn(
            f"No cell of raster '{source.name}' holds {', '.join(map(str, sorted(absent)))} of the codes "
            f"(MASK_CODES); distance is taken to the others."
        )
    points = np.concatenate([np.empty((0, 2)), *found])
    if not own.crs.same_as(template.crs) and len(points):
        with gdal_exceptions():
            moved = own.crs.to(template.crs, layer=source.name).TransformPoints(points)
        points = np.array(moved)[:, :2]
        points = points[np.isfinite(points).all(axis=1)]
    return Distances(Edges.of_points(points, template, reach), _covered(source, own, template, masked), template)


def _codes_held(layer, own, progress):
    """The lowest codes of a raster, and how many more it holds."""
    held = set()
    for window, part in each_window(own, progress):
        part(0.0)
        grid = layer.read(window, part)
        held |= set(np.unique(grid.values[grid.valid]).tolist())
        if len(held) > _COUNTED_AT_MOST:
            break
    more = len(held) - _NAMED_AT_MOST
    rest = "" if more <= 0 else " and many more" if len(held) > _COUNTED_AT_MOST else f" and {more} more"
    return (", ".join(f"{code:g}" for code in sorted(held)[:_NAMED_AT_MOST]) or "none") + rest


def _window_within(own, template, reach_m):
    """The cells of a raster that lie within a reach of a template, and a few more; None where there are none."""
    whole = Window(0, 0, own.rows, own.cols)
    if not math.isfinite(reach_m):
        return whole
    west, south, east, north = bounds_in(template.padded(reach_m), own.crs)
    if not all(map(math.isfinite, (west, south, east, north))):
        return whole
    # edges are bent in another CRS
    margin = 2 * max(own.cell_width, own.cell_height) + max(east - west, north - south) / 50
    return own.window_of((west, east, south, north), margin)


def _covered(source, own, template, masked):
    """Which cells of a window have their centre in a cell of the mask."""
    west, south, east, north = bounds_in(own, template.crs)
    if not (
        west < template.bounds[2]
        and east > template.bounds[0]
        and south < template.bounds[3]
        and north > template.bounds[1]
    ):
        return lambda window: None
    there = AlignedRaster(source, template, CLASSES)
    return lambda window: masked(there.read(window))


def distance_resistance(distances, rule, template, name, output=None, output_distance=None, progress=SILENT):
    """Resistance by distance, and the distance itself, for maps of any size.

    Parameters
    ----------
    distances : distance.Distances
        Made with ``exact`` where ``output_distance`` is wanted.
    rule : factors.Rule
        With intervals from 0 without an end.
    template : grid.Template
    name : str
        The layer, for messages.
    output, output_distance : writing.RasterWriter or blocks.ArrayOutput, optional
        Resistance; metres.

    Returns
    -------
    dict of float to int
        Cells by resistance.
    """
    intervals = rule.intervals
    breaks = np.array(intervals.breaks, dtype=np.float32)
    resistance = np.array(intervals.resistance, dtype=np.float32)
    counts = np.zeros(len(resistance), dtype=np.int64)
    with small_cache():
        for window, part in each_window(template, progress):
            part(0.0)
            if output_distance is not None:
                metres = distances.metres(window, part)
                output_distance.write(window, metres)
                classes = np.searchsorted(breaks, metres, side="left")
            else:
                classes = distances.classes(window, breaks, part)
            counts += np.bincount(classes.reshape(-1), minlength=len(counts))
            if output is not None:
                output.write(window, resistance[classes])
        for each in (output, output_distance):
            if each is not None:
                each.finish(progress)
    if len(breaks) and counts[-1] == counts.sum():
        progress.warn(
            f"Nothing of '{name}' lies within {breaks[-1]:g} m of any cell of '{template.name}': the whole "
            f"map has the resistance of the last interval. Check that the layer belongs to this area."
        )
    cells = {}
    for score, count in zip(intervals.resistance, counts.tolist()):
        if count:
            cells[float(score)] = cells.get(float(score), 0) + count
    cells = dict(sorted(cells.items()))
    log_shares(cells, template.rows * template.cols, template.name, progress)
    return cells

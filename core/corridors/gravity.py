"""Interaction between sources by the gravity model, and important and general corridors.

Feng, Bai & Wang (2024), Eq 9 and Table 4. The middle form of Eq 9 prints 1/(P ln S) where its
result needs ln S / P, and only the result can give Table 4; the result is used here.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from .. import tables
from ..crs import require_metres
from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..geometry.cells import rasterize
from ..geometry.layers import Layer, bounds_of
from ..ids import as_id, id_list, source_ids
from ..natural_breaks.classes import natural_breaks
from ..progress import SILENT

LOGARITHM, AREA = "closed form of Eq 9", "area form"

FORMS = (LOGARITHM, AREA)  # append only: saved models hold the index

AREA_UNITS = {"km2": 1.0, "ha": 100.0, "m2": 1e6}
"""Units in one km2."""

MEAN, MEDIAN, NATURAL_BREAKS, QUANTILE, FIXED = "mean", "median", "natural breaks", "quantile", "fixed"

_THRESHOLDS = {
    MEAN: lambda values, given, progress: np.mean(values),
    MEDIAN: lambda values, given, progress: np.median(values),
    NATURAL_BREAKS: lambda values, given, progress: natural_breaks(values, 2, "gravity", progress).breaks[0],
    QUANTILE: lambda values, given, progress: np.quantile(values, given),
    FIXED: lambda values, given, progress: given,
}

THRESHOLD_RULES = tuple(_THRESHOLDS)  # append only: saved models hold the index

_NEED_THRESHOLD = (QUANTILE, FIXED)

IMPORTANT, GENERAL = "important", "general"

_RULED_BY_FEW = 0.1
"""Where fewer than this share of the pairs exceeds the mean, a few near pairs rule it (Table 4: 0.23)."""


@dataclass
class Interaction:
    """What the gravity model found.

    Parameters
    ----------
    corridors : layers.Layer
        The corridors that were kept, with all their fields, ``gravity`` and ``class``.
    ids : list
        Source ids, in order.
    area_km2, resistance : ndarray, shape (n,)
        S and P of each source.
    matrix : ndarray, shape (n, n)
        Gravity of every pair, redundant ones too; symmetric; 0 on the diagonal, NaN without corridor.
    threshold : float
        Corridors above it are important.
    n_important, n_general, n_redundant : int
        Of the kept corridors; and how many redundant ones were dropped.
    longest_cost : float
        L_max, resistance x metre.
    warnings : list of str
    rule : str
        The rule of the threshold.
    values : ndarray, shape (m,)
        Gravity of every corridor, redundant ones too.
    kept : bool ndarray, shape (m,)
        False: dropped as redundant.
    """

    corridors: Layer
    ids: list
    area_km2: np.ndarray
    resistance: np.ndarray
    matrix: np.ndarray
    threshold: float
    n_important: int
    n_general: int
    n_redundant: int
    longest_cost: float
    warnings: list = field(default_factory=list)
    rule: str = MEAN
    values: np.ndarray = None
    kept: np.ndarray = None

    def counts_above(self, threshold):
        """Of the corridors above a threshold: how many, how many of them dropped and kept; general ones kept."""
        above = _above(self.values, threshold)
        return (
            int(above.sum()),
            int((above & ~self.kept).sum()),
            int((above & self.kept).sum()),
            int((~above & self.kept).sum()),
        )

    def matrix_rows(self):
        """The matrix as rows: ``source_id``, then one column per source; None without corridor."""
        return [
            {
                "source_id": one,
                **{str(two): None if np.isnan(value) else float(value) for two, value in zip(self.ids, row)},
            }
            for one, row in zip(self.ids, self.matrix)
        ]

    def pairs(self):
        """Every pair as (source_a, source_b, gravity), the strongest first."""
        one, two = np.triu_indices(len(self.ids), 1)
        values = self.matrix[one, two]
        order = [i for i in np.argsort(-values, kind="stable") if not np.isnan(values[i])]
        return [(self.ids[one[i]], self.ids[two[i]], float(values[i])) for i in order]


def gravity(cost, area_a, area_b, resistance_a, resistance_b, longest_cost, form=LOGARITHM):
    """Eq 9: ``L_max^2 ln(S_a) ln(S_b) / (L_ab^2 P_a P_b)``; the area form has S in place of ln S.

    Parameters
    ----------
    cost : float or ndarray
        L_ab, above 0.
    area_a, area_b : float or ndarray
        S in the area unit; above 1 for the closed form.
    resistance_a, resistance_b : float or ndarray
        P, mean resistance of the source, above 0.
    longest_cost : float
        L_max, in the unit of ``cost``.

    Returns
    -------
    float or ndarray
    """
    if form not in FORMS:
        raise InputError(f"Form '{form}' of the gravity model is not known: choose one of {', '.join(FORMS)}.")
    size_a, size_b = (np.log(a) if form == LOGARITHM else np.asarray(a, dtype=np.float64) for a in (area_a, area_b))
    return (
        (longest_cost / np.asarray(cost, dtype=np.float64)) ** 2
        * size_a
        * size_b
        / (np.asarray(resistance_a, dtype=np.float64) * resistance_b)
    )


def threshold_of(values, rule=MEAN, threshold=None, progress=SILENT):
    """The gravity above which a corridor is important.

    Parameters
    ----------
    values : ndarray
        Gravity of all pairs, redundant ones too.
    rule : str
        One of ``THRESHOLD_RULES``; natural breaks: the bound between two classes.
    threshold : float
        The quantile (0 to 1) or the fixed value; the other rules do not use it.
    """
    check_threshold(rule, threshold)
    if rule not in _NEED_THRESHOLD and threshold is not None:
        progress.log(f"The threshold {threshold:g} is not used: rule '{rule}' finds its own.")
    return float(_THRESHOLDS[rule](values, threshold, progress))


def _above(values, threshold):
    return values > threshold + 1e-12 * abs(threshold)


def check_threshold(rule, threshold):
    """Refuse a rule that is unknown, or without the threshold that it needs."""
    if rule not in _THRESHOLDS:
        raise InputError(f"Threshold rule '{rule}' is unknown: choose {', '.join(THRESHOLD_RULES)}.")
    if rule in _NEED_THRESHOLD and threshold is None:
        raise InputError(
            f"Threshold rule '{rule}' needs a threshold: give "
            f"{'a share between 0 and 1, such as 0.75' if rule == QUANTILE else 'a gravity, such as 50'}."
        )
    if rule == QUANTILE and not 0 <= threshold <= 1:
        raise InputError(f"Threshold {threshold:g} is not a quantile: give a share between 0 and 1, such as 0.75.")


def source_resistance(sources, ids, grid, progress=SILENT):
    """P: mean resistance of each source's cells.

    Parameters
    ----------
    sources : list of ogr.Geometry
        Polygons in the raster's CRS; they may overlap.
    ids : list
        For messages.
    grid : grid.Grid
        Resistance; nodata and 0 are barriers and do not count.

    Returns
    -------
    float64 ndarray, shape (n,)
        Of the cells whose centre lies inside; of the nearest cell where none does.

    Raises
    ------
    InputError
        Negative resistance, or a source without a passable cell.
    """
    template = grid.template
    lowest = np.min(grid.values, where=grid.valid, initial=np.inf)
    if lowest < 0:
        raise InputError(
            f"Resistance '{grid.name or template.name}' holds {lowest:g}: resistance must be above 0; "
            f"correct the raster."
        )
    means = np.empty(len(sources), dtype=np.float64)
    for index, geometry in enumerate(sources):
        progress(index / len(sources))
        west, east, south, north = geometry.GetEnvelope()
        top, left = template.row_col(west, north)
        bottom, right = template.row_col(east, south)
        top, left = max(0, int(top) - 1), max(0, int(left) - 1)
        bottom, right = min(template.rows, int(bottom) + 2), min(template.cols, int(right) + 2)
        mean = None
        if top < bottom and left < right:
            x0, dx, _, y0, _, dy = template.transform
            window = replace(
                template,
                rows=bottom - top,
                cols=right - left,
                transform=(x0 + left * dx, dx, 0.0, y0 + top * dy, 0.0, dy),
            )
            cells = grid.like(grid.values[top:bottom, left:right], grid.nodata).floats(np.float64)
            inside = rasterize([geometry], window, dtype=np.uint8) == 1
            if not inside.any():
                inside = _nearest(geometry, window)
            cells = cells[inside & (cells > 0)]
            mean = cells.mean() if cells.size else None
        if mean is None:
            raise InputError(
                f"Source {ids[index]} has no cell with a resistance in '{grid.name or template.name}': "
                f"use the map that the corridors were made on, or leave the source out."
            )
        means[index] = mean
    return means


def _nearest(geometry, window):
    """A mask of the one cell whose centre is nearest to a polygon that holds no centre."""
    from osgeo import ogr

    touched = rasterize([geometry], window, all_touched=True, dtype=np.uint8) == 1
    candidates = np.argwhere(touched if touched.any() else np.ones(window.shape, dtype=bool))
    point = ogr.Geometry(ogr.wkbPoint)
    distances = []
    with gdal_exceptions():
        for row, col in candidates:
            point.SetPoint_2D(0, *(float(c) for c in window.xy(row, col)))
            distances.append(geometry.Distance(point))
    mask = np.zeros(window.shape, dtype=bool)
    mask[tuple(candidates[int(np.argmin(distances))])] = True
    return mask


def gravity_model(
    corridors,
    sources,
    resistance,
    form=LOGARITHM,
    area_unit="km2",
    threshold_rule=MEAN,
    threshold=None,
    drop_redundant=True,
    id_field="",
    progress=SILENT,
):
    """Gravity of every corridor, the threshold, and which corridors are important.

    Parameters
    ----------
    corridors : layers.Layer
        With ``source_a``, ``source_b``, ``cost`` and, to drop them, ``redundant``.
    sources : layers.Layer
        Polygons; their area is measured on the polygons.
    resistance : grid.Grid
        The surface that the corridors were made on.
    form : str
        One of ``FORMS``.
    area_unit : str
        One of ``AREA_UNITS``: the unit of S in the formula.
    id_field : str
        As :func:`~.least_cost_paths.source_ids` takes it, so that ids are those of the corridors.
    threshold_rule, threshold
        See :func:`threshold_of`. The threshold is taken over all corridors; redundant ones are
        dropped after it, which is how 48 pairs of Table 4 above its mean become 46 corridors.

    Returns
    -------
    Interaction

    Raises
    ------
    InputError
        Missing fields, unknown or repeated sources, pairs given twice, costs that are no positive
        number, ln S <= 0; layers that lie wholly away from the resistance surface.

    Notes
    -----
    A cost of 0 (edge to edge, sources that touch) is raised to one cell: the shorter side times the
    lowest resistance of the map, the least that any step can cost. Then a few near pairs rule the
    mean, and the log advises natural breaks.
    """
    warnings = []

    def warn(message):
        warnings.append(message)
        progress.warn(message)

    corridors = check_corridors(corridors)
    sources, template = sources.with_fields("area_km2"), resistance.template
    name = resistance.name or template.name
    sources.require_some("source")
    corridors.to_crs_near(template.crs, template.bounds, 0, name)
    sources = sources.to_crs_near(template.crs, template.bounds, 0, name, progress)
    ids, geometries, order = _sources(sources, id_field, progress)
    pairs, cost = _pairs(corridors, sources.name, ids)
    area = np.array([geometry.Area() for geometry in geometries]) / 1e6
    mean_resistance = source_resistance(geometries, ids, resistance, progress.part(0, 0.8))
    _compare_areas(sources, ids, order, area, warn)
    size = area * AREA_UNITS[area_unit]
    if form == LOGARITHM:
        small = [i for i, s in zip(ids, size) if s <= 1]
        if small:
            raise InputError(
                f"Layer '{sources.name}': {'source' if len(small) == 1 else 'sources'} {id_list(small)} of at most "
                f"1 {area_unit} would have ln S <= 0 and no gravity: choose another area unit or the area form, or "
                f"leave them out."
            )
    touching = int((cost == 0).sum())
    if touching:
        values = resistance.values
        least = np.min(values, where=resistance.valid & (values > 0), initial=np.inf)
        floor = min(template.cell_width, template.cell_height) * float(least)
        cost = np.where(cost == 0, floor, cost)
        warn(
            f"{touching} corridor(s) of '{corridors.name}' cost 0 (their sources touch) and count as one cell, "
            f"{floor:g}: a few near pairs then rule the mean; threshold rule 'natural breaks' is advised."
        )
    longest = float(cost.max())
    one, two = pairs.T
    values = gravity(cost, size[one], size[two], mean_resistance[one], mean_resistance[two], longest, form)
    expected = len(ids) * (len(ids) - 1) // 2
    if len(values) < expected:
        warn(
            f"Only {len(values)} of {expected} pairs of {len(ids)} sources have a corridor: the longest cost and the "
            f"threshold are those of these pairs, and differ from those of all pairs."
        )
    limit = threshold_of(values, threshold_rule, threshold, progress)
    important = _above(values, limit)
    if threshold_rule == MEAN and not touching and len(values) >= 20 and important.mean() < _RULED_BY_FEW:
        warn(
            f"Only {important.sum()} of {len(values)} corridors exceed the mean, {limit:.6g}: a few near pairs rule "
            f"it; consider threshold rule 'natural breaks' or 'median'."
        )
    kept = np.ones(len(values), dtype=bool)
    if drop_redundant:
        if "redundant" in corridors.field_names:
            kept = ~_flags(corridors, "redundant")
            progress.log(
                f"{(~kept).sum()} redundant corridor(s) were dropped after the threshold was taken, "
                f"{(important & ~kept).sum()} of them important."
            )
        else:
            warn(f"Layer '{corridors.name}' has no field 'redundant': no corridor was dropped.")
    matrix = np.full((len(ids),) * 2, np.nan)
    np.fill_diagonal(matrix, 0.0)
    matrix[one, two] = matrix[two, one] = values
    rows = np.nonzero(kept)[0]
    result = Layer(
        corridors.name,
        corridors.crs,
        [corridors.geometries[i] for i in rows],
        [
            {**corridors.attributes[i], "gravity": float(values[i]), "class": IMPORTANT if important[i] else GENERAL}
            for i in rows
        ],
        [name for name in corridors.field_names if name not in ("gravity", "class")] + ["gravity", "class"],
    )
    n_important = int((important & kept).sum())
    progress.log(
        f"Form: {form}, S in {area_unit}. Threshold ({threshold_rule}): {limit:.6g}. {n_important} important "
        f"and {len(rows) - n_important} general corridors."
    )
    return Interaction(
        result,
        ids,
        area,
        mean_resistance,
        matrix,
        limit,
        n_important,
        len(rows) - n_important,
        int((~kept).sum()),
        longest,
        warnings,
        threshold_rule,
        values,
        kept,
    )


def check_corridors(corridors):
    """Corridors with the fields that the model needs, recognised regardless of case.

    Raises
    ------
    InputError
        No corridor, no CRS in metres, or a field that is missing.
    """
    corridors.require_some("corridor")
    west, south, _, _ = bounds_of(corridors.geometries)
    require_metres(corridors.crs, corridors.name, centre=(west, south))
    corridors = corridors.with_fields("source_a", "source_b", "cost", "redundant")
    for name, purpose in (
        ("source_a", "the id of the source at one end"),
        ("source_b", "the id of the source at one end"),
        ("cost", "accumulated cost, resistance x metre"),
    ):
        corridors.require_field(name, purpose)
    return corridors


def _sources(sources, id_field, progress):
    """Ids in order, the polygon of each, and the features' numbers in that order."""
    for index, geometry in enumerate(sources.geometries):
        if geometry.GetDimension() != 2:
            raise InputError(
                f"Layer '{sources.name}', feature {index + 1} is a {geometry.GetGeometryName().lower()}: "
                f"sources must be polygons; choose another layer."
            )
    ids = source_ids(sources, id_field, progress)
    sources = sources.valid_polygons(progress)
    order = np.argsort(ids)
    return [ids[i] for i in order], [sources.geometries[i] for i in order], order


def _pairs(corridors, source_layer, ids):
    """Places in ``ids`` of both ends of every corridor, shape (m, 2), and costs, shape (m,)."""
    cost = corridors.numbers("cost", "accumulated cost, resistance x metre", minimum=0)
    place, seen = {source_id: index for index, source_id in enumerate(ids)}, {}
    pairs = np.empty((len(corridors), 2), dtype=np.int64)
    for index, attributes in enumerate(corridors.attributes):
        for side, name in enumerate(("source_a", "source_b")):
            source_id = as_id(attributes[name])
            if source_id not in place:
                raise InputError(
                    f"Layer '{corridors.name}', field '{name}', feature {index + 1}: source "
                    f"{'NULL' if source_id is None else source_id} is not in layer '{source_layer}'; use the sources that "
                    f"the corridors were made from."
                )
            pairs[index, side] = place[source_id]
        one, two = pair = tuple(sorted(pairs[index].tolist()))
        if one == two:
            raise InputError(
                f"Layer '{corridors.name}', feature {index + 1} joins source {ids[one]} to itself: delete it."
            )
        if pair in seen:
            raise InputError(
                f"Layer '{corridors.name}', feature {index + 1}: the pair {ids[one]} and {ids[two]} has a "
                f"corridor already, feature {seen[pair]}; keep one of them."
            )
        seen[pair] = index + 1
    return pairs, cost


def _flags(layer, name):
    """A boolean field, however the format wrote it."""
    flags = np.zeros(len(layer), dtype=bool)
    for index, value in enumerate(layer.values(name)):
        word = str(0 if value is None else value).strip().lower()
        if word in ("1", "1.0", "true", "t", "yes"):
            flags[index] = True
        elif word not in ("0", "0.0", "false", "f", "no", ""):
            raise InputError(
                f"Layer '{layer.name}', field '{name}', feature {index + 1}: '{value}' is neither yes nor "
                f"no; write 1 or 0."
            )
    return flags


def _compare_areas(sources, ids, order, area_km2, warn):
    """Say where the field ``area_km2`` and the polygon disagree by more than 1 %."""
    if "area_km2" not in sources.field_names:
        return
    written = [tables.number_of(sources.attributes[i]["area_km2"]) for i in order]
    other = [
        i
        for i, said, measured in zip(ids, written, area_km2)
        if said is not None and abs(said - measured) > 0.01 * measured
    ]
    if other:
        warn(
            f"Layer '{sources.name}', field 'area_km2': {'source' if len(other) == 1 else 'sources'} {id_list(other)} "
            f"differ by more than 1 % from the area of the polygon, which is used."
        )

"""Resistance by distance to the features of a layer or to cells of a raster, for maps of any size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Callable

import numpy as np
from osgeo import ogr

from .. import tables
from ..arrays import AnyArray, Bools, Float32s, Floats, Ints
from ..crs import Crs
from ..errors import InputError
from ..gdal_cache import small_cache
from ..gdal_session import gdal_exceptions
from ..geometry.distance_classes import Distances, border_of, each_window
from ..geometry.layers import Layer, require_near
from ..geometry.segment_distance import Edges
from ..grid.blocks import BlockOutput
from ..grid.grid import CLASSES, Grid, Template, Window
from ..grid.reading import RasterSource, bounds_in, open_cells
from ..grid.warping import AlignedRaster
from ..progress import SILENT, Progress
from .factors import Intervals
from .scoring import cells_by_resistance, log_shares

_NAMED_AT_MOST = 8
_COUNTED_AT_MOST = 1000  # a raster with more values holds no codes


@dataclass(frozen=True)
class DistanceChoices:
    """How a distance is measured and scored.

    Parameters
    ----------
    intervals : Intervals
        In metres, from 0 without an end.
    mask_codes : tuple of int
        Codes of the raster's cells that distance is measured to; empty: all cells with a value other than 0.
    exact : bool
        Whether the distance in metres is wanted too, not resistance alone.
    """

    intervals: Intervals
    mask_codes: tuple[int, ...] = ()
    exact: bool = False

    @property
    def reach_m(self) -> float:
        """The distance beyond which resistance does not change; infinite where metres are asked for."""
        return math.inf if self.exact else max((*self.intervals.breaks, 0.0))


def read_mask_codes(text: str) -> tuple[int, ...]:
    """Codes from a text such as ``5, 9``; empty where there is none.

    Raises
    ------
    InputError
        A code that is not a whole number (``mask_codes``).
    """
    codes = []
    for part in tables.split_list(text):
        value = tables.number_of(part)
        if value is None or value != math.floor(value):
            raise InputError(
                f"'{part}' in '{text}' is not a whole number; write codes such as 5 or 5,9.",
                parameter="mask_codes",
                value=text,
            )
        codes.append(int(value))
    return tuple(codes)


# the place of a layer ----------------------------------------------------------------------------


def check_layer_place(layer: Layer, template: Template, intervals: Intervals) -> None:
    """Refuse, before work starts, a layer that is empty or lies in another region than the template.

    Parameters
    ----------
    layer : layers.Layer
        May be an outline, without features. Its place is compared only where it is in the template's CRS.
    template : grid.Template
    intervals : Intervals
    """
    layer.require_some()
    if layer.crs.same_as(template.crs):
        _require_near(layer.geometries, template, intervals, name=layer.name, crs=layer.crs)


def check_raster_place(source: RasterSource, template: Template, intervals: Intervals) -> None:
    """Refuse, before values are read, a raster that lies in another region than the template."""
    own = open_cells(source)
    _require_near([_box(bounds_in(own, template.crs))], template, intervals, name=source.name, crs=own.crs)


def _require_near(
    geometries: Sequence[ogr.Geometry], template: Template, intervals: Intervals, *, name: str, crs: Crs
) -> None:
    """Refuse geometries further away than the map is wide or high, as those of another region are."""
    west, south, east, north = template.bounds
    reach = max(east - west, north - south, *intervals.breaks, 0.0)
    require_near(geometries, template.bounds, name=name, crs=crs, other=template.name, reach_m=reach)


def _box(bounds: tuple[float, float, float, float]) -> ogr.Geometry:
    """A polygon around ``(west, south, east, north)``."""
    west, south, east, north = bounds
    ring = ogr.Geometry(ogr.wkbLinearRing)
    for x, y in ((west, south), (east, south), (east, north), (west, north), (west, south)):
        ring.AddPoint_2D(x, y)
    polygon = ogr.Geometry(ogr.wkbPolygon)
    polygon.AddGeometry(ring)
    return polygon


# to the features of a layer ----------------------------------------------------------------------


def distances_to_features(
    layer: Layer, template: Template, choices: DistanceChoices, *, progress: Progress = SILENT
) -> Distances:
    """Distances to the points, lines and polygons of a layer, brought to the template's CRS.

    Parameters
    ----------
    layer : layers.Layer
    template : grid.Template
    choices : DistanceChoices

    Raises
    ------
    InputError
        An empty layer, one in which nothing has a place or area, or that lies in another region.
    """
    layer.require_some()
    layer = _with_places(layer.to_crs(template.crs, progress), progress)
    _require_near(layer.geometries, template, choices.intervals, name=layer.name, crs=layer.crs)
    breaks = None if choices.exact else choices.intervals.breaks
    return Distances.to_geometries(layer.geometries, template, breaks_m=breaks)


def _with_places(layer: Layer, progress: Progress) -> Layer:
    """The layer with self-crossing polygons repaired, and without features that have no place."""
    geometries = list(layer.geometries)
    areas = [index for index, geometry in enumerate(geometries) if geometry.GetDimension() == 2]
    polygons = replace(
        layer,
        geometries=[geometries[index] for index in areas],
        attributes=[layer.attributes[index] for index in areas],
    ).valid_polygons(progress)
    for index, geometry in zip(areas, polygons.geometries):
        geometries[index] = geometry
    kept = [geometry for geometry in geometries if not geometry.IsEmpty()]
    if not kept:
        raise InputError(
            f"Layer '{layer.name}' has no feature with a place on the map: its polygons enclose no "
            f"area; correct them or choose another layer.",
            layer=layer.name,
        )
    return replace(layer, geometries=kept, attributes=[{} for _ in kept])


# to the cells of a raster ------------------------------------------------------------------------


def distances_to_mask(
    source: RasterSource, template: Template, choices: DistanceChoices, *, progress: Progress = SILENT
) -> Distances:
    """Distances to the cells of a raster: from cell centre to cell centre, 0 m in a cell of the mask.

    Parameters
    ----------
    source : reading.RasterSource
        In any known CRS, on cells of any size, also larger than the template: cells beyond the
        template's edge count.
    template : grid.Template
    choices : DistanceChoices

    Raises
    ------
    InputError
        No cell holds one of the codes (``mask_codes``), or the raster lies in another region.

    Notes
    -----
    About 60 bytes per cell on the mask's border that is in reach.
    """
    check_raster_place(source, template, choices.intervals)
    mask = _RasterMask(source, choices.mask_codes)
    points = mask.border_points(_window_within(mask.cells, template, choices.reach_m), progress.part(0, 0.5))
    mask.check(progress)
    points = _in_crs(points, mask.cells.crs, template.crs, name=source.name)
    return Distances(Edges.of_points(points, template, reach_m=choices.reach_m), mask.covered_cells(template), template)


class _RasterMask:
    """The cells of a raster that distance is measured to."""

    def __init__(self, source: RasterSource, codes: Sequence[int]) -> None:
        self.cells = open_cells(source)
        self._source, self._codes = source, np.array(codes)
        self._layer = AlignedRaster(source, self.cells, CLASSES)
        self._count = 0
        self._absent: set[int] = set(self._codes.tolist())

    def mask_of(self, grid: Grid) -> Bools:
        """The cells of a map of codes that are in the mask."""
        chosen = np.isin(grid.values, self._codes) if len(self._codes) else grid.values != 0
        mask: Bools = chosen & grid.valid
        return mask

    def border_points(self, reached: Window | None, progress: Progress) -> Floats:
        """The centres of the cells on the mask's border, in the raster's own CRS.

        Parameters
        ----------
        reached : Window or None
            Cells beyond it change no class.

        Returns
        -------
        float64 ndarray, shape (n, 2)
        """
        found: list[Floats] = [np.empty((0, 2))]
        for window, part in each_window(self.cells, progress):
            part(0.0)
            around = window.grown(1, self.cells)
            grid = self._layer.read(around, part)
            mask = self.mask_of(grid)
            self._count += int(np.count_nonzero(mask))
            self._absent -= {code for code in self._absent if (mask & (grid.values == code)).any()}
            here = None if reached is None else window.meet(reached.slices)
            if here is not None:
                rows, cols = np.nonzero(border_of(mask)[here.within(around)])
                found.append(np.column_stack(self.cells.xy(rows + here.row, cols + here.col)))
        return np.concatenate(found)

    def check(self, progress: Progress) -> None:
        """Refuse a mask without any cell, and warn of codes that no cell holds; all cells were looked at."""
        if not self._count:
            codes = ", ".join(map(str, self._codes))
            what = f"one of the codes {codes}" if codes else "a value other than 0"
            raise InputError(
                f"No cell of raster '{self._source.name}' holds {what}; it holds "
                f"{self._codes_held(progress.part(0.5, 1))}: correct the codes, or choose another raster.",
                parameter="mask_codes",
                layer=self._source.name,
            )
        if self._absent:
            progress.warn(
                f"No cell of raster '{self._source.name}' holds {', '.join(map(str, sorted(self._absent)))} of the "
                f"codes of the mask; distance is measured to the others."
            )

    def _codes_held(self, progress: Progress) -> str:
        """The lowest codes of the raster, and how many more it holds."""
        held: set[float] = set()
        for window, part in each_window(self.cells, progress):
            part(0.0)
            grid = self._layer.read(window, part)
            held |= set(np.unique(grid.values[grid.valid]).tolist())
            if len(held) > _COUNTED_AT_MOST:
                break
        more = len(held) - _NAMED_AT_MOST
        rest = "" if more <= 0 else " and many more" if len(held) > _COUNTED_AT_MOST else f" and {more} more"
        return (", ".join(f"{code:g}" for code in sorted(held)[:_NAMED_AT_MOST]) or "none") + rest

    def covered_cells(self, template: Template) -> Callable[[Window], Bools | None]:
        """A function of a window: its cells whose centre the mask holds, None where the raster lies elsewhere."""
        west, south, east, north = bounds_in(self.cells, template.crs)
        left, low, right, high = template.bounds
        if not (west < right and east > left and south < high and north > low):
            return lambda window: None
        layer = AlignedRaster(self._source, template, CLASSES)
        return lambda window: self.mask_of(layer.read(window))


def _window_within(own: Template, template: Template, reach_m: float) -> Window | None:
    """The cells of a raster that lie within a reach of a template, and a few more; None where there are none."""
    whole = Window(0, 0, own.rows, own.cols)
    if not math.isfinite(reach_m):
        return whole
    west, south, east, north = bounds_in(template.padded(reach_m), own.crs)
    if not all(map(math.isfinite, (west, south, east, north))):
        return whole
    # straight edges become curves in another CRS
    margin = 2 * max(own.cell_width, own.cell_height) + max(east - west, north - south) / 50
    return own.window_of((west, east, south, north), margin)


def _in_crs(points: Floats, own: Crs, other: Crs, *, name: str) -> Floats:
    """Points in another CRS, without those that have no coordinates there."""
    if own.same_as(other) or not len(points):
        return points
    with gdal_exceptions():
        moved = own.to(other, layer=name).TransformPoints(points)
    points = np.array(moved)[:, :2]
    return points[np.isfinite(points).all(axis=1)]


# resistance --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DistanceOutputs:
    """Where resistance and the distance in metres are written; None: not written."""

    resistance: BlockOutput | None = None
    metres: BlockOutput | None = None


def distance_resistance(
    distances: Distances,
    intervals: Intervals,
    template: Template,
    *,
    name: str,
    outputs: DistanceOutputs,
    progress: Progress = SILENT,
) -> dict[float, int]:
    """Resistance by distance, and the distance itself, for maps of any size.

    Parameters
    ----------
    distances : distance_classes.Distances
        Made with ``exact`` where metres are wanted.
    intervals : Intervals
        From 0 without an end.
    template : grid.Template
    name : str
        The layer, for messages.
    outputs : DistanceOutputs

    Returns
    -------
    dict of float to int
        Cells by resistance.
    """
    breaks: Float32s = np.array(intervals.breaks, dtype=np.float32)
    resistance: Float32s = np.array(intervals.resistance, dtype=np.float32)
    counts: Ints = np.zeros(len(resistance), dtype=np.int64)
    with small_cache():
        for window, part in each_window(template, progress):
            part(0.0)
            if outputs.metres is not None:
                metres = distances.metres(window, part)
                outputs.metres.write(window, metres)
                classes: AnyArray = np.searchsorted(breaks, metres, side="left")
            else:
                classes = distances.classes(window, intervals.breaks, part)
            counts += np.bincount(classes.reshape(-1), minlength=len(counts))
            if outputs.resistance is not None:
                outputs.resistance.write(window, resistance[classes])
        for output in (outputs.resistance, outputs.metres):
            if output is not None:
                output.finish(progress)
    if len(breaks) and counts[-1] == counts.sum():
        progress.warn(
            f"Nothing of '{name}' lies within {breaks[-1]:g} m of any cell of '{template.name}': the whole "
            f"map has the resistance of the last interval. Check that the layer belongs to this area."
        )
    cells = cells_by_resistance(intervals.resistance, counts)
    log_shares(cells, total=template.rows * template.cols, name=template.name, progress=progress)
    return cells

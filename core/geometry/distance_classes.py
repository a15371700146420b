"""Distance from cell centres to lines and polygons themselves, in classes.

A ring of Table 1 or 2 starts at the feature's edge. Measured between cells, as raster tools do,
it would be off by up to half a cell's diagonal and would depend on the cell size. Here the
distance is exact. The work is that of the classes' borders, not of the whole map: distance
changes by at most one metre per metre, so one query settles a block of cells that no border meets.
In the other blocks four queries at the corners settle most cells. With d(x) the distance of a place x,
d(x)^2 - |x|^2 is the least of functions that are linear in x, one per point of the features, and so
concave: it lies above what is interpolated between corners, and below the function of any one point.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
from osgeo import ogr

from ..arrays import AnyArray, Bools, DTypeLike, Float32s, Floats, Ints
from ..grid.grid import Template, Window, windows
from ..progress import SILENT, Progress
from .cells import rasterize
from .polygons import polygons_of
from .segment_distance import Edges

_LARGEST_BLOCK = 64
_LARGEST_CORNERS = 16
_CHUNK = 1 << 16
_EXACT_CHUNK = 1 << 14
_CHUNK_CELLS = 1 << 18
_SLACK_M = 1e-3
_MOST_BREAKS = 120  # classes of 8 bits

Covered = Callable[[Window], "Bools | None"]
"""Which cells of a window lie at a distance of 0 m; None where there are none."""


class Distances:
    """Distance from the cells of a map to features, in parts of the map of any size.

    Parameters
    ----------
    edges : Edges
    covered : callable
        Takes a `grid.Window`; gives True on its cells whose distance is 0 m, or None where there are none.
    template : Template
    """

    def __init__(self, edges: Edges, covered: Covered, template: Template) -> None:
        self._edges, self._covered, self._template = edges, covered, template

    @classmethod
    def to_geometries(
        cls, geometries: Sequence[ogr.Geometry], template: Template, *, breaks_m: Sequence[float] | None = None
    ) -> Distances:
        """To points, lines and polygons in the template's CRS; those beyond the map's edge count.

        ``breaks_m``: classes by these are all that will be asked for, and what is out of their reach is left
        out; None: metres will be asked for.
        """
        if breaks_m is None:
            edges = Edges.of_geometries(geometries, template)
        else:
            positive = [each for each in breaks_m if each > 0]
            spacing = max(
                float(positive[0]) / 8 if positive else 0.0, min(template.cell_width, template.cell_height) / 4
            )
            reach = float(breaks_m[-1]) if len(breaks_m) else 0.0
            edges = Edges.of_geometries(geometries, template, reach_m=reach, spacing_m=spacing)
        polygons = [polygon for geometry in geometries for polygon in polygons_of(geometry)]
        boxes = np.array([polygon.GetEnvelope() for polygon in polygons]).reshape(-1, 4)

        def covered(window: Window) -> Bools | None:
            part = template.part(window)
            west, south, east, north = part.bounds
            here = np.flatnonzero(
                (boxes[:, 0] < east) & (boxes[:, 1] > west) & (boxes[:, 2] < north) & (boxes[:, 3] > south)
            )
            return rasterize([polygons[k] for k in here], part, dtype=np.uint8) > 0 if len(here) else None

        return cls(edges, covered, template)

    def classes(self, window: Window, breaks_m: Sequence[float], progress: Progress = SILENT) -> AnyArray:
        """How many breaks lie below the distance of each cell of a window; see `distance_classes`."""
        part, breaks = self._template.part(window), np.asarray(breaks_m, dtype=np.float32)
        if not len(breaks):
            return np.zeros(part.shape, dtype=np.int8)
        if len(breaks) > _MOST_BREAKS:
            return np.searchsorted(breaks, self.metres(window, progress), side="left").astype(_dtype_of(breaks))
        classes = _Classifier(self._edges, breaks, part).classes(progress)
        inside = self._covered(window)
        if inside is not None:
            classes[inside] = 0
        return classes

    def metres(self, window: Window, progress: Progress = SILENT) -> Float32s:
        """The distance of each cell of a window, float32."""
        part, inside = self._template.part(window), self._covered(window)
        distance = np.zeros(part.shape, dtype=np.float32)
        asked = np.ones(part.shape, dtype=bool) if inside is None else ~inside
        for rows, cols in _chunks(asked, _EXACT_CHUNK, progress):
            distance[rows, cols] = self._edges.exact_m(self._edges.local(*part.xy(rows, cols)))
        return distance


def each_window(template: Template, progress: Progress) -> Iterator[tuple[Window, Progress]]:
    """The windows of a template, each with its share of the progress."""
    done, cells = 0, template.rows * template.cols
    for window in windows(template):
        size = window.rows * window.cols
        yield window, progress.part(done / cells, (done + size) / cells)
        done += size


def distance_classes(
    geometries: Sequence[ogr.Geometry],
    breaks_m: Sequence[float],
    template: Template,
    *,
    progress: Progress = SILENT,
) -> AnyArray:
    """How many breaks lie below each cell's distance to the nearest geometry.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS, polygons valid. Those beyond the map's edge count.
    breaks_m : ascending sequence of floats
        A distance equal to a break lies below it, so 0 is [0, first break].
    template : Template
    progress : Progress

    Returns
    -------
    int8 ndarray, shape ``template.shape``
        int32 for more than 120 breaks.
        From cell centre to the geometry itself, 0 m inside a polygon. Distances are compared in
        float32, so that rounding does not tip a cell that lies on a break.

    Notes
    -----
    1 byte per cell, 40 bytes per sample of the edges in reach, and a part of the map at work.
    """
    classes = np.zeros(template.shape, dtype=_dtype_of(breaks_m))
    if len(breaks_m):
        distances = Distances.to_geometries(geometries, template, breaks_m=breaks_m)
        for window, part in each_window(template, progress):
            classes[window.slices] = distances.classes(window, breaks_m, part)
    return classes


def _dtype_of(breaks: Sequence[float] | Float32s) -> DTypeLike:
    """The data type of classes by some breaks."""
    return np.int8 if len(breaks) <= _MOST_BREAKS else np.int32


def border_of(mask: Bools) -> Bools:
    """The cells of a mask that a place outside it can be nearest to: those with a side to a cell outside."""
    inner = mask.copy()
    inner[[0, -1]] = inner[:, [0, -1]] = False
    inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    border: Bools = mask & ~inner
    return border


@dataclass(frozen=True)
class _Classifier:
    """How many breaks lie below each cell's distance to the nearest edge.

    Parameters
    ----------
    edges : Edges
    breaks : float32 ndarray
    template : Template
        The cells that are asked about.
    """

    edges: Edges
    breaks: Float32s
    template: Template

    def classes(self, progress: Progress) -> AnyArray:
        """The class of each cell, int8."""
        size, classes = self._by_blocks(progress)
        open_blocks = classes < 0
        classes = classes.repeat(size, axis=0).repeat(size, axis=1)[: self.template.rows, : self.template.cols]
        if size > 1 and not self.edges.is_empty and open_blocks.any():
            by_corners = _CornerProof(self, size).classes(open_blocks, progress)
            still = classes < 0
            classes[still] = by_corners[: classes.shape[0], : classes.shape[1]][still]
        self._by_cells(classes, progress)
        return classes

    def below(self, distance: Floats) -> AnyArray:
        """How many breaks lie below distances, int8; compared in float32."""
        return np.searchsorted(self.breaks, distance.astype(np.float32), side="left").astype(np.int8)

    def _by_blocks(self, progress: Progress) -> tuple[int, AnyArray]:
        """Classes of whole blocks of cells, -1 where a border may meet the block, and the blocks' size."""
        template, corners = self.template, _corner_spacing(self.breaks, self.template)
        size = _LARGEST_BLOCK
        while size > corners and size >= 2 * max(template.shape):
            size //= 2
        classes: AnyArray = np.full(_blocks(template, size), -1, dtype=np.int8)
        reach = float(self.breaks[-1])
        while size > corners:
            radius = (size - 1) / 2 * math.hypot(template.cell_width, template.cell_height) + _SLACK_M
            for rows, cols in _chunks(classes < 0, _CHUNK, progress):
                centres = template.xy(rows * size + (size - 1) / 2, cols * size + (size - 1) / 2)
                lower, upper = self.edges.bounds_m(self.edges.local(*centres), reach + radius)
                least, most = self.below(lower - radius), self.below(upper + radius)
                classes[rows, cols] = np.where(least == most, most, -1)
            size //= 2
            high, wide = _blocks(template, size)
            classes = classes.repeat(2, axis=0).repeat(2, axis=1)[:high, :wide]
        return size, classes

    def _by_cells(self, classes: AnyArray, progress: Progress) -> None:
        """Fill in the cells that are still -1, one by one."""
        reach = float(self.breaks[-1])
        for rows, cols in _chunks(classes < 0, _CHUNK, progress):
            points = self.edges.local(*self.template.xy(rows, cols))
            lower, upper = self.edges.bounds_m(points, reach + _SLACK_M)
            least, most = self.below(lower), self.below(upper)
            unclear = least != most
            if unclear.any():
                most[unclear] = self.below(self.edges.exact_m(points[unclear]))
            classes[rows, cols] = most


def _corner_spacing(breaks: Float32s, template: Template) -> int:
    """Cells between corners, a power of 2, by which few cells remain at the first break.

    Beside a straight line s^2 / 8d is left open at the distance d between corners s apart.
    """
    cell = math.sqrt(template.cell_area_m2)
    positive = breaks[breaks > 0]
    first = float(positive[0]) if len(positive) else 0.0
    size = _LARGEST_CORNERS
    while (size > 2 and (size * cell) ** 2 > 12 * first * cell) or (size > 1 and size >= 2 * max(template.shape)):
        size //= 2
    return size


@dataclass(frozen=True)
class _Corners:
    """The distances at the corners of blocks: centres of cells, the first of each block, also beyond the map.

    Parameters
    ----------
    number : int32 ndarray
        Of each corner that was asked about, by the block's row and column.
    place, nearest : float64 ndarray, shape (n, 2)
        The corner, and a place on an edge that is about nearest to it.
    lower : float64 ndarray, shape (n,)
        A lower bound of its distance.
    """

    number: AnyArray
    place: Floats
    nearest: Floats
    lower: Floats


@dataclass(frozen=True)
class _CornerProof:
    """Classes of cells that the distances at the corners of blocks prove (see the module's docstring)."""

    of: _Classifier
    size: int

    def classes(self, open_blocks: Bools, progress: Progress) -> AnyArray:
        """The classes of the cells of open blocks, int8; -1 where nothing is proven."""
        size = self.size
        corners = self._corners(open_blocks, progress)
        above, below = self._squared_breaks()
        block_rows, block_cols = np.indices((size, size))
        result: AnyArray = np.full((open_blocks.shape[0] * size, open_blocks.shape[1] * size), -1, dtype=np.int8)
        for rows, cols in _chunks(open_blocks, max(1, _CHUNK_CELLS // size**2), progress):
            least_squared, most_squared = self._squared_bounds(corners, rows, cols)
            least: AnyArray = np.zeros(most_squared.shape, dtype=np.int8)
            most: AnyArray = np.zeros(most_squared.shape, dtype=np.int8)
            for low, high in zip(below, above):
                least += least_squared > high
                most += most_squared >= low
            least[least != most] = -1
            result[rows[:, None, None] * size + block_rows, cols[:, None, None] * size + block_cols] = least
        return result

    def _corners(self, open_blocks: Bools, progress: Progress) -> _Corners:
        edges, size = self.of.edges, self.size
        asked = np.zeros((open_blocks.shape[0] + 1, open_blocks.shape[1] + 1), dtype=bool)
        for down in (slice(None, -1), slice(1, None)):
            for right in (slice(None, -1), slice(1, None)):
                asked[down, right] |= open_blocks
        count = np.count_nonzero(asked)
        number: AnyArray = np.zeros(asked.shape, dtype=np.int32)
        number[asked] = np.arange(count)
        place = np.empty((count, 2))
        nearest, lower = np.empty_like(place), np.empty(len(place))
        start = 0
        for rows, cols in _chunks(asked, _CHUNK, progress):
            here = slice(start, start + len(rows))
            place[here] = edges.local(*self.of.template.xy(rows * size, cols * size))
            nearest[here], lower[here] = edges.nearest_sample(place[here])
            start += len(rows)
        return _Corners(number, place, nearest, lower)

    def _squared_breaks(self) -> tuple[Float32s, Float32s]:
        """Squared breaks above and below which a class is proven, with room for the rounding of float32."""
        template, size, breaks = self.of.template, self.size, self.of.breaks
        rounding = 1e-6 * ((size * template.cell_width) ** 2 + (size * template.cell_height) ** 2)
        above = ((breaks + _SLACK_M).astype(np.float64) ** 2 * (1 + 4e-6) + rounding).astype(np.float32)
        below = (np.maximum(breaks - _SLACK_M, 0).astype(np.float64) ** 2 * (1 - 4e-6) - rounding).astype(np.float32)
        return above, below

    def _squared_bounds(self, corners: _Corners, rows: Ints, cols: Ints) -> tuple[Float32s, Float32s]:
        """A lower and an upper bound of the squared distance of each cell of some blocks."""
        template, size = self.of.template, self.size
        x, y = np.arange(size) * template.cell_width, np.arange(size) * -template.cell_height
        share = np.arange(size, dtype=np.float32) / size
        first = corners.place[corners.number[rows, cols]]
        upper: Float32s | None = None
        left_right = []
        for right in (0, 1):
            edge = []
            for down in (0, 1):
                corner = corners.number[rows + down, cols + right]
                dx, dy = (corners.nearest[corner] - first).T
                across = ((x - dx[:, None]) ** 2).astype(np.float32)[:, None, :]
                along = ((y - dy[:, None]) ** 2).astype(np.float32)[:, :, None]
                upper = across + along if upper is None else np.minimum(upper, across + along, out=upper)
                off = (right * size * template.cell_width) ** 2 + (down * size * template.cell_height) ** 2
                edge.append((corners.lower[corner] ** 2 - off).astype(np.float32)[:, None])
            left_right.append((edge[0] + share * (edge[1] - edge[0]))[:, :, None])
        lower: Float32s = left_right[0] + share * (left_right[1] - left_right[0])
        lower += (x**2 + (y**2)[:, None]).astype(np.float32)
        if upper is None:
            raise ValueError("A cell has four corners.")
        return lower, upper


def _chunks(mask: Bools, count: int, progress: Progress) -> Iterator[tuple[Ints, Ints]]:
    """The rows and columns where a mask is True, so many at a time."""
    rows, cols = np.nonzero(mask)
    for start in range(0, len(rows), count):
        progress(start / len(rows))
        yield rows[start : start + count], cols[start : start + count]


def _blocks(template: Template, size: int) -> tuple[int, int]:
    """How many blocks cover the rows and columns of a template."""
    return -(-template.rows // size), -(-template.cols // size)

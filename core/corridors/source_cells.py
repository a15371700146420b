"""Ecological sources on the cells of a resistance surface: their cells, and where corridors end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..arrays import Ints
from ..cost_distance import CostGrid
from ..errors import InputError, first_few
from ..gdal_session import gdal_exceptions
from ..geometry.cells import ThinPolygons, cells_of
from ..geometry.layers import Layer
from ..grid.grid import Template
from ..options import Option
from ..progress import SILENT, Progress

_NAMED_AT_MOST = 20


class PathEnds(Option):
    """Where the paths between two sources begin and end."""

    POINTS = "source points"
    EDGES = "source edges"


@dataclass(frozen=True)
class SourceCells:
    """A source on the cells of a surface.

    Parameters
    ----------
    identifier : int
    cells : int64 ndarray
        Its passable cells, flat (`CostGrid.index`).
    ends : int64 ndarray
        The cells where its paths may start.
    """

    identifier: int
    cells: Ints
    ends: Ints


def named(identifiers: Iterable[object]) -> str:
    """The first ids of a list for a message, and how many more there are."""
    return first_few([str(identifier) for identifier in identifiers], _NAMED_AT_MOST)


def check_sources(sources: Layer, ids: Sequence[int], template: Template, *, progress: Progress = SILENT) -> Layer:
    """Refuse sources that cannot be joined on a template's cells; return them in its CRS.

    Parameters
    ----------
    sources : Layer
        Polygons with a known CRS.
    ids : sequence of int
        One per source, for messages.
    template : Template

    Raises
    ------
    InputError
        Fewer than two, no polygon, smaller than one cell, or outside the raster.
    """
    sources.require_some("source polygon")
    require_two(len(sources), sources.name)
    sources = sources.to_crs(template.crs, progress).valid_polygons(progress)
    for identifier, geometry in zip(ids, sources.geometries):
        _require_area_on_the_map(identifier, geometry, sources.name, template)
    return sources


def require_two(n_sources: int, layer: str) -> None:
    """Refuse a layer with one source."""
    if n_sources == 1:
        raise InputError(
            f"Layer '{layer}' has one source only, and a corridor joins two: choose a "
            f"layer with more sources (mind the selection and the filter).",
            layer=layer,
        )


def _require_area_on_the_map(identifier: int, geometry: ogr.Geometry, layer: str, template: Template) -> None:
    area = geometry.GetArea()
    if geometry.GetDimension() < 2 or area <= 0:
        raise InputError(
            f"Source {identifier} of layer '{layer}' is no polygon: sources are "
            f"areas; buffer points and lines, or choose the polygon layer.",
            layer=layer,
        )
    west, south, east, north = template.bounds
    left, right, low, high = geometry.GetEnvelope()
    if left >= east or right <= west or low >= north or high <= south:
        raise InputError(
            f"Source {identifier} of layer '{layer}' lies outside raster "
            f"'{template.name}': remove it, or use a resistance surface that covers it.",
            layer=layer,
        )
    if area < template.cell_area_m2 * (1 - 1e-6):
        raise InputError(
            f"Source {identifier} of layer '{layer}' covers {area:.6g} m2, less than one cell of "
            f"'{template.name}' ({template.cell_area_m2:.6g} m2): remove it, merge it with a "
            f"neighbour, or use a resistance surface with finer cells.",
            layer=layer,
        )


def locate_sources(
    cost_grid: CostGrid, sources: Layer, ids: Sequence[int], *, path_ends: PathEnds, progress: Progress = SILENT
) -> list[SourceCells]:
    """The cells of every source, in the order of their first end on the map.

    Raises
    ------
    InputError
        A source that lies wholly on barriers, or two whose paths would start in one cell.
    """
    located, moved = [], []
    for identifier, geometry in zip(ids, sources.geometries):
        progress.check()
        source = _locate(cost_grid, identifier, geometry, sources.name)
        if path_ends is PathEnds.POINTS:
            end, is_moved = _end_of(cost_grid, source, geometry)
            source = SourceCells(identifier, source.cells, end)
            if is_moved:
                moved.append(identifier)
        located.append(source)
    if moved:
        progress.log(
            f"The centre of source(s) {named(moved)} lies outside the source or on a barrier: its "
            f"corridors end at the source's nearest cell that can be passed."
        )
    _require_apart(located, sources.name)
    return sorted(located, key=lambda source: int(source.ends.min()))


def _locate(cost_grid: CostGrid, identifier: int, geometry: ogr.Geometry, layer: str) -> SourceCells:
    """A source whose paths may start in all of its cells."""
    rows, cols = cells_of(geometry, cost_grid.template, thin=ThinPolygons.TOUCHED)
    cells = cost_grid.index(rows, cols)
    cells = cells[cost_grid.passable(cells)]
    if not cells.size:
        raise InputError(
            f"Source {identifier} of layer '{layer}' lies wholly on barriers of raster "
            f"'{cost_grid.name}' (nodata or 0): give its cells a resistance, or remove it.",
            layer=layer,
        )
    return SourceCells(identifier, cells, cells)


def _end_of(cost_grid: CostGrid, source: SourceCells, geometry: ogr.Geometry) -> tuple[Ints, bool]:
    """The cell of a source's area-weighted centre, or its nearest passable cell; whether it is that one."""
    template = cost_grid.template
    with gdal_exceptions():
        centre = geometry.Centroid()
        is_inside = geometry.Intersects(centre)
    x, y = centre.GetX(), centre.GetY()
    west, dx, _, north, _, dy = template.transform
    # a centre on the edge between cells belongs to the next one whatever its last digits say
    row, col = (math.floor(round(at, 6)) for at in ((y - north) / dy, (x - west) / dx))
    if is_inside and template.contains(row, col):
        end = int(cost_grid.index(row, col))
        if cost_grid.passable(end):
            return np.array([end]), False
    xs, ys = template.xy(*cost_grid.rows_cols(source.cells))
    nearest = int(np.argmin(np.hypot(xs - x, ys - y)))
    return source.cells[nearest : nearest + 1], True


def _require_apart(sources: Sequence[SourceCells], layer: str) -> None:
    """Refuse two sources whose paths would start in one cell."""
    cells = np.concatenate([source.ends for source in sources])
    owners = np.repeat(np.arange(len(sources)), [source.ends.size for source in sources])
    order = np.argsort(cells, kind="stable")
    same = np.flatnonzero(np.diff(cells[order]) == 0)
    if same.size:
        a, b = (sources[owners[order[same[0] + k]]].identifier for k in (0, 1))
        raise InputError(
            f"Sources {min(a, b)} and {max(a, b)} of layer '{layer}' begin in the same cell, so "
            f"no corridor can join them: merge them, or cut one out of the other.",
            layer=layer,
        )


class SourcesOfCells:
    """Which sources hold a cell; sources may overlap."""

    def __init__(self, sources: Sequence[SourceCells]) -> None:
        cells = np.concatenate([source.cells for source in sources])
        owners = np.repeat([source.identifier for source in sources], [source.cells.size for source in sources])
        order = np.argsort(cells, kind="stable")
        self._cells, self._owners = cells[order], owners[order]

    def along(self, path: Ints) -> set[int]:
        """The ids of all sources that a path of flat cells enters."""
        first = np.searchsorted(self._cells, path, "left")
        last = np.searchsorted(self._cells, path, "right")
        found = np.flatnonzero(last > first)
        owners = set(np.unique(self._owners[first[found]]).tolist())
        for k in found[last[found] - first[found] > 1]:  # where sources overlap
            owners.update(self._owners[first[k] : last[k]].tolist())
        return owners

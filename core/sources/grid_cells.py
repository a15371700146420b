"""Means of services over coarse, square grid cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from osgeo import ogr

from ..arrays import Bools, Bytes, Floats, Ints
from ..errors import InputError
from ..progress import SILENT, Progress

if TYPE_CHECKING:
    from ..grid.grid import Template
    from .normalisation import NormalisedServices


def _no_floats() -> Floats:
    return np.empty(0)


def _no_classes() -> Bytes:
    return np.empty(0, dtype=np.uint8)


@dataclass
class GridCells:
    """Square grid cells from the template's top-left corner, those with any value.

    Parameters
    ----------
    size_m : float
        Side of a cell.
    cell_id : integer array, shape (n,)
        From 1, along rows from the top left; cells without any value have no number.
    row, col : integer arrays, shape (n,)
        Place in the grid.
    means : ndarray, shape (n, services)
        Means of the normalised services over the valid raster cells.
    share : ndarray, shape (n,)
        Valid part of the full grid cell, 0 to 1 (a cell cut by the map's edge is not full).
    used : boolean array, shape (n,)
        Cells that enter the statistics.
    importance : ndarray, shape (n,)
        Empty until the services are weighed.
    class_number : uint8 array, shape (n,)
        Empty until the importance is classed.
    """

    size_m: float
    cell_id: Ints
    row: Ints
    col: Ints
    means: Floats
    share: Floats
    used: Bools
    importance: Floats = field(default_factory=_no_floats)
    class_number: Bytes = field(default_factory=_no_classes)

    def polygons(self, template: Template) -> list[ogr.Geometry]:
        """A square ogr.Geometry per cell."""
        west, north, size = template.transform[0], template.transform[3], self.size_m
        result = []
        for row, col in zip(self.row, self.col):
            ring = ogr.Geometry(ogr.wkbLinearRing)
            for x, y in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0)):
                ring.AddPoint_2D(west + (col + x) * size, north - (row + y) * size)
            square = ogr.Geometry(ogr.wkbPolygon)
            square.AddGeometry(ring)
            result.append(square)
        return result

    def class_map(self, services: NormalisedServices) -> Bytes:
        """The classes of the grid cells on the raster; 0 where not all services have a value."""
        template = services.template
        rows = grid_index(template.rows, cell_m=template.cell_height, grid_size_m=self.size_m)
        cols = grid_index(template.cols, cell_m=template.cell_width, grid_size_m=self.size_m)
        lookup = np.zeros((rows[-1] + 1, cols[-1] + 1), dtype=np.uint8)
        lookup[self.row, self.col] = self.class_number
        return np.where(services.valid, lookup[rows[:, None], cols[None, :]], 0).astype(np.uint8)


def check_grid_size(grid_size_m: float, template: Template) -> None:
    """Refuse grid cells smaller than a raster cell, or larger than the whole map."""
    if not grid_size_m >= max(template.cell_width, template.cell_height):
        raise InputError(
            f"{grid_size_m:g} m is less than a cell of the raster, {template.cell_width:g} x "
            f"{template.cell_height:g} m; give a larger grid size.",
            parameter="grid_size_m",
            value=grid_size_m,
        )
    west, south, east, north = template.bounds
    if grid_size_m > max(east - west, north - south):
        raise InputError(
            f"{grid_size_m:g} m is too large: '{template.name or 'the map'}' measures only {east - west:g} x "
            f"{north - south:g} m, which is less than one grid cell; give a smaller grid size.",
            parameter="grid_size_m",
            value=grid_size_m,
        )


def grid_cell_count(grid_size_m: float, template: Template) -> int:
    """How many grid cells cover a map."""
    rows = grid_index(template.rows, cell_m=template.cell_height, grid_size_m=grid_size_m)
    cols = grid_index(template.cols, cell_m=template.cell_width, grid_size_m=grid_size_m)
    return (int(rows[-1]) + 1) * (int(cols[-1]) + 1)


def grid_means(
    services: NormalisedServices, *, grid_size_m: float, min_valid_share: float, progress: Progress = SILENT
) -> GridCells:
    """Means of services over square grid cells.

    Parameters
    ----------
    services : NormalisedServices
        A raster cell counts where it has all services, and belongs to the grid cell of its centre.
    grid_size_m : float
        At least the side of a raster cell.
    min_valid_share : float
        Above 0 to 1: the valid part from which a grid cell is ``used``.
    """
    template, valid = services.template, services.valid
    check_grid_size(grid_size_m, template)
    rows = grid_index(template.rows, cell_m=template.cell_height, grid_size_m=grid_size_m)
    cols = grid_index(template.cols, cell_m=template.cell_width, grid_size_m=grid_size_m)
    shape = int(rows[-1] + 1), int(cols[-1] + 1)
    edges = np.searchsorted(rows, np.arange(shape[0] + 1))
    starts = np.searchsorted(cols, np.arange(shape[1]))
    counts, sums = np.empty(shape), np.empty((len(services.values), *shape))
    for r in range(shape[0]):
        part = slice(edges[r], edges[r + 1])
        inside = valid[part]
        counts[r] = np.add.reduceat(inside.sum(axis=0, dtype=np.float64), starts)
        for k, values in enumerate(services.values):
            column = np.where(inside, values[part], 0).sum(axis=0, dtype=np.float64)
            sums[k, r] = np.add.reduceat(column, starts)
        progress((r + 1) / shape[0])
    some = counts > 0
    row, col = np.nonzero(some)
    share = counts[some] * template.cell_area_m2 / (grid_size_m * grid_size_m)
    # where the size is no multiple of the cells, a full grid cell may hold a row or column less
    full = np.diff(edges)[row] * np.bincount(cols)[col]
    inner = (row < shape[0] - 1) & (col < shape[1] - 1)
    share = np.where(inner, counts[some] / full, share)
    return GridCells(
        size_m=grid_size_m,
        cell_id=np.arange(1, row.size + 1),
        row=row,
        col=col,
        means=(sums[:, some] / counts[some]).T,
        share=share,
        used=share >= min_valid_share - 1e-9,
    )


def grid_index(count: int, *, cell_m: float, grid_size_m: float) -> Ints:
    """Grid row (or column) of each of ``count`` raster rows, by its centre."""
    index: Ints = np.floor((np.arange(count) + 0.5) * cell_m / grid_size_m + 1e-9).astype(np.int64)
    return index

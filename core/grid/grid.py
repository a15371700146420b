"""Cells as values: a Template says where they lie, a Grid adds what they hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..arrays import AnyArray, Bools, DTypeLike
from ..crs import Crs
from ..options import Option
from .storage import nodata_as

TILE = 256  # rows and columns of a file's tiles
_WINDOW_COLS = 64 * TILE

Transform = tuple[float, float, float, float, float, float]
Bounds = tuple[float, float, float, float]  # west, south, east, north
Envelope = tuple[float, float, float, float]  # west, east, south, north, as OGR orders them


class CellValues(Option):
    """What a raster's cells hold, which decides how it is warped."""

    CLASSES = "classes"
    QUANTITY = "quantity"


CLASSES, QUANTITY = CellValues.CLASSES, CellValues.QUANTITY


@dataclass(frozen=True)
class Template:
    """The georeferencing that all layers of a step share: size, transform and CRS.

    Parameters
    ----------
    rows, cols : int
    transform : tuple of 6 floats
        GDAL geotransform, north up: ``(west, dx, 0, north, 0, -dy)`` in metres.
    crs : Crs
        A text becomes one.
    name : str
        The layer it came from, for messages.
    """

    rows: int
    cols: int
    transform: Transform
    crs: Crs
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "crs", Crs.of(self.crs))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.cols

    @property
    def cell_width(self) -> float:
        """Metres."""
        return self.transform[1]

    @property
    def cell_height(self) -> float:
        """Metres, positive."""
        return -self.transform[5]

    @property
    def cell_area_m2(self) -> float:
        """Square metres."""
        return self.cell_width * self.cell_height

    @property
    def bounds(self) -> Bounds:
        """``(west, south, east, north)``."""
        west, dx, _, north, _, dy = self.transform
        return west, north + dy * self.rows, west + dx * self.cols, north

    def xy(self, row: Any, col: Any) -> tuple[Any, Any]:
        """Map coordinates of cell centres; scalars or arrays."""
        west, dx, _, north, _, dy = self.transform
        return west + (col + 0.5) * dx, north + (row + 0.5) * dy

    def row_col(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The cell that holds a point, as integers; may lie outside ``shape``."""
        west, dx, _, north, _, dy = self.transform
        return (
            np.floor((np.asarray(y) - north) / dy).astype(np.int64),
            np.floor((np.asarray(x) - west) / dx).astype(np.int64),
        )

    def contains(self, row: Any, col: Any) -> Any:
        """Whether cells lie on the map; scalars or arrays."""
        return (row >= 0) & (row < self.rows) & (col >= 0) & (col < self.cols)

    def padded(self, margin_m: float) -> Template:
        """The same lattice of cells grown by at least ``margin_m`` on every side."""
        right, down = (math.ceil(margin_m / size) for size in (self.cell_width, self.cell_height))
        west, dx, _, north, _, dy = self.transform
        return replace(
            self,
            rows=self.rows + 2 * down,
            cols=self.cols + 2 * right,
            transform=(west - right * dx, dx, 0.0, north - down * dy, 0.0, dy),
        )

    def part(self, window: Window) -> Template:
        """The template of a `Window` of this one."""
        west, dx, _, north, _, dy = self.transform
        return replace(
            self,
            rows=window.rows,
            cols=window.cols,
            transform=(west + window.col * dx, dx, 0.0, north + window.row * dy, 0.0, dy),
        )

    def window_of(self, envelope: Envelope, margin_m: float = 0.0) -> Window | None:
        """The Window of the cells that a box touches; None where it lies beyond the map.

        Parameters
        ----------
        envelope : (west, east, south, north)
            As OGR gives it, in metres of this CRS. A box that ends on a border between cells touches both sides.
        margin_m : float
            The box grows by so much on every side; infinite: to the whole map.
        """
        if math.isinf(margin_m):
            return Window(0, 0, self.rows, self.cols)
        left, right, low, high = envelope
        (top, bottom), (first, last) = self.row_col(
            np.array([left - margin_m, right + margin_m]), np.array([high + margin_m, low - margin_m])
        )
        top, first = max(0, int(top)), max(0, int(first))
        bottom, last = min(self.rows - 1, int(bottom)), min(self.cols - 1, int(last))
        if top > bottom or first > last:
            return None
        return Window(top, first, bottom - top + 1, last - first + 1)

    def offset_in(self, padded: Template) -> tuple[int, int]:
        """Row and column of this template's first cell inside a ``padded`` one."""
        return (
            round((self.transform[3] - padded.transform[3]) / padded.transform[5]),
            round((self.transform[0] - padded.transform[0]) / padded.transform[1]),
        )

    def same_grid(self, other: Template) -> bool:
        """Whether the cells of both coincide and both CRS mean the same."""
        tolerance = 1e-3 * min(self.cell_width, self.cell_height)
        return (
            self.shape == other.shape
            and all(abs(a - b) <= tolerance for a, b in zip(self.bounds, other.bounds))
            and self.crs.same_as(other.crs)
        )


@dataclass(frozen=True)
class Window:
    """A part of a template: its first row and column, and how many."""

    row: int
    col: int
    rows: int
    cols: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the whole map's array."""
        return slice(self.row, self.row + self.rows), slice(self.col, self.col + self.cols)

    def meet(self, slices: tuple[slice, slice]) -> Window | None:
        """The Window of the cells that this one shares with rows and columns, two slices; None where none."""
        (top, bottom), (left, right) = (
            (max(own.start, other.start), min(own.stop, other.stop)) for own, other in zip(self.slices, slices)
        )
        return Window(top, left, bottom - top, right - left) if top < bottom and left < right else None

    def grown(self, cells: int, template: Template) -> Window:
        """The window with so many more cells on every side, as far as the map goes."""
        top, left = max(0, self.row - cells), max(0, self.col - cells)
        bottom = min(template.rows, self.row + self.rows + cells)
        right = min(template.cols, self.col + self.cols + cells)
        return Window(top, left, bottom - top, right - left)

    def within(self, other: Window) -> tuple[slice, slice]:
        """Two slices that cut this window out of the array of another."""
        row, col = self.row - other.row, self.col - other.col
        return slice(row, row + self.rows), slice(col, col + self.cols)


def windows(template: Template) -> Iterator[Window]:
    """Windows that make up a template, row by row: whole tiles of a file, at most 256 x 16,384 cells.

    As wide as the map, because GDAL interpolates places along a row: parts of it would lie some
    thousandths of a cell elsewhere.
    """
    for row in range(0, template.rows, TILE):
        for col in range(0, template.cols, _WINDOW_COLS):
            yield Window(row, col, min(TILE, template.rows - row), min(_WINDOW_COLS, template.cols - col))


@dataclass
class Grid:
    """An array with its georeferencing.

    Parameters
    ----------
    values : ndarray, shape (rows, cols)
    template : Template
    nodata : float or None
        The value that means "no value"; NaN always means it too.
    name : str
        For messages.
    categories : tuple of str
        What the values 0, 1, ... of a map of classes mean; written beside its file.
    """

    values: AnyArray
    template: Template
    nodata: float | None = None
    name: str = ""
    categories: tuple[str, ...] = ()

    @property
    def valid(self) -> Bools:
        """Boolean array, True where there is a value."""
        if np.issubdtype(self.values.dtype, np.floating):
            valid: Bools = np.isfinite(self.values)
        else:
            valid = np.ones(self.values.shape, dtype=bool)
        nodata = nodata_as(self.values.dtype, self.nodata)
        if nodata is not None and nodata == nodata:
            valid &= self.values != nodata
        return valid

    def floats(self, dtype: DTypeLike = np.float32) -> AnyArray:
        """A copy as floats with NaN where there is no value."""
        values = self.values.astype(dtype)
        values[~self.valid] = np.nan
        return values

    def like(self, values: AnyArray, nodata: float | None = None, name: str = "") -> Grid:
        """Another array on the same cells."""
        return Grid(values, self.template, nodata, name)


def float_grid(values: AnyArray, template: Template, name: str = "") -> Grid:
    """A float32 map with NaN for no value."""
    return Grid(np.asarray(values, dtype=np.float32), template, math.nan, name)

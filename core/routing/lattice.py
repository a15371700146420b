"""The eight neighbours of every cell, on flat arrays with a border of one cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays import AnyArray, AnyInts, Bools, Bytes, DTypeLike, Floats, Ints
from ..errors import InputError
from ..progress import Progress

INTERNAL_DRAIN = 8  # beside directions 0 to 7: east, then counter-clockwise
NO_DIRECTION = 255
ROW_STEPS = (0, -1, -1, -1, 0, 1, 1, 1)
COL_STEPS = (1, 1, 0, -1, -1, -1, 0, 1)

_BLOCK_CELLS = 1 << 18


class Lattice:
    """The padded flat numbering of a map's cells.

    Parameters
    ----------
    shape : (rows, cols)

    Attributes
    ----------
    size, stride : int
        Flat cells, the border included, and from one row to the next.
    offsets : int64 ndarray, shape (8,)
        Step to each neighbour in flat cells.
    inner : slice
        From the first to the last cell of the map.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        rows, cols = shape
        self.shape = (rows, cols)
        self.stride = cols + 2
        self.size = (rows + 2) * (cols + 2)
        self.offsets = np.array([r * self.stride + c for r, c in zip(ROW_STEPS, COL_STEPS)], dtype=np.int64)
        self.inner = slice(self.stride + 1, self.size - self.stride - 1)
        self.dtype = np.int32 if self.size < 2**31 else np.int64

    def flat(self, values: AnyArray, fill: float, dtype: DTypeLike = None) -> Any:
        """A map as a padded flat array, a copy."""
        padded = np.full((self.shape[0] + 2, self.stride), fill, dtype=dtype or np.asarray(values).dtype)
        padded[1:-1, 1:-1] = values
        return padded.ravel()

    def to_map(self, flat: AnyArray) -> Any:
        """A padded flat array as (rows, cols); a view."""
        return flat.reshape(-1, self.stride)[1:-1, 1:-1]

    def edge(self, valid: Bools) -> Ints:
        """Flat cells with a value that touch the map's edge or a cell without one."""
        inner = self.inner
        beside = np.zeros(self.size, dtype=bool)
        for offset in self.offsets:
            beside[inner] |= ~valid[inner.start + offset : inner.stop + offset]
        return np.flatnonzero(beside & valid)

    def blocks(self, progress: Progress) -> Iterator[slice]:
        """Slices of the flat numbering of some hundred thousand cells."""
        for start in range(self.inner.start, self.inner.stop, _BLOCK_CELLS):
            progress((start - self.inner.start) / self.size)
            yield slice(start, min(self.inner.stop, start + _BLOCK_CELLS))

    def neighbours_of(self, cells: AnyInts) -> Ints:
        """Flat neighbours of flat cells, shape (n, 8)."""
        return cells[:, None] + self.offsets

    def off_the_map(self, height: Floats, cells: AnyInts) -> Bytes:
        """The direction in which cells at the edge leave the map: the first side, else the last corner."""
        out = np.isnan(height[self.neighbours_of(cells)])
        sides = out[:, ::2]
        corner = 7 - 2 * out[:, ::-1][:, ::2].argmax(axis=1)
        return np.where(sides.any(axis=1), 2 * sides.argmax(axis=1), corner).astype(np.uint8)


def starts_of_runs(receivers: AnyInts) -> Ints:
    """Where runs of equal receivers start."""
    if not receivers.size:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.append(True, receivers[1:] != receivers[:-1]))


def parts_of(cells: Ints) -> Iterator[Ints]:
    """Cells some ten thousand at a time, so that their neighbours need little memory."""
    for start in range(0, cells.size, _BLOCK_CELLS // 4):
        yield cells[start : start + _BLOCK_CELLS // 4]


def not_filled(cells: Ints) -> InputError:
    """The refusal of a DEM that water cannot leave."""
    return InputError(
        f"The DEM has a depression left, with {cells.size} cell(s) at its bottom: fill depressions first."
    )

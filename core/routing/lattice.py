"""The eight neighbours of every cell, on flat arrays with a border."""

import time

import numpy as np

from ..errors import InputError

INTERNAL_DRAIN = 8  # beside directions 0 to 7: east, then counter-clockwise

NO_DIRECTION = 255

ROW_STEPS = (0, -1, -1, -1, 0, 1, 1, 1)

COL_STEPS = (1, 1, 0, -1, -1, -1, 0, 1)

_BLOCK_CELLS = 1 << 18


class Lattice:
    """The padded flat numbering of a map's cells."""

    def __init__(self, shape):
        self.shape = rows, cols = shape
        self.stride = cols + 2
        self.size = (rows + 2) * (cols + 2)
        self.offsets = np.array([r * self.stride + c for r, c in zip(ROW_STEPS, COL_STEPS)], dtype=np.int64)
        self.inner = slice(self.stride + 1, self.size - self.stride - 1)
        self.dtype = np.int32 if self.size < 2**31 else np.int64

    def flat(self, values, fill, dtype=None):
        """A map as a padded flat array, a copy."""
        padded = np.full((self.shape[0] + 2, self.stride), fill, dtype=dtype or np.asarray(values).dtype)
        padded[1:-1, 1:-1] = values
        return padded.ravel()

    def to_map(self, flat):
        """A padded flat array as (rows, cols); a view."""
        return flat.reshape(-1, self.stride)[1:-1, 1:-1]

    def edge(self, valid):
        """Flat cells with a value that touch the map's edge or a cell without one."""
        inner = self.inner
        beside = np.zeros(self.size, dtype=bool)
        for offset in self.offsets:
            beside[inner] |= ~valid[inner.start + offset : inner.stop + offset]
        return np.flatnonzero(beside & valid)

    def blocks(self, progress):
        """Slices of the flat numbering of some hundred thousand cells."""
        for start in range(self.inner.start, self.inner.stop, _BLOCK_CELLS):
            progress((start - self.inner.start) / self.size)
            yield slice(start, min(self.inner.stop, start + _BLOCK_CELLS))


class Beat:
    """Tells progress and hears cancel some ten times a second, however often it is called."""

    def __init__(self, progress, total):
        self._progress, self._total, self._next = progress, max(1, total), 0.0

    def __call__(self, done):
        now = time.monotonic()
        if now >= self._next:
            self._next = now + 0.1
            self._progress(done / self._total)


def starts_of(receiver):
    """Where runs of equal receivers start."""
    return np.flatnonzero(np.append(True, receiver[1:] != receiver[:-1])) if receiver.size else receiver


def neighbours_of(lattice, cells):
    """Flat neighbours of flat cells, shape (n, 8)."""
    return cells[:, None] + lattice.offsets


def lattice_parts(cells):
    for start in range(0, cells.size, _BLOCK_CELLS // 4):
        yield cells[start : start + _BLOCK_CELLS // 4]


def off_the_map(lattice, height, cells):
    """The direction in which cells at the edge leave the map: the first side, else the last corner."""
    out = np.isnan(height[neighbours_of(lattice, cells)])
    sides = out[:, ::2]
    return np.where(sides.any(axis=1), 2 * sides.argmax(axis=1), 7 - 2 * out[:, ::-1][:, ::2].argmax(axis=1)).astype(
        np.uint8
    )


def not_filled(cells):
    return InputError(
        f"The DEM has a depression left, with {cells.size} cell(s) at its bottom: fill depressions first."
    )

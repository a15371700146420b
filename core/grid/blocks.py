"""Pixelwise work on maps of any size: read on a template's cells, compute and write a part at a time.

What is held does not grow with the map: a band of 256 rows of every input, a part of it as numbers to
compute with, and 64 MB of GDAL's own.

Inputs are a `grid.AlignedRaster`, `Classes` or `Whole`; outputs a `grid.RasterWriter` or `Array`.
"""

import numpy as np

from ..errors import InputError
from ..gdal_cache import small_cache
from ..progress import SILENT
from .classes import NO_CODE, class_codes
from .grid import CLASSES, Grid, Window, windows
from .warping import AlignedRaster

_PART_COLS = 2048  # whole tiles; half a million cells with 256 rows


class Classes(AlignedRaster):
    """Class codes on a template's cells, as `grid.read_classes` gives them: int32 with one nodata value."""

    nodata = NO_CODE

    def __init__(self, source, template):
        super().__init__(source, template, CLASSES)

    def read(self, window, progress=SILENT):
        return class_codes(super().read(window, progress))


class Whole:
    """A Grid in memory as an input."""

    def __init__(self, grid):
        self.name, self.template, self._grid = grid.name, grid.template, grid

    def read(self, window, progress=SILENT):
        grid = self._grid
        return Grid(grid.values[window.slices], grid.template.part(window), grid.nodata, grid.name)

    def finish(self, progress=SILENT):
        """Nothing is to be said of a map that is there."""


class Quiet:
    """An input of which nothing is to be said, for others of its kind."""

    def __init__(self, each):
        self.name, self.template, self.read, self._each = each.name, each.template, each.read, each

    def finish(self, progress=SILENT):
        self._each.finish(progress.quiet())


class Array:
    """A map in memory as an output."""

    def __init__(self, template, dtype=np.float32):
        self.values = np.empty(template.shape, dtype=dtype)

    def write(self, window, values):
        self.values[window.slices] = values

    def finish(self, progress=SILENT):
        """It is complete."""


class Wrong:
    """Cells whose value cannot be: their number, and the first of them."""

    def __init__(self):
        self.count, self.first, self._place = 0, None, None

    def add(self, window, values, wrong):
        """Count where ``wrong`` is True in a part of the map."""
        if wrong.any():
            self.count += np.count_nonzero(wrong)
            row, col = np.unravel_index(wrong.argmax(), wrong.shape)
            place = window.row + int(row), window.col + int(col)
            if self._place is None or place < self._place:
                self._place, self.first = place, values[row, col]


def run(inputs, step, outputs=(), check=None, progress=SILENT):
    """Compute maps cell by cell.

    Parameters
    ----------
    inputs : sequence
        On the cells of one template.
    step : callable
        Takes a `grid.Window` and the Grids of all inputs there; gives an array per output, or None where
        nothing is to be written (a value was found that cannot be; the rest is only looked through).
    outputs : sequence
        One that is None is not wanted.
    check : callable, optional
        Called when all has been read, to refuse what only the whole map shows.

    Notes
    -----
    Files of `grid.OutputFiles` stay beside their targets until it commits, so that a refusal or a
    cancel after half of the map leaves nothing.
    """
    template = inputs[0].template
    cells = template.rows * template.cols
    done = 0
    with small_cache():
        for window in windows(template):
            grids = [each.read(window, progress) for each in inputs]
            for part in _parts(window):
                here = slice(part.col - window.col, part.col - window.col + part.cols)
                results = step(
                    part, *(Grid(grid.values[:, here], template.part(part), grid.nodata, grid.name) for grid in grids)
                )
                if results is not None:
                    for output, values in zip(outputs, results):
                        if output is not None:
                            output.write(part, values)
                done += part.rows * part.cols
                progress(done / cells)
        for each in inputs:
            each.finish(progress)
        if check is not None:
            check()
        for output in outputs:
            if output is not None:
                output.finish(progress)


def _parts(window):
    for col in range(0, window.cols, _PART_COLS):
        yield Window(window.row, window.col + col, window.rows, min(_PART_COLS, window.cols - col))


def require_same_cells(inputs):
    """Refuse inputs of another size than the first."""
    first = inputs[0]
    for each in inputs[1:]:
        if each.template.shape != first.template.shape:
            raise InputError(f"Raster '{each.name}' is not on the cells of '{first.name}': align it first.")

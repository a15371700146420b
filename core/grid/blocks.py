"""Cell-by-cell work on maps of any size: read on a template's cells, compute and write a part at a time.

Memory does not grow with the map: a band of 256 rows of every input, a part of it as numbers to
compute with, and 64 MB of GDAL's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Callable, Protocol

import numpy as np

from ..arrays import AnyArray, Bools, DTypeLike
from ..errors import InputError
from ..gdal_cache import small_cache
from ..progress import SILENT, Progress
from .classes import NO_CODE, class_codes
from .grid import CLASSES, Grid, Template, Window, windows
from .reading import RasterSource
from .warping import AlignedRaster

_PART_COLS = 2048  # whole tiles; half a million cells with 256 rows


class BlockInput(Protocol):
    """A map that is read window by window: `AlignedRaster`, `Classes`, `GridInput` or `WithoutMessages`."""

    @property
    def name(self) -> str:
        """The layer's name, for messages."""

    @property
    def template(self) -> Template:
        """The cells on which it is read."""

    def read(self, window: Window, progress: Progress = SILENT) -> Grid:
        """The map in a window of the template."""

    def finish(self, progress: Progress = SILENT) -> None:
        """Called once all windows were read: refuse what only the whole map shows, and log."""


class BlockOutput(Protocol):
    """A map that is written window by window: `writing.RasterWriter` or `ArrayOutput`."""

    def write(self, window: Window, values: AnyArray) -> None:
        """Put an array of the window's shape in its place."""

    def finish(self, progress: Progress = SILENT) -> None:
        """Called once all windows were written."""


class Classes(AlignedRaster):
    """Class codes on a template's cells, as `warping.read_classes` gives them: int32 with one nodata value."""

    nodata = NO_CODE

    def __init__(self, source: RasterSource, template: Template) -> None:
        super().__init__(source, template, CLASSES)

    def read(self, window: Window, progress: Progress = SILENT) -> Grid:
        """The codes in a window.

        Raises
        ------
        InputError
            A value that is not a whole number.
        """
        return class_codes(super().read(window, progress))


class GridInput:
    """A Grid in memory as an input."""

    def __init__(self, grid: Grid) -> None:
        self.name, self.template, self._grid = grid.name, grid.template, grid

    def read(self, window: Window, progress: Progress = SILENT) -> Grid:
        """The map in a window; a view, not a copy."""
        grid = self._grid
        return Grid(grid.values[window.slices], grid.template.part(window), grid.nodata, grid.name)

    def finish(self, progress: Progress = SILENT) -> None:
        """A map in memory has nothing to report."""


class WithoutMessages:
    """Input whose alignment message is suppressed, because another input of its kind gives the same one."""

    def __init__(self, source: BlockInput) -> None:
        self.name, self.template, self.read, self._source = source.name, source.template, source.read, source

    def finish(self, progress: Progress = SILENT) -> None:
        """Refuse what only the whole map shows, without logging."""
        self._source.finish(progress.quiet())


class ArrayOutput:
    """A map in memory as an output; `values` holds it."""

    def __init__(self, template: Template, dtype: DTypeLike = np.float32) -> None:
        self.values: AnyArray = np.empty(template.shape, dtype=dtype)

    def write(self, window: Window, values: AnyArray) -> None:
        """Copy a window's array into its place."""
        self.values[window.slices] = values

    def finish(self, progress: Progress = SILENT) -> None:
        """An array needs no closing."""


class InvalidCells:
    """Counts cells with an impossible value and keeps the first one's value, row by row.

    Attributes
    ----------
    count : int
    first : number or None
        The value of the first of them.
    """

    def __init__(self) -> None:
        self.count = 0
        self.first: Any = None
        self._place: tuple[int, int] | None = None

    def add(self, window: Window, values: AnyArray, invalid: Bools) -> None:
        """Count the cells of a window where ``invalid`` is True."""
        if invalid.any():
            self.count += int(np.count_nonzero(invalid))
            row, col = np.unravel_index(invalid.argmax(), invalid.shape)
            place = window.row + int(row), window.col + int(col)
            if self._place is None or place < self._place:
                self._place, self.first = place, values[row, col]


def run(
    inputs: Sequence[BlockInput],
    step: Callable[..., Sequence[AnyArray | None] | None],
    outputs: Sequence[BlockOutput | None] = (),
    *,
    check: Callable[[], object] | None = None,
    progress: Progress = SILENT,
) -> None:
    """Compute maps cell by cell.

    Parameters
    ----------
    inputs : sequence of BlockInput
        All on the cells of one template.
    step : callable
        Called as ``step(window, *grids)`` with one Grid per input; returns one array per output, or None
        where nothing is to be written (an impossible value was found, and the rest is only inspected).
    outputs : sequence of BlockOutput or None
        None: this result is not wanted.
    check : callable, optional
        Called when all has been read, to refuse what only the whole map shows.
    progress : Progress

    Notes
    -----
    Files of `outputs.OutputFiles` stay beside their targets until it commits, so that a refusal or a
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
                        if output is not None and values is not None:
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


def _parts(window: Window) -> Iterator[Window]:
    for col in range(0, window.cols, _PART_COLS):
        yield Window(window.row, window.col + col, window.rows, min(_PART_COLS, window.cols - col))


def require_same_cells(inputs: Sequence[BlockInput] | Sequence[Grid]) -> None:
    """Refuse inputs of another size than the first.

    Raises
    ------
    InputError
        Names the first raster that differs.
    """
    first = inputs[0]
    for each in inputs[1:]:
        if each.template.shape != first.template.shape:
            raise InputError(
                f"Raster '{each.name}' is not on the cells of '{first.name}': align it first.", layer=each.name
            )

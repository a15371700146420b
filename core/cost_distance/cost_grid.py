"""A resistance surface prepared for least costs: half resistances on a grid with a border of barriers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..arrays import AnyInts, Bools, Floats, Ints
from ..errors import InputError
from ..grid.grid import Grid


class CostGrid:
    """A resistance surface prepared for accumulated cost: half resistances with a border of barriers.

    Parameters
    ----------
    resistance : Grid
        Resistance of 1 and more as a rule, any positive number in fact; nodata and 0 are barriers.
        Cells in metres, square or not.

    Attributes
    ----------
    half : float64 ndarray, shape ((rows + 2) * (cols + 2),)
        Half the resistance, +inf on barriers and on the border. 8 bytes per cell.
    offsets, lengths : ndarray, shape (8,)
        Step to each neighbour in flat cells and in metres; the order settles ties.
    n_passable, n_zero : int
        Cells with a resistance above 0, and cells with 0.

    Raises
    ------
    InputError
        Negative resistance, or no cell above 0.
    """

    def __init__(self, resistance: Grid) -> None:
        template = resistance.template
        self.template, self.name = template, resistance.name
        rows, cols = template.shape
        valid = resistance.valid
        negative = valid & (resistance.values < 0)
        count = int(np.count_nonzero(negative))
        if count:
            raise InputError(
                f"Raster '{self.name}' has {count} cell(s) with negative resistance, the smallest "
                f"{resistance.values[negative].min():g}: resistance must be above 0; correct them, or "
                f"set cells that cannot be passed to nodata or 0."
            )
        self.n_zero = int(np.count_nonzero(valid & (resistance.values == 0)))
        valid &= resistance.values > 0
        self.n_passable = int(np.count_nonzero(valid))
        if not self.n_passable:
            raise InputError(
                f"Raster '{self.name}' has no cell with a resistance above 0, so nothing "
                f"can pass: choose the resistance surface, or correct its values."
            )
        half = np.full((rows + 2, cols + 2), np.inf)
        np.copyto(half[1:-1, 1:-1], resistance.values, where=valid, casting="unsafe")
        half *= 0.5
        self.half = half.ravel()
        self._lowest = float(self.half.min())
        self._highest = float(np.max(half[1:-1, 1:-1], where=valid, initial=0.0))
        width, height = template.cell_width, template.cell_height
        diagonal = math.sqrt(width * width + height * height)
        stride = cols + 2
        self.stride = stride
        self.offsets = np.array(
            [-stride, -1, 1, stride, -stride - 1, -stride + 1, stride - 1, stride + 1], dtype=np.int64
        )
        self.lengths = np.array([height, width, width, height] + 4 * [diagonal])

    @property
    def size(self) -> int:
        """Flat cells, the border included."""
        return self.half.size

    def index(self, rows: AnyInts | int, cols: AnyInts | int) -> Ints:
        """Flat cell numbers of rows and columns."""
        return np.asarray((np.asarray(rows, dtype=np.int64) + 1) * self.stride + np.asarray(cols, dtype=np.int64) + 1)

    def rows_cols(self, index: Ints | Sequence[int]) -> tuple[Ints, Ints]:
        """Rows and columns of flat cell numbers."""
        rows, cols = np.divmod(np.asarray(index, dtype=np.int64), self.stride)
        return rows - 1, cols - 1

    def passable(self, index: Ints | int) -> Bools:
        """True where a flat cell is no barrier."""
        return np.asarray(np.isfinite(self.half[index]))

    def to_map(self, flat: Floats) -> Floats:
        """A flat array as (rows, cols), without the border; a view."""
        return flat.reshape(-1, self.stride)[1:-1, 1:-1]

    def step_range(self) -> tuple[float, float]:
        """Smallest and largest weight that a step can have."""
        return 2 * self._lowest * float(self.lengths.min()), 2 * self._highest * float(self.lengths.max())

    def range_too_wide(self) -> InputError:
        """The refusal of a surface whose small resistances vanish beside the large ones."""
        low, high = self.step_range()
        return InputError(
            f"Raster '{self.name}' holds resistances so far apart (steps cost {low:g} to "
            f"{high:g}) that the small ones vanish in the sum: narrow their range, for "
            f"instance to 1 to 1,000,000.",
            layer=self.name,
        )

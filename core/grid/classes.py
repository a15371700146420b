"""Class codes: whole numbers with one nodata value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..arrays import AnyArray, Bools, Int32s
from ..errors import InputError
from .grid import Grid

NO_CODE = -2147483648


def with_spare_nodata(grid: Grid) -> tuple[AnyArray, float]:
    """Class codes as int32, or as float64 where one does not fit, and a nodata value that no class uses."""
    valid = grid.valid
    codes = np.where(valid, grid.values, 0)
    if _first_no_code(codes) is not None:
        return grid.floats(np.float64), math.nan
    return _as_codes(codes, valid), NO_CODE


def _as_codes(codes: AnyArray, valid: Bools) -> Int32s:
    """As int32 first: numpy 2 puts the no-code as 0 among codes of a narrower type."""
    codes = codes.astype(np.int32)
    codes[~valid] = NO_CODE
    return codes


def _first_no_code(codes: AnyArray) -> Any:
    """The first value that is no class code: not whole, or beyond 32 bits; None where all are codes."""
    wrong = (codes <= NO_CODE) | (codes > 2147483647)
    if np.issubdtype(codes.dtype, np.floating):
        wrong |= codes != np.rint(codes)
    return codes[wrong].flat[0] if wrong.any() else None


def class_codes(grid: Grid) -> Grid:
    """A Grid of class codes as int32 with an explicit nodata.

    Raises
    ------
    InputError
        A value that is not a whole number, or beyond 32 bits.
    """
    valid = grid.valid
    values = np.where(valid, grid.values, 0)
    wrong = _first_no_code(values)
    if wrong is not None:
        raise InputError(
            f"Raster '{grid.name}' should hold class codes, and holds "
            f"{wrong:.10g}: choose a raster of whole-number codes of up to 2147483647.",
            layer=grid.name,
            value=wrong,
        )
    return Grid(_as_codes(values, valid), grid.template, NO_CODE, grid.name)

"""Class codes: whole numbers with one nodata value."""

import math

import numpy as np

from ..errors import InputError
from .grid import Grid


def with_spare_nodata(grid):
    """Class codes as int32 with a nodata value that no class uses; as floats where they do not fit."""
    valid = grid.valid
    codes = np.where(valid, grid.values, 0)
    if _first_no_code(codes) is not None:
        return grid.floats(np.float64), math.nan
    return _as_codes(codes, valid), NO_CODE


NO_CODE = -2147483648


def _as_codes(codes, valid):
    """As int32 first: numpy 2 puts the no-code as 0 among codes of a narrower type."""
    codes = codes.astype(np.int32)
    codes[~valid] = NO_CODE
    return codes


def _first_no_code(codes):
    """The first value that is no class code: not whole, or beyond 32 bits; None where all are."""
    wrong = (codes <= NO_CODE) | (codes > 2147483647)
    if np.issubdtype(codes.dtype, np.floating):
        wrong |= codes != np.rint(codes)
    return codes[wrong].flat[0] if wrong.any() else None


def class_codes(grid):
    """A Grid of class codes as int32 with an explicit nodata; `read_classes` of a part."""
    valid = grid.valid
    values = np.where(valid, grid.values, 0)
    wrong = _first_no_code(values)
    if wrong is not None:
        raise InputError(
            f"Raster '{grid.name}' should hold class codes, and holds "
            f"{wrong:.10g}: choose a raster of whole-number codes of up to 2147483647."
        )
    return Grid(_as_codes(values, valid), grid.template, NO_CODE, grid.name)

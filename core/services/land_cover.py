"""Land-cover codes: checked against a table, looked up, and mines burnt into the map.

No land-cover product tells pits, dumps and restored mines apart as the other steps need, so a
layer of mines is burnt into the map first.
"""

import numpy as np

from .. import tables
from ..errors import InputError, first_few
from ..grid.blocks import run
from ..grid.row_blocks import row_blocks
from ..progress import SILENT

CODE = tables.Column("land_cover", "integer", aliases=("lucode", "lulc_code", "lulc", "code"))

NAMED_AT_MOST = 5

_LOOKED_UP_BELOW = 1 << 16  # codes up to here are found by their place in an array, others by a search


def codes_of(table):
    """The land-cover codes of a parsed table, as an int64 array in the table's order.

    Raises
    ------
    InputError
        When a code has two rows.
    """
    codes = np.array([row["land_cover"] for row in table.rows], dtype=np.int64)
    for index in range(codes.size):
        if codes[index] in codes[:index]:
            raise table.error(index, "land_cover", "has a row already; keep one row per code.")
    return codes


def class_rows(land_cover, codes, table_name, progress=SILENT):
    """The table row that serves each cell.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes.
    codes : int array
        The code of each row of the table.
    table_name : str
        For messages.

    Returns
    -------
    int16 ndarray, shape (rows, cols)
        Index into ``codes``; -1 where the map has no value, so that values with NaN appended
        can be looked up at once.

    Raises
    ------
    InputError
        Names each code that the table lacks, with the number of its pixels.

    Notes
    -----
    2 bytes per cell.
    """
    found = np.full(land_cover.values.shape, -1, dtype=np.int16)
    missing = {}
    for block in row_blocks(*found.shape, progress):
        found[block] = _rows_of(land_cover.like(land_cover.values[block], land_cover.nodata), codes, missing)
    if missing:
        raise InputError(_missing_codes(missing, land_cover.name, table_name))
    return found


def _rows_of(part, codes, missing):
    """As `class_rows`, for a part of a map; codes that the table lacks are added to ``missing``: code to count."""
    valid, values, highest = part.valid, part.values, int(codes.max())
    if np.issubdtype(values.dtype, np.integer) and codes.min() >= 0 and highest < _LOOKED_UP_BELOW:
        row_of = np.full(highest + 3, -1, dtype=np.int16)  # beside the codes: one place above, one (the last) below
        row_of[codes] = np.arange(codes.size)
        rows = row_of[np.clip(values.astype(np.intp), -1, highest + 1)]
    else:
        order = np.argsort(codes)
        place = np.minimum(np.searchsorted(codes, values, sorter=order), codes.size - 1)
        rows = np.where(codes[order[place]] == values, order[place], -1).astype(np.int16)
    rows[~valid] = -1
    unknown = valid & (rows < 0)
    if unknown.any():
        for code, count in zip(*np.unique(values[unknown], return_counts=True)):
            missing[code] = missing.get(code, 0) + int(count)
    return rows


def require_codes(land_cover, codes, table_name, progress=SILENT):
    """Look through a whole map, before anything is computed, for codes that a table lacks.

    Parameters
    ----------
    land_cover : blocks.Classes or another input of `blocks.run`
    codes, table_name
        As for `class_rows`.

    Raises
    ------
    InputError
        As `class_rows`.
    """
    missing = {}

    def count(_, part):
        _rows_of(part, codes, missing)

    run([land_cover], count, progress=progress)
    if missing:
        raise InputError(_missing_codes(missing, land_cover.name, table_name))


def _missing_codes(missing, layer, table_name):
    named = [f"{code:g} ({count} pixels)" for code, count in sorted(missing.items())]
    text = first_few(named, NAMED_AT_MOST)
    return (
        f"Land cover '{layer}' holds code {text}, for which table '{table_name}' has no row in column "
        f"'land_cover': add a row per code, give the table that belongs to this map, or let the shipped "
        f"table serve it by the map's land-cover product (LAND_COVER_PRODUCT)."
    )


def values_by_class(rows, values):
    """A float32 map of one value per class; NaN where ``rows`` (of `class_rows`) is -1."""
    return np.append(np.asarray(values, dtype=np.float32), np.float32(np.nan))[rows]

"""Land-cover codes: checked against a table, looked up, and mines burnt into the map.

No land-cover product tells pits, dumps and restored mines apart as the other steps need, so a
layer of mines is burnt into the map first.
"""

import numpy as np

from .. import tables
from ..errors import InputError
from ..progress import SILENT

CODE = tables.Column("land_cover", "integer", aliases=("lucode", "lulc_code", "lulc", "code"))

_BLOCK_CELLS = 1 << 20
_NAMED_AT_MOST = 5


def row_blocks(rows, cols, progress=SILENT):
    """Slices of whole rows of about a million cells; progress is told after each."""
    step = max(1, _BLOCK_CELLS // cols)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))
        progress(min(rows, start + step) / rows)


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
    land_cover : raster.Grid
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
    order = np.argsort(codes)
    ordered = codes[order]
    found = np.full(land_cover.values.shape, -1, dtype=np.int16)
    missing = {}
    for block in row_blocks(*found.shape, progress):
        part = land_cover.like(land_cover.values[block], land_cover.nodata)
        valid = part.valid
        values = np.where(valid, part.values, ordered[0])
        place = np.minimum(np.searchsorted(ordered, values), codes.size - 1)
        known = ordered[place] == values
        found[block] = np.where(valid & known, order[place], -1)
        if not known.all():
            for code, count in zip(*np.unique(values[~known], return_counts=True)):
                missing[code] = missing.get(code, 0) + int(count)
    if missing:
        raise InputError(_missing_codes(missing, land_cover.name, table_name))
    return found


def _missing_codes(missing, layer, table_name):
    named = [f"{code:g} ({count} pixels)" for code, count in sorted(missing.items())]
    text = ", ".join(named[:_NAMED_AT_MOST])
    if len(named) > _NAMED_AT_MOST:
        text += f" and {len(named) - _NAMED_AT_MOST} more"
    return (f"Land cover '{layer}' holds code {text}, for which table '{table_name}' has no row in column "
            f"'land_cover': add a row per code, or give the table that belongs to this map.")


def values_by_class(rows, values):
    """A float32 map of one value per class; NaN where ``rows`` (of `class_rows`) is -1."""
    return np.append(np.asarray(values, dtype=np.float32), np.float32(np.nan))[rows]

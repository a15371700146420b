"""Land-cover codes of a map, checked against those of a table and looked up there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import tables
from ..arrays import Float32s, Floats, Int16s, Ints
from ..errors import InputError, first_few
from ..grid.blocks import BlockInput, run
from ..grid.grid import Grid, Window
from ..grid.row_blocks import row_blocks
from ..progress import SILENT, Progress

CODE = tables.Column("land_cover", "integer", aliases=("lucode", "lulc_code", "lulc", "code"))

NAMED_AT_MOST = 5

_LOOKED_UP_BELOW = 1 << 16  # codes up to here are found by their place in an array, others by a search


@dataclass(frozen=True)
class ClassCodes:
    """The land-cover codes of a table, in its order.

    Parameters
    ----------
    values : int64 array
        Each code once.
    table_name : str
        For messages.
    """

    values: Ints
    table_name: str


def codes_of(table: tables.Table) -> ClassCodes:
    """The land-cover codes of a parsed table.

    Raises
    ------
    InputError
        When a code has two rows.
    """
    codes = np.array([row["land_cover"] for row in table.rows], dtype=np.int64)
    for index in range(codes.size):
        if codes[index] in codes[:index]:
            raise table.error(index, "land_cover", "has a row already; keep one row per code.")
    return ClassCodes(codes, table.name)


def class_rows(land_cover: Grid, codes: ClassCodes, *, progress: Progress = SILENT) -> Int16s:
    """The table row that serves each cell.

    Parameters
    ----------
    land_cover : grid.Grid
        Whole-number codes.
    codes : ClassCodes

    Returns
    -------
    int16 ndarray, shape (rows, cols)
        Index into the codes; -1 where the map has no value, so that values with NaN appended
        can be looked up at once.

    Raises
    ------
    InputError
        Names each code that the table lacks, with the number of its pixels.

    Notes
    -----
    2 bytes per cell.
    """
    found: Int16s = np.full(land_cover.values.shape, -1, dtype=np.int16)
    missing: dict[float, int] = {}
    rows, cols = found.shape
    for block in row_blocks(rows, cols, progress):
        found[block] = _rows_of(land_cover.like(land_cover.values[block], land_cover.nodata), codes.values, missing)
    _refuse_missing(missing, land_cover.name, codes)
    return found


def _rows_of(part: Grid, codes: Ints, missing: dict[float, int]) -> Int16s:
    """As `class_rows`, for a part of a map; adds the codes that the table lacks to ``missing``: code to cells."""
    valid, values, highest = part.valid, part.values, int(codes.max())
    rows: Int16s
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


def require_codes(land_cover: BlockInput, codes: ClassCodes, *, progress: Progress = SILENT) -> None:
    """Look through a whole map, before anything is computed, for codes that a table lacks.

    Parameters
    ----------
    land_cover : blocks.Classes or another input of `blocks.run`
    codes : ClassCodes

    Raises
    ------
    InputError
        As `class_rows`.
    """
    missing: dict[float, int] = {}

    def count(_: Window, part: Grid) -> None:
        _rows_of(part, codes.values, missing)

    run([land_cover], count, progress=progress)
    _refuse_missing(missing, land_cover.name, codes)


def _refuse_missing(missing: dict[float, int], layer: str, codes: ClassCodes) -> None:
    if missing:
        named = [f"{code:g} ({count} pixels)" for code, count in sorted(missing.items())]
        raise InputError(
            f"Land cover '{layer}' holds code {first_few(named, NAMED_AT_MOST)}, for which table "
            f"'{codes.table_name}' has no row in column 'land_cover': add a row per code, give the table that "
            f"belongs to this map, or choose the map's land-cover product, so that the shipped table serves it.",
            layer=layer,
        )


def values_by_class(rows: Int16s, values: Sequence[float] | Floats) -> Float32s:
    """A float32 map of one value per class; NaN where ``rows`` (of `class_rows`) is -1."""
    by_row: Float32s = np.append(np.asarray(values, dtype=np.float32), np.float32(np.nan))
    return by_row[rows]

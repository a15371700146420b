"""Rows of an array in blocks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator

from ..progress import SILENT, Progress

_BLOCK_CELLS = 1 << 20


def row_blocks(rows: int, cols: int, progress: Progress = SILENT, *, block_rows: int = 0) -> Iterator[slice]:
    """Slices of whole rows; progress is reported after each.

    Parameters
    ----------
    rows, cols : int
        Shape of the array.
    progress : Progress
    block_rows : int
        Rows of a block; 0: as many as make about a million cells.
    """
    step = block_rows or max(1, _BLOCK_CELLS // cols)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))
        progress(min(rows, start + step) / rows)

"""Rows of an array in blocks of bounded size."""

from ..progress import SILENT

_BLOCK_CELLS = 1 << 20


def row_blocks(rows, cols, progress=SILENT):
    """Slices of whole rows of about a million cells; progress is told after each."""
    step = max(1, _BLOCK_CELLS // cols)
    for start in range(0, rows, step):
        yield slice(start, min(rows, start + step))
        progress(min(rows, start + step) / rows)

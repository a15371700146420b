"""Rarity of land cover against a baseline (InVEST guide, Habitat Quality)."""

from __future__ import annotations

import numpy as np

from ..arrays import Float32s
from ..errors import InputError
from ..grid.grid import Grid, float_grid
from ..progress import SILENT, Progress


def rarity(land_cover: Grid, baseline: Grid, *, progress: Progress = SILENT) -> Grid:
    """How much rarer the class of each cell is than in a baseline map: ``R_j = 1 - N_j / (N_j,base + N_j)``.

    Parameters
    ----------
    land_cover, baseline : grid.Grid
        Whole-number codes of one legend, on the same cells.
    progress : Progress
        Warned of cells with a value in only one of them.

    Returns
    -------
    grid.Grid
        float32: 0.5 where a class is as frequent as before, towards 1 where it has become rare, 0 where it is
        absent from the baseline; NaN where the land cover has no value.
    """
    if not land_cover.template.same_grid(baseline.template):
        raise InputError(
            f"Land covers '{land_cover.name}' and '{baseline.name}' are not on the same cells: align "
            f"one with the other first.",
            layer=baseline.name,
        )
    valid, before_valid = land_cover.valid, baseline.valid
    missing = np.count_nonzero(valid != before_valid)
    if missing:
        progress.warn(
            f"{missing} cell(s) have a value in only one of '{land_cover.name}' and '{baseline.name}': "
            f"rarity compares how often a class occurs in each, so let both cover the same area."
        )
    codes, place, now = np.unique(land_cover.values[valid], return_inverse=True, return_counts=True)
    known, counts = np.unique(baseline.values[before_valid], return_counts=True)
    before = np.zeros(codes.size)
    shared = np.isin(codes, known)
    before[shared] = counts[np.searchsorted(known, codes[shared])]
    values: Float32s = np.full(land_cover.values.shape, np.nan, dtype=np.float32)
    values[valid] = np.where(before > 0, 1 - now / (before + now), 0.0)[np.ravel(place)]
    return float_grid(values, land_cover.template, "rarity")

"""The corridor surface: what a detour through each cell costs beyond the least cost of a pair of sources."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import numpy as np

from ..arrays import Floats
from ..progress import Progress

_IN_MEMORY_BYTES = 1 << 30
_MOSAIC_CELLS = 16384


class CorridorSurface:
    """Accumulated cost from every source, in memory or in a temporary file, and the mosaic of the pairs.

    Parameters
    ----------
    n_sources : int
    size : int
        Flat cells of the cost grid; 8 bytes per cell and source.
    """

    def __init__(self, n_sources: int, size: int) -> None:
        self._planes: Floats
        if n_sources * size * 8 <= _IN_MEMORY_BYTES:
            self._planes = np.empty((n_sources, size))
        else:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as this object
            self._planes = np.memmap(self._file, dtype=np.float64, mode="w+", shape=(n_sources, size))

    def keep(self, number: int, costs: Floats) -> None:
        """Take the accumulated cost from a source, flat."""
        self._planes[number] = costs

    def mosaic(self, joined: Sequence[tuple[int, int, float]], *, progress: Progress) -> Floats:
        """The minimum over pairs of ``CWD_a + CWD_b - LCD_ab``, NaN where no pair's surfaces meet.

        Parameters
        ----------
        joined : sequence of (int, int, float)
            The numbers of both sources and the least cost between them.
        """
        size = self._planes.shape[1]
        result = np.full(size, np.inf)
        for low in range(0, size, _MOSAIC_CELLS):
            progress(low / size)
            planes = np.asarray(self._planes[:, low : low + _MOSAIC_CELLS])
            best = result[low : low + _MOSAIC_CELLS]
            for a, b, cost in joined:
                np.minimum(best, planes[a] + planes[b] - cost, out=best)
        np.maximum(result, 0.0, out=result)  # never below 0 but for rounding
        result[np.isinf(result)] = np.nan
        return result

"""The engine of numpy alone: relaxes all costs of a band at once, four searches side by side in one index space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

import numpy as np

from ..arrays import Floats, Ints
from .cost_grid import CostGrid
from .engine import Bound

_STEP_CELLS = 1 << 17  # cells relaxed in one numpy step, bounds its memory and time
_STEP_WORTH = 100  # relaxations that cost as much as the fixed part of one step
_LAST_MARK = 1 << 30  # marks are int32


class NumpyEngine:
    """Surfaces of accumulated cost in numpy.

    Parameters
    ----------
    cost_grid : CostGrid
    batch : int
        Searches run at once; 12 bytes per cell and search, 8 more from two searches on.
    """

    def __init__(self, cost_grid: CostGrid, batch: int) -> None:
        self._grid = cost_grid
        self._costs = np.empty(batch * cost_grid.size)
        self._mark = np.empty(batch * cost_grid.size, dtype=np.int32)
        self._half = cost_grid.half if batch == 1 else np.tile(cost_grid.half, batch)
        self._offsets, self._lengths = cost_grid.offsets[:, None], cost_grid.lengths[:, None]
        self._first_width = cost_grid.step_range()[0]
        self._serial = 0
        self._n_relaxed = 0

    def run(self, starts: list[Ints], bounds: list[Bound], relaxed: Callable[[int], None]) -> Sequence[Floats]:
        """The surface from every set of starts, as views of one array that the next run writes over."""
        size = self._grid.size
        planes = self._costs.reshape(-1, size)[: len(starts)]
        self._costs.fill(np.inf)
        self._mark.fill(-1)
        self._serial = self._n_relaxed = 0
        stop = _StopAtBounds(bounds, planes)
        width = self._first_width
        far: Ints = np.concatenate([cells + k * size for k, cells in enumerate(starts)])
        self._costs[far] = 0.0
        far_keys: Floats = np.zeros(far.size)
        while far.size:
            far, far_keys = stop.keep_wanted(far, far_keys, self._n_relaxed)
            if not far.size:
                break
            low = far_keys.min()
            edge = max(low + width, np.nextafter(low, np.inf))
            far, far_keys, is_wasteful = self._settle_band(far, far_keys, edge, relaxed)
            # wider while the fixed cost of steps outweighs repeated work, narrower when not
            width = max(width * (0.5 if is_wasteful else 1.1), self._first_width)
            fresh = self._costs.take(far) == far_keys
            far = self._distinct(far[fresh])
            far_keys = self._costs.take(far)
        return list(planes)

    def _settle_band(
        self, far: Ints, far_keys: Floats, edge: float, relaxed: Callable[[int], None]
    ) -> tuple[Ints, Floats, bool]:
        """Relax all cells below ``edge`` until none changes; what waits above it, and whether much was done twice."""
        near = far_keys < edge
        active = far[near]
        later, later_keys = [far[~near]], [far_keys[~near]]
        if self._serial > _LAST_MARK:
            self._mark.fill(-1)
            self._serial = 0
        band_serial, repeats, steps = self._serial, 0, 0
        self._mark[active] = self._serial
        self._serial += 1
        while active.size:
            relaxed(self._n_relaxed)
            rest, active = active[_STEP_CELLS:], active[:_STEP_CELLS]
            steps += 1
            self._n_relaxed += active.size
            cells, keys = self._relax(active)
            near = keys < edge
            best = self._costs.take(cells) == keys
            wait = best & ~near
            later.append(cells[wait])
            later_keys.append(keys[wait])
            cells = cells[best & near]
            repeats += int(np.count_nonzero(self._mark.take(cells) >= band_serial))
            active = self._distinct(cells)
            if rest.size:
                active = np.concatenate((rest, active))
        return np.concatenate(later), np.concatenate(later_keys), repeats > _STEP_WORTH * steps

    def _relax(self, active: Ints) -> tuple[Ints, Floats]:
        """Lower the costs of all neighbours of some cells; the cells that were lowered and by which costs."""
        costs, half = self._costs, self._half
        neighbours = active + self._offsets
        keys = half.take(neighbours)
        keys += half.take(active)
        keys *= self._lengths
        keys += costs.take(active)
        better = np.flatnonzero((keys < costs.take(neighbours)).ravel())
        cells, keys = neighbours.ravel().take(better), keys.ravel().take(better)
        costs[cells] = keys
        # several keys for one cell: the last was stored, so store those that beat it
        lost = np.flatnonzero(keys < costs.take(cells))
        while lost.size:
            costs[cells[lost]] = keys[lost]
            lost = lost[keys[lost] < costs[cells[lost]]]
        return cells, keys

    def _distinct(self, cells: Ints) -> Ints:
        """Each cell once: the last mark left on a cell names the entry that is kept."""
        numbers = np.arange(self._serial, self._serial + cells.size, dtype=np.int32)
        self._serial += cells.size
        self._mark[cells] = numbers
        distinct: Ints = cells[self._mark.take(cells) == numbers]
        return distinct


class _StopAtBounds:
    """Drops cells beyond what the searches want; the bounds are asked again when much has been relaxed."""

    def __init__(self, bounds: list[Bound], planes: Floats) -> None:
        self._bounds, self._planes = bounds, planes
        self._is_bounded = any(bound.is_bounded for bound in bounds)
        self._limits: Floats = np.full(len(bounds), np.inf)
        self._target_cells = sum(bound.cells for bound in bounds)
        self._ask_at = 0

    def keep_wanted(self, cells: Ints, keys: Floats, n_relaxed: int) -> tuple[Ints, Floats]:
        if not self._is_bounded:
            return cells, keys
        if n_relaxed >= self._ask_at:
            self._limits = np.array([bound.value(plane) for bound, plane in zip(self._bounds, self._planes)])
            self._ask_at = n_relaxed + 2 * self._target_cells
        wanted = keys <= self._limits[cells // self._planes.shape[1]]
        return cells[wanted], keys[wanted]

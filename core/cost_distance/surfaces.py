"""Surfaces of accumulated cost, by the compiled engine where it pays and by numpy else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .. import accel
from ..arrays import Floats, Ints
from ..crs import Crs
from ..grid.grid import Grid, Template
from ..progress import SILENT, Progress, Throttled
from .compiled_engine import CompiledEngine, bucket_loop
from .cost_grid import CostGrid
from .engine import Bound, Engine
from .numpy_engine import NumpyEngine

_BATCH_CELLS = 8_000_000  # cost planes held at once by the numpy engine, in cells
_BATCH_SURFACES = 4
_KERNEL_WORTH = 20_000_000  # cells to relax from which loading a compiled loop pays


@dataclass(frozen=True)
class Search:
    """What one surface of accumulated cost is asked for.

    Parameters
    ----------
    starts : integer array
        Flat cells (:meth:`CostGrid.index`) at cost 0; barriers among them stay barriers.
    targets : sequence of integer arrays
        Cell sets that it has to reach: it stops once the nearest cell of each is settled. Empty: the whole map.
    max_cost : float
        The cost beyond which nothing is wanted, in resistance x metre.
    """

    starts: Ints | Sequence[int]
    targets: Sequence[Ints] = ()
    max_cost: float = math.inf


def accumulated_cost(
    cost_grid: CostGrid, starts: Ints | Sequence[int], *, max_cost: float = math.inf, progress: Progress = SILENT
) -> Floats:
    """Least cost from the nearest start to every cell.

    Parameters
    ----------
    cost_grid : CostGrid
    starts, max_cost
        As for :class:`Search`; dearer cells are left unreached.

    Returns
    -------
    float64 ndarray, shape (rows, cols)
        +inf where nothing leads. About 21 bytes per cell beyond the resistance, its halves included.
    """
    surface = next(cost_surfaces(cost_grid, [Search(starts, max_cost=max_cost)], progress=progress))
    return cost_grid.to_map(surface)


def cost_surfaces(cost_grid: CostGrid, searches: Sequence[Search], *, progress: Progress = SILENT) -> Iterator[Floats]:
    """One accumulated-cost surface per search, several computed at once.

    Yields
    ------
    float64 ndarray, shape (cost_grid.size,)
        Per search, in order. Costs that are not final because the search stopped early are +inf.
        The array is written over when the next one is asked for.
    """
    count = len(searches)
    if not count:
        return
    kernel = accel.kernel(
        bucket_loop, _loop_agrees, work=count * cost_grid.n_passable, worth=_KERNEL_WORTH, progress=progress
    )
    batch = 1 if kernel else max(1, min(_BATCH_SURFACES, count, _BATCH_CELLS // cost_grid.size))
    engine: Engine = CompiledEngine(cost_grid, kernel) if kernel else NumpyEngine(cost_grid, batch)
    for first in range(0, count, batch):
        turn = searches[first : first + batch]
        bounds = [Bound(search.targets, search.max_cost) for search in turn]
        throttled = Throttled(progress, start=first / count, end=(first + len(turn)) / count)
        expected = len(turn) * cost_grid.n_passable
        starts = [_passable_starts(cost_grid, search.starts) for search in turn]
        planes = engine.run(starts, bounds, _Relaxed(throttled, expected))
        for costs, bound in zip(planes, bounds):
            limit = bound.value(costs)
            if limit < math.inf:
                costs[costs > limit] = np.inf
            yield costs


class _Relaxed:
    """Tells progress how many of the cells that are expected have been relaxed."""

    def __init__(self, throttled: Throttled, expected: int) -> None:
        self._throttled, self._expected = throttled, expected

    def __call__(self, n_relaxed: int) -> None:
        self._throttled(n_relaxed / self._expected)


def _passable_starts(cost_grid: CostGrid, cells: Ints | Sequence[int]) -> Ints:
    cells = np.unique(np.asarray(cells, dtype=np.int64))
    return cells[cost_grid.passable(cells)]


def _loop_agrees(kernel: accel.Loop) -> bool:
    """True when the compiled loop gives numpy's bits on a 60 x 60 grid with barriers and two starts."""
    rows, cols = np.indices((60, 60))
    values = 1 + 4 * np.abs(np.sin(rows * 1.7 + cols * 0.9) * np.cos(cols * 0.31))
    values[(rows % 17 == 5) & (cols % 13 > 2)] = 0
    grid = CostGrid(Grid(values, Template(60, 60, (0.0, 30.0, 0.0, 0.0, 0.0, -20.0), Crs()), None, "check"))
    starts = [grid.index(np.array([3, 40]), np.array([4, 50]))]
    expected = NumpyEngine(grid, 1).run(starts, [Bound()], _ignored)[0].copy()
    found = CompiledEngine(grid, kernel).run(starts, [Bound()], _ignored)[0]
    return np.array_equal(expected, found)


def _ignored(relaxed: int) -> None:
    """How much is relaxed of a check, which nobody waits for."""

"""Least-cost paths and zones, read off a surface of accumulated cost by exact equality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..arrays import Floats, Int32s, Ints
from ..progress import SILENT, Progress
from .cost_grid import CostGrid


def least_cost_path(cost_grid: CostGrid, costs: Floats, cell: int) -> list[int]:
    """The least-cost path from a cell back to a start, by exact equality in a fixed neighbour order.

    Parameters
    ----------
    costs : float64 ndarray, shape (cost_grid.size,)
        As :func:`~.surfaces.cost_surfaces` yields.
    cell : int
        Flat cell with a finite cost.

    Returns
    -------
    list of int
        Flat cells, ``cell`` first, a start (cost 0) last.
    """
    half, cost_of = cost_grid.half.data, costs.data  # quicker than an array, cell by cell
    steps = list(zip(cost_grid.offsets.tolist(), cost_grid.lengths.tolist()))
    path, here = [int(cell)], cost_of[int(cell)]
    while here > 0:
        at, at_half = path[-1], half[path[-1]]
        for offset, length in steps:
            before = cost_of[at + offset]
            if before < here and before + (half[at + offset] + at_half) * length == here:
                path.append(at + offset)
                here = before
                break
        else:
            raise cost_grid.range_too_wide()
    return path


def allocation(cost_grid: CostGrid, costs: Floats, starts: Sequence[Ints], *, progress: Progress = SILENT) -> Int32s:
    """Which set of starts each cell is reached from, after one search from all of them.

    Parameters
    ----------
    costs : float64 ndarray, shape (cost_grid.size,)
        The surface of one search from all ``starts`` together.
    starts : list of integer arrays
        The k-th set gets the number k + 1; of cells in several sets the first keeps them.

    Returns
    -------
    int32 ndarray, shape (cost_grid.size,)
        0 where nothing leads. Peak 20 bytes per cell.
    """
    size, stride = cost_grid.size, cost_grid.stride
    origin = np.arange(size)
    block = max(1, 500_000 // stride) * stride
    for low in range(stride, size - stride, block):
        progress.check()
        high = min(low + block, size - stride)
        here, half = costs[low:high], cost_grid.half[low:high]
        open_cells = np.isfinite(here) & (here > 0)
        for offset, length in zip(cost_grid.offsets.tolist(), cost_grid.lengths.tolist()):
            # the border is one cell wide, so a diagonal may reach one cell past either end
            a, b = max(low, -offset), min(high, size - offset)
            cut = slice(a - low, b - low)
            before = costs[a + offset : b + offset]
            found = (
                open_cells[cut]
                & (before < here[cut])
                & (before + (cost_grid.half[a + offset : b + offset] + half[cut]) * length == here[cut])
            )
            origin[a:b][found] += offset
            open_cells[cut][found] = False
        if open_cells.any():
            raise cost_grid.range_too_wide()
    while True:  # each round doubles the number of steps jumped
        progress.check()
        further = origin[origin]
        if np.array_equal(further, origin):
            break
        origin = further
    numbers = np.zeros(size, dtype=np.int32)
    for number in range(len(starts), 0, -1):
        numbers[starts[number - 1]] = number
    zones: Int32s = numbers[origin]
    zones[~np.isfinite(costs)] = 0
    return zones

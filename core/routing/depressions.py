"""Depressions filled to their lowest outlet, and places that drain inside."""

from __future__ import annotations

import numpy as np

from ..arrays import AnyFloats, AnyInts, Bools, Ints
from ..progress import SILENT, Progress
from .lattice import Lattice

_PASSES_AT_ONCE = 1 << 22


def fill_depressions(elevation: AnyFloats, *, drains: Bools | None = None, progress: Progress = SILENT) -> AnyFloats:
    """A DEM without depressions: every cell raised to the level at which its water finds a way out.

    Parameters
    ----------
    elevation : float ndarray, shape (rows, cols)
        NaN where there is no value; water leaves the map there and at its edge.
    drains : bool ndarray, optional
        Cells where water ends although they lie inside; what flows to them is not filled.

    Returns
    -------
    ndarray of the same shape and type
        ``max(z, lowest over all ways out of the highest z on the way)``; exact, no new heights.

    Notes
    -----
    Every cell descends to the bottom of its basin (pointers that double); basins and the lowest pass
    between each two form a small graph, whose minimum spanning tree holds the lowest ways out. 46
    bytes per cell on natural ground.
    """
    elevation = np.asarray(elevation)
    lattice = Lattice(elevation.shape)
    height = lattice.flat(elevation, np.nan)
    progress.check()
    valid = ~np.isnan(height)
    if not valid.any():
        return elevation.copy()
    height[~valid] = np.inf
    basin, n_basins = _basins(lattice, height, valid, progress.part(0.0, 0.4))

    out = lattice.edge(valid)
    if drains is not None:
        out = np.union1d(out, np.flatnonzero(lattice.flat(drains, False) & valid))
    progress(0.4)
    level = np.full(n_basins, np.inf, dtype=height.dtype)
    np.minimum.at(level, basin[out], height[out])
    low, high, passes = _passes(lattice, height, basin, progress.part(0.4, 0.8))
    level = _spill_levels(level, low, high, passes, progress.part(0.8, 1.0))
    filled = np.full(lattice.size, np.nan, dtype=height.dtype)
    filled[valid] = np.maximum(height[valid], level[basin[valid]])
    progress(1.0)
    return np.ascontiguousarray(lattice.to_map(filled))


def _spill_levels(level: AnyFloats, low: Ints, high: Ints, passes: AnyFloats, progress: Progress) -> AnyFloats:
    """The level at which each basin spills, from that of basins with an outlet of their own (else infinite)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

    n_basins = level.size
    open_basins = np.flatnonzero(np.isfinite(level))
    first = np.concatenate([low, np.full(open_basins.size, n_basins, dtype=low.dtype)])  # n_basins: outside
    second = np.concatenate([high, open_basins.astype(low.dtype)])
    weights = np.concatenate([passes, level[open_basins]])
    progress(0.1)
    heights, rank = np.unique(weights, return_inverse=True)  # a weight of 0 would be no edge
    progress(0.25)
    tree = minimum_spanning_tree(
        coo_matrix((rank + 1.0, (first, second)), shape=(n_basins + 1, n_basins + 1)).tocsr()
    ).tocoo()
    progress(0.5)
    _, towards_out = breadth_first_order(tree.tocsr(), n_basins, directed=False, return_predecessors=True)
    towards_out[n_basins] = n_basins
    spill = np.zeros(n_basins + 1, dtype=np.int64)
    up = towards_out[tree.row] == tree.col
    spill[np.where(up, tree.row, tree.col)] = tree.data.astype(np.int64)
    while True:  # the highest pass on the way out, by doubling
        progress(0.75)
        spill = np.maximum(spill, spill[towards_out])
        further = towards_out[towards_out]
        if np.array_equal(further, towards_out):
            break
        towards_out = further
    levels: AnyFloats = heights[spill[:-1] - 1]
    return levels


def _basins(lattice: Lattice, height: AnyFloats, valid: Bools, progress: Progress) -> tuple[AnyInts, int]:
    """The basin of each flat cell, numbered from 0 (border: 0), and how many there are."""
    progress.check()
    pointer: AnyInts = np.arange(lattice.size, dtype=lattice.dtype)
    steps = np.sort(lattice.offsets)
    for block in lattice.blocks(progress.part(0.0, 0.6)):
        here = np.arange(block.start, block.stop)
        lowest, best = height[block].copy(), np.zeros(here.size, dtype=np.int64)
        # of equal heights the cell of the smallest number counts as the lowest, so that no circle closes
        for step in (*steps[:4][::-1], *steps[4:]):
            beside = height[block.start + step : block.stop + step]
            lower = beside <= lowest if step < 0 else beside < lowest
            lowest[lower] = beside[lower]
            best[lower] = step
        pointer[block] = np.where(valid[block], here + best, here)
    while True:
        progress(0.8)
        further = pointer[pointer]
        if np.array_equal(further, pointer):
            break
        pointer = further
    bottom = np.flatnonzero((pointer == np.arange(lattice.size, dtype=lattice.dtype)) & valid)
    number: AnyInts = np.zeros(lattice.size, dtype=lattice.dtype)
    number[bottom] = np.arange(bottom.size)
    basins: AnyInts = number[pointer]
    return basins, bottom.size


def _passes(lattice: Lattice, height: AnyFloats, basin: AnyInts, progress: Progress) -> tuple[Ints, Ints, AnyFloats]:
    """The lowest pass between each two basins that touch: lower number, higher number, height."""
    n_basins = int(basin.max()) + 1
    found: list[tuple[Ints, AnyFloats]] = []
    waiting = 0
    for block in lattice.blocks(progress):
        for step in lattice.offsets[4:]:  # the other four are the same pairs seen from the other side
            other = slice(block.start + step, block.stop + step)
            top = np.maximum(height[block], height[other])
            a, b = basin[block], basin[other]
            cross = np.flatnonzero((a != b) & np.isfinite(top))
            a, b = a[cross].astype(np.int64), b[cross].astype(np.int64)
            found.append((np.minimum(a, b) * n_basins + np.maximum(a, b), top[cross]))
            waiting += cross.size
        if waiting > _PASSES_AT_ONCE:
            found = [_lowest_per_pair(found)]
            waiting = found[0][0].size // 2
    pairs, passes = _lowest_per_pair(found)
    return pairs // n_basins, pairs % n_basins, passes


def _lowest_per_pair(found: list[tuple[Ints, AnyFloats]]) -> tuple[Ints, AnyFloats]:
    pairs: Ints = np.concatenate([pair for pair, _ in found])
    passes: AnyFloats = np.concatenate([height for _, height in found])
    if not pairs.size:
        return pairs, passes
    order = np.argsort(pairs, kind="stable")
    pairs, passes = pairs[order], passes[order]
    starts = np.flatnonzero(np.append(True, pairs[1:] != pairs[:-1]))
    return pairs[starts], np.minimum.reduceat(passes, starts)


def internal_drains(elevation: AnyFloats, filled: AnyFloats, *, under: Bools) -> Bools:
    """The lowest cells of each depression that has its lowest cell under a mask, such as a mine's pit.

    Parameters
    ----------
    elevation, filled : float ndarray, shape (rows, cols)
        A DEM, and the same by `fill_depressions`.
    under : bool ndarray
        Where a depression is real and drains inside.

    Returns
    -------
    bool ndarray
        Give it to `fill_depressions` and `route` as ``drains``: small pits on a bench of a large
        one still fill and run to its bottom.

    Notes
    -----
    About 20 bytes per cell.
    """
    from scipy import ndimage

    sunk = np.nan_to_num(filled) > np.nan_to_num(elevation)
    label, count = ndimage.label(sunk, np.ones((3, 3)))
    lowest = np.full(count + 1, np.inf)
    np.minimum.at(lowest, label[sunk], elevation[sunk])
    drains: Bools = sunk & under & (elevation == lowest[label])
    return drains

"""Directions across flats as InVEST 3.20 (pygeoprocessing) finds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..arrays import AnyInts, Bools, Ints
from ..progress import Progress, Throttled
from .flat_search import FlatCells, chosen_search
from .lattice import NO_DIRECTION, Lattice, not_filled, parts_of
from .ways import Terrain, Ways

INVEST_BLOCK = 256  # rows and columns of the blocks in which pygeoprocessing looks for flats

_FLAT_CELLS = 1 << 15  # of flats turned to Python's lists at once


@dataclass
class _Flats:
    """All cells of all flats, numbered from 0.

    Parameters
    ----------
    node : int64 ndarray, shape (n,)
        Flat cells of the lattice.
    beside : int ndarray, shape (n, 8)
        Neighbours of the same height, -1 where there is none.
    at_edge : bool ndarray, shape (n,)
        Touches the map's edge or a cell without a value.
    roots : int ndarray
        Cells without a direction in the order in which pygeoprocessing looks for flats.
    groups : int ndarray
        Where groups of some whole flats begin and end, once the cells of each flat stand in a row.
    """

    node: Ints
    beside: AnyInts
    at_edge: Bools
    roots: AnyInts
    groups: AnyInts


def route_flats_as_invest(terrain: Terrain, flat: Ints, ways: Ways, *, progress: Progress) -> None:
    """Directions on flats by the distance to their outlets, in the order in which InVEST finds them.

    Of equal ways the first found counts, and that order rests on the queues of pygeoprocessing: a
    search over the flat from its first cell, then one from its outlets in the order found, in which a
    cell is looked at again whenever its distance falls.

    Parameters
    ----------
    flat : int64 ndarray
        Flat cells without a lower neighbour.

    Raises
    ------
    InputError
        A depression that is not filled.
    """
    flats = _one_after_the_other(_all_cells(terrain, flat, progress), progress)
    node, beside = flats.node, flats.beside
    drained = ways.direction[node] != NO_DIRECTION
    distance, found = np.empty(node.size), np.empty(node.size, dtype=np.uint8)
    group_of_root = np.searchsorted(flats.groups, flats.roots, side="right") - 1
    by_group = np.argsort(group_of_root, kind="stable")
    sizes = np.bincount(group_of_root, minlength=len(flats.groups) - 1)
    roots = np.split(flats.roots[by_group], np.cumsum(sizes)[:-1])
    throttled = Throttled(progress)
    search = chosen_search(node.size, progress)
    for first, end, starts in zip(flats.groups[:-1].tolist(), flats.groups[1:].tolist(), roots):
        group = slice(first, end)
        local = np.where(beside[group] >= 0, beside[group] - first, -1)
        cells = FlatCells(starts - first, local, drained[group], flats.at_edge[group] & ~drained[group])
        distance[group], found[group], out = search(cells, _Reported(throttled, first, node.size))
        out = node[out + first]
        ways.leaves[out] = True
        ways.direction[out] = terrain.lattice.off_the_map(terrain.height, out)
    if not np.isfinite(distance[~drained]).all():
        raise not_filled(node[~drained & ~np.isfinite(distance)])
    inside = np.flatnonzero((distance > 0) & np.isfinite(distance))
    if ways.shares is None:
        ways.direction[node[inside]] = found[inside]
        return
    for part in parts_of(inside):
        nearer = (beside[part] >= 0) & (distance[beside[part]] < distance[part][:, None])
        ways.shares[node[part]] = np.where(nearer, terrain.slope_by, 0.0)


class _Reported:
    """Tells progress how many cells a search has looked at, each twice, after those of groups before it."""

    def __init__(self, throttled: Throttled, first: int, n_cells: int) -> None:
        self._throttled, self._first, self._n_cells = throttled, first, n_cells

    def __call__(self, done: int) -> None:
        self._throttled((self._first + done / 2) / self._n_cells)


def _all_cells(terrain: Terrain, flat: Ints, progress: Progress) -> _Flats:
    """All cells of one height that touch, drained or not, from those without a direction."""
    lattice, height = terrain.lattice, terrain.height
    member = np.zeros(lattice.size, dtype=bool)
    member[flat] = True
    new = flat
    while new.size:
        found = []
        for part in parts_of(new):
            progress.check()
            around = lattice.neighbours_of(part)
            more = np.unique(around[(height[around] == height[part][:, None]) & ~member[around]])
            member[more] = True
            found.append(more)
        new = np.concatenate(found)
    node = np.flatnonzero(member)
    name: AnyInts = np.full(lattice.size, -1, dtype=lattice.dtype)
    name[node] = np.arange(node.size)
    beside = np.empty((node.size, 8), dtype=lattice.dtype)
    at_edge = np.empty(node.size, dtype=bool)
    for part in parts_of(np.arange(node.size)):
        progress.check()
        around = lattice.neighbours_of(node[part])
        beside[part] = np.where(height[around] == height[node[part]][:, None], name[around], -1)
        at_edge[part] = np.isnan(height[around]).any(axis=1)
    progress.check()
    roots = name[in_order_of_blocks(flat, lattice)]
    return _Flats(node, beside, at_edge, roots, np.array([0, node.size]))


def in_order_of_blocks(cells: Ints, lattice: Lattice) -> Ints:
    """Flat cells in the order in which pygeoprocessing reads a map: block by block, row by row within."""
    rows, cols = np.divmod(cells, lattice.stride)
    rows, cols = rows - 1, cols - 1
    ordered: Ints = cells[np.lexsort((cols, rows, cols // INVEST_BLOCK, rows // INVEST_BLOCK))]
    return ordered


def _one_after_the_other(flats: _Flats, progress: Progress) -> _Flats:
    """The same with the cells of each flat in a row."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    node, beside = flats.node, flats.beside
    there = beside >= 0
    progress.check()
    links = csr_matrix(
        (np.ones(np.count_nonzero(there), dtype=np.int8), beside[there], np.append(0, np.cumsum(there.sum(axis=1)))),
        shape=(node.size, node.size),
    )
    progress.check()
    _, label = connected_components(links, directed=False)
    progress.check()
    order = np.argsort(label, kind="stable")
    progress.check()
    place = np.empty(node.size, dtype=beside.dtype)
    place[order] = np.arange(node.size)
    ends = np.cumsum(np.bincount(label))
    sorted_beside = np.empty_like(beside)
    for part in parts_of(np.arange(node.size)):
        progress.check()
        old = beside[order[part]]
        sorted_beside[part] = np.where(old >= 0, place[old], -1)
    last_of_group = np.append((ends[1:] // _FLAT_CELLS) != (ends[:-1] // _FLAT_CELLS), True)
    return _Flats(
        node[order], sorted_beside, flats.at_edge[order], place[flats.roots], np.append(0, ends[last_of_group])
    )

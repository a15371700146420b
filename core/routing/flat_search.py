"""The search over flats in the order of pygeoprocessing, in Python and compiled."""

from __future__ import annotations

import functools
import math
from collections import deque
from typing import Callable, NamedTuple

import numpy as np

from .. import accel
from ..arrays import AnyInts, Bools, Bytes, Floats, Ints
from ..progress import Progress
from .lattice import NO_DIRECTION, Lattice

_KERNEL_WORTH = 100_000  # flat cells
_SEARCH_AT_ONCE = 1 << 20
_QUEUE_SPARE = 1 << 10  # a cell may wait twice; the queue grows where that is not enough

_PHASE, _ROOT, _HEAD, _TAIL, _N_INSIDE, _N_EDGE, _N_OUT, _DONE = range(8)  # places in the loop's state
_GO_ON, _FINISHED, _QUEUE_FULL = range(3)


class FlatCells(NamedTuple):
    """The cells of some whole flats, numbered from 0.

    Attributes
    ----------
    roots : int64 ndarray
        Cells in the order in which pygeoprocessing looks for flats.
    beside : int ndarray, shape (n, 8)
        Neighbours in the same flat, -1 where there is none.
    drained : bool ndarray, shape (n,)
        Cells that have a direction already.
    at_edge : bool ndarray, shape (n,)
        Other cells that touch the map's edge.
    """

    roots: AnyInts
    beside: AnyInts
    drained: Bools
    at_edge: Bools


class FlatWays(NamedTuple):
    """What a search finds: distance to the outlet in cells, direction, and the cells that leave the map."""

    distance: Floats
    direction: Bytes
    out: Ints


class _Work(NamedTuple):
    """Lengths of steps, cells seen, outlets inside and at the edge, and the queue."""

    length: Floats
    seen: Bools
    inside: Ints
    edge: Ints
    queue: Ints


Search = Callable[[FlatCells, Callable[[int], None]], FlatWays]


def chosen_search(n_cells: int, progress: Progress) -> Search:
    """The search to use for so many flat cells: compiled where that pays."""
    loop = accel.kernel(_search_loop, _search_agrees, work=n_cells, worth=_KERNEL_WORTH, progress=progress)
    return search_flats if loop is None else functools.partial(search_compiled, loop)


def search_flats(flats: FlatCells, report: Callable[[int], None]) -> FlatWays:
    """Distances and directions by two searches: over the flat from its first cell, then from its outlets.

    Parameters
    ----------
    report : callable
        Takes the number of cells looked at, up to twice their number.
    """
    roots, beside, drained, at_edge = (part.tolist() for part in flats)
    count = len(beside)
    seen, distance, direction = [False] * count, [math.inf] * count, [NO_DIRECTION] * count
    out: list[int] = []
    length, back = (1.0, math.sqrt(2)) * 4, (4, 5, 6, 7, 0, 1, 2, 3)
    done = 0
    for root in roots:
        if seen[root]:
            continue
        seen[root] = True
        queue, inside, edge = deque([root]), [], []
        while queue:
            cell = queue.popleft()
            done += 1
            if not done & 1023:
                report(done)
            for other in beside[cell]:
                if other >= 0 and not seen[other]:
                    seen[other] = True
                    queue.append(other)
            if drained[cell]:
                inside.append(cell)
            elif at_edge[cell]:
                edge.append(cell)
        if not inside:
            out += edge
            inside = edge
        for cell in inside:
            distance[cell] = 0.0
        queue = deque(inside)
        while queue:
            cell = queue.popleft()
            done += 1
            if not done & 1023:
                report(done)
            here = distance[cell]
            for k, other in enumerate(beside[cell]):
                if other >= 0 and distance[other] > here + length[k]:
                    distance[other] = here + length[k]
                    direction[other] = back[k]
                    queue.append(other)
    return FlatWays(np.array(distance), np.array(direction, dtype=np.uint8), np.array(out, dtype=np.int64))


def search_compiled(loop: accel.Loop, flats: FlatCells, report: Callable[[int], None]) -> FlatWays:
    """`search_flats` by the compiled `_search_loop`."""
    count = len(flats.beside)
    flats = FlatCells(
        np.asarray(flats.roots, dtype=np.int64),
        np.ascontiguousarray(flats.beside, dtype=np.int64),
        flats.drained,
        flats.at_edge,
    )
    found = FlatWays(
        np.full(count, np.inf), np.full(count, NO_DIRECTION, dtype=np.uint8), np.empty(count, dtype=np.int64)
    )
    inside, edge = (np.empty(count, dtype=np.int64) for _ in range(2))
    queue, state = np.empty(count + _QUEUE_SPARE, dtype=np.int64), np.zeros(8, dtype=np.int64)
    work = _Work(np.array((1.0, math.sqrt(2)) * 4), np.zeros(count, dtype=bool), inside, edge, queue)
    while True:
        answer = loop(flats, found, work, state, _SEARCH_AT_ONCE)
        report(min(int(state[_DONE]), 2 * count))
        if answer == _FINISHED:
            return found._replace(out=found.out[: state[_N_OUT]])
        if answer == _QUEUE_FULL:
            head, tail = state[_HEAD], state[_TAIL]
            waiting = work.queue[np.arange(head, tail) % work.queue.size]
            work = work._replace(queue=np.empty(2 * work.queue.size + 8, dtype=np.int64))
            work.queue[: waiting.size] = waiting
            state[_HEAD], state[_TAIL] = 0, waiting.size


def _search_loop(flats: FlatCells, found: FlatWays, work: _Work, state: Ints, budget: int) -> int:
    """As `search_flats`; returns when ``budget`` cells were looked at, to be called again."""
    roots, beside, drained, at_edge = flats
    distance, direction, out = found
    length, seen, inside, edge, queue = work
    phase, root, head, tail, n_inside, n_edge, n_out, done = state
    capacity = queue.size
    answer = 0
    while answer == 0 and budget > 0:
        if phase == 0:  # the next flat
            while root < roots.size and seen[roots[root]]:
                root += 1
            if root == roots.size:
                answer = 1
            else:
                seen[roots[root]] = True
                queue[0] = roots[root]
                head, tail, n_inside, n_edge, phase = 0, 1, 0, 0, 1
        elif phase == 1:  # its cells, each once
            while head < tail and budget > 0:
                cell = queue[head]
                head += 1
                budget -= 1
                done += 1
                for k in range(8):
                    other = beside[cell, k]
                    if other >= 0 and not seen[other]:
                        seen[other] = True
                        queue[tail] = other
                        tail += 1
                if drained[cell]:
                    inside[n_inside] = cell
                    n_inside += 1
                elif at_edge[cell]:
                    edge[n_edge] = cell
                    n_edge += 1
            if head == tail:
                if n_inside == 0:
                    for i in range(n_edge):
                        out[n_out] = inside[i] = edge[i]
                        n_out += 1
                    n_inside = n_edge
                for i in range(n_inside):
                    distance[inside[i]] = 0.0
                    queue[i] = inside[i]
                head, tail, phase = 0, n_inside, 2
        else:  # distances from its outlets; the queue goes round
            while head < tail and budget > 0 and tail - head + 8 <= capacity:
                cell = queue[head % capacity]
                head += 1
                budget -= 1
                done += 1
                here = distance[cell]
                for k in range(8):
                    other = beside[cell, k]
                    if other >= 0 and distance[other] > here + length[k]:
                        distance[other] = here + length[k]
                        direction[other] = (k + 4) % 8
                        queue[tail % capacity] = other
                        tail += 1
            if head == tail:
                phase = 0
            elif tail - head + 8 > capacity:
                answer = 2
    state[:] = (phase, root, head, tail, n_inside, n_edge, n_out, done)
    return answer


def _search_agrees(loop: accel.Loop) -> bool:
    """Flats of a small map, one of them at its edge, some drained within."""
    rows, cols = 17, 23
    lattice = Lattice((rows, cols))
    row, col = np.mgrid[:rows, :cols]
    member = lattice.flat((row * 7 + col * 3) % 11 < 8, False) & ~lattice.flat(row == 8, False)
    node = np.flatnonzero(member)
    name = np.full(lattice.size, -1)
    name[node] = np.arange(node.size)
    case = FlatCells(
        np.arange(node.size),
        name[lattice.neighbours_of(node)],
        lattice.flat((row > 8) & (col * row % 13 == 5), False)[node],
        lattice.flat((row == 0) & (col % 5 == 1), False)[node],
    )
    expected, found = search_flats(case, _ignored), search_compiled(loop, case, _ignored)
    return (
        np.array_equal(expected.distance, found.distance)
        and np.array_equal(expected.direction, found.direction)
        and np.array_equal(expected.out, found.out)
    )


def _ignored(done: int) -> None:
    """How much of a check is done, which nobody waits for."""

"""Directions across flats as InVEST 3.20 (pygeoprocessing) finds them."""

import functools
import math
from collections import deque

import numpy as np

from .. import accel
from .lattice import NO_DIRECTION, Beat, Lattice, lattice_parts, neighbours_of, not_filled, off_the_map

INVEST_BLOCK = 256  # rows and columns of the blocks in which pygeoprocessing looks for flats

_FLAT_CELLS = 1 << 15  # of flats turned to Python's lists at once


def route_flats_as_invest(lattice, height, bed, flat, slope_by, direction, shares, leaves, progress):
    """Directions on flats by the distance to their outlets, in the order in which InVEST finds them.

    Of equal ways the first found counts, and that order rests on the queues of pygeoprocessing: a
    search over the flat from its first cell, then one from its outlets in the order found, in which a
    cell is looked at again whenever its distance falls.
    """
    member = np.zeros(lattice.size, dtype=bool)
    member[flat] = True
    new = flat
    while new.size:  # a flat is all cells of one height that touch, drained or not
        found = []
        for part in lattice_parts(new):
            progress.check()
            around = neighbours_of(lattice, part)
            more = np.unique(around[(height[around] == height[part][:, None]) & ~member[around]])
            member[more] = True
            found.append(more)
        new = np.concatenate(found)
    node = np.flatnonzero(member)
    name = np.full(lattice.size, -1, dtype=lattice.dtype)
    name[node] = np.arange(node.size)
    beside = np.empty((node.size, 8), dtype=lattice.dtype)
    at_edge = np.empty(node.size, dtype=bool)
    for part in lattice_parts(np.arange(node.size)):
        progress.check()
        around = neighbours_of(lattice, node[part])
        beside[part] = np.where(height[around] == height[node[part]][:, None], name[around], -1)
        at_edge[part] = np.isnan(height[around]).any(axis=1)
    progress.check()
    rows, cols = np.divmod(flat, lattice.stride)
    rows, cols = rows - 1, cols - 1
    roots = name[flat[np.lexsort((cols, rows, cols // INVEST_BLOCK, rows // INVEST_BLOCK))]]
    node, beside, at_edge, roots, groups = _by_flat(node, beside, at_edge, roots, progress)
    drained = direction[node] != NO_DIRECTION
    distance, found = np.empty(node.size), np.empty(node.size, dtype=np.uint8)
    group_of_root = np.searchsorted(groups, roots, side="right") - 1
    by_group = np.argsort(group_of_root, kind="stable")
    roots = np.split(roots[by_group], np.cumsum(np.bincount(group_of_root, minlength=len(groups) - 1))[:-1])
    beat = Beat(progress, node.size)
    search = accel.kernel(_search_loop, _search_agrees, work=node.size, worth=_KERNEL_WORTH, progress=progress)
    search = _search_flats if search is None else functools.partial(_search_compiled, search)
    for first, end, starts in zip(groups[:-1].tolist(), groups[1:].tolist(), roots):
        group = slice(first, end)
        local = np.where(beside[group] >= 0, beside[group] - first, -1)
        distance[group], found[group], out = search(
            starts - first,
            local,
            drained[group],
            at_edge[group] & ~drained[group],
            lambda done, first=first: beat(first + done / 2),
        )
        out = node[np.array(out, dtype=np.int64) + first]
        leaves[out] = True
        direction[out] = off_the_map(lattice, height, out)
    if not np.isfinite(distance[~drained]).all():
        raise not_filled(node[~drained & ~np.isfinite(distance)])
    inside = np.flatnonzero((distance > 0) & np.isfinite(distance))
    if shares is None:
        direction[node[inside]] = found[inside]
        return
    for part in lattice_parts(inside):
        nearer = (beside[part] >= 0) & (distance[beside[part]] < distance[part][:, None])
        shares[node[part]] = np.where(nearer, slope_by, 0.0)


def _by_flat(node, beside, at_edge, roots, progress):
    """The same with the cells of each flat in a row, and where groups of some whole flats begin and end."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

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
    for part in lattice_parts(np.arange(node.size)):
        progress.check()
        old = beside[order[part]]
        sorted_beside[part] = np.where(old >= 0, place[old], -1)
    last_of_group = np.append((ends[1:] // _FLAT_CELLS) != (ends[:-1] // _FLAT_CELLS), True)
    return node[order], sorted_beside, at_edge[order], place[roots], np.append(0, ends[last_of_group])


def _search_flats(roots, beside, drained, at_edge, beat):
    """Distance to the outlet in cells, direction, and the cells that leave the map; arrays, worked on as lists."""
    roots, beside, drained, at_edge = (part.tolist() for part in (roots, beside, drained, at_edge))
    count = len(beside)
    seen, distance, direction, out = [False] * count, [math.inf] * count, [NO_DIRECTION] * count, []
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
                beat(done)
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
                beat(done)
            here = distance[cell]
            for k, other in enumerate(beside[cell]):
                if other >= 0 and distance[other] > here + length[k]:
                    distance[other] = here + length[k]
                    direction[other] = back[k]
                    queue.append(other)
    return distance, direction, out


def _search_compiled(search, roots, beside, drained, at_edge, beat):
    """`_search_flats` by the compiled `_search_loop`."""
    count = len(beside)
    distance, direction = np.full(count, np.inf), np.full(count, NO_DIRECTION, dtype=np.uint8)
    seen, out, inside, edge = np.zeros(count, dtype=bool), *(np.empty(count, dtype=np.int64) for _ in range(3))
    queue, state = np.empty(count + _QUEUE_SPARE, dtype=np.int64), np.zeros(8, dtype=np.int64)
    length = np.array((1.0, math.sqrt(2)) * 4)
    beside = np.ascontiguousarray(beside, dtype=np.int64)
    while True:
        answer = search(
            np.asarray(roots, dtype=np.int64),
            beside,
            drained,
            at_edge,
            length,
            seen,
            distance,
            direction,
            out,
            inside,
            edge,
            queue,
            state,
            _SEARCH_AT_ONCE,
        )
        beat(min(int(state[_DONE]), 2 * count))
        if answer == _FINISHED:
            return distance, direction, out[: state[_N_OUT]]
        if answer == _QUEUE_FULL:
            head, tail = state[_HEAD], state[_TAIL]
            waiting = queue[np.arange(head, tail) % queue.size]
            queue = np.empty(2 * queue.size + 8, dtype=np.int64)
            queue[: waiting.size] = waiting
            state[_HEAD], state[_TAIL] = 0, waiting.size


_PHASE, _ROOT, _HEAD, _TAIL, _N_INSIDE, _N_EDGE, _N_OUT, _DONE = range(8)  # places in the loop's state

_GO_ON, _FINISHED, _QUEUE_FULL = range(3)

_SEARCH_AT_ONCE = 1 << 20

_QUEUE_SPARE = 1 << 10  # a cell may wait twice; the queue grows where that is not enough

_KERNEL_WORTH = 100_000  # flat cells


def _search_loop(
    roots, beside, drained, at_edge, length, seen, distance, direction, out, inside, edge, queue, state, budget
):
    """As `_search_flats`; returns when ``budget`` cells were looked at, to be called again."""
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


def _search_agrees(search):
    """Flats of a small map, one of them at its edge, some drained within."""
    rows, cols = 17, 23
    lattice = Lattice((rows, cols))
    row, col = np.mgrid[:rows, :cols]
    member = lattice.flat((row * 7 + col * 3) % 11 < 8, False) & ~lattice.flat(row == 8, False)
    node = np.flatnonzero(member)
    name = np.full(lattice.size, -1)
    name[node] = np.arange(node.size)
    case = (
        np.arange(node.size),
        name[neighbours_of(lattice, node)],
        lattice.flat((row > 8) & (col * row % 13 == 5), False)[node],
        lattice.flat((row == 0) & (col % 5 == 1), False)[node],
        lambda done: None,
    )
    return all(np.array_equal(one, other) for one, other in zip(_search_flats(*case), _search_compiled(search, *case)))

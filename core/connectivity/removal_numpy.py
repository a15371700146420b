"""The repair of shortest-path trees (``removal``) in numpy alone: blocks of sources, all their removals at once.

In a graph of hops most pairs have many shortest paths and lose nothing. There a node's parent is not the node
before it on one path, but the nearest that all its shortest paths pass: v is passed by all from s to j if
paths(s, v) paths(v, j) = paths(s, j). Numbers of paths are kept modulo a prime: what is passed by all is never
missed, and a pair that is taken for one by chance is repaired and found to lose nothing.
"""

import numpy as np

from ..progress import SILENT

_TRIPLES = 1 << 21  # (source, node, removed) held at once
_EDGES = 1 << 20  # (source, link) held at once
_ROWS = 64  # rows of distances in one numpy step
_PRIME = float(2**31 - 1)
_DENSE = 0.05  # share of linked pairs from which a full matrix multiplies faster


def repair(_, graph, weight, strength, links, longest, enough, received, loss, progress):
    """As the compiled engine; memory: 8 bytes per pair of nodes, 12 for hops, and what a block of sources needs."""
    n, many = graph.n, max(1, graph.neighbour.size)
    hops = strength.decay < 0 and not links
    paths = None
    if hops:
        distance, paths = _counted(graph, progress.part(0, 0.3))
        width = max(1, min(n, _TRIPLES // n, _TRIPLES // many))
    else:
        distance = shortest(graph, progress.part(0, 0.3))
        distance[distance > longest] = np.inf
        width = max(1, min(n, _EDGES // many))
    part = progress.part(0.3, 1)
    first = 0
    while first < n:
        dist = distance[first : first + width]
        trees = _passed_by_all(graph, dist, first, paths, part) if hops else _trees(graph, dist, first, part)
        deepest = _repair_block(graph, dist, first, trees, weight, strength, links, enough, received, loss, part)
        first += dist.shape[0]
        width = max(1, min(width, _TRIPLES // max(1, deepest // dist.shape[0])))
        part(first / n)


def shortest(graph, progress=SILENT):
    """Shortest distances, shape (n, n): rows are sources."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    n = graph.n
    matrix = csr_matrix((graph.length, graph.neighbour, graph.start), (n, n))
    distance = np.empty((n, n))
    width = max(1, _EDGES // max(n, graph.neighbour.size))
    for first in range(0, n, width):
        progress(first / n)
        rows = np.arange(first, min(first + width, n))
        distance[rows] = dijkstra(matrix, indices=rows)
    return distance


def _counted(graph, progress):
    """Steps between all nodes, float64, and the numbers of shortest paths, uint32: modulo the prime, 1 to it."""
    from scipy.sparse import csr_matrix

    n = graph.n
    matrix = csr_matrix((np.ones(graph.neighbour.size), graph.neighbour, graph.start), (n, n))
    if matrix.nnz > _DENSE * n * n:
        matrix = matrix.toarray()
    steps, paths = np.full((n, n), np.inf), np.zeros((n, n), dtype=np.uint32)
    for first in range(0, n, _ROWS):
        progress(first / n)
        sources = np.arange(first, min(first + _ROWS, n))
        front, far = np.zeros((n, sources.size)), np.full((n, sources.size), np.inf)
        found = front.copy()
        front[sources, sources - first] = 1.0
        level = 0
        while True:
            new = np.nonzero(front)
            if not new[0].size:
                break
            progress.check()
            front[new] = (front[new] - 1) % _PRIME + 1
            far[new], found[new] = level, front[new]
            front = matrix @ front  # sums of n numbers below 2^31: exact in float64
            front[far < np.inf] = 0.0
            level += 1
        steps[sources], paths[sources] = far.T, found.T
    return steps, paths


def _trees(graph, dist, first, progress):
    """Trees of shortest paths, as arrays of pairs ``row * n + node``: level, pair above, link to it.

    Made level by level along the links that delay nothing, so that zero lengths make no ring.
    """
    n, rows = graph.n, dist.shape[0]
    ends = np.repeat(np.arange(n), np.diff(graph.start))
    with np.errstate(invalid="ignore"):
        pair_rows, links_at = np.nonzero(dist[:, graph.neighbour] + graph.length == dist[:, ends])
    reached = np.isfinite(dist[pair_rows, ends[links_at]])
    pair_rows, links_at = pair_rows[reached], links_at[reached]
    lower, upper = pair_rows * n + ends[links_at], pair_rows * n + graph.neighbour[links_at]
    level, parent, by = (np.full(rows * n, -1) for _ in range(3))
    level[np.arange(rows) * n + first + np.arange(rows)] = 0
    depth = 0
    while lower.size:
        progress.check()
        reached = np.flatnonzero((level[upper] == depth) & (level[lower] < 0))
        if not reached.size:
            break
        parent[lower[reached]] = reached
        own = np.unique(lower[reached])
        pick = parent[own]
        depth += 1
        level[own], parent[own], by[own] = depth, upper[pick], graph.link[links_at[pick]]
        left = level[lower] < 0
        lower, upper, links_at = lower[left], upper[left], links_at[left]
    return level, parent, by


def _passed_by_all(graph, dist, first, paths, progress):
    """As :func:`_trees`; the pair above is the nearest node that all shortest paths pass."""
    n, rows = graph.n, dist.shape[0]
    step = dist.ravel()
    source = np.arange(rows) * n + first + np.arange(rows)
    parent = np.where(np.isfinite(step), np.repeat(source, n), -1)
    parent[source] = -1
    # one shortest path: any neighbour that is a step nearer
    far = np.flatnonzero((step > 1) & (parent >= 0))
    pair, at = far, graph.start[far % n]
    while pair.size:
        progress.check()
        other = pair - pair % n + graph.neighbour[at]
        parent[pair] = other
        left = step[other] != step[pair] - 1
        pair, at = pair[left], at[left] + 1
    # up that path to the first node that is passed by all
    above, prime = parent.copy(), np.uint64(_PRIME)
    pair = far
    while pair.size:
        progress.check()
        row, via, end = first + pair // n, above[pair] % n, pair % n
        through = paths[row, via].astype(np.uint64) * paths[via, end].astype(np.uint64)
        left = (through % prime != paths[row, end] % prime) & (via != row)
        pair = pair[left]
        above[pair] = parent[above[pair]]
    level = np.where(parent < 0, 0, 1)
    level[source] = 0
    up = np.where(above < 0, np.arange(rows * n), above)
    while True:  # each turn doubles how far up is counted
        more = level + level[up]
        if np.array_equal(more, level):
            break
        level, up = more, up[up]
    level[np.isinf(step)] = -1
    return level, above, None


def _repair_block(graph, dist, first, trees, weight, strength, links, enough, received, loss, progress):
    """The sources from ``first`` on, all nodes and all removals at once; the number of triples there were.

    A pair (source, node) is numbered ``row * n + node``; a triple is a pair and one node above it in the
    source's tree. The triples of a pair follow each other from the source downwards.
    """
    n, rows = graph.n, dist.shape[0]
    worth = strength(dist)
    received[first : first + rows] += worth @ weight
    level, parent, by = trees
    depth = int(level.max())
    # what the pairs below each node are worth that the source has to look at, from the bottom up
    source, end = np.divmod(np.arange(rows * n), n)
    source += first
    value = np.where(end > source, 2 * weight[source] * weight[end] * worth.ravel(), 0.0)
    mass, at = value.copy(), np.argsort(level, kind="stable")
    bounds = np.searchsorted(level[at], np.arange(depth + 2))
    for k in range(depth, 0, -1):
        here = at[bounds[k] : bounds[k + 1]]
        mass += np.bincount(parent[here], weights=mass[here], minlength=mass.size)
    wanted = (mass if links else mass - value) > enough
    if not wanted.any():
        return 0
    count = np.maximum(level - (0 if links else 1), 0)
    offset = np.concatenate(([0], np.cumsum(count)))
    node, removed = np.empty(offset[-1], dtype=np.int64), np.empty(offset[-1], dtype=np.int64)
    if not node.size:
        return 0
    pair = np.flatnonzero(count)
    above = pair if links else parent[pair]
    while pair.size:
        at = offset[pair] + level[above] - 1
        node[at], removed[at] = pair, above
        above = parent[above]
        going = level[above] > 0
        pair, above = pair[going], above[going]
    # links into the nodes that can be late, those that delay least first
    late = np.zeros(rows * n, dtype=bool)
    late[node[wanted[removed]]] = True
    late = np.flatnonzero(late)
    many = np.diff(graph.start)[late % n]
    start, stop = np.zeros(rows * n, dtype=np.int64), np.zeros(rows * n, dtype=np.int64)
    stop[late] = np.cumsum(many)
    start[late] = stop[late] - many
    into = np.repeat(late, many)
    at = np.arange(into.size) + np.repeat(graph.start[late % n] - start[late], many)
    upper = into - into % n + graph.neighbour[at]
    extra = dist.ravel()[upper] + graph.length[at] - dist.ravel()[into]
    order = np.lexsort((extra, into))
    extra, into, over = extra[order], upper[order], graph.link[at[order]]
    delay = np.full(node.size, np.inf)
    cut = by[removed] if links else removed

    def pull(active):
        """Least delay of these triples by any neighbour, as its own delay now stands."""
        best = delay[active]
        at, end = start[node[active]], stop[node[active]]
        going = np.arange(active.size)
        while True:
            going = going[at[going] < end[going]]
            x = extra[at[going]]
            near = x < best[going]
            going, x = going[near], x[near]
            if not going.size:
                return best
            progress.check()
            triple, other = active[going], into[at[going]]
            v = removed[triple]
            rank = level[v]
            index = np.minimum(offset[other] + rank - 1, node.size - 1)
            below = (count[other] >= rank) & (removed[index] == v)
            key = np.where(below, delay[index], 0.0) + x
            if links:
                key[(over[at[going]] == cut[triple]) & (node[triple] == v)] = np.inf
            else:
                key[other == v] = np.inf
            best[going] = np.minimum(best[going], key)
            at[going] += 1

    # level by level down the trees, up, and down again, until nothing changes below a removed node
    at = np.flatnonzero(wanted[removed])
    at = at[np.argsort(level[node[at]], kind="stable")]
    bounds = np.searchsorted(level[node[at]], np.arange(depth + 2))
    stale, turn = wanted, 0
    while stale.any():
        changed = np.zeros(rows * n, dtype=bool)
        for k in range(depth + 1)[:: -1 if turn % 2 else 1]:
            active = at[bounds[k] : bounds[k + 1]]
            active = active[stale[removed[active]] & (delay[active] > 0)]
            if active.size:
                best = pull(active)
                better = best < delay[active]
                delay[active] = best
                changed[removed[active[better]]] = True
        stale, turn = changed, turn + 1
    counted = wanted[removed] & (value[node] > 0)
    node, removed, delay, cut = node[counted], removed[counted], delay[counted], cut[counted]
    if strength.decay < 0:
        lost = value[node] * (1 - strength(dist.ravel()[node] + delay) / worth.ravel()[node])
    else:
        lost = value[node] * -np.expm1(-strength.decay * delay)
    loss += np.bincount(cut if links else removed % n, weights=lost, minlength=loss.size)
    return int(offset[-1])

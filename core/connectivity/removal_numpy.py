"""The repair of shortest-path trees (``removal``) in numpy alone: blocks of sources, all their removals at once.

In a graph of hops most pairs have many shortest paths and lose nothing. There a node's parent is not the node
before it on one path, but the nearest that all its shortest paths pass: v is passed by all from s to j if
paths(s, v) paths(v, j) = paths(s, j). Numbers of paths are kept modulo a prime: what is passed by all is never
missed, and a pair that is taken for one by chance is repaired and found to lose nothing.

A pair (source, node) is numbered ``row * n + node``; a triple is a pair and one node above it in the source's tree.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..progress import SILENT, Progress
from .graph import Graph, Strength

if TYPE_CHECKING:
    from ..arrays import AnyInts, Bools, Floats, Ints

_TRIPLES = 1 << 21  # (source, node, removed) held at once
_EDGES = 1 << 20  # (source, link) held at once
_ROWS = 64  # rows of distances in one numpy step
_PRIME = float(2**31 - 1)
_DENSE = 0.05  # share of linked pairs from which a full matrix multiplies faster


@dataclass(frozen=True)
class RemovalTask:
    """What is asked of the engines that repair trees.

    Attributes
    ----------
    graph : Graph
    weight : float64 ndarray, shape (n,)
    strength : Strength
    of_links : bool
        Links are removed instead of nodes.
    longest : float
        Pairs farther apart are left out.
    enough : float
        What all pairs of a source that pass a node are worth together, up to which they are not repaired.
    """

    graph: Graph
    weight: Floats
    strength: Strength
    of_links: bool
    longest: float = math.inf
    enough: float = 0.0


@dataclass(frozen=True)
class _Trees:
    """Trees of a block of sources, as arrays over pairs.

    ``level`` is 0 at the source and -1 where nothing leads; ``parent`` is the pair above, ``by`` the link to it
    (None where only nodes are removed).
    """

    level: Ints
    parent: Ints
    by: Ints | None


@dataclass(frozen=True)
class _Triples:
    """Pairs, each with every node above it; the triples of a pair follow each other from the source downwards.

    ``node`` and ``removed`` are pairs, one entry per triple; a pair has ``count`` triples from ``offset`` on.
    """

    node: Ints
    removed: Ints
    count: Ints
    offset: Ints


@dataclass(frozen=True)
class _Detours:
    """Links into pairs, those of a pair at ``start`` to ``stop``, sorted by what they make the way longer.

    ``extra`` is that length, ``into`` the pair at the other end, ``over`` the link.
    """

    start: Ints
    stop: Ints
    extra: Floats
    into: Ints
    over: Ints


@dataclass(frozen=True)
class _Block:
    """Some sources, their distances (rows are sources), strengths and trees."""

    first: int
    dist: Floats
    worth: Floats
    trees: _Trees


def repair_in_numpy(task: RemovalTask, received: Floats, loss: Floats, progress: Progress) -> None:
    """As `removal_compiled.repair_compiled`; memory: 8 bytes per pair of nodes, 12 for hops, and a block of sources."""
    graph, n = task.graph, task.graph.n
    many = max(1, graph.neighbour.size)
    paths = None
    if task.strength.of_hops and not task.of_links:
        distance, paths = _counted(graph, progress.part(0, 0.3))
        width = max(1, min(n, _TRIPLES // n, _TRIPLES // many))
    else:
        distance = shortest(graph, progress.part(0, 0.3))
        distance[distance > task.longest] = np.inf
        width = max(1, min(n, _EDGES // many))
    part = progress.part(0.3, 1)
    first = 0
    while first < n:
        dist = distance[first : first + width]
        trees = (
            _path_trees(graph, dist, first, part)
            if paths is None
            else _dominator_trees(graph, dist, first, paths, part)
        )
        block = _Block(first, dist, task.strength(dist), trees)
        received[first : first + dist.shape[0]] += block.worth @ task.weight
        triples = _repair_block(task, block, loss, part)
        first += dist.shape[0]
        width = max(1, min(width, _TRIPLES // max(1, triples // dist.shape[0])))
        part(first / n)


def shortest(graph: Graph, progress: Progress = SILENT) -> Floats:
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


def _counted(graph: Graph, progress: Progress) -> tuple[Floats, AnyInts]:
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


def _path_trees(graph: Graph, dist: Floats, first: int, progress: Progress) -> _Trees:
    """Trees of shortest paths, level by level along the links that delay nothing, so that zero lengths make no ring."""
    n, rows = graph.n, dist.shape[0]
    ends = graph.ends
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
    return _Trees(level, parent, by)


def _dominator_trees(graph: Graph, dist: Floats, first: int, paths: AnyInts, progress: Progress) -> _Trees:
    """As :func:`_path_trees`; the pair above is the nearest node that all shortest paths pass."""
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
    return _Trees(level, above, None)


def _repair_block(task: RemovalTask, block: _Block, loss: Floats, progress: Progress) -> int:
    """Repair all pairs of the block's sources for all removals at once; the number of triples that there were."""
    value = _value_of_pairs(task, block)
    wanted = _worth_repairing(task, block.trees, value)
    if not wanted.any():
        return 0
    triples = _triples(block.trees, task.of_links)
    if not triples.node.size:
        return 0
    repair = _Repair(task, block, triples, wanted, progress)
    repair.settle(wanted)
    n = task.graph.n
    counted = wanted[triples.removed] & (value[triples.node] > 0)
    node, removed = triples.node[counted], triples.removed[counted]
    delay, cut = repair.delay[counted], repair.cut[counted]
    if task.strength.of_hops:
        lost = value[node] * (1 - task.strength(block.dist.ravel()[node] + delay) / block.worth.ravel()[node])
    else:
        lost = value[node] * -np.expm1(-task.strength.decay * delay)
    loss += np.bincount(cut if task.of_links else removed % n, weights=lost, minlength=loss.size)
    return int(triples.offset[-1])


def _value_of_pairs(task: RemovalTask, block: _Block) -> Floats:
    """What each pair adds to the sum over ordered pairs; 0 where its source is the one that does not look at it."""
    n, rows = task.graph.n, block.dist.shape[0]
    source, end = np.divmod(np.arange(rows * n), n)
    source += block.first
    weight = task.weight
    value: Floats = np.where(end > source, 2 * weight[source] * weight[end] * block.worth.ravel(), 0.0)
    return value


def _worth_repairing(task: RemovalTask, trees: _Trees, value: Floats) -> Bools:
    """The pairs below which enough is lost to be looked at, summed from the bottom of the trees up."""
    level, parent = trees.level, trees.parent
    depth = int(level.max())
    mass, at = value.copy(), np.argsort(level, kind="stable")
    bounds = np.searchsorted(level[at], np.arange(depth + 2))
    for k in range(depth, 0, -1):
        here = at[bounds[k] : bounds[k + 1]]
        mass += np.bincount(parent[here], weights=mass[here], minlength=mass.size)
    wanted: Bools = (mass if task.of_links else mass - value) > task.enough
    return wanted


def _triples(trees: _Trees, of_links: bool) -> _Triples:
    """Every pair with each node above it; with itself too where links are removed, with the source where not."""
    level, parent = trees.level, trees.parent
    count = np.maximum(level - (0 if of_links else 1), 0)
    offset = np.concatenate(([0], np.cumsum(count)))
    node, removed = np.empty(offset[-1], dtype=np.int64), np.empty(offset[-1], dtype=np.int64)
    pair = np.flatnonzero(count)
    above = pair if of_links else parent[pair]
    while pair.size:
        at = offset[pair] + level[above] - 1
        node[at], removed[at] = pair, above
        above = parent[above]
        going = level[above] > 0
        pair, above = pair[going], above[going]
    return _Triples(node, removed, count, offset)


def _sorted_detours(graph: Graph, dist: Floats, late: Ints) -> _Detours:
    """Links into the pairs that can be late, those that delay least first."""
    n = graph.n
    many = np.diff(graph.start)[late % n]
    start, stop = np.zeros(dist.size, dtype=np.int64), np.zeros(dist.size, dtype=np.int64)
    stop[late] = np.cumsum(many)
    start[late] = stop[late] - many
    into = np.repeat(late, many)
    at = np.arange(into.size) + np.repeat(graph.start[late % n] - start[late], many)
    upper = into - into % n + graph.neighbour[at]
    extra = dist.ravel()[upper] + graph.length[at] - dist.ravel()[into]
    order = np.lexsort((extra, into))
    return _Detours(start, stop, extra[order], upper[order], graph.link[at[order]])


class _Repair:
    """The delays of all triples of a block, pulled from their neighbours until none changes."""

    def __init__(self, task: RemovalTask, block: _Block, triples: _Triples, wanted: Bools, progress: Progress) -> None:
        self._of_links, self._level, self._triples = task.of_links, block.trees.level, triples
        self._progress = progress
        late = np.zeros(block.dist.size, dtype=bool)
        late[triples.node[wanted[triples.removed]]] = True
        self._detours = _sorted_detours(task.graph, block.dist, np.flatnonzero(late))
        by = block.trees.by
        self.delay: Floats = np.full(triples.node.size, np.inf)
        self.cut: Ints = triples.removed if by is None or not task.of_links else by[triples.removed]

    def settle(self, wanted: Bools) -> None:
        """Level by level down the trees, up, and down again, until nothing changes below a removed node."""
        level, node, removed = self._level, self._triples.node, self._triples.removed
        depth = int(level.max())
        at = np.flatnonzero(wanted[removed])
        at = at[np.argsort(level[node[at]], kind="stable")]
        bounds = np.searchsorted(level[node[at]], np.arange(depth + 2))
        stale, turn = wanted, 0
        while stale.any():
            changed = np.zeros(level.size, dtype=bool)
            for k in range(depth + 1)[:: -1 if turn % 2 else 1]:
                active = at[bounds[k] : bounds[k + 1]]
                active = active[stale[removed[active]] & (self.delay[active] > 0)]
                if active.size:
                    best = self._least_delays(active)
                    better = best < self.delay[active]
                    self.delay[active] = best
                    changed[removed[active[better]]] = True
            stale, turn = changed, turn + 1

    def _least_delays(self, active: Ints) -> Floats:
        """Least delay of these triples by any neighbour, as its own delay now stands."""
        node, removed, detours = self._triples.node, self._triples.removed, self._detours
        best = self.delay[active]
        at, end = detours.start[node[active]], detours.stop[node[active]]
        going = np.arange(active.size)
        while True:
            going = going[at[going] < end[going]]
            extra = detours.extra[at[going]]
            near = extra < best[going]
            going, extra = going[near], extra[near]
            if not going.size:
                return best
            self._progress.check()
            triple, other = active[going], detours.into[at[going]]
            v = removed[triple]
            delay = self._delay_without(other, v) + extra
            if self._of_links:
                delay[(detours.over[at[going]] == self.cut[triple]) & (node[triple] == v)] = np.inf
            else:
                delay[other == v] = np.inf
            best[going] = np.minimum(best[going], delay)
            at[going] += 1

    def _delay_without(self, pair: Ints, removed: Ints) -> Floats:
        """The delay of pairs, each without the removed one beside it; 0 where it does not lie below that."""
        triples, rank = self._triples, self._level[removed]
        index = np.minimum(triples.offset[pair] + rank - 1, triples.node.size - 1)
        below = (triples.count[pair] >= rank) & (triples.removed[index] == removed)
        delay: Floats = np.where(below, self.delay[index], 0.0)
        return delay

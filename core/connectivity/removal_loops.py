"""What numba compiles of the repair of shortest-path trees: plain loops over arrays.

For each source the tree of shortest paths is grown, its parents are lifted to dominators, and then each node (or
link) in turn is taken away and what lies below it repaired. The functions marked ``accel.compilable`` are compiled
together with :func:`repair_loop`; ``removal_compiled`` calls it in threads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .. import accel
from ..arrays import Floats, Ints
from .graph import Graph

_LONG = 64  # neighbours from which their detours are not sorted


class Neighbours(NamedTuple):
    """The arrays of a `Graph`."""

    start: Ints
    neighbour: Ints
    length: Floats
    link: Ints


class Question(NamedTuple):
    """What is asked; see `RemovalTask`."""

    weight: Floats
    decay: float
    of_links: bool
    longest: float
    enough: float


class Tree(NamedTuple):
    """The tree of one source; all arrays have shape (nodes,).

    ``dist`` from the source; ``parent`` node, and link ``by`` which it is reached (-1: by several); ``order`` of
    the nodes as they are settled, ``rank`` in it. ``place`` in ``at``, where what lies below a node follows it:
    ``size`` nodes with the node itself; ``free`` is the next place below a node that is not taken. ``worth`` is the
    strength of the distance, ``mass`` what the pairs of the source with all nodes below are worth, and ``delay`` how
    much later a node is reached without what is taken away.
    """

    dist: Floats
    parent: Ints
    by: Ints
    order: Ints
    rank: Ints
    place: Ints
    at: Ints
    size: Ints
    free: Ints
    worth: Floats
    mass: Floats
    delay: Floats


class Detours(NamedTuple):
    """For each entry of ``neighbour``, sorted: extra length of the way by it, the neighbour, and the link."""

    extra: Floats
    via: Ints
    over: Ints


class Heap(NamedTuple):
    """A binary heap of (distance, node) with stale entries."""

    keys: Floats
    nodes: Ints


class Work(NamedTuple):
    """Scratch arrays of one thread."""

    tree: Tree
    detours: Detours
    heap: Heap

    @classmethod
    def of(cls, graph: Graph) -> Work:
        """Scratch for a graph."""
        n, entries = graph.n, graph.neighbour.size + graph.n + 1

        def reals(size: int) -> Floats:
            return np.empty(size)

        def numbers(size: int) -> Ints:
            return np.empty(size, dtype=np.int64)

        tree = Tree(
            dist=reals(n),
            parent=numbers(n),
            by=numbers(n),
            order=numbers(n),
            rank=numbers(n),
            place=numbers(n),
            at=numbers(n),
            size=numbers(n),
            free=numbers(n),
            worth=reals(n),
            mass=reals(n),
            delay=reals(n),
        )
        return cls(
            tree,
            Detours(reals(entries), numbers(entries), numbers(entries)),
            Heap(reals(entries), numbers(entries)),
        )


class Turn(NamedTuple):
    """The sources of one call: every ``stride``-th from ``first`` to before ``last``."""

    first: int
    last: int
    stride: int


def repair_loop(graph: Neighbours, question: Question, work: Work, turn: Turn, received: Floats, loss: Floats) -> None:
    """Add to ``received`` and ``loss`` what the sources of a turn bring."""
    tree = work.tree
    hops = question.decay < 0
    for s in range(turn.first, turn.last, turn.stride):
        _clear(tree, s)
        if hops:
            settled = _grow_by_hops(graph, tree, s)
        else:
            settled = _grow_by_length(graph, tree, work.heap, question.longest, s)
        _lift_to_dominators(graph, tree, settled, s, hops)
        _sum_below(tree, question, settled, s)
        received[s] += _lay_out(tree, question.weight, settled, s)
        if question.weight[s] == 0.0:
            continue
        _sort_detours(graph, tree, work.detours)
        for i in range(1, settled):
            _take_away(graph, question, work, s, tree.order[i], loss)


@accel.compilable
def _clear(tree: Tree, s: int) -> None:
    """An empty tree of source s."""
    n = tree.dist.size
    for i in range(n):
        tree.dist[i] = np.inf
        tree.place[i] = -1
        tree.size[i] = 0
        tree.rank[i] = n
    tree.dist[s] = 0.0
    tree.parent[s] = -1
    tree.by[s] = -1


@accel.compilable
def _grow_by_hops(graph: Neighbours, tree: Tree, s: int) -> int:
    """The tree where every link is one step, level by level; the number of nodes in it."""
    tree.order[0] = s
    settled = 1
    done = 0
    while done < settled < tree.dist.size:
        u = tree.order[done]
        done += 1
        for e in range(graph.start[u], graph.start[u + 1]):
            w = graph.neighbour[e]
            if tree.dist[w] == np.inf:
                tree.dist[w] = tree.dist[u] + 1.0
                tree.parent[w] = u
                tree.by[w] = graph.link[e]
                tree.order[settled] = w
                settled += 1
    return settled


@accel.compilable
def _grow_by_length(graph: Neighbours, tree: Tree, heap: Heap, longest: float, s: int) -> int:
    """The tree by Dijkstra's method up to a distance; the number of nodes in it."""
    heap.keys[0] = 0.0
    heap.nodes[0] = s
    filled = 1
    settled = 0
    while filled:
        d = heap.keys[0]
        u = heap.nodes[0]
        filled -= 1
        _sink(heap, filled)
        if tree.place[u] >= 0 or d > longest:
            continue
        tree.place[u] = 0
        tree.order[settled] = u
        settled += 1
        for e in range(graph.start[u], graph.start[u + 1]):
            w = graph.neighbour[e]
            key = d + graph.length[e]
            if key < tree.dist[w] and key <= longest:
                tree.dist[w] = key
                tree.parent[w] = u
                tree.by[w] = graph.link[e]
                _rise(heap, filled, key, w)
                filled += 1
    return settled


@accel.compilable
def _sink(heap: Heap, filled: int) -> None:
    """Fill the hole at the top with the entry at ``filled``."""
    key = heap.keys[filled]
    node = heap.nodes[filled]
    hole = 0
    while True:
        child = 2 * hole + 1
        if child >= filled:
            break
        if child + 1 < filled and heap.keys[child + 1] < heap.keys[child]:
            child += 1
        if heap.keys[child] >= key:
            break
        heap.keys[hole] = heap.keys[child]
        heap.nodes[hole] = heap.nodes[child]
        hole = child
    heap.keys[hole] = key
    heap.nodes[hole] = node


@accel.compilable
def _rise(heap: Heap, hole: int, key: float, node: int) -> None:
    """Put an entry in at the end and move it up to its place."""
    while hole > 0 and heap.keys[(hole - 1) // 2] > key:
        heap.keys[hole] = heap.keys[(hole - 1) // 2]
        heap.nodes[hole] = heap.nodes[(hole - 1) // 2]
        hole = (hole - 1) // 2
    heap.keys[hole] = key
    heap.nodes[hole] = node


@accel.compilable
def _lift_to_dominators(graph: Neighbours, tree: Tree, settled: int, s: int, hops: bool) -> None:
    """From paths to what all shortest paths pass: the nearest node, and the link if there is but one."""
    for i in range(settled):
        tree.rank[tree.order[i]] = i
    for i in range(1, settled):
        j = tree.order[i]
        if hops and tree.dist[j] == 1.0:
            continue
        above = -1
        for e in range(graph.start[j], graph.start[j + 1]):
            if graph.length[e] > tree.dist[j] or above == s:
                break
            u = graph.neighbour[e]
            if tree.rank[u] < i and tree.dist[u] + graph.length[e] == tree.dist[j]:
                if above < 0:
                    above = u
                    tree.by[j] = graph.link[e]
                else:
                    tree.by[j] = -1
                    while above != u:
                        if tree.rank[above] > tree.rank[u]:
                            above = tree.parent[above]
                        else:
                            u = tree.parent[u]
        tree.parent[j] = above


@accel.compilable
def _sum_below(tree: Tree, question: Question, settled: int, s: int) -> None:
    """What lies below each node: how many, and what the pairs with s are worth that s has to look at."""
    decay = question.decay
    for i in range(settled):
        u = tree.order[i]
        tree.worth[u] = 1.0 / (1.0 + tree.dist[u]) if decay < 0 else np.exp(-decay * tree.dist[u])
        tree.mass[u] = question.weight[u] * tree.worth[u] if u > s else 0.0
    for i in range(settled - 1, 0, -1):
        u = tree.order[i]
        tree.size[u] += 1
        tree.size[tree.parent[u]] += tree.size[u]
        tree.mass[tree.parent[u]] += tree.mass[u]
    tree.size[s] += 1


@accel.compilable
def _lay_out(tree: Tree, weight: Floats, settled: int, s: int) -> float:
    """Give nodes places such that what lies below a node follows it; the sum of weight x strength over all."""
    tree.place[s] = 0
    tree.free[s] = 1
    tree.at[0] = s
    total: float = 0.0
    for i in range(settled):
        u = tree.order[i]
        if u != s:
            tree.place[u] = tree.free[tree.parent[u]]
            tree.free[tree.parent[u]] += tree.size[u]
            tree.free[u] = tree.place[u] + 1
            tree.at[tree.place[u]] = u
        total += weight[u] * tree.worth[u]
    return total


@accel.compilable
def _sort_detours(graph: Neighbours, tree: Tree, detours: Detours) -> None:
    """How much longer each link makes the way to its end than the shortest, the least first."""
    for j in range(tree.dist.size):
        tree.delay[j] = 0.0
        if tree.size[j] == 0 or graph.start[j + 1] - graph.start[j] > _LONG:
            continue
        for e in range(graph.start[j], graph.start[j + 1]):
            u = graph.neighbour[e]
            key = tree.dist[u] + graph.length[e] - tree.dist[j]
            hole = e
            while hole > graph.start[j] and detours.extra[hole - 1] > key:
                detours.extra[hole] = detours.extra[hole - 1]
                detours.via[hole] = detours.via[hole - 1]
                detours.over[hole] = detours.over[hole - 1]
                hole -= 1
            detours.extra[hole] = key
            detours.via[hole] = u
            detours.over[hole] = graph.link[e]


@accel.compilable
def _take_away(graph: Neighbours, question: Question, work: Work, s: int, v: int, loss: Floats) -> None:
    """Add to ``loss`` what source s loses without node v, or without the link into it."""
    tree = work.tree
    links = question.of_links
    low = tree.place[v] if links else tree.place[v] + 1
    high = tree.place[v] + tree.size[v]
    held = tree.mass[v]
    if not links and v > s:
        held -= question.weight[v] * tree.worth[v]
    if low == high or 2.0 * question.weight[s] * held <= question.enough or (links and tree.by[v] < 0):
        return
    for q in range(tree.place[v], high):
        tree.delay[tree.at[q]] = np.inf
    cut = tree.by[v] if links else -1
    down = True
    while True:  # delays are pulled from all neighbours, down the tree and up, until none changes
        changed = _sweep(graph, work, question.decay < 0, (low, high, down), v, cut)
        if not changed or high - low == 1:
            break
        down = not down
    lost = _sum_lost(tree, question, low, high, s)
    loss[cut if links else v] += 2.0 * question.weight[s] * lost
    for q in range(tree.place[v], high):
        tree.delay[tree.at[q]] = 0.0


@accel.compilable
def _sweep(graph: Neighbours, work: Work, hops: bool, span: tuple[int, int, bool], v: int, cut: int) -> bool:
    """Lower the delays of the nodes at the places low to high, downwards or upwards; whether any changed."""
    tree = work.tree
    low, high, down = span
    least = 1.0 if hops else 0.0  # delay of what is late
    changed = False
    q = low if down else high - 1
    while low <= q < high:
        j = tree.at[q]
        before = tree.delay[j]
        if before > least:
            best = _least_delay(graph, work, j, v, cut, least)
            if best < before:
                tree.delay[j] = best
                changed = True
                if best == least and down:  # nor can anything below it be later
                    for r in range(q + 1, q + tree.size[j]):
                        tree.delay[tree.at[r]] = least
                    q += tree.size[j] - 1
        q += 1 if down else -1
    return changed


@accel.compilable
def _least_delay(graph: Neighbours, work: Work, j: int, v: int, cut: int, least: float) -> float:
    """The least delay of node j over any of its neighbours, as their own delays now stand."""
    tree = work.tree
    detours = work.detours
    best: float = tree.delay[j]
    if graph.start[j + 1] - graph.start[j] > _LONG:  # not worth sorting for each source
        for e in range(graph.start[j], graph.start[j + 1]):
            if best <= least or graph.length[e] >= tree.dist[j] + best:
                break
            u = graph.neighbour[e]
            delay = tree.delay[u] + (tree.dist[u] + graph.length[e] - tree.dist[j])
            if delay < best and (graph.link[e] != cut or j != v):
                best = delay
    else:
        for e in range(graph.start[j], graph.start[j + 1]):
            if detours.extra[e] >= best:
                break
            delay = tree.delay[detours.via[e]] + detours.extra[e]
            if delay < best and (detours.over[e] != cut or j != v):
                best = delay
    return best


@accel.compilable
def _sum_lost(tree: Tree, question: Question, low: int, high: int, s: int) -> float:
    """Sum of weight x strength lost by the delays of the nodes at the places low to high, of pairs with s."""
    lost: float = 0.0
    delay: float = 0.0
    share: float = 0.0
    for q in range(low, high):
        j = tree.at[q]
        if tree.delay[j] > 0.0 and j > s:
            if question.decay < 0:
                lost += question.weight[j] * (1.0 / (1.0 + tree.dist[j]) - 1.0 / (1.0 + tree.dist[j] + tree.delay[j]))
            else:
                if tree.delay[j] != delay:
                    delay = tree.delay[j]
                    share = -np.expm1(-question.decay * delay)
                lost += question.weight[j] * tree.worth[j] * share
    return lost

"""What removing each node, or each link, does to the shortest paths of all others, exactly.

One shortest-path tree per source (Dijkstra 1959, Numer. Math. 1: 269) is built once and repaired for each
removal, instead of n trees afresh for each of n nodes. In the repaired tree the parent of a node is the nearest
node that all its shortest paths pass (its dominator: Lengauer & Tarjan 1979, ACM Trans. Program. Lang. Syst. 1:
121; here along nodes as they are settled, by common parents). So without node v only the nodes below v can lose.
Each starts from its best neighbour that is not below v; delays then go down the tree and up until none changes.
Nothing of size n^3 is held. ``removal_numpy`` does the same where numba is absent.

Dense graphs are thinned first: a link is left out where two other patches each make a shorter
two-step way, since whatever single node or link is removed, one of the two is left; by induction on
length the thinned graph has the same distances as the whole, also without any one node or link.
"""

import math
import os
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

from .. import accel
from ..progress import SILENT
from .removal_numpy import repair

_CLOSE = 1e-12  # relative difference of lengths that is rounding
_THIN_FROM = 24  # links per node from which thinning pays
_THIN_NODES = 12_000  # nodes up to which the (n, n) matrix that it needs is made
_WITNESSES = 32  # patches in between that are looked at in one numpy step
_KERNEL_WORTH = 2_000_000  # links x nodes from which loading a compiled loop pays
_NEGLIGIBLE = 1e-11  # share of the sum over all pairs that no loss may be short by
_LONG = 64  # neighbours from which their detours are not sorted
_TURN = 0.2  # seconds per call of a compiled loop
_PARTS = 12  # of the sources, with losses of their own: 1, 2, 3 or 4 threads share them evenly
_THREADS = 4
_SHARED_FROM = 200  # nodes from which threads pay


@dataclass
class Graph:
    """Neighbours of each of n nodes, nearest first: those of i are at ``start[i]`` to ``start[i + 1]``.

    ``link`` is the position of the link in the list that the graph was made of. 24 bytes per link and end.
    """

    n: int
    start: np.ndarray
    neighbour: np.ndarray
    length: np.ndarray
    link: np.ndarray

    @classmethod
    def of(cls, n, a, b, length, link=None):
        link = np.arange(len(length)) if link is None else link
        ends, others = np.concatenate((a, b)), np.concatenate((b, a))
        lengths, numbers = np.concatenate((length, length)), np.concatenate((link, link))
        order = np.lexsort((others, lengths, ends))
        start = np.concatenate(([0], np.cumsum(np.bincount(ends, minlength=n))))
        return cls(
            n,
            start.astype(np.int64),
            others[order].astype(np.int64),
            lengths[order].astype(np.float64),
            numbers[order].astype(np.int64),
        )

    def numbered(self):
        """The same graph with neighbours numbered near each other, and the old numbers in the new order.

        What lies below a node in a tree then has mostly larger, or mostly smaller, numbers than the source.
        """
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import reverse_cuthill_mckee

        shape = (self.n, self.n)
        order = reverse_cuthill_mckee(csr_matrix((np.ones(self.length.size), self.neighbour, self.start), shape), True)
        rank = np.empty(self.n, dtype=np.int64)
        rank[order] = np.arange(self.n)
        ends = np.repeat(np.arange(self.n), np.diff(self.start))
        once = ends < self.neighbour
        return Graph.of(self.n, rank[ends[once]], rank[self.neighbour[once]], self.length[once], self.link[once]), order


@dataclass
class Strength:
    """What a shortest distance is worth: ``exp(-decay d)``, or ``1 / (1 + d)`` where decay is negative."""

    decay: float

    def __call__(self, distance):
        return 1.0 / (1.0 + distance) if self.decay < 0 else np.exp(-self.decay * distance)


HOPS = Strength(-1.0)


def worth_thinning(n, links):
    """True where a graph is dense, and small enough for the (n, n) matrix that thinning needs."""
    return links * 2 > _THIN_FROM * n and n <= _THIN_NODES


def thinned(n, a, b, matrix, progress=SILENT):
    """Which links are needed for all shortest paths, also when any one node or link is removed.

    None is dropped where every distance is the shortest way itself, as between points: ``metric``.

    Parameters
    ----------
    matrix : float64 ndarray, shape (n, n)
        The same links, +inf where there is none.

    Returns
    -------
    keep : bool ndarray, shape (number of links,)
    metric : bool
        All pairs are linked, and no detour is shorter than a link (by more than rounding).
    """
    witnesses = np.zeros((n, n), dtype=np.int8)  # those nearer to the row's patch than to the column's
    for u in range(n):
        progress(u / n)
        others = np.flatnonzero(np.isfinite(matrix[u]))
        others = others[others != u]
        others = others[np.argsort(matrix[u, others], kind="stable")]
        far, found = matrix[u, others], np.zeros(others.size, dtype=np.int8)
        limit = far * (1 - _CLOSE)
        left = np.arange(others.size)
        at = 0
        while at < others.size:
            via, near = others[at : at + _WITNESSES], far[at : at + _WITNESSES]
            left = left[(found[left] < 2) & (limit[left] > 2 * near[0])]
            if not left.size:
                break
            beyond = matrix[np.ix_(via, others[left])]
            here = near[:, None]
            sure = (here < beyond) | ((here == beyond) & (u < others[left]))
            sure &= here + beyond < limit[left]
            found[left] += np.minimum(np.count_nonzero(sure, axis=0), 2).astype(np.int8)
            at += _WITNESSES
        witnesses[u, others] = found
    between = witnesses[a, b] + witnesses[b, a]
    return between < 2, 2 * len(between) == n * (n - 1) and not between.any()


def removal(graph, weight, strength, links=False, longest=math.inf, progress=SILENT):
    """Sum of strengths at each node, and what the removal of each node or link takes from other pairs.

    Parameters
    ----------
    graph : Graph
    weight : float64 ndarray, shape (n,)
    strength : Strength
    links : bool
        Remove links instead of nodes.
    longest : float
        Pairs farther apart are left out.

    Returns
    -------
    received : float64 ndarray, shape (n,)
        ``sum_j a_j P*_ij`` with j = i counted.
    loss : float64 ndarray, shape (n,) or (number of links,)
        ``sum_ij a_i a_j (P*_ij - P*_ij without it)`` over ordered pairs that do not end at the node.

    Notes
    -----
    Each pair is looked at from one end. What all pairs of a source that pass a node hold together is not
    repaired below 1e-11 / n of the sum over all pairs, so that no loss is short by more than 1e-11 of it.
    """
    count = int(graph.link.max(initial=-1)) + 1 if links else graph.n
    graph, order = graph.numbered()
    numbers = np.arange(graph.n)
    if links:  # those that were thinned out lose nothing
        numbers, graph.link = np.unique(graph.link, return_inverse=True)
    received, loss = np.zeros(graph.n), np.zeros(numbers.size)
    weight = weight[order]
    ends = np.repeat(np.arange(graph.n), np.diff(graph.start))
    least = float(weight @ weight + weight[ends] * weight[graph.neighbour] @ strength(graph.length))
    enough = _NEGLIGIBLE * least / graph.n
    work = graph.neighbour.size * graph.n
    loop = accel.kernel(_repair_loop, _loop_agrees, work=work, worth=_KERNEL_WORTH, progress=progress)
    engine = _compiled if loop else repair
    engine(loop, graph, weight, strength, links, longest, enough, received, loss, progress)
    progress(1.0)
    result, by_node = np.zeros(count), np.empty(graph.n)
    result[numbers if links else order] = loss
    by_node[order] = received
    return by_node, result


# compiled engine ----------------------------------------------------------------------------------------


def _compiled(loop, graph, weight, strength, links, longest, enough, received, loss, progress):
    """Every ``_PARTS``-th source is a part with losses of its own, added up in the order of the parts.

    So results do not depend on the number of threads, up to 4, that take parts in turn. The loop runs without
    the lock of Python; only the calling thread reports progress.
    """
    n, parts = graph.n, min(_PARTS, graph.n)
    threads = min(_THREADS, os.cpu_count() or 1, parts) if n >= _SHARED_FROM else 1
    own, done, stop = np.zeros((parts, loss.size)), [0] * parts, threading.Event()

    def work(part, told):
        scratch, sources, at, count = _scratch(graph), range(part, n, parts), 0, 1
        while at < len(sources) and not stop.is_set():
            turn = sources[at : at + count]
            began = time.monotonic()
            loop(
                graph.start,
                graph.neighbour,
                graph.length,
                graph.link,
                weight,
                strength.decay,
                links,
                longest,
                enough,
                turn.start,
                turn.stop,
                parts,
                *scratch,
                received,
                own[part],
            )
            took = time.monotonic() - began
            at += len(turn)
            done[part] = at
            count = max(1, min(2 * count, int(count * _TURN / max(took, 1e-6))))
            told()

    def tell():
        progress(sum(done) / n)

    if threads == 1:
        for part in range(parts):
            work(part, tell)
    else:
        with ThreadPoolExecutor(threads) as pool:
            pending = {pool.submit(work, part, lambda: None) for part in range(parts)}
            try:
                while pending:
                    ready, pending = wait(pending, _TURN, FIRST_COMPLETED)
                    for job in ready:
                        job.result()
                    tell()
            finally:
                stop.set()
    for part in own:
        loss += part


def _scratch(graph):
    n = graph.n
    many = graph.neighbour.size + n + 1
    return (
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty(n),
        np.empty((8, n), dtype=np.int64),
        np.empty(many),
        np.empty(many, dtype=np.int64),
        np.empty(many, dtype=np.int64),
        np.empty(many),
        np.empty(many, dtype=np.int64),
    )


def _repair_loop(
    start,
    neighbour,
    length,
    link,
    weight,
    decay,
    links,
    longest,
    enough,
    first,
    last,
    stride,
    dist,
    label,
    worth,
    mass,
    whole,
    extra,
    via,
    over,
    keys,
    heap,
    received,
    loss,
):
    """Adds to ``received`` and ``loss`` what every ``stride``-th source from ``first`` to ``last`` brings.

    ``keys`` and ``heap`` are a binary heap of (distance, node) with stale entries.
    """
    n = weight.size
    parent, by, order, place = whole[0], whole[1], whole[2], whole[3]
    size, free, at, rank = whole[4], whole[5], whole[6], whole[7]
    least = 1.0 if decay < 0 else 0.0  # delay of what is late
    for s in range(first, last, stride):
        # the tree of shortest paths; order: nodes as they are settled
        for i in range(n):
            dist[i] = np.inf
            place[i] = -1
            size[i] = 0
            rank[i] = n
        dist[s] = 0.0
        parent[s] = -1
        by[s] = -1
        settled = 0
        if decay < 0:  # every link is one step: level by level
            order[0] = s
            settled = 1
            done = 0
            while done < settled < n:
                u = order[done]
                done += 1
                for e in range(start[u], start[u + 1]):
                    w = neighbour[e]
                    if dist[w] == np.inf:
                        dist[w] = dist[u] + 1.0
                        parent[w] = u
                        by[w] = link[e]
                        order[settled] = w
                        settled += 1
        else:
            keys[0] = 0.0
            heap[0] = s
            filled = 1
            while filled:
                d = keys[0]
                u = heap[0]
                filled -= 1
                key = keys[filled]
                item = heap[filled]
                hole = 0
                while True:
                    child = 2 * hole + 1
                    if child >= filled:
                        break
                    if child + 1 < filled and keys[child + 1] < keys[child]:
                        child += 1
                    if keys[child] >= key:
                        break
                    keys[hole] = keys[child]
                    heap[hole] = heap[child]
                    hole = child
                keys[hole] = key
                heap[hole] = item
                if place[u] >= 0 or d > longest:
                    continue
                place[u] = 0
                order[settled] = u
                settled += 1
                for e in range(start[u], start[u + 1]):
                    w = neighbour[e]
                    key = d + length[e]
                    if key < dist[w] and key <= longest:
                        dist[w] = key
                        parent[w] = u
                        by[w] = link[e]
                        hole = filled
                        filled += 1
                        while hole > 0 and keys[(hole - 1) // 2] > key:
                            keys[hole] = keys[(hole - 1) // 2]
                            heap[hole] = heap[(hole - 1) // 2]
                            hole = (hole - 1) // 2
                        keys[hole] = key
                        heap[hole] = w
        # from paths to what all shortest paths pass: the nearest node, and the link if there is but one
        for i in range(settled):
            rank[order[i]] = i
        for i in range(1, settled):
            j = order[i]
            if decay < 0 and dist[j] == 1.0:
                continue
            above = -1
            for e in range(start[j], start[j + 1]):
                if length[e] > dist[j] or above == s:
                    break
                u = neighbour[e]
                if rank[u] < i and dist[u] + length[e] == dist[j]:
                    if above < 0:
                        above = u
                        by[j] = link[e]
                    else:
                        by[j] = -1
                        while above != u:
                            if rank[above] > rank[u]:
                                above = parent[above]
                            else:
                                u = parent[u]
            parent[j] = above
        # what lies below each node: how many, and what the pairs with s are worth that s has to look at
        for i in range(settled):
            u = order[i]
            worth[u] = 1.0 / (1.0 + dist[u]) if decay < 0 else np.exp(-decay * dist[u])
            mass[u] = weight[u] * worth[u] if u > s else 0.0
        for i in range(settled - 1, 0, -1):
            u = order[i]
            size[u] += 1
            size[parent[u]] += size[u]
            mass[parent[u]] += mass[u]
        size[s] += 1
        # places such that what lies below a node follows it
        place[s] = 0
        free[s] = 1
        at[0] = s
        total = 0.0
        for i in range(settled):
            u = order[i]
            if u != s:
                place[u] = free[parent[u]]
                free[parent[u]] += size[u]
                free[u] = place[u] + 1
                at[place[u]] = u
            total += weight[u] * worth[u]
        received[s] += total
        if weight[s] == 0.0:
            continue
        # how much longer each link makes the way to its end than the shortest, the least first
        for j in range(n):
            label[j] = 0.0
            if size[j] == 0 or start[j + 1] - start[j] > _LONG:
                continue
            for e in range(start[j], start[j + 1]):
                u = neighbour[e]
                key = dist[u] + length[e] - dist[j]
                hole = e
                while hole > start[j] and extra[hole - 1] > key:
                    extra[hole] = extra[hole - 1]
                    via[hole] = via[hole - 1]
                    over[hole] = over[hole - 1]
                    hole -= 1
                extra[hole] = key
                via[hole] = u
                over[hole] = link[e]
        for i in range(1, settled):
            v = order[i]
            low = place[v] if links else place[v] + 1
            high = place[v] + size[v]
            held = mass[v]
            if not links and v > s:
                held -= weight[v] * worth[v]
            if low == high or 2.0 * weight[s] * held <= enough or (links and by[v] < 0):
                continue
            for q in range(place[v], high):
                label[at[q]] = np.inf
            cut = by[v] if links else -1
            # delays of the nodes below v: pulled from all neighbours, down the tree and up, until none changes
            down = True
            while True:
                changed = False
                q = low if down else high - 1
                while low <= q < high:
                    j = at[q]
                    best = label[j]
                    if best > least:
                        before = best
                        if start[j + 1] - start[j] > _LONG:  # not worth sorting for each source
                            for e in range(start[j], start[j + 1]):
                                if best <= least or length[e] >= dist[j] + best:
                                    break
                                u = neighbour[e]
                                delay = label[u] + (dist[u] + length[e] - dist[j])
                                if delay < best and (link[e] != cut or j != v):
                                    best = delay
                        else:
                            for e in range(start[j], start[j + 1]):
                                if extra[e] >= best:
                                    break
                                delay = label[via[e]] + extra[e]
                                if delay < best and (over[e] != cut or j != v):
                                    best = delay
                        if best < before:
                            label[j] = best
                            changed = True
                            if best == least and down:  # nor can anything below it be later
                                for r in range(q + 1, q + size[j]):
                                    label[at[r]] = least
                                q += size[j] - 1
                    q += 1 if down else -1
                if not changed or high - low == 1:
                    break
                down = not down
            lost = 0.0
            delay = 0.0
            share = 0.0
            for q in range(low, high):
                j = at[q]
                if label[j] > 0.0 and j > s:
                    if decay < 0:
                        lost += weight[j] * (1.0 / (1.0 + dist[j]) - 1.0 / (1.0 + dist[j] + label[j]))
                    else:
                        if label[j] != delay:
                            delay = label[j]
                            share = -np.expm1(-decay * delay)
                        lost += weight[j] * worth[j] * share
            loss[cut if links else v] += 2.0 * weight[s] * lost
            for q in range(place[v], high):
                label[at[q]] = 0.0
    return 0


def _loop_agrees(loop):
    """True when the compiled loop gives numpy's results on a small graph with equal and zero lengths."""
    rows, cols = np.divmod(np.arange(36), 6)
    apart = np.maximum(np.hypot(rows[:, None] - rows, cols[:, None] - cols) - 0.4 - (rows % 3 == cols % 3), 0)
    a, b = np.nonzero(np.triu(apart < 2.5, 1))
    weight = 1.0 + np.arange(36) % 4
    for links in (False, True):
        for strength, length in ((Strength(0.7), apart[a, b]), (HOPS, np.ones(a.size))):
            results = []
            for engine in (_compiled, repair):
                graph = Graph.of(36, a, b, length)
                received, loss = np.zeros(36), np.zeros(a.size if links else 36)
                engine(loop, graph, weight, strength, links, math.inf, 0.0, received, loss, SILENT)
                results.append(np.concatenate((received, loss)))
            if not np.allclose(*results, rtol=1e-12, atol=1e-12):
                return False
    return True

"""What removing each node, or each link, does to the shortest paths of all others, exactly.

One shortest-path tree per source (Dijkstra 1959, Numer. Math. 1: 269) is built once and repaired for each
removal, instead of n trees afresh for each of n nodes. In the repaired tree the parent of a node is the nearest
node that all its shortest paths pass (its dominator: Lengauer & Tarjan 1979, ACM Trans. Program. Lang. Syst. 1:
121; here along nodes as they are settled, by common parents). So without node v only the nodes below v can lose.
Each starts from its best neighbour that is not below v; delays then go down the tree and up until none changes.
Nothing of size n^3 is held. ``removal_compiled`` does this with numba, ``removal_numpy`` where numba is absent;
``thinning`` leaves out links of dense graphs first.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .. import accel
from ..progress import SILENT, Progress
from .dispersal import Dispersal
from .graph import Graph, Links, Strength
from .removal_compiled import loop_agrees, repair_compiled
from .removal_loops import repair_loop
from .removal_numpy import RemovalTask, repair_in_numpy, shortest
from .thinning import needed_links

if TYPE_CHECKING:
    from ..arrays import Floats, Ints

_KERNEL_WORTH = 2_000_000  # links x nodes from which loading a compiled loop pays
_NEGLIGIBLE = 1e-11  # share of the sum over all pairs that no loss may be short by
_ROWS = 256  # patches in between that are looked at in one numpy step


def removal(
    graph: Graph,
    weight: Floats,
    strength: Strength,
    *,
    of_links: bool = False,
    longest: float = math.inf,
    progress: Progress = SILENT,
) -> tuple[Floats, Floats]:
    """Sum of strengths at each node, and what the removal of each node or link takes from other pairs.

    Parameters
    ----------
    graph : Graph
    weight : float64 ndarray, shape (n,)
    strength : Strength
    of_links : bool
        Remove links instead of nodes.
    longest : float
        Pairs farther apart are left out.
    progress : Progress

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
    count = int(graph.link.max(initial=-1)) + 1 if of_links else graph.n
    graph, order = graph.renumbered()
    numbers: Ints = np.arange(graph.n)
    if of_links:  # those that were thinned out lose nothing
        numbers, own = np.unique(graph.link, return_inverse=True)
        graph = replace(graph, link=own)
    received, loss = np.zeros(graph.n), np.zeros(numbers.size)
    weight = weight[order]
    least = float(weight @ weight + weight[graph.ends] * weight[graph.neighbour] @ strength(graph.length))
    task = RemovalTask(graph, weight, strength, of_links, longest, _NEGLIGIBLE * least / graph.n)
    work = graph.neighbour.size * graph.n
    loop = accel.kernel(repair_loop, loop_agrees, work=work, worth=_KERNEL_WORTH, progress=progress)
    if loop is None:
        repair_in_numpy(task, received, loss, progress)
    else:
        repair_compiled(loop, task, received, loss, progress)
    progress(1.0)
    result, by_node = np.zeros(count), np.empty(graph.n)
    result[numbers if of_links else order] = loss
    by_node[order] = received
    return by_node, result


def removal_by_dispersal(
    links: Links,
    weight: Floats,
    dispersal: Dispersal,
    *,
    of_links: bool = False,
    longest: float = math.inf,
    progress: Progress = SILENT,
) -> tuple[Floats, Floats]:
    """As :func:`removal`, of the paths over some links; where no detour is ever shorter than a link, without paths."""
    graph = needed_links(links, progress.part(0, 0.2))
    part = progress.part(0.2, 1)
    if graph is None:
        return _removal_from_metric(links, weight, dispersal, of_links=of_links, longest=longest, progress=part)
    return removal(graph, weight, Strength(dispersal.decay), of_links=of_links, longest=longest, progress=part)


def _removal_from_metric(
    links: Links, weight: Floats, dispersal: Dispersal, *, of_links: bool, longest: float, progress: Progress
) -> tuple[Floats, Floats]:
    """As :func:`removal` where all pairs are linked and no detour is shorter: only the link of a pair is lost."""
    matrix = links.matrix()
    strength = dispersal.probability_of(matrix)
    strength[matrix > longest] = 0.0
    received = strength @ weight
    if not of_links:
        return received, np.zeros(links.n)
    np.fill_diagonal(matrix, np.inf)
    loss = np.empty(len(links))
    for i in range(links.n):
        progress(i / links.n)
        own = np.flatnonzero(links.a == i)
        ends = links.b[own]
        detour = np.full(ends.size, np.inf)
        for first in range(0, links.n, _ROWS):
            progress.check()
            rows = slice(first, first + _ROWS)
            detour = np.minimum(detour, (matrix[rows, ends] + matrix[rows, i, None]).min(axis=0))
        gain = np.maximum(strength[i, ends] - dispersal.probability_of(detour), 0)
        loss[own] = 2 * weight[i] * weight[ends] * gain
    return received, loss


def path_strengths(links: Links, dispersal: Dispersal, progress: Progress = SILENT) -> Floats:
    """P* of every pair, shape (n, n): the probability of the best path."""
    graph = needed_links(links, progress.part(0, 0.3))
    distance = links.matrix() if graph is None else shortest(graph, progress.part(0.3, 1))
    strength: Floats = np.exp(np.multiply(distance, -dispersal.decay, out=distance), out=distance)
    return strength

"""Graph indices of a set of patches: PC, IIC and what each patch adds to them (Eqs 6 and 7).

Feng, Bai & Wang (2024). Two patches at distance d are linked with probability ``p = exp(-k d)``. P* of
a pair is the largest product of probabilities over all paths, so stepping stones count; with this p it
is ``exp(-k D)``, D the shortest sum of distances. ``PC = sum_ij a_i a_j P*_ij / A_L^2`` (Saura &
Pascual-Hortal 2007, Landsc. Urban Plan. 83: 91); ``dPC = 100 (PC - PC without the patch) / PC`` has
three parts, intra, flux and connector (Saura & Rubio 2010, Ecography 33: 523). IIC counts links not
longer than the dispersal distance instead (Pascual-Hortal & Saura 2006, Landsc. Ecol. 21: 959). Same
as Conefor 2.6. Works on arrays alone: what a patch or a distance is, ``connectivity`` says.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..errors import InputError
from ..progress import SILENT
from .removal import HOPS, Graph, Strength, removal, thinned, worth_thinning
from .removal_numpy import shortest

_SOURCES = 256  # sources whose paths are counted at once
_DENSE = 0.05  # share of linked pairs from which a full matrix multiplies faster


@dataclass
class Links:
    """Direct links between n patches, each pair once; a pair that is absent has no direct link.

    ``a`` and ``b`` are positions with a < b, ``distance`` their float64 lengths, at least 0.
    """

    n: int
    a: np.ndarray
    b: np.ndarray
    distance: np.ndarray

    @classmethod
    def from_matrix(cls, matrix):
        """Links of a symmetric (n, n) matrix of distances; +inf where there is none."""
        matrix = np.asarray(matrix, dtype=np.float64)
        a, b = np.nonzero(np.triu(np.isfinite(matrix), 1))
        return cls(matrix.shape[0], a, b, matrix[a, b])

    @classmethod
    def of(cls, given):
        """Links themselves, or those of a matrix."""
        return given if isinstance(given, cls) else cls.from_matrix(given)

    def matrix(self):
        """Symmetric (n, n) distances, 0 on the diagonal, +inf where there is no link."""
        matrix = np.full((self.n, self.n), np.inf)
        matrix[self.a, self.b] = matrix[self.b, self.a] = self.distance
        np.fill_diagonal(matrix, 0.0)
        return matrix

    def __len__(self):
        return len(self.distance)


@dataclass
class PatchGain:
    """What one candidate patch alone would add, in % of PC before: ``gain`` and its three parts.

    ``intra`` is the patch itself, ``flux`` its pairs with the others, ``connector`` what the others gain
    from each other because it is a stepping stone.
    """

    gain: float
    intra: float
    flux: float
    connector: float


@dataclass
class Connectivity:
    """Indices of a set of n patches; arrays have shape (n,), percentages are of the whole.

    ``pc`` and ``iic`` are NaN where no area of the landscape is given. ``betweenness`` is the share
    (0 to 1) of shortest paths between other patches, in number of links, that pass a patch;
    ``component`` is numbered from 1 by weight, heaviest first; links are pairs within the dispersal
    distance. ``pc_intra``, ``pc_direct`` and ``pc_step`` are the parts, in %, of the sum behind PC that
    come from patches themselves, direct links and stepping stones; ``neglected`` is a bound of the share
    (0 to 1) of PC in pairs that were left out for their small probability: PC is at most that share higher,
    and no dPC is wrong by more than 200 times it, in %.
    """

    dpc: np.ndarray
    dpc_intra: np.ndarray
    dpc_flux: np.ndarray
    dpc_connector: np.ndarray
    diic: np.ndarray
    diic_intra: np.ndarray
    diic_flux: np.ndarray
    diic_connector: np.ndarray
    degree: np.ndarray
    betweenness: np.ndarray
    component: np.ndarray
    pc: float
    ec: float
    iic: float
    ec_iic: float
    n_components: int
    n_links: int
    pc_intra: float
    pc_direct: float
    pc_step: float
    neglected: float = 0.0


def check_dispersal(distance, probability):
    if not distance > 0:
        raise InputError(f"The dispersal distance (DISPERSAL_DISTANCE) is {distance:g}: give a distance above 0 m.")
    if not 0 < probability < 1:
        raise InputError(
            f"The probability at the dispersal distance (DISPERSAL_PROBABILITY) is {probability:g}: "
            f"give one above 0 and below 1."
        )


def decay(distance, probability):
    return -math.log(probability) / distance


def connectivity(
    weight,
    links,
    dispersal_distance,
    dispersal_probability,
    landscape_area=None,
    progress=SILENT,
    smallest_probability=0.0,
):
    """PC, IIC, their parts per patch, and the graph of links.

    Parameters
    ----------
    weight : float array, shape (n,)
        At least 0, not all 0.
    links : Links, or float64 ndarray, shape (n, n)
        Direct distances; a matrix is symmetric, 0 on the diagonal, +inf where there is no link.
    dispersal_distance, dispersal_probability : float
        ``k = -ln(probability) / distance``; a link not longer than the distance counts for IIC.
    landscape_area : float, optional
        In the unit of the weights.
    smallest_probability : float
        Pairs with a smaller P* are left out of PC: faster for wide landscapes. ``neglected`` of the result
        bounds what they hold. 0: exact.

    Returns
    -------
    Connectivity

    Notes
    -----
    Removal is exact: one shortest-path tree per patch is built once and repaired for each patch removed, instead
    of all trees afresh (``removal``). Time goes with n^2 times the patches on a path, some n^2.5. All pairs, in
    processor seconds that threads (up to 4, compiled only) share: 500 patches 0.8 compiled, 7 in numpy alone;
    2,000 26 and 160; 5,000 took 234 compiled, of both threads together; in numpy alone
    some 29 minutes by 27 of the sources, so there thousands want ``smallest_probability`` or numba. Results do not
    depend on the number of threads. Where all pairs are linked and no detour is shorter (points) nothing is repaired.
    Memory: 10 bytes per pair of patches while a dense graph is thinned, 60 per link left and thread; in numpy
    alone 12 more per pair and some 300 MB. The process that made all pairs of 5,000 peaked at 910 MB, compiled.
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    if landscape_area is not None and not landscape_area > 0:
        raise InputError(
            f"The area of the landscape (AREA_OF_LANDSCAPE) is {landscape_area:g} km2: give one above "
            f"0, or leave it empty."
        )
    if not 0 <= smallest_probability < 1:
        raise InputError(f"The smallest probability is {smallest_probability:g}: give one of at least 0, below 1.")
    n, own, longest = links.n, weight * weight, math.inf
    if smallest_probability > 0:
        longest = -math.log(smallest_probability) / k
    received, lost = _removed(links, weight, k, False, longest, progress.part(0, 0.6))
    near = links.distance <= dispersal_distance
    a, b = links.a[near], links.b[near]
    steps = Graph.of(n, a, b, np.ones(a.size))
    received_iic, lost_iic = removal(steps, weight, HOPS, progress=progress.part(0.6, 0.8))
    betweenness = _betweenness(n, a, b, progress.part(0.8, 1))
    component = _components(n, a, b, weight)
    area2 = math.nan if landscape_area is None else float(landscape_area) ** 2
    number, number_iic, whole = float(weight @ received), float(weight @ received_iic), float(own.sum())
    intra, flux, connector = (100 * part / number for part in (own, 2 * weight * (received - weight), lost))
    parts_iic = [100 * part / number_iic for part in (own, 2 * weight * (received_iic - weight), lost_iic)]
    counted = links.distance <= longest
    direct = 2 * float(weight[links.a[counted]] * weight[links.b[counted]] @ np.exp(-k * links.distance[counted]))
    neglected = smallest_probability * (float(weight.sum()) ** 2 - whole) / number
    progress(1.0)
    return Connectivity(
        intra + flux + connector,
        intra,
        flux,
        connector,
        sum(parts_iic),
        *parts_iic,
        np.bincount(np.concatenate((a, b)), minlength=n),
        betweenness,
        component,
        number / area2,
        math.sqrt(number),
        number_iic / area2,
        math.sqrt(number_iic),
        int(component.max()),
        int(a.size),
        100 * whole / number,
        100 * direct / number,
        100 * (number - whole - direct) / number,
        neglected,
    )


def _needed(links, progress):
    """The graph of the links that shortest paths need, without any one patch or link too; None: all, a metric."""
    if not worth_thinning(links.n, len(links)):
        return Graph.of(links.n, links.a, links.b, links.distance)
    keep, metric = thinned(links.n, links.a, links.b, links.matrix(), progress)
    if metric:
        return None
    return Graph.of(links.n, links.a[keep], links.b[keep], links.distance[keep], np.flatnonzero(keep))


def _removed(links, weight, k, of_links, longest, progress):
    """As :func:`removal`; where no detour is ever shorter than a link, pairs need no others."""
    graph = _needed(links, progress.part(0, 0.2))
    if graph is not None:
        return removal(graph, weight, Strength(k), of_links, longest, progress.part(0.2, 1))
    matrix = links.matrix()
    strength = np.exp(-k * matrix)
    strength[matrix > longest] = 0.0
    received = strength @ weight
    if not of_links:
        return received, np.zeros(links.n)
    np.fill_diagonal(matrix, np.inf)
    loss = np.empty(len(links))
    for i in range(links.n):
        progress(0.2 + 0.8 * i / links.n)
        own = np.flatnonzero(links.a == i)
        ends = links.b[own]
        detour = np.full(ends.size, np.inf)
        for first in range(0, links.n, 256):
            progress.check()
            rows = slice(first, first + 256)
            detour = np.minimum(detour, (matrix[rows, ends] + matrix[rows, i, None]).min(axis=0))
        loss[own] = 2 * weight[i] * weight[ends] * np.maximum(strength[i, ends] - np.exp(-k * detour), 0)
    return received, loss


# changes one at a time ----------------------------------------------------------------------------------


def link_importance(weight, links, dispersal_distance, dispersal_probability, progress=SILENT):
    """DPC of each link: the loss of PC, in %, when this link alone is cut.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
    dispersal_distance, dispersal_probability : float

    Returns
    -------
    float64 ndarray, shape (len(links),)
        0 where the patches are joined as well, or better, by others.

    Notes
    -----
    Exact, as :func:`connectivity` and in the same time.
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    received, lost = _removed(links, weight, k, True, math.inf, progress)
    result = np.zeros(len(links))
    result[: lost.size] = 100 * lost / float(weight @ received)
    return result


def gain_of_links(weight, links, a, b, distance, dispersal_distance, dispersal_probability, progress=SILENT):
    """Gain of PC, in % of PC before, if a link were added or shortened; each candidate alone.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
    a, b, distance : arrays, shape (m,)
        Positions of the patches that a candidate joins, and its length.
    dispersal_distance, dispersal_probability : float

    Returns
    -------
    float64 ndarray, shape (m,)
        At least 0.

    Notes
    -----
    Exact: a pair gains only if its path takes the new link, once. Time O(n^2) per candidate at most,
    16 bytes per pair of patches.
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    strength = strengths(links, k, progress.part(0, 0.5))
    number = float(weight @ strength @ weight)
    part = progress.part(0.5, 1)
    result = np.zeros(len(distance))
    for i, (u, v, p) in enumerate(zip(a, b, np.exp(-k * np.asarray(distance, dtype=np.float64)))):
        part(i / len(result))
        # x - u - v - y helps only if u - v brings x nearer to v, and y nearer to u
        x = np.flatnonzero(strength[u] * p > strength[v])
        y = np.flatnonzero(strength[v] * p > strength[u])
        rise = np.multiply.outer(strength[u, x] * p, strength[v, y])
        rise -= strength[np.ix_(x, y)]
        result[i] = 200 * (weight[x] @ np.maximum(rise, 0, out=rise) @ weight[y]) / number
    progress(1.0)
    return result


def gain_of_patches(weight, links, new_weight, new_links, dispersal_distance, dispersal_probability, progress=SILENT):
    """Gain of PC, in % of PC before, if a patch were added; each candidate alone.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
        Between the patches that are there.
    new_weight : float array, shape (m,)
        At least 0; 0 is a mere stepping stone.
    new_links : list of (int array, float array)
        Per candidate the positions of the patches it would be linked with, and the distances.
    dispersal_distance, dispersal_probability : float

    Returns
    -------
    list of PatchGain

    Notes
    -----
    Exact. Time O(n^2) per candidate, 24 bytes per pair of patches.
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    strength = strengths(links, k, progress.part(0, 0.5))
    number = float(weight @ strength @ weight)
    part = progress.part(0.5, 1)
    result = []
    for i, (own, (others, distance)) in enumerate(zip(new_weight, new_links)):
        part(i / len(new_links))
        reach = _reach(strength, others, np.exp(-k * np.asarray(distance, dtype=np.float64)))
        at = np.flatnonzero(reach)
        rise = np.multiply.outer(reach[at], reach[at])
        rise -= strength[np.ix_(at, at)]
        connector = weight[at] @ np.maximum(rise, 0, out=rise) @ weight[at]
        parts = [100 * float(value) / number for value in (own * own, 2 * own * (weight @ reach), connector)]
        result.append(PatchGain(sum(parts), *parts))
    progress(1.0)
    return result


def _reach(strength, others, p):
    """Largest probability between a newcomer and each patch, by its links ``p`` to ``others``."""
    others = np.asarray(others, dtype=np.int64)
    if not others.size:
        return np.zeros(strength.shape[0])
    return (strength[others] * p[:, None]).max(axis=0)


def neglected_share(weight, links, longest, dispersal_distance, dispersal_probability, progress=SILENT):
    """Bound of what is neglected when all direct links longer than a distance are left out.

    A path that takes such a link has at most its probability p_L, so no pair can gain more than
    ``max(0, p_L - P*)`` by them: ``sum_ij a_i a_j max(0, p_L - P*_ij) / sum_ij a_i a_j P*_ij``.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
        Those that are kept, none longer than ``longest``.
    longest : float
        Length from which links were left out.
    dispersal_distance, dispersal_probability : float

    Returns
    -------
    share : float
        PC with all links is at most this share of PC above it.
    probability : float
        p_L, of a link as long as ``longest``.
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    strength = strengths(links, k, progress)
    number = float(weight @ strength @ weight)
    probability = math.exp(-k * longest)
    short = np.maximum(probability - strength, 0, out=strength)
    return float(weight @ short @ weight) / number, probability


def kept_share(weight, links, order, dispersal_distance, dispersal_probability, progress=SILENT):
    """EC(PC) of the first patches of an order alone, as a share of that of all.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
    order : int array, shape (n,)
        Positions of all patches, the most important first.
    dispersal_distance, dispersal_probability : float

    Returns
    -------
    float64 ndarray, shape (n,)
        Share 0 to 1 of the first k + 1 patches, paths through the others not counted; never falls, ends at 1.

    Notes
    -----
    Exact; patches join one by one. Time O(n^3): 800 patches took 4 s, 2,000 take about a minute. 16 bytes per
    pair of patches, and as much again while one joins.
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    n, order = links.n, np.asarray(order, dtype=np.int64)
    position = np.empty(n, dtype=np.int64)
    position[order] = np.arange(n)
    direct = np.exp(-k * links.matrix())[np.ix_(order, order)]
    a, strength, number, result = weight[order], np.eye(n), 0.0, np.zeros(n)
    for m in range(n):
        progress(m / n)
        others = np.flatnonzero(direct[m, :m])
        reach = _reach(strength[:m, :m], others, direct[m, others])
        strength[m, :m] = strength[:m, m] = reach
        at = np.flatnonzero(reach)
        block = np.ix_(at, at)
        better = np.multiply.outer(reach[at], reach[at])
        before = strength[block]
        np.maximum(better, before, out=better)
        strength[block] = better
        better -= before
        number += a[m] * a[m] + 2 * a[m] * (reach @ a[:m]) + a[at] @ better @ a[at]
        result[m] = number
    progress(1.0)
    return np.sqrt(result / number)


def strengths(links, k, progress=SILENT):
    """P* of every pair, shape (n, n)."""
    graph = _needed(links, progress.part(0, 0.3))
    distance = links.matrix() if graph is None else shortest(graph, progress.part(0.3, 1))
    return np.exp(np.multiply(distance, -k, out=distance), out=distance)


def _checked(weight, links, dispersal_distance, dispersal_probability):
    check_dispersal(dispersal_distance, dispersal_probability)
    weight = np.asarray(weight, dtype=np.float64)
    if not weight.sum() > 0:
        raise InputError("All weights of the patches are 0: give at least one patch a weight above 0.")
    return weight, Links.of(links), decay(dispersal_distance, dispersal_probability)


def _components(n, a, b, weight):
    """Component per node, numbered from 1, heaviest first."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    group = connected_components(csr_matrix((np.ones(a.size), (a, b)), (n, n)), directed=False)[1]
    order = np.argsort(-np.bincount(group, weights=weight), kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(1, order.size + 1)
    return rank[group]


def _betweenness(n, a, b, progress):
    """Share of shortest paths (in links) of all other pairs that pass each node.

    Freeman (1977, Sociometry 40: 35) by the sums of Brandes (2001, J. Math. Sociol. 25: 163), for a block
    of sources at once.
    """
    from scipy.sparse import csr_matrix

    result = np.zeros(n)
    if n < 3:
        return result
    graph = csr_matrix((np.ones(2 * a.size), (np.concatenate((a, b)), np.concatenate((b, a)))), (n, n))
    if graph.nnz > _DENSE * n * n:
        graph = graph.toarray()
    for first in range(0, n, _SOURCES):
        sources = np.arange(first, min(first + _SOURCES, n))
        column = np.arange(sources.size)
        paths, steps = np.zeros((n, sources.size)), np.full((n, sources.size), -1, dtype=np.int32)
        paths[sources, column], steps[sources, column] = 1.0, 0
        level, front = 0, paths.copy()
        while True:
            progress.check()
            front = graph @ front
            front[steps >= 0] = 0.0
            if not front.any():
                break
            level += 1
            steps[front > 0] = level
            paths += front
        passed = np.zeros_like(paths)
        for level in range(level, 1, -1):
            progress.check()
            share = np.divide(1 + passed, paths, out=np.zeros_like(paths), where=steps == level)
            passed += (graph @ share) * np.where(steps == level - 1, paths, 0.0)
        passed[sources, column] = 0.0
        result += passed.sum(axis=1)
        progress((first + sources.size) / n)
    return result / ((n - 1) * (n - 2))

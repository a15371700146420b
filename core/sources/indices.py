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
    come from patches themselves, direct links and stepping stones.
    """

    dpc: np.ndarray
    dpc_intra: np.ndarray
    dpc_flux: np.ndarray
    dpc_connector: np.ndarray
    diic: np.ndarray
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


def check_dispersal(distance, probability):
    if not distance > 0:
        raise InputError(f"The dispersal distance (DISPERSAL_DISTANCE) is {distance:g}: give a distance above 0 m.")
    if not 0 < probability < 1:
        raise InputError(f"The probability at the dispersal distance (DISPERSAL_PROBABILITY) is {probability:g}: "
                         f"give one above 0 and below 1.")


def decay(distance, probability):
    return -math.log(probability) / distance


def connectivity(weight, links, dispersal_distance, dispersal_probability, landscape_area=None,
                 progress=SILENT):
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

    Returns
    -------
    Connectivity

    Notes
    -----
    Removal is exact. Time O(n^3 log n) in numpy: 1 s for 300 patches, 6 s for 500. Memory O(n^2 log n).
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    if landscape_area is not None and not landscape_area > 0:
        raise InputError(f"The area of the landscape (AREA_OF_LANDSCAPE) is {landscape_area:g} km2: give one above "
                         f"0, or leave it empty.")
    distance = links.matrix()
    linked = distance <= dispersal_distance
    np.fill_diagonal(linked, False)
    hops = np.where(linked, 1.0, np.inf)
    np.fill_diagonal(hops, 0.0)
    number, intra, flux, connector = _parts(weight, distance, lambda d: np.exp(-k * d), progress.part(0, 0.6))
    number_iic, *parts_iic = _parts(weight, hops, lambda n: 1.0 / (1.0 + n), progress.part(0.6, 0.9))
    betweenness = _betweenness(linked, progress.part(0.9, 1))
    component = _components(hops, weight)
    area2 = math.nan if landscape_area is None else float(landscape_area) ** 2
    direct = float(weight @ np.exp(-k * distance) @ weight)
    own = float(weight @ weight)
    progress(1.0)
    return Connectivity(
        intra + flux + connector, intra, flux, connector, sum(parts_iic), linked.sum(axis=0), betweenness,
        component, number / area2, math.sqrt(number), number_iic / area2, math.sqrt(number_iic),
        int(component.max()), int(linked.sum()) // 2, 100 * own / number, 100 * (direct - own) / number,
        100 * (number - direct) / number)


# changes one at a time ----------------------------------------------------------------------------------

def link_importance(weight, links, dispersal_distance, dispersal_probability, progress=SILENT):
    """dPC of each link: the loss of PC, in %, when this link alone is cut.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
    dispersal_distance, dispersal_probability : float

    Returns
    -------
    float64 ndarray, shape (len(links),)
        0 where the patches are joined as well, or better, by others.
    """
    weight, links, k = _checked(weight, links, dispersal_distance, dispersal_probability)
    matrix = links.matrix()
    number = weight @ strengths(links, k, progress) @ weight
    result = np.zeros(len(links))
    for i, (a, b, d) in enumerate(zip(links.a, links.b, links.distance)):
        matrix[a, b] = matrix[b, a] = np.inf
        left = weight @ strengths(Links.from_matrix(matrix), k, progress) @ weight
        matrix[a, b] = matrix[b, a] = d
        result[i] = 100 * (number - left) / number
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


def gain_of_patches(weight, links, new_weight, new_links, dispersal_distance, dispersal_probability,
                    progress=SILENT):
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
    Exact; patches join one by one. Time O(n^3), 16 bytes per pair of patches.
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
    distance = _closed(links.matrix(), range(links.n), progress)
    return np.exp(np.multiply(distance, -k, out=distance), out=distance)


def _checked(weight, links, dispersal_distance, dispersal_probability):
    check_dispersal(dispersal_distance, dispersal_probability)
    weight = np.asarray(weight, dtype=np.float64)
    if not weight.sum() > 0:
        raise InputError("All weights of the patches are 0: give at least one patch a weight above 0.")
    return weight, Links.of(links), decay(dispersal_distance, dispersal_probability)


def _parts(weight, direct, probability, progress):
    """sum_ij a_i a_j P*_ij, and the intra, flux and connector parts of its loss per patch, in %."""
    n = weight.size
    intra, flux, connector = weight * weight, np.zeros(n), np.zeros(n)
    total = 0.0
    group = _groups(direct)
    done = 0
    for label in range(group.max() + 1):
        members = np.flatnonzero(group == label)
        a, sub = weight[members], direct[np.ix_(members, members)]
        shortest = _closed(sub.copy(), range(members.size), progress.part(done / n, done / n))
        strength = probability(shortest)
        received = strength @ a
        total += float(a @ received)
        flux[members] = 2 * a * (received - a)
        part = progress.part(done / n, (done + members.size) / n)
        for i, without in _without_each(sub, part):
            # a path is never shorter without a patch: the maximum takes out rounding alone
            loss = strength - probability(np.maximum(without, shortest))
            connector[members[i]] = a @ loss @ a  # pairs that end at i lose nothing here
        done += members.size
    return total, 100 * intra / total, 100 * flux / total, 100 * connector / total


def _closed(distance, through, progress):
    """Shortest distances when paths may pass the nodes of ``through`` (Floyd 1962), in place."""
    buffer = np.empty_like(distance)
    for v in through:
        np.add.outer(distance[:, v], distance[v], out=buffer)
        np.minimum(distance, buffer, out=distance)
        progress.check()
    return distance


def _without_each(direct, progress):
    """(i, shortest distances that avoid node i) for every i, by halving: each node is added log n times."""
    n = direct.shape[0]
    stack, served = [(direct, np.arange(n))], 0
    while stack:
        distance, left = stack.pop()
        if left.size == 1:
            served += 1
            progress(served / n)
            yield int(left[0]), distance
            continue
        half = left.size // 2
        for keep, add in ((left[:half], left[half:]), (left[half:], left[:half])):
            stack.append((_closed(distance.copy(), add, progress), keep))


def _groups(distance):
    """Label of the component of each node, by finite distances."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components
    return connected_components(csr_matrix(np.isfinite(distance)), directed=False)[1]


def _components(hops, weight):
    """Component per node, numbered from 1, heaviest first."""
    group = _groups(hops)
    order = np.argsort(-np.bincount(group, weights=weight), kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(1, order.size + 1)
    return rank[group]


def _betweenness(linked, progress):
    """Share of shortest paths (in links) of all other pairs that pass each node (Freeman 1977)."""
    from scipy.sparse import csr_matrix
    n = linked.shape[0]
    result = np.zeros(n)
    if n < 3:
        return result
    graph = csr_matrix(linked.astype(np.float64))
    steps = np.full((n, n), np.inf)
    np.fill_diagonal(steps, 0)
    paths, front, level = np.eye(n), np.eye(n), 0
    while True:
        front = graph @ front
        front[np.isfinite(steps)] = 0
        new = front > 0
        if not new.any():
            break
        level += 1
        steps[new] = level
        paths += front
        progress.check()
    per_path = 1.0 / np.where(paths > 0, paths, 1.0)
    for i in range(n):
        through = paths[i].copy()
        through[i] = 0.0
        passes = np.add.outer(steps[i], steps[i]) == steps
        result[i] = through @ (per_path * passes) @ through
        progress((i + 1) / n)
    return result / ((n - 1) * (n - 2))

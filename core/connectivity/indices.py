"""Graph indices of a set of patches: PC, IIC and what each patch adds to them (Eqs 6 and 7).

Feng, Bai & Wang (2024). Two patches at distance d are linked with probability ``p = exp(-k d)``. P* of
a pair is the largest product of probabilities over all paths, so stepping stones count; with this p it
is ``exp(-k D)``, D the shortest sum of distances. ``PC = sum_ij a_i a_j P*_ij / A_L^2`` (Saura &
Pascual-Hortal 2007, Landsc. Urban Plan. 83: 91); ``dPC = 100 (PC - PC without the patch) / PC`` has
three parts, intra, flux and connector (Saura & Rubio 2010, Ecography 33: 523). IIC counts links not
longer than the dispersal distance instead (Pascual-Hortal & Saura 2006, Landsc. Ecol. 21: 959). Same
as Conefor 2.6. Works on arrays alone: what a patch or a distance is, ``landscape`` says.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..progress import SILENT, Progress
from .dispersal import Dispersal
from .graph import HOPS, Graph, Links, LinksOrMatrix, Weights, checked_weights
from .removal import removal, removal_by_dispersal

if TYPE_CHECKING:
    from ..arrays import AnyArray, Floats, Ints

_SOURCES = 256  # sources whose paths are counted at once
_DENSE = 0.05  # share of linked pairs from which a full matrix multiplies faster


@dataclass(frozen=True)
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

    dpc: Floats
    dpc_intra: Floats
    dpc_flux: Floats
    dpc_connector: Floats
    diic: Floats
    diic_intra: Floats
    diic_flux: Floats
    diic_connector: Floats
    degree: Ints
    betweenness: Floats
    component: Ints
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


def connectivity(
    weight: Weights,
    links: LinksOrMatrix,
    dispersal: Dispersal,
    *,
    landscape_area: float | None = None,
    smallest_probability: float = 0.0,
    progress: Progress = SILENT,
) -> Connectivity:
    """PC, IIC, their parts per patch, and the graph of links.

    Parameters
    ----------
    weight : float array, shape (n,)
        At least 0, not all 0.
    links : Links, or float64 ndarray, shape (n, n)
        Direct distances; a matrix is symmetric, 0 on the diagonal, +inf where there is no link.
    dispersal : Dispersal
        A link not longer than its distance counts for IIC.
    landscape_area : float, optional
        In the unit of the weights.
    smallest_probability : float
        Pairs with a smaller P* are left out of PC: faster for wide landscapes. ``neglected`` of the result
        bounds what they hold. 0: exact.
    progress : Progress

    Returns
    -------
    Connectivity

    Raises
    ------
    InputError
        Weights that are all 0, an area not above 0, a probability not of 0 to 1.

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
    weight, links = checked_weights(weight), Links.of(links)
    _check_ranges(landscape_area, smallest_probability)
    longest = -math.log(smallest_probability) / dispersal.decay if smallest_probability > 0 else math.inf
    received, lost = removal_by_dispersal(links, weight, dispersal, longest=longest, progress=progress.part(0, 0.6))
    near = _no_longer_than(links, dispersal.distance)
    hops = Graph.of(Links(near.n, near.a, near.b, np.ones(len(near))))
    received_iic, lost_iic = removal(hops, weight, HOPS, progress=progress.part(0.6, 0.8))
    betweenness = _betweenness(near, progress.part(0.8, 1))
    component = _components(near, weight)
    area2 = math.nan if landscape_area is None else float(landscape_area) ** 2
    number, number_iic = float(weight @ received), float(weight @ received_iic)
    whole = float((weight * weight).sum())
    intra, flux, connector = _parts(weight, received, lost)
    intra_iic, flux_iic, connector_iic = _parts(weight, received_iic, lost_iic)
    direct = _sum_of_direct_links(_no_longer_than(links, longest), weight, dispersal)
    progress(1.0)
    return Connectivity(
        dpc=intra + flux + connector,
        dpc_intra=intra,
        dpc_flux=flux,
        dpc_connector=connector,
        diic=intra_iic + flux_iic + connector_iic,
        diic_intra=intra_iic,
        diic_flux=flux_iic,
        diic_connector=connector_iic,
        degree=np.bincount(np.concatenate((near.a, near.b)), minlength=links.n),
        betweenness=betweenness,
        component=component,
        pc=number / area2,
        ec=math.sqrt(number),
        iic=number_iic / area2,
        ec_iic=math.sqrt(number_iic),
        n_components=int(component.max()),
        n_links=len(near),
        pc_intra=100 * whole / number,
        pc_direct=100 * direct / number,
        pc_step=100 * (number - whole - direct) / number,
        neglected=smallest_probability * (float(weight.sum()) ** 2 - whole) / number,
    )


def _check_ranges(landscape_area: float | None, smallest_probability: float) -> None:
    if landscape_area is not None and not landscape_area > 0:
        raise InputError(
            f"{landscape_area:g} is not above 0; give the area of the whole landscape, or leave it empty.",
            parameter="landscape_area",
            value=landscape_area,
        )
    if not 0 <= smallest_probability < 1:
        raise InputError(
            f"{smallest_probability:g} is no probability from 0 to below 1; give 0 for exact results.",
            parameter="smallest_probability",
            value=smallest_probability,
        )


def _no_longer_than(links: Links, distance: float) -> Links:
    near = links.distance <= distance
    return Links(links.n, links.a[near], links.b[near], links.distance[near])


def _parts(weight: Floats, received: Floats, lost: Floats) -> tuple[Floats, Floats, Floats]:
    """Intra, flux and connector of each patch, in % of the sum over all pairs."""
    number = float(weight @ received)
    return 100 * (weight * weight) / number, 100 * (2 * weight * (received - weight)) / number, 100 * lost / number


def _sum_of_direct_links(links: Links, weight: Floats, dispersal: Dispersal) -> float:
    return 2 * float(weight[links.a] * weight[links.b] @ dispersal.probability_of(links.distance))


def _components(near: Links, weight: Floats) -> Ints:
    """Component per node, numbered from 1, heaviest first."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    graph = csr_matrix((np.ones(len(near)), (near.a, near.b)), (near.n, near.n))
    group = connected_components(graph, directed=False)[1]
    order = np.argsort(-np.bincount(group, weights=weight), kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(1, order.size + 1)
    component: Ints = rank[group]
    return component


def _betweenness(near: Links, progress: Progress) -> Floats:
    """Share of shortest paths (in links) of all other pairs that pass each node.

    Freeman (1977, Sociometry 40: 35) by the sums of Brandes (2001, J. Math. Sociol. 25: 163), for a block
    of sources at once.
    """
    from scipy.sparse import csr_matrix

    n, a, b = near.n, near.a, near.b
    result = np.zeros(n)
    if n < 3:
        return result
    graph = csr_matrix((np.ones(2 * a.size), (np.concatenate((a, b)), np.concatenate((b, a)))), (n, n))
    if graph.nnz > _DENSE * n * n:
        graph = graph.toarray()
    for first in range(0, n, _SOURCES):
        sources = np.arange(first, min(first + _SOURCES, n))
        result += _passed(graph, sources, progress).sum(axis=1)
        progress((first + sources.size) / n)
    return result / ((n - 1) * (n - 2))


def _passed(graph: AnyArray, sources: Ints, progress: Progress) -> Floats:
    """Shares of shortest paths from each source (columns) that pass each node (rows)."""
    column = np.arange(sources.size)
    shape = (graph.shape[0], sources.size)
    paths, steps = np.zeros(shape), np.full(shape, -1, dtype=np.int32)
    paths[sources, column], steps[sources, column] = 1.0, 0
    deepest = 0
    front: Floats = paths.copy()
    while True:
        progress.check()
        front = graph @ front
        front[steps >= 0] = 0.0
        if not front.any():
            break
        deepest += 1
        steps[front > 0] = deepest
        paths += front
    passed: Floats = np.zeros_like(paths)
    for level in range(deepest, 1, -1):
        progress.check()
        share = np.divide(1 + passed, paths, out=np.zeros_like(paths), where=steps == level)
        passed += (graph @ share) * np.where(steps == level - 1, paths, 0.0)
    passed[sources, column] = 0.0
    return passed

"""What PC loses or gains by changes to a set of patches: each link cut, links or patches added or left out.

All are exact, and each change is made alone; ``indices`` says what PC is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..progress import SILENT, Progress
from .dispersal import Dispersal
from .graph import Links, LinksOrMatrix, Weights, checked_weights
from .removal import path_strengths, removal_by_dispersal

if TYPE_CHECKING:
    from ..arrays import Floats, Ints


@dataclass(frozen=True)
class PatchGain:
    """What one candidate patch alone would add, in % of PC before: ``gain`` and its three parts.

    ``intra`` is the patch itself, ``flux`` its pairs with the others, ``connector`` what the others gain
    from each other because it is a stepping stone.
    """

    gain: float
    intra: float
    flux: float
    connector: float


def link_importance(
    weight: Weights, links: LinksOrMatrix, dispersal: Dispersal, *, progress: Progress = SILENT
) -> Floats:
    """DPC of each link: the loss of PC, in %, when this link alone is cut.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
    dispersal : Dispersal
    progress : Progress

    Returns
    -------
    float64 ndarray, shape (len(links),)
        0 where the patches are joined as well, or better, by others.

    Notes
    -----
    Exact, as `indices.connectivity` and in the same time.
    """
    weight, links = checked_weights(weight), Links.of(links)
    received, lost = removal_by_dispersal(links, weight, dispersal, of_links=True, progress=progress)
    result = np.zeros(len(links))
    result[: lost.size] = 100 * lost / float(weight @ received)
    return result


def gain_of_links(
    weight: Weights, links: LinksOrMatrix, new_links: Links, dispersal: Dispersal, *, progress: Progress = SILENT
) -> Floats:
    """Gain of PC, in % of PC before, if a link were added or shortened; each candidate alone.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
    new_links : Links
        The candidates; here a pair may come in any order and more than once.
    dispersal : Dispersal
    progress : Progress

    Returns
    -------
    float64 ndarray, shape (len(new_links),)
        At least 0.

    Notes
    -----
    Exact: a pair gains only if its path takes the new link, once. Time O(n^2) per candidate at most,
    16 bytes per pair of patches.
    """
    weight, links = checked_weights(weight), Links.of(links)
    strength = path_strengths(links, dispersal, progress.part(0, 0.5))
    number = float(weight @ strength @ weight)
    part = progress.part(0.5, 1)
    result = np.zeros(len(new_links))
    for i, (u, v, p) in enumerate(zip(new_links.a, new_links.b, dispersal.probability_of(new_links.distance))):
        part(i / len(result))
        # x - u - v - y helps only if u - v brings x nearer to v, and y nearer to u
        x = np.flatnonzero(strength[u] * p > strength[v])
        y = np.flatnonzero(strength[v] * p > strength[u])
        rise = np.multiply.outer(strength[u, x] * p, strength[v, y])
        rise -= strength[np.ix_(x, y)]
        result[i] = 200 * (weight[x] @ np.maximum(rise, 0, out=rise) @ weight[y]) / number
    progress(1.0)
    return result


def gain_of_patches(
    weight: Weights,
    links: LinksOrMatrix,
    new_weight: Weights,
    new_links: Sequence[tuple[Ints, Floats]],
    dispersal: Dispersal,
    *,
    progress: Progress = SILENT,
) -> list[PatchGain]:
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
    dispersal : Dispersal
    progress : Progress

    Returns
    -------
    list of PatchGain

    Notes
    -----
    Exact. Time O(n^2) per candidate, 24 bytes per pair of patches.
    """
    weight, links = checked_weights(weight), Links.of(links)
    strength = path_strengths(links, dispersal, progress.part(0, 0.5))
    number = float(weight @ strength @ weight)
    part = progress.part(0.5, 1)
    result = []
    for i, (own, (others, distance)) in enumerate(zip(new_weight, new_links)):
        part(i / len(new_links))
        reach = _reach(strength, others, dispersal.probability_of(np.asarray(distance, dtype=np.float64)))
        at = np.flatnonzero(reach)
        rise = np.multiply.outer(reach[at], reach[at])
        rise -= strength[np.ix_(at, at)]
        connector = weight[at] @ np.maximum(rise, 0, out=rise) @ weight[at]
        intra, flux, connector = (
            100 * float(value) / number for value in (own * own, 2 * own * (weight @ reach), connector)
        )
        result.append(PatchGain(sum((intra, flux, connector)), intra, flux, connector))
    progress(1.0)
    return result


def neglected_share(
    weight: Weights, links: LinksOrMatrix, longest: float, dispersal: Dispersal, *, progress: Progress = SILENT
) -> tuple[float, float]:
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
    dispersal : Dispersal
    progress : Progress

    Returns
    -------
    share : float
        PC with all links is at most this share of PC above it.
    probability : float
        p_L, of a link as long as ``longest``.
    """
    weight, links = checked_weights(weight), Links.of(links)
    strength = path_strengths(links, dispersal, progress)
    number = float(weight @ strength @ weight)
    probability = dispersal.probability_of(float(longest))
    short = np.maximum(probability - strength, 0, out=strength)
    return float(weight @ short @ weight) / number, probability


def kept_share(
    weight: Weights,
    links: LinksOrMatrix,
    order: Ints | Sequence[int],
    dispersal: Dispersal,
    *,
    progress: Progress = SILENT,
) -> Floats:
    """EC(PC) of the first patches of an order alone, as a share of that of all.

    Parameters
    ----------
    weight : float array, shape (n,)
    links : Links, or distance matrix
    order : int array, shape (n,)
        Positions of all patches, the most important first.
    dispersal : Dispersal
    progress : Progress

    Returns
    -------
    float64 ndarray, shape (n,)
        Share 0 to 1 of the first k + 1 patches, paths through the others not counted; never falls, ends at 1.

    Notes
    -----
    Exact; patches join one by one. Time O(n^3): 800 patches took 4 s, 2,000 take about a minute. 16 bytes per
    pair of patches, and as much again while one joins.
    """
    weight, links = checked_weights(weight), Links.of(links)
    n, order = links.n, np.asarray(order, dtype=np.int64)
    direct = dispersal.probability_of(links.matrix())[np.ix_(order, order)]
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
    share: Floats = np.sqrt(result / number)
    return share


def _reach(strength: Floats, others: Ints, probability: Floats) -> Floats:
    """Largest probability between a newcomer and each patch, by its direct links to ``others``."""
    others = np.asarray(others, dtype=np.int64)
    if not others.size:
        return np.zeros(strength.shape[0])
    reach: Floats = (strength[others] * probability[:, None]).max(axis=0)
    return reach

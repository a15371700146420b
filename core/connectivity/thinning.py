"""Dense graphs are thinned before paths are searched in them.

A link is left out where two other patches each make a shorter two-step way, since whatever single node or link is
removed, one of the two is left; by induction on length the thinned graph has the same distances as the whole, also
without any one node or link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..progress import SILENT, Progress
from .graph import Graph, Links

if TYPE_CHECKING:
    from ..arrays import Bools, Floats

_CLOSE = 1e-12  # relative difference of lengths that is rounding
_THIN_FROM = 24  # links per node from which thinning pays
_THIN_NODES = 12_000  # nodes up to which the (n, n) matrix that it needs is made
_WITNESSES = 32  # patches in between that are looked at in one numpy step


def needed_links(links: Links, progress: Progress = SILENT) -> Graph | None:
    """The graph of the links that shortest paths need, also without any one patch or link.

    Returns
    -------
    Graph or None
        None where all pairs are linked and no detour is shorter than a link, as between points.
    """
    if not _worth_thinning(links):
        return Graph.of(links)
    keep, metric = thinned(links, links.matrix(), progress)
    if metric:
        return None
    return Graph.of(Links(links.n, links.a[keep], links.b[keep], links.distance[keep]), np.flatnonzero(keep))


def _worth_thinning(links: Links) -> bool:
    """Whether a graph is dense, and small enough for the (n, n) matrix that thinning needs."""
    return len(links) * 2 > _THIN_FROM * links.n and links.n <= _THIN_NODES


def thinned(links: Links, matrix: Floats, progress: Progress = SILENT) -> tuple[Bools, bool]:
    """Which links are needed for all shortest paths, also when any one node or link is removed.

    None is dropped where every distance is the shortest way itself, as between points: ``metric``.

    Parameters
    ----------
    links : Links
    matrix : float64 ndarray, shape (n, n)
        The same links, +inf where there is none.
    progress : Progress

    Returns
    -------
    keep : bool ndarray, shape (number of links,)
    metric : bool
        All pairs are linked, and no detour is shorter than a link (by more than rounding).
    """
    n = links.n
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
    between = witnesses[links.a, links.b] + witnesses[links.b, links.a]
    return between < 2, 2 * len(between) == n * (n - 1) and not between.any()

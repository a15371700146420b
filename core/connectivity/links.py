"""Direct links between patches: how far two of them are apart, by edges, centroids or accumulated cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from osgeo import ogr

from ..arrays import Floats, Ints
from ..cost_distance import CostGrid, Search, cost_surfaces
from ..errors import InputError
from ..geometry.cells import ThinPolygons, cells_of
from ..geometry.polygon_distance import Pairs, edge_links
from ..grid.grid import Grid
from ..options import Option
from ..progress import SILENT, Progress
from .graph import Links

SurfaceT = TypeVar("SurfaceT")


class PatchDistance(Option):
    """Between what the distance of two patches is measured."""

    EDGE = "edge", "edge"
    CENTROID = "centroid", "centroid"
    LEAST_COST = "least cost", "least cost"

    @property
    def unit(self) -> str:
        """The unit of such distances."""
        return "resistance x m" if self is PatchDistance.LEAST_COST else "m"


def required_surface(resistance: SurfaceT | None) -> SurfaceT:
    """The resistance surface, which least-cost distances need.

    Raises
    ------
    InputError
        When there is none; names ``resistance``.
    """
    if resistance is None:
        raise InputError(
            "least-cost distances need a resistance surface; choose one, or another distance between patches.",
            parameter="resistance",
        )
    return resistance


@dataclass(frozen=True)
class LinkRule:
    """How links between patches are measured.

    Parameters
    ----------
    distance : PatchDistance
    limit : float
        Longest link, in metres; resistance x metre for least cost.
    resistance : grid.Grid, optional
        For least cost.

    Raises
    ------
    InputError
        Least cost without resistance; names ``resistance``.
    """

    distance: PatchDistance = PatchDistance.EDGE
    limit: float = math.inf
    resistance: Grid | None = None

    def __post_init__(self) -> None:
        if self.distance is PatchDistance.LEAST_COST:
            required_surface(self.resistance)

    @property
    def surface(self) -> Grid:
        """The resistance of least cost."""
        return required_surface(self.resistance)


def patch_links(
    geometries: Sequence[ogr.Geometry],
    rule: LinkRule,
    *,
    names: Sequence[str] = (),
    first: int | None = None,
    progress: Progress = SILENT,
) -> Links:
    """Links of all pairs of patches, or of those within a distance.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        Valid polygons in one CRS in metres; that of the resistance for least cost.
    rule : LinkRule
    names : sequence of str
        What messages call the patches.
    first : int, optional
        Only links of one of the first so many with one of the rest.
    progress : Progress

    Returns
    -------
    Links
        24 bytes per link; see the rules for what else they hold.
    """
    if rule.distance is PatchDistance.EDGE:
        found = edge_links(geometries, rule.limit, first=first, progress=progress)
    elif rule.distance is PatchDistance.CENTROID:
        found = centroid_links(geometries, rule.limit, first=first, progress=progress)
    else:
        found = cost_links(geometries, rule.surface, names=names, limit=rule.limit, first=first, progress=progress)
    return Links(len(geometries), *found)


def centroid_links(
    geometries: Sequence[ogr.Geometry],
    limit: float = math.inf,
    *,
    first: int | None = None,
    progress: Progress = SILENT,
) -> Pairs:
    """``(a, b, metres)`` between centroids, found by a k-d tree where there is a limit."""
    points = np.array([(c.GetX(), c.GetY()) for c in (g.Centroid() for g in geometries)]).reshape(-1, 2)
    progress.check()
    if math.isfinite(limit):
        from scipy.spatial import cKDTree

        reach = limit * (1 + 1e-9)  # of the tree, which rounds in its own way
        a, b = cKDTree(points).query_pairs(reach, output_type="ndarray").T if len(points) else np.zeros((2, 0))
        a, b = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
        order = np.lexsort((b, a))
        a, b = a[order], b[order]
    else:
        a, b = np.triu_indices(len(points), 1)
    if first is not None:
        wanted = (a < first) & (b >= first)
        a, b = a[wanted], b[wanted]
    distance = np.hypot(*(points[a] - points[b]).T)
    near = distance <= limit
    progress(1.0)
    return a[near], b[near], distance[near]


def least_distances(geometries: Sequence[ogr.Geometry], rule: LinkRule, links: Links) -> Floats:
    """Matrix (n, n) of links and, for pairs without one, of a length that they have at least.

    By edges that is the gap of their boxes, by centroids the distance itself, by least cost the gap over
    ground of the lowest resistance, less the half cells at its ends; the limit at least.
    """
    if rule.distance is PatchDistance.CENTROID:
        matrix = Links(len(geometries), *centroid_links(geometries)).matrix()
    else:
        west, east, south, north = np.array([g.GetEnvelope() for g in geometries]).T
        gap_x = np.maximum(np.subtract.outer(west, east), 0)
        gap_y = np.maximum(np.subtract.outer(south, north), 0)
        matrix = np.hypot(np.maximum(gap_x, gap_x.T), np.maximum(gap_y, gap_y.T))
    if rule.distance is PatchDistance.LEAST_COST:
        resistance = rule.surface
        cells, values = resistance.template, resistance.values[resistance.valid]
        matrix -= math.hypot(cells.cell_width, cells.cell_height)
        matrix *= float(values[values > 0].min())
    np.maximum(matrix, rule.limit, out=matrix)
    np.fill_diagonal(matrix, 0.0)
    matrix[links.a, links.b] = matrix[links.b, links.a] = links.distance
    return matrix


def cost_links(
    geometries: Sequence[ogr.Geometry],
    resistance: Grid,
    *,
    names: Sequence[str],
    limit: float = math.inf,
    first: int | None = None,
    progress: Progress = SILENT,
) -> Pairs:
    """``(a, b, resistance x metre)`` of the least accumulated cost between edges; absent where nothing leads.

    From every cell of a patch (its centre inside the polygon; where it holds none, those it touches) to
    the nearest cell of the other. One cost surface per patch, which ends at the limit or once all others are
    reached: they take the time. Memory: about 21 bytes per cell, 8 more per cell of a patch.
    """
    cost_grid = CostGrid(resistance)
    starts = []
    for geometry, name in zip(geometries, names):
        progress.check()
        starts.append(_start(cost_grid, geometry, name[:1].upper() + name[1:], resistance.name))
    n = len(starts)
    found: list[Pairs] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    if n > 1:
        cells, begin = np.concatenate(starts), np.cumsum([0, *(cells.size for cells in starts)])
        seeds = range(n - 1) if first is None else range(first, n)
        others = [range(i + 1, n) if first is None else range(first) for i in seeds]
        # with a limit the others are many and mostly beyond it: asking whether all are reached costs more than it saves
        searches = [
            Search(
                starts[i],
                targets=() if math.isfinite(limit) else [starts[j] for j in turn],
                max_cost=limit,
            )
            for i, turn in zip(seeds, others)
        ]
        surfaces = cost_surfaces(cost_grid, searches, progress=progress)
        for i, turn, costs in zip(seeds, others, surfaces):
            if len(turn):
                low, high = begin[turn[0]], begin[turn[-1] + 1]
                cost = np.minimum.reduceat(costs[cells[low:high]], begin[turn[0] : turn[-1] + 1] - low)
                near = np.flatnonzero(np.isfinite(cost))
                j = near + turn[0]
                found.append((np.minimum(i, j), np.maximum(i, j), cost[near]))
    a, b, cost = (np.concatenate(parts) for parts in zip(*found))
    order = np.lexsort((b, a))
    progress(1.0)
    return a[order], b[order], cost[order]


def _start(cost_grid: CostGrid, geometry: ogr.Geometry, name: str, surface: str) -> Ints:
    """The cells of a patch from which its cost surface starts."""
    template = cost_grid.template
    rows, cols = cells_of(geometry, template, thin=ThinPolygons.TOUCHED)
    if not rows.size:
        raise InputError(
            f"{name} lies outside the resistance surface '{surface}': choose one that covers all patches.",
            layer=surface,
        )
    cells = cost_grid.index(rows, cols)
    cells = cells[cost_grid.passable(cells)]
    if not cells.size:
        raise InputError(
            f"{name} has no cell with a resistance above 0 in '{surface}': choose a surface that covers the patches.",
            layer=surface,
        )
    return cells


def shortest_ways(links: Links, a: Ints, b: Ints, progress: Progress = SILENT) -> Floats:
    """Length of the shortest way over all links between pairs of patches, +inf where there is none."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    a, b = np.asarray(a, dtype=np.int64), np.asarray(b, dtype=np.int64)
    # an explicit 0 would count as no link: the smallest number counts as one, and vanishes in any sum
    length = np.maximum(links.distance, np.finfo(np.float64).tiny)
    graph = csr_matrix((length, (links.a, links.b)), shape=(links.n, links.n))
    result = np.full(a.size, np.inf)
    for start in np.unique(a):
        progress.check()
        pairs = np.flatnonzero(a == start)
        found = dijkstra(graph, directed=False, indices=start)[b[pairs]]
        result[pairs] = np.where(found < 1e-200, 0.0, found)
    return result

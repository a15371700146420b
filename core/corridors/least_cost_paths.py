"""Corridors between sources as least-cost paths (minimum cumulative resistance, Eq 8).

Feng, Bai & Wang (2024) join every pair of 21 sources, from source point to source point. Each path
is computed from the end whose first cell comes first in the raster, so cost and line do not depend on
the sources' numbers or order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from osgeo import ogr

from ..arrays import Floats, Ints
from ..cost_distance import CostGrid, Search, allocation, cost_surfaces, least_cost_path
from ..errors import InputError
from ..geometry.cells import line_through
from ..geometry.layers import Layer, LayerSource
from ..grid.grid import Grid, Template, float_grid
from ..options import Option
from ..progress import SILENT, Progress
from .corridor_surface import CorridorSurface
from .source_cells import PathEnds, SourceCells, SourcesOfCells, check_sources, locate_sources, named, require_two

MANY_SOURCES = 30


class PairsOfSources(Option):
    """Which pairs of sources are joined."""

    ALL = "all"
    NEIGHBOURS = "neighbours"


@dataclass(frozen=True)
class CorridorChoices:
    """How sources are joined.

    Parameters
    ----------
    path_ends : PathEnds
        From the cell of the area-weighted centre, moved to the source's nearest passable cell where
        it lies outside or on a barrier; or from edge to edge, any cell of a source to any of the other.
    pairs : PairsOfSources
        All n (n - 1) / 2 pairs, or those whose zones of least cost touch. Costs are exact in both.
    max_cost : float, optional
        Dearer pairs are left unjoined, resistance x metre; above 0.
    with_surface : bool
        Also the mosaic, the minimum over the pairs joined of ``CWD_a + CWD_b - LCD_ab``: the cost of
        a detour through each cell beyond the pair's least cost. Holds 8 bytes per cell and source,
        in a temporary file above 1 GiB.

    Raises
    ------
    InputError
        A highest cost that is not above 0; names ``max_cost``.
    """

    path_ends: PathEnds = PathEnds.POINTS
    pairs: PairsOfSources = PairsOfSources.ALL
    max_cost: float | None = None
    with_surface: bool = False

    def __post_init__(self) -> None:
        if self.max_cost is not None and not self.max_cost > 0:
            raise InputError(
                f"the highest cost of a corridor, {self.max_cost:g}, has to be above 0: raise it, or leave it empty.",
                parameter="max_cost",
                value=self.max_cost,
            )

    @property
    def limit(self) -> float:
        """The highest cost, infinite where there is none."""
        return math.inf if self.max_cost is None else float(self.max_cost)


@dataclass
class Corridor:
    """One least-cost path; attributes are the fields of the corridors layer.

    Parameters
    ----------
    corridor_id : int
        From 1, in the order of ``source_a``, ``source_b``.
    source_a, source_b : int
        ``source_a < source_b``.
    cost : float
        Accumulated cost, resistance x metre.
    length_m, euclidean_m : float
        Along the path, and straight between its two ends.
    mean_resistance : float
        ``cost / length_m``.
    redundant : bool
        The path enters a third source.
    via : str
        The third sources' ids, ascending, as ``3,7``.
    rows, cols : integer arrays
        The path's cells from ``source_a`` to ``source_b``.
    """

    corridor_id: int
    source_a: int
    source_b: int
    cost: float
    length_m: float
    euclidean_m: float
    mean_resistance: float
    redundant: bool
    via: str
    rows: Ints = field(repr=False)
    cols: Ints = field(repr=False)

    def line(self, template: Template) -> ogr.Geometry:
        """OGR line through the cells' centres."""
        return line_through(template, self.rows, self.cols)


@dataclass
class CorridorNetwork:
    """What :func:`corridors` finds: paths, pairs that no path joins, and the corridor surface."""

    corridors: list[Corridor]
    unreachable: list[tuple[int, int]]
    surface: Grid | None = None


def check_outline(sources: LayerSource, template: Template) -> None:
    """Refuse, before work starts, sources of which a look at the layer shows that they cannot be joined.

    Raises
    ------
    InputError
        No source, one source only, or all of them away from the resistance surface.
    """
    outline = sources.outline
    outline.require_some("source polygon")
    require_two(sources.count, sources.name)
    outline.to_crs_near(template.crs, template.bounds, other=template.name)


def corridors(
    resistance: Grid,
    sources: Layer,
    *,
    ids: Sequence[int],
    choices: CorridorChoices,
    progress: Progress = SILENT,
) -> CorridorNetwork:
    """Least-cost corridors between sources.

    Parameters
    ----------
    resistance : Grid
        Resistance above 0; nodata and 0 are barriers.
    sources : Layer
        Polygons with a known CRS.
    ids : sequence of int
        One per source, all different (:func:`~econet.core.ids.source_ids`).
    choices : CorridorChoices

    Returns
    -------
    CorridorNetwork
        Pairs that barriers or the highest cost keep apart are in ``unreachable``, as (source_a, source_b).

    Raises
    ------
    InputError
        Sources that :func:`check_sources` refuses, that lie on barriers or in the same cell; negative
        or no resistance.

    Notes
    -----
    Costs, marks and half resistances of up to four surfaces at once (numpy engine, below 8 million
    cells): about 21 bytes per cell and surface.
    """
    sources = check_sources(sources, ids, resistance.template, progress=progress)
    cost_grid = CostGrid(resistance)
    if cost_grid.n_zero:
        progress.warn(
            f"Raster '{resistance.name}' has {cost_grid.n_zero} cell(s) with resistance 0: no corridor "
            f"passes there; give them a value above 0 if one may."
        )
    located = locate_sources(cost_grid, sources, ids, path_ends=choices.path_ends, progress=progress)
    search = _Search(cost_grid, located, choices)
    if choices.pairs is PairsOfSources.NEIGHBOURS:
        search.keep_neighbours(progress.part(0, 0.1))
        progress = progress.part(0.1, 1)
    elif len(located) > MANY_SOURCES:
        progress.log(
            f"{len(located)} sources make {len(located) * (len(located) - 1) // 2} pairs: neighbours only is quicker "
            f"and easier to read above {MANY_SOURCES} sources."
        )
    search.run(progress.part(0, 0.85 if choices.with_surface else 1))
    network = search.network()
    _log_network(located, network, choices.limit, progress)
    flat = search.mosaic(progress.part(0.85, 1))
    if flat is not None:
        network.surface = float_grid(cost_grid.to_map(flat), resistance.template, "corridor surface")
    return network


class _Search:
    """Least-cost paths of all pairs that are wanted, from one source after the other."""

    def __init__(self, cost_grid: CostGrid, sources: Sequence[SourceCells], choices: CorridorChoices) -> None:
        count = len(sources)
        self._cost_grid, self._sources, self._choices = cost_grid, sources, choices
        self._partners = [list(range(k + 1, count)) for k in range(count)]
        self._limits = [choices.limit] * count
        self._found: list[tuple[Corridor, int, int]] = []
        self._unreachable: list[tuple[int, int]] = []
        self._surface = CorridorSurface(count, cost_grid.size) if choices.with_surface else None

    def keep_neighbours(self, progress: Progress) -> None:
        """Leave only pairs whose zones of least cost touch, and bound the costs by those of such places."""
        self._partners, self._limits = _neighbours(self._cost_grid, self._sources, self._choices.limit, progress)

    def run(self, progress: Progress) -> None:
        whole = self._surface is not None
        roots = [k for k in range(len(self._sources)) if whole or self._partners[k]]
        searches = [
            Search(self._sources[root].ends, max_cost=self._choices.limit)
            if whole
            else Search(
                self._sources[root].ends,
                targets=[self._sources[k].ends for k in self._partners[root]],
                max_cost=self._limits[root],
            )
            for root in roots
        ]
        surfaces = cost_surfaces(self._cost_grid, searches, progress=progress)
        owners = SourcesOfCells(self._sources)
        for root, costs in zip(roots, surfaces):
            if self._surface is not None:
                self._surface.keep(root, costs)
            for partner in self._partners[root]:
                progress.check()
                self._join(root, partner, costs, owners)

    def _join(self, root: int, partner: int, costs: Floats, owners: SourcesOfCells) -> None:
        one, two = self._sources[root], self._sources[partner]
        end = int(two.ends[np.argmin(costs[two.ends])])
        if costs[end] < math.inf:
            path = np.array(least_cost_path(self._cost_grid, costs, end))
            via = owners.along(path) - {one.identifier, two.identifier}
            self._found.append((self._corridor(path, one, two, float(costs[end]), via), root, partner))
        else:
            self._unreachable.append((min(one.identifier, two.identifier), max(one.identifier, two.identifier)))

    def _corridor(self, path: Ints, one: SourceCells, two: SourceCells, cost: float, via: set[int]) -> Corridor:
        """The corridor of a path that leads from ``two`` back to ``one``."""
        if one.identifier < two.identifier:
            path = path[::-1]
        rows, cols = self._cost_grid.rows_cols(path)
        dx, dy = self._cost_grid.template.cell_width, self._cost_grid.template.cell_height
        across, down = np.diff(cols) != 0, np.diff(rows) != 0
        length_m = (
            np.count_nonzero(across & ~down) * dx
            + np.count_nonzero(down & ~across) * dy
            + np.count_nonzero(across & down) * math.hypot(dx, dy)
        )
        return Corridor(
            corridor_id=0,
            source_a=min(one.identifier, two.identifier),
            source_b=max(one.identifier, two.identifier),
            cost=cost,
            length_m=float(length_m),
            euclidean_m=math.hypot(float(cols[-1] - cols[0]) * dx, float(rows[-1] - rows[0]) * dy),
            mean_resistance=cost / length_m,
            redundant=bool(via),
            via=",".join(str(identifier) for identifier in sorted(via)),
            rows=rows,
            cols=cols,
        )

    def network(self) -> CorridorNetwork:
        """The corridors in the order of their sources, numbered from 1."""
        self._found.sort(key=lambda item: (item[0].source_a, item[0].source_b))
        for number, (corridor, _, _) in enumerate(self._found, start=1):
            corridor.corridor_id = number
        return CorridorNetwork([corridor for corridor, _, _ in self._found], sorted(self._unreachable))

    def mosaic(self, progress: Progress) -> Floats | None:
        """The corridor surface, flat; None where it is not wanted."""
        if self._surface is None:
            return None
        joined = [(root, partner, corridor.cost) for corridor, root, partner in self._found]
        return self._surface.mosaic(joined, progress=progress)


def _log_network(sources: Sequence[SourceCells], network: CorridorNetwork, limit: float, progress: Progress) -> None:
    if network.unreachable:
        pairs = named(f"{a}-{b}" for a, b in network.unreachable)
        why = "barriers" if limit == math.inf else f"barriers or a cost above {limit:g}"
        progress.warn(f"{len(network.unreachable)} pair(s) of sources are not joined because of {why}: {pairs}.")
    joined = {end for corridor in network.corridors for end in (corridor.source_a, corridor.source_b)}
    alone = sorted(source.identifier for source in sources if source.identifier not in joined)
    if alone:
        progress.warn(f"Source(s) {named(alone)} have no corridor at all.")
    redundant = sum(corridor.redundant for corridor in network.corridors)
    progress.log(
        f"{len(network.corridors)} corridor(s) join {len(joined)} sources; {redundant} pass through a third source "
        f"(redundant)."
    )


def _neighbours(
    cost_grid: CostGrid, sources: Sequence[SourceCells], limit: float, progress: Progress
) -> tuple[list[list[int]], list[float]]:
    """Pairs whose zones of least cost touch, and per source the cost within which all its pairs lie.

    Where two zones touch, the path over that place bounds the pair's cost from above; the exact cost
    is found by a search within the bound.
    """
    ends = [source.ends for source in sources]
    costs = next(
        cost_surfaces(cost_grid, [Search(np.concatenate(ends), max_cost=limit)], progress=progress.part(0, 0.8))
    )
    zones = allocation(cost_grid, costs, ends, progress=progress.part(0.8, 1))
    bounds: dict[tuple[int, int], float] = {}
    for offset, length in zip(cost_grid.offsets.tolist(), cost_grid.lengths.tolist()):
        if offset < 0:
            continue
        here = np.flatnonzero((zones[:-offset] != zones[offset:]) & (zones[:-offset] > 0) & (zones[offset:] > 0))
        there = here + offset
        cost = costs[here] + costs[there] + (cost_grid.half[here] + cost_grid.half[there]) * length
        pair = np.sort(np.stack((zones[here], zones[there])), axis=0) - 1
        key = pair[0].astype(np.int64) * len(sources) + pair[1]
        order = np.lexsort((cost, key))
        for k in order[np.unique(key[order], return_index=True)[1]]:
            a, b = int(pair[0, k]), int(pair[1, k])
            bounds[a, b] = min(bounds.get((a, b), math.inf), float(cost[k]))
    partners: list[list[int]] = [[] for _ in sources]
    limits = [0.0] * len(sources)
    for (a, b), bound in sorted(bounds.items()):
        partners[a].append(b)
        # the sum is rounded in another order than along the path
        limits[a] = min(limit, max(limits[a], bound * (1 + 1e-9)))
    return partners, limits

"""Corridors between sources as least-cost paths (minimum cumulative resistance, Eq 8).

Feng, Bai & Wang (2024) join every pair of 21 sources, from source point to source point. Each path
is computed from the end whose first cell comes first in the raster, so cost and line do not depend on
the sources' numbers or order.
"""

import math
import tempfile
from dataclasses import dataclass, field

import numpy as np

from ..cost_distance import CostGrid, allocation, floods, trace
from ..errors import InputError, first_few
from ..gdal_session import gdal_exceptions
from ..geometry.cells import cells_of, line_through
from ..grid.grid import Grid, float_grid
from ..progress import SILENT

# append only: saved models hold the index
POINTS, EDGES = PATH_ENDS = (0, 1)
ALL_PAIRS, NEIGHBOURS = PAIRS = (0, 1)
MANY_SOURCES = 30
_IN_MEMORY_BYTES = 1 << 30
_MOSAIC_CELLS = 16384


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
    rows: np.ndarray = field(repr=False)
    cols: np.ndarray = field(repr=False)

    def line(self, template):
        """OGR line through the cells' centres."""
        return line_through(template, self.rows, self.cols)


@dataclass
class CorridorNetwork:
    """What :func:`corridors` finds: paths, pairs that no path joins, and the corridor surface."""

    corridors: list
    unreachable: list
    surface: Grid = None


@dataclass
class _Source:
    identifier: int
    cells: np.ndarray  # its passable cells, flat
    ends: np.ndarray  # where its paths may start


# sources -----------------------------------------------------------------------------------------


def check_sources(sources, ids, template, progress=SILENT):
    """Refuse sources that cannot be joined on a template's cells; returns them in its CRS.

    Raises
    ------
    InputError
        Fewer than two, no polygon, smaller than one cell, or outside the raster.
    """
    sources.require_some("source polygon")
    if len(sources) < 2:
        raise InputError(
            f"Layer '{sources.name}' has one source only, and a corridor joins two: choose a "
            f"layer with more sources (mind the selection and the filter)."
        )
    sources = sources.to_crs(template.crs, progress).valid_polygons(progress)
    west, south, east, north = template.bounds
    for identifier, geometry in zip(ids, sources.geometries):
        area = geometry.GetArea()
        if geometry.GetDimension() < 2 or area <= 0:
            raise InputError(
                f"Source {identifier} of layer '{sources.name}' is no polygon: sources are "
                f"areas; buffer points and lines, or choose the polygon layer."
            )
        left, right, low, high = geometry.GetEnvelope()
        if left >= east or right <= west or low >= north or high <= south:
            raise InputError(
                f"Source {identifier} of layer '{sources.name}' lies outside raster "
                f"'{template.name}': remove it, or use a resistance surface that covers it."
            )
        if area < template.cell_area_m2 * (1 - 1e-6):
            raise InputError(
                f"Source {identifier} of layer '{sources.name}' covers {area:.6g} m2, less than one cell of "
                f"'{template.name}' ({template.cell_area_m2:.6g} m2): remove it, merge it with a "
                f"neighbour, or use a resistance surface with finer cells."
            )
    return sources


def _source_of(cost_grid, identifier, geometry, path_ends, layer, moved):
    """A source's cells and ends; its id joins ``moved`` where the end is not the centre's cell."""
    template = cost_grid.template
    rows, cols = cells_of(geometry, template, False)
    if not rows.size:  # a thin source between cell centres is all the cells that it touches
        rows, cols = cells_of(geometry, template, True)
    cells = cost_grid.index(rows, cols)
    passable = cost_grid.passable(cells)
    if not passable.any():
        raise InputError(
            f"Source {identifier} of layer '{layer}' lies wholly on barriers of raster "
            f"'{cost_grid.name}' (nodata or 0): give its cells a resistance, or remove it."
        )
    rows, cols, cells = rows[passable], cols[passable], cells[passable]
    if path_ends == EDGES:
        return _Source(identifier, cells, cells)
    with gdal_exceptions():
        centre = geometry.Centroid()
        inside = geometry.Intersects(centre)
    x, y = centre.GetX(), centre.GetY()
    west, dx, _, north, _, dy = template.transform
    # a centre on the edge between cells belongs to the next one whatever its last digits say
    row, col = (math.floor(round(at, 6)) for at in ((y - north) / dy, (x - west) / dx))
    if inside and template.contains(row, col):
        end = int(cost_grid.index(row, col))
        if cost_grid.passable(end):
            return _Source(identifier, cells, np.array([end]))
    xs, ys = template.xy(rows, cols)
    nearest = int(np.argmin(np.hypot(xs - x, ys - y)))
    moved.append(identifier)
    return _Source(identifier, cells, cells[nearest : nearest + 1])


def _require_apart(sources, layer):
    """Refuse two sources whose paths would start in one cell."""
    cells = np.concatenate([source.ends for source in sources])
    owners = np.repeat(np.arange(len(sources)), [source.ends.size for source in sources])
    order = np.argsort(cells, kind="stable")
    same = np.flatnonzero(np.diff(cells[order]) == 0)
    if same.size:
        a, b = (sources[owners[order[same[0] + k]]].identifier for k in (0, 1))
        raise InputError(
            f"Sources {min(a, b)} and {max(a, b)} of layer '{layer}' begin in the same cell, so "
            f"no corridor can join them: merge them, or cut one out of the other."
        )


# corridors ---------------------------------------------------------------------------------------


def corridors(
    resistance, sources, ids, path_ends=POINTS, pairs=ALL_PAIRS, max_cost=None, with_surface=False, progress=SILENT
):
    """Least-cost corridors between sources.

    Parameters
    ----------
    resistance : Grid
        Resistance above 0; nodata and 0 are barriers.
    sources : Features
        Polygons with a known CRS.
    ids : list of int
        One per source, all different (:func:`source_ids`).
    path_ends : POINTS or EDGES
        From the cell of the area-weighted centre, moved to the source's nearest passable cell where
        it lies outside or on a barrier; or from edge to edge, any cell of a source to any of the other.
    pairs : ALL_PAIRS or NEIGHBOURS
        All n (n - 1) / 2 pairs, or those whose zones of least cost touch. Costs are exact in both.
    max_cost : float, optional
        Dearer pairs are left unjoined, resistance x metre.
    with_surface : bool
        Also the mosaic, the minimum over the pairs joined of ``CWD_a + CWD_b - LCD_ab``: the cost of
        a detour through each cell beyond the pair's least cost. Holds 8 bytes per cell and source,
        in a temporary file above 1 GiB.
    progress : Progress

    Returns
    -------
    CorridorNetwork
        Pairs that barriers or ``max_cost`` keep apart are in ``unreachable``, as (source_a, source_b).

    Raises
    ------
    InputError
        An unknown choice; sources that :func:`check_sources` refuses, that lie on barriers or in the same cell; negative
        or no resistance.

    Notes
    -----
    Labels, marks and half resistances of up to four floods at once (numpy engine, below 8 million
    cells): about 21 bytes per cell and flood.
    """
    layer, template = sources.name, resistance.template
    for key, value, known in (("PATH_ENDS", path_ends, PATH_ENDS), ("PAIRS", pairs, PAIRS)):
        if value not in known:
            raise InputError(f"{key} {value} is unknown: choose {' or '.join(map(str, known))}.")
    if max_cost is not None and not max_cost > 0:
        raise InputError(
            f"The highest cost of a corridor is {max_cost:g}, and has to be above 0: raise it, or leave it empty."
        )
    sources = check_sources(sources, ids, template, progress)
    grid = CostGrid(resistance)
    if grid.n_zero:
        progress.warn(
            f"Raster '{resistance.name}' has {grid.n_zero} cell(s) with resistance 0: no corridor "
            f"passes there; give them a value above 0 if one may."
        )
    places, moved = [], []
    for identifier, geometry in zip(ids, sources.geometries):
        progress.check()
        places.append(_source_of(grid, identifier, geometry, path_ends, layer, moved))
    if moved:
        progress.log(
            f"The centre of source(s) {_list(moved)} lies outside the source or on a barrier: its "
            f"corridors end at the source's nearest cell that can be passed."
        )
    _require_apart(places, layer)
    places.sort(key=lambda place: int(place.ends.min()))
    count = len(places)
    if pairs == ALL_PAIRS and count > MANY_SOURCES:
        progress.log(
            f"{count} sources make {count * (count - 1) // 2} pairs: neighbours only is quicker and "
            f"easier to read above {MANY_SOURCES} sources."
        )
    limit = math.inf if max_cost is None else float(max_cost)
    if pairs == NEIGHBOURS:
        partners, limits = _neighbours(grid, places, limit, progress.part(0, 0.1))
    else:
        partners, limits = [list(range(k + 1, count)) for k in range(count)], [limit] * count
    progress = progress.part(0.1 if pairs == NEIGHBOURS else 0, 1)

    found, unreachable = [], []
    owners = _Owners(places)
    store = _Surfaces(count, grid.size) if with_surface else None
    roots = [k for k in range(count) if with_surface or partners[k]]
    targets = None if with_surface else [[places[k].ends for k in partners[root]] for root in roots]
    results = floods(
        grid,
        [places[k].ends for k in roots],
        targets,
        [limit if with_surface else limits[k] for k in roots],
        progress.part(0, 0.85 if with_surface else 1),
    )
    for root, labels in zip(roots, results):
        if store is not None:
            store.keep(root, labels)
        for k in partners[root]:
            progress.check()
            end = places[k].ends[np.argmin(labels[places[k].ends])]
            if labels[end] < math.inf:
                found.append((_corridor(grid, labels, end, places[root], places[k], owners), root, k))
            else:
                a, b = places[root].identifier, places[k].identifier
                unreachable.append((min(a, b), max(a, b)))
    found.sort(key=lambda item: (item[0].source_a, item[0].source_b))
    for number, (corridor, _, _) in enumerate(found, start=1):
        corridor.corridor_id = number
    unreachable.sort()
    _report(places, found, unreachable, limit, progress)
    surface = None
    if store is not None:
        joined = [(root, k, corridor.cost) for corridor, root, k in found]
        surface = float_grid(grid.to_map(store.mosaic(joined, progress.part(0.85, 1))), template, "corridor surface")
    return CorridorNetwork([corridor for corridor, _, _ in found], unreachable, surface)


def _corridor(grid, labels, end, root, other, owners):
    path = np.array(trace(grid, labels, end))
    if root.identifier < other.identifier:
        path = path[::-1]
    rows, cols = grid.rows_cols(path)
    dx, dy = grid.template.cell_width, grid.template.cell_height
    across, down = np.diff(cols) != 0, np.diff(rows) != 0
    length_m = (
        np.count_nonzero(across & ~down) * dx
        + np.count_nonzero(down & ~across) * dy
        + np.count_nonzero(across & down) * math.hypot(dx, dy)
    )
    cost = float(labels[end])
    via = owners.of(path) - {root.identifier, other.identifier}
    return Corridor(
        corridor_id=0,
        source_a=min(root.identifier, other.identifier),
        source_b=max(root.identifier, other.identifier),
        cost=cost,
        length_m=float(length_m),
        euclidean_m=math.hypot(float(cols[-1] - cols[0]) * dx, float(rows[-1] - rows[0]) * dy),
        mean_resistance=cost / length_m,
        redundant=bool(via),
        via=",".join(str(identifier) for identifier in sorted(via)),
        rows=rows,
        cols=cols,
    )


def _report(places, found, unreachable, limit, progress):
    if unreachable:
        pairs = _list(f"{a}-{b}" for a, b in unreachable)
        why = "barriers" if limit == math.inf else f"barriers or a cost above {limit:g}"
        progress.warn(f"{len(unreachable)} pair(s) of sources are not joined because of {why}: {pairs}.")
    joined = {s for corridor, _, _ in found for s in (corridor.source_a, corridor.source_b)}
    alone = sorted(place.identifier for place in places if place.identifier not in joined)
    if alone:
        progress.warn(f"Source(s) {_list(alone)} have no corridor at all.")
    redundant = sum(corridor.redundant for corridor, _, _ in found)
    progress.log(
        f"{len(found)} corridor(s) join {len(joined)} sources; {redundant} pass through a third source (redundant)."
    )


def _list(items):
    return first_few([str(item) for item in items], 20)


class _Owners:
    """Which sources hold a cell; sources may overlap."""

    def __init__(self, places):
        cells = np.concatenate([place.cells for place in places])
        owners = np.repeat([place.identifier for place in places], [place.cells.size for place in places])
        order = np.argsort(cells, kind="stable")
        self._cells, self._owners = cells[order], owners[order]

    def of(self, path):
        first = np.searchsorted(self._cells, path, "left")
        last = np.searchsorted(self._cells, path, "right")
        found = np.flatnonzero(last > first)
        owners = set(np.unique(self._owners[first[found]]).tolist())
        for k in found[last[found] - first[found] > 1]:  # where sources overlap
            owners.update(self._owners[first[k] : last[k]].tolist())
        return owners


def _neighbours(grid, places, limit, progress):
    """Pairs whose zones of least cost touch, and per source the cost within which all its pairs lie.

    Where two zones touch, the path over that place bounds the pair's cost from above; the exact cost
    is found by a flood within the bound.
    """
    ends = [place.ends for place in places]
    labels = next(floods(grid, [np.concatenate(ends)], None, [limit], progress.part(0, 0.8)))
    zones = allocation(grid, labels, ends, progress.part(0.8, 1))
    bounds = {}
    for offset, length in zip(grid.offsets.tolist(), grid.lengths.tolist()):
        if offset < 0:
            continue
        here = np.flatnonzero((zones[:-offset] != zones[offset:]) & (zones[:-offset] > 0) & (zones[offset:] > 0))
        there = here + offset
        cost = labels[here] + labels[there] + (grid.half[here] + grid.half[there]) * length
        pair = np.sort(np.stack((zones[here], zones[there])), axis=0) - 1
        key = pair[0].astype(np.int64) * len(places) + pair[1]
        order = np.lexsort((cost, key))
        for k in order[np.unique(key[order], return_index=True)[1]]:
            a, b = int(pair[0, k]), int(pair[1, k])
            bounds[a, b] = min(bounds.get((a, b), math.inf), float(cost[k]))
    partners, limits = [[] for _ in places], [0.0] * len(places)
    for (a, b), bound in sorted(bounds.items()):
        partners[a].append(b)
        # the sum is rounded in another order than along the path
        limits[a] = min(limit, max(limits[a], bound * (1 + 1e-9)))
    return partners, limits


class _Surfaces:
    """Accumulated cost from every source, in memory or in a temporary file."""

    def __init__(self, count, size):
        if count * size * 8 <= _IN_MEMORY_BYTES:
            self._file, self._planes = None, np.empty((count, size))
        else:
            self._file = tempfile.TemporaryFile()
            self._planes = np.memmap(self._file, dtype=np.float64, mode="w+", shape=(count, size))

    def keep(self, number, labels):
        self._planes[number] = labels

    def mosaic(self, joined, progress):
        """Minimum over pairs of ``CWD_a + CWD_b - LCD_ab``, NaN where no pair's surfaces meet."""
        size = self._planes.shape[1]
        result = np.full(size, np.inf)
        for low in range(0, size, _MOSAIC_CELLS):
            progress(low / size)
            planes = np.asarray(self._planes[:, low : low + _MOSAIC_CELLS])
            best = result[low : low + _MOSAIC_CELLS]
            for a, b, cost in joined:
                np.minimum(best, planes[a] + planes[b] - cost, out=best)
        np.maximum(result, 0.0, out=result)  # never below 0 but for rounding
        result[np.isinf(result)] = np.nan
        return result

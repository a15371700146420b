"""Ecological fracture surfaces: where corridors run through mines.

Feng, Bai & Wang (2024), "Ecological network optimization": corridors and mines are superimposed,
and the mines that corridors pass through are fracture surfaces. The paper counts two (West pit: the
corridor 9-21; East pit: 9-3 and 9-19), which are "two corridors" on the map and three pairs of
sources: both counts are reported here.
"""

from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..geometry import crossings
from ..geometry.layers import Layer
from ..geometry.polygons import polygons_of
from ..ids import id_list
from ..mines import FEATURES, METHODS, STATES, require_near
from ..progress import SILENT

FIELDS = (
    "fracture_id",
    "mine",
    "mineral",
    "method",
    "state",
    "corridors",
    "n_corridors",
    "crossing_m",
    "cost_share",
    "area_km2",
)

PAIR_FIELDS = ("fracture_id", "mine", "corridor_id", "source_a", "source_b", "class", "crossing_m", "cost_share")


@dataclass
class Fractures:
    """What corridors and mines have in common.

    Parameters
    ----------
    surfaces : layers.Layer
        Polygons with :data:`FIELDS`, the longest crossing first.
    pairs : list of dict
        One row per corridor and surface, with :data:`PAIR_FIELDS`.
    n_lines : int
        Distinct lines across the surfaces: corridors that join inside a mine count once.
    """

    surfaces: object
    pairs: list
    n_lines: int


def fracture_surfaces(
    corridors,
    mines,
    resistance,
    methods=("open pit",),
    states=("producing", "abandoned"),
    features=("pit",),
    progress=SILENT,
):
    """The mines that corridors pass through over more than a cell.

    Parameters
    ----------
    corridors : layers.Layer
        Lines, in any known CRS; ``corridor_id``, ``source_a``, ``source_b``, ``class`` and ``gravity``
        are used where they are.
    mines : list of mines.Mine
        In the CRS of the resistance surface; those of one name, mineral, method and state are one mine.
    resistance : grid.Grid
        The resistance surface of the corridors; gives the CRS, the cell and the costs. One float64
        copy of it is held.
    methods, states, features : tuple of str
        Which mines count (words of ``core.mines``); empty: all. A restored mine can be passed, so
        it is left out by default. A mine whose method or state is not known counts.

    Returns
    -------
    Fractures
        A surface is one part of a mine that at least one corridor follows for more than the longer
        side of a cell; parts that touch are one. ``crossing_m`` is the length of corridors inside, stretches that several share
        counted once; ``cost_share`` is the share of these corridors' cost spent inside (0 to 1), both
        sums over the corridors.

    Raises
    ------
    InputError
        No corridor or no mine, geometries that are not lines, an unknown word, negative resistance; layers
        that lie wholly away from the resistance surface.
    """
    template = resistance.template
    for chosen, known, what in (
        (methods, METHODS, "method"),
        (states, STATES, "state"),
        (features, FEATURES, "feature"),
    ):
        for word in chosen:
            if word not in known:
                raise InputError(f"'{word}' is not a {what} of mines: choose among {', '.join(known)}.")
    corridors.require_some("corridor")
    name = resistance.name or template.name
    corridors = corridors.to_crs_near(template.crs, template.bounds, other=name, progress=progress)
    corridors = corridors.with_fields("corridor_id", "source_a", "source_b", "class")
    require_near(mines, template, 0, name)
    steps = crossings.corridor_steps(corridors, progress.part(0, 0.2))
    parts = _parts(_chosen(mines, methods, states, features, progress), progress)
    layer = Layer("mines", template.crs, [geometry for _, geometry in parts])
    inside = crossings.stretches_inside(steps, layer, progress.part(0.2, 0.7)) if parts else []
    values = _costs(resistance)
    by_id = {}
    for corridor_id, attributes in zip(crossings.corridor_ids(corridors), corridors.attributes):
        by_id.setdefault(corridor_id, attributes)
    total, unknown = _total_costs(steps, values, template)
    if unknown:
        progress.warn(
            f"{len(unknown)} corridor(s) of '{corridors.name}' leave the passable cells of "
            f"'{resistance.name or template.name}' ({id_list(unknown)}): their costs are those of the "
            f"rest; choose the resistance surface that gave the corridors."
        )
    cell = max(template.cell_width, template.cell_height)
    rows, n_lines = [], 0
    for index, ((mine, geometry), stretches) in enumerate(zip(parts, inside)):
        progress(0.7 + 0.3 * index / len(parts))
        if not len(stretches):
            continue
        length = (stretches.end - stretches.start) * steps.length_m[stretches.step]
        cost, _ = _stretch_costs(steps, stretches, values, template)
        places, which = steps.places(stretches.step)
        corridor = steps.walk_corridor[places]
        n = len(steps.ids)
        crossing_m, cost_inside = (np.bincount(corridor, of[which], n) for of in (length, cost))
        crossed = np.nonzero(crossing_m > cell * (1 + 1e-9))[0]
        if not len(crossed):
            continue
        counted = np.isin(corridor, crossed)
        used = np.unique(which[counted])
        n_lines += _lines(steps, stretches, which[counted], corridor[counted])
        rows.append((mine, geometry, crossed, crossing_m, cost_inside, float(length[used].sum())))
    rows.sort(key=lambda row: (-row[5], row[0].name))
    result = Fractures(Layer("fracture surfaces", template.crs, field_names=list(FIELDS)), [], n_lines)
    for fracture_id, (mine, geometry, crossed, crossing_m, cost_inside, together_m) in enumerate(rows, 1):
        all_costs = float(total[crossed].sum())
        result.surfaces.geometries.append(geometry)
        result.surfaces.attributes.append(
            {
                "fracture_id": fracture_id,
                "mine": mine.name,
                "mineral": mine.mineral or None,
                "method": mine.method or None,
                "state": mine.state or None,
                "corridors": id_list(steps.ids[c] for c in crossed),
                "n_corridors": len(crossed),
                "crossing_m": together_m,
                "cost_share": float(cost_inside[crossed].sum()) / all_costs if all_costs else None,
                "area_km2": geometry.Area() / 1e6,
            }
        )
        for c in crossed:
            attributes = by_id[steps.ids[c]]
            result.pairs.append(
                {
                    "fracture_id": fracture_id,
                    "mine": mine.name,
                    "corridor_id": steps.ids[c],
                    "source_a": attributes.get("source_a"),
                    "source_b": attributes.get("source_b"),
                    "class": attributes.get("class"),
                    "crossing_m": float(crossing_m[c]),
                    "cost_share": float(cost_inside[c] / total[c]) if total[c] else None,
                }
            )
    progress.log(
        f"{len(rows)} fracture surface(s): {n_lines} line(s) across mines, of {len(result.pairs)} pair(s) of "
        f"corridor and mine (the paper prints both counts: two lines, three pairs)."
    )
    return result


def _chosen(mines, methods, states, features, progress):
    """The mines that count; says how many were left out and why."""
    kept, left = [], {}
    for mine in mines:
        why = next(
            (
                f"{what} '{word}'"
                for word, chosen, what in (
                    (mine.method, methods, "method"),
                    (mine.state, states, "state"),
                    (mine.feature, features, "feature"),
                )
                if chosen and word and word not in chosen
            ),
            None,
        )
        if why is None:
            kept.append(mine)
        else:
            left[why] = left.get(why, 0) + 1
    for why, count in sorted(left.items()):
        progress.log(f"{count} mine feature(s) of {why} were left out.")
    if not kept:
        progress.warn("No mine is of the chosen method, state and feature: there is no fracture surface.")
    return kept


def _parts(mines, progress):
    """The unbroken polygons of each mine: a list of (Mine, ogr.Geometry)."""
    groups = {}
    for mine in mines:
        groups.setdefault((mine.name, mine.mineral, mine.method, mine.state), []).append(mine)
    parts = []
    with gdal_exceptions():
        for index, group in enumerate(groups.values()):
            if index % 20 == 0:
                progress.check()
            union = ogr.Geometry(ogr.wkbMultiPolygon)
            for mine in group:
                for polygon in polygons_of(mine.geometry):
                    union.AddGeometryDirectly(polygon)
            parts += [(group[0], polygon) for polygon in polygons_of(union.UnionCascaded())]
    return parts


def _lines(steps, stretches, rows, corridors):
    """How many lines cross a mine when corridors that meet inside it are one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, place = np.unique(
        np.rint(
            np.vstack(
                [
                    steps.point(stretches.step[rows], stretches.start[rows]),
                    steps.point(stretches.step[rows], stretches.end[rows]),
                ]
            )
            / crossings.TOUCH_M
        ),
        axis=0,
        return_inverse=True,
    )
    _, number = np.unique(corridors, return_inverse=True)
    number, place = np.tile(number.reshape(-1), 2), place.reshape(-1) + number.max() + 1
    size = int(place.max()) + 1
    _, label = connected_components(
        coo_matrix((np.ones(len(place)), (number, place)), shape=(size, size)), directed=False
    )
    return len(np.unique(label[number]))


# costs along lines -------------------------------------------------------------------------------


def _costs(resistance):
    """Resistance as float64, NaN on barriers."""
    values = resistance.floats(np.float64)
    if (values < 0).any():
        raise InputError(
            f"Resistance '{resistance.name or resistance.template.name}' holds {np.nanmin(values):g}: "
            f"resistance must be above 0; correct the raster."
        )
    values[values == 0] = np.nan
    return values


def _total_costs(steps, values, template):
    """Cost of each whole corridor, and the ids of those that leave the map."""
    n = np.arange(len(steps))
    cost, outside = _stretch_costs(steps, crossings.Stretches(n, np.zeros(len(n)), np.ones(len(n))), values, template)
    n_corridors = len(steps.ids)
    total = np.bincount(steps.walk_corridor, cost[steps.walk_step], n_corridors)
    gone = np.bincount(steps.walk_corridor, outside[steps.walk_step], n_corridors)
    return total, [steps.ids[c] for c in np.nonzero(gone > crossings.TOUCH_M)[0]]


def _stretch_costs(steps, stretches, values, template):
    """Resistance summed along stretches, cut exactly at the borders of cells.

    Between two cell centres this is the least-cost step of method Eq 8: the distance times the mean
    of both cells, since the border, or the corner, lies halfway.

    Returns
    -------
    cost, outside_m : ndarray
        Resistance x metre, and the metres without a resistance.
    """
    west, width, _, north, _, height = template.transform
    count = len(stretches)
    one, two = (steps.point(stretches.step, f) for f in (stretches.start, stretches.end))
    owners, cuts = [np.arange(count)] * 2, [np.zeros(count), np.ones(count)]
    for axis, origin, size in ((0, west, width), (1, north, height)):
        low, high = (one[:, axis] - origin) / size, (two[:, axis] - origin) / size
        first = np.ceil(np.minimum(low, high)).astype(np.int64)
        borders = np.maximum(0, np.floor(np.maximum(low, high)).astype(np.int64) - first + 1)
        borders[low == high] = 0
        owner = np.repeat(np.arange(count), borders)
        nth = np.arange(len(owner)) - np.repeat(np.cumsum(borders) - borders, borders)
        owners.append(owner)
        cuts.append((first[owner] + nth - low[owner]) / (high - low)[owner])
    owner, cut = np.concatenate(owners), np.clip(np.concatenate(cuts), 0, 1)
    order = np.lexsort((cut, owner))
    owner, cut = owner[order], cut[order]
    piece = np.nonzero(owner[1:] == owner[:-1])[0]
    owner, middle, share = owner[piece], (cut[piece] + cut[piece + 1]) / 2, cut[piece + 1] - cut[piece]
    length = share * np.hypot(*(two - one).T)[owner]
    x, y = (one[owner] + middle[:, None] * (two - one)[owner]).T
    row, col = template.row_col(x, y)
    there = template.contains(row, col)
    resistance = np.full(len(owner), np.nan)
    resistance[there] = values[row[there], col[there]]
    known = np.isfinite(resistance)
    return (
        np.bincount(owner[known], (resistance * length)[known], count),
        np.bincount(owner[~known], length[~known], count),
    )

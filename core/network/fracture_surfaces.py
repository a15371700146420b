"""Ecological fracture surfaces: where corridors run through mines.

Feng, Bai & Wang (2024), "Ecological network optimization": corridors and mines are superimposed,
and the mines that corridors pass through are fracture surfaces. The paper counts two (West pit: the
corridor 9-21; East pit: 9-3 and 9-19), which are "two corridors" on the map and three pairs of
sources: both counts are reported here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import ogr

from ..arrays import Floats, Ints
from ..gdal_session import gdal_exceptions
from ..geometry.crossings import (
    CorridorId,
    CorridorSegments,
    Intervals,
    corridor_ids,
    corridor_segments,
    intervals_inside,
)
from ..geometry.layers import Layer
from ..geometry.polygons import polygons_of
from ..geometry.segment_intersections import TOUCH_M
from ..grid.grid import Grid, Template
from ..ids import id_list
from ..mines import Mine, MineFeature, MineState, MiningMethod, require_near
from ..progress import SILENT, Progress
from ..schemas import FRACTURE_SURFACES, names
from .costs_along import CostsAlong, sums_of


@dataclass(frozen=True)
class FractureChoices:
    """Which mines count; an empty choice is all.

    Parameters
    ----------
    methods : tuple of MiningMethod
    states : tuple of MineState
        A restored mine can be passed, so it is left out by default.
    features : tuple of MineFeature

    Raises
    ------
    InputError
        An unknown word.
    """

    methods: tuple[MiningMethod, ...] = (MiningMethod.OPEN_PIT,)
    states: tuple[MineState, ...] = (MineState.PRODUCING, MineState.ABANDONED)
    features: tuple[MineFeature, ...] = (MineFeature.PIT,)

    def __post_init__(self) -> None:
        for method in self.methods:
            MiningMethod.of(method, parameter="methods")
        for state in self.states:
            MineState.of(state, parameter="states")
        for feature in self.features:
            MineFeature.of(feature, parameter="features")

    def why_left_out(self, mine: Mine) -> str:
        """What keeps a mine from counting, in words; empty where it counts. An unknown method or state counts."""
        if self.methods and mine.method and mine.method not in self.methods:
            return f"method '{mine.method}'"
        if self.states and mine.state and mine.state not in self.states:
            return f"state '{mine.state}'"
        if self.features and mine.feature and mine.feature not in self.features:
            return f"feature '{mine.feature}'"
        return ""


@dataclass
class Fractures:
    """What corridors and mines have in common.

    Parameters
    ----------
    surfaces : Layer
        Polygons with the fields of `schemas.FRACTURE_SURFACES`, the longest crossing first.
    pairs : list of dict
        One row per corridor and surface, with the fields of `schemas.FRACTURE_PAIRS`.
    n_lines : int
        Distinct lines across the surfaces: corridors that join inside a mine count once.
    """

    surfaces: Layer
    pairs: list[dict[str, Any]]
    n_lines: int


def fracture_surfaces(
    corridors: Layer,
    mines: Sequence[Mine],
    resistance: Grid,
    *,
    choices: FractureChoices | None = None,
    progress: Progress = SILENT,
) -> Fractures:
    """The mines that corridors pass through over more than a cell.

    Parameters
    ----------
    corridors : Layer
        Lines, in any known CRS; ``corridor_id``, ``source_a``, ``source_b`` and ``class`` are used where they are.
    mines : list of mines.Mine
        In the CRS of the resistance surface; those of one name, mineral, method and state are one mine.
    resistance : Grid
        The resistance surface of the corridors; gives the CRS, the cell and the costs. One float64
        copy of it is held.
    choices : FractureChoices, optional
    progress : Progress

    Returns
    -------
    Fractures
        A surface is one part of a mine that at least one corridor follows for more than the longer
        side of a cell; parts that touch are one. ``crossing_m`` is the length of corridors inside, intervals that
        several share counted once; ``cost_share`` is the share of these corridors' cost spent inside (0 to 1), both
        sums over the corridors.

    Raises
    ------
    InputError
        No corridor or no mine, geometries that are not lines, negative resistance; layers
        that lie wholly away from the resistance surface.
    """
    choices = choices or FractureChoices()
    template = resistance.template
    name = resistance.name or template.name
    corridors = check_corridors(corridors, template, name=name, progress=progress)
    require_near(mines, template, reach_m=0, map_name=name)
    segments = corridor_segments(corridors, progress.part(0, 0.2))
    parts = _unbroken_parts(_mines_that_count(mines, choices, progress), progress)
    layer = Layer("mines", template.crs, [part.geometry for part in parts])
    inside = intervals_inside(segments, layer, progress.part(0.2, 0.7)) if parts else []
    costs = CostsAlong(segments, resistance)
    if costs.beyond:
        progress.warn(
            f"{len(costs.beyond)} corridor(s) of '{corridors.name}' leave the passable cells of "
            f"'{name}' ({id_list(costs.beyond)}): their costs are those of the "
            f"rest; choose the resistance surface that gave the corridors."
        )
    longer_side = max(template.cell_width, template.cell_height)
    crossed = []
    for index, (part, intervals) in enumerate(zip(parts, inside)):
        progress(0.7 + 0.3 * index / len(parts))
        crossing = _crossing_of(part, intervals, segments=segments, costs=costs, longer_than_m=longer_side)
        if crossing is not None:
            crossed.append(crossing)
    crossed.sort(key=lambda crossing: (-crossing.together_m, crossing.part.mine.name))
    found = _fractures(crossed, corridors, segments, costs)
    progress.log(
        f"{len(crossed)} fracture surface(s): {found.n_lines} line(s) across mines, of {len(found.pairs)} pair(s) of "
        f"corridor and mine (the paper prints both counts: two lines, three pairs)."
    )
    return found


def check_corridors(corridors: Layer, template: Template, *, name: str = "", progress: Progress = SILENT) -> Layer:
    """Corridors in the CRS of a map, with the fields that are used, recognised regardless of case.

    Parameters
    ----------
    corridors : Layer
    template : Template
        The cells of the resistance surface.
    name : str
        Of the surface, for messages; by default the template's.
    progress : Progress

    Raises
    ------
    InputError
        An empty layer, or one that lies wholly away from the map.
    """
    corridors.require_some("corridor")
    near = corridors.to_crs_near(template.crs, template.bounds, other=name or template.name, progress=progress)
    return near.with_fields("corridor_id", "source_a", "source_b", "class")


@dataclass(frozen=True)
class _Part:
    """One unbroken polygon of a mine."""

    mine: Mine
    geometry: ogr.Geometry


@dataclass(frozen=True)
class _Crossing:
    """Corridors in a part of a mine.

    Parameters
    ----------
    part : _Part
    corridors : int64 ndarray
        Numbers of the corridors that count.
    crossing_m, cost : float64 ndarray
        Of every corridor, inside.
    together_m : float
        Of those that count, what several share counted once.
    n_lines : int
        Lines across the part when corridors that meet inside it are one.
    """

    part: _Part
    corridors: Ints
    crossing_m: Floats
    cost: Floats
    together_m: float
    n_lines: int


def _mines_that_count(mines: Sequence[Mine], choices: FractureChoices, progress: Progress) -> list[Mine]:
    """The mines that count; logs how many were left out and why."""
    kept: list[Mine] = []
    left_out: dict[str, int] = {}
    for mine in mines:
        why = choices.why_left_out(mine)
        if why:
            left_out[why] = left_out.get(why, 0) + 1
        else:
            kept.append(mine)
    for why, count in sorted(left_out.items()):
        progress.log(f"{count} mine feature(s) of {why} were left out.")
    if not kept:
        progress.warn("No mine is of the chosen method, state and feature: there is no fracture surface.")
    return kept


def _unbroken_parts(mines: Sequence[Mine], progress: Progress) -> list[_Part]:
    """The unbroken polygons of each mine."""
    groups: dict[tuple[str, ...], list[Mine]] = {}
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
            parts += [_Part(group[0], polygon) for polygon in polygons_of(union.UnionCascaded())]
    return parts


def _crossing_of(
    part: _Part, intervals: Intervals, *, segments: CorridorSegments, costs: CostsAlong, longer_than_m: float
) -> _Crossing | None:
    """What corridors do in a part of a mine; None where none follows it for more than a length."""
    if not len(intervals):
        return None
    length = intervals.length_m(segments)
    cost = costs.of_intervals(intervals)
    places, which = segments.places_in_paths(intervals.segment)
    corridor = segments.path_corridor[places]
    crossing_m, cost_inside = (sums_of(of[which], corridor, len(segments.ids)) for of in (length, cost))
    crossed = np.nonzero(crossing_m > longer_than_m * (1 + 1e-9))[0]
    if not len(crossed):
        return None
    counted = np.isin(corridor, crossed)
    used = np.unique(which[counted])
    n_lines = _count_lines(segments, intervals, rows=which[counted], corridors=corridor[counted])
    return _Crossing(part, crossed, crossing_m, cost_inside, float(length[used].sum()), n_lines)


def _count_lines(segments: CorridorSegments, intervals: Intervals, *, rows: Ints, corridors: Ints) -> int:
    """How many lines cross a mine when corridors that meet inside it are one."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.vstack(
        [
            segments.point(intervals.segment[rows], intervals.start[rows]),
            segments.point(intervals.segment[rows], intervals.end[rows]),
        ]
    )
    _, place = np.unique(np.rint(ends / TOUCH_M), axis=0, return_inverse=True)
    _, number = np.unique(corridors, return_inverse=True)
    number, place = np.tile(number.reshape(-1), 2), place.reshape(-1) + number.max() + 1
    size = int(place.max()) + 1
    _, label = connected_components(
        coo_matrix((np.ones(len(place)), (number, place)), shape=(size, size)), directed=False
    )
    return len(np.unique(label[number]))


def _fractures(
    crossings: Sequence[_Crossing], corridors: Layer, segments: CorridorSegments, costs: CostsAlong
) -> Fractures:
    """Surfaces and pairs, numbered in the order of the crossings."""
    by_id: dict[CorridorId, dict[str, Any]] = {}
    for corridor_id, attributes in zip(corridor_ids(corridors), corridors.attributes):
        by_id.setdefault(corridor_id, attributes)
    surfaces = Layer("fracture surfaces", corridors.crs, field_names=names(FRACTURE_SURFACES))
    result = Fractures(surfaces, [], sum(crossing.n_lines for crossing in crossings))
    for fracture_id, crossing in enumerate(crossings, 1):
        mine, geometry, crossed = crossing.part.mine, crossing.part.geometry, crossing.corridors
        whole_cost = float(costs.of_corridor[crossed].sum())
        surfaces.geometries.append(geometry)
        surfaces.attributes.append(
            {
                "fracture_id": fracture_id,
                "mine": mine.name,
                "mineral": mine.mineral or None,
                "method": mine.method or None,
                "state": mine.state or None,
                "corridors": id_list(segments.ids[corridor] for corridor in crossed),
                "n_corridors": len(crossed),
                "crossing_m": crossing.together_m,
                "cost_share": float(crossing.cost[crossed].sum()) / whole_cost if whole_cost else None,
                "area_km2": geometry.Area() / 1e6,
            }
        )
        for corridor in crossed:
            attributes, total = by_id[segments.ids[corridor]], costs.of_corridor[corridor]
            result.pairs.append(
                {
                    "fracture_id": fracture_id,
                    "mine": mine.name,
                    "corridor_id": segments.ids[corridor],
                    "source_a": attributes.get("source_a"),
                    "source_b": attributes.get("source_b"),
                    "class": attributes.get("class"),
                    "crossing_m": float(crossing.crossing_m[corridor]),
                    "cost_share": float(crossing.cost[corridor] / total) if total else None,
                }
            )
    return result

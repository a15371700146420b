"""Ecological breakpoints: where corridors cross expressways, highways, railways or canals.

Feng, Bai & Wang (2024), "Key ecological node identification". The paper gives no rule for what is
one breakpoint; ours: crossings of one road closer together than a tolerance, each linked to the
next (single linkage), are one, with all corridors that use it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from osgeo import ogr

from ..arrays import Floats
from ..crs import require_metres
from ..errors import InputError
from ..geometry.crossings import CorridorId, CorridorSegments, corridor_ids, corridor_segments
from ..geometry.layers import Layer, bounds_of
from ..ids import id_list
from ..progress import SILENT, Progress
from ..schemas import BREAKPOINTS, names
from ..tables import number_of
from .chain_middle import middle_of_chain
from .road_crossings import CrossingCluster, RoadCrossings, cluster_crossings, find_crossings
from .road_measures import RoadMeasures, read_measures
from .roads import Roads, group_roads, roads_of_classes

TOLERANCE_M = 90.0
"""Three cells of 30 m; there is no raster among the inputs to take the cell size from."""

IMPORTANT, GENERAL = "important", "general"


@dataclass(frozen=True)
class BreakpointChoices:
    """Which roads count, and what is one breakpoint.

    Parameters
    ----------
    class_field, name_field : str
        Fields of the roads; empty where they have none.
    classes : tuple of str
        Road classes that count, in any case; empty: all.
    tolerance_m : float
        Crossings of one road closer than this are one; 0: only those at one place, or in one
        unbroken run.
    measures : RoadMeasures
        By default those of the shipped table.

    Raises
    ------
    InputError
        A tolerance below 0; classes without the field that holds them.
    """

    class_field: str = ""
    name_field: str = ""
    classes: tuple[str, ...] = ()
    tolerance_m: float = TOLERANCE_M
    measures: RoadMeasures = field(default_factory=read_measures)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.tolerance_m) and self.tolerance_m >= 0):
            raise InputError(
                f"{self.tolerance_m:g} m is no tolerance; give a length of 0 m or more.",
                parameter="tolerance_m",
                value=self.tolerance_m,
            )
        given = sorted({str(word).strip().lower() for word in self.classes} - {""})
        if given and not self.class_field:
            raise InputError(
                f"{', '.join(given)} are given, and the roads' field that holds the class is not: choose it, or "
                f"leave the classes empty.",
                parameter="classes",
                value=self.classes,
            )

    def check_fields(self, roads: Layer) -> None:
        """Refuse a layer of roads without the chosen fields; its values are not looked at."""
        if self.name_field:
            roads.require_field(self.name_field, "the roads' names")
        if self.class_field:
            roads.require_field(self.class_field, "the roads' class")


def check_corridors(corridors: Layer) -> Layer:
    """Corridors with the fields that are used, recognised regardless of case.

    Raises
    ------
    InputError
        An empty layer, or a CRS that is not in metres.
    """
    corridors.require_some("corridor")
    west, south, _, _ = bounds_of(corridors.geometries)
    require_metres(corridors.crs, corridors.name, centre=(west, south))
    return corridors.with_fields("corridor_id", "class", "gravity")


def breakpoints(
    corridors: Layer, roads: Layer, *, choices: BreakpointChoices | None = None, progress: Progress = SILENT
) -> Layer:
    """The points where corridors cross roads.

    Parameters
    ----------
    corridors : Layer
        Lines in a CRS in metres; ``corridor_id``, ``class`` and ``gravity`` are used where they are.
    roads : Layer
        Lines or polygons, in any known CRS.
    choices : BreakpointChoices, optional
    progress : Progress

    Returns
    -------
    Layer
        Points with the fields of `schemas.BREAKPOINTS`, the first priority first: important before general, then by
        ``gravity_sum``, ``n_corridors``, road and place.

    Notes
    -----
    Roads of one name are one road; unnamed lines of one class are one road where an end of one lies
    on another, unnamed polygons of one class where they meet. Distance is as the crow flies, so that
    the two carriageways of a named road are crossed once. An unbroken run of a corridor along a road
    line, or through a road polygon, is one crossing and stands for its middle; the point lies halfway
    along the chain of linked crossings, on the road's line where the chain follows one line.

    Raises
    ------
    InputError
        Empty layer, missing field, unknown class, wrong geometry or unusable CRS; roads further
        from the corridors' extent than that extent is wide or high.
    """
    choices = choices or BreakpointChoices()
    corridors = check_corridors(corridors)
    roads_near = _roads_that_count(roads, corridors, choices, progress)
    segments = corridor_segments(corridors, progress.part(0, 0.1))
    grouped = group_roads(
        roads_near, class_field=choices.class_field, name_field=choices.name_field, progress=progress.part(0.1, 0.3)
    )
    crossings = find_crossings(segments, grouped, progress.part(0.3, 0.7))
    clusters = cluster_crossings(segments, crossings, tolerance_m=choices.tolerance_m, progress=progress.part(0.7, 0.9))
    describe = _Description(segments, crossings, grouped, _ratings(corridors), choices.measures)
    points = []
    for index, cluster in enumerate(clusters):
        progress(0.9 + 0.1 * index / len(clusters))
        place = middle_of_chain(cluster.middles, crossings.lines_of(cluster.rows))
        points.append((place, describe.attributes(cluster)))
    result = _ranked(points, corridors)
    _log_result(result, corridors, roads_near, choices.tolerance_m, progress)
    return result


def _roads_that_count(roads: Layer, corridors: Layer, choices: BreakpointChoices, progress: Progress) -> Layer:
    """The roads of the chosen classes, in the corridors' CRS."""
    roads.require_some("road")
    bounds = bounds_of(corridors.geometries)
    # a road that no corridor meets may lie beside them, and a layer of another city does not
    reach_m = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    moved = roads.to_crs_near(corridors.crs, bounds, other=corridors.name, reach_m=reach_m, progress=progress)
    choices.check_fields(moved)
    return roads_of_classes(moved, class_field=choices.class_field, classes=choices.classes, progress=progress)


@dataclass(frozen=True)
class _Rating:
    """Class and gravity of a corridor, None where its layer has none."""

    kind: str | None
    gravity: float | None


def _ratings(corridors: Layer) -> dict[CorridorId, _Rating]:
    found = {}
    for index, (number, attributes) in enumerate(zip(corridor_ids(corridors), corridors.attributes)):
        kind, written = attributes.get("class"), attributes.get("gravity")
        gravity = None if written is None else number_of(written)
        if written is not None and gravity is None:
            raise InputError(
                f"Layer '{corridors.name}', field 'gravity', feature {index + 1}: '{written}' is "
                f"not a number; run 'gravitymodel' again or correct it.",
                layer=corridors.name,
                feature=index + 1,
                value=written,
            )
        found[number] = _Rating(None if kind is None else str(kind).strip().lower(), gravity)
    return found


@dataclass(frozen=True)
class _Description:
    """Describes breakpoints by their roads and corridors."""

    segments: CorridorSegments
    crossings: RoadCrossings
    roads: Roads
    ratings: dict[CorridorId, _Rating]
    measures: RoadMeasures

    def attributes(self, cluster: CrossingCluster) -> dict[str, Any]:
        """All fields but ``breakpoint_id`` and ``priority``."""
        crossings, segments = self.crossings, self.segments
        places, _ = segments.places_in_paths(np.unique(crossings.segment[cluster.rows]))
        used = [segments.ids[number] for number in np.unique(segments.path_corridor[places])]
        kinds = [self.ratings[corridor].kind for corridor in used]
        gravities = [self.ratings[corridor].gravity for corridor in used]
        known = [gravity for gravity in gravities if gravity is not None]
        road_class = self.roads.class_of(crossings.feature[cluster.rows])
        return {
            "road": self.roads.names[crossings.road[cluster.rows[0]]],
            "road_class": road_class,
            "corridors": id_list(used),
            "n_corridors": len(used),
            "class": next((kind for kind in (IMPORTANT, GENERAL) if kind in kinds), None),
            "gravity_sum": float(sum(known)) if known else None,
            "measure": self.measures.of(road_class),
        }


def _ranked(points: list[tuple[Floats, dict[str, Any]]], corridors: Layer) -> Layer:
    """The points as a layer, the first priority first."""
    points = sorted(
        points,
        key=lambda point: (
            point[1]["class"] != IMPORTANT,
            -(point[1]["gravity_sum"] or 0.0),
            -point[1]["n_corridors"],
            point[1]["road"] or "",
            tuple(point[0]),
        ),
    )
    result = Layer("breakpoints", corridors.crs, field_names=names(BREAKPOINTS))
    for rank, (place, attributes) in enumerate(points, 1):
        geometry = ogr.Geometry(ogr.wkbPoint)
        geometry.AddPoint_2D(*place)
        result.geometries.append(geometry)
        result.attributes.append({"breakpoint_id": rank, "priority": rank, **attributes})
    return result


def _log_result(result: Layer, corridors: Layer, roads: Layer, tolerance_m: float, progress: Progress) -> None:
    if not len(result):
        progress.warn(
            f"No corridor of '{corridors.name}' meets a road of '{roads.name}': check that both "
            f"cover the same area ({corridors.crs.name}) and that the road classes are the "
            f"wanted ones."
        )
    if not {"class", "gravity"} <= set(corridors.field_names):
        progress.log(
            f"Layer '{corridors.name}' has no field 'gravity' or 'class': run 'gravitymodel' first to "
            f"rank breakpoints by the corridors they cut."
        )
    important = sum(attributes["class"] == IMPORTANT for attributes in result.attributes)
    progress.log(
        f"{len(result)} breakpoint(s), {important} on important corridors; crossings of one road "
        f"closer than {tolerance_m:g} m are one."
    )

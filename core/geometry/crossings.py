"""Where corridors meet lines and polygons: crossings of many corridors at once.

Corridors are taken apart into the segments between their vertices; a segment that several corridors
share (least-cost paths join on their way) is kept once and remembers its corridors. A crossing is
an interval ``start`` to ``end`` of a segment, as fractions of it; both are equal where a line is crossed
at a point. Touching counts as crossing, as OGC ``Intersects`` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Union

import numpy as np
from osgeo import ogr

from ..arrays import AnyArray, Bools, Floats, Ints
from ..errors import InputError
from ..gdal_session import gdal_exceptions
from ..ids import as_id, in_order
from ..progress import SILENT, Progress
from .layers import Layer
from .segment_intersections import TOUCH_M, ranges_of, segment_intersections
from .segments import Segments, segments_of

CorridorId = Union[int, str]


@dataclass(frozen=True)
class CorridorSegments:
    """The distinct segments of all corridors, and the corridors' paths over them.

    Parameters
    ----------
    start, end : float64 ndarray, shape (n, 2)
        Metres.
    length_m : float64 ndarray, shape (n,)
    ids : list
        Corridor ids; the corridors are numbered by their place here.
    path_segment, path_corridor, path_part : int64 ndarray
        Every corridor from one end to the other: segment, corridor, and part of a multiline.
    path_forward : bool ndarray
        Whether the corridor follows the segment from ``start`` to ``end``.
    uses, first_use : int64 ndarray
        ``uses[first_use[s]:first_use[s + 1]]`` are the places of segment s in the paths.
    """

    start: Floats
    end: Floats
    length_m: Floats
    ids: list[CorridorId]
    path_segment: Ints
    path_corridor: Ints
    path_part: Ints
    path_forward: Bools
    uses: Ints
    first_use: Ints

    def __len__(self) -> int:
        return len(self.start)

    def places_in_paths(self, segments: Ints) -> tuple[Ints, Ints]:
        """All places in the paths of some segments, and for each the index into ``segments``."""
        return ranges_of(self.uses, self.first_use[segments], self.first_use[np.asarray(segments) + 1])

    def point(self, segments: Ints, fractions: Floats) -> Floats:
        """Coordinates at fractions of segments, shape (n, 2)."""
        found: Floats = self.start[segments] + np.asarray(fractions)[:, None] * (
            self.end[segments] - self.start[segments]
        )
        return found


@dataclass(frozen=True)
class Intervals:
    """Intervals of corridors' segments, sorted by segment and start.

    Parameters
    ----------
    segment : int64 ndarray
    start, end : float64 ndarray
        Fractions of the segment, ``start <= end``.
    """

    segment: Ints
    start: Floats
    end: Floats

    def __len__(self) -> int:
        return len(self.segment)

    def length_m(self, segments: CorridorSegments) -> Floats:
        """Metres of each."""
        length: Floats = (self.end - self.start) * segments.length_m[self.segment]
        return length


class RunPiece(NamedTuple):
    """What a run takes of one segment: fractions where it enters and leaves, in the corridor's direction."""

    segment: int
    enter: float
    leave: float


Run = list[RunPiece]


def line_segments(layer: Layer, what: str, progress: Progress = SILENT) -> Segments:
    """The segments of the lines and rings of a layer; those without length are left out.

    Raises
    ------
    InputError
        A feature that holds a point; ``what`` names the features.
    """
    for index, geometry in enumerate(layer.geometries):
        if _holds_point(geometry):
            raise InputError(
                f"Layer '{layer.name}', feature {index + 1} is a point: {what} must be "
                f"lines or polygons; choose another layer.",
                layer=layer.name,
                feature=index + 1,
            )
    return segments_of(layer.geometries, progress).with_length


def _holds_point(geometry: ogr.Geometry) -> bool:
    """Whether a geometry is a point, or a collection with one."""
    if ogr.GT_Flatten(geometry.GetGeometryType()) in (ogr.wkbPoint, ogr.wkbMultiPoint):
        return True
    return any(_holds_point(geometry.GetGeometryRef(index)) for index in range(geometry.GetGeometryCount()))


def corridor_ids(corridors: Layer, progress: Progress = SILENT) -> list[CorridorId]:
    """The id of every corridor; the features' numbers where the layer has no ``corridor_id``."""
    if "corridor_id" not in corridors.field_names:
        progress.log(f"Layer '{corridors.name}' has no field 'corridor_id': its corridors are numbered by their order.")
        return list(range(1, len(corridors) + 1))
    ids = [as_id(value) for value in corridors.values("corridor_id")]
    if None in ids:
        raise InputError(
            f"Layer '{corridors.name}', field 'corridor_id', feature {ids.index(None) + 1}: "
            f"NULL is not an id; give every corridor one.",
            layer=corridors.name,
            feature=ids.index(None) + 1,
        )
    return [each for each in ids if each is not None]


def corridor_segments(corridors: Layer, progress: Progress = SILENT) -> CorridorSegments:
    """The distinct segments of a layer of corridors (features of one ``corridor_id`` are one corridor).

    Raises
    ------
    InputError
        Empty layer, geometries that are not lines, or a NULL id.
    """
    corridors.require_some("corridor")
    for index, geometry in enumerate(corridors.geometries):
        if geometry.GetDimension() != 1:
            raise InputError(
                f"Layer '{corridors.name}', feature {index + 1} is a "
                f"{geometry.GetGeometryName().lower()}: corridors must be lines; choose the "
                f"layer that 'corridors' or 'gravitymodel' gave.",
                layer=corridors.name,
                feature=index + 1,
            )
    id_of_feature = corridor_ids(corridors, progress)
    ids = in_order(id_of_feature)
    number = {corridor_id: index for index, corridor_id in enumerate(ids)}
    pieces = line_segments(corridors, "corridors", progress)
    first, second = _numbered_ends(pieces, progress)
    with_length = first != second
    pieces, first, second = pieces.select(with_length), first[with_length], second[with_length]
    key = np.minimum(first, second) * (2 * len(with_length) + 1) + np.maximum(first, second)
    progress.check()
    _, kept, segment = np.unique(key, return_index=True, return_inverse=True)
    segment = segment.reshape(-1)
    start, end = pieces.start[kept], pieces.end[kept]
    uses = np.argsort(segment, kind="stable")
    corridor_of = np.array([number[i] for i in id_of_feature], dtype=np.int64)
    return CorridorSegments(
        start,
        end,
        np.hypot(*(end - start).T),
        ids,
        segment,
        corridor_of[pieces.owner],
        pieces.part,
        first == first[kept][segment],
        uses,
        np.searchsorted(segment[uses], np.arange(len(kept) + 1)),
    )


def _numbered_ends(pieces: Segments, progress: Progress) -> tuple[Ints, Ints]:
    """A number for the start and one for the end of each segment, the same where coordinates are one place."""
    both = np.vstack([pieces.start, pieces.end])
    _, x = np.unique(np.rint(both[:, 0] / TOUCH_M), return_inverse=True)
    _, y = np.unique(np.rint(both[:, 1] / TOUCH_M), return_inverse=True)
    progress.check()
    key = x.reshape(-1).astype(np.int64) * (len(both) + 1) + y.reshape(-1)
    _, place = np.unique(key, return_inverse=True)
    place = place.reshape(-1)
    return place[: len(pieces)], place[len(pieces) :]


# segments inside polygons ------------------------------------------------------------------------


def intervals_inside(segments: CorridorSegments, polygons: Layer, progress: Progress = SILENT) -> list[Intervals]:
    """The intervals of corridors' segments inside (or touching) each polygon.

    Parameters
    ----------
    segments : CorridorSegments
    polygons : Layer
        Valid polygons, in the corridors' CRS.
    progress : Progress

    Returns
    -------
    list of Intervals
        One per polygon.
    """
    edges = line_segments(polygons, "polygons", progress)
    met = segment_intersections(segments, edges, progress=progress.part(0, 0.5))
    owner = edges.owner[met.b]
    order = np.argsort(owner, kind="stable")
    segment, first, last, owner = met.a[order], met.start[order], met.end[order], owner[order]
    of_polygon = np.searchsorted(owner, np.arange(len(polygons) + 1))
    low, high = np.minimum(segments.start, segments.end), np.maximum(segments.start, segments.end)
    by_west = np.argsort(low[:, 0], kind="stable")
    west = low[by_west, 0]
    widest = (high[:, 0] - low[:, 0]).max() if len(segments) else 0.0
    found = []
    with gdal_exceptions():
        for index, polygon in enumerate(polygons.geometries):
            progress(0.5 + 0.5 * index / len(polygons))
            x0, x1, y0, y1 = polygon.GetEnvelope()
            near = by_west[np.searchsorted(west, x0 - widest) : np.searchsorted(west, x1, "right")]
            near = near[(high[near, 0] >= x0) & (low[near, 1] <= y1) & (high[near, 1] >= y0)]
            own = slice(of_polygon[index], of_polygon[index + 1])
            on_boundary = Intervals(segment[own], first[own], last[own])
            found.append(_inside(segments, polygon, near, on_boundary, progress))
    return found


def _inside(
    segments: CorridorSegments, polygon: ogr.Geometry, near: Ints, on_boundary: Intervals, progress: Progress
) -> Intervals:
    """Cut segments where they meet the boundary and keep what lies inside, with the boundary itself."""
    near = np.union1d(near, on_boundary.segment)
    segment = np.concatenate([near, near, on_boundary.segment, on_boundary.segment])
    cut = np.concatenate([np.zeros(len(near)), np.ones(len(near)), on_boundary.start, on_boundary.end])
    order = np.lexsort((cut, segment))
    segment, cut = segment[order], cut[order]
    pair = np.nonzero((segment[1:] == segment[:-1]) & (cut[1:] > cut[:-1]))[0]
    segment, start, end = segment[pair], cut[pair], cut[pair + 1]
    middle = segments.point(segment, (start + end) / 2)
    prepared, inside = polygon.CreatePreparedGeometry(), np.zeros(len(segment), dtype=bool)
    point = ogr.Geometry(ogr.wkbPoint)
    for index, (x, y) in enumerate(middle.tolist()):
        if index % 20000 == 0:
            progress.check()
        point.SetPoint_2D(0, x, y)
        inside[index] = prepared.Intersects(point)
    return merged_intervals(
        np.concatenate([segment[inside], on_boundary.segment]),
        np.concatenate([start[inside], on_boundary.start]),
        np.concatenate([end[inside], on_boundary.end]),
    )


# intervals ---------------------------------------------------------------------------------------


def merged_intervals(segment: Ints, start: Floats, end: Floats) -> Intervals:
    """Intervals with overlapping and adjoining ones of a segment made one."""
    order = np.lexsort((end, start, segment))
    segment, start, end = segment[order], start[order], end[order]
    if not len(segment):
        return Intervals(segment, start, end)
    # segments are laid behind each other, so that one running maximum serves all
    reach = np.maximum.accumulate(end + 2.0 * segment) - 2.0 * segment
    is_new = np.concatenate([[True], (segment[1:] != segment[:-1]) | (start[1:] > reach[:-1] + 1e-9)])
    last = np.concatenate([np.nonzero(is_new)[0][1:] - 1, [len(segment) - 1]])
    return Intervals(segment[is_new], start[is_new], reach[last])


def unbroken_runs(segments: CorridorSegments, intervals: Intervals, progress: Progress = SILENT) -> list[Run]:
    """The unbroken runs of each corridor through some merged intervals."""
    unique, first = np.unique(intervals.segment, return_index=True)
    after = np.concatenate([first[1:], [len(intervals)]]).astype(np.int64)
    place, which = segments.places_in_paths(unique)
    order = np.argsort(place)
    runs: list[Run] = []
    previous_place, previous_reaches_end = -1, False
    for count, (position, index) in enumerate(zip(place[order].tolist(), which[order].tolist())):
        if count % 20000 == 0:
            progress.check()
        rows = range(first[index], after[index])
        forward = segments.path_forward[position]
        for row in rows if forward else reversed(rows):
            one, two = float(intervals.start[row]), float(intervals.end[row])
            enter, leave = (one, two) if forward else (two, one)
            begins, reaches_end = (one <= 1e-9, two >= 1 - 1e-9) if forward else (two >= 1 - 1e-9, one <= 1e-9)
            follows = (
                begins
                and bool(runs)
                and previous_place == position - 1
                and previous_reaches_end
                and segments.path_part[position] == segments.path_part[position - 1]
            )
            if not follows:
                runs.append([])
            runs[-1].append(RunPiece(int(unique[index]), enter, leave))
            previous_place, previous_reaches_end = position, reaches_end
    return runs


def middle_of(segments: CorridorSegments, run: Run) -> AnyArray:
    """The point halfway along a run, by length."""
    of_run = [piece.segment for piece in run]
    pieces = np.array([abs(piece.leave - piece.enter) for piece in run]) * segments.length_m[of_run]
    half, passed = pieces.sum() / 2, np.cumsum(pieces)
    index = min(int(np.searchsorted(passed, half)), len(run) - 1)
    segment, enter, leave = run[index]
    share = 0.0 if pieces[index] == 0 else (half - passed[index] + pieces[index]) / pieces[index]
    middle: Floats = segments.point(np.array([segment]), np.array([enter + share * (leave - enter)]))[0]
    return middle

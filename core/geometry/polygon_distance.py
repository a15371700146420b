"""Exact distances between the edges of polygons, all pairs of them or those within a distance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..arrays import Floats, Ints
from ..gdal_session import gdal_exceptions
from ..progress import SILENT, Progress
from .segments import point_segment_distance, segments_of

_FANOUT = 3  # children of a node of the boundary trees
_PAIRS = 512  # pairs of polygons whose trees are descended together
_BOXES = 1 << 18  # pairs of boxes compared together
_SLIVER = 1e-6  # of the smaller polygon: overlaps below are rounding of the outlines

Pairs = tuple[Ints, Ints, Floats]


def edge_distances(geometries: Sequence[ogr.Geometry], progress: Progress = SILENT) -> Floats:
    """Metres between the nearest points of polygons, shape (n, n); 0 where they touch or overlap."""
    matrix = np.zeros((len(geometries), len(geometries)))
    a, b, distance = edge_links(geometries, progress=progress)
    matrix[a, b] = matrix[b, a] = distance
    return matrix


def edge_links(
    geometries: Sequence[ogr.Geometry],
    limit_m: float = math.inf,
    *,
    first: int | None = None,
    progress: Progress = SILENT,
) -> Pairs:
    """Pairs of polygons no further apart than a limit, and the distances of their edges.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        Valid polygons or multipolygons with an area, in one CRS in metres.
    limit_m : float
        At least 0.
    first : int, optional
        Only pairs of one of the first so many with one of the rest; None: all pairs.
    progress : Progress

    Returns
    -------
    a, b : int64 ndarray
        a < b, sorted.
    distance : float64 ndarray
        Metres; 0 where the two touch, overlap, or one lies inside the other.

    Notes
    -----
    Exact. Boxes that lie too far apart are passed over by a sweep from west to east. The boundaries'
    segments of the others are bundled by threes into trees of boxes; pairs of boxes that cannot hold
    the nearest points, or none within the limit, are passed over in turn. Memory: about 150 bytes per
    vertex and 24 per pair found, a few MB beside.
    """
    found: list[Pairs] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    if len(geometries) > 1:
        boundaries = _Boundaries.of(geometries)
        for a, b, part in _near_boxes(boundaries.envelopes, limit_m, first, progress):
            for start in range(0, a.size, _PAIRS):
                part(start / a.size)
                some = slice(start, start + _PAIRS)
                found.append(boundaries.links(a[some], b[some], limit_m, progress))
    a, b = np.concatenate([pairs[0] for pairs in found]), np.concatenate([pairs[1] for pairs in found])
    distance = np.concatenate([pairs[2] for pairs in found])
    order = np.lexsort((b, a))
    progress(1.0)
    return a[order], b[order], distance[order]


def overlaps(
    geometries: Sequence[ogr.Geometry], *, first: int | None = None, progress: Progress = SILENT
) -> list[tuple[int, int, float]]:
    """(a, b, area in m2) of each pair of valid polygons that cover common ground; slivers are passed over.

    ``first`` as for :func:`edge_links`.
    """
    found: list[tuple[int, int, float]] = []
    if len(geometries) < 2:
        return found
    envelopes = _envelopes(geometries)
    with gdal_exceptions():
        for first_of_pairs, second_of_pairs, part in _near_boxes(envelopes, 0.0, first, progress):
            for a, b in _meeting(geometries, first_of_pairs, second_of_pairs, part):
                area = geometries[a].Intersection(geometries[b]).GetArea()
                if area > _SLIVER * min(geometries[a].GetArea(), geometries[b].GetArea()):
                    found.append((int(a), int(b), area))
    return sorted(found)


def _envelopes(geometries: Sequence[ogr.Geometry]) -> Floats:
    """West, east, south and north of each."""
    return np.array([geometry.GetEnvelope() for geometry in geometries])


def _near_boxes(
    envelopes: Floats, limit: float, first: int | None, progress: Progress
) -> Iterator[tuple[Ints, Ints, Progress]]:
    """Pairs a < b of boxes with a gap of at most the limit, block by block, and the progress of each block."""
    order = np.argsort(envelopes[:, 0], kind="stable")
    west, east, south, north = envelopes[order].T
    # a little more than the limit, since a sum is rounded
    reach = np.searchsorted(west, (east + limit) + 1e-9 * (1 + np.abs(east)), side="right")
    n, row = order.size, 0
    while row < n - 1:
        i = np.arange(row, min(row + max(1, _BOXES // (n - row)), n - 1))
        j = np.arange(row + 1, max(row + 1, int(reach[i].max())))
        gap_x = np.maximum(west[j] - east[i, None], 0)
        gap_y = np.maximum(np.maximum(south[j] - north[i, None], south[i, None] - north[j]), 0)
        near = (np.hypot(gap_x, gap_y) <= limit * (1 + 1e-12)) & (j > i[:, None])
        ends = np.nonzero(near)
        one, other = order[i[ends[0]]], order[j[ends[1]]]
        a, b = np.minimum(one, other), np.maximum(one, other)
        if first is not None:
            wanted = (a < first) & (b >= first)
            a, b = a[wanted], b[wanted]
        if a.size:
            by_a = np.lexsort((b, a))
            yield a[by_a], b[by_a], progress.part(row / n, (row + i.size) / n)
        row += i.size


def _meeting(
    geometries: Sequence[ogr.Geometry], first: Ints, second: Ints, progress: Progress
) -> Iterator[tuple[int, int]]:
    """Those of the pairs, sorted by their first, that have a point in common."""
    prepared: ogr.PreparedGeometry = None
    owner = -1
    for a, b in zip(first.tolist(), second.tolist()):
        progress.check()
        if a != owner:
            prepared, owner = geometries[a].CreatePreparedGeometry(), a
        if prepared.Intersects(geometries[b]):
            yield a, b


@dataclass(frozen=True)
class _Level:
    """A level of the boundary trees, from segments up to one node per polygon.

    Parameters
    ----------
    box : float64 ndarray, shape (n, 4)
        West, south, east, north of each node.
    points : float64 ndarray, shape (n, 4, 2)
        Where the boundary touches these sides.
    first, end : int64 ndarray, shape (n,)
        The node's children in the level below; empty in the lowest.
    """

    box: Floats
    points: Floats
    first: Ints
    end: Ints


@dataclass(frozen=True)
class _Boundaries:
    """Polygons with their boundaries' segments (x0, y0, x1, y1) bundled into trees of boxes."""

    geometries: Sequence[ogr.Geometry]
    envelopes: Floats
    segments: Floats
    levels: list[_Level]

    @classmethod
    def of(cls, geometries: Sequence[ogr.Geometry]) -> _Boundaries:
        """The boundaries of some polygons, counted from their south-western corner to keep digits."""
        envelopes = _envelopes(geometries)
        edges, origin = segments_of(geometries), envelopes[:, [0, 2]].min(axis=0)
        segments = np.hstack([edges.start - origin, edges.end - origin])
        return cls(geometries, envelopes, segments, _boundary_tree(segments, edges.owner))

    def links(self, a: Ints, b: Ints, limit: float, progress: Progress) -> Pairs:
        """The pairs of some within the limit."""
        distance = self._nearest(a, b, limit)
        boxes_a, boxes_b = self.envelopes[a], self.envelopes[b]
        boxes_meet = np.flatnonzero(
            (distance > 0)
            & (boxes_a[:, [0, 2]] <= boxes_b[:, [1, 3]]).all(axis=1)
            & (boxes_b[:, [0, 2]] <= boxes_a[:, [1, 3]]).all(axis=1)
        )
        with gdal_exceptions():  # they may cross, or one lie inside the other
            crossing = set(_meeting(self.geometries, a[boxes_meet], b[boxes_meet], progress))
        distance[[k for k in boxes_meet if (a[k], b[k]) in crossing]] = 0.0
        near = distance <= limit
        return a[near], b[near], distance[near]

    def _nearest(self, a: Ints, b: Ints, limit: float) -> Floats:
        """Distance of each pair, +inf beyond the limit; the trees of all pairs are descended level by level."""
        count = a.size
        pair: Ints = np.arange(count)
        nearest = np.full(count, (limit * (1 + 1e-12)) ** 2)  # squared, an upper bound
        for depth in range(len(self.levels) - 1, -1, -1):
            level = self.levels[depth]
            _lower_to(nearest, pair, _squared_upper_bound(level, a, b))
            keep = _squared_lower_bound(level, a, b) <= nearest[pair] * (1 + 1e-12)
            a, b, pair = a[keep], b[keep], pair[keep]
            if depth:
                a, b, pair = _children(level, a, b, pair)
        distance = np.full(count, np.inf)
        _lower_to(distance, pair, _segment_distance(self.segments[a], self.segments[b]))
        return distance


def _boundary_tree(segments: Floats, owner: Ints) -> list[_Level]:
    """Levels from segments up to one node per polygon."""
    box = np.column_stack([np.minimum(segments[:, :2], segments[:, 2:]), np.maximum(segments[:, :2], segments[:, 2:])])
    starts_first = segments[:, :2] <= segments[:, 2:]
    low = np.where(starts_first[:, :, None], segments[:, None, :2], segments[:, None, 2:])
    high = np.where(starts_first[:, :, None], segments[:, None, 2:], segments[:, None, :2])
    points = np.concatenate([low, high], axis=1)
    none = np.zeros(0, np.int64)
    levels = [_Level(box, points, none, none)]
    while True:
        size = np.bincount(owner)
        offset = np.concatenate(([0], np.cumsum(size)[:-1]))
        place = np.arange(owner.size) - offset[owner]
        first = np.flatnonzero(place % _FANOUT == 0)
        end = np.append(first[1:], owner.size)
        below, box = (
            box,
            np.column_stack(
                [np.minimum.reduceat(box[:, :2], first, axis=0), np.maximum.reduceat(box[:, 2:], first, axis=0)]
            ),
        )
        children = np.minimum(first[:, None] + np.arange(_FANOUT), end[:, None] - 1)
        outermost = (below[children] * (1, 1, -1, -1)).argmin(axis=1)
        points = points[first[:, None] + outermost, np.arange(4)]
        owner = owner[first]
        levels.append(_Level(box, points, first, end))
        if size.max() <= _FANOUT:
            return levels


def _squared_lower_bound(level: _Level, a: Ints, b: Ints) -> Floats:
    """Squared gaps between the boxes of pairs of nodes."""
    gap = np.maximum(level.box[a, :2] - level.box[b, 2:], level.box[b, :2] - level.box[a, 2:])
    np.maximum(gap, 0, out=gap)
    squared: Floats = gap[:, 0] ** 2 + gap[:, 1] ** 2
    return squared


def _squared_upper_bound(level: _Level, a: Ints, b: Ints) -> Floats:
    """Squared distance of two points of the boundaries, on the sides that the boxes turn to each other."""
    towards = level.box[b] - level.box[a]
    towards = towards[:, :2] + towards[:, 2:]
    axis = (np.abs(towards[:, 1]) > np.abs(towards[:, 0])).astype(np.int64)
    ahead = 2 * (towards[np.arange(a.size), axis] > 0)
    between = level.points[a, axis + ahead] - level.points[b, axis + 2 - ahead]
    squared: Floats = between[:, 0] ** 2 + between[:, 1] ** 2
    return squared


def _children(level: _Level, a: Ints, b: Ints, pair: Ints) -> tuple[Ints, Ints, Ints]:
    """All pairs of a child of a node and one of the other, for pairs of nodes."""
    wide_a, wide_b = level.end[a] - level.first[a], level.end[b] - level.first[b]
    wide = wide_a * wide_b
    place = np.arange(wide.sum()) - np.repeat(np.cumsum(wide) - wide, wide)
    row, column = np.divmod(place, np.repeat(wide_b, wide))
    return np.repeat(level.first[a], wide) + row, np.repeat(level.first[b], wide) + column, np.repeat(pair, wide)


def _lower_to(values: Floats, pair: Ints, found: Floats) -> None:
    """Lower the value of each pair to the least found for it; ``pair`` is sorted."""
    if pair.size:
        starts = np.flatnonzero(np.diff(pair, prepend=-1))
        present = pair[starts]
        values[present] = np.minimum(values[present], np.minimum.reduceat(found, starts))


def _segment_distance(s: Floats, t: Floats) -> Floats:
    """Distance of segments that do not cross, row by row."""
    distance: Floats = np.minimum(
        np.minimum(_end_distance(s[:, :2], t), _end_distance(s[:, 2:], t)),
        np.minimum(_end_distance(t[:, :2], s), _end_distance(t[:, 2:], s)),
    )
    return distance


def _end_distance(points: Floats, segments: Floats) -> Floats:
    """Distance of points from segments; coordinates are counted from the segment's start, to keep digits."""
    start = segments[:, :2]
    return point_segment_distance(points - start, np.zeros((1, 2)), segments[:, 2:] - start)

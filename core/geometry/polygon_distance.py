"""Exact distances between the edges of polygons, all pairs of them or those within a distance."""

import math

import numpy as np

from ..gdal_session import gdal_exceptions
from ..progress import SILENT
from .segments import point_segment_distance, segments_of

_FANOUT = 3  # children of a node of the boundary trees
_PAIRS = 512  # pairs of polygons whose trees are descended together
_BOXES = 1 << 18  # pairs of boxes compared together
_SLIVER = 1e-6  # of the smaller polygon: overlaps below are rounding of the outlines


def edge_distances(geometries, progress=SILENT):
    """Metres between the nearest points of polygons, shape (n, n); 0 where they touch or overlap."""
    matrix = np.zeros((len(geometries), len(geometries)))
    a, b, distance = edge_links(geometries, progress=progress)
    matrix[a, b] = matrix[b, a] = distance
    return matrix


def edge_links(geometries, limit_m=math.inf, first=None, progress=SILENT):
    """Pairs of polygons no further apart than a limit, and the distances of their edges.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        Valid polygons or multipolygons with an area, in one CRS in metres.
    limit_m : float
        At least 0.
    first : int, optional
        Only pairs of one of the first so many with one of the rest; None: all pairs.

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
    found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    if len(geometries) > 1:
        envelopes = _envelopes(geometries)
        edges, origin = segments_of(geometries), envelopes[:, [0, 2]].min(axis=0)
        segments = np.hstack([edges.start - origin, edges.end - origin])
        tree = _boundary_tree(segments, edges.owner)
        for a, b, part in _near_boxes(envelopes, limit_m, first, progress):
            for start in range(0, a.size, _PAIRS):
                part(start / a.size)
                found.append(
                    _links(
                        geometries,
                        envelopes,
                        tree,
                        segments,
                        a[start : start + _PAIRS],
                        b[start : start + _PAIRS],
                        limit_m,
                        progress,
                    )
                )
    a, b, distance = (np.concatenate(parts) for parts in zip(*found))
    order = np.lexsort((b, a))
    progress(1.0)
    return a[order], b[order], distance[order]


def overlaps(geometries, first=None, progress=SILENT):
    """(a, b, area in m2) of each pair of valid polygons that cover common ground; slivers are passed over.

    ``first`` as for :func:`edge_links`.
    """
    found = []
    if len(geometries) < 2:
        return found
    envelopes = _envelopes(geometries)
    with gdal_exceptions():
        for *pairs, part in _near_boxes(envelopes, 0.0, first, progress):
            for a, b in _meeting(geometries, *pairs, part):
                area = geometries[a].Intersection(geometries[b]).GetArea()
                if area > _SLIVER * min(geometries[a].GetArea(), geometries[b].GetArea()):
                    found.append((int(a), int(b), area))
    return sorted(found)


def _envelopes(geometries):
    return np.array([g.GetEnvelope() for g in geometries])  # west, east, south, north


def _near_boxes(envelopes, limit, first, progress):
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


def _links(geometries, envelopes, tree, segments, a, b, limit, progress):
    """The pairs of some within the limit."""
    distance = _nearest(tree, segments, a, b, limit)
    boxes_a, boxes_b = envelopes[a], envelopes[b]
    meet = np.flatnonzero(
        (distance > 0)
        & (boxes_a[:, [0, 2]] <= boxes_b[:, [1, 3]]).all(axis=1)
        & (boxes_b[:, [0, 2]] <= boxes_a[:, [1, 3]]).all(axis=1)
    )
    with gdal_exceptions():  # they may cross, or one lie inside the other
        crossing = set(_meeting(geometries, a[meet], b[meet], progress))
    distance[[k for k in meet if (a[k], b[k]) in crossing]] = 0.0
    near = distance <= limit
    return a[near], b[near], distance[near]


def _meeting(geometries, first, second, progress):
    """Those of the pairs, sorted by their first, that have a point in common."""
    prepared, owner = None, None
    for a, b in zip(first.tolist(), second.tolist()):
        progress.check()
        if a != owner:
            prepared, owner = geometries[a].CreatePreparedGeometry(), a
        if prepared.Intersects(geometries[b]):
            yield a, b


def _boundary_tree(segments, owner):
    """Levels from segments up to one node per polygon: (box, points, first child, end).

    A box is west, south, east, north, and the four points are where the boundary touches these sides.
    """
    box = np.column_stack([np.minimum(segments[:, :2], segments[:, 2:]), np.maximum(segments[:, :2], segments[:, 2:])])
    starts_first = segments[:, :2] <= segments[:, 2:]
    low = np.where(starts_first[:, :, None], segments[:, None, :2], segments[:, None, 2:])
    high = np.where(starts_first[:, :, None], segments[:, None, 2:], segments[:, None, :2])
    points = np.concatenate([low, high], axis=1)
    levels = [(box, points, None, None)]
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
        levels.append((box, points, first, end))
        if size.max() <= _FANOUT:
            return levels


def _nearest(tree, segments, a, b, limit):
    """Distance of each pair of polygons, +inf beyond the limit; the trees of all pairs are descended level by level."""
    count = a.size
    pair = np.arange(count)
    nearest = np.full(count, (limit * (1 + 1e-12)) ** 2)  # squared, an upper bound until the last level
    for level in range(len(tree) - 1, -1, -1):
        box, points, first, end = tree[level]
        gap = np.maximum(box[a, :2] - box[b, 2:], box[b, :2] - box[a, 2:])
        np.maximum(gap, 0, out=gap)
        lower = gap[:, 0] ** 2 + gap[:, 1] ** 2
        # the distance of two points of the boundaries, on the sides that the boxes turn to each other
        way = box[b] - box[a]
        way = way[:, :2] + way[:, 2:]
        axis = (np.abs(way[:, 1]) > np.abs(way[:, 0])).astype(np.int64)
        ahead = 2 * (way[np.arange(a.size), axis] > 0)
        between = points[a, axis + ahead] - points[b, axis + 2 - ahead]
        _lower_to(nearest, pair, between[:, 0] ** 2 + between[:, 1] ** 2)
        keep = lower <= nearest[pair] * (1 + 1e-12)
        a, b, pair = a[keep], b[keep], pair[keep]
        if level:
            wide_a, wide_b = end[a] - first[a], end[b] - first[b]
            wide = wide_a * wide_b
            place = np.arange(wide.sum()) - np.repeat(np.cumsum(wide) - wide, wide)
            row, column = np.divmod(place, np.repeat(wide_b, wide))
            a, b = np.repeat(first[a], wide) + row, np.repeat(first[b], wide) + column
            pair = np.repeat(pair, wide)
    distance = np.full(count, np.inf)
    _lower_to(distance, pair, _segment_distance(segments[a], segments[b]))
    return distance


def _lower_to(values, pair, found):
    """Lower the value of each pair to the least found for it; ``pair`` is sorted."""
    if pair.size:
        starts = np.flatnonzero(np.diff(pair, prepend=-1))
        present = pair[starts]
        values[present] = np.minimum(values[present], np.minimum.reduceat(found, starts))


def _segment_distance(s, t):
    """Distance of segments that do not cross, row by row."""
    return np.minimum(
        np.minimum(_end_distance(s[:, :2], t), _end_distance(s[:, 2:], t)),
        np.minimum(_end_distance(t[:, :2], s), _end_distance(t[:, 2:], s)),
    )


def _end_distance(points, segments):
    """Distance of points from segments; coordinates are counted from the segment's start, to keep digits."""
    start = segments[:, :2]
    return point_segment_distance(points - start, np.zeros((1, 2)), segments[:, 2:] - start)

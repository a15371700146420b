"""Exact distances between the edges of polygons."""

import numpy as np

from .crs import gdal_exceptions
from .progress import SILENT

_FANOUT = 3        # children of a node of the boundary trees
_PAIRS = 512       # pairs of polygons whose trees are descended together


def edge_distances(geometries, progress=SILENT):
    """Metres between the nearest points of polygons, shape (n, n); 0 where they touch or overlap.

    Exact. The boundaries' segments are bundled by threes into trees of boxes; pairs of boxes that
    cannot hold the nearest points are passed over.
    """
    n = len(geometries)
    matrix = np.zeros((n, n))
    if n < 2:
        return matrix
    envelopes = np.array([g.GetEnvelope() for g in geometries])  # west, east, south, north
    segments, owner = _segments(geometries, envelopes[:, [0, 2]].min(axis=0))
    tree = _boundary_tree(segments, owner)
    first, second = np.triu_indices(n, 1)
    for start in range(0, first.size, _PAIRS):
        a, b = first[start:start + _PAIRS], second[start:start + _PAIRS]
        matrix[a, b] = matrix[b, a] = _nearest(tree, segments, a, b)
        progress(start / first.size)
    with gdal_exceptions():
        prepared = {}
        meets = ((envelopes[first][:, [0, 2]] <= envelopes[second][:, [1, 3]]).all(axis=1)
                 & (envelopes[second][:, [0, 2]] <= envelopes[first][:, [1, 3]]).all(axis=1)
                 & (matrix[first, second] > 0))
        for a, b in zip(first[meets], second[meets]):  # they may cross, or one lie inside the other
            progress.check()
            if a not in prepared:
                prepared = {a: geometries[a].CreatePreparedGeometry()}
            if prepared[a].Intersects(geometries[b]):
                matrix[a, b] = matrix[b, a] = 0.0
    progress(1.0)
    return matrix


def _rings(geometry):
    if geometry.GetGeometryCount():
        for index in range(geometry.GetGeometryCount()):
            yield from _rings(geometry.GetGeometryRef(index))
    elif geometry.GetPointCount():
        yield np.array(geometry.GetPoints(), dtype=np.float64)[:, :2]


def _segments(geometries, origin):
    """Boundary segments (x0, y0, x1, y1) of all polygons, and the polygon of each."""
    parts, owner = [], []
    for index, geometry in enumerate(geometries):
        count = 0
        for points in _rings(geometry):
            points = points - origin
            parts.append(np.hstack([points[:-1], points[1:]]))
            count += len(points) - 1
        owner.append(np.full(count, index))
    return np.vstack(parts), np.concatenate(owner)


def _boundary_tree(segments, owner):
    """Levels from segments up to one node per polygon: (box, point on the boundary, first child, end)."""
    box = np.column_stack([np.minimum(segments[:, :2], segments[:, 2:]), np.maximum(segments[:, :2], segments[:, 2:])])
    point = segments[:, :2]
    levels = [(box, point, None, None)]
    while True:
        size = np.bincount(owner)
        offset = np.concatenate(([0], np.cumsum(size)[:-1]))
        place = np.arange(owner.size) - offset[owner]
        first = np.flatnonzero(place % _FANOUT == 0)
        end = np.append(first[1:], owner.size)
        box = np.column_stack([np.minimum.reduceat(box[:, :2], first, axis=0),
                               np.maximum.reduceat(box[:, 2:], first, axis=0)])
        point, owner = point[first], owner[first]
        levels.append((box, point, first, end))
        if size.max() <= _FANOUT:
            return levels


def _nearest(tree, segments, a, b):
    """Distance of each pair of polygons; the trees of all pairs are descended level by level."""
    pair = np.arange(a.size)
    nearest = np.full(a.size, np.inf)  # squared, an upper bound until the last level
    for level in range(len(tree) - 1, -1, -1):
        box, point, first, end = tree[level]
        gap = np.maximum(box[a, :2] - box[b, 2:], box[b, :2] - box[a, 2:])
        np.maximum(gap, 0, out=gap)
        lower = gap[:, 0] ** 2 + gap[:, 1] ** 2
        between = point[a] - point[b]
        starts = np.flatnonzero(np.diff(pair, prepend=-1))
        nearest = np.minimum(nearest, np.minimum.reduceat(between[:, 0] ** 2 + between[:, 1] ** 2, starts))
        keep = lower <= nearest[pair] * (1 + 1e-12)
        a, b, pair = a[keep], b[keep], pair[keep]
        if level:
            wide_a, wide_b = end[a] - first[a], end[b] - first[b]
            count = wide_a * wide_b
            place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            row, column = np.divmod(place, np.repeat(wide_b, count))
            a, b = np.repeat(first[a], count) + row, np.repeat(first[b], count) + column
            pair = np.repeat(pair, count)
    starts = np.flatnonzero(np.diff(pair, prepend=-1))
    return np.sqrt(np.minimum.reduceat(_segment_distance2(segments[a], segments[b]), starts))


def _segment_distance2(s, t):
    """Squared distance of segments that do not cross, row by row."""
    return np.minimum(np.minimum(_point_distance2(s[:, :2], t), _point_distance2(s[:, 2:], t)),
                      np.minimum(_point_distance2(t[:, :2], s), _point_distance2(t[:, 2:], s)))


def _point_distance2(p, s):
    along = s[:, 2:] - s[:, :2]
    to = p - s[:, :2]
    length2 = (along ** 2).sum(axis=1)
    share = np.clip((to * along).sum(axis=1) / np.where(length2 > 0, length2, 1.0), 0, 1)
    return ((to - share[:, None] * along) ** 2).sum(axis=1)

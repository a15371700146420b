"""The lines and outlines of geometries, or single points, asked for their distance from places.

Samples along the edges in a tree of k dimensions bound a distance from both sides; the edges that
the nearest samples lie on give it exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from osgeo import ogr

from ..arrays import Floats, Ints
from ..grid.grid import Template
from .segments import point_segment_distance, segments_of

_SLACK_M = 1e-3
_MOST_SAMPLES_PER_METRE = 4.0
_SAMPLES_ASKED = 4


class Edges:
    """Straight segments, or single points, ready for distance queries.

    Parameters
    ----------
    starts, ends : float64 ndarray, shape (n, 2)
        In the template's CRS.
    template : Template
        The map whose cells will be asked about.
    reach_m : float
        Edges further than this from the map are left out.
    spacing_m : float
        Samples along the edges; smaller costs memory, larger costs exact checks. The distances
        do not depend on it. 0: the edges are points.
    """

    def __init__(self, starts: Floats, ends: Floats, template: Template, *, reach_m: float, spacing_m: float) -> None:
        self._west, self._north = template.transform[0], template.transform[3]
        origin = np.array([self._west, self._north])
        starts, ends = starts - origin, ends - origin
        south, east = -template.rows * template.cell_height, template.cols * template.cell_width
        low, high = np.minimum(starts, ends), np.maximum(starts, ends)
        near = (
            (high[:, 0] >= -reach_m)
            & (low[:, 0] <= east + reach_m)
            & (high[:, 1] >= south - reach_m)
            & (low[:, 1] <= reach_m)
        )
        self._starts, self._ends = starts[near], ends[near]
        self._half_gap_squared = (spacing_m / 2) ** 2
        self._tree, self._segment = self._sample(spacing_m)

    @classmethod
    def of_geometries(
        cls,
        geometries: Iterable[ogr.Geometry],
        template: Template,
        *,
        reach_m: float = np.inf,
        spacing_m: float | None = None,
    ) -> Edges:
        """The points, lines and outlines of geometries in the template's CRS; sampled a cell apart by default."""
        if spacing_m is None:
            spacing_m = min(template.cell_width, template.cell_height)
        segments = segments_of(geometries)
        spacing_m = max(spacing_m, 1 / _MOST_SAMPLES_PER_METRE)
        return cls(segments.start, segments.end, template, reach_m=reach_m, spacing_m=spacing_m)

    @classmethod
    def of_points(cls, points: Floats, template: Template, *, reach_m: float = np.inf) -> Edges:
        """Single points, a float64 array of x and y, shape (n, 2)."""
        return cls(points, points, template, reach_m=reach_m, spacing_m=0.0)

    def _sample(self, spacing_m: float) -> tuple[Any, Ints]:
        """Samples along the edges (a cKDTree, None where there is no edge), and the edge of each."""
        from scipy.spatial import cKDTree

        if not len(self._starts):
            return None, np.zeros(0, dtype=np.int64)
        if not spacing_m:
            return cKDTree(self._starts), np.arange(len(self._starts))
        lengths = np.hypot(*(self._ends - self._starts).T)
        counts = np.ceil(lengths / spacing_m).astype(np.int64) + 1
        segment = np.repeat(np.arange(len(counts)), counts)
        first = np.repeat(np.cumsum(counts) - counts, counts)
        share = (np.arange(len(segment)) - first) / np.maximum(1, counts[segment] - 1)
        points = self._starts[segment] + share[:, None] * (self._ends - self._starts)[segment]
        # built three times as fast as a balanced tree, which cannot be stopped, and as quick to ask
        return cKDTree(points, balanced_tree=False), segment

    def local(self, x: Floats, y: Floats) -> Floats:
        """Map coordinates as points, counted from the map's corner to keep digits."""
        return np.column_stack([x - self._west, y - self._north])

    def bounds_m(self, points: Floats, reach_m: float = np.inf) -> tuple[Floats, Floats]:
        """A lower and an upper bound of each point's distance; both infinite beyond ``reach_m``."""
        if self._tree is None:
            nowhere = np.full(len(points), np.inf)
            return nowhere, nowhere
        # the nearest sample may lie a little beyond the reach of an edge that lies within
        farthest = np.sqrt(reach_m**2 + self._half_gap_squared) + _SLACK_M
        upper = self._tree.query(points, distance_upper_bound=farthest, workers=-1)[0]
        return np.sqrt(np.maximum(0, upper**2 - self._half_gap_squared)), upper

    @property
    def is_empty(self) -> bool:
        """Whether there is no edge in reach."""
        return self._tree is None

    def nearest_sample(self, points: Floats) -> tuple[Floats, Floats]:
        """A place on an edge that is about nearest to each point, and a lower bound of the point's distance."""
        upper, which = self._tree.query(points, workers=-1)
        return self._tree.data[which], np.sqrt(np.maximum(0, upper**2 - self._half_gap_squared))

    def exact_m(self, points: Floats) -> Floats:
        """The distance of each point in metres, float64; infinite where there is no edge."""
        if self._tree is None or not len(points):
            return np.full(len(points), np.inf)
        count = min(_SAMPLES_ASKED, self._tree.n)
        apart, near = (found.reshape(len(points), count) for found in self._tree.query(points, count, workers=-1))
        if not self._half_gap_squared:
            nearest: Floats = apart[:, 0]
            return nearest
        # the nearest edge has a sample no further than this, whichever edge it is
        radius = np.sqrt(apart[:, 0] ** 2 + self._half_gap_squared) * (1 + 1e-9) + 1e-9
        distance = np.full(len(points), np.inf)
        for which in near.T:
            segment = self._segment[which]
            found = point_segment_distance(points, self._starts[segment], self._ends[segment])
            np.minimum(distance, found, out=distance)
        more = np.flatnonzero(apart[:, -1] <= radius) if count < self._tree.n else ()
        if len(more):
            near = self._tree.query_ball_point(points[more], radius[more])
            counts = np.fromiter((len(n) for n in near), dtype=np.int64, count=len(near))
            segment = self._segment[np.concatenate(near).astype(np.int64)]
            all_near = point_segment_distance(
                np.repeat(points[more], counts, axis=0), self._starts[segment], self._ends[segment]
            )
            distance[more] = np.minimum.reduceat(all_near, np.cumsum(counts) - counts)
        return distance

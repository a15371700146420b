"""Crossings of corridors and roads, and which of them are one breakpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Floats, Ints
from ..geometry.crossings import (
    CorridorSegments,
    Intervals,
    intervals_inside,
    line_segments,
    merged_intervals,
    middle_of,
    unbroken_runs,
)
from ..geometry.segment_intersections import TOUCH_M, segment_intersections
from ..geometry.segments import Segments
from ..progress import Progress
from .roads import Roads


@dataclass(frozen=True)
class RoadCrossings:
    """Intervals of the corridors' segments on roads, one row each, sorted by road.

    Parameters
    ----------
    road, feature : int64 ndarray
        The road, and the feature of the road layer.
    segment : int64 ndarray
        The corridors' segment.
    start, end : float64 ndarray
        Fractions of the segment.
    lines : dict of int to Segments
        The segments of the features that are lines.
    """

    road: Ints
    feature: Ints
    segment: Ints
    start: Floats
    end: Floats
    lines: dict[int, Segments]

    def __len__(self) -> int:
        return len(self.road)

    def lines_of(self, rows: Ints) -> list[Segments]:
        """The line features of some rows."""
        return [self.lines[feature] for feature in set(self.feature[rows].tolist()) if feature in self.lines]


@dataclass(frozen=True)
class CrossingCluster:
    """Crossings that are one breakpoint.

    Parameters
    ----------
    rows : int64 ndarray
        Of the `RoadCrossings`.
    middles : float64 ndarray, shape (n, 2)
        The middle of each unbroken run.
    """

    rows: Ints
    middles: Floats


def find_crossings(segments: CorridorSegments, roads: Roads, progress: Progress) -> RoadCrossings:
    """All crossings of corridors' segments and roads."""
    features: list[Ints] = [np.empty(0, dtype=np.int64)]
    found: list[Intervals] = [Intervals(features[0], np.empty(0), np.empty(0))]
    lines: dict[int, Segments] = {}
    if len(roads.lines):
        pieces = line_segments(roads.layer.part(roads.lines), "roads", progress)
        met = segment_intersections(segments, pieces, progress=progress.part(0, 0.4))
        features.append(roads.lines[pieces.owner[met.b]])
        found.append(Intervals(met.a, met.start, met.end))
        bounds = np.searchsorted(pieces.owner, np.arange(len(roads.lines) + 1))
        lines = {feature: pieces.select(slice(*bounds[n : n + 2])) for n, feature in enumerate(roads.lines.tolist())}
    if len(roads.polygons):
        polygons = roads.layer.part(roads.polygons).valid_polygons(progress)
        for feature, inside in zip(
            roads.polygons.tolist(), intervals_inside(segments, polygons, progress.part(0.4, 1))
        ):
            features.append(np.full(len(inside), feature))
            found.append(inside)
    feature_of = np.concatenate(features)
    order = np.argsort(roads.road_of[feature_of], kind="stable")
    feature_of = feature_of[order]
    return RoadCrossings(
        roads.road_of[feature_of],
        feature_of,
        np.concatenate([intervals.segment for intervals in found])[order],
        np.concatenate([intervals.start for intervals in found])[order],
        np.concatenate([intervals.end for intervals in found])[order],
        lines,
    )


def cluster_crossings(
    segments: CorridorSegments, crossings: RoadCrossings, *, tolerance_m: float, progress: Progress
) -> list[CrossingCluster]:
    """Single linkage of the crossings of each road: those closer than a tolerance are linked."""
    found: list[CrossingCluster] = []
    if not len(crossings):
        return found
    bounds = np.concatenate([[0], np.nonzero(np.diff(crossings.road))[0] + 1, [len(crossings)]])
    for low, high in zip(bounds[:-1], bounds[1:]):
        progress(low / bounds[-1])
        segment, start, end = crossings.segment[low:high], crossings.start[low:high], crossings.end[low:high]
        merged = merged_intervals(segment, start, end)
        linked = _linked_intervals(segments, merged, tolerance_m, progress)
        row_of = np.searchsorted(2.0 * merged.segment + merged.start, 2.0 * segment + start, "right") - 1
        of_crossing = linked.cluster[linked.first_sample[row_of]]
        runs = unbroken_runs(segments, merged, progress)
        first_segment = np.array([run[0].segment for run in runs])
        entry = segments.point(first_segment, np.array([run[0].enter for run in runs]))
        of_run = linked.cluster[linked.samples.query(entry)[1]]
        middles = np.array([middle_of(segments, run) for run in runs])
        count = int(linked.cluster.max()) + 1
        found += [
            CrossingCluster(low + rows, middles[own])
            for rows, own in zip(_places_of_each(of_crossing, count), _places_of_each(of_run, count))
        ]
    return found


@dataclass(frozen=True)
class _LinkedIntervals:
    """Samples of intervals (a cKDTree), the first one of each interval, and the cluster of each sample."""

    samples: Any
    first_sample: Ints
    cluster: Ints


def _linked_intervals(
    segments: CorridorSegments, intervals: Intervals, tolerance_m: float, progress: Progress
) -> _LinkedIntervals:
    """Single linkage of intervals, by samples along them."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    points, which = _samples_along(segments, intervals, max(tolerance_m / 8, 1.0))
    same_place = 2 * TOUCH_M
    samples = cKDTree(points)
    progress.check()
    one, two = samples.query_pairs(max(tolerance_m, same_place), output_type="ndarray").T
    distance = np.hypot(*(points[one] - points[two]).T)
    close = (distance < tolerance_m) | (distance < same_place)
    along = np.nonzero(which[1:] == which[:-1])[0]
    one, two = np.concatenate([one[close], along]), np.concatenate([two[close], along + 1])
    progress.check()
    _, cluster = connected_components(
        coo_matrix((np.ones(len(one), dtype=np.int8), (one, two)), shape=(len(points),) * 2), directed=False
    )
    return _LinkedIntervals(samples, np.searchsorted(which, np.arange(which[-1] + 1)), cluster)


def _samples_along(segments: CorridorSegments, intervals: Intervals, spacing_m: float) -> tuple[Floats, Ints]:
    """Points along intervals at most ``spacing_m`` apart, ends included, and the interval of each."""
    length = intervals.length_m(segments)
    count = np.where(length > TOUCH_M, np.ceil(length / spacing_m).astype(np.int64) + 1, 1)
    which = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    share = nth / np.maximum(count - 1, 1)[which]
    fraction = intervals.start[which] + share * (intervals.end - intervals.start)[which]
    return segments.point(intervals.segment[which], fraction), which


def _places_of_each(labels: Ints, count: int) -> list[Ints]:
    """The places of each label 0 to count - 1."""
    return np.split(np.argsort(labels, kind="stable"), np.cumsum(np.bincount(labels, minlength=count))[:-1])

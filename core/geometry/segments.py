"""Lines and outlines of geometries as straight segments, and how far places lie from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import ogr

from ..arrays import Floats, Ints
from ..gdal_session import gdal_exceptions
from ..progress import SILENT, Progress


@dataclass(frozen=True)
class Segments:
    """Straight segments with the part they belong to.

    Parameters
    ----------
    start, end : float64 ndarray, shape (n, 2)
        Coordinates of the geometries' CRS.
    part : int64 ndarray, shape (n,)
        Number of the line, ring or point, counted over all geometries; its segments follow each other.
    owner : int64 ndarray, shape (n,)
        Number of the geometry.
    """

    start: Floats
    end: Floats
    part: Ints
    owner: Ints

    def __len__(self) -> int:
        return len(self.start)

    def select(self, chosen: Any) -> Segments:
        """Those that a mask, slice or list of places takes."""
        return Segments(self.start[chosen], self.end[chosen], self.part[chosen], self.owner[chosen])

    @property
    def with_length(self) -> Segments:
        """Those whose ends differ."""
        return self.select((self.start != self.end).any(axis=1))


def segments_of(geometries: Iterable[ogr.Geometry], progress: Progress = SILENT) -> Segments:
    """The segments of all lines and rings; a single point is one without length. Curves are made straight."""
    starts: list[Floats] = [np.empty((0, 2))]
    ends: list[Floats] = [np.empty((0, 2))]
    parts, owners = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    part = 0
    with gdal_exceptions():
        for owner, geometry in enumerate(geometries):
            if owner % 100 == 0:
                progress.check()
            straight = geometry.GetLinearGeometry() if geometry.HasCurveGeometry() else geometry
            for points in _point_chains(straight):
                start, end = (points, points) if len(points) == 1 else (points[:-1], points[1:])
                starts.append(start)
                ends.append(end)
                parts.append(np.full(len(start), part))
                owners.append(np.full(len(start), owner))
                part += 1
    return Segments(np.concatenate(starts), np.concatenate(ends), np.concatenate(parts), np.concatenate(owners))


def _point_chains(geometry: ogr.Geometry) -> Iterator[Floats]:
    """The vertices of each line, ring and point, shape (n, 2)."""
    if geometry.GetGeometryCount():
        for index in range(geometry.GetGeometryCount()):
            yield from _point_chains(geometry.GetGeometryRef(index))
    elif geometry.GetPointCount():
        yield np.array(geometry.GetPoints(), dtype=np.float64)[:, :2]


def nearest_on_segments(points: Floats, start: Floats, end: Floats) -> Floats:
    """The place of each segment that is nearest to a point, row by row, shape (n, 2); rows are broadcast."""
    along = end - start
    length_squared = (along**2).sum(axis=1)
    share = ((points - start) * along).sum(axis=1) / np.where(length_squared > 0, length_squared, 1)
    nearest: Floats = start + np.clip(share, 0, 1)[:, None] * along
    return nearest


def point_segment_distance(points: Floats, start: Floats, end: Floats) -> Floats:
    """The distance of points from segments, row by row, shape (n,); rows are broadcast.

    Coordinates are best counted from a place nearby, to keep digits.
    """
    distance: Floats = np.sqrt(((points - nearest_on_segments(points, start, end)) ** 2).sum(axis=1))
    return distance

"""Segments of geometries of every kind, and distances from them against GEOS."""

import numpy as np
import pytest
from osgeo import ogr

from econet.core.errors import Cancelled
from econet.core.geometry.segment_intersections import segment_intersections
from econet.core.geometry.segments import nearest_on_segments, point_segment_distance, segments_of
from econet.core.progress import Progress


def shape(wkt):
    return ogr.CreateGeometryFromWkt(wkt)


def test_segments_of_lines_rings_and_points():
    found = segments_of(
        [
            shape("MULTILINESTRING((0 0,1 0,1 1),(5 5,6 5))"),
            shape("POINT(7 8)"),
            shape("POLYGON Z((0 0 9,4 0 9,0 4 9,0 0 9),(1 1 9,2 1 9,1 2 9,1 1 9))"),
            shape("LINESTRING EMPTY"),
        ]
    )
    assert found.part.tolist() == [0, 0, 1, 2, 3, 3, 3, 4, 4, 4]
    assert found.owner.tolist() == [0, 0, 0, 1, 2, 2, 2, 2, 2, 2]
    assert found.start.tolist()[:4] == [[0, 0], [1, 0], [5, 5], [7, 8]]
    assert found.end.tolist()[:4] == [[1, 0], [1, 1], [6, 5], [7, 8]]
    assert len(found) == 10 and len(found.with_length) == 9
    assert found.select(found.owner == 1).start.tolist() == [[7, 8]]
    assert len(segments_of([])) == 0 and segments_of([]).part.dtype == np.int64
    arc = segments_of([shape("CIRCULARSTRING(0 0,1 1,2 0)")])
    assert len(arc) > 10 and np.hypot(*(arc.start - [1, 0]).T) == pytest.approx(1)
    with pytest.raises(Cancelled):
        segments_of([shape("POINT(1 1)")], Progress(cancelled=lambda: True))


def test_distance_from_segments_is_that_of_geos():
    rng = np.random.default_rng(1)
    start, end, points = (rng.uniform(0, 100, (200, 2)) for _ in range(3))
    end[:20] = start[:20]  # without length
    expected = [
        shape(f"POINT({p[0]!r} {p[1]!r})").Distance(shape(f"LINESTRING({a[0]!r} {a[1]!r},{b[0]!r} {b[1]!r})"))
        for p, a, b in zip(points.tolist(), start.tolist(), end.tolist())
    ]
    np.testing.assert_allclose(point_segment_distance(points, start, end), expected, rtol=1e-12)
    np.testing.assert_allclose(np.hypot(*(nearest_on_segments(points, start, end) - points).T), expected, rtol=1e-12)
    # one point against all segments
    one = points[:1]
    np.testing.assert_array_equal(
        point_segment_distance(one, start, end), point_segment_distance(np.repeat(one, 200, axis=0), start, end)
    )


def test_intersections_are_those_of_geos():
    rng = np.random.default_rng(2)
    lines = [
        [shape("LINESTRING({!r} {!r},{!r} {!r})".format(*rng.uniform(0, 1000, 4).tolist())) for _ in range(count)]
        for count in (60, 80)
    ]
    found = segment_intersections(*(segments_of(some) for some in lines))
    expected = [(i, j) for i, a in enumerate(lines[0]) for j, b in enumerate(lines[1]) if a.Intersects(b)]
    assert list(zip(found.a.tolist(), found.b.tolist())) == expected and len(expected) > 500
    for i, j, share in zip(found.a.tolist(), found.b.tolist(), found.start.tolist()):
        point = lines[0][i].Intersection(lines[1][j])
        (x0, y0), (x1, y1) = lines[0][i].GetPoints()
        assert (x0 + share * (x1 - x0), y0 + share * (y1 - y0)) == pytest.approx((point.GetX(), point.GetY()), abs=1e-6)
    np.testing.assert_array_equal(found.start, found.end)


def test_a_common_stretch_and_a_touch():
    a = segments_of([shape("LINESTRING(0 0,10 0)")])
    b = segments_of([shape("LINESTRING(4 0,20 0)"), shape("LINESTRING(3 0,3 5)"), shape("LINESTRING(0 1,10 1)")])
    found = segment_intersections(a, b)
    assert found.b.tolist() == [0, 1]
    assert found.start.tolist() == pytest.approx([0.4, 0.3]) and found.end.tolist() == pytest.approx([1, 0.3])
    assert segment_intersections(a, b, within_m=1.5).b.tolist() == [0, 1, 2]

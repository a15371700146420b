"""Polygons of geometries of every kind, and invalid ones repaired."""

import pytest
from osgeo import ogr

from econet.core.geometry.polygons import multipolygon_of, polygons_of, repaired_polygons, union_of

ONE, TWO = "((0 0,2 0,2 2,0 2,0 0))", "((5 5,6 5,6 6,5 6,5 5))"


def shape(wkt):
    return ogr.CreateGeometryFromWkt(wkt)


@pytest.mark.parametrize(
    "wkt, areas",
    [
        (f"POLYGON{ONE}", [4]),
        (f"MULTIPOLYGON({ONE},{TWO})", [4, 1]),
        (f"GEOMETRYCOLLECTION(POINT(1 1),POLYGON{TWO},LINESTRING(0 0,9 9),MULTIPOLYGON({ONE}))", [1, 4]),
        ("POLYGON Z((0 0 7,2 0 7,2 2 7,0 2 7,0 0 7))", [4]),
        ("LINESTRING(0 0,9 9)", []),
        ("MULTIPOINT((0 0),(9 9))", []),
        ("GEOMETRYCOLLECTION EMPTY", []),
        ("CURVEPOLYGON(CIRCULARSTRING(-1 0,0 1,1 0,0 -1,-1 0))", [pytest.approx(3.1415, abs=5e-3)]),
        ("MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING(-1 0,0 1,1 0,0 -1,-1 0)),((5 5,6 5,6 6,5 6,5 5)))", 2),
    ],
)
def test_polygons_of_every_kind(wkt, areas):
    whole = shape(wkt)
    found = polygons_of(whole)
    if isinstance(areas, int):
        assert len(found) == areas
    else:
        assert [polygon.GetArea() for polygon in found] == areas
    assert {ogr.GT_Flatten(polygon.GetGeometryType()) for polygon in found} <= {ogr.wkbPolygon}
    together = multipolygon_of(whole)
    assert together.GetGeometryType() & 0xFF == ogr.wkbMultiPolygon and together.GetGeometryCount() == len(found)


def test_polygons_are_clones_and_none_has_none():
    whole = shape(f"MULTIPOLYGON({ONE},{TWO})")
    first = polygons_of(whole)[0]
    whole = None  # a part outlives what it was taken from
    assert first.GetArea() == 4
    assert polygons_of(None) == [] and multipolygon_of(None).IsEmpty()


def test_union_and_repair():
    assert union_of([]).IsEmpty()
    both = union_of([shape(f"POLYGON{ONE}"), shape("POLYGON((1 0,3 0,3 2,1 2,1 0))")])
    assert (both.GetGeometryName(), both.GetGeometryCount(), both.GetArea()) == ("MULTIPOLYGON", 1, 6)
    bow = repaired_polygons(shape("POLYGON((0 0,2 2,2 0,0 2,0 0))"))
    assert bow.IsValid() and bow.GetArea() == pytest.approx(2)
    twice = repaired_polygons(shape(f"MULTIPOLYGON({ONE},{ONE})"))
    assert twice.GetArea() == 4
    assert repaired_polygons(shape("POLYGON((0 0,2 2,0 0,0 0))")).IsEmpty()

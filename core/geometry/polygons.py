"""Polygons of a geometry, and invalid ones repaired."""

from __future__ import annotations

from collections.abc import Iterable

from osgeo import ogr


def polygons_of(geometry: ogr.Geometry | None) -> list[ogr.Geometry]:
    """The polygons of a polygon, multipolygon or collection, in order, as clones.

    Curves are made straight, heights stay. Lines and points have none, nor has None.
    """
    if geometry is None:
        return []
    if geometry.HasCurveGeometry():
        geometry = geometry.GetLinearGeometry()
    kind = ogr.GT_Flatten(geometry.GetGeometryType())
    if kind == ogr.wkbPolygon:
        return [geometry.Clone()]
    parts = (geometry.GetGeometryRef(index) for index in range(geometry.GetGeometryCount()))
    return [polygon for part in parts for polygon in polygons_of(part)]


def multipolygon_of(geometry: ogr.Geometry | None) -> ogr.Geometry:
    """The polygons of a geometry as one multipolygon (an overlay leaves lines and points too)."""
    result = ogr.Geometry(ogr.wkbMultiPolygon)
    for polygon in polygons_of(geometry):
        result.AddGeometryDirectly(polygon)
    return result


def union_of(geometries: Iterable[ogr.Geometry]) -> ogr.Geometry:
    """What lies in any of some polygons, as one multipolygon; empty where there are none."""
    every = ogr.Geometry(ogr.wkbMultiPolygon)
    for geometry in geometries:
        for polygon in polygons_of(geometry):
            every.AddGeometryDirectly(polygon)
    return multipolygon_of(every.UnionCascaded()) if every.GetGeometryCount() else every


def repaired_polygons(geometry: ogr.Geometry) -> ogr.Geometry:
    """A valid polygon or multipolygon of what lies inside any part; lines and points fall away."""
    result = ogr.Geometry(ogr.wkbMultiPolygon)
    for polygon in polygons_of(geometry):
        for part in polygons_of(polygon.MakeValid()):
            result = result.Union(part)
    return result


def plain_geometry(geometry: ogr.Geometry) -> ogr.Geometry:
    """The geometry without curves and heights."""
    if geometry.HasCurveGeometry():
        geometry = geometry.GetLinearGeometry()
    geometry.FlattenTo2D()
    return geometry

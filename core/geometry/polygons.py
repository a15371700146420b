"""Polygons of a geometry, and invalid ones repaired."""

from osgeo import ogr


def polygons_only(geometry):
    """The polygons of a geometry as one multipolygon (an overlay leaves lines and points too)."""
    result = ogr.Geometry(ogr.wkbMultiPolygon)
    if geometry is None:
        return result
    kind = ogr.GT_Flatten(geometry.GetGeometryType())
    if kind == ogr.wkbMultiPolygon:
        return geometry.Clone()
    if kind == ogr.wkbPolygon:
        result.AddGeometry(geometry)
    elif geometry.GetGeometryCount() and kind != ogr.wkbLineString:
        for index in range(geometry.GetGeometryCount()):
            part = polygons_only(geometry.GetGeometryRef(index))
            for k in range(part.GetGeometryCount()):
                result.AddGeometry(part.GetGeometryRef(k))
    return result


def union_of(geometries):
    every = ogr.Geometry(ogr.wkbMultiPolygon)
    for geometry in geometries:
        for part in range(geometry.GetGeometryCount()):
            every.AddGeometry(geometry.GetGeometryRef(part))
    return polygons_only(every.UnionCascaded()) if every.GetGeometryCount() else every


def mended_polygons(geometry):
    """A valid polygon or multipolygon of what lies inside any part; lines and points fall away."""
    polygons = [part.MakeValid() for part in polygon_parts(geometry)]
    result = ogr.Geometry(ogr.wkbMultiPolygon)
    for polygon in polygons:
        for part in polygon_parts(polygon):
            result = result.Union(part)
    return result


def polygon_parts(geometry):
    """The polygons of a polygon, multipolygon or collection."""
    if geometry.GetGeometryType() in (ogr.wkbPolygon, ogr.wkbPolygon25D):
        return [geometry.Clone()]
    return [
        part
        for index in range(geometry.GetGeometryCount())
        for part in polygon_parts(geometry.GetGeometryRef(index))
        if ogr.GT_IsSubClassOf(ogr.GT_Flatten(geometry.GetGeometryType()), ogr.wkbGeometryCollection)
    ]


def plain_geometry(geometry):
    """The geometry without curves and heights."""
    if geometry.HasCurveGeometry():
        geometry = geometry.GetLinearGeometry()
    geometry.FlattenTo2D()
    return geometry

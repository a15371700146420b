"""Vector layers of the artificial city."""

import numpy as np
from osgeo import ogr

from econet.core.crs import Crs
from econet.core.gdal_session import gdal_exceptions
from econet.core.geometry.cells import polygonize
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Template
from econet.examples.mining_city.curves import random_state
from econet.examples.mining_city.scale import CELL_M, CRS, NORTH, WEST


def _geometry(points, kind):
    geometry = ogr.Geometry(kind)
    for x, y in points:
        geometry.AddPoint_2D(WEST + float(x), NORTH - float(y))
    if kind == ogr.wkbLinearRing:
        polygon = ogr.Geometry(ogr.wkbPolygon)
        polygon.AddGeometry(geometry)
        return polygon
    return geometry


def _features(name, rows, field_names):
    layer = Layer(name, Crs.of(CRS).reference.ExportToWkt(), field_names=list(field_names))
    for geometry, *values in rows:
        layer.geometries.append(geometry)
        layer.attributes.append(dict(zip(field_names, values)))
    return layer


def make_layers(plan, lakes):
    extent = _geometry(
        [(0, 0), (plan.cols * CELL_M, 0), (plan.cols * CELL_M, plan.rows * CELL_M), (0, plan.rows * CELL_M), (0, 0)],
        ogr.wkbLinearRing,
    )
    with gdal_exceptions():
        roads = []
        for name, road_class, line in plan.roads:
            clipped = _geometry(line, ogr.wkbLineString).Intersection(extent)
            if not clipped.IsEmpty():
                roads.append((clipped, name, road_class))
        mines = [
            (
                _geometry(m.outline, ogr.wkbLinearRing).Intersection(extent),
                m.name,
                m.mineral,
                m.method,
                m.state,
                m.feature,
            )
            for m in plan.mines
        ]
        half = max(plan.metres(0.075), 1.05 * CELL_M)
        water = []
        for lines, kind, width in ((plan.rivers, "river", half), (plan.tributaries, "stream", max(0.1 * half, 8.0))):
            for index, line in enumerate(lines):
                body = _geometry(line, ogr.wkbLineString).Buffer(width, 4).Intersection(extent)
                water.append((body, f"{kind.title()} {index + 1}", kind))
        for row, col, lake in lakes:
            corner = WEST + col * CELL_M, CELL_M, 0.0, NORTH - row * CELL_M, 0.0, -CELL_M
            window = Template(*lake.shape, corner, Crs.of(CRS).reference.ExportToWkt())
            for polygon in polygonize(lake.astype(np.int32), window).values():
                water.append((polygon, "Reservoir", "reservoir"))
        study, districts = _study_area(plan)
    return {
        "roads": _features("roads", roads, ("name", "road_class")),
        "motorways": _features("motorways", [r for r in roads if r[2] == "motorway"], ("name", "road_class")),
        "highways": _features("highways", [r for r in roads if r[2] != "motorway"], ("name", "road_class")),
        "water": _features("water", water, ("name", "kind")),
        "mines": _features("mines", mines, ("name", "mineral", "method", "state", "feature")),
        "study_area": _features("study_area", [(study, "Wuming")], ("name",)),
        "districts": _features("districts", districts, ("name",)),
    }


def _study_area(plan):
    """A rounded region inside the map and its four districts, which meet near the town."""
    width, height = plan.cols * CELL_M, plan.rows * CELL_M
    rng = random_state(plan.seed, "study area")
    inset = 0.018 * min(width, height)
    outline = []
    for (xa, ya), (xb, yb) in zip(((0, 0), (1, 0), (1, 1), (0, 1)), ((1, 0), (1, 1), (0, 1), (0, 0))):
        for k in range(12):
            t = k / 12
            u, v = xa + t * (xb - xa), ya + t * (yb - ya)
            inward = inset * rng.uniform(0.4, 1.6)
            outline.append(
                (
                    round(min(max(u * width, inward), width - inward), 1),
                    round(min(max(v * height, inward), height - inward), 1),
                )
            )
    study = _geometry(outline + outline[:1], ogr.wkbLinearRing)
    middle = np.array([0.47 * width, 0.57 * height])

    def border(to):
        points = [middle + (np.asarray(to) - middle) * k / 6 for k in range(7)]
        for point in points[1:-1]:
            point += rng.uniform(-0.02, 0.02) * min(width, height)
        return [tuple(np.round(p, 1)) for p in points]

    north, east, south, west = (
        border(to) for to in ((0.5 * width, 0), (width, 0.54 * height), (0.46 * width, height), (0, 0.58 * height))
    )
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    sides = (
        ("Birchwood", west, corners[0], north),
        ("Redstone", north, corners[1], east),
        ("Quarry Hills", east, corners[2], south),
        ("Willow Bank", south, corners[3], west),
    )
    districts = []
    for name, first, corner, last in sides:
        ring = [*first, corner, *last[::-1][:-1], *first[:1]]
        districts.append((_geometry(ring, ogr.wkbLinearRing).Intersection(study), name))
    return study, districts

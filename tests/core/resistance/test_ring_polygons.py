"""The rings as polygons: against GEOS's distances, the raster, and geometry that can be worked out by hand."""

import math

import numpy as np
import pytest
from osgeo import ogr

from econet.core.errors import Cancelled
from econet.core.geometry.cells import rasterize
from econet.core.progress import Progress
from econet.core.resistance.mine_rings import mine_resistance, read_rings
from econet.core.resistance.ring_polygons import INSIDE_BY, ring_polygons

HEAD = "mineral,method,state,from_m,to_m,resistance\n"
SPIRAL = (
    "POLYGON((0 0,900 0,900 700,100 700,100 200,600 200,600 400,300 400,300 300,200 300,200 600,800 600,800 100,0 100,"
    "0 0))"
)
BOW = "POLYGON((0 0,400 8,800 0,800 -300,400 -300,0 -300,0 0))"


def moved(lab, wkt, east=500000, north=4600000):
    shape = lab.geometry(wkt)
    ring = shape.GetGeometryRef(0)
    for place in range(ring.GetPointCount()):
        x, y, _ = ring.GetPoint(place)
        ring.SetPoint_2D(place, x + east, y + north)
    return shape


def outline(geometry, step):
    """Points along all outlines of a geometry."""
    geometry = geometry.Clone()
    geometry.Segmentize(step)

    def chains(part):
        if part.GetGeometryCount():
            return [c for i in range(part.GetGeometryCount()) for c in chains(part.GetGeometryRef(i))]
        return [part.GetPoints()]

    return [point[:2] for chain in chains(geometry) for point in chain]


def test_areas_of_a_square_pits_rings(lab):
    """Area of a square's buffer: a^2 + 4 a b + pi b^2."""
    cells = lab.template(1, 1)
    pit = lab.mine(lab.box(cells, 0, 0), name="Square")
    made = ring_polygons([pit], read_rings())
    whole = [(100**2 + 400 * b + math.pi * b * b) / 1e6 for b in (2500, 3500)]
    assert [(r.mine, r.mineral, r.method, r.state, r.feature, r.from_m, r.to_m, r.resistance) for r in made] == [
        ("Square", "coal", "open pit", "producing", "pit", 2500, 3500, 3),
        ("Square", "coal", "open pit", "producing", "pit", 0, 2500, 5),
    ]
    made.reverse()
    np.testing.assert_allclose([r.area_km2 for r in made], [whole[0], whole[1] - whole[0]], rtol=2e-4)
    for ring in made:
        assert ring.area_km2 == pytest.approx(ring.geometry.Area() / 1e6) and ring.geometry.IsValid()
        assert ring.geometry.GetGeometryType() == ogr.wkbMultiPolygon
    # not by Intersection, which GEOS 3.15.0 gets wrong where a polygon fills the other's hole
    assert made[0].geometry.Contains(pit.geometry) and not made[1].geometry.Intersects(pit.geometry)
    assert made[1].geometry.GetGeometryRef(0).GetGeometryCount() == 2


@pytest.mark.parametrize("wkt", [SPIRAL, BOW])
@pytest.mark.parametrize("reach", [30, 500, 4000])
def test_the_outer_edge_is_nowhere_too_far_and_too_near_by_no_more_than_is_said(lab, wkt, reach):
    shape = moved(lab, wkt)
    table = lab.table(HEAD + f"coal,open pit,producing,0,{reach},5\ncoal,open pit,producing,{reach},,1\n")
    (ring,) = ring_polygons([lab.mine(shape)], read_rings(table))
    distance = []
    for x, y in outline(ring.geometry, reach / 50):
        point = ogr.Geometry(ogr.wkbPoint)
        point.AddPoint_2D(x, y)
        distance.append(shape.Distance(point))
    assert max(distance) <= reach * (1 + 1e-9) + 1e-6
    assert min(distance) >= reach * (1 - 1.1 * INSIDE_BY) - 1e-6
    assert pytest.approx(7.53e-5, rel=1e-3) == INSIDE_BY


def test_polygons_agree_with_the_raster_of_one_mine(lab):
    cells = lab.template(60, 70, 137, 101)
    shape = moved(lab, SPIRAL, 504000, 4596500)
    mine = lab.mine(shape, "metal", "open pit", "abandoned")
    raster = mine_resistance([mine], read_rings(), cells).values
    drawn = np.ones(cells.shape)
    for ring in ring_polygons([mine], read_rings()):
        for place in np.ndindex(cells.shape):
            point = ogr.Geometry(ogr.wkbPoint)
            point.AddPoint_2D(*map(float, cells.xy(*place)))
            if ring.geometry.Contains(point):
                drawn[place] = ring.resistance
    distance = lab.distance_by_ogr([shape], cells)
    clear = np.min([abs(distance - bound) for bound in (1000, 2000)], axis=0) > 0.2
    assert clear.mean() > 0.99 and {1, 3, 5} == set(np.unique(drawn))
    np.testing.assert_array_equal(raster[clear], drawn[clear])


def test_each_mine_has_its_own_rings_and_a_restored_one_its_ground(lab):
    cells = lab.template(4, 4)
    near = [
        lab.mine(lab.box(cells, 0, 0), name="A"),
        lab.mine(lab.box(cells, 0, 2), state="restored", name="B"),
        lab.mine(lab.box(cells, 2, 2), "building material", "open pit", "abandoned", "dump", "C"),
        lab.mine(lab.geometry("POLYGON EMPTY"), name="nothing"),
    ]
    made = ring_polygons(near, read_rings())
    assert [(r.mine, r.resistance) for r in made] == [("B", 1), ("A", 3), ("C", 3), ("C", 3), ("A", 5)]
    assert made[0].from_m == 0 and math.isnan(made[0].to_m)
    assert made[0].geometry.SymDifference(near[1].geometry).Area() == 0
    assert made[4].geometry.Contains(near[1].geometry), "rings of one mine know nothing of the others"
    assert made[3].feature == "dump" and (made[3].from_m, made[3].to_m) == (800, 1500)


def test_drawn_in_their_order_the_rings_show_the_maximum(lab):
    cells = lab.template(50, 60, 150)
    mines = [
        lab.mine(lab.box(cells, row, col, 2, 3), *kind)
        for row, col, kind in (
            (10, 10, ("coal", "open pit", "abandoned")),
            (14, 22, ("metal", "open pit", "producing")),
            (30, 15, ("building material", "underground", "producing")),
            (25, 28, ("coal", "open pit", "restored")),
        )
    ]
    drawn = np.ones(cells.shape)
    for ring in ring_polygons(mines, read_rings()):
        drawn[rasterize([ring.geometry], cells) > 0] = ring.resistance
    raster = mine_resistance(mines, read_rings(), cells).values
    assert (drawn != raster).mean() < 0.002 and {1, 3, 5} == set(np.unique(raster))


def test_cancel_is_heard(lab):
    with pytest.raises(Cancelled):
        ring_polygons(
            [lab.mine(lab.box(lab.template(1, 1), 0, 0))], read_rings(), progress=Progress(cancelled=lambda: True)
        )

"""Distances between the edges of polygons against OGR's own, over all pairs."""

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from osgeo import ogr

from econet.core.errors import Cancelled
from econet.core.geometry import polygon_distance
from econet.core.geometry.cells import rasterize
from econet.core.geometry.polygon_distance import edge_distances, edge_links, overlaps
from econet.core.grid.grid import Grid, Template
from econet.core.progress import Progress
from econet.core.sources.patches import delineate


def blob(generator, x, y, size, holes=False):
    angle = np.sort(generator.random(generator.integers(3, 40))) * 2 * math.pi
    radius = size * (0.3 + generator.random(angle.size))

    def ring(factor):
        points = [f"{x + factor * r * math.cos(a)} {y + factor * r * math.sin(a)}" for a, r in zip(angle, radius)]
        return "(" + ",".join([*points, points[0]]) + ")"

    shape = ogr.CreateGeometryFromWkt(f"POLYGON({ring(1)}{',' + ring(0.5) if holes else ''})")
    return shape if shape.IsValid() else shape.MakeValid()


def disc(x, y, radius):
    return ogr.CreateGeometryFromWkt(f"POINT ({x} {y})").Buffer(radius)


def box(west, south, east, north):
    return ogr.CreateGeometryFromWkt(
        f"POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))"
    )


@pytest.fixture(scope="module")
def shapes():
    """Blobs, holes, parts, a patch in the hole of another, one inside another, crossing and touching ones."""
    generator = np.random.default_rng(8)
    found = [
        blob(generator, *(generator.random(2) * 9000 + (5e5, 46e5)), 100 + 900 * generator.random(), k % 3 == 0)
        for k in range(40)
    ]
    parts = ogr.Geometry(ogr.wkbMultiPolygon)
    for k in range(3):
        parts.AddGeometry(blob(generator, 5e5 + 4000 * k, 4599000, 200))
    ring = disc(520000, 4600000, 3000).Difference(disc(520000, 4600000, 2000))
    return [
        *found,
        parts,
        ring,
        disc(520000, 4600000, 500),
        disc(520050, 4600000, 50),
        box(530000, 4600000, 539000, 4600100),
        box(534000, 4596000, 534100, 4604000),
        box(539000, 4600050, 540000, 4600200),
        box(540000, 4600200, 541000, 4601000),
    ]


@pytest.fixture(scope="module")
def expected(shapes):
    return {(i, j): shapes[i].Distance(shapes[j]) for i, j in itertools.combinations(range(len(shapes)), 2)}


def test_all_pairs_equal_ogr(shapes, expected):
    found = edge_distances(shapes)
    assert np.array_equal(found, found.T) and (np.diag(found) == 0).all()
    for (i, j), distance in expected.items():
        assert found[i, j] == pytest.approx(distance, rel=1e-9, abs=1e-6), (i, j)
    assert sum(distance == 0 for distance in expected.values()) > 20


@pytest.mark.parametrize("limit", [0.0, 1.0, 300.0, 2000.0, 15000.0, 1e9])
def test_pairs_within_a_distance_equal_ogr(shapes, expected, limit):
    a, b, distance = edge_links(shapes, limit)
    wanted = {pair for pair, found in expected.items() if found <= limit}
    assert list(zip(a.tolist(), b.tolist())) == sorted(wanted) and wanted
    assert distance == pytest.approx([expected[pair] for pair in sorted(wanted)], rel=1e-9, abs=1e-6)
    assert {(i, j) for i, j, d in zip(a, b, distance) if d == 0} == {p for p in wanted if expected[p] == 0}


def test_pairs_between_two_sets(shapes, expected):
    for limit in (math.inf, 2500.0):
        a, b, _ = edge_links(shapes, limit, first=30)
        assert set(zip(a.tolist(), b.tolist())) == {
            (i, j) for (i, j), found in expected.items() if i < 30 <= j and found <= limit
        }


def test_blocks_change_nothing(shapes, monkeypatch):
    whole = edge_links(shapes, 3000)
    monkeypatch.setattr(polygon_distance, "_BOXES", 7)
    monkeypatch.setattr(polygon_distance, "_PAIRS", 3)
    for one, other in zip(whole, edge_links(shapes, 3000)):
        assert np.array_equal(one, other)


def test_overlaps_equal_ogr(shapes):
    found = {(i, j): area for i, j, area in overlaps(shapes)}
    for i, j in itertools.combinations(range(len(shapes)), 2):
        area = shapes[i].Intersection(shapes[j]).GetArea() if shapes[i].Intersects(shapes[j]) else 0.0
        if area > 1e-6 * min(shapes[i].GetArea(), shapes[j].GetArea()):
            assert found.pop((i, j)) == pytest.approx(area)
    assert not found
    crossing, touching = (len(shapes) - 4, len(shapes) - 3), (len(shapes) - 2, len(shapes) - 1)
    pairs = {(i, j) for i, j, _ in overlaps(shapes, first=len(shapes) - 3)}
    assert crossing in pairs and touching not in pairs
    sliver = [box(0, 0, 1000, 1000), box(1000 - 1e-4, 0, 2000, 1000)]
    assert overlaps(sliver) == [] and edge_links(sliver, 0)[2].tolist() == [0]


def test_a_small_patch_in_a_huge_one_overlaps_it():
    assert overlaps([box(0, 0, 20000, 20000), box(500, 500, 510, 510)]) == [(0, 1, 100.0)]


def test_none_one_and_too_far():
    for few in ([], [box(0, 0, 1, 1)], [box(0, 0, 1, 1), box(9, 0, 10, 1)]):
        assert [part.size for part in edge_links(few, 5.0)] == [0, 0, 0] and overlaps(few) == []
    assert edge_distances([box(0, 0, 1, 1)]).tolist() == [[0.0]]
    assert edge_links([box(0, 0, 1, 1), box(9, 0, 10, 1)], 8.0)[2].tolist() == [8.0]


def test_cells_are_whole_cells_apart():
    values = (np.random.default_rng(2).random((60, 70)) > 0.75).astype(np.int32) * 5
    grid = Grid(values, Template(60, 70, (5e5, 30, 0, 46e5, 0, -40), "EPSG:32651", "c"), 0, "c")
    patches = delineate(grid).patches[:40]
    found = edge_distances([p.geometry for p in patches])
    cells = [np.argwhere(rasterize([p.geometry], grid.template)) for p in patches]
    for i, j in itertools.combinations(range(len(patches)), 2):
        apart = np.maximum(np.abs(cells[i][:, None] - cells[j][None]) - 1, 0) * (40, 30)
        assert found[i, j] == pytest.approx(np.hypot(*apart.transpose(2, 0, 1)).min(), abs=1e-6)


def test_cancel(shapes):
    state = SimpleNamespace(asked=0)

    def cancelled():
        state.asked += 1
        return state.asked > 3

    for function in (edge_links, overlaps):
        state.asked = 0
        with pytest.raises(Cancelled):
            function(shapes, progress=Progress(cancelled=cancelled))

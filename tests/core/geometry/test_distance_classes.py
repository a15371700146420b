"""Classes of distance to geometries: every cell against GEOS, and the ways a map can be awkward."""

import numpy as np
import pytest

from econet.core.errors import Cancelled
from econet.core.geometry.cells import mask_of
from econet.core.geometry.distance_classes import Distances, border_of, distance_classes
from econet.core.geometry.segment_distance import Edges
from econet.core.grid.grid import Window
from econet.core.progress import Progress

BREAKS = (100, 200, 470, 800)


def wandering(lab, cells, seed, count=12):
    rng = np.random.default_rng(seed)
    west, south, east, north = cells.bounds
    x = rng.uniform(west - 300, east + 300) + np.cumsum(rng.normal(0, 120, count))
    y = rng.uniform(south - 300, north + 300) + np.cumsum(rng.normal(0, 120, count))
    return lab.geometry("LINESTRING(" + ",".join(f"{a} {b}" for a, b in zip(x, y)) + ")")


@pytest.mark.parametrize(
    "rows, cols, dx, dy",
    [(37, 41, 30, 30), (30, 52, 25, 45), (1, 70, 30, 30), (70, 1, 30, 20), (5, 4, 400, 300), (1, 1, 30, 30)],
)
def test_every_cell_is_in_the_class_of_its_exact_distance(lab, rows, cols, dx, dy):
    cells = lab.template(rows, cols, dx, dy)
    for seed in range(4):
        shapes = [
            wandering(lab, cells, seed),
            wandering(lab, cells, 50 + seed).Buffer(60),
            lab.geometry("POINT(500210 4599650)"),
        ]
        true = lab.distance_by_ogr(shapes, cells)
        expected = np.searchsorted(np.array(BREAKS, np.float32), true.astype(np.float32), side="left")
        np.testing.assert_array_equal(distance_classes(shapes, BREAKS, cells), expected)


def test_exact_distance_equals_geos(lab):
    cells = lab.template(20, 30, 30, 50)
    shapes = [wandering(lab, cells, 9), wandering(lab, cells, 10)]
    x, y = cells.xy(*np.mgrid[:20, :30])
    edges = Edges.of_geometries(shapes, cells)
    np.testing.assert_allclose(
        edges.exact_m(edges.local(x.ravel(), y.ravel())).reshape(cells.shape),
        lab.distance_by_ogr(shapes, cells),
        atol=1e-7,
    )


def test_a_distance_on_a_break_belongs_below_it(lab):
    """A line through cell centres: 500 m is in (.., 500], 501 m in (500, ..]."""
    cells = lab.template(1, 600, 1.0)
    x, y = cells.xy(0, 0)
    line = lab.geometry(f"LINESTRING({x} {y - 40000},{x} {y + 40000})")
    classes = distance_classes([line], (200, 500), cells)[0]
    np.testing.assert_array_equal(classes, np.repeat([0, 1, 2], [201, 300, 99]))


def test_features_beyond_the_map_count_and_far_ones_do_not(lab):
    cells = lab.template(4, 10, 100)
    west, _, _, north = cells.bounds
    line = lab.geometry(f"LINESTRING({west - 250} {north - 9000},{west - 250} {north + 9000})")
    # cell centres lie at 300, 400, ... m
    np.testing.assert_array_equal(distance_classes([line], (500, 1000), cells)[2], [0] * 3 + [1] * 5 + [2] * 2)
    far = lab.geometry(f"POINT({west - 90000} {north})")
    assert (distance_classes([far], (500, 1000), cells) == 2).all()
    assert (distance_classes([], (500, 1000), cells) == 2).all()


def test_a_map_inside_a_polygon_and_a_lake_with_an_island(lab):
    cells = lab.template(30, 30, 10)
    around = cells.padded(50000)
    assert (distance_classes([lab.box(around, 0, 0, around.rows, around.cols)], (500,), cells) == 0).all()
    lake = lab.box(cells, 0, 0, 30, 30).Difference(lab.box(cells, 5, 5, 20, 20))
    classes = distance_classes([lake], (0.001, 50), cells)
    assert (classes[:5] == 0).all() and classes[5, 5] == 1 and classes[15, 15] == 2


def test_mixed_and_nested_geometries(lab):
    cells = lab.template(20, 20, 10)
    square, line = lab.box(cells, 2, 2, 4, 4), lab.geometry("LINESTRING(500150.5 4599900,500150.5 4599990)")
    together = lab.geometry(f"GEOMETRYCOLLECTION({line.ExportToWkt()},MULTIPOLYGON({square.ExportToWkt()[8:]}))")
    np.testing.assert_array_equal(
        distance_classes([together], (20, 40), cells), distance_classes([square, line], (20, 40), cells)
    )


def test_turning_the_map_turns_the_classes(lab):
    cells, turned = lab.template(12, 19, 20, 35), lab.template(19, 12, 35, 20, west=0, north=0)
    line = wandering(lab, cells, 3)
    points = [(x - 500000, y - 4600000) for x, y in line.GetPoints()]
    other = lab.geometry("LINESTRING(" + ",".join(f"{-y} {-x}" for x, y in points) + ")")
    np.testing.assert_array_equal(distance_classes([line], BREAKS, cells).T, distance_classes([other], BREAKS, turned))


def test_mask_of_a_polygon_smaller_than_a_cell(lab):
    cells = lab.template(5, 5, 100)
    tiny = lab.geometry("POINT(500215 4599690)").Buffer(4)
    assert np.argwhere(mask_of(tiny, cells)).tolist() == [[3, 2]]
    assert mask_of(lab.box(cells, 1, 1, 2, 2), cells).sum() == 4
    assert not mask_of(lab.geometry("POINT(490000 4599690)").Buffer(4), cells).any()


def test_cancel_is_heard(lab):
    cells = lab.template(50, 50, 30)
    with pytest.raises(Cancelled):
        distance_classes([wandering(lab, cells, 1)], BREAKS, cells, progress=Progress(cancelled=lambda: True))


@pytest.mark.parametrize(
    "rows, cols, dx, dy", [(40, 50, 30, 30), (37, 41, 25, 45), (1, 60, 40, 30), (300, 5, 30, 20), (1, 1, 30, 30)]
)
@pytest.mark.parametrize("share", [0.0, 0.003, 0.3, 1.0])
def test_distance_to_cells_by_trying_all(lab, rows, cols, dx, dy, share):
    cells, rng = lab.template(rows, cols, dx, dy), np.random.default_rng(5)
    mask = rng.random((rows, cols)) < share
    mask[rows // 3 : rows // 2, cols // 4 : cols // 2] = share > 0
    where = np.argwhere(mask)
    places = np.argwhere(np.ones_like(mask))
    true = np.full(rows * cols, np.inf)
    for row, col in where:
        true = np.minimum(true, np.hypot((places[:, 0] - row) * dy, (places[:, 1] - col) * dx))
    expected = np.searchsorted(np.array(BREAKS, np.float32), true.astype(np.float32)).reshape(mask.shape)
    points = np.column_stack(cells.xy(*np.nonzero(border_of(mask))))
    distances = Distances(Edges.of_points(points, cells), lambda window: mask[window.slices], cells)
    np.testing.assert_array_equal(distances.classes(Window(0, 0, rows, cols), BREAKS), expected)


def test_classes_where_corners_of_blocks_settle_them_are_those_of_exact_distances(lab):
    """Long straight, curved and broken lines, far and near breaks; exact distances are tested against GEOS above."""
    cells = lab.template(300, 280, 30, 20)
    shapes = [
        wandering(lab, cells, 70, 60),
        lab.geometry("LINESTRING(500000 4599000,508400 4599000)"),
        lab.geometry("POINT(504000 4596000)").Buffer(700, 90).GetBoundary(),
    ]
    x, y = cells.xy(*np.mgrid[:300, :280])
    edges = Edges.of_geometries(shapes, cells)
    true = edges.exact_m(edges.local(x.ravel(), y.ravel())).reshape(cells.shape)
    for breaks in (BREAKS, (30, 1000, 3000), (500, 1000, 1500, 2000), (0.5, 7), (5000,)):
        expected = np.searchsorted(np.array(breaks, np.float32), true.astype(np.float32))
        np.testing.assert_array_equal(distance_classes(shapes, breaks, cells), expected)

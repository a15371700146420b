"""Distances against all pairs of cells, hand-worked triangles and the geometry library's own."""

import math

import numpy as np
import pytest
from factory import template
from osgeo import ogr

from econet.core.errors import Cancelled
from econet.core.grid import euclidean
from econet.core.progress import Progress


def all_pairs(mask, t):
    rows, cols = np.nonzero(mask)
    r, c = np.indices(mask.shape)
    squared = ((r[..., None] - rows) * t.cell_height) ** 2 + ((c[..., None] - cols) * t.cell_width) ** 2
    return np.sqrt(squared.min(axis=-1))


@pytest.mark.parametrize("dx, dy", [(30, 30), (10, 35), (41.5, 7.25)])
def test_equals_all_pairs(dx, dy):
    rng = np.random.default_rng(1)
    for share in (0.01, 0.3):
        t = template(23, 31, dx, dy)
        mask = rng.random(t.shape) < share
        mask[3, 4] = True
        np.testing.assert_allclose(euclidean.distance_m(mask, t), all_pairs(mask, t), rtol=1e-6)


def test_three_four_five_on_cells_of_10_by_20():
    t = template(4, 4, 10.0, 20.0)
    mask = np.zeros(t.shape, bool)
    mask[0, 0] = True
    distance = euclidean.distance_m(mask, t)
    assert distance[2, 3] == 50.0  # 40 m down, 30 m across
    assert distance[0, 0] == 0.0
    assert distance.dtype == np.float32


@pytest.mark.parametrize("shape", [(1, 9), (9, 1), (1, 1)])
def test_one_row_one_column_one_cell(shape):
    t = template(*shape, 10.0, 20.0)
    mask = np.zeros(shape, bool)
    mask.flat[0] = True
    expected = np.arange(mask.size).reshape(shape) * (20.0 if shape[1] == 1 else 10.0)
    assert np.array_equal(euclidean.distance_m(mask, t), expected)


def test_infinite_without_features():
    t = template(3, 4)
    assert np.isinf(euclidean.distance_m(np.zeros(t.shape, bool), t)).all()
    assert np.isinf(euclidean.distance_to_features_m([], t, reach_m=500.0)).all()


def test_transposing_the_grid_transposes_the_distance():
    mask = np.random.default_rng(2).random((12, 17)) < 0.05
    mask[0, 0] = True
    across = euclidean.distance_m(mask, template(12, 17, 10, 30))
    assert np.array_equal(across.T, euclidean.distance_m(mask.T.copy(), template(17, 12, 30, 10)))


@pytest.mark.parametrize("dx, dy", [(30, 30), (11, 40)])
def test_within_reach_tiles_do_not_change_a_bit(monkeypatch, dx, dy):
    rng = np.random.default_rng(3)
    t = template(70, 53, dx, dy)
    values = np.where(rng.random(t.shape) < 0.01, rng.random(t.shape), 0)
    mask = values > 0
    whole = euclidean.distance_m(mask, t)
    for side, reach in ((1, 90.0), (23, 130.0), (40, 2.0), (30, 1e6)):
        monkeypatch.setattr(euclidean, "_CALL_SIDE", side)
        expected = np.where(whole <= np.float32(reach), whole, np.inf)
        assert np.array_equal(euclidean.distance_m(mask, t, reach_m=reach), expected)
        distance, value = euclidean.distance_and_value_m(values, t, reach_m=reach)
        assert np.array_equal(distance, expected)
        assert ((value > 0) == np.isfinite(expected)).all()


def test_the_value_is_that_of_a_nearest_cell():
    t = template(9, 9, 10, 20)
    values = np.zeros(t.shape)
    values[1, 1], values[7, 6] = 0.3, 0.9
    distance, value = euclidean.distance_and_value_m(values, t)
    r, c = np.indices(t.shape)
    to_first, to_second = (np.hypot((r - a) * 20, (c - b) * 10) for a, b in ((1, 1), (7, 6)))
    assert np.array_equal(distance, np.minimum(to_first, to_second).astype(np.float32))
    clear = np.abs(to_first - to_second) > 1e-6
    assert np.array_equal(value[clear], np.where(to_first < to_second, 0.3, 0.9)[clear])


@pytest.mark.parametrize("shape, margins", [((7, 11), (2, 3)), ((1, 30), (0, 0)), ((30, 1), (50, 50))])
def test_tiles_cover_once_and_are_grown_by_their_margins(monkeypatch, shape, margins):
    monkeypatch.setattr(euclidean, "_CALL_SIDE", 8)
    seen = np.zeros(shape, int)
    for inner, outer in euclidean.tiles(shape, *margins):
        seen[inner] += 1
        for size, margin, small, large in zip(shape, margins, inner, outer):
            assert large.start == max(0, small.start - margin) and large.stop == min(size, small.stop + margin)
    assert (seen == 1).all()


def test_a_feature_beyond_the_map_counts_within_reach_only():
    t = template(5, 6)
    _, south, east, north = t.bounds
    beyond = ogr.CreateGeometryFromWkt(
        f"POLYGON(({east + 90} {south}, {east + 120} {south}, {east + 120} {north}, {east + 90} {north}, "
        f"{east + 90} {south}))"
    )
    distance = euclidean.distance_to_features_m([beyond], t, reach_m=400.0)
    expected = np.tile(120.0 + 30.0 * np.arange(5, -1, -1), (5, 1))
    assert np.array_equal(distance, expected)
    assert np.isinf(euclidean.distance_to_features_m([beyond], t, reach_m=80.0)).all()


def test_unlimited_reach_grows_no_further_than_the_features():
    t = template(5, 6)
    point = ogr.CreateGeometryFromWkt("POINT(500015 4599985)")
    distance = euclidean.distance_to_features_m([point], t, reach_m=math.inf)
    assert distance[0, 0] == 0.0
    assert distance[0, 5] == 150.0


def test_cancel():
    t = template(5, 6)
    with pytest.raises(Cancelled):
        euclidean.distance_m(np.ones(t.shape, bool), t, progress=Progress(cancelled=lambda: True))

"""Patches: counted by flood fill, areas by cells, bands of the paper's Table 3."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from factory import UTM
from factory import grid as map_of
from scipy import ndimage

from econet.core.errors import Cancelled, InputError
from econet.core.geometry.cells import rasterize
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid
from econet.core.patch_sizes import bands_from_text, of_size, size_class
from econet.core.progress import SILENT, Progress
from econet.core.sources.patches import PatchChoices, classes_from_text, delineate, size_summary
from econet.core.sources.patches_report import patches_report

DATA = Path(__file__).parents[2] / "data" / "conefor"


def grid(values, dx=100.0, dy=100.0):
    return map_of(values, cell=dx, height=dy, nodata=0, name="classes", dtype=np.int32)


def delineated(classes, *, importance=None, progress=SILENT, **choices):
    return delineate(classes, PatchChoices(**choices), importance=importance, progress=progress)


def find_patches(classes, **given):
    return delineated(classes, **given).patches


def flood(mask, diagonals):
    """Patches as sets of cells, by plain flood fill."""
    left, patches = set(map(tuple, np.argwhere(mask))), []
    steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a or b) and (diagonals or not (a and b))]
    while left:
        stack, patch = [left.pop()], set()
        while stack:
            cell = stack.pop()
            patch.add(cell)
            for a, b in steps:
                near = cell[0] + a, cell[1] + b
                if near in left:
                    left.discard(near)
                    stack.append(near)
        patches.append(frozenset(patch))
    return patches


@pytest.mark.parametrize("diagonals", [True, False])
def test_patches_are_those_of_a_flood_fill(diagonals):
    classes = np.random.default_rng(4).integers(0, 6, (23, 31))
    importance = np.random.default_rng(5).random((23, 31)).astype(np.float32)
    importance[3:5] = np.nan
    g = grid(classes, dx=30.0, dy=50.0)
    patches = find_patches(
        g, patch_classes=(4, 5), importance=Grid(importance, g.template, math.nan), diagonals=diagonals
    )
    expected = flood(np.isin(classes, (4, 5)), diagonals)
    assert len(patches) == len(expected)
    assert [p.patch_id for p in patches] == list(range(1, len(patches) + 1))
    areas = [p.area_km2 for p in patches]
    assert areas == sorted(areas, reverse=True)
    found = set()
    for p in patches:
        burnt = rasterize([p.geometry], g.template)
        cells = frozenset(map(tuple, np.argwhere(burnt)))
        found.add(cells)
        assert p.area_km2 == pytest.approx(len(cells) * 0.0015, rel=1e-12)
        assert p.geometry.GetArea() == pytest.approx(len(cells) * 1500, rel=1e-9)
        assert p.geometry.IsValid()
        known = [v for v in (importance[c] for c in cells) if not np.isnan(v)]
        assert p.importance_mean == pytest.approx(np.mean(known), rel=1e-6) if known else math.isnan(p.importance_mean)
    assert found == set(expected)


def test_table_3_is_super_large_throughout():
    with open(DATA / "table3_sources.csv", newline="") as stream:
        areas = [float(row["area_km2"]) for row in csv.DictReader(stream)]
    assert len(areas) == 21 and {size_class(a) for a in areas} == {"super-large"}


def test_bands_and_their_ends():
    found = [size_class(a) for a in (0.999, 1, 3.999, 4, 7, 7.001)]
    assert found == ["small", "medium", "medium", "large", "large", "super-large"]
    assert bands_from_text("1, 4, 7") == (1, 4, 7) and bands_from_text("0,5; 2; 10,5") == (0.5, 2, 10.5)
    assert bands_from_text("1，4，7") == (1, 4, 7) and bands_from_text("0，5；2；10，5") == (0.5, 2, 10.5)
    for text in ("1, 4", "4, 1, 7", "a, b, c", "0, 1, 2"):
        with pytest.raises(InputError, match="not three ascending areas.*give three") as caught:
            bands_from_text(text)
        assert caught.value.parameter == "area_bands"
    assert classes_from_text("4, 5") == (4, 5) == classes_from_text("4;5") == classes_from_text("4，5")
    for text in ("", "x", "4.5"):
        with pytest.raises(InputError, match="is not a list of class numbers") as caught:
            classes_from_text(text)
        assert caught.value.parameter == "patch_classes"
    with pytest.raises(InputError) as caught:
        classes_from_text("wood", parameter="forest_codes")
    assert caught.value.parameter == "forest_codes"
    with pytest.raises(InputError, match="ascending") as caught:
        PatchChoices(area_bands=(1, 7, 4))
    assert caught.value.parameter == "area_bands"


def test_summary_and_exact_areas_in_bands():
    row = [value for cells in (701, 700, 400, 100, 99) for value in [5] * cells + [1]]
    patches = find_patches(grid([row]))
    assert [(p.area_km2, p.size_class) for p in patches] == [
        (7.01, "super-large"),
        (7.0, "large"),
        (4.0, "large"),
        (1.0, "medium"),
        (0.99, "small"),
    ]
    summary = {row[0]: row[1:] for row in size_summary(patches)}
    assert summary["large"] == (2, pytest.approx(11.0), pytest.approx(100 * 11 / 20))


def test_one_row_and_one_cell():
    assert len(find_patches(grid([[5, 0, 4, 5, 1, 4]]))) == 3
    assert find_patches(grid([[5]])).pop().area_km2 == 0.01


def test_patches_refuse():
    with pytest.raises(InputError, match="no cell of 'classes' has class 4 or 5; its classes are 1, 2") as caught:
        find_patches(grid([[1, 2], [2, 0]]))
    assert (caught.value.parameter, caught.value.layer) == ("patch_classes", "classes")
    with pytest.raises(Cancelled):
        find_patches(grid([[5]]), progress=Progress(cancelled=lambda: True))


# holes, slivers, least area ----------------------------------------------------------------------------


def cells_of(patches, template):
    """Mask of the cells of some patches, by burning their polygons."""
    return rasterize([p.geometry for p in patches], template).astype(bool)


@pytest.mark.parametrize("diagonals", [True, False])
@pytest.mark.parametrize("share", [0.3, 0.55, 0.75])
def test_filling_all_holes_is_that_of_scipy(diagonals, share):
    mask = np.random.default_rng(11).random((40, 57)) < share
    g = grid(np.where(mask, 5, 1))
    found = delineated(g, diagonals=diagonals, fill_holes_km2=1e9)
    expected = ndimage.binary_fill_holes(mask, None if diagonals else np.ones((3, 3)))
    assert np.array_equal(cells_of(found.patches, g.template), expected)
    assert found.total_km2 == pytest.approx(expected.sum() * 0.01)
    assert found.filled[1] == pytest.approx((expected.sum() - mask.sum()) * 0.01)
    again = delineated(grid(np.where(expected, 5, 1)), diagonals=diagonals, fill_holes_km2=1e9)
    assert again.filled == (0, 0.0, 0)


@pytest.mark.parametrize("diagonals", [True, False])
def test_holes_up_to_an_area_are_those_of_a_flood_fill(diagonals):
    mask = np.random.default_rng(12).random((30, 41)) < 0.62
    g = grid(np.where(mask, 5, 1), dx=50.0, dy=200.0)
    for limit in (1, 2, 4, 9):
        expected, holes = mask.copy(), 0
        for hole in flood(~mask, not diagonals):
            rows, cols = np.array(sorted(hole)).T
            inside = rows.min() > 0 and cols.min() > 0 and rows.max() < 29 and cols.max() < 40
            if inside and len(hole) <= limit:
                expected[rows, cols] = True
                holes += 1
        found = delineated(g, diagonals=diagonals, fill_holes_km2=limit * 0.01)
        assert holes and found.filled[0] == holes
        assert np.array_equal(cells_of(found.patches, g.template), expected)
        assert all(p.geometry.IsValid() for p in found.patches)


def test_holes_by_hand():
    ring = np.full((7, 7), 5)
    ring[2:5, 2:5] = 2  # 9 cells, with an island of one
    ring[3, 3] = 5
    found = delineated(grid(ring))
    assert [round(p.area_km2 * 100) for p in found.patches] == [40, 1]
    assert found.patches[0].geometry.GetGeometryRef(0).GetGeometryCount() == 2
    assert len(find_patches(grid(ring), fill_holes_km2=0.07)) == 2
    (whole,) = find_patches(grid(ring), fill_holes_km2=0.08)  # the island is no part of the hole
    assert whole.area_km2 == pytest.approx(0.49) and whole.geometry.GetGeometryRef(0).GetGeometryCount() == 1
    ring[2, 2] = 0  # nodata
    said = []
    found = delineated(grid(ring), fill_holes_km2=1, progress=Progress(log=said.append))
    assert found.filled == (0, 0.0, 1) and any("1 such hole(s) hold cells without a value" in text for text in said)
    corner = np.array([[5, 5, 5, 1], [5, 1, 5, 1], [5, 5, 1, 1]])
    assert delineated(grid(corner), fill_holes_km2=1).filled[0] == 1
    assert delineated(grid(corner), fill_holes_km2=1, diagonals=False).filled[0] == 0
    edge = np.array([[5, 1, 5], [5, 5, 5]])
    assert delineated(grid(edge), fill_holes_km2=1).filled[0] == 0


def test_the_mean_of_filled_ground_counts_what_is_known():
    values = np.full((3, 3), 5)
    values[1, 1] = 1
    g = grid(values)
    importance = np.full((3, 3), 0.5, np.float32)
    importance[1, 1] = 0.05
    importance[0] = np.nan
    (whole,) = find_patches(g, importance=Grid(importance, g.template, math.nan), fill_holes_km2=1)
    assert whole.importance_mean == pytest.approx((5 * 0.5 + 0.05) / 6)


def opened_by_hand(mask, width):
    """Union of all squares inside the mask."""
    result = np.zeros_like(mask)
    for i in range(mask.shape[0] - width + 1):
        for j in range(mask.shape[1] - width + 1):
            if mask[i : i + width, j : j + width].all():
                result[i : i + width, j : j + width] = True
    return result


@pytest.mark.parametrize("width", [2, 3, 4, 5])
@pytest.mark.parametrize("diagonals", [True, False])
def test_slivers_leave_the_union_of_squares(width, diagonals):
    field = ndimage.gaussian_filter(np.random.default_rng(width).random((45, 38)), 1.3)
    mask = field > 0.48
    expected = opened_by_hand(mask, width)
    g = grid(np.where(mask, 4, 2))
    found = delineated(g, diagonals=diagonals, sliver_cells=width)
    assert np.array_equal(cells_of(found.patches, g.template), expected)
    before = flood(mask, diagonals)
    pieces = [sum(piece <= patch for piece in flood(expected, diagonals)) for patch in before]
    assert len(found.patches) == sum(pieces)
    assert found.cut == (
        pytest.approx((mask.sum() - expected.sum()) * 0.01),
        pieces.count(0),
        sum(count > 1 for count in pieces),
    )
    assert all(p.geometry.IsValid() for p in found.patches)
    again = delineated(grid(np.where(expected, 4, 2)), diagonals=diagonals, sliver_cells=width)
    assert again.cut == (0.0, 0, 0)


def test_a_bridge_splits_and_a_strip_goes():
    values = np.ones((9, 15), int)
    values[1:5, 1:5] = values[1:5, 9:13] = 5
    values[2, 5:9] = 5  # a bridge one cell wide
    values[7, :] = 4  # a strip
    found = delineated(grid(values), sliver_cells=2)
    assert [round(p.area_km2 * 100) for p in found.patches] == [16, 16]
    assert found.cut == (pytest.approx(0.19), 1, 1)
    assert [round(p.area_km2 * 100) for p in find_patches(grid(values), sliver_cells=1)] == [36, 15]


def test_least_area_drops_and_counts():
    row = [value for cells in (701, 700, 400, 100, 99) for value in [5] * cells + [1]]
    g = grid([row])
    found = delineated(g, min_area_km2=1)
    assert [p.patch_id for p in found.patches] == [1, 2, 3, 4] and found.dropped == (1, pytest.approx(0.99))
    assert found.total_km2 == pytest.approx(19.01)
    assert len(cells_of(found.patches, g.template).nonzero()[0]) == 1901
    for options, parameter, message in (
        (
            {"min_area_km2": 9},
            "min_area_km2",
            "largest of the 5 patches of 'classes' has 7.01 km2, less than the least area of 9 km2",
        ),
        ({"sliver_cells": 2}, "sliver_cells", "'classes' is 2 cells wide; lower the least width"),
        ({"sliver_cells": 5000}, "sliver_cells", "is 5000 cells wide"),
        ({"min_area_km2": -1}, "min_area_km2", "-1 is not an area of 0 km2 or more"),
        ({"fill_holes_km2": math.nan}, "fill_holes_km2", "nan is not an area"),
        ({"sliver_cells": -2}, "sliver_cells", "-2 is not a number of cells"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            delineated(g, **options)
        assert caught.value.parameter == parameter


def test_options_that_are_off_change_nothing():
    g = grid(np.random.default_rng(3).integers(0, 6, (20, 20)))
    plain, off = find_patches(g), delineated(g, min_area_km2=0, fill_holes_km2=0, sliver_cells=0)
    assert [p.geometry.ExportToWkb() for p in plain] == [p.geometry.ExportToWkb() for p in off.patches]
    assert (off.filled, off.cut, off.dropped) == (None, None, None)


@pytest.mark.parametrize("change", [lambda v: v[::-1], lambda v: v.T, lambda v: np.rot90(v)])
def test_turning_the_map_changes_no_area(change):
    values = np.random.default_rng(8).integers(1, 6, (33, 47))
    options = {"fill_holes_km2": 0.02, "sliver_cells": 2, "min_area_km2": 0.03}
    a, b = (delineated(grid(v), patch_classes=(3, 4, 5), **options) for v in (values, change(values)))
    assert [p.area_km2 for p in a.patches] == [p.area_km2 for p in b.patches]
    assert (a.filled, a.cut, a.dropped) == (b.filled, b.cut, b.dropped)


def test_report_tells_shares_and_changes():
    row = [value for cells in (701, 700, 400, 100, 99) for value in [5] * cells + [1]]
    text = patches_report(delineated(grid([row]), min_area_km2=1), [("classes", "4, 5")]).html()
    assert "1 below the least area were dropped, 0.99 km2" in text
    assert "4 patches cover 19.01 km2, 94.81 % of the 20.05 km2 of" in text
    assert ('<td>large</td><td>4 to 7</td><td class="n">2</td><td class="n">11</td><td class="n">57.86</td>') in text
    none = patches_report(delineated(grid([[5, 1]]))).html()
    assert "No patch is super-large (above 7 km2)" in none and "not known" in none


@pytest.mark.parametrize("cell", [10.0, 12.5, 25.0, 100 / 3, 100.0, 500.0])
def test_areas_on_a_limit_are_of_their_class_whatever_the_cell(cell):
    for km2, name in ((1, "medium"), (4, "large"), (7, "large")):
        count = round(km2 * 1e6 / cell**2)
        (patch,) = find_patches(grid(np.full((1, count), 5), cell, cell))
        assert patch.size_class == name, (cell, km2)


def test_a_width_beyond_the_map_is_refused_at_once():
    with pytest.raises(InputError, match="1000000000 cells wide"):
        delineated(grid(np.full((5, 5), 5)), sliver_cells=10**9)
    assert len(find_patches(grid(np.full((5, 5), 5)), sliver_cells=5)) == 1


def layer_of_sizes(words):
    return Layer("p", UTM, [None] * len(words), [{"size_class": word} for word in words], ["size_class"])


def test_size_classes_are_understood_whatever_their_case():
    said = []
    progress = Progress(None, None, None, said.append)
    features = layer_of_sizes(["SUPER-LARGE", "Super Large", "superlarge", "super_large", " Large ", "grand", None])
    assert of_size(features, ("super-large",), progress) == [0, 1, 2, 3] and of_size(features, ("large",)) == [4]
    assert len(said) == 1 and "2 of 7 patches have no size class ('', 'grand')" in said[0]
    with pytest.raises(InputError, match="field 'size_class': '3' is no size class; write super-large"):
        of_size(layer_of_sizes([3, 3]), ("large",))


def test_a_mean_importance_leaves_out_declared_nodata():
    classes = grid(np.full((1, 3), 5))
    importance = Grid(np.array([[0.2, -9999, 0.4]]), classes.template, -9999, "importance")
    (patch,) = find_patches(classes, importance=importance)
    assert patch.importance_mean == pytest.approx(0.3, rel=1e-12)

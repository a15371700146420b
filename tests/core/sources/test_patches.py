"""Patches: counted by flood fill, areas by cells, bands of the paper's Table 3."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from econet.core.errors import Cancelled, InputError
from econet.core.progress import Progress
from econet.core.raster import Grid, Template
from econet.core.sources.patches import (
    bands_from_text, classes_from_text, find_patches, size_class, size_summary)
from econet.core.vector import rasterize

UTM = "EPSG:32651"
DATA = Path(__file__).parents[2] / "data" / "conefor"


def grid(values, dx=100.0, dy=100.0, nodata=0, dtype=np.int32):
    values = np.asarray(values, dtype=dtype)
    return Grid(values, Template(*values.shape, (5e5, dx, 0, 46e5, 0, -dy), UTM, "classes"), nodata, "classes")


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
    patches = find_patches(g, (4, 5), Grid(importance, g.template, math.nan), diagonals=diagonals)
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
        with pytest.raises(InputError, match=r"Limits of small, medium and large patches \(AREA_BANDS\): '.*give three"):
            bands_from_text(text)
    assert classes_from_text("4, 5") == (4, 5) == classes_from_text("4;5") == classes_from_text("4，5")
    for text in ("", "x", "4.5"):
        with pytest.raises(InputError, match=r"Classes that make patches \(PATCH_CLASSES\)"):
            classes_from_text(text)


def test_summary_and_exact_areas_in_bands():
    runs = [[5] * cells + [1] for cells in (701, 700, 400, 100, 99)]
    patches = find_patches(grid([sum(runs, [])]))
    assert [(p.area_km2, p.size_class) for p in patches] == [
        (7.01, "super-large"), (7.0, "large"), (4.0, "large"), (1.0, "medium"), (0.99, "small")]
    summary = {row[0]: row[1:] for row in size_summary(patches)}
    assert summary["large"] == (2, pytest.approx(11.0), pytest.approx(100 * 11 / 20))


def test_one_row_and_one_cell():
    assert len(find_patches(grid([[5, 0, 4, 5, 1, 4]]))) == 3
    assert find_patches(grid([[5]])).pop().area_km2 == 0.01


def test_patches_refuse():
    with pytest.raises(InputError, match="No cell of 'classes' has class 4 or 5; its classes are 1, 2"):
        find_patches(grid([[1, 2], [2, 0]]))
    with pytest.raises(Cancelled):
        find_patches(grid([[5]]), progress=Progress(cancelled=lambda: True))

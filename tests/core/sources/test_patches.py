"""Patches and sources: counted by flood fill, areas by cells, bands of the paper's Table 3."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from osgeo import ogr

from econet.core.errors import Cancelled, InputError
from econet.core.progress import Progress
from econet.core.raster import Grid, Template
from econet.core.sources.patches import (
    bands_from_text, classes_from_text, find_patches, select_sources, size_class, size_summary)
from econet.core.vector import Features, rasterize

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


# sources ------------------------------------------------------------------------------------------------

def square(x, y, side_km):
    x, y, s = 5e5 + x * 1000, 46e5 + y * 1000, side_km * 1000
    return ogr.CreateGeometryFromWkt(f"POLYGON(({x} {y},{x+s} {y},{x+s} {y+s},{x} {y+s},{x} {y}))")


def layer(shapes, attributes=None, name="patches", crs=UTM):
    attributes = attributes or [{} for _ in shapes]
    return Features(name, crs, shapes, attributes, sorted({k for a in attributes for k in a}))


@pytest.fixture
def patches():
    rows = [(0, 0, 3, 30.0), (10, 0, 4, 5.0), (20, 0, 2, 50.0), (30, 0, 5, 1.0), (40, 0, 1, 0.5)]
    return layer([square(x, y, s) for x, y, s, _ in rows],
                 [{"patch_id": i + 7, "area_km2": s * s, "size_class": size_class(s * s), "importance_mean": 0.5,
                   "dpc": d, "dpc_intra": d / 2, "dpc_flux": d / 4, "dpc_connector": d / 4}
                  for i, (_, _, s, d) in enumerate(rows)])


def test_sources_are_numbered_by_area(patches):
    sources = select_sources(patches)
    assert [(s.source_id, s.patch_id, round(s.area_km2, 9)) for s in sources] == [(1, 10, 25), (2, 8, 16), (3, 7, 9)]
    assert (sources[0].dpc, sources[2].dpc_intra, sources[2].importance_mean) == (1.0, 15.0, 0.5)


def test_conditions(patches):
    def ids(**options):
        every = ("super-large", "large", "medium", "small")
        return sorted(s.patch_id for s in select_sources(patches, every, **options))

    assert ids(min_area_km2=9) == [7, 8, 10]
    assert ids(min_dpc=5) == [7, 8, 9]
    assert ids(top=2) == [7, 9]
    assert ids(top=0) == [7, 8, 9, 10, 11]
    bare = layer(patches.geometries)
    assert [s.patch_id for s in select_sources(bare, top=2)] == [4, 2]
    with pytest.raises(InputError, match=r"No patch of 'patches' meets all conditions \(size class super-large; area "
                                         r"of at least 99 km2\): lower the least area \(MIN_AREA\)"):
        select_sources(patches, min_area_km2=99)


def test_exclude_cuts(patches):
    sources = select_sources(patches, exclude=layer([square(-1, -1, 2), square(29, -1, 9)], name="plan"))
    assert [(s.patch_id, round(s.area_km2, 9)) for s in sources] == [(8, 16), (7, 8)]
    left = [s.patch_id for s in select_sources(patches, min_area_km2=9, exclude=layer([square(-1, -1, 2)]))]
    assert left == [10, 8]


def test_include_makes_sources_and_joins(patches):
    reserve = layer([square(50, 0, 1), square(2, 2, 2), square(31, 1, 1), square(40, 0, 1)], name="reserves")
    sources = select_sources(patches, include=reserve)
    assert [(s.patch_id, round(s.area_km2, 9)) for s in sources] == [
        (10, 25), (8, 16), (7, 12), (None, 1), (None, 1)]
    joined = sources[2]
    assert math.isnan(joined.dpc) and math.isnan(joined.importance_mean)
    only = select_sources(patches, min_area_km2=99, include=layer([square(50, 0, 1)]))
    assert [s.source_id for s in only] == [1]
    bridge = layer([square(2, 0, 9)], name="bridge")
    assert len(select_sources(patches, include=bridge)) == 2


def test_include_in_another_crs(patches):
    degrees = layer([square(2, 2, 2)]).to_crs("EPSG:4326")
    area = [s.area_km2 for s in select_sources(patches, include=degrees)]
    assert area[2] == pytest.approx(12, rel=1e-6)


def test_sources_refuse(patches):
    with pytest.raises(InputError, match="'patches' is empty"):
        select_sources(layer([]))
    with pytest.raises(InputError, match="'patches' is in degrees"):
        select_sources(patches.to_crs("EPSG:4326"))
    with pytest.raises(InputError, match="no patch of size class small, it has 3 super-large, 1 large, 1 medium"):
        select_sources(patches, ("small",))
    with pytest.raises(InputError, match="no field 'dpc'"):
        select_sources(layer(patches.geometries), min_dpc=1)
    patches.attributes[0]["dpc"] = None
    with pytest.raises(InputError, match="field 'dpc': 1 of the 3 patches"):
        select_sources(patches, min_dpc=1)

"""Resistance by distance: every cell against brute force, on cells of any shape, features and masks of any place."""

import numpy as np
import pytest

from econet.core.errors import Cancelled, InputError
from econet.core.grid.blocks import ArrayOutput
from econet.core.grid.grid import Grid, Template
from econet.core.grid.reading import RasterSource
from econet.core.outputs import write_raster
from econet.core.progress import SILENT, Progress
from econet.core.resistance.distance_resistance import (
    DistanceChoices,
    DistanceOutputs,
    distance_resistance,
    distances_to_features,
    distances_to_mask,
    read_mask_codes,
)
from econet.core.resistance.rule_tables import read_distance_intervals
from econet.core.resistance.scoring import classify_distance
from econet.core.tables import parse_csv

BREAKS = (100, 250, 470, 800)
TABLE = parse_csv("from,to,resistance\n,100,5\n100,250,4\n250,470,3\n470,800,2\n800,,1\n", "own.csv")
INTERVALS = read_distance_intervals(TABLE)


def scored(distance):
    """The table above, without the code under test."""
    distance = np.asarray(distance, dtype=np.float32)
    return np.select([distance <= bound for bound in BREAKS], [5, 4, 3, 2], 1).astype(np.float32)


def maps(distances, cells, exact, progress=SILENT):
    output, metres = ArrayOutput(cells), ArrayOutput(cells) if exact else None
    outputs = DistanceOutputs(output, metres)
    distance_resistance(distances, INTERVALS, cells, name="layer", outputs=outputs, progress=progress)
    return output.values, metres.values if exact else None


def shapes_of(lab, cells):
    """Points, lines, and polygons with holes; some of each beyond the map's edge."""
    west, south, east, north = cells.bounds
    lake = lab.box(cells, 8, 6, 14, 12).Difference(lab.box(cells, 10, 8, 9, 7))
    return {
        "points": [
            lab.geometry(f"POINT({west + 411.3} {north - 333.3})"),
            lab.geometry(f"MULTIPOINT({west - 140} {south + 77},{east + 300} {north + 20})"),
        ],
        "lines": [
            lab.geometry(f"LINESTRING({west - 500} {south - 90},{west + 300} {south + 500},{east + 20} {south + 480})"),
            lab.geometry(f"LINESTRING({west + 100} {north + 260},{east} {north + 240})"),
        ],
        "polygons": [lake, lab.box(cells, -9, 20, 4, 8)],
    }


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("dx, dy", [(30, 30), (25, 45), (60, 20)])
@pytest.mark.parametrize("kind", ["points", "lines", "polygons", "all"])
def test_features_against_geos(lab, kind, dx, dy, exact):
    cells = lab.template(31, 34, dx, dy)
    kinds = shapes_of(lab, cells)
    shapes = [shape for each in kinds.values() for shape in each] if kind == "all" else kinds[kind]
    true = lab.distance_by_ogr(shapes, cells)
    found, metres = maps(
        distances_to_features(lab.features("f", *shapes), cells, DistanceChoices(INTERVALS, exact=exact)), cells, exact
    )
    np.testing.assert_array_equal(found, scored(true))
    assert len(np.unique(found)) >= (3 if kind == "all" else 4)
    if exact:
        np.testing.assert_allclose(metres, true, rtol=1e-6, atol=1e-3)
        if kind == "polygons":
            assert (metres[10:19, 8:15] > 0).all() and (metres[8:10, 6:18] == 0).all()


def brute(mask, own, cells, covered):
    """Distance from each cell's centre to the nearest centre of a mask's cell, by trying all; 0 where covered."""
    rows, cols = np.nonzero(mask)
    x, y = own.xy(rows, cols)
    places = cells.xy(*np.mgrid[: cells.rows, : cells.cols])
    distance = np.sqrt((places[0][..., None] - x) ** 2 + (places[1][..., None] - y) ** 2).min(axis=2)
    return np.where(covered, 0, distance)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("dx, dy", [(30, 30), (25, 45), (60, 20)])
@pytest.mark.parametrize("margin", [0, 15])
def test_a_mask_against_brute_force(lab, margin, dx, dy, exact):
    """On the template's cells, and on a larger raster of the same cells: what lies beyond the edge counts."""
    cells = lab.template(33, 28, dx, dy)
    own = cells.padded(margin * max(dx, dy))
    codes = np.random.default_rng(7).choice([0, 1, 5, 9], own.shape, p=[0.97, 0.01, 0.01, 0.01])
    codes[own.rows // 2 : own.rows // 2 + 6, 3:9] = 5
    source = lab.raster("mask", codes.astype(np.uint8), own)
    row, col = cells.offset_in(own)
    for text, chosen in (("", codes != 0), ("5", codes == 5), ("9；5", (codes == 5) | (codes == 9))):
        covered = chosen[row : row + cells.rows, col : col + cells.cols]
        true = brute(chosen, own, cells, covered)
        found, metres = maps(
            distances_to_mask(source, cells, DistanceChoices(INTERVALS, mask_codes=read_mask_codes(text), exact=exact)),
            cells,
            exact,
        )
        np.testing.assert_array_equal(found, scored(true))
        if exact:
            np.testing.assert_allclose(metres, true, rtol=1e-6)


@pytest.mark.parametrize("size", [7.0, 90.0])
def test_a_mask_on_other_cells(lab, size):
    """Finer cells are not lost and coarser ones not smeared: each counts at its own centre."""
    cells = lab.template(25, 30, 30, 40)
    own = lab.template(int(1100 / size), int(1000 / size), size, size, west=499937.0, north=4600041.0)
    mask = np.random.default_rng(1).random(own.shape) < 12 / own.rows / own.cols
    mask[own.rows // 3, own.cols // 2] = True
    row, col = own.row_col(*cells.xy(*np.mgrid[: cells.rows, : cells.cols]))
    inside = own.contains(row, col)
    covered = np.zeros(cells.shape, bool)
    covered[inside] = mask[row[inside], col[inside]]
    true = brute(mask, own, cells, covered)
    found, metres = maps(
        distances_to_mask(lab.raster("fine", mask, own), cells, DistanceChoices(INTERVALS, exact=True)), cells, True
    )
    np.testing.assert_allclose(metres, true, rtol=1e-6)
    np.testing.assert_array_equal(found, scored(true))


def test_a_mask_in_degrees(lab, tmp_path):
    cells = lab.template(40, 40, 100)
    own = Template(60, 60, (122.99, 0.001, 0.0, 41.56, 0.0, -0.001), "EPSG:4326", "degrees")
    mask = np.zeros(own.shape, np.uint8)
    mask[20:24, 30:40] = 1
    path = str(tmp_path / "degrees.tif")
    write_raster(Grid(mask, own, None, "degrees"), path)
    from econet.core.crs import Crs

    change = Crs.of("EPSG:4326").to(cells.crs)
    rows, cols = np.nonzero(mask)
    centres = np.array([change.TransformPoint(*map(float, place))[:2] for place in zip(*own.xy(rows, cols))])
    x, y = cells.xy(*np.mgrid[:40, :40])
    true = np.sqrt((x[..., None] - centres[:, 0]) ** 2 + (y[..., None] - centres[:, 1]) ** 2).min(axis=2)
    _, metres = maps(distances_to_mask(RasterSource(path), cells, DistanceChoices(INTERVALS, exact=True)), cells, True)
    outside = metres > 0
    assert 5 < (~outside).sum() < 80
    np.testing.assert_allclose(metres[outside], true[outside], rtol=1e-6)
    assert true[~outside].max() < 120
    quick, _ = maps(distances_to_mask(RasterSource(path), cells, DistanceChoices(INTERVALS)), cells, False)
    np.testing.assert_array_equal(quick, scored(metres))


def test_nodata_is_no_feature_and_the_mask_may_lie_beside_the_map(lab):
    cells = lab.template(6, 30, 100)
    beside = lab.template(6, 4, 100, west=499500.0)
    values = np.full((6, 4), 255, np.uint8)
    values[:, 1] = 3
    source = lab.raster("beside", values, beside, 255)
    found, metres = maps(distances_to_mask(source, cells, DistanceChoices(INTERVALS, exact=True)), cells, True)
    np.testing.assert_allclose(metres, np.tile(np.arange(30) * 100.0 + 400, (6, 1)))
    np.testing.assert_array_equal(
        maps(distances_to_mask(source, cells, DistanceChoices(INTERVALS)), cells, False)[0], found
    )


def test_a_tall_map_in_windows_is_that_of_one_piece(lab):
    cells = lab.template(700, 40, 30, 20)
    rng = np.random.default_rng(2)
    west, south, east, north = cells.bounds
    points = np.column_stack([rng.uniform(west, east, 30), rng.uniform(south, north, 30)])
    shapes = [lab.geometry(f"POINT({x} {y})") for x, y in points]
    x, y = cells.xy(*np.mgrid[:700, :40])
    true = np.sqrt((x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2).min(axis=2)
    for exact in (False, True):
        found, _ = maps(
            distances_to_features(lab.features("f", *shapes), cells, DistanceChoices(INTERVALS, exact=exact)),
            cells,
            exact,
        )
        np.testing.assert_array_equal(found, scored(true))


def test_self_crossing_polygons_are_mended_and_degenerate_lines_count(lab):
    cells = lab.template(20, 20, 50)
    log = lab.Log()
    bow = lab.geometry("POLYGON((500200 4599800,500400 4599600,500400 4599800,500200 4599600,500200 4599800))")
    dot = lab.geometry("LINESTRING(500800 4599200,500800 4599200)")
    layer = lab.features("bow", bow, dot)
    _found, metres = maps(
        distances_to_features(layer, cells, DistanceChoices(INTERVALS, exact=True), progress=log.progress), cells, True
    )
    assert "'bow': 1 self-crossing" in log.text
    halves = [
        lab.geometry("POLYGON((500200 4599800,500300 4599700,500200 4599600,500200 4599800))"),
        lab.geometry("POLYGON((500400 4599800,500300 4599700,500400 4599600,500400 4599800))"),
        lab.geometry("POINT(500800 4599200)"),
    ]
    np.testing.assert_allclose(metres, lab.distance_by_ogr(halves, cells), atol=1e-3)
    assert len(layer.geometries) == 2 and layer.geometries[0].ExportToWkt() == bow.ExportToWkt()


def test_refusals_and_warnings(lab):
    cells, log = lab.template(10, 10, 50), lab.Log()
    with pytest.raises(InputError, match="Layer 'none' is empty"):
        distances_to_features(lab.features("none"), cells, DistanceChoices(INTERVALS))
    flat = lab.geometry("POLYGON((500000 4599900,500100 4599900,500000 4599900))")
    with pytest.raises(InputError, match="'flat' has no feature with a place"):
        distances_to_features(lab.features("flat", flat), cells, DistanceChoices(INTERVALS))
    with pytest.raises(InputError, match="'far' lies wholly away from 'template', further than 800 m"):
        distances_to_features(
            lab.features("far", lab.geometry("POINT(502000 4599900)")), cells, DistanceChoices(INTERVALS)
        )
    wide = lab.template(10, 100, 50)
    found, _ = maps(
        distances_to_features(
            lab.features("off", lab.geometry("POINT(507000 4599900)")), wide, DistanceChoices(INTERVALS)
        ),
        wide,
        False,
        log.progress,
    )
    assert (found == 1).all() and "Nothing of 'layer' lies within 800 m of any cell of 'template'" in log.text
    source = lab.raster("cover", np.full(cells.shape, 4, np.uint8), cells)
    with pytest.raises(InputError, match=r"No cell of raster 'cover' holds one of the codes 5, 6; it holds 4:"):
        distances_to_mask(source, cells, DistanceChoices(INTERVALS, mask_codes=(5, 6)))
    many = lab.raster("many", (1 + np.arange(100).reshape(cells.shape) % 13).astype(np.uint8), cells)
    with pytest.raises(InputError, match="it holds 1, 2, 3, 4, 5, 6, 7, 8 and 5 more: correct"):
        distances_to_mask(many, cells, DistanceChoices(INTERVALS, mask_codes=(50,)))
    values = lab.raster("values", np.arange(10000, dtype=np.float32).reshape(100, 100), lab.template(100, 100, 5))
    with pytest.raises(InputError, match="it holds 0, 1, 2, 3, 4, 5, 6, 7 and many more: correct"):
        distances_to_mask(values, cells, DistanceChoices(INTERVALS, mask_codes=(-50,)))
    zero = lab.raster("zero", np.zeros(cells.shape, np.uint8), cells)
    with pytest.raises(InputError, match="'zero' holds a value other than 0; it holds 0:"):
        distances_to_mask(zero, cells, DistanceChoices(INTERVALS))
    with pytest.raises(InputError, match="'water' in 'water, 5' is not a whole number") as caught:
        read_mask_codes("water, 5")
    assert caught.value.parameter == "mask_codes"
    assert read_mask_codes(" 5, 9.0;-2 ") == (5, 9, -2) and read_mask_codes("") == ()


def test_no_breaks_give_one_resistance_and_0_m_belongs_to_the_first_interval(lab):
    cells = lab.template(3, 4, 50)
    intervals = read_distance_intervals(parse_csv("from,to,resistance\n0,,3\n", "one.csv"))
    output = ArrayOutput(cells)
    point = lab.features("p", lab.geometry("POINT(500025 4599975)"))
    counts = distance_resistance(
        distances_to_features(point, cells, DistanceChoices(intervals)),
        intervals,
        cells,
        name="p",
        outputs=DistanceOutputs(output),
    )
    assert (output.values == 3).all() and counts == {3.0: 12}
    assert maps(distances_to_features(point, cells, DistanceChoices(INTERVALS)), cells, False)[0][0, 0] == 5


@pytest.mark.parametrize("count", [119, 121, 400])
def test_a_fine_table_of_many_intervals(lab, count):
    cells = lab.template(20, 30, 40)
    text = "".join(f"{3 * k},{3 * k + 3},{k + 1}\n" for k in range(count))
    intervals = read_distance_intervals(parse_csv(f"from,to,resistance\n{text}{3 * count},,{count + 1}\n", "fine.csv"))
    line = lab.geometry("LINESTRING(500013 4599500,500371 4599987)")
    expected = np.minimum(np.maximum(np.ceil(lab.distance_by_ogr([line], cells) / 3), 1), count + 1)
    for exact in (False, True):
        output = ArrayOutput(cells)
        distance_resistance(
            distances_to_features(lab.features("f", line), cells, DistanceChoices(intervals, exact=exact)),
            intervals,
            cells,
            name="f",
            outputs=DistanceOutputs(output, ArrayOutput(cells) if exact else None),
        )
        np.testing.assert_array_equal(output.values, expected)
    np.testing.assert_array_equal(classify_distance([line], intervals, cells), expected)


def test_many_vertices_close_together_do_not_hide_a_nearer_line(lab):
    """The line passes 19 m from the centre, its samples lie 24 m off; six vertices of another one lie 20 m off."""
    cells = lab.template(1, 1, 30)
    line = lab.geometry("LINESTRING(499700 4599966,500330 4599966)")
    vertices = ",".join(f"{500035 + k / 100} 4599985" for k in range(6))
    close = lab.geometry(f"LINESTRING({vertices})")
    _, metres = maps(
        distances_to_features(lab.features("f", close, line), cells, DistanceChoices(INTERVALS, exact=True)),
        cells,
        True,
    )
    np.testing.assert_allclose(metres, [[19]], rtol=1e-6)


def test_a_code_that_no_cell_holds_is_said(lab):
    cells, log = lab.template(10, 10, 50), lab.Log()
    source = lab.raster("cover", np.array([[5] + [4] * 9] * 10, np.uint8), cells)
    distances_to_mask(source, cells, DistanceChoices(INTERVALS, mask_codes=(7, 5, 9)), progress=log.progress)
    expected = "No cell of raster 'cover' holds 7, 9 of the codes of the mask; distance is measured to the others."
    assert expected in log.text
    log = lab.Log()
    distances_to_mask(source, cells, DistanceChoices(INTERVALS, mask_codes=(4, 5)), progress=log.progress)
    assert "codes of the mask" not in log.text


def test_cancel(lab):
    cells = lab.template(300, 300, 50)
    asked = []

    def cancelled():
        asked.append(1)
        return len(asked) > 4

    point = lab.features("p", lab.geometry("POINT(500025 4599975)"))
    with pytest.raises(Cancelled):
        maps(
            distances_to_features(point, cells, DistanceChoices(INTERVALS, exact=True)),
            cells,
            True,
            Progress(cancelled=cancelled),
        )


def test_curves_are_curves(lab):
    cells = lab.template(1, 1, 30)  # its centre is that of a half circle of 100 m
    arc = lab.geometry("CIRCULARSTRING(499915 4599985,500015 4600085,500115 4599985)")
    _, metres = maps(
        distances_to_features(lab.features("bend", arc), cells, DistanceChoices(INTERVALS, exact=True)), cells, True
    )
    np.testing.assert_allclose(metres, [[100]], atol=0.1)

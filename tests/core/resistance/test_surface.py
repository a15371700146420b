"""The three surfaces: weights, missing maps, restored mines, transforms, barriers, nodata."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal
from scipy import ndimage

from econet.core.errors import Cancelled, InputError
from econet.core.grid.reading import RasterSource
from econet.core.progress import Progress
from econet.core.resistance import barriers as b
from econet.core.resistance import scheme
from econet.core.resistance import surface as s
from econet.core.resistance.choices import HardBarrier, Transform
from econet.core.resistance.factor_layers import FactorLayers
from econet.core.resistance.factors import FACTORS
from econet.core.resistance.restored import read_restored

WEIGHTS = dict(zip(FACTORS, (0.11, 0.06, 0.25, 0.08, 0.11, 0.16, 0.08, 0.05, 0.10)))


def weighted(expected, factors):
    return sum(WEIGHTS[f] * expected[f] for f in factors) / sum(WEIGHTS[f] for f in factors)


NATURE = [factor for factor in FACTORS if factor != "mine"]


def test_nine_factors_make_three_surfaces(city):
    _lab, cells, layers, expected, _ = city
    kept = {}
    made = s.resistance_surface(layers, cells, keep=kept.__setitem__)
    assert list(kept) == list(FACTORS)
    for factor, grid in kept.items():
        assert set(np.unique(expected[factor])) == ({1, 3, 5} if factor == "mine" else {1, 2, 3, 4, 5}), factor
        np.testing.assert_array_equal(grid.values, expected[factor], err_msg=factor)
    np.testing.assert_allclose(made.base.values, weighted(expected, NATURE), rtol=1e-6)
    np.testing.assert_array_equal(made.mines.values, expected["mine"])
    np.testing.assert_allclose(made.integrated.values, weighted(expected, FACTORS), rtol=1e-6)
    assert made.integrated.values.dtype == np.float32 and made.weights == pytest.approx(WEIGHTS)


def test_missing_maps_are_left_out_and_said(city):
    lab, cells, layers, expected, _ = city
    log = lab.Log()
    layers = replace(layers, ndvi=None, water=None, mines=None)
    made = s.resistance_surface(layers, cells, progress=log.progress)
    used = [factor for factor in NATURE if factor not in ("ndvi", "distance_to_water")]
    np.testing.assert_allclose(made.base.values, weighted(expected, used), rtol=1e-6)
    np.testing.assert_array_equal(made.integrated.values, made.base.values)
    assert made.mines is None and sum(made.weights.values()) == pytest.approx(1, abs=1e-12)
    left_out = "ndvi (0.08), distance_to_water (0.11), mine (0.1)"
    assert f"Factors left out, without a map or with weight 0: {left_out}" in log.text
    assert "add to 0.71 and were scaled to 1" in log.text
    assert "no surface of mines" in log.text


@pytest.mark.parametrize("value, code", [(1, 2), (5, 8)])
def test_where_all_factors_agree_the_surface_has_their_value(lab, value, code):
    """Weights that add to 1 neither raise nor lower, to the last digit."""
    cells = lab.template(6, 6, 100)
    cover = lab.raster("cover", np.full(cells.shape, code, np.uint8), cells, nodata=0)
    light = lab.raster("light", np.full(cells.shape, 0.0 if value == 1 else 61.0, np.float32), cells)
    ndvi = lab.raster("ndvi", np.full(cells.shape, 0.9 if value == 1 else 0.1, np.float32), cells)
    pit = lab.mine(lab.box(cells, 0, 0, 6, 6), state="restored" if value == 1 else "producing")
    restored = lab.table("feature,land_cover\n,2\n")
    made = s.resistance_surface(
        FactorLayers(land_cover=cover, night_light=light, ndvi=ndvi, mines=[pit]),
        cells,
        choices=s.SurfaceChoices(restored_table=restored),
    )
    for grid in (made.base, made.mines, made.integrated):
        assert (grid.values == value).all()


def test_weights_table_overrides_and_is_checked(city):
    lab, cells, layers, expected, _ = city
    layers = FactorLayers(land_cover=layers.land_cover, ndvi=layers.ndvi, mines=layers.mines)
    weights = lab.table("factor,weight\nland_cover,3\nndvi,0\nmine,1\nslope,7\n", "own.csv")
    made = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(weights=weights))
    np.testing.assert_array_equal(made.base.values, expected["land_cover"])
    np.testing.assert_allclose(
        made.integrated.values, 0.75 * expected["land_cover"] + 0.25 * expected["mine"], rtol=1e-6
    )
    with pytest.raises(InputError, match="'own.csv' has no weight for factor 'ndvi', whose map is given"):
        s.resistance_surface(
            layers,
            cells,
            choices=s.SurfaceChoices(weights=lab.table("factor,weight\nland_cover,1\nmine,1\n", "own.csv")),
        )
    with pytest.raises(InputError, match="'own.csv' gives the weight 0 to every factor"):
        s.resistance_surface(
            layers,
            cells,
            choices=s.SurfaceChoices(weights=lab.table("factor,weight\nland_cover,0\nndvi,0\nmine,1\n", "own.csv")),
        )


def test_factor_table_without_rows_or_weight_for_a_map(city):
    lab, cells, layers, _, _ = city
    layers = FactorLayers(ndvi=layers.ndvi, night_light=layers.night_light)
    text = "factor,weight,from,to,codes,resistance\nndvi,1,,0.5,,2\nndvi,,0.5,,,1\n"
    with pytest.raises(InputError, match="'own.csv' has no weight for factor 'night_light'"):
        s.resistance_surface(layers, cells, choices=s.SurfaceChoices(factor_table=lab.table(text, "own.csv")))
    with pytest.raises(InputError, match="'own.csv' has no rows for factor 'night_light'"):
        s.resistance_surface(
            layers,
            cells,
            choices=s.SurfaceChoices(
                factor_table=lab.table(text, "own.csv"), weights=lab.table("factor,weight\nndvi,1\nnight_light,1\n")
            ),
        )
    made = s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(
            factor_table=lab.table(text, "own.csv"), weights=lab.table("factor,weight\nndvi,1\nnight_light,0\n")
        ),
    )
    assert set(np.unique(made.base.values)) == {1, 2}


def test_no_factor_map(lab):
    cells = lab.template(3, 3)
    for layers in (FactorLayers(), FactorLayers(mines=[lab.mine(lab.box(cells, 1, 1))])):
        with pytest.raises(InputError, match="No factor map is given"):
            s.resistance_surface(layers, cells)


def test_nodata_in_any_factor_is_nodata_and_its_share_is_said(city):
    lab, cells, layers, expected, data = city
    log = lab.Log()
    ndvi, cover = data["ndvi"].copy(), data["land_cover"].copy()
    ndvi[:4, :10], cover[3, 9:19] = np.nan, 0
    layers = replace(
        layers, ndvi=lab.raster("holes", ndvi, cells), land_cover=lab.raster("gaps", cover, cells, nodata=0)
    )
    made = s.resistance_surface(layers, cells, progress=log.progress)
    missing = np.isnan(ndvi) | (cover == 0)
    np.testing.assert_array_equal(np.isnan(made.base.values), missing)
    np.testing.assert_array_equal(np.isnan(made.integrated.values), missing)
    assert not np.isnan(made.mines.values).any()
    np.testing.assert_allclose(made.integrated.values[~missing], weighted(expected, FACTORS)[~missing], rtol=1e-6)
    assert "'ndvi' has no value on 40 cells (2.00 %)" in log.text
    assert "'land_cover' has no value on 10 cells (0.50 %)" in log.text
    assert "2.45 % of the cells have no resistance" in log.text


def test_maps_that_never_meet(city):
    lab, cells, _layers, _, data = city
    left, right = data["ndvi"].copy(), data["night_light"].copy()
    left[:, :25], right[:, 25:] = np.nan, np.nan
    with pytest.raises(InputError, match="No cell of 'template' has a value in every factor"):
        s.resistance_surface(
            FactorLayers(ndvi=lab.raster("l", left, cells), night_light=lab.raster("r", right, cells)), cells
        )


def test_a_change_of_state_changes_only_cells_within_reach(city):
    lab, cells, layers, _, _ = city
    before = s.resistance_surface(layers, cells)
    layers.mines[0].state = "restored"
    after = s.resistance_surface(
        layers, cells, choices=s.SurfaceChoices(restored_table=lab.table("feature,land_cover\n,4\n"))
    )
    distance = lab.distance_by_ogr([layers.mines[0].geometry], cells)
    changed = before.integrated.values != after.integrated.values
    assert changed.any() and (distance[changed] <= 2000).all()
    changed = before.base.values != after.base.values
    assert changed.any() and (distance[changed] == 0).all()


def test_restored_mines_take_land_cover_ndvi_and_slope(city):
    lab, cells, layers, expected, _ = city
    layers.mines[0].state, layers.mines[0].feature = "restored", "dump"
    overlapping = lab.mine(lab.box(cells, 5, 5, 1, 1), "metal", "underground", "producing")
    layers.mines.append(overlapping)
    table = lab.table("feature,land_cover,ndvi,slope_degrees\n,1,,\ngangue hill,3,0.55,35\n", "restored.csv")
    kept, log = {}, lab.Log()
    s.resistance_surface(
        layers, cells, choices=s.SurfaceChoices(restored_table=table), keep=kept.__setitem__, progress=log.progress
    )
    inside = lab.distance_by_ogr([layers.mines[0].geometry], cells) == 0
    inside[5, 5] = False
    for factor, value in (("land_cover", 2), ("ndvi", 2), ("slope", 4)):
        np.testing.assert_array_equal(kept[factor].values, np.where(inside, value, expected[factor]))
    np.testing.assert_array_equal(kept["elevation"].values, expected["elevation"])
    assert (
        "19 cells of restored mines take land_cover 3, ndvi 0.55, slope_degrees 35 (table 'restored.csv')" in log.text
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("feature,land_cover\n,77\n", "'r.csv', column 'land_cover': restored mines become code 77.*'factors.csv"),
        ("feature,land_cover\ndump,4\n", "'r.csv' has no row for the feature 'pit' of the restored mine 'West pit'"),
        ("feature,land_cover\nlake,4\n", "row 2, column 'feature': 'lake' is not a feature"),
        ("feature,land_cover\n,4\n,5\n", "row 3, column 'feature': '' has an earlier row"),
        ("feature,ndvi\n,7\n", "row 2, column 'ndvi': '7' is outside -1 to 1"),
        ("feature,land_cover\n,grass\n", "row 2, column 'land_cover': 'grass' is not a whole number"),
    ],
)
def test_a_wrong_restored_table_is_refused_by_name(city, text, message):
    lab, cells, layers, _, _ = city
    layers.mines[0].state = "restored"
    with pytest.raises(InputError, match=message):
        s.resistance_surface(layers, cells, choices=s.SurfaceChoices(restored_table=lab.table(text, "r.csv")))


def test_transforms(city):
    lab, cells, layers, expected, _ = city
    plain = weighted(expected, FACTORS)
    made = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(transform=Transform.POWER, exponent=3))
    np.testing.assert_allclose(made.integrated.values, plain**3, rtol=1e-6)
    np.testing.assert_array_equal(made.mines.values, expected["mine"])
    made = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(transform=Transform.ONE_TO_100))
    np.testing.assert_allclose(made.integrated.values, np.interp(plain, [1, 5], [1, 100]), rtol=1e-6)
    np.testing.assert_allclose(made.base.values, np.interp(weighted(expected, NATURE), [1, 5], [1, 100]), rtol=1e-6)
    for exponent, message in (
        (0, "is 0: choose one above 0"),
        (None, "is not given: choose one above 0"),
        (43, "is 43, and 5 to that power is .* up to 42.9"),
        (1e300, "is .* up to 42.9"),
    ):
        with pytest.raises(InputError, match=f"The exponent {message}") as caught:
            s.resistance_surface(layers, cells, choices=s.SurfaceChoices(transform=Transform.POWER, exponent=exponent))
        assert caught.value.parameter == "exponent"
    made = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(transform=Transform.POWER, exponent=42))
    assert np.isfinite(made.integrated.values).all() and (made.integrated.values > 0).all()
    rings = lab.table("mineral,method,state,from_m,to_m,resistance\ncoal,open pit,abandoned,0,,7\n", "rings.csv")
    with pytest.raises(InputError, match="'rings.csv.*', factor 'mine': resistance 7 lies outside 1 to 5"):
        s.resistance_surface(layers, cells, choices=s.SurfaceChoices(transform=Transform.ONE_TO_100, ring_table=rings))


def test_hard_barriers(city):
    lab, cells, layers, _, _ = city
    layers.mines[0].state = "producing"
    plain = s.resistance_surface(layers, cells)
    pit, shaft = (lab.distance_by_ogr([mine.geometry], cells) == 0 for mine in layers.mines)
    for barriers, closed in (((HardBarrier.PRODUCING_OPEN_PITS,), pit), ((HardBarrier.PRODUCING_MINES,), pit | shaft)):
        made = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(barriers=barriers))
        np.testing.assert_array_equal(made.integrated.values, np.where(closed, np.nan, plain.integrated.values))
        np.testing.assert_array_equal(made.base.values, plain.base.values)
        np.testing.assert_array_equal(made.mines.values, plain.mines.values)
    log = lab.Log()
    layers = replace(layers, highways=None)
    made = s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(barriers=(HardBarrier.MOTORWAYS, HardBarrier.HIGHWAYS)),
        progress=log.progress,
    )
    for grid in (made.base, made.integrated):
        parts, count = ndimage.label(np.isfinite(grid.values), structure=np.ones((3, 3)))
        assert count == 2 and parts[0, 0] != parts[0, -1]
    assert "Hard barrier 'highways' closes nothing, because no layer of highways is given" in log.text
    layers, bare = replace(layers, highways=layers.motorways, mines=None, motorways=None), lab.Log()
    s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(barriers=(HardBarrier.MOTORWAYS, HardBarrier.PRODUCING_MINES)),
        progress=bare.progress,
    )
    assert "no layer of motorways is given" in bare.text
    assert "'all producing mines' closes nothing, because no layer of mines is given" in bare.text


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_no_diagonal_step_slips_through_a_fence(lab, seed, falling):
    """Of lines through corners, those that fall to the east are the ones where GDAL's rasters leave gaps."""
    cells = lab.template(25, 25, 100)
    rng = np.random.default_rng(seed)
    offset = 0 if seed == 0 else rng.uniform(-900, 900)  # the first runs through the cells' corners
    points = [(499000, 4598600 - 1100 + offset), (501300, 4598700 + offset), (504000, 4601400 + offset)]
    if falling:
        west, _, east, _ = cells.bounds
        points = [(west + east - x, y) for x, y in reversed(points)]
    line = lab.geometry("LINESTRING(" + ",".join(f"{x} {y}" for x, y in points) + ")")
    closed = b.cells_without_gaps([line], cells)
    parts, _count = ndimage.label(~closed, structure=np.ones((3, 3)))
    x, y = cells.xy(*np.mgrid[:25, :25])
    above = y > np.interp(x, *zip(*points))
    assert (above & ~closed).any() and (~above & ~closed).any()
    assert not set(np.unique(parts[above & ~closed])) & set(np.unique(parts[~above & ~closed]))


@pytest.mark.parametrize("slope", [1, -1])
def test_pieces_of_a_road_on_both_sides_of_a_corner_are_one_fence(lab, slope):
    cells = lab.template(4, 4, 100)
    west, south, _, _ = cells.bounds
    x, y = west + 200, south + 200
    pieces = [
        lab.geometry(f"LINESTRING({x + a} {y + slope * a},{x + b} {y + slope * b})") for a, b in ((-60, -1), (1, 60))
    ]
    closed = b.cells_without_gaps(pieces, cells)[1:3, 1:3]
    assert closed.sum() == 3 and (closed[1, 0] and closed[0, 1] if slope == 1 else closed[0, 0] and closed[1, 1])


def test_water_from_land_cover_codes_by_brute_force(lab):
    cells = lab.template(30, 35, 70, 110)
    cover = np.random.default_rng(2).choice([1, 2, 5, 9], cells.shape, p=[0.5, 0.494, 0.003, 0.003]).astype(np.uint8)
    layers = FactorLayers(land_cover=lab.raster("cover", cover, cells, nodata=0), water_codes=(5, 9))
    kept = {}
    s.resistance_surface(layers, cells, keep=kept.__setitem__)
    rows, cols = np.mgrid[:30, :35]
    wet = np.argwhere((cover == 5) | (cover == 9))
    assert len(wet) > 2
    distance = np.min([np.hypot((rows - r) * 110, (cols - c) * 70) for r, c in wet], axis=0)
    np.testing.assert_array_equal(
        kept["distance_to_water"].values, lab.digitised(distance, (500, 1000, 1500, 2000), (1, 2, 3, 4, 5))
    )
    layers = replace(layers, water_codes=(55,))
    with pytest.raises(InputError, match=r"No cell of layer 'cover' holds a code of water \(55\)"):
        s.resistance_surface(layers, cells)


def test_datum_and_depths_are_said(lab):
    cells = lab.template(1, 6, 5000)
    dem = lab.raster("dem", np.array([[-226, -240, 90, 60, 100, 700]], np.float32), cells)
    log, kept = lab.Log(), {}
    s.resistance_surface(
        FactorLayers(dem=dem),
        cells,
        choices=s.SurfaceChoices(datum_m=100),
        keep=kept.__setitem__,
        progress=log.progress,
    )
    assert kept["elevation"].values.tolist() == [[5, 5, 1, 1, 1, 5]]
    assert "2 cells lie 326 m or more below the datum, where Table 1 has no class: they take resistance 5" in log.text
    assert "2 cells lie less than 125 m below the datum and score 1" in log.text


def test_other_refusals(city):
    lab, cells, layers, _, data = city
    scaled = lab.raster("ndvi_scaled", (data["ndvi"] * 10000).astype(np.int16), cells, nodata=-32768)
    with pytest.raises(InputError, match="'ndvi_scaled' holds values up to .* NDVI lies between -1 and 1"):
        s.resistance_surface(FactorLayers(ndvi=scaled), cells)
    with pytest.raises(InputError, match="'motorways' is empty"):
        s.resistance_surface(FactorLayers(ndvi=layers.ndvi, motorways=lab.features("motorways")), cells)
    with pytest.raises(InputError, match="'rings.csv.*' has no rings for a mine that is coal, open pit, abandoned"):
        s.resistance_surface(
            layers,
            cells,
            choices=s.SurfaceChoices(
                ring_table=lab.table(
                    "mineral,method,state,from_m,to_m,resistance\nmetal,open pit,producing,0,,5\n", "rings.csv"
                )
            ),
        )
    with pytest.raises(InputError, match="cannot be opened"):
        s.resistance_surface(FactorLayers(ndvi=RasterSource("/nowhere.tif")), cells)
    with pytest.raises(Cancelled):
        s.resistance_surface(layers, cells, progress=Progress(cancelled=lambda: True))


def test_what_is_said_of_depths_follows_the_shipped_table(lab, monkeypatch):
    rows = ",-300,7", "-300,-150,2", "-150,-60,1", "-60,-20,1.5", "-20,200,1.5", "200,,5"
    text = "factor,from,to,resistance\n" + "".join(f"elevation,{row}\n" for row in rows)
    monkeypatch.setattr(scheme, "default_factor_table", lambda: lab.table(text, "factors.csv"))
    dem = lab.raster("dem", np.array([[-301, -300, -299, -60, -59, -1, 0, 90]], np.float32), lab.template(1, 8, 5000))
    log = lab.Log()
    s.resistance_surface(
        FactorLayers(dem=dem),
        lab.template(1, 8, 5000),
        choices=s.SurfaceChoices(weights=lab.table("factor,weight\nelevation,1\nslope,0\n", "own.csv")),
        progress=log.progress,
    )
    assert "2 cells lie 300 m or more below the datum, where Table 1 has no class: they take resistance 7" in log.text
    assert "2 cells lie less than 60 m below the datum and score 1.5" in log.text


@pytest.mark.parametrize("value, refused", [(1.5, False), (1.51, True), (-1.5, False), (-1.51, True)])
def test_ndvi_is_refused_from_just_above_its_limit(lab, value, refused):
    cells = lab.template(2, 2)
    ndvi = lab.raster("index", np.array([[0.3, value], [0.5, 0.7]], np.float32), cells)
    if refused:
        with pytest.raises(InputError, match="'index' holds values up to 1.51 and NDVI lies between -1 and 1"):
            s.resistance_surface(FactorLayers(ndvi=ndvi), cells)
    else:
        made = s.resistance_surface(FactorLayers(ndvi=ndvi), cells)
        np.testing.assert_array_equal(made.base.values, [[4, 1 if value > 0 else 5], [3, 1]])


def test_roads_far_away_are_warned_of(city):
    lab, cells, layers, _, _ = city
    log = lab.Log()
    west, south, east, north = cells.bounds
    around = f"LINESTRING({west - 3000} {south - 3000},{east + 3000} {south - 3000},{east + 3000} {north + 3000})"
    motorways = lab.features("motorways", lab.geometry(around))
    s.resistance_surface(replace(layers, motorways=motorways), cells, progress=log.progress)
    assert "No feature of layer 'motorways' lies within 2000 m of any cell" in log.text


@pytest.mark.parametrize("name, reach", [("motorways", 2000), ("highways", 800), ("water", 2000)])
def test_lines_of_another_city_are_refused_with_both_extents(city, name, reach):
    lab, cells, layers, _, _ = city
    west, south, east, north = cells.bounds
    for beyond, refused in ((reach + 1, True), (reach - 1, False)):
        line = lab.geometry(f"LINESTRING({east + beyond} {south},{east + beyond + 500} {north})")
        layers = replace(layers, **{name: lab.features(name, line)})
        if refused:
            kept = {}
            with pytest.raises(InputError) as caught:
                s.resistance_surface(layers, cells, keep=kept.__setitem__)
            message = str(caught.value)
            assert f"Layer '{name}' lies wholly away" in message and f"{reach} m" in message and not kept
            assert (
                f"{east + beyond:.0f}, {south:.0f} to" in message
                and f"{west:.0f}, {south:.0f} to {east:.0f}" in message
            )
            assert "correct its CRS" in message
        else:
            s.resistance_surface(layers, cells)


def test_inputs_are_not_altered(city):
    _lab, cells, layers, _, _ = city
    layers.mines[0].state = "restored"
    shapes = [mine.geometry.ExportToWkt() for mine in layers.mines]
    paths = [Path(getattr(layers, name).path) for name in ("dem", "land_cover", "ndvi")]
    contents = [path.read_bytes() for path in paths]
    s.resistance_surface(layers, cells)
    assert [mine.geometry.ExportToWkt() for mine in layers.mines] == shapes
    assert [path.read_bytes() for path in paths] == contents


def test_an_exponent_that_makes_resistance_nothing_is_refused(lab):
    """0.001 to the power of 15 would be 0 in float32, and 0 is a barrier."""
    cells = lab.template(2, 2)
    table = lab.table("factor,weight,codes,resistance\nland_cover,1,1,0.001\nland_cover,1,2,5\n", "own.csv")
    layers = FactorLayers(land_cover=lab.raster("cover", np.ones((2, 2), np.uint8), cells))
    with pytest.raises(InputError, match="0.001 to that power is a number that maps cannot hold: choose one up to 10"):
        s.resistance_surface(
            layers, cells, choices=s.SurfaceChoices(factor_table=table, transform=Transform.POWER, exponent=15)
        )


def test_mines_of_another_city_are_refused_before_any_map_is_read(city):
    lab, cells, layers, _, _ = city
    west, south, east, _north = cells.bounds
    away = lab.mine(lab.box(cells, 0, cells.cols + 10000))
    unread = replace(layers, mines=[away], dem=RasterSource("nowhere.tif", "nowhere"))
    with pytest.raises(
        InputError, match=f"'mines' lies wholly away from 'template'.*{west:.0f}, {south:.0f} to {east:.0f}"
    ):
        s.resistance_surface(unread, cells)


@pytest.mark.parametrize(
    "value, refused", [(-9999, True), (-32768, True), (9001, True), (30000, True), (8849, False), (-10900, False)]
)
def test_elevations_that_no_ground_has(lab, value, refused):
    cells = lab.template(3, 3)
    heights = np.full((3, 3), 50, np.float32)
    heights[1, 1:] = value
    layers = FactorLayers(dem=lab.raster("srtm", heights, cells))
    if refused:
        with pytest.raises(InputError, match=rf"'srtm' holds {value} and 2 cells of it cannot be heights in metres"):
            s.resistance_surface(layers, cells)
    else:
        s.resistance_surface(layers, cells)


@pytest.mark.parametrize("datum", [math.nan, math.inf])
def test_a_datum_that_is_no_number(city, datum):
    _, cells, layers, _, _ = city
    with pytest.raises(InputError, match="is not a number") as caught:
        s.resistance_surface(layers, cells, choices=s.SurfaceChoices(datum_m=datum))
    assert caught.value.parameter == "datum_m"


def test_weights_that_no_sum_holds(city):
    lab, cells, layers, _, _ = city
    layers = FactorLayers(ndvi=layers.ndvi, land_cover=layers.land_cover)
    with pytest.raises(InputError, match=r"Table 'mine.csv': the weights add to more than 1e\+30"):
        s.resistance_surface(
            layers, cells, choices=s.SurfaceChoices(weights=lab.table("factor,weight\nndvi,1e308\nland_cover,1e308\n"))
        )


def test_codes_of_water_without_a_land_cover_are_warned_of(city):
    lab, cells, layers, _, _ = city
    log = lab.Log()
    s.resistance_surface(FactorLayers(ndvi=layers.ndvi, water_codes=(5,)), cells, progress=log.progress)
    assert "are given and no land cover: the distance to water is left out" in log.text


def test_barriers_that_close_the_whole_map_are_warned_of(city):
    lab, cells, layers, _, _ = city
    for rows, warned in ((40, True), (39, False)):
        log, pit = lab.Log(), lab.mine(lab.box(cells, 0, 0, rows, 50))
        s.resistance_surface(
            FactorLayers(ndvi=layers.ndvi, mines=[pit]),
            cells,
            choices=s.SurfaceChoices(barriers=(HardBarrier.PRODUCING_OPEN_PITS,)),
            progress=log.progress,
        )
        assert ("leave no cell of the integrated surface open" in log.text) == warned


@pytest.mark.parametrize(
    "text", ["feature\npit\ndump\n", "feature,landcover\n,4\n", "feature,land_cover,ndvi\npit,,\n"]
)
def test_a_restored_table_that_says_nothing(lab, text):
    with pytest.raises(
        InputError, match="'mine.csv' has no value for restored mines: fill in a column land_cover, ndvi"
    ):
        read_restored(lab.table(text))


@pytest.mark.parametrize(
    "scores, value, refused",
    [
        ((0.5, 9), 9, False),
        ((0.5, 9), 0.5, False),
        ((0.5, 9), 9.5, True),
        ((0.5, 9), 0.4, True),
        # rules within 1 to 5 do not narrow what a map may hold that is scored already
        ((2, 3), 1, False),
        ((2, 3), 5, False),
        ((2, 3), 5.5, True),
        ((2, 3), 0.9, True),
    ],
)
def test_maps_that_are_scored_already_keep_to_the_range_of_the_others(lab, scores, value, refused):
    cells = lab.template(2, 2)
    layers = FactorLayers(
        ndvi=lab.raster("ndvi", np.full((2, 2), 0.3, np.float32), cells),
        extra={"cliff": lab.raster("cliff", np.array([[2, value], [2, 2]], np.float32), cells)},
    )
    choices = s.SurfaceChoices(
        factor_table=lab.table(
            f"factor,weight,from,to,resistance\nndvi,0.5,,0.4,{scores[0]}\nndvi,,0.4,,{scores[1]}\ncliff,0.5,,,\n"
        )
    )
    if refused:
        with pytest.raises(InputError, match=rf"Further factor 'cliff' holds {value:g}, and 1 cells lie outside"):
            s.resistance_surface(layers, cells, choices=choices)
    else:
        made = s.resistance_surface(layers, cells, choices=choices)
        assert made.base.values[0, 1] == pytest.approx((scores[0] + value) / 2)


@pytest.mark.parametrize("state", ["producing", "abandoned"])
def test_ground_shared_with_any_mine_that_is_not_restored_keeps_the_maps_values(city, state):
    lab, cells, layers, _, _ = city
    restored = lab.mine(lab.box(cells, 5, 5, 4, 6), state="restored")
    other = lab.mine(lab.box(cells, 7, 9, 4, 6), state=state, name="Other")
    changed = {}
    for name, mines in (("before", [other]), ("after", [restored, other])):
        kept = {}
        s.resistance_surface(
            replace(layers, mines=mines),
            cells,
            choices=s.SurfaceChoices(restored_table=lab.table("feature,land_cover,ndvi,slope_degrees\n,2,0.9,0\n")),
            keep=kept.__setitem__,
        )
        changed[name] = kept
    shared = np.zeros(cells.shape, bool)
    shared[7:9, 9:11] = True
    for name in ("land_cover", "ndvi", "slope"):
        before, after = changed["before"][name].values, changed["after"][name].values
        np.testing.assert_array_equal(before[shared], after[shared])
        own = np.zeros(cells.shape, bool)
        own[5:9, 5:11] = True
        assert (after[own & ~shared] == 1).all()


@pytest.mark.parametrize(
    "unit, refused",
    [
        ("ft", True),
        ("US survey foot", True),
        ("ftUS", True),
        ("feet", True),
        ("m", False),
        ("metre", False),
        ("", False),
        ("shift", False),
    ],
)
def test_an_elevation_map_in_feet(lab, unit, refused):
    cells = lab.template(3, 3)
    source = lab.raster("ned", np.full((3, 3), 700, np.float32), cells)
    data = gdal.Open(source.path, gdal.GA_Update)
    data.GetRasterBand(1).SetUnitType(unit)
    del data  # closes it
    if refused:
        with pytest.raises(InputError, match=rf"Elevation layer 'ned' is in '{unit}' and heights are needed in metres"):
            s.resistance_surface(FactorLayers(dem=source), cells)
    else:
        s.resistance_surface(FactorLayers(dem=source), cells)


def test_a_restored_mine_fills_no_hole_of_a_map(lab):
    cells = lab.template(3, 4)
    ndvi = np.full((3, 4), 0.1, np.float32)
    ndvi[1, 1] = np.nan
    pit = lab.mine(lab.box(cells, 0, 0, 3, 3), state="restored")
    made = s.resistance_surface(
        FactorLayers(ndvi=lab.raster("ndvi", ndvi, cells), mines=[pit]),
        cells,
        choices=s.SurfaceChoices(restored_table=lab.table("feature,ndvi\n,0.7\n")),
    )
    assert np.argwhere(np.isnan(made.base.values)).tolist() == [[1, 1]] and made.base.values[0].tolist() == [1, 1, 1, 5]


@pytest.mark.parametrize("state, closed", [("producing", 9), ("abandoned", 0), ("restored", 0)])
def test_only_producing_mines_are_hard_barriers(city, state, closed):
    lab, cells, layers, _, _ = city
    layers = FactorLayers(ndvi=layers.ndvi, mines=[lab.mine(lab.box(cells, 3, 3, 3, 3), state=state)])
    for barrier in (HardBarrier.PRODUCING_OPEN_PITS, HardBarrier.PRODUCING_MINES):
        made = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(barriers=(barrier,)))
        assert np.isnan(made.integrated.values).sum() == closed


def test_a_mine_closes_the_cells_whose_centre_it_holds(city):
    """Not those that it touches: its outline ends a quarter into the cells around."""
    lab, cells, layers, _, _ = city
    pit = lab.box(cells, 3, 3, 2, 2).Buffer(15)
    made = s.resistance_surface(
        FactorLayers(ndvi=layers.ndvi, mines=[lab.mine(pit)]),
        cells,
        choices=s.SurfaceChoices(barriers=(HardBarrier.PRODUCING_OPEN_PITS,)),
    )
    assert np.argwhere(np.isnan(made.integrated.values)).tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]

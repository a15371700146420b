"""Toolbox step resistancesurface: definition, run, missing maps, refusals, cancel."""

import os

import numpy as np
import pytest
from econet.core.raster import RasterSource, read
from qgis.core import QgsApplication, QgsProcessingFeedback

PIT = "POLYGON((500000 4599700,500300 4599700,500300 4600000,500000 4600000,500000 4599700))"


def values(path):
    return read(RasterSource(path)).values


@pytest.fixture
def maps(make):
    """Land cover: forest with built-up land in the south; a plane of 20 degrees; a motorway down the west edge."""
    cover = np.full((30, 40), 2, np.uint8)
    cover[20:] = 8
    height = np.repeat(np.arange(30)[:, None] * 100 * np.tan(np.radians(19.9)), 40, axis=1).astype(np.float32)
    return dict(
        LAND_COVER=make.raster("cover", cover, cell=100.0, nodata=0),
        DEM=make.raster("dem", height, cell=100.0),
        MOTORWAYS=make.layer("roads", [("LINESTRING(500000 4590000,500000 4610000)", {"ref": "G1"})]),
        MINES=make.layer("mines", [(PIT, dict(name="Pit", mineral="coal", method="open pit", state="producing"))]))


def outputs(make):
    return dict(OUTPUT_BASE=make.out("base.tif"), OUTPUT_MINES=make.out("mines.tif"), OUTPUT=make.out("all.tif"))


def test_definition(provider):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:resistancesurface")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert {"DEM", "LAND_COVER", "NDVI", "WATER", "MOTORWAYS", "HIGHWAYS", "NIGHT_LIGHT", "MINES", "FACTOR_TABLE",
            "RING_TABLE", "WEIGHTS", "DATUM", "TRANSFORM", "HARD_BARRIERS", "OUTPUT_BASE", "OUTPUT_MINES", "OUTPUT",
            "OUTPUT_FACTORS"} <= set(keys)
    assert algorithm.parameterDefinition("TRANSFORM").options() == ["none", "power", "1 to 100"]
    assert algorithm.group() == "3 Resistance"


def test_factors_that_have_a_map_make_the_surface(run, make, maps):
    folder = make.out("factors")
    result = run("resistancesurface", **maps, **outputs(make), OUTPUT_FACTORS=folder)
    rows, cols = np.mgrid[:30, :40]
    motorway = np.select([cols * 100 + 50 <= bound for bound in (500, 1000, 1500, 2000)], [5, 4, 3, 2], 1)
    height = rows * 100 * np.tan(np.radians(19.9))
    elevation = np.select([height <= bound for bound in (125, 200, 350, 500)], [1, 2, 3, 4], 5)
    cover = np.where(rows >= 20, 5, 1)
    away = np.hypot(np.maximum(0, cols * 100 + 50 - 300), np.maximum(0, rows * 100 + 50 - 300))
    mine = np.select([away <= 2500, away <= 3500], [5, 3], 1)
    weighted = 0.11 * 2 + 0.06 * elevation + 0.25 * cover + 0.16 * motorway
    np.testing.assert_allclose(values(result["OUTPUT_BASE"]), weighted / 0.58, rtol=1e-6)
    np.testing.assert_array_equal(values(result["OUTPUT_MINES"]), mine)
    np.testing.assert_allclose(values(result["OUTPUT"]), (weighted + 0.1 * mine) / 0.68, rtol=1e-6)
    assert "Left out for want of a map or of a weight: ndvi (0.08)" in run.log
    assert sorted(os.listdir(folder)) == ["distance_to_motorway.tif", "elevation.tif", "land_cover.tif", "mine.tif", "slope.tif"]
    np.testing.assert_array_equal(values(os.path.join(folder, "slope.tif")), 2)


def test_without_mines_there_is_no_surface_of_mines(run, make, maps):
    del maps["MINES"]
    result = run("resistancesurface", **maps, **outputs(make))
    assert "OUTPUT_MINES" not in result and not os.path.exists(make.out("mines.tif"))
    np.testing.assert_array_equal(values(result["OUTPUT"]), values(result["OUTPUT_BASE"]))
    assert "No mines are given" in run.log


def test_base_and_mine_surfaces_can_be_left_out(run, make, maps):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:resistancesurface")
    for key in ("OUTPUT_BASE", "OUTPUT_MINES"):
        definition = algorithm.parameterDefinition(key)
        assert definition.createByDefault() and definition.flags() & definition.Flag.FlagOptional, "made, and can be left out"
    result = run("resistancesurface", **maps, OUTPUT=make.out("all.tif"))
    assert set(result) == {"OUTPUT"} and os.path.exists(result["OUTPUT"])


def test_a_restored_mine_takes_land_cover_15(run, make, maps):
    """Burnt in as an open pit (11) and then restored, it scores 3 as our table has it."""
    cover = values(maps["LAND_COVER"])
    cover[:3, :3] = 11
    layers = dict(LAND_COVER=make.raster("burnt", cover, cell=100.0, nodata=0))
    for state, inside in (("producing", 5), ("restored", 3)):
        layers["MINES"] = make.layer("m", [(PIT, dict(mineral="coal", method="open pit", state=state))])
        result = run("resistancesurface", **layers, **outputs(make))
        base = values(result["OUTPUT_BASE"])
        assert (base[:3, :3] == inside).all() and (base[3:20] == 1).all()
        assert (values(result["OUTPUT_MINES"])[:3, :3] == (5 if state == "producing" else 1)).all()
    assert "9 cells of restored mines take land_cover 15" in run.log


def test_tables_options_and_water_codes(run, make, maps):
    layers = dict(LAND_COVER=maps["LAND_COVER"], MOTORWAYS=maps["MOTORWAYS"])
    factors = make.csv("factors", "factor;weight;from;to;codes;resistance\nland_cover;;;;2;1,5\nland_cover;;;;8;4\n"
                                  "distance_to_water;;;100;;1\ndistance_to_water;;100;;;3\n"
                                  "distance_to_motorway;;;;;1\n")
    weights = make.csv("weights", "factor,weight\nland_cover,1\ndistance_to_water,1\ndistance_to_motorway,0\n")
    result = run("resistancesurface", **layers, FACTOR_TABLE=factors, WEIGHTS=weights, WATER_CODES="8", TRANSFORM=1,
                 TRANSFORM_POWER=2, HARD_BARRIERS=[2], OUTPUT=make.out("all.tif"))
    column = np.repeat([(1.5 + 3) / 2, (1.5 + 1) / 2, (4 + 1) / 2], [19, 1, 10]) ** 2
    found = values(result["OUTPUT"])
    np.testing.assert_array_equal(found[:, 5], column.astype(np.float32))
    assert np.isnan(found[:, 0]).all() and not np.isnan(found[:, 1:]).any()


def test_refusals_before_the_run(run, make, maps):
    def refusal(**parameters):
        fine, message = run.check("resistancesurface", **parameters, **outputs(make))
        assert not fine
        return message

    assert "No raster is given to take cells and CRS from" in refusal(MOTORWAYS=maps["MOTORWAYS"])
    bad = make.csv("bad", "factor,weight,from,to,codes,resistance\nslope,1,,10,,1\nslope,,20,,,2\n")
    assert "'bad.csv', factor 'slope': no row covers (10, 20]" in refusal(**maps, FACTOR_TABLE=bad)
    weights = make.csv("w", "factor,weight\nslope,1\n")
    assert "'w.csv' has no weight for factor 'elevation'" in refusal(**maps, WEIGHTS=weights)
    assert "'5;x'" in refusal(**maps, WATER_CODES="5;x")
    restored = make.csv("restored", "feature,land_cover\nlake,1\n")
    assert "'lake' is not a feature" in refusal(**maps, RESTORED_TABLE=restored)
    far = make.raster("far", np.ones((3, 3), np.float32), west=900000.0)
    assert "'far' does not overlap 'cover'" in refusal(**maps, NDVI=far)
    feet = make.raster("feet", np.ones((3, 3), np.uint8), crs="EPSG:2263")
    assert "'feet'" in refusal(LAND_COVER=feet)
    assert "(TRANSFORM_POWER) is 500, and 5 to that power" in refusal(**maps, TRANSFORM=1, TRANSFORM_POWER=500)


def test_refusals_of_values_leave_no_file(run, make, maps):
    cover = values(maps["LAND_COVER"])
    cover[0, :7] = 99
    maps["LAND_COVER"] = make.raster("strange", cover, cell=100.0, nodata=0)
    folder = make.out("factors")
    message = run.refusal("resistancesurface", **maps, **outputs(make), OUTPUT_FACTORS=folder)
    assert "no row scores the code(s) 99 (7 cells) of layer 'strange'" in message
    assert not any(os.path.exists(path) for path in outputs(make).values())
    assert not os.path.exists(folder) or os.listdir(folder) == []
    empty = make.layer("none", [], fields={"ref": str})
    message = run.refusal("resistancesurface", DEM=maps["DEM"], HIGHWAYS=empty, **outputs(make))
    assert "Layer 'none' is empty" in message


def test_cancel_leaves_nothing(run, make, maps):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("resistancesurface", feedback=feedback, **maps, **outputs(make))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before


def test_a_temporary_folder_for_the_factors(run, make, maps):
    result = run("resistancesurface", LAND_COVER=maps["LAND_COVER"], OUTPUT=make.out("all.tif"),
                 OUTPUT_FACTORS="TEMPORARY_OUTPUT")
    folder = result["OUTPUT_FACTORS"]
    assert os.path.isabs(folder) and os.listdir(folder) == ["land_cover.tif"]


@pytest.mark.parametrize("product, forest, town", [(1, 20, 80), (2, 21, 51), (3, 10, 50), (4, 311, 111), (5, 23, 1),
                                                   (6, 41, 24)])
@pytest.mark.parametrize("state", ["producing", "restored"])
def test_a_land_cover_of_another_product_gives_the_same_surface(run, make, maps, product, forest, town, state):
    maps["MINES"] = make.layer(f"mines_{state}", [(PIT, dict(name="Pit", mineral="coal", method="open pit", state=state))])
    expected = {key: values(path) for key, path in run("resistancesurface", **maps, **outputs(make)).items()
                if key != "OUTPUT_FACTORS"}
    cover = np.full((30, 40), forest, np.uint16)
    cover[20:] = town
    maps["LAND_COVER"] = make.raster("other", cover, cell=100.0)
    result = run("resistancesurface", **maps, **outputs(make), LAND_COVER_PRODUCT=product)
    for key, array in expected.items():
        np.testing.assert_array_equal(values(result[key]), array)


def test_a_land_cover_of_another_product_without_saying_so_is_refused(run, make, maps):
    maps["LAND_COVER"] = make.raster("other", np.full((30, 40), 41, np.uint8), cell=100.0)
    assert "no row scores the code(s) 41" in run.refusal("resistancesurface", **maps, **outputs(make))

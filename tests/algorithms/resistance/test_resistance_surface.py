"""Toolbox step resistancesurface: definition, run, missing maps, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

PIT = "POLYGON((500000 4599700,500300 4599700,500300 4600000,500000 4600000,500000 4599700))"


def values(path):
    return read_raster(RasterSource(path)).values


@pytest.fixture
def maps(make):
    """Land cover: forest with built-up land in the south; a plane of 20 degrees; a motorway down the west edge."""
    cover = np.full((30, 40), 2, np.uint8)
    cover[20:] = 8
    height = np.repeat(np.arange(30)[:, None] * 100 * np.tan(np.radians(19.9)), 40, axis=1).astype(np.float32)
    return {
        "LAND_COVER": make.raster("cover", cover, cell=100.0, nodata=0),
        "DEM": make.raster("dem", height, cell=100.0),
        "MOTORWAYS": make.layer("roads", [("LINESTRING(500000 4590000,500000 4610000)", {"ref": "G1"})]),
        "MINES": make.layer(
            "mines", [(PIT, {"name": "Pit", "mineral": "coal", "method": "open pit", "state": "producing"})]
        ),
    }


def outputs(make):
    return {"OUTPUT_BASE": make.out("base.tif"), "OUTPUT_MINES": make.out("mines.tif"), "OUTPUT": make.out("all.tif")}


def test_definition(provider):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:resistancesurface")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert {
        "DEM",
        "LAND_COVER",
        "NDVI",
        "WATER",
        "MOTORWAYS",
        "HIGHWAYS",
        "NIGHT_LIGHT",
        "MINES",
        "FACTOR_TABLE",
        "RING_TABLE",
        "WEIGHTS",
        "DATUM",
        "TRANSFORM",
        "HARD_BARRIERS",
        "OUTPUT_BASE",
        "OUTPUT_MINES",
        "OUTPUT",
        "OUTPUT_FACTORS",
    } <= set(keys)
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
    assert "Factors left out, without a map or with weight 0: ndvi (0.08)" in run.log
    assert sorted(os.listdir(folder)) == [
        "distance_to_motorway.tif",
        "elevation.tif",
        "land_cover.tif",
        "mine.tif",
        "slope.tif",
    ]
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
        assert definition.createByDefault() and definition.flags() & definition.Flag.FlagOptional, (
            "made, and can be left out"
        )
    result = run("resistancesurface", **maps, OUTPUT=make.out("all.tif"))
    assert set(result) == {"OUTPUT"} and os.path.exists(result["OUTPUT"])


def test_a_restored_mine_takes_land_cover_15(run, make, maps):
    """Burnt in as an open pit (11) and then restored, it scores 3 as our table has it."""
    cover = values(maps["LAND_COVER"])
    cover[:3, :3] = 11
    layers = {"LAND_COVER": make.raster("burnt", cover, cell=100.0, nodata=0)}
    for state, inside in (("producing", 5), ("restored", 3)):
        layers["MINES"] = make.layer("m", [(PIT, {"mineral": "coal", "method": "open pit", "state": state})])
        result = run("resistancesurface", **layers, **outputs(make))
        base = values(result["OUTPUT_BASE"])
        assert (base[:3, :3] == inside).all() and (base[3:20] == 1).all()
        assert (values(result["OUTPUT_MINES"])[:3, :3] == (5 if state == "producing" else 1)).all()
    assert "9 cells of restored mines take land_cover 15" in run.log


def test_tables_options_and_water_codes(run, make, maps):
    layers = {"LAND_COVER": maps["LAND_COVER"], "MOTORWAYS": maps["MOTORWAYS"]}
    factors = make.csv(
        "factors",
        "factor;weight;from;to;codes;resistance\nland_cover;;;;2;1,5\nland_cover;;;;8;4\n"
        "distance_to_water;;;100;;1\ndistance_to_water;;100;;;3\n"
        "distance_to_motorway;;;;;1\n",
    )
    weights = make.csv("weights", "factor,weight\nland_cover,1\ndistance_to_water,1\ndistance_to_motorway,0\n")
    result = run(
        "resistancesurface",
        **layers,
        FACTOR_TABLE=factors,
        WEIGHTS=weights,
        WATER_CODES="8",
        TRANSFORM=1,
        TRANSFORM_POWER=2,
        HARD_BARRIERS=[2],
        OUTPUT=make.out("all.tif"),
    )
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
    assert "Exponent of the transform 'power': The exponent is 500, and 5 to that power" in refusal(
        **maps, TRANSFORM=1, TRANSFORM_POWER=500
    )


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
    result = run(
        "resistancesurface",
        LAND_COVER=maps["LAND_COVER"],
        OUTPUT=make.out("all.tif"),
        OUTPUT_FACTORS="TEMPORARY_OUTPUT",
    )
    folder = result["OUTPUT_FACTORS"]
    assert os.path.isabs(folder) and os.listdir(folder) == ["land_cover.tif"]


@pytest.mark.parametrize(
    "product, forest, town", [(1, 20, 80), (2, 21, 51), (3, 10, 50), (4, 311, 111), (5, 23, 1), (6, 41, 24)]
)
@pytest.mark.parametrize("state", ["producing", "restored"])
def test_a_land_cover_of_another_product_gives_the_same_surface(run, make, maps, product, forest, town, state):
    maps["MINES"] = make.layer(
        f"mines_{state}", [(PIT, {"name": "Pit", "mineral": "coal", "method": "open pit", "state": state})]
    )
    expected = {
        key: values(path)
        for key, path in run("resistancesurface", **maps, **outputs(make)).items()
        if key != "OUTPUT_FACTORS"
    }
    cover = np.full((30, 40), forest, np.uint16)
    cover[20:] = town
    maps["LAND_COVER"] = make.raster("other", cover, cell=100.0)
    result = run("resistancesurface", **maps, **outputs(make), LAND_COVER_PRODUCT=product)
    for key, array in expected.items():
        np.testing.assert_array_equal(values(result[key]), array)


def test_a_land_cover_of_another_product_without_saying_so_is_refused(run, make, maps):
    maps["LAND_COVER"] = make.raster("other", np.full((30, 40), 41, np.uint8), cell=100.0)
    assert "no row scores the code(s) 41" in run.refusal("resistancesurface", **maps, **outputs(make))


def test_saved_models_still_validate(provider):
    """What was added after the first models is optional, and does nothing by default."""
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:resistancesurface")
    for key in (
        "EXTRA_FACTORS",
        "EXTRA_NAMES",
        "DISTRICTS",
        "DISTRICT_FIELD",
        "CORRECTION",
        "CORRECTION_RASTER",
        "CORRECTION_LEAST",
        "CORRECTION_MOST",
        "OUTPUT_DOMINANT",
        "OUTPUT_SUMMARY",
        "OUTPUT_REPORT",
    ):
        definition = algorithm.parameterDefinition(key)
        assert definition.flags() & definition.Flag.FlagOptional, key
    assert algorithm.parameterDefinition("CORRECTION").defaultValue() == 0


def test_dominant_factor_report_and_summary(run, make, maps):
    districts = make.layer(
        "towns",
        [
            (
                "POLYGON((500000 4597000,502000 4597000,502000 4600000,500000 4600000,500000 4597000))",
                {"name": "West & Co"},
            ),
            (
                "POLYGON((502000 4597000,504000 4597000,504000 4600000,502000 4600000,502000 4597000))",
                {"name": "东区"},
            ),
        ],
    )
    result = run(
        "resistancesurface",
        **maps,
        **outputs(make),
        DISTRICTS=districts,
        OUTPUT_DOMINANT=make.out("why.tif"),
        OUTPUT_SUMMARY=make.out("summary.gpkg"),
        OUTPUT_REPORT=make.out("report.html"),
    )
    rows, cols = np.mgrid[:30, :40]
    motorway = np.select([cols * 100 + 50 <= bound for bound in (500, 1000, 1500, 2000)], [5, 4, 3, 2], 1)
    height = rows * 100 * np.tan(np.radians(19.9))
    elevation = np.select([height <= bound for bound in (125, 200, 350, 500)], [1, 2, 3, 4], 5)
    away = np.hypot(np.maximum(0, cols * 100 + 50 - 300), np.maximum(0, rows * 100 + 50 - 300))
    adds = {
        1: 0.11 * 1 + 0 * rows,
        2: 0.06 * (elevation - 1),
        3: 0.25 * np.where(rows >= 20, 4, 0),
        6: 0.16 * (motorway - 1),
        9: 0.1 * (np.select([away <= 2500, away <= 3500], [5, 3], 1) - 1),
    }
    numbers = np.array(list(adds))[np.argmax(np.round(list(adds.values()), 6), axis=0)]
    found = read_raster(RasterSource(result["OUTPUT_DOMINANT"]))
    np.testing.assert_array_equal(found.values, numbers)
    assert found.values.dtype == np.uint8 and found.nodata == 255
    from osgeo import gdal

    dataset = gdal.Open(result["OUTPUT_DOMINANT"])
    dataset.GetMetadata()  # GDAL 3.6 reads what lies beside a GeoTIFF only then
    names = dataset.GetRasterBand(1).GetRasterCategoryNames()
    assert names[9] == "mines" and names[6] == "distance to motorways" and len(names) == 10
    summary = run.rows(result["OUTPUT_SUMMARY"])
    assert [(row["zone_kind"], row["zone"]) for row in summary] == [
        ("land cover", "2 forest"),
        ("land cover", "8 impervious"),
        ("district", "West & Co"),
        ("district", "东区"),
    ]
    integrated, base = values(result["OUTPUT"]).astype(float), values(result["OUTPUT_BASE"]).astype(float)
    assert summary[1]["resistance_mean"] == pytest.approx(integrated[20:].mean())
    assert summary[2]["base_mean"] == pytest.approx(base[:, :20].mean()) and summary[2]["area_km2"] == pytest.approx(6)
    assert summary[3]["mine_effect"] == pytest.approx((integrated - base)[:, 20:].mean())
    assert summary[1]["main_factor"] == "land cover" and summary[1]["main_share"] == pytest.approx(
        (numbers[20:] == 3).mean()
    )
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        text = stream.read()
    for words in (
        "West &amp; Co",
        "东区",
        "2 forest",
        "NDVI (0.08)",
        "SRTM was flown in 2000",
        "The contrast is small",
        "1 of layer &#x27;mines&#x27;",
        "Factors left out, without a map",
    ):
        assert words in text, words


def test_a_dominant_factor_in_the_run_that_replaces_it(run, make, maps):
    """The names beside the raster are replaced with it, and go when the run fails."""
    target = make.out("why.tif")
    for _ in range(2):
        run("resistancesurface", LAND_COVER=maps["LAND_COVER"], OUTPUT=make.out("a.tif"), OUTPUT_DOMINANT=target)
    assert os.path.exists(target + ".aux.xml")
    before = set(os.listdir(make.folder))
    maps["LAND_COVER"] = make.raster("strange", np.full((30, 40), 99, np.uint8), cell=100.0)
    run.refusal(
        "resistancesurface", LAND_COVER=maps["LAND_COVER"], OUTPUT=make.out("b.tif"), OUTPUT_DOMINANT=make.out("c.tif")
    )
    # QGIS keeps statistics of the maps it opens beside them, sooner or later
    assert set(os.listdir(make.folder)) - before - {"cover.tif.aux.xml", "strange.tif.aux.xml"} == {"strange.tif"}


def test_further_factors(run, make, maps):
    people = np.tile(np.arange(40) % 5 + 1, (30, 1)).astype(np.uint8)
    layer = make.raster("People", people, cell=100.0)
    weights = make.csv("w", "factor,weight\nland_cover,1\npeople,3\n")
    folder = make.out("factors")
    result = run(
        "resistancesurface",
        LAND_COVER=maps["LAND_COVER"],
        EXTRA_FACTORS=[layer],
        WEIGHTS=weights,
        OUTPUT=make.out("all.tif"),
        OUTPUT_FACTORS=folder,
        OUTPUT_DOMINANT=make.out("why.tif"),
    )
    cover = np.where(np.mgrid[:30, :40][0] >= 20, 5, 1)
    np.testing.assert_allclose(values(result["OUTPUT"]), (cover + 3 * people) / 4)
    assert sorted(os.listdir(folder)) == ["land_cover.tif", "people.tif"]
    assert set(np.unique(values(result["OUTPUT_DOMINANT"]))) == {0, 3, 10}
    named = make.csv("n", "factor,weight\nland_cover,1\ncrowd,3\n")
    again = run(
        "resistancesurface",
        LAND_COVER=maps["LAND_COVER"],
        EXTRA_FACTORS=[layer],
        EXTRA_NAMES="Crowd",
        WEIGHTS=named,
        OUTPUT=make.out("again.tif"),
    )
    np.testing.assert_array_equal(values(again["OUTPUT"]), values(result["OUTPUT"]))
    alone = run("resistancesurface", EXTRA_FACTORS=[layer], WEIGHTS=weights, OUTPUT=make.out("alone.tif"))
    np.testing.assert_array_equal(values(alone["OUTPUT"]), people)
    fine, message = run.check(
        "resistancesurface", LAND_COVER=maps["LAND_COVER"], EXTRA_FACTORS=[layer], OUTPUT=make.out("x.tif")
    )
    assert not fine and "'factors.csv (shipped)' has no weight for factor 'people', whose map is given" in message
    fine, message = run.check(
        "resistancesurface",
        LAND_COVER=maps["LAND_COVER"],
        EXTRA_FACTORS=[layer],
        EXTRA_NAMES="a,b",
        WEIGHTS=weights,
        OUTPUT=make.out("x.tif"),
    )
    assert not fine and "2 name(s) of further factors are given for 1 layer(s)" in message


def test_corrections(run, make, maps):
    light = np.tile(np.arange(40) + 1.0, (30, 1)).astype(np.float32)
    layer = make.raster("light", light, cell=100.0)
    plain = values(run("resistancesurface", **maps, OUTPUT=make.out("plain.tif"))["OUTPUT"])
    lit = run(
        "resistancesurface",
        **maps,
        CORRECTION=1,
        CORRECTION_RASTER=layer,
        OUTPUT=make.out("lit.tif"),
        OUTPUT_REPORT=make.out("lit.html"),
    )
    np.testing.assert_allclose(values(lit["OUTPUT"]), plain * np.clip(light / 20.5, 0.1, 10), rtol=1e-6)
    with open(lit["OUTPUT_REPORT"], encoding="utf-8") as stream:
        assert "correction &#x27;night light&#x27;" in stream.read()
    wider = run(
        "resistancesurface",
        **maps,
        CORRECTION=1,
        CORRECTION_RASTER=layer,
        CORRECTION_LEAST=0.01,
        CORRECTION_MOST=1.5,
        OUTPUT=make.out("wider.tif"),
    )
    np.testing.assert_allclose(values(wider["OUTPUT"]), plain * np.clip(light / 20.5, 0.01, 1.5), rtol=1e-6)
    times = run("resistancesurface", **maps, CORRECTION=2, CORRECTION_RASTER=layer, OUTPUT=make.out("times.tif"))
    np.testing.assert_allclose(values(times["OUTPUT"]), plain * light, rtol=1e-6)
    assert "Correction 'multiplier raster', integrated surface: changes 97.5 % of the cells" in run.log
    fine, message = run.check("resistancesurface", **maps, CORRECTION=2, OUTPUT=make.out("x.tif"))
    label = "Night light or multipliers for the correction"
    assert not fine and message.startswith(f"{label}: ") and "needs a raster of multipliers" in message
    fine, message = run.check("resistancesurface", **maps, CORRECTION=1, OUTPUT=make.out("x.tif"))
    assert not fine and "needs a map of night light" in message
    far = make.raster("far", np.ones((3, 3), np.float32), west=900000.0)
    fine, message = run.check(
        "resistancesurface", **maps, CORRECTION=2, CORRECTION_RASTER=far, OUTPUT=make.out("x.tif")
    )
    assert not fine and "'far' does not overlap 'cover'" in message


def test_mines_and_districts_that_are_known_to_be_wrong_before_the_run(run, make, maps):
    def refusal(**changed):
        fine, message = run.check("resistancesurface", **{**maps, **changed}, **outputs(make))
        assert not fine
        return message

    fields = {"name": str, "mineral": str, "method": str, "state": str}
    assert "Layer 'none' is empty: choose a layer with at least one mine" in refusal(
        MINES=make.layer("none", [], fields)
    )
    half = make.layer("half", [(PIT, {"mineral": "coal", "method": "open pit"})])
    assert "Layer 'half' has no field 'state' (the mine's state)" in refusal(MINES=half)
    towns = make.layer("towns", [(PIT, {"town": "A"})])
    assert "Layer 'towns' has no field 'label' (the district's name)" in refusal(
        DISTRICTS=towns, DISTRICT_FIELD="label"
    )
    assert "Layer 'no towns' is empty: choose a layer with at least one district" in refusal(
        DISTRICTS=make.layer("no towns", [], {"name": str})
    )
    away = make.layer("away", [(PIT.replace("4599700", "4799700").replace("4600000", "4800000"), {"name": "A"})])
    assert "'away' lies wholly away from 'cover'" in run.refusal(
        "resistancesurface", **maps, **outputs(make), DISTRICTS=away, OUTPUT_REPORT=make.out("r.html")
    )
    assert not os.path.exists(make.out("r.html"))
    run("resistancesurface", **maps, **outputs(make), DISTRICTS=away)
    assert "Districts are given, and neither the report nor the table" in run.log


@pytest.mark.parametrize(
    "before, after", [("producing", "abandoned"), ("producing", "restored"), ("abandoned", "已复垦")]
)
def test_a_scenario_changes_only_the_mines_reach(run, make, maps, before, after):
    made = []
    for state in (before, after):
        maps["MINES"] = make.layer(f"m_{state}", [(PIT, {"mineral": "metal", "method": "underground", "state": state})])
        result = run("resistancesurface", **maps, **{key: make.out(f"{state}_{key}.tif") for key in outputs(make)})
        made.append({key: values(result[key]) for key in outputs(make)})
    rows, cols = np.mgrid[:30, :40]
    away = np.hypot(np.maximum(0, cols * 100 + 50 - 300), np.maximum(0, rows * 100 + 50 - 300))
    reach = away <= (1500 if before == "producing" else 1000)
    for key, first in made[0].items():
        changed = first != made[1][key]
        assert not changed[~reach].any(), key
    assert (made[0]["OUTPUT"] != made[1]["OUTPUT"])[reach].any()
    assert not (made[0]["OUTPUT_BASE"] != made[1]["OUTPUT_BASE"])[away > 0].any()


def test_what_the_report_recommends_stands_in_the_dialog_before_the_advanced_parameters():
    from econet.algorithms.resistance.resistance_surface import ResistanceSurface

    parameters = [one for one in ResistanceSurface().definitions() if not one.isDestination()]
    names = [one.name() for one in parameters]
    advanced = {one.name() for one in parameters if one.flags() & one.Flag.FlagAdvanced}
    assert not advanced & {"TRANSFORM", "TRANSFORM_POWER", "HARD_BARRIERS", "EXTRA_FACTORS", "EXTRA_NAMES"}
    assert names.index("EXTRA_FACTORS") > names.index("DISTRICTS")
    assert names.index("HARD_BARRIERS") < min(names.index(name) for name in ("OVERLAP", "CORRECTION"))

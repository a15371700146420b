"""Toolbox step mineresistance: definition, run, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

# 500 m square, 1 km west of column 10 of a map of 100 m cells
PIT = "POLYGON((499500 4599500,500000 4599500,500000 4600000,499500 4600000,499500 4599500))"
FAR_PIT = "POLYGON((503700 4599500,504000 4599500,504000 4600000,503700 4600000,503700 4599500))"


def values(path):
    return read_raster(RasterSource(path)).values


@pytest.fixture
def maps(make):
    template = make.raster("template", np.zeros((5, 40), np.uint8), cell=100.0)
    mines = make.layer(
        "mines",
        [
            (PIT, {"name": "West pit", "mineral": "coal", "method": "open pit", "state": "abandoned"}),
            (FAR_PIT, {"name": "East pit", "mineral": "metal", "method": "underground", "state": "abandoned"}),
        ],
    )
    return template, mines


def test_definition(provider):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:mineresistance")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert {
        "MINES",
        "NAME_FIELD",
        "MINERAL_FIELD",
        "METHOD_FIELD",
        "STATE_FIELD",
        "RING_TABLE",
        "TEMPLATE",
        "OVERLAP",
        "OUTPUT",
    } <= set(keys)
    assert algorithm.group() == "3 Resistance"
    assert algorithm.parameterDefinition("OVERLAP").options() == ["maximum", "nearest mine", "sum, at most 5"]


@pytest.mark.parametrize("overlap", [0, 1, 2])
def test_rings_of_table_2(run, make, maps, overlap):
    template, mines = maps
    result = run("mineresistance", MINES=mines, TEMPLATE=template, OVERLAP=overlap, OUTPUT=make.out("r.tif"))
    west = np.arange(40) * 100 + 50.0
    east = np.maximum(0, 3700 - west)
    from_west = np.select([west <= 1000, west <= 2000], [5, 3], 1)
    from_east = np.select([east <= 500, east <= 1000], [5, 3], 1)
    highest = np.maximum(from_west, from_east)
    nearest = np.select([west < east, west > east], [from_west, from_east], highest)  # 1850 m from both: the highest
    expected = [highest, nearest, np.minimum(5, from_west + from_east - 1)][overlap]
    np.testing.assert_array_equal(values(result["OUTPUT"])[2], expected)


def test_mines_in_another_crs_and_in_chinese(run, make, maps):
    template, mines = maps
    expected = values(run("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("a.tif"))["OUTPUT"])
    from econet.core.geometry.layers import read_layer

    there = read_layer(mines).to_crs("EPSG:4326")
    words = {"coal": "煤矿", "metal": "金属", "open pit": "露天开采", "underground": "井工", "abandoned": "废弃"}
    features = [
        (
            geometry.ExportToWkt(),
            {f"k_{key}": words.get(value, value) for key, value in attributes.items() if key != "fid"},
        )
        for geometry, attributes in zip(there.geometries, there.attributes)
    ]
    other = make.layer("kuang", features, crs="EPSG:4326")
    result = run(
        "mineresistance",
        MINES=other,
        TEMPLATE=template,
        NAME_FIELD="k_name",
        MINERAL_FIELD="k_mineral",
        METHOD_FIELD="k_method",
        STATE_FIELD="k_state",
        OUTPUT=make.out("b.tif"),
    )
    np.testing.assert_array_equal(values(result["OUTPUT"]), expected)
    assert "'kuang' was reprojected" in run.log
    kinds = [" ".join(attributes[key] for key in ("state", "method", "mineral")) for attributes in there.attributes]
    assert f"Mine layer 'kuang', mines read: {len(kinds)} (" in run.log
    for kind in set(kinds):
        assert f"{kind} {kinds.count(kind)}" in run.log
    coal = [attributes["mineral"] for attributes in there.attributes].count("coal")
    assert coal and f"mineral '煤矿' as coal ({coal})" in run.log
    shares = "; ".join(f"{score:g}: {100 * (expected == score).mean():.2f} %" for score in np.unique(expected))
    assert f"Resistance and its share of the map's area: {shares}." in run.log


@pytest.mark.parametrize(
    "change, message",
    [
        ({"mineral": "cheese"}, "'mines', field 'mineral', feature 1: 'cheese' is not a mineral"),
        ({"method": "tunnel"}, "field 'method', feature 1: 'tunnel' is not a method"),
        ({"state": "asleep"}, "field 'state', feature 1: 'asleep' is not a state"),
    ],
)
def test_unknown_words_are_refused(run, make, maps, change, message):
    template, _ = maps
    attributes = {"name": "West pit", "mineral": "coal", "method": "open pit", "state": "abandoned", **change}
    mines = make.layer("mines", [(PIT, attributes)])
    assert message in run.refusal("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert not os.path.exists(make.out("x.tif"))


def test_a_wrong_ring_table_is_known_before_the_run(run, make, maps):
    template, mines = maps
    rings = make.csv("rings", "mineral,method,state,from_m,to_m,resistance\ncoal,open pit,abandoned,0,near,5\n")
    fine, message = run.check(
        "mineresistance", MINES=mines, TEMPLATE=template, RING_TABLE=rings, OUTPUT=make.out("x.tif")
    )
    assert not fine and "'rings.csv', row 2, column 'to_m': 'near' is not a number" in message
    degrees = make.raster("degrees", np.zeros((3, 3), np.uint8), cell=0.01, crs="EPSG:4326", west=124.0, north=42.0)
    fine, message = run.check("mineresistance", MINES=mines, TEMPLATE=degrees, OUTPUT=make.out("x.tif"))
    assert not fine and "'degrees' is in degrees" in message


def test_cancel_leaves_nothing(run, make, maps):
    template, mines = maps
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("mineresistance", feedback=feedback, MINES=mines, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before


def test_mines_of_another_city_are_refused(run, make, maps):
    template, _ = maps
    moved = PIT.replace("4599500", "4699500").replace("4600000", "4700000")
    mines = make.layer("elsewhere", [(moved, {"mineral": "coal", "method": "open pit", "state": "abandoned"})])
    message = run.refusal("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert "'elsewhere' lies wholly away from 'template'" in message and "4699500 to 500000, 4700000" in message
    assert not os.path.exists(make.out("x.tif"))


def test_mine_fields_in_upper_case_are_the_usual_ones(run, make, maps):
    template, mines = maps
    shouted = make.layer(
        "shouted",
        [
            (PIT, {"NAME": "West pit", "MINERAL": "coal", "METHOD": "open pit", "STATE": "abandoned"}),
            (FAR_PIT, {"NAME": "East pit", "MINERAL": "metal", "METHOD": "underground", "STATE": "abandoned"}),
        ],
    )
    plain = run("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("a.tif"))
    found = run("mineresistance", MINES=shouted, TEMPLATE=template, OUTPUT=make.out("b.tif"))
    np.testing.assert_array_equal(values(found["OUTPUT"]), values(plain["OUTPUT"]))


def test_rings_for_the_map(run, make, maps):
    template, mines = maps
    result = run(
        "mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("r.tif"), OUTPUT_RINGS=make.out("rings.gpkg")
    )
    rows = run.rows(result["OUTPUT_RINGS"])
    kinds = ("mine", "mineral", "method", "state", "feature", "from_m", "to_m", "resistance")
    assert [tuple(row[key] for key in kinds) for row in rows] == [
        ("West pit", "coal", "open pit", "abandoned", "pit", 1000, 2000, 3),
        ("East pit", "metal", "underground", "abandoned", "pit", 500, 1000, 3),
        ("West pit", "coal", "open pit", "abandoned", "pit", 0, 1000, 5),
        ("East pit", "metal", "underground", "abandoned", "pit", 0, 500, 5),
    ]
    square = (500**2 + 4 * 500 * 1000 + np.pi * 1000**2) / 1e6
    assert rows[2]["area_km2"] == pytest.approx(square, rel=1e-3)
    assert rows[2]["geometry"].area() / 1e6 == pytest.approx(square, rel=1e-3)
    assert "OUTPUT_RINGS" not in run("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("s.tif"))


def test_a_restored_mine_is_its_own_ground_without_an_end(run, make, maps):
    template, _ = maps
    mines = make.layer(
        "green", [(PIT, {"mineral": "coal", "method": "open pit", "state": "已复垦", "feature": "排土场"})]
    )
    result = run(
        "mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("r.tif"), OUTPUT_RINGS=make.out("rings.gpkg")
    )
    (row,) = run.rows(result["OUTPUT_RINGS"])
    assert (row["state"], row["feature"], row["from_m"], row["resistance"]) == ("restored", "dump", 0, 1)
    assert not row["to_m"] and row["area_km2"] == pytest.approx(0.25)
    assert (values(result["OUTPUT"]) == 1).all()


def test_a_layer_without_mines_or_without_a_field_is_known_before_the_run(run, make, maps):
    template, _ = maps
    fields = {"name": str, "mineral": str, "method": str, "state": str}
    fine, message = run.check(
        "mineresistance", MINES=make.layer("none", [], fields), TEMPLATE=template, OUTPUT=make.out("x.tif")
    )
    assert not fine and "Layer 'none' is empty: choose a layer with at least one mine" in message
    half = make.layer("half", [(PIT, {"name": "A", "mineral": "coal", "state": "abandoned"})])
    fine, message = run.check("mineresistance", MINES=half, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert not fine and "Layer 'half' has no field 'method' (the mine's method): choose one of its fields" in message


def test_all_unknown_words_are_named_at_once(run, make, maps):
    template, _ = maps
    mines = make.layer(
        "mines",
        [
            (PIT, {"mineral": "cheese", "method": "open pit", "state": "sleeping"}),
            (FAR_PIT, {"mineral": "coal", "method": "tunnel", "state": "sleeping"}),
        ],
    )
    message = run.refusal("mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("x.tif"))
    assert "feature 1: 'cheese' is not a mineral" in message
    assert "Not known either: 'sleeping' (state), 'tunnel' (method)." in message
    words = make.csv(
        "words", "attribute,word,meaning\nmineral,cheese,metal\nstate,sleeping,abandoned\nmethod,tunnel,underground\n"
    )
    run("mineresistance", MINES=mines, TEMPLATE=template, MINE_WORDS=words, OUTPUT=make.out("y.tif"))


def test_a_self_crossing_mine_is_mended_and_said(run, make, maps):
    template, _ = maps
    bow = "POLYGON((500000 4599500,500500 4600000,500500 4599500,500000 4600000,500000 4599500))"
    mines = make.layer("bow", [(bow, {"mineral": "coal", "method": "open pit", "state": "abandoned"})])
    result = run(
        "mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("r.tif"), OUTPUT_RINGS=make.out("rings.gpkg")
    )
    assert "Layer 'bow': 1 self-crossing or otherwise invalid polygon(s) were repaired" in run.log
    assert run.rows(result["OUTPUT_RINGS"])[0]["geometry"].isGeosValid() and values(result["OUTPUT"])[0, 0] == 5


@pytest.mark.parametrize(
    "words, meaning",
    [
        (("煤炭", "井工", "停产", "塌陷"), ("coal", "underground", "abandoned", "subsidence")),
        (("石灰石", "露天开采", "在产", "工业广场"), ("building material", "open pit", "producing", "plant")),
        (("铁矿", "地下", "治理", "沉陷"), ("metal", "underground", "restored", "subsidence")),
        (("铜矿", "露天", "恢复", "排土场"), ("metal", "open pit", "restored", "dump")),
        (("石料", "露天开采", "关闭", "排土场"), ("building material", "open pit", "abandoned", "dump")),
        (("建材", "地下开采", "复垦", "采场"), ("building material", "underground", "restored", "pit")),
        (("COAL MINE", "Open_Cut", "in production", "Waste Rock Dump"), ("coal", "open pit", "producing", "dump")),
        (("　煤矿 ", "露天矿", "废弃", "尾矿库"), ("coal", "open pit", "abandoned", "dump")),
    ],
)
def test_words_of_chinese_and_english_layers(run, make, maps, words, meaning):
    template, _ = maps
    mines = make.layer("kuang", [(PIT, dict(zip(("mineral", "method", "state", "feature"), words)))])
    result = run(
        "mineresistance", MINES=mines, TEMPLATE=template, OUTPUT=make.out("r.tif"), OUTPUT_RINGS=make.out("k.gpkg")
    )
    row = run.rows(result["OUTPUT_RINGS"])[0]
    assert tuple(row[key] for key in ("mineral", "method", "state", "feature")) == meaning

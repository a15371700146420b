"""Toolbox step serviceimportance: run, log, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster


@pytest.fixture
def services(make):
    generator = np.random.default_rng(5)
    y, x = np.mgrid[:60, :80]
    common = np.sin(x / 17) + np.cos(y / 11)
    return [
        make.raster(name, (common * factor + generator.normal(0, 0.5 + k / 4, (60, 80))).astype(np.float32))
        for k, (name, factor) in enumerate((("habitat", 1), ("water", 0.7), ("carbon", 1.4)))
    ]


def outputs(make):
    return {
        "OUTPUT_IMPORTANCE": make.out("importance.tif"),
        "OUTPUT_CLASSES": make.out("classes.tif"),
        "OUTPUT_GRID": make.out("grid.gpkg"),
        "OUTPUT_REPORT": make.out("report.html"),
    }


def test_run(run, make, services):
    result = run("serviceimportance", SERVICES=services, GRID_SIZE=300, **outputs(make))
    assert 0 < result["KMO"] < 1 and 0.8 < result["GVF"] < 1
    weights = [float(part.split("=")[1]) for part in result["WEIGHTS_USED"].split(", ")]
    assert sum(weights) == pytest.approx(1, abs=1e-5) and len(result["BREAKS_USED"].split(", ")) == 5
    stack = np.array([read_raster(RasterSource(path)).values for path in services], dtype=np.float64)
    low, high = stack.min(axis=(1, 2), keepdims=True), stack.max(axis=(1, 2), keepdims=True)
    expected = np.tensordot(weights, (stack - low) / (high - low), 1)
    np.testing.assert_allclose(read_raster(RasterSource(result["OUTPUT_IMPORTANCE"])).values, expected, atol=1e-5)
    classes = read_raster(RasterSource(result["OUTPUT_CLASSES"]))
    assert (classes.nodata, classes.values.dtype) == (0, np.uint8) and set(np.unique(classes.values)) == {1, 2, 3, 4, 5}
    assert expected[classes.values == 5].min() > expected[classes.values == 1].max()
    rows = run.rows(result["OUTPUT_GRID"])
    assert [name for name in rows[0] if name not in ("fid", "geometry")] == [
        "cell_id",
        "habitat",
        "water",
        "carbon",
        "importance",
        "class",
    ]
    assert len(rows) == 48 and rows[0]["geometry"].area() == pytest.approx(90000)
    assert rows[0]["importance"] == pytest.approx(expected[:10, :10].mean(), abs=1e-5)
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        assert "KMO overall" in stream.read()
    again = run(
        "serviceimportance",
        SERVICES=services,
        GRID_SIZE=300,
        BREAKS=result["BREAKS_USED"],
        **{**outputs(make), "OUTPUT_CLASSES": make.out("again.tif")},
    )
    np.testing.assert_array_equal(read_raster(RasterSource(again["OUTPUT_CLASSES"])).values, classes.values)


def test_bounds_by_hand_above_the_map_come_back_once_and_make_the_same_classes(run, make, services):
    given = {"SERVICES": services, "GRID_SIZE": 300}
    one = run("serviceimportance", BREAKS="0.2, 0.4, 0.6, 1.5", **given, **outputs(make))
    assert one["BREAKS_USED"] == "0.2, 0.4, 0.6, 1.5" and "the highest class has none" in run.log
    classes = read_raster(RasterSource(one["OUTPUT_CLASSES"])).values
    two = run(
        "serviceimportance",
        BREAKS=one["BREAKS_USED"],
        **given,
        **{**outputs(make), "OUTPUT_CLASSES": make.out("again.tif")},
    )
    np.testing.assert_array_equal(read_raster(RasterSource(two["OUTPUT_CLASSES"])).values, classes)
    assert two["BREAKS_USED"] == one["BREAKS_USED"]


def test_codes_that_are_no_numbers_are_refused_by_label(run, make, services):
    message = run.refusal(
        "serviceimportance",
        SERVICES=services,
        GRID_SIZE=300,
        FOREST_CODES="wood",
        LAND_COVER=make.raster("cover", np.full((60, 80), 2, np.uint8)),
        **outputs(make),
    )
    assert message.startswith("Land-cover codes of forest") and "'wood' is not a list" in message


def test_two_services_weigh_the_same(run, make, services):
    result = run("serviceimportance", SERVICES=services[:2], GRID_SIZE=300, SERVICE_NAMES="a, b", **outputs(make))
    assert result["WEIGHTS_USED"] == "a=0.5, b=0.5" and "equal weights were used" in run.log


def test_manual_weights_and_land_cover(run, make, services):
    land = np.full((60, 80), 2, np.uint8)
    values = read_raster(RasterSource(services[1])).values
    land[values > np.median(values)] = 11
    result = run(
        "serviceimportance",
        SERVICES=services,
        GRID_SIZE=300,
        WEIGHTING=4,
        CLASSIFY=1,
        WEIGHTS="habitat=2, water=1, carbon=1",
        LAND_COVER=make.raster("cover", land),
        **outputs(make),
    )
    assert result["WEIGHTS_USED"] == "habitat=0.5, water=0.25, carbon=0.25"
    assert "'water' is higher on artificial or mined ground" in run.log


def test_refusals(run, make, services):
    for parameters, message in (
        ({"SERVICE_NAMES": "one"}, "1 name(s) for 3 services"),
        ({"WEIGHTING": 4, "WEIGHTS": "habitat=1"}, "no weight for water, carbon"),
        ({"CLIP": "99, 1"}, "Limit values to percentiles first (such as 0.5, 99.5; empty: not): '99, 1'"),
        ({"BREAKS": "0.5, 0.2"}, "2 upper bound(s) for 5"),
    ):
        fine, found = run.check("serviceimportance", SERVICES=services, GRID_SIZE=300, **parameters, **outputs(make))
        assert not fine and message in found
    flat = make.raster("flat", np.full((60, 80), 3, np.float32))
    message = run.refusal("serviceimportance", SERVICES=[*services, flat], GRID_SIZE=300, **outputs(make))
    assert "Service 'flat' is 3 everywhere" in message
    far = make.raster("far", np.random.default_rng(0).random((9, 9)).astype(np.float32), west=900000.0)
    fine, message = run.check("serviceimportance", SERVICES=[*services, far], GRID_SIZE=300, **outputs(make))
    assert not fine and "'far' does not overlap 'habitat'" in message
    degrees = make.raster("degrees", np.ones((3, 3), np.float32), crs="EPSG:4326", cell=0.01, west=120.0, north=42.0)
    fine, message = run.check("serviceimportance", SERVICES=[degrees, degrees], **outputs(make))
    assert not fine and "'degrees' is in degrees" in message
    assert not any(os.path.exists(path) for path in outputs(make).values())


def test_cancel_leaves_nothing(run, make, services):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("serviceimportance", feedback=feedback, SERVICES=services, GRID_SIZE=300, **outputs(make))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before


def test_no_service_at_all_is_refused_before_the_run(run, make):
    fine, message = run.check("serviceimportance", SERVICES=[], **outputs(make))
    assert not fine and message == "Services: none is given; choose at least two rasters of ecosystem services."


def test_what_is_known_to_be_wrong_is_refused_before_the_run(run, make, services):
    for given, parameters, message in (
        (services[:1], {}, "Services: only one is given; choose at least two"),
        (services, {"GRID_SIZE": 9000}, "measures only 2400 x 1800 m, which is less than one grid cell"),
        (services, {"GRID_SIZE": 10}, "give a larger grid size"),
        (services, {"SERVICE_NAMES": "a, b, a"}, "'a' stands twice"),
        (services, {"WEIGHTING": 4, "WEIGHTS": "habitat=1, water=1, soil=1"}, "'soil=1' names no service"),
    ):
        parameters = {"GRID_SIZE": 300, **parameters}
        fine, found = run.check("serviceimportance", SERVICES=given, **parameters, **outputs(make))
        assert not fine and message in found


def test_covariance_matrix(run, make, services):
    plain = run("serviceimportance", SERVICES=services, GRID_SIZE=300, **outputs(make))
    again = run(
        "serviceimportance",
        SERVICES=services,
        GRID_SIZE=300,
        MATRIX=1,
        **{**outputs(make), "OUTPUT_GRID": make.out("second.gpkg")},
    )
    means = np.array([[row[name] for name in ("habitat", "water", "carbon")] for row in run.rows(again["OUTPUT_GRID"])])
    values, vectors = np.linalg.eigh(np.cov(means.T))
    kept = values > values.mean()
    raw = np.abs(vectors[:, kept]) @ values[kept]
    weights = [float(part.split("=")[1]) for part in again["WEIGHTS_USED"].split(", ")]
    assert weights == pytest.approx(raw / raw.sum(), rel=1e-6)
    assert again["WEIGHTS_USED"] != plain["WEIGHTS_USED"] and again["KMO"] == pytest.approx(plain["KMO"])


def test_kmo_below_a_half_is_said_at_the_top_and_in_the_log(run, make):
    generator = np.random.default_rng(0)
    a, b = generator.random((2, 60, 80)).astype(np.float32)
    rasters = [make.raster(name, values) for name, values in (("a", a), ("b", b), ("c", a + b))]
    noise = make.raster("d", (a + b + generator.random((60, 80)).astype(np.float32) * 0.05))
    result = run("serviceimportance", SERVICES=[*rasters[:2], noise], GRID_SIZE=60, **outputs(make))
    assert result["KMO"] < 0.5 and run.log.count("below 0.5: the services share too little") == 1
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        assert "choose equal or manual weights" in stream.read().split("<h2>")[0]


@pytest.mark.parametrize("step", ["serviceimportance", "landscapeconnectivity", "gravitymodel"])
def test_a_report_is_made_by_default_and_can_be_left_out(provider, step):
    definition = provider.algorithm(step).parameterDefinition("OUTPUT_REPORT")
    assert definition.createByDefault() and definition.flags() & definition.Flag.FlagOptional


def test_warnings_of_the_run_stand_at_the_top_of_its_report(run, make, services):
    result = run("serviceimportance", SERVICES=services[:2], GRID_SIZE=300, **outputs(make))
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        page = stream.read()
    assert page.count("equal weights were used") == 1 and "equal weights were used" in page.split("<h2>")[0]

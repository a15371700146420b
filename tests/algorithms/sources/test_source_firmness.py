"""Toolbox step sourcefirmness: run, the chain of single algorithms, own sources, refusals, cancel."""

import os

import numpy as np
import pytest
from factory import square_wkt
from qgis.core import QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

ALTERNATIVES = {
    "GRID_SIZES": "500, 1000, 2000",
    "CLASS_COUNTS": "4;5",
    "AREA_THRESHOLDS_KM2": "1,5; 0,5; 0,5",
    "WEIGHT_CHANGES_PERCENT": "20",
    "DISPERSAL_DISTANCES": "500, 5000",
}
BASE = {"GRID_SIZE": 1000, "MIN_AREA": 0.8, "DISPERSAL_DISTANCE": 1000}


@pytest.fixture
def services(make):
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(4)
    common = gaussian_filter(rng.normal(size=(60, 70)), 5)
    return [
        make.raster(
            name, (common * factor + 0.5 * gaussian_filter(rng.normal(size=(60, 70)), 4)).astype(np.float32), cell=100.0
        )
        for name, factor in (("habitat", 1), ("water", 0.8), ("carbon", 0.6))
    ]


def outputs(make):
    return {
        "OUTPUT": make.out("firm.gpkg"),
        "OUTPUT_FREQUENCY": make.out("frequency.tif"),
        "OUTPUT_VARIANTS": make.out("variants.gpkg"),
        "OUTPUT_REPORT": make.out("report.html"),
    }


def test_run_and_the_chain_of_single_algorithms(run, make, services):
    result = run("sourcefirmness", SERVICES=services, **BASE, **ALTERNATIVES, **outputs(make))
    rows = run.rows(result["OUTPUT"])
    assert [name for name in rows[0] if name not in ("fid", "geometry")] == [
        "source_id",
        "area_km2",
        "stability",
        "stability_grid",
        "stability_classes",
        "stability_area",
        "stability_weights",
        "stability_dispersal",
        "rank_min",
        "rank_max",
        "verdict",
        "base_share",
        "lost_with",
    ]
    areas = np.array([row["area_km2"] for row in rows])
    stability = np.array([row["stability"] for row in rows])
    assert result["STABILITY"] == pytest.approx((areas * stability).sum() / areas.sum())
    assert ((stability >= 0) & (stability <= 1)).all() and not isinstance(rows[0]["stability_dispersal"], float)
    frequency = read_raster(RasterSource(result["OUTPUT_FREQUENCY"])).values
    assert frequency.min() >= 0 and frequency.max() <= 1 and frequency.shape == (60, 70)
    variants = run.rows(result["OUTPUT_VARIANTS"])
    assert (variants[0]["kind"], variants[0]["jaccard"], variants[0]["n_sources"]) == ("base", 1, len(rows))
    assert {row["kind"] for row in variants} == {"base", "grid size", "number of classes", "area threshold", "weights"}
    assert [row["variant"] for row in variants if row["kind"] == "area threshold"] == ["above 0.5 km2", "above 1.5 km2"]
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        html = stream.read()
    assert "Which choice matters most" in html and "Base: sources are patches larger than (km2)" in html
    importance = run(
        "serviceimportance",
        SERVICES=services,
        GRID_SIZE=1000,
        OUTPUT_IMPORTANCE=make.out("i.tif"),
        OUTPUT_CLASSES=make.out("c.tif"),
        OUTPUT_GRID=make.out("g.gpkg"),
    )
    patches = run(
        "patches", CLASSES=importance["OUTPUT_CLASSES"], AREA_BANDS="0.2, 0.4, 0.8", OUTPUT=make.out("p.gpkg")
    )
    sources = run.rows(run("selectsources", PATCHES=patches["OUTPUT"], OUTPUT=make.out("s.gpkg"))["OUTPUT"])
    assert len(sources) == len(rows) > 2
    for one, two in zip(rows, sources):
        assert one["source_id"] == two["source_id"] and one["geometry"].equals(two["geometry"])


def test_dispersal_counts_where_only_the_best_connected_stay(run, make, services):
    result = run("sourcefirmness", SERVICES=services, **BASE, TOP=2, **ALTERNATIVES, **outputs(make))
    rows = run.rows(result["OUTPUT"])
    assert len(rows) == 2 and all(0 <= row["stability_dispersal"] <= 1 for row in rows)
    kinds = [row["kind"] for row in run.rows(result["OUTPUT_VARIANTS"])]
    assert kinds.count("dispersal distance") == 2


def test_own_sources_keep_ids_fields_and_order(run, make, services):
    plan = make.layer(
        "plan",
        [
            (square_wkt(501000, 4597000, 2000), {"number": 12, "Label": "ridge", "area_km2": 9.0}),
            (square_wkt(504000, 4596500, 1500), {"number": 5, "Label": "dam", "area_km2": 9.0}),
        ],
    )
    result = run(
        "sourcefirmness", SERVICES=services, SOURCES=plan, ID_FIELD="number", **BASE, **ALTERNATIVES, **outputs(make)
    )
    rows = run.rows(result["OUTPUT"])
    assert [(row["source_id"], row["Label"], round(row["area_km2"], 2)) for row in rows] == [
        (12, "ridge", 4.0),
        (5, "dam", 2.25),
    ]
    assert all(0 <= row["base_share"] <= 1 and 0 <= row["stability"] <= 1 for row in rows)


def test_refusals_known_before_the_run(run, make, services):
    far = make.layer("far", [("POLYGON((900000 100000,901000 100000,901000 101000,900000 100000))", {"source_id": 1})])
    twice = make.layer(
        "twice", [("POLYGON((500000 4600000,501000 4600000,501000 4599000,500000 4600000))", {"source_id": 1})] * 2
    )
    for parameters, message in (
        ({"GRID_SIZES": "1000, wide"}, "Other grid sizes (m): 'wide' is not a number"),
        ({"CLASS_COUNTS": "4.5"}, "Other numbers of classes: '4.5' is not a whole number"),
        ({"CLASS_COUNTS": "1"}, "give numbers of at least 2, up to 255"),
        ({"AREA_THRESHOLDS_KM2": "-1"}, "give numbers of at least 0"),
        ({"WEIGHT_CHANGES_PERCENT": "120"}, "give numbers above 0, up to 100"),
        ({"DISPERSAL_DISTANCES": "0"}, "Other dispersal distances (m): 0 is out of range"),
        ({"PATCH_CLASSES": "5, 6"}, "6 is none of the classes 1 to 5"),
        ({"GRID_SIZE": 50}, "Base: grid size (m): 50 m is less than a cell"),
        ({"CLIP": "99, 1"}, "empty: not): '99, 1'"),
        ({"WEIGHTING": 4, "WEIGHTS": "habitat=1"}, "no weight for water, carbon"),
        ({"DISPERSAL_PROBABILITY": 1}, "Base: probability at that distance: "),
        ({"SERVICE_NAMES": "one"}, "1 name(s) for 3 services"),
        ({"SERVICES": services[:1]}, "choose at least two rasters"),
        ({"SOURCES": far}, "'far' lies wholly away"),
        ({"SOURCES": twice, "ID_FIELD": "number"}, "'twice' has no field 'number'"),
    ):
        fine, found = run.check("sourcefirmness", **{"SERVICES": services, **BASE, **parameters, **outputs(make)})
        assert not fine and message in found, found
    message = run.refusal(
        "sourcefirmness", SERVICES=services, **{**BASE, "MIN_AREA": 99}, **ALTERNATIVES, **outputs(make)
    )
    assert "the base settings make no source" in message
    message = run.refusal("sourcefirmness", SERVICES=services, SOURCES=twice, **BASE, **ALTERNATIVES, **outputs(make))
    assert "both have the id 1" in message
    flat = make.raster("flat", np.full((60, 70), 3, np.float32), cell=100.0)
    message = run.refusal("sourcefirmness", SERVICES=[*services, flat], **BASE, **ALTERNATIVES, **outputs(make))
    assert "Service 'flat' is 3 everywhere" in message
    assert not any(os.path.exists(path) for path in outputs(make).values())


def test_map_and_table_of_alternatives_can_be_left_out(run, make, services):
    result = run("sourcefirmness", SERVICES=services, **BASE, **ALTERNATIVES, OUTPUT=make.out("firm.gpkg"))
    assert run.rows(result["OUTPUT"]) and "OUTPUT_VARIANTS" not in result


def test_warnings_stand_in_log_and_report_once(run, make, services):
    result = run(
        "sourcefirmness", SERVICES=services, **BASE, **{**ALTERNATIVES, "GRID_SIZES": "500, 90000"}, **outputs(make)
    )
    text = "Grid size, 90000 m: left out."
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        assert stream.read().count(text) == 1
    assert run.log.count(text) == 1


def test_cancel_leaves_nothing(run, make, services):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal("sourcefirmness", feedback=feedback, SERVICES=services, **BASE, **outputs(make))
    assert "Cancelled" in message and set(os.listdir(make.folder)) == before

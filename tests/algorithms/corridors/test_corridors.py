"""Toolbox step corridors: definition, runs, refusals, cancel."""

import os

import numpy as np
from qgis.core import QgsProcessingFeedback

from econet.core.grid.reading import RasterSource, read_raster

WEST, NORTH, CELL = 500000.0, 4600000.0, 30.0


def block(row, col, height=2, width=2):
    x, y = WEST + col * CELL, NORTH - row * CELL
    return (
        f"POLYGON(({x} {y - height * CELL},{x + width * CELL} {y - height * CELL},{x + width * CELL} {y},"
        f"{x} {y},{x} {y - height * CELL}))"
    )


def city(make):
    values = np.ones((12, 12), np.float32)
    values[5:7, :10] = 5
    sources = make.layer(
        "sources", [(block(0, 0), {"source_id": 4}), (block(0, 9), {"source_id": 2}), (block(9, 0), {"source_id": 9})]
    )
    return make.raster("resistance", values), sources


def test_definition(provider):
    algorithm = provider.algorithm("corridors")
    assert [d.name() for d in algorithm.parameterDefinitions()] == [
        "RESISTANCE",
        "SOURCES",
        "ID_FIELD",
        "PATH_ENDS",
        "PAIRS",
        "MAX_COST",
        "OUTPUT",
        "OUTPUT_SURFACE",
    ]
    assert {d.name() for d in algorithm.outputDefinitions()} == {
        "OUTPUT",
        "OUTPUT_SURFACE",
        "N_CORRIDORS",
        "N_UNREACHABLE",
    }
    for key, labels in (("PATH_ENDS", ["Source points", "Source edges"]), ("PAIRS", ["All", "Neighbours"])):
        definition = algorithm.parameterDefinition(key)
        assert definition.defaultValue() == 0 and definition.options() == labels


def test_run(run, make):
    resistance, sources = city(make)
    result = run(
        "corridors",
        RESISTANCE=resistance,
        SOURCES=sources,
        OUTPUT=make.out("corridors.gpkg"),
        OUTPUT_SURFACE=make.out("surface.tif"),
    )
    assert result["N_CORRIDORS"] == 3 and result["N_UNREACHABLE"] == 0
    rows = run.rows(result["OUTPUT"])
    assert [(r["corridor_id"], r["source_a"], r["source_b"]) for r in rows] == [(1, 2, 4), (2, 2, 9), (3, 4, 9)]
    first = rows[0]
    assert first["cost"] == 270 and first["length_m"] == 270 and first["euclidean_m"] == 270
    assert first["mean_resistance"] == 1 and first["redundant"] is False and first["via"] == ""
    assert first["geometry"].length() == 270
    end = first["geometry"].asPolyline()[0] if not first["geometry"].isMultipart() else None
    assert (end.x(), end.y()) == (WEST + 10.5 * CELL, NORTH - 1.5 * CELL)
    # straight down across two rows of 5: seven steps of mean 1, one of 5, two of 3
    assert rows[2]["cost"] == 30 * (6 * 1 + 5 + 2 * 3)
    surface = read_raster(RasterSource(result["OUTPUT_SURFACE"])).values
    assert surface.shape == (12, 12) and surface.min() == 0 and surface[1, 1:11].max() == 0
    fields = [f for f in rows[0] if f not in ("fid", "geometry")]
    assert fields == [
        "corridor_id",
        "source_a",
        "source_b",
        "cost",
        "length_m",
        "euclidean_m",
        "mean_resistance",
        "redundant",
        "via",
    ]


def test_edges_neighbours_limit_and_ids_by_area(run, make):
    resistance = make.raster("resistance", np.ones((3, 21), np.float32))
    sources = make.layer(
        "woods", [(block(0, col, 3, width), {"label": "a"}) for col, width in ((0, 1), (5, 3), (12, 2))]
    )
    result = run(
        "corridors", RESISTANCE=resistance, SOURCES=sources, PATH_ENDS=1, PAIRS=1, OUTPUT=make.out("near.gpkg")
    )
    assert [(r["source_a"], r["source_b"], r["cost"]) for r in run.rows(result["OUTPUT"])] == [
        (1, 2, 150.0),
        (1, 3, 150.0),
    ]
    assert "numbered by area" in run.log
    result = run(
        "corridors",
        RESISTANCE=resistance,
        SOURCES=sources,
        PATH_ENDS=1,
        MAX_COST=200.0,
        OUTPUT=make.out("limited.gpkg"),
    )
    assert (result["N_CORRIDORS"], result["N_UNREACHABLE"]) == (2, 1)
    assert "2-3" in run.log
    assert run.rows(result["OUTPUT"])[0]["redundant"] is False
    result = run("corridors", RESISTANCE=resistance, SOURCES=sources, PATH_ENDS=1, OUTPUT=make.out("all.gpkg"))
    through = run.rows(result["OUTPUT"])[2]
    assert through["redundant"] is True and through["via"] == "1"


def test_refusals_name_what_to_mend(run, make):
    resistance, sources = city(make)
    out = make.out("x.gpkg")
    fine, message = run.check("corridors", RESISTANCE=resistance, SOURCES=sources, OUTPUT=make.out("x.shp"))
    assert not fine and "x.gpkg" in message
    one = make.layer("one", [(block(0, 0), {"source_id": 1})])
    fine, message = run.check("corridors", RESISTANCE=resistance, SOURCES=one, OUTPUT=out)
    assert not fine and "'one' has one source only" in message
    twice = make.layer("twice", [(block(0, 0), {"source_id": 1}), (block(5, 5), {"source_id": 1})])
    message = run.refusal("corridors", RESISTANCE=resistance, SOURCES=twice, OUTPUT=out)
    assert "'twice', field 'source_id': features 1 and 2 both have the id 1" in message
    small = make.layer("small", [(block(0, 0), {"source_id": 1}), (block(5, 5, 0.3, 0.3), {"source_id": 8})])
    message = run.refusal("corridors", RESISTANCE=resistance, SOURCES=small, OUTPUT=out)
    assert "Source 8 of layer 'small' covers 81 m2, less than one cell of 'resistance' (900 m2)" in message
    empty = make.layer("empty", [], fields={"source_id": int})
    fine, message = run.check("corridors", RESISTANCE=resistance, SOURCES=empty, OUTPUT=out)
    assert not fine and "'empty' is empty" in message
    negative = make.raster("negative", np.full((12, 12), -2, np.float32))
    message = run.refusal("corridors", RESISTANCE=negative, SOURCES=sources, OUTPUT=out)
    assert "'negative' has 144 cell(s) with negative resistance, the smallest -2" in message
    degrees = make.raster("degrees", np.ones((4, 4), np.float32), cell=0.01, crs="EPSG:4326", west=120.0, north=42.0)
    fine, message = run.check("corridors", RESISTANCE=degrees, SOURCES=sources, OUTPUT=out)
    assert not fine and "'degrees' is in degrees" in message
    assert not os.path.exists(out)


def test_cancel_leaves_nothing(run, make):
    resistance, sources = city(make)
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    before = set(os.listdir(make.folder))
    message = run.refusal(
        "corridors",
        feedback=feedback,
        RESISTANCE=resistance,
        SOURCES=sources,
        OUTPUT=make.out("x.gpkg"),
        OUTPUT_SURFACE=make.out("x.tif"),
    )
    assert "Cancelled" in message
    assert set(os.listdir(make.folder)) == before

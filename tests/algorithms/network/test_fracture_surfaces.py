"""Toolbox step fracturesurfaces: the paper's case drawn by hand, filters, refusals, cancel."""

import os

import numpy as np
import pytest
from qgis.core import QgsProcessingFeedback

X, Y = 500000.0, 4597000.0  # lower left corner of 100 x 100 cells of 30 m


def line(*points):
    return "LINESTRING(" + ",".join(f"{X + x} {Y + y}" for x, y in points) + ")"


def box(x0, y0, x1, y1):
    return (
        "POLYGON((" + ",".join(f"{X + x} {Y + y}" for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0))) + "))"
    )


@pytest.fixture
def layers(make):
    corridors = [
        (9, 21, line((435, 105), (435, 1005))),
        (3, 9, line((1605, 105), (1605, 705), (1305, 1005))),
        (9, 19, line((1605, 105), (1605, 705), (1905, 1005))),
    ]
    mines = [
        ("West", "露天", "abandoned", box(300, 300, 600, 600)),
        ("East", "open pit", "producing", box(1500, 300, 1800, 600)),
        ("Deep", "underground", "producing", box(1500, 600, 1800, 700)),
        ("Old", "open pit", "restored", box(300, 700, 600, 900)),
    ]
    return {
        "CORRIDORS": make.layer(
            "corridors",
            [
                (shape, {"corridor_id": n, "source_a": a, "source_b": b, "class": "general"})
                for n, (a, b, shape) in enumerate(corridors, 1)
            ],
        ),
        "MINES": make.layer(
            "mines",
            [
                (shape, {"label": name, "mineral": "coal", "method": method, "state": state})
                for name, method, state, shape in mines
            ],
        ),
        "NAME_FIELD": "label",
        "RESISTANCE": make.raster("resistance", np.full((100, 100), 2, np.float32)),
    }


def test_definition(provider):
    algorithm = provider.algorithm("fracturesurfaces")
    assert [d.name() for d in algorithm.parameterDefinitions()] == [
        "CORRIDORS",
        "MINES",
        "NAME_FIELD",
        "MINERAL_FIELD",
        "METHOD_FIELD",
        "STATE_FIELD",
        "FEATURE_FIELD",
        "MINE_WORDS",
        "RESISTANCE",
        "METHODS",
        "STATES",
        "FEATURES",
        "OUTPUT",
        "OUTPUT_PAIRS",
    ]
    assert {d.name() for d in algorithm.outputDefinitions()} == {"OUTPUT", "OUTPUT_PAIRS", "N_FRACTURES", "N_PAIRS"}
    assert (
        algorithm.parameterDefinition("METHODS").options()[algorithm.parameterDefinition("METHODS").defaultValue()[0]]
        == "Open pit"
    )


def test_the_paper_s_case(run, make, layers):
    result = run("fracturesurfaces", **layers, OUTPUT=make.out("f.gpkg"), OUTPUT_PAIRS=make.out("p.gpkg"))
    assert (result["N_FRACTURES"], result["N_PAIRS"]) == (2, 3)
    rows = {r["mine"]: r for r in run.rows(result["OUTPUT"])}
    assert [f for f in rows["East"] if f not in ("fid", "geometry")] == [
        "fracture_id",
        "mine",
        "mineral",
        "method",
        "state",
        "corridors",
        "n_corridors",
        "crossing_m",
        "cost_share",
        "area_km2",
    ]
    assert (rows["East"]["corridors"], rows["East"]["n_corridors"], rows["East"]["state"]) == ("2,3", 2, "producing")
    assert (rows["West"]["corridors"], rows["West"]["method"], rows["West"]["mineral"]) == ("1", "open pit", "coal")
    assert rows["West"]["cost_share"] == pytest.approx(1 / 3) and rows["West"]["crossing_m"] == pytest.approx(300)
    assert rows["West"]["area_km2"] == pytest.approx(0.09) and rows["West"]["geometry"].area() == pytest.approx(90000)
    pairs = run.rows(result["OUTPUT_PAIRS"])
    assert [f for f in pairs[0] if f not in ("fid", "geometry")] == [
        "fracture_id",
        "mine",
        "corridor_id",
        "source_a",
        "source_b",
        "class",
        "crossing_m",
        "cost_share",
    ]
    assert {(p["mine"], p["source_a"], p["source_b"]) for p in pairs} == {
        ("West", 9, 21),
        ("East", 3, 9),
        ("East", 9, 19),
    }
    assert "2 line(s) across mines" in run.log and "1 mine feature(s) of state 'restored' were left out" in run.log


def test_filters(run, make, layers):
    def names(**options):
        result = run("fracturesurfaces", **layers, OUTPUT=make.out("f.gpkg"), **options)
        return sorted(r["mine"] for r in run.rows(result["OUTPUT"]))

    assert names(METHODS=[]) == ["Deep", "East", "West"]
    assert names(STATES=[]) == ["East", "Old", "West"]
    assert names(METHODS=[0]) == ["Deep"]
    assert names(STATES=[2]) == ["Old"]


def test_refusals_name_what_to_mend(run, make, layers):
    bare = make.layer("bare", [(box(300, 300, 600, 600), {"label": "West"})])
    message = run.refusal("fracturesurfaces", **{**layers, "MINES": bare}, OUTPUT=make.out("x.gpkg"))
    assert "bare" in message and "method" in message
    result = run("fracturesurfaces", **{**layers, "MINES": bare}, METHODS=[], OUTPUT=make.out("y.gpkg"))
    assert result["N_FRACTURES"] == 1
    strip = make.layer("strip", [(box(300, 300, 600, 600), {"label": "West", "method": "strip"})])
    message = run.refusal("fracturesurfaces", **{**layers, "MINES": strip}, OUTPUT=make.out("x.gpkg"))
    assert "'strip'" in message and "open pit" in message
    feet = make.raster("feet", np.ones((3, 3), np.float32), crs="EPSG:2263")
    fine, message = run.check("fracturesurfaces", **{**layers, "RESISTANCE": feet}, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'feet'" in message and "metres" in message
    assert not os.path.exists(make.out("x.gpkg"))


def test_cancel_leaves_nothing(run, make, layers):
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    message = run.refusal(
        "fracturesurfaces", feedback=feedback, **layers, OUTPUT=make.out("x.gpkg"), OUTPUT_PAIRS=make.out("x.csv")
    )
    assert "Cancelled" in message and not [n for n in os.listdir(make.folder) if n.startswith((".x", "x."))]


def test_layers_of_another_city_are_refused(run, make, layers):
    mines = make.layer("elsewhere", [(box(90000, 0, 91000, 900), {"method": "open pit", "state": "producing"})])
    message = run.refusal("fracturesurfaces", **{**layers, "MINES": mines, "NAME_FIELD": ""}, OUTPUT=make.out("x.gpkg"))
    assert (
        "'elsewhere' lies wholly away from 'resistance': its extent there is 590000, 4597000 to 591000, 4597900"
        in message
    )
    corridors = make.layer("there", [(line((0, 90000), (900, 91000)), {"corridor_id": 1})])
    message = run.refusal("fracturesurfaces", **{**layers, "CORRIDORS": corridors}, OUTPUT=make.out("x.gpkg"))
    assert "'there' lies wholly away from 'resistance'" in message and not os.path.exists(make.out("x.gpkg"))

"""Toolbox step gravitymodel: the paper's Table 4 through the step itself, options, refusals, cancel."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
from qgis.core import QgsProcessingFeedback

PAPER = Path(__file__).parents[2] / "data" / "paper"
WEST, NORTH, CELL = 500000.0, 4650000.0, 500.0


def table3():
    with open(PAPER / "table3_sources.csv", encoding="utf-8") as stream:
        return {int(row["node"]): float(row["area_km2"]) for row in csv.DictReader(stream)}


def table4():
    with open(PAPER / "table4_interaction_matrix.csv", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    return {
        (int(row[0]), int(head)): float(cell)
        for row in rows[1:]
        for head, cell in zip(rows[0][1:], row[1:])
        if cell and int(head) > int(row[0])
    }


@pytest.fixture
def paper(make):
    """Layers on which equation 9 must give Table 4: Table 3's areas as squares, resistance the same everywhere.

    Inverted, L_ab = L_max sqrt(ln Sa ln Sb / (G P^2)); P is such that the largest is L_max.
    """
    areas, matrix = table3(), table4()
    ratio = {(a, b): math.log(areas[a]) * math.log(areas[b]) / g for (a, b), g in matrix.items()}
    largest = max(ratio.values())

    def write(redundant=()):
        sources, corridors = [], []
        for i, area in areas.items():
            row, col = divmod(i - 1, 5)
            x, y, side = WEST + 1e4 * col, NORTH - 1e4 * (row + 1), 1000 * math.sqrt(area)
            sources.append(
                (f"POLYGON(({x} {y},{x + side} {y},{x + side} {y + side},{x} {y + side},{x} {y}))", {"source_id": i})
            )
        for n, ((a, b), value) in enumerate(ratio.items(), 1):
            corridors.append(
                (
                    "LINESTRING(500000 4600000,500100 4600100)",
                    {
                        "corridor_id": n,
                        "source_a": a,
                        "source_b": b,
                        "cost": 98765.4 * math.sqrt(value / largest),
                        "redundant": (a, b) in redundant,
                        "note": f"{a}-{b}",
                    },
                )
            )
        return {
            "CORRIDORS": make.layer("corridors", corridors),
            "SOURCES": make.layer("sources", sources),
            "RESISTANCE": make.raster("resistance", np.full((100, 100), math.sqrt(largest)), cell=CELL, north=NORTH),
        }

    return write


def test_definition(provider):
    algorithm = provider.algorithm("gravitymodel")
    assert [d.name() for d in algorithm.parameterDefinitions()] == [
        "CORRIDORS",
        "SOURCES",
        "RESISTANCE",
        "FORM",
        "AREA_UNIT",
        "THRESHOLD_RULE",
        "THRESHOLD",
        "DROP_REDUNDANT",
        "ID_FIELD",
        "OUTPUT",
        "OUTPUT_MATRIX",
        "OUTPUT_REPORT",
    ]
    assert {d.name() for d in algorithm.outputDefinitions()} == {
        "OUTPUT",
        "OUTPUT_MATRIX",
        "OUTPUT_REPORT",
        "THRESHOLD_VALUE",
        "N_IMPORTANT",
        "N_GENERAL",
    }
    for key in ("FORM", "AREA_UNIT", "THRESHOLD_RULE"):
        assert algorithm.parameterDefinition(key).defaultValue() == 0
    assert algorithm.parameterDefinition("FORM").options() == [
        "Closed form of equation 9 (ln S / P)",
        "Area form (S / P)",
    ]
    assert algorithm.parameterDefinition("AREA_UNIT").options() == ["km2", "ha", "m2"]
    assert algorithm.parameterDefinition("THRESHOLD_RULE").options() == [
        "Mean",
        "Median",
        "Natural breaks",
        "Quantile",
        "Fixed",
    ]


def test_table_4(run, make, paper):
    result = run(
        "gravitymodel",
        **paper(),
        OUTPUT=make.out("gravity.gpkg"),
        OUTPUT_MATRIX=make.out("matrix.gpkg"),
        OUTPUT_REPORT=make.out("report.html"),
    )
    assert result["THRESHOLD_VALUE"] == pytest.approx(48.2358, abs=5e-5)
    assert (result["N_IMPORTANT"], result["N_GENERAL"]) == (48, 162)
    rows = run.rows(result["OUTPUT"])
    assert [f for f in rows[0] if f not in ("fid", "geometry")] == [
        "corridor_id",
        "source_a",
        "source_b",
        "cost",
        "redundant",
        "note",
        "gravity",
        "class",
    ]
    printed = table4()
    for row in rows:
        assert row["gravity"] == pytest.approx(printed[row["source_a"], row["source_b"]], abs=0.005)
        assert row["class"] == ("important" if row["gravity"] > 48.2358 else "general")
        assert row["note"] == f"{row['source_a']}-{row['source_b']}"
    matrix = run.rows(result["OUTPUT_MATRIX"])
    assert [r["source_id"] for r in matrix] == list(range(1, 22))
    for (a, b), value in printed.items():
        assert f"{matrix[a - 1][str(b)]:.2f}" == f"{value:.2f}"
        assert matrix[b - 1][str(a)] == matrix[a - 1][str(b)]
    assert all(matrix[i - 1][str(i)] == 0 for i in range(1, 22))
    values = [value for value, _ in sorted((r["gravity"], r["corridor_id"]) for r in rows)]
    assert values[0] == pytest.approx(2.03, abs=1e-5) and values[-1] == pytest.approx(787.13, abs=1e-3)
    with open(result["OUTPUT_REPORT"], encoding="utf-8") as stream:
        html = stream.read()
    for text in ("48.24", "787.1", "smallest gravity (sources 9 and 15)"):
        assert text in html


def test_46_important_corridors_both_ways(run, make, paper):
    result = run("gravitymodel", **paper(), THRESHOLD_RULE=4, THRESHOLD=50, OUTPUT=make.out("a.gpkg"))
    assert (result["THRESHOLD_VALUE"], result["N_IMPORTANT"], result["N_GENERAL"]) == (50, 46, 164)
    layers = paper(redundant=((1, 2), (5, 7)))
    result = run("gravitymodel", **layers, OUTPUT=make.out("b.gpkg"))
    assert result["THRESHOLD_VALUE"] == pytest.approx(48.2358, abs=5e-5)
    assert (result["N_IMPORTANT"], result["N_GENERAL"]) == (46, 162) and len(run.rows(result["OUTPUT"])) == 208
    result = run("gravitymodel", **layers, DROP_REDUNDANT=False, OUTPUT=make.out("c.gpkg"))
    assert result["N_IMPORTANT"] == 48 and len(run.rows(result["OUTPUT"])) == 210


def test_median_and_other_rules(run, make, paper):
    layers = paper()
    values = np.array(sorted(table4().values()))
    expected = {1: 17.47, 3: np.quantile(values, 0.9)}
    for rule, value in expected.items():
        result = run("gravitymodel", **layers, THRESHOLD_RULE=rule, THRESHOLD=0.9, OUTPUT=make.out(f"{rule}.gpkg"))
        assert result["THRESHOLD_VALUE"] == pytest.approx(value, abs=0.0051)
    # natural breaks in two classes: the split with the least sum of squares, by trying all
    spread = [
        ((values[:k] - values[:k].mean()) ** 2).sum() + ((values[k:] - values[k:].mean()) ** 2).sum()
        for k in range(1, 210)
    ]
    result = run("gravitymodel", **layers, THRESHOLD_RULE=2, OUTPUT=make.out("2.gpkg"))
    assert result["N_GENERAL"] == 1 + int(np.argmin(spread))


def test_number_worked_by_hand(run, make):
    """S 20 and 30 km2, P 2 and 2.5, L 10 of 50: 50.945384; a third source makes the longest cost."""
    values = np.full((100, 300), 9.0)
    values[:, :100], values[:, 100:200] = 2, 2.5
    squares = [(WEST, 20), (WEST + 10000, 30), (WEST + 20000, 4)]
    south = NORTH - 100 * 100
    sources = make.layer(
        "sources",
        [
            (
                f"MULTIPOLYGON((({x} {south},{x + s} {south},{x + s} {south + s},{x} {south + s},{x} {south})))",
                {"number": i},
            )
            for i, (x, s) in enumerate(((x, 1000 * math.sqrt(area)) for x, area in squares), 7)
        ],
    )
    rows = [(7, 8, 10.0), (7, 9, 50.0), (8, 9, 40.0)]
    corridors = make.layer(
        "c",
        [
            (
                "MULTILINESTRING((500000 4645000,500100 4645100),(500200 4645100,500300 4645100))",
                {"source_a": a, "source_b": b, "cost": cost, "redundant": 0},
            )
            for a, b, cost in rows
        ],
    )
    result = run(
        "gravitymodel",
        CORRIDORS=corridors,
        SOURCES=sources,
        ID_FIELD="number",
        RESISTANCE=make.raster("r", values, cell=100.0, north=NORTH),
        OUTPUT=make.out("g.gpkg"),
    )
    found = run.rows(result["OUTPUT"])
    assert found[0]["gravity"] == pytest.approx(50.945384, abs=5e-7)
    assert found[1]["gravity"] == pytest.approx(math.log(20) * math.log(4) / 18)
    assert found[0]["geometry"].isMultipart() and found[0]["geometry"].length() > 200


def test_refusals_name_what_to_mend(run, make, paper):
    layers = paper()
    fine, message = run.check("gravitymodel", **layers, THRESHOLD_RULE=4, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'fixed' needs a threshold" in message
    fine, message = run.check("gravitymodel", **layers, OUTPUT=make.out("x.shp"))
    assert not fine and ".gpkg" in message
    wrong = make.layer(
        "wrong", [("LINESTRING(500000 4600000,500100 4600100)", {"source_a": 1, "source_b": 99, "cost": 3.0})]
    )
    message = run.refusal("gravitymodel", **{**layers, "CORRIDORS": wrong}, OUTPUT=make.out("x.gpkg"))
    assert "'wrong'" in message and "source_b" in message and "99" in message and "'sources'" in message
    no_cost = make.layer("no_cost", [("LINESTRING(0 0,1 1)", {"source_a": 1, "source_b": 2})])
    message = run.refusal("gravitymodel", **{**layers, "CORRIDORS": no_cost}, OUTPUT=make.out("x.gpkg"))
    assert "'no_cost' has no field 'cost'" in message
    degrees = make.raster("degrees", np.ones((3, 3)), cell=0.01, crs="EPSG:4326", west=124.0, north=42.0)
    fine, message = run.check("gravitymodel", **{**layers, "RESISTANCE": degrees}, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'degrees' is in degrees" in message
    assert not os.path.exists(make.out("x.gpkg"))


def test_cancel_leaves_nothing(run, make, paper):
    layers = paper()
    before = set(os.listdir(make.folder))
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    message = run.refusal(
        "gravitymodel", feedback=feedback, **layers, OUTPUT=make.out("x.gpkg"), OUTPUT_REPORT=make.out("x.html")
    )
    assert "Cancelled" in message and {n for n in os.listdir(make.folder) if "x." in n} == set(), before


def test_refused_by_the_dialog_before_the_work(run, make, paper):
    layers = paper()
    degrees = make.layer(
        "degrees", [("LINESTRING(123 41,123.1 41)", {"source_a": 1, "source_b": 2, "cost": 3.0})], crs="EPSG:4326"
    )
    fine, message = run.check("gravitymodel", **{**layers, "CORRIDORS": degrees}, OUTPUT=make.out("x.gpkg"))
    assert (
        not fine
        and "'degrees' is in degrees" in message
        and "such as CGCS2000 / 3-degree Gauss-Kruger CM 123E" in message
    )
    bare = make.layer("bare", [("LINESTRING(500000 4600000,500100 4600100)", {"source_a": 1, "source_b": 2})])
    fine, message = run.check("gravitymodel", **{**layers, "CORRIDORS": bare}, OUTPUT=make.out("x.gpkg"))
    assert not fine and "'bare' has no field 'cost'" in message


def test_fields_in_any_case_are_recognised_and_carried_over_as_they_are(run, make, paper):
    layers = paper()
    plain = run("gravitymodel", **layers, OUTPUT=make.out("plain.gpkg"))
    rows = [
        {name: value for name, value in row.items() if name not in ("fid", "geometry", "gravity", "class")}
        for row in run.rows(plain["OUTPUT"])
    ]
    line = "LINESTRING(500000 4600000,500100 4600100)"
    layers["CORRIDORS"] = make.layer(
        "shouted", [(line, {name.upper(): value for name, value in row.items()}) for row in rows]
    )
    found = run("gravitymodel", **layers, OUTPUT=make.out("found.gpkg"))
    assert {key: found[key] for key in ("THRESHOLD_VALUE", "N_IMPORTANT")} == {
        key: plain[key] for key in ("THRESHOLD_VALUE", "N_IMPORTANT")
    }
    row = run.rows(found["OUTPUT"])[0]
    assert (row["SOURCE_A"], row["NOTE"]) == (rows[0]["source_a"], rows[0]["note"]) and "source_a" not in row

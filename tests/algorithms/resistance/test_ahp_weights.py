"""Toolbox step ahpweights: definition, runs of all inputs, refusals, and the weights in resistancesurface."""

import json
from pathlib import Path

import numpy as np
import pytest
from qgis.core import QgsApplication, QgsProcessingFeedback, QgsVectorLayer

from econet.core.grid.reading import RasterSource, read_raster

ROOT = Path(__file__).resolve().parents[3]
DRINKS = json.loads((ROOT / "tests" / "data" / "ahp" / "examples.json").read_text(encoding="utf-8"))["examples"][0]
HEADER = "factor_a,factor_b,judgement\n"


def weights(run, result):
    return {row["factor"]: row["weight"] for row in run.rows(result["OUTPUT"])}


def test_definition(provider):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:ahpweights")
    keys = [definition.name() for definition in algorithm.parameterDefinitions()]
    assert keys == [
        "JUDGEMENTS",
        "JUDGEMENT_TABLES",
        "GROUPS",
        "AGGREGATION",
        "RANDOM_INDEX",
        "REPAIR",
        "METHOD",
        "EXPERT_WEIGHTS",
        "OUTPUT",
        "OUTPUT_REPORT",
    ]
    assert {"CONSISTENCY_RATIO", "LAMBDA_MAX"} <= {d.name() for d in algorithm.outputDefinitions()}
    assert algorithm.parameterDefinition("RANDOM_INDEX").options()[0] == "Saaty 1980"
    assert algorithm.parameterDefinition("AGGREGATION").options()[0].endswith("(AIJ)")
    assert algorithm.group() == "3 Resistance"


def test_published_example_as_matrix_and_as_rows(run, make):
    names = DRINKS["names"]
    lines = [",".join(["", *names])] + [",".join([name, *map(repr, row)]) for name, row in zip(names, DRINKS["matrix"])]
    by_matrix = run(
        "ahpweights",
        JUDGEMENT_TABLES=[make.csv("drinks", "\n".join(lines))],
        RANDOM_INDEX=1,
        OUTPUT=make.out("w.gpkg"),
        OUTPUT_REPORT=make.out("w.html"),
    )
    assert by_matrix["CONSISTENCY_RATIO"] == pytest.approx(DRINKS["cr_saaty2005_ri"], abs=1e-6)
    assert by_matrix["LAMBDA_MAX"] == pytest.approx(DRINKS["lambda_max"], abs=1e-8)
    np.testing.assert_allclose(list(weights(run, by_matrix).values()), DRINKS["eigen_weights"], atol=1e-8)
    rows = HEADER + "".join(
        f"{a},{b},{DRINKS['matrix'][i][j]!r}\n" for i, a in enumerate(names) for j, b in enumerate(names) if i < j
    )
    by_rows = run("ahpweights", JUDGEMENTS=make.csv("rows", rows), OUTPUT="TEMPORARY_OUTPUT")
    np.testing.assert_allclose(list(weights(run, by_rows).values()), DRINKS["eigen_weights"], atol=1e-8)
    assert by_rows["CONSISTENCY_RATIO"] == pytest.approx(DRINKS["cr_saaty1980_ri"], abs=1e-6)
    page = Path(by_matrix["OUTPUT_REPORT"]).read_text(encoding="utf-8")
    for words in (
        "Random index: Saaty 2005",
        "Which judgements to ask again",
        "Which judgements move the weights",
        "water",
        "<img",
    ):
        assert words in page, words


def test_fields_of_a_hierarchy_with_semicolons_and_chinese_words(run, make):
    groups = make.csv("groups", "因子;维度\n坡度;自然\n高程;自然\n道路;人类\n")
    result = run(
        "ahpweights",
        JUDGEMENTS=make.csv("j", "\ufeff因子A;因子B;判断\n坡度;高程;1/2\n自然;人类;３\n"),
        GROUPS=groups,
        OUTPUT=make.out("w.csv"),
    )
    row = {row["factor"]: row for row in run.rows(result["OUTPUT"])}
    assert {name: float(one["weight"]) for name, one in row.items()} == pytest.approx(
        {"坡度": 0.25, "高程": 0.5, "道路": 0.25}
    )
    assert row["坡度"]["group"] == "自然" and float(row["坡度"]["group_weight"]) == pytest.approx(0.75)
    assert float(row["坡度"]["local_weight"]) == pytest.approx(1 / 3)
    assert float(row["坡度"]["weight_low"]) < 0.25 < float(row["坡度"]["weight_high"])


def test_experts_from_layers_and_files(run, make):
    one = QgsVectorLayer("None?field=name:string&field=a:string&field=b:string&field=c:string", "Li", "memory")
    from qgis.core import QgsFeature

    for cells in (["a", "1", "2", "4"], ["b", "", "1", "2"], ["c", "", "", "1"]):
        feature = QgsFeature(one.fields())
        feature.setAttributes(cells)
        one.dataProvider().addFeature(feature)
    other = make.csv("Wang", ",b,a,c\na,1/8,1,1\nb,,,1/2\nc,,,\n")
    result = run(
        "ahpweights", JUDGEMENT_TABLES=[one, other], OUTPUT=make.out("w.gpkg"), OUTPUT_REPORT=make.out("w.html")
    )
    joint = np.array([[1, 0.5, 2], [2, 1, 1], [0.5, 1, 1]])
    assert result["LAMBDA_MAX"] == pytest.approx(np.linalg.eigvals(joint).real.max())
    assert "Consistency ratio" in run.log
    page = Path(result["OUTPUT_REPORT"]).read_text(encoding="utf-8")
    assert "Do the experts agree?" in page and "<td>Wang</td>" in page
    alone = run("ahpweights", JUDGEMENT_TABLES=[one, other], EXPERT_WEIGHTS="Li=1; Wang=0", OUTPUT="TEMPORARY_OUTPUT")
    assert weights(run, alone) == pytest.approx({"a": 4 / 7, "b": 2 / 7, "c": 1 / 7})
    averaged = run("ahpweights", JUDGEMENT_TABLES=[one, other], AGGREGATION=2, METHOD=1, OUTPUT="TEMPORARY_OUTPUT")
    by_rows = np.exp(np.log(np.array([[1, 1 / 8, 1], [8, 1, 0.5], [1, 2, 1]])).mean(axis=1))
    expected = (np.array([4, 2, 1]) / 7 + by_rows / by_rows.sum()) / 2
    assert list(weights(run, averaged).values()) == pytest.approx(expected.tolist())


def test_repair_is_said(run, make):
    raw = make.csv("j", HEADER + "a,b,9\nb,c,9\na,c,1\n")
    as_judged = run("ahpweights", JUDGEMENTS=raw, OUTPUT="TEMPORARY_OUTPUT")
    assert as_judged["CONSISTENCY_RATIO"] > 0.1 and "contradict each other" in run.log
    mended = run("ahpweights", JUDGEMENTS=raw, REPAIR=True, OUTPUT="TEMPORARY_OUTPUT", OUTPUT_REPORT=make.out("r.html"))
    assert mended["CONSISTENCY_RATIO"] < 0.1 and "The repair changed" in run.log
    assert "What the repair changed" in Path(mended["OUTPUT_REPORT"]).read_text(encoding="utf-8")


def test_example_gives_weights_near_table_1_that_resistancesurface_takes(run, make):
    result = run(
        "ahpweights",
        JUDGEMENTS=str(ROOT / "examples" / "mining_city" / "judgements.csv"),
        OUTPUT=make.out("weights.gpkg"),
    )
    found = weights(run, result)
    printed = {
        "slope": 0.11,
        "elevation": 0.06,
        "land_cover": 0.25,
        "ndvi": 0.08,
        "distance_to_water": 0.11,
        "distance_to_motorway": 0.16,
        "distance_to_highway": 0.08,
        "night_light": 0.05,
        "mine": 0.10,
    }
    assert found == pytest.approx(printed, abs=0.015) and sum(found.values()) == pytest.approx(1)
    assert result["CONSISTENCY_RATIO"] < 0.02
    cover = np.full((5, 6), 2, np.uint8)  # forest scores 1
    cover[3:] = 8  # built-up scores 5
    ndvi = np.full((5, 6), 0.55, np.float32)  # scores 2
    surface = run(
        "resistancesurface",
        LAND_COVER=make.raster("cover", cover, cell=100.0),
        NDVI=make.raster("ndvi", ndvi, cell=100.0),
        WEIGHTS=result["OUTPUT"],
        OUTPUT=make.out("r.tif"),
    )
    score = np.where(cover == 2, 1, 5)
    share = found["land_cover"] / (found["land_cover"] + found["ndvi"])
    np.testing.assert_allclose(
        read_raster(RasterSource(surface["OUTPUT"])).values, share * score + (1 - share) * 2, rtol=1e-6
    )


@pytest.mark.parametrize(
    "text, message",
    [
        ("a,b,12\n", "Table 'j.csv', row 2: '12' is outside Saaty's scale"),
        ("a,b,x\n", "is not a judgement"),
        ("a,b,2\nc,d,2\n", "No judgement among the factors joins 'a', 'b' to 'c', 'd'"),
        ("a,b,2\nb,a,3\n", "has to be the reciprocal"),
        ("a,b,3-Jan\n", "is a date"),
    ],
)
def test_dialog_refuses_before_the_run(run, make, text, message):
    raw = make.csv("j", HEADER + text)
    fine, said = run.check("ahpweights", JUDGEMENTS=raw, OUTPUT="TEMPORARY_OUTPUT")
    assert not fine and message in said
    assert message in run.refusal("ahpweights", JUDGEMENTS=raw, OUTPUT="TEMPORARY_OUTPUT")


def test_one_of_the_two_inputs(run, make):
    raw = make.csv("j", HEADER + "a,b,2\n")
    assert "No judgements are given" in run.refusal("ahpweights", OUTPUT="TEMPORARY_OUTPUT")
    assert "given twice" in run.refusal("ahpweights", JUDGEMENTS=raw, JUDGEMENT_TABLES=[raw], OUTPUT="TEMPORARY_OUTPUT")
    assert "cannot be opened" in run.refusal(
        "ahpweights", JUDGEMENT_TABLES=[make.out("no.csv")], OUTPUT="TEMPORARY_OUTPUT"
    )
    fine, said = run.check("ahpweights", JUDGEMENTS=raw, EXPERT_WEIGHTS="Li=2", OUTPUT="TEMPORARY_OUTPUT")
    assert not fine and "'Li' is none of the experts" in said


def test_cancel(run, make):
    class Stopped(QgsProcessingFeedback):
        def isCanceled(self):
            return True

    message = run.refusal(
        "ahpweights", feedback=Stopped(), JUDGEMENTS=make.csv("j", HEADER + "a,b,2\n"), OUTPUT="TEMPORARY_OUTPUT"
    )
    assert "Cancelled" in message

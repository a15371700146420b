"""Eq 9 against the paper's Table 4, a number worked by hand, and properties of the formula."""

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest
from osgeo import ogr

from econet.core.corridors import gravity as module
from econet.core.corridors import thresholds
from econet.core.corridors.gravity import (
    AreaUnit,
    End,
    GravityChoices,
    GravityForm,
    check_corridors,
    gravity,
)
from econet.core.corridors.gravity_report import gravity_report
from econet.core.corridors.source_measures import source_resistance
from econet.core.corridors.thresholds import Threshold, ThresholdRule
from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.progress import SILENT, Progress

PAPER = Path(__file__).parents[2] / "data" / "paper"
UTM = Crs.of("EPSG:32651").reference.ExportToWkt()


def upper_case(layer):
    """The layer as a program that shouts would have written it."""
    return Layer(
        layer.name,
        layer.crs,
        layer.geometries,
        [{name.upper(): value for name, value in row.items()} for row in layer.attributes],
        [name.upper() for name in layer.field_names],
    )


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


def gravity_model(corridors, sources, resistance, *, progress=SILENT, **choices):
    return module.gravity_model(corridors, sources, resistance, choices=GravityChoices(**choices), progress=progress)


def square(x, y, side_m):
    return ogr.CreateGeometryFromWkt(
        f"POLYGON(({x} {y},{x + side_m} {y},{x + side_m} {y + side_m},{x} {y + side_m},{x} {y}))"
    )


def grid(values, cell=100.0, height=None, nodata=-1.0):
    values = np.asarray(values, dtype=np.float32)
    height = height or cell
    return Grid(
        values,
        Template(*values.shape, (0.0, cell, 0.0, height * values.shape[0], 0.0, -height), UTM, "res"),
        nodata,
        "res",
    )


def sources_layer(polygons, **fields):
    ids = list(polygons)
    return Layer(
        "sources",
        UTM,
        list(polygons.values()),
        [{"source_id": i, **{k: v[i] for k, v in fields.items()}} for i in ids],
        ["source_id", *fields],
    )


def corridors_layer(rows, extra=()):
    """Rows of (a, b, cost, *extra)."""
    names = ["corridor_id", "source_a", "source_b", "cost", *extra]
    return Layer(
        "corridors",
        UTM,
        [ogr.CreateGeometryFromWkt("LINESTRING(0 0,1 1)") for _ in rows],
        [dict(zip(names, (n, *row))) for n, row in enumerate(rows, 1)],
        names,
    )


def paper_case(redundant=()):
    """Sources of Table 3's areas on a map of four resistances, and costs that must give Table 4.

    From Eq 9, L / L_max = sqrt(ln Sa ln Sb / (G Pa Pb)); resistances are scaled so that the largest
    is 1. The lattice is 500 m, the sources lie 10 km apart.
    """
    areas, matrix = table3(), table4()
    relative = {i: (1.0, 1.25, 1.5, 2.0)[i % 4] for i in areas}
    ratio = {
        (a, b): math.sqrt(math.log(areas[a]) * math.log(areas[b]) / (value * relative[a] * relative[b]))
        for (a, b), value in matrix.items()
    }
    scale = max(ratio.values())
    values = np.full((100, 100), 3.0)
    polygons = {}
    for i, area in areas.items():
        row, col = divmod(i - 1, 5)
        values[100 - 20 * (row + 1) : 100 - 20 * row, 20 * col : 20 * (col + 1)] = relative[i] * scale
        polygons[i] = square(col * 10000 + 130, row * 10000 + 130, math.sqrt(area) * 1000)
    rows = [(a, b, 71234.5 * r / scale, (a, b) in redundant) for (a, b), r in ratio.items()]
    return corridors_layer(rows, ["redundant"]), sources_layer(polygons), grid(values, 500.0), matrix


def test_table_4_comes_out_of_eq_9_cell_by_cell():
    corridors, sources, resistance, matrix = paper_case()
    found = gravity_model(corridors, sources, resistance)
    assert len(matrix) == 210 and found.ids == list(range(1, 22))
    for (a, b), value in matrix.items():
        assert found.matrix[a - 1, b - 1] == pytest.approx(value, abs=0.005)
        assert found.matrix[b - 1, a - 1] == found.matrix[a - 1, b - 1]
    assert np.all(np.diag(found.matrix) == 0)
    assert found.threshold == pytest.approx(48.2358, abs=5e-5)
    assert (found.n_important, found.n_general) == (48, 162)
    pairs = found.pairs()
    assert pairs[0][:2] == (7, 19) and pairs[0][2] == pytest.approx(787.13, abs=1e-3)
    assert pairs[-1][:2] == (9, 15) and pairs[-1][2] == pytest.approx(2.03, abs=1e-5)
    assert not found.warnings
    assert gravity_model(
        corridors, sources, resistance, threshold=Threshold(ThresholdRule.MEDIAN)
    ).threshold == pytest.approx(17.47, abs=0.005)


def test_both_readings_of_the_46_important_corridors():
    fifty = gravity_model(*paper_case()[:3], threshold=Threshold(ThresholdRule.FIXED, 50))
    assert (fifty.n_important, fifty.n_general) == (46, 164)
    corridors, sources, resistance, _ = paper_case(redundant=((7, 19), (5, 7), (9, 15)))
    dropped = gravity_model(corridors, sources, resistance)
    assert dropped.threshold == pytest.approx(48.2358, abs=5e-5), "the threshold is taken over all pairs"
    assert (dropped.n_important, dropped.n_general, dropped.n_redundant) == (46, 161, 3)
    assert len(dropped.corridors) == 207
    assert dropped.matrix[6, 18] == pytest.approx(787.13, abs=0.005), "redundant pairs stay in the matrix"
    kept = gravity_model(corridors, sources, resistance, drop_redundant=False)
    assert kept.n_important == 48 and len(kept.corridors) == 210


def test_number_worked_by_hand():
    one, two = End(20, 2), End(30, 2.5)
    assert gravity(10, one, two, longest_cost=50) == pytest.approx(50.945384, abs=5e-7)
    assert gravity(10, one, two, longest_cost=50, form=GravityForm.AREA) == pytest.approx(25 * 600 / 5, rel=1e-12)
    assert gravity(10, two, one, longest_cost=50) == pytest.approx(gravity(10, one, two, longest_cost=50), rel=1e-15)
    assert gravity(20, one, two, longest_cost=50) == pytest.approx(50.945384 / 4, abs=5e-7)


def two_sources(areas_km2=(4.0, 9.0), resistances=(2.0, 2.5)):
    values = np.ones((40, 100))
    values[:, :50], values[:, 50:] = resistances
    polygons = {i: square(x, 0, 1000 * math.sqrt(area)) for i, x, area in zip((1, 2), (0, 5000), areas_km2)}
    return sources_layer(polygons), grid(values)


def test_an_unknown_form_is_refused():
    with pytest.raises(InputError, match="'square' is no choice") as caught:
        GravityForm.of("square", parameter="form")
    assert caught.value.parameter == "form"


def test_form_and_area_unit():
    sources, resistance = two_sources()
    corridors = corridors_layer([(1, 2, 77.0)])
    log = math.log
    cases = {
        ("km2", GravityForm.LOGARITHM): log(4) * log(9),
        ("ha", GravityForm.LOGARITHM): log(400) * log(900),
        ("m2", GravityForm.LOGARITHM): log(4e6) * log(9e6),
        ("km2", GravityForm.AREA): 36,
        ("ha", GravityForm.AREA): 36e4,
    }
    for (unit, form), expected in cases.items():
        found = gravity_model(corridors, sources, resistance, form=form, area_unit=AreaUnit(unit))
        assert found.matrix[0, 1] == pytest.approx(expected / 5, rel=1e-6), (unit, form)
        assert (found.n_important, found.n_general) == (0, 1), "equal to the threshold is general"


def test_gravity_does_not_depend_on_order_or_unit_of_cost():
    corridors, sources, resistance, _ = paper_case()
    found = gravity_model(corridors, sources, resistance)
    turned = Layer(
        "c",
        UTM,
        corridors.geometries,
        [
            {**a, "source_a": a["source_b"], "source_b": a["source_a"], "cost": a["cost"] * 0.001}
            for a in reversed(corridors.attributes)
        ],
        corridors.field_names,
    )
    back = Layer("s", UTM, sources.geometries[::-1], sources.attributes[::-1], sources.field_names)
    again = gravity_model(turned, back, resistance)
    assert np.allclose(again.matrix, found.matrix, rtol=1e-12)


def test_fields_are_kept_and_old_results_replaced():
    sources, resistance = two_sources()
    corridors = corridors_layer([("1", 2.0, 77.0, "kept", 1.0, "x")], ["note", "gravity", "class"])
    found = gravity_model(corridors, sources, resistance, drop_redundant=False).corridors
    assert found.field_names == ["corridor_id", "source_a", "source_b", "cost", "note", "gravity", "class"]
    assert found.attributes[0]["note"] == "kept" and found.attributes[0]["class"] == "general"
    assert found.attributes[0]["gravity"] == pytest.approx(math.log(4) * math.log(9) / 5, rel=1e-6)
    assert corridors.attributes[0]["class"] == "x", "the input is not altered"


def test_mean_resistance_of_cells():
    values = np.array([[1, 2, 3, 4], [5, 6, -1, 8], [9, 0, 11, 12]], dtype=float)
    res = grid(values, 100.0, 50.0)
    shapes = [
        ogr.CreateGeometryFromWkt(w)
        for w in (
            "POLYGON((0 0,400 0,400 150,0 150,0 0))",  # all; nodata and 0 do not count
            "POLYGON((0 100,110 100,110 150,0 150,0 100))",  # one centre
            "POLYGON((260 10,290 10,290 40,260 40,260 10))",  # no centre: the cell it lies in
            "MULTIPOLYGON(((0 100,100 100,100 150,0 150,0 100)),((300 100,400 100,400 150,300 150,300 100)))",
        )
    ]
    found = source_resistance(shapes, res, ids=[1, 2, 3, 4])
    assert found == pytest.approx([61 / 10, 1, 11, 2.5])
    one_row = grid([[2, 4, 6]])
    assert source_resistance([square(0, 0, 240)], one_row, ids=[1]) == pytest.approx([3.0])
    with pytest.raises(InputError, match="Source 7 has no cell with a resistance in 'res'"):
        source_resistance([square(5000, 0, 100)], res, ids=[7])
    with pytest.raises(InputError, match="Source 7 has no cell"):
        source_resistance([ogr.CreateGeometryFromWkt("POLYGON((200 50,300 50,300 100,200 100,200 50))")], res, ids=[7])
    with pytest.raises(InputError, match="'res' holds -2"):
        source_resistance([square(0, 0, 250)], grid([[2, -2, 6]]), ids=[1])


def test_overlapping_sources_keep_their_own_cells():
    res = grid(np.arange(1, 17).reshape(4, 4))
    found = source_resistance([square(0, 0, 400), square(0, 0, 200)], res, ids=[1, 2])
    assert found == pytest.approx([8.5, (9 + 10 + 13 + 14) / 4])


def test_sources_of_another_crs_are_reprojected():
    sources, resistance = two_sources()
    said = []
    west = sources.to_crs(Crs.of("EPSG:32650").reference.ExportToWkt())
    found = gravity_model(corridors_layer([(1, 2, 77.0)]), west, resistance, progress=Progress(log=said.append))
    assert found.area_km2 == pytest.approx([4, 9], rel=1e-6)
    assert any("'sources' was reprojected" in text for text in said)


def test_threshold_rules():
    values = np.array([1, 2, 3, 4, 100.0, 101.0])
    assert Threshold(ThresholdRule.MEAN).of(values) == pytest.approx(211 / 6)
    assert Threshold(ThresholdRule.MEDIAN).of(values) == 3.5
    assert Threshold(ThresholdRule.NATURAL_BREAKS).of(values) == 4
    assert Threshold(ThresholdRule.QUANTILE, 0.8).of(values) == 100
    assert Threshold(ThresholdRule.FIXED, 7).of(values) == 7
    for rule, value, message in (
        (ThresholdRule.FIXED, None, "needs a threshold"),
        (ThresholdRule.QUANTILE, None, "needs a threshold"),
        (ThresholdRule.QUANTILE, 75, "75 is not a quantile"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            Threshold(rule, value)
        assert caught.value.parameter == "threshold"


def test_every_rule_has_its_own_function():
    """Never another rule in its place."""
    assert set(thresholds._THRESHOLDS) == set(ThresholdRule)
    assert len({id(function) for function in thresholds._THRESHOLDS.values()}) == len(ThresholdRule)


def test_touching_sources_count_as_one_cell():
    sources, resistance = two_sources()
    polygons = {1: sources.geometries[0], 2: sources.geometries[1], 3: square(5000, 0, 2000)}
    corridors = corridors_layer([(1, 2, 1000.0), (1, 3, 4000.0), (2, 3, 0)])
    found = gravity_model(corridors, sources_layer(polygons), resistance)
    assert found.matrix[1, 2] == pytest.approx((4000 / 200) ** 2 * math.log(9) * math.log(4) / 6.25, rel=1e-6)
    assert found.matrix[0, 1] == pytest.approx(16 * math.log(4) * math.log(9) / 5, rel=1e-6), "others keep their cost"
    assert "cost 0" in found.warnings[0] and "natural breaks" in found.warnings[0]


@pytest.mark.parametrize("width, height", [(100.0, 50.0), (50.0, 100.0)])
def test_one_cell_is_its_shorter_side(width, height):
    polygons = {1: square(0, 0, 2000), 2: square(2000, 0, 2000), 3: square(4000, 0, 2000)}
    corridors = corridors_layer([(1, 2, 0), (1, 3, 4000.0), (2, 3, 1000.0)])
    found = gravity_model(corridors, sources_layer(polygons), grid(np.full((60, 120), 2.0), width, height))
    assert found.matrix[0, 1] == pytest.approx((4000 / (50 * 2)) ** 2 * math.log(4) ** 2 / 4, rel=1e-9)
    assert found.warnings[0].startswith("1 corridor(s)") and "count as one cell, 100:" in found.warnings[0]


def test_what_a_planner_should_look_at_is_warned():
    corridors, sources, resistance, _ = paper_case()
    few = Layer("c", UTM, corridors.geometries[:-1], corridors.attributes[:-1], corridors.field_names)
    assert any("209 of 210 pairs of 21 sources" in w for w in gravity_model(few, sources, resistance).warnings)
    plain = corridors_layer([(1, 2, 5.0)])
    assert any("no field 'redundant'" in w for w in gravity_model(plain, *two_sources()).warnings)
    sources, resistance = two_sources()
    sources.field_names.append("area_km2")
    for attributes, area in zip(sources.attributes, (4.01, 9.2)):
        attributes["area_km2"] = area
    found = gravity_model(plain, sources, resistance, drop_redundant=False)
    assert "source 2 differ by more than 1 %" in found.warnings[0] and len(found.warnings) == 1
    ruled = corridors_layer(
        [(a, b, 1.0 if (a, b) == (1, 2) else 100.0 + a) for a in range(1, 8) for b in range(a + 1, 8)]
    )
    seven = sources_layer({i: square(100 * i, 0, 3000) for i in range(1, 8)})
    found = gravity_model(ruled, seven, resistance, drop_redundant=False)
    assert found.n_important == 1 and "Only 1 of 21 corridors exceed the mean" in found.warnings[0]


@pytest.mark.parametrize(
    "rows, message",
    [
        ([(1, 9, 5.0)], "field 'source_b', feature 1: source 9 is not in layer 'sources'"),
        ([(None, 2, 5.0)], "field 'source_a', feature 1: source NULL"),
        ([(1, 2, None)], "field 'cost', feature 1: 'NULL' is not a number"),
        ([(1, 2, -3.0)], "field 'cost', feature 1: '-3.0' is not a number of at least 0"),
        ([(1, 2, 5.0), (2, 1, 6.0)], "feature 2: the pair 1 and 2 has a corridor already, feature 1"),
        ([(2, 2, 5.0)], "feature 1 joins source 2 to itself"),
    ],
)
def test_corridors_that_cannot_be_used(rows, message):
    with pytest.raises(InputError, match=message):
        gravity_model(corridors_layer(rows), *two_sources())


def test_layers_that_cannot_be_used():
    sources, resistance = two_sources()
    good = corridors_layer([(1, 2, 5.0)])
    with pytest.raises(InputError, match="'corridors' is empty"):
        gravity_model(corridors_layer([]), sources, resistance)
    with pytest.raises(InputError, match="'sources' is empty"):
        gravity_model(good, sources_layer({}), resistance)
    with pytest.raises(InputError, match="no field 'number'"):
        gravity_model(good, sources, resistance, id_field="number")
    assert gravity_model(good, Layer("s", UTM, sources.geometries, [{}, {}], []), resistance).ids == [1, 2]
    with pytest.raises(InputError, match="no field 'cost'"):
        gravity_model(
            Layer("corridors", UTM, good.geometries, [{"source_a": 1, "source_b": 2}], ["source_a", "source_b"]),
            sources,
            resistance,
        )
    with pytest.raises(InputError, match="both have the id 1"):
        gravity_model(
            good, Layer("sources", UTM, sources.geometries, [{"source_id": 1}] * 2, ["source_id"]), resistance
        )
    with pytest.raises(InputError, match="'NULL' is not a whole number"):
        gravity_model(
            good, Layer("sources", UTM, sources.geometries, [{"source_id": None}] * 2, ["source_id"]), resistance
        )
    with pytest.raises(InputError, match="sources must be polygons"):
        gravity_model(good, Layer("sources", UTM, good.geometries, [{"source_id": 1}], ["source_id"]), resistance)
    with pytest.raises(InputError, match="'perhaps' is neither yes nor no"):
        gravity_model(corridors_layer([(1, 2, 5.0, "perhaps")], ["redundant"]), sources, resistance)


def test_small_sources_are_named():
    sources, resistance = two_sources((1.0, 0.5))
    corridors = corridors_layer([(1, 2, 5.0)])
    with pytest.raises(InputError, match="sources 1,2 of at most 1 km2 would have ln S <= 0"):
        gravity_model(corridors, sources, resistance)
    assert gravity_model(corridors, sources, resistance, area_unit=AreaUnit.HA).matrix[0, 1] == pytest.approx(
        math.log(100) * math.log(50) / 5, rel=1e-6
    )
    by_area = gravity_model(corridors, sources, resistance, form=GravityForm.AREA)
    assert by_area.matrix[0, 1] == pytest.approx(0.1, rel=1e-6)


def test_cancel():
    with pytest.raises(Cancelled):
        gravity_model(*paper_case()[:3], progress=Progress(cancelled=lambda: True))


def test_report_holds_the_numbers():
    found = gravity_model(*paper_case()[:3])
    html = gravity_report(found, [("Corridors", "corridors")]).html()
    for text in (
        "48.24",
        "787.1",
        "smallest gravity (sources 9 and 15)",
        ">17.47<",
        "redundant",
        "mean (used)",
        "resistance x m",
    ):
        assert text in html
    rows = found.matrix_rows()
    assert len(rows) == 21 and rows[8]["source_id"] == 9 and rows[8]["15"] == pytest.approx(2.03, abs=1e-5)
    assert rows[14]["9"] == rows[8]["15"] and rows[2]["3"] == 0


def test_report_says_what_other_rules_would_make_important():
    matrix = table4()
    strong = sorted(matrix, key=matrix.get)
    dropped = {strong[-1], strong[-2], strong[0]}
    found = gravity_model(*paper_case(redundant=dropped)[:3])
    assert found.counts_above(found.threshold) == (48, 2, 46, 161)
    values = np.array(list(matrix.values()))
    left = np.array([value for pair, value in matrix.items() if pair not in dropped])
    html = gravity_report(found, []).html()
    for name, limit in (("mean (used)", values.mean()), ("median", np.median(values))):
        cells = re.search(re.escape(f"<td>{name}</td>") + r"(.*?)</tr>", html).group(1)
        counts = [(values > limit).sum(), 2, (left > limit).sum(), (left <= limit).sum()]
        assert re.findall(r">([^<]+)<", cells) == [f"{limit:.4g}", *map(str, counts)], name
    breaks = re.search(r"<td>natural breaks</td>(.*?)</tr>", html).group(1)
    two = [(values[values <= v], values[values > v]) for v in sorted(values)[:-1]]
    best = min(two, key=lambda parts: sum(((part - part.mean()) ** 2).sum() for part in parts))
    assert re.findall(r">([^<]+)<", breaks)[1] == str(len(best[1]))


def test_report_of_equal_gravities_has_no_natural_breaks():
    corridors, sources, resistance, _ = paper_case()
    pair = [index for index, row in enumerate(corridors.attributes) if (row["source_a"], row["source_b"]) == (1, 2)]
    one = Layer(
        corridors.name,
        corridors.crs,
        [corridors.geometries[i] for i in pair],
        [corridors.attributes[i] for i in pair],
        corridors.field_names,
    )
    assert "natural breaks" in gravity_report(gravity_model(one, sources, resistance), []).html()


def test_fields_are_recognised_in_any_case():
    polygons = {i: square(5000 * n, 0, 2000) for n, i in enumerate((4, 7, 9))}
    corridors = corridors_layer([(4, 7, 100, False), (4, 9, 300, True), (7, 9, 200, False)], ["redundant"])
    sources, resistance = sources_layer(polygons, area_km2=dict.fromkeys(polygons, 4.0)), grid(np.ones((40, 200)))
    plain = gravity_model(corridors, sources, resistance)
    found = gravity_model(upper_case(corridors), upper_case(sources), resistance)
    np.testing.assert_array_equal(found.matrix, plain.matrix)
    assert (found.ids, found.n_redundant, found.warnings) == (plain.ids, 1, plain.warnings)
    assert [row["CORRIDOR_ID"] for row in found.corridors.attributes] == [1, 3]


def test_layers_of_another_city_or_in_degrees_are_refused():
    polygons = {1: square(0, 0, 2000), 2: square(5000, 0, 2000)}
    corridors, sources, resistance = corridors_layer([(1, 2, 100)]), sources_layer(polygons), grid(np.ones((40, 200)))
    gravity_model(corridors, sources, resistance)
    away = Layer(
        "corridors",
        UTM,
        [ogr.CreateGeometryFromWkt("LINESTRING(20001 0,20900 900)")],
        corridors.attributes,
        corridors.field_names,
    )
    with pytest.raises(
        InputError, match="'corridors' lies wholly away from 'res': .*20001, 0 to 20900, 900.*0, 0 to 20000, 4000"
    ):
        gravity_model(away, sources, resistance)
    away = sources_layer({1: square(0, 4001, 2000), 2: square(5000, 4001, 2000)})
    with pytest.raises(InputError, match="'sources' lies wholly away from 'res': .*0, 4001 to 7000, 6001"):
        gravity_model(corridors, away, resistance)
    degrees = Crs.of("EPSG:4326").reference.ExportToWkt()
    with pytest.raises(InputError, match="'corridors' is in degrees"):
        gravity_model(
            Layer("corridors", degrees, corridors.geometries, corridors.attributes, corridors.field_names),
            sources,
            resistance,
        )
    with pytest.raises(InputError, match="'corridors' has no field 'cost'"):
        check_corridors(Layer("corridors", UTM, corridors.geometries, [{}], ["source_a", "source_b"]))

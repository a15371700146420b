"""Table 1 at the edges of every interval, and every way a factor table can be wrong."""

import csv
import math
import re
from pathlib import Path

import numpy as np
import pytest

from econet.core.errors import InputError
from econet.core.resistance.factors import DISTANCES, FACTORS, Rule, factor_name
from econet.core.resistance.rule_tables import (
    read_distance_intervals,
    read_factor_table,
    read_rule,
    read_weights,
    scaled_weights,
)
from econet.core.resistance.scoring import classify, classify_codes

PRINTED_WEIGHTS = dict(zip(FACTORS, (0.11, 0.06, 0.25, 0.08, 0.11, 0.16, 0.08, 0.05, 0.10)))

# values just at and just above every bound that Table 1 prints, and what it scores them with
EDGES = {
    "slope": [(0, 1), (10, 1), (10.0001, 2), (20, 2), (20.001, 3), (30, 3), (30.001, 4), (40, 4), (40.001, 5), (90, 5)],
    "elevation": [
        (-1000, 5),
        (-326.001, 5),
        (-325.999, 3),
        (-200, 3),
        (-199.99, 2),
        (-125, 2),
        (-124.99, 1),
        (-13.01, 1),
        (-13, 1),
        (-12.99, 1),
        (0, 1),
        (125, 1),
        (125.01, 2),
        (200, 2),
        (200.01, 3),
        (350, 3),
        (350.01, 4),
        (500, 4),
        (500.01, 5),
        (8848, 5),
    ],
    "ndvi": [
        (-1, 5),
        (0.2, 5),
        (0.2001, 4),
        (0.4, 4),
        (0.4001, 3),
        (0.5, 3),
        (0.5001, 2),
        (0.6, 2),
        (0.6001, 1),
        (1, 1),
    ],
    "distance_to_water": [
        (0, 1),
        (500, 1),
        (501, 2),
        (1000, 2),
        (1000.01, 3),
        (1500, 3),
        (1500.01, 4),
        (2000, 4),
        (2000.01, 5),
        (np.inf, 5),
    ],
    "distance_to_motorway": [
        (0, 5),
        (500, 5),
        (501, 4),
        (1000, 4),
        (1000.01, 3),
        (1500, 3),
        (1500.01, 2),
        (2000, 2),
        (2000.01, 1),
        (np.inf, 1),
    ],
    "distance_to_highway": [
        (0, 5),
        (200, 5),
        (200.01, 4),
        (400, 4),
        (400.01, 3),
        (600, 3),
        (600.01, 2),
        (800, 2),
        (800.01, 1),
        (np.inf, 1),
    ],
    "night_light": [(0, 1), (5, 1), (5.001, 2), (15, 2), (15.001, 3), (30, 3), (30.001, 4), (60, 4), (60.001, 5)],
}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("factor", EDGES)
def test_table_1_at_the_edge_of_every_interval(factor, kind):
    values, expected = zip(*EDGES[factor])
    scored = classify(np.array([values], dtype=kind), read_factor_table()[factor])
    assert scored.dtype == np.float32
    np.testing.assert_array_equal(scored[0], expected)


def test_elevation_at_minus_326_takes_5_which_is_ours():
    assert classify(np.array([[-326.0]]), read_factor_table()["elevation"])[0, 0] == 5


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("datum", [100.0, 76.3, -12.7])
def test_datum_moves_the_bounds(kind, datum):
    values = (np.array([-200, -125, 125, 200, 350, 500]) + datum).astype(kind)
    np.testing.assert_array_equal(classify(values, read_factor_table()["elevation"], offset=datum), [3, 2, 1, 2, 3, 4])
    above = np.nextafter(values, np.inf, dtype=kind)
    np.testing.assert_array_equal(classify(above, read_factor_table()["elevation"], offset=datum), [2, 1, 2, 3, 4, 5])


def test_land_cover_codes_of_clcd_and_ours():
    rule = read_factor_table()["land_cover"]
    #  crop forest shrub grass water snow barren built wetland pit dump subsidence plant restored
    codes = np.array([[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 0]])
    scored = classify_codes(codes, codes > 0, rule)[0]
    np.testing.assert_array_equal(scored, [4, 1, 2, 3, 2, 5, 5, 5, 2, 5, 5, 5, 5, 3, np.nan])


def test_weights_of_table_1():
    rules = read_factor_table()
    assert {factor: rule.weight for factor, rule in rules.items()} == PRINTED_WEIGHTS
    assert sum(PRINTED_WEIGHTS.values()) == pytest.approx(1, abs=1e-12)
    assert list(rules) == list(FACTORS)


@pytest.mark.parametrize("left_out", [(), ("mine",), ("ndvi", "night_light"), ("land_cover", "slope", "elevation")])
def test_scaled_weights_add_to_1_and_keep_their_ratios(left_out):
    present = [factor for factor in FACTORS if factor not in left_out]
    scaled = scaled_weights(PRINTED_WEIGHTS, present)
    assert list(scaled) == present and sum(scaled.values()) == pytest.approx(1, abs=1e-12)
    assert scaled["distance_to_motorway"] / scaled["distance_to_water"] == pytest.approx(16 / 11)


def test_a_weight_of_0_leaves_the_factor_out():
    assert scaled_weights({"ndvi": 0.0, "slope": 2.0}, ["slope", "ndvi"]) == {"slope": 1.0}
    assert scaled_weights({"ndvi": 0.0}, ["ndvi"]) == {}


def test_the_distances_are_the_factors_that_are_scored_without_an_end():
    assert tuple(factor for factor, edges in EDGES.items() if edges[-1][0] == np.inf) == DISTANCES


HEAD = "factor,weight,from,to,codes,resistance\n"


@pytest.mark.parametrize(
    "rows, message",
    [
        ("slope,1,,10,,1\nslope,,20,,,2\n", r"'mine.csv', factor 'slope': no row covers \(10, 20\].*rows 2 and 3"),
        ("slope,1,,10,,1\nslope,,5,20,,2\nslope,,20,,,3\n", r"factor 'slope': rows 2 and 3 overlap in \(5, 10\]"),
        ("slope,1,,10,,1\nslope,,8,9,,2\nslope,,10,,,3\n", r"rows 2 and 3 overlap in \(8, 9\]"),
        ("slope,1,,10,,1\nslope,,10,,,-2\n", r"row 3, column 'resistance': '-2.0' is not above 0"),
        ("slope,1,,10,,1e39\nslope,,10,,,2\n", r"row 2, column 'resistance': '1e\+39' is not between 1e-09 and 1e\+09"),
        ("slope,1,,10,,1e-50\nslope,,10,,,2\n", r"row 2, column 'resistance': '1e-50' is not between"),
        ("slope,1,,10,,0\nslope,,10,,,2\n", r"row 2, column 'resistance': '0.0' is not above 0"),
        ("slope,1,,10,,\nslope,,10,,,2\n", r"row 2, column 'resistance': '' is empty"),
        ("slope,1,,steep,,1\nslope,,10,,,2\n", r"row 2, column 'to': 'steep' is not a number"),
        ("slope,1,,10,,low\nslope,,10,,,2\n", r"row 2, column 'resistance': 'low' is not a number"),
        ("slope,1,30,10,,1\n", r"row 2, column 'to': '10.0' is not above from, 30"),
        ("incline,1,,10,,1\n", r"row 2, column 'factor': 'incline' is not a factor; use one of slope, elevation"),
        ("slope,0.1,,10,,1\nslope,0.2,10,,,2\n", r"row 3, column 'weight': '0.2' differs from 0.1"),
        ("slope,-0.1,,10,,1\nslope,,10,,,2\n", r"row 2, column 'weight': '-0.1' is negative"),
        ("slope,1,,10,3,1\n", r"row 2, column 'codes'.*'slope', which is a quantity"),
        ("land_cover,1,,10,,1\n", r"row 2, column 'codes'.*land-cover codes"),
        ("land_cover,1,,,1;2,1\nland_cover,,,,2,3\n", r"row 3, column 'codes'.*repeats code 2"),
        ("land_cover,1,,,forest,1\n", r"row 2, column 'codes': 'forest' is not a whole number"),
        ("distance_to_water,1,,500,,1\ndistance_to_water,,500,900,,2\n", r"no row covers \(900, unbounded\)"),
        ("distance_to_water,1,50,500,,1\ndistance_to_water,,500,,,2\n", r"no row covers \[0, 50\]"),
        ("mine,1,,,,3\n", r"row 2, column 'factor': 'mine' is scored by the table of rings"),
    ],
)
def test_a_wrong_factor_table_is_refused_by_name(lab, rows, message):
    with pytest.raises(InputError, match=message):
        read_factor_table(lab.table(HEAD + rows))


def test_a_table_without_a_column_is_refused(lab):
    with pytest.raises(InputError, match="'mine.csv' has no column 'factor'"):
        read_factor_table(lab.table("name,resistance\nslope,1\n"))


def test_a_first_bound_of_0_holds_0_where_nothing_is_negative(lab):
    rules = read_factor_table(
        lab.table(
            HEAD + "night_light,1,0,5,,1\nnight_light,,5,,,2\ndistance_to_water,1,0,5,,1\ndistance_to_water,,5,,,2\n"
        )
    )
    np.testing.assert_array_equal(classify(np.array([0.0, 5, 5.1]), rules["night_light"]), [1, 1, 2])
    with pytest.raises(
        InputError, match=r"factor 'night_light': no row covers -0.3, which layer 'lights' holds \(2 cells"
    ):
        classify(np.array([-0.3, -0.1, 4]), rules["night_light"], name="lights")


def test_rows_in_any_order_names_as_printed_and_decimal_commas(lab):
    text = 'Factor;Weight;From;To;Codes;Resistance\nDEM;;"0,5";;;2,5\nDEM;1/4;;"0,5";;1\n'
    rule = read_factor_table(lab.table(text))["elevation"]
    assert rule.weight == 0.25
    np.testing.assert_array_equal(classify(np.array([0.5, 0.6]), rule), [1, 2.5])


def test_weights_table(lab):
    assert read_weights(lab.table("factor,weight\nSlope,0.7\nmine,0.3\n")) == {"slope": 0.7, "mine": 0.3}
    for rows, message in [
        ("slope,0.7\nslope,0.3\n", "row 3, column 'factor': 'slope' has a weight in an earlier row"),
        ("slope,-1\n", "row 2, column 'weight': '-1.0' is negative"),
        ("slope,much\n", "row 2, column 'weight': 'much' is not a number"),
        ("slopes,1\n", "row 2, column 'factor': 'slopes' is not a factor"),
    ]:
        with pytest.raises(InputError, match=message):
            read_weights(lab.table("factor,weight\n" + rows))


def test_factors_that_a_planner_adds(lab):
    table = lab.table(HEAD + "Fire risk,0.2,,10,,1\nfire-risk,,10,,,4\n土壤,0.1,,,1;2,3\nslope,0.7,,,,1\n")
    rules = read_factor_table(table, extra=("FIRE RISK", "土壤"))
    assert list(rules) == ["slope", factor_name("FIRE RISK"), "土壤"] and factor_name("Fire risk") == "fire_risk"
    np.testing.assert_array_equal(classify(np.array([10, 10.5], np.float32), rules["fire_risk"]), [1, 4])
    assert rules["土壤"].codes == {1: 3, 2: 3} and rules["fire_risk"].weight == 0.2
    assert read_weights(lab.table("factor,weight\nfire risk,0.4\nslope,0.6\n"), extra=["fire_risk"]) == {
        "fire_risk": 0.4,
        "slope": 0.6,
    }
    with pytest.raises(InputError, match="row 2, column 'factor': 'Fire risk' is not a factor; use .*mine, noise"):
        read_factor_table(table, extra=("noise",))
    with pytest.raises(InputError, match="row 3, column 'codes': '' has to name class codes, as its other rows do"):
        read_factor_table(lab.table(HEAD + "fire,1,,,1,2\nfire,,3,4,,2\n"), extra=["fire"])
    with pytest.raises(InputError, match=r"factor 'fire': no row covers \(2, 3\]"):
        read_factor_table(lab.table(HEAD + "fire,1,,2,,2\nfire,,3,4,,2\n"), extra=["fire"])


# Table 1 as the paper prints it -------------------------------------------------------------------

AS_PRINTED = Path(__file__).resolve().parents[2] / "data" / "paper" / "table1_as_printed.csv"
WORDS = {
    "Forest": [2],
    "Water body": [5],
    "Grassland": [4],
    "Cropland": [1],
    "Artificial surfaces, mines, bare land": [8, 11, 12, 13, 14, 7],
}


def printed():
    """(factor as printed, weight, score, text of the class) of the paper's own table."""
    with open(AS_PRINTED, encoding="utf-8") as stream:
        for row in list(csv.reader(stream))[2:]:
            for score, text in enumerate(row[3:8], 1):
                yield row[1], float(row[2]), score, text


def printed_intervals():
    """(factor, lower, upper, score) of every interval, in the paper's own words."""
    for factor, _, score, text in printed():
        if factor in ("Land cover", "Mine"):
            continue
        for part in text.split(";"):
            first, *rest = re.findall(r"-?\d+(?:\.\d+)?", part)
            if "≤" in part:
                yield factor, -math.inf, float(first), score
            elif ">" in part:
                yield factor, float(first), math.inf, score
            else:
                yield factor, float(first), float(rest[0]), score


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16, np.int32])
def test_every_interval_that_the_paper_prints_at_both_of_its_edges(kind):
    rows, whole = list(printed_intervals()), np.issubdtype(kind, np.integer)
    assert len(rows) == 6 * 5 + 8
    for factor, lower, upper, score in rows:
        inside = []
        for bound, inner in ((lower, np.inf), (upper, None)):
            if not math.isfinite(bound) or (whole and bound != int(bound)):
                continue
            if inner is None:
                inside.append(kind(bound))
            else:
                inside.append(kind(bound + 1) if whole else np.nextafter(kind(bound), kind(inner), dtype=kind))
        if not inside:
            continue
        scored = classify(np.array(inside, dtype=kind), read_rule(factor=factor))
        np.testing.assert_array_equal(scored, score, f"{factor} ({lower}, {upper}]: {inside}")


def test_land_cover_and_weights_that_the_paper_prints():
    rules = read_factor_table()
    for factor, weight, score, text in printed():
        assert rules[factor_name(factor)].weight == weight
        if factor == "Land cover":
            assert [rules["land_cover"].codes[code] for code in WORDS[text]] == [score] * len(WORDS[text])


# one factor of a table ------------------------------------------------------------------------------


def test_a_table_of_one_factor_needs_no_name(lab):
    for text, factor in [
        ("from,to,resistance\n,10,1\n10,,4\n", ""),
        ("from;to;resistance\n;10;1\n10;;4\n", "noise"),
        ("from_m,to_m,resistance\n,10,1\n10,,4\n", ""),
        (HEAD + "Noise,,,10,,1\nnoise,,10,,,4\n", ""),
        (HEAD + "noise,,,10,,1\nnoise,,10,,,4\n", "NOISE"),
        (HEAD + ",,,10,,1\n,,10,,,4\n", "noise"),
    ]:
        np.testing.assert_array_equal(
            classify(np.array([10, 10.01]), read_rule(lab.table(text), factor=factor)), [1, 4]
        )
    assert read_rule(lab.table("codes,resistance\n1;2,3\n7,1\n")).codes == {1: 3, 2: 3, 7: 1}
    assert read_rule(factor="DEM").factor == "elevation"
    table = lab.table("from,to,resistance\n0,300,5\n300,,1\n")
    intervals = read_distance_intervals(table)
    rule = Rule("any", "own", intervals=intervals)
    np.testing.assert_array_equal(classify(np.array([0.0, 300, 301]), rule), [5, 5, 1])


@pytest.mark.parametrize(
    "text, factor, distance, message",
    [
        (
            None,
            "",
            False,
            r"'factors.csv.*' holds several factors, and none is named: choose one of slope, elev",
        ),
        (
            None,
            "",
            True,
            r"none is named: choose one of distance_to_water, distance_to_motorway, distance_to_highway\.",
        ),
        (None, "noise", False, r"no rows for factor 'noise': choose one of slope,"),
        (None, "mine", False, "Factor 'mine' .* table of rings: use 'Mine resistance'"),
        (None, "slope", True, "'slope' is no distance: choose one of distance_to_water"),
        ("codes,resistance\n1,2\n", "", True, "its rows name codes, and distances need intervals"),
        ("from,to,resistance\n,10,1\n20,,4\n", "", False, r"no row covers \(10, 20\], a gap between rows 2 and 3"),
        ("from,to,resistance\n,10,1\n5,,4\n", "", True, r"rows 2 and 3 overlap in \(5, 10\]"),
        ("from,to,resistance\n500,0,1\n500,,4\n", "", True, "row 2, column 'to': '0.0' is not above from, 500"),
        ("from,to,resistance\n-100,500,1\n500,,4\n", "", True, "row 2, column 'from': '-100.0' is negative"),
        ("from,to,resistance\n0,500,1\n500,900,4\n", "", True, r"no row covers \(900, unbounded\)"),
        ("from,to,codes,resistance\n0,500,3,1\n", "", False, "row 2, column 'codes'.*has to name class codes"),
        ("from,to,resistance\n,10,1\n10,,\n", "", False, "row 3, column 'resistance': '' is empty"),
        ("name,resistance\nx,1\n", "", False, r"'mine.csv' has none of the columns from, to"),
        ("factor,from,to\nx,1,2\n", "", False, "row 2, column 'resistance': '' is empty"),
        (HEAD + "noise,,,10,,1\n,,10,,,4\n", "noise", False, "row 3, column 'factor': '' is empty"),
    ],
)
def test_a_wrong_table_of_one_factor_is_refused(lab, text, factor, distance, message):
    with pytest.raises(InputError, match=message) as caught:
        (read_distance_intervals if distance else read_rule)(None if text is None else lab.table(text), factor=factor)
    assert caught.value.parameter == ("factor" if text is None else "")


def test_other_factors_rows_do_not_matter(lab):
    table = lab.table(HEAD + "noise,,,10,,1\nnoise,,10,,,4\nslope,,,10,,1\nslope,,20,,,4\n")
    assert read_rule(table, factor="noise").intervals.breaks == (10,)

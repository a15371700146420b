"""Values, codes and distances become resistance: bounds, missing codes, cells without a value."""

import numpy as np
import pytest

from econet.core.errors import InputError
from econet.core.resistance.factors import DISTANCES
from econet.core.resistance.rule_tables import read_factor_table, read_rule
from econet.core.resistance.scoring import Scoring, classify, classify_codes, classify_distance
from econet.core.tables import parse_csv

HEAD = "factor,weight,from,to,codes,resistance\n"


def test_whole_number_maps_are_classified_exactly():
    scored = classify(np.array([[-125, -124, 125, 126, 500, 501]], dtype=np.int16), read_factor_table()["elevation"])
    np.testing.assert_array_equal(scored[0], [2, 1, 1, 2, 4, 5])


def test_missing_codes_are_named_with_their_cells():
    codes = np.array([[2, 2, 77], [77, 77, 99]], dtype=np.int32)
    with pytest.raises(InputError, match=r"factors.csv.*land_cover.*77 \(3 cells\), 99 \(1 cells\).*'cover'"):
        classify_codes(codes, codes > 0, read_factor_table()["land_cover"], name="cover")


def test_nodata_has_no_resistance():
    scored = classify(np.array([[np.nan, 3.0]], np.float32), read_factor_table()["slope"])
    assert np.isnan(scored[0, 0]) and scored[0, 1] == 1


def test_values_beyond_the_outermost_bounds_are_refused(lab):
    rule = read_factor_table(lab.table(HEAD + "elevation,1,0,100,,1\nelevation,,100,200,,2\n"))["elevation"]
    with pytest.raises(InputError, match=r"no row covers 250, which layer 'dem' holds \(1 cells"):
        classify(np.array([[150.0, 350.0]]), rule, offset=100.0, name="dem")
    with pytest.raises(InputError, match="no row covers 0,"):
        classify(np.array([[0.0, 50.0]]), rule, offset=0.0, name="dem")


def test_many_missing_codes_are_cut_and_ways_out_are_named():
    rule = read_factor_table(parse_csv("factor,weight,codes,resistance\nland_cover,1,1,2\n", "own.csv"))["land_cover"]
    values = np.array([[1, 41, 42, 43], [44, 45, 46, 41]])
    with pytest.raises(
        InputError,
        match=r"'own.csv'.* 41 \(2 cells\), 42 \(1 cells\), .* 45 \(1 cells\) and 1 more of "
        r"layer 'cover'; .*give your own table, or choose the land-cover product",
    ):
        classify_codes(values, values > 0, rule, name="cover")


@pytest.mark.parametrize(
    "codes",
    [
        {3: 1.0, -7: 2.0, 12: 4.0},
        {1: 1.0, 2147483647: 2.0},
        {5_000_000: 3.0, 1: 1.0},
        {3_000_000_000: 2.0, 3_000_000_001: 1.0},
    ],
)
def test_codes_far_apart(codes):
    rule = read_rule(parse_csv("codes,resistance\n" + "".join(f"{c},{r}\n" for c, r in codes.items()), "own.csv"))
    values = np.array([[*codes, *codes]], dtype=np.int64)
    np.testing.assert_array_equal(classify_codes(values, values < 10**10, rule), [[*codes.values(), *codes.values()]])
    for stranger in (-8, 4, 13, 2147483646):
        scoring = Scoring(rule, name="m")
        scoring.score(np.array([stranger]), np.array([True]))
        with pytest.raises(InputError, match=rf"{stranger} \(1 cells\)"):
            scoring.check()


@pytest.mark.parametrize("factor", DISTANCES)
@pytest.mark.parametrize("dx, dy", [(90, 90), (70, 130)])
def test_distance_factors_against_geos(lab, factor, dx, dy):
    cells = lab.template(30, 34, dx, dy)
    shapes = [lab.geometry("LINESTRING(499100 4599300,500700 4598800,500800 4590000)"), lab.box(cells, 25, 30, 2, 9)]
    rule = read_factor_table()[factor]
    expected = classify(lab.distance_by_ogr(shapes, cells).astype(np.float32), rule)
    assert len(np.unique(expected)) >= 4
    np.testing.assert_array_equal(classify_distance(shapes, rule.intervals, cells), expected)

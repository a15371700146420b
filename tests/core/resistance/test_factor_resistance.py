"""Resistance of one factor from a raster: a map in parts is scored as a whole, by intervals and by codes."""

import numpy as np
import pytest

from econet.core.errors import InputError
from econet.core.grid.blocks import ArrayOutput
from econet.core.grid.slope import slope_degrees
from econet.core.progress import SILENT
from econet.core.resistance.factor_resistance import FactorChoices, factor_resistance
from econet.core.resistance.rule_tables import read_rule
from econet.core.resistance.scoring import classify
from econet.core.tables import parse_csv

TABLE = parse_csv("from,to,resistance\n,100,5\n100,250,4\n250,470,3\n470,800,2\n800,,1\n", "own.csv")


def scored_map(source, cells, choices, progress=SILENT):
    output = ArrayOutput(cells)
    found = factor_resistance(source, cells, choices=choices, output=output, progress=progress)
    return found, output.values


@pytest.mark.parametrize(
    "kind, nodata", [(np.float32, np.nan), (np.float32, -9999), (np.int16, -9999), (np.int32, None)]
)
def test_a_map_in_parts_is_scored_as_a_whole(lab, kind, nodata):
    cells = lab.template(600, 90, 30, 20)
    values = np.random.default_rng(3).integers(-400, 700, cells.shape).astype(kind)
    if nodata is not None:
        values[5:9, 40] = nodata
    rule, log = read_rule(None, factor="elevation"), lab.Log()
    found, scored = scored_map(
        lab.raster("dem", values, cells, nodata), cells, FactorChoices(rule, datum_m=12.5), progress=log.progress
    )
    missing = np.zeros(cells.shape, bool) if nodata is None else ~(values > -9000)
    expected = np.where(missing, np.nan, classify(values.astype(np.float64), rule, offset=12.5))
    np.testing.assert_array_equal(scored, expected)
    assert found == {score: int((expected == score).sum()) for score in (1, 2, 3, 4, 5)}
    assert f"1: {100 * (expected == 1).mean():.2f} %" in log.text and ("none (no value" in log.text) == (
        nodata is not None
    )


@pytest.mark.parametrize("kind, nodata", [(np.int16, -9999), (np.int16, 500), (np.float32, -9999)])
def test_cells_without_a_value_are_not_measured_against_the_bounds(lab, kind, nodata):
    cells = lab.template(2, 3)
    values = np.array([[1, 10, nodata], [11, nodata, 100]], kind)
    rule = read_rule(parse_csv("from,to,resistance\n0,10,2\n10,100,3\n", "own.csv"))
    found, scored = scored_map(lab.raster("own", values, cells, nodata), cells, FactorChoices(rule))
    np.testing.assert_array_equal(scored, [[2, 2, np.nan], [3, np.nan, 3]])
    assert found == {2: 2, 3: 2}


def test_codes_in_parts_and_what_the_whole_map_lacks(lab):
    cells = lab.template(300, 40)
    values = np.random.default_rng(4).choice([1, 2, 5, 8], cells.shape).astype(np.uint8)
    rule = read_rule(None, factor="land_cover")
    _, scored = scored_map(lab.raster("cover", values, cells, 0), cells, FactorChoices(rule))
    np.testing.assert_array_equal(scored, np.select([values == code for code in (1, 2, 5)], [4, 1, 2], 5))
    values[3, 3] = values[280, 7] = 77
    with pytest.raises(InputError, match=r"code\(s\) 77 \(2 cells\) of layer 'strange'.*give your own table"):
        scored_map(lab.raster("strange", values, cells, 0), cells, FactorChoices(rule))


def test_codes_beyond_32_bits_in_a_table(lab):
    cells, rule = lab.template(1, 2), read_rule(parse_csv("codes,resistance\n3000000000,1\n3000000001,2\n", "far.csv"))
    with pytest.raises(InputError, match=r"no row scores the code\(s\) 1 \(1 cells\), 2 \(1 cells\)"):
        scored_map(lab.raster("soil", np.array([[1, 2]], np.int32), cells), cells, FactorChoices(rule))


def test_slope_of_an_elevation(lab):
    cells = lab.template(280, 30, 30, 20)
    dem = np.random.default_rng(5).normal(0, 12, cells.shape).astype(np.float32)
    rule = read_rule(None, factor="slope")
    _, scored = scored_map(lab.raster("dem", dem, cells), cells, FactorChoices(rule, slope_from_dem=True))
    np.testing.assert_array_equal(scored, classify(slope_degrees(dem, cells), rule))
    assert set(np.unique(scored)) == {1, 2, 3, 4, 5}


def test_values_in_another_unit(lab):
    cells = lab.template(4, 5)
    with pytest.raises(InputError, match="'ndvi' holds values up to 8000 and NDVI lies between -1 and 1"):
        scored_map(
            lab.raster("ndvi", np.full(cells.shape, 8000, np.int16), cells),
            cells,
            FactorChoices(read_rule(None, factor="ndvi")),
        )
    log = lab.Log()
    scored_map(
        lab.raster("dem", np.full(cells.shape, 800.0), cells),
        cells,
        FactorChoices(read_rule(None, factor="slope")),
        progress=log.progress,
    )
    assert "'dem' holds values from 800 to 800, and slopes in degrees" in log.text
    log = lab.Log()
    values = np.array([[-9999, 40.0, 0]])
    _, found = scored_map(
        lab.raster("rail", values, lab.template(1, 3)),
        lab.template(1, 3),
        FactorChoices(read_rule(TABLE, factor="distance_to_rail")),
        progress=log.progress,
    )
    np.testing.assert_array_equal(found, [[5, 5, 5]])
    assert "'rail' holds values down to -9999, and distances are not negative" in log.text

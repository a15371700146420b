"""Carbon against InVEST 3.20.2, a sum by hand, and bad tables."""

from pathlib import Path

import factory
import numpy as np
import pytest

from econet.core import tables
from econet.core.errors import InputError
from econet.core.grid.blocks import ArrayOutput, GridInput
from econet.core.grid.grid import Grid
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.grid.warping import read_classes
from econet.core.services.carbon_storage import carbon_change, carbon_storage, carbon_storage_blocks, read_carbon_table

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
TEXT = "land_cover,above,below,soil,dead\n1,48.5,14.1,96.3,3.1\n2,0,0,0.25,0\n"


def cover(values):
    return factory.grid(values, cell=10.0, height=40.0, nodata=-9, name="cover", dtype=np.int32)


def test_equals_invest_on_every_cell():
    result = carbon_storage(
        read_classes(RasterSource(str(INVEST / "inputs/lulc.tif"))),
        table=read_carbon_table(tables.read_csv(INVEST / "inputs/carbon.csv")),
    )
    expected = read_raster(RasterSource(str(INVEST / "expected/carbon_c_storage_bas.tif"))).floats(np.float64)
    np.testing.assert_allclose(result.values, expected, rtol=1e-5, atol=0)
    assert result.values.dtype == np.float32


def test_the_four_pools_add_up_and_nodata_stays():
    result = carbon_storage(cover([[1, 2, -9], [2, 2, 1]]), table=read_carbon_table(tables.parse_csv(TEXT, "t")))
    np.testing.assert_allclose(result.values, [[162, 0.25, np.nan], [0.25, 0.25, 162]], rtol=1e-6)


def test_change_is_after_minus_before():
    table = read_carbon_table(tables.parse_csv(TEXT, "t"))
    before, after = cover([[1, 2, -9], [2, 2, 1]]), cover([[2, 1, 1], [2, -9, 1]])
    change = carbon_change(before, after, table=table).values
    np.testing.assert_allclose(change, [[-161.75, 161.75, np.nan], [0, np.nan, 0]], rtol=1e-6)
    np.testing.assert_array_equal(change, -carbon_change(after, before, table=table).values)
    np.testing.assert_array_equal(carbon_change(before, before, table=table).values[before.valid], 0)


def test_change_needs_the_same_cells():
    moved = Grid(
        np.ones((2, 3), np.int32), factory.template(2, 3, cell=10.0, height=40.0, west=0.0, north=0.0), -9, "plan"
    )
    with pytest.raises(InputError, match="'cover' and 'plan' are not on the same cells"):
        carbon_change(cover(np.ones((2, 3))), moved)


@pytest.mark.parametrize(
    "text, message",
    [
        ("land_cover,above,below,soil\n1,1,1,1\n", "Table 't' has no column 'dead'"),
        ("land_cover,above,below,soil,dead\n1,1,many,1,1\n", "row 2, column 'below': 'many' is not a number"),
        ("land_cover,above,below,soil,dead\n1,1,-1,1,1\n", "row 2, column 'below': '-1' is outside 0 to inf"),
        ("land_cover,above,below,soil,dead\n2,1,1,1,1\n", r"holds code 1 \(6 pixels\)"),
    ],
)
def test_bad_tables(text, message):
    with pytest.raises(InputError, match=message):
        carbon_storage(cover(np.ones((2, 3))), table=read_carbon_table(tables.parse_csv(text, "t")))


# in parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (257, 513), (600, 2100)])
def test_parts_make_up_the_map_bit_for_bit(size):
    place = factory.template(*size, name="cover")
    random = np.random.default_rng(4)
    before, after = (
        Grid(random.choice([1, 2, 5, 8, -9], size).astype(np.int32), place, -9, name) for name in ("before", "after")
    )
    before.values.flat[0] = 1
    stored, gained = ArrayOutput(place), ArrayOutput(place)
    carbon_storage_blocks(GridInput(before), output=stored, other=GridInput(after), output_change=gained)
    np.testing.assert_array_equal(stored.values, carbon_storage(before).values)
    np.testing.assert_array_equal(gained.values, carbon_change(before, after).values)


def test_codes_missing_from_the_table_are_counted_over_the_whole_map_before_anything_is_written():
    place = factory.template(600, 2100, name="cover")
    codes = np.ones(place.shape, np.int32)
    codes[::599, ::2099], codes[300, :] = 77, 78
    stored = ArrayOutput(place)
    stored.values[:] = -1
    with pytest.raises(InputError, match=r"'cover' holds code 77 \(4 pixels\), 78 \(2100 pixels\), for which"):
        carbon_storage_blocks(GridInput(Grid(codes, place, -9, "cover")), output=stored)
    assert (stored.values == -1).all()

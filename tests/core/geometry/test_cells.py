"""Which cells a polygon has, by hand; thin sources have the same ones in every step."""

import numpy as np
import pytest
from factory import grid, square

from econet.core.connectivity.links import cost_links
from econet.core.corridors.source_measures import source_resistance
from econet.core.errors import InputError
from econet.core.geometry.cells import ThinPolygons, cells_of, mask_of

# resistance 1 to 10 from west to east, on 100 m cells
RESISTANCE = grid(np.tile(np.arange(1, 11, dtype=np.float32), (4, 1)), cell=100.0, name="resistance")


def box(west, north, east, south):
    """A rectangle, in metres from the corner of the map; north and south count downwards."""
    return square(west, -south, east - west, south - north)


STRIP = box(10, 110, 490, 130)  # 20 m wide, through five cells of the second row
CELL = box(900, 100, 1000, 200)


def test_cells_whose_centre_lies_inside():
    rows, cols = cells_of(box(120, 40, 380, 260), RESISTANCE.template)
    assert set(zip(rows.tolist(), cols.tolist())) == {(r, c) for r in (0, 1, 2) for c in (1, 2, 3)}
    assert mask_of(box(120, 40, 380, 260), RESISTANCE.template).sum() == len(rows)
    assert [part.size for part in cells_of(box(-500, 0, -100, 90), RESISTANCE.template)] == [0, 0]


def test_a_thin_polygon_has_the_cells_it_touches_or_none():
    touched = [(1, c) for c in range(5)]
    assert list(zip(*(part.tolist() for part in cells_of(STRIP, RESISTANCE.template)))) == touched
    assert np.argwhere(mask_of(STRIP, RESISTANCE.template)).tolist() == [list(cell) for cell in touched]
    assert not mask_of(STRIP, RESISTANCE.template, thin=ThinPolygons.NONE).any()
    assert cells_of(STRIP, RESISTANCE.template, thin=ThinPolygons.NONE)[0].size == 0
    # the rule is for polygons without any centre alone
    wide = box(10, 110, 490, 160)
    assert len(cells_of(wide, RESISTANCE.template)[0]) == 5
    assert len(cells_of(box(40, 110, 110, 160), RESISTANCE.template)[0]) == 1


def test_a_thin_source_has_the_mean_resistance_of_all_cells_it_touches():
    assert source_resistance([STRIP, CELL], RESISTANCE, ids=[1, 2]).tolist() == [3.0, 10.0]
    beyond = box(1020, 110, 1080, 130)  # less than a cell off the map
    with pytest.raises(InputError, match="Source 7 has no cell with a resistance"):
        source_resistance([beyond], RESISTANCE, ids=[7])


def test_links_of_a_thin_patch_start_in_all_cells_it_touches():
    a, b, cost = cost_links([STRIP, CELL], RESISTANCE, names=["a", "b"])
    # from the fifth cell, of resistance 5, to the tenth: steps of 100 m at 5.5, 6.5, 7.5, 8.5 and 9.5
    assert (a.tolist(), b.tolist(), cost.tolist()) == ([0], [1], [3750.0])

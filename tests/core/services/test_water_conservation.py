"""Water conservation by hand on planes and valleys, and by its laws."""

import math

import numpy as np
import pytest

from econet.core import tables
from econet.core.errors import Cancelled, InputError
from econet.core.grid.grid import Grid, Template
from econet.core.progress import SILENT, Progress
from econet.core.routing.ways import Routing
from econet.core.services import water_conservation as wc
from econet.core.services.water_yield import DepthUnit

UTM = "EPSG:32651"
TABLE = "land_cover,velocity\n1,249\n2,498\n3,100\n"


def conservation(water, dem, depth, ksat, cover, table=None, *, progress=SILENT, **choices):
    for name, kind in (("depth_unit", DepthUnit), ("conductivity_unit", wc.ConductivityUnit), ("routing", Routing)):
        if name in choices:
            choices[name] = kind(choices[name])
    return wc.water_conservation(
        wc.ConservationMaps(water, dem, depth, ksat, cover),
        table,
        choices=wc.ConservationChoices(**choices),
        progress=progress,
    )


def grid(values, name, dx=30.0, dy=30.0):
    values = np.asarray(values)
    template = Template(*values.shape, (500000.0, dx, 0.0, 4600000.0, 0.0, -dy), UTM, name)
    return Grid(values, template, -9 if np.issubdtype(values.dtype, np.integer) else np.nan, name)


def maps(dem, cover=1, water=400.0, depth=800.0, ksat=300.0, dx=30.0, dy=30.0):
    shape = np.shape(dem)
    full = [np.broadcast_to(np.asarray(values, dtype=np.float64), shape).copy() for values in (water, depth, ksat)]
    return (
        grid(full[0], "yield", dx, dy),
        grid(np.asarray(dem, float), "dem", dx, dy),
        grid(full[1], "depth", dx, dy),
        grid(full[2], "ksat", dx, dy),
        grid(np.broadcast_to(np.asarray(cover, np.int32), shape).copy(), "cover", dx, dy),
    )


def table(text=TABLE):
    return tables.parse_csv(text, "v.csv")


def plane(rows=4, cols=6, percent=20.0, dx=30.0):
    return np.tile(-np.arange(cols) * dx * percent / 100, (rows, 1))


def test_a_plane_by_hand():
    # water runs east, so the n-th cell of a row drains n cells of 900 m2
    result = conservation(*maps(plane()), table())
    expected = [math.log10(n * 900 / (0.8 * 20)) for n in range(1, 7)]
    np.testing.assert_allclose(result.index.values, np.tile(expected, (4, 1)), rtol=1e-5)
    np.testing.assert_allclose(
        result.conservation.values, np.tile(np.minimum(1, 0.3 * np.array(expected)) * 400, (4, 1)), rtol=1e-5
    )
    assert result.conservation.values.dtype == np.float32


def test_the_index_as_printed_counts_cells_and_millimetres():
    heard = []
    result = conservation(*maps(plane(), depth=0.02), table(), depth_unit="m", form=wc.IndexForm.AS_PRINTED)
    np.testing.assert_allclose(result.index.values[0], [math.log10(n / (20 * 20)) for n in range(1, 7)], rtol=1e-4)
    result = conservation(*maps(plane()), table(), form=wc.IndexForm.AS_PRINTED, progress=Progress(warn=heard.append))
    assert (result.conservation.values == 0).all() and "below 0 on more than half" in heard[0]


def test_each_factor():
    cover = np.array([[1, 2, 3, 1, 1, 1]] * 4)
    ksat = np.array([[300, 300, 300, 75, 900, 0]] * 4)
    plain = conservation(*maps(plane(), water=100.0), table()).conservation.values
    both = conservation(*maps(plane(), cover, 100.0, ksat=ksat), table()).conservation.values
    np.testing.assert_allclose(both, plain * [1, 0.5, 1, 0.25, 1, 0], rtol=1e-6)


@pytest.mark.parametrize("unit, value", [("mm/d", 120.0), ("cm/d", 12.0), ("mm/h", 5.0), ("um/s", 120 / 86.4)])
def test_units_of_conductivity(unit, value):
    expected = conservation(*maps(plane(), ksat=120.0), table()).conservation.values
    found = conservation(*maps(plane(), ksat=value), table(), conductivity_unit=unit).conservation.values
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("unit, value", [("mm", 800.0), ("cm", 80.0), ("m", 0.8)])
def test_units_of_soil_depth(unit, value):
    expected = conservation(*maps(plane()), table()).conservation.values
    found = conservation(*maps(plane(), depth=value), table(), depth_unit=unit).conservation.values
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("routing", tuple(Routing))
def test_laws_on_a_rough_map(routing):
    rng = np.random.default_rng(3)
    rows, cols = 30, 41
    dem = rng.random((rows, cols)) * 20 + np.hypot(*np.mgrid[:rows, :cols])
    dem[10:13, 10:13] = np.nan
    water = rng.random((rows, cols)) * 500
    cover = rng.choice([1, 2, 3], (rows, cols))
    arguments = maps(dem, cover, water, rng.random((rows, cols)) * 1500, rng.random((rows, cols)) * 500, 30, 45)
    result = conservation(*arguments, table(), routing=routing).conservation.values
    inside = np.isfinite(result)
    assert np.array_equal(inside, np.isfinite(dem))
    assert (result[inside] >= 0).all() and (result[inside] <= arguments[0].floats()[inside]).all()
    turned = tuple(grid(a.values.T.copy(), a.name, 45, 30) for a in arguments)
    np.testing.assert_allclose(
        conservation(*turned, table(), routing=routing).conservation.values.T, result, rtol=1e-4, atol=1e-3
    )


def test_level_ground_and_no_soil_have_a_finite_index():
    result = conservation(*maps(np.zeros((3, 4)), depth=0.0), table())
    assert np.isfinite(result.index.values).all() and np.isfinite(result.conservation.values).all()
    one = conservation(*maps([[5.0, 4.0, 3.0]]), table())
    assert np.isfinite(one.conservation.values).all()


def test_concrete_does_not_win():
    """On one slope, the shipped table holds more back under forest than under pits and towns that yield more."""
    cover = np.tile([2, 4, 1, 7, 8, 11], (4, 1))
    water = np.tile([200.0, 250, 260, 350, 450, 430], (4, 1))
    dem = plane(percent=20.0)[:, :1] * 0 - np.arange(4)[:, None] * 6.0  # every column drains south alone
    values = conservation(*maps(np.tile(dem, (1, 6)), cover, water)).conservation.values
    assert (values[:, 0] > values[:, 4]).all() and (values[:, 0] > values[:, 5]).all()


def test_bad_input():
    with pytest.raises(InputError, match=r"'yield' holds -1 on 24 cell\(s\), and cannot be negative"):
        conservation(*maps(plane(), water=-1.0), table())
    with pytest.raises(InputError, match="'ksat' holds -9 "):
        conservation(*maps(plane(), ksat=-9.0), table())
    with pytest.raises(InputError, match="holds code 4 .* for which table 'v.csv'"):
        conservation(*maps(plane(), cover=4), table())
    with pytest.raises(InputError, match="row 2, column 'velocity': '0.0' must be above 0"):
        conservation(*maps(plane()), table("land_cover,velocity\n1,0\n"))
    with pytest.raises(InputError, match="'dem' is not on the cells of 'yield'"):
        conservation(*maps(plane())[:1], *maps(plane(3))[1:], table())
    with pytest.raises(InputError, match="must be above 0"):
        conservation(*maps(plane()), table(), conductivity_threshold=0)
    with pytest.raises(InputError, match="No cell of 'yield' has a value in all"):
        conservation(*maps(plane(), water=np.nan), table())
    with pytest.raises(Cancelled):
        conservation(*maps(plane()), table(), progress=Progress(cancelled=lambda: True))

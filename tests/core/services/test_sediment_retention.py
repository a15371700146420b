"""Sediment retention against InVEST 3.20.2, worked numbers, a chain of cells by hand, and its balance."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from osgeo import ogr
from scipy import ndimage

from econet.core import tables
from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.layers import Layer
from econet.core.grid.grid import Grid, Template
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.grid.warping import read_classes
from econet.core.outputs import write_raster
from econet.core.presets import Preset
from econet.core.progress import SILENT, Progress
from econet.core.routing.depressions import fill_depressions
from econet.core.routing.flow import Unfilled, route
from econet.core.routing.ways import Routing
from econet.core.services import sediment_factors as factors
from econet.core.services import sediment_retention as sr
from econet.core.services.sediment_delivery import Delivery, IcLength, Masking, SedimentUnit
from econet.core.services.sediment_factors import Capped, CoverKind, LsMethod, SlopeLength

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
WKT = Crs.of("EPSG:32651").reference.ExportToWkt()
TABLE = "land_cover,usle_c,usle_p\n1,0.01,1\n2,0.3,0.6\n3,1,1\n"


D8, MFD = ROUTINGS = tuple(Routing)
_DELIVERY = ("threshold", "kb", "ic0", "sdr_max")
_MAPS = ("cover", "drainage", "mine_geometries")


def retention(dem, land_cover, erosivity, erodibility, table=None, *, preset=0, progress=SILENT, **more):
    """`sr.sediment_retention` with its maps, numbers and conventions by name."""
    maps = {name: more.pop(name) for name in _MAPS if name in more}
    delivery = {name: more.pop(name) for name in _DELIVERY if name in more}
    return sr.sediment_retention(
        sr.SedimentMaps(dem, land_cover, erosivity, erodibility, **maps),
        table,
        choices=sr.SedimentChoices(preset=tuple(Preset)[preset], by_hand=more, delivery=Delivery(**delivery)),
        progress=progress,
    )


def ls_of(east, south, accumulation, cell_area_m2, method=LsMethod.DESMET_GOVERS, **cap):
    return factors.ls_factor(east, south, accumulation, cell_area_m2=cell_area_m2, how=SlopeLength(method, **cap))


def invest(name):
    return read_raster(RasterSource(str(INVEST / f"{name}.tif")))


@pytest.fixture(scope="module")
def invest_inputs():
    return (
        invest("inputs/dem"),
        read_classes(RasterSource(str(INVEST / "inputs/lulc.tif"))),
        invest("inputs/erosivity"),
        invest("inputs/erodibility"),
        tables.read_csv(INVEST / "inputs/biophysical.csv"),
    )


def case(z, codes=1, rain=2000.0, soil=0.03, dx=30.0, dy=30.0):
    z = np.asarray(z, dtype=np.float32)
    t = Template(*z.shape, (500000.0, dx, 0.0, 4600000.0, 0.0, -dy), WKT, "dem")

    def grid(values, dtype, name):
        return Grid(np.broadcast_to(np.asarray(values, dtype), z.shape).copy(), t, -9, name)

    return (
        Grid(z, t, math.nan, "dem"),
        grid(codes, np.int32, "cover"),
        grid(rain, np.float32, "rain"),
        grid(soil, np.float32, "soil"),
        tables.parse_csv(TABLE, "t.csv"),
    )


def ground(shape=(34, 41), seed=3, holes=0):
    random = np.random.default_rng(seed)
    z = sum(ndimage.gaussian_filter(random.normal(size=shape), s) * s * 40 for s in (0.8, 4))
    z = z + np.linspace(0, 80, shape[0])[:, None]
    z[random.random(shape) < holes] = np.nan
    return z, random.integers(1, 4, shape)


def said(words):
    return Progress(log=words.append, warn=words.append)


# against InVEST ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=ROUTINGS)
def as_invest(request, invest_inputs):
    return request.param, retention(*invest_inputs, threshold=60, preset=2, routing=request.param)


@pytest.mark.parametrize(
    "name, attribute",
    [
        ("ls", "ls"),
        ("rkls", "bare_soil_loss"),
        ("usle", "soil_loss"),
        ("avoided_erosion", "avoided_erosion"),
        ("sdr_factor", "sdr"),
        ("ic", "connectivity"),
        ("sed_export", "export"),
        ("avoided_export", "avoided_export"),
    ],
)
def test_maps_as_invest(as_invest, name, attribute):
    """Every cell, the ones without a value too: routing is the same on this landscape, ties and flats included."""
    routing, result = as_invest
    theirs = invest(f"expected/sdr_{routing}_{name}").floats(np.float64)
    ours = getattr(result, attribute).values
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    if name == "ic":
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_streams_and_accumulation_as_invest(as_invest):
    routing, result = as_invest
    np.testing.assert_array_equal(result.streams.values, invest(f"expected/sdr_{routing}_stream").values)
    np.testing.assert_allclose(
        result.accumulation.values, invest(f"expected/sdr_{routing}_flow_accumulation").values, rtol=1e-6
    )


def test_recommended_on_the_same_landscape_masks_nothing(invest_inputs):
    result = retention(*invest_inputs, threshold=60)
    for name in ("retention", "soil_loss", "export", "avoided_erosion", "avoided_export", "deposition", "sdr"):
        values = getattr(result, name).values
        assert np.isfinite(values).all() and (values >= 0).all(), name


# worked numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "method, diagonal, expected",
    [(LsMethod.DESMET_GOVERS, False, 4.05), (LsMethod.DESMET_GOVERS, True, 3.53), (LsMethod.INVEST, False, 1.23)],
)
def test_length_factor_of_eleven_cells(method, diagonal, expected):
    """11 cells of 30 m, slope 5 %; S = 10.8 sin + 0.03."""
    rise = np.array([0.05 / math.sqrt(2) if diagonal else 0.05])
    ls = ls_of(rise, rise if diagonal else 0 * rise, np.array([11.0]), 900.0, method)
    steep = 10.8 * math.sin(math.atan(0.05)) + 0.03
    assert ls[0] / steep == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize(
    "percent, m, steepness",
    [
        (0.0, 0.2, 0.03),
        (1.0, 0.2, 0.137995),
        (3.5, 0.3, 0.407769),
        (5.0, 0.4, 0.569327),
        (8.99, 0.5, 0.997023),
        (9.0, 0.5, 1.005913),
        (20.0, None, 2.794755),
    ],
)
def test_steepness_and_exponent_by_slope(percent, m, steepness):
    """Steepness of the printed formulas; m from how LS grows with the inflow area."""
    rise = np.array([percent / 100])
    one, many = (ls_of(rise, 0 * rise, np.array([n]), 1.0)[0] for n in (1.0, 1e9))
    if m is None:
        sine = math.sin(math.atan(0.2))
        ratio = sine / 0.0896 / (3 * sine**0.8 + 0.56)
        m = ratio / (1 + ratio)
    assert one / (1 / 22.13) ** m == pytest.approx(steepness, rel=1e-5)
    assert many / one == pytest.approx((m + 1) * 1e9**m, rel=1e-4)


def test_what_the_cap_caps():
    rise, flow = np.array([0.05]), np.array([1001.0])
    free = ls_of(rise, 0 * rise, flow, 900.0)[0]
    steep = 10.8 * math.sin(math.atan(0.05)) + 0.03
    assert ls_of(rise, 0 * rise, flow, 900.0, cap=3.0, capped=Capped.L_FACTOR)[0] == pytest.approx(3 * steep)
    # 330 m of slope length in cells of 30 m are 11 cells
    assert ls_of(rise, 0 * rise, flow, 900.0, cap=330.0)[0] == pytest.approx(
        ls_of(rise, 0 * rise, np.array([11.0]), 900.0)[0]
    )
    # across the diagonal a cell is sqrt 2 wide
    assert ls_of(rise, rise, flow, 900.0, cap=330.0)[0] == pytest.approx(
        ls_of(rise, rise, np.array([11 * math.sqrt(2)]), 900.0)[0]
    )
    assert ls_of(rise, 0 * rise, flow, 900.0, cap=1e9)[0] == pytest.approx(free)


@pytest.mark.parametrize("index, ratio", [(-2, 0.178160), (0, 0.350259), (0.5, 0.4), (2, 0.543343)])
def test_delivery_ratio_of_an_index(index, ratio):
    assert Delivery().ratio(index) == pytest.approx(ratio, abs=5e-7)


def test_a_slope_of_five_cells_by_hand():
    """A 10 % ramp, five cells of 10 m down to a stream in the last one, all by the printed formulas."""
    result = retention(
        *case([[6, 5, 4, 3, 2, 1]], codes=[[1, 2, 3, 1, 2, 1]], dx=10, dy=10), threshold=5, routing=D8, cap=math.inf
    )
    c, p = np.array([0.01, 0.3, 1, 0.01, 0.3, 0.01]), np.array([1, 0.6, 1, 1, 0.6, 1])
    sine = math.sin(math.atan(0.1))
    ratio = sine / 0.0896 / (3 * sine**0.8 + 0.56)
    m = ratio / (1 + ratio)
    area = 100.0 * np.arange(6)
    ls = (16.8 * sine - 0.5) * ((area + 100) ** (m + 1) - area ** (m + 1)) / (10 ** (m + 2) * 22.13**m)
    np.testing.assert_allclose(result.ls.values[0], ls, rtol=1e-5)
    bare = 60 * ls
    loss = bare * c * p
    np.testing.assert_allclose(result.bare_soil_loss.values[0], bare, rtol=1e-5)
    np.testing.assert_allclose(result.soil_loss.values[0], loss, rtol=1e-5)

    assert result.streams.values.tolist() == [[0, 0, 0, 0, 1, 1]]
    up = np.cumsum(c) / np.arange(1, 7) * 0.1 * np.sqrt(100.0 * np.arange(1, 7))
    down = np.cumsum((10 / (c * 0.1))[3::-1])[::-1]
    index = np.log10(up[:4] / down)
    np.testing.assert_allclose(result.connectivity.values[0, :4], index, atol=1e-5)
    sdr = np.append(0.8 / (1 + np.exp((0.5 - index) / 2)), [1, 1])
    np.testing.assert_allclose(result.sdr.values[0], sdr, rtol=1e-5)
    np.testing.assert_allclose(result.export.values[0], loss * sdr, rtol=1e-5)
    np.testing.assert_allclose(result.retention.values[0], (bare - loss) * np.minimum(sdr / 0.8, 1), rtol=1e-5)

    flux, trapped = 0.0, []
    for k in range(6):
        kept = 1.0 if k >= 4 else max(0.0, sdr[k + 1] - sdr[k]) / (1 - sdr[k])
        trapped.append(kept * flux)
        flux = (1 - kept) * flux + loss[k] * (1 - sdr[k])
    np.testing.assert_allclose(result.deposition.values[0], trapped, rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(result.avoided_export.values[0], (bare - loss) * sdr + trapped, rtol=1e-4)
    hectare = 0.01
    assert result.totals["soil_loss"] == pytest.approx(loss.sum() * hectare, rel=1e-5)
    assert result.totals["deposition"] == pytest.approx(sum(trapped) * hectare, rel=1e-4)

    pixels = retention(
        *case([[6, 5, 4, 3, 2, 1]], codes=[[1, 2, 3, 1, 2, 1]], dx=10, dy=10),
        threshold=5,
        routing=D8,
        ic_length=IcLength.PIXELS,
    )
    np.testing.assert_allclose(pixels.connectivity.values[0, :4], index + 1, atol=1e-5)  # cells of 10 m


# laws --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("routing", ROUTINGS)
@pytest.mark.parametrize(
    "preset, holes, shape",
    [(0, 0, (34, 41)), (0, 0.03, (34, 41)), (1, 0.2, (20, 22)), (0, 0, (1, 30)), (0, 0, (30, 1))],
)
def test_what_is_eroded_leaves_or_is_deposited(routing, preset, holes, shape):
    z, codes = ground(shape, holes=holes)
    result = retention(*case(z, codes, dx=20, dy=35), threshold=40, preset=preset, routing=routing)
    totals = result.totals
    assert totals["soil_loss"] > 0 and totals["deposition"] > 0
    assert totals["export"] + totals["deposition"] + totals["leaves_map"] == pytest.approx(
        totals["soil_loss"], rel=1e-6
    )
    for name in ("retention", "soil_loss", "export", "avoided_erosion", "avoided_export", "deposition", "sdr"):
        np.testing.assert_array_equal(np.isnan(getattr(result, name).values), np.isnan(z), err_msg=name)
    maps = 1.0 if preset == 1 else 0.07
    for name in ("export", "deposition"):
        assert np.nansum(getattr(result, name).values, dtype=float) * maps == pytest.approx(totals[name], rel=1e-5)


@pytest.mark.parametrize("turned", [np.rot90, np.transpose, np.fliplr])
def test_a_map_turned_around_gives_its_result_turned_around(turned):
    z, codes = ground()
    for routing in ROUTINGS:
        result = retention(*case(z, codes), threshold=40, routing=routing)
        again = retention(*case(turned(z), turned(codes)), threshold=40, routing=routing)
        for name in ("soil_loss", "sdr", "export", "avoided_export", "retention"):
            ours, theirs = getattr(again, name).values, turned(getattr(result, name).values)
            np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-3 * theirs.mean(), err_msg=name)


def test_per_pixel_is_per_hectare_times_hectares():
    z, codes = ground()
    inputs = case(z, codes, dx=20, dy=40)
    hectare, pixel = (retention(*inputs, threshold=40, unit=unit) for unit in SedimentUnit)
    for name in ("retention", "soil_loss", "export", "avoided_erosion", "avoided_export", "deposition"):
        np.testing.assert_allclose(getattr(pixel, name).values, getattr(hectare, name).values * 0.08, rtol=1e-5)
    np.testing.assert_array_equal(pixel.sdr.values, hectare.sdr.values)
    assert pixel.totals == hectare.totals


def test_more_cover_loses_and_delivers_less():
    z, _ = ground()
    bare, grass = (retention(*case(z, code), threshold=40) for code in (3, 1))
    assert (grass.soil_loss.values < bare.soil_loss.values).all()
    not_stream = grass.streams.values == 0
    assert (grass.sdr.values[not_stream] <= bare.sdr.values[not_stream] + 1e-7).all()
    assert grass.totals["export"] < bare.totals["export"] and not bare.avoided_erosion.values.any()


def test_an_all_flat_dem_erodes_hardly_and_stays_finite():
    for preset in (0, 1):
        result = retention(*case(np.full((12, 15), 50.0), 3), threshold=10, preset=preset)
        assert np.isfinite(result.soil_loss.values).all() and np.isfinite(result.sdr.values).all()
        assert result.ls.values.max() < 0.1
    with pytest.raises(InputError, match="lower the accumulation threshold"):
        retention(*case(np.full((12, 15), 50.0), 3), preset=2)


# pits --------------------------------------------------------------------------------------------


def with_pit():
    r, c = np.mgrid[:21, :25]
    z = 100.0 - c
    inside = np.hypot(r - 10, c - 12) < 6
    z[inside] = 40 + 3 * np.hypot(r - 10, c - 12)[inside]
    x, y, radius = 500000 + 12.5 * 30, 4600000 - 10.5 * 30, 6 * 30
    mine = ogr.Geometry(ogr.wkbPoint)
    mine.AddPoint_2D(x, y)
    return z, inside, mine.Buffer(radius)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_a_pit_under_a_mine_keeps_all_its_sediment(routing):
    z, _inside, mine = with_pit()
    words = []
    result = retention(*case(z, 3), threshold=20, routing=routing, mine_geometries=[mine], progress=said(words))
    assert any("drain inside" in word for word in words)
    core = np.hypot(*(np.mgrid[:21, :25] - np.array([10, 12])[:, None, None])) < 5
    assert (result.sdr.values[core] == 0).all() and (result.export.values[core] == 0).all()
    assert np.isfinite(result.avoided_export.values).all()
    assert not result.streams.values[core].any()
    bottom = result.deposition.values[10, 12]
    assert bottom == result.deposition.values[core].max()
    assert bottom >= result.soil_loss.values[core].sum() * 0.999
    totals = result.totals
    assert totals["export"] + totals["deposition"] + totals["leaves_map"] == pytest.approx(
        totals["soil_loss"], rel=1e-6
    )
    filled = retention(*case(z, 3), threshold=20, routing=routing)
    assert (filled.sdr.values[core] > 0).all()
    # uphill of the pit nothing changes
    np.testing.assert_array_equal(result.soil_loss.values[:, :5], filled.soil_loss.values[:, :5])


def test_where_some_water_runs_to_a_pit_so_much_less_is_delivered():
    z, _, mine = with_pit()
    inputs = case(z + np.random.default_rng(5).random(z.shape), 3)
    result = retention(*inputs, threshold=20, routing=MFD, mine_geometries=[mine])
    elevation = inputs[0].values.astype(float)
    drains = np.zeros(z.shape, bool)
    drains[10, 12] = True
    flow = route(fill_depressions(elevation, drains=drains), inputs[0].template, unfilled=Unfilled(elevation, drains))
    stream = result.streams.values == 1
    _, reach = flow.path_to(stream, 1.0)
    divided = (reach > 0.05) & (reach < 0.95) & ~stream
    assert divided.sum() > 3
    np.testing.assert_allclose(
        result.sdr.values[divided], (reach * Delivery().ratio(result.connectivity.values))[divided], rtol=1e-5
    )


def test_mines_without_a_pit_are_told():
    _z, _, mine = with_pit()
    words = []
    retention(*case(100.0 - np.mgrid[:21, :25][1], 3), threshold=20, mine_geometries=[mine], progress=said(words))
    assert any("No depression of 'dem'" in word for word in words)


# streams and gaps --------------------------------------------------------------------------------


def test_streams_from_a_drainage_layer():
    z, codes = ground((20, 20))
    inputs = case(z, codes)
    drainage = Grid(np.zeros(z.shape, np.uint8), inputs[0].template, 255, "drainage")
    drainage.values[5, 3:9] = 1
    drainage.values[6, 6] = 255
    only = retention(*inputs, drainage=drainage, threshold=0)
    np.testing.assert_array_equal(only.streams.values, drainage.values == 1)
    both = retention(*inputs, drainage=drainage, threshold=30)
    alone = retention(*inputs, threshold=30)
    np.testing.assert_array_equal(both.streams.values, (drainage.values == 1) | (alone.streams.values == 1))


def test_no_stream_is_told_and_ways_end_at_the_edge():
    z, codes = ground((12, 12))
    words = []
    result = retention(*case(z, codes), threshold=1000, progress=said(words))
    assert any("No cell is a stream" in word for word in words)
    assert (result.sdr.values > 0).all() and (result.sdr.values < 0.8).all()


def test_gaps_in_other_inputs_stay_where_they_are():
    z, codes = ground((25, 25))
    dem, cover, rain, soil, table = case(z, codes)
    cover.values[8, 8:12] = cover.nodata
    rain.values[15, 5] = rain.nodata
    result = retention(dem, cover, rain, soil, table, threshold=30)
    gap = np.zeros(z.shape, bool)
    gap[8, 8:12] = gap[15, 5] = True
    np.testing.assert_array_equal(np.isnan(result.soil_loss.values), gap)
    np.testing.assert_array_equal(np.isnan(result.export.values), gap)
    assert np.isfinite(result.sdr.values).all()
    totals = result.totals
    assert totals["export"] + totals["deposition"] + totals["leaves_map"] == pytest.approx(
        totals["soil_loss"], rel=1e-6
    )


def test_drainage_from_rasters_lines_and_polygons(tmp_path):
    inputs = case(*ground((8, 10)))
    template = inputs[0].template
    mask = np.zeros((8, 10), np.uint8)
    mask[0, 0], mask[1, 1] = 1, 2
    write_raster(Grid(mask, template, 255, "river"), str(tmp_path / "river.tif"))
    line = ogr.CreateGeometryFromWkt("LINESTRING(500075 4599790,500225 4599865)")  # up and to the right
    pond = ogr.CreateGeometryFromWkt(
        "POLYGON((500240 4600000,500300 4600000,500300 4599960,500240 4599960,500240 4600000))"
    )
    rivers = Layer("rivers", WKT, [line, pond], [{}, {}], [])
    found = factors.drainage_cells([RasterSource(str(tmp_path / "river.tif")), rivers], template).values
    assert found[0, 0] == 1 and found[1, 1] == 0
    assert found[0, 8:].tolist() == [1, 1] and found[1, 8:].sum() == 0  # a centre at 45 m is not inside
    river = found[3:, :8]
    _label, count = ndimage.label(river)  # by sides alone: no flow slips through
    assert count == 1 and river.any(axis=0)[2:8].all()


def test_a_gap_in_a_uniform_cover_changes_no_connectivity():
    z, _ = ground((25, 25))
    dem, cover, rain, soil, table = case(z, 2)
    whole = retention(dem, cover, rain, soil, table, threshold=30)
    cover.values[5:14, 6:19] = cover.nodata
    gap = retention(dem, cover, rain, soil, table, threshold=30)
    np.testing.assert_allclose(gap.connectivity.values, whole.connectivity.values, atol=1e-5)


# cover factor ------------------------------------------------------------------------------------


def vegetation(values):
    values = np.array([values], np.float32)
    t = Template(1, values.size, (500000.0, 30, 0.0, 4600000.0, 0.0, -30), WKT)
    return Grid(values, t, -9999.0, "vegetation")


def test_cover_factor_from_ndvi():
    words = []
    factor = factors.cover_factor(vegetation([0, 0.5, 0.8, 1, -0.3, -1, -9999]), progress=said(words))
    np.testing.assert_allclose(factor.values[0], [1, math.exp(-2), math.exp(-8), 0, 1, 1, np.nan], rtol=1e-5)
    assert "2 cell(s) beyond 0 to 1" in words[0]


def test_cover_factor_from_cover():
    words = []
    factor = factors.cover_factor(
        vegetation([0, 0.05, 10, 50, 78.3, 78.4, 100]), kind=CoverKind.CAI, progress=said(words)
    )
    np.testing.assert_allclose(factor.values[0], [1, 1, 0.3072, 0.6508 - 0.3436 * math.log10(50), 0, 0, 0], atol=2e-4)
    assert "1 cell(s) beyond" in words[0]


def test_cover_factor_refuses_what_it_cannot_be():
    with pytest.raises(InputError, match="'vegetation' holds 120 on 1 cell.* NDVI is -1 to 1"):
        factors.cover_factor(vegetation([0.2, 120]))
    with pytest.raises(InputError, match="0 to 100"):
        factors.cover_factor(vegetation([-5, 20]), kind=CoverKind.CAI)


def test_a_cover_raster_takes_the_place_of_the_table():
    z, codes = ground((20, 20))
    inputs = case(z, codes)
    by_code = np.array([0, 0.01, 0.3, 1], np.float32)[codes]
    cover = Grid(by_code, inputs[0].template, -1.0, "C")
    table = tables.parse_csv("land_cover,usle_p\n1,1\n2,0.6\n3,1\n", "p.csv")
    ours = retention(*inputs[:4], table, cover=cover, threshold=30)
    theirs = retention(*inputs, threshold=30)
    np.testing.assert_array_equal(ours.export.values, theirs.export.values)
    with pytest.raises(InputError, match="usle_c"):
        retention(*inputs[:4], table, threshold=30)
    cover.values[3, 3] = 1.5
    with pytest.raises(InputError, match="'C' holds 1.5 on 1 cell"):
        retention(*inputs[:4], table, cover=cover, threshold=30)


# tables, presets, manners ------------------------------------------------------------------------


def test_shipped_table_serves_the_default_codes():
    parsed = factors.read_table()
    by_code = {row["land_cover"]: row for row in parsed.rows}
    assert set(by_code) == {*range(1, 10), *range(11, 16)}
    assert by_code[2]["usle_c"] < by_code[4]["usle_c"] < by_code[1]["usle_c"] < by_code[12]["usle_c"]
    nlcd = {row["land_cover"]: row["usle_c"] for row in factors.read_table(factors.default_table("NLCD")).rows}
    assert nlcd[41] == by_code[2]["usle_c"] and nlcd[11] == 0
    z, codes = ground((20, 20))
    dem, cover, rain, soil, _ = case(z, codes)
    assert retention(dem, cover, rain, soil, threshold=30).totals["soil_loss"] > 0


def test_what_each_preset_sets():
    """The literature's longest slope, 333 m; InVEST holds the L factor itself down to 122."""
    recommended = ("MFD", "recommended", "Desmet-Govers", 333, "slope length in metres", "metres", "values everywhere")
    names = ("routing", "flow", "ls_method", "cap", "capped", "ic_length", "masking", "unit")
    for preset, expected in enumerate(
        (
            (*recommended, "t/ha"),
            (*recommended, "t per pixel"),
            ("MFD", "as InVEST", "InVEST from 3.14 on", 122, "L factor", "InVEST pixels", "as InVEST", "t/ha"),
        )
    ):
        assert vars(sr.PRESETS[tuple(Preset)[preset]]) == dict(zip(names, expected)), preset


def test_presets_and_single_choices():
    def conventions(preset, **by_hand):
        return sr.SedimentChoices(preset, by_hand).conventions

    assert conventions(Preset.AS_PUBLISHED).unit is SedimentUnit.PER_PIXEL
    assert conventions(Preset.RECOMMENDED).unit is SedimentUnit.PER_HECTARE
    assert conventions(Preset.AS_INVEST).masking is Masking.AS_INVEST
    assert conventions(Preset.AS_INVEST, masking=Masking.KEPT).masking is Masking.KEPT
    assert conventions(Preset.RECOMMENDED, cap=None, routing=D8) == conventions(Preset.RECOMMENDED, routing=D8)
    with pytest.raises(InputError, match="must be above 0") as caught:
        sr.SedimentChoices(by_hand={"cap": 0})
    assert caught.value.parameter == "ls_cap" and caught.value.value == 0


@pytest.mark.parametrize(
    "more, message, parameter",
    [
        ({"kb": 0}, "k_b is 0", "kb"),
        ({"sdr_max": 1.2}, "SDR_max is 1.2", "sdr_max"),
        ({"threshold": 0}, "threshold of 0", "accumulation_threshold"),
        ({"threshold": -3}, "-3 is below 0", "accumulation_threshold"),
    ],
)
def test_wrong_numbers_are_refused(more, message, parameter):
    with pytest.raises(InputError, match=message) as caught:
        retention(*case(*ground((8, 8))), **more)
    assert caught.value.parameter == parameter


def test_wrong_maps_are_refused():
    dem, cover, rain, soil, table = case(*ground((8, 8)))
    for grid, name in ((rain, "rain"), (soil, "soil")):
        kept, grid.values[2, 2] = grid.values[2, 2], -1
        with pytest.raises(InputError, match=f"'{name}' holds -1 on 1 cell"):
            retention(dem, cover, rain, soil, table)
        grid.values[2, 2] = kept
    with pytest.raises(InputError, match="not on the cells of 'dem'"):
        retention(dem, cover, Grid(rain.values[1:], rain.template, -9, "rain"), soil, table)
    cover.values[0, 0] = 7
    with pytest.raises(InputError, match=r"code 7 \(1 pixels\)"):
        retention(dem, cover, rain, soil, table)
    cover.values[0, 0] = 1
    for text, message in (("1,1.2,1\n", "usle_c"), ("1,0.5,-1\n", "usle_p"), ("1,,1\n", "usle_c")):
        with pytest.raises(InputError, match=message):
            retention(dem, cover, rain, soil, tables.parse_csv("land_cover,usle_c,usle_p\n" + text, "t"))
    rain.values[:] = -9
    with pytest.raises(InputError, match="No cell of 'dem'"):
        retention(dem, cover, rain, soil, table, preset=2)


def test_inputs_are_not_altered():
    inputs = case(*ground((20, 20), holes=0.05))
    before = [grid.values.copy() for grid in inputs[:4]]
    for preset in range(3):
        retention(*inputs, threshold=20, preset=preset)
    for grid, values in zip(inputs, before):
        np.testing.assert_array_equal(grid.values, values)


def test_a_cancel_acts():
    for after in (1, 5, 10, 15):
        calls = itertools.count(1)
        with pytest.raises(Cancelled):
            retention(
                *case(*ground()),
                threshold=40,
                progress=Progress(cancelled=lambda calls=calls, after=after: next(calls) > after),
            )

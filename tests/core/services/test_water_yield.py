"""Water yield against InVEST 3.20.2, worked numbers, limits of the curves, and watersheds' sums."""

import csv
from pathlib import Path

import factory
import numpy as np
import pytest
from factory import square_wkt
from osgeo import gdal, ogr

from econet.core import tables
from econet.core.errors import Cancelled, InputError
from econet.core.geometry.layers import read_layer
from econet.core.grid.blocks import Classes
from econet.core.grid.grid import Grid, Template, Window
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.grid.warping import AlignedRaster, align, read_classes
from econet.core.outputs import OutputFiles, write_raster
from econet.core.presets import Preset
from econet.core.progress import SILENT, Progress
from econet.core.services import water_yield as wy
from econet.core.services.annual_sum import AnnualSum, read_annual
from econet.core.services.water_yield import BudykoCurve, DepthUnit

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
TABLE = "land_cover,kc,root_depth_mm,vegetated\n1,0.9,1000,1\n2,0.3,,0\n"


def table(text=TABLE, name="t.csv"):
    return tables.parse_csv(text, name)


def grids(codes, rain, et0, soil, pawc, dx=30.0, dy=30.0):
    codes = np.asarray(codes, dtype=np.int32)
    t = factory.template(*codes.shape, cell=dx, height=dy, name="cover")
    maps = [
        Grid(np.broadcast_to(np.asarray(values, np.float32), codes.shape).copy(), t, -9999.0, name)
        for values, name in ((rain, "rain"), (et0, "et0"), (soil, "soil"), (pawc, "pawc"))
    ]
    return (Grid(codes, t, -9, "cover"), *maps)


def yields(maps, text=None, *, watersheds=None, progress=SILENT, **choices):
    """Of the maps that `grids` gives; without a text of a table the shipped one."""
    land, rain, et0, soil, pawc = maps
    inputs = wy.YieldInputs.of_grids(
        land, precipitation=rain, evapotranspiration=et0, soil_depth=soil, plant_available_water=pawc
    )
    choices = wy.YieldChoices(wy.read_table(text), **choices)
    return wy.water_yield(inputs, choices, watersheds=watersheds, progress=progress)


def invest_grids():
    land = read_classes(RasterSource(str(INVEST / "inputs/lulc.tif")))
    return (
        land,
        *(
            read_annual(RasterSource(str(INVEST / f"inputs/{name}.tif")), land.template)
            for name in ("precip", "eto", "soil_depth", "pawc")
        ),
    )


def box(left, bottom, right, top):
    return ogr.CreateGeometryFromWkt(square_wkt(left, bottom, right - left, top - bottom))


# InVEST ------------------------------------------------------------------------------------------


def test_equals_invest_on_every_cell_and_by_watershed():
    result = yields(
        invest_grids(),
        tables.read_csv(INVEST / "inputs/biophysical.csv"),
        seasonality=12.0,
        preset=Preset.AS_INVEST,
        watersheds=read_layer(str(INVEST / "inputs/watershed.gpkg")),
    )
    for grid, name in ((result.water_yield, "awy_wyield"), (result.evapotranspiration, "awy_aet")):
        expected = read_raster(RasterSource(str(INVEST / f"expected/{name}.tif"))).floats(np.float64)
        np.testing.assert_allclose(grid.values, expected, rtol=1e-5, atol=0)
    with open(INVEST / "expected/awy_watershed_results.csv", newline="") as stream:
        expected = next(csv.DictReader(stream))
    (watershed,) = result.watersheds
    for ours, theirs in (
        ("precipitation_mm", "precip_mn"),
        ("pet_mm", "PET_mn"),
        ("aet_mm", "AET_mn"),
        ("yield_mm", "wyield_mn"),
        ("yield_m3", "wyield_vol"),
    ):
        assert getattr(watershed, ours) == pytest.approx(float(expected[theirs]), rel=1e-6)
    assert watershed.attributes == {"ws_id": 1}


# worked numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "curve, share, expected", [(BudykoCurve.FU, 0.698195, 211.264), (BudykoCurve.ZHANG_2001, 0.721585, 194.890)]
)
@pytest.mark.parametrize("depths", [(150 / 0.15, 5000.0), (9999.0, 1000.0)])
def test_p700_et900_kc09_awc150_z5(curve, share, expected, depths):
    soil, root = depths
    text = f"land_cover,kc,root_depth_mm,vegetated\n1,0.9,{root},1\n"
    result = yields(grids([[1]], 700, 900, soil, 0.15), table(text), seasonality=5.0, budyko=curve)
    assert result.water_yield.values[0, 0] == pytest.approx(expected, abs=5e-4)
    assert result.evapotranspiration.values[0, 0] / 700 == pytest.approx(share, abs=5e-7)


def test_presets_choose_the_curve():
    maps = grids([[1]], 700, 900, 1000, 0.15)
    text = table("land_cover,kc,root_depth_mm,vegetated\n1,0.9,1000,1\n")
    found = [yields(maps, text, seasonality=5.0, preset=preset).water_yield.values[0, 0] for preset in Preset]
    np.testing.assert_allclose(found, [211.264, 194.890, 211.264], atol=5e-4)
    by_hand = yields(maps, text, seasonality=5.0, budyko=BudykoCurve.FU, preset=Preset.AS_PUBLISHED)
    assert by_hand.water_yield.values[0, 0] == pytest.approx(211.264, abs=5e-4)


def test_where_nothing_grows_the_smaller_of_demand_and_rain_evaporates():
    result = yields(grids([[2, 2]], [[700, 200]], 900, 1000, 0.15), table())
    np.testing.assert_allclose(result.water_yield.values, [[700 - 270, 0]], rtol=1e-6)
    np.testing.assert_allclose(result.evapotranspiration.values, [[270, 200]], rtol=1e-6)


def test_depth_units():
    text = table("land_cover,kc,root_depth_mm,vegetated\n1,0.9,5000,1\n")
    found = [
        yields(grids([[1]], 700, 900, soil, 0.15), text, seasonality=5.0, depth_unit=unit).water_yield.values[0, 0]
        for unit, soil in zip(DepthUnit, (1000, 100, 1))
    ]
    np.testing.assert_allclose(found, 211.264, atol=5e-4)


# the curves' properties --------------------------------------------------------------------------


def test_fu_equals_its_printed_form():
    phi, w = np.meshgrid(np.geomspace(0.01, 20, 40), np.linspace(1.25, 5, 20))
    np.testing.assert_allclose(wy.fu(phi, w), 1 + phi - (1 + phi**w) ** (1 / w), rtol=1e-9, atol=1e-12)


def test_zhang_equals_its_printed_form():
    phi, w = np.meshgrid(np.geomspace(0.01, 20, 40), np.linspace(0, 30, 20))
    np.testing.assert_allclose(wy.zhang_2001(phi, w), (1 + w * phi) / (1 + w * phi + 1 / phi), rtol=1e-9)


def test_extremes_of_fu():
    assert wy.fu(0.0, 2.0) == 0
    assert wy.fu(1e12, 2.0) == pytest.approx(1)
    assert wy.fu(1e-12, 1.25) == pytest.approx(0, abs=1e-11)


@pytest.mark.parametrize("curve", BudykoCurve)
def test_neither_demand_nor_rain_is_passed_and_water_is_conserved(curve):
    rng = np.random.default_rng(9)
    shape = (40, 50)
    rain, et0 = rng.uniform(1, 2500, shape), rng.uniform(1, 2000, shape)
    arguments = grids(rng.integers(1, 3, shape), rain, et0, rng.uniform(0, 3000, shape), rng.uniform(0, 0.5, shape))
    result = yields(arguments, table(), seasonality=30.0, budyko=curve)
    actual, runoff = result.evapotranspiration.values, result.water_yield.values
    demand = np.where(arguments[0].values == 1, 0.9, 0.3) * et0
    assert (actual <= np.minimum(rain, demand) * (1 + 1e-6)).all()
    assert (runoff >= -1e-3).all()
    np.testing.assert_allclose(actual + runoff, rain, rtol=1e-6)


@pytest.mark.parametrize("curve", BudykoCurve)
def test_more_soil_water_and_more_seasons_never_yield_more(curve):
    soil = np.linspace(0, 3000, 60)[None, :]
    few, many = (
        yields(
            grids(np.ones((1, 60)), 800, 900, soil, 0.15),
            table("land_cover,kc,root_depth_mm,vegetated\n1,0.9,9999,1\n"),
            seasonality=z,
            budyko=curve,
        ).water_yield.values[0]
        for z in (3.0, 15.0)
    )
    assert (np.diff(few) <= 1e-4).all() and few[0] > few[-1]
    assert (many <= few + 1e-4).all()


def test_the_cap_is_needed_by_zhang():
    # phi 0.5, w 12: Eq 4 alone gives 0.78, more than all demand
    heard = []
    result = yields(
        grids([[1]], 1000, 500 / 0.9, 2000, 0.5),
        table(),
        seasonality=24.0,
        budyko=BudykoCurve.ZHANG_2001,
        progress=Progress(log=heard.append),
    )
    assert "On 1 cell(s) the curve gave more evapotranspiration than the demand" in heard[-1]
    assert wy.zhang_2001(0.5, 12.0) > 0.5
    assert result.evapotranspiration.values[0, 0] == pytest.approx(500, rel=1e-6)


# no rain, no value -------------------------------------------------------------------------------


def test_no_rain_gives_0_and_in_invest_no_value():
    maps = grids([[1, 2, 1]], [[0, 0, 700]], 900, 1000, 0.15)
    for preset, expected in zip(Preset, (0.0, 0.0, np.nan)):
        with np.errstate(all="raise"):
            result = yields(maps, table(), preset=preset)
        for grid in (result.water_yield, result.evapotranspiration):
            np.testing.assert_array_equal(grid.values[0, :2], [expected, expected])
            assert grid.values[0, 2] > 0


def test_nodata_of_each_map_and_soil_where_nothing_grows():
    names = ("cover", "rain", "et0", "soil", "pawc")
    for index, name in enumerate(names):
        arguments = grids([[1, 2, 1]], 700, 900, 1000, 0.15)
        arguments[index].values[0, :2] = arguments[index].nodata
        recommended, invest = (
            yields(arguments, table(), preset=preset).water_yield.values[0]
            for preset in (Preset.RECOMMENDED, Preset.AS_INVEST)
        )
        assert np.isnan(recommended[0]) and np.isnan(invest[:2]).all()
        assert np.isnan(recommended[1]) == (name not in ("soil", "pawc"))
        assert recommended[2] > 0 and invest[2] > 0


def test_blocks_do_not_change_the_result(monkeypatch):
    from econet.core.grid import row_blocks

    arguments = invest_grids(), tables.read_csv(INVEST / "inputs/biophysical.csv")
    whole = yields(*arguments).water_yield.values
    monkeypatch.setattr(row_blocks, "_BLOCK_CELLS", 700)
    assert np.array_equal(yields(*arguments).water_yield.values, whole)


# watersheds --------------------------------------------------------------------------------------


def test_watersheds_that_overlap_or_leave_the_map():
    codes = np.full((4, 6), 2)
    rain = np.arange(24).reshape(4, 6) + 400.0
    west, north = 500000.0, 4600000.0
    shapes = [
        box(west, north - 80, west + 20, north),
        box(west, north - 160, west + 60, north),
        box(west + 50, north - 40, west + 110, north),
        box(west + 1, north - 2, west + 2, north - 1),
        box(0, 0, 1, 1),
    ]
    heard = []
    arguments = grids(codes, rain, 100, 1000, 0.15, dx=10.0, dy=40.0)
    arguments[1].values[0, 5] = -9999
    features = factory.layer(shapes, [{"id": n} for n in range(5)], name="sheds")
    sheds = yields(arguments, table(), watersheds=features, progress=Progress(warn=heard.append)).watersheds
    runoff = rain - 30
    assert sheds[0].yield_mm == pytest.approx(runoff[:2, :2].mean())
    assert sheds[0].yield_m3 == pytest.approx(runoff[:2, :2].sum() / 1000 * 400)
    known = runoff.ravel()[np.arange(24) != 5]
    assert sheds[1].yield_m3 == pytest.approx(known.sum() / 1000 * 400)
    assert sheds[1].covered_km2 == pytest.approx(23 * 400 / 1e6) and sheds[1].area_km2 == pytest.approx(24 * 400 / 1e6)
    for empty in sheds[2:]:
        assert empty.yield_mm is None and empty.yield_m3 is None and empty.covered_km2 == 0
    assert len(heard) == 3 and "Watershed 3 of layer 'sheds'" in heard[0]
    assert [shed.attributes["id"] for shed in sheds] == list(range(5))


def test_an_empty_watershed_layer_is_refused():
    with pytest.raises(InputError, match="Layer 'sheds' is empty"):
        yields(grids([[1]], 700, 900, 1000, 0.15), table(), watersheds=factory.layer([], name="sheds"))


# months ------------------------------------------------------------------------------------------


def test_twelve_bands_are_added_and_others_refused(tmp_path, monkeypatch):
    t = factory.template(2, 3, name="cover")

    def write(count):
        path = str(tmp_path / f"rain{count}.tif")
        dataset = gdal.GetDriverByName("GTiff").Create(path, 3, 2, count, gdal.GDT_Float32)
        dataset.SetGeoTransform(t.transform)
        dataset.SetProjection(t.crs.reference.ExportToWkt())
        for band in range(count):
            values = np.full((2, 3), band + 1.0)
            values[0, 0] = -1 if band == 4 else values[0, 0]
            dataset.GetRasterBand(band + 1).SetNoDataValue(-1)
            dataset.GetRasterBand(band + 1).WriteArray(values)
        dataset = None
        return RasterSource(path)

    stack, opened, real = write(12), [], gdal.Open
    monkeypatch.setattr(gdal, "Open", lambda path, *more: opened.append(path) or real(path, *more))
    year = read_annual(stack, t)
    assert opened == [stack.path]
    assert year.values.tolist()[1] == [78, 78, 78] and np.isnan(year.values[0, 0])
    assert read_annual(write(1), t).values[1, 1] == 1
    with pytest.raises(InputError, match="Raster 'rain3' has 3 bands"):
        read_annual(write(3), t)
    with pytest.raises(InputError, match="cannot be opened"):
        read_annual(RasterSource(str(tmp_path / "gone.tif")), t)


# bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index, value, message",
    [
        (1, -5, r"Raster 'rain' holds -5 on 1 cell\(s\), and cannot be negative"),
        (2, -5, "Raster 'et0' holds -5"),
        (3, -5, "Raster 'soil' holds -5"),
        (4, 15, r"Raster 'pawc' holds 15 on 1 cell\(s\), and a share must be 0 to 1: divide per cent by 100"),
    ],
)
def test_values_without_meaning(index, value, message):
    arguments = grids([[1, 1]], 700, 900, 1000, 0.15)
    arguments[index].values[0, 1] = value
    with pytest.raises(InputError, match=message):
        yields(arguments, table())


@pytest.mark.parametrize(
    "text, message",
    [
        ("land_cover,root_depth_mm,vegetated\n1,1,1\n", "Table 't.csv' has no column 'kc'"),
        (
            "land_cover,kc,root_depth_mm,vegetated\n1,0.9,,1\n",
            "row 2, column 'root_depth_mm': '' cannot be the root depth",
        ),
        (
            "land_cover,kc,root_depth_mm,vegetated\n1,0.9,100,maybe\n",
            "column 'vegetated': 'maybe' is neither yes nor no",
        ),
        ("land_cover,kc,root_depth_mm,vegetated\n5,0.9,100,1\n", r"holds code 1 \(1 pixels\)"),
    ],
)
def test_bad_tables(text, message):
    with pytest.raises(InputError, match=message):
        yields(grids([[1]], 700, 900, 1000, 0.15), table(text))


def test_other_refusals():
    with pytest.raises(InputError, match="31 is outside 1 to 30") as caught:
        wy.YieldChoices(seasonality=31.0)
    assert caught.value.parameter == "seasonality"
    with pytest.raises(InputError, match="No cell of 'cover' has a value in all of rain, et0, soil and pawc"):
        yields(grids([[1, 1]], [[700, -9999]], [[-9999, 900]], 1000, 0.15), table())
    arguments = list(grids([[1, 1]], 700, 900, 1000, 0.15))
    arguments[3] = grids([[1]], 700, 900, 1000, 0.15)[3]
    with pytest.raises(InputError, match="Raster 'soil' is not on the cells of 'cover'"):
        yields(arguments, table())


def test_cancel():
    with pytest.raises(Cancelled):
        yields(grids([[1]], 700, 900, 1000, 0.15), table(), progress=Progress(cancelled=lambda: True))


def test_watersheds_without_any_cell_are_refused():
    far = factory.layer(["POLYGON((0 0,90 0,90 90,0 90,0 0))"], name="sheds")
    with pytest.raises(InputError, match="No watershed of layer 'sheds' holds the centre of a cell"):
        yields(grids([[1]], 700, 900, 1000, 0.15), table(), watersheds=far)


@pytest.mark.parametrize("product, code", [("NLCD", 41), ("ESA WorldCover", 10), ("CNLUCC", 21)])
def test_shipped_table_for_another_product(product, code):
    def of(number, of_product):
        return yields(grids([[number]], 700, 900, 1000, 0.15), wy.default_table(of_product)).water_yield.values

    assert np.array_equal(of(code, product), of(2, "CLCD"))


# in parts ----------------------------------------------------------------------------------------


def test_parts_and_whole_files_give_the_same_bits(tmp_path):
    """A map of many parts against crops of it that are one part, across the parts' borders."""
    random = np.random.default_rng(12)
    size = 600, 2300
    land, *maps = grids(
        random.choice([1, 2, -9], size, p=[0.6, 0.3, 0.1]),
        *(
            np.where(random.random(size) < 0.05, -9999, low + (high - low) * random.random(size))
            for low, high in ((0, 900), (300, 1400), (100, 3000), (0, 0.6))
        ),
    )
    shed = box(500000 + 30 * 1900.2, 4600000 - 30 * 560.2, 500000 + 30 * 2200.7, 4600000 - 30 * 10.3)
    far = box(500000, 4600000 - 30 * 599.9, 500000 + 30 * 0.9, 4600000 - 30 * 598.9)
    sheds = factory.layer([shed, far], name="sheds")
    result = yields((land, *maps), table(), watersheds=sheds)
    for rows, cols in (
        (slice(200, 300), slice(2000, 2100)),
        (slice(500, 600), slice(2200, 2300)),
        (slice(256, 257), slice(0, 1)),
        (slice(0, 30), slice(0, 512)),
    ):
        part = Window(rows.start, cols.start, rows.stop - rows.start, cols.stop - cols.start)
        crop = yields(
            (Grid(each.values[rows, cols], each.template.part(part), each.nodata, each.name) for each in (land, *maps)),
            table(),
        )
        for whole, cut in (
            (result.water_yield, crop.water_yield),
            (result.evapotranspiration, crop.evapotranspiration),
        ):
            np.testing.assert_array_equal(whole.values[rows, cols], cut.values)
    inside = result.water_yield.values[10:560, 1900:2201]
    assert result.watersheds[0].yield_mm == pytest.approx(np.nanmean(inside, dtype=np.float64), rel=1e-12)
    assert result.watersheds[0].covered_km2 == pytest.approx(np.isfinite(inside).sum() * 900 / 1e6)
    assert result.watersheds[1].covered_km2 <= 900 / 1e6

    # the same from files, some of them on other cells and in another CRS
    place, sources = land.template, []
    for number, (grid, t) in enumerate(
        [
            (land, place),
            (maps[0], place),
            *((each, Template(*size, (122.99, 0.0004, 0, 41.56, 0, -0.0004), "EPSG:4326", "")) for each in maps[1:]),
        ]
    ):
        path = str(tmp_path / f"{number}.tif")
        write_raster(Grid(grid.values, t, grid.nodata), path)
        sources.append(RasterSource(path))
    with OutputFiles() as files:
        outputs = [files.raster_windows(place, str(tmp_path / f"{name}.tif")) for name in ("y", "e")]
        sums = wy.water_yield_blocks(
            wy.YieldInputs(
                Classes(sources[0], place),
                *(AnnualSum(source, place) for source in sources[1:3]),
                *(AlignedRaster(source, place) for source in sources[3:]),
            ),
            wy.YieldOutputs(*outputs),
            wy.YieldChoices(wy.read_table(table())),
            watersheds=sheds,
        )
    expected = yields(
        (read_classes(sources[0]), *(align(source, place) for source in sources[1:])), table(), watersheds=sheds
    )
    np.testing.assert_array_equal(
        read_raster(RasterSource(str(tmp_path / "y.tif"))).values, expected.water_yield.values
    )
    np.testing.assert_array_equal(
        read_raster(RasterSource(str(tmp_path / "e.tif"))).values, expected.evapotranspiration.values
    )
    assert np.isfinite(expected.water_yield.values).mean() > 0.3
    assert [shed.yield_mm for shed in sums] == [shed.yield_mm for shed in expected.watersheds]


def test_wrong_values_are_counted_over_the_whole_map():
    size = 300, 2300
    land, *maps = grids(np.ones(size), *(np.full(size, value) for value in (700, 900, 1000, 0.15)))
    maps[3].values[299, 0], maps[3].values[10, 2299], maps[3].values[10, 2298] = 3, 15, 4
    with pytest.raises(InputError, match=r"'pawc' holds 4 on 3 cell\(s\), and a share must be 0 to 1"):
        yields((land, *maps), table())

"""core.grid and core.outputs: georeferencing, reading, aligning against brute force, writing whole or not at all."""

import math
import os
import resource
import signal
import threading
import warnings

import numpy as np
import pytest
from factory import UTM, template
from osgeo import gdal

from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.grid import warping, writing
from econet.core.grid.grid import CLASSES, QUANTITY, Grid, Template
from econet.core.grid.reading import RasterSource, open_template, read_raster
from econet.core.grid.reading import read_band as read_band
from econet.core.grid.warping import align, read_classes
from econet.core.outputs import OutputFiles, write_raster
from econet.core.progress import Progress

DEGREES = Crs.of("EPSG:4326").reference.ExportToWkt()


@pytest.fixture
def tif(tmp_path):
    """Writes a GeoTIFF with GDAL itself, not with what is tested."""

    def write(
        values,
        place=None,
        name="map",
        kind=None,
        nodata=None,
        crs=None,
        transform=None,
        options=(),
        scale=None,
        offset=None,
        mask=None,
    ):
        values = np.asarray(values)
        place = place or template(*values.shape)
        kinds = {
            "uint8": gdal.GDT_Byte,
            "int8": gdal.GDT_Byte,
            "int16": gdal.GDT_Int16,
            "int32": gdal.GDT_Int32,
            "uint32": gdal.GDT_UInt32,
            "float32": gdal.GDT_Float32,
            "float64": gdal.GDT_Float64,
        }
        path = str(tmp_path / f"{name}.tif")
        dataset = gdal.GetDriverByName("GTiff").Create(
            path, values.shape[1], values.shape[0], 1, kind or kinds[values.dtype.name], list(options)
        )
        if transform is not False:
            dataset.SetGeoTransform(transform or place.transform)
        if crs != "":
            dataset.SetProjection(crs or place.crs.reference.ExportToWkt())
        band = dataset.GetRasterBand(1)
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if scale is not None:
            band.SetScale(scale)
            band.SetOffset(offset)
        band.WriteArray(values)
        if mask is not None:
            dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
            band.GetMaskBand().WriteArray(np.asarray(mask, dtype=np.uint8))
        return path

    return write


def logged():
    said = []
    return said, Progress(log=said.append)


# Template -------------------------------------------------------------------------------------------


def test_template_measures():
    t = template(3, 5, 30.0, 20.0)
    assert (t.shape, t.cell_width, t.cell_height, t.cell_area_m2) == ((3, 5), 30, 20, 600)
    assert t.bounds == (500000, 4600000 - 60, 500150, 4600000)
    assert t.xy(0, 0) == (500015, 4599990)
    assert t.xy(2, 4) == (500135, 4599950)


@pytest.mark.parametrize(
    "place",
    [template(4, 7, 30.0, 17.5), template(1, 9), template(9, 1, 0.1), template(5, 5, 10.0, west=-3e5, north=-2e6)],
)
def test_every_cell_centre_is_found_again(place):
    rows, cols = np.indices(place.shape)
    found = place.row_col(*place.xy(rows, cols))
    np.testing.assert_array_equal(found[0], rows)
    np.testing.assert_array_equal(found[1], cols)
    assert place.contains(rows, cols).all()
    outside = place.row_col(place.bounds[0] - 1e-3, place.bounds[3] + 1e-3)
    assert outside == (-1, -1) and not place.contains(*outside)


@pytest.mark.parametrize("margin", [0, 1, 29.9, 30, 31, 500])
def test_padded_keeps_the_lattice_and_offset_finds_it(margin):
    t = template(4, 6, 30.0, 20.0)
    wide = t.padded(margin)
    row, col = t.offset_in(wide)
    assert wide.xy(row, col) == pytest.approx(t.xy(0, 0))
    assert wide.xy(row + 3, col + 5) == pytest.approx(t.xy(3, 5))
    for own, grown, sign in zip(t.bounds, wide.bounds, (-1, -1, 1, 1)):
        assert margin - 1e-6 <= sign * (grown - own) < margin + 30


def test_same_grid():
    t = template(4, 6)
    assert t.same_grid(template(4, 6, crs=Crs.of("EPSG:32651").reference.ExportToWkt(["FORMAT=WKT2"]), name="b"))
    assert t.same_grid(template(4, 6, west=500000.01))
    for other in (
        template(6, 4),
        template(4, 6, west=500001),
        template(4, 6, 30.1),
        template(4, 6, 30, 29.9),
        template(4, 6, crs=Crs.of("EPSG:32650").reference.ExportToWkt()),
    ):
        assert not t.same_grid(other)


def test_the_last_cell_of_a_long_row_counts_for_same_grid():
    assert not template(1, 5000).same_grid(template(1, 5000, 30.001))


# reading --------------------------------------------------------------------------------------------


def test_read_keeps_values_type_and_nodata(tif):
    grid = read_raster(RasterSource(tif(np.array([[1, 2], [255, 0]], np.uint8), nodata=255)))
    assert grid.values.dtype == np.uint8 and grid.nodata == 255 and grid.name == "map"
    np.testing.assert_array_equal(grid.valid, [[True, True], [False, True]])
    np.testing.assert_array_equal(grid.floats(), np.array([[1, 2], [np.nan, 0]], np.float32))
    assert grid.template.transform == template(2, 2).transform


def test_nan_and_infinity_are_no_value_beside_a_declared_nodata(tif):
    values = np.array([[1.5, np.nan, -9999, np.inf, -np.inf]], np.float32)
    np.testing.assert_array_equal(
        read_raster(RasterSource(tif(values, nodata=-9999))).valid, [[True, False, False, False, False]]
    )


@pytest.mark.parametrize(
    "dtype, nodata, value",
    [
        (np.uint8, -9999, 241),
        (np.uint8, 256, 0),
        (np.uint8, 1.5, 1),
        (np.int16, -3.4e38, 0),
        (np.int16, 99999, -31073),
        (np.uint8, math.nan, 0),
    ],
)
def test_a_nodata_that_the_type_cannot_hold_hides_no_value(tif, dtype, nodata, value):
    path = tif(np.array([[value, 7]], dtype), nodata=nodata)
    grid = read_raster(RasterSource(path))
    assert grid.valid.all()
    assert Grid(grid.values, grid.template, nodata).valid.all()
    shifted = align(RasterSource(path), template(1, 1, west=500030.0), kind=CLASSES)
    assert shifted.values.tolist() == [[7]] and shifted.valid.all()
    partly = read_classes(RasterSource(path), template(1, 3))
    assert partly.valid.tolist() == [[True, True, False]] and partly.values[0, :2].tolist() == [value, 7]


def test_float32_nodata_written_as_double_is_recognised(tif):
    values = np.array([[np.float32(-3.4028235e38), 1]], np.float32)
    assert read_raster(RasterSource(tif(values, nodata=-3.4028234663852886e38))).valid.tolist() == [[False, True]]
    assert read_raster(RasterSource(tif(np.array([[0.1, 1]], np.float32), nodata=0.1))).valid.tolist() == [
        [False, True]
    ]


def test_scale_offset_and_mask_band(tif):
    grid = read_raster(RasterSource(tif(np.array([[10, 20, -1]], np.int16), nodata=-1, scale=0.1, offset=-5.0)))
    np.testing.assert_allclose(grid.floats(), [[-4, -3, np.nan]], rtol=1e-6)
    path = tif(np.array([[10, 20]], np.uint8), name="masked", mask=[[0, 255]])
    grid = read_raster(RasterSource(path))
    assert grid.valid.tolist() == [[False, True]] and grid.floats()[0, 1] == 20


def test_south_up_and_mirrored_files_become_north_up(tif):
    values = np.arange(6, dtype=np.int16).reshape(2, 3)
    for name, transform, expected in (
        ("south", (500000, 30, 0, 4600000 - 60, 0, 30), values[::-1]),
        ("mirror", (500090, -30, 0, 4600000, 0, -30), values[:, ::-1]),
        ("both", (500090, -30, 0, 4600000 - 60, 0, 30), values[::-1, ::-1]),
    ):
        source = RasterSource(tif(values, name=name, transform=transform))
        grid = read_raster(source)
        assert grid.template.transform == template(2, 3).transform
        np.testing.assert_array_equal(grid.values, expected)
        part = align(source, template(1, 2, west=500030.0, north=4600000 - 30.0), kind=CLASSES)
        np.testing.assert_array_equal(part.values, expected[1:, 1:])


def test_wide_and_signed_integers(tif):
    grid = read_classes(RasterSource(tif(np.array([[-5, 7]], np.int8), name="i8", options=["PIXELTYPE=SIGNEDBYTE"])))
    assert grid.values.tolist() == [[-5, 7]]
    if hasattr(gdal, "GDT_Int64"):
        path = tif(np.array([[-5, 2_000_000_000]], np.int64), name="i64", kind=gdal.GDT_Int64)
        assert read_classes(RasterSource(path)).values.tolist() == [[-5, 2_000_000_000]]
        assert read_classes(RasterSource(path), template(1, 1, 60, 30)).values[0, 0] in (-5, 2_000_000_000)
        for value in (3_000_000_000, -2_147_483_648):
            path = tif(np.array([[1, value]], np.int64), name="wide", kind=gdal.GDT_Int64)
            for place in (None, template(1, 2, west=500030.0)):
                with pytest.raises(InputError, match=f"'wide' should hold class codes, and holds {value}"):
                    read_classes(RasterSource(path), place)
    path = tif(np.array([[1, 4_000_000_000]], np.uint32), name="u32")
    with pytest.raises(InputError, match="'u32' should hold class codes, and holds 4000000000"):
        read_classes(RasterSource(path), template(1, 2, west=500015.0))


def test_float_codes_are_taken_when_whole_and_refused_when_not(tif):
    path = tif(np.array([[1, 2, -9999]], np.float32), nodata=-9999)
    for place in (None, template(1, 3, west=500001.0)):
        grid = read_classes(RasterSource(path), place)
        assert grid.values.dtype == np.int32 and grid.valid.tolist() == [[True, True, False]]
        assert grid.values[0, :2].tolist() == [1, 2]
    for nodata in (None, -9999):
        path = tif(np.array([[1, 2.25, 2]], np.float32), name="parts", nodata=nodata)
        for place in (None, template(1, 3, west=500001.0)):
            with pytest.raises(InputError, match="'parts' should hold class codes, and holds 2.25"):
                read_classes(RasterSource(path), place)


def test_refusals_before_any_value_is_read(tif, tmp_path):
    values = np.ones((3, 3), np.uint8)
    cases = [
        (RasterSource(str(tmp_path / "none.tif")), "Raster 'none' cannot be opened"),
        (RasterSource(tif(values, name="turned", transform=(500000, 30, 5, 4600000, 5, -30))), "'turned' is rotated"),
        (RasterSource(tif(values, name="quarter", transform=(500000, 0, 30, 4600000, 30, 0))), "'quarter' is rotated"),
        (RasterSource(tif(values, name="bare", transform=False, crs="")), "'bare' has no georeferencing"),
        (RasterSource(tif(values, name="nocrs", crs="")), "'nocrs' has no coordinate reference system"),
        (RasterSource(tif(values, name="two"), band=2), r"'two' has 1 band\(s\), and band 2"),
        (RasterSource(tif(values, name="zero"), band=0), r"'zero' has 1 band\(s\), and band 0"),
        (
            RasterSource(
                tif(
                    values,
                    name="feet",
                    crs=Crs.of("EPSG:2263").reference.ExportToWkt(),
                    transform=(985000, 30, 0, 200000, 0, -30),
                )
            ),
            "'feet' is in US survey foot.*EPSG:32618",
        ),
        (
            RasterSource(tif(values, name="degrees", crs=DEGREES, transform=(123.9, 0.01, 0, 41.9, 0, -0.01))),
            "'degrees' is in degrees.*EPSG:4550",
        ),
    ]
    for source, message in cases:
        with pytest.raises(InputError, match=message):
            open_template(source)
    assigned = RasterSource(tif(values, name="nocrs", crs=""), crs=UTM)
    assert open_template(assigned).same_grid(template(3, 3))
    text = tmp_path / "text.tif"
    text.write_text("no raster")
    with pytest.raises(InputError, match="'text' cannot be opened"):
        read_raster(RasterSource(str(text)))


def test_a_damaged_file_is_refused(tif):
    path = tif(np.random.default_rng(0).integers(0, 255, (400, 400)).astype(np.uint8), name="cut")
    with open(path, "r+b") as stream:
        stream.truncate(60000)
    with pytest.raises(InputError, match="'cut' cannot be read.*damaged"):
        read_raster(RasterSource(path))


def test_nodata_only_is_refused(tif):
    path = tif(np.full((2, 2), 255, np.uint8), name="blank", nodata=255)
    for act in (
        lambda s: read_raster(s),
        lambda s: align(s, template(2, 2)),
        lambda s: align(s, template(2, 2, west=500010.0)),
    ):
        with pytest.raises(InputError, match="'blank'.*no value.*nodata"):
            act(RasterSource(path))


# aligning -------------------------------------------------------------------------------------------


def test_identical_cells_are_taken_bit_by_bit_without_a_word(tif):
    values = np.random.default_rng(1).normal(size=(7, 5)).astype(np.float32)
    values[2, 3] = np.nan
    said, progress = logged()
    for kind in (CLASSES, QUANTITY):
        grid = align(RasterSource(tif(values)), template(7, 5, name="t"), kind=kind, progress=progress)
        assert grid.values.tobytes() == values.tobytes() and grid.template.name == "t"
    assert said == []


def nearest(values, own, place, fill):
    """Brute force: the value of the cell that holds each cell's centre."""
    x, y = place.xy(*np.indices(place.shape))
    if own.crs != place.crs:
        points = Crs.of(place.crs).to(own.crs).TransformPoints(np.column_stack([x.ravel(), y.ravel()]).tolist())
        x, y = (np.array(points)[:, axis].reshape(place.shape) for axis in (0, 1))
    fractions = np.stack([(own.transform[3] - y) / own.cell_height, (x - own.transform[0]) / own.cell_width])
    row, col = np.floor(fractions).astype(int)
    inside = own.contains(row, col)
    result = np.where(inside, values[np.clip(row, 0, own.rows - 1), np.clip(col, 0, own.cols - 1)], fill)
    # a centre nearer to an edge between cells than this may fall on either side
    doubtful = (np.abs(fractions - np.rint(fractions)) < 0.003).any(axis=0)
    return result, doubtful


PLACES = {
    "finer": template(31, 29, 7.0, 11.0, 500033.0, 4599937.0),
    "coarser": template(5, 6, 71.0, 47.0, 500010.0, 4599990.0),
    "shifted": template(12, 14, 30.0, 20.0, 500013.0, 4599987.0),
    "partly": template(20, 20, 23.0, 31.0, 499801.0, 4600203.0),
    "one row": template(1, 17, 25.0, 13.0, 500003.0, 4599901.0),
    "one column": template(17, 1, 25.0, 13.0, 500203.0, 4599991.0),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("nodata", [None, 3])
def test_classes_take_the_cell_that_holds_the_centre(tif, place, nodata):
    own = template(16, 18, 30.0, 20.0)
    values = np.random.default_rng(2).integers(1, 6, own.shape).astype(np.uint8)
    said, progress = logged()
    grid = read_classes(RasterSource(tif(values, own, nodata=nodata)), place, progress)
    expected, doubtful = nearest(values.astype(int), own, place, -1)
    expected[expected == (nodata or -1)] = -1
    np.testing.assert_array_equal(np.where(grid.valid, grid.values, -1)[~doubtful], expected[~doubtful])
    assert (~doubtful).any()
    assert said[0] == "Layer 'map' was warped to the cells of 'template' (nearest cell)."
    share = 100 * np.mean(~grid.valid)
    assert said[1:] == ([f"Layer 'map' has no value on {share:.2f} % of the cells of 'template'."] if share else [])


@pytest.mark.parametrize(
    "crs, transform",
    [
        ("EPSG:4326", (122.995, 0.0004, 0, 41.56, 0, -0.0003)),
        ("EPSG:4549", (749500, 33, 0, 4606000, 0, -27)),
        ("EPSG:3857", (13691000, 41, 0, 5098000, 0, -43)),
    ],
)
def test_classes_of_another_crs_against_transformed_points(tif, crs, transform):
    wkt = Crs.of(crs).reference.ExportToWkt()
    own = Template(180, 190, transform, wkt)
    values = np.arange(180 * 190, dtype=np.int32).reshape(180, 190)
    place = template(90, 110, 60.0, 45.0, 499500.0, 4601000.0)
    said, progress = logged()
    grid = read_classes(RasterSource(tif(values, own)), place, progress)
    expected, doubtful = nearest(values, own, place, -1)
    assert doubtful.mean() < 0.02 and (expected >= 0).mean() > 0.2
    np.testing.assert_array_equal(np.where(grid.valid, grid.values, -1)[~doubtful], expected[~doubtful])
    assert "reprojected from" in said[0] and crs in said[0]


@pytest.mark.parametrize("factor_down, factor_right", [(2, 2), (3, 5), (7, 1)])
def test_quantities_of_finer_cells_are_block_means(tif, factor_down, factor_right):
    rng = np.random.default_rng(3)
    values = rng.normal(100, 30, (4 * factor_down, 6 * factor_right)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = -9999
    values[:factor_down, :factor_right] = -9999
    own = template(*values.shape, 10.0, 8.0)
    place = template(4, 6, 10.0 * factor_right, 8.0 * factor_down)
    said, progress = logged()
    grid = align(RasterSource(tif(values, own, nodata=-9999)), place, kind=QUANTITY, progress=progress)
    blocks = np.where(values == -9999, np.nan, values).astype(float).reshape(4, factor_down, 6, factor_right)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        expected = np.nanmean(blocks, axis=(1, 3))
    np.testing.assert_allclose(grid.values, expected, rtol=1e-5)
    assert "(average of its finer cells)" in said[0] and np.isnan(grid.values[0, 0])


def test_a_quantity_over_many_finer_cells_keeps_its_total(tif):
    values = np.random.default_rng(4).random((300, 280)).astype(np.float32)
    grid = align(RasterSource(tif(values, template(300, 280, 10.0))), template(30, 28, 100.0))
    assert grid.values.astype(float).mean() == pytest.approx(values.astype(float).mean(), rel=1e-6)


def test_quantities_of_coarser_or_equal_cells_are_bilinear(tif):
    own = template(8, 9, 90.0, 60.0)
    x, y = own.xy(*np.indices(own.shape))
    plane = (0.01 * (x - 500000) - 0.02 * (y - 4600000) + 3).astype(np.float32)
    for place in (template(10, 12, 30.0, 30.0, 500103.0, 4599880.0), template(5, 5, 90.0, 60.0, 500117.0, 4599871.0)):
        said, progress = logged()
        grid = align(RasterSource(tif(plane, own)), place, kind=QUANTITY, progress=progress)
        x, y = place.xy(*np.indices(place.shape))
        np.testing.assert_allclose(grid.values, 0.01 * (x - 500000) - 0.02 * (y - 4600000) + 3, rtol=1e-5)
        assert "(bilinear)" in said[0]
    flipped = align(
        RasterSource(tif(plane[::-1], own, transform=(500000, 90, 0, 4600000 - 480, 0, 60))),
        template(5, 5, 90.0, 60.0, 500117.0, 4599871.0),
    )
    np.testing.assert_allclose(flipped.values, grid.values, rtol=1e-6)


def test_what_the_raster_does_not_cover_has_no_value_and_the_log_says_the_share(tif):
    said, progress = logged()
    grid = align(RasterSource(tif(np.full((4, 4), 5, np.int16))), template(4, 8), kind=QUANTITY, progress=progress)
    np.testing.assert_array_equal(grid.values, [[5] * 4 + [np.nan] * 4] * 4)
    assert said[-1] == "Layer 'map' has no value on 50.00 % of the cells of 'template'."


def test_layers_that_do_not_overlap_are_refused_with_both_extents(tif):
    source = RasterSource(tif(np.ones((2, 2), np.uint8), name="far"))
    with pytest.raises(InputError) as caught:
        align(source, template(2, 2, west=600000.0, name="city"))
    for part in (
        "'far'",
        "'city'",
        "500000, 4599940 to 500060, 4600000",
        "600000, 4599940 to 600060, 4600000",
        "WGS 84 / UTM zone 51N (EPSG:32651)",
    ):
        assert part in str(caught.value)
    with pytest.raises(InputError, match="does not overlap"):  # they only touch
        align(source, template(2, 2, west=500060.0))
    other_side = Template(2, 2, (-60.0, 0.1, 0, 0.0, 0, -0.1), DEGREES)
    with pytest.raises(InputError, match="'america' does not overlap 'template'"):
        align(RasterSource(tif(np.ones((2, 2), np.uint8), other_side, name="america")), template(2, 2))


def test_a_world_map_meets_a_city(tif):
    values = np.repeat(np.arange(180, dtype=np.float32)[:, None], 360, axis=1)
    world = Template(180, 360, (-180.0, 1.0, 0.0, 90.0, 0.0, -1.0), DEGREES)
    for west, north, zone in ((500000.0, 4600000.0, "EPSG:32651"), (400000.0, 9000000.0, "EPSG:32733")):
        place = template(20, 20, 500.0, west=west, north=north, crs=Crs.of(zone).reference.ExportToWkt())
        said, progress = logged()
        grid = align(RasterSource(tif(values, world, name="world")), place, kind=QUANTITY, progress=progress)
        latitude = Crs.of(place.crs).to(DEGREES).TransformPoint(*place.xy(10, 10))[1]
        assert grid.values[10, 10] == pytest.approx(90 - latitude - 0.5, abs=0.01)
        assert "(bilinear)" in said[0] and len(said) == 1


def test_only_the_needed_window_of_a_large_map_is_read(tif, monkeypatch):
    """A part of a large map gives what the large map gives, and few cells of it are read."""
    values = np.random.default_rng(5).random((600, 700)).astype(np.float32)
    own = Template(600, 700, (122.9, 0.0004, 0, 41.65, 0, -0.0004), DEGREES)
    path = tif(values, own)
    place = template(20, 25, 25.0, west=501000.0, north=4600000.0)
    few = align(RasterSource(path), place)
    shapes = []

    def spy(*arguments, **named):
        shapes.append(read_band(*arguments, **named).values.shape)
        return read_band(*arguments, **named)

    monkeypatch.setattr(warping, "read_band", spy)
    align(RasterSource(path), place)
    assert shapes[0][0] * shapes[0][1] < 5000
    monkeypatch.setattr(warping, "_source_window", lambda own, template: None)
    everything = align(RasterSource(path), place)
    assert shapes[-1] == (600, 700)
    np.testing.assert_allclose(few.values, everything.values, atol=0.002)


def test_align_and_read_hear_a_cancel(tif):
    calls = []

    def later():
        calls.append(1)
        return len(calls) > 3

    path = tif(np.random.default_rng(6).random((800, 800)).astype(np.float32))
    with pytest.raises(Cancelled):
        align(RasterSource(path), template(900, 900, 27.0), kind=QUANTITY, progress=Progress(cancelled=later))
    assert len(calls) == 4
    with pytest.raises(Cancelled):
        read_raster(RasterSource(path), Progress(cancelled=lambda: True))


# writing --------------------------------------------------------------------------------------------


def names(folder):
    return sorted(os.listdir(folder))


@pytest.mark.parametrize(
    "values, nodata, declared",
    [
        (np.array([[1, 2, 255]], np.uint8), 255, 255),
        (np.array([[1.5, np.nan]], np.float32), math.nan, math.nan),
        (np.array([[1.5, np.nan]], np.float32), None, math.nan),
        (np.array([[-70000, 2]], np.int32), -2147483648, -2147483648),
        (np.array([[1.25], [3]], np.float64), -1, -1),
        (np.array([[True, False]]), None, None),
        (np.array([[2**40, -1]], np.int64), None, None),
        (np.array([[-5, 4]], np.int8), None, None),
        (np.array([[1, 2]], np.uint8), -9999, None),
    ],
)
def test_written_values_and_nodata_come_back(tmp_path, values, nodata, declared):
    path = str(tmp_path / "out.tif")
    assert write_raster(Grid(values, template(*values.shape, 30.0, 20.0), nodata), path) == path
    dataset = gdal.Open(path)
    band = dataset.GetRasterBand(1)
    np.testing.assert_array_equal(band.ReadAsArray().astype(values.dtype), values)
    assert band.GetNoDataValue() == declared or (math.isnan(band.GetNoDataValue()) and math.isnan(declared))
    assert dataset.GetGeoTransform() == (500000, 30, 0, 4600000, 0, -20)
    assert Crs.of(dataset.GetProjection()).reference.GetAuthorityCode(None) == "32651"
    assert dataset.GetMetadataItem("COMPRESSION", "IMAGE_STRUCTURE") == "DEFLATE"
    assert band.GetBlockSize() == [256, 256] and band.GetOverviewCount() == 0
    assert names(tmp_path) == ["out.tif"]


def test_large_maps_get_overviews_inside(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "_OVERVIEWS_ABOVE", 300 * 300)
    path = str(tmp_path / "large.tif")
    values = np.random.default_rng(7).integers(0, 3, (400, 500)).astype(np.uint8)
    write_raster(Grid(values, template(400, 500), 0), path)
    dataset = gdal.Open(path)
    band = dataset.GetRasterBand(1)
    assert [band.GetOverview(i).XSize for i in range(band.GetOverviewCount())] == [250, 125, 63, 32]
    assert set(np.unique(band.GetOverview(1).ReadAsArray())) <= {0, 1, 2}
    assert names(tmp_path) == ["large.tif"]


def noise(rows=900, cols=900):
    return Grid(np.random.default_rng(8).random((rows, cols)).astype(np.float32), template(rows, cols), math.nan)


def test_cancel_in_mid_write_keeps_what_was_there(tmp_path):
    target = tmp_path / "out.tif"
    target.write_bytes(b"old")
    for after in (1, 2, 4):
        calls = []

        def later(calls=calls, after=after):
            calls.append(1)
            return len(calls) > after

        with pytest.raises(Cancelled):
            write_raster(noise(), str(target), Progress(cancelled=later))
        assert len(calls) == after + 1
        assert names(tmp_path) == ["out.tif"] and target.read_bytes() == b"old"


@pytest.fixture
def full_disk():
    """Files cannot grow beyond 100 kB."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))

    yield fill
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("rows", [200, 900])
def test_a_full_disk_leaves_the_old_file_and_no_part(tmp_path, full_disk, rows):
    target = tmp_path / "out.tif"
    target.write_bytes(b"old")
    full_disk()
    with pytest.raises(InputError, match="could not be written.*free space"):
        write_raster(noise(rows, rows), str(target))
    assert names(tmp_path) == ["out.tif"] and target.read_bytes() == b"old"


def test_bad_targets_are_refused(tmp_path, monkeypatch):
    grid = noise(3, 3)
    with pytest.raises(InputError, match="Folder '.*missing' for the output 'x.tif' does not exist"):
        write_raster(grid, str(tmp_path / "missing" / "x.tif"))
    (tmp_path / "taken.tif").mkdir()
    with pytest.raises(InputError, match="taken.tif' is a folder"):
        write_raster(grid, str(tmp_path / "taken.tif"))
    for nameless in ("", str(tmp_path) + os.sep):
        with pytest.raises(InputError, match="is not a file name"):
            write_raster(grid, nameless)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="cannot be written to"):
        write_raster(grid, str(tmp_path / "x.tif"))
    assert names(tmp_path) == ["taken.tif"]


def test_side_cars_of_the_replaced_file_go(tmp_path):
    target = str(tmp_path / "out.tif")
    write_raster(noise(100, 100), target)
    dataset = gdal.Open(target)
    dataset.BuildOverviews("NEAREST", [2])
    dataset.GetRasterBand(1).ComputeStatistics(False)
    dataset = None
    assert names(tmp_path) == ["out.tif", "out.tif.aux.xml", "out.tif.ovr"]
    write_raster(Grid(np.zeros((100, 100), np.float32), template(100, 100), math.nan), target)
    assert names(tmp_path) == ["out.tif"]
    dataset = gdal.Open(target)
    assert dataset.GetRasterBand(1).GetOverviewCount() == 0


def test_outputs_appear_together(tmp_path):
    files = OutputFiles()
    with files:
        files.raster(noise(3, 3), str(tmp_path / "a.tif"))
        files.text("päper 矿\n", str(tmp_path / "b.html"))
        assert not {"a.tif", "b.html"} & set(names(tmp_path))
    assert names(tmp_path) == ["a.tif", "b.html"]
    assert (tmp_path / "b.html").read_bytes() == "päper 矿\n".encode()


def test_when_one_of_many_cannot_take_its_place_none_does(tmp_path, monkeypatch):
    for name in ("a.tif", "a.tif.aux.xml", "c.tif"):
        (tmp_path / name).write_text(f"old {name}")
    replace = os.replace

    def locked(source, target):
        if os.path.basename(source) == "c.tif":
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    files = OutputFiles()
    with pytest.raises(InputError, match="c.tif' could not be replaced .*close the program"), files:
        for name in "abc":
            files.raster(noise(3, 3), str(tmp_path / f"{name}.tif"))
        monkeypatch.setattr(os, "replace", locked)
    monkeypatch.undo()
    assert names(tmp_path) == ["a.tif", "a.tif.aux.xml", "c.tif"]
    assert all((tmp_path / name).read_text() == f"old {name}" for name in names(tmp_path))


def test_two_outputs_of_one_name_are_refused(tmp_path):
    files = OutputFiles()
    with pytest.raises(InputError, match="Two outputs go to the same file"), files:
        files.raster(noise(3, 3), str(tmp_path / "a.tif"))
        files.text("x", os.path.join(str(tmp_path), ".", "a.tif"))
    assert names(tmp_path) == []


def test_a_folder_is_never_moved_aside(tmp_path):
    files = OutputFiles()
    with pytest.raises(InputError, match="a.tif' could not be replaced"), files:
        files.raster(noise(3, 3), str(tmp_path / "a.tif"))
        (tmp_path / "a.tif").mkdir()
        (tmp_path / "a.tif" / "precious").write_text("x")
    assert names(tmp_path) == ["a.tif"] and names(tmp_path / "a.tif") == ["precious"]


def test_folders_made_for_outputs_go_with_a_failure(tmp_path):
    (tmp_path / "mine").mkdir()
    for stop in (True, False):
        files = OutputFiles()
        try:
            with files:
                for folder in ("deep/er", "mine"):
                    files.raster(noise(3, 3), os.path.join(files.folder(str(tmp_path / folder)), "x.tif"))
                if stop:
                    raise Cancelled()
        except Cancelled:
            assert names(tmp_path) == ["mine"] and names(tmp_path / "mine") == []
    assert names(tmp_path / "deep" / "er") == names(tmp_path / "mine") == ["x.tif"]
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made"):
        OutputFiles().folder(str(tmp_path / "file"))


def test_reading_aligning_and_writing_in_threads(tif, tmp_path):
    values = np.random.default_rng(9).random((60, 60)).astype(np.float32)
    source, place, wrong = RasterSource(tif(values)), template(90, 90, 20.0), []
    expected = align(source, place).values
    before = gdal.GetUseExceptions()

    def work(number):
        for step in range(8):
            try:
                path = write_raster(align(source, place), str(tmp_path / f"{number}-{step}.tif"))
                if not np.array_equal(read_raster(RasterSource(path)).values, expected):
                    wrong.append(path)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [] and gdal.GetUseExceptions() == before


def test_a_raster_that_lies_askew_is_bilinear_between_its_four_cells(tif):
    """Against points transformed one by one: the box around a strip of an askew raster must not blur it."""
    albers = Crs.of("ESRI:102025").reference.ExportToWkt()
    place = template(300, 900, 30.0)
    forth = Crs.of(UTM).to(albers)
    x, y, _ = forth.TransformPoint(*place.xy(0, 0))
    own = Template(600, 900, (x - 3000, 40, 0, y + 12000, 0, -40), albers)
    values = np.random.default_rng(11).random((600, 900)).astype(np.float32)
    found = align(RasterSource(tif(values, own)), place).values
    rows, cols = np.meshgrid(np.arange(0, 300, 23), np.arange(0, 900, 31), indexing="ij")
    points = np.array(forth.TransformPoints(np.column_stack([a.ravel() for a in place.xy(rows, cols)]).tolist()))
    col = (points[:, 0] - own.transform[0]) / 40 - 0.5
    row = (own.transform[3] - points[:, 1]) / 40 - 0.5
    a, b = np.floor(row).astype(int), np.floor(col).astype(int)
    inside = (a >= 0) & (a < 599) & (b >= 0) & (b < 899)
    assert inside.mean() > 0.6
    a, b, u, v = (part[inside] for part in (a, b, row - a, col - b))
    expected = (values[a, b] * (1 - v) + values[a, b + 1] * v) * (1 - u) + (
        values[a + 1, b] * (1 - v) + values[a + 1, b + 1] * v
    ) * u
    np.testing.assert_allclose(found[rows, cols].ravel()[inside], expected, atol=0.003)

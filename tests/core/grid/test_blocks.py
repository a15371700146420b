"""core.grid.blocks: parts of a map make up the map, bit for bit; refusals and cancels leave nothing."""

import os
import threading

import numpy as np
import pytest
from factory import template
from osgeo import gdal

from econet.core.crs import Crs
from econet.core.errors import Cancelled, InputError
from econet.core.grid import warping
from econet.core.grid.blocks import Classes, GridInput, InvalidCells, _parts, require_same_cells, run
from econet.core.grid.grid import CLASSES, QUANTITY, Grid, Template, Window, float_grid, windows
from econet.core.grid.reading import RasterSource
from econet.core.grid.reading import read_band as read_band
from econet.core.grid.warping import AlignedRaster, align, read_classes
from econet.core.outputs import OutputFiles
from econet.core.progress import Progress

SIZES = [(1, 1), (1, 700), (700, 1), (257, 513), (300, 4500)]


@pytest.fixture
def tif(tmp_path):
    def write(values, place, name, nodata=None):
        path = str(tmp_path / f"{name}.tif")
        kind = gdal.GDT_Byte if values.dtype == np.uint8 else gdal.GDT_Float32
        dataset = gdal.GetDriverByName("GTiff").Create(path, place.cols, place.rows, 1, kind)
        dataset.SetGeoTransform(place.transform)
        dataset.SetProjection(place.crs.reference.ExportToWkt())
        if nodata is not None:
            dataset.GetRasterBand(1).SetNoDataValue(nodata)
        dataset.GetRasterBand(1).WriteArray(values)
        return RasterSource(path)

    return write


def random_map(shape, seed=1):
    values = np.random.default_rng(seed).random(shape).astype(np.float32)
    values[np.random.default_rng(seed + 1).random(shape) < 0.1] = -9999
    values.flat[0] = 0.5
    return values


@pytest.mark.parametrize("size", SIZES)
def test_a_file_computed_in_parts_has_the_bits_of_one_written_whole(tif, tmp_path, size):
    place = template(*size)
    own, coarse = random_map(size), template(9, 40, 4000.0, west=490000.0, north=4610000.0)
    sources = [tif(own, place, "own", -9999), tif(random_map((9, 40), 5), coarse, "coarse", -9999)]
    grids = [align(source, place) for source in sources]
    expected = grids[0].floats() * 2 - grids[1].floats()
    said = []
    with OutputFiles() as files:
        files.raster(float_grid(expected, place), str(tmp_path / "whole.tif"))
        writer = files.raster_windows(place, str(tmp_path / "parts.tif"))
        run(
            [AlignedRaster(source, place) for source in sources],
            lambda _, a, b: (a.floats() * 2 - b.floats(),),
            [writer],
            progress=Progress(log=said.append),
        )
    whole, parts = (gdal.Open(str(tmp_path / f"{name}.tif")) for name in ("whole", "parts"))
    np.testing.assert_array_equal(parts.ReadAsArray(), whole.ReadAsArray())
    np.testing.assert_array_equal(parts.ReadAsArray(), expected)
    assert parts.GetGeoTransform() == whole.GetGeoTransform() and parts.GetProjection() == whole.GetProjection()
    assert np.isnan(parts.GetRasterBand(1).GetNoDataValue())
    assert len([line for line in said if "was warped" in line]) == 1


@pytest.mark.parametrize("kind", [QUANTITY, CLASSES])
@pytest.mark.parametrize(
    "crs, transform",
    [
        ("EPSG:32651", (499000.0, 11.0, 0.0, 4600500.0, 0.0, -17.0)),
        ("EPSG:4326", (122.98, 0.0007, 0, 41.6, 0, -0.0004)),
        ("ESRI:102025", (2080000.0, 25.0, 0.0, 1698000.0, 0.0, -25.0)),
    ],
)
def test_any_raster_read_in_windows_has_the_values_of_align(tif, kind, crs, transform):
    own = Template(600, 1500, transform, Crs.of(crs).reference.ExportToWkt(), "own")
    values = random_map((600, 1500), 3)
    if kind == CLASSES:
        values = np.where(values < 0, 255, values * 200).astype(np.uint8)
    place, source = template(257, 513), tif(values, own, "own", 255 if kind == CLASSES else -9999)
    said, heard = [], []
    whole = align(source, place, kind=kind, progress=Progress(log=said.append))
    assert whole.valid.mean() > 0.3
    aligned = AlignedRaster(source, place, kind)
    for window in windows(place):
        part = aligned.read(window)
        np.testing.assert_array_equal(part.values, whole.values[window.slices])
        assert part.template == place.part(window)
    for _ in range(2):
        aligned.finish(Progress(log=heard.append))
    assert heard == said and said
    classes = Classes(source, place).read(Window(0, 0, 257, 513)) if kind == CLASSES else None
    assert classes is None or np.array_equal(classes.values, read_classes(source, place).values)


def test_rasters_much_finer_than_the_template_are_read_a_little_at_a_time(tif, monkeypatch):
    fine, place = template(900, 1200, 1.0), template(30, 40, 30.0)
    values = random_map((900, 1200), 7)
    source = tif(values, fine, "fine", -9999)
    most = []

    def spy(*arguments, **named):
        grid = read_band(*arguments, **named)
        most.append(grid.values.size)
        return grid

    monkeypatch.setattr(warping, "read_band", spy)
    monkeypatch.setattr(warping, "_SOURCE_CELLS", 60000)
    found = align(source, place)
    assert len(most) > 10 and max(most) <= 170000  # a margin of some cells on all sides stays
    present = np.where(values == -9999, np.nan, values).astype(np.float64)
    means = np.nanmean(present.reshape(30, 30, 40, 30), axis=(1, 3))
    np.testing.assert_allclose(found.values, means, rtol=1e-6)


def test_windows_cover_every_cell_once_in_whole_tiles():
    for rows, cols in [*SIZES, (513, 40000)]:
        seen = np.zeros((rows, cols), dtype=np.uint8)
        for window in windows(template(rows, cols)):
            for part in _parts(window):
                seen[part.slices] += 1
                assert part.row % 256 == 0 and part.col % 256 == 0 and part.rows * part.cols <= 1 << 19
        assert seen.min() == seen.max() == 1


def test_wrong_cells_are_counted_over_all_parts_and_the_first_is_named():
    values = np.zeros((300, 4500))
    values[299, 0], values[0, 4400], values[0, 2100] = 3, 4, 5
    wrong = InvalidCells()

    def step(part, grid):
        wrong.add(part, grid.values, grid.values > 0)

    run([GridInput(Grid(values, template(300, 4500)))], step)
    assert (wrong.count, wrong.first) == (3, 5)


def test_nothing_is_left_by_a_refusal_at_the_end_a_cancel_or_a_raster_without_values(tif, tmp_path):
    place = template(600, 300)
    full, empty = (
        tif(random_map((600, 300)), place, "full", -9999),
        tif(np.full((600, 300), -9999, np.float32), place, "empty", -9999),
    )
    target = tmp_path / "out.tif"
    target.write_bytes(b"old")
    before = sorted(os.listdir(tmp_path))

    def refuse():
        assert sorted(os.listdir(tmp_path)) != before
        raise InputError("no")

    calls = []

    def later():
        calls.append(1)
        return len(calls) > 6

    for source, check, progress, error in (
        (full, refuse, Progress(), "^no$"),
        (full, None, Progress(cancelled=later), "Cancelled"),
        (empty, None, Progress(), r"'empty' holds no value at all, only nodata.*\(-9999\)"),
    ):
        with pytest.raises((InputError, Cancelled), match=error), OutputFiles() as files:
            writer = files.raster_windows(place, str(target))
            run(
                [AlignedRaster(source, place)],
                lambda _, grid: (grid.floats(),),
                [writer],
                check=check,
                progress=progress,
            )
        assert sorted(os.listdir(tmp_path)) == before and target.read_bytes() == b"old"


def test_gdals_cache_is_small_inside_and_put_back_whoever_leaves_last():
    usual = gdal.GetCacheMax()
    gate, inside = threading.Barrier(3), []

    def work():
        def step(_, grid):
            gate.wait(10)
            inside.append(gdal.GetCacheMax())
            gate.wait(10)

        run([GridInput(Grid(np.ones((2, 2)), template(2, 2)))], step)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == [min(usual, 64 << 20)] * 3 and gdal.GetCacheMax() == usual


def test_inputs_of_another_size_are_refused():
    one, other = (GridInput(Grid(np.ones(shape), template(*shape), name=str(shape))) for shape in ((2, 2), (2, 3)))
    with pytest.raises(InputError, match=r"'\(2, 3\)' is not on the cells of '\(2, 2\)'"):
        require_same_cells([one, other])

"""Rain and soil formulas against published and worked numbers, and rasters read month by month."""

import math

import factory
import numpy as np
import pytest
from osgeo import gdal

from econet.core.errors import Cancelled, InputError
from econet.core.grid.blocks import ArrayOutput
from econet.core.grid.grid import Grid, Template
from econet.core.grid.reading import RasterSource
from econet.core.grid.warping import AlignedRaster, align
from econet.core.outputs import write_raster
from econet.core.progress import SILENT, Progress
from econet.core.services.rainfall_erosivity import (
    ErosivityMethod,
    rainfall_erosivity,
    rainfall_erosivity_blocks,
)
from econet.core.services.soil import (
    AvailableWater,
    CarbonKind,
    Correction,
    Erodibility,
    ShareUnit,
    SoilInputs,
    SoilUnits,
    plant_available_water,
    soil_blocks,
    soil_erodibility,
)

# a year of monsoon rain, 747 mm, two thirds of it in three months
MONSOON = [6, 7, 16, 35, 58, 98, 185, 180, 80, 48, 24, 10]


def grid(values, name="map"):
    return factory.grid(values, cell=1000.0, nodata=-9999.0, name=name, dtype=np.float64)


def rain(rows):
    """Twelve grids of one row: ``rows[cell][month]``."""
    return [grid([[row[month] for row in rows]], f"m{month + 1}") for month in range(12)]


class Heard:
    def __init__(self):
        self.logs, self.warnings = [], []
        self.progress = Progress(log=self.logs.append, warn=self.warnings.append)


# rainfall erosivity ------------------------------------------------------------------------------


def by_hand(months, method):
    year = sum(months)
    if method == ErosivityMethod.ZHANG_FU:
        return 0.3589 * (sum(p * p for p in months) / year) ** 1.9462
    if method == ErosivityMethod.ZHANG_FU_ANNUAL:
        return 0.0534 * year**1.6548
    constant = 0.08188 if method == ErosivityMethod.WISCHMEIER_SMALL else 0.8188
    result = sum(1.735 * 10 ** (1.5 * math.log10(p * p / year) - constant) for p in months if p > 0)
    return result * 9.81 if method == ErosivityMethod.WISCHMEIER_SI else result


@pytest.mark.parametrize("method", ErosivityMethod)
def test_each_formula_as_it_is_printed(method):
    months = [MONSOON, [62.25] * 12, [0, 0, 3.5, 20, 70, 90, 120, 60, 20, 4, 0, 0]]
    erosivity, annual = rainfall_erosivity(rain(months), method=method)
    np.testing.assert_allclose(erosivity.values[0], [by_hand(year, method) for year in months], rtol=1e-6)
    np.testing.assert_allclose(annual.values[0], [747, 747, 387.5])
    assert erosivity.values.dtype == np.float32
    backwards, _ = rainfall_erosivity(rain(months)[::-1], method=method)
    np.testing.assert_allclose(backwards.values, erosivity.values, rtol=1e-6)


def test_a_monsoon_year_of_747_mm_is_of_the_size_that_is_known():
    values = {method: rainfall_erosivity(rain([MONSOON]), method=method)[0].values[0, 0] for method in ErosivityMethod}
    assert 2500 < values[ErosivityMethod.ZHANG_FU] < 4500 and 3000 < values[ErosivityMethod.ZHANG_FU_ANNUAL] < 4000
    assert values[ErosivityMethod.WISCHMEIER] == pytest.approx(176, rel=0.1)
    assert values[ErosivityMethod.WISCHMEIER_SI] == pytest.approx(9.81 * values[ErosivityMethod.WISCHMEIER])
    assert values[ErosivityMethod.WISCHMEIER_SMALL] / values[ErosivityMethod.WISCHMEIER] == pytest.approx(10**0.73692)


def test_dry_cells_and_missing_months():
    months = rain([[0] * 12, MONSOON, MONSOON])
    months[4].values[0, 2] = -9999
    for method in ErosivityMethod:
        erosivity, annual = rainfall_erosivity(months, method=method)
        assert erosivity.values[0, 0] == 0 == annual.values[0, 0]
        assert np.isnan(erosivity.values[0, 2]) and np.isnan(annual.values[0, 2])
        assert erosivity.values[0, 1] > 0
    for month in months:
        month.values[:] = -9999
    with pytest.raises(InputError, match="No cell has rain in every month"):
        rainfall_erosivity(months)


def test_source_and_unit_are_logged_and_a_low_r_in_a_humid_climate_is_warned_of():
    heard = Heard()
    rainfall_erosivity(rain([MONSOON, MONSOON]), method=ErosivityMethod.WISCHMEIER, progress=heard.progress)
    assert "0.8188" in heard.logs[0] and "unit of doubt" in heard.logs[0] and "ChinaXiv 201811.00038" in heard.logs[0]
    assert "R is below 500 on 2 cell(s)" in heard.warnings[0]
    heard = Heard()
    rainfall_erosivity(rain([MONSOON]), progress=heard.progress)
    assert "unit MJ mm / (ha h a)" in heard.logs[0] and "Zhang & Fu (2003)" in heard.logs[0] and not heard.warnings
    heard = Heard()
    rainfall_erosivity(rain([[20] * 12]), progress=heard.progress)
    assert not heard.warnings  # 240 mm a year: R is low there


def write_bands(path, bands, template, nodata=-1.0):
    dataset = gdal.GetDriverByName("GTiff").Create(
        str(path), template.cols, template.rows, len(bands), gdal.GDT_Float32
    )
    dataset.SetGeoTransform(template.transform)
    dataset.SetProjection(template.crs.reference.ExportToWkt())
    for number, values in enumerate(bands, 1):
        dataset.GetRasterBand(number).WriteArray(np.asarray(values, dtype=np.float32))
    return RasterSource(str(path))


def erosivity_on(cells, sources, method=ErosivityMethod.ZHANG_FU, progress=SILENT):
    """Erosivity and annual rain of files, as arrays."""
    output, annual = ArrayOutput(cells), ArrayOutput(cells)
    rainfall_erosivity_blocks(sources, cells, output=output, output_annual=annual, method=method, progress=progress)
    return output.values, annual.values


def test_twelve_rasters_and_one_of_twelve_bands_give_the_same(tmp_path):
    template = factory.template(2, 3, cell=1000.0, name="t")
    months = [np.full((2, 3), p) + np.arange(6).reshape(2, 3) for p in MONSOON]
    stack = write_bands(tmp_path / "stack.tif", months, template)
    single = [write_bands(tmp_path / f"m{n}.tif", [values], template) for n, values in enumerate(months)]
    fine = factory.template(4, 6, cell=500.0, name="fine")
    for cells in (template, fine):
        heard = Heard()
        one, two = (erosivity_on(cells, sources, progress=heard.progress)[0] for sources in ([stack], single))
        assert one.shape == cells.shape
        np.testing.assert_array_equal(one, two)
    assert len([line for line in heard.logs if "was warped" in line]) == 2  # once per set of months
    annual = write_bands(tmp_path / "annual.tif", [np.full((2, 3), 747.0)], template)
    erosivity, _ = erosivity_on(template, [annual], ErosivityMethod.ZHANG_FU_ANNUAL)
    np.testing.assert_allclose(erosivity, 0.0534 * 747**1.6548, rtol=1e-6)
    for sources, count in (([annual], "1 raster"), (single[:11], "11 raster"), ([stack, annual], "2 raster")):
        with pytest.raises(InputError, match=f"{count}.*needs the twelve months"):
            erosivity_on(template, sources)


def test_negative_rain_is_refused_with_raster_and_band(tmp_path):
    template = factory.template(2, 3, cell=1000.0, name="t")
    months = [np.full((2, 3), float(p)) for p in MONSOON]
    months[4][1, 2] = -3
    stack = write_bands(tmp_path / "stack.tif", months, template)
    with pytest.raises(InputError, match=r"'stack', band 5, holds -3 on 1 cell\(s\), and rain cannot be negative"):
        erosivity_on(template, [stack])
    months[4][1, 2] = 65535
    stack = write_bands(tmp_path / "other.tif", months, template)
    with pytest.raises(InputError, match="'other', band 5, holds 65535 on 1"):
        erosivity_on(template, [stack])


def test_cancel(tmp_path):
    template = factory.template(2, 3, cell=1000.0, name="t")
    stack = write_bands(tmp_path / "stack.tif", [np.ones((2, 3))] * 12, template)
    with pytest.raises(Cancelled):
        erosivity_on(template, [stack], progress=Progress(cancelled=lambda: True))


# soil --------------------------------------------------------------------------------------------


def soil_of(sand, silt, clay, carbon):
    names = ("sand", "sand"), ("silt", "silt"), ("clay", "clay"), ("organic_carbon", "soc")
    values = (sand, silt, clay, carbon)
    return SoilInputs.of_grids(**{key: grid([np.atleast_1d(each)], name) for (key, name), each in zip(names, values)})


def test_erodibility_by_hand():
    us = 0.29678
    k = soil_erodibility(soil_of(30, 50, 20, 1.5)).values[0, 0]
    assert k == pytest.approx(0.039085, abs=5e-7) and k / 0.1317 == pytest.approx(us, abs=1e-5)
    corrected = soil_erodibility(soil_of(30, 50, 20, 1.5), correction=Correction.CHINA_SI).values[0, 0]
    assert corrected == pytest.approx(-0.01383 + 0.51575 * 0.0390857, abs=1e-6)
    corrected = soil_erodibility(soil_of(30, 50, 20, 1.5), correction=Correction.CHINA_US).values[0, 0]
    assert corrected == pytest.approx((-0.01383 + 0.51575 * us) * 0.1317, abs=1e-6)


def test_available_water_by_hand():
    assert plant_available_water(soil_of(30, 50, 20, 1.5)).values[0, 0] == pytest.approx(0.14538, abs=1e-5)


def test_each_unit_gives_the_same():
    expected = soil_erodibility(soil_of(30, 50, 20, 1.5)).values
    for unit, times in ((ShareUnit.G_PER_KG, 10), (ShareUnit.DG_PER_KG, 100), (ShareUnit.FRACTION, 0.01)):
        same = soil_erodibility(
            soil_of(30 * times, 50 * times, 20 * times, 1.5 * times), units=SoilUnits(texture=unit, carbon=unit)
        )
        np.testing.assert_allclose(same.values, expected, rtol=1e-6)
    of_soilgrids = SoilUnits(texture=ShareUnit.G_PER_KG, carbon=ShareUnit.DG_PER_KG)
    same = soil_erodibility(soil_of(300, 500, 200, 150), units=of_soilgrids)
    np.testing.assert_allclose(same.values, expected, rtol=1e-6)
    of_matter = SoilUnits(carbon_kind=CarbonKind.ORGANIC_MATTER)
    same = soil_erodibility(soil_of(30, 50, 20, 1.5 * 1.724), units=of_matter)
    np.testing.assert_allclose(same.values, expected, rtol=1e-6)


def test_erodibility_behaves():
    carbons = np.array([0, 0.5, 1, 2, 5, 20])
    falling = soil_erodibility(soil_of([30] * 6, [50] * 6, [20] * 6, carbons)).values[0]
    assert (np.diff(falling) <= 0).all() and falling[0] > falling[-1] > 0
    sands = np.array([5, 30, 60, 90])
    silty = soil_erodibility(soil_of(sands, 0.7 * (100 - sands), 0.3 * (100 - sands), [1] * 4)).values[0]
    assert (np.diff(silty) < 0).all()
    # the bounds of EPIC: 0.5 x 1 x 1 x 1 in US units
    assert silty.min() > 0 and silty.max() < 0.5 * 0.1317


def test_missing_values_stay_missing():
    soil = soil_of([30, -9999, 30], [50, 50, 50], [20, 20, 20], [1.5, 1.5, -9999])
    for result in (soil_erodibility(soil), plant_available_water(soil)):
        assert np.isfinite(result.values[0]).tolist() == [True, False, False]


def test_a_correction_below_0_is_raised_and_told():
    heard = Heard()
    sandy = soil_of([92, 30], [5, 50], [3, 20], [1, 1.5])
    values = soil_erodibility(sandy, correction=Correction.CHINA_SI, progress=heard.progress).values[0]
    assert values[0] == 0 < values[1] and "below 0 on 1 cell(s)" in heard.warnings[0]


def test_available_water_beyond_its_range_is_told():
    heard = Heard()
    values = plant_available_water(soil_of([30, 30], [50, 50], [20, 20], [1.5, 12]), progress=heard.progress).values[0]
    assert values[1] == 1 and "leaves 0 to 100 % on 1 cell(s)" in heard.warnings[0]


def test_units_that_cannot_be_right_are_refused():
    with pytest.raises(InputError, match=r"'sand' holds 300 % on 1 cell\(s\).*choose the unit"):
        soil_erodibility(soil_of(300, 500, 200, 1.5))
    with pytest.raises(InputError, match="'soc' holds 150 % on 1 cell"):
        soil_erodibility(soil_of(30, 50, 20, 150))
    with pytest.raises(InputError, match=r"add to 1 % in the middle where 100 % is expected"):
        soil_erodibility(soil_of(0.3, 0.5, 0.2, 1.5))
    with pytest.raises(InputError, match="'clay' holds -5 %"):
        soil_erodibility(soil_of(30, 50, -5, 1.5))
    with pytest.raises(InputError, match=r"Silt and clay are both 0 on 1 cell\(s\)"):
        soil_erodibility(soil_of([30, 30, 100], [50, 50, 0], [20, 20, 0], [1, 1, 1]))
    with pytest.raises(InputError, match="No cell has a value in all of sand, silt and clay"):
        soil_erodibility(soil_of(-9999, 50, 20, 1))
    heard = Heard()
    soil_erodibility(soil_of([30, 30], [50, 50], [20, 12], [1, 1]), progress=heard.progress)
    assert "on 1 cell(s); they are used as they are" in heard.warnings[0]


# in parts ----------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Writes maps to files of many parts; some lie on other cells and in degrees."""
    shape, cells = (300, 2100), factory.template(300, 2100, cell=90.0, name="cells")
    places = [cells, Template(300, 2100, (122.99, 0.0012, 0, 41.56, 0, -0.001), "EPSG:4326", "degrees")]

    def write(*ranges, holes=0.02):
        sources, random = [], np.random.default_rng(8)
        for number, (low, high) in enumerate(ranges):
            values = (low + (high - low) * random.random(shape)).astype(np.float32)
            values[random.random(shape) < holes] = -9999
            path = str(tmp_path / f"map{number}.tif")
            write_raster(Grid(values, places[number % 2], -9999), path)
            sources.append(RasterSource(path))
        return sources

    return cells, write


def told(work):
    heard = Heard()
    result = work(heard.progress)
    return result, sorted(heard.logs), heard.warnings


@pytest.mark.parametrize("method", [ErosivityMethod.ZHANG_FU, ErosivityMethod.WISCHMEIER_SI])
def test_erosivity_in_parts_has_the_bits_and_messages_of_the_whole(files, method):
    cells, write = files
    sources = write(*[(low, low + 40) for low in MONSOON])
    (erosivity, total), logs, warnings = told(
        lambda progress: rainfall_erosivity(
            [align(source, cells, progress=progress) for source in sources], method=method, progress=progress
        )
    )
    (parts, annual), parts_logs, parts_warnings = told(lambda progress: erosivity_on(cells, sources, method, progress))
    np.testing.assert_array_equal(parts, erosivity.values)
    np.testing.assert_array_equal(annual, total.values)
    # and of the formula over all cells at once
    rows = [
        np.stack([align(source, cells).floats(np.float64)[row] for source in sources]) for row in (0, 255, 256, 299)
    ]
    for row, months in zip((0, 255, 256, 299), rows):
        year = months.sum(axis=0)
        expected = (
            0.3589 * ((months**2).sum(axis=0) / year) ** 1.9462
            if method is ErosivityMethod.ZHANG_FU
            else 9.81 * 1.735 * 10**-0.8188 * (months**3).sum(axis=0) / year**1.5
        )
        np.testing.assert_allclose(parts[row], expected, rtol=1e-6)
    assert np.isfinite(parts).mean() > 0.3
    assert parts_warnings == warnings
    assert [line for line in parts_logs if "warped" not in line and "no value on" not in line] == [
        line for line in logs if "warped" not in line and "no value on" not in line
    ]
    assert len([line for line in parts_logs if "was warped" in line]) <= 1


def aligned(sources, cells):
    return SoilInputs(*(AlignedRaster(source, cells) for source in sources))


def in_memory(sources, cells, progress=SILENT):
    keys = ("sand", "silt", "clay", "organic_carbon")
    return SoilInputs.of_grids(**{key: align(source, cells, progress=progress) for key, source in zip(keys, sources)})


@pytest.mark.parametrize(
    "whole, parts",
    [
        (
            lambda soil, **named: soil_erodibility(soil, correction=Correction.CHINA_SI, **named),
            lambda: Erodibility(Correction.CHINA_SI),
        ),
        (plant_available_water, AvailableWater),
    ],
)
def test_soil_in_parts_has_the_bits_and_messages_of_the_whole(files, whole, parts):
    cells, write = files
    sources = write((300, 950), (50, 300), (20, 200), (0, 1200))
    units = SoilUnits(ShareUnit.G_PER_KG, ShareUnit.DG_PER_KG, CarbonKind.ORGANIC_MATTER)
    output = ArrayOutput(cells)
    expected, logs, warnings = told(
        lambda progress: whole(in_memory(sources, cells, progress), units=units, progress=progress)
    )
    _, parts_logs, parts_warnings = told(
        lambda progress: soil_blocks(aligned(sources, cells), parts(), units=units, output=output, progress=progress)
    )
    np.testing.assert_array_equal(output.values, expected.values)
    # and of the formula over all cells at once
    percent = [align(source, cells).floats() for source in sources]
    for each, factor in zip(percent, (0.1, 0.1, 0.1, 0.01)):
        each *= np.float32(factor)
    percent[3] /= np.float32(1.724)
    np.testing.assert_array_equal(output.values, parts().of_part(percent))
    assert np.isfinite(output.values).mean() > 0.3
    assert (parts_logs, parts_warnings) == (logs, warnings) and len(warnings) >= 1


def test_refusals_count_over_the_whole_map(files):
    cells, write = files
    below = write(*[(5, 10)] * 5, (-1, -0.5), *[(5, 10)] * 6, holes=0)
    with pytest.raises(InputError) as whole:
        rainfall_erosivity([align(source, cells) for source in below])
    with pytest.raises(InputError) as parts:
        rainfall_erosivity_blocks(below, cells, output=ArrayOutput(cells), output_annual=None)
    assert str(whole.value) == str(parts.value) and "'map5'" in str(parts.value) and "negative" in str(parts.value)
    assert f"on {np.count_nonzero(np.isfinite(align(below[5], cells).values))} cell(s)" in str(parts.value)
    for ranges in (
        ((30, 40), (30, 40), (2000, 3000), (1, 2)),
        ((3, 4), (3, 4), (2, 3), (1, 2)),
        ((100, 100), (0, 0), (0, 0), (1, 2)),
    ):
        sources, messages = write(*ranges, holes=0), []
        for soil in (in_memory(sources, cells), aligned(sources, cells)):
            with pytest.raises(InputError) as refusal:
                soil_blocks(soil, Erodibility(), output=None)
            messages.append(str(refusal.value))
        assert messages[0] == messages[1]

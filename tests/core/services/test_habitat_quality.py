"""Habitat quality against InVEST 3.20.2, worked numbers, and a double loop over all pairs of cells."""

import math
from pathlib import Path

import factory
import numpy as np
import pytest

from econet.core import tables
from econet.core.errors import Cancelled, InputError
from econet.core.grid.grid import Grid
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.grid.warping import read_classes
from econet.core.outputs import write_raster
from econet.core.presets import Preset
from econet.core.progress import SILENT, Progress
from econet.core.services import habitat_quality as hq
from econet.core.services.accessibility import access_of_areas
from econet.core.services.degradation import HalfSaturationTerm
from econet.core.services.habitat_tables import Decay, read_tables
from econet.core.services.rarity import rarity
from econet.core.services.threat_costs import ALL_THREATS
from econet.core.services.threat_impact import DistanceRule, decayed

INVEST = Path(__file__).resolve().parents[2] / "data" / "invest_synth"
SENSITIVITY = "land_cover,habitat,town,road\n1,1,0.8,0.3\n2,0.6,0.5,1\n3,0,0,0\n"


def template(rows, cols, dx=30.0, dy=30.0, **place):
    return factory.template(rows, cols, cell=dx, height=dy, **{"name": "cover", **place})


def cover(values, dx=30.0, dy=30.0):
    return factory.grid(values, cell=dx, height=dy, nodata=-9, name="cover", dtype=np.int32)


def table(text, name="t.csv", folder=""):
    return tables.parse_csv(text, name, folder)


def threats(*rows):
    return table("threat,weight,max_distance_m,decay,land_cover_codes\n" + "\n".join(rows))


def intensity_raster(tmp_path, values, t, name="town"):
    path = str(tmp_path / f"{name}.tif")
    write_raster(Grid(np.asarray(values, dtype=np.float32), t, -1.0, name), path)
    return RasterSource(path)


def quality_of(
    land,
    threats=None,
    layers=(),
    sensitivity=None,
    *,
    product="CLCD",
    access=None,
    baseline=None,
    progress=SILENT,
    **choices,
):
    found = read_tables(threats, sensitivity, layers=layers, product=product)
    return hq.habitat_quality(
        land,
        tables=found,
        choices=hq.HabitatChoices(**choices),
        access=access,
        baseline=baseline,
        progress=progress,
    )


def left_of(distance, reach, kind):
    if distance > reach:
        return 0.0
    return 1 - distance / reach if kind == "linear" else math.exp(-2.99 * distance / reach)


def all_pairs(intensity, t, reach, kind, rule):
    """The impact of one threat by a loop over cells, for each distance rule."""
    places = np.argwhere(intensity > 0)
    down, right = int(reach // t.cell_height), int(reach // t.cell_width)
    weight = sum(
        left_of(math.hypot(i * t.cell_height, j * t.cell_width), reach, kind)
        for i in range(-down, down + 1)
        for j in range(-right, right + 1)
    )
    result = np.zeros(intensity.shape)
    for row, col in np.ndindex(intensity.shape):
        found = sorted(
            (math.hypot((row - a) * t.cell_height, (col - b) * t.cell_width), -intensity[a, b]) for a, b in places
        )
        if rule == DistanceRule.SUM:
            result[row, col] = sum(-i * left_of(d, reach, kind) for d, i in found) / weight
        elif found:
            d, i = found[0]
            result[row, col] = left_of(d, reach, kind) * (-i if rule == DistanceRule.INTENSITY else 1)
    return result


# InVEST ------------------------------------------------------------------------------------------


def test_equals_invest_on_every_cell():
    inputs = INVEST / "inputs"
    result = quality_of(
        read_classes(RasterSource(str(inputs / "lulc.tif"))),
        tables.read_csv(inputs / "threats.csv"),
        sensitivity=tables.read_csv(inputs / "sensitivity.csv"),
        preset=Preset.AS_INVEST,
        half_saturation=0.2,
    )
    for grid, name in ((result.quality, "hq_quality_c"), (result.degradation, "hq_deg_sum_c")):
        expected = read_raster(RasterSource(str(INVEST / "expected" / f"{name}.tif"))).floats(np.float64)
        np.testing.assert_allclose(grid.values, expected, rtol=1e-5, atol=0)
        assert grid.values.dtype == np.float32
    assert result.half_saturation == 0.2


# worked numbers ----------------------------------------------------------------------------------


def test_decay_by_hand():
    np.testing.assert_allclose(
        decayed([500, 1000, 2000], 2000, Decay.EXPONENTIAL), [0.473549, 0.224249, 0.050287], atol=5e-7
    )
    np.testing.assert_allclose(decayed([0, 500, 2000, 2000.1], 2000, Decay.LINEAR), [1, 0.75, 0, 0], atol=1e-12)
    assert decayed(2000.1, 2000, Decay.EXPONENTIAL) == 0


@pytest.mark.parametrize(
    "exponent, expected", [(HalfSaturationTerm.TO_THE_Z, 0.0303), (HalfSaturationTerm.AS_PRINTED, 0.1226)]
)
def test_quality_at_degradation_0_2_and_k_0_05(exponent, expected):
    # 24 m of a linear reach of 30 m leave 0.2
    land = cover([[3, 1]], dx=24.0)
    result = quality_of(
        land,
        threats("town,1,30,linear,3"),
        sensitivity=table("land_cover,habitat,town\n1,1,1\n3,0,0\n"),
        exponent=exponent,
        half_saturation=0.05,
    )
    assert result.degradation.values[0, 1] == pytest.approx(0.2, rel=1e-6)
    assert result.quality.values[0, 1] == pytest.approx(expected, abs=5e-5)
    assert result.quality.values[0, 0] == 0


def test_two_weights_and_sensitivities_by_hand():
    land = cover([[3, 1, 2, 2]], dx=100.0)
    result = quality_of(land, threats("town,3,400,linear,3", "road,1,200,linear,3"), sensitivity=table(SENSITIVITY))
    expected = [0, 0.75 * 0.8 * 0.75 + 0.25 * 0.3 * 0.5, 0.75 * 0.5 * 0.5, 0.75 * 0.5 * 0.25]
    np.testing.assert_allclose(result.degradation.values[0], expected, rtol=1e-6, atol=1e-9)
    assert result.half_saturation == pytest.approx(expected[1] / 2)


def test_presets_choose_k_and_the_exponent():
    land = cover([[3, 1, 1]])
    arguments = {
        "threats": threats("town,1,90,linear,3"),
        "sensitivity": table("land_cover,habitat,town\n1,1,1\n3,0,0\n"),
    }
    recommended, published, invest = (quality_of(land, preset=preset, **arguments) for preset in Preset)
    top, k = 2 / 3, 1 / 3
    assert recommended.half_saturation == pytest.approx(k)
    assert recommended.quality.values[0, 1] == pytest.approx(1 - top**2.5 / (top**2.5 + k**2.5), rel=1e-6)
    assert published.half_saturation == pytest.approx(k)
    assert published.quality.values[0, 1] == pytest.approx(1 - top**2.5 / (top**2.5 + k**2), rel=1e-6)
    assert invest.half_saturation == 0.05
    assert invest.quality.values[0, 1] == pytest.approx(1 - top**2.5 / (top**2.5 + 0.05**2.5), rel=1e-5)
    mixed = quality_of(land, preset=Preset.AS_PUBLISHED, exponent=HalfSaturationTerm.TO_THE_Z, **arguments)
    assert np.array_equal(mixed.quality.values, recommended.quality.values)


# brute force -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", DistanceRule)
@pytest.mark.parametrize("kind", ["linear", "exponential"])
@pytest.mark.parametrize("dx, dy", [(30, 30), (17, 45)])
def test_equals_all_pairs(tmp_path, rule, kind, dx, dy):
    rng = np.random.default_rng(4)
    t = template(13, 16, dx, dy)
    land = Grid(rng.integers(1, 4, t.shape).astype(np.int32), t, -9, "cover")
    land.values[5, 5:8] = -9
    # intensities all differ, and nearest cells are unique enough for the loop to agree on ties
    intensity = np.where(rng.random(t.shape) < 0.06, rng.random(t.shape), 0).astype(np.float32)
    if rule == DistanceRule.INTENSITY:
        intensity = np.zeros(t.shape, np.float32)
        intensity[2, 3], intensity[9, 12] = 0.25, 0.75
    reach = 140.0
    result = quality_of(
        land,
        table(f"threat,weight,max_distance_m,decay,layer\ntown,1,{reach},{kind},\n"),
        [intensity_raster(tmp_path, intensity, t)],
        table(SENSITIVITY),
        distance_rule=rule,
    )
    impact = all_pairs(intensity.astype(np.float64), t, reach, kind, rule)
    sensitivity = np.array([0.8, 0.5, 0])[np.maximum(land.values, 1) - 1]
    expected = np.where(land.valid, impact * sensitivity, np.nan)
    near_tie = np.zeros(t.shape, bool)
    if rule == DistanceRule.INTENSITY:
        r, c = np.indices(t.shape)
        apart = [np.hypot((r - a) * dy, (c - b) * dx) for a, b in np.argwhere(intensity > 0)]
        near_tie = np.abs(apart[0] - apart[1]) < 1e-6
    np.testing.assert_allclose(result.degradation.values[~near_tie], expected[~near_tie], rtol=2e-5, atol=2e-7)


def test_nearest_does_not_see_intensity_and_the_others_do(tmp_path):
    t = template(9, 9)
    land = Grid(np.ones(t.shape, np.int32), t, -9, "cover")
    weak, strong = np.zeros(t.shape), np.zeros(t.shape)
    weak[4, 4], strong[4, 4] = 0.2, 1.0
    text = "threat,weight,max_distance_m,decay\ntown,1,100,exponential\n"
    for rule in DistanceRule:
        a, b = (
            quality_of(
                land, table(text), [intensity_raster(tmp_path, v, t)], table(SENSITIVITY), distance_rule=rule
            ).degradation.values
            for v in (weak, strong)
        )
        ratio = 1.0 if rule == DistanceRule.NEAREST else 0.2
        np.testing.assert_allclose(a, ratio * b, rtol=1e-5, atol=1e-7)
        assert b.max() > 0


def test_the_sum_rule_conserves_a_uniform_threat_and_is_zero_beyond_reach(tmp_path):
    t = template(40, 40)
    land = Grid(np.ones(t.shape, np.int32), t, -9, "cover")
    text = table("threat,weight,max_distance_m,decay\ntown,1,150,linear\n")
    sensitivity = table("land_cover,habitat,town\n1,1,1\n")
    even = quality_of(
        land, text, [intensity_raster(tmp_path, np.full(t.shape, 0.7), t)], sensitivity, distance_rule=DistanceRule.SUM
    )
    np.testing.assert_allclose(even.degradation.values[6:-6, 6:-6], 0.7, rtol=1e-5)
    point = np.zeros(t.shape)
    point[20, 20] = 1
    spread = quality_of(
        land, text, [intensity_raster(tmp_path, point, t)], sensitivity, distance_rule=DistanceRule.SUM
    ).degradation.values
    assert spread.sum() == pytest.approx(1, rel=1e-5)
    r, c = np.indices(t.shape)
    beyond = np.hypot(r - 20, c - 20) * 30 > 150
    assert (spread[beyond] == 0).all()


# threats beyond the map --------------------------------------------------------------------------


@pytest.mark.parametrize("rule", DistanceRule)
def test_a_threat_layer_counts_beyond_the_map(tmp_path, rule):
    rng = np.random.default_rng(5)
    big = template(40, 44)
    intensity = np.where(rng.random(big.shape) < 0.01, rng.random(big.shape), 0)
    everywhere = Grid(rng.integers(1, 4, big.shape).astype(np.int32), big, -9, "cover")
    part = template(10, 12, west=500000.0 + 30 * 15, north=4600000.0 - 30 * 14)
    inside = Grid(everywhere.values[14:24, 15:27], part, -9, "cover")
    text = table("threat,weight,max_distance_m,decay\ntown,1,300,exponential\n")
    whole, clipped = (
        quality_of(
            land,
            text,
            [intensity_raster(tmp_path, intensity, big)],
            table(SENSITIVITY),
            distance_rule=rule,
            half_saturation=0.1,
        )
        for land in (everywhere, inside)
    )
    np.testing.assert_allclose(clipped.degradation.values, whole.degradation.values[14:24, 15:27], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(clipped.quality.values, whole.quality.values[14:24, 15:27], rtol=1e-4, atol=1e-6)


def test_polygons_beyond_the_map_count_too():
    land = cover(np.ones((3, 5)))
    box = factory.square(150 + 61, -89, 28, 88)
    result = quality_of(
        land,
        table("threat,weight,max_distance_m,decay\ntown,1,300,linear\n"),
        [factory.layer([box], name="mines")],
        table("land_cover,habitat,town\n1,1,1\n"),
    )
    np.testing.assert_allclose(
        result.degradation.values, np.tile(1 - np.array([7, 6, 5, 4, 3]) * 0.1, (3, 1)), rtol=1e-6
    )


def test_a_layer_path_in_the_table_starts_from_the_table(tmp_path):
    t = template(4, 4)
    spot = np.zeros(t.shape)
    spot[0, 0] = 1
    intensity_raster(tmp_path, spot, t, "spot")
    land = Grid(np.ones(t.shape, np.int32), t, -9, "cover")
    text = "threat,max_dist,weight,decay,cur_path\ntown,100,1,linear,spot.tif\n"
    result = quality_of(land, table(text, folder=str(tmp_path)), sensitivity=table(SENSITIVITY))
    assert result.degradation.values[0, 0] == pytest.approx(0.8)


# properties --------------------------------------------------------------------------------------


def test_transposing_the_map_transposes_the_result():
    values = np.random.default_rng(6).integers(1, 4, (11, 15))
    rules = threats("town,1,200,exponential,3", "road,0.4,100,linear,2")
    for rule in (DistanceRule.NEAREST, DistanceRule.SUM):
        one = quality_of(cover(values, 20, 50), rules, sensitivity=table(SENSITIVITY), distance_rule=rule)
        other = quality_of(cover(values.T, 50, 20), rules, sensitivity=table(SENSITIVITY), distance_rule=rule)
        np.testing.assert_allclose(other.quality.values, one.quality.values.T, rtol=1e-4, atol=1e-6)


def test_more_town_never_betters_a_cell_and_nothing_leaves_0_to_1():
    rng = np.random.default_rng(7)
    values = rng.integers(1, 3, (20, 20))
    rules = threats("town,1,200,exponential,3", "road,0.4,100,linear,2")
    values[3, 3] = 3
    more = values.copy()
    more[12, 12:15] = 3
    before, after = (
        quality_of(cover(v), rules, sensitivity=table(SENSITIVITY), half_saturation=0.2) for v in (values, more)
    )
    same = values == more
    assert (after.quality.values[same] <= before.quality.values[same] + 1e-7).all()
    assert (after.quality.values[same] < before.quality.values[same]).any()
    for grid in (after.quality.values, after.degradation.values):
        assert grid.min() >= 0 and grid.max() <= 1


def test_blocks_do_not_change_the_result(monkeypatch):
    from econet.core.grid import row_blocks

    values = np.random.default_rng(8).integers(1, 4, (31, 12))
    rules = threats("town,1,200,exponential,3", "road,0.4,100,linear,2")
    for rule in (DistanceRule.NEAREST, DistanceRule.SUM):
        with monkeypatch.context() as patch:
            whole = quality_of(cover(values), rules, sensitivity=table(SENSITIVITY), distance_rule=rule)
            patch.setattr(row_blocks, "_BLOCK_CELLS", 25)
            parts = quality_of(cover(values), rules, sensitivity=table(SENSITIVITY), distance_rule=rule)
        np.testing.assert_allclose(parts.quality.values, whole.quality.values, rtol=1e-4, atol=1e-6)


def test_accessibility_scales_degradation_and_is_1_without_a_value():
    land = cover([[3, 1, 1, 1]])
    rules = threats("town,1,150,linear,3")
    beta = Grid(np.array([[1, 0.5, 0, np.nan]], np.float32), land.template, None, "beta")
    open_, guarded = (quality_of(land, rules, sensitivity=table(SENSITIVITY), access=a) for a in (None, beta))
    np.testing.assert_allclose(guarded.degradation.values, open_.degradation.values * [[1, 0.5, 0, 1]], rtol=1e-6)
    beta.values[0, 1] = 50
    with pytest.raises(InputError, match=r"Accessibility 'beta' holds 50 on 1 cell\(s\), and only 0 to 1"):
        quality_of(land, rules, sensitivity=table(SENSITIVITY), access=beta)


# degenerate --------------------------------------------------------------------------------------


def test_without_threats_on_the_map_quality_is_suitability():
    heard = []
    result = quality_of(
        cover([[1, 2, -9]]),
        threats("town,1,100,linear,8"),
        sensitivity=table(SENSITIVITY),
        progress=Progress(log=heard.append),
    )
    np.testing.assert_array_equal(result.quality.values, np.array([[1, 0.6, np.nan]], np.float32))
    np.testing.assert_array_equal(result.degradation.values, np.array([[0, 0, np.nan]], np.float32))
    assert any("'town' does not occur" in line for line in heard)


@pytest.mark.parametrize("shape", [(1, 7), (7, 1), (1, 1)])
@pytest.mark.parametrize("rule", DistanceRule)
def test_one_row_one_column_one_cell(shape, rule):
    values = np.ones(shape, int)
    values.flat[0] = 3
    result = quality_of(
        cover(values),
        threats("town,1,75,linear,3"),
        sensitivity=table("land_cover,habitat,town\n1,1,1\n3,0,1\n"),
        distance_rule=rule,
    )
    found = result.degradation.values.ravel()
    if rule == DistanceRule.SUM:
        shares = 1 - np.arange(3) * 0.4
        r, c = np.indices((5, 5)) - 2
        kernel = np.maximum(0, 1 - np.hypot(r, c) * 0.4)
        expected = np.append(shares / kernel.sum(), np.zeros(9))[: found.size]
    else:
        expected = np.append(1 - np.arange(3) * 0.4, np.zeros(9))[: found.size]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_the_k_is_logged():
    heard = []
    quality_of(
        cover([[3, 1]]),
        threats("town,1,100,linear,3"),
        sensitivity=table(SENSITIVITY),
        progress=Progress(log=heard.append),
    )
    assert any("half-saturation constant 0.28 (half of the highest degradation)" in line for line in heard)


def test_kilometres_are_warned_of():
    heard = []
    quality_of(
        cover([[3, 1]]),
        threats("town,1,8,linear,3"),
        sensitivity=table(SENSITIVITY),
        progress=Progress(warn=heard.append),
    )
    assert "reaches 8 m, less than one cell" in heard[0] and "kilometres" in heard[0]


def test_cancel():
    with pytest.raises(Cancelled):
        quality_of(
            cover([[3, 1]]),
            threats("town,1,100,linear,3"),
            sensitivity=table(SENSITIVITY),
            progress=Progress(cancelled=lambda: True),
        )


# bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, message",
    [
        ("threat,weight,decay,land_cover_codes\ntown,1,linear,3\n", "Table 't.csv' has no column 'max_distance_m'"),
        (
            "threat,weight,max_distance_m,decay,land_cover_codes\ntown,1,far,linear,3\n",
            "row 2, column 'max_distance_m': 'far' is not a number",
        ),
        (
            "threat,weight,max_distance_m,decay,land_cover_codes\ntown,1,0,linear,3\n",
            "row 2, column 'max_distance_m': '0.*' leaves the threat no reach",
        ),
        (
            "threat,weight,max_distance_m,decay,land_cover_codes\ntown,1,100,gaussian,3\n",
            "column 'decay': 'gaussian' is not one of linear, exponential",
        ),
        ("threat,weight,max_distance_m,decay,land_cover_codes\ntown,0,100,linear,3\n", "all weights are 0"),
        (
            "threat,weight,max_distance_m,decay,land_cover_codes\ntown,1,100,linear,3\nTown,1,100,linear,3\n",
            "row 3, column 'threat': 'Town' has a row already",
        ),
        (
            "threat,weight,max_distance_m,decay,land_cover_codes,layer\ntown,1,100,linear,3,a.tif\n",
            "column 'layer': 'a.tif' stands beside land_cover_codes",
        ),
        (
            "threat,weight,max_distance_m,decay\ntown,1,100,linear\n",
            r"1 threat\(s\) without 'land_cover_codes' and 'layer' \(town\), and 0 threat layer\(s\) are given",
        ),
        ("threat,weight,max_distance_m,decay,layer\ntown,1,100,linear,gone.tif\n", "Raster 'town' cannot be opened"),
    ],
)
def test_bad_threat_tables(text, message):
    with pytest.raises(InputError, match=message):
        quality_of(cover([[3, 1]]), table(text), sensitivity=table(SENSITIVITY))


@pytest.mark.parametrize(
    "text, message",
    [
        ("land_cover,habitat,road\n1,1,0\n", "Table 's.csv' has no column 'town'"),
        ("land_cover,habitat,town\n1,1,1.5\n3,0,0\n", "row 2, column 'town': '1.5' is outside 0 to 1"),
        ("land_cover,habitat,town\n1,1,1\n", r"holds code 3 \(1 pixels\), for which table 's.csv'"),
    ],
)
def test_bad_sensitivity_tables(text, message):
    with pytest.raises(InputError, match=message):
        quality_of(cover([[3, 1]]), threats("town,1,100,linear,3"), sensitivity=table(text, "s.csv"))


def test_layers_that_cannot_serve(tmp_path):
    land, text = cover([[3, 1]]), table("threat,weight,max_distance_m,decay\ntown,1,100,linear\n")
    with pytest.raises(InputError, match="Threat layer 'town' holds 5 on 2 cell"):
        quality_of(land, text, [intensity_raster(tmp_path, [[5, 5]], land.template)], table(SENSITIVITY))
    far = template(1, 2, west=900000.0, name="town")
    with pytest.raises(InputError, match="'town' does not overlap 'cover'"):
        quality_of(land, text, [intensity_raster(tmp_path, [[1, 1]], far)], table(SENSITIVITY))
    with pytest.raises(InputError, match="Layer 'mines' is empty"):
        quality_of(land, text, [factory.layer([], name="mines")], table(SENSITIVITY))


def test_a_half_saturation_of_0_is_refused():
    with pytest.raises(InputError, match="0 is not above 0: give a number above 0") as caught:
        quality_of(cover([[3, 1]]), threats("town,1,100,linear,3"), sensitivity=table(SENSITIVITY), half_saturation=0.0)
    assert caught.value.parameter == "half_saturation"


# what a threat costs -----------------------------------------------------------------------------


def without(sensitivity, threat):
    """A sensitivity table in which no class minds a threat: its term of D is 0, all weights stay."""
    raw = table(sensitivity)
    index = raw.header.index(threat)
    raw.rows = [(number, ["0" if at == index else cell for at, cell in enumerate(cells)]) for number, cells in raw.rows]
    return raw


@pytest.mark.parametrize("exponent", HalfSaturationTerm)
def test_cost_of_a_threat_is_what_a_run_without_it_gains(exponent):
    rng = np.random.default_rng(11)
    land = cover(rng.choice([1, 1, 1, 2, 3, 4], (23, 31)), 30, 40)
    land.values[3, 4:9] = -9
    sensitivity = "land_cover,habitat,town,road\n1,1,0.8,0.3\n2,0.6,0.5,1\n3,0,0,0\n4,0.3,0.2,0.6\n"
    beta = Grid(rng.random(land.values.shape).astype(np.float32), land.template, None, "access")
    arguments = {
        "threats": threats("town,3,150,linear,3", "road,1,200,exponential,4"),
        "access": beta,
        "half_saturation": 0.11,
        "exponent": exponent,
    }
    result = quality_of(land, sensitivity=table(sensitivity), with_costs=True, **arguments)
    area = 30 * 40 / 1e6
    suitability = np.array([np.nan, 1, 0.6, 0, 0.3])[np.where(land.valid, land.values, 0)]
    all_lost = np.nansum(suitability - result.quality.values.astype(np.float64))
    assert [cost.threat for cost in result.costs] == ["town", "road", ALL_THREATS]
    for cost in result.costs[:2]:
        other = quality_of(land, sensitivity=without(sensitivity, cost.threat), **arguments)
        gain = other.quality.values.astype(np.float64) - result.quality.values
        np.testing.assert_allclose(result.cost_maps[cost.threat].values, gain, atol=2e-6)
        assert cost.quality_lost_km2 == pytest.approx(np.nansum(gain) * area, rel=1e-5)
        assert cost.loss_share == pytest.approx(np.nansum(gain) / all_lost, rel=1e-5)
    assert sum(cost.degradation_share for cost in result.costs[:2]) == pytest.approx(1)
    assert [cost.weight_share for cost in result.costs] == [0.75, 0.25, 1]
    assert result.costs[-1].quality_lost_km2 == pytest.approx(all_lost * area, rel=1e-6)
    plain = quality_of(land, sensitivity=table(sensitivity), **arguments)
    assert np.array_equal(plain.quality.values, result.quality.values, equal_nan=True)
    assert plain.costs is None and plain.cost_maps is None


def test_a_threat_alone_costs_all_and_one_that_is_nowhere_nothing():
    land = cover([[3, 1, 1, 1]])
    result = quality_of(
        land, threats("town,1,90,linear,3", "road,1,90,linear,99"), sensitivity=table(SENSITIVITY), with_costs=True
    )
    town, road, every = result.costs
    assert town.loss_share == pytest.approx(1) and town.quality_lost_km2 == pytest.approx(every.quality_lost_km2)
    assert (road.loss_share, road.quality_lost_km2, road.degradation_share) == (0, 0, 0)
    nothing = quality_of(
        cover([[1, 1]]),
        threats("town,1,90,linear,3"),
        sensitivity=table("land_cover,habitat,town\n1,1,1\n"),
        with_costs=True,
    )
    assert [cost.loss_share for cost in nothing.costs] == [None, None]


# rarity and baseline -----------------------------------------------------------------------------


def test_rarity_by_hand():
    after, before = cover([[1, 1, 2, 4], [1, 3, -9, 2]]), cover([[1, 1, 1, 2], [1, 1, 2, 2]])
    # class 1: 3 now, 5 before; class 2: 2 now, 3 before; classes 3 and 4 were not there
    expected = [[1 - 3 / 8, 1 - 3 / 8, 1 - 2 / 5, 0], [1 - 3 / 8, 0, np.nan, 1 - 2 / 5]]
    heard = []
    found = rarity(after, before, progress=Progress(warn=heard.append))
    np.testing.assert_allclose(found.values, expected, rtol=1e-6)
    assert "1 cell(s) have a value in only one" in heard[0]
    same = rarity(before, before)
    assert (same.values == 0.5).all() and same.values.dtype == np.float32
    with pytest.raises(InputError, match="not on the same cells"):
        rarity(after, cover([[1, 2]]))


def test_k_of_a_scenario_is_that_of_the_baseline_so_that_restoring_a_mine_never_lowers_quality():
    rng = np.random.default_rng(5)
    before = cover(rng.choice([1, 2, 4, 7, 8], (30, 40), p=[0.3, 0.4, 0.2, 0.05, 0.05]))
    before.values[4:9, 5:12] = 11
    after = Grid(np.where(before.values == 11, 15, before.values), before.template, -9, "restored")
    base = quality_of(before)
    heard = []
    restored = quality_of(after, baseline=before, progress=Progress(log=heard.append))
    assert restored.half_saturation == base.half_saturation
    assert any("half of the highest degradation of the baseline" in line for line in heard)
    assert (restored.quality.values >= base.quality.values).all()
    assert (restored.quality.values > base.quality.values)[4:9, 5:12].all()
    np.testing.assert_array_equal(restored.rarity.values, rarity(after, before).values)


def test_k_with_a_baseline_and_threat_layers_is_that_of_this_map(tmp_path):
    land = cover([[1, 1, 1]])
    town = intensity_raster(tmp_path, [[1, 0, 0]], land.template)
    heard = []
    arguments = (land, table("threat,weight,max_distance_m,decay\ntown,1,90,linear\n"), [town], table(SENSITIVITY))
    result = quality_of(*arguments, baseline=land, progress=Progress(log=heard.append))
    assert result.half_saturation == quality_of(*arguments).half_saturation
    assert any("not of the baseline" in line for line in heard)


# accessibility from polygons ---------------------------------------------------------------------


def areas(*rows, field="access"):
    return factory.layer([shape for shape, _ in rows], [{field: value} for _, value in rows], name="reserves")


def box(west, south, east, north):
    return factory.square(west, south, east - west, north - south)


def test_accessibility_of_reserves_is_the_lowest_where_they_overlap():
    t = template(2, 4)
    found = access_of_areas(
        areas(
            (box(0, -30, 60, 0), 0.4),
            (box(30, -60, 90, 0), "0,2"),
            (box(30, -30, 60, 0), 0.9),
            (box(900, 900, 990, 990), 0),
        ),
        t,
    )
    np.testing.assert_allclose(found.values, [[0.4, 0.2, 0.2, 1], [1, 0.2, 0.2, 1]])
    for value in (1.5, -0.1, "open", None):
        with pytest.raises(InputError, match="'reserves', field 'access', feature 1: .* not a number from 0 to 1"):
            access_of_areas(areas((box(0, -30, 60, 0), value)), t)
    with pytest.raises(InputError, match="access"):
        access_of_areas(areas((box(0, -30, 60, 0), 1), field="beta"), t)


# threat layers that do not reach the map, other products ------------------------------------------


def test_threat_layers_elsewhere_are_refused_before_the_work(tmp_path):
    land = cover([[1, 1, 1]])
    rule = table("threat,weight,max_distance_m,decay\ntown,1,90,linear\n")
    far = factory.layer([box(500, 0, 530, 30)], name="towns")
    with pytest.raises(InputError, match="'towns' has no feature within 90 m of 'cover'"):
        quality_of(land, rule, [far], table(SENSITIVITY))
    near = factory.layer([box(120, -30, 150, 0)], name="towns")
    assert quality_of(land, rule, [near], table(SENSITIVITY)).degradation.values[0, 2] > 0
    elsewhere = template(3, 3, west=900000.0, name="x")
    with pytest.raises(InputError, match="'elsewhere' does not overlap 'cover'"):
        quality_of(
            land, rule, [intensity_raster(tmp_path, np.ones((3, 3)), elsewhere, "elsewhere")], table(SENSITIVITY)
        )


def test_shipped_tables_serve_a_map_of_another_product_as_the_same_map_of_clcd():
    rng = np.random.default_rng(2)
    clcd = cover(rng.choice([1, 2, 3, 4, 5, 7, 8, 9, 11, 15], (20, 20)))
    nlcd_of = {1: 82, 2: 41, 3: 52, 4: 71, 5: 11, 7: 31, 8: 24, 9: 95, 11: 911, 15: 915}
    nlcd = cover(np.vectorize(nlcd_of.get)(clcd.values))
    ours, theirs = quality_of(clcd), quality_of(nlcd, product="NLCD")
    np.testing.assert_array_equal(ours.quality.values, theirs.quality.values)
    with pytest.raises(InputError, match="code 24 .*'sensitivity.csv"):
        quality_of(nlcd)

"""Corrections: the published formula by brute force, its bounds, and maps that cannot correct."""

import math
from dataclasses import replace

import numpy as np
import pytest

from econet.core.errors import InputError
from econet.core.progress import Progress
from econet.core.resistance import surface as s
from econet.core.resistance.choices import Correction, Transform
from econet.core.resistance.factor_layers import FactorLayers


def test_night_light_over_the_mean_of_the_class(city):
    """R' = R x light / mean light of the class, cell by cell."""
    lab, cells, layers, _, data = city
    plain = s.resistance_surface(layers, cells)
    made = s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(correction=Correction.NIGHT_LIGHT, correction_least=1e-9, correction_most=1e9),
    )
    light, cover = data["night_light"].astype(float), data["land_cover"]
    expected = np.empty(cells.shape)
    for place in np.ndindex(cells.shape):
        expected[place] = light[place] / light[cover == cover[place]].mean()
    np.testing.assert_allclose(made.integrated.values, plain.integrated.values * expected, rtol=1e-5)
    np.testing.assert_allclose(made.base.values, plain.base.values * expected, rtol=1e-5)
    np.testing.assert_array_equal(made.mines.values, plain.mines.values)
    log = lab.Log()
    bounded = s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(correction=Correction.NIGHT_LIGHT, correction_least=0.5, correction_most=1.5),
        progress=log.progress,
    )
    np.testing.assert_allclose(bounded.base.values, plain.base.values * np.clip(expected, 0.5, 1.5), rtol=1e-5)
    limited = int(((expected < 0.5) | (expected > 1.5)).sum())
    assert (
        f"{limited} cells ({100 * limited / expected.size:.1f} %) have less than 0.5 times or more than 1.5" in log.text
    )
    dimmed = int((expected < 0.5).sum())
    assert f"(the lowest multiplier on {dimmed} cells, the highest on {limited - dimmed})" in log.text
    two, other = (cover == code for code in (2, 3))
    shares = made.base.values / plain.base.values
    assert shares[two].mean() == pytest.approx(1, rel=1e-5) and shares[other].mean() == pytest.approx(1, rel=1e-5)


def test_a_class_without_light_and_cells_without_a_value(lab):
    cells = lab.template(2, 3)
    layers = FactorLayers(
        land_cover=lab.raster("cover", np.array([[1, 1, 1], [2, 2, 0]], np.uint8), cells, nodata=0),
        night_light=lab.raster("light", np.array([[30, 10, math.nan], [0, 0, 5]], np.float32), cells),
    )
    weights = lab.table("factor,weight\nland_cover,1\nnight_light,0\n")
    log = lab.Log()
    made = s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(weights=weights, correction=Correction.NIGHT_LIGHT),
        progress=log.progress,
    )
    np.testing.assert_allclose(made.base.values, [[4 * 1.5, 4 * 0.5, 4], [1, 1, math.nan]])
    assert "Land-cover class(es) 2 have no light at all in 'light' and are not corrected" in log.text
    assert "1 cells have no value in 'light' and are not corrected" in log.text
    other = replace(layers, correction=lab.raster("viirs", np.array([[1, 1, 4], [-1, 3, 0]], np.float32), cells))
    made = s.resistance_surface(
        other, cells, choices=s.SurfaceChoices(weights=weights, correction=Correction.NIGHT_LIGHT)
    )
    np.testing.assert_allclose(made.base.values, [[2, 2, 8], [0.1, 3, math.nan]])  # -1 / 1 falls to the lower bound


def test_multipliers_after_the_transform(city):
    lab, cells, layers, _, _ = city
    values = np.random.default_rng(5).uniform(0.2, 3, cells.shape).astype(np.float32)
    values[:3] = np.nan
    given = replace(layers, correction=lab.raster("fence", values, cells))
    plain = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(transform=Transform.POWER, exponent=2))
    log = lab.Log()
    made = s.resistance_surface(
        given,
        cells,
        choices=s.SurfaceChoices(transform=Transform.POWER, exponent=2, correction=Correction.MULTIPLIER),
        progress=log.progress,
    )
    np.testing.assert_allclose(
        made.integrated.values, plain.integrated.values * np.where(np.isnan(values), 1, values), rtol=1e-6
    )
    assert "150 cells have no value in 'fence' and are not corrected" in log.text
    warned = lab.Log()
    unused = s.resistance_surface(given, cells, progress=warned.progress)
    np.testing.assert_array_equal(unused.base.values, s.resistance_surface(layers, cells).base.values)
    assert "Raster 'fence' is given for a correction and no correction is chosen: it is not used" in warned.text


@pytest.mark.parametrize("value", [0, -2])
def test_multipliers_that_are_not_above_0(city, value):
    lab, cells, layers, _, _ = city
    values = np.ones(cells.shape, np.float32)
    values[4, :7] = value
    layers = replace(layers, correction=lab.raster("m", values, cells))
    with pytest.raises(
        InputError,
        match=rf"Raster 'm' of the correction holds {value}, and 7 cells are not above 0",
    ):
        s.resistance_surface(layers, cells, choices=s.SurfaceChoices(correction=Correction.MULTIPLIER))


def test_multipliers_beyond_what_maps_hold(city):
    lab, cells, layers, _, _ = city
    for value in (1e38, 1e-38):
        layers = replace(layers, correction=lab.raster("m", np.full(cells.shape, value, np.float32), cells))
        with pytest.raises(InputError, match="The correction makes resistance so high or so low"):
            s.resistance_surface(
                layers,
                cells,
                choices=s.SurfaceChoices(
                    correction=Correction.MULTIPLIER, transform=Transform.POWER, exponent=3 if value > 1 else 0.5
                ),
            )


@pytest.mark.parametrize(
    "names, correction, parameter, message",
    [
        (["ndvi"], Correction.MULTIPLIER, "correction_raster", "needs a raster of multipliers"),
        (["ndvi"], Correction.NIGHT_LIGHT, "correction_raster", "needs a map of night light"),
        (["night_light"], Correction.NIGHT_LIGHT, "land_cover", "choose a land cover"),
    ],
)
def test_corrections_that_lack_a_map(city, names, correction, parameter, message):
    _, cells, layers, _, _ = city
    layers = FactorLayers(**{name: getattr(layers, name) for name in names})
    with pytest.raises(InputError, match=message) as caught:
        s.resistance_surface(layers, cells, choices=s.SurfaceChoices(correction=correction))
    assert caught.value.parameter == parameter


@pytest.mark.parametrize(
    "least, most, parameter, message",
    [
        (0, 3, "correction_least", "is 0: it has to lie above 0 and up to 1"),
        (1.5, 3, "correction_least", "is 1.5: it has to lie above 0 and up to 1"),
        (None, 2, "correction_least", "is not given: it has to lie above 0 and up to 1"),
        (0.5, 0.9, "correction_most", "is 0.9: it has to lie at 1 or above"),
        (0.5, None, "correction_most", "is not given: it has to lie at 1 or above"),
    ],
)
def test_bounds_that_do_not_hold_1(least, most, parameter, message):
    with pytest.raises(InputError, match=message) as caught:
        s.SurfaceChoices(correction=Correction.NIGHT_LIGHT, correction_least=least, correction_most=most)
    assert caught.value.parameter == parameter
    s.SurfaceChoices(correction_least=least, correction_most=most)


@pytest.mark.parametrize("lit, warned", [(24, False), (26, True)])
def test_patchy_light_is_warned_of(lab, lit, warned):
    """The cells at the bounds are a quarter of the map or less: a fact; above it: a warning that says what to do."""
    cells = lab.template(10, 10)
    light = np.ones(100, np.float32)
    light[: lit // 2], light[lit // 2 : lit] = 0, 2
    layers = FactorLayers(
        land_cover=lab.raster("cover", np.full((10, 10), 2, np.uint8), cells, nodata=0),
        night_light=lab.raster("light", light.reshape(10, 10), cells),
    )
    said = {"log": [], "warn": []}
    s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(correction=Correction.NIGHT_LIGHT, correction_least=0.5, correction_most=1.5),
        progress=Progress(log=said["log"].append, warn=said["warn"].append),
    )
    text = f"{lit} cells ({lit}.0 %) have less than 0.5 times"
    assert any(line.startswith(text) for line in said["warn"]) == warned
    assert any(line.startswith(text) for line in said["log"]) != warned
    assert ("by up to 3 times" in "".join(said["warn"])) == warned


def test_means_of_classes_are_of_the_whole_map(lab):
    """The map is worked in blocks of 256 rows; a class's mean is of all of them."""
    cells = lab.template(600, 2)
    rng = np.random.default_rng(9)
    cover = rng.integers(1, 3, cells.shape).astype(np.uint8)
    light = (rng.uniform(1, 3, cells.shape) * np.linspace(1, 4, 600)[:, None]).astype(np.float32)
    layers = FactorLayers(
        land_cover=lab.raster("cover", cover, cells, nodata=0), night_light=lab.raster("light", light, cells)
    )
    choices = s.SurfaceChoices(
        weights=lab.table("factor,weight\nland_cover,1\nnight_light,0\n"), correction=Correction.NIGHT_LIGHT
    )
    means = np.where(cover == 1, light[cover == 1].mean(dtype=float), light[cover == 2].mean(dtype=float))
    np.testing.assert_allclose(
        s.resistance_surface(layers, cells, choices=choices).base.values,
        np.where(cover == 1, 4, 1) * light / means,
        rtol=1e-6,
    )

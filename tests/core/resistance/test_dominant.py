"""Why a cell is hard: the factor with the largest weight x (score - lowest), by brute force and by hand."""

import math

import numpy as np
import pytest

from econet.core.errors import InputError
from econet.core.resistance import surface as s
from econet.core.resistance.choices import Transform
from econet.core.resistance.factor_layers import FactorLayers, extra_names
from econet.core.resistance.factors import FACTORS

WEIGHTS = dict(zip(FACTORS, (0.11, 0.06, 0.25, 0.08, 0.11, 0.16, 0.08, 0.05, 0.10)))


def brute_force(expected, weights):
    """Cell by cell: the largest contribution, then the larger weight, then the order of the factors."""
    names = list(weights)
    shape = expected[names[0]].shape
    numbers = np.zeros(shape, dtype=int)
    for place in np.ndindex(shape):
        ranked = sorted((-round(weights[f] * (expected[f][place] - 1), 6), -weights[f], names.index(f)) for f in names)
        numbers[place] = FACTORS.index(names[ranked[0][2]]) + 1 if ranked[0][0] < 0 else 0
    return numbers


def test_nine_factors_by_brute_force(city):
    _lab, cells, layers, expected, _ = city
    made = s.resistance_surface(layers, cells, explain=True)
    numbers = brute_force(expected, WEIGHTS)
    np.testing.assert_array_equal(made.dominant.values, numbers)
    assert len(np.unique(numbers)) > 5
    shares = {use.name: use.dominant_share for use in made.factors}
    assert shares == pytest.approx({f: (numbers == i).mean() for i, f in enumerate(FACTORS, 1)})
    assert made.dominant.categories[3] == "land cover" and made.dominant.categories[9] == "mines"
    assert s.resistance_surface(layers, cells).dominant is None


def test_ties_lowest_scores_and_no_value(lab):
    """Of equal contributions the larger weight's; all at their lowest: 0; no value: 255."""
    cells = lab.template(1, 5)
    table = lab.table(
        "factor,weight,from,to,codes,resistance\nndvi,0.2,,0.2,,3\nndvi,,0.2,,,1\n"
        "night_light,0.4,,5,,1\nnight_light,,5,,,2\nslope,0.4,,,,5\n"
    )
    layers = FactorLayers(
        ndvi=lab.raster("ndvi", np.array([[0.1, 0.1, 0.9, 0.9, math.nan]], np.float32), cells),
        night_light=lab.raster("light", np.array([[9, 1, 9, 1, 9]], np.float32), cells),
        dem=lab.raster("dem", np.zeros((1, 5), np.float32), cells),
    )
    weights = lab.table("factor,weight\nndvi,0.2\nnight_light,0.4\nslope,0.4\nelevation,0\n")
    made = s.resistance_surface(
        layers, cells, choices=s.SurfaceChoices(factor_table=table, weights=weights), explain=True
    )
    # slope always scores 5, its lowest: it is no reason for one cell to be harder than another
    assert made.dominant.values.tolist() == [[8, 4, 8, 0, 255]]


def test_added_factors_join_the_nine(city):
    lab, cells, layers, expected, _ = city
    people = np.random.default_rng(3).integers(1, 6, cells.shape).astype(np.float32)
    noise = np.random.default_rng(4).uniform(0, 90, cells.shape).astype(np.float32)
    classes = np.random.default_rng(5).integers(1, 4, cells.shape).astype(np.uint8)
    layers = FactorLayers(
        land_cover=layers.land_cover,
        mines=layers.mines,
        extra={
            "people": lab.raster("people", people, cells),
            "noise": lab.raster("noise", noise, cells),
            "zone": lab.raster("zone", classes, cells, nodata=0),
        },
    )
    table = lab.table(
        "factor,weight,from,to,codes,resistance\nland_cover,0.3,,,1;3;4,1\nland_cover,,,,2;5;6;7;8;9,4\nPeople,0.2,,,,\n"
        "noise,0.2,,30,,1\nnoise,,30,60,,2\nnoise,,60,,,5\nzone,0.1,,,1;2,1\nzone,,,,3,3\nmine,0.2,,,,\n",
        "own.csv",
    )
    kept = {}
    made = s.resistance_surface(
        layers, cells, choices=s.SurfaceChoices(factor_table=table), keep=kept.__setitem__, explain=True
    )
    scores = {
        "people": people,
        "noise": lab.digitised(noise, (30, 60), (1, 2, 5)),
        "zone": np.where(classes == 3, 3, 1),
    }
    for name, score in scores.items():
        np.testing.assert_array_equal(kept[name].values, score)
    sums = 0.3 * kept["land_cover"].values + 0.2 * people + 0.2 * scores["noise"] + 0.1 * scores["zone"]
    np.testing.assert_allclose(made.base.values, sums / 0.8, rtol=1e-6)
    np.testing.assert_allclose(made.integrated.values, sums + 0.2 * expected["mine"], rtol=1e-6)
    assert made.dominant.categories[10:] == ("people", "noise", "zone")
    adds = {3: 0.3 * (kept["land_cover"].values - 1), 10: 0.2 * (people - 1), 11: 0.2 * (scores["noise"] - 1)}
    assert {3, 9, 10, 11} <= set(np.unique(made.dominant.values))
    cell = made.dominant.values == 10
    assert (adds[10][cell] >= adds[11][cell] - 1e-6).all() and (adds[10][cell] >= adds[3][cell] - 1e-6).all()
    weights = lab.table("factor,weight\nland_cover,1\nmine,1\npeople,2\nnoise,0\nzone,0\n", "w.csv")
    made = s.resistance_surface(layers, cells, choices=s.SurfaceChoices(factor_table=table, weights=weights))
    np.testing.assert_allclose(made.base.values, (kept["land_cover"].values + 2 * people) / 3, rtol=1e-6)


def test_added_factors_that_are_wrong(city):
    lab, cells, layers, _, _data = city
    layers = FactorLayers(
        ndvi=layers.ndvi, extra={"people": lab.raster("density", np.full(cells.shape, 4000.0, np.float32), cells)}
    )
    with pytest.raises(InputError, match="'factors.csv.*' has no weight for factor 'people', whose map is given"):
        s.resistance_surface(layers, cells)
    weights = lab.table("factor,weight\nndvi,1\npeople,1\n")
    with pytest.raises(
        InputError,
        match=r"Further factor 'density' holds 4000, and 2000 cells lie outside 1 to 5: score "
        r"it first with 'Factor resistance' or 'Distance resistance', or add rows for factor 'people'",
    ):
        s.resistance_surface(layers, cells, choices=s.SurfaceChoices(weights=weights))
    with pytest.raises(InputError, match="'peple' is not a factor; use one of slope, .*, people"):
        s.resistance_surface(
            layers, cells, choices=s.SurfaceChoices(weights=lab.table("factor,weight\nndvi,1\npeple,1\n"))
        )


@pytest.mark.parametrize(
    "text, layers, found",
    [
        ("", ["Population density", "Noise"], ["population_density", "noise"]),
        ("a, b", ["x", "y"], ["a", "b"]),
        ("人口，噪声", ["x", "y"], ["人口", "噪声"]),
        ("", [], []),
    ],
)
def test_names_of_added_factors(text, layers, found):
    assert extra_names(text, layers) == found


@pytest.mark.parametrize(
    "text, layers, message",
    [
        ("a", ["x", "y"], r"1 name\(s\) of further factors are given for 2 layer"),
        ("", ["Slope"], "'Slope' has the name of one of the nine factors"),
        ("a,A", ["x", "y"], "are called 'A'"),
        ("", ["OUTPUT", "OUTPUT"], "are called 'OUTPUT'"),
        ("a/b", ["x"], "a name that no file can have"),
    ],
)
def test_names_that_cannot_be(text, layers, message):
    with pytest.raises(InputError, match=message) as caught:
        extra_names(text, layers)
    assert caught.value.parameter == "extra_names"


def test_scores_of_other_cells_are_not_blended(city):
    """Where cells are made anew, no 3 appears between 1 and 5."""
    lab, cells, layers, *_ = city
    coarse = lab.template(11, 11, 300, 350)
    scores = np.random.default_rng(6).choice([1.0, 5.0], coarse.shape).astype(np.float32)
    kept = {}
    s.resistance_surface(
        FactorLayers(ndvi=layers.ndvi, extra={"people": lab.raster("coarse", scores, coarse)}),
        cells,
        choices=s.SurfaceChoices(
            weights=lab.table("factor,weight\nndvi,1\npeople,1\n"), transform=Transform.ONE_TO_100
        ),
        keep=kept.__setitem__,
    )
    x, y = cells.xy(*np.mgrid[:40, :50])
    row, col = coarse.row_col(x, y)
    np.testing.assert_array_equal(kept["people"].values, scores[row, col])


def test_of_equal_contributions_and_weights_the_first_counts(city):
    lab, cells, layers, expected, _ = city
    weights = lab.table("factor,weight\nland_cover,1\nndvi,1\nnight_light,1\n")
    made = s.resistance_surface(
        FactorLayers(ndvi=layers.ndvi, land_cover=layers.land_cover, night_light=layers.night_light),
        cells,
        choices=s.SurfaceChoices(weights=weights),
        explain=True,
    )
    scores = np.array([expected[name] for name in ("land_cover", "ndvi", "night_light")])
    numbers = np.array([3, 4, 8])[scores.argmax(axis=0)]  # argmax takes the first
    np.testing.assert_array_equal(made.dominant.values, np.where(scores.max(axis=0) == 1, 0, numbers))
    assert (np.sort(scores, axis=0)[1] == scores.max(axis=0)).mean() > 0.1


@pytest.mark.parametrize("score, number", [(2.51, 10), (2.49, 4)])
def test_contributions_that_nearly_tie(lab, score, number):
    """0.6 x (2 - 1) against 0.4 x (score - 1)."""
    cells = lab.template(1, 2)
    layers = FactorLayers(
        ndvi=lab.raster("ndvi", np.full((1, 2), 0.55, np.float32), cells),
        extra={"noise": lab.raster("noise", np.full((1, 2), score, np.float32), cells)},
    )
    made = s.resistance_surface(
        layers, cells, choices=s.SurfaceChoices(weights=lab.table("factor,weight\nndvi,0.6\nnoise,0.4\n")), explain=True
    )
    assert (made.dominant.values == number).all()

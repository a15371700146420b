"""How far options move a surface, against numpy on whole arrays."""

import math

import numpy as np
import pytest

from econet.core.grid.grid import float_grid
from econet.core.grid.row_blocks import row_blocks
from econet.core.resistance import surface as s
from econet.core.resistance.choices import HardBarrier, Transform
from econet.core.resistance.effects import BLOCK_ROWS, EffectSums, values_of


def moved(before, after):
    one = EffectSums("x", "base")
    for rows in row_blocks(*before.shape, block_rows=BLOCK_ROWS):
        one.add(before[rows], after[rows])
    return one.effect()


@pytest.mark.parametrize("offset", [0, 1e6])
def test_numbers_against_numpy(offset):
    rng = np.random.default_rng(1)
    before = offset + rng.uniform(1, 5, (700, 30))
    after = np.where(rng.random(before.shape) < 0.3, before, offset + (before - offset) ** 2)
    before[rng.random(before.shape) < 0.1] = np.nan
    after[rng.random(before.shape) < 0.1] = np.nan
    after[np.isnan(before)] = np.nan
    effect = moved(before, after)
    both = ~np.isnan(before) & ~np.isnan(after)
    assert effect.mean_change == pytest.approx(np.abs(after - before)[both].mean(), rel=1e-9)
    assert effect.correlation == pytest.approx(np.corrcoef(before[both], after[both])[0, 1], abs=1e-9)
    here = ~np.isnan(before)
    assert effect.changed_share == pytest.approx((before != after)[here].mean())
    assert effect.before == (np.nanmin(before), np.nanmax(before)) and effect.after == (
        np.nanmin(after),
        np.nanmax(after),
    )
    assert effect.closed == int((here & np.isnan(after)).sum())


def test_rises_and_falls_do_not_cancel_each_other():
    effect = moved(np.array([[1.0, 5], [3, 3]]), np.array([[5.0, 1], [3, 2]]))
    assert effect.mean_change == 9 / 4 and effect.changed_share == 3 / 4 and effect.correlation < -0.9


def test_a_surface_that_does_not_vary_or_has_no_value():
    flat = np.full((4, 5), 2.0)
    assert math.isnan(moved(flat, flat + 1).correlation) and moved(flat, flat + 1).mean_change == 1
    nothing = moved(np.full((2, 2), np.nan), np.full((2, 2), np.nan))
    assert math.isnan(nothing.mean_change) and math.isnan(nothing.changed_share) and math.isnan(nothing.before[0])


def test_effects_of_options_on_the_city(city):
    lab, cells, layers, _, _ = city
    plain = s.resistance_surface(layers, cells)
    layers.mines[0].state = "producing"
    log = lab.Log()
    made = s.resistance_surface(
        layers,
        cells,
        choices=s.SurfaceChoices(
            transform=Transform.POWER, exponent=3, barriers=(HardBarrier.MOTORWAYS, HardBarrier.PRODUCING_OPEN_PITS)
        ),
        progress=log.progress,
    )
    assert not plain.effects
    names = [(effect.option, effect.surface) for effect in made.effects]
    assert names == [
        ("transform 'power'", "base"),
        ("transform 'power'", "integrated"),
        ("hard barrier 'motorways'", "base"),
        ("hard barrier 'motorways'", "integrated"),
        ("hard barrier 'producing open pits'", "integrated"),
    ]
    base = made.effects[0]
    values = plain.base.values.astype(float)
    assert base.mean_change == pytest.approx((values**3 - values).mean(), rel=1e-5)
    assert base.correlation == pytest.approx(np.corrcoef(values.ravel(), values.ravel() ** 3)[0, 1], rel=1e-5)
    assert base.changed_share == 1 and base.after == pytest.approx((values.min() ** 3, values.max() ** 3), rel=1e-5)
    pit = lab.distance_by_ogr([layers.mines[0].geometry], cells) == 0
    road = np.isnan(made.base.values)
    assert made.effects[2].closed == road.sum() and made.effects[4].closed == (pit & ~road).sum()
    assert "Transform 'power', base surface: changes 100.0 % of the cells, moves the surface by" in log.text
    assert (
        f"Hard barrier 'motorways', base surface: changes {100 * road.mean():.1f} % of the cells, "
        f"closes {road.sum()} of" in log.text
    )


def test_values_of_a_surface(lab):
    rng = np.random.default_rng(2)
    values = rng.gamma(2, 3, (600, 50)).astype(np.float32)
    values[rng.random(values.shape) < 0.2] = np.nan
    found = values_of(float_grid(values, lab.template(600, 50)))
    assert found.lowest == np.nanmin(values) and found.highest == np.nanmax(values)
    assert found.mean == pytest.approx(np.nanmean(values.astype(float)))
    width = (found.highest - found.lowest) / 3900
    assert found.percent_5 == pytest.approx(np.nanpercentile(values, 5), abs=width)
    assert found.percent_95 == pytest.approx(np.nanpercentile(values, 95), abs=width)
    assert found.contrast == found.percent_95 / found.percent_5
    assert found.valid_share == np.mean(~np.isnan(values))
    counts, edges = np.histogram(values[~np.isnan(values)], 60, (found.lowest, found.highest))
    np.testing.assert_allclose(found.edges, edges, rtol=1e-6)
    assert found.counts.sum() == counts.sum() and np.abs(found.counts - counts).max() <= 5
    flat = values_of(float_grid(np.full((3, 3), 2.5), lab.template(3, 3)))
    assert (flat.lowest, flat.percent_5, flat.mean, flat.percent_95, flat.highest, flat.contrast) == (2.5,) * 5 + (1,)
    assert math.isnan(values_of(float_grid(np.full((3, 3), np.nan), lab.template(3, 3))).mean)

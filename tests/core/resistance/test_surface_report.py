"""What the report of a resistance surface says of contrast, factors, options and zones."""

import html
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from econet.core.grid.grid import float_grid
from econet.core.land_cover_products import LandCoverProduct
from econet.core.resistance import surface as s
from econet.core.resistance import zones as zones_of
from econet.core.resistance.choices import Transform
from econet.core.resistance.surface_report import resistance_report


def plain(report):
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]*>", " ", re.sub("<img[^>]*>", "", report.html()))))


def test_what_the_report_says(made):
    surfaces, (_lab, _cells, layers, expected, _) = made
    zones = zones_of.land_cover_zones(surfaces, layers.land_cover, product=LandCoverProduct.CLCD)
    text = plain(resistance_report(surfaces, zones=zones, parameters=[("Land cover", "cover")], log_lines=["A fact."]))
    low, high = np.nanpercentile(surfaces.integrated.values, [5, 95])
    ratio = float(re.search(r"costs ([\d.]+) times what easy ground costs \(", text).group(1))
    assert ratio == pytest.approx(high / low, rel=0.01)
    assert "The contrast is small" in text and "hardly deters a path" in text
    assert "SRTM was flown in 2000" in text and "the depth of a pit is no obstacle" in text
    for use in surfaces.factors:
        assert use.mean == pytest.approx(
            np.nanmean(
                expected[use.name]
                if use.name != "ndvi"
                else np.where(np.isnan(surfaces.base.values), np.nan, expected["ndvi"])
            ),
            rel=1e-6,
        ), use.name
    assert "hard barrier 'all producing mines'" in text and "By land cover" in text and "2 forest" in text
    assert "A fact." in text and "By district" not in text


def test_what_the_report_says_of_missing_maps_and_of_contrast(city):
    _lab, cells, layers, *_ = city
    made = s.resistance_surface(
        replace(layers, mines=None, water=None, ndvi=None, dem=None),
        cells,
        choices=s.SurfaceChoices(transform=Transform.POWER, exponent=6),
        explain=True,
    )
    text = plain(resistance_report(made))
    assert "Without a map: slope (0.11), elevation (0.06), NDVI (0.08), distance to water (0.11), mines (0.1)." in text
    assert "The contrast is small" not in text and "No mines were given" in text and "SRTM" not in text
    assert "transform 'power' base" in text and "transform 'power' integrated" not in text
    used = [use for use in made.factors if use.used]
    assert sum(use.weight for use in used) == pytest.approx(1, abs=1e-12)
    assert not math.isnan(used[0].dominant_share)


def test_a_surface_without_any_value(lab):
    cells = lab.template(3, 3)
    nothing = float_grid(np.full((3, 3), np.nan), cells)
    text = plain(resistance_report(s.ResistanceSurfaces(nothing, None, nothing, {})))
    assert "The integrated surface has no value anywhere" in text

"""An explained surface, for the tests of zones and of the report."""

from dataclasses import replace

import numpy as np
import pytest

from econet.core.resistance import surface as s
from econet.core.resistance.choices import HardBarrier


@pytest.fixture
def made(city):
    lab, cells, layers, _, data = city
    ndvi = data["ndvi"].copy()
    ndvi[10:14, 20:30] = np.nan
    layers = replace(layers, ndvi=lab.raster("holes", ndvi, cells))
    layers.mines[1].state = "producing"
    return s.resistance_surface(
        layers, cells, choices=s.SurfaceChoices(barriers=(HardBarrier.PRODUCING_MINES,)), explain=True
    ), city

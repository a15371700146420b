"""Small maps, mines and tables for the resistance tests."""

import math
from types import SimpleNamespace

import factory
import numpy as np
import pytest
from osgeo import ogr

from econet.core import tables
from econet.core.grid.grid import Grid
from econet.core.grid.reading import RasterSource
from econet.core.grid.slope import slope_degrees
from econet.core.mines import Mine
from econet.core.outputs import write_raster
from econet.core.progress import Progress
from econet.core.resistance.factor_layers import FactorLayers

CLCD = {1: 4, 2: 1, 3: 2, 4: 3, 5: 2, 6: 5, 7: 5, 8: 5, 9: 2}


def template(rows, cols, dx=100.0, dy=None, west=factory.WEST, north=factory.NORTH):
    return factory.template(rows, cols, cell=dx, height=dy, west=west, north=north)


def geometry(wkt):
    return ogr.CreateGeometryFromWkt(wkt)


def box(cells, row, col, rows=1, cols=1):
    """A rectangle that follows the edges of a template's cells."""
    west, dx, _, north, _, dy = cells.transform
    left, top = west + col * dx, north + row * dy
    right, bottom = left + cols * dx, top + rows * dy
    return geometry(f"POLYGON(({left} {bottom},{right} {bottom},{right} {top},{left} {top},{left} {bottom}))")


def features(name, *shapes):
    return factory.layer(shapes, name=name)


def mine(shape, mineral="coal", method="open pit", state="producing", feature="pit", name="West pit"):
    return Mine(name, mineral, method, state, feature, shape, 1)


def distance_by_ogr(shapes, cells):
    """Independent of the code under test: GEOS's distance from every cell centre."""
    rows, cols = np.mgrid[: cells.rows, : cells.cols]
    xs, ys = cells.xy(rows, cols)
    distance = np.empty(cells.shape)
    for place in np.ndindex(cells.shape):
        point = ogr.Geometry(ogr.wkbPoint)
        point.AddPoint_2D(xs[place], ys[place])
        distance[place] = min(shape.Distance(point) for shape in shapes)
    return distance


def digitised(values, breaks, scores):
    """Table 1 once more, written another way than the code's."""
    values = np.asarray(values)
    scored = np.full(values.shape, float(scores[-1]))
    for bound, score in reversed(list(zip(breaks, scores))):
        scored[values <= bound] = score
    return scored


class Log:
    """A Progress that keeps what was said."""

    def __init__(self):
        self.said = []
        self.progress = Progress(log=self.said.append)

    @property
    def text(self):
        return "\n".join(self.said)


@pytest.fixture
def lab(tmp_path):
    def raster(name, values, cells, nodata=math.nan):
        path = tmp_path / f"{name}.tif"
        write_raster(Grid(np.asarray(values), cells, nodata, name), str(path))
        return RasterSource(str(path))

    return SimpleNamespace(
        template=template,
        geometry=geometry,
        box=box,
        features=features,
        mine=mine,
        raster=raster,
        distance_by_ogr=distance_by_ogr,
        Log=Log,
        digitised=digitised,
        table=lambda text, name="mine.csv": tables.parse_csv(text, name),
    )


@pytest.fixture
def city(lab):
    """A 40 x 50 map of 60 x 90 m cells with all nine factors."""
    cells = lab.template(40, 50, 60, 90)
    rng = np.random.default_rng(7)
    x, y = cells.xy(*np.mgrid[:40, :50])
    data = {
        # ever steeper to the east, from below -326 m and flat to 45 degrees
        "dem": ((x - 500000) ** 2 / 6000 - 350 + 40 * np.sin((y - 4600000) / 300)).astype(np.float32),
        "land_cover": rng.integers(1, 10, cells.shape).astype(np.uint8),
        "ndvi": rng.uniform(-0.1, 0.9, cells.shape).astype(np.float32),
        "night_light": rng.uniform(0, 80, cells.shape).astype(np.float32),
    }
    lines = {
        "water": lab.geometry("LINESTRING(500000 4598000,503000 4597000)"),
        "motorways": lab.geometry("LINESTRING(502000 4601000,502100 4590000)"),
        "highways": lab.geometry("LINESTRING(499000 4599000,504000 4599500)"),
    }
    mines = [
        lab.mine(lab.box(cells, 5, 5, 4, 5), "coal", "open pit", "abandoned"),
        lab.mine(lab.box(cells, 25, 30, 3, 3), "building material", "underground", "producing"),
    ]
    layers = FactorLayers(
        **{
            name: lab.raster(name, values, cells, nodata=0 if name == "land_cover" else math.nan)
            for name, values in data.items()
        },
        **{name: lab.features(name, line) for name, line in lines.items()},
        mines=mines,
    )
    expected = {
        "slope": digitised(slope_degrees(data["dem"], cells), (10, 20, 30, 40), (1, 2, 3, 4, 5)),
        "elevation": digitised(data["dem"], (-326, -200, -125, 125, 200, 350, 500), (5, 3, 2, 1, 2, 3, 4, 5)),
        "land_cover": np.vectorize(CLCD.get)(data["land_cover"]).astype(float),
        "ndvi": digitised(data["ndvi"], np.float32([0.2, 0.4, 0.5, 0.6]), (5, 4, 3, 2, 1)),
        "night_light": digitised(data["night_light"], (5, 15, 30, 60), (1, 2, 3, 4, 5)),
        "distance_to_water": digitised(
            lab.distance_by_ogr([lines["water"]], cells), (500, 1000, 1500, 2000), (1, 2, 3, 4, 5)
        ),
        "distance_to_motorway": digitised(
            lab.distance_by_ogr([lines["motorways"]], cells), (500, 1000, 1500, 2000), (5, 4, 3, 2, 1)
        ),
        "distance_to_highway": digitised(
            lab.distance_by_ogr([lines["highways"]], cells), (200, 400, 600, 800), (5, 4, 3, 2, 1)
        ),
        "mine": np.maximum(
            digitised(lab.distance_by_ogr([mines[0].geometry], cells), (1000, 2000), (5, 3, 1)),
            digitised(lab.distance_by_ogr([mines[1].geometry], cells), (1000, 2000), (5, 3, 1)),
        ),
    }
    return lab, cells, layers, expected, data

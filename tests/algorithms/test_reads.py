"""Each input is read once: counted over a dialog's check and the run that follows it."""

from collections import Counter

import numpy as np
import pytest
from factory import square_wkt
from osgeo import gdal, osr
from qgis.core import QgsProcessingFeatureSource, QgsVectorLayer

from econet.core import crs

CELL_M = 30.0
WEST, NORTH = 500000.0, 4600000.0


class Reads:
    """How often layers were fetched, rasters opened and texts of a CRS parsed."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.fetched, self.opened, self.parsed = Counter(), Counter(), Counter()
        crs._PARSED.references.clear()
        crs._mean_the_same.cache_clear()


@pytest.fixture
def reads(monkeypatch):
    """Counts what is read from now on."""
    counts = Reads()
    fetch, fetch_table = QgsProcessingFeatureSource.getFeatures, QgsVectorLayer.getFeatures
    open_raster, parse = gdal.Open, osr.SpatialReference.SetFromUserInput

    def get_features(source, *given):
        counts.fetched[source.sourceName()] += 1
        return fetch(source, *given)

    def get_rows(layer, *given):
        counts.fetched[layer.name()] += 1
        return fetch_table(layer, *given)

    def open_counted(path, *given):
        counts.opened[path] += 1
        return open_raster(path, *given)

    def parse_counted(reference, text, *given):
        counts.parsed[text] += 1
        return parse(reference, text, *given)

    monkeypatch.setattr(QgsProcessingFeatureSource, "getFeatures", get_features)
    monkeypatch.setattr(QgsVectorLayer, "getFeatures", get_rows)
    monkeypatch.setattr(gdal, "Open", open_counted)
    monkeypatch.setattr(osr.SpatialReference, "SetFromUserInput", parse_counted)
    return counts


@pytest.fixture
def study(make, run):
    """Two sources on a surface, and what the steps before make of them."""
    rng = np.random.default_rng(3)
    values = rng.uniform(1, 5, (40, 40))
    places = [(WEST + 90, NORTH - 390), (WEST + 810, NORTH - 1110)]
    sources = make.layer(
        "sources", [(square_wkt(x, y, 240), {"source_id": number}) for number, (x, y) in enumerate(places, start=1)]
    )
    resistance = make.raster("resistance", values.astype(np.float32))
    cover = make.raster("cover", rng.integers(1, 10, (40, 40)).astype(np.uint8))
    services = [make.raster(name, rng.uniform(0, 1, (40, 40)).astype(np.float32)) for name in ("water", "carbon")]
    corridors = run("corridors", RESISTANCE=resistance, SOURCES=sources, OUTPUT=make.out("corridors.gpkg"))["OUTPUT"]
    return {
        "corridors": {
            "RESISTANCE": resistance,
            "SOURCES": sources,
            "OUTPUT": make.out("again.gpkg"),
            "OUTPUT_SURFACE": make.out("surface.tif"),
        },
        "gravitymodel": {
            "CORRIDORS": corridors,
            "SOURCES": sources,
            "RESISTANCE": resistance,
            "FORM": 1,
            "OUTPUT": make.out("gravity.gpkg"),
            "OUTPUT_MATRIX": make.out("matrix.gpkg"),
            "OUTPUT_REPORT": make.out("gravity.html"),
        },
        "serviceimportance": {
            "SERVICES": services,
            "LAND_COVER": cover,
            "GRID_SIZE": 120,
            "OUTPUT_IMPORTANCE": make.out("importance.tif"),
            "OUTPUT_CLASSES": make.out("classes.tif"),
            "OUTPUT_GRID": make.out("grid.gpkg"),
            "OUTPUT_REPORT": make.out("importance.html"),
        },
        "patches": {
            "CLASSES": cover,
            "IMPORTANCE": services[0],
            "OUTPUT": make.out("patches.gpkg"),
            "OUTPUT_REPORT": make.out("patches.html"),
        },
        "sourcefirmness": {
            "SERVICES": services,
            "SOURCES": sources,
            "GRID_SIZE": 120,
            "MIN_AREA": 0,
            "AREA_THRESHOLDS_KM2": "0.001",
            "OUTPUT": make.out("firmness.gpkg"),
            "OUTPUT_FREQUENCY": make.out("frequency.tif"),
            "OUTPUT_REPORT": make.out("firmness.html"),
        },
    }


def inputs_of(given):
    """Paths of the inputs among a step's parameters."""
    found = []
    for key, value in given.items():
        if not key.startswith("OUTPUT"):
            found += value if isinstance(value, list) else [value]
    return [path for path in found if isinstance(path, str)]


@pytest.mark.parametrize("step", ["corridors", "gravitymodel", "serviceimportance", "patches", "sourcefirmness"])
def test_each_input_is_read_once(run, study, reads, step):
    given = study[step]
    inputs = inputs_of(given)
    rasters = {path for path in inputs if path.endswith(".tif")}
    layers = {path.rsplit("/", 1)[1].partition(".")[0] for path in inputs if path.endswith(".gpkg")}

    reads.clear()
    assert run.check(step, **given) == (True, "")
    assert not reads.fetched, "a dialog's check looks at outlines"
    assert set(reads.opened) == rasters and set(reads.opened.values()) == {1}
    assert len(reads.parsed) <= 1 and set(reads.parsed.values()) <= {1}

    reads.clear()
    run(step, **given)
    assert set(reads.fetched) == layers and set(reads.fetched.values()) <= {1}
    assert {path: reads.opened[path] for path in rasters} == dict.fromkeys(rasters, 1)
    assert len(reads.parsed) <= 1 and set(reads.parsed.values()) <= {1}

"""Registers the checkout as the package ``econet``, and gives QGIS tests a provider and small inputs."""

import gc
import os
import sys
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "scripts")]

from load_econet import load_econet

load_econet()

import numpy as np
from osgeo import ogr
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsSettings,
    QgsVectorLayer,
)

from econet import classFactory
from econet.core.crs import Crs
from econet.core.geometry.layers import Layer, write_layer
from econet.core.grid.grid import Grid, Template
from econet.core.grid.reading import close_all_rasters
from econet.core.outputs import write_raster

UTM = "EPSG:32651"


@pytest.fixture(scope="session", autouse=True)
def _collected(qgis_app):
    """Close what is still open while GDAL is there: QGIS takes it down, and a file closed later crashes."""
    yield
    close_all_rasters()
    gc.collect()


@pytest.fixture(scope="session")
def provider(qgis_app, qgis_processing):
    """The EcoNet provider, loaded as qgis_process loads it."""
    QgsSettings().setValue("/qgis/walForSqlite3", False)  # QGIS 3.22.4 leaves journals beside what it reads
    plugin = classFactory(None)
    plugin.initProcessing()
    yield plugin.provider
    plugin.unload()
    gc.collect()  # layers that outlive QGIS crash it when they are collected


class Runner:
    """Runs algorithms by id and keeps what they said."""

    def __init__(self):
        self.feedback = None
        self.context = None

    def __call__(self, identifier, feedback=None, **parameters):
        """Results of a run; raises what the algorithm raises."""
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{identifier}")
        self.feedback = feedback or QgsProcessingFeedback()
        self.context = QgsProcessingContext()
        self.context.setProject(QgsProject.instance())
        results, _ = algorithm.run(parameters, self.context, self.feedback, {}, False)
        return results

    def refusal(self, identifier, feedback=None, **parameters):
        """The message by which a run is refused."""
        with pytest.raises(QgsProcessingException) as caught:
            self(identifier, feedback, **parameters)
        return str(caught.value)

    def check(self, identifier, **parameters):
        """What the dialog says before the run: (fine, message)."""
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{identifier}")
        return algorithm.checkParameterValues(parameters, QgsProcessingContext())

    @property
    def log(self):
        return self.feedback.textLog()

    def rows(self, destination):
        """Features of a vector result: list of (ogr-free) attribute dicts with 'geometry' as QgsGeometry."""
        layer = self.context.getMapLayer(destination) or QgsVectorLayer(destination, "result", "ogr")
        assert layer.isValid(), destination
        names = layer.fields().names()
        return [
            {**dict(zip(names, feature.attributes())), "geometry": feature.geometry()}
            for feature in layer.getFeatures()
        ]


@pytest.fixture
def run(provider):
    runner = Runner()
    yield runner
    # after the last test pytest keeps fixtures until QGIS is gone, and layers must not outlive it
    runner.context = runner.feedback = None


@pytest.fixture(scope="session")
def new_runner(provider):
    """For fixtures that outlive one test."""
    return Runner


def template(rows, cols, cell=30.0, crs=UTM, west=500000.0, north=4600000.0, height=None):
    return Template(rows, cols, (west, cell, 0.0, north, 0.0, -(height or cell)), _wkt(crs), "test")


def _wkt(crs):
    return Crs.of(crs).reference.ExportToWkt()


@pytest.fixture
def make(tmp_path):
    """Writes small inputs: ``make.raster(name, array)``, ``make.layer(name, [(wkt, {...})])``, ``make.csv``."""

    class Make:
        folder = tmp_path

        @staticmethod
        def raster(name, values, cell=30.0, crs=UTM, nodata=None, **place):
            values = np.asarray(values)
            path = tmp_path / f"{name}.tif"
            write_raster(Grid(values, template(*values.shape, cell=cell, crs=crs, **place), nodata, name), str(path))
            return str(path)

        @staticmethod
        def layer(name, features, fields=None, crs=UTM, kind=None):
            geometries = [ogr.CreateGeometryFromWkt(wkt) for wkt, _ in features]
            attributes = [values for _, values in features]
            fields = fields or {key: type(value) for key, value in (attributes[0] if attributes else {}).items()}
            kind = kind or (geometries[0].GetGeometryType() if geometries else ogr.wkbPolygon)
            path = tmp_path / f"{name}.gpkg"
            layer = Layer(name, _wkt(crs), geometries, attributes, list(fields))
            return write_layer(layer, str(path), name=name, fields=fields, geometry_type=kind)

        @staticmethod
        def csv(name, text):
            path = tmp_path / f"{name}.csv"
            path.write_text(text, encoding="utf-8")
            return str(path)

        @staticmethod
        def out(name):
            return str(tmp_path / name)

    return Make


def square(west, south, size, height=None):
    """WKT of a rectangle."""
    east, north = west + size, south + (height or size)
    return f"POLYGON(({west} {south},{east} {south},{east} {north},{west} {north},{west} {south}))"

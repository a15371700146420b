"""Connectivity of a layer of patches: OGR's own distances, cells worked by hand, refusals."""

import itertools
import math

import numpy as np
import pytest
from osgeo import ogr

from econet.core.errors import InputError
from econet.core.raster import Grid, Template
from econet.core.sources.connectivity import (
    CENTROID, LEAST_COST, centroid_distances, connectivity_report, cost_distances, landscape_connectivity)
from econet.core.vector import Features

UTM = "EPSG:32651"


# distances ----------------------------------------------------------------------------------------------

def square(x, y, side=1000.0):
    x, y = 5e5 + x, 46e5 + y
    return ogr.CreateGeometryFromWkt(
        f"POLYGON(({x} {y},{x + side} {y},{x + side} {y + side},{x} {y + side},{x} {y}))")


def test_centroids_and_costs():
    shapes = [square(0, 0), square(4000, 0), square(0, 3000, 100)]
    assert centroid_distances(shapes)[0] == pytest.approx([0, 4000, math.hypot(450, 2550)])
    template = Template(50, 60, (5e5, 100, 0, 4605000, 0, -100), UTM, "resistance")
    resistance = np.full((50, 60), 2, dtype=np.float32)
    found = cost_distances(shapes, Grid(resistance, template, math.nan, "resistance"), ["a", "b", "c"])
    # from the last cell of one square to the first of the next, over cells of resistance 2
    assert found[0, 1] == found[1, 0] == pytest.approx(2 * 31 * 100)
    assert found[0, 2] == pytest.approx(2 * 21 * 100)
    resistance[:, 20] = 0
    found = cost_distances(shapes, Grid(resistance, template, math.nan, "resistance"), ["a", "b", "c"])
    assert found[0, 1] == np.inf and found[0, 2] == pytest.approx(4200)
    with pytest.raises(InputError, match="A lies outside"):
        cost_distances([square(90000, 0, 10)], Grid(resistance, template, math.nan, "r"), ["a"])


# the layer ----------------------------------------------------------------------------------------------

def layer(attributes=None, crs=UTM):
    shapes = [square(0, 0), square(2000, 0), square(0, 5000, 2000)]
    attributes = attributes or [{} for _ in shapes]
    return Features("patches", crs, shapes, attributes, sorted(attributes[0]))


def test_layer_of_patches():
    rows = [{"patch_id": 4, "area_km2": 1.0, "size_class": "super-large"},
            {"patch_id": 9, "area_km2": 2.0, "size_class": "small"},
            {"patch_id": 5, "area_km2": 4.0, "size_class": "super-large"}]
    result = landscape_connectivity(layer(rows), landscape_area_km2=50)
    assert result.patch_id == [4, 5] and result.distance[0, 1] == 4000
    p = 0.5 ** (4000 / 2500)
    assert result.indices.pc == pytest.approx((1 + 16 + 2 * 4 * p) / 2500)
    links = list(result.links())
    assert len(links) == 1 and links[0][1] == {"patch_a": 4, "patch_b": 5, "distance_m": 4000.0,
                                               "probability": pytest.approx(p)}
    assert links[0][0].GetPointCount() == 2 and result.indices.n_links == 0
    shape, row = list(result.rows())[1]
    assert row["dpc"] == pytest.approx(100 * (16 + 8 * p) / (17 + 8 * p)) and row["component"] == 1
    assert shape.GetArea() == 4e6
    html = connectivity_report(result, [("DISPERSAL_DISTANCE", 2500)]).html()
    assert "EC(PC) (km2)" in html and "stepping stones" in html and "weight (km2)" in html
    assert "at most 2500 m apart" in html
    bare = landscape_connectivity(layer(), distance=CENTROID)
    assert bare.weight.tolist() == [1, 1, 4] and bare.patch_id == [1, 2, 3] and math.isnan(bare.indices.pc)
    connectivity_report(bare).html()


def test_crossed_outline_is_mended_for_the_run():
    crossed = layer()
    wkt = "POLYGON((502000 4600000,503000 4601000,503000 4600000,502000 4601000,502000 4600000))"
    crossed.geometries[1] = ogr.CreateGeometryFromWkt(wkt)
    result = landscape_connectivity(crossed)
    assert result.distance[0, 1] == 1000 and result.weight.tolist() == [1, 0.5, 4]
    assert len(list(result.links())) == 3 and len(list(result.rows())) == 3


def test_layer_with_costs():
    template = Template(80, 60, (5e5, 100, 0, 4608000, 0, -100), UTM, "resistance")
    grid = Grid(np.ones((80, 60), dtype=np.float32), template, math.nan, "resistance")
    result = landscape_connectivity(layer(), distance=LEAST_COST, resistance=grid)
    assert result.distance[0, 1] == pytest.approx(1100)


def test_refuses():
    rows = [{"value": 1.0, "text": "x"}, {"value": 0.0, "text": "y"}, {"value": None, "text": "z"}]
    for features, options, message in (
            (Features("patches", UTM), {}, "'patches' is empty"),
            (layer().to_crs("EPSG:4326"), {}, "'patches' is in degrees"),
            (layer(crs=""), {}, "no coordinate reference system"),
            (layer(), {"weight_field": "value"}, "no field 'value'"),
            (layer(rows), {"weight_field": "value"}, "field 'value', feature 3: 'NULL'"),
            (layer(rows), {"weight_field": "text"}, "field 'text', feature 1: 'x'"),
            (layer([{"w": -1}] * 3), {"weight_field": "w"}, "'-1' is not a number of at least 0"),
            (layer([{"w": 0}] * 3), {"weight_field": "w"}, "all weights are 0"),
            (layer(), {"dispersal_distance": 0}, r"\(DISPERSAL_DISTANCE\) is 0"),
            (layer(), {"dispersal_probability": 1}, r"\(DISPERSAL_PROBABILITY\) is 1"),
            (layer(), {"landscape_area_km2": 0}, r"\(AREA_OF_LANDSCAPE\) is 0"),
            (layer(), {"distance": LEAST_COST}, r"choose one \(RESISTANCE\)"),
            (layer([{"size_class": "small"}] * 3), {}, "no patch of size class super-large")):
        with pytest.raises(InputError, match=message):
            landscape_connectivity(features, **options)
    flat = layer()
    flat.geometries[1] = ogr.CreateGeometryFromWkt("POLYGON((500000 4600000,500100 4600000,500000 4600000))")
    with pytest.raises(InputError, match="'patches', feature 2 encloses no area"):
        landscape_connectivity(flat)

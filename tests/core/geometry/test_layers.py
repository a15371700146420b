"""core.geometry: reading, mending, cells to polygons and back against brute force."""

import os
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr

from econet.core.crs import Crs
from econet.core.errors import InputError
from econet.core.geometry.cells import line_through, polygonize, rasterize
from econet.core.geometry.layers import Layer, bounds_of, is_near, read_layer, write_layer
from econet.core.grid.grid import Template
from econet.core.progress import Progress

UTM = Crs.of("EPSG:32651").reference.ExportToWkt()
PLACE = Template(40, 50, (500000.0, 30.0, 0.0, 4600000.0, 0.0, -20.0), UTM, "place")


def shape(wkt):
    return ogr.CreateGeometryFromWkt(wkt)


def layer(*wkts, crs=UTM, **fields):
    rows = [dict(zip(fields, values)) for values in zip(*fields.values())] or [{} for _ in wkts]
    return Layer("mines", crs, [shape(w) for w in wkts], rows, list(fields))


# reading and writing --------------------------------------------------------------------------------


@pytest.mark.parametrize("driver, name", [("GPKG", "a.gpkg"), ("ESRI Shapefile", "a.shp"), ("GeoJSON", "a.geojson")])
def test_features_without_geometry_are_left_out_with_their_attributes(tmp_path, driver, name):
    path = str(tmp_path / name)
    dataset = ogr.GetDriverByName(driver).CreateDataSource(path, ["RFC7946=NO"] if driver == "GeoJSON" else [])
    table = dataset.CreateLayer(
        "a", Crs.of("EPSG:32651").reference, ogr.wkbPolygon, ["ENCODING=UTF-8"] if driver == "ESRI Shapefile" else []
    )
    table.CreateField(ogr.FieldDefn("name", ogr.OFTString))
    table.CreateField(ogr.FieldDefn("n", ogr.OFTInteger))
    for text, n, wkt in (
        ("煤矿", 1, "POLYGON((0 0,1 0,1 1,0 0))"),
        ("empty", 2, None),
        (None, None, "POLYGON((0 0,2 0,2 2,0 0))"),
    ):
        feature = ogr.Feature(table.GetLayerDefn())
        if text is not None:
            feature.SetField("name", text)
            feature.SetField("n", n)
        if wkt:
            feature.SetGeometry(shape(wkt))
        table.CreateFeature(feature)
    table = dataset = None
    found = read_layer(path, name="mines")
    assert found.name == "mines" and found.field_names == ["name", "n"]
    assert found.attributes == [{"name": "煤矿", "n": 1}, {"name": None, "n": None}]
    assert [g.GetArea() for g in found.geometries] == [0.5, 2]
    assert Crs.of(found.crs).reference.GetAuthorityCode(None) == "32651"


def test_heights_and_curves_are_brought_to_the_plane(tmp_path):
    path = str(tmp_path / "a.gpkg")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(path)
    table = dataset.CreateLayer("a", Crs.of("EPSG:32651").reference, ogr.wkbUnknown)
    for wkt in ("POLYGON Z((0 0 5,1 0 5,1 1 5,0 0 5))", "CURVEPOLYGON(CIRCULARSTRING(0 0,1 1,2 0,1 -1,0 0))"):
        feature = ogr.Feature(table.GetLayerDefn())
        feature.SetGeometry(shape(wkt))
        table.CreateFeature(feature)
    table = dataset = None
    flat, circle = read_layer(path).geometries
    assert flat.GetGeometryType() == circle.GetGeometryType() == ogr.wkbPolygon
    assert circle.GetArea() == pytest.approx(np.pi, rel=0.002)


def test_reading_refusals(tmp_path):
    with pytest.raises(InputError, match="'roads' cannot be opened"):
        read_layer(str(tmp_path / "none.gpkg"), name="roads")
    path = write_layer(layer("POINT(1 2)"), str(tmp_path / "a.gpkg"), name="a", fields={}, geometry_type=ogr.wkbPoint)
    with pytest.raises(InputError, match="has no layer 'b'"):
        read_layer(path, "b")


def test_written_layers_come_back(tmp_path):
    features = layer("POINT(1 2)", "POINT(3 4)", yes=[True, None], n=[2**40, None], x=[0.5, None], text=["矿", None])
    path = str(tmp_path / "a.gpkg")
    for _ in range(2):  # the second time over the first
        write_layer(
            features,
            path,
            name="points",
            fields={"yes": bool, "n": int, "x": float, "text": str},
            geometry_type=ogr.wkbPoint,
        )
    found = read_layer(path, "points")
    assert found.attributes == [
        {"yes": 1, "n": 2**40, "x": 0.5, "text": "矿"},
        dict.fromkeys(("yes", "n", "x", "text")),
    ]
    assert [g.ExportToWkt() for g in found.geometries] == ["POINT (1 2)", "POINT (3 4)"]
    dataset = gdal.OpenEx(path)
    assert dataset.GetLayer(0).GetLayerDefn().GetFieldDefn(0).GetSubType() == ogr.OFSTBoolean
    assert os.listdir(tmp_path) == ["a.gpkg"]


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = str(tmp_path / "a.gpkg")
    write_layer(layer("POINT(1 2)", n=[1]), path, name="a", fields={"n": int}, geometry_type=ogr.wkbPoint)
    before = Path(path).read_bytes()
    with pytest.raises(ValueError):
        write_layer(layer("POINT(1 2)", n=["x"]), path, name="a", fields={"n": int}, geometry_type=ogr.wkbPoint)
    with pytest.raises(InputError, match="missing' for the output 'a.gpkg' does not exist"):
        write_layer(
            layer("POINT(1 2)"), str(tmp_path / "missing" / "a.gpkg"), name="a", fields={}, geometry_type=ogr.wkbPoint
        )
    assert Path(path).read_bytes() == before and os.listdir(tmp_path) == ["a.gpkg"]


# a layer in memory ----------------------------------------------------------------------------------


def test_numbers_and_fields():
    features = layer("POINT(0 0)", "POINT(1 1)", n=[1, 2.5], bad=[1, None], word=["1", "many"])
    np.testing.assert_array_equal(features.numbers("n", "weight"), [1, 2.5])
    for field, value, minimum in (("bad", "NULL", None), ("word", "many", None), ("n", "1", 2)):
        with pytest.raises(InputError, match=rf"'mines', field '{field}', feature \d: '{value}' is not a number"):
            features.numbers(field, "weight", minimum=minimum)
    with pytest.raises(InputError, match=r"'mines' has no field 'm' \(weight\).*n, bad, word"):
        features.numbers("m", "weight")
    with pytest.raises(InputError, match="'mines' is empty.*at least one mine"):
        Layer("mines", UTM).require_some("mine")


def test_fields_have_names_in_any_case():
    mines = layer("POINT(0 0)", Name=["a"], KIND=["pit"], kind=["dump"])
    assert [mines.own_name(name) for name in ("name", "Name", "kind", "KIND", "state")] == [
        "Name",
        "Name",
        "kind",
        "KIND",
        "",
    ]
    known = mines.with_fields("name", "kind", "state")
    assert known.field_names == ["Name", "KIND", "kind", "name"]
    assert known.attributes == [{"Name": "a", "KIND": "pit", "kind": "dump", "name": "a"}]
    assert mines.field_names == ["Name", "KIND", "kind"] and "name" not in mines.attributes[0]
    assert mines.with_fields("kind", "state") is mines


def test_near_and_away():
    mines = layer("POLYGON EMPTY", "POLYGON((10 20,30 20,30 40,10 40,10 20))")
    assert bounds_of(mines.geometries) == (10, 20, 30, 40)
    for bounds, gap in (((35, 25, 99, 30), 5), ((0, 47, 99, 50), 7), ((-9, -9, 3, 99), 7), ((0, 0, 99, 12), 8)):
        assert is_near(mines.geometries, bounds, reach_m=gap)
        assert not is_near(mines.geometries, bounds, reach_m=gap - 1)
        with pytest.raises(InputError, match="'mines' lies wholly away from 'map'.*10, 20 to 30, 40.*correct its CRS"):
            mines.to_crs_near(UTM, bounds, other="map", reach_m=gap - 1)


def test_to_crs():
    said = []
    degrees = Crs.of("EPSG:4326").reference.ExportToWkt()
    features = layer("POINT(123 41.5)", crs=degrees, n=[1])
    there = features.to_crs(UTM, Progress(log=said.append))
    expected = Crs.of(degrees).to(UTM).TransformPoint(123, 41.5)
    assert there.geometries[0].GetX() == pytest.approx(500000) and there.geometries[0].GetY() == pytest.approx(
        expected[1]
    )
    assert features.geometries[0].GetX() == 123 and there.attributes == features.attributes
    assert "'mines' was reprojected from WGS 84 (EPSG:4326) to WGS 84 / UTM zone 51N" in said[0]
    assert there.to_crs("EPSG:32651") is there
    with pytest.raises(InputError, match="'mines' has no coordinate reference system"):
        layer("POINT(0 0)", crs="").to_crs(UTM)
    with pytest.raises(InputError, match="Feature 2 of layer 'mines' cannot be reprojected"):
        layer("POINT(123 41)", "POINT(123 4100)", crs=degrees).to_crs(UTM)


@pytest.mark.parametrize(
    "wkt, area",
    [
        ("POLYGON((0 0,2 2,2 0,0 2,0 0))", 2),
        ("POLYGON((0 0,4 0,4 4,2 4,2 6,2 4,0 4,0 0))", 16),
        ("MULTIPOLYGON(((0 0,2 0,2 2,0 2,0 0)),((1 1,3 1,3 3,1 3,1 1)))", 7),
        ("MULTIPOLYGON(((0 0,2 0,2 2,0 2,0 0)),((0 0,2 0,2 2,0 2,0 0)))", 4),
        ("POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,3 3,3 1,1 3,1 1))", 14),
        ("POLYGON((0 0,1 1,2 2,0 0))", 0),
    ],
)
def test_invalid_polygons_are_mended_to_what_any_part_covers(wkt, area):
    said = []
    features = layer("POLYGON((0 0,1 0,1 1,0 0))", wkt)
    mended = features.valid_polygons(Progress(log=said.append))
    good, shape_now = mended.geometries
    assert good.GetArea() == 0.5 and shape_now.IsValid() and shape_now.GetArea() == pytest.approx(area)
    assert ogr.GT_Flatten(shape_now.GetGeometryType()) in (ogr.wkbPolygon, ogr.wkbMultiPolygon)
    assert "'mines': 1 self-crossing or otherwise invalid polygon(s) were repaired" in said[0]
    assert (len(said) == 2 and "feature(s) 2 enclose no area" in said[1]) == (area == 0)
    assert not features.geometries[1].IsValid()  # the input is not altered


def test_valid_polygons_are_left_alone_without_a_word():
    said = []
    features = layer("POLYGON((0 0,1 0,1 1,0 0))")
    assert features.valid_polygons(Progress(log=said.append)).geometries[0] is features.geometries[0]
    assert said == []


# cells to geometries and back -----------------------------------------------------------------------

RINGS = {
    "triangle": "POLYGON((500101 4599903,500907 4599611,500333 4599307,500101 4599903))",
    "hole": "POLYGON((500101 4599903,501203 4599907,501207 4599251,500097 4599255,500101 4599903),"
    "(500333 4599777,500777 4599771,500773 4599441,500331 4599447,500333 4599777))",
    "multi": "MULTIPOLYGON(((500101 4599903,500301 4599901,500303 4599703,500101 4599903)),"
    "((500901 4599503,501301 4599501,501303 4599303,500901 4599503)))",
    "beyond": "POLYGON((499003 4601003,500711 4600501,500303 4599703,499003 4601003))",
    "outside": "POLYGON((499003 4601003,499111 4600501,499303 4600703,499003 4601003))",
    "sliver": "POLYGON((500101 4599901,500103 4599901,500103 4599899,500101 4599901))",
}


@pytest.mark.parametrize("wkt", RINGS.values(), ids=RINGS)
def test_rasterize_burns_the_cells_whose_centre_lies_inside(wkt):
    geometry = shape(wkt)
    xs, ys = PLACE.xy(*np.indices(PLACE.shape))
    expected = np.zeros(PLACE.shape, int)
    for index in np.ndindex(PLACE.shape):
        expected[index] = geometry.Contains(shape(f"POINT({xs[index]} {ys[index]})"))
    np.testing.assert_array_equal(rasterize([geometry], PLACE), expected)


def test_rasterize_all_touched_values_order_and_types():
    cells = [shape(RINGS["triangle"]), shape(RINGS["hole"])]
    later_over = rasterize(cells, PLACE, values=[7, 9])
    second = rasterize(cells[1:], PLACE) == 1
    assert set(np.unique(later_over)) == {0, 7, 9} and (later_over[second] == 9).all()
    assert rasterize([cells[0]], PLACE, values=[0.25], dtype=np.float32).max() == 0.25
    assert rasterize([cells[0]], PLACE, values=[123_456_789]).max() == 123_456_789
    assert rasterize([], PLACE).tolist() == np.zeros(PLACE.shape, int).tolist()
    touched = rasterize([shape(RINGS["sliver"])], PLACE, all_touched=True)
    west, north = PLACE.transform[0], PLACE.transform[3]
    box = ogr.CreateGeometryFromWkt(RINGS["sliver"]).GetEnvelope()
    for row, col in np.argwhere(touched):
        assert west + col * 30 <= box[1] and west + (col + 1) * 30 >= box[0]
        assert north - row * 20 >= box[2] and north - (row + 1) * 20 <= box[3]
    assert touched.sum() == 2  # it crosses the edge between two rows
    line = rasterize([line_through(PLACE, [1, 5], [2, 6])], PLACE)
    assert line[range(1, 6), range(2, 7)].all() and line.sum() == 5


@pytest.mark.parametrize("seed", range(25))
def test_polygons_of_cells_give_the_cells_back(seed):
    rng = np.random.default_rng(seed)
    place = Template(*rng.integers(1, 14, 2), PLACE.transform, UTM)
    labels = rng.integers(0, 4, place.shape) * 1000
    polygons = polygonize(labels, place)
    assert set(polygons) == set(np.unique(labels)) - {0}
    for label, polygon in polygons.items():
        assert polygon.GetGeometryType() == ogr.wkbMultiPolygon and polygon.IsValid()
        assert polygon.GetArea() == (labels == label).sum() * 600
    np.testing.assert_array_equal(rasterize(list(polygons.values()), place, values=list(polygons)), labels)


def test_corners_holes_and_nothing():
    labels = np.zeros((5, 5), int)
    assert polygonize(labels, Template(5, 5, PLACE.transform, UTM)) == {}
    labels[1:4, 1:4] = 2
    labels[2, 2] = 0
    labels[0, 0] = 2
    polygon = polygonize(labels, Template(5, 5, PLACE.transform, UTM))[2]
    assert polygon.GetGeometryCount() == 2 and polygon.IsValid() and polygon.GetArea() == 9 * 600
    assert sorted(part.GetGeometryCount() for part in (polygon.GetGeometryRef(i) for i in range(2))) == [1, 2]


def test_a_line_runs_through_cell_centres():
    line = line_through(PLACE, [0, 2], [1, 1])
    assert line.ExportToWkt() == "LINESTRING (500045 4599990,500045 4599950)"

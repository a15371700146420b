"""algorithms.base: what every algorithm owes QGIS and the planner, shown with tiny algorithms."""

import gc
import os
import time
import weakref
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from osgeo import gdal, ogr
from qgis.core import (
    NULL,
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProcessingModelOutput,
    QgsProcessingModelParameter,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterRasterLayer,
    QgsProject,
    QgsProperty,
    QgsRasterLayer,
    QgsVectorLayer,
)

from econet.algorithms import compat
from econet.algorithms import parameters as p
from econet.algorithms.base import EcoNetAlgorithm
from econet.algorithms.sources.patches import Patches
from econet.core import tables
from econet.core.errors import Cancelled, InputError
from econet.core.grid.reading import RasterSource, read_raster
from econet.core.grid.warping import read_classes
from econet.core.options import Option
from econet.core.schemas import Field

CARBON = 'land_cover,above,below,soil,dead\n1,10,2,30,1\n2,1/2,0,"7,5",0\n'
SQUARE = "POLYGON((500000 4599900,500060 4599900,500060 4599960,500000 4599960,500000 4599900))"
SCHEMA = (Field("n", int), Field("x", float), Field("name", str), Field("yes", bool))


class Probe(EcoNetAlgorithm):
    """Keeps what its inputs were read as, and writes a raster, a layer and a report."""

    ID, NAME, GROUP = "probe", "Probe", "services"
    TEMPLATE = ("MAP",)
    act = staticmethod(lambda job: None)

    def definitions(self):
        return [
            p.raster("MAP", "The map", optional=True),
            p.rasters("MAPS", "More maps", optional=True),
            p.layers("LAYERS", "Anything", optional=True),
            p.vector("AREAS", "The areas", p.POLYGON, optional=True),
            p.table("RULES", "The rules"),
            p.field("FIELD", "The field", "AREAS", default="name"),
            p.number("NUMBER", "A number", optional=True),
            p.number("FIVE", "Five", default=5.0),
            p.integer("WHOLE", "A whole number", optional=True),
            p.raster_output("OUTPUT", "Raster", optional=True),
            p.raster_output("OTHER", "Other raster", optional=True),
            p.vector_output("LAYER", "Layer", p.TABLE, optional=True),
            p.vector_output("SECOND", "Second layer", p.TABLE, optional=True),
            p.report_output("REPORT", "Report"),
            p.folder_output("FOLDER", "Folder"),
        ]

    def read(self, job):
        return None

    def execute(self, inputs, job):
        type(self).act(job)


@pytest.fixture
def probe(provider):
    """``probe(act, **parameters)`` runs ``act(job)`` inside a tiny algorithm and returns what it returned."""

    def run(act=lambda job: None, feedback=None, refused=False, **parameters):
        kept = []

        class Once(Probe):
            act = staticmethod(lambda job: kept.append(run_act(job)))

        run_act = act
        run.feedback = feedback or QgsProcessingFeedback()
        run.context = QgsProcessingContext()
        run.context.setProject(QgsProject.instance())
        algorithm = Once().create()
        if refused:
            with pytest.raises(QgsProcessingException) as caught:
                algorithm.run(parameters, run.context, run.feedback, {}, False)
            return str(caught.value)
        run.results, _ = algorithm.run(parameters, run.context, run.feedback, {}, False)
        return kept[0]

    yield run
    QgsProject.instance().clear()


def vector_layer(*features, kind="Polygon", fields="field=n:integer&field=name:string", crs="EPSG:32651", name="areas"):
    layer = QgsVectorLayer(f"{kind}?crs={crs}&{fields}", name, "memory")
    for wkt, *attributes in features:
        feature = QgsFeature(layer.fields())
        if wkt:
            feature.setGeometry(QgsGeometry.fromWkt(wkt))
        feature.setAttributes(attributes)
        layer.dataProvider().addFeature(feature)
    QgsProject.instance().addMapLayer(layer)
    return layer


def table_of(path):
    dataset = gdal.OpenEx(path, gdal.OF_VECTOR)
    table = dataset.GetLayer(dataset.GetLayerCount() - 1)
    return [
        {
            table.GetLayerDefn().GetFieldDefn(i).GetName(): feature.GetField(i)
            for i in range(table.GetLayerDefn().GetFieldCount())
        }
        for feature in table
    ]


def names(folder):
    return sorted(os.listdir(folder))


# vector inputs --------------------------------------------------------------------------------------


def test_features_of_memory_layers_with_nulls_and_empty_shapes(probe):
    layer = vector_layer((SQUARE, 7, None), (None, 8, "lost"), ("POLYGON EMPTY", 9, "empty"), (SQUARE, None, "矿"))
    features = probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=layer)
    assert features.name == "areas" and features.field_names == ["n", "name"]
    assert features.attributes == [{"n": 7, "name": None}, {"n": None, "name": "矿"}]
    assert [shape.GetArea() for shape in features.geometries] == [3600, 3600]


def test_only_selected_features_are_read_when_asked(probe):
    layer = vector_layer((SQUARE, 1, "a"), (SQUARE, 2, "b"), (SQUARE, 3, "c"))
    layer.selectByExpression("n > 1")
    chosen = probe(
        lambda job: job.layer("AREAS").read(job.progress), AREAS=QgsProcessingFeatureSourceDefinition(layer.id(), True)
    )
    assert chosen.values("n") == [2, 3]
    assert probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=layer.id()).values("n") == [1, 2, 3]
    layer.removeSelection()
    nothing = probe(
        lambda job: job.layer("AREAS").read(job.progress), AREAS=QgsProcessingFeatureSourceDefinition(layer.id(), True)
    )
    assert len(nothing) == 0
    with pytest.raises(InputError, match="'areas' is empty.*mind the selection"):
        nothing.require_some()


def test_a_filtered_layer_gives_what_the_filter_lets_through(probe, make):
    path = make.layer("mines", [(SQUARE, {"n": n}) for n in (1, 2, 3)])
    layer = QgsVectorLayer(path, "mines", "ogr")
    assert layer.setSubsetString('"n" >= 2')
    QgsProject.instance().addMapLayer(layer)
    assert probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=layer).values("n") == [2, 3]


def test_a_layer_of_a_file_that_holds_several_goes_by_its_own_name(probe, make):
    path = make.layer("city", [(SQUARE, {"n": 1})])
    dataset = gdal.OpenEx(path, gdal.OF_VECTOR | gdal.OF_UPDATE)
    inside = dataset.GetLayer(0).GetName()
    dataset.CopyLayer(dataset.GetLayer(0), "water")
    dataset = None
    assert probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=f"{path}|layername=water").name == "water"
    assert (
        probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=f'{path}|layername={inside}|subset="n" = 1').name
        == inside
    )
    assert probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=path).name == "city"


def test_the_crs_assigned_in_qgis_counts(probe, make):
    layer = vector_layer((SQUARE, 1, "a"), crs="")
    layer.setCrs(QgsCoordinateReferenceSystem())
    message = probe(refused=True, AREAS=layer)
    assert message.startswith("Layer 'areas' has no coordinate reference system")
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:4549"))
    from econet.core.crs import Crs

    assert Crs.of(probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=layer).crs).same_as("EPSG:4549")


def test_the_wrong_kind_of_geometry_is_refused(probe, make):
    line = vector_layer(("LINESTRING(0 0,1 1)", 1, "a"), kind="LineString", name="roads")
    assert probe(refused=True, AREAS=line).startswith(
        "Layer 'roads' for 'The areas' holds line features, and polygon features are needed"
    )
    points = make.layer("wells", [("POINT(1 2)", {"n": 1})])
    assert "'wells' for 'The areas' holds point features" in probe(refused=True, AREAS=points)
    mixed = make.layer("mixed", [(SQUARE, {"n": 1})], kind=ogr.wkbUnknown)
    assert len(probe(lambda job: job.layer("AREAS").read(job.progress), AREAS=mixed)) == 1


def test_fields_are_carried_over_with_their_types(probe):
    fields = "field=fid:integer&field=n:int8&field=x:double&field=name:string&field=yes:bool&field=day:date"
    layer = vector_layer((SQUARE, 5, 2**40, 0.5, "a", True, "2020-01-02"), fields=fields)

    def act(job):
        schema, features = job.schema("AREAS"), job.layer("AREAS").read(job.progress)
        job.write_features(
            "LAYER",
            schema,
            geometry=compat.GEOMETRY.MultiPolygon,
            crs=features.crs,
            rows=list(zip(features.geometries, features.attributes)),
        )
        return schema, features

    schema, _ = probe(act, AREAS=layer, LAYER="TEMPORARY_OUTPUT")
    assert [tuple(field) for field in schema] == [("n", int), ("x", float), ("name", str), ("yes", bool), ("day", str)]
    (row,) = probe.context.getMapLayer(probe.results["LAYER"]).getFeatures()
    assert row.attributes()[:4] == [2**40, 0.5, "a", True] and row.attributes()[4] == "2020-01-02"


# raster inputs --------------------------------------------------------------------------------------


def test_rasters_as_path_project_layer_and_assigned_crs(probe, make):
    path = make.raster("cover", np.array([[1, 2]], np.uint8))
    layer = QgsRasterLayer(path, "Land cover 2020")
    assert probe(lambda job: job.raster("MAP"), MAP=path).name == "cover"
    QgsProject.instance().addMapLayer(layer)
    for value, name in ((path, "Land cover 2020"), (layer, "Land cover 2020"), (layer.id(), "Land cover 2020")):
        source = probe(lambda job: job.raster("MAP"), MAP=value)
        assert source.name == name and read_raster(source).values.tolist() == [[1, 2]]
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:4549"))
    place = probe(lambda job: job.template(), MAP=layer)
    from econet.core.crs import Crs

    assert Crs.of(place.crs).same_as("EPSG:4549") and place.name == "Land cover 2020"
    layer.setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
    assert "'Land cover 2020' is in degrees" in probe(refused=True, MAP=layer)


def test_rasters_apart_from_the_template_are_refused_before_the_work(probe, make):
    here, there = make.raster("here", np.ones((2, 2))), make.raster("there", np.ones((2, 2)), west=700000.0)
    worked = []
    message = probe(worked.append, refused=True, MAP=here, MAPS=[here, there])
    assert "'there' does not overlap 'here'" in message and worked == []


def test_missing_rasters_are_refused_also_in_a_list(probe, make):
    here = make.raster("here", np.ones((2, 2)))
    assert "'The map' (/no/where.tif) cannot be opened" in probe(refused=True, MAP="/no/where.tif")
    assert "'More maps' (/no/where.tif) cannot be opened" in probe(refused=True, MAPS=[here, "/no/where.tif"])
    assert "'Anything' (/no/where.tif) cannot be opened" in probe(
        lambda job: job.layers("LAYERS"), refused=True, LAYERS=[here, "/no/where.tif"]
    )
    assert [s.name for s in probe(lambda job: job.rasters("MAPS"), MAPS=[here])] == ["here"]
    assert probe(
        lambda job: (
            job.optional_raster("MAP"),
            job.rasters("MAPS"),
            job.optional_layer("AREAS"),
            job.table("RULES"),
        )
    ) == (
        None,
        [],
        None,
        None,
    )


def test_layers_of_both_kinds_keep_their_order(probe, make):
    raster, areas = make.raster("here", np.ones((2, 2))), make.layer("areas", [(SQUARE, {"n": 1})])
    found = probe(lambda job: job.layers("LAYERS"), LAYERS=[areas, raster])
    assert [(type(layer).__name__, layer.name) for layer in found] == [("QgisLayer", "areas"), ("RasterSource", "here")]


def test_what_may_be_empty_is_not_asked_for_as_if_it_were_given(probe):
    with pytest.raises(QgsProcessingException, match="MAP has no value"):
        probe(lambda job: job.raster("MAP"))


# tables ---------------------------------------------------------------------------------------------


def test_a_table_is_the_same_from_wherever_it_comes(probe, make):
    path = make.csv("rules with blank", CARBON)
    text = QgsVectorLayer(f"file://{path.replace(' ', '%20')}?delimiter=,&detectTypes=yes", "text", "delimitedtext")
    loaded = QgsVectorLayer(path, "loaded", "ogr")
    columns = [tables.Column("land_cover", "integer"), tables.Column("above"), tables.Column("soil")]
    expected = [{"land_cover": 1, "above": 10, "soil": 30}, {"land_cover": 2, "above": 0.5, "soil": 7.5}]
    memory = vector_layer(
        (None, 1, "10", 30.0),
        (None, 2, "1/2", 7.5),
        kind="NoGeometry",
        name="in memory",
        fields="field=land_cover:integer&field=above:string&field=soil:double",
    )
    gpkg = make.out("rules.gpkg")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(gpkg)
    table = dataset.CreateLayer("rules", None, ogr.wkbNone)
    for name, kind in (("land_cover", ogr.OFTInteger), ("above", ogr.OFTString), ("soil", ogr.OFTReal)):
        table.CreateField(ogr.FieldDefn(name, kind))
    for row in ((1, "10", 30.0), (2, "1/2", 7.5)):
        feature = ogr.Feature(table.GetLayerDefn())
        for index, value in enumerate(row):
            feature.SetField(index, value)
        table.CreateFeature(feature)
    table = dataset = None
    for layer in (text, loaded):
        assert layer.isValid()
        QgsProject.instance().addMapLayer(layer)
    for value, name in (
        (path, "rules with blank.csv"),
        (text, "text"),
        (loaded, "loaded"),
        (loaded.id(), "loaded"),
        (memory, "in memory"),
        (gpkg, "rules"),
    ):
        raw = probe(lambda job: job.table("RULES"), RULES=value)
        assert raw.name == name
        assert tables.parse(raw, columns).rows == expected, name


def test_the_filter_of_a_loaded_table_counts(probe, make):
    path = make.csv("rules", CARBON)
    layer = QgsVectorLayer(f"file://{path}?delimiter=,", "rules", "delimitedtext")
    assert layer.setSubsetString('"land_cover" = 2')
    QgsProject.instance().addMapLayer(layer)
    assert [cells[0] for _, cells in probe(lambda job: job.table("RULES"), RULES=layer).rows] == ["2"]


def test_a_table_that_does_not_exist_is_refused(probe):
    assert "'The rules' (/no/rules.csv) cannot be opened as a table" in probe(
        lambda job: job.table("RULES"), refused=True, RULES="/no/rules.csv"
    )


# what reports list ----------------------------------------------------------------------------------


class Sides(Option):
    LEFT = "left"
    RIGHT = "right", "Right-hand"


class Listed(EcoNetAlgorithm):
    """A parameter of every kind."""

    ID, NAME, GROUP = "listed", "Listed", "services"
    kept = None

    def definitions(self):
        return [
            p.raster("MAP", "The map", optional=True),
            p.rasters("MAPS", "More maps", optional=True),
            p.layers("LAYERS", "Anything", optional=True),
            p.map_layer("EITHER", "Either", optional=True),
            p.vector("AREAS", "The areas", p.POLYGON, optional=True),
            p.field("FIELD", "The field", "AREAS", default="name"),
            p.table("RULES", "The rules"),
            p.table("OWN", "Own rules", when_empty="none"),
            p.tables("SEVERAL", "Several rules", optional=True),
            p.number("NUMBER", "A number", optional=True),
            p.number("FIVE", "Five", default=5.5),
            p.integer("WHOLE", "A whole number", default=7),
            p.option("SIDE", "Side", Sides),
            p.option("GOVERNED", "Governed", Sides, as_preset=True),
            p.options("SIDES", "Sides", Sides, default=[Sides.RIGHT], optional=True),
            p.flag("YES", "A flag", default=True),
            p.text("WORDS", "Words"),
            p.raster_output("OUTPUT", "Raster", optional=True),
            p.report_output("REPORT", "Report"),
            p.number_output("N", "Number"),
        ]

    def read(self, job):
        return job.report_parameters()

    def execute(self, inputs, job):
        type(self).kept = inputs


def listed(**parameters):
    Listed().create().run(parameters, QgsProcessingContext(), QgsProcessingFeedback(), {}, False)
    return Listed.kept


def test_the_list_of_parameters_for_reports(provider, make):
    ones = np.ones((2, 2))
    one, other = make.raster("one", ones), make.raster("other", ones)
    areas, rules = make.layer("areas", [(SQUARE, {"n": 1})]), make.csv("rules", CARBON)
    assert listed() == [
        ("The map", "none"),
        ("More maps", "none"),
        ("Anything", "none"),
        ("Either", "none"),
        ("The areas", "none"),
        ("The field", "none"),
        ("The rules", "shipped"),
        ("Own rules", "none"),
        ("Several rules", "none"),
        ("A number", "none"),
        ("Five", 5.5),
        ("A whole number", 7),
        ("Side", "Left"),
        ("Governed", "as PRESET"),
        ("Sides", "Right-hand"),
        ("A flag", True),
        ("Words", "none"),
    ]
    given = {
        "MAP": one,
        "MAPS": [one, other],
        "LAYERS": [areas, other],
        "EITHER": areas,
        "AREAS": areas,
        "RULES": rules,
        "OWN": rules,
        "SEVERAL": [rules, rules],
        "NUMBER": 0.25,
        "FIVE": 3,
        "WHOLE": 8,
        "SIDE": 1,
        "GOVERNED": 2,
        "SIDES": [1, 0],
        "YES": False,
        "WORDS": " a, b ",
    }
    assert [value for _, value in listed(**given)] == [
        "one",
        "one, other",
        "areas, other",
        "areas",
        "areas",
        "name",
        "rules.csv",
        "rules.csv",
        "rules, rules",
        0.25,
        3.0,
        8,
        "Right-hand",
        "Right-hand",
        "Left, Right-hand",
        False,
        "a, b",
    ]


# each input once ------------------------------------------------------------------------------------


def test_layers_and_tables_are_the_same_each_time(probe, make):
    areas, here = make.layer("areas", [(SQUARE, {"n": 1})]), make.raster("here", np.ones((2, 2)))
    rules = make.csv("rules", CARBON)

    def twice(job):
        for ask in (
            lambda: job.layer("AREAS"),
            lambda: job.layer("AREAS").read(),
            lambda: job.layer("AREAS").outline,
            lambda: job.raster("MAP"),
            lambda: job.rasters("MAPS"),
            lambda: job.layers("LAYERS"),
            lambda: job.table("RULES"),
        ):
            assert ask() is ask() is not None
        return True

    assert probe(twice, AREAS=areas, MAP=here, MAPS=[here], LAYERS=[areas, here], RULES=rules)


def test_an_outline_is_the_extent_without_attributes(probe):
    areas = vector_layer((SQUARE, 1, "a"), ("POLYGON((500100 0,500200 0,500200 9,500100 0))", 2, "b"))
    layer = probe(lambda job: job.layer("AREAS"), AREAS=areas)
    assert (layer.name, layer.field_names, layer.count) == ("areas", ["n", "name"], 2)
    assert layer.outline.attributes == [{}]
    assert layer.outline.geometries[0].GetEnvelope() == (500000, 500200, 0, 4599960)


class Mines(EcoNetAlgorithm):
    ID, NAME, GROUP = "mines", "Mines", "services"
    kept = None

    def definitions(self):
        return p.mine_parameters(optional=True)

    def read(self, job):
        return job.optional_mine_layer()

    def check(self, inputs):
        if inputs is not None:
            inputs.check(("method",))

    def execute(self, inputs, job):
        type(self).kept = inputs and inputs.read("EPSG:32651", job.progress, needed=("method",))


def run_mines(**parameters):
    Mines().create().run(parameters, QgsProcessingContext(), QgsProcessingFeedback(), {}, False)
    return Mines.kept


def test_mines_are_read_once_all_is_checked(provider, make):
    assert run_mines() is None
    mines = make.layer("pits", [(SQUARE, {"NAME": "A", "art": "open pit", "state": "producing"})])
    (mine,) = run_mines(MINES=mines, METHOD_FIELD="art")
    assert (mine.name, mine.method, mine.state, mine.mineral) == ("A", "open pit", "producing", "")
    fine, message = Mines().create().checkParameterValues({"MINES": mines}, QgsProcessingContext())
    assert not fine and "'pits' has no field 'method'" in message


# errors that know their parameter -------------------------------------------------------------------


class Faulty(EcoNetAlgorithm):
    """Refuses one parameter or another, in the check or in the work."""

    ID, NAME, GROUP, KEYS = "faulty", "Faulty", "services", MappingProxyType({"size_m": "SIZE"})

    def definitions(self):
        return [
            p.number("SIZE", "Size (m)", default=1.0),
            p.number("SHARE", "Share", default=0.5),
            p.number("OTHER", "Other", default=0.0),
        ]

    def read(self, job):
        return job.number("SIZE"), job.number("SHARE"), job.number("OTHER")

    def check(self, inputs):
        if inputs[0] < 0:
            raise InputError("-1 is below 0.", parameter="size_m")

    def execute(self, inputs, job):
        raise InputError("it is wrong.", parameter="share" if inputs[1] else "hidden_rule")


def test_a_fault_of_a_parameter_is_told_by_its_label(provider):
    algorithm, context = Faulty().create(), QgsProcessingContext()
    assert algorithm.checkParameterValues({"SIZE": -1.0}, context) == (False, "Size (m): -1 is below 0.")
    for given, message in (
        ({"SIZE": -1.0}, "Size (m): -1 is below 0."),
        ({}, "Share: it is wrong."),
        ({"SHARE": 0.0}, "Hidden rule: it is wrong."),
    ):
        with pytest.raises(QgsProcessingException) as caught:
            algorithm.run(given, context, QgsProcessingFeedback(), {}, False)
        assert str(caught.value) == message


def test_a_fault_of_a_models_child_is_told_by_its_label(run, make, monkeypatch):
    def refuse(*given):
        raise InputError("'four' is no class.", parameter="patch_classes")

    monkeypatch.setattr(Patches, "execute", refuse)
    model = QgsProcessingModelAlgorithm("m", "m")
    child = QgsProcessingModelChildAlgorithm("econet:patches")
    child.setChildId("child")
    source = QgsProcessingModelChildParameterSource
    child.addParameterSources("CLASSES", [source.fromStaticValue(make.raster("classes", np.ones((3, 3), np.uint8)))])
    model.addChildAlgorithm(child)
    model.initAlgorithm()
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
    context.setProject(QgsProject.instance())
    with pytest.raises(QgsProcessingException) as caught:
        model.create().run({}, context, feedback, {}, False)
    assert "Classes that make patches: 'four' is no class." in str(caught.value) + feedback.textLog()


# numbers and fields ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, number",
    [
        ({}, None),
        ({"NUMBER": None}, None),
        ({"NUMBER": ""}, None),
        ({"NUMBER": 0}, 0),
        ({"NUMBER": 0.0}, 0),
        ({"NUMBER": "0"}, 0),
        ({"NUMBER": 2.5}, 2.5),
    ],
)
def test_no_number_is_not_nought(probe, given, number):
    assert probe(lambda job: job.optional_number("NUMBER"), **given) == number
    whole, five = (dict(zip((key,), given.values())) for key in ("WHOLE", "FIVE"))
    assert probe(lambda job: job.optional_integer("WHOLE"), **whole) == (number if number is None else int(number))
    assert probe(lambda job: job.number("FIVE"), **five) == (5 if number is None else number)


def test_a_field_that_was_emptied_is_empty(probe):
    layer = vector_layer((SQUARE, 1, "a"))
    for given, field in (
        ({}, "name"),
        ({"FIELD": None}, ""),
        ({"FIELD": ""}, ""),
        ({"FIELD": "n"}, "n"),
        ({"FIELD": ["n"]}, "n"),
    ):
        assert probe(lambda job: job.field("FIELD"), AREAS=layer, **given) == field


# outputs --------------------------------------------------------------------------------------------


def write_all(job):
    grid = read_raster(job.raster("MAP"))
    job.write_raster("OUTPUT", grid)
    job.write_raster("OTHER", grid)
    job.write_folder("FOLDER", {"a": grid, "b": grid})
    for key in ("LAYER", "SECOND"):
        job.write_table(key, SCHEMA, [{"n": 2**40, "x": float("nan"), "name": "矿", "yes": True}, {"n": None}])


def test_everything_that_was_asked_for_appears(probe, make):
    targets = {
        "OUTPUT": make.out("a.tif"),
        "FOLDER": make.out("deep/er"),
        "LAYER": make.out("a.gpkg"),
        "SECOND": make.out("b"),
    }
    probe(write_all, MAP=make.raster("map", np.array([[1, 2]], np.uint8)), **targets)
    assert names(make.folder) == ["a.gpkg", "a.tif", "b.gpkg", "deep", "map.tif"]
    assert names(make.out("deep/er")) == ["a.tif", "b.tif"] and "OTHER" not in probe.results
    assert table_of(make.out("a.gpkg")) == [
        {"n": 2**40, "x": None, "name": "矿", "yes": 1},
        dict.fromkeys(("n", "x", "name", "yes")),
    ]
    assert read_raster(RasterSource(probe.results["OUTPUT"])).values.tolist() == [[1, 2]]


def test_temporary_outputs(probe, make):
    path = make.raster("map", np.array([[1, 2]], np.uint8))
    before = names(make.folder)
    probe(
        write_all,
        MAP=path,
        OUTPUT="TEMPORARY_OUTPUT",
        LAYER="TEMPORARY_OUTPUT",
        FOLDER="TEMPORARY_OUTPUT",
        SECOND=QgsProcessingOutputLayerDefinition("memory:"),
    )
    assert names(make.folder) == before
    assert read_raster(RasterSource(probe.results["OUTPUT"])).values.tolist() == [[1, 2]]
    assert names(probe.results["FOLDER"]) == ["a.tif", "b.tif"]
    for key in ("LAYER", "SECOND"):
        assert probe.context.getMapLayer(probe.results[key]).featureCount() == 2


@pytest.mark.parametrize(
    "target, message",
    [
        ({"LAYER": "x.shp"}, "Output 'Layer' cannot be a shapefile.*x.gpkg instead"),
        ({"LAYER": "x.SHP"}, "Output 'Layer' cannot be a shapefile"),
        ({"OUTPUT": "x.asc"}, "Output 'Raster' is a GeoTIFF and cannot be saved as '.asc': save it as .*x.tif instead"),
        ({"OUTPUT": "none/x.tif"}, "Folder '.*none' for the output 'x.tif' does not exist"),
        ({"LAYER": "none/x.gpkg"}, "Folder '.*none' for the output 'x.gpkg' does not exist"),
        ({"REPORT": "none/x.html"}, "Folder '.*none' for the output 'x.html' does not exist"),
        ({"OUTPUT": "taken.tif"}, "taken.tif' is a folder"),
        ({"OUTPUT": "x.tif", "OTHER": "./x.tif"}, "Outputs 'Raster' and 'Other raster' go to the same file"),
        ({"LAYER": "x", "SECOND": "x.gpkg"}, "Outputs 'Layer' and 'Second layer' go to the same file"),
        ({"OTHER": "map.tif"}, "Output 'Other raster' would replace the input 'The map'"),
        ({"LAYER": "areas.gpkg"}, "Output 'Layer' would replace the input 'The areas'"),
    ],
)
def test_places_that_cannot_be_written_are_refused_before_the_work(probe, make, target, message):
    inputs = {"MAP": make.raster("map", np.ones((2, 2))), "AREAS": make.layer("areas", [(SQUARE, {"n": 1})])}
    os.mkdir(make.out("taken.tif"))
    before, worked = names(make.folder), []
    targets = {key: make.out(name) for key, name in target.items()}
    import re

    assert re.search(message, probe(worked.append, refused=True, **inputs, **targets))
    fine, said = Probe().create().checkParameterValues({**inputs, **targets}, probe.context)
    assert not fine and re.search(message, said)
    assert worked == [] and names(make.folder) == before


class CancelLater(QgsProcessingFeedback):
    """Cancelled from the n-th question on."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def isCanceled(self):
        self.left -= 1
        return self.left < 0


def old_files(make):
    """Targets that exist already: a raster, a GeoPackage with two layers, and one more."""
    make.raster("a", np.full((2, 2), 9, np.uint8))
    make.layer("a", [(SQUARE, {"old": 1})])
    make.layer("b", [(SQUARE, {"old": 2})])
    return {name: Path(make.out(name)).read_bytes() for name in ("a.tif", "a.gpkg", "b.gpkg")}


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize(
    "how", ["cancel in execute", "cancel in the second sink", "error in the second sink", "locked raster"]
)
def test_a_run_that_fails_leaves_nothing_and_keeps_what_was_there(probe, make, monkeypatch, exists, how):
    contents = old_files(make) if exists else {}
    path = make.raster("map", np.ones((3, 3), np.uint8))
    before = names(make.folder)

    def act(job):
        write_all(job)
        if how == "cancel in execute":
            raise Cancelled()
        second = job._sinks[1]
        if how == "cancel in the second sink":
            second.rows *= 1000
            questions = []
            job.progress._cancelled = lambda: questions.append(1) or len(questions) > 5
        elif how == "error in the second sink":
            second.schema = (Field("n", int),)
            second.rows = [(ogr.CreateGeometryFromWkt("POINT(0 0)"), Broken())]

    class Broken:
        @property
        def n(self):
            raise InputError("Row 1 is broken.")

    if how == "locked raster":
        replace = os.replace

        def locked(source, target):
            if os.path.basename(source) == ".a.partial.tif":
                raise PermissionError(13, "Permission denied")
            replace(source, target)

        monkeypatch.setattr(os, "replace", locked)
    message = probe(
        act,
        refused=True,
        MAP=path,
        OUTPUT=make.out("a.tif"),
        FOLDER=make.out("new"),
        LAYER=make.out("a.gpkg"),
        SECOND=make.out("b.gpkg"),
    )
    monkeypatch.undo()
    assert {"c": "Cancelled: this step wrote nothing.", "e": "Row 1 is broken.", "l": "could not be replaced"}[
        how[0]
    ] in message
    assert names(make.folder) == before
    for name, content in contents.items():
        assert Path(make.out(name)).read_bytes() == content, name


def test_a_cancel_does_not_harm_the_other_layers_of_a_geopackage(probe, make):
    path = make.layer("city", [(SQUARE, {"old": 1})])
    target = f"ogr:dbname='{path}' table=\"new\" (geom)"

    def act(job):
        job.write_table("LAYER", SCHEMA, [{"n": 1}] * 1000)
        questions = []
        job.progress._cancelled = lambda: questions.append(1) or len(questions) > 3

    assert "Cancelled" in probe(act, refused=True, LAYER=target)
    dataset = gdal.OpenEx(path)
    assert dataset.GetLayerCount() == 1 and dataset.GetLayer(0).GetFeatureCount() == 1
    dataset = None
    assert names(make.folder) == ["city.gpkg"]
    probe(lambda job: job.write_table("LAYER", SCHEMA, [{"n": 1}]), LAYER=target)
    dataset = gdal.OpenEx(path)
    assert sorted(dataset.GetLayer(i).GetName() for i in range(dataset.GetLayerCount())) == ["city", "new"]
    assert names(make.folder) == ["city.gpkg"]


def test_a_second_run_replaces_the_first(probe, make):
    for n in (1, 2):
        probe(lambda job, n=n: job.write_table("LAYER", SCHEMA, [{"n": n}]), LAYER=make.out("a.gpkg"))
        assert [row["n"] for row in table_of(make.out("a.gpkg"))] == [n] and names(make.folder) == ["a.gpkg"]


def test_input_errors_keep_their_sentence(probe):
    def act(job):
        raise InputError("Layer 'x', field 'y': 'z' is wrong; mend it.")

    assert probe(act, refused=True) == "Layer 'x', field 'y': 'z' is wrong; mend it."


# carbonstorage, as QGIS runs it ---------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 2, 5, 8])
def test_a_cancel_at_any_time_leaves_nothing(run, make, after):
    cover = make.raster("cover", np.ones((300, 300), np.uint8))
    table = make.csv("carbon", CARBON)
    before = names(make.folder)
    message = run.refusal(
        "carbonstorage",
        feedback=CancelLater(after),
        LAND_COVER=cover,
        OTHER_LAND_COVER=cover,
        CARBON_TABLE=table,
        OUTPUT=make.out("x.tif"),
        OUTPUT_CHANGE=make.out("y.tif"),
    )
    assert "Cancelled" in message and names(make.folder) == before


def test_a_run_in_a_worker_thread(run, make):
    cover = QgsRasterLayer(make.raster("cover", np.array([[1, 2]], np.uint8)), "cover")
    rules = QgsVectorLayer(make.csv("carbon", CARBON), "carbon", "ogr")
    QgsProject.instance().addMapLayers([cover, rules])
    context, feedback, done = QgsProcessingContext(), QgsProcessingFeedback(), []
    context.setProject(QgsProject.instance())
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("econet:carbonstorage")
    task = QgsProcessingAlgRunnerTask(
        algorithm,
        {"LAND_COVER": cover.id(), "CARBON_TABLE": rules.id(), "OUTPUT": make.out("x.tif")},
        context,
        feedback,
    )
    task.executed.connect(lambda fine, results: done.append((fine, results)))
    QgsApplication.taskManager().addTask(task)
    until = time.monotonic() + 20
    while not done and time.monotonic() < until:
        QgsApplication.processEvents()
        time.sleep(0.01)
    QgsProject.instance().clear()
    assert done and done[0][0], feedback.textLog()
    np.testing.assert_array_equal(
        read_raster(RasterSource(done[0][1]["OUTPUT"])).values, np.array([[43, 8]], np.float32)
    )


def test_a_child_of_a_model_names_its_layers_by_label(run, make):
    """The first child's map reaches the second as a layer called OUTPUT, with codes that the table lacks."""
    model = QgsProcessingModelAlgorithm("m", "m")
    model.addModelParameter(QgsProcessingParameterRasterLayer("COVER", "Cover"), QgsProcessingModelParameter("COVER"))
    source = QgsProcessingModelChildParameterSource
    first = QgsProcessingModelChildAlgorithm("econet:carbonstorage")
    first.setChildId("first")
    first.addParameterSources("LAND_COVER", [source.fromModelParameter("COVER")])
    first.addParameterSources("CARBON_TABLE", [source.fromStaticValue(make.csv("carbon", CARBON))])
    model.addChildAlgorithm(first)
    second = QgsProcessingModelChildAlgorithm("econet:carbonstorage")
    second.setChildId("second")
    second.addParameterSources("LAND_COVER", [source.fromChildOutput("first", "OUTPUT")])
    second.addParameterSources("CARBON_TABLE", [source.fromStaticValue(make.csv("other", CARBON))])
    output = QgsProcessingModelOutput("result", "result")
    output.setChildId("second")
    output.setChildOutputName("OUTPUT")
    second.setModelOutputs({"result": output})
    model.addChildAlgorithm(second)
    model.initAlgorithm()
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
    context.setProject(QgsProject.instance())
    with pytest.raises(QgsProcessingException) as caught:
        model.create().run(
            {"COVER": make.raster("cover", np.array([[1, 1]], np.uint8)), "second:result": make.out("x.tif")},
            context,
            feedback,
            {},
            False,
        )
    message = str(caught.value) + feedback.textLog()
    assert "'Land cover'" in message and "'OUTPUT'" not in message and "43" in message
    assert not os.path.exists(make.out("x.tif"))


def test_output_by_property_is_understood(run, make):
    cover = make.raster("cover", np.array([[1, 2]], np.uint8))
    sink = QgsProcessingOutputLayerDefinition(QgsProperty.fromValue(make.out("x.tif")))
    run("carbonstorage", LAND_COVER=cover, CARBON_TABLE=make.csv("carbon", CARBON), OUTPUT=sink)
    assert read_classes(RasterSource(make.out("x.tif"))).values.tolist() == [[43, 8]]


def test_runs_that_stop_let_go_of_their_maps_and_layers(run, make, monkeypatch):
    # QGIS keeps what it is raised; a fifth reading of a file whose features are still open would wait for ever
    from econet.algorithms.job import Job

    jobs, begin = [], Job.__init__

    def noted(job, *given):
        begin(job, *given)
        jobs.append(weakref.ref(job))

    monkeypatch.setattr(Job, "__init__", noted)
    resistance = make.raster("resistance", np.ones((4, 4), np.float32))
    areas = make.layer("areas", [(SQUARE, {"mineral": "coal", "method": "open pit", "state": "producing"})])
    for _ in range(4):
        feedback = QgsProcessingFeedback()
        feedback.cancel()
        assert run.refusal(
            "mineresistance", feedback, MINES=areas, TEMPLATE=resistance, OUTPUT=make.out("mines.tif")
        ).startswith("Cancelled")
    assert "'nix'" in run.refusal(
        "mineresistance", MINES=areas, TEMPLATE=resistance, STATE_FIELD="nix", OUTPUT=make.out("mines.tif")
    )
    gc.collect()
    assert len(jobs) == 5 and not any(job() for job in jobs)
    assert os.path.exists(
        run("mineresistance", MINES=areas, TEMPLATE=resistance, OUTPUT=make.out("mines.tif"))["OUTPUT"]
    )


def test_fields_carried_over_give_way_to_ours_of_the_same_name_in_another_case(run, make):
    patches = make.layer("patches", [(SQUARE, {"Patch_ID": 7, "area_km2": 3.0, "DPC": 5.0, "Component": "east"})])
    result = run("landscapeconnectivity", PATCHES=patches, OUTPUT=make.out("connected.gpkg"))
    row = run.rows(result["OUTPUT"])[0]
    assert row["dpc"] == pytest.approx(100) and row["component"] == 1 and row["patch_id"] == 7
    assert not {"Patch_ID", "DPC", "Component"} & set(row)
    assert "Field 'DPC' is left out of 'Patches with connectivity'" in run.log


def test_numbers_without_end_are_null_where_a_whole_number_belongs(run, make):
    patches = make.layer("patches", [(SQUARE, {"patch_id": float("inf")})])
    assert (
        run.rows(run("selectsources", PATCHES=patches, OUTPUT=make.out("sources.gpkg"))["OUTPUT"])[0]["patch_id"]
        == NULL
    )


def test_a_vector_layer_that_cannot_be_opened_is_named_with_the_mend(run, make):
    missing = make.out("nix.gpkg")
    assert run.refusal("selectsources", PATCHES=missing, OUTPUT=make.out("sources.gpkg")) == (
        f"'Patches' ({missing}) cannot be opened as a vector layer: choose a layer or file that exists."
    )


def test_a_layer_in_a_local_crs_beside_a_template_is_refused(run, make):
    classes = make.raster("classes", np.full((3, 3), 5, np.uint8))
    local = make.raster("local", np.ones((3, 3), np.float32), crs='LOCAL_CS["mine grid",UNIT["metre",1]]')
    message = run.refusal("patches", CLASSES=classes, IMPORTANCE=local, OUTPUT=make.out("patches.gpkg"))
    assert message.startswith("Layer 'local' cannot be reprojected from its CRS, mine grid, to WGS 84 / UTM zone 51N")
    assert "georeference" in message and "\n" not in message


def test_a_geopackage_layer_of_undefined_crs_has_none(run, make):
    patches = make.layer("patches", [(SQUARE, {"patch_id": 1})], crs="EPSG:32651")
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(make.out("undefined.gpkg"))
    layer = dataset.CreateLayer("undefined", None, ogr.wkbPolygon)
    feature = ogr.Feature(layer.GetLayerDefn())
    feature.SetGeometry(ogr.CreateGeometryFromWkt(SQUARE))
    layer.CreateFeature(feature)
    del feature, layer, dataset
    message = run.refusal(
        "selectsources", PATCHES=patches, EXCLUDE=make.out("undefined.gpkg"), OUTPUT=make.out("s.gpkg")
    )
    assert "Layer 'undefined' has no coordinate reference system" in message


@pytest.mark.parametrize("step", ["burnmines", "resistancesurface", "mineresistance", "fracturesurfaces"])
def test_a_wrong_table_of_mine_words_is_refused_by_the_dialog(run, make, step):
    mines = make.layer("mines", [(SQUARE, {"mineral": "coal", "method": "open pit", "state": "producing"})])
    corridors = make.layer("corridors", [("LINESTRING(500000 4599950,500060 4599950)", {"corridor_id": 1})])
    cover = make.raster("cover", np.ones((10, 10), np.uint8))
    given = {
        "MINES": mines,
        "LAND_COVER": cover,
        "TEMPLATE": cover,
        "RESISTANCE": cover,
        "CORRIDORS": corridors,
        "OUTPUT_BASE": make.out("b.tif"),
        "OUTPUT_MINES": make.out("m.tif"),
        "OUTPUT": make.out("x.gpkg" if step == "fracturesurfaces" else "x.tif"),
    }
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{step}")
    given = {key: value for key, value in given.items() if algorithm.parameterDefinition(key) is not None}
    assert run.check(step, **given) == (True, "")
    words = make.csv("words", "attribute,word,meaning\nmineral,jet,gemstone\n")
    fine, message = run.check(step, **given, MINE_WORDS=words)
    assert not fine and "'words.csv', row 2, column 'meaning': 'gemstone' is not a mineral" in message


@pytest.mark.parametrize("kind", [ogr.wkbGeometryCollection, ogr.wkbGeometryCollection25D])
def test_geometry_collections_are_refused_for_what_they_are(run, make, kind):
    patches = make.layer("mixed", [(f"GEOMETRYCOLLECTION({SQUARE},POINT(500000 4599900))", {"patch_id": 7})], kind=kind)
    for step, key in (("selectsources", "PATCHES"), ("breakpoints", "CORRIDORS")):
        given = {key: patches, "OUTPUT": make.out("x.gpkg"), **({"ROADS": patches} if key == "CORRIDORS" else {})}
        fine, message = run.check(step, **given)
        assert not fine and "'mixed' holds geometry collections" in message and "coordinate reference" not in message
        assert "'Extract by geometry type'" in message and "'Promote to multipart'" in message


def test_geometry_collections_in_a_list_are_refused_too(probe, make):
    patches = make.layer("mixed", [(f"GEOMETRYCOLLECTION({SQUARE})", {"n": 1})], kind=ogr.wkbGeometryCollection)
    assert "'mixed' holds geometry collections" in probe(
        lambda job: job.layers("LAYERS"), LAYERS=[patches], refused=True
    )


def test_binary_fields_are_not_carried_over(run, make):
    path = make.layer("patches", [(SQUARE, {"patch_id": 7, "note": "n"})])
    dataset = gdal.OpenEx(path, gdal.OF_UPDATE)
    table = dataset.GetLayer(0)
    table.CreateField(ogr.FieldDefn("photo", ogr.OFTBinary))
    feature = table.GetNextFeature()
    feature.SetFieldBinaryFromHexString("photo", "89504E47")
    table.SetFeature(feature)
    feature = table = dataset = None
    row = run.rows(run("landscapeconnectivity", PATCHES=path, OUTPUT=make.out("connected.gpkg"))["OUTPUT"])[0]
    assert row["note"] == "n" and "photo" not in row
    assert "Field 'photo' of layer 'patches' holds binary data and is not carried over" in run.log

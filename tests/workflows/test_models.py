"""The bundled models: whole runs on a small city, held against the definitions of each step."""

import importlib.util
import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildParameterSource,
)

from econet.core.geometry.cells import rasterize
from econet.core.geometry.layers import read_layer, write_layer
from econet.core.grid.reading import RasterSource, read_raster

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "algorithms" / "models"
SMALL = {
    "AREA_BANDS": "0.1,0.2,0.4",
    "GRID_SIZE": 600,
    "AREA_UNIT": 1,  # hectares: sources below 1 km2 have no ln S above 0
    "AREA_OF_LANDSCAPE": 36,
}

# QGIS 3.34 moved it
KIND = getattr(Qgis, "ProcessingModelChildParameterSource", QgsProcessingModelChildParameterSource)


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """Folder of a 200 x 200 city."""
    folder = tmp_path_factory.mktemp("city")
    load(ROOT / "examples" / "mining_city" / "make_city.py").write_city(str(folder), rows=200, cols=200, seed=1)
    return folder


def city_parameters(city):
    def layer(name):
        return f"{city / 'city.gpkg'}|layername={name}"

    return {
        "LAND_COVER": str(city / "land_cover.tif"),
        "DEM": str(city / "dem.tif"),
        "PRECIPITATION": str(city / "precipitation_annual.tif"),
        "EVAPOTRANSPIRATION": str(city / "evapotranspiration_annual.tif"),
        "SOIL_DEPTH": str(city / "soil_depth.tif"),
        "PLANT_AVAILABLE_WATER": str(city / "plant_available_water.tif"),
        "EROSIVITY": str(city / "erosivity.tif"),
        "ERODIBILITY": str(city / "erodibility.tif"),
        "NDVI": str(city / "ndvi.tif"),
        "NIGHT_LIGHT": str(city / "night_light.tif"),
        "WATER": layer("water"),
        "MOTORWAYS": layer("motorways"),
        "HIGHWAYS": layer("highways"),
        "MINES": layer("mines"),
        **SMALL,
    }


def with_outputs(identifier, folder):
    """A file for every output of a model."""
    algorithm = QgsApplication.processingRegistry().algorithmById(f"econet:{identifier}")
    endings = {"rasterDestination": "tif", "sink": "gpkg", "vectorDestination": "gpkg", "fileDestination": "html"}
    return {
        d.name(): str(folder / f"{d.name().replace(':', '_')}.{endings[d.type()]}")
        for d in algorithm.destinationParameterDefinitions()
    }


@pytest.fixture(scope="module")
def network(city, new_runner, tmp_path_factory):
    """Results of the whole chain on the small city."""
    folder = tmp_path_factory.mktemp("network")
    runner = new_runner()
    results = runner("ecologicalnetwork", **city_parameters(city), **with_outputs("ecologicalnetwork", folder))
    return results, runner.log


def layer(network, key):
    return read_layer(network[0][key])


def test_every_bundled_model_validates_and_can_be_opened_as_a_copy(provider):
    found = sorted(path.stem for path in MODELS.glob("*.model3"))
    assert found == ["ecologicalnetwork", "networkfromlandcover"]
    for name in found:
        model = QgsProcessingModelAlgorithm()
        assert model.fromFile(str(MODELS / f"{name}.model3"))
        fine, messages = model.validate()
        assert fine, messages
        registered = provider.algorithm(name)
        assert registered.displayName() != name and registered.group() == "Workflows"
        assert str(ROOT) not in (MODELS / f"{name}.model3").read_text(encoding="utf-8")


def plain(value):
    """1,4,7 as 1, 4, 7, one entry as a list of one and none as an empty list: QGIS does not tell them apart."""
    if isinstance(value, list) and len(value) < 2:
        value = value[0] if value else None
    return "".join(value.split()) if isinstance(value, str) else value


@pytest.mark.parametrize("name", ["ecologicalnetwork", "networkfromlandcover"])
def test_models_hold_the_defaults_and_the_choices_that_their_steps_have(provider, name):
    """A default or an entry that changed in a step is stale in the model until make_models.py is run."""
    model = QgsProcessingModelAlgorithm()
    model.fromFile(str(MODELS / f"{name}.model3"))
    kinds = {"static": 0, "input": 0}
    for child in model.childAlgorithms().values():
        for key, sources in child.parameterSources().items():
            definition = child.algorithm().parameterDefinition(key)
            for source in sources:
                if source.source() == KIND.StaticValue and key != "SERVICE_NAMES":
                    assert plain(source.staticValue()) == plain(definition.defaultValue()), (child.childId(), key)
                    kinds["static"] += 1
                elif source.source() == KIND.ModelParameter:
                    given = model.parameterDefinition(source.parameterName())
                    if hasattr(definition, "options"):
                        assert given.options() == definition.options(), (child.childId(), key)
                    if definition.defaultValue() is not None and key != "WATER_CODES":  # CLCD's, where no layer is
                        assert plain(given.defaultValue()) == plain(definition.defaultValue()), (child.childId(), key)
                    kinds["input"] += 1
    assert min(kinds.values()) > 5


def test_all_pairs_of_sources_get_a_corridor(network):
    sources, corridors = layer(network, "sources:sources"), layer(network, "gravity:corridors")
    ids = sources.values("source_id")
    assert len(ids) >= 4 and ids == list(range(1, len(ids) + 1))
    assert sorted(sources.values("area_km2"), reverse=True) == sources.values("area_km2")
    pairs = set(zip(corridors.values("source_a"), corridors.values("source_b")))
    dropped = len(ids) * (len(ids) - 1) // 2 - len(pairs)
    assert dropped >= 0 and all(a < b for a, b in pairs)


def test_source_areas_are_those_of_their_polygons_and_lie_above_the_band(network):
    sources = layer(network, "sources:sources")
    for area, geometry in zip(sources.values("area_km2"), sources.geometries):
        assert area == pytest.approx(geometry.GetArea() / 1e6, rel=1e-9)
        assert area > 0.4


def test_corridor_costs_are_those_of_their_lines_on_the_resistance_map(network):
    """Cost of every line, summed cell by cell from the map: Eq 8."""
    grid = read_raster(RasterSource(network[0]["resistance:resistance"]))
    corridors = layer(network, "gravity:corridors")
    for geometry, cost, length in zip(corridors.geometries, corridors.values("cost"), corridors.values("length_m")):
        points = np.array(geometry.GetPoints())[:, :2]
        rows, cols = grid.template.row_col(points[:, 0], points[:, 1])
        rows, cols = (
            np.concatenate(
                [
                    np.linspace(a, b, 1 + max(abs(b - a), abs(d - c)), dtype=float)[:, None] * [1, 0]
                    + np.linspace(c, d, 1 + max(abs(b - a), abs(d - c)))[:, None] * [0, 1]
                    for a, b, c, d in zip(rows, rows[1:], cols, cols[1:])
                ]
            )
            .round()
            .astype(int)
            .T
        )
        values = grid.values[rows, cols].astype(float)
        steps = np.hypot(np.diff(rows), np.diff(cols)) * 30
        assert (steps * (values[1:] + values[:-1]) / 2).sum() == pytest.approx(cost, rel=1e-6)
        assert steps.sum() == pytest.approx(length, rel=1e-6)


def test_gravity_follows_equation_9(network):
    sources, corridors = layer(network, "sources:sources"), layer(network, "gravity:corridors")
    grid = read_raster(RasterSource(network[0]["resistance:resistance"]))
    labels = rasterize(sources.geometries, grid.template, values=sources.values("source_id"))
    area = dict(zip(sources.values("source_id"), sources.values("area_km2")))
    mean = {i: grid.values[(labels == i) & grid.valid].mean(dtype=float) for i in area}
    rows = list(
        zip(
            corridors.values("source_a"),
            corridors.values("source_b"),
            corridors.values("cost"),
            corridors.values("gravity"),
        )
    )
    ratios = [
        g * cost**2 * mean[a] * mean[b] / (math.log(area[a] * 100) * math.log(area[b] * 100)) for a, b, cost, g in rows
    ]
    assert ratios == pytest.approx([ratios[0]] * len(ratios), rel=1e-5)


def test_breakpoints_lie_on_a_road_and_on_each_of_their_corridors(network, city):
    found = layer(network, "breakpoints:breakpoints")
    assert len(found) >= 3
    corridors = layer(network, "gravity:corridors")
    lines = dict(zip(corridors.values("corridor_id"), corridors.geometries))
    classes = dict(zip(corridors.values("corridor_id"), corridors.values("class")))
    roads = [
        geometry
        for name in ("motorways", "highways")
        for geometry in read_layer(str(city / "city.gpkg"), name).geometries
    ]
    for point, ids, count, word in zip(
        found.geometries, found.values("corridors"), found.values("n_corridors"), found.values("class")
    ):
        ids = [int(i) for i in ids.split(",")]
        assert len(ids) == count
        assert min(point.Distance(road) for road in roads) < 1e-6
        assert all(point.Distance(lines[i]) <= 90 for i in ids)
        assert word == ("important" if any(classes[i] == "important" for i in ids) else "general")
    assert sorted(found.values("priority")) == list(range(1, len(found) + 1))


def test_fracture_surfaces_lie_in_open_pits_that_corridors_cross(network, city):
    found = layer(network, "fractures:fracture_surfaces")
    corridors = layer(network, "gravity:corridors")
    lines = dict(zip(corridors.values("corridor_id"), corridors.geometries))
    mines = read_layer(str(city / "city.gpkg"), "mines")
    pits = {a["name"]: g for a, g in zip(mines.attributes, mines.geometries) if a["method"] == "open pit"}
    for surface, name, ids in zip(found.geometries, found.values("mine"), found.values("corridors")):
        assert surface.Buffer(-0.01).Difference(pits[name].Buffer(0.01)).IsEmpty()
        assert all(lines[int(i)].Intersects(surface) for i in ids.split(","))


def test_weights_and_kmo_come_out_as_results(network):
    results, _ = network
    weights = dict(pair.split("=") for pair in results["importance:weights"].replace(" ", "").split(","))
    assert set(weights) == {"habitat_quality", "sediment_retention", "water_yield", "carbon_storage"}
    assert sum(map(float, weights.values())) == pytest.approx(1, abs=1e-3)
    assert 0 < results["importance:kmo"] < 1


def require_whole(path):
    """Every value of a map, every feature of a layer and the end of a report can be read."""
    if path.suffix == ".tif":
        assert read_raster(RasterSource(str(path))).valid.any()
    elif path.suffix == ".gpkg":
        assert len(read_layer(str(path))) > 0
    else:
        assert path.read_text(encoding="utf-8").rstrip().endswith("</html>")


def told(run, caught):
    """What a failed model says: QGIS 3.22 puts the step's sentence into the log, later ones into the exception."""
    return run.log + str(caught.value)


def files_left(folder):
    """Results without QGIS's own notes on their statistics; each of them must be whole."""
    left = [path for path in folder.iterdir() if path.name != "inputs" and not path.name.endswith(".aux.xml")]
    for path in left:
        require_whole(path)
    return {path.stem for path in left}


@pytest.fixture
def from_land_cover(city, tmp_path):
    """Parameters of the short model."""
    return {
        "LAND_COVER": str(city / "land_cover.tif"),
        "DEM": str(city / "dem.tif"),
        "ROADS": f"{city / 'city.gpkg'}|layername=highways",
        **SMALL,
        **with_outputs("networkfromlandcover", tmp_path),
    }


SERVICES = {"habitat_habitat_quality", "carbon_carbon_storage"}


def test_a_layer_without_crs_leaves_nothing_of_the_steps_that_need_it(run, city, tmp_path, from_land_cover):
    (tmp_path / "inputs").mkdir()
    highways = read_layer(str(city / "city.gpkg"), "highways")
    highways.crs = ""
    nowhere = write_layer(
        highways, str(tmp_path / "inputs" / "nowhere.gpkg"), name="nowhere", fields={}, geometry_type=ogr.wkbLineString
    )
    with pytest.raises(QgsProcessingException) as caught:
        run("networkfromlandcover", **{**from_land_cover, "ROADS": nowhere})
    assert "'nowhere' has no coordinate reference system" in told(run, caught)
    left = files_left(tmp_path)
    assert not any(name.startswith(("resistance", "corridors", "gravity", "breakpoints")) for name in left)


def test_a_late_refusal_leaves_what_is_finished_and_nothing_else(run, tmp_path, from_land_cover):
    with pytest.raises(QgsProcessingException) as caught:
        run("networkfromlandcover", **{**from_land_cover, "AREA_UNIT": 0})
    assert "of at most 1 km2 would have ln S <= 0" in told(run, caught)
    left = files_left(tmp_path)
    assert SERVICES | {"importance_importance", "patches_patches", "sources_sources", "resistance_resistance"} <= left
    assert not any(name.startswith(("gravity", "breakpoints")) for name in left)


@pytest.mark.parametrize("said, missing", [("super-large: ", "patches"), (" corridor(s) join ", "corridors")])
def test_a_cancel_leaves_what_is_finished_and_nothing_else(run, tmp_path, from_land_cover, said, missing):
    class Stopper(QgsProcessingFeedback):
        """Cancels when a step has found something and is about to write it."""

        def pushInfo(self, text):
            super().pushInfo(text)
            if said in text:
                self.cancel()

    with pytest.raises(QgsProcessingException) as caught:
        run("networkfromlandcover", Stopper(), **from_land_cover)
    assert "Cancelled: this step wrote nothing." in told(run, caught)
    left = files_left(tmp_path)
    assert SERVICES | {"importance_importance"} <= left
    assert not any(name.startswith((missing, "gravity", "breakpoints")) for name in left)


def process(arguments, folder):
    """Runs qgis_process in a throw-away profile and returns what it printed."""
    plugins = folder / "plugins"
    if not plugins.exists():
        plugins.mkdir()
        (plugins / "econet").symlink_to(ROOT)
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    program = next(p for p in ("/usr/bin/qgis_process.bin", "/usr/bin/qgis_process") if os.path.exists(p))
    environment = {
        **os.environ,
        "QGIS_PLUGINPATH": str(plugins),
        "QGIS_CUSTOM_CONFIG_PATH": str(folder / "profile"),
        "XDG_RUNTIME_DIR": str(runtime),
        "QT_QPA_PLATFORM": "offscreen",
    }
    subprocess.run([program, "plugins", "enable", "econet"], env=environment, capture_output=True, check=True)
    return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True)


def test_models_run_headless_with_qgis_process(city, provider, tmp_path):
    """Two services are weighed equally, and the log says so."""
    outputs = with_outputs("networkfromlandcover", tmp_path)
    parameters = {
        "LAND_COVER": city / "land_cover.tif",
        "DEM": city / "dem.tif",
        "ROADS": f"{city / 'city.gpkg'}|layername=highways",
        **SMALL,
        **outputs,
    }
    result = process(
        ["run", "econet:networkfromlandcover", "--", *(f"{k}={v}" for k, v in parameters.items())], tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "two services" in (result.stdout + result.stderr).lower()
    assert len(read_layer(outputs["gravity:corridors"])) >= 1
    assert len(read_layer(outputs["breakpoints:breakpoints"])) >= 1
    assert gdal.Open(outputs["resistance:resistance"]) is not None
    assert not list(tmp_path.glob("*partial*"))


def test_a_bad_map_is_refused_in_one_sentence_by_qgis_process(city, tmp_path):
    degrees = tmp_path / "degrees.tif"
    gdal.Warp(str(degrees), str(city / "land_cover.tif"), dstSRS="EPSG:4326")
    result = process(
        ["run", "econet:carbonstorage", "--", f"LAND_COVER={degrees}", f"OUTPUT={tmp_path / 'carbon.tif'}"], tmp_path
    )
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "'degrees' is in degrees" in said and "reproject" in said
    assert "Traceback" not in said
    assert not (tmp_path / "carbon.tif").exists()

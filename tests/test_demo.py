"""scripts/demo against the models and examples that it runs."""

import html

import pytest
from demo_maps import stages_of
from demo_page import kmo_in_words, page, result, weights_in_words
from demo_project import file_of
from demo_runs import Run, model_outputs, register_plugin, results_of, step_outputs, steps_of
from demo_studies import MEANINGS, STAGES, STUDIES, ZION
from load_econet import ROOT
from qgis.core import QgsApplication, QgsProcessingParameterDefinition, QgsRasterLayer

from econet.core.geometry.cells import rasterize
from econet.core.geometry.layers import read_layer
from econet.core.grid.reading import RasterSource, open_template
from econet.core.grid.warping import read_classes

OPTIONAL = QgsProcessingParameterDefinition.Flag.FlagOptional

LOG = """Prepare algorithm: habitat
Running 1 Habitat quality [1/2]
0...10...20...30OK. Execution took 1.25 s (2 outputs).
Running 2 Importance [2/2]
OK. Execution took 840 ms (4 outputs).
Model processed OK. Executed 2 algorithms total in 2.09 s.

----------------
Results
----------------

importance:kmo:\t0.5
importance:weights:\ta=0.4, b=0.6
sources:sources:\t/tmp/a b/sources.gpkg
""".splitlines()


def test_decimals_of_results_are_cut_to_four_digits():
    run = Run({"a:kmo": "0.51359", "a:weights": "x=0.432354, y=0.135593", "b:pc": "1.7853956e-05"}, [], 1.0)
    assert [result(run, name) for name in ("kmo", "weights", "pc", "none")] == [
        "0.5136",
        "x=0.4324, y=0.1356",
        "1.785e-05",
        "-",
    ]


def test_weights_and_kmo_are_told_in_words():
    assert weights_in_words("habitat_quality=0.4324, carbon_storage=1e-05") == (
        "habitat quality 0.43, carbon storage 0.00"
    )
    for kmo, weights, words in (
        ("0.5", "a=0.5, b=0.5", "not applicable (always 0.5 with two services)"),
        ("0.604", "a=0.3, b=0.3, c=0.4", "0.604 (mediocre)"),
        ("0.4999", "a=0.3, b=0.3, c=0.4", "0.4999 (unacceptable)"),
    ):
        assert kmo_in_words(Run({"i:kmo": kmo, "i:weights": weights}, [], 1.0)) == words
    assert kmo_in_words(Run({}, [], 1.0)) == "-"


def test_page_tells_what_rows_mean_apart_from_times():
    rows = dict.fromkeys(MEANINGS, "1")
    told = {study.name: (dict(rows), Run({}, [("3 Resistance", 2.0)], 9.0)) for study in STUDIES}
    told["zion"][0]["fracture surfaces"] = "-"
    maps = {"mining_city": list(STAGES), "zion": ["sources", "breakpoints"]}
    text = page(told, {study.name: [] for study in STUDIES}, maps)
    for meaning in MEANINGS.values():
        assert text.count(html.escape(meaning)) == 1
    first, rest = text.split("</table>", 1)
    assert "2.0 s" not in first and "2.0 s" in rest and "9.0 s" in rest
    assert 'href="zion/log.txt"' in text and text.count("Hard barriers") == 1
    assert text.index("Hard barriers") < text.index("<h2>Zion</h2>")
    assert text.count("<img") == len(STAGES) + 2


@pytest.fixture(params=STUDIES, ids=lambda study: study.name)
def study(request):
    return request.param


@pytest.fixture(autouse=True)
def plugin(provider):
    """register_plugin() finds the provider that all tests share."""
    register_plugin()


def test_steps_and_results_are_read_from_the_log_of_qgis_process():
    assert steps_of(LOG) == [("1 Habitat quality", 1.25), ("2 Importance", 0.84)]
    assert results_of(LOG) == {
        "importance:kmo": "0.5",
        "importance:weights": "a=0.4, b=0.6",
        "sources:sources": "/tmp/a b/sources.gpkg",
    }


def test_steps_after_the_model_have_all_they_need(study):
    present = {output.path.stem for output in model_outputs(study)}
    for step in study.steps:
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{step.algorithm}")
        keys = {definition.name() for definition in algorithm.parameterDefinitions()}
        given = {**step.parameters, **step.outputs}
        assert set(given) <= keys
        for definition in algorithm.parameterDefinitions():
            optional = definition.flags() & OPTIONAL or definition.defaultValue() is not None
            assert definition.name() in given or optional, definition.name()
        for value in step.parameters.values():
            for item in value if isinstance(value, list) else [value]:
                assert not str(item).startswith("@") or item[1:] in present
        present |= {output.path.stem for output in step_outputs(study, step)}


def test_every_parameter_of_a_study_is_one_of_its_model(study):
    model = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{study.model}")
    known = {definition.name() for definition in model.parameterDefinitions()}
    assert set(study.parameters) <= known


def test_every_file_of_a_study_is_in_the_repository(study):
    values = [
        *study.parameters.values(),
        study.relief,
        *(value for step in study.steps for value in step.parameters.values()),
        *(source for source, _ in study.context.values()),
    ]
    files = {file_of(value) for value in values if str(value).startswith(str(ROOT))}
    assert len(files) >= 4
    assert [str(path) for path in files if not path.is_file()] == []


def test_every_map_finds_its_layers_in_the_model(study):
    outputs = model_outputs(study)
    for step in study.steps:
        outputs += step_outputs(study, step)
    made = {(output.algorithm, output.child_output) for output in outputs}
    wanted = {key for _, keys in STAGES.values() for key in keys if isinstance(key, tuple)}
    if study.model == "networkfromlandcover":
        wanted -= {
            ("fracturesurfaces", "OUTPUT"),
            ("sourcefirmness", "OUTPUT"),
            ("sourcefirmness", "OUTPUT_FREQUENCY"),
            ("resistancesurface", "OUTPUT_DOMINANT"),
            ("mineresistance", "OUTPUT_RINGS"),
        }
        assert stages_of(made) == ["importance", "sources", "resistance", "corridors", "breakpoints"]
    else:
        assert stages_of(made) == list(STAGES)
    assert wanted <= made


def test_outputs_of_a_model_have_files_of_their_own(study):
    paths = [output.path for output in model_outputs(study)]
    assert len(paths) == len(set(paths)) >= 8


# the maps of Zion --------------------------------------------------------------------------------


def land_cover():
    """A source of its own for each test: one that outlives QGIS holds a file that GDAL has closed."""
    return RasterSource(str(ZION / "land_cover.tif"))


def test_zion_roads_are_cells_of_class_21():
    source = land_cover()
    template, codes = open_template(source), read_classes(source).values
    roads = read_layer(str(ZION / "roads.gpkg"))
    burnt = rasterize(roads.geometries, template) > 0
    assert (codes[burnt] == 21).all()
    assert burnt.sum() > 0.5 * (codes == 21).sum()
    area = sum(attributes["area_km2"] for attributes in roads.attributes)
    assert area == pytest.approx(burnt.sum() * template.cell_area_m2 / 1e6, rel=1e-3)


def test_zion_has_two_grids_and_two_crs():
    template = open_template(land_cover())
    assert "26912" in template.crs.wkt
    elevation = QgsRasterLayer(str(ZION / "srtm.tif"), "srtm")
    assert elevation.crs().authid() == "EPSG:4326"
    assert (elevation.width(), elevation.height()) != (template.cols, template.rows)


@pytest.mark.parametrize("name", ["sensitivity.csv", "carbon.csv"])
def test_zion_tables_cover_every_code_of_the_map(name):
    import numpy as np

    from econet.core import tables
    from econet.core.services.land_cover import CODE

    rows = tables.parse(tables.read_csv(ZION / "tables" / name), [CODE])
    grid = read_classes(land_cover())
    assert set(np.unique(grid.values[grid.valid]).tolist()) <= {row["land_cover"] for row in rows}


@pytest.mark.parametrize("name", ["threats.csv", "sensitivity.csv", "carbon.csv", "resistance.csv"])
def test_zion_tables_say_source_and_certainty_of_every_row(name):
    from econet.core import tables

    path = ZION / "tables" / name
    assert path.read_text(encoding="utf-8").startswith("# ")
    text = tables.parse(tables.read_csv(path), [tables.Column("source", "text"), tables.Column("certainty", "text")])
    assert len(text) >= 4

"""Runs the bundled models with qgis_process and shows their results; started by scripts/demo.

    demo.py [study ...]        all studies, or those named (mining_city, zion)

Which layer belongs to which group, and how it looks, is read from the models: a model's output
comes from a child, the child is an algorithm of ours, and that has a group and styles.
"""

import html
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from load_econet import ROOT, load_econet

load_econet()

from qgis.analysis import QgsNativeAlgorithms
from qgis.core import (
    QgsApplication,
    QgsFillSymbol,
    QgsHillshadeRenderer,
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLegendStyle,
    QgsLineSymbol,
    QgsMapLayerLegendUtils,
    QgsPrintLayout,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsSettings,
    QgsSingleSymbolRenderer,
    QgsTextFormat,
    QgsUnitTypes,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QFont

from econet.algorithms import styling
from econet.algorithms.base import GROUPS
from econet.algorithms.provider import algorithm_classes
from econet.core.sources.components import KAISER
from econet.plugin import EcoNetPlugin

OUTPUT = ROOT / "demo-output"
DPI = 110
MILLIMETRES = QgsUnitTypes.LayoutUnit.LayoutMillimeters


# what is run -------------------------------------------------------------------------------------


@dataclass
class Step:
    """A toolbox step run on what the model left: ``outputs`` are key to title.

    A value ``@name`` is the layer of that file name, a list is given value by value.
    """

    algorithm: str
    parameters: dict
    outputs: dict


@dataclass
class Study:
    """One landscape: a bundled model, its maps, and steps that question what it left.

    ``parameters`` are those of the model; ``context`` are input layers for the project, of which
    vector layers also lie under the last map: title to (source, colour or name of a style).
    """

    name: str
    title: str
    model: str
    note: str
    parameters: dict
    relief: Path
    context: dict = field(default_factory=dict)
    steps: tuple = ()

    @property
    def folder(self):
        return OUTPUT / self.name

    @property
    def project(self):
        return OUTPUT / f"{self.name}.qgz"


CITY = ROOT / "examples" / "mining_city"
ZION = ROOT / "examples" / "zion"


def city_layer(name):
    return f"{CITY / 'city.gpkg'}|layername={name}"


ROAD, MINE = "#3c3c3c", "#4a2c5e"

CITY_STEPS = (
    Step(
        "sourcefirmness",
        {
            "SERVICES": ["@habitat_quality", "@sediment_retention", "@water_yield", "@carbon_storage"],
            "SERVICE_NAMES": "habitat_quality,sediment_retention,water_yield,carbon_storage",
        },
        {
            "OUTPUT": "Firmness of the sources",
            "OUTPUT_FREQUENCY": "How often a cell is a source",
            "OUTPUT_VARIANTS": "Alternatives of the sources",
            "OUTPUT_REPORT": "Firmness report",
        },
    ),
    Step(
        "ahpweights", {"JUDGEMENTS": CITY / "judgements.csv"}, {"OUTPUT": "AHP weights", "OUTPUT_REPORT": "AHP report"}
    ),
    Step(
        "resistancesurface",
        {
            "DEM": CITY / "dem.tif",
            "LAND_COVER": "@land_cover",
            "NDVI": CITY / "ndvi.tif",
            "NIGHT_LIGHT": CITY / "night_light.tif",
            "WATER": city_layer("water"),
            "MOTORWAYS": city_layer("motorways"),
            "HIGHWAYS": city_layer("highways"),
            "MINES": city_layer("mines"),
            "WEIGHTS": "@ahp_weights",
            "OUTPUT": "TEMPORARY_OUTPUT",
        },
        {"OUTPUT_DOMINANT": "Which factor makes a cell hard", "OUTPUT_REPORT": "Resistance report"},
    ),
    Step(
        "mineresistance",
        {"MINES": city_layer("mines"), "TEMPLATE": "@land_cover", "OUTPUT": "TEMPORARY_OUTPUT"},
        {"OUTPUT_RINGS": "Rings of the mines"},
    ),
)

STUDIES = [
    Study(
        "mining_city",
        "Mining city",
        "ecologicalnetwork",
        "An artificial mining city made by a script of the project; no place on earth.",
        {
            "LAND_COVER": CITY / "land_cover.tif",
            "DEM": CITY / "dem.tif",
            "PRECIPITATION": CITY / "precipitation_annual.tif",
            "EVAPOTRANSPIRATION": CITY / "evapotranspiration_annual.tif",
            "SOIL_DEPTH": CITY / "soil_depth.tif",
            "PLANT_AVAILABLE_WATER": CITY / "plant_available_water.tif",
            "EROSIVITY": CITY / "erosivity.tif",
            "ERODIBILITY": CITY / "erodibility.tif",
            "NDVI": CITY / "ndvi.tif",
            "NIGHT_LIGHT": CITY / "night_light.tif",
            "WATER": city_layer("water"),
            "MOTORWAYS": city_layer("motorways"),
            "HIGHWAYS": city_layer("highways"),
            "MINES": city_layer("mines"),
            "AREA_OF_LANDSCAPE": 1080,
        },
        CITY / "dem.tif",
        {
            "Roads": (city_layer("roads"), ROAD),
            "Mines": (city_layer("mines"), MINE),
            "Land cover": (CITY / "land_cover.tif", "land_cover"),
        },
        CITY_STEPS,
    ),
    Study(
        "zion",
        "Zion",
        "networkfromlandcover",
        "Zion National Park and its surroundings, Utah: real land cover (NLCD 2011) and SRTM; its "
        "developed strips stand for roads.",
        {
            "LAND_COVER": ZION / "land_cover.tif",
            "DEM": ZION / "srtm.tif",
            "ROADS": ZION / "roads.gpkg",
            "ROAD_CLASS_FIELD": "class",
            "WATER_CODES": "11",
            "LAND_COVER_PRODUCT": 6,  # NLCD
            "THREAT_TABLE": ZION / "tables" / "threats.csv",
            "SENSITIVITY_TABLE": ZION / "tables" / "sensitivity.csv",
            "CARBON_TABLE": ZION / "tables" / "carbon.csv",
            "FACTOR_TABLE": ZION / "tables" / "resistance.csv",
            "PATCH_CLASSES": "5",
            "DIAGONALS": "false",
            "AREA_BANDS": "1,2,4",
            "AREA_OF_LANDSCAPE": 1449.4,
        },
        ZION / "srtm.tif",
        {"Roads (developed strips)": (ZION / "roads.gpkg", ROAD), "Land cover (NLCD)": (ZION / "land_cover.tif", None)},
    ),
]

# Layers of each map, uppermost first: (algorithm, output) of a model's child, or a study's context.
STAGES = {
    "importance": ("Importance of ecosystem services", [("serviceimportance", "OUTPUT_IMPORTANCE")]),
    "sources": ("Ecological sources", [("selectsources", "OUTPUT"), ("serviceimportance", "OUTPUT_CLASSES")]),
    "firmness": ("Firmness of the sources", [("sourcefirmness", "OUTPUT"), ("sourcefirmness", "OUTPUT_FREQUENCY")]),
    "resistance": ("Resistance surface", [("resistancesurface", "OUTPUT")]),
    "dominant_factor": ("Which factor makes a cell hard", ["context", ("resistancesurface", "OUTPUT_DOMINANT")]),
    "mine_rings": ("Resistance of mines and their rings", ["context", ("mineresistance", "OUTPUT_RINGS"), "relief"]),
    "corridors": (
        "Corridors, important and general",
        [("gravitymodel", "OUTPUT"), ("selectsources", "OUTPUT"), "relief"],
    ),
    "breakpoints": (
        "Breakpoints and fracture surfaces",
        [
            ("breakpoints", "OUTPUT"),
            ("fracturesurfaces", "OUTPUT"),
            ("gravitymodel", "OUTPUT"),
            "context",
            ("selectsources", "OUTPUT"),
            "relief",
        ],
    ),
}


# What a map shows, in a sentence.
NOTES = {
    "firmness": "How much of each source stays source when grid size, number of classes, area threshold and weights "
    "are chosen otherwise; below it, how often a cell is source.",
    "dominant_factor": "The factor whose weighted score adds most above its lowest.",
    "mine_rings": "The rings of Table 2 around each mine, by mineral, method and state.",
    "importance": "The services added up by their weights, from 0 to 1.",
    "sources": "The largest patches of the most important classes.",
    "resistance": "How hard it is for animals to cross each cell.",
    "corridors": "The ways of least accumulated cost between sources; important ones join sources that interact "
    "strongly.",
    "breakpoints": "Where corridors cross roads, and where they run through open pits.",
}
PITS = (
    "Corridors run through the pits because the paper's weighted sum of scores of 1 to 5 has low contrast: a way "
    "around costs more than the pit. Hard barriers and Transform in the resistance step change that."
)

# What a row of the table means.
MEANINGS = {
    "sources": "patches that are large and important enough to start from",
    "corridors": "least-cost ways between pairs of sources",
    "important": "corridors kept, with a gravity above the threshold (the mean of all pairs)",
    "general": "the other corridors kept",
    "redundant": "corridors dropped, since they pass through a third source",
    "breakpoints (on important)": "places where corridors cross roads, which need a passage",
    "fracture surfaces": "parts of open pits that corridors run through, which need restoration",
    "KMO": "whether the services share enough to be weighed by components (with Kaiser's word)",
    "weights": "share of each service in the importance",
    "stability": "share of the sources' ground that stays source when the choices behind the list change",
    "PC": "probability that two places chosen at random lie in patches between which animals can move",
}


# Ticked when the project opens.
SHOWN = {
    ("selectsources", "OUTPUT"),
    ("gravitymodel", "OUTPUT"),
    ("breakpoints", "OUTPUT"),
    ("fracturesurfaces", "OUTPUT"),
}

# Sources lie on the classes they come from, in the same colours.
FAINT = {("serviceimportance", "OUTPUT_CLASSES"): 0.45}


# the models --------------------------------------------------------------------------------------

# QGIS does not keep a plugin's Python half alive.
_ALIVE = []


def register_plugin():
    """Make the plugin's algorithms and models known in this process, as QGIS does.

    A model knows its outputs only where the algorithms of its steps are registered.
    """
    registry = QgsApplication.processingRegistry()
    if registry.providerById("native") is None:
        registry.addProvider(QgsNativeAlgorithms(registry))
    if registry.providerById("econet") is None:
        plugin = EcoNetPlugin(None)
        plugin.initProcessing()
        _ALIVE.append(plugin)


@dataclass
class Output:
    """A layer or report that a model or a step leaves."""

    key: str
    title: str
    path: Path
    algorithm: str
    child_output: str
    group: str
    style: str


EXTENSIONS = {"rasterDestination": "tif", "sink": "gpkg", "vectorDestination": "gpkg", "fileDestination": "html"}


def model_outputs(study):
    """Every layer and report of a study's model, with the group and style of the step that makes it."""
    model = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{study.model}")
    if model is None:
        sys.exit(f"The plugin has no model econet:{study.model}.")
    classes = {item.ID: item for item in algorithm_classes()}
    outputs = []
    for definition in model.destinationParameterDefinitions():
        extension = EXTENSIONS.get(definition.type())
        if extension is None:
            continue
        child_id, name = definition.name().split(":", 1)
        child = model.childAlgorithm(child_id)
        made = child.modelOutputs()[name].childOutputName()
        step = classes.get(child.algorithmId().split(":")[-1])
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        outputs.append(
            Output(
                definition.name(),
                definition.description() or name,
                study.folder / f"{slug}.{extension}",
                step.ID if step else child.algorithmId(),
                made,
                step.GROUP if step else "workflows",
                step.STYLES.get(made) if step else None,
            )
        )
    return outputs


def step_outputs(study, step):
    """The outputs of a step, named after their titles."""
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"econet:{step.algorithm}")
    if algorithm is None:
        sys.exit(f"The plugin has no step econet:{step.algorithm}.")
    item = {item.ID: item for item in algorithm_classes()}[step.algorithm]
    outputs = []
    for key, title in step.outputs.items():
        extension = EXTENSIONS[algorithm.parameterDefinition(key).type()]
        slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
        outputs.append(
            Output(key, title, study.folder / f"{slug}.{extension}", item.ID, key, item.GROUP, item.STYLES.get(key))
        )
    return outputs


@dataclass
class Run:
    """What a run of a model or step told: numbers and texts by key, seconds by step and in all."""

    results: dict
    steps: list
    seconds: float


def run_model(study, outputs):
    """Run a model, its steps told to the terminal."""
    study.folder.mkdir(parents=True)
    return process(study, study.model, study.parameters, outputs)


def run_step(study, step, outputs, present):
    """Run a step on the layers ``present``; its seconds stand under its own name."""
    paths = {output.path.stem: output.path for output in present}

    def value_of(value):
        return paths[value[1:]] if str(value).startswith("@") else value

    parameters = {
        key: [value_of(item) for item in value] if isinstance(value, list) else value_of(value)
        for key, value in step.parameters.items()
    }
    return process(study, step.algorithm, parameters, outputs)


def process(study, algorithm, parameters, outputs):
    """Run an algorithm with qgis_process; its log is added to log.txt."""
    arguments = []
    for key, given in parameters.items():
        for value in given if isinstance(given, list) else [given]:
            if str(value).startswith(str(ROOT)) and not file_of(value).exists():
                sys.exit(f"{file_of(value)} is missing: the checkout is not complete.")
            arguments.append(f"{key}={value}")
    arguments += [f"{output.key}={output.path}" for output in outputs]
    command = ["stdbuf", "-oL", os.environ["QGIS_PROCESS"], "--verbose", "run", f"econet:{algorithm}", "--", *arguments]
    started, lines = time.monotonic(), []
    with (
        open(study.folder / "log.txt", "a", encoding="utf-8") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8", errors="replace"
        ) as child,
    ):
        for line in child.stdout:
            log.write(line)
            lines.append(line.rstrip("\n"))
            step = re.search(r"Running (.*) \[(\d+)/(\d+)\]", line)
            if step:
                print(f"  {step.group(2):>2}/{step.group(3)} {step.group(1)}", flush=True)
    if child.returncode:
        print("\n".join(lines[-30:]), file=sys.stderr)
        sys.exit(f"econet:{algorithm} failed; the whole log is {study.folder / 'log.txt'}")
    return Run(results_of(lines), steps_of(lines), time.monotonic() - started)


def results_of(lines):
    """Keys and values after the heading `Results` of qgis_process."""
    start = max((index for index, line in enumerate(lines) if line == "Results"), default=len(lines))
    pairs = (line.split(":\t", 1) for line in lines[start:] if ":\t" in line)
    return dict(pairs)


def steps_of(lines):
    """Names and seconds of a model's steps from its verbose log."""
    steps, name = [], ""
    for line in lines:
        running = re.search(r"Running (.*) \[\d+/\d+\]", line)
        if running:
            name = running.group(1)
        took = re.search(r"Execution took ([\d.]+)\s*(m?s)", line)
        if took and name:
            steps.append((name, float(took.group(1)) / (1000 if took.group(2) == "ms" else 1)))
            name = ""
    return steps


# the project -------------------------------------------------------------------------------------


def file_of(source):
    """The file of a layer's source, which may name a layer in it."""
    return Path(str(source).split("|")[0])


def load(source, title, style=None):
    """A layer for the project in one of the plugin's styles, or in one colour (`#rrggbb`)."""
    kind = QgsRasterLayer if file_of(source).suffix == ".tif" else QgsVectorLayer
    layer = kind(str(source), title)
    if not layer.isValid():
        sys.exit(f"{source} is not a layer that QGIS opens.")
    if style and style.startswith("#"):
        layer.setRenderer(QgsSingleSymbolRenderer(one_colour(layer.geometryType(), style)))
    elif style:
        styling.apply(layer, style)
    return layer


def one_colour(geometry_type, colour):
    if geometry_type == QgsWkbTypes.GeometryType.PolygonGeometry:
        faint = QColor(colour)
        faint.setAlpha(110)
        return QgsFillSymbol.createSimple(
            {"color": faint.name(QColor.NameFormat.HexArgb), "outline_color": colour, "outline_width": "0.2"}
        )
    return QgsLineSymbol.createSimple({"color": colour, "width": "0.35"})


def relief_layer(study):
    layer = load(study.relief, "Relief")
    # A DEM in degrees has metres upwards: about 111 km to a degree.
    renderer = QgsHillshadeRenderer(layer.dataProvider(), 1, 315, 45)
    renderer.setZFactor(1.5 / 111320 if layer.crs().isGeographic() else 1.5)
    renderer.setMultiDirectional(True)
    layer.setRenderer(renderer)
    layer.setOpacity(0.35)
    return layer


def add_study(project, study, outputs):
    """Groups and layers of a study; returns the layers by (algorithm, output), `context`, `relief`."""
    top = project.layerTreeRoot()
    layers = {"context": []}

    def add(group, layer, visible):
        project.addMapLayer(layer, False)
        node = group.addLayer(layer)
        node.setItemVisibilityChecked(visible)
        node.setExpanded(False)

    for key in reversed(list(GROUPS)):
        shown = [output for output in outputs if output.group == key and output.path.suffix != ".html"]
        if not shown:
            continue
        group = top.addGroup(GROUPS[key])
        for output in shown:
            layer = load(output.path, output.title, output.style)
            layers[output.algorithm, output.child_output] = layer
            layer.setOpacity(FAINT.get((output.algorithm, output.child_output), 1))
            add(group, layer, (output.algorithm, output.child_output) in SHOWN)
    group = top.addGroup("Inputs")
    for title, (path, style) in study.context.items():
        layer = load(path, title, style)
        if isinstance(layer, QgsVectorLayer):
            layers["context"].append(layer)
        add(group, layer, isinstance(layer, QgsVectorLayer))
    layers["relief"] = relief_layer(study)
    add(group, layers["relief"], True)
    return layers


# the maps ----------------------------------------------------------------------------------------


def stage_title(stage, layers):
    """A stage's title; a chain without mines has no fracture surfaces."""
    title = STAGES[stage][0]
    return title if ("fracturesurfaces", "OUTPUT") in layers else title.replace(" and fracture surfaces", "")


def stages_of(layers):
    """The stages whose first result a study has."""
    return [
        stage
        for stage, (_, wanted) in STAGES.items()
        if next(key for key in wanted if isinstance(key, tuple)) in layers
    ]


def stage_layers(layers, wanted):
    found = []
    for key in wanted:
        item = layers.get(key)
        found += item if isinstance(item, list) else [item] if item is not None else []
    return found


def add_map(project, study, layers, stage):
    """A print layout of one stage: title, map, legend, scale bar and a note."""
    shown = stage_layers(layers, STAGES[stage][1])
    frame = layers["resistancesurface", "OUTPUT"]
    layout = QgsPrintLayout(project)
    layout.initializeDefaults()
    layout.setName(f"{study.title}: {stage}")
    layout.renderContext().setDpi(DPI)

    def place(item, box):
        x, y, width, height = box
        layout.addLayoutItem(item)
        item.attemptMove(QgsLayoutPoint(x, y, MILLIMETRES))
        item.attemptResize(QgsLayoutSize(width, height, MILLIMETRES))
        return item

    def text(words, size, box, bold=False):
        label = QgsLayoutItemLabel(layout)
        label.setText(words)
        font = QFont("DejaVu Sans", size)
        font.setBold(bold)
        label.setFont(font)
        return place(label, box)

    text(f"{study.title}: {stage_title(stage, layers).lower()}", 17, (8, 5, 280, 10), bold=True)
    width, height = 212, 176
    item = place(QgsLayoutItemMap(layout), (8, 18, width, height))
    item.setCrs(frame.crs())
    item.setLayers(shown)
    item.setKeepLayerSet(True)
    extent = fitted(frame.extent(), width / height)
    item.setExtent(extent)
    item.setFrameEnabled(True)
    item.setBackgroundColor(QColor("#fbfbf8"))

    legend = QgsLayoutItemLegend(layout)
    legend.setLinkedMap(item)
    legend.setAutoUpdateModel(False)
    legend.setLegendFilterByMapEnabled(True)
    root = legend.model().rootGroup()
    root.clear()
    for layer in shown:
        if layer is not layers["relief"]:
            hide_band_name(legend, root.addLayer(layer))
    for style, size in (
        (QgsLegendStyle.Style.Title, 11),
        (QgsLegendStyle.Style.Subgroup, 9),
        (QgsLegendStyle.Style.SymbolLabel, 8),
    ):
        legend.setStyleFont(style, QFont("DejaVu Sans", size))
    place(legend, (223, 18, 68, 120))
    legend.adjustBoxSize()

    bar = QgsLayoutItemScaleBar(layout)
    bar.setLinkedMap(item)
    bar.setStyle("Single Box")
    bar.setUnits(QgsUnitTypes.DistanceUnit.DistanceKilometers)
    bar.setUnitLabel("km")
    bar.setUnitsPerSegment(5 if extent.width() > 20000 else 1)
    bar.setNumberOfSegments(2)
    bar.setNumberOfSegmentsLeft(0)
    small = QgsTextFormat()
    small.setFont(QFont("DejaVu Sans"))
    small.setSize(8)
    bar.setTextFormat(small)
    place(bar, (225, 176, 60, 12))
    text(study.note, 7, (8, 197, 280, 10))
    project.layoutManager().addLayout(layout)
    return layout


def hide_band_name(legend, node):
    """Leave out the line `Band 1 (Gray)` that QGIS puts over a raster's classes."""
    nodes = legend.model().layerOriginalLegendNodes(node)
    kept = [
        index
        for index, item in enumerate(nodes)
        if not str(item.data(Qt.ItemDataRole.DisplayRole)).startswith("Band 1")
    ]
    if len(kept) < len(nodes):
        QgsMapLayerLegendUtils.setLegendNodeOrder(node, kept)
        legend.model().refreshLayerLegend(node)


def fitted(extent, ratio):
    """An extent grown a little, and to the ratio of width to height of the map's frame."""
    width = 1.03 * max(extent.width(), extent.height() * ratio)
    centre = extent.center()
    return QgsRectangle.fromCenterAndSize(centre, width, width / ratio)


def export(layout, path):
    # Rather than exportToImage, which also tries to georeference the picture.
    image = QgsLayoutExporter(layout).renderPageToImage(0, dpi=DPI)
    if not image.save(str(path)):
        sys.exit(f"The map {path} could not be written.")


# what is told ------------------------------------------------------------------------------------


def result(run, name):
    """A number or text among a run's results, whatever the child that gave it; decimals cut to four digits."""
    for key, value in run.results.items():
        if key.split(":")[-1] == name:
            return re.sub(r"\d+\.\d+(e-?\d+)?", lambda found: f"{float(found.group()):.4g}", value)
    return "-"


def weights_in_words(text):
    """Weights as `habitat quality 0.33, carbon storage 0.67`."""
    return re.sub(
        r"(\w+)=(\d[\d.e+-]*)", lambda found: f"{found.group(1).replace('_', ' ')} {float(found.group(2)):.2f}", text
    )


def kmo_in_words(run):
    """The KMO with Kaiser's word for it; with two services it says nothing."""
    text = result(run, "kmo")
    if result(run, "weights").count("=") == 2:
        return "not applicable (always 0.5 with two services)"
    if text == "-":
        return text
    return f"{text} ({next(word for bound, word in KAISER if float(text) < bound)})"


def summary(layers, run):
    """The rows of the printed table: label to text."""

    def features(algorithm):
        layer = layers.get((algorithm, "OUTPUT"))
        return list(layer.getFeatures()) if layer is not None else []

    corridors = features("corridors")
    kept = [feature for feature in features("gravitymodel") if not feature["redundant"]]
    points = features("breakpoints")
    surfaces = len(features("fracturesurfaces")) if ("fracturesurfaces", "OUTPUT") in layers else "-"
    return {
        "sources": str(len(features("selectsources"))),
        "corridors": str(len(corridors)),
        "important": str(sum(feature["class"] == "important" for feature in kept)),
        "general": str(sum(feature["class"] == "general" for feature in kept)),
        "redundant": str(sum(feature["redundant"] for feature in corridors)),
        "breakpoints (on important)": f"{len(points)} ({sum(point['class'] == 'important' for point in points)})",
        "fracture surfaces": str(surfaces),
        "KMO": kmo_in_words(run),
        "weights": weights_in_words(result(run, "weights")),
        "PC": result(run, "pc"),
        "stability": result(run, "STABILITY"),
    }


def figures(told):
    """A row per figure, a column per study; the first row names the studies."""
    labels = list(dict.fromkeys(label for rows, _ in told.values() for label in rows))
    return [
        ["", *(study.title for study in told_studies(told))],
        *([label, *(rows.get(label, "-") for rows, _ in told.values())] for label in labels),
    ]


def times(told):
    """A row of seconds per step, a column per study."""
    lines = []
    # Their names start with the number of their group; models run them in an order of their own.
    steps = sorted({name for _, run in told.values() for name, _ in run.steps})
    for step in steps:
        cells = []
        for _, run in told.values():
            seconds = [taken for name, taken in run.steps if name == step]
            cells.append(f"{sum(seconds):.1f} s" if seconds else "-")
        lines.append([step, *cells])
    lines.append(["whole model", *(f"{run.seconds:.1f} s" for _, run in told.values())])
    return lines


def told_studies(told):
    return [study for study in STUDIES if study.name in told]


def print_table(lines):
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    print()
    for number_, row in enumerate(lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
        if number_ == 0:
            print("  ".join("-" * width for width in widths))
    print()


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>EcoNet demo</title><style>
body {{ font: 15px/1.5 "DejaVu Sans", sans-serif; max-width: 1200px; margin: 2em auto; padding: 0 1em; color: #222 }}
table {{ border-collapse: collapse }} td, th {{ padding: .2em .9em; border-bottom: 1px solid #ddd; text-align: left }}
img {{ max-width: 100%; border: 1px solid #ccc; margin: .5em 0 1.5em }}
</style></head><body>
<h1>EcoNet: two ecological networks</h1>
<p>Made by <code>scripts/demo</code>. A QGIS project per landscape holds its layers.</p>
<table>{rows}</table>
{studies}
<h2>Times</h2>
<table>{times}</table>
</body></html>
"""


def table_rows(lines):
    return "".join(
        "<tr>"
        + "".join(f"<{'td' if index else 'th'}>{html.escape(cell)}</{'td' if index else 'th'}>" for cell in row)
        + "</tr>"
        for index, row in enumerate(lines)
    )


def page(told, reports, maps):
    lines, studies = figures(told), told_studies(told)
    meant = [[*row, MEANINGS.get(row[0], "what it means")] for row in lines]
    parts = []
    for study in studies:
        parts.append(f"<h2>{html.escape(study.title)}</h2><p>{html.escape(study.note)}</p>")
        links = [("QGIS project", study.project.name), ("log of the run", f"{study.name}/log.txt")] + [
            (title, f"{study.name}/{path.name}") for title, path in reports[study.name]
        ]
        fractured = told[study.name][0].get("fracture surfaces", "-") not in ("-", "0")
        parts.append(
            "<p>" + " · ".join(f'<a href="{target}">{html.escape(title)}</a>' for title, target in links) + "</p>"
        )
        for stage in maps[study.name]:
            title = STAGES[stage][0]
            note = NOTES[stage] + (" " + PITS if stage == "breakpoints" and fractured else "")
            parts.append(
                f"<h3>{html.escape(title)}</h3><p>{html.escape(note)}</p>"
                f'<img src="maps/{study.name}_{stage}.png" alt="{html.escape(study.title)}: {html.escape(title)}">'
            )
    return PAGE.format(rows=table_rows(meant), studies="\n".join(parts), times=table_rows([lines[0], *times(told)]))


def check_project(path):
    """Open the project as a user would, and refuse to be content with a broken layer."""
    project = QgsProject()
    if not project.read(str(path)):
        sys.exit(f"{path} does not open.")
    broken = [layer.name() for layer in project.mapLayers().values() if not layer.isValid()]
    if broken:
        sys.exit(f"{path} opens with broken layers: {', '.join(broken)}.")


def clear(studies):
    """Remove what an earlier demo left, and nothing else."""
    for folder in [study.folder for study in studies] + [OUTPUT / "maps"]:
        shutil.rmtree(folder, ignore_errors=True)
    for path in [study.project for study in studies] + [OUTPUT / "index.html"]:
        path.unlink(missing_ok=True)


def main(names):
    started = time.monotonic()
    unknown = set(names) - {study.name for study in STUDIES}
    if unknown:
        sys.exit(
            f"No study is called {', '.join(sorted(unknown))}; there are {', '.join(study.name for study in STUDIES)}."
        )
    studies = [study for study in STUDIES if not names or study.name in names]
    application = QgsApplication([], False)
    application.initQgis()
    QgsSettings().setValue("/qgis/walForSqlite3", False)  # as scripts/demo does for qgis_process
    register_plugin()
    clear(studies)
    (OUTPUT / "maps").mkdir(parents=True)
    project = QgsProject.instance()
    told, reports, maps = {}, {}, {}
    for study in studies:
        print(f"{study.title}: econet:{study.model}", flush=True)
        outputs = model_outputs(study)
        run = run_model(study, outputs)
        project.clear()
        project.setTitle(f"EcoNet: {study.title}")
        for step in study.steps:
            made = step_outputs(study, step)
            told_by = run_step(study, step, made, outputs)
            print(f"  then  {step.algorithm}", flush=True)
            run.steps.append((step.algorithm, told_by.seconds))
            run.results.update(told_by.results)
            outputs += made
        layers = add_study(project, study, outputs)
        open_on(project, layers["resistancesurface", "OUTPUT"])
        maps[study.name] = stages_of(layers)
        for stage in maps[study.name]:
            layout = add_map(project, study, layers, stage)
            export(layout, OUTPUT / "maps" / f"{study.name}_{stage}.png")
        told[study.name] = summary(layers, run), run
        reports[study.name] = [(output.title, output.path) for output in outputs if output.path.suffix == ".html"]
        project.write(str(study.project))
        check_project(study.project)
    (OUTPUT / "index.html").write_text(page(told, reports, maps), encoding="utf-8")
    print_table(figures(told) + times(told))
    print(
        f"demo-output/index.html shows the maps, {', '.join(f'demo-output/{s.project.name}' for s in studies)} "
        f"hold the layers ({time.monotonic() - started:.0f} s)."
    )
    project.clear()
    application.exitQgis()


def open_on(project, layer):
    """A project opens on its landscape, in the landscape's own CRS."""
    project.setCrs(layer.crs())
    project.viewSettings().setDefaultViewExtent(QgsReferencedRectangle(layer.extent(), layer.crs()))


if __name__ == "__main__":
    main(sys.argv[1:])

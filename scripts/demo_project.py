"""The styled QGIS project of a study."""

import sys
from pathlib import Path

from demo_studies import FAINT, SHOWN
from load_econet import load_econet
from qgis.core import (
    QgsFillSymbol,
    QgsHillshadeRenderer,
    QgsLineSymbol,
    QgsRasterLayer,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtGui import QColor

load_econet()

from econet.algorithms import styling
from econet.algorithms.base import GROUPS


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

"""A map for every stage of the chain, as PNG."""

import sys

from demo_studies import STAGES
from qgis.core import (
    QgsLayoutExporter,
    QgsLayoutItemLabel,
    QgsLayoutItemLegend,
    QgsLayoutItemMap,
    QgsLayoutItemScaleBar,
    QgsLayoutPoint,
    QgsLayoutSize,
    QgsLegendStyle,
    QgsMapLayerLegendUtils,
    QgsPrintLayout,
    QgsRectangle,
    QgsTextFormat,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QColor, QFont

DPI = 110
MILLIMETRES = QgsUnitTypes.LayoutUnit.LayoutMillimeters


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

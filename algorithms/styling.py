"""How outputs look: one style file per kind of layer, attached when QGIS loads a result.

``styles/<name>.qml`` can also be applied by hand. A raster style with a colour ramp is stretched
to the 2 % to 98 % range of the values of the map at hand, or to the range that such maps share.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import (
    NULL,
    QgsApplication,
    QgsBasicNumericFormat,
    QgsColorRampLegendNodeSettings,
    QgsPalettedRasterRenderer,
    QgsProcessingContext,
    QgsProcessingLayerPostProcessorInterface,
    QgsProject,
    QgsRasterLayer,
    QgsRasterShader,
    QgsRuleBasedRenderer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtCore import QTimer

STYLES = Path(__file__).resolve().parent / "styles"

# What the bundled models leave, uppermost layer first; those not in SHOWN are loaded switched off.
ORDER = [
    "breakpoints",
    "fracture_surfaces",
    "fracture_pairs",
    "corridors",
    "all_corridors",
    "gravity_matrix",
    "sources",
    "patches",
    "importance_grid",
    "resistance",
    "resistance_mines",
    "resistance_base",
    "importance_classes",
    "importance",
    "habitat_quality",
    "sediment_retention",
    "water_yield",
    "carbon_storage",
    "land_cover",
]
SHOWN = {"breakpoints", "fracture_surfaces", "corridors", "sources", "resistance"}

# Ranges that keep their meaning from map to map, as long as the map stays inside.
FIXED_RANGES = {
    "resistance": (1.0, 5.0),
    "habitat_quality": (0.0, 1.0),
    "sediment_delivery": (0.0, 1.0),
    "frequency": (0.0, 1.0),
}

# Of classes that the map at hand names.
SPARE_LABELS = {"1st added factor", "2nd added factor", "3rd added factor"}

# QGIS calls a post-processor only while Python keeps it alive.
_ALIVE: list[_Styler] = []


class _Styler(QgsProcessingLayerPostProcessorInterface):
    """Styles one result once QGIS has loaded it, and puts a model's results in order."""

    def __init__(self, style: str | None) -> None:
        super().__init__()
        self._style = style

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:
        """Called by QGIS in the main thread."""
        if self._style is not None:
            apply(layer, self._style)
        name = layer.name()
        if name in model_titles():
            layer.setName(model_titles()[name])
            # once QGIS has put all layers of the run into the tree
            QTimer.singleShot(0, functools.partial(_arrange, layer.id(), name, id(context)))
        if self in _ALIVE:
            _ALIVE.remove(self)


@functools.cache
def model_titles() -> dict[str, str]:
    """Titles of what the bundled models leave, by output name: QGIS names such layers by the bare name."""
    titles: dict[str, str] = {}
    provider = QgsApplication.processingRegistry().providerById("econet")
    for model in provider.algorithms() if provider else ():
        for child in getattr(model, "childAlgorithms", dict)().values():
            titles.update({name: output.description() for name, output in child.modelOutputs().items()})
    return titles


def _arrange(layer_id: str, name: str, run: int) -> None:
    """Bring a layer of a model run into ORDER among the layers of that run."""
    node = QgsProject.instance().layerTreeRoot().findLayer(layer_id)
    if node is None or name not in ORDER:
        return
    rank = ORDER.index(name)
    group = node.parent()
    node.setItemVisibilityChecked(name in SHOWN)
    node.setExpanded(False)
    moved = node.clone()
    siblings = group.children()
    ranks = [
        int(child.customProperty("econet/rank", -1)) if child.customProperty("econet/run") == str(run) else None
        for child in siblings
    ]
    below = [place for place, other in enumerate(ranks) if other is not None and other > rank]
    above = [place for place, other in enumerate(ranks) if other is not None and other <= rank]
    place = min(below) if below else (max(above) + 1 if above else siblings.index(node))
    moved.setCustomProperty("econet/run", str(run))
    moved.setCustomProperty("econet/rank", rank)
    group.insertChildNode(place, moved)
    group.removeChildNode(node)  # after: a layer that is nowhere in the tree leaves the project


def attach(context: QgsProcessingContext, destination: str, style: str | None) -> None:
    """Style a result when QGIS loads it; do nothing where no layer will be loaded."""
    if not context.willLoadLayerOnCompletion(destination):
        return
    styler = _Styler(style)
    _ALIVE.append(styler)
    context.layerToLoadOnCompletionDetails(destination).setPostProcessor(styler)


def apply(layer: Any, style: str) -> None:
    """Give a layer the style of ``styles/<style>.qml``; a layer without such a file keeps its own."""
    path = STYLES / f"{style}.qml"
    if layer is None or not layer.isValid() or not path.exists():
        return
    layer.loadNamedStyle(str(path))
    if isinstance(layer, QgsRasterLayer):
        _stretch(layer, FIXED_RANGES.get(style))
        _name_classes(layer)
    elif isinstance(layer.renderer(), QgsRuleBasedRenderer):
        _drop_rules(layer)
    layer.triggerRepaint()


def _name_classes(layer: Any) -> None:
    """Show the classes that a map names itself, and no others; its names stand in where the style has none."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsPalettedRasterRenderer):
        return
    dataset = gdal.Open(layer.source())
    band = dataset.GetRasterBand(1) if dataset is not None else None
    if band is None:
        return
    band.GetMetadata()  # without it GDAL 3.6 does not look for names beside the file
    names = band.GetCategoryNames() or []
    if not names:
        return
    styled = {int(item.value): item for item in renderer.classes()}
    spare = list(styled.values())[-1].color
    classes = [
        QgsPalettedRasterRenderer.Class(
            value,
            styled[value].color if value in styled else spare,
            name if value not in styled or styled[value].label in SPARE_LABELS else styled[value].label,
        )
        for value, name in enumerate(names)
        if name
    ]
    layer.setRenderer(QgsPalettedRasterRenderer(layer.dataProvider(), 1, classes))


def _drop_rules(layer: Any) -> None:
    """Drop the rules that no feature meets: those of the classes, or the one of features without class."""
    root = layer.renderer().rootRule()
    rules = [rule for rule in root.children() if rule.filterExpression()]
    field = rules[0].filterExpression().split("'")[1] if rules else ""
    index = layer.fields().indexOf(field)
    known = {value for value in layer.uniqueValues(index) if value not in (None, NULL)} if index >= 0 else set()
    bare = not known or any(value in (None, NULL) for value in layer.uniqueValues(index))
    for rule in rules:
        if (not bare) if rule.filterExpression().endswith(" is null") else not known:
            root.removeChild(rule)


def _stretch(layer: Any, fixed: tuple[float, float] | None) -> None:
    """Spread a continuous colour ramp over the values of this map, or over their fixed range."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsSingleBandPseudoColorRenderer):
        return
    function = renderer.shader().rasterShaderFunction()
    if function.colorRampType() != type(function).Type.Interpolated or function.sourceColorRamp() is None:
        return
    # all statistics, because to name some is to call what QGIS 3.40 and later warn of
    stats = layer.dataProvider().bandStatistics(1, extent=layer.extent(), sampleSize=250000)
    low, high = layer.dataProvider().cumulativeCut(1, 0.02, 0.98, layer.extent(), 250000)
    if fixed and fixed[0] <= stats.minimumValue and stats.maximumValue <= fixed[1]:
        low, high = fixed
    elif not high > low:
        low, high = stats.minimumValue, stats.maximumValue
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(high)
    ramp = function.sourceColorRamp().clone()
    shader = QgsRasterShader(low, high)
    renewed = type(function)(low, high, ramp, type(function).Type.Interpolated)
    decimals = 2 if high - low >= 0.1 else 4
    renewed.setLabelPrecision(decimals)
    renewed.classifyColorRamp(5, 1, layer.extent(), layer.dataProvider())
    renewed.setColorRampItemList(
        [
            type(function).ColorRampItem(item.value, item.color, f"{item.value:.{decimals}f}")
            for item in renewed.colorRampItemList()
        ]
    )
    written = QgsBasicNumericFormat()
    written.setNumberDecimalPlaces(decimals)
    legend = QgsColorRampLegendNodeSettings()
    legend.setNumericFormat(written)
    renewed.setLegendSettings(legend)
    shader.setRasterShaderFunction(renewed)
    renderer.setShader(shader)

"""How outputs look: one style file per kind of layer, attached when QGIS loads a result.

``styles/<name>.qml`` can also be applied by hand. A raster style with a colour ramp is stretched
to the 2 % to 98 % range of the values of the map at hand unless its classes are fixed.
"""

from pathlib import Path

from qgis.core import (QgsProcessingContext, QgsProcessingLayerPostProcessorInterface, QgsRasterLayer,
                       QgsRasterBandStats, QgsRasterShader, QgsSingleBandPseudoColorRenderer)

STYLES = Path(__file__).resolve().parent / "styles"

# QGIS calls a post-processor only while Python keeps it alive.
_ALIVE = []


class _Styler(QgsProcessingLayerPostProcessorInterface):
    def __init__(self, style, name):
        super().__init__()
        self._style = style
        self._name = name

    def postProcessLayer(self, layer, context, feedback):
        apply(layer, self._style)
        if self in _ALIVE:
            _ALIVE.remove(self)


def attach(context: QgsProcessingContext, destination, style, name):
    """Style a result when QGIS loads it; do nothing where no layer will be loaded."""
    if style is None or not context.willLoadLayerOnCompletion(destination):
        return
    styler = _Styler(style, name)
    _ALIVE.append(styler)
    context.layerToLoadOnCompletionDetails(destination).setPostProcessor(styler)


def apply(layer, style):
    """Give a layer the style of ``styles/<style>.qml``; a layer without such a file keeps its own."""
    path = STYLES / f"{style}.qml"
    if layer is None or not layer.isValid() or not path.exists():
        return
    layer.loadNamedStyle(str(path))
    if isinstance(layer, QgsRasterLayer):
        _stretch(layer)
    layer.triggerRepaint()


def _stretch(layer):
    """Spread a continuous colour ramp over the values of this map."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsSingleBandPseudoColorRenderer):
        return
    function = renderer.shader().rasterShaderFunction()
    if function.colorRampType() != type(function).Type.Interpolated or function.sourceColorRamp() is None:
        return
    low, high = layer.dataProvider().cumulativeCut(1, 0.02, 0.98, layer.extent(), 250000)
    if not high > low:
        stats = layer.dataProvider().bandStatistics(
            1, QgsRasterBandStats.Stats.Min | QgsRasterBandStats.Stats.Max, layer.extent(), 250000)
        low, high = stats.minimumValue, stats.maximumValue
    renderer.setClassificationMin(low)
    renderer.setClassificationMax(high)
    ramp = function.sourceColorRamp().clone()
    shader = QgsRasterShader(low, high)
    renewed = type(function)(low, high, ramp, type(function).Type.Interpolated)
    renewed.classifyColorRamp(5, 1, layer.extent(), layer.dataProvider())
    shader.setRasterShaderFunction(renewed)
    renderer.setShader(shader)

"""Writes algorithms/styles/*.qml from the palette below; run with QGIS' Python after changing it.

    QT_HASH_SEED=0 QT_QPA_PLATFORM=offscreen /usr/bin/python3 scripts/make_styles.py

The seed keeps the order of attributes, so that only what changed differs.
"""

from pathlib import Path

from qgis.core import (
    QgsApplication,
    QgsColorRampShader,
    QgsCoordinateReferenceSystem,
    QgsFillSymbol,
    QgsGradientColorRamp,
    QgsGradientStop,
    QgsGraduatedSymbolRenderer,
    QgsLineSymbol,
    QgsMapLayer,
    QgsMarkerSymbol,
    QgsPalettedRasterRenderer,
    QgsPalLayerSettings,
    QgsRasterLayer,
    QgsRasterShader,
    QgsRendererRange,
    QgsRuleBasedRenderer,
    QgsSingleBandPseudoColorRenderer,
    QgsSingleSymbolRenderer,
    QgsTextBufferSettings,
    QgsTextFormat,
    QgsVectorLayer,
    QgsVectorLayerSimpleLabeling,
)
from qgis.PyQt.QtGui import QColor, QFont

STYLES = Path(__file__).resolve().parent.parent / "algorithms" / "styles"

IMPORTANCE = {
    5: ("#0b6e3b", "very important"),
    4: ("#58a65c", "important"),
    3: ("#c5dd8d", "average"),
    2: ("#f0e0a0", "not important"),
    1: ("#d8a577", "least important"),
}
LAND_COVER = {
    1: ("#efe08a", "cropland"),
    2: ("#2e7d46", "forest"),
    3: ("#8aa866", "shrub"),
    4: ("#bcd67c", "grassland"),
    5: ("#4a90c8", "water"),
    6: ("#f4f7fa", "snow and ice"),
    7: ("#c9b49a", "barren"),
    8: ("#c0504d", "impervious"),
    9: ("#6fb8b0", "wetland"),
    11: ("#4d4d4d", "open pit"),
    12: ("#7d6b5d", "mine dump"),
    13: ("#a08a78", "mine subsidence"),
    14: ("#8b5a8c", "mine plant"),
    15: ("#9bc27e", "restored mine"),
}
DOMINANT = {
    0: ("#f2f2ec", "none above the lowest score"),
    1: ("#b08d57", "slope"),
    2: ("#7d6b9c", "elevation"),
    3: ("#8fbf6a", "land cover"),
    4: ("#d9d06a", "NDVI"),
    5: ("#5b9bd0", "distance to water"),
    6: ("#c4322b", "motorways"),
    7: ("#ee9a4d", "highways"),
    8: ("#f3d34a", "night light"),
    9: ("#4a2c5e", "mines"),
    10: ("#6fb8b0", "1st added factor"),
    11: ("#3e8f86", "2nd added factor"),
    12: ("#1f5f58", "3rd added factor"),
}
# The first range that holds a value counts: a bound belongs to the better word.
FIRM = (
    (0.9, 1.0, "#0b6e3b", "firm"),
    (0.7, 0.9, "#a8cf78", "fairly firm"),
    (0.5, 0.7, "#ee9a4d", "shaky"),
    (0.0, 0.5, "#c4322b", "weak"),
)
RAMPS = {
    "carbon_storage": ("#fbf3e4", "#c9b26b", "#5f7f3a", "#1d4a2c"),
    "carbon_change": ("#9c3d2e", "#f7f3ee", "#2f7d4f"),
    "habitat_quality": ("#f5eccd", "#b9d78c", "#4fa35d", "#0b5134"),
    "habitat_degradation": ("#fdf6e6", "#f3b15f", "#c2452d", "#5c1320"),
    "sediment_retention": ("#f7f2e2", "#d3c08a", "#7f9a55", "#20503a"),
    "soil_loss": ("#fbf6e6", "#e9b872", "#b8622f", "#4a1d12"),
    "sediment_delivery": ("#f3efe6", "#d9b98f", "#8f6a4f", "#31445f"),
    "water_yield": ("#f4f8fb", "#9cc9e1", "#3b7fb8", "#123f73"),
    "evapotranspiration": ("#fbf7e9", "#b6d9a8", "#4f9f8f", "#1b4f63"),
    "water_conservation": ("#f6f5e6", "#a9d3b8", "#3c93a5", "#143f5e"),
    "precipitation": ("#f5f7ee", "#a8d4d8", "#4a86b8", "#2b2f6b"),
    "rainfall_erosivity": ("#f7f4fa", "#c3b2dc", "#7d5aa8", "#351a5c"),
    "soil_erodibility": ("#fbf5e6", "#dfb97f", "#a56a3a", "#4b2413"),
    "plant_available_water": ("#faf6e2", "#b9cf9a", "#4d9482", "#123c55"),
    "importance": ("#d8a577", "#f0e0a0", "#c5dd8d", "#58a65c", "#0b6e3b"),
    "resistance": ("#2f7d4f", "#a8cf78", "#fbeea4", "#ef9a4f", "#a8232f"),
    "accumulated_cost": ("#fcf6e0", "#f2b56b", "#b8516a", "#3d1e5c"),
    "frequency": ("#f7f6ef", "#cfe3c2", "#5fa96a", "#0b5134"),
    "corridor_surface": ("#1b4f63", "#5fa9a0", "#cfe3c2", "#f7f6ef"),
}


def ramp(colours):
    stops = [QgsGradientStop(i / (len(colours) - 1), QColor(c)) for i, c in enumerate(colours)][1:-1]
    return QgsGradientColorRamp(QColor(colours[0]), QColor(colours[-1]), False, stops)


def labels(layer, expression, size=9, colour="#14301f"):
    text = QgsTextFormat()
    text.setFont(QFont("Sans"))
    text.setSize(size)
    text.setColor(QColor(colour))
    buffer = QgsTextBufferSettings()
    buffer.setEnabled(True)
    buffer.setSize(0.8)
    buffer.setColor(QColor("#ffffff"))
    text.setBuffer(buffer)
    settings = QgsPalLayerSettings()
    settings.fieldName = expression
    settings.isExpression = True
    settings.setFormat(text)
    layer.setLabeling(QgsVectorLayerSimpleLabeling(settings))
    layer.setLabelsEnabled(True)


def fill(colour, outline, width="0.3", **more):
    return QgsFillSymbol.createSimple({"color": colour, "outline_color": outline, "outline_width": width, **more})


def line(colour, width, style="solid"):
    return QgsLineSymbol.createSimple(
        {"line_color": colour, "line_width": str(width), "line_style": style, "capstyle": "round"}
    )


def rules(layer, *entries):
    """Rules (filter, label, symbol) that need no field to exist; `styling` leaves those that a layer has."""
    root = QgsRuleBasedRenderer.Rule(None)
    root.setRuleKey("root")
    for expression, label, symbol in entries:
        rule = QgsRuleBasedRenderer.Rule(symbol, 0, 0, expression, label)
        rule.setRuleKey(label)
        root.appendChild(rule)
    layer.setRenderer(QgsRuleBasedRenderer(root))


def is_class(word):
    return f"attribute('class') = '{word}'"


def vector(name, kind, draw):
    layer = QgsVectorLayer(f"{kind}?crs=EPSG:32651", name, "memory")
    draw(layer)
    save(layer, name)


def save(layer, name):
    looks = QgsMapLayer.StyleCategory
    layer.saveNamedStyle(str(STYLES / f"{name}.qml"), looks.Symbology | looks.Labeling)


def patches(layer):
    colours = {"super-large": "#0b6e3b", "large": "#4c9a57", "medium": "#9cc27a", "small": "#d5dfa5"}
    rules(
        layer,
        *(
            (f"attribute('size_class') = '{word}'", word, fill(colour, "#3f5f47", "0.1"))
            for word, colour in colours.items()
        ),
        ("attribute('size_class') is null", "patch", fill("#9cc27a", "#3f5f47", "0.1")),
    )


def sources(layer):
    layer.setRenderer(QgsSingleSymbolRenderer(fill("#3c9a57", "#0b5134", "0.15")))
    labels(layer, "source_id", 10)


def corridors(layer):
    rules(
        layer,
        (is_class("general"), "general corridor", line("#8f7fb5", 0.35)),
        ("attribute('class') is null", "corridor", line("#8f7fb5", 0.35)),
        (is_class("important"), "important corridor", line("#c4322b", 0.9)),
    )


def breakpoints(layer):
    def dot(colour, size):
        return QgsMarkerSymbol.createSimple(
            {"name": "circle", "color": colour, "size": str(size), "outline_color": "#ffffff", "outline_width": "0.3"}
        )

    rules(
        layer,
        (is_class("general"), "breakpoint on general corridors", dot("#f0902f", 2.6)),
        ("attribute('class') is null", "breakpoint", dot("#f0902f", 2.6)),
        (is_class("important"), "breakpoint on an important corridor", dot("#b3122b", 3.6)),
    )


def fracture_surfaces(layer):
    symbol = fill("#7a1f2b", "#7a1f2b", "0.6", style="b_diagonal")
    layer.setRenderer(QgsSingleSymbolRenderer(symbol))
    labels(layer, "mine", 9, "#7a1f2b")


def links(layer):
    layer.setRenderer(QgsSingleSymbolRenderer(line("#5a86a8", 0.25)))


def firmness(layer):
    layer.setRenderer(
        QgsGraduatedSymbolRenderer(
            "stability",
            [
                QgsRendererRange(low, high, fill(colour, "#3f3f3f", "0.15"), f"{word} ({low:g} to {high:g})")
                for low, high, colour, word in FIRM
            ],
        )
    )
    labels(layer, "source_id", 10)


def mine_rings(layer):
    colours = ("#2f7d4f", "#a8cf78", "#fbeea4", "#ef9a4f", "#a8232f")
    layer.setRenderer(
        QgsGraduatedSymbolRenderer(
            "resistance",
            [
                QgsRendererRange(score - 0.5, score + 0.5, fill(colour, "#5f5f5f", "0.1"), f"resistance {score}")
                for score, colour in enumerate(colours, 1)
            ],
        )
    )


def candidate_patches(layer):
    layer.setRenderer(QgsSingleSymbolRenderer(fill("#e8c14a", "#8a6a10", "0.4", style="f_diagonal")))
    labels(layer, "rank", 10, "#6b4f00")


def candidate_links(layer):
    layer.setRenderer(QgsSingleSymbolRenderer(line("#b8860b", 0.6, "dash")))
    labels(layer, "rank", 9, "#6b4f00")


def importance_grid(layer):
    layer.setRenderer(
        QgsGraduatedSymbolRenderer(
            "class",
            [
                QgsRendererRange(code - 0.5, code + 0.5, fill(colour, "#8a8a80", "0.1"), label)
                for code, (colour, label) in IMPORTANCE.items()
            ],
        )
    )


def raster(name, renderer_of, folder):
    path = str(folder / "cell.tif")
    layer = QgsRasterLayer(path, name)
    layer.setRenderer(renderer_of(layer))
    save(layer, name)


def paletted(classes):
    def renderer(layer):
        entries = [
            QgsPalettedRasterRenderer.Class(code, QColor(colour), label) for code, (colour, label) in classes.items()
        ]
        return QgsPalettedRasterRenderer(layer.dataProvider(), 1, entries)

    return renderer


def continuous(colours):
    def renderer(layer):
        function = QgsColorRampShader(0.0, 1.0, ramp(colours), QgsColorRampShader.Type.Interpolated)
        function.setLabelPrecision(2)
        function.classifyColorRamp(5, 1, layer.extent(), layer.dataProvider())
        shader = QgsRasterShader(0.0, 1.0)
        shader.setRasterShaderFunction(function)
        result = QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader)
        result.setClassificationMin(0.0)
        result.setClassificationMax(1.0)
        return result

    return renderer


def main():
    import tempfile

    from osgeo import gdal

    application = QgsApplication([], False)
    application.initQgis()
    STYLES.mkdir(exist_ok=True)
    vector("patches", "MultiPolygon", patches)
    vector("sources", "MultiPolygon", sources)
    vector("corridors", "LineString", corridors)
    vector("breakpoints", "Point", breakpoints)
    vector("fracture_surfaces", "MultiPolygon", fracture_surfaces)
    vector("links", "LineString", links)
    vector("firmness", "MultiPolygon", firmness)
    vector("mine_rings", "MultiPolygon", mine_rings)
    vector("candidate_patches", "MultiPolygon", candidate_patches)
    vector("candidate_links", "LineString", candidate_links)
    vector("importance_grid", "Polygon", importance_grid)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        dataset = gdal.GetDriverByName("GTiff").Create(str(folder / "cell.tif"), 2, 2, 1, gdal.GDT_Float32)
        dataset.SetGeoTransform((500000, 30, 0, 4600000, 0, -30))
        dataset.SetProjection(QgsCoordinateReferenceSystem("EPSG:32651").toWkt())
        dataset = None
        raster("importance_classes", paletted(IMPORTANCE), folder)
        raster("land_cover", paletted(LAND_COVER), folder)
        raster("dominant_factor", paletted(DOMINANT), folder)
        for name, colours in RAMPS.items():
            raster(name, continuous(colours), folder)
    application.exitQgis()


main()

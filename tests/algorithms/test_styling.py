"""algorithms.styling: legends say what a layer holds, in numbers that can be read."""

import re

import numpy as np
import pytest
from osgeo import gdal
from qgis.core import QgsRasterLayer, QgsVectorLayer

from econet.algorithms import styling
from econet.algorithms.styling import STYLES

LINE, POINT, SQUARE = (
    "LINESTRING(500000 4600000,500100 4600000)",
    "POINT(500000 4600000)",
    ("POLYGON((500000 4600000,500060 4600000,500060 4600060,500000 4600060,500000 4600000))"),
)


@pytest.mark.parametrize(
    "style, shape, field, values, shown",
    [
        ("corridors", LINE, "corridor_id", [1, 2], ["corridor"]),
        ("corridors", LINE, "class", ["important", "general"], ["general corridor", "important corridor"]),
        ("corridors", LINE, "class", [None, None], ["corridor"]),
        ("corridors", LINE, "class", ["general", None], ["general corridor", "corridor", "important corridor"]),
        ("breakpoints", POINT, "class", [None], ["breakpoint"]),
        (
            "breakpoints",
            POINT,
            "class",
            ["general"],
            ["breakpoint on general corridors", "breakpoint on an important corridor"],
        ),
        ("patches", SQUARE, "size_class", ["small", "large"], ["super-large", "large", "medium", "small"]),
        ("patches", SQUARE, "patch_id", [1], ["patch"]),
    ],
)
def test_legends_of_layers_with_and_without_classes(provider, make, style, shape, field, values, shown):
    kind = int if field.endswith("_id") else str
    path = make.layer("layer", [(shape, {field: value}) for value in values], fields={field: kind})
    layer = QgsVectorLayer(path, "layer", "ogr")
    styling.apply(layer, style)
    assert [item.label() for item in layer.renderer().legendSymbolItems()] == shown
    for feature in layer.getFeatures():
        assert layer.renderer().rootRule().children()
        word = feature[field]
        rules = [
            rule
            for rule in layer.renderer().rootRule().children()
            if rule.filterExpression().endswith(f"= '{word}'" if isinstance(word, str) else "is null")
        ]
        assert len(rules) == 1


@pytest.mark.parametrize("top, decimals", [(123.456, 2), (0.05, 4)])
@pytest.mark.filterwarnings("error::DeprecationWarning")
def test_numbers_of_a_ramp_are_rounded(provider, make, top, decimals):
    values = np.linspace(top / 100, top, 100, dtype=np.float32).reshape(10, 10)
    layer = QgsRasterLayer(make.raster("carbon", np.repeat(np.repeat(values, 5, 0), 5, 1)), "carbon")
    styling.apply(layer, "carbon_storage")
    function = layer.renderer().shader().rasterShaderFunction()
    labels = [item.label for item in function.colorRampItemList()]
    assert all(re.fullmatch(rf"\d+\.\d{{{decimals}}}", label) for label in labels), labels
    assert function.legendSettings().numericFormat().numberDecimalPlaces() == decimals


def test_words_of_the_classes_in_legends():
    page = (STYLES / "importance_classes.qml").read_text(encoding="utf-8")
    assert 'label="least important"' in page and "very not" not in page


@pytest.mark.parametrize("added, shown", [((), 10), (("bird_roads",), 11), (("a", "b", "c", "塌陷"), 14)])
def test_added_factors_go_by_their_names_and_others_are_not_in_the_legend(provider, make, added, shown):
    path = make.raster("dominant", np.arange(16, dtype=np.uint8).reshape(4, 4) % shown, nodata=255)
    dataset = gdal.Open(path, gdal.GA_Update)
    dataset.GetRasterBand(1).SetCategoryNames([f"factor {code}" for code in range(10)] + list(added))
    dataset = None
    layer = QgsRasterLayer(path, "dominant")
    styling.apply(layer, "dominant_factor")
    labels = [item.label for item in layer.renderer().classes()]
    assert len(labels) == shown and labels[1] == "slope" and tuple(labels[10:]) == added

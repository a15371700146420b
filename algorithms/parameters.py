"""Short builders for the parameters that many algorithms share."""

from qgis.core import (
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingParameterVectorLayer,
)

from ..core.land_cover_products import PRODUCTS
from .compat import SOURCE
from .parameter_values import EMPTY

POLYGON, LINE, POINT, ANY, TABLE = (
    SOURCE.TypeVectorPolygon,
    SOURCE.TypeVectorLine,
    SOURCE.TypeVectorPoint,
    SOURCE.TypeVectorAnyGeometry,
    SOURCE.TypeVector,
)

PRESETS = ["Recommended", "As published", "As InVEST 3.20"]
AS_PRESET = "as PRESET"


def raster(key, text, optional=False):
    return QgsProcessingParameterRasterLayer(key, text, optional=optional)


def rasters(key, text, optional=False):
    return QgsProcessingParameterMultipleLayers(key, text, SOURCE.TypeRaster, optional=optional)


def layers(key, text, optional=False):
    """Several map layers, raster or vector."""
    return QgsProcessingParameterMultipleLayers(key, text, SOURCE.TypeMapLayer, optional=optional)


def map_layer(key, text, optional=False):
    """One layer, raster or vector with any geometry."""
    kinds = [SOURCE.TypeRaster, SOURCE.TypeVectorPoint, SOURCE.TypeVectorLine, SOURCE.TypeVectorPolygon]
    return QgsProcessingParameterMapLayer(key, text, None, optional, kinds)


def vector(key, text, kinds, optional=False):
    kinds = kinds if isinstance(kinds, (list, tuple)) else [kinds]
    return QgsProcessingParameterFeatureSource(key, text, list(kinds), optional=optional)


def table(key, text, optional=True, when_empty="shipped"):
    """A rule table: a CSV, a table layer or a child's table output; empty is the shipped default.

    ``when_empty``: what reports say of an empty one, where it is not the shipped table that counts.
    """
    parameter = QgsProcessingParameterVectorLayer(key, text, [TABLE], optional=optional)
    parameter.setMetadata({EMPTY: when_empty})
    return parameter


def tables(key, text, optional=False):
    """Several tables: CSV files or table layers."""
    return QgsProcessingParameterMultipleLayers(key, text, TABLE, optional=optional)


def field(key, text, parent, optional=True, default=None):
    return QgsProcessingParameterField(key, text, default, parent, optional=optional)


def number(key, text, default=None, minimum=None, maximum=None, optional=False):
    return _number(QgsProcessingParameterNumber.Type.Double, key, text, default, minimum, maximum, optional)


def integer(key, text, default=None, minimum=None, maximum=None, optional=False):
    return _number(QgsProcessingParameterNumber.Type.Integer, key, text, default, minimum, maximum, optional)


def _number(kind, key, text, default, minimum, maximum, optional):
    parameter = QgsProcessingParameterNumber(key, text, kind, default, optional)
    if minimum is not None:
        parameter.setMinimum(minimum)
    if maximum is not None:
        parameter.setMaximum(maximum)
    return parameter


def choice(key, text, options, default=0, optional=False):
    return QgsProcessingParameterEnum(key, text, options, defaultValue=default, optional=optional)


def option(key, text, kind, default=0, as_preset=False, optional=False):
    """A choice among the members of an `Option`, in their saved order.

    ``as_preset``: PRESET governs it; the first entry, and default, is ``as PRESET`` (see ``job.preset_option``).
    """
    labels = [member.label for member in kind.saved_order()]
    return choice(key, text, [AS_PRESET, *labels] if as_preset else labels, default, optional)


def options(key, text, kind, default, optional=False):
    """Several members of an `Option`; ``default``: the members chosen at first."""
    order = kind.saved_order()
    return choices(key, text, [member.label for member in order], [order.index(each) for each in default], optional)


def choices(key, text, options, default, optional=False):
    """Several entries; none by default is [], since QGIS takes a default of None as the first entry."""
    return QgsProcessingParameterEnum(key, text, options, allowMultiple=True, defaultValue=default, optional=optional)


def preset():
    return choice("PRESET", "Preset of conventions", PRESETS)


def preset_choice(key, text, options):
    """A convention that PRESET governs: its first entry, and default, is ``as PRESET``."""
    return choice(key, text, [AS_PRESET, *options])


def land_cover_product():
    """Whose codes the shipped tables are keyed for; it says nothing about tables that the planner gives.

    Optional: a model saved before the parameter was there would no longer validate.
    """
    parameter = advanced(
        choice("LAND_COVER_PRODUCT", "Land-cover product that the shipped tables are keyed for", list(PRODUCTS))
    )
    parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagOptional)
    return parameter


def flag(key, text, default=False):
    return QgsProcessingParameterBoolean(key, text, default)


def text(key, label, default="", optional=True):
    return QgsProcessingParameterString(key, label, default, optional=optional)


def advanced(parameter):
    parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    return parameter


def mine_parameters(optional=False, needed=("mineral", "method", "state"), feature=True):
    """MINES and its fields; those not in ``needed`` are advanced."""
    result = [vector("MINES", "Mines", POLYGON, optional)]
    for attribute, label in (
        ("name", "name"),
        ("mineral", "mineral (metal, coal, building material)"),
        ("method", "method (underground, open pit)"),
        ("state", "state (producing, abandoned, restored)"),
        ("feature", "feature (pit, dump, subsidence, plant)"),
    ):
        if attribute == "feature" and not feature:
            continue
        parameter = field(f"{attribute.upper()}_FIELD", f"Mines: field of the {label}", "MINES", default=attribute)
        result.append(parameter if attribute in needed or attribute == "name" else advanced(parameter))
    result.append(advanced(table("MINE_WORDS", "Mines: table of words (attribute, word, meaning)")))
    return result


def raster_output(key, text, optional=False, by_default=None):
    """An optional one is not made unless asked for, or made ``by_default`` and can be left out."""
    return QgsProcessingParameterRasterDestination(
        key, text, optional=optional, createByDefault=not optional if by_default is None else by_default
    )


def vector_output(key, text, kind, optional=False):
    return QgsProcessingParameterFeatureSink(key, text, kind, optional=optional, createByDefault=not optional)


def report_output(key, text, optional=True, by_default=True):
    """A report is made unless left out: it is where a planner reads what a step found."""
    return QgsProcessingParameterFileDestination(
        key, text, "HTML files (*.html)", optional=optional, createByDefault=by_default
    )


def folder_output(key, text):
    return QgsProcessingParameterFolderDestination(key, text, optional=True, createByDefault=False)


def number_output(key, text):
    return QgsProcessingOutputNumber(key, text)


def text_output(key, text):
    return QgsProcessingOutputString(key, text)

"""Short builders for the parameters that many algorithms share.

Each takes the parameter's key and its label in the dialog, and gives QGIS's definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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

from ..core.land_cover_products import LandCoverProduct
from ..core.options import Option
from ..core.presets import Preset
from .compat import SOURCE
from .parameter_values import EMPTY, SHIPPED

POLYGON, LINE, POINT, ANY, TABLE = (
    SOURCE.TypeVectorPolygon,
    SOURCE.TypeVectorLine,
    SOURCE.TypeVectorPoint,
    SOURCE.TypeVectorAnyGeometry,
    SOURCE.TypeVector,
)

AS_PRESET = "as PRESET"


# layers and tables -----------------------------------------------------------------------------------


def raster(key: str, label: str, *, optional: bool = False) -> QgsProcessingParameterRasterLayer:
    """One raster."""
    return QgsProcessingParameterRasterLayer(key, label, optional=optional)


def rasters(key: str, label: str, *, optional: bool = False) -> QgsProcessingParameterMultipleLayers:
    """Several rasters."""
    return QgsProcessingParameterMultipleLayers(key, label, SOURCE.TypeRaster, optional=optional)


def layers(key: str, label: str, *, optional: bool = False) -> QgsProcessingParameterMultipleLayers:
    """Several map layers, raster or vector."""
    return QgsProcessingParameterMultipleLayers(key, label, SOURCE.TypeMapLayer, optional=optional)


def map_layer(key: str, label: str, *, optional: bool = False) -> QgsProcessingParameterMapLayer:
    """One layer, raster or vector with any geometry."""
    kinds = [SOURCE.TypeRaster, SOURCE.TypeVectorPoint, SOURCE.TypeVectorLine, SOURCE.TypeVectorPolygon]
    return QgsProcessingParameterMapLayer(key, label, None, optional, kinds)


def vector(key: str, label: str, kinds: Any, *, optional: bool = False) -> QgsProcessingParameterFeatureSource:
    """One vector layer; ``kinds``: one or several of POLYGON, LINE, POINT, ANY."""
    kinds = kinds if isinstance(kinds, (list, tuple)) else [kinds]
    return QgsProcessingParameterFeatureSource(key, label, list(kinds), optional=optional)


def table(
    key: str, label: str, *, optional: bool = True, when_empty: str = SHIPPED
) -> QgsProcessingParameterVectorLayer:
    """A rule table: a CSV, a table layer or a child's table output; empty is the shipped default.

    ``when_empty``: what reports say of an empty one, where it is not the shipped table that counts.
    """
    parameter = QgsProcessingParameterVectorLayer(key, label, [TABLE], optional=optional)
    if when_empty != SHIPPED:  # saved models hold what is set
        parameter.setMetadata({EMPTY: when_empty})
    return parameter


def tables(key: str, label: str, *, optional: bool = False) -> QgsProcessingParameterMultipleLayers:
    """Several tables: CSV files or table layers."""
    return QgsProcessingParameterMultipleLayers(key, label, TABLE, optional=optional)


def field(
    key: str, label: str, parent: str, *, optional: bool = True, default: str | None = None
) -> QgsProcessingParameterField:
    """A field of the layer whose key is ``parent``."""
    return QgsProcessingParameterField(key, label, default, parent, optional=optional)


# numbers, choices, texts -----------------------------------------------------------------------------


def number(
    key: str,
    label: str,
    *,
    default: float | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    optional: bool = False,
) -> QgsProcessingParameterNumber:
    """A number in a closed range."""
    kind = QgsProcessingParameterNumber.Type.Double
    return _within(QgsProcessingParameterNumber(key, label, kind, default, optional), minimum, maximum)


def integer(
    key: str,
    label: str,
    *,
    default: int | None = None,
    minimum: int | None = None,
    maximum: int | None = None,
    optional: bool = False,
) -> QgsProcessingParameterNumber:
    """A whole number in a closed range."""
    kind = QgsProcessingParameterNumber.Type.Integer
    return _within(QgsProcessingParameterNumber(key, label, kind, default, optional), minimum, maximum)


def _within(
    parameter: QgsProcessingParameterNumber, minimum: float | None, maximum: float | None
) -> QgsProcessingParameterNumber:
    if minimum is not None:
        parameter.setMinimum(minimum)
    if maximum is not None:
        parameter.setMaximum(maximum)
    return parameter


def option(
    key: str, label: str, kind: type[Option], *, default: int = 0, as_preset: bool = False, optional: bool = False
) -> QgsProcessingParameterEnum:
    """A choice among the members of an `Option`, in their saved order.

    ``as_preset``: PRESET governs it; the first entry, and default, is ``as PRESET`` (see ``job.preset_option``).
    """
    labels = [member.label for member in kind.saved_order()]
    return choice(key, label, [AS_PRESET, *labels] if as_preset else labels, default=default, optional=optional)


def options(
    key: str, label: str, kind: type[Option], *, default: Sequence[Option], optional: bool = False
) -> QgsProcessingParameterEnum:
    """Several members of an `Option`; ``default``: the members chosen at first."""
    order = kind.saved_order()
    return choices(
        key,
        label,
        [member.label for member in order],
        default=[order.index(each) for each in default],
        optional=optional,
    )


def choice(
    key: str, label: str, options: Sequence[str], *, default: int = 0, optional: bool = False
) -> QgsProcessingParameterEnum:
    """A choice among texts."""
    return QgsProcessingParameterEnum(key, label, options, defaultValue=default, optional=optional)


def choices(
    key: str, label: str, options: Sequence[str], *, default: list[int], optional: bool = False
) -> QgsProcessingParameterEnum:
    """Several entries; none by default is [], since QGIS takes a default of None as the first entry."""
    return QgsProcessingParameterEnum(key, label, options, allowMultiple=True, defaultValue=default, optional=optional)


def preset() -> QgsProcessingParameterEnum:
    """The `Preset` of a service's conventions, for ``job.option("PRESET", Preset)``."""
    return option("PRESET", "Preset of conventions", Preset)


def land_cover_product() -> QgsProcessingParameterEnum:
    """Whose codes the shipped tables are keyed for; it says nothing about tables that the planner gives.

    Optional: a model saved before the parameter was there would no longer validate.
    """
    return advanced(
        option(
            "LAND_COVER_PRODUCT",
            "Land-cover product that the shipped tables are keyed for",
            LandCoverProduct,
            optional=True,
        )
    )


def flag(key: str, label: str, *, default: bool = False) -> QgsProcessingParameterBoolean:
    """A box to tick."""
    return QgsProcessingParameterBoolean(key, label, default)


def text(key: str, label: str, *, default: str = "", optional: bool = True) -> QgsProcessingParameterString:
    """A text."""
    return QgsProcessingParameterString(key, label, default, optional=optional)


def advanced(parameter: Any) -> Any:
    """The same parameter, in the dialog's part that is closed at first."""
    parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.Flag.FlagAdvanced)
    return parameter


def mine_parameters(
    *, optional: bool = False, needed: Sequence[str] = ("mineral", "method", "state"), feature: bool = True
) -> list[Any]:
    """MINES and its fields; those not in ``needed`` are advanced."""
    result: list[Any] = [vector("MINES", "Mines", POLYGON, optional=optional)]
    for attribute, description in (
        ("name", "name"),
        ("mineral", "mineral (metal, coal, building material)"),
        ("method", "method (underground, open pit)"),
        ("state", "state (producing, abandoned, restored)"),
        ("feature", "feature (pit, dump, subsidence, plant)"),
    ):
        if attribute == "feature" and not feature:
            continue
        label = f"Mines: field of the {description}"
        parameter = field(f"{attribute.upper()}_FIELD", label, "MINES", default=attribute)
        result.append(parameter if attribute in needed or attribute == "name" else advanced(parameter))
    result.append(advanced(table("MINE_WORDS", "Mines: table of words (attribute, word, meaning)")))
    return result


# outputs ---------------------------------------------------------------------------------------------


def raster_output(
    key: str, label: str, *, optional: bool = False, by_default: bool | None = None
) -> QgsProcessingParameterRasterDestination:
    """A raster; an optional one is not made unless asked for, or made ``by_default`` and can be left out."""
    made = not optional if by_default is None else by_default
    return QgsProcessingParameterRasterDestination(key, label, optional=optional, createByDefault=made)


def vector_output(key: str, label: str, kind: Any, *, optional: bool = False) -> QgsProcessingParameterFeatureSink:
    """A vector layer; an optional one is not made unless asked for."""
    return QgsProcessingParameterFeatureSink(key, label, kind, optional=optional, createByDefault=not optional)


def report_output(
    key: str, label: str, *, optional: bool = True, by_default: bool = True
) -> QgsProcessingParameterFileDestination:
    """A report; it is made unless left out, since it is where a planner reads what a step found."""
    return QgsProcessingParameterFileDestination(
        key, label, "HTML files (*.html)", optional=optional, createByDefault=by_default
    )


def folder_output(key: str, label: str) -> QgsProcessingParameterFolderDestination:
    """A folder; it is not made unless asked for."""
    return QgsProcessingParameterFolderDestination(key, label, optional=True, createByDefault=False)


def number_output(key: str, label: str) -> QgsProcessingOutputNumber:
    """A number that models can use."""
    return QgsProcessingOutputNumber(key, label)


def text_output(key: str, label: str) -> QgsProcessingOutputString:
    """A text that models can use."""
    return QgsProcessingOutputString(key, label)

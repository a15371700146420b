"""Everything that differs between QGIS 3.22 and 4.x, in one place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from qgis.core import (
    Qgis,
    QgsCoordinateReferenceSystem,
    QgsField,
    QgsFields,
    QgsProcessing,
    QgsProcessingFeatureSource,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import Qt

from ..core.schemas import Field

SOURCE = QgsProcessing.SourceType
GEOMETRY = QgsWkbTypes.Type

try:
    WKT = Qgis.CrsWktVariant.Preferred
except AttributeError:
    WKT = QgsCoordinateReferenceSystem.WktVariant.WKT_PREFERRED

try:
    SKIP_GEOMETRY_CHECKS = Qgis.ProcessingFeatureSourceFlag.SkipGeometryValidityChecks
except AttributeError:
    SKIP_GEOMETRY_CHECKS = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks


def _field_types() -> dict[type, Any]:
    if Qgis.QGIS_VERSION_INT >= 33800:
        from qgis.PyQt.QtCore import QMetaType

        kinds = QMetaType.Type
        return {int: kinds.LongLong, float: kinds.Double, str: kinds.QString, bool: kinds.Bool}
    from qgis.PyQt.QtCore import QVariant

    return {int: QVariant.LongLong, float: QVariant.Double, str: QVariant.String, bool: QVariant.Bool}


def qgs_fields(schema: Iterable[Field]) -> QgsFields:
    """QgsFields from a sequence of ``schemas.Field``."""
    types = _field_types()
    result = QgsFields()
    for field in schema:
        result.append(QgsField(field.name, types[field.kind]))
    return result


def number(enum: Any) -> int:
    """The number of an enum's member, which QGIS 3.22 gives as it is and QGIS 4 as an object."""
    return int(getattr(enum, "value", enum))


_KINDS = {
    number(SOURCE.TypeVectorPoint): "Point",
    number(SOURCE.TypeVectorLine): "Line",
    number(SOURCE.TypeVectorPolygon): "Polygon",
}


def geometry_kinds(definition: Any) -> list[str]:
    """The kinds of geometry that a vector parameter takes (Point, Line, Polygon); empty: any."""
    kinds = [_KINDS.get(number(kind), "") for kind in definition.dataTypes()]
    return kinds if all(kinds) else []


def geometry_kind(source: Any) -> str:
    """The kind of a layer's geometry: Point, Line, Polygon, Unknown geometry or No geometry."""
    return str(QgsWkbTypes.geometryDisplayString(QgsWkbTypes.geometryType(source.wkbType())))


def is_collection(source: Any) -> bool:
    """Whether a layer's type is a collection of several kinds of geometry."""
    return bool(QgsWkbTypes.flatType(source.wkbType()) == QgsWkbTypes.Type.GeometryCollection)


def is_raster_list(definition: Any) -> bool:
    """Whether a parameter with several layers takes rasters alone."""
    return number(definition.layerType()) == number(SOURCE.TypeRaster)


def is_table_list(definition: Any) -> bool:
    """Whether a parameter with several layers takes tables."""
    return number(definition.layerType()) == number(SOURCE.TypeVector)


def date_text(value: Any) -> str:
    """A Qt date or time as ISO 8601 text."""
    return str(value.toString(Qt.DateFormat.ISODate))

"""Everything that differs between QGIS 3.22 and 4.x, in one place."""

from qgis.core import (Qgis, QgsCoordinateReferenceSystem, QgsField, QgsFields, QgsProcessing,
                       QgsProcessingFeatureSource, QgsWkbTypes)

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


def _field_types():
    if Qgis.QGIS_VERSION_INT >= 33800:
        from qgis.PyQt.QtCore import QMetaType
        kinds = QMetaType.Type
        return {int: kinds.Int, float: kinds.Double, str: kinds.QString, bool: kinds.Bool}
    from qgis.PyQt.QtCore import QVariant
    return {int: QVariant.Int, float: QVariant.Double, str: QVariant.String, bool: QVariant.Bool}


def qgs_fields(schema):
    """QgsFields from a sequence of ``fields.Field``."""
    types = _field_types()
    result = QgsFields()
    for field in schema:
        result.append(QgsField(field.name, types[field.kind]))
    return result

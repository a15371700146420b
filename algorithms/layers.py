"""Vector layers of QGIS as core's `LayerSource`: outline at once, features when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from osgeo import ogr
from qgis.core import NULL, QgsFeatureRequest, QgsProcessingFeatureSource, QgsWkbTypes

from ..core.crs import Crs
from ..core.errors import InputError
from ..core.geometry.layers import Layer
from ..core.geometry.polygons import plain_geometry
from ..core.mines import Mine, MineFields, check_layer, read_mines
from ..core.progress import SILENT, Progress
from ..core.schemas import Field
from ..core.tables import RawTable
from . import compat

MINE_ATTRIBUTES = ("mineral", "method", "state")


class QgisLayer:
    """A vector layer that a step was given; its features are fetched once, when they are asked for.

    Parameters
    ----------
    source : QgsProcessingFeatureSource
    name : str
        The layer's name, for messages.
    selected : bool
        Whether only the selected features count.

    Attributes
    ----------
    crs : Crs
    field_names : list of str
    """

    def __init__(self, source: QgsProcessingFeatureSource, name: str, *, selected: bool = False) -> None:
        self.name = name
        self.crs = crs_of(source.sourceCrs())
        self.field_names: list[str] = source.fields().names()
        self.source = source
        self._selected = selected
        self._outline: Layer | None = None
        self._layer: Layer | None = None

    @property
    def wkb_type(self) -> Any:
        """The layer's type of geometry, a ``QgsWkbTypes.Type``."""
        return self.source.wkbType()

    @property
    def line_type(self) -> Any:
        """The type of its lines without heights and curves; of several parts where the layer does not say."""
        kind = QgsWkbTypes.linearType(QgsWkbTypes.flatType(self.wkb_type))
        return kind if kind != compat.GEOMETRY.Unknown else compat.GEOMETRY.MultiLineString

    @property
    def geometry_kind(self) -> str:
        """Point, Line, Polygon, Unknown geometry or No geometry."""
        return compat.geometry_kind(self.source)

    @property
    def count(self) -> int:
        """The number of features, also of those without a shape."""
        return int(self.source.featureCount())

    @property
    def outline(self) -> Layer:
        """The layer with its extent as the only feature, without attributes."""
        if self._outline is None:
            result = Layer(self.name, self.crs, field_names=self.field_names)
            extent = self.source.sourceExtent()
            if self.count and not extent.isNull():
                result.geometries.append(ogr.CreateGeometryFromWkt(extent.asWktPolygon()))
                result.attributes.append({})
            self._outline = result
        return self._outline

    def read(self, progress: Progress = SILENT) -> Layer:
        """All features that have a shape; the selected ones only, if the planner asked so."""
        if self._layer is None:
            self._layer = self._fetched(progress)
        return self._layer

    def _fetched(self, progress: Progress) -> Layer:
        result = Layer(self.name, self.crs, field_names=self.field_names)
        features = opened = self.source.getFeatures(QgsFeatureRequest(), compat.SKIP_GEOMETRY_CHECKS)
        if self._selected:  # QGIS gives a selection in another order each time
            features = sorted(opened, key=lambda feature: feature.id())
        try:
            _add_features(result, features, progress)
        finally:
            opened.close()  # QGIS waits for ever once a file has four that are left open
        return result

    def schema(self, progress: Progress = SILENT) -> tuple[Field, ...]:
        """The layer's fields, to be carried over to an output."""
        result = []
        for field in self.source.fields():
            if field.typeName().lower() in ("binary", "blob", "bytea"):
                progress.log(
                    f"Field '{field.name()}' of layer '{self.source.sourceName()}' holds binary data and is "
                    f"not carried over."
                )
            elif field.name().lower() != "fid":
                result.append(Field(field.name(), _python_type(field)))
        return tuple(result)

    def own_name(self, field_name: str) -> str:
        """What the layer calls a field, whatever its case; empty where it has none."""
        return self.outline.own_name(field_name)

    def require_one_kind(self) -> None:
        """Refuse geometry collections; QGIS 3.22 drops their CRS, and the refusal would be about that."""
        if compat.is_collection(self.source):
            raise InputError(
                f"Layer '{self.source.sourceName()}' holds geometry collections, and points, lines or polygons are "
                f"needed: take out the kind that you want with 'Extract by geometry type' or 'Promote to "
                f"multipart', and use that.",
                layer=self.name,
            )


class MineLayer:
    """The mines that a step was given: their layer, its fields and the planner's words.

    Parameters
    ----------
    layer : QgisLayer
    fields : mapping of str to (str, str)
        Attribute of a mine (name, mineral, method, state, feature) to the layer's field of it, empty where it has
        none, and to the field to name as missing where the attribute is needed.
    words : tables.RawTable, optional
        As for `mines.read_mines`.
    """

    def __init__(self, layer: QgisLayer, fields: Mapping[str, tuple[str, str]], words: RawTable | None) -> None:
        self.layer = layer
        self._fields = fields
        self._words = words

    @property
    def name(self) -> str:
        """The layer's name, for messages."""
        return self.layer.name

    @property
    def outline(self) -> Layer:
        """The layer with its extent as the only feature."""
        return self.layer.outline

    def check(self, needed: Sequence[str] = MINE_ATTRIBUTES) -> None:
        """Refuse a layer that is empty or lacks a field of what is needed; no values are read."""
        check_layer(self.outline, fields=self._mine_fields(needed), needed=needed)

    def read(
        self, crs: Crs | str, progress: Progress = SILENT, *, needed: Sequence[str] = MINE_ATTRIBUTES
    ) -> list[Mine]:
        """The mines in a CRS, in metres."""
        return read_mines(
            self.layer.read(progress),
            crs,
            fields=self._mine_fields(needed),
            needed=needed,
            words=self._words,
            progress=progress,
        )

    def _mine_fields(self, needed: Sequence[str]) -> MineFields:
        return MineFields(
            **{
                attribute: own or (missing if attribute in needed else "")
                for attribute, (own, missing) in self._fields.items()
            }
        )


def crs_of(crs: Any) -> Crs:
    """A ``QgsCoordinateReferenceSystem`` as core's Crs."""
    return Crs(crs.toWkt(compat.WKT) if crs.isValid() else "")


def plain_value(value: Any) -> Any:
    """A QGIS attribute as a Python value; NULL is None."""
    if value is None or value == NULL:
        return None
    if hasattr(value, "toString") and not isinstance(value, str):
        return compat.date_text(value)
    return value


def _add_features(layer: Layer, features: Iterable[Any], progress: Progress) -> None:
    without = 0
    for feature in features:
        progress.check()
        geometry = feature.geometry()
        if geometry.isNull() or geometry.isEmpty():
            without += 1
            continue
        shape = ogr.CreateGeometryFromWkb(bytes(geometry.asWkb()))
        layer.geometries.append(plain_geometry(shape))
        layer.attributes.append(
            {name: plain_value(value) for name, value in zip(layer.field_names, feature.attributes())}
        )
    if without:
        progress.log(
            f"{without} feature(s) of layer '{layer.name}' have no shape: they count for nothing, and "
            f"features are numbered without them."
        )


def _python_type(field: Any) -> type:
    """The type of a ``QgsField``'s values: int, float, bool or str."""
    name = field.typeName().lower()
    if "bool" in name:
        return bool
    if name in ("int", "integer"):
        return int
    if name == "double":
        return float
    if field.isNumeric():
        return int if "int" in name else float
    return str

"""Vector layers in and out: geometries with their attributes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from osgeo import gdal, ogr

from ..arrays import Floats, Ints
from ..crs import Crs, require_known
from ..errors import InputError
from ..gdal_session import gdal_exceptions, gdal_says, gdal_silent
from ..grid.grid import Bounds
from ..grid.reading import extent_text
from ..outputs import require_writable
from ..progress import SILENT, Progress
from .polygons import plain_geometry, repaired_polygons


@dataclass
class Layer:
    """A layer in memory.

    Parameters
    ----------
    name : str
        The layer's name, for messages.
    crs : Crs
        A text becomes one.
    geometries : list of ogr.Geometry
        One per feature; empty ones are left out when a layer is read.
    attributes : list of dict
        One per feature, field name to value (None for NULL).
    field_names : list of str
        All fields, in the layer's order.
    """

    name: str
    crs: Crs
    geometries: list[ogr.Geometry] = field(default_factory=list)
    attributes: list[dict[str, Any]] = field(default_factory=list)
    field_names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.crs = Crs.of(self.crs)

    def __len__(self) -> int:
        return len(self.geometries)

    def require_some(self, what: str = "feature") -> None:
        """Refuse an empty layer."""
        if not self.geometries:
            raise InputError(
                f"Layer '{self.name}' is empty: choose a layer with at least one {what} "
                f"(mind the selection and the filter).",
                layer=self.name,
            )

    def require_field(self, field_name: str, purpose: str) -> None:
        """Refuse a layer without a field."""
        if field_name not in self.field_names:
            have = ", ".join(self.field_names) or "none"
            raise InputError(
                f"Layer '{self.name}' has no field '{field_name}' ({purpose}): choose one "
                f"of its fields ({have}) or add it.",
                layer=self.name,
            )

    def own_name(self, field_name: str) -> str:
        """What the layer calls a field, whatever its case; empty where it has none."""
        if field_name in self.field_names:
            return field_name
        return next((own for own in self.field_names if own.lower() == field_name.lower()), "")

    def with_fields(self, *field_names: str) -> Layer:
        """The layer with fields also under these names that it has in another case, as ``CORRIDOR_ID``."""
        own = {name: self.own_name(name) for name in field_names if name not in self.field_names}
        own = {name: other for name, other in own.items() if other}
        if not own:
            return self
        attributes = [{**row, **{name: row.get(other) for name, other in own.items()}} for row in self.attributes]
        return replace(self, attributes=attributes, field_names=[*self.field_names, *own])

    def values(self, field_name: str) -> list[Any]:
        """The values of a field, None for NULL and where a feature lacks it."""
        return [attributes.get(field_name) for attributes in self.attributes]

    def part(self, features: Sequence[int] | Ints) -> Layer:
        """The layer of some features, by their places in this one."""
        return replace(
            self,
            geometries=[self.geometries[index] for index in features],
            attributes=[self.attributes[index] for index in features],
        )

    def numbers(self, field_name: str, purpose: str, *, minimum: float | None = None) -> Floats:
        """A float64 array of a field; a NULL or a text is refused with the feature's number."""
        self.require_field(field_name, purpose)
        numbers = np.empty(len(self), dtype=np.float64)
        for index, value in enumerate(self.values(field_name)):
            try:
                numbers[index] = float(value)
            except (TypeError, ValueError):
                numbers[index] = np.nan
            if not np.isfinite(numbers[index]) or (minimum is not None and numbers[index] < minimum):
                limit = "" if minimum is None else f" of at least {minimum:g}"
                raise InputError(
                    f"Layer '{self.name}', field '{field_name}', feature {index + 1}: "
                    f"'{'NULL' if value is None else value}' is not a number{limit} "
                    f"({purpose}); correct the value.",
                    layer=self.name,
                    feature=index + 1,
                    value=value,
                )
        return numbers

    def to_crs(self, crs: Crs | str, progress: Progress = SILENT) -> Layer:
        """The layer in another CRS; itself when both mean the same."""
        target = Crs.of(crs)
        require_known(self.crs, self.name)
        if self.crs.same_as(target):
            return self
        progress.log(f"Layer '{self.name}' was reprojected from {self.crs.name} to {target.name}.")
        change = self.crs.to(target, layer=self.name)
        geometries = []
        with gdal_exceptions():
            for index, geometry in enumerate(self.geometries):
                geometry = geometry.Clone()
                try:
                    geometry.Transform(change)
                except RuntimeError as error:
                    raise InputError(
                        f"Feature {index + 1} of layer '{self.name}' cannot be reprojected "
                        f"({error}): correct the layer's CRS, {self.crs.name}.",
                        layer=self.name,
                        feature=index + 1,
                    ) from None
                geometries.append(geometry)
        return Layer(self.name, target, geometries, self.attributes, self.field_names)

    def to_crs_near(
        self, crs: Crs | str, bounds: Bounds, *, other: str, reach_m: float = 0.0, progress: Progress = SILENT
    ) -> Layer:
        """The layer in another CRS; refused where its extent lies further than a reach from a box there.

        Parameters
        ----------
        crs : Crs
            In metres.
        bounds : (west, south, east, north)
            The box, in that CRS.
        other : str
            Name of the layer that the box belongs to, for the message.
        reach_m : float
            0: the extent must meet the box.
        progress : Progress
        """
        moved = self.to_crs(crs, progress)
        require_near(moved.geometries, bounds, name=self.name, crs=self.crs, other=other, reach_m=reach_m)
        return moved

    def valid_polygons(self, progress: Progress = SILENT) -> Layer:
        """The layer with self-crossing polygons repaired; the log says how many.

        Parts that overlap become one; an outline without area becomes an empty polygon.
        """
        repaired, without_area, geometries = 0, [], []
        with gdal_exceptions():
            for index, geometry in enumerate(self.geometries):
                if not geometry.IsValid():
                    geometry = repaired_polygons(geometry)
                    repaired += 1
                    if geometry.IsEmpty():
                        without_area.append(index + 1)
                geometries.append(geometry)
        if repaired:
            progress.warn(
                f"Layer '{self.name}': {repaired} self-crossing or otherwise invalid polygon(s) were repaired for "
                f"this run."
            )
        if without_area:
            progress.warn(
                f"Layer '{self.name}': feature(s) {', '.join(map(str, without_area))} enclose "
                f"no area and count for nothing."
            )
        return Layer(self.name, self.crs, geometries, self.attributes, self.field_names)


class LayerSource(Protocol):
    """A vector layer as the planner names it; its features are read once, when they are asked for.

    Attributes
    ----------
    name : str
        The layer's name, for messages.
    crs : Crs
    field_names : list of str
    """

    name: str
    crs: Crs
    field_names: list[str]

    @property
    def outline(self) -> Layer:
        """The layer with its extent as the only feature, without attributes: for checks before work starts."""

    @property
    def count(self) -> int:
        """The number of features, also of those without a shape; -1 where it is not known before they are read."""

    def read(self, progress: Progress = SILENT) -> Layer:
        """All features."""


def require_near(
    geometries: Sequence[ogr.Geometry], bounds: Bounds, *, name: str, crs: Crs, other: str, reach_m: float = 0.0
) -> None:
    """Refuse a layer whose extent lies further than a reach from a box; 0: does not meet it.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the CRS of the box.
    name, crs
        Of the layer as it was given, for the message.
    bounds, other, reach_m
        As for `Layer.to_crs_near`.
    """
    if not is_near(geometries, bounds, reach_m=reach_m):
        own, further = bounds_of(geometries), f", further than {reach_m:.0f} m" if reach_m else ""
        raise InputError(
            f"Layer '{name}' lies wholly away from '{other}'{further}: its "
            f"extent there is {extent_text(own)}, that of '{other}' is {extent_text(bounds)}; choose "
            f"the layer of this area, or correct its CRS ({crs.name}).",
            layer=name,
        )


def is_near(geometries: Sequence[ogr.Geometry], bounds: Bounds, *, reach_m: float) -> bool:
    """Whether the extent of some geometries lies no further than a reach from a box."""
    own = bounds_of(geometries)
    return (
        own[0] <= bounds[2] + reach_m
        and own[2] >= bounds[0] - reach_m
        and own[1] <= bounds[3] + reach_m
        and own[3] >= bounds[1] - reach_m
    )


def bounds_of(geometries: Sequence[ogr.Geometry]) -> Bounds:
    """``(west, south, east, north)`` of some geometries, of which one at least is not empty."""
    boxes = np.array([geometry.GetEnvelope() for geometry in geometries if not geometry.IsEmpty()])
    west, _, south, _ = boxes.min(axis=0).tolist()
    _, east, _, north = boxes.max(axis=0).tolist()
    return west, south, east, north


def read_layer(path: str, layer: str = "", *, name: str = "") -> Layer:
    """A vector layer from a file that OGR opens.

    Parameters
    ----------
    path : str
    layer : str
        Which layer of the file; empty: the first.
    name : str
        For messages; by default the layer's own.
    """
    with gdal_exceptions():
        try:
            dataset = gdal.OpenEx(path, gdal.OF_VECTOR)
            table = dataset.GetLayerByName(layer) if layer else dataset.GetLayer(0)
        except RuntimeError as error:
            raise InputError(
                f"Layer '{name or path}' cannot be opened ({gdal_says(error)}): check that it exists "
                f"and is a format that OGR reads."
            ) from None
        if table is None:
            raise InputError(f"'{path}' has no layer '{layer}': choose one that it has.")
        reference = table.GetSpatialRef()
        definition = table.GetLayerDefn()
        names = [definition.GetFieldDefn(i).GetName() for i in range(definition.GetFieldCount())]
        features = Layer(
            name or table.GetName(), Crs.of(reference.ExportToWkt() if reference else ""), field_names=names
        )
        for feature in table:
            geometry = feature.GetGeometryRef()
            if geometry is None or geometry.IsEmpty():
                continue
            features.geometries.append(plain_geometry(geometry.Clone()))
            features.attributes.append({n: feature.GetField(n) for n in names})
    return features


_OGR_TYPES = {int: ogr.OFTInteger64, float: ogr.OFTReal, str: ogr.OFTString, bool: ogr.OFTInteger}


def write_layer(layer: Layer, path: str, *, name: str, fields: Mapping[str, type], geometry_type: int) -> str:
    """Write a GeoPackage layer whole or not at all (a library's way; QGIS steps use sinks).

    Parameters
    ----------
    layer : Layer
    path : str
        Of the GeoPackage, which is replaced.
    name : str
        Of the layer in it.
    fields : dict
        Field name to Python type (int, float, str, bool).
    geometry_type : int
        ``ogr.wkbPolygon`` and so on.

    Returns
    -------
    str
        The path.
    """
    require_writable(path)
    folder, file_name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f".partial-{file_name}")
    if os.path.exists(partial):
        os.remove(partial)
    dataset = table = None
    try:
        with gdal_exceptions():
            dataset = ogr.GetDriverByName("GPKG").CreateDataSource(partial)
            table = dataset.CreateLayer(name, layer.crs.reference if layer.crs else None, geometry_type)
            for field_name, kind in fields.items():
                definition = ogr.FieldDefn(field_name, _OGR_TYPES[kind])
                if kind is bool:
                    definition.SetSubType(ogr.OFSTBoolean)
                table.CreateField(definition)
            table.StartTransaction()
            for geometry, attributes in zip(layer.geometries, layer.attributes):
                feature = ogr.Feature(table.GetLayerDefn())
                for field_name, kind in fields.items():
                    value = attributes.get(field_name)
                    if value is not None:
                        feature.SetField(field_name, int(value) if kind is bool else kind(value))
                feature.SetGeometry(geometry)
                table.CreateFeature(feature)
            table.CommitTransaction()
            table = dataset = None
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"Output '{path}' could not be written ({gdal_says(error)}): close the program that "
            f"holds it open, and check the free space and the rights of its folder."
        ) from None
    finally:
        with gdal_silent():
            table = dataset = None  # an open file cannot be removed under Windows
        if os.path.exists(partial):
            os.remove(partial)
    return path

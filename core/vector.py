"""Vector layers in and out: geometries and attributes together, cells to polygons and back."""

import os
from dataclasses import dataclass, field, replace

import numpy as np
from osgeo import gdal, ogr

from .crs import (
    crs_name,
    gdal_exceptions,
    gdal_says,
    gdal_silent,
    is_same_crs,
    require_known,
    spatial_reference,
    transformation,
)
from .errors import InputError
from .progress import SILENT
from .raster import Window, _extent_text, _memory_dataset, require_writable


@dataclass
class Features:
    """A layer in memory.

    Parameters
    ----------
    name : str
        The layer's name, for messages.
    crs : str
        WKT.
    geometries : list of ogr.Geometry
        One per feature; empty ones are left out when a layer is read.
    attributes : list of dict
        One per feature, field name to value (None for NULL).
    field_names : list of str
        All fields, in the layer's order.
    """

    name: str
    crs: str
    geometries: list = field(default_factory=list)
    attributes: list = field(default_factory=list)
    field_names: list = field(default_factory=list)

    def __len__(self):
        return len(self.geometries)

    def require_some(self, what="feature"):
        """Refuse an empty layer."""
        if not self.geometries:
            raise InputError(
                f"Layer '{self.name}' is empty: choose a layer with at least one {what} "
                f"(mind the selection and the filter)."
            )

    def require_field(self, field_name, purpose):
        """Refuse a layer without a field."""
        if field_name not in self.field_names:
            have = ", ".join(self.field_names) or "none"
            raise InputError(
                f"Layer '{self.name}' has no field '{field_name}' ({purpose}): choose one "
                f"of its fields ({have}) or add it."
            )

    def own_name(self, field_name):
        """What the layer calls a field, whatever its case; empty where it has none."""
        if field_name in self.field_names:
            return field_name
        return next((own for own in self.field_names if own.lower() == field_name.lower()), "")

    def with_fields(self, *field_names):
        """The layer with fields also under these names that it has in another case, as ``CORRIDOR_ID``."""
        own = {name: self.own_name(name) for name in field_names if name not in self.field_names}
        own = {name: other for name, other in own.items() if other}
        if not own:
            return self
        attributes = [{**row, **{name: row.get(other) for name, other in own.items()}} for row in self.attributes]
        return replace(self, attributes=attributes, field_names=[*self.field_names, *own])

    def values(self, field_name):
        return [attributes.get(field_name) for attributes in self.attributes]

    def numbers(self, field_name, purpose, minimum=None):
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
                    f"({purpose}); correct the value."
                )
        return numbers

    def to_crs(self, crs, progress=SILENT):
        """The layer in another CRS; itself when both mean the same."""
        require_known(self.crs, self.name)
        if is_same_crs(self.crs, crs):
            return self
        progress.log(f"Layer '{self.name}' was reprojected from {crs_name(self.crs)} to {crs_name(crs)}.")
        change = transformation(self.crs, crs, self.name)
        geometries = []
        with gdal_exceptions():
            for index, geometry in enumerate(self.geometries):
                geometry = geometry.Clone()
                try:
                    geometry.Transform(change)
                except RuntimeError as error:
                    raise InputError(
                        f"Feature {index + 1} of layer '{self.name}' cannot be reprojected "
                        f"({error}): correct the layer's CRS, {crs_name(self.crs)}."
                    ) from None
                geometries.append(geometry)
        return Features(self.name, crs, geometries, self.attributes, self.field_names)

    def to_crs_near(self, crs, bounds, reach_m, other, progress=SILENT):
        """The layer in another CRS; refused where its extent lies further than a reach from a box there.

        Parameters
        ----------
        crs : str
            WKT, in metres.
        bounds : (west, south, east, north)
            In that CRS.
        reach_m : float
        other : str
            Name of the layer that the box belongs to, for the message.
        """
        moved = self.to_crs(crs, progress)
        require_near(moved.geometries, self.name, self.crs, bounds, reach_m, other)
        return moved

    def valid_polygons(self, progress=SILENT):
        """The layer with self-crossing polygons mended; the log says how many.

        Parts that overlap become one; an outline without area becomes an empty polygon.
        """
        mended, without_area, geometries = 0, [], []
        with gdal_exceptions():
            for index, geometry in enumerate(self.geometries):
                if not geometry.IsValid():
                    geometry = _mended(geometry)
                    mended += 1
                    if geometry.IsEmpty():
                        without_area.append(index + 1)
                geometries.append(geometry)
        if mended:
            progress.warn(
                f"Layer '{self.name}': {mended} self-crossing or otherwise invalid polygon(s) were mended for this run."
            )
        if without_area:
            progress.warn(
                f"Layer '{self.name}': feature(s) {', '.join(map(str, without_area))} enclose "
                f"no area and count for nothing."
            )
        return Features(self.name, self.crs, geometries, self.attributes, self.field_names)


def require_near(geometries, name, crs, bounds, reach_m, other):
    """Refuse a layer whose extent lies further than a reach from a box; 0: does not meet it.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the CRS of the box.
    name, crs : str
        Of the layer as it was given, for the message.
    bounds, reach_m, other
        As for `Features.to_crs_near`.
    """
    if not is_near(geometries, bounds, reach_m):
        own, further = bounds_of(geometries), f", further than {reach_m:.0f} m" if reach_m else ""
        raise InputError(
            f"Layer '{name}' lies wholly away from '{other}'{further}: its "
            f"extent there is {_extent_text(own)}, that of '{other}' is {_extent_text(bounds)}; choose "
            f"the layer of this area, or correct its CRS ({crs_name(crs)})."
        )


def is_near(geometries, bounds, reach_m):
    """Whether the extent of some geometries lies no further than a reach from a box."""
    own = bounds_of(geometries)
    return (
        own[0] <= bounds[2] + reach_m
        and own[2] >= bounds[0] - reach_m
        and own[1] <= bounds[3] + reach_m
        and own[3] >= bounds[1] - reach_m
    )


def bounds_of(geometries):
    """``(west, south, east, north)`` of some geometries, of which one at least is not empty."""
    boxes = np.array([geometry.GetEnvelope() for geometry in geometries if not geometry.IsEmpty()])
    west, _, south, _ = boxes.min(axis=0).tolist()
    _, east, _, north = boxes.max(axis=0).tolist()
    return west, south, east, north


def _mended(geometry):
    """A valid polygon or multipolygon of what lies inside any part; lines and points fall away."""
    polygons = [part.MakeValid() for part in _parts(geometry)]
    result = ogr.Geometry(ogr.wkbMultiPolygon)
    for polygon in polygons:
        for part in _parts(polygon):
            result = result.Union(part)
    return result


def _parts(geometry):
    """The polygons of a polygon, multipolygon or collection."""
    if geometry.GetGeometryType() in (ogr.wkbPolygon, ogr.wkbPolygon25D):
        return [geometry.Clone()]
    return [
        part
        for index in range(geometry.GetGeometryCount())
        for part in _parts(geometry.GetGeometryRef(index))
        if ogr.GT_IsSubClassOf(ogr.GT_Flatten(geometry.GetGeometryType()), ogr.wkbGeometryCollection)
    ]


def read(path, layer=None, name=""):
    """A vector layer from a file that OGR opens."""
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
        features = Features(name or table.GetName(), reference.ExportToWkt() if reference else "", field_names=names)
        for feature in table:
            geometry = feature.GetGeometryRef()
            if geometry is None or geometry.IsEmpty():
                continue
            features.geometries.append(plain_geometry(geometry.Clone()))
            features.attributes.append({n: feature.GetField(n) for n in names})
    return features


def plain_geometry(geometry):
    """The geometry without curves and heights."""
    if geometry.HasCurveGeometry():
        geometry = geometry.GetLinearGeometry()
    geometry.FlattenTo2D()
    return geometry


_OGR_TYPES = {int: ogr.OFTInteger64, float: ogr.OFTReal, str: ogr.OFTString, bool: ogr.OFTInteger}


def write(features, path, layer, fields, geometry_type):
    """Write a GeoPackage layer whole or not at all (a library's way; QGIS steps use sinks).

    Parameters
    ----------
    fields : dict
        Field name to Python type (int, float, str, bool).
    geometry_type : int
        ``ogr.wkbPolygon`` and so on.
    """
    require_writable(path)
    folder, name = os.path.split(os.path.abspath(path))
    partial = os.path.join(folder, f".partial-{name}")
    if os.path.exists(partial):
        os.remove(partial)
    dataset = table = None
    try:
        with gdal_exceptions():
            dataset = ogr.GetDriverByName("GPKG").CreateDataSource(partial)
            table = dataset.CreateLayer(layer, spatial_reference(features.crs) if features.crs else None, geometry_type)
            for field_name, kind in fields.items():
                definition = ogr.FieldDefn(field_name, _OGR_TYPES[kind])
                if kind is bool:
                    definition.SetSubType(ogr.OFSTBoolean)
                table.CreateField(definition)
            table.StartTransaction()
            for geometry, attributes in zip(features.geometries, features.attributes):
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


# between cells and geometries --------------------------------------------------------------------


def rasterize(geometries, template, values=None, all_touched=False, dtype=np.int32):
    """Burn geometries into an array; 0 where none lies, later ones over earlier ones.

    Parameters
    ----------
    geometries : list of ogr.Geometry
        In the template's CRS.
    values : sequence of numbers, optional
        One per geometry; default 1.
    all_touched : bool
        False: cells whose centre lies inside a polygon (lines: Bresenham); True: every cell touched.

    Returns
    -------
    ndarray, shape ``template.shape``
    """
    burn = np.ones(len(geometries)) if values is None else np.asarray(values, dtype=np.float64)
    with gdal_exceptions():
        raster = _memory_dataset(np.zeros(template.shape, dtype=dtype), template, None)
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        table = memory.CreateLayer("burn", spatial_reference(template.crs), ogr.wkbUnknown)
        table.CreateField(ogr.FieldDefn("value", ogr.OFTReal))
        for geometry, value in zip(geometries, burn):
            feature = ogr.Feature(table.GetLayerDefn())
            feature.SetField(0, float(value))
            feature.SetGeometry(geometry)
            table.CreateFeature(feature)
        options = ["ATTRIBUTE=value"] + (["ALL_TOUCHED=TRUE"] if all_touched else [])
        gdal.RasterizeLayer(raster, [1], table, options=options)
        return raster.ReadAsArray().astype(dtype, copy=False)


def cells_of(geometry, template, all_touched=False):
    """Rows and columns of a geometry's cells, as ``rasterize`` takes them; the work is that of its bounding box."""
    left, right, low, high = geometry.GetEnvelope()
    (first_row, last_row), (first_col, last_col) = template.row_col([left, right], [high, low])
    first_row, first_col = max(0, int(first_row)), max(0, int(first_col))
    last_row, last_col = min(template.rows - 1, int(last_row)), min(template.cols - 1, int(last_col))
    if first_row > last_row or first_col > last_col:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    window = template.part(Window(first_row, first_col, last_row - first_row + 1, last_col - first_col + 1))
    rows, cols = np.nonzero(rasterize([geometry], window, all_touched=all_touched, dtype=np.uint8))
    return rows + first_row, cols + first_col


def polygonize(labels, template, progress=SILENT):
    """Polygons that follow the cells' edges, one per label.

    Parameters
    ----------
    labels : integer ndarray, shape ``template.shape``
        0 is background. Parts of a label that meet only at corners become one multipolygon.

    Returns
    -------
    dict
        Label to ogr.Geometry (multipolygon), in the template's CRS, valid by OGC rules.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int32)
    merged = {}
    with gdal_exceptions():
        raster = _memory_dataset(labels, template, None)
        mask = _memory_dataset((labels != 0).astype(np.uint8), template, None)
        memory = ogr.GetDriverByName("Memory").CreateDataSource("")
        table = memory.CreateLayer("cells", spatial_reference(template.crs), ogr.wkbPolygon)
        table.CreateField(ogr.FieldDefn("label", ogr.OFTInteger))
        stopped = []

        def callback(fraction, *_):
            try:
                progress(0.5 * fraction)
            except Exception as error:  # GDAL swallows exceptions of a callback
                stopped.append(error)
                return 0
            return 1

        try:
            gdal.Polygonize(raster.GetRasterBand(1), mask.GetRasterBand(1), table, 0, callback=callback)
        except RuntimeError:
            if not stopped:
                raise
        if stopped:
            raise stopped[0]
        for count, feature in enumerate(table):
            if count % 1000 == 0:
                progress.check()
            label = feature.GetField(0)
            if label not in merged:
                merged[label] = ogr.Geometry(ogr.wkbMultiPolygon)
            merged[label].AddGeometry(feature.GetGeometryRef())
    return merged


def line_through(template, rows, cols):
    """An OGR line through cell centres."""
    line = ogr.Geometry(ogr.wkbLineString)
    xs, ys = template.xy(np.asarray(rows, dtype=np.float64), np.asarray(cols, dtype=np.float64))
    for x, y in zip(xs, ys):
        line.AddPoint_2D(float(x), float(y))
    return line

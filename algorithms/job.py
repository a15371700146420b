"""One run of an algorithm: its parameters as core's types, and its outputs."""

import os
import re
from pathlib import Path

from osgeo import ogr
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureSink,
    QgsFields,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
    QgsProcessingUtils,
    QgsProviderRegistry,
)

from ..core import tables
from ..core.crs import Crs, require_known
from ..core.errors import InputError
from ..core.geometry.layers import Layer
from ..core.geometry.polygons import plain_geometry
from ..core.grid.reading import RasterSource, open_template
from ..core.mines import check_layer, read_mines
from ..core.outputs import OutputFiles, require_writable
from ..core.progress import SILENT, Progress
from . import compat, styling


class Job:
    """One run of an algorithm: its parameters as core's types, and its outputs."""

    def __init__(self, algorithm, parameters, context, feedback):
        self._algorithm = algorithm
        self._parameters = parameters
        self._context = context
        self._feedback = feedback
        self._sources = {}
        self._feature_sources = {}
        self._sinks = []
        self._destinations = {}
        self.files = OutputFiles()
        self.results = {}
        self.warnings, self.said = [], []
        self.progress = (
            Progress()
            if feedback is None
            else Progress(
                lambda fraction: feedback.setProgress(100 * fraction), feedback.isCanceled, self._log, self._warn
            )
        )

    def _log(self, text):
        self.said.append(text)
        self._feedback.pushInfo(text)

    def _warn(self, text):
        self.warnings.append(text)
        self._feedback.pushWarning(text)

    # reading -------------------------------------------------------------------------------------

    def label(self, key):
        """What the dialog calls a parameter."""
        return self._algorithm.parameterDefinition(key).description()

    def given(self, key):
        """Whether the planner gave a value for an optional parameter."""
        return self._parameters.get(key) not in (None, "", [])

    def _layer_name(self, key, name):
        """A layer's name for messages.

        A child's layer inside a model is called OUTPUT: then the parameter's label says more. QGIS calls a
        layer given by path after its file, also where the file holds several.
        """
        label = self._algorithm.parameterDefinition(key).description()
        path, _, inside = str(_source_text(self._parameters.get(key))).partition("|layername=")
        if inside and name == Path(path).stem:
            return inside.split("|")[0]
        generic = not name or name.upper().startswith("OUTPUT") or name == "memory"
        return label if generic else name

    def raster(self, key):
        """A RasterSource, the same each time, or None where an optional raster is not given."""
        if not self.given(key):
            return None
        if key not in self._sources:
            layer = self._algorithm.parameterAsRasterLayer(self._parameters, key, self._context)
            self._sources[key] = self._raster_source(key, layer)
        return self._sources[key]

    def all_rasters(self):
        """The RasterSources of all raster parameters."""
        found = []
        for definition in self._algorithm.parameterDefinitions():
            if isinstance(definition, QgsProcessingParameterRasterLayer):
                found.append(self.raster(definition.name()))
            elif isinstance(definition, QgsProcessingParameterMultipleLayers):
                if compat.is_raster_list(definition):
                    found += self.rasters(definition.name())
                else:
                    self._layer_list(definition.name())
        return [source for source in found if source is not None]

    def _raster_source(self, key, layer):
        label = self._algorithm.parameterDefinition(key).description()
        if layer is None or not layer.isValid():
            raise InputError(
                f"'{label}' ({self._parameters.get(key)}) cannot be opened as a raster: "
                f"choose a raster layer or file that exists."
            )
        if layer.providerType() != "gdal":
            raise InputError(
                f"Layer '{layer.name()}' is a {layer.providerType()} layer: save it as a "
                f"GeoTIFF (Export > Save As) and use that."
            )
        crs = wkt(layer.crs())
        path = re.split(r"\|(?:option|credential):", layer.source())[0]
        return RasterSource(path, self._layer_name(key, layer.name()), crs)

    def rasters(self, key):
        """RasterSources of a parameter with several layers, the same each time."""
        if key not in self._sources:
            self._sources[key] = [self._raster_source(key, layer) for layer in self._layer_list(key)]
        return self._sources[key]

    def _layer_list(self, key):
        """The layers of a parameter with several; QGIS drops those that it cannot open without a word."""
        found = self._algorithm.parameterAsLayerList(self._parameters, key, self._context)
        value = self._parameters.get(key)
        for name in value if isinstance(value, (list, tuple)) else []:
            if isinstance(name, str) and name and QgsProcessingUtils.mapLayerFromString(name, self._context) is None:
                label = self._algorithm.parameterDefinition(key).description()
                raise InputError(f"'{label}' ({name}) cannot be opened as a layer: choose one that exists.")
        return found

    def is_raster(self, key):
        """Whether a parameter that takes any layer was given a raster; True for those that take rasters alone."""
        if not isinstance(self._algorithm.parameterDefinition(key), QgsProcessingParameterMapLayer):
            return True
        return not hasattr(self._map_layer(key), "getFeatures")

    def _map_layer(self, key):
        layer = self._algorithm.parameterAsLayer(self._parameters, key, self._context)
        if layer is None or not layer.isValid():
            label = self._algorithm.parameterDefinition(key).description()
            raise InputError(
                f"'{label}' ({self._parameters.get(key)}) cannot be opened as a layer: choose a layer or "
                f"file that exists."
            )
        return layer

    def map_layer(self, key, outline=False):
        """RasterSource or Features of a parameter that takes any layer; None where it is not given.

        ``outline``: of a vector layer its extent as the only geometry, for checks before work starts.
        """
        if not self.given(key):
            return None
        layer = self._map_layer(key)
        if not hasattr(layer, "getFeatures"):
            return self._raster_source(key, layer)
        source = QgsProcessingFeatureSource(layer, self._context)
        name = self._layer_name(key, layer.name())
        if compat.geometry_kind(source) == "No geometry":
            raise InputError(
                f"Layer '{name}' is a table without places: choose a layer of points, lines or polygons, or a raster."
            )
        require_one_kind(source)
        require_known(Crs(wkt(source.sourceCrs())), name)
        return self._outline(source, name) if outline else self._features(source, name)

    def layers(self, key):
        """RasterSources and Features of a parameter with several layers, in the planner's order."""
        result = []
        for layer in self._layer_list(key):
            if hasattr(layer, "getFeatures"):
                source = QgsProcessingFeatureSource(layer, self._context)
                require_one_kind(source)
                result.append(self._features(source, layer.name()))
            else:
                result.append(self._raster_source(key, layer))
        return result

    def template_source(self):
        """The RasterSource that is the template of this step, or None."""
        key = next((key for key in self._algorithm.TEMPLATE if self.given(key) and self.is_raster(key)), None)
        if key is None:
            return None
        several = isinstance(self._algorithm.parameterDefinition(key), QgsProcessingParameterMultipleLayers)
        return self.rasters(key)[0] if several else self.raster(key)

    def template(self):
        """The Template: size, transform and CRS that this step's layers share."""
        source = self.template_source()
        if source is None:
            labels = [self._algorithm.parameterDefinition(key).description() for key in self._algorithm.TEMPLATE]
            raise InputError(
                f"No raster is given to take cells and CRS from: choose at least one of {', '.join(labels)}."
            )
        return open_template(source)

    def feature_source(self, key):
        if not self.given(key):
            return None
        if key in self._feature_sources:
            return self._feature_sources[key]
        source = self._algorithm.parameterAsSource(self._parameters, key, self._context)
        if source is None:
            label, value = self._algorithm.parameterDefinition(key).description(), self._parameters.get(key)
            raise InputError(
                f"'{label}' ({_source_text(value)}) cannot be opened as a vector layer: choose a layer "
                f"or file that exists."
            )
        self._feature_sources[key] = source
        return source

    def layer(self, key):
        """A `LayerSource`, the same each time, or None where an optional layer is not given."""
        if key not in self._sources:
            source = self.feature_source(key)
            self._sources[key] = None if source is None else QgisLayer(self, key, source)
        return self._sources[key]

    def outline(self, key):
        """A layer's name, CRS and fields, with its extent as the only geometry: for checks before work starts."""
        source = self.feature_source(key)
        return None if source is None else self._outline(source, self._layer_name(key, source.sourceName()))

    def _outline(self, source, name):
        result = Layer(name, wkt(source.sourceCrs()), field_names=source.fields().names())
        extent = source.sourceExtent()
        if source.featureCount() and not extent.isNull():
            result.geometries.append(ogr.CreateGeometryFromWkt(extent.asWktPolygon()))
            result.attributes.append({})
        return result

    def features(self, key):
        """Features (selected ones only, if the planner asked so), or None where not given."""
        source = self.feature_source(key)
        if source is None:
            return None
        value = self._parameters.get(key)
        selected = isinstance(value, QgsProcessingFeatureSourceDefinition) and value.selectedFeaturesOnly
        return self._features(source, self._layer_name(key, source.sourceName()), selected)

    def _features(self, source, name, selected=False):
        result = Layer(name, wkt(source.sourceCrs()), field_names=source.fields().names())
        from qgis.core import QgsFeatureRequest

        features = opened = source.getFeatures(QgsFeatureRequest(), compat.SKIP_GEOMETRY_CHECKS)
        if selected:  # QGIS gives a selection in another order each time
            features = sorted(opened, key=lambda feature: feature.id())
        try:
            self._add_features(result, features)
        finally:
            opened.close()  # QGIS waits for ever once a file has four that are left open
        return result

    def _add_features(self, result, features):
        without = 0
        for feature in features:
            self.progress.check()
            geometry = feature.geometry()
            if geometry.isNull() or geometry.isEmpty():
                without += 1
                continue
            shape = ogr.CreateGeometryFromWkb(bytes(geometry.asWkb()))
            result.geometries.append(plain_geometry(shape))
            result.attributes.append(
                {name: _plain(value) for name, value in zip(result.field_names, feature.attributes())}
            )
        if without:
            self.progress.log(
                f"{without} feature(s) of layer '{result.name}' have no shape: they count for nothing, and "
                f"features are numbered without them."
            )

    def schema(self, key):
        """The fields of a vector input as ``schemas.Field`` tuples, to be carried over."""
        from ..core.schemas import Field

        kinds = {"int": int, "integer": int, "double": float, "bool": bool}
        source = self.feature_source(key)
        result = []
        for field in source.fields():
            name = field.typeName().lower()
            if name in ("binary", "blob", "bytea"):
                self.progress.log(
                    f"Field '{field.name()}' of layer '{source.sourceName()}' holds binary data and is "
                    f"not carried over."
                )
                continue
            numeric = field.isNumeric()
            kind = kinds.get(name) or (bool if "bool" in name else str)
            if numeric and kind is str:
                kind = int if "int" in name else float
            result.append(Field(field.name(), kind))
        return tuple(field for field in result if field.name.lower() != "fid")

    def table(self, key):
        """A RawTable, or None where the shipped default is to be used."""
        if not self.given(key):
            return None
        value = self._parameters.get(key)
        if isinstance(value, str) and value.lower().endswith((".csv", ".txt")) and os.path.exists(value):
            return tables.read_csv(value)
        layer = self._algorithm.parameterAsVectorLayer(self._parameters, key, self._context)
        return self._table_of(key, layer, value)

    def tables(self, key):
        """RawTables of a parameter with several, in the planner's order."""
        return [self._table_of(key, layer, layer.name()) for layer in self._layer_list(key)]

    def _table_of(self, key, layer, value):
        label = self._algorithm.parameterDefinition(key).description()
        if layer is None or not layer.isValid():
            raise InputError(
                f"'{label}' ({value}) cannot be opened as a table: choose a CSV file or a table layer that exists."
            )
        path = _path_of(layer)
        if path.lower().endswith((".csv", ".txt")) and not layer.subsetString():
            return tables.read_csv(path, self._layer_name(key, layer.name()))
        header = layer.fields().names()
        rows = []
        for index, feature in enumerate(layer.getFeatures()):
            cells = [_plain(cell) for cell in feature.attributes()]
            rows.append((index + 1, ["" if cell is None else str(cell) for cell in cells]))
        folder = os.path.dirname(path) if path else ""
        return tables.RawTable(self._layer_name(key, layer.name()), header, rows, folder)

    def mines(self, crs, needed=("mineral", "method", "state")):
        """The mines of MINES in a CRS, or None where the layer is not given."""
        features = self.features("MINES")
        if features is None:
            return None
        return read_mines(
            features,
            crs,
            needed=needed,
            words=self.table("MINE_WORDS"),
            progress=self.progress,
            **self._mine_fields(features, needed),
        )

    def check_mines(self, needed=("mineral", "method", "state")):
        """Refuse, before the work, a layer of mines that is empty or lacks a field."""
        features = self.outline("MINES")
        if features is not None:
            check_layer(features, needed, **self._mine_fields(features, needed))

    def _mine_fields(self, features, needed):
        named = {}
        for attribute in ("name", "mineral", "method", "state", "feature"):
            key = f"{attribute.upper()}_FIELD"
            if self._algorithm.parameterDefinition(key) is None:
                continue
            found = self.usual_field(key, features)
            named[f"{attribute}_field"] = found or self.field(key) or attribute if attribute in needed else found
        return named

    def number(self, key):
        """A float, or None where an optional number is empty."""
        definition = self._algorithm.parameterDefinition(key)
        if self._parameters.get(key) in (None, "") and definition.defaultValue() is None:
            return None
        return self._algorithm.parameterAsDouble(self._parameters, key, self._context)

    def integer(self, key):
        value = self.number(key)
        return None if value is None else int(value)

    def choice(self, key):
        """The index of the chosen entry."""
        return self._algorithm.parameterAsEnum(self._parameters, key, self._context)

    def option(self, key, kind):
        """The chosen member of an `Option`."""
        return kind.saved_order()[self.choice(key)]

    def preset_option(self, key, kind):
        """The chosen member of an `Option` whose first entry is ``as PRESET``; None for that entry."""
        chosen = self.choice(key)
        return kind.saved_order()[chosen - 1] if chosen else None

    def options(self, key, kind):
        """The chosen members of an `Option`, in their saved order."""
        order = kind.saved_order()
        return [order[index] for index in sorted(self.choices(key))]

    def choices(self, key):
        return self._algorithm.parameterAsEnums(self._parameters, key, self._context)

    def text(self, key):
        return self._algorithm.parameterAsString(self._parameters, key, self._context).strip()

    def field(self, key):
        """The name of a field, or an empty text."""
        value = self._parameters.get(key, self._algorithm.parameterDefinition(key).defaultValue())
        if isinstance(value, (list, tuple)):
            value = value[0] if value else ""
        return str(value) if value else ""

    def usual_field(self, key, features):
        """The field chosen; where none is, the parameter's default if the layer has such a field, else none."""
        chosen, usual = self.field(key), self._algorithm.parameterDefinition(key).defaultValue() or ""
        if chosen and chosen != usual:
            return chosen
        return features.own_name(usual)

    def flag(self, key):
        return self._algorithm.parameterAsBool(self._parameters, key, self._context)

    # writing -------------------------------------------------------------------------------------

    def target(self, key):
        """Where an output goes, as text; empty where it is not wanted."""
        value = self._parameters.get(key)
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            value = value.sink.staticValue()
        return str(value) if value else ""

    def target_path(self, key):
        """The file that an output goes to, and whether it is added to that file; empty: no file of the planner's."""
        target = self.target(key)
        database = re.match(r"ogr:dbname='(.+?)' table=", target)
        if database:
            return database.group(1), True
        if not target or target == QgsProcessing.TEMPORARY_OUTPUT or re.match(r"[a-z]{3,}:", target):
            return "", False
        definition = self._algorithm.parameterDefinition(key)
        if isinstance(definition, QgsProcessingParameterFeatureSink) and not os.path.splitext(target)[1]:
            target += ".gpkg"
        return target, False

    def check_targets(self):
        """Refuse, before the work, a place that cannot be written to, used twice, or that holds an input."""
        inputs, taken = None, {}
        for definition in self._algorithm.parameterDefinitions():
            if not definition.isDestination() or isinstance(definition, QgsProcessingParameterFolderDestination):
                continue
            path, added = self.target_path(definition.name())
            if not path:
                continue
            stem, extension = os.path.splitext(path)
            label = definition.description()
            if isinstance(definition, QgsProcessingParameterFeatureSink) and extension.lower() == ".shp":
                raise InputError(
                    f"Output '{label}' cannot be a shapefile, which cuts field names to ten characters: "
                    f"save it as {stem}.gpkg instead."
                )
            if isinstance(definition, QgsProcessingParameterRasterDestination) and extension.lower() not in (
                "",
                ".tif",
                ".tiff",
            ):
                raise InputError(
                    f"Output '{label}' is a GeoTIFF and cannot be saved as '{extension}': save it "
                    f"as {stem}.tif instead."
                )
            require_writable(path)
            if added:
                continue
            real = os.path.realpath(path)
            if real in taken:
                raise InputError(
                    f"Outputs '{taken[real]}' and '{label}' go to the same file {path}: give each its own name."
                )
            taken[real] = label
            inputs = self._input_paths() if inputs is None else inputs
            if real in inputs:
                raise InputError(
                    f"Output '{label}' would replace the input '{inputs[real]}' ({path}): choose another name."
                )

    def _input_paths(self):
        """The files of all inputs, and the parameter that each belongs to."""
        paths = {}
        for definition in self._algorithm.parameterDefinitions():
            key, layers = definition.name(), []
            if definition.isDestination() or not self.given(key):
                continue
            if isinstance(definition, QgsProcessingParameterRasterLayer):
                layers = [self._algorithm.parameterAsRasterLayer(self._parameters, key, self._context)]
            elif isinstance(definition, QgsProcessingParameterMapLayer):
                layers = [self._algorithm.parameterAsLayer(self._parameters, key, self._context)]
            elif isinstance(definition, (QgsProcessingParameterFeatureSource, QgsProcessingParameterVectorLayer)):
                layers = [self._algorithm.parameterAsVectorLayer(self._parameters, key, self._context)]
            elif isinstance(definition, QgsProcessingParameterMultipleLayers):
                layers = self._algorithm.parameterAsLayerList(self._parameters, key, self._context)
            for layer in layers:
                path = "" if layer is None else _path_of(layer)
                if path:
                    paths[os.path.realpath(path)] = definition.description()
        return paths

    def wants(self, key):
        """Whether an output is to be made."""
        value = self._parameters.get(key)
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            return bool(value.sink.staticValue())
        return bool(value)

    def write_raster(self, key, grid):
        """Take a Grid for an output; it appears when the whole run has succeeded."""
        if not self.wants(key):
            return
        path = self._algorithm.parameterAsOutputLayer(self._parameters, key, self._context)
        self.files.raster(grid, path, self.progress)
        self.results[key] = self._destinations[key] = path

    def open_raster(self, key, template, **kind):
        """A ``RasterWriter`` for an output that core writes part by part; None where it is not wanted.

        ``kind``: ``dtype`` and ``nodata``, by default float32 and NaN.
        """
        if not self.wants(key):
            return None
        path = self._algorithm.parameterAsOutputLayer(self._parameters, key, self._context)
        self.results[key] = self._destinations[key] = path
        return self.files.raster_windows(template, path, **kind)

    def write_features(self, key, schema, geometry, crs, rows):
        """Take features for an output; the sink is opened when all is computed.

        Parameters
        ----------
        schema : sequence of schemas.Field
        geometry : QgsWkbTypes.Type
            From ``compat.GEOMETRY``.
        crs : str
            WKT.
        rows : iterable of (ogr.Geometry or None, mapping or object with the fields as attributes)
        """
        if self.wants(key):
            kept = _one_of_a_name(schema)
            for field in schema:
                if field not in kept:
                    label = self._algorithm.parameterDefinition(key).description()
                    self.progress.log(f"Field '{field.name}' is left out of '{label}', which has one of that name.")
            self._sinks.append((key, kept, geometry, crs, list(rows)))

    def write_table(self, key, schema, rows):
        """Take rows (mappings or objects) for an output without geometry."""
        self.write_features(key, schema, compat.GEOMETRY.NoGeometry, "", [(None, row) for row in rows])

    def write_report(self, key, report):
        """Take a core ``Report`` for an HTML output; the run's warnings stand at its top."""
        if self.wants(key):
            for text in self.warnings:
                report.warning(text)
            path = self._algorithm.parameterAsFileOutput(self._parameters, key, self._context)
            self.results[key] = self.files.text(report.html(), path)

    def write_folder(self, key, grids):
        """Take a mapping of name to Grid for a folder output, one GeoTIFF each."""
        if self.wants(key):
            folder = self._algorithm.parameterAsString(self._parameters, key, self._context)
            self.files.folder(folder)
            for name, grid in grids.items():
                self.files.raster(grid, os.path.join(folder, f"{name}.tif"), self.progress)
            self.results[key] = folder

    def result(self, key, value):
        """A number or text output."""
        self.results[key] = value

    def write_sinks(self):
        """Open and fill the sinks; ``files`` puts back what was there before if anything fails."""
        for key, schema, geometry, crs, rows in self._sinks:
            self.progress.check()
            path, added = self.target_path(key)
            if path:
                self.files.in_place(path, copy=added)
            sink, destination = self._algorithm.parameterAsSink(
                self._parameters,
                key,
                self._context,
                compat.qgs_fields(schema),
                geometry,
                QgsCoordinateReferenceSystem.fromWkt(Crs.of(crs).wkt) if crs else QgsCoordinateReferenceSystem(),
            )
            if sink is None:
                raise InputError(
                    f"Output '{self.target(key)}' could not be created: close the program that holds "
                    f"it open, or choose another place."
                )
            holder = [sink]
            del sink
            try:
                self._fill(holder, schema, rows, key)
            finally:
                holder.clear()  # the last reference: closes the file, also when an error is on its way
            self.results[key] = self._destinations[key] = destination

    def _fill(self, holder, schema, rows, key):
        fields = compat.qgs_fields(schema)
        fine = True
        for count, (shape, row) in enumerate(rows):
            if count % 200 == 0:
                self.progress.check()
            feature = QgsFeature(QgsFields(fields))
            if shape is not None:
                geometry = QgsGeometry()
                geometry.fromWkb(bytes(shape.ExportToWkb()))
                feature.setGeometry(geometry)
            feature.setAttributes([_typed(row, field) for field in schema])
            fine = fine and holder[0].addFeature(feature, QgsFeatureSink.Flag.FastInsert)
            if not fine:
                break
        if not (fine and holder[0].flushBuffer()):
            raise InputError(
                f"Output '{self.target(key)}' could not be written: check the free space and the rights of its folder."
            )

    def attach_styles(self):
        for key, destination in self._destinations.items():
            styling.attach(self._context, destination, self._algorithm.STYLES.get(key))


class QgisLayer:
    """A layer of QGIS as core's `LayerSource`: its features are read once, when they are asked for."""

    def __init__(self, job, key, source):
        self._job, self._key, self._source = job, key, source
        self.name = job._layer_name(key, source.sourceName())
        self.crs = Crs(wkt(source.sourceCrs()))
        self.field_names = source.fields().names()
        self._outline = self._features = None

    @property
    def outline(self):
        """The layer with its extent as the only feature."""
        if self._outline is None:
            self._outline = self._job._outline(self._source, self.name)
        return self._outline

    @property
    def count(self):
        """The number of features, also of those without a shape."""
        return self._source.featureCount()

    def read(self, progress=SILENT):
        """All features; the selected ones only, if the planner asked so."""
        if self._features is None:
            self._features = self._job.features(self._key)
        return self._features


def require_one_kind(source):
    """Refuse geometry collections; QGIS 3.22 drops their CRS, and the refusal would be about that."""
    if compat.is_collection(source):
        raise InputError(
            f"Layer '{source.sourceName()}' holds geometry collections, and points, lines or polygons are needed: take "
            f"out the kind that you want with 'Extract by geometry type' or 'Promote to multipart', and use that."
        )


def wkt(crs):
    return crs.toWkt(compat.WKT) if crs.isValid() else ""


def _source_text(value):
    """What the planner gave as a layer, for messages."""
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        value = value.source.staticValue()
    return value.name() if hasattr(value, "name") else value


def _path_of(layer):
    """The file of a layer; empty where it has none."""
    return QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source()).get("path") or ""


def _plain(value):
    """A QGIS attribute as a Python value; NULL is None."""
    if value is None or value == NULL:
        return None
    if hasattr(value, "toString") and not isinstance(value, str):
        return compat.date_text(value)
    return value


def _one_of_a_name(schema):
    """The fields whose names differ by more than their case, for formats that hold no others.

    A field that was carried over, such as ``CLASS``, gives way to ours, whose names are in lower case.
    """
    kept = {}
    for field in schema:
        plain = field.name.lower()
        if plain not in kept or field.name == plain:
            kept[plain] = field
    return tuple(kept.values())


def _typed(row, field):
    value = row.get(field.name) if isinstance(row, dict) else getattr(row, field.name, None)
    if value is None or value != value:
        return NULL
    try:
        return field.kind(value)
    except (TypeError, ValueError, OverflowError):
        return NULL

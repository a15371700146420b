"""The outputs of one run: nothing is opened for writing before all is computed, nothing stays of a failed run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from osgeo import ogr
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureSink,
    QgsFields,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterRasterDestination,
)

from ..core.crs import Crs
from ..core.errors import InputError
from ..core.grid.grid import Grid, Template
from ..core.grid.writing import RasterWriter
from ..core.outputs import OutputFiles, require_writable
from ..core.report import Report
from ..core.schemas import Field
from . import compat, styling
from .job_base import JobBase

Row = Any  # a dict by field name, or an object with the fields as attributes
_ROWS_BETWEEN_CHECKS = 200


@dataclass
class _Sink:
    """Features that wait for their output to be opened."""

    key: str
    schema: tuple[Field, ...]
    geometry: Any
    crs: Crs
    rows: list[tuple[Any, Row]]


class JobOutputs(JobBase):
    """Outputs of a step by the keys of its parameters.

    Attributes
    ----------
    files : OutputFiles
        What appears together when the run has succeeded.
    results : dict
        What QGIS is told, by key.
    """

    def __init__(self, algorithm: Any, parameters: Mapping[str, Any], context: Any, feedback: Any) -> None:
        super().__init__(algorithm, parameters, context, feedback)
        self.files = OutputFiles()
        self.results: dict[str, Any] = {}
        self._sinks: list[_Sink] = []
        self._destinations: dict[str, str] = {}

    # where outputs go ----------------------------------------------------------------------------

    def wants(self, key: str) -> bool:
        """Whether an output is to be made."""
        value = self._parameters.get(key)
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            return bool(value.sink.staticValue())
        return bool(value)

    def target(self, key: str) -> str:
        """Where an output goes, as text; empty where it is not wanted."""
        value = self._parameters.get(key)
        if isinstance(value, QgsProcessingOutputLayerDefinition):
            value = value.sink.staticValue()
        return str(value) if value else ""

    def target_path(self, key: str) -> tuple[str, bool]:
        """The file that an output goes to, and whether it is added to that file; empty: no file of the planner's."""
        target = self.target(key)
        database = re.match(r"ogr:dbname='(.+?)' table=", target)
        if database:
            return database.group(1), True
        if not target or target == QgsProcessing.TEMPORARY_OUTPUT or re.match(r"[a-z]{3,}:", target):
            return "", False
        is_sink = isinstance(self._definition(key), QgsProcessingParameterFeatureSink)
        if is_sink and not os.path.splitext(target)[1]:
            target += ".gpkg"
        return target, False

    def check_targets(self, input_paths: Mapping[str, str]) -> None:
        """Refuse, before the work, a place that cannot be written to, is used twice, or holds an input.

        ``input_paths``: as `JobInputs.input_paths`.
        """
        taken: dict[str, str] = {}
        for definition in self._algorithm.parameterDefinitions():
            if not definition.isDestination() or isinstance(definition, QgsProcessingParameterFolderDestination):
                continue
            path, added = self.target_path(definition.name())
            if not path:
                continue
            _check_extension(definition, path)
            require_writable(path)
            if added:
                continue
            real, label = os.path.realpath(path), definition.description()
            if real in taken:
                raise InputError(
                    f"Outputs '{taken[real]}' and '{label}' go to the same file {path}: give each its own name."
                )
            if real in input_paths:
                raise InputError(
                    f"Output '{label}' would replace the input '{input_paths[real]}' ({path}): choose another name."
                )
            taken[real] = label

    # what a step hands over ----------------------------------------------------------------------

    def write_raster(self, key: str, grid: Grid) -> None:
        """Take a Grid for an output; it appears when the whole run has succeeded."""
        if self.wants(key):
            self.files.raster(grid, self._layer_destination(key), self.progress)

    def open_raster(
        self, key: str, template: Template, *, dtype: npt.DTypeLike = np.float32, nodata: float = np.nan
    ) -> RasterWriter | None:
        """A writer for an output that core writes part by part; None where it is not wanted."""
        if not self.wants(key):
            return None
        return self.files.raster_windows(template, self._layer_destination(key), dtype=dtype, nodata=nodata)

    def write_features(
        self, key: str, schema: Sequence[Field], *, geometry: Any, crs: Crs | str, rows: Iterable[tuple[Any, Row]]
    ) -> None:
        """Take features for an output; the sink is opened when all is computed.

        Parameters
        ----------
        key : str
        schema : sequence of schemas.Field
        geometry : QgsWkbTypes.Type
            From ``compat.GEOMETRY``.
        crs : Crs
            A text becomes one.
        rows : iterable of (ogr.Geometry or None, dict or object with the fields as attributes)
        """
        if not self.wants(key):
            return
        kept = _one_of_a_name(schema)
        for field in schema:
            if field not in kept:
                self.progress.log(
                    f"Field '{field.name}' is left out of '{self.label(key)}', which has one of that name."
                )
        self._sinks.append(_Sink(key, kept, geometry, Crs.of(crs), list(rows)))

    def write_table(self, key: str, schema: Sequence[Field], rows: Iterable[Row]) -> None:
        """Take rows (dicts or objects) for an output without geometry."""
        self.write_features(
            key, schema, geometry=compat.GEOMETRY.NoGeometry, crs="", rows=[(None, row) for row in rows]
        )

    def write_report(self, key: str, report: Report) -> None:
        """Take a Report for an HTML output; the run's warnings stand at its top."""
        if self.wants(key):
            for text in self.warnings:
                report.warning(text)
            path = self._algorithm.parameterAsFileOutput(self._parameters, key, self._context)
            self.results[key] = self.files.text(report.html(), path)

    def write_folder(self, key: str, grids: Mapping[str, Grid]) -> None:
        """Take Grids by name for a folder output, one GeoTIFF each."""
        if self.wants(key):
            folder = self._algorithm.parameterAsString(self._parameters, key, self._context)
            self.files.folder(folder)
            for name, grid in grids.items():
                self.files.raster(grid, os.path.join(folder, f"{name}.tif"), self.progress)
            self.results[key] = folder

    def result(self, key: str, value: float | str) -> None:
        """A number or text output."""
        self.results[key] = value

    def _layer_destination(self, key: str) -> str:
        path = str(self._algorithm.parameterAsOutputLayer(self._parameters, key, self._context))
        self.results[key] = self._destinations[key] = path
        return path

    # the end of a run ----------------------------------------------------------------------------

    def write_sinks(self) -> None:
        """Open and fill the sinks; ``files`` puts back what was there before if anything fails."""
        for sink in self._sinks:
            self.progress.check()
            path, added = self.target_path(sink.key)
            if path:
                self.files.in_place(path, copy=added)
            opened, destination = self._algorithm.parameterAsSink(
                self._parameters,
                sink.key,
                self._context,
                compat.qgs_fields(sink.schema),
                sink.geometry,
                QgsCoordinateReferenceSystem.fromWkt(sink.crs.wkt) if sink.crs else QgsCoordinateReferenceSystem(),
            )
            if opened is None:
                raise InputError(
                    f"Output '{self.target(sink.key)}' could not be created: close the program that holds "
                    f"it open, or choose another place."
                )
            holder = [opened]
            del opened
            try:
                self._fill(holder, sink)
            finally:
                holder.clear()  # the last reference: closes the file, also when an error is on its way
            self.results[sink.key] = self._destinations[sink.key] = destination

    def _fill(self, holder: list[Any], sink: _Sink) -> None:
        fields = compat.qgs_fields(sink.schema)
        fine = True
        for count, (shape, row) in enumerate(sink.rows):
            if count % _ROWS_BETWEEN_CHECKS == 0:
                self.progress.check()
            feature = QgsFeature(QgsFields(fields))
            if shape is not None:
                feature.setGeometry(_qgs_geometry(shape))
            feature.setAttributes([_attribute(row, field) for field in sink.schema])
            fine = fine and holder[0].addFeature(feature, QgsFeatureSink.Flag.FastInsert)
            if not fine:
                break
        if not (fine and holder[0].flushBuffer()):
            raise InputError(
                f"Output '{self.target(sink.key)}' could not be written: check the free space and the rights of its "
                f"folder."
            )

    def attach_styles(self) -> None:
        """Have QGIS style the layers that it loads."""
        for key, destination in self._destinations.items():
            styling.attach(self._context, destination, self._algorithm.STYLES.get(key))


def _check_extension(definition: Any, path: str) -> None:
    """Refuse formats that would spoil an output."""
    label = definition.description()
    stem, extension = os.path.splitext(path)
    if isinstance(definition, QgsProcessingParameterFeatureSink) and extension.lower() == ".shp":
        raise InputError(
            f"Output '{label}' cannot be a shapefile, which cuts field names to ten characters: "
            f"save it as {stem}.gpkg instead."
        )
    is_raster = isinstance(definition, QgsProcessingParameterRasterDestination)
    if is_raster and extension.lower() not in ("", ".tif", ".tiff"):
        raise InputError(
            f"Output '{label}' is a GeoTIFF and cannot be saved as '{extension}': save it as {stem}.tif instead."
        )


def _one_of_a_name(schema: Sequence[Field]) -> tuple[Field, ...]:
    """The fields whose names differ by more than their case, for formats that hold no others.

    A field that was carried over, such as ``CLASS``, gives way to ours, whose names are in lower case.
    """
    kept: dict[str, Field] = {}
    for field in schema:
        plain = field.name.lower()
        if plain not in kept or field.name == plain:
            kept[plain] = field
    return tuple(kept.values())


def _qgs_geometry(shape: ogr.Geometry) -> Any:
    geometry = QgsGeometry()
    geometry.fromWkb(bytes(shape.ExportToWkb()))
    return geometry


def _attribute(row: Row, field: Field) -> Any:
    """The value of a row's field as its type; NULL where there is none."""
    value = row.get(field.name) if isinstance(row, dict) else getattr(row, field.name, None)
    if value is None or value != value:
        return NULL
    try:
        return field.kind(value)
    except (TypeError, ValueError, OverflowError):
        return NULL

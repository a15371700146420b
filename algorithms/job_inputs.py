"""The inputs of one run as core's types; each layer and table is opened once."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, Union

from qgis.core import (
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
    QgsProcessingUtils,
    QgsProviderRegistry,
)

from ..core.crs import require_known
from ..core.errors import InputError
from ..core.grid.grid import Template
from ..core.grid.reading import RasterSource, open_template
from ..core.options import Option
from ..core.schemas import Field
from ..core.tables import RawTable, read_csv
from . import compat
from .job_base import JobBase
from .layers import MineLayer, QgisLayer, crs_of, plain_value
from .parameter_values import ParameterValue, parameter_values

MapLayer = Union[RasterSource, QgisLayer]
OptionT = TypeVar("OptionT", bound=Option)
InputT = TypeVar("InputT")

_MINE_FIELDS = ("name", "mineral", "method", "state", "feature")


class JobInputs(JobBase):
    """Inputs of a step by the keys of its parameters.

    ``raster``, ``layer``, ``number`` and so on are for parameters that always have a value, their ``optional_...``
    twins give None where the planner left one empty.
    """

    def __init__(self, algorithm: Any, parameters: Mapping[str, Any], context: Any, feedback: Any) -> None:
        super().__init__(algorithm, parameters, context, feedback)
        self._lists: dict[str, list[Any]] = {}
        self._rasters: dict[str, RasterSource] = {}
        self._raster_lists: dict[str, list[RasterSource]] = {}
        self._layers: dict[str, QgisLayer] = {}
        self._map_layers: dict[str, MapLayer] = {}
        self._map_layer_lists: dict[str, list[MapLayer]] = {}
        self._tables: dict[str, RawTable] = {}
        self._table_lists: dict[str, list[RawTable]] = {}
        self._template: Template | None = None

    # rasters -------------------------------------------------------------------------------------

    def raster(self, key: str) -> RasterSource:
        """A raster that is always given."""
        return self._required(key, self.optional_raster(key))

    def optional_raster(self, key: str) -> RasterSource | None:
        """A raster, or None where it is not given."""
        if not self.given(key):
            return None
        if key not in self._rasters:
            layer = self._algorithm.parameterAsRasterLayer(self._parameters, key, self._context)
            self._rasters[key] = self._raster_source(key, layer)
        return self._rasters[key]

    def rasters(self, key: str) -> list[RasterSource]:
        """The rasters of a parameter with several, in the planner's order."""
        if key not in self._raster_lists:
            self._raster_lists[key] = [self._raster_source(key, layer) for layer in self._layer_list(key)]
        return self._raster_lists[key]

    def all_rasters(self) -> list[RasterSource]:
        """The rasters of all raster parameters."""
        found = []
        for definition in self._algorithm.parameterDefinitions():
            if isinstance(definition, QgsProcessingParameterRasterLayer):
                source = self.optional_raster(definition.name())
                found += [] if source is None else [source]
            elif isinstance(definition, QgsProcessingParameterMultipleLayers):
                if compat.is_raster_list(definition):
                    found += self.rasters(definition.name())
                else:
                    self._layer_list(definition.name())
        return found

    def template_source(self) -> RasterSource | None:
        """The raster that is the template of this step, or None."""
        for key in self._algorithm.TEMPLATE:
            if self.given(key):
                definition = self._definition(key)
                if isinstance(definition, QgsProcessingParameterMultipleLayers):
                    return self.rasters(key)[0]
                source = (
                    self.map_layer(key)
                    if isinstance(definition, QgsProcessingParameterMapLayer)
                    else self.optional_raster(key)
                )
                if isinstance(source, RasterSource):
                    return source
        return None

    def template(self) -> Template:
        """Size, transform and CRS that this step's layers share."""
        if self._template is None:
            source = self.template_source()
            if source is None:
                labels = ", ".join(self.label(key) for key in self._algorithm.TEMPLATE)
                raise InputError(f"No raster is given to take cells and CRS from: choose at least one of {labels}.")
            self._template = open_template(source)
        return self._template

    def _raster_source(self, key: str, layer: Any) -> RasterSource:
        if layer is None or not layer.isValid():
            raise InputError(
                f"'{self.label(key)}' ({self._parameters.get(key)}) cannot be opened as a raster: "
                f"choose a raster layer or file that exists."
            )
        if layer.providerType() != "gdal":
            raise InputError(
                f"Layer '{layer.name()}' is a {layer.providerType()} layer: save it as a "
                f"GeoTIFF (Export > Save As) and use that.",
                layer=layer.name(),
            )
        path = re.split(r"\|(?:option|credential):", layer.source())[0]
        return RasterSource(path, self._layer_name(key, layer.name()), crs_of(layer.crs()))

    # vector layers, and layers of either kind ----------------------------------------------------

    def layer(self, key: str) -> QgisLayer:
        """A vector layer that is always given."""
        return self._required(key, self.optional_layer(key))

    def optional_layer(self, key: str) -> QgisLayer | None:
        """A vector layer, or None where it is not given."""
        if not self.given(key):
            return None
        if key not in self._layers:
            source = self._algorithm.parameterAsSource(self._parameters, key, self._context)
            value = self._parameters.get(key)
            if source is None:
                raise InputError(
                    f"'{self.label(key)}' ({_source_text(value)}) cannot be opened as a vector layer: choose a layer "
                    f"or file that exists."
                )
            selected = isinstance(value, QgsProcessingFeatureSourceDefinition) and value.selectedFeaturesOnly
            self._layers[key] = QgisLayer(source, self._layer_name(key, source.sourceName()), selected=selected)
        return self._layers[key]

    def map_layer(self, key: str) -> MapLayer:
        """A layer that is always given, of a parameter that takes rasters and vector layers."""
        if key not in self._map_layers:
            layer = self._algorithm.parameterAsLayer(self._parameters, key, self._context)
            if layer is None or not layer.isValid():
                raise InputError(
                    f"'{self.label(key)}' ({self._parameters.get(key)}) cannot be opened as a layer: choose a layer or "
                    f"file that exists."
                )
            self._map_layers[key] = self._map_layer(key, layer, self._layer_name(key, layer.name()))
        return self._map_layers[key]

    def layers(self, key: str) -> list[MapLayer]:
        """The layers, raster or vector, of a parameter with several, in the planner's order."""
        if key not in self._map_layer_lists:
            found = [self._map_layer(key, layer, layer.name()) for layer in self._layer_list(key)]
            self._map_layer_lists[key] = found
        return self._map_layer_lists[key]

    def schema(self, key: str) -> tuple[Field, ...]:
        """The fields of a vector layer, to be carried over."""
        return self.layer(key).schema(self.progress)

    def mine_layer(self) -> MineLayer:
        """The mines of MINES, which are always given."""
        return self._required("MINES", self.optional_mine_layer())

    def optional_mine_layer(self) -> MineLayer | None:
        """The mines of MINES, or None where the layer is not given."""
        layer = self.optional_layer("MINES")
        if layer is None:
            return None
        fields = {}
        for attribute in _MINE_FIELDS:
            key = f"{attribute.upper()}_FIELD"
            if self._definition(key) is not None:
                fields[attribute] = self.usual_field(key, layer), self.field(key) or attribute
        return MineLayer(layer, fields, self.table("MINE_WORDS"))

    def _map_layer(self, key: str, layer: Any, name: str) -> MapLayer:
        if not hasattr(layer, "getFeatures"):
            return self._raster_source(key, layer)
        found = QgisLayer(QgsProcessingFeatureSource(layer, self._context), name)
        if found.geometry_kind == "No geometry":
            raise InputError(
                f"Layer '{name}' is a table without places: choose a layer of points, lines or polygons, or a raster.",
                layer=name,
            )
        found.require_one_kind()
        require_known(found.crs, name)
        return found

    def _layer_list(self, key: str) -> list[Any]:
        """The layers of a parameter with several; QGIS drops those that it cannot open without a word."""
        if key not in self._lists:
            value = self._parameters.get(key)
            for name in value if isinstance(value, (list, tuple)) else []:
                is_text = isinstance(name, str) and name
                if is_text and QgsProcessingUtils.mapLayerFromString(name, self._context) is None:
                    raise InputError(
                        f"'{self.label(key)}' ({name}) cannot be opened as a layer: choose one that exists."
                    )
            self._lists[key] = self._algorithm.parameterAsLayerList(self._parameters, key, self._context)
        return self._lists[key]

    def _layer_name(self, key: str, name: str) -> str:
        """A layer's name for messages.

        A child's layer inside a model is called OUTPUT: then the parameter's label says more. QGIS calls a
        layer given by path after its file, also where the file holds several.
        """
        path, _, inside = str(_source_text(self._parameters.get(key))).partition("|layername=")
        if inside and name == Path(path).stem:
            return inside.split("|")[0]
        generic = not name or name.upper().startswith("OUTPUT") or name == "memory"
        return self.label(key) if generic else name

    # tables --------------------------------------------------------------------------------------

    def table(self, key: str) -> RawTable | None:
        """A rule table, or None where the shipped one is to be used."""
        if not self.given(key):
            return None
        if key not in self._tables:
            value = self._parameters.get(key)
            if isinstance(value, str) and value.lower().endswith((".csv", ".txt")) and os.path.exists(value):
                self._tables[key] = read_csv(value)
            else:
                layer = self._algorithm.parameterAsVectorLayer(self._parameters, key, self._context)
                self._tables[key] = self._table_of(key, layer, value)
        return self._tables[key]

    def tables(self, key: str) -> list[RawTable]:
        """The tables of a parameter with several, in the planner's order."""
        if key not in self._table_lists:
            found = [self._table_of(key, layer, layer.name()) for layer in self._layer_list(key)]
            self._table_lists[key] = found
        return self._table_lists[key]

    def _table_of(self, key: str, layer: Any, value: Any) -> RawTable:
        if layer is None or not layer.isValid():
            raise InputError(
                f"'{self.label(key)}' ({value}) cannot be opened as a table: choose a CSV file or a table layer that "
                f"exists."
            )
        path, name = path_of(layer), self._layer_name(key, layer.name())
        if path.lower().endswith((".csv", ".txt")) and not layer.subsetString():
            return read_csv(path, name)
        rows = []
        for index, feature in enumerate(layer.getFeatures()):
            cells = [plain_value(cell) for cell in feature.attributes()]
            rows.append((index + 1, ["" if cell is None else str(cell) for cell in cells]))
        return RawTable(name, layer.fields().names(), rows, os.path.dirname(path) if path else "")

    # numbers, choices, texts ---------------------------------------------------------------------

    def number(self, key: str) -> float:
        """A number that always has a value."""
        return self._required(key, self.optional_number(key))

    def optional_number(self, key: str) -> float | None:
        """A number, or None where it is empty and has no default."""
        if self._parameters.get(key) in (None, "") and self._definition(key).defaultValue() is None:
            return None
        return float(self._algorithm.parameterAsDouble(self._parameters, key, self._context))

    def integer(self, key: str) -> int:
        """A whole number that always has a value."""
        return self._required(key, self.optional_integer(key))

    def optional_integer(self, key: str) -> int | None:
        """A whole number, or None where it is empty and has no default."""
        value = self.optional_number(key)
        return None if value is None else int(value)

    def option(self, key: str, kind: type[OptionT]) -> OptionT:
        """The chosen member of an `Option`."""
        return kind.saved_order()[self.choice(key)]

    def preset_option(self, key: str, kind: type[OptionT]) -> OptionT | None:
        """The chosen member of an `Option` whose first entry is ``as PRESET``; None for that entry."""
        chosen = self.choice(key)
        return kind.saved_order()[chosen - 1] if chosen else None

    def options(self, key: str, kind: type[OptionT]) -> list[OptionT]:
        """The chosen members of an `Option`, in the order in which they were given."""
        order = kind.saved_order()
        return [order[index] for index in self.choices(key)]

    def close(self) -> None:
        """Close all rasters: QGIS may keep a run for long, and an open file cannot be replaced under Windows."""
        listed = itertools.chain(*self._raster_lists.values(), *self._map_layer_lists.values())
        for layer in (*self._rasters.values(), *self._map_layers.values(), *listed):
            if isinstance(layer, RasterSource):
                layer.close()

    def choice(self, key: str) -> int:
        """The index of the chosen entry."""
        return int(self._algorithm.parameterAsEnum(self._parameters, key, self._context))

    def choices(self, key: str) -> list[int]:
        """The indices of the chosen entries."""
        return list(self._algorithm.parameterAsEnums(self._parameters, key, self._context))

    def flag(self, key: str) -> bool:
        """Whether a box is ticked."""
        return bool(self._algorithm.parameterAsBool(self._parameters, key, self._context))

    def text(self, key: str) -> str:
        """A text without blanks around it."""
        return str(self._algorithm.parameterAsString(self._parameters, key, self._context)).strip()

    def field(self, key: str) -> str:
        """The name of a field, or an empty text."""
        value = self._parameters.get(key, self._definition(key).defaultValue())
        if isinstance(value, (list, tuple)):
            value = value[0] if value else ""
        return str(value) if value else ""

    def usual_field(self, key: str, layer: Any) -> str:
        """The field chosen; where none is, the parameter's default if the layer has such a field, else none.

        ``layer``: a QgisLayer or a Layer.
        """
        chosen, usual = self.field(key), self._definition(key).defaultValue() or ""
        if chosen and chosen != usual:
            return chosen
        return str(layer.own_name(usual))

    # the planner's values as a whole -------------------------------------------------------------

    def report_parameters(self) -> list[tuple[str, ParameterValue]]:
        """Label and value of every parameter that is no output, in the dialog's order: for reports."""
        return parameter_values(self, self._algorithm.parameterDefinitions())

    def input_paths(self) -> dict[str, str]:
        """The real path of every input's file, and the label of its parameter."""
        paths = {}
        for definition in self._algorithm.parameterDefinitions():
            key = definition.name()
            if definition.isDestination() or not self.given(key):
                continue
            for layer in self._layers_of(definition):
                path = "" if layer is None else path_of(layer)
                if path:
                    paths[os.path.realpath(path)] = definition.description()
        return paths

    def _layers_of(self, definition: Any) -> list[Any]:
        """The layers of QGIS that a parameter was given; QGIS keeps them open for the whole run."""
        algorithm, values, key, context = self._algorithm, self._parameters, definition.name(), self._context
        if isinstance(definition, QgsProcessingParameterRasterLayer):
            return [algorithm.parameterAsRasterLayer(values, key, context)]
        if isinstance(definition, QgsProcessingParameterMapLayer):
            return [algorithm.parameterAsLayer(values, key, context)]
        if isinstance(definition, (QgsProcessingParameterFeatureSource, QgsProcessingParameterVectorLayer)):
            return [algorithm.parameterAsVectorLayer(values, key, context)]
        if isinstance(definition, QgsProcessingParameterMultipleLayers):
            return self._layer_list(key)
        return []

    @staticmethod
    def _required(key: str, value: InputT | None) -> InputT:
        if value is None:
            raise TypeError(f"{key} has no value: a step asks for what may be empty by optional_...")
        return value


def path_of(layer: Any) -> str:
    """The file of a layer of QGIS; empty where it has none."""
    return QgsProviderRegistry.instance().decodeUri(layer.providerType(), layer.source()).get("path") or ""


def _source_text(value: Any) -> Any:
    """What the planner gave as a layer, for messages."""
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        value = value.source.staticValue()
    return value.name() if hasattr(value, "name") else value

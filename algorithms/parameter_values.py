"""What a planner gave for each parameter, with the dialog's labels: the list that reports begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Union

from qgis.core import (
    QgsProcessingParameterBoolean,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterMapLayer,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterVectorLayer,
)

from . import compat

if TYPE_CHECKING:
    from .job_inputs import JobInputs

ParameterValue = Union[str, float, int, bool]

EMPTY = "text_when_empty"  # key of a definition's metadata: what reports show where the planner left it empty
SHIPPED = "shipped"  # what they show of an empty table unless its definition says otherwise


def parameter_values(job: JobInputs, definitions: Iterable[Any]) -> list[tuple[str, ParameterValue]]:
    """Label and value of every parameter that is no output.

    Layers and tables go by the name that messages use, several with commas between; choices by their labels; an
    empty table by ``shipped``, another empty parameter by ``none``, or by what its definition says of it.
    """
    pairs = []
    for definition in definitions:
        if not definition.isDestination():
            value = _value(job, definition)
            if value is None or value == "":
                is_table = isinstance(definition, QgsProcessingParameterVectorLayer)
                value = definition.metadata().get(EMPTY, SHIPPED if is_table else "none")
            pairs.append((str(definition.description()), value))
    return pairs


def _value(job: JobInputs, definition: Any) -> ParameterValue | None:
    for kind, value_of in _VALUES.items():
        if isinstance(definition, kind):
            return value_of(job, definition)
    return job.text(definition.name())


def _raster(job: JobInputs, definition: Any) -> str:
    return _name(job.optional_raster(definition.name()))


def _layer(job: JobInputs, definition: Any) -> str:
    return _name(job.optional_layer(definition.name()))


def _map_layer(job: JobInputs, definition: Any) -> str:
    return job.map_layer(definition.name()).name if job.given(definition.name()) else ""


def _table(job: JobInputs, definition: Any) -> str:
    return _name(job.table(definition.name()))


def _several(job: JobInputs, definition: Any) -> str:
    key = definition.name()
    if compat.is_raster_list(definition):
        return ", ".join(source.name for source in job.rasters(key))
    if compat.is_table_list(definition):
        return ", ".join(table.name for table in job.tables(key))
    return ", ".join(layer.name for layer in job.layers(key))


def _choice(job: JobInputs, definition: Any) -> str:
    key, labels = definition.name(), definition.options()
    if definition.allowMultiple():
        return ", ".join(labels[index] for index in sorted(job.choices(key)))
    return str(labels[job.choice(key)])


def _number(job: JobInputs, definition: Any) -> float | int | None:
    if definition.dataType() == QgsProcessingParameterNumber.Type.Integer:
        return job.optional_integer(definition.name())
    return job.optional_number(definition.name())


def _flag(job: JobInputs, definition: Any) -> bool:
    return job.flag(definition.name())


def _field(job: JobInputs, definition: Any) -> str:
    return job.field(definition.name()) if job.given(definition.parentLayerParameterName()) else ""


def _name(source: Any) -> str:
    return "" if source is None else str(source.name)


_VALUES: dict[type, Callable[[Any, Any], ParameterValue | None]] = {
    QgsProcessingParameterRasterLayer: _raster,
    QgsProcessingParameterMapLayer: _map_layer,
    QgsProcessingParameterFeatureSource: _layer,
    QgsProcessingParameterVectorLayer: _table,
    QgsProcessingParameterMultipleLayers: _several,
    QgsProcessingParameterEnum: _choice,
    QgsProcessingParameterNumber: _number,
    QgsProcessingParameterBoolean: _flag,
    QgsProcessingParameterField: _field,
}

"""Accessibility of land to threats: 1 where nothing holds them off, 0 where it is fully protected."""

from __future__ import annotations

import numpy as np

from .. import tables
from ..arrays import Float32s
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of
from ..geometry.layers import Layer
from ..grid.grid import Grid, Template
from ..progress import SILENT, Progress
from .threat_impact import require_share


def check_areas(layer: Layer, field: str) -> None:
    """Refuse a layer without features or without the field; values are not looked at."""
    layer.require_some("accessibility polygon")
    layer.require_field(field, "the accessibility (0 to 1)")


def access_of_areas(layer: Layer, template: Template, *, field: str = "access", progress: Progress = SILENT) -> Grid:
    """Accessibility on a template's cells from polygons, such as reserves.

    Parameters
    ----------
    layer : layers.Layer
        Polygons with a number 0 (fully protected) to 1 in ``field``.
    template : grid.Template
    field : str
    progress : Progress

    Returns
    -------
    grid.Grid
        float32; 1 outside all polygons, the lowest value where several hold a cell's centre.
    """
    check_areas(layer, field)
    polygons = layer.to_crs(template.crs, progress).valid_polygons(progress)
    values = []
    for number, attributes in enumerate(polygons.attributes):
        value = tables.number_of("" if attributes[field] is None else attributes[field])
        if value is None or not 0 <= value <= 1:
            raise InputError(
                f"Layer '{layer.name}', field '{field}', feature {number + 1}: '{attributes[field]}' "
                f"is not a number from 0 to 1; correct it.",
                layer=layer.name,
                feature=number + 1,
                value=attributes[field],
            )
        values.append(value)
    access: Float32s = np.ones(template.shape, dtype=np.float32)
    for number, (geometry, value) in enumerate(zip(polygons.geometries, values)):
        window = template.window_of(geometry.GetEnvelope())
        if window is not None:
            inside, block = mask_of(geometry, template.part(window), thin=ThinPolygons.NONE), window.slices
            access[block][inside] = np.minimum(access[block][inside], np.float32(value))
        progress((number + 1) / len(values))
    return Grid(access, template, None, layer.name)


def access_values(access: Grid | None, template: Template) -> Float32s | None:
    """The values of a map of accessibility, 1 where it has none; None without a map.

    Raises
    ------
    InputError
        Another number of cells than the template's, or values outside 0 to 1.
    """
    if access is None:
        return None
    valid = access.valid
    values: Float32s = np.where(valid, access.values, 1).astype(np.float32)
    if values.shape != template.shape:
        raise InputError(
            f"Accessibility '{access.name}' is not on the cells of the land cover: align it first.", layer=access.name
        )
    require_share(values, valid, what=f"Accessibility '{access.name}'", layer=access.name)
    return values

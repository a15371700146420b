"""Means of maps over watersheds, which may overlap, and the volume of water that each yields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from osgeo import ogr

from ..arrays import Float32s
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of
from ..geometry.layers import Layer
from ..grid.grid import Template, Window
from ..options import Option
from ..progress import SILENT, Progress


class VolumeArea(Option):
    """What a watershed's mean is multiplied by to give its volume."""

    CELLS = "mean x area of the cells", "mean x area of the cells"
    POLYGON = "mean x area of the polygon", "mean x area of the polygon"


@dataclass
class Watershed:
    """Means in mm a year over the cells whose centres lie in a polygon; None where it has none."""

    geometry: ogr.Geometry
    attributes: dict[str, Any]
    area_km2: float
    covered_km2: float
    precipitation_mm: float | None = None
    pet_mm: float | None = None
    aet_mm: float | None = None
    yield_mm: float | None = None
    yield_m3: float | None = None


class WatershedSums:
    """Sums of four maps over polygons, added part by part of the map.

    Parameters
    ----------
    layer : layers.Layer
        Polygons in any known CRS.
    template : grid.Template
        The cells of the whole map.
    progress : Progress

    Raises
    ------
    InputError
        A layer without any polygon.
    """

    def __init__(self, layer: Layer, template: Template, *, progress: Progress = SILENT) -> None:
        layer.require_some("watershed")
        self._layer = layer.to_crs(template.crs, progress).valid_polygons(progress)
        self._template = template
        self._windows = [template.window_of(geometry.GetEnvelope()) for geometry in self._layer.geometries]
        self._count = np.zeros(len(self._windows), dtype=np.int64)
        self._sums = np.zeros((len(self._windows), 4))

    def add(self, window: Window, maps: Sequence[Float32s]) -> None:
        """Add precipitation, potential and actual evapotranspiration and yield where the yield has a value."""
        known = np.isfinite(maps[-1])
        if not known.any():
            return
        for number, place in enumerate(self._windows):
            here = None if place is None else window.meet(place.slices)
            if here is None:
                continue
            block, geometry = here.within(window), self._layer.geometries[number]
            inside = mask_of(geometry, self._template.part(here), thin=ThinPolygons.NONE) & known[block]
            self._count[number] += np.count_nonzero(inside)
            self._sums[number] += [values[block][inside].sum(dtype=np.float64) for values in maps]

    def watersheds(self, volumes: VolumeArea, *, progress: Progress = SILENT) -> list[Watershed]:
        """Means and volumes, a watershed per polygon.

        Raises
        ------
        InputError
            No polygon holds a cell with a value.
        """
        result = []
        for number, (geometry, attributes) in enumerate(zip(self._layer.geometries, self._layer.attributes)):
            count, area_m2 = int(self._count[number]), geometry.GetArea()
            cells_m2 = count * self._template.cell_area_m2
            shape = ogr.ForceToMultiPolygon(geometry.Clone())
            watershed = Watershed(shape, attributes, area_m2 / 1e6, cells_m2 / 1e6)
            if count:
                means = (self._sums[number] / count).tolist()
                watershed.precipitation_mm, watershed.pet_mm, watershed.aet_mm, watershed.yield_mm = means
                watershed.yield_m3 = means[-1] / 1000 * (area_m2 if volumes is VolumeArea.POLYGON else cells_m2)
            else:
                progress.warn(
                    f"Watershed {number + 1} of layer '{self._layer.name}' holds no cell with a water yield: "
                    f"its figures stay empty."
                )
            result.append(watershed)
        if all(watershed.yield_mm is None for watershed in result):
            raise InputError(
                f"No watershed of layer '{self._layer.name}' holds the centre of a cell with a water yield: "
                f"choose watersheds of this area, or correct the layer's CRS.",
                layer=self._layer.name,
            )
        return result

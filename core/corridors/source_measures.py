"""What the gravity model measures on sources: their ids, areas and mean resistance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from osgeo import ogr

from ..arrays import Floats
from ..errors import InputError
from ..geometry.cells import ThinPolygons, mask_of
from ..geometry.layers import Layer
from ..grid.grid import Grid
from ..ids import id_list, source_ids
from ..progress import SILENT, Progress
from ..tables import number_of


@dataclass(frozen=True)
class OrderedSources:
    """Sources in the order of their ids.

    Parameters
    ----------
    layer : str
        The layer's name, for messages.
    ids : list of int
    geometries : list of ogr.Geometry
    written_km2 : list
        Their field ``area_km2``, None where it is missing.
    """

    layer: str
    ids: list[int]
    geometries: list[ogr.Geometry]
    written_km2: list[float | None]

    @property
    def area_km2(self) -> Floats:
        """Of the polygons."""
        return np.array([geometry.Area() for geometry in self.geometries]) / 1e6

    def warn_of_other_areas(self, warn: Callable[[str], None]) -> None:
        """Say where the field ``area_km2`` and the polygon disagree by more than 1 %."""
        others = [
            identifier
            for identifier, written, measured in zip(self.ids, self.written_km2, self.area_km2)
            if written is not None and abs(written - measured) > 0.01 * measured
        ]
        if others:
            warn(
                f"Layer '{self.layer}', field 'area_km2': {'source' if len(others) == 1 else 'sources'} "
                f"{id_list(others)} differ by more than 1 % from the area of the polygon, which is used."
            )


def ordered_sources(sources: Layer, *, id_field: str = "", progress: Progress = SILENT) -> OrderedSources:
    """The sources of a layer in the order of their ids, with valid polygons.

    Parameters
    ----------
    sources : Layer
        Polygons in a CRS in metres.
    id_field : str
        As :func:`~econet.core.ids.source_ids` takes it.

    Raises
    ------
    InputError
        A feature that is no polygon; ids that are no whole numbers or not unique.
    """
    for index, geometry in enumerate(sources.geometries):
        if geometry.GetDimension() != 2:
            raise InputError(
                f"Layer '{sources.name}', feature {index + 1} is a {geometry.GetGeometryName().lower()}: "
                f"sources must be polygons; choose another layer.",
                layer=sources.name,
                feature=index + 1,
            )
    ids = source_ids(sources, id_field, progress)
    order = [int(i) for i in np.argsort(ids)]
    valid = sources.valid_polygons(progress)
    written = [number_of(sources.attributes[i].get("area_km2")) for i in order]
    return OrderedSources(sources.name, [ids[i] for i in order], [valid.geometries[i] for i in order], written)


def source_resistance(
    sources: Sequence[ogr.Geometry], resistance: Grid, *, ids: Sequence[int], progress: Progress = SILENT
) -> Floats:
    """P: mean resistance of each source's cells.

    Parameters
    ----------
    sources : sequence of ogr.Geometry
        Polygons in the raster's CRS; they may overlap.
    resistance : Grid
        Nodata and 0 are barriers and do not count.
    ids : sequence of int
        For messages.

    Returns
    -------
    float64 ndarray, shape (n,)
        Of the cells whose centre lies inside; where none does, of all cells that the source touches.

    Raises
    ------
    InputError
        Negative resistance, or a source without a passable cell.
    """
    name = resistance.name or resistance.template.name
    lowest = np.min(resistance.values, where=resistance.valid, initial=np.inf)
    if lowest < 0:
        raise InputError(
            f"Resistance '{name}' holds {lowest:g}: resistance must be above 0; correct the raster.", layer=name
        )
    means = np.empty(len(sources), dtype=np.float64)
    for index, geometry in enumerate(sources):
        progress(index / len(sources))
        cells = _passable_resistance(geometry, resistance)
        if not cells.size:
            raise InputError(
                f"Source {ids[index]} has no cell with a resistance in '{name}': "
                f"use the map that the corridors were made on, or leave the source out.",
                layer=name,
            )
        means[index] = cells.mean()
    return means


def _passable_resistance(geometry: ogr.Geometry, resistance: Grid) -> Floats:
    """The resistance of a source's cells, barriers left out."""
    template = resistance.template
    window = template.window_of(geometry.GetEnvelope())
    if window is None:
        return np.empty(0)
    window = window.grown(1, template)
    cells = resistance.like(resistance.values[window.slices], resistance.nodata).floats(np.float64)
    inside = mask_of(geometry, template.part(window), thin=ThinPolygons.TOUCHED)
    passable: Floats = cells[inside & (cells > 0)]
    return passable

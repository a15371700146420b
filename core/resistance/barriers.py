"""Hard barriers: cells that no corridor may cross become nodata in a resistance surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from osgeo import ogr

from ..arrays import Bools, Float32s
from ..geometry.cells import ThinPolygons, mask_of, rasterize
from ..geometry.layers import Layer
from ..grid.grid import Template
from ..progress import Progress
from .choices import HardBarrier
from .effects import EffectSums, OptionEffect, blocks_of
from .factor_layers import FactorLayers

ROADS = (HardBarrier.MOTORWAYS, HardBarrier.HIGHWAYS)


def apply_hard_barriers(
    base: Float32s,
    integrated: Float32s,
    *,
    layers: FactorLayers,
    template: Template,
    barriers: Sequence[HardBarrier],
    progress: Progress,
) -> list[OptionEffect]:
    """Set the cells of hard barriers to NaN, in place; those of mines in the integrated surface alone.

    Parameters
    ----------
    base, integrated : float32 ndarray, shape ``template.shape``
    layers : FactorLayers
    template : grid.Template
    barriers : sequence of HardBarrier

    Returns
    -------
    list of OptionEffect
        What each did to each surface that it closes.
    """
    effects = []
    for barrier in barriers:
        closed = _closed_cells(barrier, layers, template, progress)
        if closed is None:
            progress.warn(
                f"Hard barrier '{barrier}' closes nothing, because no layer of {_layer_words(barrier)} is given: "
                f"choose one, or leave the barrier out."
            )
            continue
        if not closed.any():
            progress.warn(f"Hard barrier '{barrier}': no cell of the map holds one.")
            continue
        surfaces = {"base": base, "integrated": integrated} if barrier in ROADS else {"integrated": integrated}
        for name, values in surfaces.items():
            sums = EffectSums(f"hard barrier '{barrier}'", name)
            for rows in blocks_of(values):
                after = np.where(closed[rows], np.nan, values[rows])
                sums.add(values[rows], after)
                values[rows] = after
            effects.append(sums.effect())
        progress.log(f"Hard barrier '{barrier}': {closed.sum()} cells have no resistance and no corridor crosses them.")
    return effects


def _layer_words(barrier: HardBarrier) -> str:
    return barrier.value if barrier in ROADS else "mines"


def _closed_cells(barrier: HardBarrier, layers: FactorLayers, template: Template, progress: Progress) -> Bools | None:
    """The cells of a barrier: those that roads touch, or whose centre mines hold; None where its layer is not given."""
    if barrier in ROADS:
        roads = layers.motorways if barrier is HardBarrier.MOTORWAYS else layers.highways
        return None if roads is None else _road_cells(roads, template, progress)
    if layers.mines is None:
        return None
    all_methods = barrier is HardBarrier.PRODUCING_MINES
    closed: Bools = np.zeros(template.shape, dtype=bool)
    for mine in layers.mines:
        progress.check()
        if mine.state == "producing" and (all_methods or mine.method == "open pit"):
            closed |= mask_of(mine.geometry, template, thin=ThinPolygons.TOUCHED)
    return closed


def _road_cells(roads: Layer, template: Template, progress: Progress) -> Bools:
    roads.require_some()
    shapes = roads.to_crs(template.crs, progress).valid_polygons(progress).geometries
    return cells_without_gaps(shapes, template)


def cells_without_gaps(geometries: Sequence[ogr.Geometry], template: Template) -> Bools:
    """The cells that lines touch, and one more at each corner where a diagonal step could pass between two of them."""
    closed: Bools = rasterize(geometries, template, all_touched=True, dtype=np.uint8) > 0
    north_west, north_east = closed[:-1, :-1], closed[:-1, 1:]
    south_west, south_east = closed[1:, :-1], closed[1:, 1:]
    falling = north_west & south_east & ~north_east & ~south_west
    rising = north_east & south_west & ~north_west & ~south_east
    closed[:-1, 1:] |= falling
    closed[:-1, :-1] |= rising
    return closed

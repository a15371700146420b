"""Hard barriers: what no corridor may cross becomes nodata in a resistance surface."""

import numpy as np

from ..geometry.cells import ThinPolygons, mask_of, rasterize
from ..grid.row_blocks import row_blocks
from .effects import BLOCK_ROWS, Moved

# the order is that of the choice HARD_BARRIERS
BARRIER_OPEN_PITS, BARRIER_PRODUCING, BARRIER_MOTORWAYS, BARRIER_HIGHWAYS = range(4)
BARRIERS = ("producing open pits", "all producing mines", "motorways", "highways")


def close(base, integrated, layers, template, choices, progress):
    """Hard barriers become NaN; those of mines in the integrated surface alone.

    Returns
    -------
    list of effects.Effect
        What each did to each surface that it closes.
    """
    made = []
    for barrier in choices.barriers:
        lacking = _lacking(barrier, layers)
        if lacking:
            progress.warn(
                f"Hard barrier '{BARRIERS[barrier]}' closes nothing, because no layer of {lacking} is given: "
                f"choose one, or leave the barrier out."
            )
            continue
        if barrier in (BARRIER_MOTORWAYS, BARRIER_HIGHWAYS):
            roads = layers.motorways if barrier == BARRIER_MOTORWAYS else layers.highways
            closed = fence(_shapes(roads, template, progress), template)
        else:
            closed = np.zeros(template.shape, dtype=bool)
            for mine in layers.mines:
                progress.check()
                if mine.state == "producing" and (barrier == BARRIER_PRODUCING or mine.method == "open pit"):
                    closed |= mask_of(mine.geometry, template, thin=ThinPolygons.TOUCHED)
        if not closed.any():
            progress.warn(f"Hard barrier '{BARRIERS[barrier]}': no cell of the map holds one.")
            continue
        both = barrier in (BARRIER_MOTORWAYS, BARRIER_HIGHWAYS)
        for name, values in (("base", base), ("integrated", integrated)) if both else (("integrated", integrated),):
            moved = Moved(f"hard barrier '{BARRIERS[barrier]}'", name)
            for rows in row_blocks(*template.shape, block_rows=BLOCK_ROWS):
                after = np.where(closed[rows], np.nan, values[rows])
                moved.add(values[rows], after)
                values[rows] = after
            made.append(moved.effect())
        progress.log(
            f"Hard barrier '{BARRIERS[barrier]}': {closed.sum()} cells have no resistance and no corridor crosses them."
        )
    return made


def _lacking(barrier, layers):
    """What layer a barrier needs and is not given, in words; empty where it is."""
    needed, words = {
        BARRIER_MOTORWAYS: (layers.motorways, "motorways ('Motorways', MOTORWAYS)"),
        BARRIER_HIGHWAYS: (layers.highways, "highways ('Highways', HIGHWAYS)"),
    }.get(barrier, (layers.mines, "mines ('Mines', MINES)"))
    return words if needed is None else ""


def fence(geometries, template):
    """The cells that roads touch, without gaps at corners through which a diagonal step would slip."""
    closed = rasterize(geometries, template, all_touched=True, dtype=np.uint8) > 0
    north_west, north_east = closed[:-1, :-1], closed[:-1, 1:]
    south_west, south_east = closed[1:, :-1], closed[1:, 1:]
    falling = north_west & south_east & ~north_east & ~south_west
    rising = north_east & south_west & ~north_west & ~south_east
    closed[:-1, 1:] |= falling
    closed[:-1, :-1] |= rising
    return closed


def _shapes(features, template, progress):
    features.require_some()
    return features.to_crs(template.crs, progress).valid_polygons(progress).geometries

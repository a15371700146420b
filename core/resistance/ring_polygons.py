"""The rings around mines as polygons, for the map: what Table 2 draws around each mine by itself.

The raster of `mine_rings.mine_resistance` is exact and says what happens where the rings of several mines
meet; polygons are of one mine each and overlap as the rings do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from osgeo import ogr

from ..gdal_session import gdal_exceptions
from ..mines import Mine
from ..progress import SILENT, Progress
from .mine_rings import Rings

QUADRANT_SEGMENTS = 64
INSIDE_BY = 1 - math.cos(math.pi / (4 * QUADRANT_SEGMENTS))
"""A polygon's outer edge lies on the true distance or inside it, by at most this share of it (0.3 m at 4 km)."""


@dataclass(frozen=True)
class RingPolygon:
    """One ring of one mine; ``to_m`` is NaN where the resistance has no end, as that of most restored mines."""

    mine: str
    mineral: str
    method: str
    state: str
    feature: str
    from_m: float
    to_m: float
    resistance: float
    area_km2: float
    geometry: ogr.Geometry


def ring_polygons(mines: Sequence[Mine], rings: Rings, *, progress: Progress = SILENT) -> list[RingPolygon]:
    """The rings of each mine as multipolygons, the innermost with the mine's own ground.

    Parameters
    ----------
    mines : list of ..mines.Mine
        In a CRS in metres. One without area has no rings.
    rings : mine_rings.Rings

    Returns
    -------
    list of RingPolygon
        From the lowest resistance to the highest, so that a map that draws them in this order shows the
        highest where rings of several mines lie on each other, as `choices.Overlap.MAXIMUM` has it; else mine
        by mine, from the inside out. The last row of a mine's table reaches on without end and is
        left out; where it is the only row, the mine's own ground stands for it.

    Raises
    ------
    InputError
        A mine that no row of the table scores.

    Notes
    -----
    The outer edge of a ring is a buffer of GEOS, of straight pieces: nowhere outside the true distance,
    and inside it by at most ``INSIDE_BY`` of it.
    """
    made = []
    with gdal_exceptions():
        for number, mine in enumerate(mines):
            progress(number / len(mines))
            if mine.geometry.IsEmpty():
                continue
            kind, inner = rings.of(mine), None
            for lower, upper, resistance in zip(kind.lower, kind.upper, kind.resistance):
                if math.isinf(upper) and kind.breaks:
                    break
                progress.check()
                outer = mine.geometry.Clone() if math.isinf(upper) else mine.geometry.Buffer(upper, QUADRANT_SEGMENTS)
                ring = outer if inner is None else outer.Difference(inner)
                inner = outer
                made.append(
                    RingPolygon(
                        mine=mine.name,
                        mineral=mine.mineral,
                        method=mine.method,
                        state=mine.state,
                        feature=mine.feature,
                        from_m=lower,
                        to_m=math.nan if math.isinf(upper) else upper,
                        resistance=resistance,
                        area_km2=ring.Area() / 1e6,
                        geometry=ogr.ForceToMultiPolygon(ring),
                    )
                )
    progress(1.0)
    return sorted(made, key=lambda ring: ring.resistance)

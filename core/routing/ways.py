"""What routing works on, and the ways of the water as they are found."""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Bools, Bytes, Floats
from ..options import Option
from .lattice import Lattice


class Routing(Option):
    """Where the water of a cell goes."""

    D8 = "D8", "D8"
    MFD = "MFD", "MFD"


class FlowConvention(Option):
    """How ties, flats and shares are settled."""

    RECOMMENDED = "recommended", "recommended"
    AS_INVEST = "as InVEST", "as InVEST"


@dataclass(frozen=True)
class Terrain:
    """A filled DEM, flat.

    Parameters
    ----------
    lattice : Lattice
    height : float64 ndarray, shape (lattice.size,)
        NaN without value.
    bed : float64 ndarray
        The ground before filling, which settles ties.
    slope_by : float64 ndarray, shape (8,)
        What a drop is multiplied by, per direction, to be a slope.
    """

    lattice: Lattice
    height: Floats
    bed: Floats
    slope_by: Floats


@dataclass
class Ways:
    """Where the water of each flat cell goes; filled in step by step.

    Parameters
    ----------
    direction : uint8 ndarray, shape (lattice.size,)
        0 to 7 from east counter-clockwise, 8 an internal drain, 255 none yet.
    shares : float64 ndarray, shape (lattice.size, 8), or None for D8
        Shares of the eight directions.
    leaves : bool ndarray, shape (lattice.size,)
        Cells whose water leaves the map.
    """

    direction: Bytes
    shares: Floats | None
    leaves: Bools

    @property
    def routing(self) -> Routing:
        """D8 where there are no shares."""
        return Routing.D8 if self.shares is None else Routing.MFD
